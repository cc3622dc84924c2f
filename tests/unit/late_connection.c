/* A connection of an earlier attempt, whose cancellation the controller has not answered in time,
 * opens while a new attempt waits for its command: the new attempt goes on, unless that is the peer
 * that it wants. */
#include "solo.h"

enum { LE_CREATE_CONNECTION = 0x200d, A = 1, B = 2 };

static const struct woad_feature *const features[] = { &woad_feature_central, NULL };
static const struct woad_connect_params params = { .scan_interval_625us = 16,
                                                   .scan_window_625us = 16,
                                                   .interval_min_1250us = 24,
                                                   .interval_max_1250us = 24,
                                                   .supervision_10ms = 100 };

static int attempt(uint8_t octet)
{
    struct woad_addr peer = { .type = WOAD_ADDR_PUBLIC };
    memset(peer.octet, octet, 6);
    return woad_connect(solo.h, &peer, &params);
}

static void first_attempt_ends_without_an_answer(void)
{
    solo_boot(solo_config(features));
    assert_int_equal(attempt(A), 0);
    solo_pump();
    assert_int_equal(woad_connect_cancel(solo.h), 0);
    solo_pump();
    solo_tick(1500);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 1);
    solo_forget();
}

static void new_attempt_goes_on(void **state)
{
    (void)state;
    first_attempt_ends_without_an_answer();
    assert_int_equal(attempt(B), 0);
    solo_connected(SOLO_HANDLE, true, A); /* late */
    solo_tick(100);
    assert_int_equal(solo_count(WOAD_EV_CONNECT), 1);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 0);
    assert_int_equal(solo_commands(LE_CREATE_CONNECTION), 1);
    solo_connected(SOLO_HANDLE + 1, true, B);
    assert_int_equal(solo_count(WOAD_EV_CONNECT), 2);
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(attempt(A), 0); /* the second one is over */
    solo_end();
}

static void late_connection_is_what_the_new_attempt_wants(void **state)
{
    (void)state;
    first_attempt_ends_without_an_answer();
    assert_int_equal(attempt(A), 0);
    solo_connected(SOLO_HANDLE, true, A); /* late */
    solo_tick(100);
    assert_int_equal(solo_count(WOAD_EV_CONNECT), 1);
    assert_int_equal(solo_count(WOAD_EV_CONNECT_FAILED), 0);
    assert_int_equal(solo_commands(LE_CREATE_CONNECTION), 0);
    assert_int_equal(attempt(B), 0);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(new_attempt_goes_on),
                                        cmocka_unit_test(
                                            late_connection_is_what_the_new_attempt_wants) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
