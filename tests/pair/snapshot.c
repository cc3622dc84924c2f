/* A world that is restored from a snapshot repeats its course: hosts, controllers, packets on the
 * air. */
#include "cm.h"

#include "world.h"

#include <string.h>

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_NOTIFY | WOAD_PROP_READ | WOAD_PROP_WRITE, 0)
};
static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
static const struct woad_connect_params params = { 16, 16, 12, 12, 0, 256, 2000 };
enum { DEVICES = 5, VALUE = 12 };

/* The hosts' memory, and the test's own state for them. */
struct picture {
    void *air, *host[DEVICES];
    size_t air_len, host_len;
    struct device device[DEVICES];
};

static void nobody(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx;
    (void)h;
    (void)ev;
}

static struct picture take(struct world *w)
{
    struct picture p = { .air_len = woad_air_snapshot_size(w->air) };
    struct woad_config host = world_host_config(3);
    host.event = nobody;
    p.host_len = woad_size(&host);
    p.air = malloc(p.air_len);
    assert_int_equal(woad_air_snapshot(w->air, p.air, p.air_len - 1), -22);
    assert_int_equal(woad_air_snapshot(w->air, p.air, p.air_len), 0);
    /* too short: nothing is restored */
    assert_int_equal(woad_air_restore(w->air, p.air, p.air_len - 1), -22);
    for (size_t n = 0; n < w->devices; n++) {
        p.host[n] = malloc(p.host_len);
        memcpy(p.host[n], w->device[n].memory[0], p.host_len);
        p.device[n] = w->device[n];
    }
    return p;
}

static void put_back(struct world *w, const struct picture *p, size_t devices)
{
    assert_int_equal(woad_air_restore(w->air, p->air, p->air_len), 0);
    for (size_t n = 0; n < devices; n++) {
        memcpy(w->device[n].memory[0], p->host[n], p->host_len);
        w->device[n] = p->device[n];
    }
}

static void picture_free(struct picture *p)
{
    for (size_t n = 0; n < DEVICES; n++) {
        free(p->host[n]);
    }
    free(p->air);
}

/* Runs for some steps; `what` chooses the test's actions. */
static void go_on(struct world *w, unsigned steps, unsigned what)
{
    static const uint8_t value[] = "0123456789abcdef";
    for (unsigned n = 0; n < steps; n++) {
        struct device *d = &w->device[(n * what) % w->devices];
        for (uint16_t conn = 0; conn < 3; conn++) {
            if (n % 3 == 0) {
                woad_gatt_notify(d->host, conn, VALUE, value, 1 + (n + what) % 16);
            } else {
                woad_gattc_write_command(d->host, conn, VALUE, value, 1 + n % 16);
            }
        }
        if (n % 16 == 9) {
            woad_disconnect(d->host, (uint16_t)(n % 3), 0x13);
            woad_adv_start(d->host, &fast);
            woad_connect(w->device[n % w->devices].host, &d->addr, &params);
        }
        world_run(w, 3777);
    }
}

static void world_put_back(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct world *w = world_new(seed, (uint16_t)(seed % 3 * 50));
        for (int n = 0; n < DEVICES; n++) {
            struct device *d = world_add(w, 3);
            assert_int_equal(woad_gatt_add(d->host, db, sizeof db / sizeof *db, NULL), 0);
            woad_adv_start(d->host, &fast);
        }
        for (int n = 1; n < DEVICES; n++) {
            woad_connect(w->device[n].host, &w->device[n - 1].addr, &params);
        }
        go_on(w, 30 + seed, seed);
        struct picture before = take(w);
        uint64_t at = woad_air_now(w->air);
        go_on(w, 100, seed);
        uint64_t first = world_hash(w), end = woad_air_now(w->air);
        /* Another course, with a device that was not in the snapshot. */
        put_back(w, &before, DEVICES);
        assert_int_equal(woad_air_now(w->air), at);
        world_add(w, 3);
        go_on(w, 50, seed + 1);
        assert_true(world_hash(w) != first);
        struct device late = w->device[DEVICES];
        w->devices = DEVICES;
        put_back(w, &before, DEVICES);
        woad_air_detach(late.air_controller); /* it is detached already: no effect */
        device_free(&late);
        /* The first course once more. */
        go_on(w, 100, seed);
        assert_int_equal(woad_air_now(w->air), end);
        assert_true(world_hash(w) == first);
        picture_free(&before);
        world_free(w);
    }
}

static void nothing_to_put_back(void **state)
{
    struct world *w = world_new(1, 0);
    uint8_t few[8] = { 0 };
    (void)state;
    world_add(w, 1);
    assert_int_equal(woad_air_restore(w->air, few, sizeof few), -22);
    assert_int_equal(woad_air_restore(w->air, NULL, 0), -22);
    world_run(w, 1000);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(world_put_back),
                                        cmocka_unit_test(nothing_to_put_back) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
