/* The own address of a connection (in c1, f5, f6) is the one that was on the air, not a newer
 * one.  Also: when a private address belongs to a bonded peer.  Vol 3, Part H, 2.2.3, 2.2.7;
 * Part C, 10.8 */
#include "solo.h"

#include "src/core/conn.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_security_peripheral, NULL };
static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
static const uint8_t irk[16] = { 1, 2, 3 }, fixed[6] = { 1, 2, 3, 4, 5, 0xc6 };

enum { SET_RANDOM_ADDRESS = 0x2005, ADV_ENABLE = 0x200a };

/* Compares the connection's own address with the last one that the controller was given. */
static void assert_on_air(uint8_t type)
{
    const struct woad_addr *own = &conn_of(solo.h, solo.conn[solo.conns - 1])->own_air;
    const struct solo_command *last = NULL;
    for (size_t n = 0; n < solo.commands; n++) {
        last = solo.command[n].opcode == SET_RANDOM_ADDRESS ? &solo.command[n] : last;
    }
    assert_int_equal(own->type, type);
    if (type == WOAD_ADDR_RANDOM) {
        assert_non_null(last);
        assert_memory_equal(own->octet, last->params, 6);
    } else {
        assert_int_equal(own->octet[0], 0xa1);
    }
}

static void boot(void)
{
    solo_boot(solo_config(features));
    assert_int_equal(woad_set_irk(solo.h, irk), 0);
}

/* A central connects after the host has made a new private address, and before advertising has
 * paused for it. */
static void renewed_meanwhile(void **state)
{
    (void)state;
    boot();
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_RESOLVABLE, 1), 0);
    solo_pump();
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    solo_pump();
    solo.now_ms += 1000;
    woad_poll(solo.h, solo.now_ms);
    SOLO_RX(4, 0x3e, 19, 1, 0, SOLO_HANDLE, 0, 1, 0, 9, 9, 9, 9, 9, 9, 24, 0, 0, 0, 100, 0, 0);
    assert_on_air(WOAD_ADDR_RANDOM);
    solo_pump();
    solo_disconnected(SOLO_HANDLE, 0x13);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_on_air(WOAD_ADDR_RANDOM);
    solo_end();
}

/* the command that disables advertising has no answer */
static void renewed_while_pausing(void **state)
{
    (void)state;
    boot();
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_RESOLVABLE, 1), 0);
    solo_pump();
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    solo_pump();
    solo.withheld = ADV_ENABLE;
    solo_tick(1000);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_on_air(WOAD_ADDR_RANDOM);
    solo_end();
}

/* The own address changes from public to random and back; the central connects before each
 * change takes effect. */
static void other_type_meanwhile(void **state)
{
    (void)state;
    boot();
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    solo_pump();
    assert_int_equal(woad_set_own_address(solo.h, WOAD_ADDR_RANDOM, fixed), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_on_air(WOAD_ADDR_PUBLIC);
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    solo_pump();
    assert_int_equal(woad_set_own_address(solo.h, WOAD_ADDR_PUBLIC, NULL), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_on_air(WOAD_ADDR_RANDOM);
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    solo_pump();
    solo_connected(SOLO_HANDLE, false, 9);
    assert_on_air(WOAD_ADDR_PUBLIC);
    solo_end();
}

/* The IRK is set late, from a store: the private address is made again, because bonded peers
 * could not resolve the old one.  Vol 3, Part C, 10.7.1 */
static void another_key_makes_another_address(void **state)
{
    static const uint8_t another[16] = { 4, 5, 6 };
    (void)state;
    boot();
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_RESOLVABLE, 900), 0);
    solo_pump();
    assert_int_equal(woad_adv_start(solo.h, &adv), 0);
    solo_pump();
    solo_forget();
    assert_int_equal(woad_set_irk(solo.h, another), 0);
    solo_tick(0);
    assert_int_equal(solo_commands(SET_RANDOM_ADDRESS), 1);
    assert_int_equal(solo_commands(ADV_ENABLE), 2); /* off and on */
    solo_connected(SOLO_HANDLE, false, 9);
    assert_on_air(WOAD_ADDR_RANDOM);
    solo_end();
    /* Non-resolvable addresses do not depend on the IRK. */
    boot();
    assert_int_equal(woad_set_privacy(solo.h, WOAD_PRIVACY_NON_RESOLVABLE, 900), 0);
    solo_pump();
    solo_forget();
    assert_int_equal(woad_set_irk(solo.h, another), 0);
    solo_tick(0);
    assert_int_equal(solo_commands(SET_RANDOM_ADDRESS), 0);
    solo_end();
}

/* trouble#647, rmk#902: a bonded peer with an IRK of zeros has no private address: an address
 * made with zeros is a stranger's.  Vol 3, Part H, 3.6.4 */
static void zeros_are_no_irk(void **state)
{
    struct woad_bond b = { .key_size = 16, .flags = 3, .has_own_ltk = 1, .has_irk = 1 };
    (void)state;
    boot();
    memset(b.peer.octet, 9, 6);
    assert_int_equal(woad_bond_add(solo.h, &b), 0);
    /* AES is the identity here: the hash equals prand */
    SOLO_RX(4, 0x3e, 19, 1, 0, SOLO_HANDLE, 0, 1, 1, 0x33, 0x22, 0x41, 0x33, 0x22, 0x41, 24, 0, 0,
            0, 100, 0, 0);
    assert_int_equal(solo_last(WOAD_EV_CONNECT)->u.connect.peer.octet[5], 0x41);
    solo_pump();
    b.irk[0] = 1;
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(woad_bond_add(solo.h, &b), 0);
    SOLO_RX(4, 0x3e, 19, 1, 0, SOLO_HANDLE, 0, 1, 1, 0x33, 0x22, 0x41, 0x33, 0x22, 0x41, 24, 0, 0,
            0, 100, 0, 0);
    assert_int_equal(solo_last(WOAD_EV_CONNECT)->u.connect.peer.octet[5], 9);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renewed_meanwhile),    cmocka_unit_test(renewed_while_pausing),
        cmocka_unit_test(other_type_meanwhile), cmocka_unit_test(another_key_makes_another_address),
        cmocka_unit_test(zeros_are_no_irk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
