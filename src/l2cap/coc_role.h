/* Hooks of credit-based channels and of Enhanced ATT, for files that are linked without them.  Each
 * pointer to them in struct woad is NULL where the feature is not named. */
#ifndef WOAD_L2CAP_COC_ROLE_H
#define WOAD_L2CAP_COC_ROLE_H

#include <woad/l2cap.h>
#include <woad/woad.h>

#include "../base/buf.h"

struct att_bearer;
struct conn;

struct coc;

/* h->coc_role: what L2CAP needs of the channels. */
struct coc_role {
    /* A frame; one that is longer than the host can receive. */
    void (*rx)(struct conn *c, uint16_t cid, struct rd *in);
    void (*rx_too_long)(struct conn *c, uint16_t cid);
    /* The next frame of the channels that have not had their turn in this round: its CID, 0: none.
     * Its payload is `body`, then `tail` in the application's memory. */
    uint16_t (*tx)(struct conn *c, struct wr *body, struct rd *tail);
    /* All of c->tx_channel's frame has been copied into packets. */
    void (*frame_copied)(struct conn *c);
    /* A signalling command; false: not understood.  The next one to send; false: none. */
    bool (*sig_rx)(struct conn *c, uint8_t code, uint8_t id, struct rd *in);
    bool (*sig_tx)(struct conn *c, struct wr *out);
    /* An attempt to encrypt has ended with this status; the connection has less security. */
    void (*security_changed)(struct conn *c, int status);
    void (*security_lowered)(struct conn *c);
};

/* h->coc_enhanced: requests for several channels, and reconfiguration, for coc_sig.c. */
struct coc_enhanced {
    bool (*rx)(struct conn *c, uint8_t code, uint8_t id, struct rd *in);
    /* Write the request of this channel and of those with the same identifier; the response to one,
     * false: a decision is missing; a reconfiguration request. */
    void (*write_request)(struct coc *ch, struct wr *out);
    bool (*write_response)(struct coc *ch, struct wr *out);
    void (*write_reconfigure)(struct coc *ch, struct wr *out);
    void (*timed_out)(struct coc *ch); /* a reconfiguration */
};

/* h->eatt_role: ATT bearers over channels, for the channels and for ATT. */
struct eatt_role {
    struct woad_coc_params (*params)(const struct woad *h); /* of the PSM of Enhanced ATT */
    void (*peer_requested)(struct conn *c); /* the peer requests bearers, perhaps in vain */
    /* A free slot may not be used yet: the server's request on it has not been answered. */
    bool (*busy)(const struct woad *h, const struct coc *ch);
    uint8_t *(*memory)(const struct coc *ch, size_t *size); /* for a channel's ring */
    bool (*load_pdu)(struct coc *ch); /* coc_send_sdu() the bearer's next PDU; false: none */
    /* The channel's events: of data, of its life. */
    void (*data)(struct coc *ch, enum woad_event_type type);
    void (*event)(struct coc *ch, enum woad_event_type type, int status);
    void (*timed_out)(struct att_bearer *b);    /* an ATT transaction: close the channel */
    uint16_t (*max_mtu)(const struct conn *c);  /* the largest MTU of its bearers */
    int (*request)(const struct att_bearer *b); /* see att_request_number() */
};

#endif
