/* Watchdog: a controller that has sent nothing for config.watchdog_ms gets a command, which it must
 * answer.  A UART has no hang-up: without this, a host that only waits for the peer does not notice
 * that its controller has lost power.
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   cfg: the config that the application gave to woad_init()
 *   conn_close(): ends every procedure of a connection, and raises WOAD_EV_DISCONNECT
 *   CONN_GONE: the connection has ended; its last events are being raised
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   conns_end: of the host: the end of its connections' slots
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   hci: of the host: HCI's flow control and what the controller has said: core/host.h
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   last_rx_ms: the time at which the controller's last packet arrived
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   number: of a connection: the one in the public interface, index | generation << 8
 *   OP_READ_BD_ADDR: OP_…: opcodes of HCI commands: hci.h
 *   pending_arg: set with an HCI command, for its answer: a connection's number, or the like
 *   pending_opcode: of the HCI command that awaits its answer; 0: none
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   watchdog: of the host: hci_watchdog.c; NULL: not linked
 *   wr_le16(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include <woad/hci.h>

#include "../core/clock.h"
#include "../core/conn.h"
#include "../core/feature.h"
#include "numbers.h"

struct watchdog {
    bool command_due;
};

ASSERT_SIZE(watchdog, WOAD_SIZE_WATCHDOG);

static void watchdog_layout(struct woad *h)
{
    if (!h->cfg.watchdog_ms) {
        h->cfg.watchdog_ms = WOAD_DEFAULT_WATCHDOG_MS;
    }
    h->watchdog = arena_alloc(h, 1, sizeof *h->watchdog);
}

static void watchdog_reset(struct woad *h)
{
    h->watchdog->command_due = false;
}

/* HCI_Read_RSSI: handle u16.  7.5.4  With no connection: HCI_Read_BD_ADDR. */
static uint16_t watchdog_command(struct woad *h, struct wr *params)
{
    if (!h->watchdog->command_due || h->state != HOST_UP) {
        return 0;
    }
    h->watchdog->command_due = false;
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        if (c->state > CONN_GONE) {
            h->hci.pending_arg = c->number;
            wr_le16(params, c->handle);
            return OP_READ_RSSI;
        }
    }
    return OP_READ_BD_ADDR;
}

/* Any answer proves that the controller works.  If it does not know the connection, it has been
 * reset meanwhile. */
static void watchdog_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct conn *c = conn_of(h, h->hci.pending_arg);
    (void)ret;
    if (opcode == OP_READ_RSSI && status == WOAD_HCI_UNKNOWN_CONNECTION && c) {
        conn_close(c, status);
    }
}

/* After a time without packets a command is due, unless another one awaits its answer already. */
static uint32_t watchdog_run_timers(struct woad *h)
{
    if (h->state != HOST_UP || h->hci.pending_opcode || h->watchdog->command_due) {
        return WOAD_FOREVER;
    }
    uint32_t at = h->controller.last_rx_ms + h->cfg.watchdog_ms;
    if (!at) {
        at = 1;
    }
    uint32_t left = deadline_left(h, at);
    h->watchdog->command_due = left == 0;
    return left;
}

const struct woad_feature woad_feature_watchdog = {
    .layout = watchdog_layout,
    .reset = watchdog_reset,
    .command = watchdog_command,
    .complete = watchdog_complete,
    .run_timers = watchdog_run_timers,
};
