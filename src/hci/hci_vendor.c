/* The steps of a maker's, by vendor-specific commands: vendor.h.  Vol 4, Part E, 5.4.1 */
#include "../core/clock.h"
#include "../core/feature.h"
#include "hci.h"
#include "roles.h"

struct setup {
    const struct woad_vendor_init *what;
    uint16_t at;  /* the step */
    bool done;    /* of this start */
    bool begun;   /* the patch's first record is out */
    uint32_t due; /* of a wait */
};

ASSERT_SIZE(setup, WOAD_SIZE_VENDOR_INIT);

static bool setup_wants(const struct woad *h)
{
    return h->vendor_init->what && !h->vendor_init->done;
}

static uint16_t setup_answer_ms(const struct woad *h)
{
    return h->vendor_init->what ? h->vendor_init->what->answer_ms : 0;
}

static const struct vendor_init_role vendor_init_role = { setup_wants, setup_answer_ms };

static void setup_layout(struct woad *h)
{
    h->vendor_init = arena_alloc(h, 1, sizeof *h->vendor_init);
    if (h->vendor_init) {
        h->vendor_init_role = &vendor_init_role;
    }
}

static void setup_reset(struct woad *h)
{
    *h->vendor_init = (struct setup){ .what = h->vendor_init->what };
}

/* The command of the step, as bytes: opcode u16, length u8, parameters.  0: none; its step is
 * over. */
static uint16_t setup_record(struct woad *h, const struct woad_step *step, struct wr *params)
{
    struct setup *s = h->vendor_init;
    uint8_t record[3 + 255];
    if (step->kind == WOAD_STEP_COMMAND) {
        wr_bytes(params, step->params, step->len);
        return step->opcode;
    }
    int n = s->what->patch ? s->what->patch(s->what->ctx, !s->begun, record, sizeof record)
                           : WOAD_EINVAL;
    s->begun = true;
    if (n == 0) {
        return 0;
    }
    struct rd in = rd_of(record, n > 0 ? (size_t)n : 0);
    uint16_t opcode = rd_le16(&in);
    uint8_t len = rd_u8(&in);
    if (in.bad || rd_left(&in) != len || !opcode) {
        host_down(h, n < 0 ? n : WOAD_EBADMSG);
        return 0;
    }
    wr_bytes(params, rd_bytes(&in, len), len);
    return opcode;
}

static void setup_next(struct setup *s)
{
    s->at++;
    s->begun = false;
    s->due = 0;
}

/* After the first reset has been answered; when all is done the bring-up begins again. */
static uint16_t setup_command(struct woad *h, struct wr *params)
{
    struct setup *s = h->vendor_init;
    if (h->state != HOST_STARTING || !setup_wants(h) || !h->hci.bringup_step) {
        return 0;
    }
    while (s->at < s->what->n) {
        const struct woad_step *step = &s->what->steps[s->at];
        if (step->kind == WOAD_STEP_WAIT) {
            s->due = s->due ? s->due : deadline_in(h, step->value);
            return 0;
        }
        if (step->kind == WOAD_STEP_SPEED) {
            if (s->what->speed) {
                s->what->speed(s->what->ctx, step->value);
            }
        } else {
            uint16_t opcode = setup_record(h, step, params);
            if (opcode || h->state != HOST_STARTING) {
                return opcode;
            }
        }
        setup_next(s);
    }
    s->done = true;
    h->hci.bringup_step = 0;
    return bringup_command(h, params);
}

static void setup_complete(struct woad *h, uint16_t opcode, uint8_t status, struct rd *ret)
{
    struct setup *s = h->vendor_init;
    if (s->done) {
        bringup_complete(h, opcode, status, ret); /* of the reset at the end */
        return;
    }
    const struct woad_step *step = &s->what->steps[s->at];
    if (status && !step->may_fail) {
        host_down(h, WOAD_EIO);
    } else if (step->kind == WOAD_STEP_COMMAND) {
        setup_next(s);
    }
}

static uint32_t vendor_run_timers(struct woad *h)
{
    uint32_t left = deadline_left(h, h->vendor_init->due);
    if (left == 0) {
        setup_next(h->vendor_init);
    }
    return left;
}

const struct woad_feature woad_feature_vendor_init = {
    .layout = setup_layout,
    .reset = setup_reset,
    .command = setup_command,
    .complete = setup_complete,
    .run_timers = vendor_run_timers,
};

int woad_set_vendor_init(struct woad *h, const struct woad_vendor_init *setup)
{
    if (!h->vendor_init || h->state != HOST_OFF) {
        return h->vendor_init ? WOAD_EBUSY : WOAD_ENOTSUP;
    }
    h->vendor_init->what = setup;
    return 0;
}

/* Download_Minidriver; the patch: Write_RAM …, Launch_RAM, after which the part begins anew, at its
 * first speed; Update_UART_Baud_Rate: 0 u16, baud u32.  The maker's commands. */
void woad_vendor_init_broadcom(struct woad_vendor_init *setup, struct woad_broadcom *b,
                               uint32_t first, uint32_t baud)
{
    enum { DOWNLOAD_MINIDRIVER = 0xfc2e, UPDATE_BAUD_RATE = 0xfc18 };
    struct woad_step steps[WOAD_BROADCOM_STEPS] = {
        { .kind = WOAD_STEP_COMMAND, .opcode = DOWNLOAD_MINIDRIVER },
        { .kind = WOAD_STEP_WAIT, .value = 50 },
        { .kind = WOAD_STEP_PATCH },
        { .kind = WOAD_STEP_SPEED, .value = first },
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
    setup->steps = b->step;
    setup->n = baud ? WOAD_BROADCOM_STEPS : 6;
}
