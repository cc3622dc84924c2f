/* Bonds in a file: the whole of it is written anew beside the old one, which it then replaces, so
 * that at every moment there is one or the other. */
#define _GNU_SOURCE
#include <woad/port.h>
#include <woad/woad.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 255, RECORD = 94, HEAD = 27, TAIL = 4 };
static const uint8_t magic[9] = { 'W', 'O', 'A', 'D', 'B', 'O', 'N', 'D', 1 };

struct woad_bond_file {
    char *path, *beside, *folder;
    int error;
    uint8_t irk[16];                     /* ours */
    size_t n;
    struct woad_bond bond[MOST];         /* the one used last first */
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

static void put_u16(uint8_t **at, uint16_t v)
{
    *(*at)++ = (uint8_t)v;
    *(*at)++ = (uint8_t)(v >> 8);
}

/* peer type u8, address 6, flags u8, key size u8, which keys u8, own LTK 16, Rand 8, EDIV u16, the
 * peer's 16, 8, u16, IRK 16, CSRK 16 */
static void put_bond(uint8_t **at, const struct woad_bond *b)
{
    put(at, &b->peer.type, 1);
    put(at, b->peer.octet, 6);
    put(at, &b->flags, 1);
    put(at, &b->key_size, 1);
    *(*at)++ = (uint8_t)(b->has_own_ltk | b->has_peer_ltk << 1 | b->has_irk << 2 |
                         b->has_csrk << 3);
    put(at, b->own_ltk, 16);
    put(at, b->own_rand, 8);
    put_u16(at, b->own_ediv);
    put(at, b->peer_ltk, 16);
    put(at, b->peer_rand, 8);
    put_u16(at, b->peer_ediv);
    put(at, b->irk, 16);
    put(at, b->csrk, 16);
}

static void take(const uint8_t **at, void *dst, size_t len)
{
    memcpy(dst, *at, len);
    *at += len;
}

static uint16_t take_u16(const uint8_t **at)
{
    uint16_t v = (uint16_t)((*at)[0] | (*at)[1] << 8);
    *at += 2;
    return v;
}

static void take_bond(const uint8_t **at, struct woad_bond *b)
{
    uint8_t has;
    take(at, &b->peer.type, 1);
    take(at, b->peer.octet, 6);
    take(at, &b->flags, 1);
    take(at, &b->key_size, 1);
    take(at, &has, 1);
    b->has_own_ltk = has & 1;
    b->has_peer_ltk = has & 2;
    b->has_irk = has & 4;
    b->has_csrk = has & 8;
    take(at, b->own_ltk, 16);
    take(at, b->own_rand, 8);
    b->own_ediv = take_u16(at);
    take(at, b->peer_ltk, 16);
    take(at, b->peer_rand, 8);
    b->peer_ediv = take_u16(at);
    take(at, b->irk, 16);
    take(at, b->csrk, 16);
}

static size_t file_write(const struct woad_bond_file *f, uint8_t *out)
{
    uint8_t *at = out;
    put(&at, magic, sizeof magic);
    put(&at, f->irk, sizeof f->irk);
    put_u16(&at, (uint16_t)f->n);
    for (size_t n = 0; n < f->n; n++) {
        put_bond(&at, &f->bond[n]);
    }
    uint32_t crc = crc32(out, (size_t)(at - out));
    put_u16(&at, (uint16_t)crc);
    put_u16(&at, (uint16_t)(crc >> 16));
    return (size_t)(at - out);
}

static int file_read(struct woad_bond_file *f, const uint8_t *in, size_t len)
{
    const uint8_t *at = in + sizeof magic, *end = in + len - TAIL;
    if (len < HEAD + TAIL || memcmp(in, magic, sizeof magic) != 0) {
        return -EBADMSG;
    }
    take(&at, f->irk, sizeof f->irk);
    f->n = take_u16(&at);
    if (f->n > MOST || len != HEAD + f->n * RECORD + TAIL) {
        return -EBADMSG;
    }
    uint32_t crc = take_u16(&end);
    crc |= (uint32_t)take_u16(&end) << 16;
    if (crc != crc32(in, len - TAIL)) {
        return -EBADMSG;
    }
    for (size_t n = 0; n < f->n; n++) {
        take_bond(&at, &f->bond[n]);
    }
    return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

enum { FILE_MOST = HEAD + MOST * RECORD + TAIL };

static int file_load(struct woad_bond_file *f)
{
    uint8_t octets[FILE_MOST + 1];
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno != ENOENT ? -errno : woad_port_random(NULL, f->irk, sizeof f->irk) ? -EIO : 0;
    }
    size_t len = 0;
    ssize_t n = 0;
    while (len < sizeof octets && (n = read(fd, octets + len, sizeof octets - len)) > 0) {
        len += (size_t)n;
    }
    int err = n < 0 ? -errno : file_read(f, octets, len);
    close(fd);
    explicit_bzero(octets, sizeof octets);
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
    return fsync(fd) < 0 ? -errno : 0;
}

/* The name is not safe on the disk before the folder is. */
static void folder_sync(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static int file_save(const struct woad_bond_file *f)
{
    uint8_t octets[FILE_MOST];
    int fd = open(f->beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    int err = write_all(fd, octets, file_write(f, octets));
    explicit_bzero(octets, sizeof octets);
    close(fd);
    if (!err && rename(f->beside, f->path) < 0) {
        err = -errno;
    }
    if (err) {
        unlink(f->beside);
    } else {
        folder_sync(f->folder);
    }
    return err;
}

/* --- calls ------------------------------------------------------------------------------------ */

static char *joined(const char *a, const char *b)
{
    size_t len = strlen(a) + strlen(b) + 1;
    char *s = malloc(len);
    if (s) {
        memcpy(s, a, strlen(a));
        memcpy(s + strlen(a), b, strlen(b) + 1);
    }
    return s;
}

struct woad_bond_file *woad_bond_file_open(const char *path, int *error)
{
    struct woad_bond_file *f = calloc(1, sizeof *f);
    char *copy = joined(path, "");
    *error = f && copy ? 0 : -ENOMEM;
    if (!*error) {
        f->path = joined(path, "");
        f->beside = joined(path, ".new");
        f->folder = joined(dirname(copy), "");
        *error = f->path && f->beside && f->folder ? file_load(f) : -ENOMEM;
    }
    free(copy);
    if (*error) {
        woad_bond_file_close(f);
        return NULL;
    }
    return f;
}

void woad_bond_file_close(struct woad_bond_file *f)
{
    if (f) {
        free(f->path);
        free(f->beside);
        free(f->folder);
        explicit_bzero(f, sizeof *f);
        free(f);
    }
}

static bool is_of(const struct woad_bond *b, const struct woad_addr *peer)
{
    return b->peer.type == peer->type && memcmp(b->peer.octet, peer->octet, 6) == 0;
}

static void forget(struct woad_bond_file *f, const struct woad_addr *peer)
{
    for (size_t n = 0; n < f->n; n++) {
        if (is_of(&f->bond[n], peer)) {
            f->n--;
            memmove(&f->bond[n], &f->bond[n + 1], (f->n - n) * sizeof *f->bond);
            return;
        }
    }
}

void woad_bond_file_event(struct woad_bond_file *f, struct woad *h, const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_UP) {
        woad_set_irk(h, f->irk);
        for (size_t n = f->n; n > 0; n--) {
            woad_bond_add(h, &f->bond[n - 1]);
        }
    } else if (ev->type == WOAD_EV_BOND_WANTED) {
        for (size_t n = 0; n < f->n; n++) {
            if (is_of(&f->bond[n], &ev->u.bond_wanted.peer)) {
                woad_bond_add(h, &f->bond[n]);
            }
        }
    } else if (ev->type == WOAD_EV_BOND) {
        forget(f, &ev->u.bond.bond->peer);
        if (!ev->u.bond.gone) {
            f->n -= f->n == MOST;
            memmove(&f->bond[1], &f->bond[0], f->n * sizeof *f->bond);
            f->bond[0] = *ev->u.bond.bond;
            f->n++;
        }
        f->error = file_save(f);
    }
}

int woad_bond_file_remove(struct woad_bond_file *f, const struct woad_addr *peer)
{
    size_t before = f->n;
    if (peer) {
        forget(f, peer);
    } else {
        f->n = 0;
    }
    if (f->n == before) {
        return WOAD_ENOENT;
    }
    f->error = file_save(f);
    return f->error;
}

int woad_bond_file_error(const struct woad_bond_file *f)
{
    return f->error;
}
