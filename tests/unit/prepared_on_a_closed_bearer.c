/* A bearer of Enhanced ATT closes, or answers no more, in the middle of a long write of the client:
 * what the server has prepared is cancelled by another bearer, because the next Execute Write would
 * write it, too: the queue is one for each client.  Vol 3, Part F, 3.4.6.3 */
#include "solo.h"

enum { OUR_CID = 0x40, PEER_CID = 0x50, PREPARE = 0x16, EXECUTE = 0x18, CANCEL = 0 };

static const struct woad_feature *const features[] = {
    &woad_feature_gatt_server,       &woad_feature_gatt_client,
    &woad_feature_long_values,       &woad_feature_l2cap_channels,
    &woad_feature_enhanced_channels, &woad_feature_eatt,
    &woad_feature_security_manager,  NULL
};
static uint16_t conn;

/* A read occupies the fixed channel; a long write begins on the bearer. */
static void long_write_on_the_bearer(size_t len)
{
    static const uint8_t octets[100] = { 1 };
    struct woad_config config = solo_config(features);
    config.att_bearers = 1;
    solo_boot(config);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    SOLO_SIG(0x17, 1, 10, 0, 0x27, 0, 64, 0, 64, 0, 20, 0, PEER_CID, 0);
    solo_pump();
    conn = solo.conn[0];
    assert_int_equal(woad_gattc_read(solo.h, conn, 0x30), 0);
    solo_pump();
    solo_forget();
    assert_int_equal(woad_gattc_write_long(solo.h, conn, 0x31, octets, len, false), 0);
    solo_pump();
    assert_int_equal(solo.frame[0].cid, PEER_CID);
    assert_int_equal(solo.frame[0].octet[2], PREPARE);
}

/* The peer repeats the part, as its response. */
static void part_is_prepared(void)
{
    uint8_t sdu[200];
    size_t len = 0;
    for (size_t n = 0; n < solo.frames; n++) {
        memcpy(sdu + len, solo.frame[n].octet, solo.frame[n].len);
        len += solo.frame[n].len;
    }
    sdu[2]++;
    solo_l2cap(SOLO_HANDLE, OUR_CID, sdu, len);
}

static void peer_closes_the_bearer(void)
{
    SOLO_SIG(0x06, 9, 4, 0, OUR_CID, 0, PEER_CID, 0);
    solo_pump();
}

/* The read ends, and the fixed channel is free: Execute Write (cancel) leaves, and the long write
 * ends with its response; the next one does not begin before. */
static void cancelled_by_the_fixed_channel(int status)
{
    SOLO_ATT(0x0b, 7);
    solo_forget();
    assert_int_equal(woad_gattc_write_long(solo.h, conn, 0x35, "ab", 2, false), 0);
    solo_pump();
    assert_int_equal(solo_frames(4, PREPARE), 0);
    assert_int_equal(solo_frames(4, EXECUTE), 1);
    assert_int_equal(solo.frame[0].octet[1], CANCEL);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 0);
    SOLO_ATT(0x19);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.handle, 0x31);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, status);
    assert_int_equal(solo_frames(4, PREPARE), 1);
    solo_end();
}

static void while_the_first_part_awaits_its_response(void **state)
{
    (void)state;
    long_write_on_the_bearer(100);
    peer_closes_the_bearer();
    cancelled_by_the_fixed_channel(WOAD_ENOTCONN);
}

static void behind_a_part(void **state)
{
    (void)state;
    long_write_on_the_bearer(100);
    part_is_prepared();
    solo_pump();
    peer_closes_the_bearer();
    cancelled_by_the_fixed_channel(WOAD_ENOTCONN);
}

/* The bearer closes before Execute Write leaves: an empty part is one, too. */
static void behind_an_empty_part(void **state)
{
    (void)state;
    long_write_on_the_bearer(0);
    part_is_prepared();
    peer_closes_the_bearer();
    cancelled_by_the_fixed_channel(WOAD_ENOTCONN);
}

static void cancelled_by_the_application_meanwhile(void **state)
{
    (void)state;
    long_write_on_the_bearer(100);
    part_is_prepared();
    solo_pump();
    assert_int_equal(woad_gattc_cancel(solo.h, conn), 0);
    peer_closes_the_bearer();
    cancelled_by_the_fixed_channel(WOAD_ECANCELED);
}

static void bearer_without_an_answer(void **state)
{
    (void)state;
    long_write_on_the_bearer(100);
    SOLO_ATT(0x0b, 7); /* only the bearer's request is late */
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    for (int s = 0; s < 31; s++) {
        solo_tick(1000);
    }
    assert_int_equal(solo_frames(5, 0x06), 1); /* the bearer is closed */
    assert_int_equal(solo_frames(4, EXECUTE), 1);
    SOLO_ATT(0x19);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 2);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_ETIMEDOUT);
    solo_end();
}

static void connection_ends(void **state)
{
    (void)state;
    long_write_on_the_bearer(100);
    part_is_prepared();
    solo_pump();
    peer_closes_the_bearer();
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 2);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_ENOTCONN);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(while_the_first_part_awaits_its_response),
                                        cmocka_unit_test(behind_a_part),
                                        cmocka_unit_test(behind_an_empty_part),
                                        cmocka_unit_test(cancelled_by_the_application_meanwhile),
                                        cmocka_unit_test(bearer_without_an_answer),
                                        cmocka_unit_test(connection_ends) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
