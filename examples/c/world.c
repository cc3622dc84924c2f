/* Two hosts and a radio in one process, in virtual time: an hour of a sensor that is read every ten
 * seconds takes a blink, and a second run is the same to the octet.  No sockets, no threads, no
 * clock:
 *
 *     world [SEED [LOSS_PER_MILLE]] */
#include <woad/air.h>
#include <woad/woad.h>

#include <stdio.h>
#include <stdlib.h>

struct device {
    struct woad *host;
    struct woad_air_controller *ctl;
    struct woad_addr addr;
    unsigned long reads, losses;
    uint16_t conn;
};

static const struct woad_uuid service = WOAD_UUID16(0x181a), celsius = WOAD_UUID16(0x2a6e);
static const struct woad_attr attrs[] = { WOAD_PRIMARY(&service),
                                          WOAD_CHARACTERISTIC_CONST(&celsius, "\x66\x08", 2) };
enum { VALUE = 12 };

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    struct device *d = ctx;
    if (ev->type == WOAD_EV_UP) {
        woad_own_address(h, &d->addr);
        d->conn = WOAD_NO_CONN;
    } else if (ev->type == WOAD_EV_CONNECT) {
        d->conn = ev->conn;
    } else if (ev->type == WOAD_EV_DISCONNECT) {
        d->conn = WOAD_NO_CONN;
        d->losses++;
        if (!ev->u.disconnect.central)
            woad_adv_start(h, &adv);
    } else if (ev->type == WOAD_EV_READ) {
        d->reads++;
    }
}

static void device(struct device *d, struct woad_air *air, uint8_t number)
{
    static const struct woad_feature *const all[] = { &woad_feature_advertiser,
                                                      &woad_feature_central,
                                                      &woad_feature_gatt_server,
                                                      &woad_feature_gatt_client, NULL };
    struct woad_config host = { .features = all,
                                .event = on_event,
                                .ctx = d,
                                .conns = 1,
                                .attr_tables = 1,
                                .procedures = 2,
                                .mtu = 64,
                                .tx_queue = 128,
                                .request_queue = 128 };
    struct woad_air_controller_config c = {
        .address = { number, 0, 0, 0, 0, 2 }, .user = d, .x_mm = number * 3000, .queue = 4096
    };
    woad_air_profile("5.0", &c);
    d->host = woad_init(malloc(woad_size(&host)), woad_size(&host), &host);
    if (!d->host)
        exit(fprintf(stderr, "this config is not valid\n"));
    d->ctl = woad_air_attach(air, malloc(woad_air_controller_size(&c)),
                             woad_air_controller_size(&c), &c);
    woad_start(d->host);
}

/* Moves packets between a host and its controller until neither has more to send. */
static void pump(struct device *d, uint32_t now_ms)
{
    uint8_t p[WOAD_TX_ROOM + WOAD_AIR_PACKET];
    size_t n = 1;
    woad_poll(d->host, now_ms);
    while (n) {
        while ((n = woad_tx(d->host, p, sizeof p)) > 0)
            woad_air_rx(d->ctl, p, n);
        if ((n = woad_air_tx(d->ctl, p, sizeof p)) > 0)
            woad_rx(d->host, p, n);
    }
}

int main(int argc, char **argv)
{
    static const struct woad_connect_params params = { 160, 160, 80, 80, 4, 600, 0 };
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    struct woad_air_config config = { .seed = 1 };
    if (argc > 1) {
        config.seed = strtoull(argv[1], NULL, 0);
    }
    if (argc > 2) {
        config.loss_per_mille = (uint16_t)atoi(argv[2]);
    }
    struct woad_air *air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &config);
    struct device sensor = { 0 }, reader = { 0 };
    device(&sensor, air, 1);
    device(&reader, air, 2);
    for (uint32_t ms = 0; ms <= 3600000; ms += 10) {
        woad_air_step(air, ms * 1000ull);
        pump(&sensor, ms);
        pump(&reader, ms);
        if (ms == 0 && woad_gatt_add(sensor.host, attrs, 3, NULL) == 0)
            woad_adv_start(sensor.host, &adv);
        if (reader.conn == WOAD_NO_CONN)
            woad_connect(reader.host, &sensor.addr, &params);
        else if (ms % 10000 == 0)
            woad_gattc_read(reader.host, reader.conn, VALUE);
    }
    printf("an hour: %lu readings, %lu connections lost\n", reader.reads, reader.losses);
    return reader.reads < 300;
}
