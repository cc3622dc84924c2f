/* One controller's transceiver. It waits to transmit, transmits, or listens, one at a time, for
 * the activity that owns it; when that ends it calls the owner's row of the controller's
 * activities.
 *
 * Names of other files:
 *   c: the controller
 *   f: a packet on the air (world.h)
 *   activities: of a controller: the functions of each activity
 *   ACTIVITY_NONE: no activity: the radio is off
 *   ADV_CRC_INIT: CRCInit of advertising
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_packet: a packet on the air: world.h
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   KIND_ADV: kind of a packet, for captures: on a primary channel
 *   medium_begin(): the packet's first bit: it is on the air
 *   medium_busy(): the radio is receiving a packet: when it ends
 *   medium_end(): the packet's last bit: the receivers get it
 *   medium_listen(): puts a radio on the list of its channel
 *   medium_stop_listening(): takes a radio off the list of its channel
 *   on_radio_free: of the scanner: the radio is off
 *   owner: of the radio: the activity (ACTIVITY_…) that it calls
 *   packet: of the radio: the packet that is being sent, or was sent last
 *   packets: of an SDU: its HCI packets, given back with it; of the air: those that are on it, by
 *       channel
 *   PHY_2M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   since: us: when the radio began to listen
 *   state: of the radio: RADIO_OFF; RADIO_WAIT: a packet is to be sent; RADIO_TX; RADIO_RX: it
 *       listens */
#include "world.h"

/* Uncoded: preamble 1 (2M: 2), access address 4, PDU, CRC 3, each octet 8 us or 4.  Vol 6, Part
 * B, 2.1 Coded: preamble 80 us, access address 256, coding indicator 16, TERM1 24, then each
 * octet 64 us (S=2: 16) and TERM2 24 (6).  2.2 */
uint32_t radio_airtime(size_t pdu_len, uint8_t phy)
{
    switch (phy) {
    case PHY_2M: return (uint32_t)(4 * (2 + 4 + pdu_len + 3));
    case PHY_CODED: return (uint32_t)(80 + 256 + 16 + 24 + 64 * (pdu_len + 3) + 24);
    case PHY_CODED_S2: return (uint32_t)(80 + 256 + 16 + 24 + 16 * (pdu_len + 3) + 6);
    default: return (uint32_t)(8 * (1 + 4 + pdu_len + 3));
    }
}

/* The caller writes the next PDU there. */
struct wr radio_pdu(controller *c)
{
    radio_off(c);
    return wr_of(c->radio.packet.pdu, sizeof c->radio.packet.pdu);
}

/* The radio is off, by radio_pdu(), until the packet begins at `at`. */
void radio_send(controller *c, uint8_t owner, uint64_t at, uint8_t channel, uint32_t aa,
                uint8_t phy, const struct wr *pdu)
{
    struct air_packet *f = &c->radio.packet;
    f->from = c;
    f->channel = channel;
    f->aa = aa;
    f->phy = phy;
    f->kind = KIND_ADV;
    f->power = c->cfg.tx_power_dbm;
    f->crc_init = ADV_CRC_INIT;
    f->plain_len = 0;
    f->len = (uint16_t)wr_len(pdu);
    f->start = at;
    f->end = at + radio_airtime(f->len, phy);
    c->radio.owner = owner;
    c->radio.channel = channel;
    c->radio.state = RADIO_WAIT;
    c->radio.at = at;
}

/* A packet that begins until `until` is received to its end, however late that is. */
void radio_listen(controller *c, uint8_t owner, uint8_t channel, uint32_t aa, uint8_t phy,
                  uint64_t until)
{
    radio_off(c);
    c->radio.owner = owner;
    c->radio.channel = channel;
    c->radio.aa = aa;
    c->radio.phy = phy;
    c->radio.since = c->air->now;
    c->radio.at = until;
    c->radio.state = RADIO_RX;
    medium_listen(c);
}

/* A packet being sent is taken off the air: no receiver gets it. */
void radio_off(controller *c)
{
    if (c->radio.state == RADIO_RX) {
        medium_stop_listening(c);
    } else if (c->radio.state == RADIO_TX) {
        struct air_packet **at = &c->air->packets[c->radio.channel];
        while (*at && *at != &c->radio.packet) {
            at = &(*at)->next;
        }
        if (*at) {
            *at = c->radio.packet.next;
        }
    }
    c->radio.state = RADIO_OFF;
    c->radio.owner = ACTIVITY_NONE;
}

/* The packet has ended: the receivers get it first, then its sender's activity is called. */
static void radio_on_tx_done(controller *c)
{
    const struct activity *a = &c->activities[c->radio.owner];
    medium_end(c);
    c->radio.state = RADIO_OFF;
    if (a->on_tx_done) {
        a->on_tx_done(c);
    }
}

/* The time to listen has passed: goes on if a packet has begun, else calls the activity. */
static void radio_on_rx_timeout(controller *c)
{
    uint64_t end;
    if (medium_busy(c, &end) && end >= c->air->now) {
        c->radio.at = end + 1; /* a packet began in time: receive it to its end */
        return;
    }
    const struct activity *a = &c->activities[c->radio.owner];
    radio_off(c);
    if (a->on_rx_timeout) {
        a->on_rx_timeout(c);
    }
}

/* Called after each activity that has run. */
void radio_offer(controller *c)
{
    if (c->radio.state == RADIO_OFF) {
        c->activities[ACTIVITY_SCAN].on_radio_free(c);
    }
}

/* radio.at is reached: a packet begins or ends, or the time to listen is over. */
void radio_run(controller *c)
{
    switch (c->radio.state) {
    case RADIO_WAIT:
        c->radio.state = RADIO_TX;
        c->radio.at = c->radio.packet.end;
        medium_begin(c);
        break;
    case RADIO_TX: radio_on_tx_done(c); break;
    case RADIO_RX: radio_on_rx_timeout(c); break;
    default: break;
    }
}
