#define _GNU_SOURCE
/* Bonds in a file: stored, damaged, and truncated at every octet. */
#include "bond_at.h"
#include "cm.h"

#include <woad/crypto.h>
#include <woad/port.h>
#include <woad/woad.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PLACES = 16 };
static char folder[] = "/tmp/woad-bonds-XXXXXX", path[64], beside[72];

/* Makes a valid bond: with LE Secure Connections one key and no Rand or EDIV; no counters
 * without signing keys. */
static struct woad_bond bond_of(uint8_t peer, uint8_t seed)
{
    struct woad_bond b;
    memset(&b, 0, sizeof b); /* is_same() compares the padding, too */
    b.peer = (struct woad_addr){ peer & 1, { peer, 2, 3, 4, 5, 6 } };
    b.flags = seed & 3u;
    b.key_size = 16;
    b.has_own_ltk = true;
    b.has_peer_ltk = seed & 1;
    b.has_irk = seed & 2;
    b.has_csrk = seed & 4;
    b.has_own_csrk = seed & 8;
    memset(b.own_ltk, seed, 16);
    memset(b.peer_ltk, seed, 16);
    if (!(b.flags & WOAD_BOND_SECURE)) {
        b.own_ediv = seed;
        b.peer_ediv = (uint16_t)(seed * 257);
        memset(b.peer_ltk, seed + 1, 16);
        memset(b.own_rand, seed + 2, 8);
        memset(b.peer_rand, seed + 3, 8);
    }
    memset(b.irk, seed + 4, 16);
    if (b.has_csrk || b.has_own_csrk) {
        memset(b.csrk, seed + 5, 16);
        memset(b.own_csrk, seed + 6, 16);
        b.signs = seed * 0x01020304u;
        b.own_signs = seed * 0x04030201u;
    }
    b.client_features = seed & 7u;
    b.database = seed * 0x010101u;
    static const struct woad_cccd some[] = { { 9, 2 }, { 0, 0 }, { 0x1234, 1 }, { 0xffff, 3 } };
    b.cccd = some;
    b.cccds = seed % 5;
    return b;
}

static size_t slots_of(const struct woad_bond *b)
{
    return 1u + !(b->flags & WOAD_BOND_SECURE) + (b->has_csrk || b->has_own_csrk);
}

/* Compares two bonds, but not the CCCD pointers nor unused CCCD entries. */
static bool is_same(const struct woad_bond *a, const struct woad_bond *b)
{
    struct woad_bond x = *a, y = *b;
    size_t n = 0, at = offsetof(struct woad_bond, peer);
    for (size_t k = 0; k < b->cccds; k++) {
        if (b->cccd[k].handle && (n >= a->cccds || a->cccd[n].handle != b->cccd[k].handle ||
                                  a->cccd[n++].value != b->cccd[k].value)) {
            return false;
        }
    }
    x.cccd = y.cccd = NULL;
    x.cccds = y.cccds = 0;
    return n == a->cccds && x.flags == y.flags && x.key_size == y.key_size &&
           x.client_features == y.client_features && x.has_own_ltk == y.has_own_ltk &&
           x.has_peer_ltk == y.has_peer_ltk && x.has_irk == y.has_irk && x.has_csrk == y.has_csrk &&
           x.has_own_csrk == y.has_own_csrk &&
           memcmp((uint8_t *)&x + at, (uint8_t *)&y + at, sizeof x - at) == 0;
}

static void ignore(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx;
    (void)h;
    (void)ev;
}

static struct woad_config host_config(void)
{
    static const struct woad_feature *const all[] = { &woad_feature_security_manager,
                                                      &woad_feature_keypresses, NULL };
    return (struct woad_config){ .features = all,
                                 .event = ignore,
                                 .conns = 1,
                                 .procedures = 1,
                                 .mtu = 64,
                                 .tx_queue = 128,
                                 .request_queue = 128,
                                 .bonds = PLACES,
                                 .subscriptions = 4 };
}

static struct woad *host_new(void)
{
    struct woad_config c = host_config();
    return woad_init(malloc(woad_size(&c)), woad_size(&c), &c);
}

static void keep(struct woad_bond_file *f, const struct woad_bond *b, bool gone)
{
    struct woad_event ev = { .type = WOAD_EV_BOND,
                             .u.bond = { b, gone ? WOAD_BOND_GONE : WOAD_BOND_NEW } };
    woad_bond_file_event(f, NULL, &ev);
}

/* Loads the file into a host; NULL if the file can't be opened. */
static struct woad *loaded(int *error)
{
    struct woad_event up = { .type = WOAD_EV_UP };
    struct woad_bond_file *f = woad_bond_file_open(path, error);
    if (!f) {
        return NULL;
    }
    struct woad *h = host_new();
    woad_bond_file_event(f, h, &up);
    woad_bond_file_close(f);
    return h;
}

static void stored_in_order(void **state)
{
    int error;
    struct stat st;
    (void)state;
    unlink(path);
    struct woad_bond_file *f = woad_bond_file_open(path, &error);
    assert_non_null(f);
    for (uint8_t n = 0; n < 5; n++) {
        struct woad_bond b = bond_of(n, (uint8_t)(n * 3));
        keep(f, &b, false);
        assert_int_equal(woad_bond_file_error(f), 0);
    }
    struct woad_bond again = bond_of(1, 99), gone = bond_of(3, 0);
    keep(f, &again, false);
    keep(f, &gone, true);
    woad_bond_file_close(f);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    struct woad *h = loaded(&error);
    static const uint8_t peers[] = { 1, 4, 2, 0 }, seeds[] = { 99, 12, 6, 0 };
    for (uint16_t n = 0; n < 4; n++) {
        struct woad_bond b = bond_of(peers[n], seeds[n]);
        assert_true(is_same(bond_at(h, n), &b));
    }
    assert_null(bond_at(h, 4));
    free(h);
    f = woad_bond_file_open(path, &error);
    assert_int_equal(woad_bond_file_remove(f, &again.peer), 0);
    assert_int_equal(woad_bond_file_remove(f, &again.peer), WOAD_ENOENT);
    assert_int_equal(woad_bond_file_remove(f, NULL), 0);
    woad_bond_file_close(f);
    h = loaded(&error);
    assert_null(bond_at(h, 0));
    free(h);
}

/* 300 bonds are added: the first 45 have been evicted. */
static void too_many(void **state)
{
    int error;
    (void)state;
    unlink(path);
    struct woad_bond_file *f = woad_bond_file_open(path, &error);
    for (unsigned n = 0; n < 300; n++) {
        struct woad_bond b = bond_of((uint8_t)n, (uint8_t)n);
        b.peer.octet[5] = (uint8_t)(n >> 8);
        keep(f, &b, false);
    }
    woad_bond_file_close(f);
    f = woad_bond_file_open(path, &error);
    assert_non_null(f);
    woad_bond_file_close(f);
}

static size_t file_octets(uint8_t *b, size_t room)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, b, room);
    close(fd);
    return (size_t)n;
}

static void file_put(const uint8_t *b, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, b, n), n);
    close(fd);
}

/* A file with one bit flipped or truncated at any octet is refused with -EBADMSG. */
static void damaged(void **state)
{
    uint8_t good[512], bad[512];
    int error;
    (void)state;
    unlink(path);
    struct woad_bond_file *f = woad_bond_file_open(path, &error);
    struct woad_bond b = bond_of(1, 7), c = bond_of(2, 8);
    keep(f, &b, false);
    keep(f, &c, false);
    woad_bond_file_close(f);
    size_t len = file_octets(good, sizeof good);
    for (size_t n = 0; n < len; n++) {
        memcpy(bad, good, len);
        bad[n] ^= 0x10;
        file_put(bad, len);
        assert_null(woad_bond_file_open(path, &error));
        assert_int_equal(error, -EBADMSG);
        file_put(good, n);
        assert_null(woad_bond_file_open(path, &error));
        assert_int_equal(error, -EBADMSG);
    }
    file_put(good, len);
    f = woad_bond_file_open(path, &error);
    assert_non_null(f);
    woad_bond_file_close(f);
    assert_null(woad_bond_file_open(folder, &error));
    assert_true(error < 0);
    assert_null(woad_bond_file_open("/nowhere/at/all", &error));
    assert_int_equal(error, -ENOENT); /* the folder does not exist: reported at once */
}

/* The writer is killed at each octet: the file has the old bond or the new one. */
static void cut_off(void **state)
{
    bool old_seen = false, new_seen = false;
    (void)state;
    for (rlim_t at = 0; at < 400; at++) {
        int error, status;
        struct woad_bond before = bond_of(1, 11), after = bond_of(1, 22), other = bond_of(2, 33);
        unlink(path);
        unlink(beside);
        struct woad_bond_file *f = woad_bond_file_open(path, &error);
        keep(f, &other, false);
        keep(f, &before, false);
        pid_t child = fork();
        if (child == 0) {
            struct rlimit most = { at, at }, none = { 0, 0 };
            setrlimit(RLIMIT_CORE, &none);
            setrlimit(RLIMIT_FSIZE, &most);
            signal(SIGXFSZ, SIG_DFL);
            keep(f, &after, false);
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        woad_bond_file_close(f);
        struct woad *h = loaded(&error);
        assert_non_null(h);
        const struct woad_bond *first = bond_at(h, 0);
        bool is_old = is_same(first, &before);
        bool is_new = is_same(first, &after);
        assert_true(is_old || is_new);
        assert_int_equal(is_new, WIFEXITED(status));
        assert_true(is_same(bond_at(h, 1), &other));
        assert_null(bond_at(h, 2));
        old_seen = old_seen || is_old;
        new_seen = new_seen || is_new;
        free(h);
    }
    assert_true(old_seen && new_seen);
}

/* Sixteen slots, forty peers, many with the same hash.  The host keeps the most recently used
 * bonds, in this order, after any sequence of additions, replacements and removals.  A bond
 * takes one to three slots. */
static void known_in_order(void **state)
{
    struct woad *h = host_new();
    uint8_t order[40]; /* most recently used first */
    size_t known = 0, taken = 0, largest = 0;
    uint32_t random = 1;
    (void)state;
    for (unsigned step = 0; step < 20000; step++) {
        random = random * 1664525u + 1013904223u;
        uint8_t peer = (uint8_t)((random >> 8) % 40);
        struct woad_bond b = bond_of(peer, (uint8_t)(peer * 3));
        b.peer.octet[5] = step & 1 ? peer : 200; /* XOR: one hash, or many */
        b.irk[0] = step & 1;                     /* each peer has an IRK of its own */
        bool stored = false;
        for (size_t n = 0; n < known; n++) {
            if (order[n] == (peer | (step & 1) << 7)) {
                memmove(order + n, order + n + 1, known - n - 1);
                known--;
                taken -= slots_of(&b);
                stored = true;
                break;
            }
        }
        if (random >> 30) {
            assert_int_equal(woad_bond_add(h, &b), 0);
            for (taken += slots_of(&b); taken > PLACES; known--) {
                uint8_t last = order[known - 1] & 0x7f;
                struct woad_bond gone = bond_of(last, (uint8_t)(last * 3));
                taken -= slots_of(&gone);
            }
            memmove(order + 1, order, known);
            order[0] = (uint8_t)(peer | (step & 1) << 7);
            known++;
        } else {
            assert_int_equal(woad_bond_remove(h, &b.peer), stored ? 0 : WOAD_ENOENT);
        }
        largest = known > largest ? known : largest;
        for (size_t n = 0; n < known; n++) {
            peer = order[n] & 0x7f;
            b = bond_of(peer, (uint8_t)(peer * 3));
            b.peer.octet[5] = order[n] & 0x80 ? peer : 200;
            b.irk[0] = order[n] >> 7;
            assert_true(is_same(bond_at(h, (uint16_t)n), &b));
        }
        assert_null(bond_at(h, (uint16_t)known));
    }
    assert_true(largest > PLACES / 2 && largest < PLACES);
    assert_int_equal(woad_bond_remove(h, NULL), 0);
    assert_null(bond_at(h, 0));
    free(h);
}

/* A bond that needs more slots than there are is refused, and the others stay. */
static void too_large(void **state)
{
    struct woad_config c = host_config();
    c.bonds = 2;
    struct woad *h = woad_init(malloc(woad_size(&c)), woad_size(&c), &c);
    struct woad_bond one = bond_of(1, 1), two = bond_of(2, 5), three = bond_of(3, 12), again;
    (void)state;
    assert_int_equal(slots_of(&one), 1);
    assert_int_equal(slots_of(&two), 2);
    assert_int_equal(slots_of(&three), 3);
    assert_int_equal(woad_bond_add(h, &one), 0);
    assert_int_equal(woad_bond_add(h, &three), WOAD_ENOMEM);
    assert_true(is_same(bond_at(h, 0), &one));
    again = three;
    again.peer = one.peer; /* other keys than the stored ones */
    assert_int_equal(woad_bond_add(h, &again), WOAD_ENOMEM);
    assert_null(bond_at(h, 0));
    assert_int_equal(woad_bond_add(h, &one), 0);
    assert_int_equal(woad_bond_add(h, &two), 0);
    assert_true(is_same(bond_at(h, 0), &two));
    assert_null(bond_at(h, 1));
    /* LE Secure Connections, from a store that kept the peer's half alone */
    again = one;
    memset(again.own_ltk, 0, 16);
    again.has_own_ltk = false;
    again.has_peer_ltk = true;
    assert_int_equal(woad_bond_add(h, &again), 0);
    assert_memory_equal(bond_at(h, 0)->peer_ltk, one.own_ltk, 16);
    again.key_size = 6;
    assert_int_equal(woad_bond_add(h, &again), WOAD_EINVAL);
    free(h);
}

/* A removed bond leaves no key in the host's memory. */
static void nothing_left(void **state)
{
    struct woad_config c = host_config();
    size_t len = woad_size(&c);
    struct woad *h = woad_init(malloc(len), len, &c);
    struct woad_bond b = bond_of(3, 12), other = bond_of(4, 30);
    const uint8_t *keys[] = { b.own_ltk, b.peer_ltk, b.irk, b.csrk, b.own_csrk };
    (void)state;
    assert_int_equal(woad_bond_add(h, &b), 0);
    assert_int_equal(woad_bond_add(h, &other), 0);
    for (int stored = 1; stored >= 0; stored--) {
        for (size_t n = 0; n < sizeof keys / sizeof *keys; n++) {
            assert_int_equal(memmem(h, len, keys[n], 16) != NULL, stored);
        }
        assert_int_equal(woad_bond_remove(h, &b.peer), stored ? 0 : WOAD_ENOENT);
    }
    assert_true(is_same(bond_at(h, 0), &other));
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_in_order), cmocka_unit_test(too_large),
        cmocka_unit_test(nothing_left),   cmocka_unit_test(stored_in_order),
        cmocka_unit_test(too_many),       cmocka_unit_test(damaged),
        cmocka_unit_test(cut_off)
    };
    if (!mkdtemp(folder)) {
        return 1;
    }
    snprintf(path, sizeof path, "%s/bonds", folder);
    snprintf(beside, sizeof beside, "%s.new", path);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    unlink(beside);
    rmdir(folder);
    return failed;
}
