/* A connection: its struct, and how it is found.  Its life (opened, changed, ended) is in
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

/* CONN_GONE: it has ended, and its last events are being raised.  CONN_CLOSING: HCI_Disconnect has
 * been asked for; the controller still has it. */
enum conn_state { CONN_FREE, CONN_GONE, CONN_OPEN, CONN_CLOSING };

/* The small and much used come first: they are the cheapest to reach. */
enum {
    CURRENT_INTERVAL,
    CURRENT_LATENCY,
    CURRENT_SUPERVISION,
    CURRENT_PARAMS
}; /* as HCI has them */
enum { PARAM_MIN, PARAM_MAX, PARAM_LATENCY, PARAM_SUPERVISION, PARAMS };
struct conn {
    uint8_t state;
    uint8_t tx_pending; /* STIRRED_…: what may have something beside its queue */
    bool became_ready;  /* since it was asked */
    bool central;
    bool want_disconnect : 1, want_param_reply : 1;
    bool refuse_params : 1;       /* which way want_param_reply goes */
    bool requested_by_app : 1;    /* `asked` is of woad_conn_update() */
    bool pairing_refusal_due : 1; /* Pairing Failed is owed */
    bool connect_held : 1;        /* WOAD_EV_CONNECT is held back: gap_reconnect.c */
    bool want_ltk_reply : 1;
    /* Octets, since they are set in many places: a bit takes two instructions more. */
    bool want_update;
    bool want_sig_update;   /* a request for parameters is to be sent by L2CAP */
    bool update_pending;    /* WOAD_EV_CONN_UPDATE is owed whatever the outcome */
    uint8_t att_refused_op; /* without a server: the request, with a bit if refused */
    bool channels_turn;     /* and not that of the queue: see l2cap_tx() */
    bool tx_ready_due;      /* a caller got WOAD_EAGAIN: tell it when there is room */
    bool tx_done_due;       /* WOAD_EV_TX_DONE, when all of the queue is out */
    bool coc_sig_pending;   /* a channel may owe some signalling */
    uint8_t sig_id;         /* of the parameter request that waits for its answer,
                             * 0: none */
    struct woad_security security;
    uint16_t handle;                   /* HCI's */
    uint16_t packets_in_controller;    /* packets not yet completed */
    uint16_t queue_bearer;             /* number of the bearer that still sends one of `queue` */
    uint16_t offered_mtu;              /* our ATT_MTU on the fixed channel; 0: none so far */
    uint16_t current[CURRENT_PARAMS];  /* what it has: */
    uint16_t requested_params[PARAMS]; /* one request's at a time: see conn_rx_params() */
    /* From here on it belongs to the place, and is there before the connection and after it… */
    uint16_t number; /* the public one: see conn_of() */
    struct woad *h;
    struct conn *ready_next; /* in a ring of those; NULL: it is not among them */
    struct fifo queue;       /* ATT: notifications, indications, write commands */
    /* What each layer has of it: their arrays' elements. */
    struct att_bearer *bearer; /* the fixed channel */
    struct gatts_conn *server;
    struct gattc_conn *client;
    struct smp_conn *smp;
    struct coc_conn *coc;
    struct fifo sig_queue; /* of signalling */
    uint8_t *rx;           /* the L2CAP frame that comes in */
    /* …and to here. */
    uint32_t rx_len, tx_left; /* octets of that one; of the one going out */
    const uint8_t *tx_tail;   /* what is left, NULL when the channel has gone: zeros */
    struct coc *tx_channel;   /* NULL: none, or it has gone */
    uint32_t due;             /* of an update; of HCI_Disconnect, when CONN_CLOSING */
    struct woad_addr peer;
    struct woad_addr own_air, peer_air; /* as they were on the air when it began */
    uint8_t sig_last_id;                /* the last identifier */
    uint8_t reason;                     /* of HCI_Disconnect */
};

ASSERT_SIZE(conn, WOAD_SIZE_CONN);

static inline uint16_t conn_index(const struct conn *c)
{
    return (uint8_t)c->number;
}

/* By its public number, for the host itself: NULL when that connection has ended.  For a call of
 * the application on it, which may change what is to be sent: all connections are made ready. */
struct conn *conn_of(const struct woad *h, uint16_t number);
struct conn *conn_for_call(struct woad *h, uint16_t number);
struct conn *conn_by_handle(const struct woad *h, uint16_t handle); /* HCI's */
struct conn *conn_by_peer(const struct woad *h, const struct woad_addr *peer);
bool conn_any_free(const struct woad *h);
/* Provided by the layer above, host/connection.c: it has ended; all have; its deadlines. */
void conn_close(struct conn *c, uint8_t reason);
void conn_close_all(struct woad *h, uint8_t reason);
uint32_t conns_run_timers(struct woad *h);

#endif
