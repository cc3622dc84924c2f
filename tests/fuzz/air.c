/* Two controllers on an air, and hosts that send them anything. */
#include <woad/air.h>
#include <woad/crypto.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not a cipher: but every octet counts. */
static int aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    uint8_t x = 1;
    for (int n = 0; n < 16; n++) {
        x = (uint8_t)(x * 5 + (key[n] ^ in[n]));
        out[n] = x;
    }
    return 0;
}

static const struct woad_crypto crypto = { .aes128 = aes128 };

static void drain(struct woad_air_controller *c)
{
    uint8_t packet[WOAD_AIR_PACKET];
    while (woad_air_tx(c, packet, sizeof packet)) {
    }
}

/* `packet` has `n` octets of the input from packet[4] on, and room before them. */
static void step(struct woad_air *air, struct woad_air_controller *c, uint8_t what,
                 uint8_t packet[64], size_t n)
{
    switch (what % 7) {
    case 4:                          /* control PDUs that no link layer would send */
        woad_air_inject(c, 0x40, packet + 4, n < 27 ? n : 27);
        break;
    case 5:                          /* the commands of encryption, with a handle that is there */
        packet[0] = 1;
        packet[1] = (uint8_t)(0x19 + packet[4] % 3);
        packet[2] = 0x20;
        packet[3] = packet[1] == 0x19 ? 28 : packet[1] == 0x1a ? 18 : 2;
        packet[4] = 0x40;
        packet[5] = 0;
        woad_air_rx(c, packet, packet[3] + 4u);
        break;
    case 6:                          /* an SDU for the first stream */
        packet[1] = 5;
        packet[2] = packet[4] & 3;
        packet[3] = (uint8_t)(0x01 | (what >> 3 & 3) << 4);
        memmove(packet + 6, packet + 5, n - 1);
        packet[4] = (uint8_t)(n - 1);
        packet[5] = 0;
        woad_air_rx(c, packet + 1, n + 4);
        break;
    case 0:
        woad_air_step(air, woad_air_now(air) + packet[4] * 512u);
        break;
    case 1:                          /* an LE command with a right length */
        packet[0] = 1;
        packet[1] = packet[4] % 0x80;
        packet[2] = 0x20;
        packet[3] = (uint8_t)n;
        woad_air_rx(c, packet, n + 4);
        break;
    case 2:                          /* data for the first link */
        packet[1] = 2;
        packet[2] = 0x40;
        packet[3] = what & 8 ? 0x10 : 0;
        memmove(packet + 6, packet + 4, n);
        packet[4] = (uint8_t)n;
        packet[5] = 0;
        woad_air_rx(c, packet + 1, n + 5);
        break;
    default:
        woad_air_rx(c, packet + 4, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t advertise[] = { 1, 0x0a, 0x20, 1, 1 };
    static const uint8_t connect[] = { 1, 0x0d, 0x20, 25, 16, 0, 16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
                                       6, 0, 6, 0, 0, 0, 100, 0, 0, 0, 0, 0 };
    static const uint8_t le_events[] = { 1, 1, 0x0c, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                         0x3f };
    struct woad_air_config cfg = { .seed = len, .loss_per_mille = len & 1 ? 100 : 0 };
    struct woad_air *air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &cfg);
    struct woad_air_controller *c[2];
    void *memory[2];
    for (uint8_t i = 0; i < 2; i++) {
        struct woad_air_controller_config cc = { .address = { (uint8_t)(i + 1) }, .conns = 2,
            .acl_count = 3, .acl_len = 27, .queue = 2048,
            .adv_sets = len & 2 ? 2 : 0, .iso = len & 4 ? 3 : 0,
            .drift_ppm = (int16_t)(len & 8 ? 300 - 600 * i : 0),
            .crypto = &crypto };
        memory[i] = malloc(woad_air_controller_size(&cc));
        c[i] = woad_air_attach(air, memory[i], woad_air_controller_size(&cc), &cc);
        woad_air_rx(c[i], le_events, sizeof le_events);
    }
    woad_air_rx(c[0], advertise, sizeof advertise);
    woad_air_rx(c[1], connect, sizeof connect);
    for (size_t at = 0; at + 3 < len;) {
        uint8_t what = data[at];
        size_t n = 1 + data[at + 1] % 48u;
        at += 2;
        n = n < len - at ? n : len - at;
        uint8_t packet[64] = { 0 };
        memcpy(packet + 4, data + at, n);
        at += n;
        step(air, c[what >> 2 & 1], what, packet, n);
        if (what & 16) {
            drain(c[0]);
            drain(c[1]);
        }
    }
    woad_air_leave(c[0]);
    woad_air_step(air, woad_air_now(air) + 5000000);
    for (int i = 0; i < 2; i++) {
        woad_air_detach(c[i]);
        free(memory[i]);
    }
    free(air);
    return 0;
}
