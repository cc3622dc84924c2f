/* A recorded HCI log in the place of a controller: has the controller's packets for a host, and
 * compares the host's with the recorded ones, octet for octet.  Does no I/O and has no clock: the
 * caller says the time.
 *
 * Order: a packet of the controller goes to the host after all packets of the host that stand
 * before it in the log.  A packet of the host may come before packets of the controller that stand
 * before it, if the log has these at most tolerance_us earlier: a deadline of the host and a packet
 * of the controller that fall together may come in either order.
 * Likewise two packets of the host that the log has within tolerance_us may change places, unless
 * both are commands or of one L2CAP channel: what sends them is independent; and so are answers of
 * ATT and of signalling.
 * Time: the log's time counts from the host's last packet.  A host that answers at once what it
 * answered later when the log was written, for want of processor time, is given what follows as
 * much earlier. */
#ifndef WOAD_REPLAY_H
#define WOAD_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <woad/btsnoop.h>

#include "../transport/private_names.h"

struct replay_packet {
    uint64_t us;     /* the log's time */
    bool received;   /* by the host, from the controller */
    bool done;       /* of the host: it has come */
    uint32_t stream; /* of the host: packets of one stream keep their order */
    size_t len;
    const uint8_t *octets; /* the H4 type first */
};

struct replay {
    struct replay_packet *packet;
    size_t packets, room;                 /* in `packet`; for how many there is memory */
    uint64_t tolerance_us, late_us;       /* late_us: how late a packet of the host may be */
    size_t next_host, next_controller;    /* indices of the next packets; `packets`: none is left */
    size_t matched;                       /* what replay_compare() has compared with last */
    size_t host_packets, zeroed_packets;  /* that came; of these with zeros in place of keys */
    uint64_t shift_us;                    /* the caller's time less the log's, modulo 2^64 */
    bool anchored;                        /* a packet of the host came since it has connected */
    uint64_t most_early_us, most_late_us; /* of the host's packets, against the log */
    struct woad_btsnoop_keys keys;        /* of the host's packets, to compare them without keys */
};

enum replay_verdict {
    REPLAY_SAME,
    REPLAY_DIFFERS,   /* in its octets */
    REPLAY_OVERTAKES, /* the octets are the same, but packets of the controller must come before */
    REPLAY_AFTER_END  /* the log has no more packets of the host */
};

/* Adds a copy of a packet at the log's end.  False: no memory. */
bool replay_add(struct replay *r, uint64_t us, bool received, const uint8_t *octets, size_t len);
void replay_free(struct replay *r);
/* A host has connected, the first or again: what the controller had for an earlier one is dropped.
 */
void replay_connect(struct replay *r, uint64_t now_us);
/* The controller's next packet, if it is due; NULL: none is. */
const struct replay_packet *replay_take(struct replay *r, uint64_t now_us);
/* When that is due; UINT64_MAX: a packet of the host comes first, or there is none. */
uint64_t replay_due_us(const struct replay *r);
/* When the host's next packet is late; UINT64_MAX: none is left. */
uint64_t replay_limit_us(const struct replay *r);
/* Compares a packet of the host with the next one of the log, or with one that may come before
 * that; to be called once for each.  *offset: of REPLAY_DIFFERS: the first octet that differs. */
enum replay_verdict replay_compare(struct replay *r, const uint8_t *octets, size_t len,
                                   size_t *offset);
/* Afterwards: the packet that was compared with has come, now. */
void replay_accept(struct replay *r, uint64_t now_us);
/* All packets of both directions have been moved. */
bool replay_is_done(const struct replay *r);

#endif
