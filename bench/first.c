/* Time from advertising to the first notification, in virtual time: to a new peer, which pairs,
 * discovers the value and subscribes, and to a bonded peer that returns.  `first FILE` writes the
 * figures as JSON. */
#include "devices.h"

#include <woad/crypto.h>

enum { INTERVAL = 24, TIMES = 20, STEP_US = 1000 }; /* 30 ms; each run starts at another moment */

static struct {
    uint64_t began, connected, secured, discovered, notified;
    bool bonded;
    unsigned failed;
} t;

static void central(struct woad *h, const struct woad_event *ev)
{
    uint64_t now = woad_air_now(w.air);
    switch (ev->type) {
    case WOAD_EV_CONNECT:
        t.connected = now;
        woad_pair(h, ev->conn);
        break;
    case WOAD_EV_SECURITY:
        t.secured = now;
        t.failed += ev->u.security.status != 0;
        if (!t.bonded) {
            woad_gattc_exchange_mtu(h, ev->conn);
            woad_gattc_services(h, ev->conn, &u_service);
        }
        break;
    case WOAD_EV_SERVICE:
        woad_gattc_characteristics(h, ev->conn, ev->u.service.start, ev->u.service.end, NULL);
        break;
    case WOAD_EV_CHARACTERISTIC:
        woad_gattc_descriptors(h, ev->conn, (uint16_t)(ev->u.characteristic.value + 1),
                               ev->u.characteristic.end);
        break;
    case WOAD_EV_DESCRIPTOR:
        t.discovered = now;
        woad_gattc_write(h, ev->conn, ev->u.descriptor.handle, "\1", 2);
        break;
    case WOAD_EV_NOTIFIED: t.notified = t.notified ? t.notified : now; break;
    default: break;
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct device *d = ctx;
    keep(d, ev);
    if (d == &w.d[1]) {
        central(h, ev);
    } else if (ev->type == WOAD_EV_SUBSCRIBE && ev->u.subscribe.cccd) {
        woad_gatt_notify(h, ev->conn, VALUE, "x", 1);
    }
}

/* One run; false: no notification arrived. */
static bool once(bool bonded)
{
    t.bonded = bonded;
    t.connected = t.secured = t.discovered = t.notified = 0;
    t.began = woad_air_now(w.air);
    join(&w.d[0], &w.d[1], INTERVAL);
    for (int n = 0; n < 10000 && !t.notified; n++) {
        run_us(STEP_US);
    }
    run_us(500000);
    return t.notified && !t.failed;
}

int main(int argc, char **argv)
{
    static const struct woad_feature *const with[] = {
        &woad_feature_advertiser,        &woad_feature_scanner,
        &woad_feature_central,           &woad_feature_gatt_server,
        &woad_feature_gatt_client,       &woad_feature_security_manager,
        &woad_feature_controller_crypto, NULL
    };
    static const struct woad_config host = { .features = with,
                                             .event = on_event,
                                             .conns = 1,
                                             .attr_tables = 1,
                                             .subscriptions = 1,
                                             .procedures = 4,
                                             .mtu = 247,
                                             .tx_queue = 512,
                                             .request_queue = 512,
                                             .bonds = 1 };
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE, .bond = true };
    double ms[2][4] = { { 0 } };
    w_crypto = &woad_mbedtls;
    for (unsigned k = 0; k < TIMES; k++) {
        world(2, 1000, &host);
        for (size_t n = 0; n < 2; n++) {
            woad_set_security_policy(w.d[n].host, &policy);
        }
        run_us(100000 + k * 997);
        for (int bonded = 0; bonded < 2; bonded++) {
            if (!once(bonded)) {
                fprintf(stderr, "no notification came, bonded %d\n", bonded);
                return 1;
            }
            const uint64_t at[4] = { t.connected, t.secured, t.discovered, t.notified };
            for (size_t n = 0; n < 4; n++) {
                ms[bonded][n] += at[n] ? (double)(at[n] - t.began) / 1000 / TIMES : 0;
            }
            woad_disconnect(w.d[1].host, w.d[1].conn, WOAD_HCI_REMOTE_USER_TERMINATED);
            pump(&w.d[1]);
            run_us(1000000);
        }
    }
    double discovery = (ms[0][2] - ms[0][1]) / (INTERVAL * 1.25);
    printf("from advertising: connected %.0f ms, paired %.0f, discovered %.0f, notified %.0f\n",
           ms[0][0], ms[0][1], ms[0][2], ms[0][3]);
    printf("bonded:           connected %.0f ms, encrypted %.0f, notified %.0f\n", ms[1][0],
           ms[1][1], ms[1][3]);
    printf("MTU, a service, its characteristics, their descriptors: %.1f connection intervals\n",
           discovery);
    FILE *f = argc > 1 ? fopen(argv[1], "w") : NULL;
    if (f) {
        fprintf(f,
                "{\"interval_ms\": %g, \"first_ms\": {\"connected\": %.0f, \"paired\": %.0f, "
                "\"discovered\": %.0f, \"notified\": %.0f}, \"bonded_ms\": {\"connected\": %.0f, "
                "\"encrypted\": %.0f, \"notified\": %.0f}, \"discovery_intervals\": %.1f}\n",
                INTERVAL * 1.25, ms[0][0], ms[0][1], ms[0][2], ms[0][3], ms[1][0], ms[1][1],
                ms[1][3], discovery);
        fclose(f);
    }
    return 0;
}
