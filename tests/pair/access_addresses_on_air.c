/* Each packet on the air has an access address that follows the rules of Vol 6, Part B, 2.1.2:
 * connections, CISes, periodic advertising, BISes. */
#include "links.h"

#include "access_address_rules.h"

static unsigned kinds[16];

static void sniff_addresses(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    const char *rule = aa_broken_rule(p->access_address);
    if (p->access_address != 0x8e89bed6 && rule) {
        fail_msg("%08x: %s", (unsigned)p->access_address, rule);
    }
    kinds[p->kind & 15] += p->access_address != 0x8e89bed6;
}

static void of_all_activities(void **state)
{
    (void)state;
    memset(kinds, 0, sizeof kinds);
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct woad_air_config air = { .seed = seed, .sniff = sniff_addresses };
        nodes_begin(seed);
        free(w.air);
        w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
        for (int k = 0; k < 2; k++) {
            struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5,
                                                                   6 },
                                                      .conns = 2,
                                                      .acl_count = 4,
                                                      .acl_len = 251,
                                                      .queue = 65000,
                                                      .adv_sets = 3,
                                                      .iso = 8,
                                                      .crypto = &woad_mbedtls };
            node_add(k, &cfg);
            assert_int_equal(command(k, 0x2074, "20 01"), 0);
        }
        connect_to(0, 1, 24, 100);
        assert_int_equal(cig(10000, 40, 40, 2, 2), 0);
        cis(1);
        periodic_adv(0, 80);
        big(0, 2, 60, 2);
        run_ms(300);
        apart();
    }
    for (unsigned kind = 1; kind <= 6; kind++) { /* from AUX_SYNC_IND to BISes */
        assert_in_range(kinds[kind], 100, 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(of_all_activities) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
