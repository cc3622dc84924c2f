/* woad_config_check(): what is wrong with a config, for people.  Nothing in the host calls it.
 *
 * The features are weak symbols here: one that the program does not name is not linked because of
 * this file, and its address is NULL.
 *
 * Names of other files:
 *   CONFIG_MPS_MAX: the largest config.mps
 *   CONFIG_MTU_MAX: the largest config.mtu
 *   CONFIG_MTU_MIN: the least config.mtu
 *   CONFIG_MTU_MIN_ENHANCED: the least config.mtu with Enhanced ATT
 *   text_format(): as vsnprintf(), for %s, %d, %u, %x and %c only */
#include "../base/text.h"
#include "../core/arena.h"
#include "../core/config.h"
#include <woad/crypto.h>
#include <woad/woad.h>

#include <string.h>

#pragma weak woad_feature_advertiser
#pragma weak woad_feature_scanner
#pragma weak woad_feature_central
#pragma weak woad_feature_gatt_server
#pragma weak woad_feature_gatt_client
#pragma weak woad_feature_accept_list
#pragma weak woad_feature_link_control
#pragma weak woad_feature_long_values
#pragma weak woad_feature_read_multiple
#pragma weak woad_feature_signed_writes
#pragma weak woad_feature_pipelining
#pragma weak woad_feature_type_index
#pragma weak woad_feature_client_features
#pragma weak woad_feature_l2cap_channels
#pragma weak woad_feature_enhanced_channels
#pragma weak woad_feature_eatt
#pragma weak woad_feature_security_manager
#pragma weak woad_feature_security_peripheral
#pragma weak woad_feature_keypresses
#pragma weak woad_feature_out_of_band
#pragma weak woad_feature_resolving_list
#pragma weak woad_feature_reconnection
#pragma weak woad_feature_extended_advertising
#pragma weak woad_feature_watchdog
#pragma weak woad_feature_vendor_init
#pragma weak woad_feature_quirks
#pragma weak woad_feature_controller_crypto

/* Indices of names[]. */
enum {
    ADVERTISER,
    SCANNER,
    CENTRAL,
    GATT_SERVER,
    GATT_CLIENT,
    ACCEPT_LIST,
    LINK_CONTROL,
    LONG_VALUES,
    READ_MULTIPLE,
    SIGNED_WRITES,
    PIPELINING,
    TYPE_INDEX,
    CLIENT_FEATURES,
    L2CAP_CHANNELS,
    ENHANCED_CHANNELS,
    EATT,
    SECURITY_MANAGER,
    SECURITY_PERIPHERAL,
    KEYPRESSES,
    OUT_OF_BAND,
    RESOLVING_LIST,
    RECONNECTION,
    EXTENDED_ADVERTISING,
    WATCHDOG,
    VENDOR_INIT,
    QUIRKS,
    CONTROLLER_CRYPTO,
    FEATURES
};

#define NAMED(name) \
    { \
        &woad_feature_##name, #name \
    }
static const struct {
    const struct woad_feature *feature;
    const char *name;
} names[] = { NAMED(advertiser),
              NAMED(scanner),
              NAMED(central),
              NAMED(gatt_server),
              NAMED(gatt_client),
              NAMED(accept_list),
              NAMED(link_control),
              NAMED(long_values),
              NAMED(read_multiple),
              NAMED(signed_writes),
              NAMED(pipelining),
              NAMED(type_index),
              NAMED(client_features),
              NAMED(l2cap_channels),
              NAMED(enhanced_channels),
              NAMED(eatt),
              NAMED(security_manager),
              NAMED(security_peripheral),
              NAMED(keypresses),
              NAMED(out_of_band),
              NAMED(resolving_list),
              NAMED(reconnection),
              NAMED(extended_advertising),
              NAMED(watchdog),
              NAMED(vendor_init),
              NAMED(quirks),
              NAMED(controller_crypto) };

#define BIT(feature) ((uint32_t)1 << (feature))
#define SECURITY (BIT(SECURITY_MANAGER) | BIT(SECURITY_PERIPHERAL))

/* What a feature requires: one of these features. */
static const struct {
    uint8_t feature;
    uint32_t one_of;
} requirements[] = {
    { LONG_VALUES, BIT(GATT_SERVER) },
    { READ_MULTIPLE, BIT(GATT_SERVER) },
    { PIPELINING, BIT(GATT_SERVER) },
    { TYPE_INDEX, BIT(GATT_SERVER) },
    { CLIENT_FEATURES, BIT(GATT_SERVER) },
    { SIGNED_WRITES, SECURITY },
    { ENHANCED_CHANNELS, BIT(L2CAP_CHANNELS) },
    { EATT, BIT(L2CAP_CHANNELS) },
    { EATT, BIT(ENHANCED_CHANNELS) },
    { EATT, BIT(GATT_SERVER) | BIT(GATT_CLIENT) },
    { KEYPRESSES, SECURITY },
    { OUT_OF_BAND, SECURITY },
    { RESOLVING_LIST, SECURITY },
    { RECONNECTION, BIT(CENTRAL) },
};

/* A capacity has no effect without one of these features. */
static const struct capacity {
    uint8_t offset, size;
    uint32_t one_of;
    const char *name;
} capacities[] = {
#define CAPACITY(field, one_of) \
    { \
        offsetof(struct woad_config, field), sizeof((struct woad_config *)0)->field, one_of, \
            #field \
    }
    CAPACITY(attr_tables, BIT(GATT_SERVER)),
    CAPACITY(subscriptions, BIT(GATT_SERVER) | SECURITY),
    CAPACITY(procedures, BIT(GATT_CLIENT)),
    CAPACITY(accept_list, BIT(ACCEPT_LIST)),
    CAPACITY(request_queue, BIT(GATT_CLIENT)),
    CAPACITY(prepare_queue, BIT(LONG_VALUES) | BIT(READ_MULTIPLE)),
    CAPACITY(pipeline_queue, BIT(PIPELINING)),
    CAPACITY(bonds, SECURITY),
    CAPACITY(pairings, SECURITY),
    CAPACITY(attr_index, BIT(TYPE_INDEX)),
    CAPACITY(l2cap_channels, BIT(L2CAP_CHANNELS)),
    CAPACITY(psms, BIT(L2CAP_CHANNELS)),
    CAPACITY(att_bearers, BIT(EATT)),
    CAPACITY(mps, BIT(L2CAP_CHANNELS)),
    CAPACITY(watchdog_ms, BIT(WATCHDOG)),
    CAPACITY(adv_sets, BIT(EXTENDED_ADVERTISING)),
    CAPACITY(connect_retries, BIT(RECONNECTION)),
};

struct check {
    const struct woad_config *c;
    struct woad_config_fault *fault; /* where to write it */
    uint32_t named;                  /* bits: the features that are named */
    bool failed;
};

/* `refused`: woad_size() returns 0; or the host is made, and does something else than is wanted. */
enum { ACCEPTS = false, REFUSES = true };

/* The first fault is the one that is reported. */
static void check_failed(struct check *k, bool refused, const char *field, const char *reason, ...)
{
    va_list values;
    if (k->failed) {
        return;
    }
    k->failed = true;
    k->fault->field = field;
    k->fault->refused = refused;
    va_start(values, reason);
    text_format(k->fault->reason, sizeof k->fault->reason, reason, values);
    va_end(values);
}

/* Index in names[]; FEATURES: not one of the host's. */
static unsigned feature_index(const struct woad_feature *feature)
{
    unsigned n = 0;
    while (n < FEATURES && names[n].feature != feature) {
        n++;
    }
    return n;
}

static uint32_t features_named(const struct woad_config *c)
{
    uint32_t named = 0;
    for (const struct woad_feature *const *f = c->features; f && *f; f++) {
        named |= BIT(feature_index(*f));
    }
    return named;
}

/* --- what woad_size() refuses: config_complete() ---------------------------------------------- */

static unsigned config_mtu(const struct woad_config *c)
{
    if (c->mtu) {
        return c->mtu;
    }
    return WOAD_DEFAULT_MTU;
}

static void check_refused(struct check *k)
{
    unsigned mtu = config_mtu(k->c);
    bool raised = k->named & BIT(EATT) && mtu < CONFIG_MTU_MIN_ENHANCED; /* check_changed() */
    if (!k->c->event) {
        check_failed(k, REFUSES, "event", "event is NULL: the host needs a function that it calls");
    }
    if ((mtu < CONFIG_MTU_MIN && !raised) || mtu > CONFIG_MTU_MAX) {
        check_failed(k, REFUSES, "mtu", "mtu is %u: %d to %d", mtu, CONFIG_MTU_MIN, CONFIG_MTU_MAX);
    }
}

/* --- what it accepts and changes ---------------------------------------------------------------
 */

static void check_changed(struct check *k)
{
    const struct woad_config *c = k->c;
    unsigned mtu = config_mtu(c);
    if (k->named & BIT(EATT) && mtu < CONFIG_MTU_MIN_ENHANCED) {
        mtu = CONFIG_MTU_MIN_ENHANCED;
        check_failed(k, ACCEPTS, "mtu", "mtu is %u: %u is used, which woad_feature_eatt requires",
                     c->mtu, mtu);
    }
    if (c->tx_queue && c->tx_queue < mtu + 2) {
        check_failed(k, ACCEPTS, "tx_queue", "tx_queue is %u: %u is used, which is mtu + 2",
                     c->tx_queue, mtu + 2);
    }
    if (c->request_queue && c->request_queue < mtu + 2) {
        check_failed(k, ACCEPTS, "request_queue",
                     "request_queue is %u: %u is used, which is mtu + 2", c->request_queue,
                     mtu + 2);
    }
    if (c->mps > CONFIG_MPS_MAX) {
        check_failed(k, ACCEPTS, "mps", "mps is %u: %d is used, which is the most", c->mps,
                     CONFIG_MPS_MAX);
    }
}

/* --- what it accepts, and what has no effect or can't work -------------------------------------
 */

static void check_features_twice(struct check *k)
{
    uint32_t seen = 0;
    for (const struct woad_feature *const *f = k->c->features; f && *f; f++) {
        unsigned n = feature_index(*f);
        if (n < FEATURES && seen & BIT(n)) {
            check_failed(k, ACCEPTS, "features", "features has woad_feature_%s twice",
                         names[n].name);
        }
        seen |= BIT(n);
    }
}

/* The first feature of a set, for a text. */
static const char *first_name(uint32_t one_of)
{
    unsigned n = 0;
    while (!(one_of & BIT(n))) {
        n++;
    }
    return names[n].name;
}

static void check_requirements(struct check *k)
{
    for (size_t n = 0; n < sizeof requirements / sizeof *requirements; n++) {
        if (k->named & BIT(requirements[n].feature) && !(k->named & requirements[n].one_of)) {
            check_failed(k, ACCEPTS, "features",
                         "features has woad_feature_%s without woad_feature_%s, which it requires",
                         names[requirements[n].feature].name, first_name(requirements[n].one_of));
        }
    }
    if (k->named & BIT(SECURITY_PERIPHERAL) && k->named & BIT(SECURITY_MANAGER)) {
        check_failed(
            k, ACCEPTS, "features",
            "features has woad_feature_security_manager and _security_peripheral: name one");
    }
    if (k->named & BIT(SECURITY_PERIPHERAL) && k->named & BIT(CENTRAL)) {
        check_failed(k, ACCEPTS, "features",
                     "a central pairs by woad_feature_security_manager, not _security_peripheral");
    }
}

static unsigned capacity_value(const struct woad_config *c, const struct capacity *capacity)
{
    const uint8_t *at = (const uint8_t *)c + capacity->offset;
    uint16_t n;
    if (capacity->size == sizeof(uint8_t)) {
        return *at;
    }
    memcpy(&n, at, sizeof n);
    return n;
}

static void check_capacities(struct check *k)
{
    for (size_t n = 0; n < sizeof capacities / sizeof *capacities; n++) {
        const struct capacity *capacity = &capacities[n];
        unsigned value = capacity_value(k->c, capacity);
        if (value && !(k->named & capacity->one_of)) {
            check_failed(k, ACCEPTS, capacity->name,
                         "%s is %u, and has no effect without woad_feature_%s", capacity->name,
                         value, first_name(capacity->one_of));
        }
    }
    unsigned conns = k->c->conns;
    if (!conns) {
        conns = WOAD_DEFAULT_CONNS;
    }
    if (k->c->pairings > conns) {
        check_failed(k, ACCEPTS, "pairings", "pairings is %u: more than conns, %u", k->c->pairings,
                     conns);
    }
}

/* Pairing needs both, from a library or from the controller. */
static void check_cryptography(struct check *k)
{
    const struct woad_config *c = k->c;
    if (k->named & SECURITY && !(k->named & BIT(CONTROLLER_CRYPTO))) {
        if (!c->crypto) {
            check_failed(k, ACCEPTS, "crypto",
                         "crypto is NULL, and features lacks woad_feature_controller_crypto: "
                         "nothing can pair");
        }
        if (!c->random) {
            check_failed(k, ACCEPTS, "random",
                         "random is NULL, and features lacks woad_feature_controller_crypto: "
                         "nothing can pair");
        }
    }
    if (k->named & SECURITY && c->crypto &&
        (!c->crypto->aes128 || !c->crypto->p256_public || !c->crypto->p256_dh)) {
        check_failed(k, ACCEPTS, "crypto",
                     "a function of *crypto is NULL: a pairing that calls it crashes");
    }
    uint32_t need = k->named & (BIT(OUT_OF_BAND) | BIT(SIGNED_WRITES));
    if (need && !c->crypto) {
        check_failed(k, ACCEPTS, "crypto",
                     "crypto is NULL: woad_feature_%s needs a library, not the controller",
                     first_name(need));
    }
    if (!(k->named & SECURITY) && k->named & BIT(CONTROLLER_CRYPTO)) {
        check_failed(k, ACCEPTS, "features",
                     "features has woad_feature_controller_crypto, and nothing that uses it");
    }
    if (!(k->named & SECURITY) && c->crypto) {
        check_failed(k, ACCEPTS, "crypto",
                     "crypto has no effect without woad_feature_security_manager");
    }
    if (!(k->named & SECURITY) && c->random) {
        check_failed(k, ACCEPTS, "random",
                     "random has no effect without woad_feature_security_manager");
    }
}

/* What is named serves connections, and nothing makes one; or nothing is named. */
static void check_connections(struct check *k)
{
    uint32_t served = BIT(GATT_SERVER) | BIT(GATT_CLIENT) | BIT(L2CAP_CHANNELS) | SECURITY;
    uint32_t made_by = BIT(ADVERTISER) | BIT(EXTENDED_ADVERTISING) | BIT(CENTRAL);
    if (!k->named) {
        check_failed(k, ACCEPTS, "features", "features names none: the host can do nothing");
    }
    if (k->named & served && !(k->named & made_by)) {
        check_failed(k, ACCEPTS, "features",
                     "features: woad_feature_%s needs connections: woad_feature_advertiser or "
                     "woad_feature_central",
                     first_name(k->named & served));
    }
}

int woad_config_check(const struct woad_config *config, struct woad_config_fault *fault)
{
    struct woad_config_fault found;
    struct check k = { .c = config, .fault = fault ? fault : &found, .named = 0, .failed = false };
    if (!config) {
        check_failed(&k, REFUSES, "config", "config is NULL");
        return WOAD_EINVAL;
    }
    k.named = features_named(config);
    check_refused(&k);
    check_changed(&k);
    check_features_twice(&k);
    check_requirements(&k);
    check_capacities(&k);
    check_cryptography(&k);
    check_connections(&k);
    if (k.failed) {
        return WOAD_EINVAL;
    }
    return 0;
}

int woad_init_check(const void *mem, size_t len, const struct woad_config *config,
                    struct woad_config_fault *fault)
{
    struct woad_config_fault found;
    struct check k = { .c = config, .fault = fault ? fault : &found, .named = 0, .failed = false };
    size_t need = woad_size(config);
    if (!need) {
        return woad_config_check(config, fault);
    }
    if (!mem) {
        check_failed(&k, REFUSES, "mem", "mem is NULL: %u octets are needed", (unsigned)need);
    } else if ((uintptr_t)mem % sizeof(union align)) {
        check_failed(&k, REFUSES, "mem",
                     "mem is not aligned: its address has to be a multiple of %u",
                     (unsigned)sizeof(union align));
    } else if (len < need) {
        check_failed(&k, REFUSES, "len", "len is %u: %u octets are needed, woad_size() says",
                     (unsigned)len, (unsigned)need);
        return WOAD_ENOMEM;
    }
    if (k.failed) {
        return WOAD_EINVAL;
    }
    return woad_config_check(config, fault);
}
