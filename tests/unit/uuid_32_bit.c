/* 32-bit UUIDs in the server's database: ATT has the 128-bit form only.  Vol 3, Part F, 3.2.1 */
#include "solo.h"

static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
static struct woad_uuid type, alike; /* alike: the lower halves are equal */

/* Finds only what fits: 18 octets an element. */
static void find_information_has_whole_elements(void **state)
{
    static const struct woad_feature *const features[] = { &woad_feature_gatt_server, NULL };
    static const struct woad_attr database[] = { WOAD_PRIMARY(&service),
                                                 WOAD_CHARACTERISTIC(&value, WOAD_PROP_READ,
                                                                     WOAD_PERM_READ),
                                                 WOAD_DESCRIPTOR(&type, WOAD_PERM_READ),
                                                 WOAD_DESCRIPTOR(&type, WOAD_PERM_READ),
                                                 WOAD_DESCRIPTOR(&type, WOAD_PERM_READ),
                                                 WOAD_DESCRIPTOR(&type, WOAD_PERM_READ) };
    (void)state;
    for (uint8_t mtu = 38; mtu < 64; mtu++) {
        uint16_t first;
        solo_boot(solo_config(features));
        assert_int_equal(woad_gatt_add(solo.h, database, 7, &first), 0);
        solo_connected(SOLO_HANDLE, false, 9);
        SOLO_ATT(0x02, mtu, 0);
        solo_pump();
        solo_forget();
        SOLO_ATT(0x04, (uint8_t)(first + 3), 0, 0xff, 0xff);
        solo_pump();
        assert_int_equal(solo.frames, 1);
        assert_int_equal(solo.frame[0].octet[1], 2);
        assert_int_equal(solo.frame[0].len, 2 + (mtu - 2) / 18 * 18);
        solo_end();
    }
}

/* Found by its 128-bit form, through the index as without it. */
static void type_is_found_by_its_wide_form(void **state)
{
    static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                           &woad_feature_type_index, NULL };
    static const struct woad_attr database[] = { WOAD_PRIMARY(&service),
                                                 WOAD_CHARACTERISTIC_CONST(&type, "hello", 5) };
    static const struct woad_feature *const without[] = { &woad_feature_gatt_server, NULL };
    (void)state;
    for (int index = 0; index < 2; index++) {
        struct woad_config config = solo_config(without);
        if (index) {
            config = solo_config(features);
        }
        config.attr_index = 60;
        solo_boot(config);
        assert_int_equal(woad_gatt_add(solo.h, database, 3, NULL), 0);
        solo_connected(SOLO_HANDLE, false, 9);
        solo_forget();
        SOLO_ATT(0x08, 1, 0, 0xff, 0xff, 0xfb, 0x34, 0x9b, 0x5f, 0x80, 0, 0, 0x80, 0, 0x10, 0, 0,
                 0x78, 0x56, 0x34, 0x12);
        solo_pump();
        assert_int_equal(solo.frames, 1);
        assert_int_equal(solo.frame[0].octet[0], 0x09);
        assert_memory_equal(solo.frame[0].octet + 4, "hello", 5);
        solo_end();
    }
}

static struct woad_bond bond;
static struct woad_cccd bond_cccd[4];

static void keeps_bond(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND) {
        bond = *ev->u.bond.bond;
        assert_true(bond.cccds <= 4);
        memcpy(bond_cccd, bond.cccd, bond.cccds * sizeof *bond_cccd);
        bond.cccd = bond_cccd;
    }
}

/* A bond's subscription belongs to one type: two that differ in the upper half only are told
 * apart. */
static void subscription_is_not_another_types(void **state)
{
    static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                           &woad_feature_security_peripheral,
                                                           NULL };
    static const struct woad_attr before[] = { WOAD_PRIMARY(&service),
                                               WOAD_CHARACTERISTIC(&type, WOAD_PROP_NOTIFY, 0),
                                               WOAD_CCCD };
    static const struct woad_attr after[] = { WOAD_PRIMARY(&service),
                                              WOAD_CHARACTERISTIC(&alike, WOAD_PROP_NOTIFY, 0),
                                              WOAD_CCCD };
    uint16_t first;
    (void)state;
    for (int changes = 0; changes < 2; changes++) {
        solo_boot(solo_config(features));
        solo.on_event = keeps_bond;
        assert_int_equal(woad_gatt_add(solo.h, before, 4, &first), 0);
        solo_bond(9, WOAD_BOND_SECURE);
        solo_connected(SOLO_HANDLE, false, 9);
        solo_encrypt(SOLO_HANDLE);
        SOLO_ATT(0x12, (uint8_t)(first + 3), 0, 1, 0);
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), 1);
        solo_disconnected(SOLO_HANDLE, 0x13);
        solo_end();
        solo_boot(solo_config(features));
        assert_int_equal(woad_gatt_add(solo.h, changes ? after : before, 4, &first), 0);
        assert_int_equal(woad_bond_add(solo.h, &bond), 0);
        solo_connected(SOLO_HANDLE, false, 9);
        solo_encrypt(SOLO_HANDLE);
        assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), !changes);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_information_has_whole_elements),
        cmocka_unit_test(type_is_found_by_its_wide_form),
        cmocka_unit_test(subscription_is_not_another_types),
    };
    woad_uuid_parse(&type, "12345678");
    woad_uuid_parse(&alike, "23455678");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
