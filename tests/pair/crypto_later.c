/* P-256 by a worker that takes seconds: WOAD_CRYPTO_LATER (woad/crypto.h).  The link is kept and
 * used meanwhile, abandoned results do no harm, and the host sleeps while it waits. */
#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/testing.h>

#include <string.h>

#include "cm.h"

enum { WORK_MS = 2000, PHONES = 2 };

/* A worker with room for one calculation, as a task of its own would be. */
static struct {
    uint8_t private_key[32], public_key[64], result[64];
    bool busy, dh;
    int error;           /* that the calculation gives; 0: none */
    uint32_t done_at_ms; /* in virtual time */
    unsigned started, calls;
} worker;
static struct woad_test *t;
static struct woad_test_node *sensor, *phone[PHONES];

static uint32_t left_ms(void)
{
    uint32_t now = woad_test_now_ms(t);
    return worker.done_at_ms > now ? worker.done_at_ms - now : 0;
}

/* Whether the worker's calculation is this one; if it has finished another one, or none, this one
 * begins. */
static bool worker_has(const uint8_t private_key[32], const uint8_t *public_key)
{
    worker.calls++;
    if (worker.busy && worker.dh == (public_key != NULL) &&
        memcmp(worker.private_key, private_key, 32) == 0 &&
        (!public_key || memcmp(worker.public_key, public_key, 64) == 0)) {
        return left_ms() == 0;
    }
    if (worker.busy && left_ms()) {
        return false;
    }
    worker.busy = true;
    worker.dh = public_key != NULL;
    worker.started++;
    worker.done_at_ms = woad_test_now_ms(t) + WORK_MS;
    memcpy(worker.private_key, private_key, 32);
    if (public_key) {
        memcpy(worker.public_key, public_key, 64);
    }
    return false;
}

static int worker_take(void)
{
    int error = worker.error;
    worker.busy = false;
    worker.error = 0;
    return error;
}

static int later_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    if (!worker_has(private_key, NULL)) {
        return WOAD_CRYPTO_LATER;
    }
    int error = worker_take();
    return error ? error : woad_psa.p256_public(private_key, public_key);
}

static int later_dh(const uint8_t private_key[32], const uint8_t public_key[64], uint8_t secret[32])
{
    if (!worker_has(private_key, public_key)) {
        return WOAD_CRYPTO_LATER;
    }
    int error = worker_take();
    return error ? error : woad_psa.p256_dh(private_key, public_key, secret);
}

static int aes(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    return woad_psa.aes128(key, in, out);
}

static const struct woad_crypto later = { aes, later_public, later_dh };

/* --- a sensor that notifies ten times a second, and phones ------------------------------------ */

static const struct woad_uuid service = WOAD_UUID16(0x181a), celsius = WOAD_UUID16(0x2a6e);
static const struct woad_attr attrs[] = { WOAD_PRIMARY(&service),
                                          WOAD_CHARACTERISTIC_CCCD(&celsius, WOAD_PROP_NOTIFY, 0) };
static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_central,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_gatt_client,
                                                       &woad_feature_security_manager,
                                                       &woad_feature_out_of_band,
                                                       NULL };
static const struct woad_security_policy policy = { .io = WOAD_IO_NONE, .bond = true };
static struct {
    uint16_t first, conn[PHONES], conns;
    uint32_t next_ms;
    unsigned loops;
} app;

static void sensor_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    (void)ctx;
    if (ev->type == WOAD_EV_UP) {
        woad_gatt_add(h, attrs, sizeof attrs / sizeof *attrs, &app.first);
        woad_set_security_policy(h, &policy);
        woad_adv_start(h, &adv);
    } else if (ev->type == WOAD_EV_CONNECT) {
        app.conn[app.conns++ % PHONES] = ev->conn;
        woad_adv_start(h, &adv);
    }
}

/* Also what the worker does when it has finished: it wakes the host. */
static uint32_t sensor_loop(void *ctx, struct woad *h, uint32_t now_ms)
{
    (void)ctx;
    app.loops++;
    if ((int32_t)(now_ms - app.next_ms) >= 0) {
        app.next_ms = now_ms + 100;
        for (unsigned k = 0; k < PHONES; k++) {
            woad_gatt_notify(h, app.conn[k], (uint16_t)(app.first + 2), "\1", 1);
        }
    }
    uint32_t left = worker.busy ? left_ms() : 0, until = app.next_ms - now_ms;
    return left && left < until ? left : until;
}

static struct woad_test_node *add(const char *name, const struct woad_crypto *crypto)
{
    struct woad_test_node_config config = { .name = name,
                                            .host = { .features = features,
                                                      .conns = PHONES,
                                                      .attr_tables = 1,
                                                      .subscriptions = 2,
                                                      .procedures = 1,
                                                      .mtu = 65,
                                                      .tx_queue = 256,
                                                      .request_queue = 128,
                                                      .bonds = 4,
                                                      .crypto = crypto } };
    if (crypto == &later) {
        config.host.event = sensor_event;
        config.loop = sensor_loop;
    }
    return woad_test_add(t, &config);
}

static int begin(void **state)
{
    (void)state;
    memset(&worker, 0, sizeof worker);
    memset(&app, 0, sizeof app);
    app.conn[0] = app.conn[1] = WOAD_NO_CONN;
    t = woad_test_begin(&(struct woad_test_config){ .crypto = &woad_psa });
    sensor = add("sensor", &later);
    phone[0] = add("phone", &woad_psa);
    phone[1] = add("another", &woad_psa);
    for (unsigned k = 0; k < PHONES; k++) {
        WOAD_TEST_CALL(phone[k], woad_set_security_policy(woad_test_host(phone[k]), &policy));
    }
    return 0;
}

static int end(void **state)
{
    (void)state;
    woad_test_end(t);
    return 0;
}

static uint16_t join(unsigned k)
{
    static const struct woad_connect_params params = { 48, 48, 24, 24, 0, 100, 5000 };
    WOAD_TEST_CALL(phone[k],
                   woad_connect(woad_test_host(phone[k]), woad_test_address(sensor), &params));
    return woad_test_wait(phone[k], WOAD_EV_CONNECT, 5000)->conn;
}

static void assert_pairs(unsigned k, uint32_t limit_ms)
{
    const struct woad_event *ev = woad_test_wait(phone[k], WOAD_EV_SECURITY, limit_ms);
    assert_int_equal(ev->u.security.status, 0);
    assert_true(ev->u.security.now.encrypted && ev->u.security.now.secure);
}

/* Two calculations of two seconds each, with a supervision timeout of one second: nothing is lost,
 * every notification is on time, and the host calls the function when it polls, not in a loop. */
static void the_link_is_kept(void **state)
{
    (void)state;
    uint16_t conn = join(0);
    WOAD_TEST_CALL(phone[0], woad_pair(woad_test_host(phone[0]), conn));
    uint32_t from = woad_test_now_ms(t);
    woad_test_forget(phone[0]);
    app.loops = 0;
    assert_pairs(0, 6000);
    uint32_t took = woad_test_now_ms(t) - from;
    assert_true(took >= 2 * WORK_MS && took < 2 * WORK_MS + 1000);
    assert_true(woad_test_count(phone[0], WOAD_EV_NOTIFIED) >= took / 100 - 2);
    assert_int_equal(woad_test_count(phone[0], WOAD_EV_DISCONNECT), 0);
    assert_int_equal(worker.started, 2);
    assert_true(worker.calls <= app.loops && app.loops < took / 10);
}

/* The peer goes while the worker calculates.  The next pairing has a new private key and does not
 * get the abandoned result. */
static void an_abandoned_result_is_not_taken(void **state)
{
    uint8_t before[32];
    (void)state;
    uint16_t conn = join(0);
    WOAD_TEST_CALL(phone[0], woad_pair(woad_test_host(phone[0]), conn));
    woad_test_run(t, WORK_MS / 2);
    assert_int_equal(worker.started, 1);
    memcpy(before, worker.private_key, 32);
    WOAD_TEST_CALL(
        phone[0], woad_disconnect(woad_test_host(phone[0]), conn, WOAD_HCI_REMOTE_USER_TERMINATED));
    woad_test_wait(sensor, WOAD_EV_DISCONNECT, 1000);
    woad_test_wait(phone[0], WOAD_EV_SECURITY, 1000);
    conn = join(0);
    WOAD_TEST_CALL(phone[0], woad_pair(woad_test_host(phone[0]), conn));
    woad_test_run(t, WORK_MS);
    assert_memory_not_equal(before, worker.private_key, 32);
    assert_pairs(0, 8000);
    assert_int_equal(worker.started, 3);
}

/* A random number that is no private key: the worker says so later, and the host tries another.
 * A public key that is not on the curve: the pairing fails. */
static void errors_may_come_later(void **state)
{
    uint8_t before[32];
    (void)state;
    uint16_t conn = join(0);
    WOAD_TEST_CALL(phone[0], woad_pair(woad_test_host(phone[0]), conn));
    woad_test_run(t, WORK_MS / 2);
    memcpy(before, worker.private_key, 32);
    worker.error = -1;
    woad_test_run(t, WORK_MS);
    assert_int_equal(worker.started, 2);
    assert_false(worker.dh);
    assert_memory_not_equal(before, worker.private_key, 32);
    woad_test_run(t, WORK_MS);
    assert_true(worker.dh);
    worker.error = -1;
    const struct woad_event *ev = woad_test_wait(sensor, WOAD_EV_SECURITY, 6000);
    assert_int_equal(ev->u.security.status, WOAD_SMP_DHKEY_CHECK);
}

/* Two peers pair at once with one worker: one waits for the other, both succeed. */
static void two_pairings_share_a_worker(void **state)
{
    (void)state;
    uint16_t first = join(0), second = join(1);
    WOAD_TEST_CALL(phone[0], woad_pair(woad_test_host(phone[0]), first));
    WOAD_TEST_CALL(phone[1], woad_pair(woad_test_host(phone[1]), second));
    assert_pairs(0, 20000);
    assert_pairs(1, 20000);
    assert_int_equal(woad_test_count(sensor, WOAD_EV_DISCONNECT), 0);
}

/* Out-of-band data come later, too; new ones have a new key pair. */
static void out_of_band_data_come_later(void **state)
{
    uint8_t before[32];
    (void)state;
    WOAD_TEST_CALL(sensor, woad_oob_make(woad_test_host(sensor)));
    woad_test_never(sensor, WOAD_EV_OOB, WORK_MS - 100);
    WOAD_TEST_CALL(sensor, woad_oob_make(woad_test_host(sensor))); /* is being made */
    assert_int_equal(woad_test_wait(sensor, WOAD_EV_OOB, 200)->u.oob.status, 0);
    assert_int_equal(worker.started, 1);
    memcpy(before, worker.private_key, 32);
    WOAD_TEST_CALL(sensor, woad_oob_make(woad_test_host(sensor)));
    woad_test_run(t, 10);
    assert_memory_not_equal(before, worker.private_key, 32);
    worker.error = -1;
    memcpy(before, worker.private_key, 32);
    assert_int_equal(woad_test_wait(sensor, WOAD_EV_OOB, WORK_MS + 100)->u.oob.status, WOAD_EIO);
    WOAD_TEST_CALL(sensor, woad_oob_make(woad_test_host(sensor)));
    woad_test_run(t, 10);
    assert_memory_not_equal(before, worker.private_key, 32);
    assert_int_equal(woad_test_wait(sensor, WOAD_EV_OOB, WORK_MS + 100)->u.oob.status, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_link_is_kept),
        CASE(an_abandoned_result_is_not_taken),
        CASE(errors_may_come_later),
        CASE(two_pairings_share_a_worker),
        CASE(out_of_band_data_come_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
