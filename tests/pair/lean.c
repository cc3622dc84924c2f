/* A host with few features of security: a peripheral's role alone, no signed writes, no out-of-band
 * data; few bond slots. */
#include "pairing.h"

static struct device *lean(const struct woad_feature *const *features, uint8_t bonds,
                           const struct woad_security_policy *policy)
{
    struct woad_config host = world_host_config(1);
    host.features = features;
    host.crypto = &crypto;
    host.random = random_octets;
    host.bonds = bonds;
    side[w->devices] = (struct side){ .random = 77 + w->devices };
    struct device *d = world_add_config(w, host, world_controller_config(w, 1));
    d->on_event = on_event;
    assert_int_equal(woad_set_security_policy(d->host, policy), 0);
    return d;
}

static const struct woad_feature *const as_peripheral[] = {
    &woad_feature_advertiser, &woad_feature_central, &woad_feature_security_peripheral, NULL
};
static const struct woad_feature *const as_both[] = { &woad_feature_advertiser,
                                                      &woad_feature_central,
                                                      &woad_feature_security_manager, NULL };

static void met(const struct woad_feature *const *central, const struct woad_feature *const *other,
                uint8_t bonds, const struct woad_security_policy *p)
{
    w = world_new(11, 0);
    lean(central, bonds, p);
    lean(other, bonds, p);
    connect_both(&w->device[CENTRAL], &w->device[PERIPHERAL]);
}

static void by_peripheral(int status)
{
    assert_int_equal(woad_pair(w->device[PERIPHERAL].host, side[PERIPHERAL].conn), 0);
    assert_non_null(world_wait(w, &w->device[PERIPHERAL], WOAD_EV_SECURITY, 5000000));
    assert_int_equal(status_of(PERIPHERAL), status);
}

/* A peripheral pairs by each method, and encrypts with the resulting bond.  The keys for signed
 * writes are not distributed. */
static void peripheral_alone(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        for (int io = WOAD_IO_DISPLAY; io <= WOAD_IO_KEYBOARD_DISPLAY; io++) {
            struct woad_security_policy p = policy((uint8_t)io, true, secure);
            met(as_both, as_peripheral, 2, &p);
            assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
            settle();
            for (int k = 0; k < 2; k++) {
                assert_int_equal(status_of(k), 0);
                assert_int_equal(level(k).secure, secure);
                const struct woad_bond *b = bond_at(w->device[k].host, 0);
                assert_true(b && b->has_own_ltk && b->has_peer_ltk);
                assert_false(b->has_csrk || b->has_own_csrk);
            }
            rejoin(CENTRAL);
            by_peripheral(0);
            world_run(w, 100000);
            assert_true(level(CENTRAL).encrypted && level(CENTRAL).bonded);
            world_free(w);
        }
    }
}

/* A host without the central's features refuses to pair as a central, and answers a Security
 * Request with Pairing Not Supported. */
static void no_central(void **state)
{
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
    (void)state;
    met(as_peripheral, as_both, 2, &p);
    assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), WOAD_ENOTSUP);
    by_peripheral(WOAD_SECURITY_PEER | WOAD_SMP_NOT_SUPPORTED);
    assert_open();
    world_free(w);
}

static void no_out_of_band(void **state)
{
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
    const struct woad_oob none = { { 0 }, { 0 } };
    (void)state;
    met(as_both, as_peripheral, 2, &p);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(woad_oob_make(w->device[k].host), WOAD_ENOTSUP);
        assert_int_equal(woad_oob_set(w->device[k].host, side[k].conn, &none), WOAD_ENOTSUP);
        assert_int_equal(woad_oob_set_legacy(w->device[k].host, side[k].conn, none.random),
                         WOAD_ENOTSUP);
    }
    world_free(w);
}

/* A bond without a free slot is reported once and not kept: the connection stays encrypted, and the
 * host has no bond afterwards. */
static void no_room(void **state)
{
    (void)state;
    for (uint8_t bonds = 1; bonds < 3; bonds++) {
        for (int secure = 0; secure < 2; secure++) {
            struct woad_security_policy p = policy(WOAD_IO_NONE, false, secure);
            bool fits = bonds >= (secure ? 1 : 2);
            met(as_both, as_both, bonds, &p);
            assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
            settle();
            for (int k = 0; k < 2; k++) {
                assert_int_equal(status_of(k), 0);
                assert_true(level(k).encrypted);
                assert_int_equal(side[k].bonds, 1);
                assert_int_equal(side[k].gone, 0);
                assert_true(side[k].bond.has_own_ltk && side[k].bond.has_peer_ltk);
                assert_int_equal(bond_at(w->device[k].host, 0) != NULL, fits);
            }
            world_free(w);
        }
    }
}

/* Encrypts with device `k`, by a pairing or by an existing bond. */
static void encrypts_with(size_t k)
{
    device_forget(&w->device[0]);
    connect_both(&w->device[0], &w->device[k]);
    assert_int_equal(woad_pair(w->device[0].host, side[0].conn), 0);
    assert_non_null(world_wait(w, &w->device[0], WOAD_EV_SECURITY, 5000000));
    assert_int_equal(status_of(0), 0);
    world_run(w, 300000);
    assert_memory_equal(&bond_at(w->device[0].host, 0)->peer, &w->device[k].addr, 7);
    assert_int_equal(woad_disconnect(w->device[0].host, side[0].conn, 0x13), 0);
    world_run(w, 300000);
}

/* The least recently used bond is evicted, not the oldest one. */
static void used_last_stays(void **state)
{
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
    (void)state;
    w = world_new(12, 0);
    lean(as_both, 2, &p);
    for (int k = 1; k < 4; k++) {
        lean(as_peripheral, 1, &p);
    }
    encrypts_with(1);
    encrypts_with(2);
    encrypts_with(1);
    assert_int_equal(side[0].bonds, 2);
    encrypts_with(3);
    assert_int_equal(side[0].gone, 1);
    assert_memory_equal(&bond_at(w->device[0].host, 1)->peer, &w->device[1].addr, 7);
    assert_null(bond_at(w->device[0].host, 2));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peripheral_alone), cmocka_unit_test(no_central),
        cmocka_unit_test(no_out_of_band),   cmocka_unit_test(no_room),
        cmocka_unit_test(used_last_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
