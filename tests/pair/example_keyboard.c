/* examples/c/keyboard.c in virtual time: a computer pairs, reads, subscribes and gets the text, by
 * reports and, after a switch of the protocol mode, by boot reports. */
#include <woad/testing.h>

#include "cm.h"

static int run_here(const struct woad_config *config, const char *program,
                    uint32_t (*run)(void *ctx, struct woad *h, uint32_t now_ms), const bool *done);
#define woad_port_run run_here
int keyboard_main(int argc, char **argv);
#define main keyboard_main
#include "examples/c/keyboard.c"
#undef main

static struct woad_test *t;
static struct woad_test_node *computer;
static uint16_t conn;

static const struct woad_event *read_value(const struct woad_uuid *uuid, int status)
{
    struct woad *h = woad_test_host(computer);
    woad_test_forget(computer);
    WOAD_TEST_CALL(computer, woad_gattc_find(h, conn, &hid, uuid));
    uint16_t value = woad_test_wait(computer, WOAD_EV_CHARACTERISTIC, 2000)->u.characteristic.value;
    woad_test_wait(computer, WOAD_EV_GATTC_DONE, 2000);
    WOAD_TEST_CALL(computer, woad_gattc_read(h, conn, value));
    assert_int_equal(woad_test_wait(computer, WOAD_EV_GATTC_DONE, 2000)->u.done.status, status);
    return status ? NULL : woad_test_wait(computer, WOAD_EV_READ, 0);
}

/* Subscribes to a kind of report, and takes a text key by key: each goes down, and all go up. */
static void assert_typed(const struct woad_uuid *uuid, const char *text, uint16_t handle)
{
    struct woad *h = woad_test_host(computer);
    woad_test_forget(computer);
    WOAD_TEST_CALL(computer, woad_gattc_find(h, conn, &hid, uuid));
    const struct woad_event *ev = woad_test_wait(computer, WOAD_EV_CHARACTERISTIC, 2000);
    assert_int_equal(ev->u.characteristic.value, app.first + handle);
    WOAD_TEST_CALL(computer, woad_gattc_subscribe(h, conn, ev->u.characteristic.value,
                                                  ev->u.characteristic.end, WOAD_CCCD_NOTIFY));
    for (; *text; text++) {
        uint8_t key = (uint8_t)(*text == ' ' ? 0x2c : *text - 'a' + 4);
        const uint8_t down[8] = { 0, 0, key }, up[8] = { 0 };
        ev = woad_test_wait(computer, WOAD_EV_NOTIFIED, 2000);
        assert_int_equal(ev->u.value.handle, app.first + handle);
        assert_int_equal(ev->u.value.len, 8);
        assert_memory_equal(ev->u.value.data, down, 8);
        ev = woad_test_wait(computer, WOAD_EV_NOTIFIED, 2000);
        assert_memory_equal(ev->u.value.data, up, 8);
    }
    woad_test_never(computer, WOAD_EV_NOTIFIED, 600);
    assert_true(app.done);
}

static void assert_advertised(void)
{
    static const struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    size_t len;
    WOAD_TEST_CALL(computer, woad_scan_start(woad_test_host(computer), &scan));
    const struct woad_event *ev = woad_test_wait(computer, WOAD_EV_REPORT, 1000);
    const uint8_t *look =
        woad_ad_find(ev->u.report.data, ev->u.report.len, WOAD_AD_APPEARANCE, &len);
    assert_true(look && len == 2 && look[0] == 0xc1 && look[1] == 0x03);
    assert_true(woad_ad_has_uuid(ev->u.report.data, ev->u.report.len, &hid));
}

static void assert_reads(void)
{
    const struct woad_event *ev = read_value(&map, 0); /* in parts of 22 octets: ATT_MTU 23 */
    assert_memory_equal(ev->u.value.data, "\x05\x01\x09\x06\xa1\x01", 6);
    for (uint16_t len = ev->u.value.len; len < 43; len = (uint16_t)(len + ev->u.value.len)) {
        ev = woad_test_wait(computer, WOAD_EV_READ, 0);
        assert_int_equal(ev->u.value.offset, len);
    }
    assert_int_equal(ev->u.value.data[ev->u.value.len - 1], 0xc0); /* End Collection */
    ev = read_value(&mode, 0);
    assert_true(ev->u.value.len == 1 && ev->u.value.data[0] == 1);
    ev = read_value(&information, 0);
    assert_memory_equal(ev->u.value.data, "\x11\x01\x00\x02", 4);
}

static const struct woad_feature *const computers[] = {
    &woad_feature_scanner,     &woad_feature_central,          &woad_feature_reconnection,
    &woad_feature_gatt_client, &woad_feature_security_manager, NULL
};

/* In the place of woad_port_run(). */
static int run_here(const struct woad_config *config, const char *program,
                    uint32_t (*run)(void *ctx, struct woad *h, uint32_t now_ms), const bool *done)
{
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE, .bond = true };
    static const struct woad_connect_params params = WOAD_CONNECT_DEFAULT;
    t = woad_test_begin(&(struct woad_test_config){ .crypto = &woad_psa });
    struct woad_test_node *keyboard = woad_test_add(
        t, &(struct woad_test_node_config){ .name = program, .host = *config, .loop = run });
    computer = woad_test_add(
        t, &(struct woad_test_node_config){
               .name = "computer", .host = { .features = computers, .crypto = &woad_psa } });
    struct woad *h = woad_test_host(computer);
    WOAD_TEST_CALL(computer, woad_set_security_policy(h, &policy));
    assert_advertised();
    WOAD_TEST_CALL(computer, woad_connect(h, woad_test_address(keyboard), &params));
    conn = woad_test_wait(computer, WOAD_EV_CONNECT, 5000)->conn;
    read_value(&map, WOAD_ATT_INSUFFICIENT_AUTHENTICATION);
    WOAD_TEST_CALL(computer, woad_pair(h, conn));
    const struct woad_security now =
        woad_test_wait(computer, WOAD_EV_SECURITY, 5000)->u.security.now;
    assert_true(now.encrypted && now.bonded && now.secure);
    assert_reads();
    assert_false(*done);
    assert_typed(&report, "hello world", REPORT);
    WOAD_TEST_CALL(computer,
                   woad_gattc_write_command(h, conn, (uint16_t)(app.first + MODE), "", 1));
    woad_test_run(t, 200);
    assert_int_equal(read_value(&mode, 0)->u.value.data[0], 0);
    app.text = "ok";
    assert_typed(&boot, "ok", BOOT);
    woad_test_end(t);
    return 0;
}

static void types_what_it_is_given(void **state)
{
    char *argv[] = { (char[]){ "keyboard" }, (char[]){ "hello world" }, NULL };
    (void)state;
    assert_int_equal(keyboard_main(2, argv), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(types_what_it_is_given) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
