/* The server as a feature: its memory, the tables it starts with, a connection's state at first.
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   arena_alloc_per_bearer(): an element for each ATT bearer; its address goes into ARENA_SLOT
 *   arena_alloc_per_conn(): an element for each connection; its address goes into ARENA_SLOT
 *   arena_alloc_slots(): an array; the address of each element goes into ARENA_SLOT
 *   ARENA_SLOT: a field of an array of structs, where addresses go (core/arena.h)
 *   att_server: the GATT server, as bearers call it; NULL: not linked
 *   att_server_role: the server's functions, as bearers call them
 *   attr_table: an array of attributes, n of them, `first` the handle of the first
 *   bearers: of the host: one a connection, then Enhanced ATT's; of c->coc: how many are open
 *   BUILTIN_ATTRS: the rows of the built-in services, BUILTIN_COUNT of them
 *   builtin_with_features: the built-in table with characteristics of features; NULL: the plain one
 *   cfg: the config that the application gave to woad_init()
 *   conn_index(): index of a connection in the arrays that have an element for each
 *   db_tables_changed: of a request: the database has changed since it arrived;
 *       db_tables_changed(): forgets what was looked up, and builds the index of types again
 *   gatt_bonds: the server's functions for bonded clients: gatt_bonded.c; NULL: no Security Manager
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_bearer: the request in progress on a bearer, and its response
 *   gatts_conn: the server's state of a client: subscriptions, features, Service Changed
 *   gatts_parts: for each connection: memory for prepared writes and a cached value
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   n_tables: arrays of attributes in the database
 *   tables: arrays of attributes in the order of handles; the first is the built-in one */
#include "../core/feature.h"
#include "gatt_server.h"

static const struct woad_attr builtin[] = { BUILTIN_ATTRS };
static const struct attr_table builtin_table = { .attrs = builtin, .n = BUILTIN_COUNT, .first = 1 };

static void gatts_layout(struct woad *h)
{
    if (!h->cfg.attr_tables) {
        h->cfg.attr_tables = WOAD_DEFAULT_ATTR_TABLES;
    }
    struct gatts *g = arena_alloc(h, 1, sizeof *g);
    struct attr_table *tables = arena_alloc(h, 1u + h->cfg.attr_tables, sizeof *tables);
    struct gatts_conn *conns = arena_alloc_per_conn(h, sizeof *conns, ARENA_SLOT(h->conns, server));
    struct gatts_bearer *bearers =
        arena_alloc_per_bearer(h, sizeof *bearers, ARENA_SLOT(h->bearers, server));
    arena_alloc_per_bearer(h, h->cfg.mtu, ARENA_SLOT(bearers, rsp));
    arena_alloc_per_conn(h, h->cfg.subscriptions * sizeof *conns->cccds, ARENA_SLOT(conns, cccds));
    if (g) {
        g->tables = tables;
        h->gatts = g;
    }
    h->att_server = &att_server_role;
}

void parts_layout(struct woad *h)
{
    if (!h->cfg.prepare_queue) {
        h->cfg.prepare_queue = WOAD_DEFAULT_PREPARE_QUEUE;
    }
    h->parts = arena_alloc(h, h->cfg.conns, sizeof *h->parts);
    arena_alloc_slots(h, h->cfg.conns, h->cfg.prepare_queue, ARENA_SLOT(h->parts, mem));
}

void parts_open(struct conn *c)
{
    struct gatts_parts *parts = &c->h->parts[conn_index(c)];
    *parts = (struct gatts_parts){ .mem = parts->mem };
}

/* The host starts, or has gone down: only the built-in table is left. */
static void gatts_reset(struct woad *h)
{
    struct gatts *g = h->gatts;
    if (h->builtin_with_features) {
        g->tables[0] = *h->builtin_with_features;
    } else {
        g->tables[0] = builtin_table;
    }
    g->n_tables = 1;
    db_tables_changed(h);
}

static void gatts_open(struct conn *c)
{
    struct woad *h = c->h;
    struct gatts_conn *s = c->server;
    memset(s->cccds, 0, h->cfg.subscriptions * sizeof *s->cccds);
    *s = (struct gatts_conn){ .cccds = s->cccds };
    if (h->gatt_bonds) {
        h->gatt_bonds->db_hash_note(c);
    }
}

const struct woad_feature woad_feature_gatt_server = {
    .layout = gatts_layout,
    .reset = gatts_reset,
    .conn_open = gatts_open,
};
