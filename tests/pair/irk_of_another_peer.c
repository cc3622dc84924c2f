/* Peers know each other's IRKs: one that gives another peer's IRK as its own does not get that
 * peer's private addresses.  Of two bonds with one IRK, only one has it: the first that is
 * authenticated, else the first. */
#include "pairing.h"

static struct woad_security_policy types, shows;
enum { PHONE, LOCK, STRANGER };

static struct woad *host(int k)
{
    return w->device[k].host;
}

/* The lock's bond with this identity; NULL: none. */
static const struct woad_bond *bond_of(const struct woad_addr *peer)
{
    const struct woad_bond *b = NULL;
    for (uint16_t n = 0; (b = bond_at(host(LOCK), n)) != NULL; n++) {
        if (memcmp(&b->peer, peer, sizeof *peer) == 0) {
            break;
        }
    }
    return b;
}

static void leave(int k)
{
    assert_int_equal(woad_disconnect(host(k), side[k].conn, 0x13), 0);
    world_run(w, 1500000);
    for (size_t n = 0; n < w->devices; n++) {
        device_forget(&w->device[n]);
    }
}

/* A phone behind private addresses pairs with a passkey; a stranger with the phone's IRK pairs by
 * Just Works.  The lock still knows the phone by its identity, and the phone's key still encrypts.
 */
static void phone_is_still_known(bool by_list, bool stranger_first)
{
    types = policy(WOAD_IO_KEYBOARD, true, true);
    shows = policy(WOAD_IO_DISPLAY, true, true);
    w = world_new(7, 0);
    lists = by_list ? 1u << LOCK : 0;
    add(2, &types);
    add(3, &shows);
    add(2, &any);
    lists = 0;
    struct woad_addr id = hide(PHONE), stranger = w->device[STRANGER].addr;
    uint8_t irk[16];
    assert_int_equal(woad_irk(host(PHONE), irk), 0);
    assert_int_equal(woad_set_irk(host(STRANGER), irk), 0);
    for (int n = 0; n < 2; n++) {
        int k = (n == 0) == stranger_first ? STRANGER : PHONE;
        connect_both(&w->device[k], &w->device[LOCK]);
        assert_int_equal(woad_pair(host(k), side[k].conn), 0);
        for (int step = 0; step < 500 && !device_find(&w->device[k], WOAD_EV_SECURITY); step++) {
            world_run(w, 10000);
            if (side[k].passkeys) {
                side[k].passkeys = 0;
                answer(&w->device[k]);
            }
        }
        world_run(w, 1000000);
        assert_true(level(LOCK).bonded);
        leave(k);
        if (stranger_first) {
            break;
        }
    }
    assert_non_null(bond_of(&stranger));
    assert_int_equal(bond_of(&stranger)->has_irk, stranger_first);
    if (!stranger_first) {
        connect_both(&w->device[PHONE], &w->device[LOCK]);
        const struct seen *s = device_find(&w->device[LOCK], WOAD_EV_CONNECT);
        assert_memory_equal(&s->ev.u.connect.peer, &id, sizeof id);
        assert_int_equal(woad_pair(host(PHONE), side[PHONE].conn), 0);
        s = world_wait(w, &w->device[PHONE], WOAD_EV_SECURITY, 5000000);
        assert_non_null(s);
        assert_int_equal(s->ev.u.security.status, 0);
        assert_true(level(LOCK).authenticated);
    }
    world_free(w);
}

static void stranger_gives_the_irk_of_a_stronger_bond(void **state)
{
    (void)state;
    phone_is_still_known(false, false);
    phone_is_still_known(true, false);
}

static void stranger_alone_may_have_it(void **state)
{
    (void)state;
    phone_is_still_known(false, true);
}

/* Bonds that the application adds, in both orders. */
static void added(unsigned first, unsigned second, int expected)
{
    pair_of(&any, &any);
    struct woad_bond b[2];
    for (unsigned n = 0; n < 2; n++) {
        b[n] = (struct woad_bond){ .key_size = 16,
                                   .flags = (n ? second : first) & 3u,
                                   .has_irk = 1,
                                   .has_own_ltk = 1,
                                   .own_ltk = { 5 },
                                   .irk = { 9 },
                                   .peer = { 0, { (uint8_t)(0x70 + n), 1, 2, 3, 4, 5 } } };
        assert_int_equal(woad_bond_add(host(LOCK), &b[n]), 0);
    }
    for (int n = 0; n < 2; n++) {
        const struct woad_bond *kept = bond_of(&b[n].peer);
        assert_non_null(kept);
        assert_int_equal(kept->has_irk, expected == n);
    }
    world_free(w);
}

static void bonds_that_are_added(void **state)
{
    (void)state;
    added(0, 3, 1);
    added(3, 0, 0);
    added(2, 2, 0);
    added(1, 0, 0);
    added(0, 1, 0);
    added(1, 2, 1);
    added(2, 1, 0);
}

/* Any peer could resolve the addresses of an IRK of zeros, and none accepts it. */
static void zeros_are_no_irk(void **state)
{
    static const uint8_t zeros[16];
    uint8_t irk[16];
    (void)state;
    pair_of(&any, &any);
    assert_int_equal(woad_set_irk(host(LOCK), zeros), WOAD_EINVAL);
    assert_int_equal(woad_irk(host(LOCK), irk), WOAD_ENOENT);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stranger_gives_the_irk_of_a_stronger_bond),
        cmocka_unit_test(stranger_alone_may_have_it),
        cmocka_unit_test(bonds_that_are_added),
        cmocka_unit_test(zeros_are_no_irk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
