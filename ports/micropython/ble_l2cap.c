/* L2CAP channels of MicroPython's `bluetooth`: the methods l2cap_* and their events.  The buffers
 * of a channel lie outside MicroPython's heap: a soft reset empties that while channels are open.
 *
 * An event of a channel is handled twice: ble_channels_note_event() changes the channel's state at
 * once, when the host raises it; ble_channels_deliver_event() calls the program's handler, then or
 * later, when the event comes out of the queue.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_active(): the host; raises ENODEV if there is none; called after a method's arguments
 *       are converted
 *   BLE_ANSWERED: the handler has returned; else BLE_NO_HANDLER, or BLE_FAILED: it has raised an
 *       exception
 *   ble_arg_conn(): a connection's number from an argument
 *   ble_arg_handle(): a handle, or a channel, from an argument
 *   ble_ask(): calls the program's handler for an event with a return value
 *   ble_flush(): moves what the host has to send to the controller; may raise events, and find
 *       that it has failed
 *   ble_invoke(): calls the program's handler
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_pass_on(): delivers an event now: to ble_connect.c, then to the handler or, while events
 *       are held, the queue
 *   ble_port_alloc(): memory outside the heap, zeros; NULL: none
 *   ble_port_free(): frees memory of ble_port_alloc()
 *   ble_queue_put(): queues a copy of an event; false: no memory
 *   ble_raise(): raises a WOAD_E… as an OSError; returns if it is 0
 *   ble_refusal(): the error with which the handler refuses, 0: it allows; second argument: if
 *       it could not run
 *   dropped: how often something was lost: for want of memory or room, or because the event for
 *       it is not enabled; config("dropped")
 *   mp_hal_ticks_ms(): MicroPython: ms, wrapping
 *   outcome: of a call of the handler: BLE_ANSWERED, BLE_NO_HANDLER, BLE_FAILED */
#include "ble.h"

/* BLE_L2CAP_MPS: a K-frame that fits a packet of 251 octets. BLE_L2CAP_AHEAD: see channel_room().
 */
enum { BLE_L2CAP_MTU_MIN = 32, BLE_L2CAP_MPS = 247, BLE_L2CAP_AHEAD = 8 };

/* When a channel is closed, whole SDUs that the program has not read are copied to `rest`, and
 * IRQ_L2CAP_DISCONNECT is held until it has read them, or has not read for BLE_LINGER_MS.  That
 * time is counted in steps of at most BLE_LINGER_STEP_MS, so that it hardly runs while the program
 * is stopped by a debugger or a signal.  When the connection has ended, the event is held until the
 * program gets that end: each IRQ_L2CAP_RECV that is queued comes before it. */
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
    bool conn_ended;         /* WOAD_EV_DISCONNECT is queued, and will raise the held event */
    uint8_t *rx, *tx, *rest; /* the host has `rx` until the channel is closed */
    size_t tx_room, rest_len, rest_read;
    uint32_t unread;     /* octets of whole SDUs that the host has received */
    mp_uint_t linger_ms; /* left, as of linger_updated_at */
    struct woad_event close_event;
};
static mp_uint_t linger_updated_at;

/* The newest channel with these numbers: a closed one with a rest may be behind it. NULL: none. */
static struct ble_channel *channel_find(uint16_t conn, uint16_t cid)
{
    struct ble_channel *ch = ble.channels;
    while (ch && (ch->conn != conn || ch->cid != cid)) {
        ch = ch->next;
    }
    return ch;
}

/* Takes a channel out of the list and frees its memory. */
static void channel_free(struct ble_channel *ch)
{
    struct ble_channel **at = &ble.channels;
    while (*at != ch) {
        at = &(*at)->next;
    }
    *at = ch->next;
    ble_port_free(ch->rx);
    ble_port_free(ch->tx);
    ble_port_free(ch->rest);
    ble_port_free(ch);
}

/* Copies the unread SDUs from the host, which forgets the channel after this event. */
static void channel_save_rest(struct ble_channel *ch, const struct woad_event *ev)
{
    size_t at = 0, len = ch->open ? ch->unread : 0;
    ch->closed = true;
    ch->close_event = *ev;
    /* During a soft reset there is no program to read them; without memory they are lost. */
    ch->rest = len && ble_object() ? ble_port_alloc(len) : NULL;
    ble.dropped += len && !ch->rest;
    while (ch->rest && at < len) {
        int n = woad_coc_read(ble.host, ch->conn, ch->cid, ch->rest + at, len - at, NULL);
        if (n <= 0) {
            break;
        }
        at += (size_t)n;
    }
    ch->rest_len = at;
}

/* Closed, with octets that the program has not read. */
static bool channel_has_rest(const struct ble_channel *ch)
{
    return ch->rest_read < ch->rest_len;
}

/* The event is held until the rest has been read, or for BLE_LINGER_MS. */
static bool channel_lingers(const struct ble_channel *ch)
{
    return ch->close_event_held && !ch->conn_ended;
}

/* Drops the rest, and raises the held event of a channel that lingers.  That frees ch
 * (on_coc_closed()), and the handler may change the list of channels. */
static void channel_finish(struct ble_channel *ch)
{
    ch->rest_read = ch->rest_len;
    if (channel_lingers(ch)) {
        const struct woad_event end = ch->close_event;
        ch->close_event_held = false;
        ble_pass_on(&end);
    }
}

/* The same for a rest that the program has not dropped itself: it is counted. */
static void channel_give_up(struct ble_channel *ch)
{
    ble.dropped += channel_has_rest(ch);
    channel_finish(ch);
}

/* Milliseconds until ble_channels_run(): steps, until a channel's time is over; WOAD_FOREVER:
 * none lingers. */
uint32_t ble_channels_ms_left(void)
{
    uint32_t earliest = WOAD_FOREVER;
    for (const struct ble_channel *ch = ble.channels; ch; ch = ch->next) {
        uint32_t left = (uint32_t)ch->linger_ms;
        if (left > BLE_LINGER_STEP_MS) {
            left = BLE_LINGER_STEP_MS;
        }
        if (channel_lingers(ch) && left < earliest) {
            earliest = left;
        }
    }
    return earliest;
}

/* Takes the time since the last call off all channels that linger. */
static void channels_pass_time(void)
{
    mp_uint_t now = mp_hal_ticks_ms(), step = now - linger_updated_at;
    linger_updated_at = now;
    if (step > BLE_LINGER_STEP_MS) {
        step = BLE_LINGER_STEP_MS;
    }
    for (struct ble_channel *ch = ble.channels; ch; ch = ch->next) {
        ch->linger_ms -= MIN(step, ch->linger_ms);
    }
}

/* Finishes channels that the program has not read for BLE_LINGER_MS. */
void ble_channels_run(void)
{
    struct ble_channel *ch = ble.channels;
    channels_pass_time();
    while (ch) {
        if (channel_lingers(ch) && !ch->linger_ms) {
            channel_give_up(ch); /* its handler may change the list */
            ch = ble.channels;
        } else {
            ch = ch->next;
        }
    }
}

/* A new channel gets the CID of a closed one that still has a rest. */
static void channel_supersede(uint16_t conn, uint16_t cid)
{
    struct ble_channel *ch = channel_find(conn, cid);
    if (ch && ch->closed) {
        channel_give_up(ch);
    }
}

/* After the host was stopped. */
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

/* Adds a channel to the list, with zeros in it but for these; NULL: no memory. */
static struct ble_channel *channel_new(uint16_t conn, uint16_t mtu)
{
    struct ble_channel *ch = ble_port_alloc(sizeof *ch);
    uint8_t *rx = ble_port_alloc(channel_room(mtu));
    if (!ch || !rx) {
        ble_port_free(ch);
        ble_port_free(rx);
        return NULL;
    }
    ch->conn = conn;
    ch->rx = rx;
    ch->next = ble.channels;
    ble.channels = ch;
    return ch;
}

/* mps 0: the host takes the smallest in which an SDU fits. */
static struct woad_coc_params params_of(mp_obj_t psm_in, mp_obj_t mtu_in)
{
    mp_int_t psm = mp_obj_get_int(psm_in), mtu = mp_obj_get_int(mtu_in);
    if (psm < 0 || psm > 0xffff) {
        BLE_REFUSE(MP_EINVAL, "a PSM has 16 bits");
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
    uint16_t conn = ble_arg_conn(args[1]), cid;
    const struct woad_coc_params p = params_of(args[2], args[3]);
    struct woad *h = ble_active();
    struct ble_channel *ch = channel_new(conn, p.mtu);
    (void)n_args;
    if (!ch) {
        mp_raise_OSError(MP_ENOMEM);
    }
    int err = woad_coc_connect(h, conn, &p, ch->rx, channel_room(p.mtu), &cid);
    if (err) {
        channel_free(ch);
        ble_raise(err);
    }
    channel_supersede(conn, cid);
    ch->cid = cid;
    ble_flush();
    return MP_OBJ_NEW_SMALL_INT(cid);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_connect_obj, 4, 4, ble_l2cap_connect);

/* An open channel; raises EINVAL if there is none. */
static struct ble_channel *channel_get_open(uint16_t conn, uint16_t cid)
{
    ble_active();
    struct ble_channel *ch = channel_find(conn, cid);
    if (!ch || !ch->open || ch->closed) {
        BLE_REFUSE(MP_EINVAL, "no open channel has this cid");
    }
    return ch;
}

/* l2cap_disconnect(conn_handle, cid); of a closed channel: drops what is left to be read. */
static mp_obj_t ble_l2cap_disconnect(mp_obj_t self, mp_obj_t conn, mp_obj_t cid)
{
    uint16_t number = ble_arg_conn(conn), channel = ble_arg_handle(cid);
    struct woad *h = ble_active();
    struct ble_channel *ch = channel_find(number, channel);
    (void)self;
    if (ch && ch->closed) {
        channel_finish(ch);
        ble_flush();
        return mp_const_none;
    }
    ble_raise(ch ? woad_coc_disconnect(h, ch->conn, ch->cid) : WOAD_EINVAL);
    ble_flush();
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_3(ble_l2cap_disconnect_obj, ble_l2cap_disconnect);

/* l2cap_send(conn_handle, cid, buf) -> True: sent.  False: the rest follows when the peer and the
 * controller have room; EBUSY until IRQ_L2CAP_SEND_READY. */
static mp_obj_t ble_l2cap_send(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = ble_arg_conn(args[1]), cid = ble_arg_handle(args[2]);
    struct woad_coc_info info;
    mp_buffer_info_t buf;
    (void)n_args;
    mp_get_buffer_raise(args[3], &buf, MP_BUFFER_READ);
    struct ble_channel *ch = channel_get_open(conn, cid);
    struct woad *h = ble.host;
    ble_raise(woad_coc_info(h, conn, cid, &info));
    if (buf.len > info.peer_mtu) {
        BLE_REFUSE(MP_EINVAL, "the data are longer than the peer's MTU");
    }
    if (ch->sending) {
        BLE_REFUSE(MP_EBUSY, "the last l2cap_send() is under way: wait for _IRQ_L2CAP_SEND_READY");
    }
    if (!ch->tx || buf.len > ch->tx_room) {
        uint8_t *tx = ble_port_alloc(buf.len ? buf.len : 1);
        if (!tx) {
            mp_raise_OSError(MP_ENOMEM);
        }
        ble_port_free(ch->tx);
        ch->tx = tx;
        ch->tx_room = buf.len;
    }
    if (buf.len) {
        memcpy(ch->tx, buf.buf, buf.len);
    }
    ble_raise(woad_coc_send(h, conn, cid, ch->tx, buf.len));
    ch->sending = true;
    ble_flush();
    ch = channel_find(conn, cid); /* NULL: the controller has failed, which ends all channels */
    if (ch) {
        ch->stalled = ch->sending;
    }
    return mp_obj_new_bool(ch && !ch->stalled);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_send_obj, 4, 4, ble_l2cap_send);

/* l2cap_recvinto() on a closed channel: from the rest. */
static size_t channel_read_rest(struct ble_channel *ch, uint8_t *to, size_t room)
{
    size_t n = ch->rest_len - ch->rest_read;
    if (n > room) {
        n = room;
    }
    if (n) {
        memcpy(to, ch->rest + ch->rest_read, n);
    }
    ch->rest_read += n;
    ch->linger_ms = BLE_LINGER_MS;
    if (channel_lingers(ch) && !channel_has_rest(ch)) {
        ch->close_event_held = !ble_queue_put(
            ble_object(),
            &ch->close_event); /* queued: the handler must not run inside this method */
    }
    return n;
}

/* Whole SDUs, also empty ones; if the first does not fit, a part of it.  woad_coc_read() returns at
 * most one SDU, and sets `end` if that is its end; without one it leaves false there. */
static size_t channel_read(struct ble_channel *ch, uint8_t *to, size_t room)
{
    size_t len = 0;
    if (room > ch->unread) {
        room = ch->unread;
    }
    for (bool end = true; end;) {
        int n = woad_coc_read(ble.host, ch->conn, ch->cid, to + len, room - len, &end);
        if (n < 0) {
            break;
        }
        len += (size_t)n;
    }
    ch->unread -= (uint32_t)len;
    return len;
}

/* l2cap_recvinto(conn_handle, cid, buf) -> octets read; buf None: octets that can be read. */
static mp_obj_t ble_l2cap_recvinto(size_t n_args, const mp_obj_t *args)
{
    uint16_t conn = ble_arg_conn(args[1]), cid = ble_arg_handle(args[2]);
    mp_buffer_info_t buf;
    size_t len;
    (void)n_args;
    ble_active();
    struct ble_channel *ch = channel_find(conn, cid);
    if (!ch || !ch->open) {
        BLE_REFUSE(MP_EINVAL, "no open channel has this cid");
    }
    if (args[3] == mp_const_none) {
        return mp_obj_new_int_from_uint(ch->closed ? ch->rest_len - ch->rest_read : ch->unread);
    }
    mp_get_buffer_raise(args[3], &buf, MP_BUFFER_WRITE);
    if (ch->closed) {
        len = channel_read_rest(ch, buf.buf, buf.len);
    } else {
        len = channel_read(ch, buf.buf, buf.len);
    }
    ble_flush();
    return mp_obj_new_int_from_uint(len);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(ble_l2cap_recvinto_obj, 4, 4, ble_l2cap_recvinto);

/* --- events ----------------------------------------------------------------------------------- */

/* Of all channels of a connection: see `conn_ended`. */
static void channels_set_conn_ended(uint16_t conn, bool ended)
{
    for (struct ble_channel *ch = ble.channels; ch; ch = ch->next) {
        if (ch->conn == conn) {
            ch->conn_ended = ended;
        }
    }
}

/* Every event of the host, when it is raised, also while events are queued. */
void ble_channels_note_event(const struct woad_event *ev)
{
    struct ble_channel *ch;
    switch (ev->type) {
    case WOAD_EV_COC_OPEN:
        ch = channel_find(ev->conn, ev->u.coc.cid);
        if (ch) {
            ch->open = true;
        }
        break;
    case WOAD_EV_COC_SENT:
        ch = channel_find(ev->conn, ev->u.coc_data.cid);
        if (ch) {
            ch->sending = false;
            ch->ready = ch->ready || ch->stalled;
            ch->stalled = false;
        }
        break;
    case WOAD_EV_COC_DATA:
        ch = channel_find(ev->conn, ev->u.coc_data.cid);
        if (ch) {
            ch->unread = ev->u.coc_data.len;
        }
        break;
    case WOAD_EV_COC_REQUEST: channel_supersede(ev->conn, ev->u.coc.cid); break;
    case WOAD_EV_COC_CLOSED:
        ch = channel_find(ev->conn, ev->u.coc.cid);
        if (ch && !ch->closed) {
            channel_save_rest(ch, ev);
        }
        break;
    case WOAD_EV_DISCONNECT: channels_set_conn_ended(ev->conn, true); break;
    default: break;
    }
}

/* (conn_handle, cid, psm, status) */
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
    /* Any number other than 0 refuses; which does not matter. */
    mp_int_t refused = ble_refusal(&a, -WOAD_COC_NO_RESOURCES);
    if (!ble.host) {
        return;
    }
    struct ble_channel *ch = refused ? NULL : channel_new(ev->conn, ev->u.coc.mtu);
    if (ch) {
        ch->cid = ev->u.coc.cid;
        if (woad_coc_accept(ble.host, ch->conn, ch->cid, ch->rx, channel_room(ev->u.coc.mtu))) {
            channel_free(ch); /* closed while the handler ran */
        }
    } else {
        woad_coc_refuse(ble.host, ev->conn, ev->u.coc.cid,
                        refused && a.outcome == BLE_ANSWERED ? WOAD_COC_INSUFFICIENT_AUTHORIZATION
                                                             : WOAD_COC_NO_RESOURCES);
    }
    ble_flush();
}

/* The status numbers of MicroPython with NimBLE: 8 no such PSM, 6 no resources, 23 to 26 security,
 * 16 refused for another reason, 13 no answer, 10 bad data; 0 if the connection ended, which has
 * its own event. */
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
static struct ble_channel *channel_find_closed(const struct woad_event *ev)
{
    struct ble_channel *ch = ble.channels;
    while (ch && (!ch->closed || ch->conn != ev->conn || ch->cid != ev->u.coc.cid)) {
        ch = ch->next;
    }
    return ch;
}

/* There was no memory to queue the event.  WOAD_EV_COC_CLOSED: frees the channel, because
 * on_coc_closed() is not called.  WOAD_EV_DISCONNECT: held events are raised as after the end of a
 * channel alone.  The loss is counted in ble.dropped. */
void ble_coc_event_lost(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_DISCONNECT) {
        channels_set_conn_ended(ev->conn, false);
        return;
    }
    struct ble_channel *ch = channel_find_closed(ev);
    if (ch) {
        channel_free(ch);
    }
}

/* When all has been read, or nothing was left. */
static void on_coc_closed(const struct woad_event *ev)
{
    struct ble_channel *ch = channel_find_closed(ev);
    if (ch && channel_has_rest(ch)) {
        ch->close_event_held = true;
        ch->linger_ms = BLE_LINGER_MS;
        return;
    }
    if (ch) {
        channel_free(ch);
    }
    coc_invoke(IRQ_L2CAP_DISCONNECT, ev, coc_status(ev->u.coc.status));
}

/* Before IRQ_…_DISCONNECT: the held events of the connection's channels.  What the program has not
 * read is dropped, and counted. */
void ble_channels_finish(uint16_t conn)
{
    struct ble_channel *ch = ble.channels;
    while (ch) {
        if (ch->conn_ended && ch->close_event_held && ch->conn == conn) {
            const struct woad_event end = ch->close_event;
            ble.dropped += channel_has_rest(ch);
            channel_free(ch);
            coc_invoke(IRQ_L2CAP_DISCONNECT, &end, coc_status(end.u.coc.status));
            ch = ble.channels; /* the handler may have changed the list */
        } else {
            ch = ch->next;
        }
    }
}

/* (conn_handle, cid, psm, our_mtu, peer_mtu) */
static void on_coc_open(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.coc.cid),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.psm), MP_OBJ_NEW_SMALL_INT(ev->u.coc.mtu),
                         MP_OBJ_NEW_SMALL_INT(ev->u.coc.peer_mtu) };
    ble_invoke(IRQ_L2CAP_CONNECT, 5, items);
}

/* For the handler: when the event is delivered. */
void ble_channels_deliver_event(const struct woad_event *ev)
{
    mp_obj_t items[] = { MP_OBJ_NEW_SMALL_INT(ev->conn), MP_OBJ_NEW_SMALL_INT(ev->u.coc_data.cid),
                         MP_OBJ_NEW_SMALL_INT(0) };
    struct ble_channel *ch;
    switch (ev->type) {
    case WOAD_EV_COC_REQUEST: on_coc_request(ev); break;
    case WOAD_EV_COC_OPEN: on_coc_open(ev); break;
    case WOAD_EV_COC_CLOSED: on_coc_closed(ev); break;
    case WOAD_EV_COC_DATA: ble_invoke(IRQ_L2CAP_RECV, 2, items); break;
    default: /* sent, after l2cap_send() returned False */
        ch = channel_find(ev->conn, ev->u.coc_data.cid);
        if (ch && ch->ready) {
            ch->ready = false;
            ble_invoke(IRQ_L2CAP_SEND_READY, 3, items);
        }
        break;
    }
}
