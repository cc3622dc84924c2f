/* A bonded peripheral indicates as soon as it is connected again, before encryption.  The central
 * reports the value after encryption has proved the sender, and the connection lives.
 * weliem/bluez_inc#117 */
#include "pairing.h"

static const struct woad_uuid service = WOAD_UUID16(0x180d), type = WOAD_UUID16(0x2a37);
static const struct woad_attr served[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&type, WOAD_PROP_READ | WOAD_PROP_INDICATE, WOAD_PERM_READ)
};
enum { VALUE = 12 };

static void indicate(const char *value)
{
    assert_int_equal(woad_gatt_indicate(w->device[PERIPHERAL].host, side[PERIPHERAL].conn, VALUE,
                                        value, strlen(value)),
                     0);
}

static void indication_before_encryption(void **state)
{
    (void)state;
    for (int reads = 0; reads < 2; reads++) {
        pair_of(&any, &any);
        struct device *c = &w->device[CENTRAL], *p = &w->device[PERIPHERAL];
        assert_int_equal(woad_gatt_add(p->host, served, sizeof served / sizeof *served, NULL), 0);
        assert_int_equal(woad_pair(c->host, side[CENTRAL].conn), 0);
        settle();
        assert_int_equal(status_of(CENTRAL), 0);
        world_run(w, 700000);
        rejoin(CENTRAL);
        indicate("early");
        world_run(w, reads ? 10000 : 100000);
        if (reads) {
            assert_int_equal(woad_gattc_read(c->host, side[CENTRAL].conn, VALUE), 0);
        }
        world_run(w, 2000000);
        indicate("later");
        world_run(w, 40000000);
        assert_int_equal(device_count(c, WOAD_EV_INDICATION), 2);
        assert_int_equal(device_count(p, WOAD_EV_INDICATED), 2);
        const struct seen *first = device_find(c, WOAD_EV_INDICATION);
        assert_memory_equal(first->data, "early", 5);
        assert_int_equal(device_find(p, WOAD_EV_INDICATED)->ev.u.done.status, 0);
        assert_int_equal(device_count(c, WOAD_EV_DISCONNECT), 0);
        assert_int_equal(device_count(c, WOAD_EV_GATTC_DONE), (size_t)reads);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(indication_before_encryption) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
