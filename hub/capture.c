/* The capture file: see capture.h.
 *
 * Names of other files:
 *   filled: octets from `written` to `filled` are to be written
 *   record_lost: a packet was left out of the capture, for want of room
 *   fd_above_stdio(): moves a descriptor above 2; or a negative errno
 *   fd_make_private(): keys follow: only the user may read the file
 *   woad_port_now_ms(): the machine's time, ms */
#define _GNU_SOURCE
#include "capture.h"
#include "../transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAPTURE_ROOM = 1 << 18, HEADER_MAX = 64, LAST_MS = 500 }; /* octets, octets, ms */

/* A pipe, device or terminal.  A pipe without a reader is opened for reading, too, which does not
 * block. */
static int special_open(const char *path)
{
    int flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = open(path, O_WRONLY | flags);
    if (fd < 0 && errno == ENXIO) {
        fd = open(path, O_RDWR | flags);
    }
    return fd_above_stdio(fd);
}

/* A regular file: emptied only after all checks. */
static int regular_open(const char *path, const uint8_t *header, size_t len, bool keys)
{
    uint8_t there[HEADER_MAX];
    struct stat st;
    int fd =
        fd_above_stdio(open(path, O_RDWR | O_CREAT | O_NOCTTY | O_CLOEXEC, keys ? 0600 : 0666));
    if (fd < 0) {
        return fd;
    }
    int err = 0;
    if (fstat(fd, &st) < 0) {
        err = -errno;
    }
    if (!err && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        err = -EBUSY;
    }
    if (!err && st.st_size > 0) {
        if (pread(fd, there, len, 0) != (ssize_t)len || memcmp(there, header, len) != 0) {
            err = -EEXIST;
        }
    }
    if (!err && keys) {
        err = fd_make_private(fd);
    }
    if (!err && ftruncate(fd, 0) < 0) {
        err = -errno;
    }
    if (err) {
        close(fd);
        return err;
    }
    return fd;
}

/* Closes the capture; it can be put to and flushed still, without effect. */
static void capture_end(struct capture *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    free(c->buf);
    *c = (struct capture){ .fd = -1 };
}

int capture_open(struct capture *c, const char *path, const uint8_t *header, size_t len, bool keys)
{
    struct stat st;
    bool special = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    *c = (struct capture){ .fd = -1, .buf = malloc(CAPTURE_ROOM) };
    int fd = -ENOMEM;
    if (c->buf) {
        if (special) {
            fd = special_open(path);
        } else {
            fd = regular_open(path, header, len, keys);
        }
    }
    if (fd < 0) {
        capture_end(c);
        return fd;
    }
    c->fd = fd;
    capture_put(c, header, len);
    return 0;
}

int capture_flush(struct capture *c)
{
    while (c->fd >= 0 && c->written < c->filled) {
        ssize_t n = write(c->fd, c->buf + c->written, c->filled - c->written);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return 0;
        }
        if (n <= 0) {
            int err = -EIO;
            if (n < 0) {
                err = -errno;
            }
            capture_end(c);
            return err;
        }
        c->written += (size_t)n;
    }
    c->written = c->filled = 0;
    return 0;
}

/* Makes room by writing without blocking.  Errors are ignored: the next flush meets them again. */
static void capture_make_room(struct capture *c, size_t len)
{
    ssize_t n = 0;
    if (c->filled + len > CAPTURE_ROOM && c->written < c->filled) {
        n = write(c->fd, c->buf + c->written, c->filled - c->written);
    }
    c->written += n > 0 ? (size_t)n : 0;
    if (c->filled + len > CAPTURE_ROOM) {
        memmove(c->buf, c->buf + c->written, c->filled - c->written);
        c->filled -= c->written;
        c->written = 0;
    }
}

void capture_put(struct capture *c, const uint8_t *record, size_t len)
{
    if (c->fd < 0) {
        return;
    }
    capture_make_room(c, len);
    if (c->filled + len > CAPTURE_ROOM) {
        c->record_lost = true;
        return;
    }
    memcpy(c->buf + c->filled, record, len);
    c->filled += len;
}

bool capture_waits(const struct capture *c)
{
    return c->fd >= 0 && c->written < c->filled;
}

int capture_close(struct capture *c)
{
    uint32_t start = woad_port_now_ms(), passed = 0;
    int err = capture_flush(c);
    while (!err && capture_waits(c) && passed < LAST_MS) {
        struct pollfd p = { c->fd, POLLOUT, 0 };
        poll(&p, 1, (int)(LAST_MS - passed));
        err = capture_flush(c);
        passed = woad_port_now_ms() - start;
    }
    if (!err && capture_waits(c)) {
        err = -EAGAIN;
    }
    capture_end(c);
    return err;
}
