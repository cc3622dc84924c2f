/* Extended advertising: what its files share.  Vol 6, Part B, 2.3.1.5 to 2.3.4, 4.4.2 */
#ifndef WOAD_AIR_EXT_H
#define WOAD_AIR_EXT_H

#include "ll.h"

enum {
    ADV_IND = 0,
    ADV_DIRECT_IND = 1,
    ADV_NONCONN_IND = 2,
    SCAN_REQ = 3,
    SCAN_RSP = 4,
    CONNECT_IND = 5,
    ADV_SCAN_IND = 6,
    ADV_EXT = 7,
    AUX_CONNECT_RSP = 8
};
enum { /* Vol 4, Part E, 7.8.53 */
       PROP_CONNECTABLE = 0x01,
       PROP_SCANNABLE = 0x02,
       PROP_DIRECTED = 0x04,
       PROP_HIGH_DUTY = 0x08,
       PROP_LEGACY = 0x10,
       PROP_ANONYMOUS = 0x20,
       PROP_TX_POWER = 0x40
};
enum { /* operations of the commands that set data.  Vol 4, Part E, 7.8.54 */
       FRAGMENT_MIDDLE = 0,
       FRAGMENT_FIRST = 1,
       FRAGMENT_LAST = 2,
       DATA_COMPLETE = 3,
       DATA_UNCHANGED = 4
};
enum { T_MAFS = 300 }; /* between a PDU and the one its AuxPtr names.  4.2.2 */

/* Decodes a PDU from its header on; false: it is malformed. */
bool ext_read(struct rd *pdu, struct ext *e);
/* Writes header and payload; returns how much of the data went in. */
size_t ext_write(struct wr *pdu, uint8_t type, const struct ext *e);

/* Fits data into one packet: shortens e->data to what this packet holds, and sets e->has_aux and
 * its fields if there is more. Returns the octets of data. */
size_t ext_write_part(controller *c, struct ext *e, uint8_t phy, uint8_t next_channel);

/* Bits of an advertising PDU's header: the first and the second address are random.  2.3 */
enum { TX_ADD = 0x40, RX_ADD = 0x80 };
static inline unsigned address_bits(bool tx_random, bool rx_random)
{
    return (unsigned)tx_random * TX_ADD | (unsigned)rx_random * RX_ADD;
}

/* adv.c, where each is explained; `end`: us: the end of a request that has been received */
void adv_header(const controller *c, struct wr *pdu, uint8_t type, bool tx_random, bool rx_random,
                size_t len);
void adv_own(const controller *c, const struct ll_adv *a, struct address *own);
void adv_connected(controller *c, struct ll_adv *a, uint8_t i);
bool adv_may_be_connected(controller *c, struct ll_adv *a, uint64_t end);
bool adv_accepts_connection(const controller *c, const struct ll_adv *a,
                            const struct address *peer);
bool adv_accepts_scan_req(const controller *c, const struct ll_adv *a, const struct address *peer);
/* ext_adv.c */
void ext_adv_begin(controller *c, struct ll_adv *a);
void ext_adv_send_primary(controller *c, struct ll_adv *a, uint64_t at);
void ext_adv_on_timer(controller *c, struct ll_adv *a);
void ext_adv_on_tx_done(controller *c, struct ll_adv *a);
void ext_adv_send_scan_rsp(controller *c, struct ll_adv *a, uint64_t at);
void ext_adv_send_connect_rsp(controller *c, struct ll_adv *a, uint8_t i,
                              const struct address *peer, struct rd data, uint64_t end);
void ext_adv_connected(controller *c, struct ll_adv *a);
/* ext_scan.c */
void ext_scan_on_rx(controller *c, struct rd pdu, int8_t rssi, uint64_t start, uint64_t end);
struct ll_adv *set_by_handle(controller *c, uint8_t handle); /* NULL: there is no such set */
/* ext_events.c */
void evt_set_terminated(controller *c, const struct ll_adv *a, uint8_t status, uint8_t i);
void evt_scan_request(controller *c, const struct ll_adv *a, const struct address *peer);
void evt_ext_report(controller *c, uint16_t type, const struct ext *e, const uint8_t *data,
                    size_t len, int8_t rssi, uint8_t secondary);

#endif
