/* Broadcast isochronous groups and their streams, sent and received. Vol 6, Part B, 2.1.2, 2.6.2,
 * 2.6.3, 4.4.5.2, 4.4.6; BIGInfo: Vol 6, Part B, 4.4.5.2, Part C 1.2
 *
 * Names of other files:
 *   c: the controller
 *   a: an advertising set (ll.h)
 *   f: a packet on the air (world.h)
 *   s: a stream (struct iso, ll.h)
 *   b: a broadcast isochronous group (struct big, ll.h)
 *   ACTIVITY_NONE: no activity: the radio is off
 *   adv_set: of a group that is sent: the index of its advertising set
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_packet: a packet on the air: world.h
 *   anchor: us: the start of the event
 *   at: us: when the stream's next subevent begins; NEVER: it runs, or the stream is off
 *   awaits_info: of a group that is received: it has no BIGInfo yet
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   big: a broadcast isochronous group: ll.h
 *   BIG_INFO: octets of BIGInfo
 *   big_info: BIGInfo, decoded: ll.h
 *   BIGS: groups of broadcast streams, at most
 *   bn: payloads of an event of a stream
 *   bn_rx: payloads of an event that we receive
 *   bn_tx: payloads of an event that we send
 *   carry: the fraction of a us that remains of times by a drifting clock
 *   channels_valid(): a channel map has two channels at least
 *   clock_widening(): us by which both clocks may be apart after a time
 *   control_at: us: the group's control subevent; NEVER: none
 *   control_channel: channel of that control subevent
 *   controller_us_to_air(): a time by the controller's drifting clock, in the air's us
 *   crc_base: upper half of the CRCInit of a group's streams
 *   csa2_channel(): the channel of an event by channel selection algorithm 2
 *   cssn: number of the last control PDU of a group
 *   DATA_CHANNELS: 37: channels 0 to 36 carry data
 *   duration_us: of a turn: us for which it needs the radio
 *   established: a packet has been received; until then it is lost after six events
 *   evt_big(): reports that the group has begun, or why it has not
 *   evt_big_ended(): reports the end of a group that has begun
 *   evt_big_info(): LE BIGInfo Advertising Report
 *   index: of the connection, stream, sync or set that has the radio
 *   instant: the connection event at which a change takes effect
 *   interval_us: of a turn: us from one to the next
 *   irc: immediate repetition count
 *   is_receiver: of a group: received, not sent
 *   iso_channel(): the channel of a subevent
 *   ISO_CONTROL: LLID of a control PDU
 *   iso_event_begin(): sets tx_done, rx_done, and whether an SDU is sent in this event
 *   iso_event_end(): drops the SDU that was sent in this event, gives the host the one received,
 *       counts event
 *   ISO_HEAR_US: us that a receiver listens beyond the time at which a packet may begin
 *   ISO_NONE: kind of a stream: it is not in use
 *   iso_payload(): the payload of a number, of the SDU that is sent; returns its LLID
 *   iso_payloads(): payloads that an SDU of this length takes
 *   ISO_PDU: octets of the longest payload
 *   ISO_SDU: octets of the longest SDU
 *   ISO_START: LLID of a payload that another one of its SDU follows
 *   iso_stop(): ends a stream's events; buffers go back to the host
 *   iso_take(): takes the next payload of the SDU that is received; counts rx_done
 *   KIND_BIS: kind of a packet, for captures
 *   last_exchange_at: us: the end of the last exchange with the peer, for the arbiter
 *   last_rx_at: us: the last packet received: the peer's clock is known from then
 *   ll_adv: an advertising set: ll.h
 *   ll_bis_access_address(): access address of a group's stream; number 0: of its control subevents
 *   lost_at: us: the supervision timeout
 *   max_sdu: octets of the longest SDU of a group
 *   n_isos_on: streams that are on
 *   n_streams: streams of the group that are in stream[]
 *   NEVER: a deadline that does not exist: later than any time
 *   NO_SYNC_HANDLE: the sync has ended
 *   nse: subevents of an event
 *   num: streams of a group, those included that we do not receive
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   packet: of the radio: the packet that is being sent, or was sent last
 *   pending: of a channel map update: its instant is yet to be reached
 *   phase: of a turn: any of its times
 *   PHY_CODED: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   radio_claim(): takes the radio for a turn; false: a more urgent activity has it
 *   radio_listen(): listens for packets that begin until a time; then the activity's on_rx_timeout
 *       is called
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   radio_pdu(): switches the radio off, and returns where to write the next PDU; radio_send()
 *       sends that
 *   radio_send(): sends at a time; then the activity's on_tx_done is called
 *   remap: a channel map that counts from an instant on: channels.c
 *   remap_at(): the channel map in force at an event
 *   remap_begin(): begins an update if the host's channel classification differs from the map
 *   remap_settle(): at the instant of an update the new map replaces the old one
 *   rx_control: the radio listens for a control PDU of the group
 *   rx_done: payloads of this event that are received
 *   sca: class of a sleep clock's accuracy, 0 to 7
 *   sdu_interval: us from one SDU to the next
 *   seed: of a group: its streams' access addresses are made of it
 *   sending: of periodic advertising: the host wants it, and its set has been enabled once; of a
 *       stream: an SDU is sent in this event
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   spacing: us from one stream of a group to the next
 *   start: of a packet: us: its first bit
 *   sub_interval: us from one subevent to the next
 *   subevent: number of the subevent that runs, or is next, in its event
 *   sync: a sync with periodic advertising of another device: ll.h
 *   sync_delay: us that a stream or a group takes in its interval
 *   terminating: the end is being sent to the peer
 *   tries: events without a packet so far, until it is established
 *   turn_place(): where the arbiter finds room for a new turn: steps of 1.25 ms from its phase
 *   widening: us: listening begins so much earlier, for the error of both clocks
 *   window: us: the packet may begin so much later than expected */
#include "host.h"
#include "channels.h"
#include "iso.h"
#include "periodic.h"

/* CSTF: bit of a header: a control subevent follows in this event.  NO_CSSN: no sequence number, of
 * three bits, equals it: the first control PDU received is new.  4.4.6.7 */
enum { CSTF = 0x20, NO_CSSN = 8, BIG_CHANNEL_MAP_IND = 0, BIG_TERMINATE_IND = 1 };
enum { TRIES = 6 }; /* events: without a packet; until the instant of an end */
enum { UNIT = 30, FAR_UNIT = 300, OFFSETS = 16384 }; /* us; offsets that 14 bits have */
enum { AD_BIG_INFO = 0x2c };
enum { JITTER_US = 2 }; /* of a packet in an event that runs. 4.2.1 */

/* The group that the host knows by this number; NULL: none. */
struct big *big_by_handle(controller *c, uint8_t handle)
{
    for (uint8_t n = 0; n < BIGS; n++) {
        if (c->big[n].used && c->big[n].handle == handle) {
            return &c->big[n];
        }
    }
    return NULL;
}

/* An unused group, all zeros; its user sets `used`. NULL: none is left. */
struct big *big_free(controller *c)
{
    for (uint8_t n = 0; n < BIGS; n++) {
        if (!c->big[n].used) {
            memset(&c->big[n], 0, sizeof c->big[n]);
            c->big[n].control_at = c->big[n].lost_at = NEVER;
            return &c->big[n];
        }
    }
    return NULL;
}

/* The group of a stream. */
static struct big *bis_group(controller *c, const struct iso *s)
{
    return &c->big[s->group];
}

/* The k-th of the group's streams here, from 0. A stream's `id` is its number in BIGInfo, from 1.
 */
static struct iso *bis_of(controller *c, const struct big *b, uint8_t k)
{
    return &c->iso[b->stream[k]];
}

/* Chooses the anchor of a new group's first event. */
uint64_t big_place(const controller *c, const struct big_info *info)
{
    enum { SOON_US = 5000 };
    struct turn mine = { .owner = ACTIVITY_NONE,
                         .phase = c->air->now + SOON_US,
                         .interval_us = info->interval * 1250u,
                         .duration_us = info->num * info->spacing };
    return mine.phase + turn_place(c, &mine, info->interval) * 1250u;
}

/* Starts the streams with the group's next event. */
void big_begin(controller *c, struct big *b)
{
    const struct big_info *info = &b->info;
    b->on = true;
    b->cssn = 0;
    if (b->is_receiver) {
        b->cssn = NO_CSSN;
    }
    for (uint8_t k = 0; k < b->n_streams; k++) {
        struct iso *s = bis_of(c, b, k);
        s->on = true;
        s->nse = info->nse;
        s->bn_tx = s->bn_rx = 0;
        if (b->is_receiver) {
            s->bn_rx = info->bn;
        } else {
            s->bn_tx = info->bn;
        }
        s->max_sdu_tx = s->max_sdu_rx = info->max_sdu;
        s->interval = info->interval;
        s->sub_interval = info->sub_interval;
        s->sync_delay = info->num * info->spacing;
        s->tx_phy = s->rx_phy = info->phy;
        s->aa = ll_bis_access_address(info->seed, s->id);
        s->crc_init = (uint32_t)info->crc_base << 8 | s->id;
        memcpy(s->chm, info->chm, sizeof s->chm);
        s->event = b->event;
        s->anchor = b->anchor + (s->id - 1u) * info->spacing;
        s->at = s->anchor - b->widening;
        s->last_exchange_at = c->air->now;
        c->ll->n_isos_on++;
    }
}

/* Ends a group and its streams, without an event to the host. */
void big_end(controller *c, struct big *b)
{
    for (uint8_t k = 0; k < b->n_streams; k++) {
        struct iso *s = bis_of(c, b, k);
        iso_stop(c, s);
        s->kind = ISO_NONE;
    }
    b->used = b->on = false;
    b->control_at = b->lost_at = NEVER;
}

/* --- BIGInfo ---------------------------------------------------------------------------------- */

/* A field of `bits`, least significant first, at bit `*at`, which moves on. */
static void wr_bits(uint8_t *p, unsigned *at, uint64_t value, unsigned bits)
{
    for (unsigned n = 0; n < bits; n++, ++*at) {
        p[*at / 8] = (uint8_t)(p[*at / 8] | (value >> n & 1) << (*at % 8));
    }
}

/* What wr_bits() has written. */
static uint64_t rd_bits(const uint8_t *p, unsigned *at, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned n = 0; n < bits; n++, ++*at) {
        value |= (uint64_t)(p[*at / 8] >> (*at % 8) & 1) << n;
    }
    return value;
}

/* A channel map as a number, bit n for channel n. */
static uint64_t chm_bits(const uint8_t chm[5])
{
    uint64_t v = 0;
    for (unsigned n = 0; n < 5; n++) {
        v |= (uint64_t)chm[n] << (8 * n);
    }
    return v;
}

/* offset u14, unit u1, interval u12, streams u5; subevents u5, payloads u3, their interval u20,
 * PTO u4; spacing u20, IRC u4, largest PDU u8; rfu u8; seed u32; SDU interval u20, largest SDU
 * u12; CRC base u16; channels u37, PHY u3; payload count u39, framed u1. */
static void big_info_write(const struct big_info *i, uint8_t out[BIG_INFO])
{
    unsigned at = 0;
    bool far = i->offset >= (uint32_t)OFFSETS * UNIT;
    memset(out, 0, BIG_INFO);
    unsigned unit = FAR_UNIT;
    if (!far) {
        unit = UNIT;
    }
    wr_bits(out, &at, i->offset / unit, 14);
    wr_bits(out, &at, far, 1);
    wr_bits(out, &at, i->interval, 12);
    wr_bits(out, &at, i->num, 5);
    wr_bits(out, &at, i->nse, 5);
    wr_bits(out, &at, i->bn, 3);
    wr_bits(out, &at, i->sub_interval, 20);
    wr_bits(out, &at, 0, 4);
    wr_bits(out, &at, i->spacing, 20);
    wr_bits(out, &at, i->irc, 4);
    wr_bits(out, &at, ISO_PDU, 8);
    wr_bits(out, &at, 0, 8);
    wr_bits(out, &at, i->seed, 32);
    wr_bits(out, &at, i->sdu_interval, 20);
    wr_bits(out, &at, i->max_sdu, 12);
    wr_bits(out, &at, i->crc_base, 16);
    wr_bits(out, &at, chm_bits(i->chm), DATA_CHANNELS);
    wr_bits(out, &at, i->phy - 1u, 3);
    wr_bits(out, &at, i->event * i->bn, 39);
}

/* Reads a BIGInfo; false: it makes no sense, or this controller can't receive it. 4.4.5.2 */
static bool big_info_read(struct big_info *i, const uint8_t *p)
{
    unsigned at = 0;
    *i = (struct big_info){ .offset = (uint32_t)rd_bits(p, &at, 14) };
    if (rd_bits(p, &at, 1)) {
        i->unit = FAR_UNIT;
    } else {
        i->unit = UNIT;
    }
    i->offset *= i->unit;
    i->interval = (uint16_t)rd_bits(p, &at, 12);
    i->num = (uint8_t)rd_bits(p, &at, 5);
    i->nse = (uint8_t)rd_bits(p, &at, 5);
    i->bn = (uint8_t)rd_bits(p, &at, 3);
    i->sub_interval = (uint32_t)rd_bits(p, &at, 20);
    uint64_t pto = rd_bits(p, &at, 4);
    i->spacing = (uint32_t)rd_bits(p, &at, 20);
    i->irc = (uint8_t)rd_bits(p, &at, 4);
    rd_bits(p, &at, 16); /* largest PDU, rfu */
    i->seed = (uint32_t)rd_bits(p, &at, 32);
    i->sdu_interval = (uint32_t)rd_bits(p, &at, 20);
    i->max_sdu = (uint16_t)rd_bits(p, &at, 12);
    i->crc_base = (uint16_t)rd_bits(p, &at, 16);
    uint64_t chm = rd_bits(p, &at, DATA_CHANNELS);
    for (unsigned n = 0; n < 5; n++) {
        i->chm[n] = (uint8_t)(chm >> (8 * n));
    }
    i->phy = (uint8_t)(rd_bits(p, &at, 3) + 1);
    uint64_t count = rd_bits(p, &at, 39);
    bool framed = rd_bits(p, &at, 1);
    if (!i->bn || !i->num || !i->nse || i->interval < 4 || i->phy > PHY_CODED || pto || framed ||
        i->max_sdu > ISO_SDU || i->bn != iso_payloads(i->max_sdu) || !i->offset ||
        (uint64_t)i->num * i->spacing > i->interval * 1250u ||
        (uint64_t)i->nse * i->sub_interval > i->interval * 1250u) {
        return false;
    }
    i->event = count / i->bn;
    return true;
}

/* Writes the BIGInfo of a set's group to the ACAD of a packet that begins at `at`: length u8, type
 * 0x2c. Returns the octets, 0 without a group. */
size_t big_acad(const controller *c, const struct ll_adv *a, uint64_t at,
                uint8_t acad[2 + BIG_INFO])
{
    for (uint8_t n = 0; n < BIGS; n++) {
        const struct big *b = &c->big[n];
        if (b->used && b->on && !b->is_receiver && &c->sets[b->adv_set] == a) {
            struct big_info info = b->info;
            uint64_t next = b->anchor;
            info.event = b->event;
            while (next < at + 1000) { /* a receiver needs time to prepare */
                next += info.interval * 1250u;
                info.event++;
            }
            info.offset = (uint32_t)(next - at);
            memcpy(info.chm, remap_at(&b->remap, info.chm, (uint16_t)info.event), sizeof info.chm);
            acad[0] = 1 + BIG_INFO;
            acad[1] = AD_BIG_INFO;
            big_info_write(&info, acad + 2);
            return 2 + BIG_INFO;
        }
    }
    return 0;
}

/* Starts a group that awaits its BIGInfo, from the AUX_SYNC_IND that began at `start`. */
static void big_sync_to(controller *c, struct big *b, const struct big_info *info,
                        const struct sync *sync, uint64_t start)
{
    for (uint8_t k = 0; k < b->n_streams; k++) {
        if (bis_of(c, b, k)->id > info->num) {
            evt_big(c, b, WOAD_HCI_UNSUPPORTED_LL_PARAMETERS);
            big_end(c, b);
            return;
        }
    }
    b->info = *info;
    b->sca = sync->sca;
    b->awaits_info = false;
    b->event = info->event;
    b->anchor = start + info->offset;
    b->window = info->unit;
    b->last_rx_at = start;
    b->widening = clock_widening(c, b->sca, info->offset);
    big_begin(c, b);
}

/* Reads BIGInfo from the ACAD of an AUX_SYNC_IND that began at `start`. */
void big_on_acad(controller *c, const struct sync *sync, struct rd acad, uint64_t start)
{
    while (rd_left(&acad) >= 2) {
        uint8_t len = rd_u8(&acad), type = rd_u8(&acad);
        const uint8_t *p = NULL;
        if (len) {
            p = rd_bytes(&acad, len - 1u);
        }
        struct big_info info;
        if (!p || type != AD_BIG_INFO) {
            continue;
        }
        bool encrypted = len > 1 + BIG_INFO;
        if (len < 1 + BIG_INFO || !big_info_read(&info, p)) {
            return;
        }
        info.encrypted = encrypted;
        evt_big_info(c, (uint16_t)(sync - c->sync), &info);
        for (uint8_t n = 0; n < BIGS; n++) {
            struct big *b = &c->big[n];
            if (!b->used || b->sync != sync - c->sync || encrypted) {
                continue;
            }
            if (b->awaits_info) {
                big_sync_to(c, b, &info, sync, start);
            } else if (b->on && b->is_receiver && !b->remap.pending) {
                memcpy(b->info.chm, info.chm, sizeof info.chm); /* an update may have been missed */
            }
        }
        return;
    }
}

/* --- events ----------------------------------------------------------------------------------- */

/* Plans a control subevent: behind all others of its event, on a channel by the event's counter
 * and map. 4.4.6.7 */
static void big_plan_control(struct big *b, uint64_t anchor, uint64_t event)
{
    const uint8_t *chm = remap_at(&b->remap, b->info.chm, (uint16_t)event);
    uint32_t aa = ll_bis_access_address(b->info.seed, 0);
    b->control_channel = csa2_channel(aa, (uint16_t)event, chm);
    b->control_at = anchor + b->info.num * b->info.spacing;
}

/* A group's next event begins: applies a channel map at its instant, or begins an update. */
static void big_remap(controller *c, struct big *b)
{
    remap_settle(&b->remap, b->info.chm, (uint16_t)b->event);
    if (!b->is_receiver && !b->terminating &&
        remap_begin(c, &b->remap, b->info.chm, (uint16_t)b->event)) {
        b->cssn = (b->cssn + 1) & 7;
        big_plan_control(b, b->anchor, b->event);
    }
}

/* A stream's event has ended: plans the next; the first to end moves the group's anchor on. */
static void bis_plan(controller *c, struct iso *s)
{
    struct big *b = bis_group(c, s);
    iso_event_end(c, s);
    s->subevent = 0;
    if (s->event > b->event) { /* the first stream to end the event */
        b->event = s->event;
        b->anchor += controller_us_to_air(c, s->interval * 1250u, &b->carry);
        if (b->is_receiver) {
            b->widening = clock_widening(c, b->sca, b->anchor - b->last_rx_at);
        } else {
            b->widening = 0;
        }
        big_remap(c, b);
    }
    memcpy(s->chm, remap_at(&b->remap, b->info.chm, (uint16_t)s->event), sizeof s->chm);
    s->anchor = b->anchor + (s->id - 1u) * b->info.spacing;
    s->at = s->anchor - b->widening;
}

/* Ends a subevent and plans the next one, or the next event. */
static void bis_next(controller *c, struct iso *s)
{
    struct big *b = bis_group(c, s);
    bool whole = b->is_receiver && s->rx_done == s->bn_rx;
    s->subevent++;
    if (s->subevent < s->nse && !whole) {
        s->at = s->anchor + s->subevent * s->sub_interval;
        if (b->is_receiver) {
            s->at -= JITTER_US;
        }
        return;
    }
    if (b->is_receiver && !b->established && s == bis_of(c, b, 0) && ++b->tries == TRIES) {
        evt_big(c, b, WOAD_HCI_FAILED_TO_ESTABLISH);
        big_end(c, b);
        return;
    }
    bis_plan(c, s);
}

/* Sends a PDU: LLID u2, CSSN u3, CSTF u1; length u8; payload. */
static void bis_send(controller *c, struct iso *s)
{
    const struct big *b = bis_group(c, s);
    struct wr pdu = radio_pdu(c);
    const uint8_t *data = NULL;
    size_t len = 0;
    uint8_t llid = ISO_START;
    if (s->sending) {
        llid = iso_payload(s, s->subevent % s->bn_tx, &data, &len);
    }
    bool control = b->terminating || b->remap.pending;
    wr_u8(&pdu, (uint8_t)(llid | b->cssn << 2 | (control ? CSTF : 0)));
    wr_u8(&pdu, (uint8_t)len);
    wr_bytes(&pdu, data, len);
    radio_send(c, ACTIVITY_ISO, c->air->now, iso_channel(s, s->subevent), s->aa, s->tx_phy, &pdu);
    c->radio.packet.crc_init = s->crc_init;
    c->radio.packet.kind = KIND_BIS;
    c->radio.index = (uint8_t)(s - c->iso);
}

/* A subevent begins: sends or listens. A sender counts it at once, a receiver when the packet has
 * come or not. */
void bis_on_timer(controller *c, struct iso *s)
{
    struct big *b = bis_group(c, s);
    uint64_t start = s->anchor + s->subevent * s->sub_interval;
    s->at = NEVER;
    if (s->subevent == 0) {
        iso_event_begin(s);
    }
    bool busy = !radio_claim(c, ACTIVITY_ISO, (uint8_t)(s - c->iso));
    if (!b->is_receiver) {
        if (!busy) {
            bis_send(c, s);
        }
        bis_next(c, s);
    } else if (busy) {
        bis_next(c, s);
    } else {
        radio_listen(c, ACTIVITY_ISO, iso_channel(s, s->subevent), s->aa, s->rx_phy,
                     start + (s->subevent ? JITTER_US : b->widening) + b->window + ISO_HEAR_US);
        c->radio.index = (uint8_t)(s - c->iso);
    }
}

/* No packet came, or another activity has taken the radio. */
void bis_on_rx_timeout(controller *c, struct iso *s)
{
    struct big *b = bis_group(c, s);
    if (b->rx_control) {
        b->rx_control = false;
        return;
    }
    bis_next(c, s);
}

/* BIG_CHANNEL_MAP_IND: channels 5, instant u16.  BIG_TERMINATE_IND: reason u8, instant u16.
 * 2.6.3 */
static void big_on_rx_control(struct big *b, uint8_t head, struct rd *in)
{
    uint8_t opcode = rd_u8(in), chm[5];
    b->cssn = head >> 2 & 7;
    if (opcode == BIG_TERMINATE_IND) {
        b->reason = rd_u8(in);
        b->instant = rd_le16(in);
        b->terminating = !in->bad;
    } else if (opcode == BIG_CHANNEL_MAP_IND) {
        rd_copy(in, chm, sizeof chm);
        b->remap.instant = rd_le16(in);
        memcpy(b->remap.chm, chm, sizeof chm);
        b->remap.pending = !in->bad && channels_valid(chm);
    }
}

/* A packet of a stream, or the group's control PDU. Its start is the time of the sender's clock. */
void bis_on_rx(controller *c, struct iso *s, const struct air_packet *f)
{
    struct big *b = bis_group(c, s);
    struct rd in = rd_of(f->pdu, f->len);
    uint8_t head = rd_u8(&in), len = rd_u8(&in);
    bool control = b->rx_control;
    radio_off(c);
    b->rx_control = false;
    if (in.bad || len != rd_left(&in)) {
        if (!control) {
            bis_next(c, s);
        }
        return;
    }
    if (control) {
        big_on_rx_control(b, head, &in);
        return;
    }
    s->anchor = f->start - s->subevent * s->sub_interval;
    uint64_t at = s->anchor - (s->id - 1u) * b->info.spacing;
    b->anchor = at + (b->event - s->event) * (b->info.interval * 1250u);
    b->last_rx_at = s->last_exchange_at = f->start;
    b->carry = 0;
    b->window = 0;
    b->lost_at = c->air->now + b->timeout * 10000u;
    if (!b->established) {
        b->established = true;
        evt_big(c, b, 0);
    }
    if ((head & CSTF) && (head >> 2 & 7) != b->cssn) {
        big_plan_control(b, at - JITTER_US, s->event);
    }
    if (s->subevent % s->bn_rx == s->rx_done) {
        iso_take(s, head & 3, &in);
    }
    bis_next(c, s);
}

/* --- control: the end of a group, and its channel map ----------------------------------------- */

/* The host ends its group: BIG_TERMINATE_IND is sent in each event until the instant. 5.6.2 */
void big_terminate(controller *c, struct big *b, uint8_t reason)
{
    (void)c;
    b->terminating = true;
    b->reason = reason;
    b->cssn = (b->cssn + 1) & 7;
    b->instant = (uint16_t)(b->event + TRIES);
    big_plan_control(b, b->anchor, b->event);
}

/* When the first group has something to do: control, loss, or an end that is due; NEVER: none
 * has. */
uint64_t big_next(const controller *c)
{
    uint64_t next = NEVER;
    for (uint8_t n = 0; n < BIGS; n++) {
        const struct big *b = &c->big[n];
        if (b->used && b->on) {
            next = earlier(b->control_at, next);
            next = earlier(b->lost_at, next);
            uint64_t ends = NEVER;
            if (b->terminating && (int16_t)((uint16_t)b->event - b->instant) >= 0) {
                ends = c->air->now;
            }
            next = earlier(ends, next);
        }
    }
    return next;
}

/* BIG_TERMINATE_IND: reason u8, instant u16. BIG_CHANNEL_MAP_IND: map 5, instant u16. 2.6.3 */
static void big_control_write(struct wr *pdu, const struct big *b)
{
    wr_u8(pdu, (uint8_t)(ISO_CONTROL | b->cssn << 2 | CSTF));
    if (b->terminating) {
        wr_u8(pdu, 4);
        wr_u8(pdu, BIG_TERMINATE_IND);
        wr_u8(pdu, b->reason);
        wr_le16(pdu, b->instant);
    } else {
        wr_u8(pdu, 8);
        wr_u8(pdu, BIG_CHANNEL_MAP_IND);
        wr_bytes(pdu, b->remap.chm, sizeof b->remap.chm);
        wr_le16(pdu, b->remap.instant);
    }
}

/* The control subevent of an event: sends what is to be sent, or listens. */
static void big_control(controller *c, struct big *b)
{
    uint32_t aa = ll_bis_access_address(b->info.seed, 0);
    uint8_t channel = b->control_channel;
    uint64_t now = c->air->now;
    b->control_at = NEVER;
    if (!b->is_receiver && !b->terminating && !b->remap.pending) {
        return; /* the instant has passed */
    }
    if (!b->is_receiver) { /* all streams have counted this event */
        big_plan_control(b, b->anchor, b->event);
    }
    if (!radio_claim(c, ACTIVITY_ISO, b->stream[0])) {
        return;
    }
    if (b->is_receiver) {
        radio_listen(c, ACTIVITY_ISO, channel, aa, b->info.phy, now + 2 * JITTER_US + ISO_HEAR_US);
        b->rx_control = true;
    } else {
        struct wr pdu = radio_pdu(c);
        big_control_write(&pdu, b);
        radio_send(c, ACTIVITY_ISO, now, channel, aa, b->info.phy, &pdu);
        c->radio.packet.crc_init = (uint32_t)b->info.crc_base << 8;
        c->radio.packet.kind = KIND_BIS;
    }
    c->radio.index = b->stream[0];
}

/* After a hang: groups continue in their next events. */
void big_catch_up(controller *c)
{
    for (uint8_t n = 0; n < BIGS; n++) {
        struct big *b = &c->big[n];
        bool control = b->control_at != NEVER && !b->is_receiver;
        while (b->used && b->on && b->anchor <= c->air->now) {
            b->anchor += b->info.interval * 1250u;
            b->event++;
        }
        b->control_at = NEVER;
        if (b->used && b->on && control) {
            big_plan_control(b, b->anchor, b->event);
        }
    }
}

/* A sync has ended. A receiver that has its BIGInfo continues; one that awaits it fails. */
void big_on_sync_end(controller *c, uint8_t sync)
{
    for (uint8_t n = 0; n < BIGS; n++) {
        struct big *b = &c->big[n];
        if (b->used && b->is_receiver && b->sync == sync) {
            b->sync = NO_SYNC_HANDLE;
            if (b->awaits_info) {
                evt_big(c, b, WOAD_HCI_FAILED_TO_ESTABLISH);
                big_end(c, b);
            }
        }
    }
}

/* Does the first thing that is due: ends a group, or runs its control subevent. */
void big_on_timer(controller *c)
{
    for (uint8_t n = 0; n < BIGS; n++) {
        struct big *b = &c->big[n];
        bool over =
            b->used && b->on && b->terminating && (int16_t)((uint16_t)b->event - b->instant) >= 0;
        if (over || (b->used && b->lost_at <= c->air->now)) {
            uint8_t reason = WOAD_HCI_CONNECTION_TIMEOUT;
            if (over) {
                reason = b->reason;
            }
            evt_big_ended(c, b, reason);
            big_end(c, b);
            return;
        }
        if (b->used && b->control_at <= c->air->now) {
            big_control(c, b);
            return;
        }
    }
}
