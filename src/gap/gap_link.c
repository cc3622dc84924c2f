/* The properties of a connection in the link layer: data length, PHY, RSSI, power, channel map, the
 * peer's version and features.  Reads them, and sets some of them.  Vol 4, Part E
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   awaits: HCI events that must follow: bits of woad_link_item, and AWAITS_…; see conn_watch()
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   CALL_ERROR: logs why a public call is refused; its value is the error, the second argument
 *   cfg: the config that the application gave to woad_init()
 *   conn: a connection's number in the public interface
 *   conn_arrived(): an awaited HCI event has arrived, or is not awaited any more
 *   conn_close(): ends every procedure of a connection, and raises WOAD_EV_DISCONNECT
 *   conn_event: a row of a feature's table of HCI events about one connection
 *   conn_events: of a feature: the events of the controller that are about a connection
 *   conn_for_call(): conn_of() for a public call: all connections are polled again afterwards
 *   conn_index(): index of a connection in the arrays that have an element for each
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   conns_end: of the host: the end of its connections' slots
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   EVT_REMOTE_VERSION: EVT_…: codes of HCI events: hci.h
 *   feature_for_call(): for a public call: WOAD_ENOTSUP, WOAD_ENODEV or 0; HCI is polled again
 *   hci: of the host: HCI's flow control and what the controller has said: core/host.h
 *   hci_packet_us(): us on the air for so many octets of data, on the slowest PHY there is
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   LE: bit that marks a subevent of LE Meta in a table of events
 *   LE_DATA_LENGTH_CHANGE: LE_…: codes of LE subevents: hci.h
 *   le_events: of a feature's needs: bits of the LE event mask
 *   LL_OCTETS_MAX: octets of payload of the longest data packet
 *   LL_OCTETS_MIN: octets of payload of a data packet without the length extension
 *   needs: what only some features require: struct woad_needs
 *   NO_CONNECTION: for REFUSED(): no open connection has the number
 *   NO_STATUS: the HCI event has no status field, `rx` gets 0
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   OP_LE_READ_CHANNEL_MAP: OP_…: opcodes of HCI commands: hci.h
 *   pending_arg: set with an HCI command, for its answer: a connection's number, or the like
 *   rd_copy(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   STATUS: the HCI event has a status field
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/conn.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../hci/hci.h"

struct link_conn {
    /* bits of enum woad_link_item: command not sent yet.  conn.awaits: result not received yet */
    uint8_t wanted;
    uint8_t tx_phys, rx_phys, coded; /* of woad_link_set_phy() */
    bool set_phy;                    /* WOAD_LINK_PHY: set it, else read it */
    uint16_t tx_octets;              /* of woad_link_set_data_length() */
};

struct link {
    struct link_conn *conns;
    uint8_t item;      /* of the command in progress */
    bool set_channels; /* `channels` is to be sent */
    uint8_t channels[5];
};

ASSERT_SIZE(link, WOAD_SIZE_LINK);
ASSERT_SIZE(link_conn, WOAD_SIZE_LINK_CONN);

static struct link_conn *link_of(const struct conn *c)
{
    return &c->h->link->conns[conn_index(c)];
}

#define ITEMS ((unsigned)WOAD_LINK_VERSION + 1)
static const uint16_t opcodes[ITEMS] = {
    [WOAD_LINK_RSSI] = OP_READ_RSSI,
    [WOAD_LINK_TX_POWER] = OP_READ_TX_POWER,
    [WOAD_LINK_CHANNEL_MAP] = OP_LE_READ_CHANNEL_MAP,
    [WOAD_LINK_PHY] = OP_LE_READ_PHY,
    [WOAD_LINK_DATA_LENGTH] = OP_LE_SET_DATA_LENGTH,
    [WOAD_LINK_FEATURES] = OP_LE_READ_REMOTE_FEATURES,
    [WOAD_LINK_VERSION] = OP_READ_REMOTE_VERSION,
};

static void link_layout(struct woad *h)
{
    h->link = arena_alloc(h, 1, sizeof *h->link);
    struct link_conn *conns = arena_alloc(h, h->cfg.conns, sizeof *conns);
    if (conns) {
        h->link->conns = conns;
    }
}

static void link_reset(struct woad *h)
{
    *h->link = (struct link){ .conns = h->link->conns };
}

static void link_open(struct conn *c)
{
    *link_of(c) = (struct link_conn){ .wanted = 0 };
}

/* WOAD_EV_LINK: the result of an item, or a change that the controller reports by itself. */
static void link_emit(struct conn *c, const struct woad_link_value *value)
{
    struct woad_event ev;
    ev.u.link = *value;
    conn_arrived(c, 1u << value->item);
    emit_of(c, WOAD_EV_LINK, &ev);
}

static void link_fail(struct conn *c, uint8_t item, int status)
{
    struct woad_link_value value = { .item = (enum woad_link_item)item, .status = status };
    link_emit(c, &value);
}

/* The connection has ended: so have all reads, with WOAD_ENOTCONN. */
static void link_close(struct conn *c)
{
    struct link_conn *l = link_of(c);
    for (uint8_t item = 0; item < ITEMS; item++) {
        if ((l->wanted | c->awaits) >> item & 1) {
            l->wanted &= (uint8_t) ~(1u << item);
            link_fail(c, item, WOAD_ENOTCONN);
        }
    }
}

/* --- commands --------------------------------------------------------------------------------- */

/* HCI_LE_Set_PHY: handle u16, no preference u8, tx u8, rx u8, coding u16.  7.8.49
 * HCI_LE_Set_Data_Length: handle u16, octets u16, time u16.  7.8.33
 * HCI_Read_Transmit_Power_Level: handle u16, type u8: 0 the current one.  7.3.35
 * The others: handle u16. */
static uint16_t link_write(struct conn *c, uint8_t item, struct wr *params)
{
    struct woad *h = c->h;
    struct link_conn *l = link_of(c);
    l->wanted &= (uint8_t) ~(1u << item);
    c->awaits |= 1u << item;
    h->link->item = item;
    h->hci.pending_arg = c->number;
    wr_le16(params, c->handle);
    if (item == WOAD_LINK_PHY && l->set_phy) {
        l->set_phy = false;
        bool any_tx = !l->tx_phys, any_rx = !l->rx_phys; /* no preference */
        wr_u8(params, (uint8_t)(any_tx | any_rx << 1));
        wr_u8(params, l->tx_phys);
        wr_u8(params, l->rx_phys);
        wr_le16(params, l->coded);
        return OP_LE_SET_PHY;
    }
    if (item == WOAD_LINK_DATA_LENGTH) {
        wr_le16(params, l->tx_octets);
        wr_le16(params, hci_packet_us(h, l->tx_octets));
    } else if (item == WOAD_LINK_TX_POWER) {
        wr_u8(params, 0);
    }
    return opcodes[item];
}

/* The channel map, or the first command that a connection waits for; 0: none. */
static uint16_t link_command(struct woad *h, struct wr *params)
{
    struct link *l = h->link;
    if (h->state == HOST_UP && l->set_channels) {
        l->set_channels = false;
        wr_bytes(params, l->channels, sizeof l->channels);
        return OP_LE_SET_HOST_CHANNELS;
    }
    for (struct conn *c = h->conns; h->state == HOST_UP && c < h->conns_end; c++) {
        uint8_t want = 0;
        if (c->state == CONN_OPEN) {
            want = link_of(c)->wanted;
        }
        for (uint8_t item = 0; want >> item; item++) {
            if (want >> item & 1) {
                return link_write(c, item, params);
            }
        }
    }
    return 0;
}

/* Return parameters: handle u16, and RSSI i8 (7.5.4), level i8 (7.3.35), channels 5 (7.8.20),
 * tx u8, rx u8 (7.8.47). */
static void link_read(struct rd *ret, struct woad_link_value *value)
{
    rd_le16(ret);
    if (value->item == WOAD_LINK_CHANNEL_MAP) {
        rd_copy(ret, value->channel_map, sizeof value->channel_map);
    } else if (value->item == WOAD_LINK_PHY) {
        value->tx_phy = rd_u8(ret);
        value->rx_phy = rd_u8(ret);
    } else {
        value->dbm = (int8_t)rd_u8(ret);
    }
}

/* A command has completed.  If it is answered by an event, only its failure ends the request here.
 * Data length: the event follows only if something changes. */
static void link_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct woad_link_value value = { .item = (enum woad_link_item)h->link->item };
    struct conn *c = conn_of(h, h->hci.pending_arg);
    if (opcode == OP_LE_SET_HOST_CHANNELS || !c) {
        return;
    }
    bool event_follows = opcode == OP_LE_SET_PHY || opcode == OP_LE_READ_REMOTE_FEATURES ||
                         opcode == OP_READ_REMOTE_VERSION;
    if (status) {
        link_fail(c, (uint8_t)value.item, status);
    } else if (opcode == OP_LE_SET_DATA_LENGTH) {
        conn_arrived(c, 1u << WOAD_LINK_DATA_LENGTH);
    } else if (!event_follows) {
        link_read(ret, &value);
        if (ret->bad) {
            value.status = WOAD_EBADMSG;
        }
        link_emit(c, &value);
    }
}

/* --- events ----------------------------------------------------------------------------------- */

/* HCI_Read_Remote_Version_Information_Complete: status u8, handle u16, version u8, company u16,
 * subversion u16.  7.7.12 */
static void link_rx_version(struct conn *c, uint8_t status, struct rd *in)
{
    struct woad_link_value value = { .item = WOAD_LINK_VERSION, .status = status };
    value.version = rd_u8(in);
    value.company = rd_le16(in);
    value.subversion = rd_le16(in);
    link_emit(c, &value);
}

/* HCI_LE_Data_Length_Change: handle u16, tx octets u16, time u16, rx octets u16, time u16.
 * 7.7.65.7 */
static void link_rx_length(struct conn *c, uint8_t status, struct rd *in)
{
    struct woad_link_value value = { .item = WOAD_LINK_DATA_LENGTH, .status = status };
    value.tx_octets = rd_le16(in);
    rd_le16(in);
    value.rx_octets = rd_le16(in);
    link_emit(c, &value);
}

/* HCI_LE_Read_Remote_Features_Complete: status u8, handle u16, features 8.  7.7.65.4 */
static void link_rx_features(struct conn *c, uint8_t status, struct rd *in)
{
    struct woad_link_value value = { .item = WOAD_LINK_FEATURES, .status = status };
    rd_copy(in, value.features, sizeof value.features);
    link_emit(c, &value);
}

/* HCI_LE_PHY_Update_Complete: status u8, handle u16, tx u8, rx u8.  7.7.65.12 */
static void link_rx_phy(struct conn *c, uint8_t status, struct rd *in)
{
    struct woad_link_value value = { .item = WOAD_LINK_PHY, .status = status };
    value.tx_phy = rd_u8(in);
    value.rx_phy = rd_u8(in);
    link_emit(c, &value);
}

/* Columns: event code, whether it has a status, octets of all parameters, function. */
static const struct conn_event link_events[] = {
    { EVT_REMOTE_VERSION, STATUS, 8, link_rx_version },
    { LE | LE_DATA_LENGTH_CHANGE, NO_STATUS, 10, link_rx_length },
    { LE | LE_REMOTE_FEATURES, STATUS, 11, link_rx_features },
    { LE | LE_PHY_UPDATE, STATUS, 5, link_rx_phy },
    { 0 }
};

static const struct woad_needs link_needs = {
    .le_events = 1u << (LE_REMOTE_FEATURES - 1) | 1u << (LE_DATA_LENGTH_CHANGE - 1) |
                 1u << (LE_PHY_UPDATE - 1),
};

const struct woad_feature woad_feature_link_control = {
    .layout = link_layout,
    .reset = link_reset,
    .command = link_command,
    .complete = link_complete,
    .conn_open = link_open,
    .conn_close = link_close,
    .conn_events = link_events,
    .needs = &link_needs,
};

/* --- calls ------------------------------------------------------------------------------------ */

/* The connection's state for an application's call.  0, or WOAD_EBUSY while the item is being read
 * or set, or another error. */
static int link_for_call(struct woad *h, uint16_t conn, enum woad_link_item item,
                         struct link_conn **c)
{
    const struct conn *i = conn_for_call(h, conn);
    if (!h->link) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_link_control");
    }
    if (!i || i->state != CONN_OPEN) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    *c = link_of(i);
    if (((*c)->wanted | i->awaits) >> item & 1) {
        return REFUSED(h, WOAD_EBUSY, "item %d of connection 0x%x is being read or set", (int)item,
                       conn);
    }
    return 0;
}

int woad_link_read(struct woad *h, uint16_t conn, enum woad_link_item item)
{
    struct link_conn *c;
    if ((unsigned)item >= ITEMS || item == WOAD_LINK_DATA_LENGTH) {
        return REFUSED(h, WOAD_EINVAL, "item %d can't be read", (int)item);
    }
    int err = link_for_call(h, conn, item, &c);
    if (!err) {
        c->wanted |= (uint8_t)(1u << item);
    }
    return err;
}

int woad_link_set_data_length(struct woad *h, uint16_t conn, uint16_t tx_octets)
{
    struct link_conn *c;
    if (tx_octets < LL_OCTETS_MIN || tx_octets > LL_OCTETS_MAX) {
        return REFUSED(h, WOAD_EINVAL, "tx_octets is %u: 27 to 251", tx_octets);
    }
    int err = link_for_call(h, conn, WOAD_LINK_DATA_LENGTH, &c);
    if (!err) {
        c->tx_octets = tx_octets;
        c->wanted |= 1u << WOAD_LINK_DATA_LENGTH;
    }
    return err;
}

int woad_link_set_phy(struct woad *h, uint16_t conn, uint8_t tx_phys, uint8_t rx_phys,
                      enum woad_coding coding)
{
    struct link_conn *c;
    if (tx_phys > 7 || rx_phys > 7 || coding > WOAD_CODING_S8) {
        return REFUSED(h, WOAD_EINVAL, "tx_phys %u, rx_phys %u: sets of WOAD_PHYS; coding %d",
                       tx_phys, rx_phys, (int)coding);
    }
    int err = link_for_call(h, conn, WOAD_LINK_PHY, &c);
    if (!err) {
        c->tx_phys = tx_phys;
        c->rx_phys = rx_phys;
        c->coded = (uint8_t)coding;
        c->set_phy = true;
        c->wanted |= 1u << WOAD_LINK_PHY;
    }
    return err;
}

/* Bits 37 to 39 are no data channels; at least two channels must remain.  7.8.19 */
int woad_set_channel_map(struct woad *h, const uint8_t channels[5])
{
    unsigned n = 0;
    int err = CALL_ERROR(h, feature_for_call(h, h->link), "woad_feature_link_control");
    if (err) {
        return err;
    }
    for (unsigned i = 0; i < 40; i++) {
        n += (unsigned)channels[i / 8] >> (i % 8) & 1u;
    }
    if (channels[4] & 0xe0 || n < 2) {
        return REFUSED(h, WOAD_EINVAL, "the map has %u channels: 2 or more of bits 0 to 36", n);
    }
    memcpy(h->link->channels, channels, sizeof h->link->channels);
    h->link->set_channels = true;
    return 0;
}
