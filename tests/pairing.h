/* Hosts that pair over the simulated air, and the users beside them. */
#ifndef WOAD_TESTS_PAIRING_H
#define WOAD_TESTS_PAIRING_H

#include "bond_at.h"
#include "cm.h"

#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { CENTRAL, PERIPHERAL };
enum { YES, NO, LATE, SILENT, WRONG }; /* how a user reacts */

struct side {
    int user; /* YES, … */
    /* passkeys: number of WOAD_EV_PASSKEY; action: of the last one; the others count events. */
    unsigned passkeys, action, bonds, gone, changed, oobs;
    struct woad_cccd cccd[8];
    uint32_t shown; /* passkey of the last WOAD_EV_PASSKEY */
    uint16_t conn;
    struct woad_bond bond; /* of the last WOAD_EV_BOND; its CCCDs are in `cccd` */
    struct woad_oob oob;
    int oob_status;                     /* of the last WOAD_EV_OOB */
    uint64_t random;                    /* state of the random source; 0: the source fails */
    uint8_t private_key[32], nonce[16]; /* the last ones that the source has produced */
};
static struct side side[WORLD_MAX];
static struct world *w;
static bool attacked;      /* a user's answer may be too late (WOAD_ENOENT) */
static uint32_t displayed; /* what the user reads on the other device */

/* The side that belongs to a device. */
static inline struct side *side_of(const struct device *d)
{
    return &side[d - w->device];
}

/* Secrets that must not be left in memory: random numbers and shared secrets. */
static struct secret {
    uint8_t octet[32];
    size_t len;
} secrets[512];
static size_t n_secrets;

/* Notes a secret, if it is long enough to be looked for. */
static inline void remember(const uint8_t *octet, size_t len)
{
    if (len >= 16 && n_secrets < 512) {
        memcpy(secrets[n_secrets].octet, octet, len < 32 ? len : 32);
        secrets[n_secrets++].len = len < 32 ? len : 32;
    }
}

/* A host's random numbers: repeatable, and noted as secrets. */
static inline int random_octets(void *ctx, uint8_t *out, size_t len)
{
    struct side *s = side_of(ctx);
    for (size_t n = 0; s->random && n < len; n++) {
        s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
        out[n] = (uint8_t)(s->random >> 56);
    }
    remember(out, len);
    if (len == 32) {
        memcpy(s->private_key, out, 32);
    } else if (len == 16) {
        memcpy(s->nonce, out, 16);
    }
    return s->random ? 0 : -1;
}

enum { BOND_PLACES = 6 };

/* Answers the passkey or numeric comparison as the user of this device would. */
static inline void answer(struct device *d)
{
    struct side *s = side_of(d);
    uint32_t value = displayed;
    if (s->action == WOAD_PASSKEY_COMPARE) {
        value = s->user != NO;
    } else if (s->user == WRONG) {
        value = (displayed + 1) % 1000000;
    }
    int err = woad_passkey(d->host, s->conn, (enum woad_passkey_action)s->action, value);
    assert_true(err == 0 || (attacked && err == WOAD_ENOENT));
}

/* Notes what a pairing asks and brings; a user who says YES confirms a comparison at once. */
static inline void on_event(struct device *d, const struct woad_event *ev)
{
    struct side *s = side_of(d);
    if (ev->type == WOAD_EV_CONNECT) {
        s->conn = ev->conn;
    } else if (ev->type == WOAD_EV_PASSKEY) {
        s->passkeys++;
        s->action = ev->u.passkey.action;
        s->shown = ev->u.passkey.passkey;
        if (s->action == WOAD_PASSKEY_DISPLAY) {
            displayed = s->shown;
        } else if (s->user == YES && s->action == WOAD_PASSKEY_COMPARE) {
            answer(d); /* from inside the event */
        }
    } else if (ev->type == WOAD_EV_BOND) {
        s->bonds += ev->u.bond.change == WOAD_BOND_NEW;
        s->gone += ev->u.bond.change == WOAD_BOND_GONE;
        s->changed += ev->u.bond.change == WOAD_BOND_CHANGED;
        s->bond = *ev->u.bond.bond;
        for (size_t n = 0; n < s->bond.cccds; n++) {
            s->cccd[n] = s->bond.cccd[n];
        }
        s->bond.cccd = s->cccd;
    } else if (ev->type == WOAD_EV_OOB) {
        s->oobs++;
        s->oob_status = ev->u.oob.status;
        assert_int_equal(ev->u.oob.oob == NULL, s->oob_status != 0);
        if (ev->u.oob.oob) {
            s->oob = *ev->u.oob.oob;
        }
    }
}

/* Counts calls of the library down to the one that fails; 0: none fails. */
static unsigned fail_at;

/* This call of the library is the one that is to fail. */
static inline bool fails(void)
{
    return fail_at && --fail_at == 0;
}

/* Cache of P-256 results: the tests use the same keys again and again. */
static struct {
    uint8_t key[97], out[64];
    bool used;
} memory[4096];

/* The place of a result in the cache; *known: it is there already. */
static inline uint8_t *remembered(const uint8_t *a, const uint8_t *b, bool *known)
{
    uint8_t key[97] = { 0 };
    uint32_t hash = 2166136261u;
    memcpy(key, a, 32);
    if (b) {
        memcpy(key + 32, b, 64);
        key[96] = 1;
    }
    for (size_t n = 0; n < sizeof key; n++) {
        hash = (hash ^ key[n]) * 16777619u;
    }
    size_t at = hash % 4096;
    *known = memory[at].used && memcmp(memory[at].key, key, sizeof key) == 0;
    memory[at].used = true;
    memcpy(memory[at].key, key, sizeof key);
    return memory[at].out;
}

/* woad_crypto.p256_public, by the cache. */
static inline int p256_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    bool known;
    if (fails()) {
        return -1;
    }
    uint8_t *out = remembered(private_key, NULL, &known);
    if (!known && woad_mbedtls.p256_public(private_key, out) < 0) {
        memset(memory, 0, sizeof memory);
        return -1;
    }
    memcpy(public_key, out, 64);
    return 0;
}

/* woad_crypto.p256_dh, by the cache. */
static inline int p256_dh(const uint8_t private_key[32], const uint8_t public_key[64],
                          uint8_t secret[32])
{
    bool known;
    if (fails()) {
        return -1;
    }
    uint8_t *out = remembered(private_key, public_key, &known);
    if (!known && woad_mbedtls.p256_dh(private_key, public_key, out) < 0) {
        memset(memory, 0, sizeof memory);
        return -1;
    }
    memcpy(secret, out, 32);
    remember(secret, 32);
    return 0;
}

/* woad_crypto.aes128 */
static inline int aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    return fails() ? -1 : woad_mbedtls.aes128(key, in, out);
}

static const struct woad_crypto crypto = { aes128, p256_public, p256_dh };

static const struct woad_security_policy any = { .io = WOAD_IO_NONE,
                                                 .bond = true,
                                                 .allow_legacy = true };

static unsigned by_controller;         /* bit n: device n uses its controller's cryptography */
static unsigned lists;                 /* bit n: device n puts its bonds on the resolving list */
static bool with_channels;             /* L2CAP channels and Enhanced ATT */
static uint8_t buffers;                /* acl_count of the controllers, if not 0 */
static uint8_t pairings;               /* config.pairings, if not 0 */
static uint8_t bond_places;            /* config.bonds, if not 0 */
static uint8_t att_bearers[WORLD_MAX]; /* config.att_bearers, with with_channels */

/* Adds a host with a security manager and this policy. */
static inline struct device *add(uint8_t conns, const struct woad_security_policy *policy)
{
    static const struct woad_feature *features[WORLD_MAX][24];
    struct woad_config host = world_host_config(conns);
    bool library = !(by_controller >> w->devices & 1);
    const struct woad_feature *all[24] = {
        &woad_feature_advertiser,    &woad_feature_scanner,      &woad_feature_central,
        &woad_feature_gatt_server,   &woad_feature_long_values,  &woad_feature_read_multiple,
        &woad_feature_signed_writes, &woad_feature_pipelining,   &woad_feature_type_index,
        &woad_feature_gatt_client,   &woad_feature_link_control, &woad_feature_security_manager,
        &woad_feature_keypresses,    &woad_feature_out_of_band
    };
    size_t n = 14;
    if (!library) {
        all[n++] = &woad_feature_controller_crypto;
    }
    if (lists >> w->devices & 1) {
        all[n++] = &woad_feature_resolving_list;
    }
    if (getenv("WORLD_EXTENDED")) {
        all[n++] = &woad_feature_extended_advertising;
    }
    if (with_channels) {
        all[n++] = &woad_feature_l2cap_channels;
        all[n++] = &woad_feature_enhanced_channels;
        host.l2cap_channels = 4;
        host.psms = 4;
        host.att_bearers = att_bearers[w->devices];
    }
    if (host.att_bearers) {
        all[n++] = &woad_feature_eatt;
        host.mtu = 247;
        host.pipeline_queue = 512;
    }
    memcpy(features[w->devices], all, sizeof all);
    host.features = features[w->devices];
    host.crypto = library ? &crypto : NULL;
    host.random = library ? random_octets : NULL;
    host.bonds = bond_places ? bond_places : BOND_PLACES;
    host.pairings = pairings;
    side[w->devices] = (struct side){ .random = 77 + w->devices };
    struct woad_air_controller_config controller = world_controller_config(w, conns);
    controller.acl_count = buffers ? buffers : controller.acl_count;
    struct device *d = world_add_config(w, host, controller);
    d->on_event = on_event;
    assert_int_equal(woad_set_security_policy(d->host, policy), 0);
    return d;
}

/* Connects the two, and lets the connection settle. */
static inline void connect_both(struct device *central, struct device *peripheral)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params params = { 16, 16, 6, 6, 0, 100, 2000 };
    assert_int_equal(woad_adv_start(peripheral->host, &adv), 0);
    assert_int_equal(woad_connect(central->host, &peripheral->addr, &params), 0);
    assert_non_null(world_wait(w, central, WOAD_EV_CONNECT, 1000000));
    assert_non_null(world_wait(w, peripheral, WOAD_EV_CONNECT, 1000000));
    world_run(w, 20000);
}

/* Creates a world with a connected central and peripheral. */
static inline void pair_of(const struct woad_security_policy *central,
                           const struct woad_security_policy *peripheral)
{
    w = world_new(7, 0);
    add(2, central);
    add(2, peripheral);
    connect_both(&w->device[CENTRAL], &w->device[PERIPHERAL]);
}

/* Runs until both sides have reported how the pairing ended; users type what they see. */
static inline void settle(void)
{
    for (int n = 0; n < 4000; n++) {
        bool done = true;
        for (int k = 0; k < 2; k++) {
            struct side *s = &side[k];
            bool types = s->action == WOAD_PASSKEY_INPUT && side[1 - k].action;
            if (s->passkeys && (types || (s->action == WOAD_PASSKEY_COMPARE && s->user != YES)) &&
                s->user != SILENT) {
                s->passkeys = 0;
                answer(&w->device[k]);
            }
            done = done && device_find(&w->device[k], WOAD_EV_SECURITY);
        }
        if (done) {
            return;
        }
        world_run(w, 10000);
    }
}

/* The status of the one pairing that device k has reported. */
static inline int status_of(int k)
{
    const struct seen *s = device_find(&w->device[k], WOAD_EV_SECURITY);
    assert_non_null(s);
    assert_int_equal(device_count(&w->device[k], WOAD_EV_SECURITY), 1);
    return s->ev.u.security.status;
}

/* The security of device k's connection. */
static inline struct woad_security level(int k)
{
    struct woad_security now;
    assert_int_equal(woad_conn_security(w->device[k].host, side[k].conn, &now), 0);
    return now;
}

/* Creates a connected pair, and the central begins to pair. */
static inline void begin(const struct woad_security_policy *central,
                         const struct woad_security_policy *peripheral)
{
    pair_of(central, peripheral);
    assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
    assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), WOAD_EALREADY);
}

/* Neither side has encryption, nor a bond. */
static inline void assert_open(void)
{
    for (int k = 0; k < 2; k++) {
        struct woad_security now = level(k);
        assert_true(!now.encrypted && !now.authenticated && !now.bonded && !now.key_size);
        assert_int_equal(side[k].bonds, 0);
        assert_null(bond_at(w->device[k].host, 0));
    }
}

/* A policy with these settings; `secure`: LE Secure Connections are preferred. */
static inline struct woad_security_policy policy(uint8_t io, bool mitm, bool secure)
{
    struct woad_security_policy p = any;
    p.io = io;
    p.mitm = mitm;
    p.prefer_legacy = !secure;
    return p;
}

/* Forgets events and answers, for another pairing. */
static inline void again(void)
{
    for (int k = 0; k < 2; k++) {
        device_forget(&w->device[k]);
        side[k].passkeys = side[k].action = 0;
        side[k].user = YES;
    }
}

/* Disconnects, and connects with device `central` as the central. */
static inline void rejoin(int central)
{
    assert_int_equal(woad_disconnect(w->device[0].host, side[0].conn, 0x13), 0);
    world_run(w, 1200000); /* longer than the supervision timeout: LL_TERMINATE_IND may be lost */
    again();
    connect_both(&w->device[central], &w->device[1 - central]);
    device_forget(&w->device[0]);
    device_forget(&w->device[1]);
}

/* Reads the peripheral's attribute, or writes { 1, 0 } to it.  Returns the status of the
 * procedure. */
static inline int requested(bool write, uint16_t handle)
{
    struct device *d = &w->device[CENTRAL];
    uint8_t one[2] = { 1, 0 };
    device_forget(d);
    assert_int_equal(write ? woad_gattc_write(d->host, side[CENTRAL].conn, handle, one, sizeof one)
                           : woad_gattc_read(d->host, side[CENTRAL].conn, handle),
                     0);
    const struct seen *s = world_wait(w, d, WOAD_EV_GATTC_DONE, 1000000);
    assert_non_null(s);
    return s->ev.u.done.status;
}

/* Makes device k use resolvable private addresses; returns its identity address. */
static inline struct woad_addr hide(int k)
{
    struct device *d = &w->device[k];
    struct woad_addr id = d->addr;
    uint8_t irk[16];
    memset(irk, 0x31 + k, sizeof irk);
    assert_int_equal(woad_set_privacy(d->host, WOAD_PRIVACY_RESOLVABLE, 60), WOAD_EINVAL);
    assert_int_equal(woad_set_irk(d->host, irk), 0);
    assert_int_equal(woad_set_privacy(d->host, WOAD_PRIVACY_RESOLVABLE, 0), WOAD_EINVAL);
    assert_int_equal(woad_set_privacy(d->host, WOAD_PRIVACY_RESOLVABLE, 60), 0);
    world_run(w, 10000);
    assert_int_equal(woad_own_address(d->host, &d->addr), 0);
    assert_int_equal(d->addr.type, WOAD_ADDR_RANDOM);
    assert_int_equal(d->addr.octet[5] >> 6, 1);
    return id;
}

#endif
