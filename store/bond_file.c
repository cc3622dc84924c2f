/* Bonds in a file.  Each change writes a complete temporary file beside it and renames that over
 * the old one, so that a crash leaves the old file or the new one.  The file is locked while it is
 * open; a new one is locked before it gets the name.
 *
 * Names of other files:
 *   cccd: the peer's subscriptions, `cccds` of them
 *   client_features: what the peer has written as a client
 *   csrk: the peer's key of signatures
 *   database: hash of our attributes that the peer knows as a client; 0: none
 *   fd_above_stdio(): moves a new descriptor above 2; or returns a negative errno
 *   flags: of a bond: WOAD_BOND_SECURE 1, WOAD_BOND_AUTHENTICATED 2
 *   own_ltk: the key for when the peer is central
 *   own_signs: next counter value of our signatures
 *   peer_ltk: the key for when the peer is peripheral
 *   signs: next counter value of the peer's signatures
 *   woad_bond_change: what has happened to a bond: NEW, CHANGED (counters, subscriptions), GONE
 *   woad_bond_store_event(): calls load, find, keep or attempts, as the host's event says
 *   woad_port_random(): random octets of the system; 0: success */
#define _GNU_SOURCE
#include <woad/port.h>
#include <woad/woad.h>

#include "../transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ms between writes, after a failed one; octets of the head, a bond without CCCDs, the CRC. */
enum { OPEN_TRIES_MAX = 100, PAUSE_MS = 1000, RETRY_MS = 10000 };
enum { BONDS_MAX = 255, ATTEMPTS_MAX = 16, HEAD = 9 + 16 + 2 + 2, RECORD = 125, TAIL = 4 };
static const uint8_t magic[9] = { 'W', 'O', 'A', 'D', 'B', 'O', 'N', 'D', 2 };

/* Failed pairings with one peer, for the growing delay before the next. */
struct attempt {
    struct woad_addr peer;
    uint8_t failures;
};

struct woad_bond_file {
    char *path, *temp_path, *folder; /* absolute, without symbolic links */
    int fd;                          /* locked; -1: not made yet */
    int error;                       /* of the last write */
    bool dirty;                      /* changed since the last write */
    bool was_written;                /* last_write_ms is valid */
    uint32_t last_write_ms;          /* woad_port_now_ms() of the last try */
    uint8_t irk[16];                 /* ours */
    size_t n, n_attempts;
    struct woad_bond bond[BONDS_MAX];     /* last used first; each owns its `cccd` */
    struct attempt attempt[ATTEMPTS_MAX]; /* last failure first */
};

/* --- octets ----------------------------------------------------------------------------------- */

static uint32_t crc32(const uint8_t *p, size_t len)
{
    uint32_t crc = 0xffffffffu;
    for (size_t n = 0; n < len; n++) {
        crc ^= p[n];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static void put(uint8_t **at, const void *src, size_t len)
{
    memcpy(*at, src, len);
    *at += len;
}

static void put_number(uint8_t **at, uint32_t v, size_t octets)
{
    for (; octets; octets--, v >>= 8) {
        *(*at)++ = (uint8_t)v;
    }
}

/* Peer type u8, address 6, flags u8, key size u8, bits of the keys present u8, own LTK 16, Rand 8,
 * EDIV u16, the peer's LTK 16, Rand 8, EDIV u16, IRK 16, CSRK 16, own CSRK 16, the SignCounters
 * u32, u32, client features u8, database hash u32, n u16, n times { CCCD handle u16, value u16 } */
static void put_bond(uint8_t **at, const struct woad_bond *b)
{
    put(at, &b->peer.type, 1);
    put(at, b->peer.octet, 6);
    put_number(at, b->flags, 1);
    put_number(at, b->key_size, 1);
    *(*at)++ = (uint8_t)(b->has_own_ltk | b->has_peer_ltk << 1 | b->has_irk << 2 |
                         b->has_csrk << 3 | b->has_own_csrk << 4);
    put(at, b->own_ltk, 16);
    put(at, b->own_rand, 8);
    put_number(at, b->own_ediv, 2);
    put(at, b->peer_ltk, 16);
    put(at, b->peer_rand, 8);
    put_number(at, b->peer_ediv, 2);
    put(at, b->irk, 16);
    put(at, b->csrk, 16);
    put(at, b->own_csrk, 16);
    put_number(at, b->signs, 4);
    put_number(at, b->own_signs, 4);
    put_number(at, b->client_features, 1);
    put_number(at, b->database, 4);
    put_number(at, b->cccds, 2);
    for (size_t n = 0; n < b->cccds; n++) {
        put_number(at, b->cccd[n].handle, 2);
        put_number(at, b->cccd[n].value, 2);
    }
}

/* Unread octets; beyond their end zeros are read. */
struct source {
    const uint8_t *at, *end;
};

static void take(struct source *in, void *dst, size_t len)
{
    size_t left = (size_t)(in->end - in->at), n = len < left ? len : left;
    memset(dst, 0, len);
    memcpy(dst, in->at, n);
    in->at += n;
}

static uint32_t take_number(struct source *in, size_t octets)
{
    uint8_t b[4];
    uint32_t v = 0;
    take(in, b, octets);
    for (size_t n = octets; n; n--) {
        v = v << 8 | b[n - 1];
    }
    return v;
}

/* Gives the bond a copy of the CCCDs, without free entries. */
static int copy_cccds(struct woad_bond *b, const struct woad_cccd *from, size_t n)
{
    struct woad_cccd *to = n ? calloc(n, sizeof *to) : NULL;
    b->cccd = to;
    b->cccds = 0;
    for (size_t k = 0; to && k < n; k++) {
        if (from[k].handle) {
            to[b->cccds++] = from[k];
        }
    }
    if (n && !to) {
        return -ENOMEM;
    }
    return 0;
}

static int take_bond(struct source *in, struct woad_bond *b)
{
    uint8_t has;
    take(in, &b->peer.type, 1);
    take(in, b->peer.octet, 6);
    b->flags = take_number(in, 1) & 3;
    b->key_size = take_number(in, 1) & 31;
    take(in, &has, 1);
    b->has_own_ltk = has & 1;
    b->has_peer_ltk = has & 2;
    b->has_irk = has & 4;
    b->has_csrk = has & 8;
    b->has_own_csrk = has & 16;
    take(in, b->own_ltk, 16);
    take(in, b->own_rand, 8);
    b->own_ediv = (uint16_t)take_number(in, 2);
    take(in, b->peer_ltk, 16);
    take(in, b->peer_rand, 8);
    b->peer_ediv = (uint16_t)take_number(in, 2);
    take(in, b->irk, 16);
    take(in, b->csrk, 16);
    take(in, b->own_csrk, 16);
    b->signs = take_number(in, 4);
    b->own_signs = take_number(in, 4);
    b->client_features = take_number(in, 1) & 7;
    b->database = take_number(in, 4);
    struct woad_cccd cccds[256]; /* config.subscriptions is at most 255 */
    size_t n = take_number(in, 2);
    if (n > 255) {
        return -EBADMSG;
    }
    for (size_t k = 0; k < n; k++) {
        cccds[k].handle = (uint16_t)take_number(in, 2);
        cccds[k].value = (uint16_t)take_number(in, 2);
    }
    return copy_cccds(b, cccds, n);
}

static size_t file_len(const struct woad_bond_file *f)
{
    size_t len = HEAD + f->n_attempts * 8 + f->n * RECORD + TAIL;
    for (size_t n = 0; n < f->n; n++) {
        len += f->bond[n].cccds * 4u;
    }
    return len;
}

/* Magic 9, IRK 16, bonds u16, attempts u16, the bonds, the attempts { type u8, address 6, failures
 * u8 }, CRC u32 of all before */
static void file_write(const struct woad_bond_file *f, uint8_t *out)
{
    uint8_t *at = out;
    put(&at, magic, sizeof magic);
    put(&at, f->irk, sizeof f->irk);
    put_number(&at, (uint32_t)f->n, 2);
    put_number(&at, (uint32_t)f->n_attempts, 2);
    for (size_t n = 0; n < f->n; n++) {
        put_bond(&at, &f->bond[n]);
    }
    for (size_t n = 0; n < f->n_attempts; n++) {
        put(&at, &f->attempt[n].peer.type, 1);
        put(&at, f->attempt[n].peer.octet, 6);
        put(&at, &f->attempt[n].failures, 1);
    }
    put_number(&at, crc32(out, (size_t)(at - out)), 4);
}

static int file_read(struct woad_bond_file *f, const uint8_t *octets, size_t len)
{
    if (len < HEAD + TAIL || memcmp(octets, magic, sizeof magic) != 0) {
        return -EBADMSG;
    }
    struct source tail = { octets + len - TAIL, octets + len };
    struct source in = { octets + sizeof magic, octets + len - TAIL };
    take(&in, f->irk, sizeof f->irk);
    size_t n = take_number(&in, 2), n_attempts = take_number(&in, 2);
    if (take_number(&tail, 4) != crc32(octets, len - TAIL) || n > BONDS_MAX ||
        n_attempts > ATTEMPTS_MAX) {
        return -EBADMSG;
    }
    int err = 0;
    while (!err && f->n < n) {
        err = take_bond(&in, &f->bond[f->n++]);
    }
    for (f->n_attempts = 0; f->n_attempts < n_attempts; f->n_attempts++) {
        struct attempt *w = &f->attempt[f->n_attempts];
        take(&in, &w->peer.type, 1);
        take(&in, w->peer.octet, 6);
        take(&in, &w->failures, 1);
    }
    if (!err && (in.at != in.end || len != file_len(f))) {
        err = -EBADMSG;
    }
    return err;
}

/* --- the file --------------------------------------------------------------------------------- */

/* Whether `path` names the open file. */
static bool path_is_file(const char *path, int fd)
{
    struct stat named, opened;
    return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

/* -EBUSY: another program, or this one, has it locked.  A file system without locks is accepted. */
static int file_lock(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        return -EBUSY;
    }
    return 0;
}

/* Accepts only a regular file of this user. */
static int file_check(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return -EBADMSG;
    }
    if (st.st_uid != geteuid()) {
        return -EACCES;
    }
    return 0;
}

/* Removes the temporary file of a program that died: it is not locked, and it begins like ours.  An
 * empty file stays, because it could be of another kind. */
static bool remove_left_over(const char *path)
{
    uint8_t head[sizeof magic];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool dead = fd >= 0 && file_check(fd) == 0 && file_lock(fd) == 0;
    ssize_t n = dead ? read(fd, head, sizeof head) : -1;
    bool removed =
        n > 0 && memcmp(head, magic, (size_t)n) == 0 && path_is_file(path, fd) && unlink(path) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return removed;
}

/* Creates and locks a file.  -EEXIST: another file has that name, perhaps only just now. */
static int file_make(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    fd = fd_above_stdio(fd);
    if (fd < 0) { /* the process has no descriptors left */
        unlink(path);
        return fd;
    }
    int err = file_lock(fd); /* not had: another program looks whether it is left over */
    if (err < 0 && path_is_file(path, fd)) {
        unlink(path); /* empty, it would stay for ever */
    }
    if (err < 0 || !path_is_file(path, fd)) {
        close(fd);
        return -EEXIST;
    }
    return fd;
}

/* Creates the temporary file: PATH.new, or PATH.new1 to PATH.new9 if those before are other files.
 * Replaces only what remove_left_over() accepts. */
static int temp_open(struct woad_bond_file *f)
{
    char *digit = f->temp_path + strlen(f->path) + strlen(".new");
    int fd = -EEXIST;
    for (int n = 0; n < 10 && fd == -EEXIST; n++) {
        digit[0] = '\0';
        if (n) {
            digit[0] = (char)('0' + n);
        }
        fd = file_make(f->temp_path);
        if (fd == -EEXIST && remove_left_over(f->temp_path)) {
            fd = file_make(f->temp_path);
        }
    }
    if (fd >= 0) {
        (void)!fchmod(fd, 0600); /* if the file system has modes */
    }
    return fd;
}

static int read_all(int fd, uint8_t **octets, size_t *len)
{
    struct stat st;
    enum { TOO_LONG = 1 << 25 };
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (st.st_size > TOO_LONG) {
        return -EBADMSG;
    }
    *octets = malloc((size_t)st.st_size + 1);
    for (*len = 0; *octets && *len < (size_t)st.st_size;) {
        ssize_t n = read(fd, *octets + *len, (size_t)st.st_size - *len);
        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        *len += n > 0 ? (size_t)n : 0;
    }
    if (*octets) {
        return 0;
    }
    return -ENOMEM;
}

static int file_load(struct woad_bond_file *f)
{
    uint8_t *octets = NULL;
    size_t len = 0;
    int err = read_all(f->fd, &octets, &len);
    if (!err) {
        err = file_read(f, octets, len);
    }
    if (octets) {
        explicit_bzero(octets, len);
    }
    free(octets);
    return err;
}

static int write_all(int fd, const uint8_t *p, size_t len)
{
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        p += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    if (fsync(fd) < 0) {
        return -errno;
    }
    return 0;
}

/* A rename survives a power failure only after the folder is synced. */
static void folder_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

/* Renames the temporary file to `path`.  It replaces only the file that this program has open, or
 * none: -ESTALE or -EEXIST if another program has put a file there. */
static int temp_rename(const struct woad_bond_file *f)
{
    struct stat st;
    if (f->fd >= 0 && lstat(f->path, &st) == 0 && !path_is_file(f->path, f->fd)) {
        return -ESTALE;
    }
    if (f->fd < 0 && link(f->temp_path, f->path) == 0) {
        unlink(f->temp_path);
        return 0;
    }
    if (f->fd < 0 && errno == EEXIST) {
        return -EEXIST;
    }
    return rename(f->temp_path, f->path) < 0 ? -errno
                                             : 0; /* also for file systems without hard links */
}

static int file_replace(struct woad_bond_file *f)
{
    size_t len = file_len(f);
    uint8_t *octets = malloc(len);
    int fd = octets ? temp_open(f) : -ENOMEM;
    if (fd < 0) {
        free(octets);
        return fd == -ENOENT ? -ESTALE : fd; /* the folder was removed */
    }
    file_write(f, octets);
    int err = write_all(fd, octets, len);
    explicit_bzero(octets, len);
    free(octets);
    if (!err) {
        err = temp_rename(f);
    }
    if (err) {
        unlink(f->temp_path);
        close(fd);
        return err;
    }
    folder_sync(f->folder);
    if (f->fd >= 0) {
        close(f->fd); /* the old file, which has no name now */
    }
    f->fd = fd;
    return 0;
}

/* Writes the file; dirty: it must be tried again. 0 or a negative errno. */
static int file_save(struct woad_bond_file *f)
{
    int err = file_replace(f);
    f->dirty = err != 0;
    f->was_written = true;
    f->last_write_ms = woad_port_now_ms();
    return err;
}

/* Milliseconds until a change may be written: writes have a minimum distance, because a client that
 * writes CCCDs as fast as it can would keep the program in fsync(). */
static uint32_t write_pause_ms(const struct woad_bond_file *f)
{
    uint32_t passed = woad_port_now_ms() - f->last_write_ms, pause = f->error ? RETRY_MS : PAUSE_MS;
    if (f->was_written && passed < pause) {
        return pause - passed;
    }
    return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

static char *joined(const char *a, const char *b, const char *c)
{
    size_t len = strlen(a) + strlen(b) + strlen(c) + 1;
    char *s = malloc(len);
    if (s) {
        snprintf(s, len, "%s%s%s", a, b, c);
    }
    return s;
}

/* Resolves the path once, so that a symbolic link stays one and a later chdir() changes nothing. If
 * the file does not exist only its folder is resolved. */
static int find_path(struct woad_bond_file *f, const char *path)
{
    struct stat st;
    f->path = realpath(path, NULL);
    int err = f->path ? 0 : -errno;
    if (err && (err != -ENOENT || lstat(path, &st) == 0)) {
        return err;
    }
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (!f->path) {
        char *named = joined(path, ".", ""); /* room to append "." to the folder */
        if (named) {
            strcpy(named + (name - path), ".");
        }
        char *folder = named && *name ? realpath(named, NULL) : NULL;
        f->path = folder ? joined(folder, "/", name) : NULL;
        free(named);
        free(folder);
        if (!folder) {
            return err;
        }
    }
    f->temp_path = f->path ? joined(f->path, ".new", "1") : NULL;
    f->folder = f->path ? joined(f->path, "", "") : NULL;
    if (!f->temp_path || !f->folder) {
        return -ENOMEM;
    }
    strrchr(f->folder, '/')[1] = '\0';
    return 0;
}

/* Opens and locks the file; repeats if it was replaced between the two.  -ENOENT: there is none. */
static int file_open(struct woad_bond_file *f)
{
    for (int tries = 0; tries < OPEN_TRIES_MAX; tries++) {
        int fd = open(f->path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) {
            return -errno;
        }
        fd = fd_above_stdio(fd);
        int err = fd < 0 ? fd : file_check(fd);
        if (!err) {
            err = file_lock(fd);
        }
        if (!err && path_is_file(f->path, fd)) {
            f->fd = fd;
            (void)!fchmod(fd, 0600); /* if the file system has modes */
            return 0;
        }
        close(fd);
        if (err) {
            return err;
        }
    }
    return -EBUSY; /* another program keeps replacing it */
}

/* Loads the file and tests that a new one can be written beside it; or creates it with a new IRK.
 */
static int file_begin(struct woad_bond_file *f)
{
    int err = file_open(f);
    if (err == -ENOENT) {
        err = woad_port_random(NULL, f->irk, sizeof f->irk) ? -EIO : file_save(f);
        if (err == -EEXIST) {
            return -EBUSY;
        }
        return err;
    }
    if (!err) {
        err = file_load(f);
    }
    int fd = err ? err : temp_open(f);
    if (fd >= 0) {
        unlink(f->temp_path);
        close(fd);
    }
    if (fd < 0) {
        return fd;
    }
    return 0;
}

/* --- calls ------------------------------------------------------------------------------------ */

struct woad_bond_file *woad_bond_file_open(const char *path, int *error)
{
    struct woad_bond_file *f = calloc(1, sizeof *f);
    *error = -ENOMEM;
    if (f) {
        f->fd = -1;
        *error = find_path(f, path);
        if (!*error) {
            *error = file_begin(f);
        }
    }
    if (*error) {
        woad_bond_file_close(f);
        return NULL;
    }
    return f;
}

bool woad_bond_file_is(const struct woad_bond_file *f, const char *path)
{
    struct stat named, opened;
    return stat(path, &named) == 0 && fstat(f->fd, &opened) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

void woad_bond_file_close(struct woad_bond_file *f)
{
    if (f) {
        woad_bond_file_poll(f, true);
        for (size_t n = 0; n < f->n; n++) {
            free((void *)f->bond[n].cccd);
        }
        if (f->fd >= 0) {
            close(f->fd);
        }
        free(f->path);
        free(f->temp_path);
        free(f->folder);
        explicit_bzero(f, sizeof *f);
        free(f);
    }
}

static bool same_peer(const struct woad_addr *a, const struct woad_addr *b)
{
    return (a->type & 1) == (b->type & 1) && memcmp(a->octet, b->octet, 6) == 0;
}

static void bond_remove_at(struct woad_bond_file *f, size_t n)
{
    free((void *)f->bond[n].cccd);
    f->n--;
    memmove(&f->bond[n], &f->bond[n + 1], (f->n - n) * sizeof *f->bond);
}

static void bond_remove(struct woad_bond_file *f, const struct woad_addr *peer)
{
    for (size_t n = 0; n < f->n; n++) {
        if (same_peer(&f->bond[n].peer, peer)) {
            bond_remove_at(f, n);
            return;
        }
    }
}

/* Whether a SignCounter differs from the file's.  Such a change is written at once: after a crash
 * the peer could replay signed writes, or would refuse ours. */
static bool signs_changed(const struct woad_bond_file *f, const struct woad_bond *b)
{
    for (size_t n = 0; n < f->n; n++) {
        if (same_peer(&f->bond[n].peer, &b->peer)) {
            return f->bond[n].signs != b->signs || f->bond[n].own_signs != b->own_signs;
        }
    }
    return true;
}

static int bond_update(struct woad_bond_file *f, const struct woad_bond *b,
                       enum woad_bond_change change)
{
    bool postpone = change == WOAD_BOND_CHANGED && !signs_changed(f, b) && write_pause_ms(f);
    struct woad_bond mine = *b;
    int err = copy_cccds(&mine, b->cccd, change == WOAD_BOND_GONE ? 0 : b->cccds);
    if (err) {
        return err;
    }
    bond_remove(f, &b->peer);
    if (change != WOAD_BOND_GONE) {
        if (f->n == BONDS_MAX) {
            bond_remove_at(f, BONDS_MAX - 1);
        }
        memmove(&f->bond[1], &f->bond[0], f->n * sizeof *f->bond);
        f->bond[0] = mine;
        f->n++;
    }
    explicit_bzero(&mine, sizeof mine);
    if (postpone) {
        f->dirty = true;
        return f->error;
    }
    return file_save(f);
}

static void store_keep(void *ctx, const struct woad_bond *b, enum woad_bond_change change)
{
    struct woad_bond_file *f = ctx;
    f->error = bond_update(f, b, change);
}

static void store_attempts(void *ctx, const struct woad_addr *peer, uint8_t failures)
{
    struct woad_bond_file *f = ctx;
    size_t n = 0;
    while (n < f->n_attempts && !same_peer(&f->attempt[n].peer, peer)) {
        n++;
    }
    if (n < f->n_attempts) {
        f->n_attempts--;
        memmove(&f->attempt[n], &f->attempt[n + 1], (f->n_attempts - n) * sizeof *f->attempt);
    }
    if (failures) {
        f->n_attempts -= f->n_attempts == ATTEMPTS_MAX;
        memmove(&f->attempt[1], &f->attempt[0], f->n_attempts * sizeof *f->attempt);
        f->attempt[0] = (struct attempt){ *peer, failures };
        f->n_attempts++;
    }
    f->error = file_save(f);
}

static void store_load(void *ctx, struct woad *h)
{
    const struct woad_bond_file *f = ctx;
    woad_set_irk(h, f->irk);
    for (size_t n = f->n; n > 0; n--) {
        woad_bond_add(h, &f->bond[n - 1]);
    }
    for (size_t n = f->n_attempts; n > 0; n--) {
        woad_attempts_add(h, &f->attempt[n - 1].peer, f->attempt[n - 1].failures);
    }
}

static void store_find(void *ctx, struct woad *h, const struct woad_addr *peer)
{
    const struct woad_bond_file *f = ctx;
    for (size_t n = 0; n < f->n; n++) {
        if (same_peer(&f->bond[n].peer, peer)) {
            woad_bond_add(h, &f->bond[n]);
        }
    }
}

void woad_bond_file_event(struct woad_bond_file *f, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_bond_store store = {
        .load = store_load, .find = store_find, .keep = store_keep, .attempts = store_attempts
    };
    woad_bond_store_event(&store, f, h, ev);
    woad_bond_file_poll(f, false);
}

uint32_t woad_bond_file_poll(struct woad_bond_file *f, bool now)
{
    if (f->dirty && (now || !write_pause_ms(f))) {
        f->error = file_save(f);
    }
    if (f->dirty) {
        return write_pause_ms(f);
    }
    return WOAD_FOREVER;
}

int woad_bond_file_remove(struct woad_bond_file *f, const struct woad_addr *peer)
{
    size_t before = f->n;
    if (peer) {
        bond_remove(f, peer);
    } else {
        while (f->n) {
            bond_remove_at(f, f->n - 1);
        }
    }
    if (f->n == before && !f->error) {
        return WOAD_ENOENT;
    }
    f->error = file_save(f); /* also after a failed write: the file may still have the bond */
    return f->error;
}

void woad_bond_file_adopt_irk(struct woad_bond_file *f, const uint8_t irk[16])
{
    if (!f->n && memcmp(f->irk, irk, sizeof f->irk) != 0) {
        memcpy(f->irk, irk, sizeof f->irk);
        f->error = file_save(f);
    }
}

int woad_bond_file_error(const struct woad_bond_file *f)
{
    return f->error;
}

static bool is_stronger(const struct woad_bond *a, const struct woad_bond *b)
{
    return (a->flags & ~b->flags) || a->key_size > b->key_size;
}

void woad_bond_file_take(struct woad_bond_file *f, const struct woad_bond *bond)
{
    for (size_t n = 0; n < f->n; n++) {
        if (same_peer(&f->bond[n].peer, &bond->peer) && is_stronger(&f->bond[n], bond)) {
            return;
        }
    }
    f->error = bond_update(f, bond, WOAD_BOND_NEW);
}
