/* A recorded log as a controller: see replay.h.
 *
 * Names of other files:
 *   host_packets: of a replay: packets of the host that came
 *   late_us: of a replay: how late a packet of the host may be
 *   next_controller: of a replay: index of the controller's next packet
 *   next_host: of a replay: index of the host's next packet
 *   shift_us: of a replay: the caller's time less the log's
 *   tolerance_us: of a replay: how far the log's order of two directions may be left
 *   zeroed_packets: of a replay: packets of the host that the log has with zeros for keys */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

enum { PACKET_MAX = 4096, PACKETS_MIN = 256 }; /* octets compared without keys; room at first */

bool replay_add(struct replay *r, uint64_t us, bool received, const uint8_t *octets, size_t len)
{
    if (r->packets == r->room) {
        size_t room = r->room ? r->room * 2 : PACKETS_MIN;
        struct replay_packet *more = realloc(r->packet, room * sizeof *more);
        if (!more) {
            return false;
        }
        r->packet = more;
        r->room = room;
    }
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy) {
        return false;
    }
    if (len) {
        memcpy(copy, octets, len);
    }
    r->packet[r->packets++] = (struct replay_packet){ us, received, len, copy };
    return true;
}

void replay_free(struct replay *r)
{
    for (size_t k = 0; k < r->packets; k++) {
        free((void *)(uintptr_t)r->packet[k].octets);
    }
    free(r->packet);
    *r = (struct replay){ .packet = NULL };
}

/* The first packet of a direction at or after index `from`; `packets`: there is none. */
static size_t find(const struct replay *r, size_t from, bool received)
{
    while (from < r->packets && r->packet[from].received != received) {
        from++;
    }
    return from;
}

/* The first of all connects at the log's first packet.  A later one begins with its own. */
void replay_connect(struct replay *r, uint64_t now_us)
{
    r->anchored = false;
    if (!r->host_packets) {
        r->next_host = find(r, 0, false);
        r->next_controller = find(r, 0, true);
        r->shift_us = r->packets ? now_us - r->packet[0].us : 0;
        return;
    }
    if (r->next_controller < r->next_host) {
        r->next_controller = find(r, r->next_host, true);
    }
    if (r->next_host < r->packets) {
        r->shift_us = now_us - r->packet[r->next_host].us;
    }
}

/* A moment of the log in the caller's time; one before its time 0 is 0. */
static uint64_t shifted(const struct replay *r, uint64_t us)
{
    us += r->shift_us;
    return us > INT64_MAX ? 0 : us;
}

uint64_t replay_due_us(const struct replay *r)
{
    if (r->next_controller == r->packets || r->next_host < r->next_controller) {
        return UINT64_MAX;
    }
    return shifted(r, r->packet[r->next_controller].us);
}

const struct replay_packet *replay_take(struct replay *r, uint64_t now_us)
{
    if (replay_due_us(r) > now_us) {
        return NULL;
    }
    const struct replay_packet *p = &r->packet[r->next_controller];
    r->next_controller = find(r, r->next_controller + 1, true);
    return p;
}

uint64_t replay_limit_us(const struct replay *r)
{
    if (r->next_host == r->packets) {
        return UINT64_MAX;
    }
    return shifted(r, r->packet[r->next_host].us) + r->late_us;
}

/* The first octet that differs; `len` of the shorter one if that is the other's beginning. */
static size_t first_difference(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t n = 0;
    while (n < a_len && n < b_len && a[n] == b[n]) {
        n++;
    }
    return n;
}

/* Whether the log may have zeros in the place of keys in what is otherwise this packet.  Called for
 * each packet, because a key may be in the second part of a PDU. */
static bool same_without_keys(struct replay *r, const struct replay_packet *want,
                              const uint8_t *octets, size_t len)
{
    uint8_t record[WOAD_BTSNOOP_RECORD + PACKET_MAX];
    size_t n = woad_btsnoop_record(record, sizeof record, &r->keys, 0, false, octets, len);
    return n == WOAD_BTSNOOP_RECORD + want->len && len == want->len &&
           memcmp(record + WOAD_BTSNOOP_RECORD, want->octets, want->len) == 0;
}

/* Whether the log has packets of the controller before the host's next one, not yet taken, and
 * longer before it than the tolerance. */
static bool overtakes(const struct replay *r, const struct replay_packet *want)
{
    if (r->next_controller > r->next_host) {
        return false;
    }
    uint64_t before_us = want->us - r->packet[r->next_controller].us;
    return !r->tolerance_us || (before_us > r->tolerance_us && before_us <= INT64_MAX);
}

enum replay_verdict replay_compare(struct replay *r, const uint8_t *octets, size_t len,
                                   size_t *offset)
{
    if (r->next_host == r->packets) {
        return REPLAY_AFTER_END;
    }
    const struct replay_packet *want = &r->packet[r->next_host];
    bool zeroed = same_without_keys(r, want, octets, len);
    *offset = first_difference(octets, len, want->octets, want->len);
    if (len == want->len && *offset == len) {
        zeroed = false;
    } else if (!zeroed) {
        return REPLAY_DIFFERS;
    }
    r->zeroed_packets += zeroed;
    return overtakes(r, want) ? REPLAY_OVERTAKES : REPLAY_SAME;
}

void replay_accept(struct replay *r, uint64_t now_us)
{
    uint64_t us = r->packet[r->next_host].us, late_us = now_us - us - r->shift_us;
    if (!r->anchored) {
        r->anchored = true; /* how long a program takes to begin is no part of a log */
    } else if (late_us > INT64_MAX) {
        r->most_early_us = 0 - late_us > r->most_early_us ? 0 - late_us : r->most_early_us;
    } else if (late_us > r->most_late_us) {
        r->most_late_us = late_us;
    }
    r->shift_us = now_us - us;
    r->host_packets++;
    r->next_host = find(r, r->next_host + 1, false);
}

bool replay_is_done(const struct replay *r)
{
    return r->next_host == r->packets && r->next_controller == r->packets;
}
