/* In the place of usb.c where libusb is not there. */
#include "open.h"

#include <errno.h>

int open_usb(const char *spec, struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX])
{
    (void)way;
    return open_fail(why, ENOTSUP, "usb:%.40s: this was built without libusb-1.0", spec);
}
