/* Random peers that know the protocols: they answer the host's requests, rightly or wrongly, and
 * send requests of their own. */
#include "storm.h"

static struct peer {
    uint8_t code, id; /* of the host's last signalling request */
    uint8_t cid[5];   /* channels in that request */
    size_t cids;
    uint8_t att, eatt[8]; /* the host's last request, on the fixed bearer and on channels */
    uint8_t greeted;      /* how many of its first PDUs the peer has sent */
} peers[SOLO_LINKS];

void peer_reset(unsigned k)
{
    memset(&peers[k], 0, sizeof peers[k]);
}

static void hear_signalling(struct peer *p, const uint8_t *f, size_t n)
{
    if (n < 4) {
        return;
    }
    p->code = f[0];
    p->id = f[1];
    p->cids = 0;
    if (f[0] == 0x17) {
        for (size_t at = 12; at + 1 < n && p->cids < 5; at += 2) {
            p->cid[p->cids++] = f[at];
        }
    } else if (f[0] == 0x14 && n >= 8) {
        p->cid[p->cids++] = f[6];
    } else if (f[0] == 0x06 && n >= 8) {
        p->cid[0] = f[4];
        p->cid[1] = f[6];
    }
}

void peer_hear(unsigned k, uint16_t cid, const uint8_t *f, size_t n)
{
    struct peer *p = &peers[k];
    if (cid == 5) {
        hear_signalling(p, f, n);
    } else if (cid == 4 && n) {
        if (f[0] == 0x0b || f[0] == 0x0d) {
            model_value(f + 1, n - 1);
        }
        p->att = !(f[0] & 1) || f[0] == 0x1d ? f[0] : p->att;
    } else if (cid >= 0x40 && n > 2) {
        p->eatt[cid & 7] = f[2];
    }
}

/* Sends a frame to the host, whole or in two fragments, sometimes with a bit error. */
void peer_say(unsigned k, uint16_t cid, const uint8_t *body, size_t n)
{
    uint8_t first[600] = { 2, (uint8_t)(SOLO_HANDLE + k), 0x20 }, rest[600];
    size_t cut = n > 10 && one_in(3) ? 1 + any((uint32_t)n + 3) : n + 4;
    uint8_t whole[600] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)cid, (uint8_t)(cid >> 8) };
    memcpy(whole + 4, body, n);
    if (one_in(200)) {
        whole[4 + any((uint32_t)n)] ^= (uint8_t)(1u << any(8));
    }
    first[3] = (uint8_t)cut;
    first[4] = (uint8_t)(cut >> 8);
    memcpy(first + 5, whole, cut);
    solo_give(first, 5 + cut);
    if (cut < n + 4) {
        memcpy(rest, first, 3);
        rest[2] = 0x10;
        rest[3] = (uint8_t)(n + 4 - cut);
        rest[4] = (uint8_t)((n + 4 - cut) >> 8);
        memcpy(rest + 5, whole + cut, n + 4 - cut);
        solo_give(rest, 5 + n + 4 - cut);
    }
}

#define PEER_SAYS(k, cid, ...) \
    do { \
        const uint8_t body_[] = { __VA_ARGS__ }; \
        peer_say(k, cid, body_, sizeof body_); \
    } while (0)

void peer_calm(unsigned k)
{
    for (uint8_t scid = 0x50; scid < 0x58; scid++) {
        PEER_SAYS(k, 5, 0x16, 1, 4, 0, scid, 0, 200, 0);
    }
}

static uint8_t some_scid(void)
{
    return (uint8_t)(0x50 + any(8));
}

/* Answers the host's last request. */
static void say_response(unsigned k)
{
    struct peer *p = &peers[k];
    uint8_t id = p->id, result = (uint8_t)(one_in(4) ? any(16) : 0);
    if (one_in(10)) {
        PEER_SAYS(k, 5, 0x01, id, 2, 0, 0, 0);
    } else if (p->code == 0x14) {
        PEER_SAYS(k, 5, 0x15, id, 10, 0, some_scid(), 0, 64, 0, 64, 0, (uint8_t)any(9), 0, result,
                  0);
    } else if (p->code == 0x17) {
        uint8_t body[22] = {
            0x18, id, (uint8_t)(8 + 2 * p->cids), 0, 64, 0, 64, 0, (uint8_t)any(9), 0, result, 0
        };
        for (size_t n = 0; n < p->cids; n++) {
            body[12 + 2 * n] = one_in(6) ? 0 : some_scid();
        }
        peer_say(k, 5, body, 12 + 2 * p->cids);
    } else if (p->code == 0x06) {
        PEER_SAYS(k, 5, 0x07, id, 4, 0, p->cid[0], 0, p->cid[1], 0);
    } else if (p->code == 0x12) {
        PEER_SAYS(k, 5, 0x13, id, 2, 0, (uint8_t)any(2), 0);
    } else {
        PEER_SAYS(k, 5, 0x1a, id, 2, 0, (uint8_t)(one_in(3) ? 1 : 0), 0);
    }
}

static void say_request(unsigned k)
{
    uint8_t id = (uint8_t)(1 + any(6)), credits = (uint8_t)any(9), psm = (uint8_t)(0x80 + any(3));
    uint8_t scid = some_scid();
    switch (any(8)) {
    case 0:
        PEER_SAYS(k, 5, 0x17, id, 12, 0, (uint8_t)(one_in(2) ? 0x27 : psm), 0, 64, 0, 64, 0,
                  (uint8_t)(credits + 1), 0, scid, 0, some_scid(), 0);
        break;
    case 1: PEER_SAYS(k, 5, 0x14, id, 10, 0, psm, 0, scid, 0, 64, 0, 64, 0, credits, 0); break;
    case 2:
        PEER_SAYS(k, 5, 0x16, id, 4, 0, scid, 0, (uint8_t)(one_in(2) ? 1 : 1 + any(20)), 0);
        break;
    case 3: PEER_SAYS(k, 5, 0x06, id, 4, 0, (uint8_t)(0x40 + any(8)), 0, scid, 0); break;
    case 4:
        PEER_SAYS(k, 5, 0x19, id, 6, 0, (uint8_t)(64 + any(30)), 0, (uint8_t)(64 + any(30)), 0,
                  scid, 0);
        break;
    case 5: PEER_SAYS(k, 5, 0x12, id, 8, 0, 16, 0, 32, 0, 0, 0, 0, 1); break;
    default: say_response(k); break;
    }
}

/* Sends an ATT PDU on the fixed bearer or on a channel. */
static void say_att(unsigned k)
{
    uint8_t body[300], c = (uint8_t)any(8);
    unsigned greeted = peers[k].greeted;
    peers[k].greeted = (uint8_t)(greeted < 2 ? greeted + 1 : greeted);
    if (greeted == 0) { /* most peers start with their MTU and their features */
        PEER_SAYS(k, 4, 0x02, (uint8_t)(one_in(3) ? 23 : 250), 0);
        return;
    }
    if (greeted == 1 && one_in(2)) {
        PEER_SAYS(k, 4, 0x12, 0x0b, 0, 7);
        return;
    }
    bool fixed = one_in(2);
    uint8_t op = fixed ? peers[k].att : peers[k].eatt[c];
    size_t n = op && one_in(2) ? peer_att_answer(body + 2, op) : peer_att_request(body + 2);
    body[0] = (uint8_t)n;
    body[1] = 0;
    if (fixed) {
        peer_say(k, 4, body + 2, n);
    } else {
        peer_say(k, (uint16_t)(0x40 + c), body, n + 2);
    }
}

static void say_sdu(unsigned k)
{
    uint8_t body[40];
    size_t n = any(28);
    memset(body, 7, sizeof body);
    body[0] = (uint8_t)(n + (one_in(4) ? any(3) : 0));
    body[1] = 0;
    peer_say(k, (uint16_t)(0x40 + any(8)), body, n + 2);
}

static void say_security(unsigned k)
{
    static const uint8_t lengths[] = { 1, 7, 7, 17, 17, 2, 17, 11, 17, 8, 17, 2, 65, 17, 2 };
    uint8_t body[65], code = (uint8_t)(1 + any(14));
    memset(body, (int)any(4), sizeof body);
    body[0] = code;
    if (code == 1 || code == 2) {
        const uint8_t features[] = { (uint8_t)any(5),  (uint8_t)any(2),
                                     (uint8_t)any(32), (uint8_t)(one_in(3) ? 7 + any(10) : 16),
                                     (uint8_t)any(8),  (uint8_t)any(8) };
        memcpy(body + 1, features, sizeof features);
    } else if (code == 5) {
        body[1] = (uint8_t)(1 + any(15));
    } else if (code == 11) {
        body[1] = (uint8_t)any(16);
    }
    peer_say(k, 6, body, lengths[code]);
}

void peer_step(void)
{
    unsigned k = any(SOLO_LINKS);
    for (unsigned n = 0; n < SOLO_LINKS && !controller_link(k); n++) {
        k = (k + 1) % SOLO_LINKS;
    }
    if (!controller_link(k)) {
        return;
    }
    static void (*const says[])(unsigned) = { say_att, say_att,     say_att,     say_att,
                                              say_att, say_request, say_request, say_request,
                                              say_sdu, say_security };
    says[any(sizeof says / sizeof *says)](k);
}
