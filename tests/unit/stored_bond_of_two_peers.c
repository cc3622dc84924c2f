/* WOAD_EV_BOND_WANTED of one connection inside that of another: a bond that the application's store
 * has but that does not fit into memory still counts for its own peer, and for no other. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_client,
                                                       &woad_feature_security_manager, NULL };
enum { STORED = 9, UNKNOWN = 8, UNKNOWN_HANDLE = SOLO_HANDLE + 1, READ_REQ = 0x0a };

static unsigned wanted;

/* The bond of legacy pairing takes two slots; there is one. */
static void add_stored_bond(void)
{
    struct woad_bond b = { .key_size = 16, .has_own_ltk = 1, .has_peer_ltk = 1 };
    memset(b.peer.octet, STORED, 6);
    assert_int_equal(woad_bond_add(solo.h, &b), WOAD_ENOMEM);
}

static void adds_and_pairs_with_the_other(const struct woad_event *ev)
{
    if (ev->type != WOAD_EV_BOND_WANTED) {
        return;
    }
    wanted++;
    if (ev->u.bond_wanted.peer.octet[0] == STORED) {
        add_stored_bond();
        woad_pair(solo.h, solo.conn[1]);
    }
}

static void connect_two(void)
{
    struct woad_config config = solo_config(features);
    config.bonds = 1;
    solo_boot(config);
    solo_connected(SOLO_HANDLE, true, STORED);
    solo_connected(UNKNOWN_HANDLE, true, UNKNOWN);
    wanted = 0;
}

/* The Read Request waits until the bonded peer has encrypted, although the application pairs with
 * another peer inside the event that asked for the bond. */
static void request_waits_for_its_own_peer(void **state)
{
    (void)state;
    connect_two();
    solo.on_event = adds_and_pairs_with_the_other;
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    assert_in_range(wanted, 2, 3);
    assert_int_equal(solo_frames(4, READ_REQ), 0);
    solo_end();
}

static void pairs_with_the_stored_one(const struct woad_event *ev)
{
    if (ev->type != WOAD_EV_BOND_WANTED) {
        return;
    }
    wanted++;
    if (ev->u.bond_wanted.peer.octet[0] == STORED) {
        add_stored_bond();
    } else if (wanted == 1) {
        woad_pair(solo.h, solo.conn[0]);
    }
}

/* The other way round: the bond found inside the event is not taken for that of the peer outside,
 * whose request is sent. */
static void request_to_a_peer_without_a_bond(void **state)
{
    (void)state;
    connect_two();
    solo.on_event = pairs_with_the_stored_one;
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[1], 3), 0);
    solo_pump();
    assert_int_equal(wanted, 2);
    assert_int_equal(solo_frames(4, READ_REQ), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_waits_for_its_own_peer),
        cmocka_unit_test(request_to_a_peer_without_a_bond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
