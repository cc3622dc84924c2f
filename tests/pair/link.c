/* Properties of a link and the choice of its peer, between hosts over the air: directed
 * advertising, the accept list, data length, channels, RSSI. */
#include "cm.h"

#include "world.h"

static const struct woad_connect_params params = { 16, 16, 12, 12, 0, 256, 2000 };
static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };

static const struct woad_event *event_of(const struct device *d, enum woad_event_type type)
{
    const struct seen *s = device_find(d, type);
    assert_non_null(s);
    return &s->ev;
}

/* GAP/CONN/DCON: only the target of directed advertising connects; fast and slow. */
static void directed(void **state)
{
    (void)state;
    for (uint8_t kind = WOAD_ADV_DIRECT_HIGH; kind <= WOAD_ADV_DIRECT_LOW; kind += 3) {
        struct world *w = world_new(kind, 0);
        struct device *p = world_add(w, 1), *friend = world_add(w, 1), *other = world_add(w, 1);
        struct woad_adv_params adv = { .kind = kind, .interval_625us = 160, .peer = friend->addr };
        struct woad_scan_params scan = { 48, 48, false, false, 300, false };
        friend->keep_reports = true;
        assert_int_equal(woad_adv_start(p->host, &adv), 0);
        assert_int_equal(woad_scan_start(friend->host, &scan), 0);
        assert_int_equal(woad_connect(other->host, &p->addr, &params), 0);
        world_run(w, 400000);
        assert_true(friend->reports > 0);
        assert_int_equal(event_of(friend, WOAD_EV_REPORT)->u.report.kind, 1);
        assert_null(device_find(other, WOAD_EV_CONNECT));
        assert_int_equal(woad_connect(friend->host, &p->addr, &params), 0);
        assert_non_null(world_wait(w, friend, WOAD_EV_CONNECT, 500000));
        world_run(w, 100000);
        assert_int_equal(event_of(p, WOAD_EV_CONNECT)->u.connect.central, false);
        assert_false(woad_adv_running(p->host));
        assert_null(device_find(other, WOAD_EV_CONNECT));
        world_free(w);
    }
}

/* GAP/DISC/NONM: without a connection for 1.28 s the directed advertising ends, the host gets an
 * event, and it may start again. */
static void directed_times_out(void **state)
{
    struct world *w = world_new(3, 0);
    struct device *p = world_add(w, 1);
    struct woad_adv_params adv = { .kind = WOAD_ADV_DIRECT_HIGH,
                                   .interval_625us = 32,
                                   .peer = { 0, { 1, 2, 3, 4, 5, 6 } } };
    (void)state;
    for (int n = 0; n < 2; n++) {
        assert_int_equal(woad_adv_start(p->host, &adv), 0);
        uint64_t began = woad_air_now(w->air);
        assert_non_null(world_wait(w, p, WOAD_EV_ADV_STOPPED, 2000000));
        assert_in_range(woad_air_now(w->air) - began, 1270000, 1300000);
        assert_int_equal(event_of(p, WOAD_EV_ADV_STOPPED)->u.adv.status,
                         WOAD_HCI_ADVERTISING_TIMEOUT);
        assert_false(woad_adv_running(p->host));
        device_forget(p);
    }
    world_free(w);
}

/* Three advertisers, two of them on the list.  A scan reports only those; a connection to the list
 * reaches one of them; and an advertiser with a list of its own accepts only the devices on it. */
static void accept_list(void **state)
{
    struct world *w = world_new(4, 0);
    struct device *c = world_add(w, 2), *p[3];
    struct woad_addr listed[2];
    struct woad_scan_params scan = { 48, 48, false, false, 1000, true };
    (void)state;
    for (int n = 0; n < 3; n++) {
        p[n] = world_add(w, 1);
        woad_adv_start(p[n]->host, &fast);
    }
    listed[0] = p[1]->addr;
    listed[1] = p[2]->addr;
    c->keep_reports = true;
    assert_int_equal(woad_accept_list_set(c->host, listed, 2), 0);
    assert_int_equal(woad_scan_start(c->host, &scan), 0);
    assert_non_null(world_wait(w, c, WOAD_EV_SCAN_DONE, 1500000));
    assert_int_equal(event_of(c, WOAD_EV_ACCEPT_LIST)->u.accept_list.status, 0);
    assert_true(c->reports > 20);
    for (size_t n = 0; n < c->logged; n++) {
        const struct woad_event *ev = &c->log[n].ev;
        assert_false(ev->type == WOAD_EV_REPORT &&
                     memcmp(ev->u.report.addr.octet, p[0]->addr.octet, 6) == 0);
    }
    device_forget(c);
    assert_int_equal(woad_connect(c->host, NULL, &params), 0);
    assert_int_equal(woad_accept_list_set(c->host, NULL, 0), WOAD_EBUSY);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 500000));
    const uint8_t *peer = event_of(c, WOAD_EV_CONNECT)->u.connect.peer.octet;
    assert_true(memcmp(peer, listed[0].octet, 6) == 0 || memcmp(peer, listed[1].octet, 6) == 0);
    world_free(w);
}

static void accept_list_of_an_advertiser(void **state)
{
    struct world *w = world_new(5, 0);
    struct device *p = world_add(w, 1), *friend = world_add(w, 1), *other = world_add(w, 1);
    struct woad_adv_params adv = fast;
    struct woad_scan_params scan = { 48, 48, true, false, 500, false };
    const uint8_t rsp[] = { 2, 9, 'x' };
    (void)state;
    adv.filter_policy = WOAD_ADV_ACCEPT_BOTH;
    woad_adv_set_scan_response(p->host, rsp, sizeof rsp);
    assert_int_equal(woad_accept_list_set(p->host, &friend->addr, 1), 0);
    assert_int_equal(woad_adv_start(p->host, &adv), 0);
    friend->keep_reports = other->keep_reports = true;
    assert_int_equal(woad_scan_start(friend->host, &scan), 0);
    assert_int_equal(woad_scan_start(other->host, &scan), 0);
    world_run(w, 600000);
    size_t answers[2] = { 0, 0 };
    for (int k = 0; k < 2; k++) {
        const struct device *d = k ? other : friend;
        for (size_t n = 0; n < d->logged; n++) {
            answers[k] += d->log[n].ev.type == WOAD_EV_REPORT && d->log[n].ev.u.report.kind == 4;
        }
    }
    assert_true(answers[0] > 0);
    assert_int_equal(answers[1], 0);
    assert_int_equal(woad_connect(other->host, &p->addr, &params), 0);
    world_run(w, 1000000);
    assert_null(device_find(p, WOAD_EV_CONNECT));
    assert_int_equal(woad_connect(friend->host, &p->addr, &params), 0);
    assert_non_null(world_wait(w, p, WOAD_EV_CONNECT, 500000));
    world_free(w);
}

/* --- links ------------------------------------------------------------------------------------ */

static uint64_t used_channels;

static void sniff(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    if (p->channel < 37) {
        used_channels |= 1ull << p->channel;
    }
}

static struct world *connect_with_features(struct device **p, struct device **c, uint16_t *pc,
                                           uint16_t *cp)
{
    struct world *w = world_new(6, 0);
    *p = world_add(w, 1);
    *c = world_add(w, 1);
    woad_adv_start((*p)->host, &fast);
    woad_connect((*c)->host, &(*p)->addr, &params);
    assert_non_null(world_wait(w, *c, WOAD_EV_CONNECT, 1000000));
    world_run(w, 200000);
    *cp = event_of(*c, WOAD_EV_CONNECT)->conn;
    *pc = event_of(*p, WOAD_EV_CONNECT)->conn;
    device_forget(*p);
    device_forget(*c);
    return w;
}

static void what_a_link_is_like(void **state)
{
    struct device *p, *c;
    uint16_t pc, cp;
    struct world *w = connect_with_features(&p, &c, &pc, &cp);
    (void)state;
    assert_int_equal(woad_link_read(c->host, cp, WOAD_LINK_RSSI), 0);
    assert_int_equal(woad_link_read(c->host, cp, WOAD_LINK_RSSI), WOAD_EBUSY);
    world_run(w, 10000);
    assert_in_range(-event_of(c, WOAD_EV_LINK)->u.link.dbm, 35, 45); /* 1 m */
    device_forget(c);
    assert_int_equal(woad_link_read(c->host, cp, WOAD_LINK_TX_POWER), 0);
    world_run(w, 10000);
    assert_int_equal(event_of(c, WOAD_EV_LINK)->u.link.status, 0);
    device_forget(c);
    assert_int_equal(woad_link_read(c->host, cp, WOAD_LINK_VERSION), 0);
    assert_int_equal(woad_link_read(p->host, pc, WOAD_LINK_FEATURES), 0);
    world_run(w, 200000);
    assert_int_equal(event_of(c, WOAD_EV_LINK)->u.link.version, 13);
    assert_int_equal(event_of(p, WOAD_EV_LINK)->u.link.item, WOAD_LINK_FEATURES);
    assert_int_equal(event_of(p, WOAD_EV_LINK)->u.link.status, 0);
    assert_true(event_of(p, WOAD_EV_LINK)->u.link.features[0] & 1 << 5); /* data length */
    world_free(w);
}

/* Both sides get the event, also the side that did not request the change. */
static void data_length(void **state)
{
    struct device *p, *c;
    uint16_t pc, cp;
    struct world *w = connect_with_features(&p, &c, &pc, &cp);
    (void)state;
    assert_int_equal(woad_link_set_data_length(p->host, pc, 100), 0);
    world_run(w, 200000);
    assert_int_equal(event_of(p, WOAD_EV_LINK)->u.link.item, WOAD_LINK_DATA_LENGTH);
    assert_int_equal(event_of(p, WOAD_EV_LINK)->u.link.tx_octets, 100);
    assert_int_equal(event_of(p, WOAD_EV_LINK)->u.link.rx_octets, 251);
    assert_int_equal(event_of(c, WOAD_EV_LINK)->u.link.rx_octets, 100);
    assert_int_equal(event_of(c, WOAD_EV_LINK)->u.link.tx_octets, 251);
    world_free(w);
}

/* A central marks channels as bad: from the instant on no packet is on them, and nothing is
 * lost. */
static void channels(void **state)
{
    static const uint8_t good[5] = { 0, 0, 0xff, 0x0f, 0 };
    struct woad_air_config cfg = { .seed = 7, .sniff = sniff };
    struct world *w = calloc(1, sizeof *w);
    (void)state;
    w->air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &cfg);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    woad_adv_start(p->host, &fast);
    woad_connect(c->host, &p->addr, &params);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 1000000));
    uint16_t cp = event_of(c, WOAD_EV_CONNECT)->conn;
    world_run(w, 2000000);
    assert_true(used_channels & 0xffff);
    assert_int_equal(woad_set_channel_map(c->host, good), 0);
    world_run(w, 300000);
    used_channels = 0;
    assert_int_equal(woad_gattc_read(c->host, cp, 3), 0);
    world_run(w, 5000000);
    assert_int_equal(used_channels & ~0x0fff0000ull, 0);
    assert_int_equal(used_channels, 0x0fff0000);
    assert_int_equal(event_of(c, WOAD_EV_GATTC_DONE)->u.done.status, 0);
    uint16_t pc = event_of(p, WOAD_EV_CONNECT)->conn;
    device_forget(p);
    assert_int_equal(woad_link_read(p->host, pc, WOAD_LINK_CHANNEL_MAP), 0);
    world_run(w, 10000);
    assert_memory_equal(event_of(p, WOAD_EV_LINK)->u.link.channel_map, good, 5);
    assert_null(device_find(p, WOAD_EV_DISCONNECT));
    /* A later connection has the channel map from its start. */
    assert_int_equal(woad_disconnect(c->host, cp, 0x13), 0);
    assert_non_null(world_wait(w, p, WOAD_EV_DISCONNECT, 1000000));
    device_forget(c);
    device_forget(p);
    used_channels = 0;
    woad_adv_start(p->host, &fast);
    woad_connect(c->host, &p->addr, &params);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 1000000));
    world_run(w, 1000000);
    assert_int_equal(used_channels & ~0x0fff0000ull, 0);
    world_free(w);
}

/* A PHY that neither controller supports is refused, and the link stays. */
static void phy_that_is_not_there(void **state)
{
    struct device *p, *c;
    uint16_t pc, cp;
    struct world *w = connect_with_features(&p, &c, &pc, &cp);
    (void)state;
    assert_int_equal(
        woad_link_set_phy(c->host, cp, WOAD_PHYS_CODED, WOAD_PHYS_CODED, WOAD_CODING_S8), 0);
    assert_int_equal(woad_gattc_read(c->host, cp, 3), 0);
    world_run(w, 300000);
    assert_int_equal(event_of(c, WOAD_EV_LINK)->u.link.item, WOAD_LINK_PHY);
    assert_int_equal(event_of(c, WOAD_EV_GATTC_DONE)->u.done.status, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directed),
        cmocka_unit_test(directed_times_out),
        cmocka_unit_test(accept_list),
        cmocka_unit_test(accept_list_of_an_advertiser),
        cmocka_unit_test(what_a_link_is_like),
        cmocka_unit_test(data_length),
        cmocka_unit_test(channels),
        cmocka_unit_test(phy_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
