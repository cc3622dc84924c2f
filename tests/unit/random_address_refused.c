/* HCI_LE_Set_Random_Address is refused: the host must not act as if its address were the new one;
 * own_air of each connection, and with it f5 and f6 of a pairing, would be wrong.  It goes down. */
#include "solo.h"

enum { LE_SET_RANDOM_ADDRESS = 0x2005 };

static const struct woad_feature *const features[] = { &woad_feature_advertiser, NULL };
static const struct woad_adv_params params = { .kind = WOAD_ADV_NONCONN_IND,
                                               .interval_625us = 160 };

static void host_goes_down(void **state)
{
    static const uint8_t own[6] = { 1, 2, 3, 4, 5, 0xc6 };
    (void)state;
    solo_boot(solo_config(features));
    solo.withheld = LE_SET_RANDOM_ADDRESS;
    assert_int_equal(woad_set_own_address(solo.h, WOAD_ADDR_RANDOM, own), 0);
    assert_int_equal(woad_adv_start(solo.h, &params), 0);
    solo_pump();
    assert_int_equal(solo_commands(LE_SET_RANDOM_ADDRESS), 1);
    SOLO_RX(4, 0x0e, 4, 1, 0x05, 0x20, 0x0c);
    solo.withheld = 0;
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 0);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
    assert_int_equal(solo_last(WOAD_EV_DOWN)->u.down.error, WOAD_EIO);
    assert_int_equal(woad_start(solo.h), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_UP), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(host_goes_down) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
