#define _GNU_SOURCE
/* Data that belong to a bond: subscriptions, signature counters, waiting times after failures.  And
 * the security requests of clients and applications. */
#include "pairing.h"

#include <woad/port.h>

#include <unistd.h>

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
#define VALUE(perm) \
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_NOTIFY, \
                             WOAD_PERM_READ | WOAD_PERM_WRITE | (perm))
/* Attributes from handle 10: values at 12, 15, 18, … */
static const struct woad_attr served[] = {
    WOAD_PRIMARY(&u_service),
    VALUE(0),
    VALUE(WOAD_PERM_READ_ENCRYPTED),
    VALUE(WOAD_PERM_WRITE_SIGNED),
    VALUE(WOAD_PERM_WRITE_SIGNED | WOAD_PERM_WRITE_AUTHENTICATED),
    VALUE(WOAD_PERM_READ_AUTHORIZED),
    VALUE(WOAD_PERM_WRITE_AUTHORIZED),
    VALUE(WOAD_PERM_READ_ENCRYPTED | WOAD_PERM_READ_AUTHORIZED)
};
enum {
    PLAIN = 12,
    ENCRYPTED = 15,
    SIGNED = 18,
    SIGNED_MITM = 21,
    READ_ASKS = 24,
    WRITE_ASKS = 27,
    BOTH_ASK = 30,
    CHANGED = 8
};

static void serve(void)
{
    assert_int_equal(
        woad_gatt_add(w->device[PERIPHERAL].host, served, sizeof served / sizeof *served, NULL), 0);
}

static void subscribe(uint16_t value, uint8_t bits)
{
    uint8_t cccd[2] = { bits, 0 };
    struct device *d = &w->device[CENTRAL];
    device_forget(d);
    assert_int_equal(woad_gattc_write(d->host, side[CENTRAL].conn, (uint16_t)(value + 1), cccd, 2),
                     0);
    assert_int_equal(world_wait(w, d, WOAD_EV_GATTC_DONE, 1000000)->ev.u.done.status, 0);
}

static uint16_t subscribed(uint16_t value)
{
    return woad_gatt_subscription(w->device[PERIPHERAL].host, side[PERIPHERAL].conn, value);
}

static void paired(void)
{
    assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
    displayed = 5;
    settle();
    assert_int_equal(status_of(CENTRAL), 0);
    assert_int_equal(status_of(PERIPHERAL), 0);
    world_run(w, 200000);
}

/* --- subscriptions ---------------------------------------------------------------------------- */

/* Vol 3, Part G, 3.3.3.3: the client's subscriptions from before and after the pairing are restored
 * when the client has encrypted with the bond's key, and not before. */
static void subscriptions_kept(void **state)
{
    (void)state;
    pair_of(&any, &any);
    serve();
    subscribe(PLAIN, 1);
    assert_int_equal(side[PERIPHERAL].changed, 0);
    paired();
    subscribe(ENCRYPTED, 1);
    assert_int_equal(side[PERIPHERAL].changed, 1);
    for (int round = 0; round < 3; round++) {
        rejoin(CENTRAL);
        assert_int_equal(subscribed(PLAIN), 0);
        paired();
        assert_int_equal(subscribed(PLAIN), 1);
        assert_int_equal(subscribed(ENCRYPTED), round < 2);
        assert_int_equal(device_count(&w->device[PERIPHERAL], WOAD_EV_SUBSCRIBE), 2 - round / 2);
        assert_int_equal(device_count(&w->device[CENTRAL], WOAD_EV_INDICATION), 0);
        subscribe(ENCRYPTED, round == 0);
    }
    /* a new pairing: the client's old subscriptions are dropped */
    woad_bond_remove(w->device[CENTRAL].host, NULL);
    rejoin(CENTRAL);
    paired();
    assert_int_equal(subscribed(PLAIN), 0);
    world_free(w);
}

/* The same after a restart: the application adds the bond again. */
static void subscriptions_outlive(void **state)
{
    struct woad_bond stored[2];
    (void)state;
    pair_of(&any, &any);
    serve();
    paired();
    subscribe(ENCRYPTED, 1);
    subscribe(CHANGED, 2);
    world_run(w, 100000);
    for (int k = 0; k < 2; k++) {
        stored[k] = side[k].bond;
    }
    struct woad_cccd cccds[2] = { stored[PERIPHERAL].cccd[0], stored[PERIPHERAL].cccd[1] };
    assert_int_equal(stored[PERIPHERAL].cccds, 2);
    stored[PERIPHERAL].cccd = cccds;
    world_free(w);
    for (int other = 0; other < 2; other++) {
        pair_of(&any, &any);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(woad_bond_add(w->device[k].host, &stored[k]), 0);
        }
        serve();
        if (other) {
            serve(); /* more services than when the bond was made */
        }
        rejoin(CENTRAL);
        paired();
        assert_int_equal(subscribed(ENCRYPTED), 1);
        assert_int_equal(device_count(&w->device[CENTRAL], WOAD_EV_INDICATION), other);
        assert_int_equal(side[PERIPHERAL].changed, other);
        world_free(w);
    }
}

/* GATT/SR/GAS/BV-01-C for a client that was disconnected: Service Changed is repeated until the
 * client confirms it, and is then not sent again. */
static void changed_meanwhile(void **state)
{
    (void)state;
    pair_of(&any, &any);
    serve();
    paired();
    subscribe(CHANGED, 2);
    world_run(w, 100000); /* handles added during the connection are indicated at once */
    for (int round = 0; round < 5; round++) {
        assert_int_equal(woad_disconnect(w->device[0].host, side[0].conn, 0x13), 0);
        world_run(w, 500000);
        if (round == 1) {
            serve();
        }
        again();
        connect_both(&w->device[CENTRAL], &w->device[PERIPHERAL]);
        device_forget(&w->device[CENTRAL]);
        device_forget(&w->device[PERIPHERAL]);
        w->device[CENTRAL].deaf = false;
        assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
        if (round == 1) { /* the connection is lost before the confirmation */
            assert_non_null(world_wait(w, &w->device[PERIPHERAL], WOAD_EV_SECURITY, 1000000));
            w->device[CENTRAL].deaf = true;
            world_run(w, 60000);
            w->device[CENTRAL].deaf = false;
            continue;
        }
        world_run(w, 500000);
        const struct seen *s = device_find(&w->device[CENTRAL], WOAD_EV_INDICATION);
        assert_int_equal(s != NULL, round == 2);
        if (s) {
            static const uint8_t all[] = { 1, 0, 0xff, 0xff };
            assert_int_equal(s->ev.u.value.handle, CHANGED);
            assert_int_equal(s->ev.u.value.len, sizeof all);
            assert_memory_equal(s->data, all, sizeof all);
        }
    }
    world_free(w);
}

/* --- signed writes ---------------------------------------------------------------------------- */

static size_t written(void)
{
    world_run(w, 200000);
    size_t n = device_count(&w->device[PERIPHERAL], WOAD_EV_GATT_WRITE);
    device_forget(&w->device[PERIPHERAL]);
    return n;
}

static int sign(uint16_t handle)
{
    return woad_gattc_write_signed(w->device[CENTRAL].host, side[CENTRAL].conn, handle, "sign", 4);
}

/* Delivers an ATT PDU to the peripheral as if from the air. */
static void rx_pdu(const uint8_t *pdu, uint8_t len)
{
    uint8_t acl[64] = { 2, 0x40, 0x20, (uint8_t)(len + 4), 0, len, 0, 4, 0 };
    memcpy(acl + 9, pdu, len);
    assert_int_equal(woad_rx(w->device[PERIPHERAL].host, acl, 9u + len), 0);
}

/* GATT/CL/GAW/BV-02-C, GATT/SR/GAW/BV-02-C, SM/CEN/SIGN/BV-01-C, SM/CEN/SIGN/BI-01-C,
 * SM/PER/KDU/BV-03-C, SM/CEN/KDU/BV-06-C: signed writes work with a bond and without encryption,
 * where the attribute allows them.  Each counter value is accepted once, across connections; a
 * wrong signature changes nothing. */
static void signed_writes(void **state)
{
    (void)state;
    for (int mitm = 0; mitm < 2; mitm++) {
        struct woad_security_policy p = policy(mitm ? WOAD_IO_KEYBOARD : WOAD_IO_NONE, mitm, true);
        pair_of(&p, &p);
        serve();
        assert_int_equal(sign(SIGNED), WOAD_EACCES);
        paired();
        device_forget(&w->device[PERIPHERAL]);
        assert_int_equal(sign(SIGNED), 0); /* encrypted: sent as a plain Write Command */
        assert_int_equal(written(), 1);
        assert_int_equal(side[CENTRAL].bond.own_signs, 0);
        for (uint32_t n = 0; n < 3; n++) {
            rejoin(CENTRAL);
            assert_int_equal(sign(SIGNED), 0);
            assert_int_equal(written(), 1);
            assert_int_equal(side[CENTRAL].bond.own_signs, 3 * n + 1);
            assert_int_equal(side[PERIPHERAL].bond.signs, 3 * n + 1);
            assert_int_equal(sign(SIGNED_MITM), 0);
            assert_int_equal(written(), mitm);
            assert_int_equal(sign(PLAIN), 0);
            assert_int_equal(written(), 0);
        }
        world_free(w);
    }
}

/* The specification's sample, with counter 1: a write of 13 37 to handle 0x12.  With any octet
 * changed, with any shorter length, or sent twice it has no effect, and uses up no counter
 * value. */
static void signature_sample(void **state)
{
    static const uint8_t key[16] = { 0x50, 0x5e, 0x42, 0xdf, 0x96, 0x91, 0xec, 0x72,
                                     0xd3, 0x1f, 0xcd, 0xfb, 0xeb, 0x64, 0x1b, 0x61 };
    static const uint8_t sample[] = { 0xd2, 0x12, 0x00, 0x13, 0x37, 0x01, 0x00, 0x00, 0x00,
                                      0xf1, 0x87, 0x1e, 0x93, 0x3c, 0x90, 0x0f, 0xf2 };
    struct woad_bond bond = {
        .key_size = 16, .has_csrk = true, .has_own_csrk = true, .own_signs = 2
    };
    (void)state;
    pair_of(&any, &any);
    serve();
    memcpy(bond.csrk, key, sizeof key);
    memcpy(bond.own_csrk, key, sizeof key);
    for (int k = 0; k < 2; k++) {
        bond.peer = w->device[1 - k].addr;
        assert_int_equal(woad_bond_add(w->device[k].host, &bond), 0);
    }
    for (uint8_t n = 1; n < sizeof sample; n++) {
        uint8_t wrong[sizeof sample];
        memcpy(wrong, sample, sizeof sample);
        wrong[n] ^= 0x20;
        rx_pdu(wrong, sizeof wrong);
        rx_pdu(sample, n);
    }
    assert_int_equal(written(), 0);
    rx_pdu(sample, sizeof sample);
    assert_int_equal(written(), 1);
    rx_pdu(sample, sizeof sample);
    assert_int_equal(written(), 0);
    assert_int_equal(sign(SIGNED), 0);
    assert_int_equal(written(), 1);
    uint8_t longest[WOAD_ATT_VALUE_MAX] = { 0 };
    assert_int_equal(woad_gattc_write_signed(w->device[CENTRAL].host, side[CENTRAL].conn, SIGNED,
                                             longest, 23 - 14),
                     WOAD_EINVAL);
    assert_int_equal(woad_gattc_write_signed(w->device[CENTRAL].host, side[CENTRAL].conn, SIGNED,
                                             longest, 23 - 15),
                     0);
    assert_int_equal(written(), 1);
    assert_int_equal(side[CENTRAL].bond.own_signs, 4);
    world_free(w);
    /* a signed write on an encrypted connection is ignored */
    for (int encrypted = 0; encrypted < 2; encrypted++) {
        pair_of(&any, &any);
        serve();
        bond.has_own_ltk = bond.has_peer_ltk = true;
        bond.flags = WOAD_BOND_SECURE;
        bond.own_signs = 1;
        for (int k = 0; k < 2; k++) {
            bond.peer = w->device[1 - k].addr;
            assert_int_equal(woad_bond_add(w->device[k].host, &bond), 0);
        }
        if (encrypted) {
            paired();
            device_forget(&w->device[PERIPHERAL]);
        }
        rx_pdu(sample, sizeof sample);
        assert_int_equal(written(), !encrypted);
        world_free(w);
    }
}

/* --- authorization by the application --------------------------------------------------------- */

static bool yes;
static unsigned bonds_wanted;

static void authorizes(struct device *d, const struct woad_event *ev)
{
    on_event(d, ev);
    if (ev->type == WOAD_EV_AUTHORIZE) {
        bonds_wanted++;
        *ev->u.authorize.allowed = yes;
    }
}

/* GATT/SR/GAR/BI-03-C, GATT/SR/GAW/BI-05-C: the application authorizes each access, after the check
 * of the security level, for every kind of request.  Without its answer the access is refused. */
static void authorized(void **state)
{
    static const uint8_t by_uuid[] = { 0x08, READ_ASKS, 0, READ_ASKS, 0, 0x37, 0x2a },
                         blob[] = { 0x0c, READ_ASKS, 0, 0, 0 },
                         multiple[] = { 0x0e, PLAIN, 0, READ_ASKS, 0 },
                         prepare[] = { 0x16, WRITE_ASKS, 0, 0, 0, 1 },
                         command[] = { 0x52, WRITE_ASKS, 0, 1 }, execute[] = { 0x18, 1 };
    struct device *d;
    (void)state;
    pair_of(&any, &any);
    serve();
    d = &w->device[PERIPHERAL];
    for (int allowed = 0; allowed < 3; allowed++) { /* 0: no callback answers */
        int err = allowed == 2 ? 0 : WOAD_ATT_INSUFFICIENT_AUTHORIZATION;
        d->on_event = allowed ? authorizes : on_event;
        yes = allowed == 2;
        bonds_wanted = 0;
        assert_int_equal(requested(false, READ_ASKS), err);
        assert_int_equal(requested(true, WRITE_ASKS), err);
        assert_int_equal(requested(true, READ_ASKS + 1), err); /* the CCCD of READ_ASKS */
        assert_int_equal(bonds_wanted, allowed ? 3 : 0);
        assert_int_equal(requested(true, READ_ASKS), 0);
        assert_int_equal(requested(false, WRITE_ASKS), 0);
        assert_int_equal(requested(false, BOTH_ASK), WOAD_ATT_INSUFFICIENT_AUTHENTICATION);
        /* no question: the level is not reached, so the peer is unproven */
        assert_int_equal(bonds_wanted, allowed ? 3 : 0);
        device_forget(d);
        rx_pdu(by_uuid, sizeof by_uuid);
        world_run(w, 50000);
        rx_pdu(blob, sizeof blob);
        world_run(w, 50000);
        rx_pdu(multiple, sizeof multiple);
        world_run(w, 50000);
        assert_int_equal(device_count(d, WOAD_EV_GATT_READ), allowed == 2 ? 4 : 0);
        rx_pdu(command, sizeof command);
        assert_int_equal(device_count(d, WOAD_EV_GATT_WRITE), allowed == 2);
        rx_pdu(prepare, sizeof prepare);
        world_run(w, 50000);
        yes = false; /* the execution asks for authorization again */
        rx_pdu(execute, sizeof execute);
        world_run(w, 50000);
        assert_int_equal(device_count(d, WOAD_EV_GATT_WRITE), allowed == 2);
    }
    world_free(w);
}

/* Writes that were prepared under encryption are not executed without it. */
static void prepared_then_fallen(void **state)
{
    static const uint8_t prepare[] = { 0x16, 13, 0, 0, 0, 1 }, execute[] = { 0x18, 1 };
    static const uint8_t lost[] = { 4, 0x08, 4, 0x1f, 0x40, 0, 0 };
    static const struct woad_attr one[] = {
        WOAD_PRIMARY(&u_service),
        WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_WRITE, WOAD_PERM_WRITE | WOAD_PERM_WRITE_ENCRYPTED),
        WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_WRITE, WOAD_PERM_WRITE)
    };
    (void)state;
    for (int falls = 0; falls < 2; falls++) {
        pair_of(&any, &any);
        assert_int_equal(woad_gatt_add(w->device[PERIPHERAL].host, one, 5, NULL), 0);
        paired();
        uint8_t pdu[sizeof prepare];
        memcpy(pdu, prepare, sizeof pdu);
        pdu[1] = 12;
        rx_pdu(pdu, sizeof pdu);
        world_run(w, 50000);
        if (falls) {
            assert_int_equal(woad_rx(w->device[PERIPHERAL].host, lost, sizeof lost), 0);
        }
        rx_pdu(execute, sizeof execute);
        assert_int_equal(device_count(&w->device[PERIPHERAL], WOAD_EV_GATT_WRITE), !falls);
        world_free(w);
    }
}

/* A bond with a key of ten octets: attributes that require a key of sixteen are refused. */
static void short_key(void **state)
{
    static const struct woad_attr sized[] = { WOAD_PRIMARY(&u_service), VALUE(WOAD_PERM_KEY_16) };
    (void)state;
    for (uint8_t size = 10; size <= 16; size += 6) {
        pair_of(&any, &any);
        assert_int_equal(woad_gatt_add(w->device[PERIPHERAL].host, sized, 4, NULL), 0);
        for (int k = 0; k < 2; k++) {
            struct woad_bond b = { .peer = w->device[1 - k].addr,
                                   .key_size = size & 31u,
                                   .flags = WOAD_BOND_SECURE,
                                   .has_own_ltk = true,
                                   .has_peer_ltk = true };
            memset(b.own_ltk, 7, size);
            memset(b.peer_ltk, 7, size);
            assert_int_equal(woad_bond_add(w->device[k].host, &b), 0);
        }
        paired();
        assert_int_equal(level(PERIPHERAL).key_size, size);
        int err = size < 16 ? WOAD_ATT_INSUFFICIENT_KEY_SIZE : 0;
        assert_int_equal(requested(false, PLAIN), err);
        assert_int_equal(requested(true, PLAIN), err);
        assert_int_equal(requested(true, PLAIN + 1), err);
        world_free(w);
    }
}

/* --- a client that raises the security level -------------------------------------------------- */

/* After an error that requires security the client pairs, or encrypts with the bond's key, and
 * repeats the request.  If the level can't be reached, the procedure ends with the server's
 * error. */
static void requested_again(void **state)
{
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        enum { NOT_ASKED, PAIRS, BONDED, TOO_LITTLE, REFUSED, CUT };
        struct woad_security_policy p = any, q = any;
        p.retry = kind != NOT_ASKED;
        q.no_pairing = kind == REFUSED;
        pair_of(&p, &q);
        assert_int_equal(woad_gatt_add(w->device[PERIPHERAL].host, served, 10, NULL), 0);
        if (kind == BONDED) {
            paired();
            rejoin(CENTRAL);
        }
        static const struct woad_attr strict[] = { WOAD_PRIMARY(&u_service),
                                                   VALUE(WOAD_PERM_READ_AUTHENTICATED |
                                                         WOAD_PERM_WRITE_ENCRYPTED) };
        assert_int_equal(woad_gatt_add(w->device[PERIPHERAL].host, strict, 4, NULL), 0);
        device_forget(&w->device[CENTRAL]);
        uint16_t handle = kind == TOO_LITTLE ? 22 : ENCRYPTED;
        uint16_t conn = side[CENTRAL].conn;
        assert_int_equal(woad_gattc_read(w->device[CENTRAL].host, conn, handle), 0);
        assert_int_equal(woad_gattc_read(w->device[CENTRAL].host, conn, PLAIN), 0);
        if (kind == CUT) {
            assert_null(world_wait(w, &w->device[CENTRAL], WOAD_EV_GATTC_DONE, 100000));
            assert_int_equal(woad_gattc_cancel(w->device[CENTRAL].host, conn), 0);
        }
        world_run(w, 2000000);
        assert_int_equal(device_count(&w->device[CENTRAL], WOAD_EV_GATTC_DONE), 2);
        const struct seen *done = device_find(&w->device[CENTRAL], WOAD_EV_GATTC_DONE);
        int status = done->ev.u.done.status;
        assert_int_equal(done->ev.u.done.handle, handle);
        int want = WOAD_ATT_INSUFFICIENT_AUTHENTICATION;
        if (kind == PAIRS || kind == BONDED) {
            want = 0;
        } else if (kind == CUT) {
            want = WOAD_ECANCELED;
        }
        assert_int_equal(status, want);
        assert_int_equal(device_count(&w->device[CENTRAL], WOAD_EV_SECURITY), kind != NOT_ASKED);
        assert_int_equal(level(CENTRAL).encrypted, kind != NOT_ASKED && kind != REFUSED);
        world_free(w);
    }
}

/* A long write that is refused at its first part. */
static void written_again(void **state)
{
    static const struct woad_attr strict[] = {
        WOAD_PRIMARY(&u_service), VALUE(WOAD_PERM_READ_AUTHENTICATED | WOAD_PERM_WRITE_ENCRYPTED)
    };
    struct woad_security_policy p = any;
    uint8_t octets[200];
    (void)state;
    p.retry = true;
    pair_of(&p, &any);
    assert_int_equal(woad_gatt_add(w->device[PERIPHERAL].host, strict, 4, NULL), 0);
    memset(octets, 0x5a, sizeof octets);
    assert_int_equal(woad_gattc_write_long(w->device[CENTRAL].host, side[CENTRAL].conn, PLAIN,
                                           octets, sizeof octets, false),
                     0);
    const struct seen *s = world_wait(w, &w->device[PERIPHERAL], WOAD_EV_GATT_WRITE, 3000000);
    assert_non_null(s);
    assert_int_equal(s->ev.u.gatt_write.len, sizeof octets);
    assert_memory_equal(s->data, octets, sizeof octets);
    world_run(w, 100000);
    s = device_find(&w->device[CENTRAL], WOAD_EV_GATTC_DONE);
    assert_int_equal(s->ev.u.done.status, 0);
    world_free(w);
}

/* --- peers that answer without encryption ----------------------------------------------------- */

/* A13, BLESA: reconnect_requires_encryption_when_bonded.  A client's request to a bonded peer waits
 * for encryption.  An impostor without the key gets no request, and its values are not reported. */
static void impostor(void **state)
{
    (void)state;
    for (int client = 0; client < 2; client++) {
        for (int kind = 0; kind < 3; kind++) {
            enum { GENUINE, IMPOSTOR, TRUSTED };
            struct woad_security_policy p = any;
            p.trust_unencrypted = kind == TRUSTED;
            pair_of(&p, &p);
            struct device *mine = &w->device[client], *other = &w->device[1 - client];
            assert_int_equal(
                woad_gatt_add(other->host, served, sizeof served / sizeof *served, NULL), 0);
            paired();
            rejoin(CENTRAL);
            if (kind != GENUINE) {
                woad_bond_remove(other->host, NULL);
            }
            other->own_answers = false;
            device_forget(other);
            uint16_t conn = side[client].conn;
            assert_int_equal(woad_gattc_write_command(mine->host, conn, PLAIN, "x", 1),
                             kind == TRUSTED ? 0 : WOAD_EACCES);
            if (kind != GENUINE) { /* the impostor sends first */
                assert_int_equal(
                    woad_gatt_notify(other->host, side[1 - client].conn, PLAIN, "lie", 3), 0);
                assert_int_equal(
                    woad_gatt_indicate(other->host, side[1 - client].conn, PLAIN, "lie", 3), 0);
                world_run(w, 300000);
            }
            int refused = kind == IMPOSTOR ? WOAD_EACCES : 0;
            assert_int_equal(woad_gattc_read(mine->host, conn, PLAIN), 0);
            assert_int_equal(woad_gattc_read(mine->host, conn, ENCRYPTED), 0);
            world_run(w, kind == IMPOSTOR ? 62000000 : 1000000);
            if (kind == IMPOSTOR && client == PERIPHERAL) {
                /* The central has lost its key and pairs again: the value belongs to the old bond,
                 * and is not reported. */
                assert_false(device_find(mine, WOAD_EV_NOTIFIED) != NULL);
                world_free(w);
                continue;
            }
            const struct seen *s = device_find(mine, WOAD_EV_GATTC_DONE);
            assert_non_null(s);
            assert_int_equal(s->ev.u.done.status, refused);
            assert_int_equal(device_find(other, WOAD_EV_GATT_READ) != NULL, kind != IMPOSTOR);
            assert_int_equal(device_find(mine, WOAD_EV_NOTIFIED) != NULL, kind == TRUSTED);
            assert_int_equal(device_find(mine, WOAD_EV_INDICATION) != NULL, kind == TRUSTED);
            if (kind == GENUINE) {
                assert_true(level(client).encrypted);
                assert_int_equal(device_count(mine, WOAD_EV_SECURITY), 1);
            } else if (kind == IMPOSTOR) {
                assert_int_equal(woad_gattc_write_command(mine->host, conn, PLAIN, "x", 1),
                                 WOAD_ENOTCONN); /* its indication was not confirmed */
            }
            world_free(w);
        }
    }
}

/* --- keypress notifications ------------------------------------------------------------------- */

/* Keypress notifications: sent where both sides want them.  Each keypress extends the timeout to
 * another 30 s. */
static void presses(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        for (int secure = 0; secure < 2; secure++) {
            struct woad_security_policy types = policy(WOAD_IO_KEYBOARD, true, secure);
            struct woad_security_policy shows = policy(WOAD_IO_DISPLAY, true, secure);
            types.keypress = true;
            shows.keypress = both;
            begin(&types, &shows);
            struct woad *h = w->device[CENTRAL].host;
            uint16_t conn = side[CENTRAL].conn;
            assert_int_equal(woad_keypress(h, conn, WOAD_KEYPRESS_STARTED), WOAD_ENOENT);
            world_run(w, 1000000);
            assert_int_equal(side[CENTRAL].action, WOAD_PASSKEY_INPUT);
            assert_int_equal(woad_keypress(h, conn, (enum woad_keypress)5), WOAD_EINVAL);
            for (int n = 0; n < 5; n++) {
                int err = woad_keypress(h, conn, (enum woad_keypress)n);
                assert_int_equal(err, both ? 0 : WOAD_ENOENT);
                if (both) {
                    assert_int_equal(woad_keypress(h, conn, WOAD_KEYPRESS_DIGIT), WOAD_EAGAIN);
                }
                world_run(w, both ? 25000000 : 100000);
            }
            assert_int_equal(woad_keypress(w->device[PERIPHERAL].host, side[PERIPHERAL].conn,
                                           WOAD_KEYPRESS_DIGIT),
                             WOAD_ENOENT);
            assert_int_equal(device_count(&w->device[PERIPHERAL], WOAD_EV_KEYPRESS), both ? 5 : 0);
            settle();
            assert_int_equal(status_of(CENTRAL), 0);
            assert_int_equal(status_of(PERIPHERAL), 0);
            assert_true(level(CENTRAL).authenticated);
            world_free(w);
        }
    }
}

/* --- failures that survive a restart ---------------------------------------------------------- */

static struct woad_bond_file *file;

static void stored_in_file(struct device *d, const struct woad_event *ev)
{
    on_event(d, ev);
    if (side_of(d) == &side[PERIPHERAL]) {
        woad_bond_file_event(file, d->host, ev);
    }
}

/* S21: a restart does not shorten the wait of a peer that guesses passkeys. */
static void attempts_outlive(void **state)
{
    struct woad_security_policy types = policy(WOAD_IO_KEYBOARD, true, true);
    struct woad_security_policy shows = policy(WOAD_IO_DISPLAY, true, true);
    char path[] = "/tmp/woad-attempts-XXXXXX";
    int error;
    (void)state;
    close(mkstemp(path));
    unlink(path);
    for (int run = 0; run < 4; run++) {
        static const struct woad_event up = { .type = WOAD_EV_UP };
        pair_of(&types, &shows);
        file = woad_bond_file_open(path, &error);
        assert_non_null(file);
        woad_bond_file_event(file, w->device[PERIPHERAL].host, &up);
        w->device[PERIPHERAL].on_event = stored_in_file;
        uint64_t wait = run ? 250000ull << (run - 1) : 0;
        assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
        if (run) { /* the attacker's own host does not know that it must wait */
            settle();
            assert_int_equal(status_of(CENTRAL), WOAD_SECURITY_PEER | WOAD_SMP_REPEATED_ATTEMPTS);
            world_run(w, wait);
            again();
            assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
        }
        side[CENTRAL].user = run < 3 ? WRONG : YES;
        settle();
        assert_int_equal(status_of(CENTRAL) == 0, run == 3);
        assert_int_equal(woad_bond_file_error(file), 0);
        woad_bond_file_close(file);
        world_free(w);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subscriptions_kept),
        cmocka_unit_test(subscriptions_outlive),
        cmocka_unit_test(changed_meanwhile),
        cmocka_unit_test(signed_writes),
        cmocka_unit_test(signature_sample),
        cmocka_unit_test(authorized),
        cmocka_unit_test(prepared_then_fallen),
        cmocka_unit_test(short_key),
        cmocka_unit_test(requested_again),
        cmocka_unit_test(written_again),
        cmocka_unit_test(impostor),
        cmocka_unit_test(presses),
        cmocka_unit_test(attempts_outlive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
