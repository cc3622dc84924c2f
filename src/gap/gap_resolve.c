/* The controller's resolving list: identities and keys of bonded peers, so that the controller can
 * connect to a peer at an address yet unknown, and the accept list applies to peers with private
 * addresses.  Only with LE Set Privacy Mode: in network privacy mode, all that Bluetooth 4.2 has,
 * the controller ignores a bonded peer that uses its identity address.  Vol 4, Part E, 7.8.38
 * to 7.8.44, 7.8.77; Vol 6, Part B, 4.7, 6
 *
 * Names of other files:
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   bond_lru_first(): the bond used last; NULL: none
 *   bond_lru_next(): the bond used before this one; NULL: none
 *   bond_slot: a bond takes one, and more for data of legacy pairing and of signed writes
 *   CONNECT_REQUESTED: of `activity`: the controller is to connect
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   LE_ENHANCED_CONNECTION_COMPLETE: LE_…: codes of LE subevents: hci.h
 *   le_events: of a feature's needs: bits of the LE event mask
 *   lru_head: the bond used last: bonds are in the order of their use
 *   needs: what only some features require: struct woad_needs
 *   OP_LE_ADD_RESOLVING: OP_…: opcodes of HCI commands: hci.h
 *   resolve: of the host: the controller's resolving list: gap_resolve.c; NULL: not linked
 *   resolve_dirty: RESOLVE_RESTART: the resolving list is to be written; _UNDER_WAY: is being
 *   RESOLVE_UNDER_WAY: of h->resolve_dirty: the resolving list is being written
 *   resolve_waits(): the resolving list is out of date, and the controller has one
 *   resolving_enabled: the controller resolves private addresses of bonded peers
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/own_address.h"
#include "../hci/hci.h"
#include "../smp/smp.h"

enum resolve_step { RESOLVE_CLEAR, RESOLVE_ADD, RESOLVE_MODE, RESOLVE_ENABLE };

struct resolve {
    uint8_t step;
    uint16_t bond_index; /* how many identity keys the controller has */
};

ASSERT_SIZE(resolve, WOAD_SIZE_RESOLVE);

static void resolve_layout(struct woad *h)
{
    h->resolve = arena_alloc(h, 1, sizeof *h->resolve);
}

/* The controller has no list any more: write it, if there are bonds. */
static void resolve_reset(struct woad *h)
{
    h->resolving_enabled = false;
    if (h->smp && h->smp->lru_head) {
        h->resolve_dirty = RESOLVE_RESTART;
    } else {
        h->resolve_dirty = 0;
    }
}

/* The next bond with an identity key; NULL: no more.  Only those are counted: a change of one of
 * them rebuilds the list, while bonds without a key may change meanwhile. */
static const struct bond_slot *resolve_next(const struct woad *h)
{
    const struct bond_slot *bond = NULL;
    if (h->smp) {
        bond = bond_lru_first(h);
    }
    uint16_t done = h->resolve->bond_index;
    while (bond && (!bond->bits.has_irk || done)) {
        done = (uint16_t)(done - bond->bits.has_irk);
        bond = bond_lru_next(h, bond);
    }
    return bond;
}

/* The list may not change while it may be in use.  HCI_LE_Clear_Resolving_List.
 * HCI_LE_Add_Device_To_Resolving_List: type u8, identity 6, its IRK 16, our IRK 16.
 * HCI_LE_Set_Privacy_Mode: type u8, identity 6, 1: it may use its identity too.
 * HCI_LE_Set_Address_Resolution_Enable: on u8. */
static uint16_t resolve_command(struct woad *h, struct wr *params)
{
    struct resolve *r = h->resolve;
    if (!resolve_waits(h) || (h->activity & ~CONNECT_REQUESTED) || h->state != HOST_UP) {
        return 0;
    }
    if (h->resolve_dirty == RESOLVE_RESTART) {
        h->resolve_dirty = RESOLVE_UNDER_WAY;
        r->step = RESOLVE_CLEAR;
    }
    const struct bond_slot *bond = resolve_next(h);
    if (r->step != RESOLVE_CLEAR && !bond) {
        r->step = RESOLVE_ENABLE;
        wr_u8(params, 1);
        return OP_LE_SET_RESOLUTION;
    }
    if (r->step == RESOLVE_CLEAR) {
        r->bond_index = 0;
        return OP_LE_CLEAR_RESOLVING;
    }
    wr_u8(params, bond->bits.random);
    wr_bytes(params, bond->peer, 6);
    if (r->step == RESOLVE_MODE) {
        wr_u8(params, 1);
        return OP_LE_SET_PRIVACY_MODE;
    }
    wr_bytes(params, bond->irk, 16);
    if (h->smp->has_irk) {
        wr_bytes(params, h->smp->irk, 16);
    } else {
        wr_zero(params, 16);
    }
    return OP_LE_ADD_RESOLVING;
}

/* A command has completed.  A bond that the controller has no room for is resolved by the host. */
static void resolve_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct resolve *r = h->resolve;
    (void)ret;
    if (opcode == OP_LE_SET_RESOLUTION) {
        h->resolving_enabled = !status;
        if (h->resolve_dirty != RESOLVE_RESTART) {
            h->resolve_dirty = 0;
        }
    } else if (r->step == RESOLVE_CLEAR) {
        if (opcode == OP_LE_CLEAR_RESOLVING) {
            r->step = RESOLVE_ADD;
        }
    } else if (opcode == OP_LE_ADD_RESOLVING && !status) {
        r->step = RESOLVE_MODE;
    } else {
        r->step = RESOLVE_ADD;
        r->bond_index++;
    }
}

static const struct woad_needs resolve_needs = {
    .le_events = 1u << (LE_ENHANCED_CONNECTION_COMPLETE - 1),
};

const struct woad_feature woad_feature_resolving_list = {
    .layout = resolve_layout,
    .reset = resolve_reset,
    .command = resolve_command,
    .complete = resolve_complete,
    .needs = &resolve_needs,
};
