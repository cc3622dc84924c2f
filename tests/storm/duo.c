/* Woad hosts against each other: three on one air, each with a correct simulated controller.  The
 * test calls each host exactly as woad.h says. */
#include "storm.h"

#include "world.h"

static struct world *world;
static const struct woad_feature *features[ACTORS][24];

static struct actor *actor_of(const struct device *d)
{
    return &storm.actor[d - world->device];
}

/* The addresses that a host has used, its public one first; and which of its links are encrypted,
 * by its controller's events. */
enum { KNOWN = 64 };
static struct {
    uint8_t octet[KNOWN][6];
    size_t n;
    bool encrypted[64];
} known[ACTORS];

static void note_address(unsigned number, const uint8_t octet[6])
{
    memcpy(known[number].octet[known[number].n % KNOWN], octet, 6);
    known[number].n += known[number].n < KNOWN - 1;
}

static bool has_address(unsigned number, const struct woad_addr *a)
{
    for (size_t n = 0; n < known[number].n; n++) {
        if (memcmp(known[number].octet[n], a->octet, 6) == 0) {
            return true;
        }
    }
    return false;
}

static unsigned number_of(const struct link *l)
{
    return (unsigned)((const char *)l - (const char *)storm.actor) / (unsigned)sizeof *storm.actor;
}

/* Returns whether these two may be the ends of one connection: each has the other's address, in the
 * other role.  Two hosts with privacy can have two connections. */
static bool may_be_ends(const struct link *l, const struct link *o)
{
    return number_of(l) != number_of(o) && o->central != l->central &&
           has_address(number_of(o), &l->peer) && has_address(number_of(l), &o->peer);
}

/* Returns the other end of a connection. *others: how many candidates there are. */
static struct link *other_end(const struct link *l, struct actor **whose, unsigned *others)
{
    struct link *end = NULL;
    for (struct actor *a = storm.actor; a < storm.actor + ACTORS; a++) {
        for (struct link *o = a->link; o < a->link + LINKS; o++) {
            if (o->open && may_be_ends(l, o)) {
                *whose = a;
                *others += 1;
                end = o;
            }
        }
    }
    return end;
}

static struct woad_addr duo_peer(void)
{
    const struct device *d = &world->device[any((uint32_t)world->devices)];
    struct woad_addr addr = d->addr;
    if (one_in(2) && storm.actor[d - world->device].up) {
        woad_own_address(d->host, &addr); /* its current address, which may be a private one */
    }
    return addr;
}

static uint32_t duo_passkey(const struct link *l)
{
    struct actor *a = NULL;
    unsigned others = 0;
    const struct link *o = other_end(l, &a, &others);
    return o ? o->shown : 0;
}

static const struct woad_oob *duo_oob(const struct link *l)
{
    struct actor *a = NULL;
    unsigned others = 0;
    const struct link *o = other_end(l, &a, &others);
    return o && a && a->has_made ? &a->made : NULL;
}

/* Returns whether the other end proves the level: a candidate that is open, or, without one, a
 * candidate that has closed since. */
static bool duo_proven(const struct link *l)
{
    struct actor *a = NULL;
    unsigned others = 0;
    bool open = other_end(l, &a, &others) != NULL;
    for (a = storm.actor; a < storm.actor + ACTORS; a++) {
        for (struct link *o = a->link; o < a->link + LINKS; o++) {
            if (o->open == open && may_be_ends(l, o) && (o->proven || (o->tk && o->tk == l->tk))) {
                return true;
            }
        }
    }
    return false;
}

/* --- the world -------------------------------------------------------------------------------- */

static void duo_event(struct device *d, const struct woad_event *ev)
{
    struct actor *a = actor_of(d);
    d->logged = 0;
    storm_event(a, a->h, ev);
}

static void say_packet(const struct actor *a, char way, const uint8_t *p, size_t n)
{
    say("  %u%c", a->number, way);
    for (size_t at = 0; at < n && at < 40; at++) {
        say(" %02x", p[at]);
    }
    say("\n");
}

/* Records a packet to the controller, and checks it. */
static void duo_packet(struct device *d, const uint8_t *p, size_t n)
{
    struct actor *a = actor_of(d);
    say_packet(a, '<', p, n);
    hash_octets(p, n);
    if (p[0] == 2) {
        model_acl(a, known[a->number].encrypted[p[1] & 63], p, n);
    } else if (p[1] == 0x05 && p[2] == 0x20) {
        note_address(a->number, p + 4);
    } else if (p[1] == 0x35 && p[2] == 0x20) {
        note_address(a->number, p + 5);
    }
}

static void duo_received(struct device *d, const uint8_t *p, size_t n)
{
    bool *encrypted = known[actor_of(d)->number].encrypted;
    say_packet(actor_of(d), '>', p, n);
    if (n > 6 && p[0] == 4 && p[1] == 8 && p[3] == 0) {
        encrypted[p[4] & 63] = p[6] != 0;
    } else if (n > 5 && p[0] == 4 && p[1] == 5) {
        encrypted[p[4] & 63] = false;
    }
}

static void duo_add(unsigned number)
{
    static const struct woad_feature *const all[] = {
        &woad_feature_advertiser,        &woad_feature_scanner,
        &woad_feature_central,           &woad_feature_gatt_server,
        &woad_feature_long_values,       &woad_feature_read_multiple,
        &woad_feature_signed_writes,     &woad_feature_pipelining,
        &woad_feature_type_index,        &woad_feature_gatt_client,
        &woad_feature_client_features,   &woad_feature_link_control,
        &woad_feature_security_manager,  &woad_feature_keypresses,
        &woad_feature_out_of_band,       &woad_feature_l2cap_channels,
        &woad_feature_enhanced_channels, &woad_feature_eatt,
        &woad_feature_accept_list
    };
    struct actor *a = &storm.actor[number];
    size_t n = sizeof all / sizeof *all;
    memcpy(features[number], all, sizeof all);
    if (one_in(4)) {
        features[number][n++] = &woad_feature_resolving_list;
    }
    features[number][n] = NULL;
    struct woad_config c = { .features = features[number],
                             .conns = 2,
                             .attr_tables = 3,
                             .subscriptions = 3,
                             .procedures = 5,
                             .mtu = 247,
                             .tx_queue = 400,
                             .request_queue = 900,
                             .prepare_queue = 600,
                             .pipeline_queue = 128,
                             .attr_index = 40,
                             .l2cap_channels = 4,
                             .psms = 3,
                             .bonds = (uint8_t)(3 + any(2)),
                             .att_bearers = 3,
                             .mps = 100,
                             .accept_list = 4,
                             .pairings = (uint8_t)any(3),
                             .crypto = &storm_crypto,
                             .random = storm_random };
    struct woad_air_controller_config controller = world_controller_config(world, 2);
    controller.acl_count = (uint8_t)(1 + any(4));
    controller.acl_len = (uint8_t)(one_in(2) ? 27 : 251);
    struct device *d = world_add_config(world, c, controller);
    known[number].n = 0;
    memset(known[number].encrypted, 0, sizeof known[number].encrypted);
    note_address(number, controller.address);
    note_address(number, d->addr.octet);
    d->own_answers = true;
    d->lied_to = true;
    a->h = d->host;
    a->config = c;
    model_reset(a, number);
    a->started = a->up = true;
    d->on_event = duo_event;
    d->on_packet = duo_packet;
    d->on_received = duo_received;
    storm.me = a;
    woad_gatt_add(a->h, storm_db, STORM_DB, &a->service);
    woad_set_mtu(a->h, (uint16_t)(23 + any(220)));
    random_policy();
}

static void duo_begin(uint64_t seed)
{
    chance_seed(seed);
    storm.encrypted = NULL;
    storm.send = NULL;
    storm.peer = duo_peer;
    storm.passkey = duo_passkey;
    storm.oob = duo_oob;
    storm.proven = duo_proven;
    world = world_new(seed, (uint16_t)(one_in(3) ? 50 : 0));
    world->honest = true;
    for (unsigned n = 0; n < ACTORS; n++) {
        duo_add(n);
    }
}

/* --- steps ------------------------------------------------------------------------------------ */

/* Two devices without a connection advertise and connect. */
static void duo_connect(struct actor *a)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params connect = { 16, 16, 24, 24, 0, 200, 1500 };
    struct actor *b = &storm.actor[(a->number + 1 + any(ACTORS - 1)) % ACTORS];
    struct woad_addr addr;
    if (!a->up || !b->up || a->attempt || woad_own_address(b->h, &addr)) {
        return;
    }
    b->adv = woad_adv_start(b->h, &adv) == 0 || b->adv;
    a->attempt = true;
    a->attempt = woad_connect(a->h, &addr, &connect) == 0;
    world_run(world, 100000);
}

static void duo_step(const struct step *s)
{
    struct actor *a = storm.me = &storm.actor[s->actor];
    switch (s->kind) {
    case STEP_CALL: call_any(); break;
    case STEP_INSIDE:
        if (a->armed < ARMED) {
            a->armed_seed[a->armed++] = s->seed;
        }
        break;
    case STEP_CONTROLLER: duo_connect(a); break;
    default: break;
    }
    storm.me = a;
    if (s->kind != STEP_TIME) {
        world_run(world, any(3000));
    } else {
        world_run(world, one_in(6) ? any(500000) : any(40000));
    }
    for (unsigned n = 0; n < ACTORS; n++) {
        storm.actor[n].gone_flags = 0;
    }
}

/* --- the end ---------------------------------------------------------------------------------- */

static unsigned open_channels(const struct actor *a, const struct link *l)
{
    unsigned n = 0;
    for (const struct channel *k = a->channel; k < a->channel + CHANNELS; k++) {
        n += k->state == CHANNEL_OPEN && k->conn == l->conn;
    }
    return n;
}

static void same_level(const struct link *l, const struct actor *a)
{
    struct actor *b = NULL;
    unsigned others = 0;
    const struct link *o = other_end(l, &b, &others);
    struct woad_security here, there;
    struct woad_conn_info its, ours;
    if (others != 1 || woad_conn_security(a->h, l->conn, &here) ||
        woad_conn_security(b->h, o->conn, &there)) {
        return;
    }
    MUST(open_channels(a, l) == open_channels(b, o), "%u channels here, %u there",
         open_channels(a, l), open_channels(b, o));
    MUST(here.encrypted == there.encrypted, "one side is encrypted, the other is not");
    MUST(here.key_size == there.key_size, "key sizes differ: %u, %u", here.key_size,
         there.key_size);
    MUST(here.secure == there.secure, "one side has a key of Secure Connections, not the other");
    MUST(here.authenticated == there.authenticated, "one side is authenticated, not the other");
    if (woad_conn_info(a->h, l->conn, &ours) == 0 && woad_conn_info(b->h, o->conn, &its) == 0) {
        MUST(ours.mtu == its.mtu, "ATT_MTUs differ: %u, %u", ours.mtu, its.mtu);
        MUST(ours.interval_1250us == its.interval_1250us, "intervals differ");
    }
}

static void duo_end(void)
{
    storm.calm = true;
    for (unsigned n = 0; n < ACTORS; n++) {
        struct actor *a = &storm.actor[n];
        if (a->up) {
            int err = woad_connect_cancel(a->h);
            MUST(a->down_due || (err == 0) == a->attempt, "woad_connect_cancel() = %d, attempt %d",
                 err, a->attempt);
            woad_scan_stop(a->h);
            woad_adv_stop(a->h);
        }
    }
    world_run(world, 75000000);
    for (unsigned n = 0; n < ACTORS; n++) {
        struct actor *a = &storm.actor[n];
        model_ended(a);
        MUST(!a->attempt && !a->scans, "host %u: an attempt or a scan never ends", n);
        for (struct link *l = a->link; l < a->link + LINKS; l++) {
            if (l->open) {
                same_level(l, a);
            }
        }
    }
    for (unsigned n = 0; n < ACTORS; n++) {
        struct actor *a = &storm.actor[n];
        a->down_due = a->started;
        woad_stop(a->h);
    }
    world_run(world, 3000000);
    for (unsigned n = 0; n < ACTORS; n++) {
        model_empty(&storm.actor[n]);
    }
}

static void duo_clean(void)
{
    for (unsigned n = 0; n < ACTORS; n++) {
        for (unsigned k = 0; k < CHANNELS; k++) {
            channel_free(&storm.actor[n].channel[k]);
        }
    }
    if (world) {
        world_free(world);
    }
    world = NULL;
}

const struct kind duo_kind = {
    "duo",     duo_begin,
    duo_step,  duo_end,
    duo_clean, { [STEP_CALL] = 12, [STEP_INSIDE] = 5, [STEP_CONTROLLER] = 1, [STEP_TIME] = 3 }
};
