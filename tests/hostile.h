/* One host; the test writes the octets of its controller by hand. */
#include "cm.h"

#include <woad/hci.h>
#include <woad/woad.h>

#include <stdio.h>

enum { HANDLE = 0x40, MTU = 64 }; /* the connection's handle; the host's ATT_MTU */

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_READ, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_READ, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_READ, WOAD_PERM_READ),
};
enum { VALUE = 12, VALUE_2 = 15 }; /* value handles are 12, 15, 17, 19 */

static struct bench {
    struct woad *h;
    void *mem;
    uint32_t now;
    bool up, auto_answer; /* auto_answer: reads are answered with answer_len octets */
    size_t downs, done;   /* WOAD_EV_DOWN, WOAD_EV_GATTC_DONE */
    int status, down;     /* of the last one of each: procedure, instance */
    uint16_t conn;
    uint8_t answer_len;
    unsigned outstanding, most_outstanding; /* packets that are not completed */
    bool hold;                              /* no Number of Completed Packets */
    uint8_t last[600];                      /* the host's last frame, with its L2CAP header */
    size_t last_len, frames, commands;      /* frames, commands: counts */
    uint8_t command[300];                   /* the last one */
} b;

/* The host's event: counts in `b`, answers reads, and defers writes. */
static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    uint8_t value[255];
    (void)ctx;
    if (ev->type == WOAD_EV_UP) {
        b.up = true;
    } else if (ev->type == WOAD_EV_DOWN) {
        b.downs++;
        b.down = ev->u.down.error;
    } else if (ev->type == WOAD_EV_CONNECT) {
        b.conn = ev->conn;
    } else if (ev->type == WOAD_EV_GATT_READ && b.auto_answer) {
        memset(value, ev->u.gatt_read.handle, sizeof value);
        woad_gatt_answer(h, ev->conn, 0, value, b.answer_len);
    } else if (ev->type == WOAD_EV_GATT_READ ||
               (ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer)) {
        woad_gatt_answer_later(h, ev->conn);
    } else if (ev->type == WOAD_EV_GATTC_DONE) {
        b.done++;
        b.status = ev->u.done.status;
    }
}

/* Gives the host a packet, from memory of exactly its length. */
static void feed(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    woad_rx(b.h, copy, n);
    free(copy);
}

/* Writes the event by which a controller answers a command with success; returns its length. */
static size_t good_answer(const uint8_t *cmd, uint8_t *e)
{
    unsigned opcode = cmd[1] | (unsigned)cmd[2] << 8;
    size_t n = 1;
    switch (opcode) {
    case 0x1002: n = 65; break;
    case 0x2002: n = 4; break;
    case 0x1001:
    case 0x2003:
    case 0x1003:
    case 0x2018: n = 9; break;
    case 0x1009: n = 7; break;
    default: break;
    }
    memset(e, 0, 80);
    e[0] = 4;
    e[1] = 0x0e;
    e[2] = (uint8_t)(3 + n);
    e[3] = 1;
    e[4] = cmd[1];
    e[5] = cmd[2];
    if (opcode == 0x2002) {
        e[7] = 251;
        e[9] = 8;
    } else if (opcode == 0x1009 || opcode == 0x2018) {
        memset(e + 7, 0xa1, 6);
    }
    return 6 + n;
}

/* Takes the host's packets, and answers commands and data unless b.hold. */
static void pull(void)
{
    uint8_t p[700], e[80];
    size_t n;
    while ((n = woad_tx(b.h, p, sizeof p)) > 0) {
        if (p[0] == 1) {
            b.commands++;
            memcpy(b.command, p, n < sizeof b.command ? n : sizeof b.command);
            if (!b.hold) {
                feed(e, good_answer(p, e));
            }
            continue;
        }
        const uint8_t done[] = { 4, 0x13, 5, 1, p[1], (uint8_t)(p[2] & 15), 1, 0 };
        assert_int_equal(p[2] & 0x30, 0); /* no fragments: the buffers are large */
        b.last_len = n - 5;
        memcpy(b.last, p + 5, b.last_len);
        b.frames++;
        b.outstanding++;
        b.most_outstanding =
            b.outstanding > b.most_outstanding ? b.outstanding : b.most_outstanding;
        if (!b.hold) {
            b.outstanding--;
            feed(done, sizeof done);
        }
    }
}

/* Gives the host an L2CAP frame on channel `cid`. */
static void frame(uint16_t cid, const uint8_t *body, size_t n)
{
    uint8_t p[700] = { 2,
                       HANDLE,
                       0x20,
                       (uint8_t)(n + 4),
                       (uint8_t)((n + 4) >> 8),
                       (uint8_t)n,
                       (uint8_t)(n >> 8),
                       (uint8_t)cid,
                       (uint8_t)(cid >> 8) };
    memcpy(p + 9, body, n);
    feed(p, n + 9);
}

/* LE Connection Complete; role 0: the host is the central. */
static void connect(uint16_t handle, uint8_t role)
{
    const uint8_t e[] = { 4,
                          0x3e,
                          19,
                          1,
                          0,
                          (uint8_t)handle,
                          (uint8_t)(handle >> 8),
                          role,
                          0,
                          1,
                          2,
                          3,
                          4,
                          5,
                          6,
                          24,
                          0,
                          0,
                          0,
                          0,
                          1,
                          0 };
    feed(e, sizeof e);
}

static const struct woad_feature *const all[] = { &woad_feature_advertiser,
                                                  &woad_feature_scanner,
                                                  &woad_feature_central,
                                                  &woad_feature_gatt_server,
                                                  &woad_feature_long_values,
                                                  &woad_feature_read_multiple,
                                                  &woad_feature_signed_writes,
                                                  &woad_feature_pipelining,
                                                  &woad_feature_type_index,
                                                  &woad_feature_gatt_client,
                                                  &woad_feature_accept_list,
                                                  &woad_feature_link_control,
                                                  NULL };

static const struct woad_feature *const bare[] = { &woad_feature_advertiser,
                                                   &woad_feature_gatt_server, NULL };
static const struct woad_feature *const *named = all;

/* A new host, which starts. */
static void power(void)
{
    struct woad_config cfg = { .features = named,
                               .event = on_event,
                               .conns = 2,
                               .attr_tables = 1,
                               .subscriptions = 2,
                               .procedures = 4,
                               .mtu = MTU,
                               .tx_queue = 600,
                               .request_queue = 600,
                               .prepare_queue = 128,
                               .pipeline_queue = 64,
                               .accept_list = 2 };
    memset(&b, 0, sizeof b);
    b.mem = malloc(woad_size(&cfg));
    b.h = woad_init(b.mem, woad_size(&cfg), &cfg);
    b.now = 1;
    b.auto_answer = true;
    woad_poll(b.h, b.now);
    assert_int_equal(woad_start(b.h), 0);
}

/* A host that is up and connected, with the attributes of `db`. */
static void open_bench(uint8_t role)
{
    power();
    pull();
    assert_true(b.up);
    assert_int_equal(woad_gatt_add(b.h, db, sizeof db / sizeof *db, NULL), 0);
    connect(HANDLE, role);
    pull();
    b.frames = b.commands = 0;
}

/* Ends and frees the host. */
static void close_bench(void)
{
    woad_fail(b.h, WOAD_EIO);
    free(b.mem);
}

/* Asserts that the host still works: it answers a read of the appearance. */
static void assert_alive(void)
{
    static const uint8_t read[] = { 0x0a, 5, 0 };
    woad_poll(b.h, b.now);
    pull();
    frame(4, read, sizeof read);
    pull();
    assert_int_equal(b.last_len, 4 + 3);
    assert_memory_equal(b.last + 4, "\x0b\x00\x00", 3);
}

/* --- HCI -------------------------------------------------------------------------------------- */
