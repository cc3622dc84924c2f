/* The client's queue of procedures for each connection, and its request on each bearer. */
#ifndef WOAD_GATT_CLIENT_H
#define WOAD_GATT_CLIENT_H

#include "../att/att.h"

struct proc {
    const struct gattc_kind *kind; /* which request it makes next */
    struct att_bearer *bearer;     /* on which it runs, NULL: on none yet */
    int16_t abort_status;          /* a prepared write to be taken back: its status */
    uint16_t start, end;           /* start: next handle to ask from, or the handle */
    uint16_t offset;
    uint8_t op; /* enum woad_gattc_op */
    bool filtered : 1;
    bool security_raised : 1; /* it was refused, and is asked again */
    bool cancelled : 1;
    bool encrypted_only : 1; /* it was queued while the connection was encrypted */
    uint8_t security_error;  /* it waits for security: what it was told */
    struct woad_uuid uuid;   /* the filter; without, of the characteristic held back,
                              * or included services whose UUIDs come to be read */
};

/* A characteristic that is held back: its end is not known until the next declaration is. */
struct found {
    uint16_t declaration, value;
    uint8_t props;
};

/* While included services are looked for, `found` is one whose UUID is asked for: declaration, and
 * start as `value`. */
struct gattc_conn {
    struct proc *procs; /* config.procedures of them, in order */
    struct proc *end;   /* of those that are in use */
    struct fifo data;   /* of the writes among them, in the same order */
    /* From here on it is of this connection, and not of its place. */
    bool awaiting_security; /* all of them wait for security: the peer is bonded */
    bool tx_ready_due : 1;  /* a caller got WOAD_EAGAIN */
    bool locked : 1;        /* none is removed: an event is raised about one of them */
    bool security_changed : 1,
        security_failed : 1; /* gattc_security_changed() was called meanwhile; with a status */
    struct found pending;
};

struct gattc_bearer {
    uint8_t request;       /* the request that is out, 0: none */
    bool confirmation_due; /* an indication has come, and may be confirmed */
    uint16_t mtu;          /* ATT_MTU when `sent` went */
    uint32_t due;
};
ASSERT_SIZE(gattc_conn, WOAD_SIZE_CLIENT_CONN);
ASSERT_SIZE(gattc_bearer, WOAD_SIZE_CLIENT_BEARER);
ASSERT_SIZE(proc, WOAD_SIZE_PROCEDURE);

/* What a procedure sends and how it takes the answer.  rx and error return 0 to go on, GATTC_DONE,
 * or the status it ended with; without `error` that is the error's code.  `error` of a long write
 * gets WOAD_ECANCELED, too, when it is cancelled half done: it takes back what is prepared. */
enum { GATTC_DONE = 1 << 16 };
struct gattc_kind {
    uint8_t request, op; /* op: of the procedure that begins with it */
    uint16_t type;       /* that gattc_tx_range() asks for */
    void (*tx)(struct conn *c, struct proc *p, struct wr *out);
    int (*rx)(struct conn *c, struct proc *p, struct rd *in);
    int (*error)(struct conn *c, struct proc *p, int status);
};

/* An operation of its own, of which the application does not know: a notification or an indication
 * that a bonded peer has sent before the encryption.  `start` is its handle, `end` its event. */
enum { GATTC_EARLY = WOAD_GATTC_WRITE_RELIABLE + 1 };

/* gatt_client.c */
/* About start..end; `uuid`: those of one type alone. */
int gattc_add_range(struct woad *h, uint16_t conn, const struct gattc_kind *kind, uint16_t start,
                    uint16_t end, const struct woad_uuid *uuid);
/* Queues a procedure.  *added is the procedure: what is 0 in it so far may be filled in. */
int gattc_add(struct woad *h, uint16_t conn, const struct gattc_kind *kind, uint16_t start,
              const void *data, size_t data_len, struct proc **added);
static inline bool gattc_has_data(const struct proc *p)
{
    return p->op >= WOAD_GATTC_READ_MULTIPLE;
}
/* What the caller gave with it: fifo_len() of octets. */
const uint8_t *gattc_data(const struct conn *c, const struct proc *p);
/* What an answer comes to whose last handle is `last`: on behind it, or done. */
int gattc_advance(struct proc *p, uint16_t last);
void gattc_emit_pending(struct conn *c, const struct proc *p, uint16_t end);
/* What begins with start u16, end u16, and a type of 16 bits unless it is 0; behind it the UUID. */
void gattc_tx_range(struct conn *c, struct proc *p, struct wr *out);
void gattc_tx_uuid(struct conn *c, struct proc *p, struct wr *out);
/* A list whose elements have `each` octets: whether there is one, and all are whole. */
bool gattc_is_list(const struct rd *in, size_t each);

#endif
