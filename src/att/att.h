/* The Attribute Protocol's bearers.  Vol 3, Part F */
#ifndef WOAD_ATT_ATT_H
#define WOAD_ATT_ATT_H

#include <woad/gatt.h>

#include "../core/conn.h"
#include "../l2cap/coc_role.h"

enum { /* Vol 3, Part F, 3.4.8 */
       ATT_WITHDRAWN = 0,
       ATT_ERROR_RSP = 0x01,
       ATT_MTU_REQ = 0x02,
       ATT_MTU_RSP = 0x03,
       ATT_FIND_INFO_REQ = 0x04,
       ATT_FIND_INFO_RSP = 0x05,
       ATT_FIND_BY_VALUE_REQ = 0x06,
       ATT_FIND_BY_VALUE_RSP = 0x07,
       ATT_READ_BY_TYPE_REQ = 0x08,
       ATT_READ_BY_TYPE_RSP = 0x09,
       ATT_READ_REQ = 0x0a,
       ATT_READ_RSP = 0x0b,
       ATT_READ_BLOB_REQ = 0x0c,
       ATT_READ_BLOB_RSP = 0x0d,
       ATT_READ_MULTIPLE_REQ = 0x0e,
       ATT_READ_MULTIPLE_RSP = 0x0f,
       ATT_READ_BY_GROUP_REQ = 0x10,
       ATT_READ_BY_GROUP_RSP = 0x11,
       ATT_WRITE_REQ = 0x12,
       ATT_WRITE_RSP = 0x13,
       ATT_PREPARE_REQ = 0x16,
       ATT_PREPARE_RSP = 0x17,
       ATT_EXECUTE_REQ = 0x18,
       ATT_EXECUTE_RSP = 0x19,
       ATT_NOTIFY = 0x1b,
       ATT_INDICATE = 0x1d,
       ATT_CONFIRM = 0x1e,
       ATT_READ_MULTIPLE_VARIABLE_REQ = 0x20,
       ATT_READ_MULTIPLE_VARIABLE_RSP = 0x21,
       ATT_MULTIPLE_NOTIFY = 0x23,
       ATT_WRITE_CMD = 0x52,
       ATT_ENCRYPTED_CMD = 0x53,
       ATT_SIGNED_WRITE_CMD = 0xd2
};
/* In the queue: ATT_ENCRYPTED_CMD, a write command for an encrypted connection; ATT_WITHDRAWN, a
 * value that may not be sent any more. */
enum { SIGNATURE = 12 };        /* counter u32, MAC 8, at a signed write's end */
enum { ATT_OP_COMMAND = 0x40 }; /* no answer, ever */
enum { ATT_PENDING = -1 };      /* a handler's result: the application will answer */
enum { ATT_MTU_DEFAULT = 23 };
enum { HANDLE_SERVICE_CHANGED = 8 }; /* of the server's own attributes */
enum { ATT_TIMEOUT_MS = 30000 };     /* Vol 3, Part F, 3.3.3 */

/* The first bearers are the connections' fixed channels; those behind them all are channels with
 * credits (Enhanced ATT, Vol 3, Part G, 5.3), of whatever connection has one. */
struct att_bearer {
    struct conn *c; /* of one that is open */
    struct gatts_bearer *server;
    struct gattc_bearer *client;
    uint16_t mtu;               /* 0: not open */
    uint16_t indication_handle; /* handle whose confirmation is awaited, 0: none */
    uint32_t indication_due;
};

/* What a role of ATT does; set by the feature that is named. */
struct att_role {
    void (*rx)(struct att_bearer *b, uint8_t op, struct rd *in);
    bool (*tx)(struct att_bearer *b, struct wr *out);
    void (*open)(struct att_bearer *b); /* a bearer; and it has gone */
    void (*close)(struct att_bearer *b);
    bool (*busy)(const struct att_bearer *b); /* of a server: with a request */
    /* Of a client: a pairing, or an encryption, has begun or ended. */
    void (*security_changed)(struct conn *c, int status);
};

ASSERT_SIZE(att_bearer, WOAD_SIZE_BEARER);

/* What the server does for clients that may be bonded. */
struct gatt_bonds {
    void (*db_hash_note)(struct conn *c);   /* a new one: the database as it is now */
    void (*db_hash_verify)(struct conn *c); /* whether it knows another, and is to be told */
    void (*service_changed_confirmed)(
        struct conn *c); /* it knows of the change: Service Changed has told it */
    /* Its security is another: perm_withdraw_queued(). */
    void (*security_lowered)(struct conn *c, uint16_t first, uint16_t last);
};

/* att.c */
/* Responses, notifications and indications go to a client: they are odd.  All else goes to a
 * server, an unknown PDU too: one without the Command Flag is a request.  Vol 3, Part F, 3.3,
 * 3.4.8 */
static inline bool att_is_for_client(uint8_t op)
{
    /* A bit for 0x01, 0x03, ... */
    const uint32_t known = 1u << 17 | 1u << 16 | 0x7bffu;
    return (op & 1) && op < 2 * 18 && (known >> (op >> 1) & 1);
}
static inline bool att_is_fixed(const struct att_bearer *b)
{
    return b == b->c->bearer;
}
void att_open(struct att_bearer *b, struct conn *c, uint16_t mtu);
/* The largest MTU of its bearers. */
static inline uint16_t att_max_mtu(const struct conn *c)
{
    const struct eatt_role *role = c->h->eatt_role;
    return role ? role->max_mtu(c) : c->bearer->mtu;
}
/* The longest value that one PDU can have; none is longer than 512.  Vol 3, Part F, 3.2.9 */
static inline size_t att_max_value(const struct conn *c)
{
    size_t most = att_max_mtu(c) - 3u;
    return most < WOAD_ATT_VALUE_MAX ? most : (size_t)WOAD_ATT_VALUE_MAX;
}
uint16_t att_offer(struct conn *c); /* our ATT_MTU in an exchange */
void att_set_mtu(struct conn *c, uint16_t peer);
uint8_t *att_queue_reserve(struct conn *c, size_t len);
int att_queue(struct conn *c, uint8_t op, uint16_t handle, const void *data, size_t len);
void att_emit_tx_ready(struct conn *c);
void att_wr_error(struct wr *out, uint8_t request, uint16_t handle, int err);
void att_indication_sent(struct att_bearer *b, uint16_t handle);
uint32_t att_run_timers(struct woad *h);
void att_close(struct att_bearer *b, int status);
void att_drop_queue(struct conn *c, int status);
void att_timed_out(struct att_bearer *b);
/* gatt_server/gatt_features.c: without and with Enhanced ATT. */
extern const struct gatts_features gatts_features, gatts_features_eatt;

#endif
