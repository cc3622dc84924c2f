/* The GATT server's methods: services are registered, values read, written and sent.
 *
 * Names of other files:
 *   append: of a value: writes are added to what is there, until gatts_read() empties it
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_active(): the host; raises ENODEV if there is none; called after a method's arguments
 *       are converted
 *   ble_arg_conn(): a connection's number from an argument
 *   ble_arg_handle(): a handle, or a channel, from an argument
 *   ble_attributes_removed(): queued events about these handles are dropped
 *   ble_check_thread(): raises RuntimeError outside the main thread
 *   BLE_CONNS: connections of the configuration
 *   ble_flush(): moves what the host has to send to the controller; may raise events, and find
 *       that it has failed
 *   ble_items(): copies items of a sequence, and returns how many it has
 *   ble_not_indicated(): raises IRQ_GATTS_INDICATE_DONE with a status of failure
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_raise_with(): raises an OSError with a number and a detail
 *   ble_read_refused(): raises IRQ_GATTS_READ_REQUEST; 0, or the ATT error that the handler
 *       returns
 *   BLE_STATUS_ATT: added to an ATT error for the program
 *   ble_uuid_of(): the UUID in a Python object; NULL: it has none
 *   ble_value_at(): the value of a local attribute; NULL: none
 *   ble_value_set(): copies octets into a value, which grows
 *   ble_value_update(): notifies or indicates a value to each subscriber
 *   conns: numbers of the connections; WOAD_NO_CONN: a free entry
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   groups: services registered by one call each, with their values
 *   room: of a value: octets that it can have without being enlarged
 *   values: of a group of services: n values, from handle `first` on */
#include "ble.h"

/* MicroPython's flags of attributes: above the 8 bits that are GATT's properties. */
enum {
    BLE_FLAG_READ_ENC = 0x0200,
    BLE_FLAG_READ_AUTH = 0x0400,
    BLE_FLAG_READ_AUTHORIZED = 0x0800,
    BLE_FLAG_WRITE_ENC = 0x1000,
    BLE_FLAG_WRITE_AUTH = 0x2000,
    BLE_FLAG_WRITE_AUTHORIZED = 0x4000
};
enum {
    BLE_DEFAULT_ROOM =
        20, /* octets of a value, until gatts_set_buffer() or a longer gatts_write() */
    BLE_UUID_CCCD = 0x2902,
    BLE_HANDLE_FIRST = 10 /* the handles before are those of the host's own services */
};

/* --- registering ------------------------------------------------------------------------------ */

/* State of a walk over a services definition.  The first walk (attrs NULL) counts and checks, the
 * second fills the arrays.  Both may run the program, by its own sequence and number types: the
 * second walk is limited to the count of the first, and items of lists are read before the program
 * can run again. */
struct build {
    struct woad_attr *attrs;
    struct woad_uuid *uuids;
    size_t n, room;
};

/* Adds an attribute; in the first pass, which has no arrays, it only counts. */
static void build_put(struct build *b, const struct woad_uuid *uuid, struct woad_attr a)
{
    if (b->attrs) {
        if (b->n >= b->room) {
            mp_raise_ValueError(MP_ERROR_TEXT("definition has changed"));
        }
        if (uuid) {
            b->uuids[b->n] = *uuid;
            a.uuid = &b->uuids[b->n];
        }
        b->attrs[b->n] = a;
    }
    b->n++;
}

/* The host's permissions of a value or descriptor with these flags. */
static uint16_t build_perm(unsigned flags)
{
    unsigned perm = 0;
    perm |= flags & WOAD_PROP_READ ? WOAD_PERM_READ : 0;
    perm |= flags & (WOAD_PROP_WRITE | WOAD_PROP_WRITE_COMMAND) ? WOAD_PERM_WRITE : 0;
    perm |= flags & BLE_FLAG_READ_ENC ? WOAD_PERM_READ_ENCRYPTED : 0;
    perm |= flags & BLE_FLAG_READ_AUTH ? WOAD_PERM_READ_AUTHENTICATED : 0;
    perm |= flags & BLE_FLAG_WRITE_ENC ? WOAD_PERM_WRITE_ENCRYPTED : 0;
    perm |= flags & BLE_FLAG_WRITE_AUTH ? WOAD_PERM_WRITE_AUTHENTICATED : 0;
    perm |= flags & BLE_FLAG_READ_AUTHORIZED ? WOAD_PERM_READ_AUTHORIZED : 0;
    perm |= flags & BLE_FLAG_WRITE_AUTHORIZED ? WOAD_PERM_WRITE_AUTHORIZED : 0;
    perm |= flags & WOAD_PROP_SIGNED_WRITE ? WOAD_PERM_WRITE_SIGNED : 0;
    return (uint16_t)perm;
}

/* The UUID of an object; raises ValueError with this text. */
static struct woad_uuid build_uuid(mp_obj_t o, mp_rom_error_text_t error)
{
    const struct woad_uuid *uuid = ble_uuid_of(o);
    if (!uuid) {
        mp_raise_ValueError(error);
    }
    return *uuid;
}

/* Client Characteristic Configuration descriptor: the host has its value, the module none. */
static bool is_cccd(const struct woad_uuid *uuid)
{
    static const struct woad_uuid cccd = WOAD_UUID16(BLE_UUID_CCCD);
    return woad_uuid_equal(uuid, &cccd);
}

/* The definition's parts may be any iterables that have a length. */
static mp_obj_t build_iter(mp_obj_t o, mp_obj_iter_buf_t *buf, size_t *n)
{
    *n = (size_t)mp_obj_get_int(mp_obj_len(o));
    return mp_getiter(o, buf);
}

/* A characteristic with these flags has a CCCD. */
static bool build_subscribable(unsigned flags)
{
    return (flags & (WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE)) != 0;
}

/* (UUID, flags).  A CCCD that the definition names replaces the implied one.  `handles`: the
 * list to which the handle is added; MP_OBJ_NULL in the first walk.  `base`: the handle of
 * attribute 0. */
static void build_descriptor(struct build *b, mp_obj_t o, bool subscribable, mp_obj_t handles,
                             size_t base)
{
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(o, 2, &items);
    const struct woad_uuid uuid = build_uuid(items[0], MP_ERROR_TEXT("invalid descriptor UUID"));
    unsigned flags = (unsigned)mp_obj_get_int(items[1]);
    if (handles != MP_OBJ_NULL) {
        mp_obj_list_append(handles, MP_OBJ_NEW_SMALL_INT(base + b->n));
    }
    if (subscribable && is_cccd(&uuid)) {
        build_put(b, NULL, (struct woad_attr)WOAD_CCCD);
    } else {
        build_put(b, &uuid, (struct woad_attr)WOAD_DESCRIPTOR(NULL, build_perm(flags)));
    }
}

/* Whether the program defines a CCCD itself. */
static bool build_has_cccd(mp_obj_t descriptors)
{
    mp_obj_iter_buf_t buf;
    size_t n;
    mp_obj_t it = build_iter(descriptors, &buf, &n), o;
    while ((o = mp_iternext(it)) != MP_OBJ_STOP_ITERATION) {
        mp_obj_t *items;
        mp_obj_get_array_fixed_n(o, 2, &items);
        if (ble_uuid_of(items[0]) && is_cccd(ble_uuid_of(items[0]))) {
            return true;
        }
    }
    return false;
}

/* (UUID, flags) or (UUID, flags, descriptors): declaration, value, [CCCD], descriptors. */
static void build_characteristic(struct build *b, mp_obj_t o, mp_obj_t handles, size_t base)
{
    mp_obj_t items[3];
    size_t len = ble_items(o, items, MP_ARRAY_SIZE(items));
    if (len < 2 || len > 3) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid characteristic tuple"));
    }
    const struct woad_uuid uuid =
        build_uuid(items[0], MP_ERROR_TEXT("invalid characteristic UUID"));
    mp_obj_t descriptors = len == 3 ? items[2] : mp_const_empty_tuple;
    mp_obj_iter_buf_t buf;
    size_t n;
    mp_obj_t it = build_iter(descriptors, &buf, &n), d;
    if (n > 255) {
        mp_raise_ValueError(MP_ERROR_TEXT("too many descriptors"));
    }
    unsigned flags = 0; /* while counting: a CCCD counts like any descriptor */
    bool implied = false;
    if (b->attrs) {
        flags = (unsigned)mp_obj_get_int(items[1]) & 0xffff;
        implied = build_subscribable(flags) && !build_has_cccd(descriptors);
        mp_obj_list_append(handles, MP_OBJ_NEW_SMALL_INT(base + b->n + 1));
    }
    build_put(b, &uuid,
              (struct woad_attr){ .kind = WOAD_ATTR_CHARACTERISTIC,
                                  .props = (uint8_t)flags,
                                  .perm = WOAD_PERM_READ });
    build_put(b, &uuid, (struct woad_attr){ .kind = WOAD_ATTR_VALUE, .perm = build_perm(flags) });
    if (implied) {
        build_put(b, NULL, (struct woad_attr)WOAD_CCCD);
    }
    while ((d = mp_iternext(it)) != MP_OBJ_STOP_ITERATION) {
        build_descriptor(b, d, build_subscribable(flags), handles, base);
    }
    if (!b->attrs) {
        (void)mp_obj_get_int(items[1]); /* raises, if the flags are none */
        b->n++; /* for an implied CCCD, whether it comes or not: `room` may be more than is used */
    }
}

/* (UUID, characteristics).  Returns the tuple of the handles of values and descriptors. */
static mp_obj_t build_service(struct build *b, mp_obj_t o, size_t base)
{
    mp_obj_t *items, c;
    mp_obj_get_array_fixed_n(o, 2, &items);
    const struct woad_uuid uuid = build_uuid(items[0], MP_ERROR_TEXT("invalid service UUID"));
    mp_obj_t characteristics = items[1];
    mp_obj_t handles = b->attrs ? mp_obj_new_list(0, NULL) : MP_OBJ_NULL;
    mp_obj_iter_buf_t buf;
    size_t n;
    mp_obj_t it = build_iter(characteristics, &buf, &n);
    build_put(b, &uuid, (struct woad_attr)WOAD_PRIMARY(NULL));
    while ((c = mp_iternext(it)) != MP_OBJ_STOP_ITERATION) {
        build_characteristic(b, c, handles, base);
    }
    if (!b->attrs) {
        return mp_const_none;
    }
    mp_obj_get_array(handles, &n, &items);
    return mp_obj_new_tuple(n, items);
}

/* Walks over the services.  `base`: the handle of the first attribute.  Returns a tuple of
 * build_service()'s, which only the second walk needs. */
static mp_obj_t build_all(struct build *b, mp_obj_t services, size_t base)
{
    mp_obj_iter_buf_t buf;
    size_t n;
    mp_obj_t it = build_iter(services, &buf, &n), o, list = mp_obj_new_list(0, NULL), *items;
    while ((o = mp_iternext(it)) != MP_OBJ_STOP_ITERATION) {
        mp_obj_list_append(list, build_service(b, o, base));
    }
    mp_obj_get_array(list, &n, &items);
    return mp_obj_new_tuple(n, items);
}

/* Whether services may not be replaced now: a connection, advertising or a scan is there. */
static bool gatts_busy(const struct woad *h)
{
    for (size_t i = 0; i < BLE_CONNS; i++) {
        if (ble.conns[i] != WOAD_NO_CONN) {
            return true;
        }
    }
    return woad_adv_running(h) || woad_scan_running(h);
}

/* The values of all attributes that have one here; the host has the CCCDs'. + 1: an array of 0 is
 * no array. */
static struct ble_value *gatts_new_values(const struct build *b)
{
    struct ble_value *values = m_new0(struct ble_value, b->n + 1);
    for (size_t i = 0; i < b->n; i++) {
        uint8_t kind = b->attrs[i].kind;
        if (kind == WOAD_ATTR_VALUE || kind == WOAD_ATTR_DESCRIPTOR) {
            values[i].data = m_new0(uint8_t, BLE_DEFAULT_ROOM);
            values[i].room = BLE_DEFAULT_ROOM;
        }
    }
    return values;
}

/* The first handle after all groups; 0: no handle is left. */
static uint16_t gatts_free_handle(const ble_obj_t *o)
{
    uint32_t first = BLE_HANDLE_FIRST;
    for (const struct ble_group *g = o->groups; g; g = g->next) {
        first = first > (uint32_t)g->first + g->n ? first : (uint32_t)g->first + g->n;
    }
    return (uint16_t)(first <= 0xffff ? first : 0);
}

/* Parses and allocates everything before anything is changed. */
static struct ble_group *gatts_new_group(mp_obj_t services, size_t n, uint16_t first,
                                         mp_obj_t *handles)
{
    struct build b = { .attrs = m_new0(struct woad_attr, n + 1),
                       .uuids = m_new0(struct woad_uuid, n + 1),
                       .room = n };
    *handles = build_all(&b, services, first);
    struct ble_group *g = m_new0(struct ble_group, 1);
    *g = (struct ble_group){ .attrs = b.attrs,
                             .uuids = b.uuids,
                             .values = gatts_new_values(&b),
                             .first = first,
                             .n = (uint16_t)b.n };
    return g;
}

/* gatts_register_services(definitions) -> handles: replaces all services, or changes nothing. */
static mp_obj_t gatts_register_services(mp_obj_t self, mp_obj_t services)
{
    struct build count = { 0 };
    mp_obj_t handles;
    (void)self;
    build_all(&count, services, BLE_HANDLE_FIRST);
    ble_active();
    if (count.n > 0xffff - BLE_HANDLE_FIRST) {
        BLE_REFUSE(MP_EINVAL, "more attributes than handles");
    }
    struct ble_group *g = gatts_new_group(services, count.n, BLE_HANDLE_FIRST, &handles);
    struct woad *h = ble_active(); /* again: the walk may have stopped it */
    if (gatts_busy(h)) {
        BLE_REFUSE(MP_EBUSY,
                   "services are replaced while nothing is connected, advertises or scans");
    }
    ble_obj_t *o = ble_object();
    ble_raise(woad_gatt_clear(h));
    int err = g->n ? woad_gatt_add_at(h, g->attrs, g->n, BLE_HANDLE_FIRST) : 0;
    if (err) {
        for (struct ble_group *old = o->groups; old; old = old->next) {
            woad_gatt_add_at(h, old->attrs, old->n, old->first); /* the old services again */
        }
        ble_raise(err);
    }
    ble_attributes_removed(o, BLE_HANDLE_FIRST, 0xffff);
    o->groups = g->n ? g : NULL;
    return handles;
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gatts_register_services_obj, gatts_register_services);

/* Adds services to those that are registered, connected or not. */
static mp_obj_t gatts_add_services(mp_obj_t self, mp_obj_t services)
{
    struct build count = { 0 };
    mp_obj_t handles;
    (void)self;
    build_all(&count, services, 0);
    ble_active();
    ble_obj_t *o = ble_object();
    uint16_t first = gatts_free_handle(o);
    if (!count.n || !first || count.n > 0xffffu - first) { /* none to add, or no handles */
        BLE_REFUSE(MP_EINVAL, "no services, or no handles are left for them");
    }
    struct ble_group *g = gatts_new_group(services, count.n, first, &handles);
    struct woad *h = ble_active(); /* again: the walk may have stopped it */
    if (gatts_free_handle(o) != first) {
        mp_raise_OSError(MP_EBUSY); /* walking the definition registered services */
    }
    ble_raise(woad_gatt_add_at(h, g->attrs, g->n, first));
    g->next = o->groups;
    o->groups = g;
    ble_flush(); /* Service Changed, to connections */
    return handles;
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gatts_add_services_obj, gatts_add_services);

/* Searches the list again: during woad_gatt_remove() the program may have added or removed groups.
 */
static void gatts_unlink(ble_obj_t *o, const struct ble_group *removed)
{
    struct ble_group **g = &o->groups;
    while (*g && *g != removed) {
        g = &(*g)->next;
    }
    if (*g) {
        *g = removed->next;
    }
}

/* Removes the services that were added by one call together with the attribute `handle`. */
static mp_obj_t gatts_remove_services(mp_obj_t self, mp_obj_t handle)
{
    mp_int_t at = mp_obj_get_int(handle);
    (void)self;
    struct woad *h = ble_active();
    ble_obj_t *o = ble_object();
    const struct ble_group *removed = o->groups;
    while (removed && (at < removed->first || at - removed->first >= removed->n)) {
        removed = removed->next;
    }
    if (!removed) {
        BLE_REFUSE(MP_EINVAL, "no added service has this handle");
    }
    /* before: woad_gatt_remove() may raise events, which must not find these.  It does not fail:
     * the host has each of our groups. */
    ble_attributes_removed(o, removed->first, (uint16_t)(removed->first + removed->n - 1));
    ble_raise(woad_gatt_remove(h, removed->first));
    gatts_unlink(o, removed);
    ble_flush(); /* Service Changed */
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gatts_remove_services_obj, gatts_remove_services);

/* --- values ----------------------------------------------------------------------------------- */

/* gatts_read(handle) -> bytes: b"" for a handle that has no value, and while BLE is not active, as
 * in MicroPython; other methods raise there.  With `append` (gatts_set_buffer()) writes of peers
 * add up until they are read. */
static mp_obj_t gatts_read(mp_obj_t self, mp_obj_t handle)
{
    (void)self;
    uint16_t at = ble_arg_handle(handle);
    ble_check_thread();
    struct ble_value *v = ble_value_at(at);
    if (!v || !ble.host) {
        return mp_const_empty_bytes;
    }
    mp_obj_t result = mp_obj_new_bytes(v->data, v->len);
    if (v->append) {
        v->len = 0;
    }
    return result;
}
MP_DEFINE_CONST_FUN_OBJ_2(ble_gatts_read_obj, gatts_read);

/* The value of a handle.  Raises ENODEV or EINVAL. */
static struct ble_value *gatts_value(uint16_t handle)
{
    ble_active();
    struct ble_value *v = ble_value_at(handle);
    if (!v) {
        BLE_REFUSE(MP_EINVAL, "no value has this handle");
    }
    return v;
}

/* gatts_write(handle, data, send_update=False) -> octets written. */
static mp_obj_t gatts_write(size_t n_args, const mp_obj_t *args)
{
    bool update = n_args > 3 && mp_obj_is_true(args[3]);
    uint16_t handle = ble_arg_handle(args[1]);
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_READ);
    struct ble_value *v = gatts_value(handle);
    if (buf.len > 0xffff) {
        BLE_REFUSE(MP_EINVAL, "a value has 65535 octets at most");
    }
    ble_value_set(v, buf.buf, buf.len);
    if (update) {
        ble_value_update(handle);
        ble_flush();
    }
    return MP_OBJ_NEW_SMALL_INT(buf.len);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_write_obj, 3, 4, gatts_write);

/* Without data: sends the local value, which the program may update first, in
 * IRQ_GATTS_READ_REQUEST with conn_handle 0xffff. */
static mp_obj_t gatts_send(size_t n_args, const mp_obj_t *args,
                           int (*send)(struct woad *, uint16_t, uint16_t, const void *, size_t))
{
    uint16_t conn = ble_arg_conn(args[1]);
    uint16_t handle = ble_arg_handle(args[2]);
    mp_buffer_info_t buf = { .buf = NULL, .len = 0 };
    bool local_value = n_args < 4 || args[3] == mp_const_none;
    if (!local_value) {
        mp_get_buffer_raise(args[3], &buf, MP_BUFFER_READ);
    }
    struct woad *h = ble_active();
    struct woad_conn_info info;
    ble_raise(woad_conn_info(h, conn, &info));
    if (local_value) {
        gatts_value(handle); /* raises if there is none */
        int err = ble_read_refused(WOAD_NO_CONN, handle);
        if (err) {
            ble_raise_with(MP_EINVAL, MP_OBJ_NEW_SMALL_INT(BLE_STATUS_ATT + err));
        }
        h = ble_active(); /* the handler may have stopped it */
        const struct ble_value *v = gatts_value(handle);
        buf.buf = v->data;
        buf.len = v->len;
    }
    int err = send(h, conn, handle, buf.buf, buf.len);
    if (err == WOAD_EACCES) { /* the connection lacks the security: no error of the program */
        ble.dropped++;
        if (send == woad_gatt_indicate) {
            ble_not_indicated(conn, handle);
        }
        return mp_const_none;
    }
    ble_raise(err);
    ble_flush();
    return mp_const_none;
}

/* gatts_notify(conn_handle, value_handle, data=None) */
static mp_obj_t gatts_notify(size_t n_args, const mp_obj_t *args)
{
    return gatts_send(n_args, args, woad_gatt_notify);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_notify_obj, 3, 4, gatts_notify);

/* gatts_notify_latest(conn_handle, value_handle, data=None): replaces a notification of this
 * value that has not left yet. */
static mp_obj_t gatts_notify_latest(size_t n_args, const mp_obj_t *args)
{
    return gatts_send(n_args, args, woad_gatt_notify_latest);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_notify_latest_obj, 3, 4, gatts_notify_latest);

/* gatts_indicate(conn_handle, value_handle, data=None); the result is IRQ_GATTS_INDICATE_DONE. */
static mp_obj_t gatts_indicate(size_t n_args, const mp_obj_t *args)
{
    return gatts_send(n_args, args, woad_gatt_indicate);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_indicate_obj, 3, 4, gatts_indicate);

/* gatts_set_buffer(handle, len, append=False): empties the value, and lets it have `len` octets. */
static mp_obj_t gatts_set_buffer(size_t n_args, const mp_obj_t *args)
{
    uint16_t handle = ble_arg_handle(args[1]);
    mp_int_t len = mp_obj_get_int(args[2]);
    bool append = n_args > 3 && mp_obj_is_true(args[3]);
    struct ble_value *v = gatts_value(handle);
    if (len < 0 || len > 0xffff) {
        BLE_REFUSE(MP_EINVAL, "a value has 65535 octets at most");
    }
    v->data = m_new0(uint8_t, len ? len : 1);
    v->room = (uint16_t)len;
    v->len = 0;
    v->append = append;
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_gatts_set_buffer_obj, 3, 4, gatts_set_buffer);
