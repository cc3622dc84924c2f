/* btsnoop logs: see btsnoop.h.
 *
 * Names of other files:
 *   fd_above_stdio(): moves a new descriptor above 2; or returns a negative errno
 *   fd_make_private(): makes a regular file readable for the user alone; 0 or a negative errno
 *   keys: keys are logged
 *   zeroed: state of the search for keys, which are logged as zeros */
#define _GNU_SOURCE
#include "btsnoop.h"
#include "transport.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

/* Octets of a packet that a record has; how often, and how long, the lock is waited for. */
enum { PACKET_MAX = 4096, LOCK_TRIES = 100, LOCK_MS = 10 };

/* Locks the log while its header is read or written: no other program appends a record then. */
static bool log_lock(int fd)
{
    int tries = 0;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && tries < LOCK_TRIES) {
        poll(NULL, 0, LOCK_MS);
        tries++;
    }
    return tries < LOCK_TRIES;
}

/* Checks the header of an existing log; writes it to a new one, a pipe or a terminal.  0 or a
 * negative errno; -EBADMSG: it is no log. */
static int log_begin(int fd)
{
    uint8_t header[WOAD_BTSNOOP_HEADER], there[sizeof header];
    woad_btsnoop_header(header);
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (S_ISREG(st.st_mode) && st.st_size > 0) {
        bool is_log = pread(fd, there, sizeof there, 0) == sizeof there &&
                      memcmp(there, header, sizeof header) == 0;
        if (is_log) {
            return 0;
        }
        return -EBADMSG;
    }
    if (write(fd, header, sizeof header) == sizeof header) {
        return 0;
    }
    return -errno;
}

/* Does not block: a pipe without a reader, or a log that another program keeps locked, is an
 * error. */
int btsnoop_open(struct btsnoop *log, const char *path, bool keys)
{
    mode_t mode = 0666;
    if (keys) {
        mode = 0600;
    }
    int flags = O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    *log = (struct btsnoop){ .fd = fd_above_stdio(open(path, flags, mode)), .keys = keys };
    int err = log->fd < 0 ? log->fd : 0;
    if (!err) {
        err = -EBUSY;
        if (log_lock(log->fd)) {
            err = log_begin(log->fd);
        }
        flock(log->fd, LOCK_UN);
    }
    if (!err && keys) {
        err = fd_make_private(log->fd);
    }
    if (err) {
        btsnoop_close(log);
    }
    return err;
}

/* Also a log that is closed already. */
void btsnoop_close(struct btsnoop *log)
{
    if (log->fd >= 0) {
        close(log->fd);
    }
    log->fd = -1;
}

/* Not the process's own clock: logs of several programs are compared. */
uint64_t btsnoop_now(void)
{
    struct timeval tv;
    gettimeofday(&tv, NULL);
    return (uint64_t)tv.tv_sec * 1000000u + (uint64_t)tv.tv_usec;
}

/* Appends a record by one write(), so that it stays whole if several programs share the log.  A
 * partial write is undone, unless another program has appended to it. */
static int log_write(int log, const uint8_t *record, size_t len)
{
    struct stat st;
    ssize_t n;
    do {
        n = write(log, record, len);
    } while (n < 0 && errno == EINTR);
    if (n == (ssize_t)len) {
        return 0;
    }
    int err = -ENOSPC;
    if (n < 0) {
        err = -errno;
    }
    off_t end = -1;
    if (n > 0) {
        end = lseek(log, 0, SEEK_CUR);
    }
    if (end >= n && fstat(log, &st) == 0 && st.st_size == end && ftruncate(log, end - n) < 0) {
        return -errno;
    }
    return err;
}

/* A packet with its H4 type. */
int btsnoop_put(struct btsnoop *log, uint64_t us, bool received, const uint8_t *packet, size_t len)
{
    uint8_t record[WOAD_BTSNOOP_RECORD + PACKET_MAX];
    struct woad_btsnoop_keys *zeroed = NULL;
    if (!log->keys) {
        zeroed = &log->zeroed;
    }
    size_t n = woad_btsnoop_record(record, sizeof record, zeroed, us, received, packet, len);
    return log_write(log->fd, record, n);
}
