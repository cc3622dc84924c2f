/* A connection: its struct, and the functions that find one.  Opening, changing and ending it:
 * host/connection.c. */
#ifndef WOAD_CORE_CONN_H
#define WOAD_CORE_CONN_H

#include <woad/woad.h>

#include "../base/buf.h"
#include "../base/fifo.h"
#include "arena.h"
#include "host.h"

struct att_bearer;
struct coc;

enum conn_state {
    CONN_FREE,
    CONN_GONE,   /* ended; its last events are being raised */
    CONN_OPEN,   /* the only state in which anything is sent on it */
    CONN_CLOSING /* HCI_Disconnect is to be sent, or has been; the controller still has it */
};

/* Indices of `current`, as HCI's events order the parameters: 1.25 ms, events, 10 ms. */
enum { CURRENT_INTERVAL, CURRENT_LATENCY, CURRENT_SUPERVISION, CURRENT_PARAMS };
/* Indices of a request's parameters, in the same units. */
enum { PARAM_MIN, PARAM_MAX, PARAM_LATENCY, PARAM_SUPERVISION, PARAMS };

/* conn.awaits: HCI events of this connection that must follow, a bit each.  Bits 0 to 6 are
 * gap_link.c's, one each enum woad_link_item.  AWAITS_PACKETS is only set by conn_watch().  The
 * same bits << AWAITS_WATCHED: those that have been awaited since conn.watch_deadline was set. */
enum { AWAITS_ENCRYPTION = 0x80, AWAITS_PACKETS = 0x100, AWAITS_WATCHED = 16 };

/* The order is by frequency of use: small offsets make shorter code.  A flag `want_…` is set when
 * an HCI command (want_sig_update: an L2CAP one) is to be sent, and cleared when it is. */
struct conn {
    uint8_t state;      /* enum conn_state */
    uint8_t tx_pending; /* TX_PENDING_…, of ready.h */
    bool became_ready;  /* marked ready since its last turn: it stays on the ready list */
    bool central;       /* our role */
    bool want_disconnect : 1;
    bool want_param_reply : 1;    /* to the peer's Connection Parameters Request: */
    bool refuse_params : 1;       /* the negative reply, not requested_params */
    bool requested_by_app : 1;    /* requested_params are of woad_conn_update() */
    bool pairing_refusal_due : 1; /* Pairing Failed is to be sent: there is no Security Manager */
    bool connect_held : 1;        /* WOAD_EV_CONNECT is held back: gap_reconnect.c */
    bool want_ltk_reply : 1;      /* the negative one; smp/ sends the positive one */
    /* Octets, because many places set them: a bit costs two instructions more. */
    bool want_update;
    bool want_sig_update;   /* L2CAP's Connection Parameter Update Request is to be sent */
    bool update_pending;    /* woad_conn_update() was called: WOAD_EV_CONN_UPDATE must follow */
    uint8_t att_refused_op; /* with no GATT server: request to answer, see att.c */
    bool channels_turn;     /* the channels' turn to send, not the queue's: l2cap_tx() */
    bool tx_ready_due;      /* a call returned WOAD_EAGAIN: WOAD_EV_TX_READY when there is room */
    bool tx_done_due;       /* WOAD_EV_TX_DONE when `queue` is empty */
    bool coc_sig_pending;   /* a channel may have a signalling command to send */
    uint8_t sig_id;         /* identifier of our parameter update request; 0: none unanswered */
    struct woad_security security;
    uint16_t handle;                  /* HCI's */
    uint16_t packets_in_controller;   /* ACL packets sent and not yet completed */
    uint16_t queue_bearer;            /* index of the Enhanced ATT bearer that holds a PDU taken
                                       * from `queue`; 0: none */
    uint16_t offered_mtu;             /* ATT_MTU in our Exchange MTU PDU; 0: none was sent */
    uint16_t current[CURRENT_PARAMS]; /* in force */
    /* The one parameter request that is being sent or answered: conn_rx_params(). */
    uint16_t requested_params[PARAMS];

    /* --- these stay when the connection ends: they belong to the slot, config.conns of them --- */
    uint16_t number; /* the public one, index | generation << 8 */
    struct woad *h;
    struct conn *ready_next;   /* the ready list, a ring; NULL: not on it */
    struct fifo queue;         /* ATT notifications, indications, write commands */
    struct att_bearer *bearer; /* the fixed channel's.  Each layer's part of the connection: */
    struct gatts_conn *server;
    struct gattc_conn *client;
    struct smp_conn *smp;
    struct coc_conn *coc;
    struct fifo sig_queue; /* L2CAP signalling responses to send */
    uint8_t *rx;           /* rx_frame_max + 4 octets: a frame that arrives in fragments */

    /* --- zero when the connection opens, as the fields before `number` --- */
    uint32_t rx_len;         /* octets in `rx` */
    uint32_t tx_left;        /* octets of the outgoing frame that are not in a packet yet */
    const uint8_t *tx_tail;  /* those octets; NULL: the channel was closed, send zeros */
    struct coc *tx_channel;  /* the channel of that frame; NULL: none, or closed */
    uint32_t deadline;       /* deadline of a parameter update; CONN_CLOSING: of HCI_Disconnect */
    uint32_t awaits;         /* AWAITS_… */
    uint32_t watch_deadline; /* deadline of what is watched in `awaits` */
    struct woad_addr peer;   /* the identity address, where it is known */
    struct woad_addr own_air, peer_air; /* the addresses on the air when it was opened */
    uint8_t sig_last_id;                /* the last signalling identifier that was used */
    uint8_t reason;                     /* for HCI_Disconnect */
};

ASSERT_SIZE(conn, WOAD_SIZE_CONN);

/* An event that was awaited has arrived, or is not awaited any more. */
static inline void conn_arrived(struct conn *c, unsigned what)
{
    c->awaits &= ~(what | what << AWAITS_WATCHED);
}

static inline uint16_t conn_index(const struct conn *c)
{
    return (uint8_t)c->number;
}

/* The slot's next public number.  It is never WOAD_NO_CONN. */
ALWAYS_INLINE uint16_t conn_next_number(uint16_t number)
{
    enum { GENERATIONS = 127 };
    unsigned next = number + 0x100u;
    if (next >= GENERATIONS << 8) {
        next -= GENERATIONS << 8;
    }
    return (uint16_t)next;
}

/* The connection with this public number; NULL: it has ended, with its last event. */
struct conn *conn_of(const struct woad *h, uint16_t number);
/* The same at the beginning of a public call, which may change what is to be sent: it marks all
 * connections ready. */
struct conn *conn_for_call(struct woad *h, uint16_t number);
/* By HCI's handle, or by the peer's identity address; NULL: none. */
struct conn *conn_by_handle(const struct woad *h, uint16_t handle);
struct conn *conn_by_peer(const struct woad *h, const struct woad_addr *peer);
bool conn_any_free(const struct woad *h);

/* Provided by host/connection.c, the layer above.  Closing ends every procedure of the connection
 * and raises WOAD_EV_DISCONNECT with this HCI reason. */
void conn_close(struct conn *c, uint8_t reason);
void conn_close_all(struct woad *h, uint8_t reason);
/* Ends what has timed out; milliseconds to the next deadline. */
uint32_t conns_run_timers(struct woad *h);

#endif
