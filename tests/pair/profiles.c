/* A Woad host on every controller profile, each with each, in both roles: a long write and read,
 * notifications, service discovery, a parameter update, link information. */
#include "cm.h"

#include "world.h"

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY,
                             WOAD_PERM_READ | WOAD_PERM_WRITE),
};
enum { VALUE = 12 };

static struct device *add(struct world *w, const char *profile)
{
    struct woad_air_controller_config c = world_controller_config(w, 1);
    assert_true(woad_air_profile(profile, &c));
    return world_add_config(w, world_host_config(2), c);
}

/* Connects; repeats until the connection is established: some packets are lost. */
static void connect_both(struct world *w, struct device *c, struct device *p, uint16_t *cp,
                         uint16_t *pc)
{
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params params = { 16, 16, 12, 12, 0, 600, 0 };
    const struct seen *s = NULL;
    for (int tries = 0; tries < 20 && !s; tries++) {
        device_forget(c);
        device_forget(p);
        woad_adv_start(p->host, &fast);
        woad_connect(c->host, &p->addr, &params);
        world_run(w, 700000);
        s = device_find(p, WOAD_EV_CONNECT) && !device_find(p, WOAD_EV_DISCONNECT)
                ? device_find(c, WOAD_EV_CONNECT)
                : NULL;
    }
    assert_non_null(s);
    *cp = s->ev.conn;
    *pc = device_find(p, WOAD_EV_CONNECT)->ev.conn;
    device_forget(c);
}

static void meet(const char *central, const char *peripheral)
{
    static const struct woad_connect_params slower = { 16, 16, 24, 24, 0, 600, 0 };
    struct world *w = world_new(7, 20);
    struct device *c = add(w, central), *p = add(w, peripheral);
    uint16_t cp, pc;
    uint8_t big[512];
    for (size_t n = 0; n < sizeof big; n++) {
        big[n] = (uint8_t)(n * 5);
    }
    assert_int_equal(woad_gatt_add(p->host, db, 4, NULL), 0);
    connect_both(w, c, p, &cp, &pc);
    assert_int_equal(woad_gattc_exchange_mtu(c->host, cp), 0);
    assert_int_equal(woad_gattc_services(c->host, cp, NULL), 0);
    assert_int_equal(woad_gattc_write_long(c->host, cp, VALUE, big, 512, true), 0);
    assert_int_equal(woad_gattc_read(c->host, cp, VALUE), 0);
    world_run(w, 20000000);
    assert_int_equal(device_count(c, WOAD_EV_GATTC_DONE), 4);
    assert_int_equal(device_count(c, WOAD_EV_SERVICE), 3);
    assert_int_equal(p->value_len, 512);
    assert_memory_equal(p->value, big, 512);
    for (size_t n = 0; n < c->logged; n++) {
        assert_false(c->log[n].ev.type == WOAD_EV_GATTC_DONE && c->log[n].ev.u.done.status);
    }
    size_t sent = 0;
    device_forget(c);
    while (woad_gatt_notify(p->host, pc, VALUE, big, 20) == 0) {
        sent++;
    }
    assert_int_equal(woad_link_read(p->host, pc, WOAD_LINK_VERSION), 0);
    world_run(w, 5000000);
    assert_int_equal(device_count(c, WOAD_EV_NOTIFIED), sent);
    /* Either side requests other parameters, by the link layer or by L2CAP, as the controllers
     * allow. */
    device_forget(c);
    device_forget(p);
    assert_int_equal(woad_conn_update(p->host, pc, &slower), 0);
    world_run(w, 2000000);
    assert_non_null(device_find(p, WOAD_EV_CONN_UPDATE));
    assert_int_equal(device_find(p, WOAD_EV_CONN_UPDATE)->ev.u.conn_update.status, 0);
    assert_int_equal(device_find(p, WOAD_EV_CONN_UPDATE)->ev.u.conn_update.interval_1250us, 24);
    assert_int_equal(device_count(p, WOAD_EV_CONN_UPDATE), 1);
    device_forget(c);
    assert_int_equal(woad_link_set_phy(c->host, cp, WOAD_PHYS_2M, WOAD_PHYS_2M, WOAD_CODING_ANY),
                     0);
    world_run(w, 2000000);
    assert_int_equal(device_count(c, WOAD_EV_LINK), 1);
    const struct woad_link_value *v = &device_find(c, WOAD_EV_LINK)->ev.u.link;
    bool both = central[0] == '5' && peripheral[0] == '5';
    assert_int_equal(v->item, WOAD_LINK_PHY);
    assert_true(both ? v->status == 0 && v->tx_phy == 2 && v->rx_phy == 2
                     : v->status != 0 || v->tx_phy == 1);
    assert_int_equal(woad_disconnect(c->host, cp, 0x13), 0);
    assert_non_null(world_wait(w, p, WOAD_EV_DISCONNECT, 2000000));
    assert_int_equal(device_find(p, WOAD_EV_DISCONNECT)->ev.u.disconnect.reason, 0x13);
    world_free(w);
}

static void every_kind_with_every_kind(void **state)
{
    const char *a, *b, *what;
    size_t met = 0;
    (void)state;
    for (size_t n = 0; (a = woad_air_profile_name(n, &what)) != NULL; n++) {
        for (size_t k = 0; (b = woad_air_profile_name(k, &what)) != NULL; k++, met++) {
            meet(a, b);
        }
    }
    assert_true(met >= 36);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_kind_with_every_kind) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
