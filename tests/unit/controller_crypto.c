/* The controller's cryptography fails, or returns zeros: the pairing fails at once, nothing is
 * stored, and LE Rand is not repeated without end.  Vol 4, Part E, 7.8.22, 7.8.23, 7.7.65.8,
 * 7.7.65.9 */
#include "solo.h"
#include "src/base/toolbox.h"

static const struct woad_feature *const features[] = {
    &woad_feature_advertiser,          &woad_feature_central,           &woad_feature_gatt_server,
    &woad_feature_security_peripheral, &woad_feature_controller_crypto, NULL
};

enum { RESET = 0x0c03, LE_ENCRYPT = 0x2017, LE_RAND = 0x2018, READ_P256 = 0x2025 };
enum { SMP = 6, FAILED = 5 };

static void boot(unsigned withheld)
{
    static const struct woad_security_policy p = { .io = WOAD_IO_NONE,
                                                   .bond = true,
                                                   .allow_legacy = true };
    struct woad_config c = solo_config(features);
    c.crypto = NULL;
    c.random = NULL;
    solo.supported_commands[34] = 6; /* octet 34 of Supported Commands: P-256 */
    solo_boot(c);
    solo.withheld = withheld;
    assert_int_equal(woad_set_security_policy(solo.h, &p), 0);
}

/* Asserts that woad_random() fails and sends LE Rand again. */
static void requests_again(void)
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

/* Without random numbers woad_random() fails and sends one LE Rand a call. */
static void no_random_numbers(void **state)
{
    uint8_t key[8];
    (void)state;
    for (int zeros = 0; zeros < 2; zeros++) {
        boot(LE_RAND);
        for (int n = 0; n < 3; n++) {
            requests_again();
            assert_int_equal(solo_commands(LE_RAND), n + 1);
            gives(zeros ? 0 : 0x0c, 0);
        }
        requests_again();
        gives(0, 7);
        assert_int_equal(woad_random(solo.h, key, 8), 0);
        assert_int_equal(key[3], 7);
        solo_end();
    }
}

/* A pairing without random numbers fails at once, not by its timeout. */
static void pairing_without_random_numbers(void **state)
{
    (void)state;
    boot(LE_RAND);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_SMP(1, 3, 0, 1, 16, 0, 0); /* legacy */
    solo_pump();
    SOLO_SMP(3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    solo_pump();
    assert_int_equal(solo_frames(SMP, FAILED), 1);
    assert_int_equal(solo_last(WOAD_EV_SECURITY)->u.security.status, WOAD_SMP_UNSPECIFIED);
    solo_end();
}

/* The controller returns a block, or a key pair, of zeros: the pairing fails. */
static void answers_zeros(void **state)
{
    (void)state;
    for (int key_pair = 0; key_pair < 2; key_pair++) {
        boot(LE_RAND);
        requests_again();
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

/* The controller has no random number for a private address: what waits for the address ends,
 * and the host tries again a second later.  While the instance stops, nothing is due at once. */
static void no_private_address(void **state)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    (void)state;
    boot(LE_RAND);
    requests_again();
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
    requests_again();
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

/* After one failure the host tries again a second later, even if a connection waits for it.  The
 * five tries are counted from woad_start(). */
static void private_address_after_a_failure(void **state)
{
    static const struct woad_connect_params params = { 16, 16, 24, 24, 0, 100, 0 };
    static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    boot(LE_RAND);
    for (int life = 0; life < 2; life++) {
        requests_again();
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
    assert_int_equal(solo_commands(0x200d), 1); /* LE Create Connection */
    solo_end();
}

/* Answers each LE Rand, at most `most`. */
static void gives_all(unsigned most)
{
    while (most-- && solo_commands(LE_RAND)) {
        solo.commands = 0;
        gives(0, (uint8_t)(most + 1));
    }
}

/* 32 octets are available whatever was taken before: a private key needs 32. */
static void random_numbers_of_any_length(void **state)
{
    uint8_t octets[16];
    (void)state;
    for (size_t drawn = 1; drawn < 8; drawn++) {
        boot(LE_RAND);
        requests_again();
        gives_all(20);
        assert_int_equal(woad_random(solo.h, octets, drawn), 0);
        solo_pump();
        gives_all(20);
        assert_int_equal(woad_random(solo.h, octets, 16), 0);
        assert_int_equal(woad_random(solo.h, octets, 16), 0);
        solo_end();
    }
}

static int aes(void *ctx, const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    (void)ctx;
    return solo_aes(key, in, out);
}

static void says(uint8_t code, const uint8_t value[16])
{
    uint8_t pdu[17] = { code };
    for (size_t n = 0; n < 16; n++) {
        pdu[1 + n] = value[15 - n];
    }
    solo_l2cap(SOLO_HANDLE, SMP, pdu, sizeof pdu);
    solo_pump();
    gives_all(20);
}

/* Pairs by legacy Just Works up to the Encryption Change; then LTK and Rand are due. */
static void pairs_by_legacy(struct woad_config c)
{
    static const uint8_t request[7] = { 1, WOAD_IO_NONE, 0, 1, 16, 0, 1 };
    static const struct toolbox box = { aes, NULL };
    uint8_t response[7], initiator[7] = { 0 }, responder[7] = { 0 }, k[16] = { 0 }, r[16] = { 5 };
    uint8_t confirm[16];
    solo_boot(c);
    solo.withheld = LE_RAND;
    assert_int_equal(woad_set_security_policy(
                         solo.h, &(struct woad_security_policy){ .io = WOAD_IO_NONE,
                                                                 .bond = true,
                                                                 .allow_legacy = true,
                                                                 .trust_unencrypted = true }),
                     0);
    if (!c.random) {
        requests_again();
        gives_all(20);
    }
    solo_connected(SOLO_HANDLE, false, 9);
    memset(initiator + 1, 9, 6);
    memset(responder + 1, 0xa1, 6);
    solo_forget();
    solo_l2cap(SOLO_HANDLE, SMP, request, sizeof request);
    solo_pump();
    gives_all(20);
    memcpy(response, solo.frame[0].octet, sizeof response);
    toolbox_c1(&box, k, r, request, response, initiator, responder, confirm);
    says(3, confirm);
    says(4, r);
    assert_int_equal(solo_frames(SMP, 4), 1);
    SOLO_RX(4, 0x3e, 13, 5, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    solo_pump();
    gives_all(20);
}

/* The store of random numbers is empty: three answers of LE Rand give the 24 octets of LTK and
 * Rand. */
static void keys_when_no_random_number_is_left(void **state)
{
    uint8_t octets[16];
    struct woad_config c = solo_config(features);
    (void)state;
    c.random = NULL;
    pairs_by_legacy(c);
    while (woad_random(solo.h, octets, 8) == 0) {
    }
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 1);
    solo_pump();
    assert_int_equal(solo_frames(SMP, 6), 0);
    gives_all(3);
    assert_int_equal(solo_frames(SMP, 6), 1);
    solo_end();
}

static int notified;

static void notifies(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_SECURITY) {
        notified = woad_gatt_notify(solo.h, ev->conn, 3, "x", 1);
    }
}

/* The controller completes the packet of the last key, with one buffer: the pairing ends in
 * woad_poll(), and what the application queues in that event is sent. */
static void pairing_that_ends_in_a_poll(void **state)
{
    (void)state;
    for (int one = 0; one < 2; one++) {
        solo.acl_len = 251;
        solo.acl_count = one ? 1 : 8;
        pairs_by_legacy(solo_config(features));
        solo.no_completed = true;
        solo.on_event = notifies;
        notified = 1;
        SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 1);
        for (int n = 0; n < 2; n++) {
            solo_pump();
            woad_poll(solo.h, solo.now_ms);
            assert_int_equal(solo_count(WOAD_EV_SECURITY), 0);
            if (one) {
                SOLO_RX(4, 0x13, 5, 1, SOLO_HANDLE, 0, 1, 0);
            }
        }
        if (!one) {
            SOLO_RX(4, 0x13, 5, 1, SOLO_HANDLE, 0, 2, 0);
        }
        solo_pump();
        assert_int_equal(solo_frames(SMP, 6) + solo_frames(SMP, 7), 2);
        assert_int_equal(woad_poll(solo.h, solo.now_ms), 0);
        assert_int_equal(solo_count(WOAD_EV_SECURITY), 1);
        assert_int_equal(notified, 0);
        solo_pump();
        assert_int_equal(solo_frames(4, 0x1b), 1);
        solo_end();
    }
}

/* Privacy is turned off while the controller calculates the address: the controller's
 * cryptography is free for a pairing. */
static void privacy_off_while_it_calculates(void **state)
{
    uint8_t irk[16] = { 7 };
    (void)state;
    boot(LE_RAND);
    requests_again();
    gives_all(20);
    assert_int_equal(woad_set_irk(solo.h, irk), 0);
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_RESOLVABLE, 900), 0);
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_OFF, 0), 0);
    solo_pump();
    gives_all(20);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_SMP(1, 3, 0, 1, 16, 0, 0); /* legacy */
    solo_pump();
    gives_all(20);
    solo.withheld = LE_ENCRYPT;
    SOLO_SMP(3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    solo_pump();
    assert_int_equal(solo_commands(LE_ENCRYPT), 1);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_random_numbers),
        cmocka_unit_test(random_numbers_of_any_length),
        cmocka_unit_test(keys_when_no_random_number_is_left),
        cmocka_unit_test(pairing_that_ends_in_a_poll),
        cmocka_unit_test(privacy_off_while_it_calculates),
        cmocka_unit_test(pairing_without_random_numbers),
        cmocka_unit_test(answers_zeros),
        cmocka_unit_test(no_private_address),
        cmocka_unit_test(private_address_after_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
