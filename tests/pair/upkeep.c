/* Procedures that maintain a link: subrating, power control, path loss, sleep clock accuracy, the
 * authenticated payload timeout.  Each in its normal course, refused, in collision and without an
 * answer.  The cases bear the names of the Link Layer test suite where it has them. */
#include "joined.h"

#define BIT(n) (1ull << (n))
static const uint64_t few = BIT(2) | BIT(3) | BIT(4); /* reject, peripheral's features, ping */

static size_t packets_in(uint64_t ms)
{
    size_t n = 0;
    memset(w.packets, 0, sizeof w.packets);
    run_ms(ms);
    for (size_t k = 0; k < 37; k++) {
        n += w.packets[k];
    }
    return n;
}

/* --- subrating -------------------------------------------------------------------------------- */

/* handle, factor min, max, latency, continuation, timeout */
static const char ten[] = "40 00 0a 00 0a 00 00 00 00 00 c8 00";
static const char default_wide[] = "01 00 32 00 02 00 0a 00 c8 00";

/* LL/CON/CEN/BV-130-C …: the central sets a subrate: both hosts get the event, and a tenth of the
 * packets is sent; data still arrive, later; a parameter update ends the subrate. */
static void subrate_by_central(void **state)
{
    (void)state;
    connect_knowing("", 0);
    assert_in_range(packets_in(1000), 196, 204);
    assert_int_equal(command(CENTRAL, 0x207e, ten), 0);
    assert_int_equal(command(CENTRAL, 0x207e, ten), WOAD_HCI_COMMAND_DISALLOWED);
    run_ms(200);
    for (int which = 0; which < 2; which++) {
        assert_int_equal(count(which, 0x3e23), 1);
        assert_memory_equal(event(which, 0x3e23), "\x00\x40\x00\x0a\x00\x00\x00\x00\x00\xc8\x00",
                            11);
    }
    assert_in_range(packets_in(1000), 18, 22);
    assert_link();
    assert_int_equal(command(CENTRAL, 0x2013, "40 00 08 00 08 00 00 00 c8 00 00 00 00 00"), 0);
    run_ms(1500);
    assert_in_range(packets_in(1000), 196, 204);
    assert_link();
    apart();
}

/* LL/CON/PER/BV-…: the peripheral requests a subrate; the result is within the central's limits
 * too. */
static void subrate_by_peripheral(void **state)
{
    (void)state;
    /* A central accepts only factor 1 unless its host has set a default before the connection. */
    static const char *const likes[] = { "", default_wide, "20 00 32 00 02 00 0a 00 c8 00" };
    for (int kind = 0; kind < 3; kind++) {
        connect_knowing(likes[kind], 0);
        assert_int_equal(command(PERIPHERAL, 0x207e, "40 00 02 00 14 00 05 00 01 00 58 02"), 0);
        run_ms(300);
        const uint8_t *e = event(PERIPHERAL, 0x3e23);
        assert_non_null(e);
        assert_int_equal(e[0], kind == 1 ? 0 : WOAD_HCI_UNSUPPORTED_LL_PARAMETERS);
        if (kind == 1) {
            /* Factor 20, latency 2 (the central's), continuation 10, timeout 2 s (the shorter). */
            assert_memory_equal(e, "\x00\x40\x00\x14\x00\x02\x00\x0a\x00\xc8\x00", 11);
            assert_non_null(event(CENTRAL, 0x3e23));
            assert_in_range(packets_in(2000), 10 + 3, 20 + 3);
        } else {
            assert_null(event(CENTRAL, 0x3e23));
        }
        assert_link();
        apart();
    }
}

/* After data, both sides use as many events as the continuation number; then every tenth again. */
static void subrate_continuation(void **state)
{
    (void)state;
    connect_knowing("", 0);
    assert_int_equal(command(CENTRAL, 0x207e, "40 00 14 00 14 00 00 00 0a 00 c8 00"), 0);
    run_ms(500);
    size_t idle = packets_in(2000);
    assert_in_range(idle, 18, 22);
    data(CENTRAL, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
    size_t busy = packets_in(2000);
    assert_in_range(busy - idle, 18, 24);
    assert_link();
    apart();
}

/* With loss, from any moment, and with a latency: the two sides never lose each other. */
static void subrate_with_loss(void **state)
{
    struct woad_air_link link = { .loss_per_mille = 100 };
    (void)state;
    for (unsigned n = 0; n < 40; n++) {
        connect_knowing("", n % 3);
        w.around.link = &link;
        w.around.links = 1;
        run_ms(n * 3);
        assert_int_equal(command(CENTRAL, 0x207e, "40 00 05 00 05 00 01 00 02 00 c8 00"), 0);
        run_ms(5000);
        assert_int_equal(count(CENTRAL, 0x3e23), 1);
        assert_int_equal(count(PERIPHERAL, 0x3e23), 1);
        for (int k = 0; k < 10; k++) {
            size_t len;
            forget();
            data(k % 2, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
            run_ms(1500);
            assert_non_null(got_data(1 - k % 2, &len));
        }
        assert_int_equal(command(PERIPHERAL, 0x2032, "40 00 00 02 02 00 00"), 0);
        run_ms(4000);
        assert_non_null(event(CENTRAL, 0x3e0c));
        assert_int_equal(count(CENTRAL, 0x05) + count(PERIPHERAL, 0x05), 0);
        apart();
    }
}

/* Invalid parameters; a peer without the feature, or without its host's support; both sides at
 * once. */
static void subrate_refused(void **state)
{
    char wrong[11] = { 0x26, 0, 0, 10, 0, 0, 0, 0, 0, 100, 0 };
    (void)state;
    connect_knowing("", 0);
    assert_int_equal(command(CENTRAL, 0x207e, "41 00 0a 00 0a 00 00 00 00 00 c8 00"),
                     WOAD_HCI_UNKNOWN_CONNECTION);
    assert_int_equal(command(CENTRAL, 0x207e, "40 00 00 00 0a 00 00 00 00 00 c8 00"),
                     WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(CENTRAL, 0x207e, "40 00 0a 00 0a 00 00 00 0a 00 c8 00"),
                     WOAD_HCI_INVALID_PARAMETERS); /* continuation 10 of 10 */
    assert_int_equal(command(CENTRAL, 0x207e, "40 00 c8 00 c8 00 00 00 00 00 64 00"),
                     WOAD_HCI_INVALID_PARAMETERS); /* 1 s for events 2 s apart */
    assert_int_equal(command(CENTRAL, 0x207d, "01 00 f5 01 00 00 00 00 c8 00"),
                     WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(CENTRAL, 0x2074, "26 00"), WOAD_HCI_COMMAND_DISALLOWED);
    inject(PERIPHERAL, wrong, sizeof wrong);
    run_ms(200);
    assert_int_equal(count(CENTRAL, 0x3e23) + count(PERIPHERAL, 0x3e23), 0);
    assert_link();
    /* Both sides start: the central's request is carried out, and both hosts get its result. */
    assert_int_equal(command(PERIPHERAL, 0x207e, "40 00 02 00 14 00 00 00 00 00 c8 00"), 0);
    assert_int_equal(command(CENTRAL, 0x207e, ten), 0);
    run_ms(500);
    assert_non_null(event(CENTRAL, 0x3e23));
    assert_int_equal(event(CENTRAL, 0x3e23)[3], 10);
    assert_int_equal(event(CENTRAL, 0x3e23)[0], 0);
    assert_non_null(event(PERIPHERAL, 0x3e23));
    assert_link();
    apart();
    connect_knowing(NULL, 0);
    assert_int_equal(command(CENTRAL, 0x207e, ten), WOAD_HCI_UNSUPPORTED_REMOTE);
    apart();
    connect_with_features(few, 0);
    assert_int_equal(command(PERIPHERAL, 0x207e, "40 00 02 00 14 00 00 00 00 00 c8 00"), 0);
    run_ms(200);
    assert_int_equal(event(PERIPHERAL, 0x3e23)[0], WOAD_HCI_UNSUPPORTED_REMOTE);
    assert_link();
    assert_int_equal(command(CENTRAL, 0x207e, ten), WOAD_HCI_UNKNOWN_COMMAND);
    assert_int_equal(command(PERIPHERAL, 0x2074, "05 01"), WOAD_HCI_UNSUPPORTED);
    apart();
}

/* --- clocks ----------------------------------------------------------------------------------- */

/* LL/CON/CEN/BV-…: each side requests the other's clock accuracy. */
static void clock_accuracy(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        connect_with_features(0, 0);
        assert_int_equal(command(which, 0x206d, "40 00"), 0);
        run_ms(100);
        assert_non_null(event(which, 0x3e1f));
        assert_memory_equal(event(which, 0x3e1f), "\x00\x40\x00\x07", 4);
        assert_int_equal(command(which, 0x206d, "41 00"), WOAD_HCI_UNKNOWN_CONNECTION);
        assert_link();
        apart();
        connect_with_features_at(which, few);
        assert_int_equal(command(which, 0x206d, "40 00"), 0);
        run_ms(100);
        assert_non_null(event(which, 0x3e1f));
        assert_int_equal(event(which, 0x3e1f)[0], WOAD_HCI_UNSUPPORTED_REMOTE);
        assert_link();
        apart();
    }
}

/* LL/CON/CEN/BV-…: a clock becomes less accurate, and better again: the peer gets a PDU, no host
 * gets an unrequested event, and the connection lives. */
static void clock_changes(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        connect_knowing(NULL, 0);
        for (int class = 6; class >= 0; class --) {
            assert_int_equal(command(which, 0x205f, "01"), 0);
            run_ms(100);
            assert_null(event(which, 0x3e1f));
            assert_int_equal(command(1 - which, 0x206d, "40 00"), 0);
            run_ms(100);
            assert_non_null(event(1 - which, 0x3e1f));
            assert_int_equal(event(1 - which, 0x3e1f)[3], class);
            assert_link();
            forget();
        }
        assert_int_equal(command(which, 0x205f, "01"), WOAD_HCI_LIMIT_REACHED);
        for (int n = 0; n < 7; n++) {
            assert_int_equal(command(which, 0x205f, "00"), 0);
        }
        assert_int_equal(command(which, 0x205f, "00"), WOAD_HCI_LIMIT_REACHED);
        assert_int_equal(command(which, 0x205f, "02"), WOAD_HCI_INVALID_PARAMETERS);
        run_ms(100);
        assert_null(event(which, 0x3e1f));
        assert_link();
        w.turn_opcode = 0x1d; /* the peer gets a PDU, and the controller waits for the answer */
        assert_int_equal(command(which, 0x205f, "01"), 0);
        run_ms(41000);
        assert_non_null(event(which, 0x05));
        assert_int_equal(event(which, 0x05)[3], WOAD_HCI_LL_RESPONSE_TIMEOUT);
        apart();
    }
}

/* --- powers ----------------------------------------------------------------------------------- */

/* LL/CON/CEN/BV-…: read the power; request a change, which has an effect; get an event when it
 * changes by itself. */
static void power(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        connect_knowing(NULL, 0);
        int peer = 1 - which;
        assert_int_equal(command(peer, 0x207a, "40 00 01 00"), 0);
        assert_int_equal(command(which, 0x2077, "40 00 01"), 0);
        assert_int_equal(command(which, 0x2077, "40 00 01"), WOAD_HCI_COMMAND_DISALLOWED);
        run_ms(100);
        assert_non_null(event(which, 0x3e21));
        assert_memory_equal(event(which, 0x3e21), "\x00\x40\x00\x02\x01\x00\x00\x00", 8);
        assert_null(event(peer, 0x3e21));
        /* Request 10 dB more; then the maximum. */
        forget();
        inject(which, "\x23\x01\x0a\x00", 4);
        run_ms(100);
        assert_non_null(event(peer, 0x3e21));
        assert_memory_equal(event(peer, 0x3e21), "\x00\x40\x00\x00\x01\x0a\x00\x0a", 8);
        inject(which, "\x23\x01\x7f\x00", 4);
        run_ms(100);
        forget();
        assert_int_equal(command(which, 0x2077, "40 00 01"), 0);
        run_ms(100);
        assert_memory_equal(event(which, 0x3e21), "\x00\x40\x00\x02\x01\x14\x02\x00", 8);
        /* A change without a request. */
        assert_int_equal(command(which, 0x207a, "40 00 00 01"), 0);
        run_ms(100);
        forget();
        woad_air_move(w.n[peer].c, 0, 0, -7);
        run_ms(100);
        assert_non_null(event(which, 0x3e21));
        assert_memory_equal(event(which, 0x3e21), "\x00\x40\x00\x01\x01\xf9\x00\xe5", 8);
        assert_non_null(event(peer, 0x3e21));
        assert_memory_equal(event(peer, 0x3e21), "\x00\x40\x00\x00\x01\xf9\x00\xe5", 8);
        assert_int_equal(command(peer, 0x2076, "40 00 01"), 0);
        assert_int_equal(command(peer, 0x2076, "40 00 05"), WOAD_HCI_UNSUPPORTED);
        assert_int_equal(command(peer, 0x2077, "40 00 00"), WOAD_HCI_UNSUPPORTED);
        assert_int_equal(command(peer, 0x207a, "40 00 02 00"), WOAD_HCI_INVALID_PARAMETERS);
        assert_link();
        apart();
        connect_with_features_at(which, few);
        assert_int_equal(command(which, 0x2077, "40 00 01"), 0);
        run_ms(100);
        assert_int_equal(event(which, 0x3e21)[0], WOAD_HCI_UNSUPPORTED_REMOTE);
        assert_link();
        apart();
    }
}

/* The host gets an event when the path loss enters a zone, with hysteresis, after so many
 * events. */
static void path_loss(void **state)
{
    static const struct {
        int32_t mm;
        int zone;
    } walk[] = { { 1000, 0 },  { 3000, -1 },  { 6000, 1 }, { 3500, -1 }, { 9000, -1 },
                 { 30000, 2 }, { 15000, -1 }, { 6000, 1 }, { 1000, 0 } };
    (void)state;
    connect_knowing(NULL, 0);
    assert_int_equal(command(CENTRAL, 0x2079, "40 00 01"), WOAD_HCI_COMMAND_DISALLOWED);
    /* high 65 ± 3, low 50 ± 2 dB, 5 events */
    assert_int_equal(command(CENTRAL, 0x2078, "40 00 41 03 32 02 05 00"), 0);
    assert_int_equal(command(CENTRAL, 0x2078, "40 00 32 03 41 02 05 00"),
                     WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(CENTRAL, 0x2079, "40 00 02"), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(CENTRAL, 0x2079, "40 00 01"), 0);
    for (size_t k = 0; k < sizeof walk / sizeof *walk; k++) {
        forget();
        woad_air_move(w.n[PERIPHERAL].c, walk[k].mm, 0, 0);
        run_ms(200);
        assert_int_equal(count(CENTRAL, 0x3e20), walk[k].zone >= 0 ? 1 : 0);
        if (walk[k].zone >= 0) {
            assert_int_equal(event(CENTRAL, 0x3e20)[3], walk[k].zone);
        }
    }
    assert_int_equal(command(CENTRAL, 0x2079, "40 00 00"), 0);
    woad_air_move(w.n[PERIPHERAL].c, 30000, 0, 0);
    forget();
    run_ms(500);
    assert_int_equal(count(CENTRAL, 0x3e20), 0);
    apart();
}

/* --- no answer -------------------------------------------------------------------------------- */

static void no_answer(void **state)
{
    static const struct {
        unsigned opcode;
        const char *params;
        uint8_t request;
    } requests[] = { { 0x206d, "40 00", 0x1d },
                     { 0x2077, "40 00 01", 0x23 },
                     { 0x207e, "40 00 02 00 14 00 00 00 00 00 c8 00", 0x26 } };
    (void)state;
    for (size_t k = 0; k < sizeof requests / sizeof *requests; k++) {
        for (int which = requests[k].request == 0x26; which < 2; which++) {
            connect_with_features(0, 0);
            w.turn_opcode = requests[k].request;
            uint64_t began = woad_air_now(w.air);
            assert_int_equal(command(which, requests[k].opcode, requests[k].params), 0);
            while (!event(which, 0x05) && woad_air_now(w.air) < began + 60000000) {
                run_ms(10);
            }
            assert_non_null(event(which, 0x05));
            assert_int_equal(event(which, 0x05)[3], WOAD_HCI_LL_RESPONSE_TIMEOUT);
            assert_in_range(woad_air_now(w.air) - began, 39990000, 40100000);
            apart();
        }
    }
}

/* --- the authenticated payload timeout -------------------------------------------------------- */

static void encrypted(void)
{
    connect_with_features(0, 0);
    assert_int_equal(command(CENTRAL, 0x2019,
                             "40 00 00 00 00 00 00 00 00 00 00 00 01 02 03 04 05 "
                             "06 07 08 09 0a 0b 0c 0d 0e 0f 10"),
                     0);
    run_ms(100);
    assert_int_equal(command(PERIPHERAL, 0x201a,
                             "40 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e "
                             "0f 10"),
                     0);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(command(k, 0x0c63, "00 00 80 00 00 00 00 00"), 0);
    }
    run_ms(100);
    forget();
}

/* LL/SEC/ADV/… ping: on an idle encrypted link LE Ping gets an answer, so the timeout does not
 * expire.  If the answer is late the host gets the event repeatedly, and the link lives. */
static void payload_timeout(void **state)
{
    (void)state;
    encrypted();
    assert_int_equal(command(CENTRAL, 0x0c7b, "40 00"), 0);
    assert_int_equal(command(CENTRAL, 0x0c7c, "40 00 00 00"), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(CENTRAL, 0x0c7c, "41 00 64 00"), WOAD_HCI_UNKNOWN_CONNECTION);
    assert_int_equal(command(CENTRAL, 0x0c7c, "40 00 64 00"), 0);
    run_ms(20000);
    assert_int_equal(count(CENTRAL, 0x57) + count(PERIPHERAL, 0x57), 0);
    apart();
    /* 10 ms are too short for a ping and its answer. */
    encrypted();
    assert_int_equal(command(CENTRAL, 0x0c7c, "40 00 01 00"), 0);
    run_ms(1000);
    assert_in_range(count(CENTRAL, 0x57), 10, 100);
    assert_memory_equal(event(CENTRAL, 0x57), "\x40\x00", 2);
    assert_int_equal(count(CENTRAL, 0x05), 0);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subrate_by_central),
        cmocka_unit_test(subrate_by_peripheral),
        cmocka_unit_test(subrate_continuation),
        cmocka_unit_test(subrate_with_loss),
        cmocka_unit_test(subrate_refused),
        cmocka_unit_test(clock_accuracy),
        cmocka_unit_test(clock_changes),
        cmocka_unit_test(power),
        cmocka_unit_test(path_loss),
        cmocka_unit_test(no_answer),
        cmocka_unit_test(payload_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
