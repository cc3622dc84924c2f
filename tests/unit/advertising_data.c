/* Advertising data: what is built of it, what is found in it, and the default parameters. */
#include "solo.h"

static uint8_t octets[40];
static struct woad_ad_builder ad;

static void begin(size_t room)
{
    memset(octets, 0xee, sizeof octets);
    ad = (struct woad_ad_builder)WOAD_AD_BUILDER(octets);
    ad.room = room;
}

#define ASSERT_DATA(text) \
    do { \
        assert_int_equal(ad.len, sizeof(text) - 1); \
        assert_memory_equal(octets, text, ad.len); \
        assert_int_equal(octets[ad.len], 0xee); \
    } while (0)

static const struct woad_uuid heart = WOAD_UUID16(0x180d), battery = WOAD_UUID16(0x180f);
static const struct woad_uuid u32 = { 4, { 1, 2, 3, 4 } };
static const struct woad_uuid u128 = { 16, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 } };

/* Each kind of structure has its type, its length and its octets, least significant first. */
static void structures(void **state)
{
    (void)state;
    begin(31);
    assert_int_equal(woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY), 0);
    assert_int_equal(woad_ad_appearance(&ad, 0x03c1), 0);
    assert_int_equal(woad_ad_tx_power(&ad, -4), 0);
    assert_int_equal(woad_ad_manufacturer_data(&ad, 0xffff, "ab", 2), 0);
    assert_int_equal(woad_ad_service_data(&ad, &battery, "\x64", 1), 0);
    assert_int_equal(woad_ad_put(&ad, WOAD_AD_URI, "\x17//w", 4), 0);
    ASSERT_DATA("\x02\x01\x06\x03\x19\xc1\x03\x02\x0a\xfc\x05\xff\xff\xff"
                "ab\x04\x16\x0f\x18\x64\x05\x24\x17//w");
    begin(31);
    assert_int_equal(woad_ad_service_data(&ad, &u32, NULL, 0), 0);
    assert_int_equal(woad_ad_service_data(&ad, &u128, NULL, 0), 0);
    ASSERT_DATA("\x05\x20\x01\x02\x03\x04\x11\x21\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"
                "\x0d\x0e\x0f\x00");
    assert_int_equal(ad.error, 0);
}

/* A list for the UUIDs of each size; none for no UUIDs; nothing if one of the lists does not fit.
 */
static void lists_of_services(void **state)
{
    (void)state;
    const struct woad_uuid mixed[] = { heart, u32, battery };
    begin(31);
    assert_int_equal(woad_ad_uuids(&ad, mixed, 3), 0);
    ASSERT_DATA("\x05\x03\x0d\x18\x0f\x18\x05\x05\x01\x02\x03\x04");
    assert_int_equal(woad_ad_uuids(&ad, mixed, 0), 0);
    assert_int_equal(woad_ad_uuids(&ad, &u128, 1), 0);
    assert_int_equal(ad.len, 12 + 18);
    assert_true(woad_ad_has_uuid(ad.data, ad.len, &heart));
    assert_true(woad_ad_has_uuid(ad.data, ad.len, &battery));
    assert_true(woad_ad_has_uuid(ad.data, ad.len, &u32));
    assert_true(woad_ad_has_uuid(ad.data, ad.len, &u128));
    assert_false(woad_ad_has_uuid(ad.data, ad.len, &(struct woad_uuid)WOAD_UUID16(0x1801)));
    assert_false(woad_ad_has_uuid((const uint8_t *)"\x04\x02\x0d\x18\x0f", 5, &battery));
    assert_true(woad_ad_has_uuid((const uint8_t *)"\x04\x02\x0d\x18\x0f", 5, &heart));
    assert_false(woad_ad_has_uuid(NULL, 0, &heart));
    begin(11);
    assert_int_equal(woad_ad_uuids(&ad, mixed, 3), WOAD_EINVAL);
    assert_int_equal(ad.len, 0);
    assert_int_equal(ad.error, WOAD_EINVAL);
}

/* GAP/ADV/BV-03-C: a name that does not fit is shortened, and never inside a character. */
static void names(void **state)
{
    (void)state;
    begin(31);
    assert_int_equal(woad_ad_name(&ad, "Woad"), 0);
    ASSERT_DATA("\x05\x09Woad");
    begin(6);
    assert_int_equal(woad_ad_name(&ad, "Woad"), 0);
    ASSERT_DATA("\x05\x09Woad");
    begin(5);
    assert_int_equal(woad_ad_name(&ad, "Woad"), 0);
    ASSERT_DATA("\x04\x08Woa");
    begin(8);
    assert_int_equal(woad_ad_name(&ad, "W\xc3\xa4\xe2\x82\xac\xe2\x82\xac"), 0);
    ASSERT_DATA("\x07\x08W\xc3\xa4\xe2\x82\xac");
    begin(7);
    assert_int_equal(woad_ad_name(&ad, "W\xc3\xa4\xe2\x82\xac\xe2\x82\xac"), 0);
    ASSERT_DATA("\x04\x08W\xc3\xa4");
    begin(4);
    assert_int_equal(woad_ad_name(&ad, "\xe2\x82\xac"), WOAD_EINVAL);
    assert_int_equal(ad.len, 0);
    for (size_t room = 0; room < 3; room++) {
        begin(room);
        assert_int_equal(woad_ad_name(&ad, "x"), WOAD_EINVAL);
        assert_int_equal(ad.error, WOAD_EINVAL);
        assert_int_equal(octets[0], 0xee);
    }
    begin(31);
    assert_int_equal(woad_ad_name(&ad, ""), 0);
    ASSERT_DATA("\x01\x09");
}

/* What does not fit leaves nothing behind, its error stays, and shorter structures still fit. */
static void full(void **state)
{
    (void)state;
    static uint8_t big[600], many[600];
    begin(7);
    assert_int_equal(woad_ad_flags(&ad, WOAD_AD_GENERAL), 0);
    assert_int_equal(woad_ad_manufacturer_data(&ad, 1, "x", 1), WOAD_EINVAL);
    assert_int_equal(woad_ad_manufacturer_data(&ad, 1, NULL, 0), 0);
    assert_int_equal(woad_ad_put(&ad, WOAD_AD_URI, NULL, 0), WOAD_EINVAL);
    ASSERT_DATA("\x02\x01\x02\x03\xff\x01\x00");
    assert_int_equal(ad.error, WOAD_EINVAL);
    ad = (struct woad_ad_builder)WOAD_AD_BUILDER(big);
    assert_int_equal(woad_ad_put(&ad, 1, many, 255), WOAD_EINVAL);
    assert_int_equal(woad_ad_put(&ad, 1, many, SIZE_MAX), WOAD_EINVAL);
    assert_int_equal(woad_ad_put(&ad, 1, many, 254), 0);
    assert_int_equal(ad.len, 256);
    assert_int_equal(big[0], 255);
}

/* The defaults are valid: each call takes them. */
static void defaults(void **state)
{
    static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                           &woad_feature_scanner,
                                                           &woad_feature_central, NULL };
    static const struct woad_feature *const extended[] = { &woad_feature_advertiser,
                                                           &woad_feature_extended_advertising,
                                                           NULL };
    static const struct woad_adv_params adv = WOAD_ADV_DEFAULT;
    static const struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    static const struct woad_connect_params connect = WOAD_CONNECT_DEFAULT;
    static const struct woad_ext_adv_params ext = WOAD_EXT_ADV_DEFAULT;
    static const struct woad_addr peer = { 0, { 1, 2, 3, 4, 5, 6 } };
    (void)state;
    solo_boot(solo_config(features));
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 1);
    assert_int_equal(woad_scan_start(solo.h, &scan), 0);
    solo_pump();
    solo_tick(10000);
    assert_int_equal(solo_count(WOAD_EV_SCAN_DONE), 1);
    assert_int_equal(woad_connect(solo.h, &peer, &connect), 0);
    solo_pump();
    assert_int_equal(solo_commands(0x200d), 1);
    solo_tick(10000);
    assert_int_equal(solo_commands(0x200e), 1); /* LE Create Connection Cancel */
    solo_end();
    memset(solo.supported_commands, 0xff, sizeof solo.supported_commands);
    memset(solo.le_features, 0xff, sizeof solo.le_features);
    struct woad_config cfg = solo_config(extended);
    cfg.adv_sets = 1;
    solo_boot(cfg);
    assert_int_equal(woad_ext_adv_start(solo.h, 0, &ext), 0);
    solo_pump();
    assert_int_equal(solo_commands(0x2036), 1); /* LE Set Extended Advertising Parameters */
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structures), cmocka_unit_test(lists_of_services), cmocka_unit_test(names),
        cmocka_unit_test(full),       cmocka_unit_test(defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
