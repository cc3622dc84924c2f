/* A database that changes while clients use it, and values that change during reads: a server and a
 * client over the air, in virtual time. */
#include "cm.h"

#include "world.h"

#include <time.h>

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37),
                              u_other = WOAD_UUID16(0x180f);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE,
                             WOAD_PERM_READ),
};
static const struct woad_attr other[] = {
    WOAD_PRIMARY(&u_other),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ),
};
enum { CHANGED = 8, CHANGED_CCCD = 9, VALUE = 12, ADDED = 14, ADDED_VALUE = 16 };

struct link {
    struct world *w;
    struct device *p, *c;
    uint16_t pc, cp;
};

static struct link connect_with_features(uint64_t seed)
{
    static const struct woad_adv_params fast = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params params = { 16, 16, 6, 6, 0, 600, 5000 };
    struct link l = { .w = world_new(seed, 0) };
    l.p = world_add(l.w, 1);
    l.c = world_add(l.w, 1);
    assert_int_equal(woad_gatt_add(l.p->host, db, 4, NULL), 0);
    woad_adv_start(l.p->host, &fast);
    woad_connect(l.c->host, &l.p->addr, &params);
    assert_non_null(world_wait(l.w, l.c, WOAD_EV_CONNECT, 5000000));
    assert_non_null(world_wait(l.w, l.p, WOAD_EV_CONNECT, 200000));
    l.cp = device_find(l.c, WOAD_EV_CONNECT)->ev.conn;
    l.pc = device_find(l.p, WOAD_EV_CONNECT)->ev.conn;
    device_forget(l.c);
    device_forget(l.p);
    return l;
}

static void subscribe(struct link *l, uint16_t cccd, uint16_t bits)
{
    uint8_t le[2] = { (uint8_t)bits, 0 };
    assert_int_equal(woad_gattc_write(l->c->host, l->cp, cccd, le, 2), 0);
    assert_non_null(world_wait(l->w, l->c, WOAD_EV_GATTC_DONE, 1000000));
    assert_int_equal(device_find(l->c, WOAD_EV_GATTC_DONE)->ev.u.done.status, 0);
    device_forget(l->c);
}

/* GATT/SR/GAS/BV-01-C: a service is added, used, replaced by another at its handles, and removed;
 * the client is notified of the handles each time. */
static void services_come_and_go(void **state)
{
    struct link l = connect_with_features(1);
    uint16_t first;
    (void)state;
    subscribe(&l, CHANGED_CCCD, 2);
    const struct woad_attr *tables[] = { other, db, NULL };
    for (int n = 0; n < 3; n++) {
        if (n) {
            assert_int_equal(woad_gatt_remove(l.p->host, ADDED), 0);
        }
        if (tables[n]) {
            assert_int_equal(woad_gatt_add(l.p->host, tables[n], 4, &first), 0);
            assert_int_equal(first, ADDED);
        }
        world_run(l.w, 200000);
        assert_int_equal(device_count(l.c, WOAD_EV_INDICATION), 1);
        const struct seen *s = device_find(l.c, WOAD_EV_INDICATION);
        assert_int_equal(s->ev.u.value.handle, CHANGED);
        assert_memory_equal(s->data, "\x0e\x00\x11\x00", 4);
        assert_int_equal(device_count(l.p, WOAD_EV_INDICATED), 0);
        device_forget(l.c);
        woad_gattc_services(l.c->host, l.cp, &u_other);
        woad_gattc_read(l.c->host, l.cp, ADDED_VALUE);
        world_run(l.w, 200000);
        assert_int_equal(device_count(l.c, WOAD_EV_SERVICE), n == 0 ? 1 : 0);
        assert_int_equal(l.c->log[l.c->logged - 1].ev.u.done.status,
                         tables[n] ? 0 : WOAD_ATT_INVALID_HANDLE);
        device_forget(l.c);
    }
    world_free(l.w);
}

/* A client discovers while the server adds and removes services: every procedure ends, and nothing
 * is reported twice. */
static void discovery_meanwhile(void **state)
{
    struct link l = connect_with_features(2);
    (void)state;
    for (int n = 0; n < 200; n++) {
        woad_gattc_services(l.c->host, l.cp, NULL);
        woad_gattc_characteristics(l.c->host, l.cp, 1, 0xffff, NULL);
        world_run(l.w, (uint64_t)(n * 137 % 7000));
        if (n & 1) {
            assert_int_equal(woad_gatt_remove(l.p->host, ADDED), 0);
        } else {
            assert_int_equal(woad_gatt_add(l.p->host, other, 4, NULL), 0);
        }
        world_run(l.w, 200000);
        assert_int_equal(device_count(l.c, WOAD_EV_GATTC_DONE), 2);
        for (size_t k = 0; k < l.c->logged; k++) {
            const struct woad_event *ev = &l.c->log[k].ev;
            assert_false(ev->type == WOAD_EV_GATTC_DONE && ev->u.done.status);
        }
        device_forget(l.c);
    }
    world_free(l.w);
}

/* The value changes between the parts of a long read: the result is one of the values, never a
 * mixture. */
static void long_reads_do_not_tear(void **state)
{
    struct link l = connect_with_features(3);
    (void)state;
    l.p->value_len = 300;
    memset(l.p->value, 1, sizeof l.p->value);
    for (int n = 0; n < 20; n++) {
        uint8_t got[512];
        size_t len = 0;
        assert_int_equal(woad_gattc_read(l.c->host, l.cp, VALUE), 0);
        for (int k = 0; k < 40; k++) {
            world_run(l.w, 7500);
            memset(l.p->value, l.p->value[0] + 1, sizeof l.p->value); /* changes at every step */
        }
        for (size_t k = 0; k < l.c->logged; k++) {
            const struct seen *s = &l.c->log[k];
            if (s->ev.type == WOAD_EV_READ) {
                assert_int_equal(s->ev.u.value.offset, len);
                memcpy(got + len, s->data, s->ev.u.value.len);
                len += s->ev.u.value.len;
            }
        }
        assert_int_equal(len, 300);
        for (size_t k = 1; k < len; k++) {
            assert_int_equal(got[k], got[0]);
        }
        assert_int_equal(device_count(l.p, WOAD_EV_GATT_READ), 1);
        device_forget(l.c);
        device_forget(l.p);
    }
    world_free(l.w);
}

/* A value changes faster than the radio can send.  With queued notifications each one arrives in
 * order; with latest-only ones each is newer than the one before, and the final value arrives. */
static void queued_and_latest(void **state)
{
    (void)state;
    for (int latest = 0; latest < 2; latest++) {
        struct link l = connect_with_features(4);
        uint32_t sent = 0, refused = 0, got = 0, last = 0;
        for (uint32_t n = 1; n <= 3000; n++) {
            uint8_t v[4] = { (uint8_t)n, (uint8_t)(n >> 8), 0, 0 };
            int err = latest ? woad_gatt_notify_latest(l.p->host, l.pc, VALUE, v, 4)
                             : woad_gatt_notify(l.p->host, l.pc, VALUE, v, 4);
            sent += !err;
            refused += err == WOAD_EAGAIN;
            if (n % 20 == 0 || n == 3000) {
                world_run(l.w, n == 3000 ? 3000000 : 1000);
                for (size_t k = 0; k < l.c->logged; k++) {
                    const struct seen *s = &l.c->log[k];
                    if (s->ev.type == WOAD_EV_NOTIFIED) {
                        uint32_t value = s->data[0] | (uint32_t)s->data[1] << 8;
                        assert_true(value > last);
                        last = value;
                        got++;
                    }
                }
                device_forget(l.c);
            }
        }
        if (latest) {
            assert_int_equal(refused, 0);
            assert_true(got < 3000);
            assert_int_equal(last, 3000);
        } else {
            assert_int_equal(got, sent);
            assert_true(refused > 0);
            assert_true(device_count(l.p, WOAD_EV_TX_READY) > 0);
        }
        assert_true(device_count(l.p, WOAD_EV_TX_DONE) > 0);
        print_message("%s: %u sent, %u refused, %u arrived\n", latest ? "latest" : "queued", sent,
                      refused, got);
        world_free(l.w);
    }
}

/* --- time of a look-up ------------------------------------------------------------------------ */

static void ignore(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx;
    (void)h;
    (void)ev;
}

/* Measures the CPU time of many requests to a host with `services` services of five attributes. */
static double requests_take(uint16_t services, const uint8_t *att, size_t len)
{
    static const struct woad_feature *const features[] = { &woad_feature_gatt_server,
                                                           &woad_feature_long_values,
                                                           &woad_feature_read_multiple,
                                                           &woad_feature_signed_writes,
                                                           &woad_feature_pipelining,
                                                           &woad_feature_type_index,
                                                           NULL };
    static struct woad_attr attrs[5 * 400];
    static const uint8_t connected[] = { 4, 0x3e, 19, 1, 0,  0x40, 0, 1, 0, 1, 2,
                                         3, 4,    5,  6, 24, 0,    0, 0, 0, 1, 0 };
    struct woad_config cfg = { .features = features,
                               .event = ignore,
                               .conns = 1,
                               .procedures = 1,
                               .mtu = 64,
                               .tx_queue = 128,
                               .request_queue = 128,
                               .attr_tables = 1,
                               .attr_index = 2010 };
    const struct woad_attr one[] = { WOAD_PRIMARY(&u_other),
                                     WOAD_CHARACTERISTIC_CONST(&u_other, "abc", 3),
                                     WOAD_CHARACTERISTIC_CONST(&u_service, "def", 3) };
    void *mem = malloc(woad_size(&cfg));
    struct woad *h = woad_init(mem, woad_size(&cfg), &cfg);
    uint8_t packet[64] = { 2, 0x40, 0x20, (uint8_t)(len + 4), 0, (uint8_t)len, 0, 4, 0 }, out[300];
    static const uint8_t done[] = { 4, 0x13, 5, 1, 0x40, 0, 1, 0 };
    size_t n;
    memcpy(packet + 9, att, len);
    woad_poll(h, 0);
    woad_start(h);
    while ((n = woad_tx(h, out, sizeof out)) > 0) {
        uint8_t e[80] = { 4, 0x0e, 68, 1, out[1], out[2], 0, 251, 0, 8 };
        woad_rx(h, e, 71);
    }
    for (uint16_t k = 0; k < services * 5; k++) {
        attrs[k] = one[k % 5];
    }
    attrs[services * 5 - 1].value = "the last one"; /* its value, 12 octets */
    attrs[services * 5 - 1].len = 12;
    assert_int_equal(woad_gatt_add(h, attrs, (uint16_t)(services * 5), NULL), 0);
    assert_int_equal(woad_rx(h, connected, sizeof connected), 0);
    double min_u32 = 1e9;
    for (int round = 0; round < 7; round++) {
        clock_t began = clock();
        for (int k = 0; k < 4000; k++) {
            woad_rx(h, packet, 9 + len);
            n = woad_tx(h, out, sizeof out);
            assert_true(n > 9);
            woad_rx(h, done, sizeof done);
        }
        double took = (double)(clock() - began) / CLOCKS_PER_SEC / 4000;
        min_u32 = took < min_u32 ? took : min_u32;
    }
    free(mem);
    return min_u32;
}

/* A look-up of a handle, a type or a group takes the same time among 2,000 attributes as among
 * 20. */
static void lookups_are_flat(void **state)
{
    static const struct {
        const char *what;
        uint8_t pdu[8];
        size_t len;
    } requests[] = {
        { "Read", { 0x0a, 12, 0 }, 3 },
        { "Read By Type, not there", { 0x08, 1, 0, 0xff, 0xff, 0x37, 0x2a }, 7 },
        { "Read By Type, the device's name", { 0x08, 1, 0, 0xff, 0xff, 0, 0x2a }, 7 },
        { "Read By Group Type, from the end", { 0x10, 0xff, 0x7f, 0xff, 0xff, 0, 0x28 }, 7 },
        { "Find Information", { 0x04, 10, 0, 0xff, 0xff }, 5 },
    };
    (void)state;
    for (size_t n = 0; n < sizeof requests / sizeof *requests; n++) {
        double few = requests_take(4, requests[n].pdu, requests[n].len);
        double many = requests_take(400, requests[n].pdu, requests[n].len);
        print_message("%-34s %5.0f ns of 20 attributes, %5.0f ns of 2,000\n", requests[n].what,
                      few * 1e9, many * 1e9);
        assert_true(many < few * 10); /* a linear search takes 100 times as long */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(services_come_and_go),   cmocka_unit_test(discovery_meanwhile),
        cmocka_unit_test(long_reads_do_not_tear), cmocka_unit_test(queued_and_latest),
        cmocka_unit_test(lookups_are_flat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
