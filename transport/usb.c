/* Controllers on USB, by libusb.  Vol 4, Part B: commands by control transfers, events by an
 * interrupt endpoint, data by two bulk endpoints.
 *
 * Names of other files:
 *   count: of the queue: packets in it
 *   fd_above_stdio(): moves a new descriptor above 2; or returns a negative errno
 *   hci_transport: an open transport: transport.h
 *   ops: functions in the place of read(), write() and close(); NULL: none
 *   order_data(): queues data; false: no room, or too long
 *   order_due(): ms until the first data may be delivered; UINT32_MAX: there are none
 *   order_event(): notes an event that the host gets now
 *   order_is_settled(): the place of the first data among the events does not matter
 *   order_next(): the next data that may be delivered now; returns its length, 0: none
 *   ORDER_PACKET: octets of the longest packet, type included
 *   ORDER_QUEUE: data packets that can wait
 *   order_sent(): notes a packet of the host's; HCI_Reset empties the queue
 *   transport_fail(): formats `message`, and returns the error as a negative errno; 0 counts as EIO
 *   usb: of a transport: what usb.c keeps
 *   usb_open(): opens a controller on USB
 *   usb_order: queue of received data, and what its order depends on: usb_order.h
 *   woad_port_now_ms(): the machine's time, ms */
#define _GNU_SOURCE
#include "kinds.h"
#include "usb_order.h"

#include <libusb-1.0/libusb.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { WIRELESS = 0xe0, RADIO = 1, BLUETOOTH = 1 }; /* class, subclass, protocol */
enum { COMMAND = 1, DATA = 2, EVENT = 4 };          /* type octets of H4 */
enum {
    OUT_TRANSFERS = 8,   /* packets that can be on the way to the controller at a time */
    EVENT_MAX = 3 + 255, /* octets of the longest event, type included */
    EVENTS = 32,         /* events that can wait for usb_read() */
    TRANSFER_MAX = 2048, /* octets that one transfer receives, at most */
    CONTROL = 8          /* octets of a control transfer's setup, before its data */
};

/* One IN endpoint.  Packets arrive without their type octet, some in several transfers. */
struct endpoint {
    struct libusb_transfer *transfer;
    uint8_t buf[TRANSFER_MAX];
    uint8_t packet[1 + TRANSFER_MAX]; /* type octet first */
    size_t len;
    bool paused; /* nothing is received until its queue has room: the controller waits */
};

struct usb {
    libusb_context *ctx;
    libusb_device_handle *dev;
    int epoll;                           /* polls libusb's descriptors and `timer` */
    int timer;                           /* of usb_set_timer() */
    uint8_t event_in, data_in, data_out; /* addresses of the endpoints */
    bool gone;                           /* an endpoint has failed */
    struct endpoint events, data;
    struct {
        struct libusb_transfer *transfer;
        uint8_t buf[CONTROL + ORDER_PACKET];
        bool busy; /* libusb has it */
    } out[OUT_TRANSFERS];
    struct {
        uint8_t octet[EVENT_MAX];
        size_t len;
    } event[EVENTS]; /* a ring, of event_count from event_first on */
    size_t event_first, event_count;
    bool data_next; /* of an event and data that both wait: in turn */
    struct usb_order order;
};

/* --- in --------------------------------------------------------------------------------------- */

/* Octets of the packet that arrives, its type included; 0: its length has not arrived yet. */
static size_t endpoint_need(const struct endpoint *p)
{
    if (p->packet[0] == EVENT) {
        if (p->len < 3) {
            return 0;
        }
        return 3u + p->packet[2];
    }
    if (p->len < 5) {
        return 0;
    }
    return 5u + p->packet[3] + ((size_t)p->packet[4] << 8);
}

/* Queues a complete packet.  False: no room, and the transport has failed. */
static bool usb_queue_packet(struct usb *u, const struct endpoint *p)
{
    if (p->packet[0] == DATA) {
        return order_data(&u->order, p->packet, p->len, woad_port_now_ms());
    }
    if (u->event_count == EVENTS) {
        return false;
    }
    size_t at = (u->event_first + u->event_count++) % EVENTS;
    memcpy(u->event[at].octet, p->packet, p->len);
    u->event[at].len = p->len;
    return true;
}

/* Adds octets to the packet that arrives, and queues each that is complete. False: no room. */
static bool endpoint_add(struct usb *u, struct endpoint *p, const uint8_t *octets, size_t n)
{
    for (; n; n--) {
        if (p->len == sizeof p->packet) {
            return false;
        }
        p->packet[p->len++] = *octets++;
        if (p->len == endpoint_need(p)) {
            if (!usb_queue_packet(u, p)) {
                return false;
            }
            p->len = 1;
        }
    }
    return true;
}

/* The endpoint has failed, or is closed: the transport ends, and usb_read() returns EIO once its
 * queues are empty.  Not to be called while libusb has the endpoint's transfer. */
static void endpoint_fail(struct usb *u, struct endpoint *p)
{
    u->gone = true;
    p->paused = false;
    libusb_free_transfer(p->transfer);
    p->transfer = NULL;
}

/* Whether the queue of the endpoint's packets is half empty: a transfer may bring several. */
static bool endpoint_has_room(const struct usb *u, const struct endpoint *p)
{
    if (p->packet[0] == EVENT) {
        return u->event_count <= EVENTS / 2;
    }
    return u->order.count <= ORDER_QUEUE / 2;
}

/* libusb: a transfer has ended. It is submitted again at once, or when its queue has room. */
static void on_received(struct libusb_transfer *t)
{
    struct usb *u = t->user_data;
    struct endpoint *p = t == u->events.transfer ? &u->events : &u->data;
    bool well = t->status == LIBUSB_TRANSFER_COMPLETED &&
                endpoint_add(u, p, t->buffer, (size_t)t->actual_length);
    if (well && !u->gone && !endpoint_has_room(u, p)) {
        p->paused = true;
    } else if (!well || u->gone || libusb_submit_transfer(t)) {
        endpoint_fail(u, p);
    }
}

/* Receives again, if it has paused and its queue has room by now. */
static void endpoint_resume(struct usb *u, struct endpoint *p)
{
    if (p->paused && endpoint_has_room(u, p)) {
        p->paused = false;
        if (libusb_submit_transfer(p->transfer)) {
            endpoint_fail(u, p);
        }
    }
}

/* Sets the timer, which makes the transport's descriptor readable, to when the first data is due
 * that waits for an event. */
static void usb_set_timer(struct usb *u)
{
    uint32_t due = order_due(&u->order, woad_port_now_ms());
    struct itimerspec at = { .it_value = { 0, 0 } };
    if (due != UINT32_MAX) {
        at.it_value.tv_nsec = (long)due * 1000000 + 1;
    }
    timerfd_settime(u->timer, 0, &at, NULL);
}

/* Moves the first event from the queue to `to`; returns its length. */
static size_t usb_take_event(struct usb *u, uint8_t *to)
{
    size_t len = u->event[u->event_first].len;
    memcpy(to, u->event[u->event_first].octet, len);
    u->event_first = (u->event_first + 1) % EVENTS;
    u->event_count--;
    order_event(&u->order, to, len);
    endpoint_resume(u, &u->events);
    return len;
}

/* hci_transport_ops.read. Events go first, but data and events that both wait in turn. */
static ssize_t usb_read(void *usb, uint8_t *to, size_t room)
{
    struct usb *u = usb;
    struct timeval now = { 0, 0 };
    libusb_handle_events_timeout_completed(u->ctx, &now, NULL);
    bool event = u->event_count && u->event[u->event_first].len <= room;
    size_t len = 0;
    if (!event || (u->data_next && order_is_settled(&u->order))) {
        len = order_next(&u->order, woad_port_now_ms(), to, room);
        u->data_next = false;
        endpoint_resume(u, &u->data);
    }
    if (event && !len) {
        len = usb_take_event(u, to);
        u->data_next = true;
    }
    usb_set_timer(u);
    if (len) {
        return (ssize_t)len;
    }
    errno = u->gone ? EIO : EAGAIN;
    return -1;
}

enum { COMMAND_MS = 2000 }; /* until a command that the controller does not take has failed */

/* --- out -------------------------------------------------------------------------------------- */

/* libusb: a transfer to the controller has ended. */
static void on_sent(struct libusb_transfer *t)
{
    struct usb *u = t->user_data;
    u->gone = u->gone || t->status != LIBUSB_TRANSFER_COMPLETED;
    for (size_t k = 0; k < OUT_TRANSFERS; k++) {
        if (u->out[k].transfer == t) {
            u->out[k].busy = false;
        }
    }
}

/* hci_transport_ops.write. Commands and data have different endpoints, so a command does not wait
 * for data. */
static ssize_t usb_write(void *usb, const uint8_t *packet, size_t len)
{
    struct usb *u = usb;
    size_t k = 0;
    while (k < OUT_TRANSFERS && u->out[k].busy) {
        k++;
    }
    if (u->gone || len < 2 || len > ORDER_PACKET || k == OUT_TRANSFERS) {
        errno = EINVAL;
        if (u->gone) {
            errno = EIO;
        } else if (k == OUT_TRANSFERS) {
            errno = EAGAIN;
        }
        return -1;
    }
    struct libusb_transfer *t = u->out[k].transfer;
    int body = (int)len - 1;
    if (packet[0] == COMMAND) { /* to the device, class, request 0 */
        libusb_fill_control_setup(u->out[k].buf, LIBUSB_REQUEST_TYPE_CLASS, 0, 0, 0,
                                  (uint16_t)body);
        memcpy(u->out[k].buf + CONTROL, packet + 1, (size_t)body);
        libusb_fill_control_transfer(t, u->dev, u->out[k].buf, on_sent, u, COMMAND_MS);
    } else {
        memcpy(u->out[k].buf, packet + 1, (size_t)body);
        libusb_fill_bulk_transfer(t, u->dev, u->data_out, u->out[k].buf, body, on_sent, u, 0);
        t->flags |= LIBUSB_TRANSFER_ADD_ZERO_PACKET;
    }
    order_sent(&u->order, packet, len);
    endpoint_resume(u, &u->data); /* a reset has emptied the queue */
    if (libusb_submit_transfer(t)) {
        u->gone = true;
        errno = EIO;
        return -1;
    }
    u->out[k].busy = true;
    return (ssize_t)len;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* libusb: it has a new descriptor.  It is polled through epoll's, which is the transport's. */
static void usb_add_fd(int fd, short events, void *usb)
{
    struct usb *u = usb;
    struct epoll_event e = { .data.fd = fd };
    e.events = 0u;
    if (events & POLLIN) {
        e.events = EPOLLIN;
    }
    e.events |= events & POLLOUT ? EPOLLOUT : 0u;
    epoll_ctl(u->epoll, EPOLL_CTL_ADD, fd, &e);
}

/* libusb: it has closed a descriptor. */
static void usb_remove_fd(int fd, void *usb)
{
    struct usb *u = usb;
    epoll_ctl(u->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* Whether libusb still has a transfer. */
static bool usb_busy(const struct usb *u)
{
    bool busy = u->events.transfer || u->data.transfer;
    for (size_t k = 0; k < OUT_TRANSFERS; k++) {
        busy = busy || u->out[k].busy;
    }
    return busy;
}

/* Begins to end what the endpoint receives: on_received() is to free its transfer. */
static void endpoint_cancel(struct usb *u, struct endpoint *p)
{
    if (p->paused) {
        endpoint_fail(u, p);
    } else if (p->transfer) {
        libusb_cancel_transfer(p->transfer);
    }
}

/* hci_transport_ops.close. Transfers are cancelled, and waited for for a second at most. Also after
 * usb_start() has failed: what it has not opened is NULL. */
static void usb_close(void *usb)
{
    struct usb *u = usb;
    u->gone = true;
    for (size_t k = 0; u->dev && k < OUT_TRANSFERS; k++) {
        if (u->out[k].busy) {
            libusb_cancel_transfer(u->out[k].transfer);
        }
    }
    endpoint_cancel(u, &u->events);
    endpoint_cancel(u, &u->data);
    for (int rounds = 0; u->ctx && usb_busy(u) && rounds < 100; rounds++) {
        struct timeval wait = { 0, 10000 };
        libusb_handle_events_timeout_completed(u->ctx, &wait, NULL);
    }
    for (size_t k = 0; k < OUT_TRANSFERS; k++) {
        libusb_free_transfer(u->out[k].transfer);
    }
    if (u->dev) {
        libusb_release_interface(u->dev, 0);
        libusb_close(u->dev);
    }
    if (u->ctx) {
        libusb_set_pollfd_notifiers(u->ctx, NULL, NULL, NULL);
        libusb_exit(u->ctx);
    }
    close(u->timer);
    close(u->epoll);
    free(u);
}

/* Finds the endpoints of interface 0; false: it is no Bluetooth controller. */
static bool usb_endpoints(struct usb *u, libusb_device *dev)
{
    struct libusb_config_descriptor *config;
    u->event_in = u->data_in = u->data_out = 0;
    if (libusb_get_active_config_descriptor(dev, &config)) {
        return false;
    }
    const struct libusb_interface_descriptor *i =
        config->bNumInterfaces ? config->interface[0].altsetting : NULL;
    bool ours = i && i->bInterfaceClass == WIRELESS && i->bInterfaceSubClass == RADIO &&
                i->bInterfaceProtocol == BLUETOOTH;
    for (int k = 0; ours && k < i->bNumEndpoints; k++) {
        uint8_t address = i->endpoint[k].bEndpointAddress, in = address & LIBUSB_ENDPOINT_IN;
        int type = i->endpoint[k].bmAttributes & 3;
        if (type == LIBUSB_TRANSFER_TYPE_INTERRUPT && in) {
            u->event_in = address;
        } else if (type == LIBUSB_TRANSFER_TYPE_BULK) {
            *(in ? &u->data_in : &u->data_out) = address;
        }
    }
    libusb_free_config_descriptor(config);
    return u->event_in && u->data_in && u->data_out;
}

/* "": any; "1d6b:0001": vendor and product; "1.4": bus and address. */
static bool usb_matches(libusb_device *dev, const char *spec)
{
    struct libusb_device_descriptor d;
    unsigned a, b;
    char more;
    if (!*spec) {
        return true;
    }
    if (sscanf(spec, "%u.%u%c", &a, &b, &more) == 2) {
        return libusb_get_bus_number(dev) == a && libusb_get_device_address(dev) == b;
    }
    return sscanf(spec, "%x:%x%c", &a, &b, &more) == 2 &&
           libusb_get_device_descriptor(dev, &d) == 0 && d.idVendor == a && d.idProduct == b;
}

/* Opens the first device that matches.  0 or an error of libusb. */
static int usb_find(struct usb *u, const char *spec)
{
    libusb_device **list;
    ssize_t n = libusb_get_device_list(u->ctx, &list);
    int err = LIBUSB_ERROR_NOT_FOUND;
    for (ssize_t k = 0; k < n && err; k++) {
        if (usb_matches(list[k], spec) && usb_endpoints(u, list[k])) {
            err = libusb_open(list[k], &u->dev);
            if (err == LIBUSB_ERROR_ACCESS) {
                break;
            }
        }
    }
    if (n >= 0) {
        libusb_free_device_list(list, 1);
    }
    return err;
}

/* Begins to receive packets of one type. False: the transfer was not taken. */
static bool usb_start_endpoint(struct usb *u, struct endpoint *p, uint8_t endpoint, uint8_t type)
{
    int size = libusb_get_max_packet_size(libusb_get_device(u->dev), endpoint);
    p->transfer = libusb_alloc_transfer(0);
    p->packet[0] = type;
    p->len = 1;
    if (!p->transfer || size <= 0 || size > TRANSFER_MAX) {
        return false;
    }
    if (type == EVENT) {
        libusb_fill_interrupt_transfer(p->transfer, u->dev, endpoint, p->buf, size, on_received, u,
                                       0);
    } else {
        libusb_fill_bulk_transfer(p->transfer, u->dev, endpoint, p->buf, TRANSFER_MAX / size * size,
                                  on_received, u, 0);
    }
    if (libusb_submit_transfer(p->transfer) == 0) {
        return true;
    }
    libusb_free_transfer(p->transfer);
    p->transfer = NULL;
    return false;
}

/* Opens the device and begins to receive. 0 or an error of libusb; usb_close() frees all. */
static int usb_start(struct usb *u, const char *spec)
{
    int err = libusb_init(&u->ctx);
    if (err) {
        u->ctx = NULL;
        return err;
    }
    err = usb_find(u, spec);
    if (err) {
        return err;
    }
    libusb_set_auto_detach_kernel_driver(u->dev, 1);
    err = libusb_claim_interface(u->dev, 0);
    if (err) {
        return err;
    }
    for (size_t k = 0; k < OUT_TRANSFERS; k++) {
        u->out[k].transfer = libusb_alloc_transfer(0);
        if (!u->out[k].transfer) {
            return LIBUSB_ERROR_NO_MEM;
        }
    }
    const struct libusb_pollfd **fds = libusb_get_pollfds(u->ctx);
    for (size_t k = 0; fds && fds[k]; k++) {
        usb_add_fd(fds[k]->fd, fds[k]->events, u);
    }
    libusb_free_pollfds(fds);
    libusb_set_pollfd_notifiers(u->ctx, usb_add_fd, usb_remove_fd, u);
    usb_add_fd(u->timer, POLLIN, u);
    if (usb_start_endpoint(u, &u->events, u->event_in, EVENT) &&
        usb_start_endpoint(u, &u->data, u->data_in, DATA)) {
        return 0;
    }
    return LIBUSB_ERROR_IO;
}

/* The errno of an error of libusb. */
static int usb_errno(int err)
{
    switch (err) {
    case LIBUSB_ERROR_ACCESS: return EACCES;
    case LIBUSB_ERROR_NOT_FOUND: return ENODEV;
    case LIBUSB_ERROR_BUSY: return EBUSY;
    default: return EIO;
    }
}

/* An error of libusb in words. */
static const char *usb_reason(int err)
{
    if (err == LIBUSB_ERROR_NOT_FOUND) {
        return "no such controller";
    }
    return libusb_strerror(err);
}

/* Opens the controller that `spec` names, as usb_matches() says: kinds.h. */
int usb_open(const char *spec, struct hci_transport *transport, char message[WOAD_PORT_MESSAGE_MAX])
{
    static const struct hci_transport_ops ops = { .read = usb_read,
                                                  .write = usb_write,
                                                  .close = usb_close };
    struct usb *u = calloc(1, sizeof *u);
    if (!u) {
        return transport_fail(message, ENOMEM, "no memory");
    }
    u->epoll = fd_above_stdio(epoll_create1(EPOLL_CLOEXEC));
    u->timer = fd_above_stdio(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (u->epoll < 0 || u->timer < 0) {
        usb_close(u);
        return transport_fail(message, EMFILE, "usb:%.40s: no descriptors left", spec);
    }
    int err = usb_start(u, spec);
    if (err) {
        usb_close(u);
        const char *hint = err == LIBUSB_ERROR_ACCESS ? "; root, or a udev rule, may open it" : "";
        return transport_fail(message, usb_errno(err), "usb:%.40s: %s%s", spec, usb_reason(err),
                              hint);
    }
    *transport = (struct hci_transport){ .fd = u->epoll, .packets = true, .ops = &ops, .usb = u };
    return 0;
}
