/* Each Keypress Notification of the peer restarts the Security Manager timer for the user: but a
 * stranger that presses keys and never goes on does not keep a pairing, and its slot, for ever.
 * Vol 3, Part H, 3.4, 3.5.8 */
#include "solo.h"

enum { SMP = 6, KEYPRESS = 14, DIGIT = 1, KEYBOARD_ONLY = 2, BOND_MITM_KEYPRESS = 0x1d };

static const struct woad_feature *const features[] = { &woad_feature_security_manager,
                                                       &woad_feature_keypresses, NULL };
static const struct woad_security_policy policy = {
    .io = WOAD_IO_DISPLAY, .bond = true, .mitm = true, .keypress = true
};

static void pairing_ends(void **state)
{
    struct woad_config config = solo_config(features);
    (void)state;
    config.pairings = 1;
    solo_boot(config);
    assert_int_equal(woad_set_security_policy(solo.h, &policy), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_SMP(1, KEYBOARD_ONLY, 0, BOND_MITM_KEYPRESS, 16, 1, 1);
    solo_pump();
    unsigned pressed = 0;
    while (!solo_count(WOAD_EV_SECURITY) && pressed < 200) {
        SOLO_SMP(KEYPRESS, DIGIT);
        pressed++;
        solo_tick(20000);
    }
    assert_int_equal(solo_count(WOAD_EV_SECURITY), 1);
    assert_int_equal(solo_last(WOAD_EV_SECURITY)->u.security.status, WOAD_ETIMEDOUT);
    /* a passkey typed, deleted and typed again is no reason */
    assert_in_range(pressed, 20, 60);
    assert_true(solo_count(WOAD_EV_KEYPRESS) >= pressed - 1);
    /* the slot is free: another peer pairs */
    solo_connected(SOLO_HANDLE + 1, false, 8);
    solo_forget();
    SOLO_L2CAP(SOLO_HANDLE + 1, SMP, 1, KEYBOARD_ONLY, 0, BOND_MITM_KEYPRESS, 16, 1, 1);
    solo_pump();
    assert_int_equal(solo_frames(SMP, 2), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(pairing_ends) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
