/* The Generic Attribute Profile: server and client. */
#ifndef WOAD_GATT_H
#define WOAD_GATT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "uuid.h"

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

/* --- server (feature woad_feature_gatt_server)
 * -------------------------------------------------------- */

enum woad_attr_kind {
    WOAD_ATTR_PRIMARY,
    WOAD_ATTR_SECONDARY,
    WOAD_ATTR_INCLUDE,        /* value: a struct woad_include */
    WOAD_ATTR_CHARACTERISTIC, /* the declaration; its value follows at the next handle */
    WOAD_ATTR_VALUE,
    WOAD_ATTR_DESCRIPTOR,
    WOAD_ATTR_CCCD /* kept by the host, per connection */
};

enum { /* struct woad_attr.perm */
       WOAD_PERM_READ = 0x01,
       WOAD_PERM_WRITE = 0x02,
       WOAD_PERM_READ_ENCRYPTED = 0x04,
       WOAD_PERM_READ_AUTHENTICATED = 0x08,
       WOAD_PERM_WRITE_ENCRYPTED = 0x10,
       WOAD_PERM_WRITE_AUTHENTICATED = 0x20,
       WOAD_PERM_SECURE = 0x40,            /* both only with a key of LE Secure Connections */
       WOAD_PERM_KEY_16 = 0x80,            /* both only with a key of 16 octets */
       WOAD_PERM_READ_AUTHORIZED = 0x100,  /* the application is asked each time: */
       WOAD_PERM_WRITE_AUTHORIZED = 0x200, /* WOAD_EV_AUTHORIZE */
       WOAD_PERM_WRITE_SIGNED = 0x400      /* a bonded peer's signed write, without encryption */
};

/* One attribute.  A database is made of arrays of these, in flash where they are constant; an array
 * costs no RAM per attribute (2 octets with config.attr_index), and a handle is found without a
 * search.
 *
 * uuid: of the service, of the characteristic (the same for its declaration and its value) or of
 * the descriptor; not used for a CCCD. value, len: a value that never changes.  With value NULL
 * the application answers: a read raises WOAD_EV_GATT_READ, a write always WOAD_EV_GATT_WRITE. */
struct woad_attr {
    const struct woad_uuid *uuid;
    const void *value;
    uint16_t len;
    uint8_t kind;  /* enum woad_attr_kind */
    uint8_t props; /* of WOAD_ATTR_CHARACTERISTIC */
    uint16_t perm;
};

/* What a client has written into a Client Characteristic Configuration: bits 0 and 1 of `value`.
 * In a bond the others say which characteristic it is of, 0: not known; they are kept with it. */
struct woad_cccd {
    uint16_t handle, value;
};

/* The service that an include declaration names, by the handles it has got.  It may be in RAM, and
 * be filled in when they are known. */
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
/* A characteristic whose value the application answers, and one with a constant value. */
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
/* One that clients can subscribe to: declaration, value, CCCD. */
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

/* Adds an array of attributes, one service or several, behind those already there (where handles
 * run out: in the first gap).  The array must live until it is taken away or the instance stops or
 * fails; then add it again, at WOAD_EV_UP.  *first, if not NULL, gets the handle of its first
 * attribute.  The Generic Access and Generic Attribute services are there already, handles 1 to 9
 * (1 to 11 with woad_feature_client_features).
 *
 * At any time, with connections too: clients that have subscribed to Service Changed are told.
 * WOAD_EINVAL when it does not begin with a service, a characteristic has no value, or handles
 * run out; WOAD_ENOMEM when the table of arrays (config.attr_tables) is full; WOAD_ENODEV before
 * woad_start(). */
int woad_gatt_add(struct woad *h, const struct woad_attr *attrs, uint16_t n, uint16_t *first);

/* The same at handles of your choice: first to first + n - 1.  WOAD_EINVAL, too, when one of them
 * is in use. */
int woad_gatt_add_at(struct woad *h, const struct woad_attr *attrs, uint16_t n, uint16_t first);

/* Takes away the array at `first`; its handles answer Invalid Handle from now on, a read or a write
 * that waits for woad_gatt_answer() too (which is WOAD_EALREADY then); subscriptions to them end
 * without an event, in the client's bond too (WOAD_EV_BOND).  What is queued of their values may
 * not be sent any more: WOAD_EV_INDICATED with WOAD_EACCES for an indication.  To replace services:
 * remove, then add.  WOAD_ENOENT. */
int woad_gatt_remove(struct woad *h, uint16_t first);

/* Takes away all that was added. */
int woad_gatt_clear(struct woad *h);

/* The device name, characteristic 0x2A00: up to 31 octets, copied.  May be set at any time. */
int woad_gatt_set_name(struct woad *h, const uint8_t *name, size_t len);
size_t woad_gatt_name(const struct woad *h, const uint8_t **name);

/* Answers the WOAD_EV_GATT_READ or WOAD_EV_GATT_WRITE (a request) of `conn`, from inside the event
 * or later; within 30 s, or the client gives up.  err is 0 or an ATT error code; for a read, data
 * is the whole value, from offset 0: the host cuts it to what was asked for.  One longer than an
 * answer is kept, if it has room in config.prepare_queue, so that the parts the client reads after
 * this are of the same value; without room each part is asked for.  Of a value longer than 512
 * octets (WOAD_ATT_VALUE_MAX) the first 512 are the value.  The answer becomes an error when the
 * connection has meanwhile lost the security that it takes to read the value.
 * WOAD_ENOTCONN; WOAD_EALREADY when nothing waits for an answer. */
int woad_gatt_answer(struct woad *h, uint16_t conn, uint8_t err, const void *data, size_t len);

/* The value of a handle is another one now.  What the host has kept of it for clients that read it
 * in parts is forgotten: for the next part the application is asked, with its offset, and may
 * answer with an error, such as the 0x80 of services with a Value Changed During Read Long. */
void woad_gatt_changed(struct woad *h, uint16_t handle);

/* A client with several bearers (Enhanced ATT) may ask several things at once.  woad_gatt_answer()
 * is to the question that is being asked if it is called from inside the event, and else to the
 * one that has waited longest; this one is to the question with that number in its event. */
int woad_gatt_answer_to(struct woad *h, uint16_t conn, uint8_t request, uint8_t err,
                        const void *data, size_t len);

/* --- Enhanced ATT (feature woad_feature_eatt)
 * --------------------------------------------------------- */

/* Asks the peer for `n` more bearers, 1 to 5, on an encrypted connection: WOAD_EV_ATT_BEARERS
 * follows for each that is opened, and one with the status if some or all are not.  Those that the
 * peer asks for are granted as long as there are some (config.att_bearers); both are used alike,
 * by both sides.
 * Requests for different attributes go by whatever bearer is free; what is asked about one
 * attribute stays in order, as do notifications.  When both sides ask at once and there is no room
 * for both, it is tried again by itself.  Vol 3, Part G, 5.4.
 * WOAD_ENOTCONN, WOAD_ENOTSUP, WOAD_EINVAL; WOAD_EACCES without encryption; WOAD_EALREADY while
 * some are asked for; WOAD_ENOMEM when so many are not free. */
int woad_eatt_open(struct woad *h, uint16_t conn, uint8_t n);

/* Closes all of them: WOAD_EV_ATT_BEARERS follows for each.  What woad_eatt_open() has asked for
 * ends too, with one WOAD_EV_ATT_BEARERS.  The fixed bearer stays. */
int woad_eatt_close(struct woad *h, uint16_t conn);

/* Sends a notification, whether or not the client asked for any.  At most ATT_MTU - 3 octets are
 * sent, and never more than 512; the rest is cut off.  WOAD_ENOTCONN; WOAD_EINVAL for a handle that
 * the server, where there is one, does not have; WOAD_EACCES for a value that may not be read over
 * this connection; WOAD_EAGAIN when the connection's queue is full: WOAD_EV_TX_READY follows when
 * there is room again.  WOAD_EV_TX_DONE follows when all that was queued on the connection has been
 * sent, or removed because the encryption has ended or the attribute is gone. */
int woad_gatt_notify(struct woad *h, uint16_t conn, uint16_t handle, const void *data, size_t len);

/* The same for a value of which only the latest matters: one that still waits in the queue for the
 * same handle is forgotten. */
int woad_gatt_notify_latest(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                            size_t len);

/* Two values or more in one packet, none of them cut.  WOAD_EINVAL when they are longer than an
 * ATT_MTU, or one is longer than 512 octets; WOAD_ENOTSUP for a client that has not said it
 * understands this, in the characteristic that the feature woad_feature_client_features adds.  The
 * packet is dropped when the ATT_MTU becomes too small for it before it is sent, or when the
 * connection loses the security that one of the values takes. */
struct woad_gatt_value {
    uint16_t handle, len;
    const void *data;
};
int woad_gatt_notify_multiple(struct woad *h, uint16_t conn, const struct woad_gatt_value *values,
                              size_t n);

/* A notification that the client confirms; one at a time is on the way, more wait in the queue.
 * WOAD_EV_INDICATED follows for each.  WOAD_EINVAL, too, for handle 8, Service Changed, where the
 * server has it: the host indicates that itself. */
int woad_gatt_indicate(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                       size_t len);

/* What the client wrote to the CCCD that follows `value_handle`: bit 0 notifications, bit 1
 * indications; 0 if there is none. */
uint16_t woad_gatt_subscription(const struct woad *h, uint16_t conn, uint16_t value_handle);

/* --- both ------------------------------------------------------------------------------------- */

/* The ATT_MTU offered from now on, to peers that have not been offered one on their connection: 23
 * to config.mtu.  WOAD_EINVAL. */
int woad_set_mtu(struct woad *h, uint16_t mtu);
uint16_t woad_mtu(const struct woad *h);

/* --- client (feature woad_feature_gatt_client)
 * -------------------------------------------------------- */

/* Every call below queues a procedure on the connection; they run one after the other, in order.
 * Each ends with exactly one WOAD_EV_GATTC_DONE.  WOAD_ENOTCONN, WOAD_EINVAL; WOAD_EAGAIN when the
 * queue is full: WOAD_EV_TX_READY follows when there is room again.
 *
 * A procedure that was queued on an encrypted connection is not carried out on one that is not: it
 * waits for the encryption where the peer is bonded, and ends with WOAD_EACCES elsewhere.
 *
 * Notifications and indications that a bonded peer sends before the encryption are kept, as long as
 * the queue has room for them, and told when the bond's key has proved who has sent them; such an
 * indication is confirmed then.  They are forgotten when the encryption fails. */

enum woad_gattc_op { /* which procedure an event belongs to */
                     WOAD_GATTC_MTU,
                     WOAD_GATTC_SERVICES,
                     WOAD_GATTC_SECONDARY_SERVICES,
                     WOAD_GATTC_CHARACTERISTICS,
                     WOAD_GATTC_DESCRIPTORS,
                     WOAD_GATTC_INCLUDED,
                     WOAD_GATTC_READ,
                     WOAD_GATTC_READ_BY_UUID,
                     WOAD_GATTC_READ_MULTIPLE,
                     WOAD_GATTC_READ_MULTIPLE_FIXED,
                     WOAD_GATTC_WRITE,
                     WOAD_GATTC_WRITE_LONG,
                     WOAD_GATTC_WRITE_RELIABLE
};

/* Ends all that is queued, each with its WOAD_EV_GATTC_DONE, status WOAD_ECANCELED.  A request
 * that is out can't be called back: its procedure ends when the answer comes, without further
 * events, and what it wrote may have been written; writes that were only prepared are taken
 * back. WOAD_ENOTCONN; WOAD_ENOENT when nothing is queued. */
int woad_gattc_cancel(struct woad *h, uint16_t conn);

/* Offers woad_mtu(); WOAD_EV_MTU follows on success.  WOAD_EALREADY when this side has taken part
 * in an exchange on this connection. */
int woad_gattc_exchange_mtu(struct woad *h, uint16_t conn);

/* Primary services, all or those of one UUID: WOAD_EV_SERVICE for each. */
int woad_gattc_services(struct woad *h, uint16_t conn, const struct woad_uuid *uuid);

/* Secondary services, which are only there to be included by others: WOAD_EV_SERVICE for each. */
int woad_gattc_secondary_services(struct woad *h, uint16_t conn);

/* Characteristics declared in start..end, all or of one UUID: WOAD_EV_CHARACTERISTIC for each. */
int woad_gattc_characteristics(struct woad *h, uint16_t conn, uint16_t start, uint16_t end,
                               const struct woad_uuid *uuid);

/* Every attribute in start..end with its type: WOAD_EV_DESCRIPTOR for each. */
int woad_gattc_descriptors(struct woad *h, uint16_t conn, uint16_t start, uint16_t end);

/* Services that the one at start..end includes: WOAD_EV_INCLUDED for each, its UUID of size 0
 * where the server does not let it be read. */
int woad_gattc_included(struct woad *h, uint16_t conn, uint16_t start, uint16_t end);

/* Values of all characteristics of a UUID in start..end: WOAD_EV_READ for each, cut at the MTU. */
int woad_gattc_read_by_uuid(struct woad *h, uint16_t conn, uint16_t start, uint16_t end,
                            const struct woad_uuid *uuid);

/* 2 to 32 values at once, each with its length: WOAD_EV_READ for each, the last cut at the MTU.
 * The server must know Read Multiple Variable Length (Core 5.2). */
int woad_gattc_read_multiple(struct woad *h, uint16_t conn, const uint16_t *handles, size_t n);

/* The same with the older request, for values whose lengths are known: one WOAD_EV_READ with all
 * of them, one behind the other, cut at the MTU; its handle is the first. */
int woad_gattc_read_multiple_fixed(struct woad *h, uint16_t conn, const uint16_t *handles,
                                   size_t n);

/* The whole value, however long: WOAD_EV_READ for each part.  Of one that a server has made longer
 * than 512 octets, those. */
int woad_gattc_read(struct woad *h, uint16_t conn, uint16_t handle);

/* One request: as much of the value as its answer has, in one WOAD_EV_READ. */
int woad_gattc_read_once(struct woad *h, uint16_t conn, uint16_t handle);

/* One Write Request; WOAD_EINVAL when longer than ATT_MTU - 3, or 512.  The data are copied. */
int woad_gattc_write(struct woad *h, uint16_t conn, uint16_t handle, const void *data, size_t len);

/* Up to 512 octets, prepared in parts and executed; the data are copied.  `reliable`: every echo is
 * compared; a difference cancels the write, and the status is WOAD_EBADMSG. */
int woad_gattc_write_long(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                          size_t len, bool reliable);

/* A write that is signed in the place of encryption, for a bonded peer on a connection that is not
 * encrypted; on one that is when it leaves, a Write Command.  No answer.  WOAD_EV_BOND follows:
 * the signature's number must be kept.  WOAD_EINVAL when longer than ATT_MTU - 15; WOAD_EACCES
 * without a bond that has a key for it, which a pairing gives where woad_feature_signed_writes is
 * named; WOAD_EIO when the library fails; WOAD_EAGAIN; WOAD_ENOTSUP without the security manager.
 */
int woad_gattc_write_signed(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                            size_t len);

/* Write Command: no answer, no event.  WOAD_EINVAL when longer than ATT_MTU - 3, or 512;
 * WOAD_EACCES to a bonded peer as long as the connection is not encrypted, which it begins to be
 * then.  One that waits in the queue is dropped when the encryption that it was queued under ends,
 * or the ATT_MTU becomes too small for it. */
int woad_gattc_write_command(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                             size_t len);

#endif
