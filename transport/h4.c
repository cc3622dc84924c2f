#include "h4.h"

#include <string.h>

enum { COMMAND = 1, ACL = 2, SCO = 3, EVENT = 4, ISO = 5 };

uint8_t *h4_space(struct h4 *h, size_t *room)
{
    if (h->taken) {
        memmove(h->buf, h->buf + h->taken, h->len - h->taken);
        h->len -= h->taken;
        h->taken = 0;
    }
    *room = sizeof h->buf - h->len;
    return h->buf + h->len;
}

void h4_added(struct h4 *h, size_t n)
{
    h->len += n;
}

/* Length of the packet at `p`; 0: its header is not all there; -1: no such packet. */
static int h4_length(const uint8_t *p, size_t n)
{
    size_t header, body;
    switch (p[0]) {
    case COMMAND:
        header = 4;
        body = n < header ? 0 : p[3];
        break;
    case EVENT:
        header = 3;
        body = n < header ? 0 : p[2];
        break;
    case SCO:
        header = 4;
        body = n < header ? 0 : p[3];
        break;
    case ACL:
        header = 5;
        body = n < header ? 0 : (size_t)(p[3] | p[4] << 8);
        break;
    case ISO:
        header = 5;
        body = n < header ? 0 : (size_t)(p[3] | (p[4] & 0x3f) << 8);
        break;
    default:
        return -1;
    }
    if (n < header) {
        return 0;
    }
    return header + body > H4_PACKET_MAX ? -1 : (int)(header + body);
}

int h4_next(struct h4 *h, const uint8_t **packet)
{
    size_t n = h->len - h->taken;
    int need = n ? h4_length(h->buf + h->taken, n) : 0;
    if (need <= 0 || (size_t)need > n) {
        return need < 0 ? -1 : 0;
    }
    *packet = h->buf + h->taken;
    h->taken += (size_t)need;
    return need;
}
