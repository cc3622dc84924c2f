/* The Attribute Protocol's bearers: opcodes, struct att_bearer, and what client and server provide.
 * Vol 3, Part F */
#ifndef WOAD_ATT_ATT_H
#define WOAD_ATT_ATT_H

#include <woad/gatt.h>

#include "../base/bytes.h"
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
/* Not opcodes on the air, but marks in the transmit queue.  ATT_ENCRYPTED_CMD: a Write Command that
 * may leave only under encryption.  ATT_WITHDRAWN: a value that may no longer be sent. */
/* Types of the attributes that make up services.  Assigned Numbers, 3.5 */
enum {
    UUID_PRIMARY = 0x2800,
    UUID_SECONDARY = 0x2801,
    UUID_INCLUDE = 0x2802,
    UUID_CHARACTERISTIC = 0x2803,
    UUID_CCCD = 0x2902
};
enum { SIGNATURE = 12 };        /* counter u32, MAC 8: octets at the end of a signed write */
enum { ATT_OP_COMMAND = 0x40 }; /* Command Flag: the PDU has no response */
enum { ATT_PENDING = -1 };      /* a handler's result: the application will answer later */
enum { ATT_MTU_DEFAULT = 23 };
enum { HANDLE_SERVICE_CHANGED = 8 }; /* in the server's built-in table: gatt_builtin.c */
enum { ATT_TIMEOUT_MS = 30000 };     /* Vol 3, Part F, 3.3.3 */

/* A bearer: the fixed channel of a connection, or an L2CAP channel of Enhanced ATT (Vol 3, Part G,
 * 5.3).  In h->bearers the fixed ones come first, one a connection; each of the others belongs to
 * whichever connection has its channel. */
struct att_bearer {
    struct conn *c; /* valid while the bearer is open */
    struct gatts_bearer *server;
    struct gattc_bearer *client;
    uint16_t mtu;                 /* ATT_MTU in octets; 0: the bearer is closed */
    uint16_t indication_handle;   /* value handle of the unconfirmed indication; 0: none */
    uint32_t indication_deadline; /* deadline for its confirmation; 0: none */
};

/* The client or the server, as the bearers call it.  Set by woad_feature_gatt_client and
 * woad_feature_gatt_server; NULL in struct woad without them. */
struct att_role {
    void (*rx)(struct att_bearer *b, uint8_t op, struct rd *in);
    bool (*tx)(struct att_bearer *b, struct wr *out);
    void (*open)(struct att_bearer *b); /* a bearer has opened; it has closed */
    void (*close)(struct att_bearer *b);
    bool (*busy)(const struct att_bearer *b); /* server: a request is in progress */
    /* Client: a pairing or an encryption has ended, with 0 or a status of WOAD_EV_SECURITY. */
    void (*security_changed)(struct conn *c, int status);
};

ASSERT_SIZE(att_bearer, WOAD_SIZE_BEARER);

/* The server's functions for bonded clients: gatt_bonded.c.  NULL in struct woad without the
 * Security Manager. */
struct gatt_bonds {
    void (*db_hash_note)(struct conn *c); /* the client now knows the current database */
    /* queue Service Changed if the client knows another database */
    void (*db_hash_verify)(struct conn *c);
    /* the client has confirmed Service Changed */
    void (*service_changed_confirmed)(struct conn *c);
    /* Withdraw queued values: see perm_withdraw_queued(). */
    void (*security_lowered)(struct conn *c, uint16_t first, uint16_t last);
};

/* att.c */
/* Whether a PDU is for the client.  Responses, notifications and indications have odd opcodes; all
 * else, an unknown PDU too, goes to the server: without the Command Flag it is a request.  Vol 3,
 * Part F, 3.3, 3.4.8 */
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
/* The largest ATT_MTU of the connection's bearers. */
uint16_t att_max_mtu(const struct conn *c);
/* The longest value that one PDU can carry, 512 octets at most.  Vol 3, Part F, 3.2.9 */
static inline size_t att_max_value(const struct conn *c)
{
    return min_size(att_max_mtu(c) - 3u, WOAD_ATT_VALUE_MAX);
}
uint16_t att_offer(struct conn *c); /* our ATT_MTU in an exchange on this connection */
void att_set_mtu(struct conn *c, uint16_t peer_mtu);
uint8_t *att_queue_reserve(struct conn *c, size_t len);
int att_queue(struct conn *c, uint8_t op, uint16_t handle, const void *data, size_t len);
void att_emit_tx_ready(struct conn *c);
void att_wr_error(struct wr *out, uint8_t request, uint16_t handle, int err);
void att_indication_sent(struct att_bearer *b, uint16_t handle);
uint32_t att_run_timers(struct woad *h);
void att_close(struct att_bearer *b, int status);
void att_drop_queue(struct conn *c, int status);
void att_timed_out(struct att_bearer *b);
/* gatt_server/gatt_features.c: the built-in table without and with Enhanced ATT. */
extern const struct attr_table gatts_features, gatts_features_eatt;

#endif
