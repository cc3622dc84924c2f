/* One host with sixty connections: each gets the same service.  A database of a thousand
 * attributes. */
#include "cm.h"

#include "world.h"

enum { PEERS = 60, ATTRS = 1000, VALUE = 12 };

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_NOTIFY, 0),
    WOAD_CCCD,
};
static unsigned received[WORLD_MAX];

static void count(struct device *d, const struct woad_event *ev)
{
    received[d - d->world->device] += ev->type == WOAD_EV_NOTIFIED;
    device_forget(d);
}

static void sixty_connections(void **state)
{
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params params = { 16, 16, 160, 160, 0, 600, 5000 };
    struct world *w = world_new(60, 0);
    struct woad_config host = world_host_config(PEERS);
    uint16_t conns[PEERS];
    (void)state;
    host.tx_queue = 600;
    struct device *hub = world_add_config(w, host, world_controller_config(w, PEERS));
    assert_int_equal(woad_gatt_add(hub->host, db, 4, NULL), 0);
    for (int i = 0; i < PEERS; i++) {
        struct device *d = world_add(w, 1);
        device_forget(hub);
        assert_int_equal(woad_adv_start(d->host, &fast), 0);
        assert_int_equal(woad_connect(hub->host, &d->addr, &params), 0);
        const struct seen *s = world_wait(w, hub, WOAD_EV_CONNECT, 5000000);
        assert_non_null(s);
        conns[i] = s->ev.conn;
        d->on_event = count;
    }
    world_run(w, 2000000);
    memset(received, 0, sizeof received);
    for (int turn = 0; turn < 4000; turn++) {
        for (int i = 0; i < PEERS; i++) {
            int err = woad_gatt_notify(hub->host, conns[i], VALUE, "0123456789012345678", 20);
            assert_true(err == 0 || err == WOAD_EAGAIN);
        }
        device_forget(hub);
        world_run(w, 5000);
    }
    assert_null(device_find(hub, WOAD_EV_DISCONNECT));
    unsigned min_u32 = UINT32_MAX, sum = 0;
    for (int i = 1; i <= PEERS; i++) {
        min_u32 = received[i] < min_u32 ? received[i] : min_u32;
        sum += received[i];
    }
    print_message("60 connections, 20 s: %u notifications, the slowest has %u, the mean is %u\n",
                  sum, min_u32, sum / PEERS);
    assert_true(min_u32 * PEERS >= sum * 0.9);
    world_free(w);
}

/* Services of five attributes each; every handle is found, the last one like the first. */
static void a_thousand_attributes(void **state)
{
    static struct woad_attr many[ATTRS];
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params params = { 16, 16, 6, 6, 0, 600, 5000 };
    const struct woad_attr one[] = {
        WOAD_PRIMARY(&u_service),
        WOAD_CHARACTERISTIC_CONST(&u_value, "abc", 3),
        WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_READ, WOAD_PERM_READ),
    };
    for (size_t i = 0; i < ATTRS; i++) {
        many[i] = one[i % 5];
    }
    struct world *w = world_new(61, 0);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    uint16_t first;
    (void)state;
    assert_int_equal(woad_gatt_add(p->host, many, ATTRS, &first), 0);
    woad_adv_start(p->host, &fast);
    woad_connect(c->host, &p->addr, &params);
    const struct seen *s = world_wait(w, c, WOAD_EV_CONNECT, 5000000);
    uint16_t conn = s->ev.conn, last = (uint16_t)(first + ATTRS - 1);
    woad_gattc_services(c->host, conn, NULL);
    world_run(w, 20000000);
    assert_int_equal(device_count(c, WOAD_EV_SERVICE), 2 + ATTRS / 5);
    device_forget(c);
    p->value_len = 1;
    for (uint16_t handle = (uint16_t)(last - 4); handle != (uint16_t)(last + 2); handle++) {
        assert_int_equal(woad_gattc_read(c->host, conn, handle), 0);
    }
    world_run(w, 1000000);
    assert_int_equal(device_count(c, WOAD_EV_READ), 5);
    assert_int_equal(c->log[c->logged - 1].ev.u.done.status, WOAD_ATT_INVALID_HANDLE);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sixty_connections),
                                        cmocka_unit_test(a_thousand_attributes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
