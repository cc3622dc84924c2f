/* Behaviour of real peers at connection, parameter update and pairing, each from its public report
 * (owner/repo#N).  Each case has always worked. */
#include "pairing.h"

static struct device *dev(int k)
{
    return &w->device[k];
}
static struct woad *host(int k)
{
    return w->device[k].host;
}

static void forget_all(void)
{
    for (size_t n = 0; n < w->devices; n++) {
        device_forget(dev((int)n));
    }
}

/* --- connections that are not established ----------------------------------------------------- */

static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
static unsigned restarted;

static void advertises_again(struct device *d, const struct woad_event *ev)
{
    on_event(d, ev);
    if (d == dev(PERIPHERAL) && ev->type == WOAD_EV_DISCONNECT) {
        assert_int_equal(woad_adv_start(d->host, &adv), 0);
        restarted++;
    }
}

/* espressif/esp-idf#14875, project-chip/connectedhomeip#74202: a phone disappears right after its
 * CONNECT_IND, again and again.  The peripheral has one connection slot, and advertises again
 * inside the event. */
static void gone_after_connect_ind(void **state)
{
    static const struct woad_connect_params params = { 16, 16, 24, 24, 0, 72, 2000 };
    (void)state;
    w = world_new(7, 0);
    add(1, &any);
    add(1, &any);
    dev(PERIPHERAL)->on_event = advertises_again;
    restarted = 0;
    assert_int_equal(woad_adv_start(host(PERIPHERAL), &adv), 0);
    for (unsigned round = 0; round < 3; round++) {
        forget_all();
        assert_int_equal(woad_connect(host(CENTRAL), &dev(PERIPHERAL)->addr, &params), 0);
        assert_non_null(world_wait(w, dev(PERIPHERAL), WOAD_EV_CONNECT, 1000000));
        woad_air_crash(dev(CENTRAL)->air_controller);
        world_run(w, 2000000);
        const struct seen *s = device_find(dev(PERIPHERAL), WOAD_EV_DISCONNECT);
        assert_non_null(s);
        assert_int_equal(restarted, round + 1);
        woad_fail(host(CENTRAL), WOAD_EIO);
        assert_int_equal(woad_start(host(CENTRAL)), 0);
        world_run(w, 100000);
    }
    forget_all();
    assert_int_equal(woad_connect(host(CENTRAL), &dev(PERIPHERAL)->addr, &params), 0);
    assert_non_null(world_wait(w, dev(CENTRAL), WOAD_EV_CONNECT, 1000000));
    assert_non_null(world_wait(w, dev(PERIPHERAL), WOAD_EV_CONNECT, 1000000));
    world_run(w, 1000000);
    assert_null(device_find(dev(CENTRAL), WOAD_EV_DISCONNECT));
    world_free(w);
}

/* --- parameters ------------------------------------------------------------------------------- */

static const struct woad_connect_params slower = { 16, 16, 39, 39, 0, 500, 2000 };
static const struct woad_connect_params slowest = { 16, 16, 80, 80, 0, 500, 2000 };
static const struct woad_conn_limits tight = { 6, 12, true, 0 }, wide = { 0 };

static void assert_update(int k, int status, uint16_t interval)
{
    const struct seen *s = device_find(dev(k), WOAD_EV_CONN_UPDATE);
    assert_non_null(s);
    assert_int_equal(device_count(dev(k), WOAD_EV_CONN_UPDATE), 1);
    assert_int_equal(s->ev.u.conn_update.status, status);
    assert_int_equal(s->ev.u.conn_update.interval_1250us, interval);
}

static void updates(int k, const struct woad_connect_params *params, int status, uint16_t interval)
{
    forget_all();
    assert_int_equal(woad_conn_update(host(k), side[k].conn, params), 0);
    world_run(w, 5000000);
    assert_update(k, status, interval);
}

/* zephyrproject-rtos/zephyr#11140: the central's link layer lacks the Connection Parameters Request
 * procedure. */
static void parameters_by_l2cap_alone(void **state)
{
    (void)state;
    w = world_new(7, 0);
    struct woad_air_controller_config old = world_controller_config(w, 1);
    old.features = ~2ull;
    world_add_config(w, world_host_config(1), old)->on_event = on_event;
    world_add(w, 1)->on_event = on_event;
    connect_both(dev(0), dev(1));
    updates(PERIPHERAL, &slower, 0, 39);
    updates(PERIPHERAL, &slowest, 0, 80);
    world_free(w);
}

/* The central's host refuses the link-layer request with 0x1a, once. */
static void refuses_by_1a(struct device *d, const uint8_t *p, size_t n)
{
    if (d == dev(CENTRAL) && p[0] == 1 && p[1] == 0x21 && p[2] == 0x20) {
        ((uint8_t *)(uintptr_t)p)[n - 1] = 0x1a;
        woad_set_conn_limits(host(CENTRAL), &wide);
    }
}

/* zephyrproject-rtos/zephyr#11140, embassy-rs/trouble#664: iOS sets the feature bit but refuses
 * with Unsupported Remote Feature; by L2CAP it accepts the same parameters. */
static void parameters_by_l2cap_after_1a(void **state)
{
    (void)state;
    w = world_new(7, 0);
    world_add(w, 1)->on_event = on_event;
    world_add(w, 1)->on_event = on_event;
    connect_both(dev(0), dev(1));
    forget_all();
    woad_set_conn_limits(host(CENTRAL), &tight);
    dev(CENTRAL)->on_packet = refuses_by_1a;
    assert_int_equal(woad_conn_update(host(PERIPHERAL), side[PERIPHERAL].conn, &slower), 0);
    world_run(w, 5000000);
    assert_update(PERIPHERAL, 0, 39);
    world_free(w);
}

/* Apple's rules: a refusal (0x3b) is for these parameters, and other ones are accepted later.  The
 * central changes the parameters while the peripheral requests some. */
static void parameters_refused_then_taken(void **state)
{
    (void)state;
    w = world_new(7, 0);
    world_add(w, 1)->on_event = on_event;
    world_add(w, 1)->on_event = on_event;
    connect_both(dev(0), dev(1));
    woad_set_conn_limits(host(CENTRAL), &tight);
    updates(PERIPHERAL, &slower, WOAD_HCI_UNACCEPTABLE_PARAMETERS, 6);
    woad_set_conn_limits(host(CENTRAL), &wide);
    forget_all();
    assert_int_equal(woad_conn_update(host(PERIPHERAL), side[PERIPHERAL].conn, &slower), 0);
    assert_int_equal(woad_conn_update(host(PERIPHERAL), side[PERIPHERAL].conn, &slower),
                     WOAD_EBUSY);
    assert_int_equal(woad_conn_update(host(CENTRAL), side[CENTRAL].conn, &slowest), 0);
    world_run(w, 5000000);
    for (int k = 0; k < 2; k++) {
        assert_true(device_count(dev(k), WOAD_EV_CONN_UPDATE) > 0);
        assert_null(device_find(dev(k), WOAD_EV_DISCONNECT));
    }
    struct woad_conn_info info[2];
    woad_conn_info(host(0), side[0].conn, &info[0]);
    woad_conn_info(host(1), side[1].conn, &info[1]);
    assert_int_equal(info[0].interval_1250us, info[1].interval_1250us);
    updates(PERIPHERAL, &slowest, 0, 80);
    world_free(w);
}

/* --- pairing ---------------------------------------------------------------------------------- */

/* The passkey 000000 is valid: one side displays it, the other enters it, and the pairing is
 * authenticated. */
static void passkey_of_zeros(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        struct woad_security_policy types = policy(WOAD_IO_KEYBOARD, true, secure);
        struct woad_security_policy shows = policy(WOAD_IO_DISPLAY, true, secure);
        shows.app_passkey = true;
        pair_of(&types, &shows);
        forget_all();
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        for (int n = 0; n < 600 && !(side[0].passkeys && side[1].passkeys); n++) {
            world_run(w, 1000);
        }
        assert_int_equal(woad_passkey(host(1), side[1].conn, WOAD_PASSKEY_DISPLAY, 0), 0);
        assert_int_equal(woad_passkey(host(0), side[0].conn, WOAD_PASSKEY_INPUT, 0), 0);
        side[0].passkeys = side[1].passkeys = 0;
        settle();
        world_run(w, 500000);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(status_of(k), 0);
            assert_true(level(k).authenticated && level(k).bonded);
        }
        world_free(w);
    }
}

/* InfiniTimeOrg/InfiniTime#2295, zephyrproject-rtos/zephyr#49927: a phone bonds by numeric
 * comparison, loses its bond and returns behind another private address with Just Works.  The host
 * recognises its identity, and the stronger bond stays.  A central gets the refusal of a key only
 * if its pairing has not ended by then: its own keys were the last PDUs, and they have no
 * answer. */
static void forgets_a_stronger_bond(void **state)
{
    struct woad_security_policy strong = policy(WOAD_IO_DISPLAY_YES_NO, true, true);
    struct woad_security_policy weak = policy(WOAD_IO_NONE, false, true);
    (void)state;
    w = world_new(7, 0);
    add(2, &strong);
    add(2, &strong);
    struct woad_addr phone = hide(CENTRAL);
    connect_both(dev(0), dev(1));
    again();
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    settle();
    world_run(w, 700000);
    assert_true(level(PERIPHERAL).authenticated && level(PERIPHERAL).bonded);
    woad_bond_remove(host(CENTRAL), NULL);
    /* recognised by its IRK, or by the identity that it distributes */
    for (int known = 1; known >= 0; known--) {
        uint8_t irk[16];
        memset(irk, known ? 0x31 : 0x99, sizeof irk);
        woad_set_irk(host(CENTRAL), irk);
        assert_int_equal(woad_set_privacy(host(CENTRAL), WOAD_PRIVACY_RESOLVABLE, 60), 0);
        woad_set_security_policy(host(CENTRAL), &weak);
        woad_set_security_policy(host(PERIPHERAL), &weak);
        rejoin(CENTRAL);
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        settle();
        world_run(w, 700000);
        int reason = known ? WOAD_SMP_AUTHENTICATION : WOAD_SMP_KEY_REJECTED;
        assert_int_equal(status_of(PERIPHERAL), reason);
        assert_true(status_of(CENTRAL) == (int)(WOAD_SECURITY_PEER | reason) ||
                    (!known && status_of(CENTRAL) == 0));
        const struct woad_bond *b = bond_at(host(PERIPHERAL), 0);
        assert_non_null(b);
        assert_true(b->flags & WOAD_BOND_AUTHENTICATED);
        assert_memory_equal(&b->peer, &phone, sizeof phone);
    }
    woad_bond_remove(host(PERIPHERAL), NULL); /* the user removes the old bonds */
    woad_bond_remove(host(CENTRAL), NULL);
    rejoin(CENTRAL);
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    settle();
    world_run(w, 700000);
    assert_int_equal(status_of(PERIPHERAL), 0);
    world_free(w);
}

/* --- extended advertising and privacy --------------------------------------------------------- */

static struct device *add_extended(void)
{
    static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                           &woad_feature_scanner,
                                                           &woad_feature_central,
                                                           &woad_feature_gatt_server,
                                                           &woad_feature_gatt_client,
                                                           &woad_feature_link_control,
                                                           &woad_feature_extended_advertising,
                                                           &woad_feature_security_manager,
                                                           NULL };
    struct woad_config c = world_host_config(2);
    struct woad_air_controller_config controller = world_controller_config(w, 2);
    c.features = features;
    c.adv_sets = 2;
    c.crypto = &crypto;
    c.random = random_octets;
    c.bonds = BOND_PLACES;
    controller.adv_sets = 3;
    side[w->devices] = (struct side){ .random = 77 + w->devices };
    struct device *d = world_add_config(w, c, controller);
    d->on_event = on_event;
    assert_int_equal(woad_set_security_policy(d->host, &any), 0);
    return d;
}

/* Returns the address that a scan reports. */
static struct woad_addr on_the_air(void)
{
    static const struct woad_scan_params scan = { 16, 16, false, false, 300, false };
    struct woad_addr found = { 9, { 0 } };
    forget_all();
    dev(0)->keep_reports = true;
    assert_int_equal(woad_scan_start(host(0), &scan), 0);
    world_run(w, 400000);
    for (size_t n = 0; n < dev(0)->logged; n++) {
        const struct woad_event *ev = &dev(0)->log[n].ev;
        if (ev->type == WOAD_EV_REPORT) {
            found = ev->u.report.addr;
        } else if (ev->type == WOAD_EV_EXT_REPORT) {
            found = ev->u.ext_report.addr;
        }
    }
    dev(0)->keep_reports = false;
    return found;
}

/* A connectable extended set of a device with privacy: a phone connects to the address on the air,
 * each time another one, and pairs. */
static void extended_set_that_hides(void **state)
{
    static const struct woad_ext_adv_params params = { .connectable = true,
                                                       .interval_625us = 64,
                                                       .tx_power_dbm = 127 };
    static const struct woad_connect_params connect = { 16, 16, 24, 24, 0, 100, 2000 };
    static const uint8_t data[] = { 2, 1, 6 };
    uint8_t irk[16] = { 5, 5, 5 };
    struct woad_addr before = { 9, { 0 } };
    (void)state;
    w = world_new(7, 0);
    add_extended();
    add_extended();
    assert_int_equal(woad_set_irk(host(1), irk), 0);
    assert_int_equal(woad_ext_adv_set_data(host(1), 0, data, sizeof data), 0);
    assert_int_equal(woad_ext_adv_start(host(1), 0, &params), 0);
    world_run(w, 100000);
    assert_int_equal(woad_set_privacy(host(1), WOAD_PRIVACY_RESOLVABLE, 2), 0);
    for (int round = 0; round < 3; round++) {
        world_run(w, 2300000);
        struct woad_addr addr = on_the_air();
        assert_int_equal(addr.type, WOAD_ADDR_RANDOM);
        assert_int_equal(addr.octet[5] >> 6, 1);
        assert_memory_not_equal(&addr, &before, sizeof addr);
        before = addr;
        forget_all();
        assert_int_equal(woad_connect(host(0), &addr, &connect), 0);
        assert_non_null(world_wait(w, dev(0), WOAD_EV_CONNECT, 1000000));
        world_run(w, 100000);
        assert_int_equal(woad_pair(host(0), side[0].conn), 0);
        world_run(w, 1500000);
        assert_int_equal(status_of(0), 0);
        assert_int_equal(status_of(1), 0);
        assert_int_equal(woad_disconnect(host(0), side[0].conn, 0x13), 0);
        world_run(w, 500000);
        woad_bond_remove(host(0), NULL);
        woad_bond_remove(host(1), NULL);
        woad_ext_adv_start(host(1), 0, &params);
    }
    world_free(w);
}

/* --- advertising data ------------------------------------------------------------------------- */

/* esphome/esphome#4208, go-ble/ble#115, espressif/esp-idf#7392: a length of zero ends the data; the
 * parser ignores what follows.  Vol 3, Part C, 11.  A length beyond the end also ends the data. */
static void advertising_data_with_zeros(void **state)
{
    static const struct {
        uint8_t octet[12];
        size_t len;
        const char *name;
        bool flags;
    } data[] = {
        { { 2, 1, 6, 3, 2, 0xa2, 1, 0, 0, 0, 0 }, 11, NULL, true },
        { { 2, 1, 6, 0, 0, 5, 9, 'n', 'a', 'm', 'e' }, 11, NULL, true },
        { { 1, 9, 5, 9, 'n', 'a', 'm', 'e' }, 8, "", false },
        { { 2, 1, 6, 16, 9, 'n', 'a', 'm', 'e' }, 9, NULL, true },
        { { 0xff, 9, 'n' }, 3, NULL, false },
        { { 2, 1, 6, 5, 9, 'n', 'a', 'm', 'e' }, 9, "name", true },
    };
    (void)state;
    for (size_t k = 0; k < sizeof data / sizeof *data; k++) {
        size_t len = 0, flags = 0;
        const uint8_t *name = woad_ad_find(data[k].octet, data[k].len, 9, &len);
        assert_int_equal(name != NULL, data[k].name != NULL);
        if (name) {
            assert_int_equal(len, strlen(data[k].name));
            assert_memory_equal(name, data[k].name, len);
        }
        assert_int_equal(woad_ad_find(data[k].octet, data[k].len, 1, &flags) != NULL,
                         data[k].flags);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gone_after_connect_ind),
        cmocka_unit_test(parameters_by_l2cap_alone),
        cmocka_unit_test(parameters_by_l2cap_after_1a),
        cmocka_unit_test(parameters_refused_then_taken),
        cmocka_unit_test(passkey_of_zeros),
        cmocka_unit_test(forgets_a_stronger_bond),
        cmocka_unit_test(extended_set_that_hides),
        cmocka_unit_test(advertising_data_with_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
