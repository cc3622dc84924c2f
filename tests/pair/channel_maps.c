/* New channel maps of trains and BIGs: from the instant on every packet is on the remaining
 * channels, and receivers follow.  Also a sync that is transferred while its next event is far
 * away. */
#include "links.h"

enum { A = 0, B = 1, C = 2, PERIODIC_REPORT = 0x3e0f, PAST_RECEIVED = 0x3e18 };

static struct {
    bool counts;
    unsigned periodic_adv, periodic_adv_bad, bis, bis_bad, announced, control;
} seen;

static void sniff_maps(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    bool is_periodic_adv = p->kind == 1 && p->access_address != 0x8e89bed6;
    bool is_bis = p->kind == 6, is_control = is_bis && (p->pdu[0] & 3) == 3;
    seen.control += is_control && p->pdu[2] == 0;
    for (size_t k = 3; is_periodic_adv && k + 8 < p->len && k < 8; k++) {
        seen.announced += p->pdu[k] == 8 && p->pdu[k + 1] == 0x28;
    }
    if (seen.counts) {
        seen.periodic_adv += is_periodic_adv;
        seen.periodic_adv_bad += is_periodic_adv && p->channel >= 10;
        seen.bis += is_bis;
        seen.bis_bad += is_bis && p->channel >= 10;
    }
}

static void maps_begin(int n)
{
    struct woad_air_config air = {
        .seed = 1, .sniff = sniff_maps, .intercept = intercept_packet, .around = &w.around
    };
    nodes_begin(1);
    free(w.air);
    memset(&seen, 0, sizeof seen);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    for (int k = 0; k < n; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 3,
                                                  .iso = 8,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
    }
}

/* Channel Map Update Indication in AUX_SYNC_IND.  4.4.2.12 */
static void channel_map_of_a_train(void **state)
{
    (void)state;
    maps_begin(2);
    periodic_adv(A, 24);
    sync_to(B, A);
    for (unsigned k = 0; k < 6; k++) {
        assert_int_equal(command(A, 0x2014, k & 1 ? "ff 03 00 00 00" : "00 00 00 ff 1f"), 0);
        nothing_lost(1500);
    }
    assert_in_range(seen.announced, 6 * 20, 6 * 24);
    seen.counts = true;
    nothing_lost(900);
    assert_in_range(seen.periodic_adv, 25, 60);
    assert_int_equal(seen.periodic_adv_bad, 0);
    run_ms(1000);
    assert_in_range(count(B, PERIODIC_REPORT), 25, 60);
    apart();
}

/* BIG_CHANNEL_MAP_IND, more than once, and then BIG_TERMINATE_IND.  5.6.1, 5.6.2 */
static void channel_map_of_a_big(void **state)
{
    (void)state;
    maps_begin(2);
    periodic_adv(A, 80);
    big(A, 2, 60, 2);
    sync_to(B, A);
    assert_int_equal(command(B, 0x206b,
                             "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                             "00 00 00 64 00 02 01 02"),
                     0);
    run_ms(1000);
    assert_int_equal(event(B, BIG_SYNC_ESTABLISHED)[0], 0);
    forget();
    for (unsigned k = 0; k < 6; k++) {
        assert_int_equal(command(A, 0x2014, k & 1 ? "ff 03 00 00 00" : "00 00 00 ff 1f"), 0);
        nothing_lost(700);
    }
    assert_in_range(seen.control, 6 * 15, 6 * 25);
    seen.counts = true;
    nothing_lost(1000);
    assert_in_range(seen.bis, 500, 2000);
    assert_int_equal(seen.bis_bad, 0);
    assert_int_equal(command(A, 0x206a, "03 13"), 0);
    run_ms(500);
    assert_non_null(event(B, BIG_SYNC_LOST));
    assert_int_equal(event(B, BIG_SYNC_LOST)[1], 0x13);
    apart();
}

/* A sync that is created while a map update is announced receives the train after the instant,
 * too. */
static void sync_that_begins_before_an_instant(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 24; k++) {
        maps_begin(2);
        periodic_adv(A, 80);
        run_us(200000);
        assert_int_equal(command(A, 0x2014, "ff 03 00 00 00"), 0);
        run_us(600000 + k * 80000);
        sync_to(B, A);
        nothing_lost(3000);
        apart();
    }
}

/* The same if the scanner receives no event of the train before the instant: SyncInfo announces the
 * event at the instant, and the map that is valid there. */
static void sync_that_learns_the_instant(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 8; k++) {
        maps_begin(2);
        assert_int_equal(command(A, 0x2014, "00 00 00 ff 1f"), 0);
        periodic_adv(A, 80);
        run_us(600000 + k * 12345);
        assert_int_equal(command(A, 0x2014, "ff 03 00 00 00"), 0);
        run_us(1900000); /* the instant is 24 events ahead: 2.4 s */
        w.drop_trains = 1;
        assert_int_equal(command(B, 0x2044, "00 09 00 01 02 03 04 05 06 00 00 64 00 00"), 0);
        assert_int_equal(command(B, 0x2041, "00 00 01 00 50 00 50 00"), 0);
        assert_int_equal(command(B, 0x2042, "01 00 00 00 00 00"), 0);
        run_us(460000);
        assert_int_equal(command(B, 0x2042, "00 00 00 00 00 00"), 0);
        w.drop_trains = 0;
        run_us(1500000);
        assert_int_equal(count(B, SYNC_ESTABLISHED), 1);
        assert_int_equal(event(B, SYNC_ESTABLISHED)[0], 0);
        nothing_lost(2000);
        apart();
    }
}

/* LE Periodic Advertising Sync Transfer of a sync with a large skip: its next event is further away
 * than the 16-bit event counter of the connection can express. 5.1.13 */
static void transfer_of_a_sync_that_skips_much(void **state)
{
    (void)state;
    maps_begin(3);
    periodic_adv(A, 800);
    assert_int_equal(command(B, 0x2044, "00 09 00 01 02 03 04 05 06 f3 01 00 40 00"), 0);
    assert_int_equal(command(B, 0x2041, "00 00 01 00 50 00 50 00"), 0);
    assert_int_equal(command(B, 0x2042, "01 00 00 00 00 00"), 0);
    run_ms(4000);
    assert_int_equal(event(B, SYNC_ESTABLISHED)[0], 0);
    assert_int_equal(command(B, 0x2042, "00 00 00 00 00 00"), 0);
    forget();
    connect_to(B, C, 6, 100);
    assert_int_equal(command(C, 0x205c, "40 00 02 00 00 e8 03 00"), 0);
    assert_int_equal(command(B, 0x205a, "40 00 05 00 00 00"), 0);
    run_ms(5000);
    assert_non_null(event(C, PAST_RECEIVED));
    assert_int_equal(event(C, PAST_RECEIVED)[0], 0);
    assert_in_range(count(C, PERIODIC_REPORT), 2, 6);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_map_of_a_train),
        cmocka_unit_test(channel_map_of_a_big),
        cmocka_unit_test(sync_that_begins_before_an_instant),
        cmocka_unit_test(sync_that_learns_the_instant),
        cmocka_unit_test(transfer_of_a_sync_that_skips_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
