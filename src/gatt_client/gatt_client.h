/* The GATT client's procedures: a queue of them for each connection, and the request in progress on
 * each bearer.  Read by the files of this folder only. */
#ifndef WOAD_GATT_CLIENT_H
#define WOAD_GATT_CLIENT_H

#include "../att/att.h"

/* A queued procedure, from its call until its WOAD_EV_GATTC_DONE. */
struct proc {
    const struct gattc_kind *kind; /* its next request: changes as the procedure advances */
    struct att_bearer *bearer;     /* the bearer it runs on; NULL: not started */
    int16_t abort_status; /* status to end with once a prepared write has been cancelled; 0: none */
    uint16_t start, end;  /* start: next handle to ask for, or the attribute; end: last handle */
    union {
        uint16_t offset;       /* octets read or prepared so far */
        uint16_t found;        /* of a search: not 0: one was found */
        uint16_t cccd;         /* of woad_gattc_subscribe(): search goes on there; then the CCCD */
        uint16_t included_end; /* last handle of the included service in `included` */
    };
    uint8_t op;               /* enum woad_gattc_op */
    bool filtered : 1;        /* only results with `uuid` */
    bool security_raised : 1; /* refused for lack of security once, and repeated */
    bool cancelled : 1;       /* by woad_gattc_cancel() */
    bool encrypted_only : 1;  /* queued while the connection was encrypted */
    uint8_t security_error;   /* ATT error of the refusal, while it waits for security; 0: none */
    union {
        struct woad_uuid uuid; /* the filter; else that of the pending characteristic */
        struct { /* an included service whose UUID is being read; and others, which follow it */
            uint8_t queued; /* octets in the queue: up to two entries */
            uint8_t declaration[2], start[2], queue[12];
        } included;
    };
};

/* A characteristic found, and not reported yet: its last handle is known from the next
 * declaration. */
struct pending_decl {
    uint16_t declaration, value;
    uint8_t props;
};

struct gattc_conn {
    struct proc *procs; /* config.procedures of them, in the order of their calls */
    struct proc *end;   /* behind the last one in use */
    struct fifo data;   /* values to be written, and lists of handles, in the same order */
    /* The fields from here on are cleared when a connection opens. */
    bool awaiting_security; /* all procedures wait until the bonded peer has encrypted */
    bool tx_ready_due : 1;  /* a call has returned WOAD_EAGAIN */
    bool locked : 1;        /* no procedure may be removed: an event about one is being raised */
    bool security_changed : 1, security_failed : 1; /* while locked: gattc_security_changed() is to
                                                     * be called; with a failure */
    struct pending_decl pending;
};

struct gattc_bearer {
    uint8_t request;       /* opcode of the request without response yet; 0: none */
    bool confirmation_due; /* an indication is to be confirmed */
    uint16_t mtu;          /* ATT_MTU when the request was sent */
    uint32_t deadline;     /* deadline for the response; 0: none */
};
ASSERT_SIZE(gattc_conn, WOAD_SIZE_CLIENT_CONN);
ASSERT_SIZE(gattc_bearer, WOAD_SIZE_CLIENT_BEARER);
ASSERT_SIZE(proc, WOAD_SIZE_PROCEDURE);

/* A kind of request: how it is written and how its response is read. rx and error return 0 to
 * continue, GATTC_DONE, or the status to end with; without `error` an Error Response ends the
 * procedure.  `error` of a long write is called with a status below 0, too: it then cancels what is
 * prepared, and ends with that. */
enum { GATTC_DONE = 1 << 16 };
struct gattc_kind {
    uint8_t request, op; /* opcode of the request; enum woad_gattc_op, for WOAD_EV_GATTC_DONE */
    uint16_t type;       /* attribute type for gattc_tx_range(); 0: none */
    void (*tx)(struct conn *c, struct proc *p, struct wr *out);
    int (*rx)(struct conn *c, struct proc *p, struct rd *in);
    int (*error)(struct conn *c, struct proc *p, int status);
};

/* Not a procedure of the application: a notification or indication that a bonded peer has sent
 * before the encryption, kept in the queue until it is believed or dropped.  `start` is its handle,
 * `end` its event type. */
enum { GATTC_EARLY = WOAD_GATTC_WRITE_RELIABLE + 1 };

/* gatt_client.c */
/* Queues a procedure about start..end; `uuid`: results of that type only. */
int gattc_add_range(struct woad *h, uint16_t conn, const struct gattc_kind *kind, uint16_t start,
                    uint16_t end, const struct woad_uuid *uuid);
/* Queues a procedure with a copy of `data`. *added is the new element, for the caller to complete.
 * 0, WOAD_ENOTSUP, WOAD_ENOTCONN or WOAD_EAGAIN. */
int gattc_add(struct woad *h, uint16_t conn, const struct gattc_kind *kind, uint16_t start,
              const void *data, size_t data_len, struct proc **added);
/* Whether this kind of procedure has data in gattc_conn.data. */
static inline bool gattc_has_data(const struct proc *p)
{
    return p->op >= WOAD_GATTC_READ_MULTIPLE;
}
/* The data queued with it, fifo_len() octets. */
const uint8_t *gattc_data(const struct conn *c, const struct proc *p);
/* The handle before those that are asked for: a response's elements are in ascending order. */
static inline uint16_t gattc_before(const struct proc *p)
{
    return (uint16_t)(p->start - 1);
}
/* Advances behind `last`, the last handle of a response.  0: continue; GATTC_DONE: all are found.
 */
int gattc_advance(struct proc *p, uint16_t last);
/* Raises WOAD_EV_CHARACTERISTIC for the pending one, if any, which ends at `end`. */
void gattc_emit_pending(struct conn *c, const struct proc *p, uint16_t end);
/* Reads a response with characteristics, of gattc_tx_range().  Result as gattc_kind.rx; sets
 * p->found if one of them was wanted. */
int gattc_characteristics_rx(struct conn *c, struct proc *p, struct rd *in);
/* Write a request: start u16, end u16, and the 16-bit type if there is one; then the UUID. */
void gattc_tx_range(struct conn *c, struct proc *p, struct wr *out);
void gattc_tx_uuid(struct conn *c, struct proc *p, struct wr *out);
/* Whether the rest is one or more elements of `each` octets, all complete. */
bool gattc_is_list(const struct rd *in, size_t each);

#endif
