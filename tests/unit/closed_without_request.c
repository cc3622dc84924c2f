/* One enhanced request for several channels: a channel that the application has not been asked
 * about yet exists for it neither by an event nor by a call. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_l2cap_channels,
                                                       &woad_feature_enhanced_channels, NULL };
static uint8_t ring[3][200];
static unsigned requests;

static void three_are_requested(void (*on_event)(const struct woad_event *ev))
{
    struct woad_coc_params p = { .psm = 0x80, .mtu = 100 };
    solo_boot(solo_config(features));
    assert_int_equal(woad_coc_listen(solo.h, &p), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    requests = 0;
    solo.on_event = on_event;
    SOLO_SIG(0x17, 1, 14, 0, 0x80, 0, 64, 0, 64, 0, 1, 0, 0x50, 0, 0x51, 0, 0x52, 0);
    solo_pump();
}

static void fail_the_host(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_COC_REQUEST) {
        woad_fail(solo.h, WOAD_EIO);
    }
}

static void host_ends_in_the_first_event(void **state)
{
    (void)state;
    three_are_requested(fail_the_host);
    assert_int_equal(solo_count(WOAD_EV_COC_REQUEST), 1);
    assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
    solo_end();
}

/* Accepts each channel in its event, and finds no other one behind it. */
static void accept_each(const struct woad_event *ev)
{
    if (ev->type != WOAD_EV_COC_REQUEST) {
        return;
    }
    uint16_t cid = ev->u.coc.cid;
    for (uint16_t other = 0x40; other < 0x80; other++) {
        if (other > cid) {
            assert_int_equal(woad_coc_accept(solo.h, ev->conn, other, ring[0], 200), WOAD_ENOENT);
            assert_int_equal(woad_coc_refuse(solo.h, ev->conn, other, 4), WOAD_ENOENT);
        }
    }
    assert_int_equal(woad_coc_accept(solo.h, ev->conn, cid, ring[requests++], 200), 0);
}

static void none_is_accepted_before_its_event(void **state)
{
    (void)state;
    three_are_requested(accept_each);
    assert_int_equal(requests, 3);
    assert_int_equal(solo_count(WOAD_EV_COC_OPEN), 3);
    assert_int_equal(solo_frames(5, 0x18), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(host_ends_in_the_first_event),
                                        cmocka_unit_test(none_is_accepted_before_its_event) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
