/* The world: its clock, its chance, and the controllers in order of what they do next. */
#include "hci.h"

/* --- chance: xorshift64*, one stream for the whole world -------------------------------------- */

uint32_t air_random(struct woad_air *air)
{
    uint64_t x = air->seed;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    air->seed = x;
    return (uint32_t)((x * 0x2545f4914f6cdd1dull) >> 32);
}

uint32_t air_random_below(struct woad_air *air, uint32_t n)
{
    return (uint32_t)(((uint64_t)air_random(air) * n) >> 32);
}

/* --- order: a pairing heap, its links in the controllers -------------------------------------- */

static bool is_earlier(const controller *a, const controller *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->id < b->id;
}

static controller *heap_meld(controller *a, controller *b)
{
    if (!a || !b) {
        return a ? a : b;
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
        list = b ? b->heap_next : NULL;
        a->heap_next = a->heap_prev = NULL;
        if (b) {
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

/* What `us` by this controller's clock are on the air.  What is below a microsecond is carried to
 * the next time. */
uint64_t controller_us_to_air(const controller *c, uint64_t us, int32_t *carry)
{
    int64_t parts = (int64_t)us * c->cfg.drift_ppm + *carry, whole = parts / 1000000;
    *carry = (int32_t)(parts - whole * 1000000);
    return us + (uint64_t)whole;
}

static const uint16_t sca_ppm[8] = { 500, 250, 150, 100, 75, 50, 30, 20 };

/* The class of its clock: at least as bad as it is.  Vol 6, Part B, 2.3.3.1 */
uint8_t controller_sca(const controller *c)
{
    uint16_t ppm = (uint16_t)(c->cfg.drift_ppm < 0 ? -c->cfg.drift_ppm : c->cfg.drift_ppm);
    uint8_t class = 7;
    while (class && sca_ppm[class] < ppm) {
        class --;
    }
    return (uint8_t)(class > c->sca_worsened ? class - c->sca_worsened : 0);
}

/* How far two clocks may be apart after `us`, and 16 us of jitter.  4.2.4 */
uint32_t clock_widening(const controller *c, uint8_t peer_sca, uint64_t us)
{
    uint32_t ppm = (uint32_t)sca_ppm[controller_sca(c)] + sca_ppm[peer_sca & 7];
    return (uint32_t)((us * ppm + 999999) / 1000000) + 16;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Puts a controller where its next deadline belongs.  To be called after anything changed it. */
void controller_schedule(controller *c)
{
    uint64_t due = c->radio.state == RADIO_OFF ? NEVER : c->radio.at;
    for (const struct activity *a = air_activities; a < air_activities + ACTIVITIES; a++) {
        if (a->next) {
            due = earlier(due, a->next(c));
        }
    }
    due = c->hung ? NEVER : due;
    if (due == c->deadline) {
        return;
    }
    heap_remove(c->air, c);
    c->deadline = due;
    c->air->heap = heap_meld(c->air->heap, c);
}

/* --- the world -------------------------------------------------------------------------------- */

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

uint64_t woad_air_now(const struct woad_air *air)
{
    return air->now;
}

uint64_t woad_air_next(const struct woad_air *air)
{
    uint64_t next = air->heap ? air->heap->deadline : NEVER;
    return air->n_delayed ? earlier(next, medium_next(air)) : next;
}

/* Runs what is due of the first activity.  The radio comes before all: what it receives may change
 * what is due. */
static void controller_run(controller *c)
{
    uint64_t now = c->air->now;
    if (c->radio.state != RADIO_OFF && c->radio.at <= now) {
        radio_run(c);
    } else {
        unsigned k = 0;
        while (k < ACTIVITIES && (!air_activities[k].next || air_activities[k].next(c) > now)) {
            k++;
        }
        if (k < ACTIVITIES) {
            air_activities[k].on_timer(c);
        }
    }
    if (c->radio.state == RADIO_OFF) {
        scan_resume(c);
    }
    controller_schedule(c);
}

void woad_air_step(struct woad_air *air, uint64_t until_us)
{
    uint64_t next;
    while ((next = woad_air_next(air)) <= until_us && next != NEVER) {
        air->now = next > air->now ? next : air->now;
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

/* --- controllers ------------------------------------------------------------------------------ */

static size_t aligned(size_t n)
{
    return (n + 15) / 16 * 16;
}

static bool config_valid(const struct woad_air_controller_config *c)
{
    return c && c->conns && c->conns <= 64 && c->acl_count && c->acl_count <= 64 &&
           c->acl_len >= 27 && c->acl_len <= 251 && c->queue >= 2048 && c->adv_sets <= 64 &&
           c->iso <= 16 && c->drift_ppm >= -500 && c->drift_ppm <= 500;
}

/* Legacy advertising is one set, of 31 octets. */
enum { ADV_DATA = 31, EXT_DATA = 1650 };
static size_t n_sets_of(const struct woad_air_controller_config *c)
{
    return c->adv_sets ? c->adv_sets : 1;
}

static uint16_t adv_room(const struct woad_air_controller_config *c)
{
    return c->adv_sets ? EXT_DATA : ADV_DATA;
}

/* Its data, its scan response, and its periodic data. */
static size_t set_size(const struct woad_air_controller_config *c)
{
    return sizeof(struct ll_adv) + (c->adv_sets ? 3u : 2u) * adv_room(c);
}

static void layout_sets(controller *c, uint8_t *at)
{
    c->n_sets = (uint8_t)n_sets_of(&c->cfg);
    c->sets = (struct ll_adv *)(void *)at;
    at += c->n_sets * sizeof *c->sets;
    for (uint8_t n = 0; n < c->n_sets; n++) {
        c->sets[n].room = adv_room(&c->cfg);
        c->sets[n].data = at + n * (set_size(&c->cfg) - sizeof *c->sets);
        c->sets[n].rsp = c->sets[n].data + adv_room(&c->cfg);
        c->sets[n].periodic.data = c->cfg.adv_sets ? c->sets[n].rsp + adv_room(&c->cfg) : NULL;
    }
}

size_t woad_air_controller_size(const struct woad_air_controller_config *c)
{
    if (!config_valid(c)) {
        return 0;
    }
    return aligned(sizeof(controller)) + aligned(c->conns * sizeof(struct link)) +
           aligned(n_sets_of(c) * set_size(c)) + aligned(c->iso * sizeof(struct iso)) +
           aligned(c->acl_count * (sizeof(struct acl_buffer) + c->acl_len)) + aligned(c->queue);
}

struct woad_air_controller *woad_air_attach(struct woad_air *air, void *mem, size_t len,
                                            const struct woad_air_controller_config *config)
{
    size_t need = woad_air_controller_size(config);
    if (!mem || !need || len < need) {
        return NULL;
    }
    memset(mem, 0, need);
    controller *c = mem;
    uint8_t *at = (uint8_t *)mem + aligned(sizeof *c);
    c->air = air;
    c->cfg = *config;
    c->links = (struct link *)(void *)at;
    at += aligned(config->conns * sizeof(struct link));
    layout_sets(c, at);
    at += aligned(n_sets_of(config) * set_size(config));
    c->iso = (struct iso *)(void *)at;
    at += aligned(config->iso * sizeof(struct iso));
    c->buffers = (struct acl_buffer *)(void *)at;
    uint8_t *data = at + config->acl_count * sizeof(struct acl_buffer);
    for (size_t i = 0; i < config->acl_count; i++) {
        c->buffers[i].data = data + i * config->acl_len;
    }
    at += aligned(config->acl_count * (sizeof(struct acl_buffer) + config->acl_len));
    c->host_queue.mem = at;
    fifo_begin(&c->host_queue, config->queue);
    c->id = air->next_id++;
    c->deadline = NEVER;
    c->all_next = air->all;
    if (air->all) {
        air->all->all_prev = c;
    }
    air->all = c;
    air->heap = heap_meld(air->heap, c);
    cmd_reset(c);
    return c;
}

/* --- those that have something for their hosts, in order -------------------------------------- */

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

static void ready_remove(controller *c)
{
    struct woad_air *air = c->air;
    if (!c->ready) {
        return;
    }
    c->ready = false;
    *(c->ready_prev ? &c->ready_prev->ready_next : &air->ready) = c->ready_next;
    *(c->ready_next ? &c->ready_next->ready_prev : &air->ready_last) = c->ready_prev;
}

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

void woad_air_detach(struct woad_air_controller *c)
{
    struct woad_air *air = c->air;
    if (!air) {
        return; /* it came after what the world was put back to */
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

void woad_air_leave(struct woad_air_controller *c)
{
    c->leaving = true;
    for (uint8_t n = 0; n < c->n_sets; n++) {
        c->sets[n].periodic.enabled = false;
        adv_enable(c, &c->sets[n], false);
    }
    scan_enable(c, false);
    c->scan.connecting = false;
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        if (c->links[i].used) {
            control_terminate(c, i, WOAD_HCI_REMOTE_POWER_OFF);
        }
    }
    controller_schedule(c);
}

bool woad_air_idle(const struct woad_air_controller *c)
{
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        if (c->links[i].used) {
            return false;
        }
    }
    return true;
}

int woad_air_rx(struct woad_air_controller *c, const uint8_t *packet, size_t len)
{
    struct rd in = rd_of(packet, len);
    uint8_t type = rd_u8(&in);
    int result = -74;
    if (c->hung) {
        return 0;
    }
    if (type == H4_COMMAND) {
        result = evt_room(c, 300) ? cmd_rx(c, &in) : -11;
    } else if (type == H4_ACL) {
        result = data_from_host(c, &in);
    } else if (type == H4_ISO) {
        result = iso_from_host(c, &in);
    } else if (type == H4_SCO) {
        result = 0; /* SCO: there is nobody it could be for */
    }
    if (c->radio.state == RADIO_OFF) {
        scan_resume(c);
    }
    controller_schedule(c);
    return result;
}

size_t woad_air_tx(struct woad_air_controller *c, uint8_t *buf, size_t room)
{
    const uint8_t *packet = fifo_first(&c->host_queue);
    size_t len = packet ? fifo_len(packet) : 0;
    if (!len || len > room || c->hung) {
        return 0;
    }
    memcpy(buf, packet, len);
    fifo_drop(&c->host_queue);
    return len;
}
