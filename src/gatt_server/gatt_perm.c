/* Who may: permissions of attributes against what the connection has.  Vol 3, Part C, 10.3.1;
 * Part F, 3.2.5 */
#include "../core/event.h"
#include "../core/security.h"
#include "gatt_server.h"

/* Some security is needed to read it. */
enum {
    NEEDS_SECURITY = WOAD_PERM_READ_ENCRYPTED | WOAD_PERM_READ_AUTHENTICATED | WOAD_PERM_SECURE |
                     WOAD_PERM_KEY_16
};

/* WOAD_COC_…: what an attribute takes.  The permissions' bits stand in the same order; `shift` is
 * where those of the access in question begin. */
enum { READ_SHIFT = 2, WRITE_SHIFT = 4, BOTH_SHIFT = 4 };

static unsigned perm_level(const struct woad_attr *a, unsigned shift)
{
    return (a->perm >> shift & (WOAD_COC_ENCRYPTED | WOAD_COC_AUTHENTICATED)) |
           (a->perm >> BOTH_SHIFT & (WOAD_COC_SECURE | WOAD_COC_KEY_16));
}

/* WOAD_EV_AUTHORIZE, asked last, so that no user is asked about a peer that may be anybody.  From
 * inside the event the application may remove the attribute. */
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
    return db_at(h->gatts, handle) != a ? WOAD_ATT_INVALID_HANDLE
           : allowed                    ? 0
                                        : WOAD_ATT_INSUFFICIENT_AUTHORIZATION;
}

/* What must be there for a value to be sent to a client: what it takes to read it. */
static int perm_check_subscriber(const struct conn *c, const struct woad_attr *a)
{
    return conn_security_error(c, perm_level(a, READ_SHIFT));
}

/* The bearer notes what its answer takes: the level is looked at again when the answer leaves. */
int perm_check_security(struct att_bearer *b, const struct woad_attr *a)
{
    if (!(a->perm & WOAD_PERM_READ)) {
        return WOAD_ATT_READ_NOT_PERMITTED;
    }
    unsigned level = perm_level(a, READ_SHIFT);
    int err = conn_security_error(b->c, level);
    if (!err) {
        b->server->rsp_security |= level & 15u;
    }
    return err;
}

int perm_check_read(struct att_bearer *b, uint16_t handle, const struct woad_attr *a)
{
    unsigned more = NEEDS_SECURITY | WOAD_PERM_READ_AUTHORIZED;
    if ((a->perm & (WOAD_PERM_READ | more)) == WOAD_PERM_READ) {
        return 0; /* as most are */
    }
    int err = perm_check_security(b, a);
    return err ? err : perm_authorize(b->c, handle, a, false);
}

/* Who may not have a value may not ask for it to be sent. */
int perm_check_write(struct conn *c, uint16_t handle, const struct woad_attr *a)
{
    struct woad *h = c->h;
    if (!(a->perm & WOAD_PERM_WRITE)) {
        return WOAD_ATT_WRITE_NOT_PERMITTED;
    }
    int err = conn_security_error(c, perm_level(a, WRITE_SHIFT));
    err = err ? err : perm_authorize(c, handle, a, true);
    uint16_t decl = !err && a->kind == WOAD_ATTR_CCCD ? db_characteristic_of(h->gatts, handle) : 0;
    const struct woad_attr *value = decl ? db_at(h->gatts, (uint16_t)(decl + 1)) : NULL;
    if (err || !value) {
        return err;
    }
    err = perm_check_subscriber(c, value);
    err = err ? err : perm_authorize(c, (uint16_t)(decl + 1), value, false);
    return err || db_at(h->gatts, handle) == a ? err : WOAD_ATT_INVALID_HANDLE;
}

/* A signed write: the signature is in the place of encryption, and is worth what the key is that it
 * was made with.  No answer tells what was missing.  Vol 3, Part C, 10.4 */
bool perm_allows_signed_write(struct conn *c, uint16_t handle, const struct woad_attr *a,
                              bool authenticated)
{
    uint16_t more = WOAD_PERM_WRITE_ENCRYPTED | WOAD_PERM_SECURE | WOAD_PERM_KEY_16;
    return (a->perm & WOAD_PERM_WRITE_SIGNED) && !(a->perm & more) &&
           (authenticated || !(a->perm & WOAD_PERM_WRITE_AUTHENTICATED)) &&
           perm_authorize(c, handle, a, true) == 0;
}

/* 0, or why the value of a handle may not be sent. */
int perm_check_send(const struct conn *c, uint16_t handle)
{
    const struct woad *h = c->h;
    if (!h->gatts) {
        return 0; /* what it sends is the application's business */
    }
    const struct woad_attr *a = db_at(h->gatts, handle);
    if (!a) {
        return WOAD_EINVAL;
    }
    return (a->perm & NEEDS_SECURITY) && perm_check_subscriber(c, a) ? WOAD_EACCES : 0;
}

/* Whether all values of a queued PDU may be sent to the client as the connection is now; or, with
 * `first`, whether none is of these handles. */
static bool perm_pdu_may_leave(const struct conn *c, const uint8_t *pdu, uint16_t first,
                               uint16_t last)
{
    uint8_t op = pdu[0];
    const uint8_t *end = pdu + fifo_len(pdu);
    if (op != ATT_NOTIFY && op != ATT_INDICATE && op != ATT_MULTIPLE_NOTIFY) {
        return true; /* the client's, or withdrawn already */
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

/* Withdraws from the queue what may not be sent as the connection's security is now; or, with
 * `first`, what is of handles that are others now.  att_tx_queue() drops it when its turn comes.
 * The application may change the queue in WOAD_EV_INDICATED. */
void perm_withdraw_queued(struct conn *c, uint16_t first, uint16_t last)
{
    const struct fifo *q = &c->queue;
    uint8_t *pdu = fifo_first(q);
    while (pdu) {
        uint8_t op = pdu[0];
        if (perm_pdu_may_leave(c, pdu, first, last)) {
            pdu = fifo_next(q, pdu);
            continue;
        }
        pdu[0] = ATT_WITHDRAWN;
        if (op == ATT_INDICATE) {
            struct woad_event ev;
            ev.u.done.handle = get_le16(pdu + 1);
            ev.u.done.status = WOAD_EACCES;
            emit_of(c, WOAD_EV_INDICATED, &ev);
        }
        pdu = fifo_first(q);
    }
}
