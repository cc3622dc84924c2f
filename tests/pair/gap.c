/* Two and more hosts over the air, in virtual time: advertising, scanning, connecting. */
#include "cm.h"

#include "world.h"

static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
static const struct woad_connect_params params = { 16, 16, 24, 40, 0, 256, 2000 };

/* A connection to an advertiser of 500 ms is created at 1,000 different moments: it is established
 * each time. */
static void connect_at_any_moment(void **state)
{
    static const struct woad_adv_params slow = { .kind = WOAD_ADV_IND, .interval_625us = 800 };
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct world *w = world_new(seed, 0);
        struct device *p = world_add(w, 2), *c = world_add(w, 2);
        assert_int_equal(woad_adv_start(p->host, &slow), 0);
        world_run(w, 1000 + seed * 17);
        assert_int_equal(woad_connect(c->host, &p->addr, &params), 0);
        assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 2000000));
        world_run(w, 250000);
        assert_null(device_find(c, WOAD_EV_DISCONNECT));
        assert_non_null(device_find(p, WOAD_EV_CONNECT));
        assert_false(woad_adv_running(p->host));
        world_free(w);
    }
}

static void scan_reports(void **state)
{
    struct world *w = world_new(7, 0);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    struct woad_adv_params scannable = { .kind = WOAD_ADV_SCAN_IND, .interval_625us = 160 };
    struct woad_scan_params scan = { 48, 48, false, false, 3000, false };
    const uint8_t data[] = { 2, 1, 6 }, rsp[] = { 5, 9, 'W', 'o', 'a', 'd' };
    (void)state;
    c->keep_reports = true;
    woad_adv_set_data(p->host, data, sizeof data);
    woad_adv_set_scan_response(p->host, rsp, sizeof rsp);
    assert_int_equal(woad_adv_start(p->host, &scannable), 0);
    assert_int_equal(woad_scan_start(c->host, &scan), 0);
    assert_int_equal(woad_scan_start(c->host, &scan), WOAD_EALREADY);
    uint64_t before = woad_air_now(w->air);
    assert_non_null(world_wait(w, c, WOAD_EV_SCAN_DONE, 4000000));
    uint64_t took = woad_air_now(w->air) - before;
    assert_in_range(took, 2999000, 3002000);
    /* 3 s at 100 ms and 0 to 10 ms of delay: the scanner receives each event once. */
    assert_in_range(c->reports, 26, 30);
    const struct seen *s = device_find(c, WOAD_EV_REPORT);
    assert_int_equal(s->ev.u.report.kind, 2);
    assert_int_equal(s->ev.u.report.len, sizeof data);
    assert_memory_equal(s->data, data, sizeof data);
    assert_memory_equal(s->ev.u.report.addr.octet, p->addr.octet, 6);
    assert_in_range(-s->ev.u.report.rssi, 35, 45); /* 1 m: 40 dB */

    device_forget(c);
    scan.active = true;
    assert_int_equal(woad_scan_start(c->host, &scan), 0);
    assert_non_null(world_wait(w, c, WOAD_EV_SCAN_DONE, 4000000));
    bool answered = false;
    for (size_t i = 0; i < c->logged; i++) {
        s = &c->log[i];
        if (s->ev.type == WOAD_EV_REPORT && s->ev.u.report.kind == 4) {
            answered = true;
            assert_int_equal(s->ev.u.report.len, sizeof rsp);
            assert_memory_equal(s->data, rsp, sizeof rsp);
        }
    }
    assert_true(answered);

    device_forget(c);
    scan.filter_duplicates = true;
    assert_int_equal(woad_scan_start(c->host, &scan), 0);
    assert_non_null(world_wait(w, c, WOAD_EV_SCAN_DONE, 4000000));
    assert_int_equal(device_count(c, WOAD_EV_REPORT), 2);
    world_free(w);
}

static void scan_stops(void **state)
{
    struct world *w = world_new(8, 0);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    (void)state;
    woad_adv_start(p->host, &fast);
    assert_int_equal(woad_scan_start(c->host, &scan), 0);
    world_run(w, 500000);
    uint64_t reports = c->reports;
    assert_true(reports > 10);
    assert_int_equal(woad_scan_stop(c->host), 0);
    world_run(w, 500000);
    assert_int_equal(c->reports, reports);
    assert_int_equal(device_count(c, WOAD_EV_SCAN_DONE), 1);
    assert_int_equal(woad_scan_stop(c->host), 0);
    /* A scan that is started and stopped before a command was sent. */
    assert_int_equal(woad_scan_start(c->host, &scan), 0);
    assert_int_equal(woad_scan_stop(c->host), 0);
    world_run(w, 100000);
    assert_int_equal(device_count(c, WOAD_EV_SCAN_DONE), 2);
    world_free(w);
}

static void connect_timeout_and_cancel(void **state)
{
    struct world *w = world_new(9, 0);
    struct device *c = world_add(w, 1);
    struct woad_addr nobody = { 0, { 1, 2, 3, 4, 5, 6 } };
    (void)state;
    assert_int_equal(woad_connect(c->host, &nobody, &params), 0);
    assert_int_equal(woad_connect(c->host, &nobody, &params), WOAD_EALREADY);
    uint64_t before = woad_air_now(w->air);
    const struct seen *s = world_wait(w, c, WOAD_EV_CONNECT_FAILED, 3000000);
    assert_non_null(s);
    assert_int_equal(s->ev.u.connect_failed.status, WOAD_ETIMEDOUT);
    assert_in_range(woad_air_now(w->air) - before, 1999000, 2002000);
    device_forget(c);
    assert_int_equal(woad_connect(c->host, &nobody, &params), 0);
    world_run(w, 100000);
    assert_int_equal(woad_connect_cancel(c->host), 0);
    assert_int_equal(woad_connect_cancel(c->host), WOAD_EALREADY);
    world_run(w, 100000);
    s = device_find(c, WOAD_EV_CONNECT_FAILED);
    assert_non_null(s);
    assert_int_equal(s->ev.u.connect_failed.status, WOAD_ECANCELED);
    assert_int_equal(woad_connect_cancel(c->host), WOAD_EALREADY);
    world_free(w);
}

/* One device in every role at once: it is a peripheral, connects as central, advertises and
 * scans. */
static void all_roles_at_once(void **state)
{
    struct world *w = world_new(10, 0);
    struct device *mid = world_add(w, 4), *left = world_add(w, 2), *right = world_add(w, 2);
    struct woad_scan_params scan = { 48, 24, false, false, 0, false };
    (void)state;
    woad_adv_start(mid->host, &fast);
    assert_int_equal(woad_connect(left->host, &mid->addr, &params), 0);
    assert_non_null(world_wait(w, mid, WOAD_EV_CONNECT, 3000000));
    device_forget(mid);
    woad_adv_start(right->host, &fast);
    assert_int_equal(woad_connect(mid->host, &right->addr, &params), 0);
    assert_int_equal(woad_scan_start(mid->host, &scan), WOAD_EBUSY);
    assert_non_null(world_wait(w, mid, WOAD_EV_CONNECT, 3000000));
    assert_int_equal(woad_connect(mid->host, &right->addr, &params), WOAD_EISCONN);
    woad_adv_start(mid->host, &fast);
    woad_adv_start(right->host, &fast);
    assert_int_equal(woad_scan_start(mid->host, &scan), 0);
    world_run(w, 5000000);
    assert_true(mid->reports > 20);
    assert_true(woad_adv_running(mid->host));
    assert_null(device_find(mid, WOAD_EV_DISCONNECT));
    assert_null(device_find(left, WOAD_EV_DISCONNECT));
    assert_null(device_find(right, WOAD_EV_DISCONNECT));
    world_free(w);
}

/* The peer is switched off: the link is lost 2.56 s later, not before. */
static void supervision_timeout(void **state)
{
    struct world *w = world_new(11, 0);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    (void)state;
    woad_adv_start(p->host, &fast);
    woad_connect(c->host, &p->addr, &params);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 3000000));
    world_run(w, 1000000);
    uint64_t at = woad_air_now(w->air);
    woad_air_detach(p->air_controller);
    const struct seen *s = world_wait(w, c, WOAD_EV_DISCONNECT, 4000000);
    assert_non_null(s);
    assert_int_equal(s->ev.u.disconnect.reason, WOAD_HCI_CONNECTION_TIMEOUT);
    assert_in_range(woad_air_now(w->air) - at, 2560000 - 31000, 2562000);
    w->devices = 0; /* p is already detached from the air */
    woad_air_detach(c->air_controller);
    for (int i = 0; i < 2; i++) {
        device_free(&w->device[i]);
    }
    world_free(w);
}

static void disconnect_reasons(void **state)
{
    struct world *w = world_new(12, 0);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct device *which = round & 1 ? p : c;
        struct device *other = round & 1 ? c : p;
        device_forget(p);
        device_forget(c);
        assert_int_equal(woad_adv_start(p->host, &fast), 0);
        assert_int_equal(woad_connect(c->host, &p->addr, &params), 0);
        assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 3000000));
        assert_non_null(world_wait(w, p, WOAD_EV_CONNECT, 100000));
        world_run(w, 1000u * (unsigned)round);
        uint16_t conn = device_find(which, WOAD_EV_CONNECT)->ev.conn;
        assert_int_equal(conn >> 8, round); /* each connection has a new number */
        assert_int_equal(woad_disconnect(which->host, conn, WOAD_HCI_REMOTE_USER_TERMINATED), 0);
        assert_int_equal(woad_disconnect(which->host, conn, 0x13), WOAD_EALREADY);
        const struct seen *s = world_wait(w, which, WOAD_EV_DISCONNECT, 3000000);
        assert_int_equal(s->ev.u.disconnect.reason, WOAD_HCI_LOCAL_HOST_TERMINATED);
        s = world_wait(w, other, WOAD_EV_DISCONNECT, 3000000);
        assert_int_equal(s->ev.u.disconnect.reason, WOAD_HCI_REMOTE_USER_TERMINATED);
        assert_int_equal(woad_disconnect(which->host, conn, 0x13), WOAD_ENOTCONN);
    }
    world_free(w);
}

static void parameters_change(void **state)
{
    struct world *w = world_new(13, 0);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    struct woad_connect_params other = { 16, 16, 80, 80, 2, 600, 0 };
    struct woad_conn_info info;
    (void)state;
    woad_adv_start(p->host, &fast);
    woad_connect(c->host, &p->addr, &params);
    const struct seen *s = world_wait(w, c, WOAD_EV_CONNECT, 3000000);
    uint16_t conn = s->ev.conn;
    world_run(w, 200000);
    assert_int_equal(woad_conn_update(c->host, conn, &other), 0);
    assert_int_equal(woad_conn_update(c->host, conn, &other), WOAD_EBUSY);
    assert_non_null(world_wait(w, c, WOAD_EV_CONN_UPDATE, 3000000));
    assert_non_null(world_wait(w, p, WOAD_EV_CONN_UPDATE, 3000000));
    assert_int_equal(woad_conn_info(c->host, conn, &info), 0);
    assert_int_equal(info.interval_1250us, 80);
    assert_int_equal(info.latency, 2);
    world_run(w, 5000000);
    /* The peripheral requests parameters by L2CAP signalling, and the central applies them. */
    device_forget(p);
    other.interval_min_1250us = other.interval_max_1250us = 12;
    other.latency = 0;
    assert_int_equal(woad_conn_update(p->host, conn, &other), 0);
    s = world_wait(w, p, WOAD_EV_CONN_UPDATE, 5000000);
    assert_non_null(s);
    assert_int_equal(s->ev.u.conn_update.status, 0);
    assert_int_equal(s->ev.u.conn_update.interval_1250us, 12);
    world_run(w, 5000000);
    assert_null(device_find(p, WOAD_EV_DISCONNECT));
    assert_null(device_find(c, WOAD_EV_DISCONNECT));
    world_free(w);
}

static void no_public_address(void **state)
{
    struct world *w = world_new(14, 0);
    struct woad_air_controller_config cfg = world_controller_config(w, 1);
    memset(cfg.address, 0, 6);
    struct device *p = world_add_config(w, world_host_config(1), cfg), *c = world_add(w, 2);
    (void)state;
    assert_int_equal(p->addr.type, WOAD_ADDR_RANDOM);
    assert_int_equal(p->addr.octet[5] & 0xc0, 0xc0);
    assert_int_equal(woad_set_own_address(p->host, WOAD_ADDR_PUBLIC, NULL), WOAD_EINVAL);
    woad_adv_start(p->host, &fast);
    assert_int_equal(woad_connect(c->host, &p->addr, &params), 0);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 3000000));
    /* The other host changes to a random address while it advertises. */
    assert_int_equal(woad_adv_start(c->host, &fast), 0);
    world_run(w, 100000);
    assert_int_equal(
        woad_set_own_address(c->host, WOAD_ADDR_RANDOM, (const uint8_t *)"\1\2\3\4\5\6"),
        WOAD_EINVAL);
    assert_int_equal(woad_set_own_address(c->host, WOAD_ADDR_RANDOM, NULL), 0);
    struct woad_scan_params scan = { 48, 48, true, false, 500, false };
    p->keep_reports = true;
    assert_int_equal(woad_scan_start(p->host, &scan), 0);
    world_run(w, 600000);
    const struct seen *s = &p->log[p->logged - 2];
    assert_int_equal(s->ev.type, WOAD_EV_REPORT);
    assert_int_equal(s->ev.u.report.addr.type, WOAD_ADDR_RANDOM);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connect_at_any_moment),
        cmocka_unit_test(scan_reports),
        cmocka_unit_test(scan_stops),
        cmocka_unit_test(connect_timeout_and_cancel),
        cmocka_unit_test(all_roles_at_once),
        cmocka_unit_test(supervision_timeout),
        cmocka_unit_test(disconnect_reasons),
        cmocka_unit_test(parameters_change),
        cmocka_unit_test(no_public_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
