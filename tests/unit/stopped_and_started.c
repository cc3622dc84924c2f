/* Advertising, or a set, that is stopped and started again before the controller has answered: the
 * stop has its event. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_extended_advertising, NULL };
static const struct woad_adv_params legacy = { .kind = WOAD_ADV_NONCONN_IND,
                                               .interval_625us = 160 };
static const struct woad_ext_adv_params extended = { .interval_625us = 160 };

/* Runs the controller's part of what was started, and stops: once more one event. */
static void legacy_ends(void)
{
    assert_int_equal(woad_adv_stop(solo.h), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 2);
    assert_false(woad_adv_running(solo.h));
}

static void running_advertising(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    assert_int_equal(woad_adv_start(solo.h, &legacy), 0);
    solo_pump();
    assert_int_equal(woad_adv_stop(solo.h), 0);
    assert_int_equal(woad_adv_start(solo.h, &legacy), 0);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 1);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 2);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 1);
    legacy_ends();
    solo_end();
}

/* The enable command is in the controller when both calls are made. */
static void advertising_about_to_start(void **state)
{
    enum { LE_SET_ADV_ENABLE = 0x200a };
    (void)state;
    solo_boot(solo_config(features));
    solo.withheld = LE_SET_ADV_ENABLE;
    assert_int_equal(woad_adv_start(solo.h, &legacy), 0);
    solo_pump();
    assert_int_equal(woad_adv_stop(solo.h), 0);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 0);
    assert_int_equal(woad_adv_start(solo.h, &legacy), 0);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 1);
    solo.withheld = 0;
    solo_answer(LE_SET_ADV_ENABLE);
    solo_pump();
    assert_true(woad_adv_running(solo.h));
    legacy_ends();
    solo_end();
}

/* The application goes on inside the event: the last call counts. */
static void stop_again(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_ADV_STOPPED && solo_count(WOAD_EV_ADV_STOPPED) == 1) {
        assert_int_equal(woad_adv_stop(solo.h), 0);
    }
}

static void stopped_again_inside_the_event(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    assert_int_equal(woad_adv_start(solo.h, &legacy), 0);
    solo_pump();
    assert_int_equal(woad_adv_stop(solo.h), 0);
    solo.on_event = stop_again;
    assert_int_equal(woad_adv_start(solo.h, &legacy), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 1);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 2);
    assert_false(woad_adv_running(solo.h));
    solo_end();
}

static void refused_start_raises_nothing(void **state)
{
    struct woad_adv_params bad = legacy;
    (void)state;
    solo_boot(solo_config(features));
    bad.interval_625us = 1;
    assert_int_equal(woad_adv_start(solo.h, &legacy), 0);
    solo_pump();
    assert_int_equal(woad_adv_stop(solo.h), 0);
    assert_int_equal(woad_adv_start(solo.h, &bad), WOAD_EINVAL);
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ADV_STOPPED), 1);
    solo_end();
}

static void set_that_runs(void **state)
{
    (void)state;
    memset(solo.supported_commands, 0xff, 64);
    solo.supported_commands[41] = 0;
    solo_boot(solo_config(features));
    assert_int_equal(woad_ext_adv_start(solo.h, 0, &extended), 0);
    solo_pump();
    assert_int_equal(woad_ext_adv_stop(solo.h, 0), 0);
    assert_int_equal(woad_ext_adv_start(solo.h, 0, &extended), 0);
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 1);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_STARTED), 2);
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 1);
    assert_int_equal(woad_ext_adv_stop(solo.h, 0), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 2);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(running_advertising),
                                        cmocka_unit_test(advertising_about_to_start),
                                        cmocka_unit_test(stopped_again_inside_the_event),
                                        cmocka_unit_test(refused_start_raises_nothing),
                                        cmocka_unit_test(set_that_runs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
