/* The Generic Attribute Profile: server and client. */
#ifndef WOAD_GATT_H
#define WOAD_GATT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uuid.h"

#ifdef __cplusplus
extern "C" {
#endif

struct woad;

enum { /* ATT error codes.  Vol 3, Part F, 3.4.1.1 */
       WOAD_ATT_OK = 0x00,
       WOAD_ATT_INVALID_HANDLE = 0x01,
       WOAD_ATT_READ_NOT_PERMITTED = 0x02,
       WOAD_ATT_WRITE_NOT_PERMITTED = 0x03,
       WOAD_ATT_INVALID_PDU = 0x04,
       WOAD_ATT_INSUFFICIENT_AUTHENTICATION = 0x05,
       WOAD_ATT_REQUEST_NOT_SUPPORTED = 0x06,
       WOAD_ATT_INVALID_OFFSET = 0x07,
       WOAD_ATT_INSUFFICIENT_AUTHORIZATION = 0x08,
       WOAD_ATT_PREPARE_QUEUE_FULL = 0x09,
       WOAD_ATT_ATTRIBUTE_NOT_FOUND = 0x0a,
       WOAD_ATT_ATTRIBUTE_NOT_LONG = 0x0b,
       WOAD_ATT_INSUFFICIENT_KEY_SIZE = 0x0c,
       WOAD_ATT_INVALID_VALUE_LENGTH = 0x0d,
       WOAD_ATT_UNLIKELY = 0x0e,
       WOAD_ATT_INSUFFICIENT_ENCRYPTION = 0x0f,
       WOAD_ATT_UNSUPPORTED_GROUP_TYPE = 0x10,
       WOAD_ATT_INSUFFICIENT_RESOURCES = 0x11,
       WOAD_ATT_VALUE_NOT_ALLOWED = 0x13
};

enum { /* characteristic properties.  Vol 3, Part G, 3.3.1.1 */
       WOAD_PROP_BROADCAST = 0x01,
       WOAD_PROP_READ = 0x02,
       WOAD_PROP_WRITE_COMMAND = 0x04,
       WOAD_PROP_WRITE = 0x08,
       WOAD_PROP_NOTIFY = 0x10,
       WOAD_PROP_INDICATE = 0x20,
       WOAD_PROP_SIGNED_WRITE = 0x40
};

enum { WOAD_ATT_VALUE_MAX = 512 }; /* octets.  Vol 3, Part F, 3.2.9 */

/* --- server (feature woad_feature_gatt_server) */

enum woad_attr_kind {
    WOAD_ATTR_PRIMARY,
    WOAD_ATTR_SECONDARY,
    WOAD_ATTR_INCLUDE,        /* value: a struct woad_include */
    WOAD_ATTR_CHARACTERISTIC, /* the declaration; its value is the next attribute */
    WOAD_ATTR_VALUE,
    WOAD_ATTR_DESCRIPTOR,
    WOAD_ATTR_CCCD /* stored by the host, per connection */
};

/* struct woad_attr.perm.  READ and WRITE allow; the others only demand more of whoever is allowed.
 * WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED: a value that is read over encrypted connections;
 * WOAD_PERM_READ_ENCRYPTED alone: one that nobody reads, and that is notified over those. */
enum {
    WOAD_PERM_READ = 0x01,
    WOAD_PERM_WRITE = 0x02,
    WOAD_PERM_READ_ENCRYPTED = 0x04,
    WOAD_PERM_READ_AUTHENTICATED = 0x08,
    WOAD_PERM_WRITE_ENCRYPTED = 0x10,
    WOAD_PERM_WRITE_AUTHENTICATED = 0x20,
    WOAD_PERM_SECURE = 0x40,            /* both: only under a key of LE Secure Connections */
    WOAD_PERM_KEY_16 = 0x80,            /* both: only under a key of 16 octets */
    WOAD_PERM_READ_AUTHORIZED = 0x100,  /* each access raises */
    WOAD_PERM_WRITE_AUTHORIZED = 0x200, /* WOAD_EV_AUTHORIZE */
    WOAD_PERM_WRITE_SIGNED = 0x400,     /* by a bonded peer's signed write, without encryption */
    WOAD_PERM_VALUE = 0x800             /* set by WOAD_CHARACTERISTIC_VALUE and the like */
};

/* One attribute.  A database consists of arrays of these, in flash if they are constant: an array
 * takes no RAM per attribute (2 octets each with config.attr_index).
 *
 * uuid: of the service, of the characteristic (the same for its declaration and its value) or of
 * the descriptor; not used for a CCCD. value, len: a value that never changes.  If value is NULL,
 * the application answers reads (WOAD_EV_GATT_READ).  A write always raises WOAD_EV_GATT_WRITE. */
struct woad_attr {
    const struct woad_uuid *uuid;
    const void *value;
    uint16_t len;
    uint8_t kind;  /* enum woad_attr_kind */
    uint8_t props; /* WOAD_PROP_…, of WOAD_ATTR_CHARACTERISTIC */
    uint16_t perm; /* WOAD_PERM_… */
};

/* A client's value of a Client Characteristic Configuration: bits 0 and 1 of `value`. In a bond the
 * other bits identify its characteristic, 0: unknown; a store keeps them unchanged. */
struct woad_cccd {
    uint16_t handle, value;
};

/* The service that an include declaration refers to, by its handles.  It may be in RAM and be
 * filled in when they are known. */
struct woad_include {
    uint16_t start, end;
    const struct woad_uuid *uuid;
};

#define WOAD_INCLUDE(include_) \
    { \
        NULL, include_, sizeof(struct woad_include), WOAD_ATTR_INCLUDE, 0, WOAD_PERM_READ \
    }
#define WOAD_PRIMARY(uuid_) \
    { \
        uuid_, NULL, 0, WOAD_ATTR_PRIMARY, 0, WOAD_PERM_READ \
    }
#define WOAD_SECONDARY(uuid_) \
    { \
        uuid_, NULL, 0, WOAD_ATTR_SECONDARY, 0, WOAD_PERM_READ \
    }
/* A characteristic with a value from the application, and one with a constant value. */
#define WOAD_CHARACTERISTIC(uuid_, props_, perm_) \
    { uuid_, NULL, 0, WOAD_ATTR_CHARACTERISTIC, props_, WOAD_PERM_READ }, \
    { \
        uuid_, NULL, 0, WOAD_ATTR_VALUE, 0, perm_ \
    }
#define WOAD_CHARACTERISTIC_CONST(uuid_, value_, len_) \
    { uuid_, NULL, 0, WOAD_ATTR_CHARACTERISTIC, WOAD_PROP_READ, WOAD_PERM_READ }, \
    { \
        uuid_, value_, len_, WOAD_ATTR_VALUE, 0, WOAD_PERM_READ \
    }
#define WOAD_CCCD \
    { \
        NULL, NULL, 0, WOAD_ATTR_CCCD, 0, WOAD_PERM_READ | WOAD_PERM_WRITE \
    }
/* A characteristic that clients can subscribe to: declaration, value, CCCD. */
#define WOAD_CHARACTERISTIC_CCCD(uuid_, props_, perm_) \
    WOAD_CHARACTERISTIC(uuid_, props_, perm_), WOAD_CCCD
#define WOAD_DESCRIPTOR(uuid_, perm_) \
    { \
        uuid_, NULL, 0, WOAD_ATTR_DESCRIPTOR, 0, perm_ \
    }
#define WOAD_DESCRIPTOR_CONST(uuid_, value_, len_) \
    { \
        uuid_, value_, len_, WOAD_ATTR_DESCRIPTOR, 0, WOAD_PERM_READ \
    }

/* A value that the host reads and writes itself, without an event to be answered, and that knows
 * its handle.  It is in RAM, belongs to one row of one instance, and must stay valid as long as
 * that row's array.  The application may change data, len and the functions at any time between two
 * calls.
 *
 *     static uint8_t percent = 100, text[20];
 *     static struct woad_value level = WOAD_VALUE_FIXED(&percent, 1),
 *                              label = WOAD_VALUE_RAM(text, 0, sizeof text);
 *     static const struct woad_attr battery[] = {
 *         WOAD_PRIMARY(&battery_service),
 *         WOAD_CHARACTERISTIC_VALUE(&battery_level, WOAD_PROP_READ | WOAD_PROP_NOTIFY,
 *                                   WOAD_PERM_READ, &level),
 *         WOAD_CCCD,
 *         WOAD_CHARACTERISTIC_VALUE(&user_label, WOAD_PROP_READ | WOAD_PROP_WRITE,
 *                                   WOAD_PERM_READ | WOAD_PERM_WRITE, &label),
 *     };
 *     …
 *     percent--;
 *     woad_gatt_notify_value(h, &level);
 *
 * A write ends the value where the write ends: the client gets WOAD_ATT_INVALID_VALUE_LENGTH if
 * that is not in min..max, WOAD_ATT_INVALID_OFFSET for a part behind the present end.  After it,
 * WOAD_EV_GATT_WRITE without need_answer informs the application; with a write function the
 * function is called instead, before the value changes.
 *
 * read() is called before the value is read, for each part of a long one: it may set *data and len.
 * write() gets what the client writes at `offset` of the value.  Both return 0, or an ATT error for
 * the client: then nothing changes.  Inside, the host may be called as in the callback.  `h`, the
 * instance; `conn`, the client. */
struct woad_value {
    const struct woad_value_kind *kind; /* &woad_values: set by the macros */
    /* Octets in RAM, or constant ones with max 0; NULL: the application answers events, as for
     * WOAD_CHARACTERISTIC. */
    const void *data;
    uint16_t len;      /* octets of it */
    uint16_t min, max; /* octets that a write may leave, up to 512; max 0: it can't be written */
    uint16_t handle;   /* of the value: set by woad_gatt_add(), valid if that returns 0, until the
                        * array is removed */
    uint8_t (*read)(struct woad *h, uint16_t conn, struct woad_value *v);
    uint8_t (*write)(struct woad *h, uint16_t conn, struct woad_value *v, uint16_t offset,
                     const uint8_t *data, uint16_t len);
};
extern const struct woad_value_kind woad_values;

/* Octets in RAM: of any length up to max_; all of one length; a constant. */
#define WOAD_VALUE_RAM(data_, len_, max_) \
    { \
        &woad_values, data_, len_, 0, max_, 0, NULL, NULL \
    }
#define WOAD_VALUE_FIXED(data_, len_) \
    { \
        &woad_values, data_, len_, len_, len_, 0, NULL, NULL \
    }
#define WOAD_VALUE_CONST(data_, len_) \
    { \
        &woad_values, data_, len_, 0, 0, 0, NULL, NULL \
    }
/* With functions; each may be NULL.  data_ NULL: only the functions have the value. */
#define WOAD_VALUE_FUNCTIONS(data_, len_, max_, read_, write_) \
    { \
        &woad_values, data_, len_, 0, max_, 0, read_, write_ \
    }
/* Only its handle: the application answers WOAD_EV_GATT_READ and WOAD_EV_GATT_WRITE. */
#define WOAD_VALUE_EVENTS \
    { \
        &woad_values, NULL, 0, 0, WOAD_ATT_VALUE_MAX, 0, NULL, NULL \
    }

/* A characteristic, one that clients can subscribe to, and a descriptor: value_ is the address of a
 * struct woad_value; anything else does not compile. */
#define WOAD_VALUE_POINTER(value_) (&(value_)->kind)
#define WOAD_CHARACTERISTIC_VALUE(uuid_, props_, perm_, value_) \
    { uuid_, NULL, 0, WOAD_ATTR_CHARACTERISTIC, props_, WOAD_PERM_READ }, \
    { \
        uuid_, WOAD_VALUE_POINTER(value_), sizeof(struct woad_value), WOAD_ATTR_VALUE, 0, \
            (perm_) | WOAD_PERM_VALUE \
    }
#define WOAD_CHARACTERISTIC_VALUE_CCCD(uuid_, props_, perm_, value_) \
    WOAD_CHARACTERISTIC_VALUE(uuid_, props_, perm_, value_), WOAD_CCCD
#define WOAD_DESCRIPTOR_VALUE(uuid_, perm_, value_) \
    { \
        uuid_, WOAD_VALUE_POINTER(value_), sizeof(struct woad_value), WOAD_ATTR_DESCRIPTOR, 0, \
            (perm_) | WOAD_PERM_VALUE \
    }

/* Says what is wrong with an array of attributes, for people: while a program is written, or in an
 * assert.  Only programs that call it pay for it, with about 2 kB of flash.  woad_gatt_add() writes
 * the same to config.log, in a library that was compiled with WOAD_LOG. */
struct woad_gatt_fault {
    uint16_t
        row; /* index of the attribute; a macro for a characteristic makes two rows, or three */
    /* As in "row 2, value 2a19: WOAD_PROP_READ without WOAD_PERM_READ: nobody can read it". */
    char reason[160];
    bool refused; /* by woad_gatt_add().  false: it accepts the array, and something can't work */
};

/* 0: nothing is wrong, then `fault` is not written.  WOAD_EINVAL: `fault`, which may be NULL, says
 * what is wrong.  Of several faults it finds one, and first those that are refused. */
int woad_gatt_check(const struct woad_attr *attrs, uint16_t n, struct woad_gatt_fault *fault);

/* An array and the number of its rows, as two arguments: woad_gatt_add(h, WOAD_ATTRS(table), NULL).
 * Not for a pointer, whose number would be 0, which is refused. */
#define WOAD_ATTRS(table_) (table_), sizeof(table_) / sizeof *(table_)

/* Adds an array of attributes, one or more services, behind the existing ones (when handles run
 * out: in the first gap).  The array is not copied: it must stay valid until it is removed, or the
 * instance stops or fails; add it again at WOAD_EV_UP. *first, if not NULL, gets the handle of its
 * first attribute.  Generic Access and Generic Attribute are built in: handles 1 to 9 (1 to 11 with
 * woad_feature_client_features).
 *
 * Allowed at any time, also during connections: clients that have subscribed to Service Changed are
 * notified.  WOAD_EINVAL if the array does not begin with a service, a characteristic has no value,
 * a struct woad_value was not initialised by a macro, or handles run out; WOAD_ENOMEM if the table
 * of arrays (config.attr_tables) is full; WOAD_ENODEV before woad_start(); WOAD_ENOTSUP without the
 * feature. */
int woad_gatt_add(struct woad *h, const struct woad_attr *attrs, uint16_t n, uint16_t *first);

/* The same at given handles: first to first + n - 1.  WOAD_EINVAL, too, if one of them is in use.
 * The errors of woad_gatt_add(). */
int woad_gatt_add_at(struct woad *h, const struct woad_attr *attrs, uint16_t n, uint16_t first);

/* Removes the array at `first`. Its handles return Invalid Handle from now on, also for a read or a
 * write that waits for woad_gatt_answer(): the application answers it no more (WOAD_EALREADY; later
 * the answer would be to the client's next request).  Subscriptions to
 * them end without an event, in the client's bond too (WOAD_EV_BOND).  Their queued values are
 * dropped: WOAD_EV_INDICATED with WOAD_EACCES for an indication.  To replace services, remove, then
 * add.  WOAD_ENOENT, WOAD_ENOTSUP. */
int woad_gatt_remove(struct woad *h, uint16_t first);

/* Removes all arrays that were added.  WOAD_ENOTSUP without the feature. */
int woad_gatt_clear(struct woad *h);

/* The device name, characteristic 0x2A00, empty at first: up to 31 octets, copied; allowed at any
 * time. WOAD_EINVAL if longer. woad_gatt_name() returns its length; *name stays valid with the
 * instance. WOAD_ENOTSUP without the feature. */
int woad_gatt_set_name(struct woad *h, const uint8_t *name, size_t len);
size_t woad_gatt_name(const struct woad *h, const uint8_t **name);

/* Answers a WOAD_EV_GATT_READ, or a WOAD_EV_GATT_WRITE with need_answer, of `conn`: inside the
 * event; or later, but within 30 s, the client's limit, if woad_gatt_answer_later() was called
 * inside.  A request with neither gets WOAD_ATT_UNLIKELY when the callback returns: of an attribute
 * that a switch has forgotten.  err is 0 or an ATT error code.  For a read,
 * data is the whole value, from offset 0, copied; the host takes the part that was requested.  A
 * value longer than one response is cached if config.prepare_queue has room, so that the client's
 * further requests read parts of the same value; without room, each part raises an event.  One such
 * value of each client is cached: a second long value read at the same time, or a prepared write,
 * takes its place.  Only the first 512 octets of a value count (WOAD_ATT_VALUE_MAX).  The response
 * becomes an error if the connection has lost the security that reading the value takes.  With
 * several bearers, inside an event it answers that event's request, else the one that has waited
 * longest: see woad_gatt_answer_to().  Each event takes one answer, even if the peer has closed the
 * bearer since (Enhanced ATT): that answer returns WOAD_EALREADY, and before it the bearer is not
 * opened again.  WOAD_ENOTCONN; WOAD_EALREADY if nothing waits for an answer, and inside an event
 * whose request is answered or withdrawn already. */
int woad_gatt_answer(struct woad *h, uint16_t conn, uint8_t err, const void *data, size_t len);

/* Inside a WOAD_EV_GATT_READ, or a WOAD_EV_GATT_WRITE with need_answer, of `conn`: the answer
 * follows after the event.  WOAD_ENOTCONN; WOAD_EALREADY outside of such an event, or if its
 * request is answered or withdrawn already. */
int woad_gatt_answer_later(struct woad *h, uint16_t conn);

/* The value of a handle has changed.  Drops the host's cached copy for clients that read it in
 * parts: the next part raises WOAD_EV_GATT_READ with its offset, and the application may answer
 * with an error, for example 0x80, Value Changed During Read Long, of some services. */
void woad_gatt_changed(struct woad *h, uint16_t handle);

/* The same for the request with number `request` in its event: a client with several bearers
 * (Enhanced ATT) may have several requests in progress.  The errors of woad_gatt_answer(). */
int woad_gatt_answer_to(struct woad *h, uint16_t conn, uint8_t request, uint8_t err,
                        const void *data, size_t len);

/* --- Enhanced ATT (feature woad_feature_eatt) */

/* Requests `n` more bearers, 1 to 5, on an encrypted connection.  WOAD_EV_ATT_BEARERS follows for
 * each one opened, and with a status if some or all are not.  Bearers that the peer requests are
 * granted while config.att_bearers has some; both sides use all of them.  Requests for different
 * attributes use any free bearer; requests for one attribute stay in order, as do notifications. If
 * both sides request bearers at once and there is no room for both, the host repeats the request.
 * Vol 3, Part G, 5.4.  WOAD_ENOTCONN, WOAD_ENOTSUP, WOAD_EINVAL; WOAD_EACCES without encryption;
 * WOAD_EALREADY during another request; WOAD_ENOMEM if not so many are free.
 *
 * A bearer without a credit for 30 s is closed: WOAD_EV_ATT_BEARERS with WOAD_ETIMEDOUT.  What it
 * held is sent by the others. */
int woad_eatt_open(struct woad *h, uint16_t conn, uint8_t n);

/* Closes all bearers of Enhanced ATT: WOAD_EV_ATT_BEARERS follows for each.  A request of
 * woad_eatt_open() ends too, with one WOAD_EV_ATT_BEARERS.  The fixed bearer stays.  WOAD_ENOTCONN,
 * WOAD_ENOTSUP. */
int woad_eatt_close(struct woad *h, uint16_t conn);

/* Sends a notification, whether or not the client has subscribed.  The data are copied; at most
 * ATT_MTU - 3 octets, and 512, are sent, the rest is cut off.  WOAD_ENOTCONN; WOAD_EINVAL for a
 * handle that the server, if there is one, does not have; WOAD_EACCES for a value that may not be
 * read over this connection; WOAD_EAGAIN if the connection's queue is full: WOAD_EV_TX_READY
 * follows when it has room.  WOAD_EV_TX_DONE follows when all that was queued on the connection has
 * been sent, or dropped because the encryption has ended or the attribute was removed. */
int woad_gatt_notify(struct woad *h, uint16_t conn, uint16_t handle, const void *data, size_t len);

/* The same for a value of which only the latest matters: it replaces a queued notification of the
 * same handle.  The errors of woad_gatt_notify(). */
int woad_gatt_notify_latest(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                            size_t len);

/* Two or more values in one packet, none of them cut.  WOAD_EINVAL if they are longer than an
 * ATT_MTU, or one is longer than 512 octets; WOAD_ENOTSUP if the client has not enabled it in
 * Client Supported Features (woad_feature_client_features).  The packet is dropped if the ATT_MTU
 * becomes too small, or the connection loses the security that one of the values takes, before it
 * is sent. */
struct woad_gatt_value {
    uint16_t handle, len;
    const void *data;
};
/* The errors of woad_gatt_notify(), and WOAD_ENOTSUP. */
int woad_gatt_notify_multiple(struct woad *h, uint16_t conn, const struct woad_gatt_value *values,
                              size_t n);

/* Sends an indication, which the client confirms.  One at a time is unconfirmed, more wait in the
 * queue.  WOAD_EV_INDICATED follows for each.  WOAD_EINVAL, too, for handle 8, Service Changed,
 * which the host indicates itself.  The errors of woad_gatt_notify(). */
int woad_gatt_indicate(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                       size_t len);

/* The client's CCCD behind `value_handle`: bit 0 notifications, bit 1 indications; 0 if there is
 * none. The CCCDs of a bonded client are kept with its bond, and are back when it has encrypted its
 * next connection.  What it writes before that may be an attacker's: where the bond has a value,
 * that one is restored; where it has none, the subscription holds for this connection. */
uint16_t woad_gatt_subscription(const struct woad *h, uint16_t conn, uint16_t value_handle);

enum { /* a Client Characteristic Configuration.  Vol 3, Part G, 3.3.3.3 */
       WOAD_CCCD_NOTIFY = 1,
       WOAD_CCCD_INDICATE = 2
};

/* Notifies every client that has subscribed to the notifications of this value: woad_gatt_notify()
 * on each such connection.  Returns on how many of them the notification is queued.  A client is
 * left out if its queue is full (WOAD_EV_TX_READY follows on that connection: the application may
 * send it the value of that time) or its connection lacks the security that reading the value
 * takes.  WOAD_ENOTSUP without woad_feature_gatt_server; WOAD_EINVAL for a handle that is not a
 * value with WOAD_PROP_NOTIFY. */
int woad_gatt_notify_subscribers(struct woad *h, uint16_t handle, const void *data, size_t len);

/* The same with the present octets of a value in the table.  WOAD_ENOTSUP; WOAD_EINVAL, too, if the
 * value is not in an array that is added now, or its `data` is NULL. */
int woad_gatt_notify_value(struct woad *h, const struct woad_value *v);

/* --- client and server ------------------------------------------------------------------------ */

/* Sets the ATT_MTU offered to peers, on connections without an exchange so far: 23 to config.mtu.
 * WOAD_EINVAL. */
int woad_set_mtu(struct woad *h, uint16_t mtu);
uint16_t woad_mtu(const struct woad *h);

/* --- client (feature woad_feature_gatt_client) */

/* Each call below queues a procedure on the connection; procedures run in order.  Each ends with
 * one WOAD_EV_GATTC_DONE.  Data are copied.  WOAD_ENOTCONN, WOAD_EINVAL, WOAD_ENOTSUP; WOAD_EAGAIN
 * if the queue is full: WOAD_EV_TX_READY follows when it has room.
 *
 * A procedure that was queued on an encrypted connection is never carried out unencrypted: it waits
 * for encryption if the peer is bonded, else it ends with WOAD_EACCES.
 *
 * Notifications and indications that a bonded peer sends before the encryption are queued, as far
 * as there is room, and raised when the bond's key has proved the peer; such an indication is
 * confirmed then.  If the encryption fails they are dropped. */

enum woad_gattc_op { /* the procedure that an event belongs to */
                     WOAD_GATTC_MTU,
                     WOAD_GATTC_SERVICES,
                     WOAD_GATTC_SECONDARY_SERVICES,
                     WOAD_GATTC_CHARACTERISTICS,
                     WOAD_GATTC_DESCRIPTORS,
                     WOAD_GATTC_INCLUDED,
                     WOAD_GATTC_READ,
                     WOAD_GATTC_READ_BY_UUID,
                     WOAD_GATTC_SUBSCRIBE,
                     WOAD_GATTC_READ_MULTIPLE,
                     WOAD_GATTC_READ_MULTIPLE_FIXED,
                     WOAD_GATTC_FIND,
                     WOAD_GATTC_WRITE,
                     WOAD_GATTC_WRITE_LONG,
                     WOAD_GATTC_WRITE_RELIABLE
};

/* Ends all queued procedures, each with WOAD_EV_GATTC_DONE, status WOAD_ECANCELED.  If a request
 * has been sent, its procedure ends when the response arrives, without further events; a write may
 * have been executed.  Prepared writes are cancelled.  WOAD_ENOTCONN; WOAD_ENOENT if nothing is
 * queued.  WOAD_ENOTSUP without the feature. */
int woad_gattc_cancel(struct woad *h, uint16_t conn);

/* Offers woad_mtu(); WOAD_EV_MTU follows on success.  WOAD_EALREADY if this side has already taken
 * part in an exchange on this connection.  WOAD_ENOTCONN, WOAD_ENOTSUP, WOAD_EAGAIN as above. */
int woad_gattc_exchange_mtu(struct woad *h, uint16_t conn);

/* Discovers primary services, all or those of one UUID: WOAD_EV_SERVICE for each.  WOAD_ENOTCONN,
 * WOAD_EINVAL, WOAD_ENOTSUP, WOAD_EAGAIN as above. */
int woad_gattc_services(struct woad *h, uint16_t conn, const struct woad_uuid *uuid);

/* Discovers secondary services, which are only included by others: WOAD_EV_SERVICE for each.  The
 * errors of woad_gattc_services(). */
int woad_gattc_secondary_services(struct woad *h, uint16_t conn);

/* Discovers characteristics declared in start..end, all or of one UUID: WOAD_EV_CHARACTERISTIC for
 * each.  The errors of woad_gattc_services(). */
int woad_gattc_characteristics(struct woad *h, uint16_t conn, uint16_t start, uint16_t end,
                               const struct woad_uuid *uuid);

/* Finds characteristics of one UUID in the primary services of one UUID, in one procedure: a
 * WOAD_EV_CHARACTERISTIC for each, with what woad_gattc_subscribe() takes.  WOAD_EV_GATTC_DONE has
 * the status WOAD_ATT_ATTRIBUTE_NOT_FOUND if there is none; its handle is where the search ended.
 * The errors of woad_gattc_services().
 */
int woad_gattc_find(struct woad *h, uint16_t conn, const struct woad_uuid *service,
                    const struct woad_uuid *characteristic);

/* Subscribes to a characteristic: finds its CCCD behind `value_handle`, and writes `bits`
 * (WOAD_CCCD_NOTIFY, WOAD_CCCD_INDICATE; 0: unsubscribes).  `end`: its last handle, of
 * WOAD_EV_CHARACTERISTIC; 0xffff: not known, the search ends at the next declaration.  One
 * WOAD_EV_GATTC_DONE follows, with `value_handle`: status 0; WOAD_ATT_ATTRIBUTE_NOT_FOUND if there
 * is no CCCD; or the server's ATT error.  WOAD_EV_NOTIFIED and WOAD_EV_INDICATION have
 * `value_handle`, and may precede it.  The subscription lasts as long as the connection; with a
 * bond, until it is changed.  The errors of woad_gattc_services(). */
int woad_gattc_subscribe(struct woad *h, uint16_t conn, uint16_t value_handle, uint16_t end,
                         uint16_t bits);

/* Discovers the attributes in start..end with their types: WOAD_EV_DESCRIPTOR for each.  The errors
 * of woad_gattc_services(). */
int woad_gattc_descriptors(struct woad *h, uint16_t conn, uint16_t start, uint16_t end);

/* Discovers the services that the one at start..end includes: WOAD_EV_INCLUDED for each; UUID size
 * 0 if the server does not let it be read.  The errors of woad_gattc_services(). */
int woad_gattc_included(struct woad *h, uint16_t conn, uint16_t start, uint16_t end);

/* Reads the values of all characteristics of a UUID in start..end: WOAD_EV_READ for each, cut at
 * the MTU.  The errors of woad_gattc_services(). */
int woad_gattc_read_by_uuid(struct woad *h, uint16_t conn, uint16_t start, uint16_t end,
                            const struct woad_uuid *uuid);

/* Reads 2 to 32 values at once, with their lengths: WOAD_EV_READ for each, the last one cut at the
 * MTU.  The server must support Read Multiple Variable Length (Core 5.2).  The errors of
 * woad_gattc_services(). */
int woad_gattc_read_multiple(struct woad *h, uint16_t conn, const uint16_t *handles, size_t n);

/* The same with the older request, for values of known lengths: one WOAD_EV_READ with all values,
 * one after the other, cut at the MTU; its handle is the first one.  The errors of
 * woad_gattc_services(). */
int woad_gattc_read_multiple_fixed(struct woad *h, uint16_t conn, const uint16_t *handles,
                                   size_t n);

/* Reads the whole value, up to 512 octets: WOAD_EV_READ for each part.  The errors of
 * woad_gattc_services(). */
int woad_gattc_read(struct woad *h, uint16_t conn, uint16_t handle);

/* Reads with one request: one WOAD_EV_READ with as much of the value as its response has.  The
 * errors of woad_gattc_services(). */
int woad_gattc_read_once(struct woad *h, uint16_t conn, uint16_t handle);

/* Writes with one Write Request.  WOAD_EINVAL if longer than ATT_MTU - 3, or 512.  The errors of
 * woad_gattc_services(). */
int woad_gattc_write(struct woad *h, uint16_t conn, uint16_t handle, const void *data, size_t len);

/* Writes up to 512 octets, prepared in parts and then executed.  `reliable`: each part's response
 * is compared; a difference cancels the write, with status WOAD_EBADMSG.  The errors of
 * woad_gattc_services(). */
int woad_gattc_write_long(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                          size_t len, bool reliable);

/* Writes without a response, signed instead of encrypted, to a bonded peer; a Write Command if the
 * connection is encrypted when it leaves.  WOAD_EV_BOND follows: the store must keep the
 * signature's counter.  WOAD_EINVAL if longer than ATT_MTU - 15; WOAD_EACCES without a bond that
 * has a signing key (a pairing with woad_feature_signed_writes gives one); WOAD_EIO if the
 * cryptography fails; WOAD_EAGAIN; WOAD_ENOTSUP without the Security Manager.  WOAD_ENOTCONN. */
int woad_gattc_write_signed(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                            size_t len);

/* Writes with a Write Command: no response, no event.  WOAD_EINVAL if longer than ATT_MTU - 3, or
 * 512; WOAD_EACCES to a bonded peer while the connection is not encrypted: the call starts the
 * encryption.  A queued one is dropped if the encryption that it was queued under ends, or the
 * ATT_MTU becomes too small.  WOAD_ENOTCONN; WOAD_EAGAIN if config.tx_queue is full:
 * WOAD_EV_TX_READY follows when it has room. */
int woad_gattc_write_command(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                             size_t len);

#ifdef __cplusplus
}
#endif

#endif
