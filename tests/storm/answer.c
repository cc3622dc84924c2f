/* ATT PDUs of a random peer: requests, and answers to the host's requests. */
#include "storm.h"

static size_t att_le16(uint8_t *p, size_t n, unsigned value)
{
    p[n] = (uint8_t)value;
    p[n + 1] = (uint8_t)(value >> 8);
    return n + 2;
}

static size_t att_any(uint8_t *p, size_t n, size_t len)
{
    memset(p + n, (int)any(64), len);
    return n + len;
}

/* Writes an answer to `op`: an error, or a PDU with the form of an answer. */
size_t peer_att_answer(uint8_t *p, uint8_t op)
{
    size_t n = 1;
    if (one_in(6)) {
        const uint8_t error[] = { 1, op, 1, 0, (uint8_t)(one_in(3) ? 0x0a : any(20)) };
        memcpy(p, error, sizeof error);
        return sizeof error;
    }
    p[0] = (uint8_t)(op + 1);
    switch (op) {
    case 0x02: return att_le16(p, n, 23 + any(220));
    case 0x04:
        p[n++] = 1;
        n = att_le16(p, n, 1 + any(40));
        return att_le16(p, n, 0x2a00);
    case 0x06: n = att_le16(p, n, 1); return att_le16(p, n, 9);
    case 0x08:
        p[n++] = (uint8_t)(7 + any(2));
        n = att_le16(p, n, 1 + any(40));
        return att_any(p, n, p[1] - 2u);
    case 0x10:
        p[n++] = 6;
        n = att_le16(p, n, 1 + any(40));
        n = att_le16(p, n, 1 + any(60));
        return att_le16(p, n, 0x1800);
    case 0x0a:
    case 0x0c: return att_any(p, n, one_in(3) ? 22 : any(64));
    case 0x20:
        for (unsigned k = 0; k < 3; k++) {
            n = att_le16(p, n, 2);
            n = att_le16(p, n, 0x201);
        }
        return n;
    case 0x16: return att_any(p, n, any(30));
    case 0x1d: p[0] = 0x1e; return 1;
    default: return att_any(p, n, any(3));
    }
}

static size_t att_handles(uint8_t *p, size_t n)
{
    for (unsigned k = any(5) + 1; k; k--) {
        n = att_le16(p, n, 10 + any(16));
    }
    return n;
}

size_t peer_att_request(uint8_t *p)
{
    static const uint8_t ops[] = { 0x02, 0x04, 0x06, 0x08, 0x0a, 0x0a, 0x0c, 0x0c, 0x0e,
                                   0x10, 0x12, 0x12, 0x16, 0x16, 0x18, 0x20, 0x20, 0x52,
                                   0xd2, 0x1b, 0x1d, 0x1e, 0x1e, 0x23, 0x00, 0x40 };
    uint8_t op = ops[any(sizeof ops)];
    unsigned handle = one_in(8) ? any(65536) : 10 + any(16);
    size_t n = 1;
    if (one_in(16)) { /* sets all bits of Client Supported Features */
        static const uint8_t features[] = { 0x12, 0x0b, 0, 7 };
        memcpy(p, features, sizeof features);
        return sizeof features;
    }
    p[0] = op;
    switch (op) {
    case 0x02: return att_le16(p, n, 23 + any(200));
    case 0x04: n = att_le16(p, n, 1); return att_le16(p, n, 0xffff);
    case 0x06:
    case 0x08:
    case 0x10:
        n = att_le16(p, n, 1 + any(20));
        n = att_le16(p, n, 0xffff);
        return att_le16(p, n, one_in(2) ? 0x2a37 : 0x2800);
    case 0x0a: return att_le16(p, n, handle);
    case 0x0c: n = att_le16(p, n, handle); return att_le16(p, n, any(120));
    case 0x0e:
    case 0x20: return att_handles(p, n);
    case 0x12:
    case 0x52:
    case 0x1b:
    case 0x1d:
        n = att_le16(p, n, handle);
        return one_in(2) ? att_le16(p, n, any(4)) : att_any(p, n, any(18));
    case 0xd2: n = att_le16(p, n, handle); return att_any(p, n, 12 + any(6));
    case 0x16:
        n = att_le16(p, n, handle);
        n = att_le16(p, n, any(40));
        return att_any(p, n, any(18));
    case 0x18: p[n++] = (uint8_t)any(2); return n;
    case 0x23:
        n = att_le16(p, n, handle);
        n = att_le16(p, n, 2);
        return att_any(p, n, 2);
    default: return n;
    }
}
