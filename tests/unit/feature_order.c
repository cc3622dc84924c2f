/* Features work in any order of config.features, also before those that they require. */
#include "solo.h"

enum { FEATURES = 7, CREATE_CONNECTION = 0x200d, NOT_ESTABLISHED = 0x3e };

static const struct woad_feature *const features[FEATURES + 1] = {
    &woad_feature_gatt_server,    &woad_feature_central,
    &woad_feature_reconnection,   &woad_feature_security_manager,
    &woad_feature_l2cap_channels, &woad_feature_enhanced_channels,
    &woad_feature_eatt,           NULL
};
static const struct woad_feature *reversed[FEATURES + 1];

static void boot(const struct woad_feature *const *order)
{
    struct woad_config config = solo_config(order);
    config.att_bearers = 2;
    solo_boot(config);
}

static void begin(bool in_reverse)
{
    for (int n = 0; n < FEATURES; n++) {
        reversed[n] = features[FEATURES - 1 - n];
    }
    if (in_reverse) {
        boot(reversed);
    } else {
        boot(features);
    }
}

/* An attempt that was not established is repeated (woad_feature_reconnection). */
static void attempt_is_repeated(void **state)
{
    const struct woad_connect_params p = { 16, 16, 6, 6, 0, 100, 0 };
    const struct woad_addr peer = { 0, { 7, 7, 7, 7, 7, 7 } };
    (void)state;
    for (int order = 0; order < 2; order++) {
        begin(order);
        assert_int_equal(woad_connect(solo.h, &peer, &p), 0);
        solo_pump();
        solo_connected(SOLO_HANDLE, true, 7);
        solo_disconnected(SOLO_HANDLE, NOT_ESTABLISHED);
        assert_int_equal(solo_commands(CREATE_CONNECTION), 2);
        solo_end();
    }
}

static void channels_and_bearers_open(void **state)
{
    static uint8_t memory[100];
    void *rx[1] = { memory };
    uint16_t cid;
    const struct woad_coc_params p = { .psm = 0x80, .mtu = 64 };
    (void)state;
    for (int order = 0; order < 2; order++) {
        begin(order);
        solo_bond(9, WOAD_BOND_SECURE);
        solo_connected(SOLO_HANDLE, false, 9);
        solo_encrypt(SOLO_HANDLE);
        assert_int_equal(woad_coc_connect_enhanced(solo.h, solo.conn[0], &p, rx, 100, 1, &cid), 0);
        assert_int_equal(woad_eatt_open(solo.h, solo.conn[0], 1), 0);
        solo_end();
    }
}

/* Enhanced channels and bearers without what they require are refused. */
static void missing_requirement_is_not_supported(void **state)
{
    static const struct woad_feature *const alone[] = { &woad_feature_eatt,
                                                        &woad_feature_enhanced_channels, NULL };
    static const struct woad_feature *const no_central[] = { &woad_feature_reconnection, NULL };
    const struct woad_coc_params p = { .psm = 0x80, .mtu = 64 };
    const uint16_t cids[1] = { 0x40 };
    uint16_t cid;
    (void)state;
    boot(alone);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_coc_connect_enhanced(solo.h, solo.conn[0], &p, NULL, 0, 1, &cid),
                     WOAD_ENOTSUP);
    assert_int_equal(woad_coc_reconfigure(solo.h, solo.conn[0], cids, 1, 64, 64), WOAD_ENOTSUP);
    assert_int_equal(woad_eatt_open(solo.h, solo.conn[0], 1), WOAD_ENOTSUP);
    assert_int_equal(woad_eatt_close(solo.h, solo.conn[0]), WOAD_ENOTSUP);
    SOLO_SIG(0x17, 1, 10, 0, 0x80, 0, 64, 0, 64, 0, 1, 0, 0x40, 0);
    solo_tick(1000);
    solo_end();
    boot(no_central);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_tick(1000);
    solo_disconnected(SOLO_HANDLE, NOT_ESTABLISHED);
    assert_int_equal(solo_count(WOAD_EV_DISCONNECT), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempt_is_repeated),
        cmocka_unit_test(channels_and_bearers_open),
        cmocka_unit_test(missing_requirement_is_not_supported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
