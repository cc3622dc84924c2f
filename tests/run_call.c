/* API calls in transcripts: a verb, up to two numbers, octets. */
#include "run.h"

#include <stdio.h>
#include <string.h>

static const struct woad_uuid u_heart = WOAD_UUID16(0x180d), u_rate = WOAD_UUID16(0x2a37);
static const struct woad_connect_params connect_params = { 16, 16, 24, 40, 0, 256, 2000 };
static const struct woad_addr peer = { 0, { 9, 9, 9, 9, 9, 9 } };

static int do_notify(struct run *r, const struct args *x)
{
    return woad_gatt_notify(r->h, r->conn, x->a, x->data, x->n);
}

static int do_latest(struct run *r, const struct args *x)
{
    return woad_gatt_notify_latest(r->h, r->conn, x->a, x->data, x->n);
}

/* Notifies two values in one packet: all octets to handle `a`, all but the first to the next
 * handle. */
static int do_notify_two(struct run *r, const struct args *x)
{
    const struct woad_gatt_value two[] = { { x->a, (uint16_t)x->n, x->data },
                                           { (uint16_t)(x->a + 1), (uint16_t)(x->n - 1),
                                             x->data + 1 } };
    return woad_gatt_notify_multiple(r->h, r->conn, two, 2);
}

static int do_indicate(struct run *r, const struct args *x)
{
    return woad_gatt_indicate(r->h, r->conn, x->a, x->data, x->n);
}

static int do_answer(struct run *r, const struct args *x)
{
    return woad_gatt_answer(r->h, r->conn, (uint8_t)x->a, x->data, x->n);
}

static int do_answer_later(struct run *r, const struct args *x)
{
    (void)x;
    return woad_gatt_answer_later(r->h, r->conn);
}

/* answer_long ERROR N: answers with the n octets 00 01 02 … */
static int do_answer_long(struct run *r, const struct args *x)
{
    uint8_t value[600];
    for (size_t k = 0; k < sizeof value; k++) {
        value[k] = (uint8_t)k;
    }
    return woad_gatt_answer(r->h, r->conn, (uint8_t)x->a, value, x->b < 600 ? x->b : 600);
}

static int do_add(struct run *r, const struct args *x)
{
    return add_more(r->h, x->a);
}

static int do_remove(struct run *r, const struct args *x)
{
    return woad_gatt_remove(r->h, x->a);
}

static int do_clear(struct run *r, const struct args *x)
{
    (void)x;
    return woad_gatt_clear(r->h);
}

static int do_subscription(struct run *r, const struct args *x)
{
    return woad_gatt_subscription(r->h, r->conn, x->a);
}

static int do_mtu(struct run *r, const struct args *x)
{
    (void)x;
    return woad_gattc_exchange_mtu(r->h, r->conn);
}

static int do_services(struct run *r, const struct args *x)
{
    return woad_gattc_services(r->h, r->conn, x->a ? &u_heart : NULL);
}

static int do_secondary(struct run *r, const struct args *x)
{
    (void)x;
    return woad_gattc_secondary_services(r->h, r->conn);
}

static int do_characteristics(struct run *r, const struct args *x)
{
    return woad_gattc_characteristics(r->h, r->conn, x->a, x->b, NULL);
}

static int do_characteristics_of(struct run *r, const struct args *x)
{
    return woad_gattc_characteristics(r->h, r->conn, x->a, x->b, &u_rate);
}

static int do_find(struct run *r, const struct args *x)
{
    return woad_gattc_find(r->h, r->conn, x->a ? &u_heart : NULL, &u_rate);
}

/* subscribe VALUE END BITS */
static int do_subscribe(struct run *r, const struct args *x)
{
    return woad_gattc_subscribe(r->h, r->conn, x->a, x->b, x->n ? x->data[0] : 0);
}

static int do_subscribers(struct run *r, const struct args *x)
{
    return woad_gatt_notify_subscribers(r->h, x->a, x->data, x->n);
}

static int do_descriptors(struct run *r, const struct args *x)
{
    return woad_gattc_descriptors(r->h, r->conn, x->a, x->b);
}

static int do_included(struct run *r, const struct args *x)
{
    return woad_gattc_included(r->h, r->conn, x->a, x->b);
}

static int do_by_uuid(struct run *r, const struct args *x)
{
    return woad_gattc_read_by_uuid(r->h, r->conn, x->a, x->b, &u_rate);
}

static size_t handle_list(uint16_t *list, const struct args *x)
{
    size_t n = x->n ? x->data[0] : 3;
    for (size_t k = 0; k < n && k < 40; k++) {
        list[k] = (uint16_t)(x->a + k);
    }
    return n;
}

static int do_multiple(struct run *r, const struct args *x)
{
    uint16_t list[40];
    return woad_gattc_read_multiple(r->h, r->conn, list, handle_list(list, x));
}

static int do_multiple_fixed(struct run *r, const struct args *x)
{
    uint16_t list[40];
    return woad_gattc_read_multiple_fixed(r->h, r->conn, list, handle_list(list, x));
}

static int do_read(struct run *r, const struct args *x)
{
    return woad_gattc_read(r->h, r->conn, x->a);
}

static int do_write(struct run *r, const struct args *x)
{
    return woad_gattc_write(r->h, r->conn, x->a, x->data, x->n);
}

static int do_long(struct run *r, const struct args *x)
{
    return woad_gattc_write_long(r->h, r->conn, x->a, x->data, x->n, false);
}

static int do_reliable(struct run *r, const struct args *x)
{
    return woad_gattc_write_long(r->h, r->conn, x->a, x->data, x->n, true);
}

static int do_command(struct run *r, const struct args *x)
{
    return woad_gattc_write_command(r->h, r->conn, x->a, x->data, x->n);
}

static int do_gattc_cancel(struct run *r, const struct args *x)
{
    (void)x;
    return woad_gattc_cancel(r->h, r->conn);
}

static int do_disconnect(struct run *r, const struct args *x)
{
    (void)x;
    return woad_disconnect(r->h, r->conn, 0x13);
}

static int do_update(struct run *r, const struct args *x)
{
    (void)x;
    return woad_conn_update(r->h, r->conn, &connect_params);
}

/* Sets limits of the connection interval: 0x20 to 0x40 units, no latency. */
static int do_limits(struct run *r, const struct args *x)
{
    const struct woad_conn_limits limits = { 0x20, 0x40, true, 0 };
    (void)x;
    return woad_set_conn_limits(r->h, &limits);
}

static int do_connect(struct run *r, const struct args *x)
{
    return woad_connect(r->h, x->a ? NULL : &peer, &connect_params);
}

static int do_cancel(struct run *r, const struct args *x)
{
    (void)x;
    return woad_connect_cancel(r->h);
}

static int do_scan(struct run *r, const struct args *x)
{
    const struct woad_scan_params p = { 16, 16, false, false, 1000, x->a != 0 };
    return woad_scan_start(r->h, &p);
}

static int do_scan_stop(struct run *r, const struct args *x)
{
    (void)x;
    return woad_scan_stop(r->h);
}

/* advertise KIND FILTER_POLICY */
static int do_advertise(struct run *r, const struct args *x)
{
    struct woad_adv_params p = { .kind = (uint8_t)x->a,
                                 .interval_625us = 32,
                                 .filter_policy = (uint8_t)x->b };
    if (p.kind == WOAD_ADV_DIRECT_HIGH || p.kind == WOAD_ADV_DIRECT_LOW) {
        p.peer = peer;
    }
    return woad_adv_start(r->h, &p);
}

static int do_adv_stop(struct run *r, const struct args *x)
{
    (void)x;
    return woad_adv_stop(r->h);
}

/* accept N: puts n peers on the accept list. */
static int do_accept(struct run *r, const struct args *x)
{
    struct woad_addr list[8] = { { 0 } };
    for (uint8_t k = 0; k < 8; k++) {
        list[k] = (struct woad_addr){ k & 1, { k, 1, 2, 3, 4, 5 } };
    }
    return woad_accept_list_set(r->h, list, x->a);
}

static int do_link(struct run *r, const struct args *x)
{
    return woad_link_read(r->h, r->conn, (enum woad_link_item)x->a);
}

static int do_data_length(struct run *r, const struct args *x)
{
    return woad_link_set_data_length(r->h, r->conn, x->a);
}

static int do_phy(struct run *r, const struct args *x)
{
    return woad_link_set_phy(r->h, r->conn, (uint8_t)x->a, (uint8_t)x->b, WOAD_CODING_ANY);
}

static int do_channels(struct run *r, const struct args *x)
{
    return x->n == 5 ? woad_set_channel_map(r->h, x->data) : -9999;
}

static int do_start(struct run *r, const struct args *x)
{
    (void)x;
    return woad_start(r->h);
}

static int do_stop(struct run *r, const struct args *x)
{
    (void)x;
    return woad_stop(r->h);
}

static int do_fail(struct run *r, const struct args *x)
{
    (void)x;
    woad_fail(r->h, WOAD_EIO);
    return 0;
}

#define VERB(name, numbers) \
    { \
#name, numbers, do_##name \
    }
static const struct verb verbs[] = {
    VERB(notify, 1),
    VERB(latest, 1),
    VERB(notify_two, 1),
    VERB(indicate, 1),
    VERB(answer, 1),
    VERB(answer_later, 0),
    VERB(answer_long, 2),
    VERB(add, 1),
    VERB(remove, 1),
    VERB(clear, 0),
    VERB(subscription, 1),
    VERB(mtu, 0),
    VERB(services, 1),
    VERB(secondary, 0),
    VERB(characteristics, 2),
    VERB(characteristics_of, 2),
    VERB(find, 1),
    VERB(subscribe, 2),
    VERB(subscribers, 1),
    VERB(descriptors, 2),
    VERB(included, 2),
    VERB(by_uuid, 2),
    VERB(multiple, 1),
    VERB(multiple_fixed, 1),
    VERB(read, 1),
    VERB(write, 1),
    VERB(long, 1),
    VERB(reliable, 1),
    VERB(command, 1),
    VERB(gattc_cancel, 0),
    VERB(disconnect, 0),
    VERB(update, 0),
    VERB(limits, 0),
    VERB(connect, 1),
    VERB(cancel, 0),
    VERB(scan, 1),
    VERB(scan_stop, 0),
    VERB(advertise, 2),
    VERB(adv_stop, 0),
    VERB(accept, 1),
    VERB(link, 1),
    VERB(data_length, 1),
    VERB(phy, 2),
    VERB(channels, 0),
    VERB(start, 0),
    VERB(stop, 0),
    VERB(fail, 0),
    { NULL, 0, NULL },
};

static const struct verb *verb_of(const struct verb *v, const char *text)
{
    size_t word = strcspn(text, " ");
    while (v->name && !(strlen(v->name) == word && strncmp(v->name, text, word) == 0)) {
        v++;
    }
    return v->name ? v : NULL;
}

int call(struct run *r, const char *text)
{
    uint8_t data[PACKET];
    const struct verb *v = verb_of(verbs, text);
    v = v ? v : verb_of(coc_verbs, text);
    if (!v) {
        return -9999;
    }
    unsigned number[2] = { 0, 0 };
    const char *rest = text + strlen(v->name);
    for (int k = 0, used = 0; k < v->numbers; k++, rest += used, used = 0) {
        sscanf(rest, "%x%n", &number[k], &used);
    }
    struct args x = { (uint16_t)number[0], (uint16_t)number[1], data,
                      unhex(rest, data, sizeof data) };
    return x.n == SIZE_MAX ? -9999 : v->run(r, &x);
}
