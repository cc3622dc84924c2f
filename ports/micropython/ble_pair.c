/* Pairing: methods and events.  ble_secret.c has the bonds that programs keep.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_active(): the host; raises ENODEV if there is none; called after a method's arguments
 *       are converted
 *   ble_addr_of(): reads (addr_type, addr); raises ValueError
 *   ble_arg_conn(): a connection's number from an argument
 *   ble_ask(): calls the program's handler for an event with a return value
 *   ble_bond_in_host(): copies the host's bond of a peer; false: it has none
 *   ble_deliver_bond(): delivers a bond's event, or queues it if the program has no room
 *   ble_flush(): moves what the host has to send to the controller; may raise events, and find
 *       that it has failed
 *   ble_invoke(): calls the program's handler
 *   BLE_KEY_LEN: octets of a secret's key: the peer's address with its type
 *   BLE_KEYS_ONLY: not the secret with counters and subscriptions, too
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_pairing: what config() has set about pairing; `secure`: le_secure, -1: not set
 *   ble_port_schedule(): the scheduler runs ble_run() soon
 *   ble_port_store_remove(): removes a bond from the file, NULL: all; WOAD_ENOENT: there was
 *       none
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_secret_key(): writes a secret's key
 *   ble_secrets_make_room(): runs scheduled functions, until it can; may run the program
 *   ble_secrets_remove(): has the program forget a bond; true: it had one
 *   ble_still_on(): false: the handler has called active(False) meanwhile
 *   ble_wait(): moves packets until a flag is set, events being queued; raises ETIMEDOUT
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module,
 *       with NimBLE) does not have
 *   handler_failed: the handler raised an exception and was removed
 *   in_host: > 0: an event is being raised inside the host, which cannot be entered again
 *   number: `returned` as a number, or its truth for yes-or-no events; else 0
 *   oob_made: the out-of-band data of this start are there
 *   oob_status: how the making of out-of-band data has ended
 *   start_count: number of this start of the host: ble_still_on() compares it */
#include "ble.h"

struct ble_pairing ble_pairing;

/* Programs rely on these defaults: the strongest method that the peer can do.  le_secure=True
 * refuses legacy pairing, le_secure=False prefers it. */
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

/* gap_pair(conn_handle); the result is IRQ_ENCRYPTION_UPDATE. */
static mp_obj_t gap_pair(mp_obj_t self, mp_obj_t conn)
{
    (void)self;
    uint16_t number = ble_arg_conn(conn);
    ble_raise(woad_pair(ble_active(), number));
    ble_flush();
    ble_port_schedule(); /* the request may have to wait, with no packet to wake the scheduler */
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gap_pair_obj, gap_pair);

/* gap_passkey(conn_handle, action, passkey): the answer to IRQ_PASSKEY_ACTION. */
static mp_obj_t gap_passkey(size_t n_args, const mp_obj_t *args)
{
    (void)n_args;
    uint16_t conn = ble_arg_conn(args[1]);
    mp_int_t action = mp_obj_get_int(args[2]), passkey = mp_obj_get_int(args[3]);
    struct woad *h = ble_active();
    if (passkey < 0 || passkey > 999999 || action < 0 || action > 0xff) {
        BLE_REFUSE(MP_EINVAL, "a passkey is 0 to 999999, an action 0 to 255");
    }
    if (action == WOAD_PASSKEY_COMPARE) {
        passkey = passkey != 0;
    }
    ble_raise(woad_passkey(h, conn, (enum woad_passkey_action)action, (uint32_t)passkey));
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_passkey_obj, 4, 4, gap_passkey);

/* --- events ----------------------------------------------------------------------------------- */

/* IRQ_ENCRYPTION_UPDATE; before it, where the program has enabled it, why a pairing failed. */
void ble_on_security(const struct woad_event *ev)
{
    const struct woad_security *now = &ev->u.security.now;
    int status = ev->u.security.status;
    unsigned start = ble.start_count;
    if (status && ble_wants(IRQ_PAIR_FAILED)) {
        mp_obj_t reason[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(status) };
        ble_invoke(IRQ_PAIR_FAILED, 2, reason);
    }
    if (!ble_still_on(start)) {
        return;
    }
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(now->encrypted),
                         MP_OBJ_NEW_SMALL_INT(now->authenticated),
                         MP_OBJ_NEW_SMALL_INT(now->bonded), MP_OBJ_NEW_SMALL_INT(now->key_size) };
    ble_invoke(IRQ_ENCRYPTION_UPDATE, 5, items);
}

/* (conn_handle, action, passkey) */
void ble_on_passkey(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.passkey.action),
                         mp_obj_new_int_from_uint(ev->u.passkey.passkey) };
    ble_invoke(IRQ_PASSKEY_ACTION, 3, items);
}

/* Refused, unless the handler returns a true value. */
void ble_on_authorize(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn),
                         MP_OBJ_NEW_SMALL_INT(ev->u.authorize.handle),
                         mp_obj_new_bool(ev->u.authorize.write) };
    if (ble_wants(IRQ_GATTS_AUTHORIZE)) {
        *ev->u.authorize.allowed = ble_ask(IRQ_GATTS_AUTHORIZE, 3, items).number != 0;
    }
}

/* (conn_handle, what) */
void ble_on_keypress(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn),
                         MP_OBJ_NEW_SMALL_INT(ev->u.keypress.what) };
    ble_invoke(IRQ_KEYPRESS, 2, items);
}

/* --- beyond upstream -------------------------------------------------------------------------- */

/* Raises an error of the file: the host has removed the bond, the file still has it.  That the file
 * had no such bond is none. */
static void store_raise(int err)
{
    ble_raise(err == WOAD_ENOENT ? 0 : err);
}

/* Removes the bond from the host, and has the program remove its secrets. */
static int unpair_bond(struct woad *h, struct woad_bond *b)
{
    struct woad_event ev = { .type = WOAD_EV_BOND, .conn = WOAD_NO_CONN };
    ev.u.bond.bond = b;
    ev.u.bond.change = WOAD_BOND_GONE;
    int err = woad_bond_remove(h, &b->peer);
    ble_deliver_bond(&ev);
    return err;
}

/* The program may have secrets of a peer that the host does not know.  WOAD_ENOENT: it has none. */
static int unpair_peer(struct woad *h, const struct woad_addr *peer)
{
    struct woad_bond b;
    uint8_t key[BLE_KEY_LEN];
    if (ble_bond_in_host(peer, &b)) {
        return unpair_bond(h, &b);
    }
    ble_secret_key(peer, key);
    return ble_secrets_remove(key, BLE_KEYS_ONLY) ? 0 : WOAD_ENOENT;
}

/* Functions that the handler schedules run between two bonds, and may change them. */
static void unpair_all(void)
{
    struct woad_bond b;
    for (;;) {
        ble_secrets_make_room();
        if (!ble.host || woad_bond_at(ble.host, 0, &b)) {
            return;
        }
        unpair_bond(ble.host, &b);
    }
}

/* gap_unpair((addr_type, addr)) removes one bond, gap_unpair() all. */
static mp_obj_t gap_unpair(size_t n_args, const mp_obj_t *args)
{
    const ble_obj_t *o = ble_object();
    struct woad_addr peer;
    int err = 0, stored;
    if (n_args > 1) {
        ble_addr_of(args[1], &peer);
    }
    ble_active();
    ble_secrets_make_room();
    struct woad *h = ble_active();
    bool failed_before = o->handler_failed;
    if (n_args > 1) {
        err = unpair_peer(h, &peer);
        stored = ble_port_store_remove(&peer);
    } else {
        unpair_all(); /* first: meanwhile the host may write a bond to the file again */
        stored = ble_port_store_remove(NULL);
    }
    ble_flush();
    store_raise(stored);
    if (o->handler_failed && !failed_before) {
        mp_raise_OSError(MP_EIO); /* the program has not removed all secrets */
    }
    ble_raise(stored ? err : 0); /* ENOENT: neither the host nor the program nor the file had it */
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gap_unpair_obj, 1, 2, gap_unpair);

/* Copies a buffer of `len` octets; raises EINVAL for another length. */
static void buffer_exactly(mp_obj_t o, uint8_t *out, size_t len)
{
    mp_buffer_info_t buf;
    mp_get_buffer_raise(o, &buf, MP_BUFFER_READ);
    if (buf.len != len) {
        BLE_REFUSE(MP_EINVAL, "the object has another length");
    }
    memcpy(out, buf.buf, len);
}

/* () -> (random, confirm): ours; (conn, random, confirm): the peer's; (conn, tk): legacy. */
static mp_obj_t gap_oob(size_t n_args, const mp_obj_t *args)
{
    struct woad_oob oob;
    uint16_t conn = n_args > 1 ? ble_arg_conn(args[1]) : WOAD_NO_CONN;
    struct woad *h = ble_active();
    if (n_args == 2) {
        BLE_REFUSE(MP_EINVAL, "out-of-band data are missing");
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
        BLE_REFUSE(MP_EBUSY, "a handler cannot wait for the result");
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

/* gap_keypress(conn_handle, what): tells the peer that the user has pressed a key. */
static mp_obj_t gap_keypress(mp_obj_t self, mp_obj_t conn, mp_obj_t what)
{
    (void)self;
    mp_int_t key = mp_obj_get_int(what);
    uint16_t number = ble_arg_conn(conn);
    struct woad *h = ble_active();
    ble_raise(key < 0 || key > 0xff ? WOAD_EINVAL
                                    : woad_keypress(h, number, (enum woad_keypress)key));
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_gap_keypress_obj, gap_keypress);

/* gap_bonds() -> ((addr_type, addr, authenticated, secure, key_size), …), last used first. */
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
