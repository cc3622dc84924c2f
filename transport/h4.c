/* H4: see h4.h, which says what each function is for.
 *
 * Names of other files:
 *   sync_pattern: what is searched for; NULL: nothing
 *   taken: octets of `buf` that woad_h4_next() has returned */
#include <woad/h4.h>

#include <string.h>

enum { COMMAND = 1, ACL = 2, SCO = 3, EVENT = 4, ISO = 5 };

/* `mem` has room for at least one packet. */
void woad_h4_init(struct woad_h4 *h, uint8_t *mem, size_t size)
{
    *h = (struct woad_h4){ .buf = mem, .size = size };
}

/* Patterns to search for; 0xff matches any octet.  HCI_Command_Complete: event code, length 4,
 * Num_HCI_Command_Packets, opcode of HCI_Reset.  And HCI_Reset itself: opcode, length 0.
 * Vol 4, Part E, 7.7.14, 7.3.2 */
static const uint8_t reset_answer[] = { EVENT, 0x0e, 4, 0xff, 0x03, 0x0c };
static const uint8_t reset[] = { COMMAND, 0x03, 0x0c, 0 };

/* Both patterns are searched for octet by octet: any noise may come before. */
void woad_h4_resync(struct woad_h4 *h, bool controller)
{
    if (controller) {
        h->sync_pattern = reset;
    } else {
        h->sync_pattern = reset_answer;
    }
}

/* Moves what is not yet taken to the front of the buffer. */
uint8_t *woad_h4_space(struct woad_h4 *h, size_t *room)
{
    if (h->taken) {
        memmove(h->buf, h->buf + h->taken, h->len - h->taken);
        h->len -= h->taken;
        h->taken = 0;
    }
    *room = h->size - h->len;
    return h->buf + h->len;
}

/* n octets were received behind the others. */
void woad_h4_added(struct woad_h4 *h, size_t n)
{
    h->len += n;
}

/* The length is at an offset of its own in each type; an ISO packet's has 14 bits. */
int woad_h4_length(const uint8_t *p, size_t n)
{
    size_t header, body;
    switch (p[0]) {
    case COMMAND:
        header = 4;
        body = 0;
        if (n >= header) {
            body = p[3];
        }
        break;
    case EVENT:
        header = 3;
        body = 0;
        if (n >= header) {
            body = p[2];
        }
        break;
    case SCO:
        header = 4;
        body = 0;
        if (n >= header) {
            body = p[3];
        }
        break;
    case ACL:
        header = 5;
        body = 0;
        if (n >= header) {
            body = (size_t)(p[3] | p[4] << 8);
        }
        break;
    case ISO:
        header = 5;
        body = 0;
        if (n >= header) {
            body = (size_t)(p[3] | (p[4] & 0x3f) << 8);
        }
        break;
    default: return -1;
    }
    if (n < header) {
        return 0;
    }
    return (int)(header + body);
}

/* Drops octets up to the pattern, or up to a beginning of it at the end of the buffer. */
static void h4_search(struct woad_h4 *h)
{
    size_t k = 0, pattern_len = sizeof reset_answer;
    if (h->sync_pattern == reset) {
        pattern_len = sizeof reset;
    }
    while (h->taken + k < h->len && k < pattern_len) {
        if (h->sync_pattern[k] == 0xff || h->buf[h->taken + k] == h->sync_pattern[k]) {
            k++;
        } else {
            h->taken++;
            k = 0;
        }
    }
    if (k == pattern_len) {
        h->sync_pattern = NULL;
    }
}

/* A packet that is longer than the buffer is an error, too: it would never be complete. */
int woad_h4_next(struct woad_h4 *h, const uint8_t **packet)
{
    if (h->sync_pattern) {
        h4_search(h);
    }
    size_t n = h->len - h->taken;
    int need = 0;
    if (n && !h->sync_pattern) {
        need = woad_h4_length(h->buf + h->taken, n);
    }
    if (need < 0 || (size_t)need > h->size) {
        return -1;
    }
    if (!need || (size_t)need > n) {
        return 0;
    }
    *packet = h->buf + h->taken;
    h->taken += (size_t)need;
    return need;
}
