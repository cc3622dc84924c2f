/* Out-of-band pairing: data that reach the peer by another way than the radio.  Vol 3, Part
 * H, 2.3.5.6.4
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   p: a pairing (smp.h)
 *   r: of a side: passkey or out-of-band random, for f6; of ours in legacy pairing: TK
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   AWAIT: a step that waits for the PDU of this code
 *   cfg: the config that the application gave to woad_init()
 *   CHECKS_TO_BOND_CENTRAL: all steps after the method's: f5, DHKey Checks, encryption, keys, bond,
 *       STEP_END (smp.h)
 *   CHECKS_TO_BOND_PERIPHERAL: all steps after the method's, as CHECKS_TO_BOND_CENTRAL
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   conn: a connection's number in the public interface
 *   conn_for_call(): conn_of() for a public call: all connections are polled again afterwards
 *   CONN_OPEN: state of a connection: the only one in which anything is sent on it
 *   emit_none(): raises an event that is of no connection
 *   has_oob: the pairing has LE Secure Connections' data from out of band
 *   has_tk: the pairing has a TK from out of band
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   may_multiply: woad_poll() runs and has done no P-256 multiplication yet
 *   NOT_UP: for REFUSED(): the host is not up
 *   OOB_MADE: state of woad_oob_make(): there are data, for one pairing; OOB_WANTED: to be made
 *   OOB_NONE: no out-of-band data are being made
 *   own_private: our private key of this pairing
 *   PUBLIC_KEYS_CENTRAL: several steps: our key pair, both public keys, DHKey (smp.h)
 *   PUBLIC_KEYS_PERIPHERAL: several steps: Pairing Response, our key pair, both public keys, DHKey
 *   REFUSED(): logs why a call is refused, and is its error
 *   reversed(): copies in the opposite order of octets
 *   same(): compares in constant time
 *   SEND: a step that sends the PDU of this code
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   smp_active_pairing(): the connection's pairing; NULL: none runs
 *   smp_get_pairing(): the connection's pairing, else a free one for it; NULL: none is free
 *   smp_oob: of the host: out-of-band pairing: smp_oob.c; NULL: not linked
 *   SMP_RANDOM: SMP_…: codes of PDUs.  Vol 3, Part H, 3.3
 *   smp_side: one side's values in a pairing, the most significant octet first
 *   step_lists: lists of steps: by method, or of out-of-band pairing by role
 *   STEP_NONCE: STEP_…: steps of a pairing: enum step, smp.h
 *   toolbox: the cryptographic functions of Vol 3, Part H, 2.2: base/toolbox.h
 *   toolbox_f4(): toolbox_…(): the cryptographic toolbox, Vol 3, Part H, 2.2: base/toolbox.h
 *   wipe(): zeros octets, and the compiler does not remove that
 *   zeros(): all octets are 0 */
#include <woad/crypto.h>

#include "../core/event.h"
#include "../core/log.h"
#include "smp.h"

static const uint8_t oob_central[] = { PUBLIC_KEYS_CENTRAL, STEP_VERIFY_OOB,
                                       STEP_NONCE,          SEND | SMP_RANDOM,
                                       AWAIT | SMP_RANDOM,  CHECKS_TO_BOND_CENTRAL };
static const uint8_t oob_peripheral[] = { PUBLIC_KEYS_PERIPHERAL, STEP_VERIFY_OOB,
                                          AWAIT | SMP_RANDOM,     STEP_NONCE,
                                          SEND | SMP_RANDOM,      CHECKS_TO_BOND_PERIPHERAL };

static void oob_forget(struct oob *o)
{
    wipe(o->private_, sizeof o->private_);
    wipe(o->random, sizeof o->random);
    o->state = OOB_NONE;
}

/* In woad_poll(), for woad_oob_make(): makes a key pair, a random number and the confirm value of
 * both, and raises WOAD_EV_OOB. */
static void oob_poll(struct woad *h)
{
    struct oob *o = h->oob;
    struct smp *m = h->smp;
    struct woad_oob made;
    uint8_t confirm[16];
    if (o->state != OOB_WANTED || !m->may_multiply) {
        return;
    }
    m->may_multiply = false;
    bool ok = true;
    if (zeros(o->private_, sizeof o->private_)) { /* else the answer came later */
        ok = h->cfg.random(h->cfg.ctx, o->private_, 32) >= 0 &&
             h->cfg.random(h->cfg.ctx, o->random, 16) >= 0;
    }
    int result = WOAD_EIO;
    if (ok) {
        result = h->cfg.crypto->p256_public(o->private_, o->public_);
    }
    if (result == WOAD_CRYPTO_LATER) {
        m->may_multiply = true;
        return;
    }
    ok = result >= 0 && !toolbox_f4(&m->toolbox, o->public_, o->public_, o->random, 0, confirm);
    o->state = OOB_MADE;
    if (!ok) {
        oob_forget(o);
    }
    struct woad_event ev;
    ev.u.oob.status = WOAD_EIO;
    ev.u.oob.oob = NULL;
    if (ok) {
        reversed(made.random, o->random, 16);
        reversed(made.confirm, confirm, 16);
        ev.u.oob.status = 0;
        ev.u.oob.oob = &made;
    }
    emit_none(h, WOAD_EV_OOB, &ev);
    wipe(&made, sizeof made);
}

/* Step: moves the key pair and the random number into the pairing; they serve once. */
static int oob_key_pair(struct pairing *p)
{
    struct oob *o = p->c->h->oob;
    if (o->state != OOB_MADE) {
        return WOAD_SMP_NO_OOB;
    }
    memcpy(p->own_private, o->private_, sizeof o->private_);
    memcpy(p->public_key[p->role], o->public_, sizeof o->public_);
    memcpy(p->own->r, o->random, sizeof o->random);
    oob_forget(o);
    return 0;
}

/* Step: compares the peer's confirm value with its public key. */
static int oob_check(struct pairing *p)
{
    struct woad *h = p->c->h;
    uint8_t confirm[16];
    const struct smp_side *peer = p->peer;
    const uint8_t *key = p->public_key[!p->role];
    int err = toolbox_f4(&h->smp->toolbox, key, key, peer->r, 0, confirm);
    if (err) {
        return err;
    }
    if (!same(confirm, peer->confirm, 16)) {
        return WOAD_SMP_CONFIRM;
    }
    return 0;
}

static const struct smp_oob oob_role = { .make = oob_poll,
                                         .key_pair = oob_key_pair,
                                         .check = oob_check,
                                         .step_lists = { oob_central, oob_peripheral } };

static void oob_layout(struct woad *h)
{
    h->oob = arena_alloc(h, 1, sizeof *h->oob);
    if (h->oob) {
        h->oob->role = &oob_role;
    }
}

static void oob_reset(struct woad *h)
{
    bool wanted = h->oob->state == OOB_WANTED;
    oob_forget(h->oob);
    if (wanted) {
        struct woad_event ev;
        ev.u.oob.status = WOAD_ECANCELED;
        ev.u.oob.oob = NULL;
        emit_none(h, WOAD_EV_OOB, &ev);
    }
}

const struct woad_feature woad_feature_out_of_band = { .layout = oob_layout, .reset = oob_reset };

int woad_oob_make(struct woad *h)
{
    h->commands_idle = false;
    if (!h->smp || !h->oob || !h->cfg.crypto || !h->cfg.random) {
        return REFUSED(h, WOAD_ENOTSUP,
                       "woad_feature_out_of_band, config.crypto or config.random is missing");
    }
    if (h->state != HOST_UP) {
        return REFUSED(h, WOAD_ENODEV, NOT_UP);
    }
    if (h->oob->state != OOB_WANTED) {
        oob_forget(h->oob); /* new data need a new key pair */
    }
    h->oob->state = OOB_WANTED;
    return 0;
}

/* The pairing that takes out-of-band data for a connection; NULL, and in *err the reason. */
static struct pairing *oob_of(struct woad *h, uint16_t conn, int *err)
{
    struct conn *c = conn_for_call(h, conn);
    struct pairing *p = NULL;
    if (!h->smp || !h->oob) {
        *err = WOAD_ENOTSUP;
    } else if (!c || c->state != CONN_OPEN) {
        *err = WOAD_ENOTCONN; /* also while it closes: nothing would free the pairing */
    } else if (smp_active_pairing(c)) {
        *err = WOAD_EALREADY;
    } else {
        p = smp_get_pairing(c);
        if (p) {
            *err = 0;
        } else {
            *err = WOAD_ENOMEM;
        }
    }
    return p;
}

int woad_oob_set(struct woad *h, uint16_t conn, const struct woad_oob *peer)
{
    int err;
    struct pairing *p = oob_of(h, conn, &err);
    if (p) {
        reversed(p->peer->r, peer->random, 16);
        reversed(p->peer->confirm, peer->confirm, 16);
        p->has_oob = true;
    }
    return err;
}

int woad_oob_set_legacy(struct woad *h, uint16_t conn, const uint8_t tk[16])
{
    int err;
    if (h->oob && zeros(tk, 16)) {
        return REFUSED(h, WOAD_EINVAL, "the key is zero"); /* that is the TK of Just Works */
    }
    struct pairing *p = oob_of(h, conn, &err);
    if (p) {
        reversed(p->own->r, tk, 16);
        p->has_tk = true;
    }
    return err;
}
