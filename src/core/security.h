/* What the layers below and beside the Security Manager use of it.  The security manager is linked
 * only where an application names it: h->smp_role is NULL without it. */
#ifndef WOAD_CORE_SECURITY_H
#define WOAD_CORE_SECURITY_H

#include <woad/woad.h>

#include "../base/buf.h"

struct conn;

struct smp_role {
    void (*rx)(struct conn *c, struct rd *in); /* a PDU of its fixed channel */
    bool (*tx)(struct conn *c, struct wr *out);
    bool (*key_request)(struct conn *c, const uint8_t rand[8], uint16_t ediv);
    bool (*has_key)(const struct conn *c, bool fetch);        /* fetch: may ask the application */
    void (*to_identity)(struct woad *h, struct woad_addr *a); /* private address to identity */
    void (*to_air_address)(const struct woad *h, struct woad_addr *a); /* and back */
    void (*save_client_state)(
        struct conn *c); /* the server's state of a bonded client has changed */
    int (*pair)(struct woad *h, uint16_t conn); /* woad_pair() */
    void (*wake)(struct woad *h); /* the controller has calculated what was asked for */
};

/* What the connection lacks of a level, WOAD_COC_… added up: 0, or the ATT error that says it. */
int conn_security_error(const struct conn *c, unsigned level);

/* smp/smp_client.c, linked with a client only.  Whether a client must wait until a bonded peer has
 * encrypted, and so proved who it is: 0: no; CLIENT_WAIT: that has begun, and
 * att_client->secured() follows; WOAD_EACCES: it can't.  again: after a failed attempt, too. */
enum { CLIENT_WAIT = 1 };
int client_require_encryption(struct conn *c, bool again);
/* The connection is encrypted with the bond's key: the peer is the one that was bonded. */
bool client_peer_verified(const struct conn *c);
/* The peer has refused for want of security.  True: a pairing has begun, and secured() follows. */
bool client_raise_security(struct conn *c);

#endif
