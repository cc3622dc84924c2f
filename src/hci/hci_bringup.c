/* Bring-up: from HCI_Reset to WOAD_EV_UP, as a table of commands.  A command with a bit of
 * Supported_Commands in its row is skipped if the controller does not have that bit; any other may
 * fail, unless its row says `needed`.  So every controller from 4.0 on comes up.  Sections without
 * a volume are of Vol 4, Part E.
 *
 * Names of other files:
 *   acl_free: the controller's ACL buffers that are not in use
 *   acl_total: of hci: buffers of the controller
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   cfg: the config that the application gave to woad_init()
 *   emit_none(): raises an event that is of no connection
 *   ext_role: functions of gap_ext.c for legacy files; NULL: not linked. adv_params(), create() and
 *       the like write an extended command and return its opcode
 *   hci: of the host: HCI's flow control and what the controller has said: core/host.h
 *   hci_has_command(): the controller supports a command: octet and bit of Supported_Commands
 *   host_down(): ends everything at once, and raises WOAD_EV_DOWN
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   le_events: of a feature's needs: bits of the LE event mask
 *   le_features: of hci: LE features of the controller, as HCI gives them
 *   LL_OCTETS_MAX: octets of payload of the longest data packet
 *   LL_OCTETS_MIN: octets of payload of a data packet without the length extension
 *   needs: what only some features require: struct woad_needs
 *   OP_LE_RAND: OP_…: opcodes of HCI commands: hci.h
 *   own_addr: the address that the controller uses now; woad_own_address() reads it, once the state
 *       is HOST_UP
 *   own_has_public(): the controller's public address is neither all 0 nor all 1
 *   own_type: type of our own address, as HCI numbers it
 *   public_addr: the public address of the controller; all 0: it has none
 *   quirks_apply: corrects what a controller says wrongly of itself: hci_quirks.c
 *   random_addr: our random address: static, or private while privacy is on
 *   random_dirty: our random address is to be written to the controller
 *   rd_copy(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   up: of h->ext_role: the bring-up has ended
 *   woad_feature: a part of the host that config.features names (core/feature.h); not a bit of the
 *       controller's features
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/own_address.h"
#include "hci.h"
#include "roles.h"

struct bringup_step {
    uint16_t opcode;
    uint8_t octet, bit : 3; /* of Supported_Commands: sent only if set; octet 0: always sent */
    bool needed : 1;        /* if it fails, the start fails */
    bool for_buffers : 1;   /* reads the ACL buffers: sent only while they are not known */
    bool copies : 1;        /* which member of the union is valid: `copy`, else `write` */
    union {
        void (*write)(struct woad *h, struct wr *params); /* the parameters; NULL: none */
        struct {
            uint8_t at, len;
        } copy; /* the return parameters are this field of struct controller */
    };
};

/* HCI_Set_Event_Mask: the events that the core or any feature reads, whatever config.features
 * names: Disconnection Complete, Encryption Change, Read Remote Version Information Complete,
 * Hardware Error, Data Buffer Overflow, Encryption Key Refresh, LE Meta.  7.3.1 */
static void bringup_write_mask(struct woad *h, struct wr *params)
{
    (void)h;
    wr_le32(params, 1u << 4 | 1u << 7 | 1u << 11 | 1u << 15 | 1u << 25);
    wr_le32(params, 1u << (47 - 32) | 1u << (61 - 32));
}

/* HCI_LE_Set_Event_Mask: subevents 1 to 5, those of 4.0 (bit n - 1: subevent n); 6, Remote
 * Connection Parameter Request, if the controller has that procedure; those that the features named
 * in config.features need.  7.8.1 */
static void bringup_write_le_mask(struct woad *h, struct wr *params)
{
    uint32_t mask = 0x1f;
    if (h->controller.le_features[0] >> 1 & 1) {
        mask |= 0x20;
    }
    for (const struct woad_feature *const *f = h->cfg.features; *f; f++) {
        if ((*f)->needs) {
            mask |= (*f)->needs->le_events;
        }
    }
    wr_le32(params, mask);
    wr_le32(params, 0);
}

/* HCI_LE_Read_Buffer_Size: ACL length u16, count u8; v2 adds ISO.  7.8.2
 * HCI_Read_Buffer_Size: ACL length u16, SCO length u8, ACL count u16, SCO count u16.  Sent when LE
 * shares the buffers of BR/EDR.  7.4.5 */
static void bringup_read_buffers(struct woad *h, uint16_t opcode, struct rd *ret)
{
    uint16_t len = rd_le16(ret), count = rd_u8(ret);
    if (opcode == OP_READ_BUFFER_SIZE) {
        count = rd_le16(ret);
    }
    if (len) { /* a count of 0 is the same as no answer */
        h->hci.acl_len = len;
        h->hci.acl_total = h->hci.acl_free = count;
    }
}

/* HCI_Write_LE_Host_Support: on u8, unused u8.  7.3.79 */
static void bringup_write_host_support(struct woad *h, struct wr *params)
{
    (void)h;
    wr_le16(params, 1);
}

/* The longest time on the air of a packet with this many octets, in us: on the slowest PHY that the
 * controller has, Coded with S=8, or 1M.  The time of 251 octets on 1M, 2120 us, would leave S=8
 * the 27 octets that are always allowed.  Vol 6, Part B, 4.5.10 */
uint16_t hci_packet_us(const struct woad *h, uint16_t octets)
{
    bool coded = h->controller.le_features[1] >> 3 & 1;
    return (uint16_t)(coded ? octets * 64 + 976 : octets * 8 + 112);
}

/* HCI_LE_Write_Suggested_Default_Data_Length: octets u16, time u16.  7.8.35 */
static void bringup_write_data_len(struct woad *h, struct wr *params)
{
    wr_le16(params, LL_OCTETS_MAX);
    wr_le16(params, hci_packet_us(h, LL_OCTETS_MAX));
}

/* HCI_Read_Local_Version_Information: see struct controller.  7.4.1
 * HCI_Read_Local_Supported_Commands: 64 octets of bits.  7.4.2
 * HCI_LE_Read_Local_Supported_Features: 8 octets of bits.  7.8.3
 * HCI_Read_BD_ADDR: 6 octets; all zero or all one where a controller has none.  7.4.6
 * HCI_LE_Rand: 8 octets, of which six become our static random address.  7.8.23 */
#define COPY(field) \
    { \
        offsetof(struct controller, field), sizeof(((struct controller *)0)->field) \
    }

static const struct bringup_step bringup_steps[] = {
    { OP_RESET, .needed = true },
    { OP_READ_LOCAL_VERSION, .copies = true, .copy = COPY(version) },
    { OP_READ_LOCAL_COMMANDS, .copies = true, .copy = COPY(commands) },
    { .opcode = OP_READ_LOCAL_FEATURES },
    { OP_LE_READ_FEATURES, .needed = true, .copies = true, .copy = COPY(le_features) },
    { OP_READ_BD_ADDR, .copies = true, .copy = COPY(public_addr.octet) },
    { OP_SET_EVENT_MASK, .needed = true, .write = bringup_write_mask },
    { OP_WRITE_LE_HOST_SUPPORT, .octet = 24, .bit = 6, .write = bringup_write_host_support },
    { OP_LE_SET_EVENT_MASK, .needed = true, .write = bringup_write_le_mask },
    { OP_LE_READ_BUFFER_SIZE_V2, .octet = 41, .bit = 5, .for_buffers = true },
    { OP_LE_READ_BUFFER_SIZE, .for_buffers = true },
    { OP_READ_BUFFER_SIZE, .for_buffers = true },
    { OP_LE_WRITE_DEFAULT_DATA_LEN, .octet = 34, .bit = 0, .write = bringup_write_data_len },
    { OP_LE_RAND, .needed = true, .copies = true, .copy = COPY(random_addr.octet) },
    { .opcode = 0 },
};

/* The last row is done.  A controller without usable ACL buffers has failed: 4.1.1 requires 27
 * octets. */
static void bringup_done(struct woad *h)
{
    if (!h->hci.acl_total || h->hci.acl_len < LL_OCTETS_MIN) {
        host_down(h, WOAD_EIO);
        return;
    }
    h->controller.random_addr.type = WOAD_ADDR_RANDOM;
    h->controller.random_addr.octet[5] |= 0xc0; /* static.  Vol 6, Part B, 1.3.2.1 */
    h->random_dirty = !own_has_public(h);
    h->own_type = WOAD_ADDR_PUBLIC;
    if (h->random_dirty) {
        h->own_type = WOAD_ADDR_RANDOM;
    }
    h->state = HOST_UP;
    if (h->ext_role) {
        h->ext_role->up(h);
    }
    woad_own_address(h, &h->own_addr); /* from here each connection copies its own_air */
    struct woad_event ev;
    emit_none(h, WOAD_EV_UP, &ev);
}

/* This row is not to be skipped. */
static bool bringup_applies(const struct woad *h, const struct bringup_step *s)
{
    return (!s->octet || hci_has_command(h, s->octet, s->bit)) &&
           !(s->for_buffers && h->hci.acl_total);
}

/* The command of the current row: writes its parameters and returns its opcode. */
uint16_t bringup_command(struct woad *h, struct wr *params)
{
    const struct bringup_step *s = &bringup_steps[h->hci.bringup_step];
    if (!s->copies && s->write) {
        s->write(h, params);
    }
    return s->opcode;
}

/* The current row's command, `opcode`, has been answered: reads the answer, and goes on or gives
 * up. Where hci_vendor.c is linked, it comes first: after the answer to HCI_Reset it sends the
 * vendor's commands, then HCI_Reset again, whose answer it passes on to here. */
void bringup_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    const struct bringup_step *s = &bringup_steps[h->hci.bringup_step];
    if (status == 0 && s->for_buffers) {
        bringup_read_buffers(h, opcode, ret);
    } else if (status == 0 && s->copies) {
        rd_copy(ret, (uint8_t *)&h->controller + s->copy.at, s->copy.len);
    }
    if (s->needed && (status || ret->bad)) {
        host_down(h, WOAD_EIO);
        return;
    }
    if (opcode == OP_READ_BD_ADDR && h->quirks_apply) {
        h->quirks_apply(h); /* the manufacturer, the features and the address are known */
    }
    /* The next row that applies becomes the current one, and hci.c sends its command when the
     * controller can take one; after the last row the host is up. */
    do {
        s++;
        h->hci.bringup_step++;
    } while (s->opcode && !bringup_applies(h, s));
    if (!s->opcode) {
        bringup_done(h);
    }
}
