/* Calls of GATT and of Enhanced ATT. */
#include "storm.h"

static const struct woad_uuid service = WOAD_UUID16(0x180d), value = WOAD_UUID16(0x2a37);
static const char constant[] = "constant value of some length, longer than an ATT_MTU of 23";

/* Values from handle 12 (14 with Client Supported Features): open to every client, with encryption
 * (ENCRYPTED_HANDLE), with authentication (AUTHENTICATED_HANDLE). */
enum { EVERY = WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE };
const struct woad_attr storm_db[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(&value, EVERY, WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CHARACTERISTIC_CONST(&value, constant, sizeof constant),
    WOAD_CHARACTERISTIC_CCCD(
        &value, EVERY,
        WOAD_PERM_READ | WOAD_PERM_WRITE | WOAD_PERM_READ_ENCRYPTED | WOAD_PERM_WRITE_ENCRYPTED),
    WOAD_CHARACTERISTIC_CCCD(&value, EVERY,
                             WOAD_PERM_READ | WOAD_PERM_WRITE | WOAD_PERM_READ_AUTHENTICATED |
                                 WOAD_PERM_WRITE_AUTHORIZED)
};

/* The application's value of a handle: a protected one has a pattern of its own, so that a leak is
 * visible. */
const char *const value_patterns[] = { "openopen", "SECRET-E", "SECRET-A" };
void fill_value(uint8_t *to, uint16_t handle)
{
    uint16_t at = storm.me->service ? (uint16_t)(handle - storm.me->service) : 0;
    const char *pattern = value_patterns[(at == 7) + 2 * (at == 10)];
    for (size_t n = 0; n < VALUE_MAX; n++) {
        to[n] = (uint8_t)pattern[n & 7];
    }
}

/* Returns a handle of this host's service with a value. */
static uint16_t own_handle(void)
{
    static const uint8_t at[] = { 2, 5, 7, 7, 10, 10 };
    return storm.me->service && !one_in(5) ? (uint16_t)(storm.me->service + at[any(6)])
                                           : some_handle();
}

/* Books the result of a call that starts a client procedure. */
static void begun(uint16_t conn, enum woad_gattc_op op, int err, struct link *l)
{
    if (err && l) {
        l->procedures[op]--;
        l->full = l->full || err == WOAD_EAGAIN;
    }
    (void)conn;
}

static struct link *begins(uint16_t conn, enum woad_gattc_op op)
{
    struct link *l = link_of(storm.me, conn);
    if (l) {
        l->procedures[op]++; /* the procedure may end inside the call */
    }
    return l;
}

#define PROCEDURE(op, call, format, ...) \
    do { \
        struct link *l_ = begins(conn, op); \
        begun(conn, op, result_on(conn, call, "NIALCOS", format, __VA_ARGS__), l_); \
    } while (0)

static void call_read(void)
{
    uint16_t conn = some_conn(), handle = some_handle();
    PROCEDURE(WOAD_GATTC_READ, woad_gattc_read(storm.me->h, conn, handle),
              "woad_gattc_read(%04x, %u)", conn, handle);
}

static void call_discover(void)
{
    uint16_t conn = some_conn(), from = (uint16_t)(one_in(6) ? any(40) : 1);
    const struct woad_uuid *uuid = one_in(2) ? &value : NULL;
    struct woad *h = storm.me->h;
    switch (any(6)) {
    case 0:
        PROCEDURE(WOAD_GATTC_SERVICES, woad_gattc_services(h, conn, uuid ? &service : NULL),
                  "woad_gattc_services(%04x)", conn);
        break;
    case 1:
        PROCEDURE(WOAD_GATTC_CHARACTERISTICS,
                  woad_gattc_characteristics(h, conn, from, 0xffff, uuid),
                  "woad_gattc_characteristics(%04x)", conn);
        break;
    case 2:
        PROCEDURE(WOAD_GATTC_DESCRIPTORS, woad_gattc_descriptors(h, conn, from, 0xffff),
                  "woad_gattc_descriptors(%04x)", conn);
        break;
    case 3:
        PROCEDURE(WOAD_GATTC_INCLUDED, woad_gattc_included(h, conn, from, 0xffff),
                  "woad_gattc_included(%04x)", conn);
        break;
    case 4:
        PROCEDURE(WOAD_GATTC_SECONDARY_SERVICES, woad_gattc_secondary_services(h, conn),
                  "woad_gattc_secondary_services(%04x)", conn);
        break;
    default:
        PROCEDURE(WOAD_GATTC_READ_BY_UUID, woad_gattc_read_by_uuid(h, conn, from, 0xffff, &value),
                  "woad_gattc_read_by_uuid(%04x)", conn);
        break;
    }
}

static void call_find(void)
{
    uint16_t conn = some_conn(), handle = some_handle();
    uint16_t end = one_in(2) ? 0xffff : (uint16_t)(handle + any(4) - (one_in(20) ? 1 : 0));
    uint16_t bits = (uint16_t)any(one_in(20) ? 5 : 4);
    if (one_in(2)) {
        PROCEDURE(WOAD_GATTC_FIND, woad_gattc_find(storm.me->h, conn, &service, &value),
                  "woad_gattc_find(%04x)", conn);
    } else {
        PROCEDURE(WOAD_GATTC_SUBSCRIBE, woad_gattc_subscribe(storm.me->h, conn, handle, end, bits),
                  "woad_gattc_subscribe(%04x, %u, %u, %u)", conn, handle, end, bits);
    }
}

static void call_read_multiple(void)
{
    uint16_t conn = some_conn(), handles[3] = { some_handle(), some_handle(), some_handle() };
    size_t n = 2 + any(2) - (one_in(20) ? 2 : 0);
    if (one_in(3)) {
        PROCEDURE(WOAD_GATTC_READ_MULTIPLE_FIXED,
                  woad_gattc_read_multiple_fixed(storm.me->h, conn, handles, n),
                  "woad_gattc_read_multiple_fixed(%04x, %zu)", conn, n);
    } else {
        PROCEDURE(WOAD_GATTC_READ_MULTIPLE, woad_gattc_read_multiple(storm.me->h, conn, handles, n),
                  "woad_gattc_read_multiple(%04x, %zu)", conn, n);
    }
}

static void call_write(void)
{
    uint16_t conn = some_conn(), handle = some_handle();
    size_t len = one_in(2) ? 2 : some_len();
    const uint8_t *data = some_octets();
    PROCEDURE(WOAD_GATTC_WRITE, woad_gattc_write(storm.me->h, conn, handle, data, len),
              "woad_gattc_write(%04x, %u, %zu)", conn, handle, len);
}

static void call_write_long(void)
{
    uint16_t conn = some_conn(), handle = some_handle();
    size_t len = some_len();
    bool reliable = one_in(2);
    const uint8_t *data = some_octets();
    PROCEDURE(reliable ? WOAD_GATTC_WRITE_RELIABLE : WOAD_GATTC_WRITE_LONG,
              woad_gattc_write_long(storm.me->h, conn, handle, data, len, reliable),
              "woad_gattc_write_long(%04x, %u, %zu, %d)", conn, handle, len, reliable);
}

static void call_exchange_mtu(void)
{
    uint16_t conn = some_conn();
    PROCEDURE(WOAD_GATTC_MTU, woad_gattc_exchange_mtu(storm.me->h, conn),
              "woad_gattc_exchange_mtu(%04x)", conn);
}

static void call_cancel(void)
{
    uint16_t conn = some_conn();
    result_on(conn, woad_gattc_cancel(storm.me->h, conn), "NE", "woad_gattc_cancel(%04x)", conn);
}

/* Books the result of a call that queues a PDU without an answer. */
static void queued(struct link *l, int err)
{
    if (l && l->open) {
        l->queued = l->queued || !err;
        l->full = l->full || err == WOAD_EAGAIN;
    }
}

static void call_write_command(void)
{
    uint16_t conn = some_conn(), handle = some_handle();
    size_t len = some_len();
    const uint8_t *data = some_octets();
    struct link *l = link_of(storm.me, conn);
    if (one_in(3)) {
        queued(l,
               result_on(conn, woad_gattc_write_signed(storm.me->h, conn, handle, data, len % 20),
                         "NICAOS", "woad_gattc_write_signed(%04x, %u)", conn, handle));
    } else {
        queued(l, result_on(conn, woad_gattc_write_command(storm.me->h, conn, handle, data, len),
                            "NICA", "woad_gattc_write_command(%04x, %u, %zu)", conn, handle, len));
    }
}

static void call_notify(void)
{
    uint16_t conn = some_conn(), handle = own_handle();
    uint8_t data[VALUE_MAX];
    struct link *l = link_of(storm.me, conn);
    size_t len = some_len() % VALUE_MAX;
    fill_value(data, handle);
    bool latest = one_in(3);
    int err = latest ? woad_gatt_notify_latest(storm.me->h, conn, handle, data, len)
                     : woad_gatt_notify(storm.me->h, conn, handle, data, len);
    queued(l, result_on(conn, err, "NICA", "woad_gatt_notify%s(%04x, %u, %zu)",
                        latest ? "_latest" : "", conn, handle, len));
}

static void call_notify_subscribers(void)
{
    uint16_t handle = own_handle();
    uint8_t data[VALUE_MAX];
    fill_value(data, handle);
    int got = woad_gatt_notify_subscribers(storm.me->h, handle, data, some_len() % VALUE_MAX);
    MUST(got >= 0 || got == WOAD_EINVAL || got == WOAD_ENOTSUP,
         "woad_gatt_notify_subscribers(%u) = %d", handle, got);
}

static void call_notify_multiple(void)
{
    uint16_t conn = some_conn(), one = own_handle(), two = own_handle();
    uint8_t data[2][VALUE_MAX];
    struct link *l = link_of(storm.me, conn);
    fill_value(data[0], one);
    fill_value(data[1], two);
    struct woad_gatt_value v[2] = { { one, (uint16_t)any(20), data[0] },
                                    { two, (uint16_t)any(20), data[1] } };
    queued(l, result_on(conn, woad_gatt_notify_multiple(storm.me->h, conn, v, 2), "NICAS",
                        "woad_gatt_notify_multiple(%04x, %u, %u)", conn, one, two));
}

static void call_indicate(void)
{
    uint16_t conn = some_conn(), handle = own_handle();
    uint8_t data[VALUE_MAX];
    struct link *l = link_of(storm.me, conn);
    size_t len = some_len() % VALUE_MAX;
    fill_value(data, handle);
    if (l) {
        l->indications++;
    }
    int err = result_on(conn, woad_gatt_indicate(storm.me->h, conn, handle, data, len), "NICA",
                        "woad_gatt_indicate(%04x, %u, %zu)", conn, handle, len);
    if (err && l) {
        l->indications--;
        l->full = l->full || err == WOAD_EAGAIN;
    }
}

/* Answers a request, often with the value of the requested handle. */
static void call_answer(void)
{
    uint16_t conn = some_conn();
    uint8_t data[VALUE_MAX], err = one_in(5) ? (uint8_t)any(256) : 0;
    struct link *l = link_of(storm.me, conn);
    size_t len = some_len() % VALUE_MAX;
    unsigned k = any(8);
    int got;
    if (one_in(4)) {
        fill_value(data, 0);
        got = woad_gatt_answer(storm.me->h, conn, err, data, len);
    } else {
        fill_value(data, l ? l->note_request[k] : 0);
        got = woad_gatt_answer_to(storm.me->h, conn, l ? l->request[k] : 0, err, data, len);
    }
    if (result_on(conn, got, "NL", "woad_gatt_answer(%04x, %02x, %zu)", conn, err, len) == 0) {
        MUST(l->questions, "an answer is taken although nothing was asked");
        l->questions--;
    }
}

/* Returns whether the host is going down, before WOAD_EV_DOWN. */
static bool storm_falls(void)
{
    struct woad_addr addr;
    return woad_own_address(storm.me->h, &addr) != 0;
}

static void call_database(void)
{
    struct actor *a = storm.me;
    uint16_t at = a->service;
    unsigned removals = a->removals;
    if (at && one_in(3)) {
        a->service = 0; /* its events arrive after the removal */
        a->removals++;
        result(woad_gatt_remove(a->h, at), storm_falls() ? "E" : "", "woad_gatt_remove(%u)", at);
    } else if (one_in(8)) {
        a->service = 0;
        a->removals++;
        result(woad_gatt_clear(a->h), "", "woad_gatt_clear()");
    } else if (!a->service) {
        uint16_t first = 0;
        if (result(woad_gatt_add(a->h, storm_db, STORM_DB, &first), "DIM", "woad_gatt_add()") ==
                0 &&
            a->removals == removals) {
            a->service = first;
        }
    }
}

static void call_mtu(void)
{
    uint16_t mtu = (uint16_t)any(300);
    result(woad_set_mtu(storm.me->h, mtu), "I", "woad_set_mtu(%u)", mtu);
}

static void call_eatt(void)
{
    uint16_t conn = some_conn();
    struct link *l = link_of(storm.me, conn);
    bool was = l && l->bearers;
    if (one_in(4)) {
        result_on(conn, woad_eatt_close(storm.me->h, conn), "NS", "woad_eatt_close(%04x)", conn);
        return;
    }
    uint8_t n = (uint8_t)(one_in(10) ? any(9) : 1 + any(3));
    if (l) {
        l->bearers = true;
    }
    int err = result_on(conn, woad_eatt_open(storm.me->h, conn, n), "NSICLM",
                        "woad_eatt_open(%04x, %u)", conn, n);
    if (err && l) {
        l->bearers = was;
    }
}

static void call_subscription(void)
{
    woad_gatt_subscription(storm.me->h, some_conn(), some_handle());
}

const struct call gatt_calls[] = { { "read", 8, call_read },
                                   { "discover", 6, call_discover },
                                   { "find", 4, call_find },
                                   { "read_multiple", 5, call_read_multiple },
                                   { "write", 5, call_write },
                                   { "write_long", 5, call_write_long },
                                   { "exchange_mtu", 3, call_exchange_mtu },
                                   { "cancel", 3, call_cancel },
                                   { "write_command", 4, call_write_command },
                                   { "notify", 6, call_notify },
                                   { "notify_subscribers", 2, call_notify_subscribers },
                                   { "notify_multiple", 3, call_notify_multiple },
                                   { "indicate", 4, call_indicate },
                                   { "answer", 9, call_answer },
                                   { "database", 4, call_database },
                                   { "mtu", 1, call_mtu },
                                   { "eatt", 4, call_eatt },
                                   { "subscription", 1, call_subscription },
                                   { NULL, 0, NULL } };
