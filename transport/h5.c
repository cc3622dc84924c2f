/* H5: see h5.h, which says what each function is for.
 *
 * Names of other files:
 *   asleep: the peer sleeps: WAKEUP must be sent and answered first
 *   crc: both sides send a check behind the payload
 *   discard_frame: the frame is too long, or its begin was not seen
 *   expected: sequence number of the peer's next packet
 *   first: sequence number of the oldest packet that is not acknowledged
 *   H5_OVERHEAD: octets of a frame beyond twice those of its packet
 *   link: H5_UNINITIALIZED, H5_INITIALIZED, H5_ACTIVE; H5_FAILED: the peer restarted or is silent
 *   queued: packets in window_packet, from `first` on, of which `sent` are on their way
 *   replies_due: bits 1 << REPLY_…: messages to be sent
 *   resend_at_ms: when the timer ends; 0: it does not run
 *   room: octets of the longest packet, type included
 *   tries: resends without an acknowledgement
 *   window: packets that may be sent ahead of their acknowledgement */
#include "h5.h"

#include <string.h>

/* A frame: 0xc0, header 4, payload, check 2 if agreed, 0xc0; 0xc0 and 0xdb inside are escaped.
 * Header: sequence 3 bits, acknowledgement 3, has check 1, reliable 1; type 4, length 12; checksum
 * 8: all four add up to 0xff.  Part D, 3, 4 */
enum { DELIMITER = 0xc0, ESCAPE = 0xdb, HEADER = 4, CHECK = 2 };
enum { TYPE_ACK = 0, TYPE_LINK = 15 };    /* other types are those of H4 */
enum { RESEND_MS = 250, TRIES_MAX = 20 }; /* then the link has failed */
enum { NONE = UINT32_MAX };               /* h5_due(): no timer runs */

/* Link messages: two octets, some with a third, the configuration.  Part D, 8 */
enum { /* a number of messages[], and a bit of replies_due; REPLY_ACK has no message */
       REPLY_ACK,
       REPLY_SYNC,
       REPLY_SYNC_RSP,
       REPLY_CONFIG,
       REPLY_CONFIG_RSP,
       REPLY_WAKEUP,
       REPLY_WOKEN,
       RX_SLEEP,
       MESSAGES
};
static const uint8_t messages[MESSAGES][2] = {
    [REPLY_SYNC] = { 0x01, 0x7e },   [REPLY_SYNC_RSP] = { 0x02, 0x7d },
    [REPLY_CONFIG] = { 0x03, 0xfc }, [REPLY_CONFIG_RSP] = { 0x04, 0x7b },
    [REPLY_WAKEUP] = { 0x05, 0xfa }, [REPLY_WOKEN] = { 0x06, 0xf9 },
    [RX_SLEEP] = { 0x07, 0x78 },
};
enum { CONFIG_CHECK = 0x10, CONFIG_WINDOW = 0x07 }; /* fields of the configuration */

/* Octets of memory for packets of `room` octets: one that arrives, and those that are not
 * acknowledged. */
size_t h5_size(size_t room)
{
    return HEADER + room + CHECK + H5_WINDOW * room;
}

/* The link is H5_UNINITIALIZED: SYNC is sent until the peer answers. */
void h5_init(struct h5 *h, void *mem, size_t room)
{
    uint8_t *at = mem;
    *h = (struct h5){
        .room = room, .in = at, .window = 1, .discard_frame = true, .replies_due = 1u << REPLY_SYNC
    };
    at += HEADER + room + CHECK;
    for (size_t k = 0; k < H5_WINDOW; k++, at += room) {
        h->window_packet[k] = at;
    }
}

/* A link message, or the acknowledgement, is to be sent by h5_tx(). */
static void h5_set_reply(struct h5 *h, unsigned what)
{
    h->replies_due |= (uint8_t)(1u << what);
}

/* CRC-CCITT, least significant bit first, starting with 0xffff; sent with its bits reversed.
 * Part D, 5 */
static uint16_t h5_crc(uint16_t crc, const uint8_t *p, size_t n)
{
    for (; n; n--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++) {
            if (crc & 1) {
                crc = (uint16_t)(crc >> 1 ^ 0x8408);
            } else {
                crc = (uint16_t)(crc >> 1);
            }
        }
    }
    return crc;
}

/* The same bits, last first. */
static uint16_t h5_reverse(uint16_t crc)
{
    uint16_t reversed = 0;
    for (int bit = 0; bit < 16; bit++) {
        reversed = (uint16_t)(reversed | (crc >> bit & 1) << (15 - bit));
    }
    return reversed;
}

/* --- out -------------------------------------------------------------------------------------- */

/* Appends n octets at *at, escaped. */
static void h5_escape(uint8_t *buf, size_t *at, const uint8_t *p, size_t n)
{
    for (; n; n--, p++) {
        if (*p == DELIMITER || *p == ESCAPE) {
            buf[(*at)++] = ESCAPE;
            buf[(*at)++] = *p == DELIMITER ? 0xdc : 0xdd;
        } else {
            buf[(*at)++] = *p;
        }
    }
}

/* Writes one frame.  Link messages have no acknowledgement number and no check. */
static size_t h5_write(const struct h5 *h, uint8_t *buf, uint8_t type, bool reliable, uint8_t seq,
                       const uint8_t *p, size_t n)
{
    bool crc = h->crc && type != TYPE_LINK;
    uint8_t head[HEADER] = {
        (uint8_t)((seq & 7) | (type == TYPE_LINK ? 0 : h->expected << 3) | crc << 6 |
                  reliable << 7),
        (uint8_t)(type | (n & 15) << 4),
        (uint8_t)(n >> 4),
        0,
    };
    head[3] = (uint8_t) ~(head[0] + head[1] + head[2]);
    size_t at = 0;
    buf[at++] = DELIMITER;
    h5_escape(buf, &at, head, sizeof head);
    h5_escape(buf, &at, p, n);
    if (crc) {
        uint16_t sum = h5_reverse(h5_crc(h5_crc(0xffff, head, HEADER), p, n));
        const uint8_t octets[CHECK] = { (uint8_t)(sum >> 8), (uint8_t)sum };
        h5_escape(buf, &at, octets, CHECK);
    }
    buf[at++] = DELIMITER;
    return at;
}

/* Writes a link message, and clears its bit. */
static size_t h5_write_message(struct h5 *h, uint8_t *buf, unsigned which)
{
    uint8_t m[3] = { messages[which][0], messages[which][1], CONFIG_CHECK | H5_WINDOW };
    if (which == REPLY_CONFIG_RSP) {
        int check = 0;
        if (h->crc) {
            check = CONFIG_CHECK;
        }
        m[2] = (uint8_t)(h->window | check);
    }
    h->replies_due &= (uint8_t) ~(1u << which);
    size_t len = 2;
    if (which == REPLY_CONFIG || which == REPLY_CONFIG_RSP) {
        len = 3;
    }
    return h5_write(h, buf, TYPE_LINK, false, 0, m, len);
}

/* A sleeping peer is ready: the packet wakes it. */
bool h5_ready(const struct h5 *h)
{
    return h->link == H5_ACTIVE && h->queued < h->window;
}

/* The packet stays in the window until the peer has acknowledged it. */
void h5_put(struct h5 *h, const uint8_t *packet, size_t len)
{
    if (h5_ready(h) && len && len <= h->room) {
        size_t at = (h->first + h->queued) % H5_WINDOW;
        memcpy(h->window_packet[at], packet, len);
        h->window_len[at] = len;
        h->queued++;
        if (h->asleep) {
            h5_set_reply(h, REPLY_WAKEUP);
        }
    }
}

/* 0 stands for no timer, so a time of 0 becomes 1. */
static void h5_set_timer(struct h5 *h, uint32_t ms)
{
    h->resend_at_ms = h->now_ms + ms ? h->now_ms + ms : 1;
}

/* Link messages first, then packets, each with the acknowledgement; without a packet, that
 * alone. */
size_t h5_tx(struct h5 *h, uint8_t *buf, size_t room)
{
    if (room < 2 * h->room + H5_OVERHEAD) {
        return 0;
    }
    for (unsigned which = REPLY_SYNC; which < MESSAGES; which++) {
        if (h->replies_due >> which & 1) {
            return h5_write_message(h, buf, which);
        }
    }
    if (h->link != H5_ACTIVE) {
        return 0;
    }
    if (h->sent < h->queued && !h->asleep) {
        uint8_t seq = (uint8_t)(h->first + h->sent);
        const uint8_t *packet = h->window_packet[seq % H5_WINDOW];
        size_t len = h->window_len[seq % H5_WINDOW];
        h->replies_due &= (uint8_t) ~(1u << REPLY_ACK);
        if (!h->sent++) {
            h5_set_timer(h, RESEND_MS);
        }
        return h5_write(h, buf, packet[0], true, seq, packet + 1, len - 1);
    }
    if (h->replies_due >> REPLY_ACK & 1) {
        h->replies_due &= (uint8_t) ~(1u << REPLY_ACK);
        return h5_write(h, buf, TYPE_ACK, false, 0, NULL, 0);
    }
    return 0;
}

/* --- in --------------------------------------------------------------------------------------- */

/* The peer has received all packets before sequence number `ack`. */
static void h5_acknowledged(struct h5 *h, uint8_t ack)
{
    uint8_t n = (ack - h->first) & 7;
    if (n && n <= h->sent) {
        h->first = (uint8_t)(h->first + n);
        h->queued = (uint8_t)(h->queued - n);
        h->sent = (uint8_t)(h->sent - n);
        h->tries = 0;
        h->resend_at_ms = 0;
        if (h->sent) {
            h5_set_timer(h, RESEND_MS);
        }
    }
}

/* Agrees on the smaller window, and on the check if both offer it. */
static void h5_configure(struct h5 *h, const uint8_t *m, size_t n)
{
    uint8_t theirs = 1;
    if (n > 2) {
        theirs = m[2];
    }
    uint8_t window = theirs & CONFIG_WINDOW;
    if (window > H5_WINDOW) {
        window = H5_WINDOW;
    }
    h->window = window ? window : 1;
    h->crc = (theirs & CONFIG_CHECK) != 0;
}

/* A link message. Those of another state of the link are ignored. Part D, 8 */
static void h5_rx_link(struct h5 *h, const uint8_t *m, size_t n)
{
    unsigned which = REPLY_SYNC;
    while (n >= 2 && which < MESSAGES && memcmp(messages[which], m, 2) != 0) {
        which++;
    }
    if (n < 2 || h->link == H5_FAILED) {
        return;
    }
    if (which == REPLY_SYNC) {
        if (h->link == H5_ACTIVE) {
            h->link = H5_FAILED; /* the peer has restarted.  8.4 */
        } else {
            h5_set_reply(h, REPLY_SYNC_RSP);
        }
    } else if (which == REPLY_SYNC_RSP && h->link == H5_UNINITIALIZED) {
        h->link = H5_INITIALIZED;
        h->tries = 0;
        h->replies_due &= (uint8_t) ~(1u << REPLY_SYNC);
        h5_set_reply(h, REPLY_CONFIG);
        h5_set_timer(h, RESEND_MS);
    } else if (which == REPLY_CONFIG && h->link != H5_UNINITIALIZED) {
        if (h->link == H5_INITIALIZED) {
            h5_configure(h, m, n);
        }
        h5_set_reply(h, REPLY_CONFIG_RSP);
    } else if (which == REPLY_CONFIG_RSP && h->link == H5_INITIALIZED) {
        h5_configure(h, m, n);
        h->link = H5_ACTIVE;
        h->tries = 0;
        h->resend_at_ms = 0;
        h->replies_due &= (uint8_t) ~(1u << REPLY_CONFIG);
    } else if (which == REPLY_WAKEUP) {
        h5_set_reply(h, REPLY_WOKEN);
    } else if (which == RX_SLEEP || which == REPLY_WOKEN) {
        h->asleep = which == RX_SLEEP;
    }
}

/* A complete frame is in h->in.  Returns true with its payload if it is the expected packet.  A
 * corrupt frame or one out of order is dropped: the peer resends it. */
static bool h5_rx_frame(struct h5 *h, const uint8_t **packet, size_t *packet_len)
{
    uint8_t *f = h->in;
    if (h->in_len < HEADER || (uint8_t)(f[0] + f[1] + f[2] + f[3]) != 0xff) {
        return false;
    }
    uint8_t type = f[1] & 15, seq = f[0] & 7;
    size_t n = (size_t)(f[1] >> 4 | f[2] << 4), check = f[0] >> 6 & 1 ? CHECK : 0;
    bool reliable = f[0] >> 7;
    if (h->in_len != HEADER + n + check ||
        (check && h5_reverse(h5_crc(0xffff, f, HEADER + n)) !=
                      (uint16_t)(f[HEADER + n] << 8 | f[HEADER + n + 1]))) {
        return false;
    }
    if (type == TYPE_LINK) {
        size_t len = 0;
        if (!reliable) {
            len = n;
        }
        h5_rx_link(h, f + HEADER, len);
        return false;
    }
    if (h->link != H5_ACTIVE) {
        return false;
    }
    h5_acknowledged(h, f[0] >> 3 & 7);
    if (reliable) {
        h5_set_reply(h, REPLY_ACK);
        if (seq != h->expected) {
            return false;
        }
        h->expected = (h->expected + 1) & 7;
    }
    if (type == TYPE_ACK || type > 5 || n + 1 > h->room) { /* 5: ISO, the last type of H4 */
        return false;
    }
    f[HEADER - 1] = type; /* in the place of the header's checksum: the packet with its type */
    *packet = f + HEADER - 1;
    *packet_len = n + 1;
    return true;
}

/* Adds an octet to the frame; one after an escape stands for another. */
static void h5_rx_octet(struct h5 *h, uint8_t octet)
{
    if (h->escaped) { /* a peer with software flow control also escapes XON and XOFF */
        static const uint8_t plain[4] = { DELIMITER, ESCAPE, 0x11, 0x13 };
        h->escaped = false;
        h->discard_frame = h->discard_frame || octet < 0xdc || octet > 0xdf;
        octet = plain[octet & 3];
    } else if (octet == ESCAPE) {
        h->escaped = true;
        return;
    }
    if (h->in_len == HEADER + h->room + CHECK) {
        h->discard_frame = true;
    }
    if (!h->discard_frame) {
        h->in[h->in_len++] = octet;
    }
}

/* Returns after a packet, so that its memory is not overwritten by the next. */
size_t h5_rx(struct h5 *h, const uint8_t *octets, size_t n, const uint8_t **packet,
             size_t *packet_len)
{
    *packet_len = 0;
    for (size_t k = 0; k < n; k++) {
        if (octets[k] != DELIMITER) {
            h5_rx_octet(h, octets[k]);
            continue;
        }
        bool whole = !h->discard_frame && !h->escaped && h->in_len;
        bool is_packet = whole && h5_rx_frame(h, packet, packet_len);
        h->discard_frame = h->escaped = false;
        h->in_len = 0;
        if (is_packet) {
            return k + 1;
        }
    }
    return n;
}

/* --- time ------------------------------------------------------------------------------------- */

/* RESEND_MS without an answer or an acknowledgement. */
static void h5_resend(struct h5 *h)
{
    if (h->link == H5_UNINITIALIZED) {
        h5_set_reply(h, REPLY_SYNC);
    } else if (h->link == H5_INITIALIZED) {
        h5_set_reply(h, REPLY_CONFIG);
    } else {
        h->sent = 0; /* all of them, in order */
        if (h->asleep) {
            h5_set_reply(h, REPLY_WAKEUP);
        }
        if (++h->tries == TRIES_MAX) {
            h->link = H5_FAILED;
        }
    }
    h->resend_at_ms = 0;
}

/* A link that is not active sends its link message again, an active one its window. */
uint32_t h5_due(struct h5 *h, uint32_t now)
{
    h->now_ms = now;
    if (h->resend_at_ms && (int32_t)(h->resend_at_ms - now) <= 0) {
        h5_resend(h);
    }
    if (!h->resend_at_ms && (h->link < H5_ACTIVE || (h->link == H5_ACTIVE && h->queued))) {
        h5_set_timer(h, RESEND_MS);
    }
    if (h->link == H5_FAILED) {
        return 0;
    }
    uint32_t result = (uint32_t)NONE;
    if (h->resend_at_ms) {
        result = h->resend_at_ms - now;
    }
    return result;
}
