/* A recorded log as a controller: see replay.h.
 *
 * Names of other files:
 *   host_packets: of a replay: packets of the host that came
 *   late_us: of a replay: how late a packet of the host may be
 *   matched: of a replay: index of the packet that was compared with last
 *   next_controller: of a replay: index of the controller's next packet
 *   next_host: of a replay: index of the host's next packet
 *   shift_us: of a replay: the caller's time less the log's
 *   tolerance_us: of a replay: how far the log's order of two directions may be left
 *   zeroed_packets: of a replay: packets of the host that the log has with zeros for keys */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

enum { PACKET_MAX = 4096, PACKETS_MIN = 256 }; /* octets compared without keys; room at first */

/* Whether a PDU of ATT (Vol 3, Part F, 3.4.8) or of signalling (Vol 3, Part A, 4) answers one of
 * the peer's, which is independent of what this side asks. */
static bool is_answer(unsigned channel, uint8_t code)
{
    enum { ATT = 4, SIGNALLING = 5, CONFIRMATION = 0x1e, NOTIFICATION = 0x1b };
    if (channel == ATT) {
        return code == CONFIRMATION || (code % 2 && code != NOTIFICATION && code != 0x1d);
    }
    return channel == SIGNALLING &&
           (code == 0x01 || code == 0x13 || code == 0x15 || code == 0x18 || code == 0x1a);
}

/* Commands; or an L2CAP channel of a connection, its answers apart.  A packet that continues a PDU
 * is of the stream of that, the last one of its connection. */
static uint32_t stream_of(const struct replay *r, const uint8_t *octets, size_t len)
{
    enum { ACL = 2, CONTINUES = 1, SHORTEST = 10 };
    const uint32_t data = UINT32_C(1) << 31, answers = UINT32_C(1) << 30;
    if (len < SHORTEST || octets[0] != ACL) {
        return len ? octets[0] : 0;
    }
    uint32_t conn = data | (uint32_t)(octets[1] | (octets[2] & 0x0f) << 8) << 16;
    if ((octets[2] >> 4 & 3) != CONTINUES) {
        unsigned channel = octets[7] | (unsigned)octets[8] << 8;
        return conn | channel | (is_answer(channel, octets[9]) ? answers : 0);
    }
    for (size_t k = r->packets; k--;) {
        uint32_t stream = r->packet[k].stream;
        if (!r->packet[k].received && (stream & 0x8fff0000u) == conn) {
            return stream;
        }
    }
    return conn;
}

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
    r->packet[r->packets] = (struct replay_packet){ .us = us,
                                                    .received = received,
                                                    .stream = stream_of(r, octets, len),
                                                    .len = len,
                                                    .octets = copy };
    r->packets++;
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

/* The first packet of a direction at or after index `from` that has not come; `packets`: there is
 * none. */
static size_t find(const struct replay *r, size_t from, bool received)
{
    while (from < r->packets && (r->packet[from].received != received || r->packet[from].done)) {
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

/* A packet of the host, as it is and as a log without keys has it. */
struct sent {
    const uint8_t *octets, *without_keys;
    size_t len;
};

/* Whether it is the recorded packet. */
static bool is_same(const struct replay_packet *want, const struct sent *sent)
{
    return want->len == sent->len && (memcmp(want->octets, sent->octets, sent->len) == 0 ||
                                      memcmp(want->octets, sent->without_keys, sent->len) == 0);
}

/* Whether an earlier packet of its stream has not come. */
static bool is_behind(const struct replay *r, size_t index)
{
    for (size_t k = r->next_host; k < index; k = find(r, k + 1, false)) {
        if (r->packet[k].stream == r->packet[index].stream) {
            return true;
        }
    }
    return false;
}

/* The recorded packet that the host has sent: the next, or one that may come before it.  `packets`:
 * it is none of them. */
static size_t match(const struct replay *r, const struct sent *sent)
{
    uint64_t first_us = r->packet[r->next_host].us;
    for (size_t k = r->next_host; k < r->packets; k = find(r, k + 1, false)) {
        if (k > r->next_host &&
            (!r->tolerance_us || r->packet[k].us - first_us > r->tolerance_us)) {
            break;
        }
        if (is_same(&r->packet[k], sent) && !is_behind(r, k)) {
            return k;
        }
    }
    return r->packets;
}

/* Whether the log has packets of the controller before the host's next one, not yet taken, and
 * longer before it than the tolerance. */
static bool overtakes(const struct replay *r, size_t index)
{
    if (r->next_controller > index) {
        return false;
    }
    uint64_t before_us = r->packet[index].us - r->packet[r->next_controller].us;
    return !r->tolerance_us || (before_us > r->tolerance_us && before_us <= INT64_MAX);
}

enum replay_verdict replay_compare(struct replay *r, const uint8_t *octets, size_t len,
                                   size_t *offset)
{
    uint8_t record[WOAD_BTSNOOP_RECORD + PACKET_MAX] = { 0 };
    r->matched = r->next_host;
    if (r->next_host == r->packets) {
        return REPLAY_AFTER_END;
    }
    /* Of each packet, because a key may be in the second part of a PDU. */
    woad_btsnoop_record(record, sizeof record, &r->keys, 0, false, octets, len);
    struct sent sent = { octets, record + WOAD_BTSNOOP_RECORD,
                         len < PACKET_MAX ? len : PACKET_MAX };
    size_t index = match(r, &sent);
    if (index == r->packets) {
        const struct replay_packet *want = &r->packet[r->next_host];
        *offset = first_difference(octets, len, want->octets, want->len);
        return REPLAY_DIFFERS;
    }
    r->matched = index;
    r->zeroed_packets += memcmp(r->packet[index].octets, octets, sent.len) != 0;
    return overtakes(r, index) ? REPLAY_OVERTAKES : REPLAY_SAME;
}

void replay_accept(struct replay *r, uint64_t now_us)
{
    struct replay_packet *p = &r->packet[r->matched];
    uint64_t late_us = now_us - p->us - r->shift_us;
    if (!r->anchored) {
        r->anchored = true; /* how long a program takes to begin is no part of a log */
    } else if (late_us > INT64_MAX) {
        r->most_early_us = 0 - late_us > r->most_early_us ? 0 - late_us : r->most_early_us;
    } else if (late_us > r->most_late_us) {
        r->most_late_us = late_us;
    }
    r->shift_us = now_us - p->us;
    r->host_packets++;
    p->done = true;
    r->next_host = find(r, r->next_host, false);
}

bool replay_is_done(const struct replay *r)
{
    return r->next_host == r->packets && r->next_controller == r->packets;
}
