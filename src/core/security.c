/* Compares the security of a connection with the level that an attribute or a channel requires.
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   has_key: of smp_role: there is a bond with a key
 *   IN_MEMORY: only a bond that the host has counts: WOAD_EV_BOND_WANTED is not raised
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked */
#include "conn.h"
#include "security.h"

/* The order of the checks is the specification's: encryption, authentication, LE Secure
 * Connections, key size.  An unencrypted peer that has a key gets Insufficient Encryption, so that
 * it uses it.  Vol 3, Part C, 10.3.1 */
int conn_security_error(const struct conn *c, unsigned level)
{
    const struct woad *h = c->h;
    const struct woad_security *current = &c->security;
    if (!level) {
        return 0;
    }
    if (!current->encrypted) {
        bool has_key = h->smp_role && h->smp_role->has_key(c, IN_MEMORY);
        if (has_key) {
            return WOAD_ATT_INSUFFICIENT_ENCRYPTION;
        }
        return WOAD_ATT_INSUFFICIENT_AUTHENTICATION;
    }
    if ((level & WOAD_COC_AUTHENTICATED && !current->authenticated) ||
        (level & WOAD_COC_SECURE && !current->secure)) {
        return WOAD_ATT_INSUFFICIENT_AUTHENTICATION;
    }
    if (level & WOAD_COC_KEY_16 && current->key_size < 16) {
        return WOAD_ATT_INSUFFICIENT_KEY_SIZE;
    }
    return 0;
}
