/* Changes of the database while the host runs: services are added and removed, and each connected
 * client that has subscribed to Service Changed learns which handles.  A bonded client that is away
 * learns it when it has encrypted its next connection: gatts_restore_client() in gatt_bonded.c.
 * Vol 3, Part G, 2.5.2, 7.1
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   add: of a value's kind: the value gets its handle; false: the row is not valid
 *   ATT_INDICATE: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   att_indication_sent(): notes an indication as unconfirmed, with its time limit
 *   att_server_db_changed(): each request in progress notes that the database has changed; one that
 *       waits for the application about these handles is answered with Invalid Handle
 *   attr_table: an array of attributes, n of them, `first` the handle of the first
 *   bearer: of a connection: its fixed ATT channel; of a procedure: where it runs; NULL: nowhere
 *   CCCD_INDICATE: bit of a CCCD's value
 *   cccd_value(): the client's CCCD, without its tag
 *   cfg: the config that the application gave to woad_init()
 *   changed_first: the range of handles of the Service Changed to be sent; 0: none
 *   CONN_FREE: state of a connection: its slot is not used
 *   conn_index(): index of a connection in the arrays that have an element for each
 *   conn_mark_ready(): woad_tx() polls the connection again; without it, nothing more would be sent
 *   conns_end: of the host: the end of its connections' slots
 *   db_is_service(): a declaration of a primary or secondary service
 *   db_table_index(): index of the array with this handle, or of the first one behind it
 *   db_tables_changed: of a request: the database has changed since it arrived;
 *       db_tables_changed(): forgets what was looked up, and builds the index of types again
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_conn: the server's state of a client: subscriptions, features, Service Changed
 *   HANDLE_SERVICE_CHANGED: handle of Service Changed's value, in the built-in table
 *   HOST_FALLING: everything has ended, and the events that say so are being raised
 *   indication_handle: the indication that the client has not confirmed; 0: none
 *   long_value_handle: attribute of the cached long value; 0: none
 *   MAY_FAIL: its argument; a test build makes it false in turn, as by a full queue or table
 *   n_tables: arrays of attributes in the database
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   parts: for each connection: memory for prepared writes and a cached value; NULL: not linked
 *   perm_withdraw_queued(): withdraws queued values that the client may not get; may raise events
 *   REFUSED(): logs why a call is refused, and is its error
 *   save_client_state: of smp_role: saves the server's state in the client's bond; may raise events
 *   server: of a connection: the client's state; of a bearer: the request in progress
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   TABLE_FAULT: logs what is wrong with an array of attributes, or useless in it
 *   tables: arrays of attributes in the order of handles; the first is the built-in one
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/log.h"
#include "../core/ready.h"
#include "../core/security.h"
#include "gatt_server.h"

/* Queues Service Changed for handles first..last, if the client has subscribed to it.  It has one
 * range, changed_first to changed_last: it grows until the indication is sent.  Marks the
 * connection ready in any case, which costs one poll. */
void gatts_queue_changed(struct conn *c, uint16_t first, uint16_t last)
{
    conn_mark_ready(c);
    struct gatts_conn *s = c->server;
    if (cccd_value(c, HANDLE_SERVICE_CHANGED + 1) & CCCD_INDICATE) {
        if (!s->changed_first || first < s->changed_first) {
            s->changed_first = first;
        }
        if (last > s->changed_last) {
            s->changed_last = last;
        }
    }
}

/* Handles first..last have changed: drops all that the host keeps of them for connected clients,
 * and queues Service Changed.  Raises events in which the application may add and remove services:
 * the new table of arrays is complete before.  Vol 3, Part G, 7.1 */
static void gatts_db_changed(struct woad *h, uint16_t first, uint16_t last)
{
    att_server_db_changed(h, first, last);
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        struct gatts_conn *s = c->server;
        if (c->state == CONN_FREE) {
            continue;
        }
        bool any = false;
        for (struct woad_cccd *cccd = s->cccds; cccd < s->cccds + h->cfg.subscriptions; cccd++) {
            if (cccd->handle >= first && cccd->handle <= last) {
                cccd->handle = 0;
                any = true;
            }
        }
        if (h->parts) {
            /* the handle may be another attribute now */
            h->parts[conn_index(c)].long_value_handle = 0;
        }
        perm_withdraw_queued(c, first, last); /* queued values are of the old attributes */
        gatts_queue_changed(c, first, last);
        if (any && h->smp_role) {
            h->smp_role->save_client_state(c); /* else the bond would restore them */
        }
    }
}

/* ATT_HANDLE_VALUE_IND of Service Changed: start u16, end u16.  Its confirmation raises no
 * WOAD_EV_INDICATED.  False: no handles have changed since the last one, or another indication is
 * not confirmed yet. */
bool gatts_tx_changed(struct conn *c, struct wr *out)
{
    struct gatts_conn *s = c->server;
    if (!s->changed_first || c->bearer->indication_handle) {
        return false;
    }
    wr_u8(out, ATT_INDICATE);
    wr_le16(out, HANDLE_SERVICE_CHANGED);
    wr_le16(out, s->changed_first);
    wr_le16(out, s->changed_last);
    s->changed_first = s->changed_last = 0;
    att_indication_sent(c->bearer, HANDLE_SERVICE_CHANGED);
    return true;
}

/* The needs of an attribute of each kind.  HAS_UUID, HAS_VALUE: those pointers.  IN_SERVICE,
 * IN_CHARACTERISTIC: such a declaration before it.  DECLARED: a characteristic declaration right
 * before it, which no other kind may have. */
enum { HAS_UUID = 1, HAS_VALUE = 2, IN_SERVICE = 4, IN_CHARACTERISTIC = 8, DECLARED = 16 };
static const uint8_t needs[] = {
    [WOAD_ATTR_PRIMARY] = HAS_UUID,
    [WOAD_ATTR_SECONDARY] = HAS_UUID,
    [WOAD_ATTR_INCLUDE] = HAS_VALUE | IN_SERVICE,
    [WOAD_ATTR_CHARACTERISTIC] = HAS_UUID | IN_SERVICE,
    [WOAD_ATTR_VALUE] = HAS_UUID | DECLARED,
    [WOAD_ATTR_DESCRIPTOR] = HAS_UUID | IN_CHARACTERISTIC,
    [WOAD_ATTR_CCCD] = IN_CHARACTERISTIC,
};

/* The last handle in use: there is always an array, the built-in one. */
static uint16_t db_last(struct gatts *g)
{
    const struct attr_table *t = &g->tables[g->n_tables - 1];
    return (uint16_t)(t->first + t->n - 1);
}

/* Whether the array is well-formed: see woad_gatt_add() in include/woad/gatt.h.  Values in it get
 * their handles. */
static bool db_valid(const struct attr_table *t)
{
    unsigned where = 0;
    for (const struct woad_attr *a = t->attrs; a && a != t->attrs + t->n; a++) {
        unsigned has = where;
        if (a->uuid) {
            has |= HAS_UUID;
        }
        if (a->value) {
            has |= HAS_VALUE;
        }
        if (a->kind >= sizeof needs || ((needs[a->kind] ^ has) & (needs[a->kind] | DECLARED)) ||
            ((a->len || a->perm & WOAD_PERM_VALUE) && !a->value) || a->len > WOAD_ATT_VALUE_MAX) {
            return false;
        }
        if (db_is_service(a)) {
            where = IN_SERVICE;
        } else if (a->kind == WOAD_ATTR_CHARACTERISTIC) {
            where = IN_SERVICE | IN_CHARACTERISTIC | DECLARED;
        } else {
            where &= ~(unsigned)DECLARED;
        }
        const struct woad_value *v = a->value;
        if ((a->perm & WOAD_PERM_VALUE) &&
            (!v->kind || !v->kind->add(a, (uint16_t)(t->first + (a - t->attrs))))) {
            return false;
        }
    }
    return where && !(where & DECLARED);
}

/* The first of n free handles: behind the last attribute, else in the first gap; 0: none. */
static uint16_t db_find_gap(struct gatts *g, uint16_t n)
{
    if (n <= 0xffff - db_last(g)) {
        return (uint16_t)(db_last(g) + 1);
    }
    for (size_t t = 0; t + 1 < g->n_tables; t++) {
        uint32_t free = (uint32_t)g->tables[t].first + g->tables[t].n;
        if (g->tables[t + 1].first - free >= n) {
            return (uint16_t)free;
        }
    }
    return 0;
}

/* Whether handles first..first + n - 1 exist, and none of them is in use; false for first 0.  `at`:
 * db_table_index(first). */
static bool db_range_is_free(const struct gatts *g, size_t at, uint16_t first, uint16_t n)
{
    uint32_t end = 0x10000;
    if (at < g->n_tables) {
        end = g->tables[at].first;
    }
    return first && (uint32_t)first + n <= end;
}

int woad_gatt_add_at(struct woad *h, const struct woad_attr *attrs, uint16_t n, uint16_t first)
{
    struct gatts *g = h->gatts;
    if (!g) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_gatt_server");
    }
    if (h->state <= HOST_FALLING) { /* HOST_OFF, too: woad_start() would remove the array */
        return REFUSED(
            h, WOAD_ENODEV,
            "call woad_start() first: it begins with no attributes but the built-in ones");
    }
    if (!MAY_FAIL(g->n_tables <= h->cfg.attr_tables)) { /* the built-in array does not count */
        return REFUSED(h, WOAD_ENOMEM, "config.attr_tables is %u", h->cfg.attr_tables);
    }
    /* db_valid() is last: it gives values their handles. */
    const struct attr_table table = { .attrs = attrs, .n = n, .first = first };
    size_t at = db_table_index(g, first);
    if (!db_range_is_free(g, at, first, n)) {
        return REFUSED(h, WOAD_EINVAL, "%u attributes at handle %u: their handles are not free", n,
                       first);
    }
    if (!db_valid(&table)) {
        TABLE_FAULT(h, &table);
        return WOAD_EINVAL;
    }
    TABLE_FAULT(h, &table); /* accepted, and perhaps without use */
    memmove(&g->tables[at + 1], &g->tables[at], (g->n_tables - at) * sizeof *g->tables);
    g->tables[at] = table;
    g->n_tables++;
    db_tables_changed(h);
    gatts_db_changed(h, first, (uint16_t)(first + n - 1));
    return 0;
}

int woad_gatt_add(struct woad *h, const struct woad_attr *attrs, uint16_t n, uint16_t *first)
{
    uint16_t at = 0;
    if (h->gatts && h->state > HOST_FALLING) {
        at = db_find_gap(h->gatts, n); /* 0: woad_gatt_add_at() returns WOAD_EINVAL */
    }
    int err = woad_gatt_add_at(h, attrs, n, at);
    if (!err && first) {
        *first = at;
    }
    return err;
}

/* Removes n neighbouring arrays, from index `at` on.  The handles between them count as changed,
 * too. */
static void db_remove_tables(struct woad *h, size_t at, size_t n)
{
    struct gatts *g = h->gatts;
    const struct attr_table *end = &g->tables[at + n];
    uint16_t first = g->tables[at].first, last = (uint16_t)(end[-1].first + end[-1].n - 1);
    g->n_tables = (uint16_t)(g->n_tables - n);
    memmove(&g->tables[at], end, (g->n_tables - at) * sizeof *g->tables);
    db_tables_changed(h);
    gatts_db_changed(h, first, last);
}

/* The built-in array, index 0, stays.  While the host is off there is no other. */
int woad_gatt_remove(struct woad *h, uint16_t first)
{
    struct gatts *g = h->gatts;
    if (!g) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_gatt_server");
    }
    size_t at = db_table_index(g, first);
    if (!at || at >= g->n_tables || g->tables[at].first != first) {
        return REFUSED(h, WOAD_ENOENT, "no array was added at handle %u", first);
    }
    db_remove_tables(h, at, 1);
    return 0;
}

int woad_gatt_clear(struct woad *h)
{
    if (!h->gatts) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_gatt_server");
    }
    size_t n = h->gatts->n_tables;
    if (n > 1) {
        /* all at once, because the application may add others in an event */
        db_remove_tables(h, 1, n - 1);
    }
    return 0;
}
