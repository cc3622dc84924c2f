/* Our private addresses, replaced at intervals.  Linked where the application calls
 * woad_set_privacy().  Vol 3, Part C, 10.7; Vol 6, Part B, 1.3.2
 *
 * Names of other files:
 *   ACTIVE_CONNECT: bit of h->activity: the controller tries to connect
 *   activity: of the controller: ACTIVE_ADV, _SCAN, _CONNECT, _EXT_ADV
 *   ADDRESS_CALCULATED: of h->address_pending: the controller calculates the address
 *   ADDRESS_DUE: of h->address_pending: the address is to be renewed, when the attempt to connect
 *       has paused
 *   ADDRESS_FAILED: of h->address_pending: that has failed, and is tried again
 *   address_pending: ADDRESS_…: our next private address is calculated, failed, or due; 0: none is
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   CRYPTO_PRIVACY: owner of the calculation of our private address
 *   crypto_role: cryptography by the controller: hci_crypto.c; NULL: not linked
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   host_down(): ends everything at once, and raises WOAD_EV_DOWN
 *   HOST_UP: the controller has been brought up: HCI commands may be sent
 *   identity: our identity address, while private ones are used
 *   KIND_SHIFT: of a random address: its kind is in the two top bits (NRPA, RPA, STATIC)
 *   next_rpa: the private address that is being made
 *   NOT_UP: for REFUSED(): the host is not up
 *   own_type: type of our own address, as HCI numbers it
 *   privacy: enum woad_privacy; 0: we use our identity address
 *   privacy_ops: private addresses: smp_privacy.c; NULL: not linked
 *   random_addr: our random address: static, or private while privacy is on
 *   random_dirty: our random address is to be written to the controller
 *   release: of crypto_role: forgets what this owner calculates, and its P-256 key pair
 *   reversed(): copies in the opposite order of octets
 *   rpa_deadline: when the next private address is made
 *   rpa_failures: failed attempts in a row to make a private address
 *   rpa_in_progress: the next private address has its random part, and waits for its hash
 *   rpa_interval_ms: ms for which a private address is used
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   smp_calculate(): runs a function that may need the controller's cryptography, repeating it when
 *       that has answered
 *   smp_has_crypto(): there is AES and a random source: the application's, or the controller's
 *   smp_random(): random octets: 0, CRYPTO_PENDING, or a WOAD_E…
 *   static_addr: our static random address, while private ones are used
 *   STEP_BLOCKED: a step's result: it is not done, and is called again
 *   toolbox: the cryptographic functions of Vol 3, Part H, 2.2: base/toolbox.h
 *   toolbox_ah(): toolbox_…(): the cryptographic toolbox, Vol 3, Part H, 2.2: base/toolbox.h
 *   wipe(): zeros octets, and the compiler does not remove that */
#include "../core/clock.h"
#include "../core/log.h"
#include "../hci/roles.h"
#include "smp.h"

enum { RPA_TRIES = 5, AGAIN_MS = 1000 }; /* failed attempts to make an address, so far apart */
enum { LIFETIME_MAX_S = 3600 };          /* of a private address.  Vol 3, Part C, Appendix A */

/* Draws the random part: its bits must be neither all 0 nor all 1.  Vol 6, Part B, 1.3.2.2 */
static int private_draw(struct woad *h, struct woad_addr *a)
{
    const struct smp *s = h->smp;
    int err = smp_random(h, a->octet, 6);
    a->type = WOAD_ADDR_RANDOM;
    if (a->octet[4] == 0 || a->octet[4] == 0xff) {
        a->octet[4] = 0x55;
    }
    a->octet[5] &= 0x3f; /* NRPA */
    if (s->privacy == WOAD_PRIVACY_RESOLVABLE) {
        a->octet[5] |= RPA << KIND_SHIFT;
    }
    return err;
}

/* Makes next_rpa.  0, WOAD_EIO, or STEP_BLOCKED while the controller calculates. */
static int private_make(struct woad *h, uint16_t owner, uint8_t arg)
{
    struct smp *s = h->smp;
    uint8_t irk[16], prand[3], hash[3];
    (void)owner;
    (void)arg;
    int err = 0;
    if (!s->rpa_in_progress) {
        err = private_draw(h, &s->next_rpa);
    }
    s->rpa_in_progress = !err;
    if (!err && s->privacy == WOAD_PRIVACY_RESOLVABLE) {
        reversed(irk, s->irk, 16);
        reversed(prand, s->next_rpa.octet + 3, 3);
        err = toolbox_ah(&s->toolbox, irk, prand, hash);
        if (!err) {
            reversed(s->next_rpa.octet, hash, 3);
        }
        wipe(irk, sizeof irk);
    }
    return err;
}

/* Replaces our address, now or when the controller has calculated it.  0 or WOAD_EIO: it is tried
 * again after AGAIN_MS.  A failure at once leaves the address in use valid; after one of the
 * controller's nothing is sent from an address before the next attempt. */
static int private_renew(struct woad *h)
{
    struct smp *s = h->smp;
    int err = smp_calculate(h, CRYPTO_PRIVACY, private_make, 0);
    if (err == STEP_BLOCKED) {
        h->address_pending = ADDRESS_CALCULATED;
        return 0;
    }
    s->rpa_in_progress = false;
    if (err) {
        if (h->address_pending) {
            h->address_pending = ADDRESS_FAILED;
        }
        s->rpa_failures++;
        s->rpa_deadline = deadline_in(h, AGAIN_MS);
        return err;
    }
    h->address_pending = 0;
    s->rpa_failures = 0;
    h->controller.random_addr = s->next_rpa;
    h->own_type = WOAD_ADDR_RANDOM;
    h->random_dirty = true;
    s->rpa_deadline = deadline_in(h, s->rpa_interval_ms);
    return 0;
}

/* The controller has calculated, or the attempt to connect has paused: continues private_renew().
 * An address that is only due makes nothing wait if it can't be made: the old one stays. */
static void private_calculated(struct woad *h)
{
    if (h->activity & ACTIVE_CONNECT) {
        return;
    }
    if (h->address_pending == ADDRESS_DUE) {
        h->address_pending = 0;
        private_renew(h);
    } else if (h->address_pending == ADDRESS_CALCULATED) {
        private_renew(h);
    }
}

/* Renews the address in time, but not while the host is down.  An attempt to connect, which may
 * have no time limit, pauses for it (gap_central.c looks at ADDRESS_DUE): the controller refuses
 * the command during one.  A controller that fails RPA_TRIES times is lost: advertising and
 * connecting would wait for ever.  What the controller calculates is asked for again after
 * AGAIN_MS, if its answer has not come.  Returns ms to the next renewal; 0: woad_poll() is to ask
 * again. */
static uint32_t private_run_timers(struct woad *h)
{
    struct smp *s = h->smp;
    if (h->state != HOST_UP) {
        return WOAD_FOREVER;
    }
    bool due = h->address_pending == ADDRESS_DUE && !(h->activity & ACTIVE_CONNECT);
    private_calculated(h);
    if (due) {
        return 0;
    }
    if (deadline_left(h, s->rpa_deadline) == 0) {
        if (s->rpa_failures >= RPA_TRIES) {
            host_down(h, WOAD_EIO);
            return 0;
        }
        s->rpa_deadline = deadline_in(h, s->rpa_interval_ms);
        if (!(h->activity & ACTIVE_CONNECT)) {
            private_renew(h);
        } else if (!h->address_pending) {
            h->address_pending = ADDRESS_DUE;
        }
        if (h->address_pending) {
            s->rpa_deadline = deadline_in(h, AGAIN_MS);
        }
        return 0;
    }
    return deadline_left(h, s->rpa_deadline);
}

static const struct privacy_ops privacy_ops = { .run_timers = private_run_timers,
                                                .calculated = private_calculated };

int woad_set_privacy(struct woad *h, enum woad_privacy mode, uint16_t seconds)
{
    h->commands_idle = false;
    struct smp *s = h->smp;
    if (!s || !smp_has_crypto(h)) {
        return REFUSED(h, WOAD_ENOTSUP,
                       "woad_feature_security_manager, or cryptography, is missing");
    }
    if (h->state != HOST_UP) {
        return REFUSED(h, WOAD_ENODEV, NOT_UP);
    }
    if (mode > WOAD_PRIVACY_NON_RESOLVABLE || (mode && !seconds) || seconds > LIFETIME_MAX_S ||
        (mode == WOAD_PRIVACY_RESOLVABLE && !s->has_irk)) {
        return REFUSED(h, WOAD_EINVAL,
                       "mode %d, %u s: 1 to 3600 s; resolvable ones need woad_set_irk()", (int)mode,
                       seconds);
    }
    if (h->activity & ACTIVE_CONNECT) {
        return REFUSED(h, WOAD_EBUSY, "an attempt to connect is in progress");
    }
    if (!s->privacy && mode) {
        woad_own_address(h, &s->identity);
        s->static_addr = h->controller.random_addr;
    }
    uint8_t previous = s->privacy;
    s->privacy_ops = &privacy_ops;
    if (h->crypto_role) {
        h->crypto_role->release(h, CRYPTO_PRIVACY); /* an address being calculated */
    }
    h->address_pending = 0;
    s->rpa_in_progress = false;
    s->rpa_failures = 0;
    s->privacy = (uint8_t)mode;
    s->rpa_interval_ms = seconds * 1000u;
    s->rpa_deadline = 0;
    if (mode) {
        s->rpa_deadline = deadline_in(h, s->rpa_interval_ms);
        int err = private_renew(h);
        if (err) { /* the mode and the address stay as they were */
            s->privacy = previous;
            s->rpa_failures = 0;
            s->rpa_deadline = 0;
            if (previous) {
                s->rpa_deadline = deadline_in(h, s->rpa_interval_ms);
            }
        }
        return err;
    }
    if (!previous) {
        return 0;
    }
    h->controller.random_addr = s->static_addr;
    return woad_set_own_address(h, s->identity.type, NULL);
}
