/* woad/port.h for PCs: joins one transport, its framing and a host.  Opens it by name or by
 * environment, moves packets, and logs them.  port.h says what each woad_port_ function is for.
 *
 * Names of other files:
 *   blocked: of a port: octets wait for room in the socket
 *   broadcom_patch_open(): opens the patch file of a Broadcom part
 *   CLOCK_NEVER: no limit: later than any time
 *   clock_port: the port's share in the process's time: clock.h
 *   counted: of a port: its octets count for the air's time
 *   framing: packets in a stream of octets, with buffers: transport/framing.h
 *   framing_due(): runs H5's timers; returns ms until the next call
 *   framing_failed(): the peer has restarted the H5 link, or does not acknowledge
 *   framing_next(): length of the next packet; 0: none is complete; -1: no H4, or the H5 link
 *       has failed
 *   framing_out(): the octets to be written now; framing_written() gets how many were
 *   framing_ready(): framing_put() can take a packet
 *   framing_resync(): octets up to the answer to HCI_Reset are dropped
 *   hci_transport: how packets reach the controller: descriptor or functions:
 *       transport/transport.h
 *   ops: functions in the place of read() and write(); NULL: none
 *   patch: path of the patch file; "": none
 *   process_clock_add(): joins the air's time, if the port leads to `woad air`
 *   process_clock_await_air(): wall: after a wait: the air has read how long this process waits
 *   process_clock_before_write(): virtual: brings the air to the process's time
 *   process_clock_fd(): wall: to be polled, too, then process_clock_read(); -1: none
 *   process_clock_say(): wall: tells the air until when the process has nothing to do; true: it
 *       reads packets
 *   process_clock_us(): the process's time: the air's while it has one
 *   process_clock_wait(): virtual: waits for a moment, a packet, a signal or descriptors
 *   serial: of a transport: a serial line, which may start in the middle of a packet; of a WAKE:
 *       its number, which the next message repeats
 *   three_wire: H5, else H4
 *   transport_fail(): formats `message`, and returns the error as a negative errno
 *   transport_open_as(): connects to a controller by its name; `program` is for a simulated
 *       radio
 *   until_us: of a port: when its host wants to run next; CLOCK_NEVER: by packets only
 *   user_air_open(): connects to this user's simulated radio, and starts it if it does not run
 *   woad_clock(): the host's time
 *   woad_fail(): the host ends, because its transport has failed
 *   woad_poll(): runs the host's deadlines; returns ms until the next */
#define _GNU_SOURCE
#include <woad/port.h>
#include <woad/woad.h>

#include "../../hub/user_air.h"
#include "../../transport/btsnoop.h"
#include "../../transport/framing.h"
#include "../../transport/open.h"
#include "broadcom_patch.h"
#include "clock.h"
#include "pump.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct woad_port {
    struct hci_transport transport;
    bool socket; /* send() without SIGPIPE, not write() */
    struct framing framing;
    struct broadcom_patch patch; /* its file NULL: none */
    struct btsnoop log;          /* its fd -1: none */
    struct clock_port clock;
    bool behind;           /* the last pump left packets unread */
    uint32_t behind_since; /* ms: since when, if it is */
};

/* Limits of one pump: a controller may never stop sending, and a program's handler may be slow.
 * While packets are unread the host's clock stands still, so that it does not time out on an answer
 * that has arrived, but for BEHIND_MS at most.  STOPPED_MS: a pump that takes longer was stopped.
 */
enum { PUMP_PACKETS = 64, PUMP_MS = 10, BEHIND_MS = 1000, STOPPED_MS = 200 };

enum { TO_HOST = false }; /* framing_resync(): drops octets up to the answer to HCI_Reset */
enum { READS = true };    /* process_clock_say(): a packet ends the waiting */

/* Frees what woad_port_open_as() has opened so far, but the framing and the clock. */
static void port_free(struct woad_port *p)
{
    btsnoop_close(&p->log);
    broadcom_patch_close(&p->patch);
    transport_close(&p->transport);
    free(p);
}

/* WOAD_BTSNOOP.  0, or a negative errno with a sentence in `message`. */
static int port_open_log(struct woad_port *p, const char *path, char message[WOAD_PORT_MESSAGE_MAX])
{
    const char *keys = getenv("WOAD_BTSNOOP_KEYS");
    int err = btsnoop_open(&p->log, path, keys && *keys);
    if (err == -EBADMSG) {
        return transport_fail(message, EBADMSG,
                              "WOAD_BTSNOOP=%.100s is no such log, and is left as it is", path);
    }
    if (err) {
        return transport_fail(message, -err, "WOAD_BTSNOOP=%.100s: %s", path, strerror(-err));
    }
    return 0;
}

/* The path of this program's executable; "" where the system does not say. */
static const char *port_executable(char path[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[n > 0 ? n : 0] = '\0';
    return path;
}

/* woad_port_open_as() with the name of the process's program. */
struct woad_port *woad_port_open(const char *spec, int *error, char message[WOAD_PORT_MESSAGE_MAX])
{
    return woad_port_open_as(spec, NULL, error, message);
}

/* Without `spec` WOAD_HCI names the controller, else it is this user's simulated radio.
 * WOAD_NAME replaces `program`; WOAD_BTSNOOP names a log. */
struct woad_port *woad_port_open_as(const char *spec, const char *program, int *error,
                                    char message[WOAD_PORT_MESSAGE_MAX])
{
    const char *log = getenv("WOAD_BTSNOOP"), *name = getenv("WOAD_NAME");
    char path[PATH_MAX];
    struct woad_port *p = calloc(1, sizeof *p);
    if (!spec) {
        spec = getenv("WOAD_HCI");
    }
    if (!p) {
        *error = transport_fail(message, ENOMEM, "no memory");
        return NULL;
    }
    p->transport.fd = p->log.fd = -1;
    if (name && *name) {
        program = name;
    } else if (!program) {
        program = port_executable(path);
    }
    *error = spec ? transport_open_as(spec, program, &p->transport, message)
                  : user_air_open(program, &p->transport, message);
    if (*error == 0 && log && *log) {
        *error = port_open_log(p, log, message);
    }
    if (*error == 0 && p->transport.patch[0]) {
        *error = broadcom_patch_open(&p->patch, &p->transport, message);
    }
    if (*error == 0 && framing_init(&p->framing, p->transport.three_wire) < 0) {
        *error = transport_fail(message, ENOMEM, "no memory");
    }
    if (*error) {
        port_free(p);
        return NULL;
    }
    int type;
    socklen_t len = sizeof type;
    p->socket = getsockopt(p->transport.fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
    atomic_store(&p->clock.until_us, CLOCK_NEVER);
    process_clock_add(&p->clock, p->transport.fd, program);
    return p;
}

/* NULL: nothing. */
void woad_port_close(struct woad_port *p)
{
    if (p) {
        process_clock_remove(&p->clock);
        framing_free(&p->framing);
        port_free(p);
    }
}

/* NULL: the name has no patch file. */
const struct woad_vendor_init *woad_port_vendor_init(const struct woad_port *p)
{
    if (p->patch.file) {
        return &p->patch.vendor_init;
    }
    return NULL;
}

/* To be polled for reading. */
int woad_port_fd(const struct woad_port *p)
{
    return p->transport.fd;
}

/* Whether it is to be polled for writing, too. */
bool woad_port_blocked(const struct woad_port *p)
{
    return p->framing.out_off != p->framing.out_len;
}

/* 1: octets arrived; 0: none; or a negative errno. */
static int port_receive(struct woad_port *p)
{
    size_t room;
    uint8_t *at = framing_space(&p->framing, &room);
    ssize_t n;
    do {
        n = p->transport.ops ? p->transport.ops->read(p->transport.usb, at, room)
                             : read(p->transport.fd, at, room);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        atomic_fetch_add(&p->clock.read, (unsigned long long)n);
        framing_added(&p->framing, (size_t)n);
        return 1;
    }
    if (n < 0 && errno == EAGAIN) {
        return 0;
    }
    p->clock.counted = false; /* the air counts it no more, either */
    if (n < 0 && errno != ECONNRESET) {
        return -errno;
    }
    return -EIO;
}

/* If the log cannot be written it is closed, and the port goes on without it.  The user set it by
 * an environment variable, so the message goes to standard error. */
static void port_log_packet(struct woad_port *p, bool received, const uint8_t *packet, size_t len)
{
    if (p->log.fd < 0) {
        return;
    }
    int err = btsnoop_put(&p->log, btsnoop_now(), received, packet, len);
    if (err) {
        fprintf(stderr, "woad: WOAD_BTSNOOP: %s: the log ends here\n", strerror(-err));
        btsnoop_close(&p->log);
    }
}

/* Octets written, 0: no room, or a negative errno. */
static ssize_t port_send(struct woad_port *p, const uint8_t *data, size_t len)
{
    ssize_t n;
    do {
        if (p->transport.ops) {
            n = p->transport.ops->write(p->transport.usb, data, len);
        } else if (p->socket) {
            n = send(p->transport.fd, data, len, MSG_NOSIGNAL);
        } else {
            n = write(p->transport.fd, data, len);
        }
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno == EAGAIN) {
            return 0;
        }
        return -EIO;
    }
    return n;
}

/* Writes until the transport has no room.  0 or a negative errno. */
static int port_flush(struct woad_port *p)
{
    size_t len;
    const uint8_t *out;
    p->clock.blocked = false;
    while (out = framing_out(&p->framing, &len), len) {
        process_clock_before_write(&p->clock);
        ssize_t n = port_send(p, out, len);
        p->clock.blocked = n == 0;
        if (n <= 0) {
            return (int)n;
        }
        atomic_fetch_add(&p->clock.written, (unsigned long long)n);
        framing_written(&p->framing, (size_t)n);
    }
    return 0;
}

/* Runs the timers of H5 and sends its answers, for programs that only call read and write. */
static int port_run_h5(struct woad_port *p)
{
    if (!p->transport.three_wire) {
        return 0;
    }
    framing_due(&p->framing, woad_port_now_ms());
    return port_flush(p);
}

/* Length of the next packet; 0: none has arrived; or a negative errno. */
int woad_port_read(struct woad_port *p, const uint8_t **packet)
{
    for (;;) {
        int n = framing_next(&p->framing, packet);
        if (n < 0) {
            framing_resync(&p->framing, TO_HOST);
            if (p->transport.three_wire) {
                return -EIO;
            }
            return -EBADMSG;
        }
        if (n > 0) {
            port_log_packet(p, true, *packet, (size_t)n);
            return n;
        }
        int got = port_receive(p);
        if (got <= 0) {
            if (got < 0) {
                return got;
            }
            return port_run_h5(p);
        }
    }
}

/* Whether this is HCI_Reset on a serial line: octets received before its answer are dropped then,
 * because they may begin in the middle of a packet. */
static bool port_is_reset(const struct woad_port *p, const uint8_t *packet, size_t len)
{
    return p->transport.serial && len == 4 && memcmp(packet, "\1\3\14", 4) == 0;
}

/* EBUSY: the three-wire link is not active, or the last packet is not yet written. */
int woad_port_write(struct woad_port *p, const uint8_t *packet, size_t len)
{
    int err = len > WOAD_H4_PACKET_MAX ? -EINVAL : port_run_h5(p);
    if (err) {
        return err;
    }
    if (!framing_ready(&p->framing)) {
        if (framing_failed(&p->framing)) {
            return -EIO;
        }
        return -EBUSY;
    }
    if (port_is_reset(p, packet, len)) {
        framing_resync(&p->framing, TO_HOST);
    }
    port_log_packet(p, false, packet, len);
    framing_put(&p->framing, packet, len);
    return port_flush(p);
}

/* Writes the host's packets while there is room. */
int woad_port_flush(struct woad_port *p, struct woad *h)
{
    uint8_t packet[1024];
    int err = port_flush(p);
    while (!err && framing_ready(&p->framing)) {
        woad_clock(h, woad_port_now_ms()); /* a command's time limit counts from when it is sent */
        size_t n = woad_tx(h, packet, sizeof packet);
        if (!n) {
            break;
        }
        err = woad_port_write(p, packet, n);
    }
    return err;
}

/* ms until the host or H5 has something to do. */
static uint32_t port_due(struct woad_port *p, struct woad *h)
{
    uint32_t now = woad_port_now_ms(), wait = woad_poll(h, now);
    uint32_t line = framing_due(&p->framing, now);
    if (wait < line) {
        return wait;
    }
    return line;
}

/* Moves packets up to the limits of one pump.  The host's answers are sent before the next packet
 * is read, so that order is kept.  True: there may be more packets. */
static bool port_move(struct woad_port *p, struct woad *h, int *err)
{
    const uint8_t *packet;
    uint32_t start = woad_port_now_ms();
    int n = 1, left = PUMP_PACKETS;
    *err = woad_port_flush(p, h);
    while (!*err && left && (n = woad_port_read(p, &packet)) > 0) {
        woad_rx(h, packet, (size_t)n);
        *err = woad_port_flush(p, h);
        left = woad_port_now_ms() - start < PUMP_MS ? left - 1 : 0;
    }
    if (n < 0) {
        *err = n;
    }
    return n > 0 && !*err;
}

/* Whether to advance the host's clock: see BEHIND_MS. */
static bool port_may_advance_clock(struct woad_port *p, bool more)
{
    uint32_t now = woad_port_now_ms();
    if (more && !p->behind) {
        p->behind_since = now;
    }
    p->behind = more;
    return !more || now - p->behind_since >= BEHIND_MS;
}

/* One turn: packets, then the host's deadlines, and the packets of those. *wait_ms: until the
 * next turn; 0: at once. An error has ended the host. */
int port_pump(struct woad_port *p, struct woad *h, uint32_t *wait_ms)
{
    int err;
    uint32_t start = woad_port_now_ms();
    woad_clock(h, start);
    /* Stopped meanwhile (SIGSTOP, a laptop that slept): what has arrived is read before time goes
     * on. */
    bool more = port_move(p, h, &err) || woad_port_now_ms() - start > STOPPED_MS;
    *wait_ms = 0;
    if (port_may_advance_clock(p, more)) {
        *wait_ms = port_due(p, h);
        if (!err) {
            err = woad_port_flush(p, h);
        }
    }
    if (more) {
        *wait_ms = 0;
    }
    if (err) {
        woad_fail(h, err);
    }
    return err;
}

/* The moment of this process's clock that is `ms` from now. */
static uint64_t port_after(uint32_t ms)
{
    if (ms == WOAD_FOREVER) {
        return CLOCK_NEVER;
    }
    return process_clock_us() + ms * 1000ull;
}

/* Reads, runs the host and writes, and says how long the program may wait. */
int woad_port_pump(struct woad_port *p, struct woad *h, uint32_t *wait_ms)
{
    int err = port_pump(p, h, wait_ms);
    if (!err) { /* the program is expected to wait now */
        atomic_store(&p->clock.until_us, port_after(*wait_ms));
        process_clock_say(CLOCK_NEVER, READS);
    }
    return err;
}

/* Until packets, or room for them, or a moment of the process's clock. */
static void port_sleep(struct woad_port *p, uint64_t until_us)
{
    short events = (short)(POLLIN | (woad_port_blocked(p) ? POLLOUT : 0));
    if (process_clock_is_virtual()) {
        process_clock_wait(until_us, NULL, 0);
        return;
    }
    atomic_store(&p->clock.until_us, until_us);
    process_clock_say(CLOCK_NEVER, READS);
    uint64_t now = process_clock_us();
    while (now < until_us) {
        struct pollfd fds[2] = { { p->transport.fd, events, 0 },
                                 { process_clock_fd(), POLLIN, 0 } };
        uint64_t ms = (until_us - now + 999) / 1000;
        int n = poll(fds, 2, ms > 60000 ? 60000 : (int)ms);
        if (fds[1].revents) {
            process_clock_read();
        }
        if (n < 0 || fds[0].revents || ms > 60000) {
            return; /* also after a minute: to be called again */
        }
        if (n == 0) {
            process_clock_await_air();
        }
        now = process_clock_us();
    }
}

/* Works, waits for the next packet or deadline, and works again. */
int woad_port_step(struct woad_port *p, struct woad *h, uint32_t max_ms)
{
    uint32_t wait;
    int err = port_pump(p, h, &wait);
    if (err) {
        return err;
    }
    if (wait > max_ms) {
        wait = max_ms;
    }
    port_sleep(p, port_after(wait));
    return port_pump(p, h, &wait);
}
