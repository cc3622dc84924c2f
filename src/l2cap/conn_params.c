/* Connection parameters: an update that the application or the peer requests, by HCI or L2CAP.
 * Vol 4, Part E, 7.8.18; Vol 3, Part A, 4.20
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   conn: a connection's number in the public interface
 *   conn_for_call(): conn_of() for a public call: all connections are polled again afterwards
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   CONN_PARAMS_LIMITS: the limits of connection parameters as text, for the log
 *   current: connection parameters in force: CURRENT_INTERVAL (1.25 ms), _LATENCY (events),
 *       _SUPERVISION (10 ms)
 *   CURRENT_LATENCY: index in conn.current, events
 *   CURRENT_SUPERVISION: index in conn.current, 10 ms
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   le_features: of hci: LE features of the controller, as HCI gives them
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   PARAMS: parameters of a connection in a request: PARAM_MIN, PARAM_MAX, PARAM_LATENCY,
 *       PARAM_SUPERVISION
 *   rd_le16s(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   refuse_params: the reply to the peer's parameter request is the negative one
 *   REFUSED(): logs why a call is refused, and is its error
 *   requested_by_app: requested_params are of woad_conn_update(), not the peer's
 *   requested_params: parameters of the one request that is being sent or answered: PARAM_…
 *   sig_id: identifier of our parameter update request; 0: none unanswered
 *   SIG_LONG_TIMEOUT_MS: ms after which a signalling request that was answered with `pending` has
 *       failed
 *   update_pending: WOAD_EV_CONN_UPDATE must follow
 *   want_param_reply: HCI's reply to the peer's parameter request is to be sent
 *   want_sig_update: L2CAP's parameter update request is to be sent
 *   want_update: HCI's parameter update is to be sent
 *   wr_le16s(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/clock.h"
#include "../core/event.h"
#include "../core/log.h"
#include "sig.h"

/* Vol 4, Part E, 7.8.12: the supervision timeout must outlast two intervals with latency. */
bool conn_params_valid(const uint16_t p[PARAMS])
{
    uint16_t max = p[PARAM_MAX], latency = p[PARAM_LATENCY], supervision = p[PARAM_SUPERVISION];
    return p[PARAM_MIN] >= 6 && max <= 3200 && p[PARAM_MIN] <= max && latency <= 499 &&
           supervision >= 10 && supervision <= 3200 && supervision * 4u > (1u + latency) * max;
}

void conn_params_of(const struct woad_connect_params *p, uint16_t params[PARAMS])
{
    params[PARAM_MIN] = p->interval_min_1250us;
    params[PARAM_MAX] = p->interval_max_1250us;
    params[PARAM_LATENCY] = p->latency;
    params[PARAM_SUPERVISION] = p->supervision_10ms;
}

/* Interval min u16, max u16, latency u16, timeout u16, CE length min u16, max u16. */
void conn_wr_params(struct wr *out, const uint16_t p[PARAMS])
{
    wr_le16s(out, p, PARAMS);
    wr_le32(out, 0);
}

int woad_set_conn_limits(struct woad *h, const struct woad_conn_limits *limits)
{
    if (limits->interval_max_1250us && limits->interval_min_1250us > limits->interval_max_1250us) {
        return REFUSED(h, WOAD_EINVAL, "interval_min %u is larger than interval_max %u",
                       limits->interval_min_1250us, limits->interval_max_1250us);
    }
    h->limits = *limits;
    return 0;
}

/* An update has ended, or the controller has changed the parameters.  It ends an update of the
 * application, unless that is still to be sent. */
void conn_updated(struct conn *c, int status)
{
    if (!c->want_update && !c->want_sig_update) {
        c->update_pending = false;
        c->sig_id = 0;
        if (c->state == CONN_OPEN) {
            c->deadline = 0;
        }
    }
    struct woad_event ev;
    ev.u.conn_update.status = status;
    ev.u.conn_update.interval_1250us = c->current[CURRENT_INTERVAL];
    ev.u.conn_update.latency = c->current[CURRENT_LATENCY];
    ev.u.conn_update.supervision_10ms = c->current[CURRENT_SUPERVISION];
    emit_of(c, WOAD_EV_CONN_UPDATE, &ev);
}

/* Interval min u16, max u16, latency u16, timeout u16.  Accepted if they are valid and within the
 * application's limits, and no other request occupies c->requested_params. */
bool conn_rx_params(struct conn *c, struct rd *in)
{
    const struct woad_conn_limits *l = &c->h->limits;
    uint16_t p[PARAMS];
    rd_le16s(in, p, PARAMS);
    bool ok = !(c->want_update || c->want_sig_update || c->want_param_reply) &&
              conn_params_valid(p) && p[PARAM_MIN] >= l->interval_min_1250us &&
              (!l->interval_max_1250us || p[PARAM_MAX] <= l->interval_max_1250us) &&
              (!l->latency_max_set || p[PARAM_LATENCY] <= l->latency_max);
    if (ok) {
        memcpy(c->requested_params, p, sizeof p);
        c->requested_by_app = false;
    }
    return ok;
}

int woad_conn_update(struct woad *h, uint16_t conn, const struct woad_connect_params *p)
{
    struct conn *c = conn_for_call(h, conn);
    if (!c || c->state != CONN_OPEN) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    uint16_t params[PARAMS];
    conn_params_of(p, params);
    if (!conn_params_valid(params)) {
        return REFUSED(h, WOAD_EINVAL, CONN_PARAMS_LIMITS, p->interval_min_1250us,
                       p->interval_max_1250us, p->latency, p->supervision_10ms);
    }
    if (c->update_pending) {
        return REFUSED(h, WOAD_EBUSY, "an update is in progress");
    }
    memcpy(c->requested_params, params, sizeof params);
    c->refuse_params = true; /* a pending request of the peer has lost its parameters: refuse it */
    c->requested_by_app = c->update_pending = true;
    c->deadline = deadline_in(h, SIG_LONG_TIMEOUT_MS);
    if (c->central || h->controller.le_features[0] >> 1 & 1) {
        c->want_update = true;
    } else {
        c->want_sig_update = true; /* by L2CAP: Vol 3, Part A, 4.20 */
    }
    return 0;
}
