/* Cryptography by a controller that fails, or answers zeros: the pairing fails at once, nothing is
 * kept, and LE Rand is not asked for ever.  Vol 4, Part E, 7.8.22, 7.8.23, 7.7.65.8, 7.7.65.9 */
#include "solo.h"

static const struct woad_feature *const features[] = {
    &woad_advertiser, &woad_central, &woad_gatt_server,
    &woad_security_peripheral, &woad_controller_crypto, NULL };

enum { RESET = 0x0c03, LE_ENCRYPT = 0x2017, LE_RAND = 0x2018, READ_P256 = 0x2025 };
enum { SMP = 6, FAILED = 5 };

static void boot(unsigned withheld)
{
    static const struct woad_security_policy p = { .io = WOAD_IO_NONE, .bond = true,
                                                   .allow_legacy = true };
    struct woad_config c = solo_config(features);
    c.crypto = NULL;
    c.random = NULL;
    solo.supported_commands[34] = 6;     /* P-256 */
    solo_boot(c);
    solo.withheld = withheld;
    assert_int_equal(woad_set_security(solo.h, &p), 0);
}

/* The controller of solo.h gives zeros: the first who asks is told, and it is asked again. */
static void asks_again(void)
{
    uint8_t key[8];
    assert_int_equal(woad_random(solo.h, key, 8), WOAD_EIO);
    solo_pump();
    assert_int_equal(woad_random(solo.h, key, 8), WOAD_EAGAIN);
}

/* Command Complete of LE Rand: 8 octets, all of this value. */
static void gives(uint8_t status, uint8_t octet)
{
    SOLO_RX(4, 0x0e, 12, 1, 0x18, 0x20, status, octet, octet, octet, octet, octet, octet, octet,
            octet);
    solo_pump();
}

/* There is no random number: woad_random() says so, asks again, and is not asked for ever. */
static void no_random_numbers(void **state)
{
    uint8_t key[8];
    (void)state;
    for (int zeros = 0; zeros < 2; zeros++) {
        boot(LE_RAND);
        for (int n = 0; n < 3; n++) {
            asks_again();
            assert_int_equal(solo_commands(LE_RAND), n + 1);
            gives(zeros ? 0 : 0x0c, 0);
        }
        asks_again();
        gives(0, 7);
        assert_int_equal(woad_random(solo.h, key, 8), 0);
        assert_int_equal(key[3], 7);
        solo_end();
    }
}

/* A pairing fails at once, and not by its time limit. */
static void pairing_without_random_numbers(void **state)
{
    (void)state;
    boot(LE_RAND);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_SMP(1, 3, 0, 1, 16, 0, 0);      /* legacy */
    solo_pump();
    SOLO_SMP(3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    solo_pump();
    assert_int_equal(solo_frames(SMP, FAILED), 1);
    assert_int_equal(solo_last(WOAD_EV_SECURITY)->u.security.status, WOAD_SMP_UNSPECIFIED);
    solo_end();
}

/* A block, or a key pair, of zeros. */
static void answers_zeros(void **state)
{
    (void)state;
    for (int key_pair = 0; key_pair < 2; key_pair++) {
        boot(LE_RAND);
        asks_again();
        for (int n = 0; n < 4; n++) {
            gives(0, (uint8_t)(n + 1));
        }
        solo_forget();
        solo.withheld = key_pair ? READ_P256 : LE_ENCRYPT;
        solo_connected(SOLO_HANDLE, false, 9);
        SOLO_SMP(1, 3, 0, (uint8_t)(key_pair ? 9 : 1), 16, 0, 0);
        solo_pump();
        if (key_pair) {
            uint8_t key[65] = { 12, 3 };
            solo_l2cap(SOLO_HANDLE, SMP, key, sizeof key);
            solo_pump();
            assert_int_equal(solo_commands(READ_P256), 1);
            uint8_t made[69] = { 4, 0x3e, 66, 8, 0 };
            SOLO_RX(4, 0x0f, 4, 0, 1, 0x25, 0x20);
            solo_rx(made, sizeof made);
        } else {
            SOLO_SMP(3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
            solo_pump();
            assert_int_equal(solo_commands(LE_ENCRYPT), 1);
            SOLO_RX(4, 0x0e, 20, 1, 0x17, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        }
        solo_pump();
        assert_int_equal(solo_frames(SMP, FAILED), 1);
        assert_int_equal(solo_count(WOAD_EV_SECURITY), 1);
        assert_int_equal(solo_last(WOAD_EV_SECURITY)->u.security.status, WOAD_SMP_UNSPECIFIED);
        assert_int_equal(solo_count(WOAD_EV_BOND), 0);
        solo_end();
    }
}

/* The controller makes no random number for a private address: what waits for one ends, and the
 * next is a second later.  While the instance stops, nothing is due at once. */
static void no_private_address(void **state)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    (void)state;
    boot(LE_RAND);
    asks_again();
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_NON_RESOLVABLE, 900), 0);
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    for (int n = 0; n < 10; n++) {
        gives(0, 0);
        solo_tick(1000);
    }
    assert_int_equal(solo_count(WOAD_EV_ADV_STARTED), 0);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
    assert_int_equal(solo_last(WOAD_EV_DOWN)->u.down.error, WOAD_EIO);
    solo_end();

    boot(LE_RAND);
    asks_again();
    for (int n = 0; n < 4; n++) {
        gives(0, 7);
    }
    solo.withheld = RESET;
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_NON_RESOLVABLE, 1), 0);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 0);
    woad_stop(solo.h);
    assert_int_equal(solo_count(WOAD_EV_DOWN), 0);
    solo_tick(1500);
    assert_true(solo_tick(0) > 0);
    solo_end();
}

/* One failure: it is asked for again after a second, though a connection is wanted; and the five
 * tries are those of one life of the instance. */
static void private_address_after_a_failure(void **state)
{
    static const struct woad_connect_params params = { 16, 16, 24, 24, 0, 100, 0 };
    static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    boot(LE_RAND);
    for (int life = 0; life < 2; life++) {
        asks_again();
        assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_NON_RESOLVABLE, 900), 0);
        assert_int_equal(woad_connect(solo.h, &peer, &params), 0);
        for (int n = 0; n < 4; n++) {
            gives(0, 0);
            solo_tick(1000);
        }
        assert_int_equal(solo_count(WOAD_EV_DOWN), 0);
        if (!life) {
            gives(0, 0);
            solo_tick(1000);
            assert_int_equal(solo_count(WOAD_EV_DOWN), 1);
            solo.withheld = 0;
            solo_forget();
            assert_int_equal(woad_start(solo.h), 0);
            solo_pump();
            solo.withheld = LE_RAND;
        }
    }
    gives(0, 7);
    assert_int_equal(solo_commands(0x200d), 1);            /* LE Create Connection */
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_random_numbers), cmocka_unit_test(pairing_without_random_numbers),
        cmocka_unit_test(answers_zeros), cmocka_unit_test(no_private_address),
        cmocka_unit_test(private_address_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
