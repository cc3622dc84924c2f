/* Pairing of two Woad hosts, over the air in virtual time.  The cases bear the names of the
 * Security Manager's test suite where it has them. */
#include "pairing.h"

/* --- the table -------------------------------------------------------------------------------- */

/* 2.3.5.1, Table 2.8, copied from the specification: a row for each responder, a column for each
 * initiator: DisplayOnly, DisplayYesNo, KeyboardOnly, NoInputNoOutput, KeyboardDisplay.  The
 * actions of initiator and responder: - nothing, D display, I input, C compare. */
static const char *const secure_table[5][5] = { { "--", "--", "ID", "--", "ID" },
                                                { "--", "CC", "ID", "--", "CC" },
                                                { "DI", "DI", "II", "--", "DI" },
                                                { "--", "--", "--", "--", "--" },
                                                { "DI", "CC", "ID", "--", "CC" } };
static const char *const legacy_table[5][5] = { { "--", "--", "ID", "--", "ID" },
                                                { "--", "--", "ID", "--", "ID" },
                                                { "DI", "DI", "II", "--", "DI" },
                                                { "--", "--", "--", "--", "--" },
                                                { "DI", "DI", "ID", "--", "DI" } };

static void give_oob(int from, int to, bool secure)
{
    static const uint8_t tk[16] = { 9, 8, 7, 6, 5 };
    if (secure) {
        assert_int_equal(woad_oob_make(w->device[from].host), 0);
        assert_non_null(world_wait(w, &w->device[from], WOAD_EV_OOB, 100000));
        assert_int_equal(woad_oob_set(w->device[to].host, side[to].conn, &side[from].oob), 0);
    } else {
        assert_int_equal(woad_oob_set_legacy(w->device[to].host, side[to].conn, tk), 0);
    }
}

struct one {
    int io[2], secure, mitm[2], oob, which;
};

static void matrix_one(const struct one *c)
{
    struct woad_security_policy p[2];
    for (int k = 0; k < 2; k++) {
        p[k] = any;
        p[k].io = (uint8_t)c->io[k];
        p[k].mitm = c->mitm[k];
        p[k].prefer_legacy = !c->secure && k == c->which;
    }
    pair_of(&p[CENTRAL], &p[PERIPHERAL]);
    for (int k = 0; k < 2; k++) {
        if (c->oob >> k & 1) {
            bool can = !c->secure || !(by_controller >> k & 1);
            assert_true(can || woad_oob_make(w->device[k].host) == WOAD_ENOTSUP);
            if (!can) {
                world_free(w);
                return;
            }
            give_oob(k, 1 - k, c->secure);
        }
    }
    displayed = 123456; /* both sides have a keyboard: the users agree on a passkey */
    assert_int_equal(woad_pair(w->device[c->which].host, side[c->which].conn), 0);
    settle();
    const char *request_at = (c->secure ? secure_table : legacy_table)[c->io[1]][c->io[0]];
    bool oob = c->secure ? c->oob != 0 : c->oob == 3;
    if (oob || !(c->mitm[0] || c->mitm[1])) {
        request_at = "--";
    }
    for (int k = 0; k < 2; k++) {
        struct woad_security now = level(k);
        if (status_of(k)) {
            fail_msg("io %d %d secure %d mitm %d %d oob %d who %d: %x", c->io[0], c->io[1],
                     c->secure, c->mitm[0], c->mitm[1], c->oob, c->which, (unsigned)status_of(k));
        }
        char was = '-';
        switch (side[k].action) {
        case WOAD_PASSKEY_INPUT: was = 'I'; break;
        case WOAD_PASSKEY_DISPLAY: was = 'D'; break;
        case WOAD_PASSKEY_COMPARE: was = 'C'; break;
        default: break;
        }
        assert_int_equal(was, request_at[k]);
        assert_true(now.encrypted && now.bonded);
        assert_int_equal(now.authenticated, oob || request_at[0] != '-');
        assert_int_equal(now.secure, c->secure);
        assert_int_equal(now.key_size, 16);
        assert_int_equal(side[k].bonds, 1);
    }
    assert_memory_equal(side[0].bond.peer_ltk, side[1].bond.own_ltk, 16);
    world_free(w);
}

/* Every pair of IO capabilities, requirements and out-of-band data, with either side as the first.
 * SM/CEN/JW/BV-01-C, SM/PER/JW/BV-02-C, SM/CEN/PKE/BV-01-C, SM/PER/PKE/BV-02-C, SM/CEN/OOB/BV-01-C,
 * SM/PER/OOB/BV-02-C, SM/CEN/SCJW/BV-01-C, SM/PER/SCJW/BV-02-C, SM/CEN/SCPK/BV-01-C,
 * SM/PER/SCPK/BV-02-C, SM/CEN/SCOB/BV-01-C, SM/PER/SCOB/BV-02-C, SM/PER/PIS/BV-01-C,
 * SM/CEN/PIS/BV-02-C */
static void matrix(void **state)
{
    struct one c;
    (void)state;
    for (c.io[0] = 0; c.io[0] < 5; c.io[0]++) {
        for (c.io[1] = 0; c.io[1] < 5; c.io[1]++) {
            for (int bits = 0; bits < 64; bits++) {
                c.secure = bits & 1;
                c.mitm[0] = bits >> 1 & 1;
                c.mitm[1] = bits >> 2 & 1;
                c.oob = bits >> 3 & 3;
                c.which = bits >> 5 & 1;
                matrix_one(&c);
            }
        }
    }
}

/* The same without a cryptographic library, on either side and on both: the controller
 * calculates. */
static void matrix_by_controller(void **state)
{
    for (by_controller = 1; by_controller < 4; by_controller++) {
        matrix(state);
    }
    by_controller = 0;
}

/* --- pairings that fail ----------------------------------------------------------------------- */

/* SM/CEN/PKE/BI-01-C, SM/CEN/SCPK/BI-01-C, SM/PER/SCPK/BI-03-C: a wrong passkey ends in Confirm
 * Value Failed, and no bond is kept; the next pairing has another passkey.  SM/CEN/PKE/BV-05-C,
 * SM/CEN/SCPK/BV-05-C */
static void wrong_passkey(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        for (int typist = 0; typist < 2; typist++) {
            struct woad_security_policy types = policy(WOAD_IO_KEYBOARD, true, secure);
            struct woad_security_policy shows = policy(WOAD_IO_DISPLAY, true, secure);
            uint32_t seen[6];
            if (typist == CENTRAL) {
                begin(&types, &shows);
            } else {
                begin(&shows, &types);
            }
            for (unsigned n = 0; n < 6; n++) {
                side[typist].user = WRONG;
                settle();
                assert_int_equal(status_of(CENTRAL) & 0xff, WOAD_SMP_CONFIRM);
                assert_int_equal(status_of(PERIPHERAL) & 0xff, WOAD_SMP_CONFIRM);
                assert_int_equal((status_of(CENTRAL) | status_of(PERIPHERAL)) & 0x300,
                                 WOAD_SECURITY_PEER);
                assert_open();
                seen[n] = displayed;
                for (unsigned m = 0; m < n; m++) {
                    assert_int_not_equal(seen[m], seen[n]);
                }
                again();
                assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
            }
            settle();
            assert_int_equal(status_of(CENTRAL), 0);
            assert_true(level(PERIPHERAL).authenticated);
            world_free(w);
        }
    }
}

/* SM/CEN/SCCT …: either user answers that the numbers differ. */
static void comparison_refused(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct woad_security_policy p = policy(WOAD_IO_DISPLAY_YES_NO, true, true);
        begin(&p, &p);
        side[which].user = NO;
        settle();
        assert_int_equal(status_of(which), WOAD_SMP_NUMERIC_COMPARISON);
        assert_int_equal(status_of(1 - which), WOAD_SECURITY_PEER | WOAD_SMP_NUMERIC_COMPARISON);
        assert_open();
        world_free(w);
    }
}

/* SM/CEN/PROT/BV-01-C, SM/PER/PROT/BV-02-C: after a timeout of 30 s no SMP PDU is accepted on this
 * connection. */
static void silence(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct woad_security_policy p = policy(WOAD_IO_KEYBOARD, true, true);
        begin(&p, &p);
        side[CENTRAL].user = side[PERIPHERAL].user = SILENT;
        uint64_t began = woad_air_now(w->air);
        assert_non_null(world_wait(w, &w->device[which], WOAD_EV_SECURITY, 60000000));
        assert_in_range(woad_air_now(w->air) - began, 29900000, 30500000);
        world_run(w, 1000000);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(status_of(k), WOAD_ETIMEDOUT);
            assert_int_equal(woad_pair(w->device[k].host, side[k].conn), WOAD_ETIMEDOUT);
            assert_int_equal(woad_passkey(w->device[k].host, side[k].conn, WOAD_PASSKEY_INPUT, 1),
                             WOAD_ENOENT);
        }
        assert_open();
        world_free(w);
    }
}

/* S13, SM/CEN/EKS/BI-01-C: the pairing meets the policy's requirements, or fails. */
static void policies(void **state)
{
    struct woad_security_policy strict[4], peer = policy(WOAD_IO_NONE, false, true);
    static const int reason[4] = { WOAD_SMP_AUTHENTICATION, WOAD_SMP_AUTHENTICATION,
                                   WOAD_SMP_NOT_SUPPORTED, 0 };
    (void)state;
    for (int k = 0; k < 4; k++) {
        strict[k] = policy(WOAD_IO_KEYBOARD_DISPLAY, true, true);
    }
    strict[0].require_mitm = true;
    strict[1].allow_legacy = false;
    strict[2].no_pairing = true;
    for (int k = 0; k < 4; k++) {
        for (int which = 0; which < 2; which++) {
            peer.prefer_legacy = k == 1;
            if (which) {
                pair_of(&peer, &strict[k]);
            } else {
                pair_of(&strict[k], &peer);
            }
            int initiator = k == 2 ? 1 - which : CENTRAL;
            assert_int_equal(woad_pair(w->device[initiator].host, side[initiator].conn), 0);
            world_run(w, 1000000);
            if (reason[k] && k != 2) {
                assert_int_equal(status_of(which), reason[k]);
                assert_int_equal(status_of(1 - which), WOAD_SECURITY_PEER | reason[k]);
            } else if (reason[k]) {
                assert_int_equal(status_of(initiator), WOAD_SECURITY_PEER | reason[k]);
            } else {
                assert_int_equal(status_of(which), 0);
                assert_true(level(which).encrypted && !level(which).authenticated);
            }
            world_free(w);
        }
    }
    struct woad_security_policy bad = any;
    pair_of(&any, &any);
    bad.io = 5;
    assert_int_equal(woad_set_security_policy(w->device[0].host, &bad), WOAD_EINVAL);
    bad = any;
    bad.key_size_min = 6;
    assert_int_equal(woad_set_security_policy(w->device[0].host, &bad), WOAD_EINVAL);
    bad.key_size_min = 17;
    assert_int_equal(woad_set_security_policy(w->device[0].host, &bad), WOAD_EINVAL);
    world_free(w);
}

/* Without random numbers a pairing fails. */
static void no_random(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        for (int secure = 0; secure < 2; secure++) {
            struct woad_security_policy p = policy(WOAD_IO_NONE, false, secure);
            begin(&p, &p);
            side[which].random = 0;
            settle();
            assert_true(status_of(which) != 0 && status_of(1 - which) != 0);
            assert_open();
            world_free(w);
        }
    }
}

/* --- bonds ------------------------------------------------------------------------------------ */

/* SM/PER/KDU/BV-01-C, SM/CEN/KDU/BV-04-C: after a reconnection either side may start encryption, in
 * the same roles and, with LE Secure Connections, in exchanged roles.  The bond's key is used, and
 * the security level is that of its pairing. */
static void bonded(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        for (int mitm = 0; mitm < 2; mitm++) {
            struct woad_security_policy p = policy(WOAD_IO_KEYBOARD, mitm, secure);
            begin(&p, &p);
            displayed = 4711;
            settle();
            assert_int_equal(status_of(0), 0);
            for (int round = 0; round < 4; round++) {
                int central = round / 2, which = round % 2;
                rejoin(central);
                assert_false(level(0).encrypted || level(1).encrypted);
                assert_int_equal(woad_pair(w->device[which].host, side[which].conn), 0);
                settle();
                for (int k = 0; k < 2; k++) {
                    struct woad_security now = level(k);
                    assert_int_equal(status_of(k), 0);
                    assert_true(now.encrypted && now.bonded && now.key_size == 16);
                    assert_int_equal(now.authenticated, mitm);
                    assert_int_equal(now.secure, secure);
                    assert_int_equal(side[k].bonds, 1);
                }
            }
            world_free(w);
        }
    }
}

/* S21: each failure doubles the wait, another connection does not end it, a success does. */
static void repeated_attempts(void **state)
{
    struct woad_security_policy types = policy(WOAD_IO_KEYBOARD, true, true);
    struct woad_security_policy shows = policy(WOAD_IO_DISPLAY, true, true);
    uint64_t wait = 0, allowed = 0;
    (void)state;
    begin(&types, &shows);
    for (unsigned n = 0; n < 9; n++) {
        uint64_t request_at = woad_air_now(w->air),
                 from = request_at > allowed ? request_at : allowed;
        assert_non_null(world_wait(w, &w->device[PERIPHERAL], WOAD_EV_PASSKEY, 100000000));
        assert_in_range(woad_air_now(w->air), from, from + 300000);
        side[CENTRAL].user = n == 7 ? YES : WRONG;
        settle();
        assert_int_equal(status_of(CENTRAL) == 0, n == 7);
        wait = wait ? wait * 2 : 250000;
        if (n == 7) {
            wait = 0;
        }
        allowed = woad_air_now(w->air) + wait - 20000; /* settle() checks every 10 ms */
        if (n % 3 == 1) {
            rejoin(CENTRAL);
        }
        woad_bond_remove(w->device[0].host, NULL);
        woad_bond_remove(w->device[1].host, NULL);
        again();
        assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
    }
    world_free(w);
}

/* Device 0 connects to the identity of device 1: both events have the peer's identity, and
 * encryption uses the bond. */
static void meet(const struct woad_addr id[2], int round)
{
    static const struct woad_connect_params params = { 16, 16, 6, 6, 0, 100, 2000 };
    assert_int_equal(woad_connect(w->device[0].host, &id[1], &params), 0);
    assert_non_null(world_wait(w, &w->device[1], WOAD_EV_CONNECT, 1000000));
    for (int k = 0; k < 2; k++) {
        const struct seen *s = device_find(&w->device[k], WOAD_EV_CONNECT);
        assert_memory_equal(&s->ev.u.connect.peer, &id[1 - k], 7);
    }
    assert_int_equal(woad_pair(w->device[round].host, side[round].conn), 0);
    settle();
    assert_int_equal(status_of(0), 0);
    assert_true(level(0).bonded && level(1).bonded && level(0).encrypted);
    assert_int_equal(woad_disconnect(w->device[0].host, side[0].conn, 0x13), 0);
}

/* SM/PER/KDU/BV-02-C, SM/CEN/KDU/BV-05-C: both bonded devices use privacy.  With the IRK a device
 * reports the peer's identity in scans and connections, also after the address has changed, and
 * connects to the identity.  Without the IRK a device reports addresses that change. */
static void hidden(void **state)
{
    static const struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
    struct woad_addr id[2], seen[3][2];
    (void)state;
    w = world_new(3, 0);
    for (int k = 0; k < 3; k++) {
        add(2, &p);
        w->device[k].keep_reports = true;
    }
    for (int k = 0; k < 2; k++) {
        id[k] = hide(k);
    }
    connect_both(&w->device[0], &w->device[1]);
    assert_memory_equal(&device_find(&w->device[0], WOAD_EV_CONNECT)->ev.u.connect.peer,
                        &w->device[1].addr, 7);
    assert_int_equal(woad_pair(w->device[0].host, side[0].conn), 0);
    settle();
    assert_int_equal(status_of(0), 0);
    for (int k = 0; k < 2; k++) {
        assert_memory_equal(&side[k].bond.peer, &id[1 - k], 7);
        assert_true(side[k].bond.has_irk);
    }
    assert_int_equal(woad_disconnect(w->device[0].host, side[0].conn, 0x13), 0);
    world_run(w, 500000); /* that connection has shown the peer's address: no scan is needed */
    again();
    assert_int_equal(woad_adv_start(w->device[1].host, &adv), 0);
    meet(id, 0);
    for (int round = 0; round < 2; round++) {
        world_run(w, 61000000); /* long enough for another private address */
        assert_int_equal(woad_adv_start(w->device[1].host, &adv), 0);
        for (int k = 0; k < 3; k += 2) {
            device_forget(&w->device[k]);
            assert_int_equal(woad_scan_start(w->device[k].host, &scan), 0);
            const struct seen *s = world_wait(w, &w->device[k], WOAD_EV_REPORT, 1000000);
            assert_non_null(s);
            seen[k][round] = s->ev.u.report.addr;
            assert_int_equal(woad_scan_stop(w->device[k].host), 0);
        }
        assert_memory_equal(&seen[0][round], &id[1], 7);
        assert_int_equal(seen[2][round].octet[5] >> 6, 1);
        for (int k = 0; k < 2; k++) {
            again();
        }
        meet(id, round);
    }
    assert_memory_not_equal(&seen[2][0], &seen[2][1], 7);
    /* Non-resolvable private addresses; then privacy is turned off. */
    world_run(w, 1000000);
    assert_int_equal(woad_set_privacy(w->device[1].host, WOAD_PRIVACY_NON_RESOLVABLE, 60), 0);
    world_run(w, 10000);
    assert_int_equal(woad_own_address(w->device[1].host, &w->device[1].addr), 0);
    assert_int_equal(w->device[1].addr.octet[5] >> 6, 0);
    assert_int_equal(woad_set_privacy(w->device[1].host, WOAD_PRIVACY_OFF, 0), 0);
    world_run(w, 10000);
    assert_int_equal(woad_own_address(w->device[1].host, &w->device[1].addr), 0);
    assert_memory_equal(&w->device[1].addr, &id[1], 7);
    world_free(w);
}

/* The peer has lost its bond: an event reports that, and the host does not pair again without the
 * user.  S11 */
static void bond_forgotten(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        struct woad_security_policy p = policy(WOAD_IO_NONE, false, secure);
        begin(&p, &p);
        settle();
        rejoin(CENTRAL);
        assert_int_equal(woad_bond_remove(w->device[PERIPHERAL].host, NULL), 0);
        assert_int_equal(woad_pair(w->device[PERIPHERAL].host, side[PERIPHERAL].conn), 0);
        assert_non_null(world_wait(w, &w->device[CENTRAL], WOAD_EV_SECURITY, 1000000));
        assert_int_equal(status_of(CENTRAL), WOAD_SECURITY_HCI | WOAD_HCI_KEY_MISSING);
        assert_false(level(CENTRAL).encrypted);
        assert_non_null(bond_at(w->device[CENTRAL].host, 0));
        assert_int_equal(side[CENTRAL].bonds, 1);
        /* After the user has removed the bond, the two pair. */
        assert_int_equal(woad_bond_remove(w->device[CENTRAL].host, &w->device[PERIPHERAL].addr), 0);
        assert_int_equal(woad_bond_remove(w->device[CENTRAL].host, &w->device[PERIPHERAL].addr),
                         WOAD_ENOENT);
        device_forget(&w->device[CENTRAL]);
        device_forget(&w->device[PERIPHERAL]);
        assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
        settle();
        assert_int_equal(status_of(CENTRAL), 0);
        world_free(w);
    }
}

/* The application removes a bond before its key is used: an event reports the missing key; then the
 * two pair. */
static void forgotten_at_once(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        struct woad_security_policy p = policy(WOAD_IO_NONE, false, secure);
        begin(&p, &p);
        settle();
        rejoin(CENTRAL);
        struct woad *h = w->device[CENTRAL].host;
        assert_int_equal(woad_pair(h, side[CENTRAL].conn), 0);
        assert_int_equal(woad_pair(h, side[CENTRAL].conn), WOAD_EALREADY);
        assert_int_equal(woad_bond_remove(h, NULL), 0);
        settle();
        assert_int_equal(status_of(CENTRAL), WOAD_SECURITY_HCI | WOAD_HCI_KEY_MISSING);
        assert_false(level(CENTRAL).encrypted);
        device_forget(&w->device[CENTRAL]);
        assert_int_equal(woad_pair(h, side[CENTRAL].conn), 0);
        settle();
        assert_int_equal(status_of(CENTRAL), 0);
        assert_true(level(CENTRAL).bonded);
        world_free(w);
    }
}

/* A bond is not replaced by a weaker one. */
static void bond_stored(void **state)
{
    struct woad_security_policy strong = policy(WOAD_IO_DISPLAY_YES_NO, true, true);
    struct woad_security_policy weak[2] = { policy(WOAD_IO_NONE, false, true),
                                            policy(WOAD_IO_KEYBOARD_DISPLAY, true, false) };
    (void)state;
    for (int k = 0; k < 2; k++) {
        begin(&strong, &strong);
        settle();
        assert_int_equal(status_of(0), 0);
        struct woad_bond before = *bond_at(w->device[PERIPHERAL].host, 0);
        rejoin(CENTRAL);
        assert_int_equal(woad_bond_remove(w->device[CENTRAL].host, NULL), 0);
        assert_int_equal(woad_set_security_policy(w->device[CENTRAL].host, &weak[k]), 0);
        assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
        settle();
        assert_int_equal(status_of(PERIPHERAL), WOAD_SMP_AUTHENTICATION);
        assert_memory_equal(bond_at(w->device[PERIPHERAL].host, 0), &before, sizeof before);
        world_free(w);
    }
}

/* --- permissions ------------------------------------------------------------------------------ */

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
#define VALUE(perm) \
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_NOTIFY, \
                             WOAD_PERM_READ | WOAD_PERM_WRITE | (perm))
/* Attributes from handle 10: values at 12, 15, 18, … */
static const struct woad_attr protected[] = {
    WOAD_PRIMARY(&u_service),         VALUE(0),
    VALUE(WOAD_PERM_READ_ENCRYPTED),  VALUE(WOAD_PERM_READ_AUTHENTICATED),
    VALUE(WOAD_PERM_WRITE_ENCRYPTED), VALUE(WOAD_PERM_WRITE_AUTHENTICATED),
    VALUE(WOAD_PERM_SECURE),          VALUE(WOAD_PERM_KEY_16)
};
enum { VALUES = 7, FIRST = 12 };

/* GAP/SEC/SEM/…, GATT/SR/GAR/BI-04-C and their like, A12: each permission on each level.  A value
 * that a client may not read is not notified to it either, and refuses subscriptions. */
static void permissions(void **state)
{
    enum { OPEN, HAS_KEY, LEGACY, JUST_WORKS, LEGACY_MITM, MITM, LEVELS };
    static const bool has[LEVELS][VALUES] = {
        /* the attributes that each level allows */
        [OPEN] = { 1, 0, 0, 0, 0, 0, 0 },        [HAS_KEY] = { 1, 0, 0, 0, 0, 0, 0 },
        [LEGACY] = { 1, 1, 0, 1, 0, 0, 1 },      [JUST_WORKS] = { 1, 1, 0, 1, 0, 1, 1 },
        [LEGACY_MITM] = { 1, 1, 1, 1, 1, 0, 1 }, [MITM] = { 1, 1, 1, 1, 1, 1, 1 }
    };
    (void)state;
    for (int level_now = OPEN; level_now < LEVELS; level_now++) {
        bool mitm = level_now >= LEGACY_MITM;
        struct woad_security_policy p = policy(mitm ? WOAD_IO_KEYBOARD : WOAD_IO_NONE, mitm,
                                               level_now != LEGACY && level_now != LEGACY_MITM);
        p.trust_unencrypted = true;
        pair_of(&p, &p);
        assert_int_equal(woad_gatt_add(w->device[PERIPHERAL].host, protected,
                                       sizeof protected / sizeof *protected, NULL),
                         0);
        if (level_now != OPEN) {
            assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
            displayed = 3;
            settle();
        }
        if (level_now == HAS_KEY) {
            rejoin(CENTRAL);
        }
        int refused = level_now == HAS_KEY ? WOAD_ATT_INSUFFICIENT_ENCRYPTION
                                           : WOAD_ATT_INSUFFICIENT_AUTHENTICATION;
        for (unsigned k = 0; k < VALUES; k++) {
            uint16_t handle = (uint16_t)(FIRST + 3 * k);
            bool reads = has[level_now][k] || k == 3 || k == 4;
            bool writes = has[level_now][k] || k == 1 || k == 2;
            assert_int_equal(requested(false, handle), reads ? 0 : refused);
            assert_int_equal(requested(true, handle), writes ? 0 : refused);
            assert_int_equal(requested(true, (uint16_t)(handle + 1)), reads ? 0 : refused);
            assert_int_equal(
                woad_gatt_notify(w->device[PERIPHERAL].host, side[PERIPHERAL].conn, handle, "x", 1),
                reads ? 0 : WOAD_EACCES);
        }
        world_free(w);
    }
}

/* C6: the level falls while protected notifications are queued: they are not sent. */
static void level_falls(void **state)
{
    static const uint8_t lost[] = { 4, 0x08, 4, 0x1f, 0x40, 0, 0 };
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
    (void)state;
    begin(&p, &p);
    assert_int_equal(woad_gatt_add(w->device[PERIPHERAL].host, protected,
                                   sizeof protected / sizeof *protected, NULL),
                     0);
    settle();
    device_forget(&w->device[CENTRAL]);
    for (int n = 0; n < 3; n++) {
        assert_int_equal(
            woad_gatt_notify(w->device[PERIPHERAL].host, side[PERIPHERAL].conn, 15, "secret", 6),
            0);
        assert_int_equal(
            woad_gatt_notify(w->device[PERIPHERAL].host, side[PERIPHERAL].conn, 12, "open", 4), 0);
    }
    assert_int_equal(woad_rx(w->device[PERIPHERAL].host, lost, sizeof lost), 0);
    world_run(w, 500000);
    assert_int_equal(device_count(&w->device[CENTRAL], WOAD_EV_NOTIFIED), 3);
    assert_int_equal(device_find(&w->device[CENTRAL], WOAD_EV_NOTIFIED)->ev.u.value.handle, 12);
    world_free(w);
}

/* --- all at once ------------------------------------------------------------------------------ */

/* There is memory for one pairing: a second one is refused, in either role, until the first has
 * ended. */
static void one_at_a_time(void **state)
{
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
    (void)state;
    for (int hub_asks = 0; hub_asks < 2; hub_asks++) {
        w = world_new(8, 0);
        pairings = 1;
        struct device *h = add(3, &p);
        pairings = 0;
        uint16_t conn[3];
        for (size_t k = 1; k < 3; k++) {
            connect_both(h, add(1, &p));
            conn[k] = side[0].conn;
        }
        struct woad_security now;
        assert_int_equal(woad_pair(h->host, conn[1]), 0);
        if (hub_asks) {
            assert_int_equal(woad_pair(h->host, conn[2]), WOAD_ENOMEM);
        } else {
            device_forget(&w->device[2]);
            assert_int_equal(woad_pair(w->device[2].host, side[2].conn), 0);
            const struct seen *s = world_wait(w, &w->device[2], WOAD_EV_SECURITY, 1000000);
            assert_non_null(s);
            assert_int_equal(s->ev.u.security.status, WOAD_SECURITY_PEER | WOAD_SMP_NOT_SUPPORTED);
        }
        world_run(w, 3000000);
        assert_int_equal(woad_conn_security(h->host, conn[1], &now), 0);
        assert_true(now.encrypted && now.bonded);
        assert_int_equal(woad_conn_security(h->host, conn[2], &now), 0);
        assert_false(now.encrypted);
        assert_int_equal(woad_pair(h->host, conn[2]), 0);
        world_run(w, 3000000);
        assert_int_equal(woad_conn_security(h->host, conn[2], &now), 0);
        assert_true(now.encrypted && now.bonded);
        world_free(w);
    }
}

/* The host keeps as many of the eight bonds as it has slots.  The events report the others as
 * removed, also those that were not kept at all. */
static void assert_places(const struct woad *h)
{
    const struct woad_bond *b;
    size_t stored = 0, places = 0;
    while ((b = bond_at(h, (uint16_t)stored)) != NULL) {
        stored++;
        places += b->flags & WOAD_BOND_SECURE ? 1 : 2;
        places += b->has_csrk || b->has_own_csrk;
    }
    assert_in_range(side[0].bonds, stored, 8);
    assert_int_equal(side[0].gone + stored, 8);
    assert_true(places <= BOND_PLACES && places + 3 > BOND_PLACES);
}

static bool has_bond(const struct woad *h, const struct woad_addr *peer)
{
    struct woad_bond bond;
    uint16_t n = 0;
    while (woad_bond_at(h, n, &bond) == 0 && memcmp(&bond.peer, peer, sizeof *peer) != 0) {
        n++;
    }
    return woad_bond_at(h, n, &bond) == 0;
}

/* Eight peers pair at the same moment, each by another method. */
static void eight_at_once(void **state)
{
    static const struct {
        uint8_t io;
        bool secure, auth;
    } peers[8] = {
        { WOAD_IO_NONE, true, false },          { WOAD_IO_KEYBOARD, true, true },
        { WOAD_IO_DISPLAY_YES_NO, true, true }, { WOAD_IO_DISPLAY, true, true },
        { WOAD_IO_NONE, false, false },         { WOAD_IO_KEYBOARD, false, true },
        { WOAD_IO_DISPLAY, false, true },       { WOAD_IO_KEYBOARD_DISPLAY, true, true }
    };
    struct woad_security_policy hub = policy(WOAD_IO_KEYBOARD_DISPLAY, true, true);
    struct {
        uint16_t conn;
        uint32_t shown;
    } at[9];
    (void)state;
    w = world_new(5, 0);
    struct device *h = add(8, &hub);
    for (size_t k = 0; k < 8; k++) {
        struct woad_security_policy p = policy(peers[k].io, true, peers[k].secure);
        struct device *d = add(1, &p);
        device_forget(h);
        connect_both(h, d);
        at[k].conn = side[0].conn;
        side[0].user = side[k + 1].user = SILENT;
    }
    for (size_t k = 0; k < 8; k++) {
        assert_int_equal(woad_pair(h->host, at[k].conn), 0);
    }
    device_forget(h);
    for (int n = 0; n < 300; n++) {
        for (size_t e = 0; e < h->logged; e++) { /* answers for the hub's user */
            struct woad_event *ev = &h->log[e].ev;
            for (size_t k = 0; k < 8 && ev->type == WOAD_EV_PASSKEY; k++) {
                if (ev->conn != at[k].conn) {
                    continue;
                }
                struct side *s = &side[k + 1];
                struct device *d = &w->device[k + 1];
                unsigned action = ev->u.passkey.action;
                if (action == WOAD_PASSKEY_INPUT && s->action == WOAD_PASSKEY_DISPLAY) {
                    woad_passkey(h->host, ev->conn, WOAD_PASSKEY_INPUT, s->shown);
                } else if (action == WOAD_PASSKEY_DISPLAY && s->action == WOAD_PASSKEY_INPUT) {
                    woad_passkey(d->host, s->conn, WOAD_PASSKEY_INPUT, ev->u.passkey.passkey);
                } else if (action == WOAD_PASSKEY_COMPARE && s->action == action) {
                    assert_int_equal(s->shown, ev->u.passkey.passkey);
                    woad_passkey(h->host, ev->conn, WOAD_PASSKEY_COMPARE, 1);
                    woad_passkey(d->host, s->conn, WOAD_PASSKEY_COMPARE, 1);
                }
            }
        }
        world_run(w, 10000);
    }
    for (size_t k = 0; k < 8; k++) {
        struct woad_security now;
        assert_int_equal(woad_conn_security(h->host, at[k].conn, &now), 0);
        assert_true(now.encrypted);
        /* A weak bond finds no slot among stronger ones, and is evicted for them. */
        assert_int_equal(now.bonded, has_bond(h->host, &w->device[k + 1].addr));
        assert_int_equal(now.secure, peers[k].secure);
        assert_int_equal(now.authenticated, peers[k].auth);
    }
    assert_places(h->host);
    world_free(w);
}

/* The same without a library on one host, or on all. */
static void eight_by_controller(void **state)
{
    for (unsigned n = 0; n < 3; n++) {
        by_controller = n == 1 ? 0x1fe : 0x1ff;
        if (n == 0) {
            by_controller = 1;
        }
        eight_at_once(state);
    }
    by_controller = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrix),
        cmocka_unit_test(matrix_by_controller),
        cmocka_unit_test(wrong_passkey),
        cmocka_unit_test(comparison_refused),
        cmocka_unit_test(silence),
        cmocka_unit_test(policies),
        cmocka_unit_test(no_random),
        cmocka_unit_test(bonded),
        cmocka_unit_test(repeated_attempts),
        cmocka_unit_test(hidden),
        cmocka_unit_test(bond_forgotten),
        cmocka_unit_test(forgotten_at_once),
        cmocka_unit_test(bond_stored),
        cmocka_unit_test(permissions),
        cmocka_unit_test(level_falls),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(eight_at_once),
        cmocka_unit_test(eight_by_controller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
