/* Encryption in the simulated controller: the start procedure, the pause procedure for a new key,
 * and CCM of packets. Vol 6, Part B, 5.1.3; Vol 6, Part E. Its random numbers are the simulation's:
 * the same at each run, and no secret.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_random(): the next number of the world's random sequence
 *   auth_payload_by: us: until when a packet with a MIC must arrive
 *   begin: of a procedure: starts it
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   cipher: key and nonce of an encrypted packet
 *   cis_awaits_ind(): a stream that the host has accepted awaits LL_CIS_IND
 *   close_reason: the connection ends after this event, for this reason; 0: it goes on
 *   control_done(): the procedure has ended
 *   CONTROL_MAX: octets of the longest control PDU
 *   control_reject(): queues LL_REJECT_EXT_IND, or what an older peer understands
 *   control_release(): sends and handles what has waited for the end of encryption
 *   control_request(): the procedure P_… is wanted: it begins when no other runs
 *   control_send(): queues a control PDU
 *   controller_has(): the controller has this feature
 *   encrypting: encryption is being started or paused: no data are sent
 *   encryption_next: opcode of the PDU that the peer must send next; 0: no procedure of encryption
 *   encryption_pdus_only: any control PDU that is not about encryption, and any data, ends the
 *       connection
 *   evt_le(): an LE event for the host, unless it is masked
 *   evt_put(): an event for the host, unless it is masked
 *   evt_put_2(): an event for the host, unless its second mask excludes it
 *   FEATURE_PING: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   header_mask: bits of a PDU's header that the MIC covers
 *   link_handle(): HCI's handle of the connection with this index
 *   link_wake(): the connection has something to send: a peripheral does not skip its next events
 *   LL_ENC_REQ: LL_…: opcodes of control PDUs.  Vol 6, Part B, 2.4.2
 *   local_procedure: P_… that we have begun
 *   MIC: octets of the code that authenticates an encrypted payload
 *   NEVER: a deadline that does not exist: later than any time
 *   on_instant: of a procedure: called when its instant is reached
 *   on_refused: of a procedure: called when the peer has refused it
 *   ping_at: us: when LL_PING_REQ is sent, so that a packet with a MIC arrives in time
 *   response_by: us: the connection is lost if the peer has not answered by then
 *   rx_counter: packets decrypted, without repeated ones; link_accept_payload() counts
 *   rx_encrypted: packets from the peer are encrypted
 *   rx_pausing: the next new packet, the central's LL_PAUSE_ENC_RSP, is not encrypted
 *   subrate_factor: one connection event of so many is used
 *   terminating: the end is being sent to the peer
 *   tx_counter: packets encrypted: part of the nonce
 *   tx_encrypted: packets to the peer are encrypted
 *   was_encrypted: the connection has been encrypted, and may be paused: the next success is a key
 *       refresh */
#include "host.h"
#include "control.h"

/* --- packets: CCM with a counter for each direction ------------------------------------------- */

/* Link layer and HCI have the least significant octet first, AES the most. */
static void reversed(uint8_t out[16], const uint8_t in[16])
{
    for (size_t n = 0; n < 16; n++) {
        out[n] = in[15 - n];
    }
}

/* Nonce: packet counter 39 bits, direction (1: from the central), IV 8.  Vol 6, Part E, 2.1 */
static void crypt_nonce(const struct cipher *k, uint8_t nonce[13])
{
    for (unsigned n = 0; n < 5; n++) {
        nonce[n] = (uint8_t)(k->counter >> (8 * n));
    }
    unsigned direction = 0;
    if (k->from_central) {
        direction = 0x80;
    }
    nonce[4] = (uint8_t)((nonce[4] & 0x7f) | direction);
    memcpy(nonce + 5, k->iv, 8);
}

/* The MIC over the header, of which some bits may change between sender and receiver, and the
 * payload: CBC-MAC of B0, B1 (the header) and the payload. Vol 6, Part E, 2.2 */
static void crypt_mic(const controller *c, const struct cipher *k, const uint8_t nonce[13],
                      uint8_t head, const uint8_t *plain, size_t len, uint8_t mac[16])
{
    uint8_t block[16] = { 0x49 }; /* B0: flags: a header is authenticated, MIC of 4 octets */
    memcpy(block + 1, nonce, 13);
    block[15] = (uint8_t)len;
    c->cfg.crypto->aes128(k->key, block, mac);
    const uint8_t aad[3] = { 0, 1, head & k->header_mask };
    for (size_t n = 0; n < sizeof aad; n++) {
        mac[n] ^= aad[n];
    }
    c->cfg.crypto->aes128(k->key, mac, mac);
    for (size_t at = 0; at < len; at += 16) {
        for (size_t n = 0; n < 16 && at + n < len; n++) {
            mac[n] ^= plain[at + n];
        }
        c->cfg.crypto->aes128(k->key, mac, mac);
    }
}

/* A block of the key stream: number 0 encrypts the MIC, those from 1 on the payload. */
static void crypt_stream(const controller *c, const struct cipher *k, const uint8_t nonce[13],
                         uint16_t number, uint8_t out[16])
{
    uint8_t block[16] = { 0x01 }; /* A_i: flags */
    memcpy(block + 1, nonce, 13);
    block[14] = (uint8_t)(number >> 8);
    block[15] = (uint8_t)number;
    c->cfg.crypto->aes128(k->key, block, out);
}

/* Encrypts or decrypts the payload with the key stream. */
static void crypt_xor(const controller *c, const struct cipher *k, const uint8_t nonce[13],
                      uint8_t *data, size_t len)
{
    uint8_t key[16];
    for (size_t at = 0; at < len; at += 16) {
        crypt_stream(c, k, nonce, (uint16_t)(1 + at / 16), key);
        for (size_t n = 0; n < 16 && at + n < len; n++) {
            data[at + n] ^= key[n];
        }
    }
}

/* Encrypts `len` octets in place and appends the MIC, for which `data` has room. */
void crypt_seal_with(const controller *c, const struct cipher *k, uint8_t head, uint8_t *data,
                     size_t len)
{
    uint8_t nonce[13], mic[16], key[16];
    crypt_nonce(k, nonce);
    crypt_mic(c, k, nonce, head, data, len, mic);
    crypt_xor(c, k, nonce, data, len);
    crypt_stream(c, k, nonce, 0, key);
    for (size_t n = 0; n < MIC; n++) {
        data[len + n] = mic[n] ^ key[n];
    }
}

/* Decrypts in place; `len` counts the MIC. Returns false for a wrong MIC. */
bool crypt_open_with(const controller *c, const struct cipher *k, uint8_t head, uint8_t *data,
                     size_t len)
{
    uint8_t nonce[13], mic[16], key[16], wrong = 0;
    if (len <= MIC) {
        return false;
    }
    crypt_nonce(k, nonce);
    crypt_xor(c, k, nonce, data, len - MIC);
    crypt_mic(c, k, nonce, head, data, len - MIC, mic);
    crypt_stream(c, k, nonce, 0, key);
    for (size_t n = 0; n < MIC; n++) {
        wrong |= (uint8_t)(data[len - MIC + n] ^ mic[n] ^ key[n]);
    }
    return !wrong;
}

/* The key and nonce of the connection's packet number `counter`, in one direction. */
static void link_cipher(const struct link *l, uint64_t counter, bool from_central, struct cipher *k)
{
    memcpy(k->key, l->session_key, 16);
    memcpy(k->iv, l->iv, 8);
    k->counter = counter;
    k->from_central = from_central;
    k->header_mask = 0xe3; /* all but SN, NESN and MD */
}

/* Encrypts the next packet of ours and appends its MIC. */
void crypt_seal(controller *c, struct link *l, uint8_t head, uint8_t *data, size_t len)
{
    struct cipher k;
    link_cipher(l, l->tx_counter++, l->central, &k);
    crypt_seal_with(c, &k, head, data, len);
}

/* The caller counts rx_counter once the packet is accepted: it may be repeated. */
bool crypt_open(controller *c, struct link *l, uint8_t head, uint8_t *data, size_t len)
{
    struct cipher k;
    link_cipher(l, l->rx_counter, !l->central, &k);
    return crypt_open_with(c, &k, head, data, len);
}

/* --- the key ---------------------------------------------------------------------------------- */

/* Encryption has started, or has failed. A procedure of this side that waited for that gets its
 * full response timeout. */
static void encrypt_over(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    l->encrypting = l->encryption_pdus_only = false;
    l->encryption_next = 0;
    if ((l->local_procedure && l->local_procedure != P_ENCRYPT) || cis_awaits_ind(c, i)) {
        control_start_timeout(c, i);
    } else {
        l->response_by = NEVER;
    }
}

/* Of the simulation's random numbers, so no secret. */
static uint8_t random_octet(controller *c)
{
    return (uint8_t)(air_random(c->air) >> 8);
}

/* Session key: e(LTK, SKD). `skd` has the least significant octet first: the central's half, then
 * the peripheral's; `ltk` and the key the most significant. 5.1.3.1 */
static void key_derive(controller *c, struct link *l)
{
    uint8_t skd[16];
    reversed(skd, l->skd);
    c->cfg.crypto->aes128(l->ltk, skd, l->session_key);
    l->tx_counter = l->rx_counter = 0;
}

/* Encryption Change: status u8, handle u16, on u8; or, for a new key, Encryption Key Refresh
 * Complete: status u8, handle u16.  Vol 4, Part E, 7.7.8, 7.7.39.  The procedure has ended. */
static void encrypt_finish(controller *c, uint8_t i, uint8_t status)
{
    struct link *l = &c->links[i];
    uint8_t b[4];
    struct wr w = wr_of(b, sizeof b);
    bool refresh = l->was_encrypted;
    wr_u8(&w, status);
    wr_le16(&w, link_handle(i));
    if (refresh) {
        evt_put(c, EVT_KEY_REFRESH, &w);
    } else {
        wr_u8(&w, !status);
        evt_put(c, EVT_ENCRYPTION_CHANGE, &w);
    }
    l->was_encrypted = !status;
    encrypt_over(c, i);
}

/* Whether a PDU of encryption is the one that the peer must send next, or begins a procedure.
 * 5.1.3 */
bool encrypt_expects(const struct link *l, uint8_t opcode)
{
    uint8_t next = l->encryption_next;
    if (!next) {
        next = l->tx_encrypted ? LL_PAUSE_ENC_REQ : LL_ENC_REQ;
    }
    return opcode == next;
}

/* A control PDU without parameters. */
static void send_opcode(struct link *l, uint8_t opcode)
{
    uint8_t b[1];
    struct wr pdu = wr_of(b, sizeof b);
    wr_u8(&pdu, opcode);
    control_send(l, &pdu);
}

/* encryption_next while the host looks for the key: the peer must wait. */
enum { NOTHING = 0xff };

/* --- starting --------------------------------------------------------------------------------- */

/* LL_ENC_REQ: random 8, diversifier u16, SKD of the central 8, IV of the central 4. */
static void send_enc_req(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    uint8_t b[CONTROL_MAX];
    struct wr pdu = wr_of(b, sizeof b);
    for (size_t n = 0; n < 8; n++) {
        l->skd[n] = random_octet(c);
        if (n < 4) {
            l->iv[n] = random_octet(c);
        }
    }
    memset(l->iv + 4, 0, 4); /* the peripheral's half is still to come */
    wr_u8(&pdu, LL_ENC_REQ);
    wr_bytes(&pdu, l->rand, 8);
    wr_le16(&pdu, l->ediv);
    wr_bytes(&pdu, l->skd, 8);
    wr_bytes(&pdu, l->iv, 4);
    control_send(l, &pdu);
    l->encryption_next = LL_ENC_RSP;
}

/* Central: an encrypted connection is paused first. 5.1.3.2 */
static void encrypt_begin(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    l->encrypting = true;
    if (l->tx_encrypted) {
        l->encryption_next = LL_PAUSE_ENC_RSP;
        send_opcode(l, LL_PAUSE_ENC_REQ);
    } else {
        send_enc_req(c, i);
    }
}

/* Only LL_ENC_REQ may be refused: the peer has no such feature, or no key. */
static void encrypt_refused(controller *c, uint8_t i, uint8_t error)
{
    struct link *l = &c->links[i];
    if (l->encryption_next != LL_ENC_RSP && l->encryption_next != LL_START_ENC_REQ) {
        l->close_reason = WOAD_HCI_MIC_FAILURE;
        return;
    }
    encrypt_finish(c, i, error);
    control_release(c, i);
}

/* Answers LL_ENC_REQ by LL_ENC_RSP: SKD of the peripheral 8, IV of the peripheral 4. Then the host
 * has to give the key. LE Long Term Key Request: handle u16, random 8, diversifier u16. Vol 4,
 * Part E, 7.7.65.5 */
void rx_enc_req(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    uint8_t b[CONTROL_MAX], e[12];
    struct wr pdu = wr_of(b, sizeof b), w = wr_of(e, sizeof e);
    if (!c->cfg.crypto) {
        control_reject(c, l, LL_ENC_REQ, WOAD_HCI_UNSUPPORTED_REMOTE);
        return;
    }
    l->encryption_next = NOTHING;
    rd_copy(in, l->rand, 8);
    l->ediv = rd_le16(in);
    rd_copy(in, l->skd, 8);
    rd_copy(in, l->iv, 4);
    for (size_t n = 0; n < 8; n++) {
        l->skd[8 + n] = random_octet(c);
        l->iv[4 + n % 4] = random_octet(c);
    }
    l->encrypting = l->encryption_pdus_only = true;
    control_start_timeout(c, i);
    wr_u8(&pdu, LL_ENC_RSP);
    wr_bytes(&pdu, l->skd + 8, 8);
    wr_bytes(&pdu, l->iv + 4, 4);
    control_send(l, &pdu);
    wr_le16(&w, link_handle(i));
    wr_bytes(&w, l->rand, 8);
    wr_le16(&w, l->ediv);
    l->ltk_requested = true;
    evt_le(c, LE_LTK_REQUEST, &w);
}

/* The central has both halves of SKD and IV now: LL_START_ENC_REQ must follow. */
void rx_enc_rsp(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    rd_copy(in, l->skd + 8, 8);
    rd_copy(in, l->iv + 4, 4);
    key_derive(c, l);
    l->encryption_pdus_only = true;
    l->encryption_next = LL_START_ENC_REQ;
    control_start_timeout(c, i);
}

/* The host's reply to LE Long Term Key Request; NULL: it has no key, which ends a connection that
 * was encrypted before. 5.1.3.1 */
void encrypt_key(controller *c, uint8_t i, const uint8_t *ltk)
{
    struct link *l = &c->links[i];
    l->ltk_requested = false;
    if (l->terminating) {
        return; /* the connection is ending */
    }
    if (ltk) {
        reversed(l->ltk, ltk);
        key_derive(c, l);
        l->rx_encrypted = true;
        l->encryption_next = LL_START_ENC_RSP;
        control_start_timeout(c, i);
        send_opcode(l, LL_START_ENC_REQ);
    } else if (l->was_encrypted) {
        control_terminate(c, i, WOAD_HCI_KEY_MISSING);
    } else {
        encrypt_over(c, i); /* before: the reject is no encryption PDU */
        control_reject(c, l, LL_ENC_REQ, WOAD_HCI_KEY_MISSING);
        control_release(c, i);
    }
    link_wake(c, i);
}

/* The first PDU that the peripheral can decrypt: from this answer on both directions are
 * encrypted. */
void rx_start_enc_req(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    (void)in;
    l->tx_encrypted = l->rx_encrypted = true;
    l->encryption_next = LL_START_ENC_RSP;
    control_start_timeout(c, i);
    send_opcode(l, LL_START_ENC_RSP);
}

/* The first encrypted packet in each direction proves that both keys are equal. */
void rx_start_enc_rsp(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    (void)in;
    if (!l->central) {
        l->tx_encrypted = true;
        send_opcode(l, LL_START_ENC_RSP);
    }
    encrypt_finish(c, i, 0);
    payload_timeout_restart(c, l);
    control_done(c, i, P_ENCRYPT); /* if it is ours */
    control_release(c, i);
}

/* --- pausing, for a new key ------------------------------------------------------------------- */

/* At the peripheral: its answer is the last PDU that is encrypted with the old key. */
void rx_pause_enc_req(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    (void)in;
    l->encrypting = l->encryption_pdus_only = true;
    l->rx_pausing = true;
    l->encryption_next = LL_PAUSE_ENC_RSP;
    control_start_timeout(c, i);
    send_opcode(l, LL_PAUSE_ENC_RSP);
}

/* After the peripheral's, which is encrypted, the central sends unencrypted; after the central's,
 * which is not, the peripheral does. */
void rx_pause_enc_rsp(controller *c, uint8_t i, struct rd *in)
{
    struct link *l = &c->links[i];
    (void)in;
    l->tx_encrypted = l->rx_encrypted = l->rx_pausing = false;
    l->encryption_next = LL_ENC_REQ;
    if (l->central) {
        l->encryption_pdus_only = true;
        control_start_timeout(c, i);
        send_opcode(l, LL_PAUSE_ENC_RSP);
        send_enc_req(c, i);
    }
}

/* --- the authenticated payload timeout -------------------------------------------------------- */

/* A packet with a valid MIC has been received: the authenticated payload timeout starts again. 5.4
 */
void payload_timeout_restart(controller *c, struct link *l)
{
    uint64_t all = l->payload_timeout * 10000u;
    /* four events that the peer may skip none of, in which the ping and its answer get through */
    uint64_t before = 4u * (l->latency + 1u) * l->subrate_factor * (l->interval * 1250ull);
    l->auth_payload_by = c->air->now + all;
    l->ping_at = l->auth_payload_by - earlier(before, all / 2);
}

/* Time for LL_PING_REQ; or the timeout has expired. Authenticated Payload Timeout Expired: handle
 * u16. Vol 4, Part E, 7.7.75 */
void payload_on_timer(controller *c, uint8_t i)
{
    struct link *l = &c->links[i];
    uint8_t b[2];
    struct wr w = wr_of(b, sizeof b);
    if (l->ping_at <= c->air->now && l->ping_at < l->auth_payload_by) {
        l->ping_at = NEVER;
        if (l->tx_encrypted && controller_has(c, FEATURE_PING)) {
            control_request(c, i, P_PING);
        }
        return;
    }
    wr_le16(&w, link_handle(i));
    payload_timeout_restart(c, l);
    if (l->rx_encrypted) {
        evt_put_2(c, EVT_PAYLOAD_TIMEOUT_EXPIRED, &w);
    } else {
        l->auth_payload_by = l->ping_at = NEVER;
    }
}

const struct procedure proc_encrypt = { .request = { LL_ENC_REQ, LL_PAUSE_ENC_REQ },
                                        .begin = encrypt_begin,
                                        .on_refused = encrypt_refused,
                                        .on_instant = NULL };
