/* Connections: the table, and the HCI commands and events that open, change and end them. */
#include "host.h"

enum { GENERATIONS = 127 };              /* so that no number is 0xffff */

/* Public numbers are index | generation << 8: a stale one finds another generation. */
uint16_t conn_number(const struct woad *h, uint16_t i)
{
    return (uint16_t)(i | h->conns[i].generation << 8);
}

struct conn *conn_of(const struct woad *h, uint16_t number, uint16_t *i)
{
    *i = number & 0xff;
    struct conn *c = *i < h->cfg.conns ? &h->conns[*i] : NULL;
    return c && c->state != CONN_FREE && c->generation == number >> 8 ? c : NULL;
}

/* For what the application asks of a connection. */
struct conn *conn_asked(struct woad *h, uint16_t number, uint16_t *i)
{
    stir_all(h);
    return conn_of(h, number, i);
}

struct conn *conn_by_handle(const struct woad *h, uint16_t handle, uint16_t *i)
{
    for (*i = 0; *i < h->cfg.conns; ++*i) {
        if (h->conns[*i].handle == handle && h->conns[*i].state != CONN_FREE) {
            return &h->conns[*i];
        }
    }
    return NULL;
}

struct conn *conn_by_peer(const struct woad *h, const struct woad_addr *peer)
{
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        struct conn *c = &h->conns[i];
        if (c->state != CONN_FREE && (c->peer.type & 1) == (peer->type & 1) &&
            memcmp(c->peer.octet, peer->octet, 6) == 0) {
            return c;
        }
    }
    return NULL;
}

static struct conn *conn_free(const struct woad *h, uint16_t *i)
{
    for (*i = 0; *i < h->cfg.conns; ++*i) {
        if (h->conns[*i].state == CONN_FREE) {
            return &h->conns[*i];
        }
    }
    return NULL;
}

bool conn_any_free(const struct woad *h)
{
    uint16_t i;
    return conn_free(h, &i) != NULL;
}

bool conn_any(const struct woad *h)
{
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        if (h->conns[i].state != CONN_FREE) {
            return true;
        }
    }
    return false;
}

/* In the specification's order: encryption, who the peer is, LE Secure Connections, the key's size.
 * An unencrypted peer that has a key is told to use it.  Vol 3, Part C, 10.3.1 */
int conn_lacks(const struct woad *h, uint16_t i, unsigned level)
{
    const struct woad_security *now = &h->conns[i].security;
    if (!level) {
        return 0;
    }
    if (!now->encrypted) {
        bool has_key = h->smp_role && h->smp_role->has_key(h, i);
        return has_key ? WOAD_ATT_INSUFFICIENT_ENCRYPTION : WOAD_ATT_INSUFFICIENT_AUTHENTICATION;
    }
    if ((level & WOAD_COC_AUTHENTICATED && !now->authenticated) ||
        (level & WOAD_COC_SECURE && !now->secure)) {
        return WOAD_ATT_INSUFFICIENT_AUTHENTICATION;
    }
    return level & WOAD_COC_KEY_16 && now->key_size < 16 ? WOAD_ATT_INSUFFICIENT_KEY_SIZE : 0;
}

/* Vol 4, Part E, 7.8.12: the supervision timeout must outlast two intervals with latency. */
bool conn_params_valid(uint16_t min, uint16_t max, uint16_t latency, uint16_t supervision)
{
    return min >= 6 && max <= 3200 && min <= max && latency <= 499 && supervision >= 10 &&
           supervision <= 3200 && supervision * 4u > (1u + latency) * max;
}

/* What a peer asks for, and the application's limits allow. */
bool conn_params_welcome(const struct woad *h, uint16_t min, uint16_t max, uint16_t latency,
                         uint16_t supervision)
{
    const struct woad_conn_limits *l = &h->limits;
    return conn_params_valid(min, max, latency, supervision) &&
           min >= l->interval_min_1250us &&
           (!l->interval_max_1250us || max <= l->interval_max_1250us) &&
           (!l->latency_max_set || latency <= l->latency_max);
}

int woad_set_conn_limits(struct woad *h, const struct woad_conn_limits *limits)
{
    if (limits->interval_max_1250us && limits->interval_min_1250us > limits->interval_max_1250us) {
        return WOAD_EINVAL;
    }
    h->limits = *limits;
    return 0;
}

static void conn_opened(struct woad *h, uint16_t i)
{
    att_open(h, i, i, ATT_MTU_DEFAULT);
    for (size_t f = 0; feature_at(h, f); f++) {
        if (feature_at(h, f)->conn_open) {
            feature_at(h, f)->conn_open(h, i);
        }
    }
    struct woad_event ev = { .type = WOAD_EV_CONNECT, .conn = conn_number(h, i),
                             .u.connect = { h->conns[i].peer, h->conns[i].central } };
    emit(h, &ev);
}

/* A new connection takes a free place; buffers and generation stay with the place. */
static struct conn *conn_take(struct woad *h, uint16_t *i)
{
    struct conn *c = conn_free(h, i);
    if (!RESERVE(c != NULL)) {
        c = NULL;
    } else {
        struct conn fresh = { .state = CONN_OPEN, .generation = c->generation, .rx = c->rx,
                              .tx = c->tx, .reason = WOAD_HCI_REMOTE_USER_TERMINATED };
        fresh.queue.mem = c->queue.mem;
        fresh.queue.size = c->queue.size;
        fresh.answers.mem = c->answers.mem;
        fresh.answers.size = c->answers.size;
        *c = fresh;
        h->conns_open++;
    }
    return c;
}

/* The private address that the controller has used, if it has. */
static void conn_private(struct woad_addr *a, struct rd *in)
{
    static const uint8_t zero[6] = { 0 };
    uint8_t rpa[6];
    rd_copy(in, rpa, sizeof rpa);
    if (memcmp(rpa, zero, sizeof rpa) != 0) {
        a->type = WOAD_ADDR_RANDOM;
        memcpy(a->octet, rpa, sizeof a->octet);
    }
}

/* HCI_LE_[Enhanced_]Connection_Complete: status u8, handle u16, role u8, peer type u8, address 6,
 * [local RPA 6, peer RPA 6,] interval u16, latency u16, supervision u16, accuracy u8.
 * 7.7.65.1, 7.7.65.10 */
int conn_rx_complete(struct woad *h, struct rd *in, bool enhanced)
{
    uint8_t status = rd_u8(in);
    uint16_t handle = rd_le16(in), i;
    uint8_t role = rd_u8(in);
    struct woad_addr peer = { rd_u8(in), { 0 } };
    rd_copy(in, peer.octet, 6);
    struct woad_addr own = h->own_type ? h->hci.random_addr : h->hci.public_addr, air = peer;
    if (enhanced) {
        conn_private(&own, in);
        conn_private(&air, in);
    }
    uint16_t interval = rd_le16(in), latency = rd_le16(in), supervision = rd_le16(in);
    rd_u8(in);
    if (in->bad || (!status && (handle > 0xeff || role > 1 || conn_by_handle(h, handle, &i)))) {
        return WOAD_EBADMSG;
    }
    if (status) {
        for (size_t f = 0; feature_at(h, f); f++) {
            if (feature_at(h, f)->connect_failed) {
                feature_at(h, f)->connect_failed(h, status);
            }
        }
        return 0;
    }
    if (h->smp_role) {
        h->smp_role->resolve(h, &peer);
    }
    struct conn *c = h->state == HOST_UP ? conn_take(h, &i) : NULL;
    if (!c) {
        h->refuse_handle = handle;
        return 0;
    }
    c->handle = handle;
    c->central = role == 0;
    c->peer = peer;
    c->own = own;
    c->peer_air = air;
    c->interval = interval;
    c->latency = latency;
    c->supervision = supervision;
    conn_opened(h, i);
    return 0;
}

/* The end of a connection, whoever asked for it: credits come back, every procedure ends. */
void conn_close(struct woad *h, uint16_t i, uint8_t reason)
{
    struct conn *c = &h->conns[i];
    struct woad_event ev = { .type = WOAD_EV_DISCONNECT, .conn = conn_number(h, i),
                             .u.disconnect = { c->peer, c->central, reason } };
    h->hci.acl_free = (uint16_t)(h->hci.acl_free + c->in_controller);
    c->in_controller = 0;
    c->state = CONN_CLOSING;
    for (size_t f = 0; feature_at(h, f); f++) {
        if (feature_at(h, f)->conn_close) {
            feature_at(h, f)->conn_close(h, i);
        }
    }
    att_close(h, i, WOAD_ENOTCONN);
    att_drop_queue(h, i, WOAD_ENOTCONN);
    wipe(c->rx, h->frame_in + 4u);         /* half a frame, of a pairing perhaps */
    c->state = CONN_FREE;
    h->conns_open--;
    c->generation = (uint8_t)((c->generation + 1) % GENERATIONS);
    emit(h, &ev);
}

void conn_close_all(struct woad *h, uint8_t reason)
{
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        if (h->conns[i].state != CONN_FREE) {
            conn_close(h, i, reason);
        }
    }
}

/* HCI_Disconnection_Complete: status u8, handle u16, reason u8.  7.7.5 */
int conn_rx_disconnected(struct woad *h, struct rd *in)
{
    uint8_t status = rd_u8(in);
    uint16_t handle = rd_le16(in), i;
    uint8_t reason = rd_u8(in);
    if (!rd_done(in)) {
        return WOAD_EBADMSG;
    }
    if (conn_by_handle(h, handle, &i) && status == 0) {
        conn_close(h, i, reason);
    }
    return 0;
}

void conn_updated(struct woad *h, uint16_t i, int status)
{
    struct conn *c = &h->conns[i];
    c->update_asked = false;
    struct woad_event ev = {
        .type = WOAD_EV_CONN_UPDATE, .conn = conn_number(h, i),
        .u.conn_update = { status, c->interval, c->latency, c->supervision } };
    emit(h, &ev);
}

/* HCI_LE_Connection_Update_Complete: status u8, handle u16, interval u16, latency u16,
 * supervision u16.  7.7.65.3 */
int conn_rx_update(struct woad *h, struct rd *in)
{
    uint8_t status = rd_u8(in);
    uint16_t handle = rd_le16(in), i;
    uint16_t interval = rd_le16(in), latency = rd_le16(in), supervision = rd_le16(in);
    if (!rd_done(in)) {
        return WOAD_EBADMSG;
    }
    struct conn *c = conn_by_handle(h, handle, &i);
    if (c && status == WOAD_HCI_UNSUPPORTED_REMOTE && !c->central && c->update_asked) {
        c->sig_params = true;    /* a central that does not know it by the link layer */
    } else if (c) {
        if (!status) {
            c->interval = interval;
            c->latency = latency;
            c->supervision = supervision;
        }
        conn_updated(h, i, status);
    }
    return 0;
}

/* HCI_LE_Remote_Connection_Parameter_Request: handle u16, interval min u16, max u16, latency u16,
 * timeout u16.  What is valid and within the application's limits is accepted.  7.7.65.6 */
int conn_rx_param_request(struct woad *h, struct rd *in)
{
    uint16_t handle = rd_le16(in), i;
    uint16_t min = rd_le16(in), max = rd_le16(in), latency = rd_le16(in), timeout = rd_le16(in);
    if (!rd_done(in)) {
        return WOAD_EBADMSG;
    }
    struct conn *c = conn_by_handle(h, handle, &i);
    if (c) {
        c->new_min = min;
        c->new_max = max;
        c->new_latency = latency;
        c->new_supervision = timeout;
        c->want_param_reply = true;
        c->refuse_params = !conn_params_welcome(h, min, max, latency, timeout);
    }
    return 0;
}

/* HCI_LE_Long_Term_Key_Request: handle u16, random 8, diversifier u16.  There is no key without a
 * security manager.  7.7.65.5 */
int conn_rx_ltk_request(struct woad *h, struct rd *in)
{
    uint16_t handle = rd_le16(in), i;
    uint8_t rand[8];
    rd_copy(in, rand, sizeof rand);
    uint16_t ediv = rd_le16(in);
    if (!rd_done(in)) {
        return WOAD_EBADMSG;
    }
    struct conn *c = conn_by_handle(h, handle, &i);
    if (c) {
        c->want_ltk_reply = !h->smp_role || !h->smp_role->key_request(h, i, rand, ediv);
    }
    return 0;
}

/* HCI_Disconnect: handle u16, reason u8.  7.1.6 */
static uint16_t conn_write_disconnect(uint16_t handle, uint8_t reason, struct wr *params)
{
    wr_le16(params, handle);
    wr_u8(params, reason);
    return OP_DISCONNECT;
}

/* HCI_LE_Remote_Connection_Parameter_Request_Reply, HCI_LE_Connection_Update: handle u16,
 * interval min u16, max u16, latency u16, timeout u16, CE length min u16, max u16.
 * 7.8.31, 7.8.18 */
static uint16_t conn_write_params(const struct conn *c, uint16_t opcode, struct wr *params)
{
    wr_le16(params, c->handle);
    wr_le16(params, c->new_min);
    wr_le16(params, c->new_max);
    wr_le16(params, c->new_latency);
    wr_le16(params, c->new_supervision);
    wr_le16(params, 0);
    wr_le16(params, 0);
    return opcode;
}

/* HCI_LE_Remote_Connection_Parameter_Request_Negative_Reply: handle u16, reason u8.  7.8.32 */
static uint16_t conn_write_refusal(const struct conn *c, struct wr *params)
{
    wr_le16(params, c->handle);
    wr_u8(params, WOAD_HCI_UNACCEPTABLE_PARAMETERS);
    return OP_LE_CONN_PARAM_NEGATIVE;
}

static uint16_t conn_command(struct woad *h, uint16_t i, struct wr *params)
{
    struct conn *c = &h->conns[i];
    if (c->state == CONN_FREE) {
        return 0;
    }
    h->hci.pending_arg = conn_number(h, i);
    if (c->want_disconnect) {
        c->want_disconnect = false;
        return conn_write_disconnect(c->handle, c->reason, params);
    }
    if (c->want_ltk_reply) {
        c->want_ltk_reply = false;
        wr_le16(params, c->handle);
        return OP_LE_LTK_NEGATIVE_REPLY;
    }
    if (c->want_param_reply) {
        c->want_param_reply = false;
        return c->refuse_params ? conn_write_refusal(c, params)
                                : conn_write_params(c, OP_LE_CONN_PARAM_REPLY, params);
    }
    if (c->want_update) {
        c->want_update = false;
        return conn_write_params(c, OP_LE_CONNECTION_UPDATE, params);
    }
    return 0;
}

static uint16_t core_command(struct woad *h, struct wr *params)
{
    if (h->state == HOST_STARTING) {
        bool waits = h->hci.step && h->setup_role && h->setup_role->wants(h);
        return waits ? 0 : up_command(h, params);
    }
    if (h->refuse_handle != 0xffff) {
        uint16_t handle = h->refuse_handle;
        h->refuse_handle = 0xffff;
        h->hci.pending_arg = WOAD_NO_CONN;
        return conn_write_disconnect(handle, WOAD_HCI_REMOTE_LOW_RESOURCES, params);
    }
    /* Not while it may be in use: advertising and scanning pause for it.  7.8.4 */
    if (h->random_dirty && !(h->busy & ~WANTS_CONNECT) && h->state == HOST_UP) {
        h->random_dirty = false;
        wr_bytes(params, h->hci.random_addr.octet, 6);
        return OP_LE_SET_RANDOM_ADDRESS;
    }
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        uint16_t opcode = conn_command(h, i, params);
        if (opcode) {
            return opcode;
        }
    }
    if (h->state == HOST_STOPPING && !conn_any(h)) {
        return OP_RESET;
    }
    return 0;
}

static void core_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    if (h->state == HOST_STARTING) {
        up_complete(h, opcode, status, ret);
        return;
    }
    uint16_t i;
    struct conn *c = conn_of(h, h->hci.pending_arg, &i);
    if (opcode == OP_RESET) {
        host_down(h, 0);
    } else if (opcode == OP_DISCONNECT && c && status) {
        conn_close(h, i, status);        /* the controller does not know it: it is gone */
    } else if (opcode == OP_LE_CONNECTION_UPDATE && c && status && c->update_asked) {
        if (c->central) {
            conn_updated(h, i, status);
        } else {
            c->sig_params = true;/* the controller will not: then by L2CAP */
        }
    }
}

static uint32_t core_due(struct woad *h)
{
    return least(conn_due(h), att_due(h));
}

const struct woad_feature woad_core = {
    .command = core_command,
    .complete = core_complete,
    .due = core_due,
    .answers = 24,
};

int woad_conn_info(const struct woad *h, uint16_t conn, struct woad_conn_info *info)
{
    uint16_t i;
    const struct conn *c = conn_of(h, conn, &i);
    if (!c) {
        return WOAD_ENOTCONN;
    }
    *info = (struct woad_conn_info){ c->peer, c->central, c->interval, c->latency, c->supervision,
                                     h->bearers[i].mtu };
    return 0;
}

int woad_disconnect(struct woad *h, uint16_t conn, uint8_t reason)
{
    uint16_t i;
    struct conn *c = conn_asked(h, conn, &i);
    if (!c) {
        return WOAD_ENOTCONN;
    }
    if (c->state == CONN_CLOSING) {
        return WOAD_EALREADY;
    }
    c->state = CONN_CLOSING;
    c->want_disconnect = true;
    c->reason = reason;
    return 0;
}

int woad_conn_update(struct woad *h, uint16_t conn, const struct woad_connect_params *p)
{
    uint16_t i;
    struct conn *c = conn_asked(h, conn, &i);
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (!conn_params_valid(p->interval_min_1250us, p->interval_max_1250us, p->latency,
                           p->supervision_10ms)) {
        return WOAD_EINVAL;
    }
    if (c->update_asked) {
        return WOAD_EBUSY;
    }
    c->new_min = p->interval_min_1250us;
    c->new_max = p->interval_max_1250us;
    c->new_latency = p->latency;
    c->new_supervision = p->supervision_10ms;
    c->update_asked = true;
    if (c->central || h->hci.le_features[0] >> 1 & 1) {
        c->want_update = true;
    } else {
        c->sig_params = true;    /* by L2CAP: Vol 3, Part A, 4.20 */
    }
    return 0;
}
