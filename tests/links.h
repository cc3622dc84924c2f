/* Controllers with several activities at once: helpers that the tests of the arbiter share. */
#ifndef WOAD_TESTS_LINKS_H
#define WOAD_TESTS_LINKS_H

#include "nodes.h"

enum {
    DISCONNECTED = 0x05,
    CONNECTED = 0x3e0a,
    SYNC_ESTABLISHED = 0x3e0e,
    SYNC_LOST = 0x3e10,
    CIS_ESTABLISHED = 0x3e19,
    CIS_REQUEST = 0x3e1a,
    BIG_CREATED = 0x3e1b,
    BIG_SYNC_ESTABLISHED = 0x3e1d,
    BIG_SYNC_LOST = 0x3e1e
};

/* `n` controllers of version 5.4 with isochronous streams, a metre apart. */
static inline void links_begin(uint64_t seed, int n)
{
    nodes_begin(seed);
    for (int k = 0; k < n; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 4,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 3,
                                                  .iso = 8,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
        assert_int_equal(command(k, 0x2074, "20 01"), 0);
    }
}

/* Runs for `us` without rounding to milliseconds: real hosts are not in phase with each other. */
static inline void run_us(uint64_t us)
{
    uint64_t end = woad_air_now(w.air) + us;
    for (uint64_t at = woad_air_now(w.air); at < end;) {
        at = woad_air_next(w.air) < end ? woad_air_next(w.air) : end;
        woad_air_step(w.air, at);
        collect();
    }
}

/* Advertises by set 1, connectable, on the public address. */
static inline void advertise(int which)
{
    assert_int_equal(command(which, 0x2036,
                             "01 13 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 "
                             "00 7f 01 00 01 00 00"),
                     0);
    assert_int_equal(command(which, 0x2039, "01 01 01 00 00 00"), 0);
}

/* Connects `which` to `peer`: interval in 1.25 ms, supervision timeout in 10 ms. */
static inline void connect_to(int which, int peer, unsigned interval, unsigned timeout)
{
    char t[200];
    advertise(peer);
    snprintf(t, sizeof t,
             "00 00 00 %02x 02 03 04 05 06 01 10 00 10 00 %02x %02x %02x %02x 00 00 "
             "%02x %02x 00 00 00 00",
             peer + 1, interval & 255, interval >> 8, interval & 255, interval >> 8, timeout & 255,
             timeout >> 8);
    assert_int_equal(command(which, 0x2043, t), 0);
    for (int n = 0; n < 40 && !event(which, CONNECTED); n++) {
        run_ms(10);
    }
    assert_non_null(event(which, CONNECTED));
    run_ms(60);
    forget();
}

/* Configures a CIG of one CIS with the same SDU interval (us) both ways.  Returns the status. */
static inline int cig(unsigned interval, unsigned out, unsigned back, unsigned phy, unsigned again)
{
    char t[200];
    snprintf(t, sizeof t,
             "07 %02x %02x 00 %02x %02x 00 00 00 00 0a 00 0a 00 01 01 %02x 00 %02x 00 "
             "%02x %02x %02x %02x",
             interval & 255, interval >> 8, interval & 255, interval >> 8, out, back, phy, phy,
             again, again);
    return command(0, 0x2062, t);
}

/* Creates CIS 0x100 from controller 0 to `peer`, on connection 0x40. */
static inline void cis(int peer)
{
    assert_int_equal(command(0, 0x2064, "01 00 01 40 00"), 0);
    for (int n = 0; n < 100 && !event(peer, CIS_REQUEST); n++) {
        run_ms(10);
    }
    assert_int_equal(command(peer, 0x2066, "00 01"), 0);
    for (int n = 0; n < 100 && !event(0, CIS_ESTABLISHED); n++) {
        run_ms(10);
    }
    assert_non_null(event(0, CIS_ESTABLISHED));
    assert_int_equal(event(0, CIS_ESTABLISHED)[0], 0);
    run_ms(20);
    forget();
}

/* LE Setup ISO Data Path for output to the host; returns the status. */
static inline int data_path(int which, unsigned stream)
{
    char t[60];
    snprintf(t, sizeof t, "%02x 01 00 00 03 00 00 00 00 00 00 00 00", stream);
    return command(which, 0x206e, t);
}

/* Gives the controller an SDU of `len` zeros for a stream; returns as woad_air_rx(). */
static inline int send_sdu(int which, unsigned stream, unsigned len)
{
    uint8_t p[300] = { 5, (uint8_t)stream, 0x21, (uint8_t)(4 + len), 0, 0, 0, (uint8_t)len, 0 };
    return woad_air_rx(w.n[which].c, p, 9 + len);
}

/* Starts periodic advertising on set 5, SID 9, with 200 octets; interval in 1.25 ms. */
static inline void periodic_adv(int which, unsigned interval)
{
    char t[700];
    assert_int_equal(command(which, 0x2036,
                             "05 00 00 a0 00 00 a0 00 00 07 00 00 00 00 00 00 00 00 "
                             "00 7f 01 00 01 09 00"),
                     0);
    snprintf(t, sizeof t, "05 %02x %02x %02x %02x 00 00", interval & 255, interval >> 8,
             interval & 255, interval >> 8);
    assert_int_equal(command(which, 0x203e, t), 0);
    int n = snprintf(t, sizeof t, "05 03 c8");
    for (int k = 0; k < 200; k++) {
        n += snprintf(t + n, sizeof t - (size_t)n, " 00");
    }
    assert_int_equal(command(which, 0x203f, t), 0);
    assert_int_equal(command(which, 0x2040, "01 05"), 0);
    assert_int_equal(command(which, 0x2039, "01 01 05 00 00 00"), 0);
}

/* Synchronises `which` to the periodic advertising of `peer`, timeout 1 s. */
static inline void sync_to(int which, int peer)
{
    char t[60];
    snprintf(t, sizeof t, "00 09 00 %02x 02 03 04 05 06 00 00 64 00 00", peer + 1);
    assert_int_equal(command(which, 0x2044, t), 0);
    assert_int_equal(command(which, 0x2041, "00 00 01 00 50 00 50 00"), 0);
    assert_int_equal(command(which, 0x2042, "01 00 00 00 00 00"), 0);
    for (int n = 0; n < 200 && !event(which, SYNC_ESTABLISHED); n++) {
        run_ms(10);
    }
    assert_non_null(event(which, SYNC_ESTABLISHED));
    assert_int_equal(event(which, SYNC_ESTABLISHED)[0], 0);
    assert_int_equal(command(which, 0x2042, "00 00 00 00 00 00"), 0);
    forget();
}

/* Creates BIG 3 on set 5: SDU interval 10 ms, 2M PHY. */
static inline void big(int which, unsigned streams, unsigned len, unsigned again)
{
    char t[200];
    snprintf(t, sizeof t,
             "03 05 %02x 10 27 00 %02x 00 0a 00 %02x 02 00 00 00 00 00 00 00 00 00 00 "
             "00 00 00 00 00 00 00 00 00",
             streams, len, again);
    assert_int_equal(command(which, 0x2068, t), 0);
}

/* Runs for `ms` and asserts that no connection or sync is lost. */
static inline void nothing_lost(unsigned ms)
{
    for (unsigned n = 0; n < ms; n += 100) {
        run_ms(100);
        for (int k = 0; k < NODES; k++) {
            assert_null(event(k, DISCONNECTED));
            assert_null(event(k, SYNC_LOST));
            assert_null(event(k, BIG_SYNC_LOST));
        }
        forget();
    }
}

#endif
