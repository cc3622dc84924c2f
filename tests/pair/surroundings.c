/* The environment of devices: positions, walls, noise, interferers, scripted links, clock drift;
 * and controllers that hang, restart or send false events.  Seen at HCI on both sides. */
#include "nodes.h"

enum { A = 0, B = 1 };

/* Two controllers, `mm` apart, with these drifts. */
static void two(int32_t mm, int16_t drift_a, int16_t drift_b)
{
    nodes_begin(7);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * mm,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 2,
                                                  .crypto = &woad_mbedtls,
                                                  .drift_ppm = k == A ? drift_a : drift_b };
        node_add(k, &cfg);
    }
}

static void advertise(int which, unsigned kind)
{
    char text[80];
    snprintf(text, sizeof text, "20 00 20 00 %02x 00 00 00 00 00 00 00 00 07 00", kind);
    assert_int_equal(command(which, 0x2006, text), 0);
    assert_int_equal(command(which, 0x200a, "01"), 0);
}

static void scan(int which)
{
    assert_int_equal(command(which, 0x200b, "00 10 00 10 00 00 00"), 0);
    assert_int_equal(command(which, 0x200c, "01 00"), 0);
}

/* Connects A as central to B. */
static void connect_both(const char *interval_latency_timeout)
{
    char text[120];
    advertise(B, 0);
    snprintf(text, sizeof text, "10 00 10 00 00 00 02 02 03 04 05 06 00 %s 00 00 00 00",
             interval_latency_timeout);
    assert_int_equal(command(A, 0x200d, text), 0);
    run_ms(300);
    assert_non_null(event(A, 0x3e0a));
    assert_non_null(event(B, 0x3e0a));
    forget();
}

static size_t received_in_a_second(int8_t *rssi)
{
    forget();
    run_ms(1000);
    const uint8_t *e = event(B, 0x3e02);
    *rssi = e ? (int8_t)e[10 + e[9]] : 0;
    return count(B, 0x3e02);
}

/* A wall attenuates packets of both directions between devices on its two sides, and no other
 * packets. */
static void walls(void **state)
{
    static const struct woad_air_wall wall[] = { { 500, -1000, 500, 1000, 12 },
                                                 { 400, 300, 600, 300, 50 },
                                                 { -500, -1000, -500, 1000, 50 },
                                                 { 500, 1001, 500, 5000, 50 },
                                                 { 2000, -1000, 2000, 1000, 50 } };
    int8_t before, after;
    (void)state;
    two(1000, 0, 0);
    advertise(A, 3);
    scan(B);
    assert_true(received_in_a_second(&before) > 20);
    w.around.wall = wall;
    w.around.walls = sizeof wall / sizeof *wall;
    assert_true(received_in_a_second(&after) > 20);
    assert_int_equal(after, before - 12);
    woad_air_move(w.n[B].c, 300, 900, 0); /* on this side of the wall */
    assert_true(received_in_a_second(&after) > 20);
    assert_int_equal(after, before);
    woad_air_move(w.n[B].c, 500, 400, -20); /* the receiver's own power has no effect */
    assert_true(received_in_a_second(&after) > 20);
    apart();
}

/* The coded PHY is received where 1M is not; with more noise neither is. */
static void noise(void **state)
{
    int8_t rssi;
    (void)state;
    two(900000, 0, 0); /* 99 dB: 4 below the level that 1M needs */
    advertise(A, 3);
    scan(B);
    assert_int_equal(received_in_a_second(&rssi), 0);
    w.around.noise_dbm = -110;
    assert_true(received_in_a_second(&rssi) > 20);
    assert_in_range(-rssi, 98, 100);
    apart();
    two(900000, 0, 0);
    assert_int_equal(command(A, 0x2036,
                             "00 00 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 00 "
                             "7f 03 00 03 00 00"),
                     0);
    assert_int_equal(command(A, 0x2039, "01 01 00 00 00 00"), 0);
    assert_int_equal(command(B, 0x2041, "00 00 04 00 20 00 20 00"), 0);
    assert_int_equal(command(B, 0x2042, "01 00 00 00 00 00"), 0);
    run_ms(1000);
    assert_true(count(B, 0x3e0d) > 10);
    w.around.noise_dbm = -90;
    forget();
    run_ms(1000);
    assert_int_equal(count(B, 0x3e0d), 0);
    apart();
}

/* An interferer destroys packets on its channels while it is on, unless they are 8 dB stronger. */
static void interferers(void **state)
{
    struct woad_air_interferer n = {
        .x_mm = 1000, .y_mm = 1000, .power_dbm = 0, .channels = 7ull << 37
    };
    int8_t rssi;
    (void)state;
    two(1000, 0, 0);
    advertise(A, 3);
    scan(B);
    size_t all = received_in_a_second(&rssi);
    assert_true(all > 20);
    w.around.interferer = &n;
    w.around.interferers = 1;
    assert_int_equal(received_in_a_second(&rssi), 0);
    n.power_dbm = -9;
    assert_true(received_in_a_second(&rssi) > all / 2);
    n.power_dbm = 0;
    n.channels = 1ull << 37 | 1ull << 38;
    size_t third = received_in_a_second(&rssi);
    assert_true(third > 0 && third < all * 2 / 3);
    n.channels = 7ull << 37;
    n.every_us = 10000;
    n.on_us = 5000;
    size_t half = received_in_a_second(&rssi);
    assert_true(half > all / 4 && half < all * 3 / 4);
    n.every_us = 0;
    n.from_us = woad_air_now(w.air) + 2000000;
    n.until_us = n.from_us + 1000000;
    assert_true(received_in_a_second(&rssi) > all / 2);
    run_ms(1000);
    assert_int_equal(received_in_a_second(&rssi), 0);
    assert_true(received_in_a_second(&rssi) > all / 2);
    apart();
}

/* One direction of a link loses packets, as long as the script says. */
static void links(void **state)
{
    struct woad_air_link link = { .loss_per_mille = 1000 };
    int8_t rssi, worse;
    (void)state;
    two(1000, 0, 0);
    advertise(B, 3);
    advertise(A, 3);
    scan(A);
    scan(B);
    assert_true(received_in_a_second(&rssi) > 20);
    w.around.link = &link;
    w.around.links = 1;
    link.from = w.n[A].c;
    link.to = w.n[B].c;
    assert_int_equal(received_in_a_second(&worse), 0);
    assert_true(count(A, 0x3e02) > 20); /* the other direction */
    link.loss_per_mille = 500;
    size_t half = received_in_a_second(&worse);
    assert_true(half > 5 && half < 30);
    link.loss_per_mille = 0;
    link.loss_db = 30;
    assert_true(received_in_a_second(&worse) > 20);
    assert_int_equal(worse, rssi - 30);
    link.from_us = woad_air_now(w.air) + 1000000;
    link.until_us = link.from_us + 1000000;
    received_in_a_second(&worse);
    assert_int_equal(worse, rssi);
    run_ms(10);
    received_in_a_second(&worse);
    assert_int_equal(worse, rssi - 30);
    run_ms(10);
    received_in_a_second(&worse);
    assert_int_equal(worse, rssi);
    apart();
}

static void assert_data(bool at_b, bool at_a)
{
    size_t len;
    forget();
    data(A, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
    data(B, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
    run_ms(300);
    assert_int_equal(got_data(B, &len) != NULL, at_b);
    assert_int_equal(got_data(A, &len) != NULL, at_a);
}

/* A delay of 10 us in each direction is within the receiver's tolerance; 100 us are not.  The
 * peripheral still receives the central in its receive window, but its answers arrive after the
 * central's window. */
static void delays(void **state)
{
    struct woad_air_link link = { .delay_us = 10 };
    (void)state;
    two(1000, 0, 0);
    w.around.link = &link;
    w.around.links = 1;
    connect_both("18 00 18 00 00 00 64 00");
    assert_data(true, true);
    link.delay_us = 100;
    assert_data(true, false);
    run_ms(3000);
    for (int which = 0; which < 2; which++) {
        assert_non_null(event(which, 0x05));
        assert_int_equal(event(which, 0x05)[3], WOAD_HCI_CONNECTION_TIMEOUT);
    }
    apart();
}

/* A rule delivers a packet late, and a second time. */
static void received_twice(void **state)
{
    int8_t rssi;
    (void)state;
    two(1000, 0, 0);
    advertise(A, 3);
    scan(B);
    size_t once = received_in_a_second(&rssi);
    w.delivery.repeat_us = 700;
    size_t twice = received_in_a_second(&rssi);
    assert_true(twice > once * 17 / 10 && twice < once * 23 / 10);
    w.delivery = (struct woad_air_delivery){ 5000, 0 };
    size_t late = received_in_a_second(&rssi);
    assert_true(late > once / 2 && late < once * 13 / 10);
    apart();
}

/* Clocks of every class, fast and slow, with the longest intervals and with latency: the connection
 * lives for ten minutes, and anchors follow the central's clock. */
static void drift(void **state)
{
    static const int16_t ppm[] = { 0, 20, -20, 50, -150, 500, -500 };
    enum { N = sizeof ppm / sizeof *ppm };
    (void)state;
    for (int a = 0; a < N; a++) {
        for (int b = 0; b < N; b++) {
            two(1000, ppm[a], ppm[b]);
            if ((a + b) % 2) {
                connect_both("20 03 20 03 00 00 64 03"); /* 1 s, 8.68 s */
                run_ms(12000);
            } else {
                connect_both("50 00 50 00 09 00 64 03"); /* 100 ms, latency 9 */
            }
            run_ms(600000);
            assert_null(event(A, 0x05));
            assert_null(event(B, 0x05));
            data(A, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
            data(B, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
            run_ms(3000);
            size_t len;
            assert_non_null(got_data(A, &len));
            assert_non_null(got_data(B, &len));
            apart();
        }
    }
}

/* A clock that is 500 ppm slow advertises 500 ppm less often: 100 s at 20 ms and 5 ms of delay on
 * average. */
static void drift_of_anchors(void **state)
{
    size_t packets[2];
    (void)state;
    for (int k = 0; k < 2; k++) {
        two(1000, k ? 500 : 0, 0);
        connect_both("20 03 20 03 00 00 80 0c");
        memset(w.packets, 0, sizeof w.packets);
        w.first_anchor = w.last_anchor = 0;
        run_ms(2000000);
        for (size_t n = packets[k] = 0; n < 37; n++) {
            packets[k] += w.packets[n];
        }
        /* 1 s each by its clock: the error is 500 ppm in whole microseconds, so no rounding adds
         * up. */
        uint64_t anchors = packets[k] / 2 - 1;
        assert_in_range(anchors, 1990, 2000);
        assert_int_equal(w.last_anchor - w.first_anchor, anchors * (k ? 1000500 : 1000000));
        apart();
    }
}

/* A controller that hangs for less than the supervision timeout loses only time; if it hangs
 * longer, the link is lost. */
static void hang(void **state)
{
    (void)state;
    two(1000, 0, 0);
    connect_both("18 00 18 00 00 00 64 00");
    woad_air_hang(w.n[A].c, true);
    run_ms(700);
    assert_int_equal(woad_air_rx(w.n[A].c, (const uint8_t *)"\1\3\14\0", 4), 0);
    run_ms(1);
    assert_int_equal(w.n[A].logged, 0);
    woad_air_hang(w.n[A].c, false);
    assert_data(true, true);
    woad_air_hang(w.n[B].c, true);
    run_ms(1500);
    assert_non_null(event(A, 0x05));
    assert_int_equal(event(A, 0x05)[3], WOAD_HCI_CONNECTION_TIMEOUT);
    assert_null(event(B, 0x05));
    woad_air_hang(w.n[B].c, false);
    run_ms(1);
    assert_non_null(event(B, 0x05));
    apart();
}

/* A controller that restarts has no connections; the test chooses its next event. */
static void crash(void **state)
{
    static const uint8_t hardware_error[] = { 4, 0x10, 1, 0x42 };
    (void)state;
    two(1000, 0, 0);
    connect_both("18 00 18 00 00 00 64 00");
    woad_air_crash(w.n[A].c);
    assert_int_equal(woad_air_send_event(w.n[A].c, hardware_error, sizeof hardware_error), 0);
    assert_int_equal(woad_air_send_event(w.n[A].c, hardware_error, 0), -22);
    run_ms(1500);
    assert_non_null(event(A, 0x10));
    assert_int_equal(event(A, 0x10)[0], 0x42);
    assert_null(event(A, 0x05));
    assert_int_equal(command(A, 0x0406, "40 00 13"), WOAD_HCI_UNKNOWN_CONNECTION);
    assert_int_equal(event(B, 0x05)[3], WOAD_HCI_CONNECTION_TIMEOUT);
    apart();
}

/* Runs until a controller has a packet for its host. */
static void until(void **state)
{
    (void)state;
    two(1000, 0, 0);
    while (woad_air_ready(w.air)) {
    }
    advertise(A, 3);
    scan(B);
    while (woad_air_ready(w.air)) {
    }
    uint64_t began = woad_air_now(w.air);
    assert_ptr_equal(woad_air_until(w.air, began + 1000000), w.n[B].c);
    assert_in_range(woad_air_now(w.air), began + 1, began + 40000);
    command(A, 0x200a, "00");
    while (woad_air_ready(w.air)) {
    }
    began = woad_air_now(w.air);
    assert_null(woad_air_until(w.air, began + 1000000));
    assert_int_equal(woad_air_now(w.air), began + 1000000);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walls),       cmocka_unit_test(noise),
        cmocka_unit_test(interferers), cmocka_unit_test(links),
        cmocka_unit_test(delays),      cmocka_unit_test(received_twice),
        cmocka_unit_test(drift),       cmocka_unit_test(drift_of_anchors),
        cmocka_unit_test(hang),        cmocka_unit_test(crash),
        cmocka_unit_test(until),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
