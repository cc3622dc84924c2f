/* One controller: a descriptor, what came, what waits to go. */
#define _GNU_SOURCE
#include <woad/port.h>
#include <woad/woad.h>

#include "btsnoop.h"
#include "h4.h"
#include "open.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct woad_port {
    int fd;
    bool packets, socket;
    struct h4 in;
    uint8_t out[H4_PACKET_MAX];
    size_t out_len;
    FILE *snoop;
    bool snoops_keys;                    /* keys as they are */
};

struct woad_port *woad_port_open(const char *spec, int *error, char why[WOAD_PORT_WHY])
{
    const char *log = getenv("WOAD_BTSNOOP"), *keys = getenv("WOAD_BTSNOOP_KEYS");
    struct woad_port *p = calloc(1, sizeof *p);
    if (!spec) {
        spec = getenv("WOAD_HCI");
    }
    if (!p) {
        *error = open_fail(why, ENOMEM, "no memory");
        return NULL;
    }
    p->snoops_keys = keys && *keys;
    p->fd = spec ? open_spec(spec, &p->packets, why) : open_user_air(why);
    if (p->fd >= 0 && log && *log && !(p->snoop = btsnoop_open(log))) {
        int err = errno;
        close(p->fd);
        p->fd = open_fail(why, err, "WOAD_BTSNOOP=%.100s: %s", log, strerror(err));
    }
    if (p->fd < 0) {
        *error = p->fd;
        free(p);
        return NULL;
    }
    int type;
    socklen_t len = sizeof type;
    p->socket = getsockopt(p->fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
    return p;
}

void woad_port_close(struct woad_port *p)
{
    if (p) {
        if (p->snoop) {
            fclose(p->snoop);
        }
        close(p->fd);
        free(p);
    }
}

int woad_port_fd(const struct woad_port *p) { return p->fd; }
bool woad_port_blocked(const struct woad_port *p) { return p->out_len != 0; }

static int port_fill(struct woad_port *p)
{
    size_t room;
    uint8_t *at = h4_space(&p->in, &room);
    ssize_t n;
    do {
        n = read(p->fd, at, room);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        h4_added(&p->in, (size_t)n);
        return 1;
    }
    return n < 0 && errno == EAGAIN ? 0 : n < 0 && errno != ECONNRESET ? -errno : -EIO;
}

int woad_port_read(struct woad_port *p, const uint8_t **packet)
{
    for (;;) {
        int n = h4_next(&p->in, packet);
        if (n < 0) {
            return -EBADMSG;
        }
        if (n > 0) {
            if (p->snoop) {
                btsnoop_put(p->snoop, btsnoop_now(), true, *packet, (size_t)n,
                            p->snoops_keys);
            }
            return n;
        }
        int got = port_fill(p);
        if (got <= 0) {
            return got;
        }
    }
}

static ssize_t port_send(struct woad_port *p, const uint8_t *data, size_t len)
{
    ssize_t n;
    do {
        n = p->socket ? send(p->fd, data, len, MSG_NOSIGNAL) : write(p->fd, data, len);
    } while (n < 0 && errno == EINTR);
    return n < 0 && errno == EAGAIN ? 0 : n < 0 ? -EIO : n;
}

static int port_flush(struct woad_port *p)
{
    ssize_t n = p->out_len ? port_send(p, p->out, p->out_len) : 0;
    if (n > 0) {
        p->out_len -= (size_t)n;
        memmove(p->out, p->out + n, p->out_len);
    }
    return n < 0 ? (int)n : 0;
}

int woad_port_write(struct woad_port *p, const uint8_t *packet, size_t len)
{
    if (p->out_len || len > sizeof p->out) {
        return -EBUSY;
    }
    if (p->snoop) {
        btsnoop_put(p->snoop, btsnoop_now(), false, packet, len, p->snoops_keys);
    }
    ssize_t n = port_send(p, packet, len);
    if (n < 0) {
        return (int)n;
    }
    p->out_len = len - (size_t)n;
    memcpy(p->out, packet + n, p->out_len);
    return 0;
}

uint32_t woad_port_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint32_t)((uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u);
}

int woad_port_flush(struct woad_port *p, struct woad *h)
{
    uint8_t packet[1024];
    int err = port_flush(p);
    while (!err && !p->out_len) {
        size_t n = woad_tx(h, packet, sizeof packet);
        if (!n) {
            break;
        }
        err = woad_port_write(p, packet, n);
    }
    return err;
}

/* Our answers go out before the next packet is looked at, so that order is kept. */
int woad_port_pump(struct woad_port *p, struct woad *h, uint32_t *wait_ms)
{
    const uint8_t *packet;
    *wait_ms = woad_poll(h, woad_port_now_ms());
    int n, err = woad_port_flush(p, h);
    while (!err && (n = woad_port_read(p, &packet)) != 0) {
        if (n < 0) {
            err = n;
            break;
        }
        woad_rx(h, packet, (size_t)n);
        err = woad_port_flush(p, h);
    }
    *wait_ms = woad_poll(h, woad_port_now_ms());
    err = err ? err : woad_port_flush(p, h);
    if (err) {
        woad_fail(h, err);
    }
    return err;
}

int woad_port_step(struct woad_port *p, struct woad *h, uint32_t max_ms)
{
    uint32_t wait;
    int err = woad_port_pump(p, h, &wait);
    if (err) {
        return err;
    }
    wait = wait < max_ms ? wait : max_ms;
    struct pollfd fd = { p->fd, (short)(POLLIN | (p->out_len ? POLLOUT : 0)), 0 };
    poll(&fd, 1, wait > 60000 ? 60000 : (int)wait);
    return woad_port_pump(p, h, &wait);
}
