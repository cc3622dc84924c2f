/* Services of a controller for its host: cryptography, and resolving the private addresses of
 * bonded peers. */
#include "pairing.h"

static const struct woad_connect_params quick = { 16, 16, 6, 6, 0, 100, 2000 };
static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };

/* --- cryptography ----------------------------------------------------------------------------- */

/* A pairing is cut off at each moment, in the middle of every calculation: the next pairing on the
 * same connection slot still succeeds. */
static void cut_off(void **state)
{
    (void)state;
    for (int mitm = 0; mitm < 2; mitm++) {
        struct woad_security_policy p = policy(WOAD_IO_KEYBOARD_DISPLAY, mitm, true);
        by_controller = 3;
        pair_of(&p, &p);
        for (unsigned us = 0; us < 220000; us += 1300) {
            assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
            world_run(w, us);
            rejoin(CENTRAL);
            side[0].passkeys = side[1].passkeys = 0;
            if (us % 3900 == 0) {
                woad_bond_remove(w->device[0].host, NULL);
                woad_bond_remove(w->device[1].host, NULL);
                assert_int_equal(woad_pair(w->device[PERIPHERAL].host, side[PERIPHERAL].conn), 0);
                settle();
                assert_int_equal(status_of(0), 0);
                assert_int_equal(level(1).authenticated, mitm);
                rejoin(CENTRAL);
            }
        }
        world_free(w);
    }
    by_controller = 0;
}

/* Two peers pair at once.  One falls silent at some moment, perhaps before it sends its public key;
 * the other is not held up. */
static void held_up(void **state)
{
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
    (void)state;
    by_controller = 1;
    for (unsigned us = 0; us < 60000; us += 1000) {
        w = world_new(9, 0);
        for (int k = 0; k < 3; k++) {
            add(3, &p);
        }
        for (int k = 1; k < 3; k++) {
            device_forget(&w->device[0]);
            connect_both(&w->device[k], &w->device[0]);
        }
        assert_int_equal(woad_pair(w->device[1].host, side[1].conn), 0);
        world_run(w, us);
        w->device[1].deaf = true;
        world_run(w, 50000);
        assert_int_equal(woad_pair(w->device[2].host, side[2].conn), 0);
        assert_non_null(world_wait(w, &w->device[2], WOAD_EV_SECURITY, 1500000));
        assert_int_equal(status_of(2), 0);
        world_free(w);
    }
    by_controller = 0;
}

static unsigned at_command, at_count;
static uint8_t victim;

/* One peer sends Pairing Failed while the controller calculates, perhaps for that peer; the other's
 * pairing waits for the controller. */
static void turns_away(struct device *d, const uint8_t *packet, size_t n)
{
    const uint8_t failed[] = { 2, (uint8_t)(0x40 + victim), 0x20, 6, 0, 2, 0, 6, 0, 5, 8 };
    if (n > 3 && packet[0] == 1 && (packet[1] | (unsigned)packet[2] << 8) == at_command &&
        at_count && --at_count == 0) {
        assert_int_equal(woad_rx(d->host, failed, sizeof failed), 0);
        woad_poll(d->host, (uint32_t)(woad_air_now(w->air) / 1000)); /* the other pairing's turn */
    }
}

static void late_answer(unsigned command, unsigned count)
{
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
    uint16_t conn[2];
    int other = 2 - victim;
    w = world_new(9, 0);
    for (int n = 0; n < 3; n++) {
        add(3, &p);
    }
    for (int n = 0; n < 2; n++) {
        device_forget(&w->device[0]);
        connect_both(&w->device[0], &w->device[1 + n]);
        conn[n] = side[0].conn;
    }
    at_command = command;
    at_count = count;
    w->device[0].on_packet = turns_away;
    assert_int_equal(woad_pair(w->device[0].host, conn[0]), 0);
    assert_int_equal(woad_pair(w->device[0].host, conn[1]), 0);
    assert_non_null(world_wait(w, &w->device[other], WOAD_EV_SECURITY, 3000000));
    assert_int_equal(status_of(other), 0);
    world_free(w);
}

/* The result of a calculation for a pairing that has ended is not used in another pairing. */
static void late_answers(void **state)
{
    unsigned met = 0;
    (void)state;
    by_controller = 1;
    for (victim = 0; victim < 2; victim++) {
        for (unsigned count = 1; count <= 70; count++) {
            late_answer(0x2017, count);
            met += !at_count;
        }
        for (unsigned count = 1; count <= 2; count++) {
            late_answer(0x2025, count);
            late_answer(0x2026, count);
        }
    }
    assert_in_range(met, 60, 140);
    by_controller = 0;
}

/* A controller without cryptography: the host does not offer a method that it can't carry out. */
static void nothing_there(void **state)
{
    (void)state;
    for (int offers = 0; offers < 2; offers++) { /* with and without legacy pairing */
        struct woad_security_policy p = any;
        p.allow_legacy = offers;
        w = world_new(1, 0);
        by_controller = 1;
        static const struct woad_feature *const few[] = { &woad_feature_central,
                                                          &woad_feature_security_manager,
                                                          &woad_feature_keypresses,
                                                          &woad_feature_controller_crypto, NULL };
        struct woad_config host = world_host_config(2);
        struct woad_air_controller_config bare = world_controller_config(w, 2);
        host.features = few;
        host.bonds = 2;
        bare.crypto = NULL;
        struct device *d = world_add_config(w, host, bare);
        side[0] = (struct side){ .random = 1 };
        d->on_event = on_event;
        by_controller = 0;
        assert_int_equal(woad_set_security_policy(d->host, &p), 0);
        add(2, &any);
        connect_both(&w->device[0], &w->device[1]);
        assert_int_equal(woad_pair(d->host, side[0].conn), 0);
        settle();
        assert_int_equal(status_of(0), offers ? WOAD_SMP_UNSPECIFIED : WOAD_SMP_AUTHENTICATION);
        assert_open();
        world_free(w);
    }
}

/* S1, CVE-2018-5383: the controller reports that a public key is not on the curve, and the pairing
 * fails. */
static void points_that_are_none(void **state)
{
    (void)state;
    for (int to = 0; to < 2; to++) {
        for (int kind = 0; kind < 3; kind++) {
            struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
            uint8_t acl[9 + 65] = { 2, 0x40, 0x20, 69, 0, 65, 0, 6, 0, 0x0c };
            bool had_its_place = false;
            by_controller = 3;
            memset(acl + 10, kind == 2 ? 0xff : 0, 64);
            acl[10] = kind == 1 ? 5 : acl[10];
            for (unsigned us = 0; us < 150000; us += 5100) {
                begin(&p, &p);
                world_run(w, us);
                w->device[1 - to].deaf = true; /* from here on the test plays the peer */
                assert_int_equal(woad_rx(w->device[to].host, acl, sizeof acl), 0);
                settle();
                if (status_of(to) == WOAD_SMP_DHKEY_CHECK) {
                    had_its_place = true;
                    assert_false(level(to).encrypted); /* the peer's host hears no controller */
                    assert_int_equal(side[to].bonds, 0);
                    assert_null(bond_at(w->device[to].host, 0));
                }
                world_free(w);
            }
            assert_true(had_its_place);
        }
    }
    by_controller = 0;
}

/* --- peers with private addresses ------------------------------------------------------------- */

/* A scan reports the peer's identity while the bond exists, and an unknown address after the bond
 * is removed. */
static void known_until_forgotten(const struct woad_addr *id)
{
    static const struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    for (int known = 1; known >= 0; known--) {
        world_run(w, 61000000);
        assert_int_equal(woad_adv_start(w->device[1].host, &adv), 0);
        device_forget(&w->device[0]);
        assert_int_equal(woad_scan_start(w->device[0].host, &scan), 0);
        const struct seen *s = world_wait(w, &w->device[0], WOAD_EV_REPORT, 1000000);
        assert_non_null(s);
        assert_int_equal(memcmp(&s->ev.u.report.addr, id, 7) == 0, known);
        assert_int_equal(woad_bond_remove(w->device[0].host, NULL), 0);
        assert_int_equal(woad_scan_stop(w->device[0].host), 0);
    }
}

/* Two bonded peers, both with private addresses that change.  One connects to the other's identity
 * although it has not received the new address before. */
static void found_unheard(void **state)
{
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
    struct woad_addr id[2];
    (void)state;
    for (int kind = 0; kind < 3; kind++) { /* 2: and no cryptographic library */
        lists = kind ? 3 : 0;
        by_controller = kind == 2 ? 3 : 0;
        w = world_new(5, 0);
        for (int k = 0; k < 2; k++) {
            add(2, &p);
            w->device[k].keep_reports = true;
        }
        for (int k = 0; k < 2; k++) {
            id[k] = hide(k);
        }
        connect_both(&w->device[0], &w->device[1]);
        assert_int_equal(woad_pair(w->device[0].host, side[0].conn), 0);
        settle();
        assert_int_equal(status_of(0), 0);
        assert_int_equal(woad_disconnect(w->device[0].host, side[0].conn, 0x13), 0);
        for (int round = 0; round < 3; round++) {
            again();
            world_run(w, 61000000); /* long enough for another private address */
            assert_int_equal(woad_adv_start(w->device[1].host, &adv), 0);
            world_run(w, 100000);
            device_forget(&w->device[0]);
            device_forget(&w->device[1]);
            assert_int_equal(woad_connect(w->device[0].host, &id[1], &quick), 0);
            const struct seen *s = world_wait(w, &w->device[1], WOAD_EV_CONNECT, 3000000);
            assert_int_equal(s != NULL, kind != 0);
            if (!kind) {
                break;
            }
            world_run(w, 20000);
            for (int k = 0; k < 2; k++) {
                s = device_find(&w->device[k], WOAD_EV_CONNECT);
                assert_memory_equal(&s->ev.u.connect.peer, &id[1 - k], 7);
            }
            assert_int_equal(woad_pair(w->device[round % 2].host, side[round % 2].conn), 0);
            settle();
            assert_int_equal(status_of(0), 0);
            assert_true(level(0).encrypted && level(0).bonded);
            assert_int_equal(side[0].bonds, 1);
            if (round == 1) { /* pairs again, by the private addresses on the air */
                again();
                assert_int_equal(woad_pair(w->device[0].host, side[0].conn), 0);
                settle();
                assert_int_equal(status_of(0), 0);
                assert_memory_equal(&side[0].bond.peer, &id[1], 7);
                side[0].bonds = 1;
            }
            assert_int_equal(woad_disconnect(w->device[0].host, side[0].conn, 0x13), 0);
        }
        if (kind) {
            known_until_forgotten(&id[1]);
        }
        world_free(w);
    }
    lists = by_controller = 0;
}

/* A host that turns privacy on does not advertise its identity address once, although the private
 * address takes time to calculate.  A host that turns privacy off again at once advertises its
 * identity. */
static void hides_at_once(void **state)
{
    static const struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        uint8_t irk[16] = { 3 };
        by_controller = 1;
        w = world_new(5, 0);
        add(2, &any);
        add(2, &any);
        w->device[1].keep_reports = true;
        assert_int_equal(woad_scan_start(w->device[1].host, &scan), 0);
        world_run(w, 50000);
        assert_int_equal(woad_set_irk(w->device[0].host, irk), 0);
        assert_int_equal(woad_set_privacy(w->device[0].host, WOAD_PRIVACY_RESOLVABLE, 60), 0);
        if (stops) {
            assert_int_equal(woad_set_privacy(w->device[0].host, WOAD_PRIVACY_OFF, 0), 0);
        }
        assert_int_equal(woad_adv_start(w->device[0].host, &adv), 0);
        world_run(w, 500000);
        const struct device *d = &w->device[1];
        size_t seen = 0;
        for (size_t n = 0; n < d->logged; n++) {
            if (d->log[n].ev.type == WOAD_EV_REPORT) {
                const struct woad_addr *a = &d->log[n].ev.u.report.addr;
                assert_int_equal(memcmp(a, &w->device[0].addr, 7) == 0, stops);
                seen++;
            }
        }
        assert_true(seen > 5);
        world_free(w);
    }
    by_controller = 0;
}

/* If the cryptographic library fails, woad_set_privacy() returns an error and the address in use
 * stays. */
static void not_hidden(void **state)
{
    uint8_t irk[16] = { 3 };
    struct woad_addr a;
    (void)state;
    w = world_new(5, 0);
    struct device *d = add(2, &any);
    assert_int_equal(woad_set_irk(d->host, irk), 0);
    for (int hidden = 0; hidden < 2; hidden++) {
        struct woad_addr before;
        assert_int_equal(woad_own_address(d->host, &before), 0);
        fail_at = 1;
        assert_int_equal(woad_set_privacy(d->host, WOAD_PRIVACY_RESOLVABLE, 60), WOAD_EIO);
        world_run(w, 2000000);
        assert_int_equal(woad_own_address(d->host, &a), 0);
        assert_memory_equal(&a, &before, 7);
        assert_int_equal(woad_set_privacy(d->host, WOAD_PRIVACY_RESOLVABLE, 60), 0);
        assert_int_equal(woad_own_address(d->host, &a), 0);
        assert_memory_not_equal(&a, &before, 7);
    }
    fail_at = 0;
    world_free(w);
}

/* The resolving list changes while the host advertises and scans: both go on. */
static void list_changes(void **state)
{
    static const struct woad_scan_params scan = { 48, 24, false, false, 0, false };
    struct woad_bond b = { .key_size = 16, .has_irk = true };
    (void)state;
    lists = 1;
    w = world_new(5, 0);
    add(2, &any);
    add(2, &any);
    w->device[1].keep_reports = w->device[0].keep_reports = true;
    assert_int_equal(woad_adv_start(w->device[0].host, &adv), 0);
    assert_int_equal(woad_adv_start(w->device[1].host, &adv), 0);
    assert_int_equal(woad_scan_start(w->device[0].host, &scan), 0);
    assert_int_equal(woad_scan_start(w->device[1].host, &scan), 0);
    for (uint8_t n = 0; n < 40; n++) {
        b.peer = (struct woad_addr){ 0, { n, 1, 1, 1, 1, 1 } };
        b.irk[3] = n;
        assert_int_equal(woad_bond_add(w->device[0].host, &b), 0);
        world_run(w, n * 777u);
        if (n % 5 == 4) {
            assert_int_equal(woad_bond_remove(w->device[0].host, n % 2 ? NULL : &b.peer), 0);
        }
    }
    world_run(w, 500000);
    device_forget(&w->device[0]);
    device_forget(&w->device[1]);
    for (int k = 0; k < 2; k++) {
        assert_non_null(world_wait(w, &w->device[k], WOAD_EV_REPORT, 500000));
        assert_true(woad_adv_running(w->device[k].host) && woad_scan_running(w->device[k].host));
    }
    /* A bond without an IRK does not change the list, so advertising does not pause for it. */
    assert_int_equal(woad_bond_remove(w->device[0].host, NULL), 0);
    world_run(w, 500000);
    for (uint8_t n = 0; n < 6; n++) {
        b.peer.octet[1] = n;
        b.has_irk = n == 5;
        device_forget(&w->device[0]);
        assert_int_equal(woad_bond_add(w->device[0].host, &b), 0);
        world_run(w, 500000);
        assert_int_equal(device_count(&w->device[0], WOAD_EV_ADV_STARTED), b.has_irk);
    }
    world_free(w);
    lists = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_off),
        cmocka_unit_test(held_up),
        cmocka_unit_test(late_answers),
        cmocka_unit_test(nothing_there),
        cmocka_unit_test(points_that_are_none),
        cmocka_unit_test(found_unheard),
        cmocka_unit_test(hides_at_once),
        cmocka_unit_test(not_hidden),
        cmocka_unit_test(list_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
