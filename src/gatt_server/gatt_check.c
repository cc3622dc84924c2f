/* woad_gatt_check(): what is wrong with an array of attributes, for people.  In the host only the
 * log calls it.
 *
 * Names of other files:
 *   attr_table: an array of attributes, n of them, `first` the handle of the first
 *   db_is_service(): a declaration of a primary or secondary service
 *   gatts: the server's database and state: gatt_server.h
 *   gatts_table_value(): the value, in RAM, of an attribute with WOAD_PERM_VALUE
 *   log_write(): a line for the application's log callback
 *   n_tables: arrays of attributes in the database
 *   tables: arrays of attributes in the order of handles; the first is the built-in one
 *   text_format(): as vsnprintf(), for %s, %d, %u, %x and %c only */
#include "../base/bytes.h"
#include "../base/text.h"
#include "../core/log.h"
#include "gatt_server.h"

enum { CAN_WRITE = WOAD_PROP_WRITE | WOAD_PROP_WRITE_COMMAND, CAN_SEND = 0x30 };
enum {
    NEEDS_TO_READ =
        WOAD_PERM_READ_ENCRYPTED | WOAD_PERM_READ_AUTHENTICATED | WOAD_PERM_READ_AUTHORIZED,
    NEEDS_TO_WRITE =
        WOAD_PERM_WRITE_ENCRYPTED | WOAD_PERM_WRITE_AUTHENTICATED | WOAD_PERM_WRITE_AUTHORIZED
};

struct gatt_check {
    const struct woad_attr *attrs, *end;
    const struct woad_attr *declaration; /* of the row's characteristic; NULL: none */
    struct woad_gatt_fault *fault;       /* where to write it */
    bool failed;
};

static void fault_format(struct woad_gatt_fault *fault, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    text_format(fault->reason, sizeof fault->reason, format, values);
    va_end(values);
}

/* What is looked for: rows that woad_gatt_add() refuses; rows that can't work. */
enum { USELESS_ROWS = false, REFUSED_ROWS = true };

/* The first fault is the one that is reported. */
static void gatt_failed(struct gatt_check *k, const struct woad_attr *a, bool refused,
                        const char *reason)
{
    static const char *const names[] = { "service", "secondary service",
                                         "include", "characteristic",
                                         "value",   "descriptor",
                                         "CCCD of" };
    char uuid[37] = "";
    const char *name = "attribute";
    if (k->failed) {
        return;
    }
    k->failed = true;
    k->fault->row = (uint16_t)(a - k->attrs);
    k->fault->refused = refused;
    if (a->kind < sizeof names / sizeof *names) {
        name = names[a->kind];
    }
    if (a->uuid) {
        woad_uuid_format(a->uuid, uuid);
    } else if (k->declaration && k->declaration->uuid) {
        woad_uuid_format(k->declaration->uuid, uuid);
    }
    fault_format(k->fault, "row %u, %s %s: %s", k->fault->row, name, uuid, reason);
}

/* --- what woad_gatt_add() refuses: db_valid() ------------------------------------------------- */

/* `before`: the row above; NULL: none. */
static const char *order_fault(const struct gatt_check *k, const struct woad_attr *a,
                               const struct woad_attr *before)
{
    if (a->kind > WOAD_ATTR_CCCD) {
        return "its kind is none of WOAD_ATTR_…: is this row behind the array's end?";
    }
    if (db_is_service(a)) {
        return NULL;
    }
    if (!before) {
        return "an array begins with a service";
    }
    if (a->kind == WOAD_ATTR_VALUE && before->kind != WOAD_ATTR_CHARACTERISTIC) {
        return "the row before it has to declare the characteristic";
    }
    if (a->kind >= WOAD_ATTR_DESCRIPTOR && !k->declaration) {
        return "it has to be behind a characteristic";
    }
    return NULL;
}

static const char *content_fault(const struct woad_attr *a)
{
    if (!a->uuid && a->kind != WOAD_ATTR_CCCD && a->kind != WOAD_ATTR_INCLUDE) {
        return "its uuid is NULL";
    }
    if (!a->value && a->kind == WOAD_ATTR_INCLUDE) {
        return "its value is NULL: it has to be a struct woad_include";
    }
    if (!a->value && (a->len || a->perm & WOAD_PERM_VALUE)) {
        return "its value is NULL";
    }
    if (a->len > WOAD_ATT_VALUE_MAX) {
        return "its len is above 512";
    }
    if (!(a->perm & WOAD_PERM_VALUE)) {
        return NULL;
    }
    if (a->kind != WOAD_ATTR_VALUE && a->kind != WOAD_ATTR_DESCRIPTOR) {
        return "WOAD_PERM_VALUE is for values and descriptors";
    }
    if (!gatts_table_value(a)->kind) {
        return "its struct woad_value has to be initialised by a macro, WOAD_VALUE_RAM or the like";
    }
    return NULL;
}

/* --- what it accepts, and what can't work ----------------------------------------------------- */

/* Of a value, by the properties in its declaration; `props` 0: of a descriptor. */
static const char *perm_fault(const struct woad_attr *a, unsigned props)
{
    bool only_sent = props & CAN_SEND && !(props & WOAD_PROP_READ);
    if (a->perm & NEEDS_TO_READ && !(a->perm & WOAD_PERM_READ) && !only_sent) {
        return "WOAD_PERM_READ_… without WOAD_PERM_READ: nobody can read it";
    }
    if (a->perm & NEEDS_TO_WRITE && !(a->perm & WOAD_PERM_WRITE)) {
        return "WOAD_PERM_WRITE_… without WOAD_PERM_WRITE: nobody can write it";
    }
    if (props & WOAD_PROP_READ && !(a->perm & WOAD_PERM_READ)) {
        return "WOAD_PROP_READ without WOAD_PERM_READ: nobody can read it";
    }
    if (props & CAN_WRITE && !(a->perm & WOAD_PERM_WRITE)) {
        return "WOAD_PROP_WRITE… without WOAD_PERM_WRITE: nobody can write it";
    }
    if (props & WOAD_PROP_SIGNED_WRITE && !(a->perm & WOAD_PERM_WRITE_SIGNED)) {
        return "WOAD_PROP_SIGNED_WRITE without WOAD_PERM_WRITE_SIGNED";
    }
    return NULL;
}

/* Of a struct woad_value. */
static const char *value_fault(const struct woad_attr *a, unsigned props)
{
    const struct woad_value *v = gatts_table_value(a);
    if (!(a->perm & WOAD_PERM_VALUE)) {
        return NULL;
    }
    if (v->len > WOAD_ATT_VALUE_MAX || v->max > WOAD_ATT_VALUE_MAX) {
        return "its struct woad_value is longer than 512";
    }
    if (v->max && v->min > v->max) {
        return "min of its struct woad_value is above max";
    }
    if (props & CAN_WRITE && !v->max) {
        return "WOAD_PROP_WRITE…, and max of its struct woad_value is 0: nobody can write it";
    }
    return NULL;
}

/* Whether a CCCD follows before the next characteristic or service. */
static bool has_cccd(const struct gatt_check *k)
{
    const struct woad_attr *a = k->declaration + 1;
    while (a < k->end && a->kind >= WOAD_ATTR_VALUE && a->kind != WOAD_ATTR_CCCD) {
        a++;
    }
    return a < k->end && a->kind == WOAD_ATTR_CCCD;
}

static const char *use_fault(const struct gatt_check *k, const struct woad_attr *a)
{
    unsigned props = 0;
    const char *reason;
    if (a->uuid && a->uuid->size != 2 && a->uuid->size != 4 && a->uuid->size != 16) {
        return "the size of its UUID is not 2, 4 or 16";
    }
    if (a->kind == WOAD_ATTR_CHARACTERISTIC) {
        if (a->props & CAN_SEND && !has_cccd(k)) {
            return "WOAD_PROP_NOTIFY or _INDICATE without WOAD_CCCD: nobody can subscribe";
        }
        return NULL;
    }
    if (a->kind == WOAD_ATTR_CCCD && !(k->declaration->props & CAN_SEND)) {
        return "the characteristic has neither WOAD_PROP_NOTIFY nor _INDICATE";
    }
    if (a->kind != WOAD_ATTR_VALUE && a->kind != WOAD_ATTR_DESCRIPTOR) {
        return NULL;
    }
    if (a->kind == WOAD_ATTR_VALUE) {
        props = k->declaration->props;
    }
    reason = perm_fault(a, props);
    if (reason) {
        return reason;
    }
    return value_fault(a, props);
}

/* ---------------------------------------------------------------------------------------------- */

/* Looks at all rows: for what is refused, or for what can't work. */
static void check_rows(struct gatt_check *k, bool refused)
{
    const struct woad_attr *before = NULL;
    k->declaration = NULL;
    for (const struct woad_attr *a = k->attrs; a < k->end && !k->failed; before = a++) {
        const char *reason = NULL;
        if (refused) {
            reason = order_fault(k, a, before);
        }
        if (refused && !reason) {
            reason = content_fault(a);
        }
        if (refused && before && before->kind == WOAD_ATTR_CHARACTERISTIC &&
            a->kind != WOAD_ATTR_VALUE) {
            gatt_failed(k, before, REFUSED_ROWS, "the row behind it has to be its value");
        }
        if (db_is_service(a)) {
            k->declaration = NULL;
        } else if (a->kind == WOAD_ATTR_CHARACTERISTIC) {
            k->declaration = a;
        }
        if (!refused) {
            reason = use_fault(k, a);
        }
        if (reason) {
            gatt_failed(k, a, refused, reason);
        }
    }
    if (refused && before && before->kind == WOAD_ATTR_CHARACTERISTIC) {
        gatt_failed(k, before, REFUSED_ROWS, "the row behind it has to be its value");
    }
}

int woad_gatt_check(const struct woad_attr *attrs, uint16_t n, struct woad_gatt_fault *fault)
{
    struct woad_gatt_fault found;
    struct gatt_check k = { .attrs = attrs, .fault = fault };
    if (!fault) {
        k.fault = &found;
    }
    if (!attrs || !n) {
        k.fault->row = 0;
        k.fault->refused = true;
        fault_format(k.fault, "the array is NULL, or has no rows");
        return WOAD_EINVAL;
    }
    k.end = attrs + n;
    check_rows(&k, REFUSED_ROWS);
    check_rows(&k, USELESS_ROWS);
    if (k.failed) {
        return WOAD_EINVAL;
    }
    return 0;
}

void gatts_log_fault(struct woad *h, const struct attr_table *table)
{
    struct woad_gatt_fault fault;
    const struct gatts *g = h->gatts;
    for (size_t t = 0; t < g->n_tables; t++) {
        if (g->tables[t].attrs == table->attrs && g->tables[t].first != table->first) {
            log_write(h, WOAD_LOG_WARNING,
                      "woad_gatt_add: this array is in the database already, from handle %u on",
                      g->tables[t].first);
        }
    }
    if (woad_gatt_check(table->attrs, table->n, &fault)) {
        log_write(h, WOAD_LOG_WARNING, "woad_gatt_add: %s", fault.reason);
    }
}
