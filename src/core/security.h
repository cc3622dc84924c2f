/* Security, as the layers below and beside the Security Manager see it.  The Security Manager is
 * linked only where an application names its feature: h->smp_role is NULL without it. */
#ifndef WOAD_CORE_SECURITY_H
#define WOAD_CORE_SECURITY_H

#include <woad/woad.h>

#include "../base/buf.h"

struct conn;

enum { IN_MEMORY = false, MAY_FETCH = true };

struct smp_role {
    /* A PDU of the SMP channel; the next one to send, false: none. */
    void (*rx)(struct conn *c, struct rd *in);
    bool (*tx)(struct conn *c, struct wr *out);
    /* HCI_LE_Long_Term_Key_Request.  True: the role replies; false: there is no key. */
    bool (*key_request)(struct conn *c, const uint8_t rand[8], uint16_t ediv);
    /* A bond with the peer has a key.  fetch: IN_MEMORY, or MAY_FETCH: WOAD_EV_BOND_WANTED may ask
     * the application for the bond. */
    bool (*has_key)(const struct conn *c, bool fetch);
    /* Replaces a bonded peer's private address by its identity address, and back. */
    void (*to_identity)(struct woad *h, struct woad_addr *a);
    void (*to_air_address)(const struct woad *h, struct woad_addr *a);
    /* The GATT server's state of a bonded client has changed: save it with the bond. */
    void (*save_client_state)(struct conn *c);
    int (*pair)(struct woad *h, uint16_t conn); /* woad_pair() */
    /* A calculation that returned CRYPTO_PENDING may have finished: continue. */
    void (*wake)(struct woad *h);
};

/* Checks the connection against a level, WOAD_COC_ENCRYPTED and so on added up.  Returns 0, or the
 * ATT error of the first requirement that it does not meet. */
int conn_security_error(const struct conn *c, unsigned level);

/* smp/smp_client.c, linked with a client only. */

/* Before a client sends a request to a bonded peer, or believes what that has sent, the connection
 * must be encrypted with the bond's key: it authenticates the peer.  Starts the encryption where it
 * is missing; client_encrypt_to_send() even if it has failed before.  May raise events.
 * Returns 0: encrypted, or there is no bond: send, believe;
 * CLIENT_WAIT: encryption has been started, att_client->security_changed() follows;
 * WOAD_EACCES: it failed: send nothing, believe nothing. */
enum { CLIENT_WAIT = 1 };
int client_encrypt_to_send(struct conn *c);
int client_encrypt_to_believe(struct conn *c);
/* The connection is encrypted with the bond's key. */
bool client_peer_verified(const struct conn *c);
/* The peer refused a request for insufficient security.  True: a pairing has been started, and
 * att_client->security_changed() follows. */
bool client_raise_security(struct conn *c);

#endif
