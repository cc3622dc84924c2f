/* Pairing out of band: data that were never made, or that another pairing has used, prove nothing.
 * Vol 3, Part H, 2.3.5.6.4 */
#include "pairing.h"

static const uint8_t tk[16] = { 0x55, 9, 8, 7 }, other_tk[16] = { 1 };
static const struct woad_security_policy strict = {
    .io = WOAD_IO_NONE, .bond = true, .mitm = true, .require_mitm = true
};
static const struct woad_security_policy lax = { .io = WOAD_IO_NONE, .bond = true };

static struct woad *host(int k)
{
    return w->device[k].host;
}

static void make(int k)
{
    assert_int_equal(woad_oob_make(host(k)), 0);
    world_run(w, 10000);
    assert_int_equal(side[k].oobs, 1);
    side[k].oobs = 0;
}

/* The OOB flag that the test puts into the next Pairing Request or Response of a device; -1:
 * unchanged. */
static int flag = -1;

static void lie(struct device *d, const uint8_t *p, size_t n)
{
    (void)d;
    if (flag >= 0 && n > 15 && p[0] == 2 && p[7] == 6 && (p[9] == 1 || p[9] == 2)) {
        ((uint8_t *)(uintptr_t)p)[11] = (uint8_t)flag;
    }
}

static void assert_refused(int victim, int reason)
{
    world_run(w, 3000000);
    assert_int_equal(status_of(victim), reason);
    struct woad_security now = level(victim);
    assert_false(now.encrypted || now.authenticated || now.bonded);
    assert_null(bond_at(host(victim), 0));
}

/* An attacker claims in its OOB flag that it has the victim's data. */
static void claim(int attacker)
{
    flag = 1;
    w->device[attacker].on_packet = lie;
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    assert_refused(1 - attacker, WOAD_SMP_NO_OOB);
    flag = -1;
}

/* SM/CEN/SCOB/BI-04-C, SM/PER/SCOB/BI-03-C: the victim has made no data, so its r would be
 * zeros. */
static void data_never_made(void **state)
{
    (void)state;
    for (int attacker = 0; attacker < 2; attacker++) {
        if (attacker == CENTRAL) {
            pair_of(&lax, &strict);
        } else {
            pair_of(&strict, &lax);
        }
        claim(attacker);
        world_free(w);
    }
}

/* An honest central with a TK sets the same flag. */
static void tk_is_no_proof_of_secure_data(void **state)
{
    (void)state;
    pair_of(&lax, &strict);
    assert_int_equal(woad_oob_set_legacy(host(CENTRAL), side[CENTRAL].conn, other_tk), 0);
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    assert_refused(PERIPHERAL, WOAD_SMP_AUTHENTICATION); /* the central wants legacy pairing */
    world_free(w);
}

/* Out-of-band data serve one pairing: an attacker may use them up, but gains nothing. */
static void data_used_up(void **state)
{
    (void)state;
    for (int attacker = 0; attacker < 2; attacker++) {
        if (attacker == CENTRAL) {
            pair_of(&lax, &strict);
        } else {
            pair_of(&strict, &lax);
        }
        make(1 - attacker);
        struct woad_oob guessed = side[1 - attacker].oob;
        guessed.random[3] ^= 1;
        assert_int_equal(woad_oob_set(host(attacker), side[attacker].conn, &guessed), 0);
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        assert_refused(1 - attacker, WOAD_SECURITY_PEER | WOAD_SMP_CONFIRM);
        again();
        claim(attacker);
        world_free(w);
    }
}

/* Two peers claim at the same time that they have the same data. */
static void data_claimed_twice(void **state)
{
    (void)state;
    w = world_new(7, 0);
    add(2, &lax);
    add(2, &strict);
    add(2, &lax);
    connect_both(&w->device[0], &w->device[1]);
    uint16_t first = side[PERIPHERAL].conn;
    connect_both(&w->device[2], &w->device[1]);
    make(PERIPHERAL);
    assert_int_equal(woad_oob_set(host(0), side[0].conn, &side[PERIPHERAL].oob), 0);
    flag = 1;
    w->device[2].on_packet = lie;
    device_forget(&w->device[1]);
    assert_int_equal(woad_pair(host(0), side[0].conn), 0);
    world_run(w, 9000);
    assert_int_equal(woad_pair(host(2), side[2].conn), 0);
    world_run(w, 3000000);
    flag = -1;
    struct woad_security now[2];
    assert_int_equal(woad_conn_security(host(1), first, &now[0]), 0);
    assert_int_equal(woad_conn_security(host(1), side[1].conn, &now[1]), 0);
    assert_true(now[0].authenticated);
    assert_false(now[1].encrypted || now[1].authenticated);
    world_free(w);
}

/* The victim has a TK; the peer supports LE Secure Connections and knows no data. */
static void tk_and_secure_peer(void **state)
{
    (void)state;
    for (int legacy = 0; legacy < 2; legacy++) {
        for (int victim = 0; victim < 2; victim++) {
            struct woad_security_policy own = strict;
            own.allow_legacy = legacy;
            if (victim == CENTRAL) {
                pair_of(&own, &lax);
            } else {
                pair_of(&lax, &own);
            }
            assert_int_equal(woad_oob_set_legacy(host(victim), side[victim].conn, tk), 0);
            assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
            world_run(w, 3000000);
            assert_true(status_of(victim) != 0);
            assert_false(level(victim).encrypted);
            world_free(w);
        }
    }
}

/* An attacker in the middle: its Pairing Response has the bit for LE Secure Connections, although
 * the request was for legacy pairing. */
static void answer_says_secure(void **state)
{
    struct woad_security_policy own = strict;
    static const uint8_t response[] = { 2, 3, 0, 0x0d, 16, 3, 3 };
    uint8_t acl[16] = { 2, 0x40, 0x20, 11, 0, 7, 0, 6, 0 };
    (void)state;
    own.allow_legacy = true;
    pair_of(&own, &lax);
    memcpy(acl + 9, response, sizeof response);
    assert_int_equal(woad_oob_set_legacy(host(CENTRAL), side[CENTRAL].conn, tk), 0);
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    world_pump(w);
    assert_int_equal(woad_rx(host(CENTRAL), acl, sizeof acl), 0);
    world_pump(w);
    assert_true(status_of(CENTRAL) != 0);
    world_free(w);
}

/* SM/CEN/OOB/BI-01-C: both sides support LE Secure Connections, but both have the TK: they use the
 * TK. */
static void tk_of_both(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct woad_security_policy own = strict;
        own.allow_legacy = true;
        pair_of(&own, &own);
        assert_int_equal(woad_oob_set_legacy(host(0), side[0].conn, tk), 0);
        assert_int_equal(woad_oob_set_legacy(host(1), side[1].conn, wrong ? other_tk : tk), 0);
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        settle();
        for (int k = 0; k < 2; k++) {
            assert_int_equal(status_of(k) == 0, !wrong);
            assert_int_equal(level(k).authenticated, !wrong);
            assert_false(level(k).secure);
        }
        world_free(w);
    }
}

/* A TK of zeros is the TK of Just Works, so it is refused. */
static void zeros_are_no_tk(void **state)
{
    static const uint8_t none[16];
    (void)state;
    pair_of(&lax, &lax);
    assert_int_equal(woad_oob_set_legacy(host(0), side[0].conn, none), WOAD_EINVAL);
    world_free(w);
}

/* A peer with the address alone does not replace an authenticated bond. */
static void bond_is_not_taken_over(void **state)
{
    struct woad_security_policy types = policy(WOAD_IO_KEYBOARD, true, true);
    struct woad_security_policy shows = policy(WOAD_IO_DISPLAY, true, true);
    (void)state;
    types.require_mitm = shows.require_mitm = true;
    begin(&types, &shows);
    settle();
    struct woad_bond before = side[PERIPHERAL].bond;
    woad_bond_remove(host(CENTRAL), NULL);
    woad_set_security_policy(host(CENTRAL), &lax);
    rejoin(CENTRAL);
    side[PERIPHERAL].bonds = 0;
    flag = 1;
    w->device[CENTRAL].on_packet = lie;
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    world_run(w, 3000000);
    flag = -1;
    assert_int_equal(status_of(PERIPHERAL), WOAD_SMP_NO_OOB);
    assert_int_equal(side[PERIPHERAL].bonds, 0);
    assert_memory_equal(bond_at(host(PERIPHERAL), 0)->own_ltk, before.own_ltk, 16);
    world_free(w);
}

/* WOAD_EV_OOB has data or an error: without random numbers, without a public key, and when the
 * controller fails first.  Hardware Error: Vol 4, Part E, 7.7.16 */
static void an_error_has_no_data(void **state)
{
    enum { NO_RANDOM, NO_KEY, NO_CONTROLLER, WAYS };
    static const uint8_t hardware_error[] = { 4, 0x10, 1, 0 };
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        pair_of(&lax, &lax);
        side[0].random = way == NO_RANDOM ? 0 : 77;
        fail_at = way == NO_KEY;
        assert_int_equal(woad_oob_make(host(0)), 0);
        if (way == NO_CONTROLLER) {
            woad_rx(host(0), hardware_error, sizeof hardware_error);
        }
        world_run(w, 10000);
        assert_int_equal(side[0].oobs, 1);
        assert_int_equal(side[0].oob_status, way == NO_CONTROLLER ? WOAD_ECANCELED : WOAD_EIO);
        fail_at = 0;
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_never_made),
        cmocka_unit_test(tk_is_no_proof_of_secure_data),
        cmocka_unit_test(data_used_up),
        cmocka_unit_test(data_claimed_twice),
        cmocka_unit_test(tk_and_secure_peer),
        cmocka_unit_test(answer_says_secure),
        cmocka_unit_test(tk_of_both),
        cmocka_unit_test(zeros_are_no_tk),
        cmocka_unit_test(bond_is_not_taken_over),
        cmocka_unit_test(an_error_has_no_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
