/* The events of a connected isochronous stream: its packets, their acknowledgement, and when the
 * next subevent or event is. The world calls it by iso.c's row of the table of activities;
 * cis.c has how a stream comes and goes. Vol 6, Part B, 2.6, 4.5.13
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   f: a packet on the air (world.h)
 *   s: a stream (struct iso, ll.h)
 *   ACTIVITY_ISO: ACTIVITY_…: what the radio is used for
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_packet: a packet on the air: world.h
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   bn_rx: payloads of an event that we receive
 *   bn_tx: payloads of an event that we send
 *   carry: the fraction of a us that remains of times by a drifting clock
 *   chm: channel map, a bit each
 *   cipher: key and nonce of an encrypted packet
 *   cis_lost(): a stream ends, or is not created
 *   clock_widening(): us by which both clocks may be apart after a time
 *   controller_us_to_air(): a time by the controller's drifting clock, in the air's us
 *   crypt_open_with(): decrypts in place with a key and nonce; false: the MIC is wrong
 *   crypt_seal_with(): encrypts in place with a key and nonce, and appends the MIC
 *   established: a packet has been received; until then it is lost after six events
 *   evt_cis_established(): LE CIS Established, with a status
 *   header_mask: bits of a PDU's header that the MIC covers
 *   index: of the connection, stream, sync or set that has the radio
 *   iso_channel(): the channel of a subevent
 *   iso_event_begin(): sets tx_done, rx_done, and whether an SDU is sent in this event
 *   iso_event_end(): drops the SDU that was sent in this event, gives the host the one received,
 *       counts event
 *   ISO_HEAR_US: us that a receiver listens beyond the time at which a packet may begin
 *   iso_payload(): the payload of a number, of the SDU that is sent; returns its LLID
 *   ISO_START: LLID of a payload that another one of its SDU follows
 *   iso_take(): takes the next payload of the SDU that is received; counts rx_done
 *   KIND_CIS_CENTRAL: kind of a packet, for captures
 *   KIND_CIS_PERIPHERAL: kind of a packet, for captures
 *   last_exchange_at: us: the end of the last exchange with the peer, for the arbiter
 *   last_rx_at: us: the last packet received: the peer's clock is known from then
 *   link_close(): ends the connection with a reason, at once; the host gets Disconnection Complete
 *   lost_at: us: the supervision timeout
 *   MIC: octets of the code that authenticates an encrypted payload
 *   NEVER: a deadline that does not exist: later than any time
 *   nse: subevents of an event
 *   payload_unacked: the last packet carried a payload, which is not acknowledged yet
 *   peer_sca: class of the peer's sleep clock accuracy
 *   plain: of a packet, for a sniffer: the PDU before encryption, of plain_len octets; 0: not
 *       encrypted
 *   radio_claim(): takes the radio for a turn; false: a more urgent activity has it
 *   radio_listen(): listens for packets that begin until a time; then the activity's on_rx_timeout
 *       is called
 *   rx_done: payloads of this event that are received
 *   sending: of periodic advertising: the host wants it, and its set has been enabled once; of a
 *       stream: an SDU is sent in this event
 *   session_key: key of the connection's encryption
 *   start: of a packet: us: its first bit
 *   sub_interval: us from one subevent to the next
 *   supervision: 10 ms: the supervision timeout
 *   T_IFS: us between packets that belong together
 *   terminating: the end is being sent to the peer
 *   tx_done: payloads of this event that are acknowledged
 *   tx_encrypted: packets to the peer are encrypted
 *   tx_power: dBm: of our packets on the connection
 *   widening: us: listening begins so much earlier, for the error of both clocks */
#include "host.h"
#include "control.h"
#include "iso.h"

/* Bits of the header; CLOSE is CIE, the close isochronous event bit. 2.6.1 */
enum { NESN = 0x04, SN = 0x08, CLOSE = 0x10, NPI = 0x40 };
enum { JITTER_US = 2 }; /* of a packet in an event that runs. 4.2.1 */
enum { TRIES = 6 };     /* events without a packet: not established */

/* The cipher of a payload: the session key, and the IV with the access address in its first half.
 * Vol 6, Part E, 2.1 */
static void cis_cipher(const controller *c, const struct iso *s, bool from_central, uint64_t number,
                       struct cipher *k)
{
    const struct link *l = &c->links[s->link];
    memcpy(k->key, l->session_key, 16);
    memcpy(k->iv, l->iv, 8);
    for (unsigned n = 0; n < 4; n++) {
        k->iv[n] ^= (uint8_t)(s->aa >> (8 * n));
    }
    k->counter = number;
    k->from_central = from_central;
    k->header_mask = 0xa3; /* without NESN, SN, CIE and NPI */
}

/* Whether a payload of this event is yet to be sent or received. */
static bool cis_more(const struct iso *s)
{
    return (s->sending && s->tx_done < s->bn_tx) || s->rx_done < s->bn_rx;
}

/* Sends a PDU: LLID u2, NESN, SN, CIE, NPI; length u8; payload. SN and NESN are the lowest bits of
 * payload numbers, so that both sides agree again after a flush. */
static void cis_send(controller *c, struct iso *s, uint64_t at)
{
    struct wr pdu = radio_pdu(c);
    const uint8_t *data = NULL;
    uint64_t sends = s->event * s->bn_tx + s->tx_done, expects = s->event * s->bn_rx + s->rx_done;
    bool null = !s->sending || s->tx_done >= s->bn_tx;
    size_t len = 0;
    uint8_t llid = ISO_START;
    unsigned flags = 0;
    if (expects & 1) {
        flags |= NESN;
    }
    if (sends & 1) {
        flags |= SN;
    }
    if (null) {
        flags |= NPI;
    } else {
        llid = iso_payload(s, s->tx_done, &data, &len);
    }
    if (!cis_more(s)) {
        flags |= CLOSE;
    }
    uint8_t head = (uint8_t)(llid | flags);
    bool seals = c->links[s->link].tx_encrypted && !null && len;
    wr_u8(&pdu, head);
    wr_u8(&pdu, (uint8_t)(len + (seals ? MIC : 0)));
    wr_bytes(&pdu, data, len);
    if (seals) {
        struct cipher k;
        wr_zero(&pdu, MIC);
        memcpy(c->radio.packet.plain, c->radio.packet.pdu, 2 + len);
        c->radio.packet.plain[1] = (uint8_t)len;
        cis_cipher(c, s, s->central, sends, &k);
        crypt_seal_with(c, &k, head, c->radio.packet.pdu + 2, len);
    }
    s->payload_unacked = !null;
    radio_send(c, ACTIVITY_ISO, at, iso_channel(s, s->subevent), s->aa, s->tx_phy, &pdu);
    if (seals) {
        c->radio.packet.plain_len = (uint16_t)(2 + len);
    } else {
        c->radio.packet.plain_len = 0;
    }
    c->radio.packet.crc_init = s->crc_init;
    c->radio.packet.kind = KIND_CIS_PERIPHERAL;
    if (s->central) {
        c->radio.packet.kind = KIND_CIS_CENTRAL;
    }
    c->radio.packet.power = c->links[s->link].tx_power;
    c->radio.index = (uint8_t)(s - c->iso);
}

enum { EVENT_GOES_ON = false };

/* Ends a subevent. After the last one, or if the event is `closed` before, ends the event. */
static void cis_next(controller *c, struct iso *s, bool closed)
{
    s->subevent++;
    if (s->subevent < s->nse && !closed) {
        s->at = s->anchor + s->subevent * s->sub_interval;
        if (!s->central) {
            s->at -= JITTER_US;
        }
        return;
    }
    iso_event_end(c, s);
    if (!s->established && ++s->tries == TRIES) {
        cis_lost(c, s, WOAD_HCI_FAILED_TO_ESTABLISH);
        return;
    }
    s->subevent = 0;
    s->anchor += controller_us_to_air(c, s->interval * 1250u, &s->carry);
    uint32_t widening = 0;
    if (!s->central) {
        widening = clock_widening(c, c->links[s->link].peer_sca, s->anchor - s->last_rx_at);
    }
    s->widening = widening;
    s->at = s->anchor - s->widening;
}

/* A subevent begins: a central sends, a peripheral listens. Called for streams that are on. */
void cis_on_timer(controller *c, struct iso *s)
{
    /* No packet came, or the acknowledgement of a termination was lost. */
    if (s->lost_at <= c->air->now) {
        uint8_t reason = WOAD_HCI_LOCAL_HOST_TERMINATED;
        if (!s->terminating) {
            reason = WOAD_HCI_CONNECTION_TIMEOUT;
        }
        cis_lost(c, s, reason);
        return;
    }
    s->at = NEVER;
    if (s->subevent == 0) { /* the channel map is that of the connection */
        memcpy(s->chm, c->links[s->link].chm, sizeof s->chm);
        iso_event_begin(s);
    }
    if (!radio_claim(c, ACTIVITY_ISO, (uint8_t)(s - c->iso))) {
        cis_next(c, s, EVENT_GOES_ON);
        return;
    }
    if (s->central) {
        cis_send(c, s, c->air->now);
        return;
    }
    uint64_t start = s->anchor + s->subevent * s->sub_interval;
    radio_listen(c, ACTIVITY_ISO, iso_channel(s, s->subevent), s->aa, s->rx_phy,
                 start + (s->subevent ? JITTER_US : s->widening) + ISO_HEAR_US);
    c->radio.index = (uint8_t)(s - c->iso);
}

/* A central listens for the response; a peripheral's packet ends the subevent. */
void cis_on_tx_done(controller *c, struct iso *s)
{
    if (s->central) {
        radio_listen(c, ACTIVITY_ISO, c->radio.channel, s->aa, s->rx_phy,
                     c->air->now + T_IFS + JITTER_US + ISO_HEAR_US);
        c->radio.index = (uint8_t)(s - c->iso);
    } else {
        s->last_exchange_at = c->air->now;
        cis_next(c, s, !cis_more(s));
    }
}

/* No packet began in time, or another activity has taken the radio. */
void cis_on_rx_timeout(controller *c, struct iso *s)
{
    cis_next(c, s, EVENT_GOES_ON);
}

/* Takes a payload if its number is the next. Returns false if a wrong MIC has closed the
 * connection. */
static bool cis_take(controller *c, struct iso *s, uint8_t head, struct rd *in)
{
    uint64_t expects = s->event * s->bn_rx + s->rx_done;
    uint8_t plain[255];
    struct rd payload = *in;
    size_t len = rd_left(in);
    if ((head & NPI) || s->rx_done >= s->bn_rx || (head >> 3 & 1) != (expects & 1)) {
        return true;
    }
    if (c->links[s->link].rx_encrypted && len) {
        struct cipher k;
        cis_cipher(c, s, !s->central, expects, &k);
        rd_copy(in, plain, len);
        if (!crypt_open_with(c, &k, head, plain, len)) {
            link_close(c, s->link, WOAD_HCI_MIC_FAILURE);
            return false;
        }
        payload = rd_of(plain, len - MIC);
    }
    iso_take(s, head & 3, &payload);
    return true;
}

/* A packet of the peer's: acknowledges ours, may carry a payload, and may close the event. */
void cis_on_rx(controller *c, struct iso *s, const struct air_packet *f)
{
    struct rd in = rd_of(f->pdu, f->len);
    uint8_t head = rd_u8(&in), len = rd_u8(&in);
    uint64_t sends = s->event * s->bn_tx + s->tx_done;
    radio_off(c);
    if (in.bad || len != rd_left(&in)) {
        cis_next(c, s, EVENT_GOES_ON);
        return;
    }
    if (!s->central) {
        s->anchor = f->start - s->subevent * s->sub_interval;
        s->last_rx_at = f->start;
        s->carry = 0;
    } else {
        s->last_exchange_at = f->end;
    }
    s->lost_at = c->air->now + c->links[s->link].supervision * 10000u;
    if (!s->established) {
        s->established = true;
        evt_cis_established(c, s, 0);
    }
    if (s->payload_unacked && (head >> 2 & 1) != (sends & 1)) {
        s->tx_done++;
        s->payload_unacked = false;
    }
    if (!cis_take(c, s, head, &in)) {
        return;
    }
    if (!s->central) {
        cis_send(c, s, f->end + T_IFS);
    } else {
        cis_next(c, s, !cis_more(s) && (head & CLOSE));
    }
}
