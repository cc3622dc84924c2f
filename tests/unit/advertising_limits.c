/* Extended advertising with a limit ends even if the host pauses it: to renew the private
 * address, to change the accept list, to set data in several commands.  Vol 4, Part E, 7.8.56 */
#include "solo.h"

#include "src/base/buf.h"

static const struct woad_feature *const features[] = {
    &woad_feature_extended_advertising, &woad_feature_advertiser,
    &woad_feature_accept_list,          &woad_feature_scanner,
    &woad_feature_gatt_server,          &woad_feature_security_manager,
    &woad_feature_resolving_list,       NULL
};
enum { EXT_ENABLE = 0x2039, TIMED_OUT = 0x3c, LIMIT_REACHED = 0x43 };

static void boot(void)
{
    struct woad_config config = solo_config(features);
    config.adv_sets = 2;
    config.accept_list = 2;
    memset(solo.supported_commands, 0xff, sizeof solo.supported_commands);
    solo_boot(config);
}

static void start(uint16_t duration_10ms, uint8_t events_max, uint32_t interval_625us)
{
    const struct woad_ext_adv_params p = { .interval_625us = interval_625us,
                                           .tx_power_dbm = WOAD_TX_POWER_ANY,
                                           .duration_10ms = duration_10ms,
                                           .events_max = events_max };
    assert_int_equal(woad_ext_adv_start(solo.h, 0, &p), 0);
    solo_pump();
}

/* Returns duration (u16) and event limit (u8) of the last command that enabled the set. */
static const uint8_t *enabled_with(void)
{
    for (size_t n = solo.commands; n-- > 0;) {
        if (solo.command[n].opcode == EXT_ENABLE && solo.command[n].params[0]) {
            return solo.command[n].params + 3;
        }
    }
    fail();
    return NULL;
}

/* Waits up to `most` seconds for the end of the set; returns its status and the seconds it took. */
static int ended_after(uint32_t most, uint32_t *seconds)
{
    for (*seconds = 0; *seconds < most && !solo_count(WOAD_EV_EXT_ADV_ENDED); ++*seconds) {
        solo_tick(1000);
    }
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 1);
    return solo_last(WOAD_EV_EXT_ADV_ENDED)->u.ext_adv.status;
}

/* The private address is renewed each 10 s, the duration is 15 s.  The set ends at the second
 * renewal at the latest, even if the controller never reports the end. */
static void duration_outlives_no_pause(void **state)
{
    static const uint8_t irk[16] = { 1, 2, 3 };
    uint32_t seconds;
    (void)state;
    boot();
    assert_int_equal(woad_set_irk(solo.h, irk), 0);
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_RESOLVABLE, 10), 0);
    solo_pump();
    start(1500, 0, 0x40);
    assert_int_equal(get_le16(enabled_with()), 1500);
    solo_tick(10000);
    assert_in_range(get_le16(enabled_with()), 490, 500);
    assert_int_equal(ended_after(20, &seconds), TIMED_OUT);
    assert_int_equal(seconds, 10);
    solo_forget();
    solo_tick(10000);
    assert_int_equal(solo_commands(EXT_ENABLE), 0);
    solo_end();
}

/* A limit of 20 events at one a second takes about 20 s.  If each pause comes before the second
 * event, 20 events are 20 pauses. */
static void events_outlive_no_pause(void **state)
{
    static const uint8_t irk[16] = { 1, 2, 3 };
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        uint32_t seconds;
        boot();
        assert_int_equal(woad_set_irk(solo.h, irk), 0);
        assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_RESOLVABLE, 8), 0);
        solo_pump();
        start(0, 20, slow ? 16000 : 1600);
        assert_int_equal(enabled_with()[2], 20);
        assert_int_equal(ended_after(200, &seconds), LIMIT_REACHED);
        unsigned least = slow ? 152 : 16;
        assert_in_range(seconds, least, least + 8);
        solo_end();
    }
}

/* A restart has the whole duration: also from inside the event of the end, and during a pause. */
static void another_start_has_all_of_its_time(void **state)
{
    static const struct woad_addr peer = { .octet = { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    boot();
    start(1500, 0, 0x40);
    solo_tick(5000);
    assert_int_equal(woad_accept_list_set(solo.h, &peer, 1), 0);
    solo_pump();
    assert_in_range(get_le16(enabled_with()), 990, 1000);
    solo.withheld = EXT_ENABLE;
    solo_tick(5000);
    assert_int_equal(woad_accept_list_set(solo.h, NULL, 0), 0);
    solo_pump();
    start(1500, 0, 0x40);
    solo.withheld = 0;
    SOLO_RX(4, 0x0e, 4, 1, EXT_ENABLE & 255, EXT_ENABLE >> 8, 0);
    solo_pump();
    assert_int_equal(get_le16(enabled_with()), 1500);
    assert_int_equal(solo_count(WOAD_EV_EXT_ADV_ENDED), 0);
    assert_int_equal(woad_ext_adv_stop(solo.h, 0), 0);
    solo_pump();
    assert_int_equal(solo_last(WOAD_EV_EXT_ADV_ENDED)->u.ext_adv.status, 0);
    solo_end();
}

/* An anonymous advertiser stays anonymous where the controller resolves addresses.  Vol 4, Part
 * E, 7.7.65.13 */
static void anonymous_advertiser_has_no_address(void **state)
{
    static const struct woad_scan_params scan = { .interval_625us = 16, .window_625us = 16 };
    (void)state;
    boot();
    for (int resolves = 0; resolves < 2; resolves++) {
        if (resolves) {
            struct woad_bond b = { .key_size = 16, .flags = 1, .has_own_ltk = 1, .has_irk = 1 };
            memset(b.peer.octet, 9, 6);
            memset(b.irk, 5, 16);
            assert_int_equal(woad_bond_add(solo.h, &b), 0);
            solo_tick(10);
        }
        assert_int_equal(woad_scan_start(solo.h, &scan), 0);
        solo_pump();
        for (uint8_t type = 0; type < 4; type++) {
            SOLO_RX(4, 0x3e, 2 + 24, 0x0d, 1, 0, 0, type, 1, 2, 3, 4, 5, 0xc6, 1, 1, 3, 127, 0xc0,
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
            assert_int_equal(solo_last(WOAD_EV_EXT_REPORT)->u.ext_report.addr.type,
                             resolves ? type & 1 : type);
        }
        SOLO_RX(4, 0x3e, 2 + 24, 0x0d, 1, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 1, 1, 3, 127, 0xc0, 0, 0, 0,
                0, 0, 0, 0, 0, 0, 0);
        assert_int_equal(solo_last(WOAD_EV_EXT_REPORT)->u.ext_report.addr.type, 0xff);
        assert_int_equal(woad_scan_stop(solo.h), 0);
        solo_pump();
    }
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duration_outlives_no_pause),
        cmocka_unit_test(events_outlive_no_pause),
        cmocka_unit_test(another_start_has_all_of_its_time),
        cmocka_unit_test(anonymous_advertiser_has_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
