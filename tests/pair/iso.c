/* Isochronous streams, connected and broadcast: set-up, SDUs in time, loss, encryption and the end
 * of a stream, at HCI on all sides.  The cases bear the names of the Link Layer test suite where it
 * has them. */
#include "nodes.h"

enum { A = 0, B = 1, C = 2 };
enum {
    CIS_ESTABLISHED = 0x3e19,
    CIS_REQUEST = 0x3e1a,
    BIG_CREATED = 0x3e1b,
    BIG_ENDED = 0x3e1c,
    BIG_SYNC = 0x3e1d,
    BIG_LOST = 0x3e1e,
    BIG_INFO = 0x3e22
};

static void world(uint64_t seed, int16_t drift)
{
    nodes_begin(seed);
    for (int k = 0; k < 3; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 2,
                                                  .iso = 4,
                                                  .crypto = &woad_mbedtls,
                                                  .drift_ppm = (int16_t)(k ? -drift : drift) };
        node_add(k, &cfg);
        assert_int_equal(command(k, 0x2074, "20 01"), 0);
    }
}

/* Connects A as central to `peer`, with an interval of 20 ms. */
static void connect_both(int peer)
{
    char text[200];
    assert_int_equal(command(peer, 0x2036,
                             "01 13 00 20 00 00 20 00 00 07 00 00 00 00 00 00 00 00 "
                             "00 7f 01 00 01 00 00"),
                     0);
    assert_int_equal(command(peer, 0x2039, "01 01 01 00 00 00"), 0);
    snprintf(text, sizeof text,
             "00 00 00 %02x 02 03 04 05 06 01 10 00 10 00 10 00 10 00 00 00 64 "
             "00 00 00 00 00",
             peer + 1);
    assert_int_equal(command(A, 0x2043, text), 0);
    run_ms(300);
    assert_non_null(event(A, 0x3e0a));
    assert_non_null(event(peer, 0x3e0a));
    forget();
}

static void encrypt(void)
{
    assert_int_equal(command(A, 0x2019,
                             "40 00 00 00 00 00 00 00 00 00 00 00 01 02 03 04 05 06 07 "
                             "08 09 0a 0b 0c 0d 0e 0f 10"),
                     0);
    run_ms(100);
    assert_int_equal(command(B, 0x201a, "40 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10"),
                     0);
    run_ms(100);
    assert_non_null(event(A, 0x08));
    forget();
}

/* Configures CIG 7 with `n` CISes, one SDU of so many octets every 10 ms in each direction. */
static int group(unsigned n, unsigned out, unsigned back, unsigned phy, unsigned again)
{
    char text[300];
    int used = snprintf(text, sizeof text, "07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 %02x", n);
    for (unsigned k = 0; k < n; k++) {
        used += snprintf(text + used, sizeof text - (size_t)used,
                         " %02x %02x %02x %02x %02x %02x %02x %02x %02x", k + 1, out & 255,
                         out >> 8, back & 255, back >> 8, phy, phy, again, again);
    }
    return command(A, 0x2062, text);
}

/* Creates the first CIS with B. */
static void streaming(unsigned out, unsigned back, unsigned phy, unsigned again)
{
    assert_int_equal(group(1, out, back, phy, again), 0);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
    run_ms(300);
    const uint8_t *e = event(B, CIS_REQUEST);
    assert_non_null(e);
    assert_memory_equal(e, "\x40\x00\x00\x01\x07\x01", 6);
    assert_int_equal(command(B, 0x2066, "00 01"), 0);
    run_ms(600);
    for (int which = 0; which < 2; which++) {
        e = event(which, CIS_ESTABLISHED);
        assert_non_null(e);
        assert_int_equal(e[0], 0);
        assert_int_equal(e[26] | e[27] << 8, 8); /* 10 ms */
        assert_int_equal(count(which, CIS_ESTABLISHED), 1);
    }
    for (int which = 0; which < 2; which++) {
        bool sends = which == A ? out : back;
        bool receives = which == A ? back : out;
        assert_int_equal(command(which, 0x206e, "00 01 00 00 03 00 00 00 00 00 00 00 00"),
                         sends ? 0 : WOAD_HCI_COMMAND_DISALLOWED);
        assert_int_equal(command(which, 0x206e, "00 01 01 00 03 00 00 00 00 00 00 00 00"),
                         receives ? 0 : WOAD_HCI_COMMAND_DISALLOWED);
    }
    forget();
}

static uint8_t sdu_octet(unsigned n, size_t at)
{
    return (uint8_t)(at ? n * 3 + at : n);
}

/* Sends an SDU in as many HCI packets as necessary. */
static void send(int which, unsigned stream, unsigned n, size_t len)
{
    size_t at = 0;
    do {
        uint8_t p[300];
        size_t head = at ? 0 : 4;
        size_t part = len - at < 251 - head ? len - at : 251 - head;
        unsigned pb = at + part == len ? 3 : 1; /* a last, a continuing part */
        if (at == 0) {
            pb = part == len ? 2 : 0; /* whole, a first part */
        }
        p[0] = 5;
        p[1] = (uint8_t)stream;
        p[2] = (uint8_t)(1 | pb << 4);
        p[3] = (uint8_t)(head + part);
        p[4] = (uint8_t)((head + part) >> 8);
        if (!at) {
            p[5] = (uint8_t)n;
            p[6] = 0;
            p[7] = (uint8_t)len;
            p[8] = (uint8_t)(len >> 8);
        }
        for (size_t k = 0; k < part; k++) {
            p[5 + head + k] = sdu_octet(n, at + k);
        }
        assert_int_equal(woad_air_rx(w.n[which].c, p, 5 + head + part), 0);
        at += part;
    } while (at < len);
}

/* Returns how many complete SDUs of a stream have arrived, in order and unchanged; *lost: how many
 * were reported lost. */
static size_t arrived(int which, unsigned stream, size_t len, size_t *lost)
{
    size_t good = 0;
    int last = -1;
    *lost = 0;
    for (size_t k = 0; k < w.n[which].logged; k++) {
        const uint8_t *b = w.n[which].log[k].b;
        if (b[0] != 5 || b[1] != stream) {
            continue;
        }
        if (b[12] >> 6) {
            ++*lost;
            continue;
        }
        size_t n = w.n[which].log[k].len - 13u;
        assert_int_equal(n, len);
        assert_true(b[13] > last);
        last = b[13];
        for (size_t m = 0; m < n; m++) {
            assert_int_equal(b[13 + m], sdu_octet(b[13], m));
        }
        good++;
    }
    return good;
}

static size_t completed(int which)
{
    size_t n = 0;
    for (size_t k = 0; k < w.n[which].logged; k++) {
        const uint8_t *b = w.n[which].log[k].b;
        n += b[0] == 4 && b[1] == 0x13 && b[5] == 1 ? b[6] : 0u;
    }
    return n;
}

/* LL/CIS/CEN/BV-…, LL/CIS/PER/BV-…: both directions and one, every PHY, small SDUs and large ones,
 * encrypted and unencrypted: each SDU arrives within its interval. */
static void connected(void **state)
{
    static const struct {
        unsigned out, back, phy;
    } sorts[] = { { 120, 120, 2 }, { 40, 40, 1 }, { 250, 0, 2 },  { 0, 155, 1 },
                  { 252, 252, 2 }, { 20, 20, 4 }, { 100, 100, 2 } };
    (void)state;
    for (size_t k = 0; k < sizeof sorts / sizeof *sorts; k++) {
        for (int sealed = 0; sealed < 2; sealed++) {
            size_t lost;
            world(k, (int16_t)(k * 50));
            connect_both(B);
            if (sealed) {
                encrypt();
            }
            streaming(sorts[k].out, sorts[k].back, sorts[k].phy, 1);
            for (unsigned n = 0; n < 50; n++) {
                if (sorts[k].out) {
                    send(A, 0, n, sorts[k].out);
                }
                if (sorts[k].back) {
                    send(B, 0, n, sorts[k].back);
                }
                run_ms(10);
            }
            run_ms(40);
            if (sorts[k].out) {
                assert_int_equal(arrived(B, 0, sorts[k].out, &lost), 50);
                assert_int_equal(completed(A), sorts[k].out > 247 ? 100 : 50);
            }
            if (sorts[k].back) {
                assert_int_equal(arrived(A, 0, sorts[k].back, &lost), 50);
            }
            assert_int_equal(count(A, 0x05) + count(B, 0x05), 0);
            apart();
        }
    }
}

/* Retransmissions make up for loss within their limits; an SDU that is lost is reported as lost. */
static void connected_with_loss(void **state)
{
    struct woad_air_link link = { .loss_per_mille = 200 };
    size_t few, many, lost, lost_few;
    (void)state;
    for (int again = 0; again < 2; again++) {
        world(9, 50);
        connect_both(B);
        streaming(60, 60, 2, again ? 5 : 0);
        w.around.link = &link;
        w.around.links = 1;
        for (unsigned n = 0; n < 120; n++) {
            send(A, 0, n, 60);
            run_ms(10);
        }
        run_ms(40);
        size_t good = arrived(B, 0, 60, &lost);
        assert_int_equal(completed(A), 120);
        assert_in_range(good + lost, 118, 126);
        *(again ? &many : &few) = good;
        lost_few = again ? lost_few : lost;
        apart();
    }
    assert_in_range(few, 75, 110);
    assert_in_range(many, 117, 120);
    assert_true(lost_few > 10);
}

/* Two CISes of a CIG, each with another peer. */
static void group_of_two(void **state)
{
    size_t lost;
    (void)state;
    world(3, 0);
    connect_both(B);
    connect_both(C);
    assert_int_equal(group(2, 60, 60, 2, 2), 0);
    assert_int_equal(command(A, 0x2064, "02 00 01 40 00 01 01 41 00"), 0);
    run_ms(300);
    assert_int_equal(command(B, 0x2066, "00 01"), 0);
    assert_int_equal(command(C, 0x2066, "00 01"), 0);
    run_ms(1000);
    assert_int_equal(count(A, CIS_ESTABLISHED), 2);
    assert_int_equal(event(B, CIS_ESTABLISHED)[0] | event(C, CIS_ESTABLISHED)[0], 0);
    assert_int_equal(command(A, 0x2065, "07"), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(A, 0x206e, "00 01 00 00 03 00 00 00 00 00 00 00 00"), 0);
    assert_int_equal(command(A, 0x206e, "01 01 00 00 03 00 00 00 00 00 00 00 00"), 0);
    assert_int_equal(command(B, 0x206e, "00 01 01 00 03 00 00 00 00 00 00 00 00"), 0);
    assert_int_equal(command(C, 0x206e, "00 01 01 00 03 00 00 00 00 00 00 00 00"), 0);
    forget();
    for (unsigned n = 0; n < 50; n++) {
        send(A, 0, n, 60);
        send(A, 1, n, 50);
        run_ms(10);
    }
    run_ms(40);
    assert_in_range(arrived(B, 0, 60, &lost), 49, 50);
    assert_in_range(arrived(C, 0, 50, &lost), 49, 50);
    apart();
}

/* LL/CIS/…/BI: the peer's host rejects the CIS, has not enabled CISes, or does not answer; the CIS
 * ends with its connection. */
static void not_to_be(void **state)
{
    (void)state;
    world(1, 0);
    connect_both(B);
    assert_int_equal(group(1, 60, 60, 2, 2), 0);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), WOAD_HCI_COMMAND_DISALLOWED);
    run_ms(300);
    assert_int_equal(command(B, 0x2067, "00 01 0d"), 0);
    assert_int_equal(command(B, 0x2067, "00 01 0d"), WOAD_HCI_UNKNOWN_CONNECTION);
    assert_int_equal(command(B, 0x2066, "00 01"), WOAD_HCI_UNKNOWN_CONNECTION);
    run_ms(300);
    assert_int_equal(event(A, CIS_ESTABLISHED)[0], 0x0d);
    assert_null(event(B, CIS_ESTABLISHED));
    forget();
    /* the host does not get LE CIS Request */
    assert_int_equal(command(B, 0x2001, "ff ff ff f9 ff 1f 00 00"), 0);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
    run_ms(300);
    assert_int_equal(event(A, CIS_ESTABLISHED)[0], WOAD_HCI_UNSUPPORTED_REMOTE);
    forget();
    assert_int_equal(command(B, 0x2001, "ff ff ff ff ff 1f 00 00"), 0);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
    run_ms(300);
    assert_non_null(event(B, CIS_REQUEST));
    assert_int_equal(command(A, 0x0406, "40 00 13"), 0);
    run_ms(300);
    assert_non_null(event(A, CIS_ESTABLISHED));
    assert_true(event(A, CIS_ESTABLISHED)[0] != 0);
    assert_int_equal(command(B, 0x2066, "00 01"), WOAD_HCI_UNKNOWN_CONNECTION);
    assert_int_equal(command(A, 0x2065, "07"), 0);
    assert_int_equal(command(A, 0x2065, "07"), WOAD_HCI_UNKNOWN_CONNECTION);
    apart();
    /* No answer: the connection ends after 40 s, and the CIS with it. */
    world(1, 0);
    connect_both(B);
    assert_int_equal(group(1, 60, 60, 2, 2), 0);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
    run_ms(39900);
    assert_null(event(A, 0x05));
    run_ms(500);
    assert_int_equal(event(A, 0x05)[3], WOAD_HCI_LL_RESPONSE_TIMEOUT);
    assert_int_equal(event(A, CIS_ESTABLISHED)[0], WOAD_HCI_LL_RESPONSE_TIMEOUT);
    apart();
}

/* LL/CIS/…: a CIS ends by either side and the connection stays; a CIS ends with its connection; a
 * CIS is lost. */
static void ended(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        world(2, 0);
        connect_both(B);
        streaming(60, 60, 2, 2);
        send(A, 0, 1, 60);
        send(A, 0, 2, 60);
        if (how < 2) {
            assert_int_equal(command(how, 0x0406, "00 01 13"), 0);
        } else if (how == 2) {
            assert_int_equal(command(A, 0x0406, "40 00 13"), 0);
        } else {
            woad_air_move(w.n[B].c, 900000000, 0, 0);
        }
        run_ms(1500);
        for (int which = 0; which < 2; which++) {
            const uint8_t *e = event(which, 0x05);
            assert_non_null(e);
            assert_memory_equal(e, "\x00\x00\x01", 3);
            int reason = WOAD_HCI_REMOTE_USER_TERMINATED;
            if (how == 3) {
                reason = WOAD_HCI_CONNECTION_TIMEOUT;
            } else if (which == (how & 1)) {
                reason = WOAD_HCI_LOCAL_HOST_TERMINATED;
            }
            assert_int_equal(e[3], reason);
            assert_int_equal(count(which, 0x05), how < 2 ? 1 : 2);
        }
        assert_int_equal(completed(A), 2);
        if (how < 2) { /* and connect again */
            forget();
            assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
            run_ms(300);
            assert_int_equal(command(B, 0x2066, "00 01"), 0);
            run_ms(600);
            assert_int_equal(event(A, CIS_ESTABLISHED)[0] | event(B, CIS_ESTABLISHED)[0], 0);
        }
        apart();
    }
}

static void refused(void **state)
{
    (void)state;
    world(1, 0);
    assert_int_equal(group(1, 503, 60, 2, 2), WOAD_HCI_UNSUPPORTED);
    /* takes longer than the interval of 10 ms */
    assert_int_equal(group(1, 400, 400, 4, 2), WOAD_HCI_UNSUPPORTED);
    assert_int_equal(group(5, 10, 10, 2, 2), WOAD_HCI_MEMORY_EXCEEDED);
    assert_int_equal(group(1, 60, 60, 8, 2), WOAD_HCI_UNSUPPORTED);
    assert_int_equal(group(1, 60, 60, 2, 31), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(A, 0x2062, "07 10 27 00 10 27 00 00 00 01 0a 00 0a 00 00"),
                     WOAD_HCI_UNSUPPORTED); /* framed PDUs */
    assert_int_equal(command(A, 0x2062, "07 10 27 00 10 27 00 00 00 00 0a 00 0a 00 01"),
                     WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), WOAD_HCI_UNKNOWN_CONNECTION);
    assert_int_equal(command(A, 0x206e, "00 01 00 00 03 00 00 00 00 00 00 00 00"),
                     WOAD_HCI_UNKNOWN_CONNECTION);
    assert_int_equal(command(A, 0x2060, ""), 0);
    connect_both(B);
    streaming(60, 60, 2, 2);
    assert_int_equal(command(A, 0x206e, "00 01 00 00 03 00 00 00 00 00 00 00 00"),
                     WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(A, 0x206f, "00 01 04"), WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(A, 0x206f, "00 01 03"), 0);
    assert_int_equal(command(A, 0x206f, "00 01 01"), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(A, 0x2061, "00 01"), 0);
    /* Invalid packets have no effect. */
    assert_int_equal(command(A, 0x206e, "00 01 00 00 03 00 00 00 00 00 00 00 00"), 0);
    assert_int_equal(woad_air_rx(w.n[A].c, (const uint8_t *)"\5\0\x21\5\0\0\0\3\0a", 10), -74);
    assert_int_equal(woad_air_rx(w.n[A].c, (const uint8_t *)"\5\0\x21\6\0\0\0\1\0ab", 11), -74);
    assert_int_equal(woad_air_rx(w.n[A].c, (const uint8_t *)"\5\0\x31\1\0a", 6), -74);
    assert_int_equal(woad_air_rx(w.n[A].c, (const uint8_t *)"\5\0\x21\2\0\0\0", 7), -74);
    assert_int_equal(woad_air_rx(w.n[A].c, (const uint8_t *)"\5\0\x21\x09\0\0\0", 7), -74);
    run_ms(100);
    apart();
}

/* --- broadcast -------------------------------------------------------------------------------- */

/* A sends set 5, SID 9, with a train every 100 ms; B and C synchronise to the train. */
static void broadcasting(unsigned streams, unsigned len, unsigned phy, unsigned again)
{
    char text[200];
    assert_int_equal(command(A, 0x2036,
                             "05 00 00 a0 00 00 a0 00 00 07 00 00 00 00 00 00 00 00 00 "
                             "7f 01 00 01 09 00"),
                     0);
    assert_int_equal(command(A, 0x203e, "05 50 00 50 00 00 00"), 0);
    assert_int_equal(command(A, 0x2040, "01 05"), 0);
    assert_int_equal(command(A, 0x2039, "01 01 05 00 00 00"), 0);
    snprintf(text, sizeof text,
             "03 05 %02x 10 27 00 %02x %02x 0a 00 %02x %02x 00 00 00 00 00 00 "
             "00 00 00 00 00 00 00 00 00 00 00 00 00",
             streams, len & 255, len >> 8, again, phy);
    assert_int_equal(command(A, 0x2068, text), 0);
    const uint8_t *e = event(A, BIG_CREATED);
    assert_non_null(e);
    assert_int_equal(e[0], 0);
    assert_int_equal(e[17], streams);
    for (int which = B; which <= C; which++) {
        assert_int_equal(command(which, 0x2044, "00 09 00 01 02 03 04 05 06 00 00 64 00 00"), 0);
        assert_int_equal(command(which, 0x2041, "00 00 01 00 50 00 50 00"), 0);
        assert_int_equal(command(which, 0x2042, "01 00 00 00 00 00"), 0);
    }
    run_ms(2000);
    for (int which = B; which <= C; which++) {
        assert_int_equal(event(which, 0x3e0e)[0], 0);
        assert_int_equal(command(which, 0x2042, "00 00 00 00 00 00"), 0);
        e = event(which, BIG_INFO);
        assert_non_null(e);
        assert_int_equal(e[2], streams);
        assert_int_equal(e[4] | e[5] << 8, 8);
        assert_int_equal(e[14] | e[15] << 8, len);
    }
    assert_int_equal(command(A, 0x2039, "00 01 05 00 00 00"), 0);
    forget();
}

static void listen(int which, const char *streams)
{
    char text[200];
    snprintf(text, sizeof text,
             "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 64 "
             "00 %s",
             streams);
    assert_int_equal(command(which, 0x206b, text), 0);
    run_ms(500);
    const uint8_t *e = event(which, BIG_SYNC);
    assert_non_null(e);
    assert_int_equal(e[0], 0);
    assert_int_equal(e[1], 2);
    for (unsigned k = 0; k < e[13]; k++) {
        snprintf(text, sizeof text, "%02x 01 01 00 03 00 00 00 00 00 00 00 00", e[14 + 2 * k]);
        assert_int_equal(command(which, 0x206e, text), 0);
    }
}

/* LL/BIS/BRD/BV-…, LL/BIS/SNC/BV-…: every PHY, one BIS and more, small SDUs and large ones; a
 * receiver may select some of the BISes. */
static void broadcast(void **state)
{
    static const struct {
        unsigned streams, len, phy;
    } sorts[] = { { 1, 120, 2 }, { 2, 100, 2 }, { 2, 40, 1 },
                  { 1, 480, 2 }, { 1, 30, 4 },  { 3, 60, 2 } };
    (void)state;
    for (size_t k = 0; k < sizeof sorts / sizeof *sorts; k++) {
        size_t lost;
        unsigned last = sorts[k].streams - 1;
        world(k, (int16_t)(k * 40));
        broadcasting(sorts[k].streams, sorts[k].len, sorts[k].phy, 1);
        static const char *const streams[] = { [1] = "01 01", [2] = "02 01 02", [3] = "02 01 03" };
        listen(B, streams[sorts[k].streams]);
        listen(C, sorts[k].streams == 1 ? "01 01" : "01 02");
        for (unsigned n = 0; n <= last; n++) {
            char text[60];
            snprintf(text, sizeof text, "%02x 01 00 00 03 00 00 00 00 00 00 00 00", n);
            assert_int_equal(command(A, 0x206e, text), 0);
        }
        forget();
        for (unsigned n = 0; n < 50; n++) {
            for (unsigned s = 0; s <= last; s++) {
                send(A, s, n, sorts[k].len);
            }
            run_ms(10);
        }
        run_ms(40);
        assert_int_equal(completed(A), 50 * sorts[k].streams * (sorts[k].len > 247 ? 2 : 1));
        assert_in_range(arrived(B, 0, sorts[k].len, &lost), 49, 50);
        assert_in_range(lost, 0, 6);
        if (last) {
            assert_in_range(arrived(B, 1, sorts[k].len, &lost), 49, 50);
        }
        assert_in_range(arrived(C, 0, sorts[k].len, &lost), 49, 50);
        apart();
    }
}

/* Repetitions make up for loss. */
static void broadcast_with_loss(void **state)
{
    struct woad_air_link link = { .loss_per_mille = 200 };
    size_t got[2], lost;
    (void)state;
    for (int again = 0; again < 2; again++) {
        world(5, 20);
        broadcasting(1, 100, 2, again ? 4 : 0);
        listen(B, "01 01");
        assert_int_equal(command(A, 0x206e, "00 01 00 00 03 00 00 00 00 00 00 00 00"), 0);
        w.around.link = &link;
        w.around.links = 1;
        forget();
        for (unsigned n = 0; n < 120; n++) {
            send(A, 0, n, 100);
            run_ms(10);
        }
        got[again] = arrived(B, 0, 100, &lost);
        assert_in_range(got[again] + lost, 118, 122);
        apart();
    }
    assert_in_range(got[0], 80, 110);
    assert_in_range(got[1], 116, 120);
}

/* LL/BIS/…: the broadcaster ends its BIG: receivers get the reason.  It vanishes: the BIG is lost
 * after the timeout.  A receiver ends its own sync, or cancels one that is not established. */
static void broadcast_ended(void **state)
{
    (void)state;
    world(1, 0);
    broadcasting(2, 60, 2, 1);
    listen(B, "02 01 02");
    listen(C, "01 02");
    assert_int_equal(command(C, 0x206c, "02"), 0);
    assert_int_equal(command(C, 0x206c, "02"), 0x42);
    forget();
    assert_int_equal(command(A, 0x206a, "03 15"), 0);
    assert_int_equal(command(A, 0x206a, "03 15"), WOAD_HCI_COMMAND_DISALLOWED);
    run_ms(300);
    assert_memory_equal(event(A, BIG_ENDED), "\x03\x15", 2);
    assert_non_null(event(B, BIG_LOST));
    assert_memory_equal(event(B, BIG_LOST), "\x02\x15", 2);
    assert_int_equal(count(B, BIG_LOST), 1);
    assert_null(event(C, BIG_LOST));
    forget();
    assert_int_equal(command(B, 0x206b,
                             "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                             "00 00 64 00 01 01"),
                     0);
    run_ms(1000);
    assert_null(event(B, BIG_SYNC));
    assert_int_equal(command(B, 0x206c, "02"), 0);
    assert_int_equal(event(B, BIG_SYNC)[0], 0x44);
    apart();
    world(1, 0);
    broadcasting(1, 60, 2, 1);
    listen(B, "01 01");
    woad_air_move(w.n[A].c, 900000000, 0, 0);
    run_ms(950);
    assert_null(event(B, BIG_LOST));
    run_ms(200);
    assert_memory_equal(event(B, BIG_LOST), "\x02\x08", 2);
    apart();
}

static void broadcast_refused(void **state)
{
    (void)state;
    world(1, 0);
    broadcasting(1, 60, 2, 1);
    assert_int_equal(command(A, 0x2068,
                             "03 05 01 10 27 00 3c 00 0a 00 01 02 00 00 00 00 00 00 00 "
                             "00 00 00 00 00 00 00 00 00 00 00 00"),
                     WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(A, 0x2068,
                             "04 06 01 10 27 00 3c 00 0a 00 01 02 00 00 00 00 00 00 00 "
                             "00 00 00 00 00 00 00 00 00 00 00 00"),
                     0x42);
    assert_int_equal(command(A, 0x2068,
                             "04 05 00 10 27 00 3c 00 0a 00 01 02 00 00 00 00 00 00 00 "
                             "00 00 00 00 00 00 00 00 00 00 00 00"),
                     WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(A, 0x2068,
                             "04 05 01 10 27 00 3c 00 0a 00 01 02 00 00 00 00 00 00 00 "
                             "00 00 00 00 00 00 00 00 00 00 00 00"),
                     0x42); /* each train has one BIG at most */
    assert_int_equal(command(A, 0x206a, "09 15"), 0x42);
    assert_int_equal(command(A, 0x206c, "03"), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(B, 0x206b,
                             "02 03 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                             "00 00 64 00 01 01"),
                     0x42);
    assert_int_equal(command(B, 0x206b,
                             "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                             "00 00 64 00 02 02 01"),
                     WOAD_HCI_INVALID_PARAMETERS);
    /* A BIS index that the BIG does not have. */
    assert_int_equal(command(B, 0x206b,
                             "02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
                             "00 00 64 00 01 02"),
                     0);
    run_ms(500);
    assert_int_equal(event(B, BIG_SYNC)[0], WOAD_HCI_UNSUPPORTED_LL_PARAMETERS);
    assert_int_equal(command(A, 0x206a, "03 16"), 0);
    run_ms(300);
    assert_int_equal(command(A, 0x2068,
                             "04 05 01 10 27 00 3c 00 0a 00 01 02 00 00 01 00 00 00 00 "
                             "00 00 00 00 00 00 00 00 00 00 00 00"),
                     WOAD_HCI_UNSUPPORTED);
    assert_int_equal(command(A, 0x2068,
                             "04 05 09 10 27 00 3c 00 0a 00 00 02 00 00 00 00 00 00 00 "
                             "00 00 00 00 00 00 00 00 00 00 00 00"),
                     WOAD_HCI_MEMORY_EXCEEDED);
    apart();
}

/* The host cancels a CIS before the peer answers, and removes its CIG: the connection goes on.
 * 5.1.15 */
static void called_off_and_removed(void **state)
{
    (void)state;
    world(4, 0);
    connect_both(B);
    assert_int_equal(group(2, 100, 100, 1, 1), 0);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
    run_ms(100);
    assert_non_null(event(B, CIS_REQUEST));
    assert_int_equal(command(A, 0x0406, "00 01 13"), 0);
    assert_int_equal(command(A, 0x2065, "07"), 0);
    assert_int_equal(command(B, 0x2066, "00 01"), 0);
    run_ms(45000);
    assert_null(event(A, 0x05));
    assert_null(event(B, 0x05));
    assert_int_equal(event(A, CIS_ESTABLISHED)[0], 0x44);
    assert_int_equal(event(B, CIS_ESTABLISHED)[0], 0x44);
    forget();
    streaming(100, 100, 1, 1);
    apart();
}

/* The connection of a pending CIS ends: this has no effect on another CIS, on the next
 * connection. */
static void called_off_and_disconnected(void **state)
{
    (void)state;
    world(4, 0);
    connect_both(B);
    assert_int_equal(group(2, 100, 100, 1, 1), 0);
    assert_int_equal(command(A, 0x2064, "01 00 01 40 00"), 0);
    run_ms(100);
    assert_int_equal(command(A, 0x0406, "00 01 13"), 0);
    assert_int_equal(command(A, 0x0406, "40 00 13"), 0);
    run_ms(500);
    connect_both(B);
    assert_int_equal(command(A, 0x2064, "01 01 01 40 00"), 0);
    run_ms(100);
    assert_non_null(event(B, CIS_REQUEST));
    assert_int_equal(command(B, 0x2066, "00 01"), 0);
    run_ms(600);
    assert_non_null(event(A, CIS_ESTABLISHED));
    assert_int_equal(event(A, CIS_ESTABLISHED)[0], 0);
    assert_memory_equal(event(A, CIS_ESTABLISHED) + 1, "\x01\x01", 2);
    apart();
}

/* The last fragment of an SDU is missing: the next SDU is sent normally, and all buffers are
 * returned.  Vol 4, Part E, 5.4.5 */
static void part_of_an_sdu(void **state)
{
    size_t lost;
    (void)state;
    world(4, 0);
    connect_both(B);
    streaming(100, 100, 1, 1);
    for (unsigned n = 0; n < 6; n++) {
        uint8_t first[59] = { 5, 0, 1, 54, 0, (uint8_t)n, 0, 100 };
        assert_int_equal(woad_air_rx(w.n[A].c, first, sizeof first), 0);
        if (n & 1) {
            assert_int_equal(command(A, 0x206f, "00 01 01"), 0); /* removes the data path */
            assert_int_equal(command(A, 0x206e, "00 01 00 00 03 00 00 00 00 00 00 00 00"), 0);
        }
        send(A, 0x100, n, 100);
        run_ms(30);
    }
    assert_int_equal(arrived(B, 0x100 & 255, 100, &lost), 6);
    assert_int_equal(completed(A), 12);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connected),
        cmocka_unit_test(connected_with_loss),
        cmocka_unit_test(group_of_two),
        cmocka_unit_test(not_to_be),
        cmocka_unit_test(ended),
        cmocka_unit_test(refused),
        cmocka_unit_test(broadcast),
        cmocka_unit_test(broadcast_with_loss),
        cmocka_unit_test(broadcast_ended),
        cmocka_unit_test(broadcast_refused),
        cmocka_unit_test(called_off_and_removed),
        cmocka_unit_test(part_of_an_sdu),
        cmocka_unit_test(called_off_and_disconnected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
