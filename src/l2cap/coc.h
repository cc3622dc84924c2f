/* A channel with credits: what the files of the feature share. */
#ifndef WOAD_COC_H
#define WOAD_COC_H

#include "../core/conn.h"
#include "coc_role.h"

enum coc_state {
    COC_FREE,
    COC_REQUEST_DUE,   /* a request of ours is to be sent */
    COC_WAIT_RESPONSE, /* it has been */
    COC_WAIT_DECISION, /* of the application, about the peer's */
    COC_RESPONSE_DUE,  /* the answer is to be sent, when all of a request are */
    COC_OPEN,
    COC_DISCONNECT_DUE,    /* a disconnection request is to be sent */
    COC_WAIT_DISCONNECTED, /* it has been */
    COC_ENDED              /* its last event is being told */
};

enum coc_change { CHANGE_NONE, CHANGE_DUE, CHANGE_SENT };

/* Credits: that side gives them, and the other may send so many frames. */
enum { COC_CID, COC_MTU, COC_MPS, COC_CREDITS, COC_VALUES };

/* As in struct conn: the small come first. */
struct coc {
    uint8_t state;
    uint8_t id;                           /* identifier of the request that made it, or ends it */
    uint8_t request_index, request_count; /* in an enhanced request: which of how many */
    uint8_t change, change_id;            /* a reconfiguration of ours */
    bool enhanced, initiator, credits_per_sdu, att_bearer;
    bool awaits_encryption;   /* until a bonded peer has proved who it is */
    uint8_t security;         /* WOAD_COC_…: what it takes */
    bool close_when_open;     /* it is to be closed as soon as it is open */
    bool closed_emitted;      /* the application has had its last event: it is kept
                               * until an answer has been sent, or may come late */
    bool sending, last_frame; /* an SDU; the frame on its way ends it */
    bool sdu_begun;           /* the first frame of the SDU has been sent */
    bool read_begun;          /* the length of the first SDU has been read */
    bool filling;
    uint8_t result;                             /* of the decision */
    uint8_t request_result;                     /* why places of the same request have no channel */
    uint16_t own[COC_VALUES], peer[COC_VALUES]; /* as requests and answers have them */
    uint16_t sdu_len;                           /* of the SDU that is being sent */
    uint16_t rx_left;                           /* of the SDU that is coming */
    uint16_t read_left;                         /* of the SDU that is being read */
    uint16_t psm;
    uint16_t new_mtu, new_mps; /* of the reconfiguration */
    struct conn *c;
    struct coc *next; /* of the connection's, NULL: none */
    int close_status; /* that it will end with */
    uint32_t due;
    const uint8_t *sdu; /* NULL with sdu_len 0 and `sending`: an empty one */
    uint32_t sdu_off;
    /* What has come: a ring of { length u16, octets } of each SDU. */
    uint8_t *ring;
    uint32_t ring_size, ring_head, ring_used, ring_sdus; /* sdus: lengths in it */
    uint8_t *rx_buf;                                     /* woad_coc_receive() */
    uint32_t rx_buf_size, rx_buf_len;
};

struct coc_conn {
    struct coc *first; /* its channels */
    struct coc *turn;  /* who may send next, NULL: the first */
    uint16_t senders;  /* that have something to send */
    uint8_t bearers;   /* of ATT: they are asked */
    uint8_t last_cid;  /* - CID_FIRST */
};

struct cocs {
    struct coc *channels;
    struct woad_coc_params *psms; /* psm 0: free */
};

ASSERT_SIZE(coc, WOAD_SIZE_CHANNEL);
ASSERT_SIZE(coc_conn, WOAD_SIZE_CHANNEL_CONN);
ASSERT_SIZE(cocs, WOAD_SIZE_CHANNELS);
ASSERT_SIZE(woad_coc_params, 8);

enum { COC_MTU_MIN = 23, COC_MTU_MIN_ENHANCED = 64, COC_MPS_MAX = 65533 };
enum { COC_RING_MAX = 0x3fffffff };
/* The application decides within this, so that the answer arrives before the peer's RTX of 30 s
 * has run out.  6.2.1 */
enum { COC_DECISION_MS = 25000 };
enum { PENDING_MAX = 5 }; /* times that a peer may put its answer off: ERTX, 6.2.2 */

enum { PSM_EATT = 0x27 };

/* One that is a bearer of ATT, of which the application knows nothing. */
static inline bool coc_of_att(const struct coc *k)
{
    return k->att_bearer;
}

/* coc.c */
struct coc *coc_by_cid(const struct conn *c, uint16_t cid);
struct coc *coc_by_peer_cid(const struct conn *c, uint16_t cid);
struct coc *coc_find(const struct woad *h, uint16_t conn, uint16_t cid);
struct coc *coc_for_call(struct woad *h, uint16_t conn, uint16_t cid); /* and stirred */
bool coc_listener(const struct woad *h, uint16_t psm, struct woad_coc_params *p);
void coc_accept(struct coc *k, void *rx, size_t rx_size);
int coc_connect(struct conn *c, const struct woad_coc_params *p, void *const rx[], size_t rx_size,
                size_t n, uint16_t cids[], bool enhanced);
void coc_close(struct coc *k, int status);
struct coc *coc_new(struct conn *c, const struct woad_coc_params *p, bool enhanced);
void coc_free(struct coc *k);
void coc_mark_signalling(const struct coc *k);
void coc_emit(struct coc *k, enum woad_event_type type, int status);
void coc_await_decision(struct coc *k);
void coc_opened(struct coc *k);
void coc_ended(struct coc *k, int status);
void coc_response_timed_out(struct coc *k, int status);
void coc_fail(struct coc *k, int status);
/* coc_data.c */
void coc_rx(struct conn *c, uint16_t cid, struct rd *in);
void coc_too_long(struct conn *c, uint16_t cid);
uint16_t coc_tx(struct conn *c, struct wr *body, struct rd *tail);
void coc_sent(struct conn *c);
void coc_add_credits(struct coc *k, uint16_t credits);
uint16_t coc_credits_due(const struct coc *k);
size_t coc_read_sdu(struct coc *k, uint8_t *p, size_t room, bool *end);
void coc_send_sdu(struct coc *k, const void *data, size_t len);
/* coc_sig.c */
bool coc_sig_rx(struct conn *c, uint8_t code, uint8_t id, struct rd *in);
bool coc_sig_tx(struct conn *c, struct wr *out);
uint8_t coc_check_request(const struct conn *c, uint16_t psm, struct woad_coc_params *p);
uint8_t coc_check_peer_cid(const struct conn *c, uint16_t cid);
struct coc *coc_by_request(const struct conn *c, enum coc_state state, uint8_t id);
void coc_granted(struct coc *k, uint16_t cid);
void coc_timed_out(struct coc *k);
uint8_t coc_new_id(struct conn *c);
void coc_refuse(struct coc *k, uint8_t result);
void sig_head(struct wr *out, uint8_t code, uint8_t id, uint16_t len);

#endif
