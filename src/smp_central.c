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

/* With the bond's key, if there is one, else by a pairing. */
static int central_pair(struct conn *c)
{
    const struct kept_bond *k = bond_fetch(c);
    if (k && k->is.has_peer_ltk && !c->security.encrypted) {
        link_bonded(c, k);
        return 0;
    }
    if (!smp_begin_anew(c, request)) {
        return WOAD_ENOMEM;
    }
    smp_go(c);
    return 0;
}

/* SMP_SECURITY_REQUEST: AuthReq u8.  A bond's key is tried first, whatever is asked for: who is not
 * the bonded peer does not have it.  3.6.7 */
static void central_asked(struct conn *c, uint8_t auth)
{
    struct woad *h = c->h;
    struct smp_conn *s = c->smp;
    const struct woad_security *now = &c->security;
    bool enough = now->encrypted && (now->authenticated || !(auth & AUTH_MITM));
    if (smp_under_way(c) || s->encrypting || s->want_encrypt || enough) {
        return;
    }
    if (h->smp->policy.no_pairing || woad_pair(h, c->number) < 0) {
        s->failed = WOAD_SMP_NOT_SUPPORTED;
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
