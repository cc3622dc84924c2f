/* A log in a controller's place: which order and which time of packets it allows. */
#include "cm.h"
#include "hub/replay.h"

#include <stdio.h>
#include <string.h>

enum { HOST = false, CONTROLLER = true };

static struct replay r;
static size_t offset;

static void add(uint64_t us, bool received, const char *octets, size_t len)
{
    assert_true(replay_add(&r, us, received, (const uint8_t *)octets, len));
}

static enum replay_verdict sends(const char *octets, size_t len)
{
    return replay_compare(&r, (const uint8_t *)octets, len, &offset);
}

static void sends_right(uint64_t now_us, const char *octets, size_t len)
{
    assert_int_equal(sends(octets, len), REPLAY_SAME);
    replay_accept(&r, now_us);
}

#define RESET "\x01\x03\x0c\x00", 4
#define RAND "\x01\x18\x20\x00", 4
#define EVENT "\x04\xff\x01\x07", 4
#define ATT "\x02\x40\x00\x05\x00\x01\x00\x04\x00\x0a", 10
#define ATT_2 "\x02\x40\x00\x05\x00\x01\x00\x04\x00\x0c", 10
#define REST "\x02\x40\x10\x05\x00\x01\x00\x05\x00\x0d", 10
#define SMP "\x02\x40\x00\x05\x00\x01\x00\x06\x00\x0e", 10

static void begin(uint64_t tolerance_us)
{
    replay_free(&r);
    r.tolerance_us = tolerance_us;
    r.late_us = 1000;
}

static void packets_of_the_controller_wait_for_those_of_the_host(void **state)
{
    (void)state;
    begin(0);
    add(100, HOST, RESET);
    add(200, CONTROLLER, EVENT);
    add(300, HOST, RAND);
    replay_connect(&r, 5000);
    assert_true(replay_due_us(&r) == UINT64_MAX && !replay_take(&r, 90000));
    assert_true(replay_limit_us(&r) == 5000 + 1000);
    sends_right(5500, RESET); /* the log's time counts from here */
    assert_true(replay_due_us(&r) == 5600 && !replay_take(&r, 5599));
    assert_int_equal(sends(RAND), REPLAY_OVERTAKES);
    assert_non_null(replay_take(&r, 5600));
    assert_null(replay_take(&r, 5600));
    assert_true(replay_limit_us(&r) == 5700 + 1000 && !replay_is_done(&r));
    sends_right(5650, RAND);
    assert_true(replay_is_done(&r) && r.most_early_us == 50 && r.most_late_us == 0);
    assert_int_equal(sends(RAND), REPLAY_AFTER_END);
}

static void octets(void **state)
{
    (void)state;
    begin(0);
    add(0, HOST, RAND);
    replay_connect(&r, 0);
    assert_int_equal(sends("\x01\x18\x21\x00", 4), REPLAY_DIFFERS);
    assert_int_equal(offset, 2);
    assert_int_equal(sends("\x01\x18\x20\x00\x00", 5), REPLAY_DIFFERS);
    assert_int_equal(offset, 4);
    assert_int_equal(sends("\x01\x18\x20", 3), REPLAY_DIFFERS);
    assert_int_equal(offset, 3);
    sends_right(0, RAND);
}

static void a_packet_may_come_a_little_before_the_controllers(void **state)
{
    (void)state;
    for (uint64_t before = 10; before <= 11; before++) {
        begin(10);
        add(100, CONTROLLER, EVENT);
        add(100 + before, HOST, RAND);
        replay_connect(&r, 0);
        assert_int_equal(sends(RAND), before == 10 ? REPLAY_SAME : REPLAY_OVERTAKES);
    }
}

/* Commands and two channels: any of them first; each in its own order. */
static void streams_change_places(void **state)
{
    (void)state;
    for (unsigned tolerance = 0; tolerance <= 10; tolerance += 10) {
        begin(tolerance);
        add(100, HOST, RESET);
        add(101, HOST, ATT);
        add(102, HOST, REST);
        add(103, HOST, ATT_2);
        add(104, HOST, SMP);
        add(105, HOST, RAND);
        add(111, HOST, "\x02\x40\x00\x05\x00\x01\x00\x05\x00\x0e", 10);
        replay_connect(&r, 0);
        assert_int_equal(sends(SMP), tolerance ? REPLAY_SAME : REPLAY_DIFFERS);
    }
    replay_accept(&r, 4);
    assert_int_equal(sends(ATT_2), REPLAY_DIFFERS); /* ATT is before it */
    assert_int_equal(sends(REST), REPLAY_DIFFERS);  /* and so is what it continues */
    assert_int_equal(sends(RAND), REPLAY_DIFFERS);  /* RESET */
    assert_int_equal(sends(SMP), REPLAY_DIFFERS);   /* it has come */
    assert_int_equal(sends("\x02\x40\x00\x05\x00\x01\x00\x05\x00\x0e", 10), REPLAY_DIFFERS);
    sends_right(5, ATT);
    sends_right(5, REST);
    sends_right(5, RESET);
    sends_right(5, RAND);
    assert_false(replay_is_done(&r));
    sends_right(5, ATT_2);
    sends_right(5, "\x02\x40\x00\x05\x00\x01\x00\x05\x00\x0e", 10);
    assert_true(replay_is_done(&r));
    assert_int_equal(r.host_packets, 7);
}

/* An answer to the peer is independent of a request to it; answers keep their order. */
static void answers_change_places_with_requests(void **state)
{
    static const char *const order[][2] = {
        { "\x04\x00\x0a", "\x04\x00\x01" }, /* Read, Error */
        { "\x04\x00\x1d", "\x04\x00\x1e" }, /* Indication, Confirmation */
        { "\x04\x00\x1b", "\x04\x00\x0b" }, /* Notification, Read Response */
        { "\x05\x00\x14", "\x05\x00\x13" }
    };
    (void)state;
    for (size_t n = 0; n < sizeof order / sizeof *order; n++) {
        char packet[2][10] = { "\x02\x40\x00\x05\x00\x01", "\x02\x40\x00\x05\x00\x01" };
        begin(10);
        for (unsigned k = 0; k < 2; k++) {
            memcpy(packet[k] + 7, order[n][k], 3);
            add(0, HOST, packet[k], sizeof packet[k]);
        }
        replay_connect(&r, 0);
        sends_right(0, packet[1], sizeof packet[1]);
        sends_right(0, packet[0], sizeof packet[0]);
        begin(10);
        packet[0][9] = packet[1][9]; /* two answers, of which the second */
        packet[0][6] = 1;            /* differs */
        add(0, HOST, packet[0], sizeof packet[0]);
        add(0, HOST, packet[1], sizeof packet[1]);
        replay_connect(&r, 0);
        assert_int_equal(sends(packet[1], sizeof packet[1]), REPLAY_DIFFERS);
    }
}

/* What the controller had for a host that has left is dropped. */
static void connected_again(void **state)
{
    (void)state;
    begin(0);
    add(100, HOST, RESET);
    add(110, CONTROLLER, EVENT);
    add(120, CONTROLLER, EVENT);
    add(900, HOST, RESET);
    add(910, CONTROLLER, EVENT);
    replay_connect(&r, 0);
    sends_right(0, RESET);
    assert_non_null(replay_take(&r, 10));
    replay_connect(&r, 5000);
    assert_null(replay_take(&r, 5000));
    sends_right(5001, RESET);
    assert_true(replay_due_us(&r) == 5011 && r.most_late_us == 0);
    assert_non_null(replay_take(&r, 5011));
    assert_true(replay_is_done(&r));
}

/* Encryption of a log without keys; and of one with another key. */
static void keys_that_the_log_does_not_have(void **state)
{
    uint8_t packet[32] = { 1, 0x19, 0x20, 28 };
    (void)state;
    begin(0);
    add(0, HOST, (const char *)packet, sizeof packet);
    memset(packet + 16, 0x5a, 16);
    replay_connect(&r, 0);
    assert_int_equal(sends((const char *)packet, sizeof packet), REPLAY_SAME);
    assert_int_equal(r.zeroed_packets, 1);
    packet[5] = 1; /* no part of the key */
    assert_int_equal(sends((const char *)packet, sizeof packet), REPLAY_DIFFERS);
    begin(0);
    add(0, HOST, (const char *)packet, sizeof packet);
    replay_connect(&r, 0);
    packet[20] ^= 1;
    assert_int_equal(sends((const char *)packet, sizeof packet), REPLAY_DIFFERS);
    assert_int_equal(offset, 20);
    replay_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_of_the_controller_wait_for_those_of_the_host),
        cmocka_unit_test(octets),
        cmocka_unit_test(a_packet_may_come_a_little_before_the_controllers),
        cmocka_unit_test(streams_change_places),
        cmocka_unit_test(answers_change_places_with_requests),
        cmocka_unit_test(connected_again),
        cmocka_unit_test(keys_that_the_log_does_not_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
