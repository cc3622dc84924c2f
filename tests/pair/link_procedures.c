/* Procedures of the link layer that meet, and commands of the host between each other. */
#include "links.h"

static const char encrypt[] = "40 00 01 02 03 04 05 06 07 08 34 12 "
                              "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";
static const char key[] = "40 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";

enum { PHY_UPDATE = 0x3e0c, LENGTH_CHANGE = 0x3e07, REPORT = 0x3e0d };

static void connect_slow(unsigned latency)
{
    char t[200];
    advertise(1);
    snprintf(t, sizeof t,
             "00 00 00 02 02 03 04 05 06 01 10 00 10 00 06 00 06 00 %02x %02x e8 03 00 00 00 00",
             latency & 255, latency >> 8);
    assert_int_equal(command(0, 0x2043, t), 0);
    run_ms(300);
    assert_non_null(event(0, CONNECTED));
    assert_int_equal(command(0, 0x2016, "40 00"), 0);
    run_ms(12000);
    assert_non_null(event(0, 0x3e04));
    forget();
}

/* The central's LL_SUBRATE_IND (factor 500, latency 0) waits behind a data PDU that a peripheral
 * with latency 499 has not acknowledged; then the peripheral asks for the 2M PHY. The instant must
 * be one that the peripheral takes. Core Vol 6, Part B, 5.1.10, 5.5 */
static void phys_while_a_subrate_waits(void **state)
{
    (void)state;
    for (int subrate = 0; subrate < 3;
         subrate++) { /* 0: the PHY alone; 1: both; 2: the subrate alone */
        if (getenv("ONLY") && atoi(getenv("ONLY")) != subrate) {
            continue;
        }
        links_begin(1, 2);
        assert_int_equal(command(0, 0x2074, "26 01"), 0);
        assert_int_equal(command(1, 0x2074, "26 01"), 0);
        connect_slow(499);
        run_ms(5000);
        data(0, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
        run_ms(30);
        if (subrate) {
            assert_int_equal(command(0, 0x207e, "40 00 f4 01 f4 01 00 00 00 00 e8 03"), 0);
        }
        if (subrate < 2) {
            assert_int_equal(command(1, 0x2032, "40 00 00 02 02 00 00"), 0);
        }
        run_ms(30000);
        for (int k = 0; k < 2; k++) {
            const uint8_t *e = event(k, DISCONNECTED);
            printf("subrate %d, controller %d: PHY update %zu, subrate change %zu, "
                   "disconnected %zu (%#x)\n",
                   subrate, k, count(k, PHY_UPDATE), count(k, 0x3e23), count(k, DISCONNECTED),
                   e ? e[3] : 0);
        }
        assert_null(event(0, DISCONNECTED));
        assert_null(event(1, DISCONNECTED));
        assert_true(subrate == 2 || event(1, PHY_UPDATE));
        apart();
    }
}

/* The peripheral's request and a PDU without response arrive before it has received LL_ENC_REQ:
 * after the encryption both are handled. 5.1.3.1 */
static void two_pdus_before_encryption(void **state)
{
    (void)state;
    for (int past = 0; past < 2; past++) {
        links_begin(2, 2);
        periodic_adv(1, 24);
        connect_to(0, 1, 24, 500);
        assert_int_equal(command(0, 0x2019, encrypt), 0);
        assert_int_equal(command(1, 0x2022, "40 00 fb 00 90 42"), 0);
        if (past) {
            assert_int_equal(command(1, 0x205b, "40 00 34 12 05"), 0);
        }
        for (int n = 0; n < 100 && !event(1, 0x3e05); n++) {
            run_ms(1);
        }
        assert_int_equal(command(1, 0x201a, key), 0);
        run_ms(60000);
        for (int k = 0; k < 2; k++) {
            const uint8_t *e = event(k, DISCONNECTED);
            printf("past %d, controller %d: encryption %zu, lengths %zu, disconnected %zu (%#x)\n",
                   past, k, count(k, 0x08), count(k, LENGTH_CHANGE), count(k, DISCONNECTED),
                   e ? e[3] : 0);
        }
        assert_null(event(0, DISCONNECTED));
        assert_null(event(1, DISCONNECTED));
        assert_non_null(event(1, LENGTH_CHANGE));
        apart();
    }
}

/* LE Set Extended Scan Parameters are the scanner's until they are set again: an initiator with the
 * filter accept list in between changes nothing. Vol 4, Part E, 7.8.64, 7.8.66 */
static void scan_after_a_connection(void **state)
{
    (void)state;
    for (int filter = 0; filter < 2; filter++) {
        links_begin(3, 3);
        assert_int_equal(command(0, 0x2041, "00 00 01 01 10 00 10 00"), 0);
        assert_int_equal(command(0, 0x2011, "00 02 02 03 04 05 06"), 0);
        advertise(1);
        char t[200];
        snprintf(t, sizeof t,
                 "%02x 00 00 02 02 03 04 05 06 01 10 00 10 00 18 00 18 00 00 00 f4 01 00 00 00 00",
                 filter);
        assert_int_equal(command(0, 0x2043, t), 0);
        run_ms(500);
        assert_non_null(event(0, CONNECTED));
        forget();
        advertise(2);
        assert_int_equal(command(0, 0x2042, "01 00 00 00 00 00"), 0);
        run_ms(2000);
        printf("filter of the initiator %d: reports %zu\n", filter, count(0, REPORT));
        assert_non_null(event(0, REPORT));
        apart();
    }
}

/* The same with the legacy commands. 7.8.10, 7.8.12 */
static void legacy_scan_after_a_connection(void **state)
{
    (void)state;
    for (int filter = 0; filter < 2; filter++) {
        links_begin(3, 3);
        assert_int_equal(command(0, 0x200b, "01 10 00 10 00 00 00"), 0);
        assert_int_equal(command(0, 0x2011, "00 02 02 03 04 05 06"), 0);
        advertise(1);
        char t[200];
        snprintf(t, sizeof t,
                 "10 00 10 00 %02x 00 02 02 03 04 05 06 00 18 00 18 00 00 00 f4 01 00 00 00 00",
                 filter);
        assert_int_equal(command(0, 0x200d, t), 0);
        run_ms(500);
        assert_non_null(event(0, CONNECTED));
        forget();
        advertise(2);
        assert_int_equal(command(0, 0x200c, "01 00"), 0);
        run_ms(2000);
        printf("filter of the initiator %d: reports %zu\n", filter, count(0, 0x3e02));
        assert_non_null(event(0, 0x3e02));
        apart();
    }
}

/* Connectable advertising has no chain: data of 251 octets are refused while it is on, too.
 * 7.8.54; Vol 6, Part B, 2.3.4 */
static void long_data_while_connectable(void **state)
{
    (void)state;
    char t[1200] = "05 03 01 fb";
    links_begin(4, 2);
    assert_int_equal(command(1, 0x2036,
                             "05 01 00 40 00 00 40 00 00 07 00 00 00 00 00 00 00 00 00 "
                             "7f 01 00 01 03 00"),
                     0);
    assert_int_equal(command(1, 0x2037, "05 03 01 03 02 01 06"), 0);
    assert_int_equal(command(1, 0x2039, "01 01 05 00 00 00"), 0);
    for (int k = 0; k < 251; k++) {
        snprintf(t + strlen(t), 4, " %02x", k ? 0x55 : 250);
    }
    int status = command(1, 0x2037, t);
    assert_int_equal(command(0, 0x2041, "00 00 01 00 10 00 10 00"), 0);
    assert_int_equal(command(0, 0x2042, "01 00 00 00 00 00"), 0);
    run_ms(300);
    const uint8_t *e = event(0, REPORT);
    printf("status %#x; reports %zu, the first: type %02x %02x, %u octets\n", (unsigned)status,
           count(0, REPORT), e ? e[1] : 0, e ? e[2] : 0, e ? e[24] : 0);
    assert_int_not_equal(status, 0);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phys_while_a_subrate_waits),
        cmocka_unit_test(two_pdus_before_encryption),
        cmocka_unit_test(scan_after_a_connection),
        cmocka_unit_test(legacy_scan_after_a_connection),
        cmocka_unit_test(long_data_while_connectable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
