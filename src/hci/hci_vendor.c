/* A manufacturer's steps (patch, baud rate, settings) before the bring-up, by vendor-specific
 * commands: vendor.h.  They run after the first HCI_Reset; then the bring-up starts over.
 * Vol 4, Part E, 5.4.1
 *
 * Names of other files:
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   bringup_command(): the next command of the bring-up
 *   bringup_complete(): that command has been answered
 *   bringup_step: row of the table of commands that bring the controller up
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   hci: of the host: HCI's flow control and what the controller has said: core/host.h
 *   host_down(): ends everything at once, and raises WOAD_EV_DOWN
 *   HOST_OFF: state of the host: it does not run
 *   HOST_STARTING: state of the host: it brings the controller up
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   NO_FEATURE: for REFUSED(): the host is configured without that feature
 *   OP_RESET: OP_…: opcodes of HCI commands: hci.h
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   REFUSED(): logs why a call is refused, and is its error
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   vendor_init: of the host: the vendor's initialisation of the controller: hci_vendor.c; NULL:
 *       not linked
 *   vendor_init_role: the manufacturer's steps before the bring-up: hci_vendor.c; NULL: not linked
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include "../core/clock.h"
#include "../core/feature.h"
#include "../core/log.h"
#include "hci.h"
#include "roles.h"

struct vendor_init {
    const struct woad_vendor_init *init; /* the application's; NULL: none */
    uint16_t step;                       /* index of the current one */
    bool done;                           /* all of them, in this start */
    bool patch_begun;                    /* the patch's first command has been read */
    uint32_t deadline;                   /* end of a WOAD_STEP_WAIT */
};

ASSERT_SIZE(vendor_init, WOAD_SIZE_VENDOR_INIT);

/* Steps are left: core_command() (connection.c) waits for them before the rest of the bring-up. */
static bool vendor_pending(const struct woad *h)
{
    return h->vendor_init->init && !h->vendor_init->done;
}

static uint16_t vendor_answer_ms(const struct woad *h)
{
    if (h->vendor_init->init) {
        return h->vendor_init->init->answer_ms;
    }
    return 0;
}

static const struct vendor_init_role vendor_init_role = { .pending = vendor_pending,
                                                          .answer_ms = vendor_answer_ms };

static void vendor_layout(struct woad *h)
{
    h->vendor_init = arena_alloc(h, 1, sizeof *h->vendor_init);
    if (h->vendor_init) {
        h->vendor_init_role = &vendor_init_role;
    }
}

static void vendor_reset(struct woad *h)
{
    *h->vendor_init = (struct vendor_init){ .init = h->vendor_init->init };
}

/* The command of a WOAD_STEP_COMMAND, or the next of a WOAD_STEP_PATCH: writes its parameters and
 * returns its opcode; 0: the patch has ended.
 * A patch's command: opcode u16, length u8, parameters. */
static uint16_t vendor_step_command(struct woad *h, const struct woad_step *step, struct wr *params)
{
    struct vendor_init *s = h->vendor_init;
    uint8_t record[3 + 255];
    if (step->kind == WOAD_STEP_COMMAND) {
        wr_bytes(params, step->params, step->len);
        return step->opcode;
    }
    int n = WOAD_EINVAL;
    if (s->init->patch) {
        n = s->init->patch(s->init->ctx, !s->patch_begun, record, sizeof record);
    }
    s->patch_begun = true;
    if (n == 0) {
        return 0;
    }
    size_t size = 0;
    if (n > 0) {
        size = (size_t)n;
    }
    struct rd in = rd_of(record, size);
    uint16_t opcode = rd_le16(&in);
    uint8_t len = rd_u8(&in);
    if (in.bad || rd_left(&in) != len || !opcode) {
        if (n >= 0) {
            n = WOAD_EBADMSG;
        }
        host_down(h, n);
        return 0;
    }
    wr_bytes(params, rd_bytes(&in, len), len);
    return opcode;
}

static void vendor_next_step(struct vendor_init *s)
{
    s->step++;
    s->patch_begun = false;
    s->deadline = 0;
}

/* Whether the steps are under way: from the answer to the first reset on. */
static bool vendor_runs(const struct woad *h)
{
    return h->state == HOST_STARTING && vendor_pending(h) && h->hci.bringup_step;
}

/* The next command of the steps.  A step may end the start, and the application may begin another
 * one in WOAD_EV_DOWN: that begins with a reset.  After the last step the bring-up begins again. */
static uint16_t vendor_command(struct woad *h, struct wr *params)
{
    struct vendor_init *s = h->vendor_init;
    while (vendor_runs(h)) {
        if (s->step == s->init->n) {
            s->done = true;
            h->hci.bringup_step = 0;
            return bringup_command(h, params);
        }
        uint16_t opcode = 0;
        const struct woad_step *step = &s->init->steps[s->step];
        if (step->kind == WOAD_STEP_WAIT) {
            if (!s->deadline) {
                s->deadline = deadline_in(h, step->value);
            }
            return 0;
        }
        if (step->kind == WOAD_STEP_SPEED) {
            if (s->init->speed) {
                s->init->speed(s->init->ctx, step->value);
            }
        } else {
            opcode = vendor_step_command(h, step, params);
        }
        if (!vendor_runs(h)) {
            return 0;
        }
        if (opcode) {
            return opcode;
        }
        vendor_next_step(s);
    }
    return 0;
}

/* A step has been answered; the first HCI_Reset is a step of the bring-up. */
static void vendor_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct vendor_init *s = h->vendor_init;
    if (s->done) {
        bringup_complete(h, opcode, status, ret); /* of that HCI_Reset */
        return;
    }
    const struct woad_step *step = &s->init->steps[s->step];
    if (status && !step->may_fail) {
        host_down(h, WOAD_EIO);
    } else if (step->kind == WOAD_STEP_COMMAND) {
        vendor_next_step(s);
    }
}

/* A WOAD_STEP_WAIT is over. */
static uint32_t vendor_run_timers(struct woad *h)
{
    uint32_t left = deadline_left(h, h->vendor_init->deadline);
    if (left == 0) {
        vendor_next_step(h->vendor_init);
    }
    return left;
}

const struct woad_feature woad_feature_vendor_init = {
    .layout = vendor_layout,
    .reset = vendor_reset,
    .command = vendor_command,
    .complete = vendor_complete,
    .run_timers = vendor_run_timers,
};

int woad_set_vendor_init(struct woad *h, const struct woad_vendor_init *init)
{
    if (!h->vendor_init) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_vendor_init");
    }
    if (h->state != HOST_OFF) {
        return REFUSED(h, WOAD_EBUSY, "the host is started");
    }
    h->vendor_init->init = init;
    return 0;
}

/* The manufacturer's commands: Download_Minidriver; the patch, Write_RAM … and Launch_RAM, after
 * which the part restarts at its initial baud rate; Update_UART_Baud_Rate: 0 u16, baud u32. */
void woad_vendor_init_broadcom(struct woad_vendor_init *init, struct woad_broadcom *b,
                               uint32_t initial, uint32_t baud)
{
    enum { DOWNLOAD_MINIDRIVER = 0xfc2e, UPDATE_BAUD_RATE = 0xfc18 };
    struct woad_step steps[WOAD_BROADCOM_STEPS] = {
        { .kind = WOAD_STEP_COMMAND, .opcode = DOWNLOAD_MINIDRIVER },
        { .kind = WOAD_STEP_WAIT, .value = 50 },
        { .kind = WOAD_STEP_PATCH },
        { .kind = WOAD_STEP_SPEED, .value = initial },
        { .kind = WOAD_STEP_WAIT, .value = 250 },
        { .kind = WOAD_STEP_COMMAND, .opcode = OP_RESET },
        { .kind = WOAD_STEP_COMMAND, .opcode = UPDATE_BAUD_RATE, .params = b->params, .len = 6 },
        { .kind = WOAD_STEP_SPEED, .value = baud },
        { .kind = WOAD_STEP_WAIT, .value = 20 },
    };
    struct wr params = wr_of(b->params, sizeof b->params);
    wr_le16(&params, 0);
    wr_le32(&params, baud);
    memcpy(b->step, steps, sizeof steps);
    init->steps = b->step;
    if (baud) {
        init->n = WOAD_BROADCOM_STEPS;
    } else {
        init->n = 6;
    }
}
