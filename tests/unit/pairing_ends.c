/* Every woad_pair() ends with one WOAD_EV_SECURITY, no pairing keeps its slot, and what waits
 * for security ends.  Vol 3, Part H, 2.3.6, 3.4 */
#include "solo.h"

static const struct woad_feature *const peripheral[] = { &woad_feature_gatt_server,
                                                         &woad_feature_gatt_client,
                                                         &woad_feature_security_peripheral,
                                                         &woad_feature_out_of_band, NULL };
static const struct woad_feature *const manager[] = { &woad_feature_gatt_server,
                                                      &woad_feature_gatt_client,
                                                      &woad_feature_security_manager,
                                                      &woad_feature_out_of_band, NULL };
static const struct woad_security_policy plain = { .io = WOAD_IO_NONE, .bond = true };

enum { ENABLE_ENCRYPTION = 0x2019, LTK_REPLY = 0x201a, LTK_NEGATIVE_REPLY = 0x201b };
enum { FAILED = 5, SECURITY_REQUEST = 11, SMP = 6 };
#define PAIRING_REQUEST 1, 3, 0, 9, 16, 1, 1

static void boot(const struct woad_feature *const *features, uint8_t pairings)
{
    struct woad_config c = solo_config(features);
    c.pairings = pairings;
    solo_boot(c);
    assert_int_equal(woad_set_security_policy(solo.h, &plain), 0);
}

static void ltk_request(void)
{
    SOLO_RX(4, 0x3e, 13, 5, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    solo_pump();
}

static void encryption_change(uint8_t status, uint8_t on)
{
    SOLO_RX(4, 8, 4, status, SOLO_HANDLE, 0, on);
    solo_pump();
}

static void assert_reported(size_t times, int status)
{
    assert_int_equal(solo_count(WOAD_EV_SECURITY), times);
    assert_int_equal(solo_last(WOAD_EV_SECURITY)->u.security.status, status);
}

static uint8_t last_reason(void)
{
    const struct solo_frame *f = &solo.frame[solo.frames - 1];
    assert_true(solo.frames && f->cid == SMP && f->octet[0] == FAILED);
    return f->octet[1];
}

/* The central starts pairing before the waiting time after failures is over. */
static void central_pairs_too_soon(void **state)
{
    const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    boot(peripheral, 0);
    assert_int_equal(woad_attempts_add(solo.h, &peer, 3), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    SOLO_SMP(PAIRING_REQUEST);
    solo_pump();
    assert_int_equal(last_reason(), WOAD_SMP_REPEATED_ATTEMPTS);
    assert_reported(1, WOAD_SMP_REPEATED_ATTEMPTS);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_end();
}

/* A peripheral waits before its Security Request, as a central before its Pairing Request. */
static void security_request_waits(void **state)
{
    const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    boot(peripheral, 0);
    assert_int_equal(woad_attempts_add(solo.h, &peer, 3), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    assert_int_equal(solo_frames(SMP, SECURITY_REQUEST), 0);
    assert_int_equal(solo_tick(0), 1000);
    assert_int_equal(solo_tick(999), 1);
    assert_int_equal(solo_frames(SMP, SECURITY_REQUEST), 0);
    solo_tick(1);
    assert_int_equal(solo_frames(SMP, SECURITY_REQUEST), 1);
    SOLO_SMP(PAIRING_REQUEST);
    solo_pump();
    assert_int_equal(solo_frames(SMP, 2), 1);
    solo_end();
}

/* After the Security Request the policy forbids pairing, or the Pairing Request is malformed. */
static void pairing_request_refused(void **state)
{
    (void)state;
    for (int malformed = 0; malformed < 2; malformed++) {
        struct woad_security_policy no = plain;
        no.no_pairing = !malformed;
        boot(peripheral, 0);
        solo_connected(SOLO_HANDLE, false, 9);
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
        solo_pump();
        assert_int_equal(woad_set_security_policy(solo.h, &no), 0);
        if (malformed) {
            SOLO_SMP(1, 3, 0, 9, 16, 1);
        } else {
            SOLO_SMP(PAIRING_REQUEST);
        }
        solo_pump();
        assert_reported(1, malformed ? WOAD_SMP_INVALID_PARAMETERS : WOAD_SMP_NOT_SUPPORTED);
        solo_tick(40000);
        assert_reported(1, malformed ? WOAD_SMP_INVALID_PARAMETERS : WOAD_SMP_NOT_SUPPORTED);
        solo_end();
    }
}

/* The central refuses to pair but encrypts with the bond's key: a read that waits for security
 * is done. */
static void waits_for_the_bonds_key(void **state)
{
    (void)state;
    boot(peripheral, 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    ltk_request();
    SOLO_SMP(FAILED, 8);
    solo_pump();
    assert_reported(1, WOAD_SECURITY_PEER | 8);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    encryption_change(0, 1);
    assert_reported(2, 0);
    assert_true(solo_last(WOAD_EV_SECURITY)->u.security.now.encrypted);
    SOLO_ATT(0x0b, 1);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, 0);
    solo_end();
}

/* A central pairs by legacy Just Works without key distribution, up to the encryption. */
static void legacy_until_encryption(bool bonds)
{
    struct woad_security_policy p = { .io = WOAD_IO_NONE, .bond = bonds, .allow_legacy = true };
    static const uint8_t random[17] = { 4 };
    boot(peripheral, 0);
    assert_int_equal(woad_set_security_policy(solo.h, &p), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    const uint8_t preq[7] = { 1, 3, 0, bonds, 16, 0, 0 };
    solo_l2cap(SOLO_HANDLE, SMP, preq, sizeof preq);
    solo_pump();
    /* AES is the identity: the confirm value is the XOR of the random number, the PDUs and the
     * addresses. */
    uint8_t c1[17] = { 3 };
    const uint8_t *pres = solo.frame[solo.frames - 1].octet;
    for (int n = 0; n < 7; n++) { /* least significant octet first, as on the air */
        c1[3 + n] ^= preq[n];
        c1[10 + n] ^= pres[n];
    }
    for (int n = 0; n < 6; n++) {
        c1[1 + n] ^= 0xa1; /* the responder's address, then the initiator's */
        c1[7 + n] ^= 9;
    }
    solo_l2cap(SOLO_HANDLE, SMP, c1, sizeof c1);
    solo_pump();
    solo_l2cap(SOLO_HANDLE, SMP, random, sizeof random);
    solo_pump();
    ltk_request();
    assert_int_equal(solo_commands(LTK_REPLY), 1);
}

/* Encryption with the key of a failed pairing gives no security and blocks nothing: the next
 * pairing may begin. */
static void corrupted_encryption_times_out(void **state)
{
    (void)state;
    legacy_until_encryption(false);
    SOLO_SMP(FAILED, 8);
    solo_pump();
    assert_reported(1, WOAD_SECURITY_PEER | 8);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0); /* WOAD_EALREADY would block it */
    solo_pump();
    encryption_change(0, 1);
    assert_reported(1, WOAD_SECURITY_PEER | 8);
    struct woad_security now;
    assert_int_equal(woad_conn_security(solo.h, solo.conn[0], &now), 0);
    assert_false(now.encrypted);
    for (int n = 0; n < 31; n++) {
        solo_tick(1000);
    }
    assert_reported(2, WOAD_ETIMEDOUT);
    solo_end();
}

/* noble#142: a central ignores the Security Request.  After the timeout no SMP PDU is sent; the
 * bond's key still works. 3.4, 2.4.4 */
static void bonds_key_serves_after_the_timeout(void **state)
{
    (void)state;
    boot(peripheral, 0);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    for (int n = 0; n < 30; n++) {
        solo_tick(1000);
    }
    assert_reported(1, WOAD_ETIMEDOUT);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), WOAD_ETIMEDOUT);
    ltk_request();
    assert_int_equal(solo_commands(LTK_REPLY), 1);
    assert_int_equal(solo_commands(LTK_NEGATIVE_REPLY), 0);
    encryption_change(0, 1);
    assert_reported(2, 0);
    solo_end();
}

/* The same for a central: the timeout ends pairing, not encryption. */
static void central_encrypts_after_the_timeout(void **state)
{
    (void)state;
    boot(manager, 0);
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    for (int n = 0; n < 31; n++) {
        solo_tick(1000);
    }
    assert_reported(1, WOAD_ETIMEDOUT);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), WOAD_ETIMEDOUT);
    solo_bond(9, WOAD_BOND_SECURE);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    assert_int_equal(solo_commands(ENABLE_ENCRYPTION), 1);
    encryption_change(0, 1);
    assert_reported(2, 0);
    solo_end();
}

/* micropython-lib#791: woad_pair() on a connection that has the required security ends at once. */
static void enough_is_reported_at_once(void **state)
{
    (void)state;
    for (int mitm = 0; mitm < 2; mitm++) {
        struct woad_security_policy p = plain;
        boot(peripheral, 0);
        p.mitm = mitm;
        assert_int_equal(woad_set_security_policy(solo.h, &p), 0);
        solo_bond(9, WOAD_BOND_SECURE);
        solo_connected(SOLO_HANDLE, false, 9);
        solo_encrypt(SOLO_HANDLE);
        assert_reported(1, 0);
        assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
        assert_reported(1, 0); /* raised after the call */
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_SECURITY), mitm ? 1 : 2);
        assert_int_equal(solo_frames(SMP, SECURITY_REQUEST), mitm);
        solo_end();
    }
}

static int in_closing;

static void sets_oob(const struct woad_event *ev)
{
    static const struct woad_oob oob = { { 1 }, { 2 } };
    if (ev->type == WOAD_EV_GATTC_DONE) {
        in_closing = woad_oob_set(solo.h, solo.conn[0], &oob);
    }
}

/* An application calls the API from an event while the connection closes: no pairing is left
 * behind. */
static void closing_keeps_no_pairing(void **state)
{
    (void)state;
    boot(manager, 1);
    solo.on_event = sets_oob;
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_gattc_read(solo.h, solo.conn[0], 3), 0);
    solo_pump();
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(in_closing, WOAD_ENOTCONN);
    solo_connected(SOLO_HANDLE, false, 8);
    SOLO_SMP(PAIRING_REQUEST);
    solo_pump();
    assert_int_equal(solo_frames(SMP, 2), 1);
    solo_end();
}

/* A central that ignores a Security Request does not block other pairings; during a pairing
 * another central gets Busy. 3.5.5 */
static void one_pairing_at_a_time(void **state)
{
    static const uint8_t request[] = { PAIRING_REQUEST };
    (void)state;
    boot(peripheral, 1);
    solo_connected(0x40, false, 9);
    solo_connected(0x41, false, 8);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    assert_int_equal(solo_frames(SMP, SECURITY_REQUEST), 1);
    solo_l2cap(0x41, SMP, request, sizeof request);
    solo_pump();
    assert_int_equal(solo_frames(SMP, 2), 1);
    solo_l2cap(0x40, SMP, request, sizeof request);
    solo_pump();
    assert_int_equal(last_reason(), 0x10);
    assert_reported(1, WOAD_SMP_BUSY);
    solo_end();
}

/* A peer that failed once may pair again, also after half the clock's range. */
static void wait_ends_for_good(void **state)
{
    const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    (void)state;
    boot(peripheral, 0);
    assert_int_equal(woad_attempts_add(solo.h, &peer, 1), 0);
    assert_int_equal(solo_tick(0), 250); /* woad_poll() returns it, so the program wakes in time */
    assert_int_equal(solo_tick(250), 0);
    assert_int_equal(solo_tick(0), WOAD_FOREVER);
    for (uint64_t passed = 0; passed < 1ull << 32; passed += 1u << 29) {
        solo_forget();
        solo.conns = 0;
        solo_connected(SOLO_HANDLE, false, 9);
        SOLO_SMP(PAIRING_REQUEST);
        solo_pump();
        assert_int_equal(solo_frames(SMP, 2), 1);
        solo_disconnected(SOLO_HANDLE, 0x13);
        solo_tick(1u << 29);
    }
    solo_end();
}

static unsigned questions;

static void pairs_inside(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_SECURITY_REQUEST) {
        questions++;
        assert_false(ev->u.security_request.mitm);
        assert_true(ev->u.security_request.bond);
        if (questions == 3) {
            assert_int_equal(woad_pair(solo.h, ev->conn), 0);
        }
    }
}

/* mynewt-nimble#2287: an oven sends a Security Request at once but can't pair yet.  The
 * application decides when. */
static void application_pairs(void **state)
{
    struct woad_security_policy p = plain;
    (void)state;
    boot(manager, 0);
    p.app_pairs = true;
    assert_int_equal(woad_set_security_policy(solo.h, &p), 0);
    solo.on_event = pairs_inside;
    solo_connected(SOLO_HANDLE, true, 9);
    SOLO_SMP(SECURITY_REQUEST, 9);
    solo_pump();
    assert_int_equal(questions, 1);
    assert_int_equal(solo.frames, 0); /* the host sends nothing */
    SOLO_SMP(SECURITY_REQUEST, 9);
    assert_int_equal(woad_pair_refuse(solo.h, solo.conn[0]), 0);
    solo_pump();
    assert_int_equal(last_reason(), WOAD_SMP_NOT_SUPPORTED);
    SOLO_SMP(SECURITY_REQUEST, 9);
    solo_pump();
    assert_int_equal(questions, 3);
    assert_int_equal(solo_frames(SMP, 1), 1);
    assert_int_equal(woad_pair_refuse(solo.h, solo.conn[0]), WOAD_EALREADY);
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_reported(1, WOAD_ENOTCONN);
    solo_bond(9, 0); /* with a bond the application is not consulted */
    solo_connected(SOLO_HANDLE, true, 9);
    SOLO_SMP(SECURITY_REQUEST, 9);
    solo_pump();
    assert_int_equal(questions, 3);
    assert_int_equal(solo_commands(ENABLE_ENCRYPTION), 1);
    solo_end();
}

/* A central waits out the penalty of its peer, which is longer than the SMP timer: the timer
 * starts with the pairing. */
static void central_waits_before_it_begins(void **state)
{
    const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };
    uint32_t passed = 0;
    (void)state;
    boot(manager, 0);
    assert_int_equal(woad_attempts_add(solo.h, &peer, 9), 0);
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_pair(solo.h, solo.conn[0]), 0);
    solo_pump();
    for (uint32_t next = solo_tick(0); next && passed < 64000 && next <= 64000;) {
        passed += next; /* no call before the deadline */
        next = solo_tick(next);
    }
    assert_int_equal(passed, 64000);
    assert_int_equal(solo_count(WOAD_EV_SECURITY), 0);
    assert_int_equal(solo_frames(SMP, 1), 1);
    for (int n = 0; n < 30; n++) {
        solo_tick(1000);
    }
    assert_reported(1, WOAD_ETIMEDOUT);
    solo_end();
}

/* A central refreshes the encryption while the last key may be in flight: the pairing ends with
 * the later of the two, and the connection is bonded then. */
static void refreshed_before_the_end(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        legacy_until_encryption(true);
        solo.no_completed = true;
        SOLO_ATT(0x0a, 3, 0); /* the response is in the controller */
        solo_pump();
        encryption_change(0, 1);
        SOLO_RX(4, 0x3e, 13, 5, SOLO_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
        if (late) {
            solo_pump();
        }
        SOLO_RX(4, 0x13, 5, 1, SOLO_HANDLE, 0, 1, 0);
        for (int n = 0; n < 3; n++) {
            solo_tick(300);
        }
        assert_int_equal(solo_commands(LTK_REPLY), 2);
        assert_int_equal(solo_commands(LTK_NEGATIVE_REPLY), 0);
        assert_int_equal(solo_tick(0) > 0, 1);
        SOLO_RX(4, 0x30, 3, 0, SOLO_HANDLE, 0);
        solo_tick(0);
        assert_reported(1, 0);
        assert_int_equal(solo_count(WOAD_EV_BOND), 1);
        struct woad_security now;
        assert_int_equal(woad_conn_security(solo.h, solo.conn[0], &now), 0);
        assert_true(now.encrypted && now.bonded);
        solo_end();
    }
}

static void wants_no_bond(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_SECURITY) {
        woad_bond_remove(solo.h, NULL);
    }
}

/* An application removes an unwanted bond inside the pairing's event: no WOAD_EV_BOND follows,
 * or its store would keep the bond. */
static void bond_removed_in_the_pairings_event(void **state)
{
    struct woad_bond b;
    (void)state;
    legacy_until_encryption(true);
    solo.on_event = wants_no_bond;
    encryption_change(0, 1);
    for (int n = 0; n < 3; n++) {
        solo_tick(300);
    }
    assert_reported(1, 0);
    assert_int_equal(solo_count(WOAD_EV_BOND), 0);
    assert_int_equal(woad_bond_at(solo.h, 0, &b), WOAD_ENOENT);
    struct woad_security now;
    assert_int_equal(woad_conn_security(solo.h, solo.conn[0], &now), 0);
    assert_true(now.encrypted && !now.bonded);
    solo_end();
}

static void gives_the_bond(const struct woad_event *ev)
{
    static const struct woad_cccd subscribed = { 13, 1 };
    struct woad_bond b = { .key_size = 16,
                           .flags = WOAD_BOND_SECURE,
                           .has_own_ltk = 1,
                           .own_ltk = { 7 },
                           .cccd = &subscribed,
                           .cccds = 1 };
    if (ev->type == WOAD_EV_BOND_WANTED) {
        b.peer = ev->u.bond_wanted.peer;
        assert_int_equal(woad_bond_add(solo.h, &b), 0);
    }
}

/* Two bonded phones reconnect at once, with memory for one bond: each encrypts with its own key
 * and has its subscriptions. */
static void bond_gives_way_while_it_serves(void **state)
{
    static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
    static const struct woad_attr served[] = {
        WOAD_PRIMARY(&u_service),
        WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ)
    };
    struct woad_config c = solo_config(peripheral);
    (void)state;
    c.bonds = 1;
    solo_boot(c);
    solo.on_event = gives_the_bond;
    assert_int_equal(woad_gatt_add(solo.h, served, 4, NULL), 0);
    for (uint8_t n = 0; n < 2; n++) {
        solo_connected(SOLO_HANDLE + n, false, (uint8_t)(8 + n));
    }
    for (uint8_t n = 0; n < 2; n++) {
        SOLO_RX(4, 0x3e, 13, 5, (uint8_t)(SOLO_HANDLE + n), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    }
    solo_pump();
    assert_int_equal(solo_commands(LTK_REPLY), 2);
    assert_int_equal(solo_commands(LTK_NEGATIVE_REPLY), 0);
    for (uint8_t n = 0; n < 2; n++) {
        SOLO_RX(4, 8, 4, 0, (uint8_t)(SOLO_HANDLE + n), 0, 1);
        solo_pump();
    }
    assert_reported(2, 0);
    assert_int_equal(solo_count(WOAD_EV_SUBSCRIBE), 2);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(central_pairs_too_soon),
        cmocka_unit_test(security_request_waits),
        cmocka_unit_test(pairing_request_refused),
        cmocka_unit_test(waits_for_the_bonds_key),
        cmocka_unit_test(corrupted_encryption_times_out),
        cmocka_unit_test(bonds_key_serves_after_the_timeout),
        cmocka_unit_test(central_encrypts_after_the_timeout),
        cmocka_unit_test(enough_is_reported_at_once),
        cmocka_unit_test(closing_keeps_no_pairing),
        cmocka_unit_test(one_pairing_at_a_time),
        cmocka_unit_test(wait_ends_for_good),
        cmocka_unit_test(application_pairs),
        cmocka_unit_test(central_waits_before_it_begins),
        cmocka_unit_test(refreshed_before_the_end),
        cmocka_unit_test(bond_removed_in_the_pairings_event),
        cmocka_unit_test(bond_gives_way_while_it_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
