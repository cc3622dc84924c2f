/* The host asks for the packet time that the slowest supported PHY needs. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_link_control, NULL };

enum { DEFAULT_LENGTH = 0x2024, SET_LENGTH = 0x2022 };

static unsigned time_of(unsigned opcode, size_t at)
{
    for (size_t n = 0; n < solo.commands; n++) {
        if (solo.command[n].opcode == opcode) {
            return solo.command[n].params[at] | solo.command[n].params[at + 1] * 256u;
        }
    }
    return 0;
}

/* Boots a controller with these LE features that has LE Write Suggested Default Data Length. */
static void boot(bool coded)
{
    struct woad_config config = solo_config(features);
    solo.supported_commands[34] = 1;
    solo.le_features[1] = coded ? 8 : 0;
    config.event = solo_event;
    solo.acl_len = 251;
    solo.acl_count = 4;
    solo.memory = malloc(woad_size(&config));
    solo.h = woad_init(solo.memory, woad_size(&config), &config);
    woad_start(solo.h);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_UP), 1);
}

/* 251 octets on the coded PHY take 17,040 us, 27 take 2,704; on 1M 2,120 and 328.  Vol 6, Part
 * B, 4.5.10 */
static void time_is_of_the_slowest_phy(void **state)
{
    (void)state;
    for (int coded = 0; coded < 2; coded++) {
        boot(coded);
        assert_int_equal(time_of(DEFAULT_LENGTH, 2), coded ? 17040 : 2120);
        solo_connected(SOLO_HANDLE, true, 9);
        assert_int_equal(woad_link_set_data_length(solo.h, solo.conn[0], 251), 0);
        solo_pump();
        assert_int_equal(time_of(SET_LENGTH, 4), coded ? 17040 : 2120);
        solo_forget();
        assert_int_equal(woad_link_set_data_length(solo.h, solo.conn[0], 27), 0);
        solo_pump();
        assert_int_equal(time_of(SET_LENGTH, 4), coded ? 2704 : 328);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(time_is_of_the_slowest_phy) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
