/* Streams of packets: see watch.h.  pcapng: blocks of type u32, length u32, body, length u32.
 *
 * Names of other files:
 *   hub: the process that simulates the air: hosts connect to it over HCI, and each gets a
 *       controller there; struct hub, hub_state.h
 *   client: a host and its controller: hub_state.h
 *   user: a connection to the control socket: control_state.h
 *   watch: of a user: the connection carries packets, and no answers any more
 *   only: of a watch: the number of the host that it is about; 0: all
 *   lost: of a watch: packets since the last one that was put
 *   filled: octets from `written` to `filled` are to be written
 *   user_put_octets(): adds octets to what is to be written
 *   woad_air_now(): air time: us since the hub began */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WATCH_ROOM = 1 << 20, BLOCK_MAX = 5000, OPTION_HEAD = 4 };
enum { BLOCK_INTERFACE = 1, BLOCK_PACKET = 6, RECORD_HEADER = 16 };
enum { LINK_AIR = 256, LINK_HCI = 201 };
enum { OPTION_NAME = 2, OPTION_LOST = 4, OPTION_ADDRESS = 6, OPTION_QUEUE = 6 };
#define BLOCK_SECTION 0x0a0d0d0au

/* A block under way. */
struct block {
    uint8_t octets[BLOCK_MAX];
    size_t len;
};

static void add(struct block *b, const void *octets, size_t len)
{
    if (len && len <= BLOCK_MAX - b->len) {
        memcpy(b->octets + b->len, octets, len);
        b->len += len;
    }
}

static void add_number(struct block *b, uint64_t value, size_t len)
{
    uint8_t octets[8];
    for (size_t k = 0; k < len; k++) {
        octets[k] = (uint8_t)(value >> 8 * k);
    }
    add(b, octets, len);
}

/* Zeros up to a multiple of four. */
static void add_padding(struct block *b)
{
    while (b->len % 4) {
        add_number(b, 0, 1);
    }
}

static void add_option(struct block *b, unsigned code, const void *octets, size_t len)
{
    add_number(b, code, 2);
    add_number(b, len, 2);
    add(b, octets, len);
    add_padding(b);
}

static void block_begin(struct block *b, uint32_t type)
{
    b->len = 0;
    add_number(b, type, 4);
    add_number(b, 0, 4); /* the length: block_put() */
}

/* Ends the block, and puts it.  False: the user reads too slowly, and there is no room. */
static bool block_put(struct user *u, struct block *b)
{
    struct block length = { .len = 0 };
    add_number(&length, b->len + 4, 4);
    memcpy(b->octets + 4, length.octets, 4);
    add(b, length.octets, 4);
    if (u->filled + b->len > WATCH_ROOM) {
        memmove(u->out, u->out + u->written, u->filled - u->written);
        u->filled -= u->written;
        u->written = 0;
    }
    if (u->filled + b->len > WATCH_ROOM) {
        return false;
    }
    user_put_octets(u, b->octets, b->len);
    return true;
}

/* Link type u16, reserved u16, longest u32, options. */
static bool put_interface(struct user *u, unsigned link_type, const char *name,
                          const uint8_t address[6])
{
    struct block b;
    block_begin(&b, BLOCK_INTERFACE);
    add_number(&b, link_type, 2);
    add_number(&b, 0, 6);
    add_option(&b, OPTION_NAME, name, strlen(name));
    if (address) {
        uint8_t first_first[6];
        for (unsigned k = 0; k < 6; k++) {
            first_first[k] = address[5 - k];
        }
        add_option(&b, OPTION_ADDRESS, first_first, sizeof first_first);
    }
    add_number(&b, 0, OPTION_HEAD);
    return block_put(u, &b);
}

/* The interface of a host, made if need be; 0: no room. */
static unsigned interface_of(struct user *u, const struct client *c)
{
    char name[HOST_NAME_MAX + 16];
    struct watch *w = &u->watch;
    for (size_t k = 0; k < w->hosts; k++) {
        if (w->host[k] == c->number) {
            return (unsigned)k + 1;
        }
    }
    unsigned *more = realloc(w->host, (w->hosts + 1) * sizeof *more);
    if (!more) {
        return 0;
    }
    w->host = more;
    snprintf(name, sizeof name, "%s", c->name);
    if (!c->name[0]) {
        snprintf(name, sizeof name, "%u", c->number);
    }
    if (!put_interface(u, LINK_HCI, name, c->address)) {
        return 0;
    }
    more[w->hosts++] = c->number;
    return (unsigned)w->hosts;
}

/* Byte order u32, version u16 u16, length of the section i64: not known. */
void watch_begin(const struct hub *hub, struct user *u)
{
    struct block b;
    u->watch.on = true;
    block_begin(&b, BLOCK_SECTION);
    add_number(&b, 0x1a2b3c4d, 4);
    add_number(&b, 1, 4);
    add_number(&b, UINT64_MAX, 8);
    block_put(u, &b);
    put_interface(u, LINK_AIR, "air", NULL);
    for (const struct client *c = hub->clients; c; c = c->next) {
        if (c->fd >= 0) {
            interface_of(u, c);
        }
    }
}

void watch_end(struct user *u)
{
    free(u->watch.host);
    u->watch = (struct watch){ 0 };
}

/* Interface u32, time u32 high, u32 low, length u32 twice, packet, options.  `head`: the packet's
 * pseudo-header.  `sender`: of a packet on the air, the number of its sender's host, which is
 * epb_queue; 0: none. */
static void put_packet(struct user *u, unsigned interface, uint64_t us, struct block *head,
                       const uint8_t *packet, size_t len, unsigned sender)
{
    struct block b;
    struct watch *w = &u->watch;
    block_begin(&b, BLOCK_PACKET);
    add_number(&b, interface, 4);
    add_number(&b, us >> 32, 4);
    add_number(&b, us, 4);
    add_number(&b, head->len + len, 4);
    add_number(&b, head->len + len, 4);
    add(&b, head->octets, head->len);
    add(&b, packet, len);
    add_padding(&b);
    if (w->lost) {
        struct block lost = { .len = 0 };
        add_number(&lost, w->lost, 8);
        add_option(&b, OPTION_LOST, lost.octets, lost.len);
    }
    if (sender) {
        struct block queue = { .len = 0 };
        add_number(&queue, sender, 4);
        add_option(&b, OPTION_QUEUE, queue.octets, queue.len);
    }
    if (w->lost || sender) {
        add_number(&b, 0, OPTION_HEAD);
    }
    if (block_put(u, &b)) {
        w->lost = 0;
    } else {
        w->lost++;
    }
}

void watch_air(struct user *u, const struct hub *hub, const struct woad_air_packet *packet)
{
    uint8_t record[WOAD_AIR_PCAP_RECORD];
    struct block none = { .len = 0 };
    const struct client *c = hub->clients;
    size_t len = woad_air_pcap(packet, hub->options->keys, record, sizeof record);
    if (!u->watch.air || len < RECORD_HEADER) {
        return;
    }
    while (c && c->controller != packet->from) {
        c = c->next;
    }
    if (c) {
        interface_of(u, c); /* its name is to be known */
    }
    put_packet(u, 0, packet->start_us, &none, record + RECORD_HEADER, len - RECORD_HEADER,
               c ? c->number : 0);
}

void watch_hci(struct user *u, const struct hub *hub, const struct client *c, bool received,
               const uint8_t *packet, size_t len)
{
    struct block head = { .len = 0 };
    struct watch *w = &u->watch;
    unsigned interface = interface_of(u, c); /* of all hosts: their names are to be known */
    if (!w->hci || (w->only && w->only != c->number)) {
        return;
    }
    if (!interface) {
        w->lost++;
        return;
    }
    uint8_t direction[4] = { 0, 0, 0, received };
    add(&head, direction, sizeof direction);
    put_packet(u, interface, woad_air_now(hub->air), &head, packet, len, 0);
}
