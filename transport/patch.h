/* What a port asks a part of Broadcom's to be loaded with. */
#ifndef WOAD_PATCH_H
#define WOAD_PATCH_H

#include <stdio.h>

#include <woad/vendor.h>

#include "open.h"

struct patch {
    FILE *file;
    int fd;
    struct woad_vendor_init setup;
    struct woad_broadcom steps;
};

int patch_open(struct patch *p, const struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX]);
void patch_close(struct patch *p);

#endif
