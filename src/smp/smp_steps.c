/* The steps of a pairing: choice of the method, keys and check values, the user's part, and the
 * PDUs' contents.  Vol 3, Part H, 2.3.5
 *
 * A list of steps is octets: SEND | code or AWAIT | code for a PDU, else a STEP_… of smp.h.
 * p->steps is the list, p->step the index of the step that is being done.  smp_run() (smp.c) does
 * one after the other.  A step function returns 0: done, and smp_run() advances p->step unless the
 * step has changed it; STEP_BLOCKED: do it again when something has changed; or > 0, an
 * SMP reason: the pairing fails with it.
 *
 * Names of other files:
 *   p: a pairing (smp.h)
 *   r: of a side: passkey or out-of-band random, for f6; of ours in legacy pairing: TK
 *   addr_copy(): copies an address with its type
 *   att_signed: sign_server.c's handler of signed writes; NULL: not linked
 *   attempts_wait(): the peer has failed to pair too often, and must wait
 *   AUTH_BOND: AUTH_…: bits of AuthReq
 *   AWAIT: a step that waits for the PDU of this code
 *   bonding: both sides want the keys to be kept
 *   by_method: lists of steps by enum woad_method; [0]: legacy pairing
 *   cfg: the config that the application gave to woad_init()
 *   conn_index(): index of a connection in the arrays that have an element for each
 *   crypto_role: cryptography by the controller: hci_crypto.c; NULL: not linked
 *   dhkey: of a pairing: the shared secret
 *   DIST_LTK: DIST_…: bits of the keys that a side distributes
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   encryption_pending(): the HCI command for encryption has been sent; Encryption Change follows
 *   has_oob: the pairing has LE Secure Connections' data from out of band
 *   has_tk: the pairing has a TK from out of band
 *   INITIATOR: index in p->side: the central
 *   key_cut(): clears the octets that a key of this size does not have
 *   KEY_OF_PAIRING: the key is the pairing's; KEY_OF_BOND: the bond's
 *   keys_await(): waits for the peer's keys
 *   keys_check_bond(): the peer has a bond that this pairing may not replace; may raise events
 *   keys_done(): all keys are there: the pairing ends
 *   keys_flush(): waits until the key PDUs are acknowledged
 *   keys_rx(): reads a key PDU of the peer into p->bond: 0 or a reason
 *   keys_send(): sends our next key
 *   keys_to_receive: key PDUs that remain to be received, a bit each
 *   keys_to_send: key PDUs that remain to be sent, a bit each
 *   keys_write(): writes a key PDU of ours
 *   link_request_encryption(): starts encryption with the pairing's key, or the bond's
 *   loop_start: of a pairing: index of its STEP_LOOP_BEGIN
 *   may_multiply: woad_poll() runs and has done no P-256 multiplication yet
 *   own_air: address of our side when the connection was opened
 *   own_private: our private key of this pairing
 *   passkey_action: what the user is to do: WOAD_PASSKEY_…
 *   PDU_AUTH: PDU_…: offsets in Pairing Request and Response; which of both
 *   peer_air: address of the peer when the connection was opened
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   received_pdu: code of the PDU received, for AWAIT; 0: none
 *   RESPONDER: index in p->side: the peripheral
 *   reversed(): copies in the opposite order of octets
 *   same(): compares in constant time
 *   SEND: a step that sends the PDU of this code
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   smp_auth(): AuthReq of our PDUs, from the policy
 *   smp_begin(): begins a list of steps at its first one, and the timer
 *   SMP_CENTRAL_ID: SMP_…: codes of PDUs.  Vol 3, Part H, 3.3
 *   smp_key_size_min(): the shortest key that the policy accepts
 *   smp_random(): random octets: 0, CRYPTO_PENDING, or a WOAD_E…
 *   smp_restart_timer(): the Security Manager timer runs for 30 s from now
 *   smp_side: one side's values in a pairing, the most significant octet first
 *   smp_step_lists: lists of steps that are linked only if they are used
 *   STEP_ASK: STEP_…: steps of a pairing: enum step, smp.h
 *   STEP_BLOCKED: a step's result: it is not done, and is called again
 *   step_lists: lists of steps: by method, or of out-of-band pairing by role
 *   STEPS: how many steps there are
 *   stk: the key of legacy pairing, with which it encrypts
 *   toolbox: the cryptographic functions of Vol 3, Part H, 2.2: base/toolbox.h
 *   toolbox_c1(): toolbox_…(): the cryptographic toolbox, Vol 3, Part H, 2.2: base/toolbox.h
 *   user_state: of the user's part: USER_PENDING, USER_ANSWERED
 *   wipe(): zeros octets, and the compiler does not remove that
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   zeros(): all octets are 0 */
#include <woad/crypto.h>

#include "../core/address.h"
#include "../core/event.h"
#include "smp.h"

enum { ROUNDS = 20 }; /* one bit of the passkey each.  2.3.5.6.3 */

/* --- the peripheral's lists of steps ---------------------------------------------------------- */

/* PUBLIC_KEYS_PERIPHERAL (smp.h): Pairing Response, the public keys, DHKey.
 * CHECKS_TO_BOND_PERIPHERAL: the rest after the method's part: waits for the user (STEP_USER), f5,
 * the DHKey Checks, encryption, the exchange of keys, the bond.  The central's lists:
 * smp_central.c; the out-of-band ones: smp_oob.c. */
static const uint8_t compare_peripheral[] = { PUBLIC_KEYS_PERIPHERAL, STEP_NONCE,
                                              STEP_CONFIRM,           SEND | SMP_CONFIRM,
                                              AWAIT | SMP_RANDOM,     SEND | SMP_RANDOM,
                                              STEP_COMPARE,           CHECKS_TO_BOND_PERIPHERAL };
static const uint8_t passkey_peripheral[] = { PUBLIC_KEYS_PERIPHERAL,
                                              STEP_ASK,
                                              STEP_LOOP_BEGIN,
                                              AWAIT | SMP_CONFIRM,
                                              STEP_USER,
                                              STEP_NONCE,
                                              STEP_CONFIRM,
                                              SEND | SMP_CONFIRM,
                                              AWAIT | SMP_RANDOM,
                                              STEP_VERIFY_CONFIRM,
                                              SEND | SMP_RANDOM,
                                              STEP_LOOP_END,
                                              CHECKS_TO_BOND_PERIPHERAL };
static const uint8_t legacy_peripheral[] = { SEND | SMP_RESPONSE,
                                             STEP_ASK,
                                             AWAIT | SMP_CONFIRM,
                                             STEP_USER,
                                             STEP_NONCE,
                                             STEP_CONFIRM,
                                             SEND | SMP_CONFIRM,
                                             AWAIT | SMP_RANDOM,
                                             STEP_VERIFY_CONFIRM,
                                             STEP_STK,
                                             SEND | SMP_RANDOM,
                                             STEP_ENCRYPT,
                                             STEP_SEND_KEYS,
                                             STEP_AWAIT_KEYS,
                                             STEP_FLUSH,
                                             STEP_DONE,
                                             STEP_END };
static const struct smp_step_lists step_lists = {
    { legacy_peripheral, [WOAD_METHOD_JUST_WORKS] = compare_peripheral,
      [WOAD_METHOD_PASSKEY] = passkey_peripheral, [WOAD_METHOD_COMPARISON] = compare_peripheral }
};

/* --- choice of the method --------------------------------------------------------------------- */

/* Legacy pairing, then LE Secure Connections: a row for each IO capability of the initiator, a
 * column for the responder's.  J: Just Works; i: the initiator displays and the responder types; r:
 * the reverse; b: both type; c: numeric comparison.  2.3.5.1, Table 2.8 */
enum { IOS = 5 };
static const char methods[2][IOS * IOS + 1] = {
    "JJiJi"
    "JJiJi"
    "rrbJr"
    "JJJJJ"
    "rriJi",
    "JJiJi"
    "JciJc"
    "rrbJr"
    "JJJJJ"
    "rciJc",
};

static char method_letter(const struct pairing *p)
{
    unsigned initiator = p->side[INITIATOR].pdu[PDU_IO];
    return methods[p->secure][initiator * IOS + p->side[RESPONDER].pdu[PDU_IO]];
}

/* The method, from both sides' out-of-band flags, MITM flags and IO capabilities.  Table 2.6 */
static uint8_t choose_method(const struct pairing *p)
{
    const uint8_t *own = p->own->pdu, *peer = p->peer->pdu;
    uint8_t both = own[PDU_OOB] & peer[PDU_OOB], either = own[PDU_OOB] | peer[PDU_OOB];
    if (p->secure ? either : both) {
        return WOAD_METHOD_OOB;
    }
    char m = method_letter(p);
    if (!((own[PDU_AUTH] | peer[PDU_AUTH]) & AUTH_MITM) || m == 'J') {
        return WOAD_METHOD_JUST_WORKS;
    }
    if (m != 'c') {
        return WOAD_METHOD_PASSKEY;
    }
    return WOAD_METHOD_COMPARISON;
}

/* The list of steps for the method; NULL: this side lacks the out-of-band data that it takes. */
static const uint8_t *choose_steps(const struct pairing *p)
{
    const struct woad *h = p->c->h;
    if (p->method == WOAD_METHOD_OOB && p->secure) { /* h->oob: woad_feature_out_of_band */
        if (!h->oob) {
            return NULL;
        }
        return h->oob->role->step_lists[p->role];
    }
    const struct smp_step_lists *s = &step_lists;
    if (p->role == INITIATOR) {
        s = &h->smp->central->step_lists;
    }
    if (p->method == WOAD_METHOD_OOB && !p->has_tk) {
        return NULL;
    }
    if (!p->secure) {
        return s->by_method[0];
    }
    return s->by_method[p->method];
}

/* Key PDUs that one side sends, a bit each: those that both sides have agreed on. */
static uint16_t keys_agreed(const struct pairing *p, unsigned side)
{
    unsigned at = PDU_CENTRAL + side, dist = p->own->pdu[at] & p->peer->pdu[at];
    unsigned pdus = 0;
    if (!p->secure && (dist & DIST_LTK)) {
        pdus = 1u << SMP_LTK | 1u << SMP_CENTRAL_ID;
    }
    if (dist & DIST_IRK) {
        pdus |= 1u << SMP_IRK | 1u << SMP_IDENTITY;
    }
    if (dist & DIST_CSRK) {
        pdus |= 1u << SMP_CSRK;
    }
    return (uint16_t)pdus;
}

/* Writes our Pairing Request or Response, from the policy. */
static void write_features(struct pairing *p, uint8_t code)
{
    const struct woad *h = p->c->h;
    const struct woad_security_policy *policy = &h->smp->policy;
    uint8_t *pdu = p->own->pdu, all = 0;
    pdu[0] = code;
    pdu[PDU_IO] = policy->io;
    pdu[PDU_OOB] = p->has_oob || p->has_tk;
    pdu[PDU_AUTH] = smp_auth(h);
    if (p->has_tk && !p->has_oob && (code == SMP_REQUEST || p->peer->pdu[PDU_OOB])) {
        pdu[PDU_AUTH] &= (uint8_t)~AUTH_SECURE; /* only legacy pairing can use a TK */
    }
    pdu[PDU_KEY_SIZE] = 16;
    if (policy->bond) {
        all = DIST_LTK | DIST_IRK;
        if (h->att_signed) {
            all |= DIST_CSRK;
        }
    }
    pdu[PDU_CENTRAL] = pdu[PDU_PERIPHERAL] = all;
    if (!h->smp->has_irk) { /* the octet of our keys; role: INITIATOR, 0, is the central */
        pdu[PDU_CENTRAL + p->role] &= (uint8_t)~DIST_IRK;
    }
}

/* The reason why the policy, or a stronger bond, forbids this pairing; 0: allowed; STEP_BLOCKED:
 * the pairing has ended in an event. */
static int policy_error(const struct pairing *p)
{
    const struct woad_security_policy *policy = &p->c->h->smp->policy;
    if (p->key_size < smp_key_size_min(policy)) {
        return WOAD_SMP_KEY_SIZE;
    }
    if ((!p->secure && !policy->allow_legacy && !policy->prefer_legacy) ||
        (policy->require_mitm && p->method == WOAD_METHOD_JUST_WORKS) ||
        (policy->methods && !(policy->methods >> p->method & 1))) {
        return WOAD_SMP_AUTHENTICATION;
    }
    return keys_check_bond(p, &p->c->peer, WOAD_SMP_AUTHENTICATION);
}

/* An address as f5, f6 and c1 take it: type, octets with the most significant first. */
static __attribute__((noinline)) void side_address(struct smp_side *side, const struct woad_addr *a)
{
    side->address[0] = a->type & 1;
    reversed(side->address + 1, a->octet, 6);
}

/* Chooses the method from both sides' PDUs, and continues with its list of steps. */
static int step_select(struct pairing *p)
{
    uint8_t *own = p->own->pdu;
    const uint8_t *peer = p->peer->pdu;
    if (p->role == RESPONDER) {
        write_features(p, SMP_RESPONSE);
        own[PDU_CENTRAL] &= peer[PDU_CENTRAL];
        own[PDU_PERIPHERAL] &= peer[PDU_PERIPHERAL];
    }
    uint8_t auth = own[PDU_AUTH] & peer[PDU_AUTH];
    p->secure = auth & AUTH_SECURE;
    p->bonding = auth & AUTH_BOND;
    if (p->role == RESPONDER) {
        own[PDU_OOB] = p->has_tk;
        if (p->secure) {
            own[PDU_OOB] = p->has_oob;
        }
    }
    p->key_size = (uint8_t)min_u32(own[PDU_KEY_SIZE], peer[PDU_KEY_SIZE]);
    p->method = choose_method(p);
    if (p->secure || p->method != WOAD_METHOD_OOB) {
        memset(p->own->r, 0, 16); /* clear a TK that this method does not use */
    }
    p->keys_to_send = keys_agreed(p, p->role);
    p->keys_to_receive = keys_agreed(p, !p->role);
    side_address(p->own, &p->c->own_air);
    side_address(p->peer, &p->c->peer_air);
    p->flags = 0;
    if (p->secure) {
        p->flags = WOAD_BOND_SECURE;
    }
    if (p->method > WOAD_METHOD_JUST_WORKS) {
        p->flags |= WOAD_BOND_AUTHENTICATED;
    }
    int err = policy_error(p);
    const uint8_t *steps_of_method = NULL;
    if (!err) {
        steps_of_method = choose_steps(p);
    }
    if (!steps_of_method) {
        if (!err) {
            err = WOAD_SMP_NO_OOB;
        }
        return err;
    }
    smp_begin(p, steps_of_method);
    return 0;
}

/* --- random numbers, key pairs ---------------------------------------------------------------- */

/* The controller's key pair.  The controller has one for all connections, so a peripheral waits for
 * the peer's public key before it sends its own: a peer that never sends one blocks no other
 * pairing. */
static int key_pair_by_controller(struct pairing *p)
{
    struct woad *h = p->c->h;
    if (!p->c->central && p->received_pdu != SMP_PUBLIC_KEY) {
        return STEP_BLOCKED;
    }
    return h->crypto_role->p256_public(h, conn_index(p->c), p->public_key[p->role]);
}

/* Makes our key pair, a new one for each pairing.  If the peer says that it has our out-of-band
 * data, takes the pair of woad_oob_make(), which serves once: otherwise our r would be zeros, which
 * an attacker knows.  h->oob is there: choose_steps() has looked.  2.3.5.6.4 */
static int step_key_pair(struct pairing *p)
{
    struct woad *h = p->c->h;
    struct smp *m = h->smp;
    if (p->peer->pdu[PDU_OOB]) {
        return h->oob->role->key_pair(p);
    }
    if (!h->cfg.crypto) {
        return key_pair_by_controller(p);
    }
    if (!m->may_multiply) { /* one multiplication for each woad_poll(), because it takes long */
        return STEP_BLOCKED;
    }
    m->may_multiply = false;
    int err = 0;
    if (zeros(p->own_private, sizeof p->own_private)) { /* else the answer came later */
        err = smp_random(h, p->own_private, sizeof p->own_private);
    }
    if (err) {
        return err;
    }
    int result = h->cfg.crypto->p256_public(p->own_private, p->public_key[p->role]);
    if (result == WOAD_CRYPTO_LATER) {
        m->may_multiply = true;
        return STEP_BLOCKED;
    }
    if (result < 0) {
        /* a random number that is no private key: 1 in 2^32.  `round` counts the tries here. */
        wipe(p->own_private, sizeof p->own_private);
        err = STEP_BLOCKED;
        if (++p->round >= 4) {
            err = WOAD_SMP_UNSPECIFIED;
        }
    }
    if (!err) {
        p->round = 0;
    }
    return err;
}

/* X coordinate of the debug key: its private half is in the specification.  2.3.5.6.1 */
static const uint8_t debug_x[32] = { 0x20, 0xb0, 0x03, 0xd2, 0xf2, 0x97, 0xbe, 0x2c,
                                     0x5e, 0x2c, 0x83, 0xa7, 0xe9, 0xf9, 0xa5, 0xb9,
                                     0xef, 0xf4, 0x91, 0x11, 0xac, 0xf4, 0xfd, 0xdb,
                                     0xcc, 0x03, 0x01, 0x48, 0x0e, 0x35, 0x9d, 0xe6 };

/* Computes DHKey from the peer's public key.  Refuses our own key sent back (any Y), the debug key
 * unless allowed, and a point not on the curve, which would disclose bits of our private
 * key.  2.3.5.6.1 */
static int step_dhkey(struct pairing *p)
{
    struct woad *h = p->c->h;
    const uint8_t *peer = p->public_key[!p->role];
    if (same(p->public_key[INITIATOR], p->public_key[RESPONDER], 32)) {
        return WOAD_SMP_DHKEY_CHECK;
    }
    if (same(peer, debug_x, 32) && !h->smp->policy.allow_debug_key) {
        return WOAD_SMP_AUTHENTICATION;
    }
    if (!h->cfg.crypto) {
        int result = h->crypto_role->p256_dh(h, conn_index(p->c), peer, p->dhkey);
        if (result && result != STEP_BLOCKED) {
            return WOAD_SMP_DHKEY_CHECK;
        }
        return result;
    }
    if (!h->smp->may_multiply) {
        return STEP_BLOCKED;
    }
    h->smp->may_multiply = false;
    int err = h->cfg.crypto->p256_dh(p->own_private, peer, p->dhkey);
    if (err == WOAD_CRYPTO_LATER) {
        h->smp->may_multiply = true;
        return STEP_BLOCKED;
    }
    wipe(p->own_private, sizeof p->own_private);
    if (err >= 0) {
        return 0;
    }
    return WOAD_SMP_DHKEY_CHECK;
}

/* --- values that are computed ----------------------------------------------------------------- */

/* Compares the peer's out-of-band confirm value, if our Pairing Request or Response has the OOB
 * flag. */
static int step_verify_oob(struct pairing *p)
{
    if (!p->own->pdu[PDU_OOB]) {
        return 0;
    }
    return p->c->h->oob->role->check(p); /* choose_steps() has looked whether h->oob is there */
}

static int step_nonce(struct pairing *p)
{
    return smp_random(p->c->h, p->own->random, 16);
}

/* The confirm value of either side. f4 or c1 */
static int confirm_of(struct pairing *p, unsigned side_index, uint8_t out[16])
{
    const struct toolbox *box = &p->c->h->smp->toolbox;
    const struct smp_side *side = &p->side[side_index];
    uint8_t z = 0;
    if (!p->secure) {
        return toolbox_c1(box, p->own->r, side->random, p->side[INITIATOR].pdu,
                          p->side[RESPONDER].pdu, p->side[INITIATOR].address,
                          p->side[RESPONDER].address, out);
    }
    if (p->method == WOAD_METHOD_PASSKEY) {
        z = (uint8_t)(0x80 | (p->passkey >> p->round & 1));
    }
    return toolbox_f4(box, p->public_key[side_index], p->public_key[!side_index], side->random, z,
                      out);
}

static int step_confirm(struct pairing *p)
{
    return confirm_of(p, p->role, p->own->confirm);
}

/* Compares the peer's confirm value with its random number.  Our own values sent back fail too. */
static int step_verify_confirm(struct pairing *p)
{
    const struct smp_side *own = p->own, *peer = p->peer;
    uint8_t confirm[16];
    int err = confirm_of(p, !p->role, confirm);
    bool echo = same(peer->random, own->random, 16) || same(peer->confirm, own->confirm, 16);
    if (err) {
        return err;
    }
    if (!same(confirm, peer->confirm, 16) || echo) {
        return WOAD_SMP_CONFIRM;
    }
    return 0;
}

/* `err` is the result of the calculation that has put a key into own->check, a field that is free
 * until STEP_DHKEY_CHECK.  Unless it failed, clears the bond, fills its address, flags and key
 * size, and stores the key: LE Secure Connections' LTK in the bond, legacy pairing's STK in p->stk.
 */
static int key_begin_bond(struct pairing *p, int err)
{
    struct woad_bond *bond = &p->bond;
    if (!err) {
        memset(bond, 0, sizeof *bond);
        addr_copy(&bond->peer, &p->c->peer);
        bond->peer.type &= 1;
        bond->flags = p->flags & 3u; /* the masks say that the values fit the bit-fields */
        bond->key_size = p->key_size & 31u;
        uint8_t *key;
        if (p->secure) {
            key = bond->own_ltk;
        } else {
            key = p->stk;
        }
        reversed(key, p->own->check, 16);
        key_cut(key, p->key_size);
    }
    return err;
}

/* DHKey Check of either side.  f6 */
static int check_of(struct pairing *p, unsigned side_index, uint8_t out[16])
{
    const struct smp_side *side = &p->side[side_index], *other = &p->side[!side_index];
    uint8_t io[3];
    reversed(io, side->pdu + PDU_IO, 3);
    return toolbox_f6(&p->c->h->smp->toolbox, p->mac_key, side->random, other->random, other->r, io,
                      side->address, other->address, out);
}

/* Computes MacKey and LTK from DHKey.  2.3.5.6.5 */
static int step_f5(struct pairing *p)
{
    const struct smp_side *i = &p->side[INITIATOR], *r = &p->side[RESPONDER];
    int err = key_begin_bond(p, toolbox_f5(&p->c->h->smp->toolbox, p->dhkey, i->random, r->random,
                                           i->address, r->address, p->mac_key, p->own->check));
    if (err != STEP_BLOCKED) {
        wipe(p->dhkey, sizeof p->dhkey);
    }
    return err;
}

/* Our DHKey Check, to be sent next. */
static int step_dhkey_check(struct pairing *p)
{
    return check_of(p, p->role, p->own->check);
}

/* Compares the peer's DHKey Check. */
static int step_verify_dhkey_check(struct pairing *p)
{
    uint8_t check[16];
    int err = check_of(p, !p->role, check);
    if (err) {
        return err;
    }
    if (!same(check, p->peer->check, 16)) {
        return WOAD_SMP_DHKEY_CHECK;
    }
    return 0;
}

/* The STK of legacy pairing, from both random numbers.  2.3.5.5 */
static int step_stk(struct pairing *p)
{
    return key_begin_bond(p,
                          toolbox_s1(&p->c->h->smp->toolbox, p->own->r, p->side[RESPONDER].random,
                                     p->side[INITIATOR].random, p->own->check));
}

/* --- the user --------------------------------------------------------------------------------- */

/* Ends a step with WOAD_EV_PASSKEY.  user_state: USER_PENDING, or USER_ANSWERED: the application
 * need not answer.  It may answer in the event, which runs the steps that follow: so p->step is
 * advanced first, and smp_run() then leaves it as it is. */
static void emit_passkey(struct pairing *p, uint8_t action, uint8_t user_state)
{
    p->step++;
    p->passkey_action = action;
    p->user_state = user_state;
    struct woad_event ev;
    ev.u.passkey.action = (enum woad_passkey_action)action;
    ev.u.passkey.passkey = p->passkey;
    if (action == WOAD_PASSKEY_INPUT) {
        ev.u.passkey.passkey = 0;
    }
    emit_of(p->c, WOAD_EV_PASSKEY, &ev);
}

/* Numeric comparison: shows the number to the user.  STEP_USER waits for the answer. */
static int step_compare(struct pairing *p)
{
    const struct smp_side *i = &p->side[INITIATOR], *r = &p->side[RESPONDER];
    if (p->method != WOAD_METHOD_COMPARISON) {
        return 0;
    }
    int err = toolbox_g2(&p->c->h->smp->toolbox, p->public_key[INITIATOR], p->public_key[RESPONDER],
                         i->random, r->random, &p->passkey);
    if (!err) {
        emit_passkey(p, WOAD_PASSKEY_COMPARE, USER_PENDING);
    }
    return err;
}

/* Draws a passkey from 000000 to 999999 with equal probability, by discarding larger numbers. */
static int draw_passkey(struct woad *h, uint32_t *passkey)
{
    uint8_t b[4];
    for (int tries = 0; tries < 16; tries++) {
        int err = smp_random(h, b, sizeof b);
        if (err) {
            return err;
        }
        *passkey = ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]) >> 12;
        if (*passkey < 1000000) {
            return 0;
        }
    }
    return WOAD_SMP_UNSPECIFIED;
}

/* Passkey entry: displays a passkey, or asks the user for the peer's.  A passkey is drawn in both
 * cases; the user's answer replaces it. */
static int step_ask(struct pairing *p)
{
    struct woad *h = p->c->h;
    char m = method_letter(p);
    if (p->method != WOAD_METHOD_PASSKEY) {
        return 0;
    }
    int err = draw_passkey(h, &p->passkey);
    if (err) {
        return err;
    }
    uint8_t action = WOAD_PASSKEY_INPUT, user_state = USER_PENDING;
    if (m == (p->c->central ? 'i' : 'r')) {
        action = WOAD_PASSKEY_DISPLAY;
        if (!h->smp->policy.app_passkey) { /* else the application answers with a passkey */
            user_state = USER_ANSWERED;
        }
    }
    emit_passkey(p, action, user_state);
    return 0;
}

/* Blocks until the user has answered; then the passkey is r, or TK. */
static int step_user(struct pairing *p)
{
    if (p->user_state == USER_PENDING) {
        return STEP_BLOCKED;
    }
    /* r of both sides; TK.  2.3.5.6.5, 2.3.5.3 */
    for (int n = 0; p->method == WOAD_METHOD_PASSKEY && n < 4; n++) {
        p->side[0].r[15 - n] = p->side[1].r[15 - n] = (uint8_t)(p->passkey >> (8 * n));
    }
    return 0;
}

/* The steps from here to STEP_LOOP_END are done once for each bit of the passkey. */
static int step_loop_begin(struct pairing *p)
{
    p->loop_start = p->step;
    return 0;
}

static int step_loop_end(struct pairing *p)
{
    if (++p->round < ROUNDS) {
        p->step = p->loop_start; /* smp_run() does not advance it: the next is STEP_LOOP_BEGIN */
    }
    return 0;
}

/* --- encryption ------------------------------------------------------------------------------- */

/* Blocks until the connection is encrypted; a central starts that.  link_continue_pairing()
 * (smp_keys.c) then advances to the next step. */
static int step_encrypt(struct pairing *p)
{
    if (p->c->central && !encryption_pending(p->c)) {
        link_request_encryption(p->c, KEY_OF_PAIRING);
    }
    return STEP_BLOCKED;
}

/* A central waits after failures of its peer, while attempts_wait() is true, and until the
 * encryption of a failed pairing has ended.  While it waits, the time limit of the pairing is
 * begun again and again. */
static int step_pause(struct pairing *p)
{
    if (encryption_pending(p->c) || attempts_wait(p->c)) {
        smp_restart_timer(p->c);
        return STEP_BLOCKED;
    }
    return 0;
}

/* Indexed from STEP_SELECT: lower steps are PDUs. */
#define STEP(name) [STEP_##name - STEP_SELECT]
static int (*const steps[STEPS - STEP_SELECT])(struct pairing *p) = {
    STEP(SELECT) = step_select,
    STEP(KEY_PAIR) = step_key_pair,
    STEP(DHKEY) = step_dhkey,
    STEP(VERIFY_OOB) = step_verify_oob,
    STEP(NONCE) = step_nonce,
    STEP(CONFIRM) = step_confirm,
    STEP(VERIFY_CONFIRM) = step_verify_confirm,
    STEP(COMPARE) = step_compare,
    STEP(ASK) = step_ask,
    STEP(USER) = step_user,
    STEP(LOOP_BEGIN) = step_loop_begin,
    STEP(LOOP_END) = step_loop_end,
    STEP(F5) = step_f5,
    STEP(DHKEY_CHECK) = step_dhkey_check,
    STEP(VERIFY_DHKEY_CHECK) = step_verify_dhkey_check,
    STEP(STK) = step_stk,
    STEP(ENCRYPT) = step_encrypt,
    STEP(SEND_KEYS) = keys_send,
    STEP(AWAIT_KEYS) = keys_await,
    STEP(FLUSH) = keys_flush,
    STEP(DONE) = keys_done,
    STEP(PAUSE) = step_pause,
};

/* Does a step that is no PDU.  A function for smp_calculate(): `owner` is the connection's index.
 */
int smp_step(struct woad *h, uint16_t owner, uint8_t step)
{
    return steps[step - STEP_SELECT](h->conns[owner].smp->pairing);
}

/* --- the PDUs --------------------------------------------------------------------------------- */

/* PDUs have the least significant octet first. */
static void pdu_put(struct wr *out, const uint8_t *value, size_t len)
{
    uint8_t b[32];
    reversed(b, value, len);
    wr_bytes(out, b, len);
}

/* Where a side's struct has the value of this PDU. */
static uint8_t *side_value(struct smp_side *side, uint8_t code)
{
    if (code == SMP_RANDOM) {
        return side->random;
    }
    return side->confirm; /* `check` is the same memory */
}

/* SMP_PAIRING_REQUEST, SMP_PAIRING_RESPONSE: IO u8, OOB u8, AuthReq u8, key size u8, keys of the
 * initiator u8, of the responder u8.  SMP_PAIRING_CONFIRM, _RANDOM, _DHKEY_CHECK: a value 16.
 * SMP_PAIRING_PUBLIC_KEY: X 32, Y 32.  3.5, 3.6 */
void smp_write(struct pairing *p, uint8_t code, struct wr *out)
{
    struct smp_side *own = p->own;
    const uint8_t *key = p->public_key[p->role];
    wr_u8(out, code);
    switch (code) {
    case SMP_REQUEST: write_features(p, SMP_REQUEST);
    /* fall through */
    case SMP_RESPONSE: wr_bytes(out, own->pdu + 1, 6); return;
    case SMP_KEYPRESS: wr_u8(out, p->keypress); return;
    case SMP_PUBLIC_KEY:
        pdu_put(out, key, 32);
        pdu_put(out, key + 32, 32);
        return;
    case SMP_CONFIRM:
    case SMP_RANDOM:
    case SMP_CHECK: pdu_put(out, side_value(own, code), 16); return;
    default: keys_write(p, code, out);
    }
}

/* SMP_PAIRING_REQUEST or _RESPONSE of the peer, kept whole: its octets are hashed.  0 or a
 * reason. */
static int read_features(uint8_t pdu[7], uint8_t code, struct rd *in)
{
    pdu[0] = code;
    rd_copy(in, pdu + 1, 6);
    bool bad = pdu[PDU_IO] > WOAD_IO_KEYBOARD_DISPLAY || pdu[PDU_OOB] > 1 ||
               pdu[PDU_KEY_SIZE] < 7 || pdu[PDU_KEY_SIZE] > 16;
    if (!bad) {
        return 0;
    }
    return WOAD_SMP_INVALID_PARAMETERS;
}

static void pdu_take(struct rd *in, uint8_t *out, size_t len)
{
    reversed(out, rd_bytes(in, len), len);
}

/* Reads a PDU that smp_expects() has accepted; its length is right.  0 or a reason. */
int smp_read(struct pairing *p, uint8_t code, struct rd *in)
{
    struct smp_side *peer = p->peer;
    uint8_t *key = p->public_key[!p->role];
    p->received_pdu = code;
    switch (code) {
    case SMP_REQUEST:
    case SMP_RESPONSE: return read_features(peer->pdu, code, in);
    case SMP_PUBLIC_KEY:
        pdu_take(in, key, 32);
        pdu_take(in, key + 32, 32);
        return 0;
    case SMP_CONFIRM:
    case SMP_RANDOM:
    case SMP_CHECK: pdu_take(in, side_value(peer, code), 16); return 0;
    default:
        p->received_pdu = 0;
        return keys_rx(p, code, in); /* no AWAIT: STEP_AWAIT_KEYS counts */
    }
}
