/* Controllers that fail, and hosts that send invalid packets to a controller. */
#include "cm.h"

#include "world.h"

static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
static const struct woad_connect_params params = { 16, 16, 12, 12, 0, 256, 2000 };

/* The controller stops answering: the command and everything that depends on it end after 2 s,
 * once.  Started again on a controller that answers, the host works. */
static void controller_goes_silent(void **state)
{
    struct world *w = world_new(1, 0);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    (void)state;
    woad_adv_start(p->host, &fast);
    woad_connect(c->host, &p->addr, &params);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 2000000));
    uint16_t conn = device_find(c, WOAD_EV_CONNECT)->ev.conn;
    world_run(w, 100000);
    device_forget(c);
    c->deaf = true;
    assert_int_equal(woad_gattc_read(c->host, conn, 3), 0);
    assert_int_equal(woad_disconnect(c->host, conn, 0x13), 0);
    world_run(w, 1990000);
    assert_null(device_find(c, WOAD_EV_DOWN));
    world_run(w, 20000);
    assert_int_equal(device_count(c, WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(device_count(c, WOAD_EV_DISCONNECT), 1);
    assert_int_equal(device_count(c, WOAD_EV_DOWN), 1);
    assert_int_equal(c->log[c->logged - 1].ev.u.down.error, WOAD_ETIMEDOUT);
    c->deaf = false;
    device_forget(c);
    assert_int_equal(woad_start(c->host), 0);
    world_run(w, 3000000);
    assert_int_equal(device_count(c, WOAD_EV_UP), 1);
    device_forget(c);
    woad_adv_start(p->host, &fast);
    assert_int_equal(woad_connect(c->host, &p->addr, &params), 0);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 2000000));
    world_free(w);
}

/* Stop and start 100 times, with procedures of all kinds pending. */
static void stop_and_start(void **state)
{
    struct world *w = world_new(2, 0);
    struct device *p = world_add(w, 2), *c = world_add(w, 2);
    struct woad_scan_params scan = { 48, 48, true, false, 0, false };
    (void)state;
    for (unsigned round = 0; round < 100; round++) {
        device_forget(c);
        device_forget(p);
        woad_adv_start(p->host, &fast);
        woad_adv_start(c->host, &fast);
        if (round & 1) {
            assert_int_equal(woad_scan_start(c->host, &scan), 0);
        } else {
            assert_int_equal(woad_connect(c->host, &p->addr, &params), 0);
        }
        world_run(w, round * 1500);
        assert_int_equal(woad_stop(c->host), 0);
        assert_non_null(world_wait(w, c, WOAD_EV_DOWN, 2000000));
        assert_int_equal(device_count(c, WOAD_EV_CONNECT), device_count(c, WOAD_EV_DISCONNECT));
        assert_int_equal(device_count(c, WOAD_EV_SCAN_DONE), round & 1);
        assert_int_equal(woad_start(c->host), 0);
        assert_non_null(world_wait(w, c, WOAD_EV_UP, 100000));
        world_run(w, 300000);
    }
    world_free(w);
}

static uint32_t noise = 12345;
static uint8_t random_octet(void)
{
    noise = noise * 1664525u + 1013904223u;
    return (uint8_t)(noise >> 24);
}

/* Every command of the controller, truncated at every octet and with random contents; afterwards
 * the controller still works. */
static void vc_hci_cmd_truncate_all(void **state)
{
    struct world *w = world_new(3, 0);
    struct device *p = world_add(w, 1), *c = world_add(w, 1);
    uint8_t buf[WOAD_AIR_PACKET];
    (void)state;
    for (unsigned ogf = 1; ogf < 10; ogf++) {
        for (unsigned ocf = 0; ocf < 128; ocf++) {
            uint16_t opcode = (uint16_t)(ogf << 10 | ocf);
            for (size_t len = 0; len < 70; len += 1 + len / 8) {
                for (int lie = 0; lie < 3; lie++) {
                    uint8_t *packet = malloc(4 + len);
                    packet[0] = 1;
                    packet[1] = (uint8_t)opcode;
                    packet[2] = (uint8_t)(opcode >> 8);
                    packet[3] = (uint8_t)(len + (size_t)lie);
                    for (size_t i = 0; i < len; i++) {
                        packet[4 + i] = random_octet();
                    }
                    int err = woad_air_rx(c->air_controller, packet, 4 + len);
                    assert_true(lie ? err == -74 : err == 0);
                    free(packet);
                    while (woad_air_tx(c->air_controller, buf, sizeof buf)) {
                    }
                }
            }
        }
        woad_air_step(w->air, woad_air_now(w->air) + 50000);
    }
    assert_int_equal(woad_air_rx(c->air_controller, (const uint8_t *)"\2\x40\0\5\0a", 6), -74);
    assert_int_equal(woad_air_rx(c->air_controller, (const uint8_t *)"\7", 1), -74);
    while (woad_air_tx(c->air_controller, buf, sizeof buf)) {
    }
    woad_fail(c->host, WOAD_EIO);
    device_forget(c);
    woad_start(c->host);
    assert_non_null(world_wait(w, c, WOAD_EV_UP, 100000));
    woad_adv_start(p->host, &fast);
    assert_int_equal(woad_connect(c->host, &p->addr, &params), 0);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 2000000));
    world_free(w);
}

/* Random packets, half of them with a plausible form, to a host with a connection. */
static void packets_that_are_nonsense(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct world *w = world_new(round, 0);
        struct device *p = world_add(w, 2), *c = world_add(w, 2);
        woad_adv_start(p->host, &fast);
        woad_connect(c->host, &p->addr, &params);
        world_run(w, 200000);
        for (unsigned n = 0; n < 200; n++) {
            size_t len = 1 + random_octet() % 40u;
            uint8_t *packet = malloc(len);
            for (size_t i = 0; i < len; i++) {
                packet[i] = random_octet();
            }
            packet[0] = n & 1 ? 4 : 2;
            if (len > 9 && n % 3) {
                packet[1] = n & 1 ? 0x3e : 0x40;
                packet[2] = n & 1 ? (uint8_t)(len - 3) : 0x20;
                packet[3] = n & 1 ? (uint8_t)(1 + packet[3] % 12) : (uint8_t)(len - 5);
                if (!(n & 1)) {
                    packet[4] = 0;
                    packet[5] = (uint8_t)(len - 9);
                    packet[6] = 0;
                    packet[7] = (uint8_t)(4 + packet[7] % 3);
                    packet[8] = 0;
                }
            }
            woad_rx(p->host, packet, len);
            free(packet);
            world_pump(w);
        }
        world_run(w, 50000);
        woad_fail(p->host, WOAD_EIO);
        world_free(w);
    }
}

/* Returns two hosts with a connection, to fail next. */
static struct world *connected(struct device **p, struct device **c)
{
    struct world *w = world_new(9, 0);
    *p = world_add(w, 1);
    *c = world_add(w, 1);
    woad_adv_start((*p)->host, &fast);
    woad_connect((*c)->host, &(*p)->addr, &params);
    assert_non_null(world_wait(w, *c, WOAD_EV_CONNECT, 2000000));
    world_run(w, 200000);
    device_forget(*c);
    device_forget(*p);
    return w;
}

static void assert_works_again(struct world *w, struct device *p, struct device *c)
{
    device_forget(c);
    assert_int_equal(woad_start(c->host), 0);
    assert_non_null(world_wait(w, c, WOAD_EV_UP, 3000000));
    world_run(w, 3000000);
    woad_adv_start(p->host, &fast);
    assert_int_equal(woad_connect(c->host, &p->addr, &params), 0);
    assert_non_null(world_wait(w, c, WOAD_EV_CONNECT, 2000000));
    world_free(w);
}

/* H1: a controller hangs: pending procedures end after 2 s.  H2: a controller restarts and sends a
 * reset event: they end at once. */
static void controller_hangs_and_crashes(void **state)
{
    static const uint8_t hardware_error[] = { 4, 0x10, 1, 1 };
    struct device *p, *c;
    (void)state;
    for (int crash = 0; crash < 2; crash++) {
        struct world *w = connected(&p, &c);
        if (crash) {
            woad_air_crash(c->air_controller);
            assert_int_equal(
                woad_air_send_event(c->air_controller, hardware_error, sizeof hardware_error), 0);
        } else {
            woad_air_hang(c->air_controller, true);
            woad_connect(c->host, &p->addr, &params);
            woad_disconnect(c->host, 0, 0x13);
        }
        world_run(w, crash ? 1000 : 2100000);
        assert_int_equal(device_count(c, WOAD_EV_DISCONNECT), 1);
        assert_int_equal(device_count(c, WOAD_EV_DOWN), 1);
        woad_air_hang(c->air_controller, false);
        assert_works_again(w, p, c);
    }
}

/* H3: Number Of Completed Packets counts packets that were never sent, for existing and unknown
 * handles, under traffic.  Only packets beyond the controller's buffers are lost. */
static void controller_lies_about_credits(void **state)
{
    static const uint8_t lies[][9] = { { 4, 0x13, 5, 1, 0x40, 0, 0xff, 0xff },
                                       { 4, 0x13, 5, 1, 0x40, 0, 1, 0 },
                                       { 4, 0x13, 5, 1, 0x99, 0, 0xff, 0xff },
                                       { 4, 0x13, 5, 0xff, 0x40, 0, 0, 0 } };
    struct device *p, *c;
    (void)state;
    for (size_t k = 0; k < sizeof lies / sizeof *lies; k++) {
        struct world *w = connected(&p, &c);
        c->lied_to = true;
        for (unsigned n = 0; n < 300; n++) {
            if (n % 7 == 3) {
                assert_int_equal(woad_air_send_event(c->air_controller, lies[k], 8), 0);
            }
            woad_gattc_write_command(c->host, 0, 3, lies, 20);
            world_run(w, 1000); /* the controller drops packets beyond its buffers */
        }
        woad_stop(c->host);
        world_run(w, 3000000);
        assert_works_again(w, p, c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controller_goes_silent),
        cmocka_unit_test(stop_and_start),
        cmocka_unit_test(vc_hci_cmd_truncate_all),
        cmocka_unit_test(packets_that_are_nonsense),
        cmocka_unit_test(controller_hangs_and_crashes),
        cmocka_unit_test(controller_lies_about_credits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
