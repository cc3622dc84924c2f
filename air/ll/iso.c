/* SDUs of isochronous streams: from the host, in payloads, and to the host.
 * Vol 4, Part E, 5.4.5; Vol 6, Part G
 *
 * Names of other files:
 *   c: the controller
 *   f: a packet on the air (world.h)
 *   s: a stream (struct iso, ll.h)
 *   b: a broadcast isochronous group (struct big, ll.h)
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   AIR_EBADMSG: AIR_E…: errors of the functions of woad/air.h
 *   air_packet: a packet on the air: world.h
 *   anchor: us: the start of the event
 *   at: us: when the stream's next subevent begins; NEVER: it runs, or the stream is off
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   big: a broadcast isochronous group: ll.h
 *   big_next(): when the first group has something to do besides its streams; NEVER: none has
 *   BIGS: groups of broadcast streams, at most
 *   bn_rx: payloads of an event that we receive
 *   bn_tx: payloads of an event that we send
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   chm: channel map, a bit each
 *   controller_ready(): to be called when the queue to the host has got a packet
 *   csa2_first(): the channel of an event, and the state from which csa2_next() goes on
 *   csa2_next(): the next pseudo-random number of channel selection algorithm 2
 *   DATA_CHANNELS: 37: channels 0 to 36 carry data
 *   duration_us: of a turn: us for which it needs the radio
 *   established: a packet has been received; until then it is lost after six events
 *   evt_completed(): Number Of Completed Packets: buffers go back to the host
 *   evt_room(): the queue to the host has room for so many octets
 *   fifo_put(): room for a packet at the queue's end; NULL: there is none
 *   group: of a CIS: its CIG; of a BIS: the index of its group
 *   host_queue: packets for the host, with their H4 type
 *   index: of the connection, stream, sync or set that has the radio
 *   interval_us: of a turn: us from one to the next
 *   ISO_BIS_OUT: kind of a stream: broadcast, sent
 *   ISO_CIS: kind of a stream: connected
 *   ISO_END: LLID of the last payload of an SDU
 *   ISO_HANDLE: HCI's handle of the first stream
 *   ISO_NONE: kind of a stream: it is not in use
 *   ISO_PACKET: octets of data of the longest ISO packet of HCI
 *   ISO_SDUS: SDUs of the host that a stream has room for
 *   ISO_START: LLID of a payload that another one of its SDU follows
 *   last_exchange_at: us: the end of the last exchange with the peer, for the arbiter
 *   lost_at: us: the supervision timeout
 *   max_sdu_rx: octets of the longest SDU that we receive; 0: none
 *   max_sdu_tx: octets of the longest SDU that we send; 0: none
 *   n_isos_on: streams that are on
 *   n_sdus: SDUs in sdu[], the first is the next to be sent
 *   OVERFLOW_ISO: link type of Data Buffer Overflow
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   packets: of an SDU: its HCI packets, given back with it; of the air: those that are on it, by
 *       channel
 *   path_in: there is a data path from the host
 *   path_out: there is a data path to the host
 *   phase: of a turn: any of its times
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   ROOM_FOR_DATA: octets of the queue to the host that data leave free for events
 *   rx_bad: the SDU that is received does not fit: it is reported as lost
 *   rx_done: payloads of this event that are received
 *   rx_end: the last part of the SDU has been received
 *   rx_len: octets received of the SDU
 *   sdu_partial: the last SDU in sdu[] is not complete: the host sends the rest
 *   sending: of periodic advertising: the host wants it, and its set has been enabled once; of a
 *       stream: an SDU is sent in this event
 *   sub_interval: us from one subevent to the next
 *   subevent: number of the subevent that runs, or is next, in its event
 *   sync_delay: us that a stream or a group takes in its interval
 *   total_len: octets of the whole SDU, of which those up to `len` have been received from the host
 *   turn: a turn of an activity: when, how often, for how long
 *   tx_done: payloads of this event that are acknowledged */
#include "host.h"
#include "iso.h"

/* An unused stream, all zeros; it is in use when its user has set `kind`. NULL: none is left. */
struct iso *iso_free(controller *c)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        if (c->iso[n].kind == ISO_NONE) {
            memset(&c->iso[n], 0, sizeof c->iso[n]);
            c->iso[n].at = c->iso[n].lost_at = NEVER;
            return &c->iso[n];
        }
    }
    return NULL;
}

/* The stream that the host knows by this handle, used by CIS and BIS alike; NULL: none. */
struct iso *iso_by_handle(controller *c, uint16_t handle)
{
    uint16_t n = (uint16_t)(handle - ISO_HANDLE);
    struct iso *result = NULL;
    if (handle >= ISO_HANDLE && n < c->cfg.iso && c->iso[n].kind != ISO_NONE) {
        result = &c->iso[n];
    }
    return result;
}

/* HCI's handle of a stream. */
uint16_t iso_handle(const controller *c, const struct iso *s)
{
    return (uint16_t)(ISO_HANDLE + (s - c->iso));
}

/* Ends a stream's events. The host gets its buffers back. A central's CIS stays configured. */
void iso_stop(controller *c, struct iso *s)
{
    bool was = s->on;
    if (c->radio.owner == ACTIVITY_ISO && c->radio.index == s - c->iso) {
        radio_off(c);
    }
    for (uint16_t n = 0; n < s->n_sdus; n++) {
        evt_completed(c, iso_handle(c, s), s->sdu[n].packets);
    }
    s->n_sdus = 0;
    s->subevent = s->tx_done = s->rx_done = 0;
    s->sending = s->payload_unacked = false;
    s->sdu_partial = s->on = s->established = false;
    if (s->kind != ISO_CIS || !s->central) { /* a central's stay with its configuration */
        s->path_in = s->path_out = false;
    }
    s->at = s->lost_at = NEVER;
    c->ll->n_isos_on = (uint8_t)(c->ll->n_isos_on - was);
}

/* The stream's turn for the arbiter: the fewest packets of an event, one for each payload, or one.
 */
void iso_turn(const controller *c, uint8_t n, struct turn *t)
{
    const struct iso *s = &c->iso[n];
    unsigned bn = max_uint(s->bn_tx, s->bn_rx);
    if (s->on) {
        *t = (struct turn){ .owner = ACTIVITY_ISO,
                            .index = n,
                            .at = s->at,
                            .phase = s->anchor,
                            .interval_us = s->interval * 1250u,
                            .duration_us = max_uint(bn, 1) * s->sub_interval };
    }
}

/* The channel of a subevent.  The first has that of the event; none is near the one before it.
 * 4.5.8.3.6 */
uint8_t iso_channel(const struct iso *s, uint8_t subevent)
{
    uint8_t used[DATA_CHANNELS], n = 0, at = 0;
    uint16_t id = (uint16_t)(s->aa >> 16 ^ s->aa), prn;
    uint8_t channel = csa2_first(s->aa, (uint16_t)s->event, s->chm, &prn);
    if (subevent == 0) {
        return channel;
    }
    for (uint8_t k = 0; k < DATA_CHANNELS; k++) {
        if (s->chm[k / 8] >> (k % 8) & 1) {
            if (k == channel) {
                at = n;
            }
            used[n++] = k;
        }
    }
    int d = 3;
    if (n - 5 < 3) {
        d = n - 5;
    }
    int wide = (n - 10) / 2 < 11 ? (n - 10) / 2 : 11;
    if (d < wide) {
        d = wide;
    }
    if (d < 1) {
        d = 1;
    }
    for (uint8_t k = 0; k < subevent && n > 2; k++) {
        prn = csa2_next(prn, id);
        uint32_t step = ((uint32_t)(uint16_t)(prn ^ id) * (uint32_t)(n - 2 * d + 1)) >> 16;
        at = (uint8_t)((at + (uint32_t)d + step) % n);
    }
    if (n > 2) {
        return used[at];
    }
    return channel;
}

/* Payloads that the largest SDU of a stream takes; 0: it has none. */
uint8_t iso_payloads(uint16_t max_sdu)
{
    return (uint8_t)((max_sdu + ISO_PDU - 1) / ISO_PDU);
}

/* --- an event --------------------------------------------------------------------------------- */

/* An event begins. The first SDU is sent in it if it is complete by now. */
void iso_event_begin(struct iso *s)
{
    s->subevent = 0;
    s->tx_done = s->rx_done = 0;
    s->sending = s->n_sdus > (s->sdu_partial ? 1 : 0);
    s->rx_len = 0;
    s->rx_bad = s->rx_end = s->payload_unacked = false;
}

/* Gives the host an SDU with its time; good false: one that was lost. Without room it is
 * dropped. */
static void sdu_to_host(controller *c, const struct iso *s, bool good)
{
    uint8_t head[13];
    struct wr w = wr_of(head, sizeof head);
    uint16_t len = 0;
    if (good) {
        len = s->rx_len;
    }
    wr_u8(&w, H4_ISO);
    wr_le16(&w, (uint16_t)(iso_handle(c, s) | 2u << 12 | 1u << 14)); /* whole, with a time */
    wr_le16(&w, (uint16_t)(8 + len));
    wr_le32(&w, (uint32_t)(s->anchor + s->sync_delay));
    wr_le16(&w, (uint16_t)s->event);
    unsigned lost = 0; /* Packet_Status_Flag 10b */
    if (!good) {
        lost = 2u << 14;
    }
    wr_le16(&w, (uint16_t)(len | lost));
    if (evt_room(c, (size_t)ROOM_FOR_DATA + len)) {
        uint8_t *packet = fifo_put(&c->host_queue, sizeof head + len);
        memcpy(packet, head, sizeof head);
        memcpy(packet + sizeof head, s->rx, len);
        controller_ready(c);
    }
}

/* Ends an event: an SDU that was not sent is flushed, one that was not received is lost. */
void iso_event_end(controller *c, struct iso *s)
{
    if (s->sending) {
        evt_completed(c, iso_handle(c, s), s->sdu[0].packets);
        s->n_sdus--;
        memmove(s->sdu, s->sdu + 1, s->n_sdus * sizeof *s->sdu);
        s->sending = false;
    }
    if (s->path_out && s->bn_rx) {
        sdu_to_host(c, s, s->rx_done == s->bn_rx && s->rx_end && !s->rx_bad);
    }
    s->event++;
}

/* See iso.h.  Payloads behind the SDU's last one are empty. */
uint8_t iso_payload(const struct iso *s, uint8_t number, const uint8_t **data, size_t *len)
{
    const struct sdu *u = &s->sdu[0];
    size_t at = (size_t)number * ISO_PDU;
    size_t left = 0;
    if (u->len > at) {
        left = u->len - at;
    }
    size_t from = 0;
    if (left) {
        from = at;
    }
    *data = u->data + from;
    *len = min_uint((unsigned)left, ISO_PDU);
    bool last = left <= ISO_PDU && (left || !number);
    if (last) {
        return ISO_END;
    }
    return ISO_START;
}

/* Takes the next payload in order. */
void iso_take(struct iso *s, uint8_t llid, struct rd *in)
{
    size_t len = rd_left(in);
    s->rx_done++;
    s->rx_end = s->rx_end || llid == ISO_END;
    if (s->rx_len + len > s->max_sdu_rx || llid > ISO_START) {
        s->rx_bad = true;
        return;
    }
    rd_copy(in, s->rx + s->rx_len, len);
    s->rx_len = (uint16_t)(s->rx_len + len);
}

/* --- from the host ---------------------------------------------------------------------------- */

enum { FIRST = 0, MIDDLE = 1, WHOLE = 2, LAST = 3 }; /* PB_Flag */

/* Drops an SDU without its last part, when its path is removed or another SDU begins. */
static void iso_drop_part(controller *c, struct iso *s)
{
    if (s->sdu_partial) {
        s->sdu_partial = false;
        evt_completed(c, iso_handle(c, s), s->sdu[--s->n_sdus].packets);
    }
}

/* An HCI ISO packet: handle u12, PB u2, TS u1; length u14; time u32 if TS, number u16, SDU length
 * u12, in a first or whole one; data. Returns 0, or AIR_EBADMSG. */
int iso_from_host(controller *c, struct rd *in)
{
    uint16_t head = rd_le16(in), len = rd_le16(in) & 0x3fff;
    uint8_t part = head >> 12 & 3;
    struct iso *s = iso_by_handle(c, head & 0xfff);
    if (in->bad || len != rd_left(in)) {
        return AIR_EBADMSG;
    }
    if (!s || !s->on) {
        return 0; /* the stream has ended */
    }
    if (len > ISO_PACKET) {
        evt_overflow(c, OVERFLOW_ISO);
        return 0;
    }
    if (!s->path_in) {
        evt_completed(c, iso_handle(c, s), 1); /* without a data path it is dropped */
        return 0;
    }
    bool first = part == FIRST || part == WHOLE, ends = part == WHOLE || part == LAST;
    uint16_t want = 0, have = 0;
    if (first) {
        rd_bytes(in, head >> 14 & 1 ? 4 : 0);
        rd_le16(in);
        want = rd_le16(in) & 0xfff;
    } else if (s->sdu_partial) {
        want = s->sdu[s->n_sdus - 1].total_len;
        have = s->sdu[s->n_sdus - 1].len;
    }
    size_t all = have + rd_left(in);
    if (first && s->n_sdus == ISO_SDUS && !s->sdu_partial) {
        evt_overflow(c, OVERFLOW_ISO); /* more than LE Read Buffer Size allows: dropped */
        return 0;
    }
    if (first) {
        iso_drop_part(c, s);
    }
    if (in->bad || first == s->sdu_partial || want > s->max_sdu_tx ||
        (ends ? all != want : all > want)) {
        return AIR_EBADMSG;
    }
    if (first) {
        s->sdu[s->n_sdus++] = (struct sdu){ .total_len = want };
    }
    struct sdu *u = &s->sdu[s->n_sdus - 1];
    rd_copy(in, u->data + have, all - have);
    u->len = (uint16_t)all;
    u->packets++;
    s->sdu_partial = !ends;
    return 0;
}

/* --- in time ---------------------------------------------------------------------------------- */

/* When the first stream has something to do; NEVER: none has. */
uint64_t iso_streams_next(const controller *c)
{
    uint64_t next = NEVER;
    for (uint8_t n = 0; c->ll->n_isos_on && n < c->cfg.iso; n++) {
        const struct iso *s = &c->iso[n];
        uint64_t mine = earlier(s->at, s->lost_at);
        if (s->on) {
            next = earlier(mine, next);
        }
    }
    return next;
}

/* When the first stream or group has something to do; NEVER: none has. */
uint64_t iso_next(const controller *c)
{
    if (!c->ll->n_isos_on) {
        return NEVER; /* a group that is on has streams that are */
    }
    uint64_t streams = iso_streams_next(c), groups = big_next(c);
    return earlier(streams, groups);
}

/* Runs the first stream that is due: the clock calls again for the next. */
static void iso_streams_on_timer(controller *c)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        if (s->on && (s->at <= c->air->now || s->lost_at <= c->air->now)) {
            if (s->kind == ISO_CIS) {
                cis_on_timer(c, s);
            } else {
                bis_on_timer(c, s);
            }
            return;
        }
    }
}

/* A stream is due; else a control subevent, or the end, of a BIG. */
void iso_on_timer(controller *c)
{
    if (iso_streams_next(c) <= c->air->now) {
        iso_streams_on_timer(c);
    } else {
        big_on_timer(c);
    }
}

/* A packet of a stream has left, or of a group's control subevent. */
void iso_on_tx_done(controller *c)
{
    struct iso *s = &c->iso[c->radio.index];
    if (s->kind == ISO_CIS) {
        cis_on_tx_done(c, s);
    } else if (c->radio.packet.aa == s->aa) { /* not a control PDU: it serves no listener */
        s->last_exchange_at = c->air->now;
    }
}

/* Another activity has taken the radio. A packet of a broadcast has been counted already. */
void iso_on_preempt(controller *c)
{
    if (c->iso[c->radio.index].kind != ISO_BIS_OUT) {
        iso_on_rx_timeout(c);
    }
}

/* No packet of the stream began in time. */
void iso_on_rx_timeout(controller *c)
{
    struct iso *s = &c->iso[c->radio.index];
    if (s->kind == ISO_CIS) {
        cis_on_rx_timeout(c, s);
    } else {
        bis_on_rx_timeout(c, s);
    }
}

/* A packet for the stream that listens. */
void iso_on_rx(controller *c, const struct air_packet *f, int8_t rssi)
{
    (void)rssi;
    struct iso *s = &c->iso[c->radio.index];
    if (s->kind == ISO_CIS) {
        cis_on_rx(c, s, f);
    } else {
        bis_on_rx(c, s, f);
    }
}

/* After a hang: all streams continue in their next events. */
void iso_catch_up(controller *c)
{
    big_catch_up(c);
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        struct iso *s = &c->iso[n];
        const struct big *b = NULL;
        if (s->kind != ISO_CIS) {
            b = &c->big[s->group];
        }
        s->subevent = 0;
        while (s->on && (b ? s->event < b->event : s->anchor <= c->air->now)) {
            s->anchor += s->interval * 1250u;
            s->event++;
        }
        if (s->on) {
            s->at = s->anchor;
        } else {
            s->at = NEVER;
        }
    }
}

/* HCI_Reset: all streams and groups are gone; the host gets no events of them. */
void iso_reset(controller *c)
{
    for (uint8_t n = 0; n < c->cfg.iso; n++) {
        c->iso[n].kind = ISO_NONE;
        c->iso[n].on = false;
        c->iso[n].at = c->iso[n].lost_at = NEVER;
    }
    memset(c->big, 0, BIGS * sizeof *c->big);
    c->ll->n_isos_on = 0;
}
