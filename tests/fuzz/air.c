/* Two controllers on an air; the input is what their hosts send. */
#include <woad/air.h>
#include <woad/crypto.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not a cipher, but every octet has an effect. */
static int aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    uint8_t x = 1;
    for (int n = 0; n < 16; n++) {
        x = (uint8_t)(x * 5 + (key[n] ^ in[n]));
        out[n] = x;
    }
    return 0;
}

/* Not a curve: a key with an odd first octet is not on it. */
static int p256_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    memcpy(public_key, private_key, 32);
    memcpy(public_key + 32, private_key, 32);
    return private_key[0] & 1 ? -1 : 0;
}

static int p256_dh(const uint8_t private_key[32], const uint8_t public_key[64], uint8_t secret[32])
{
    for (int n = 0; n < 32; n++) {
        secret[n] = private_key[n] ^ public_key[n];
    }
    return public_key[0] & 1 ? -1 : 0;
}

static const struct woad_crypto crypto = { aes128, p256_public, p256_dh };

/* Every command of the air's controllers with the length of its parameters; -1: variable. */
static const struct {
    uint16_t opcode;
    int8_t len;
} commands[] = {
    { 0x0406, 3 },  { 0x041d, 2 },  { 0x0c01, 8 },  { 0x0c03, 0 },  { 0x0c2d, 3 },  { 0x0c31, 1 },
    { 0x0c33, 7 },  { 0x0c35, -1 }, { 0x0c63, 8 },  { 0x0c7b, 2 },  { 0x0c7c, 4 },  { 0x1001, 0 },
    { 0x1002, 0 },  { 0x1003, 0 },  { 0x1009, 0 },  { 0x1405, 2 },  { 0x2001, 8 },  { 0x2002, 0 },
    { 0x2003, 0 },  { 0x2005, 6 },  { 0x2006, 15 }, { 0x2007, 0 },  { 0x2008, 32 }, { 0x2009, 32 },
    { 0x200a, 1 },  { 0x200b, 7 },  { 0x200c, 2 },  { 0x200d, 25 }, { 0x200e, 0 },  { 0x200f, 0 },
    { 0x2010, 0 },  { 0x2011, 7 },  { 0x2012, 7 },  { 0x2013, 14 }, { 0x2014, 5 },  { 0x2015, 2 },
    { 0x2016, 2 },  { 0x2017, 32 }, { 0x2018, 0 },  { 0x2019, 28 }, { 0x201a, 18 }, { 0x201b, 2 },
    { 0x201c, 0 },  { 0x2020, 14 }, { 0x2021, 3 },  { 0x2022, 6 },  { 0x2023, 0 },  { 0x2024, 4 },
    { 0x2025, 0 },  { 0x2026, 64 }, { 0x2027, 39 }, { 0x2028, 7 },  { 0x2029, 0 },  { 0x202a, 0 },
    { 0x202b, 7 },  { 0x202c, 7 },  { 0x202d, 1 },  { 0x202e, 2 },  { 0x202f, 0 },  { 0x2030, 2 },
    { 0x2031, 3 },  { 0x2032, 7 },  { 0x2035, 7 },  { 0x2036, 25 }, { 0x2037, -1 }, { 0x2038, -1 },
    { 0x2039, -1 }, { 0x203a, 0 },  { 0x203b, 0 },  { 0x203c, 1 },  { 0x203d, 0 },  { 0x203e, 7 },
    { 0x203f, -1 }, { 0x2040, 2 },  { 0x2041, -1 }, { 0x2042, 6 },  { 0x2043, -1 }, { 0x2044, 14 },
    { 0x2045, 0 },  { 0x2046, 2 },  { 0x2047, 8 },  { 0x2048, 8 },  { 0x2049, 0 },  { 0x204a, 0 },
    { 0x204b, 0 },  { 0x204c, 0 },  { 0x204d, 4 },  { 0x204e, 8 },  { 0x2059, 3 },  { 0x205a, 6 },
    { 0x205b, 5 },  { 0x205c, 8 },  { 0x205d, 6 },  { 0x205e, 65 }, { 0x205f, 1 },  { 0x2060, 0 },
    { 0x2061, 2 },  { 0x2062, -1 }, { 0x2064, -1 }, { 0x2065, 1 },  { 0x2066, 2 },  { 0x2067, 3 },
    { 0x2068, 31 }, { 0x206a, 2 },  { 0x206b, -1 }, { 0x206c, 1 },  { 0x206d, 2 },  { 0x206e, -1 },
    { 0x206f, 3 },  { 0x2074, 2 },  { 0x2076, 3 },  { 0x2077, 3 },  { 0x2078, 8 },  { 0x2079, 3 },
    { 0x207a, 4 },  { 0x207d, 10 }, { 0x207e, 12 },
};
enum { COMMANDS = sizeof commands / sizeof *commands, PACKET = 4 + 80 };

/* Small numbers and existing handles, more often than by chance. */
static uint8_t likely(uint8_t octet)
{
    if (octet < 0x80) {
        return octet & 3;
    }
    return octet < 0xa0 ? (uint8_t)(0x40 | (octet & 1)) : octet;
}

/* Sends the command that the first of `n` octets at packet[4] selects; the others are its
 * parameters. */
static void command(struct woad_air_controller *c, uint8_t packet[PACKET], size_t n)
{
    uint16_t opcode = commands[packet[4] % COMMANDS].opcode;
    int len = commands[packet[4] % COMMANDS].len;
    packet[0] = 1;
    packet[1] = (uint8_t)opcode;
    packet[2] = (uint8_t)(opcode >> 8);
    packet[3] = (uint8_t)(len < 0 ? (int)n - 1 : len);
    memmove(packet + 4, packet + 5, n - 1);
    packet[3 + n] = 0;
    for (size_t k = 0; k < n - 1; k++) {
        packet[4 + k] = likely(packet[4 + k]);
    }
    woad_air_rx(c, packet, packet[3] + 4u);
}

static void drain(struct woad_air_controller *c)
{
    uint8_t packet[WOAD_AIR_PACKET];
    while (woad_air_tx(c, packet, sizeof packet)) {
    }
}

/* `packet` has `n` octets of the input from packet[4] on, and free octets before them. */
static void step(struct woad_air *air, struct woad_air_controller *c, uint8_t what,
                 uint8_t packet[PACKET], size_t n)
{
    switch (what & 7) {
    case 4: /* control PDUs that no link layer would send */
        woad_air_inject(c, 0x40, packet + 4, n < 27 ? n : 27);
        break;
    case 5: /* the commands of encryption, with an existing handle */
        packet[0] = 1;
        packet[1] = (uint8_t)(0x19 + packet[4] % 3);
        packet[2] = 0x20;
        packet[3] = 2;
        if (packet[1] == 0x19) {
            packet[3] = 28;
        } else if (packet[1] == 0x1a) {
            packet[3] = 18;
        }
        packet[4] = 0x40;
        packet[5] = 0;
        woad_air_rx(c, packet, packet[3] + 4u);
        break;
    case 6: /* an SDU for the first stream */
        packet[1] = 5;
        packet[2] = packet[4] & 3;
        packet[3] = (uint8_t)(0x01 | (what >> 3 & 3) << 4);
        memmove(packet + 6, packet + 5, n - 1);
        packet[4] = (uint8_t)(n - 1);
        packet[5] = 0;
        woad_air_rx(c, packet + 1, n + 4);
        break;
    case 0: woad_air_step(air, woad_air_now(air) + packet[4] * 512u); break;
    case 1: /* an LE command with a right length */
        packet[0] = 1;
        packet[1] = packet[4] % 0x80;
        packet[2] = 0x20;
        packet[3] = (uint8_t)n;
        woad_air_rx(c, packet, n + 4);
        break;
    case 2: /* data for the first link */
        packet[1] = 2;
        packet[2] = 0x40;
        packet[3] = what & 8 ? 0x10 : 0;
        memmove(packet + 6, packet + 4, n);
        packet[4] = (uint8_t)n;
        packet[5] = 0;
        woad_air_rx(c, packet + 1, n + 5);
        break;
    case 7: /* any command with a right length */ command(c, packet, n); break;
    default: woad_air_rx(c, packet + 4, n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t advertise[] = { 1, 0x0a, 0x20, 1, 1 };
    static const uint8_t connect[] = { 1, 0x0d, 0x20, 25, 16, 0, 16, 0, 0,   0, 1, 0, 0, 0, 0,
                                       0, 0,    6,    0,  6,  0, 0,  0, 100, 0, 0, 0, 0, 0 };
    static const uint8_t le_events[] = { 1,    1,    0x0c, 8,    0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0x3f };
    static const uint8_t host_feature[] = { 1, 0x74, 0x20, 2, 0x20, 1 };
    struct woad_air_config cfg = { .seed = len, .loss_per_mille = len & 1 ? 100 : 0 };
    struct woad_air *air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &cfg);
    struct woad_air_controller *c[2];
    void *memory[2];
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t sets = len & 2 ? 2 : 0, streams = 0;
        int drift = 0;
        if (len & 4) {
            streams = 3;
        }
        if (len & 8) {
            drift = 300 - 600 * i;
        }
        struct woad_air_controller_config cc = { .address = { (uint8_t)(i + 1) },
                                                 .conns = 2,
                                                 .acl_count = 3,
                                                 .acl_len = 27,
                                                 .queue = 2048,
                                                 .adv_sets = sets,
                                                 .iso = streams,
                                                 .drift_ppm = (int16_t)drift,
                                                 .crypto = &crypto };
        memory[i] = malloc(woad_air_controller_size(&cc));
        c[i] = woad_air_attach(air, memory[i], woad_air_controller_size(&cc), &cc);
        woad_air_rx(c[i], le_events, sizeof le_events);
        woad_air_rx(c[i], host_feature, sizeof host_feature);
    }
    if (len & 16) { /* else the controllers stay as after a reset */
        woad_air_rx(c[0], advertise, sizeof advertise);
        woad_air_rx(c[1], connect, sizeof connect);
    }
    for (size_t at = 0; at + 3 < len;) {
        uint8_t what = data[at];
        size_t n = 1 + data[at + 1] % 48u;
        at += 2;
        n = n < len - at ? n : len - at;
        uint8_t packet[PACKET] = { 0 };
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
