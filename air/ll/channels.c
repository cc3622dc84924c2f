/* Channel map updates without a connection: of periodic advertising, announced in the ACAD of
 * AUX_SYNC_IND; of BIGs, by BIG_CHANNEL_MAP_IND (bis.c). Vol 6, Part B, 4.4.2.12, 5.6.1; CSS, Part
 * A, 1.20
 *
 * Names of other files:
 *   c: the controller
 *   channel_map: the host's channel classification: a bit each, 1: not known to be bad
 *   chm: channel map, a bit each
 *   DATA_CHANNELS: 37: channels 0 to 36 carry data
 *   instant: the connection event at which a change takes effect
 *   pending: of a channel map update: its instant is yet to be reached
 *   remap: a channel map that counts from an instant on: channels.c
 *   REMAP_ACAD: octets of ACAD that an update of the channel map takes */
#include "channels.h"

/* The AD type; events from the begin of an update to its instant. */
enum { AD_CHANNEL_MAP = 0x28, AHEAD = 24 };

/* The specification demands two channels at least. */
bool channels_valid(const uint8_t chm[5])
{
    unsigned n = 0;
    for (unsigned k = 0; k < DATA_CHANNELS; k++) {
        n += chm[k / 8] >> (k % 8) & 1;
    }
    return n >= 2;
}

/* The channel map of an event. */
const uint8_t *remap_at(const struct remap *r, const uint8_t chm[5], uint16_t event)
{
    if (!(r->pending && (int16_t)(uint16_t)(event - r->instant) >= 0)) {
        return chm;
    }
    return r->chm;
}

/* An event begins: from the instant on the new map replaces the old one. */
void remap_settle(struct remap *r, uint8_t chm[5], uint16_t event)
{
    if (remap_at(r, chm, event) == r->chm) {
        memcpy(chm, r->chm, sizeof r->chm);
        r->pending = false;
    }
}

/* How many events later a receiver should begin that gets SyncInfo for this event. SyncInfo does
 * not carry the new map, so shortly before the instant it points behind it. */
unsigned remap_wait(const struct remap *r, uint16_t event)
{
    enum { FEW = 8 };
    uint16_t left = (uint16_t)(r->instant - event);
    if (r->pending && left <= FEW) {
        return left;
    }
    return 0;
}

/* Begins an update if the host's channel classification differs from the map. The instant is
 * further away than the six events required, because a receiver may have other turns. Returns
 * whether it began. */
bool remap_begin(const controller *c, struct remap *r, const uint8_t chm[5], uint16_t event)
{
    if (r->pending || memcmp(chm, c->ll->channel_map, sizeof r->chm) == 0) {
        return false;
    }
    memcpy(r->chm, c->ll->channel_map, sizeof r->chm);
    r->instant = (uint16_t)(event + AHEAD);
    r->pending = true;
    return true;
}

/* Writes Channel Map Update Indication: length u8, type 0x28, channels 5, instant u16. Returns the
 * octets, 0 without an update. */
size_t remap_write(const struct remap *r, uint8_t acad[REMAP_ACAD])
{
    struct wr w = wr_of(acad, REMAP_ACAD);
    if (r->pending) {
        wr_u8(&w, REMAP_ACAD - 1);
        wr_u8(&w, AD_CHANNEL_MAP);
        wr_bytes(&w, r->chm, sizeof r->chm);
        wr_le16(&w, r->instant);
    }
    return wr_len(&w);
}

/* Reads Channel Map Update Indication from the ACAD of an event. */
void remap_read(struct remap *r, struct rd acad, uint16_t event)
{
    while (rd_left(&acad) >= 2) {
        uint8_t len = rd_u8(&acad), type = rd_u8(&acad);
        struct rd in = rd_of(acad.p, len ? len - 1u : 0);
        if (!len || !rd_bytes(&acad, len - 1u)) {
            return;
        }
        uint8_t chm[5];
        rd_copy(&in, chm, sizeof chm);
        uint16_t instant = rd_le16(&in);
        if (type == AD_CHANNEL_MAP && rd_done(&in) && channels_valid(chm) &&
            (int16_t)(uint16_t)(instant - event) > 0) {
            memcpy(r->chm, chm, sizeof chm);
            r->instant = instant;
            r->pending = true;
        }
    }
}
