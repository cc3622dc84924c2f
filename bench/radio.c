/* How much of the radio's time two hosts use, in virtual time: `radio FILE` writes the figures as
 * JSON.  The limit is full packets of 251 octets, each with its answer and two T_IFS, in every
 * connection event, not encrypted.  Vol 6, Part B, 2.1, 2.2, 4.1.1 */
#include "devices.h"

enum { PSM = 0x80, MPS = 247, SDU = 65535, SECONDS = 60 };

struct phy {
    const char *name;
    uint8_t phys, coding;
};
static const struct phy phys[] = { { "1M", WOAD_PHYS_1M, 0 },
                                   { "2M", WOAD_PHYS_2M, 0 },
                                   { "S8", WOAD_PHYS_CODED, WOAD_CODING_S8 } };

static struct {
    bool channel;
    uint16_t cid;
    uint64_t octets;
    uint64_t written_at, latency, writes;
    uint8_t rx[8 * MPS], tx[SDU], in[10 * MPS]; /* in: the received SDUs */
} r;

static void send(struct device *d)
{
    if (r.channel) {
        woad_coc_send(d->host, d->conn, r.cid, r.tx, sizeof r.tx);
        return;
    }
    while (woad_gatt_notify(d->host, d->conn, VALUE, r.tx, MPS - 3) == 0) {
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct device *d = ctx;
    keep(d, ev);
    switch (ev->type) {
    case WOAD_EV_CONNECT: d->streams = !ev->u.connect.central; break;
    case WOAD_EV_COC_REQUEST:
        r.cid = ev->u.coc.cid;
        woad_coc_accept(h, ev->conn, r.cid, r.rx, sizeof r.rx);
        break;
    case WOAD_EV_COC_OPEN:
        if (!d->streams) {
            woad_coc_receive(h, ev->conn, ev->u.coc.cid, r.in, sizeof r.in);
        }
        break;
    case WOAD_EV_COC_RECEIVED:
        r.octets += ev->u.coc_data.len;
        woad_coc_receive(h, ev->conn, ev->u.coc_data.cid, r.in, sizeof r.in);
        break;
    case WOAD_EV_COC_SENT:
    case WOAD_EV_TX_READY: send(d); break;
    case WOAD_EV_NOTIFIED: r.octets += ev->u.value.len; break;
    case WOAD_EV_GATT_WRITE: woad_gatt_answer(h, ev->conn, 0, NULL, 0); break;
    case WOAD_EV_GATTC_DONE:
        if (ev->u.done.op != WOAD_GATTC_WRITE) {
            break;
        }
        r.latency += woad_air_now(w.air) - r.written_at;
        r.writes++;
        break;
    default: break;
    }
}

static double air_us(const struct phy *p, unsigned octets)
{
    switch (p->phys) {
    case WOAD_PHYS_1M: return 8.0 * (1 + 4 + 2 + octets + 3);
    case WOAD_PHYS_2M: return 4.0 * (2 + 4 + 2 + octets + 3);
    default: return 80 + 256 + 16 + 24 + 64.0 * (2 + octets + 3) + 24;
    }
}

/* Octets of an SDU in each packet, on average: the first also has its length, the last is shorter.
 */
static const double channel_each = SDU / (double)((SDU + 2 + MPS - 1) / MPS);

/* Octets a second, `each` of every packet. */
static double limit(const struct phy *p, uint16_t interval, double each)
{
    double exchange = air_us(p, 251) + 150 + air_us(p, 0) + 150, event = interval * 1250.0;
    return (unsigned)(event / exchange) * each / event * 1e6;
}

static bool connected(const struct phy *p, uint16_t interval)
{
    static const struct woad_feature *const with[] = {
        &woad_feature_advertiser,     &woad_feature_scanner,
        &woad_feature_central,        &woad_feature_gatt_server,
        &woad_feature_gatt_client,    &woad_feature_link_control,
        &woad_feature_l2cap_channels, NULL
    };
    static const struct woad_config host = { .features = with,
                                             .event = on_event,
                                             .conns = 1,
                                             .attr_tables = 1,
                                             .subscriptions = 1,
                                             .procedures = 2,
                                             .mtu = 247,
                                             .tx_queue = 2048,
                                             .request_queue = 512,
                                             .l2cap_channels = 1,
                                             .psms = 1,
                                             .mps = MPS };
    memset(&r, 0, sizeof r);
    world(2, 1000, &host);
    w.d[0].conn = w.d[1].conn = WOAD_NO_CONN;
    for (int tries = 0; tries < 20 && (w.d[0].conn == WOAD_NO_CONN || w.d[1].conn == WOAD_NO_CONN);
         tries++) {
        join(&w.d[0], &w.d[1], interval);
        run_us(10000000);
    }
    if (w.d[0].conn == WOAD_NO_CONN || w.d[1].conn == WOAD_NO_CONN) {
        return false;
    }
    woad_gattc_exchange_mtu(w.d[1].host, w.d[1].conn);
    woad_link_set_phy(w.d[1].host, w.d[1].conn, p->phys, p->phys, p->coding);
    woad_link_set_phy(w.d[0].host, w.d[0].conn, p->phys, p->phys, p->coding);
    pump(&w.d[0]);
    pump(&w.d[1]);
    run_us(20000000);
    return true;
}

static void open_channel(void)
{
    static const struct woad_coc_params params = { .psm = PSM, .mtu = SDU, .mps = MPS };
    static uint8_t rx[512 * MPS]; /* a packet of credits for every 256 frames */
    uint16_t cid;
    woad_coc_listen(w.d[0].host, &params);
    woad_coc_connect(w.d[1].host, w.d[1].conn, &params, rx, sizeof rx, &cid);
    pump(&w.d[1]);
    run_us(10000000);
}

static void over(void)
{
    for (size_t k = 0; k < 2; k++) {
        free(w.d[k].host);
        free(w.d[k].ctl);
    }
    free(w.d);
    free(w.air);
}

/* Octets a second; negative when there is no connection. */
static double rate(const struct phy *p, uint16_t interval, bool channel, uint16_t loss_permille)
{
    w_loss = loss_permille;
    bool well = connected(p, interval);
    w_loss = 0;
    if (!well) {
        return -1;
    }
    if (channel) {
        open_channel();
        r.channel = true;
    }
    send(&w.d[0]);
    pump(&w.d[0]);
    run_us(10000000);
    uint64_t before = r.octets;
    run_us(SECONDS * 1000000ull);
    double octets = (double)(r.octets - before) / SECONDS;
    over();
    return octets;
}

/* Time of a write and its answer, in connection intervals. */
static double write_latency(uint16_t interval)
{
    if (!connected(&phys[0], interval)) {
        return -1;
    }
    for (int n = 0; n < 100; n++) {
        r.written_at = woad_air_now(w.air);
        woad_gattc_write(w.d[1].host, w.d[1].conn, VALUE, r.tx, 20);
        pump(&w.d[1]);
        run_us(interval * 1250ull * 7 + (uint64_t)n * 997);
    }
    double each = -1;
    if (r.writes == 100) {
        each = (double)r.latency / 100 / (interval * 1250.0);
    }
    over();
    return each;
}

int main(int argc, char **argv)
{
    static const uint16_t intervals[] = { 6, 40, 320 };
    static const uint16_t losses[] = { 10, 50, 100 };
    FILE *f = argc > 1 ? fopen(argv[1], "w") : stdout;
    if (!f) {
        return 1;
    }
    fprintf(f, "{");
    for (size_t p = 0; p < 3; p++) {
        for (size_t n = 0; n < 3; n++) {
            for (int channel = 0; channel < 2; channel++) {
                double most = limit(&phys[p], intervals[n], channel ? channel_each : MPS - 3);
                double is = rate(&phys[p], intervals[n], channel, 0);
                printf("%s %5.1f ms %-6s %8.0f octets/s of %8.0f\n", phys[p].name,
                       intervals[n] * 1.25, channel ? "coc" : "notify", is, most);
                if (most > 0) {
                    fprintf(f, "\"%s-%gms-%s\": %.4f, ", phys[p].name, intervals[n] * 1.25,
                            channel ? "coc" : "notify", is / most);
                } else {
                    fprintf(f, "\"%s-%gms-%s-octets\": %.0f, ", phys[p].name, intervals[n] * 1.25,
                            channel ? "coc" : "notify", is);
                }
            }
        }
    }
    for (size_t n = 0; n < 3; n++) {
        for (int channel = 0; channel < 2; channel++) {
            double is = rate(&phys[1], 40, channel, losses[n]);
            double most = limit(&phys[1], 40, channel ? channel_each : MPS - 3);
            printf("2M  50.0 ms %-6s %8.0f octets/s of %8.0f, %u %% lost\n",
                   channel ? "coc" : "notify", is, most, losses[n] / 10);
            fprintf(f, "\"2M-50ms-%s-loss%u\": %.4f, ", channel ? "coc" : "notify", losses[n] / 10,
                    is / most);
        }
    }
    double latency = write_latency(24);
    printf("a write and its answer: %.2f connection intervals\n", latency);
    fprintf(f, "\"write_intervals\": %.2f}\n", latency);
    return 0;
}
