/* The arbiter: which activity of a controller has the radio.  All that is timed goes through
 * radio_claim(): connection events, subevents of isochronous streams, periodic advertising and
 * synchronisation with it.  Vol 6, Part B, 4.5.2, 4.5.12, 4.5.13, 4.4.2.12
 *
 * Each activity has an urgency, from 1 to URGENCY_MAX.  It grows with the time since the activity
 * was served: since the end of its last exchange, of the last packet received where it only
 * listens, of the last packet sent where it only sends.  That time is measured in turns of the
 * activity and in its supervision timeout; the larger of both counts.  Both sides of a connection
 * measure the same time, so they agree on which connection is the more urgent one, and meet.
 *
 * A connection whose event is the last before its supervision timeout is above all else, and with
 * few events left it is above a connectable advertising event.
 *
 * An activity whose turn comes takes the radio if it is free, or if its urgency is greater than
 * that of the activity that has it; where one of the two is a broadcast, lots decide.  An activity
 * that loses the radio is planned anew by its own file: it misses this turn, nothing else.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   s: a stream (struct iso, ll.h)
 *   b: a broadcast isochronous group (struct big, ll.h)
 *   aa: access address
 *   activities: of a controller: the functions of each activity
 *   ACTIVITY_NONE: no activity: the radio is off
 *   adv_connectable(): connections can be made through the set
 *   adv_now: the advertising set that has the radio, or had it last
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   big: a broadcast isochronous group: ll.h
 *   big_next(): when the first group has something to do besides its streams; NEVER: none has
 *   cfg: what the program gave when it made the controller, or the air:
 *       woad_air_controller_config
 *   close_reason: the connection ends after this event, for this reason; 0: it goes on
 *   confirmed_at: us: the last exchange that the peer has for certain
 *   connect_ind_out: CONNECT_IND is on its way
 *   connect_req_out: AUX_CONNECT_REQ is on its way, or its response is awaited
 *   duration_us: of a turn: us for which it needs the radio
 *   established: a packet has been received; until then it is lost after six events
 *   group: of a CIS: its CIG; of a BIS: the index of its group
 *   index: of the connection, stream, sync or set that has the radio
 *   info: of a group: its BIGInfo
 *   instant_procedure: P_… that takes effect at the connection event `instant`; 0: none
 *   interval_us: of a turn: us from one to the next
 *   ISO_BIS_IN: kind of a stream: broadcast, received
 *   ISO_BIS_OUT: kind of a stream: broadcast, sent
 *   ISO_CIS: kind of a stream: connected
 *   LAST_EVENTS: with fewer events left, a connection gives up a turn to another turn only
 *   last_exchange_at: us: the end of the last exchange with the peer, for the arbiter
 *   last_rx_at: us: the last packet received: the peer's clock is known from then
 *   last_sent_at: us: the end of the last packet sent, for the arbiter
 *   link_events_left(): connection events until the supervision timeout
 *   link_silence_limit(): us without a packet after which the connection is lost
 *   link_turn(): writes a connection's next turn; *t stays as it is if it has none
 *   lot: of the turn that has the radio: see lot_of()
 *   n_controls: control PDUs that wait to be sent
 *   NEVER: a deadline that does not exist: later than any time
 *   on_preempt: of an activity: another one takes the radio; called after radio_off()
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   periodic_adv: periodic advertising of a set: ll.h
 *   phase: of a turn: any of its times
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   scan_abort(): ends what the scanner has begun; scan_resume() goes on when the radio is free
 *   seed: of a group: its streams' access addresses are made of it
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   skip: events that a sync may leave out after one that it has received
 *   state: of the radio: RADIO_OFF; RADIO_WAIT: a packet is to be sent; RADIO_TX; RADIO_RX: it
 *       listens
 *   subrate_ind_out: LL_SUBRATE_IND is not acknowledged: the peer may have it or not
 *   supervision: 10 ms: the supervision timeout
 *   sync: a sync with periodic advertising of another device: ll.h
 *   SYNCS: syncs, at most
 *   tries: events without a packet so far, until it is established
 *   turn: a turn of an activity: when, how often, for how long
 *   unacked: the last packet has been sent and not acknowledged
 *   unconfirmed: the peer may not have got the last exchange */
#include "iso.h"
#include "periodic.h"

/* URGENCY_MAX: an activity that will be lost next.  URGENCY_MAX_BY_TURNS: as far as missed turns
 * alone can raise it.  URGENCY_HELD: scanning or advertising, in the middle of creating a
 * connection. URGENCY_CLOSING: an end that the host has commanded.  URGENCY_LAST_EVENT is added in
 * the last event before the supervision timeout. */
enum { URGENCY_MAX = 1024, URGENCY_MAX_BY_TURNS = 512, URGENCY_HELD = 640, URGENCY_CLOSING = 2048 };
enum { URGENCY_LAST_EVENT = 4096 };
/* Turns without service after which missed turns count fully (URGENCY_MAX_BY_TURNS). */
enum { LINK_TURNS = 8, ISO_TURNS = 16, PERIODIC_ADV_TURNS = 6, SYNC_TURNS = 8, LOT_TURNS = 8 };

/* Not established: the more of the six events have passed, the more urgent, up to URGENCY_MAX. */
static uint32_t urgency_of_try(uint8_t tries)
{
    enum { TRIES = 6, AHEAD = 2 };
    return (tries + AHEAD) * (uint32_t)URGENCY_MAX / (TRIES + AHEAD);
}

/* The urgency after `idle_us`, 1 to URGENCY_MAX. `turns_us`: the time of the turns after which it
 * is as urgent as turns alone can make it; `limit_us`: the supervision timeout, 0: there is none.
 */
static uint32_t urgency_of(uint64_t idle_us, uint64_t turns_us, uint64_t limit_us)
{
    uint64_t turns = idle_us * URGENCY_MAX_BY_TURNS / turns_us;
    uint64_t used = 0;
    if (limit_us) {
        used = idle_us * URGENCY_MAX / limit_us;
    }
    if (turns > URGENCY_MAX_BY_TURNS) {
        turns = URGENCY_MAX_BY_TURNS;
    }
    if (used < turns) {
        used = turns;
    }
    if (used >= URGENCY_MAX) {
        return URGENCY_MAX;
    }
    return (uint32_t)used + 1;
}

/* How long an activity that was served at `served_at` has waited at `at`. */
static uint64_t idle_since(uint64_t served_at, uint64_t at)
{
    if (at > served_at) {
        return at - served_at;
    }
    return 0;
}

/* The urgency that both sides of a connection calculate alike. */
static uint32_t link_common_urgency(const struct link *l, uint64_t at)
{
    uint64_t turn = l->interval * 1250u;
    uint64_t since = l->last_exchange_at;
    if (l->unconfirmed) {
        since = l->confirmed_at;
    }
    uint32_t last = 0;
    if (link_events_left(l, since, at) <= 1) {
        last = URGENCY_LAST_EVENT;
    }
    return last + urgency_of(idle_since(l->last_exchange_at, at), LINK_TURNS * turn,
                             link_silence_limit(l));
}

/* A connection that is closing, or whose next event must carry a PDU before an instant, is more
 * urgent than both sides calculate. */
static uint32_t link_urgency(const struct link *l, uint64_t at)
{
    if (l->close_reason) {
        return URGENCY_CLOSING;
    }
    /* The PDU that names the instant must arrive before it. */
    bool changes = l->instant_procedure || l->subrate_ind_out;
    uint32_t more = 0;
    if (changes && (l->n_controls || l->unacked)) {
        more = URGENCY_MAX_BY_TURNS / 2;
    }
    return more + link_common_urgency(l, at);
}

/* The urgency of a stream. Until it is established, it grows with each try that is lost. */
static uint32_t iso_urgency(const controller *c, const struct iso *s, uint64_t at)
{
    uint64_t turns = (uint64_t)ISO_TURNS * s->interval * 1250u, limit = 0;
    if (s->kind == ISO_CIS && !s->established) {
        return urgency_of_try(s->tries);
    }
    if (s->kind == ISO_CIS) {
        limit = c->links[s->link].supervision * 10000u;
    } else if (s->kind == ISO_BIS_IN) {
        const struct big *b = &c->big[s->group];
        limit = b->timeout * 10000u;
        if (!b->established) {
            return urgency_of_try(b->tries);
        }
    }
    uint32_t u = urgency_of(idle_since(s->last_exchange_at, at), turns, limit);
    /* A stream that the peer has ended must not outlast its connection. */
    if (s->kind == ISO_CIS) {
        return u - u / 4;
    }
    return u;
}

/* Until it is established, with each try that is lost; then by missed turns and by its timeout. */
static uint32_t sync_urgency(const struct sync *s, uint64_t at)
{
    uint64_t limit = s->timeout * 10000u, turn = s->interval * (s->skip + 1u) * 1250u;
    if (!s->established) {
        return urgency_of_try(s->tries);
    }
    return urgency_of(idle_since(s->last_rx_at, at), SYNC_TURNS * turn, limit);
}

/* By the turns without a packet; nothing ends periodic advertising, so it has no limit. */
static uint32_t periodic_adv_urgency(const struct periodic_adv *t, uint64_t at)
{
    uint64_t turn = t->interval * 1250u;
    return urgency_of(idle_since(t->last_sent_at, at), PERIODIC_ADV_TURNS * turn, 0);
}

/* The urgency of an activity at a time. Scanning and advertising have no turns and yield, except
 * while a connection request is under way, which both sides must complete. */
static uint32_t urgency(const controller *c, uint8_t owner, uint8_t index, uint64_t at)
{
    switch (owner) {
    case ACTIVITY_CONN: return link_urgency(&c->links[index], at);
    case ACTIVITY_ISO: return iso_urgency(c, &c->iso[index], at);
    case ACTIVITY_SYNC: return sync_urgency(&c->sync[index], at);
    case ACTIVITY_PERIODIC_ADV: return periodic_adv_urgency(&c->sets[index].periodic, at);
    case ACTIVITY_ADV:
        if (adv_connectable(c->adv_now)) {
            return URGENCY_HELD;
        }
        return 0;
    case ACTIVITY_SCAN:
        if (c->scan->connect_ind_out || c->scan->connect_req_out) {
            return URGENCY_HELD;
        }
        return 0;
    default: return 0;
    }
}

/* Takes the radio from the activity that has it. */
static void radio_preempt(controller *c)
{
    const struct activity *a = &c->activities[c->radio.owner];
    radio_off(c);
    if (a->on_preempt) {
        a->on_preempt(c);
    }
}

/* --- lots ------------------------------------------------------------------------------------- */

/* Whether a turn is a broadcast's, sent or received. */
static bool broadcasts(const controller *c, uint8_t owner, uint8_t index)
{
    return owner == ACTIVITY_PERIODIC_ADV || owner == ACTIVITY_SYNC ||
           (owner == ACTIVITY_ISO && c->iso[index].kind != ISO_CIS);
}

/* The activity has the radio at times that are fixed long before; scanning and advertising have
 * not. */
static bool has_turns(uint8_t owner)
{
    return owner == ACTIVITY_CONN || owner == ACTIVITY_ISO || owner == ACTIVITY_PERIODIC_ADV ||
           owner == ACTIVITY_SYNC;
}

/* The weight of a lot: equal at the sender and at a listener that receives its packets. The
 * listener's timeout does not count, because the sender does not know it. */
static uint32_t lot_weight(const controller *c, uint8_t owner, uint8_t index, uint64_t at)
{
    uint64_t served = 0, turn = 0;
    if (owner == ACTIVITY_CONN) {
        return link_common_urgency(&c->links[index], at);
    }
    if (owner == ACTIVITY_PERIODIC_ADV) {
        served = c->sets[index].periodic.last_sent_at;
        turn = c->sets[index].periodic.interval * 1250u;
    } else if (owner == ACTIVITY_SYNC) {
        served = c->sync[index].last_rx_at;
        turn = c->sync[index].interval * 1250u;
    } else {
        const struct iso *s = &c->iso[index];
        if (s->kind == ISO_CIS) {
            return iso_urgency(c, s, at);
        }
        served = s->last_exchange_at;
        turn = s->interval * 1250u;
    }
    return urgency_of(idle_since(served, at), LOT_TURNS * turn, 0);
}

/* A listener without a packet yet has six events, and does not know the weight of the sender's
 * lots. */
static uint32_t lot_of_try(const controller *c, uint8_t owner, uint8_t index)
{
    if (owner == ACTIVITY_SYNC) {
        const struct sync *y = &c->sync[index];
        if (!y->established) {
            return urgency_of_try(y->tries);
        }
        return 0;
    }
    if (owner != ACTIVITY_ISO || c->iso[index].kind != ISO_BIS_IN) {
        return 0;
    }
    const struct big *group = &c->big[c->iso[index].group];
    if (!group->established) {
        return urgency_of_try(group->tries);
    }
    return 0;
}

/* Whether it is the sender of a broadcast, which does not wait for its listeners. */
static bool sends(const controller *c, uint8_t owner, uint8_t index)
{
    return owner == ACTIVITY_PERIODIC_ADV ||
           (owner == ACTIVITY_ISO && c->iso[index].kind == ISO_BIS_OUT);
}

/* An activity's turn in terms that both sides know. */
static struct lot lot_of(const controller *c, uint8_t owner, uint8_t index)
{
    if (owner == ACTIVITY_CONN) {
        const struct link *l = &c->links[index];
        return (struct lot){ .aa = l->aa, .interval = l->interval, .turn = (uint16_t)l->event };
    }
    if (owner == ACTIVITY_ISO) {
        const struct iso *s = &c->iso[index];
        uint32_t aa = c->big[s->group].info.seed;
        if (s->kind == ISO_CIS) {
            aa = s->aa;
        }
        return (struct lot){ .aa = aa, .interval = s->interval, .turn = (uint16_t)s->event };
    }
    if (owner == ACTIVITY_PERIODIC_ADV) {
        const struct periodic_adv *t = &c->sets[index].periodic;
        return (
            struct lot){ .aa = t->aa, .interval = t->interval, .turn = (uint16_t)(t->counter - 1) };
    }
    const struct sync *y = &c->sync[index];
    return (struct lot){ .aa = y->aa, .interval = y->interval, .turn = y->counter };
}

/* The number drawn for two turns, 0 to 65,535: equal at every controller that knows both. From
 * turn to turn it steps by the golden section, so that neither side loses often in succession. */
static uint32_t lot_draw(struct lot a, struct lot b)
{
    enum { GOLDEN = 40503 };
    uint32_t x = (a.aa ^ b.aa) * 0x9e3779b1u;
    bool slower = a.aa < b.aa;
    if (a.interval != b.interval) {
        slower = a.interval > b.interval;
    }
    return ((x >> 16) + (slower ? a : b).turn * (uint32_t)GOLDEN) & 0xffff;
}

/* Whether a turn takes the radio from the one that has it, where one of the two is a broadcast.
 * The sender does not know how urgent its packet is to a listener, so lots decide, weighted by
 * fourth powers. Controllers that know both turns draw the same lot: they neither both send nor
 * both listen. A weight three times the other wins outright. */
static bool lot_wins(const controller *c, uint8_t owner, uint8_t index)
{
    enum { FAR = 3 };
    uint64_t mine = lot_weight(c, owner, index, c->air->now);
    uint64_t theirs = lot_weight(c, c->radio.owner, c->radio.index, c->air->now);
    if (!sends(c, owner, index) && !sends(c, c->radio.owner, c->radio.index)) {
        uint32_t my_try = lot_of_try(c, owner, index);
        uint32_t their_try = lot_of_try(c, c->radio.owner, c->radio.index);
        if (mine < my_try) {
            mine = my_try;
        }
        if (theirs < their_try) {
            theirs = their_try;
        }
    }
    if (mine > URGENCY_HELD || theirs > URGENCY_HELD || mine > FAR * theirs ||
        theirs > FAR * mine) {
        return mine > theirs;
    }
    struct lot lot = lot_of(c, owner, index);
    /* Every controller adds in the order of the access addresses: `first` has the lower one. */
    bool low = lot.aa < c->ll->lot.aa;
    uint64_t first = theirs, second = mine;
    if (low) {
        first = mine;
        second = theirs;
    }
    first *= first * first * first;
    second *= second * second * second;
    return (lot_draw(lot, c->ll->lot) * (first + second) >> 16 < first) == low;
}

/* Whether the connection is near its supervision timeout: it may miss a turn for another turn, and
 * for nothing else. */
static bool turn_needed(const controller *c, uint8_t owner, uint8_t index, uint64_t at)
{
    if (owner != ACTIVITY_CONN) {
        return false;
    }
    const struct link *l = &c->links[index];
    return link_events_left(l, l->confirmed_at, at) < LAST_EVENTS;
}

/* Whether an activity takes the radio from the one that has it. */
static bool radio_wins(const controller *c, uint8_t owner, uint8_t index)
{
    uint8_t other = c->radio.owner;
    bool lots = broadcasts(c, owner, index) || broadcasts(c, other, c->radio.index);
    if (lots && has_turns(other)) {
        return lot_wins(c, owner, index);
    }
    uint64_t now = c->air->now;
    return (!has_turns(other) && turn_needed(c, owner, index, now)) ||
           urgency(c, owner, index, now) > urgency(c, other, c->radio.index, now);
}

/* Called when an activity's turn begins. True: it has the radio. False: the caller plans its next
 * turn. */
bool radio_claim(controller *c, uint8_t owner, uint8_t index)
{
    if (c->radio.state != RADIO_OFF) {
        if (!radio_wins(c, owner, index)) {
            return false;
        }
        radio_preempt(c);
    }
    c->ll->lot = lot_of(c, owner, index);
    return true;
}

/* For advertising, which waits for everything but scanning. */
bool radio_claim_adv(controller *c)
{
    bool scans = c->radio.owner == ACTIVITY_SCAN && !urgency(c, ACTIVITY_SCAN, 0, c->air->now);
    if (c->radio.state != RADIO_OFF && scans) {
        scan_abort(c);
    }
    return c->radio.state == RADIO_OFF;
}

/* --- turns ------------------------------------------------------------------------------------ */

/* Writes the n-th turn to *t: connections, then streams, periodic advertising, syncs. False: there
 * are no more. `t->owner` is ACTIVITY_NONE where there is no turn. */
static bool turn_read(const controller *c, unsigned n, struct turn *t)
{
    *t = (struct turn){ .owner = ACTIVITY_NONE, .at = NEVER };
    if (n < c->cfg.conns) {
        link_turn(c, (uint8_t)n, t);
        return true;
    }
    n -= c->cfg.conns;
    if (n < c->cfg.iso) {
        iso_turn(c, (uint8_t)n, t);
        return true;
    }
    n -= c->cfg.iso;
    if (n < c->n_sets) {
        periodic_adv_turn(c, (uint8_t)n, t);
        return true;
    }
    n -= c->n_sets;
    if (n < SYNCS) {
        sync_turn(c, (uint8_t)n, t);
        return true;
    }
    return false;
}

/* It is a turn of this activity. */
static bool turn_is(const struct turn *t, uint8_t owner, uint8_t index)
{
    return t->owner == owner && t->index == index;
}

/* When the first turn of any activity but this one begins.  ACTIVITY_NONE: of any at all. */
uint64_t turn_next(const controller *c, uint8_t owner, uint8_t index)
{
    uint64_t next = NEVER;
    if (c->cfg.iso) {
        next = big_next(c);
    }
    struct turn t;
    for (unsigned n = 0; turn_read(c, n, &t); n++) {
        if (!turn_is(&t, owner, index) && t.at < next) {
            next = t.at;
        }
    }
    return next;
}

/* Whether an activity without turns may have the radio until `end`: no turn begins before. After
 * some attempts in vain (`missed`) only turns that are urgent or needed count. */
bool radio_clear(const controller *c, uint64_t end, uint8_t missed)
{
    enum { PATIENCE = 4 };
    struct turn t;
    if (missed < PATIENCE) {
        return turn_next(c, ACTIVITY_NONE, 0) > end;
    }
    for (unsigned n = 0; turn_read(c, n, &t); n++) {
        bool needed = turn_needed(c, t.owner, t.index, t.at);
        if (t.at <= end && (needed || urgency(c, t.owner, t.index, t.at) >= URGENCY_MAX_BY_TURNS)) {
            return false;
        }
    }
    return true;
}

/* The greatest. */
static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The shortest time between `mine`, if it begins at `at`, and any turn of another activity. */
static uint64_t turn_distance(const controller *c, const struct turn *mine, uint64_t at)
{
    uint64_t shortest = NEVER;
    struct turn t;
    for (unsigned n = 0; turn_read(c, n, &t); n++) {
        if (t.owner == ACTIVITY_NONE || turn_is(&t, mine->owner, mine->index)) {
            continue;
        }
        uint32_t step = common_divisor(t.interval_us, mine->interval_us);
        uint64_t after;
        if (at >= t.phase) {
            after = (at - t.phase) % step;
        } else {
            after = (step - (t.phase - at) % step) % step;
        }
        uint64_t behind = 0;
        if (after > t.duration_us) {
            behind = after - t.duration_us;
        }
        uint64_t before = 0;
        if (step - after > mine->duration_us) {
            before = step - after - mine->duration_us;
        }
        uint64_t apart = earlier(behind, before);
        if (apart < shortest) {
            shortest = apart;
        }
    }
    return shortest;
}

/* Chooses when a new activity begins, in steps of 1.25 ms after `mine->phase`, of `steps`: the
 * first place with enough time to all other turns, or the one with the most. 4.5.3, 5.1.1 */
uint16_t turn_place(const controller *c, const struct turn *mine, unsigned steps)
{
    enum { ENOUGH_US = 3750 };
    uint64_t most = 0;
    uint16_t best = 0;
    for (unsigned n = 0; n < steps && most < ENOUGH_US; n++) {
        uint64_t apart = turn_distance(c, mine, mine->phase + n * 1250u);
        if (apart > most) {
            most = apart;
            best = (uint16_t)n;
        }
    }
    return best;
}
