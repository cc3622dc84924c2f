/* Events of extended and of periodic advertising.  Vol 4, Part E, 7.7.65.13 to 7.7.65.16,
 * 7.7.65.18, 7.7.65.19, 7.7.65.24
 *
 * Names of other files:
 *   c: the controller
 *   a: an advertising set (ll.h)
 *   s: a sync (struct sync, ll.h)
 *   advertiser: of a sync: the address of the device that it listens to
 *   by_host: the sync was begun by the host, else by a peer
 *   DBM_UNKNOWN: HCI's value for a power that is not known
 *   events: advertising events since the set was enabled
 *   evt_le(): an LE event for the host, unless it is masked
 *   evt_room(): the queue to the host has room for so many octets
 *   has_adi: of an extended PDU: ADI is there: did and sid
 *   has_adv: fields of an extended PDU (struct ext) that are there: has_…
 *   has_power: of an extended PDU: TxPower is there
 *   has_target: of an extended PDU: TargetA is there; of the resolving list: target_rpa is
 *   link_handle(): HCI's handle of the connection with this index
 *   ll_adv: an advertising set: ll.h
 *   past_conn: of a sync by transfer: index of the connection by which it came
 *   past_data: of a sync by transfer: the Service_Data that came with it
 *   PHY_1M: PHY_…: PHYs: 1 Msym/s, 2 Msym/s, coded; PHY_CODED_S2: coded with two symbols a bit
 *   phy_number(): HCI's number of a PHY: both codings are one
 *   primary_phy: PHY of the ADV_EXT_IND that named the chain
 *   reporting: the host wants reports of the sync
 *   ROOM_FOR_REPORT: octets of the queue to the host that reports leave free for data and events
 *   sca: class of a sleep clock's accuracy, 0 to 7
 *   sync_handle(): HCI's handle of a sync */
#include "host.h"
#include "periodic.h"

/* --- extended advertising --------------------------------------------------------------------- */

/* LE Advertising Set Terminated: status u8, set u8, handle u16, events u8.  `i`: the connection
 * that was made, if the status is 0.  7.7.65.18 */
void evt_set_terminated(controller *c, const struct ll_adv *a, uint8_t status, uint8_t i)
{
    uint8_t b[8];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    wr_u8(&w, a->handle);
    wr_le16(&w, status ? 0 : link_handle(i));
    wr_u8(&w, (uint8_t)min_uint(a->events, 255));
    evt_le(c, LE_ADV_SET_TERMINATED, &w);
}

/* LE Scan Request Received: set u8, type u8, address 6.  7.7.65.19 */
void evt_scan_request(controller *c, const struct ll_adv *a, const struct address *peer)
{
    uint8_t b[8];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, a->handle);
    wr_u8(&w, peer->type);
    wr_bytes(&w, peer->octet, 6);
    if (evt_room(c, ROOM_FOR_REPORT)) {
        evt_le(c, LE_SCAN_REQUEST, &w);
    }
}

/* LE Extended Advertising Report, one: type u16, address type u8, address 6, primary PHY u8,
 * secondary u8, SID u8, power i8, RSSI i8, periodic interval u16, direct type u8, address 6,
 * length u8, data. 7.7.65.13 `secondary`: its PHY; 0: a legacy PDU, which has none. */
void evt_ext_report(controller *c, uint16_t type, const struct ext *e, const uint8_t *data,
                    size_t len, int8_t rssi, uint8_t secondary)
{
    uint8_t b[255];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, 1);
    wr_le16(&w, type);
    wr_u8(&w, e->has_adv ? e->adv.type : 0xff); /* 0xff: anonymous */
    wr_bytes(&w, e->adv.octet, 6);
    wr_u8(&w, secondary ? phy_number(c->scan->primary_phy) : PHY_1M);
    wr_u8(&w, secondary);
    wr_u8(&w, e->has_adi ? e->sid : 0xff);
    wr_u8(&w, e->has_power ? (uint8_t)e->power : DBM_UNKNOWN);
    wr_u8(&w, (uint8_t)rssi);
    wr_le16(&w, e->has_sync ? e->sync.interval : 0);
    wr_u8(&w, e->has_target ? e->target.type : 0);
    wr_bytes(&w, e->target.octet, 6);
    wr_u8(&w, (uint8_t)len);
    wr_bytes(&w, data, len);
    if (evt_room(c, ROOM_FOR_REPORT)) {
        evt_le(c, LE_EXT_REPORT, &w);
    }
}

/* --- periodic advertising --------------------------------------------------------------------- */

enum { PERIODIC_REPORT_MAX = 247 }; /* octets of data in one event.  7.7.65.15 */

/* SID u8, type u8, address 6, PHY u8, interval u16, clock accuracy u8 */
static void wr_sync(struct wr *w, const struct sync *s)
{
    wr_u8(w, s->sid);
    wr_u8(w, s->advertiser.type);
    wr_bytes(w, s->advertiser.octet, 6);
    wr_u8(w, phy_number(s->phy));
    wr_le16(w, s->interval);
    wr_u8(w, s->sca);
}

/* LE Periodic Advertising Sync Established: status u8, handle u16, then as above. 7.7.65.14 For a
 * sync by transfer LE Periodic Advertising Sync Transfer Received: status u8, connection u16,
 * service data u16, handle u16, then as above. 7.7.65.24 */
void evt_sync_established(controller *c, const struct sync *s, uint8_t status)
{
    uint8_t b[32];
    struct wr w = wr_of(b, sizeof b);
    wr_u8(&w, status);
    if (!s->by_host) {
        wr_le16(&w, link_handle(s->past_conn));
        wr_le16(&w, s->past_data);
    }
    uint16_t handle = 0;
    if (!status) {
        handle = sync_handle(c, s);
    }
    wr_le16(&w, handle);
    wr_sync(&w, s);
    uint8_t code = LE_SYNC_ESTABLISHED;
    if (!s->by_host) {
        code = LE_SYNC_TRANSFER_RECEIVED;
    }
    evt_le(c, code, &w);
}

/* LE Periodic Advertising Sync Lost: handle u16.  7.7.65.16 */
void evt_sync_lost(controller *c, const struct sync *s)
{
    uint8_t b[2];
    struct wr w = wr_of(b, sizeof b);
    wr_le16(&w, sync_handle(c, s));
    evt_le(c, LE_SYNC_LOST, &w);
}

/* LE Periodic Advertising Report: handle u16, power i8, RSSI i8, CTE u8, status u8, length u8,
 * data.  7.7.65.15 */
void evt_periodic_report(controller *c, const struct sync *s, const struct ext *e, struct rd data,
                         uint8_t status, int8_t rssi)
{
    do {
        size_t n = PERIODIC_REPORT_MAX;
        if (rd_left(&data) < PERIODIC_REPORT_MAX) {
            n = rd_left(&data);
        }
        const uint8_t *p = rd_bytes(&data, n);
        uint8_t b[255];
        struct wr w = wr_of(b, sizeof b);
        wr_le16(&w, sync_handle(c, s));
        uint8_t power = DBM_UNKNOWN;
        if (e->has_power) {
            power = (uint8_t)e->power;
        }
        wr_u8(&w, power);
        wr_u8(&w, (uint8_t)rssi);
        wr_u8(&w, 0xff); /* no constant tone */
        wr_u8(&w, rd_left(&data) ? 1 : status);
        wr_u8(&w, (uint8_t)n);
        wr_bytes(&w, p, n);
        if (s->reporting && evt_room(c, ROOM_FOR_REPORT)) {
            evt_le(c, LE_PERIODIC_REPORT, &w);
        }
    } while (rd_left(&data));
}
