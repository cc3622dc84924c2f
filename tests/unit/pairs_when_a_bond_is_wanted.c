/* The application calls the host inside WOAD_EV_BOND_WANTED, which woad_pair() of a central
 * raises. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_security_manager, NULL };
enum { PAIRING_REQUEST = 1, PAIRING_FAILED = 5 };

static unsigned wanted;

static void serve(void (*on_event)(const struct woad_event *ev))
{
    struct woad_config config = solo_config(features);
    config.pairings = 2;
    solo_boot(config);
    solo_connected(SOLO_HANDLE, true, 9);
    wanted = 0;
    solo.on_event = on_event;
}

static void pairs(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED && !wanted++) {
        assert_int_equal(woad_pair(solo.h, ev->conn), 0);
    }
}

/* The pairing of the event is the only one: one Pairing Request, one WOAD_EV_SECURITY. */
static void one_pairing_request(void **state)
{
    (void)state;
    serve(pairs);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), WOAD_EALREADY);
    solo_pump();
    assert_int_equal(solo_frames(6, PAIRING_REQUEST), 1);
    SOLO_SMP(PAIRING_FAILED, 8);
    solo_pump();
    solo_tick(40000);
    assert_int_equal(solo_count(WOAD_EV_SECURITY), 1);
    assert_int_equal(solo_frames(6, PAIRING_REQUEST), 1);
    solo_end();
}

/* The same where the peer's Security Request begins it. */
static void one_pairing_request_after_a_security_request(void **state)
{
    (void)state;
    serve(pairs);
    SOLO_SMP(0x0b, 1);
    solo_pump();
    assert_int_equal(solo_frames(6, PAIRING_REQUEST), 1);
    SOLO_SMP(PAIRING_FAILED, 8);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_SECURITY), 1);
    solo_end();
}

static void loses_the_controller(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED) {
        woad_fail(solo.h, WOAD_EIO);
    }
}

/* The connection has ended in the event: no pairing begins, and a later connection has none. */
static void no_pairing_without_a_connection(void **state)
{
    (void)state;
    for (int requested = 0; requested < 2; requested++) {
        serve(loses_the_controller);
        if (requested) {
            SOLO_SMP(0x0b, 1);
        } else {
            assert_int_equal(woad_pair(solo.h, solo.conn[0]), WOAD_ENOTCONN);
        }
        solo.on_event = NULL;
        assert_int_equal(solo_count(WOAD_EV_SECURITY), 0);
        assert_int_equal(woad_start(solo.h), 0);
        solo_pump();
        solo.conns = 0;
        solo_connected(SOLO_HANDLE, false, 9);
        solo_tick(40000);
        assert_int_equal(solo_frames(6, PAIRING_REQUEST), 0);
        assert_int_equal(solo_count(WOAD_EV_SECURITY), 0);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_pairing_request),
        cmocka_unit_test(one_pairing_request_after_a_security_request),
        cmocka_unit_test(no_pairing_without_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
