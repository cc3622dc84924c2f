/* The peer of `woad bench`: sends and receives as much as it is told to.
 *
 * Names of other files:
 *   BENCH_CONTROL: handle of commands, from the first one on: bench.h
 *   BENCH_COUNTERS: handle of what has arrived
 *   BENCH_DATA_LENGTH: command: octets of a packet of the link layer
 *   BENCH_NOTIFY: command: notify for some ms
 *   BENCH_PSM: the channel's
 *   BENCH_RESET: command: nothing has arrived
 *   BENCH_RX: octets that a channel has room for
 *   BENCH_SDU: octets that go through the channel at once
 *   BENCH_SEND: command: send through the channel for some ms
 *   bench_service: UUID of the service
 *   BENCH_SINK: handle of what is written to
 *   BENCH_SOURCE: handle of what is notified
 *   SERVE_FULL_WAIT: ms until a queue that is full is tried again
 *   serve_kind: a kind of peer: serve.h
 *   SERVE_NO_WAIT: ms of a loop that has nothing to do
 *   serve_tool: `woad serve`: serve.h */
#include "bench.h"
#include "serve.h"

#include <string.h>

const struct woad_uuid bench_service =
    WOAD_UUID128(0x0b56a000, 0x2d3c, 0x4f0e, 0x9c7a, 0x776f61646265);
static const struct woad_uuid sink =
                                  WOAD_UUID128(0x0b56a001, 0x2d3c, 0x4f0e, 0x9c7a, 0x776f61646265),
                              source =
                                  WOAD_UUID128(0x0b56a002, 0x2d3c, 0x4f0e, 0x9c7a, 0x776f61646265),
                              control =
                                  WOAD_UUID128(0x0b56a003, 0x2d3c, 0x4f0e, 0x9c7a, 0x776f61646265),
                              counters =
                                  WOAD_UUID128(0x0b56a004, 0x2d3c, 0x4f0e, 0x9c7a, 0x776f61646265);
static const struct woad_attr attrs[] = {
    WOAD_PRIMARY(&bench_service),
    WOAD_CHARACTERISTIC(&sink, WOAD_PROP_WRITE | WOAD_PROP_WRITE_COMMAND, WOAD_PERM_WRITE),
    WOAD_CHARACTERISTIC_CCCD(&source, WOAD_PROP_NOTIFY, 0),
    WOAD_CHARACTERISTIC(&control, WOAD_PROP_WRITE, WOAD_PERM_WRITE),
    WOAD_CHARACTERISTIC(&counters, WOAD_PROP_READ, WOAD_PERM_READ),
};

/* Of the central that has begun a measurement last. */
static struct {
    uint32_t writes, octets;
    bool notifies, sends;
    uint32_t until_ms; /* of both */
    uint16_t conn, notify_conn;
    uint16_t cid; /* of the channel; 0: none */
    bool sending; /* an SDU is not sent yet */
    uint8_t rx[BENCH_RX], sdu[BENCH_SDU];
} bench;

/* A command: u8, u16. */
static void bench_command(struct serve_tool *s, uint16_t conn, const uint8_t *data, size_t len)
{
    if (len != 3) {
        return;
    }
    uint16_t number = (uint16_t)(data[1] | data[2] << 8);
    bench.until_ms = woad_port_now_ms() + number;
    switch (data[0]) {
    case BENCH_NOTIFY:
        bench.notifies = true;
        bench.notify_conn = conn;
        break;
    case BENCH_SEND: bench.sends = true; break;
    case BENCH_DATA_LENGTH: woad_link_set_data_length(s->t.h, conn, number); break;
    case BENCH_RESET: bench.writes = bench.octets = 0; break;
    default: break;
    }
}

/* What was written to the sink is counted. */
static void bench_write(struct serve_tool *s, const struct woad_event *ev)
{
    if (ev->u.gatt_write.handle == s->first + BENCH_CONTROL) {
        bench_command(s, ev->conn, ev->u.gatt_write.data, ev->u.gatt_write.len);
    } else if (ev->u.gatt_write.handle == s->first + BENCH_SINK) {
        bench.writes++;
        bench.octets += ev->u.gatt_write.len;
    } else {
        return;
    }
    if (ev->u.gatt_write.need_answer) {
        woad_gatt_answer(s->t.h, ev->conn, 0, NULL, 0);
    }
}

/* Both counters, little-endian. */
static void bench_read(struct serve_tool *s, const struct woad_event *ev)
{
    uint8_t value[8];
    for (unsigned n = 0; n < 4; n++) {
        value[n] = (uint8_t)(bench.writes >> 8 * n);
        value[4 + n] = (uint8_t)(bench.octets >> 8 * n);
    }
    woad_gatt_answer(s->t.h, ev->conn, 0, value, sizeof value);
}

/* What arrives on the channel is counted, too. */
static void bench_drain(struct serve_tool *s, uint16_t conn, uint16_t cid)
{
    static uint8_t data[BENCH_SDU];
    int n;
    while ((n = woad_coc_read(s->t.h, conn, cid, data, sizeof data, NULL)) > 0) {
        bench.octets += (uint32_t)n;
    }
}

/* serve_kind.event */
static void bench_event(struct serve_tool *s, const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_GATT_WRITE: bench_write(s, ev); break;
    case WOAD_EV_GATT_READ:
        if (ev->u.gatt_read.handle == s->first + BENCH_COUNTERS) {
            bench_read(s, ev);
        }
        break;
    case WOAD_EV_COC_REQUEST:
        if (bench.cid) {
            woad_coc_refuse(s->t.h, ev->conn, ev->u.coc.cid, WOAD_COC_NO_RESOURCES);
        } else {
            bench.conn = ev->conn;
            bench.cid = ev->u.coc.cid;
            woad_coc_accept(s->t.h, ev->conn, bench.cid, bench.rx, sizeof bench.rx);
        }
        break;
    case WOAD_EV_COC_DATA: bench_drain(s, ev->conn, ev->u.coc_data.cid); break;
    case WOAD_EV_COC_SENT: bench.sending = false; break;
    case WOAD_EV_COC_CLOSED: bench.cid = 0; break;
    case WOAD_EV_DISCONNECT: bench.notifies = false; break;
    default: break;
    }
}

/* Fills the queue with notifications of the greatest length. */
static void bench_notify(struct serve_tool *s)
{
    struct woad_conn_info info = { .mtu = 23 };
    woad_conn_info(s->t.h, bench.notify_conn, &info);
    size_t len = info.mtu - 3u < WOAD_ATT_VALUE_MAX ? info.mtu - 3u : WOAD_ATT_VALUE_MAX;
    uint16_t handle = (uint16_t)(s->first + BENCH_SOURCE);
    while (woad_gatt_notify(s->t.h, bench.notify_conn, handle, bench.sdu, len) == 0) {
    }
}

/* serve_kind.loop */
static uint32_t bench_loop(struct serve_tool *s, uint32_t now_ms)
{
    const struct woad_coc_params params = { .psm = BENCH_PSM, .mtu = BENCH_SDU };
    if (!s->next_ms) {
        s->next_ms = 1;
        woad_coc_listen(s->t.h, &params);
    }
    if ((int32_t)(now_ms - bench.until_ms) >= 0) {
        bench.notifies = bench.sends = false;
    }
    if (bench.notifies) {
        bench_notify(s);
    }
    if (bench.sends && bench.cid && !bench.sending) {
        bench.sending =
            woad_coc_send(s->t.h, bench.conn, bench.cid, bench.sdu, sizeof bench.sdu) == 0;
    }
    return bench.notifies || bench.sends ? SERVE_FULL_WAIT : SERVE_NO_WAIT;
}

const struct serve_kind serve_bench = { .name = "bench",
                                        .device = "Woad bench",
                                        .attrs = attrs,
                                        .n = sizeof attrs / sizeof *attrs,
                                        .service = &bench_service,
                                        .loop = bench_loop,
                                        .event = bench_event };
