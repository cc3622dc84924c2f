/* Controllers that need more than standard HCI: a manufacturer's commands before the bring-up
 * (patches, baud rates, settings), feature woad_feature_vendor_init; and corrections to what a
 * controller says of itself, feature woad_feature_quirks.
 *
 * The commands are a list of steps, run in order after the first HCI_Reset of each woad_start().
 * Then the controller is reset again and brought up as any other. */
#ifndef WOAD_VENDOR_H
#define WOAD_VENDOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct woad;

enum woad_step_kind {
    WOAD_STEP_COMMAND, /* sends `opcode` with `params` */
    WOAD_STEP_PATCH,   /* sends the commands of woad_vendor_init.patch(), one after the other */
    WOAD_STEP_WAIT,    /* waits `value` milliseconds */
    WOAD_STEP_SPEED    /* calls woad_vendor_init.speed() with `value`, in baud */
};

struct woad_step {
    uint8_t kind;    /* enum woad_step_kind */
    bool may_fail;   /* an error status of the command does not end the start */
    uint16_t opcode; /* WOAD_STEP_COMMAND: with its `len` octets of parameters */
    const uint8_t *params;
    uint8_t len;
    uint32_t value; /* WOAD_STEP_WAIT, WOAD_STEP_SPEED */
};

struct woad_vendor_init {
    const struct woad_step *steps;
    uint16_t n;         /* of `steps` */
    uint16_t answer_ms; /* time limit of each answer during the start, HCI_Reset's too; 0: 2 s */
    /* Writes the next command of the patch into `record`: opcode u16, length u8, parameters.
     * Returns its length; 0: the patch has ended; a negative WOAD_E…: the start fails with it.
     * `first`: begin with the first command. */
    int (*patch)(void *ctx, bool first, uint8_t *record, size_t room);
    /* Changes the baud rate of the host's UART, before the next command is sent; NULL: can't. */
    void (*speed)(void *ctx, uint32_t baud);
    void *ctx; /* for both */
};

/* Sets the steps for every start from the next one on; NULL: none.  *init and its steps must live
 * as long.  A step that fails ends the start: WOAD_EV_DOWN with WOAD_EIO.  WOAD_EBUSY: the host is
 * started; WOAD_ENOTSUP: no such feature. */
int woad_set_vendor_init(struct woad *h, const struct woad_vendor_init *init);

/* Fills in the steps for parts of Broadcom, Cypress and Infineon, such as a CYW43 behind a UART.
 * Their patch is a file of commands (.hcd), which init->patch() has to read.  It is sent at the
 * present baud rate; then the part restarts at `initial` baud, its rate after power-on; then, with
 * `baud` not 0, both ends change to that.  Sets init->steps and init->n; `b` must live as long as
 * `init`. */
enum { WOAD_BROADCOM_STEPS = 9 };
struct woad_broadcom {
    struct woad_step step[WOAD_BROADCOM_STEPS];
    uint8_t params[6];
};
void woad_vendor_init_broadcom(struct woad_vendor_init *init, struct woad_broadcom *b,
                               uint32_t initial, uint32_t baud);

/* A correction to what some parts of a manufacturer say of themselves.  The feature has a table of
 * known ones; a program can add its own.  They are applied at each start, if the controller's
 * company (its assigned number) is the same and its LMP subversion is in the range. */
enum woad_quirk_kind {
    WOAD_QUIRK_ADDRESS,       /* `address` is that of every part: treat it as no address */
    WOAD_QUIRK_NO_COMMANDS,   /* clear these bits of an octet of Supported_Commands */
    WOAD_QUIRK_HAS_COMMANDS,  /* set them */
    WOAD_QUIRK_NO_LE_FEATURES /* clear these bits of an octet of the LE features */
};

struct woad_quirk {
    uint16_t company, subversion_first, subversion_last;
    uint8_t kind;           /* enum woad_quirk_kind */
    uint8_t octet, bits;    /* index, and a mask */
    const uint8_t *address; /* six octets, least significant first */
};

/* Adds n quirks, in place of those added before.  `table` must live as long as the instance.
 * WOAD_ENOTSUP: no such feature. */
int woad_set_quirks(struct woad *h, const struct woad_quirk *table, size_t n);

#ifdef __cplusplus
}
#endif

#endif
