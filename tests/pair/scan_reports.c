/* What a scanner reports of two advertisers beside each other.  Vol 6, Part B, 4.4.3 */
#include "links.h"

enum { SCANNER = 0, A = 1, B = 2, REPORT = 0x3e02, EXT_REPORT = 0x3e0d };

static void three_nodes(void)
{
    nodes_begin(5);
    for (int k = 0; k < 3; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 0xc6 },
                                                  .x_mm = k * 500,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 1,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
    }
}

/* LL/DDI/SCN/BV-03-C and its like: a public and a random address with the same octets are two
 * advertisers for the duplicate filter. */
static void same_octets_of_two_types(void **state)
{
    bool seen[2] = { false, false };
    (void)state;
    three_nodes();
    assert_int_equal(command(B, 0x2005, "02 02 03 04 05 c6"), 0); /* A's, but random */
    assert_int_equal(command(A, 0x2006, "20 00 20 00 00 00 00 00 00 00 00 00 00 07 00"), 0);
    assert_int_equal(command(B, 0x2006, "20 00 20 00 00 01 00 00 00 00 00 00 00 07 00"), 0);
    assert_int_equal(command(A, 0x200a, "01"), 0);
    assert_int_equal(command(B, 0x200a, "01"), 0);
    assert_int_equal(command(SCANNER, 0x200b, "00 10 00 10 00 00 00"), 0);
    assert_int_equal(command(SCANNER, 0x200c, "01 01"), 0);
    run_ms(1000);
    assert_int_equal(count(SCANNER, REPORT), 2);
    for (size_t k = 0; k < w.n[SCANNER].logged; k++) {
        seen[w.n[SCANNER].log[k].b[6]] = true; /* the address type of the report */
    }
    assert_true(seen[0] && seen[1]);
    apart();
}

/* A's scan response is to a connectable PDU, B's to one that is not, whatever else arrives between
 * the request and the response. */
static void response_is_to_its_own_request(void **state)
{
    unsigned responses[3] = { 0 };
    (void)state;
    three_nodes();
    assert_int_equal(command(A, 0x2006, "20 00 20 00 00 00 00 00 00 00 00 00 00 07 00"), 0);
    assert_int_equal(command(B, 0x2006, "20 00 20 00 02 00 00 00 00 00 00 00 00 07 00"), 0);
    assert_int_equal(command(A, 0x200a, "01"), 0);
    assert_int_equal(command(B, 0x200a, "01"), 0);
    assert_int_equal(command(SCANNER, 0x2041, "00 00 01 01 10 00 10 00"), 0);
    assert_int_equal(command(SCANNER, 0x2042, "01 00 00 00 00 00"), 0);
    for (int n = 0; n < 2000; n++) {
        run_ms(100);
        for (size_t k = 0; k < w.n[SCANNER].logged; k++) {
            const uint8_t *b = w.n[SCANNER].log[k].b; /* 4, 3e, len, 0d, 1, type u16, … */
            uint8_t from = b[8];
            if (b[3] != (EXT_REPORT & 255) || !(b[5] & 8)) {
                continue;
            }
            responses[from - 1]++;
            assert_int_equal(b[5], from == A + 1 ? 0x1b : 0x1a);
        }
        forget();
    }
    assert_in_range(responses[A], 1000, 100000);
    assert_in_range(responses[B], 1000, 100000);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_octets_of_two_types),
        cmocka_unit_test(response_is_to_its_own_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
