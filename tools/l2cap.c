/* `woad l2cap`: a pipe through an L2CAP channel: standard input and output, or files.
 *
 * Names of other files:
 *   command: of a tool, of a help: the sub-command's name, for messages
 *   ended: of a tool: its connection has ended; of the page's server: the air has closed its
 *       connections
 *   hci: of a tool: the controller's name; NULL: that of WOAD_HCI
 *   peer_connect(): finds a peer, connects to it, and encrypts with a bond; 0, or the exit status
 *       after a message
 *   peer_event(): to be called with every event, for peer_connect()
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   tool_bonds_path(): path of the bond file of that name, to be freed; NULL: there is no home
 *   tool_close(): stops the host, and frees all that tool_open() has made
 *   TOOL_DONE: end of a wait: what was waited for is there; of tool_why(): nothing has happened
 *   tool_ended(): prints why a wait has ended, unless by TOOL_DONE; returns the exit status
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   TOOL_FLAG: kind of option: without a value, to a bool
 *   tool_help: a sub-command's texts of --help, and its table of options
 *   tool_interrupted(): Ctrl-C or SIGTERM was received
 *   TOOL_NUMBER: kind of option: to a long
 *   tool_open(): opens the controller and starts a host, t->h; 0, or the exit status after a
 *       message
 *   tool_option: a row of the table of options: name, name of its value, help, TOOL_…, where it
 *       goes, least and greatest number
 *   tool_parse(): takes the options off the command line; false: the command ends with *status
 *   tool_peer: a peer that is looked for by name or address: tool_peer.h
 *   tool_step(): lets the host go on once, for some ms at most, or until a descriptor can be read;
 *       false: tool_why() is not TOOL_DONE
 *   TOOL_STOPPED: end of a wait: Ctrl-C, SIGTERM, or standard output is closed
 *   TOOL_TEXT: kind of option: to a const char *
 *   TOOL_TIME: end of a wait: the time limit
 *   tool_usage(): prints what is wrong with the command line; returns TOOL_EXIT_USAGE
 *   tool_wait(): lets the host go on until *done, or for some ms; TOOL_DONE, or what has ended it
 *       before
 *   tool_why(): why the command is to end; TOOL_DONE: it is not */
#include "tool_peer.h"
#include "tool_text.h"
#include "woad_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SDU = 2048,        /* octets that are sent at a time; our MTU */
    RX = 8 * SDU,      /* octets that can wait to be written */
    PROGRESS_MS = 500, /* between two lines of progress */
    LEAVE_MS = 1000,   /* for the peer to disconnect after it has closed the channel */
    LISTEN_MS = 500    /* between two looks at a central that requests no channel */
};

struct l2cap_tool {
    struct tool t;
    struct tool_peer peer;
    const char *send, *receive, *name; /* of the options */
    long listen, timeout_s;            /* of the options */
    int in, out;                       /* descriptors; in -1: it has ended */
    bool created;                      /* `receive` was not there, and no channel has opened yet */
    uint16_t cid;                      /* of the channel */
    bool opened;                       /* the channel was open, or has `failed` */
    bool open, failed;
    bool sending; /* the last part is not sent yet */
    bool closing; /* all is sent, and the channel is being closed */
    int status;   /* of the channel (L2CAP) */
    int io_error; /* errno of writing `out` */
    int in_error; /* errno of reading `in` */
    uint16_t peer_mtu;
    uint8_t rx[RX], part[SDU];
    unsigned long long sent, received, total; /* octets; total: of the file to send */
    uint32_t start_ms, shown_ms, connected_ms;
    bool progress;
};

/* Advertises for a central that connects. */
static void l2cap_advertise(struct l2cap_tool *s)
{
    struct woad_adv_params params = WOAD_ADV_DEFAULT;
    uint8_t octets[WOAD_ADV_DATA_MAX];
    struct woad_ad_builder ad = WOAD_AD_BUILDER(octets);
    woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY);
    woad_ad_name(&ad, s->name);
    woad_adv_set_data(s->t.h, ad.data, ad.len);
    woad_adv_start(s->t.h, &params);
}

/* Writes all of it; a pipe that is full is waited for. */
static void l2cap_write(struct l2cap_tool *s, const uint8_t *data, size_t len)
{
    while (len && !s->io_error) {
        ssize_t n = write(s->out, data, len);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd fd = { s->out, POLLOUT, 0 };
            poll(&fd, 1, 100);
        } else if (n < 0 && errno != EINTR) {
            s->io_error = errno;
        } else if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
        if (tool_interrupted()) {
            return;
        }
    }
}

/* Writes all that has arrived on the channel. */
static void l2cap_drain(struct l2cap_tool *s, uint16_t conn)
{
    uint8_t data[SDU];
    int n;
    while ((n = woad_coc_read(s->t.h, conn, s->cid, data, sizeof data, NULL)) > 0) {
        s->received += (unsigned)n;
        l2cap_write(s, data, (size_t)n);
    }
}

/* What the file had is gone only now that something may come. */
static void l2cap_opened(struct l2cap_tool *s, const struct woad_event *ev)
{
    struct stat file;
    s->opened = s->open = true;
    s->cid = ev->u.coc.cid;
    s->peer_mtu = ev->u.coc.peer_mtu;
    s->start_ms = woad_port_now_ms();
    s->created = false;
    if (s->receive && fstat(s->out, &file) == 0 && S_ISREG(file.st_mode)) {
        int emptied = open(s->receive, O_WRONLY | O_TRUNC);
        s->io_error = emptied < 0 ? errno : 0;
        if (emptied >= 0) {
            close(emptied);
        }
    }
}

/* Opens and closes the channel, and moves what arrives. */
static void l2cap_event(struct tool *t, const struct woad_event *ev)
{
    struct l2cap_tool *s = t->ctx;
    peer_event(&s->peer, t, ev);
    switch (ev->type) {
    case WOAD_EV_CONNECT: s->connected_ms = woad_port_now_ms(); break;
    case WOAD_EV_COC_REQUEST:
        if (s->opened) {
            woad_coc_refuse(t->h, ev->conn, ev->u.coc.cid, WOAD_COC_NO_RESOURCES);
        } else {
            s->cid = ev->u.coc.cid;
            woad_coc_accept(t->h, ev->conn, s->cid, s->rx, sizeof s->rx);
        }
        break;
    case WOAD_EV_COC_OPEN: l2cap_opened(s, ev); break;
    case WOAD_EV_COC_DATA: l2cap_drain(s, ev->conn); break;
    case WOAD_EV_COC_SENT: s->sending = false; break;
    case WOAD_EV_COC_CLOSED:
        if (ev->u.coc_data.cid == s->cid || !s->opened) {
            l2cap_drain(s, ev->conn);
            s->failed = !s->open;
            s->opened = true;
            s->open = s->sending = false;
            s->status = ev->u.coc.status;
        }
        break;
    case WOAD_EV_DISCONNECT:
        if (s->listen && !s->opened) {
            t->ended = false;
            l2cap_advertise(s);
        }
        break;
    default: break;
    }
}

/* --- moving octets ---------------------------------------------------------------------------- */

/* Prints how much has moved, at times; `last`: in any case, and ends the line. */
static void l2cap_progress(struct l2cap_tool *s, bool last)
{
    uint32_t now = woad_port_now_ms(), ms = now - s->start_ms;
    unsigned long long moved = s->sent + s->received;
    if (!s->progress || (!last && now - s->shown_ms < PROGRESS_MS)) {
        return;
    }
    s->shown_ms = now;
    fprintf(stderr, "\r%llu octets", moved);
    if (s->total) {
        fprintf(stderr, " of %llu", s->total);
    }
    fprintf(stderr, ", %llu kbit/s   %s", ms ? moved * 8 / ms : 0, last ? "\n" : "");
}

/* Sends the next part of the input, if the last one is sent. */
static void l2cap_feed(struct l2cap_tool *s)
{
    struct pollfd fd = { s->in, POLLIN, 0 };
    size_t room = s->peer_mtu < SDU ? s->peer_mtu : SDU;
    if (s->in < 0 || s->sending || poll(&fd, 1, 0) <= 0) {
        return;
    }
    ssize_t n = read(s->in, s->part, room);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        s->in_error = n < 0 ? errno : 0;
        s->in = -1;
        return;
    }
    s->sent += (size_t)n;
    s->sending = woad_coc_send(s->t.h, s->t.conn, s->cid, s->part, (size_t)n) == 0;
}

/* The peer that has closed the channel ends the connection, too, when its request is answered. */
static void l2cap_leave(struct l2cap_tool *s)
{
    const bool never = false;
    if (!s->open && !s->closing && !s->status) {
        tool_wait(&s->t, &never, LEAVE_MS);
    }
}

/* Whether the end of the input closes the channel.  A listener that has sent nothing goes on: the
 * input of a script's job in the background is empty. */
static bool l2cap_has_sent_all(const struct l2cap_tool *s)
{
    return s->in < 0 && !s->sending && (s->sent || s->send || s->in_error || !s->listen);
}

/* Why the octets have not all been moved; NULL: they have. */
static const char *l2cap_lost(const struct l2cap_tool *s, bool sends)
{
    if (s->in_error) {
        return strerror(s->in_error);
    }
    /* a terminal where nothing has been typed: it was for receiving */
    bool has_more = s->in >= 0 && (s->sent || !isatty(s->in));
    if (sends && !s->open && !s->closing && (has_more || s->sending)) {
        return "the peer has closed the channel";
    }
    return NULL;
}

/* Until the channel is closed, or all is sent.  With only a receiving side, until the peer closes.
 */
static int l2cap_move(struct l2cap_tool *s)
{
    struct tool *t = &s->t;
    bool sends = s->in >= 0;
    while (s->open && !s->io_error && tool_why(t) == TOOL_DONE) {
        l2cap_feed(s);
        l2cap_progress(s, false);
        if (sends && !s->closing && l2cap_has_sent_all(s)) {
            s->closing = true;
            woad_coc_disconnect(t->h, t->conn, s->cid);
        }
        tool_step(t, s->sending ? -1 : s->in, 100);
    }
    l2cap_progress(s, true);
    l2cap_leave(s);
    if (s->io_error) {
        return tool_fail(t, "writing what has arrived: %s", strerror(s->io_error));
    }
    enum tool_end end = tool_why(t);
    if (end == TOOL_STOPPED && !s->send && !s->receive) {
        return 0;
    }
    if (end != TOOL_DONE && s->open) {
        return tool_ended(t, end, "moving octets");
    }
    if (s->status) {
        return tool_fail(t, "the channel has ended: %s", woad_l2cap_strerror(s->status));
    }
    if (s->total && s->sent != s->total && !s->in_error) {
        return tool_fail(t, "the peer has closed the channel after %llu of %llu octets", s->sent,
                         s->total);
    }
    const char *lost = l2cap_lost(s, sends);
    if (lost) {
        return tool_fail(t, "%s before the end of the input: %llu octets were sent", lost, s->sent);
    }
    return 0;
}

/* Waits for the channel.  A central that connects and requests none does not keep others out. */
static enum tool_end l2cap_await(struct l2cap_tool *s)
{
    struct tool *t = &s->t;
    uint32_t limit = (uint32_t)s->timeout_s * 1000u;
    enum tool_end end;
    if (!s->listen) {
        return tool_wait(t, &s->opened, limit);
    }
    while ((end = tool_wait(t, &s->opened, LISTEN_MS)) == TOOL_TIME) {
        if (t->conn != WOAD_NO_CONN && woad_port_now_ms() - s->connected_ms >= limit) {
            woad_disconnect(t->h, t->conn, WOAD_HCI_REMOTE_USER_TERMINATED);
        }
    }
    return end;
}

/* Opens the channel to the peer `wanted`, or waits for one if that is NULL, and moves octets.
 * Returns the exit status. */
static int l2cap_channel(struct l2cap_tool *s, const char *wanted, uint16_t psm)
{
    struct tool *t = &s->t;
    const struct woad_coc_params params = { .psm = psm, .mtu = SDU };
    uint32_t ms = (uint32_t)s->timeout_s * 1000u;
    int error = 0, status = 0;
    if (wanted) {
        status = peer_connect(&s->peer, t, wanted, ms);
        if (!status) {
            error = woad_coc_connect(t->h, t->conn, &params, s->rx, sizeof s->rx, &s->cid);
        }
    } else {
        error = woad_coc_listen(t->h, &params);
        l2cap_advertise(s);
        fprintf(stderr, "woad l2cap: \"%s\" listens to PSM %u\n", s->name, psm);
    }
    if (status) {
        return status;
    }
    if (error) {
        return tool_fail(t, "PSM %u: %s", psm, woad_strerror(error));
    }
    enum tool_end end = l2cap_await(s);
    if (end != TOOL_DONE) {
        return tool_ended(t, end, "opening the channel");
    }
    if (s->failed) {
        return tool_fail(t, "PSM %u: the peer refuses: %s", psm, woad_l2cap_strerror(s->status));
    }
    return l2cap_move(s);
}

/* --- the command ------------------------------------------------------------------------------ */

/* Opens the files of --send and --receive.  0, or the exit status. */
static int l2cap_files(struct l2cap_tool *s)
{
    s->in = STDIN_FILENO;
    s->out = STDOUT_FILENO;
    if (s->send) {
        s->in = open(s->send, O_RDONLY);
        if (s->in < 0) {
            return tool_fail(&s->t, "%s: %s", s->send, strerror(errno));
        }
        off_t len = lseek(s->in, 0, SEEK_END);
        s->total = len > 0 ? (unsigned long long)len : 0;
        lseek(s->in, 0, SEEK_SET);
    }
    if (s->receive) {
        s->in = s->send ? s->in : -1;
        s->out = open(s->receive, O_WRONLY);
        if (s->out < 0 && errno == ENOENT) {
            s->out = open(s->receive, O_WRONLY | O_CREAT | O_EXCL, 0666);
            s->created = s->out >= 0;
        }
        if (s->out < 0) {
            return tool_fail(&s->t, "%s: %s", s->receive, strerror(errno));
        }
    }
    s->progress = (s->send || s->receive) && isatty(STDERR_FILENO);
    return 0;
}

/* Opens the files and the host, and closes them at the end.  Returns the exit status. */
static int l2cap_run(struct l2cap_tool *s, const char *wanted, uint16_t psm)
{
    const struct woad_security_policy policy = { .io = WOAD_IO_NONE,
                                                 .bond = true,
                                                 .no_pairing = true,
                                                 .allow_legacy = true,
                                                 .key_size_min = (uint8_t)s->t.key_size_min };
    char *path = NULL;
    int status = l2cap_files(s);
    if (status) {
        return status;
    }
    s->t.program = wanted ? "woad" : "woad-l2cap";
    if (!s->t.bonds) {
        s->t.bonds = path = tool_bonds_path(s->t.program);
    }
    status = tool_open(&s->t);
    if (!status) {
        woad_set_security_policy(s->t.h, &policy);
        status = l2cap_channel(s, wanted, psm);
        tool_close(&s->t);
    }
    if (s->receive && close(s->out) != 0 && !status) {
        status = tool_fail(&s->t, "%s: %s", s->receive, strerror(errno));
    }
    if (s->created) {
        unlink(s->receive);
    }
    free(path);
    return status;
}

/* Parses the command line: options, and the peer and PSM, or --listen. */
int tool_l2cap(int argc, char **argv)
{
    static struct l2cap_tool s = { .t = { .command = "l2cap", .event = l2cap_event, .ctx = &s },
                                   .name = "Woad l2cap",
                                   .timeout_s = 10 };
    static const struct tool_option options[] = {
        { "--listen", "PSM", "advertise, and wait for one channel", TOOL_NUMBER, &s.listen, 1,
          255 },
        { "--name", "NAME", "the name to listen with", TOOL_TEXT, &s.name, 0, 0 },
        { "--send", "FILE", "send this instead of standard input", TOOL_TEXT, &s.send, 0, 0 },
        { "--receive", "FILE", "write here what arrives, and send nothing", TOOL_TEXT, &s.receive,
          0, 0 },
        { "--timeout", "SECONDS", "to find the peer; from a connection to the channel; 10",
          TOOL_NUMBER, &s.timeout_s, 1, 3600 },
        { "--key-size-min", "OCTETS", "accept shorter keys of encryption, 7 to 16; 16", TOOL_NUMBER,
          &s.t.key_size_min, 7, 16 },
        { "--bonds", "FILE", "the file of bonds", TOOL_TEXT, &s.t.bonds, 0, 0 },
        { "--hci", "NAME", "the controller; else WOAD_HCI names it", TOOL_TEXT, &s.t.hci, 0, 0 },
        { NULL, NULL, NULL, TOOL_FLAG, NULL, 0, 0 },
    };
    static const struct tool_help help = {
        "l2cap", "[OPTION…] PEER PSM\n[OPTION…] --listen PSM",
        "A pipe through an L2CAP channel with credits.  What is read from standard input is sent,\n"
        "what arrives is written to standard output.  The end of the input closes the channel;\n"
        "with --receive, or where --listen has an empty input, only the peer closes it.\n"
        "Status 1: the channel has ended before the input.\n",
        "woad l2cap --listen 128 --receive copy\nwoad l2cap \"Woad l2cap\" 128 --send file\n",
        options
    };
    int status;
    char *end;
    if (!tool_parse(&help, &argc, argv, &status)) {
        return status;
    }
    if (s.listen) {
        if (argc > 0) {
            return tool_usage(&help, "--listen takes no peer");
        }
        return l2cap_run(&s, NULL, (uint16_t)s.listen);
    }
    if (argc != 2) {
        return tool_usage(&help, "name a peer and a PSM, or --listen PSM");
    }
    unsigned long psm = strtoul(argv[1], &end, 0);
    if (*end || end == argv[1] || psm < 1 || psm > 255) {
        return tool_usage(&help, "a PSM is 1 to 255, not \"%s\"", argv[1]);
    }
    return l2cap_run(&s, argv[0], (uint16_t)psm);
}
