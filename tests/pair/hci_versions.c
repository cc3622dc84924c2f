/* Versions of controllers: each has the commands and events of its version, and its masks report
 * them.  Core 5.4, Vol 4, Part E, 3.1, 6.27, 7.7.65, 7.8.1 */
#include "nodes.h"

enum { A = 0, B = 1 };
enum { V4_0 = 6, V4_1, V4_2, V5_0, V5_1, V5_2, V5_3, V5_4 };

/* The first version that has a command, and the command's bit in the mask of supported commands. */
static const struct {
    const char *clause;
    unsigned opcode, version, octet, bit;
} commands[] = {
    { "7.1.6", 0x0406, V4_0, 0, 5 },    { "7.1.23", 0x041d, V4_0, 2, 7 },
    { "7.3.1", 0x0c01, V4_0, 5, 6 },    { "7.3.2", 0x0c03, V4_0, 5, 7 },
    { "7.3.35", 0x0c2d, V4_0, 10, 2 },  { "7.3.38", 0x0c31, V4_0, 10, 5 },
    { "7.3.39", 0x0c33, V4_0, 10, 6 },  { "7.3.69", 0x0c63, V4_0, 22, 2 },
    { "7.3.93", 0x0c7b, V4_1, 32, 4 },  { "7.3.94", 0x0c7c, V4_1, 32, 5 },
    { "7.4.1", 0x1001, V4_0, 14, 3 },   { "7.4.2", 0x1002, V4_0, 14, 4 },
    { "7.4.3", 0x1003, V4_0, 14, 5 },   { "7.4.6", 0x1009, V4_0, 15, 1 },
    { "7.5.4", 0x1405, V4_0, 15, 5 },   { "7.8.1", 0x2001, V4_0, 25, 0 },
    { "7.8.2", 0x2002, V4_0, 25, 1 },   { "7.8.3", 0x2003, V4_0, 25, 2 },
    { "7.8.4", 0x2005, V4_0, 25, 4 },   { "7.8.5", 0x2006, V4_0, 25, 5 },
    { "7.8.6", 0x2007, V4_0, 25, 6 },   { "7.8.7", 0x2008, V4_0, 25, 7 },
    { "7.8.8", 0x2009, V4_0, 26, 0 },   { "7.8.9", 0x200a, V4_0, 26, 1 },
    { "7.8.10", 0x200b, V4_0, 26, 2 },  { "7.8.11", 0x200c, V4_0, 26, 3 },
    { "7.8.12", 0x200d, V4_0, 26, 4 },  { "7.8.13", 0x200e, V4_0, 26, 5 },
    { "7.8.14", 0x200f, V4_0, 26, 6 },  { "7.8.15", 0x2010, V4_0, 26, 7 },
    { "7.8.16", 0x2011, V4_0, 27, 0 },  { "7.8.17", 0x2012, V4_0, 27, 1 },
    { "7.8.18", 0x2013, V4_0, 27, 2 },  { "7.8.19", 0x2014, V4_0, 27, 3 },
    { "7.8.20", 0x2015, V4_0, 27, 4 },  { "7.8.21", 0x2016, V4_0, 27, 5 },
    { "7.8.22", 0x2017, V4_0, 27, 6 },  { "7.8.23", 0x2018, V4_0, 27, 7 },
    { "7.8.24", 0x2019, V4_0, 28, 0 },  { "7.8.25", 0x201a, V4_0, 28, 1 },
    { "7.8.26", 0x201b, V4_0, 28, 2 },  { "7.8.27", 0x201c, V4_0, 28, 3 },
    { "7.8.31", 0x2020, V4_1, 33, 4 },  { "7.8.32", 0x2021, V4_1, 33, 5 },
    { "7.8.33", 0x2022, V4_2, 33, 6 },  { "7.8.34", 0x2023, V4_2, 33, 7 },
    { "7.8.35", 0x2024, V4_2, 34, 0 },  { "7.8.36", 0x2025, V4_2, 34, 1 },
    { "7.8.37", 0x2026, V4_2, 34, 2 },  { "7.8.38", 0x2027, V4_2, 34, 3 },
    { "7.8.39", 0x2028, V4_2, 34, 4 },  { "7.8.40", 0x2029, V4_2, 34, 5 },
    { "7.8.41", 0x202a, V4_2, 34, 6 },  { "7.8.42", 0x202b, V4_2, 34, 7 },
    { "7.8.43", 0x202c, V4_2, 35, 0 },  { "7.8.44", 0x202d, V4_2, 35, 1 },
    { "7.8.45", 0x202e, V4_2, 35, 2 },  { "7.8.46", 0x202f, V4_2, 35, 3 },
    { "7.8.47", 0x2030, V5_0, 35, 4 },  { "7.8.48", 0x2031, V5_0, 35, 5 },
    { "7.8.49", 0x2032, V5_0, 35, 6 },  { "7.8.52", 0x2035, V5_0, 36, 1 },
    { "7.8.53", 0x2036, V5_0, 36, 2 },  { "7.8.54", 0x2037, V5_0, 36, 3 },
    { "7.8.55", 0x2038, V5_0, 36, 4 },  { "7.8.56", 0x2039, V5_0, 36, 5 },
    { "7.8.57", 0x203a, V5_0, 36, 6 },  { "7.8.58", 0x203b, V5_0, 36, 7 },
    { "7.8.59", 0x203c, V5_0, 37, 0 },  { "7.8.60", 0x203d, V5_0, 37, 1 },
    { "7.8.61", 0x203e, V5_0, 37, 2 },  { "7.8.62", 0x203f, V5_0, 37, 3 },
    { "7.8.63", 0x2040, V5_0, 37, 4 },  { "7.8.64", 0x2041, V5_0, 37, 5 },
    { "7.8.65", 0x2042, V5_0, 37, 6 },  { "7.8.66", 0x2043, V5_0, 37, 7 },
    { "7.8.67", 0x2044, V5_0, 38, 0 },  { "7.8.68", 0x2045, V5_0, 38, 1 },
    { "7.8.69", 0x2046, V5_0, 38, 2 },  { "7.8.70", 0x2047, V5_0, 38, 3 },
    { "7.8.71", 0x2048, V5_0, 38, 4 },  { "7.8.72", 0x2049, V5_0, 38, 5 },
    { "7.8.73", 0x204a, V5_0, 38, 6 },  { "7.8.74", 0x204b, V5_0, 38, 7 },
    { "7.8.75", 0x204c, V5_0, 39, 0 },  { "7.8.76", 0x204d, V5_0, 39, 1 },
    { "7.8.77", 0x204e, V5_0, 39, 2 },  { "7.8.88", 0x2059, V5_1, 40, 5 },
    { "7.8.89", 0x205a, V5_1, 40, 6 },  { "7.8.90", 0x205b, V5_1, 40, 7 },
    { "7.8.91", 0x205c, V5_1, 41, 0 },  { "7.8.92", 0x205d, V5_1, 41, 1 },
    { "7.8.37", 0x205e, V5_1, 41, 2 },  { "7.8.94", 0x205f, V5_1, 41, 4 },
    { "7.8.2", 0x2060, V5_2, 41, 5 },   { "7.8.96", 0x2061, V5_2, 41, 6 },
    { "7.8.97", 0x2062, V5_2, 41, 7 },  { "7.8.99", 0x2064, V5_2, 42, 1 },
    { "7.8.100", 0x2065, V5_2, 42, 2 }, { "7.8.101", 0x2066, V5_2, 42, 3 },
    { "7.8.102", 0x2067, V5_2, 42, 4 }, { "7.8.103", 0x2068, V5_2, 42, 5 },
    { "7.8.105", 0x206a, V5_2, 42, 7 }, { "7.8.106", 0x206b, V5_2, 43, 0 },
    { "7.8.107", 0x206c, V5_2, 43, 1 }, { "7.8.108", 0x206d, V5_2, 43, 2 },
    { "7.8.109", 0x206e, V5_2, 43, 3 }, { "7.8.110", 0x206f, V5_2, 43, 4 },
    { "7.8.115", 0x2074, V5_2, 44, 1 }, { "7.8.117", 0x2076, V5_2, 44, 3 },
    { "7.8.118", 0x2077, V5_2, 44, 4 }, { "7.8.119", 0x2078, V5_2, 44, 5 },
    { "7.8.120", 0x2079, V5_2, 44, 6 }, { "7.8.121", 0x207a, V5_2, 44, 7 },
    { "7.8.123", 0x207d, V5_3, 46, 0 }, { "7.8.124", 0x207e, V5_3, 46, 1 },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct {
    const char *profile;
    unsigned version;
} profiles[] = { { "4.0", V4_0 },       { "4.1", V4_1 }, { "4.2", V4_2 },
                 { "4.2-small", V4_2 }, { "5.0", V5_0 }, { "5.1", V5_1 },
                 { "5.2", V5_2 },       { "5.3", V5_3 }, { "5.4", V5_4 } };
enum { PROFILES = sizeof profiles / sizeof *profiles };

/* Two controllers of a profile, or of a version with all its features. */
static void two(const char *profile, unsigned version)
{
    nodes_begin(1);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 60000,
                                                  .adv_sets = 2,
                                                  .iso = 4,
                                                  .hci_version = (uint8_t)version,
                                                  .crypto = &woad_mbedtls };
        assert_true(!profile || woad_air_profile(profile, &cfg));
        cfg.queue = 60000;
        node_add(k, &cfg);
    }
}

/* The profile "5.0" has no periodic advertising, which is an optional feature. */
static bool left_out(const char *profile, unsigned opcode)
{
    bool periodic =
        (opcode >= 0x203e && opcode <= 0x2040) || (opcode >= 0x2044 && opcode <= 0x204a);
    return profile && strcmp(profile, "5.0") == 0 && periodic;
}

static unsigned known_wrong(const char *profile, unsigned version)
{
    unsigned wrong = 0, n_reported = 0;
    uint8_t mask[64];
    uint8_t ask[] = { 1, 2, 0x10, 0 };
    two(profile, version);
    forget();
    assert_int_equal(woad_air_rx(w.n[A].c, ask, sizeof ask), 0);
    collect();
    memcpy(mask, w.n[A].log[0].b + 7, sizeof mask);
    for (size_t k = 0; k < 64 * 8; k++) {
        n_reported += mask[k / 8] >> (k % 8) & 1;
    }
    for (size_t k = 0; k < COMMANDS; k++) {
        bool should = version >= commands[k].version && !left_out(profile, commands[k].opcode);
        forget();
        bool does = command(A, commands[k].opcode, "") != 0x01;
        bool says = mask[commands[k].octet] >> commands[k].bit & 1;
        if (does != should || says != should) {
            print_error("%s %04x: version %u %s, mask %d\n", commands[k].clause, commands[k].opcode,
                        version, does ? "has it" : "lacks it", says);
            wrong++;
        }
        n_reported -= should;
    }
    apart();
    /* Host Number Of Completed Packets has no answer if it is valid: it has no row. */
    return wrong + (n_reported != 1);
}

static void commands_are_those_of_the_version(void **state)
{
    (void)state;
    for (size_t k = 0; k < PROFILES; k++) {
        assert_int_equal(known_wrong(profiles[k].profile, profiles[k].version), 0);
    }
    for (unsigned version = V4_0; version <= V5_4; version++) {
        assert_int_equal(known_wrong(NULL, version), 0);
    }
}

/* Every opcode of the LE group without a row is an unknown command. */
static void no_other_commands(void **state)
{
    (void)state;
    two(NULL, V5_4);
    for (unsigned opcode = 0x2000; opcode < 0x2100; opcode++) {
        bool known = false;
        for (size_t k = 0; k < COMMANDS; k++) {
            known = known || commands[k].opcode == opcode;
        }
        forget();
        if (!known) {
            assert_int_equal(command(A, opcode, ""), 0x01);
        }
    }
    apart();
}

static const char connect[] = "10 00 10 00 00 00 02 02 03 04 05 06 00 08 00 08 00 00 00 64 00 00 "
                              "00 00 00";

/* A host that enables every event gets those of the controller's version: LE Connection Complete
 * until 4.1, Enhanced from 4.2, LE Channel Selection Algorithm from 5.0. */
static void events_are_those_of_the_version(void **state)
{
    (void)state;
    for (unsigned version = V4_0; version <= V5_4; version++) {
        two(NULL, version);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(command(k, 0x2001, "ff ff ff ff ff ff ff ff"), 0);
        }
        assert_int_equal(command(B, 0x2006, "20 00 20 00 00 00 00 00 00 00 00 00 00 07 00"), 0);
        assert_int_equal(command(B, 0x200a, "01"), 0);
        assert_int_equal(command(A, 0x200d, connect), 0);
        run_ms(500);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(count(k, 0x3e01), version < V4_2);
            assert_int_equal(count(k, 0x3e0a), version >= V4_2);
            assert_int_equal(count(k, 0x3e14), version >= V5_0);
        }
        /* Central_Clock_Accuracy is only for a peripheral. 7.7.65.1 */
        unsigned at = version < V4_2 ? 17 : 29;
        unsigned code = version < V4_2 ? 0x3e01 : 0x3e0a;
        assert_int_equal(event(A, code)[at], 0);
        assert_int_equal(event(B, code)[at], 7);
        apart();
    }
}

/* Before 5.0 a set that is not connectable has an interval of at least 100 ms.  Own addresses from
 * the resolving list and identity addresses of peers exist since 4.2, anonymous entries since
 * 5.0. */
static void parameters_are_those_of_the_version(void **state)
{
    (void)state;
    for (unsigned version = V4_0; version <= V5_4; version++) {
        int before_5 = version < V5_0 ? 0x12 : 0;
        int before_4_2 = version < V4_2 ? 0x12 : 0;
        two(NULL, version);
        assert_int_equal(command(A, 0x2006, "20 00 20 00 03 00 00 00 00 00 00 00 00 07 00"),
                         before_5);
        assert_int_equal(command(A, 0x2006, "9f 00 a0 00 02 00 00 00 00 00 00 00 00 07 00"),
                         before_5);
        assert_int_equal(command(A, 0x2006, "a0 00 a0 00 03 00 00 00 00 00 00 00 00 07 00"), 0);
        assert_int_equal(command(A, 0x2006, "20 00 20 00 00 02 00 00 00 00 00 00 00 07 00"),
                         before_4_2);
        assert_int_equal(command(A, 0x200b, "00 10 00 10 00 02 00"), before_4_2);
        assert_int_equal(command(A, 0x200b, "00 10 00 10 00 00 02"), version < V4_2 ? 0x12 : 0x11);
        assert_int_equal(command(A, 0x2011, "ff 00 00 00 00 00 00"), before_5);
        assert_int_equal(command(A, 0x200d,
                                 "10 00 10 00 00 02 02 02 03 04 05 06 00 08 00 08 00 00 "
                                 "00 64 00 00 00 00 00"),
                         before_4_2);
        apart();
    }
}

/* --- supported states: 7.8.27 ----------------------------------------------------------------- */

static uint64_t states_reported(unsigned version)
{
    uint8_t ask[] = { 1, 0x1c, 0x20, 0 };
    uint64_t states = 0;
    two(NULL, version);
    forget();
    assert_int_equal(woad_air_rx(w.n[A].c, ask, sizeof ask), 0);
    collect();
    for (int k = 7; k >= 0; k--) {
        states = states << 8 | w.n[A].log[0].b[7 + k];
    }
    apart();
    return states;
}

/* Enters a state.  Returns whether the controller allows it. */
static bool enter(const char *what)
{
    static const struct {
        const char *name, *params;
    } adv[] = { { "nonconn", "03" },
                { "scannable", "02" },
                { "connectable", "00" },
                { "high", "01" },
                { "low", "04" } };
    for (size_t k = 0; k < sizeof adv / sizeof *adv; k++) {
        if (strcmp(what, adv[k].name) == 0) {
            char text[60];
            snprintf(text, sizeof text, "a0 00 a0 00 %s 00 00 09 09 03 04 05 06 07 00",
                     adv[k].params);
            return !command(A, 0x2006, text) && !command(A, 0x200a, "01");
        }
    }
    if (strcmp(what, "passive") == 0 || strcmp(what, "active") == 0) {
        const char *how = *what == 'p' ? "00 10 00 10 00 00 00" : "01 10 00 10 00 00 00";
        return !command(A, 0x200b, how) && !command(A, 0x200c, "01 00");
    }
    if (strcmp(what, "initiating") == 0) {
        return !command(A, 0x200d,
                        "10 00 10 00 00 00 08 08 03 04 05 06 00 08 00 08 00 00 00 64 00 "
                        "00 00 00 00");
    }
    bool central = strcmp(what, "central") == 0;
    int adv_er = central ? B : A;
    assert_int_equal(command(adv_er, 0x2006, "20 00 20 00 00 00 00 00 00 00 00 00 00 07 00"), 0);
    assert_int_equal(command(adv_er, 0x200a, "01"), 0);
    char text[120];
    snprintf(text, sizeof text,
             "10 00 10 00 00 00 %02x 02 03 04 05 06 00 08 00 08 00 00 00 64 00 "
             "00 00 00 00",
             adv_er + 1);
    assert_int_equal(command(central ? A : B, 0x200d, text), 0);
    run_ms(300);
    return event(A, 0x3e0a) != NULL;
}

/* Pairs of states in the order of their bits.  A connection is the first of its pair. */
static void supported_states_are_true(void **state)
{
    static const char *const bits[][2] = { { "nonconn", "" },
                                           { "scannable", "" },
                                           { "connectable", "" },
                                           { "high", "" },
                                           { "passive", "" },
                                           { "active", "" },
                                           { "initiating", "" },
                                           { "peripheral", "" },
                                           { "nonconn", "passive" },
                                           { "scannable", "passive" },
                                           { "connectable", "passive" },
                                           { "high", "passive" },
                                           { "nonconn", "active" },
                                           { "scannable", "active" },
                                           { "connectable", "active" },
                                           { "high", "active" },
                                           { "nonconn", "initiating" },
                                           { "scannable", "initiating" },
                                           { "central", "nonconn" },
                                           { "central", "scannable" },
                                           { "peripheral", "nonconn" },
                                           { "peripheral", "scannable" },
                                           { "passive", "initiating" },
                                           { "active", "initiating" },
                                           { "central", "passive" },
                                           { "central", "active" },
                                           { "peripheral", "passive" },
                                           { "peripheral", "active" },
                                           { "central", "initiating" },
                                           { "low", "" },
                                           { "low", "passive" },
                                           { "low", "active" },
                                           { "connectable", "initiating" },
                                           { "high", "initiating" },
                                           { "low", "initiating" },
                                           { "central", "connectable" },
                                           { "central", "high" },
                                           { "central", "low" },
                                           { "peripheral", "connectable" },
                                           { "peripheral", "high" },
                                           { "peripheral", "low" },
                                           { "peripheral", "initiating" } };
    enum { BITS = sizeof bits / sizeof *bits };
    uint64_t n_reported = states_reported(V5_4);
    (void)state;
    assert_int_equal(BITS, 42);
    for (size_t k = 0; k < BITS; k++) {
        two(NULL, V5_4);
        bool both = enter(bits[k][0]) && (!*bits[k][1] || enter(bits[k][1]));
        if (both != (n_reported >> k & 1)) {
            print_error("bit %zu, %s and %s: %d\n", k, bits[k][0], bits[k][1], both);
            fail();
        }
        apart();
    }
    assert_int_equal(n_reported >> BITS, 0);
    assert_int_equal(states_reported(V4_0), n_reported & 0x1fffffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_those_of_the_version),
        cmocka_unit_test(no_other_commands),
        cmocka_unit_test(events_are_those_of_the_version),
        cmocka_unit_test(parameters_are_those_of_the_version),
        cmocka_unit_test(supported_states_are_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
