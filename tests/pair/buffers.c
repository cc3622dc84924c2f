/* Full buffers on each of the four ways of data: host to controller and controller to host, and
 * both directions of the air.  Only what exceeds the buffers is lost, and an event reports that
 * loss. */
#include "joined.h"

enum { COMPLETED = 0x13, OVERFLOW = 0x1a };

static size_t completed(int which)
{
    size_t n = 0;
    for (size_t k = 0; k < w.n[which].logged; k++) {
        const uint8_t *b = w.n[which].log[k].b;
        n += b[0] == 4 && b[1] == COMPLETED ? b[6] | (unsigned)b[7] << 8 : 0u;
    }
    return n;
}

static void packet(int which, unsigned n, size_t len)
{
    uint8_t p[251];
    memset(p, (int)n, sizeof p);
    p[0] = (uint8_t)(len - 4);
    p[1] = 0;
    data(which, p, len);
}

/* Returns how many octets have arrived in order, of packets 0, 1, 2 … of `len` each. */
static size_t arrived(int which, size_t len)
{
    size_t n = 0;
    for (size_t k = 0; k < w.n[which].logged; k++) {
        const uint8_t *b = w.n[which].log[k].b;
        if (b[0] == 2) {
            assert_int_equal(b[2] >> 4, n % len ? 1 : 2);
            for (size_t m = 5; m < w.n[which].log[k].len; m++, n++) {
                if (n % len >= 2) {
                    assert_int_equal(b[m], n / len);
                }
            }
        }
    }
    return n;
}

/* One packet more than the controller has buffers for: that packet is lost, and the host gets Data
 * Buffer Overflow. */
static void overflow(void **state)
{
    (void)state;
    connect_with_features(0, 0);
    for (unsigned n = 0; n < 5; n++) {
        packet(CENTRAL, n, 27);
    }
    run_ms(300);
    assert_int_equal(count(CENTRAL, OVERFLOW), 1);
    assert_int_equal(event(CENTRAL, OVERFLOW)[0], 1);
    assert_int_equal(completed(CENTRAL), 4);
    assert_int_equal(arrived(PERIPHERAL, 27), 4 * 27);
    assert_link();
    apart();
}

/* A host accepts nothing for five seconds.  Its controller stops its peer by flow control, and the
 * peer keeps the data; the connection stays; everything arrives. */
static void host_that_is_busy(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        connect_with_features(0, 0);
        int to = 1 - which;
        assert_int_equal(command(which, 0x2022, "40 00 fb 00 90 42"), 0);
        run_ms(200);
        unsigned sent = 0;
        w.n[to].stuck = true;
        for (int round = 0; round < 500; round++) {
            size_t done = completed(which);
            while (sent < done + 4 && sent < 100) {
                packet(which, sent++, 251);
            }
            run_ms(10);
        }
        assert_in_range(completed(which), 5, 60);
        assert_int_equal(count(which, 0x05), 0);
        w.n[to].stuck = false;
        for (int round = 0; round < 500; round++) {
            size_t done = completed(which);
            while (sent < done + 4 && sent < 100) {
                packet(which, sent++, 251);
            }
            run_ms(10);
        }
        assert_int_equal(completed(which), 100);
        assert_int_equal(arrived(to, 251), 100 * 251);
        apart();
    }
}

/* A host with three buffers of 64 octets.  It gets only as much as fits, and more when it returns
 * buffers.  The end of a connection frees the buffers that the host still held. */
static void host_with_few_buffers(void **state)
{
    (void)state;
    connect_with_features(0, 0);
    assert_int_equal(command(PERIPHERAL, 0x0c31, "01"), WOAD_HCI_COMMAND_DISALLOWED);
    assert_int_equal(command(CENTRAL, 0x0406, "40 00 13"), 0);
    run_ms(500);
    assert_int_equal(command(PERIPHERAL, 0x0c31, "02"), WOAD_HCI_UNSUPPORTED);
    assert_int_equal(command(PERIPHERAL, 0x0c33, "1a 00 00 03 00 00 00"),
                     WOAD_HCI_INVALID_PARAMETERS);
    assert_int_equal(command(PERIPHERAL, 0x0c33, "40 00 00 03 00 00 00"), 0);
    assert_int_equal(command(PERIPHERAL, 0x0c31, "01"), 0);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(command(PERIPHERAL, 0x200a, "01"), 0);
        assert_int_equal(command(CENTRAL, 0x200d,
                                 "10 00 10 00 00 00 02 02 03 04 05 06 00 08 00 08 "
                                 "00 00 00 64 00 00 00 00 00"),
                         0);
        run_ms(300);
        assert_int_equal(command(CENTRAL, 0x2022, "40 00 fb 00 90 42"), 0);
        run_ms(200);
        forget();
        for (unsigned n = 0; n < 4; n++) {
            packet(CENTRAL, n, 100);
        }
        run_ms(500);
        /* two of the three buffers: 64 and 36 octets */
        assert_int_equal(arrived(PERIPHERAL, 100), 100);
        for (int k = 0; !again && k < 3; k++) {
            static const uint8_t done[] = { 1, 0x35, 0x0c, 5, 1, HANDLE, 0, 2, 0 };
            assert_int_equal(woad_air_rx(w.n[PERIPHERAL].c, done, sizeof done), 0);
            run_ms(100);
            assert_int_equal(arrived(PERIPHERAL, 100), (size_t)(k + 2) * 100);
        }
        assert_int_equal(command(PERIPHERAL, 0x0c35, "01 40 00"), WOAD_HCI_INVALID_PARAMETERS);
        /* With all buffers full even LL_TERMINATE_IND is not received: the link ends when the PDU
         * is not acknowledged in time. */
        assert_int_equal(command(CENTRAL, 0x0406, "40 00 13"), 0);
        run_ms(3000);
        assert_int_equal(event(CENTRAL, 0x05)[3], WOAD_HCI_LOCAL_HOST_TERMINATED);
        assert_int_equal(event(PERIPHERAL, 0x05)[3],
                         again ? WOAD_HCI_CONNECTION_TIMEOUT : WOAD_HCI_REMOTE_USER_TERMINATED);
    }
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(overflow),
                                        cmocka_unit_test(host_that_is_busy),
                                        cmocka_unit_test(host_with_few_buffers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
