/* The attribute protocol's bearers: which role an opcode is for, and what may be sent when.
 * Vol 3, Part F, 3.3 */
#include "host.h"

void att_open(struct woad *h, uint16_t b, uint16_t conn, uint16_t mtu)
{
    h->bearers[b] = (struct att_bearer){ .conn = conn, .mtu = mtu };
    if (h->att_server) {
        h->att_server->open(h, b);
    }
    if (h->att_client) {
        h->att_client->open(h, b);
    }
}

/* A value may go by any bearer on which there is room for it. */
uint16_t att_most(const struct woad *h, uint16_t i)
{
    uint16_t most = h->bearers[i].mtu;
    for (uint16_t b = h->cfg.conns; b < att_bearers(h); b++) {
        bool more = h->bearers[b].conn == i && h->bearers[b].mtu > most;
        most = more ? h->bearers[b].mtu : most;
    }
    return most;
}

/* The indication that is out, if any, has ended.  Of the host's own, nobody is told. */
static void att_indicated(struct woad *h, uint16_t b, int status)
{
    struct att_bearer *k = &h->bearers[b];
    struct woad_event ev = { .type = WOAD_EV_INDICATED, .conn = conn_number(h, k->conn),
                             .u.done = { .handle = k->indicated, .status = status } };
    bool ours = k->indicated == HANDLE_SERVICE_CHANGED;
    k->indicated = 0;
    k->indicate_due = 0;
    if (ours && !status && h->att_server) {
        h->att_server->told(h, k->conn);
    }
    if (ev.u.done.handle && !ours) {
        emit(h, &ev);
    }
}

void att_indication_sent(struct woad *h, uint16_t b, uint16_t handle)
{
    h->bearers[b].indicated = handle;
    h->bearers[b].indicate_due = deadline_in(h->now, ATT_TIMEOUT_MS);
}

static uint16_t att_queued_handle(const struct fifo *q)
{
    return (uint16_t)(fifo_front_octet(q, 1) | fifo_front_octet(q, 2) << 8);
}

/* Requests, commands and confirmations are even: they go to a server.  Responses, notifications
 * and indications are odd: they go to a client.  3.4.8 */
void att_rx(struct woad *h, uint16_t b, struct rd *in)
{
    uint8_t op = rd_u8(in);
    if (in->bad || rd_left(in) >= h->bearers[b].mtu) {
        return;                          /* longer than ATT_MTU: not a PDU of this bearer */
    }
    const struct att_role *role = op & 1 ? h->att_client : h->att_server;
    if (op == ATT_CONFIRM) {
        if (rd_done(in)) {
            att_indicated(h, b, 0);
        }
    } else if (role) {
        role->rx(h, b, op, in);
    }
}

/* The first of the queue, unless it is an indication and one is unconfirmed on this bearer, or it
 * is too long for this one and not for another.  3.4.7 */
bool att_tx_queue(struct woad *h, uint16_t b, struct wr *out)
{
    struct att_bearer *k = &h->bearers[b];
    struct conn *c = &h->conns[k->conn];
    struct fifo *q = &c->queue;
    uint16_t len = fifo_front(q);
    if (!len || c->queue_on || (len > k->mtu && k->mtu < att_most(h, k->conn))) {
        return false;
    }
    if (fifo_front_octet(q, 0) == ATT_INDICATE) {
        if (k->indicated) {
            return false;
        }
        att_indication_sent(h, b, att_queued_handle(q));
    }
    fifo_read(q, 0, len < k->mtu ? len : k->mtu, out);
    fifo_drop(q);
    if (c->queue_full) {
        att_room(h, k->conn);
    }
    return true;
}

/* Answers first, then our request. */
bool att_tx(struct woad *h, uint16_t b, struct wr *out)
{
    struct wr pdu = wr_of(out->base, least((uint32_t)wr_room(out), h->bearers[b].mtu));
    bool any = (h->att_server && h->att_server->tx(h, b, &pdu)) ||
               (h->att_client && h->att_client->tx(h, b, &pdu));
    out->p = pdu.p;
    return any;
}

/* A caller was told to wait. */
void att_room(struct woad *h, uint16_t i)
{
    if (h->conns[i].queue_full) {
        h->conns[i].queue_full = false;
        emit_conn(h, WOAD_EV_TX_READY, i);
    }
}

/* All that was queued has left, and the controller is done with it. */
void att_completed(struct woad *h, uint16_t i)
{
    struct conn *c = &h->conns[i];
    if (c->queue_owed && !fifo_front(&c->queue) && !c->queue_on) {
        c->queue_owed = false;
        emit_conn(h, WOAD_EV_TX_DONE, i);
    }
}

/* Room for a PDU of `len` octets, which the caller appends behind its length. */
static bool att_queue_room(struct woad *h, uint16_t i, size_t len)
{
    struct conn *c = &h->conns[i];
    if (!fifo_has_room(&c->queue, len)) {
        c->queue_full = true;
        return false;
    }
    c->queue_owed = true;
    if (h->eatt_role) {
        stir_channels(h, i);             /* its bearers */
    } else {
        stir_queue(h, i);
    }
    return true;
}

bool att_queue_open(struct woad *h, uint16_t i, size_t len)
{
    if (!att_queue_room(h, i, len)) {
        return false;
    }
    fifo_open(&h->conns[i].queue, len);
    return true;
}

/* Queues { op u8, handle u16, value }, the value cut at the MTU. */
int att_queue(struct woad *h, uint16_t i, uint8_t op, uint16_t handle, const void *data,
              size_t len)
{
    struct fifo *q = &h->conns[i].queue;
    uint8_t head[5];
    size_t most = att_most(h, i) - 3u;
    len = len < most ? len : most;
    if (!att_queue_room(h, i, 3 + len)) {
        return WOAD_EAGAIN;
    }
    put_le16(head, (uint16_t)(3 + len));
    head[2] = op;
    put_le16(head + 3, handle);
    fifo_append(q, head, sizeof head);
    fifo_append(q, data, len);
    return 0;
}

void att_set_mtu(struct woad *h, uint16_t i, uint16_t peer)
{
    uint16_t mtu = peer < h->mtu ? peer : h->mtu;
    h->bearers[i].mtu = mtu < ATT_MTU_DEFAULT ? ATT_MTU_DEFAULT : mtu;
    h->conns[i].mtu_exchanged = true;
    struct woad_event ev = { .type = WOAD_EV_MTU, .conn = conn_number(h, i),
                             .u.mtu = { h->bearers[i].mtu } };
    emit(h, &ev);
}

/* After a transaction timeout nothing more may be sent on the bearer: it is closed, and with the
 * fixed one the connection.  3.3.3 */
void att_timed_out(struct woad *h, uint16_t b)
{
    if (b < h->cfg.conns) {
        woad_disconnect(h, conn_number(h, b), WOAD_HCI_REMOTE_USER_TERMINATED);
    } else {
        h->eatt_role->timed_out(h, b);
    }
}

uint32_t att_due(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (uint16_t b = 0; b < att_bearers(h); b++) {
        uint32_t mine = deadline_left(h->bearers[b].indicate_due, h->now);
        if (mine == 0) {
            att_timed_out(h, b);
            att_indicated(h, b, WOAD_ETIMEDOUT);
        } else {
            left = least(left, mine);
        }
    }
    return left;
}

/* The bearer has gone: what was under way on it ends. */
void att_close(struct woad *h, uint16_t b, int status)
{
    att_indicated(h, b, status);
    if (h->att_client) {
        h->att_client->close(h, b);
    }
    if (h->att_server) {
        h->att_server->close(h, b);
    }
    h->bearers[b].mtu = 0;
}

/* The connection is going: every indication that waits ends. */
void att_drop_queue(struct woad *h, uint16_t i, int status)
{
    struct fifo *q = &h->conns[i].queue;
    while (fifo_front(q)) {
        bool indication = fifo_front_octet(q, 0) == ATT_INDICATE;
        h->bearers[i].indicated = indication ? att_queued_handle(q) : 0;
        fifo_drop(q);
        att_indicated(h, i, status);
    }
}
