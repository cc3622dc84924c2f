/* A host in static memory, sized at compile time, from features and capacities that are named once.
 *
 *     #define WOAD_USE_ADVERTISER 1    // woad_feature_advertiser; others are not named
 *     #define WOAD_USE_GATT_SERVER 1
 *     #define WOAD_CONFIG_CONNS 2      // config.conns; others are 0: the host chooses
 *     #include <woad/static.h>
 *
 *     static union woad_static_memory memory;
 *     ...
 *     struct woad_config config = woad_static_config(on_event, NULL);
 *     struct woad *h = woad_init(&memory, sizeof memory, &config);
 *
 * The header defines:
 *
 *     woad_static_size           an enumerator: exactly woad_size(&config)
 *     union woad_static_memory   so many octets, aligned
 *     woad_static_features       config.features
 *     woad_static_config()       the config; set `crypto` and `random` in it, where they are needed
 *
 * WOAD_USE_… is 1, WOAD_CONFIG_… a constant.  A feature whose requirement is not named, and an
 * ATT_MTU out of range, do not compile.  For a second host in one file, define WOAD_STATIC_NAME,
 * which takes the place of woad_static in those names, and the others again, and include the header
 * again: it undefines them all at its end.
 *
 * The sizes of the host's structs are in sizes.h. */
#ifndef WOAD_STATIC_H
#define WOAD_STATIC_H

#include <string.h>

#include "woad.h"
#include <woad/sizes.h> /* by the compiler's folders: a build may have its own */

#define WOAD_STATIC_UP(n) (((n) + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *))
#define WOAD_STATIC_MAX(a, b) ((a) > (b) ? (a) : (b))
#define WOAD_STATIC_OR(n, otherwise) ((n) ? (n) : (otherwise))
#define WOAD_STATIC_IF(use, ...) WOAD_STATIC_IF2(use, __VA_ARGS__)
#define WOAD_STATIC_IF2(use, ...) WOAD_STATIC_IF_##use(__VA_ARGS__)
#define WOAD_STATIC_IF_1(...) __VA_ARGS__
#define WOAD_STATIC_IF_0(...)
#define WOAD_STATIC_JOIN(a, b) WOAD_STATIC_JOIN2(a, b)
#define WOAD_STATIC_JOIN2(a, b) a##b
#define WOAD_STATIC_(name) WOAD_STATIC_JOIN(WOAD_STATIC_NAME, name)

/* config.features of the names that are defined now: for an array of the application's. */
#define WOAD_STATIC_FEATURES \
    WOAD_STATIC_IF(WOAD_USE_ADVERTISER, &woad_feature_advertiser, ) \
    WOAD_STATIC_IF(WOAD_USE_SCANNER, &woad_feature_scanner, ) \
    WOAD_STATIC_IF(WOAD_USE_CENTRAL, &woad_feature_central, ) \
    WOAD_STATIC_IF(WOAD_USE_GATT_SERVER, &woad_feature_gatt_server, ) \
    WOAD_STATIC_IF(WOAD_USE_GATT_CLIENT, &woad_feature_gatt_client, ) \
    WOAD_STATIC_IF(WOAD_USE_ACCEPT_LIST, &woad_feature_accept_list, ) \
    WOAD_STATIC_IF(WOAD_USE_LINK_CONTROL, &woad_feature_link_control, ) \
    WOAD_STATIC_IF(WOAD_USE_LONG_VALUES, &woad_feature_long_values, ) \
    WOAD_STATIC_IF(WOAD_USE_READ_MULTIPLE, &woad_feature_read_multiple, ) \
    WOAD_STATIC_IF(WOAD_USE_SIGNED_WRITES, &woad_feature_signed_writes, ) \
    WOAD_STATIC_IF(WOAD_USE_PIPELINING, &woad_feature_pipelining, ) \
    WOAD_STATIC_IF(WOAD_USE_TYPE_INDEX, &woad_feature_type_index, ) \
    WOAD_STATIC_IF(WOAD_USE_CLIENT_FEATURES, &woad_feature_client_features, ) \
    WOAD_STATIC_IF(WOAD_USE_L2CAP_CHANNELS, &woad_feature_l2cap_channels, ) \
    WOAD_STATIC_IF(WOAD_USE_ENHANCED_CHANNELS, &woad_feature_enhanced_channels, ) \
    WOAD_STATIC_IF(WOAD_USE_EATT, &woad_feature_eatt, ) \
    WOAD_STATIC_IF(WOAD_USE_SECURITY_MANAGER, &woad_feature_security_manager, ) \
    WOAD_STATIC_IF(WOAD_USE_SECURITY_PERIPHERAL, &woad_feature_security_peripheral, ) \
    WOAD_STATIC_IF(WOAD_USE_KEYPRESSES, &woad_feature_keypresses, ) \
    WOAD_STATIC_IF(WOAD_USE_OUT_OF_BAND, &woad_feature_out_of_band, ) \
    WOAD_STATIC_IF(WOAD_USE_RESOLVING_LIST, &woad_feature_resolving_list, ) \
    WOAD_STATIC_IF(WOAD_USE_RECONNECTION, &woad_feature_reconnection, ) \
    WOAD_STATIC_IF(WOAD_USE_EXTENDED_ADVERTISING, &woad_feature_extended_advertising, ) \
    WOAD_STATIC_IF(WOAD_USE_WATCHDOG, &woad_feature_watchdog, ) \
    WOAD_STATIC_IF(WOAD_USE_VENDOR_INIT, &woad_feature_vendor_init, ) \
    WOAD_STATIC_IF(WOAD_USE_QUIRKS, &woad_feature_quirks, ) \
    WOAD_STATIC_IF(WOAD_USE_CONTROLLER_CRYPTO, &woad_feature_controller_crypto, ) \
    NULL

/* As the host chooses: config_complete() of config.c, and the layout of each feature. */
#define WOAD_STATIC_CONNS WOAD_STATIC_OR(WOAD_CONFIG_CONNS, WOAD_DEFAULT_CONNS)
#define WOAD_STATIC_SUBSCRIPTIONS \
    WOAD_STATIC_OR(WOAD_CONFIG_SUBSCRIPTIONS, WOAD_DEFAULT_SUBSCRIPTIONS)
#define WOAD_STATIC_BEARERS \
    WOAD_STATIC_OR(WOAD_CONFIG_ATT_BEARERS, WOAD_USE_EATT *WOAD_STATIC_CONNS)
#define WOAD_STATIC_SETS \
    WOAD_STATIC_OR(WOAD_CONFIG_ADV_SETS, WOAD_USE_EXTENDED_ADVERTISING *WOAD_DEFAULT_ADV_SETS)
#define WOAD_STATIC_CHANNELS \
    (WOAD_STATIC_OR(WOAD_CONFIG_L2CAP_CHANNELS, WOAD_STATIC_CONNS) + WOAD_STATIC_BEARERS)
#define WOAD_STATIC_MTU \
    WOAD_STATIC_MAX(WOAD_STATIC_OR(WOAD_CONFIG_MTU, WOAD_DEFAULT_MTU), WOAD_USE_EATT * 64)
#define WOAD_STATIC_QUEUE(n) WOAD_STATIC_MAX(n, WOAD_STATIC_MTU + 2)
#define WOAD_STATIC_SECURITY (WOAD_USE_SECURITY_MANAGER + WOAD_USE_SECURITY_PERIPHERAL)
#define WOAD_STATIC_FRAME \
    WOAD_STATIC_MAX(WOAD_STATIC_MTU, \
                    WOAD_STATIC_MAX(WOAD_STATIC_SECURITY * 65, WOAD_USE_ENHANCED_CHANNELS * 64))
#define WOAD_STATIC_MPS \
    (WOAD_USE_L2CAP_CHANNELS * (WOAD_CONFIG_MPS > 65533 ? 65533 : WOAD_CONFIG_MPS))
#define WOAD_STATIC_SIGNALS \
    (WOAD_USE_L2CAP_CHANNELS * WOAD_STATIC_CHANNELS < 7 \
         ? 24 + 16 * WOAD_USE_L2CAP_CHANNELS * WOAD_STATIC_CHANNELS \
         : 128)
#define WOAD_STATIC_PAIRINGS WOAD_STATIC_OR(WOAD_CONFIG_PAIRINGS, WOAD_STATIC_CONNS)

/* n structs or arrays, one behind the other. */
#define WOAD_STATIC_ONE(size) WOAD_STATIC_UP((size_t)(size))
#define WOAD_STATIC_EACH(n, size) WOAD_STATIC_UP((size_t)(n) * (size))
#define WOAD_STATIC_EACH_CONN(size) WOAD_STATIC_EACH(WOAD_STATIC_CONNS, size)
#define WOAD_STATIC_EACH_BEARER(size) \
    WOAD_STATIC_EACH(WOAD_STATIC_CONNS + WOAD_STATIC_BEARERS, size)

/* Octets of each part, as its layout allocates them. */
#define WOAD_STATIC_CORE \
    (WOAD_STATIC_ONE(WOAD_SIZE_HOST) + WOAD_STATIC_EACH_CONN(WOAD_SIZE_CONN) + \
     WOAD_STATIC_EACH_BEARER(WOAD_SIZE_BEARER) + WOAD_STATIC_ONE(WOAD_STATIC_FRAME + 4) + \
     WOAD_STATIC_EACH(WOAD_STATIC_SETS + 2, 2) + \
     WOAD_STATIC_EACH_CONN(WOAD_STATIC_MAX(WOAD_STATIC_FRAME, WOAD_STATIC_MPS) + 4) + \
     WOAD_STATIC_EACH_CONN(WOAD_STATIC_SIGNALS) + \
     WOAD_STATIC_EACH_CONN(WOAD_STATIC_QUEUE(WOAD_CONFIG_TX_QUEUE)))
#define WOAD_STATIC_ACCEPT \
    (WOAD_STATIC_ONE(WOAD_SIZE_ACCEPT) + \
     WOAD_STATIC_EACH(WOAD_STATIC_OR(WOAD_CONFIG_ACCEPT_LIST, WOAD_DEFAULT_ACCEPT_LIST), \
                      sizeof(struct woad_addr)))
#define WOAD_STATIC_LINK \
    (WOAD_STATIC_ONE(WOAD_SIZE_LINK) + WOAD_STATIC_EACH_CONN(WOAD_SIZE_LINK_CONN))
#define WOAD_STATIC_SERVER \
    (WOAD_STATIC_ONE(WOAD_SIZE_SERVER) + \
     WOAD_STATIC_EACH(1 + WOAD_STATIC_OR(WOAD_CONFIG_ATTR_TABLES, WOAD_DEFAULT_ATTR_TABLES), \
                      WOAD_SIZE_TABLE) + \
     WOAD_STATIC_EACH_CONN(WOAD_SIZE_SERVER_CONN) + \
     WOAD_STATIC_EACH_BEARER(WOAD_SIZE_SERVER_BEARER) + WOAD_STATIC_EACH_BEARER(WOAD_STATIC_MTU) + \
     WOAD_STATIC_EACH_CONN(WOAD_STATIC_SUBSCRIPTIONS * sizeof(struct woad_cccd)))
#define WOAD_STATIC_LONG \
    (WOAD_STATIC_EACH_CONN(WOAD_SIZE_PARTS) + \
     WOAD_STATIC_EACH_CONN(WOAD_STATIC_OR(WOAD_CONFIG_PREPARE_QUEUE, WOAD_DEFAULT_PREPARE_QUEUE)))
#define WOAD_STATIC_PIPELINE \
    (WOAD_STATIC_EACH_CONN(WOAD_SIZE_PIPELINE) + \
     WOAD_STATIC_EACH_CONN(WOAD_STATIC_OR(WOAD_CONFIG_PIPELINE_QUEUE, WOAD_STATIC_MTU + 2)))
#define WOAD_STATIC_INDEX \
    WOAD_STATIC_EACH(WOAD_STATIC_OR(WOAD_CONFIG_ATTR_INDEX, WOAD_DEFAULT_ATTR_INDEX), 2)
#define WOAD_STATIC_CLIENT \
    (WOAD_STATIC_EACH_CONN(WOAD_SIZE_CLIENT_CONN) + \
     WOAD_STATIC_EACH_BEARER(WOAD_SIZE_CLIENT_BEARER) + \
     WOAD_STATIC_EACH_CONN(WOAD_STATIC_OR(WOAD_CONFIG_PROCEDURES, WOAD_DEFAULT_PROCEDURES) * \
                           WOAD_SIZE_PROCEDURE) + \
     WOAD_STATIC_EACH_CONN(WOAD_STATIC_QUEUE( \
         WOAD_STATIC_OR(WOAD_CONFIG_REQUEST_QUEUE, WOAD_DEFAULT_REQUEST_QUEUE))))
#define WOAD_STATIC_PAIRING \
    (WOAD_STATIC_ONE(WOAD_SIZE_SECURITY) + WOAD_STATIC_EACH_CONN(WOAD_SIZE_SECURITY_CONN) + \
     WOAD_STATIC_EACH(WOAD_STATIC_PAIRINGS, WOAD_SIZE_PAIRING) + \
     WOAD_STATIC_EACH(WOAD_STATIC_OR(WOAD_CONFIG_BONDS, WOAD_DEFAULT_BONDS), \
                      WOAD_SIZE_BOND + WOAD_STATIC_SUBSCRIPTIONS * sizeof(struct woad_cccd)))
#define WOAD_STATIC_L2CAP \
    (WOAD_STATIC_ONE(WOAD_SIZE_CHANNELS) + \
     WOAD_STATIC_EACH(WOAD_STATIC_CHANNELS, WOAD_SIZE_CHANNEL) + \
     WOAD_STATIC_EACH(WOAD_STATIC_OR(WOAD_CONFIG_PSMS, WOAD_DEFAULT_PSMS), \
                      sizeof(struct woad_coc_params)) + \
     WOAD_STATIC_EACH_CONN(WOAD_SIZE_CHANNEL_CONN))
#define WOAD_STATIC_EATT \
    (WOAD_STATIC_ONE(WOAD_SIZE_EATT) + \
     WOAD_STATIC_EACH(WOAD_STATIC_BEARERS, WOAD_SIZE_EATT_BEARER) + \
     WOAD_STATIC_EACH_CONN(WOAD_SIZE_EATT_CONN) + \
     WOAD_STATIC_EACH(WOAD_STATIC_BEARERS, 2 * (WOAD_STATIC_MTU + 2)) + \
     2 * WOAD_STATIC_EACH(WOAD_STATIC_BEARERS, WOAD_STATIC_MTU))
#define WOAD_STATIC_EXT \
    (WOAD_STATIC_ONE(WOAD_SIZE_EXT) + WOAD_STATIC_EACH(WOAD_STATIC_SETS, WOAD_SIZE_EXT_SET))
#define WOAD_STATIC_SIZE \
    (WOAD_STATIC_CORE + WOAD_USE_ADVERTISER * WOAD_STATIC_ONE(WOAD_SIZE_ADV) + \
     WOAD_USE_SCANNER * WOAD_STATIC_ONE(WOAD_SIZE_SCAN) + \
     WOAD_USE_CENTRAL * WOAD_STATIC_ONE(WOAD_SIZE_CENTRAL) + \
     WOAD_USE_RECONNECTION * WOAD_STATIC_ONE(WOAD_SIZE_RECONNECT) + \
     WOAD_USE_ACCEPT_LIST * WOAD_STATIC_ACCEPT + WOAD_USE_LINK_CONTROL * WOAD_STATIC_LINK + \
     WOAD_USE_GATT_SERVER * WOAD_STATIC_SERVER + \
     (WOAD_USE_LONG_VALUES | WOAD_USE_READ_MULTIPLE) * WOAD_STATIC_LONG + \
     WOAD_USE_READ_MULTIPLE * WOAD_STATIC_EACH_BEARER(WOAD_SIZE_MULTIPLE) + \
     WOAD_USE_PIPELINING * WOAD_STATIC_PIPELINE + WOAD_USE_TYPE_INDEX * WOAD_STATIC_INDEX + \
     WOAD_USE_GATT_CLIENT * WOAD_STATIC_CLIENT + WOAD_STATIC_SECURITY * WOAD_STATIC_PAIRING + \
     WOAD_USE_OUT_OF_BAND * WOAD_STATIC_ONE(WOAD_SIZE_OUT_OF_BAND) + \
     WOAD_USE_RESOLVING_LIST * WOAD_STATIC_ONE(WOAD_SIZE_RESOLVE) + \
     WOAD_USE_CONTROLLER_CRYPTO * WOAD_STATIC_ONE(WOAD_SIZE_CONTROLLER_CRYPTO) + \
     WOAD_USE_WATCHDOG * WOAD_STATIC_ONE(WOAD_SIZE_WATCHDOG) + \
     WOAD_USE_VENDOR_INIT * WOAD_STATIC_ONE(WOAD_SIZE_VENDOR_INIT) + \
     WOAD_USE_QUIRKS * WOAD_STATIC_ONE(WOAD_SIZE_QUIRKS) + \
     WOAD_USE_L2CAP_CHANNELS * WOAD_STATIC_L2CAP + WOAD_USE_EATT * WOAD_STATIC_EATT + \
     WOAD_USE_EXTENDED_ADVERTISING * WOAD_STATIC_EXT)

#endif

/* --- for each inclusion ------------------------------------------------------------------------
 */

#ifndef WOAD_STATIC_NAME
#define WOAD_STATIC_NAME woad_static
#endif

#ifndef WOAD_USE_ADVERTISER
#define WOAD_USE_ADVERTISER 0
#endif
#ifndef WOAD_USE_SCANNER
#define WOAD_USE_SCANNER 0
#endif
#ifndef WOAD_USE_CENTRAL
#define WOAD_USE_CENTRAL 0
#endif
#ifndef WOAD_USE_GATT_SERVER
#define WOAD_USE_GATT_SERVER 0
#endif
#ifndef WOAD_USE_GATT_CLIENT
#define WOAD_USE_GATT_CLIENT 0
#endif
#ifndef WOAD_USE_ACCEPT_LIST
#define WOAD_USE_ACCEPT_LIST 0
#endif
#ifndef WOAD_USE_LINK_CONTROL
#define WOAD_USE_LINK_CONTROL 0
#endif
#ifndef WOAD_USE_LONG_VALUES
#define WOAD_USE_LONG_VALUES 0
#endif
#ifndef WOAD_USE_READ_MULTIPLE
#define WOAD_USE_READ_MULTIPLE 0
#endif
#ifndef WOAD_USE_SIGNED_WRITES
#define WOAD_USE_SIGNED_WRITES 0
#endif
#ifndef WOAD_USE_PIPELINING
#define WOAD_USE_PIPELINING 0
#endif
#ifndef WOAD_USE_TYPE_INDEX
#define WOAD_USE_TYPE_INDEX 0
#endif
#ifndef WOAD_USE_CLIENT_FEATURES
#define WOAD_USE_CLIENT_FEATURES 0
#endif
#ifndef WOAD_USE_L2CAP_CHANNELS
#define WOAD_USE_L2CAP_CHANNELS 0
#endif
#ifndef WOAD_USE_ENHANCED_CHANNELS
#define WOAD_USE_ENHANCED_CHANNELS 0
#endif
#ifndef WOAD_USE_EATT
#define WOAD_USE_EATT 0
#endif
#ifndef WOAD_USE_SECURITY_MANAGER
#define WOAD_USE_SECURITY_MANAGER 0
#endif
#ifndef WOAD_USE_SECURITY_PERIPHERAL
#define WOAD_USE_SECURITY_PERIPHERAL 0
#endif
#ifndef WOAD_USE_KEYPRESSES
#define WOAD_USE_KEYPRESSES 0
#endif
#ifndef WOAD_USE_OUT_OF_BAND
#define WOAD_USE_OUT_OF_BAND 0
#endif
#ifndef WOAD_USE_RESOLVING_LIST
#define WOAD_USE_RESOLVING_LIST 0
#endif
#ifndef WOAD_USE_RECONNECTION
#define WOAD_USE_RECONNECTION 0
#endif
#ifndef WOAD_USE_EXTENDED_ADVERTISING
#define WOAD_USE_EXTENDED_ADVERTISING 0
#endif
#ifndef WOAD_USE_WATCHDOG
#define WOAD_USE_WATCHDOG 0
#endif
#ifndef WOAD_USE_VENDOR_INIT
#define WOAD_USE_VENDOR_INIT 0
#endif
#ifndef WOAD_USE_QUIRKS
#define WOAD_USE_QUIRKS 0
#endif
#ifndef WOAD_USE_CONTROLLER_CRYPTO
#define WOAD_USE_CONTROLLER_CRYPTO 0
#endif
#ifndef WOAD_CONFIG_CONNS
#define WOAD_CONFIG_CONNS 0
#endif
#ifndef WOAD_CONFIG_ATTR_TABLES
#define WOAD_CONFIG_ATTR_TABLES 0
#endif
#ifndef WOAD_CONFIG_SUBSCRIPTIONS
#define WOAD_CONFIG_SUBSCRIPTIONS 0
#endif
#ifndef WOAD_CONFIG_PROCEDURES
#define WOAD_CONFIG_PROCEDURES 0
#endif
#ifndef WOAD_CONFIG_ACCEPT_LIST
#define WOAD_CONFIG_ACCEPT_LIST 0
#endif
#ifndef WOAD_CONFIG_MTU
#define WOAD_CONFIG_MTU 0
#endif
#ifndef WOAD_CONFIG_TX_QUEUE
#define WOAD_CONFIG_TX_QUEUE 0
#endif
#ifndef WOAD_CONFIG_REQUEST_QUEUE
#define WOAD_CONFIG_REQUEST_QUEUE 0
#endif
#ifndef WOAD_CONFIG_PREPARE_QUEUE
#define WOAD_CONFIG_PREPARE_QUEUE 0
#endif
#ifndef WOAD_CONFIG_PIPELINE_QUEUE
#define WOAD_CONFIG_PIPELINE_QUEUE 0
#endif
#ifndef WOAD_CONFIG_BONDS
#define WOAD_CONFIG_BONDS 0
#endif
#ifndef WOAD_CONFIG_PAIRINGS
#define WOAD_CONFIG_PAIRINGS 0
#endif
#ifndef WOAD_CONFIG_ATTR_INDEX
#define WOAD_CONFIG_ATTR_INDEX 0
#endif
#ifndef WOAD_CONFIG_L2CAP_CHANNELS
#define WOAD_CONFIG_L2CAP_CHANNELS 0
#endif
#ifndef WOAD_CONFIG_PSMS
#define WOAD_CONFIG_PSMS 0
#endif
#ifndef WOAD_CONFIG_ATT_BEARERS
#define WOAD_CONFIG_ATT_BEARERS 0
#endif
#ifndef WOAD_CONFIG_MPS
#define WOAD_CONFIG_MPS 0
#endif
#ifndef WOAD_CONFIG_WATCHDOG_MS
#define WOAD_CONFIG_WATCHDOG_MS 0
#endif
#ifndef WOAD_CONFIG_ADV_SETS
#define WOAD_CONFIG_ADV_SETS 0
#endif
#ifndef WOAD_CONFIG_CONNECT_RETRIES
#define WOAD_CONFIG_CONNECT_RETRIES 0
#endif

#if (WOAD_USE_LONG_VALUES || WOAD_USE_READ_MULTIPLE || WOAD_USE_PIPELINING || \
     WOAD_USE_TYPE_INDEX || WOAD_USE_CLIENT_FEATURES) && \
    !WOAD_USE_GATT_SERVER
#error "an addition to the GATT server is used: it requires WOAD_USE_GATT_SERVER"
#endif
#if WOAD_USE_SECURITY_MANAGER && WOAD_USE_SECURITY_PERIPHERAL
#error "WOAD_USE_SECURITY_MANAGER and WOAD_USE_SECURITY_PERIPHERAL: use one"
#endif
#if (WOAD_USE_SIGNED_WRITES || WOAD_USE_KEYPRESSES || WOAD_USE_OUT_OF_BAND || \
     WOAD_USE_RESOLVING_LIST) && \
    !WOAD_USE_SECURITY_MANAGER && !WOAD_USE_SECURITY_PERIPHERAL
#error "an addition to pairing is used: it requires WOAD_USE_SECURITY_MANAGER or _PERIPHERAL"
#endif
#if WOAD_USE_ENHANCED_CHANNELS && !WOAD_USE_L2CAP_CHANNELS
#error "WOAD_USE_ENHANCED_CHANNELS requires WOAD_USE_L2CAP_CHANNELS"
#endif
#if WOAD_USE_EATT && !WOAD_USE_ENHANCED_CHANNELS
#error "WOAD_USE_EATT requires WOAD_USE_ENHANCED_CHANNELS"
#endif
#if WOAD_USE_RECONNECTION && !WOAD_USE_CENTRAL
#error "WOAD_USE_RECONNECTION requires WOAD_USE_CENTRAL"
#endif

enum { WOAD_STATIC_(_size) = WOAD_STATIC_SIZE };

/* Does not compile: WOAD_CONFIG_MTU is out of range. */
typedef char WOAD_STATIC_(
    _mtu_is_23_to_527)[WOAD_STATIC_MTU >= 23 && WOAD_STATIC_MTU <= 527 ? 1 : -1];

union WOAD_STATIC_(_memory) {
    uint8_t octets[WOAD_STATIC_(_size)];
    uint64_t align;
};

static const struct woad_feature *const WOAD_STATIC_(_features)[] = { WOAD_STATIC_FEATURES };

static inline struct woad_config WOAD_STATIC_(_config)(void (*event)(void *ctx, struct woad *h,
                                                                     const struct woad_event *ev),
                                                       void *ctx)
{
    struct woad_config config;
    memset(&config, 0, sizeof config);
    config.features = WOAD_STATIC_(_features);
    config.event = event;
    config.ctx = ctx;
    config.conns = WOAD_CONFIG_CONNS;
    config.attr_tables = WOAD_CONFIG_ATTR_TABLES;
    config.subscriptions = WOAD_CONFIG_SUBSCRIPTIONS;
    config.procedures = WOAD_CONFIG_PROCEDURES;
    config.accept_list = WOAD_CONFIG_ACCEPT_LIST;
    config.mtu = WOAD_CONFIG_MTU;
    config.tx_queue = WOAD_CONFIG_TX_QUEUE;
    config.request_queue = WOAD_CONFIG_REQUEST_QUEUE;
    config.prepare_queue = WOAD_CONFIG_PREPARE_QUEUE;
    config.pipeline_queue = WOAD_CONFIG_PIPELINE_QUEUE;
    config.bonds = WOAD_CONFIG_BONDS;
    config.pairings = WOAD_CONFIG_PAIRINGS;
    config.attr_index = WOAD_CONFIG_ATTR_INDEX;
    config.l2cap_channels = WOAD_CONFIG_L2CAP_CHANNELS;
    config.psms = WOAD_CONFIG_PSMS;
    config.att_bearers = WOAD_CONFIG_ATT_BEARERS;
    config.mps = WOAD_CONFIG_MPS;
    config.watchdog_ms = WOAD_CONFIG_WATCHDOG_MS;
    config.adv_sets = WOAD_CONFIG_ADV_SETS;
    config.connect_retries = WOAD_CONFIG_CONNECT_RETRIES;
    return config;
}

#undef WOAD_STATIC_NAME
#undef WOAD_USE_ADVERTISER
#undef WOAD_USE_SCANNER
#undef WOAD_USE_CENTRAL
#undef WOAD_USE_GATT_SERVER
#undef WOAD_USE_GATT_CLIENT
#undef WOAD_USE_ACCEPT_LIST
#undef WOAD_USE_LINK_CONTROL
#undef WOAD_USE_LONG_VALUES
#undef WOAD_USE_READ_MULTIPLE
#undef WOAD_USE_SIGNED_WRITES
#undef WOAD_USE_PIPELINING
#undef WOAD_USE_TYPE_INDEX
#undef WOAD_USE_CLIENT_FEATURES
#undef WOAD_USE_L2CAP_CHANNELS
#undef WOAD_USE_ENHANCED_CHANNELS
#undef WOAD_USE_EATT
#undef WOAD_USE_SECURITY_MANAGER
#undef WOAD_USE_SECURITY_PERIPHERAL
#undef WOAD_USE_KEYPRESSES
#undef WOAD_USE_OUT_OF_BAND
#undef WOAD_USE_RESOLVING_LIST
#undef WOAD_USE_RECONNECTION
#undef WOAD_USE_EXTENDED_ADVERTISING
#undef WOAD_USE_WATCHDOG
#undef WOAD_USE_VENDOR_INIT
#undef WOAD_USE_QUIRKS
#undef WOAD_USE_CONTROLLER_CRYPTO
#undef WOAD_CONFIG_CONNS
#undef WOAD_CONFIG_ATTR_TABLES
#undef WOAD_CONFIG_SUBSCRIPTIONS
#undef WOAD_CONFIG_PROCEDURES
#undef WOAD_CONFIG_ACCEPT_LIST
#undef WOAD_CONFIG_MTU
#undef WOAD_CONFIG_TX_QUEUE
#undef WOAD_CONFIG_REQUEST_QUEUE
#undef WOAD_CONFIG_PREPARE_QUEUE
#undef WOAD_CONFIG_PIPELINE_QUEUE
#undef WOAD_CONFIG_BONDS
#undef WOAD_CONFIG_PAIRINGS
#undef WOAD_CONFIG_ATTR_INDEX
#undef WOAD_CONFIG_L2CAP_CHANNELS
#undef WOAD_CONFIG_PSMS
#undef WOAD_CONFIG_ATT_BEARERS
#undef WOAD_CONFIG_MPS
#undef WOAD_CONFIG_WATCHDOG_MS
#undef WOAD_CONFIG_ADV_SETS
#undef WOAD_CONFIG_CONNECT_RETRIES
