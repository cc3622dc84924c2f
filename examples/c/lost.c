/* The effect of one lost packet.  Two hosts connect and a value is read, again and again from the
 * same snapshot of the world, each time with another packet lost; prints what the reader sees.
 * Shows snapshots, faults by rule and virtual time. */
#include <woad/air.h>
#include <woad/woad.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct device {
    struct woad *host;
    struct woad_air_controller *ctl;
    size_t size;
    void *before; /* a copy of the host, which is one block of memory */
    struct woad_addr addr;
    uint16_t conn;
    uint32_t lived_ms, connected_ms, read_ms;
    unsigned connects;
};

/* The rule: lose the `lose`th packet from now on that reaches a receiver. */
static struct {
    unsigned heard, lose;
    uint8_t channel, octets;
} fault;

static bool meddle(void *ctx, const struct woad_air_packet *packet,
                   const struct woad_air_controller *to, uint8_t *pdu,
                   struct woad_air_delivery *fate)
{
    (void)ctx, (void)to, (void)pdu, (void)fate;
    if (++fault.heard != fault.lose)
        return true;
    fault.channel = packet->channel;
    fault.octets = (uint8_t)packet->len;
    return false;
}

static const struct woad_uuid service = WOAD_UUID16(0x181a), celsius = WOAD_UUID16(0x2a6e);
static const struct woad_attr attrs[] = { WOAD_PRIMARY(&service),
                                          WOAD_CHARACTERISTIC_CONST(&celsius, "\x66\x08", 2) };
enum { VALUE = 12 };

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct device *d = ctx;
    if (ev->type == WOAD_EV_UP) {
        woad_own_address(h, &d->addr);
    } else if (ev->type == WOAD_EV_CONNECT) {
        d->connects++;
        d->conn = ev->conn;
        d->connected_ms = d->lived_ms;
        if (ev->u.connect.central)
            woad_gattc_read(h, ev->conn, VALUE);
    } else if (ev->type == WOAD_EV_READ) {
        d->read_ms = d->read_ms ? d->read_ms : d->lived_ms;
    }
}

static void device(struct device *d, struct woad_air *air, uint8_t number)
{
    static const struct woad_feature *const all[] = { &woad_feature_advertiser,
                                                      &woad_feature_central,
                                                      &woad_feature_gatt_server,
                                                      &woad_feature_gatt_client, NULL };
    struct woad_config host = { .features = all, .event = on_event, .ctx = d };
    struct woad_config_fault why;
    struct woad_air_controller_config c = { .address = { number, 0, 0, 0, 0, 2 },
                                            .x_mm = number * 3000,
                                            .queue = 4096 };
    woad_air_profile("5.0", &c);
    d->size = woad_size(&host);
    d->before = malloc(d->size);
    d->host = woad_init(malloc(d->size), d->size, &host);
    if (!d->host) {
        woad_init_check(d->host, d->size, &host, &why);
        fprintf(stderr, "%s\n", why.reason);
        exit(1);
    }
    d->ctl = woad_air_attach(air, malloc(woad_air_controller_size(&c)),
                             woad_air_controller_size(&c), &c);
    woad_start(d->host);
}

static void live(struct woad_air *air, struct device d[2], uint32_t from_ms, uint32_t until_ms)
{
    uint8_t p[WOAD_TX_ROOM + WOAD_AIR_PACKET];
    for (uint32_t ms = from_ms; ms <= until_ms; ms++) {
        woad_air_step(air, ms * 1000ull);
        for (int k = 0; k < 2; k++) {
            size_t n = 1;
            d[k].lived_ms = ms - from_ms;
            woad_poll(d[k].host, ms);
            while (n) {
                while ((n = woad_tx(d[k].host, p, sizeof p)) > 0)
                    woad_air_rx(d[k].ctl, p, n);
                if ((n = woad_air_tx(d[k].ctl, p, sizeof p)) > 0)
                    woad_rx(d[k].host, p, n);
            }
        }
    }
}

int main(void)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    static const struct woad_connect_params params = { 160, 160, 24, 24, 0, 300, 0 };
    struct woad_air_config config = { .seed = 4, .intercept = meddle };
    struct woad_air *air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &config);
    struct device d[2] = { { 0 }, { 0 } };
    device(&d[0], air, 1);
    device(&d[1], air, 2);
    live(air, d, 0, 20);
    woad_gatt_add(d[0].host, attrs, 3, NULL);
    woad_adv_start(d[0].host, &adv);
    woad_connect(d[1].host, &d[0].addr, &params);

    size_t size = woad_air_snapshot_size(air), stories = 0;
    void *before = malloc(size);
    struct device then[2] = { d[0], d[1] };
    woad_air_snapshot(air, before, size);
    for (int k = 0; k < 2; k++)
        memcpy(d[k].before, d[k].host, d[k].size);
    for (unsigned lose = 0; lose <= 12; lose++) {
        woad_air_restore(air, before, size);
        for (int k = 0; k < 2; k++) {
            memcpy(d[k].host, d[k].before, d[k].size);
            d[k] = then[k];
        }
        fault.heard = 0;
        fault.lose = lose;
        live(air, d, 20, 6000);
        if (lose)
            printf("without packet %2u (channel %2u, %2u octets): ", lose, fault.channel,
                   fault.octets);
        else
            printf("with every packet:                       ");
        printf("connected after %3u ms%s, ", (unsigned)d[1].connected_ms,
               d[1].connects > 1 ? ", at the second try" : "");
        stories += d[1].read_ms != 0;
        if (d[1].read_ms)
            printf("read after %u ms\n", (unsigned)d[1].read_ms);
        else
            printf("never read\n");
    }
    return stories < 11;
}
