/* The effect of a Security Request by current security, bond and policy.  Vol 3, Part H, 2.4.6,
 * Figure 2.7, 3.6.7 */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                       &woad_feature_security_manager, NULL };
static const struct woad_security_policy plain = { .io = WOAD_IO_NONE, .bond = true };
static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr served[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ),
};
enum { CCCD = 13 };

enum { ENABLE_ENCRYPTION = 0x2019, SMP = 6, PAIRING_REQUEST = 1, FAILED = 5, REQUEST = 11 };
enum { BOND = 1, MITM = 4, SECURE = 8 };

static void boot(const struct woad_security_policy *policy)
{
    solo_boot(solo_config(features));
    assert_int_equal(woad_set_security_policy(solo.h, policy), 0);
}

static void encryption_change(uint8_t on)
{
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, on);
    solo_pump();
}

static void key_refresh(void)
{
    SOLO_RX(4, 0x30, 3, 0, SOLO_HANDLE, 0);
    solo_pump();
}

static void requested(uint8_t auth)
{
    solo_forget();
    SOLO_SMP(REQUEST, auth);
    solo_pump();
}

/* policy.no_pairing forbids pairing but not encryption with a bond's key, whichever side begins. */
static void no_pairing_but_a_bond(void **state)
{
    struct woad_security_policy p = plain;
    (void)state;
    p.no_pairing = true;
    for (int app_pairs = 0; app_pairs < 2; app_pairs++) {
        for (int bonded = 0; bonded < 2; bonded++) {
            p.app_pairs = app_pairs;
            boot(&p);
            if (bonded) {
                solo_bond(9, WOAD_BOND_SECURE);
            }
            solo_connected(SOLO_HANDLE, true, 9);
            requested(BOND | SECURE);
            assert_int_equal(solo_commands(ENABLE_ENCRYPTION), bonded);
            assert_int_equal(solo_frames(SMP, FAILED), !bonded);
            assert_int_equal(solo_count(WOAD_EV_SECURITY_REQUEST), 0);
            int err = woad_pair(solo.h, solo.conn[0]);
            assert_int_equal(err, bonded ? WOAD_EALREADY : WOAD_ENOTSUP);
            solo_pump();
            assert_int_equal(solo_frames(SMP, PAIRING_REQUEST), 0);
            if (bonded) { /* the key is refreshed */
                encryption_change(1);
                requested(BOND | SECURE);
                assert_int_equal(solo_commands(ENABLE_ENCRYPTION), 1);
                assert_int_equal(solo_frames(SMP, FAILED), 0);
            }
            solo_end();
        }
    }
}

/* A refresh never lowers the security: here the current key is stronger than the bond's. */
static void refresh_lowers_nothing(void **state)
{
    (void)state;
    for (int weaker = 0; weaker < 2; weaker++) {
        boot(&plain);
        solo_bond(9, WOAD_BOND_SECURE | WOAD_BOND_AUTHENTICATED);
        solo_connected(SOLO_HANDLE, true, 9);
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
        solo_pump();
        encryption_change(1);
        solo_bond(9, WOAD_BOND_SECURE | (weaker ? 0 : WOAD_BOND_AUTHENTICATED));
        requested(BOND);
        assert_int_equal(solo_commands(ENABLE_ENCRYPTION), !weaker);
        assert_int_equal(solo_frames(SMP, PAIRING_REQUEST), weaker);
        solo_end();
    }
}

/* The connection has the requested security; what counts is whether the bond's key has it, too. */
static void key_is_what_counts(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4; n++) {
        boot(&plain);
        solo_bond(9, WOAD_BOND_SECURE | (n & 1 ? WOAD_BOND_AUTHENTICATED : 0));
        solo_connected(SOLO_HANDLE, true, 9);
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
        solo_pump();
        encryption_change(1);
        bool pairs = n == 2; /* MITM requested, key without MITM */
        requested(n & 2 ? BOND | MITM : BOND);
        assert_int_equal(solo_commands(ENABLE_ENCRYPTION), !pairs);
        assert_int_equal(solo_frames(SMP, PAIRING_REQUEST), pairs);
        solo_end();
    }
}

/* The policy may require more than encryption: a key size, Secure Connections. */
static void enough_is_the_whole_policy(void **state)
{
    (void)state;
    for (int n = 0; n < 6; n++) {
        struct woad_security_policy p = plain;
        struct woad_bond b = { .key_size = 16, .has_own_ltk = 1 };
        if (n < 3) {
            b.key_size = 7;
            b.flags = WOAD_BOND_SECURE;
        }
        bool enough = n % 3 != 0;
        p.key_size_min = n == 1 || n == 2 ? 7 : 0;
        p.allow_legacy = n == 4;
        p.prefer_legacy = n == 5;
        boot(&p);
        memset(b.peer.octet, 9, 6);
        assert_int_equal(woad_bond_add(solo.h, &b), 0);
        solo_connected(SOLO_HANDLE, false, 9);
        solo_encrypt(SOLO_HANDLE);
        assert_int_equal(solo_count(WOAD_EV_SECURITY), 1);
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_SECURITY), enough ? 2 : 1);
        assert_int_equal(solo_frames(SMP, REQUEST), !enough);
        solo_end();
    }
}

/* stoprocent/noble#142: the central ignored a Security Request for 30 s and encrypts later.  The
 * connection has the requested security, and the host sends nothing more. 3.4 */
static void enough_after_the_timeout(void **state)
{
    (void)state;
    for (int falls = 0; falls < 2; falls++) {
        boot(&plain);
        solo_bond(9, WOAD_BOND_SECURE);
        solo_connected(SOLO_HANDLE, false, 9);
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
        solo_pump();
        for (int n = 0; n < 30; n++) {
            solo_tick(1000);
        }
        assert_int_equal(solo_last(WOAD_EV_SECURITY)->u.security.status, WOAD_ETIMEDOUT);
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), WOAD_ETIMEDOUT);
        solo_encrypt(SOLO_HANDLE);
        solo_forget();
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), WOAD_EALREADY);
        if (falls) {
            SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0);
        }
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_SECURITY), falls ? 2 : 1); /* one more for the loss */
        assert_int_equal(solo_last(WOAD_EV_SECURITY)->u.security.status,
                         falls ? WOAD_ETIMEDOUT : 0);
        assert_int_equal(solo.frames, 0);
        solo_end();
    }
}

/* A peer that has failed before waits before it pairs; security that the connection has is
 * reported at once. */
static void enough_does_not_wait(void **state)
{
    const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    boot(&plain);
    assert_int_equal(woad_attempts_add(solo.h, &peer, 5), 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_SECURITY), 2);
    solo_end();
}

/* Pairing Failed is sent at once even if a Security Request waits for its time. */
static void refusal_does_not_wait(void **state)
{
    const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    boot(&plain);
    assert_int_equal(woad_attempts_add(solo.h, &peer, 5), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    SOLO_SMP(PAIRING_REQUEST, 3, 0, 9, 16, 1, 1);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    assert_int_equal(solo_frames(SMP, FAILED), 1);
    assert_int_equal(solo_frames(SMP, REQUEST), 0);
    solo_tick(4000);
    assert_int_equal(solo_frames(SMP, REQUEST), 1);
    solo_end();
}

/* Phones refresh the key of a long connection: the subscriptions stay, and the application gets
 * one event. */
static void refresh_resumes_nothing(void **state)
{
    const struct woad_cccd cccd = { CCCD, 1 };
    struct woad_bond b = {
        .key_size = 16, .flags = WOAD_BOND_SECURE, .has_own_ltk = 1, .cccds = 1, .cccd = &cccd
    };
    (void)state;
    boot(&plain);
    assert_int_equal(woad_gatt_add(solo.h, served, sizeof served / sizeof *served, NULL), 0);
    memset(b.peer.octet, 9, 6);
    assert_int_equal(woad_bond_add(solo.h, &b), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), 1);
    SOLO_RX(4, 0x3e, 13, 5, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    solo_pump();
    key_refresh();
    assert_int_equal(solo_count(WOAD_EV_SECURITY), 2);
    assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), 1);
    assert_int_equal(woad_gatt_subscription(solo.h, solo.conn[0], CCCD - 1), 1);
    encryption_change(0); /* security that was lost is restored with events */
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), 2);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_pairing_but_a_bond),    cmocka_unit_test(refresh_lowers_nothing),
        cmocka_unit_test(key_is_what_counts),       cmocka_unit_test(enough_is_the_whole_policy),
        cmocka_unit_test(enough_after_the_timeout), cmocka_unit_test(enough_does_not_wait),
        cmocka_unit_test(refusal_does_not_wait),    cmocka_unit_test(refresh_resumes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
