/* A host without woad_feature_gatt_server still responds to every request of the peer.  Vol 3,
 * Part F, 3.4.1.1 */
#include "solo.h"

static const struct woad_feature *const central[] = { &woad_feature_central,
                                                      &woad_feature_gatt_client, NULL },
                                        *const nothing[] = { NULL };

/* IanHarvey/bluepy#35: a peripheral sends its central a request and disconnects after 30 s
 * without a response. */
static void every_request_is_answered(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++) {
        solo_boot(solo_config(client ? central : nothing));
        solo_connected(SOLO_HANDLE, true, 9);
        for (unsigned op = 0; op < 256; op++) {
            solo_forget();
            SOLO_ATT((uint8_t)op, 1, 0, 0xff, 0xff, 0, 0x28);
            solo_pump();
            if (op == 0x1d) {
                continue; /* an indication: the client confirms it */
            }
            bool request = solo_is_request(op);
            assert_int_equal(solo.frames, request);
            if (request) {
                const uint8_t want[] = { 0x01, (uint8_t)op, 0, 0, WOAD_ATT_REQUEST_NOT_SUPPORTED };
                assert_int_equal(solo.frame[0].len, sizeof want);
                assert_memory_equal(solo.frame[0].octet, want, sizeof want);
            }
        }
        assert_int_equal(solo_count(WOAD_EV_MTU), 0);
        solo_end();
    }
}

static void sends_at_once(const struct woad_event *ev)
{
    static const uint8_t value[100];
    if (ev->type == WOAD_EV_MTU) {
        assert_int_equal(woad_gattc_write_command(solo.h, ev->conn, 3, value, sizeof value), 0);
        solo_pump();
    }
}

/* Vol 3, Part F, 3.4.2: both roles share one MTU, which applies once the response has left. */
static void mtu_is_exchanged(void **state)
{
    (void)state;
    solo_boot(solo_config(central));
    solo_connected(SOLO_HANDLE, true, 9);
    solo_forget();
    solo.on_event = sends_at_once;
    SOLO_ATT(0x02, 0xf7, 0);
    solo_pump();
    assert_int_equal(solo.frames, 2);
    assert_memory_equal(solo.frame[0].octet, "\x03\xf7\x00", 3);
    assert_int_equal(solo.frame[0].len, 3);
    assert_int_equal(solo.frame[1].len, 103);
    assert_int_equal(solo_last(WOAD_EV_MTU)->u.mtu.mtu, 247);
    assert_int_equal(woad_gattc_exchange_mtu(solo.h, solo.conn[0]), WOAD_EALREADY);
    solo_end();
}

/* A response is sent even if the queue is full and a request of the host has no response yet. */
static void answers_wait_for_nothing(void **state)
{
    static const uint8_t value[20];
    (void)state;
    solo_boot(solo_config(central));
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    solo_forget();
    while (!woad_gattc_write_command(solo.h, solo.conn[0], 3, value, sizeof value)) {
    }
    SOLO_ATT(0x10, 1, 0, 0xff, 0xff, 0, 0x28);
    solo_pump();
    assert_int_equal(solo.frame[0].octet[0], 0x01);
    solo_end();
}

static void offers_50(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_MTU) {
        assert_int_equal(woad_set_mtu(solo.h, 50), 0);
    }
}

/* Vol 3, Part F, 3.4.2.2: a connection offers one ATT_MTU, even if the program sets another
 * between a request and its response: in the event, and while both sides exchange. */
static void one_mtu_is_offered_on_a_connection(void **state)
{
    struct woad_conn_info info;
    (void)state;
    solo_boot(solo_config(central));
    solo_connected(SOLO_HANDLE, true, 9);
    solo_forget();
    solo.on_event = offers_50;
    SOLO_ATT(0x02, 247, 0);
    solo_pump();
    assert_memory_equal(solo.frame[0].octet, "\x03\xf7\x00", 3);
    assert_int_equal(woad_conn_info(solo.h, solo.conn[0], &info), 0);
    assert_int_equal(info.mtu, 247);
    solo_end();

    solo_boot(solo_config(central));
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_set_mtu(solo.h, 100), 0);
    assert_int_equal(woad_gattc_exchange_mtu(solo.h, solo.conn[0]), 0);
    solo_pump();
    assert_int_equal(woad_set_mtu(solo.h, 247), 0);
    solo_forget();
    SOLO_ATT(0x02, 247, 0);
    SOLO_ATT(0x03, 247, 0);
    solo_pump();
    assert_memory_equal(solo.frame[0].octet, "\x03\x64\x00", 3);
    assert_int_equal(woad_conn_info(solo.h, solo.conn[0], &info), 0);
    assert_int_equal(info.mtu, 100);
    solo_end();
}

/* A request that was queued before the peer's offers the same MTU as the response.  If it is
 * cancelled before it is sent, the peer's exchange still counts. */
static void queued_exchange_offers_what_was_answered(void **state)
{
    (void)state;
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        solo_boot(solo_config(central));
        solo_connected(SOLO_HANDLE, true, 9);
        assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
        solo_pump();
        assert_int_equal(woad_set_mtu(solo.h, 100), 0);
        assert_int_equal(woad_gattc_exchange_mtu(solo.h, solo.conn[0]), 0);
        solo_forget();
        SOLO_ATT(0x02, 200, 0);
        assert_int_equal(woad_set_mtu(solo.h, 247), 0);
        if (cancelled) {
            assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), 0);
        }
        SOLO_ATT(0x0b, 1);
        solo_pump();
        assert_memory_equal(solo.frame[0].octet, "\x03\x64\x00", 3);
        assert_int_equal(solo_frames(4, 0x02), !cancelled);
        if (cancelled) {
            assert_int_equal(woad_gattc_exchange_mtu(solo.h, solo.conn[0]), WOAD_EALREADY);
        } else {
            assert_memory_equal(solo.frame[1].octet, "\x02\x64\x00", 3);
        }
        solo_end();
    }
}

/* An exchange that is cancelled before it is sent, without one by the peer, may be started
 * again. */
static void exchange_taken_back_is_none(void **state)
{
    (void)state;
    solo_boot(solo_config(central));
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_gattc_exchange_mtu(solo.h, solo.conn[0]), 0);
    assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), 0);
    assert_int_equal(woad_set_mtu(solo.h, 60), 0);
    assert_int_equal(woad_gattc_exchange_mtu(solo.h, solo.conn[0]), 0);
    solo_forget();
    solo_pump();
    assert_memory_equal(solo.frame[0].octet, "\x02\x3c\x00", 3);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_answered),
        cmocka_unit_test(mtu_is_exchanged),
        cmocka_unit_test(answers_wait_for_nothing),
        cmocka_unit_test(one_mtu_is_offered_on_a_connection),
        cmocka_unit_test(queued_exchange_offers_what_was_answered),
        cmocka_unit_test(exchange_taken_back_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
