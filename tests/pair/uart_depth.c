/* How deep the queue of a UART without RTS/CTS must be: the table in docs/porting.md.  A peer sends
 * notifications as fast as the radio carries them; they pass a line of some baud rate, octet by
 * octet, into a queue; the task that reads it is late again and again.  With the depth of the table
 * nothing is lost; with a quarter of it something is, where the line is what fills it. */
#include "pairing.h"

#include <woad/h4.h>

enum { TICK_US = 100, LINE = 1 << 20, FIFO_MAX = 60000, PACKET_MAX = 255 };

static struct {
    uint8_t line[LINE], fifo[FIFO_MAX], in[512];
    size_t line_from, line_to; /* octets that the controller has sent, and those on the wire */
    size_t depth, filled, most, lost;
    uint32_t baud, carry, seed;
    struct woad_h4 h4;
    unsigned got;
    bool spoilt; /* H4 has lost its way */
} u;

static uint16_t value_handle;

static unsigned below(unsigned n)
{
    u.seed = u.seed * 1664525 + 1013904223;
    return (u.seed >> 8) % n;
}

static void to_line(struct device *d, const uint8_t *packet, size_t n)
{
    (void)d;
    assert_true(u.line_to + n <= LINE);
    memcpy(u.line + u.line_to, packet, n);
    u.line_to += n;
}

static void line_runs(void)
{
    u.carry += u.baud; /* a tick carries baud / 100,000 octets */
    for (; u.carry >= 100000 && u.line_from < u.line_to; u.carry -= 100000) {
        if (u.filled == u.depth) {
            u.lost++;
            u.line_from++;
        } else {
            u.fifo[u.filled++] = u.line[u.line_from++];
        }
    }
    if (u.line_from == u.line_to) {
        u.carry %= 100000;
    }
    u.most = u.filled > u.most ? u.filled : u.most;
}

/* One round of the program in docs/porting.md. */
static void task_runs(void)
{
    const uint8_t *packet;
    size_t room;
    int len;
    uint8_t *at = woad_h4_space(&u.h4, &room);
    size_t n = room < u.filled ? room : u.filled;
    memcpy(at, u.fifo, n);
    memmove(u.fifo, u.fifo + n, u.filled - n);
    u.filled -= n;
    woad_h4_added(&u.h4, n);
    while ((len = woad_h4_next(&u.h4, &packet)) > 0) {
        woad_rx(w->device[CENTRAL].host, packet, (size_t)len);
    }
    u.spoilt = u.spoilt || len < 0;
}

static void fill_queue(struct device *d, const struct woad_event *ev)
{
    static uint32_t number;
    uint8_t value[244] = { 0 };
    on_event(d, ev);
    while (ev->type == WOAD_EV_TX_READY) {
        memcpy(value, &number, sizeof number);
        if (woad_gatt_notify(d->host, ev->conn, value_handle, value, sizeof value)) {
            break;
        }
        number++;
    }
}

static void in_order(struct device *d, const struct woad_event *ev)
{
    static uint32_t last;
    uint32_t number;
    on_event(d, ev);
    if (ev->type == WOAD_EV_NOTIFIED && ev->u.value.len == 244) {
        memcpy(&number, ev->u.value.data, sizeof number);
        assert_true(!u.got || u.lost || number == last + 1);
        last = number;
        u.got++;
    }
}

/* Two devices of which one sends without end. */
static void begin_stream(void)
{
    static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37);
    static const struct woad_attr table[] = {
        WOAD_PRIMARY(&service), WOAD_CHARACTERISTIC_CCCD(&type, WOAD_PROP_NOTIFY, WOAD_PERM_READ)
    };
    struct woad_event go = { .type = WOAD_EV_TX_READY };
    w = world_new(1, 0);
    for (int k = 0; k < 2; k++) {
        struct woad_config host = world_host_config(1);
        host.tx_queue = 2000;
        world_add_config(w, host, world_controller_config(w, 1));
    }
    struct device *peripheral = &w->device[PERIPHERAL], *central = &w->device[CENTRAL];
    connect_both(central, peripheral);
    uint16_t conn = device_find(peripheral, WOAD_EV_CONNECT)->ev.conn;
    assert_int_equal(woad_link_set_data_length(central->host,
                                               device_find(central, WOAD_EV_CONNECT)->ev.conn, 251),
                     0);
    assert_int_equal(
        woad_gattc_exchange_mtu(central->host, device_find(central, WOAD_EV_CONNECT)->ev.conn), 0);
    assert_int_equal(woad_gatt_add(peripheral->host, WOAD_ATTRS(table), &value_handle), 0);
    value_handle = (uint16_t)(value_handle + 2);
    world_run(w, 500000);
    peripheral->on_event = fill_queue;
    central->on_event = in_order;
    central->on_received = to_line;
    central->deaf = true;
    go.conn = conn;
    fill_queue(peripheral, &go);
    world_pump(w);
}

/* Runs with a task that is late by `late_ms` each few ms, and reads the queue empty in between. */
static void run_line(uint32_t baud, unsigned late_ms, size_t depth)
{
    unsigned stalls = 0, asleep = 0, ticks = 0;
    memset(&u, 0, sizeof u);
    u.seed = baud + late_ms;
    u.baud = baud;
    u.depth = depth;
    woad_h4_init(&u.h4, u.in, sizeof u.in);
    begin_stream();
    while ((stalls < 4 || ticks++ < 3000) && !u.spoilt) {
        world_run(w, TICK_US);
        line_runs();
        if (asleep) {
            asleep--;
            continue;
        }
        task_runs();
        if (!u.filled && !below(40)) {
            asleep = late_ms * 1000 / TICK_US;
            stalls++;
        }
    }
    for (unsigned n = 0; n < 100 && !u.spoilt; n++) {
        line_runs();
        task_runs();
    }
    world_free(w);
}

static void the_table_of_the_porting_guide(void **state)
{
    static const uint32_t bauds[] = { 115200, 460800, 921600, 2000000 };
    static const unsigned late[] = { 1, 5, 20, 100, 250 };
    (void)state;
    for (size_t b = 0; b < 4; b++) {
        for (size_t l = 0; l < 5; l++) {
            size_t arrives = bauds[b] / 10 * late[l] / 1000, depth = arrives + PACKET_MAX;
            size_t shallow = depth / 4;
            if (shallow > arrives / 2) { /* it is the packet more that makes it so deep */
                shallow = arrives / 4;
            }
            run_line(bauds[b], late[l], depth);
            print_message("%u baud, %u ms late, %u octets deep: %u used, %u notifications\n",
                          bauds[b], late[l], (unsigned)depth, (unsigned)u.most, u.got);
            assert_int_equal(u.lost, 0);
            assert_false(u.spoilt);
            run_line(bauds[b], late[l], shallow);
            assert_true(u.lost > 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_table_of_the_porting_guide) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
