/* The Security Manager for client roles (GATT client, L2CAP channels): whether a request may be
 * sent to a peer, and the peer believed.  Vol 3, Part C, 10.3.2
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   s: a connection's security (smp.h)
 *   bond_fetched: WOAD_EV_BOND_WANTED has been raised for the client
 *   bond_key_tried: our GATT client has asked for encryption with the bond's key: what arrives
 *       before the connection is encrypted is ignored
 *   CLIENT_WAIT: encryption has been started; att_client->security_changed() follows
 *   from_bond: the connection's key is a bond's, else the pairing's
 *   has_key: of smp_role: there is a bond with a key
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   pair: of smp_role, smp_central: pairs, or encrypts with the bond's key: woad_pair()
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   smp_conn: a connection's security beside its pairing: smp.h
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   smp_security_pending(): WOAD_EV_SECURITY will follow by itself */
#include "smp.h"

/* Pairs, or encrypts with the bond's key.  True: WOAD_EV_SECURITY will follow. */
static bool client_pair(struct conn *c)
{
    struct woad *h = c->h;
    int err = h->smp_role->pair(h, c->number);
    return err == 0 || err == WOAD_EALREADY;
}

/* Whether encryption is begun where it has failed before. */
enum { TRY_ONCE = false, TRY_AGAIN = true };

/* 0: encrypted, or there is no bond: send, believe; CLIENT_WAIT: encryption has been begun, or is
 * under way; WOAD_EACCES: it has failed.  May raise events.  Against BLESA: a peer that answers
 * unencrypted where there is a bond may be an attacker.  The bond's key is tried when the client
 * has something to send; nothing is sent or believed until it encrypts.  Once tried, that holds
 * even if the bond has been replaced in memory.
 */
static int client_encrypt(struct conn *c, bool again)
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
    bool will_end; /* WOAD_EV_SECURITY will follow */
    if (again || !s->bond_key_tried) {
        will_end = client_pair(c);
    } else {
        will_end = smp_security_pending(c);
    }
    s->bond_key_tried = true;
    return will_end ? CLIENT_WAIT : WOAD_EACCES;
}

int client_encrypt_to_send(struct conn *c)
{
    return client_encrypt(c, TRY_AGAIN);
}

int client_encrypt_to_believe(struct conn *c)
{
    return client_encrypt(c, TRY_ONCE);
}

bool client_peer_verified(const struct conn *c)
{
    return c->security.encrypted && c->smp->from_bond;
}

/* The peer has refused a request for lack of security: pairs, if policy.retry.  False: not
 * possible, or not wanted. */
bool client_raise_security(struct conn *c)
{
    const struct woad *h = c->h;
    return h->smp_role && h->smp->policy.retry && client_pair(c);
}
