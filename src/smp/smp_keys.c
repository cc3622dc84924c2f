/* The end of a pairing: encryption, and the exchange of keys under it.  Also encryption with the
 * key of a bond.  Called as steps (smp_steps.c), by HCI events, and for the HCI commands that carry
 * keys.  Vol 3, Part H, 2.4, 3.6; Vol 4, Part E, 7.7.8, 7.7.39, 7.8.24, 7.8.25
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   p: a pairing (smp.h)
 *   s: a connection's security (smp.h)
 *   acl_abandon(): drops the frame of this connection that is partly sent
 *   addr_copy(): copies an address with its type
 *   all_mark_ready(): woad_tx() polls all connections, and the features for HCI commands
 *   att_check_tx_done(): raises WOAD_EV_TX_DONE, if it is wanted and everything has left
 *   attempts_passed(): forgets the peer's failures, with WOAD_EV_ATTEMPTS
 *   awaits: HCI events that must follow: bits of woad_link_item, and AWAITS_…; see conn_watch()
 *   AWAITS_ENCRYPTION: bit of conn.awaits: the controller is to encrypt
 *   bond_bits: what a bond has: key_size (0: no bond), flags, which keys
 *   bond_emit(): raises WOAD_EV_BOND
 *   bond_emit_slot(): raises WOAD_EV_BOND about a bond in memory
 *   bond_fetch(): the peer's bond; may raise WOAD_EV_BOND_WANTED to get it from the application
 *   bond_fetch_of(): the bond with the peer; raises WOAD_EV_BOND_WANTED if it is not in memory;
 *       NULL: none
 *   bond_find(): the peer's bond in memory; NULL: none
 *   bond_legacy(): the bond's data of legacy pairing; NULL: none
 *   bond_lru_first(): the bond used last; NULL: none
 *   bond_put(): stores a bond in the place of the peer's, or of others; NULL: not kept
 *   bond_slot: a bond takes one, and more for data of legacy pairing and of signed writes
 *   bond_stronger(): a key of this strength may not replace the bond
 *   bond_touch(): the bond is in use: it is the last that gives way to others
 *   bonding: both sides want the keys to be kept
 *   coc_role: credit-based channels, as L2CAP calls them; NULL: not linked
 *   conn: a connection's number in the public interface
 *   conn_arrived(): an awaited HCI event has arrived, or is not awaited any more
 *   conn_event: a row of a feature's table of HCI events about one connection
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   conns_end: of the host: the end of its connections' slots
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   discard_encryption: a failed pairing's encryption is under way: its success does not count
 *   encryption_pending(): the HCI command for encryption has been sent; Encryption Change follows
 *   EVT_ENCRYPTION_CHANGE: EVT_…: codes of HCI events: hci.h
 *   from_bond: the connection's key is a bond's, else the pairing's
 *   gatt_bonds: the server's functions for bonded clients: gatt_bonded.c; NULL: no Security Manager
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_restore_client(): takes over what the bond says of the client: CCCDs, features, database
 *   gatts_save_client(): the server's state of a client; its `cccd` points into the connection's
 *   get_le16(): 16 bits at any address, little endian
 *   hci: of the host: HCI's flow control and what the controller has said: core/host.h
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   in_tx: woad_tx() is on the call stack
 *   key_command_due: the HCI command that starts or answers encryption is to be sent
 *   KEY_OF_PAIRING: the key is the pairing's; KEY_OF_BOND: the bond's
 *   keys_to_receive: key PDUs that remain to be received, a bit each
 *   keys_to_send: key PDUs that remain to be sent, a bit each
 *   KIND_SHIFT: of a random address: its kind is in the two top bits (NRPA, RPA, STATIC)
 *   last_rpa: the private address that the peer was seen with last
 *   link_flags: WOAD_BOND_… of the key that was given to the controller last
 *   link_key_size: octets of the key that was given to the controller last
 *   link_request_encryption(): starts encryption with the pairing's key, or the bond's
 *   MAY_FETCH: WOAD_EV_BOND_WANTED may be raised; IN_MEMORY: not
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   OF_PAIRING: the bond is a new pairing's
 *   OP_LE_ENABLE_ENCRYPTION: OP_…: opcodes of HCI commands: hci.h
 *   packets_in_controller: ACL packets sent that the controller has not completed
 *   pdu_to_send: code of the PDU to be sent; 0: none
 *   peer_air: address of the peer when the connection was opened
 *   pending_arg: set with an HCI command, for its answer: a connection's number, or the like
 *   rd_copy(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   rpa_identity(): our identity address
 *   same(): compares in constant time
 *   security_lowered: hook: the connection has less security than before
 *   security_request_due: a Security Request is to be sent
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   smp_active_pairing(): the connection's pairing; NULL: none runs
 *   SMP_CENTRAL_ID: SMP_…: codes of PDUs.  Vol 3, Part H, 3.3
 *   smp_conn: a connection's security beside its pairing: smp.h
 *   smp_emit_security(): raises WOAD_EV_SECURITY; then the client and the channels go on
 *   smp_ended(): ends a pairing or a Security Request, with WOAD_EV_SECURITY
 *   smp_free_pairing(): wipes and frees the connection's pairing, without an event
 *   smp_random(): random octets: 0, CRYPTO_PENDING, or a WOAD_E…
 *   smp_run(): does the pairing's steps until one blocks
 *   STATUS: the HCI event has a status field
 *   STEP_BLOCKED: a step's result: it is not done, and is called again
 *   step_deadline: deadline of a step that has its own; 0: none
 *   STEP_ENCRYPT: STEP_…: steps of a pairing: enum step, smp.h
 *   stk: the key of legacy pairing, with which it encrypts
 *   stored_only: after bond_fetch(): of a bond that the store has and that does not fit; key_size
 *       0: none
 *   timer: deadline of the Security Manager timer, 30 s; 0: it does not run
 *   tx_left: octets of the frame being sent that are in no packet yet
 *   want_ltk_reply: the negative reply to Long Term Key Request is to be sent
 *   wipe(): zeros octets, and the compiler does not remove that
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   zeros(): all octets are 0 */
#include <woad/hci.h>

#include "../core/address.h"
#include "../core/clock.h"
#include "../core/ready.h"
#include "../gatt_server/gatt_server.h"
#include "../hci/numbers.h"
#include "../l2cap/l2cap.h"
#include "smp.h"

/* Clears the most significant octets, the last ones, of a key that is shorter than 16
 * octets.  2.3.4
 */
void key_cut(uint8_t key[16], uint8_t size)
{
    memset(key + size, 0, (size_t)(16 - size));
}

#define KEY_AT(field) offsetof(struct woad_bond, field)

/* --- keys that we send ------------------------------------------------------------------------ */

/* Step: sends our keys, one PDU at a time, in the order of their codes. */
int keys_send(struct pairing *p)
{
    struct woad *h = p->c->h;
    int err = 0;
    if (!p->keys_to_send) {
        return 0;
    }
    uint8_t code = SMP_LTK;
    while (!(p->keys_to_send >> code & 1)) {
        code++;
    }
    if (code == SMP_LTK) {
        uint8_t octets[16 + 8]; /* one draw: of two, the first would be repeated whenever the second
                                 * is pending */
        err = smp_random(h, octets, sizeof octets);
        memcpy(p->bond.own_ltk, octets, 16);
        memcpy(p->bond.own_rand, octets + 16, 8);
        wipe(octets, sizeof octets);
        key_cut(p->bond.own_ltk, p->key_size);
        /* carries no information: keys are found by Rand */
        p->bond.own_ediv = (uint16_t)(p->bond.own_rand[0] * 0x101);
        p->bond.has_own_ltk = !err; /* else the octets are not random yet */
    } else if (code == SMP_CSRK) {
        err = smp_random(h, p->bond.own_csrk, 16);
        p->bond.has_own_csrk = true;
    }
    if (err) {
        return err;
    }
    p->pdu_to_send = code;
    return STEP_BLOCKED; /* the step runs again when the PDU has been sent */
}

/* SMP_ENCRYPTION_INFORMATION: LTK 16.  SMP_CENTRAL_IDENTIFICATION: EDIV u16, Rand 8.
 * SMP_IDENTITY_INFORMATION: IRK 16.  SMP_IDENTITY_ADDRESS_INFORMATION: type u8, address 6.
 * SMP_SIGNING_INFORMATION: CSRK 16.  3.6.2 to 3.6.6.  Offsets in struct woad_bond of our key and of
 * the peer's. */
static const struct {
    uint8_t at[2], len;
} keys[] = {
    [SMP_LTK - SMP_LTK] = { { KEY_AT(own_ltk), KEY_AT(peer_ltk) }, 16 },
    [SMP_CENTRAL_ID - SMP_LTK] = { { KEY_AT(own_ediv), KEY_AT(peer_ediv) }, 2 + 8 },
    [SMP_IRK - SMP_LTK] = { { 0, KEY_AT(irk) }, 16 },
    [SMP_CSRK - SMP_LTK] = { { KEY_AT(own_csrk), KEY_AT(csrk) }, 16 },
};

/* Where the bond of the pairing has the key of a key PDU: ours, or the peer's.  Not for
 * SMP_IDENTITY, which has no row. */
enum { OWN_KEY, PEER_KEY };
static uint8_t *key_of(struct pairing *p, uint8_t code, unsigned side)
{
    return (uint8_t *)&p->bond + keys[code - SMP_LTK].at[side];
}

/* Writes the parameters of one of our key PDUs. */
void keys_write(struct pairing *p, uint8_t code, struct wr *out)
{
    struct woad *h = p->c->h;
    p->keys_to_send &= (uint16_t) ~(1u << code);
    if (code == SMP_IDENTITY) {
        struct woad_addr own;
        rpa_identity(h, &own);
        wr_bytes(out, &own, sizeof own);
    } else if (code == SMP_IRK) {
        wr_bytes(out, h->smp->irk, 16);
    } else {
        wr_bytes(out, key_of(p, code, OWN_KEY), keys[code - SMP_LTK].len);
    }
}

/* --- keys that the peer sends ----------------------------------------------------------------- */

/* Step: blocks until all keys that the peer has agreed to send are there. */
int keys_await(struct pairing *p)
{
    if (p->keys_to_receive) {
        return STEP_BLOCKED;
    }
    return 0;
}

/* Step: waits until the controller has acknowledged the last key PDUs, because an application that
 * disconnects on WOAD_EV_SECURITY would otherwise drop them.  Gives up after LIMIT_MS, because
 * other traffic may keep the buffers busy.  Also waits while a central refreshes the encryption
 * with the pairing's key. */
int keys_flush(struct pairing *p)
{
    struct woad *h = p->c->h;
    const struct smp_conn *s = p->c->smp;
    enum { LIMIT_MS = 500 };
    if (s->key_command_due || encryption_pending(p->c)) {
        p->step_deadline = 0;
        return STEP_BLOCKED;
    }
    if (!p->step_deadline) {
        p->step_deadline = deadline_in(h, LIMIT_MS);
    }
    bool sent = !h->in_tx && !p->c->packets_in_controller && !p->c->tx_left;
    if (sent || deadline_left(h, p->step_deadline) == 0) {
        return 0;
    }
    return STEP_BLOCKED;
}

/* The next key PDU must be the one of the lowest code that remains.  3.6.1 */
bool keys_expects(const struct pairing *p, uint8_t code)
{
    return (p->keys_to_receive & ((2u << code) - 1)) == 1u << code;
}

/* `reason` if `peer` has a bond that is stronger than this pairing's key, and so must not be
 * replaced; else 0.  May raise WOAD_EV_BOND_WANTED; STEP_BLOCKED: the pairing has ended in it. */
int keys_check_bond(const struct pairing *p, const struct woad_addr *peer, int reason)
{
    const struct conn *c = p->c;
    const struct bond_slot *slot = bond_fetch_of(c, peer);
    if (c->smp->pairing != p) {
        return STEP_BLOCKED;
    }
    if (bond_stronger(slot ? &slot->bits : &c->h->smp->stored_only, p->flags, p->key_size)) {
        return reason;
    }
    return 0;
}

/* An identity address is public or static random. */
static bool is_identity(const struct woad_addr *a)
{
    return !a->type || (a->type == WOAD_ADDR_RANDOM && a->octet[5] >> KIND_SHIFT == STATIC);
}

/* The peer's identity address.  It must be public or static, and have no stronger bond, which this
 * pairing would replace.  It counts only if the peer uses a private address now; otherwise the peer
 * is known by the address it uses, whatever it claims.  Zeros are no address.  0 or a reason. */
static int rx_identity(struct pairing *p, struct rd *in)
{
    struct woad_addr peer;
    rd_copy(in, &peer, sizeof peer);
    if (!is_identity(&peer)) {
        return WOAD_SMP_INVALID_PARAMETERS;
    }
    p->bond.has_irk = true;
    if (!is_identity(&p->bond.peer) && !zeros(peer.octet, sizeof peer.octet)) {
        int err = keys_check_bond(p, &peer, WOAD_SMP_KEY_REJECTED);
        if (err) {
            return err;
        }
        addr_copy(&p->bond.peer, &peer);
    }
    return 0;
}

/* A key PDU of the peer, in its turn.  0 or a reason. */
int keys_rx(struct pairing *p, uint8_t code, struct rd *in)
{
    p->keys_to_receive &= (uint16_t) ~(1u << code);
    if (code == SMP_IDENTITY) {
        return rx_identity(p, in);
    }
    rd_copy(in, key_of(p, code, PEER_KEY), keys[code - SMP_LTK].len);
    if (code == SMP_LTK) {
        key_cut(p->bond.peer_ltk, p->key_size);
    } else if (code == SMP_CENTRAL_ID) {
        p->bond.peer_ediv = get_le16(key_of(p, code, PEER_KEY));
        p->bond.has_peer_ltk = !zeros(p->bond.peer_ltk, 16);
    } else if (code == SMP_CSRK) {
        p->bond.has_csrk = true;
    }
    return 0;
}

/* Step: both sides have all keys.  Keeps the bond before any event, then raises WOAD_EV_SECURITY
 * and WOAD_EV_BOND.  Fails if a stronger bond of this peer has appeared meanwhile. */
int keys_done(struct pairing *p)
{
    struct conn *c = p->c;
    struct woad *h = c->h;
    int err = keys_check_bond(p, &p->bond.peer, WOAD_SMP_KEY_REJECTED);
    if (err) {
        return err;
    }
    if (p->flags & WOAD_BOND_AUTHENTICATED) {
        attempts_passed(h, &c->peer); /* Just Works proves no secret, so it ends no wait */
    }
    struct woad_bond bond = p->bond;
    bool bonds = p->bonding;
    if (p->secure) {
        bond.has_own_ltk = bond.has_peer_ltk = true;
    }
    smp_free_pairing(c);
    addr_copy(&c->peer, &bond.peer); /* its identity, if the peer has sent it */
    if (bonds) {
        if (h->gatts) {
            gatts_save_client(c, &bond);
        }
        struct bond_slot *slot = bond_put(h, &bond, OF_PAIRING);
        if (slot && c->peer_air.type == WOAD_ADDR_RANDOM) {
            memcpy(slot->last_rpa, c->peer_air.octet, sizeof slot->last_rpa);
        }
        bonds = slot || !bond_lru_first(h); /* false: WOAD_BOND_GONE has been raised */
    }
    c->security.bonded = bonds;
    uint16_t conn = c->number;
    smp_emit_security(c, 0);
    if (c->security.bonded) { /* the application has not removed it in the event */
        const struct bond_slot *kept = bond_find(h, &bond.peer);
        if (kept) {
            bond_emit_slot(h, conn, kept, WOAD_BOND_NEW);
        } else {
            bond_emit(h, conn, &bond, WOAD_BOND_NEW);
        }
    }
    wipe(&bond, sizeof bond);
    return 0;
}

/* --- encryption ------------------------------------------------------------------------------- */

/* Whether both sides have proved that they know the pairing's key, so that it may encrypt.  A
 * central may also refresh the encryption while keys are exchanged. */
static bool key_is_agreed(const struct pairing *p)
{
    uint8_t step = p->steps[p->step];
    return step >= STEP_ENCRYPT && step <= STEP_FLUSH && !(step == STEP_ENCRYPT && p->pdu_to_send);
}

/* The peer asks for encryption.  Uses the key of the running pairing, or the LTK that this pairing
 * has just sent; without a pairing, the bond's key that EDIV and Rand name (`numbered`).  They are
 * zeros for the key of LE Secure Connections and for the STK.  False: no key. */
bool smp_key_request(struct conn *c, const uint8_t rand[8], uint16_t ediv)
{
    struct pairing *p = smp_active_pairing(c);
    const struct bond_slot *slot = NULL;
    const struct bond_legacy *l = NULL;
    if (!p) {
        slot = bond_fetch(c);
        if (!slot || !slot->bits.has_own_ltk) {
            return false;
        }
        l = bond_legacy(c->h, slot);
    } else if (!key_is_agreed(p)) {
        return false;
    } else if (p->bond.has_own_ltk) {
        l = (const void *)&p->bond.own_ediv; /* laid out as a struct bond_legacy */
    }
    bool numbered = l && ediv == l->own_ediv && same(rand, l->own_rand, 8);
    if (!numbered && ((slot && l) || ediv || !zeros(rand, 8))) {
        return false;
    }
    if (slot) {
        link_request_encryption(c, KEY_OF_BOND);
        return true;
    }
    if (numbered) {
        memcpy(p->stk, p->bond.own_ltk, sizeof p->stk);
    }
    link_request_encryption(c, KEY_OF_PAIRING);
    return true;
}

/* Whether the bond with the peer has the key for this side's role.  With MAY_FETCH, a bond counts
 * that only the application's store has: smp->stored_only has its bits. */
bool smp_has_key(const struct conn *c, bool fetch)
{
    const struct bond_slot *slot;
    if (fetch) {
        slot = bond_fetch(c);
    } else {
        slot = bond_find(c->h, &c->peer);
    }
    const struct bond_bits *is = slot ? &slot->bits : &c->h->smp->stored_only;
    return (slot || fetch) && is->key_size && (c->central ? is->has_peer_ltk : is->has_own_ltk);
}

/* Writes the command's parameters: handle and key, from the pairing or the bond, as it is now: the
 * link's strength is noted here.  False: the bond has been removed since the command was requested.
 * Then a central gets WOAD_EV_SECURITY, and a peripheral replies negatively. */
static bool link_write_key(struct conn *c, bool central, struct wr *out)
{
    bool bonded = c->smp->from_bond;
    const struct pairing *p = NULL;
    if (!bonded) {
        p = smp_active_pairing(c);
    }
    const struct bond_slot *slot = NULL;
    if (bonded && smp_has_key(c, MAY_FETCH)) {
        slot = bond_find(c->h, &c->peer);
    }
    if (!p && !slot) {
        c->want_ltk_reply = !central; /* none */
        if (central) {
            smp_emit_security(c, WOAD_SECURITY_HCI | WOAD_HCI_KEY_MISSING);
        }
        /* procedures that wait for encryption; the core, for the negative reply */
        all_mark_ready(c->h);
        return false;
    }
    const struct bond_legacy *l = NULL;
    const uint8_t *key;
    unsigned size, flags;
    if (slot) {
        key = slot->ltk;
        size = slot->bits.key_size;
        flags = slot->bits.flags;
        if (central) {
            l = bond_legacy(c->h, slot);
        }
    } else {
        key = p->stk;
        size = p->key_size;
        flags = p->flags;
        if (p->secure) {
            key = p->bond.own_ltk;
        }
    }
    c->smp->link_key_size = (uint8_t)size;
    c->smp->link_flags = (uint8_t)flags;
    wr_le16(out, c->handle);
    if (l) {
        key = l->peer_ltk;
        wr_bytes(out, l->peer_rand, 8);
        wr_le16(out, l->peer_ediv);
    } else if (central) {
        wr_zero(out, 10);
    }
    wr_bytes(out, key, 16);
    return true;
}

/* HCI_LE_Enable_Encryption: handle u16, random 8, diversifier u16, key 16.  7.8.24
 * HCI_LE_Long_Term_Key_Request_Reply: handle u16, key 16.  7.8.25 */
uint16_t smp_command(struct woad *h, struct wr *params)
{
    for (struct conn *c = h->conns; h->state == HOST_UP && c < h->conns_end; c++) {
        struct smp_conn *s = c->smp;
        bool central = c->central;
        if (c->state != CONN_OPEN || !s->key_command_due ||
            (central && encryption_pending(c))) { /* after a failed pairing: its Encryption Change
                                                   * comes first */
            continue;
        }
        s->key_command_due = false;
        if (!link_write_key(c, central, params)) {
            continue;
        }
        h->hci.pending_arg = c->number;
        c->awaits |= AWAITS_ENCRYPTION;
        if (central) {
            return OP_LE_ENABLE_ENCRYPTION;
        }
        return OP_LE_LTK_REPLY;
    }
    return 0;
}

/* The connection's security has changed: drops queued values, and closes channels, that need more.
 */
static void link_security_changed(struct conn *c)
{
    struct woad *h = c->h;
    if (h->gatts) {
        h->gatt_bonds->security_lowered(c, 0, 0);
    }
    if (h->coc_role) {
        h->coc_role->security_lowered(c);
    }
}

/* The connection is not encrypted any more: nothing more is sent of a frame that began under
 * encryption.  A controller should disconnect when it can't refresh the encryption; not all do. Vol
 * 4, Part E, 7.8.24 */
static void link_security_lowered(struct conn *c)
{
    if (c->security.encrypted) {
        acl_abandon(c);
    }
    memset(&c->security, 0, sizeof c->security);
    link_security_changed(c);
    att_check_tx_done(c);
}

/* The pairing's key encrypts: the pairing goes on behind STEP_ENCRYPT.  During the key exchange it
 * is a refresh, and changes nothing. */
static void link_continue_pairing(struct conn *c)
{
    struct pairing *p = smp_active_pairing(c);
    if (p) {
        p->step = (uint8_t)(p->step + (p->steps[p->step] == STEP_ENCRYPT));
        smp_run(c);
    }
}

/* The outcome of the command for encryption has arrived.  True: it was for a pairing that has
 * failed meanwhile, and nothing else is to be done: the pairing's end has been reported already. */
static bool link_discarded(struct conn *c)
{
    bool discard = c->smp->discard_encryption;
    conn_arrived(c, AWAITS_ENCRYPTION);
    c->smp->discard_encryption = false;
    if (discard) {
        link_security_lowered(c);
        smp_run(c);
    }
    return discard;
}

/* Encryption has failed or ended, with this HCI status. */
static void link_failed(struct conn *c, uint8_t status)
{
    if (link_discarded(c)) {
        return;
    }
    link_security_lowered(c);
    if (c->smp->timer) {
        smp_ended(c, WOAD_SECURITY_HCI | status);
    } else {
        smp_emit_security(c, WOAD_SECURITY_HCI | status);
    }
}

/* Encryption has begun, or been refreshed.  Sets c->security and raises WOAD_EV_SECURITY, unless
 * the pairing goes on and will do so.  Ignored without a key from this host. */
static void link_encrypted(struct conn *c)
{
    struct woad *h = c->h;
    struct smp_conn *s = c->smp;
    if (!encryption_pending(c) || link_discarded(c)) {
        return;
    }
    bool resumed = c->security.bonded;
    c->security.encrypted = true;
    c->security.authenticated = s->link_flags & WOAD_BOND_AUTHENTICATED;
    c->security.bonded = false;
    c->security.secure = s->link_flags & WOAD_BOND_SECURE;
    c->security.key_size = s->link_key_size;
    link_security_changed(c);
    if (!s->from_bond) {
        link_continue_pairing(c);
        return;
    }
    if (!smp_active_pairing(c)) { /* it answers our Security Request */
        s->security_request_due = false;
        s->timer = 0;
    }
    struct bond_slot *slot = bond_fetch(c);
    c->security.bonded = slot; /* the bond may have been removed since */
    if (slot) {
        bond_touch(h, slot);
    }
    smp_emit_security(c, 0);
    slot = bond_find(h, &c->peer);      /* the application may have removed it in the event */
    if (slot && h->gatts && !resumed) { /* not for a refresh */
        gatts_restore_client(c, slot->bits.client_features, slot->database, slot->cccd);
    }
}

/* A refused command ends the encryption; Encryption Change follows an accepted one. */
void smp_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct conn *c = conn_of(h, h->hci.pending_arg);
    (void)opcode; /* Enable Encryption or Long Term Key Request Reply */
    (void)ret;
    if (status && c) {
        link_failed(c, status);
    }
}

/* HCI_Encryption_Change: status u8, handle u16, on u8.  7.7.8
 * HCI_Encryption_Key_Refresh_Complete: status u8, handle u16.  7.7.39 */
static void link_rx(struct conn *c, uint8_t status, struct rd *in)
{
    bool on = !rd_left(in) || rd_u8(in) == 1;
    if (!status && on) {
        link_encrypted(c);
    } else {
        link_failed(c, status);
    }
}

/* Columns: event code, whether it has a status, octets of all parameters, function. */
const struct conn_event smp_events[] = { { EVT_ENCRYPTION_CHANGE, STATUS, 4, link_rx },
                                         { EVT_KEY_REFRESH, STATUS, 3, link_rx },
                                         { 0 } };
