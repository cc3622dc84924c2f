/* Timing on the air, measured by a sniffer: intervals, T_IFS, anchors; and the same seed gives the
 * same packets. */
#include "cm.h"

#include "world.h"

enum { KEEP = 4000, AIRTIME_0 = 8 * (1 + 4 + 2 + 3) };
struct received {
    uint64_t start;
    uint8_t channel, type;
    uint16_t len;
    bool data;
};
static struct received received[KEEP];
static size_t n_received;

static void sniff(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    if (n_received < KEEP) {
        received[n_received++] =
            (struct received){ p->start_us, p->channel, p->pdu[0] & 15, p->len, p->channel < 37 };
    }
}

static struct world *sniffed(uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    struct woad_air_config cfg = { .seed = seed, .sniff = sniff };
    w->air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &cfg);
    n_received = 0;
    return w;
}

/* Vol 6, Part B, 4.4.2.2: T_advEvent = advInterval + advDelay, 0 to 10 ms; channels 37, 38, 39 in
 * order. */
static void advertising_events(void **state)
{
    struct world *w = sniffed(1);
    struct device *p = world_add(w, 1);
    struct woad_adv_params adv = { .kind = WOAD_ADV_NONCONN_IND, .interval_625us = 160 };
    uint64_t last = 0, min_u32 = UINT64_MAX, most = 0;
    (void)state;
    woad_adv_start(p->host, &adv);
    world_run(w, 60000000);
    assert_in_range(n_received, 3 * 560, 3 * 600);
    for (size_t i = 0; i + 2 < n_received; i += 3) {
        uint64_t apart = received[i].start - last;
        for (uint8_t k = 0; k < 3; k++) {
            assert_int_equal(received[i + k].channel, 37 + k);
        }
        if (last) {
            assert_in_range(apart, 100000, 110000);
            min_u32 = apart < min_u32 ? apart : min_u32;
            most = apart > most ? apart : most;
        }
        last = received[i].start;
    }
    assert_true(min_u32 < 100500 && most > 109500);
    world_free(w);
}

/* Vol 6, Part B, 4.1, 4.5.1: 150 us between the two packets of an exchange, one interval between
 * anchors, every packet of an event on one channel. */
static void connection_events(void **state)
{
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params params = { 16, 16, 24, 24, 0, 256, 2000 };
    struct world *w = sniffed(2);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    (void)state;
    woad_adv_start(p->host, &fast);
    woad_connect(c->host, &p->addr, &params);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 2000000));
    world_run(w, 3000000);
    n_received = 0;
    world_run(w, 3000000);
    assert_int_equal(n_received, 200);
    unsigned changes = 0;
    for (size_t i = 0; i + 1 < n_received; i += 2) {
        assert_true(received[i].data);
        assert_int_equal(received[i + 1].start - received[i].start, AIRTIME_0 + 150);
        assert_int_equal(received[i + 1].channel, received[i].channel);
        if (i) {
            assert_int_equal(received[i].start - received[i - 2].start, 30000);
            changes += received[i].channel != received[i - 2].channel;
        }
    }
    assert_in_range(changes, 90, 99); /* 99 times, but one in 37 is the same by chance */
    world_free(w);
}

static uint64_t busy_world(uint64_t seed)
{
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params params = { 16, 16, 12, 12, 0, 256, 2000 };
    struct woad_scan_params scan = { 48, 48, true, false, 0, false };
    struct world *w = world_new(seed, 100);
    struct device *a = world_add(w, 4), *b = world_add(w, 4), *c = world_add(w, 4);
    woad_adv_start(a->host, &fast);
    woad_scan_start(c->host, &scan);
    woad_connect(b->host, &a->addr, &params);
    world_run(w, 1000000);
    woad_adv_start(a->host, &fast);
    woad_adv_start(b->host, &fast);
    world_run(w, 3000000);
    uint64_t hash = world_hash(w);
    world_free(w);
    return hash;
}

static void the_same_seed_the_same_packets(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        uint64_t hash = busy_world(seed);
        assert_true(busy_world(seed) == hash);
        assert_true(busy_world(seed + 100) != hash);
    }
}

/* Packets of two advertisers that overlap destroy each other for a receiver between them; near one
 * advertiser, its packets are received all the same. */
static void collisions(void **state)
{
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_NONCONN_IND,
                                                 .interval_625us = 32 };
    struct world *w = world_new(5, 0);
    struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    struct device *ear = world_add(w, 1);
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct device *d = world_add(w, 1);
        woad_adv_start(d->host, &fast);
    }
    woad_scan_start(ear->host, &scan);
    world_run(w, 5000000);
    /* 20 advertisers, every 20 to 30 ms, are 4,000 packets on the channel: one in seven overlaps
     * with one that is near enough to destroy it. */
    assert_in_range(ear->reports, 3200, 3700);
    world_free(w);
}

/* 150 m away, with 40 dB of loss in the first metre: not received. */
static void distance(void **state)
{
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_NONCONN_IND,
                                                 .interval_625us = 32 };
    struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    const int32_t metres[] = { 1, 10, 100, 2000 };
    const int rssi[] = { -40, -60, -80, 0 };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct world *w = world_new(6, 0);
        struct device *ear = world_add(w, 1);
        struct woad_air_controller_config cfg = world_controller_config(w, 1);
        cfg.x_mm = metres[i] * 1000;
        struct device *d = world_add_config(w, world_host_config(1), cfg);
        ear->keep_reports = true;
        woad_adv_start(d->host, &fast);
        woad_scan_start(ear->host, &scan);
        world_run(w, 200000);
        const struct seen *s = device_find(ear, WOAD_EV_REPORT);
        assert_true((s != NULL) == (rssi[i] != 0));
        if (s) {
            assert_in_range(s->ev.u.report.rssi - rssi[i] + 1, 0, 2);
        }
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advertising_events),
        cmocka_unit_test(connection_events),
        cmocka_unit_test(the_same_seed_the_same_packets),
        cmocka_unit_test(collisions),
        cmocka_unit_test(distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
