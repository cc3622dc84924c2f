/* Extended advertising, scanning and connecting, by HCI on both sides.  The cases bear the names of
 * the Link Layer test suite where it has them. */
#include "nodes.h"

enum { ADV = 0, SCAN = 1, THIRD = 2 };

static void world(uint64_t seed)
{
    nodes_begin(seed);
    for (int k = 0; k < 3; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 16384,
                                                  .adv_sets = 4,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
    }
}

/* Parameters of set `handle`: 100 ms, these properties and PHYs, SID handle + 3. */
static unsigned interval = 0xa0; /* of advertising */

static int set_params(int which, unsigned handle, unsigned props, unsigned primary,
                      unsigned secondary, const char *peer)
{
    char text[200];
    snprintf(text, sizeof text,
             "%02x %02x %02x %02x 00 00 %02x 00 00 07 00 %s 00 7f %02x 00 %02x %02x 01", handle,
             props & 255, props >> 8, interval, interval, peer ? peer : "00 00 00 00 00 00 00",
             primary, secondary, handle + 3);
    return command(which, 0x2036, text);
}

/* Sends `len` octets of data, in as many commands as necessary. */
static int set_data(int which, unsigned opcode, unsigned handle, size_t len, unsigned seed)
{
    char text[900];
    size_t at = 0;
    int status = 0;
    do {
        size_t n = len - at < 251 ? len - at : 251;
        unsigned op = (unsigned)(at == 0) | (unsigned)(at + n == len) << 1;
        int used = snprintf(text, sizeof text, "%02x %02x 01 %02x", handle, op, (unsigned)n);
        for (size_t k = 0; k < n; k++) {
            used += snprintf(text + used, sizeof text - (size_t)used, " %02x",
                             octet_at(at + k, len, seed));
        }
        status = command(which, opcode, text);
        at += n;
    } while (at < len && !status);
    return status;
}

static int enable(int which, unsigned handle, const char *duration, const char *events)
{
    char text[60];
    duration = duration ? duration : "00 00";
    events = events ? events : "00";
    snprintf(text, sizeof text, "01 01 %02x %s %s", handle, duration, events);
    return command(which, 0x2039, text);
}

static void scan(int which, unsigned phys, int active, int filter)
{
    char text[80];
    int n = snprintf(text, sizeof text, "00 00 %02x", phys);
    for (unsigned k = 0; k < 3; k += 2) {
        if (phys >> k & 1) {
            n += snprintf(text + n, sizeof text - (size_t)n, " %02x 50 00 50 00", active);
        }
    }
    assert_int_equal(command(which, 0x2041, text), 0);
    snprintf(text, sizeof text, "01 %02x 00 00 00 00", filter);
    assert_int_equal(command(which, 0x2042, text), 0);
}

/* A device's reports, reassembled: the first complete one. */
struct whole {
    bool found, cut;
    unsigned type;
    uint8_t sid, primary, secondary, data[1700];
    size_t len;
};

static struct whole whole_report(int which, bool response)
{
    struct whole r = { false };
    for (size_t k = 0; k < w.n[which].logged && !r.found; k++) {
        const uint8_t *b = w.n[which].log[k].b;
        if (b[0] != 4 || b[1] != 0x3e || b[3] != 0x0d) {
            continue;
        }
        const uint8_t *e = b + 5;
        unsigned type = e[0] | (unsigned)e[1] << 8;
        if (((type & 8) != 0) != response) {
            continue;
        }
        memcpy(r.data + r.len, e + 24, e[23]);
        r.len += e[23];
        r.type = type & 0x1f;
        r.primary = e[9];
        r.secondary = e[10];
        r.sid = e[11];
        r.cut = (type >> 5 & 3) == 2;
        r.found = (type >> 5 & 3) == 0;
        if (r.cut) {
            r.len = 0;
        }
    }
    return r;
}

static void assert_data(const struct whole *r, size_t len, unsigned seed)
{
    assert_true(r->found);
    assert_int_equal(r->len, len);
    for (size_t k = 0; k < len; k++) {
        assert_int_equal(r->data[k], octet_at(k, len, seed));
    }
}

static const uint8_t phys[][2] = { { 1, 1 }, { 1, 2 }, { 1, 3 }, { 3, 3 }, { 3, 1 }, { 3, 2 } };

/* LL/DDI/ADV/BV-26-C and its like: every length of data arrives complete, in one packet or in a
 * chain, on every pair of PHYs. */
static void data_lengths(void **state)
{
    static const size_t lengths[] = {
        0, 1, 191, 229, 230, 243, 244, 245, 246, 458, 490, 1000, 1650
    };
    (void)state;
    interval = 0xf0; /* 1,650 octets take 120 ms on the coded PHY */
    for (size_t p = 0; p < 6; p++) {
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            world(k + 1);
            assert_int_equal(set_params(ADV, 1, 0, phys[p][0], phys[p][1], NULL), 0);
            assert_int_equal(set_data(ADV, 0x2037, 1, lengths[k], (unsigned)k), 0);
            assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
            scan(SCAN, phys[p][0] == 1 ? 1 : 4, 0, 0);
            run_ms(1200);
            struct whole r = whole_report(SCAN, false);
            assert_data(&r, lengths[k], (unsigned)k);
            assert_int_equal(r.type, 0);
            assert_int_equal(r.sid, 4);
            assert_int_equal(r.primary, phys[p][0]);
            assert_int_equal(r.secondary, phys[p][1]);
            apart();
        }
    }
    interval = 0xa0;
}

/* LL/DDI/SCN/BV-…: a scanner of both PHYs receives advertisers on each. */
static void both_phys(void **state)
{
    (void)state;
    world(3);
    assert_int_equal(set_params(ADV, 0, 0, 1, 2, NULL), 0);
    assert_int_equal(set_params(THIRD, 0, 0, 3, 3, NULL), 0);
    assert_int_equal(enable(ADV, 0, NULL, NULL), 0);
    assert_int_equal(enable(THIRD, 0, NULL, NULL), 0);
    scan(SCAN, 5, 0, 1);
    run_ms(4000);
    assert_int_equal(count(SCAN, 0x3e0d), 2);
    apart();
}

/* LL/DDI/SCN/BV-21-C …: scan responses of every length; the advertiser gets an event for the
 * request. */
static void scan_responses(void **state)
{
    static const size_t lengths[] = { 1, 31, 229, 245, 246, 700, 1650 };
    (void)state;
    interval = 0xf0;
    for (size_t p = 0; p < 6; p++) {
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
            world(k + 1);
            assert_int_equal(set_params(ADV, 2, 2, phys[p][0], phys[p][1], NULL), 0);
            assert_int_equal(set_data(ADV, 0x2038, 2, lengths[k], 9), 0);
            assert_int_equal(enable(ADV, 2, NULL, NULL), 0);
            scan(SCAN, phys[p][0] == 1 ? 1 : 4, 1, 0);
            run_ms(1500);
            struct whole r = whole_report(SCAN, true);
            assert_data(&r, lengths[k], 9);
            assert_int_equal(r.type, 0x0a);
            assert_non_null(event(ADV, 0x3e13));
            assert_memory_equal(event(ADV, 0x3e13), "\x02\x00\x02\x02\x03\x04\x05\x06", 8);
            apart();
        }
    }
    interval = 0xa0;
}

/* A chain breaks: its reports end as truncated, and a later event arrives complete. */
static void broken_chains(void **state)
{
    (void)state;
    world(5);
    w.drop_chains = true;
    assert_int_equal(set_params(ADV, 1, 0, 1, 1, NULL), 0);
    assert_int_equal(set_data(ADV, 0x2037, 1, 400, 1), 0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
    scan(SCAN, 1, 0, 0);
    run_ms(5000);
    size_t cut = 0, complete = 0;
    for (size_t k = 0; k < w.n[SCAN].logged; k++) {
        const uint8_t *b = w.n[SCAN].log[k].b;
        if (b[1] == 0x3e && b[3] == 0x0d) {
            cut += (b[5] >> 5 & 3) == 2;
            complete += (b[5] >> 5 & 3) == 0;
        }
    }
    assert_true(cut > 3);
    assert_true(complete > 3);
    apart();
}

static void connect_ext(int which, unsigned on, const char *peer)
{
    char text[200];
    const char *filter = peer ? "00" : "01";
    peer = peer ? peer : "00 00 00 00 00 00 00";
    int n = snprintf(text, sizeof text, "%s 00 %s %02x", filter, peer, on);
    for (unsigned k = 0; k < 3; k++) {
        if (on >> k & 1) {
            n += snprintf(text + n, sizeof text - (size_t)n,
                          " 50 00 50 00 10 00 10 00 00 00 64 00 00 00 00 00");
        }
    }
    assert_int_equal(command(which, 0x2043, text), 0);
}

static void assert_data_both_ways(int a, int b)
{
    size_t len;
    forget();
    data(a, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
    data(b, (const uint8_t *)"\x02\x00\x04\x00\x0b\x07", 6);
    run_ms(400);
    assert_non_null(got_data(b, &len));
    assert_int_equal(len, 7);
    assert_non_null(got_data(a, &len));
    assert_int_equal(len, 6);
}

/* LL/CON/INI/BV-…, LL/CON/ADV/BV-…: connections on every pair of PHYs use the secondary PHY; Set
 * Terminated names the connection. */
static void connecting(void **state)
{
    (void)state;
    for (size_t p = 0; p < 6; p++) {
        for (uint64_t seed = 1; seed < 20; seed++) {
            world(seed);
            assert_int_equal(set_params(ADV, 1, 1, phys[p][0], phys[p][1], NULL), 0);
            assert_int_equal(set_data(ADV, 0x2037, 1, 100, 0), 0);
            assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
            connect_ext(SCAN, phys[p][0] == 1 ? 1 : 4, "00 01 02 03 04 05 06");
            run_ms(1000);
            const uint8_t *e = event(SCAN, 0x3e0a);
            assert_non_null(e);
            assert_int_equal(e[0], 0);
            assert_non_null(event(ADV, 0x3e0a));
            assert_non_null(event(ADV, 0x3e12));
            assert_memory_equal(event(ADV, 0x3e12), "\x00\x01\x40\x00", 4);
            assert_int_equal(event(SCAN, 0x3e14)[2], 1); /* always algorithm 2 */
            assert_data_both_ways(ADV, SCAN);
            assert_int_equal(command(SCAN, 0x2030, "40 00"), 0);
            bool used = false;
            for (size_t k = 0; k < 37; k++) {
                assert_true(w.phy[k] == 0 || w.phy[k] == phys[p][1]);
                used = used || w.phy[k];
            }
            assert_true(used);
            assert_int_equal(command(ADV, 0x0406, "40 00 13"), 0);
            run_ms(500);
            assert_non_null(event(SCAN, 0x05));
            assert_int_equal(event(SCAN, 0x05)[3], 0x13);
            apart();
        }
    }
}

/* A set that is directed at one device refuses another one; a set with the accept list accepts each
 * device on it. */
static void connecting_whom(void **state)
{
    (void)state;
    world(1);
    assert_int_equal(set_params(ADV, 1, 5, 1, 2, "00 02 02 03 04 05 06"), 0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
    connect_ext(THIRD, 1, "00 01 02 03 04 05 06");
    run_ms(1000);
    assert_null(event(THIRD, 0x3e0a));
    assert_int_equal(command(SCAN, 0x2011, "00 01 02 03 04 05 06"), 0);
    connect_ext(SCAN, 1, NULL);
    run_ms(1000);
    assert_non_null(event(SCAN, 0x3e0a));
    assert_non_null(event(ADV, 0x3e0a));
    assert_int_equal(command(THIRD, 0x200e, ""), 0);
    apart();
}

/* LL/DDI/ADV/BV-…: a set ends after a duration or after a number of events, and its event has the
 * reason. */
static void limits(void **state)
{
    (void)state;
    world(1);
    assert_int_equal(set_params(ADV, 0, 0, 1, 1, NULL), 0);
    assert_int_equal(set_params(ADV, 1, 0, 1, 1, NULL), 0);
    assert_int_equal(enable(ADV, 0, "64 00", NULL), 0);
    assert_int_equal(enable(ADV, 1, NULL, "05"), 0);
    run_ms(900);
    assert_int_equal(count(ADV, 0x3e12), 1);
    assert_memory_equal(event(ADV, 0x3e12), "\x43\x01", 2);
    forget();
    run_ms(300);
    assert_int_equal(count(ADV, 0x3e12), 1);
    assert_memory_equal(event(ADV, 0x3e12), "\x3c\x00", 2);
    apart();
}

/* Four sets at once, two of them with legacy PDUs.  A scanner with extended commands receives all
 * four, one with legacy commands those two.  LL/DDI/ADV/BV-47-C */
static void several_sets(void **state)
{
    unsigned seen = 0, legacy = 0;
    (void)state;
    world(2);
    assert_int_equal(set_params(ADV, 0, 0, 1, 1, NULL), 0);
    assert_int_equal(set_params(ADV, 1, 1, 1, 2, NULL), 0);
    assert_int_equal(set_params(ADV, 2, 0x10, 1, 1, NULL), 0);
    assert_int_equal(set_params(ADV, 3, 0x13, 1, 1, NULL), 0);
    assert_int_equal(set_params(ADV, 4, 0, 1, 1, NULL), 0x07);
    assert_int_equal(set_data(ADV, 0x2037, 2, 31, 0), 0);
    assert_int_equal(set_data(ADV, 0x2037, 2, 32, 0), 0x12);
    assert_int_equal(command(ADV, 0x2039, "01 04 00 00 00 00 01 00 00 00 02 00 00 00 03 00 00 00"),
                     0);
    assert_int_equal(command(THIRD, 0x200b, "00 50 00 50 00 00 00"), 0);
    assert_int_equal(command(THIRD, 0x200c, "01 00"), 0);
    scan(SCAN, 1, 0, 0);
    run_ms(3000);
    for (size_t k = 0; k < w.n[SCAN].logged; k++) {
        const uint8_t *b = w.n[SCAN].log[k].b;
        if (b[1] == 0x3e && b[3] == 0x0d) {
            unsigned type = b[5] & 0x1f;
            switch (type) {
            case 0: seen |= 1; break;
            case 1: seen |= 2; break;
            case 0x10: seen |= 4; break;
            case 0x13: seen |= 8; break;
            default: seen |= 16; break;
            }
        }
    }
    assert_int_equal(seen, 15);
    for (size_t k = 0; k < w.n[THIRD].logged; k++) {
        const uint8_t *b = w.n[THIRD].log[k].b;
        legacy |= b[1] == 0x3e && b[3] == 0x02 ? 1u << b[5] : 0;
    }
    assert_int_equal(legacy, 1u << 0 | 1u << 3);
    /* A host with legacy commands connects by legacy PDUs. */
    assert_int_equal(command(THIRD, 0x200c, "00 00"), 0);
    assert_int_equal(command(THIRD, 0x200d,
                             "50 00 50 00 00 00 01 02 03 04 05 06 00 10 00 10 00 00 "
                             "00 64 00 00 00 00 00"),
                     0);
    run_ms(1000);
    assert_non_null(event(THIRD, 0x3e0a));
    assert_memory_equal(event(ADV, 0x3e12), "\x00\x03\x40\x00", 4);
    apart();
}

/* A set transmits at the power that its host requests, and its PDUs report that power. */
static void power(void **state)
{
    static const struct {
        const char *requested;
        int is;
    } powers[] = { { "7f", 0 },  { "00", 0 },  { "ec", -20 },
                   { "0a", 10 }, { "14", 20 }, { "9c", -40 } };
    (void)state;
    for (size_t k = 0; k < sizeof powers / sizeof *powers; k++) {
        for (int legacy = 0; legacy < 2; legacy++) {
            char text[160];
            world(k);
            snprintf(text, sizeof text,
                     "00 %s 00 a0 00 00 a0 00 00 07 00 00 00 00 00 00 00 00 00 "
                     "%s 01 00 01 03 00",
                     legacy ? "10" : "40", powers[k].requested);
            assert_int_equal(command(ADV, 0x2036, text), 0);
            assert_int_equal(set_data(ADV, 0x2037, 0, 20, 1), 0);
            assert_int_equal(enable(ADV, 0, NULL, NULL), 0);
            scan(SCAN, 1, 0, 0);
            run_ms(500);
            const uint8_t *e = event(SCAN, 0x3e0d);
            assert_non_null(e);
            assert_int_equal((int8_t)e[1 + 12], legacy ? 127 : powers[k].is);
            assert_int_equal((int8_t)e[1 + 13], powers[k].is - 40);
            apart();
        }
    }
}

/* The duplicate filter detects new data by the ADI.  LL/DDI/SCN/BV-… */
static void duplicates(void **state)
{
    (void)state;
    world(4);
    assert_int_equal(set_params(ADV, 1, 0, 1, 1, NULL), 0);
    assert_int_equal(set_data(ADV, 0x2037, 1, 20, 1), 0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
    scan(SCAN, 1, 0, 1);
    run_ms(3000);
    assert_int_equal(count(SCAN, 0x3e0d), 1);
    assert_int_equal(set_data(ADV, 0x2037, 1, 20, 2), 0);
    run_ms(3000);
    assert_int_equal(count(SCAN, 0x3e0d), 2);
    apart();
}

/* Between two scan durations the scan still counts as enabled: commands that are disallowed during
 * a scan are disallowed there.  Vol 4, Part E, 7.8.64 to 7.8.66 */
static void scan_between_durations(void **state)
{
    (void)state;
    world(4);
    assert_int_equal(set_params(ADV, 1, 0, 1, 1, NULL), 0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
    assert_int_equal(command(SCAN, 0x2041, "00 00 01 00 50 00 50 00"), 0);
    assert_int_equal(command(SCAN, 0x2042, "01 00 32 00 01 00"), 0);
    run_ms(900);
    forget();
    run_ms(200);
    assert_int_equal(w.n[SCAN].logged, 0); /* 0.5 of 1.28 s */
    assert_int_equal(command(SCAN, 0x2041, "00 00 01 00 50 00 50 00"), 0x0c);
    assert_int_equal(command(SCAN, 0x2005, "01 02 03 04 05 c6"), 0x0c);
    assert_int_equal(command(SCAN, 0x2043,
                             "00 00 00 01 02 03 04 05 06 01 10 00 10 00 10 00 10 00 "
                             "00 00 64 00 00 00 00 00"),
                     0x0c);
    run_ms(700);
    assert_in_range(count(SCAN, 0x3e0d), 3, 6);
    apart();
}

/* A scan with a duration ends with Scan Timeout; a periodic one starts again. */
static void scan_times(void **state)
{
    (void)state;
    world(4);
    assert_int_equal(set_params(ADV, 1, 0, 1, 1, NULL), 0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
    assert_int_equal(command(SCAN, 0x2041, "00 00 01 00 50 00 50 00"), 0);
    assert_int_equal(command(SCAN, 0x2042, "01 00 32 00 00 00"), 0);
    run_ms(2000);
    assert_int_equal(count(SCAN, 0x3e11), 1);
    assert_in_range(count(SCAN, 0x3e0d), 3, 6);
    forget();
    assert_int_equal(command(SCAN, 0x2042, "01 01 32 00 01 00"), 0);
    run_ms(6000);
    /* one report in each period, because of the filter */
    assert_in_range(count(SCAN, 0x3e0d), 4, 5);
    assert_int_equal(count(SCAN, 0x3e11), 0);
    assert_int_equal(command(SCAN, 0x2042, "00 00 00 00 00 00"), 0);
    forget();
    run_ms(3000);
    assert_int_equal(w.n[SCAN].logged, 0);
    apart();
}

/* Invalid commands are refused, and a refused command changes nothing. */
static void refused(void **state)
{
    (void)state;
    world(1);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0x42);
    assert_int_equal(set_data(ADV, 0x2037, 1, 5, 0), 0x42);
    /* connectable and scannable at once: not with extended PDUs */
    assert_int_equal(set_params(ADV, 1, 3, 1, 1, NULL), 0x12);
    assert_int_equal(set_params(ADV, 1, 0x80, 1, 1, NULL), 0x12);
    assert_int_equal(set_params(ADV, 1, 0, 2, 1, NULL), 0x11); /* 2M is not a primary PHY */
    assert_int_equal(set_params(ADV, 1, 0, 1, 4, NULL), 0x11);
    assert_int_equal(set_params(ADV, 0xf0, 0, 1, 1, NULL), 0x12);
    assert_int_equal(set_params(ADV, 1, 1, 1, 1, NULL), 0);
    assert_int_equal(set_data(ADV, 0x2037, 1, 1650, 0), 0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0x12); /* connectable: no chain */
    assert_int_equal(set_data(ADV, 0x2037, 1, 200, 0), 0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
    assert_int_equal(set_params(ADV, 1, 1, 1, 1, NULL), 0x0c);
    assert_int_equal(command(ADV, 0x203c, "01"), 0x0c);
    assert_int_equal(command(ADV, 0x203d, ""), 0x0c);
    assert_int_equal(command(ADV, 0x2006, "20 00 20 00 00 00 00 00 00 00 00 00 00 07 00"), 0x0c);
    assert_int_equal(command(ADV, 0x2039, "00 00"), 0);
    assert_int_equal(command(ADV, 0x203c, "01"), 0);
    assert_int_equal(command(ADV, 0x203c, "01"), 0x42);
    assert_int_equal(command(SCAN, 0x200b, "00 50 00 50 00 00 00"), 0);
    assert_int_equal(command(SCAN, 0x2041, "00 00 01 00 50 00 50 00"), 0x0c);
    assert_int_equal(command(SCAN, 0x0c03, ""), 0);
    assert_int_equal(command(SCAN, 0x2041, "00 00 01 00 50 00 50 00"), 0);
    assert_int_equal(command(SCAN, 0x2041, "00 00 05 00 50 00 50 00"), 0x12);
    apart();
}

/* The host replaces the data in the middle of their chain: the chain ends there, without a pointer
 * to another packet.  Then it restarts the set in the middle of an event: the set starts a new
 * event. */
static void data_replaced_in_a_chain(void **state)
{
    (void)state;
    world(7);
    assert_int_equal(command(ADV, 0x2036,
                             "01 00 00 a0 00 01 a0 00 01 07 00 00 00 00 00 00 00 00 "
                             "00 7f 01 00 01 00 00"),
                     0); /* an event every 41 s */
    assert_int_equal(set_data(ADV, 0x2037, 1, 1500, 1), 0);
    scan(SCAN, 1, 0, 0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
    run_ms(7);
    assert_int_equal(command(ADV, 0x2037, "01 03 01 03 02 01 06"), 0);
    size_t before = 0, after = 0;
    for (size_t k = 0; k < 37; k++) {
        before += w.packets[k];
    }
    assert_true(before > 1);
    run_ms(1000);
    for (size_t k = 0; k < 37; k++) {
        after += w.packets[k];
    }
    assert_true(after <= before + 1);
    forget();
    for (int us = 0; us < 3000; us += 500) {
        assert_int_equal(command(ADV, 0x2039, "01 01 01 00 00 00"), 0);
        woad_air_step(w.air, woad_air_now(w.air) + 625 + (uint64_t)us);
        collect();
    }
    run_ms(1000);
    assert_int_equal(whole_report(SCAN, false).len, 3);
    apart();
}

/* Intervals and periods of more than 32 bits of microseconds: 1.2 and 23 hours. */
static void hours(void **state)
{
    (void)state;
    world(7);
    assert_int_equal(command(ADV, 0x2036,
                             "01 00 00 8c db 68 8c db 68 07 00 00 00 00 00 00 00 00 "
                             "00 7f 01 00 01 00 00"),
                     0);
    assert_int_equal(command(ADV, 0x2037, "01 03 01 03 02 01 06"), 0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
    run_ms(2000);
    assert_int_equal(w.packets[37], 1);
    assert_int_equal(command(SCAN, 0x2041, "00 00 01 00 50 00 50 00"), 0);
    assert_int_equal(command(SCAN, 0x2042, "01 00 01 00 ff ff"), 0);
    woad_air_step(w.air, woad_air_now(w.air) + 60000000);
    collect();
    assert_true(woad_air_next(w.air) > 3600 * 1000000ull);
    apart();
}

/* A host reads no events for minutes, of a set with scan request notifications.  The event queue
 * keeps room for events that must not be lost. */
static void scan_requests_unread(void **state)
{
    (void)state;
    world(9);
    assert_int_equal(command(ADV, 0x2036,
                             "01 13 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 "
                             "00 7f 01 00 01 00 01"),
                     0);
    assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
    scan(SCAN, 1, 1, 0);
    w.n[ADV].stuck = true;
    for (int n = 0; n < 180; n++) {
        run_ms(1000);
        forget();
    }
    static const uint8_t rand[] = { 1, 0x18, 0x20, 0 };
    assert_int_equal(woad_air_rx(w.n[ADV].c, rand, sizeof rand), 0);
    w.n[ADV].stuck = false;
    collect();
    assert_true(w.n[ADV].logged > 300);
    apart();
}

/* A packet of another advertiser, with another ADI, at the time and on the channel of AUX_ADV_IND
 * or AUX_CHAIN_IND is no part of the chain: nothing is reported, or data that are cut.  4.4.3.5 */
static void foreign_packet_in_a_chain(void **state)
{
    (void)state;
    for (int foreign = 0; foreign <= 2; foreign++) {
        world(1);
        w.foreign = (uint8_t)foreign;
        assert_int_equal(set_params(ADV, 1, 0, 1, 1, NULL), 0);
        assert_int_equal(set_data(ADV, 0x2037, 1, 490, 3), 0);
        scan(SCAN, 1, 0, 0);
        assert_int_equal(enable(ADV, 1, NULL, NULL), 0);
        run_ms(1000);
        struct whole r = whole_report(SCAN, false);
        assert_int_equal(r.found, foreign == 0);
        assert_int_equal(r.cut, foreign == 2);
        assert_int_equal(count(SCAN, 0x3e0d) > 0, foreign != 1);
        apart();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_lengths),
        cmocka_unit_test(both_phys),
        cmocka_unit_test(scan_responses),
        cmocka_unit_test(broken_chains),
        cmocka_unit_test(foreign_packet_in_a_chain),
        cmocka_unit_test(connecting),
        cmocka_unit_test(connecting_whom),
        cmocka_unit_test(limits),
        cmocka_unit_test(several_sets),
        cmocka_unit_test(duplicates),
        cmocka_unit_test(power),
        cmocka_unit_test(scan_between_durations),
        cmocka_unit_test(scan_times),
        cmocka_unit_test(refused),
        cmocka_unit_test(data_replaced_in_a_chain),
        cmocka_unit_test(hours),
        cmocka_unit_test(scan_requests_unread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
