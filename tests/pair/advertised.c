/* Extended advertising, by two and three hosts: sets, long data, PHYs, connections, ends. */
#include "cm.h"

#include "world.h"

enum { SETS = 3 };
static const struct woad_scan_params scan = { 32, 32, false, false, 0, false };
static const struct woad_scan_params asking = { 32, 32, true, false, 0, false };
static const struct woad_connect_params params = { 32, 32, 8, 8, 0, 100, 3000 };

static struct {
    uint8_t data[WOAD_EXT_DATA_MAX];
    size_t len;
    int whole, parts, truncated, responses;
    struct woad_ext_report last;
} received;

static void on_event(struct device *d, const struct woad_event *ev)
{
    const struct woad_ext_report *r = &ev->u.ext_report;
    if (ev->type != WOAD_EV_EXT_REPORT) {
        return;
    }
    d->logged--; /* keep the log short: there are many events */
    if (!received.whole && received.len + r->len <= sizeof received.data) {
        memcpy(received.data + received.len, r->data, r->len);
        received.len += r->len;
    }
    received.parts++;
    received.truncated += r->truncated;
    received.responses += (r->props & 8) != 0;
    received.last = *r;
    if (!r->more) {
        received.whole++;
    }
}

static struct world *w;
static struct device *a, *s;

static struct device *one(uint8_t sets_of_host, uint8_t sets_of_controller)
{
    static const struct woad_feature *const all[] = { &woad_feature_advertiser,
                                                      &woad_feature_scanner,
                                                      &woad_feature_central,
                                                      &woad_feature_gatt_server,
                                                      &woad_feature_long_values,
                                                      &woad_feature_read_multiple,
                                                      &woad_feature_signed_writes,
                                                      &woad_feature_pipelining,
                                                      &woad_feature_type_index,
                                                      &woad_feature_gatt_client,
                                                      &woad_feature_extended_advertising,
                                                      NULL };
    struct woad_config host = world_host_config(2);
    struct woad_air_controller_config controller_config = world_controller_config(w, 2);
    host.features = all;
    host.adv_sets = sets_of_host;
    controller_config.adv_sets = sets_of_controller;
    return world_add_config(w, host, controller_config);
}

static void both(uint64_t seed)
{
    w = world_new(seed, 0);
    a = one(SETS, SETS + 1);
    s = one(0, 1);
    s->on_event = on_event;
    memset(&received, 0, sizeof received);
}

static void fresh(void)
{
    memset(&received, 0, sizeof received);
}

static const struct woad_ext_adv_params plain = {
    .interval_625us = 160, .sid = 5, .secondary_phy = WOAD_PHY_2M, .tx_power_dbm = WOAD_TX_POWER_ANY
};

/* A scanner reports data of 0 to 1,650 octets whole, in whatever fragments the host gives them. */
static void long_data(void **state)
{
    static const size_t lengths[] = { 0, 1, 31, 200, 250, 251, 252, 502, 503, 1000, 1649, 1650 };
    static uint8_t data[WOAD_EXT_DATA_MAX];
    (void)state;
    for (size_t k = 0; k < sizeof data; k++) {
        data[k] = (uint8_t)(k % 250 == 0 ? 249 : k); /* structures of 250 octets */
    }
    both(1);
    assert_int_equal(woad_scan_start(s->host, &scan), 0);
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        assert_int_equal(woad_ext_adv_set_data(a->host, 1, data, lengths[k]), 0);
        assert_int_equal(woad_ext_adv_start(a->host, 1, &plain), 0);
        world_run(w, 50000);
        fresh();
        for (int ms = 0; ms < 2000 && !received.whole; ms++) {
            world_run(w, 1000);
        }
        assert_true(received.whole >= 1);
        assert_int_equal(received.truncated, 0);
        assert_int_equal(received.len, lengths[k]);
        assert_memory_equal(received.data, data, lengths[k]);
        assert_int_equal(received.last.sid, 5);
        assert_int_equal(received.last.primary_phy, WOAD_PHY_1M);
        assert_int_equal(received.last.secondary_phy, WOAD_PHY_2M);
        assert_memory_equal(received.last.addr.octet, a->addr.octet, 6);
        assert_int_equal(received.last.props & 0x1f, 0);
        if (k & 1) { /* every second time the data change while the set is stopped */
            assert_int_equal(woad_ext_adv_stop(a->host, 1), 0);
            assert_non_null(world_wait(w, a, WOAD_EV_EXT_ADV_ENDED, 200000));
        }
        device_forget(a);
    }
    world_free(w);
}

/* The application changes the data of a running set; short data without a pause.  A scanner that
 * sends a request receives the scan response. */
static void changed_and_requested(void **state)
{
    struct woad_ext_adv_params p = plain;
    uint8_t one_[] = "\5\xff"
                     "one.",
            two[] = "\5\xff"
                    "two.";
    static uint8_t rest[700];
    (void)state;
    both(2);
    memset(rest, 7, sizeof rest);
    woad_scan_start(s->host, &asking);
    woad_ext_adv_set_data(a->host, 0, one_, 6);
    woad_ext_adv_start(a->host, 0, &p);
    world_run(w, 500000);
    assert_memory_equal(received.data, one_, 6);
    woad_ext_adv_set_data(a->host, 0, two, 6);
    world_run(w, 150000);
    fresh();
    world_run(w, 300000);
    assert_memory_equal(received.data, two, 6);
    assert_int_equal(device_count(a, WOAD_EV_EXT_ADV_STARTED), 1); /* the set was not restarted */
    p.scannable = true;
    woad_ext_adv_set_data(a->host, 0, NULL, 0);
    woad_ext_adv_set_scan_response(a->host, 0, rest, sizeof rest);
    woad_ext_adv_start(a->host, 0, &p);
    world_run(w, 100000);
    fresh();
    world_run(w, 1000000);
    assert_true(received.responses > 0);
    assert_int_equal(device_count(a, WOAD_EV_EXT_ADV_ENDED), 0);
    world_free(w);
}

/* A connection to a set, on 2M and on the coded PHY.  The set ends with the connection, and its
 * event names the set. */
static void connected(void **state)
{
    (void)state;
    for (int coded = 0; coded < 2; coded++) {
        struct woad_ext_adv_params p = plain;
        both(3);
        p.connectable = true;
        p.primary_phy = coded ? WOAD_PHY_CODED : WOAD_PHY_1M;
        p.secondary_phy = coded ? WOAD_PHY_CODED : WOAD_PHY_2M;
        assert_int_equal(woad_ext_adv_start(a->host, 2, &p), 0);
        woad_scan_start(s->host, &scan);
        world_run(w, 1000000);
        /* a scanner on 1M does not receive the coded PHY */
        assert_int_equal(received.whole > 0, !coded);
        if (coded) {
            woad_scan_stop(s->host);
            world_run(w, 10000);
            assert_int_equal(woad_set_scan_phys(s->host, WOAD_PHYS_1M | WOAD_PHYS_CODED), 0);
            assert_int_equal(woad_scan_start(s->host, &scan), 0);
            world_run(w, 3000000);
            assert_true(received.whole > 0);
            assert_int_equal(received.last.primary_phy, WOAD_PHY_CODED);
            assert_int_equal(woad_set_connect_phys(s->host, WOAD_PHYS_CODED), 0);
        }
        assert_int_equal(received.last.props & 0x1f, 1);
        assert_int_equal(woad_connect(s->host, &a->addr, &params), 0);
        assert_non_null(world_wait(w, s, WOAD_EV_CONNECT, 5000000));
        const struct seen *ended = world_wait(w, a, WOAD_EV_EXT_ADV_ENDED, 200000);
        assert_non_null(ended);
        assert_int_equal(ended->ev.u.ext_adv.set, 2);
        assert_int_equal(ended->ev.u.ext_adv.status, 0);
        assert_int_equal(ended->ev.conn, device_find(a, WOAD_EV_CONNECT)->ev.conn);
        assert_int_equal(woad_gattc_read(s->host, device_find(s, WOAD_EV_CONNECT)->ev.conn, 3), 0);
        const struct seen *done = world_wait(w, s, WOAD_EV_GATTC_DONE, 2000000);
        assert_non_null(done);
        assert_int_equal(done->ev.u.done.status, 0);
        world_free(w);
    }
}

/* A central may send its request at any moment of its scan window.  Without loss every attempt
 * leads to a connection, to legacy advertising and to a coded set beside other sets. */
static void at_any_moment(void **state)
{
    static uint8_t data[1000];
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct woad_ext_adv_params p = plain, q = plain;
        both(seed);
        p.interval_625us = q.interval_625us = 80;
        q.connectable = true;
        q.primary_phy = q.secondary_phy = WOAD_PHY_CODED;
        woad_ext_adv_set_data(a->host, 0, data, sizeof data);
        woad_ext_adv_start(a->host, 0, &p);
        woad_ext_adv_start(a->host, 1, &q);
        world_run(w, 100000 + seed * 1000);
        woad_set_connect_phys(s->host, WOAD_PHYS_CODED);
        assert_int_equal(woad_connect(s->host, &a->addr, &params), 0);
        assert_non_null(world_wait(w, s, WOAD_EV_CONNECT, 2000000));
        world_run(w, 300000);
        assert_null(device_find(s, WOAD_EV_DISCONNECT));
        assert_null(device_find(a, WOAD_EV_DISCONNECT));
        world_free(w);
    }
}

/* A connection to a set does not end legacy advertising, and a connection to legacy advertising
 * does not end the set. */
static void one_of_both(void **state)
{
    static const struct woad_adv_params legacy = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    struct woad_ext_adv_params p = plain;
    (void)state;
    for (int extended = 0; extended < 2; extended++) {
        both(8);
        p.connectable = true;
        p.primary_phy = p.secondary_phy = WOAD_PHY_CODED;
        woad_adv_start(a->host, &legacy);
        woad_ext_adv_start(a->host, 0, &p);
        world_run(w, 200000);
        uint8_t phys = extended ? WOAD_PHYS_CODED : WOAD_PHYS_1M;
        assert_int_equal(woad_set_connect_phys(s->host, phys), 0);
        assert_int_equal(woad_connect(s->host, &a->addr, &params), 0);
        assert_non_null(world_wait(w, s, WOAD_EV_CONNECT, 3000000));
        world_run(w, 100000);
        assert_int_equal(woad_adv_running(a->host), extended);
        assert_int_equal(device_count(a, WOAD_EV_EXT_ADV_ENDED), extended);
        struct device *b = one(0, 1);
        phys ^= WOAD_PHYS_1M | WOAD_PHYS_CODED;
        assert_int_equal(woad_set_connect_phys(b->host, phys), 0);
        assert_int_equal(woad_connect(b->host, &a->addr, &params), 0);
        assert_non_null(world_wait(w, b, WOAD_EV_CONNECT, 3000000));
        world_run(w, 100000);
        assert_false(woad_adv_running(a->host));
        assert_int_equal(device_count(a, WOAD_EV_EXT_ADV_ENDED), 1);
        world_free(w);
    }
}

/* A set ends after its duration, after its number of events, and when the application stops it; the
 * controller refuses one; a set is restarted. */
static void ends(void **state)
{
    struct woad_ext_adv_params p = plain;
    (void)state;
    both(4);
    p.duration_10ms = 50;
    woad_ext_adv_start(a->host, 0, &p);
    assert_non_null(world_wait(w, a, WOAD_EV_EXT_ADV_ENDED, 600000));
    assert_int_equal(a->log[a->logged - 1].ev.u.ext_adv.status, WOAD_HCI_ADVERTISING_TIMEOUT);
    p.duration_10ms = 0;
    p.events_max = 3;
    device_forget(a);
    woad_ext_adv_start(a->host, 0, &p);
    assert_non_null(world_wait(w, a, WOAD_EV_EXT_ADV_ENDED, 600000));
    assert_int_equal(a->log[a->logged - 1].ev.u.ext_adv.status, WOAD_HCI_LIMIT_REACHED);
    p.events_max = 0;
    device_forget(a);
    for (int k = 0; k < 5; k++) { /* restarted: one event for each start, and no end in between */
        woad_ext_adv_start(a->host, 0, &p);
        world_run(w, 20000);
    }
    assert_int_equal(device_count(a, WOAD_EV_EXT_ADV_STARTED), 5);
    assert_int_equal(device_count(a, WOAD_EV_EXT_ADV_ENDED), 0);
    woad_ext_adv_stop(a->host, 0);
    world_run(w, 20000);
    assert_int_equal(device_count(a, WOAD_EV_EXT_ADV_ENDED), 1);
    /* The controller has one set fewer than the host. */
    struct device *b = one(SETS, 2);
    woad_ext_adv_start(b->host, 0, &plain);
    woad_ext_adv_start(b->host, 1, &plain);
    woad_ext_adv_start(b->host, 2, &plain);
    world_run(w, 100000);
    assert_int_equal(device_count(b, WOAD_EV_EXT_ADV_STARTED), 2);
    assert_int_equal(device_count(b, WOAD_EV_EXT_ADV_ENDED), 1);
    assert_true(device_find(b, WOAD_EV_EXT_ADV_ENDED)->ev.u.ext_adv.status > 0);
    world_free(w);
}

/* One host runs legacy advertising and three sets at once; all of them get a new address. */
static void all_at_once(void **state)
{
    static const struct woad_adv_params legacy = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    uint8_t data[3][4] = { { 3, 0xff, 0, 0 }, { 3, 0xff, 1, 1 }, { 3, 0xff, 2, 2 } };
    static const uint8_t address[6] = { 1, 2, 3, 4, 5, 0xc6 };
    (void)state;
    both(5);
    for (uint8_t k = 0; k < SETS; k++) {
        struct woad_ext_adv_params p = plain;
        p.sid = k;
        assert_int_equal(woad_ext_adv_set_data(a->host, k, data[k], 4), 0);
        assert_int_equal(woad_ext_adv_start(a->host, k, &p), 0);
    }
    woad_adv_set_data(a->host, (const uint8_t *)"\2\1\6", 3);
    woad_adv_start(a->host, &legacy);
    woad_scan_start(s->host, &scan);
    for (int round = 0; round < 2; round++) {
        unsigned sids = 0;
        for (int ms = 0; ms < 3000; ms++) {
            world_run(w, 1000);
            sids |= received.whole ? 1u << received.last.sid : 0;
            assert_true(!received.whole || received.last.len == 0 || received.last.len == 4);
            assert_true(!received.whole ||
                        memcmp(received.last.addr.octet, round ? address : a->addr.octet, 6) == 0);
            fresh();
        }
        assert_int_equal(sids, 7);
        assert_true(s->reports > 10);
        s->reports = 0;
        assert_int_equal(woad_set_own_address(a->host, WOAD_ADDR_RANDOM, address), 0);
        world_run(w, 300000);
        fresh();
    }
    world_free(w);
}

/* Refused: a controller without the feature, a set that is not started or does not exist,
 * parameters that contradict each other. */
static void refused(void **state)
{
    struct woad_ext_adv_params p = plain;
    (void)state;
    both(6);
    struct device *old = one(SETS, 0), *none = world_add(w, 1);
    assert_int_equal(woad_ext_adv_start(old->host, 0, &p), WOAD_ENOTSUP);
    assert_int_equal(woad_set_scan_phys(old->host, WOAD_PHYS_CODED), WOAD_ENOTSUP);
    assert_int_equal(woad_set_connect_phys(old->host, WOAD_PHYS_2M), WOAD_ENOTSUP);
    assert_int_equal(woad_ext_adv_start(none->host, 0, &p), WOAD_ENOTSUP);
    assert_int_equal(woad_set_scan_phys(none->host, WOAD_PHYS_1M), WOAD_ENOTSUP);
    assert_int_equal(woad_ext_adv_start(a->host, SETS, &p), WOAD_EINVAL);
    assert_int_equal(woad_ext_adv_stop(a->host, SETS), WOAD_EINVAL);
    assert_int_equal(woad_ext_adv_set_data(a->host, 0, p.peer.octet, 1651), WOAD_EINVAL);
    assert_int_equal(woad_ext_adv_set_data(a->host, 0, NULL, 1), WOAD_EINVAL);
    assert_int_equal(woad_set_scan_phys(a->host, WOAD_PHYS_2M), WOAD_EINVAL);
    assert_int_equal(woad_set_connect_phys(a->host, 0), WOAD_EINVAL);
    static const struct woad_ext_adv_params wrong[] = {
        { .interval_625us = 0x1f },
        { .interval_625us = 0x1000000 },
        { .interval_625us = 32, .sid = 16 },
        { .interval_625us = 32, .adv_channel_map = 8 },
        { .interval_625us = 32, .connectable = true, .scannable = true },
        { .interval_625us = 32, .connectable = true, .anonymous = true },
        { .interval_625us = 32, .primary_phy = WOAD_PHY_2M },
        { .interval_625us = 32, .secondary_phy = 4 },
        { .interval_625us = 32, .filter_policy = 1 },
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_int_equal(woad_ext_adv_start(a->host, 0, &wrong[k]), WOAD_EINVAL);
    }
    woad_stop(a->host);
    world_run(w, 100000);
    assert_int_equal(woad_ext_adv_start(a->host, 0, &p), WOAD_ENODEV);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_data),   cmocka_unit_test(changed_and_requested),
        cmocka_unit_test(connected),   cmocka_unit_test(at_any_moment),
        cmocka_unit_test(ends),        cmocka_unit_test(all_at_once),
        cmocka_unit_test(one_of_both), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
