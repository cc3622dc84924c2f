/* Several activities of one controller want its radio at the same time: connections, streams,
 * trains and syncs all survive.  No packet is lost on the air in any of these worlds. */
#include "links.h"

enum { A = 0, B = 1, C = 2 };

/* LL/CON/CEN/BV: a central has two connections; both survive a change of the interval of one. */
static void connection_update_beside_another_connection(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        links_begin(seed, 3);
        run_us(seed * 1371);
        connect_to(A, B, 24, 100);
        run_us(seed * 977);
        connect_to(A, C, 24, 100);
        assert_int_equal(command(A, 0x2013,
                                 seed & 1 ? "40 00 0c 00 0c 00 00 00 64 00 00 00 00 00"
                                          : "41 00 0c 00 0c 00 00 00 64 00 00 00 00 00"),
                         0);
        nothing_lost(3000);
        apart();
    }
}

static struct {
    unsigned requests, answered;
} events;

static void sniff_events(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    events.requests += p->kind == 2;
    events.answered += p->kind == 3;
}

/* A central places the anchors of a new connection, or of one with a new interval, where its other
 * connection has no event. 4.5.3, 5.1.1 */
static void anchors_leave_time_to_each_other(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct woad_air_config air = { .seed = seed, .sniff = sniff_events, .around = &w.around };
        links_begin(seed, 0);
        free(w.air);
        w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
        for (int k = 0; k < 3; k++) {
            struct woad_air_controller_config cfg = { .conns = 2,
                                                      .acl_count = 4,
                                                      .acl_len = 251,
                                                      .address = { (uint8_t)(k + 1), 2, 3, 4, 5,
                                                                   6 },
                                                      .queue = 65000,
                                                      .adv_sets = 2 };
            node_add(k, &cfg);
        }
        run_us(seed * 1371);
        connect_to(A, B, 24, 100);
        run_us(seed * 977);
        connect_to(A, C, 24, 100);
        memset(&events, 0, sizeof events);
        run_ms(3000);
        assert_in_range(events.requests, 195, 205);
        assert_in_range(events.answered, events.requests - 1, events.requests);
        assert_int_equal(command(A, 0x2013,
                                 seed & 1 ? "40 00 0c 00 0c 00 00 00 64 00 00 00 00 00"
                                          : "41 00 0c 00 0c 00 00 00 64 00 00 00 00 00"),
                         0);
        run_ms(1000);
        memset(&events, 0, sizeof events);
        run_ms(3000);
        assert_in_range(events.requests, 295, 305);
        assert_in_range(events.answered, events.requests - 1, events.requests);
        apart();
    }
}

/* A peripheral is connected to two centrals; neither central can move the other's anchors. */
static void two_centrals_of_one_peripheral(void **state)
{
    (void)state;
    for (uint64_t seed = 60; seed <= 120; seed += 2) {
        links_begin(seed, 3);
        run_us(seed * 137);
        connect_to(A, B, 24, 100);
        run_us(seed * 977);
        connect_to(C, B, 24, 100);
        nothing_lost(3000);
        apart();
    }
}

/* A second central connects with a multiple of the interval of the existing connection. */
static void second_central_at_a_multiple_of_7500_us(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 24; k++) {
        links_begin(k + 1, 3);
        connect_to(A, B, 6, 200);
        run_us(1000 + k * 311);
        connect_to(C, B, 6 * (1 + k % 4), 200);
        nothing_lost(2500);
        apart();
    }
}

/* The clocks of two connections drift, so that their anchors cross each other again and again. */
static void anchors_that_drift_across_each_other(void **state)
{
    (void)state;
    static const int16_t drift[] = { [A] = 400, [B] = 0, [C] = -400 };
    nodes_begin(7);
    for (int k = 0; k < 3; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .conns = 3,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 2,
                                                  .drift_ppm = drift[k] };
        node_add(k, &cfg);
    }
    connect_to(A, B, 8, 100);
    connect_to(C, B, 8, 100);
    assert_int_equal(command(B, 0x2041, "00 00 01 00 10 00 10 00"), 0);
    assert_int_equal(command(B, 0x2042, "01 00 00 00 00 00"), 0);
    advertise(B);
    nothing_lost(60000);
    apart();
}

/* CISes with the QoS sets of the Basic Audio Profile share the radio with their own ACL connection,
 * in both directions, with and without SDUs. */
static void cis_beside_its_own_connection(void **state)
{
    static const struct {
        unsigned interval, len, phy, again;
    } sets[] = { { 10000, 40, 2, 13 },  { 10000, 60, 2, 13 },  { 10000, 80, 2, 13 },
                 { 10000, 100, 2, 13 }, { 10000, 120, 2, 13 }, { 10000, 120, 1, 13 },
                 { 7500, 30, 2, 13 },   { 7500, 60, 2, 13 },   { 7500, 75, 2, 13 },
                 { 7500, 117, 2, 13 } };
    (void)state;
    for (size_t k = 0; k < 2 * sizeof sets / sizeof *sets; k++) {
        links_begin(1, 2);
        connect_to(A, B, 24, 200);
        assert_int_equal(cig(sets[k / 2].interval, sets[k / 2].len, sets[k / 2].len,
                             sets[k / 2].phy, sets[k / 2].again),
                         0);
        cis(B);
        assert_int_equal(data_path(A, 0), 0);
        for (unsigned n = 0; n < 40; n++) {
            if (k & 1) {
                send_sdu(A, 0, sets[k / 2].len);
            }
            nothing_lost(100);
        }
        apart();
    }
}

static void cis_beside_another_connection(void **state)
{
    (void)state;
    for (unsigned interval = 6; interval <= 48; interval += 2) {
        links_begin(interval, 3);
        run_us(interval * 137 % 1250);
        connect_to(A, B, 24, 200);
        run_us(interval * 137 % 1250);
        connect_to(A, C, interval, 200);
        assert_int_equal(cig(10000, 40, 40, 2, 1), 0);
        cis(B);
        nothing_lost(5000);
        apart();
    }
}

/* A CIS ends inside its event while an SDU is being sent, and is created again. */
static void cis_created_again_after_it_ended_inside_an_event(void **state)
{
    (void)state;
    links_begin(1, 2);
    connect_to(A, B, 24, 200);
    assert_int_equal(cig(10000, 120, 120, 2, 13), 0);
    assert_int_equal(data_path(A, 0), 0); /* the path belongs to the configuration: it stays */
    for (unsigned round = 0; round < 6; round++) {
        cis(B);
        for (unsigned n = 0; n < 20 + round; n++) {
            send_sdu(A, 0, 120);
            run_ms(10);
        }
        assert_int_equal(command(A, 0x0406, "00 01 13"), 0);
        for (unsigned n = 0; n < 30; n++) {
            send_sdu(A, 0, 120);
            run_ms(10);
        }
        assert_int_equal(count(A, DISCONNECTED), 1);
        forget();
    }
    apart();
}

static void big_beside_a_connection(void **state)
{
    static const unsigned again[3] = { 2, 4, 14 }, streams[3] = { 1, 2, 1 };
    (void)state;
    for (uint64_t seed = 0; seed < 18; seed++) {
        unsigned k = (unsigned)(seed % 3);
        links_begin(seed + 1, 2);
        run_us(seed * 5371);
        periodic_adv(A, 80);
        run_us(50000 + seed * 1377);
        big(A, streams[k], 100, again[k]);
        for (unsigned n = 0; n < streams[k]; n++) {
            assert_int_equal(data_path(A, n), 0);
        }
        connect_to(A, B, 24, 100);
        for (unsigned n = 0; n < 30; n++) {
            send_sdu(A, 0, 100);
            nothing_lost(100);
        }
        apart();
    }
}

/* A receiver follows a train and the train's BIG.  Where the intervals are multiples of each other,
 * their phase never changes. */
static void sync_beside_its_big(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 20; k++) {
        links_begin(k + 1, 2);
        periodic_adv(A, k & 1 ? 81 : 80);
        run_us(k * 1777);
        big(A, 2, 60, 2);
        sync_to(B, A);
        assert_int_equal(command(B, 0x206b,
                                 "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                                 "00 00 00 64 00 02 01 02"),
                         0);
        run_ms(1000);
        assert_non_null(event(B, BIG_SYNC_ESTABLISHED));
        assert_int_equal(event(B, BIG_SYNC_ESTABLISHED)[0], 0);
        forget();
        nothing_lost(5000);
        apart();
    }
}

/* Two controllers each send a BIG and receive the other's at the same time.  Neither can see the
 * other's priorities, and neither loses sync. */
static void two_broadcasters_that_listen_to_each_other(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 12; k++) {
        links_begin(k + 1, 2);
        periodic_adv(A, 80);
        periodic_adv(B, 96);
        big(A, 2, 60, 2);
        run_us(k * 1250);
        big(B, 2, 60, 2);
        sync_to(A, B);
        sync_to(B, A);
        for (int which = A; which <= B; which++) {
            assert_int_equal(command(which, 0x206b,
                                     "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                                     "00 00 00 00 00 64 00 02 01 02"),
                             0);
        }
        run_ms(1000);
        for (int which = A; which <= B; which++) {
            assert_non_null(event(which, BIG_SYNC_ESTABLISHED));
            assert_int_equal(event(which, BIG_SYNC_ESTABLISHED)[0], 0);
        }
        forget();
        nothing_lost(10000);
        apart();
    }
}

/* Connections and streams of both sides compete for the radio around an instant: the peripheral
 * receives the PDU before the instant passes. 5.1.2 */
static void instants_beside_other_activities(void **state)
{
    (void)state;
    links_begin(5, 3);
    connect_to(A, B, 6, 400);
    connect_to(C, B, 6, 400);
    connect_to(A, C, 6, 400);
    assert_int_equal(cig(10000, 120, 120, 1, 13), 0);
    cis(B);
    periodic_adv(B, 6);
    for (unsigned k = 0; k < 60; k++) {
        const char *channels = k & 2 ? "ff ff ff ff 1f" : "ff ff 00 00 00";
        assert_int_equal(command(k & 1 ? A : C, 0x2014, channels), 0);
        nothing_lost(700);
    }
    apart();
}

static void train_beside_a_connection(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 20; k++) {
        links_begin(k + 1, 3);
        run_us(k * 1371);
        connect_to(A, B, 8, 100);
        periodic_adv(A, 80);
        sync_to(C, A);
        nothing_lost(4000);
        apart();
    }
}

/* A controller hangs for less than the supervision timeout, at any moment of an event; the
 * connection survives. */
static void connection_after_its_controller_hung(void **state)
{
    (void)state;
    links_begin(1, 2);
    connect_to(A, B, 8, 100);
    for (unsigned us = 0; us < 1200; us++) {
        int which = us & 1;
        run_us(60007);
        woad_air_hang(w.n[which].c, true);
        run_ms(30);
        woad_air_hang(w.n[which].c, false);
        if (us % 100 == 99) {
            nothing_lost(100);
        }
    }
    nothing_lost(3000);
    apart();
}

/* A peripheral hangs, for less than the supervision timeout, while it listens ahead of an anchor.
 * Its next event is the one after that anchor. */
static void peripheral_hung_before_an_anchor(void **state)
{
    (void)state;
    nodes_begin(1);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 2,
                                                  .drift_ppm = 500 };
        node_add(k, &cfg);
    }
    connect_to(A, B, 3200, 3200);
    run_ms(9000);
    uint64_t before = w.last_anchor + 4000000 - 2000;
    run_us(before - woad_air_now(w.air));
    woad_air_hang(w.n[B].c, true);
    run_us(500);
    woad_air_hang(w.n[B].c, false);
    nothing_lost(60000);
    apart();
}

static struct {
    uint64_t end;
    uint8_t kind, md[2];
    size_t wrong;
} event_now;

static void sniff_closed_events(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    if (p->kind != 2 && p->kind != 3) {
        return;
    }
    bool same = p->start_us - event_now.end < 160;
    event_now.wrong += p->kind == 2 && same && !event_now.md[0] && !event_now.md[1];
    event_now.md[p->kind - 2] = p->pdu[0] >> 4 & 1;
    event_now.end = p->start_us + 8u * (p->len + 8u);
}

/* LL/CON/CEN/BV: if neither side has set MD, the event ends after the peripheral's packet. 4.5.6 */
static void event_is_closed_without_md(void **state)
{
    struct woad_air_config air = { .seed = 1, .sniff = sniff_closed_events, .around = &w.around };
    (void)state;
    links_begin(1, 0);
    free(w.air);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 2 };
        node_add(k, &cfg);
    }
    memset(&event_now, 0, sizeof event_now);
    connect_to(A, B, 8, 100);
    assert_int_equal(command(B, 0x2016, "40 00"), 0);
    run_ms(100);
    assert_int_equal(command(B, 0x2022, "40 00 fb 00 48 08"), 0);
    run_ms(100);
    data(A, (const uint8_t *)"\3\0\4\0\n\1\0", 7);
    data(B, (const uint8_t *)"\3\0\4\0\n\1\0", 7);
    run_ms(100);
    assert_int_equal(command(A, 0x2032, "40 00 00 02 02 00 00"), 0);
    run_ms(300);
    assert_int_equal(event_now.wrong, 0);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_update_beside_another_connection),
        cmocka_unit_test(anchors_leave_time_to_each_other),
        cmocka_unit_test(two_centrals_of_one_peripheral),
        cmocka_unit_test(second_central_at_a_multiple_of_7500_us),
        cmocka_unit_test(anchors_that_drift_across_each_other),
        cmocka_unit_test(cis_beside_its_own_connection),
        cmocka_unit_test(cis_beside_another_connection),
        cmocka_unit_test(cis_created_again_after_it_ended_inside_an_event),
        cmocka_unit_test(big_beside_a_connection),
        cmocka_unit_test(sync_beside_its_big),
        cmocka_unit_test(two_broadcasters_that_listen_to_each_other),
        cmocka_unit_test(instants_beside_other_activities),
        cmocka_unit_test(train_beside_a_connection),
        cmocka_unit_test(connection_after_its_controller_hung),
        cmocka_unit_test(peripheral_hung_before_an_anchor),
        cmocka_unit_test(event_is_closed_without_md),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
