/* The world: clock, random numbers, and the queue of controllers by their next deadline.
 * woad_air_step() runs it; everything else happens inside that call or between two of them.
 *
 * Names of other files:
 *   c: the controller
 *   activities: of a controller: the functions of each activity
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   all_next: the list of all controllers that are attached
 *   cfg: what the program gave when it made the controller, or the air:
 *       woad_air_controller_config
 *   deadline: us: when the controller's next activity or its radio is due; NEVER: not at all
 *   drift_ppm: how much faster the controller's clock runs
 *   heap: controllers in the order of their deadlines
 *   heap_child: the first child in the heap
 *   heap_next: the next sibling in the heap
 *   heap_prev: the elder sibling, or, of the first child, the parent
 *   hung: the simulation has stopped the controller, woad_air_hang(): nothing runs
 *   loss_per_mille: packets of a thousand that are lost by chance
 *   medium_forget(): drops copies on their way to a controller that is gone
 *   medium_next(): when the next delayed copy arrives; NEVER: none
 *   medium_on_timer(): delivers delayed copies that have arrived
 *   n_delayed: copies of packets that are on their way
 *   NEVER: a deadline that does not exist: later than any time
 *   next_id: id of the next controller that is attached
 *   radio_off(): stops the radio; nothing is received of a packet that is cut off
 *   radio_offer(): if the radio is free, a scanner with an open window listens again
 *   radio_run(): the radio's time `at` has come: a packet begins, ends, or was awaited in vain
 *   ready: packets wait for the host: the controller is in the air's list */
#include "world.h"

/* --- chance: xorshift64*, one stream for the whole world -------------------------------------- */

/* 32 bits; the state is air->seed. */
uint32_t air_random(struct woad_air *air)
{
    uint64_t x = air->seed;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    air->seed = x;
    return (uint32_t)((x * 0x2545f4914f6cdd1dull) >> 32);
}

/* 0 to n - 1. */
uint32_t air_random_below(struct woad_air *air, uint32_t n)
{
    return (uint32_t)(((uint64_t)air_random(air) * n) >> 32);
}

/* --- order: a pairing heap, its links in the controllers -------------------------------------- */

/* Whether a comes before b: of equal deadlines, the one attached first. */
static bool is_earlier(const controller *a, const controller *b)
{
    if (a->deadline != b->deadline) {
        return a->deadline < b->deadline;
    }
    return a->id < b->id;
}

/* Makes one heap of two: the later becomes the first child of the earlier. */
static controller *heap_meld(controller *a, controller *b)
{
    if (!a || !b) {
        controller *result = a;
        if (!result) {
            result = b;
        }
        return result;
    }
    if (is_earlier(b, a)) {
        controller *t = a;
        a = b;
        b = t;
    }
    b->heap_prev = a;
    b->heap_next = a->heap_child;
    if (a->heap_child) {
        a->heap_child->heap_prev = b;
    }
    a->heap_child = b;
    return a;
}

/* Melds a list of siblings in pairs, then the pairs from the right. */
static controller *heap_merge_pairs(controller *list)
{
    controller *done = NULL, *root = NULL;
    while (list) {
        controller *a = list, *b = a->heap_next;
        list = NULL;
        a->heap_next = a->heap_prev = NULL;
        if (b) {
            list = b->heap_next;
            b->heap_next = b->heap_prev = NULL;
        }
        a = heap_meld(a, b);
        a->heap_next = done;
        done = a;
    }
    while (done) {
        controller *next = done->heap_next;
        done->heap_next = NULL;
        root = heap_meld(root, done);
        done = next;
    }
    return root;
}

/* Takes a controller out of the heap, wherever it is. */
static void heap_remove(struct woad_air *air, controller *c)
{
    controller *below = heap_merge_pairs(c->heap_child);
    if (air->heap == c) {
        air->heap = below;
    } else {
        if (c->heap_prev->heap_child == c) {
            c->heap_prev->heap_child = c->heap_next;
        } else {
            c->heap_prev->heap_next = c->heap_next;
        }
        if (c->heap_next) {
            c->heap_next->heap_prev = c->heap_prev;
        }
        air->heap = heap_meld(air->heap, below);
    }
    c->heap_child = c->heap_next = c->heap_prev = NULL;
}

/* `us` longer or shorter by drift_ppm; *carry: millionths of a us that are left over. */
uint64_t controller_us_to_air(const controller *c, uint64_t us, int32_t *carry)
{
    int64_t parts = (int64_t)us * c->cfg.drift_ppm + *carry, whole = parts / 1000000;
    *carry = (int32_t)(parts - whole * 1000000);
    return us + (uint64_t)whole;
}

/* Puts the controller in its place in the heap, by the earliest of its radio's and its activities'
 * deadlines. */
void controller_schedule(controller *c)
{
    uint64_t due = NEVER;
    if (c->radio.state != RADIO_OFF) {
        due = c->radio.at;
    }
    for (const struct activity *a = c->activities; a < c->activities + ACTIVITIES; a++) {
        if (a->next) {
            due = earlier(due, a->next(c));
        }
    }
    if (c->hung) {
        due = NEVER;
    }
    if (due == c->deadline) {
        return;
    }
    heap_remove(c->air, c);
    c->deadline = due;
    c->air->heap = heap_meld(c->air->heap, c);
}

/* --- the world -------------------------------------------------------------------------------- */

/* air.h says what each function of the program does. */
size_t woad_air_size(void)
{
    return sizeof(struct woad_air);
}

struct woad_air *woad_air_init(void *mem, size_t len, const struct woad_air_config *config)
{
    if (!mem || !config || len < sizeof(struct woad_air) || config->loss_per_mille > 1000) {
        return NULL;
    }
    struct woad_air *air = mem;
    memset(air, 0, sizeof *air);
    air->cfg = *config;
    air->seed = config->seed * 0x9e3779b97f4a7c15ull + 0x632be59bd9b4e019ull;
    if (!air->seed) {
        air->seed = 1;
    }
    return air;
}

void woad_air_set_loss(struct woad_air *air, uint16_t per_mille)
{
    air->cfg.loss_per_mille = per_mille;
    if (per_mille > 1000) {
        air->cfg.loss_per_mille = 1000;
    }
}

uint64_t woad_air_now(const struct woad_air *air)
{
    return air->now;
}

/* When the first controller, or a delayed packet, is due; NEVER: nothing is. */
uint64_t woad_air_next(const struct woad_air *air)
{
    uint64_t next = NEVER;
    if (air->heap) {
        next = air->heap->deadline;
    }
    uint64_t result = next;
    if (air->n_delayed) {
        result = earlier(next, medium_next(air));
    }
    return result;
}

/* Runs the first activity with an expired deadline. The radio comes first: a packet that it
 * receives may change the other deadlines. */
static void controller_run(controller *c)
{
    uint64_t now = c->air->now;
    if (c->radio.state != RADIO_OFF && c->radio.at <= now) {
        radio_run(c);
    } else {
        const struct activity *a = c->activities, *end = a + ACTIVITIES;
        while (a < end && (!a->next || a->next(c) > now)) {
            a++;
        }
        if (a < end) {
            a->on_timer(c);
        }
    }
    radio_offer(c);
    controller_schedule(c);
}

/* Runs all that is due until `until_us`, in order. */
void woad_air_step(struct woad_air *air, uint64_t until_us)
{
    uint64_t next;
    while ((next = woad_air_next(air)) <= until_us && next != NEVER) {
        if (next > air->now) {
            air->now = next;
        }
        if (air->n_delayed && medium_next(air) <= air->now) {
            medium_on_timer(air);
        } else {
            controller_run(air->heap);
        }
    }
    if (until_us != NEVER && until_us > air->now) {
        air->now = until_us;
    }
}

/* The same, but only until a controller has a packet for its host. */
struct woad_air_controller *woad_air_until(struct woad_air *air, uint64_t until_us)
{
    uint64_t next = woad_air_next(air);
    while (!air->ready && next <= until_us && next != NEVER) {
        woad_air_step(air, next);
        next = woad_air_next(air);
    }
    if (!air->ready) {
        woad_air_step(air, until_us);
    }
    return woad_air_ready(air);
}

/* --- controllers with packets for their hosts, in order --------------------------------------- */

/* The controller's queue has got a packet: puts it behind the others that have some. */
void controller_ready(controller *c)
{
    struct woad_air *air = c->air;
    if (c->ready) {
        return;
    }
    c->ready = true;
    c->ready_next = NULL;
    c->ready_prev = air->ready_last;
    if (air->ready_last) {
        air->ready_last->ready_next = c;
    } else {
        air->ready = c;
    }
    air->ready_last = c;
}

/* Takes a controller off the list, if it is in it. */
static void ready_remove(controller *c)
{
    struct woad_air *air = c->air;
    if (!c->ready) {
        return;
    }
    c->ready = false;
    if (c->ready_prev) {
        c->ready_prev->ready_next = c->ready_next;
    } else {
        air->ready = c->ready_next;
    }
    if (c->ready_next) {
        c->ready_next->ready_prev = c->ready_prev;
    } else {
        air->ready_last = c->ready_prev;
    }
}

/* Takes the first off the list; NULL: there is none. */
struct woad_air_controller *woad_air_ready(struct woad_air *air)
{
    controller *c = air->ready;
    if (c) {
        ready_remove(c);
    }
    return c;
}

void *woad_air_user(const struct woad_air_controller *c)
{
    return c->cfg.user;
}

/* With no deadline, at first: the caller schedules it. */
void air_attach(struct woad_air *air, controller *c)
{
    c->air = air;
    c->id = air->next_id++;
    c->deadline = NEVER;
    c->all_next = air->all;
    if (air->all) {
        air->all->all_prev = c;
    }
    air->all = c;
    air->heap = heap_meld(air->heap, c);
}

/* Takes the controller off the air and off all lists; its memory is the program's again. */
void woad_air_detach(struct woad_air_controller *c)
{
    struct woad_air *air = c->air;
    if (!air) {
        return; /* attached after the snapshot that was restored: not in this world */
    }
    radio_off(c);
    ready_remove(c);
    medium_forget(air, c);
    heap_remove(air, c);
    if (c->all_prev) {
        c->all_prev->all_next = c->all_next;
    } else {
        air->all = c->all_next;
    }
    if (c->all_next) {
        c->all_next->all_prev = c->all_prev;
    }
}
