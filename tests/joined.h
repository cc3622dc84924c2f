/* Two connected controllers without hosts; the test writes HCI commands and reads events. */
#ifndef WOAD_TESTS_JOINED_H
#define WOAD_TESTS_JOINED_H

#include "nodes.h"

/* Connects CENTRAL to PERIPHERAL: interval 10 ms, supervision timeout 1 s. */
static inline void connect_both(unsigned latency)
{
    char text[200];
    assert_int_equal(command(PERIPHERAL, 0x2006, "20 00 20 00 00 00 00 00 00 00 00 00 00 07 00"),
                     0);
    assert_int_equal(command(PERIPHERAL, 0x200a, "01"), 0);
    snprintf(text, sizeof text,
             "10 00 10 00 00 00 02 02 03 04 05 06 00 08 00 08 00 %02x 00 64 00 "
             "00 00 00 00",
             latency);
    assert_int_equal(command(CENTRAL, 0x200d, text), 0);
}

/* Creates two controllers with the given LE features (0: all) and connects them: 10 ms,
 * supervision timeout 1 s. */
static inline void connect_with_latency(uint64_t seed, uint64_t central, uint64_t peripheral,
                                        unsigned latency)
{
    nodes_begin(seed);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 8192,
                                                  .crypto = &woad_mbedtls,
                                                  .features = k == CENTRAL ? central : peripheral };
        node_add(k, &cfg);
    }
    connect_both(latency);
    run_ms(300);
    assert_non_null(event(CENTRAL, 0x3e0a));
    assert_non_null(event(PERIPHERAL, 0x3e0a));
    forget();
}

/* connect_with_latency() without latency. */
static inline void connect_with_features(uint64_t central, uint64_t peripheral)
{
    connect_with_latency(1, central, peripheral, 0);
}

/* Connects two controllers and exchanges their features.  `subrates`: NULL without subrating;
 * otherwise the parameters of LE Set Default Subrate for the central, "" for its default. */
static inline void connect_knowing(const char *subrates, unsigned latency)
{
    nodes_begin(4);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 8192,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
        assert_int_equal(command(k, 0x2074, subrates ? "26 01" : "26 00"), 0);
    }
    if (subrates && *subrates) {
        assert_int_equal(command(CENTRAL, 0x207d, subrates), 0);
    }
    connect_both(latency);
    run_ms(100);
    assert_int_equal(command(CENTRAL, 0x2016, "40 00"), 0);
    run_ms(200);
    assert_non_null(event(CENTRAL, 0x3e04));
    forget();
}

/* Asserts that the connection lasts and carries data both ways. */
static inline void assert_link(void)
{
    size_t len;
    forget();
    data(CENTRAL, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
    data(PERIPHERAL, (const uint8_t *)"\x02\x00\x04\x00\x0b\x07", 6);
    run_ms(300);
    assert_non_null(got_data(PERIPHERAL, &len));
    assert_int_equal(len, 7);
    assert_non_null(got_data(CENTRAL, &len));
    assert_int_equal(len, 6);
    assert_null(event(CENTRAL, 0x05));
    assert_null(event(PERIPHERAL, 0x05));
}

/* The same, with all features at one side, and these at the other: `central`, or not. */
static inline void connect_with_features_at(bool central, uint64_t features)
{
    if (central) {
        connect_with_features(features, 0);
    } else {
        connect_with_features(0, features);
    }
}

#endif
