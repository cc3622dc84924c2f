#define _GNU_SOURCE
#include "btsnoop.h"
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { HEAD = 24, LOCK_TRIES = 100, LOCK_MS = 10 };

/* Big-endian, as the format has it. */
static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

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

/* A log that is there goes on; into a new one, a pipe or a terminal goes a header. */
static int log_begin(int fd)
{
    static const uint8_t header[16] = { 'b', 't', 's', 'n', 'o', 'o', 'p', 0, 0, 0, 0, 1, 0, 0,
                                        0x03, 0xea };       /* version 1, H4 */
    uint8_t there[sizeof header];
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (S_ISREG(st.st_mode) && st.st_size > 0) {
        return pread(fd, there, sizeof there, 0) == sizeof there &&
               memcmp(there, header, sizeof header) == 0 ? 0 : -EBADMSG;
    }
    return write(fd, header, sizeof header) == sizeof header ? 0 : -errno;
}

int btsnoop_open(const char *path, bool keys)
{
    mode_t mode = keys ? 0600 : 0666;
    int flags = O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = above_stdio(open(path, flags, mode));
    if (fd < 0) {
        return fd;
    }
    int err = log_lock(fd) ? log_begin(fd) : -EBUSY;
    flock(fd, LOCK_UN);
    if (err) {
        close(fd);
    }
    return err ? err : fd;
}

uint64_t btsnoop_now(void)
{
    struct timeval tv;
    gettimeofday(&tv, NULL);
    return (uint64_t)tv.tv_sec * 1000000u + (uint64_t)tv.tv_usec;
}

/* Where in a command's parameters, in an event's, and behind the code of an SMP PDU there is what
 * nobody else may know. */
static const struct { uint16_t opcode; uint8_t at, len; } in_commands[] = {
    { 0x2017, 0, 32 },                   /* LE Encrypt: key, plain text */
    { 0x2019, 12, 16 },                  /* LE Enable Encryption: LTK */
    { 0x201a, 2, 16 },                   /* LE LTK Request Reply: LTK */
    { 0x2027, 7, 32 },                   /* LE Add Device To Resolving List: IRKs */
    { 0x2068, 15, 16 }, { 0x206b, 4, 16 },                 /* broadcast codes */
    { 0x040b, 6, 16 }, { 0x040d, 7, 16 },                  /* link key, PIN */
};

static size_t secret_in_command(const uint8_t *packet, size_t len, size_t *n)
{
    unsigned opcode = len > 4 ? packet[1] | (unsigned)packet[2] << 8 : 0;
    for (size_t k = 0; k < sizeof in_commands / sizeof *in_commands; k++) {
        if (in_commands[k].opcode == opcode) {
            *n = in_commands[k].len;
            return 4u + in_commands[k].at;
        }
    }
    return 0;
}

/* Command Complete of LE Encrypt and LE Rand: credits u8, opcode u16, status u8, 16 or 8.
 * LE Generate DHKey Complete: status u8, 32. */
static size_t secret_in_event(const uint8_t *packet, size_t len, size_t *n)
{
    if (len > 6 && packet[1] == 0x0e && packet[5] == 0x20 &&
        (packet[4] == 0x17 || packet[4] == 0x18)) {
        *n = 16;
        return 7;
    }
    *n = 32;
    return len > 4 && packet[1] == 0x3e && packet[3] == 0x09 ? 5 : 0;
}

/* handle and flags u16, length u16, L2CAP: length u16, channel u16; SMP: code u8, key 16. */
static size_t secret_in_data(const uint8_t *packet, size_t len, size_t *n)
{
    bool starts = len > 9 && (packet[2] >> 4 & 3) != 1;
    uint8_t code = starts && packet[7] == 6 && packet[8] == 0 ? packet[9] : 0;
    *n = 16;
    return code == 0x06 || code == 0x08 || code == 0x0a ? 10 : 0;
}

/* Where it begins, 0 for nowhere, and its length in *n, within the packet. */
static size_t find_secret(const uint8_t *packet, size_t len, size_t *n)
{
    size_t at = packet[0] == 1 ? secret_in_command(packet, len, n)
              : packet[0] == 4 ? secret_in_event(packet, len, n)
              : packet[0] == 2 ? secret_in_data(packet, len, n) : 0;
    if (!at || at >= len) {
        return 0;
    }
    *n = *n < len - at ? *n : len - at;
    return at;
}

size_t btsnoop_record(uint8_t r[BTSNOOP_RECORD], uint64_t us, bool received, const uint8_t *packet,
                      size_t len, bool keys)
{
    size_t n = 0, at = keys ? 0 : find_secret(packet, len, &n);
    size_t kept = len < BTSNOOP_RECORD - HEAD ? len : BTSNOOP_RECORD - HEAD;
    us += 0x00dcddb30f2f8000ull;         /* since the year 0, in the format's own counting */
    bool command_or_event = packet[0] == 1 || packet[0] == 4;
    put32(r, (uint32_t)len);
    put32(r + 4, (uint32_t)kept);
    put32(r + 8, (received ? 1u : 0) | (command_or_event ? 2u : 0));
    put32(r + 12, 0);
    put32(r + 16, (uint32_t)(us >> 32));
    put32(r + 20, (uint32_t)us);
    memcpy(r + HEAD, packet, kept);
    if (at) {
        memset(r + HEAD + at, 0, n);
    }
    return HEAD + kept;
}

/* A record in one piece, at the end: it stays whole beside those of other programs.  What did not
 * fit is taken back, unless another has written behind it. */
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
    int err = n < 0 ? -errno : -ENOSPC;
    off_t end = n > 0 ? lseek(log, 0, SEEK_CUR) : -1;
    if (end >= n && fstat(log, &st) == 0 && st.st_size == end && ftruncate(log, end - n) < 0) {
        return -errno;
    }
    return err;
}

int btsnoop_put(int log, uint64_t us, bool received, const uint8_t *packet, size_t len, bool keys)
{
    uint8_t record[BTSNOOP_RECORD];
    return log_write(log, record, btsnoop_record(record, us, received, packet, len, keys));
}
