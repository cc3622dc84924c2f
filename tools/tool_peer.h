/* A peer by name or address: found by a scan, then connected to. */
#ifndef WOAD_TOOL_PEER_H
#define WOAD_TOOL_PEER_H

#include "tool_host.h"
#include "tool_report.h"

struct tool_peer {
    const char *wanted;    /* "Woad battery", "C0:11:22:33:44:55", "C0:11:22:33:44:55/random" */
    bool by_addr;          /* `wanted` is an address, else a name */
    bool by_type;          /* only this addr.type matches: it was given, or is that of the bond */
    bool type_is_bonds;    /* by_type, because of a bond */
    bool other_type;       /* a device with these octets and the other type was seen */
    struct woad_addr addr; /* found; before, the octets that are wanted */
    bool found;            /* a connection to it was begun, or has `failed` */
    bool connected;        /* or `failed` */
    bool failed;           /* with `status` */
    bool secured;          /* the encryption has begun, or failed with `status` */
    bool refuses;          /* it was seen, and takes no connections */
    int scan_status;       /* with which the controller has refused to scan; 0: it has not */
    int status;            /* of the attempt (HCI), or of the encryption */
    bool had_bond;         /* peer_connect() has found one */
    struct tool_report report;
};

/* To be called with every event while the peer is looked for and connected to. */
void peer_event(struct tool_peer *p, struct tool *t, const struct woad_event *ev);
/* Finds the peer, connects, agrees on an MTU, and encrypts if there is a bond.  0; or the exit
 * status, and the reason is on standard error. */
int peer_connect(struct tool_peer *p, struct tool *t, const char *wanted, uint32_t timeout_ms);

#endif
