/* A bond is replaced only by one that is at least as strong: in memory, in the store, by eviction,
 * and if a stronger bond arrives while a pairing runs. */
#include "pairing.h"

static const struct woad_security_policy weak = { .io = WOAD_IO_NONE, .bond = true };
static struct woad_security_policy types, shows;

static struct woad *host(int k)
{
    return w->device[k].host;
}

/* Pairs two devices with an authenticated bond.  Returns the peripheral's bond. */
static struct woad_bond friends(void)
{
    types = policy(WOAD_IO_KEYBOARD, true, true);
    shows = policy(WOAD_IO_DISPLAY, true, true);
    begin(&types, &shows);
    settle();
    assert_int_equal(status_of(PERIPHERAL), 0);
    assert_true(level(PERIPHERAL).authenticated);
    return side[PERIPHERAL].bond;
}

static struct woad_bond stored;
static unsigned wanted;

static void store(struct device *d, const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED) {
        wanted++;
        if (memcmp(&ev->u.bond_wanted.peer, &stored.peer, sizeof stored.peer) == 0) {
            assert_int_equal(woad_bond_add(d->host, &stored), 0);
        }
    }
    on_event(d, ev);
}

/* The bond of the friend, the bonded peer, is in the store alone.  An attacker with the friend's
 * address pairs by Just Works. */
static void bond_in_the_store(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++) {
        friends();
        stored = side[victim].bond;
        stored.cccds = 0;
        woad_bond_remove(host(0), NULL);
        woad_bond_remove(host(1), NULL);
        w->device[victim].on_event = store;
        woad_set_security_policy(host(1 - victim), &weak);
        if (victim == CENTRAL) {
            stored.has_peer_ltk = 0; /* the peer has no key to encrypt with, so it pairs */
        }
        rejoin(CENTRAL);
        side[victim].bonds = wanted = 0;
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        settle();
        assert_int_equal(status_of(victim), WOAD_SMP_AUTHENTICATION);
        assert_int_equal(side[victim].bonds, 0);
        assert_true(wanted > 0);
        world_free(w);
    }
}

/* The same, if a peer behind a private address claims the identity. */
static void identity_in_the_store(void **state)
{
    (void)state;
    stored = friends();
    stored.cccds = 0;
    struct woad_addr friend = stored.peer;
    woad_bond_remove(host(1), NULL);
    w->device[1].on_event = store;
    assert_int_equal(woad_disconnect(host(0), side[0].conn, 0x13), 0);
    world_run(w, 1200000);
    add(2, &weak);
    side[2].random = 0x1234567;
    uint8_t irk[16] = { 7 };
    assert_int_equal(woad_set_irk(host(2), irk), 0);
    assert_int_equal(woad_set_privacy(host(2), WOAD_PRIVACY_RESOLVABLE, 900), 0);
    world_run(w, 10000);
    again();
    connect_both(&w->device[2], &w->device[1]);
    device_forget(&w->device[1]);
    /* The attacker's Identity Address Information is replaced by the friend's identity. */
    uint8_t claim[17] = { 2, 0x40, 0x20, 12, 0, 8, 0, 6, 0, 9 };
    memcpy(claim + 10, &friend, 7);
    assert_int_equal(woad_pair(host(2), side[2].conn), 0);
    for (int n = 0; n < 300 && !level(1).encrypted; n++) {
        world_run(w, 1000);
    }
    uint8_t key[26] = { 2, 0x40, 0x20, 21, 0, 17, 0, 6, 0, 8, 1 };
    if (woad_rx(host(1), key, sizeof key) == 0) {
        woad_rx(host(1), claim, sizeof claim);
    }
    world_run(w, 1000000);
    assert_int_equal(status_of(1), WOAD_SMP_KEY_REJECTED);
    assert_int_equal(side[1].bonds, 1); /* the friend's bond */
    world_free(w);
}

/* Pairings from made-up addresses fill the table: the friend's bond stays, and a weaker pairing
 * can't take its address. */
static void not_evicted(void **state)
{
    (void)state;
    struct woad_addr friend = friends().peer;
    assert_int_equal(woad_disconnect(host(0), side[0].conn, 0x13), 0);
    world_run(w, 1200000);
    struct device *a = add(2, &weak);
    for (uint8_t n = 0; n < BOND_PLACES + 2; n++) {
        uint8_t made_up[6] = { n, 1, 2, 3, 4, 0xc5 };
        assert_int_equal(woad_set_own_address(a->host, WOAD_ADDR_RANDOM, made_up), 0);
        woad_bond_remove(a->host, NULL);
        for (int k = 0; k < 3; k++) {
            device_forget(&w->device[k]);
        }
        connect_both(a, &w->device[1]);
        assert_int_equal(woad_pair(a->host, side[2].conn), 0);
        assert_non_null(world_wait(w, &w->device[1], WOAD_EV_SECURITY, 10000000));
        world_run(w, 100000);
        assert_true(level(1).bonded); /* among equals the oldest bond is evicted */
        assert_int_equal(woad_disconnect(a->host, side[2].conn, 0x13), 0);
        world_run(w, 1200000);
    }
    assert_true(side[1].gone > 0);
    bool there = false;
    for (uint16_t n = 0; bond_at(host(1), n); n++) {
        there = there || memcmp(&bond_at(host(1), n)->peer, &friend, sizeof friend) == 0;
    }
    assert_true(there);
    woad_bond_remove(host(0), NULL);
    woad_set_security_policy(host(0), &weak);
    device_forget(&w->device[1]);
    connect_both(&w->device[0], &w->device[1]);
    assert_int_equal(woad_pair(host(0), side[0].conn), 0);
    world_run(w, 3000000);
    assert_int_equal(status_of(1), WOAD_SMP_AUTHENTICATION);
    world_free(w);
}

/* All slots hold stronger bonds: the new bond is not kept, the store gets no new bond, and the
 * connection does not report a bond. */
static void no_room_among_stronger(void **state)
{
    (void)state;
    friends();
    struct woad_bond strong = side[1].bond;
    for (uint8_t n = 1; n < BOND_PLACES; n++) {
        strong.peer.octet[0] = (uint8_t)(0x80 + n);
        assert_int_equal(woad_bond_add(host(1), &strong), 0);
    }
    add(2, &weak);
    device_forget(&w->device[1]);
    side[1].bonds = 0;
    connect_both(&w->device[2], &w->device[1]);
    assert_int_equal(woad_pair(host(2), side[2].conn), 0);
    world_run(w, 3000000);
    assert_int_equal(status_of(1), 0);
    assert_true(level(1).encrypted);
    assert_false(level(1).bonded);
    assert_int_equal(side[1].bonds, 0);
    assert_int_equal(side[1].gone, 1); /* the store must drop what it has of that peer: nothing */
    assert_memory_equal(&side[1].bond.peer, &w->device[2].addr, 7);
    assert_null(bond_at(host(1), BOND_PLACES));
    world_free(w);
}

static struct woad_addr gone;

static void notes_gone(struct device *d, const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND && ev->u.bond.change == WOAD_BOND_GONE) {
        gone = ev->u.bond.bond->peer;
    }
    on_event(d, ev);
}

/* The bond of a connected peer is evicted for another peer's bond: its connection no longer reports
 * a bond. */
static void bond_of_a_connected_peer_makes_room(void **state)
{
    struct woad_security now;
    (void)state;
    begin(&weak, &weak);
    settle();
    assert_true(level(1).bonded);
    uint16_t conn = side[1].conn;
    struct woad_bond its = side[1].bond, other = its;
    other.has_csrk = other.has_own_csrk = false;
    for (uint8_t n = its.has_csrk ? 2 : 1; n < BOND_PLACES; n++) {
        other.peer.octet[0] = (uint8_t)(0x80 + n);
        assert_int_equal(woad_bond_add(host(1), &other), 0);
    }
    add(2, &weak);
    device_forget(&w->device[1]);
    connect_both(&w->device[2], &w->device[1]);
    w->device[1].on_event = notes_gone;
    assert_int_equal(woad_pair(host(2), side[2].conn), 0);
    world_run(w, 3000000);
    assert_memory_equal(&gone, &its.peer, sizeof gone);
    assert_true(level(1).bonded);
    assert_int_equal(woad_conn_security(host(1), conn, &now), 0);
    assert_true(now.encrypted);
    assert_false(now.bonded);
    world_free(w);
}

/* The bond of a new pairing takes more slots than there are: the peer's old bond, whose keys are
 * outdated, goes from memory and from the store; another peer's stays. */
static void too_large_for_all_slots(void **state)
{
    (void)state;
    bond_places = 2;
    types = policy(WOAD_IO_NONE, false, false);
    pair_of(&types, &types);
    struct woad_bond b = { .key_size = 16, .has_irk = 1, .peer = { 0, { 0x80, 1, 2, 3, 4, 5 } } };
    struct woad_addr other = b.peer;
    assert_int_equal(woad_bond_add(host(PERIPHERAL), &b), 0);
    b.peer = w->device[CENTRAL].addr;
    assert_int_equal(woad_bond_add(host(PERIPHERAL), &b), 0);
    w->device[PERIPHERAL].on_event = notes_gone;
    memset(&gone, 0, sizeof gone);
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    settle();
    world_run(w, 1000000);
    assert_int_equal(status_of(PERIPHERAL), 0);
    assert_false(level(PERIPHERAL).bonded);
    assert_int_equal(side[PERIPHERAL].bonds, 0);
    assert_int_equal(side[PERIPHERAL].gone, 1);
    assert_memory_equal(&gone, &b.peer, sizeof gone);
    assert_memory_equal(&bond_at(host(PERIPHERAL), 0)->peer, &other, sizeof other);
    assert_null(bond_at(host(PERIPHERAL), 1));
    world_free(w);
    bond_places = 0;
}

/* A stronger bond of the same peer arrives while a pairing runs, and may have been evicted from
 * memory to the store. */
static void comes_meanwhile(bool in_memory)
{
    pair_of(&weak, &weak);
    struct woad_bond strong = { .key_size = 16,
                                .flags = 3,
                                .has_own_ltk = 1,
                                .has_peer_ltk = 1,
                                .own_ltk = { 5 },
                                .peer_ltk = { 5 } };
    strong.peer = w->device[CENTRAL].addr;
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    world_run(w, 20000);
    stored = strong;
    w->device[PERIPHERAL].on_event = store;
    if (in_memory) {
        assert_int_equal(woad_bond_add(host(PERIPHERAL), &strong), 0);
    }
    settle();
    world_run(w, 1000000);
    assert_int_equal(status_of(PERIPHERAL), WOAD_SMP_KEY_REJECTED);
    assert_int_equal(side[PERIPHERAL].bonds, 0);
    assert_false(level(PERIPHERAL).bonded);
    assert_memory_equal(bond_at(host(PERIPHERAL), 0)->own_ltk, strong.own_ltk, 16);
    world_free(w);
}

static void stronger_meanwhile(void **state)
{
    (void)state;
    comes_meanwhile(true);
    comes_meanwhile(false);
}

/* A weak bond is evicted.  Inside that event the application adds a stronger bond of the same peer:
 * the stronger bond stays, in the store too. */
static void gives_inside_gone(struct device *d, const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND && ev->u.bond.change == WOAD_BOND_GONE) {
        d->on_event = on_event;
        assert_int_equal(woad_bond_add(d->host, &stored), 0);
    }
    on_event(d, ev);
}

static void stronger_inside_gone(void **state)
{
    (void)state;
    pair_of(&weak, &weak);
    stored = (struct woad_bond){ .key_size = 16, .own_ltk = { 5 }, .has_own_ltk = 1 };
    for (uint8_t n = 0; n < BOND_PLACES; n++) {
        stored.peer.octet[0] = (uint8_t)(0x80 + n);
        assert_int_equal(woad_bond_add(host(PERIPHERAL), &stored), 0);
    }
    stored.flags = WOAD_BOND_SECURE | WOAD_BOND_AUTHENTICATED;
    stored.peer = w->device[CENTRAL].addr;
    w->device[PERIPHERAL].on_event = gives_inside_gone;
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    settle();
    assert_int_equal(status_of(PERIPHERAL), 0);
    assert_true(level(PERIPHERAL).encrypted);
    assert_false(level(PERIPHERAL).bonded);
    assert_int_equal(side[PERIPHERAL].bonds, 0);
    assert_memory_equal(&bond_at(host(PERIPHERAL), 0)->peer, &stored.peer, sizeof stored.peer);
    assert_memory_equal(bond_at(host(PERIPHERAL), 0)->own_ltk, stored.own_ltk, 16);
    world_free(w);
}

/* Signed writes of a peer with its bond in the store alone.  A CSRK of zeros is rejected: any
 * attacker could sign with it. */
static void signed_by_a_bond_in_the_store(void **state)
{
    static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
    static const struct woad_attr db[] = {
        WOAD_PRIMARY(&u_service), WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_SIGNED_WRITE,
                                                      WOAD_PERM_WRITE | WOAD_PERM_WRITE_SIGNED)
    };
    (void)state;
    for (int none = 0; none < 2; none++) {
        pair_of(&weak, &weak);
        assert_int_equal(woad_gatt_add(host(PERIPHERAL), db, 3, NULL), 0);
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        settle();
        rejoin(CENTRAL);
        stored = side[PERIPHERAL].bond;
        stored.cccds = 0;
        assert_true(stored.has_csrk);
        if (none) {
            struct woad_bond its = *bond_at(host(CENTRAL), 0);
            memset(stored.csrk, 0, 16);
            memset(its.own_csrk, 0, 16);
            assert_int_equal(woad_bond_add(host(CENTRAL), &its), 0);
        }
        woad_bond_remove(host(PERIPHERAL), NULL);
        w->device[PERIPHERAL].on_event = store;
        wanted = 0;
        assert_int_equal(woad_gattc_write_signed(host(CENTRAL), side[CENTRAL].conn, 12, "x", 1), 0);
        world_run(w, 100000);
        assert_int_equal(device_count(&w->device[PERIPHERAL], WOAD_EV_GATT_WRITE), !none);
        assert_int_equal(wanted, 1);
        world_free(w);
    }
}

/* 2.3.6: an attacker that guesses passkeys must still wait, even if it pairs by Just Works in
 * between. */
static void just_works_forgets_no_guess(void **state)
{
    unsigned most = 0;
    (void)state;
    types = policy(WOAD_IO_KEYBOARD, true, true);
    shows = policy(WOAD_IO_DISPLAY, true, true);
    types.bond = shows.bond = false;
    struct woad_security_policy none = { .io = WOAD_IO_NONE };
    pair_of(&types, &shows);
    for (int n = 0; n < 9; n++) {
        bool guess = n % 3 != 2;
        woad_set_security_policy(host(CENTRAL), guess ? &types : &none);
        again();
        side[CENTRAL].user = guess ? WRONG : YES;
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        settle();
        const struct seen *s = device_find(&w->device[PERIPHERAL], WOAD_EV_ATTEMPTS);
        assert_true((s != NULL) == guess);
        if (s) {
            assert_int_equal(s->ev.u.attempts.failures, ++most);
        }
    }
    woad_set_security_policy(host(CENTRAL), &types);
    again(); /* the right passkey ends the wait */
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    settle();
    const struct seen *s = device_find(&w->device[PERIPHERAL], WOAD_EV_ATTEMPTS);
    assert_non_null(s);
    assert_int_equal(s->ev.u.attempts.failures, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bond_in_the_store),
        cmocka_unit_test(identity_in_the_store),
        cmocka_unit_test(not_evicted),
        cmocka_unit_test(no_room_among_stronger),
        cmocka_unit_test(bond_of_a_connected_peer_makes_room),
        cmocka_unit_test(too_large_for_all_slots),
        cmocka_unit_test(stronger_meanwhile),
        cmocka_unit_test(stronger_inside_gone),
        cmocka_unit_test(signed_by_a_bond_in_the_store),
        cmocka_unit_test(just_works_forgets_no_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
