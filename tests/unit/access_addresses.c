/* Access addresses that the link layer draws.  Vol 6, Part B, 2.1.2 */
#include "cm.h"

#include "../../air/ll/ll.h"
#include "../access_address_rules.h"

static struct woad_air air;
static struct link links[2];
static struct ll_adv sets[1];
static struct iso isos[2];
static struct ll ll;
static controller c;

static int setup(void **state)
{
    (void)state;
    memset(&ll, 0, sizeof ll);
    memset(links, 0, sizeof links);
    memset(sets, 0, sizeof sets);
    memset(isos, 0, sizeof isos);
    c = (controller){ .ll = &ll, .big = ll.big, .air = &air, .links = links, .sets = sets };
    c.iso = isos;
    c.cfg.conns = c.cfg.iso = 2;
    c.n_sets = 1;
    air.seed = 1;
    return 0;
}

static void no_broken_rule(uint32_t aa)
{
    const char *rule = aa_broken_rule(aa);
    if (rule) {
        fail_msg("%08x: %s", (unsigned)aa, rule);
    }
}

/* Each of 100,000 addresses of connections, CISes and periodic advertising. */
static void drawn_by_all_rules(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 100000; n++) {
        no_broken_rule(ll_access_address(&c));
    }
}

/* Seeds of BIGs: five bits are bound to each other, and the address of each of the 31 streams and
 * of the control subevents follows the general rules. */
static void seeds_by_all_rules(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 3000; n++) {
        uint32_t seed = ll_seed_access_address(&c);
        assert_int_equal(aa_bit(seed, 19), aa_bit(seed, 15));
        assert_int_not_equal(aa_bit(seed, 16), aa_bit(seed, 15));
        assert_int_equal(aa_bit(seed, 22), aa_bit(seed, 16));
        assert_int_equal(aa_bit(seed, 25), 0);
        assert_int_equal(aa_bit(seed, 23), 1);
        no_broken_rule(seed);
        for (uint8_t number = 0; number <= 31; number++) {
            no_broken_rule(ll_bis_access_address(seed, number));
        }
    }
}

/* The lower halves of the seeds of two BIGs of one device differ by two bits or more; those of
 * BIGs that it receives don't matter. */
static void seeds_of_two_groups_differ(void **state)
{
    (void)state;
    uint32_t seed = ll_seed_access_address(&c);
    for (unsigned bit = 0; bit <= 16; bit++) {
        air.seed = 1;
        ll.big[0].used = true;
        ll.big[0].info.seed = bit == 16 ? seed : seed ^ 1u << bit;
        ll.big[0].is_receiver = true;
        assert_int_equal(ll_seed_access_address(&c), seed);
        air.seed = 1;
        ll.big[0].is_receiver = false;
        assert_int_not_equal(ll_seed_access_address(&c), seed);
    }
    air.seed = 1;
    ll.big[0].info.seed = seed ^ 3;
    assert_int_equal(ll_seed_access_address(&c), seed);
}

/* An address in use is not drawn again. */
static void not_in_use(void **state)
{
    (void)state;
    uint32_t aa = ll_access_address(&c);
    air.seed = 1;
    links[1].aa = isos[1].aa = sets[0].periodic.aa = aa;
    assert_int_equal(ll_access_address(&c), aa); /* all of them are over */
    for (unsigned n = 0; n < 3; n++) {
        air.seed = 1;
        links[1].used = n == 0;
        isos[1].kind = n == 1 ? ISO_CIS : ISO_NONE;
        sets[0].periodic.sending = n == 2;
        assert_int_not_equal(ll_access_address(&c), aa);
    }
    setup(NULL);
    uint32_t seed = ll_seed_access_address(&c);
    air.seed = 1;
    links[0].used = true;
    links[0].aa = ll_bis_access_address(seed, 1);
    assert_int_not_equal(ll_seed_access_address(&c), seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(drawn_by_all_rules, setup),
        cmocka_unit_test_setup(seeds_by_all_rules, setup),
        cmocka_unit_test_setup(seeds_of_two_groups_differ, setup),
        cmocka_unit_test_setup(not_in_use, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
