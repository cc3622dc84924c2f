/* One host with a random controller and random peers.  The test calls the host exactly as woad.h
 * says. */
#include "storm.h"

struct solo solo;

static const struct woad_feature *const every_feature[] = {
    &woad_feature_advertiser,       &woad_feature_scanner,           &woad_feature_central,
    &woad_feature_gatt_server,      &woad_feature_long_values,       &woad_feature_read_multiple,
    &woad_feature_signed_writes,    &woad_feature_pipelining,        &woad_feature_type_index,
    &woad_feature_gatt_client,      &woad_feature_client_features,   &woad_feature_link_control,
    &woad_feature_security_manager, &woad_feature_keypresses,        &woad_feature_out_of_band,
    &woad_feature_l2cap_channels,   &woad_feature_enhanced_channels, &woad_feature_eatt,
    &woad_feature_accept_list,      &woad_feature_resolving_list,    NULL
};
static const struct woad_feature *some_features[24];

static struct woad_addr solo_peer(void)
{
    struct woad_addr peer = { 0, { 0 } };
    memset(peer.octet, (int)(7 + any(4)), 6);
    return peer;
}

static uint32_t solo_passkey(const struct link *l)
{
    return l->shown;
}

static const struct woad_oob *solo_oob(const struct link *l)
{
    (void)l;
    return NULL;
}

static bool solo_proven(const struct link *l)
{
    (void)l;
    return false;
}

static struct woad_config solo_config(void)
{
    size_t n = 0;
    for (; every_feature[n]; n++) {
        some_features[n] = every_feature[n];
    }
    bool library = !one_in(4);
    if (!library) {
        some_features[n++] = &woad_feature_controller_crypto;
    }
    if (one_in(3)) {
        some_features[n++] = &woad_feature_extended_advertising;
    }
    if (one_in(4)) {
        some_features[n++] = &woad_feature_watchdog;
    }
    some_features[n] = NULL;
    struct woad_config config = { .features = some_features,
                                  .event = storm_event,
                                  .ctx = &storm.actor[0],
                                  .conns = (uint8_t)(1 + any(SOLO_LINKS)),
                                  .attr_tables = 3,
                                  .subscriptions = 3,
                                  .procedures = (uint8_t)(1 + any(5)),
                                  .mtu = 247,
                                  .tx_queue = (uint16_t)(250 + any(200)),
                                  .request_queue = 700,
                                  .prepare_queue = (uint16_t)any(600),
                                  .pipeline_queue = (uint16_t)(64 * any(3)),
                                  .attr_index = 40,
                                  .l2cap_channels = 4,
                                  .psms = 3,
                                  .bonds = 4,
                                  .att_bearers = 3,
                                  .pairings = (uint8_t)any(3),
                                  .accept_list = 4,
                                  .mps = 100,
                                  .adv_sets = SETS };
    if (library) {
        config.crypto = &storm_crypto;
        config.random = storm_random;
    }
    return config;
}

/* Sends until woad_tx() returns 0.  Returns true if there was a packet. */
static bool solo_send(void)
{
    uint8_t packet[WOAD_TX_ROOM] = { 0 };
    size_t n, packets = 0;
    while ((n = woad_tx(solo.a->h, packet, sizeof packet)) > 0) {
        MUST(++packets < 5000, "woad_tx() does not end");
        hash_octets(packet, n);
        if (packet[0] == 2) {
            unsigned k = packet[1] - (unsigned)SOLO_HANDLE;
            model_acl(solo.a, k < SOLO_LINKS && controller_encrypted(k), packet, n);
        }
        controller_take(packet, n);
    }
    MUST(woad_tx(solo.a->h, packet, sizeof packet) == 0, "woad_tx() has given 0, and has more");
    return packets != 0;
}

static void solo_send_inside(void)
{
    solo_send();
}

static void solo_begin(uint64_t seed)
{
    struct actor *a = &storm.actor[0];
    chance_seed(seed);
    struct woad_config config = solo_config();
    solo = (struct solo){ .a = a, .now_ms = one_in(2) ? 0xffffff00u : 1000 };
    solo.len = woad_size(&config);
    solo.memory = malloc(solo.len);
    solo.seen = calloc(1, solo.len);
    a->config = config;
    a->h = woad_init(solo.memory, solo.len, &config);
    model_reset(a, 0);
    storm.me = a;
    storm.encrypted = NULL;
    storm.send = solo_send_inside;
    storm.peer = solo_peer;
    storm.passkey = solo_passkey;
    storm.oob = solo_oob;
    storm.proven = solo_proven;
    controller_reset();
    solo_settle();
    a->started = woad_start(a->h) == 0;
    woad_set_mtu(a->h, (uint16_t)(23 + any(200)));
    random_policy();
    solo_settle();
}

/* --- calls by the rules of woad.h ------------------------------------------------------------- */

/* Called after each call, packet and poll. */
void solo_settle(void)
{
    bool worked = true;
    unsigned rounds = 0;
    solo_send();
    while (worked) {
        uint32_t left = honest_note_event(solo.a->h, solo.seen, solo.len, solo.now_ms, &worked);
        solo.sleeps = left == WOAD_FOREVER;
        solo.due_ms = solo.now_ms + left;
        bool sent = solo_send();
        MUST(!sent || left == 0, "woad_poll() does not say that there is something to send");
        worked = (worked && sent) || left == 0;
        MUST(++rounds < 2000, "woad_poll() asks for ever to be called again at once");
    }
}

void solo_give(const uint8_t *packet, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    bool worked;
    memcpy(copy, packet, len);
    honest_note_event(solo.a->h, solo.seen, solo.len, solo.now_ms, &worked);
    hash_octets(packet, len);
    say("> ");
    for (size_t n = 0; n < len && n < 40; n++) {
        say("%02x ", packet[n]);
    }
    say("\n");
    woad_rx(solo.a->h, copy, len);
    free(copy);
    solo_settle();
    solo.a->gone_flags = 0;
}

/* Time passes: the test polls the host at the time that it returned, and not earlier. */
static void solo_pass(uint32_t ms)
{
    uint32_t end = solo.now_ms + ms;
    while (!solo.sleeps && (int32_t)(solo.due_ms - end) <= 0) {
        uint32_t was = solo.now_ms;
        solo.now_ms = solo.due_ms;
        solo_settle();
        solo.due_ms = solo.sleeps || solo.due_ms != was ? solo.due_ms : was + 1;
    }
    solo.now_ms = end;
    bool worked;
    uint32_t left = honest_note_event(solo.a->h, solo.seen, solo.len, solo.now_ms, &worked);
    solo.sleeps = left == WOAD_FOREVER;
    solo.due_ms = end + left;
    if (worked) {
        solo_settle();
    }
}

/* --- steps ------------------------------------------------------------------------------------ */

/* Whenever nothing is under way, host and controller have the same links. */
static void solo_links(void)
{
    unsigned open = 0;
    for (struct link *l = solo.a->link; l < solo.a->link + LINKS; l++) {
        open += l->open;
    }
    MUST(!solo.a->up || !controller_quiet() || open == controller_links(),
         "%u connections, and %u links of the controller's", open, controller_links());
}

static void solo_step(const struct step *s)
{
    storm.me = solo.a;
    switch (s->kind) {
    case STEP_CALL:
        if (solo.a->up && !controller_links() && one_in(4)) {
            call_be_found();
        } else {
            call_any();
        }
        solo_settle();
        break;
    case STEP_INSIDE:
        if (solo.a->armed < ARMED) {
            solo.a->armed_seed[solo.a->armed++] = s->seed;
        }
        break;
    case STEP_PEER:
        if (solo.a->up) {
            peer_step();
        }
        break;
    case STEP_CONTROLLER: controller_step(); break;
    default:
        if (one_in(200)) {
            solo_pass(0x7fffff00u);
        } else {
            solo_pass(one_in(12) ? any(40000) : any(100));
        }
        break;
    }
    solo.a->gone_flags = 0;
    solo_links();
}

/* Two minutes in which all parties only fulfil their duties: afterwards every procedure has
 * ended. */
static void solo_calm(unsigned seconds)
{
    for (unsigned n = 0; n < seconds; n++) {
        controller_calm();
        solo_pass(1000);
    }
    controller_calm();
}

static void solo_end(void)
{
    struct actor *a = solo.a;
    storm.calm = true;
    solo_calm(130);
    model_ended(a);
    if (a->up) {
        solo_links();
        MUST(!a->attempt || controller_connects(), "an attempt waits, and nothing is under way");
        MUST(woad_connect_cancel(a->h) == (a->attempt ? 0 : WOAD_EALREADY),
             "an attempt runs that nobody waits for, or none that somebody waits for");
        MUST(woad_scan_stop(a->h) == 0, "a scan can't be stopped");
        woad_adv_stop(a->h);
        solo_settle();
        solo_calm(3);
        MUST(!a->attempt, "WOAD_EV_CONNECT_FAILED does not come after woad_connect_cancel()");
        MUST(!a->scans, "WOAD_EV_SCAN_DONE does not come after woad_scan_stop()");
        controller_drop_all();
        solo_calm(3);
        controller_capacity();
    }
    if (a->started) {
        a->down_due = true;
        woad_stop(a->h);
        solo_settle();
        solo_calm(5);
    }
    model_empty(a);
}

static void solo_clean(void)
{
    for (struct channel *k = storm.actor[0].channel; k < storm.actor[0].channel + CHANNELS; k++) {
        channel_free(k);
    }
    free(solo.memory);
    free(solo.seen);
    solo.memory = solo.seen = NULL;
}

const struct kind solo_kind = { "solo",
                                solo_begin,
                                solo_step,
                                solo_end,
                                solo_clean,
                                { [STEP_CALL] = 6,
                                  [STEP_INSIDE] = 4,
                                  [STEP_PEER] = 12,
                                  [STEP_CONTROLLER] = 12,
                                  [STEP_TIME] = 3 } };
