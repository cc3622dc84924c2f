/* The control PDUs of a broadcast isochronous group (BIG), and the effect of a train's end on
 * receivers of its BIG.  Vol 6, Part B, 2.6.3, 4.4.6.7, 5.6 */
#include "air/ll/ll.h"
#include "links.h"

enum { A = 0, B = 1, C = 2, SENDS_BIS = 6, BIG_INTERVAL_US = 10000 };

static struct {
    uint64_t first_us; /* the anchor of event 0 */
    uint8_t chm[5], new_chm[5];
    uint16_t instant;
    bool remaps;
    unsigned control, wrong;
} seen;

static void sniff_control(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    if (p->kind != SENDS_BIS) {
        return;
    }
    seen.first_us = seen.first_us ? seen.first_us : p->start_us;
    uint16_t event_of = (uint16_t)((p->start_us - seen.first_us) / BIG_INTERVAL_US);
    if (seen.remaps && event_of >= seen.instant) {
        memcpy(seen.chm, seen.new_chm, sizeof seen.chm);
        seen.remaps = false;
    }
    if ((p->pdu[0] & 3) != 3) {
        return;
    }
    seen.control++;
    seen.wrong += p->channel != csa2_channel(p->access_address, event_of, seen.chm);
    if (p->pdu[2] == 0) { /* BIG_CHANNEL_MAP_IND */
        seen.remaps = true;
        memcpy(seen.new_chm, p->pdu + 3, sizeof seen.new_chm);
        seen.instant = (uint16_t)(p->pdu[8] | p->pdu[9] << 8);
    }
}

static void groups_begin(int n)
{
    struct woad_air_config air = { .seed = 1, .sniff = sniff_control, .around = &w.around };
    links_begin(1, 0);
    free(w.air);
    memset(&seen, 0, sizeof seen);
    memcpy(seen.chm, "\xff\xff\xff\xff\x1f", sizeof seen.chm);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    for (int k = 0; k < n; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
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

static int sync_to_big(int which, unsigned handle)
{
    char t[120];
    snprintf(t, sizeof t,
             "%02x 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
             "00 64 00 01 01",
             handle);
    return command(which, 0x206b, t);
}

/* LL/BIS: a control subevent uses the channel of its own event, by that event's map, before an
 * instant and after it. 4.4.6.7, 4.5.8.3.6 */
static void channel_of_a_control_subevent(void **state)
{
    (void)state;
    groups_begin(2);
    periodic_adv(A, 80);
    big(A, 2, 60, 2);
    sync_to(B, A);
    assert_int_equal(sync_to_big(B, 2), 0);
    run_ms(1000);
    assert_int_equal(event(B, BIG_SYNC_ESTABLISHED)[0], 0);
    forget();
    for (unsigned k = 0; k < 8; k++) {
        assert_int_equal(command(A, 0x2014, k & 1 ? "ff 03 00 00 00" : "00 00 00 ff 1f"), 0);
        nothing_lost(700);
    }
    assert_in_range(seen.control, 8 * 15, 8 * 25);
    assert_int_equal(command(A, 0x206a, "03 13"), 0);
    run_ms(500);
    assert_int_equal(event(B, BIG_SYNC_LOST)[1], 0x13);
    assert_in_range(seen.control, 8 * 15 + 4, 8 * 25 + 8);
    assert_int_equal(seen.wrong, 0);
    apart();
}

/* A broadcaster hangs while it announces a new channel map.  Afterwards its control subevents lie
 * inside their events again. */
static void control_subevents_after_a_hang(void **state)
{
    (void)state;
    groups_begin(2);
    periodic_adv(A, 80);
    big(A, 2, 60, 2);
    sync_to(B, A);
    assert_int_equal(sync_to_big(B, 2), 0);
    run_ms(1000);
    forget();
    for (unsigned k = 0; k < 20; k++) {
        assert_int_equal(command(A, 0x2014, k & 1 ? "ff 03 00 00 00" : "00 00 00 ff 1f"), 0);
        run_us(50000 + k * 511);
        woad_air_hang(w.n[A].c, true);
        run_us(30000 + k * 777);
        woad_air_hang(w.n[A].c, false);
        nothing_lost(700);
    }
    assert_in_range(seen.control, 20 * 10, 20 * 25);
    assert_int_equal(seen.wrong, 0);
    apart();
}

/* The sync with a BIG's train ends, and another train gets the same sync handle: the BIG does not
 * adopt that train's channel map. */
static void train_with_the_handle_of_another(void **state)
{
    (void)state;
    groups_begin(3);
    assert_int_equal(command(A, 0x2014, "00 00 00 ff 1f"), 0);
    periodic_adv(A, 80);
    big(A, 1, 60, 2);
    sync_to(B, A);
    assert_int_equal(sync_to_big(B, 2), 0);
    run_ms(1000);
    assert_int_equal(event(B, BIG_SYNC_ESTABLISHED)[0], 0);
    assert_int_equal(command(B, 0x2046, "00 00"), 0);
    forget();
    assert_int_equal(command(C, 0x2014, "ff 03 00 00 00"), 0);
    periodic_adv(C, 96);
    big(C, 1, 60, 2);
    sync_to(B, C);
    nothing_lost(4000);
    apart();
}

/* The sync with a train ends before the receiver has found the train's BIG, so it can't find the
 * BIG any more.  Its host gets one event, and may create another BIG sync.  Vol 4, Part E,
 * 7.8.106 */
static void train_ends_before_its_group_is_found(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost < 2; lost++) {
        groups_begin(2);
        periodic_adv(A, 80);
        sync_to(B, A);
        assert_int_equal(sync_to_big(B, 2), 0);
        run_ms(500);
        assert_null(event(B, BIG_SYNC_ESTABLISHED));
        if (lost) {
            assert_int_equal(command(A, 0x2040, "00 05"), 0);
            run_ms(2000);
            assert_non_null(event(B, SYNC_LOST));
        } else {
            assert_int_equal(command(B, 0x2046, "00 00"), 0);
        }
        assert_int_equal(count(B, BIG_SYNC_ESTABLISHED), 1);
        assert_int_equal(event(B, BIG_SYNC_ESTABLISHED)[0], WOAD_HCI_FAILED_TO_ESTABLISH);
        assert_int_equal(command(B, 0x206c, "02"), 0x42);
        if (lost) {
            assert_int_equal(command(A, 0x2040, "01 05"), 0);
        }
        big(A, 1, 60, 2);
        forget();
        sync_to(B, A);
        assert_int_equal(sync_to_big(B, 2), 0);
        run_ms(1000);
        assert_int_equal(count(B, BIG_SYNC_ESTABLISHED), 1);
        assert_int_equal(event(B, BIG_SYNC_ESTABLISHED)[0], 0);
        apart();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channel_of_a_control_subevent),
        cmocka_unit_test(control_subevents_after_a_hang),
        cmocka_unit_test(train_with_the_handle_of_another),
        cmocka_unit_test(train_ends_before_its_group_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
