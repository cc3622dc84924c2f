/* Random HCI commands to controllers without hosts: helpers that those tests share.
 *
 *   SEEDS=n     number of worlds
 *   FIRST=n     the first seed (1)
 *
 * A failure is printed with its seed: FIRST=seed SEEDS=1 repeats it alone. */
#ifndef WOAD_TESTS_AT_RANDOM_H
#define WOAD_TESTS_AT_RANDOM_H

#include "nodes.h"

static struct {
    uint64_t chance, seed;
    unsigned complaints, commands, accepted, ended;               /* ended: successful procedures */
    void (*on_event)(int which, unsigned code, const uint8_t *e); /* LE Meta: 0x3e00 + subevent */
    void (*on_data)(int which, const uint8_t *packet, size_t len);
} r;

/* A random number, less than n. */
static inline unsigned below(unsigned n)
{
    r.chance = r.chance * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(r.chance >> 33) % n;
}

/* Prints a fault of controller `which`, the first 25 of them; `a` and `b` are its numbers. */
static inline void complain(int which, const char *what, unsigned a, unsigned b)
{
    if (r.complaints++ < 25) {
        print_message("seed %u, %.3f s: controller %d: %s %04x %04x\n", (unsigned)r.seed,
                      (double)woad_air_now(w.air) / 1e6, which, what, a, b);
    }
}

/* Passes on each packet that the controllers have sent.  A handler may give commands;
 * read_events() passes on their events later. */
static inline void read_events(int which)
{
    static struct event log[NODES][LOG];
    struct node *n = &w.n[which];
    collect();
    size_t logged = n->logged;
    assert_true(logged < LOG);
    memcpy(log[which], n->log, logged * sizeof *n->log);
    n->logged = 0;
    for (size_t k = 0; k < logged; k++) {
        const uint8_t *b = log[which][k].b;
        if (b[0] == 2 && r.on_data) {
            r.on_data(which, b, log[which][k].len);
        } else if (b[0] == 4 && r.on_event) {
            bool le = b[1] == 0x3e;
            if (le) {
                r.on_event(which, 0x3e00u + b[3], b + 4);
            } else {
                r.on_event(which, b[1], b + 3);
            }
        }
    }
}

/* Gives a command, asserts that it is answered exactly once, and returns the status. */
static inline int ask(int which, unsigned opcode, const uint8_t *p, size_t n)
{
    uint8_t b[260] = { 1, (uint8_t)opcode, (uint8_t)(opcode >> 8), (uint8_t)n };
    unsigned answers = 0;
    int status = -1;
    memcpy(b + 4, p, n);
    read_events(which);
    assert_int_equal(woad_air_rx(w.n[which].c, b, 4 + n), 0);
    collect();
    for (size_t k = 0; k < w.n[which].logged; k++) {
        const uint8_t *e = w.n[which].log[k].b;
        unsigned at = e[1] == 0x0e ? 4 : 5;
        if (e[0] == 4 && (e[1] == 0x0e || e[1] == 0x0f) &&
            (e[at] | (unsigned)e[at + 1] << 8) == opcode) {
            answers++;
            status = e[1] == 0x0e ? e[6] : e[3];
        }
    }
    if (answers != 1) {
        complain(which, "answers to a command", opcode, answers);
    }
    r.commands++;
    r.accepted += status == 0;
    return status;
}

/* Advances the air by `us`.  Fails if more than 10,000 steps happen at one moment. */
static inline void run_for(uint64_t us)
{
    uint64_t end = woad_air_now(w.air) + us, moment = 0;
    unsigned steps = 0;
    while (woad_air_now(w.air) < end) {
        uint64_t next = woad_air_next(w.air);
        woad_air_step(w.air, next < end ? next : end);
        for (int k = 0; k < NODES; k++) {
            if (w.n[k].c) {
                read_events(k);
            }
        }
        steps = woad_air_now(w.air) == moment ? steps + 1 : 0;
        moment = woad_air_now(w.air);
        assert_true(steps < 10000);
    }
}

/* Creates `n` controllers with every feature, a metre apart. */
static inline void random_world(uint64_t seed, int n, unsigned loss_per_mille)
{
    memset(&w, 0, sizeof w);
    struct woad_air_config air = { .seed = seed,
                                   .loss_per_mille = (uint16_t)loss_per_mille,
                                   .around = &w.around };
    w.around.noise_dbm = -105;
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    r.seed = seed;
    r.chance = seed * 77777 + 5;
    for (int k = 0; k < n; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 3,
                                                  .acl_count = 6,
                                                  .acl_len = 251,
                                                  .queue = 65000,
                                                  .adv_sets = 4,
                                                  .iso = 8,
                                                  .crypto = &woad_mbedtls,
                                                  .drift_ppm = (int16_t)(k * 30 - 30) };
        node_add(k, &cfg);
        assert_int_equal(command(k, 0x2001, "ff ff ff ff 1f 00 00 00"), 0);
        assert_int_equal(command(k, 0x2074, "20 01"), 0);
        assert_int_equal(command(k, 0x2074, "26 01"), 0);
    }
}

/* Runs `world` with each seed: `usual` of them, unless SEEDS says otherwise. */
static inline void random_worlds(unsigned usual, void (*world)(uint64_t seed))
{
    const char *seeds = getenv("SEEDS"), *from = getenv("FIRST");
    unsigned n = seeds ? (unsigned)atoi(seeds) : usual;
    unsigned first = from ? (unsigned)atoi(from) : 1;
    r.complaints = r.commands = r.accepted = r.ended = 0;
    for (unsigned k = 0; k < n; k++) {
        world(first + k);
    }
    print_message("%u worlds: %u commands, %u of them accepted; %u procedures succeeded; %u "
                  "complaints\n",
                  n, r.commands, r.accepted, r.ended, r.complaints);
    assert_int_equal(r.complaints, 0);
}

#endif
