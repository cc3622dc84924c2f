/* Missed or truncated radio events of controllers that share their radios: connections, syncs and
 * BIGs survive. */
#include "links.h"

enum { A = 0, B = 1, C = 2 };

static struct {
    unsigned sent, answered;
    bool drop_ack, dropped; /* the acknowledgement of LL_SUBRATE_IND */
    bool subrate, drop_streams;
    /* in each run of `drop_every` packets of the peripheral, the first 1 + `drop_more` are
     * dropped */
    unsigned drop_every, drop_more;
} seen;

static void sniff_turns(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    seen.sent += p->kind == 2;
    seen.answered += p->kind == 3;
    seen.subrate = seen.subrate || (p->kind == 2 && (p->pdu[0] & 3) == 3 && p->pdu[2] == 0x27);
}

static bool intercept_turns(void *ctx, const struct woad_air_packet *p,
                            const struct woad_air_controller *to, uint8_t *pdu,
                            struct woad_air_delivery *delivery)
{
    (void)ctx;
    (void)to;
    (void)pdu;
    (void)delivery;
    bool drop = seen.drop_ack && seen.subrate && p->kind == 3 && !seen.dropped;
    seen.dropped = seen.dropped || drop;
    drop = drop || (seen.drop_streams && (p->kind == 4 || p->kind == 5));
    if (seen.drop_every && p->kind == 3) {
        drop = seen.answered % seen.drop_every <= seen.drop_more;
    }
    return !drop;
}

/* Starts controllers with a sniffer on the air; their clocks are off by +-`ppm`. */
static void turns_begin(uint64_t seed, int n, int ppm)
{
    struct woad_air_config air = {
        .seed = seed, .sniff = sniff_turns, .intercept = intercept_turns, .around = &w.around
    };
    nodes_begin(seed);
    free(w.air);
    memset(&seen, 0, sizeof seen);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    for (int k = 0; k < n; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .conns = 4,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 3,
                                                  .iso = 8,
                                                  .drift_ppm = (int16_t)(k & 1 ? -ppm : ppm),
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
        assert_int_equal(command(k, 0x2074, "26 01"), 0);
    }
}

/* LL/CON/PER: a packet that starts inside the receive window is received, also if it ends in the
 * same microsecond as the window. 4.2.4 */
static void packet_that_ends_with_its_window(void **state)
{
    (void)state;
    for (unsigned interval = 930; interval < 990; interval++) {
        turns_begin(interval, 2, -40);
        connect_to(B, A, interval, 1000);
        run_ms(4 * interval);
        assert_in_range(seen.sent, 3, 10);
        assert_in_range(seen.answered, seen.sent - 1, seen.sent);
        apart();
    }
}

/* LL_SUBRATE_IND is received, but its acknowledgement is lost: the peripheral sleeps longer than
 * the supervision timeout that is still valid for the central. 5.1.19 */
static void acknowledgement_of_a_subrate_is_lost(void **state)
{
    (void)state;
    turns_begin(1, 2, 0);
    connect_to(A, B, 84, 38);
    assert_int_equal(command(A, 0x2016, "40 00"), 0);
    run_ms(500);
    seen.drop_ack = true;
    assert_int_equal(command(A, 0x207e, "40 00 04 00 04 00 01 00 00 00 c3 02"), 0);
    nothing_lost(3000);
    assert_true(seen.dropped);
    apart();
}

/* LL/CON/PER: a peripheral's own broadcast cuts off its first answers.  The peripheral does not use
 * its latency, because the central has not received a packet yet. 4.5.1 */
static void peripheral_that_has_not_answered_is_awake(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 60; k++) {
        turns_begin(k + 1, 2, 0);
        periodic_adv(B, 80);
        run_us(50000);
        big(B, 2, 60, 2);
        run_us(k * 333);
        advertise(B);
        assert_int_equal(command(A, 0x2043,
                                 "00 00 00 02 02 03 04 05 06 01 10 00 10 00 28 00 28 00 "
                                 "04 00 9c 02 00 00 00 00"),
                         0);
        for (unsigned n = 0; n < 40 && !event(A, CONNECTED); n++) {
            run_ms(10);
        }
        assert_non_null(event(A, CONNECTED));
        nothing_lost(600);
        apart();
    }
}

/* LL/CON/PER: two missed events end this connection.  After an answer that the central did not
 * receive, the peripheral attends the next two events.  Neither its latency nor its other
 * activities displace them: a BIG, and advertising that was displaced four times. 4.5.1, 4.5.2 */
static void peripheral_in_its_last_turns(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 40; k++) {
        turns_begin(k + 1, 2, 0);
        periodic_adv(B, 80);
        run_us(50000);
        big(B, 2, 100, 4);
        run_us(k * 333);
        advertise(B);
        assert_int_equal(command(A, 0x2043,
                                 "00 00 00 02 02 03 04 05 06 01 10 00 10 00 13 00 13 00 "
                                 "01 00 0b 00 00 00 00 00"),
                         0);
        for (unsigned n = 0; n < 40 && !event(A, CONNECTED); n++) {
            run_ms(10);
        }
        assert_non_null(event(A, CONNECTED));
        nothing_lost(300);
        advertise(B);
        seen.drop_every = 9;
        nothing_lost(5000);
        apart();
    }
}

/* LL/CON/PER: a packet of the peripheral that the central did not receive keeps the peripheral
 * awake: in the first events, and later, if the central's next packet does not acknowledge it.
 * 4.5.1 */
static void answers_that_are_not_received(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 8; k++) {
        turns_begin(k + 1, 2, 0);
        advertise(B);
        seen.drop_every = k < 4 ? 100 : 6;
        seen.drop_more = 1 + k % 4;
        seen.answered = seen.drop_every - 1; /* the first answers are lost */
        assert_int_equal(command(A, 0x2043,
                                 "00 00 00 02 02 03 04 05 06 01 10 00 10 00 0b 00 0b 00 "
                                 "03 00 10 00 00 00 00 00"),
                         0);
        for (unsigned n = 0; n < 40 && !event(A, CONNECTED); n++) {
            run_ms(10);
        }
        assert_non_null(event(A, CONNECTED));
        nothing_lost(4000);
        apart();
    }
}

/* An instant is far enough ahead: a peripheral may miss ten events before it receives the PDU,
 * while its central has other activities. 5.5 */
static void instant_behind_ten_missed_events(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 12; k++) {
        turns_begin(k + 1, 3, 0);
        connect_to(A, B, 8, 100);
        connect_to(A, C, 40, 100);
        run_us(k * 1111);
        int status;
        if (k & 1) {
            status = command(A, 0x2014, "ff 03 00 00 00");
        } else {
            status = command(A, 0x2013, "40 00 10 00 10 00 00 00 64 00 00 00 00 00");
        }
        assert_int_equal(status, 0);
        woad_air_hang(w.n[B].c, true);
        run_us(100000);
        woad_air_hang(w.n[B].c, false);
        nothing_lost(3000);
        apart();
    }
}

/* A stream is silent for longer than the old supervision timeout, but for less than the one that is
 * valid since the instant of an update. 4.5.2 */
static void stream_after_an_update(void **state)
{
    (void)state;
    turns_begin(1, 2, 0);
    assert_int_equal(command(A, 0x2074, "20 01"), 0);
    assert_int_equal(command(B, 0x2074, "20 01"), 0);
    connect_to(A, B, 8, 25);
    assert_int_equal(cig(10000, 40, 40, 2, 1), 0);
    cis(B);
    assert_int_equal(command(A, 0x2013, "40 00 08 00 08 00 00 00 c8 00 00 00 00 00"), 0);
    seen.drop_streams = true;
    nothing_lost(600);
    seen.drop_streams = false;
    nothing_lost(2000);
    apart();
}

/* The supervision timeout is shorter than six intervals: it is valid in the first six events too.
 * 4.5.2 */
static void first_events_with_a_short_timeout(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 120; k++) {
        turns_begin(k + 1, 3, 0);
        periodic_adv(B, 80);
        run_us(50000);
        big(B, 2, 100, 4);
        connect_to(C, B, 11, 100);
        run_us(k * 333);
        connect_to(A, B, 220, 56);
        nothing_lost(2000);
        apart();
    }
}

static void sync_to_big(int which)
{
    assert_int_equal(command(which, 0x206b,
                             "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                             "00 00 00 64 00 02 01 02"),
                     0);
}

static void big_is_received(int which)
{
    assert_non_null(event(which, BIG_SYNC_ESTABLISHED));
    assert_int_equal(event(which, BIG_SYNC_ESTABLISHED)[0], 0);
}

/* Two controllers send trains at the same time and receive each other's: six events without a
 * packet would end a sync. 4.4.3.4 */
static void two_trains_at_the_same_time(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 60; k++) {
        links_begin(k + 1, 2);
        periodic_adv(A, 8);
        periodic_adv(B, 8);
        sync_to(A, B);
        sync_to(B, A);
        nothing_lost(1500);
        apart();
    }
}

/* A receiver of a BIG is the central of a connection with the broadcaster, and its anchors coincide
 * with the BIG's: both sides choose the same event each time. */
static void big_on_the_anchors_of_a_connection(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 60; k++) {
        links_begin(k + 1, 2);
        periodic_adv(B, 80);
        run_us(50000);
        assert_int_equal(command(B, 0x2068,
                                 "03 05 02 20 4e 00 3c 00 14 00 01 02 00 00 00 00 00 00 "
                                 "00 00 00 00 00 00 00 00 00 00 00 00 00"),
                         0);
        run_us(k * 333);
        connect_to(A, B, 16, 100);
        sync_to(A, B);
        sync_to_big(A);
        run_ms(700);
        big_is_received(A);
        forget();
        nothing_lost(1500);
        apart();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_that_ends_with_its_window),
        cmocka_unit_test(acknowledgement_of_a_subrate_is_lost),
        cmocka_unit_test(peripheral_that_has_not_answered_is_awake),
        cmocka_unit_test(peripheral_in_its_last_turns),
        cmocka_unit_test(first_events_with_a_short_timeout),
        cmocka_unit_test(answers_that_are_not_received),
        cmocka_unit_test(instant_behind_ten_missed_events),
        cmocka_unit_test(stream_after_an_update),
        cmocka_unit_test(two_trains_at_the_same_time),
        cmocka_unit_test(big_on_the_anchors_of_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
