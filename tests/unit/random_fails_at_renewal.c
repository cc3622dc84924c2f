/* The random source fails once when a private address is due.  The host tries again soon; it does
 * not keep the old address for another whole interval. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_security_peripheral, NULL };
enum { SET_RANDOM_ADDRESS = 0x2005 };
static bool fails;

static int random_or_not(void *ctx, uint8_t *out, size_t len)
{
    return fails ? -1 : solo_random(ctx, out, len);
}

static void tried_again(void **state)
{
    (void)state;
    const uint8_t irk[16] = { 1, 2, 3 };
    const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    struct woad_config config = solo_config(features);
    config.random = random_or_not;
    solo_boot(config);
    woad_set_irk(solo.h, irk);
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_RESOLVABLE, 900), 0);
    solo_pump();
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    solo_pump();
    solo_forget();
    fails = true;
    for (int n = 0; n < 901; n++) {
        solo_tick(1000);
    }
    fails = false;
    for (int n = 0; n < 10; n++) {
        solo_tick(1000);
    }
    assert_int_equal(solo_commands(SET_RANDOM_ADDRESS), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(tried_again) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
