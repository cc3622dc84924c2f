/* Syncs: listening for each AUX_SYNC_IND of a periodic advertiser when it is expected, and for its
 * chain. Vol 6, Part B, 4.4.3.4, 4.4.5
 *
 * Names of other files:
 *   c: the controller
 *   f: a packet on the air (world.h)
 *   s: a sync (struct sync, ll.h)
 *   ADV_EXT: type of extended advertising PDUs; the channel and their place in a chain say which
 *       they are
 *   advertiser: of a sync: the address of the device that it listens to
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_packet: a packet on the air: world.h
 *   at: us: when the stream's next subevent begins; NEVER: it runs, or the stream is off
 *   aux_channel: channel of the packet that AuxPtr names
 *   aux_offset: us from a packet to the auxiliary packet that it names, in steps of aux_unit
 *   big_on_acad(): reads BIGInfo: may start a group that awaits it
 *   big_on_sync_end(): groups that await BIGInfo from this sync fail
 *   by_host: the sync was begun by the host, else by a peer
 *   carry: the fraction of a us that remains of times by a drifting clock
 *   chain_at: us: the next AUX_CHAIN_IND; NEVER: none
 *   chain_channel: channel of the packet at chain_at
 *   chain_unit: us: that packet may begin so much later
 *   chm: channel map, a bit each
 *   clock_widening(): us by which both clocks may be apart after a time
 *   controller_us_to_air(): a time by the controller's drifting clock, in the air's us
 *   counter: of periodic advertising: event counter of the next event
 *   csa2_channel(): the channel of an event by channel selection algorithm 2
 *   duration_us: of a turn: us for which it needs the radio
 *   established: a packet has been received; until then it is lost after six events
 *   evt_periodic_report(): LE Periodic Advertising Report
 *   evt_sync_established(): reports that the sync is established, or why not
 *   evt_sync_lost(): LE Periodic Advertising Sync Lost
 *   ext_read(): decodes an extended advertising PDU
 *   has_adi: of an extended PDU: ADI is there: did and sid
 *   has_adv: fields of an extended PDU (struct ext) that are there: has_…
 *   has_aux: of an extended PDU: AuxPtr is there, which names the next packet
 *   has_power: of an extended PDU: TxPower is there
 *   has_sync: of an extended PDU: SyncInfo is there
 *   in_chain: the last packet named another one
 *   index: of the connection, stream, sync or set that has the radio
 *   interval_us: of a turn: us from one to the next
 *   last_rx_at: us: the last packet received: the peer's clock is known from then
 *   lost_at: us: the supervision timeout
 *   n_syncs: syncs in use
 *   NEVER: a deadline that does not exist: later than any time
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   PERIODIC_HEAR_US: us that a receiver listens beyond the time at which a packet may begin
 *   periodic_list: the host's list of periodic advertisers, n_periodic_list of them
 *   phase: of a turn: any of its times
 *   radio_claim(): takes the radio for a turn; false: a more urgent activity has it
 *   radio_listen(): listens for packets that begin until a time; then the activity's
 *       on_rx_timeout is called
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   ref: us: when the next event is expected
 *   remap: a channel map that counts from an instant on: channels.c
 *   remap_read(): reads an update from ACAD
 *   remap_settle(): at the instant of an update the new map replaces the old one
 *   reporting: the host wants reports of the sync
 *   sca: class of a sleep clock's accuracy, 0 to 7
 *   skip: events that a sync may leave out after one that it has received
 *   start: of a packet: us: its first bit
 *   sync: a sync with periodic advertising of another device: ll.h
 *   sync_create: the host's LE Periodic Advertising Create Sync, until it has succeeded or is
 *       cancelled
 *   sync_info: where the next event of periodic advertising is: ll.h
 *   SYNCS: syncs, at most
 *   tries: events without a packet so far, until it is established
 *   turn: a turn of an activity: when, how often, for how long
 *   use_list: the list of periodic advertisers decides in the place of one advertiser
 *   widening: us: listening begins so much earlier, for the error of both clocks
 *   window: us: the packet may begin so much later than expected */
#include "host.h"
#include "channels.h"
#include "periodic.h"

enum { TRIES = 6 }; /* events without a packet, after which it is not established */
enum { WHOLE = 0, MORE = 1, CUT = 2 }; /* Data_Status of a report. 7.7.65.15 */

/* An unused sync; its user overwrites it, and sync_begin() sets `used`. NULL: none is left. */
struct sync *sync_free(controller *c)
{
    for (uint8_t n = 0; n < SYNCS; n++) {
        if (!c->sync[n].used) {
            return &c->sync[n];
        }
    }
    return NULL;
}

/* HCI's handle of a sync: its index. */
uint16_t sync_handle(const controller *c, const struct sync *s)
{
    return (uint16_t)(s - c->sync);
}

/* The sync that the host knows by this handle: one that is established. NULL: none. */
struct sync *sync_by_handle(controller *c, uint16_t handle)
{
    if (handle < SYNCS && c->sync[handle].used && c->sync[handle].established) {
        return &c->sync[handle];
    }
    return NULL;
}

/* The sync with this advertiser and SID, established or not; NULL: none. */
struct sync *sync_with(controller *c, const struct address *who, uint8_t sid)
{
    for (uint8_t n = 0; n < SYNCS; n++) {
        struct sync *s = &c->sync[n];
        if (s->used && s->sid == sid && address_equal(&s->advertiser, who)) {
            return s;
        }
    }
    return NULL;
}

/* The entry of the host's list of advertisers; n_periodic_list: there is none. */
uint8_t periodic_list_find(const controller *c, const struct address *who, uint8_t sid)
{
    uint8_t n = 0;
    while (n < c->ll->n_periodic_list &&
           (c->ll->periodic_list[n].sid != sid ||
            !address_equal(&c->ll->periodic_list[n].advertiser, who))) {
        n++;
    }
    return n;
}

/* The host's list has this advertiser with this SID. */
bool periodic_list_has(const controller *c, const struct address *who, uint8_t sid)
{
    return periodic_list_find(c, who, sid) < c->ll->n_periodic_list;
}

/* Sets when listening begins: before the event, by the error of both clocks. 4.2.4 */
static void sync_set_window(const controller *c, struct sync *s)
{
    uint32_t most = s->interval * 625u;
    s->widening = clock_widening(c, s->sca, s->ref - s->last_rx_at);
    s->widening = min_uint(s->widening, most);
    s->at = s->ref - s->widening;
}

/* Plans the event `events` after the last one planned. */
static void sync_plan_event(const controller *c, struct sync *s, uint32_t events)
{
    s->counter = (uint16_t)(s->counter + events);
    remap_settle(&s->remap, s->chm, s->counter);
    s->ref += controller_us_to_air(c, (uint64_t)events * s->interval * 1250u, &s->carry);
    sync_set_window(c, s);
}

/* Begins a sync; `from`: the time from which info->offset counts. */
void sync_begin(controller *c, struct sync *s, const struct sync_info *info, uint64_t from)
{
    s->used = true;
    s->established = s->in_chain = false;
    s->interval = info->interval;
    memcpy(s->chm, info->chm, sizeof s->chm);
    s->aa = info->aa;
    s->crc_init = info->crc_init;
    s->sca = info->sca;
    s->counter = info->counter;
    s->last_rx_at = earlier(from, c->air->now);
    s->window = info->unit;
    s->ref = from + info->offset;
    s->carry = 0;
    s->tries = 0;
    s->chain_at = NEVER;
    s->lost_at = NEVER;
    sync_set_window(c, s);
    if (s->at < c->air->now) { /* the events that are over, all but a few */
        sync_plan_event(c, s, (uint32_t)((c->air->now - s->at) / (s->interval * 1250u)));
    }
    while (s->at <= c->air->now) {
        sync_plan_event(c, s, 1);
    }
    c->ll->n_syncs++;
}

/* Ends a sync, without an event to the host. */
void sync_end(controller *c, struct sync *s)
{
    if (c->radio.owner == ACTIVITY_SYNC && c->radio.index == sync_handle(c, s)) {
        radio_off(c);
    }
    s->used = false;
    c->ll->n_syncs--;
    big_on_sync_end(c, (uint8_t)sync_handle(c, s));
}

/* After a hang: skips the events that are over. */
void sync_catch_up(controller *c)
{
    for (uint8_t n = 0; n < SYNCS; n++) {
        struct sync *s = &c->sync[n];
        s->chain_at = NEVER;
        s->in_chain = false;
        while (s->used && (s->ref <= c->air->now || s->at <= c->air->now || s->at == NEVER)) {
            sync_plan_event(c, s, 1);
        }
    }
}

/* An AUX_ADV_IND that began at `start`: begins a sync, if the host wants one with this SyncInfo.
 * 7.8.67 */
void sync_consider(controller *c, const struct ext *e, uint64_t start)
{
    struct sync *s;
    for (uint8_t n = 0; n < SYNCS; n++) {
        if (c->sync[n].used && c->sync[n].by_host && !c->sync[n].established) {
            return; /* one sync at a time is being established */
        }
    }
    if (!c->ll->sync_create.on || !e->has_sync || !e->sync.offset || !e->has_adv || !e->has_adi ||
        e->sync.interval < 6) {
        return;
    }
    bool wanted;
    if (c->ll->sync_create.use_list) {
        wanted = periodic_list_has(c, &e->adv, e->sid);
    } else {
        wanted = e->sid == c->ll->sync_create.sid &&
                 address_equal(&e->adv, &c->ll->sync_create.advertiser);
    }
    if (!wanted || sync_with(c, &e->adv, e->sid) || (s = sync_free(c)) == NULL) {
        return;
    }
    *s = (struct sync){ .sid = e->sid,
                        .advertiser = e->adv,
                        .skip = c->ll->sync_create.skip,
                        .timeout = c->ll->sync_create.timeout,
                        .phy = c->radio.phy,
                        .reporting = c->ll->sync_create.reporting,
                        .by_host = true };
    sync_begin(c, s, &e->sync, start);
}

/* When the first sync has something to do: listen, or be lost; NEVER: none has. */
uint64_t sync_next(const controller *c)
{
    uint64_t next = NEVER;
    for (uint8_t n = 0; c->ll->n_syncs && n < SYNCS; n++) {
        const struct sync *s = &c->sync[n];
        uint64_t mine = earlier(s->at, s->chain_at);
        mine = earlier(s->lost_at, mine);
        if (s->used) {
            next = earlier(mine, next);
        }
    }
    return next;
}

/* No packet came in six events. */
static void sync_fail(controller *c, struct sync *s)
{
    if (s->by_host) {
        c->ll->sync_create.on = false;
    }
    evt_sync_established(c, s, WOAD_HCI_FAILED_TO_ESTABLISH);
    sync_end(c, s);
}

/* An event without a packet: after the sixth a sync that is not established fails. */
static void sync_missed(controller *c, struct sync *s)
{
    if (!s->established && ++s->tries == TRIES) {
        sync_fail(c, s);
    } else {
        sync_plan_event(c, s, 1);
    }
}

/* A chain ends before its last packet: the host gets a report of truncated data. */
static void sync_chain_lost(controller *c, struct sync *s)
{
    struct ext none = { .has_power = false };
    s->in_chain = false;
    s->chain_at = NEVER;
    evt_periodic_report(c, s, &none, rd_of((const uint8_t *)"", 0), CUT, DBM_UNKNOWN);
}

/* Listens for the event's first packet, or for the next of its chain. Without the radio it is
 * lost. */
static void sync_listen(controller *c, struct sync *s)
{
    bool chain = s->chain_at <= c->air->now;
    bool busy = !radio_claim(c, ACTIVITY_SYNC, (uint8_t)sync_handle(c, s));
    uint8_t channel;
    if (chain) {
        channel = s->chain_channel;
    } else {
        channel = csa2_channel(s->aa, s->counter, s->chm);
    }
    uint64_t until;
    if (chain) {
        until = s->chain_at + s->chain_unit + PERIODIC_HEAR_US;
    } else {
        until = s->ref + s->widening + s->window + PERIODIC_HEAR_US;
    }
    s->chain_at = NEVER;
    if (chain && busy) {
        sync_chain_lost(c, s);
        return;
    }
    if (!chain) {
        s->at = NEVER; /* the event runs; sync_plan_event() plans the next */
        if (s->in_chain) {
            sync_chain_lost(c, s);
        }
        if (busy) {
            sync_missed(c, s);
            return;
        }
    }
    radio_listen(c, ACTIVITY_SYNC, channel, s->aa, s->phy, until);
    c->radio.index = (uint8_t)sync_handle(c, s);
}

/* The next turn of a sync, for the arbiter. *t stays as it is if there is none. */
void sync_turn(const controller *c, uint8_t n, struct turn *t)
{
    const struct sync *s = &c->sync[n];
    if (s->used) {
        *t = (struct turn){ .owner = ACTIVITY_SYNC,
                            .index = n,
                            .at = earlier(s->at, s->chain_at),
                            .phase = s->ref,
                            .interval_us = s->interval * 1250u,
                            .duration_us = radio_airtime(255, s->phy) };
    }
}

/* Does the first thing that is due, of the first sync that has any: the clock calls again. */
void sync_on_timer(controller *c)
{
    for (uint8_t n = 0; n < SYNCS; n++) {
        struct sync *s = &c->sync[n];
        if (s->used && s->lost_at <= c->air->now) {
            evt_sync_lost(c, s);
            sync_end(c, s);
            return;
        }
        if (s->used && (s->at <= c->air->now || s->chain_at <= c->air->now)) {
            sync_listen(c, s);
            return;
        }
    }
}

/* No packet came, or another activity has taken the radio. */
void sync_on_rx_timeout(controller *c)
{
    struct sync *s = &c->sync[c->radio.index];
    if (s->in_chain) {
        sync_chain_lost(c, s);
    } else {
        sync_missed(c, s);
    }
}

/* The first packet of an event: its begin is the new time reference. */
static void sync_on_rx_first(controller *c, struct sync *s, uint64_t start)
{
    bool first = !s->established;
    s->ref = s->last_rx_at = start;
    s->carry = 0;
    s->window = 0;
    s->lost_at = c->air->now + s->timeout * 10000u;
    s->established = true;
    if (first) {
        if (s->by_host) {
            c->ll->sync_create.on = false;
        }
        evt_sync_established(c, s, 0);
    }
    sync_plan_event(c, s, s->skip + 1u);
}

/* A packet of periodic advertising: reported, and the next of its chain is awaited. */
void sync_on_rx(controller *c, const struct air_packet *f, int8_t rssi)
{
    struct sync *s = &c->sync[c->radio.index];
    struct rd pdu = rd_of(f->pdu, f->len);
    struct ext e;
    radio_off(c);
    if (f->len < 2 || (f->pdu[0] & 15) != ADV_EXT || !ext_read(&pdu, &e)) {
        sync_on_rx_timeout(c); /* a real radio would see a wrong CRC */
        return;
    }
    if (!s->in_chain) {
        remap_read(&s->remap, e.acad, s->counter);
        sync_on_rx_first(c, s, f->start);
        big_on_acad(c, s, e.acad, f->start);
    }
    s->in_chain = e.has_aux;
    if (e.has_aux) {
        s->chain_at = f->start + e.aux_offset;
        s->chain_channel = e.aux_channel;
        s->chain_unit = e.aux_unit;
    }
    evt_periodic_report(c, s, &e, e.data, e.has_aux ? MORE : WHOLE, rssi);
}
