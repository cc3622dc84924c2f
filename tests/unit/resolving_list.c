/* Bonds change while the controller's resolving list is written: in the end the list has each
 * peer with an IRK once, and no other.  Vol 4, Part E, 7.8.38, 7.8.40, 7.8.77 */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_security_manager,
                                                       &woad_feature_resolving_list, NULL };

enum { CLEAR = 0x2029, ADD = 0x2027, MODE = 0x204e, ENABLE = 0x202d };
enum { PEERS = 10 };

/* The controller's list, by the octet that a peer's address consists of. */
static struct {
    unsigned added[PEERS], modes[PEERS], enabled;
} list;

static void add(uint8_t octet, bool irk)
{
    struct woad_bond b = { .key_size = 16,
                           .has_own_ltk = 1,
                           .has_peer_ltk = 1,
                           .has_irk = irk,
                           .flags = WOAD_BOND_SECURE,
                           .own_ltk = { 7 },
                           .peer_ltk = { 7 } };
    memset(b.peer.octet, octet, 6);
    memset(b.irk, irk ? octet : 0, sizeof b.irk);
    assert_int_equal(woad_bond_add(solo.h, &b), 0);
}

static void drop(uint8_t octet)
{
    struct woad_addr peer = { 0 };
    memset(peer.octet, octet, 6);
    assert_int_equal(woad_bond_remove(solo.h, &peer), 0);
}

/* Answers all commands of the list and calls `change` during the n-th.  Returns whether there
 * was an n-th. */
static bool make_list(unsigned n, void (*change)(void))
{
    uint8_t p[SOLO_FRAME];
    bool changed = false;
    for (unsigned commands = 0; woad_tx(solo.h, p, sizeof p); commands++) {
        unsigned opcode = p[1] | (unsigned)p[2] << 8;
        assert_true(commands < 100);
        if (opcode == CLEAR) {
            memset(&list, 0, sizeof list);
        } else if (opcode == ADD) {
            list.added[p[5]]++;
        } else if (opcode == MODE) {
            list.modes[p[5]]++;
        } else {
            assert_int_equal(opcode, ENABLE);
            list.enabled++;
        }
        if (commands == n) {
            change();
            changed = true;
        }
        solo_answer(opcode);
    }
    return changed;
}

static void has(unsigned peers)
{
    for (unsigned octet = 0; octet < PEERS; octet++) {
        assert_int_equal(list.added[octet], peers >> octet & 1);
        assert_int_equal(list.modes[octet], peers >> octet & 1);
    }
    assert_int_equal(list.enabled, 1);
}

/* Writes a list of five bonds, three of them with an IRK, with `change` during each command in
 * turn. */
static void changed_at_each_command(void (*change)(void), unsigned peers)
{
    bool more = true;
    for (unsigned n = 0; more; n++) {
        struct woad_config config = solo_config(features);
        config.bonds = PEERS;
        memset(solo.supported_commands, 0xff, sizeof solo.supported_commands);
        solo_boot(config);
        add(1, true);
        add(2, false);
        add(3, true);
        add(4, true);
        add(5, false);
        more = make_list(n, change);
        has(more ? peers : 1 << 1 | 1 << 3 | 1 << 4);
        solo_end();
    }
}

static void drop_the_last_without(void)
{
    drop(2);
}
static void drop_the_first_without(void)
{
    drop(5);
}
static void add_one_without(void)
{
    add(6, false);
}

/* A bond without an IRK is added or removed while the list is written: the list is unchanged. */
static void bond_without_a_key_comes_or_goes_meanwhile(void **state)
{
    (void)state;
    changed_at_each_command(drop_the_last_without, 1 << 1 | 1 << 3 | 1 << 4);
    changed_at_each_command(drop_the_first_without, 1 << 1 | 1 << 3 | 1 << 4);
    changed_at_each_command(add_one_without, 1 << 1 | 1 << 3 | 1 << 4);
}

static void drop_one_with(void)
{
    drop(3);
}
static void add_one_with(void)
{
    add(6, true);
}
static void lose_a_key(void)
{
    add(4, false);
}

/* A bond with an IRK is added or removed while the list is written: the list is right in the
 * end. */
static void bond_with_a_key_comes_or_goes_meanwhile(void **state)
{
    (void)state;
    changed_at_each_command(drop_one_with, 1 << 1 | 1 << 4);
    changed_at_each_command(add_one_with, 1 << 1 | 1 << 3 | 1 << 4 | 1 << 6);
    changed_at_each_command(lose_a_key, 1 << 1 | 1 << 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bond_without_a_key_comes_or_goes_meanwhile),
        cmocka_unit_test(bond_with_a_key_comes_or_goes_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
