/* The server's database and its state for each connection. */
#ifndef WOAD_GATT_SERVER_H
#define WOAD_GATT_SERVER_H

#include "host.h"

struct attr_table { const struct woad_attr *attrs; uint16_t n, first; };

struct cccd { uint16_t handle, value; };

struct gatts_conn {
    uint8_t op;                          /* the request being answered, 0: none */
    bool waiting;                        /* for woad_gatt_answer() */
    bool stepping;                       /* one of several is being asked for, in a loop */
    uint8_t step_err;                    /* what the application said to it */
    uint16_t handle, offset;             /* of that request */
    uint8_t *rsp;                        /* config.mtu octets */
    uint16_t rsp_len;                    /* an answer waits to be sent */
    struct cccd *cccds;                  /* config.subscriptions; handle 0: free */
    uint8_t *prepared;                   /* { handle, offset, len u16, data } each, see prepare */
    uint16_t prepared_len, prepared_last, executing;
    uint16_t multiple, multiples, multiple_len;            /* see att_multiple.c */
};

struct gatts {
    struct attr_table *tables;
    uint8_t n_tables;
    uint8_t name_len, name[31];
    struct gatts_conn *conns;
};

HOLD_SIZE(gatts, WOAD_SIZE_SERVER);
HOLD_SIZE(attr_table, WOAD_SIZE_TABLE);
HOLD_SIZE(gatts_conn, WOAD_SIZE_SERVER_CONN);
HOLD_SIZE(cccd, 4);

extern const struct att_role att_server_role;

/* gatt_db.c */
const struct woad_attr *db_at(const struct gatts *g, uint16_t handle);
uint16_t db_last(const struct gatts *g);
bool db_type_is(const struct woad_attr *a, const struct woad_uuid *type);
void db_type(const struct woad_attr *a, struct woad_uuid *type);
bool db_is_service(const struct woad_attr *a);
uint16_t db_group_end(const struct gatts *g, uint16_t handle);
uint16_t db_characteristic_of(const struct gatts *g, uint16_t handle);
/* The value where the host knows it: 0, or ATT_LATER when the application does. */
int db_value(const struct woad *h, uint16_t i, uint16_t handle, const struct woad_attr *a,
             struct wr *out);
uint16_t db_cccd(const struct woad *h, uint16_t i, uint16_t handle);
int db_set_cccd(struct woad *h, uint16_t i, uint16_t handle, struct rd *value);

/* att_multiple.c */
int att_rx_multiple(struct woad *h, uint16_t i, struct rd *in, struct wr *out);
int att_multiple_answer(struct woad *h, uint16_t i, const uint8_t *value, size_t len,
                        struct wr *out);
/* att_server.c */
int att_may_read(const struct woad_attr *a);
int att_ask(struct woad *h, uint16_t i, uint16_t handle, uint16_t offset);
void att_server_answer(struct woad *h, uint16_t i, int err, const uint8_t *value, size_t len);
/* att_prepare.c */
int att_rx_prepare(struct woad *h, uint16_t i, struct rd *in, struct wr *out);
int att_rx_execute(struct woad *h, uint16_t i, struct rd *in, struct wr *out);
int att_execute_next(struct woad *h, uint16_t i);
int att_may_write(const struct woad_attr *a);

#endif
