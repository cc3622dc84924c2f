/* The server's database and its state for each connection. */
#ifndef WOAD_GATT_SERVER_H
#define WOAD_GATT_SERVER_H

#include "../att/att.h"

enum {
    UUID_PRIMARY = 0x2800,
    UUID_SECONDARY = 0x2801,
    UUID_INCLUDE = 0x2802,
    UUID_CHARACTERISTIC = 0x2803,
    UUID_CCCD = 0x2902
};
enum { CCCD_NOTIFY = 1, CCCD_INDICATE = 2, CCCD_BITS = 3 };
/* Client Supported Features: robust caching 1, Enhanced ATT 2.  Vol 3, Part G, 7.2 */
enum { FEATURE_MULTIPLE_NOTIFY = 4, CLIENT_FEATURES = 7 };
enum { HANDLE_CLIENT_FEATURES = 11 };

struct attr_table {
    const struct woad_attr *attrs;
    uint16_t n, first;
};

/* What each server begins with: Generic Access, and Generic Attribute, which goes on behind it
 * where a feature adds to it. */
enum { BUILTIN_COUNT = 9 };
extern const struct woad_uuid uuid_gap, uuid_gatt, uuid_name, uuid_appearance, uuid_changed;
extern const uint8_t appearance[2];
#define BUILTIN_ATTRS \
    WOAD_PRIMARY(&uuid_gap), WOAD_CHARACTERISTIC(&uuid_name, WOAD_PROP_READ, WOAD_PERM_READ), \
        WOAD_CHARACTERISTIC_CONST(&uuid_appearance, appearance, sizeof appearance), \
        WOAD_PRIMARY(&uuid_gatt), WOAD_CHARACTERISTIC(&uuid_changed, WOAD_PROP_INDICATE, 0), \
        WOAD_CCCD

/* Of a server with Client Supported Features: its own attributes; a write to that value. */
struct gatts_features {
    struct attr_table table;
    int (*write)(struct conn *c, struct rd *in);
};

/* A request and its answer, on one bearer. */
struct gatts_bearer {
    uint8_t op;                 /* the request being served, valid while `busy` */
    bool busy;                  /* from a request's arrival until its answer has left */
    bool awaiting_app;          /* for woad_gatt_answer() */
    uint8_t element_err;        /* what the application said to one of several */
    bool pipelined;             /* by others that came too early: att_pipeline.c */
    uint8_t rsp_security : 4;   /* WOAD_COC_…: what reading the values answered takes */
    bool db_tables_changed : 1; /* the database has, since the request came */
    bool in_multi_step : 1;     /* one of several is being asked for, in a loop */
    uint16_t handle, offset;    /* of that request */
    uint16_t rsp_len;           /* an answer waits to be sent */
    uint16_t next_element;      /* of several: where the next one is */
    uint16_t request_serial;    /* the application: the lowest was the first */
    uint8_t *rsp;               /* config.mtu octets */
};

/* What the server keeps for a client, whatever bearers it uses. */
struct gatts_conn {
    uint32_t db_hash : 24; /* the database that the client knows: gatt_bonded.c */
    uint8_t client_features;
    uint16_t changed_first, changed_last; /* Service Changed is owed */
    struct woad_cccd *cccds;              /* config.subscriptions; handle 0: free */
};

/* What a client has prepared, and behind it what a request of several, or a value read in parts,
 * needs.  Of woad_feature_long_values and woad_feature_read_multiple, for each connection. */
struct gatts_parts {
    uint8_t *mem;                     /* config.prepare_queue octets */
    uint16_t prepared_len, last_part; /* prepared; where the last part of it begins */
    uint16_t long_value_handle,
        long_value_len; /* a value being read in parts: its handle, 0: none */
    uint32_t long_value_due;
    bool executing; /* what is prepared, and waits for the application */
};
void parts_layout(struct woad *h); /* once, for whichever of the two is named */
void parts_open(struct conn *c);
static inline struct gatts_parts *parts_of(const struct att_bearer *b)
{
    return &b->c->h->parts[conn_index(b->c)];
}

struct gatts;
/* Requests that a feature of its own serves: a handler's result, REQUEST_NOT_SUPPORTED if it is not
 * one of them; the application's answer to it, the same. */
struct att_extension {
    int (*rx)(struct att_bearer *b, uint8_t op, struct rd *in, struct wr *out);
    int (*app_answered)(struct att_bearer *b, int err, struct rd *value, struct wr *out);
    void (*close)(struct att_bearer *b); /* nobody waits for it any more */
    /* Of long values: what the application has given may be read in parts; and is, or ATT_PENDING.
     */
    void (*cache_value)(struct att_bearer *b, const uint8_t *value, size_t len);
    int (*read_cached)(struct att_bearer *b, struct wr *out);
    void (*value_written)(struct att_bearer *b, uint16_t handle); /* the value is another one now */
};
struct att_pipeline {
    void (*enqueue)(struct att_bearer *b, uint8_t op, const struct rd *in);
    void (*serve)(struct att_bearer *b); /* the answer has left */
    void (*reset)(struct att_bearer *b);
};
struct type_index {
    void (*build)(struct woad *h);
    uint16_t (*find)(struct gatts *g, uint32_t start, uint16_t end, const struct woad_uuid *type);
};

struct gatts {
    struct attr_table *tables; /* by rising handles; the first is the host's own */
    uint16_t *by_type;         /* handles, by type and then by handle */
    uint16_t indexed;          /* of them: all attributes, or 0 */
    const struct type_index *index;
    uint8_t n_tables;
    uint8_t name_len, name[31];
    uint16_t requests_raised;           /* put to the application so far */
    const struct woad_attr *last_found; /* by db_at() the last time: */
    uint16_t last_found_handle;
    struct att_bearer *current_request; /* whose question it is, in its event; NULL: nobody's */
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

/* The number by which the application answers: 0 on the fixed channel. */
static inline int att_request_number(const struct att_bearer *b)
{
    return att_is_fixed(b) ? 0 : b->c->h->eatt_role->request(b);
}

static inline bool att_is_multiple(uint8_t op)
{
    return op == ATT_READ_MULTIPLE_REQ || op == ATT_READ_MULTIPLE_VARIABLE_REQ;
}

/* The handles of a Read Multiple on the fixed channel lie behind what is prepared, until all of its
 * answer is there. */
static inline bool multiple_handles_stored(const struct att_bearer *b)
{
    const struct gatts_bearer *s = b->c->bearer->server;
    return s->busy && att_is_multiple(s->op) && !s->rsp_len;
}

void att_server_db_changed(const struct woad *h, uint16_t first, uint16_t last);
/* gatt_db.c */
size_t db_table_index(struct gatts *g, uint32_t handle); /* of `handle`, or the first behind it */
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
void db_tables_changed(struct woad *h); /* its tables are others */
/* gatt_builtin.c */
struct gatts_value {
    const uint8_t *octets;
    size_t len;
    uint8_t buf[3 + 16];
};
/* A value where the host knows it; false: the application does. */
bool gatts_value(const struct conn *c, uint16_t handle, const struct woad_attr *a,
                 struct gatts_value *v);
int gatts_write(struct conn *c, uint16_t handle, const struct woad_attr *a, uint16_t offset,
                struct rd *in);
/* gatt_change.c */
void gatts_queue_changed(struct conn *c, uint16_t first, uint16_t last);
bool gatts_tx_changed(struct conn *c, struct wr *out);
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
/* gatt_perm.c: 0, or the ATT error that tells what is missing */
int perm_check_security(struct att_bearer *b, const struct woad_attr *a); /* nobody is asked */
int perm_check_read(struct att_bearer *b, uint16_t handle, const struct woad_attr *a);
int perm_check_write(struct conn *c, uint16_t handle, const struct woad_attr *a);
bool perm_allows_signed_write(struct conn *c, uint16_t handle, const struct woad_attr *a,
                              bool authenticated);
int perm_check_send(const struct conn *c, uint16_t handle);
void perm_withdraw_queued(struct conn *c, uint16_t first, uint16_t last);
/* att_server.c */
void att_server_rx(struct att_bearer *b, uint8_t op, struct rd *in);
int att_copy_part(const uint8_t *value, size_t len, uint16_t offset, struct wr *out);
int att_deliver_write(struct att_bearer *b, uint16_t handle, const struct woad_attr *a,
                      struct rd *in, bool need_answer);
int att_ask_value(struct att_bearer *b, uint16_t handle, uint16_t offset);
void att_ask_application(struct att_bearer *b, enum woad_event_type type, struct woad_event *ev);

#endif
