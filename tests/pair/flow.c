/* Edge cases of credits in both directions.  Vol 4, Part E, 4.1, 4.2, 7.3.38, 7.7.19, 7.7.26 */
#include "joined.h"

/* Flow control to the host is on, but the host has not sent Host Buffer Size: the controller sends
 * all its packets, at the largest size. */
static void host_flow_control_without_host_buffer_size(void **state)
{
    static const uint8_t pdu[7] = { 3, 0, 4, 0, 10, 1, 0 };
    size_t len = 0;
    (void)state;
    nodes_begin(1);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 8192 };
        node_add(k, &cfg);
    }
    assert_int_equal(command(PERIPHERAL, 0x0c31, "01"), 0);
    connect_both(0);
    run_ms(300);
    data(CENTRAL, pdu, sizeof pdu);
    run_ms(300);
    const uint8_t *p = got_data(PERIPHERAL, &len);
    assert_non_null(p);
    assert_int_equal(len, sizeof pdu);
    assert_memory_equal(p, pdu, sizeof pdu);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_flow_control_without_host_buffer_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
