/* Cryptographic commands: LE Encrypt, LE Rand, and P-256, if the controller has a library. Vol 4,
 * Part E, 7.8.22, 7.8.23, 7.8.36, 7.8.37, 7.8.93
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status, or CMD_ANSWERED.
 *
 * Names of other files:
 *   c: the controller
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_random(): the next number of the world's random sequence
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   CMD_SECRET: flag of a command: unknown without the feature LE Encryption
 *   CMD_STATUS: flag of a command: answered by Command Status
 *   crypto: of the configuration: AES and P-256; NULL: no encryption
 *   evt_le(): an LE event for the host, unless it is masked
 *   FEATURE_PRIVACY: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   NEVER: a deadline that does not exist: later than any time
 *   p256: private key of LE Read Local P-256 Public Key, if has_p256
 *   p256_at: us: when the calculation that the host has requested ends
 *   p256_debug: the calculation that runs uses the debug key
 *   p256_event: the LE event that ends the calculation; 0: none runs
 *   p256_peer: the peer's public key: X, Y, most significant octet first
 *   VERSION_5_1: VERSION_…: versions of the specification, as HCI counts them */
#include "hci.h"

enum { P256_US = 25000 }; /* how long a calculation takes, in simulated time */

/* LE Encrypt: key 16, plain 16; encrypted 16: most significant octet last.  7.8.22 */
static int cmd_aes(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t key[16], block[16], out[16];
    for (size_t n = 16; n; n--) {
        key[n - 1] = rd_u8(in);
    }
    for (size_t n = 16; n; n--) {
        block[n - 1] = rd_u8(in);
    }
    c->cfg.crypto->aes128(key, block, out);
    for (size_t n = 16; n; n--) {
        wr_u8(ret, out[n - 1]);
    }
    return 0;
}

/* LE Rand: 8 octets, of the simulation's random numbers.  7.8.23 */
static int cmd_rand(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    wr_le32(ret, air_random(c->air));
    wr_le32(ret, air_random(c->air));
    return 0;
}

/* Octets in the opposite order: HCI has numbers least significant first, the library most. */
static void put_back(struct wr *w, const uint8_t *p, size_t len)
{
    for (; len; len--) {
        wr_u8(w, p[len - 1]);
    }
}

/* The same, reading. */
static void take_back(struct rd *in, uint8_t *p, size_t len)
{
    for (; len; len--) {
        p[len - 1] = rd_u8(in);
    }
}

/* Begins a P-256 calculation, of which one runs at a time; `event` follows after P256_US. */
static int begin(controller *c, uint16_t opcode, uint8_t event)
{
    evt_status(c, opcode, 0);
    c->ll->p256_event = event;
    c->ll->p256_at = c->air->now + P256_US;
    return CMD_ANSWERED;
}

/* LE Read Local P-256 Public Key: p256_made() follows.  7.8.36 */
static int cmd_read_p256(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    (void)ret;
    if (c->ll->p256_event) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    return begin(c, OP_LE_READ_P256, LE_P256_COMPLETE);
}

/* Makes a key pair and keeps its private key. LE Read Local P-256 Public Key Complete: status u8,
 * X 32, Y 32. 7.7.65.8 */
static void p256_made(controller *c)
{
    uint8_t key[64] = { 0 }, event[65];
    struct wr w = wr_of(event, sizeof event);
    int err = -1;
    for (int tries = 0; err && tries < 4; tries++) { /* a random number may be no private key */
        for (size_t n = 0; n < 32; n++) {
            c->ll->p256[n] = (uint8_t)(air_random(c->air) >> 8);
        }
        err = c->cfg.crypto->p256_public(c->ll->p256, key);
    }
    uint8_t status = 0;
    if (err) {
        status = WOAD_HCI_UNSPECIFIED;
    }
    c->ll->has_p256 = !err;
    wr_u8(&w, status);
    put_back(&w, key, 32);
    put_back(&w, key + 32, 32);
    evt_le(c, LE_P256_COMPLETE, &w);
}

enum { OUR_KEY = 0, DEBUG_KEY = 1 }; /* Key_Type of LE Generate DHKey [v2].  7.8.37 */

/* Begins to calculate a DHKey, with our key of LE Read Local P-256 or the debug key. A status. */
static int dhkey(controller *c, struct rd *in, uint16_t opcode, bool debug)
{
    if (c->ll->p256_event || (!debug && !c->ll->has_p256)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    take_back(in, c->ll->p256_peer, 32);
    take_back(in, c->ll->p256_peer + 32, 32);
    c->ll->p256_debug = debug;
    return begin(c, opcode, LE_DHKEY_COMPLETE);
}

/* LE Generate DHKey Complete: status u8, DHKey 32; all ones for a point that is not on the curve.
 * 7.7.65.9 */
static void dhkey_made(controller *c)
{
    static const uint8_t debug_key[32] = { /* Vol 3, Part H, 2.3.5.6.1 */
                                           0x3f, 0x49, 0xf6, 0xd4, 0xa3, 0xc5, 0x5f, 0x38,
                                           0x74, 0xc9, 0xb3, 0xe3, 0xd2, 0x10, 0x3f, 0x50,
                                           0x4a, 0xff, 0x60, 0x7b, 0xeb, 0x40, 0xb7, 0x99,
                                           0x58, 0x99, 0xb8, 0xa6, 0xcd, 0x3c, 0x1a, 0xbd
    };
    uint8_t key[32], event[33];
    struct wr w = wr_of(event, sizeof event);
    const uint8_t *own = c->ll->p256;
    if (c->ll->p256_debug) {
        own = debug_key;
    }
    uint8_t status = 0;
    if (c->cfg.crypto->p256_dh(own, c->ll->p256_peer, key)) {
        memset(key, 0xff, sizeof key);
        status = WOAD_HCI_INVALID_PARAMETERS;
    }
    wr_u8(&w, status);
    put_back(&w, key, sizeof key);
    evt_le(c, LE_DHKEY_COMPLETE, &w);
}

/* The calculation that begin() has begun ends: its event goes to the host. */
void p256_on_timer(controller *c)
{
    uint8_t event = c->ll->p256_event;
    c->ll->p256_event = 0;
    c->ll->p256_at = NEVER;
    if (event == LE_P256_COMPLETE) {
        p256_made(c);
    } else {
        dhkey_made(c);
    }
}

/* HCI_Reset: a calculation that runs is forgotten, and so is our key pair. */
void p256_reset(controller *c)
{
    c->ll->p256_at = NEVER;
    c->ll->p256_event = 0;
    c->ll->has_p256 = false;
}

/* X 32, Y 32.  7.8.37 */
static int cmd_dhkey(controller *c, struct rd *in, struct wr *ret)
{
    (void)ret;
    return dhkey(c, in, OP_LE_DHKEY, OUR_KEY);
}

/* X 32, Y 32, key type u8: 0 the key pair read last, 1 the debug key. 7.8.37 */
static int cmd_dhkey_v2(controller *c, struct rd *in, struct wr *ret)
{
    struct rd type = *in;
    rd_bytes(&type, 64);
    uint8_t which = rd_u8(&type);
    (void)ret;
    if (which > DEBUG_KEY) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    return dhkey(c, in, OP_LE_DHKEY_V2, which);
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_crypto_commands[] = {
    { OP_LE_ENCRYPT, 27, 6, 32, cmd_aes, 0, CMD_SECRET, 0 },
    { OP_LE_RAND, 27, 7, 0, cmd_rand, 0, 0, 0 },
    { OP_LE_READ_P256, 34, 1, 0, cmd_read_p256, FEATURE_PRIVACY, CMD_STATUS, 0 },
    { OP_LE_DHKEY, 34, 2, 64, cmd_dhkey, FEATURE_PRIVACY, CMD_STATUS, 0 },
    { OP_LE_DHKEY_V2, 41, 2, 65, cmd_dhkey_v2, FEATURE_PRIVACY, CMD_STATUS, VERSION_5_1 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
