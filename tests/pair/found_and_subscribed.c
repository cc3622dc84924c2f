/* woad_gattc_find() and woad_gattc_subscribe() against values in a table, over the air: what a
 * first central does with a first peripheral. */
#include "pairing.h"

static const struct woad_uuid service = WOAD_UUID16(0x180f), u_open = WOAD_UUID16(0x2a19),
                              u_secret = WOAD_UUID16(0x2a1a), u_none = WOAD_UUID16(0x2a1b);
static uint8_t percent[2], text[300];
static struct woad_value open_value = WOAD_VALUE_FIXED(&percent[0], 1),
                         secret_value = WOAD_VALUE_FIXED(&percent[1], 1),
                         long_value = WOAD_VALUE_RAM(text, 0, sizeof text);
#define SECRET WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED
static const struct woad_attr attrs[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_VALUE_CCCD(&u_open, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ,
                                   &open_value),
    WOAD_CHARACTERISTIC_VALUE_CCCD(&u_secret, WOAD_PROP_READ | WOAD_PROP_NOTIFY, SECRET,
                                   &secret_value),
    WOAD_CHARACTERISTIC_VALUE(&u_none, WOAD_PROP_READ | WOAD_PROP_WRITE,
                              WOAD_PERM_READ | WOAD_PERM_WRITE, &long_value),
};
static struct device *client, *server;

static void begin_unpaired(void)
{
    struct woad_security_policy retries = any;
    retries.retry = true;
    pair_of(&retries, &any);
    client = &w->device[CENTRAL];
    server = &w->device[PERIPHERAL];
    assert_int_equal(woad_gatt_add(server->host, attrs, sizeof attrs / sizeof *attrs, NULL), 0);
    device_forget(client);
}

/* Finds the characteristic and subscribes to it.  Returns the status of the end. */
static int subscribe_to(const struct woad_uuid *uuid)
{
    device_forget(client);
    assert_int_equal(woad_gattc_find(client->host, side[CENTRAL].conn, &service, uuid), 0);
    const struct seen *s = world_wait(w, client, WOAD_EV_CHARACTERISTIC, 5000000);
    assert_non_null(s);
    uint16_t value = s->ev.u.characteristic.value, end = s->ev.u.characteristic.end;
    assert_non_null(world_wait(w, client, WOAD_EV_GATTC_DONE, 5000000));
    device_forget(client);
    assert_int_equal(woad_gattc_subscribe(client->host, side[CENTRAL].conn, value, end, 1), 0);
    s = world_wait(w, client, WOAD_EV_GATTC_DONE, 20000000);
    assert_non_null(s);
    assert_int_equal(s->ev.u.done.op, WOAD_GATTC_SUBSCRIBE);
    assert_int_equal(s->ev.u.done.handle, value);
    return s->ev.u.done.status;
}

/* GATT/CL/GAN/BV-01-C: the value arrives after one find and one subscribe. */
static void an_open_value(void **state)
{
    (void)state;
    begin_unpaired();
    assert_int_equal(subscribe_to(&u_open), 0);
    percent[0] = 42;
    assert_int_equal(woad_gatt_notify_value(server->host, &open_value), 1);
    const struct seen *s = world_wait(w, client, WOAD_EV_NOTIFIED, 5000000);
    assert_non_null(s);
    assert_int_equal(s->ev.u.value.handle, open_value.handle);
    assert_int_equal(s->data[0], 42);
    assert_int_equal(subscribe_to(&u_none), WOAD_ATT_ATTRIBUTE_NOT_FOUND);
    assert_false(level(CENTRAL).encrypted);
    world_free(w);
}

/* The write of the CCCD is refused for lack of encryption: the host pairs, and repeats it, in the
 * same procedure. */
static void a_value_that_takes_a_pairing(void **state)
{
    (void)state;
    begin_unpaired();
    assert_int_equal(subscribe_to(&u_secret), 0);
    assert_true(level(CENTRAL).encrypted);
    assert_int_equal(woad_gatt_notify_value(server->host, &secret_value), 1);
    assert_non_null(world_wait(w, client, WOAD_EV_NOTIFIED, 5000000));
    world_free(w);
}

/* GATT/SR/GAW/BV-05-C, GATT/SR/GAR/BV-04-C: a long value is written and read in parts; one that is
 * too long leaves it as it was. */
static void a_long_value(void **state)
{
    uint8_t octets[301];
    (void)state;
    begin_unpaired();
    for (size_t n = 0; n < sizeof octets; n++) {
        octets[n] = (uint8_t)(n * 7);
    }
    uint16_t conn = side[CENTRAL].conn, handle = long_value.handle;
    assert_int_equal(woad_gattc_write_long(client->host, conn, handle, octets, 300, true), 0);
    const struct seen *s = world_wait(w, client, WOAD_EV_GATTC_DONE, 20000000);
    assert_int_equal(s->ev.u.done.status, 0);
    assert_int_equal(long_value.len, 300);
    assert_memory_equal(text, octets, 300);
    device_forget(client);
    octets[0] = 99;
    assert_int_equal(woad_gattc_write_long(client->host, conn, handle, octets, 301, false), 0);
    s = world_wait(w, client, WOAD_EV_GATTC_DONE, 20000000);
    assert_int_equal(s->ev.u.done.status, WOAD_ATT_INVALID_VALUE_LENGTH);
    assert_int_equal(text[0], 0);
    device_forget(client);
    assert_int_equal(woad_gattc_read(client->host, conn, handle), 0);
    assert_non_null(world_wait(w, client, WOAD_EV_GATTC_DONE, 20000000));
    size_t got = 0;
    for (size_t n = 0; n < client->logged; n++) {
        if (client->log[n].ev.type == WOAD_EV_READ) {
            got += client->log[n].ev.u.value.len;
        }
    }
    assert_int_equal(got, 300);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_value),
        cmocka_unit_test(a_value_that_takes_a_pairing),
        cmocka_unit_test(a_long_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
