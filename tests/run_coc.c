/* API calls in transcripts: L2CAP channels. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *place(struct run *r, uint16_t cid)
{
    return r->coc[cid % COCS];
}

static size_t at_most(uint16_t n)
{
    return n < COC_OCTETS ? n : COC_OCTETS;
}

/* Takes the parameters of a channel; octets behind the numbers: security, credits_per_sdu, MPS. */
static struct woad_coc_params params_of(const struct args *x)
{
    uint8_t d[3] = { 0 };
    memcpy(d, x->data, x->n < sizeof d ? x->n : sizeof d);
    return (struct woad_coc_params){
        .psm = x->a, .mtu = x->b, .security = d[0], .credits_per_sdu = d[1] != 0, .mps = d[2]
    };
}

/* coc_listen PSM MTU */
static int do_coc_listen(struct run *r, const struct args *x)
{
    const struct woad_coc_params p = params_of(x);
    return woad_coc_listen(r->h, &p);
}

static int do_coc_stop(struct run *r, const struct args *x)
{
    return woad_coc_stop_listening(r->h, x->a);
}

/* coc_accept CID SIZE */
static int do_coc_accept(struct run *r, const struct args *x)
{
    return woad_coc_accept(r->h, r->conn, x->a, place(r, x->a), at_most(x->b));
}

/* coc_refuse CID RESULT */
static int do_coc_refuse(struct run *r, const struct args *x)
{
    return woad_coc_refuse(r->h, r->conn, x->a, (uint8_t)x->b);
}

/* coc_connect PSM MTU */
static int do_coc_connect(struct run *r, const struct args *x)
{
    const struct woad_coc_params p = params_of(x);
    uint16_t cid;
    return woad_coc_connect(r->h, r->conn, &p, r->coc[r->connects++ % COCS], 240, &cid);
}

/* coc_enhanced PSM N: n channels with an MTU of 100 */
static int do_coc_enhanced(struct run *r, const struct args *x)
{
    const struct woad_coc_params p = { .psm = x->a, .mtu = 100, .mps = 80 };
    void *rx[WOAD_COC_AT_ONCE];
    uint16_t cids[WOAD_COC_AT_ONCE];
    for (size_t n = 0; n < WOAD_COC_AT_ONCE; n++) {
        rx[n] = r->coc[n];
    }
    return woad_coc_connect_enhanced(r->h, r->conn, &p, rx, 240, x->b, cids);
}

static int do_coc_close(struct run *r, const struct args *x)
{
    return woad_coc_disconnect(r->h, r->conn, x->a);
}

static int do_coc_send(struct run *r, const struct args *x)
{
    uint8_t *to = r->coc_out[x->a % COCS];
    if (x->n > COC_OCTETS) {
        return -9999;
    }
    memcpy(to, x->data, x->n);
    return woad_coc_send(r->h, r->conn, x->a, x->n ? to : NULL, x->n);
}

/* coc_long CID LEN: sends the octets 00 01 02 … */
static int do_coc_long(struct run *r, const struct args *x)
{
    uint8_t *to = r->coc_out[x->a % COCS];
    for (size_t n = 0; n < COC_OCTETS; n++) {
        to[n] = (uint8_t)n;
    }
    return woad_coc_send(r->h, r->conn, x->a, to, x->b);
}

/* coc_read CID ROOM: returns what woad_coc_read() returns, and 1000 more at the end of an SDU. */
static int do_coc_read(struct run *r, const struct args *x)
{
    uint8_t octets[COC_OCTETS];
    bool end = false;
    int n = woad_coc_read(r->h, r->conn, x->a, octets, at_most(x->b), &end);
    return end ? n + 1000 : n;
}

static int do_coc_pending(struct run *r, const struct args *x)
{
    return woad_coc_pending(r->h, r->conn, x->a);
}

/* coc_receive CID ROOM */
static int do_coc_receive(struct run *r, const struct args *x)
{
    return woad_coc_receive(r->h, r->conn, x->a, r->coc_in[x->a % COCS], at_most(x->b));
}

/* coc_reconfigure CID MTU [N [MPS]]: n channels (default 1) from this CID on; MPS is 80 by
 * default. */
static int do_coc_reconfigure(struct run *r, const struct args *x)
{
    uint16_t cids[8];
    for (size_t n = 0; n < 8; n++) {
        cids[n] = (uint16_t)(x->a + n);
    }
    size_t n = x->n ? x->data[0] : 1;
    uint16_t mps = x->n > 1 ? x->data[1] : 80;
    return woad_coc_reconfigure(r->h, r->conn, cids, n, x->b, mps);
}

#define VERB(name, numbers) \
    { \
#name, numbers, do_##name \
    }
const struct verb coc_verbs[] = {
    VERB(coc_listen, 2),      VERB(coc_stop, 1),     VERB(coc_accept, 2),  VERB(coc_refuse, 2),
    VERB(coc_connect, 2),     VERB(coc_enhanced, 2), VERB(coc_close, 1),   VERB(coc_send, 1),
    VERB(coc_long, 2),        VERB(coc_read, 2),     VERB(coc_pending, 1), VERB(coc_receive, 2),
    VERB(coc_reconfigure, 2), { NULL, 0, NULL },
};
