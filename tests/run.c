/* Runs transcripts, the files tests/traces/NAME.trace.
 *
 *     # NAME   what it shows              begins a case with a new instance
 *     db small                            attributes, see run_db.c
 *     features                            the server has Client Supported Features
 *     channels                            L2CAP channels: 6 of them, frames of 80 octets
 *     commands                            HCI commands are shown, and the case answers them
 *     answers                             the application answers at once: reads with "ab"
 *     forgets                             it forgets to answer, or to say that it answers later
 *     peripheral | central | manual       the role of the connection that exists at the start
 *                                         (default: peripheral); manual: no connection
 *     > att 0a 0c 00                      to the host: att, sig, smp, hci (a whole H4 packet), acl;
 *                                         c41: the channel 0x41
 *     < att 0b 01 02                      the host's next packet, exactly
 *     ! write 000c 0102                   the next event of this kind
 *     !- write                            no more events of this kind so far
 *     @ 30000                             milliseconds pass
 *     call notify 000c 0102               an API call; `= -11` behind it: its result
 *
 * At the end of a case the host must have nothing more to send.  Each case runs with an index of
 * attribute types and without.  Then it runs again with faults:
 *   - each line to the host in all truncations, and with one bit flipped in each octet;
 *   - with the n-th allocation refused;
 *   - with every kind of API call from the callback of each event;
 *   - with the connection or the host ended before each line.
 * With every fault each step must end, the instance must go down exactly once when it is
 * stopped, and the sanitizers must find nothing. */
#include "run.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_scanner,
                                                       &woad_feature_central,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_long_values,
                                                       &woad_feature_read_multiple,
                                                       &woad_feature_signed_writes,
                                                       &woad_feature_pipelining,
                                                       &woad_feature_type_index,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_accept_list,
                                                       &woad_feature_link_control,
                                                       NULL };
static const struct woad_feature *const more_features[] = {
    &woad_feature_advertiser,    &woad_feature_scanner,         &woad_feature_central,
    &woad_feature_gatt_server,   &woad_feature_long_values,     &woad_feature_read_multiple,
    &woad_feature_signed_writes, &woad_feature_pipelining,      &woad_feature_type_index,
    &woad_feature_gatt_client,   &woad_feature_client_features, NULL
};
static const struct woad_feature *const with_channels[] = {
    &woad_feature_advertiser,     &woad_feature_scanner,           &woad_feature_central,
    &woad_feature_gatt_server,    &woad_feature_long_values,       &woad_feature_read_multiple,
    &woad_feature_signed_writes,  &woad_feature_pipelining,        &woad_feature_type_index,
    &woad_feature_gatt_client,    &woad_feature_accept_list,       &woad_feature_link_control,
    &woad_feature_l2cap_channels, &woad_feature_enhanced_channels, NULL
};

/* --- allocations ------------------------------------------------------------------------------ */

static struct {
    unsigned long made, refuse;
} reservations;

bool reserve_granted(void)
{
    return ++reservations.made != reservations.refuse;
}

/* API calls that an application may make in its callback: reentrancy_matrix. */
static const char *const acts[] = {
    "disconnect",
    "stop",
    "start",
    "fail",
    "read 000c",
    "long 000c 0102030405",
    "mtu",
    "services 0",
    "find 1",
    "subscribe 000c 000e 01",
    "gattc_cancel",
    "notify 000c 01",
    "latest 000c 02",
    "indicate 000c 03",
    "answer 00 0102",
    "answer 08",
    "answer_later",
    "clear",
    "add 0000",
    "remove 000a",
    "advertise 0 0",
    "adv_stop",
    "scan 0",
    "scan_stop",
    "connect 0",
    "cancel",
    "update",
    "accept 2",
    "link 0",
    "phy 1 1",
    "coc_accept 0040 00c8",
    "coc_refuse 0040 0004",
    "coc_close 0040",
    "coc_send 0040 0102",
    "coc_read 0040 0010",
    "coc_receive 0040 0010",
    "coc_connect 0080 0040",
    "coc_enhanced 0080 2",
    "coc_reconfigure 0040 0100",
    "coc_stop 0080",
};
enum { ACTS = sizeof acts / sizeof *acts };

/* Each connection's events are between its WOAD_EV_CONNECT and its WOAD_EV_DISCONNECT. */
static void expect_open(struct run *r, const struct woad_event *ev)
{
    if (ev->conn == WOAD_NO_CONN) {
        return;
    }
    unsigned *open = &r->open[ev->conn & 1];
    if (ev->type == WOAD_EV_CONNECT) {
        *open = ev->conn + 1u;
    }
    if (*open != ev->conn + 1u) {
        printf("FAIL: %s of a connection that is not open\n", woad_event_name(ev->type));
        abort();
    }
    if (ev->type == WOAD_EV_DISCONNECT) {
        *open = 0;
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct run *r = ctx;
    expect_open(r, ev);
    if (ev->type == WOAD_EV_CONNECT) {
        r->conn = ev->conn;
    }
    if (!r->forgets && (ev->type == WOAD_EV_GATT_READ ||
                        (ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer))) {
        woad_gatt_answer_later(h, ev->conn);
    }
    if (r->answers && ev->type == WOAD_EV_GATT_READ) {
        woad_gatt_answer(h, ev->conn, 0, "ab", 2);
    } else if (r->answers && ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer) {
        woad_gatt_answer(h, ev->conn, ev->u.gatt_write.len == 9 ? 0x80 : 0, NULL, 0);
    }
    if (r->events < EVENTS) {
        describe(r->event[r->events++], ev);
    }
    if (++r->raised == r->act_at) {
        call(r, acts[r->act]);
    }
}

/* --- a controller that accepts every command -------------------------------------------------- */

static void feed(struct run *r, const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1); /* exact size: a sanitizer reports a read past the end */
    if (n) {
        memcpy(copy, p, n);
    }
    woad_rx(r->h, copy, n);
    free(copy);
}

static void answer_command(struct run *r, const uint8_t *p)
{
    unsigned opcode = p[1] | (unsigned)p[2] << 8;
    uint8_t e[80] = { 4, 0x0e, 4, 1, p[1], p[2], 0 };
    if (opcode == 0x0406 || opcode == 0x200d || opcode == 0x2013) {
        const uint8_t status[] = { 4, 0x0f, 4, 0, 1, p[1], p[2] };
        feed(r, status, sizeof status);
        return;
    }
    if (opcode == 0x2002) {
        e[2] = 7;
        e[7] = 251;
        e[9] = 8;
    } else if (opcode == 0x1009) {
        e[2] = 10;
        memset(e + 7, 0xa1, 6);
    } else if (opcode == 0x2003 || opcode == 0x2018 || opcode == 0x1003) {
        e[2] = 12;
    } else if (opcode == 0x1002) {
        e[2] = 68;
    }
    feed(r, e, e[2] + 3u);
}

static void put_out(struct run *r, const uint8_t *p, size_t n)
{
    if (r->outs < OUT) {
        r->out[r->outs].len = n;
        memcpy(r->out[r->outs++].b, p, n);
    }
}

/* Joins the ACL fragments to frames; each fragment is completed at once. */
static void take_acl(struct run *r, const uint8_t *p, size_t n)
{
    const uint8_t done[] = { 4, 0x13, 5, 1, p[1], (uint8_t)(p[2] & 0x0f), 1, 0 };
    if ((p[2] >> 4 & 3) != 1) {
        r->frame.len = 0;
    }
    memcpy(r->frame.b + r->frame.len, p + 5, n - 5);
    r->frame.len += n - 5;
    size_t need = 4u + r->frame.b[0] + r->frame.b[1] * 256u;
    if (r->frame.len >= 4 && r->frame.len == need) {
        put_out(r, r->frame.b, r->frame.len);
    }
    feed(r, done, sizeof done);
}

static void pull(struct run *r)
{
    uint8_t p[1100];
    size_t n;
    unsigned long packets = 0;
    while ((n = woad_tx(r->h, p, sizeof p)) > 0) {
        if (++packets > 2000) {
            printf("FAIL: what one step sets off does not end\n");
            abort();
        }
        if (r->manual || (r->commands && p[0] == 1)) {
            put_out(r, p, n);
        } else if (p[0] == 1) {
            answer_command(r, p);
        } else {
            take_acl(r, p, n);
        }
    }
}

/* --- a case ----------------------------------------------------------------------------------- */

struct trace {
    char *line[LINES];
    size_t lines;
    int number[LINES];
};

static void begin(struct run *r, const struct trace *t, uint16_t attr_index)
{
    struct woad_config cfg = { .features = features,
                               .event = on_event,
                               .ctx = r,
                               .conns = 2,
                               .attr_tables = 3,
                               .subscriptions = 2,
                               .procedures = 3,
                               .mtu = 64,
                               .tx_queue = 80,
                               .request_queue = 256,
                               .prepare_queue = 128,
                               .pipeline_queue = 24,
                               .accept_list = 4,
                               .attr_index = attr_index,
                               .l2cap_channels = 6,
                               .psms = 2,
                               .mps = 80 };
    bool central = false, commands = false;
    const char *db = "";
    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < t->lines; i++) {
        central = central || strcmp(t->line[i], "central") == 0;
        r->manual = r->manual || strcmp(t->line[i], "manual") == 0;
        commands = commands || strcmp(t->line[i], "commands") == 0;
        r->answers = r->answers || strcmp(t->line[i], "answers") == 0;
        r->forgets = r->forgets || strcmp(t->line[i], "forgets") == 0;
        if (strcmp(t->line[i], "features") == 0) {
            cfg.features = more_features;
        } else if (strcmp(t->line[i], "channels") == 0) {
            cfg.features = with_channels;
        }
        db = strncmp(t->line[i], "db ", 3) == 0 ? t->line[i] + 3 : db;
    }
    r->memory = malloc(woad_size(&cfg));
    r->h = woad_init(r->memory, woad_size(&cfg), &cfg);
    r->now = 1000;
    woad_poll(r->h, r->now);
    woad_start(r->h);
    woad_set_mtu(r->h, 64);
    pull(r);
    if (r->manual) {
        return;
    }
    add_db(r->h, db);
    const uint8_t connected[] = { 4, 0x3e, 19, 1, 0, HANDLE, 0, central ? 0 : 1,
                                  0, 1,    2,  3, 4, 5,      6, 24,
                                  0, 0,    0,  0, 1, 0 };
    feed(r, connected, sizeof connected);
    r->events = 0;
    pull(r);
    r->outs = 0;
    r->raised = 0;
    r->commands = commands;
}

static unsigned channel(const char *name)
{
    if (strncmp(name, "att", 3) == 0) {
        return 4;
    }
    if (strncmp(name, "sig", 3) == 0) {
        return 5;
    }
    if (strncmp(name, "smp", 3) == 0) {
        return 6;
    }
    return name[0] == 'c' ? (unsigned)strtoul(name + 1, NULL, 16) : 0;
}

/* Writes the HCI packet for a line such as "att 0a 0c 00".  Returns its length, SIZE_MAX if the
 * text is malformed. */
static size_t packet_of(const char *text, uint8_t *p)
{
    const char *bytes = strchr(text, ' ');
    size_t n = bytes ? unhex(bytes, p + 9, PACKET - 9) : 0;
    unsigned cid = channel(text);
    if (n == SIZE_MAX) {
        return SIZE_MAX;
    }
    if (strncmp(text, "hci", 3) == 0) {
        memmove(p, p + 9, n);
        return n;
    }
    if (strncmp(text, "acl", 3) == 0) {
        memmove(p + 5, p + 9, n);
        p[3] = (uint8_t)n;
        p[4] = (uint8_t)(n >> 8);
        n += 5;
    } else {
        p[3] = (uint8_t)(n + 4);
        p[4] = (uint8_t)((n + 4) >> 8);
        p[5] = (uint8_t)n;
        p[6] = (uint8_t)(n >> 8);
        p[7] = (uint8_t)cid;
        p[8] = 0;
        n += 9;
    }
    p[0] = 2;
    p[1] = HANDLE;
    p[2] = strncmp(text, "acl+", 4) == 0 ? 0x10 : 0x20;
    return n;
}

static bool said(struct run *r, const char *text, char *message)
{
    uint8_t want[PACKET];
    const char *bytes = strchr(text, ' ');
    size_t n = bytes ? unhex(bytes, want, sizeof want) : 0;
    unsigned cid = channel(text);
    if (r->taken == r->outs) {
        strcpy(message, "the host says nothing");
        return false;
    }
    const struct packet *p = &r->out[r->taken++];
    const uint8_t *got = cid ? p->b + 4 : p->b;
    size_t len = cid ? p->len - 4 : p->len;
    if ((cid && p->b[2] != cid) || len != n || memcmp(got, want, n) != 0) {
        snprintf(message, TEXT, "the host says%s ", cid && p->b[2] != cid ? " elsewhere" : "");
        hex(message, TEXT, got, len);
        return false;
    }
    return true;
}

/* Returns whether an event of this kind is among those that the case has not consumed. */
static bool happens(const struct run *r, const char *kind, char *message)
{
    size_t word = strlen(kind);
    for (size_t n = r->seen; n < r->events; n++) {
        if (strcspn(r->event[n], " ") == word && strncmp(r->event[n], kind, word) == 0) {
            snprintf(message, TEXT, "there is: %.1100s", r->event[n]);
            return true;
        }
    }
    return false;
}

static bool happened(struct run *r, const char *text, char *message)
{
    size_t word = strcspn(text, " ");
    for (; r->seen < r->events; r->seen++) {
        if (strcspn(r->event[r->seen], " ") == word &&
            strncmp(r->event[r->seen], text, word) == 0) {
            bool same = strcmp(r->event[r->seen], text) == 0;
            if (!same) {
                snprintf(message, TEXT, "the event is: %.1100s", r->event[r->seen]);
            }
            r->seen++;
            return same;
        }
    }
    strcpy(message, "no such event");
    return false;
}

/* Executes a line of the case.  Returns false if the host behaves differently; `message` says how.
 */
static bool step(struct run *r, const char *line, char *message)
{
    uint8_t p[PACKET];
    switch (line[0]) {
    case '>': {
        size_t n = packet_of(line + 2, p);
        if (n == SIZE_MAX) {
            strcpy(message, "not hexadecimal");
            return false;
        }
        feed(r, p, n);
        pull(r);
        return true;
    }
    case '<': return said(r, line + 2, message);
    case '!':
        return line[1] == '-' ? !happens(r, line + 3, message) : happened(r, line + 2, message);
    case '@':
        r->now += (uint32_t)strtoul(line + 2, NULL, 10);
        woad_poll(r->h, r->now);
        pull(r);
        return true;
    default: break;
    }
    if (strncmp(line, "call ", 5) == 0) {
        const char *equals = strstr(line, " = ");
        char text[LINE];
        snprintf(text, sizeof text, "%.*s", equals ? (int)(equals - line - 5) : LINE - 1, line + 5);
        int want = equals ? atoi(equals + 3) : 0, got = call(r, text);
        snprintf(message, TEXT, "it returns %d", got);
        pull(r);
        return got == want;
    }
    return strncmp(line, "db ", 3) == 0 || strcmp(line, "central") == 0 ||
           strcmp(line, "peripheral") == 0 || strcmp(line, "manual") == 0 ||
           strcmp(line, "answers") == 0 || strcmp(line, "forgets") == 0 ||
           strcmp(line, "features") == 0 || strcmp(line, "channels") == 0 ||
           strcmp(line, "commands") == 0;
}

static void end(struct run *r)
{
    free(r->memory);
}

/* Executes the first lines and ignores their results. */
static void replay(struct run *r, const struct trace *t, size_t upto)
{
    char message[TEXT];
    for (size_t i = 0; i < upto; i++) {
        if (t->line[i][0] != '<' && t->line[i][0] != '!') {
            step(r, t->line[i], message);
        }
    }
}

/* Lets all deadlines pass and fails the transport.  The host must report it with one
 * WOAD_EV_DOWN, unless it was down. */
static void end_hard(struct run *r)
{
    woad_poll(r->h, r->now + 31000);
    pull(r);
    r->events = 0;
    bool was_up = woad_start(r->h) == WOAD_EALREADY;
    woad_fail(r->h, WOAD_EIO);
    if (!r->events || (was_up && strcmp(r->event[r->events - 1], "down -5") != 0)) {
        printf("FAIL: the host does not go down\n");
        abort();
    }
    end(r);
}

/* Runs the case again with each allocation refused in turn. */
static unsigned long sweep_reservations(struct run *r, const struct trace *t)
{
    unsigned long n = 0;
    for (bool refused = true; refused; n++) {
        begin(r, t, EVENTS);
        reservations.made = 0;
        reservations.refuse = n + 1;
        replay(r, t, t->lines);
        refused = reservations.made > n;
        reservations.refuse = 0;
        end_hard(r);
    }
    return n - 1;
}

/* Executes the first `upto` lines, then the next one truncated or with a bit flipped. */
static void sweep_one(struct run *r, const struct trace *t, size_t upto, size_t cut, size_t flip)
{
    uint8_t p[PACKET];
    begin(r, t, EVENTS);
    replay(r, t, upto);
    size_t n = packet_of(t->line[upto] + 2, p);
    if (cut != SIZE_MAX) {
        n = cut;
    } else {
        p[flip / 8] ^= (uint8_t)(1u << flip % 8);
    }
    feed(r, p, n);
    pull(r);
    end_hard(r);
}

/* Runs the case again with one of the API calls in the callback of each event in turn. */
static unsigned long sweep_callbacks(struct run *r, const struct trace *t, size_t raised)
{
    for (size_t at = 1; at <= raised; at++) {
        for (size_t act = 0; act < ACTS; act++) {
            begin(r, t, EVENTS);
            r->raised = 0;
            r->act_at = at;
            r->act = act;
            replay(r, t, t->lines);
            r->act_at = 0;
            end_hard(r);
        }
    }
    return (unsigned long)raised * ACTS;
}

/* uaf_disconnect_at_every_step: before each line the connection ends, the program stops the
 * host, or the transport fails; then the rest of the case runs. */
static unsigned long sweep_ends(struct run *r, const struct trace *t)
{
    static const uint8_t gone[] = { 4, 5, 4, 0, HANDLE, 0, 8 };
    for (size_t i = 0; i <= t->lines; i++) {
        for (int how = 0; how < 3; how++) {
            begin(r, t, EVENTS);
            replay(r, t, i);
            if (how == 0) {
                feed(r, gone, sizeof gone);
            } else if (how == 1) {
                woad_stop(r->h);
            } else {
                woad_fail(r->h, WOAD_EIO);
            }
            pull(r);
            for (size_t k = i; k < t->lines; k++) {
                char message[TEXT];
                if (t->line[k][0] != '<' && t->line[k][0] != '!') {
                    step(r, t->line[k], message);
                }
            }
            end_hard(r);
        }
    }
    return 3ul * (t->lines + 1);
}

/* Runs the case with each line truncated and changed; returns the number of runs. */
static unsigned long sweep(struct run *r, const struct trace *t)
{
    unsigned long done = 0;
    uint8_t p[PACKET];
    for (size_t i = 0; i < t->lines; i++) {
        size_t n = t->line[i][0] == '>' ? packet_of(t->line[i] + 2, p) : 0;
        for (size_t cut = 0; cut < n; cut++, done++) {
            sweep_one(r, t, i, cut, 0);
        }
        for (size_t octet = 0; octet < n; octet++, done++) {
            sweep_one(r, t, i, SIZE_MAX, octet * 8 + (octet * 5 + i) % 8);
        }
    }
    return done;
}

static bool run_case(struct run *r, const struct trace *t, const char *file, const char *name,
                     uint16_t attr_index)
{
    char message[TEXT] = "";
    begin(r, t, attr_index);
    for (size_t i = 0; i < t->lines; i++) {
        if (!step(r, t->line[i], message)) {
            printf("FAIL %s\n  %s:%d: %s\n  %s\n", name, file, t->number[i], t->line[i], message);
            end(r);
            return false;
        }
    }
    bool idle_before = r->taken == r->outs;
    if (!idle_before) {
        hex(message, sizeof message, r->out[r->taken].b, r->out[r->taken].len);
        printf("FAIL %s\n  %s: at the end the host says more: %s\n", name, file, message);
    }
    end(r);
    return idle_before;
}

/* --- files ------------------------------------------------------------------------------------ */

static unsigned passed, failed;
static unsigned long corrupted, refused, acted, ended;

static void finish(struct run *r, struct trace *t, const char *file, const char *name)
{
    if (t->lines) {
        if (run_case(r, t, file, name, EVENTS) && run_case(r, t, file, name, 0)) {
            size_t raised = r->raised;
            passed++;
            acted += sweep_callbacks(r, t, raised);
            ended += sweep_ends(r, t);
            corrupted += sweep(r, t);
            refused += sweep_reservations(r, t);
        } else {
            failed++;
        }
    }
    for (size_t i = 0; i < t->lines; i++) {
        free(t->line[i]);
    }
    t->lines = 0;
}

static void run_file(struct run *r, const char *file)
{
    FILE *f = fopen(file, "r");
    static struct trace t;
    char line[LINE], name[LINE] = "?";
    if (!f) {
        perror(file);
        failed++;
        return;
    }
    for (int number = 1; fgets(line, sizeof line, f); number++) {
        size_t len = strcspn(line, "\r\n");
        while (len && isspace((unsigned char)line[len - 1])) {
            len--;
        }
        line[len] = '\0';
        if (line[0] == '#') {
            if (line[1] == ' ' && line[2] != ' ') {
                finish(r, &t, file, name);
                snprintf(name, sizeof name, "%s", line + 2);
            }
        } else if (len && t.lines < LINES) {
            t.number[t.lines] = number;
            t.line[t.lines] = malloc(len + 1);
            memcpy(t.line[t.lines++], line, len + 1);
        }
    }
    finish(r, &t, file, name);
    fclose(f);
}

int main(int argc, char **argv)
{
    struct run *r = calloc(1, sizeof *r);
    for (int i = 1; i < argc; i++) {
        run_file(r, argv[i]);
    }
    free(r);
    printf("%lu spoilt packets, %lu refused reservations, %lu acts in callbacks, %lu ends "
           "survived\n",
           corrupted, refused, acted, ended);
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !passed ? 1 : 0;
}
