/* The speed of the air with hosts and link layers, on one core: `build/bench/air`. */
#include "devices.h"

static void stream(struct device *d)
{
    static const uint8_t value[20] = { 1 };
    while (woad_gatt_notify(d->host, d->conn, VALUE, value, sizeof value) == 0) {
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct device *d = ctx;
    (void)h;
    keep(d, ev);
    if (ev->type == WOAD_EV_CONNECT) {
        d->streams = !ev->u.connect.central;
        if (d->streams && w.as_fast_as_can_be) {
            stream(d);
        }
    } else if (ev->type == WOAD_EV_DISCONNECT) {
        d->streams = false;
    } else if (ev->type == WOAD_EV_TX_READY && d->streams && w.as_fast_as_can_be) {
        stream(d);
    } else if (ev->type == WOAD_EV_NOTIFIED || ev->type == WOAD_EV_REPORT) {
        d->got++;
    }
}

static const struct woad_feature *const all[] = {
    &woad_feature_advertiser,  &woad_feature_scanner,     &woad_feature_central,
    &woad_feature_gatt_server, &woad_feature_gatt_client, NULL
};
static const struct woad_config host = { .features = all,
                                         .event = on_event,
                                         .conns = 1,
                                         .attr_tables = 1,
                                         .subscriptions = 1,
                                         .procedures = 1,
                                         .mtu = 64,
                                         .tx_queue = 512,
                                         .request_queue = 66 };

/* Two devices that send notifications as fast as the link allows. */
static void two(double *x_realtime, double *ll_pdu_per_s)
{
    enum { SECONDS = 2000 };
    world(2, 1000, &host);
    w.as_fast_as_can_be = true;
    join(&w.d[0], &w.d[1], 6);
    run_us(1000000);
    unsigned long before = w.d[1].got, pdus = w.pdus;
    double began = cpu();
    for (int n = 0; n < SECONDS; n++) {
        run_us(1000000);
    }
    double took = cpu() - began;
    printf("two devices streaming: %lu notifications/s of the air, %.0f x real time, "
           "%.0f LL PDU/s of CPU\n",
           (w.d[1].got - before) / SECONDS, SECONDS / took, (double)(w.pdus - pdus) / took);
    *x_realtime = SECONDS / took;
    *ll_pdu_per_s = (double)(w.pdus - pdus) / took;
}

/* Half of the devices advertise every 100 ms, a tenth are connected with a notification in every
 * event, the others scan.  Returns air time divided by real time. */
static double many(size_t devices, unsigned seconds)
{
    struct woad_adv_params adv = { .kind = WOAD_ADV_NONCONN_IND, .interval_625us = 160 };
    struct woad_scan_params scan = { 2048, 18, false, false, 0, false };
    size_t links = devices / 20;
    world(devices, 10000, &host);
    size_t joined = 0;
    for (int tries = 0; tries < 100 && joined < links; tries++) {
        size_t asked = 0;
        for (size_t k = 0; k < links; k++) {
            bool up = w.d[2 * k].streams && w.d[2 * k + 1].conn != WOAD_NO_CONN;
            if (!up && asked++ < 40) {
                join(&w.d[2 * k], &w.d[2 * k + 1], 40);
            }
        }
        run_us(1000000);
        joined = 0;
        for (size_t k = 0; k < links; k++) {
            joined += w.d[2 * k].streams && w.d[2 * k + 1].conn != WOAD_NO_CONN;
        }
    }
    for (size_t k = 2 * links; k < devices; k++) {
        if (k < 2 * links + devices / 2) {
            woad_adv_start(w.d[k].host, &adv);
        } else {
            woad_scan_start(w.d[k].host, &scan);
        }
        pump(&w.d[k]);
    }
    run_us(1000000);
    unsigned long pdus = w.pdus, got = 0;
    double began = cpu();
    for (unsigned n = 0; n < seconds * 20; n++) {
        static const uint8_t value[20] = { 2 };
        for (size_t k = 0; k < links; k++) {
            struct device *p = &w.d[2 * k];
            if (p->streams) {
                woad_gatt_notify(p->host, p->conn, VALUE, value, sizeof value);
                pump(p);
            }
        }
        run_us(50000);
    }
    double took = cpu() - began;
    for (size_t k = 0; k < devices; k++) {
        got += w.d[k].got;
    }
    printf(
        "%zu devices, %zu of %zu connections: %.2f x real time, %.0f LL PDU/s of the air, %.0f of "
        "CPU; %lu reports and notifications\n",
        devices, joined, links, seconds / took, (double)(w.pdus - pdus) / seconds,
        (double)(w.pdus - pdus) / took, got);
    return seconds / took;
}

/* air FILE: also writes the figures as JSON. */
int main(int argc, char **argv)
{
    double two_x, pdus, many_x;
    two(&two_x, &pdus);
    double some_x[3] = { many(20, 60), many(100, 20), many(1000, 10) };
    many_x = many(10000, 4);
    size_t each =
        woad_size(&host) + woad_air_controller_size(&(struct woad_air_controller_config){
                               .conns = 1, .acl_count = 12, .acl_len = 251, .queue = 4096 });
    printf("a device: %zu octets, of host and controller\n", each);
    FILE *f = NULL;
    if (argc > 1) {
        f = fopen(argv[1], "w");
    }
    if (f) {
        fprintf(f,
                "{\"ll_pdu_per_s\": %.0f, \"two_devices_x_realtime\": %.0f, "
                "\"devices_20_x_realtime\": %.0f, \"devices_100_x_realtime\": %.0f, "
                "\"devices_1000_x_realtime\": %.0f, \"devices_10000_x_realtime\": %.2f, "
                "\"octets_a_device\": %zu}\n",
                pdus, two_x, some_x[0], some_x[1], some_x[2], many_x, each);
        fclose(f);
    }
    return 0;
}
