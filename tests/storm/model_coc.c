/* The model of L2CAP channels and of their buffers' owners. */
#include "storm.h"

struct channel *channel_of(struct actor *a, uint16_t conn, uint16_t cid)
{
    for (struct channel *k = a->channel; k < a->channel + CHANNELS; k++) {
        if (k->state && k->conn == conn && k->cid == cid) {
            return k;
        }
    }
    return NULL;
}

/* Adds a channel.  It may replace one with the same CID that was requested and had no event
 * since. */
struct channel *channel_new(struct actor *a, uint16_t conn, uint16_t cid)
{
    struct channel *k = channel_of(a, conn, cid);
    if (k) {
        MUST(k->state == CHANNEL_REQUESTED && !k->into, "channel %02x is there twice", cid);
        channel_free(k);
    }
    for (k = a->channel; k < a->channel + CHANNELS; k++) {
        if (!k->state) {
            k->conn = conn;
            k->cid = cid;
            return k;
        }
    }
    FAIL("more channels than there can be");
}

/* The memory of channels that have closed in the events that are being raised: what was received
 * can be read until these have returned. */
static void *closed_rx[64];
static unsigned closed;

void channel_free(struct channel *k)
{
    if (storm.events_open && closed < sizeof closed_rx / sizeof *closed_rx) {
        closed_rx[closed++] = k->rx;
    } else {
        free(k->rx);
    }
    free(k->tx);
    free(k->into);
    memset(k, 0, sizeof *k);
}

void channels_free_closed(void)
{
    while (closed) {
        free(closed_rx[--closed]);
    }
}

static void data_event(struct channel *k, const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_COC_RECEIVED:
        MUST(k->into && k->into == ev->u.coc_data.data, "a buffer is given back that is not ours");
        free(k->into);
        k->into = NULL;
        break;
    case WOAD_EV_COC_SENT:
        MUST(k->tx && k->tx == ev->u.coc_data.data, "an SDU is given back that is not ours");
        free(k->tx);
        k->tx = NULL;
        break;
    default: break;
    }
}

void coc_event(struct actor *a, const struct woad_event *ev)
{
    bool of_data = ev->type == WOAD_EV_COC_DATA || ev->type == WOAD_EV_COC_RECEIVED ||
                   ev->type == WOAD_EV_COC_SENT;
    uint16_t cid = of_data ? ev->u.coc_data.cid : ev->u.coc.cid;
    if (ev->type == WOAD_EV_COC_REQUEST) {
        struct channel *note_request = channel_new(a, ev->conn, cid);
        note_request->state = CHANNEL_REQUESTED;
        return;
    }
    struct channel *k = channel_of(a, ev->conn, cid);
    MUST(k, "%s of channel %02x, which is not there", event_name(ev->type), cid);
    if (of_data) {
        MUST(k->state == CHANNEL_OPEN, "%s of a channel that is not open", event_name(ev->type));
        data_event(k, ev);
    } else if (ev->type == WOAD_EV_COC_OPEN) {
        MUST(k->state == CHANNEL_WAITING, "a channel opens that was not waited for");
        k->state = CHANNEL_OPEN;
    } else if (ev->type == WOAD_EV_COC_CLOSED) {
        MUST(k->state != CHANNEL_REQUESTED || !k->into,
             "a channel that was never accepted has a buffer");
        channel_free(k);
    }
}
