/* Who may: permissions of attributes against what the connection has.  Vol 3, Part C, 10.3.1;
 * Part F, 3.2.5 */
#include "gatt_server.h"

/* What is missing: the application's word comes last, so that it is never asked for a peer that may
 * be anybody. */
static int perm_level(const struct woad *h, uint16_t i, const struct woad_attr *a, bool encrypted,
                      bool authenticated)
{
    return conn_lacks(h, i, (encrypted ? WOAD_COC_ENCRYPTED : 0u) |
                            (authenticated ? WOAD_COC_AUTHENTICATED : 0u) |
                            (a->perm & WOAD_PERM_SECURE ? WOAD_COC_SECURE : 0u) |
                            (a->perm & WOAD_PERM_KEY_16 ? WOAD_COC_KEY_16 : 0u));
}

/* WOAD_EV_AUTHORIZE.  From inside it the application may have taken the attribute away. */
static int perm_ask(struct woad *h, uint16_t i, uint16_t handle, const struct woad_attr *a,
                    bool write)
{
    bool allowed = false;
    struct woad_event ev = { .type = WOAD_EV_AUTHORIZE, .conn = conn_number(h, i),
                             .u.authorize = { handle, write, &allowed } };
    if (!(a->perm & (write ? WOAD_PERM_WRITE_AUTHORIZED : WOAD_PERM_READ_AUTHORIZED))) {
        return 0;
    }
    emit(h, &ev);
    return db_at(h->gatts, handle) != a ? WOAD_ATT_INVALID_HANDLE
         : allowed ? 0 : WOAD_ATT_INSUFFICIENT_AUTHORIZATION;
}

int perm_read(struct woad *h, uint16_t i, uint16_t handle, const struct woad_attr *a)
{
    if (!(a->perm & WOAD_PERM_READ)) {
        return WOAD_ATT_READ_NOT_PERMITTED;
    }
    int err = perm_level(h, i, a, a->perm & WOAD_PERM_READ_ENCRYPTED,
                         a->perm & WOAD_PERM_READ_AUTHENTICATED);
    return err ? err : perm_ask(h, i, handle, a, false);
}

/* What must be there for a value to be sent to a client: what it takes to read it. */
static int perm_send(const struct woad *h, uint16_t i, const struct woad_attr *a)
{
    return perm_level(h, i, a, a->perm & WOAD_PERM_READ_ENCRYPTED,
                      a->perm & WOAD_PERM_READ_AUTHENTICATED);
}

/* Who may not have a value may not ask for it to be sent. */
int perm_write(struct woad *h, uint16_t i, uint16_t handle, const struct woad_attr *a)
{
    if (!(a->perm & WOAD_PERM_WRITE)) {
        return WOAD_ATT_WRITE_NOT_PERMITTED;
    }
    int err = perm_level(h, i, a, a->perm & WOAD_PERM_WRITE_ENCRYPTED,
                         a->perm & WOAD_PERM_WRITE_AUTHENTICATED);
    err = err ? err : perm_ask(h, i, handle, a, true);
    uint16_t decl = !err && a->kind == WOAD_ATTR_CCCD ? db_characteristic_of(h->gatts, handle) : 0;
    const struct woad_attr *value = decl ? db_at(h->gatts, (uint16_t)(decl + 1)) : NULL;
    if (err || !value) {
        return err;
    }
    err = perm_send(h, i, value);
    return err ? err : perm_ask(h, i, (uint16_t)(decl + 1), value, false);
}

/* A signed write: the signature is in the place of encryption, and is worth what the key is that it
 * was made with.  No answer tells what was missing.  Vol 3, Part C, 10.4 */
bool perm_write_signed(struct woad *h, uint16_t i, uint16_t handle, const struct woad_attr *a,
                       bool authenticated)
{
    uint16_t more = WOAD_PERM_WRITE_ENCRYPTED | WOAD_PERM_SECURE | WOAD_PERM_KEY_16;
    return (a->perm & WOAD_PERM_WRITE_SIGNED) && !(a->perm & more) &&
           (authenticated || !(a->perm & WOAD_PERM_WRITE_AUTHENTICATED)) &&
           perm_ask(h, i, handle, a, true) == 0;
}

bool perm_may_send(const struct woad *h, uint16_t i, uint16_t handle)
{
    const struct woad_attr *a = h->gatts ? db_at(h->gatts, handle) : NULL;
    return !a || perm_send(h, i, a) == 0;
}

/* The connection has less than it had: what waits and may not be sent now is not sent. */
void perm_fell(struct woad *h, uint16_t i)
{
    struct fifo *q = &h->conns[i].queue;
    uint32_t n;
    for (uint32_t at = 0; at < q->used; at += n) {
        n = 2u + fifo_octet(q, at) + fifo_octet(q, at + 1) * 256u;
        uint8_t op = fifo_octet(q, at + 2);
        uint16_t handle = (uint16_t)(fifo_octet(q, at + 3) | fifo_octet(q, at + 4) << 8);
        if ((op == ATT_NOTIFY || op == ATT_INDICATE) && !perm_may_send(h, i, handle)) {
            fifo_remove(q, at, n);
            n = 0;
            if (op == ATT_INDICATE) {
                struct woad_event ev = { .type = WOAD_EV_INDICATED, .conn = conn_number(h, i),
                                         .u.done = { .handle = handle, .status = WOAD_EACCES } };
                emit(h, &ev);
            }
        }
    }
}
