/* Credit-based channels, as the files that are linked without them call them: h->coc_role is NULL
 * then.  And what such a channel does for Enhanced ATT, h->eatt_role. */
#ifndef WOAD_L2CAP_COC_ROLE_H
#define WOAD_L2CAP_COC_ROLE_H

#include <woad/l2cap.h>
#include <woad/woad.h>

#include "../base/buf.h"

struct att_bearer;
struct conn;

struct coc;
struct coc_role {
    void (*rx)(struct conn *c, uint16_t cid, struct rd *in);
    void (*rx_too_long)(struct conn *c, uint16_t cid); /* a frame for it */
    /* The next frame of the channels that have not had their turn: its CID, 0 when there is none.
     * Of its body the first octets are written, the rest is `tail`. */
    uint16_t (*tx)(struct conn *c, struct wr *body, struct rd *tail);
    void (*frame_copied)(struct conn *c); /* all of that frame has been copied */
    bool (*sig_rx)(struct conn *c, uint8_t code, uint8_t id, struct rd *in);
    bool (*sig_tx)(struct conn *c, struct wr *out);
    void (*security_changed)(struct conn *c, int status);
    void (*security_lowered)(struct conn *c); /* the security */
};

/* Enhanced ones: their requests, and what they send. */
struct coc_enhanced {
    bool (*rx)(struct conn *c, uint8_t code, uint8_t id, struct rd *in);
    void (*write_request)(struct coc *k, struct wr *out);
    bool (*write_response)(struct coc *k, struct wr *out); /* false: not yet */
    void (*write_reconfigure)(struct coc *k, struct wr *out);
    void (*timed_out)(struct coc *k);
};

/* Bearers over channels, for ATT and for the channels. */
struct eatt_role {
    struct woad_coc_params (*params)(const struct woad *h);
    void (*peer_requested)(struct conn *c); /* the peer has, whatever it gets */
    uint8_t *(*memory)(const struct coc *k, size_t *size);
    bool (*load_pdu)(struct coc *k); /* with what is to be sent next */
    void (*data)(struct coc *k, enum woad_event_type type);
    void (*event)(struct coc *k, enum woad_event_type type, int status);
    void (*timed_out)(struct att_bearer *b);
    uint16_t (*max_mtu)(const struct conn *c);  /* the largest MTU of its bearers */
    int (*request)(const struct att_bearer *b); /* see att_request_number() */
};

#endif
