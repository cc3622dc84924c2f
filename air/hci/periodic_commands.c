/* Commands of periodic advertising.  Vol 4, Part E, 7.8.61 to 7.8.63, 7.8.67 to 7.8.73,
 * 7.8.88 to 7.8.92
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status, or CMD_ANSWERED.
 *
 * Names of other files:
 *   c: the controller
 *   a: an advertising set (ll.h)
 *   s: a sync (struct sync, ll.h)
 *   adv_secondary(): the PHY of the set's secondary channels
 *   advertiser: of a sync: the address of the device that it listens to
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   by_host: the sync was begun by the host, else by a peer
 *   CANCELLED: status 0x44, Operation Cancelled by Host
 *   chain_at: us: the next AUX_CHAIN_IND; NEVER: none
 *   chain_us(): us: time on the air of a chain with so many octets of data
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   CMD_EXTENDED: flag of a command: of the extended family, which does not mix with the legacy one
 *   CMD_STATUS: flag of a command: answered by Command Status
 *   configured: of periodic advertising: the host has set its parameters
 *   DATA_COMPLETE: such an operation: these are all data
 *   data_partial: the last fragment of the data is missing
 *   DATA_UNCHANGED: such an operation: only the DID changes
 *   enabled: of periodic advertising: by the host
 *   established: a packet has been received; until then it is lost after six events
 *   evt_sync_established(): reports that the sync is established, or why not
 *   FEATURE_PERIODIC: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   FRAGMENT_FIRST: an operation of commands that set data: HCI's numbers
 *   ll_adv: an advertising set: ll.h
 *   n_syncs: syncs in use
 *   NEVER: a deadline that does not exist: later than any time
 *   on: of a stream: its events are scheduled
 *   PACKET_TOO_LONG: status 0x45, Packet Too Long
 *   past: how LL_PERIODIC_SYNC_IND is handled: the host's setting (past.c)
 *   periodic: periodic advertising of a set
 *   periodic_adv: periodic advertising of a set: ll.h
 *   periodic_adv_enable(): the set, or its periodic advertising, was enabled or disabled
 *   periodic_list: the host's list of periodic advertisers, n_periodic_list of them
 *   PERIODIC_LIST: entries that the list of periodic advertisers has room for
 *   periodic_list_find(): index of the entry, n_periodic_list if there is none
 *   periodic_list_has(): the periodic advertiser list has this advertiser and SID
 *   PROP_ANONYMOUS: PROP_…: bits of the properties of an advertising set or report
 *   PROP_CONNECTABLE: properties of an extended advertising set, bits as HCI has them
 *   reporting: the host wants reports of the sync
 *   room: octets in each of data, rsp and periodic.data of a set
 *   set_by_handle(): the advertising set that the host knows by this number; NULL: none
 *   set_has_big(): a group is sent with this set
 *   skip: events that a sync may leave out after one that it has received
 *   sync: a sync with periodic advertising of another device: ll.h
 *   sync_by_handle(): the sync with HCI's handle, if it is established; NULL: none
 *   sync_create: the host's LE Periodic Advertising Create Sync, until it has succeeded or is
 *       cancelled
 *   sync_end(): ends a sync, without an event to the host
 *   sync_free(): an unused sync; NULL: none is left
 *   sync_with(): the sync with this advertiser and SID; NULL: none
 *   SYNCS: syncs, at most
 *   UNKNOWN_ADVERTISER: status 0x42, Unknown Advertising Identifier
 *   use_list: the list of periodic advertisers decides in the place of one advertiser
 *   VERSION_5_1: VERSION_…: versions of the specification, as HCI counts them */
#include "hci.h"
#include "../ll/periodic.h"

enum { SYNC_CTE_ALL = 0x17 }; /* not to sync with any kind of packet. 7.8.67 */

/* All syncs end without an event; advertising sets are reset by cmd_reset(). */
void periodic_reset(controller *c)
{
    memset(c->sync, 0, SYNCS * sizeof *c->sync);
    memset(&c->ll->sync_create, 0, sizeof c->ll->sync_create);
    c->ll->n_syncs = c->ll->n_periodic_list = 0;
    c->ll->past = (struct past){ 0 };
}

/* --- sending ------------------------------------------------------------------------------------
 */

/* Whether a chain with so many octets of data fits into an interval. */
static bool periodic_adv_fits(const struct ll_adv *a, uint16_t len, uint16_t interval)
{
    return chain_us(len, adv_secondary(a)) <= interval * 1250u;
}

/* Whether a set may have periodic advertising: extended, neither connectable nor scannable, not
 * anonymous. */
static bool set_may_be_periodic(const struct ll_adv *a)
{
    return a->extended && !(a->props & (PROP_CONNECTABLE | PROP_SCANNABLE | PROP_ANONYMOUS));
}

/* handle u8, interval min u16, max u16, properties u16.  7.8.61 */
static int cmd_params(controller *c, struct rd *in, struct wr *ret)
{
    struct ll_adv *a = set_by_handle(c, rd_u8(in));
    uint16_t min = rd_le16(in), max = rd_le16(in), props = rd_le16(in);
    (void)ret;
    if (!a) {
        return UNKNOWN_ADVERTISER;
    }
    if (a->periodic.enabled) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (min < 6 || min > max || (props & ~PROP_TX_POWER) || !set_may_be_periodic(a)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (!periodic_adv_fits(a, a->periodic.len, max)) {
        return PACKET_TOO_LONG;
    }
    a->periodic.configured = true;
    a->periodic.interval = max;
    a->periodic.props = props;
    return 0;
}

/* Whether a fragment of periodic data may come now: 0, or a status. */
static int periodic_data_status(const struct periodic_adv *t, uint8_t op, uint8_t len)
{
    bool part = op < DATA_COMPLETE;
    if (!t->configured || (t->enabled && part)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if ((part && (!len || (op != FRAGMENT_FIRST && !t->data_partial))) ||
        (op == DATA_UNCHANGED && (len || !t->enabled || !t->len))) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    return 0;
}

/* handle u8, operation u8, length u8, data. Data that are too long discard all that the set has.
 * 7.8.62 */
static int cmd_data(controller *c, struct rd *in, struct wr *ret)
{
    struct ll_adv *a = set_by_handle(c, rd_u8(in));
    uint8_t op = rd_u8(in), len = rd_u8(in);
    const uint8_t *data = rd_bytes(in, len);
    (void)ret;
    if (in->bad || rd_left(in) || op > DATA_UNCHANGED || len > 252) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    int status = UNKNOWN_ADVERTISER;
    if (a) {
        status = periodic_data_status(&a->periodic, op, len);
    }
    if (status || op == DATA_UNCHANGED) {
        return status;
    }
    struct periodic_adv *t = &a->periodic;
    uint16_t before = 0;
    if (op == FRAGMENT_MIDDLE || op == FRAGMENT_LAST) {
        before = t->len;
    }
    uint16_t all = (uint16_t)(before + len);
    if (all > a->room || !periodic_adv_fits(a, all, t->interval)) {
        t->len = 0;
        t->data_partial = false;
        if (all > a->room) {
            return WOAD_HCI_MEMORY_EXCEEDED;
        }
        return PACKET_TOO_LONG;
    }
    memcpy(t->data + before, data, len);
    t->len = all;
    t->data_partial = op == FRAGMENT_FIRST || op == FRAGMENT_MIDDLE;
    t->chain_at = NEVER; /* the chain of the old data ends */
    return 0;
}

/* on u8 (bit 1, with ADI, is not supported), handle u8. 7.8.63 */
static int cmd_enable(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t on = rd_u8(in);
    struct ll_adv *a = set_by_handle(c, rd_u8(in));
    (void)ret;
    if (!a) {
        return UNKNOWN_ADVERTISER;
    }
    if (on > 1) {
        int status = WOAD_HCI_INVALID_PARAMETERS;
        if (!(on & ~3)) {
            status = WOAD_HCI_UNSUPPORTED;
        }
        return status;
    }
    if (on ? !a->periodic.configured || a->periodic.data_partial || !set_may_be_periodic(a)
           : set_has_big(c, a)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (on && !periodic_adv_fits(a, a->periodic.len, a->periodic.interval)) {
        return PACKET_TOO_LONG;
    }
    a->periodic.enabled = on;
    periodic_adv_enable(c, a);
    return 0;
}

/* --- receiving ----------------------------------------------------------------------------------
 */

/* Address type u8, address 6. */
static struct address address_read(struct rd *in)
{
    struct address a = { rd_u8(in), { 0 } };
    rd_copy(in, a.octet, 6);
    return a;
}

/* options u8 (use list, reporting disabled, filter duplicates), SID u8, type u8, address 6, skip
 * u16, timeout u16 in 10 ms, CTE u8. 7.8.67 */
static int cmd_create_sync(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t options = rd_u8(in), sid = rd_u8(in);
    struct address who = address_read(in);
    uint16_t skip = rd_le16(in), timeout = rd_le16(in);
    bool by_list = options & 1;
    (void)ret;
    uint8_t cte = rd_u8(in);
    bool all_kinds = (cte & SYNC_CTE_ALL) == SYNC_CTE_ALL;
    if (c->ll->sync_create.on || all_kinds) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if ((options & ~7) || (!by_list && (sid > 15 || who.type > 1)) || skip > 499 || timeout < 10 ||
        timeout > 0x4000) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if ((options & 6) == 4) {
        return WOAD_HCI_UNSUPPORTED; /* this filter needs the ADI of periodic advertising */
    }
    if (!by_list && sync_with(c, &who, sid)) {
        return WOAD_HCI_CONNECTION_EXISTS;
    }
    if (!sync_free(c)) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    evt_status(c, OP_LE_CREATE_SYNC, 0);
    c->ll->sync_create.on = true;
    c->ll->sync_create.use_list = by_list;
    c->ll->sync_create.reporting = !(options & 2);
    c->ll->sync_create.sid = sid;
    c->ll->sync_create.advertiser = who;
    c->ll->sync_create.skip = skip;
    c->ll->sync_create.timeout = timeout;
    return CMD_ANSWERED;
}

/* LE Periodic Advertising Create Sync Cancel: Sync Established follows, with `cancelled`. */
static int cmd_cancel_sync(controller *c, struct rd *in, struct wr *ret)
{
    struct sync none = { .sid = 0 };
    (void)in;
    (void)ret;
    if (!c->ll->sync_create.on) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    c->ll->sync_create.on = false;
    for (uint8_t n = 0; n < SYNCS; n++) {
        if (c->sync[n].used && c->sync[n].by_host && !c->sync[n].established) {
            sync_end(c, &c->sync[n]);
        }
    }
    evt_complete(c, OP_LE_CREATE_SYNC_CANCEL, 0, NULL);
    none.by_host = true;
    evt_sync_established(c, &none, CANCELLED);
    return CMD_ANSWERED;
}

/* LE Periodic Advertising Terminate Sync: handle u16. */
static int cmd_terminate_sync(controller *c, struct rd *in, struct wr *ret)
{
    struct sync *s = sync_by_handle(c, rd_le16(in));
    (void)ret;
    if (!s) {
        return UNKNOWN_ADVERTISER;
    }
    /* Before the events of BIGs that end with the sync. */
    evt_complete(c, OP_LE_TERMINATE_SYNC, 0, NULL);
    sync_end(c, s);
    return CMD_ANSWERED;
}

/* LE Add Device To Periodic Advertiser List: address type u8, address 6, SID u8. */
static int cmd_list_add(controller *c, struct rd *in, struct wr *ret)
{
    struct address who = address_read(in);
    uint8_t sid = rd_u8(in);
    (void)ret;
    if (c->ll->sync_create.on) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (who.type > 1 || sid > 15 || periodic_list_has(c, &who, sid)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (c->ll->n_periodic_list == PERIODIC_LIST) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    c->ll->periodic_list[c->ll->n_periodic_list].advertiser = who;
    c->ll->periodic_list[c->ll->n_periodic_list++].sid = sid;
    return 0;
}

/* LE Remove Device From Periodic Advertiser List: address type u8, address 6, SID u8. */
static int cmd_list_remove(controller *c, struct rd *in, struct wr *ret)
{
    struct address who = address_read(in);
    uint8_t at = periodic_list_find(c, &who, rd_u8(in));
    (void)ret;
    if (c->ll->sync_create.on) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (at == c->ll->n_periodic_list) {
        return UNKNOWN_ADVERTISER;
    }
    c->ll->periodic_list[at] = c->ll->periodic_list[--c->ll->n_periodic_list];
    return 0;
}

/* LE Clear Periodic Advertiser List. */
static int cmd_list_clear(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    (void)ret;
    if (c->ll->sync_create.on) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    c->ll->n_periodic_list = 0;
    return 0;
}

/* LE Read Periodic Advertiser List Size: returns u8. 7.8.73 */
static int cmd_list_size(controller *c, struct rd *in, struct wr *ret)
{
    (void)c;
    (void)in;
    wr_u8(ret, PERIODIC_LIST);
    return 0;
}

/* handle u16, on u8 (bit 1, the duplicate filter, is not supported).  7.8.88 */
static int cmd_receive(controller *c, struct rd *in, struct wr *ret)
{
    struct sync *s = sync_by_handle(c, rd_le16(in));
    uint8_t on = rd_u8(in);
    (void)ret;
    if (!s) {
        return UNKNOWN_ADVERTISER;
    }
    if (on > 1) {
        int status = WOAD_HCI_INVALID_PARAMETERS;
        if (!(on & ~3)) {
            status = WOAD_HCI_UNSUPPORTED;
        }
        return status;
    }
    s->reporting = on;
    return 0;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_periodic_commands[] = {
    { OP_LE_SET_PERIODIC_PARAMS, 37, 2, 7, cmd_params, FEATURE_PERIODIC, CMD_EXTENDED, 0 },
    { OP_LE_SET_PERIODIC_DATA, 37, 3, -1, cmd_data, FEATURE_PERIODIC, CMD_EXTENDED, 0 },
    { OP_LE_SET_PERIODIC_ENABLE, 37, 4, 2, cmd_enable, FEATURE_PERIODIC, CMD_EXTENDED, 0 },
    { OP_LE_CREATE_SYNC, 38, 0, 14, cmd_create_sync, FEATURE_PERIODIC, CMD_EXTENDED | CMD_STATUS,
      0 },
    { OP_LE_CREATE_SYNC_CANCEL, 38, 1, 0, cmd_cancel_sync, FEATURE_PERIODIC, CMD_EXTENDED, 0 },
    { OP_LE_TERMINATE_SYNC, 38, 2, 2, cmd_terminate_sync, FEATURE_PERIODIC, CMD_EXTENDED, 0 },
    { OP_LE_ADD_PERIODIC_LIST, 38, 3, 8, cmd_list_add, FEATURE_PERIODIC, CMD_EXTENDED, 0 },
    { OP_LE_REMOVE_PERIODIC_LIST, 38, 4, 8, cmd_list_remove, FEATURE_PERIODIC, CMD_EXTENDED, 0 },
    { OP_LE_CLEAR_PERIODIC_LIST, 38, 5, 0, cmd_list_clear, FEATURE_PERIODIC, CMD_EXTENDED, 0 },
    { OP_LE_READ_PERIODIC_LIST_SIZE, 38, 6, 0, cmd_list_size, FEATURE_PERIODIC, CMD_EXTENDED, 0 },
    { OP_LE_SET_PERIODIC_RECEIVE, 40, 5, 3, cmd_receive, FEATURE_PERIODIC, CMD_EXTENDED,
      VERSION_5_1 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
