/* What a controller needs before it is one (patches, speeds, settings of its maker's), and what it
 * says that is not so.
 *
 * An ordered list of steps, done after the first HCI_Reset of each woad_start(); then it is reset
 * again and brought up as any other.  Feature woad_feature_vendor_init. */
#ifndef WOAD_VENDOR_H
#define WOAD_VENDOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct woad;

enum woad_step_kind {
    WOAD_STEP_COMMAND, /* opcode with its parameters */
    WOAD_STEP_PATCH,   /* the commands that woad_vendor_init.patch() has */
    WOAD_STEP_WAIT,    /* value: milliseconds */
    WOAD_STEP_SPEED    /* value: baud, at our end: woad_vendor_init.speed() */
};

struct woad_step {
    uint8_t kind;  /* enum woad_step_kind */
    bool may_fail; /* a command's status does not matter */
    uint16_t opcode;
    const uint8_t *params;
    uint8_t len;
    uint32_t value;
};

struct woad_vendor_init {
    const struct woad_step *steps;
    uint16_t n;
    uint16_t answer_ms; /* time for each answer, HCI_Reset's too; 0: 2 s */
    /* The next command of the patch: opcode u16, length u8, parameters.  Its length; 0: there are
     * no more; or a negative errno, which ends the start.  `first`: from the beginning. */
    int (*patch)(void *ctx, bool first, uint8_t *record, size_t room);
    void (*speed)(void *ctx, uint32_t baud);
    void *ctx;
};

/* For all starts from the next one on; `setup` must live as long.  NULL: none any more.
 * WOAD_EBUSY while it is started; WOAD_ENOTSUP without the feature.  A step that fails ends the
 * start: WOAD_EV_DOWN, WOAD_EIO. */
int woad_set_vendor_init(struct woad *h, const struct woad_vendor_init *setup);

/* The steps of Broadcom's, Cypress's and Infineon's parts, whose patch is a file of commands
 * (.hcd): a CYW43 behind a UART.  The patch begins at the speed that the line has, and ends at
 * `first`, the one that the part has when it is switched on; then, with `baud` not 0, both ends
 * go on at that. Fills in `steps`, which must live as long as the setup, and setup->steps and
 * ->n; the rest is yours. */
enum { WOAD_BROADCOM_STEPS = 9 };
struct woad_broadcom {
    struct woad_step step[WOAD_BROADCOM_STEPS];
    uint8_t params[6];
};
void woad_vendor_init_broadcom(struct woad_vendor_init *setup, struct woad_broadcom *steps,
                               uint32_t first, uint32_t baud);

/* What controllers say of themselves that is not so.  Those that are known are in a table of the
 * feature woad_feature_quirks; a program can add what it knows of its own part.  Applied at each
 * start, to the controllers of that company (its assigned number) whose LMP subversion is in the
 * range. */
enum woad_quirk_kind {
    WOAD_QUIRK_ADDRESS,       /* `address` is every such part's: it has none */
    WOAD_QUIRK_NO_COMMANDS,   /* of Supported_Commands: these bits of the octet lie */
    WOAD_QUIRK_HAS_COMMANDS,  /* and these should be set */
    WOAD_QUIRK_NO_LE_FEATURES /* of the LE features */
};

struct woad_quirk {
    uint16_t company, subversion_first, subversion_last;
    uint8_t kind; /* enum woad_quirk_kind */
    uint8_t octet, bits;
    const uint8_t *address; /* least significant octet first */
};

/* `table` must live as long.  WOAD_ENOTSUP without the feature. */
int woad_set_quirks(struct woad *h, const struct woad_quirk *table, size_t n);

#endif
