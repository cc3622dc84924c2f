/* A controller is unplugged, hangs, or restarts by itself, before each packet between it and its
 * host.  The connection goes through all its stages: scan, reads, writes, subscription, pairing, an
 * L2CAP channel, the end.  Every procedure ends once; the host goes down once, or not at all; after
 * a new start all stages succeed again. */
#include "pairing.h"

enum fault { UNPLUGGED, HANGS, RESET_TOLD, RESET_UNTOLD, FAULTS };
enum { ALL_US = 12000000, AFTER_US = 70000000 };

static const struct woad_uuid service_id = WOAD_UUID16(0x1800 + 0x0d),
                              value_id = WOAD_UUID16(0x2a37);
static const struct woad_attr service_of[] = {
    WOAD_PRIMARY(&service_id),
    WOAD_CHARACTERISTIC(&value_id,
                        WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE,
                        WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CCCD,
};
static const struct woad_coc_params channel_of = { .psm = 0x85, .mtu = 400 };

/* The procedures that a device has started and ended. */
static struct doing {
    int gattc, connects, scans, indications, pairings, channels, sdus, downs, ups, connections;
    uint16_t conn, value, cid;
    bool done;
    uint8_t ring[600], sdu[300];
} doing[2];
static enum fault fault;
static struct device *dev[2]; /* peripheral, central */

static void peripheral_begins(struct device *d)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct doing *me = &doing[0];
    woad_gatt_add(d->host, service_of, sizeof service_of / sizeof *service_of, NULL);
    woad_coc_listen(d->host, &channel_of);
    assert_int_equal(woad_adv_start(d->host, &adv), 0);
    me->conn = WOAD_NO_CONN;
}

static void central_begins(struct device *d)
{
    static const struct woad_scan_params scan = { 32, 32, false, false, 0, false };
    struct doing *me = &doing[1];
    me->done = false;
    me->conn = WOAD_NO_CONN;
    me->scans += woad_scan_start(d->host, &scan) == 0;
}

static void peripheral_event(struct device *d, const struct woad_event *ev)
{
    struct doing *me = &doing[0];
    if (ev->type == WOAD_EV_SUBSCRIBE && (ev->u.subscribe.cccd & 2)) {
        woad_gatt_notify(d->host, ev->conn, 12, "note", 4);
        me->indications += woad_gatt_indicate(d->host, ev->conn, 12, "told", 4) == 0;
    } else if (ev->type == WOAD_EV_COC_REQUEST) {
        me->channels +=
            woad_coc_accept(d->host, ev->conn, ev->u.coc.cid, me->ring, sizeof me->ring) == 0;
    } else if (ev->type == WOAD_EV_COC_DATA) {
        uint8_t to[600];
        woad_coc_read(d->host, ev->conn, ev->u.coc_data.cid, to, sizeof to, NULL);
    } else if (ev->type == WOAD_EV_DISCONNECT && fault != FAULTS) {
        static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
        woad_adv_start(d->host, &adv);
    }
}

/* One procedure after the other: each starts when the one before has ended. */
static void central_goes_on(struct device *d, enum woad_gattc_op op, int status)
{
    static const uint8_t long_value[400] = { 7 };
    struct doing *me = &doing[1];
    struct woad *h = d->host;
    if (status) {
        return;
    }
    switch (op) {
    case WOAD_GATTC_MTU:
        me->gattc += woad_gattc_characteristics(h, me->conn, 1, 0xffff, &value_id) == 0;
        break;
    case WOAD_GATTC_CHARACTERISTICS:
        me->gattc += woad_gattc_read(h, me->conn, me->value) == 0;
        break;
    case WOAD_GATTC_READ:
        me->gattc += woad_gattc_write_long(h, me->conn, me->value, long_value, sizeof long_value,
                                           false) == 0;
        break;
    case WOAD_GATTC_WRITE_LONG:
        me->gattc += woad_gattc_write(h, me->conn, (uint16_t)(me->value + 1), "\3", 2) == 0;
        break;
    default: break;
    }
}

static void central_event(struct device *d, const struct woad_event *ev)
{
    static const struct woad_connect_params params = { 32, 32, 8, 8, 0, 100, 2000 };
    struct doing *me = &doing[1];
    struct woad *h = d->host;
    if (ev->type == WOAD_EV_REPORT && me->conn == WOAD_NO_CONN) {
        me->connects += woad_connect(h, &ev->u.report.addr, &params) == 0;
    } else if (ev->type == WOAD_EV_CONNECT) {
        me->conn = ev->conn;
        me->gattc += woad_gattc_exchange_mtu(h, ev->conn) == 0;
    } else if (ev->type == WOAD_EV_CHARACTERISTIC) {
        me->value = ev->u.characteristic.value;
    } else if (ev->type == WOAD_EV_GATTC_DONE) {
        central_goes_on(d, ev->u.done.op, ev->u.done.status);
    } else if (ev->type == WOAD_EV_INDICATION) {
        me->pairings += woad_pair(h, ev->conn) == 0;
    } else if (ev->type == WOAD_EV_SECURITY && ev->u.security.status == 0) {
        me->channels +=
            woad_coc_connect(h, ev->conn, &channel_of, me->ring, sizeof me->ring, &me->cid) == 0;
    } else if (ev->type == WOAD_EV_COC_OPEN) {
        me->sdus += woad_coc_send(h, ev->conn, ev->u.coc.cid, me->sdu, sizeof me->sdu) == 0;
    } else if (ev->type == WOAD_EV_COC_SENT && me->conn == ev->conn) {
        woad_disconnect(h, ev->conn, WOAD_HCI_REMOTE_USER_TERMINATED);
        me->done = true;
    } else if (ev->type == WOAD_EV_SCAN_DONE || ev->type == WOAD_EV_CONNECT_FAILED ||
               ev->type == WOAD_EV_DISCONNECT) {
        me->conn = WOAD_NO_CONN;
    }
}

static void count(struct device *d, const struct woad_event *ev)
{
    struct doing *me = &doing[d == dev[1]];
    device_forget(d);
    switch (ev->type) {
    case WOAD_EV_GATTC_DONE: me->gattc--; break;
    case WOAD_EV_CONNECT:
        me->connects -= ev->u.connect.central;
        me->connections++;
        break;
    case WOAD_EV_CONNECT_FAILED: me->connects--; break;
    case WOAD_EV_DISCONNECT: me->connections--; break;
    case WOAD_EV_SCAN_DONE: me->scans--; break;
    case WOAD_EV_INDICATED: me->indications--; break;
    case WOAD_EV_SECURITY: me->pairings -= d == dev[1]; break;
    case WOAD_EV_COC_CLOSED:
        me->channels--;
        me->sdus = 0; /* the application owns its buffer again: this event reports that too */
        break;
    case WOAD_EV_COC_SENT: me->sdus--; break;
    case WOAD_EV_DOWN: me->downs++; break;
    case WOAD_EV_UP: me->ups++; break;
    default: break;
    }
    if (d == dev[1]) {
        central_event(d, ev);
    } else {
        peripheral_event(d, ev);
    }
}

static void drain(struct device *d)
{
    uint8_t packet[WOAD_AIR_PACKET];
    while (woad_air_tx(d->air_controller, packet, sizeof packet)) {
    }
}

static void strike(struct device *d)
{
    static const uint8_t reset[] = { 1, 3, 0x0c, 0 }, hardware_error[] = { 4, 0x10, 1, 9 };
    if (fault == HANGS) {
        d->deaf = d->mute = true;
        return;
    }
    woad_air_rx(d->air_controller, reset, sizeof reset);
    drain(d);
    if (fault == UNPLUGGED) {
        woad_fail(d->host, WOAD_EIO);
    } else if (fault == RESET_TOLD) {
        woad_rx(d->host, hardware_error, sizeof hardware_error);
    }
}

static void both(void)
{
    static const struct woad_feature *const all[] = {
        &woad_feature_advertiser,     &woad_feature_scanner,          &woad_feature_central,
        &woad_feature_gatt_server,    &woad_feature_long_values,      &woad_feature_read_multiple,
        &woad_feature_signed_writes,  &woad_feature_pipelining,       &woad_feature_type_index,
        &woad_feature_gatt_client,    &woad_feature_security_manager, &woad_feature_keypresses,
        &woad_feature_l2cap_channels, &woad_feature_watchdog,         NULL
    };
    w = world_new(9, 0);
    memset(doing, 0, sizeof doing);
    for (int k = 0; k < 2; k++) {
        struct woad_config cfg = world_host_config(2);
        cfg.features = all;
        cfg.crypto = &crypto;
        cfg.random = random_octets;
        cfg.l2cap_channels = 2;
        cfg.psms = 2;
        side[k] = (struct side){ .random = 77u + (unsigned)k };
        dev[k] = world_add_config(w, cfg, world_controller_config(w, 2));
    }
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE };
    for (int k = 0; k < 2; k++) {
        woad_set_security_policy(dev[k]->host, &policy);
        memcpy(dev[k]->value, "value", 5);
        dev[k]->value_len = 5;
        dev[k]->on_event = count;
        dev[k]->act = strike;
        dev[k]->packets = 0;
    }
    peripheral_begins(dev[0]);
    central_begins(dev[1]);
}

static bool finish(uint64_t us)
{
    for (uint64_t gone = 0;
         gone < us && !(doing[1].done && !doing[0].connections && !doing[1].connections);
         gone += 10000) {
        world_run(w, 10000);
    }
    return doing[1].done && !doing[0].connections && !doing[1].connections;
}

static void nothing_is_left(int which)
{
    const struct doing *me = &doing[which];
    assert_int_equal(me->gattc, 0);
    assert_int_equal(me->connects, 0);
    assert_int_equal(me->indications, 0);
    assert_int_equal(me->pairings, 0);
    assert_int_equal(me->channels, 0);
    assert_int_equal(me->sdus, 0);
    assert_int_equal(me->connections, 0);
}

static void struck(int which, uint64_t at)
{
    both();
    dev[which]->act_at = at;
    if (getenv("WHERE")) {
        printf("fault %d of %d before packet %d\n", (int)fault, which, (int)at);
    }
    world_run(w, ALL_US);
    /* A silent restart of the controller is noticed at the next command; without a command it is
     * not. */
    world_run(w, AFTER_US);
    assert_in_range(doing[which].downs, 0, 1);
    assert_true(doing[which].downs == 1 || fault == RESET_UNTOLD);
    if (doing[which].downs == 0) {
        nothing_is_left(which); /* in this case too */
        woad_fail(dev[which]->host, WOAD_EIO);
    }
    assert_int_equal(doing[which].downs, 1);
    nothing_is_left(which);
    assert_int_equal(doing[which].scans, 0);
    /* A new start, all stages from the beginning. */
    dev[which]->deaf = dev[which]->mute = false;
    woad_air_rx(dev[which]->air_controller, (const uint8_t[]){ 1, 3, 0x0c, 0 }, 4);
    drain(dev[which]);
    assert_int_equal(woad_start(dev[which]->host), 0);
    world_run(w, 100000);
    assert_int_equal(doing[which].ups, 1);
    if (which == 0) {
        peripheral_begins(dev[0]);
    }
    if (woad_connect_cancel(dev[1]->host) == 0) {
        world_run(w, 100000);
    }
    woad_scan_stop(dev[1]->host);
    world_run(w, 5000000);
    central_begins(dev[1]);
    assert_true(finish(ALL_US));
    nothing_is_left(0);
    nothing_is_left(1);
    world_free(w);
}

static void at_every_packet(void **state)
{
    uint64_t packets[2];
    (void)state;
    fault = FAULTS;
    both();
    assert_true(finish(ALL_US));
    nothing_is_left(0);
    nothing_is_left(1);
    for (int k = 0; k < 2; k++) {
        packets[k] = dev[k]->packets;
        assert_int_equal(doing[k].downs, 0);
    }
    world_free(w);
    for (fault = UNPLUGGED; fault < FAULTS; fault++) {
        for (int which = 0; which < 2; which++) {
            for (uint64_t at = 1; at <= packets[which]; at++) {
                struck(which, at);
            }
        }
    }
    printf("%d times\n", (int)(FAULTS * (packets[0] + packets[1])));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(at_every_packet) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
