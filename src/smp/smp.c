/* The Security Manager: begins and ends pairings, runs their steps, takes and sends PDUs, keeps the
 * time limit.  The steps themselves are in smp_steps.c and smp_keys.c.  Vol 3, Part H, 2.3, 3
 *
 * Names of other files:
 *   c: a connection's struct (core/conn.h)
 *   p: a pairing (smp.h)
 *   s: a connection's security (smp.h)
 *   address_pending: ADDRESS_…: our next private address is calculated, failed, or due; 0: none is
 *   all_mark_ready(): woad_tx() polls all connections, and the features for HCI commands
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   arena_alloc_per_conn(): an element for each connection; its address goes into ARENA_SLOT
 *   ARENA_SLOT: a field of an array of structs, where addresses go (core/arena.h)
 *   att_client: the GATT client, as bearers call it; NULL: not linked
 *   attempts_ms_left(): ms until the next peer need not wait any more
 *   attempts_wait(): the peer has failed to pair too often, and must wait
 *   AWAIT: a step that waits for the PDU of this code
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   cfg: the config that the application gave to woad_init()
 *   coc_role: credit-based channels, as L2CAP calls them; NULL: not linked
 *   conn: a connection's number in the public interface
 *   conn_for_call(): conn_of() for a public call: all connections are polled again afterwards
 *   conn_index(): index of a connection in the arrays that have an element for each
 *   conn_mark_ready(): woad_tx() polls the connection again; without it, nothing more would be sent
 *   conn_of(): the struct of a connection by its public number; NULL: it has ended
 *   crypto_owner: the owner of the calculation that the controller makes
 *   CRYPTO_PENDING: the controller calculates; when it has, the whole calculation is repeated
 *   crypto_role: cryptography by the controller: hci_crypto.c; NULL: not linked
 *   deadline_in(): the time so many ms from now, for a deadline field
 *   deadline_left(): ms until the time of a deadline field; 0: passed; WOAD_FOREVER: the field is 0
 *   discard_encryption: a failed pairing's encryption is under way: its success does not count
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   encryption_pending(): the HCI command for encryption has been sent; Encryption Change follows
 *   failed_reason: of the Pairing Failed to be sent; 0: none
 *   from_bond: the connection's key is a bond's, else the pairing's
 *   gatt_bonds: the server's functions for bonded clients: gatt_bonded.c; NULL: no Security Manager
 *   has_key: of smp_role: there is a bond with a key
 *   INITIATOR: index in p->side: the central
 *   key_command_due: the HCI command that starts or answers encryption is to be sent
 *   keypress_due: a keypress notification is to be sent
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   may_multiply: woad_poll() runs and has done no P-256 multiplication yet
 *   passkey_action: what the user is to do: WOAD_PASSKEY_…
 *   pdu_to_send: code of the PDU to be sent; 0: none
 *   privacy_ops: private addresses: smp_privacy.c; NULL: not linked
 *   rd_left(): octets not read yet (base/buf.h)
 *   received_pdu: code of the PDU received, for AWAIT; 0: none
 *   release: of crypto_role: forgets what this owner calculates, and its P-256 key pair
 *   RESPONDER: index in p->side: the peripheral
 *   run_timers: hook in woad_poll(): ends what has timed out; returns ms to the next deadline
 *   save_client_state: of smp_role: saves the server's state in the client's bond; may raise events
 *   security_changed: hook: a pairing or an encryption has ended, with 0 or the reason
 *   security_request_due: a Security Request is to be sent
 *   SEND: a step that sends the PDU of this code
 *   smp: of the host: the Security Manager's state; of a connection: its security
 *   SMP_FEATURE: the hooks that both features of the Security Manager have (smp.h)
 *   smp_keypress: handler of Keypress Notification: smp_keypress.c; NULL: not linked
 *   smp_read(): reads a PDU that the steps expect into the pairing: 0 or a reason
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   STEP_BLOCKED: a step's result: it is not done, and is called again
 *   timed_out: the Security Manager timer has expired: no more SMP PDUs on this connection
 *   timer: deadline of the Security Manager timer, 30 s; 0: it does not run
 *   to_air_address: of smp_role: replaces a peer's identity address by the private one it uses
 *   to_identity: of smp_role: replaces a bonded peer's private address by its identity address
 *   toolbox: the cryptographic functions of Vol 3, Part H, 2.2: base/toolbox.h
 *   user_state: of the user's part: USER_PENDING, USER_ANSWERED
 *   wipe(): zeros octets, and the compiler does not remove that */
#include <woad/crypto.h>

#include "../core/clock.h"
#include "../core/event.h"
#include "../core/log.h"
#include "../core/ready.h"
#include "../gatt_server/gatt_server.h"
#include "smp.h"

/* Wipes and frees the connection's pairing, with its out-of-band data.  The encryption of the link,
 * and its pending commands, stay. */
void smp_free_pairing(struct conn *c)
{
    c->smp->timer = 0;
    if (c->smp->pairing) {
        wipe(c->smp->pairing, sizeof *c->smp->pairing);
        c->smp->pairing = NULL;
    }
}

/* NULL: no pairing runs; there may be out-of-band data for one, with `steps` NULL. */
struct pairing *smp_active_pairing(const struct conn *c)
{
    struct pairing *p = c->smp->pairing;
    if (!p || !p->steps) {
        return NULL;
    }
    return p;
}

/* The connection's pairing, else a free one for it; NULL: config.pairings are in use. */
struct pairing *smp_get_pairing(struct conn *c)
{
    struct pairing *p = c->h->smp->pairings, *end = p + pairings(c->h);
    if (c->smp->pairing) {
        return c->smp->pairing;
    }
    while (p < end && p->c) {
        p++;
    }
    if (p == end) {
        return NULL;
    }
    p->c = c;
    p->role = c->central ? INITIATOR : RESPONDER;
    p->own = &p->side[p->role];
    p->peer = &p->side[!p->role];
    c->smp->pairing = p;
    return p;
}

/* Raises WOAD_EV_SECURITY with what the connection has now; then client and channels go on. */
void smp_emit_security(struct conn *c, int status)
{
    struct woad *h = c->h;
    struct woad_event ev;
    ev.u.security.status = status;
    ev.u.security.now = c->security;
    emit_of(c, WOAD_EV_SECURITY, &ev);
    if (h->att_client) {
        h->att_client->security_changed(c, status);
    }
    if (h->coc_role) {
        h->coc_role->security_changed(c, status);
    }
}

/* AuthReq of our PDUs, from the policy.  3.5.1, 3.6.7 */
uint8_t smp_auth(const struct woad *h)
{
    const struct woad_security_policy *p = &h->smp->policy;
    uint8_t auth = 0;
    if (p->bond) {
        auth = AUTH_BOND;
    }
    if (p->mitm) {
        auth |= AUTH_MITM;
    }
    if (!p->prefer_legacy && smp_has_p256(h)) {
        auth |= AUTH_SECURE;
    }
    if (p->keypress && h->smp_keypress) {
        auth |= AUTH_KEYPRESS;
    }
    return auth;
}

/* Whether this status means that a side has guessed a secret wrongly. */
static bool is_failed_guess(int status)
{
    int reason = status & 0xff;
    return status > 0 && status < WOAD_SECURITY_HCI &&
           (reason == WOAD_SMP_CONFIRM || reason == WOAD_SMP_DHKEY_CHECK ||
            reason == WOAD_SMP_NUMERIC_COMPARISON || reason == WOAD_SMP_PASSKEY_ENTRY);
}

void smp_restart_timer(const struct conn *c)
{
    c->smp->timer = deadline_in(c->h, SMP_TIMEOUT_MS);
}

/* smp_command() will send the HCI command.  What `size` and `flags` say of the key will be in
 * c->security when it encrypts. */
void link_request_encryption(const struct conn *c, bool from_bond)
{
    struct smp_conn *s = c->smp;
    s->from_bond = from_bond;
    s->key_command_due = true;
}

/* Whether WOAD_EV_SECURITY will follow by itself.  The encryption of a failed pairing does not
 * count, as that has been reported. */
bool smp_security_pending(const struct conn *c)
{
    const struct smp_conn *s = c->smp;
    return s->timer || s->security_request_due || (s->key_command_due && c->central) ||
           (encryption_pending(c) && !s->discard_encryption);
}

/* Drops what the controller calculates for this connection. */
static void smp_release(struct conn *c)
{
    const struct crypto_role *role = c->h->crypto_role;
    if (role) {
        role->release(c->h, conn_index(c));
    }
}

/* Ends a pairing or a Security Request with WOAD_EV_SECURITY.  The pairing's key is not used any
 * more.  Encryption with a bond's key goes on, and is reported by itself. */
void smp_ended(struct conn *c, int status)
{
    struct woad *h = c->h;
    struct smp_conn *s = c->smp;
    bool guess = is_failed_guess(status);
    if (guess) {
        attempts_failed(h, &c->peer);
    }
    smp_release(c);
    s->security_request_due = false;
    if (!s->from_bond) {
        s->discard_encryption = encryption_pending(c);
        if (s->key_command_due && !c->central) {
            c->want_ltk_reply = true; /* negative reply */
        }
        s->key_command_due = false;
    }
    smp_free_pairing(c);
    smp_emit_security(c, status);
    if (guess) {
        attempts_emit(h, &c->peer);
    }
}

/* The same for a failure found here: sends Pairing Failed with `reason`. */
void smp_fail(struct conn *c, uint8_t reason)
{
    LOG(c->h, WOAD_LOG_INFO, "the pairing on connection 0x%x fails here: reason 0x%x", c->number,
        reason);
    c->smp->failed_reason = reason;
    smp_ended(c, reason);
}

/* --- cryptography: the application's or the controller's -------------------------------------- */

bool smp_has_crypto(const struct woad *h)
{
    return h->crypto_role || (h->cfg.crypto && h->cfg.random);
}

/* Call it only if smp_has_crypto(): crypto_role is there, or config.crypto. */
bool smp_has_p256(const struct woad *h)
{
    return h->cfg.crypto || h->crypto_role->has_p256(h);
}

/* Random octets: 0, CRYPTO_PENDING, or a negative error. */
int smp_random(struct woad *h, void *out, size_t len)
{
    if (h->cfg.random) {
        if (h->cfg.random(h->cfg.ctx, out, len) >= 0) {
            return 0;
        }
    } else if (h->crypto_role) {
        return h->crypto_role->random(h, out, len);
    }
    return WOAD_EIO;
}

int woad_random(struct woad *h, uint8_t *out, size_t len)
{
    if (!h->cfg.random && len > 16) {
        return REFUSED(h, WOAD_EINVAL, "%u octets: 16 at a time without config.random",
                       (unsigned)len);
    }
    int err = smp_random(h, out, len);
    if (err == CRYPTO_PENDING) {
        return WOAD_EAGAIN;
    }
    return err;
}

/* Runs a function that may need the controller's cryptography, on behalf of `owner` (a connection's
 * index, or CRYPTO_PRIVACY).  STEP_BLOCKED: the controller still calculates, and the function runs
 * again with the results so far.  Calls nest, because a step may raise an event. */
int smp_calculate(struct woad *h, uint16_t owner,
                  int (*step_function)(struct woad *h, uint16_t owner, uint8_t arg), uint8_t arg)
{
    struct smp *m = h->smp;
    uint16_t outer = m->crypto_owner;
    if (h->cfg.crypto || !h->crypto_role) {
        return step_function(h, owner, arg);
    }
    m->crypto_owner = owner;
    h->crypto_role->begin(h, owner);
    int result = step_function(h, owner, arg);
    m->crypto_owner = outer;
    if (result != STEP_BLOCKED) {
        h->crypto_role->end(h, owner);
    }
    return result;
}

static void smp_calculated(struct woad *h)
{
    if (h->smp->privacy_ops) {
        h->smp->privacy_ops->calculated(h);
    }
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        smp_run(c);
    }
}

/* --- running the steps ------------------------------------------------------------------------ */

void smp_begin(struct pairing *p, const uint8_t *steps)
{
    p->steps = steps;
    p->step = p->loop_start = 0;
    smp_restart_timer(p->c);
}

/* Begins a pairing for the connection, which may have out-of-band data already.  NULL:
 * config.pairings are in use. */
struct pairing *smp_begin_pairing(struct conn *c, const uint8_t *steps)
{
    struct pairing *p = smp_get_pairing(c);
    if (p) {
        smp_begin(p, steps);
    }
    return p;
}

/* Does one step, if it can be done now.  Its result: see STEP_BLOCKED. */
static int smp_do_step(struct pairing *p, uint8_t step)
{
    if (step & SEND) {
        p->pdu_to_send = (uint8_t)(step & ~SEND);
        p->step++; /* smp_tx() continues when it has been sent */
        return STEP_BLOCKED;
    }
    if (step & AWAIT) {
        if (p->received_pdu != (step & ~AWAIT)) {
            return STEP_BLOCKED;
        }
        p->received_pdu = 0;
        return 0;
    }
    return smp_calculate(p->c->h, conn_index(p->c), smp_step, step);
}

/* Runs steps until one blocks.  A step may end the pairing in an event, and the application may
 * begin another one there: then the step is not advanced. */
void smp_run(struct conn *c)
{
    struct pairing *p;
    if (smp_active_pairing(c)) {
        conn_mark_ready(c);
    }
    while ((p = smp_active_pairing(c)) != NULL && !p->pdu_to_send) {
        const uint8_t *steps = p->steps;
        uint8_t at = p->step;
        int result = smp_do_step(p, steps[at]);
        if (result == STEP_BLOCKED) {
            return;
        }
        if (result < 0) { /* a calculation has failed */
            result = WOAD_SMP_UNSPECIFIED;
        }
        if (result) {
            smp_fail(c, (uint8_t)result);
            return;
        }
        if (c->smp->pairing == p && p->steps == steps && p->step == at) {
            p->step++;
        }
    }
}

/* Whether the steps accept this PDU now: it is awaited before the next PDU that we send, and before
 * encryption begins, because keys that arrive unencrypted may be an attacker's. */
static bool smp_expects(const struct pairing *p, uint8_t code)
{
    if (p->received_pdu || p->pdu_to_send) {
        return false;
    }
    for (const uint8_t *step = p->steps + p->step; *step != STEP_END && !(*step & SEND); step++) {
        if (*step == STEP_ENCRYPT) {
            return false;
        }
        if (*step == STEP_AWAIT_KEYS) {
            return keys_expects(p, code);
        }
        if (*step & AWAIT) {
            return *step == (AWAIT | code);
        }
    }
    return false;
}

/* --- received PDUs ---------------------------------------------------------------------------- */

static const uint8_t lengths[SMP_CODES] = {
    /* in octets, with the code */
    [SMP_REQUEST] = 7,  [SMP_RESPONSE] = 7, [SMP_CONFIRM] = 17,         [SMP_RANDOM] = 17,
    [SMP_FAILED] = 2,   [SMP_LTK] = 17,     [SMP_CENTRAL_ID] = 11,      [SMP_IRK] = 17,
    [SMP_IDENTITY] = 8, [SMP_CSRK] = 17,    [SMP_SECURITY_REQUEST] = 2, [SMP_PUBLIC_KEY] = 65,
    [SMP_CHECK] = 17,   [SMP_KEYPRESS] = 2,
};

static const uint8_t request_steps[] = { AWAIT | SMP_REQUEST, STEP_SELECT, STEP_END };

/* Ends a pairing or a Security Request of ours, if there is one. */
static void smp_end_any(struct conn *c, int status)
{
    if (c->smp->timer || c->smp->security_request_due) {
        smp_ended(c, status);
    }
}

/* Refuses a Pairing Request.  It also answers a Security Request of ours. */
static void smp_refuse(struct conn *c, uint8_t reason)
{
    c->smp->failed_reason = reason;
    smp_end_any(c, reason);
}

/* A PDU has been read: runs the pairing, or ends it with the error.  STEP_BLOCKED: it has ended. */
static void smp_continue(struct conn *c, int err)
{
    if (err > 0) {
        smp_fail(c, (uint8_t)err);
    } else if (!err) {
        smp_run(c);
    }
}

/* SMP_PAIRING_REQUEST to a peripheral with no pairing under way.  3.5.1 */
static void smp_rx_request(struct conn *c, struct rd *in)
{
    const struct woad *h = c->h;
    if (h->smp->policy.no_pairing || !smp_has_crypto(h)) {
        if (!h->smp->policy.no_pairing) {
            LOG(h, WOAD_LOG_WARNING,
                "a pairing is refused: config.crypto or config.random is NULL");
        }
        smp_refuse(c, WOAD_SMP_NOT_SUPPORTED);
        return;
    }
    if (attempts_wait(c)) {
        smp_refuse(c, WOAD_SMP_REPEATED_ATTEMPTS);
        return;
    }
    c->smp->security_request_due = false;
    struct pairing *p = smp_begin_pairing(c, request_steps);
    int err = WOAD_SMP_BUSY;
    if (p) {
        err = smp_read(p, SMP_REQUEST, in);
    }
    smp_continue(c, err);
}

/* SMP_PAIRING_FAILED: reason u8.  3.5.5 */
static void smp_rx_failed(struct conn *c, struct rd *in)
{
    uint8_t reason = rd_u8(in);
    if (!reason) {
        reason = WOAD_SMP_UNSPECIFIED;
    }
    LOG(c->h, WOAD_LOG_INFO, "connection 0x%x: the peer ends the pairing: reason 0x%x", c->number,
        reason);
    smp_end_any(c, WOAD_SECURITY_PEER | reason);
}

/* A PDU of the SMP channel: code u8, parameters.  Reserved codes are ignored; a PDU that the steps
 * don't expect ends the pairing.  3.3 */
static void smp_rx(struct conn *c, struct rd *in)
{
    const struct smp *m = c->h->smp;
    struct smp_conn *s = c->smp;
    struct pairing *p = smp_active_pairing(c);
    uint8_t code = rd_u8(in);
    if (in->bad || !code || code >= SMP_CODES || s->timed_out) {
        return;
    }
    bool central = c->central;
    if (rd_left(in) + 1 != lengths[code]) {
        if (p) {
            smp_fail(c, WOAD_SMP_INVALID_PARAMETERS);
        } else if (code == SMP_REQUEST && !central) {
            smp_refuse(c, WOAD_SMP_INVALID_PARAMETERS);
        }
        return;
    }
    if (code == SMP_FAILED) {
        smp_rx_failed(c, in);
    } else if (code == SMP_REQUEST && !central && !p) {
        smp_rx_request(c, in);
    } else if (code == SMP_SECURITY_REQUEST && central) {
        if (m->central) {
            m->central->security_request(c, rd_u8(in));
        } else {
            s->failed_reason = WOAD_SMP_NOT_SUPPORTED;
        }
    } else if (!p) {
        if (code == SMP_REQUEST) {
            s->failed_reason = WOAD_SMP_UNKNOWN_COMMAND;
        }
    } else if (code == SMP_KEYPRESS && p->method == WOAD_METHOD_PASSKEY) {
        if (c->h->smp_keypress) {
            c->h->smp_keypress(p, in);
        }
    } else if (smp_expects(p, code)) {
        smp_restart_timer(c);
        smp_continue(c, smp_read(p, code, in));
    } else {
        smp_fail(c, WOAD_SMP_UNSPECIFIED);
    }
}

/* --- sent PDUs -------------------------------------------------------------------------------- */

/* Whether the connection already has all that the policy asks for, so that a pairing would gain
 * nothing. */
static bool smp_security_sufficient(const struct conn *c)
{
    const struct woad_security *has = &c->security;
    const struct woad_security_policy *policy = &c->h->smp->policy;
    return has->key_size >= smp_key_size_min(policy) && (has->bonded || !policy->bond) &&
           (has->secure || policy->allow_legacy || policy->prefer_legacy) &&
           (has->authenticated || !(policy->mitm || policy->require_mitm));
}

/* SMP_SECURITY_REQUEST: AuthReq u8.  Waits while the peer must wait after failures.  Reports
 * success instead when the connection has enough security, and failure after an SMP
 * timeout.  3.4, 3.6.7 */
static bool smp_tx_request(struct conn *c, struct wr *out)
{
    bool enough = smp_security_sufficient(c);
    if (!enough && attempts_wait(c)) {
        return false;
    }
    c->smp->security_request_due = false;
    if (enough) {
        smp_emit_security(c, 0);
        return false;
    }
    if (c->smp->timed_out) {
        smp_emit_security(c, WOAD_ETIMEDOUT);
        return false;
    }
    wr_u8(out, SMP_SECURITY_REQUEST);
    wr_u8(out, smp_auth(c->h));
    smp_restart_timer(c);
    return true;
}

/* Writes the next PDU: Pairing Failed, Security Request, Keypress Notification, the pairing's. */
static bool smp_tx(struct conn *c, struct wr *out)
{
    struct smp_conn *s = c->smp;
    struct pairing *p = smp_active_pairing(c);
    if (s->failed_reason && !s->timed_out) {
        wr_u8(out, SMP_FAILED);
        wr_u8(out, s->failed_reason);
        s->failed_reason = 0;
        return true;
    }
    if (s->security_request_due) {
        return smp_tx_request(c, out);
    }
    if (s->timed_out || !p || !(p->keypress_due || p->pdu_to_send)) {
        return false;
    }
    smp_restart_timer(c);
    uint8_t code = SMP_KEYPRESS;
    if (p->keypress_due) {
        p->keypress_due = false;
    } else {
        code = p->pdu_to_send;
        p->pdu_to_send = 0;
    }
    smp_write(p, code, out);
    smp_run(c);
    return true;
}

/* --- time ------------------------------------------------------------------------------------- */

/* Runs the pairings, at most one P-256 multiplication a call of woad_poll(), and ends those that
 * are late.  Returns ms to the next deadline. */
uint32_t smp_run_timers(struct woad *h)
{
    const struct smp *m = h->smp;
    uint32_t left = attempts_ms_left(h);
    if (m->privacy_ops) {
        left = min_u32(left, m->privacy_ops->run_timers(h));
    }
    h->smp->may_multiply = true;
    if (h->oob) {
        h->oob->role->make(h);
    }
    for (struct conn *c = h->conns; c < h->conns_end; c++) {
        smp_run(c); /* before its timer is read: STEP_PAUSE restarts it */
        uint32_t timer = deadline_left(h, c->smp->timer);
        left = min_u32(left, timer);
        if (!timer) {
            c->smp->timed_out = true;
            smp_ended(c, WOAD_ETIMEDOUT);
            left = 0;
        }
        const struct pairing *p = smp_active_pairing(c);
        if (p) {
            left = min_u32(left, deadline_left(h, p->step_deadline));
        }
    }
    if (!h->smp->may_multiply) {
        left = 0; /* poll again at once: the result is to be sent */
    }
    h->smp->may_multiply = false;
    return left;
}

/* --- the feature ------------------------------------------------------------------------------ */

static const struct smp_role role = { .rx = smp_rx,
                                      .tx = smp_tx,
                                      .key_request = smp_key_request,
                                      .has_key = smp_has_key,
                                      .to_identity = rpa_resolve,
                                      .to_air_address = rpa_air_address,
                                      .save_client_state = bond_save_client,
                                      .pair = woad_pair,
                                      .wake = smp_calculated };

/* AES for the toolbox: by the application's library, or by the controller. */
static int box_aes(void *ctx, const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    struct woad *h = ctx;
    if (h->cfg.crypto) {
        if (!h->cfg.crypto->aes128(key, in, out)) {
            return 0;
        }
    } else if (h->crypto_role) {
        return h->crypto_role->aes(h, h->smp->crypto_owner, key, in, out);
    }
    return WOAD_EIO; /* never the library's own error: that may equal CRYPTO_PENDING */
}

void smp_layout(struct woad *h)
{
    struct smp *s = arena_alloc(h, 1, sizeof *s);
    struct pairing *all = arena_alloc(h, pairings(h), sizeof *all);
    arena_alloc_per_conn(h, sizeof(struct smp_conn), ARENA_SLOT(h->conns, smp));
    if (s) {
        s->pairings = all;
        s->toolbox = (struct toolbox){ .aes = box_aes, .ctx = h };
        s->policy.io = WOAD_IO_NONE;
        s->crypto_owner = CRYPTO_NO_OWNER;
        h->smp = s;
        h->smp_role = &role;
        h->gatt_bonds = &gatt_bonds;
    }
    bond_layout(h);
}

void smp_open(struct conn *c)
{
    wipe(c->smp, sizeof *c->smp);
}

/* The connection has ended: so do its pairing and its encryption. */
void smp_close(struct conn *c)
{
    struct smp_conn *s = c->smp;
    bool ends = smp_security_pending(c);
    memset(&c->security, 0, sizeof c->security);
    smp_release(c);
    smp_free_pairing(c);
    wipe(s, sizeof *s);
    if (ends) {
        smp_emit_security(c, WOAD_ENOTCONN);
    }
}

/* No private address (rpa_…) is used or being made.  Pairings have ended with their connections. */
void smp_reset(struct woad *h)
{
    h->smp->privacy = 0;
    h->address_pending = 0;
    h->smp->rpa_in_progress = false;
    h->smp->rpa_failures = 0;
    h->smp->rpa_deadline = 0;
}

const struct woad_needs smp_needs = { .frame_max = SMP_FRAME };

const struct woad_feature woad_feature_security_peripheral = { .layout = smp_layout, SMP_FEATURE };

/* --- calls ------------------------------------------------------------------------------------ */

int woad_set_security_policy(struct woad *h, const struct woad_security_policy *p)
{
    if (!h->smp) {
        return REFUSED(h, WOAD_ENOTSUP, NO_FEATURE, "woad_feature_security_manager");
    }
    if (p->io > WOAD_IO_KEYBOARD_DISPLAY ||
        (p->key_size_min && (p->key_size_min < 7 || p->key_size_min > 16))) {
        return REFUSED(h, WOAD_EINVAL, "io %u, key_size_min %u: 0 to 4; 0, or 7 to 16", p->io,
                       p->key_size_min);
    }
    h->smp->policy = *p;
    all_mark_ready(h); /* requests that wait for security may not have to under the new policy */
    return 0;
}

/* A refusal marks nothing ready: what is polled and needs encryption calls this each time, and the
 * host must be able to sleep. */
int woad_pair(struct woad *h, uint16_t conn)
{
    struct conn *c = conn_of(h, conn);
    int err = WOAD_ENOTSUP;
    if (!h->smp || !smp_has_crypto(h)) {
        return REFUSED(h, err, "woad_feature_security_manager, or cryptography, is missing");
    }
    if (!c || c->state != CONN_OPEN) {
        return REFUSED(h, WOAD_ENOTCONN, NO_CONNECTION, conn);
    }
    if (smp_security_pending(c)) {
        return REFUSED(h, WOAD_EALREADY, "a pairing or an encryption is in progress");
    }
    if (!c->central) {
        if (c->smp->timed_out && !smp_security_sufficient(c)) {
            return WOAD_ETIMEDOUT;
        }
        c->smp->security_request_due = true;
        err = 0;
    } else if (h->smp->central) {
        err = h->smp->central->pair(c);
    }
    if (!err) {
        all_mark_ready(h);
    }
    return err;
}

int woad_pair_refuse(struct woad *h, uint16_t conn)
{
    struct conn *c = conn_for_call(h, conn);
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    if (smp_security_pending(c)) {
        return WOAD_EALREADY;
    }
    c->smp->failed_reason = WOAD_SMP_NOT_SUPPORTED;
    return 0;
}

/* The running pairing for an application's call; NULL, and in *err the reason. */
struct pairing *pairing_for_call(struct woad *h, uint16_t conn, int *err)
{
    struct conn *c = conn_for_call(h, conn);
    *err = WOAD_ENOENT;
    if (h->smp && c) {
        return smp_active_pairing(c);
    }
    *err = WOAD_ENOTCONN;
    if (!h->smp) {
        *err = WOAD_ENOTSUP;
    }
    return NULL;
}

int woad_passkey(struct woad *h, uint16_t conn, enum woad_passkey_action action, uint32_t passkey)
{
    int err;
    struct pairing *p = pairing_for_call(h, conn, &err);
    if (!p || p->user_state == USER_NONE) {
        return REFUSED(h, err, "connection 0x%x waits for no passkey", conn);
    }
    if (passkey > 999999 || action != p->passkey_action) {
        /* The passkey itself is a secret. */
        return REFUSED(h, WOAD_EINVAL, "action %d, the event's is %d; a passkey is up to 999999",
                       (int)action, (int)p->passkey_action);
    }
    if (p->user_state == USER_ANSWERED) {
        return REFUSED(h, WOAD_EALREADY, "it has been answered");
    }
    if (action == WOAD_PASSKEY_COMPARE && !passkey) {
        smp_fail(p->c, WOAD_SMP_NUMERIC_COMPARISON);
        return 0;
    }
    if (action != WOAD_PASSKEY_COMPARE) {
        p->passkey = passkey;
    }
    p->user_state = USER_ANSWERED;
    smp_run(p->c);
    return 0;
}

int woad_conn_security(const struct woad *h, uint16_t conn, struct woad_security *security)
{
    const struct conn *c = conn_of(h, conn);
    if (!c) {
        return WOAD_ENOTCONN;
    }
    *security = c->security;
    return 0;
}
