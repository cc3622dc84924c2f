/* A controller that says nothing is asked whether it is there.  Where a line has no hang-up nothing
 * else would tell that it has been switched off, while the host awaits nothing but the peer. */
#include <woad/hci.h>

#include "../core/clock.h"
#include "../core/conn.h"
#include "../core/feature.h"
#include "numbers.h"

enum { WATCH_MS = 5000 };

struct watch {
    bool ask;
};

ASSERT_SIZE(watch, WOAD_SIZE_WATCHDOG);

static void watch_layout(struct woad *h)
{
    h->watchdog = arena_alloc(h, 1, sizeof *h->watchdog);
}

static void watch_reset(struct woad *h)
{
    h->watchdog->ask = false;
}

/* HCI_Read_RSSI: handle u16.  7.5.4  Or, with no connection to ask about, HCI_Read_BD_ADDR. */
static uint16_t watch_command(struct woad *h, struct wr *params)
{
    if (!h->watchdog->ask || h->state != HOST_UP) {
        return 0;
    }
    h->watchdog->ask = false;
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (c->state > CONN_GONE) {
            h->hci.pending_arg = c->number;
            wr_le16(params, c->handle);
            return OP_READ_RSSI;
        }
    }
    return OP_READ_BD_ADDR;
}

/* Any answer will do; one that it knows nothing of the connection says that it has begun anew. */
static void watch_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct conn *c = conn_of(h, h->hci.pending_arg);
    (void)ret;
    if (opcode == OP_READ_RSSI && status == WOAD_HCI_UNKNOWN_CONNECTION && c) {
        conn_close(c, status);
    }
}

static uint32_t watchdog_run_timers(struct woad *h)
{
    if (h->state != HOST_UP || h->hci.pending_opcode || h->watchdog->ask) {
        return WOAD_FOREVER;
    }
    uint32_t ms = h->cfg.watchdog_ms ? h->cfg.watchdog_ms : WATCH_MS;
    uint32_t at = h->controller.last_rx_ms + ms, left = deadline_left(h, at ? at : 1);
    h->watchdog->ask = left == 0;
    return left;
}

const struct woad_feature woad_feature_watchdog = {
    .layout = watch_layout,
    .reset = watch_reset,
    .command = watch_command,
    .complete = watch_complete,
    .run_timers = watchdog_run_timers,
};
