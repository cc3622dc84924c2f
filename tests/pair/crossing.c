/* Link-layer control procedures of both sides that cross: each one with each of the other side's,
 * at the same tick and a little later; each refused by every PDU that can refuse; and
 * disconnections during any of them. */
#include "joined.h"

static const char key[] = "40 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";

struct act {
    const char *name;
    unsigned opcode;
    const char *params;
    unsigned end_event; /* the event that ends the procedure; 0: none */
    uint8_t pdu[2];     /* the first PDU of the central, and of the peripheral */
};

static const struct act acts[] = {
    { "features", 0x2016, "40 00", 0x3e04, { 0x08, 0x0e } },
    { "version", 0x041d, "40 00", 0x0c, { 0x0c, 0x0c } },
    { "length", 0x2022, "40 00 40 00 00 10", 0x3e07, { 0x14, 0x14 } },
    { "PHY", 0x2032, "40 00 00 02 02 00 00", 0x3e0c, { 0x16, 0x16 } },
    { "parameters", 0x2013, "40 00 0c 00 0c 00 00 00 64 00 00 00 00 00", 0x3e03, { 0, 0x0f } },
    { "clock", 0x206d, "40 00", 0x3e1f, { 0x1d, 0x1d } },
    { "power", 0x2077, "40 00 01", 0x3e21, { 0x23, 0x23 } },
    { "subrate", 0x207e, "40 00 02 00 02 00 00 00 00 00 c8 00", 0x3e23, { 0, 0x26 } },
    /* the central alone may start these */
    { "channels", 0x2014, "ff ff ff 00 00", 0, { 0, 0 } },
    { "encryption",
      0x2019,
      "40 00 01 02 03 04 05 06 07 08 34 12 01 02 03 04 05 06 07 08 09 0a 0b "
      "0c 0d 0e 0f 10",
      0x08,
      { 0x03, 0 } },
    { "refresh",
      0x2019,
      "40 00 01 02 03 04 05 06 07 08 34 12 01 02 03 04 05 06 07 08 09 0a 0b "
      "0c 0d 0e 0f 10",
      0x30,
      { 0, 0 } },
};
enum {
    PARAMETERS = 4,
    SUBRATE = 7,
    EITHER = 8,
    ENCRYPTION = 9,
    REFRESH = 10,
    ACTS = sizeof acts / sizeof *acts
};

/* Runs for `ms`; the hosts answer the requests of their controllers. */
static void hosts(unsigned ms)
{
    size_t keys = count(PERIPHERAL, 0x3e05), params = count(CENTRAL, 0x3e06);
    for (unsigned n = 0; n < ms; n++) {
        run_ms(1);
        if (count(PERIPHERAL, 0x3e05) > keys) {
            keys++;
            command(PERIPHERAL, 0x201a, key); /* refused if the procedure has ended by now */
        }
        if (count(CENTRAL, 0x3e06) > params) {
            params++;
            command(CENTRAL, 0x2020, "40 00 0c 00 0c 00 00 00 64 00 00 00 00 00");
        }
    }
}

static void begin(size_t central)
{
    connect_knowing("01 00 0a 00 02 00 05 00 c8 00", 0);
    if (central == REFRESH) {
        assert_int_equal(command(CENTRAL, acts[REFRESH].opcode, acts[REFRESH].params), 0);
        hosts(300);
        assert_non_null(event(PERIPHERAL, 0x08));
    }
    forget();
}

/* Every procedure of the central crosses every one of the peripheral's: each side gets the end of
 * its own procedure, and the connection lives. */
static void each_with_each(void **state)
{
    (void)state;
    for (size_t a = 0; a < ACTS; a++) {
        for (size_t b = 0; b < EITHER; b++) {
            for (unsigned later = 0; later < 60; later += 7) {
                begin(a);
                assert_int_equal(command(CENTRAL, acts[a].opcode, acts[a].params), 0);
                hosts(later);
                int status = command(PERIPHERAL, acts[b].opcode, acts[b].params);
                hosts(1500);
                bool ok = !status && (!acts[a].end_event || event(CENTRAL, acts[a].end_event)) &&
                          event(PERIPHERAL, acts[b].end_event) && !event(CENTRAL, 0x05) &&
                          !event(PERIPHERAL, 0x05);
                if (!ok) {
                    fail_msg("%s with %s %u ms later", acts[a].name, acts[b].name, later);
                }
                bool once = acts[a].end_event != acts[b].end_event;
                assert_int_equal(once && acts[a].end_event ? count(CENTRAL, acts[a].end_event) : 1,
                                 1);
                assert_link();
                /* No state of a procedure is left: each can be started again. */
                assert_int_equal(command(PERIPHERAL, acts[b].opcode, acts[b].params), 0);
                hosts(500);
                assert_null(event(PERIPHERAL, 0x05));
                apart();
            }
        }
    }
}

/* The peer does not know a procedure or refuses it: LL_UNKNOWN_RSP, LL_REJECT_IND,
 * LL_REJECT_EXT_IND.  The host gets that error, the connection lives, and the procedure can be
 * started again. */
static void refused_in_every_form(void **state)
{
    (void)state;
    for (size_t a = 0; a < REFRESH; a++) {
        for (int which = 0; which < 2; which++) {
            uint8_t pdu = acts[a].pdu[which];
            for (int form = 0; pdu && form < 3; form++) {
                const char forms[3][3] = { { 0x07, (char)pdu },
                                           { 0x0d, 0x1f },
                                           { 0x11, (char)pdu, 0x1f } };
                begin(0);
                w.turn_opcode = pdu;
                assert_int_equal(command(which, acts[a].opcode, acts[a].params), 0);
                run_ms(50);
                w.turn_opcode = 0;
                inject(1 - which, forms[form], form == 2 ? 3 : 2);
                run_ms(100);
                const uint8_t *e = event(which, acts[a].end_event);
                if (a != 2) {
                    assert_non_null(e);
                    assert_int_equal(e[0], form ? 0x1f : WOAD_HCI_UNSUPPORTED_REMOTE);
                    assert_int_equal(count(which, acts[a].end_event), 1);
                }
                assert_link();
                assert_int_equal(command(which, acts[a].opcode, acts[a].params), 0);
                hosts(700);
                e = event(which, acts[a].end_event);
                assert_non_null(e);
                /* A version is exchanged only once. */
                if (a != 2) {
                    assert_int_equal(e[0], a == 1 ? WOAD_HCI_UNSUPPORTED_REMOTE : 0);
                }
                assert_link();
                apart();
            }
        }
    }
}

/* A peer of version 4.0: a procedure that it does not know ends with an error, or without harm. */
static void old_peers(void **state)
{
    static const uint64_t first = 1; /* encryption is its only feature */
    (void)state;
    for (size_t a = 0; a < REFRESH; a++) {
        for (int which = 0; which < 2; which++) {
            if (!acts[a].pdu[which]) {
                continue;
            }
            connect_with_features_at(which, first);
            assert_int_equal(command(which, acts[a].opcode, acts[a].params), 0);
            hosts(300);
            const uint8_t *e = event(which, acts[a].end_event);
            bool known = a == 1 || a == ENCRYPTION || (a == 0 && which == CENTRAL);
            if (a != 2 && a != 3) {
                assert_non_null(e);
                assert_int_equal(e[0], known ? 0 : WOAD_HCI_UNSUPPORTED_REMOTE);
            } else if (a == 2) {
                assert_null(e);
            }
            assert_link();
            apart();
        }
    }
}

/* A disconnection crosses any procedure.  Each side gets one event: 0x16 on the side that
 * disconnects, its reason on the other; if both disconnect, either. */
static void ends(void **state)
{
    (void)state;
    for (size_t a = 0; a < ACTS; a++) {
        for (int which = 0; which < 2; which++) {
            for (unsigned later = 0; later < 40; later += 3) {
                bool both = later % 2;
                begin(a);
                if (which == CENTRAL || a < EITHER) {
                    assert_int_equal(command(which, acts[a].opcode, acts[a].params), 0);
                }
                hosts(later);
                assert_int_equal(command(1 - which, 0x0406, "40 00 15"), 0);
                assert_int_equal(command(1 - which, 0x0406, "40 00 15"),
                                 WOAD_HCI_COMMAND_DISALLOWED);
                if (both) {
                    assert_int_equal(command(which, 0x0406, "40 00 13"), 0);
                }
                hosts(1200);
                for (int k = 0; k < 2; k++) {
                    assert_int_equal(count(k, 0x05), 1);
                    uint8_t reason = event(k, 0x05)[3];
                    if (!both) {
                        assert_int_equal(reason, k == which ? 0x15 : 0x16);
                    } else {
                        assert_true(reason == 0x16 || reason == (k == which ? 0x15 : 0x13));
                    }
                    assert_int_equal(command(k, 0x0406, "40 00 13"), WOAD_HCI_UNKNOWN_CONNECTION);
                }
                apart();
            }
        }
    }
}

/* The peripheral's host never answers the key request.  Each side gives up after 40 s, also if it
 * had a key before, and also if it has a request of its own pending. */
static void no_key_ever(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        begin(kind == 1 ? REFRESH : 0);
        uint64_t began = woad_air_now(w.air);
        assert_int_equal(command(CENTRAL, acts[ENCRYPTION].opcode, acts[ENCRYPTION].params), 0);
        if (kind == 2) {
            assert_int_equal(command(PERIPHERAL, 0x206d, "40 00"), 0);
        }
        while (!event(CENTRAL, 0x05) && woad_air_now(w.air) < began + 60000000) {
            run_ms(10);
        }
        assert_in_range(woad_air_now(w.air) - began, 39990000, 40200000);
        assert_int_equal(event(CENTRAL, 0x05)[3], WOAD_HCI_LL_RESPONSE_TIMEOUT);
        run_ms(1100);
        assert_non_null(event(PERIPHERAL, 0x05));
        assert_null(event(CENTRAL, 0x08));
        assert_null(event(PERIPHERAL, 0x08));
        apart();
    }
}

/* A request of the peripheral stays pending while the central starts encryption: without an answer
 * the link ends after 40 s. */
static void requested_before_it_was_encrypted(void **state)
{
    (void)state;
    begin(0);
    w.turn_opcode = 0x1d;
    uint64_t began = woad_air_now(w.air);
    assert_int_equal(command(PERIPHERAL, 0x206d, "40 00"), 0);
    run_ms(100);
    assert_int_equal(command(CENTRAL, acts[ENCRYPTION].opcode, acts[ENCRYPTION].params), 0);
    hosts(300);
    assert_non_null(event(PERIPHERAL, 0x08));
    while (!event(PERIPHERAL, 0x05) && woad_air_now(w.air) < began + 60000000) {
        run_ms(10);
    }
    assert_non_null(event(PERIPHERAL, 0x05));
    assert_int_equal(event(PERIPHERAL, 0x05)[3], WOAD_HCI_LL_RESPONSE_TIMEOUT);
    assert_in_range(woad_air_now(w.air) - began, 39990000, 40700000);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_with_each), cmocka_unit_test(refused_in_every_form),
        cmocka_unit_test(old_peers),      cmocka_unit_test(ends),
        cmocka_unit_test(no_key_ever),    cmocka_unit_test(requested_before_it_was_encrypted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
