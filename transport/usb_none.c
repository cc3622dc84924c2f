/* Instead of usb.c in builds without libusb.
 *
 * Names of other files:
 *   hci_transport: an open transport: transport.h
 *   transport_fail(): formats `message`, and returns the error as a negative errno; 0 counts as EIO
 */
#include "kinds.h"

#include <errno.h>

/* Fails: there is no USB in this build. */
int usb_open(const char *spec, struct hci_transport *transport, char message[WOAD_PORT_MESSAGE_MAX])
{
    (void)transport;
    return transport_fail(message, ENOTSUP,
                          "usb:%.40s: built without USB: install libusb-1.0-0-dev and build again",
                          spec);
}
