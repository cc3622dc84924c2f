/* Enhanced ATT: several bearers between two devices, over the air.  Vol 3, Part G, 5.3, 5.4 */
#include "pairing.h"

enum { ATTRS = 12, FIRST = 14 }; /* after the server's own attributes */

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
#define VALUE(props) \
    WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_READ | WOAD_PROP_WRITE | (props), \
                        WOAD_PERM_READ | WOAD_PERM_WRITE)
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    VALUE(0),
    VALUE(0),
    VALUE(0),
    VALUE(0),
    VALUE(WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE),
    WOAD_CCCD,
};
enum { A = FIRST + 2, B = FIRST + 4, C = FIRST + 6, D = FIRST + 8, TOLD = FIRST + 10 };

static struct device *client, *server;

/* The requests that reached the server's application, in order. */
static struct {
    uint16_t handle;
    uint8_t request;
    bool write;
} requests[64];
static size_t n_requests;
static bool slow; /* the application answers later */

static void on_server(struct device *d, const struct woad_event *ev)
{
    on_event(d, ev);
    bool read = ev->type == WOAD_EV_GATT_READ;
    if (!read && !(ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer)) {
        return;
    }
    assert_true(n_requests < 64);
    requests[n_requests].handle = read ? ev->u.gatt_read.handle : ev->u.gatt_write.handle;
    requests[n_requests].request = read ? ev->u.gatt_read.request : ev->u.gatt_write.request;
    requests[n_requests++].write = !read;
    if (!slow) {
        uint8_t value = (uint8_t)requests[n_requests - 1].handle;
        assert_int_equal(woad_gatt_answer(d->host, ev->conn, 0, &value, read ? 1 : 0), 0);
    }
}

/* Connects and pairs two devices with at most so many bearers each; no bearer is open yet. */
static void two(uint8_t ours, uint8_t its)
{
    with_channels = true;
    att_bearers[CENTRAL] = ours;
    att_bearers[PERIPHERAL] = its;
    begin(&any, &any);
    settle();
    client = &w->device[CENTRAL];
    server = &w->device[PERIPHERAL];
    server->own_answers = true;
    server->on_event = on_server;
    n_requests = 0;
    slow = false;
    assert_int_equal(woad_gatt_add(server->host, db, ATTRS, NULL), 0);
    device_forget(client);
    device_forget(server);
}

static void over(void)
{
    world_free(w);
    with_channels = false;
    att_bearers[CENTRAL] = att_bearers[PERIPHERAL] = 0;
}

static uint8_t open_now(const struct device *d)
{
    uint8_t n = 0;
    for (size_t k = 0; k < d->logged; k++) {
        n = d->log[k].ev.type == WOAD_EV_ATT_BEARERS ? d->log[k].ev.u.att_bearers.open : n;
    }
    return n;
}

static void bearers(uint8_t n)
{
    assert_int_equal(woad_eatt_open(client->host, side[CENTRAL].conn, n), 0);
    assert_int_equal(woad_eatt_open(client->host, side[CENTRAL].conn, n), WOAD_EALREADY);
    world_run(w, 300000);
    assert_int_equal(open_now(client), n);
    assert_int_equal(open_now(server), n);
    device_forget(client);
    device_forget(server);
}

static int read_of(uint16_t handle)
{
    return woad_gattc_read(client->host, side[CENTRAL].conn, handle);
}

/* Four requests run at once.  The server answers each by its request number, and each caller gets
 * its own answer; a fifth request waits for a bearer.  Meanwhile the client reads one of the
 * server's own values.  An answer without a number belongs to the oldest request. */
static void at_once(void **state)
{
    (void)state;
    two(5, 5);
    bearers(3);
    slow = true;
    assert_int_equal(read_of(A), 0);
    assert_int_equal(read_of(B), 0);
    assert_int_equal(read_of(A), 0); /* waits behind the first: the same attribute */
    assert_int_equal(read_of(C), 0);
    world_run(w, 300000);
    assert_int_equal(n_requests, 3);
    assert_int_equal(read_of(3), 0); /* the name: the host answers without the application */
    world_run(w, 300000);
    assert_int_equal(device_count(client, WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(device_find(client, WOAD_EV_GATTC_DONE)->ev.u.done.handle, 3);
    device_forget(client);
    assert_true(requests[0].request != requests[1].request &&
                requests[1].request != requests[2].request);
    uint16_t conn = side[PERIPHERAL].conn;
    assert_int_equal(woad_gatt_answer_to(server->host, conn, 77, 0, "x", 1), WOAD_EALREADY);
    assert_int_equal(woad_gatt_answer_to(server->host, conn, requests[2].request, 0, "c", 1), 0);
    assert_int_equal(woad_gatt_answer_to(server->host, conn, requests[2].request, 0, "c", 1),
                     WOAD_EALREADY);
    world_run(w, 300000);
    const struct seen *s = device_find(client, WOAD_EV_READ);
    assert_non_null(s);
    assert_true(s->ev.u.value.handle == C && s->data[0] == 'c');
    device_forget(client);
    assert_int_equal(woad_gatt_answer(server->host, conn, 0, "a", 1), 0);
    world_run(w, 300000);
    s = device_find(client, WOAD_EV_READ);
    assert_true(s && s->ev.u.value.handle == A && s->data[0] == 'a');
    assert_int_equal(n_requests, 4); /* now the second read of A */
    assert_int_equal(requests[3].handle, A);
    assert_int_equal(woad_gatt_answer(server->host, conn, 0, "b", 1), 0);
    assert_int_equal(woad_gatt_answer(server->host, conn, 0, "A", 1), 0);
    assert_int_equal(woad_gatt_answer(server->host, conn, 0, "", 0), WOAD_EALREADY);
    world_run(w, 300000);
    assert_int_equal(device_count(client, WOAD_EV_GATTC_DONE), 3);
    /* Inside the event of a request, an answer belongs to that request, whatever else is
     * pending. */
    assert_int_equal(read_of(A), 0);
    world_run(w, 300000);
    slow = false;
    assert_int_equal(read_of(B), 0);
    device_forget(client);
    world_run(w, 300000);
    s = device_find(client, WOAD_EV_READ);
    assert_true(s && s->ev.u.value.handle == B && s->data[0] == B);
    assert_int_equal(device_count(client, WOAD_EV_GATTC_DONE), 1);
    over();
}

/* All kinds of procedures at once, of a client and a server, many times: each ends once, with its
 * own results. */
static void all_kinds(void **state)
{
    uint8_t long_value[100];
    (void)state;
    two(5, 5);
    bearers(4);
    server->on_event = on_event;
    server->own_answers = false; /* the world answers with its one value */
    memset(long_value, 0x5a, sizeof long_value);
    memcpy(server->value, long_value, sizeof long_value);
    server->value_len = sizeof long_value;
    const uint16_t handles[] = { A, B };
    struct woad *h = client->host;
    uint16_t conn = side[CENTRAL].conn;
    for (int round = 0; round < 40; round++) {
        assert_int_equal(woad_gattc_services(h, conn, NULL), 0);
        assert_int_equal(woad_gattc_read(h, conn, A), 0);
        assert_int_equal(woad_gattc_write_long(h, conn, B, long_value, 100, false), 0);
        assert_int_equal(woad_gattc_characteristics(h, conn, 2, 0xffff, NULL), 0);
        assert_int_equal(woad_gattc_read_multiple(h, conn, handles, 2), 0);
        assert_int_equal(woad_gattc_write(h, conn, C, long_value, 100), 0);
        assert_int_equal(woad_gattc_descriptors(h, conn, 3, 0xffff), 0);
        assert_int_equal(woad_gattc_read(h, conn, 3), 0);
        device_forget(client);
        world_run(w, 600000);
        assert_int_equal(device_count(client, WOAD_EV_GATTC_DONE), 8);
        assert_int_equal(device_count(client, WOAD_EV_SERVICE), 3);
        assert_int_equal(device_count(client, WOAD_EV_CHARACTERISTIC), 10);
        bool services = false; /* the services have been reported, all of them */
        for (size_t n = 0; n < client->logged; n++) {
            const struct woad_event *ev = &client->log[n].ev;
            assert_true(ev->type != WOAD_EV_GATTC_DONE || ev->u.done.status == 0);
            services = services ||
                       (ev->type == WOAD_EV_GATTC_DONE && ev->u.done.op == WOAD_GATTC_SERVICES);
            assert_true(ev->type != WOAD_EV_SERVICE || !services);
            assert_true(ev->type != WOAD_EV_CHARACTERISTIC || services);
            if (ev->type == WOAD_EV_READ && ev->u.value.handle == A) {
                assert_memory_equal(client->log[n].data, long_value, ev->u.value.len);
            }
        }
    }
    over();
}

/* Notifications arrive in the order in which they were sent, on whatever bearers.  One that is
 * longer than the MTU of the fixed channel takes another bearer.  As many indications are
 * outstanding as there are bearers. */
static void reported(void **state)
{
    (void)state;
    two(5, 5);
    bearers(3);
    uint8_t value[244] = { 0 }; /* the longest take two frames */
    unsigned sent = 0, got = 0;
    for (int turn = 0; turn < 400; turn++) {
        for (;;) {
            value[0] = (uint8_t)sent;
            size_t len = 244 - sent * 37 % 244 % 199;
            if (woad_gatt_notify(server->host, side[PERIPHERAL].conn, TOLD, value, len)) {
                break;
            }
            sent++;
        }
        world_run(w, 20000);
        for (size_t n = 0; n < client->logged; n++) {
            const struct woad_event *ev = &client->log[n].ev;
            if (ev->type == WOAD_EV_NOTIFIED) {
                assert_int_equal(client->log[n].data[0], got & 0xff);
                assert_int_equal(ev->u.value.len, 244 - got * 37 % 244 % 199);
                got++;
            }
        }
        device_forget(client);
    }
    assert_true(got > 1000 && sent - got < 40);
    world_run(w, 2000000);
    device_forget(client);
    device_forget(server);
    for (int n = 0; n < 8; n++) {
        assert_int_equal(woad_gatt_indicate(server->host, side[PERIPHERAL].conn, TOLD, "i", 1), 0);
    }
    world_run(w, 1000000);
    assert_int_equal(device_count(client, WOAD_EV_INDICATION), 8);
    assert_int_equal(device_count(server, WOAD_EV_INDICATED), 8);
    over();
}

/* A bearer closes when the first half of a notification has left on it: later notifications use the
 * bearers that are left. */
static void reported_by_those_left(void **state)
{
    static uint8_t value[244];
    (void)state;
    buffers = 1; /* so that second halves wait */
    two(5, 5);
    bearers(3);
    for (int turn = 0; turn < 30; turn++) {
        for (int n = 0; n < 20; n++) {
            while (!woad_gatt_notify(server->host, side[PERIPHERAL].conn, TOLD, value, 244)) {
            }
            world_run(w, 1000 + (uint64_t)turn * 135);
        }
        bool by = turn % 2;
        struct device *closes = by ? client : server;
        uint16_t conn = side[by ? CENTRAL : PERIPHERAL].conn;
        assert_int_equal(woad_eatt_close(closes->host, conn), 0);
        world_run(w, 3000000);
        device_forget(client);
        device_forget(server);
        assert_int_equal(woad_gatt_notify(server->host, side[PERIPHERAL].conn, TOLD, "!", 1), 0);
        world_run(w, 100000);
        const struct seen *s = device_find(client, WOAD_EV_NOTIFIED);
        assert_true(s && s->data[0] == '!');
        bearers(3);
    }
    over();
    buffers = 0;
}

/* att_bearer_close_in_flight: all bearers close with requests outstanding.  Reads are repeated on
 * the fixed bearer, a write ends with an error; no procedure hangs, and new bearers can be
 * opened. */
static void closed_in_flight(void **state)
{
    (void)state;
    for (int by = 0; by < 2; by++) {
        two(5, 5);
        bearers(3);
        slow = true;
        assert_int_equal(read_of(A), 0);
        assert_int_equal(woad_gattc_write(client->host, side[CENTRAL].conn, B, "w", 1), 0);
        assert_int_equal(read_of(C), 0);
        assert_int_equal(read_of(D), 0);
        world_run(w, 300000);
        assert_int_equal(n_requests, 4);
        struct device *d = by ? server : client;
        assert_int_equal(woad_eatt_close(d->host, side[by ? PERIPHERAL : CENTRAL].conn), 0);
        world_run(w, 300000);
        assert_int_equal(open_now(client), 0);
        assert_int_equal(open_now(server), 0);
        assert_int_equal(device_count(client, WOAD_EV_ATT_BEARERS), 3);
        assert_int_equal(device_count(server, WOAD_EV_ATT_BEARERS), 3);
        /* Four requests and three repeated ones; the answers to those of closed bearers go to no
         * other request. */
        unsigned answered = 0;
        for (int n = 0; n < 7; n++) {
            uint8_t value = (uint8_t)requests[n_requests - 1].handle;
            int err = woad_gatt_answer(server->host, side[PERIPHERAL].conn, 0, &value, 1);
            assert_true(err == 0 || err == WOAD_EALREADY);
            answered += err == 0;
            world_run(w, 300000);
        }
        assert_in_range(answered, 3, 4);
        assert_int_equal(device_count(client, WOAD_EV_GATTC_DONE), 4);
        unsigned ended = 0;
        for (size_t n = 0; n < client->logged; n++) {
            const struct woad_event *ev = &client->log[n].ev;
            if (ev->type == WOAD_EV_GATTC_DONE && ev->u.done.status) {
                assert_int_equal(ev->u.done.status, WOAD_ENOTCONN);
                assert_int_equal(ev->u.done.handle, B);
                ended++;
            }
        }
        assert_int_equal(ended, 1);
        device_forget(client);
        device_forget(server);
        slow = false;
        bearers(2);
        over();
    }
}

/* A write fits only the bearers that have closed: it ends before it is sent, and the procedure
 * behind it goes on. */
static void too_long_now(void **state)
{
    static const uint8_t octets[40];
    (void)state;
    two(1, 1);
    bearers(1);
    slow = true;
    assert_int_equal(read_of(A), 0);
    assert_int_equal(read_of(B), 0);
    world_run(w, 300000);
    assert_int_equal(n_requests, 2);
    assert_int_equal(woad_gattc_write(client->host, side[CENTRAL].conn, C, octets, sizeof octets),
                     0);
    assert_int_equal(read_of(D), 0);
    assert_int_equal(woad_eatt_close(client->host, side[CENTRAL].conn), 0);
    world_run(w, 300000);
    unsigned answered = 0;
    for (int n = 0; n < 3; n++) { /* two requests, of which one is of the closed bearer: repeated */
        answered += woad_gatt_answer(server->host, side[PERIPHERAL].conn, 0, "x", 1) == 0;
        world_run(w, 300000);
    }
    assert_int_equal(answered, 2);
    const struct seen *s = NULL;
    for (size_t n = 0; n < client->logged; n++) {
        s = client->log[n].ev.type == WOAD_EV_GATTC_DONE && client->log[n].ev.u.done.handle == C
                ? &client->log[n]
                : s;
    }
    assert_non_null(s);
    assert_int_equal(s->ev.u.done.status, WOAD_EINVAL);
    assert_int_equal(requests[n_requests - 1].handle, D);
    over();
}

/* L2CAP/TIM/BV-03-C: both sides open all bearers at the same time. 5.4 */
static void collision(void **state)
{
    (void)state;
    for (uint8_t most = 2; most <= 5; most++) {
        two(most, most);
        assert_int_equal(woad_eatt_open(client->host, side[CENTRAL].conn, most), 0);
        assert_int_equal(woad_eatt_open(server->host, side[PERIPHERAL].conn, most), 0);
        world_run(w, 5000000);
        assert_int_equal(open_now(client), most);
        assert_int_equal(open_now(server), most);
        over();
    }
}

/* Without encryption no bearer opens; a peer with fewer bearers opens fewer, a peer without
 * Enhanced ATT none; and the end of encryption closes them. */
static void refused(void **state)
{
    static const uint8_t lost[] = { 4, 0x08, 4, 0x1f, 0x40, 0, 0 };
    (void)state;
    with_channels = true;
    att_bearers[CENTRAL] = 5;
    att_bearers[PERIPHERAL] = 5;
    pair_of(&any, &any);
    assert_int_equal(woad_eatt_open(w->device[0].host, side[0].conn, 1), WOAD_EACCES);
    assert_int_equal(woad_eatt_open(w->device[0].host, 0x7777, 1), WOAD_ENOTCONN);
    over();
    two(5, 2);
    assert_int_equal(woad_eatt_open(client->host, side[CENTRAL].conn, 0), WOAD_EINVAL);
    assert_int_equal(woad_eatt_open(client->host, side[CENTRAL].conn, 6), WOAD_EINVAL);
    assert_int_equal(woad_eatt_open(client->host, side[CENTRAL].conn, 4), 0);
    world_run(w, 300000);
    assert_int_equal(open_now(client), 2);
    assert_int_equal(device_count(client, WOAD_EV_ATT_BEARERS), 3);
    assert_int_equal(client->log[client->logged - 1].ev.u.att_bearers.status,
                     WOAD_COC_NO_RESOURCES);
    device_forget(client);
    assert_int_equal(woad_rx(server->host, lost, sizeof lost), 0);
    world_run(w, 300000);
    assert_int_equal(open_now(client), 0);
    assert_int_equal(device_count(client, WOAD_EV_ATT_BEARERS), 2);
    over();
    two(5, 0);
    assert_int_equal(woad_eatt_open(server->host, side[PERIPHERAL].conn, 1), WOAD_ENOTSUP);
    assert_int_equal(woad_eatt_open(client->host, side[CENTRAL].conn, 2), 0);
    world_run(w, 300000);
    const struct seen *s = device_find(client, WOAD_EV_ATT_BEARERS);
    assert_non_null(s);
    assert_int_equal(s->ev.u.att_bearers.status, WOAD_COC_UNKNOWN_PSM);
    assert_int_equal(device_count(client, WOAD_EV_ATT_BEARERS), 1);
    over();
}

/* A bearer without an answer for 30 s is closed; the other bearers and the connection stay. */
static void silent(void **state)
{
    (void)state;
    two(5, 5);
    bearers(2);
    slow = true;
    assert_int_equal(read_of(3), 0); /* keeps the fixed bearer busy for a moment */
    assert_int_equal(read_of(A), 0);
    world_run(w, 300000);
    assert_int_equal(n_requests, 1);
    bool fixed = requests[0].request == 0;
    world_run(w, 31000000);
    const struct seen *s = NULL;
    for (size_t n = 0; n < client->logged; n++) {
        bool it =
            client->log[n].ev.type == WOAD_EV_GATTC_DONE && client->log[n].ev.u.done.handle == A;
        s = it ? &client->log[n] : s;
    }
    assert_non_null(s);
    assert_int_equal(s->ev.u.done.status, WOAD_ETIMEDOUT);
    assert_true(fixed || !device_find(client, WOAD_EV_DISCONNECT));
    assert_int_equal(open_now(client), fixed ? 0 : 1);
    assert_false(fixed);
    over();
}

static uint16_t raw;
static uint8_t said[40];

static void say(const char *pdu, size_t len)
{
    assert_true(len <= sizeof said);
    memcpy(said, pdu, len);
    assert_int_equal(woad_coc_send(client->host, side[CENTRAL].conn, raw, said, len), 0);
    world_run(w, 300000);
}

static void rx_pdu(const char *pdu, size_t len)
{
    uint8_t got[64];
    bool end;
    int n = woad_coc_read(client->host, side[CENTRAL].conn, raw, got, sizeof got, &end);
    assert_int_equal(n, len);
    assert_true(end);
    assert_memory_equal(got, pdu, len);
}

/* The test builds the client's PDUs.  A bearer is an enhanced channel, its MTU is the channel's,
 * and its requests wait until the one before is answered.  Part G, 5.3.1 */
static void raw_bearer(void **state)
{
    static uint8_t rx[600];
    void *const mem[1] = { rx };
    const struct woad_coc_params p = { .psm = 0x27, .mtu = 100 };
    (void)state;
    two(0, 5);
    assert_int_equal(woad_coc_connect(client->host, side[CENTRAL].conn, &p, rx, 600, &raw), 0);
    world_run(w, 300000);
    const struct seen *s = device_find(client, WOAD_EV_COC_CLOSED);
    assert_true(s && s->ev.u.coc.status == WOAD_COC_UNKNOWN_PSM);
    device_forget(client);
    assert_int_equal(
        woad_coc_connect_enhanced(client->host, side[CENTRAL].conn, &p, mem, 600, 1, &raw), 0);
    world_run(w, 300000);
    assert_non_null(device_find(client, WOAD_EV_COC_OPEN));
    say("\x02\x64\x00", 3); /* Exchange MTU is not allowed here */
    rx_pdu("\x01\x02\x00\x00\x06", 5);
    say("", 0);
    say("\x1e", 1);
    slow = true;
    static const char a[] = { 0x0a, A, 0 }, b[] = { 0x0a, B, 0 };
    say(a, 3);
    say(b, 3);
    assert_int_equal(n_requests, 1); /* the second request waits in its channel */
    assert_int_equal(requests[0].handle, A);
    assert_int_equal(woad_gatt_answer(server->host, side[PERIPHERAL].conn, 0, "a", 1), 0);
    world_run(w, 300000);
    rx_pdu("\x0b"
           "a",
           2);
    assert_int_equal(n_requests, 2);
    assert_int_equal(requests[1].handle, B);
    assert_int_equal(woad_gatt_answer(server->host, side[PERIPHERAL].conn, 0, "b", 1), 0);
    world_run(w, 300000);
    rx_pdu("\x0b"
           "b",
           2);
    assert_int_equal(woad_coc_listen(server->host, &p), WOAD_EALREADY);
    over();
}

static unsigned commands;

/* An application that calls woad_tx() inside the event. */
static void on_command(struct device *d, const struct woad_event *ev)
{
    uint8_t packet[600];
    if (ev->type == WOAD_EV_GATT_WRITE && !ev->u.gatt_write.need_answer) {
        uint8_t octet = ev->u.gatt_write.data[0];
        commands++;
        while (woad_tx(d->host, packet, sizeof packet) > 0) {
        }
        assert_int_equal(ev->u.gatt_write.data[0], octet);
    }
}

static void comes(char op, uint16_t handle, char value)
{
    uint8_t n = op == 0x0a ? 3 : 4; /* octets of the PDU; a read has no value */
    const uint8_t k[] = { 2, 0x40, 0x20,        (uint8_t)(n + 6), 0, (uint8_t)(n + 2), 0, 0x40, 0,
                          n, 0,    (uint8_t)op, (uint8_t)handle,  0, (uint8_t)value };
    assert_int_equal(woad_rx(server->host, k, sizeof k - (op == 0x0a)), 0);
}

static void pull(void)
{
    uint8_t packet[600];
    while (woad_tx(server->host, packet, sizeof packet) > 0) {
    }
}

/* The data of an event stay unchanged until the event returns, although another PDU waits. */
static void pulled_from_inside(void **state)
{
    static uint8_t rx[600];
    void *const mem[1] = { rx };
    const struct woad_coc_params p = { .psm = 0x27, .mtu = 100 };
    uint8_t packet[600];
    (void)state;
    two(0, 5);
    slow = true;
    commands = 0;
    assert_int_equal(
        woad_coc_connect_enhanced(client->host, side[CENTRAL].conn, &p, mem, 600, 1, &raw), 0);
    world_run(w, 300000);
    server->on_event = on_command;
    comes(0x0a, A, 0);
    pull();
    comes(0x52, A, 'x'); /* a command does not wait for the answer */
    assert_int_equal(commands, 1);
    pull();
    comes(0x0a, B, 0); /* this request waits, and so does the command behind it */
    comes(0x52, A, 'y');
    assert_int_equal(commands, 1);
    assert_int_equal(woad_gatt_answer(server->host, side[PERIPHERAL].conn, 0, "a", 1), 0);
    do {
        assert_true(woad_tx(server->host, packet, sizeof packet) > 0);
    } while (packet[11] != 0x0b);
    pull();
    assert_int_equal(commands, 2);
    over();
}

/* While the application executes the prepared writes of one bearer, another bearer can't add to
 * them. */
static void prepared_elsewhere(void **state)
{
    static uint8_t rx[600];
    void *const mem[1] = { rx };
    const struct woad_coc_params p = { .psm = 0x27, .mtu = 100 };
    static const char part[] = { 0x16, A, 0, 0, 0, 'x' }, other[] = { 0x16, B, 0, 0, 0, 'y' };
    (void)state;
    two(0, 5);
    slow = true;
    assert_int_equal(
        woad_coc_connect_enhanced(client->host, side[CENTRAL].conn, &p, mem, 600, 1, &raw), 0);
    world_run(w, 300000);
    say(part, 6);
    rx_pdu("\x17"
           "\x10"
           "\x00\x00\x00x",
           6);
    say("\x18\x01", 2); /* Execute: the application must answer */
    assert_int_equal(n_requests, 1);
    uint16_t bearer = raw;
    uint8_t again[600];
    void *const more[1] = { again };
    assert_int_equal(
        woad_coc_connect_enhanced(client->host, side[CENTRAL].conn, &p, more, 600, 1, &raw), 0);
    world_run(w, 300000);
    say(other, 6);
    rx_pdu("\x01\x16"
           "\x12"
           "\x00\x09",
           5); /* Prepare Queue Full */
    say("\x18\x01", 2);
    rx_pdu("\x01\x18\x00\x00\x09", 5);
    raw = bearer;
    assert_int_equal(woad_gatt_answer(server->host, side[PERIPHERAL].conn, 0, NULL, 0), 0);
    world_run(w, 300000);
    rx_pdu("\x19", 1);
    over();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_once),
        cmocka_unit_test(all_kinds),
        cmocka_unit_test(reported),
        cmocka_unit_test(reported_by_those_left),
        cmocka_unit_test(closed_in_flight),
        cmocka_unit_test(too_long_now),
        cmocka_unit_test(collision),
        cmocka_unit_test(refused),
        cmocka_unit_test(silent),
        cmocka_unit_test(raw_bearer),
        cmocka_unit_test(prepared_elsewhere),
        cmocka_unit_test(pulled_from_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
