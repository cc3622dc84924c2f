/* L2CAP channels between hosts over the air: many at once, SDUs of all lengths, losses,
 * disconnections. */
#include "streams.h"

enum { PEERS = 8, SDUS_EACH = 8 };

static const uint16_t edges[] = { 23, 24, 246, 247, 248, 251 };

/* Lengths around each edge, the longest, and some at random. */
static size_t all_lengths(const struct end *e, unsigned n)
{
    const size_t mps = e->other->mps;
    const size_t lengths[] = { 0,   1,       mps - 3,         mps - 2,       mps - 1,
                               mps, mps + 1, 2 * mps - 3,     2 * mps - 2,   2 * mps - 1,
                               0,   0,       7 + e->id * 17u, 1 + e->id * 3u };
    if (n < sizeof lengths / sizeof *lengths) {
        return lengths[n];
    }
    return n == sizeof lengths / sizeof *lengths ? SDU_MAX
                                                 : (e->id * 2654435761u + n * 40503u) % 3000;
}

static uint16_t conns[PEERS], theirs[PEERS];
static struct device *hub, *peer[PEERS];

static void many_begin(struct world **w, uint64_t seed, uint16_t loss)
{
    *w = world_new(seed, loss);
    n_ends = 0;
    hub = channels_host(*w, PEERS, PEERS * SDUS_EACH, 251);
    for (int i = 0; i < PEERS; i++) {
        peer[i] = channels_host(*w, 1, SDUS_EACH, 251);
        channels_join(*w, hub, peer[i], 24, &conns[i], &theirs[i]);
        channels_fast(*w, hub, conns[i]);
    }
}

/* All connections open their channels at once, and both sides listen.  The hub requests a channel
 * as long as pairs of frame sizes are left, until all 36 are used; afterwards the peer requests
 * every second one. */
static void many_listen(void)
{
    for (uint16_t j = 0; j < SDUS_EACH; j++) {
        struct end like = { .psm = (uint16_t)(0x80 + j),
                            .mtu = SDU_MAX,
                            .mps = edges[j % 6],
                            .credits_per_sdu = j % 3 == 0 };
        struct woad_coc_params p = end_params(&like);
        assert_int_equal(woad_coc_listen(hub->host, &p), 0);
        for (int i = 0; i < PEERS; i++) {
            p.mps = edges[(i * SDUS_EACH + j) / 6 % 6];
            p.credits_per_sdu = j % 4 == 0;
            assert_int_equal(woad_coc_listen(peer[i]->host, &p), 0);
        }
    }
}

static void many_open(struct world *w, unsigned sdus)
{
    unsigned pairs[6][6] = { { 0 } }, all = 0;
    many_listen();
    for (int k = 0; k < PEERS * SDUS_EACH; k++) {
        int i = k / SDUS_EACH, j = k % SDUS_EACH;
        bool ours = k < 36 || k % 2;
        struct end *a = end_new(hub, conns[i], (uint16_t)(0x80 + j), 251 + (size_t)k * 50);
        struct end *b = end_new(peer[i], theirs[i], (uint16_t)(0x80 + j), 6000 - (size_t)k * 80);
        a->other = b;
        b->other = a;
        a->manner = k % MANNERS;
        b->manner = (k / 2) % MANNERS;
        a->mps = edges[ours ? k % 6 : j % 6];
        b->mps = edges[k / 6 % 6];
        a->len = b->len = all_lengths;
        a->sdus = b->sdus = sdus;
        all += ours && pairs[k % 6][k / 6 % 6]++ == 0;
        struct end *requester = ours ? a : b;
        requester->credits_per_sdu = k % 5 == 0;
        struct woad_coc_params p = end_params(requester);
        requester->requested = true;
        assert_int_equal(woad_coc_connect(requester->d->host, requester->conn, &p, requester->rx,
                                          requester->rx_size, &requester->cid),
                         0);
    }
    assert_int_equal(all, 36);
    world_pump(w);
}

static void many_at(uint16_t loss, unsigned sdus)
{
    struct world *w;
    many_begin(&w, 600 + loss, loss);
    uint64_t start = woad_air_now(w->air), octets = 0;
    many_open(w, sdus);
    assert_true(streams_run(w, 3000000000u));
    for (size_t n = 0; n < n_ends; n++) {
        octets += ends[n].got_octets;
        assert_int_equal(ends[n].got_octets, ends[n].other->sent_octets);
    }
    print_message("64 channels, loss %u.%u %%: %u kB in %u s\n", loss / 10u, loss % 10u,
                  (unsigned)(octets / 1000), (unsigned)((woad_air_now(w->air) - start) / 1000000));
    ends_forget();
    world_free(w);
}

static void many(void **state)
{
    (void)state;
    many_at(0, 20);
    many_at(10, 14); /* not the longest SDU, which takes long */
    many_at(50, 14);
    many_at(200, 15);
}

/* Opens another channel on this connection, if a slot is free. */
static void one_more(int i, int j)
{
    if (n_ends + 2 > ENDS) {
        return;
    }
    struct end *a = end_new(hub, conns[i], (uint16_t)(0x80 + j), 600);
    struct end *b = end_new(peer[i], theirs[i], (uint16_t)(0x80 + j), 900);
    a->other = b;
    b->other = a;
    a->len = b->len = all_lengths;
    a->mps = 100;
    b->mps = edges[(i * SDUS_EACH + j) / 6 % 6];
    a->sdus = b->sdus = 40;
    struct woad_coc_params p = end_params(a);
    a->requested = true;
    if (woad_coc_connect(hub->host, a->conn, &p, a->rx, a->rx_size, &a->cid)) {
        end_gone(a, 0);
        end_gone(b, 0);
        n_ends -= 2;
    }
}

/* Every few milliseconds a channel, of either side, or a connection ends, and new channels are
 * opened.  Each channel has one last event, which returns its buffers to the caller (the test frees
 * them there).  In the end all slots are free. */
static void ended_in_the_middle(void **state)
{
    struct world *w;
    uint32_t x = 7;
    unsigned closed = 0;
    (void)state;
    many_begin(&w, 77, 20);
    many_open(w, 40);
    for (int round = 0; round < 400; round++) {
        world_run(w, 1000 + x % 40000);
        x = x * 1664525u + 1013904223u;
        struct end *e = &ends[(x >> 8) % n_ends];
        if (e->open) {
            assert_int_equal(woad_coc_disconnect(e->d->host, e->conn, e->cid), 0);
            assert_int_equal(woad_coc_disconnect(e->d->host, e->conn, e->cid), WOAD_EALREADY);
            e->open = false;
        }
        if (round % 8 == 7) {
            one_more((int)(x >> 20) % 2 + 6, (int)(x >> 24) % SDUS_EACH);
        }
        if (round % 60 == 59) {
            int i = round / 60;
            bool by_hub = round % 120 < 60;
            struct woad *host = (by_hub ? hub : peer[i])->host;
            uint16_t conn = by_hub ? conns[i] : theirs[i];
            assert_int_equal(woad_disconnect(host, conn, 0x13), 0);
        }
    }
    world_run(w, 40000000); /* longer than any request waits for its answer */
    for (size_t n = 0; n < n_ends; n++) {
        closed += ends[n].closed;
        bool lives =
            ends[n].open && woad_coc_pending(ends[n].d->host, ends[n].conn, ends[n].cid) >= 0;
        assert_true(ends[n].closed || lives);
    }
    assert_true(closed > 100);
    for (int i = 6; i < PEERS; i++) { /* the remaining connections */
        assert_int_equal(woad_disconnect(hub->host, conns[i], 0x13), 0);
    }
    /* a side that missed the disconnection waits for its supervision timeout */
    world_run(w, 10000000);
    for (size_t n = 0; n < n_ends; n++) {
        assert_true(ends[n].closed);
    }
    ends_forget();
    uint16_t cids[PEERS * SDUS_EACH];
    static uint8_t rx[64];
    const struct woad_coc_params p = { .psm = 0x90, .mtu = 23 };
    channels_join(w, hub, peer[0], 24, &conns[0], &theirs[0]);
    for (int k = 0; k < 64; k++) { /* opens as many channels as there are slots */
        assert_int_equal(woad_coc_connect(hub->host, conns[0], &p, rx, sizeof rx, &cids[k]), 0);
    }
    assert_int_equal(woad_coc_connect(hub->host, conns[0], &p, rx, sizeof rx, &cids[0]),
                     WOAD_ENOMEM);
    world_free(w);
}

/* --- throughput ------------------------------------------------------------------------------- */

enum { VALUE = 12 };

static uint64_t notified;
static uint16_t notifier_conn;

/* Queues notifications of 244 octets until the queue is full. */
static void notify_more(struct device *d, uint16_t conn)
{
    static const uint8_t value[244];
    notifier_conn = conn;
    while (woad_gatt_notify(d->host, conn, VALUE, value, sizeof value) == 0) {
    }
}

static void on_notifier(struct device *d, const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_TX_READY) {
        notify_more(d, notifier_conn);
    }
    on_stream(d, ev);
}

static void on_both(struct device *d, const struct woad_event *ev)
{
    notified += ev->type == WOAD_EV_NOTIFIED ? ev->u.value.len : 0u;
    on_stream(d, ev);
}

/* Limit of the link layer's air time in octets a second: unencrypted packets of 251 octets on 2M.
 * One exchange takes 4 (2 + 4 + 2 + 251 + 3) us, two T_IFS and an empty packet. */
static double limit_of(uint16_t interval, double each)
{
    double exchange = 4 * (2 + 4 + 2 + 251 + 3) + 150 + 4 * (2 + 4 + 2 + 3) + 150;
    double event = interval * 1250.0;
    return (double)(int)(event / exchange) * each / event * 1e6;
}

static size_t longest(const struct end *e, unsigned n)
{
    (void)e;
    (void)n;
    return SDU_MAX;
}

/* Returns two hosts on 2M with channels from the first to the second. */
static struct world *fast_pair(uint16_t interval, unsigned channels)
{
    struct world *w = world_new(interval, 0);
    n_ends = 0;
    hub = channels_host(w, 1, 8, 247);
    peer[0] = channels_host(w, 1, 8, 247);
    channels_join(w, hub, peer[0], interval, &conns[0], &theirs[0]);
    channels_fast(w, hub, conns[0]);
    for (unsigned k = 0; k < channels; k++) {
        struct end *a = end_new(hub, conns[0], (uint16_t)(0x80 + k), 247);
        struct end *b = end_new(peer[0], theirs[0], (uint16_t)(0x80 + k), 64 * 247);
        a->other = b;
        b->other = a;
        a->manner = READS;
        b->manner = RECEIVES_PARTS; /* the receiver's count is then up to date */
        a->len = b->len = longest;
        a->mps = b->mps = 247;
        a->sdus = 1000000;
        a->requested = true;
        struct woad_coc_params p = end_params(b);
        assert_int_equal(woad_coc_listen(peer[0]->host, &p), 0);
        assert_int_equal(woad_coc_connect(hub->host, a->conn, &p, a->rx, a->rx_size, &a->cid), 0);
    }
    return w;
}

static void fast_end(struct world *w)
{
    ends_forget();
    world_free(w);
}

/* Throughput on 2M with packets of 251 octets and SDUs of 64 KiB, at intervals of 7.5 to 50 ms. */
static void throughput(void **state)
{
    static const uint16_t intervals[] = { 6, 8, 12, 24, 40 };
    (void)state;
    for (size_t n = 0; n < sizeof intervals / sizeof *intervals; n++) {
        struct world *w = fast_pair(intervals[n], 1);
        world_run(w, 2000000);
        const struct end *b = &ends[1];
        uint64_t before = b->got_octets;
        world_run(w, 20000000);
        double rate = (double)(b->got_octets - before) / 20, most = limit_of(intervals[n], 247);
        print_message("%5.2f ms: %.0f octets/s, %.2f %% of what there is\n", intervals[n] * 1.25,
                      rate, rate / most * 100);
        assert_true(rate >= 0.97 * most);
        fast_end(w);
    }
}

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = { WOAD_PRIMARY(&u_service),
                                       WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_NOTIFY, 0),
                                       WOAD_CCCD };

/* The first host sends notifications to the second without end. */
static void fast_notifications(struct world *w)
{
    hub->on_event = on_notifier;
    assert_int_equal(woad_gatt_add(hub->host, db, 4, NULL), 0);
    assert_int_equal(woad_gattc_exchange_mtu(peer[0]->host, theirs[0]), 0);
    world_run(w, 1000000);
    peer[0]->on_event = on_both;
    notified = 0;
    notify_more(hub, conns[0]);
    world_run(w, 1000000);
}

/* The same for notifications at an MTU of 247. */
static void throughput_of_notifications(void **state)
{
    static const uint16_t intervals[] = { 6, 8, 12, 24, 40 };
    (void)state;
    for (size_t n = 0; n < sizeof intervals / sizeof *intervals; n++) {
        struct world *w = fast_pair(intervals[n], 0);
        fast_notifications(w);
        uint64_t before = notified;
        world_run(w, 20000000);
        double rate = (double)(notified - before) / 20, most = limit_of(intervals[n], 244);
        print_message("%5.2f ms: %.0f octets/s, %.2f %% of what there is\n", intervals[n] * 1.25,
                      rate, rate / most * 100);
        assert_true(rate >= 0.97 * most);
        fast_end(w);
    }
}

/* Two channels, then a channel and notifications: each gets half of the throughput. */
static void halves(void **state)
{
    (void)state;
    for (uint16_t interval = 6; interval <= 40; interval += 34) {
        struct world *w = fast_pair(interval, 2);
        world_run(w, 2000000);
        uint64_t one = ends[1].got_octets, two = ends[3].got_octets;
        world_run(w, 20000000);
        one = ends[1].got_octets - one;
        two = ends[3].got_octets - two;
        print_message("%5.2f ms: %.1f %% and %.1f %%\n", interval * 1.25,
                      100.0 * (double)one / (double)(one + two),
                      100.0 * (double)two / (double)(one + two));
        assert_in_range(one * 100 / (one + two), 45, 55);
        fast_end(w);
        w = fast_pair(interval, 1);
        fast_notifications(w);
        one = ends[1].got_octets;
        two = notified;
        world_run(w, 20000000);
        one = ends[1].got_octets - one;
        two = notified - two;
        print_message("%5.2f ms: channel %.1f %%, notifications %.1f %%\n", interval * 1.25,
                      100.0 * (double)one / (double)(one + two),
                      100.0 * (double)two / (double)(one + two));
        assert_in_range(one * 100 / (one + two), 45, 55);
        fast_end(w);
    }
}

/* A connection with a long interval does not occupy the controller's buffers at the expense of one
 * with a short interval. */
static void slow_and_fast(void **state)
{
    struct world *w = world_new(3, 0);
    static const uint16_t intervals[] = { 320, 8 }; /* 400 ms, 10 ms */
    (void)state;
    n_ends = 0;
    hub = channels_host(w, 2, 8, 247);
    for (int i = 0; i < 2; i++) {
        peer[i] = channels_host(w, 1, 8, 247);
        channels_join(w, hub, peer[i], intervals[i], &conns[i], &theirs[i]);
        channels_fast(w, hub, conns[i]);
    }
    for (int i = 0; i < 2; i++) {
        struct end *a = end_new(hub, conns[i], 0x80, 247);
        struct end *b = end_new(peer[i], theirs[i], 0x80, 64 * 247);
        a->other = b;
        b->other = a;
        a->manner = READS;
        b->manner = RECEIVES_PARTS;
        a->len = b->len = longest;
        a->mps = b->mps = 247;
        a->sdus = 1000000;
        a->requested = true;
        struct woad_coc_params p = end_params(b);
        assert_int_equal(woad_coc_listen(peer[i]->host, &p), 0);
        assert_int_equal(woad_coc_connect(hub->host, a->conn, &p, a->rx, a->rx_size, &a->cid), 0);
    }
    world_run(w, 5000000);
    uint64_t slow = ends[1].got_octets, fast = ends[3].got_octets;
    world_run(w, 20000000);
    slow = ends[1].got_octets - slow;
    fast = ends[3].got_octets - fast;
    print_message("at 400 ms %u octets/s, at 10 ms %u, of %u\n", (unsigned)(slow / 20),
                  (unsigned)(fast / 20), (unsigned)limit_of(8, 247));
    assert_true((double)fast / 20 > 0.8 * limit_of(8, 247));
    assert_true(slow / 20 > 500); /* the anchors of the other connection cut its events short */
    fast_end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many),       cmocka_unit_test(ended_in_the_middle),
        cmocka_unit_test(throughput), cmocka_unit_test(throughput_of_notifications),
        cmocka_unit_test(halves),     cmocka_unit_test(slow_and_fast)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
