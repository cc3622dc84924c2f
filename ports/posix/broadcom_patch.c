/* Reads a Broadcom patch file (.hcd): HCI commands one after the other, each opcode u16, length u8,
 * parameters.  The bring-up in src/hci/ sends them.
 *
 * Names of other files:
 *   baud_initial: of the line until the patch is loaded
 *   patch: path of the patch file; "": none
 *   serial_set_baud(): sets the line's rate
 *   steps: state of woad_vendor_init_broadcom()
 *   transport_fail(): formats `message`, and returns the error as a negative errno */
#include "../../transport/kinds.h"
#include "broadcom_patch.h"

#include <errno.h>
#include <stdio.h>

/* woad_vendor_init.patch: the next command.  Returns its length, 0 at the end of the file, or a
 * negative errno.  `first` starts again at the beginning. */
static int broadcom_patch_next(void *ctx, bool first, uint8_t *record, size_t room)
{
    struct broadcom_patch *p = ctx;
    if (first && fseek(p->file, 0, SEEK_SET) < 0) {
        return -errno;
    }
    size_t n = fread(record, 1, 3, p->file);
    if (n == 0 && feof(p->file)) {
        return 0;
    }
    if (n < 3 || room < 3u + record[2] || fread(record + 3, 1, record[2], p->file) != record[2]) {
        if (ferror(p->file)) {
            return -EIO;
        }
        return -EBADMSG;
    }
    return 3 + record[2];
}

/* woad_vendor_init.speed */
static void broadcom_set_baud(void *ctx, uint32_t baud)
{
    const struct broadcom_patch *p = ctx;
    serial_set_baud(p->fd, baud);
}

/* Opens the patch file of the transport, for p->vendor_init.  0 or a negative errno. */
int broadcom_patch_open(struct broadcom_patch *p, const struct hci_transport *transport,
                        char message[WOAD_PORT_MESSAGE_MAX])
{
    p->file = fopen(transport->patch, "rb");
    if (!p->file) {
        return transport_fail(message, errno, "bcm=%.90s: can't be read", transport->patch);
    }
    p->fd = transport->fd;
    p->vendor_init = (struct woad_vendor_init){ .patch = broadcom_patch_next,
                                                .speed = broadcom_set_baud,
                                                .ctx = p };
    woad_vendor_init_broadcom(&p->vendor_init, &p->steps, transport->baud_initial, transport->baud);
    return 0;
}

/* Closes the file, if one is open. */
void broadcom_patch_close(struct broadcom_patch *p)
{
    if (p->file) {
        fclose(p->file);
    }
}
