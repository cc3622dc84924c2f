/* Any features in any order, with small capacities, and an application that calls everything at any
 * time, also inside events.  A call of a feature that is not named is refused; each operation that
 * was accepted ends with one event, at the latest when the controller fails. */
#include "solo.h"

enum { RUNS = 400, STEPS = 150 };

static const struct woad_feature *const all[] = { &woad_feature_advertiser,
                                                  &woad_feature_scanner,
                                                  &woad_feature_central,
                                                  &woad_feature_gatt_server,
                                                  &woad_feature_gatt_client,
                                                  &woad_feature_accept_list,
                                                  &woad_feature_link_control,
                                                  &woad_feature_long_values,
                                                  &woad_feature_read_multiple,
                                                  &woad_feature_signed_writes,
                                                  &woad_feature_pipelining,
                                                  &woad_feature_type_index,
                                                  &woad_feature_client_features,
                                                  &woad_feature_l2cap_channels,
                                                  &woad_feature_enhanced_channels,
                                                  &woad_feature_eatt,
                                                  &woad_feature_keypresses,
                                                  &woad_feature_out_of_band,
                                                  &woad_feature_resolving_list,
                                                  &woad_feature_reconnection,
                                                  &woad_feature_extended_advertising,
                                                  &woad_feature_watchdog,
                                                  &woad_feature_security_manager,
                                                  &woad_feature_security_peripheral };
enum { ALL = sizeof all / sizeof *all, MANAGER = ALL - 2, PERIPHERAL = ALL - 1 };

static const struct woad_feature *features[ALL + 1];
static uint64_t noise;
static unsigned run, depth;
static uint16_t conn;  /* the one that began last */
static uint16_t first; /* handle of the database */
static long procedures, indications, scans;
static uint8_t octets[600];
static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37);
static const struct woad_attr database[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&type, 0x3a, WOAD_PERM_READ | WOAD_PERM_WRITE),
};
static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };

static uint32_t any(uint32_t n)
{
    noise = noise * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((noise >> 33) % n);
}

static bool is_named(const struct woad_feature *feature)
{
    const struct woad_feature *const *f = features;
    while (*f && *f != feature) {
        f++;
    }
    return *f != NULL;
}

/* Counts an operation that has been accepted. */
static int counted(int err, long *n)
{
    *n += err == 0;
    return err;
}

static int advertise(void)
{
    const struct woad_adv_params p = { .kind = (uint8_t)any(5), .interval_625us = 32 };
    return woad_adv_start(solo.h, &p);
}

static int scan(void)
{
    const struct woad_scan_params p = { 16, 16, any(2), any(2), any(2000), false };
    return counted(woad_scan_start(solo.h, &p), &scans);
}

static int connect_peer(void)
{
    const struct woad_connect_params p = { 16, 16, 6, 6, 0, 100, any(2000) };
    return woad_connect(solo.h, &peer, &p);
}

static int accept_peer(void)
{
    return woad_accept_list_set(solo.h, &peer, 1);
}

static int read_link(void)
{
    return woad_link_read(solo.h, conn, any(2) ? WOAD_LINK_RSSI : WOAD_LINK_PHY);
}

static int discover(void)
{
    return counted(woad_gattc_characteristics(solo.h, conn, 1, 0xffff, NULL), &procedures);
}

static int include(void)
{
    return counted(woad_gattc_included(solo.h, conn, 1, 0xffff), &procedures);
}

static int write_value(void)
{
    return counted(woad_gattc_write(solo.h, conn, (uint16_t)(1 + any(9)), octets, any(60)),
                   &procedures);
}

static int pair_manager(void)
{
    return woad_pair(solo.h, conn);
}

static int make_oob(void)
{
    return woad_oob_make(solo.h);
}

static int listen_for_channels(void)
{
    const struct woad_coc_params p = { .psm = 0x80, .mtu = 64 };
    return woad_coc_listen(solo.h, &p);
}

static int open_bearers(void)
{
    return woad_eatt_open(solo.h, conn, 1);
}

static int advertise_set(void)
{
    const struct woad_ext_adv_params p = { .interval_625us = 32, .tx_power_dbm = 127 };
    return woad_ext_adv_start(solo.h, (uint8_t)any(2), &p);
}

static const struct {
    int (*call)(void);
    const struct woad_feature *of;
} calls[] = { { advertise, &woad_feature_advertiser },
              { scan, &woad_feature_scanner },
              { connect_peer, &woad_feature_central },
              { accept_peer, &woad_feature_accept_list },
              { read_link, &woad_feature_link_control },
              { discover, &woad_feature_gatt_client },
              { include, &woad_feature_gatt_client },
              { write_value, &woad_feature_gatt_client },
              { make_oob, &woad_feature_out_of_band },
              { listen_for_channels, &woad_feature_l2cap_channels },
              { open_bearers, &woad_feature_eatt },
              { advertise_set, &woad_feature_extended_advertising } };
enum { CALLS = sizeof calls / sizeof *calls };

/* Calls that have no feature of their own, or that have one of two. */
static void call_other(void)
{
    switch (any(10)) {
    case 0:
        if (!is_named(all[MANAGER]) && !is_named(all[PERIPHERAL])) {
            assert_int_equal(pair_manager(), WOAD_ENOTSUP);
        } else {
            pair_manager();
        }
        break;
    case 1:
        counted(woad_gatt_indicate(solo.h, conn, (uint16_t)(first + 2), octets, 5), &indications);
        break;
    case 2: woad_gatt_notify(solo.h, conn, (uint16_t)(first + 2), octets, any(40)); break;
    case 3: woad_gatt_answer(solo.h, conn, 0, octets, any(600)); break;
    case 4: woad_gattc_cancel(solo.h, conn); break;
    case 5: woad_disconnect(solo.h, conn, 0x13); break;
    case 6: woad_bond_remove(solo.h, NULL); break;
    case 7: woad_set_privacy(solo.h, (enum woad_privacy)any(3), (uint16_t)any(20)); break;
    case 8: woad_scan_stop(solo.h); break;
    default: woad_connect_cancel(solo.h); break;
    }
}

static void call_any(void)
{
    uint32_t n = any(CALLS + 8);
    if (n >= CALLS) {
        call_other();
    } else if (is_named(calls[n].of)) {
        calls[n].call();
    } else {
        int err = calls[n].call();
        if (err >= 0) {
            fail_msg("run %u: call %u of a feature that is not named is accepted", run,
                     (unsigned)n);
        }
    }
}

static void one_has_ended(long *n)
{
    if (--*n < 0) {
        fail_msg("run %u: an operation has ended twice", run);
    }
}

static void calls_inside(const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_CONNECT: conn = ev->conn; break;
    case WOAD_EV_GATTC_DONE: one_has_ended(&procedures); break;
    case WOAD_EV_INDICATED: one_has_ended(&indications); break;
    case WOAD_EV_SCAN_DONE: one_has_ended(&scans); break;
    default: break;
    }
    if (depth < 2) {
        depth++;
        for (uint32_t n = any(3); n; n--) {
            call_any();
        }
        depth--;
    }
}

/* What arrives: connections and their ends, requests, signalling and pairing of a peer. */
static void receive(void)
{
    uint8_t handle = (uint8_t)(SOLO_HANDLE + any(2)), x = (uint8_t)(9 + any(6));
    solo.conns = 0;
    switch (any(10)) {
    case 0:
    case 1: solo_connected(handle, any(2), 9); break;
    case 2: solo_disconnected(handle, 0x13); break;
    case 3: SOLO_L2CAP(handle, 4, 0x0a, x, 0); break;
    case 4: SOLO_L2CAP(handle, 4, 0x12, x, 0, 1, 0); break;
    case 5: SOLO_L2CAP(handle, 4, 0x01, (uint8_t)(2 * any(12)), x, 0, (uint8_t)any(16)); break;
    case 6: SOLO_L2CAP(handle, 4, 0x09, 6, x, 0, x, 0, 30, 0); break;
    case 7: SOLO_L2CAP(handle, 6, 1, 3, 0, 9, 16, 3, 3); break;
    case 8:
        SOLO_L2CAP(handle, 5, 0x14, 1, 10, 0, 0x80, 0, (uint8_t)(0x40 + any(9)), 0, 64, 0, 64, 0, 9,
                   0);
        break;
    default: SOLO_L2CAP(handle, 4, 0x1e); break;
    }
}

/* Chooses features, at most one of the two security managers, and mixes them. */
static void choose_features(void)
{
    uint32_t share = 20 + any(80);
    size_t n = 0;
    for (size_t k = 0; k < ALL; k++) {
        if (any(100) < share && (k != PERIPHERAL || !n || features[n - 1] != all[MANAGER])) {
            features[n++] = all[k];
        }
    }
    features[n] = NULL;
    for (; n > 1; n--) {
        size_t other = any((uint32_t)n);
        const struct woad_feature *f = features[n - 1];
        features[n - 1] = features[other];
        features[other] = f;
    }
}

static void boot(void)
{
    struct woad_config config = solo_config(features);
    config.conns = (uint8_t)(1 + any(2));
    config.procedures = (uint8_t)(1 + any(4));
    config.bonds = (uint8_t)(1 + any(3));
    config.accept_list = config.adv_sets = 2;
    config.att_bearers = 1;
    memset(solo.supported_commands, any(2) ? 0xff : 0, 64);
    memset(solo.le_features, any(2) ? 0xff : 0, 8);
    solo_boot(config);
    if (is_named(&woad_feature_gatt_server)) {
        assert_int_equal(woad_gatt_add(solo.h, database, 4, &first), 0);
    }
    solo.on_event = calls_inside;
    conn = WOAD_NO_CONN;
}

static void every_operation_ends_once(void **state)
{
    (void)state;
    for (run = 1; run <= RUNS; run++) {
        noise = run * 0x9e3779b97f4a7c15u;
        procedures = indications = scans = 0;
        choose_features();
        boot();
        for (unsigned step = 0; step < STEPS; step++) {
            solo_forget();
            if (any(3)) {
                call_any();
            } else {
                receive();
            }
            solo_pump();
            if (!any(12)) {
                solo_tick(any(4) ? any(300) : any(31000));
            }
        }
        depth = 2; /* no more calls */
        woad_fail(solo.h, WOAD_EIO);
        if (procedures || indications || scans) {
            fail_msg("run %u: %ld procedures, %ld indications, %ld scans have not ended", run,
                     procedures, indications, scans);
        }
        depth = 0;
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_operation_ends_once) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
