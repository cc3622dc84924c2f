/* Pairing as a central: begins a pairing, or encrypts with a bond's key.  Linked by
 * woad_feature_security_manager only: with woad_feature_security_peripheral smp->central stays
 * NULL.  Vol 3, Part H, 2.3, 3
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   AUTH_BOND: AUTH_…: bits of AuthReq
 *   AWAIT: a step that waits for the PDU of this code
 *   bond_fetch(): the peer's bond; may raise WOAD_EV_BOND_WANTED to get it from the application
 *   bond_slot: a bond takes one, and more for data of legacy pairing and of signed writes
 *   CHECKS_TO_BOND_CENTRAL: all steps after the method's: f5, DHKey Checks, encryption, keys, bond,
 *       STEP_END (smp.h)
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   failed_reason: of the Pairing Failed to be sent; 0: none
 *   KEY_OF_BOND: encryption starts with the bond's key, not the pairing's
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   link_request_encryption(): starts encryption with the pairing's key, or the bond's
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   PUBLIC_KEYS_CENTRAL: several steps: our key pair, both public keys, DHKey (smp.h)
 *   REFUSED(): logs why a call is refused, and is its error
 *   SEND: a step that sends the PDU of this code
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   smp_begin_pairing(): begins a list of steps for the connection; NULL: all pairings are in use
 *   smp_central: pairing as a central: smp_central.c; NULL: not linked
 *   SMP_CONFIRM: SMP_…: codes of PDUs.  Vol 3, Part H, 3.3
 *   SMP_FEATURE: the hooks that both features of the Security Manager have (smp.h)
 *   smp_layout(): memory for pairings
 *   smp_run(): does the pairing's steps until one blocks
 *   smp_security_pending(): WOAD_EV_SECURITY will follow by itself
 *   STEP_AWAIT_KEYS: STEP_…: steps of a pairing: enum step, smp.h
 *   STEP_FLUSH: waits until the controller has acknowledged the key PDUs, at most 500 ms
 *   step_lists: lists of steps: by method, or of out-of-band pairing by role
 *   STEP_PAUSE: waits while the peer must wait after failures, or encryption of a failed pairing is
 *       under way
 *   STEP_USER: waits for the user's answer to WOAD_EV_PASSKEY, if STEP_COMPARE or STEP_ASK has
 *       raised it
 *   timed_out: the Security Manager timer has expired: no more SMP PDUs on this connection */
#include "../core/event.h"
#include "../core/log.h"
#include "smp.h"

/* Lists of steps: smp_steps.c says how they run, and has the peripheral's.  `request` is the
 * beginning of each pairing: its STEP_SELECT goes on with the list of the method.  `compare`: LE
 * Secure Connections, Numeric Comparison and Just Works.  `passkey`: LE Secure Connections; the
 * loop runs once for each of 20 bits.  `legacy`: all methods of legacy pairing.  2.3.5 */
static const uint8_t compare[] = {
    PUBLIC_KEYS_CENTRAL, STEP_NONCE,         AWAIT | SMP_CONFIRM,
    SEND | SMP_RANDOM,   AWAIT | SMP_RANDOM, STEP_VERIFY_CONFIRM,
    STEP_COMPARE,        STEP_USER,          CHECKS_TO_BOND_CENTRAL
};
static const uint8_t passkey[] = { PUBLIC_KEYS_CENTRAL,
                                   STEP_ASK,
                                   STEP_USER,
                                   STEP_LOOP_BEGIN,
                                   STEP_NONCE,
                                   STEP_CONFIRM,
                                   SEND | SMP_CONFIRM,
                                   AWAIT | SMP_CONFIRM,
                                   SEND | SMP_RANDOM,
                                   AWAIT | SMP_RANDOM,
                                   STEP_VERIFY_CONFIRM,
                                   STEP_LOOP_END,
                                   CHECKS_TO_BOND_CENTRAL };
static const uint8_t legacy[] = { STEP_ASK,          STEP_USER,          STEP_NONCE,
                                  STEP_CONFIRM,      SEND | SMP_CONFIRM, AWAIT | SMP_CONFIRM,
                                  SEND | SMP_RANDOM, AWAIT | SMP_RANDOM, STEP_VERIFY_CONFIRM,
                                  STEP_STK,          STEP_ENCRYPT,       STEP_AWAIT_KEYS,
                                  STEP_SEND_KEYS,    STEP_FLUSH,         STEP_DONE,
                                  STEP_END };
static const uint8_t request[] = { STEP_PAUSE, SEND | SMP_REQUEST, AWAIT | SMP_RESPONSE,
                                   STEP_SELECT, STEP_END };

/* woad_pair() of a central: encrypts with the bond's key if there is one, else pairs.  Encryption
 * with a key is possible even after an SMP timeout.  Returns 0: WOAD_EV_SECURITY follows;
 * WOAD_ENOTSUP: the policy forbids pairing; WOAD_ETIMEDOUT; WOAD_ENOMEM: config.pairings are in
 * use; WOAD_ENOTCONN, WOAD_EALREADY: the application has ended the connection, or paired, in
 * WOAD_EV_BOND_WANTED. */
static int central_pair(struct conn *c)
{
    const struct bond_slot *slot = bond_fetch(c);
    if (c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (smp_security_pending(c)) {
        return WOAD_EALREADY;
    }
    if (slot && slot->bits.has_peer_ltk && !c->security.encrypted) {
        link_request_encryption(c, KEY_OF_BOND);
        return 0;
    }
    if (c->h->smp->policy.no_pairing) {
        return REFUSED(c->h, WOAD_ENOTSUP, "there is no bond's key, and policy.no_pairing");
    }
    if (c->smp->timed_out) {
        return REFUSED(c->h, WOAD_ETIMEDOUT,
                       "a pairing on connection 0x%x has timed out: only a new one may pair",
                       c->number);
    }
    if (!smp_begin_pairing(c, request)) {
        return REFUSED(c->h, WOAD_ENOMEM, "as many pairings as config.pairings are in progress");
    }
    smp_run(c);
    return 0;
}

/* Raises WOAD_EV_SECURITY_REQUEST: the application decides whether to pair. */
static void central_emit_request(const struct conn *c, uint8_t auth)
{
    struct woad_event ev;
    ev.u.security_request.mitm = auth & AUTH_MITM;
    ev.u.security_request.bond = auth & AUTH_BOND;
    emit_of(c, WOAD_EV_SECURITY_REQUEST, &ev);
}

/* Whether encryption with the bond's key answers a Security Request.  On an unencrypted link it is
 * tried first, whatever the peer asks for: a peer that is not the bonded one does not have the key.
 * On an encrypted link the key must be authenticated if the link is, or if the request asks for
 * MITM protection. */
static bool bond_answers(const struct conn *c, const struct bond_slot *slot, uint8_t auth)
{
    bool needs_mitm = c->security.authenticated || (auth & AUTH_MITM);
    return slot && slot->bits.has_peer_ltk &&
           (!c->security.encrypted || !needs_mitm || (slot->bits.flags & WOAD_BOND_AUTHENTICATED));
}

/* SMP_SECURITY_REQUEST: AuthReq u8; smp_rx() drops it after an SMP timeout.  Encrypts, or refreshes
 * the encryption, with the bond's key, or else pairs, or lets the application decide
 * (policy.app_pairs).  Where pairing is not possible, answers Pairing Not Supported.  2.4.6, Figure
 * 2.7; 3.6.7 */
static void central_security_request(struct conn *c, uint8_t auth)
{
    const struct woad_security_policy *policy = &c->h->smp->policy;
    const struct bond_slot *slot = bond_fetch(c);
    if (c->state != CONN_OPEN || smp_security_pending(c)) {
        return; /* perhaps by the application, in WOAD_EV_BOND_WANTED */
    }
    if (bond_answers(c, slot, auth)) {
        link_request_encryption(c, KEY_OF_BOND);
    } else if (policy->app_pairs && !policy->no_pairing) {
        central_emit_request(c, auth);
    } else if (woad_pair(c->h, c->number) < 0) {
        c->smp->failed_reason = WOAD_SMP_NOT_SUPPORTED;
    }
}

static const struct smp_central central = {
    /* [0]: legacy pairing; the others: methods of LE Secure Connections */
    .step_lists = { { legacy, [WOAD_METHOD_JUST_WORKS] = compare, [WOAD_METHOD_PASSKEY] = passkey,
                      [WOAD_METHOD_COMPARISON] = compare } },
    .pair = central_pair,
    .security_request = central_security_request,
};

static void manager_layout(struct woad *h)
{
    smp_layout(h);
    if (h->smp) {
        h->smp->central = &central;
    }
}

const struct woad_feature woad_feature_security_manager = { .layout = manager_layout, SMP_FEATURE };
