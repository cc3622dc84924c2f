/* While encryption is started, neither side may send other PDUs than those of Vol 6, Part B,
 * 5.1.3.1: what the host asks for meanwhile waits, and the connection lives. */
#include "links.h"

static const char encrypt[] = "40 00 01 02 03 04 05 06 07 08 34 12 "
                              "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";
static const char key[] = "40 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";

enum { NOTHING, PAST_PERIPHERAL, PAST_CENTRAL, POWER_PERIPHERAL, POWER_CENTRAL, WAYS };
static const char *const names[] = { "nothing", "PAST by the peripheral", "PAST by the central",
                                     "power of the peripheral", "power of the central" };

static void begin(void)
{
    links_begin(2, 2);
    for (int k = 0; k < 2; k++) {
        periodic_adv(k, 24);
    }
    connect_to(0, 1, 24, 500);
    assert_int_equal(command(0, 0x2016, "40 00"), 0); /* features */
    run_ms(500);
    assert_int_equal(command(1, 0x2016, "40 00"), 0);
    run_ms(500);
    forget();
}

static void one(int way)
{
    begin();
    assert_int_equal(command(0, 0x2019, encrypt), 0);
    for (int n = 0; n < 300 && !event(1, 0x3e05); n++) {
        run_ms(1);
    }
    assert_non_null(event(1, 0x3e05));
    run_ms(100); /* the host looks for the key */
    int status = 0;
    switch (way) {
    case PAST_PERIPHERAL: status = command(1, 0x205b, "40 00 34 12 05"); break;
    case PAST_CENTRAL: status = command(0, 0x205b, "40 00 34 12 05"); break;
    case POWER_PERIPHERAL: woad_air_move(w.n[1].c, 1000, 0, 8); break;
    case POWER_CENTRAL: woad_air_move(w.n[0].c, 0, 0, 8); break;
    default: break;
    }
    run_ms(100);
    (void)status; /* a refusal would do, too */
    bool lost = event(0, DISCONNECTED) || event(1, DISCONNECTED);
    if (!lost) {
        assert_int_equal(command(1, 0x201a, key), 0);
        run_ms(1000);
    }
    for (int k = 0; k < 2; k++) {
        const uint8_t *e = event(k, DISCONNECTED);
        printf("%s (status %d), controller %d: encryption %zu, disconnected %zu (%#x)\n",
               names[way], status, k, count(k, 0x08), count(k, DISCONNECTED), e ? e[3] : 0);
    }
    assert_null(event(0, DISCONNECTED));
    assert_null(event(1, DISCONNECTED));
    assert_non_null(event(0, 0x08));
    assert_int_equal(event(0, 0x08)[0], 0);
    apart();
}

static void nothing(void **state)
{
    (void)state;
    one(NOTHING);
}
static void past_peripheral(void **state)
{
    (void)state;
    one(PAST_PERIPHERAL);
}
static void past_central(void **state)
{
    (void)state;
    one(PAST_CENTRAL);
}
static void power_peripheral(void **state)
{
    (void)state;
    one(POWER_PERIPHERAL);
}
static void power_central(void **state)
{
    (void)state;
    one(POWER_CENTRAL);
}

/* The central's host answers LE Remote Connection Parameter Request after it has asked for
 * encryption. */
static void answer(bool accept, bool at_once)
{
    begin();
    assert_int_equal(command(1, 0x2013, "40 00 0c 00 0c 00 00 00 f4 01 00 00 00 00"), 0);
    for (int n = 0; n < 300 && !event(0, 0x3e06); n++) {
        run_ms(1);
    }
    assert_non_null(event(0, 0x3e06));
    assert_int_equal(command(0, 0x2019, encrypt), 0);
    for (int n = 0; n < 300 && !event(1, 0x3e05) && !at_once; n++) {
        run_ms(1);
    }
    run_ms(at_once ? 0 : 100);
    int status = accept ? command(0, 0x2020, "40 00 0c 00 0c 00 00 00 f4 01 00 00 00 00")
                        : command(0, 0x2021, "40 00 3b");
    run_ms(100);
    if (!event(0, DISCONNECTED) && !event(1, DISCONNECTED)) {
        assert_int_equal(command(1, 0x201a, key), 0);
        run_ms(1500);
    }
    for (int k = 0; k < 2; k++) {
        const uint8_t *e = event(k, DISCONNECTED);
        printf("parameters %s (status %d), controller %d: encryption %zu, update %zu, "
               "disconnected %zu (%#x)\n",
               accept ? at_once ? "accepted at once" : "accepted" : "refused", status, k,
               count(k, 0x08), count(k, 0x3e03), count(k, DISCONNECTED), e ? e[3] : 0);
    }
    assert_null(event(0, DISCONNECTED));
    assert_null(event(1, DISCONNECTED));
    assert_non_null(event(1, 0x3e03));
    apart();
}

static void params_accepted(void **state)
{
    (void)state;
    answer(true, false);
}
static void params_accepted_at_once(void **state)
{
    (void)state;
    answer(true, true);
}
static void params_refused(void **state)
{
    (void)state;
    answer(false, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing),          cmocka_unit_test(past_peripheral),
        cmocka_unit_test(past_central),     cmocka_unit_test(params_accepted),
        cmocka_unit_test(params_refused),   cmocka_unit_test(params_accepted_at_once),
        cmocka_unit_test(power_peripheral), cmocka_unit_test(power_central),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
