/* What a client waits for, of the security manager, before it asks a peer or believes it. */
#include "smp.h"

/* BLESA: who answers in the clear where there is a bond may be anybody.  A bond's key is tried
 * when the client has something to ask, and nothing is asked, or believed, until it serves.  Where
 * it has been tried there was a bond, though others may have taken its place in memory since. */
int client_require_encryption(struct conn *c, bool again)
{
    struct woad *h = c->h;
    struct smp_conn *s = c->smp;
    if (!h->smp_role || h->smp->policy.trust_unencrypted || c->security.encrypted) {
        return 0;
    }
    bool fetch = !s->bond_fetched;
    s->bond_fetched = true;
    if (!s->bond_key_tried && !h->smp_role->has_key(c, fetch)) {
        return 0;
    }
    int err = smp_security_pending(c) ? 0 : WOAD_EACCES;
    if (again || !s->bond_key_tried) {
        err = h->smp_role->pair(h, c->number);
    }
    s->bond_key_tried = true;
    return err == 0 || err == WOAD_EALREADY ? CLIENT_WAIT : WOAD_EACCES;
}

bool client_peer_verified(const struct conn *c)
{
    return c->security.encrypted && c->smp->from_bond;
}

/* It has been refused for want of security.  False: it is not to be raised, or can't be. */
bool client_raise_security(struct conn *c)
{
    struct woad *h = c->h;
    int err = h->smp_role && h->smp->policy.retry ? h->smp_role->pair(h, c->number) : WOAD_ENOTSUP;
    return err == 0 || err == WOAD_EALREADY;
}
