/* btsnoop logs: see btsnoop.h. */
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

enum { HEAD = 24, LOCK_TRIES = 100, LOCK_MS = 10 };

/* The format is big-endian. */
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

/* Checks the header of an existing log; writes it to a new one, a pipe or a terminal. */
static int log_begin(int fd)
{
    static const uint8_t header[16] = {
        'b', 't', 's', 'n', 'o', 'o', 'p', 0, 0, 0, 0, 1, 0, 0, 0x03, 0xea
    }; /* version 1, H4 */
    uint8_t there[sizeof header];
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

void btsnoop_close(struct btsnoop *log)
{
    if (log->fd >= 0) {
        close(log->fd);
    }
    log->fd = -1;
}

uint64_t btsnoop_now(void)
{
    struct timeval tv;
    gettimeofday(&tv, NULL);
    return (uint64_t)tv.tv_sec * 1000000u + (uint64_t)tv.tv_usec;
}

/* Secrets in commands: offset in the parameters, length. */
static const struct {
    uint16_t opcode;
    uint8_t at, len;
} in_commands[] = {
    { 0x2017, 0, 32 },  /* LE Encrypt: key, plain text */
    { 0x2019, 12, 16 }, /* LE Enable Encryption: LTK */
    { 0x201a, 2, 16 },  /* LE LTK Request Reply: LTK */
    { 0x2027, 7, 32 },  /* LE Add Device To Resolving List: IRKs */
    { 0x2068, 15, 16 }, { 0x2069, 20, 16 }, { 0x206b, 4, 16 }, /* broadcast codes */
    { 0x040b, 6, 16 },  { 0x040d, 7, 16 },                     /* link key, PIN */
    { 0x0433, 6, 32 },  { 0x0445, 6, 64 },                     /* of pairing out of band */
};

/* Offset of a secret in the packet, 0: none; *n: its length. */
static size_t secret_in_command(const uint8_t *packet, size_t len, size_t *n)
{
    unsigned opcode = 0;
    if (len > 4) {
        opcode = packet[1] | (unsigned)packet[2] << 8;
    }
    for (size_t k = 0; k < sizeof in_commands / sizeof *in_commands; k++) {
        if (in_commands[k].opcode == opcode) {
            *n = in_commands[k].len;
            return 4u + in_commands[k].at;
        }
    }
    return 0;
}

/* Command Complete of LE Encrypt and LE Rand: credits u8, opcode u16, status u8, 16 or 8.
 * LE Generate DHKey Complete: status u8, 32.  Link Key Notification: address 6, 16. */
static size_t secret_in_event(const uint8_t *packet, size_t len, size_t *n)
{
    if (len > 6 && packet[1] == 0x0e && packet[5] == 0x20 &&
        (packet[4] == 0x17 || packet[4] == 0x18)) {
        *n = 16;
        return 7;
    }
    if (len > 1 && packet[1] == 0x18) {
        *n = 16;
        return 9;
    }
    *n = 32;
    if (len > 4 && packet[1] == 0x3e && packet[3] == 0x09) {
        return 5;
    }
    return 0;
}

/* Zeros n octets from `at` on, up to the end of the record. */
static void wipe(uint8_t *octets, size_t len, size_t at, size_t n)
{
    if (at < len) {
        size_t part = len - at;
        if (n < len - at) {
            part = n;
        }
        memset(octets + at, 0, part);
    }
}

static struct btsnoop_cut *cut_find(struct btsnoop_cuts *cuts, uint16_t handle, bool received)
{
    for (size_t k = 0; k < BTSNOOP_CUTS; k++) {
        struct btsnoop_cut *c = &cuts->pdu[k];
        if (c->used && c->handle == handle && c->from_controller == received) {
            return c;
        }
    }
    return NULL;
}

static struct btsnoop_cut *cut_new(struct btsnoop_cuts *cuts)
{
    for (size_t k = 0; k < BTSNOOP_CUTS; k++) {
        if (!cuts->pdu[k].used) {
            return &cuts->pdu[k];
        }
    }
    return &cuts->pdu[cuts->next++ % BTSNOOP_CUTS];
}

/* L2CAP: length u16, channel u16; SMP: code u8, key 16.  Zeros those of the `len` octets that are
 * part of a key, and notes what the next part needs to know. */
static void cut_wipe(struct btsnoop_cut *c, uint8_t *octets, size_t len)
{
    enum { SMP_CHANNEL = 6, KEY = 16 };
    size_t n = 0;
    while (c->received_len + n < BTSNOOP_PDU_HEAD && n < len) {
        c->head[c->received_len + n] = octets[n];
        n++;
    }
    const uint8_t *head = c->head;
    bool key = c->received_len + n >= BTSNOOP_PDU_HEAD && head[2] == SMP_CHANNEL && head[3] == 0 &&
               (head[4] == 0x06 || head[4] == 0x08 || head[4] == 0x0a);
    size_t end = BTSNOOP_PDU_HEAD + KEY, from = c->received_len + n;
    if (key && from < end) {
        wipe(octets, len, n, end - from);
    }
    c->received_len =
        (uint16_t)(c->received_len + len < UINT16_MAX ? c->received_len + len : UINT16_MAX);
}

/* Whether more octets of the PDU follow. */
static bool cut_goes_on(const struct btsnoop_cut *c)
{
    return c->received_len < 4 || c->received_len < 4u + c->head[0] + ((unsigned)c->head[1] << 8);
}

/* ACL data: handle and flags u16, length u16.  A packet that continues an unknown PDU (the table
 * was full) is all zeros. */
static void wipe_data(struct btsnoop_cuts *cuts, bool received, uint8_t *packet, size_t len)
{
    enum { HEADER = 5, CONTINUES = 1 };
    if (len < HEADER) {
        return;
    }
    uint16_t handle = (uint16_t)((packet[1] | packet[2] << 8) & 0xfff);
    struct btsnoop_cut *c = cut_find(cuts, handle, received);
    struct btsnoop_cut now = { .used = true, .from_controller = received, .handle = handle };
    if ((packet[2] >> 4 & 3) == CONTINUES) {
        if (!c) {
            wipe(packet, len, HEADER, len);
            return;
        }
        now = *c;
    }
    cut_wipe(&now, packet + HEADER, len - HEADER);
    if (c) {
        c->used = false;
    }
    if (cut_goes_on(&now)) {
        if (!c) {
            c = cut_new(cuts);
        }
        *c = now;
    }
}

static void wipe_keys(struct btsnoop_cuts *cuts, bool received, uint8_t *packet, size_t len)
{
    size_t n = 0, at = 0;
    if (packet[0] == 2) {
        wipe_data(cuts, received, packet, len);
    } else if (packet[0] == 1) {
        at = secret_in_command(packet, len, &n);
    } else if (packet[0] == 4) {
        at = secret_in_event(packet, len, &n);
    }
    if (at) {
        wipe(packet, len, at, n);
    }
}

size_t btsnoop_record(uint8_t r[BTSNOOP_RECORD], struct btsnoop_cuts *cuts, uint64_t us,
                      bool received, const uint8_t *packet, size_t len)
{
    size_t kept = len;
    if (BTSNOOP_RECORD - HEAD < len) {
        kept = BTSNOOP_RECORD - HEAD;
    }
    us += 0x00dcddb30f2f8000ull; /* the format counts from the year 0 */
    bool command_or_event = packet[0] == 1 || packet[0] == 4;
    put32(r, (uint32_t)len);
    put32(r + 4, (uint32_t)kept);
    put32(r + 8, (uint32_t)received | (uint32_t)command_or_event << 1);
    put32(r + 12, 0);
    put32(r + 16, (uint32_t)(us >> 32));
    put32(r + 20, (uint32_t)us);
    memcpy(r + HEAD, packet, kept);
    if (cuts) {
        wipe_keys(cuts, received, r + HEAD, kept);
    }
    return HEAD + kept;
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

int btsnoop_put(struct btsnoop *log, uint64_t us, bool received, const uint8_t *packet, size_t len)
{
    uint8_t record[BTSNOOP_RECORD];
    struct btsnoop_cuts *cuts = NULL;
    if (!log->keys) {
        cuts = &log->cuts;
    }
    return log_write(log->fd, record, btsnoop_record(record, cuts, us, received, packet, len));
}
