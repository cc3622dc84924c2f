/* Runs transcripts, the files tests/traces/NAME.trace.
 *
 *     # NAME   what it shows              a case begins; everything is fresh
 *     db small                            attributes 10 to 21, see below
 *     mtu 100                             of the host; then of the exchange that a case may make
 *     answers                             the application answers at once: reads with "ab"
 *     peripheral | central | manual       how the case begins: connected (the default: peripheral),
 *                                         or with nothing but an instance (manual)
 *     > att 0a 0c 00                      to the host: att, sig, smp, hci (a whole H4 packet), acl
 *     < att 0b 01 02                      from the host, next, exactly
 *     ! write 000c 0102                   an event, next among those of its kind
 *     @ 30000                             milliseconds pass
 *     call notify 000c 0102               an API call; `= -11` behind it: its result
 *
 * At the end of a case the host has nothing more to say.  Then each line to the host is given again
 * in all its truncations and with one bit flipped in each octet: whatever comes of it, the instance
 * must live, and the sanitizers be silent. */
#include <woad/hci.h>
#include <woad/woad.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 2048, LINES = 400, PACKET = 2400, OUT = 64, EVENTS = 128, TEXT = 1200 };
enum { HANDLE = 0x40 };

struct packet { size_t len; uint8_t b[PACKET]; };

struct run {
    struct woad *h;
    void *memory;
    uint32_t now;
    struct packet out[OUT];
    size_t outs, taken;
    char event[EVENTS][TEXT];
    size_t events, seen;
    uint16_t conn;
    bool manual, answers;
    uint16_t mtu;
    const char *db;
    struct packet frame;                 /* an L2CAP frame of the host, its fragments gathered */
};

static const struct woad_feature *const features[] = { &woad_advertiser, &woad_scanner,
    &woad_central, &woad_gatt_server, &woad_gatt_client, NULL };

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37),
    u_const = WOAD_UUID16(0x2a38), u_desc = WOAD_UUID16(0x2901),
    u_secret = WOAD_UUID16(0x2a39),
    u_long = { 16, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };
static const struct woad_include include_16 = { 1, 5, &u_service }, include_128 = { 6, 9, &u_long };
/* Handles from 10: a service with two includes, 11 and 12; a secondary service, 13. */
static const struct woad_attr db_includes[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_INCLUDE(&include_16),
    WOAD_INCLUDE(&include_128),
    WOAD_SECONDARY(&u_long),
};
/* Handles from 10: service, [11, 12 value, 13 CCCD, 14 descriptor], [15, 16 constant],
 * [17, 18 write only], service of 128 bits 19, [20, 21 of 128 bits]. */
static const struct woad_attr db_small[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY,
                        WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CCCD,
    WOAD_DESCRIPTOR(&u_desc, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC_CONST(&u_const, "0123456789abcdefghijklmnopqrstuvwxyz", 36),
    WOAD_CHARACTERISTIC(&u_secret, WOAD_PROP_WRITE, WOAD_PERM_WRITE),
    WOAD_PRIMARY(&u_long),
    WOAD_CHARACTERISTIC(&u_long, WOAD_PROP_READ, WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED),
};

/* --- text ------------------------------------------------------------------------------------- */

static size_t unhex(const char *s, uint8_t *to, size_t room)
{
    size_t n = 0;
    while (*s) {
        unsigned v;
        if (isspace((unsigned char)*s)) {
            s++;
        } else if (n < room && sscanf(s, "%2x", &v) == 1 && isxdigit((unsigned char)s[1])) {
            to[n++] = (uint8_t)v;
            s += 2;
        } else {
            return SIZE_MAX;
        }
    }
    return n;
}

static void hex(char *to, size_t room, const uint8_t *p, size_t n)
{
    size_t at = strlen(to);
    for (size_t i = 0; i < n && at + 4 < room; i++) {
        at += (size_t)snprintf(to + at, room - at, "%02x", p[i]);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

static const char *const names[] = {
    [WOAD_EV_UP] = "up", [WOAD_EV_DOWN] = "down", [WOAD_EV_ADV_STARTED] = "adv_started",
    [WOAD_EV_ADV_FAILED] = "adv_failed", [WOAD_EV_ADV_STOPPED] = "adv_stopped",
    [WOAD_EV_REPORT] = "report", [WOAD_EV_SCAN_DONE] = "scan_done",
    [WOAD_EV_CONNECT] = "connect", [WOAD_EV_CONNECT_FAILED] = "connect_failed",
    [WOAD_EV_DISCONNECT] = "disconnect", [WOAD_EV_CONN_UPDATE] = "conn_update",
    [WOAD_EV_TX_READY] = "tx_ready", [WOAD_EV_MTU] = "mtu", [WOAD_EV_GATT_READ] = "read",
    [WOAD_EV_GATT_WRITE] = "write", [WOAD_EV_SUBSCRIBE] = "subscribe",
    [WOAD_EV_INDICATED] = "indicated", [WOAD_EV_SERVICE] = "service",
    [WOAD_EV_INCLUDED] = "included",
    [WOAD_EV_CHARACTERISTIC] = "characteristic", [WOAD_EV_DESCRIPTOR] = "descriptor",
    [WOAD_EV_READ] = "value", [WOAD_EV_NOTIFIED] = "notified",
    [WOAD_EV_INDICATION] = "indication", [WOAD_EV_GATTC_DONE] = "done",
};

static void describe(char *to, const struct woad_event *ev)
{
    char uuid[37];
    size_t n = (size_t)snprintf(to, TEXT, "%s", names[ev->type]);
    char *at = to + n;
    size_t room = TEXT - n;
    switch (ev->type) {
    case WOAD_EV_DOWN:
        snprintf(at, room, " %d", ev->u.down.error);
        break;
    case WOAD_EV_ADV_FAILED:
    case WOAD_EV_SCAN_DONE:
        snprintf(at, room, " %d", ev->u.adv.status);
        break;
    case WOAD_EV_REPORT:
        snprintf(at, room, " %u %d ", ev->u.report.kind, ev->u.report.rssi);
        hex(to, TEXT, ev->u.report.data, ev->u.report.len);
        break;
    case WOAD_EV_CONNECT_FAILED:
        snprintf(at, room, " %d", ev->u.connect_failed.status);
        break;
    case WOAD_EV_DISCONNECT:
        snprintf(at, room, " %02x", ev->u.disconnect.reason);
        break;
    case WOAD_EV_CONN_UPDATE:
        snprintf(at, room, " %d %u %u %u", ev->u.conn_update.status,
                 ev->u.conn_update.interval_1250us, ev->u.conn_update.latency,
                 ev->u.conn_update.supervision_10ms);
        break;
    case WOAD_EV_MTU:
        snprintf(at, room, " %u", ev->u.mtu.mtu);
        break;
    case WOAD_EV_GATT_READ:
        snprintf(at, room, " %04x %u", ev->u.gatt_read.handle, ev->u.gatt_read.offset);
        break;
    case WOAD_EV_GATT_WRITE:
        snprintf(at, room, " %04x %u ", ev->u.gatt_write.handle, ev->u.gatt_write.offset);
        hex(to, TEXT, ev->u.gatt_write.data, ev->u.gatt_write.len);
        break;
    case WOAD_EV_SUBSCRIBE:
        snprintf(at, room, " %04x %u", ev->u.subscribe.value_handle, ev->u.subscribe.cccd);
        break;
    case WOAD_EV_SERVICE:
        woad_uuid_format(&ev->u.service.uuid, uuid);
        snprintf(at, room, " %04x %04x %s", ev->u.service.start, ev->u.service.end, uuid);
        break;
    case WOAD_EV_INCLUDED:
        woad_uuid_format(&ev->u.included.uuid, uuid);
        snprintf(at, room, " %04x %04x %04x %s", ev->u.included.declaration, ev->u.included.start,
                 ev->u.included.end, uuid);
        break;
    case WOAD_EV_CHARACTERISTIC:
        woad_uuid_format(&ev->u.characteristic.uuid, uuid);
        snprintf(at, room, " %04x %04x %04x %02x %s", ev->u.characteristic.declaration,
                 ev->u.characteristic.value, ev->u.characteristic.end,
                 ev->u.characteristic.props, uuid);
        break;
    case WOAD_EV_DESCRIPTOR:
        woad_uuid_format(&ev->u.descriptor.uuid, uuid);
        snprintf(at, room, " %04x %s", ev->u.descriptor.handle, uuid);
        break;
    case WOAD_EV_READ:
    case WOAD_EV_NOTIFIED:
    case WOAD_EV_INDICATION:
        snprintf(at, room, " %04x %u ", ev->u.value.handle, ev->u.value.offset);
        hex(to, TEXT, ev->u.value.data, ev->u.value.len);
        break;
    case WOAD_EV_INDICATED:
    case WOAD_EV_GATTC_DONE:
        snprintf(at, room, " %04x %d", ev->u.done.handle, ev->u.done.status);
        break;
    default:
        break;
    }
    for (size_t len = strlen(to); len && to[len - 1] == ' '; len--) {
        to[len - 1] = '\0';
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct run *r = ctx;
    if (ev->type == WOAD_EV_CONNECT) {
        r->conn = ev->conn;
    }
    if (r->answers && ev->type == WOAD_EV_GATT_READ) {
        woad_gatt_answer(h, ev->conn, 0, "ab", 2);
    } else if (r->answers && ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer) {
        woad_gatt_answer(h, ev->conn, ev->u.gatt_write.len == 9 ? 0x80 : 0, NULL, 0);
    }
    if (r->events < EVENTS) {
        describe(r->event[r->events++], ev);
    }
}

/* --- a controller that says yes --------------------------------------------------------------- */

static void feed(struct run *r, const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);   /* so that a read past the end is seen */
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

/* ACL fragments become frames again; each is completed at once. */
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
    while ((n = woad_tx(r->h, p, sizeof p)) > 0) {
        if (r->manual) {
            put_out(r, p, n);
        } else if (p[0] == 1) {
            answer_command(r, p);
        } else {
            take_acl(r, p, n);
        }
    }
}

/* --- a case ----------------------------------------------------------------------------------- */

struct trace { char *line[LINES]; size_t lines; int number[LINES]; };

static void begin(struct run *r, const struct trace *t)
{
    struct woad_config cfg = { .features = features, .event = on_event, .ctx = r, .conns = 2,
        .attr_tables = 2, .subscriptions = 2, .procedures = 3, .mtu = 64, .tx_queue = 80,
        .request_queue = 256, .prepare_queue = 128 };
    bool central = false;
    const char *db = "";
    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < t->lines; i++) {
        central = central || strcmp(t->line[i], "central") == 0;
        r->manual = r->manual || strcmp(t->line[i], "manual") == 0;
        r->answers = r->answers || strcmp(t->line[i], "answers") == 0;
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
    if (strcmp(db, "small") == 0) {
        woad_gatt_add(r->h, db_small, sizeof db_small / sizeof *db_small, NULL);
    }
    if (strcmp(db, "includes") == 0) {
        woad_gatt_add(r->h, db_includes, sizeof db_includes / sizeof *db_includes, NULL);
    }
    const uint8_t connected[] = { 4, 0x3e, 19, 1, 0, HANDLE, 0, central ? 0 : 1, 0, 1, 2, 3, 4, 5,
                                  6, 24, 0, 0, 0, 0, 1, 0 };
    feed(r, connected, sizeof connected);
    r->events = 0;
    pull(r);
    r->outs = 0;
}

static unsigned channel(const char *name)
{
    return strncmp(name, "att", 3) == 0 ? 4 : strncmp(name, "sig", 3) == 0 ? 5
         : strncmp(name, "smp", 3) == 0 ? 6 : 0;
}

/* "att 0a 0c 00" as an HCI packet. */
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

static int call(struct run *r, const char *text)
{
    char verb[32] = "";
    unsigned a = 0, b = 0;
    int at = 0;
    uint8_t data[PACKET];
    sscanf(text, "%31s %n", verb, &at);
    const char *rest = text + at;
    int digits = 0;
    sscanf(rest, "%4x %n", &a, &digits);
    size_t n = unhex(rest + digits, data, sizeof data);
    n = n == SIZE_MAX ? 0 : n;
    static const struct woad_uuid hr = WOAD_UUID16(0x180d);
    static const struct woad_connect_params params = { 16, 16, 24, 40, 0, 256, 2000 };
    static const struct woad_scan_params scan = { 16, 16, false, false, 1000 };
    static const struct woad_adv_params adv = { WOAD_ADV_IND, 32 };
    static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    if (strcmp(verb, "notify") == 0) {
        return woad_gatt_notify(r->h, r->conn, (uint16_t)a, data, n);
    } else if (strcmp(verb, "indicate") == 0) {
        return woad_gatt_indicate(r->h, r->conn, (uint16_t)a, data, n);
    } else if (strcmp(verb, "answer") == 0) {
        return woad_gatt_answer(r->h, r->conn, (uint8_t)a, data, n);
    } else if (strcmp(verb, "mtu") == 0) {
        return woad_gattc_exchange_mtu(r->h, r->conn);
    } else if (strcmp(verb, "services") == 0) {
        return woad_gattc_services(r->h, r->conn, a ? &hr : NULL);
    } else if (strcmp(verb, "characteristics") == 0) {
        sscanf(rest, "%x %x", &a, &b);
        return woad_gattc_characteristics(r->h, r->conn, (uint16_t)a, (uint16_t)b, NULL);
    } else if (strcmp(verb, "descriptors") == 0) {
        sscanf(rest, "%x %x", &a, &b);
        return woad_gattc_descriptors(r->h, r->conn, (uint16_t)a, (uint16_t)b);
    } else if (strcmp(verb, "included") == 0) {
        sscanf(rest, "%x %x", &a, &b);
        return woad_gattc_included(r->h, r->conn, (uint16_t)a, (uint16_t)b);
    } else if (strcmp(verb, "by_uuid") == 0) {
        sscanf(rest, "%x %x", &a, &b);
        return woad_gattc_read_by_uuid(r->h, r->conn, (uint16_t)a, (uint16_t)b, &u_value);
    } else if (strcmp(verb, "multiple") == 0) {
        const uint16_t list[3] = { (uint16_t)a, (uint16_t)(a + 1), (uint16_t)(a + 2) };
        return woad_gattc_read_multiple(r->h, r->conn, list, n ? data[0] : 3);
    } else if (strcmp(verb, "read") == 0) {
        return woad_gattc_read(r->h, r->conn, (uint16_t)a);
    } else if (strcmp(verb, "write") == 0) {
        return woad_gattc_write(r->h, r->conn, WOAD_GATTC_WRITE, (uint16_t)a, data, n);
    } else if (strcmp(verb, "long") == 0) {
        return woad_gattc_write(r->h, r->conn, WOAD_GATTC_WRITE_LONG, (uint16_t)a, data, n);
    } else if (strcmp(verb, "reliable") == 0) {
        return woad_gattc_write(r->h, r->conn, WOAD_GATTC_WRITE_RELIABLE, (uint16_t)a, data, n);
    } else if (strcmp(verb, "command") == 0) {
        return woad_gattc_write_command(r->h, r->conn, (uint16_t)a, data, n);
    } else if (strcmp(verb, "disconnect") == 0) {
        return woad_disconnect(r->h, r->conn, 0x13);
    } else if (strcmp(verb, "update") == 0) {
        return woad_conn_update(r->h, r->conn, &params);
    } else if (strcmp(verb, "connect") == 0) {
        return woad_connect(r->h, &peer, &params);
    } else if (strcmp(verb, "cancel") == 0) {
        return woad_connect_cancel(r->h);
    } else if (strcmp(verb, "scan") == 0) {
        return woad_scan_start(r->h, &scan);
    } else if (strcmp(verb, "advertise") == 0) {
        return woad_adv_start(r->h, &adv);
    } else if (strcmp(verb, "start") == 0) {
        return woad_start(r->h);
    } else if (strcmp(verb, "stop") == 0) {
        return woad_stop(r->h);
    }
    return -9999;
}

static bool said(struct run *r, const char *text, char *why)
{
    uint8_t want[PACKET];
    const char *bytes = strchr(text, ' ');
    size_t n = bytes ? unhex(bytes, want, sizeof want) : 0;
    unsigned cid = channel(text);
    if (r->taken == r->outs) {
        strcpy(why, "the host says nothing");
        return false;
    }
    const struct packet *p = &r->out[r->taken++];
    const uint8_t *got = cid ? p->b + 4 : p->b;
    size_t len = cid ? p->len - 4 : p->len;
    if ((cid && p->b[2] != cid) || len != n || memcmp(got, want, n) != 0) {
        snprintf(why, TEXT, "the host says%s ", cid && p->b[2] != cid ? " elsewhere" : "");
        hex(why, TEXT, got, len);
        return false;
    }
    return true;
}

static bool happened(struct run *r, const char *text, char *why)
{
    size_t word = strcspn(text, " ");
    for (; r->seen < r->events; r->seen++) {
        if (strcspn(r->event[r->seen], " ") == word &&
            strncmp(r->event[r->seen], text, word) == 0) {
            bool same = strcmp(r->event[r->seen], text) == 0;
            if (!same) {
                snprintf(why, TEXT, "the event is: %.1100s", r->event[r->seen]);
            }
            r->seen++;
            return same;
        }
    }
    strcpy(why, "no such event");
    return false;
}

static bool step(struct run *r, const char *line, char *why)
{
    uint8_t p[PACKET];
    switch (line[0]) {
    case '>': {
        size_t n = packet_of(line + 2, p);
        if (n == SIZE_MAX) {
            strcpy(why, "not hexadecimal");
            return false;
        }
        feed(r, p, n);
        pull(r);
        return true;
    }
    case '<':
        return said(r, line + 2, why);
    case '!':
        return happened(r, line + 2, why);
    case '@':
        r->now += (uint32_t)strtoul(line + 2, NULL, 10);
        woad_poll(r->h, r->now);
        pull(r);
        return true;
    default:
        break;
    }
    if (strncmp(line, "call ", 5) == 0) {
        const char *equals = strstr(line, " = ");
        char text[LINE];
        snprintf(text, sizeof text, "%.*s", equals ? (int)(equals - line - 5) : LINE - 1, line + 5);
        int want = equals ? atoi(equals + 3) : 0, got = call(r, text);
        snprintf(why, TEXT, "it returns %d", got);
        pull(r);
        return got == want;
    }
    return strncmp(line, "db ", 3) == 0 || strcmp(line, "central") == 0 ||
           strcmp(line, "peripheral") == 0 || strcmp(line, "manual") == 0 ||
           strcmp(line, "answers") == 0;
}

static void end(struct run *r)
{
    free(r->memory);
}

/* The first `upto` lines as they are, then `line` spoilt by `spoil`. */
static void sweep_one(struct run *r, const struct trace *t, size_t upto, size_t cut, size_t flip)
{
    char why[TEXT];
    uint8_t p[PACKET];
    begin(r, t);
    for (size_t i = 0; i < upto; i++) {
        if (t->line[i][0] != '<' && t->line[i][0] != '!') {
            step(r, t->line[i], why);
        }
    }
    size_t n = packet_of(t->line[upto] + 2, p);
    if (cut != SIZE_MAX) {
        n = cut;
    } else {
        p[flip / 8] ^= (uint8_t)(1u << flip % 8);
    }
    feed(r, p, n);
    pull(r);
    woad_poll(r->h, r->now + 31000);
    pull(r);
    woad_fail(r->h, WOAD_EIO);
    end(r);
}

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

static bool run_case(struct run *r, const struct trace *t, const char *file, const char *name)
{
    char why[TEXT] = "";
    begin(r, t);
    for (size_t i = 0; i < t->lines; i++) {
        if (!step(r, t->line[i], why)) {
            printf("FAIL %s\n  %s:%d: %s\n  %s\n", name, file, t->number[i], t->line[i], why);
            end(r);
            return false;
        }
    }
    bool quiet = r->taken == r->outs;
    if (!quiet) {
        hex(why, sizeof why, r->out[r->taken].b, r->out[r->taken].len);
        printf("FAIL %s\n  %s: at the end the host says more: %s\n", name, file, why);
    }
    end(r);
    return quiet;
}

/* --- files ------------------------------------------------------------------------------------ */

static unsigned passed, failed;
static unsigned long spoilt;

static void finish(struct run *r, struct trace *t, const char *file, const char *name)
{
    if (t->lines) {
        if (run_case(r, t, file, name)) {
            passed++;
            spoilt += sweep(r, t);
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
    printf("%lu spoilt packets survived\n", spoilt);
    printf("%u passed, %u failed\n", passed, failed);
    return failed || !passed ? 1 : 0;
}
