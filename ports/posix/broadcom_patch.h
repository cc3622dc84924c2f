/* Loads the patch file of a Broadcom controller: fills a struct woad_vendor_init. */
#ifndef WOAD_BROADCOM_PATCH_H
#define WOAD_BROADCOM_PATCH_H

#include <stdio.h>

#include <woad/vendor.h>

#include "../../transport/transport.h"

struct broadcom_patch {
    FILE *file; /* NULL: closed */
    int fd;     /* of the serial line, for baud rate changes */
    struct woad_vendor_init vendor_init;
    struct woad_broadcom steps;
};

/* Opens transport->patch.  0, or a negative errno with a sentence in `message`. */
int broadcom_patch_open(struct broadcom_patch *p, const struct hci_transport *transport,
                        char message[WOAD_PORT_MESSAGE_MAX]);
void broadcom_patch_close(struct broadcom_patch *p);

#endif
