/* More LL control PDUs than a controller can queue at once: each of them leaves in the end, the
 * latest value of a power included, and what waits for one of them ends. */
#include "nodes.h"

enum { CIS_ESTABLISHED = 0x3e19, CIS_REQUEST = 0x3e1a, UPDATED = 0x3e03, POWER_REPORT = 0x3e21 };
enum { DISCONNECTED = 5 };

/* Two connected controllers that know each other's features. */
static void connect_nodes(void)
{
    nodes_connected(4, true);
    assert_int_equal(command(CENTRAL, 0x2016, "40 00"), 0);
    run_ms(300);
    forget();
}

/* Changes of power within one connection interval. */
static void change_power(int times)
{
    for (int n = 0; n < times; n++) {
        woad_air_move(w.n[CENTRAL].c, 0, 0, (int8_t)(-1 - n));
    }
}

static void powers_and_an_update(void **state)
{
    (void)state;
    for (int times = 1; times < 8; times++) {
        connect_nodes();
        assert_int_equal(command(PERIPHERAL, 0x207a, "40 00 00 01"), 0);
        run_ms(500);
        forget();
        change_power(times);
        assert_int_equal(command(CENTRAL, 0x2013, "40 00 28 00 28 00 00 00 64 00 00 00 00 00"), 0);
        run_ms(5000);
        for (int k = 0; k < 2; k++) {
            const uint8_t *e = event(k, UPDATED);
            assert_non_null(e);
            assert_int_equal(e[0], 0);
            assert_int_equal(e[3], 0x28);
            assert_int_equal(count(k, DISCONNECTED), 0);
        }
        int power = 0, change = 0;
        for (size_t n = 0; n < w.n[PERIPHERAL].logged; n++) {
            const uint8_t *b = w.n[PERIPHERAL].log[n].b;
            if (b[0] == 4 && b[1] == 0x3e && b[3] == (POWER_REPORT & 255)) {
                power = (int8_t)b[9];
                change += (int8_t)b[11];
            }
        }
        assert_int_equal(power, -times);
        assert_int_equal(change, -times); /* the sum of what each has reported */
        apart();
    }
}

/* The CIS is established; returns when both sides have said so. */
static void create_stream(void)
{
    assert_int_equal(command(CENTRAL, 0x2062,
                             "07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 01 01 28 00 00 00 01 01 00"
                             " 00"),
                     0);
    assert_int_equal(command(CENTRAL, 0x2064, "01 00 01 40 00"), 0);
    run_ms(300);
    assert_non_null(event(PERIPHERAL, CIS_REQUEST));
    assert_int_equal(command(PERIPHERAL, 0x2066, "00 01"), 0);
    run_ms(600);
    assert_int_equal(event(CENTRAL, CIS_ESTABLISHED)[0], 0);
    forget();
}

static void powers_and_the_end_of_a_stream(void **state)
{
    (void)state;
    for (int times = 1; times < 8; times++) {
        connect_nodes();
        create_stream();
        change_power(times);
        assert_int_equal(command(CENTRAL, 0x0406, "00 01 13"), 0);
        run_ms(2000);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(count(k, DISCONNECTED), 1);
            assert_int_equal(event(k, DISCONNECTED)[1] | event(k, DISCONNECTED)[2] << 8, 0x100);
        }
        apart();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_and_an_update),
        cmocka_unit_test(powers_and_the_end_of_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
