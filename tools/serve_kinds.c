/* The peers of `woad serve` that are small: a heart rate sensor, a battery, a beacon, a UART.
 *
 * Names of other files:
 *   appearance: of a kind of peer: its appearance, Assigned Numbers, 2.6; 0: none
 *   input: of serve: octets of standard input that are not sent yet
 *   input_len: of serve: octets in `input`
 *   next_ms: of serve: when its loop does the next thing; 0: it has done nothing yet
 *   reads: of a kind of peer: it uses standard input
 *   SERVE_FULL_WAIT: ms until a queue that is full is tried again
 *   serve_kind: a kind of peer: its name, attributes and functions: serve.h
 *   SERVE_NO_WAIT: ms that a loop returns that has nothing to do
 *   serve_notify(): notifies each subscriber once; how many have it; -1: a queue is full
 *   serve_read_input(): reads standard input to `input`, if that is empty
 *   serve_tool: the sub-command, with a kind and its state: serve.h
 *   text_show(): prints text of a peer, made safe for a terminal
 *   tool_flush(): flushes standard output; false: it is closed */
#include "serve.h"
#include "tool_text.h"

#include <stdio.h>
#include <string.h>

/* Between two heart rates, and two levels; octets of a notification, which any ATT_MTU allows. */
enum { SECOND_MS = 1000, BATTERY_MS = 5000, UART_PART = 20 };

/* Whether the last time was `every` ms ago.  The first call counts, too. */
static bool serve_is_time(struct serve_tool *s, uint32_t now_ms, uint32_t every)
{
    if ((int32_t)(now_ms - s->next_ms) < 0 && s->next_ms) {
        return false;
    }
    s->next_ms = (now_ms + every) | 1; /* never 0 */
    return true;
}

/* --- heart rate: flags u8, rate u8.  Heart Rate Service 1.0, 3.1 ------------------------------ */

static const struct woad_uuid heart_rate = WOAD_UUID16(0x180d), measurement = WOAD_UUID16(0x2a37),
                              location = WOAD_UUID16(0x2a38), control = WOAD_UUID16(0x2a39);
static uint8_t rate[2] = { 0, 60 }, energy_reset[1];
static struct woad_value rate_value = WOAD_VALUE_FIXED(rate, 2),
                         control_value = WOAD_VALUE_FIXED(energy_reset, 1);
static const struct woad_attr heart_rate_attrs[] = {
    WOAD_PRIMARY(&heart_rate),
    WOAD_CHARACTERISTIC_VALUE_CCCD(&measurement, WOAD_PROP_NOTIFY, 0, &rate_value),
    WOAD_CHARACTERISTIC_CONST(&location, "\1", 1), /* the chest */
    WOAD_CHARACTERISTIC_VALUE(&control, WOAD_PROP_WRITE, WOAD_PERM_WRITE, &control_value),
};

/* serve_kind.loop: the next rate, each second. */
static uint32_t heart_rate_loop(struct serve_tool *s, uint32_t now_ms)
{
    if (serve_is_time(s, now_ms, SECOND_MS)) {
        woad_gatt_notify_value(s->t.h, &rate_value);
        rate[1] = (uint8_t)(rate[1] < 90 ? rate[1] + 1 : 60);
    }
    return SECOND_MS;
}

const struct serve_kind serve_heart_rate = { .name = "heart-rate",
                                             .device = "Woad heart rate",
                                             .attrs = heart_rate_attrs,
                                             .n =
                                                 sizeof heart_rate_attrs / sizeof *heart_rate_attrs,
                                             .service = &heart_rate,
                                             .appearance = 0x0340,
                                             .loop = heart_rate_loop };

/* --- battery ---------------------------------------------------------------------------------- */

static const struct woad_uuid battery = WOAD_UUID16(0x180f), level = WOAD_UUID16(0x2a19);
static uint8_t percent = 100;
static struct woad_value level_value = WOAD_VALUE_FIXED(&percent, 1);
static const struct woad_attr battery_attrs[] = {
    WOAD_PRIMARY(&battery),
    WOAD_CHARACTERISTIC_VALUE_CCCD(&level, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ,
                                   &level_value),
};

/* serve_kind.loop: the next level. */
static uint32_t battery_loop(struct serve_tool *s, uint32_t now_ms)
{
    if (serve_is_time(s, now_ms, BATTERY_MS)) {
        woad_gatt_notify_value(s->t.h, &level_value);
        percent = (uint8_t)(percent > 1 ? percent - 1 : 100);
    }
    return SECOND_MS;
}

const struct serve_kind serve_battery = { .name = "battery",
                                          .device = "Woad battery",
                                          .attrs = battery_attrs,
                                          .n = sizeof battery_attrs / sizeof *battery_attrs,
                                          .service = &battery,
                                          .loop = battery_loop };

/* --- beacon ----------------------------------------------------------------------------------- */

const struct serve_kind serve_beacon = { .name = "beacon", .device = "Woad", .beacon = true };

/* --- Nordic's UART Service: what is written is printed, what is typed is notified ------------- */

static const struct woad_uuid uart =
                                  WOAD_UUID128(0x6e400001, 0xb5a3, 0xf393, 0xe0a9, 0xe50e24dcca9e),
                              uart_rx =
                                  WOAD_UUID128(0x6e400002, 0xb5a3, 0xf393, 0xe0a9, 0xe50e24dcca9e),
                              uart_tx =
                                  WOAD_UUID128(0x6e400003, 0xb5a3, 0xf393, 0xe0a9, 0xe50e24dcca9e);
enum { UART_RX = 2, UART_TX = 4 }; /* handles of values, from the first one on */
static const struct woad_attr uart_attrs[] = {
    WOAD_PRIMARY(&uart),
    WOAD_CHARACTERISTIC(&uart_rx, WOAD_PROP_WRITE | WOAD_PROP_WRITE_COMMAND, WOAD_PERM_WRITE),
    WOAD_CHARACTERISTIC_CCCD(&uart_tx, WOAD_PROP_NOTIFY, 0),
};

/* Text of the peer, with its line ends. */
static void uart_print(const uint8_t *text, size_t len)
{
    while (len) {
        size_t n = 0;
        while (n < len && text[n] != '\n' && text[n] != '\t') {
            n++;
        }
        text_show(text, n);
        if (n < len) {
            putchar(text[n++]);
        }
        text += n;
        len -= n;
    }
}

/* serve_kind.event: prints what a central writes. */
static void uart_event(struct serve_tool *s, const struct woad_event *ev)
{
    if (ev->type != WOAD_EV_GATT_WRITE || ev->u.gatt_write.handle != s->first + UART_RX) {
        return;
    }
    if (ev->u.gatt_write.need_answer) {
        woad_gatt_answer(s->t.h, ev->conn, 0, NULL, 0);
    }
    uart_print(ev->u.gatt_write.data, ev->u.gatt_write.len);
    tool_flush(&s->t);
}

/* The next part leaves when each subscriber has the last one in its queue, so that nothing is lost:
 * the slowest sets the pace.  Without a subscriber the input waits. */
static uint32_t uart_loop(struct serve_tool *s, uint32_t now_ms)
{
    (void)now_ms;
    serve_read_input(s);
    while (s->input_len) {
        size_t n = s->input_len < UART_PART ? s->input_len : UART_PART;
        if (serve_notify(s, (uint16_t)(s->first + UART_TX), s->input, n) <= 0) {
            return SERVE_FULL_WAIT;
        }
        s->input_len -= n;
        memmove(s->input, s->input + n, s->input_len);
        serve_read_input(s);
    }
    return SERVE_NO_WAIT;
}

const struct serve_kind serve_uart = { .name = "uart",
                                       .device = "Woad UART",
                                       .attrs = uart_attrs,
                                       .n = sizeof uart_attrs / sizeof *uart_attrs,
                                       .service = &uart,
                                       .reads = true,
                                       .loop = uart_loop,
                                       .event = uart_event };
