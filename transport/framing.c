/* Framing by H4 or H5: see framing.h, which says what each function is for.
 *
 * Names of other files:
 *   h5_due(): runs the timers; returns ms until the next call
 *   h5_init(): begins the link, with all its state
 *   h5_mem: memory of the three-wire link
 *   H5_OVERHEAD: octets of a frame beyond twice those of its packet
 *   h5_put(): frames a packet for the three-wire link
 *   h5_ready(): the three-wire link is active
 *   h5_rx(): takes octets up to the end of a packet; returns how many
 *   h5_size: octets of h5_mem
 *   h5_tx(): writes the next frame; 0: there is none now
 *   in_taken: octets of `in` that H5 has parsed, of in_len
 *   link: H5_UNINITIALIZED, H5_INITIALIZED, H5_ACTIVE; H5_FAILED: the peer restarted or is silent
 *   out_off: octets from out_off to out_len of `out` are to be written
 *   out_room: octets that `out` has room for
 *   three_wire: the stream is framed by H5, else by H4
 *   woad_h4_next(): length of the next packet; 0: none is complete; -1: these octets are not H4
 *   woad_h4_resync(): drops octets up to HCI_Reset or its answer */
#include "framing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* H4 has room for one packet to be written, H5 for a frame in which each octet is escaped. */
int framing_init(struct framing *f, bool three_wire)
{
    *f = (struct framing){ .three_wire = three_wire };
    if (three_wire) {
        f->out_room = 2 * WOAD_H4_PACKET_MAX + H5_OVERHEAD;
    } else {
        f->out_room = WOAD_H4_PACKET_MAX;
    }
    f->out = malloc(f->out_room);
    f->h5_mem = NULL;
    if (three_wire) {
        f->h5_mem = malloc(h5_size(WOAD_H4_PACKET_MAX));
    }
    if (!f->out || (three_wire && !f->h5_mem)) {
        framing_free(f);
        return -ENOMEM;
    }
    woad_h4_init(&f->h4, f->in, sizeof f->in);
    if (three_wire) {
        h5_init(&f->h5, f->h5_mem, WOAD_H4_PACKET_MAX);
    }
    return 0;
}

/* Also drops what is not written yet. */
void framing_resync(struct framing *f, bool controller)
{
    f->out_len = f->out_off = 0;
    if (!f->three_wire) {
        woad_h4_resync(&f->h4, controller);
    } else if (f->h5.link == H5_FAILED) {
        h5_init(&f->h5, f->h5_mem, WOAD_H4_PACKET_MAX);
    }
}

/* Frees both buffers. */
void framing_free(struct framing *f)
{
    free(f->out);
    free(f->h5_mem);
    f->out = NULL;
    f->h5_mem = NULL;
}

/* H5 parses all that has been received before it takes more: *room is 0 until then. */
uint8_t *framing_space(struct framing *f, size_t *room)
{
    if (!f->three_wire) {
        return woad_h4_space(&f->h4, room);
    }
    *room = 0;
    if (f->in_taken == f->in_len) {
        f->in_taken = f->in_len = 0;
        *room = sizeof f->in;
    }
    return f->in;
}

/* H5: the octets before have all been parsed. */
void framing_added(struct framing *f, size_t n)
{
    if (f->three_wire) {
        f->in_len = n;
    } else {
        woad_h4_added(&f->h4, n);
    }
}

/* H5: octets that are no packet of the peer's (link messages, corrupt frames) are consumed. */
int framing_next(struct framing *f, const uint8_t **packet)
{
    size_t len = 0;
    if (!f->three_wire) {
        return woad_h4_next(&f->h4, packet);
    }
    while (!len && f->in_taken < f->in_len) {
        f->in_taken += h5_rx(&f->h5, f->in + f->in_taken, f->in_len - f->in_taken, packet, &len);
    }
    if (!len && f->h5.link == H5_FAILED) {
        return -1;
    }
    return (int)len;
}

/* H4 does not fail: it is resynchronised. */
bool framing_failed(const struct framing *f)
{
    return f->three_wire && f->h5.link == H5_FAILED;
}

/* H4: the last packet is written. */
bool framing_ready(const struct framing *f)
{
    if (f->three_wire) {
        return h5_ready(&f->h5);
    }
    return f->out_off == f->out_len;
}

/* H4's octets are the packet itself; H5's are made by framing_out(). */
void framing_put(struct framing *f, const uint8_t *packet, size_t len)
{
    if (f->three_wire) {
        h5_put(&f->h5, packet, len);
    } else if (framing_ready(f) && len <= f->out_room) {
        memcpy(f->out, packet, len);
        f->out_len = len;
        f->out_off = 0;
    }
}

/* H5 gives one frame at a time. */
const uint8_t *framing_out(struct framing *f, size_t *n)
{
    if (f->out_off == f->out_len && f->three_wire) {
        f->out_off = 0;
        f->out_len = h5_tx(&f->h5, f->out, f->out_room);
    }
    *n = f->out_len - f->out_off;
    return f->out + f->out_off;
}

/* The next ones follow. */
void framing_written(struct framing *f, size_t n)
{
    f->out_off += n;
}

/* H4 has no timers. */
uint32_t framing_due(struct framing *f, uint32_t now)
{
    if (f->three_wire) {
        return h5_due(&f->h5, now);
    }
    return UINT32_MAX;
}
