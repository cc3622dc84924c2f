/* The controller's accept list: the peers that advertising, scanning and connecting can be limited
 * to.  Vol 4, Part E, 7.8.14 to 7.8.17
 *
 * Names of other files:
 *   accept_dirty: the accept list is to be written to the controller
 *   ACTIVE_CONNECT: bit of h->activity: the controller tries to connect
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   CALL_ERROR: logs why a public call is refused; its value is the error, the second argument
 *   cfg: the config that the application gave to woad_init()
 *   CONNECT_REQUESTED: of `activity`: the controller is to connect
 *   emit_status(): raises an event that has only a status
 *   feature_for_call(): for a public call: WOAD_ENOTSUP, WOAD_ENODEV or 0; HCI is polled again
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   OP_LE_ADD_ACCEPT_LIST: OP_…: opcodes of HCI commands: hci.h
 *   REFUSED(): logs why a call is refused, and is its error
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../hci/numbers.h"
#include "gap_central.h"

struct accept {
    bool dirty;              /* the controller does not have this list yet */
    bool clearing;           /* the command in progress clears the list, else adds an entry */
    uint8_t n, entries_sent; /* entries; those in the controller */
    struct woad_addr *peers; /* config.accept_list entries */
};

ASSERT_SIZE(accept, WOAD_SIZE_ACCEPT);

static void accept_layout(struct woad *h)
{
    if (!h->cfg.accept_list) {
        h->cfg.accept_list = WOAD_DEFAULT_ACCEPT_LIST;
    }
    struct accept *l = arena_alloc(h, 1, sizeof *l);
    struct woad_addr *peers = arena_alloc(h, h->cfg.accept_list, sizeof *peers);
    if (l) {
        l->peers = peers;
        h->accept = l;
    }
}

/* The list is in the controller, or that has failed: WOAD_EV_ACCEPT_LIST, once a list. */
static void accept_emit(struct woad *h, int status)
{
    if (h->accept_dirty) {
        h->accept_dirty = false;
        emit_status(h, WOAD_EV_ACCEPT_LIST, status);
    }
}

static void accept_reset(struct woad *h)
{
    accept_emit(h, WOAD_ECANCELED);
    *h->accept = (struct accept){ .peers = h->accept->peers };
}

/* The next command.  The list may not change while it is in use: advertising and scanning pause for
 * it.  HCI_LE_Clear_Filter_Accept_List; HCI_LE_Add_Device_To_Filter_Accept_List: type u8,
 * address 6.
 */
static uint16_t accept_command(struct woad *h, struct wr *params)
{
    struct accept *l = h->accept;
    if (!h->accept_dirty || (h->activity & ~CONNECT_REQUESTED) || h->state != HOST_UP) {
        return 0;
    }
    if (l->dirty) {
        l->dirty = false;
        l->clearing = true;
        return OP_LE_CLEAR_ACCEPT_LIST;
    }
    l->clearing = false;
    wr_u8(params, l->peers[l->entries_sent].type & 1);
    wr_bytes(params, l->peers[l->entries_sent].octet, 6);
    return OP_LE_ADD_ACCEPT_LIST;
}

/* A command has completed: counts the entries in the controller; the last one, or a failure, ends
 * the update. */
static void accept_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct accept *l = h->accept;
    (void)opcode;
    (void)ret;
    if (l->dirty) {
        return; /* another list was set meanwhile */
    }
    if (l->clearing) {
        l->entries_sent = 0;
    } else {
        l->entries_sent = (uint8_t)(l->entries_sent + 1);
    }
    if (status || l->entries_sent == l->n) {
        accept_emit(h, status);
    }
}

const struct woad_addr *accept_peer(const struct woad *h, uint8_t n)
{
    if (!h->accept || n >= h->accept->n) {
        return NULL;
    }
    return &h->accept->peers[n];
}

const struct woad_feature woad_feature_accept_list = {
    .layout = accept_layout,
    .reset = accept_reset,
    .command = accept_command,
    .complete = accept_complete,
};

int woad_accept_list_set(struct woad *h, const struct woad_addr *peers, size_t n)
{
    struct accept *l = h->accept;
    int err = CALL_ERROR(h, feature_for_call(h, l), "woad_feature_accept_list");
    if (err) {
        return err;
    }
    for (size_t i = 0; i < n; i++) {
        if (peers[i].type > WOAD_ADDR_RANDOM_IDENTITY) {
            return REFUSED(h, WOAD_EINVAL, "type %u of an address: 0 to 3", peers[i].type);
        }
    }
    if (n > h->cfg.accept_list) {
        return REFUSED(h, WOAD_ENOMEM, "%u peers: config.accept_list is %u", (unsigned)n,
                       h->cfg.accept_list);
    }
    if (h->activity & (ACTIVE_CONNECT | CONNECT_REQUESTED)) {
        return REFUSED(h, WOAD_EBUSY, "an attempt to connect is in progress");
    }
    for (size_t i = 0; i < n; i++) {
        l->peers[i] = peers[i];
    }
    l->n = (uint8_t)n;
    l->dirty = h->accept_dirty = true;
    return 0;
}
