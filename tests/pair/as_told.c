/* A controller's reports to its peer and its host are true: features, refusals, targets, chains,
 * timeouts; also when event counters wrap. */
#include "links.h"

enum { A = 0, B = 1, REPORT = 0x3e0d, UPDATED = 0x3e03, PHY_UPDATED = 0x3e0c, SUBRATED = 0x3e23 };

static struct {
    uint8_t features[2], rejected, target[6];
    unsigned targets, directed;
} seen;

static void sniff_reported(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    bool control = (p->kind == 2 || p->kind == 3) && (p->pdu[0] & 3) == 3 && p->len > 2;
    bool directed = p->access_address == 0x8e89bed6 && (p->pdu[0] & 15) == 1;
    uint8_t opcode = control ? p->pdu[2] : 0xff;
    if (opcode == 0x08 || opcode == 0x09) {
        seen.features[opcode & 1] = p->pdu[3];
    }
    seen.rejected = opcode == 0x0d || opcode == 0x11 ? opcode : seen.rejected;
    seen.directed += directed;
    seen.targets += directed && memcmp(seen.target, p->pdu + 8, 6) != 0;
    if (directed) {
        memcpy(seen.target, p->pdu + 8, 6);
    }
}

static void report_begin(void)
{
    struct woad_air_config air = { .seed = 3, .sniff = sniff_reported, .around = &w.around };
    nodes_begin(3);
    free(w.air);
    memset(&seen, 0, sizeof seen);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 2,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
    }
}

/* The first octet of LL_FEATURE_RSP has the features that both sides support. 2.4.2.10 */
static void features_of_both(void **state)
{
    (void)state;
    report_begin();
    connect_to(A, B, 16, 100);
    inject(A, "\x08\x01\0\0\0\0\0\0\0", 9);
    run_ms(200);
    assert_int_equal(seen.features[1], 0x01);
    assert_int_equal(command(A, 0x2016, "40 00"), 0);
    run_ms(200);
    assert_int_equal(seen.features[1] & ~seen.features[0], 0);
    assert_int_not_equal(seen.features[1], 0x01);
    apart();
}

/* LL/SEC/PER: a peripheral without the key refuses by LL_REJECT_EXT_IND only if it knows that both
 * sides support that PDU. 5.1.3.1 */
static void refusal_of_encryption(void **state)
{
    static const struct {
        uint64_t features;
        bool requests;
        uint8_t opcode;
    } cases[] = { { 0, false, 0x0d }, { 0, true, 0x11 }, { 0x09, true, 0x0d } };
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        report_begin();
        uint64_t known = cases[k].features;
        connect_to(A, B, 16, 100);
        if (cases[k].requests && known) {
            inject(A, "\x08\x09\0\0\0\0\0\0\0", 9);
        } else if (cases[k].requests) {
            assert_int_equal(command(A, 0x2016, "40 00"), 0);
        }
        run_ms(200);
        assert_int_equal(command(A, 0x2019,
                                 "40 00 00 00 00 00 00 00 00 00 00 00 01 02 03 04 05 06 "
                                 "07 08 09 0a 0b 0c 0d 0e 0f 10"),
                         0);
        run_ms(200);
        assert_int_equal(command(B, 0x201b, "40 00"), 0);
        run_ms(200);
        assert_int_equal(seen.rejected, cases[k].opcode);
        apart();
    }
}

/* ADV_DIRECT_IND to a peer with a known IRK: TargetA is one private address until the timeout.
 * 6.2.2 */
static void target_until_the_timeout(void **state)
{
    (void)state;
    report_begin();
    assert_int_equal(command(B, 0x2027,
                             "00 01 02 03 04 05 06 01 02 03 04 05 06 07 08 09 0a 0b 0c "
                             "0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f 20"),
                     0);
    assert_int_equal(command(B, 0x202e, "05 00"), 0);
    assert_int_equal(command(B, 0x202d, "01"), 0);
    assert_int_equal(command(B, 0x2006, "20 00 20 00 04 02 00 01 02 03 04 05 06 07 00"), 0);
    assert_int_equal(command(B, 0x200a, "01"), 0);
    run_ms(21000);
    assert_in_range(seen.directed, 1000, 4000);
    assert_in_range(seen.targets, 4, 5);
    apart();
}

/* LE Extended Advertising Report of ADV_DIRECT_IND: the direct address is the PDU's TargetA. */
static void report_of_a_legacy_directed_pdu(void **state)
{
    (void)state;
    report_begin();
    assert_int_equal(command(B, 0x2006, "20 00 20 00 04 00 00 01 02 03 04 05 06 07 00"), 0);
    assert_int_equal(command(B, 0x200a, "01"), 0);
    assert_int_equal(command(A, 0x2041, "00 00 01 00 50 00 50 00"), 0);
    assert_int_equal(command(A, 0x2042, "01 00 00 00 00 00"), 0);
    run_ms(500);
    assert_non_null(event(A, REPORT));
    assert_memory_equal(event(A, REPORT) + 17, "\0\1\2\3\4\5\6", 7);
    apart();
}

static int long_data(int which, unsigned len, const char *params)
{
    char t[900];
    assert_int_equal(command(which, 0x2036, params), 0);
    for (unsigned at = 0; at < len; at += 250) {
        unsigned part = len - at < 250 ? len - at : 250;
        unsigned last = at + part == len ? 2 : 0;
        int n = snprintf(t, sizeof t, "01 %02x 01 %02x", at ? last : 1, part);
        for (unsigned k = 0; k < part; k++) {
            n += snprintf(t + n, sizeof t - (size_t)n, " %02x", at + k == 0 ? 0xee : 0);
        }
        assert_int_equal(command(which, 0x2037, t), 0);
    }
    return command(which, 0x2039, "01 01 01 00 00 00");
}

struct chains {
    unsigned begun, whole, cut, open;
    bool in;
};

static void chains_count(struct chains *c)
{
    for (size_t k = 0; k < w.n[A].logged; k++) {
        const uint8_t *b = w.n[A].log[k].b, *e = b + 5;
        if (b[0] != 4 || b[1] != 0x3e || b[3] != 0x0d || (e[0] & 0x10)) {
            continue;
        }
        unsigned status = e[0] >> 5 & 3;
        bool first = e[23] && e[24] == 0xee;
        c->begun += first;
        c->open += first && c->in;
        c->in = status == 1;
        c->whole += status == 0;
        c->cut += status == 2;
    }
    forget();
}

/* Each chain of reports that starts also ends, complete or truncated, also while the scanner itself
 * advertises.  Vol 4, Part E, 7.7.65.13 */
static void chains_end(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct chains c = { 0, 0, 0, 0, false };
        report_begin();
        assert_int_equal(long_data(B, 1000,
                                   "01 00 00 a0 00 00 a0 00 00 07 00 00 00 00 00 00 00 00 "
                                   "00 7f 01 00 01 01 00"),
                         0);
        if (k) {
            advertise(A);
        }
        assert_int_equal(command(A, 0x2041, "00 00 01 00 40 01 40 01"), 0);
        assert_int_equal(command(A, 0x2042, "01 00 00 00 00 00"), 0);
        for (unsigned n = 0; n < 200; n++) {
            run_ms(100);
            chains_count(&c);
        }
        assert_in_range(c.begun, 100, 250);
        assert_in_range(c.whole, 50, 250);
        assert_int_equal(c.open, 0);
        assert_in_range(c.whole + c.cut, c.begun - 1, c.begun);
        apart();
    }
}

/* 1,650 octets on the coded PHY take longer than an interval of 100 ms: Packet Too Long.  With an
 * interval of 200 ms every chain is complete. 7.8.56 */
static void chains_longer_than_their_interval(void **state)
{
    struct chains c = { 0, 0, 0, 0, false };
    (void)state;
    report_begin();
    assert_int_equal(long_data(B, 1650,
                               "01 00 00 a0 00 00 a0 00 00 07 00 00 00 00 00 00 00 00 00 "
                               "7f 03 00 03 01 00"),
                     0x45);
    assert_int_equal(command(B, 0x203c, "01"), 0);
    assert_int_equal(long_data(B, 1650,
                               "01 00 00 40 01 00 40 01 00 07 00 00 00 00 00 00 00 00 00 "
                               "7f 03 00 03 01 00"),
                     0);
    assert_int_equal(command(A, 0x2041, "00 00 04 00 40 01 40 01"), 0);
    assert_int_equal(command(A, 0x2042, "01 00 00 00 00 00"), 0);
    for (unsigned n = 0; n < 200; n++) {
        run_ms(100);
        chains_count(&c);
    }
    assert_in_range(c.begun, 50, 110);
    assert_in_range(c.whole, c.begun - 1, c.begun);
    assert_int_equal(c.cut, 0);
    apart();
}

/* A connection is lost when its supervision timeout has passed, and not before. 4.5.2 */
static void supervision_to_the_event(void **state)
{
    static const unsigned timeouts[] = { 10, 64, 100, 3200 };
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        report_begin();
        connect_to(A, B, 8, timeouts[k]);
        woad_air_move(w.n[B].c, 900000000, 0, 0);
        run_ms(timeouts[k] * 10 - 20);
        assert_null(event(A, DISCONNECTED));
        run_ms(25);
        assert_non_null(event(A, DISCONNECTED));
        assert_int_equal(event(A, DISCONNECTED)[3], WOAD_HCI_CONNECTION_TIMEOUT);
        apart();
    }
}

/* The share of advertising that a scanner receives is its window divided by its interval. 4.4.3 */
static void share_of_a_scan_window(void **state)
{
    static const struct {
        unsigned interval, window;
    } scans[] = { { 16, 16 }, { 160, 16 }, { 160, 80 } };
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        char t[60];
        unsigned n_reports = 0, all = 20000 / 25;
        report_begin();
        assert_int_equal(command(B, 0x2006, "20 00 20 00 03 00 00 00 00 00 00 00 00 07 00"), 0);
        assert_int_equal(command(B, 0x200a, "01"), 0);
        snprintf(t, sizeof t, "00 %02x 00 %02x 00 00 00", scans[k].interval, scans[k].window);
        assert_int_equal(command(A, 0x200b, t), 0);
        assert_int_equal(command(A, 0x200c, "01 00"), 0);
        for (unsigned n = 0; n < 200; n++) {
            run_ms(100);
            n_reports += (unsigned)count(A, 0x3e02);
            forget();
        }
        unsigned share = all * scans[k].window / scans[k].interval;
        assert_in_range(n_reports, share - all / 20, share + all / 20);
        apart();
    }
}

/* Instants on both sides of the event counter's wrap at 65,535: connection update, PHY update,
 * subrate, channel map. */
static void counter_that_begins_anew(void **state)
{
    static const struct {
        unsigned opcode;
        const char *params;
        unsigned event;
    } acts[] = { { 0x2013, "40 00 08 00 08 00 02 00 c8 00 00 00 00 00", UPDATED },
                 { 0x2032, "40 00 00 02 02 00 00", PHY_UPDATED },
                 { 0x207e, "40 00 03 00 03 00 01 00 00 00 c8 00", SUBRATED },
                 { 0x2014, "ff ff 0f 00 00", 0 } };
    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        report_begin();
        assert_int_equal(command(B, 0x2074, "26 01"), 0);
        assert_int_equal(command(A, 0x2074, "26 01"), 0);
        connect_to(A, B, 6, 200);
        assert_int_equal(command(A, 0x2016, "40 00"), 0);
        run_ms(491500 - 100 + k);
        forget();
        assert_int_equal(command(A, acts[k].opcode, acts[k].params), 0);
        run_ms(3000);
        assert_true(!acts[k].event || event(A, acts[k].event));
        assert_null(event(A, DISCONNECTED));
        nothing_lost(2000);
        apart();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_of_both),
        cmocka_unit_test(refusal_of_encryption),
        cmocka_unit_test(target_until_the_timeout),
        cmocka_unit_test(report_of_a_legacy_directed_pdu),
        cmocka_unit_test(chains_end),
        cmocka_unit_test(chains_longer_than_their_interval),
        cmocka_unit_test(supervision_to_the_event),
        cmocka_unit_test(share_of_a_scan_window),
        cmocka_unit_test(counter_that_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
