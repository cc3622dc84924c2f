/* Credit-based channels: the struct of a channel, and what the files of the feature share.  coc.c
 * has the table and a channel's life, coc_sig.c its signalling, coc_data.c its SDUs; coc_enhanced.c
 * requests for several channels, and reconfiguration. */
#ifndef WOAD_COC_H
#define WOAD_COC_H

#include "../core/config.h"
#include "../core/conn.h"
#include "coc_role.h"

/* …_DUE: a signalling command is to be sent; WAIT_…: it has been, and its answer is awaited. */
enum coc_state {
    COC_FREE,
    COC_REQUEST_DUE,       /* our connection request */
    COC_WAIT_RESPONSE,     /* to it */
    COC_WAIT_DECISION,     /* the application's, about the peer's request */
    COC_RESPONSE_DUE,      /* to the peer's request: `result` */
    COC_OPEN,              /* states from here on: both sides have identifiers */
    COC_DISCONNECT_DUE,    /* our disconnection request */
    COC_WAIT_DISCONNECTED, /* the response to it */
    /* Being made, or its last event is being raised: no timer, PDU or call acts on it. */
    COC_ENDED
};

/* A reconfiguration of ours: none, its request is to be sent, its response is awaited. */
enum coc_change { CHANGE_NONE, CHANGE_DUE, CHANGE_SENT };

/* Indices of `own` and `peer`, in the order of requests and responses.  own[COC_CREDITS]: frames
 * that the peer may still send; peer[COC_CREDITS]: frames that we may send. */
enum { COC_CID, COC_MTU, COC_MPS, COC_CREDITS, COC_VALUES };

struct coc {
    uint8_t state;         /* enum coc_state */
    uint8_t id;            /* identifier of the request that opens or closes it */
    uint8_t request_index; /* in an enhanced request: which of its channels… */
    uint8_t request_count; /* …and how many it asks for */
    uint8_t change;        /* enum coc_change */
    uint8_t change_id;     /* identifier of that request */
    bool enhanced;         /* opened by an enhanced request */
    bool initiator;        /* opened by our request */
    bool credits_per_sdu, att_bearer;
    bool awaits_encryption; /* COC_REQUEST_DUE: the bonded peer must be authenticated first */
    uint8_t security;       /* WOAD_COC_ENCRYPTED and so on: what it requires */
    bool close_when_open; /* the caller closed it before the response: close it as soon as it opens
                           */
    bool hidden;          /* the application does not see it any more: it has refused it, or has had
                           * WOAD_EV_COC_CLOSED.  It lasts until a response has been
                           * sent, or in case one arrives late */
    bool sending;         /* `sdu` is being sent */
    bool last_frame;      /* the frame on its way is the SDU's last */
    bool read_begun; /* read_left is valid: the length of the first SDU was taken off the ring */
    bool filling; /* coc_fill() is on the call stack, or eatt_rx_pdus(): neither is entered again */
    uint8_t result; /* of the response: 0, or WOAD_COC_…; of ours: how often it was pending */
    uint8_t request_result; /* why other channels of the same enhanced request were refused */
    uint16_t own[COC_VALUES], peer[COC_VALUES];
    uint16_t sdu_len;   /* of `sdu` */
    uint16_t read_left; /* octets of the SDU being read that the caller has not got */
    uint16_t psm;
    uint16_t new_mtu, new_mps; /* of the reconfiguration */
    uint32_t rx_left;          /* octets of the SDU being received that have not arrived */
    struct conn *c;
    struct coc *next;   /* of the connection's list, in the order of their making */
    int close_status;   /* for WOAD_EV_COC_CLOSED */
    uint32_t deadline;  /* deadline of what the state waits for, or of a reconfiguration */
    const uint8_t *sdu; /* the application's; NULL: none, or an empty one */
    uint32_t sdu_off;   /* octets of it that are in frames; 0: its first frame is to come */
    /* Received SDUs: a ring of { length u16, octets }, in the application's memory. */
    uint8_t *ring;
    uint32_t ring_size, ring_head, ring_used; /* octets */
    uint32_t ring_sdus;                       /* lengths in it */
    uint8_t *rx_buf;                          /* of woad_coc_receive(); NULL: none */
    uint32_t rx_buf_size, rx_buf_len;         /* octets; those that are filled */
};

/* A connection's part. */
struct coc_conn {
    struct coc *first; /* list of its channels */
    struct coc *turn;  /* the next that may send; NULL: the first */
    uint16_t senders;  /* channels with `sending` set */
    uint8_t bearers;   /* open channels that are ATT bearers: they are polled for PDUs */
    uint8_t next_cid;  /* the identifier to try next, less CID_FIRST */
};

/* h->cocs */
struct cocs {
    struct coc *channels;         /* config.l2cap_channels, then config.att_bearers */
    struct woad_coc_params *psms; /* config.psms that are listened to; psm 0: free */
};

ASSERT_SIZE(coc, WOAD_SIZE_CHANNEL);
ASSERT_SIZE(coc_conn, WOAD_SIZE_CHANNEL_CONN);
ASSERT_SIZE(cocs, WOAD_SIZE_CHANNELS);
ASSERT_SIZE(woad_coc_params, 8);

/* The feature's complete_config, which Enhanced ATT repeats.  Each channel, those of Enhanced ATT
 * too, may have a signalling response to send. */
void coc_complete_config(struct woad *h, struct woad_config *cfg);

enum { COC_MTU_MIN = 23, COC_MTU_MIN_ENHANCED = 64, COC_MPS_MAX = CONFIG_MPS_MAX };
enum { COC_RING_MAX = 0x3fffffff };

/* The smallest MTU, and MPS. */
static inline uint16_t coc_mtu_min(bool enhanced)
{
    return enhanced ? COC_MTU_MIN_ENHANCED : COC_MTU_MIN;
}

/* The status of a channel that has failed to open: if the caller had closed it, its own. */
static inline int coc_open_status(const struct coc *ch, int status)
{
    return ch->close_when_open ? ch->close_status : status;
}

/* Time limit of the application's decision: our response then arrives within the peer's RTX of 30
 * s. 6.2.1 */
enum { COC_DECISION_MS = 25000 };
enum { PENDING_MAX = 5 }; /* "connection pending" responses that restart the timer: ERTX, 6.2.2 */

enum { PSM_EATT = 0x27 };

/* `enhanced`: the request for a channel is an LE Credit Based, or an (enhanced) Credit Based one.
 */
enum { COC_BASIC = false, COC_ENHANCED = true };

/* coc.c */

/* By our channel identifier, or by the peer's; NULL: none. */
struct coc *coc_by_cid(const struct conn *c, uint16_t cid);
struct coc *coc_by_peer_cid(const struct conn *c, uint16_t cid);
/* By public connection number and identifier: a channel of the application's; NULL: none.  For a
 * public call that may change what is to be sent, coc_for_call(): it marks the channel ready. */
struct coc *coc_find(const struct woad *h, uint16_t conn, uint16_t cid);
struct coc *coc_for_call(struct woad *h, uint16_t conn, uint16_t cid);
/* The parameters of a PSM that is listened to; false: it is not. */
bool coc_listener(const struct woad *h, uint16_t psm, struct woad_coc_params *p);
/* Allocates a channel at the end of the connection's list; NULL: no slot, or no identifier.  The
 * caller sets its state. */
struct coc *coc_new(struct conn *c, const struct woad_coc_params *p, bool enhanced);
/* Frees it, without an event. */
void coc_free(struct coc *ch);
/* Requests n channels: all or none.  rx NULL: ATT bearers, which have their own memory. */
int coc_connect(struct conn *c, const struct woad_coc_params *p, void *const rx[], size_t rx_size,
                size_t n, uint16_t cids[], bool enhanced);
/* The peer's request: ask the application; accept; refuse, with no event more. */
void coc_await_decision(struct coc *ch);
void coc_accept(struct coc *ch, void *rx, size_t rx_size);
void coc_refuse(struct coc *ch, uint8_t result);
/* Both sides have agreed. */
void coc_opened(struct coc *ch);
/* Begins to close it, in the way of its state; `status` is for WOAD_EV_COC_CLOSED. */
void coc_close(struct coc *ch, int status);
/* Disconnects an open channel. */
void coc_fail(struct coc *ch, int status);
/* The channel has ended: raises WOAD_EV_COC_CLOSED and frees it. */
void coc_ended(struct coc *ch, int status);
/* The same for an unanswered request: the channel stays allocated for a late response. */
void coc_response_timed_out(struct coc *ch, int status);
/* The channel may have a signalling command to send. */
void coc_mark_signalling(const struct coc *ch);
/* Raises an event of the channel, or passes it to Enhanced ATT. */
void coc_emit(struct coc *ch, enum woad_event_type type, int status);

/* coc_data.c */

/* A frame for a channel; one that is longer than the host can receive. */
void coc_rx(struct conn *c, uint16_t cid, struct rd *in);
void coc_rx_too_long(struct conn *c, uint16_t cid);
/* See struct coc_role. */
uint16_t coc_tx(struct conn *c, struct wr *body, struct rd *tail);
void coc_frame_copied(struct conn *c);
/* The peer grants credits. */
void coc_add_credits(struct coc *ch, uint16_t credits);
/* Credits to grant to the peer now; 0: none, or not enough to be worth a packet. */
uint16_t coc_credits_to_give(const struct coc *ch);
/* Copies octets of the first SDU; returns how many.  *end: the SDU ends with them. */
size_t coc_read_sdu(struct coc *ch, uint8_t *p, size_t room, bool *end);
/* Begins to send an SDU. */
void coc_send_sdu(struct coc *ch, const void *data, size_t len);

/* coc_sig.c */

/* See struct coc_role. */
bool coc_sig_rx(struct conn *c, uint8_t code, uint8_t id, struct rd *in);
bool coc_sig_tx(struct conn *c, struct wr *out);
/* Checks a request of the peer's for a channel: 0, and the PSM's parameters; or the result to
 * refuse it with. */
uint8_t coc_check_request(const struct conn *c, uint16_t psm, struct woad_coc_params *p);
uint8_t coc_check_peer_cid(const struct conn *c, uint16_t cid);
/* A channel in this state, opened or closed by our request with this identifier; NULL: none. */
struct coc *coc_by_request(const struct conn *c, enum coc_state state, uint8_t id);
/* The peer's response grants the channel, with peer[] set but for the identifier. */
void coc_granted(struct coc *ch, uint16_t cid);
void coc_timed_out(struct coc *ch);
/* An identifier that no unanswered request of ours has. */
uint8_t coc_new_id(struct conn *c);

#endif
