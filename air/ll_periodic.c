/* Periodic advertising: a train of AUX_SYNC_IND at a fixed interval, each perhaps with a chain.
 * It goes on when the set's other advertising has ended.  Vol 6, Part B, 4.4.2.12 */
#include "hci.h"
#include "ll_channels.h"
#include "ll_periodic.h"

enum { UNIT = 30, FAR_UNIT = 300, OFFSETS = 8192, ADJUST_US = 2457600 };

/* Offset base u13, its unit u1, adjust u1, rfu u1; interval u16; channels 37 bits, SCA u3; AA u32;
 * CRCInit u24; event counter u16.  2.3.4.6 */
void sync_info_write(struct wr *out, const struct sync_info *s)
{
    uint32_t offset = s->offset;
    bool adjust = offset >= (uint32_t)OFFSETS * FAR_UNIT;
    offset -= adjust ? ADJUST_US : 0;
    bool far = adjust || offset >= (uint32_t)OFFSETS * UNIT;
    wr_le16(out, (uint16_t)(offset / (far ? FAR_UNIT : UNIT) | (far ? 1u << 13 : 0) |
                            (adjust ? 1u << 14 : 0)));
    wr_le16(out, s->interval);
    wr_bytes(out, s->chm, 4);
    wr_u8(out, (uint8_t)((s->chm[4] & 0x1f) | s->sca << 5));
    wr_le32(out, s->aa);
    wr_le24(out, s->crc_init);
    wr_le16(out, s->counter);
}

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

/* The next event that is `least` away from `from` or more.  One that is too far away to be told of
 * has offset 0. */
struct sync_info train_info(const ctl *c, const struct ll_adv *a, uint64_t from, uint32_t min_u32)
{
    const struct train *t = &a->train;
    uint64_t next = t->next;
    struct sync_info s = { .interval = t->interval,
                           .aa = t->aa,
                           .crc_init = t->crc_init,
                           .counter = t->counter,
                           .sca = ctl_sca(c) };
    while (next < from + min_u32) {
        next += t->interval * 1250u;
        s.counter++;
    }
    unsigned wait = remap_wait(&t->remap, s.counter);
    next += wait * (t->interval * 1250u);
    s.counter = (uint16_t)(s.counter + wait);
    memcpy(s.chm, remap_at(&t->remap, t->chm, s.counter), sizeof s.chm);
    s.offset = next - from < 2 * (uint32_t)ADJUST_US ? (uint32_t)(next - from) : 0;
    return s;
}

uint64_t train_next(const struct ll_adv *a)
{
    const struct train *t = &a->train;
    return !t->on ? NEVER : t->chain_at < t->next ? t->chain_at : t->next;
}

/* It runs from when both it and its set are enabled until it is disabled itself. */
void train_enable(ctl *c, struct ll_adv *a)
{
    struct train *t = &a->train;
    if (!t->enabled) {
        t->on = false;
    } else if (!t->on && a->on && a->extended) {
        t->on = true;
        t->chain_at = NEVER;
        t->next = c->air->now + 1250 + air_random_below(c->air, t->interval * 1250u);
        t->sent_at = c->air->now;
        t->aa = ll_access_address(c);
        t->crc_init = air_random(c->air) & 0xffffff;
        memcpy(t->chm, c->channels, sizeof t->chm);
        t->remap.pending = false;
    }
}

/* Of the AUX_SYNC_IND: the data, and 12 octets of header. */
static uint32_t train_airtime(const struct ll_adv *a)
{
    size_t len = 12u + a->train.len;
    return radio_airtime(len < 255 ? len : 255, a->secondary ? a->secondary : PHY_1M);
}

/* AUX_SYNC_IND: TxPower; AUX_CHAIN_IND: nothing; both AuxPtr if there is more.  2.3.1.9 */
static void train_send(ctl *c, struct ll_adv *a)
{
    struct train *t = &a->train;
    struct ext e = { .has_power = !t->sent && (t->props & PROP_TX_POWER),
                     .power = adv_power(c, a) };
    struct wr pdu = radio_pdu(c);
    uint8_t channel = t->channel, phy = a->secondary ? a->secondary : PHY_1M;
    uint64_t now = c->air->now;
    uint8_t acad[REMAP_ACAD + 2 + BIG_INFO];
    size_t len = t->sent ? 0 : remap_write(&t->remap, acad);
    e.acad = rd_of(acad, t->sent ? 0 : len + big_acad(c, a, now, acad + len));
    e.data = rd_of(a->train.data + t->sent, (size_t)(t->len - t->sent));
    size_t n = ext_write_part(c, &e, phy, (uint8_t)((t->channel + 7) % 37));
    if (e.has_aux) {
        t->chain_at = now + e.aux_offset;
        t->channel = e.aux_channel;
    }
    ext_write(&pdu, ADV_EXT, &e);
    t->sent = (uint16_t)(t->sent + n);
    radio_send(c, FOR_TRAIN, now, channel, t->aa, phy, &pdu);
    c->radio.flight.power = adv_power(c, a);
    c->radio.flight.crc_init = t->crc_init;
    c->radio.flight.kind = KIND_AUX;
    c->radio.link = (uint8_t)(a - c->sets);
}

void train_sent(ctl *c)
{
    c->sets[c->radio.link].train.sent_at = c->air->now;
}

/* Another activity takes the radio: the rest of the chain is not sent. */
void train_cut(ctl *c)
{
    c->sets[c->radio.link].train.chain_at = NEVER;
}

void train_turn(const ctl *c, uint8_t n, struct turn *t)
{
    const struct train *train = &c->sets[n].train;
    if (train->on) {
        *t = (struct turn){ FOR_TRAIN,
                            n,
                            train_next(&c->sets[n]),
                            train->next,
                            train->interval * 1250u,
                            train_airtime(&c->sets[n]) };
    }
}

/* An event of the train, or a packet of its chain. */
void train_due(ctl *c, struct ll_adv *a)
{
    struct train *t = &a->train;
    bool chain = t->chain_at <= c->air->now;
    t->chain_at = NEVER;
    if (!chain) {
        t->sent = 0;
        remap_settle(&t->remap, t->chm, t->counter);
        remap_begin(c, &t->remap, t->chm, t->counter);
        t->channel = csa2_channel(t->aa, t->counter++, t->chm);
        t->next += ctl_after(c, t->interval * 1250u, &t->carry);
    }
    if (radio_claim(c, FOR_TRAIN, (uint8_t)(a - c->sets))) {
        train_send(c, a);
    }
}
