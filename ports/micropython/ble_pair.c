/* Pairing and bonds: methods, events, and the secrets that a program keeps. */
#include "ble.h"

#include <woad/crypto.h>

struct ble_pairing ble_pairing;

/* Programs rely on these defaults: who asks gets whatever the peer can do.  le_secure=True means
 * it: nothing else then. */
void ble_apply_pairing(void)
{
    const struct ble_pairing *p = &ble_pairing;
    struct woad_security_policy policy = {
        .io = p->io,
        .bond = p->bond,
        .mitm = p->mitm,
        .app_passkey = true,
        .allow_legacy = p->secure <= 0,
        .prefer_legacy = p->secure == 0,
        .trust_unencrypted = true,
        .keypress = ble_wants(IRQ_KEYPRESS),
    };
    if (ble.host) {
        woad_set_security_policy(ble.host, &policy);
    }
}

/* --- methods ---------------------------------------------------------------------------------- */

static mp_obj_t gap_pair(mp_obj_t self, mp_obj_t conn)
{
    (void)self;
    uint16_t number = (uint16_t)mp_obj_get_int(conn);
    ble_raise(woad_pair(ble_active(), number));
    ble_flush();
    ble_port_schedule(); /* it may have to wait, and nothing else comes meanwhile */
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gap_pair_obj, gap_pair);

static mp_obj_t gap_passkey(size_t n_args, const mp_obj_t *args)
{
    (void)n_args;
    uint16_t conn = (uint16_t)mp_obj_get_int(args[1]);
    mp_int_t action = mp_obj_get_int(args[2]), passkey = mp_obj_get_int(args[3]);
    struct woad *h = ble_active();
    if (passkey < 0 || passkey > 999999 || action < 0 || action > 0xff) {
        mp_raise_OSError(MP_EINVAL);
    }
    if (action == WOAD_PASSKEY_COMPARE) {
        passkey = passkey != 0;
    }
    ble_raise(woad_passkey(h, conn, (enum woad_passkey_action)action, (uint32_t)passkey));
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_passkey_obj, 4, 4, gap_passkey);

/* --- secrets: as NimBLE's module has them: what programs have kept still serves --------------- */

/* 11 is this module's own: what else is kept of a bond. */
enum { BLE_SECRET_OUR = 1, BLE_SECRET_PEER = 2, BLE_SECRET_IRK = 10, BLE_SECRET_MORE = 11 };
enum {
    BLE_SECRET_LEN = 80,
    BLE_KEY_LEN = 7,
    BLE_MORE_HEAD = 13,
    BLE_MORE_CCCDS = 64,
    BLE_MORE_MAX = BLE_MORE_HEAD + 4 * BLE_MORE_CCCDS
};

static void secret_key(const struct woad_addr *peer, uint8_t key[BLE_KEY_LEN])
{
    key[0] = peer->type & 1;
    memcpy(key + 1, peer->octet, 6);
}

static void secret_value(const struct woad_bond *b, bool ours, uint8_t v[BLE_SECRET_LEN])
{
    uint16_t ediv = ours ? b->own_ediv : b->peer_ediv;
    bool has = ours ? b->has_own_ltk : b->has_peer_ltk;
    memset(v, 0, BLE_SECRET_LEN);
    secret_key(&b->peer, v);
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
    v[74] |= (uint8_t)((b->flags & WOAD_BOND_AUTHENTICATED ? 2 : 0) |
                       (b->flags & WOAD_BOND_SECURE ? 4 : 0));
}

static bool secret_set(unsigned type, const uint8_t *key, size_t key_len, const uint8_t *value,
                       size_t len)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(type), ble_brief(key, key_len),
                         value ? ble_bytes(value, len) : mp_const_none };
    return ble_ask(IRQ_SET_SECRET, 3, items).number != 0;
}

/* What the program gives into `value`, at most `room` octets; 0: nothing, or too much. */
static size_t secret_read(unsigned type, unsigned index, const uint8_t *key, size_t key_len,
                          uint8_t *value, size_t room)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(type), MP_OBJ_NEW_SMALL_INT(index),
                         key ? ble_brief(key, key_len) : mp_const_none };
    mp_obj_t got = ble_ask(IRQ_GET_SECRET, 3, items).given;
    mp_buffer_info_t buf;
    if (got == mp_const_none || !mp_get_buffer(got, &buf, MP_BUFFER_READ) || buf.len > room) {
        return 0;
    }
    memcpy(value, buf.buf, buf.len);
    return buf.len;
}

static bool secret_get(unsigned type, unsigned index, const uint8_t *key, size_t key_len,
                       uint8_t *value, size_t len)
{
    return secret_read(type, index, key, key_len, value, len) == len;
}

static void put_number(uint8_t *at, uint32_t v, size_t octets)
{
    for (; octets; octets--, v >>= 8) {
        *at++ = (uint8_t)v;
    }
}

static uint32_t take_number(const uint8_t *at, size_t octets)
{
    uint32_t v = 0;
    for (size_t n = octets; n; n--) {
        v = v << 8 | at[n - 1];
    }
    return v;
}

/* Whether there is anything in it. */
static bool more_has(const struct woad_bond *b)
{
    return b->cccds || b->signs || b->own_signs || b->client_features;
}

/* The peer's and our next number of a signed write u32, u32, client features u8, database u32,
 * { handle u16, value u16 } of each subscription. */
static size_t more_value(const struct woad_bond *b, uint8_t v[BLE_MORE_MAX])
{
    size_t len = BLE_MORE_HEAD;
    put_number(v, b->signs, 4);
    put_number(v + 4, b->own_signs, 4);
    v[8] = b->client_features;
    put_number(v + 9, b->database, 4);
    for (size_t n = 0; n < b->cccds && len < BLE_MORE_MAX; n++) {
        put_number(v + len, b->cccd[n].handle, 2);
        put_number(v + len + 2, b->cccd[n].value, 2);
        len += 4;
    }
    return len;
}

static void more_from(struct woad_bond *b, const uint8_t *v, size_t len,
                      struct woad_cccd cccd[BLE_MORE_CCCDS])
{
    if (len < BLE_MORE_HEAD || (len - BLE_MORE_HEAD) % 4) {
        return;
    }
    b->signs = take_number(v, 4);
    b->own_signs = take_number(v + 4, 4);
    b->client_features = v[8] & 7;
    b->database = take_number(v + 9, 4);
    b->cccds = (uint16_t)((len - BLE_MORE_HEAD) / 4);
    b->cccd = cccd;
    for (size_t n = 0; n < b->cccds; n++) {
        cccd[n].handle = (uint16_t)take_number(v + BLE_MORE_HEAD + 4 * n, 2);
        cccd[n].value = (uint16_t)take_number(v + BLE_MORE_HEAD + 4 * n + 2, 2);
    }
}

static void bond_from(struct woad_bond *b, const uint8_t v[BLE_SECRET_LEN], bool ours)
{
    b->key_size = v[7] > 16 ? 0 : v[7] & 31; /* 0: it is refused */
    b->peer.type = v[0] & 1;
    memcpy(b->peer.octet, v + 1, 6);
    b->flags = (v[74] & 2 ? WOAD_BOND_AUTHENTICATED : 0) | (v[74] & 4 ? WOAD_BOND_SECURE : 0);
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

/* The bond of a peer, of both kinds; false: the program has neither. */
static bool bond_load(const uint8_t key[BLE_KEY_LEN])
{
    struct woad_bond b = { .flags = 0 };
    uint8_t v[BLE_SECRET_LEN];
    bool ours = secret_get(BLE_SECRET_OUR, 0, key, BLE_KEY_LEN, v, sizeof v);
    if (ours) {
        bond_from(&b, v, true);
    }
    bool peers = secret_get(BLE_SECRET_PEER, 0, key, BLE_KEY_LEN, v, sizeof v);
    if (peers) {
        bond_from(&b, v, false);
    }
    if (!ours && !peers) {
        return false;
    }
    uint8_t more[BLE_MORE_MAX];
    struct woad_cccd cccd[BLE_MORE_CCCDS];
    more_from(&b, more, secret_read(BLE_SECRET_MORE, 0, key, BLE_KEY_LEN, more, sizeof more), cccd);
    return ble.host && woad_bond_add(ble.host, &b) == 0;
}

/* Ours, by which bonded peers know us again: the program's, else the file's, else a new one that
 * the program may keep. */
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

/* At active(True): all that the program knows by number. */
void ble_load_bonds(void)
{
    uint8_t v[BLE_SECRET_LEN];
    load_irk();
    for (unsigned n = 0;
         n < BLE_BOND_PLACES && secret_get(BLE_SECRET_PEER, n, NULL, 0, v, sizeof v); n++) {
        uint8_t key[BLE_KEY_LEN];
        memcpy(key, v, BLE_KEY_LEN);
        bond_load(key);
    }
}

/* The host's bonds go into the file that has been named just now, the one used last at its front,
 * before the host gets the file's: those of the same peers may be of an earlier pairing.  Bonded
 * peers resolve our address by the IRK that the host has: a file without bonds takes it. */
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

/* --- events ----------------------------------------------------------------------------------- */

void ble_on_security(const struct woad_event *ev)
{
    const struct woad_security *now = &ev->u.security.now;
    int status = ev->u.security.status;
    unsigned starts = ble.starts;
    if (status && ble_wants(IRQ_PAIR_FAILED)) {
        mp_obj_t why[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(status) };
        ble_invoke(IRQ_PAIR_FAILED, 2, why);
    }
    if (!ble_same(starts)) {
        return;
    }
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(now->encrypted),
                         MP_OBJ_NEW_SMALL_INT(now->authenticated),
                         MP_OBJ_NEW_SMALL_INT(now->bonded), MP_OBJ_NEW_SMALL_INT(now->key_size) };
    ble_invoke(IRQ_ENCRYPTION_UPDATE, 5, items);
}

void ble_on_passkey(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.passkey.action),
                         mp_obj_new_int_from_uint(ev->u.passkey.passkey) };
    ble_invoke(IRQ_PASSKEY_ACTION, 3, items);
}

/* As it is in the host: the event may have waited. */
static bool bond_now(const struct woad_addr *peer, struct woad_bond *b)
{
    for (uint16_t n = 0; ble.host && woad_bond_at(ble.host, n, b) == 0; n++) {
        if (b->peer.type == peer->type && memcmp(b->peer.octet, peer->octet, 6) == 0) {
            return true;
        }
    }
    return false;
}

static void bond_gone(const uint8_t key[BLE_KEY_LEN], bool more)
{
    secret_set(BLE_SECRET_OUR, key, BLE_KEY_LEN, NULL, 0);
    secret_set(BLE_SECRET_PEER, key, BLE_KEY_LEN, NULL, 0);
    if (more) {
        secret_set(BLE_SECRET_MORE, key, BLE_KEY_LEN, NULL, 0);
    }
}

/* What is kept is what the host has when it is kept: the event may have waited, and the handler of
 * the first secret may forget the bond. */
void ble_on_bond(const struct woad_event *ev)
{
    const struct woad_addr peer = ev->u.bond.bond->peer;
    enum woad_bond_change why = ev->u.bond.why;
    struct woad_bond bond;
    uint8_t key[BLE_KEY_LEN], v[BLE_MORE_MAX];
    secret_key(&peer, key);
    if (why == WOAD_BOND_GONE) {
        bond_gone(key, more_has(ev->u.bond.bond));
    } else if (why == WOAD_BOND_NEW) {
        for (unsigned type = BLE_SECRET_OUR; type <= BLE_SECRET_PEER && bond_now(&peer, &bond);
             type++) {
            secret_value(&bond, type == BLE_SECRET_OUR, v);
            secret_set(type, key, sizeof key, v, BLE_SECRET_LEN);
        }
    } else if (bond_now(&peer, &bond)) {
        size_t len = more_value(&bond, v);
        secret_set(BLE_SECRET_MORE, key, sizeof key, v, len);
    }
    memset(v, 0, sizeof v);
    memset(&bond, 0, sizeof bond);
}

/* Whether the program is still to hear that the bond is gone: what it has of it is no bond. */
static bool bond_going(const struct woad_addr *peer)
{
    uint8_t key[BLE_KEY_LEN], its[BLE_KEY_LEN];
    bool going = false;
    ble_obj_t *o = ble_object();
    struct ble_record *r = o ? ble_queue_first(o) : NULL;
    secret_key(peer, key);
    for (; r; r = ble_queue_next(o, r)) {
        if (r->ev.type == WOAD_EV_BOND) {
            secret_key(&r->ev.u.bond.bond->peer, its);
            going = memcmp(key, its, sizeof key) ? going : r->ev.u.bond.why == WOAD_BOND_GONE;
        }
    }
    return going;
}

void ble_on_bond_wanted(const struct woad_event *ev)
{
    uint8_t key[BLE_KEY_LEN];
    secret_key(&ev->u.bond_wanted.peer, key);
    if (!bond_going(&ev->u.bond_wanted.peer)) {
        bond_load(key);
    }
}

/* The program's word; without one, no. */
void ble_on_authorize(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn),
                         MP_OBJ_NEW_SMALL_INT(ev->u.authorize.handle),
                         mp_obj_new_bool(ev->u.authorize.write) };
    if (ble_wants(IRQ_GATTS_AUTHORIZE)) {
        *ev->u.authorize.allowed = ble_ask(IRQ_GATTS_AUTHORIZE, 3, items).number != 0;
    }
}

void ble_on_keypress(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn),
                         MP_OBJ_NEW_SMALL_INT(ev->u.keypress.what) };
    ble_invoke(IRQ_KEYPRESS, 2, items);
}

/* --- beyond upstream -------------------------------------------------------------------------- */

/* The host knows the bond no more, but the file still has it. */
static void store_raise(int err)
{
    ble_raise(err == WOAD_ENOENT ? 0 : err);
}

/* One peer's bond, or all: (addr_type, addr), or nothing. */
static mp_obj_t gap_unpair(size_t n_args, const mp_obj_t *args)
{
    struct woad_bond b;
    struct woad_addr peer;
    if (n_args > 1) {
        ble_addr_of(args[1], &peer);
    }
    struct woad *h = ble_active();
    if (n_args > 1) {
        uint8_t key[BLE_KEY_LEN];
        secret_key(&peer, key);
        bool more = bond_now(&peer, &b) && more_has(&b);
        int err = woad_bond_remove(h, &peer);
        bool ours = secret_set(BLE_SECRET_OUR, key, sizeof key, NULL, 0);
        bool peers = secret_set(BLE_SECRET_PEER, key, sizeof key, NULL, 0);
        if (more) {
            secret_set(BLE_SECRET_MORE, key, sizeof key, NULL, 0);
        }
        int stored = ble_port_store_remove(&peer);
        store_raise(stored);
        ble_raise(ours || peers || !stored ? 0 : err);
        return mp_const_none;
    }
    int stored = ble_port_store_remove(NULL);
    while (ble.host && woad_bond_at(ble.host, 0, &b) == 0) {
        struct woad_event ev = { .type = WOAD_EV_BOND, .conn = WOAD_NO_CONN };
        ev.u.bond.bond = &b;
        ev.u.bond.why = WOAD_BOND_GONE;
        woad_bond_remove(ble.host, &b.peer);
        ble_on_bond(&ev);
    }
    store_raise(stored);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_unpair_obj, 1, 2, gap_unpair);

static void buffer_exactly(mp_obj_t o, uint8_t *out, size_t len)
{
    mp_buffer_info_t buf;
    mp_get_buffer_raise(o, &buf, MP_BUFFER_READ);
    if (buf.len != len) {
        mp_raise_OSError(MP_EINVAL);
    }
    memcpy(out, buf.buf, len);
}

/* () -> (random, confirm): ours; (conn, random, confirm): the peer's; (conn, tk): legacy. */
static mp_obj_t gap_oob(size_t n_args, const mp_obj_t *args)
{
    struct woad_oob oob;
    uint16_t conn = n_args > 1 ? (uint16_t)mp_obj_get_int(args[1]) : WOAD_NO_CONN;
    struct woad *h = ble_active();
    if (n_args == 2) {
        mp_raise_OSError(MP_EINVAL);
    }
    if (n_args == 3) {
        uint8_t tk[16];
        buffer_exactly(args[2], tk, sizeof tk);
        ble_raise(woad_oob_set_legacy(h, conn, tk));
        return mp_const_none;
    }
    if (n_args == 4) {
        buffer_exactly(args[2], oob.random, sizeof oob.random);
        buffer_exactly(args[3], oob.confirm, sizeof oob.confirm);
        ble_raise(woad_oob_set(h, conn, &oob));
        return mp_const_none;
    }
    if (ble.in_host) {
        mp_raise_OSError(MP_EBUSY); /* there is no waiting in a handler */
    }
    ble.oob_made = false;
    ble_raise(woad_oob_make(h));
    ble_wait(&ble.oob_made);
    ble_raise(ble.oob_status);
    mp_obj_t items[] = { mp_obj_new_bytes(ble.oob.random, 16),
                         mp_obj_new_bytes(ble.oob.confirm, 16) };
    memset(&ble.oob, 0, sizeof ble.oob);
    return mp_obj_new_tuple(2, items);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_oob_obj, 1, 4, gap_oob);

static mp_obj_t gap_keypress(mp_obj_t self, mp_obj_t conn, mp_obj_t what)
{
    (void)self;
    mp_int_t key = mp_obj_get_int(what);
    uint16_t number = (uint16_t)mp_obj_get_int(conn);
    struct woad *h = ble_active();
    ble_raise(key < 0 || key > 0xff ? WOAD_EINVAL
                                    : woad_keypress(h, number, (enum woad_keypress)key));
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_gap_keypress_obj, gap_keypress);

/* ((addr_type, addr, authenticated, secure, key_size), …), the one used last first. */
static mp_obj_t gap_bonds(mp_obj_t self)
{
    struct woad *h = ble_active();
    mp_obj_t list = mp_obj_new_list(0, NULL);
    struct woad_bond b;
    (void)self;
    for (uint16_t n = 0; woad_bond_at(h, n, &b) == 0; n++) {
        uint8_t big[6];
        for (int i = 0; i < 6; i++) {
            big[i] = b.peer.octet[5 - i];
        }
        mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(b.peer.type & 1), mp_obj_new_bytes(big, 6),
                             mp_obj_new_bool(b.flags & WOAD_BOND_AUTHENTICATED),
                             mp_obj_new_bool(b.flags & WOAD_BOND_SECURE),
                             MP_OBJ_NEW_SMALL_INT(b.key_size) };
        mp_obj_list_append(list, mp_obj_new_tuple(5, items));
    }
    size_t n;
    mp_obj_t *items;
    mp_obj_get_array(list, &n, &items);
    return mp_obj_new_tuple(n, items);
}
MP_DEFINE_CONST_FUN_OBJ_1(ble_gap_bonds_obj, gap_bonds);
