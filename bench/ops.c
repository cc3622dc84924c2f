#include "ops.h"

#include <woad/woad.h>

#include <string.h>

enum {
    MTU = 247,
    ACL = 251,
    MPS = 247,
    ATTRS = 1000,
    FIRST = 10,
    HANDLE = 0x40,
    PSM = 0x80,
    PEER_CID = 0x70,
    LONG = 65000
};

static struct {
    struct woad *h;
    unsigned conns;
    uint16_t conn, handle, cid; /* the oldest connection */
    uint16_t credits;           /* that the host has granted */
    unsigned unacked;           /* data packets that the controller has */
    unsigned events, packets;   /* counted since the start */
    uint8_t tx[300];
    uint8_t rx[8 * MPS];
    uint8_t sdu[LONG], in[LONG];
} b;

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static struct woad_attr db[ATTRS];

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const uint8_t value[20] = { 1, 2, 3 };
    (void)ctx;
    switch (ev->type) {
    case WOAD_EV_NOTIFIED:
    case WOAD_EV_GATT_WRITE:
    case WOAD_EV_REPORT:
    case WOAD_EV_COC_SENT:
    case WOAD_EV_COC_RECEIVED: b.events++; break;
    case WOAD_EV_GATT_READ:
        b.events++;
        woad_gatt_answer(h, ev->conn, 0, value, sizeof value);
        break;
    case WOAD_EV_CONNECT: b.conn = b.conns++ ? b.conn : ev->conn; break;
    case WOAD_EV_COC_REQUEST:
        b.cid = ev->u.coc.cid;
        woad_coc_accept(h, ev->conn, b.cid, b.rx, sizeof b.rx);
        break;
    default: break;
    }
}

/* --- the controller, and the peer ---------------------------------------------------------------
 */

static void answer(uint16_t opcode)
{
    uint8_t e[7 + 64] = { 4, 0x0e, 4, 1, (uint8_t)opcode, (uint8_t)(opcode >> 8), 0 };
    size_t n = 7;
    if (opcode == 0x1009) { /* Read BD_ADDR */
        memcpy(e + n, "\x01\x02\x03\x04\x05\x06", 6);
        n += 6;
    } else if (opcode == 0x2002) { /* LE Read Buffer Size */
        e[n++] = ACL;
        e[n++] = 0;
        e[n++] = 255;
    } else {
        n += 64; /* no optional commands */
    }
    e[2] = (uint8_t)(n - 3);
    woad_rx(b.h, e, n);
}

static void sent(size_t n)
{
    b.unacked += n != 0;
    b.packets += n != 0;
}

/* Takes a packet from the host; false: it has none. */
static _Bool take(void)
{
    size_t n = woad_tx(b.h, b.tx, sizeof b.tx);
    if (n && b.tx[0] == 1) {
        answer((uint16_t)(b.tx[1] | b.tx[2] << 8));
    } else if (n) {
        sent(n);
        if (b.tx[7] == 5 && b.tx[9] == 0x16) { /* L2CAP_FLOW_CONTROL_CREDIT_IND */
            b.credits = (uint16_t)(b.credits + (b.tx[15] | b.tx[16] << 8));
        }
    }
    return n != 0;
}

/* Number Of Completed Packets, for all packets that the controller has. */
static void acknowledge(void)
{
    uint8_t e[] = { 4, 0x13, 5, 1, HANDLE, 0, 0, 0 };
    e[6] = (uint8_t)b.unacked;
    b.unacked = 0;
    woad_rx(b.h, e, sizeof e);
}

static void connected(uint16_t handle)
{
    uint8_t e[] = { 4, 0x3e, 19, 1, 0, 0, 0, 1, 0, 0, 9, 8, 7, 6, 5, 6, 0, 0, 0, 100, 0, 0 };
    e[5] = (uint8_t)handle;
    e[9] = (uint8_t)handle;
    woad_rx(b.h, e, sizeof e);
}

/* Receives an L2CAP frame from the peer in one packet; its payload is in `frame`. */
static uint8_t packet[9 + ACL], *const frame = packet + 9;
static void receive_frame(uint16_t cid, size_t len)
{
    packet[0] = 2;
    packet[1] = HANDLE;
    packet[2] = 0x20;
    packet[3] = (uint8_t)(len + 4);
    packet[5] = (uint8_t)len;
    packet[7] = (uint8_t)cid;
    woad_rx(b.h, packet, 9 + len);
}

static void heard(uint16_t cid, const uint8_t *octets, size_t len)
{
    memcpy(frame, octets, len);
    receive_frame(cid, len);
}

/* --- the operations -----------------------------------------------------------------------------
 */

static void nothing(void) {}

static void notify(size_t len)
{
    woad_gatt_notify(b.h, b.conn, b.handle, b.sdu, len);
    sent(woad_tx(b.h, b.tx, sizeof b.tx));
}

static void notify20(void)
{
    notify(20);
}
static void notify244(void)
{
    notify(244);
}

static void write_cmd20(void)
{
    static uint8_t p[3 + 20] = { 0x52 };
    p[1] = (uint8_t)b.handle;
    p[2] = (uint8_t)(b.handle >> 8);
    heard(4, p, sizeof p);
}

static void read_req(void)
{
    uint8_t p[3] = { 0x0a };
    p[1] = (uint8_t)b.handle;
    p[2] = (uint8_t)(b.handle >> 8);
    heard(4, p, sizeof p);
    sent(woad_tx(b.h, b.tx, sizeof b.tx));
    acknowledge();
}

static void adv_report31(void)
{
    static const uint8_t e[3 + 12 + 31] = { 4, 0x3e, 12 + 31, 2, 1, 0,  0,  1,
                                            2, 3,    4,       5, 6, 31, 30, 0xff };
    woad_rx(b.h, e, sizeof e);
}

static void notified20(void)
{
    static const uint8_t p[3 + 20] = { 0x1b, 0x20, 0 };
    heard(4, p, sizeof p);
}

static void coc_tx(size_t len)
{
    woad_coc_send(b.h, b.conn, b.cid, b.sdu, len);
    while (take()) {
        if (b.unacked == 5) {
            acknowledge();
        }
    }
    if (b.unacked) {
        acknowledge();
    }
}

static void coc1k_tx(void)
{
    coc_tx(1024);
}
static void coc65k_tx(void)
{
    coc_tx(LONG);
}

static void coc_rx(size_t len)
{
    size_t left = len + 2;
    woad_coc_receive(b.h, b.conn, b.cid, b.in, sizeof b.in);
    frame[0] = (uint8_t)len;
    frame[1] = (uint8_t)(len >> 8);
    while (left) {
        size_t n = left;
        if (MPS < left) {
            n = MPS;
        }
        while (!b.credits && take()) {
        }
        b.credits--;
        receive_frame(b.cid, n);
        left -= n;
    }
    while (take()) {
    }
    if (b.unacked) {
        acknowledge();
    }
}

static void coc1k_rx(void)
{
    coc_rx(1024);
}
static void coc65k_rx(void)
{
    coc_rx(LONG);
}

/* name, batch, function, packets sent and received.  An SDU of a channel has MPS octets a packet,
 * two of them its length; a receiver also sends credits. */
const struct op ops[] = {
    { "nothing", 100, nothing, 0, 0 },       { "notify20", 100, notify20, 0, 1 },
    { "notify244", 100, notify244, 0, 1 },   { "write_cmd20", 200, write_cmd20, 1, 0 },
    { "read_req", 200, read_req, 1, 1 },     { "adv_report31", 200, adv_report31, 1, 0 },
    { "notified20", 200, notified20, 1, 0 }, { "coc1k_tx", 200, coc1k_tx, 1, 5 },
    { "coc1k_rx", 200, coc1k_rx, 1, 1 },     { "coc65k_tx", 4, coc65k_tx, 1, 264 },
    { "coc65k_rx", 4, coc65k_rx, 1, 1 },
};
const size_t n_ops = sizeof ops / sizeof *ops;

void ops_between(void)
{
    while (take()) {
    }
    if (b.unacked) {
        acknowledge();
    }
}

__attribute__((noinline)) void measured(const struct op *op)
{
    b.events = b.packets = 0;
    for (unsigned n = op->n; n; n--) {
        op->once();
    }
}

_Bool ops_right(const struct op *op)
{
    return b.events == op->n * op->events && (op->packets == 1 && op->once != notify20 &&
                                                      op->once != notify244 && op->once != read_req
                                                  ? b.packets > 0
                                                  : b.packets == op->n * op->packets);
}

/* --- before -------------------------------------------------------------------------------------
 */

static void open_channel(void)
{
    static const struct woad_coc_params params = { .psm = PSM, .mtu = 65535, .mps = MPS };
    static const uint8_t request[] = { 0x14, 1,    10,   0,   PSM, 0,    PEER_CID,
                                       0,    0xff, 0xff, MPS, 0,   0xff, 0xff };
    woad_coc_listen(b.h, &params);
    heard(5, request, sizeof request);
    while (woad_tx(b.h, b.tx, sizeof b.tx)) {
        b.unacked++;
        if (b.tx[9] == 0x15) { /* …_CONNECTION_RSP: cid, mtu, mps, credits */
            b.credits = (uint16_t)(b.tx[19] | b.tx[20] << 8);
        }
    }
    acknowledge();
}

_Bool ops_prepare(void *mem, size_t size, unsigned conns, unsigned attrs)
{
    static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                           &woad_feature_scanner,
                                                           &woad_feature_central,
                                                           &woad_feature_gatt_server,
                                                           &woad_feature_gatt_client,
                                                           &woad_feature_l2cap_channels,
                                                           NULL };
    static const struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    static const uint8_t mtu[] = { 2, MTU, 0 };
    const struct woad_attr group[] = { WOAD_PRIMARY(&u_service),
                                       WOAD_CHARACTERISTIC_CCCD(&u_value,
                                                                WOAD_PROP_NOTIFY | WOAD_PROP_READ |
                                                                    WOAD_PROP_WRITE_COMMAND,
                                                                WOAD_PERM_READ | WOAD_PERM_WRITE) };
    struct woad_config config = { .features = features,
                                  .event = on_event,
                                  .conns = (uint8_t)conns,
                                  .attr_tables = 1,
                                  .subscriptions = 2,
                                  .procedures = 1,
                                  .mtu = MTU,
                                  .tx_queue = 512,
                                  .request_queue = 256,
                                  .l2cap_channels = 1,
                                  .psms = 1,
                                  .mps = MPS };
    for (unsigned n = 0; n < attrs; n++) {
        db[n] = group[n % 4];
    }
    if (attrs <= ATTRS) {
        b.h = woad_init(mem, size, &config);
    } else {
        b.h = NULL;
    }
    if (!b.h) {
        return 0;
    }
    woad_start(b.h);
    ops_between();
    woad_gatt_add(b.h, db, (uint16_t)attrs, NULL);
    b.handle = (uint16_t)(FIRST + attrs - 2);
    for (unsigned n = 0; n < conns; n++) {
        connected((uint16_t)(HANDLE + n));
        ops_between();
    }
    heard(4, mtu, sizeof mtu);
    ops_between();
    open_channel();
    woad_scan_start(b.h, &scan);
    ops_between();
    return b.cid != 0;
}
