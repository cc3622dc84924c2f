/* GATT between two hosts over the air, in virtual time. */
#include "cm.h"

#include "world.h"

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC(&u_value,
                        WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE,
                        WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CCCD,
};
enum { VALUE = 12, CCCD = 13 };

struct link {
    struct world *w;
    struct device *p, *c;
    uint16_t pc, cp;
};

static struct link connect_with_features(uint64_t seed, uint16_t loss, uint16_t interval)
{
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct woad_connect_params params = { 16, 16, interval, interval, 0, 3200, 0 };
    struct link l = { .w = world_new(seed, loss) };
    l.p = world_add(l.w, 2);
    l.c = world_add(l.w, 2);
    assert_int_equal(woad_gatt_add(l.p->host, db, 4, NULL), 0);
    for (int tries = 0; tries < 50; tries++) {
        woad_adv_start(l.p->host, &fast);
        woad_connect(l.c->host, &l.p->addr, &params);
        if (world_wait(l.w, l.c, WOAD_EV_CONNECT, 10000000) &&
            world_wait(l.w, l.p, WOAD_EV_CONNECT, 200000)) {
            break;
        }
        /* The CONNECT_IND was lost: the central notices after six intervals. */
        world_run(l.w, 2000000);
        device_forget(l.c);
        device_forget(l.p);
    }
    l.cp = device_find(l.c, WOAD_EV_CONNECT)->ev.conn;
    l.pc = device_find(l.p, WOAD_EV_CONNECT)->ev.conn;
    device_forget(l.c);
    device_forget(l.p);
    return l;
}

static int last_status(const struct device *d)
{
    for (size_t i = d->logged; i; i--) {
        if (d->log[i - 1].ev.type == WOAD_EV_GATTC_DONE) {
            return d->log[i - 1].ev.u.done.status;
        }
    }
    return -9999;
}

/* A value of 512 octets arrives whole over MTU 23 and larger ones, at every loss rate. */
static void long_values(void **state)
{
    (void)state;
    for (uint16_t loss = 0; loss <= 200; loss = (uint16_t)(loss + 50)) {
        struct link l = connect_with_features(100u + loss, loss, 12);
        uint8_t big[512];
        for (size_t i = 0; i < sizeof big; i++) {
            big[i] = (uint8_t)(i * 3 + loss);
        }
        if (loss & 64) {
            assert_int_equal(woad_gattc_exchange_mtu(l.c->host, l.cp), 0);
        }
        assert_int_equal(woad_gattc_write_long(l.c->host, l.cp, VALUE, big, sizeof big, true), 0);
        assert_int_equal(woad_gattc_read(l.c->host, l.cp, VALUE), 0);
        world_run(l.w, 20000000);
        assert_int_equal(device_count(l.c, WOAD_EV_GATTC_DONE), loss & 64 ? 3 : 2);
        assert_int_equal(last_status(l.c), 0);
        assert_int_equal(l.p->value_len, 512);
        assert_memory_equal(l.p->value, big, sizeof big);
        size_t octets = 0;
        for (size_t i = 0; i < l.c->logged; i++) {
            const struct seen *s = &l.c->log[i];
            if (s->ev.type == WOAD_EV_READ) {
                assert_int_equal(s->ev.u.value.offset, octets);
                assert_memory_equal(s->data, big + octets, s->ev.u.value.len);
                octets += s->ev.u.value.len;
            }
        }
        assert_int_equal(octets, 512);
        world_free(l.w);
    }
}

/* 2,000 notifications through a full queue: each arrives once, in order, at every loss rate. */
static void notifications_with_back_pressure(void **state)
{
    (void)state;
    for (uint16_t loss = 0; loss <= 300; loss = (uint16_t)(loss + 150)) {
        struct link l = connect_with_features(200u + loss, loss, 6);
        uint32_t sent = 0, got = 0;
        bool full = false;
        for (unsigned turns = 0; got < 2000 && turns < 200000; turns++) {
            while (sent < 2000) {
                uint8_t v[20] = { (uint8_t)sent, (uint8_t)(sent >> 8) };
                int err = woad_gatt_notify(l.p->host, l.pc, VALUE, v, sizeof v);
                if (err) {
                    assert_int_equal(err, WOAD_EAGAIN);
                    full = true;
                    break;
                }
                sent++;
            }
            world_run(l.w, 2500);
            for (size_t i = 0; i < l.c->logged; i++) {
                if (l.c->log[i].ev.type == WOAD_EV_NOTIFIED) {
                    assert_int_equal(l.c->log[i].data[0] | l.c->log[i].data[1] << 8, got);
                    got++;
                }
            }
            device_forget(l.c);
        }
        assert_int_equal(got, 2000);
        assert_true(full);
        assert_true(device_count(l.p, WOAD_EV_TX_READY) > 0);
        world_free(l.w);
    }
}

static void indications_in_order(void **state)
{
    struct link l = connect_with_features(300, 100, 6);
    (void)state;
    for (uint8_t i = 0; i < 30; i++) {
        assert_int_equal(woad_gatt_indicate(l.p->host, l.pc, VALUE, &i, 1), 0);
    }
    world_run(l.w, 5000000);
    assert_int_equal(device_count(l.c, WOAD_EV_INDICATION), 30);
    assert_int_equal(device_count(l.p, WOAD_EV_INDICATED), 30);
    world_free(l.w);
}

static void subscriptions_are_the_connections_own(void **state)
{
    struct link l = connect_with_features(301, 0, 12);
    (void)state;
    assert_int_equal(woad_gatt_subscription(l.p->host, l.pc, VALUE), 0);
    woad_gattc_write(l.c->host, l.cp, CCCD, "\2\0", 2);
    world_run(l.w, 300000);
    assert_int_equal(woad_gatt_subscription(l.p->host, l.pc, VALUE), 2);
    const struct seen *s = device_find(l.p, WOAD_EV_SUBSCRIBE);
    assert_int_equal(s->ev.u.subscribe.value_handle, VALUE);
    woad_disconnect(l.c->host, l.cp, 0x13);
    world_run(l.w, 300000);
    assert_int_equal(woad_gatt_subscription(l.p->host, l.pc, VALUE), 0);
    world_free(l.w);
}

/* Every pending operation ends once when the connection ends. */
static void disconnect_with_all_pending(void **state)
{
    (void)state;
    for (uint64_t ms = 0; ms < 200; ms += 3) {
        struct link l = connect_with_features(400 + ms, 0, 12);
        assert_int_equal(woad_gattc_services(l.c->host, l.cp, NULL), 0);
        assert_int_equal(woad_gattc_characteristics(l.c->host, l.cp, 1, 0xffff, NULL), 0);
        assert_int_equal(woad_gattc_read(l.c->host, l.cp, VALUE), 0);
        assert_int_equal(woad_gattc_write(l.c->host, l.cp, VALUE, "x", 1), 0);
        assert_int_equal(woad_gatt_indicate(l.p->host, l.pc, VALUE, "a", 1), 0);
        assert_int_equal(woad_gatt_indicate(l.p->host, l.pc, VALUE, "b", 1), 0);
        world_run(l.w, ms * 1000);
        if (ms & 1) {
            woad_disconnect(l.c->host, l.cp, 0x13);
        } else {
            woad_disconnect(l.p->host, l.pc, 0x13);
        }
        world_run(l.w, 500000);
        assert_int_equal(device_count(l.c, WOAD_EV_GATTC_DONE), 4);
        assert_int_equal(device_count(l.p, WOAD_EV_INDICATED), 2);
        assert_int_equal(device_count(l.c, WOAD_EV_DISCONNECT), 1);
        assert_int_equal(l.c->log[l.c->logged - 1].ev.type, WOAD_EV_DISCONNECT);
        assert_int_equal(l.p->log[l.p->logged - 1].ev.type, WOAD_EV_DISCONNECT);
        world_free(l.w);
    }
}

/* A link with full queues in both directions ends within some intervals on both sides, whichever
 * side disconnects: the acknowledgement of LL_TERMINATE_IND is sent however late in the event that
 * PDU is.  Vol 6, Part B, 5.1.6 */
static void disconnect_under_traffic(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 200; n++) {
        struct link l = connect_with_features(600 + n, 0, 6);
        uint8_t v[64] = { 0 };
        size_t len = n % 61;
        woad_gattc_exchange_mtu(l.c->host, l.cp);
        for (unsigned turn = 0; turn < 40; turn++) {
            while (woad_gatt_notify(l.p->host, l.pc, VALUE, v, len) == 0) {
            }
            while (woad_gattc_write_command(l.c->host, l.cp, VALUE, v, 20) == 0) {
            }
            device_forget(l.c);
            device_forget(l.p);
            world_run(l.w, 2500 + n * 13);
        }
        bool by_peripheral = n % 4 != 0;
        struct woad *closes = by_peripheral ? l.p->host : l.c->host;
        uint16_t number = by_peripheral ? l.pc : l.cp;
        assert_int_equal(woad_disconnect(closes, number, 0x13), 0);
        for (unsigned ms = 0; ms < 100; ms++) {
            size_t events = l.p->logged + l.c->logged;
            if (events > WORLD_LOG && !device_find(l.p, WOAD_EV_DISCONNECT) &&
                !device_find(l.c, WOAD_EV_DISCONNECT)) {
                device_forget(l.p);
                device_forget(l.c);
            }
            world_run(l.w, 1000);
        }
        assert_non_null(device_find(l.p, WOAD_EV_DISCONNECT));
        assert_non_null(device_find(l.c, WOAD_EV_DISCONNECT));
        world_free(l.w);
    }
}

static void nothing(struct device *d, const struct woad_event *ev)
{
    (void)d;
    (void)ev;
}

/* A server never answers: after 30 s the procedure ends, then the connection. */
static void transaction_timeout(void **state)
{
    struct link l = connect_with_features(500, 0, 40);
    (void)state;
    l.p->own_answers = true;
    l.p->on_event = nothing;
    assert_int_equal(woad_gattc_read(l.c->host, l.cp, VALUE), 0);
    uint64_t before = woad_air_now(l.w->air);
    const struct seen *s = world_wait(l.w, l.c, WOAD_EV_GATTC_DONE, 31000000);
    assert_non_null(s);
    assert_int_equal(s->ev.u.done.status, WOAD_ETIMEDOUT);
    assert_in_range(woad_air_now(l.w->air) - before, 29999000, 30002000);
    assert_non_null(world_wait(l.w, l.c, WOAD_EV_DISCONNECT, 1000000));
    world_run(l.w, 1000000);
    assert_int_equal(woad_gatt_answer(l.p->host, l.pc, 0, "x", 1), WOAD_ENOTCONN);
    world_free(l.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_values),
        cmocka_unit_test(notifications_with_back_pressure),
        cmocka_unit_test(indications_in_order),
        cmocka_unit_test(subscriptions_are_the_connections_own),
        cmocka_unit_test(disconnect_with_all_pending),
        cmocka_unit_test(disconnect_under_traffic),
        cmocka_unit_test(transaction_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
