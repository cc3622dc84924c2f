/* `woad bench`: how fast a radio and its hosts are: connections, writes, notifications, channels.
 *
 * Names of other files:
 *   BENCH_CONTROL: handle of commands, from the first one on: bench.h
 *   BENCH_COUNTERS: handle of what has arrived
 *   BENCH_DATA_LENGTH: command: octets of a packet of the link layer
 *   BENCH_NOTIFY: command: notify for some ms
 *   BENCH_PSM: the channel's
 *   BENCH_RESET: command: nothing has arrived
 *   BENCH_RX: octets that a channel has room for
 *   BENCH_SDU: octets that go through the channel at once
 *   BENCH_SEND: command: send through the channel for some ms
 *   bench_service: UUID of the service
 *   BENCH_SINK: handle of what is written to
 *   BENCH_SOURCE: handle of what is notified
 *   command: of a tool, of a help: the sub-command's name, for messages
 *   ended: of a tool: its connection has ended
 *   hci: of a tool: the controller's name; NULL: that of WOAD_HCI
 *   peer_connect(): finds a peer, connects to it, and encrypts with a bond; 0, or the exit status
 *       after a message
 *   peer_event(): to be called with every event, for peer_connect()
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   tool_close(): stops the host, and frees all that tool_open() has made
 *   TOOL_DONE: end of a wait: what was waited for is there
 *   tool_ended(): prints why a wait has ended, unless by TOOL_DONE; returns the exit status
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   TOOL_FLAG: kind of option: without a value, to a bool
 *   tool_help: a sub-command's texts of --help, and its table of options
 *   TOOL_NUMBER: kind of option: to a long
 *   tool_open(): opens the controller and starts a host, t->h; 0, or the exit status after a
 *       message
 *   tool_option: a row of the table of options: tool_host.h
 *   tool_parse(): takes the options off the command line; false: the command ends with *status
 *   tool_peer: a peer that is looked for by name or address: tool_peer.h
 *   tool_status(): the exit status at the end: 1, too, if standard output is closed
 *   tool_step(): lets the host go on once, for some ms at most
 *   TOOL_TEXT: kind of option: to a const char *
 *   TOOL_TIME: end of a wait: the time limit
 *   tool_usage(): prints what is wrong with the command line; returns TOOL_EXIT_USAGE
 *   tool_wait(): lets the host go on until *done, or for some ms
 *   tool_why(): why the command is to end; TOOL_DONE: it is not */
#define _GNU_SOURCE
#include "bench.h"
#include "tool_peer.h"
#include "woad_tool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_MS = 10000, LINK_MS = 1000, CONNECTIONS = 5, WRITES = 50, SHORT = 20 };
enum { REST_MS = 1000 }; /* for what is still under way after a measurement */

/* What has arrived, since when, and when the last of it did. */
struct stream {
    uint32_t packets, octets, start_ms, last_ms;
};

/* What is measured with one PHY and one data length. */
struct bench_row {
    const char *phy;
    unsigned data_length;
    double write_ms, write_most_ms;
    double notified, notified_kbit;
    double written, written_kbit;
    double sent_kbit, received_kbit; /* through the channel */
};

struct bench_tool {
    struct tool t;
    struct tool_peer peer;
    bool json;
    long ms, interval_ms, timeout_s; /* of the options */
    const char *phys, *lengths;      /* of the options */
    bool connected, failed, done, linked, opened, closed, sending;
    int status; /* of a procedure, of a connection */
    enum woad_link_item item;
    struct woad_link_value link;
    uint16_t first; /* handle of the service */
    uint16_t cid;   /* of the channel */
    uint16_t mtu, interval_1250us;
    struct stream in; /* notifications, or the channel */
    uint8_t value[8];
    size_t value_len;
    uint8_t rx[BENCH_RX], sdu[BENCH_SDU];
    double connect_ms, connect_most_ms;
    unsigned rows;
};

/* --- events -------------------------------------------------------------------------------------
 */

/* Counts what arrives. */
static void bench_count(struct bench_tool *b, size_t len)
{
    b->in.last_ms = woad_port_now_ms();
    b->in.packets++;
    b->in.octets += (uint32_t)len;
}

/* What has arrived on the channel. */
static void bench_drain(struct bench_tool *b, uint16_t conn)
{
    static uint8_t data[BENCH_SDU];
    int n;
    while ((n = woad_coc_read(b->t.h, conn, b->cid, data, sizeof data, NULL)) > 0) {
        bench_count(b, (size_t)n);
    }
}

/* tool.event: sets what the waits wait for. */
static void bench_event(struct tool *t, const struct woad_event *ev)
{
    struct bench_tool *b = t->ctx;
    peer_event(&b->peer, t, ev);
    switch (ev->type) {
    case WOAD_EV_CONNECT: b->connected = true; break;
    case WOAD_EV_CONNECT_FAILED:
        b->failed = b->connected = true;
        b->status = ev->u.connect_failed.status;
        break;
    case WOAD_EV_LINK:
        if (ev->u.link.item == b->item) {
            b->link = ev->u.link;
            b->linked = true;
        }
        break;
    case WOAD_EV_SERVICE: b->first = ev->u.service.start; break;
    case WOAD_EV_READ:
        b->value_len = ev->u.value.len < sizeof b->value ? ev->u.value.len : sizeof b->value;
        memcpy(b->value, ev->u.value.data, b->value_len);
        break;
    case WOAD_EV_GATTC_DONE:
        b->done = true;
        b->status = ev->u.done.status;
        break;
    case WOAD_EV_NOTIFIED: bench_count(b, ev->u.value.len); break;
    case WOAD_EV_COC_OPEN: b->opened = true; break;
    case WOAD_EV_COC_CLOSED:
        b->opened = b->closed = true;
        b->status = ev->u.coc.status;
        b->sending = false;
        break;
    case WOAD_EV_COC_DATA: bench_drain(b, ev->conn); break;
    case WOAD_EV_COC_SENT: b->sending = false; break;
    default: break;
    }
}

/* Waits for what a call has begun.  0, or the exit status. */
static int bench_wait(struct bench_tool *b, int error, const bool *done, const char *doing)
{
    if (error) {
        return tool_fail(&b->t, "%s: %s", doing, woad_strerror(error));
    }
    enum tool_end end = tool_wait(&b->t, done, ANSWER_MS);
    if (end != TOOL_DONE) {
        return tool_ended(&b->t, end, doing);
    }
    if (b->status) {
        return tool_fail(&b->t, "%s: %s", doing, woad_strerror(b->status));
    }
    return 0;
}

/* Before a procedure of GATT. */
static const bool *bench_begin(struct bench_tool *b)
{
    b->done = false;
    b->status = 0;
    return &b->done;
}

/* Lets time pass; packets are counted.  0, or the exit status. */
static int bench_pass(struct bench_tool *b, uint32_t ms, const char *doing)
{
    const bool never = false;
    enum tool_end end = tool_wait(&b->t, &never, ms);
    return end == TOOL_TIME ? 0 : tool_ended(&b->t, end, doing);
}

/* --- the peer -----------------------------------------------------------------------------------
 */

/* A command to the peer. */
static int bench_tell(struct bench_tool *b, uint8_t command, long number)
{
    const uint8_t value[3] = { command, (uint8_t)number, (uint8_t)(number >> 8) };
    const bool *done = bench_begin(b);
    int error = woad_gattc_write(b->t.h, b->t.conn, (uint16_t)(b->first + BENCH_CONTROL), value,
                                 sizeof value);
    return bench_wait(b, error, done, "telling the peer what to do");
}

/* What the peer has counted since BENCH_RESET. */
static int bench_ask(struct bench_tool *b, uint32_t *writes, uint32_t *octets)
{
    const bool *done = bench_begin(b);
    b->value_len = 0;
    int error = woad_gattc_read(b->t.h, b->t.conn, (uint16_t)(b->first + BENCH_COUNTERS));
    int status = bench_wait(b, error, done, "asking the peer what has arrived");
    if (!status && b->value_len != sizeof b->value) {
        return tool_fail(&b->t, "the peer's counters are not as expected: is it of this version?");
    }
    *writes = *octets = 0;
    for (unsigned n = 0; n < 4; n++) {
        *writes |= (uint32_t)b->value[n] << 8 * n;
        *octets |= (uint32_t)b->value[4 + n] << 8 * n;
    }
    return status;
}

/* A connection with the interval of --interval; *ms: how long that took. */
static int bench_connect(struct bench_tool *b, double *ms)
{
    uint16_t interval = (uint16_t)(b->interval_ms * 4 / 5);
    const struct woad_connect_params params = { .scan_interval_625us = 48,
                                                .scan_window_625us = 48,
                                                .interval_min_1250us = interval < 6 ? 6 : interval,
                                                .interval_max_1250us = interval < 6 ? 6 : interval,
                                                .supervision_10ms = 400,
                                                .timeout_ms = ANSWER_MS };
    b->connected = b->failed = b->t.ended = false;
    b->status = 0;
    uint32_t start = woad_port_now_ms();
    int error = woad_connect(b->t.h, &b->peer.addr, &params);
    int status = bench_wait(b, error, &b->connected, "connecting");
    *ms = woad_port_now_ms() - start;
    return status;
}

/* Ends the connection. */
static int bench_disconnect(struct bench_tool *b)
{
    int error = woad_disconnect(b->t.h, b->t.conn, WOAD_HCI_REMOTE_USER_TERMINATED);
    b->status = 0;
    b->t.ended = false;
    const bool never = false;
    enum tool_end end = error ? TOOL_GONE : tool_wait(&b->t, &never, ANSWER_MS);
    if (end != TOOL_GONE) {
        return tool_ended(&b->t, end, "ending the connection");
    }
    b->t.ended = false;
    return 0;
}

/* Finds the peer, measures connections, and leaves one open. */
static int bench_connections(struct bench_tool *b, const char *wanted)
{
    int status = peer_connect(&b->peer, &b->t, wanted, (uint32_t)b->timeout_s * 1000u);
    for (unsigned n = 0; !status && n < CONNECTIONS; n++) {
        double ms = 0;
        status = bench_disconnect(b);
        if (!status) {
            status = bench_connect(b, &ms);
        }
        b->connect_ms += ms / CONNECTIONS;
        b->connect_most_ms = ms > b->connect_most_ms ? ms : b->connect_most_ms;
    }
    return status;
}

/* ATT_MTU, the service, the subscription, the channel. */
static int bench_prepare(struct bench_tool *b)
{
    const struct woad_coc_params params = { .psm = BENCH_PSM, .mtu = BENCH_SDU };
    struct woad_conn_info info = { .mtu = 23 };
    const bool *done = bench_begin(b);
    if (woad_gattc_exchange_mtu(b->t.h, b->t.conn) == 0) {
        tool_wait(&b->t, done, ANSWER_MS);
    }
    done = bench_begin(b);
    int error = woad_gattc_services(b->t.h, b->t.conn, &bench_service);
    int status = bench_wait(b, error, done, "looking for the service");
    if (status) {
        return status;
    }
    if (!b->first) {
        return tool_fail(&b->t, "the peer does not serve this: it has to run `woad serve bench`");
    }
    uint16_t source = (uint16_t)(b->first + BENCH_SOURCE);
    done = bench_begin(b);
    error =
        woad_gattc_subscribe(b->t.h, b->t.conn, source, (uint16_t)(source + 1), WOAD_CCCD_NOTIFY);
    status = bench_wait(b, error, done, "subscribing");
    if (!status) {
        error = woad_coc_connect(b->t.h, b->t.conn, &params, b->rx, sizeof b->rx, &b->cid);
        status = bench_wait(b, error, &b->opened, "opening the channel");
    }
    woad_conn_info(b->t.h, b->t.conn, &info);
    b->mtu = info.mtu;
    b->interval_1250us = info.interval_1250us;
    return status;
}

/* --- measurements: each returns 0, or the exit status -------------------------------------------
 */

/* The peer sends for b->ms; counts what arrives. */
static int bench_stream(struct bench_tool *b, uint8_t command, double *packets, double *kbit)
{
    b->in = (struct stream){ 0 };
    int status = bench_tell(b, command, b->ms);
    b->in.start_ms = woad_port_now_ms();
    if (!status) {
        status = bench_pass(b, (uint32_t)b->ms + REST_MS, "receiving");
    }
    uint32_t ms = b->in.last_ms - b->in.start_ms;
    if (status || !b->in.packets || !ms) {
        return status;
    }
    *packets = b->in.packets * 1000.0 / ms;
    *kbit = b->in.octets * 8.0 / ms;
    return 0;
}

/* Writes with response, one after the other: from the call to the answer. */
static int bench_writes(struct bench_tool *b, struct bench_row *r)
{
    uint32_t begun = woad_port_now_ms();
    for (unsigned n = 0; n < WRITES; n++) {
        const bool *done = bench_begin(b);
        uint32_t start = woad_port_now_ms();
        int error =
            woad_gattc_write(b->t.h, b->t.conn, (uint16_t)(b->first + BENCH_SINK), b->sdu, SHORT);
        int status = bench_wait(b, error, done, "writing");
        if (status) {
            return status;
        }
        double ms = woad_port_now_ms() - start;
        r->write_most_ms = ms > r->write_most_ms ? ms : r->write_most_ms;
    }
    r->write_ms = (double)(woad_port_now_ms() - begun) / WRITES;
    return 0;
}

/* The peer notifies without pause. */
static int bench_notified(struct bench_tool *b, struct bench_row *r)
{
    return bench_stream(b, BENCH_NOTIFY, &r->notified, &r->notified_kbit);
}

/* Writes without response, as many as the queue takes; the peer says how many have arrived. */
static int bench_written(struct bench_tool *b, struct bench_row *r)
{
    size_t len = b->mtu - 3u < WOAD_ATT_VALUE_MAX ? b->mtu - 3u : WOAD_ATT_VALUE_MAX;
    uint16_t handle = (uint16_t)(b->first + BENCH_SINK);
    uint32_t writes = 0, octets = 0;
    int status = bench_tell(b, BENCH_RESET, 0);
    uint32_t start = woad_port_now_ms(), ms;
    while (!status && woad_port_now_ms() - start < (uint32_t)b->ms &&
           tool_why(&b->t) == TOOL_DONE) {
        while (woad_gattc_write_command(b->t.h, b->t.conn, handle, b->sdu, len) == 0) {
        }
        tool_step(&b->t, -1, 10);
    }
    if (!status) {
        status = bench_ask(b, &writes, &octets); /* the answer comes behind all writes */
    }
    ms = woad_port_now_ms() - start;
    r->written = writes * 1000.0 / ms;
    r->written_kbit = octets * 8.0 / ms;
    return status;
}

/* Through the channel to the peer. */
static int bench_sent(struct bench_tool *b, struct bench_row *r)
{
    uint32_t writes = 0, octets = 0;
    int status = bench_tell(b, BENCH_RESET, 0);
    uint32_t start = woad_port_now_ms();
    while (!status && tool_why(&b->t) == TOOL_DONE && !b->closed) {
        bool more = woad_port_now_ms() - start < (uint32_t)b->ms;
        if (!b->sending && more) {
            b->sending = woad_coc_send(b->t.h, b->t.conn, b->cid, b->sdu, sizeof b->sdu) == 0;
        } else if (!b->sending) {
            break;
        }
        tool_step(&b->t, -1, 10);
    }
    if (!status) {
        status = bench_ask(b, &writes, &octets);
    }
    r->sent_kbit = octets * 8.0 / (woad_port_now_ms() - start);
    return status;
}

/* Through the channel from the peer. */
static int bench_received(struct bench_tool *b, struct bench_row *r)
{
    double packets;
    return bench_stream(b, BENCH_SEND, &packets, &r->received_kbit);
}

/* --- the table ----------------------------------------------------------------------------------
 */

static void show_head(const struct bench_tool *b)
{
    if (b->json) {
        printf("{\"connect_ms\":%.1f,\"connect_most_ms\":%.0f,\"interval_ms\":%.2f,\"mtu\":%u}\n",
               b->connect_ms, b->connect_most_ms, b->interval_1250us * 1.25, b->mtu);
        return;
    }
    printf("connection: %.1f ms (at most %.0f); interval %.2f ms, ATT_MTU %u\n\n", b->connect_ms,
           b->connect_most_ms, b->interval_1250us * 1.25, b->mtu);
    printf("PHY    data  write, ms    notifications  writes without   channel, kbit/s\n"
           "       len.  mean  most     /s   kbit/s    /s   kbit/s      out       in\n");
}

static void show_row(const struct bench_tool *b, const struct bench_row *r)
{
    if (b->json) {
        printf("{\"phy\":\"%s\",\"data_length\":%u,\"write_ms\":%.1f,\"write_most_ms\":%.0f,"
               "\"notifications\":%.1f,\"notified_kbit\":%.1f,\"writes\":%.1f,"
               "\"written_kbit\":%.1f,\"sent_kbit\":%.1f,\"received_kbit\":%.1f}\n",
               r->phy, r->data_length, r->write_ms, r->write_most_ms, r->notified, r->notified_kbit,
               r->written, r->written_kbit, r->sent_kbit, r->received_kbit);
        return;
    }
    printf("%-6s %4u %5.1f %5.0f %7.1f %7.1f %6.1f %7.1f %9.1f %8.1f\n", r->phy, r->data_length,
           r->write_ms, r->write_most_ms, r->notified, r->notified_kbit, r->written,
           r->written_kbit, r->sent_kbit, r->received_kbit);
}

/* Sets the PHY in both directions.  False: the controllers do not have it. */
static bool bench_set_phy(struct bench_tool *b, unsigned phy)
{
    static const uint8_t number[] = { WOAD_PHY_1M, WOAD_PHY_2M, WOAD_PHY_CODED };
    uint8_t set = (uint8_t)(1u << phy);
    b->item = WOAD_LINK_PHY;
    b->linked = false;
    if (woad_link_set_phy(b->t.h, b->t.conn, set, set, WOAD_CODING_S8)) {
        return false;
    }
    tool_wait(&b->t, &b->linked, LINK_MS);
    return b->linked && !b->link.status && b->link.tx_phy == number[phy] &&
           b->link.rx_phy == number[phy];
}

/* Sets the data length in both directions; an event comes only if it has changed. */
static int bench_set_length(struct bench_tool *b, unsigned octets)
{
    b->item = WOAD_LINK_DATA_LENGTH;
    b->linked = false;
    int status = bench_tell(b, BENCH_DATA_LENGTH, (long)octets);
    woad_link_set_data_length(b->t.h, b->t.conn, (uint16_t)octets);
    return status ? status : bench_pass(b, LINK_MS, "setting the data length");
}

/* One row: all measurements. */
static int bench_row(struct bench_tool *b, const char *phy, unsigned octets)
{
    static int (*const each[])(struct bench_tool *,
                               struct bench_row *) = { bench_writes, bench_notified, bench_written,
                                                       bench_sent, bench_received };
    struct bench_row r = { .phy = phy, .data_length = octets };
    int status = bench_set_length(b, octets);
    for (size_t k = 0; !status && k < sizeof each / sizeof *each; k++) {
        status = each[k](b, &r);
    }
    if (!status) {
        show_row(b, &r);
        b->rows++;
        tool_flush(&b->t);
    }
    return status;
}

/* Whether a list, as in "1M,2M", has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = list; (at = strstr(at, word)) != NULL; at += len) {
        if ((at == list || at[-1] == ',') && (at[len] == ',' || !at[len])) {
            return true;
        }
    }
    return false;
}

/* The rows that the options choose, as far as the controllers can. */
static int bench_table(struct bench_tool *b)
{
    static const char *const phys[] = { "1M", "2M", "coded" };
    static const unsigned lengths[] = { 27, 251 };
    int status = 0;
    show_head(b);
    tool_flush(&b->t);
    for (unsigned p = 0; p < 3 && !status; p++) {
        if (!has_word(b->phys, phys[p])) {
            continue;
        }
        if (!bench_set_phy(b, p)) {
            fprintf(stderr, "woad bench: the PHY %s is not to be had here\n", phys[p]);
            continue;
        }
        for (unsigned n = 0; n < 2 && !status; n++) {
            char word[8];
            snprintf(word, sizeof word, "%u", lengths[n]);
            if (has_word(b->lengths, word)) {
                status = bench_row(b, phys[p], lengths[n]);
            }
        }
    }
    if (!status && !b->rows) {
        status = tool_fail(&b->t, "nothing was measured; choose another --phy");
    }
    return status;
}

/* --- the command --------------------------------------------------------------------------------
 */

/* Measures with a peer.  Returns the exit status. */
static int bench_run(struct bench_tool *b, const char *wanted)
{
    b->t.cfg.tx_queue = 16384;
    int status = tool_open(&b->t);
    if (status) {
        return status;
    }
    status = bench_connections(b, wanted);
    if (!status) {
        status = bench_prepare(b);
    }
    if (!status) {
        status = bench_table(b);
    }
    status = tool_status(&b->t, status);
    tool_close(&b->t);
    return status;
}

/* Without a peer: this program twice on a radio of its own, in virtual time. */
static int bench_alone(int argc, char **argv)
{
    enum { FRONT = 14 };
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    char *front[FRONT] = { path,     "run",        "--quiet", "--clock", "virtual",
                           "--name", "peer,bench", "--only",  "bench",   path,
                           "serve",  "bench",      "--quiet", "--" };
    char **all = calloc((size_t)argc + FRONT + 5, sizeof *all);
    if (!all) {
        return TOOL_EXIT_FAILED;
    }
    memcpy(all, front, sizeof front);
    all[FRONT] = path;
    all[FRONT + 1] = "bench";
    memcpy(all + FRONT + 2, argv + 1, (size_t)(argc - 1) * sizeof *argv);
    all[FRONT + 1 + argc] = "Woad bench";
    execv(path, all);
    fprintf(stderr, "woad bench: %s: %s\n", path, strerror(errno));
    return TOOL_EXIT_FAILED;
}

/* Whether each word of a list is one of `known`. */
static bool are_known(const char *list, const char *known)
{
    while (*list) {
        char word[8];
        size_t len = strcspn(list, ",");
        snprintf(word, sizeof word, "%.*s", (int)len, list);
        if (!len || len >= sizeof word || !has_word(known, word)) {
            return false;
        }
        list += len + (list[len] == ',');
    }
    return true;
}

/* Parses the command line: options, and the peer. */
int tool_bench(int argc, char **argv)
{
    static struct bench_tool b = { .t = { .command = "bench", .event = bench_event, .ctx = &b },
                                   .ms = 1000,
                                   .interval_ms = 30,
                                   .timeout_s = 10,
                                   .phys = "1M,2M,coded",
                                   .lengths = "27,251" };
    static const struct tool_option options[] = {
        { "--json", NULL, "print JSON, an object a line", TOOL_FLAG, &b.json, 0, 0 },
        { "--phy", "LIST", "of 1M, 2M, coded; all", TOOL_TEXT, &b.phys, 0, 0 },
        { "--data", "LIST", "data lengths, of 27, 251 octets; both", TOOL_TEXT, &b.lengths, 0, 0 },
        { "--interval", "MS", "of the connection, 8 to 4000; 30", TOOL_NUMBER, &b.interval_ms, 8,
          4000 },
        { "--time", "MS", "of each measurement; 1000", TOOL_NUMBER, &b.ms, 100, 60000 },
        { "--timeout", "SECONDS", "to find the peer; 10", TOOL_NUMBER, &b.timeout_s, 1, 3600 },
        { "--hci", "NAME", "the controller; else WOAD_HCI names it", TOOL_TEXT, &b.t.hci, 0, 0 },
        { NULL, NULL, NULL, TOOL_FLAG, NULL, 0, 0 },
    };
    static const struct tool_help help = {
        "bench", "[OPTION…] [PEER]",
        "Measures connections, writes, notifications and an L2CAP channel, by PHY and data\n"
        "length, with a peer that runs `woad serve bench`.  Without PEER it is a peer of its own,\n"
        "on a simulated radio in virtual time: what the two hosts and the link layer allow, the\n"
        "same on each machine.\n",
        "woad bench\nwoad bench --phy 2M --interval 8 --json\n"
        "woad serve bench --hci usb          # on one machine\n"
        "woad bench \"Woad bench\" --hci usb   # on another\n",
        options
    };
    int status, words = argc;
    char **kept = calloc((size_t)argc + 1, sizeof *kept);
    if (!kept) {
        return TOOL_EXIT_FAILED;
    }
    memcpy(kept, argv, (size_t)argc * sizeof *argv);
    if (!tool_parse(&help, &words, argv, &status)) {
        free(kept);
        return status;
    }
    if (words > 1) {
        status = tool_usage(&help, "name one peer, or none");
    } else if (!are_known(b.phys, "1M,2M,coded")) {
        status = tool_usage(&help, "--phy takes some of 1M,2M,coded, not \"%s\"", b.phys);
    } else if (!are_known(b.lengths, "27,251")) {
        status = tool_usage(&help, "--data takes some of 27,251, not \"%s\"", b.lengths);
    } else if (words == 1) {
        status = bench_run(&b, argv[0]);
    } else if (b.t.hci) {
        status = tool_usage(&help, "with --hci, name a peer that runs `woad serve bench`");
    } else {
        status = bench_alone(argc, kept);
    }
    free(kept);
    return status;
}
