/* `watch` of control.h: all packets as they are sent, as pcapng on the user's connection. Interface
 * 0 is the air; each host has one of its own, with its name and its controller's address. */
#ifndef WOAD_WATCH_H
#define WOAD_WATCH_H

#include "control_state.h"
#include "hub_state.h"

/* Begins the stream: the section's header, the air, the hosts that are there. */
void watch_begin(const struct hub *hub, struct user *u);
/* Frees what a watch needs. */
void watch_end(struct user *u);
/* Puts one packet of the air. */
void watch_air(struct user *u, const struct hub *hub, const struct woad_air_packet *packet);
/* Puts one HCI packet of a host, H4 type first. */
void watch_hci(struct user *u, const struct hub *hub, const struct client *c, bool received,
               const uint8_t *packet, size_t len);

#endif
