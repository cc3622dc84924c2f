/* A central on controllers of every version connects to a bonded peer with private addresses, with
 * and without a report of the current address.  Over a bad radio each attempt ends with one
 * event. */
#include "pairing.h"

static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };

static struct device *device(const char *profile, uint16_t seed)
{
    static const struct woad_feature *features[] = { &woad_feature_advertiser,
                                                     &woad_feature_scanner,
                                                     &woad_feature_accept_list,
                                                     &woad_feature_central,
                                                     &woad_feature_gatt_server,
                                                     &woad_feature_gatt_client,
                                                     &woad_feature_link_control,
                                                     &woad_feature_security_manager,
                                                     &woad_feature_resolving_list,
                                                     &woad_feature_reconnection,
                                                     NULL };
    struct woad_config host = world_host_config(2);
    struct woad_air_controller_config c = world_controller_config(w, 1);
    host.features = features;
    host.crypto = &crypto;
    host.random = random_octets;
    host.bonds = 4;
    host.accept_list = 2;
    assert_true(woad_air_profile(profile, &c));
    side[w->devices] = (struct side){ .random = seed };
    struct device *d = world_add_config(w, host, c);
    d->on_event = on_event;
    assert_int_equal(woad_set_security_policy(d->host, &any), 0);
    return d;
}

/* Connects to `peer`, or to the accept list if it is NULL, and disconnects again. */
static void attempt(struct device *c, struct device *p, const struct woad_addr *peer,
                    const struct woad_addr *id)
{
    static const struct woad_connect_params params = { 16, 16, 6, 6, 0, 100, 5000 };
    world_run(w, 61000000); /* long enough for another private address */
    assert_int_equal(woad_adv_start(p->host, &fast), 0);
    device_forget(c);
    assert_int_equal(woad_connect(c->host, peer, &params), 0);
    const struct seen *s = world_wait(w, c, WOAD_EV_CONNECT, 6000000);
    assert_non_null(s);
    assert_memory_equal(&s->ev.u.connect.peer, id, 7);
    assert_int_equal(woad_disconnect(c->host, side[0].conn, 0x13), 0);
    world_run(w, 1000000);
    assert_int_equal(device_count(c, WOAD_EV_CONNECT), 1);
    assert_int_equal(device_count(c, WOAD_EV_CONNECT_FAILED), 0);
    assert_int_equal(device_count(c, WOAD_EV_DISCONNECT), 1);
    assert_int_equal(woad_adv_stop(p->host), 0);
    world_run(w, 100000);
}

/* GAP/CONN/GCEP: the central finds the peer by a scan if its controller does not resolve addresses,
 * else by its controller: after the address has changed, after a restart with the bond restored,
 * and by the accept list. */
static void found_wherever_it_hides(void **state)
{
    static const char *const profiles[] = { "4.0", "4.1", "4.2", "5.4" };
    (void)state;
    for (int k = 0; k < 4; k++) {
        w = world_new(5, 0);
        struct device *c = device(profiles[k], 77), *p = device("5.4", 78);
        uint8_t irk[16] = { 9, 1 };
        struct woad_addr id = p->addr;
        assert_int_equal(woad_set_irk(p->host, irk), 0);
        assert_int_equal(woad_set_privacy(p->host, WOAD_PRIVACY_RESOLVABLE, 60), 0);
        world_run(w, 100000);
        assert_int_equal(woad_own_address(p->host, &p->addr), 0);
        connect_both(c, p);
        assert_int_equal(woad_pair(c->host, side[0].conn), 0);
        world_run(w, 3000000);
        assert_int_equal(side[0].bonds, 1);
        assert_int_equal(woad_disconnect(c->host, side[0].conn, 0x13), 0);
        world_run(w, 500000);
        attempt(c, p, &id, &id);
        struct woad_bond bond = side[0].bond;
        assert_int_equal(woad_bond_remove(c->host, NULL), 0);
        world_run(w, 100000);
        assert_int_equal(woad_bond_add(c->host, &bond), 0);
        attempt(c, p, &id, &id);
        assert_int_equal(woad_accept_list_set(c->host, &id, 1), 0);
        world_run(w, 100000);
        attempt(c, p, NULL, &id);
        world_free(w);
    }
}

static struct device *lossy;

/* A peripheral advertises again after a connection that was not established. */
static void on_peripheral(struct device *d, const struct woad_event *ev)
{
    on_event(d, ev);
    if (ev->type == WOAD_EV_DISCONNECT) {
        assert_int_equal(woad_adv_start(d->host, &fast), 0);
    }
}

/* Every other packet is lost: each attempt leads to a connection on which packets were received, or
 * fails.  A connection that is not established gets no WOAD_EV_CONNECT. */
static void each_attempt_ends_once(void **state)
{
    static const struct woad_connect_params params = { 16, 16, 6, 6, 0, 600, 10000 };
    size_t held = 0, retried = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        w = world_new(seed, 500);
        lossy = device("5.4", 77);
        struct device *p = device("5.4", 78);
        p->on_event = on_peripheral;
        assert_int_equal(woad_adv_start(p->host, &fast), 0);
        world_run(w, 100000);
        device_forget(lossy);
        device_forget(p);
        assert_int_equal(woad_connect(lossy->host, &p->addr, &params), 0);
        world_run(w, 12000000);
        assert_int_equal(
            device_count(lossy, WOAD_EV_CONNECT) + device_count(lossy, WOAD_EV_CONNECT_FAILED), 1);
        for (size_t n = 0; n < lossy->logged; n++) {
            const struct woad_event *ev = &lossy->log[n].ev;
            assert_false(ev->type == WOAD_EV_DISCONNECT && ev->u.disconnect.reason == 0x3e);
        }
        held += device_count(lossy, WOAD_EV_CONNECT);
        retried += device_count(p, WOAD_EV_CONNECT) > 1;
        world_free(w);
    }
    assert_true(held > 20);
    assert_true(retried > 0);
}

/* The same with a peer that has an IRK, and does not hide: network privacy mode, all that Bluetooth
 * 4.2 has, would ignore it. */
static void found_although_it_does_not_hide(void **state)
{
    static const char *const profiles[] = { "4.0", "4.1", "4.2", "5.0", "5.4" };
    (void)state;
    for (int k = 0; k < 5; k++) {
        w = world_new(5, 0);
        struct device *c = device(profiles[k], 77), *p = device("5.4", 78);
        uint8_t irk[16] = { 9, 1 };
        struct woad_addr id = p->addr;
        assert_int_equal(woad_set_irk(p->host, irk), 0);
        world_run(w, 100000);
        connect_both(c, p);
        assert_int_equal(woad_pair(c->host, side[0].conn), 0);
        world_run(w, 3000000);
        assert_int_equal(side[0].bonds, 1);
        assert_int_equal(woad_disconnect(c->host, side[0].conn, 0x13), 0);
        world_run(w, 500000);
        attempt(c, p, &id, &id);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_wherever_it_hides),
        cmocka_unit_test(found_although_it_does_not_hide),
        cmocka_unit_test(each_attempt_ends_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
