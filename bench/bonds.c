/* `bonds N`: encrypts a link again, to the peer whose bond of N was used longest ago.  For
 * callgrind, which counts the instructions of measured(). */
#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/woad.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct woad_crypto nothing = { 0 }; /* no key is calculated here */

static struct woad *h;
static unsigned answers;

static void on_event(void *ctx, struct woad *host, const struct woad_event *ev)
{
    (void)ctx;
    (void)host;
    (void)ev;
}

static int draw(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    memset(out, 7, len);
    return 0;
}

static void answer_all(void)
{
    uint8_t c[WOAD_TX_ROOM];
    while (woad_tx(h, c, sizeof c)) {
        uint8_t done[80] = { 4, 0x0e, 68, 1, c[1], c[2], 0 };
        done[7] = 251; /* of LE Read Buffer Size */
        done[9] = 8;
        answers += c[1] == 0x1a && c[2] == 0x20; /* LE Long Term Key Request Reply */
        woad_rx(h, done, 71);
    }
}

void measured(const uint8_t *event, size_t len);

__attribute__((noinline)) void measured(const uint8_t *event, size_t len)
{
    woad_rx(h, event, len);
}

int main(int argc, char **argv)
{
    static const struct woad_feature *const with[] = { &woad_feature_advertiser,
                                                       &woad_feature_security_manager, NULL };
    unsigned bonds = 1;
    if (argc > 1) {
        bonds = (unsigned)atoi(argv[1]);
    }
    struct woad_config config = { .features = with,
                                  .event = on_event,
                                  .conns = 1,
                                  .mtu = 23,
                                  .procedures = 1,
                                  .tx_queue = 64,
                                  .request_queue = 64,
                                  .bonds = (uint8_t)bonds,
                                  .crypto = &nothing,
                                  .random = draw };
    uint8_t connected[] = {
        4, 0x3e, 19, 1, 0, 1, 0, 1, 0, 1, 2, 3, 4, 5, 6, 24, 0, 0, 0, 100, 0, 0
    };
    static const uint8_t key_request[16] = { 4, 0x3e, 13, 5, 1 };
    h = woad_init(calloc(1, woad_size(&config)), woad_size(&config), &config);
    woad_start(h);
    answer_all();
    for (unsigned n = 0; n < bonds; n++) {
        struct woad_bond bond = { .peer = { 0, { 1, 2, 3, 4, 5, (uint8_t)(6 + n) } },
                                  .flags = WOAD_BOND_SECURE,
                                  .key_size = 16,
                                  .has_own_ltk = true };
        woad_bond_add(h, &bond);
    }
    woad_rx(h, connected, sizeof connected);
    answer_all();
    measured(key_request, sizeof key_request);
    answer_all();
    if (answers != 1) {
        return 1;
    }
    return 0;
}
