#include "world.h"

#include <stdlib.h>
#include <string.h>

/* Logs an event with a copy of its octets. */
static void keep(struct device *d, const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_REPORT) {
        d->reports++;
        if (!d->keep_reports) {
            return;
        }
    }
    if (d->logged == WORLD_LOG) {
        return;
    }
    struct seen *s = &d->log[d->logged++];
    s->ev = *ev;
    if (ev->type == WOAD_EV_REPORT) {
        memcpy(s->data, ev->u.report.data, ev->u.report.len);
        s->ev.u.report.data = s->data;
    } else if (ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.len) {
        memcpy(s->data, ev->u.gatt_write.data, ev->u.gatt_write.len);
    } else if ((ev->type == WOAD_EV_READ || ev->type == WOAD_EV_NOTIFIED ||
                ev->type == WOAD_EV_INDICATION) &&
               ev->u.value.len) {
        memcpy(s->data, ev->u.value.data, ev->u.value.len);
    }
}

/* Event callback of all hosts: logs, and answers reads and writes with the device's value. */
static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct device *d = ctx;
    keep(d, ev);
    if (ev->type == WOAD_EV_UP) {
        woad_own_address(h, &d->addr);
    } else if (ev->type == WOAD_EV_GATT_READ && !d->own_answers) {
        woad_gatt_answer(h, ev->conn, 0, d->value, d->value_len);
    } else if (ev->type == WOAD_EV_GATT_WRITE && !d->own_answers) {
        size_t end = (size_t)ev->u.gatt_write.offset + ev->u.gatt_write.len;
        if (ev->u.gatt_write.len) {
            memcpy(d->value + ev->u.gatt_write.offset, ev->u.gatt_write.data, ev->u.gatt_write.len);
        }
        d->value_len = end;
        if (ev->u.gatt_write.need_answer) {
            woad_gatt_answer(h, ev->conn, 0, NULL, 0);
        }
    }
    if (d->own_answers && (ev->type == WOAD_EV_GATT_READ ||
                           (ev->type == WOAD_EV_GATT_WRITE && ev->u.gatt_write.need_answer))) {
        woad_gatt_answer_later(h, ev->conn);
    }
    if (d->on_event) {
        d->on_event(d, ev);
    }
}

struct world *world_new(uint64_t seed, uint16_t loss_per_mille)
{
    struct world *w = calloc(1, sizeof *w);
    struct woad_air_config cfg = { .seed = seed, .loss_per_mille = loss_per_mille };
    w->air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &cfg);
    CHECK(w->air);
    w->honest = getenv("WORLD_HONEST") != NULL;
    return w;
}

void device_free(struct device *d)
{
    free(d->memory[0]);
    free(d->memory[1]);
    free(d->seen);
    free(d->log);
    device_close_log(d);
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->devices; i++) {
        woad_air_detach(w->device[i].air_controller);
        device_free(&w->device[i]);
    }
    free(w->air);
    free(w);
}

struct woad_config world_host_config(uint8_t conns)
{
    static const struct woad_feature *const all[] = { &woad_feature_advertiser,
                                                      &woad_feature_scanner,
                                                      &woad_feature_central,
                                                      &woad_feature_gatt_server,
                                                      &woad_feature_long_values,
                                                      &woad_feature_read_multiple,
                                                      &woad_feature_signed_writes,
                                                      &woad_feature_pipelining,
                                                      &woad_feature_type_index,
                                                      &woad_feature_gatt_client,
                                                      &woad_feature_accept_list,
                                                      &woad_feature_link_control,
                                                      NULL };
    static const struct woad_feature *const extended[] = { &woad_feature_advertiser,
                                                           &woad_feature_scanner,
                                                           &woad_feature_central,
                                                           &woad_feature_gatt_server,
                                                           &woad_feature_long_values,
                                                           &woad_feature_read_multiple,
                                                           &woad_feature_signed_writes,
                                                           &woad_feature_pipelining,
                                                           &woad_feature_type_index,
                                                           &woad_feature_gatt_client,
                                                           &woad_feature_accept_list,
                                                           &woad_feature_link_control,
                                                           &woad_feature_extended_advertising,
                                                           NULL };
    return (struct woad_config){ .features = getenv("WORLD_EXTENDED") ? extended : all,
                                 .conns = conns,
                                 .attr_tables = 4,
                                 .subscriptions = 8,
                                 .procedures = 8,
                                 .mtu = 527,
                                 .tx_queue = 2048,
                                 .accept_list = 8,
                                 .pipeline_queue = 64,
                                 .attr_index = 2000,
                                 .request_queue = 2048,
                                 .prepare_queue = 1024 };
}

struct woad_air_controller_config world_controller_config(struct world *w, uint8_t conns)
{
    struct woad_air_controller_config c = { .address = { 0, 0, 0x44, 0x41, 0x4f, 0x02 },
                                            .x_mm = (int32_t)w->devices * 1000,
                                            .conns = conns,
                                            .acl_count = 8,
                                            .acl_len = 251,
                                            .queue = 8192,
                                            .crypto = &woad_mbedtls,
                                            .adv_sets = getenv("WORLD_EXTENDED") ? 1 : 0 };
    c.address[0] = (uint8_t)(w->devices + 1);
    return c;
}

static uint64_t hash_packet(uint64_t hash, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ p[i]) * 1099511628211ull;
    }
    return hash * 31 + n;
}

static void pump_one(struct device *d)
{
    if (++d->packets == d->act_at) {
        d->act(d);
    }
}

bool device_tx(struct device *d)
{
    uint8_t packet[WOAD_TX_ROOM];
    size_t n;
    bool any = false;
    while ((n = woad_tx(d->host, packet, sizeof packet)) > 0) {
        d->hash = hash_packet(d->hash, packet, n);
        device_log(d, false, packet, n);
        bool give = device_compare(d, packet, n);
        pump_one(d);
        if (d->on_packet) {
            d->on_packet(d, packet, n);
        }
        CHECK(d->mute || !give || woad_air_rx(d->air_controller, packet, n) == 0 || d->lied_to);
        any = true;
    }
    return any;
}

bool device_rx(struct device *d)
{
    uint8_t packet[WOAD_AIR_PACKET];
    size_t n = device_take(d, packet, sizeof packet);
    if (!n) {
        return false;
    }
    d->hash = hash_packet(d->hash, packet, n);
    device_log(d, true, packet, n);
    pump_one(d);
    if (d->on_received) {
        d->on_received(d, packet, n);
    }
    if (!d->deaf) {
        CHECK(woad_rx(d->host, packet, n) == 0 || d->lied_to);
    }
    return true;
}

static bool pump(struct device *d)
{
    bool any = device_tx(d);
    while (device_rx(d)) {
        any = true;
    }
    return any;
}

void world_pump(struct world *w)
{
    if (w->honest) {
        honest_run(w, 0);
        return;
    }
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < w->devices; i++) {
            any = pump(&w->device[i]) || any;
        }
    }
}

/* Calls woad_poll() of all hosts; returns the next time at which something happens, at most
 * `end`. */
static uint64_t world_next(struct world *w, uint64_t end)
{
    uint64_t next = world_next_us(w), now = woad_air_now(w->air);
    for (size_t i = 0; i < w->devices; i++) {
        uint32_t ms = woad_poll(w->device[i].host, (uint32_t)(now / 1000));
        uint64_t at = ms == WOAD_FOREVER ? UINT64_MAX : (now / 1000 + ms) * 1000;
        next = at < next ? at : next;
    }
    return next < end ? next : end;
}

void world_run(struct world *w, uint64_t us)
{
    if (w->honest) {
        honest_run(w, us);
        return;
    }
    uint64_t end = woad_air_now(w->air) + us;
    world_pump(w);
    while (woad_air_now(w->air) < end) {
        uint64_t next = world_next(w, end);
        world_pump(w); /* woad_poll() may have queued packets */
        if (next <= woad_air_now(w->air)) {
            next = woad_air_now(w->air) + 1;
        }
        woad_air_step(w->air, next);
        world_pump(w);
    }
    world_next(w, end); /* tells all hosts the time */
    world_pump(w);
}

const struct seen *device_find(const struct device *d, enum woad_event_type type)
{
    for (size_t i = 0; i < d->logged; i++) {
        if (d->log[i].ev.type == type) {
            return &d->log[i];
        }
    }
    return NULL;
}

size_t device_count(const struct device *d, enum woad_event_type type)
{
    size_t n = 0;
    for (size_t i = 0; i < d->logged; i++) {
        n += d->log[i].ev.type == type;
    }
    return n;
}

void device_forget(struct device *d)
{
    d->logged = 0;
}

const struct seen *world_wait(struct world *w, struct device *d, enum woad_event_type type,
                              uint64_t us)
{
    if (w->honest) {
        return honest_wait(w, d, type, us);
    }
    uint64_t end = woad_air_now(w->air) + us;
    const struct seen *s;
    while (!(s = device_find(d, type)) && woad_air_now(w->air) < end) {
        world_run(w, 100);
    }
    return s;
}

struct device *world_add_config(struct world *w, struct woad_config host,
                                struct woad_air_controller_config controller)
{
    CHECK(w->devices < WORLD_MAX);
    struct device *d = &w->device[w->devices];
    d->world = w;
    host.event = on_event;
    host.ctx = d;
    size_t host_size = woad_size(&host), controller_size = woad_air_controller_size(&controller);
    CHECK(host_size && controller_size);
    d->memory[0] = malloc(host_size);
    d->memory[1] = malloc(controller_size);
    d->memory_len[0] = host_size;
    d->memory_len[1] = controller_size;
    d->host = woad_init(d->memory[0], host_size, &host);
    d->air_controller = woad_air_attach(w->air, d->memory[1], controller_size, &controller);
    d->log = calloc(WORLD_LOG, sizeof *d->log);
    d->seen = calloc(1, host_size);
    CHECK(d->host && d->air_controller && d->log && d->seen);
    w->devices++;
    device_open_log(d);
    CHECK(woad_start(d->host) == 0);
    world_pump(w);
    CHECK(device_find(d, WOAD_EV_UP));
    device_forget(d);
    return d;
}

struct device *world_add(struct world *w, uint8_t conns)
{
    return world_add_config(w, world_host_config(conns), world_controller_config(w, conns));
}

uint64_t world_hash(const struct world *w)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < w->devices; i++) {
        hash = hash * 1099511628211ull ^ w->device[i].hash;
    }
    return hash;
}
