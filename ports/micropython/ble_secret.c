/* Bonds as secrets that the program keeps, by IRQ_GET_SECRET and IRQ_SET_SECRET.  Types, keys and
 * values are those of upstream's module with NimBLE, so that what programs have stored stays valid.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_ask(): calls the program's handler for an event with a return value
 *   BLE_BOND_SLOTS: bonds of the configuration; legacy pairing takes two slots
 *   ble_bytes(): a copy of octets as a memoryview, for the next call of the handler; allocates
 *       nothing
 *   BLE_KEY_LEN: octets of a secret's key: the peer's address with its type
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_port_store_bond(): writes a bond to the file, unless that has a stronger one
 *   ble_port_stores(): there is a file of bonds
 *   ble_queue_first(): the first queued record; NULL: none
 *   ble_queue_next(): the record behind this one; NULL: none
 *   ble_random(): random octets for a key; 0 or WOAD_E…
 *   ble_short_bytes(): a second memoryview for that call, of at most BLE_FRAME_SHORT octets
 *   number: `returned` as a number, or its truth for yes-or-no events; else 0
 *   returned: of a call of the handler: the object; None unless BLE_ANSWERED */
#include "ble.h"

/* Types of secrets.  11 is beyond upstream: counters, client features and subscriptions. */
enum { BLE_SECRET_OUR = 1, BLE_SECRET_PEER = 2, BLE_SECRET_IRK = 10, BLE_SECRET_EXTRA = 11 };
enum {
    BLE_SECRET_LEN = 80,
    BLE_EXTRA_HEAD = 13,
    BLE_EXTRA_CCCDS = 64,
    BLE_EXTRA_MAX = BLE_EXTRA_HEAD + 4 * BLE_EXTRA_CCCDS
};

/* Address type (0 public, 1 random), then the address, least significant octet first. */
void ble_secret_key(const struct woad_addr *peer, uint8_t key[BLE_KEY_LEN])
{
    key[0] = peer->type & 1;
    memcpy(key + 1, peer->octet, 6);
}

/* Writes a secret: our keys, or the peer's. secret_parse() reads it. Offsets: 0 key 7; 7 key size
 * u8; 8 EDIV u16; 16 Rand 8; 24 LTK 16; 40 it has an LTK; 41 IRK 16; 57 it has an IRK; 58 CSRK 16;
 * 74 bits: it has a CSRK, authenticated, Secure Connections; zeros elsewhere. */
static void secret_value(const struct woad_bond *b, bool ours, uint8_t v[BLE_SECRET_LEN])
{
    uint16_t ediv = ours ? b->own_ediv : b->peer_ediv;
    bool has = ours ? b->has_own_ltk : b->has_peer_ltk;
    memset(v, 0, BLE_SECRET_LEN);
    ble_secret_key(&b->peer, v);
    v[7] = b->key_size;
    v[8] = (uint8_t)ediv;
    v[9] = (uint8_t)(ediv >> 8);
    memcpy(v + 16, ours ? b->own_rand : b->peer_rand, 8);
    memcpy(v + 24, ours ? b->own_ltk : b->peer_ltk, 16);
    v[40] = has;
    if (!ours && b->has_irk) {
        memcpy(v + 41, b->irk, 16);
        v[57] = 1;
    }
    if (ours ? b->has_own_csrk : b->has_csrk) {
        memcpy(v + 58, ours ? b->own_csrk : b->csrk, 16);
        v[74] = 1;
    }
    v[74] |= b->flags & WOAD_BOND_AUTHENTICATED ? 2 : 0;
    v[74] |= b->flags & WOAD_BOND_SECURE ? 4 : 0;
}

/* IRQ_SET_SECRET; value NULL: the program is to forget it. Whether the handler returned true. */
static bool secret_set(unsigned type, const uint8_t *key, size_t key_len, const uint8_t *value,
                       size_t len)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(type), ble_short_bytes(key, key_len),
                         value ? ble_bytes(value, len) : mp_const_none };
    return ble_ask(IRQ_SET_SECRET, 3, items).number != 0;
}

/* Copies what the handler of IRQ_GET_SECRET returns.  Returns its length, 0: none, or more than
 * `room`. */
static size_t secret_read(unsigned type, unsigned index, const uint8_t *key, size_t key_len,
                          uint8_t *value, size_t room)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(type), MP_OBJ_NEW_SMALL_INT(index),
                         key ? ble_short_bytes(key, key_len) : mp_const_none };
    mp_obj_t got = ble_ask(IRQ_GET_SECRET, 3, items).returned;
    mp_buffer_info_t buf;
    if (got == mp_const_none || !mp_get_buffer(got, &buf, MP_BUFFER_READ) || buf.len > room) {
        return 0;
    }
    memcpy(value, buf.buf, buf.len);
    return buf.len;
}

/* The same, of exactly `len` octets. */
static bool secret_get(unsigned type, unsigned index, const uint8_t *key, size_t key_len,
                       uint8_t *value, size_t len)
{
    return secret_read(type, index, key, key_len, value, len) == len;
}

/* Least significant octet first. */
static void put_number(uint8_t *at, uint32_t v, size_t octets)
{
    for (; octets; octets--, v >>= 8) {
        *at++ = (uint8_t)v;
    }
}

/* The number that put_number() has written. */
static uint32_t take_number(const uint8_t *at, size_t octets)
{
    uint32_t v = 0;
    for (size_t n = octets; n; n--) {
        v = v << 8 | at[n - 1];
    }
    return v;
}

/* There is something that only the secret of type 11 has. */
bool ble_bond_has_extra(const struct woad_bond *b)
{
    return b->cccds || b->signs || b->own_signs || b->client_features;
}

/* The peer's SignCounter u32, ours u32, client supported features u8, database hash u32, and for
 * each subscription { CCCD handle u16, value u16 }. */
static size_t extra_value(const struct woad_bond *b, uint8_t v[BLE_EXTRA_MAX])
{
    size_t len = BLE_EXTRA_HEAD;
    put_number(v, b->signs, 4);
    put_number(v + 4, b->own_signs, 4);
    v[8] = b->client_features;
    put_number(v + 9, b->database, 4);
    for (size_t n = 0; n < b->cccds && len < BLE_EXTRA_MAX; n++) {
        put_number(v + len, b->cccd[n].handle, 2);
        put_number(v + len + 2, b->cccd[n].value, 2);
        len += 4;
    }
    return len;
}

/* Reads what extra_value() writes; ignores what has another length. */
static void extra_parse(struct woad_bond *b, const uint8_t *v, size_t len,
                        struct woad_cccd cccd[BLE_EXTRA_CCCDS])
{
    if (len < BLE_EXTRA_HEAD || (len - BLE_EXTRA_HEAD) % 4) {
        return;
    }
    b->signs = take_number(v, 4);
    b->own_signs = take_number(v + 4, 4);
    b->client_features = v[8] & 7;
    b->database = take_number(v + 9, 4);
    b->cccds = (uint16_t)((len - BLE_EXTRA_HEAD) / 4);
    b->cccd = cccd;
    for (size_t n = 0; n < b->cccds; n++) {
        cccd[n].handle = (uint16_t)take_number(v + BLE_EXTRA_HEAD + 4 * n, 2);
        cccd[n].value = (uint16_t)take_number(v + BLE_EXTRA_HEAD + 4 * n + 2, 2);
    }
}

enum { BLE_PEER_KEYS = false, BLE_OUR_KEYS = true };

/* Reads a secret, our keys or the peer's, into the bond. */
static void secret_parse(struct woad_bond *b, const uint8_t v[BLE_SECRET_LEN], bool ours)
{
    b->key_size = v[7] > 16 ? 0 : v[7] & 31; /* 0: woad_bond_add() refuses it */
    b->peer.type = v[0] & 1;
    memcpy(b->peer.octet, v + 1, 6);
    b->flags = v[74] & 2 ? WOAD_BOND_AUTHENTICATED : 0;
    b->flags |= v[74] & 4 ? WOAD_BOND_SECURE : 0;
    memcpy(ours ? b->own_rand : b->peer_rand, v + 16, 8);
    memcpy(ours ? b->own_ltk : b->peer_ltk, v + 24, 16);
    if (ours) {
        b->own_ediv = (uint16_t)(v[8] | v[9] << 8);
        b->has_own_ltk = v[40] & 1;
        b->has_own_csrk = v[74] & 1;
        memcpy(b->own_csrk, v + 58, 16);
        return;
    }
    b->peer_ediv = (uint16_t)(v[8] | v[9] << 8);
    b->has_peer_ltk = v[40] & 1;
    b->has_irk = v[57] & 1;
    memcpy(b->irk, v + 41, 16);
    b->has_csrk = v[74] & 1;
    memcpy(b->csrk, v + 58, 16);
}

/* Gives the host the bond that the program keeps for this peer; false: it keeps none. */
static bool bond_load(const uint8_t key[BLE_KEY_LEN])
{
    struct woad_bond b = { .flags = 0 };
    uint8_t v[BLE_SECRET_LEN];
    bool ours = secret_get(BLE_SECRET_OUR, 0, key, BLE_KEY_LEN, v, sizeof v);
    if (ours) {
        secret_parse(&b, v, BLE_OUR_KEYS);
    }
    bool peers = secret_get(BLE_SECRET_PEER, 0, key, BLE_KEY_LEN, v, sizeof v);
    if (peers) {
        secret_parse(&b, v, BLE_PEER_KEYS);
    }
    if (!ours && !peers) {
        return false;
    }
    uint8_t more[BLE_EXTRA_MAX];
    struct woad_cccd cccd[BLE_EXTRA_CCCDS];
    extra_parse(&b, more, secret_read(BLE_SECRET_EXTRA, 0, key, BLE_KEY_LEN, more, sizeof more),
                cccd);
    return ble.host && woad_bond_add(ble.host, &b) == 0;
}

/* Our IRK, by which bonded peers resolve our address: the program's, else the file's, else a new
 * one that the program may keep. */
static void load_irk(void)
{
    static const uint8_t name[3] = { 'i', 'r', 'k' };
    uint8_t irk[16];
    if (!secret_get(BLE_SECRET_IRK, 0, name, sizeof name, irk, sizeof irk)) {
        if (ble_port_stores() || ble_random(irk, sizeof irk)) {
            return;
        }
        secret_set(BLE_SECRET_IRK, name, sizeof name, irk, sizeof irk);
    }
    if (ble.host) {
        woad_set_irk(ble.host, irk);
    }
}

/* At active(True): our IRK, and all bonds that the program returns by index. */
void ble_load_bonds(void)
{
    uint8_t v[BLE_SECRET_LEN];
    load_irk();
    for (unsigned n = 0; n < BLE_BOND_SLOTS && secret_get(BLE_SECRET_PEER, n, NULL, 0, v, sizeof v);
         n++) {
        uint8_t key[BLE_KEY_LEN];
        memcpy(key, v, BLE_KEY_LEN);
        bond_load(key);
    }
}

/* Writes the host's bonds to a file just named by config(bond_store=…), last used first.  Call it
 * before the host reads the file: the file's bonds of the same peers may be older. */
void ble_store_bonds(void)
{
    struct woad_bond bond;
    uint16_t bonds = 0;
    while (woad_bond_at(ble.host, bonds, &bond) == 0) {
        bonds++;
    }
    while (bonds && woad_bond_at(ble.host, --bonds, &bond) == 0) {
        ble_port_store_bond(&bond);
    }
    memset(&bond, 0, sizeof bond);
}

/* The host's bond of this peer now: a queued event may be older.  False: it has none.  Types 2 and
 * 3 of an address are 0 and 1, resolved by the controller. */
bool ble_bond_in_host(const struct woad_addr *peer, struct woad_bond *b)
{
    for (uint16_t n = 0; ble.host && woad_bond_at(ble.host, n, b) == 0; n++) {
        if (b->peer.type % 2 == peer->type % 2 && memcmp(b->peer.octet, peer->octet, 6) == 0) {
            return true;
        }
    }
    return false;
}

/* Programs, aioble among them, call micropython.schedule() for each secret, and its queue is short:
 * the function that finds it full raises an exception in the handler. */
bool ble_secrets_have_room(void)
{
    enum { BLE_BOND_SECRETS = 3 };
    return mp_sched_num_pending() + BLE_BOND_SECRETS <= MICROPY_SCHEDULER_DEPTH;
}

/* Runs scheduled functions until there is room; inside one of them, or in a handler, none runs. */
void ble_secrets_make_room(void)
{
    for (int n = 0; n < MICROPY_SCHEDULER_DEPTH && !ble_secrets_have_room(); n++) {
        mp_handle_pending(true);
    }
}

/* Has the program forget our keys and the peer's; with `extra` also the secret of type 11. */
bool ble_secrets_remove(const uint8_t key[BLE_KEY_LEN], bool extra)
{
    bool ours = secret_set(BLE_SECRET_OUR, key, BLE_KEY_LEN, NULL, 0);
    bool peers = secret_set(BLE_SECRET_PEER, key, BLE_KEY_LEN, NULL, 0);
    if (extra) {
        secret_set(BLE_SECRET_EXTRA, key, BLE_KEY_LEN, NULL, 0);
    }
    return ours || peers;
}

/* The program stores the bond as the host has it now: the event may have been queued, and the
 * handler for the first secret may remove the bond. */
void ble_on_bond(const struct woad_event *ev)
{
    const struct woad_addr peer = ev->u.bond.bond->peer;
    enum woad_bond_change change = ev->u.bond.change;
    struct woad_bond bond;
    uint8_t key[BLE_KEY_LEN], v[BLE_EXTRA_MAX];
    ble_secret_key(&peer, key);
    if (change == WOAD_BOND_GONE) {
        ble_secrets_remove(key, ble_bond_has_extra(ev->u.bond.bond));
    } else if (change == WOAD_BOND_NEW) {
        for (unsigned type = BLE_SECRET_OUR;
             type <= BLE_SECRET_PEER && ble_bond_in_host(&peer, &bond); type++) {
            secret_value(&bond, type == BLE_SECRET_OUR, v);
            secret_set(type, key, sizeof key, v, BLE_SECRET_LEN);
        }
    } else if (ble_bond_in_host(&peer, &bond)) {
        size_t len = extra_value(&bond, v);
        secret_set(BLE_SECRET_EXTRA, key, sizeof key, v, len);
    }
    memset(v, 0, sizeof v);
    memset(&bond, 0, sizeof bond);
}

/* Whether the last queued event of this bond is its removal: the secrets that the program still has
 * are not valid then. */
static bool bond_removal_is_queued(const struct woad_addr *peer)
{
    uint8_t key[BLE_KEY_LEN], queued[BLE_KEY_LEN];
    bool removed = false;
    ble_obj_t *o = ble_object();
    struct ble_record *r = o ? ble_queue_first(o) : NULL;
    ble_secret_key(peer, key);
    for (; r; r = ble_queue_next(o, r)) {
        if (r->ev.type == WOAD_EV_BOND) {
            ble_secret_key(&r->ev.u.bond.bond->peer, queued);
            if (memcmp(key, queued, sizeof key) == 0) {
                removed = r->ev.u.bond.change == WOAD_BOND_GONE;
            }
        }
    }
    return removed;
}

/* The host meets a peer whose bond it does not have, but the program may. */
void ble_on_bond_wanted(const struct woad_event *ev)
{
    uint8_t key[BLE_KEY_LEN];
    ble_secret_key(&ev->u.bond_wanted.peer, key);
    if (!bond_removal_is_queued(&ev->u.bond_wanted.peer)) {
        bond_load(key);
    }
}
