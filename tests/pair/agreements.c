/* Values on which both sides of a connection must agree: data length by PHY and interval, instants,
 * channel maps of streams, queued control PDUs; and the contents of advertising events. */
#include "links.h"

enum { A = 0, B = 1 };
enum {
    LENGTH_CHANGE = 0x3e07,
    PHY_UPDATED = 0x3e0c,
    PARAM_REQUEST = 0x3e06,
    SET_TERMINATED = 0x3e12
};

static struct {
    unsigned longest, past, cis, cis_bad, acl_bad;
    bool counts, subrate_ind;
} seen;

static void sniff_links(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    bool control = (p->kind == 2 || p->kind == 3) && (p->pdu[0] & 3) == 3 && p->len > 2;
    seen.past += control && p->pdu[2] == 0x1c;
    seen.subrate_ind = seen.subrate_ind || (control && p->pdu[2] == 0x27);
    seen.longest = p->kind >= 2 && p->phy == 3 && p->len > seen.longest ? p->len : seen.longest;
    if (seen.counts) {
        seen.cis += p->kind == 4;
        seen.cis_bad += p->kind == 4 && p->channel >= 10;
        seen.acl_bad += p->kind == 2 && p->channel >= 10;
    }
}

/* Like links_begin(), with the packets on the air recorded. */
static void watched(uint64_t seed)
{
    struct woad_air_config air = { .seed = seed, .sniff = sniff_links, .around = &w.around };
    nodes_begin(seed);
    free(w.air);
    memset(&seen, 0, sizeof seen);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 3,
                                                  .iso = 8,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
        assert_int_equal(command(k, 0x2074, "20 01"), 0);
        assert_int_equal(command(k, 0x2074, "26 01"), 0);
    }
}

static unsigned le16_at(const uint8_t *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

/* connEffectiveMaxTxTimeCoded is 2,704 us if the host requests 2,120 us: 27 octets.  If it requests
 * 17,040 us, the interval sets the limit: 55 octets at 7.5 ms. 4.5.10 */
static void data_length_on_the_coded_phy(void **state)
{
    static const struct {
        const char *length;
        unsigned interval, octets, us;
    } cases[] = { { "40 00 fb 00 48 08", 80, 27, 2704 },
                  { "40 00 fb 00 48 08", 6, 27, 2704 },
                  { "40 00 fb 00 90 42", 80, 251, 17040 },
                  { "40 00 fb 00 90 42", 6, 55, 4496 } };
    uint8_t sdu[251] = { 247, 0, 4 };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        watched(1);
        connect_to(A, B, cases[k].interval, 100);
        assert_int_equal(command(A, 0x2022, cases[k].length), 0);
        run_ms(1000);
        forget();
        assert_int_equal(command(A, 0x2032, "40 00 00 04 04 02 00"), 0);
        run_ms(2000);
        assert_non_null(event(A, PHY_UPDATED));
        const uint8_t *e = event(A, LENGTH_CHANGE);
        if (e) {
            assert_int_equal(le16_at(e + 4), cases[k].us);
        }
        data(A, sdu, sizeof sdu);
        run_ms(4000);
        assert_int_equal(seen.longest, 2 + cases[k].octets);
        nothing_lost(2000);
        apart();
    }
}

/* The peripheral applies a connection update at the instant that it received, although a subrate
 * change takes effect between the PDU and the instant. 5.1.1, 5.1.19 */
static void connection_update_while_subrate_ind_is_out(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 15; k++) {
        char t[80];
        watched(4);
        connect_to(A, B, 8, 100);
        assert_int_equal(command(A, 0x2016, "40 00"), 0);
        run_ms(200);
        forget();
        assert_int_equal(command(B, 0x2013, "40 00 14 00 14 00 00 00 c8 00 00 00 00 00"), 0);
        for (int n = 0; n < 100 && !event(A, PARAM_REQUEST); n++) {
            run_ms(1);
        }
        run_ms(50);
        snprintf(t, sizeof t, "40 00 %02x 00 %02x 00 %02x 00 00 00 2c 01", 1 + k * 2 / 3,
                 1 + k * 2 / 3, k % 3);
        assert_int_equal(command(A, 0x207e, t), 0);
        for (int n = 0; n < 2000 && !seen.subrate_ind; n++) {
            woad_air_step(w.air, woad_air_next(w.air));
            collect();
        }
        assert_int_equal(command(A, 0x2020, "40 00 14 00 14 00 00 00 c8 00 00 00 00 00"), 0);
        nothing_lost(6000);
        apart();
    }
}

/* A subrate's effect on the supervision timeout depends on the interval.  Neither side starts a
 * subrate change while a connection update is pending. 5.1.19, 5.3 */
static void subrate_while_an_update_is_under_way(void **state)
{
    static const char *const subrate = "40 00 05 00 05 00 00 00 00 00 c8 00";
    (void)state;
    for (unsigned k = 0; k < 60; k++) {
        watched(k + 1);
        assert_int_equal(command(A, 0x207d, "01 00 05 00 00 00 00 00 c8 00"), 0);
        connect_to(A, B, 16, 200);
        assert_int_equal(command(A, 0x2016, "40 00"), 0);
        run_ms(300);
        forget();
        assert_int_equal(command(A, 0x2013, "40 00 20 03 20 03 00 00 58 02 00 00 00 00"), 0);
        run_us(k * 7100);
        command(k & 1 ? A : B, 0x207e, subrate);
        nothing_lost(14000);
        apart();
    }
}

/* A CIS uses the channel map of its connection from the instant on. 4.5.8.1, 5.1.2 */
static void channel_map_of_a_cis(void **state)
{
    (void)state;
    watched(1);
    connect_to(A, B, 16, 100);
    assert_int_equal(cig(10000, 60, 60, 2, 2), 0);
    cis(B);
    assert_int_equal(command(A, 0x2014, "ff 03 00 00 00"), 0);
    run_ms(1000);
    seen.counts = true;
    run_ms(1000);
    assert_in_range(seen.cis, 100, 1000);
    assert_int_equal(seen.cis_bad, 0);
    assert_int_equal(seen.acl_bad, 0);
    apart();
}

/* LE Disconnect of six streams at once: each stream has its own disconnection event. */
static void many_streams_end_at_once(void **state)
{
    char t[300];
    (void)state;
    watched(1);
    connect_to(A, B, 16, 200);
    int n = snprintf(t, sizeof t, "07 20 4e 00 20 4e 00 00 00 00 14 00 14 00 06");
    for (int k = 0; k < 6; k++) {
        n += snprintf(t + n, sizeof t - (size_t)n, " %02x 0a 00 00 00 02 02 00 00", k + 1);
    }
    assert_int_equal(command(A, 0x2062, t), 0);
    assert_int_equal(command(A, 0x2064,
                             "06 00 01 40 00 01 01 40 00 02 01 40 00 03 01 40 00 04 01 "
                             "40 00 05 01 40 00"),
                     0);
    for (int k = 0; k < 6; k++) {
        run_ms(400);
        snprintf(t, sizeof t, "%02x 01", k);
        assert_int_equal(command(B, 0x2066, t), 0);
    }
    run_ms(1500);
    assert_int_equal(count(A, CIS_ESTABLISHED), 6);
    forget();
    for (int k = 0; k < 6; k++) {
        snprintf(t, sizeof t, "%02x 01 13", k);
        assert_int_equal(command(A, 0x0406, t), 0);
    }
    run_ms(3000);
    assert_int_equal(count(A, DISCONNECTED), 6);
    assert_int_equal(count(B, DISCONNECTED), 6);
    apart();
}

/* The supervision timeout of a stream is that of its connection, from the instant on.  If a stream
 * ends just before the connection becomes slow, its side receives the acknowledgement much later.
 * 4.5.2 */
static void stream_of_a_connection_that_becomes_slow(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 40; k++) {
        watched(k + 1);
        connect_to(A, B, 16, 20);
        assert_int_equal(cig(10000, 60, 60, 2, 2), 0);
        cis(B);
        assert_int_equal(command(A, 0x2013, "40 00 20 03 20 03 00 00 80 0c 00 00 00 00"), 0);
        run_us(200000 + k * 9500);
        assert_int_equal(command(B, 0x0406, "00 01 13"), 0);
        run_ms(4000);
        assert_int_equal(count(B, DISCONNECTED), 1);
        assert_int_equal(event(B, DISCONNECTED)[3], WOAD_HCI_LOCAL_HOST_TERMINATED);
        assert_int_equal(count(A, DISCONNECTED), 1);
        assert_int_equal(event(A, DISCONNECTED)[3], WOAD_HCI_REMOTE_USER_TERMINATED);
        apart();
    }
}

/* More Set Info Transfer commands than the controller can queue: it sends each one that it has
 * accepted. */
static void sync_transfers_that_are_accepted_are_sent(void **state)
{
    unsigned accepted = 0;
    (void)state;
    watched(1);
    connect_to(A, B, 16, 200);
    periodic_adv(A, 80);
    run_ms(100);
    for (int k = 0; k < 7; k++) {
        int status = command(A, 0x205b, "40 00 01 00 05");
        assert_true(status == 0 || status == WOAD_HCI_MEMORY_EXCEEDED);
        accepted += status == 0;
    }
    run_ms(1000);
    assert_in_range(accepted, 1, 7);
    assert_int_equal(seen.past, accepted);
    apart();
}

/* The duration of a set ends on time, not at the next event.  Set Terminated reports the number of
 * events.  Vol 4, Part E, 7.8.56, 7.7.65.18 */
static void a_set_ends_in_time(void **state)
{
    (void)state;
    watched(1);
    assert_int_equal(command(A, 0x2036,
                             "01 13 00 00 40 00 00 40 00 07 00 00 00 00 00 00 00 00 00 "
                             "7f 01 00 01 00 00"),
                     0);
    assert_int_equal(command(A, 0x2039, "01 01 01 32 00 c8"), 0); /* 0.5 s, 200 events */
    run_ms(490);
    assert_null(event(A, SET_TERMINATED));
    run_ms(20);
    const uint8_t *e = event(A, SET_TERMINATED);
    assert_non_null(e);
    assert_int_equal(e[0], WOAD_HCI_ADVERTISING_TIMEOUT);
    assert_int_equal(e[4], 1);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_length_on_the_coded_phy),
        cmocka_unit_test(connection_update_while_subrate_ind_is_out),
        cmocka_unit_test(subrate_while_an_update_is_under_way),
        cmocka_unit_test(channel_map_of_a_cis),
        cmocka_unit_test(many_streams_end_at_once),
        cmocka_unit_test(stream_of_a_connection_that_becomes_slow),
        cmocka_unit_test(sync_transfers_that_are_accepted_are_sent),
        cmocka_unit_test(a_set_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
