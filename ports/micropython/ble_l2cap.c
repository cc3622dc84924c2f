/* L2CAP channels: l2cap_*, and their events.  What a channel receives and sends lies outside the
 * heap, which may end before the channel does. */
#include "ble.h"

enum { BLE_L2CAP_MTU_LEAST = 32, BLE_L2CAP_MPS = 247, BLE_L2CAP_AHEAD = 8 };

/* An SDU is the host's until it is sent; `rx` until the channel is closed.  What the peer sent
 * before it closed stays for the program to read, and the event waits for that: BLE_LINGER_MS after
 * the last time it read.  Time is counted in steps of at most LINGER_STEP_MS: a program that is
 * stopped by a debugger or a signal does not read, and the time does not count. */
enum { BLE_LINGER_MS = 5000, BLE_LINGER_STEP_MS = 100 };
struct ble_channel {
    struct ble_channel *next;
    uint16_t conn, cid;
    bool open, sending, stalled, ready;
    bool ended, waits; /* closed; its event waits */
    uint8_t *rx, *tx, *left;
    size_t tx_room, left_len, left_at;
    uint32_t whole;       /* octets of SDUs that have come whole */
    mp_uint_t lingers_ms; /* so long it still waits */
    struct woad_event end;
};
static mp_uint_t lingers_since; /* lingers_ms of all channels is of that moment */

static struct ble_channel *channel_find(uint16_t conn, uint16_t cid)
{
    struct ble_channel *k = ble.channels;
    while (k && (k->conn != conn || k->cid != cid)) {
        k = k->next;
    }
    return k;
}

static void channel_free(struct ble_channel *k)
{
    struct ble_channel **at = &ble.channels;
    while (*at != k) {
        at = &(*at)->next;
    }
    *at = k->next;
    ble_port_free(k->rx);
    ble_port_free(k->tx);
    ble_port_free(k->left);
    ble_port_free(k);
}

/* What the host has for a channel that is closed just now, as far as its SDUs are whole. */
static void channel_keep(struct ble_channel *k, const struct woad_event *ev)
{
    size_t at = 0, len = k->open ? k->whole : 0;
    k->ended = true;
    k->end = *ev;
    /* At a soft reset nobody reads it any more, and the heap is not to be touched. */
    k->left = len && ble_object() ? ble_port_alloc(len) : NULL;
    ble.dropped += len && !k->left;
    while (k->left && at < len) {
        int n = woad_coc_read(ble.host, k->conn, k->cid, k->left + at, len - at, NULL);
        if (n <= 0) {
            break;
        }
        at += (size_t)n;
    }
    k->left_len = at;
}

static bool channel_unread(const struct ble_channel *k)
{
    return k->left_at < k->left_len;
}

/* Nobody reads the rest.  The event that waits for it comes now. */
static void channel_over(struct ble_channel *k)
{
    k->left_at = k->left_len;
    if (k->waits) {
        const struct woad_event end = k->end;
        k->waits = false;
        ble_pass_on(&end);
    }
}

/* Those of a connection, which is over. */
void ble_channels_over(uint16_t conn)
{
    struct ble_channel *k = ble.channels;
    while (k) {
        struct ble_channel *next = k->next;
        bool waits = k->ended && k->conn == conn && k->waits;
        if (k->ended && k->conn == conn) {
            channel_over(k);
        }
        k = waits ? ble.channels : next; /* after a handler the list may be another */
    }
}

/* Milliseconds until ble_channels_run() has to be called. */
uint32_t ble_channels_due(void)
{
    uint32_t min_u32 = WOAD_FOREVER;
    for (const struct ble_channel *k = ble.channels; k; k = k->next) {
        uint32_t left = (uint32_t)k->lingers_ms;
        left = left < BLE_LINGER_STEP_MS ? left : BLE_LINGER_STEP_MS;
        if (k->waits && left < min_u32) {
            min_u32 = left;
        }
    }
    return min_u32;
}

static void channels_pass_time(void)
{
    mp_uint_t now = mp_hal_ticks_ms(), step = now - lingers_since;
    lingers_since = now;
    step = step < BLE_LINGER_STEP_MS ? step : BLE_LINGER_STEP_MS;
    for (struct ble_channel *k = ble.channels; k; k = k->next) {
        k->lingers_ms -= step < k->lingers_ms ? step : k->lingers_ms;
    }
}

/* In the scheduler: ends those that the program has not read for too long. */
void ble_channels_run(void)
{
    struct ble_channel *k = ble.channels;
    channels_pass_time();
    while (k) {
        if (k->waits && !k->lingers_ms) {
            channel_over(k); /* the list may be another now */
            k = ble.channels;
        } else {
            k = k->next;
        }
    }
}

/* A new channel has the CID of one that lingers. */
static void channel_supersede(uint16_t conn, uint16_t cid)
{
    struct ble_channel *k = channel_find(conn, cid);
    if (k && k->ended) {
        channel_over(k);
    }
}

void ble_forget_channels(void)
{
    while (ble.channels) {
        channel_free(ble.channels);
    }
}

/* A whole SDU, and some frames more, so that the peer need not stop while the program reads. */
static size_t channel_room(uint16_t mtu)
{
    return mtu + 2u + BLE_L2CAP_AHEAD * BLE_L2CAP_MPS;
}

static struct ble_channel *channel_new(uint16_t conn, uint16_t mtu)
{
    struct ble_channel *k = ble_port_alloc(sizeof *k);
    uint8_t *rx = ble_port_alloc(channel_room(mtu));
    if (!k || !rx) {
        ble_port_free(k);
        ble_port_free(rx);
        return NULL;
    }
    k->conn = conn;
    k->rx = rx;
    k->next = ble.channels;
    ble.channels = k;
    return k;
}

static struct woad_coc_params params_of(mp_obj_t psm_in, mp_obj_t mtu_in)
{
    mp_int_t psm = mp_obj_get_int(psm_in), mtu = mp_obj_get_int(mtu_in);
    if (psm < 0 || psm > 0xffff) {
        mp_raise_OSError(MP_EINVAL);
    }
    mtu = mtu < BLE_L2CAP_MTU_LEAST ? BLE_L2CAP_MTU_LEAST : mtu < 0xffff ? mtu : 0xffff;
    return (struct woad_coc_params){ .psm = (uint16_t)psm,
                                     .mtu = (uint16_t)mtu,
                                     .mps = mtu + 2 < BLE_L2CAP_MPS ? 0 : BLE_L2CAP_MPS };
}

/* l2cap_listen(psm, mtu), or (psm, None): no more. */
static mp_obj_t ble_l2cap_listen(mp_obj_t self, mp_obj_t psm, mp_obj_t mtu)
{
    (void)self;
    if (mtu == mp_const_none) {
        mp_int_t n = mp_obj_get_int(psm);
        struct woad *h = ble_active();
        ble_raise(n < 0 || n > 0xffff ? WOAD_EINVAL : woad_coc_stop_listening(h, (uint16_t)n));
    } else {
        const struct woad_coc_params p = params_of(psm, mtu);
        ble_raise(woad_coc_listen(ble_active(), &p));
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_l2cap_listen_obj, ble_l2cap_listen);

/* l2cap_connect(conn_handle, psm, mtu) -> cid */
static mp_obj_t ble_l2cap_connect(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = (uint16_t)mp_obj_get_int(args[1]), cid;
    const struct woad_coc_params p = params_of(args[2], args[3]);
    struct woad *h = ble_active();
    struct ble_channel *k = channel_new(conn, p.mtu);
    (void)n_args;
    if (!k) {
        mp_raise_OSError(MP_ENOMEM);
    }
    int err = woad_coc_connect(h, conn, &p, k->rx, channel_room(p.mtu), &cid);
    if (err) {
        channel_free(k);
        ble_raise(err);
    }
    channel_supersede(conn, cid);
    k->cid = cid;
    ble_flush();
    return MP_OBJ_NEW_SMALL_INT(cid);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_connect_obj, 4, 4, ble_l2cap_connect);

/* One that is open, or EINVAL. */
static struct ble_channel *channel_open(uint16_t conn, uint16_t cid)
{
    ble_active();
    struct ble_channel *k = channel_find(conn, cid);
    if (!k || !k->open || k->ended) {
        mp_raise_OSError(MP_EINVAL);
    }
    return k;
}

static mp_obj_t ble_l2cap_disconnect(mp_obj_t self, mp_obj_t conn, mp_obj_t cid)
{
    uint16_t number = (uint16_t)mp_obj_get_int(conn), channel = (uint16_t)mp_obj_get_int(cid);
    struct woad *h = ble_active();
    struct ble_channel *k = channel_find(number, channel);
    (void)self;
    if (k && k->ended) {
        channel_over(k);
        ble_flush();
        return mp_const_none;
    }
    ble_raise(k ? woad_coc_disconnect(h, k->conn, k->cid) : WOAD_EINVAL);
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_l2cap_disconnect_obj, ble_l2cap_disconnect);

/* l2cap_send(conn_handle, cid, buf): True: all of it has left; False: the rest goes when the peer
 * and the controller have room, and L2CAP_SEND_READY tells it.  EBUSY until then. */
static mp_obj_t ble_l2cap_send(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = (uint16_t)mp_obj_get_int(args[1]), cid = (uint16_t)mp_obj_get_int(args[2]);
    struct woad_coc_info info;
    mp_buffer_info_t buf;
    (void)n_args;
    mp_get_buffer_raise(args[3], &buf, MP_BUFFER_READ);
    struct ble_channel *k = channel_open(conn, cid);
    struct woad *h = ble.host;
    ble_raise(woad_coc_info(h, conn, cid, &info));
    if (buf.len > info.peer_mtu) {
        mp_raise_OSError(MP_EINVAL);
    }
    if (k->sending) {
        mp_raise_OSError(MP_EBUSY);
    }
    if (!k->tx || buf.len > k->tx_room) {
        uint8_t *tx = ble_port_alloc(buf.len ? buf.len : 1);
        if (!tx) {
            mp_raise_OSError(MP_ENOMEM);
        }
        ble_port_free(k->tx);
        k->tx = tx;
        k->tx_room = buf.len;
    }
    if (buf.len) {
        memcpy(k->tx, buf.buf, buf.len);
    }
    ble_raise(woad_coc_send(h, conn, cid, k->tx, buf.len));
    k->sending = true;
    ble_flush();
    k = channel_find(conn, cid); /* unless the controller was gone */
    if (k) {
        k->stalled = k->sending;
    }
    return mp_obj_new_bool(k && !k->stalled);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_send_obj, 4, 4, ble_l2cap_send);

/* Of a channel that is closed: the rest. */
static size_t channel_read_rest(struct ble_channel *k, uint8_t *to, size_t room)
{
    size_t n = k->left_len - k->left_at;
    n = n < room ? n : room;
    if (n) {
        memcpy(to, k->left + k->left_at, n);
    }
    k->left_at += n;
    k->lingers_ms = BLE_LINGER_MS;
    if (k->waits && !channel_unread(k)) {
        k->waits = !ble_queue_put(ble_object(), &k->end); /* not in here: when this has returned */
    }
    return n;
}

/* Whole SDUs, or of the first as much as there is room for. */
static size_t channel_read(struct ble_channel *k, uint8_t *to, size_t room)
{
    size_t len = 0;
    room = room < k->whole ? room : k->whole;
    for (bool end = true; end && len < room;) {
        int n = woad_coc_read(ble.host, k->conn, k->cid, to + len, room - len, &end);
        if (n < 0) {
            break;
        }
        len += (size_t)n;
    }
    k->whole -= (uint32_t)len;
    return len;
}

/* l2cap_recvinto(conn_handle, cid, buf): octets of all SDUs that are there; of None: how many. */
static mp_obj_t ble_l2cap_recvinto(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = (uint16_t)mp_obj_get_int(args[1]), cid = (uint16_t)mp_obj_get_int(args[2]);
    mp_buffer_info_t buf;
    size_t len;
    (void)n_args;
    ble_active();
    struct ble_channel *k = channel_find(conn, cid);
    if (!k || !k->open) {
        mp_raise_OSError(MP_EINVAL);
    }
    if (args[3] == mp_const_none) {
        return mp_obj_new_int_from_uint(k->ended ? k->left_len - k->left_at : k->whole);
    }
    mp_get_buffer_raise(args[3], &buf, MP_BUFFER_WRITE);
    if (k->ended) {
        len = channel_read_rest(k, buf.buf, buf.len);
    } else {
        len = channel_read(k, buf.buf, buf.len);
    }
    ble_flush();
    return mp_obj_new_int_from_uint(len);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_recvinto_obj, 4, 4, ble_l2cap_recvinto);

/* --- events ----------------------------------------------------------------------------------- */

/* What the module has to know at once, whatever the program does. */
void ble_note_coc(const struct woad_event *ev)
{
    struct ble_channel *k;
    switch (ev->type) {
    case WOAD_EV_COC_OPEN:
        k = channel_find(ev->conn, ev->u.coc.cid);
        if (k) {
            k->open = true;
        }
        break;
    case WOAD_EV_COC_SENT:
        k = channel_find(ev->conn, ev->u.coc_data.cid);
        if (k) {
            k->sending = false;
            k->ready = k->ready || k->stalled;
            k->stalled = false;
        }
        break;
    case WOAD_EV_COC_DATA:
        k = channel_find(ev->conn, ev->u.coc_data.cid);
        if (k) {
            k->whole = ev->u.coc_data.len;
        }
        break;
    case WOAD_EV_COC_REQUEST: channel_supersede(ev->conn, ev->u.coc.cid); break;
    case WOAD_EV_COC_CLOSED:
        k = channel_find(ev->conn, ev->u.coc.cid);
        if (k && !k->ended) {
            channel_keep(k, ev);
        }
        break;
    case WOAD_EV_DISCONNECT: ble_channels_over(ev->conn); break;
    default: break;
    }
}

static void coc_invoke(unsigned irq, const struct woad_event *ev, int status)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.coc.cid),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.psm), MP_OBJ_NEW_SMALL_INT(status) };
    ble_invoke(irq, 4, items);
}

/* A number other than 0 refuses. */
static void on_coc_request(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.coc.cid),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.psm), MP_OBJ_NEW_SMALL_INT(ev->u.coc.mtu),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.peer_mtu) };
    const struct ble_answer a = ble_ask(IRQ_L2CAP_ACCEPT, 5, items);
    mp_int_t no = ble_refused(&a, -WOAD_COC_NO_RESOURCES);
    if (!ble.host) {
        return;
    }
    struct ble_channel *k = no ? NULL : channel_new(ev->conn, ev->u.coc.mtu);
    if (k) {
        k->cid = ev->u.coc.cid;
        if (woad_coc_accept(ble.host, k->conn, k->cid, k->rx, channel_room(ev->u.coc.mtu))) {
            channel_free(k); /* it has ended meanwhile */
        }
    } else {
        woad_coc_refuse(
            ble.host, ev->conn, ev->u.coc.cid,
            no && a.how == BLE_ASKED ? WOAD_COC_INSUFFICIENT_AUTHORIZATION : WOAD_COC_NO_RESOURCES);
    }
    ble_flush();
}

/* Numbers that programs know: 8 no such PSM, 6 no resources, 23 to 26 security, 16 refused for
 * another reason, 13 no answer, 10 bad data.  A link that is lost is told as such, by itself. */
static int coc_status(int status)
{
    switch (status) {
    case 0:
    case WOAD_ENOTCONN:
    case WOAD_ECANCELED: return 0;
    case WOAD_COC_UNKNOWN_PSM:
    case WOAD_COC_NOT_UNDERSTOOD: return 8;
    case WOAD_COC_NO_RESOURCES: return 6;
    case WOAD_COC_INSUFFICIENT_AUTHENTICATION: return 23;
    case WOAD_COC_INSUFFICIENT_AUTHORIZATION: return 24;
    case WOAD_COC_INSUFFICIENT_ENCRYPTION:
    case WOAD_EACCES: return 25;
    case WOAD_COC_INSUFFICIENT_KEY_SIZE: return 26;
    case WOAD_ETIMEDOUT: return 13;
    case WOAD_EBADMSG: return 10;
    default: return 16;
    }
}

/* The one of the event that it is closed: one that lingers may have a younger one before it. */
static struct ble_channel *channel_ended(const struct woad_event *ev)
{
    struct ble_channel *k = ble.channels;
    while (k && (!k->ended || k->conn != ev->conn || k->cid != ev->u.coc.cid)) {
        k = k->next;
    }
    return k;
}

/* There was no room for the event. */
void ble_lost_coc(const struct woad_event *ev)
{
    struct ble_channel *k = channel_ended(ev);
    if (k) {
        channel_free(k);
    }
}

/* When all has been read, or nothing was left. */
static void on_coc_closed(const struct woad_event *ev)
{
    struct ble_channel *k = channel_ended(ev);
    if (k && channel_unread(k)) {
        k->waits = true;
        k->lingers_ms = BLE_LINGER_MS;
        return;
    }
    if (k) {
        channel_free(k);
    }
    coc_invoke(IRQ_L2CAP_DISCONNECT, ev, coc_status(ev->u.coc.status));
}

static void on_coc_open(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.coc.cid),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.psm), MP_OBJ_NEW_SMALL_INT(ev->u.coc.mtu),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.peer_mtu) };
    ble_invoke(IRQ_L2CAP_CONNECT, 5, items);
}

void ble_on_coc(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.coc_data.cid),
                         MP_OBJ_NEW_SMALL_INT(0) };
    struct ble_channel *k;
    switch (ev->type) {
    case WOAD_EV_COC_REQUEST: on_coc_request(ev); break;
    case WOAD_EV_COC_OPEN: on_coc_open(ev); break;
    case WOAD_EV_COC_CLOSED: on_coc_closed(ev); break;
    case WOAD_EV_COC_DATA: ble_invoke(IRQ_L2CAP_RECV, 2, items); break;
    default: /* sent, and the program was told to wait for it */
        k = channel_find(ev->conn, ev->u.coc_data.cid);
        if (k && k->ready) {
            k->ready = false;
            ble_invoke(IRQ_L2CAP_SEND_READY, 3, items);
        }
        break;
    }
}
