/* A reconfiguration of two channels of which one is closed meanwhile: the request must not name a
 * channel whose disconnection request has left; the peer would refuse it as a whole.  Vol 3, Part
 * A, 4.28, result 3 */
#include "solo.h"

enum { DISCONNECTION_REQ = 0x06, CONNECTION_RSP = 0x18, RECONFIGURE_REQ = 0x19, HEAD = 8 };

static const struct woad_feature *const features[] = { &woad_feature_l2cap_channels,
                                                       &woad_feature_enhanced_channels, NULL };
static uint8_t ring[2][600];
static uint16_t conn, cids[2];

static void begin(void)
{
    struct woad_config config = solo_config(features);
    struct woad_coc_params p = { .psm = 0x80, .mtu = 100, .mps = 64 };
    void *rx[2] = { ring[0], ring[1] };
    config.mps = 200;
    solo_boot(config);
    solo_connected(SOLO_HANDLE, true, 9);
    conn = solo.conn[0];
    assert_int_equal(woad_coc_connect_enhanced(solo.h, conn, &p, rx, 600, 2, cids), 0);
    solo_pump();
    SOLO_SIG(CONNECTION_RSP, solo.frame[0].octet[1], 12, 0, 100, 0, 64, 0, 9, 0, 0, 0, 0x50, 0,
             0x51, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_COC_OPEN), 2);
    solo_forget();
    assert_int_equal(woad_coc_reconfigure(solo.h, conn, cids, 2, 120, 66), 0);
}

/* Returns the reconfiguration request; it names `n` channels. */
static const struct solo_frame *request_of(size_t n)
{
    for (size_t at = 0; at < solo.frames; at++) {
        const struct solo_frame *f = &solo.frame[at];
        if (f->octet[0] == RECONFIGURE_REQ) {
            assert_int_equal(f->len, HEAD + 2 * n);
            return f;
        }
    }
    return NULL;
}

static void closed_before_the_request(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        begin();
        assert_int_equal(woad_coc_disconnect(solo.h, conn, cids[which]), 0);
        solo_pump();
        const struct solo_frame *request = request_of(1);
        assert_non_null(request);
        assert_int_equal(request->octet[HEAD], cids[!which]);
        SOLO_SIG(0x1a, request->octet[1], 2, 0, 0, 0); /* the peer accepts it */
        assert_int_equal(solo_count(WOAD_EV_COC_CHANGED), 1);
        assert_int_equal(solo_last(WOAD_EV_COC_CHANGED)->u.coc.cid, cids[!which]);
        assert_int_equal(solo_last(WOAD_EV_COC_CHANGED)->u.coc.mtu, 120);
        solo_end();
    }
}

static void both_closed_before_the_request(void **state)
{
    (void)state;
    begin();
    assert_int_equal(woad_coc_disconnect(solo.h, conn, cids[0]), 0);
    assert_int_equal(woad_coc_disconnect(solo.h, conn, cids[1]), 0);
    solo_pump();
    assert_int_equal(solo_frames(5, DISCONNECTION_REQ), 2);
    assert_null(request_of(0));
    solo_end();
}

/* The channel that is closed behind the request has its time limit of the disconnection alone. */
static void closed_behind_the_request(void **state)
{
    (void)state;
    begin();
    solo_pump();
    assert_non_null(request_of(2));
    assert_int_equal(woad_coc_disconnect(solo.h, conn, cids[0]), 0);
    solo_pump();
    for (int s = 0; s < 120; s++) {
        solo_tick(1000);
    }
    assert_int_equal(solo_count(WOAD_EV_COC_CHANGED), 1);
    assert_int_equal(solo_last(WOAD_EV_COC_CHANGED)->u.coc.cid, cids[1]);
    assert_int_equal(solo_last(WOAD_EV_COC_CHANGED)->u.coc.status, WOAD_ETIMEDOUT);
    assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
    assert_int_equal(solo_last(WOAD_EV_COC_CLOSED)->u.coc.cid, cids[0]);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(closed_before_the_request),
                                        cmocka_unit_test(both_closed_before_the_request),
                                        cmocka_unit_test(closed_behind_the_request) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
