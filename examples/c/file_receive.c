/* Receives a file over an L2CAP channel from file_send.c: `file_receive PATH`.  The first SDU has
 * the length, the others have the octets; the answer is their CRC-32. */
#include <woad/port.h>
#include <woad/woad.h>

#include "crc32.h"

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_l2cap_channels, NULL };
static struct {
    FILE *file;
    uint8_t rx[2 * SDU], sum[4];
    uint32_t len, got, crc;
    bool has_len, bad, done;
} app;

/* Takes an SDU.  False: it is not what file_send.c sends, or the file cannot be written. */
static bool take(const uint8_t *part, uint32_t n)
{
    if (!app.has_len) {
        app.len = n == 4 ? get_le32(part) : 0;
        return app.has_len = n == 4;
    }
    if (n > app.len - app.got || fwrite(part, 1, n, app.file) != n)
        return false;
    print_tenths(app.got, app.got + n, app.len);
    app.crc = crc32(app.crc, part, n);
    app.got += n;
    return app.got < app.len || fflush(app.file) == 0; /* before the sender gets the sum */
}

/* Reads what has arrived; at the end, sends the sum. */
static void receive(struct woad *h, uint16_t conn, uint16_t cid)
{
    uint8_t part[SDU];
    int n;
    while (!app.bad && (n = woad_coc_read(h, conn, cid, part, sizeof part, NULL)) > 0)
        app.done = app.bad = !take(part, (uint32_t)n);
    if (!app.bad && app.has_len && app.got == app.len) {
        put_le32(app.sum, app.crc);
        woad_coc_send(h, conn, cid, app.sum, sizeof app.sum);
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_coc_params channel = { .psm = PSM, .mtu = SDU };
    static const struct woad_adv_params params = WOAD_ADV_DEFAULT;
    uint8_t data[WOAD_ADV_DATA_MAX];
    struct woad_ad_builder ad = WOAD_AD_BUILDER(data);
    (void)ctx;
    if (ev->type == WOAD_EV_UP) {
        woad_coc_listen(h, &channel);
        woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY);
        woad_ad_name(&ad, "Woad file");
        woad_adv_set_data(h, ad.data, ad.len);
        woad_adv_start(h, &params);
    } else if (ev->type == WOAD_EV_COC_REQUEST) {
        woad_coc_accept(h, ev->conn, ev->u.coc.cid, app.rx, sizeof app.rx);
    } else if (ev->type == WOAD_EV_COC_DATA) {
        receive(h, ev->conn, ev->u.coc_data.cid);
    } else if (ev->type == WOAD_EV_DISCONNECT) {
        app.done = true;
    }
}

int main(int argc, char **argv)
{
    const struct woad_config config = {
        .features = features, .event = on_event, .mps = 247, .psms = 1, .l2cap_channels = 1
    };
    app.file = argc > 1 ? fopen(argv[1], "wb") : NULL;
    if (!app.file)
        return fprintf(stderr, "usage: file_receive PATH\n"), 1;
    int status = woad_port_run(&config, "file_receive", NULL, &app.done);
    printf("%u of %u octets, CRC-32 %08x\n", app.got + 0u, app.len + 0u, app.crc + 0u);
    return fclose(app.file) || status || app.bad || !app.has_len || app.got != app.len;
}
