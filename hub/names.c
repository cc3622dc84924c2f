/* The names and addresses of hosts.  A host's program may have chosen both (transport_open_as()).
 *
 * Names of other files:
 *   hub: the process that simulates the air: hosts connect to it over HCI, and each gets a
 *       controller there; struct hub, hub_state.h
 *   client: a host and its controller: hub_state.h
 *   options: what hub_run() was called with: struct hub_options, hub.h
 *   world: of the options: the world file: places of controllers, walls, links; NULL: none
 *   HOST_NAME_MAX: octets of a host's name with its 0 (transport/open.h), not POSIX's macro
 *   WORLD_NAMED: ids of controllers: below it their numbers, from it on their names
 *   transport_read_peer_name(): what the name that a host's program has bound says
 *   has_address: the program has chosen its address
 *   key: octets of the bound name that are the same each time the program runs
 *   fd: of a client: -1: the host has left; of a seat: -1: the program has left */
#define _GNU_SOURCE
#include "hub_state.h"

#include "world_file.h"

#include <stdio.h>
#include <string.h>

struct client *hub_find_name(const struct hub *hub, const char *name)
{
    for (struct client *c = hub->clients; c; c = c->next) {
        if (c->fd >= 0 && c->name[0] && strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

struct client *hub_find_number(const struct hub *hub, unsigned number)
{
    struct client *c = hub->clients;
    while (c && c->number != number) {
        c = c->next;
    }
    return c;
}

struct woad_air_controller *hub_find_controller(void *ctx, unsigned id)
{
    const struct hub *hub = ctx;
    const struct client *c;
    if (id >= WORLD_NAMED) {
        c = hub_find_name(hub, hub->options->world->name[id - WORLD_NAMED]);
    } else {
        c = hub_find_number(hub, id);
    }
    if (c) {
        return c->controller;
    }
    return NULL;
}

/* The second host of a name gets a 2: 8 octets are left for the number. */
static void client_name(const struct hub *hub, struct client *c, const char *name)
{
    snprintf(c->name, sizeof c->name, "%s", name);
    for (unsigned n = 2; c->name[0] && hub_find_name(hub, c->name); n++) {
        snprintf(c->name, sizeof c->name, "%.*s %u", HOST_NAME_MAX - 8, name, n);
    }
}

/* The connected host with this address, or NULL. */
static const struct client *hub_find_address(const struct hub *hub, const uint8_t address[6])
{
    const struct client *c = hub->clients;
    while (c && (c->fd < 0 || memcmp(c->address, address, 6) != 0)) {
        c = c->next;
    }
    return c;
}

/* Makes a locally administered address: "WOAD" with the W's group bit cleared, and a number.  A
 * program that has bound a name gets "WOA" and 23 bits of the name's hash: the same address each
 * time. */
static void client_make_address(const struct hub *hub, struct client *c, const char *key,
                                size_t len)
{
    enum { NAMED = 1 << 23 };
    uint32_t low = 'D' << 16 | (c->number & 0xffff), hash = 2166136261u;
    for (size_t k = 0; k < len; k++) {
        hash = (hash ^ (uint8_t)key[k]) * 16777619u;
    }
    if (len) {
        low = NAMED | (hash ^ hash >> 23);
    }
    do {
        const uint8_t address[6] = {
            (uint8_t)low, (uint8_t)(low >> 8), (uint8_t)(low >> 16), 'A', 'O', 0x56
        };
        memcpy(c->address, address, sizeof address);
        low = NAMED | (low + 1);
    } while (hub_find_address(hub, c->address));
}

const char *client_title(const struct client *c, char title[CLIENT_TITLE_MAX])
{
    if (c->name[0]) {
        snprintf(title, CLIENT_TITLE_MAX, "controller %u (%s)", c->number, c->name);
    } else {
        snprintf(title, CLIENT_TITLE_MAX, "controller %u", c->number);
    }
    return title;
}

bool client_identify(struct hub *hub, struct client *c, const char *text, size_t len)
{
    struct peer_name peer;
    char title[CLIENT_TITLE_MAX], other[CLIENT_TITLE_MAX], line[3 * CLIENT_TITLE_MAX];
    transport_read_peer_name(text, len, &peer);
    client_name(hub, c, peer.name);
    if (!peer.has_address) {
        client_make_address(hub, c, text, peer.key);
        return true;
    }
    const uint8_t *a = peer.address;
    const struct client *taken = hub_find_address(hub, a);
    memcpy(c->address, a, sizeof c->address);
    if (taken && hub->options->warn) {
        snprintf(line, sizeof line,
                 "%s is refused: its address %02x:%02x:%02x:%02x:%02x:%02x is that of %s",
                 client_title(c, title), a[5], a[4], a[3], a[2], a[1], a[0],
                 client_title(taken, other));
        hub->options->warn(line);
    }
    return !taken;
}
