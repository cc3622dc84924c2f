/* Data of the hosts: HCI packets into data PDUs, and data PDUs into HCI packets; flow control in
 * both directions. Vol 6, Part B, 4.5.9; Vol 4, Part E, 4.1
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status, or CMD_ANSWERED.
 *
 * Names of other files:
 *   c: the controller; l: one of its connections, i: the index of that
 *   acl_buffer: a buffer for data of the host
 *   acl_first: of a connection: the first of its buffers with data of the host
 *   acl_last: of a connection: the last of its buffers with data of the host
 *   AIR_EBADMSG: AIR_E…: errors of the functions of woad/air.h
 *   bad: of a cursor (struct rd, struct wr): something was read or written beyond its end
 *   buffers: buffers for data of the host
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   cis_on_terminate_acked(): the peer has LL_CIS_TERMINATE_IND: the stream ends, the next is sent
 *   CMD_ANSWERED: of a command: Command Complete or Command Status has been sent already, or none
 *       is to be
 *   control_on_room(): a PDU is acknowledged: what has waited for room begins
 *   controller_ready(): to be called when the queue to the host has got a packet
 *   crypt_seal(): encrypts in place, and appends the MIC
 *   effective_tx: octets that fit a packet on this PHY
 *   encrypting: encryption is being started or paused: no data are sent
 *   evt_completed(): Number Of Completed Packets: buffers go back to the host
 *   evt_overflow(): Data Buffer Overflow
 *   evt_room(): the queue to the host has room for so many octets
 *   fifo_put(): room for a packet at the queue's end; NULL: there is none
 *   host_acl_len: octets in each of the host's buffers, if host_flow
 *   host_credits: buffers that the host has free, if host_flow
 *   host_flow: the host counts its buffers by Host Number Of Completed Packets
 *   host_pending: packets that the host has not given back
 *   host_queue: packets for the host, with their H4 type
 *   is_start: the buffer begins an L2CAP packet
 *   link_by_handle(): the connection with HCI's handle, and its index; NULL: none
 *   link_handle(): HCI's handle of the connection with this index
 *   link_wake(): the connection has something to send: a peripheral does not skip its next events
 *   MIC: octets of the code that authenticates an encrypted payload
 *   n_controls: control PDUs that wait to be sent
 *   OVERFLOW_ACL: link type of Data Buffer Overflow
 *   ROOM_FOR_DATA: octets of the queue to the host that data leave free for events
 *   sent_len: octets of the data that are in packets so far
 *   subrate_on_ack(): the peer has LL_SUBRATE_IND: the new subrate is in force
 *   tx_encrypted: packets to the peer are encrypted
 *   tx_is_data: tx_pdu carries data of the host
 *   tx_is_last: tx_pdu ends an HCI packet of the host's
 *   tx_opcode: opcode of the control PDU in that packet; 0xff: none
 *   tx_pdu: the packet that is sent until it is acknowledged, of tx_len octets
 *   tx_plain: for a sniffer: the payload of tx_pdu before encryption, of tx_plain_len octets
 *   unacked: the last packet has been sent and not acknowledged */
#include "host.h"
#include "control.h"

/* LLID: data that continue, or begin, an L2CAP packet; a control PDU.  NONE: no buffer. */
enum { LLID_CONTINUE = 1, LLID_START = 2, LLID_CONTROL = 3, NONE = 0xff, MAX_PDU = 251 };
enum { PB_CONTINUE = 1, PB_START = 2 }; /* Packet_Boundary_Flag.  Vol 4, Part E, 5.4.2 */
enum { MIN_PDU = 27, PACKETS_MAX = 0x7fff, ACL_HEADER = 7 /* with H4 type and record length */ };

/* The index of a buffer that no connection uses; NONE: the host has sent more than there are. */
static uint8_t buffer_free(const controller *c)
{
    for (uint8_t b = 0; b < c->cfg.acl_count; b++) {
        if (c->buffers[b].link == NONE) {
            return b;
        }
    }
    return NONE;
}

/* An HCI ACL packet: handle u12, pb u2, bc u2, len u16, data. Returns 0, or AIR_EBADMSG for one
 * that is malformed. Vol 4, Part E, 5.4.2 */
int data_from_host(controller *c, struct rd *in)
{
    uint16_t head = rd_le16(in), len = rd_le16(in);
    uint8_t i, b = buffer_free(c);
    if (in->bad || len != rd_left(in) || (head >> 14) || (head >> 12 & 3) > 1) {
        return AIR_EBADMSG; /* a host may not send 10b and 11b on LE-U */
    }
    struct link *l = link_by_handle(c, head & 0xfff, &i);
    if (!l) {
        return 0; /* it has ended: Disconnection Complete is on its way to the host */
    }
    if (b == NONE || len > c->cfg.acl_len) {
        evt_overflow(c, OVERFLOW_ACL); /* more or longer packets than LE Read Buffer Size allows */
        return 0;
    }
    if (len == 0) {
        evt_completed(c, link_handle(i), 1);
        return 0;
    }
    struct acl_buffer *buf = &c->buffers[b];
    buf->next = NONE;
    buf->link = i;
    buf->is_start = (head >> 12 & 3) != PB_CONTINUE;
    buf->len = len;
    buf->sent_len = 0;
    rd_copy(in, buf->data, len);
    if (l->acl_first == NONE) {
        l->acl_first = b;
    } else {
        c->buffers[l->acl_last].next = b;
    }
    l->acl_last = b;
    link_wake(c, i);
    return 0;
}

/* Whether anything is to be sent: a peripheral that skips events must not. No data are sent while
 * encryption is started or paused. */
bool data_pending(const struct link *l)
{
    return l->n_controls || (l->acl_first != NONE && !l->encrypting) || (l->unacked && l->tx_len);
}

/* MD: whether another PDU follows the one in l->tx_pdu. 4.5.6 */
bool data_more(const controller *c, const struct link *l)
{
    bool last = l->tx_is_data && l->tx_is_last; /* that empties the first buffer */
    return l->n_controls || (l->acl_first != NONE && !l->encrypting &&
                             (!last || c->buffers[l->acl_first].next != NONE));
}

/* Payload octets of the next PDU, with its MIC. */
uint16_t data_next_len(const controller *c, const struct link *l)
{
    uint16_t n = 0;
    if (l->unacked) {
        return l->tx_len;
    }
    if (l->n_controls) {
        n = l->control[0].len;
    } else if (l->acl_first != NONE && !l->encrypting) {
        const struct acl_buffer *b = &c->buffers[l->acl_first];
        n = (uint16_t)(b->len - b->sent_len);
        if (n > l->effective_tx) {
            n = l->effective_tx;
        }
    }
    return (uint16_t)(n + (n && l->tx_encrypted ? MIC : 0));
}

/* Writes an empty PDU to l->tx_pdu, unless the one there is not acknowledged. */
void data_next_empty(struct link *l)
{
    if (!l->unacked) {
        l->tx_is_data = l->tx_is_last = false;
        l->tx_opcode = 0xff;
        l->tx_pdu[0] = LLID_CONTINUE;
        l->tx_pdu[1] = l->tx_len = l->tx_plain_len = 0;
    }
}

/* Writes the next PDU to l->tx_pdu: control, data, or empty. One that is not acknowledged stays,
 * and is sent again. */
void data_next(controller *c, struct link *l)
{
    data_next_empty(l);
    if (l->unacked) {
        return;
    }
    if (l->n_controls) {
        l->tx_pdu[0] = LLID_CONTROL;
        l->tx_len = l->control[0].len;
        memcpy(l->tx_pdu + 2, l->control[0].pdu, l->tx_len);
        l->tx_opcode = l->tx_pdu[2];
        l->n_controls--;
        memmove(l->control, l->control + 1, l->n_controls * sizeof *l->control);
    } else if (l->acl_first != NONE && !l->encrypting) {
        struct acl_buffer *b = &c->buffers[l->acl_first];
        uint16_t n = (uint16_t)(b->len - b->sent_len);
        if (n > l->effective_tx) {
            n = l->effective_tx;
        }
        if (b->is_start && !b->sent_len) {
            l->tx_pdu[0] = LLID_START;
        } else {
            l->tx_pdu[0] = LLID_CONTINUE;
        }
        l->tx_len = (uint8_t)n;
        memcpy(l->tx_pdu + 2, b->data + b->sent_len, n);
        b->sent_len = (uint16_t)(b->sent_len + n);
        l->tx_is_data = true;
        l->tx_is_last = b->sent_len == b->len;
    }
    if (l->tx_encrypted && l->tx_len) {
        l->tx_plain_len = l->tx_len;
        memcpy(l->tx_plain, l->tx_pdu + 2, l->tx_len);
        crypt_seal(c, l, l->tx_pdu[0], l->tx_pdu + 2, l->tx_len);
        l->tx_len = (uint8_t)(l->tx_len + MIC);
    }
    l->tx_pdu[1] = l->tx_len;
}

/* l->tx_pdu has been acknowledged. With its last octet a buffer goes back to the host. */
void data_on_ack(controller *c, struct link *l, uint8_t i)
{
    if (l->tx_is_data && l->tx_is_last) {
        struct acl_buffer *b = &c->buffers[l->acl_first];
        l->acl_first = b->next;
        b->link = NONE;
        evt_completed(c, link_handle(i), 1);
    }
    l->tx_len = 0;
    l->tx_is_data = false;
    if (l->tx_opcode == LL_SUBRATE_IND) {
        subrate_on_ack(c, i);
    } else if (l->tx_opcode == LL_CIS_TERMINATE_IND) {
        cis_on_terminate_acked(c, i);
    }
    control_on_room(c, i);
}

/* The connection has ended: its data to be sent are dropped, and buffers that the host has not
 * given back are free. */
void data_drop(controller *c, struct link *l)
{
    c->ll->host_credits = (uint16_t)(c->ll->host_credits + l->host_pending);
    l->host_pending = 0;
    while (l->acl_first != NONE) {
        struct acl_buffer *b = &c->buffers[l->acl_first];
        l->acl_first = b->next;
        b->link = NONE;
    }
}

/* --- flow control towards the host: Vol 4, Part E, 4.2, 7.3.38 to 7.3.40 --------------------- */

/* on u8: bit 0, ACL data.  Not with connections. */
static int cmd_host_flow(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t on = rd_u8(in);
    (void)ret;
    for (uint8_t i = 0; i < c->cfg.conns; i++) {
        if (c->links[i].used) {
            return WOAD_HCI_COMMAND_DISALLOWED;
        }
    }
    if (on > 1) {
        int status = WOAD_HCI_INVALID_PARAMETERS;
        if (on <= 3) {
            status = WOAD_HCI_UNSUPPORTED;
        }
        return status;
    }
    c->ll->host_flow = on;
    return 0;
}

/* octets u16, SCO octets u8, packets u16, SCO packets u16 */
static int cmd_host_buffers(controller *c, struct rd *in, struct wr *ret)
{
    uint16_t len = rd_le16(in);
    rd_u8(in);
    uint16_t packets = rd_le16(in);
    (void)ret;
    if (len < MIN_PDU || !packets || packets > PACKETS_MAX) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    c->ll->host_acl_len = len;
    c->ll->host_credits = packets;
    return 0;
}

/* number u8, { handle u16, packets u16 } each: it answers only when it is wrong. */
static int cmd_host_done(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t n = rd_u8(in), i;
    (void)ret;
    if (!n || rd_left(in) != n * 4u) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    for (uint8_t k = 0; k < n; k++) {
        struct link *l = link_by_handle(c, rd_le16(in), &i);
        uint16_t packets = rd_le16(in);
        if (l) { /* those of an ended connection are free already */
            if (packets > l->host_pending) {
                packets = l->host_pending;
            }
            l->host_pending = (uint16_t)(l->host_pending - packets);
            c->ll->host_credits = (uint16_t)(c->ll->host_credits + packets);
        }
    }
    return CMD_ANSWERED;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_data_commands[] = {
    { OP_SET_HOST_FLOW_CONTROL, 10, 5, 1, cmd_host_flow, 0, 0, 0 },
    { OP_HOST_BUFFER_SIZE, 10, 6, 7, cmd_host_buffers, 0, 0, 0 },
    { OP_HOST_COMPLETED_PACKETS, 10, 7, -1, cmd_host_done, 0, 0, 0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};

/* --- to the host ------------------------------------------------------------------------------ */

/* Gives a data PDU to the host, in as many packets as its buffer length requires. False: the host
 * has no room for them now. */
bool data_to_host(controller *c, uint8_t i, uint8_t llid, struct rd *in)
{
    size_t len = rd_left(in);
    size_t most = MAX_PDU;
    if (c->ll->host_flow) {
        most = c->ll->host_acl_len;
    }
    size_t packets = (len + most - 1) / most;
    if (len == 0) {
        return true;
    }
    if (!evt_room(c, ROOM_FOR_DATA + len + packets * ACL_HEADER) ||
        (c->ll->host_flow && c->ll->host_credits < packets)) {
        return false;
    }
    if (c->ll->host_flow) {
        c->ll->host_credits = (uint16_t)(c->ll->host_credits - packets);
        c->links[i].host_pending = (uint16_t)(c->links[i].host_pending + packets);
    }
    for (bool first = llid == LLID_START; rd_left(in); first = false) {
        size_t n = rd_left(in);
        if (most < rd_left(in)) {
            n = most;
        }
        uint8_t *p = fifo_put(&c->host_queue, 5 + n); /* evt_room() has found room for it */
        size_t room = 0;
        if (p) {
            room = 5 + n;
        }
        struct wr w = wr_of(p, room);
        wr_u8(&w, H4_ACL);
        wr_le16(&w, (uint16_t)(link_handle(i) | (first ? PB_START : PB_CONTINUE) << 12));
        wr_le16(&w, (uint16_t)n);
        wr_bytes(&w, rd_bytes(in, n), n);
    }
    controller_ready(c);
    return true;
}
