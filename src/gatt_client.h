/* The client's queue of procedures for each connection, and its request on each bearer. */
#ifndef WOAD_GATT_CLIENT_H
#define WOAD_GATT_CLIENT_H

#include "host.h"

struct proc {
    uint8_t op;                          /* enum woad_gattc_op */
    bool filtered;
    bool raised;                         /* it was refused, and is asked again */
    bool cancelled;
    uint8_t refused;                     /* it waits for security: what it was told */
    int16_t abort;                       /* a prepared write to be taken back: its status */
    uint16_t bearer;                     /* on which it runs, or NO_BEARER */
    uint16_t start, end;                 /* start: next handle to ask from, or the handle */
    uint16_t offset;
    struct woad_uuid uuid;               /* the filter */
};

/* A characteristic whose end is not known until the next declaration is. */
struct found { uint16_t declaration, value; uint8_t props; struct woad_uuid uuid; };

struct gattc_conn {
    struct proc *procs;                  /* config.procedures of them, in order */
    uint8_t used;
    struct fifo data;                    /* of the writes among them, in the same order */
    bool full;                           /* a caller got WOAD_EAGAIN */
    bool draining;
    bool held;                           /* all of them wait for security: the peer is bonded */
    struct found found;
};

struct gattc_bearer {
    uint8_t sent;                        /* the request that is out, 0: none */
    bool confirm;                        /* an indication has come */
    uint32_t due;
};
enum { NO_BEARER = 0xffff };

/* While included services are looked for, `found` is one whose UUID is asked for: declaration, and
 * start as `value`. */
struct gattc { struct gattc_conn *conns; struct gattc_bearer *bearers; };

HOLD_SIZE(gattc, WOAD_SIZE_CLIENT);
HOLD_SIZE(gattc_conn, WOAD_SIZE_CLIENT_CONN);
HOLD_SIZE(gattc_bearer, WOAD_SIZE_CLIENT_BEARER);
HOLD_SIZE(proc, WOAD_SIZE_PROCEDURE);

/* What a procedure sends and how it takes the answer.  rx returns 0 to go on, GATTC_DONE, or the
 * status it ended with. */
enum { GATTC_DONE = 1 << 16 };
struct gattc_kind {
    uint8_t request, response;
    void (*tx)(struct woad *h, uint16_t i, struct proc *p, struct wr *out);
    int (*rx)(struct woad *h, uint16_t i, struct proc *p, struct rd *in);
};

/* gatt_discover.c, gatt_read.c */
extern const struct gattc_kind gattc_services_all, gattc_services_uuid, gattc_included,
    gattc_included_uuid, gattc_characteristics, gattc_descriptors, gattc_read, gattc_read_blob,
    gattc_read_by_uuid, gattc_read_multiple, gattc_read_multiple_fixed;
int included_unknown(struct woad *h, uint16_t i, struct proc *p);
/* gatt_client.c */
int gattc_add(struct woad *h, uint16_t conn, const struct proc *p, const void *data,
              size_t data_len);
/* What the caller gave with it. */
uint16_t gattc_data_len(const struct woad *h, uint16_t i, const struct proc *p);
uint8_t gattc_data_octet(const struct woad *h, uint16_t i, const struct proc *p, size_t at);
void gattc_data_read(const struct woad *h, uint16_t i, const struct proc *p, size_t from, size_t n,
                     struct wr *out);
void gattc_emit_found(struct woad *h, uint16_t i, const struct proc *p, uint16_t end);

#endif
