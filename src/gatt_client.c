/* The GATT client: a queue of procedures on each connection, one request at a time on the air.
 * Vol 3, Part F, 3.3.2; Part G, 4 */
#include "gatt_client.h"

/* --- the queue -------------------------------------------------------------------------------- */

static bool gattc_has_data(const struct proc *p) { return p->op >= WOAD_GATTC_READ_MULTIPLE; }

/* Where the data of `p` begin in the queue of data. */
static uint32_t gattc_record(const struct gattc_conn *g, const struct proc *p)
{
    uint32_t at = 0;
    for (const struct proc *q = g->procs; q < p; q++) {
        at += gattc_has_data(q) ? fifo_len_at(&g->data, at) + 2u : 0;
    }
    return at;
}

uint16_t gattc_data_len(const struct woad *h, uint16_t i, const struct proc *p)
{
    const struct gattc_conn *g = &h->gattc->conns[i];
    return fifo_len_at(&g->data, gattc_record(g, p));
}

uint8_t gattc_data_octet(const struct woad *h, uint16_t i, const struct proc *p, size_t at)
{
    const struct gattc_conn *g = &h->gattc->conns[i];
    return fifo_octet(&g->data, gattc_record(g, p) + 2u + (uint32_t)at);
}

void gattc_data_read(const struct woad *h, uint16_t i, const struct proc *p, size_t from, size_t n,
                     struct wr *out)
{
    const struct gattc_conn *g = &h->gattc->conns[i];
    fifo_read_at(&g->data, gattc_record(g, p), (uint16_t)from, n, out);
}

/* The procedure that runs on a bearer. */
static struct proc *gattc_on(const struct woad *h, uint16_t b)
{
    struct gattc_conn *g = &h->gattc->conns[h->bearers[b].conn];
    for (uint8_t n = 0; n < g->used; n++) {
        if (g->procs[n].bearer == b) {
            return &g->procs[n];
        }
    }
    return NULL;
}

/* --- what they send, and how they take the answer --------------------------------------------- */

/* ATT_EXCHANGE_MTU_RSP: server's MTU u16.  Vol 3, Part F, 3.4.2.2 */
static void mtu_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    (void)i;
    (void)p;
    wr_le16(out, h->mtu);
}

static int mtu_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    uint16_t peer = rd_le16(in);
    (void)p;
    if (!rd_done(in)) {
        return WOAD_EBADMSG;
    }
    att_set_mtu(h, i, peer);
    return GATTC_DONE;
}

static void write_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    wr_le16(out, p->start);
    gattc_data_read(h, i, p, 0, gattc_data_len(h, i, p), out);
}

/* ATT_WRITE_RSP, ATT_EXECUTE_WRITE_RSP: nothing.  Vol 3, Part F, 3.4.5.2, 3.4.6.4 */
static int write_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    (void)h;
    (void)i;
    if (!rd_done(in)) {
        return WOAD_EBADMSG;
    }
    return p->abort ? p->abort : GATTC_DONE;
}

/* Parts until all is prepared.  A record of the queue begins with one octet that is not data, so
 * that an empty value is a record too. */
static size_t part_len(struct woad *h, uint16_t i, const struct proc *p)
{
    size_t left = gattc_data_len(h, i, p) - 1u - p->offset;
    size_t most = h->bearers[p->bearer].mtu - 5u;
    return left < most ? left : most;
}

static void prepare_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    wr_le16(out, p->start);
    wr_le16(out, p->offset);
    gattc_data_read(h, i, p, 1u + p->offset, part_len(h, i, p), out);
}

/* ATT_PREPARE_WRITE_RSP: the request again.  A reliable write compares it; Vol 3, Part G, 4.9.5 */
static int prepare_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    size_t len = part_len(h, i, p);
    bool same = rd_le16(in) == p->start;
    same = rd_le16(in) == p->offset && same && rd_left(in) == len;
    for (size_t n = 0; same && n < len; n++) {
        same = rd_u8(in) == gattc_data_octet(h, i, p, 1 + p->offset + n);
    }
    if (!same && p->op == WOAD_GATTC_WRITE_RELIABLE) {
        p->abort = WOAD_EBADMSG;
    }
    p->offset = (uint16_t)(p->offset + len);
    p->filtered = p->abort || p->offset >= gattc_data_len(h, i, p) - 1u;   /* time to execute */
    return 0;
}

static void execute_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    (void)h;
    (void)i;
    wr_u8(out, p->abort ? 0 : 1);
}

static const struct gattc_kind kind_mtu = { ATT_MTU_REQ, ATT_MTU_RSP, mtu_tx, mtu_rx };
static const struct gattc_kind kind_write = { ATT_WRITE_REQ, ATT_WRITE_RSP, write_tx, write_rx };
static const struct gattc_kind kind_prepare = { ATT_PREPARE_REQ, ATT_PREPARE_RSP, prepare_tx,
                                                prepare_rx };
static const struct gattc_kind kind_execute = { ATT_EXECUTE_REQ, ATT_EXECUTE_RSP, execute_tx,
                                                write_rx };

/* Which request a procedure makes next. */
static const struct gattc_kind *gattc_kind(const struct proc *p)
{
    switch (p->op) {
    case WOAD_GATTC_MTU:
        return &kind_mtu;
    case WOAD_GATTC_SECONDARY_SERVICES:
        return &gattc_services_all;
    case WOAD_GATTC_SERVICES:
        return p->filtered ? &gattc_services_uuid : &gattc_services_all;
    case WOAD_GATTC_CHARACTERISTICS:
        return &gattc_characteristics;
    case WOAD_GATTC_DESCRIPTORS:
        return &gattc_descriptors;
    case WOAD_GATTC_READ:
        return p->offset ? &gattc_read_blob : &gattc_read;
    case WOAD_GATTC_INCLUDED:
        return p->offset ? &gattc_included_uuid : &gattc_included;
    case WOAD_GATTC_READ_BY_UUID:
        return &gattc_read_by_uuid;
    case WOAD_GATTC_READ_MULTIPLE:
        return &gattc_read_multiple;
    case WOAD_GATTC_READ_MULTIPLE_FIXED:
        return &gattc_read_multiple_fixed;
    case WOAD_GATTC_WRITE:
        return &kind_write;
    default:
        return p->filtered ? &kind_execute : &kind_prepare;
    }
}

/* --- their ends ------------------------------------------------------------------------------- */

/* A procedure is over: the next may go, then its caller hears of it. */
static void gattc_end(struct woad *h, uint16_t i, struct proc *over, int status)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    struct proc p = *over;
    bool sent = p.bearer != NO_BEARER && h->gattc->bearers[p.bearer].sent;
    if (p.op == WOAD_GATTC_CHARACTERISTICS) {
        gattc_emit_found(h, i, &p, p.end);
    }
    if (gattc_has_data(&p)) {
        uint32_t at = gattc_record(g, over);
        if (at) {
            fifo_remove(&g->data, at, fifo_len_at(&g->data, at) + 2u);
        } else {
            fifo_drop(&g->data);         /* nothing moves */
        }
    }
    if (p.cancelled) {
        status = p.op == WOAD_GATTC_MTU && sent ? status : WOAD_ECANCELED;
        h->conns[i].mtu_exchanged = h->conns[i].mtu_exchanged && (p.op != WOAD_GATTC_MTU || sent);
    }
    if (p.bearer != NO_BEARER) {
        h->gattc->bearers[p.bearer].sent = 0;
        h->gattc->bearers[p.bearer].due = 0;
    }
    g->used--;
    memmove(over, over + 1, (size_t)(g->procs + g->used - over) * sizeof *over);
    struct woad_event ev = { .type = WOAD_EV_GATTC_DONE, .conn = conn_number(h, i),
                             .u.done = { (enum woad_gattc_op)p.op, p.start, status } };
    emit(h, &ev);
    if (g->full) {
        g->full = false;
        emit_conn(h, WOAD_EV_TX_READY, i);
    }
}

/* Ends what is cancelled, as far as no answer is awaited and nothing prepared is to be taken
 * back. */
static void gattc_drain(struct woad *h, uint16_t i)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    if (g->draining) {
        return;
    }
    g->draining = true;
    for (struct proc *p = g->procs; g->used && p->cancelled;) {
        if (p->bearer != NO_BEARER && h->gattc->bearers[p->bearer].sent) {
            break;
        }
        if (p->op >= WOAD_GATTC_WRITE_LONG && p->offset) {
            p->abort = WOAD_ECANCELED;
            p->filtered = true;
            stir_conn(h, i);
            break;
        }
        gattc_end(h, i, p, WOAD_ECANCELED);
    }
    g->draining = false;
}

/* The answer has been taken: the next request of the same procedure may go. */
static void gattc_answered(struct woad *h, uint16_t b)
{
    h->gattc->bearers[b].sent = 0;
    h->gattc->bearers[b].due = 0;
}

/* --- security --------------------------------------------------------------------------------- */

/* Security that was wanting may be had: then the same is asked once more, when it is there. */
static bool gattc_raise(struct woad *h, uint16_t b, struct proc *p, int status)
{
    if (p->raised || p->cancelled || p->abort || !h->smp_role ||
        (status != WOAD_ATT_INSUFFICIENT_AUTHENTICATION &&
         status != WOAD_ATT_INSUFFICIENT_KEY_SIZE && status != WOAD_ATT_INSUFFICIENT_ENCRYPTION)) {
        return false;
    }
    p->raised = true;
    gattc_answered(h, b);
    p->refused = (uint8_t)status;        /* before anything is told of it */
    if (!h->smp_role->raise(h, h->bearers[b].conn)) {
        p->refused = 0;
        return false;
    }
    return true;
}

static struct proc *gattc_refused(const struct gattc_conn *g)
{
    for (uint8_t n = 0; n < g->used; n++) {
        if (g->procs[n].refused) {
            return &g->procs[n];
        }
    }
    return NULL;
}

static void gattc_secured(struct woad *h, uint16_t i, int status)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    struct proc *p;
    bool held = g->held && !gattc_refused(g);
    g->held = false;
    while ((p = gattc_refused(g)) != NULL) {
        int why = p->refused;
        p->refused = 0;
        if (status) {
            gattc_end(h, i, p, why);
        }
    }
    if (held && status && g->used) {
        gattc_end(h, i, g->procs, WOAD_EACCES);
    }
}

/* Whether it must wait for a bonded peer's proof.  Where that can't be had, it ends. */
static bool gattc_held(struct woad *h, uint16_t i)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    if (!g->held && h->smp_role) {
        g->held = true;                  /* before anything is told of it */
        int err = h->smp_role->hold(h, i, true);
        g->held = g->held && err == CLIENT_WAITS;
        if (err < 0) {
            gattc_end(h, i, g->procs, err);
            return true;
        }
    }
    return g->held;
}

/* --- what comes ------------------------------------------------------------------------------- */

/* ATT_ERROR_RSP: request u8, handle u16, error u8.  For some procedures it is the normal end. */
static void gattc_rx_error(struct woad *h, uint16_t b, struct rd *in)
{
    uint16_t i = h->bearers[b].conn;
    uint8_t sent = h->gattc->bearers[b].sent, request = rd_u8(in);
    rd_le16(in);
    int status = rd_u8(in);
    struct proc *p = gattc_on(h, b);
    if (!rd_done(in) || !sent || request != sent || !p) {
        return;
    }
    if (p->op == WOAD_GATTC_INCLUDED && p->offset && !p->cancelled) {
        int more = included_unknown(h, i, p);
        gattc_answered(h, b);
        p = gattc_on(h, b);
        if (more && p) {
            gattc_end(h, i, p, 0);
        }
        return;
    }
    bool discovery = (p->op >= WOAD_GATTC_SERVICES && p->op <= WOAD_GATTC_INCLUDED) ||
                     (p->op == WOAD_GATTC_READ_BY_UUID && p->offset);
    if (status == WOAD_ATT_OK) {
        status = WOAD_EBADMSG;           /* an error that says there is none */
    } else if (discovery && status == WOAD_ATT_ATTRIBUTE_NOT_FOUND) {
        status = 0;
    } else if (p->op == WOAD_GATTC_READ && p->offset &&
               (status == WOAD_ATT_ATTRIBUTE_NOT_LONG || status == WOAD_ATT_INVALID_OFFSET)) {
        status = 0;                      /* it had just the length of a full answer */
    } else if (gattc_kind(p) == &kind_prepare && p->offset) {
        p->abort = (int16_t)status;      /* what was prepared must be taken back */
        gattc_answered(h, b);
        p->filtered = true;
        return;
    } else if (gattc_raise(h, b, p, status)) {
        return;
    }
    p = gattc_on(h, b);
    if (p) {
        gattc_end(h, i, p, status);
    }
}

/* ATT_HANDLE_VALUE_NTF, ATT_HANDLE_VALUE_IND: handle u16, value.  Vol 3, Part F, 3.4.7 */
static void gattc_rx_value(struct woad *h, uint16_t b, uint8_t op, struct rd *in)
{
    uint16_t handle = rd_le16(in), i = h->bearers[b].conn;
    if (in->bad) {
        return;
    }
    if (op == ATT_INDICATE) {
        h->gattc->bearers[b].confirm = true;
    }
    struct woad_event ev = {
        .type = op == ATT_INDICATE ? WOAD_EV_INDICATION : WOAD_EV_NOTIFIED,
        .conn = conn_number(h, i),
        .u.value = { .handle = handle, .data = in->p, .len = (uint16_t)rd_left(in) } };
    emit(h, &ev);
}

/* ATT_MULTIPLE_HANDLE_VALUE_NTF: { handle u16, length u16, value }, two or more.  3.4.7.4 */
static void gattc_rx_values(struct woad *h, uint16_t i, struct rd *in)
{
    while (rd_left(in)) {
        uint16_t handle = rd_le16(in), len = rd_le16(in);
        const uint8_t *value = rd_bytes(in, len);
        if (in->bad) {
            return;
        }
        struct woad_event ev = { .type = WOAD_EV_NOTIFIED, .conn = conn_number(h, i),
                                 .u.value = { .handle = handle, .data = value, .len = len } };
        emit(h, &ev);
    }
}

static void gattc_rx_answer(struct woad *h, uint16_t b, uint8_t op, struct rd *in)
{
    uint16_t i = h->bearers[b].conn;
    uint8_t sent = h->gattc->bearers[b].sent;
    struct proc *p = gattc_on(h, b);
    if (!sent || op != sent + 1 || !p) {
        return;                          /* an answer to nothing */
    }
    bool results = !p->cancelled || p->op == WOAD_GATTC_MTU || p->op >= WOAD_GATTC_WRITE_LONG;
    int status = results ? gattc_kind(p)->rx(h, i, p, in) : GATTC_DONE;
    p = gattc_on(h, b);
    if (!p || h->gattc->bearers[b].sent != sent) {
        return;                          /* the application has ended it */
    }
    if (status) {
        gattc_end(h, i, p, status == GATTC_DONE ? 0 : status);
    } else {
        gattc_answered(h, b);
    }
}

static void gattc_rx(struct woad *h, uint16_t b, uint8_t op, struct rd *in)
{
    uint16_t i = h->bearers[b].conn;
    if (h->smp_role && h->smp_role->hold(h, i, false)) {
        return;                          /* whoever says it */
    }
    if (op == ATT_NOTIFY || op == ATT_INDICATE) {
        gattc_rx_value(h, b, op, in);
    } else if (op == ATT_MULTIPLE_NOTIFY) {
        gattc_rx_values(h, i, in);
    } else if (op == ATT_ERROR_RSP) {
        gattc_rx_error(h, b, in);
    } else {
        gattc_rx_answer(h, b, op, in);
    }
    gattc_drain(h, i);
}

/* --- what goes -------------------------------------------------------------------------------- */

static bool gattc_writes(const struct proc *p) { return p->op >= WOAD_GATTC_WRITE; }

/* Those of which only one can run: their results say nothing of which it was, or the server has
 * one queue for them. */
static bool gattc_alone(const struct proc *p)
{
    return p->op < WOAD_GATTC_READ || p->op == WOAD_GATTC_READ_BY_UUID ||
           p->op >= WOAD_GATTC_WRITE_LONG;
}

/* Whether `p` may overtake `q`, which was asked for before: what is about one attribute stays in
 * order. */
static bool gattc_may_overtake(const struct proc *p, const struct proc *q)
{
    bool several = p->op == WOAD_GATTC_READ_MULTIPLE || q->op == WOAD_GATTC_READ_MULTIPLE ||
                   p->op == WOAD_GATTC_READ_MULTIPLE_FIXED ||
                   q->op == WOAD_GATTC_READ_MULTIPLE_FIXED;
    return !(gattc_alone(p) && gattc_alone(q)) && p->start != q->start &&
           !(several && (gattc_writes(p) || gattc_writes(q)));
}

static bool gattc_fits(const struct woad *h, uint16_t i, const struct proc *p, uint16_t mtu)
{
    return p->op == WOAD_GATTC_WRITE ? gattc_data_len(h, i, p) + 3 <= mtu
         : p->op == WOAD_GATTC_READ_MULTIPLE || p->op == WOAD_GATTC_READ_MULTIPLE_FIXED
         ? gattc_data_len(h, i, p) + 1 <= mtu : true;
}

static bool gattc_may_start(const struct woad *h, uint16_t b, const struct proc *p)
{
    uint16_t i = h->bearers[b].conn;
    if (p->bearer != NO_BEARER || (p->op == WOAD_GATTC_MTU && b != i)) {
        return false;
    }
    for (const struct proc *q = h->gattc->conns[i].procs; q < p; q++) {
        if (!gattc_may_overtake(p, q)) {
            return false;
        }
    }
    return gattc_fits(h, i, p, h->bearers[b].mtu);
}

/* The procedure whose request goes next on this bearer: the one that runs there, or the first that
 * may. */
static struct proc *gattc_next(struct woad *h, uint16_t b)
{
    uint16_t i = h->bearers[b].conn;
    struct gattc_conn *g = &h->gattc->conns[i];
    struct proc *p = gattc_on(h, b);
    if (p) {
        return p->refused ? NULL : p;
    }
    for (uint8_t n = 0; n < g->used; n++) {
        p = &g->procs[n];
        if (gattc_may_start(h, b, p)) {
            p->bearer = b;
            return p;
        }
        if (p->bearer == NO_BEARER && !gattc_fits(h, i, p, att_most(h, i))) {
            gattc_end(h, i, p, WOAD_EINVAL);               /* the bearer for it has gone */
            return NULL;
        }
    }
    return NULL;
}

static bool gattc_tx(struct woad *h, uint16_t b, struct wr *out)
{
    struct gattc_bearer *k = &h->gattc->bearers[b];
    uint16_t i = h->bearers[b].conn;
    struct gattc_conn *g = &h->gattc->conns[i];
    if (k->confirm) {
        k->confirm = false;
        wr_u8(out, ATT_CONFIRM);
        return true;
    }
    if (k->sent || !g->used || gattc_held(h, i) || !g->used) {
        return false;
    }
    struct proc *p = gattc_next(h, b);
    if (!p) {
        return false;
    }
    const struct gattc_kind *kind = gattc_kind(p);
    wr_u8(out, kind->request);
    kind->tx(h, i, p, out);
    k->sent = kind->request;
    k->due = deadline_in(h->now, ATT_TIMEOUT_MS);
    return true;
}

static void gattc_open_bearer(struct woad *h, uint16_t b)
{
    h->gattc->bearers[b] = (struct gattc_bearer){ 0 };
}

/* A bearer has gone: what reads goes on by another one; of what writes it is not known whether it
 * was done. */
static void gattc_close_bearer(struct woad *h, uint16_t b)
{
    struct proc *p = gattc_on(h, b);
    bool again = p && !gattc_writes(p) && !p->cancelled;
    if (again) {
        p->bearer = NO_BEARER;
        gattc_answered(h, b);
    } else if (p) {
        gattc_end(h, h->bearers[b].conn, p, WOAD_ENOTCONN);
    }
}

static const struct att_role gattc_role = {
    .rx = gattc_rx, .tx = gattc_tx, .open = gattc_open_bearer, .close = gattc_close_bearer,
    .secured = gattc_secured,
};

static void gattc_carve(struct woad *h, struct arena *a)
{
    struct gattc *g = arena_take(a, 1, sizeof *g);
    struct gattc_conn *conns = arena_take(a, h->cfg.conns, sizeof *conns);
    struct gattc_bearer *bearers = arena_take(a, att_bearers(h), sizeof *bearers);
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        struct proc *procs = arena_take(a, h->cfg.procedures, sizeof *procs);
        uint8_t *data = arena_take(a, 1, h->cfg.request_queue);
        if (conns) {
            conns[i].procs = procs;
            conns[i].data = (struct fifo){ data, h->cfg.request_queue, 0, 0 };
        }
    }
    if (g) {
        *g = (struct gattc){ conns, bearers };
        h->gattc = g;
    }
    h->att_client = &gattc_role;
}

static void gattc_open(struct woad *h, uint16_t i)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    struct fifo data = { g->data.mem, g->data.size, 0, 0 };
    *g = (struct gattc_conn){ .procs = g->procs, .data = data };
}

static void gattc_close(struct woad *h, uint16_t i)
{
    while (h->gattc->conns[i].used) {
        gattc_end(h, i, h->gattc->conns[i].procs, WOAD_ENOTCONN);
    }
}

static uint32_t gattc_due(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (uint16_t b = 0; b < att_bearers(h); b++) {
        uint32_t mine = deadline_left(h->gattc->bearers[b].due, h->now);
        struct proc *p = mine ? NULL : gattc_on(h, b);
        if (p) {
            stir_conn(h, h->bearers[b].conn);
            att_timed_out(h, b);
            gattc_end(h, h->bearers[b].conn, p, WOAD_ETIMEDOUT);
        } else {
            left = least(left, mine ? mine : WOAD_FOREVER);
        }
    }
    return left;
}

const struct woad_feature woad_gatt_client = {
    .carve = gattc_carve,
    .conn_open = gattc_open,
    .conn_close = gattc_close,
    .due = gattc_due,
};

/* --- what the application calls --------------------------------------------------------------- */

/* Takes a place in the queue. */
int gattc_add(struct woad *h, uint16_t conn, const struct proc *p, const void *data,
              size_t data_len)
{
    uint16_t i;
    struct conn *c = conn_of(h, conn, &i);
    if (!h->gattc) {
        return WOAD_ENOTSUP;
    }
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    struct gattc_conn *g = &h->gattc->conns[i];
    bool has_data = gattc_has_data(p);
    if (!RESERVE(g->used < h->cfg.procedures) ||
        (has_data && !fifo_has_room(&g->data, data_len + 1))) {
        g->full = true;
        return WOAD_EAGAIN;
    }
    if (has_data) {
        uint8_t pad = 0;
        fifo_put(&g->data, &pad, p->op > WOAD_GATTC_WRITE ? 1 : 0, data, data_len);
    }
    g->procs[g->used] = *p;
    g->procs[g->used++].bearer = NO_BEARER;
    stir_conn(h, i);
    return 0;
}

int woad_gattc_cancel(struct woad *h, uint16_t conn)
{
    uint16_t i;
    if (!h->gattc) {
        return WOAD_ENOTSUP;
    }
    if (!conn_asked(h, conn, &i)) {
        return WOAD_ENOTCONN;
    }
    struct gattc_conn *g = &h->gattc->conns[i];
    if (!g->used) {
        return WOAD_ENOENT;
    }
    for (uint8_t n = 0; n < g->used; n++) {
        g->procs[n].cancelled = true;
    }
    gattc_drain(h, i);
    return 0;
}

int woad_gattc_exchange_mtu(struct woad *h, uint16_t conn)
{
    uint16_t i;
    struct conn *c = conn_asked(h, conn, &i);
    if (c && c->mtu_exchanged) {
        return WOAD_EALREADY;
    }
    struct proc p = { .op = WOAD_GATTC_MTU };
    int err = gattc_add(h, conn, &p, NULL, 0);
    if (!err) {
        c->mtu_exchanged = true;
    }
    return err;
}

int woad_gattc_services(struct woad *h, uint16_t conn, const struct woad_uuid *uuid)
{
    struct proc p = { .op = WOAD_GATTC_SERVICES, .start = 1, .end = 0xffff };
    if (uuid) {
        p.filtered = true;
        p.uuid = *uuid;
    }
    return gattc_add(h, conn, &p, NULL, 0);
}

int woad_gattc_secondary_services(struct woad *h, uint16_t conn)
{
    struct proc p = { .op = WOAD_GATTC_SECONDARY_SERVICES, .start = 1, .end = 0xffff };
    return gattc_add(h, conn, &p, NULL, 0);
}

int woad_gattc_included(struct woad *h, uint16_t conn, uint16_t start, uint16_t end)
{
    struct proc p = { .op = WOAD_GATTC_INCLUDED, .start = start, .end = end };
    return start && start <= end ? gattc_add(h, conn, &p, NULL, 0) : WOAD_EINVAL;
}

int woad_gattc_characteristics(struct woad *h, uint16_t conn, uint16_t start, uint16_t end,
                               const struct woad_uuid *uuid)
{
    struct proc p = { .op = WOAD_GATTC_CHARACTERISTICS, .start = start, .end = end };
    if (!start || start > end) {
        return WOAD_EINVAL;
    }
    if (uuid) {
        p.filtered = true;
        p.uuid = *uuid;
    }
    return gattc_add(h, conn, &p, NULL, 0);
}

int woad_gattc_descriptors(struct woad *h, uint16_t conn, uint16_t start, uint16_t end)
{
    struct proc p = { .op = WOAD_GATTC_DESCRIPTORS, .start = start, .end = end };
    return start && start <= end ? gattc_add(h, conn, &p, NULL, 0) : WOAD_EINVAL;
}

int woad_gattc_write(struct woad *h, uint16_t conn, enum woad_gattc_op op, uint16_t handle,
                     const void *data, size_t len)
{
    uint16_t i;
    const struct conn *c = conn_of(h, conn, &i);
    struct proc p = { .op = (uint8_t)op, .start = handle };
    size_t most = op == WOAD_GATTC_WRITE && c ? att_most(h, i) - 3u : WOAD_ATT_VALUE_MAX;
    if (op < WOAD_GATTC_WRITE || op > WOAD_GATTC_WRITE_RELIABLE || !handle || len > most ||
        len + 3 > h->cfg.request_queue) {
        return c ? WOAD_EINVAL : WOAD_ENOTCONN;
    }
    return gattc_add(h, conn, &p, data, len);
}

int woad_gattc_write_signed(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                            size_t len)
{
    uint16_t i;
    const struct conn *c = conn_of(h, conn, &i);
    uint8_t signature[SIGNATURE];
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (!h->smp_role) {
        return WOAD_ENOTSUP;
    }
    if (c->security.encrypted) {
        return woad_gattc_write_command(h, conn, handle, data, len);
    }
    if (!handle || len + 3u + SIGNATURE > h->bearers[i].mtu) {
        return WOAD_EINVAL;
    }
    if (!fifo_has_room(&h->conns[i].queue, len + 3 + SIGNATURE)) {
        h->conns[i].queue_full = true;
        return WOAD_EAGAIN;              /* before a number is used up */
    }
    int err = h->smp_role->sign(h, i, handle, data, len, signature);
    if (!err && att_queue_open(h, i, 3 + len + SIGNATURE)) {
        uint8_t head[3] = { ATT_SIGNED_WRITE_CMD, (uint8_t)handle, (uint8_t)(handle >> 8) };
        struct fifo *q = &h->conns[i].queue;
        fifo_append(q, head, sizeof head);
        fifo_append(q, data, len);
        fifo_append(q, signature, sizeof signature);
        h->smp_role->sent(h, i);
    }
    return err;
}

int woad_gattc_write_command(struct woad *h, uint16_t conn, uint16_t handle, const void *data,
                             size_t len)
{
    uint16_t i;
    const struct conn *c = conn_of(h, conn, &i);
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (!handle || len > h->bearers[i].mtu - 3u) {
        return WOAD_EINVAL;
    }
    if (h->smp_role && h->smp_role->hold(h, i, true)) {
        return WOAD_EACCES;
    }
    return att_queue(h, i, ATT_WRITE_CMD, handle, data, len);
}
