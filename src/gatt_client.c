/* The GATT client: a queue of procedures on each connection, one request at a time on the air.
 * Vol 3, Part F, 3.3.2; Part G, 4 */
#include "gatt_client.h"

static struct proc *gattc_now(struct gattc_conn *g) { return &g->procs[g->head]; }

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
    struct fifo *f = &h->gattc->conns[i].data;
    wr_le16(out, p->start);
    fifo_read(f, 0, fifo_front(f), out);
}

/* ATT_WRITE_RSP, ATT_EXECUTE_WRITE_RSP: nothing.  Vol 3, Part F, 3.4.5.2, 3.4.6.4 */
static int write_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    (void)p;
    if (!rd_done(in)) {
        return WOAD_EBADMSG;
    }
    int aborted = h->gattc->conns[i].abort;
    return aborted ? aborted : GATTC_DONE;
}

/* Parts until all is prepared.  A record of the queue begins with one octet that is not data, so
 * that an empty value is a record too. */
static size_t part_len(struct woad *h, uint16_t i, const struct proc *p)
{
    size_t left = fifo_front(&h->gattc->conns[i].data) - 1u - p->offset;
    size_t most = h->conns[i].att.mtu - 5u;
    return left < most ? left : most;
}

static void prepare_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    wr_le16(out, p->start);
    wr_le16(out, p->offset);
    fifo_read(&h->gattc->conns[i].data, (uint16_t)(1 + p->offset), part_len(h, i, p), out);
}

/* ATT_PREPARE_WRITE_RSP: the request again.  A reliable write compares it; Vol 3, Part G, 4.9.5 */
static int prepare_rx(struct woad *h, uint16_t i, struct proc *p, struct rd *in)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    size_t len = part_len(h, i, p);
    bool same = rd_le16(in) == p->start;
    same = rd_le16(in) == p->offset && same && rd_left(in) == len;
    for (size_t n = 0; same && n < len; n++) {
        same = rd_u8(in) == fifo_front_octet(&g->data, (uint16_t)(1 + p->offset + n));
    }
    if (!same && p->op == WOAD_GATTC_WRITE_RELIABLE) {
        g->abort = WOAD_EBADMSG;
    }
    p->offset = (uint16_t)(p->offset + len);
    p->filtered = g->abort || p->offset >= fifo_front(&g->data) - 1u;   /* time to execute */
    return 0;
}

static void execute_tx(struct woad *h, uint16_t i, struct proc *p, struct wr *out)
{
    (void)p;
    wr_u8(out, h->gattc->conns[i].abort ? 0 : 1);
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

static bool gattc_has_data(const struct proc *p) { return p->op >= WOAD_GATTC_READ_MULTIPLE; }

/* The first procedure is over: the next may go, then its caller hears of it. */
static void gattc_end(struct woad *h, uint16_t i, int status)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    struct proc p = *gattc_now(g);
    if (p.op == WOAD_GATTC_CHARACTERISTICS) {
        gattc_emit_found(h, i, &p, p.end);
    }
    if (gattc_has_data(&p)) {
        fifo_drop(&g->data);
    }
    if (g->cancelled) {
        g->cancelled--;
        status = p.op == WOAD_GATTC_MTU && g->sent ? status : WOAD_ECANCELED;
        h->conns[i].att.mtu_exchanged = h->conns[i].att.mtu_exchanged &&
                                        (p.op != WOAD_GATTC_MTU || g->sent);
    }
    g->sent = 0;
    g->due = 0;
    g->abort = 0;
    g->refused = 0;
    g->head = (uint8_t)((g->head + 1) % h->cfg.procedures);
    g->used--;
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
    while (g->cancelled && !g->sent) {
        struct proc *p = gattc_now(g);
        if (p->op >= WOAD_GATTC_WRITE_LONG && p->offset) {
            g->abort = WOAD_ECANCELED;
            p->filtered = true;
            break;
        }
        gattc_end(h, i, WOAD_ECANCELED);
    }
    g->draining = false;
}

/* Security that was wanting may be had: then the same is asked once more, when it is there. */
static bool gattc_raise(struct woad *h, uint16_t i, struct proc *p, int status)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    if (p->raised || g->cancelled || g->abort || !h->smp_role ||
        (status != WOAD_ATT_INSUFFICIENT_AUTHENTICATION &&
         status != WOAD_ATT_INSUFFICIENT_KEY_SIZE && status != WOAD_ATT_INSUFFICIENT_ENCRYPTION)) {
        return false;
    }
    p->raised = true;
    g->sent = 0;
    g->due = 0;
    g->refused = (uint8_t)status;        /* before anything is told of it */
    if (!h->smp_role->raise(h, i)) {
        g->refused = 0;
        return false;
    }
    return true;
}

static void gattc_secured(struct woad *h, uint16_t i, int status)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    int why = g->refused ? g->refused : WOAD_EACCES;
    bool waited = g->refused || g->held;
    g->refused = 0;
    g->held = false;
    if (waited && status && g->used) {
        gattc_end(h, i, why);
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
            gattc_end(h, i, err);
            return true;
        }
    }
    return g->held;
}

/* ATT_ERROR_RSP: request u8, handle u16, error u8.  For some procedures it is the normal end. */
static void gattc_rx_error(struct woad *h, uint16_t i, struct rd *in)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    uint8_t request = rd_u8(in);
    rd_le16(in);
    int status = rd_u8(in);
    struct proc *p = gattc_now(g);
    if (!rd_done(in) || !g->sent || request != g->sent) {
        return;
    }
    if (p->op == WOAD_GATTC_INCLUDED && p->offset && !g->cancelled) {
        int more = included_unknown(h, i, p);
        g->sent = 0;
        g->due = 0;
        if (more) {
            gattc_end(h, i, 0);
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
        g->abort = status;               /* what was prepared must be taken back */
        g->sent = 0;
        g->due = 0;
        p->filtered = true;
        return;
    } else if (gattc_raise(h, i, p, status)) {
        return;
    }
    gattc_end(h, i, status);
}

/* ATT_HANDLE_VALUE_NTF, ATT_HANDLE_VALUE_IND: handle u16, value.  Vol 3, Part F, 3.4.7 */
static void gattc_rx_value(struct woad *h, uint16_t i, uint8_t op, struct rd *in)
{
    uint16_t handle = rd_le16(in);
    if (in->bad) {
        return;
    }
    if (op == ATT_INDICATE) {
        h->gattc->conns[i].confirm = true;
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

static void gattc_rx_answer(struct woad *h, uint16_t i, uint8_t op, struct rd *in)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    if (!g->sent || op != g->sent + 1) {
        return;                          /* an answer to nothing */
    }
    struct proc *p = gattc_now(g);
    uint8_t sent = g->sent;
    bool results = !g->cancelled || p->op == WOAD_GATTC_MTU || p->op >= WOAD_GATTC_WRITE_LONG;
    int status = results ? gattc_kind(p)->rx(h, i, p, in) : GATTC_DONE;
    if (status) {
        /* Unless the application has ended the connection, and with it the procedure. */
        if (g->used && g->sent == sent) {
            gattc_end(h, i, status == GATTC_DONE ? 0 : status);
        }
    } else {
        g->sent = 0;
        g->due = 0;
    }
}

static void gattc_rx(struct woad *h, uint16_t i, uint8_t op, struct rd *in)
{
    if (h->smp_role && h->smp_role->hold(h, i, false)) {
        return;                          /* whoever says it */
    }
    if (op == ATT_NOTIFY || op == ATT_INDICATE) {
        gattc_rx_value(h, i, op, in);
    } else if (op == ATT_MULTIPLE_NOTIFY) {
        gattc_rx_values(h, i, in);
    } else if (op == ATT_ERROR_RSP) {
        gattc_rx_error(h, i, in);
    } else {
        gattc_rx_answer(h, i, op, in);
    }
    gattc_drain(h, i);
}

static bool gattc_tx(struct woad *h, uint16_t i, struct wr *out)
{
    struct gattc_conn *g = &h->gattc->conns[i];
    if (g->confirm) {
        g->confirm = false;
        wr_u8(out, ATT_CONFIRM);
        return true;
    }
    if (g->sent || !g->used || g->refused || gattc_held(h, i) || !g->used) {
        return false;
    }
    struct proc *p = gattc_now(g);
    const struct gattc_kind *kind = gattc_kind(p);
    wr_u8(out, kind->request);
    kind->tx(h, i, p, out);
    g->sent = kind->request;
    g->due = deadline_in(h->now, ATT_TIMEOUT_MS);
    return true;
}

static const struct att_role gattc_role = { .rx = gattc_rx, .tx = gattc_tx,
                                            .secured = gattc_secured };

static void gattc_carve(struct woad *h, struct arena *a)
{
    struct gattc *g = arena_take(a, 1, sizeof *g);
    struct gattc_conn *conns = arena_take(a, h->cfg.conns, sizeof *conns);
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        struct proc *procs = arena_take(a, h->cfg.procedures, sizeof *procs);
        uint8_t *data = arena_take(a, 1, h->cfg.request_queue);
        if (conns) {
            conns[i].procs = procs;
            conns[i].data = (struct fifo){ data, h->cfg.request_queue, 0, 0 };
        }
    }
    if (g) {
        g->conns = conns;
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
        gattc_end(h, i, WOAD_ENOTCONN);
    }
}

static uint32_t gattc_due(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        struct gattc_conn *g = &h->gattc->conns[i];
        uint32_t mine = h->conns[i].state != CONN_FREE ? deadline_left(g->due, h->now)
                                                       : WOAD_FOREVER;
        if (mine == 0) {
            att_timed_out(h, i);
            gattc_end(h, i, WOAD_ETIMEDOUT);
        } else {
            left = least(left, mine);
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
    g->procs[(g->head + g->used++) % h->cfg.procedures] = *p;
    return 0;
}

int woad_gattc_cancel(struct woad *h, uint16_t conn)
{
    uint16_t i;
    if (!h->gattc) {
        return WOAD_ENOTSUP;
    }
    if (!conn_of(h, conn, &i)) {
        return WOAD_ENOTCONN;
    }
    struct gattc_conn *g = &h->gattc->conns[i];
    if (!g->used) {
        return WOAD_ENOENT;
    }
    g->cancelled = g->used;
    gattc_drain(h, i);
    return 0;
}

int woad_gattc_exchange_mtu(struct woad *h, uint16_t conn)
{
    uint16_t i;
    struct conn *c = conn_of(h, conn, &i);
    if (c && c->att.mtu_exchanged) {
        return WOAD_EALREADY;
    }
    struct proc p = { .op = WOAD_GATTC_MTU };
    int err = gattc_add(h, conn, &p, NULL, 0);
    if (!err) {
        c->att.mtu_exchanged = true;
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
    size_t most = op == WOAD_GATTC_WRITE && c ? c->att.mtu - 3u : WOAD_ATT_VALUE_MAX;
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
    if (!handle || len + 3u + SIGNATURE > c->att.mtu) {
        return WOAD_EINVAL;
    }
    if (!fifo_has_room(&h->conns[i].att.queue, len + 3 + SIGNATURE)) {
        h->conns[i].att.queue_full = true;
        return WOAD_EAGAIN;              /* before a number is used up */
    }
    int err = h->smp_role->sign(h, i, handle, data, len, signature);
    if (!err && att_queue_open(h, i, 3 + len + SIGNATURE)) {
        uint8_t head[3] = { ATT_SIGNED_WRITE_CMD, (uint8_t)handle, (uint8_t)(handle >> 8) };
        struct fifo *q = &h->conns[i].att.queue;
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
    if (!handle || len > c->att.mtu - 3u) {
        return WOAD_EINVAL;
    }
    if (h->smp_role && h->smp_role->hold(h, i, true)) {
        return WOAD_EACCES;
    }
    return att_queue(h, i, ATT_WRITE_CMD, handle, data, len);
}
