/* `woad serve`: a ready peer on any radio.
 *
 * Names of other files:
 *   advertises: of serve: advertising has begun
 *   appearance: of a kind of peer: its appearance, Assigned Numbers, 2.6; 0: none
 *   beacon: of a kind of peer: it takes no connections
 *   cfg: of a tool: the host's configuration, set by tool_open() where it is 0
 *   command: of a tool, of a help: the sub-command's name, for messages
 *   ended: of a tool: its connection has ended; of the page's server: the air has closed its
 *       connections
 *   hci: of a tool: the controller's name; NULL: that of WOAD_HCI
 *   input: of serve: octets of standard input that are not sent yet
 *   input_ended: of serve: standard input has ended
 *   input_len: of serve: octets in `input`
 *   output_closed: of a tool: standard output cannot be written to any more
 *   quiet: of serve: --quiet
 *   serve_battery: a kind of peer
 *   serve_beacon: a kind of peer
 *   serve_central: a central that is connected, and what it has of serve_notify(): serve.h
 *   SERVE_CENTRALS: connections
 *   serve_heart_rate: a kind of peer, as the four below
 *   serve_keyboard: a kind of peer
 *   serve_kind: a kind of peer: its name, attributes and functions: serve.h
 *   SERVE_NO_WAIT: ms that a loop returns that has nothing to do
 *   serve_tool: the sub-command, with a kind and its state: serve.h
 *   serve_uart: a kind of peer
 *   text_addr(): an address as text: C0:11:22:33:44:55
 *   text_addr_type(): "public" or "random"
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   TOOL_ADDR_TEXT: octets of an address as text, its 0 included
 *   tool_bonds_path(): path of the bond file of that name, to be freed; NULL: there is no home
 *   tool_close(): stops the host, and frees all that tool_open() has made
 *   TOOL_DONE: end of a wait: what was waited for is there; of tool_why(): nothing has happened
 *   TOOL_DOWN: end of a wait: the controller has failed
 *   tool_ended(): prints why a wait has ended, unless by TOOL_DONE; returns the exit status
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   TOOL_FLAG: kind of option: without a value, to a bool
 *   tool_flush(): flushes standard output; false: it is closed
 *   tool_help: a sub-command's texts of --help, and its table of options
 *   TOOL_NUMBER: kind of option: to a long
 *   tool_open(): opens the controller and starts a host, t->h; 0, or the exit status after a
 *       message
 *   tool_option: a row of the table of options: name, name of its value, help, TOOL_…, where it
 *       goes, least and greatest number
 *   tool_parse(): takes the options off the command line; false: the command ends with *status
 *   tool_status(): the exit status at the end: 1, too, if standard output is closed
 *   tool_step(): lets the host go on once, for some ms at most, or until a descriptor can be read;
 *       false: tool_why() is not TOOL_DONE
 *   TOOL_TEXT: kind of option: to a const char *
 *   tool_usage(): prints what is wrong with the command line; returns TOOL_EXIT_USAGE
 *   tool_wait(): lets the host go on until *done, or for some ms; TOOL_DONE, or what has ended it
 *       before
 *   tool_why(): why the command is to end; TOOL_DONE: it is not */
#include "serve.h"
#include "tool_text.h"
#include "woad_tool.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STARTED_MS = 5000 }; /* until advertising has failed */

static const struct serve_kind *const kinds[] = {
    &serve_heart_rate, &serve_battery, &serve_beacon, &serve_uart, &serve_keyboard, &serve_bench
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* Does not block. */
void serve_read_input(struct serve_tool *s)
{
    struct pollfd fd = { STDIN_FILENO, POLLIN, 0 };
    if (s->input_len || s->input_ended || poll(&fd, 1, 0) <= 0) {
        return;
    }
    ssize_t n = read(STDIN_FILENO, s->input, sizeof s->input);
    s->input_ended = n <= 0;
    s->input_len = n > 0 ? (size_t)n : 0;
}

/* For the user, not for a program. */
void serve_say(struct serve_tool *s, const char *format, ...)
{
    va_list args;
    if (s->quiet) {
        return;
    }
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    tool_flush(&s->t);
}

int serve_notify(struct serve_tool *s, uint16_t handle, const uint8_t *data, size_t len)
{
    struct serve_central *c, *end = s->central + SERVE_CENTRALS;
    int have = 0;
    bool full = false;
    for (c = s->central; c < end; c++) {
        bool wants = c->connected && !c->has_part &&
                     (woad_gatt_subscription(s->t.h, c->conn, handle) & WOAD_CCCD_NOTIFY);
        int error = wants ? woad_gatt_notify(s->t.h, c->conn, handle, data, len) : WOAD_ENOENT;
        if (!error) {
            c->has_part = c->sending = true;
        }
        full = full || error == WOAD_EAGAIN;
        have += c->has_part;
    }
    if (full) {
        return -1;
    }
    for (c = s->central; c < end; c++) {
        c->has_part = false;
    }
    return have;
}

bool serve_is_sending(const struct serve_tool *s)
{
    for (const struct serve_central *c = s->central; c < s->central + SERVE_CENTRALS; c++) {
        if (c->sending) {
            return true;
        }
    }
    return false;
}

/* Keeps the list of centrals. */
static void serve_note_central(struct serve_tool *s, const struct woad_event *ev)
{
    struct serve_central *c = s->central, *end = s->central + SERVE_CENTRALS;
    bool connects = ev->type == WOAD_EV_CONNECT;
    while (c < end && (connects ? c->connected : !c->connected || c->conn != ev->conn)) {
        c++;
    }
    if (c == end) {
        return;
    }
    if (ev->type == WOAD_EV_TX_DONE) {
        c->sending = false;
    } else {
        *c = (struct serve_central){ .conn = ev->conn, .connected = connects };
    }
}

/* The device's name: of --name, or the kind's. */
static const char *serve_name(const struct serve_tool *s)
{
    if (s->name) {
        return s->name;
    }
    return s->kind->device;
}

/* A beacon's data: code u16 (0xbeac), identity of 20 octets, reference RSSI i8, reserved u8. */
static void serve_beacon_data(struct woad_ad_builder *ad)
{
    uint8_t data[24] = { 0xbe, 0xac, 'W', 'o', 'a', 'd' };
    data[22] = (uint8_t)-59;
    woad_ad_manufacturer_data(ad, 0xffff, data, sizeof data);
}

/* Begins to advertise what the kind says, the name in the scan response. */
static void serve_advertise(struct serve_tool *s)
{
    struct woad_adv_params params = WOAD_ADV_DEFAULT;
    uint8_t octets[WOAD_ADV_DATA_MAX], response[WOAD_ADV_DATA_MAX];
    struct woad_ad_builder ad = WOAD_AD_BUILDER(octets), name = WOAD_AD_BUILDER(response);
    woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY);
    if (s->kind->appearance) {
        woad_ad_appearance(&ad, s->kind->appearance);
    }
    if (s->kind->service) {
        woad_ad_uuids(&ad, s->kind->service, 1);
    }
    if (s->kind->beacon) {
        serve_beacon_data(&ad);
        params.kind = WOAD_ADV_NONCONN_IND;
    } else {
        woad_ad_name(&name, serve_name(s));
    }
    woad_adv_set_data(s->t.h, ad.data, ad.len);
    woad_adv_set_scan_response(s->t.h, name.data, name.len);
    int error = woad_adv_start(s->t.h, &params);
    if (error && error != WOAD_ENOMEM) { /* ENOMEM: all connections are in use */
        s->failed = s->advertises = true;
        s->status = error;
    }
}

/* Prints connections, subscriptions and pairings, and advertises again; then the kind's own
 * event. */
static void serve_event(struct tool *t, const struct woad_event *ev)
{
    struct serve_tool *s = t->ctx;
    char addr[TOOL_ADDR_TEXT];
    switch (ev->type) {
    case WOAD_EV_ADV_STARTED: s->advertises = true; break;
    case WOAD_EV_ADV_FAILED:
        s->failed = s->advertises = true;
        s->status = ev->u.adv.status;
        break;
    case WOAD_EV_TX_DONE: serve_note_central(s, ev); break;
    case WOAD_EV_CONNECT:
        serve_note_central(s, ev);
        text_addr(addr, &ev->u.connect.peer);
        serve_say(s, "%s has connected", addr);
        serve_advertise(s);
        break;
    case WOAD_EV_DISCONNECT:
        serve_note_central(s, ev);
        text_addr(addr, &ev->u.disconnect.peer);
        serve_say(s, "%s has disconnected: %s", addr, woad_strerror(ev->u.disconnect.reason));
        t->ended = false;
        serve_advertise(s);
        break;
    case WOAD_EV_SUBSCRIBE:
        serve_say(s, "#%u: subscriptions %s", ev->u.subscribe.value_handle,
                  ev->u.subscribe.cccd ? "on" : "off");
        break;
    case WOAD_EV_SECURITY:
        serve_say(s, "pairing: %s", woad_smp_strerror(ev->u.security.status));
        break;
    default: break;
    }
    if (s->kind->event) {
        s->kind->event(s, ev);
    }
}

/* Adds the kind's services, and advertises.  0, or the exit status. */
static int serve_start(struct serve_tool *s)
{
    struct tool *t = &s->t;
    const struct woad_security_policy policy = { .io = WOAD_IO_NONE,
                                                 .bond = true,
                                                 .allow_legacy = true,
                                                 .key_size_min = (uint8_t)t->key_size_min };
    struct woad_addr addr;
    char text[TOOL_ADDR_TEXT];
    size_t len = strlen(serve_name(s));
    woad_set_security_policy(t->h, &policy);
    woad_gatt_set_name(t->h, (const uint8_t *)serve_name(s), len < 31 ? len : 31);
    if (s->kind->attrs && woad_gatt_add(t->h, s->kind->attrs, s->kind->n, &s->first)) {
        return tool_fail(t, "the services were refused");
    }
    serve_advertise(s);
    enum tool_end end = tool_wait(t, &s->advertises, STARTED_MS);
    if (end != TOOL_DONE) {
        return tool_ended(t, end, "starting to advertise");
    }
    if (s->failed) {
        return tool_fail(t, "the controller does not advertise: %s", woad_strerror(s->status));
    }
    woad_own_address(t->h, &addr);
    text_addr(text, &addr);
    serve_say(s, "%s as \"%s\", %s %s", s->kind->name, serve_name(s), text, text_addr_type(&addr));
    return 0;
}

/* Lets the kind work until the end.  Returns the exit status. */
static int serve_loop(struct serve_tool *s, unsigned long seconds)
{
    uint32_t start = woad_port_now_ms(), limit = (uint32_t)seconds * 1000u, wait = SERVE_NO_WAIT;
    while (!s->done && tool_why(&s->t) == TOOL_DONE) {
        uint32_t gone = woad_port_now_ms() - start;
        if (seconds && gone >= limit) {
            return 0;
        }
        if (s->kind->loop) {
            wait = s->kind->loop(s, woad_port_now_ms());
        }
        if (seconds && limit - gone < wait) {
            wait = limit - gone;
        }
        bool reads = s->kind->reads && !s->input_ended && !s->input_len;
        tool_step(&s->t, reads ? STDIN_FILENO : -1, wait);
    }
    enum tool_end end = tool_why(&s->t);
    if (end == TOOL_DOWN || s->t.output_closed) {
        return tool_ended(&s->t, end, "serving");
    }
    return 0;
}

/* Opens the host, with a bond file of the kind's own.  Returns the exit status. */
static int serve_run(struct serve_tool *s, unsigned long seconds)
{
    char program[48], *path = NULL;
    snprintf(program, sizeof program, "woad-serve-%s", s->kind->name);
    s->t.program = program;
    s->t.cfg.conns = SERVE_CENTRALS;
    if (!s->t.bonds) {
        s->t.bonds = path = tool_bonds_path(program);
    }
    int status = tool_open(&s->t);
    if (!status) {
        status = serve_start(s);
        if (!status) {
            status = serve_loop(s, seconds);
        }
        tool_close(&s->t);
    }
    free(path);
    return tool_status(&s->t, status);
}

/* The kind of that name; NULL: there is none. */
static const struct serve_kind *serve_find(const char *name)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i]->name, name) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}

/* Parses the command line: options, and the kind. */
int tool_serve(int argc, char **argv)
{
    static struct serve_tool s = { .t = { .command = "serve", .event = serve_event, .ctx = &s } };
    static long seconds;
    static const struct tool_option options[] = {
        { "--name", "NAME", "the device's name", TOOL_TEXT, &s.name, 0, 0 },
        { "--for", "SECONDS", "end after this time", TOOL_NUMBER, &seconds, 1, 86400 },
        { "--quiet", NULL, "print nothing of connections", TOOL_FLAG, &s.quiet, 0, 0 },
        { "--key-size-min", "OCTETS", "accept shorter keys of encryption, 7 to 16; 16", TOOL_NUMBER,
          &s.t.key_size_min, 7, 16 },
        { "--bonds", "FILE", "the file of bonds", TOOL_TEXT, &s.t.bonds, 0, 0 },
        { "--hci", "NAME", "the controller; else WOAD_HCI names it", TOOL_TEXT, &s.t.hci, 0, 0 },
        { NULL, NULL, NULL, TOOL_FLAG, NULL, 0, 0 },
    };
    static const struct tool_help help = {
        "serve", "[OPTION…] heart-rate|battery|beacon|uart|hid-keyboard|bench",
        "A ready peer, for up to four centrals, until Ctrl-C:\n"
        "  heart-rate    a Heart Rate sensor, a measurement each second\n"
        "  battery       a Battery, whose level falls each five seconds\n"
        "  beacon        advertises only\n"
        "  uart          Nordic's UART Service: standard input is notified, writes are printed\n"
        "  hid-keyboard  types standard input at the computer that pairs, then ends\n"
        "  bench         the peer of `woad bench`\n",
        "woad serve heart-rate\nwoad serve battery --name cell --hci usb\n"
        "echo hello | woad serve hid-keyboard\n",
        options
    };
    int status;
    if (!tool_parse(&help, &argc, argv, &status)) {
        return status;
    }
    if (argc != 1) {
        return tool_usage(&help, "name one kind of peer");
    }
    s.kind = serve_find(argv[0]);
    if (!s.kind) {
        return tool_usage(&help, "there is no kind \"%s\"", argv[0]);
    }
    return serve_run(&s, (unsigned long)seconds);
}
