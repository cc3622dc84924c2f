/* In the place of usb.c where libusb is not there. */
#include "kinds.h"

#include <errno.h>

int usb_open(const char *spec, struct hci_transport *transport, char message[WOAD_PORT_MESSAGE_MAX])
{
    (void)transport;
    return transport_fail(message, ENOTSUP, "usb:%.40s: this was built without libusb-1.0", spec);
}
