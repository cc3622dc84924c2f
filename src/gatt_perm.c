/* Who may: permissions of attributes against what the connection has.  Vol 3, Part C, 10.3.1;
 * Part F, 3.2.5 */
#include "gatt_server.h"

/* Some security is needed to read it. */
enum { NEEDS_SECURITY = WOAD_PERM_READ_ENCRYPTED | WOAD_PERM_READ_AUTHENTICATED |
                        WOAD_PERM_SECURE | WOAD_PERM_KEY_16 };

/* What is missing: the application's word comes last, so that it is never asked for a peer that may
 * be anybody. */
static int perm_level(const struct conn *c, const struct woad_attr *a, bool encrypted,
                      bool authenticated)
{
    return conn_lacks(c, (encrypted ? WOAD_COC_ENCRYPTED : 0u) |
                            (authenticated ? WOAD_COC_AUTHENTICATED : 0u) |
                            (a->perm & WOAD_PERM_SECURE ? WOAD_COC_SECURE : 0u) |
                            (a->perm & WOAD_PERM_KEY_16 ? WOAD_COC_KEY_16 : 0u));
}

/* WOAD_EV_AUTHORIZE.  From inside it the application may have taken the attribute away. */
static int perm_ask(struct conn *c, uint16_t handle, const struct woad_attr *a,
                    bool write)
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
         : allowed ? 0 : WOAD_ATT_INSUFFICIENT_AUTHORIZATION;
}

/* What must be there for a value to be sent to a client: what it takes to read it. */
static int perm_send(const struct conn *c, const struct woad_attr *a)
{
    return perm_level(c, a, a->perm & WOAD_PERM_READ_ENCRYPTED,
                      a->perm & WOAD_PERM_READ_AUTHENTICATED);
}

int perm_read(struct conn *c, uint16_t handle, const struct woad_attr *a)
{
    if (!(a->perm & WOAD_PERM_READ)) {
        return WOAD_ATT_READ_NOT_PERMITTED;
    }
    if (!(a->perm & (NEEDS_SECURITY | WOAD_PERM_READ_AUTHORIZED))) {
        return 0;
    }
    int err = perm_send(c, a);
    return err ? err : perm_ask(c, handle, a, false);
}

/* Who may not have a value may not ask for it to be sent. */
int perm_write(struct conn *c, uint16_t handle, const struct woad_attr *a)
{
    struct woad *h = c->h;
    if (!(a->perm & WOAD_PERM_WRITE)) {
        return WOAD_ATT_WRITE_NOT_PERMITTED;
    }
    int err = perm_level(c, a, a->perm & WOAD_PERM_WRITE_ENCRYPTED,
                         a->perm & WOAD_PERM_WRITE_AUTHENTICATED);
    err = err ? err : perm_ask(c, handle, a, true);
    uint16_t decl = !err && a->kind == WOAD_ATTR_CCCD ? db_characteristic_of(h->gatts, handle) : 0;
    const struct woad_attr *value = decl ? db_at(h->gatts, (uint16_t)(decl + 1)) : NULL;
    if (err || !value) {
        return err;
    }
    err = perm_send(c, value);
    return err ? err : perm_ask(c, (uint16_t)(decl + 1), value, false);
}

/* A signed write: the signature is in the place of encryption, and is worth what the key is that it
 * was made with.  No answer tells what was missing.  Vol 3, Part C, 10.4 */
bool perm_write_signed(struct conn *c, uint16_t handle, const struct woad_attr *a,
                       bool authenticated)
{
    uint16_t more = WOAD_PERM_WRITE_ENCRYPTED | WOAD_PERM_SECURE | WOAD_PERM_KEY_16;
    return (a->perm & WOAD_PERM_WRITE_SIGNED) && !(a->perm & more) &&
           (authenticated || !(a->perm & WOAD_PERM_WRITE_AUTHENTICATED)) &&
           perm_ask(c, handle, a, true) == 0;
}

bool perm_may_send(const struct conn *c, uint16_t handle)
{
    const struct woad *h = c->h;
    const struct woad_attr *a = h->gatts ? db_at(h->gatts, handle) : NULL;
    return !a || !(a->perm & NEEDS_SECURITY) || perm_send(c, a) == 0;
}

/* The connection has less than it had: what waits and may not be sent now is not sent.  Whoever is
 * told of it may change the queue. */
void perm_fell(struct conn *c)
{
    struct fifo *q = &c->queue;
    const uint8_t *pdu = fifo_first(q);
    while (pdu) {
        uint8_t op = pdu[0];
        struct woad_event ev;
        ev.u.done.handle = get_le16(pdu + 1);
        ev.u.done.status = WOAD_EACCES;
        bool may = (op != ATT_NOTIFY && op != ATT_INDICATE) || perm_may_send(c, ev.u.done.handle);
        if (may) {
            pdu = fifo_next(q, pdu);
            continue;
        }
        fifo_remove(q, pdu);
        if (op == ATT_INDICATE) {
            emit_of(c, WOAD_EV_INDICATED, &ev);
        }
        pdu = fifo_first(q);
    }
}
