/* Behaviour of real peers in security procedures, each from its public report (owner/repo#N). */
#include "pairing.h"

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr served[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_NOTIFY,
                             WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_READ, WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED),
};
enum { PLAIN = 12, ENCRYPTED = 15 };

static struct device *dev(int k)
{
    return &w->device[k];
}
static struct woad *host(int k)
{
    return w->device[k].host;
}

static void world_of(size_t devices)
{
    w = world_new(7, 0);
    for (size_t n = 0; n < devices; n++) {
        add(3, &any);
        uint8_t irk[16];
        memset(irk, (int)(0x50 + n), sizeof irk);
        assert_int_equal(woad_set_irk(host((int)n), irk), 0);
    }
    assert_int_equal(woad_gatt_add(host(PERIPHERAL), served, sizeof served / sizeof *served, NULL),
                     0);
}

static void forget_all(void)
{
    for (size_t n = 0; n < w->devices; n++) {
        device_forget(dev((int)n));
    }
}

/* The connection of devices 0 and 1 has this security level, and both got one event. */
static void assert_paired(bool bonded)
{
    for (int k = 0; k < 2; k++) {
        assert_int_equal(status_of(k), 0);
        assert_true(level(k).encrypted);
        assert_int_equal(level(k).bonded, bonded);
    }
}

static void pair_now(void)
{
    forget_all();
    assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
    settle();
    world_run(w, 700000);
    assert_paired(true);
}

static void part(void)
{
    assert_int_equal(woad_disconnect(host(0), side[0].conn, 0x13), 0);
    world_run(w, 1200000);
    again();
}

static unsigned bonds_of(int k)
{
    unsigned n = 0;
    while (bond_at(host(k), (uint16_t)n)) {
        n++;
    }
    return n;
}

/* Delivers an SMP PDU to device `k` that its peer's host has not sent. */
static void says(int k, const uint8_t *pdu, size_t len)
{
    uint8_t acl[80] = { 2, 0x40, 0, (uint8_t)(len + 4), 0, (uint8_t)len, 0, 6, 0 };
    memcpy(acl + 9, pdu, len);
    assert_int_equal(woad_air_rx(dev(k)->air_controller, acl, len + 9), 0);
}

/* The peripheral sends a Security Request, and the central does not receive it. */
static void requests_in_vain(void)
{
    forget_all();
    dev(CENTRAL)->deaf = true;
    assert_int_equal(woad_pair(host(PERIPHERAL), side[PERIPHERAL].conn), 0);
    world_run(w, 100000);
    dev(CENTRAL)->deaf = false;
}

/* stoprocent/noble#142, espressif/esp-idf#14082: a central ignores a Security Request, and encrypts
 * or pairs later. 3.4: after 30 s pairing on that connection is refused. */
static void security_request_ignored(void **state)
{
    (void)state;
    for (unsigned seconds = 10; seconds <= 40; seconds += 30) {
        for (int bonded = 0; bonded < 2; bonded++) {
            world_of(2);
            connect_both(dev(0), dev(1));
            if (bonded) {
                pair_now();
                part();
                connect_both(dev(0), dev(1));
            }
            requests_in_vain();
            world_run(w, seconds * 1000000);
            if (seconds > 30) {
                assert_int_equal(status_of(PERIPHERAL), WOAD_ETIMEDOUT);
            }
            forget_all();
            assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
            world_run(w, 3000000);
            if (bonded || seconds < 30) {
                assert_paired(true);
            } else {
                assert_false(level(0).encrypted);
                world_run(w, 30000000);
                assert_int_equal(status_of(CENTRAL), WOAD_ETIMEDOUT);
            }
            world_free(w);
        }
    }
}

/* stoprocent/noble#142, micropython/micropython-lib#791: pair() on an encrypted link, and a
 * Security Request of another stack there. 2.4.6, Figure 2.7: the key is refreshed, or replaced by
 * a pairing if it is too weak. */
static void requested_on_an_encrypted_link(void **state)
{
    (void)state;
    for (int mitm = 0; mitm < 2; mitm++) {
        uint8_t request[] = { 0x0b, (uint8_t)(mitm ? 0x0d : 0x09) };
        world_of(2);
        struct woad_security_policy p = policy(WOAD_IO_DISPLAY_YES_NO, false, true);
        woad_set_security_policy(host(0), &p);
        woad_set_security_policy(host(1), &p);
        connect_both(dev(0), dev(1));
        pair_now();
        forget_all();
        assert_int_equal(woad_pair(host(PERIPHERAL), side[PERIPHERAL].conn), 0);
        world_run(w, 1000);
        assert_int_equal(status_of(PERIPHERAL), 0);
        p.mitm = mitm;
        woad_set_security_policy(host(0), &p);
        woad_set_security_policy(host(1), &p);
        again();
        unsigned before = side[0].bonds;
        says(PERIPHERAL, request, sizeof request);
        settle();
        world_run(w, 1000000);
        assert_paired(true);
        assert_int_equal(level(0).authenticated, mitm);
        assert_int_equal(side[0].bonds - before, mitm);
        world_run(w, 40000000);
        assert_int_equal(device_count(dev(0), WOAD_EV_DISCONNECT), 0);
        world_free(w);
    }
}

/* bluez/bluetooth-next#726: a bonded peer turns its privacy off. */
static void hides_no_more(void **state)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_scan_params scan = { 16, 16, false, false, 1000, false };
    static const struct woad_connect_params params = { 16, 16, 6, 6, 0, 100, 5000 };
    (void)state;
    for (unsigned listed = 0; listed < 2; listed++) {
        lists = listed;
        w = world_new(7, 0);
        add(2, &any);
        add(2, &any);
        lists = 0;
        struct woad_addr id = hide(PERIPHERAL);
        connect_both(dev(0), dev(1));
        pair_now();
        part();
        assert_int_equal(woad_set_privacy(host(1), WOAD_PRIVACY_OFF, 0), 0);
        world_run(w, 100000);
        assert_int_equal(woad_adv_start(host(1), &adv), 0);
        assert_int_equal(woad_scan_start(host(0), &scan), 0);
        world_run(w, 1500000);
        forget_all();
        assert_int_equal(woad_connect(host(0), &id, &params), 0);
        world_run(w, 1000000);
        assert_non_null(device_find(dev(0), WOAD_EV_CONNECT));
        pair_now();
        world_free(w);
    }
}

/* The device distributes an identity of zeros, or an IRK of zeros. */
static bool zero_identity;

static void tells_zeros(struct device *d, const uint8_t *p, size_t n)
{
    uint8_t *pdu = (uint8_t *)(uintptr_t)p + 9;
    (void)d;
    if (p[0] == 2 && n > 16 && p[7] == 6 && (pdu[0] == 8 || (pdu[0] == 9 && zero_identity))) {
        memset(pdu + 1, 0, n - 10);
    }
}

/* embassy-rs/trouble#647, HaoboGu/rmk#902: devices that distribute an IRK of zeros; and, from a
 * remark in Linux, ones that distribute the address 00:00:00:00:00:00 too.  Each gets its own bond,
 * and is recognised again. */
static void zeros_for_an_identity(void **state)
{
    (void)state;
    for (int address = 0; address < 2; address++) {
        world_of(3);
        zero_identity = address;
        dev(1)->on_packet = dev(2)->on_packet = tells_zeros;
        for (int round = 0; round < 2; round++) {
            for (int k = 1; k < 3; k++) {
                forget_all();
                connect_both(dev(0), dev(k));
                assert_int_equal(woad_pair(host(0), side[0].conn), 0);
                assert_non_null(world_wait(w, dev(0), WOAD_EV_SECURITY, 5000000));
                world_run(w, 700000);
                assert_int_equal(status_of(0), 0);
                assert_true(level(0).bonded);
                part();
            }
        }
        assert_int_equal(bonds_of(0), 2);
        assert_int_equal(side[0].bonds, 2);
        world_free(w);
    }
}

static void tells_another(struct device *d, const uint8_t *p, size_t n)
{
    static const uint8_t another[] = { 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66 };
    (void)d;
    if (p[0] == 2 && n >= 17 && p[7] == 6 && p[9] == 9) {
        memcpy((uint8_t *)(uintptr_t)p + 10, another, sizeof another);
    }
}

/* A peer keeps its public or static address, but distributes another identity address. */
static void another_identity_than_its_address(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        for (int fixed = 0; fixed < 2; fixed++) {
            world_of(2);
            if (fixed) {
                assert_int_equal(woad_set_own_address(host(which), WOAD_ADDR_RANDOM, NULL), 0);
                world_run(w, 50000);
                woad_own_address(host(which), &dev(which)->addr);
            }
            dev(which)->on_packet = tells_another;
            connect_both(dev(0), dev(1));
            pair_now();
            part();
            forget_all();
            connect_both(dev(0), dev(1));
            pair_now();
            assert_int_equal(side[0].bonds, 1); /* encrypted with the bond's key */
            assert_int_equal(side[1].bonds, 1);
            world_free(w);
        }
    }
}

/* The keys that the peripheral has sent, and its host's reply to a key request. */
static uint8_t reported_ltk[16], reported_numbers[10], answer_key[16];
static unsigned keys_reported, keys_given;

static void watches(struct device *d, const uint8_t *p, size_t n)
{
    (void)d;
    if (p[0] == 2 && n > 9 && p[7] == 6 && p[9] >= 6 && p[9] <= 10) {
        keys_reported++;
        memcpy(reported_ltk, p + 10, p[9] == 6 ? 16 : 0);
        memcpy(reported_numbers, p + 10, p[9] == 7 ? 10 : 0);
    } else if (p[0] == 1 && p[1] == 0x1a && p[2] == 0x20) {
        keys_given++;
        memcpy(answer_key, p + 6, 16);
    }
}

/* Renesas LPCBARESDK-993: a phone refreshes the encryption between the peripheral's keys and its
 * own, with the key of the pairing, or with the LTK of legacy pairing that it has just received. */
static void refreshes_between_the_keys(void **state)
{
    static const uint8_t done[] = { 4, 0x0e, 6, 1, 0x1a, 0x20, 0, 0x40, 0 };
    static const uint8_t refreshed[] = { 4, 0x30, 3, 0, 0x40, 0 };
    (void)state;
    for (int kind = 0; kind < 3; kind++) { /* LTK of LE Secure Connections; STK; legacy LTK */
        uint8_t ask[16] = { 4, 0x3e, 13, 5, 0x40, 0 };
        struct woad_security_policy p = policy(WOAD_IO_NONE, false, kind == 0);
        world_of(2);
        woad_set_security_policy(host(0), &p);
        woad_set_security_policy(host(1), &p);
        dev(PERIPHERAL)->on_packet = watches;
        keys_reported = keys_given = 0;
        connect_both(dev(0), dev(1));
        forget_all();
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        while (keys_reported < (kind ? 3 : 1)) {
            world_run(w, 500);
        }
        assert_int_equal(keys_given, 1);
        uint8_t first[16];
        memcpy(first, answer_key, 16);
        if (kind == 2) {
            memcpy(ask + 6, reported_numbers + 2, 8);
            memcpy(ask + 14, reported_numbers, 2);
        }
        dev(PERIPHERAL)->mute = true; /* the test acts as the device's controller for a moment */
        assert_int_equal(woad_rx(host(PERIPHERAL), ask, sizeof ask), 0);
        world_pump(w);
        dev(PERIPHERAL)->mute = false;
        assert_int_equal(keys_given, 2);
        assert_memory_equal(answer_key, kind == 2 ? reported_ltk : first, 16);
        assert_int_equal(woad_rx(host(PERIPHERAL), done, sizeof done), 0);
        assert_int_equal(woad_rx(host(PERIPHERAL), refreshed, sizeof refreshed), 0);
        settle();
        world_run(w, 1000000);
        assert_paired(true);
        assert_int_equal(side[PERIPHERAL].bonds, 1);
        world_free(w);
    }
}

/* --- cases that have always worked ------------------------------------------------------------ */

/* zephyrproject-rtos/zephyr#96614: a non-resolvable address at first, then a resolvable one. */
static void hides_otherwise_later(void **state)
{
    (void)state;
    world_of(2);
    struct woad_addr id = dev(0)->addr;
    assert_int_equal(woad_set_privacy(host(0), WOAD_PRIVACY_NON_RESOLVABLE, 60), 0);
    world_run(w, 100000);
    connect_both(dev(0), dev(1));
    pair_now();
    part();
    assert_int_equal(woad_set_privacy(host(0), WOAD_PRIVACY_RESOLVABLE, 60), 0);
    world_run(w, 100000);
    forget_all();
    connect_both(dev(0), dev(1));
    assert_memory_equal(&device_find(dev(1), WOAD_EV_CONNECT)->ev.u.connect.peer, &id, sizeof id);
    pair_now();
    assert_int_equal(side[1].bonds, 1);
    world_free(w);
}

/* zephyrproject-rtos/zephyr#54104: one side does not bond. */
static void one_side_does_not_bond(void **state)
{
    (void)state;
    for (int n = 0; n < 4; n++) {
        struct woad_security_policy p = policy(WOAD_IO_NONE, false, n >> 1);
        world_of(2);
        for (int k = 0; k < 2; k++) {
            p.bond = k != (n & 1);
            woad_set_security_policy(host(k), &p);
        }
        connect_both(dev(0), dev(1));
        forget_all();
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        settle();
        assert_paired(false);
        assert_int_equal(bonds_of(0) + bonds_of(1), 0);
        world_free(w);
    }
}

/* OneKeyHQ/hardware-js-sdk#951: a phone encrypts twice with a key that the peripheral no longer
 * has, and then pairs on the same link. */
static void stale_key_twice(void **state)
{
    (void)state;
    world_of(2);
    connect_both(dev(0), dev(1));
    pair_now();
    part();
    woad_bond_remove(host(1), NULL);
    connect_both(dev(0), dev(1));
    for (int n = 0; n < 2; n++) {
        forget_all();
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        world_run(w, 800000);
        assert_int_equal(status_of(CENTRAL), WOAD_SECURITY_HCI | WOAD_HCI_KEY_MISSING);
    }
    woad_bond_remove(host(0), NULL);
    pair_now();
    world_free(w);
}

/* h2zero/esp-nimble-cpp#321, bluez/bluez#1021: a phone loses its bond and pairs again; in between
 * it connects with other private addresses. */
static void forgets_and_pairs_again(void **state)
{
    (void)state;
    world_of(2);
    for (int round = 0; round < 6; round++) {
        assert_int_equal(woad_set_privacy(host(0), WOAD_PRIVACY_RESOLVABLE, 60), 0);
        world_run(w, 100000);
        forget_all();
        connect_both(dev(0), dev(1));
        if (round % 2 == 0) {
            woad_bond_remove(host(0), NULL);
        }
        pair_now();
        assert_int_equal(bonds_of(1), 1);
        part();
    }
    world_free(w);
}

/* torlando-tech/ble-reticulum#38: the same identity connects again while its old link still
 * lives. */
static void same_identity_twice(void **state)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params params = { 16, 16, 6, 6, 0, 100, 2000 };
    uint8_t irk[16], on[2] = { 1, 0 };
    struct woad_bond b;
    (void)state;
    world_of(3);
    assert_int_equal(woad_set_privacy(host(0), WOAD_PRIVACY_RESOLVABLE, 60), 0);
    world_run(w, 100000);
    connect_both(dev(0), dev(1));
    pair_now();
    assert_int_equal(woad_gattc_write(host(0), side[0].conn, PLAIN + 1, on, 2), 0);
    world_run(w, 300000);
    memset(irk, 0x50, sizeof irk); /* device 2 is device 0 after a restart */
    assert_int_equal(woad_set_irk(host(2), irk), 0);
    assert_int_equal(woad_bond_at(host(0), 0, &b), 0);
    assert_int_equal(woad_bond_add(host(2), &b), 0);
    assert_int_equal(woad_set_privacy(host(2), WOAD_PRIVACY_RESOLVABLE, 60), 0);
    world_run(w, 50000);
    dev(0)->deaf = dev(0)->mute = true;
    woad_air_hang(dev(0)->air_controller, true);
    assert_int_equal(woad_adv_start(host(1), &adv), 0);
    assert_int_equal(woad_connect(host(2), &dev(1)->addr, &params), 0);
    assert_non_null(world_wait(w, dev(2), WOAD_EV_CONNECT, 1000000));
    world_run(w, 20000);
    assert_int_equal(woad_pair(host(2), side[2].conn), 0);
    world_run(w, 200000);
    assert_int_equal(woad_gatt_subscription(host(1), side[1].conn, PLAIN), 1);
    world_run(w, 3000000);
    assert_int_equal(bonds_of(1), 1);
    world_free(w);
}

/* Pairing Requests of Android and iOS: LinkKey, CT2, reserved bits, few keys (noble/bleno#171); and
 * one with an undefined IO capability. */
static void odd_pairing_requests(void **state)
{
    static const uint8_t requests[][7] = {
        { 1, 4, 0, 0x2d, 16, 0x0f, 0x0f }, { 1, 4, 0, 0x0d, 16, 0x0b, 0x0b },
        { 1, 3, 0, 0x01, 16, 0x00, 0x01 }, { 1, 4, 0, 0xc5, 16, 0xff, 0xff },
        { 1, 4, 0, 0x05, 16, 0x02, 0x02 }, { 1, 5, 0, 0x01, 16, 1, 1 }
    };
    (void)state;
    for (size_t k = 0; k < 6; k++) {
        world_of(2);
        connect_both(dev(0), dev(1));
        forget_all();
        says(CENTRAL, requests[k], 7);
        world_run(w, 100000);
        const struct seen *s = device_find(dev(1), WOAD_EV_SECURITY);
        assert_int_equal(s != NULL, k == 5);
        assert_true(!s || s->ev.u.security.status == WOAD_SMP_INVALID_PARAMETERS);
        world_free(w);
    }
}

/* ARMmbed/mbed-os#14654, Launchpad 1822633 (Dell pen): repeated Security Requests, also in the
 * middle of a pairing. apache/mynewt-nimble#710: a Pairing Request in the middle of a pairing. */
static void requests_in_the_middle(void **state)
{
    static const uint8_t security_request[] = { 0x0b, 0x09 }, pairs[] = { 1, 3, 0, 9, 16, 7, 7 };
    (void)state;
    for (unsigned at = 0; at < 60000; at += 7000) {
        world_of(2);
        connect_both(dev(0), dev(1));
        forget_all();
        says(PERIPHERAL, security_request, sizeof security_request);
        says(PERIPHERAL, security_request, sizeof security_request);
        world_run(w, at);
        says(PERIPHERAL, security_request, sizeof security_request);
        settle();
        world_run(w, 1000000);
        for (int k = 0; k < 2; k++) {
            assert_true(level(k).encrypted && level(k).bonded);
        }
        part();
        woad_bond_remove(host(0), NULL);
        woad_bond_remove(host(1), NULL);
        connect_both(dev(0), dev(1));
        forget_all();
        assert_int_equal(woad_pair(host(CENTRAL), side[CENTRAL].conn), 0);
        world_run(w, 20000);
        says(CENTRAL, pairs, sizeof pairs);
        settle();
        world_run(w, 700000);
        pair_now();
        world_free(w);
    }
}

/* Windows, Android's createBond(): a bonded phone pairs again on the encrypted link, to raise the
 * level. */
static void upgrades_on_the_link(void **state)
{
    (void)state;
    struct woad_security_policy p = policy(WOAD_IO_DISPLAY_YES_NO, false, true);
    world_of(2);
    woad_set_security_policy(host(0), &p);
    woad_set_security_policy(host(1), &p);
    connect_both(dev(0), dev(1));
    pair_now();
    assert_false(level(1).authenticated);
    p.mitm = true;
    woad_set_security_policy(host(0), &p);
    again();
    pair_now();
    assert_true(level(1).authenticated);
    assert_int_equal(bonds_of(1), 1);
    part();
    connect_both(dev(0), dev(1));
    pair_now();
    assert_true(level(1).authenticated);
    world_free(w);
}

/* Two phones pair at the same time by legacy pairing, and both reconnect. */
static void two_phones(void **state)
{
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, false);
    (void)state;
    world_of(3);
    for (int k = 0; k < 3; k++) {
        woad_set_security_policy(host(k), &p);
    }
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < 3; k += 2) {
            connect_both(dev(k), dev(1));
            forget_all();
            assert_int_equal(woad_pair(host(k), side[k].conn), 0);
            world_run(w, 2000000);
            assert_int_equal(status_of(k), 0);
        }
        for (int k = 0; k < 3; k += 2) {
            assert_int_equal(woad_disconnect(host(k), side[k].conn, 0x13), 0);
            world_run(w, 1200000);
        }
        assert_int_equal(bonds_of(1), 2);
        assert_int_equal(side[1].bonds, 2);
    }
    world_free(w);
}

/* noble/bleno#217: MTU exchange, discovery, an encrypted read, a parameter update and pairing, all
 * at the same time. */
static void all_at_once(void **state)
{
    static const struct woad_connect_params faster = { 16, 16, 24, 24, 0, 500, 2000 };
    (void)state;
    world_of(2);
    connect_both(dev(0), dev(1));
    forget_all();
    uint16_t c = side[0].conn;
    assert_int_equal(woad_gattc_exchange_mtu(host(0), c), 0);
    assert_int_equal(woad_gattc_services(host(0), c, NULL), 0);
    assert_int_equal(woad_gattc_read(host(0), c, ENCRYPTED), 0);
    assert_int_equal(woad_pair(host(0), c), 0);
    assert_int_equal(woad_conn_update(host(0), c, &faster), 0);
    assert_int_equal(woad_pair(host(1), side[1].conn), 0);
    world_run(w, 6000000);
    assert_int_equal(device_count(dev(0), WOAD_EV_GATTC_DONE), 3);
    assert_paired(true);
    assert_int_equal(requested(false, ENCRYPTED), 0);
    world_free(w);
}

/* A link with an interval of two seconds: each PDU takes one interval, a pairing by passkey
 * eighty. */
static void slow_link(void **state)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params slow = { 16, 16, 1600, 1600, 0, 1000, 2000 };
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        struct woad_security_policy types = policy(WOAD_IO_KEYBOARD, true, secure);
        struct woad_security_policy shows = policy(WOAD_IO_DISPLAY, true, secure);
        world_of(2);
        woad_set_security_policy(host(0), &types);
        woad_set_security_policy(host(1), &shows);
        assert_int_equal(woad_adv_start(host(1), &adv), 0);
        assert_int_equal(woad_connect(host(0), &dev(1)->addr, &slow), 0);
        assert_non_null(world_wait(w, dev(0), WOAD_EV_CONNECT, 5000000));
        assert_non_null(world_wait(w, dev(1), WOAD_EV_CONNECT, 5000000));
        again();
        assert_int_equal(woad_pair(host(0), side[0].conn), 0);
        for (int n = 0; n < 8; n++) {
            settle();
        }
        assert_paired(true);
        assert_true(level(0).authenticated);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(security_request_ignored),
        cmocka_unit_test(requested_on_an_encrypted_link),
        cmocka_unit_test(hides_no_more),
        cmocka_unit_test(zeros_for_an_identity),
        cmocka_unit_test(another_identity_than_its_address),
        cmocka_unit_test(refreshes_between_the_keys),
        cmocka_unit_test(hides_otherwise_later),
        cmocka_unit_test(one_side_does_not_bond),
        cmocka_unit_test(stale_key_twice),
        cmocka_unit_test(forgets_and_pairs_again),
        cmocka_unit_test(same_identity_twice),
        cmocka_unit_test(odd_pairing_requests),
        cmocka_unit_test(requests_in_the_middle),
        cmocka_unit_test(upgrades_on_the_link),
        cmocka_unit_test(two_phones),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(slow_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
