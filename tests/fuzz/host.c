/* Input as a controller, a peer and an application could make it: a fresh host for each input.  The
 * first octet of a step selects the kind of step. */
#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/woad.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct woad_feature *const all[] = {
    &woad_feature_advertiser,      &woad_feature_scanner,
    &woad_feature_central,         &woad_feature_gatt_server,
    &woad_feature_long_values,     &woad_feature_read_multiple,
    &woad_feature_signed_writes,   &woad_feature_pipelining,
    &woad_feature_type_index,      &woad_feature_gatt_client,
    &woad_feature_client_features, &woad_feature_accept_list,
    &woad_feature_link_control,    &woad_feature_security_manager,
    &woad_feature_keypresses,      &woad_feature_out_of_band,
    &woad_feature_resolving_list,  &woad_feature_extended_advertising,
    &woad_feature_quirks,          NULL
};
static const struct woad_feature *const no_library[] = {
    &woad_feature_advertiser,       &woad_feature_central,
    &woad_feature_gatt_server,      &woad_feature_long_values,
    &woad_feature_read_multiple,    &woad_feature_signed_writes,
    &woad_feature_pipelining,       &woad_feature_type_index,
    &woad_feature_gatt_client,      &woad_feature_controller_crypto,
    &woad_feature_security_manager, &woad_feature_keypresses,
    &woad_feature_out_of_band,      &woad_feature_resolving_list,
    &woad_feature_watchdog,         NULL
};
static const struct woad_uuid u = WOAD_UUID16(0x180d);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u),
    WOAD_CHARACTERISTIC(&u, WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY,
                        WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CCCD,
    WOAD_CHARACTERISTIC_CONST(&u, "0123456789012345678901234567890123456789", 40),
    WOAD_CHARACTERISTIC_CCCD(&u, WOAD_PROP_READ | WOAD_PROP_NOTIFY,
                             WOAD_PERM_READ | WOAD_PERM_WRITE | WOAD_PERM_READ_ENCRYPTED),
    WOAD_CHARACTERISTIC_CCCD(&u, WOAD_PROP_READ | WOAD_PROP_NOTIFY,
                             WOAD_PERM_READ | WOAD_PERM_WRITE | WOAD_PERM_READ_AUTHORIZED |
                                 WOAD_PERM_WRITE_AUTHORIZED | WOAD_PERM_WRITE_SIGNED),
};

/* So weak that the fuzzer can guess the values of a peer. */
static int aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    uint8_t x = 0;
    for (int n = 0; n < 16; n++) {
        x ^= (uint8_t)(key[n] ^ in[n]);
    }
    memset(out, 0, 16);
    out[15] = x & 3;
    return x == 0xfe ? -1 : 0;
}

static int p256_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    memset(public_key, private_key[0] & 7, 64);
    return private_key[0] == 0xff ? -1 : 0;
}

static int p256_dh(const uint8_t private_key[32], const uint8_t public_key[64], uint8_t secret[32])
{
    memset(secret, (private_key[0] ^ public_key[0]) & 1, 32);
    return public_key[0] == 0xff ? -1 : 0;
}

static const struct woad_crypto crypto = { aes128, p256_public, p256_dh };

static int octets(void *ctx, uint8_t *out, size_t len)
{
    uint8_t x = 1;
    (void)ctx;
    for (size_t n = 0; n < len; n++) {
        out[n] = x += 7;
    }
    return x == 0xfc ? -1 : 0;
}

struct state {
    uint16_t conn;
    uint8_t how;
    uint32_t now;
};

/* The application calls the API inside events, as the input selects. */
static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct state *s = ctx;
    s->conn = ev->type == WOAD_EV_CONNECT ? ev->conn : s->conn;
    if (ev->type == WOAD_EV_AUTHORIZE) {
        *ev->u.authorize.allowed = s->how & 0x20;
    }
    if (s->how & 0x40) {
        woad_gatt_answer_later(h, ev->conn);
    }
    if (ev->type == WOAD_EV_GATT_READ && s->how & 1) {
        woad_gatt_answer(h, ev->conn, s->how >> 4, "0123456789012345678901234567", 28);
    } else if (ev->type == WOAD_EV_GATT_WRITE && s->how & 2) {
        woad_gatt_answer(h, ev->conn, s->how >> 5, NULL, 0);
    } else if (s->how & 4) {
        woad_gattc_read(h, s->conn, 12);
        woad_gatt_notify(h, s->conn, 12, "abc", 3);
    }
    if ((s->how & 0x18) == 0x18) {
        woad_disconnect(h, s->conn, 0x13);
    }
}

static void drain(struct woad *h)
{
    uint8_t packet[1100];
    for (int n = 0; n < 64; n++) {
        size_t len = woad_tx(h, packet, sizeof packet);
        if (!len) {
            break;
        }
        if (packet[0] == 1) { /* a command completes */
            uint8_t done[80] = { 4, 0x0e, 4, 1, packet[1], packet[2], 0 };
            static const uint8_t key[70] = { 4, 0x3e, 66, 8, 0, 1 };
            static const uint8_t secret[37] = { 4, 0x3e, 34, 9, 0, 1 };
            if (packet[1] == 0x02 && packet[2] == 0x10) { /* the supported commands */
                done[2] = 68;
                done[7 + 34] = 0x2e;
                done[7 + 39] = 4;
                woad_rx(h, done, 71);
                continue;
            }
            if ((packet[1] == 0x25 || packet[1] == 0x26) && packet[2] == 0x20) {
                const uint8_t begun[7] = { 4, 0x0f, 4, 0, 1, packet[1], packet[2] };
                woad_rx(h, begun, sizeof begun);
                if (packet[1] == 0x25) {
                    woad_rx(h, key, 69);
                } else {
                    woad_rx(h, secret, 37);
                }
                continue;
            }
            if (packet[1] == 2 && packet[2] == 0x20) {
                done[2] = 7;
                done[7] = 27;
                done[9] = 4;
            } else if (packet[2] == 0x10 || packet[1] == 3 || packet[1] == 0x18) {
                done[2] = 12;
            } else if (packet[1] == 0x17) {
                done[2] = 20;
                done[7] = packet[4] & 3;
            }
            woad_rx(h, done, done[2] + 3u);
        }
    }
}

static void call_extended(struct woad *h, uint8_t what, uint16_t handle)
{
    static const uint8_t data[600];
    struct woad_ext_adv_params p = { .interval_625us = 32,
                                     .connectable = handle & 1,
                                     .scannable = handle & 2,
                                     .tx_power_dbm = WOAD_TX_POWER_ANY };
    uint8_t set = handle >> 2 & 3;
    switch (what) {
    case 49: woad_ext_adv_start(h, set, &p); break;
    case 50: woad_ext_adv_stop(h, set); break;
    case 51: woad_ext_adv_set_data(h, set, data, handle % 600); break;
    case 52: woad_ext_adv_set_scan_response(h, set, data, handle % 600); break;
    default:
        woad_set_scan_phys(h, handle & 7);
        woad_set_connect_phys(h, handle >> 3 & 7);
        break;
    }
}

static void call_security(struct woad *h, struct state *s, unsigned what, uint16_t handle)
{
    struct woad_security_policy policy = { .io = handle % 5,
                                           .bond = handle & 8,
                                           .mitm = handle & 16,
                                           .allow_legacy = true,
                                           .prefer_legacy = handle & 32,
                                           .app_passkey = handle & 64,
                                           .key_size_min = 7,
                                           .keypress = handle & 128,
                                           .retry = handle & 1,
                                           .trust_unencrypted = handle & 2 };
    static const struct woad_cccd cccds[] = { { 12, 1 }, { 0, 0 }, { 9, 2 } };
    static const struct woad_bond bond = { .peer = { 0, { 1 } },
                                           .key_size = 16,
                                           .has_own_ltk = true,
                                           .has_peer_ltk = true,
                                           .has_irk = true,
                                           .has_csrk = true,
                                           .has_own_csrk = true,
                                           .cccds = 3,
                                           .cccd = cccds,
                                           .database = 5 };
    static const struct woad_oob oob = { { 1 }, { 0 } };
    switch (what) {
    case 36: woad_pair(h, s->conn); break;
    case 37:
        woad_passkey(h, s->conn, (enum woad_passkey_action)(2 + handle % 3), handle / 3);
        break;
    case 38: woad_set_security_policy(h, &policy); break;
    case 39: woad_oob_make(h); break;
    case 40: woad_oob_set(h, s->conn, &oob); break;
    case 41: woad_oob_set_legacy(h, s->conn, oob.random); break;
    case 42: woad_bond_add(h, &bond); break;
    case 43: woad_bond_remove(h, handle & 1 ? &bond.peer : NULL); break;
    case 44: woad_set_irk(h, bond.irk); break;
    case 45: woad_keypress(h, s->conn, (enum woad_keypress)(handle % 6)); break;
    case 46: woad_gattc_write_signed(h, s->conn, handle, "sign", handle % 5); break;
    case 47: woad_attempts_add(h, &bond.peer, (uint8_t)handle); break;
    default: woad_set_privacy(h, (enum woad_privacy)(handle % 3), 1); break;
    }
}

static void call(struct woad *h, struct state *s, const uint8_t *p, size_t n)
{
    static const struct woad_connect_params params = { 16, 16, 24, 40, 0, 256, 100 };
    static const struct woad_scan_params scan = { 16, 16, true, false, 50, false };
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_adv_params directed = { .kind = WOAD_ADV_DIRECT_HIGH,
                                                     .interval_625us = 32,
                                                     .filter_policy = 3 };
    struct woad_addr peer = { 0, { 1 } };
    uint16_t handle = n > 1 ? p[1] : 1;
    static const uint16_t handles[] = { 3, 5, 12 };
    static const struct woad_gatt_value two[] = { { 5, 2, "ab" }, { 7, 1, "c" } };
    uint8_t what = p[0] % 54;
    if (what >= 49) {
        call_extended(h, what, handle);
        return;
    }
    if (what >= 36) {
        call_security(h, s, what, handle);
        return;
    }
    switch (what) {
    case 0: woad_gattc_services(h, s->conn, NULL); break;
    case 1: woad_gattc_services(h, s->conn, &u); break;
    case 2: woad_gattc_characteristics(h, s->conn, 1, 0xffff, NULL); break;
    case 3: woad_gattc_descriptors(h, s->conn, handle, 0xffff); break;
    case 4: woad_gattc_read(h, s->conn, handle); break;
    case 5: woad_gattc_write(h, s->conn, handle, p, n < 20 ? n : 20); break;
    case 6: woad_gattc_write_long(h, s->conn, handle, p, n, false); break;
    case 7: woad_gattc_write_long(h, s->conn, handle, p, n, true); break;
    case 8: woad_gattc_exchange_mtu(h, s->conn); break;
    case 9: woad_gatt_indicate(h, s->conn, handle, p, n); break;
    case 10: woad_disconnect(h, s->conn, 0x13); break;
    case 11: woad_scan_start(h, &scan); break;
    case 12: woad_adv_start(h, &adv); break;
    case 13: woad_connect(h, &peer, &params); break;
    case 14: woad_conn_update(h, s->conn, &params); break;
    case 15: woad_stop(h); break;
    case 16: woad_start(h); break;
    case 17: woad_gattc_included(h, s->conn, handle, 0xffff); break;
    case 18: woad_gattc_read_by_uuid(h, s->conn, handle, 0xffff, &u); break;
    case 19: woad_gattc_read_multiple(h, s->conn, handles, 3); break;
    case 20: woad_gattc_read_multiple_fixed(h, s->conn, handles, 3); break;
    case 21: woad_gattc_secondary_services(h, s->conn); break;
    case 22: woad_gattc_cancel(h, s->conn); break;
    case 23: woad_gatt_notify_latest(h, s->conn, handle, p, n); break;
    case 24: woad_gatt_notify_multiple(h, s->conn, two, 2); break;
    case 25: woad_gatt_add_at(h, db, sizeof db / sizeof *db, handle); break;
    case 26: woad_gatt_add(h, db, sizeof db / sizeof *db, NULL); break;
    case 27: woad_gatt_remove(h, handle); break;
    case 28: woad_accept_list_set(h, &peer, n & 1); break;
    case 29: woad_link_read(h, s->conn, (enum woad_link_item)(handle % 8)); break;
    case 30: woad_link_set_phy(h, s->conn, (uint8_t)(handle & 7), 2, WOAD_CODING_ANY); break;
    case 31: woad_link_set_data_length(h, s->conn, 100); break;
    case 32: woad_connect(h, NULL, &params); break;
    case 33: woad_adv_start(h, &directed); break;
    case 34: woad_gatt_notify(h, s->conn, handle, p, n); break;
    default: woad_set_own_address(h, p[0] & 1, NULL); break;
    }
}

static void step(struct woad *h, struct state *s, const uint8_t *p, size_t n, uint8_t what)
{
    uint8_t b[300] = {
        2, 0x40, 0x20, (uint8_t)(n + 4), 0, (uint8_t)n, 0, (uint8_t)(4 + what % 3), 0
    };
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
    case 3: /* a frame on a fixed channel */
        memcpy(b + 9, p, n);
        woad_rx(h, b, n + 9);
        break;
    case 4: /* an event */
        b[0] = 4;
        b[1] = what & 8 ? 0x3e : p[0];
        b[2] = (uint8_t)(n - 1);
        memcpy(b + 3, p + 1, n - 1);
        woad_rx(h, b, n + 2);
        break;
    case 5: /* anything */ woad_rx(h, p, n); break;
    case 6:
        s->now += p[0] * 200u;
        woad_poll(h, s->now);
        break;
    default: call(h, s, p, n);
    }
}

/* library: cryptography and random numbers are the application's, else the controller's. */
static struct woad_config config_of(struct state *s, bool library)
{
    struct woad_config cfg = { .features = no_library,
                               .event = on_event,
                               .ctx = s,
                               .conns = 2,
                               .bonds = 2,
                               .attr_tables = 3,
                               .subscriptions = 1,
                               .procedures = 3,
                               .mtu = 64,
                               .tx_queue = 80,
                               .request_queue = 128,
                               .prepare_queue = 64,
                               .pipeline_queue = 40,
                               .accept_list = 1,
                               .attr_index = 24,
                               .adv_sets = 2 };
    if (library) {
        cfg.features = all;
        cfg.crypto = &crypto;
        cfg.random = octets;
    }
    return cfg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t connected[] = { 4, 0x3e, 19, 1, 0,  0x40, 0, 0, 0, 1, 2,
                                         3, 4,    5,  6, 24, 0,    0, 0, 0, 1, 0 };
    struct state s = { 0, 0, 1 };
    bool library = len && !(data[0] & 2);
    struct woad_config cfg = config_of(&s, library);
    if (len < 2) {
        return 0;
    }
    size_t size = woad_size(&cfg);
    void *memory = malloc(size);
    struct woad *h = woad_init(memory, size, &cfg);
    /* A controller that always reports extended advertising. */
    static const struct woad_quirk extended[] = {
        { 0, 0, 0xffff, WOAD_QUIRK_HAS_COMMANDS, 36, 0xff, NULL },
        { 0, 0, 0xffff, WOAD_QUIRK_HAS_COMMANDS, 37, 0xff, NULL },
    };
    woad_set_quirks(h, extended, data[0] & 4 ? 2 : 0);
    woad_poll(h, s.now);
    woad_start(h);
    drain(h);
    woad_gatt_add(h, db, sizeof db / sizeof *db, NULL);
    uint8_t up[sizeof connected];
    memcpy(up, connected, sizeof up);
    up[7] = data[0] & 1;
    woad_rx(h, up, sizeof up);
    s.how = data[1];
    for (size_t at = 2; at + 2 < len;) {
        uint8_t what = data[at];
        size_t n = 1 + data[at + 1] % 64u;
        at += 2;
        n = n < len - at ? n : len - at;
        uint8_t *copy = malloc(n); /* an exact copy: the sanitizer detects reads beyond it */
        memcpy(copy, data + at, n);
        step(h, &s, copy, n, what);
        free(copy);
        at += n;
        drain(h);
    }
    woad_fail(h, WOAD_EIO);
    free(memory);
    return 0;
}
