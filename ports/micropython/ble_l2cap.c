/* L2CAP channels: the methods l2cap_* and their events.  The buffers of a channel lie outside the
 * heap, which a soft reset can end before the channel.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_active(): the host; raises ENODEV if there is none; called after a method's arguments are
 *       converted
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_flush(): moves what the host has to send to the controller; may raise events, and find that
 *       it has failed
 *   ble_invoke(): calls the program's handler
 *   ble_ask(): calls the program's handler for an event with a return value
 *   ble_refusal(): the error with which the handler refuses, 0: it allows; second argument: if it
 *       could not run
 *   BLE_ANSWERED: the handler has returned; BLE_NO_HANDLER; BLE_FAILED: it has raised an exception
 *   ble_pass_on(): delivers an event now: to ble_connect.c, then to the handler or, while events
 *       are held, the queue
 *   ble_queue_put(): queues a copy of an event; false: no memory
 *   dropped: events lost for want of memory, config("dropped")
 *   ble_port_alloc(): memory outside the heap, zeros; NULL: none */
#include "ble.h"

enum { BLE_L2CAP_MTU_MIN = 32, BLE_L2CAP_MPS = 247, BLE_L2CAP_AHEAD = 8 };

/* When the peer closes a channel, whole SDUs that the program has not read are copied to `rest`,
 * and IRQ_L2CAP_DISCONNECT is held until it has read them, or has not read for BLE_LINGER_MS.  That
 * time is counted in steps of at most BLE_LINGER_STEP_MS, so that it hardly runs while the program
 * is stopped by a debugger or a signal. */
enum { BLE_LINGER_MS = 5000, BLE_LINGER_STEP_MS = 100 };
struct ble_channel {
    struct ble_channel *next;
    uint16_t conn, cid;
    bool open;
    bool sending; /* the host has `tx` until WOAD_EV_COC_SENT */
    bool stalled; /* l2cap_send() has returned False */
    bool ready;   /* IRQ_L2CAP_SEND_READY is to be raised */
    bool closed;  /* `close_event` and `rest` are valid */
    bool close_event_held;
    uint8_t *rx, *tx, *rest; /* the host has `rx` until the channel is closed */
    size_t tx_room, rest_len, rest_read;
    uint32_t unread;     /* octets of whole SDUs that the host has received */
    mp_uint_t linger_ms; /* left, as of linger_updated_at */
    struct woad_event close_event;
};
static mp_uint_t linger_updated_at;

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
    ble_port_free(k->rest);
    ble_port_free(k);
}

/* Copies the unread SDUs from the host, which forgets the channel after this event. */
static void channel_save_rest(struct ble_channel *k, const struct woad_event *ev)
{
    size_t at = 0, len = k->open ? k->unread : 0;
    k->closed = true;
    k->close_event = *ev;
    /* During a soft reset there is no program to read them. */
    k->rest = len && ble_object() ? ble_port_alloc(len) : NULL;
    ble.dropped += len && !k->rest;
    while (k->rest && at < len) {
        int n = woad_coc_read(ble.host, k->conn, k->cid, k->rest + at, len - at, NULL);
        if (n <= 0) {
            break;
        }
        at += (size_t)n;
    }
    k->rest_len = at;
}

static bool channel_has_rest(const struct ble_channel *k)
{
    return k->rest_read < k->rest_len;
}

/* Drops the rest, and raises the held event. */
static void channel_finish(struct ble_channel *k)
{
    k->rest_read = k->rest_len;
    if (k->close_event_held) {
        const struct woad_event end = k->close_event;
        k->close_event_held = false;
        ble_pass_on(&end);
    }
}

/* For all closed channels of an ended connection. */
void ble_channels_finish(uint16_t conn)
{
    struct ble_channel *k = ble.channels;
    while (k) {
        struct ble_channel *next = k->next;
        bool raises = k->closed && k->conn == conn && k->close_event_held;
        if (k->closed && k->conn == conn) {
            channel_finish(k);
        }
        k = raises ? ble.channels : next; /* the handler may have changed the list */
    }
}

uint32_t ble_channels_ms_left(void)
{
    uint32_t earliest = WOAD_FOREVER;
    for (const struct ble_channel *k = ble.channels; k; k = k->next) {
        uint32_t left = (uint32_t)k->linger_ms;
        if (left > BLE_LINGER_STEP_MS) {
            left = BLE_LINGER_STEP_MS;
        }
        if (k->close_event_held && left < earliest) {
            earliest = left;
        }
    }
    return earliest;
}

static void channels_pass_time(void)
{
    mp_uint_t now = mp_hal_ticks_ms(), step = now - linger_updated_at;
    linger_updated_at = now;
    if (step > BLE_LINGER_STEP_MS) {
        step = BLE_LINGER_STEP_MS;
    }
    for (struct ble_channel *k = ble.channels; k; k = k->next) {
        k->linger_ms -= MIN(step, k->linger_ms);
    }
}

/* Finishes channels that the program has not read for BLE_LINGER_MS. */
void ble_channels_run(void)
{
    struct ble_channel *k = ble.channels;
    channels_pass_time();
    while (k) {
        if (k->close_event_held && !k->linger_ms) {
            channel_finish(k); /* its handler may change the list */
            k = ble.channels;
        } else {
            k = k->next;
        }
    }
}

/* A new channel gets the CID of a closed one that still has a rest. */
static void channel_supersede(uint16_t conn, uint16_t cid)
{
    struct ble_channel *k = channel_find(conn, cid);
    if (k && k->closed) {
        channel_finish(k);
    }
}

void ble_forget_channels(void)
{
    while (ble.channels) {
        channel_free(ble.channels);
    }
}

/* One SDU and BLE_L2CAP_AHEAD frames, so that the peer can send while the program reads. */
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
    if (mtu > 0xffff) {
        mtu = 0xffff;
    }
    if (mtu < BLE_L2CAP_MTU_MIN) {
        mtu = BLE_L2CAP_MTU_MIN;
    }
    return (struct woad_coc_params){ .psm = (uint16_t)psm,
                                     .mtu = (uint16_t)mtu,
                                     .mps = mtu + 2 < BLE_L2CAP_MPS ? 0 : BLE_L2CAP_MPS };
}

/* l2cap_listen(psm, mtu); mtu None stops listening. */
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

/* An open channel; raises EINVAL if there is none. */
static struct ble_channel *channel_open(uint16_t conn, uint16_t cid)
{
    ble_active();
    struct ble_channel *k = channel_find(conn, cid);
    if (!k || !k->open || k->closed) {
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
    if (k && k->closed) {
        channel_finish(k);
        ble_flush();
        return mp_const_none;
    }
    ble_raise(k ? woad_coc_disconnect(h, k->conn, k->cid) : WOAD_EINVAL);
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_l2cap_disconnect_obj, ble_l2cap_disconnect);

/* l2cap_send(conn_handle, cid, buf) -> True: sent.  False: the rest follows when the peer and the
 * controller have room; EBUSY until IRQ_L2CAP_SEND_READY. */
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
    k = channel_find(conn, cid); /* NULL: the controller has failed */
    if (k) {
        k->stalled = k->sending;
    }
    return mp_obj_new_bool(k && !k->stalled);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_send_obj, 4, 4, ble_l2cap_send);

/* l2cap_recvinto() on a closed channel: from the rest. */
static size_t channel_read_rest(struct ble_channel *k, uint8_t *to, size_t room)
{
    size_t n = k->rest_len - k->rest_read;
    if (n > room) {
        n = room;
    }
    if (n) {
        memcpy(to, k->rest + k->rest_read, n);
    }
    k->rest_read += n;
    k->linger_ms = BLE_LINGER_MS;
    if (k->close_event_held && !channel_has_rest(k)) {
        k->close_event_held = !ble_queue_put(
            ble_object(),
            &k->close_event); /* queued: the handler must not run inside this method */
    }
    return n;
}

/* Whole SDUs; if the first does not fit, a part of it. */
static size_t channel_read(struct ble_channel *k, uint8_t *to, size_t room)
{
    size_t len = 0;
    if (room > k->unread) {
        room = k->unread;
    }
    for (bool end = true; end && len < room;) {
        int n = woad_coc_read(ble.host, k->conn, k->cid, to + len, room - len, &end);
        if (n < 0) {
            break;
        }
        len += (size_t)n;
    }
    k->unread -= (uint32_t)len;
    return len;
}

/* l2cap_recvinto(conn_handle, cid, buf) -> octets read; buf None: octets that can be read. */
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
        return mp_obj_new_int_from_uint(k->closed ? k->rest_len - k->rest_read : k->unread);
    }
    mp_get_buffer_raise(args[3], &buf, MP_BUFFER_WRITE);
    if (k->closed) {
        len = channel_read_rest(k, buf.buf, buf.len);
    } else {
        len = channel_read(k, buf.buf, buf.len);
    }
    ble_flush();
    return mp_obj_new_int_from_uint(len);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_recvinto_obj, 4, 4, ble_l2cap_recvinto);

/* --- events ----------------------------------------------------------------------------------- */

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
            k->unread = ev->u.coc_data.len;
        }
        break;
    case WOAD_EV_COC_REQUEST: channel_supersede(ev->conn, ev->u.coc.cid); break;
    case WOAD_EV_COC_CLOSED:
        k = channel_find(ev->conn, ev->u.coc.cid);
        if (k && !k->closed) {
            channel_save_rest(k, ev);
        }
        break;
    case WOAD_EV_DISCONNECT: ble_channels_finish(ev->conn); break;
    default: break;
    }
}

static void coc_invoke(unsigned irq, const struct woad_event *ev, int status)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.coc.cid),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.psm), MP_OBJ_NEW_SMALL_INT(status) };
    ble_invoke(irq, 4, items);
}

/* IRQ_L2CAP_ACCEPT: the handler refuses by returning a number other than 0. */
static void on_coc_request(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.coc.cid),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.psm), MP_OBJ_NEW_SMALL_INT(ev->u.coc.mtu),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.peer_mtu) };
    const struct ble_answer a = ble_ask(IRQ_L2CAP_ACCEPT, 5, items);
    mp_int_t refused = ble_refusal(&a, -WOAD_COC_NO_RESOURCES);
    if (!ble.host) {
        return;
    }
    struct ble_channel *k = refused ? NULL : channel_new(ev->conn, ev->u.coc.mtu);
    if (k) {
        k->cid = ev->u.coc.cid;
        if (woad_coc_accept(ble.host, k->conn, k->cid, k->rx, channel_room(ev->u.coc.mtu))) {
            channel_free(k); /* closed while the handler ran */
        }
    } else {
        woad_coc_refuse(ble.host, ev->conn, ev->u.coc.cid,
                        refused && a.outcome == BLE_ANSWERED ? WOAD_COC_INSUFFICIENT_AUTHORIZATION
                                                             : WOAD_COC_NO_RESOURCES);
    }
    ble_flush();
}

/* Upstream's numbers: 8 no such PSM, 6 no resources, 23 to 26 security, 16 refused for another
 * reason, 13 no answer, 10 bad data; 0 if the connection ended, which has its own event. */
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

/* The closed channel of this event; a new one with the same CID may be in the list before it. */
static struct ble_channel *channel_closed(const struct woad_event *ev)
{
    struct ble_channel *k = ble.channels;
    while (k && (!k->closed || k->conn != ev->conn || k->cid != ev->u.coc.cid)) {
        k = k->next;
    }
    return k;
}

void ble_coc_event_lost(const struct woad_event *ev)
{
    struct ble_channel *k = channel_closed(ev);
    if (k) {
        channel_free(k);
    }
}

/* When all has been read, or nothing was left. */
static void on_coc_closed(const struct woad_event *ev)
{
    struct ble_channel *k = channel_closed(ev);
    if (k && channel_has_rest(k)) {
        k->close_event_held = true;
        k->linger_ms = BLE_LINGER_MS;
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
    default: /* sent, after l2cap_send() returned False */
        k = channel_find(ev->conn, ev->u.coc_data.cid);
        if (k && k->ready) {
            k->ready = false;
            ble_invoke(IRQ_L2CAP_SEND_READY, 3, items);
        }
        break;
    }
}
