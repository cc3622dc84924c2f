/* The attribute protocol's bearer: which role an opcode is for, and what may be sent when.
 * Vol 3, Part F, 3.3 */
#include "host.h"

void att_open(struct woad *h, uint16_t i)
{
    struct att_bearer *b = &h->conns[i].att;
    struct fifo queue = b->queue;
    queue.head = queue.used = 0;
    *b = (struct att_bearer){ .mtu = ATT_MTU_DEFAULT, .queue = queue };
}

/* The indication that is out, if any, has ended.  Of the host's own, nobody is told. */
static void att_indicated(struct woad *h, uint16_t i, int status)
{
    struct att_bearer *b = &h->conns[i].att;
    struct woad_event ev = { .type = WOAD_EV_INDICATED, .conn = conn_number(h, i),
                             .u.done = { .handle = b->indicated, .status = status } };
    bool ours = b->indicated == HANDLE_SERVICE_CHANGED;
    b->indicated = 0;
    b->indicate_due = 0;
    if (ours && !status && h->att_server) {
        h->att_server->told(h, i);
    }
    if (ev.u.done.handle && !ours) {
        emit(h, &ev);
    }
}

void att_indication_sent(struct woad *h, uint16_t i, uint16_t handle)
{
    h->conns[i].att.indicated = handle;
    h->conns[i].att.indicate_due = deadline_in(h->now, ATT_TIMEOUT_MS);
}

static uint16_t att_queued_handle(const struct att_bearer *b)
{
    return (uint16_t)(fifo_front_octet(&b->queue, 1) | fifo_front_octet(&b->queue, 2) << 8);
}

/* Requests, commands and confirmations are even: they go to a server.  Responses, notifications
 * and indications are odd: they go to a client.  3.4.8 */
void att_rx(struct woad *h, uint16_t i, struct rd *in)
{
    uint8_t op = rd_u8(in);
    struct att_bearer *b = &h->conns[i].att;
    if (in->bad || rd_left(in) >= b->mtu) {
        return;                          /* longer than ATT_MTU: not a PDU of this bearer */
    }
    const struct att_role *role = op & 1 ? h->att_client : h->att_server;
    if (op == ATT_CONFIRM) {
        if (rd_done(in)) {
            att_indicated(h, i, 0);
        }
    } else if (role) {
        role->rx(h, i, op, in);
    }
}

/* The first of the queue, unless it is an indication and one is unconfirmed.  3.4.7 */
bool att_tx_queue(struct woad *h, uint16_t i, struct wr *out)
{
    struct att_bearer *b = &h->conns[i].att;
    uint16_t len = fifo_front(&b->queue);
    if (!len) {
        return false;
    }
    bool indication = fifo_front_octet(&b->queue, 0) == ATT_INDICATE;
    if (indication && b->indicated) {
        return false;
    }
    if (indication) {
        att_indication_sent(h, i, att_queued_handle(b));
    }
    fifo_read(&b->queue, 0, len, out);
    fifo_drop(&b->queue);
    att_room(h, i);
    return true;
}

/* Answers first, then our request. */
bool att_tx(struct woad *h, uint16_t i, struct wr *out)
{
    struct wr pdu = wr_of(out->base, least((uint32_t)wr_room(out), h->conns[i].att.mtu));
    bool any = (h->att_server && h->att_server->tx(h, i, &pdu)) ||
               (h->att_client && h->att_client->tx(h, i, &pdu));
    out->p = pdu.p;
    return any;
}

/* A caller was told to wait. */
void att_room(struct woad *h, uint16_t i)
{
    struct att_bearer *b = &h->conns[i].att;
    if (b->queue_full) {
        b->queue_full = false;
        emit_conn(h, WOAD_EV_TX_READY, i);
    }
}

/* All that was queued has left, and the controller is done with it. */
void att_completed(struct woad *h, uint16_t i)
{
    struct att_bearer *b = &h->conns[i].att;
    if (b->owed && !fifo_front(&b->queue)) {
        b->owed = false;
        emit_conn(h, WOAD_EV_TX_DONE, i);
    }
}

/* Room for a PDU of `len` octets, which the caller appends. */
bool att_queue_open(struct woad *h, uint16_t i, size_t len)
{
    struct att_bearer *b = &h->conns[i].att;
    if (!fifo_has_room(&b->queue, len)) {
        b->queue_full = true;
        return false;
    }
    b->owed = true;
    fifo_open(&b->queue, len);
    return true;
}

/* Queues { op u8, handle u16, value }, the value cut at the MTU. */
int att_queue(struct woad *h, uint16_t i, uint8_t op, uint16_t handle, const void *data,
              size_t len)
{
    struct att_bearer *b = &h->conns[i].att;
    uint8_t head[3] = { op, (uint8_t)handle, (uint8_t)(handle >> 8) };
    size_t most = b->mtu - 3u;
    len = len < most ? len : most;
    if (!att_queue_open(h, i, sizeof head + len)) {
        return WOAD_EAGAIN;
    }
    fifo_append(&b->queue, head, sizeof head);
    fifo_append(&b->queue, data, len);
    return 0;
}

void att_set_mtu(struct woad *h, uint16_t i, uint16_t peer)
{
    struct att_bearer *b = &h->conns[i].att;
    uint16_t mtu = peer < h->mtu ? peer : h->mtu;
    b->mtu = mtu < ATT_MTU_DEFAULT ? ATT_MTU_DEFAULT : mtu;
    b->mtu_exchanged = true;
    struct woad_event ev = { .type = WOAD_EV_MTU, .conn = conn_number(h, i),
                             .u.mtu = { b->mtu } };
    emit(h, &ev);
}

/* After a transaction timeout nothing more may be sent: the connection is of no use.  3.3.3 */
void att_timed_out(struct woad *h, uint16_t i)
{
    woad_disconnect(h, conn_number(h, i), WOAD_HCI_REMOTE_USER_TERMINATED);
}

uint32_t att_due(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        struct conn *c = &h->conns[i];
        uint32_t mine = c->state != CONN_FREE ? deadline_left(c->att.indicate_due, h->now)
                                              : WOAD_FOREVER;
        if (mine == 0) {
            att_timed_out(h, i);
            att_indicated(h, i, WOAD_ETIMEDOUT);
        } else {
            left = least(left, mine);
        }
    }
    return left;
}

/* The connection is going: every indication, sent or queued, ends. */
void att_close(struct woad *h, uint16_t i, int status)
{
    struct att_bearer *b = &h->conns[i].att;
    att_indicated(h, i, status);
    while (fifo_front(&b->queue)) {
        bool indication = fifo_front_octet(&b->queue, 0) == ATT_INDICATE;
        b->indicated = indication ? att_queued_handle(b) : 0;
        fifo_drop(&b->queue);
        att_indicated(h, i, status);
    }
}
