/* What the scanner and the initiator keep of a request that does not come to its end.  Vol 6, Part
 * B, 4.4.3.2, 4.4.4 */
#include "links.h"

enum { SCANNER = 0, ADVERTISER = 1 };
enum { SCAN_REQ = 3, ADV_SCAN_IND = 6, AUX_ADV_IND = 7, AUX_SCANNABLE = 2 };

static struct {
    unsigned scannable, requests, longest_pause, pause;
    bool lost; /* requests do not arrive */
    bool aux;  /* count packets on secondary channels */
} seen;

/* Counts the advertiser's scannable PDUs, and how many of them are without a request in a row. */
static void sniff_requests(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    unsigned type = p->pdu[0] & 15;
    if (p->access_address != 0x8e89bed6 || (p->kind == 1) != seen.aux) {
        return;
    }
    bool scannable = type == ADV_SCAN_IND && p->pdu[2] == ADVERTISER + 1;
    if (seen.aux) {
        scannable = type == AUX_ADV_IND && p->pdu[2] >> 6 == AUX_SCANNABLE;
    }
    if (scannable) {
        seen.scannable++;
        seen.pause++;
    } else if (type == SCAN_REQ) {
        seen.requests++;
        seen.longest_pause = seen.pause > seen.longest_pause ? seen.pause : seen.longest_pause;
        seen.pause = 0;
    }
}

static bool lose_requests(void *ctx, const struct woad_air_packet *p,
                          const struct woad_air_controller *to, uint8_t *pdu,
                          struct woad_air_delivery *delivery)
{
    (void)ctx;
    (void)to;
    (void)delivery;
    (void)p;
    return !seen.lost || (pdu[0] & 15) != SCAN_REQ;
}

static void scanner_begin(bool aux)
{
    struct woad_air_config air = { .seed = 3, .sniff = sniff_requests, .intercept = lose_requests };
    nodes_begin(3);
    memset(&seen, 0, sizeof seen);
    seen.aux = aux;
    free(w.air);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 3,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
    }
}

/* The scanner also advertises, which takes the radio from its scan requests now and then: it does
 * not stop requesting. */
static void request_cut_off_by_own_advertising(void **state)
{
    (void)state;
    scanner_begin(false);
    assert_int_equal(command(ADVERTISER, 0x2006, "20 00 20 00 02 00 00 00 00 00 00 00 00 07 00"),
                     0);
    assert_int_equal(command(ADVERTISER, 0x200a, "01"), 0);
    assert_int_equal(command(SCANNER, 0x2006, "20 00 20 00 03 00 00 00 00 00 00 00 00 07 00"), 0);
    assert_int_equal(command(SCANNER, 0x200a, "01"), 0);
    assert_int_equal(command(SCANNER, 0x200b, "01 10 00 10 00 00 00"), 0);
    assert_int_equal(command(SCANNER, 0x200c, "01 01"), 0);
    run_ms(60000);
    assert_in_range(seen.scannable, 5000, 10000);
    assert_in_range(seen.requests, 1000, 10000);
    assert_in_range(seen.longest_pause, 1, 60);
    apart();
}

/* A set of scannable advertising with a response on a secondary channel. */
static void extended_scannable(void)
{
    assert_int_equal(command(ADVERTISER, 0x2036,
                             "01 02 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 "
                             "00 7f 01 00 01 01 00"),
                     0);
    assert_int_equal(command(ADVERTISER, 0x2038, "01 03 01 04 03 ff 01 02"), 0);
    assert_int_equal(command(ADVERTISER, 0x2039, "01 01 01 00 00 00"), 0);
}

/* The back-off counts auxiliary packets, too: without responses requests become rare, with
 * responses frequent again. */
static void auxiliary_requests_back_off(void **state)
{
    (void)state;
    scanner_begin(true);
    extended_scannable();
    assert_int_equal(command(SCANNER, 0x2041, "00 00 01 01 10 00 10 00"), 0);
    assert_int_equal(command(SCANNER, 0x2042, "01 00 00 00 00 00"), 0);
    run_ms(10000);
    assert_in_range(seen.scannable, 300, 600);
    assert_in_range(seen.requests, seen.scannable - 20, seen.scannable);
    seen.lost = true;
    run_ms(10000);
    seen.requests = seen.scannable = 0;
    run_ms(30000);
    assert_in_range(seen.scannable, 1000, 1800);
    assert_in_range(seen.requests, 3, seen.scannable / 40);
    seen.lost = false;
    run_ms(60000);
    seen.requests = seen.scannable = 0;
    run_ms(10000);
    assert_in_range(seen.requests, seen.scannable - 20, seen.scannable);
    apart();
}

/* The host disables scanning again and again while the controller initiates by `opcode`: the
 * controller connects nevertheless, to `properties` of the advertiser's set. */
static void disabled_scanning_is_no_abort(unsigned opcode, const char *properties)
{
    char t[100];
    bool extended = opcode == 0x2043;
    scanner_begin(false);
    snprintf(t, sizeof t,
             "01 %s 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 00 7f 01 00 01 01 00",
             properties);
    assert_int_equal(command(ADVERTISER, 0x2036, t), 0);
    assert_int_equal(command(ADVERTISER, 0x2039, "01 01 01 00 00 00"), 0);
    const char *initiate =
        "10 00 10 00 00 00 02 02 03 04 05 06 00 18 00 18 00 00 00 64 00 00 00 00 00";
    if (extended) {
        initiate = "00 00 00 02 02 03 04 05 06 01 10 00 10 00 18 00 18 00 00 00 64 00 00 00 00 00";
    }
    assert_int_equal(command(SCANNER, opcode, initiate), 0);
    for (unsigned n = 0; n < 20000 && !event(SCANNER, CONNECTED); n++) {
        if (extended) {
            assert_int_equal(command(SCANNER, 0x2042, "00 00 00 00 00 00"), 0);
        } else {
            assert_int_equal(command(SCANNER, 0x200c, "00 00"), 0);
        }
        run_us(50);
    }
    assert_non_null(event(SCANNER, CONNECTED));
    run_ms(2000);
    assert_null(event(SCANNER, DISCONNECTED));
    assert_null(event(ADVERTISER, DISCONNECTED));
    apart();
}

static void initiator_goes_on_when_scanning_is_disabled(void **state)
{
    (void)state;
    disabled_scanning_is_no_abort(0x200d, "13"); /* legacy command and PDUs */
    disabled_scanning_is_no_abort(0x2043, "13"); /* extended command, legacy PDUs */
    disabled_scanning_is_no_abort(0x2043, "01"); /* extended PDUs */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_cut_off_by_own_advertising),
        cmocka_unit_test(auxiliary_requests_back_off),
        cmocka_unit_test(initiator_goes_on_when_scanning_is_disabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
