/* Periodic advertising of a set: AUX_SYNC_IND at a fixed interval, each with a chain if its data
 * are long. It continues when the set's other advertising ends. Vol 6, Part B, 4.4.2.12
 *
 * Names of other files:
 *   c: the controller
 *   a: an advertising set (ll.h)
 *   ADV_EXT: type of extended advertising PDUs; the channel and their place in a chain say which
 *       they are
 *   adv_secondary(): the PHY of the set's secondary channels
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_random(): the next number of the world's random sequence
 *   air_random_below(): a random number, less than this one
 *   aux_channel: channel of the packet that AuxPtr names
 *   aux_offset: us from a packet to the auxiliary packet that it names, in steps of aux_unit
 *   big_acad(): writes BIGInfo of the set's group; returns the octets, 0: it has none
 *   BIG_INFO: octets of BIGInfo
 *   carry: the fraction of a us that remains of times by a drifting clock
 *   chain_at: us: the next AUX_CHAIN_IND; NEVER: none
 *   channel_map: the host's channel classification: a bit each, 1: not known to be bad
 *   chm: channel map, a bit each
 *   controller_sca(): class of the controller's sleep clock accuracy
 *   controller_us_to_air(): a time by the controller's drifting clock, in the air's us
 *   counter: of periodic advertising: event counter of the next event
 *   csa2_channel(): the channel of an event by channel selection algorithm 2
 *   DATA_CHANNELS: 37: channels 0 to 36 carry data
 *   duration_us: of a turn: us for which it needs the radio
 *   enabled: of periodic advertising: by the host
 *   ext_write(): writes header, payload, and as much data as fits; returns how much
 *   ext_write_part(): shortens data to one packet; if there is more, sets has_aux and its fields
 *   has_aux: of an extended PDU: AuxPtr is there, which names the next packet
 *   has_power: of an extended PDU: TxPower is there
 *   index: of the connection, stream, sync or set that has the radio
 *   interval_us: of a turn: us from one to the next
 *   KIND_AUX: kind of a packet, for captures: on a secondary channel
 *   last_sent_at: us: the end of the last packet sent, for the arbiter
 *   ll_access_address(): a random access address that fits the rules and is not in use
 *   ll_adv: an advertising set: ll.h
 *   NEVER: a deadline that does not exist: later than any time
 *   next_at: us: the next AUX_SYNC_IND
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   packet: of the radio: the packet that is being sent, or was sent last
 *   pending: of a channel map update: its instant is yet to be reached
 *   periodic: periodic advertising of a set
 *   periodic_adv: periodic advertising of a set: ll.h
 *   phase: of a turn: any of its times
 *   PROP_TX_POWER: PROP_…: bits of the properties of an advertising set or report
 *   radio_airtime(): us of a packet with so many octets of PDU, its header included
 *   radio_claim(): takes the radio for a turn; false: a more urgent activity has it
 *   radio_pdu(): switches the radio off, and returns where to write the next PDU; radio_send()
 *       sends that
 *   radio_send(): sends at a time; then the activity's on_tx_done is called
 *   remap: a channel map that counts from an instant on: channels.c
 *   REMAP_ACAD: octets of ACAD that an update of the channel map takes
 *   remap_at(): the channel map in force at an event
 *   remap_begin(): begins an update if the host's channel classification differs from the map
 *   remap_settle(): at the instant of an update the new map replaces the old one
 *   remap_wait(): events by which SyncInfo must point further ahead, beyond an instant that is near
 *   remap_write(): writes the update to ACAD; returns the octets, 0: there is none
 *   sca: class of a sleep clock's accuracy, 0 to 7
 *   sending: of periodic advertising: the host wants it, and its set has been enabled once; of a
 *       stream: an SDU is sent in this event
 *   sent_len: octets of the data that are in packets so far
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   sync_info: where the next event of periodic advertising is: ll.h
 *   turn: a turn of an activity: when, how often, for how long */
#include "host.h"
#include "channels.h"
#include "periodic.h"

/* SyncInfo's offset has OFFSETS values (13 bits) of UNIT us, or of FAR_UNIT us where they do not
 * reach; beyond that, the adjust bit adds ADJUST_US. */
enum { UNIT = 30, FAR_UNIT = 300, OFFSETS = 8192, ADJUST_US = 2457600 };

/* Offset base u13, its unit u1, adjust u1, rfu u1; interval u16; channels 37 bits, SCA u3; AA u32;
 * CRCInit u24; event counter u16.  2.3.4.6 */
void sync_info_write(struct wr *out, const struct sync_info *s)
{
    uint32_t offset = s->offset;
    bool adjust = offset >= (uint32_t)OFFSETS * FAR_UNIT;
    if (adjust) {
        offset -= ADJUST_US;
    }
    bool far = adjust || offset >= (uint32_t)OFFSETS * UNIT;
    offset /= far ? FAR_UNIT : UNIT;
    wr_le16(out, (uint16_t)(offset | (unsigned)far << 13 | (unsigned)adjust << 14));
    wr_le16(out, s->interval);
    wr_bytes(out, s->chm, 4);
    wr_u8(out, (uint8_t)((s->chm[4] & 0x1f) | s->sca << 5));
    wr_le32(out, s->aa);
    wr_le24(out, s->crc_init);
    wr_le16(out, s->counter);
}

/* SyncInfo: see sync_info_write(). */
struct sync_info sync_info_read(struct rd *in)
{
    struct sync_info s = { .offset = 0 };
    uint16_t first = rd_le16(in);
    s.unit = first >> 13 & 1 ? FAR_UNIT : UNIT;
    s.offset = (first & 0x1fffu) * s.unit + (first >> 14 & 1 ? ADJUST_US : 0);
    s.interval = rd_le16(in);
    rd_copy(in, s.chm, 5);
    s.sca = s.chm[4] >> 5;
    s.chm[4] &= 0x1f;
    s.aa = rd_le32(in);
    s.crc_init = rd_le24(in);
    s.counter = rd_le16(in);
    return s;
}

/* The SyncInfo of the first event that begins `min_us` or more after `from`. The offset is 0 if
 * that is too far away to be coded. */
struct sync_info periodic_adv_sync_info(const controller *c, const struct ll_adv *a, uint64_t from,
                                        uint32_t min_us)
{
    const struct periodic_adv *t = &a->periodic;
    uint64_t next = t->next_at;
    struct sync_info s = { .interval = t->interval,
                           .aa = t->aa,
                           .crc_init = t->crc_init,
                           .counter = t->counter,
                           .sca = controller_sca(c) };
    while (next < from + min_us) {
        next += t->interval * 1250u;
        s.counter++;
    }
    unsigned wait = remap_wait(&t->remap, s.counter);
    next += wait * (t->interval * 1250u);
    s.counter = (uint16_t)(s.counter + wait);
    memcpy(s.chm, remap_at(&t->remap, t->chm, s.counter), sizeof s.chm);
    s.offset = 0;
    if (next - from < 2 * (uint32_t)ADJUST_US) {
        s.offset = (uint32_t)(next - from);
    }
    return s;
}

/* When the set's next packet is sent; NEVER: it does not send. */
uint64_t periodic_adv_next(const struct ll_adv *a)
{
    const struct periodic_adv *t = &a->periodic;
    if (!t->sending) {
        return NEVER;
    }
    return earlier(t->chain_at, t->next_at);
}

/* Called when the set or its periodic advertising is enabled or disabled. It is sent from when
 * both have been enabled until it is disabled itself. */
void periodic_adv_enable(controller *c, struct ll_adv *a)
{
    struct periodic_adv *t = &a->periodic;
    if (!t->enabled) {
        t->sending = false;
    } else if (!t->sending && a->on && a->extended) {
        t->sending = true;
        t->chain_at = NEVER;
        t->next_at = c->air->now + 1250 + air_random_below(c->air, t->interval * 1250u);
        t->last_sent_at = c->air->now;
        t->aa = ll_access_address(c);
        t->crc_init = air_random(c->air) & 0xffffff;
        memcpy(t->chm, c->ll->channel_map, sizeof t->chm);
        t->remap.pending = false;
    }
}

enum { CHAIN_HOP = 7 }; /* channels from a packet of a chain to the next: any will do */

/* How long an AUX_SYNC_IND lasts: 12 octets of header, and the data. */
static uint32_t periodic_adv_airtime(const struct ll_adv *a)
{
    size_t len = 12u + a->periodic.len;
    return radio_airtime(min_uint((unsigned)len, 255), adv_secondary(a));
}

/* Sends the next packet. AUX_SYNC_IND: TxPower; AUX_CHAIN_IND: no fields; both AuxPtr if there is
 * more. 2.3.1.9 */
static void periodic_adv_send(controller *c, struct ll_adv *a)
{
    struct periodic_adv *t = &a->periodic;
    struct ext e = { .has_power = !t->sent_len && (t->props & PROP_TX_POWER),
                     .power = adv_power(c, a) };
    struct wr pdu = radio_pdu(c);
    uint8_t channel = t->channel, phy = adv_secondary(a);
    uint64_t now = c->air->now;
    uint8_t acad[REMAP_ACAD + 2 + BIG_INFO];
    size_t len = 0;
    if (!t->sent_len) {
        len = remap_write(&t->remap, acad);
        len += big_acad(c, a, now, acad + len);
    }
    e.acad = rd_of(acad, len);
    e.data = rd_of(a->periodic.data + t->sent_len, (size_t)(t->len - t->sent_len));
    size_t n = ext_write_part(c, &e, phy, (uint8_t)((t->channel + CHAIN_HOP) % DATA_CHANNELS));
    if (e.has_aux) {
        t->chain_at = now + e.aux_offset;
        t->channel = e.aux_channel;
    }
    ext_write(&pdu, ADV_EXT, &e);
    t->sent_len = (uint16_t)(t->sent_len + n);
    radio_send(c, ACTIVITY_PERIODIC_ADV, now, channel, t->aa, phy, &pdu);
    c->radio.packet.power = adv_power(c, a);
    c->radio.packet.crc_init = t->crc_init;
    c->radio.packet.kind = KIND_AUX;
    c->radio.index = (uint8_t)(a - c->sets);
}

/* A packet has left.  The next is due at chain_at or next_at. */
void periodic_adv_on_tx_done(controller *c)
{
    c->sets[c->radio.index].periodic.last_sent_at = c->air->now;
}

/* Another activity has taken the radio: the rest of the chain is not sent. */
void periodic_adv_on_preempt(controller *c)
{
    c->sets[c->radio.index].periodic.chain_at = NEVER;
}

/* The next turn of a set's periodic advertising, for the arbiter. *t stays as it is if there is
 * none. */
void periodic_adv_turn(const controller *c, uint8_t n, struct turn *t)
{
    const struct periodic_adv *p = &c->sets[n].periodic;
    if (p->sending) {
        *t = (struct turn){ .owner = ACTIVITY_PERIODIC_ADV,
                            .index = n,
                            .at = periodic_adv_next(&c->sets[n]),
                            .phase = p->next_at,
                            .interval_us = p->interval * 1250u,
                            .duration_us = periodic_adv_airtime(&c->sets[n]) };
    }
}

/* Begins an event, or sends the next packet of its chain. Without the radio it is left out. */
void periodic_adv_on_timer(controller *c, struct ll_adv *a)
{
    struct periodic_adv *t = &a->periodic;
    bool chain = t->chain_at <= c->air->now;
    t->chain_at = NEVER;
    if (!chain) {
        t->sent_len = 0;
        remap_settle(&t->remap, t->chm, t->counter);
        remap_begin(c, &t->remap, t->chm, t->counter);
        t->channel = csa2_channel(t->aa, t->counter++, t->chm);
        t->next_at += controller_us_to_air(c, t->interval * 1250u, &t->carry);
    }
    if (radio_claim(c, ACTIVITY_PERIODIC_ADV, (uint8_t)(a - c->sets))) {
        periodic_adv_send(c, a);
    }
}
