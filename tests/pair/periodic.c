/* Periodic advertising, and syncs by scanning and by transfer (PAST).  The cases bear the names of
 * the Link Layer test suite where it has them. */
#include "nodes.h"

enum { ADV = 0, SYNC = 1, THIRD = 2 };
enum { ESTABLISHED = 0x3e0e, REPORT = 0x3e0f, LOST = 0x3e10, PAST = 0x3e18 };

static void world(uint64_t seed, int16_t drift_a, int16_t drift_b)
{
    const int16_t drift[] = { [ADV] = drift_a, [SYNC] = drift_b, [THIRD] = 0 };
    nodes_begin(seed);
    for (int k = 0; k < 3; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 2,
                                                  .crypto = &woad_mbedtls,
                                                  .drift_ppm = drift[k] };
        node_add(k, &cfg);
    }
}

/* Starts set 5, SID 9, on this PHY; a train every `interval` steps of 1.25 ms, with `len`
 * octets. */
static void periodic_adv(unsigned phy, unsigned interval, size_t len)
{
    char text[900];
    snprintf(text, sizeof text,
             "05 00 00 a0 00 00 a0 00 00 07 00 00 00 00 00 00 00 00 00 7f %02x 00 %02x 09 00",
             phy == 3 ? 3u : 1u, phy);
    assert_int_equal(command(ADV, 0x2036, text), 0);
    snprintf(text, sizeof text, "05 %02x %02x %02x %02x 40 00", interval & 255, interval >> 8,
             interval & 255, interval >> 8);
    assert_int_equal(command(ADV, 0x203e, text), 0);
    size_t at = 0;
    do {
        size_t n = len - at < 250 ? len - at : 250;
        unsigned op = (unsigned)(at == 0) | (unsigned)(at + n == len) << 1;
        int used = snprintf(text, sizeof text, "05 %02x %02x", op, (unsigned)n);
        for (size_t k = 0; k < n; k++) {
            used += snprintf(text + used, sizeof text - (size_t)used, " %02x",
                             octet_at(at + k, len, 5));
        }
        assert_int_equal(command(ADV, 0x203f, text), 0);
        at += n;
    } while (at < len);
    assert_int_equal(command(ADV, 0x2040, "01 05"), 0);
    assert_int_equal(command(ADV, 0x2039, "01 01 05 00 00 00"), 0);
}

static void scan(int which, bool on, unsigned phy)
{
    if (on) {
        assert_int_equal(command(which, 0x2041,
                                 phy == 3 ? "00 00 04 00 50 00 50 00" : "00 00 01 00 50 00 50 00"),
                         0);
    }
    assert_int_equal(command(which, 0x2042, on ? "01 00 00 00 00 00" : "00 00 00 00 00 00"), 0);
}

/* Creates a sync: options, skip, timeout in 10 ms. */
static int create(int which, unsigned options, unsigned skip, unsigned timeout)
{
    char text[80];
    snprintf(text, sizeof text, "%02x 09 00 01 02 03 04 05 06 %02x %02x %02x %02x 00", options,
             skip & 255, skip >> 8, timeout & 255, timeout >> 8);
    return command(which, 0x2044, text);
}

/* Starts a train, and a sync to it.  Ends the scan when the sync is established. */
static void synchronised(unsigned phy, unsigned interval, size_t len, unsigned skip,
                         unsigned timeout)
{
    periodic_adv(phy, interval, len);
    assert_int_equal(create(SYNC, 0, skip, timeout), 0);
    scan(SYNC, true, phy);
    for (int n = 0; n < 400 && !event(SYNC, ESTABLISHED); n++) {
        run_ms(interval);
    }
    const uint8_t *e = event(SYNC, ESTABLISHED);
    assert_non_null(e);
    assert_int_equal(e[0], 0);
    assert_int_equal(e[3], 9);
    assert_memory_equal(e + 4, "\x00\x01\x02\x03\x04\x05\x06", 7);
    assert_int_equal(e[11], phy);
    assert_int_equal(e[12] | e[13] << 8, interval);
    scan(SYNC, false, phy);
    /* the set ends, the train goes on */
    assert_int_equal(command(ADV, 0x2039, "00 01 05 00 00 00"), 0);
    forget();
}

/* Returns how many complete data sets there are among the reports, and checks each; *cut: truncated
 * ones. */
static size_t wholes(int which, size_t len, size_t *cut)
{
    uint8_t all[1700];
    size_t have = 0, n = 0;
    bool skip = true; /* the chain that started before the first report */
    *cut = 0;
    for (size_t k = 0; k < w.n[which].logged; k++) {
        const uint8_t *b = w.n[which].log[k].b;
        if (b[0] != 4 || b[1] != 0x3e || b[3] != (REPORT & 255)) {
            continue;
        }
        const uint8_t *e = b + 4;
        memcpy(all + have, e + 7, e[6]);
        have += e[6];
        assert_true(have <= len);
        if (e[5] == 0 && !skip) {
            assert_int_equal(have, len);
            for (size_t m = 0; m < len; m++) {
                assert_int_equal(all[m], octet_at(m, len, 5));
            }
            n++;
        }
        *cut += e[5] == 2;
        have = e[5] == 1 ? have : 0;
        skip = skip && e[5] == 1;
    }
    return n;
}

/* LL/DDI/ADV/BV-26-C …, LL/DDI/SCN/BV-28-C …: every PHY, from no data to the maximum. */
static void periodic(void **state)
{
    static const struct {
        unsigned interval;
        size_t len;
    } trains[] = { { 24, 0 },   { 24, 10 },   { 6, 10 },    { 80, 245 },
                   { 80, 252 }, { 400, 700 }, { 800, 1650 } };
    (void)state;
    for (unsigned phy = 1; phy <= 3; phy++) {
        for (size_t k = 0; k < sizeof trains / sizeof *trains; k++) {
            size_t cut;
            world(k, 0, 0);
            synchronised(phy, trains[k].interval, trains[k].len, 0, 1000);
            run_ms(trains[k].interval * 125 / 10); /* ten events */
            size_t n = wholes(SYNC, trains[k].len, &cut);
            assert_in_range(n, 8, 10);
            assert_int_equal(cut, 0);
            assert_int_equal((int8_t)event(SYNC, REPORT)[2], 0); /* TX power */
            assert_int_equal((int8_t)event(SYNC, REPORT)[3], -40);
            apart();
        }
    }
}

/* LL/DDI/SCN/BV-…: a sync with a skip receives every fourth event; the host turns reports off and
 * on. */
static void some_skipped(void **state)
{
    size_t cut;
    (void)state;
    world(1, 0, 0);
    synchronised(1, 24, 10, 3, 1000);
    run_ms(30 * 40);
    assert_in_range(wholes(SYNC, 10, &cut), 8, 10);
    assert_int_equal(command(SYNC, 0x2059, "00 00 00"), 0);
    forget();
    run_ms(1000);
    assert_int_equal(count(SYNC, REPORT), 0);
    assert_int_equal(command(SYNC, 0x2059, "00 00 01"), 0);
    run_ms(1000);
    assert_true(count(SYNC, REPORT) > 6);
    assert_int_equal(command(SYNC, 0x2046, "00 00"), 0);
    assert_int_equal(command(SYNC, 0x2046, "00 00"), 0x42);
    forget();
    run_ms(1000);
    assert_int_equal(count(SYNC, REPORT) + count(SYNC, LOST), 0);
    apart();
}

/* LL/DDI/SCN/BV-31-C: the train ends: the sync is lost after the timeout, once. */
static void lost(void **state)
{
    (void)state;
    world(1, 0, 0);
    synchronised(1, 24, 10, 0, 50);
    run_ms(2000);
    assert_null(event(SYNC, LOST));
    assert_int_equal(command(ADV, 0x203c, "05"), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(ADV, 0x2040, "00 05"), 0);
    forget();
    run_ms(460);
    assert_null(event(SYNC, LOST));
    run_ms(600);
    assert_int_equal(count(SYNC, LOST), 1);
    assert_int_equal(command(ADV, 0x203c, "05"), 0);
    assert_int_equal(command(SYNC, 0x2059, "00 00 01"), 0x42);
    apart();
}

/* A sync that is not established: the train is never received, and the host cancels; or six of its
 * packets are lost. */
static void not_established(void **state)
{
    (void)state;
    world(1, 0, 0);
    assert_int_equal(create(SYNC, 0, 0, 100), 0);
    assert_int_equal(create(SYNC, 0, 0, 100), WOAD_HCI_COMMAND_DISALLOWED);
    scan(SYNC, true, 1);
    run_ms(1000);
    assert_null(event(SYNC, ESTABLISHED));
    assert_int_equal(command(SYNC, 0x2045, ""), 0);
    assert_non_null(event(SYNC, ESTABLISHED));
    assert_int_equal(event(SYNC, ESTABLISHED)[0], 0x44);
    assert_int_equal(command(SYNC, 0x2045, ""), WOAD_HCI_COMMAND_DISALLOWED);
    forget();
    w.drop_trains = 1;
    periodic_adv(1, 24, 10);
    assert_int_equal(create(SYNC, 0, 0, 100), 0);
    run_ms(1000);
    assert_non_null(event(SYNC, ESTABLISHED));
    assert_int_equal(event(SYNC, ESTABLISHED)[0], WOAD_HCI_FAILED_TO_ESTABLISH);
    assert_int_equal(count(SYNC, ESTABLISHED), 1);
    assert_int_equal(create(SYNC, 0, 0, 100), 0); /* and again, with better reception */
    w.drop_trains = 0;
    forget();
    run_ms(1000);
    assert_int_equal(event(SYNC, ESTABLISHED)[0], 0);
    assert_int_equal(create(SYNC, 0, 0, 100), WOAD_HCI_CONNECTION_EXISTS);
    apart();
}

/* Packets of chains are lost: each report is complete or marked as truncated. */
static void chains_cut(void **state)
{
    size_t cut;
    (void)state;
    world(3, 0, 0);
    synchronised(1, 100, 700, 0, 1000);
    w.drop_trains = 2;
    run_ms(125 * 40);
    size_t n = wholes(SYNC, 700, &cut);
    assert_true(n > 0 && cut > 0);
    assert_null(event(SYNC, LOST));
    apart();
}

/* LL/DDI/SCN/BV-…: a sync to any train of the Periodic Advertiser List. */
static void by_list(void **state)
{
    (void)state;
    world(1, 0, 0);
    periodic_adv(1, 24, 10);
    assert_int_equal(command(SYNC, 0x2047, "00 09 02 03 04 05 06 09"), 0);
    assert_int_equal(create(SYNC, 1, 0, 100), 0);
    scan(SYNC, true, 1);
    run_ms(500);
    assert_null(event(SYNC, ESTABLISHED));
    assert_int_equal(command(SYNC, 0x2047, "00 01 02 03 04 05 06 09"), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(SYNC, 0x2049, ""), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(SYNC, 0x2045, ""), 0);
    forget();
    assert_int_equal(command(SYNC, 0x2047, "00 01 02 03 04 05 06 09"), 0);
    assert_int_equal(command(SYNC, 0x2047, "00 01 02 03 04 05 06 09"), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(SYNC, 0x2048, "00 09 02 03 04 05 06 09"), 0);
    assert_int_equal(command(SYNC, 0x2048, "00 09 02 03 04 05 06 09"), 0x42);
    assert_int_equal(create(SYNC, 3, 0, 100), 0); /* without reports at first */
    run_ms(500);
    assert_non_null(event(SYNC, ESTABLISHED));
    assert_int_equal(event(SYNC, ESTABLISHED)[0], 0);
    assert_null(event(SYNC, REPORT));
    assert_int_equal(command(SYNC, 0x204a, ""), 0);
    assert_int_equal(command(SYNC, 0x2049, ""), 0);
    apart();
}

/* Commands that are refused. */
static void refused(void **state)
{
    (void)state;
    world(1, 0, 0);
    assert_int_equal(command(ADV, 0x203e, "05 18 00 18 00 00 00"), 0x42);
    assert_int_equal(command(ADV, 0x203f, "05 03 00"), 0x42);
    assert_int_equal(command(ADV, 0x2040, "01 05"), 0x42);
    assert_int_equal(command(ADV, 0x2036,
                             "05 01 00 a0 00 00 a0 00 00 07 00 00 00 00 00 00 00 00 "
                             "00 7f 01 00 01 09 00"),
                     0); /* a connectable set has no train */
    assert_int_equal(command(ADV, 0x203e, "05 18 00 18 00 00 00"), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(ADV, 0x2040, "01 05"), WOAD_HCI_COMMAND_DISALLOWED);
    periodic_adv(1, 24, 10);
    assert_int_equal(command(ADV, 0x203e, "05 18 00 18 00 00 00"), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(ADV, 0x203f, "05 01 01 00"), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(ADV, 0x203f, "05 03 02 00"), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(ADV, 0x2040, "05 05"), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(ADV, 0x203d, ""), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(create(SYNC, 8, 0, 100), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(create(SYNC, 0, 500, 100), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(create(SYNC, 0, 0, 9), WOAD_HCI_INVALID_PARAMETERS);
    apart();
}

/* Clocks that differ by the maximum, at an interval of ten seconds: the sync lives for an hour. */
static void drift(void **state)
{
    (void)state;
    for (int n = 0; n < 2; n++) {
        if (n) {
            world(1, 500, -500);
        } else {
            world(1, -250, 150);
        }
        synchronised(1, 8000, 10, 0, 0x1000);
        run_ms(3600000);
        assert_null(event(SYNC, LOST));
        assert_in_range(count(SYNC, REPORT), 355, 362);
        apart();
    }
}

/* --- sync transfer ---------------------------------------------------------------------------- */

/* Connects `central` to `peripheral`, every `interval` steps of 1.25 ms. */
static void connect_both(int central, int peripheral, unsigned interval)
{
    char text[200];
    assert_int_equal(command(peripheral, 0x2036,
                             "01 13 00 20 00 00 20 00 00 07 00 00 00 00 00 00 "
                             "00 00 00 7f 01 00 01 00 00"),
                     0);
    assert_int_equal(command(peripheral, 0x2039, "01 01 01 00 00 00"), 0);
    snprintf(text, sizeof text,
             "00 00 00 %02x 02 03 04 05 06 01 10 00 10 00 %02x %02x %02x %02x "
             "00 00 80 0c 00 00 00 00",
             peripheral + 1, interval & 255, interval >> 8, interval & 255, interval >> 8);
    assert_int_equal(command(central, 0x2043, text), 0);
    run_ms(200 + interval * 5);
    assert_non_null(event(central, 0x3e0a));
    forget();
}

/* LL/CON/CEN/BV-99-C …, LL/CON/PER/BV-101-C …: transfer of the sender's own train, by either role,
 * and of another device's train; at all intervals. */
static void transfer(void **state)
{
    static const struct {
        unsigned connection, interval, phy;
    } sorts[] = { { 6, 24, 1 }, { 80, 24, 2 }, { 800, 80, 1 }, { 40, 800, 3 }, { 24, 8000, 1 } };
    (void)state;
    for (size_t k = 0; k < sizeof sorts / sizeof *sorts; k++) {
        for (int kind = 0; kind < 3; kind++) {
            world(k, 0, 0);
            /* ADV, in either role, or SYNC transfers the sync to THIRD. */
            int teller = kind == 2 ? SYNC : ADV;
            if (kind == 2) {
                synchronised(sorts[k].phy, sorts[k].interval, 10, 0, 0x1000);
            } else {
                periodic_adv(sorts[k].phy, sorts[k].interval, 10);
            }
            if (kind == 1) {
                connect_both(THIRD, teller, sorts[k].connection);
            } else {
                connect_both(teller, THIRD, sorts[k].connection);
            }
            const char *tell = kind == 2 ? "40 00 34 12 00 00" : "40 00 34 12 05";
            unsigned opcode = kind == 2 ? 0x205a : 0x205b;
            assert_int_equal(command(teller, opcode, tell), 0);
            run_ms(3000 + sorts[k].interval * 2);
            assert_null(event(THIRD, PAST)); /* transfers to it are off */
            assert_int_equal(command(THIRD, 0x205c, "40 00 02 00 00 00 10 00"), 0);
            assert_int_equal(command(teller, opcode, tell), 0);
            run_ms(3000 + sorts[k].interval * 5);
            const uint8_t *e = event(THIRD, PAST);
            assert_non_null(e);
            assert_memory_equal(e, "\x00\x40\x00\x34\x12\x00\x00\x09\x00\x01\x02\x03\x04\x05\x06",
                                15);
            assert_int_equal(e[15], sorts[k].phy);
            assert_true(count(THIRD, REPORT) > 1);
            assert_null(event(THIRD, ESTABLISHED));
            apart();
        }
    }
}

/* A transfer of a train that can't be received fails with an event; reports may be off; commands
 * for unknown syncs and trains are refused. */
static void transfer_fails(void **state)
{
    (void)state;
    world(1, 0, 0);
    periodic_adv(1, 24, 10);
    assert_int_equal(command(THIRD, 0x205d, "01 00 00 64 00 00"), 0);
    assert_int_equal(command(THIRD, 0x205d, "04 00 00 64 00 00"), WOAD_HCI_INVALID_PARAMETERS);
    connect_both(ADV, THIRD, 24);
    w.drop_trains = 1;
    assert_int_equal(command(ADV, 0x205b, "40 00 34 12 05"), 0);
    run_ms(1000);
    assert_int_equal(event(THIRD, PAST)[0], WOAD_HCI_FAILED_TO_ESTABLISH);
    w.drop_trains = 0;
    forget();
    assert_int_equal(command(ADV, 0x205b, "40 00 34 12 05"), 0);
    run_ms(1000);
    assert_int_equal(event(THIRD, PAST)[0], 0);
    assert_null(event(THIRD, REPORT));
    assert_int_equal(command(ADV, 0x205b, "41 00 34 12 05"), WOAD_HCI_UNKNOWN_CONNECTION);
    assert_int_equal(command(ADV, 0x205b, "40 00 34 12 06"), 0x42);
    assert_int_equal(command(ADV, 0x205a, "40 00 34 12 00 00"), 0x42);
    assert_int_equal(command(ADV, 0x2040, "00 05"), 0);
    assert_int_equal(command(ADV, 0x205b, "40 00 34 12 05"), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(THIRD, 0x205c, "41 00 02 00 00 64 00 00"),
                     WOAD_HCI_UNKNOWN_CONNECTION);
    assert_int_equal(command(THIRD, 0x205c, "40 00 02 00 00 01 00 00"),
                     WOAD_HCI_INVALID_PARAMETERS);
    apart();
}

/* A sync beside a connection with an interval of 7.5 ms: both survive. */
static void with_a_connection(void **state)
{
    size_t cut;
    (void)state;
    world(1, 0, 0);
    synchronised(1, 24, 200, 0, 100);
    connect_both(SYNC, THIRD, 6);
    run_ms(20000);
    assert_null(event(SYNC, LOST));
    assert_null(event(SYNC, 0x05));
    assert_true(wholes(SYNC, 200, &cut) > 100);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(periodic),
        cmocka_unit_test(some_skipped),
        cmocka_unit_test(lost),
        cmocka_unit_test(not_established),
        cmocka_unit_test(chains_cut),
        cmocka_unit_test(by_list),
        cmocka_unit_test(refused),
        cmocka_unit_test(drift),
        cmocka_unit_test(transfer),
        cmocka_unit_test(transfer_fails),
        cmocka_unit_test(with_a_connection),
    };
    if (getenv("PCAP")) {
        /* a capture's times are not those of a controller with drift */
        cmocka_set_skip_filter("*drift*");
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
