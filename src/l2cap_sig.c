/* The LE signalling channel: connection parameters; everything else is rejected.
 * Vol 3, Part A, 4.  A frame holds one command: code u8, identifier u8, len u16, data. */
#include "host.h"

enum {
    SIG_REJECT = 0x01,
    SIG_DISCONNECT_RSP = 0x07,
    SIG_PARAM_RSP = 0x13,
    SIG_CREDIT_CONN_RSP = 0x15,
    SIG_CREDITS = 0x16,
    SIG_ENHANCED_CONN_RSP = 0x18,
    SIG_RECONFIGURE_RSP = 0x1a
};
enum { NOT_UNDERSTOOD = 0, MTU_EXCEEDED = 1 };
enum { SIG_MTU = 23, SIG_TIMEOUT_MS = 30000 };

/* The answer waits in c->sig_rsp; a second command before it has left gets none, and its sender
 * will repeat it (RTX, 6.2.1). */
static struct wr sig_answer(struct conn *c, uint8_t code, uint8_t id, uint16_t len)
{
    struct wr out = wr_of(c->sig_rsp, RESERVE(!c->sig_rsp_len) ? sizeof c->sig_rsp : 0);
    wr_u8(&out, code);
    wr_u8(&out, id);
    wr_le16(&out, len);
    return out;
}

static void sig_keep(struct conn *c, const struct wr *out)
{
    if (!out->bad) {
        c->sig_rsp_len = (uint8_t)wr_len(out);
    }
}

/* L2CAP_COMMAND_REJECT_RSP: reason u16, data.  4.1 */
static void sig_reject(struct conn *c, uint8_t id, uint16_t reason)
{
    struct wr out = sig_answer(c, SIG_REJECT, id, reason == MTU_EXCEEDED ? 4 : 2);
    wr_le16(&out, reason);
    if (reason == MTU_EXCEEDED) {
        wr_le16(&out, SIG_MTU);
    }
    sig_keep(c, &out);
}

void sig_too_long(struct woad *h, uint16_t i, uint8_t id)
{
    if (id) {
        sig_reject(&h->conns[i], id, MTU_EXCEEDED);
    }
}

/* L2CAP_CONNECTION_PARAMETER_UPDATE_REQ: interval min u16, max u16, latency u16, timeout u16, to a
 * central.  What is valid, and within the application's limits, is accepted and asked of the
 * controller.  4.20 */
static bool sig_rx_param_req(struct woad *h, uint16_t i, uint8_t id, struct rd *in)
{
    struct conn *c = &h->conns[i];
    uint16_t min = rd_le16(in), max = rd_le16(in), latency = rd_le16(in), timeout = rd_le16(in);
    if (!c->central || !rd_done(in)) {
        return false;
    }
    bool ok = conn_params_welcome(h, min, max, latency, timeout) && !c->want_update;
    struct wr out = sig_answer(c, SIG_PARAM_RSP, id, 2);
    wr_le16(&out, ok ? 0 : 1);
    if (ok && !out.bad) {
        c->new_min = min;
        c->new_max = max;
        c->new_latency = latency;
        c->new_supervision = timeout;
        c->want_update = true;
    }
    sig_keep(c, &out);
    return true;
}

/* L2CAP_CONNECTION_PARAMETER_UPDATE_RSP: result u16: 0 accepted, then the controller's event tells
 * the rest; 1 rejected.  4.21 */
static void sig_rx_param_rsp(struct woad *h, uint16_t i, uint8_t id, struct rd *in)
{
    struct conn *c = &h->conns[i];
    uint16_t result = rd_le16(in);
    if (rd_done(in) && c->sig_due && id == c->sig_id) {
        c->sig_due = 0;
        if (result) {
            conn_updated(h, i, 1);
        }
    }
}

/* L2CAP_COMMAND_REJECT_RSP to our only request. */
static void sig_rx_reject(struct woad *h, uint16_t i, uint8_t id)
{
    struct conn *c = &h->conns[i];
    if (c->sig_due && id == c->sig_id) {
        c->sig_due = 0;
        conn_updated(h, i, 1);
    }
}

static bool sig_is_answer(uint8_t code)
{
    return code == SIG_DISCONNECT_RSP || code == SIG_CREDIT_CONN_RSP || code == SIG_CREDITS ||
           code == SIG_ENHANCED_CONN_RSP || code == SIG_RECONFIGURE_RSP;
}

void sig_rx(struct woad *h, uint16_t i, struct rd *in)
{
    size_t frame = rd_left(in);
    uint8_t code = rd_u8(in), id = rd_u8(in);
    uint16_t len = rd_le16(in);
    if (in->bad || id == 0) {
        return;                          /* 4: identifier 0 is never valid */
    }
    if (frame > SIG_MTU) {
        sig_too_long(h, i, id);
        return;
    }
    bool whole = len == rd_left(in);     /* LE: exactly one command a frame.  4 */
    if (code == SIG_PARAM_RSP) {
        sig_rx_param_rsp(h, i, id, in);
    } else if (code == SIG_REJECT) {
        sig_rx_reject(h, i, id);
    } else if (!sig_is_answer(code) &&
               !(whole && code == SIG_PARAM_REQ && sig_rx_param_req(h, i, id, in))) {
        sig_reject(&h->conns[i], id, NOT_UNDERSTOOD);
    }
}

bool sig_tx(struct woad *h, uint16_t i, struct wr *out)
{
    struct conn *c = &h->conns[i];
    if (c->sig_rsp_len) {
        wr_bytes(out, c->sig_rsp, c->sig_rsp_len);
        c->sig_rsp_len = 0;
        return true;
    }
    if (c->sig_req) {
        c->sig_id = (uint8_t)(c->sig_id % 255 + 1);
        wr_u8(out, c->sig_req);
        wr_u8(out, c->sig_id);
        wr_le16(out, 8);
        wr_le16(out, c->new_min);
        wr_le16(out, c->new_max);
        wr_le16(out, c->new_latency);
        wr_le16(out, c->new_supervision);
        c->sig_req = 0;
        c->sig_due = deadline_in(h->now, SIG_TIMEOUT_MS);
        return true;
    }
    return false;
}

/* A central that does not answer has not changed anything: RTX, 6.2.1. */
uint32_t conn_due(struct woad *h)
{
    uint32_t left = WOAD_FOREVER;
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        struct conn *c = &h->conns[i];
        uint32_t mine = c->state != CONN_FREE ? deadline_left(c->sig_due, h->now) : WOAD_FOREVER;
        if (mine == 0) {
            c->sig_due = 0;
            conn_updated(h, i, WOAD_ETIMEDOUT);
        } else {
            left = least(left, mine);
        }
    }
    return left;
}
