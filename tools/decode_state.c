/* The decoder's memory: connections, their channels, attributes of servers.  All of it has a
 * limit: a recording of strangers cannot fill the memory.
 *
 * Names of other files:
 *   attribute: an attribute of a device: handle and type
 *   conn_count: of the decoder: connections in `conns`
 *   database_count: of the decoder: databases
 *   databases: of the decoder: attributes of devices that are known
 *   partial: a PDU that arrives in parts: `len` octets of `whole`
 *   peer_cid: of a channel: the number of its other half
 *   RECORD_AIR: kind of a record: a packet on the air
 *   sdu: of a channel: an SDU of which parts are missing
 *   SIDE_A: side of a connection: in a log the host, on the air the central
 *   SIDE_B: the other side of a connection
 *   SN_NONE: of a connection on the air, in `sn`: there was no packet yet
 *   source: of a record: number of its source
 *   uuid_len: of an attribute, of a request: octets of its type; 0: none is known
 *   whole: of a PDU in parts: its octets, 0: none is under way; of a record: octets that the packet
 *       had */
#include "decode.h"

#include <stdlib.h>

/* How many are kept, at most; octets of the longest PDU. */
enum { CONNS_MAX = 512, DATABASES_MAX = 512, CHANNELS_MAX = 256, PARTIAL_MAX = 65536 + 6 };

/* A PDU that is longer than PARTIAL_MAX counts as no memory. */
bool partial_add(struct partial *p, const uint8_t *octets, size_t len)
{
    if (len > p->whole - p->len) {
        len = p->whole - p->len;
    }
    if (!p->octets) {
        p->octets = malloc(PARTIAL_MAX);
    }
    if (!p->octets || p->whole > PARTIAL_MAX) {
        partial_end(p);
        return false;
    }
    if (len) {
        memcpy(p->octets + p->len, octets, len);
    }
    p->len += len;
    return true;
}

/* The next one may begin. */
void partial_end(struct partial *p)
{
    free(p->octets);
    *p = (struct partial){ 0 };
}

/* --- channels ------------------------------------------------------------------------------------
 */

/* By the side and its number. */
struct channel *channel_find(struct conn *c, unsigned side, uint16_t cid)
{
    struct channel *channel = c->channels;
    while (channel && (channel->side != side || channel->cid != cid)) {
        channel = channel->next;
    }
    return channel;
}

/* A former one of that number is forgotten. */
struct channel *channel_add(struct conn *c, unsigned side, uint16_t cid)
{
    size_t count = 0;
    channel_remove(c, side, cid);
    for (struct channel *each = c->channels; each; each = each->next) {
        count++;
    }
    struct channel *channel = NULL;
    if (count < CHANNELS_MAX) {
        channel = calloc(1, sizeof *channel);
    }
    if (channel) {
        channel->side = side;
        channel->cid = cid;
        channel->next = c->channels;
        c->channels = channel;
    }
    return channel;
}

/* Forgets one half of a channel; returns the number of the other, 0: it is not known. */
static uint16_t channel_drop(struct conn *c, unsigned side, uint16_t cid)
{
    for (struct channel **at = &c->channels; *at; at = &(*at)->next) {
        struct channel *channel = *at;
        if (channel->side == side && channel->cid == cid) {
            uint16_t peer = channel->peer_cid;
            *at = channel->next;
            partial_end(&channel->sdu);
            free(channel);
            return peer;
        }
    }
    return 0;
}

/* Forgets both halves. */
void channel_remove(struct conn *c, unsigned side, uint16_t cid)
{
    uint16_t peer = channel_drop(c, side, cid);
    if (peer) {
        channel_drop(c, !side, peer);
    }
}

/* --- connections ---------------------------------------------------------------------------------
 */

/* Frees a connection that is in no list. */
static void conn_free(struct conn *c)
{
    while (c->channels) {
        channel_drop(c, c->channels->side, c->channels->cid);
    }
    partial_end(&c->pdu[SIDE_A]);
    partial_end(&c->pdu[SIDE_B]);
    free(c);
}

/* Numbers of different sources, and of HCI and the air, are different connections. */
struct conn *conn_find(struct decoder *d, uint32_t id)
{
    bool on_air = d->record->kind == RECORD_AIR;
    struct conn *c = d->conns;
    while (c && (c->id != id || c->source != d->record->source || c->on_air != on_air)) {
        c = c->next;
    }
    return c;
}

/* Forgets one: the given, or the oldest if it is NULL. */
static void conn_forget(struct decoder *d, const struct conn *which)
{
    for (struct conn **at = &d->conns; *at; at = &(*at)->next) {
        struct conn *c = *at;
        if (c == which || (!which && !c->next)) {
            *at = c->next;
            d->conn_count--;
            if (d->conn == c) {
                d->conn = NULL;
            }
            conn_free(c);
            return;
        }
    }
}

/* If there are too many, the oldest is forgotten. */
struct conn *conn_get(struct decoder *d, uint32_t id, bool fresh)
{
    struct conn *c = conn_find(d, id);
    if (c && !fresh) {
        return c;
    }
    if (c) {
        conn_forget(d, c);
    } else if (d->conn_count == CONNS_MAX) {
        conn_forget(d, NULL);
    }
    c = calloc(1, sizeof *c);
    if (c) {
        c->id = id;
        c->source = d->record->source;
        c->on_air = d->record->kind == RECORD_AIR;
        c->sn[SIDE_A] = c->sn[SIDE_B] = SN_NONE;
        c->next = d->conns;
        d->conns = c;
        d->conn_count++;
    }
    return c;
}

/* --- attributes ----------------------------------------------------------------------------------
 */

/* Finds or makes the database of the device's attributes, too. */
void conn_device(struct decoder *d, struct conn *c, unsigned side, const uint8_t *address,
                 unsigned type)
{
    uint8_t device[7];
    memset(device, 0xff, sizeof device);
    if (address) {
        memcpy(device, address, 6);
        device[6] = (uint8_t)type;
    }
    memcpy(c->device[side], device, sizeof device);
    struct database *base = d->databases;
    while (base &&
           (base->source != c->source || memcmp(base->device, device, sizeof device) != 0)) {
        base = base->next;
    }
    if (!base && d->database_count < DATABASES_MAX) {
        base = calloc(1, sizeof *base);
        if (base) {
            base->source = c->source;
            memcpy(base->device, device, sizeof device);
            base->next = d->databases;
            d->databases = base;
            d->database_count++;
        }
    }
    c->database[side] = base;
}

/* Where the handle is, or would be. */
static size_t attribute_at(const struct database *base, uint16_t handle)
{
    size_t low = 0, high = base->attributes;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (base->attribute[middle].handle < handle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Inserts the attribute in the order of handles; without memory it stays unknown. */
void conn_note_attribute(struct conn *c, unsigned side, uint16_t handle, const uint8_t *uuid,
                         size_t len)
{
    struct database *base = c->database[side];
    if (!base || (len != 2 && len != 16)) {
        return;
    }
    size_t at = attribute_at(base, handle);
    if (at == base->attributes || base->attribute[at].handle != handle) {
        struct attribute *more = base->attribute;
        if (base->attributes % 16 == 0) {
            more = realloc(more, (base->attributes + 16) * sizeof *more);
        }
        if (!more) {
            return;
        }
        base->attribute = more;
        memmove(more + at + 1, more + at, (base->attributes - at) * sizeof *more);
        base->attributes++;
    }
    struct attribute *a = &base->attribute[at];
    *a = (struct attribute){ .handle = handle, .uuid_len = (uint8_t)len };
    memcpy(a->uuid, uuid, len);
}

/* Known if conn_note_attribute() has noted it. */
const struct attribute *conn_attribute(const struct conn *c, unsigned side, uint16_t handle)
{
    const struct database *base = c->database[side];
    if (base) {
        size_t at = attribute_at(base, handle);
        if (at < base->attributes && base->attribute[at].handle == handle) {
            return &base->attribute[at];
        }
    }
    return NULL;
}

/* Frees connections and databases. */
void decode_free(struct decoder *d)
{
    while (d->conns) {
        conn_forget(d, d->conns);
    }
    while (d->databases) {
        struct database *base = d->databases;
        d->databases = base->next;
        free(base->attribute);
        free(base);
    }
    d->database_count = 0;
}
