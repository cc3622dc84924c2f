/* The Security Manager of a device that may be a central: who begins a pairing, or encrypts.
 * Vol 3, Part H, 2.3, 3 */
#include "smp.h"

static const uint8_t compare[] = { KEYS_CENTRAL, STEP_NONCE, AWAIT | SMP_CONFIRM,
    SEND | SMP_RANDOM, AWAIT | SMP_RANDOM, STEP_CHECK_CONFIRM, STEP_NUMBER, STEP_USER,
    SECURE_END_CENTRAL };
static const uint8_t passkey[] = { KEYS_CENTRAL, STEP_ASK, STEP_USER, STEP_MARK,
    STEP_NONCE, STEP_CONFIRM, SEND | SMP_CONFIRM, AWAIT | SMP_CONFIRM, SEND | SMP_RANDOM,
    AWAIT | SMP_RANDOM, STEP_CHECK_CONFIRM, STEP_AGAIN, SECURE_END_CENTRAL };
static const uint8_t legacy[] = { STEP_ASK, STEP_USER, STEP_NONCE, STEP_CONFIRM,
    SEND | SMP_CONFIRM, AWAIT | SMP_CONFIRM, SEND | SMP_RANDOM, AWAIT | SMP_RANDOM,
    STEP_CHECK_CONFIRM, STEP_STK, STEP_ENCRYPT, STEP_AWAIT_KEYS, STEP_SEND_KEYS, STEP_LEFT,
    STEP_DONE, STEP_END };
static const uint8_t request[] = { STEP_PAUSE, SEND | SMP_REQUEST, AWAIT | SMP_RESPONSE,
    STEP_CHOOSE, STEP_END };

/* With the bond's key, if there is one, else by a pairing.  A key needs no SMP. */
static int central_pair(struct conn *c)
{
    const struct kept_bond *k = bond_fetch(c, &c->peer);
    if (k && k->is.has_peer_ltk && !c->security.encrypted) {
        link_want(c, k->is.key_size, k->is.flags, true);
        return 0;
    }
    if (c->smp->dead) {
        return WOAD_ETIMEDOUT;
    }
    if (!smp_begin_anew(c, request)) {
        return WOAD_ENOMEM;
    }
    smp_go(c);
    return 0;
}

/* WOAD_EV_SECURITY_REQUEST: the application pairs, or not. */
static void central_emit_request(const struct conn *c, uint8_t auth)
{
    struct woad_event ev;
    ev.u.security_request.mitm = auth & AUTH_MITM;
    ev.u.security_request.bond = auth & AUTH_BOND;
    emit_of(c, WOAD_EV_SECURITY_REQUEST, &ev);
}

/* SMP_SECURITY_REQUEST: AuthReq u8.  On a link that is not encrypted a bond's key is tried first,
 * whatever is asked for: a peer that is not the bonded one does not have it.  On an encrypted one
 * the key is refreshed if it is good enough.  2.4.6, Figure 2.7; 3.6.7 */
static void central_asked(struct conn *c, uint8_t auth)
{
    struct woad *h = c->h;
    const struct woad_security *now = &c->security;
    bool lacks = now->encrypted && !now->authenticated && (auth & AUTH_MITM);
    if (h->smp->policy.no_pairing) {
        c->smp->failed = WOAD_SMP_NOT_SUPPORTED;
        return;
    }
    if (smp_busy(c)) {
        return;
    }
    const struct kept_bond *k = bond_fetch(c, &c->peer);
    if (smp_busy(c)) {
        return;                          /* the application has begun in that event */
    }
    if (k && k->is.has_peer_ltk && !lacks) {
        link_want(c, k->is.key_size, k->is.flags, true);
    } else if (h->smp->policy.app_pairs) {
        central_emit_request(c, auth);
    } else if (woad_pair(h, c->number) < 0) {
        c->smp->failed = WOAD_SMP_NOT_SUPPORTED;
    }
}

static const struct smp_central central = {
    { { legacy, [WOAD_METHOD_JUST_WORKS] = compare, [WOAD_METHOD_PASSKEY] = passkey,
        [WOAD_METHOD_COMPARISON] = compare } },
    central_pair, central_asked,
};

static void manager_carve(struct woad *h)
{
    smp_carve(h);
    if (h->smp) {
        h->smp->central = &central;
    }
}

const struct woad_feature woad_security_manager = { .carve = manager_carve, SMP_FEATURE };
