/* The GATT server: its database, and its state for each connection and bearer.  Read by the files
 * of this folder and, for bonded clients and signed writes, by the Security Manager. */
#ifndef WOAD_GATT_SERVER_H
#define WOAD_GATT_SERVER_H

#include "../att/att.h"

enum { CCCD_NOTIFY = 1, CCCD_INDICATE = 2, CCCD_BITS = 3 };
/* Bits of Client Supported Features: robust caching 1, Enhanced ATT 2, multiple notifications 4.
 * Vol 3, Part G, 7.2 */
enum { FEATURE_MULTIPLE_NOTIFY = 4, CLIENT_FEATURES = 7 };

/* One array of attributes, given to woad_gatt_add(). */
struct attr_table {
    const struct woad_attr *attrs;
    uint16_t n, first; /* number of attributes; handle of the first one */
};

/* The built-in services of each server: Generic Access, then Generic Attribute.  A feature may
 * append characteristics to the latter: gatt_features.c. */
enum { BUILTIN_COUNT = 9 };
extern const struct woad_uuid uuid_gap, uuid_gatt, uuid_name, uuid_appearance, uuid_changed;
extern const uint8_t appearance[2];
#define BUILTIN_ATTRS \
    WOAD_PRIMARY(&uuid_gap), WOAD_CHARACTERISTIC(&uuid_name, WOAD_PROP_READ, WOAD_PERM_READ), \
        WOAD_CHARACTERISTIC_CONST(&uuid_appearance, appearance, sizeof appearance), \
        WOAD_PRIMARY(&uuid_gatt), WOAD_CHARACTERISTIC(&uuid_changed, WOAD_PROP_INDICATE, 0), \
        WOAD_CCCD

/* Whether the application has to answer the request: no, or not any more; before its event ends; at
 * any time, after woad_gatt_answer_later(). */
enum answer { ANSWERED, ANSWER_NOW, ANSWER_LATER };

/* The request in progress on a bearer, and its response. */
struct gatts_bearer {
    uint8_t op;               /* opcode of the request, valid while `busy` */
    bool busy;                /* from the arrival of the request until its response has left */
    uint8_t awaiting;         /* the application's answer: enum answer */
    uint8_t element_err;      /* ATT error that the application gave for an element of a multi-step
                               * request */
    bool pipelined;           /* more requests wait: att_pipeline.c */
    uint8_t rsp_security : 4; /* WOAD_COC_… bits: the security that reading the values in the
                               * response takes */
    bool db_tables_changed : 1; /* the database has changed since the request arrived */
    bool in_multi_step : 1; /* an event for one element is being raised, from a loop that continues
                             * the request itself */
    uint16_t rsp_len;       /* octets of the response that is ready to be sent; 0: none */
    /* attribute that the request is at, for an Error Response or the application */
    uint16_t handle, offset;
    uint16_t next_element;   /* multi-step: index or offset of the next element */
    uint16_t request_serial; /* order in which requests were put to the application: the lowest is
                              * the oldest */
    uint8_t *rsp;            /* the response, config.mtu octets */
};

/* State of a client, common to its bearers. */
struct gatts_conn {
    uint32_t db_hash : 24;   /* hash of the database that the client knows: gatt_bonded.c */
    uint8_t client_features; /* bits that the client has written */
    /* range of the Service Changed that is to be sent; 0: none */
    uint16_t changed_first, changed_last;
    struct woad_cccd *cccds; /* config.subscriptions of them; handle 0: free */
};

/* Memory of a connection for woad_feature_long_values and woad_feature_read_multiple.  Prepared
 * writes come first; behind them either the handles of a Read Multiple or a long value being read
 * in parts. */
struct gatts_parts {
    uint8_t *mem;                     /* config.prepare_queue octets */
    uint16_t prepared_len, last_part; /* octets of prepared writes; offset of the last one */
    /* handle of the cached long value, 0: none; its octets */
    uint16_t long_value_handle, long_value_len;
    uint32_t long_value_deadline; /* when the cached value expires */
    bool executing; /* prepared writes are being executed, and the application is asked about one */
};
void parts_layout(struct woad *h); /* for both features, called once */
void parts_open(struct conn *c);
static inline struct gatts_parts *parts_of(const struct att_bearer *b)
{
    return &b->c->h->parts[conn_index(b->c)];
}

struct gatts;
/* Requests that an optional feature serves: att_prepare.c, att_multiple.c. */
struct att_extension {
    /* A request.  Result of a handler, REQUEST_NOT_SUPPORTED for other opcodes. */
    int (*rx)(struct att_bearer *b, uint8_t op, struct rd *in, struct wr *out);
    /* The application's answer to one element.  The same results. */
    int (*app_answered)(struct att_bearer *b, int err, struct rd *value, struct wr *out);
    void (*close)(struct att_bearer *b); /* the bearer closes: drop the request */
    /* Long values: cache a value from the application for later Read Blob requests; read the next
     * part of it (ATT_PENDING: not cached); a value was written, drop it. */
    void (*cache_value)(struct att_bearer *b, const uint8_t *value, size_t len);
    int (*read_cached)(struct att_bearer *b, struct wr *out);
    void (*value_written)(struct att_bearer *b, uint16_t handle);
};
/* Requests that arrive before the response to the one before: att_pipeline.c. */
struct att_pipeline {
    void (*enqueue)(struct att_bearer *b, uint8_t op, const struct rd *in);
    void (*serve)(struct att_bearer *b); /* serve the next one: the response has left */
    void (*reset)(struct att_bearer *b);
    /* A PDU that arrived unencrypted is served as on an unencrypted connection.  app_begins() gives
     * the connection back its security, for the time in which the application is called, and
     * app_ends() takes what that returned. */
    struct clear_serving *(*app_begins)(const struct conn *c);
    void (*app_ends)(const struct conn *c, struct clear_serving *s);
};
/* An index of the attributes by type: gatt_index.c. */
struct type_index {
    void (*build)(struct woad *h);
    uint16_t (*find)(struct gatts *g, uint32_t start, uint16_t end, const struct woad_uuid *type);
};

struct gatts {
    struct attr_table *tables; /* in the order of handles; the first is the built-in one */
    uint16_t *by_type;         /* the index: handles sorted by type, then by handle */
    uint16_t indexed;          /* entries in by_type: all attributes, or 0 */
    const struct type_index *index;
    uint16_t n_tables; /* config.attr_tables and the built-in one at most */
    uint8_t name_len, name[31];
    uint16_t requests_raised; /* serial number for the next request put to the application */
    const struct woad_attr *last_found; /* result of the last db_at(), for: */
    uint16_t last_found_handle;
    /* the bearer with the request that is being raised as an event; NULL: none */
    struct att_bearer *current_request;
};

ASSERT_SIZE(gatts, WOAD_SIZE_SERVER);
ASSERT_SIZE(attr_table, WOAD_SIZE_TABLE);
ASSERT_SIZE(gatts_conn, WOAD_SIZE_SERVER_CONN);
ASSERT_SIZE(gatts_parts, WOAD_SIZE_PARTS);
ASSERT_SIZE(gatts_bearer, WOAD_SIZE_SERVER_BEARER);
ASSERT_SIZE(woad_cccd, 4);

extern const struct att_role att_server_role;

static inline struct gatts_conn *gatts_of(const struct att_bearer *b)
{
    return b->c->server;
}

/* The number of the bearer in events, for woad_gatt_answer_to(): 0 is the fixed channel. */
static inline int att_request_number(const struct att_bearer *b)
{
    return att_is_fixed(b) ? 0 : b->c->h->eatt_role->request(b);
}

static inline bool att_is_multiple(uint8_t op)
{
    return op == ATT_READ_MULTIPLE_REQ || op == ATT_READ_MULTIPLE_VARIABLE_REQ;
}

/* Whether the handles of an unfinished Read Multiple on the fixed channel lie behind the prepared
 * writes, so that nothing may be added there. */
static inline bool multiple_handles_stored(const struct att_bearer *b)
{
    const struct gatts_bearer *s = b->c->bearer->server;
    return s->busy && att_is_multiple(s->op) && !s->rsp_len;
}

void att_server_db_changed(const struct woad *h, uint16_t first, uint16_t last);
/* gatt_db.c */
size_t db_table_index(
    struct gatts *g,
    uint32_t handle); /* index of the table with `handle`, or of the first one behind it */
const struct woad_attr *db_at(struct gatts *g, uint16_t handle);
uint16_t db_next(struct gatts *g, uint32_t handle);
uint16_t db_find(struct gatts *g, uint32_t start, uint16_t end, const struct woad_uuid *type);
void db_type(const struct woad_attr *a, struct woad_uuid *type);
static inline bool db_is_service(const struct woad_attr *a)
{
    return a->kind == WOAD_ATTR_PRIMARY || a->kind == WOAD_ATTR_SECONDARY;
}
uint16_t db_group_end(struct gatts *g, uint16_t handle);
uint16_t db_characteristic_of(struct gatts *g, uint16_t handle);
bool db_type_is(const struct woad_attr *a, const struct woad_uuid *type);
void db_tables_changed(struct woad *h); /* a table has been added or removed */
/* gatt_builtin.c */
/* A value to be read.  `octets` points into the database, into the instance, or at `buf`. */
struct gatts_value {
    const uint8_t *octets;
    size_t len;
    uint8_t buf[3 + 16];
};
/* 0; an ATT error; ATT_PENDING: the application has the value. */
int gatts_value(const struct conn *c, uint16_t handle, const struct woad_attr *a,
                struct gatts_value *v);
int gatts_write(struct conn *c, uint16_t handle, const struct woad_attr *a, uint16_t offset,
                struct rd *in);
/* How values of WOAD_PERM_VALUE are read and written: by gatt_value.c, which is linked where a
 * table has such a value, or by gatt_features.c.  Results as of gatts_value() and gatts_write(). */
struct woad_value_kind {
    bool (*add)(const struct woad_attr *a, uint16_t handle); /* false: the row is not valid */
    int (*read)(const struct conn *c, uint16_t handle, const struct woad_attr *a,
                struct gatts_value *v);
    int (*write)(struct conn *c, uint16_t handle, const struct woad_attr *a, uint16_t offset,
                 struct rd *in);
};
/* The value of an attribute with WOAD_PERM_VALUE: in RAM, although the table is constant. */
static inline struct woad_value *gatts_table_value(const struct woad_attr *a)
{
    return (struct woad_value *)(uintptr_t)a->value;
}
/* gatt_change.c */
void gatts_queue_changed(struct conn *c, uint16_t first, uint16_t last);
bool gatts_tx_changed(struct conn *c, struct wr *out);
/* gatt_check.c: writes to the log what woad_gatt_check() says of an array that is being added, and
 * whether it is in the database already */
void gatts_log_fault(struct woad *h, const struct attr_table *table);
#ifdef WOAD_LOG
#define TABLE_FAULT(h, table) gatts_log_fault(h, table)
#else
#define TABLE_FAULT(h, table) ((void)(table))
#endif
/* gatt_bonded.c */
void gatts_restore_client(struct conn *c, uint8_t features, uint32_t database,
                          const struct woad_cccd *cccds);
void gatts_save_client(const struct conn *c, struct woad_bond *bond);
extern const struct gatt_bonds gatt_bonds;
/* gatt_cccd.c */
uint16_t cccd_tag(const struct conn *c, uint16_t handle);
uint16_t cccd_value(const struct conn *c, uint16_t handle);
bool cccd_set(struct conn *c, uint16_t handle, uint16_t value);
void cccd_emit(struct conn *c, const struct woad_cccd *set);
int cccd_write(struct conn *c, uint16_t handle, struct rd *value);
/* gatt_perm.c: 0, or the ATT error for what is missing */
int perm_check_security(struct att_bearer *b,
                        const struct woad_attr *a); /* without WOAD_EV_AUTHORIZE */
int perm_check_read(struct att_bearer *b, uint16_t handle, const struct woad_attr *a);
int perm_check_write(struct conn *c, uint16_t handle, const struct woad_attr *a);
bool perm_allows_signed_write(struct conn *c, uint16_t handle, const struct woad_attr *a,
                              bool authenticated);
int perm_check_send(const struct conn *c, uint16_t handle);
void perm_withdraw_queued(struct conn *c, uint16_t first, uint16_t last);
/* att_server.c */
void att_server_rx(struct att_bearer *b, uint8_t op, struct rd *in);
int att_copy_part(const uint8_t *value, size_t len, uint16_t offset, struct wr *out);
enum { WRITE_COMMAND = false, WRITE_REQUEST = true }; /* need_answer */
int att_deliver_write(struct att_bearer *b, uint16_t handle, const struct woad_attr *a,
                      struct rd *in, bool need_answer);
int att_ask_value(struct att_bearer *b);
void att_ask_application(struct att_bearer *b, enum woad_event_type type, struct woad_event *ev);

#endif
