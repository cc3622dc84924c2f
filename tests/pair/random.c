/* Two to eight hosts do legal things at random, with loss, in virtual time.  In the end both sides
 * of every connection agree, nothing was lost that was acknowledged or queued, and every procedure
 * that was started has ended, once.  The same seed gives the same packets.  SEEDS=1000 for more. */
#include "cm.h"

#include "world.h"

enum { CONNS = 4, SLOTS = 64, STEPS = 80, VALUE = 12, CCCD = 13 };

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37);
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC(&u_value,
                        WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE,
                        WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CCCD,
};

/* The events of one side of one connection. */
struct side {
    uint16_t conn;               /* WOAD_NO_CONN: free */
    unsigned notified, received; /* notifications queued, received */
    unsigned commands, wrote;    /* write commands queued, received */
    unsigned indicated, confirmed;
};

struct player {
    struct side side[SLOTS];
    size_t sides;
    unsigned begun, ended, scans, scanned, attempts, outcomes;
};

static struct player players[WORLD_MAX];
static uint32_t noise;

static uint32_t any(uint32_t below)
{
    noise = noise * 1664525u + 1013904223u;
    return (uint32_t)(((uint64_t)noise * below) >> 32);
}

static struct player *player_of(const struct device *d)
{
    return &players[d - d->world->device];
}

static struct side *side_of(struct player *p, uint16_t conn)
{
    for (size_t i = p->sides; i; i--) {
        if (p->side[i - 1].conn == conn) {
            return &p->side[i - 1];
        }
    }
    return NULL;
}

static void on_event(struct device *d, const struct woad_event *ev)
{
    struct player *p = player_of(d);
    struct side *s = ev->conn == WOAD_NO_CONN ? NULL : side_of(p, ev->conn);
    switch (ev->type) {
    case WOAD_EV_CONNECT:
        assert_null(s);
        assert_true(p->sides < SLOTS);
        p->side[p->sides++] = (struct side){ .conn = ev->conn };
        p->outcomes += ev->u.connect.central;
        break;
    case WOAD_EV_CONNECT_FAILED: p->outcomes++; break;
    case WOAD_EV_DISCONNECT:
        assert_non_null(s);
        assert_int_equal(s->indicated, s->confirmed);
        s->conn = WOAD_NO_CONN;
        break;
    case WOAD_EV_NOTIFIED:
        assert_int_equal(ev->u.value.data[0], s->received & 0xff);
        s->received++;
        break;
    case WOAD_EV_GATT_WRITE:
        if (!ev->u.gatt_write.need_answer) {
            assert_int_equal(ev->u.gatt_write.data[0], s->wrote & 0xff);
            s->wrote++;
        }
        break;
    case WOAD_EV_INDICATED: s->confirmed++; break;
    case WOAD_EV_GATTC_DONE: p->ended++; break;
    case WOAD_EV_SCAN_DONE: p->scanned++; break;
    default: break;
    }
    device_forget(d);
}

static struct side *some_side(struct player *p)
{
    size_t open[SLOTS], n = 0;
    for (size_t i = 0; i < p->sides; i++) {
        if (p->side[i].conn != WOAD_NO_CONN) {
            open[n++] = i;
        }
    }
    return n ? &p->side[open[any((uint32_t)n)]] : NULL;
}

static void act_gap(struct world *w, struct device *d, struct player *p, uint32_t what)
{
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND,
                                   .interval_625us = (uint16_t)(32 + any(100)) };
    struct woad_scan_params scan = { 64, (uint16_t)(4 + any(60)), any(2) != 0, false, 200, false };
    uint16_t interval = (uint16_t)(6 + any(30));
    struct woad_connect_params conn = { 16, 16, interval, interval, (uint16_t)any(3), 600, 1500 };
    struct device *peer = &w->device[any((uint32_t)w->devices)];
    switch (what) {
    case 0:
    case 1: woad_adv_start(d->host, &adv); break;
    case 2: woad_adv_stop(d->host); break;
    case 3: p->scans += woad_scan_start(d->host, &scan) == 0; break;
    default:
        if (peer != d) {
            woad_adv_start(peer->host, &adv);
            p->attempts += woad_connect(d->host, &peer->addr, &conn) == 0;
        }
        break;
    }
}

static void act_gatt(struct device *d, struct player *p, struct side *s, uint32_t what)
{
    struct woad *h = d->host;
    uint8_t data[64];
    memset(data, (int)any(256), sizeof data);
    size_t len = 1 + any(20);
    int err = 0;
    switch (what) {
    case 0: err = woad_gattc_exchange_mtu(h, s->conn); break;
    case 1: err = woad_gattc_services(h, s->conn, any(2) ? &u_service : NULL); break;
    case 2: err = woad_gattc_characteristics(h, s->conn, 1, 0xffff, NULL); break;
    case 3: err = woad_gattc_descriptors(h, s->conn, 1, 0xffff); break;
    case 4: err = woad_gattc_read(h, s->conn, (uint16_t)(1 + any(16))); break;
    case 5: err = woad_gattc_write(h, s->conn, VALUE, data, len); break;
    case 6: err = woad_gattc_write_long(h, s->conn, VALUE, data, 64, false); break;
    case 7: err = woad_gattc_write(h, s->conn, CCCD, "\3\0", 2); break;
    case 8:
        data[0] = (uint8_t)s->notified;
        s->notified += woad_gatt_notify(h, s->conn, VALUE, data, len) == 0;
        return;
    case 9:
        data[0] = (uint8_t)s->commands;
        s->commands += woad_gattc_write_command(h, s->conn, VALUE, data, len) == 0;
        return;
    case 10: s->indicated += woad_gatt_indicate(h, s->conn, VALUE, data, len) == 0; return;
    default:
        if (any(4) == 0) {
            woad_disconnect(h, s->conn, WOAD_HCI_REMOTE_USER_TERMINATED);
        }
        return;
    }
    p->begun += err == 0;
}

/* Returns the peer's side of the same connection, by the addresses. */
static struct side *other_side(struct world *w, struct device *d, const struct side *s,
                               struct woad_conn_info *info)
{
    assert_int_equal(woad_conn_info(d->host, s->conn, info), 0);
    for (size_t i = 0; i < w->devices; i++) {
        struct device *peer = &w->device[i];
        struct player *p = player_of(peer);
        bool him = memcmp(peer->addr.octet, info->peer.octet, 6) == 0;
        for (size_t k = 0; him && k < p->sides; k++) {
            struct woad_conn_info its;
            if (p->side[k].conn != WOAD_NO_CONN &&
                woad_conn_info(peer->host, p->side[k].conn, &its) == 0 &&
                memcmp(its.peer.octet, d->addr.octet, 6) == 0) {
                assert_int_equal(its.mtu, info->mtu);
                assert_int_equal(its.interval_1250us, info->interval_1250us);
                assert_true(its.central != info->central);
                return &p->side[k];
            }
        }
    }
    return NULL;
}

static void both_sides_agree(struct world *w, unsigned *alive)
{
    for (size_t i = 0; i < w->devices; i++) {
        struct device *d = &w->device[i];
        struct player *p = player_of(d);
        assert_int_equal(p->begun, p->ended);
        assert_int_equal(p->scans, p->scanned);
        assert_int_equal(p->attempts, p->outcomes);
        for (size_t k = 0; k < p->sides; k++) {
            struct side *s = &p->side[k];
            struct woad_conn_info info;
            if (s->conn == WOAD_NO_CONN) {
                continue;
            }
            struct side *other = other_side(w, d, s, &info);
            assert_non_null(other);
            assert_int_equal(s->notified, other->received);
            assert_int_equal(s->commands, other->wrote);
            assert_int_equal(s->indicated, s->confirmed);
            ++*alive;
        }
    }
}

static uint64_t play(uint64_t seed, unsigned *alive)
{
    struct world *w = world_new(seed, (uint16_t)(seed % 4 * 50));
    memset(players, 0, sizeof players);
    noise = (uint32_t)seed * 2654435761u;
    for (size_t i = 0; i < 2 + seed % 7; i++) {
        struct device *d = world_add(w, CONNS);
        d->on_event = on_event;
        assert_int_equal(woad_gatt_add(d->host, db, 4, NULL), 0);
    }
    for (unsigned step = 0; step < STEPS; step++) {
        struct device *d = &w->device[any((uint32_t)w->devices)];
        struct player *p = player_of(d);
        struct side *s = some_side(p);
        if (!s || any(6) == 0) {
            act_gap(w, d, p, any(7));
        } else {
            act_gatt(d, p, s, any(12));
        }
        world_run(w, any(4) ? any(20000) : any(400000));
    }
    for (size_t i = 0; i < w->devices; i++) {
        woad_adv_stop(w->device[i].host);
        woad_connect_cancel(w->device[i].host);
    }
    world_run(w, 25000000); /* all queues drain, and lost links time out */
    both_sides_agree(w, alive);
    uint64_t hash = world_hash(w);
    world_free(w);
    return hash;
}

static void both_sides_end_in_the_same_state(void **state)
{
    const char *seeds = getenv("SEEDS");
    uint64_t n = seeds ? strtoull(seeds, NULL, 10) : 200;
    unsigned alive = 0, twice = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= n; seed++) {
        uint64_t hash = play(seed, &alive);
        if (seed % 10 == 0) {
            assert_true(play(seed, &twice) == hash);
        }
    }
    assert_true(alive > n); /* the run had connections to check */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(both_sides_end_in_the_same_state) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
