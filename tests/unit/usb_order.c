/* USB: events and data arrive through two pipes, in either order. */
#include "cm.h"

#include "transport/usb_order.h"

static const uint8_t connected[] = { 4, 0x3e, 0x13, 1, 0, 0x40, 0, 1 };
static const uint8_t disconnected[] = { 4, 5, 4, 0, 0x40, 0, 0x13 };
static const uint8_t encrypted[] = { 4, 8, 4, 0, 0x40, 0, 1 };
static const uint8_t refreshed[] = { 4, 0x30, 3, 0, 0x40, 0 };
static const uint8_t enable[] = { 1, 0x19, 0x20, 28, 0x40, 0 };
static const uint8_t reply[] = { 1, 0x1a, 0x20, 18, 0x40, 0 };
static const uint8_t data[] = { 2, 0x40, 0x20, 3, 0, 1, 2, 3 };
static const uint8_t other[] = { 2, 0x41, 0x20, 1, 0, 7 };

static size_t next(struct usb_order *o, uint32_t now)
{
    uint8_t to[ORDER_PACKET];
    size_t n = order_next(o, now, to, sizeof to);
    if (n) {
        assert_memory_equal(to, n == sizeof data ? data : other, n);
    }
    return n;
}

/* Data arrive before their connection's event: they are held back. */
static void data_before_the_connection(void **state)
{
    struct usb_order *o = calloc(1, sizeof *o);
    (void)state;
    assert_true(order_data(o, data, sizeof data, 100));
    assert_int_equal(order_due(o, 101), ORDER_HOLD_MS - 1);
    assert_int_equal(next(o, 101), 0);
    order_event(o, connected, sizeof connected);
    assert_int_equal(next(o, 101), sizeof data);
    assert_int_equal(order_due(o, 101), UINT32_MAX);
    /* after the event data pass at once, until the disconnection */
    assert_true(order_data(o, data, sizeof data, 102));
    assert_int_equal(next(o, 102), sizeof data);
    order_event(o, disconnected, sizeof disconnected);
    assert_true(order_data(o, data, sizeof data, 103));
    assert_int_equal(next(o, 103), 0);
    assert_int_equal(next(o, 103 + ORDER_HOLD_MS), sizeof data); /* unknown handle */
    free(o);
}

/* Encrypted data arrive before the Encryption Change event: they are held back, in both roles,
 * and at a key refresh. */
static void data_before_the_encryption(void **state)
{
    static const struct {
        const uint8_t *command;
        size_t len;
        const uint8_t *event;
        size_t n;
    } ways[] = { { enable, sizeof enable, encrypted, sizeof encrypted },
                 { reply, sizeof reply, encrypted, sizeof encrypted },
                 { enable, sizeof enable, refreshed, sizeof refreshed } };
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct usb_order *o = calloc(1, sizeof *o);
        order_event(o, connected, sizeof connected);
        order_sent(o, ways[k].command, ways[k].len);
        assert_true(order_data(o, data, sizeof data, 0xfffffffe)); /* the time wraps */
        assert_int_equal(next(o, 1), 0);
        order_event(o, ways[k].event, ways[k].n);
        assert_int_equal(next(o, 1), sizeof data);
        /* Data that arrived long before the event are unencrypted data: they are passed on after
         * the hold time. */
        order_sent(o, ways[k].command, ways[k].len);
        assert_true(order_data(o, data, sizeof data, 50));
        assert_int_equal(next(o, 50 + ORDER_HOLD_MS - 1), 0);
        assert_int_equal(next(o, 50 + ORDER_HOLD_MS), sizeof data);
        free(o);
    }
}

/* A refused command to encrypt brings no event: data are not held. */
static void encryption_that_is_refused(void **state)
{
    static const uint8_t status[] = { 4, 0x0f, 4, 0x0c, 1, 0x19, 0x20 };
    static const uint8_t complete[] = { 4, 0x0e, 6, 1, 0x1a, 0x20, 0x0c, 0x40, 0 };
    struct usb_order *o = calloc(1, sizeof *o);
    (void)state;
    order_event(o, connected, sizeof connected);
    for (unsigned way = 0; way < 2; way++) {
        order_sent(o, way ? reply : enable, way ? sizeof reply : sizeof enable);
        assert_true(order_data(o, data, sizeof data, 7));
        assert_false(order_is_settled(o));
        order_event(o, way ? complete : status, way ? sizeof complete : sizeof status);
        assert_true(order_is_settled(o));
        assert_int_equal(next(o, 7), sizeof data);
    }
    free(o);
}

/* Data keep their order; a full queue is reported; invalid lengths are refused; a reset empties
 * the queue. */
static void the_queue(void **state)
{
    struct usb_order *o = calloc(1, sizeof *o);
    static const uint8_t long_one[ORDER_PACKET + 1] = { 2 };
    uint8_t two[2];
    (void)state;
    order_event(o, connected, sizeof connected);
    assert_true(order_data(o, other, sizeof other, 0));
    for (int k = 1; k < ORDER_QUEUE; k++) {
        assert_true(order_data(o, data, sizeof data, 0));
    }
    assert_false(order_data(o, data, sizeof data, 0));
    assert_int_equal(next(o, 0), 0);
    assert_int_equal(next(o, ORDER_HOLD_MS), sizeof other);
    assert_int_equal(order_next(o, ORDER_HOLD_MS, two, sizeof two), 0);
    assert_int_equal(next(o, ORDER_HOLD_MS), sizeof data);
    assert_false(order_data(o, long_one, sizeof long_one, 0));
    assert_false(order_data(o, data, 4, 0));
    order_sent(o, (const uint8_t[]){ 1, 3, 0x0c, 0 }, 4);
    assert_int_equal(order_due(o, 0), UINT32_MAX);
    assert_true(order_data(o, data, sizeof data, 0));
    assert_int_equal(order_due(o, 0), ORDER_HOLD_MS);
    free(o);
}

/* Every truncation of every event and command. */
static void truncated(void **state)
{
    struct usb_order *o = calloc(1, sizeof *o);
    (void)state;
    for (size_t n = 0; n < sizeof connected; n++) {
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, connected, n);
        order_event(o, copy, n);
        memcpy(copy, disconnected, n < 7 ? n : 7);
        order_event(o, copy, n < 7 ? n : 7);
        memcpy(copy, enable, n < 6 ? n : 6);
        order_sent(o, copy, n < 6 ? n : 6);
        free(copy);
    }
    free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_before_the_connection),
        cmocka_unit_test(data_before_the_encryption),
        cmocka_unit_test(encryption_that_is_refused),
        cmocka_unit_test(the_queue),
        cmocka_unit_test(truncated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
