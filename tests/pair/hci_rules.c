/* HCI rules beside the answers to commands: counts in events, buffers that are returned or do not
 * exist, streams that the host cancels.  Core 5.4, Vol 4, Part E */
#include "nodes.h"

enum { A = 0, B = 1 };

static void two(uint16_t acl_len)
{
    nodes_begin(1);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = acl_len,
                                                  .queue = 60000,
                                                  .adv_sets = 2,
                                                  .iso = 4,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
        assert_int_equal(command(k, 0x2074, "20 01"), 0);
    }
}

static void connect_both(void)
{
    assert_int_equal(command(B, 0x2036,
                             "01 13 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 00 "
                             "7f 01 00 01 00 00"),
                     0);
    assert_int_equal(command(B, 0x2039, "01 01 01 00 00 00"), 0);
    assert_int_equal(command(A, 0x2043,
                             "00 00 00 02 02 03 04 05 06 01 10 00 10 00 10 00 10 00 00 "
                             "00 64 00 00 00 00 00"),
                     0);
    run_ms(300);
    assert_non_null(event(A, 0x3e0a));
    forget();
}

/* Creates a CIS with B, with data in both directions. */
static void stream(void)
{
    assert_int_equal(command(A, 0x2062,
                             "07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 01 01 3c 00 3c "
                             "00 02 02 02 02"),
                     0);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
    run_ms(300);
    assert_int_equal(command(B, 0x2066, "00 01"), 0);
    run_ms(600);
    assert_int_equal(event(A, 0x3e19)[0], 0);
    forget();
}

/* Sums up Number Of Completed Packets for this handle. */
static unsigned completed(uint16_t handle)
{
    unsigned n = 0;
    for (size_t k = 0; k < w.n[A].logged; k++) {
        const uint8_t *b = w.n[A].log[k].b;
        bool its = b[0] == 4 && b[1] == 0x13 && (b[4] | b[5] << 8) == handle;
        n += its ? b[6] | (unsigned)b[7] << 8 : 0;
    }
    return n;
}

static int sdu(unsigned handle, uint8_t n)
{
    uint8_t p[13] = { 5, (uint8_t)handle, (uint8_t)(0x20 | handle >> 8), 8, 0, n, 0, 4, 0, 1, 2, 3,
                      4 };
    return woad_air_rx(w.n[A].c, p, sizeof p);
}

/* Four SDUs before a data path exists: the controller drops them and returns their buffers.  One
 * more than it has buffers: Data Buffer Overflow, link type ISO. 4.1, 7.7.26 */
static void iso_buffers_come_back(void **state)
{
    (void)state;
    two(251);
    connect_both();
    stream();
    for (uint8_t n = 0; n < 4; n++) {
        assert_int_equal(sdu(0x100, n), 0);
    }
    run_ms(100);
    assert_int_equal(completed(0x100), 4);
    assert_int_equal(command(A, 0x206e, "00 01 00 00 03 00 00 00 00 00 00 00 00"), 0);
    forget();
    for (uint8_t n = 0; n < 6; n++) {
        assert_int_equal(sdu(0x100, n), 0);
    }
    collect();
    assert_int_equal(count(A, 0x1a), 2);
    assert_int_equal(event(A, 0x1a)[0], 2);
    run_ms(300);
    assert_int_equal(completed(0x100), 4);
    forget();
    assert_int_equal(sdu(0x102, 0), 0); /* an unknown handle */
    collect();
    assert_int_equal(w.n[A].logged, 0);
    apart();
}

/* An ACL packet longer than a buffer: Data Buffer Overflow, link type ACL.  A host must not send
 * packet boundary flags 10b and 11b on LE-U. 5.4.2, 7.7.26 */
static void acl_packets_that_do_not_fit(void **state)
{
    size_t len;
    uint8_t big[60] = { 2, 0x40, 0, 28, 0, 24, 0, 4, 0 };
    uint8_t flagged[12] = { 2, 0x40, 0x20, 7, 0, 3, 0, 4, 0, 0x0a, 1, 0 };
    (void)state;
    two(27);
    connect_both();
    assert_int_equal(woad_air_rx(w.n[A].c, big, 5 + 28), 0);
    collect();
    assert_int_equal(count(A, 0x1a), 1);
    assert_int_equal(event(A, 0x1a)[0], 1);
    for (unsigned flags = 2; flags < 4; flags++) {
        flagged[2] = (uint8_t)(flags << 4);
        assert_int_equal(woad_air_rx(w.n[A].c, flagged, sizeof flagged), -74);
    }
    run_ms(200);
    assert_null(got_data(B, &len));
    assert_int_equal(completed(0x40), 0);
    flagged[2] = 0;
    assert_int_equal(woad_air_rx(w.n[A].c, flagged, sizeof flagged), 0);
    run_ms(200);
    assert_non_null(got_data(B, &len));
    assert_int_equal(completed(0x40), 1);
    apart();
}

/* LE Advertising Set Terminated reports the number of events sent, not the maximum. 7.7.65.18 */
static void set_terminated_counts_events(void **state)
{
    static const struct {
        const char *limits;
        uint8_t status, min_u32, most;
    } ends[] = { { "01 01 01 00 00 05", 0x43, 5, 5 }, /* five events at most */
                 { "01 01 01 32 00 c8", 0x3c, 4, 6 }, /* half a second, 200 at most */
                 { "01 01 01 32 00 00", 0x3c, 4, 6 } };
    (void)state;
    for (size_t k = 0; k < sizeof ends / sizeof *ends; k++) {
        two(251);
        assert_int_equal(command(A, 0x2036,
                                 "01 00 00 a0 00 00 a0 00 00 07 00 00 00 00 00 00 00 00 "
                                 "00 7f 01 00 01 00 00"),
                         0);
        assert_int_equal(command(A, 0x2039, ends[k].limits), 0);
        forget();
        run_ms(2000);
        const uint8_t *e = event(A, 0x3e12);
        assert_non_null(e);
        assert_int_equal(e[0], ends[k].status);
        assert_int_equal(e[1], 1);
        assert_in_range(e[4], ends[k].min_u32, ends[k].most);
        apart();
    }
}

/* An anonymous advertiser passes the accept list only by its entry 0xff. 6B 4.3.3 */
static void anonymous_by_the_accept_list(void **state)
{
    (void)state;
    for (int listed = 0; listed < 2; listed++) {
        two(251);
        assert_int_equal(command(A, 0x2036,
                                 "01 20 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 "
                                 "00 7f 01 00 01 01 00"),
                         0);
        assert_int_equal(command(A, 0x2039, "01 01 01 00 00 00"), 0);
        if (listed) {
            assert_int_equal(command(B, 0x2011, "ff 00 00 00 00 00 00"), 0);
        }
        assert_int_equal(command(B, 0x2041, "00 01 01 00 10 00 10 00"), 0);
        assert_int_equal(command(B, 0x2042, "01 00 00 00 00 00"), 0);
        forget();
        run_ms(500);
        assert_int_equal(count(B, 0x3e0d) > 0, listed);
        apart();
    }
}

/* Disconnect of a CIS that is not established yet, before the peer's answer, after it, and while
 * the first event is pending.  LE CIS Established has Operation Cancelled by Host; the peer's host
 * gets the end of the CIS that it has accepted; the next CIS is established. 7.1.6, 7.8.99 */
static void cis_called_off(void **state)
{
    (void)state;
    for (int late = 0; late < 3; late++) {
        two(251);
        connect_both();
        assert_int_equal(command(A, 0x2062,
                                 "07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 01 01 3c 00 "
                                 "3c 00 02 02 02 02"),
                         0);
        assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
        run_ms(late ? 300 : 0);
        if (late) {
            assert_int_equal(command(B, 0x2066, "00 01"), 0);
        }
        run_ms(late == 2 ? 70 : 0);
        bool early = !event(A, 0x3e19);
        assert_int_equal(command(A, 0x0406, "00 01 13"), 0);
        run_ms(1000);
        assert_int_equal(event(A, 0x3e19)[0], early ? 0x44 : 0);
        assert_int_equal(count(A, 0x3e19), 1);
        assert_int_equal(count(A, 0x05), !early);
        if (late) {
            assert_int_equal(count(B, 0x3e19), 1);
        }
        /* the peer's host gets the cancellation after it has accepted */
        if (!late && event(B, 0x3e1a)) {
            assert_int_equal(command(B, 0x2066, "00 01"), 0);
            run_ms(300);
            assert_int_equal(event(B, 0x3e19)[0], 0x44);
        }
        assert_int_equal(command(B, 0x2066, "00 01"), 0x02);
        forget();
        assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
        run_ms(300);
        assert_int_equal(command(B, 0x2066, "00 01"), 0);
        run_ms(600);
        assert_int_equal(event(A, 0x3e19)[0], 0);
        assert_int_equal(event(B, 0x3e19)[0], 0);
        apart();
    }
}

/* A CIS is added to a CIG, then one is changed: the handles of the other CISes stay. 7.8.97 */
static void group_is_added_to(void **state)
{
    (void)state;
    two(251);
    connect_both();
    assert_int_equal(command(A, 0x2062,
                             "07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 01 01 3c 00 3c "
                             "00 02 02 02 02"),
                     0);
    assert_int_equal(command(A, 0x2062,
                             "07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 01 02 28 00 28 "
                             "00 02 02 02 02"),
                     0);
    assert_int_equal(command(A, 0x2062,
                             "07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 01 01 28 00 28 "
                             "00 02 02 02 02"),
                     0);
    assert_int_equal(command(A, 0x2064, "02 00 01 40 00 01 01 40 00"), 0);
    run_ms(300);
    assert_int_equal(command(B, 0x2066, "00 01"), 0);
    run_ms(600);
    assert_int_equal(command(B, 0x2066, "01 01"), 0);
    run_ms(600);
    assert_int_equal(count(A, 0x3e19), 2);
    assert_int_equal(event(A, 0x3e19)[0], 0);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_buffers_come_back),
        cmocka_unit_test(acl_packets_that_do_not_fit),
        cmocka_unit_test(set_terminated_counts_events),
        cmocka_unit_test(anonymous_by_the_accept_list),
        cmocka_unit_test(cis_called_off),
        cmocka_unit_test(group_is_added_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
