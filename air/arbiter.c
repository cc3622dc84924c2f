/* The arbiter: which activity of a controller has the radio.  All that is timed goes through
 * radio_claim(): connection events, subevents of isochronous streams, periodic advertising and
 * synchronisation with it.  Vol 6, Part B, 4.5.2, 4.5.12, 4.5.13, 4.4.2.12
 *
 * Each activity has an urgency, from 1 to URGENT_MOST.  It grows with the time since the activity
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
 * that loses the radio is planned anew by its own file: it misses this turn, nothing else. */
#include "ll_iso.h"
#include "ll_periodic.h"

enum { URGENT_MOST = 1024, URGENT_TURNS = 512, URGENT_HELD = 640, URGENT_CLOSING = 2048 };
enum { URGENT_LAST = 4096 };
enum { LINK_TURNS = 8, ISO_TURNS = 16, TRAIN_TURNS = 6, SYNC_TURNS = 8, LOT_TURNS = 8 };

/* Not established yet: 6 events without a packet are the end. */
static uint32_t urgency_of_try(uint8_t tries)
{
    enum { TRIES = 6, AHEAD = 2 };
    return (tries + AHEAD) * (uint32_t)URGENT_MOST / (TRIES + AHEAD);
}

/* `turns_us`: the turns after which it is as urgent as turns alone can make it. */
static uint32_t urgency_of(uint64_t idle_us, uint64_t turns_us, uint64_t limit_us)
{
    uint64_t turns = idle_us * URGENT_TURNS / turns_us;
    uint64_t used = limit_us ? idle_us * URGENT_MOST / limit_us : 0;
    turns = turns < URGENT_TURNS ? turns : URGENT_TURNS;
    used = used > turns ? used : turns;
    return (uint32_t)(used < URGENT_MOST ? used + 1 : URGENT_MOST);
}

static uint64_t idle_since(uint64_t served_at, uint64_t at)
{
    return at > served_at ? at - served_at : 0;
}

/* As much at both sides. */
static uint32_t link_idle(const struct link *l, uint64_t at)
{
    uint64_t turn = l->interval * 1250u;
    uint64_t since = l->doubted ? l->known_at : l->served_at;
    uint32_t last = link_chances(l, since, at) > 1 ? 0 : URGENT_LAST;
    return last + urgency_of(idle_since(l->served_at, at), LINK_TURNS * turn, link_limit(l));
}

static uint32_t link_urgency(const struct link *l, uint64_t at)
{
    if (l->closing) {
        return URGENT_CLOSING;
    }
    /* The peer must hear of an instant before it comes. */
    bool changes = l->instant_of || l->subrate_sent;
    uint32_t more = changes && (l->controls || l->unacked) ? URGENT_TURNS / 2 : 0;
    return more + link_idle(l, at);
}

static uint32_t iso_urgency(const ctl *c, const struct iso *s, uint64_t at)
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
    uint32_t u = urgency_of(idle_since(s->served_at, at), turns, limit);
    /* A stream that has ended at the other side must not outlast its connection. */
    return s->kind == ISO_CIS ? u - u / 4 : u;
}

static uint32_t sync_urgency(const struct sync *s, uint64_t at)
{
    uint64_t limit = s->timeout * 10000u, turn = s->interval * (s->skip + 1u) * 1250u;
    return s->established ? urgency_of(idle_since(s->heard_at, at), SYNC_TURNS * turn, limit)
                          : urgency_of_try(s->tries);
}

static uint32_t train_urgency(const struct train *t, uint64_t at)
{
    uint64_t turn = t->interval * 1250u;
    return urgency_of(idle_since(t->sent_at, at), TRAIN_TURNS * turn, 0);
}

/* How urgent it is at a time.  Scanning and advertising have no turns: they yield, except while a
 * connection is being made, which both sides have to see to its end. */
static uint32_t urgency(const ctl *c, uint8_t owner, uint8_t index, uint64_t at)
{
    switch (owner) {
    case FOR_CONN: return link_urgency(&c->links[index], at);
    case FOR_ISO: return iso_urgency(c, &c->iso[index], at);
    case FOR_SYNC: return sync_urgency(&c->sync[index], at);
    case FOR_TRAIN: return train_urgency(&c->sets[index].train, at);
    case FOR_ADV: return adv_connectable(c->adv_now) ? URGENT_HELD : 0;
    case FOR_SCAN: return c->scan.joining || c->scan.joining_aux ? URGENT_HELD : 0;
    default: return 0;
    }
}

/* Takes the radio from the activity that has it. */
static void radio_cut(ctl *c)
{
    uint8_t owner = c->radio.owner;
    radio_off(c);
    if (owner == FOR_CONN) {
        link_quiet(c);
    } else if (owner == FOR_ISO) {
        iso_cut(c);
    } else if (owner == FOR_SYNC) {
        sync_quiet(c);
    } else if (owner == FOR_TRAIN) {
        train_cut(c);
    } else {
        scan_break(c);
    }
}

/* --- lots ------------------------------------------------------------------------------------- */

static bool broadcasts(const ctl *c, uint8_t owner, uint8_t index)
{
    return owner == FOR_TRAIN || owner == FOR_SYNC ||
           (owner == FOR_ISO && c->iso[index].kind != ISO_CIS);
}

static bool has_turns(uint8_t owner)
{
    return owner == FOR_CONN || owner == FOR_ISO || owner == FOR_TRAIN || owner == FOR_SYNC;
}

/* How much a lot weighs: as much at the side that sends as at the side that listens, as long as
 * what is sent is heard.  So the timeout of a listener, of which the sender does not know, does not
 * count. */
static uint32_t lot_weight(const ctl *c, uint8_t owner, uint8_t index, uint64_t at)
{
    uint64_t served = 0, turn = 0;
    if (owner == FOR_CONN) {
        return link_idle(&c->links[index], at);
    }
    if (owner == FOR_TRAIN) {
        served = c->sets[index].train.sent_at;
        turn = c->sets[index].train.interval * 1250u;
    } else if (owner == FOR_SYNC) {
        served = c->sync[index].heard_at;
        turn = c->sync[index].interval * 1250u;
    } else {
        const struct iso *s = &c->iso[index];
        if (s->kind == ISO_CIS) {
            return iso_urgency(c, s, at);
        }
        served = s->served_at;
        turn = s->interval * 1250u;
    }
    return urgency_of(idle_since(served, at), LOT_TURNS * turn, 0);
}

/* A listener that has heard nothing yet has six events, and does not know how much the sender's
 * lots weigh. */
static uint32_t lot_of_try(const ctl *c, uint8_t owner, uint8_t index)
{
    if (owner == FOR_SYNC) {
        const struct sync *y = &c->sync[index];
        return y->established ? 0 : urgency_of_try(y->tries);
    }
    if (owner != FOR_ISO || c->iso[index].kind != ISO_BIS_IN) {
        return 0;
    }
    const struct big *group = &c->big[c->iso[index].group];
    return group->established ? 0 : urgency_of_try(group->tries);
}

static bool sends(const ctl *c, uint8_t owner, uint8_t index)
{
    return owner == FOR_TRAIN || (owner == FOR_ISO && c->iso[index].kind == ISO_BIS_OUT);
}

/* Its turn, in terms that both sides know. */
static struct lot lot_of(const ctl *c, uint8_t owner, uint8_t index)
{
    if (owner == FOR_CONN) {
        const struct link *l = &c->links[index];
        return (struct lot){ l->aa, l->interval, (uint16_t)l->count };
    }
    if (owner == FOR_ISO) {
        const struct iso *s = &c->iso[index];
        uint32_t aa = s->kind == ISO_CIS ? s->aa : c->big[s->group].info.seed;
        return (struct lot){ aa, s->interval, (uint16_t)s->event };
    }
    if (owner == FOR_TRAIN) {
        const struct train *t = &c->sets[index].train;
        return (struct lot){ t->aa, t->interval, (uint16_t)(t->counter - 1) };
    }
    const struct sync *y = &c->sync[index];
    return (struct lot){ y->aa, y->interval, y->counter };
}

/* The number that is drawn for two turns, from 0 to 65,535: the same for whoever knows of both.
 * From turn to turn it steps by the golden section, so that neither loses often in succession. */
static uint32_t lot_draw(struct lot a, struct lot b)
{
    enum { GOLDEN = 40503 };
    uint32_t x = (a.aa ^ b.aa) * 0x9e3779b1u;
    bool slower = a.every != b.every ? a.every > b.every : a.aa < b.aa;
    return ((x >> 16) + (slower ? a : b).turn * (uint32_t)GOLDEN) & 0xffff;
}

/* Whether a turn takes the radio from the one that has it.  The sender of a broadcast does not know
 * how urgent it is to a listener.  So where one of the two is a broadcast, sent or listened to,
 * lots are drawn, by the fourth powers of the weights; and controllers that know of both turns draw
 * the same lot.  They would otherwise both send, or both listen, or one would send what the other
 * does not listen to.  What weighs much more than the other needs no luck. */
static bool lot_wins(const ctl *c, uint8_t owner, uint8_t index)
{
    enum { FAR = 3 };
    uint64_t mine = lot_weight(c, owner, index, c->air->now);
    uint64_t theirs = lot_weight(c, c->radio.owner, c->radio.link, c->air->now);
    if (!sends(c, owner, index) && !sends(c, c->radio.owner, c->radio.link)) {
        uint32_t my_try = lot_of_try(c, owner, index);
        uint32_t their_try = lot_of_try(c, c->radio.owner, c->radio.link);
        mine = mine > my_try ? mine : my_try;
        theirs = theirs > their_try ? theirs : their_try;
    }
    if (mine > URGENT_HELD || theirs > URGENT_HELD || mine > FAR * theirs || theirs > FAR * mine) {
        return mine > theirs;
    }
    struct lot lot = lot_of(c, owner, index);
    bool low = lot.aa < c->lot.aa;
    uint64_t first = low ? mine : theirs, second = low ? theirs : mine;
    first *= first * first * first;
    second *= second * second * second;
    return (lot_draw(lot, c->lot) * (first + second) >> 16 < first) == low;
}

/* Whether a turn that is missed brings a connection near its end: it may miss it for another turn,
 * and for nothing else. */
static bool turn_needed(const ctl *c, uint8_t owner, uint8_t index, uint64_t at)
{
    if (owner != FOR_CONN) {
        return false;
    }
    const struct link *l = &c->links[index];
    return link_chances(l, l->known_at, at) < LAST_EVENTS;
}

static bool radio_wins(const ctl *c, uint8_t owner, uint8_t index)
{
    uint8_t other = c->radio.owner;
    bool lots = broadcasts(c, owner, index) || broadcasts(c, other, c->radio.link);
    if (lots && has_turns(other)) {
        return lot_wins(c, owner, index);
    }
    uint64_t now = c->air->now;
    return (!has_turns(other) && turn_needed(c, owner, index, now)) ||
           urgency(c, owner, index, now) > urgency(c, other, c->radio.link, now);
}

/* The turn of an activity has come: whether it has the radio now.  If not, the caller plans its
 * next turn. */
bool radio_claim(ctl *c, uint8_t owner, uint8_t index)
{
    if (c->radio.state != RADIO_OFF) {
        if (!radio_wins(c, owner, index)) {
            return false;
        }
        radio_cut(c);
    }
    c->lot = lot_of(c, owner, index);
    return true;
}

/* For advertising, which waits for everything but scanning. */
bool radio_claim_adv(ctl *c)
{
    bool scans = c->radio.owner == FOR_SCAN && !urgency(c, FOR_SCAN, 0, c->air->now);
    if (c->radio.state != RADIO_OFF && scans) {
        scan_break(c);
    }
    return c->radio.state == RADIO_OFF;
}

/* --- turns ------------------------------------------------------------------------------------ */

/* The n-th place of a turn: connections, then streams, trains, syncs.  False: there are no more.
 * `t->owner` is FOR_NOBODY where the place is empty. */
static bool turn_read(const ctl *c, unsigned n, struct turn *t)
{
    *t = (struct turn){ .owner = FOR_NOBODY, .at = NEVER };
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
        train_turn(c, (uint8_t)n, t);
        return true;
    }
    n -= c->n_sets;
    if (n < SYNCS) {
        sync_turn(c, (uint8_t)n, t);
        return true;
    }
    return false;
}

static bool turn_is(const struct turn *t, uint8_t owner, uint8_t index)
{
    return t->owner == owner && t->index == index;
}

/* The first turn of another activity. */
uint64_t turn_next(const ctl *c, uint8_t owner, uint8_t index)
{
    uint64_t next = c->cfg.iso ? big_next(c) : NEVER;
    struct turn t;
    for (unsigned n = 0; turn_read(c, n, &t); n++) {
        if (!turn_is(&t, owner, index) && t.at < next) {
            next = t.at;
        }
    }
    return next;
}

/* Whether what has no turns of its own may have the radio until `end`: no turn begins before, or
 * none that could not be missed, after `missed` attempts that had to give way. */
bool radio_clear(const ctl *c, uint64_t end, uint8_t missed)
{
    enum { PATIENCE = 4 };
    struct turn t;
    if (missed < PATIENCE) {
        return turn_next(c, FOR_NOBODY, 0) > end;
    }
    for (unsigned n = 0; turn_read(c, n, &t); n++) {
        bool needed = turn_needed(c, t.owner, t.index, t.at);
        if (t.at <= end && (needed || urgency(c, t.owner, t.index, t.at) >= URGENT_TURNS)) {
            return false;
        }
    }
    return true;
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* The shortest time that is ever left between `mine`, which begins at `at`, and other turns. */
static uint64_t turn_distance(const ctl *c, const struct turn *mine, uint64_t at)
{
    uint64_t min_u32 = NEVER;
    struct turn t;
    for (unsigned n = 0; turn_read(c, n, &t); n++) {
        if (t.owner == FOR_NOBODY || turn_is(&t, mine->owner, mine->index)) {
            continue;
        }
        uint32_t step = common_divisor(t.every_us, mine->every_us);
        uint64_t after =
            at >= t.phase ? (at - t.phase) % step : (step - (t.phase - at) % step) % step;
        uint64_t behind = after > t.lasts_us ? after - t.lasts_us : 0;
        uint64_t before = step - after > mine->lasts_us ? step - after - mine->lasts_us : 0;
        uint64_t apart = behind < before ? behind : before;
        min_u32 = apart < min_u32 ? apart : min_u32;
    }
    return min_u32;
}

/* Where a new activity that may begin at `mine->phase` does so: after how many steps of 1.25 ms, of
 * `steps`.  The first that leaves enough time to all other turns, or else the one that leaves the
 * most.  4.5.3, 5.1.1 */
uint16_t turn_place(const ctl *c, const struct turn *mine, unsigned steps)
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
