/* Permissions of attributes, checked against the connection's security.  Vol 3, Part C, 10.3.1;
 * Part F, 3.2.5
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   b: an ATT bearer (att/att.h)
 *   att_bearer: a bearer of ATT: a connection's fixed channel, or one of Enhanced ATT: att.h
 *   ATT_INDICATE: ATT_…: opcodes.  Vol 3, Part F, 3.4
 *   ATT_WITHDRAWN: mark in c->queue: a value that may not be sent any more
 *   conn_security_error(): 0, or the ATT error of the first WOAD_COC_… bit that it does not meet
 *   db_at(): the attribute of a handle; NULL: none
 *   db_characteristic_of(): the declaration that a value or descriptor belongs to; 0: none
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   fifo_first(): the first record's octets, fifo_len() of them; NULL: empty
 *   fifo_next(): fifo_…(): a queue of octet strings: base/fifo.h
 *   gatts: the server's database and state: gatt_server.h
 *   get_le16(): 16 bits at any address, little endian
 *   LOG(): a line in the log, with printf()'s format
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   REFUSED(): logs why a call is refused, and is its error
 *   rsp_security: WOAD_COC_… bits: what reading the values in the response takes
 *   server: of a connection: the client's state; of a bearer: the request in progress */
#include "../core/event.h"
#include "../core/log.h"
#include "../core/security.h"
#include "gatt_server.h"

/* Permission bits that demand some security for reading. */
enum {
    NEEDS_SECURITY = WOAD_PERM_READ_ENCRYPTED | WOAD_PERM_READ_AUTHENTICATED | WOAD_PERM_SECURE |
                     WOAD_PERM_KEY_16
};

/* The security that an attribute takes, as WOAD_COC_… bits.  The permission bits have the same
 * order; `shift` is where those for the access begin. */
enum { READ_SHIFT = 2, WRITE_SHIFT = 4, BOTH_SHIFT = 4 };

static unsigned perm_level(const struct woad_attr *a, unsigned shift)
{
    return (a->perm >> shift & (WOAD_COC_ENCRYPTED | WOAD_COC_AUTHENTICATED)) |
           (a->perm >> BOTH_SHIFT & (WOAD_COC_SECURE | WOAD_COC_KEY_16));
}

enum { TO_READ = false, TO_WRITE = true };

/* Raises WOAD_EV_AUTHORIZE where the attribute demands it.  All other checks precede it, so
 * that an attacker can't make the application ask its user.  The application may remove the
 * attribute in the event.  0 or an ATT error. */
static int perm_authorize(struct conn *c, uint16_t handle, const struct woad_attr *a, bool write)
{
    struct woad *h = c->h;
    if (!(a->perm & (write ? WOAD_PERM_WRITE_AUTHORIZED : WOAD_PERM_READ_AUTHORIZED))) {
        return 0;
    }
    bool allowed = false;
    struct woad_event ev;
    ev.u.authorize.handle = handle;
    ev.u.authorize.write = write;
    ev.u.authorize.allowed = &allowed;
    emit_of(c, WOAD_EV_AUTHORIZE, &ev);
    if (db_at(h->gatts, handle) != a) {
        return WOAD_ATT_INVALID_HANDLE;
    }
    if (!allowed) {
        return WOAD_ATT_INSUFFICIENT_AUTHORIZATION;
    }
    return 0;
}

/* A value may be sent to a client if the connection has the security that reading it takes. */
static __attribute__((noinline)) int perm_check_subscriber(const struct conn *c,
                                                           const struct woad_attr *a)
{
    return conn_security_error(c, perm_level(a, READ_SHIFT));
}

/* Checks a read without asking the application.  Notes on the bearer what security the response
 * takes: att_server_tx() checks it again when the response leaves. */
int perm_check_security(struct att_bearer *b, const struct woad_attr *a)
{
    if (!(a->perm & WOAD_PERM_READ)) {
        LOG(b->c->h, WOAD_LOG_WARNING,
            "a read: the attribute's perm is 0x%x, without WOAD_PERM_READ", a->perm);
        return WOAD_ATT_READ_NOT_PERMITTED;
    }
    unsigned level = perm_level(a, READ_SHIFT);
    int err = conn_security_error(b->c, level);
    if (!err) {
        b->server->rsp_security |= level & 15u;
    }
    return err;
}

/* perm_check_read() of an attribute that demands more than WOAD_PERM_READ. */
static __attribute__((noinline)) int perm_check_guarded_read(struct att_bearer *b, uint16_t handle,
                                                             const struct woad_attr *a)
{
    int err = perm_check_security(b, a);
    if (err) {
        return err;
    }
    return perm_authorize(b->c, handle, a, TO_READ);
}

/* Checks a read: 0 or an ATT error.  May raise WOAD_EV_AUTHORIZE. */
int perm_check_read(struct att_bearer *b, uint16_t handle, const struct woad_attr *a)
{
    unsigned more = NEEDS_SECURITY | WOAD_PERM_READ_AUTHORIZED;
    if ((a->perm & (WOAD_PERM_READ | more)) == WOAD_PERM_READ) {
        return 0; /* the usual case, kept short */
    }
    return perm_check_guarded_read(b, handle, a);
}

/* Checks a write.  A write to a CCCD also needs permission to read the value: a client must not get
 * by notification what it may not read. */
int perm_check_write(struct conn *c, uint16_t handle, const struct woad_attr *a)
{
    struct woad *h = c->h;
    if (!(a->perm & WOAD_PERM_WRITE)) {
        LOG(h, WOAD_LOG_WARNING, "a write of %u: its perm is 0x%x, without WOAD_PERM_WRITE", handle,
            a->perm);
        return WOAD_ATT_WRITE_NOT_PERMITTED;
    }
    int err = conn_security_error(c, perm_level(a, WRITE_SHIFT));
    if (!err) {
        err = perm_authorize(c, handle, a, TO_WRITE);
    }
    if (err || a->kind != WOAD_ATTR_CCCD) {
        return err;
    }
    /* db_valid(): a CCCD belongs to a characteristic, and the value follows its declaration */
    uint16_t value_handle = (uint16_t)(db_characteristic_of(h->gatts, handle) + 1);
    const struct woad_attr *value = db_at(h->gatts, value_handle);
    err = perm_check_subscriber(c, value);
    if (!err) {
        err = perm_authorize(c, value_handle, value, TO_READ);
    }
    if (!err && db_at(h->gatts, handle) != a) {
        return WOAD_ATT_INVALID_HANDLE;
    }
    return err;
}

/* Checks a signed write.  The signature replaces encryption, and counts as authenticated if its key
 * is.  There is no response that could say what was missing.  Vol 3, Part C, 10.4 */
bool perm_allows_signed_write(struct conn *c, uint16_t handle, const struct woad_attr *a,
                              bool authenticated)
{
    uint16_t more = WOAD_PERM_WRITE_ENCRYPTED | WOAD_PERM_SECURE | WOAD_PERM_KEY_16;
    return (a->perm & WOAD_PERM_WRITE_SIGNED) && !(a->perm & more) &&
           (authenticated || !(a->perm & WOAD_PERM_WRITE_AUTHENTICATED)) &&
           perm_authorize(c, handle, a, TO_WRITE) == 0;
}

/* 0, or WOAD_EINVAL (no such handle) or WOAD_EACCES: whether a value may be sent to this client. */
static int LOG_RARE perm_refuse_send(const struct conn *c, int err, const char *why)
{
    (void)c, (void)why;
    return REFUSED(c->h, err, "connection 0x%x: %s", c->number, why);
}

int perm_check_send(const struct conn *c, uint16_t handle)
{
    const struct woad *h = c->h;
    if (!h->gatts) {
        return 0; /* without a server the application decides what it sends */
    }
    const struct woad_attr *a = db_at(h->gatts, handle);
    if (!a) {
        return perm_refuse_send(c, WOAD_EINVAL, "the database does not have this handle");
    }
    if ((a->perm & NEEDS_SECURITY) && perm_check_subscriber(c, a)) {
        return perm_refuse_send(c, WOAD_EACCES, "the client may not read this value");
    }
    return 0;
}

/* Whether a queued PDU may still be sent: the connection has the security for all its values; or,
 * with `first`, none of its handles is in first..last. */
static bool perm_pdu_may_leave(const struct conn *c, const uint8_t *pdu, uint16_t first,
                               uint16_t last)
{
    uint8_t op = pdu[0];
    const uint8_t *end = pdu + fifo_len(pdu);
    if (op != ATT_NOTIFY && op != ATT_INDICATE && op != ATT_MULTIPLE_NOTIFY) {
        return true; /* of the client role, or withdrawn already */
    }
    do {
        uint16_t handle = get_le16(pdu + 1);
        if (first ? handle >= first && handle <= last : perm_check_send(c, handle) != 0) {
            return false;
        }
        pdu += op == ATT_MULTIPLE_NOTIFY ? 4 + get_le16(pdu + 3) : end - pdu;
    } while (pdu + 1 < end);
    return true;
}

/* The first queued PDU that may not be sent; NULL: none. */
static uint8_t *perm_first_barred(const struct conn *c, uint16_t first, uint16_t last)
{
    uint8_t *pdu = fifo_first(&c->queue);
    while (pdu && perm_pdu_may_leave(c, pdu, first, last)) {
        pdu = fifo_next(&c->queue, pdu);
    }
    return pdu;
}

/* Marks queued values ATT_WITHDRAWN that may not be sent with the connection's present security;
 * or, with `first`, values of handles first..last, which have changed. att_tx_queue() drops them in
 * turn.  WOAD_EV_INDICATED is raised for an indication; the application may change the queue in it,
 * so the search begins again. */
void perm_withdraw_queued(struct conn *c, uint16_t first, uint16_t last)
{
    uint8_t *pdu;
    while ((pdu = perm_first_barred(c, first, last)) != NULL) {
        uint8_t op = pdu[0];
        pdu[0] = ATT_WITHDRAWN;
        if (op == ATT_INDICATE) {
            struct woad_event ev;
            ev.u.done.handle = get_le16(pdu + 1);
            ev.u.done.status = WOAD_EACCES;
            emit_of(c, WOAD_EV_INDICATED, &ev);
        }
    }
}
