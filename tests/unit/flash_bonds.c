/* woad/flash_bonds.h on a flash that loses power at every unit that is programmed and at every
 * erasure, before, within and after it.  Bits that were changing then read differently each time.
 * Afterwards each bond, the IRK and the counts of failures are as before the change or as after it,
 * and stay so. */
#include <woad/crypto.h>
#include <woad/flash_bonds.h>
#include <woad/woad.h>

#include <stdlib.h>
#include <string.h>

#include "cm.h"
#include "flash_chip.h"
#include "flash_host.h"

/* --- operations ------------------------------------------------------------------------------- */

struct operation {
    enum { OP_KEEP, OP_GONE, OP_ATTEMPTS, OP_FORGET } kind;
    unsigned peer;
    uint8_t failures;
};

static void octets(uint8_t *p, size_t len)
{
    test_random(NULL, p, len);
}

/* A bond as pairing makes it: of LE Secure Connections, or legacy with keys for signing. */
static void make_bond(struct expected *e, unsigned peer)
{
    struct woad_bond *b = &e->bond[peer];
    *b = (struct woad_bond){ .peer = address_of(peer), .key_size = 16, .has_own_ltk = true };
    octets(b->own_ltk, 16);
    if (roll() % 2) {
        b->flags = WOAD_BOND_SECURE;
    } else {
        b->own_ediv = (uint16_t)roll();
        octets(b->own_rand, 8);
        b->has_csrk = roll() % 2;
        if (b->has_csrk) {
            octets(b->csrk, 16);
            b->signs = roll();
        }
    }
    b->has_irk = roll() % 2;
    if (b->has_irk) {
        octets(b->irk, 16);
    }
    b->cccds = (uint16_t)(roll() % 6);
    for (uint16_t n = 0; n < b->cccds; n++) {
        e->cccd[peer][n] = (struct woad_cccd){ (uint16_t)(n + 20), 1 };
    }
    e->there[peer] = true;
}

/* Chooses an operation, and what the store holds after it. */
static struct operation choose(struct expected *after)
{
    struct operation op = { .kind = OP_KEEP, .peer = roll() % PEERS };
    unsigned what = roll() % 16;
    if (what < 10) {
        make_bond(after, op.peer);
    } else if (what < 13) {
        op.kind = OP_ATTEMPTS;
        op.failures = (uint8_t)(roll() % 4);
    } else {
        op.kind = what == 15 ? OP_FORGET : OP_GONE;
        after->there[op.peer] = false;
    }
    return op;
}

static bool may_fail(void)
{
    return dead || blind_to;
}

static void carry_out(const struct operation *op, const struct expected *after)
{
    struct woad_addr peer = address_of(op->peer);
    struct woad_bond bond = after->bond[op->peer];
    struct woad_event ev = { .type = WOAD_EV_BOND };
    bond.peer = peer;
    bond.cccd = after->cccd[op->peer];
    ev.u.bond.bond = &bond;
    ev.u.bond.change = op->kind == OP_GONE ? WOAD_BOND_GONE : WOAD_BOND_CHANGED;
    if (op->kind == OP_ATTEMPTS) {
        ev.type = WOAD_EV_ATTEMPTS;
        ev.u.attempts.peer = peer;
        ev.u.attempts.failures = op->failures;
    }
    if (op->kind == OP_FORGET) {
        int err = woad_flash_bonds_forget(&store, &peer);
        assert_true(may_fail() || err == (expected.there[op->peer] ? 0 : WOAD_ENOENT));
    } else {
        woad_flash_bonds_event(&store, host, &ev);
        assert_true(may_fail() || store.error == 0);
    }
}

/* After a cut: the store is opened, perhaps cut again meanwhile, and then holds one thing for good,
 * which further changes do not harm. */
static void come_back(const struct expected *before, const struct expected *after)
{
    if (roll() % 2) {
        half = (enum cut)(roll() % CUTS);
        restart((enum mood)(roll() % MOODS), (int)(roll() % 60));
    }
    restart((enum mood)(roll() % MOODS), -1);
    struct expected now = settle(before, after);
    for (unsigned again = 0; again < 3; again++) {
        restart((enum mood)(roll() % MOODS), -1);
        settle(&now, &now);
        struct expected next = now;
        struct operation op = choose(&next);
        expected = now;
        carry_out(&op, &next);
        restart((enum mood)(roll() % MOODS), -1);
        settle(&next, &next);
        now = next;
    }
}

/* Cuts the power at each step of an operation, each time from the same state. */
static void cut_everywhere(const struct operation *op, const struct expected *after)
{
    struct chip chip_before = chip;
    struct woad_flash_bonds store_before = store;
    struct expected before = expected;
    steps = 0;
    carry_out(op, after);
    unsigned all = steps;
    struct chip chip_after = chip;
    struct woad_flash_bonds store_after = store;
    for (unsigned cut = 0; cut < all * CUTS; cut++) {
        chip = chip_before;
        store = store_before;
        expected = before;
        steps_left = (int)(cut / CUTS);
        half = (enum cut)(cut % CUTS);
        carry_out(op, after);
        assert_true(dead);
        come_back(&before, after);
    }
    chip = chip_after;
    store = store_after;
    restart(MOOD_RANDOM, -1);
    settle(after, after);
    expected = *after;
}

/* A chip from the factory, or with octets of another program. */
static void begin(uint8_t unit_size, uint64_t seed, bool blank)
{
    memset(&chip, 0, sizeof chip);
    memset(&expected, 0, sizeof expected);
    unit = unit_size;
    dice = seed * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t n = 0; n < 2 * SECTOR; n++) {
        chip.now[n / SECTOR][n % SECTOR] = blank ? 0xff : (uint8_t)roll();
        chip.used[n / SECTOR][n % SECTOR] = !blank;
    }
    restart(MOOD_RANDOM, -1);
    assert_int_equal(store.error, 0);
    assert_int_equal(woad_irk(host, expected.irk), 0);
}

static void cuts_with_unit(uint8_t size)
{
    const char *text = getenv("SEEDS");
    unsigned seeds = text ? (unsigned)atoi(text) : 30;
    for (unsigned seed = 1; seed <= 1 + seeds / 30; seed++) {
        begin(size, seed * 31 + size, seed % 2);
        for (unsigned n = 0; n < 24; n++) {
            struct expected after = expected;
            struct operation op = choose(&after);
            cut_everywhere(&op, &after);
        }
    }
}

static void power_is_cut_with_units_of_4(void **state)
{
    (void)state;
    cuts_with_unit(4);
}

static void power_is_cut_with_units_of_8(void **state)
{
    (void)state;
    cuts_with_unit(8);
}

static void power_is_cut_with_units_of_16(void **state)
{
    (void)state;
    cuts_with_unit(16);
}

/* The first start is cut at each step: the next one makes the store. */
static void power_is_cut_at_the_first_start(void **state)
{
    (void)state;
    for (unsigned cut = 0; cut < 400; cut++) {
        struct expected after;
        begin(8, cut + 1, cut % 2);
        begin(8, cut + 1, cut % 2);
        memset(&chip, 0xff, sizeof chip.now);
        memset(chip.weak, 0, sizeof chip.weak);
        memset(chip.used, 0, sizeof chip.used);
        half = (enum cut)(cut % CUTS);
        restart(MOOD_RANDOM, (int)cut / CUTS);
        restart(MOOD_RANDOM, -1);
        assert_int_equal(woad_irk(host, expected.irk), 0);
        after = expected;
        make_bond(&after, 1);
        carry_out(&(struct operation){ .kind = OP_KEEP, .peer = 1 }, &after);
        restart(MOOD_AFTER, -1);
        settle(&after, &after);
    }
}

/* 20,000 changes without cuts: both sectors are erased equally often, and not for each change. */
static void both_sectors_wear_alike(void **state)
{
    (void)state;
    begin(8, 5, true);
    for (unsigned n = 0; n < 20000; n++) {
        struct expected after = expected;
        struct operation op = choose(&after);
        op.kind = op.kind == OP_FORGET ? OP_GONE : op.kind;
        carry_out(&op, &after);
        expected = after;
    }
    restart(MOOD_RANDOM, -1);
    settle(&expected, &expected);
    assert_true(abs((int)chip.erases[0] - (int)chip.erases[1]) <= 1);
    print_message("20,000 changes: %u and %u erasures\n", chip.erases[0], chip.erases[1]);
    assert_true(chip.erases[0] + chip.erases[1] < 20000 / 8);
}

static bool chip_has(const uint8_t *p, size_t len)
{
    for (uint32_t n = 0; n + len <= sizeof chip.now; n++) {
        if (memcmp((const uint8_t *)chip.now + n, p, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Forgetting erases the keys themselves; the other bonds, the IRK and the counts stay. */
static void forgotten_keys_are_erased(void **state)
{
    struct woad_addr peer = address_of(2);
    struct expected after;
    (void)state;
    begin(8, 9, true);
    after = expected;
    for (unsigned n = 0; n < PEERS; n++) {
        make_bond(&after, n);
        carry_out(&(struct operation){ .kind = OP_KEEP, .peer = n }, &after);
    }
    assert_true(chip_has(after.bond[2].own_ltk, 16));
    assert_int_equal(woad_flash_bonds_forget(&store, &peer), 0);
    assert_int_equal(woad_flash_bonds_forget(&store, &peer), WOAD_ENOENT);
    assert_false(chip_has(after.bond[2].own_ltk, 16));
    after.there[2] = false;
    restart(MOOD_RANDOM, -1);
    settle(&after, &after);
    assert_int_equal(woad_flash_bonds_forget(&store, NULL), 0);
    for (unsigned n = 0; n < PEERS; n++) {
        after.there[n] = false;
        assert_false(chip_has(after.bond[n].own_ltk, 16));
    }
    restart(MOOD_RANDOM, -1);
    settle(&after, &after);
    assert_int_equal(woad_flash_bonds_forget(&store, NULL), WOAD_ENOENT);
}

/* More bonds than a sector has room for: the ones that have not changed for the longest time go,
 * the newest and the IRK stay. */
static void the_oldest_bonds_make_room(void **state)
{
    struct woad_bond bond = { .key_size = 16, .has_own_ltk = true, .flags = WOAD_BOND_SECURE };
    struct woad_event ev = { .type = WOAD_EV_BOND };
    uint8_t irk[16];
    (void)state;
    begin(16, 3, true);
    ev.u.bond.bond = &bond;
    for (uint8_t n = 0; n < 100; n++) {
        bond.peer = (struct woad_addr){ .octet = { n, 9, 9, 9, 9, 9 } };
        woad_flash_bonds_event(&store, host, &ev);
        assert_int_equal(store.error, 0);
    }
    restart(MOOD_RANDOM, -1);
    struct woad_event wanted = { .type = WOAD_EV_BOND_WANTED };
    for (uint8_t n = 0; n < 100; n++) {
        woad_bond_remove(host, NULL);
        wanted.u.bond_wanted.peer = (struct woad_addr){ .octet = { n, 9, 9, 9, 9, 9 } };
        woad_flash_bonds_event(&store, host, &wanted);
        bool found = woad_bond_at(host, 0, &bond) == 0;
        assert_true(n < 88 || found);
        assert_true(n > 60 || !found);
    }
    assert_int_equal(woad_irk(host, irk), 0);
    assert_memory_equal(irk, expected.irk, 16);
}

/* A change that changes nothing costs nothing. */
static void an_equal_bond_is_not_written(void **state)
{
    struct expected after;
    (void)state;
    begin(8, 4, true);
    after = expected;
    make_bond(&after, 1);
    carry_out(&(struct operation){ .kind = OP_KEEP, .peer = 1 }, &after);
    steps = 0;
    carry_out(&(struct operation){ .kind = OP_KEEP, .peer = 1 }, &after);
    assert_int_equal(steps, 0);
    after.bond[1].database = 77;
    carry_out(&(struct operation){ .kind = OP_KEEP, .peer = 1 }, &after);
    assert_true(steps > 0);
}

static void what_is_no_flash_is_refused(void **state)
{
    struct woad_flash flash = { SECTOR, 8, chip_read, chip_program, chip_erase, NULL };
    struct woad_flash bad = flash;
    (void)state;
    begin(8, 1, true);
    bad.unit = 12;
    assert_int_equal(woad_flash_bonds_open(&store, &bad), WOAD_EINVAL);
    bad.unit = 32;
    assert_int_equal(woad_flash_bonds_open(&store, &bad), WOAD_EINVAL);
    bad = flash;
    bad.sector_size = 512;
    assert_int_equal(woad_flash_bonds_open(&store, &bad), WOAD_EINVAL);
    bad = flash;
    bad.erase = NULL;
    assert_int_equal(woad_flash_bonds_open(&store, &bad), WOAD_EINVAL);
    assert_int_equal(woad_flash_bonds_open(&store, &flash), 0);
}

static void keep(const struct woad_bond *bond)
{
    struct woad_bond copy = *bond;
    struct woad_event ev = { .type = WOAD_EV_BOND };
    ev.u.bond.bond = &copy;
    ev.u.bond.change = WOAD_BOND_NEW;
    woad_flash_bonds_event(&store, host, &ev);
}

/* A peer by Just Works, whose IRK and CSRK together are a record: the owner's bond, with a key of
 * the peer's choice.  The record's last octets are the zeros behind them. */
static struct woad_bond forger(const struct woad_bond *owner)
{
    struct woad_bond b = { .peer = address_of(2), .key_size = 16, .flags = WOAD_BOND_SECURE };
    uint8_t r[64] = { 0 }, keys[32] = { 0 };
    size_t size = (size_t)(37 + unit - 1) / unit * unit, shift = (size_t)(unit - 37 % unit) % unit;
    r[4] = 25;
    r[6] = 4;
    r[7] = 0xb6;
    r[12] = owner->peer.type;
    memcpy(r + 13, owner->peer.octet, 6);
    r[19] = 16 << 3;
    r[20] = WOAD_BOND_SECURE | WOAD_BOND_AUTHENTICATED | 1 << 2;
    memset(r + 21, 0xaa, 8);
    uint32_t crc = crc_of(r + 4, size - 4);
    memcpy(r, &crc, 4);
    memcpy(keys + shift, r, sizeof keys - shift);
    b.has_own_ltk = b.has_irk = b.has_csrk = true;
    memset(b.own_ltk, 0x11, 16);
    memcpy(b.irk, keys, 16);
    memcpy(b.csrk, keys + 16, 16);
    return b;
}

static void expect_the_owner(const struct woad_bond *owner)
{
    restart(MOOD_RANDOM, -1);
    const struct woad_bond *b = host_bond(1);
    assert_non_null(b);
    assert_memory_equal(b->own_ltk, owner->own_ltk, 16);
}

/* Octets of a peer's keys are never taken for a record: wherever the power is cut while its bond
 * is written, and whichever octet of it changes later. */
static void a_record_within_keys_does_not_count(void **state)
{
    struct woad_bond owner = { .peer = address_of(1), .key_size = 16, .has_own_ltk = true };
    (void)state;
    owner.flags = WOAD_BOND_SECURE | WOAD_BOND_AUTHENTICATED;
    memset(owner.own_ltk, 0x77, 16);
    for (uint8_t size = 1; size <= 4; size *= 2) {
        uint32_t at = 0;
        begin(size, 1, true);
        keep(&owner);
        struct chip before = chip;
        struct woad_flash_bonds store_before = store;
        struct woad_bond stranger = forger(&owner);
        dead = true;
        for (int cut = 0; dead; cut++) {
            chip = before;
            store = store_before;
            at = store.end;
            dead = false;
            steps_left = cut;
            half = CUT_BEFORE;
            keep(&stranger);
            bool again = dead;
            if (again) {
                expect_the_owner(&owner);
            }
            dead = again;
        }
        before = chip;
        for (; at < store_before.end + 90; at++) {
            chip = before;
            chip.now[store_before.sector][at] ^= 0xff;
            expect_the_owner(&owner);
        }
    }
}

/* A record's octets behind one gap must not be of a peer's choice: they would be taken for the head
 * of the record that begins a session, if the power is cut while they are written. */
static void no_session_begins_within_keys(void **state)
{
    (void)state;
    for (uint8_t size = 1; size <= 16; size *= 2) {
        for (unsigned shape = 0; shape < 4; shape++) {
            struct woad_bond b = { .peer = { .type = 1 }, .key_size = 16, .has_irk = true };
            struct woad_event ev = { .type = WOAD_EV_ATTEMPTS };
            uint32_t head = (size < 4 ? 4 : size) + 6;
            memset(b.peer.octet, 0xb6, 6);
            memset(b.own_ltk, 0xb6, 16);
            memset(b.peer_ltk, 0xb6, 16);
            memset(b.peer_rand, 0xb6, 8);
            memset(b.irk, 0xb6, 16);
            b.flags = shape & 1 ? WOAD_BOND_SECURE : 0;
            b.has_own_ltk = shape & 1;
            b.has_peer_ltk = !(shape & 1);
            ev.u.attempts.peer = b.peer;
            ev.u.attempts.failures = 1;
            begin(size, 1, true);
            head += store.end;
            if (shape & 2) {
                woad_flash_bonds_event(&store, host, &ev);
            } else {
                keep(&b);
            }
            assert_int_equal(store.error, 0);
            assert_in_range(store.end, head + 2, SECTOR);
            assert_int_equal(chip.now[store.sector][head], 0);
            assert_int_equal(chip.now[store.sector][head + 1], 0);
        }
    }
}

/* The first octets of a record may be blank, so that a cut behind them leaves blank ones, too. */
static void a_crc_that_begins_blank_is_left_out(void **state)
{
    struct expected after;
    uint32_t at;
    (void)state;
    begin(1, 8, true);
    struct chip chip_before = chip;
    struct woad_flash_bonds store_before = store;
    do {
        chip = chip_before;
        store = store_before;
        at = store.end;
        after = expected;
        make_bond(&after, 1);
        carry_out(&(struct operation){ .kind = OP_KEEP, .peer = 1 }, &after);
    } while (chip.now[store.sector][at] != 0xff);
    chip = chip_before;
    store = store_before;
    steps_left = 1;
    half = CUT_WEAK;
    carry_out(&(struct operation){ .kind = OP_KEEP, .peer = 1 }, &after);
    restart(MOOD_BEFORE, -1);
    after = expected;
    make_bond(&after, 2);
    carry_out(&(struct operation){ .kind = OP_KEEP, .peer = 2 }, &after);
    restart(MOOD_AFTER, -1);
    settle(&after, &after);
}

static void forgetting_ends_when_the_flash_fails(void **state)
{
    struct expected after;
    (void)state;
    begin(8, 7, true);
    after = expected;
    for (unsigned n = 0; n < PEERS; n++) {
        make_bond(&after, n);
        carry_out(&(struct operation){ .kind = OP_KEEP, .peer = n }, &after);
    }
    steps = 0;
    worn = true;
    assert_int_equal(woad_flash_bonds_forget(&store, NULL), WOAD_EIO);
    worn = false;
    restart(MOOD_RANDOM, -1);
    settle(&after, &after);
    struct chip chip_before = chip;
    struct woad_flash_bonds store_before = store;
    half = CUT_BEFORE;
    for (int fails_at = 0; fails_at < 80; fails_at++) {
        chip = chip_before;
        store = store_before;
        steps_left = fails_at;
        int err = woad_flash_bonds_forget(&store, NULL);
        dead = false;
        steps_left = -1;
        assert_true(!err || woad_flash_bonds_forget(&store, NULL) == 0);
        assert_false(chip_has(after.bond[2].own_ltk, 16));
    }
}

/* Failures of other peers, however many, do not end the long wait of one. */
static void the_longest_waits_are_kept(void **state)
{
    struct woad_event ev = { .type = WOAD_EV_ATTEMPTS };
    (void)state;
    begin(8, 7, true);
    for (uint8_t n = 0; n < 200; n++) {
        ev.u.attempts.peer = (struct woad_addr){ .octet = { n < 20 ? n : 20, 1 } };
        ev.u.attempts.failures = n ? 1 : 9;
        woad_flash_bonds_event(&store, host, &ev);
        assert_int_equal(store.error, 0);
    }
    for (uint8_t n = 0; n <= 20; n++) {
        ev.u.attempts.peer.octet[0] = n;
        ev.u.attempts.failures = 0;
        steps = 0;
        restart(MOOD_RANDOM, -1);
        woad_flash_bonds_event(&store, host, &ev);
        assert_true(n % 20 || steps);
    }
}

/* The first IRK has no place in the flash: it stays, and gets one with the next bond. */
static void an_irk_that_was_not_written_is_tried_again(void **state)
{
    struct woad_event report = { .type = WOAD_EV_TX_READY }, up = { .type = WOAD_EV_UP };
    struct woad_bond bond = { .peer = address_of(1), .key_size = 16, .has_own_ltk = true };
    uint8_t irk[16], now[16];
    (void)state;
    begin(8, 7, true);
    memset(&chip, 0xff, sizeof chip.now);
    memset(chip.used, 0, sizeof chip.used);
    const struct woad_flash flash = store.flash;
    assert_int_equal(woad_flash_bonds_open(&store, &flash), 0);
    worn = true;
    woad_flash_bonds_event(&store, host, &up);
    assert_int_equal(store.error, WOAD_EIO);
    assert_int_equal(woad_irk(host, irk), 0);
    steps = 0;
    for (unsigned n = 0; n < 5; n++) {
        woad_flash_bonds_event(&store, host, &report);
    }
    assert_int_equal(steps, 0);
    worn = false;
    keep(&bond);
    restart(MOOD_RANDOM, -1);
    assert_int_equal(woad_irk(host, now), 0);
    assert_memory_equal(now, irk, 16);
    assert_non_null(host_bond(1));
}

/* Reads fail, one or all from one on, or up to one: while the store is opened and the host gets
 * what is in it. */
static void reads_that_fail_at_the_start_erase_nothing(void **state)
{
    struct expected after;
    (void)state;
    begin(8, 6, true);
    after = expected;
    for (unsigned n = 0; n < PEERS; n++) {
        make_bond(&after, n);
        carry_out(&(struct operation){ .kind = OP_KEEP, .peer = n }, &after);
    }
    struct chip before = chip;
    reads = 0;
    restart(MOOD_RANDOM, -1);
    unsigned all = reads;
    for (unsigned n = 0; n < 3 * all; n++) {
        blind_from = n % 3 == 2 ? 0 : n / 3;
        blind_to = n % 3 == 1 ? UINT32_MAX : n / 3 + 1;
        reads = 0;
        restart(MOOD_RANDOM, -1);
        assert_int_equal(store.error, WOAD_EIO);
        blind_to = 0;
        assert_memory_equal(&chip, &before, offsetof(struct chip, mood));
        restart(MOOD_RANDOM, -1);
        settle(&after, &after);
    }
    blind_from = reads = 0;
    blind_to = UINT32_MAX;
    restart(MOOD_RANDOM, -1);
    blind_to = 0;
    keep(&after.bond[0]); /* the store is not open */
    assert_int_equal(store.error, WOAD_EIO);
    assert_int_equal(woad_flash_bonds_forget(&store, NULL), WOAD_EIO);
    assert_memory_equal(&chip, &before, offsetof(struct chip, mood));
}

/* The same while a change is made: it is made, or not. */
static void reads_that_fail_in_a_change_harm_nothing_else(void **state)
{
    (void)state;
    begin(16, 12, true);
    for (unsigned times = 0; times < 40; times++) {
        struct expected after = expected;
        struct operation op = choose(&after);
        struct chip chip_before = chip;
        struct woad_flash_bonds store_before = store;
        reads = 0;
        carry_out(&op, &after);
        unsigned all = reads;
        for (unsigned n = roll() % 9; n < all; n += 1 + roll() % 40) {
            chip = chip_before;
            store = store_before;
            reads = 0;
            blind_from = n;
            blind_to = n % 2 ? UINT32_MAX : n + 1;
            carry_out(&op, &after);
            blind_to = 0;
            restart(MOOD_RANDOM, -1);
            settle(&expected, &after);
        }
        chip = chip_before;
        store = store_before;
        carry_out(&op, &after);
        expected = after;
    }
}

static struct woad_bond nth_bond(uint8_t n, unsigned flags)
{
    struct woad_bond b = { .key_size = 16, .has_own_ltk = true, .flags = flags & 3u };
    b.peer = (struct woad_addr){ .octet = { n, 9, 9, 9, 9, 9 } };
    return b;
}

static bool is_stored(uint8_t n)
{
    struct woad_event wanted = { .type = WOAD_EV_BOND_WANTED };
    struct woad_bond bond;
    woad_bond_remove(host, NULL);
    wanted.u.bond_wanted.peer = nth_bond(n, 0).peer;
    woad_flash_bonds_event(&store, host, &wanted);
    return woad_bond_at(host, 0, &bond) == 0;
}

/* A host that has asked in vain, because a read failed, lets a weaker bond of the same peer take
 * the place; the store does not. */
static void a_stronger_bond_that_was_not_read_stays(void **state)
{
    struct woad_bond strong = nth_bond(1, WOAD_BOND_SECURE | WOAD_BOND_AUTHENTICATED), weak;
    (void)state;
    begin(8, 2, true);
    keep(&strong);
    assert_int_equal(store.error, 0);
    reads = blind_from = 0;
    blind_to = UINT32_MAX;
    assert_false(is_stored(1));
    assert_int_equal(store.error, WOAD_EIO);
    blind_to = 0;
    weak = nth_bond(1, WOAD_BOND_SECURE);
    keep(&weak);
    assert_int_equal(store.error, WOAD_EACCES);
    restart(MOOD_RANDOM, -1);
    assert_int_equal(woad_bond_at(host, 0, &weak), 0);
    assert_true(weak.flags & WOAD_BOND_AUTHENTICATED);
}

/* The owner's bond is the oldest.  Strangers who fail to pair, or pair by Just Works, push only
 * their like out; what has no room is not kept, and costs no erasure. */
static void a_weaker_peer_pushes_no_bond_out(void **state)
{
    struct woad_event ev = { .type = WOAD_EV_ATTEMPTS };
    enum { STRONG = WOAD_BOND_SECURE | WOAD_BOND_AUTHENTICATED, WEAK = WOAD_BOND_SECURE };
    struct woad_bond bond = nth_bond(0, STRONG);
    (void)state;
    begin(16, 3, true);
    keep(&bond);
    for (uint8_t n = 1; n < 60; n++) {
        bond = nth_bond(n, WEAK);
        keep(&bond);
        assert_int_equal(store.error, 0);
    }
    unsigned erases = chip.erases[0] + chip.erases[1];
    ev.u.attempts.failures = 1;
    for (uint8_t n = 0; n < 20; n++) {
        ev.u.attempts.peer = (struct woad_addr){ .octet = { n, 1 } };
        woad_flash_bonds_event(&store, host, &ev);
    }
    assert_int_equal(store.error, WOAD_ENOMEM);
    assert_in_range(chip.erases[0] + chip.erases[1], erases, erases);
    restart(MOOD_RANDOM, -1);
    assert_true(is_stored(0) && is_stored(59));
    for (uint8_t n = 60; n < 100; n++) {
        bond = nth_bond(n, STRONG);
        keep(&bond);
        assert_int_equal(store.error, 0);
    }
    bond = nth_bond(100, WEAK);
    keep(&bond);
    assert_int_equal(store.error, WOAD_ENOMEM);
    restart(MOOD_RANDOM, -1);
    assert_true(is_stored(99) && !is_stored(100) && !is_stored(59));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_is_cut_with_units_of_4),
        cmocka_unit_test(power_is_cut_with_units_of_8),
        cmocka_unit_test(power_is_cut_with_units_of_16),
        cmocka_unit_test(power_is_cut_at_the_first_start),
        cmocka_unit_test(both_sectors_wear_alike),
        cmocka_unit_test(forgotten_keys_are_erased),
        cmocka_unit_test(the_oldest_bonds_make_room),
        cmocka_unit_test(an_equal_bond_is_not_written),
        cmocka_unit_test(what_is_no_flash_is_refused),
        cmocka_unit_test(a_record_within_keys_does_not_count),
        cmocka_unit_test(no_session_begins_within_keys),
        cmocka_unit_test(a_crc_that_begins_blank_is_left_out),
        cmocka_unit_test(forgetting_ends_when_the_flash_fails),
        cmocka_unit_test(the_longest_waits_are_kept),
        cmocka_unit_test(an_irk_that_was_not_written_is_tried_again),
        cmocka_unit_test(reads_that_fail_at_the_start_erase_nothing),
        cmocka_unit_test(reads_that_fail_in_a_change_harm_nothing_else),
        cmocka_unit_test(a_weaker_peer_pushes_no_bond_out),
        cmocka_unit_test(a_stronger_bond_that_was_not_read_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
