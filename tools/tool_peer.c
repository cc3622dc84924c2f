/* A peer by name or address: found by a scan, then connected to.
 *
 * Names of other files:
 *   bond_file: of a tool: its open file of bonds; NULL: none is used
 *   by_addr: of a peer: it is looked for by address, `addr`, else by name
 *   by_type: of a peer: only this type of the address matches
 *   had_bond: of a peer: there is a bond with it
 *   other_type: of a peer: a device with these octets and the other type of address was seen
 *   refuses: of a peer: it was seen, and takes no connections
 *   report_may_connect(): a connection may be made to the device of the report
 *   report_name(): the name in a report; NULL: none
 *   report_take(): takes an event of a scan; true: the report is complete
 *   scan_status: of a peer: why the controller does not scan; 0: it does
 *   secured: of a peer: the encryption has begun, or failed with `status`
 *   text_parse_addr(): the address that a text is; false: it is none
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   TOOL_ADDR_TEXT: octets of an address as text, its 0 included
 *   TOOL_DONE: end of a wait: what was waited for is there; of tool_why(): nothing has happened
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   tool_peer: a peer that is looked for by name or address: tool_peer.h
 *   tool_wait(): lets the host go on until *done, or for some ms; TOOL_DONE, or what has ended it
 *       before
 *   type_is_bonds: of a peer: by_type, because of a bond */
#include "tool_peer.h"
#include "tool_text.h"

#include <stdio.h>
#include <string.h>

/* Whether the report is of the device that is wanted; notes one of the other type of address. */
static bool peer_matches(struct tool_peer *p)
{
    size_t len;
    if (p->by_addr) {
        if (memcmp(p->report.addr.octet, p->addr.octet, sizeof p->addr.octet) != 0) {
            return false;
        }
        bool same_type = (p->report.addr.type & 1) == (p->addr.type & 1);
        p->other_type |= !same_type;
        return same_type || !p->by_type;
    }
    const uint8_t *name = report_name(&p->report, &len);
    return name && len == strlen(p->wanted) && memcmp(name, p->wanted, len) == 0;
}

/* Connects to the reported device, if it is the one. */
static void peer_report(struct tool_peer *p, struct tool *t)
{
    static const struct woad_connect_params params = WOAD_CONNECT_DEFAULT;
    if (p->found || !peer_matches(p)) {
        return;
    }
    if (!report_may_connect(&p->report)) {
        p->refuses = true;
        return;
    }
    p->addr = p->report.addr;
    p->status = woad_connect(t->h, &p->addr, &params);
    p->found = true;
    p->failed = p->status != 0;
}

/* Notes what the waits of peer_connect() wait for. */
void peer_event(struct tool_peer *p, struct tool *t, const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_REPORT:
    case WOAD_EV_EXT_REPORT:
        if (report_take(&p->report, ev)) {
            peer_report(p, t);
        }
        break;
    case WOAD_EV_SCAN_DONE:
        p->scan_status = ev->u.scan.status;
        p->found = p->found || p->scan_status; /* ends the wait */
        break;
    case WOAD_EV_CONNECT: p->connected = true; break;
    case WOAD_EV_CONNECT_FAILED:
        p->failed = p->connected = true; /* ends the wait */
        p->status = ev->u.connect_failed.status;
        break;
    case WOAD_EV_MTU: break;
    case WOAD_EV_SECURITY:
        p->secured = true;
        p->status = ev->u.security.status;
        break;
    default: break;
    }
}

/* Is there a bond with p->addr's octets and this type?  0 public, 1 random. */
static bool peer_bonded(const struct tool_peer *p, const struct tool *t, int type)
{
    struct woad_bond bond;
    for (uint16_t n = 0; woad_bond_at(t->h, n, &bond) == 0; n++) {
        if ((bond.peer.type & 1) == type &&
            memcmp(bond.peer.octet, p->addr.octet, sizeof bond.peer.octet) == 0) {
            return true;
        }
    }
    return false;
}

/* Takes an address with or without its type: "C0:11:22:33:44:55", "C0:11:22:33:44:55/random".  An
 * address of one type says nothing about the device with the same octets and the other type
 * (Vol 6, Part B, 1.3), and any device may choose a random one: without a type that of the bond is
 * taken.  0, or the exit status. */
static int peer_wanted(struct tool_peer *p, const struct tool *t)
{
    char octets[TOOL_ADDR_TEXT];
    const char *slash = strchr(p->wanted, '/');
    size_t len = slash ? (size_t)(slash - p->wanted) : strlen(p->wanted);
    if (len >= sizeof octets) {
        return 0;
    }
    memcpy(octets, p->wanted, len);
    octets[len] = '\0';
    if (!text_parse_addr(&p->addr, octets)) {
        return 0;
    }
    p->by_addr = true;
    p->by_type = slash != NULL;
    if (slash) {
        p->addr.type = strcmp(slash, "/random") == 0;
        if (!p->addr.type && strcmp(slash, "/public") != 0) {
            return tool_fail(t, "\"%s\": the type of an address is public or random", p->wanted);
        }
        return 0;
    }
    bool is_public = peer_bonded(p, t, 0), is_random = peer_bonded(p, t, 1);
    if (is_public && is_random) {
        return tool_fail(t, "there are two bonds of %s; name %s/public or %s/random", octets,
                         octets, octets);
    }
    p->by_type = p->type_is_bonds = is_public || is_random;
    p->addr.type = is_random;
    return 0;
}

/* With a bond the connection is encrypted before anything is asked.  0, or the exit status. */
static int peer_encrypt(struct tool_peer *p, struct tool *t, uint32_t timeout_ms)
{
    char doing[64];
    snprintf(doing, sizeof doing, "encrypting with the bond");
    if (!t->bond_file || !peer_bonded(p, t, p->addr.type & 1)) {
        return 0;
    }
    p->had_bond = true;
    p->secured = false;
    int error = woad_pair(t->h, t->conn);
    if (error && error != WOAD_EALREADY) {
        return tool_fail(t, "%s: %s", doing, woad_strerror(error));
    }
    enum tool_end end = tool_wait(t, &p->secured, timeout_ms);
    if (end != TOOL_DONE) {
        return tool_ended(t, end, doing);
    }
    if (p->status) {
        return tool_fail(t,
                         "%s: %s; if the peer has forgotten it: woad bonds remove ADDRESS, then "
                         "woad pair PEER",
                         doing, woad_smp_strerror(p->status));
    }
    struct woad_security now;
    long min = t->key_size_min ? t->key_size_min : 16;
    if (woad_conn_security(t->h, t->conn, &now) == 0 && now.key_size < min) {
        return tool_fail(t, "%s: its key has %u octets; --key-size-min %u accepts it", doing,
                         now.key_size, now.key_size);
    }
    return 0;
}

/* Prints why the peer was not found.  Returns the exit status. */
static int peer_not_found(const struct tool_peer *p, const struct tool *t, enum tool_end end)
{
    if (end != TOOL_TIME) {
        return tool_ended(t, end, "looking for the peer");
    }
    if (p->refuses) {
        return tool_fail(t, "\"%s\" advertises, but takes no connections", p->wanted);
    }
    if (p->other_type) {
        const char *kind = p->addr.type ? "random" : "public";
        const char *other = p->addr.type ? "public" : "random";
        return tool_fail(t,
                         "another device advertises with the octets of %s as a %s address; %s the "
                         "%s one, which is not here",
                         p->wanted, other, p->type_is_bonds ? "the bond is of" : "you named", kind);
    }
    return tool_fail(t, "no device \"%s\" advertises here; woad scan shows those that do",
                     p->wanted);
}

/* peer_report() connects as soon as the peer is seen. */
int peer_connect(struct tool_peer *p, struct tool *t, const char *wanted, uint32_t timeout_ms)
{
    struct woad_scan_params scan = { 48, 48, true, true, 0, false };
    memset(p, 0, sizeof *p);
    p->wanted = wanted;
    int status = peer_wanted(p, t);
    if (status) {
        return status;
    }
    int error = woad_scan_start(t->h, &scan);
    if (error) {
        return tool_fail(t, "the controller does not scan: %s", woad_strerror(error));
    }
    enum tool_end end = tool_wait(t, &p->found, timeout_ms);
    if (end != TOOL_DONE) {
        return peer_not_found(p, t, end);
    }
    if (p->scan_status) {
        return tool_fail(t, "the controller does not scan: %s", woad_strerror(p->scan_status));
    }
    end = p->failed ? TOOL_DONE : tool_wait(t, &p->connected, timeout_ms);
    if (end != TOOL_DONE) {
        return tool_ended(t, end, "connecting");
    }
    if (p->failed) {
        return tool_fail(t, "connecting to \"%s\": %s; try again", wanted,
                         woad_strerror(p->status));
    }
    return peer_encrypt(p, t, timeout_ms);
}
