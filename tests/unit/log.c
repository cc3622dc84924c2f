/* config.log says why a call was refused, a packet dropped, a connection closed. */
#include "solo.h"

#include <stdio.h>

static char said[200];
static unsigned lines;
static enum woad_log_level level_said;

static void note(void *ctx, enum woad_log_level level, const char *message)
{
    (void)ctx;
    lines++;
    level_said = level;
    snprintf(said, sizeof said, "%s", message);
}

static const struct woad_feature *const features[] = {
    &woad_feature_advertiser,     &woad_feature_scanner,
    &woad_feature_central,        &woad_feature_gatt_server,
    &woad_feature_gatt_client,    &woad_feature_accept_list,
    &woad_feature_link_control,   &woad_feature_security_manager,
    &woad_feature_l2cap_channels, NULL
};

static void boot(const struct woad_feature *const *named)
{
    struct woad_config config = solo_config(named);
    config.log = note;
    solo_boot(config);
    said[0] = 0;
    lines = 0;
}

/* The call is refused with this error, in one line that contains the text. */
#define SAYS(call, error, text) \
    do { \
        said[0] = 0; \
        lines = 0; \
        assert_int_equal(call, error); \
        if (!strstr(said, text)) { \
            fail_msg("%s says: %s", #call, said); \
        } \
        assert_int_equal(lines, 1); \
        assert_int_equal(level_said, WOAD_LOG_WARNING); \
    } while (0)

static void wrong_calls_about_gap(void **state)
{
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 0x10 };
    struct woad_scan_params scan = { 16, 32, false, false, 0, false };
    struct woad_connect_params conn = { 16, 16, 24, 20, 0, 256, 0 };
    const struct woad_addr peer = { 0, { 1 } }, odd = { 9, { 1 } };
    static const uint8_t data[40], map[5] = { 1 };
    struct woad *h;
    (void)state;
    boot(features);
    h = solo.h;
    SAYS(woad_adv_set_data(h, data, 32), WOAD_EINVAL, "32 octets of data: 0 to 31");
    SAYS(woad_adv_start(h, &adv), WOAD_EINVAL, "woad_adv_start: kind 0, interval_625us 16, ");
    SAYS(woad_scan_start(h, &scan), WOAD_EINVAL, "woad_scan_start: window 32, interval 16 ");
    SAYS(woad_connect(h, &peer, &conn), WOAD_EINVAL,
         "woad_connect: interval 24 to 20 (1.25 ms): 6 to");
    SAYS(woad_connect(h, &odd, &conn), WOAD_EINVAL, "the peer's address has type 9: 0 to 3");
    SAYS(woad_connect_cancel(h), WOAD_EALREADY, "no attempt is in progress");
    SAYS(woad_accept_list_set(h, &odd, 1), WOAD_EINVAL, "type 9 of an address: 0 to 3");
    SAYS(woad_set_own_address(h, 2, NULL), WOAD_EINVAL, "woad_set_own_address: type 2");
    SAYS(woad_set_channel_map(h, map), WOAD_EINVAL, "the map has 1 channels");
    SAYS(woad_disconnect(h, 0x123, 0x13), WOAD_ENOTCONN,
         "woad_disconnect: no open connection has the number 0x123");
    SAYS(woad_start(h), WOAD_EALREADY, "woad_start: the host is started");
    SAYS(woad_set_mtu(h, 600), WOAD_EINVAL, "mtu is 600: 23 to config.mtu, 247");
    solo_connected(SOLO_HANDLE, false, 7);
    SAYS(woad_disconnect(h, solo.conn[0], 0x16), WOAD_EINVAL, "reason is 0x16: HCI allows");
    SAYS(woad_link_set_data_length(h, solo.conn[0], 500), WOAD_EINVAL,
         "tx_octets is 500: 27 to 251");
    SAYS(woad_conn_update(h, solo.conn[0], &conn), WOAD_EINVAL,
         "interval 24 to 20 (1.25 ms): 6 to");
    solo_end();
}

static void wrong_calls_about_gatt(void **state)
{
    static const struct woad_uuid uuid = WOAD_UUID16(0x180d);
    static const struct woad_attr no_service[] = { WOAD_CHARACTERISTIC(&uuid, WOAD_PROP_READ,
                                                                       WOAD_PERM_READ) };
    static const uint8_t name[40], data[600];
    const uint16_t handles[] = { 1, 2 };
    struct woad *h;
    (void)state;
    boot(features);
    h = solo.h;
    solo_connected(SOLO_HANDLE, false, 7);
    uint16_t conn = solo.conn[0];
    SAYS(woad_gatt_add(h, no_service, 2, NULL), WOAD_EINVAL,
         "woad_gatt_add: row 0, characteristic 180d: an array begins with a service");
    SAYS(woad_gatt_answer(h, conn, 0, data, 1), WOAD_EALREADY, "no request of connection");
    SAYS(woad_gatt_answer_later(h, conn), WOAD_EALREADY, "not inside an event of connection");
    SAYS(woad_gatt_remove(h, 99), WOAD_ENOENT, "no array was added at handle 99");
    SAYS(woad_gatt_set_name(h, name, 32), WOAD_EINVAL, "the name has 32 octets: 0 to 31");
    SAYS(woad_gatt_notify(h, conn, 77, data, 1), WOAD_EINVAL,
         "the database does not have this handle");
    SAYS(woad_gatt_notify(h, 0x222, 3, data, 1), WOAD_ENOTCONN, "the connection is not open");
    SAYS(woad_gatt_indicate(h, conn, 8, data, 1), WOAD_EINVAL, "handle 8, Service Changed");
    SAYS(woad_gattc_read(h, 0x222, 3), WOAD_ENOTCONN, "no open connection has the number 0x222");
    SAYS(woad_gattc_write(h, conn, 3, data, 100), WOAD_EINVAL,
         "ATT_MTU takes 20 now: woad_gattc_exchange_mtu()");
    SAYS(woad_gattc_write(h, conn, 0, data, 2), WOAD_EINVAL, "handle 0, 2 octets: a handle is");
    SAYS(woad_gattc_characteristics(h, conn, 9, 3, NULL), WOAD_EINVAL,
         "handles 9 to 3: from 1, and the last not below the first");
    SAYS(woad_gattc_read_multiple(h, conn, handles, 1), WOAD_EINVAL, "1 handles: 2 to 32");
    solo_end();
}

static void wrong_calls_about_security_and_channels(void **state)
{
    const struct woad_security_policy policy = { .io = (enum woad_io)9 };
    const struct woad_coc_params params = { .psm = 0x80, .mtu = 20 };
    uint8_t random[20];
    struct woad *h;
    uint16_t cid;
    (void)state;
    boot(features);
    h = solo.h;
    SAYS(woad_set_security_policy(h, &policy), WOAD_EINVAL, "io 9, key_size_min 0");
    SAYS(woad_passkey(h, 0x111, WOAD_PASSKEY_INPUT, 1), WOAD_ENOTCONN, "waits for no passkey");
    SAYS(woad_pair(h, 0x111), WOAD_ENOTCONN, "woad_pair: no open connection has the number 0x111");
    SAYS(woad_set_privacy(h, WOAD_PRIVACY_RESOLVABLE, 900), WOAD_EINVAL, "woad_set_irk()");
    SAYS(woad_oob_make(h), WOAD_ENOTSUP, "woad_feature_out_of_band");
    SAYS(woad_coc_listen(h, &params), WOAD_EINVAL, "psm 0x80, mtu 20, mps 0, security 0");
    SAYS(woad_coc_stop_listening(h, 0x81), WOAD_ENOENT, "PSM 0x81 is not listened to");
    SAYS(woad_coc_send(h, 0, 0x40, random, 1), WOAD_ENOENT, "has no channel 0x40");
    SAYS(woad_coc_connect(h, 0x333, &params, random, 20, &cid), WOAD_ENOTCONN, "number 0x333");
    SAYS(woad_eatt_open(h, 0, 1), WOAD_ENOTSUP, "config.features has no woad_feature_eatt");
    solo_end();
}

static void features_that_are_missing(void **state)
{
    static const struct woad_feature *const none[] = { NULL };
    static const struct woad_feature *const seeks[] = { &woad_feature_scanner,
                                                        &woad_feature_central, NULL };
    struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    const struct woad_connect_params conn = WOAD_CONNECT_DEFAULT;
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 0x20 };
    (void)state;
    boot(none);
    SAYS(woad_adv_start(solo.h, &adv), WOAD_ENOTSUP,
         "woad_adv_start: config.features has no woad_feature_advertiser");
    SAYS(woad_adv_stop(solo.h), WOAD_ENOTSUP, "config.features has no woad_feature_advertiser");
    SAYS(woad_gatt_clear(solo.h), WOAD_ENOTSUP, "config.features has no woad_feature_gatt_server");
    solo_end();
    boot(seeks);
    scan.accept_list = true;
    SAYS(woad_scan_start(solo.h, &scan), WOAD_EINVAL, "has no woad_feature_accept_list");
    SAYS(woad_connect(solo.h, NULL, &conn), WOAD_EINVAL, "has no woad_feature_accept_list");
    solo_end();
}

static void what_the_controller_and_the_peer_do(void **state)
{
    static const uint8_t short_event[] = { 4, 0x0e, 9, 1 }, sco[] = { 9, 1, 2 };
    static const uint8_t short_report[] = { 4, 0x3e, 3, 2, 1, 0 };
    (void)state;
    boot(features);
    SAYS(woad_rx(solo.h, short_event, sizeof short_event), WOAD_EBADMSG,
         "a packet of the controller is dropped: type 0x04, 3 octets: 0e 09 01 00");
    SAYS(woad_rx(solo.h, sco, sizeof sco), WOAD_EBADMSG,
         "woad_rx: a packet of another type than data, 0x02, and events, 0x04");
    SAYS(woad_rx(solo.h, short_report, sizeof short_report), WOAD_EBADMSG,
         "a malformed advertising report is dropped");
    solo_connected(SOLO_HANDLE, false, 7);
    solo_disconnected(SOLO_HANDLE, 0x08);
    assert_non_null(strstr(said, "has ended: HCI reason 0x08"));
    assert_int_equal(level_said, WOAD_LOG_INFO);
    woad_fail(solo.h, WOAD_EIO);
    assert_non_null(strstr(said, "the host goes down: error -5"));
    solo_end();
}

/* What a peer wants that the program has not named, and what it may not send. */
static void what_a_peer_is_refused(void **state)
{
    static const struct woad_feature *const few[] = { &woad_feature_advertiser, NULL };
    (void)state;
    boot(few);
    solo_connected(SOLO_HANDLE, false, 7);
    SOLO_RX(2, (uint8_t)SOLO_HANDLE, 0x20, 11, 0, 7, 0, 6, 0, 1, 3, 0, 1, 16, 7, 7);
    assert_non_null(
        strstr(said, "pairing is refused: config.features has no woad_feature_security"));
    SOLO_RX(2, (uint8_t)SOLO_HANDLE, 0x20, 7, 0, 3, 0, 4, 0, 0x0a, 3, 0);
    assert_non_null(
        strstr(said, "ATT request 0x0a: config.features has no woad_feature_gatt_server"));
    SOLO_RX(2, (uint8_t)SOLO_HANDLE, 0x20, 8, 0, 4, 0, 5, 0, 0x77, 1, 0, 0);
    assert_non_null(strstr(said, "signalling command 0x77 is rejected"));
    SOLO_RX(2, (uint8_t)SOLO_HANDLE, 0x20, 5, 0, 1, 0, 0x20, 0, 1);
    assert_non_null(strstr(said, "a frame of channel 0x20, which there is not, is dropped"));
    solo_end();
}

/* A peripheral that has no cryptography; a loop whose buffer is too small. */
static void what_a_program_has_forgotten(void **state)
{
    uint8_t small[64];
    (void)state;
    struct woad_config config = solo_config(features);
    config.crypto = NULL;
    config.log = note;
    solo_boot(config);
    solo_connected(SOLO_HANDLE, false, 7);
    SOLO_RX(2, (uint8_t)SOLO_HANDLE, 0x20, 11, 0, 7, 0, 6, 0, 1, 3, 0, 1, 16, 7, 7);
    assert_non_null(strstr(said, "a pairing is refused: config.crypto or config.random is NULL"));
    assert_int_equal(woad_stop(solo.h), 0);
    assert_int_equal(woad_tx(solo.h, small, sizeof small), 0);
    assert_non_null(strstr(said, "woad_tx: room is 64: the bring-up needs WOAD_TX_ROOM, 259"));
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_calls_about_gap),
        cmocka_unit_test(wrong_calls_about_gatt),
        cmocka_unit_test(wrong_calls_about_security_and_channels),
        cmocka_unit_test(features_that_are_missing),
        cmocka_unit_test(what_the_controller_and_the_peer_do),
        cmocka_unit_test(what_a_peer_is_refused),
        cmocka_unit_test(what_a_program_has_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
