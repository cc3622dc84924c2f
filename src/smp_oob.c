/* Pairing with what has come by another way than the radio; linked where one of its calls is.
 * Vol 3, Part H, 2.3.5.6.4 */
#include "smp.h"

static const uint8_t oob_central[] = { KEYS_CENTRAL, STEP_OOB, STEP_NONCE, SEND | SMP_RANDOM,
    AWAIT | SMP_RANDOM, SECURE_END_CENTRAL };
static const uint8_t oob_peripheral[] = { KEYS_PERIPHERAL, STEP_OOB, AWAIT | SMP_RANDOM,
    STEP_NONCE, SEND | SMP_RANDOM, SECURE_END_PERIPHERAL };
/* In woad_poll(): a key pair, a random number, and the confirm value of both. */
static void oob_work(struct woad *h)
{
    struct smp *m = h->smp;
    struct woad_oob made;
    uint8_t confirm[16];
    if (m->oob_state != OOB_WANTED || !m->may_multiply) {
        return;
    }
    m->may_multiply = false;
    bool ok = h->cfg.random(h->cfg.ctx, m->oob_private, 32) >= 0 &&
              h->cfg.random(h->cfg.ctx, m->oob_random, 16) >= 0 &&
              h->cfg.crypto->p256_public(m->oob_private, m->oob_public) >= 0 &&
              !toolbox_f4(&m->box, m->oob_public, m->oob_public, m->oob_random, 0, confirm);
    m->oob_state = ok ? OOB_MADE : OOB_NONE;
    reversed(made.random, m->oob_random, 16);
    reversed(made.confirm, confirm, 16);
    struct woad_event ev;
    ev.u.oob.status = ok ? 0 : WOAD_EIO;
    ev.u.oob.oob = &made;
    emit_none(h, WOAD_EV_OOB, &ev);
    wipe(&made, sizeof made);
}

/* What was given out of band is of a key pair that was made then, and is good for one pairing. */
static bool oob_key_pair(struct pairing *p)
{
    struct smp *m = p->c->h->smp;
    if (m->oob_state != OOB_MADE) {
        return false;
    }
    memcpy(p->own_private, m->oob_private, sizeof p->own_private);
    memcpy(p->own->public_key, m->oob_public, sizeof m->oob_public);
    memcpy(p->own->r, m->oob_random, sizeof m->oob_random);
    wipe(m->oob_private, sizeof m->oob_private);
    wipe(m->oob_random, sizeof m->oob_random);
    m->oob_state = OOB_NONE;
    return true;
}

static int oob_check(struct pairing *p)
{
    struct woad *h = p->c->h;
    uint8_t confirm[16];
    const struct smp_side *peer = p->peer;
    int err = toolbox_f4(&h->smp->box, peer->public_key, peer->public_key, peer->r, 0, confirm);
    return err ? smp_failed(err) : same(confirm, p->oob_confirm, 16) ? 0 : WOAD_SMP_CONFIRM;
}

static const struct smp_oob oob = { oob_work, oob_key_pair, oob_check,
                                    { oob_central, oob_peripheral } };

int woad_oob_make(struct woad *h)
{
    h->quiet = false;
    if (!h->smp || !h->cfg.crypto || !h->cfg.random) {
        return WOAD_ENOTSUP;
    }
    if (h->state != HOST_UP) {
        return WOAD_ENODEV;
    }
    h->smp->oob = &oob;
    h->smp->oob_state = OOB_WANTED;
    return 0;
}

static struct pairing *oob_of(struct woad *h, uint16_t conn, int *err)
{
    struct conn *c = conn_asked(h, conn);
    struct pairing *p = NULL;
    *err = !h->smp ? WOAD_ENOTSUP : !c ? WOAD_ENOTCONN : smp_under_way(c) ? WOAD_EALREADY : 0;
    if (!*err) {
        p = smp_pairing(c);
        *err = p ? 0 : WOAD_ENOMEM;
    }
    return p;
}

int woad_oob_set(struct woad *h, uint16_t conn, const struct woad_oob *peer)
{
    int err;
    struct pairing *p = oob_of(h, conn, &err);
    if (p) {
        reversed(p->peer->r, peer->random, 16);
        reversed(p->oob_confirm, peer->confirm, 16);
        p->has_oob = true;
        h->smp->oob = &oob;
    }
    return err;
}

int woad_oob_set_legacy(struct woad *h, uint16_t conn, const uint8_t tk[16])
{
    int err;
    struct pairing *p = oob_of(h, conn, &err);
    if (p) {
        reversed(p->own->r, tk, 16);
        p->has_tk = true;
    }
    return err;
}
