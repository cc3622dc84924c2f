/* Legacy advertising: keeps what the application wants, and sends the commands that bring the
 * controller to it, one at a time.  Where the controller has extended advertising, gap_ext.c writes
 * the commands.  Vol 4, Part E, 7.8.5 to 7.8.9
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   accept: of the host: the accept list; NULL: not linked
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   CALL_ERROR: logs why a public call is refused; its value is the error, the second argument
 *   cfg: the config that the application gave to woad_init()
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   conn_any_free(): there is room for one more connection
 *   emit_status(): raises an event that has only a status
 *   ext_advertises(): advertising goes by extended commands, through h->ext_role
 *   ext_role: functions of gap_ext.c for legacy files; NULL: not linked. adv_params(), create() and
 *       the like write an extended command and return its opcode
 *   feature_for_call(): for a public call: WOAD_ENOTSUP, WOAD_ENODEV or 0; HCI is polled again
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   OP_LE_SET_ADV_DATA: OP_…: opcodes of HCI commands: hci.h
 *   own_address_pending(): our address or a list is written first: advertising and so on pause
 *   own_type: type of our own address, as HCI numbers it
 *   REFUSED(): logs why a call is refused, and is its error
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/conn.h"
#include "../core/event.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "../core/own_address.h"
#include "../hci/numbers.h"
#include "gap_ext.h"

enum { DATA, RSP, PARTS };
/* bits of struct adv.dirty: each part's, and the parameters' */
enum {
    ADV_DIRTY_DATA = 1 << DATA,
    ADV_DIRTY_RSP = 1 << RSP,
    ADV_DIRTY_PARTS = ADV_DIRTY_DATA | ADV_DIRTY_RSP,
    ADV_DIRTY_PARAMS = 1 << PARTS
};

struct adv_part {
    uint8_t len, octets[WOAD_ADV_DATA_MAX]; /* zeros from `len` on */
};

struct adv {
    bool wanted;         /* the application wants to advertise */
    uint8_t dirty;       /* ADV_DIRTY_…: not in the controller yet */
    bool enabling;       /* the enable command turns it on, else off */
    bool enable_pending; /* that command waits for its completion */
    uint8_t own_type;    /* own address type in the controller's parameters */
    struct woad_adv_params params;
    struct adv_part part[PARTS];
};

ASSERT_SIZE(adv, WOAD_SIZE_ADV);

static void adv_layout(struct woad *h)
{
    h->adv = arena_alloc(h, 1, sizeof *h->adv);
}

/* At woad_start(), and when the host goes down: the application sets data and parameters again. */
static void adv_reset(struct woad *h)
{
    *h->adv = (struct adv){ 0 };
}

/* HCI_LE_Set_Advertising_Parameters: interval min u16, max u16, type u8, own type u8, peer type
 * u8, peer 6, channels u8, filter u8.  7.8.5 */
static uint16_t adv_write_params(struct woad *h, struct wr *params)
{
    struct adv *a = h->adv;
    const struct woad_adv_params *p = &a->params;
    a->dirty &= (uint8_t)~ADV_DIRTY_PARAMS;
    a->own_type = h->own_type;
    if (ext_advertises(h)) {
        /* sets all of `dirty` again when it first removes the set */
        return h->ext_role->adv_params(h, p, &a->dirty, params);
    }
    wr_le16(params, p->interval_625us);
    wr_le16(params, p->interval_625us);
    wr_u8(params, p->kind);
    wr_u8(params, h->own_type);
    wr_u8(params, p->peer.type & 1);
    wr_bytes(params, p->peer.octet, 6);
    uint8_t channel_map = 7;
    if (p->adv_channel_map) {
        channel_map = p->adv_channel_map;
    }
    wr_u8(params, channel_map);
    wr_u8(params, p->filter_policy);
    return OP_LE_SET_ADV_PARAMS;
}

/* HCI_LE_Set_Advertising_Data, HCI_LE_Set_Scan_Response_Data: length u8, 31 octets.  7.8.7 */
static uint16_t adv_write_data(const struct woad *h, int part, struct wr *params)
{
    const struct adv_part *p = &h->adv->part[part];
    if (ext_advertises(h)) {
        return h->ext_role->adv_data(part == RSP, p->octets, p->len, params);
    }
    wr_bytes(params, p, sizeof *p);
    if (part == RSP) {
        return OP_LE_SET_SCAN_RSP_DATA;
    }
    return OP_LE_SET_ADV_DATA;
}

enum { ADV_OFF = false, ADV_ON = true };

/* HCI_LE_Set_Advertising_Enable: on u8.  7.8.9 */
static uint16_t adv_write_enable(struct woad *h, bool on, struct wr *params)
{
    h->adv->enabling = on;
    h->adv->enable_pending = true;
    if (ext_advertises(h)) {
        return h->ext_role->adv_enable(&h->adv->params, on, params);
    }
    wr_u8(params, on);
    return OP_LE_SET_ADV_ENABLE;
}

/* The data that each kind of advertising has.  Data that a kind does not have stay dirty until a
 * kind is started that has them: for an advertising set, the controller would refuse them.  Vol 4,
 * Part E, 7.8.54, 7.8.55 */
static const uint8_t parts_of_kind[] = {
    [WOAD_ADV_IND] = ADV_DIRTY_DATA | ADV_DIRTY_RSP,
    [WOAD_ADV_DIRECT_HIGH] = 0,
    [WOAD_ADV_SCAN_IND] = ADV_DIRTY_DATA | ADV_DIRTY_RSP,
    [WOAD_ADV_NONCONN_IND] = ADV_DIRTY_DATA,
    [WOAD_ADV_DIRECT_LOW] = 0,
};

/* The next command towards what is wanted; 0: none.  Parameters and addresses can change only while
 * advertising is off; data at any time. */
static uint16_t adv_command(struct woad *h, struct wr *params)
{
    struct adv *a = h->adv;
    if (h->state != HOST_UP) {
        return 0;
    }
    bool on = (h->activity & ACTIVE_ADV) != 0, must_be_off = !a->wanted || own_address_pending(h);
    bool restart = (a->dirty & ADV_DIRTY_PARAMS) || a->own_type != h->own_type;
    if (must_be_off || restart) {
        if (on) {
            return adv_write_enable(h, ADV_OFF, params);
        }
        if (must_be_off) {
            return 0;
        }
        return adv_write_params(h, params);
    }
    if (!on && ext_advertises(h)) {
        uint16_t opcode = h->ext_role->adv_address(h, params);
        if (opcode) {
            return opcode;
        }
    }
    unsigned dirty = a->dirty & parts_of_kind[a->params.kind];
    if (dirty) {
        int part = (dirty & ADV_DIRTY_DATA) ? DATA : RSP;
        a->dirty &= (uint8_t) ~(1u << part);
        return adv_write_data(h, part, params);
    }
    if (on) {
        return 0;
    }
    return adv_write_enable(h, ADV_ON, params);
}

/* The command that adv_command() returned has completed; there is one at a time.  A failure is not
 * reported if newer parameters are still to be sent; or, of another command than enabling, if
 * nothing is wanted: Remove Advertising Set of h->ext_role->adv_params() may fail then. */
static void adv_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct adv *a = h->adv;
    bool enable = a->enable_pending, was = (h->activity & ACTIVE_ADV) != 0;
    (void)ret;
    (void)opcode;
    a->enable_pending = false;
    if (enable && !a->enabling) {
        /* also if it fails: advertising was off already */
        h->activity &= (uint8_t)~ACTIVE_ADV;
        if (was && !a->wanted) {
            emit_status(h, WOAD_EV_ADV_STOPPED, 0);
        }
    } else if (status) {
        /* the controller may not have the data: send all at the next start */
        a->dirty |= ADV_DIRTY_PARTS;
        if (a->wanted && !(a->dirty & ADV_DIRTY_PARAMS)) {
            a->wanted = false;
            emit_status(h, WOAD_EV_ADV_FAILED, status);
        } else if (!a->wanted && enable) { /* woad_adv_stop() was called meanwhile */
            emit_status(h, WOAD_EV_ADV_STOPPED, status);
        }
    } else if (enable) {
        h->activity |= ACTIVE_ADV;
        emit_status(h, WOAD_EV_ADV_STARTED, 0);
    }
}

static bool adv_connectable(uint8_t kind)
{
    return kind != WOAD_ADV_SCAN_IND && kind != WOAD_ADV_NONCONN_IND;
}

/* The controller has ended advertising: with status 0 by a connection.  That is reported by
 * WOAD_EV_CONNECT alone, unless woad_adv_stop() was called; every other end by WOAD_EV_ADV_STOPPED,
 * unless advertising has been started again since, with other parameters: then it stays wanted. */
void adv_ended(struct woad *h, int status)
{
    struct adv *a = h->adv;
    bool on = (h->activity & ACTIVE_ADV) != 0, was_wanted = a->wanted;
    h->activity &= (uint8_t)~ACTIVE_ADV;
    if (on || a->enable_pending) {
        a->wanted = was_wanted && (a->dirty & ADV_DIRTY_PARAMS); /* started again since */
    }
    bool silent = was_wanted; /* WOAD_EV_CONNECT reports it */
    if (status) {
        silent = a->wanted; /* it begins again */
    }
    if (on && !silent) {
        emit_status(h, WOAD_EV_ADV_STOPPED, status);
    }
}

/* Hook `connect_failed`; adv_open() calls it for a connection that opens.  A connection as
 * peripheral, even one without room here, ends connectable advertising (Vol 6, Part
 * B, 4.4.2.3); so does the end of the 1.28 s of high duty cycle (4.4.2.4.3).  With extended sets,
 * LE Advertising Set Terminated tells which set has ended. */
static void adv_ended_by_link(struct woad *h, bool central, int status)
{
    bool set_event_follows = ext_advertises(h) && h->ext_role->connectable(h);
    if (!central && !set_event_follows && adv_connectable(h->adv->params.kind)) {
        adv_ended(h, status);
    }
}

static void adv_open(struct conn *c)
{
    adv_ended_by_link(c->h, c->central, 0);
}

const struct woad_feature woad_feature_advertiser = {
    .layout = adv_layout,
    .reset = adv_reset,
    .command = adv_command,
    .complete = adv_complete,
    .conn_open = adv_open,
    .connect_failed = adv_ended_by_link,
};

/* Stores a part (DATA or RSP), to be sent to the controller. */
static int adv_store_part(struct woad *h, int part, const uint8_t *data, size_t len)
{
    int err = CALL_ERROR(h, feature_for_call(h, h->adv), "woad_feature_advertiser");
    if (err) {
        return err;
    }
    if (len > WOAD_ADV_DATA_MAX || (len && !data)) {
        return REFUSED(h, WOAD_EINVAL, "%u octets of data: 0 to 31", (unsigned)len);
    }
    struct adv_part *p = &h->adv->part[part];
    p->len = (uint8_t)len;
    for (size_t n = 0; n < WOAD_ADV_DATA_MAX; n++) {
        p->octets[n] = n < len ? data[n] : 0;
    }
    h->adv->dirty |= (uint8_t)(1u << part);
    return 0;
}

int woad_adv_set_data(struct woad *h, const uint8_t *data, size_t len)
{
    return adv_store_part(h, DATA, data, len);
}

int woad_adv_set_scan_response(struct woad *h, const uint8_t *data, size_t len)
{
    return adv_store_part(h, RSP, data, len);
}

/* Whether a command in progress, or one to be sent, will report that advertising has stopped. */
static bool adv_reports_stop(const struct woad *h)
{
    return (h->activity & ACTIVE_ADV) || h->adv->enable_pending;
}

int woad_adv_start(struct woad *h, const struct woad_adv_params *p)
{
    int err = CALL_ERROR(h, feature_for_call(h, h->adv), "woad_feature_advertiser");
    if (err) {
        return err;
    }
    if (p->kind > WOAD_ADV_DIRECT_LOW || p->interval_625us < 0x20 || p->interval_625us > 0x4000 ||
        p->adv_channel_map > 7 || p->filter_policy > WOAD_ADV_ACCEPT_BOTH ||
        (p->filter_policy && !h->accept) || p->peer.type > WOAD_ADDR_RANDOM_IDENTITY) {
        return REFUSED(h, WOAD_EINVAL,
                       "kind %u, interval_625us %u, adv_channel_map %u, "
                       "filter_policy %u: 0 to 4, 32 to 16384, 0 to 7, 0 to 3 with "
                       "woad_feature_accept_list",
                       p->kind, p->interval_625us, p->adv_channel_map, p->filter_policy);
    }
    if (adv_connectable(p->kind) && !conn_any_free(h)) {
        return REFUSED(h, WOAD_ENOMEM, "every connection is in use: config.conns is %u",
                       h->cfg.conns);
    }
    bool stopping = !h->adv->wanted && adv_reports_stop(h);
    h->adv->params = *p;
    h->adv->dirty |= ADV_DIRTY_PARAMS;
    h->adv->wanted = true;
    if (stopping) {
        emit_status(h, WOAD_EV_ADV_STOPPED, 0); /* of the advertising before */
    }
    return 0;
}

int woad_adv_stop(struct woad *h)
{
    /* not feature_for_call(): stopping is allowed while the host is down */
    h->commands_idle = false;
    if (!h->adv) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_advertiser");
    }
    bool wanted = h->adv->wanted;
    h->adv->wanted = false;
    if (wanted && !adv_reports_stop(h)) {
        emit_status(h, WOAD_EV_ADV_STOPPED, 0);
    }
    return 0;
}

bool woad_adv_running(const struct woad *h)
{
    return h->adv && (h->adv->wanted || (h->activity & ACTIVE_ADV));
}
