/* A host for a sub-command of `woad`, with every feature: opened, waited for, closed.
 *
 * Names of other files:
 *   bond_file: of a tool: its open file of bonds; NULL: none is used
 *   down_error: of a tool: why the controller has failed
 *   ended: of a tool: its connection has ended; of the page's server: the air has closed its
 *       connections
 *   ended_reason: of a tool: why its connection has ended
 *   hci: of a tool: the controller's name; NULL: that of WOAD_HCI
 *   process_clock_fd(): wall: to be polled, too, then process_clock_read(); -1: none
 *   process_clock_is_virtual(): the process's time is that of `woad run --clock virtual`
 *   process_clock_us(): the process's time
 *   process_clock_wait(): virtual: waits for a moment, a packet, a signal or descriptors
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   TOOL_EXIT_FAILED: exit status after a message
 *   TOOL_GONE: end of a wait: the connection has ended */
#define _GNU_SOURCE
#include "tool_host.h"

#include "../ports/posix/clock.h"

#include <woad/crypto.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TURN_MS = 100, /* after which a wait looks for signals */
    UP_MS = 20000, /* for the controller to start */
    STOP_MS = 3000 /* for the host to stop */
};

static const struct woad_feature *const features[] = {
    &woad_feature_advertiser,     &woad_feature_scanner,
    &woad_feature_central,        &woad_feature_reconnection,
    &woad_feature_gatt_server,    &woad_feature_gatt_client,
    &woad_feature_long_values,    &woad_feature_link_control,
    &woad_feature_l2cap_channels, &woad_feature_security_manager,
    &woad_feature_resolving_list, &woad_feature_extended_advertising,
    &woad_feature_watchdog,       &woad_feature_vendor_init,
    &woad_feature_quirks,         NULL
};

/* --- signals ---------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

/* Handler of signals. */
static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* SA_RESETHAND: the second signal ends the program. */
void tool_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Set by on_signal(). */
bool tool_interrupted(void)
{
    return interrupted != 0;
}

/* --- messages --------------------------------------------------------------------------------- */

/* Standard output goes first, so that the lines are in order. */
int tool_fail(const struct tool *t, const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fprintf(stderr, "woad %s: ", t->command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return TOOL_EXIT_FAILED;
}

/* With advice for the user. */
int tool_ended(const struct tool *t, enum tool_end end, const char *doing)
{
    switch (end) {
    case TOOL_TIME:
        return tool_fail(t, "%s: no answer within the time limit; is the peer in range?", doing);
    case TOOL_STOPPED:
        if (t->output_closed) {
            return tool_fail(t, "%s: standard output is closed", doing);
        }
        return tool_fail(t, "%s: stopped", doing);
    case TOOL_DOWN:
        return tool_fail(t, "%s: the controller failed (%d: %s); check --hci or WOAD_HCI", doing,
                         t->down_error, woad_strerror(t->down_error));
    case TOOL_GONE:
        return tool_fail(t, "%s: the connection has ended: %s", doing,
                         woad_strerror(t->ended_reason));
    default: return 0;
    }
}

/* The state is kept: later ones return false, too. */
bool tool_flush(struct tool *t)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        t->output_closed = true;
    }
    return !t->output_closed;
}

/* Another status than 0 stays. */
int tool_status(struct tool *t, int status)
{
    if (!tool_flush(t) && status == 0) {
        return tool_fail(t, "standard output can't be written to");
    }
    return status;
}

/* --- the host --------------------------------------------------------------------------------- */

/* The host's event: notes what tool_wait() and tool_why() need, then calls the sub-command's. */
static void host_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct tool *t = ctx;
    if (t->bond_file) {
        woad_bond_file_event(t->bond_file, h, ev);
    }
    switch (ev->type) {
    case WOAD_EV_UP: t->up = true; break;
    case WOAD_EV_DOWN:
        t->down = true;
        t->down_error = ev->u.down.error;
        break;
    case WOAD_EV_CONNECT:
        t->conn = ev->conn;
        t->ended = false;
        break;
    case WOAD_EV_DISCONNECT:
        if (ev->conn == t->conn) {
            t->conn = WOAD_NO_CONN;
            t->ended = true;
            t->ended_reason = ev->u.disconnect.reason;
        }
        break;
    default: break;
    }
    if (t->event) {
        t->event(t, ev);
    }
}

/* Random numbers for the host. */
static int host_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    return woad_port_random(NULL, out, len);
}

/* The host's log. */
static void host_log(void *ctx, enum woad_log_level level, const char *message)
{
    (void)ctx;
    woad_port_log(NULL, level, message);
}

/* The capacities that a sub-command has not chosen. */
static void host_config(struct tool *t)
{
    struct woad_config *cfg = &t->cfg;
    cfg->features = features;
    cfg->event = host_event;
    cfg->ctx = t;
    cfg->crypto = &woad_psa;
    cfg->random = host_random;
    cfg->log = host_log;
    cfg->bonds = 32;
    cfg->mtu = cfg->mtu ? cfg->mtu : 517;
    cfg->mps = cfg->mps ? cfg->mps : 517;
    cfg->tx_queue = cfg->tx_queue ? cfg->tx_queue : 4096;
    cfg->subscriptions = cfg->subscriptions ? cfg->subscriptions : 32;
}

/* Opens the bond file, if the sub-command uses one.  0, or the exit status. */
static int host_bonds(struct tool *t)
{
    int error;
    if (!t->bonds) {
        return 0;
    }
    t->bond_file = woad_bond_file_open(t->bonds, &error);
    if (t->bond_file) {
        return 0;
    }
    if (error == -EBUSY) {
        return tool_fail(t, "%s is in use by another program; end that, or choose --bonds FILE",
                         t->bonds);
    }
    if (error == -EBADMSG) {
        return tool_fail(t, "%s is no file of bonds, or damaged; choose --bonds FILE", t->bonds);
    }
    return tool_fail(t, "%s: %s; choose --bonds FILE", t->bonds, strerror(-error));
}

/* Bonds, host, controller, in this order. */
int tool_open(struct tool *t)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    int error;
    tool_signals();
    t->conn = WOAD_NO_CONN;
    if (host_bonds(t)) {
        return TOOL_EXIT_FAILED;
    }
    host_config(t);
    size_t size = woad_size(&t->cfg);
    void *memory = malloc(size);
    t->h = woad_init(memory, size, &t->cfg);
    if (!t->h) {
        free(memory);
        tool_close(t);
        return tool_fail(t, "no memory");
    }
    t->port = woad_port_open_as(t->hci, t->program ? t->program : "woad", &error, message);
    if (!t->port) {
        tool_close(t);
        return tool_fail(t, "%s", message);
    }
    if (woad_port_vendor_init(t->port)) {
        woad_set_vendor_init(t->h, woad_port_vendor_init(t->port));
    }
    woad_start(t->h);
    enum tool_end end = tool_wait(t, &t->up, UP_MS);
    if (end == TOOL_TIME) {
        tool_fail(t, "the controller does not answer; check --hci or WOAD_HCI");
    } else if (end != TOOL_DONE) {
        tool_ended(t, end, "starting the controller");
    }
    if (end != TOOL_DONE) {
        tool_close(t);
        return TOOL_EXIT_FAILED;
    }
    return 0;
}

/* Waits until the host is down, so that connections are ended. */
void tool_close(struct tool *t)
{
    if (t->port && !t->down && woad_stop(t->h) == 0) {
        uint32_t start = woad_port_now_ms();
        while (!t->down && woad_port_now_ms() - start < STOP_MS) {
            woad_port_step(t->port, t->h, TURN_MS);
        }
    }
    if (t->bond_file) {
        woad_bond_file_poll(t->bond_file, true);
        int error = woad_bond_file_error(t->bond_file);
        if (error) {
            tool_fail(t, "%s was not written: %s", t->bonds, strerror(-error));
        }
        woad_bond_file_close(t->bond_file);
    }
    woad_port_close(t->port);
    free(t->h);
    t->h = NULL;
    t->port = NULL;
    t->bond_file = NULL;
}

/* --- waiting ---------------------------------------------------------------------------------- */

/* In virtual time the air is waited for, else the descriptors. */
void tool_port_wait(struct woad_port *port, int fd, uint32_t ms)
{
    if (process_clock_is_virtual()) {
        struct pollfd one = { fd, POLLIN, 0 };
        process_clock_wait(process_clock_us() + ms * 1000ull, &one, fd >= 0);
        return;
    }
    struct pollfd fds[3] = { { woad_port_fd(port), POLLIN, 0 },
                             { process_clock_fd(), POLLIN, 0 },
                             { fd, POLLIN, 0 } };
    if (woad_port_blocked(port)) {
        fds[0].events |= POLLOUT;
    }
    if (poll(fds, 3, (int)ms) > 0 && fds[1].revents) {
        process_clock_read();
    }
}

/* The most severe first. */
enum tool_end tool_why(const struct tool *t)
{
    if (t->down) {
        return TOOL_DOWN;
    }
    if (interrupted || t->output_closed) {
        return TOOL_STOPPED;
    }
    if (t->ended) {
        return TOOL_GONE;
    }
    return TOOL_DONE;
}

/* Packets and timers first, then a wait for the next, of TURN_MS at most. */
bool tool_step(struct tool *t, int fd, uint32_t ms)
{
    uint32_t wait;
    if (tool_why(t) != TOOL_DONE) {
        return false;
    }
    if (woad_port_pump(t->port, t->h, &wait) == 0) {
        uint32_t bonds = WOAD_FOREVER;
        if (t->bond_file) {
            bonds = woad_bond_file_poll(t->bond_file, false);
        }
        wait = wait < bonds ? wait : bonds;
        wait = wait < ms ? wait : ms;
        if (wait && tool_why(t) == TOOL_DONE) {
            tool_port_wait(t->port, fd, wait < TURN_MS ? wait : TURN_MS);
            woad_port_pump(t->port, t->h, &wait);
        }
    }
    return tool_why(t) == TOOL_DONE;
}

/* In turns of TURN_MS at most. */
enum tool_end tool_wait(struct tool *t, const bool *done, uint32_t ms)
{
    uint32_t start = woad_port_now_ms();
    while (!*done) {
        uint32_t gone = woad_port_now_ms() - start;
        enum tool_end end = tool_why(t);
        if (end != TOOL_DONE) {
            return end;
        }
        if (ms != WOAD_FOREVER && gone >= ms) {
            return TOOL_TIME;
        }
        tool_step(t, -1, ms == WOAD_FOREVER ? TURN_MS : ms - gone);
    }
    return TOOL_DONE;
}

/* --- the bond file's default name ------------------------------------------------------------- */

/* XDG_DATA_HOME/woad/NAME.bonds, or in ~/.local/share. */
char *tool_bonds_path(const char *name)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME"), *rest = "";
    char *folder, *path;
    if (!data || *data != '/') {
        data = home;
        rest = "/.local/share";
    }
    if (!data || *data != '/' || asprintf(&folder, "%s%s/woad", data, rest) < 0) {
        return NULL;
    }
    for (char *p = folder + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        mkdir(folder, 0700);
        *p = '/';
    }
    mkdir(folder, 0700);
    if (asprintf(&path, "%s/%s.bonds", folder, name) < 0) {
        path = NULL;
    }
    free(folder);
    return path;
}
