/* transport/usb.c on a libusb of this file, with a controller that always has an event and data:
 * the host takes them slower than they come. */
#include <libusb-1.0/libusb.h>
#include <woad/port.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cm.h"

#include "transport/open.h"

enum { EVENT_IN = 0x81, DATA_IN = 0x82, DATA_OUT = 0x02, HANDLE = 0x40 };

/* --- libusb ----------------------------------------------------------------------------------- */

static struct libusb_transfer *submitted[2]; /* events, data */
static unsigned given[2];
static int here[3]; /* addresses for a context, a device and a handle */

static size_t event_make(uint8_t *p, unsigned n)
{
    static const uint8_t connected[] = { 0x3e, 19, 1, 0,  HANDLE, 0, 0, 0,  1, 2, 3,
                                         4,    5,  6, 24, 0,      0, 0, 72, 0, 0 };
    uint8_t report[] = { 0x3e, 12, 2, 1, 0, 0, (uint8_t)n, (uint8_t)(n >> 8), 3, 4, 5, 6, 0, 0xc0 };
    if (n) {
        memcpy(p, report, sizeof report);
        return sizeof report;
    }
    memcpy(p, connected, sizeof connected);
    return sizeof connected;
}

static size_t data_make(uint8_t *p, unsigned n)
{
    uint8_t data[] = { HANDLE, 0x20, 6, 0, 2, 0, 4, 0, (uint8_t)n, (uint8_t)(n >> 8) };
    memcpy(p, data, sizeof data);
    return sizeof data;
}

int libusb_submit_transfer(struct libusb_transfer *t)
{
    if (t->endpoint == EVENT_IN || t->endpoint == DATA_IN) {
        submitted[t->endpoint - EVENT_IN] = t;
    }
    return 0;
}

int libusb_cancel_transfer(struct libusb_transfer *t)
{
    assert_true(t == submitted[0] || t == submitted[1]);
    t->status = LIBUSB_TRANSFER_CANCELLED;
    submitted[t->endpoint - EVENT_IN] = NULL;
    t->callback(t);
    return 0;
}

int libusb_handle_events_timeout_completed(libusb_context *c, struct timeval *wait, int *done)
{
    (void)c;
    (void)wait;
    (void)done;
    for (unsigned k = 0; k < 2; k++) {
        struct libusb_transfer *t = submitted[k];
        submitted[k] = NULL;
        if (t) {
            size_t len = k ? data_make(t->buffer, given[k]) : event_make(t->buffer, given[k]);
            given[k]++;
            t->actual_length = (int)len;
            t->status = LIBUSB_TRANSFER_COMPLETED;
            t->callback(t);
        }
    }
    return 0;
}

int libusb_init(libusb_context **c)
{
    *c = (void *)&here[0];
    return 0;
}

void libusb_exit(libusb_context *c)
{
    (void)c;
}

ssize_t libusb_get_device_list(libusb_context *c, libusb_device ***list)
{
    static libusb_device *devices[2];
    (void)c;
    devices[0] = (void *)&here[1];
    *list = devices;
    return 1;
}

void libusb_free_device_list(libusb_device **list, int unref)
{
    (void)list;
    (void)unref;
}

int libusb_get_active_config_descriptor(libusb_device *d, struct libusb_config_descriptor **c)
{
    static const struct libusb_endpoint_descriptor endpoints[] = {
        { .bEndpointAddress = EVENT_IN, .bmAttributes = LIBUSB_TRANSFER_TYPE_INTERRUPT },
        { .bEndpointAddress = DATA_IN, .bmAttributes = LIBUSB_TRANSFER_TYPE_BULK },
        { .bEndpointAddress = DATA_OUT, .bmAttributes = LIBUSB_TRANSFER_TYPE_BULK },
    };
    static const struct libusb_interface_descriptor setting = { .bInterfaceClass = 0xe0,
                                                                .bInterfaceSubClass = 1,
                                                                .bInterfaceProtocol = 1,
                                                                .bNumEndpoints = 3,
                                                                .endpoint = endpoints };
    static const struct libusb_interface interface = { &setting, 1 };
    static struct libusb_config_descriptor config;
    (void)d;
    config.bNumInterfaces = 1;
    config.interface = &interface;
    *c = &config;
    return 0;
}

void libusb_free_config_descriptor(struct libusb_config_descriptor *c)
{
    (void)c;
}

int libusb_open(libusb_device *d, libusb_device_handle **handle)
{
    (void)d;
    *handle = (void *)&here[2];
    return 0;
}

void libusb_close(libusb_device_handle *handle)
{
    (void)handle;
}

int libusb_set_auto_detach_kernel_driver(libusb_device_handle *handle, int enable)
{
    (void)handle;
    (void)enable;
    return 0;
}

int libusb_claim_interface(libusb_device_handle *handle, int interface)
{
    (void)handle;
    return interface;
}

int libusb_release_interface(libusb_device_handle *handle, int interface)
{
    (void)handle;
    return interface;
}

struct libusb_transfer *libusb_alloc_transfer(int packets)
{
    (void)packets;
    return calloc(1, sizeof(struct libusb_transfer));
}

void libusb_free_transfer(struct libusb_transfer *t)
{
    free(t);
}

const struct libusb_pollfd **libusb_get_pollfds(libusb_context *c)
{
    (void)c;
    return NULL;
}

void libusb_free_pollfds(const struct libusb_pollfd **fds)
{
    (void)fds;
}

void libusb_set_pollfd_notifiers(libusb_context *c, libusb_pollfd_added_cb added,
                                 libusb_pollfd_removed_cb removed, void *user)
{
    (void)c;
    (void)added;
    (void)removed;
    (void)user;
}

libusb_device *libusb_get_device(libusb_device_handle *handle)
{
    (void)handle;
    return (void *)&here[1];
}

int libusb_get_max_packet_size(libusb_device *d, unsigned char endpoint)
{
    (void)d;
    (void)endpoint;
    return 64;
}

/* --- tests ------------------------------------------------------------------------------------ */

/* Nothing is lost, no queue ends the transport, and neither kind waits for the other. */
static void more_than_the_host_takes(void **state)
{
    char why[WOAD_PORT_MESSAGE_MAX];
    struct hci_transport usb;
    uint8_t packet[1100];
    unsigned taken[2] = { 0, 0 };
    (void)state;
    assert_int_equal(transport_open("usb", &usb, why), 0);
    for (unsigned k = 0; k < 20000; k++) {
        uint8_t expected[64];
        ssize_t len = usb.ops->read(usb.usb, packet, sizeof packet);
        assert_in_range(len, 2, sizeof packet);
        unsigned data = packet[0] == 2;
        size_t n = data ? data_make(expected, taken[1]) : event_make(expected, taken[0]);
        assert_int_equal(len, n + 1);
        assert_memory_equal(packet + 1, expected, n);
        taken[data]++;
    }
    assert_in_range(taken[0], 9000, 11000);
    assert_in_range(given[0] - taken[0], 0, 32);
    assert_in_range(given[1] - taken[1], 0, 16);
    usb.ops->close(usb.usb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_the_host_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
