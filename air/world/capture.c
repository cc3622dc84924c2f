/* Captures that Wireshark opens: link type 256, Bluetooth Low Energy link layer with a
 * pseudo-header. Packets as in Vol 6, Part B, 2.1, 2.2: access address, PDU, CRC.
 *
 * Names of other files:
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end */
#include "../../src/base/buf.h"

#include <woad/air.h>

enum { LINKTYPE_BLE_LL_WITH_PHDR = 256, RECORD_HEADER = 16, PSEUDO_HEADER = 10 };
enum { /* flags of the pseudo-header */
       DEWHITENED = 0x0001,
       SIGNAL_VALID = 0x0002,
       DECRYPTED = 0x0008,
       REFERENCE_AA = 0x0010,
       CRC_CHECKED = 0x0400,
       CRC_VALID = 0x0800,
       MIC_CHECKED = 0x1000,
       MIC_VALID = 0x2000
};
enum { KIND_SHIFT = 7, PHY_SHIFT = 14 }; /* of the PDU type and the PHY in the flags */

/* The file's first octets: magic, version 2.4, zone and accuracy 0, longest record, link type. */
void woad_air_pcap_header(uint8_t header[WOAD_AIR_PCAP_HEADER])
{
    struct wr out = wr_of(header, WOAD_AIR_PCAP_HEADER);
    wr_le32(&out, 0xa1b2c3d4); /* microseconds */
    wr_le16(&out, 2);
    wr_le16(&out, 4);
    wr_zero(&out, 8);
    wr_le32(&out, 0xffff);
    wr_le32(&out, LINKTYPE_BLE_LL_WITH_PHDR);
}

/* In steps of 2 MHz from 2402 MHz.  Vol 6, Part B, 1.4.1 */
static uint8_t rf_channel(uint8_t channel)
{
    static const uint8_t primary[3] = { 0, 12, 39 }; /* 37, 38, 39 */
    if (channel >= 37 && channel <= 39) {
        return primary[channel - 37];
    }
    if (channel < 11) {
        return (uint8_t)(channel + 1);
    }
    return (uint8_t)(channel + 2);
}

/* x^24 + x^10 + x^9 + x^6 + x^4 + x^3 + x + 1, least significant bit first.  3.1.1 */
static uint32_t crc24(uint32_t init, const uint8_t *p, size_t len)
{
    uint32_t state = 0;
    for (unsigned bit = 0; bit < 24; bit++) {
        state |= (init >> bit & 1) << (23 - bit);
    }
    for (size_t n = 0; n < len; n++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint32_t next = (state ^ p[n] >> bit) & 1;
            state >>= 1;
            if (next) {
                state ^= 0xda6000;
            }
        }
    }
    return state;
}

/* A record: time u32 s u32 us, length u32 twice; pseudo-header: channel u8, power i8, noise i8,
 * access address errors u8, reference address u32, flags u16; then the packet. `keys`: decrypted,
 * where the plain PDU is known. Returns its octets, 0: they do not fit. */
size_t woad_air_pcap(const struct woad_air_packet *p, bool keys, uint8_t *record, size_t room)
{
    bool coded = p->phy > 2, open = keys && p->plain;
    uint16_t len = p->len;
    const uint8_t *pdu = p->pdu;
    unsigned flags = DEWHITENED | SIGNAL_VALID | REFERENCE_AA | CRC_CHECKED | CRC_VALID;
    if (open) {
        len = p->plain_len;
        pdu = p->plain;
        flags |= DECRYPTED | MIC_CHECKED | MIC_VALID;
    }
    uint32_t whole = PSEUDO_HEADER + 4u + coded + len + 3u;
    flags |= (unsigned)p->kind << KIND_SHIFT;
    flags |= (unsigned)(coded ? 2 : p->phy - 1) << PHY_SHIFT;
    struct wr out = wr_of(record, room);
    wr_le32(&out, (uint32_t)(p->start_us / 1000000));
    wr_le32(&out, (uint32_t)(p->start_us % 1000000));
    wr_le32(&out, whole);
    wr_le32(&out, whole);
    wr_u8(&out, rf_channel(p->channel));
    wr_u8(&out, (uint8_t)p->power_dbm);
    wr_u8(&out, 0x80); /* noise power: not valid */
    wr_u8(&out, 0);
    wr_le32(&out, p->access_address);
    wr_le16(&out, (uint16_t)flags);
    wr_le32(&out, p->access_address);
    if (coded) {
        wr_u8(&out, p->phy == 4); /* coding indicator: S=8, S=2 */
    }
    wr_bytes(&out, pdu, len);
    wr_le24(&out, crc24(p->crc_init, pdu, len));
    if (!out.bad) {
        return wr_len(&out);
    }
    return 0;
}
