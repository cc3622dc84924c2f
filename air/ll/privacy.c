/* Privacy: resolvable private addresses (RPAs), made and resolved by a simulated controller.
 * Vol 6, Part B, 1.3.2.2, 1.3.2.3, 6; Vol 4, Part E, 7.8.38 to 7.8.45, 7.8.77
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status.
 *
 * Names of other files:
 *   c: the controller
 *   address_resolution: the host has enabled the resolving list
 *   air: c->air: the world that the controller is on; c->air->now: its time, us
 *   air_random(): the next number of the world's random sequence
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   device_mode: of the resolving list: device privacy mode: the identity address is accepted, too
 *   FEATURE_PRIVACY: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   has_local: of the resolving list: our IRK for that peer is there
 *   has_peer: of the resolving list: the peer's IRK is there
 *   has_target: of an extended PDU: TargetA is there; of the resolving list: target_rpa is
 *   local_irk: of the resolving list: our IRK for that peer, if has_local
 *   local_rpa: of the resolving list: our private address for that peer
 *   n_resolving_list: entries of the resolving list
 *   NEVER: a deadline that does not exist: later than any time
 *   on: of a stream: its events are scheduled
 *   peer_irk: of the resolving list: the peer's IRK, if has_peer
 *   peer_rpa: of the resolving list: the peer's private address that was received last, zeros if
 *       there is none
 *   RESOLVED: bit of an address type: an identity whose device uses a private address now;
 *       address_equal() ignores it
 *   resolving_entry: an entry of the resolving list
 *   RESOLVING_LIST: entries that the resolving list has room for
 *   resolving_list: the resolving list: identities of peers and their keys
 *   rpa_at: us: when new private addresses are made
 *   rpa_timeout_s: s: private addresses are renewed so often
 *   sync_create: the host's LE Periodic Advertising Create Sync, until it has succeeded or is
 *       cancelled
 *   target_rpa: of the resolving list: private address of the peer that we have made, if has_target
 *   VERSION_5_0: VERSION_…: versions of the specification, as HCI counts them */
#include "host.h"

/* The device address of a type, 0 public, 1 random; bits above the first do not count. */
void controller_address(const controller *c, uint8_t type, struct address *a)
{
    a->type = type & 1;
    memcpy(a->octet, a->type ? c->ll->random : c->cfg.address, 6);
}

/* No address: the host has set none, or none has been received. */
bool address_is_zero(const uint8_t address[6])
{
    static const uint8_t none[6] = { 0 };
    return memcmp(address, none, 6) == 0;
}

/* Reads an IRK, which HCI has in the opposite order of octets. False: zeros, no key. */
static bool irk_read(struct rd *in, uint8_t irk[16])
{
    uint8_t any = 0;
    for (size_t n = 16; n; n--) {
        irk[n - 1] = rd_u8(in);
        any |= irk[n - 1];
    }
    return any != 0;
}

/* ah: the low 24 bits of e(IRK, prand).  Vol 3, Part H, 2.2.2 */
static void ah(const controller *c, const uint8_t irk[16], const uint8_t prand[3], uint8_t hash[3])
{
    uint8_t block[16] = { 0 };
    for (size_t n = 0; n < 3; n++) {
        block[15 - n] = prand[n];
    }
    c->cfg.crypto->aes128(irk, block, block);
    for (size_t n = 0; n < 3; n++) {
        hash[n] = block[15 - n];
    }
}

/* Makes an RPA: a random part with the top bits 01, and its hash. 1.3.2.2 */
static void rpa_make(controller *c, const uint8_t irk[16], uint8_t rpa[6])
{
    for (size_t n = 3; n < 6; n++) {
        rpa[n] = (uint8_t)(air_random(c->air) >> 8);
    }
    rpa[5] = (uint8_t)((rpa[5] & 0x3f) | 0x40);
    ah(c, irk, rpa + 3, rpa);
}

/* Whether an address has the form of an RPA. */
static bool rpa_is(const struct address *a)
{
    return a->type == 1 && (a->octet[5] & 0xc0) == 0x40;
}

/* Whether an RPA was made with this IRK. 1.3.2.3 */
static bool rpa_of(const controller *c, const struct address *a, const uint8_t irk[16])
{
    uint8_t hash[3];
    ah(c, irk, a->octet + 3, hash);
    return memcmp(hash, a->octet, 3) == 0;
}

/* The entry with this identity; NULL: none. */
static struct resolving_entry *resolving_of(const controller *c, const struct address *identity)
{
    for (uint8_t n = 0; n < c->ll->n_resolving_list; n++) {
        if (address_equal(&c->ll->resolving_list[n].identity, identity)) {
            return (struct resolving_entry *)&c->ll->resolving_list[n];
        }
    }
    return NULL;
}

/* Resolves `air`, an address as received: `who` becomes the identity, with RESOLVED, or is the same
 * address. False: the packet must be ignored: the address is the identity of an entry with an IRK
 * in network privacy mode, whose device must use RPAs. 6.2 to 6.4 */
bool privacy_resolve(controller *c, const struct address *air, struct address *who)
{
    *who = *air;
    for (uint8_t n = 0; c->ll->address_resolution && rpa_is(air) && n < c->ll->n_resolving_list;
         n++) {
        struct resolving_entry *r = &c->ll->resolving_list[n];
        if (r->has_peer && rpa_of(c, air, r->peer_irk)) {
            memcpy(r->peer_rpa, air->octet, 6);
            *who = r->identity;
            who->type |= RESOLVED;
            return true;
        }
    }
    const struct resolving_entry *r = NULL;
    if (c->ll->address_resolution) {
        r = resolving_of(c, air);
    }
    return !r || !r->has_peer || r->device_mode;
}

/* Whether the list has a local IRK for this peer. */
bool privacy_has_local(const controller *c, const struct address *peer)
{
    const struct resolving_entry *r = resolving_of(c, peer);
    return r && r->has_local;
}

/* The own address for this peer: with own_type 2 or 3 a local RPA, if the resolving list has a
 * local IRK for it; else the public or the random address. */
void privacy_own(const controller *c, uint8_t own_type, const struct address *peer,
                 struct address *own)
{
    const struct resolving_entry *r = NULL;
    if (own_type > 1) {
        r = resolving_of(c, peer);
    }
    controller_address(c, own_type & 1, own);
    if (r && r->has_local) {
        own->type = 1;
        memcpy(own->octet, r->local_rpa, 6);
    }
}

/* Whether the TargetA of directed advertising is an address of this device: its own, or, with
 * own_type 2 or 3, an RPA of a local IRK of the list.  While address resolution is off, only those
 * RPAs that the device uses itself.  4.3.3, 4.3.4; Vol 4, Part E, 7.8.44 */
bool privacy_is_own(const controller *c, uint8_t own_type, const struct address *target)
{
    struct address own;
    controller_address(c, own_type & 1, &own);
    for (uint8_t n = 0; own_type > 1 && rpa_is(target) && n < c->ll->n_resolving_list; n++) {
        const struct resolving_entry *r = &c->ll->resolving_list[n];
        bool same = memcmp(r->local_rpa, target->octet, 6) == 0;
        if (r->has_local &&
            (same || (c->ll->address_resolution && rpa_of(c, target, r->local_irk)))) {
            return true;
        }
    }
    return address_equal(&own, target);
}

/* The TargetA of directed advertising: an RPA made with the peer's IRK, if known; the same one
 * until the time-out. 6.2.2 */
void privacy_target(controller *c, uint8_t own_type, const struct address *peer,
                    struct address *target)
{
    struct resolving_entry *r = NULL;
    if (own_type > 1) {
        r = resolving_of(c, peer);
    }
    *target = *peer;
    target->type &= 1;
    if (r && r->has_peer) {
        target->type = 1;
        if (!r->has_target) {
            rpa_make(c, r->peer_irk, r->target_rpa);
            r->has_target = true;
        }
        memcpy(target->octet, r->target_rpa, 6);
    }
}

/* New RPAs for an entry; that for TargetA is made when it is needed. */
static void privacy_renew(controller *c, struct resolving_entry *r)
{
    r->has_target = false;
    if (r->has_local) {
        rpa_make(c, r->local_irk, r->local_rpa);
    }
}

/* The RPA timeout: makes new addresses. 6.1 */
void privacy_on_timer(controller *c)
{
    c->ll->rpa_at = c->air->now + c->ll->rpa_timeout_s * 1000000ull;
    for (uint8_t n = 0; n < c->ll->n_resolving_list; n++) {
        privacy_renew(c, &c->ll->resolving_list[n]);
    }
}

/* HCI_Reset: an empty list, and the time-out's default, 15 minutes. 7.8.45 */
void privacy_reset(controller *c)
{
    c->ll->n_resolving_list = 0;
    c->ll->address_resolution = false;
    c->ll->rpa_timeout_s = 900;
    c->ll->rpa_at = NEVER;
}

/* --- commands --------------------------------------------------------------------------------- */

/* Whether an address may be in use: advertising, scanning, initiating, waiting for a sync. Periodic
 * advertising does not count. Address resolution may not be switched then. 7.8.44 */
static bool privacy_busy(const controller *c)
{
    return adv_any_on(c) || c->scan->on || c->scan->connecting || c->ll->sync_create.on;
}

/* Whether the list is in use: it may not be changed then. 7.8.38 */
static bool privacy_in_use(const controller *c)
{
    return c->ll->address_resolution && privacy_busy(c);
}

/* Whether the list has an entry with this IRK of a peer. */
static bool irk_there(const controller *c, const uint8_t irk[16])
{
    for (uint8_t n = 0; n < c->ll->n_resolving_list; n++) {
        if (c->ll->resolving_list[n].has_peer &&
            memcmp(c->ll->resolving_list[n].peer_irk, irk, 16) == 0) {
            return true;
        }
    }
    return false;
}

/* Address type u8, address 6. */
static struct address identity_read(struct rd *in)
{
    struct address a = { rd_u8(in), { 0 } };
    rd_copy(in, a.octet, 6);
    return a;
}

/* LE Add Device To Resolving List: type u8, identity 6, peer IRK 16, local IRK 16. 7.8.38 */
static int cmd_resolving_add(controller *c, struct rd *in, struct wr *ret)
{
    struct address id = identity_read(in);
    struct resolving_entry r = { .identity = id };
    (void)ret;
    r.has_peer = irk_read(in, r.peer_irk);
    r.has_local = irk_read(in, r.local_irk);
    if (privacy_in_use(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (id.type > 1 || resolving_of(c, &id) || (r.has_peer && irk_there(c, r.peer_irk))) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (c->ll->n_resolving_list == RESOLVING_LIST) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    privacy_renew(c, &r);
    c->ll->resolving_list[c->ll->n_resolving_list++] = r;
    if (c->ll->rpa_at == NEVER) {
        c->ll->rpa_at = c->air->now + c->ll->rpa_timeout_s * 1000000ull;
    }
    return 0;
}

/* LE Remove Device From Resolving List: identity type u8, address 6. */
static int cmd_resolving_remove(controller *c, struct rd *in, struct wr *ret)
{
    struct address id = identity_read(in);
    struct resolving_entry *r = resolving_of(c, &id);
    (void)ret;
    if (privacy_in_use(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!r) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    *r = c->ll->resolving_list[--c->ll->n_resolving_list];
    return 0;
}

/* LE Clear Resolving List. */
static int cmd_resolving_clear(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    (void)ret;
    if (privacy_in_use(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    c->ll->n_resolving_list = 0; /* rpa_at stays: without entries the timer renews nothing */
    return 0;
}

/* LE Read Resolving List Size: returns u8. */
static int cmd_resolving_size(controller *c, struct rd *in, struct wr *ret)
{
    (void)c;
    (void)in;
    wr_u8(ret, RESOLVING_LIST);
    return 0;
}

/* LE Read Local Resolvable Address: type u8, identity 6; returns the local RPA 6. 7.8.43 */
static int cmd_local_rpa(controller *c, struct rd *in, struct wr *ret)
{
    static const uint8_t none[6] = { 0 };
    struct address id = identity_read(in);
    const struct resolving_entry *r = resolving_of(c, &id);
    const uint8_t *rpa;
    if (r && r->has_local) {
        rpa = r->local_rpa;
    } else {
        rpa = none;
    }
    wr_bytes(ret, rpa, 6);
    if (r && r->has_local) {
        return 0;
    }
    return WOAD_HCI_UNKNOWN_CONNECTION;
}

/* LE Read Peer Resolvable Address: type u8, identity 6; returns the peer's RPA 6, as received last.
 * 7.8.42 */
static int cmd_peer_rpa(controller *c, struct rd *in, struct wr *ret)
{
    static const uint8_t none[6] = { 0 };
    struct address id = identity_read(in);
    const struct resolving_entry *r = resolving_of(c, &id);
    const uint8_t *rpa;
    if (r) {
        rpa = r->peer_rpa;
    } else {
        rpa = none;
    }
    wr_bytes(ret, rpa, 6);
    if (!(r && !address_is_zero(r->peer_rpa))) {
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    return 0;
}

/* LE Set Address Resolution Enable: u8. */
static int cmd_resolve(controller *c, struct rd *in, struct wr *ret)
{
    uint8_t on = rd_u8(in);
    (void)ret;
    if (privacy_busy(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (on > 1) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    c->ll->address_resolution = on;
    return 0;
}

/* LE Set Resolvable Private Address Timeout: seconds u16, at most an hour. */
static int cmd_rpa_timeout(controller *c, struct rd *in, struct wr *ret)
{
    uint16_t s = rd_le16(in);
    (void)ret;
    if (s < 1 || s > 0x0e10) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    c->ll->rpa_timeout_s = s;
    if (c->ll->n_resolving_list) {
        c->ll->rpa_at = c->air->now + s * 1000000ull;
    } else {
        c->ll->rpa_at = NEVER;
    }
    return 0;
}

/* LE Set Privacy Mode: type u8, identity 6, mode u8: 0 network, 1 device. 7.8.77 */
static int cmd_privacy_mode(controller *c, struct rd *in, struct wr *ret)
{
    struct address id = identity_read(in);
    uint8_t mode = rd_u8(in);
    struct resolving_entry *r = resolving_of(c, &id);
    (void)ret;
    if (privacy_in_use(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!r || mode > 1) {
        if (r) {
            return WOAD_HCI_INVALID_PARAMETERS;
        }
        return WOAD_HCI_UNKNOWN_CONNECTION;
    }
    r->device_mode = mode;
    return 0;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_privacy_commands[] = {
    { OP_LE_ADD_RESOLVING, 34, 3, 39, cmd_resolving_add, FEATURE_PRIVACY, 0, 0 },
    { OP_LE_REMOVE_RESOLVING, 34, 4, 7, cmd_resolving_remove, FEATURE_PRIVACY, 0, 0 },
    { OP_LE_CLEAR_RESOLVING, 34, 5, 0, cmd_resolving_clear, FEATURE_PRIVACY, 0, 0 },
    { OP_LE_READ_RESOLVING_SIZE, 34, 6, 0, cmd_resolving_size, FEATURE_PRIVACY, 0, 0 },
    { OP_LE_READ_PEER_RPA, 34, 7, 7, cmd_peer_rpa, FEATURE_PRIVACY, 0, 0 },
    { OP_LE_READ_LOCAL_RPA, 35, 0, 7, cmd_local_rpa, FEATURE_PRIVACY, 0, 0 },
    { OP_LE_SET_RESOLUTION, 35, 1, 1, cmd_resolve, FEATURE_PRIVACY, 0, 0 },
    { OP_LE_SET_RPA_TIMEOUT, 35, 2, 2, cmd_rpa_timeout, FEATURE_PRIVACY, 0, 0 },
    { OP_LE_SET_PRIVACY_MODE, 39, 2, 8, cmd_privacy_mode, FEATURE_PRIVACY, 0, VERSION_5_0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
