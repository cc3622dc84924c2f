/* Pairing: the scripts, what comes and goes, time.  Vol 3, Part H, 2.3, 3 */
#include "smp.h"

/* In the same time wherever they differ. */
bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint8_t differ = 0;
    for (size_t n = 0; n < len; n++) {
        differ |= (uint8_t)(a[n] ^ b[n]);
    }
    return !differ;
}

/* What is the most significant octet first here is the last one on the air. */
void reversed(uint8_t *out, const uint8_t *in, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        out[n] = in[len - 1 - n];
    }
}

/* Everything of a pairing is forgotten; what the link is encrypted with is not, nor what is to come
 * of it.  What is known out of band is for one pairing. */
void smp_forget(struct smp_conn *s)
{
    struct smp_conn kept = { .dead = s->dead, .failed = s->failed, .asks = s->asks,
                             .fetched = s->fetched, .tried = s->tried,
                             .want_encrypt = s->want_encrypt, .want_key = s->want_key,
                             .encrypting = s->encrypting, .spoilt = s->spoilt,
                             .from_bond = s->from_bond,
                             .link_size = s->link_size, .link_flags = s->link_flags,
                             .link_ediv = s->link_ediv };
    memcpy(kept.link_key, s->link_key, sizeof kept.link_key);
    memcpy(kept.link_rand, s->link_rand, sizeof kept.link_rand);
    wipe(s, sizeof *s);
    *s = kept;
    wipe(&kept, sizeof kept);
}

/* WOAD_EV_SECURITY: what the connection has now. */
void smp_told(struct woad *h, uint16_t i, int status)
{
    struct woad_event ev = { .type = WOAD_EV_SECURITY, .conn = conn_number(h, i),
                             .u.security = { status, h->conns[i].security } };
    emit(h, &ev);
    if (h->att_client) {
        h->att_client->secured(h, i, status);
    }
    if (h->coc_role) {
        h->coc_role->secured(h, i, status);
    }
}

/* AuthReq: what is asked of both sides, by the policy.  3.5.1, 3.6.7 */
uint8_t smp_auth(const struct woad *h)
{
    const struct woad_security_policy *p = &h->smp->policy;
    return (uint8_t)((p->bond ? AUTH_BOND : 0) | (p->mitm ? AUTH_MITM : 0) |
                     (p->prefer_legacy || !smp_has_p256(h) ? 0 : AUTH_SECURE) |
                     (p->keypress ? AUTH_KEYPRESS : 0));
}

/* What tells that somebody is guessing, on either side. */
static bool is_guess(int status)
{
    int reason = status & 0xff;
    return status > 0 && status < WOAD_SECURITY_HCI &&
           (reason == WOAD_SMP_CONFIRM || reason == WOAD_SMP_DHKEY_CHECK ||
            reason == WOAD_SMP_NUMERIC_COMPARISON || reason == WOAD_SMP_PASSKEY_ENTRY);
}

/* What the controller was to calculate for it. */
static void smp_release(struct woad *h, uint16_t i)
{
    if (h->crypto_role) {
        h->crypto_role->release(h, i);
    }
}

/* It has ended badly. */
void smp_over(struct woad *h, uint16_t i, int status)
{
    struct smp_conn *s = &h->smp->conns[i];
    struct woad_addr peer = h->conns[i].peer;
    bool guess = is_guess(status) && attempts_failed(h, &peer);
    smp_release(h, i);
    s->asks = false;
    s->spoilt = s->script && s->encrypting;
    h->conns[i].want_ltk_reply = h->conns[i].want_ltk_reply || s->want_key;      /* none */
    s->want_encrypt = s->want_key = false;
    smp_forget(s);
    smp_told(h, i, status);
    if (guess) {
        attempts_emit(h, &peer);
    }
}

/* And by us: the peer is told why. */
void smp_fail(struct woad *h, uint16_t i, uint8_t reason)
{
    h->smp->conns[i].failed = reason;
    smp_over(h, i, reason);
}

/* --- who calculates --------------------------------------------------------------------------- */

bool smp_able(const struct woad *h)
{
    return (h->cfg.crypto || h->crypto_role) && (h->cfg.random || h->crypto_role);
}

bool smp_has_p256(const struct woad *h)
{
    return h->cfg.crypto || h->crypto_role->has_p256(h);
}

/* 0, CRYPTO_LATER, or negative. */
int smp_random(struct woad *h, void *out, size_t len)
{
    if (h->cfg.random) {
        return h->cfg.random(h->cfg.ctx, out, len) < 0 ? WOAD_EIO : 0;
    }
    return h->crypto_role ? h->crypto_role->random(h, out, len) : WOAD_EIO;
}

int woad_random(struct woad *h, uint8_t *out, size_t len)
{
    if (!h->cfg.random && len > 16) {
        return WOAD_EINVAL;
    }
    int err = smp_random(h, out, len);
    return err == CRYPTO_LATER ? WOAD_EAGAIN : err;
}

/* What calculates, and may have to wait for the controller: then it is STEP_BLOCKED, and is called
 * again. */
int smp_calculate(struct woad *h, uint16_t who,
                  int (*what)(struct woad *h, uint16_t i, uint8_t arg), uint8_t arg)
{
    struct smp *m = h->smp;
    uint16_t before = m->who;
    uint32_t mine = ++m->calculations;
    if (h->cfg.crypto || !h->crypto_role) {
        return what(h, who, arg);
    }
    m->who = who;
    h->crypto_role->begin(h, who);
    int result = what(h, who, arg);
    m->who = before;
    if (result != STEP_BLOCKED && m->calculations == mine) {       /* no other since */
        h->crypto_role->end(h, who);
    }
    return result;
}

/* BLESA: who answers in the clear where there is a bond may be anybody.  A bond's key is tried
 * when the client has something to ask, and nothing is asked, or believed, until it serves. */
static int smp_hold(struct woad *h, uint16_t i, bool again)
{
    struct smp_conn *s = &h->smp->conns[i];
    if (h->smp->policy.trust_unencrypted || h->conns[i].security.encrypted) {
        return 0;
    }
    const struct woad_bond *bond = s->fetched ? bond_find(h, &h->conns[i].peer)
                                              : bond_fetch(h, i);
    s->fetched = true;
    if (!bond || !(h->conns[i].central ? bond->has_peer_ltk : bond->has_own_ltk)) {
        return 0;
    }
    int err = again || !s->tried ? woad_pair(h, conn_number(h, i)) : 0;
    s->tried = true;
    return err == 0 || err == WOAD_EALREADY ? CLIENT_WAITS : WOAD_EACCES;
}

static void smp_wake(struct woad *h)
{
    rpa_wake(h);
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        smp_go(h, i);
    }
}

/* --- the scripts ------------------------------------------------------------------------------ */

void smp_begin(struct woad *h, uint16_t i, const uint8_t *script)
{
    struct smp_conn *s = &h->smp->conns[i];
    s->script = script;
    s->at = s->mark = 0;
    s->due = deadline_in(h->now, SMP_TIMEOUT_MS);
}

/* A pairing from its beginning: only what has come out of band is there already. */
static void begin_anew(struct woad *h, uint16_t i, const uint8_t *script)
{
    struct smp_conn *s = &h->smp->conns[i];
    struct smp_conn before = *s;
    smp_release(h, i);
    smp_forget(s);
    s->has_oob = before.has_oob;
    s->has_tk = before.has_tk;
    memcpy(s->own_r, before.own_r, sizeof s->own_r);
    memcpy(s->peer_r, before.peer_r, sizeof s->peer_r);
    memcpy(s->oob_confirm, before.oob_confirm, sizeof s->oob_confirm);
    wipe(&before, sizeof before);
    smp_begin(h, i, script);
}

static int smp_one(struct woad *h, uint16_t i, uint8_t step)
{
    struct smp_conn *s = &h->smp->conns[i];
    if (step & SEND) {
        s->out = (uint8_t)(step & ~SEND);
        s->at++;                         /* it goes on when it has been sent */
        return STEP_BLOCKED;
    }
    if (step & AWAIT) {
        if (s->heard != (step & ~AWAIT)) {
            return STEP_BLOCKED;
        }
        s->heard = 0;
        return 0;
    }
    return smp_calculate(h, i, smp_step, step);
}

/* As far as it goes.  A step may end it, and then another may have begun. */
void smp_go(struct woad *h, uint16_t i)
{
    struct smp_conn *s = &h->smp->conns[i];
    if (s->script) {
        stir_conn(h, i);
    }
    while (s->script && !s->out) {
        const uint8_t *script = s->script;
        uint8_t at = s->at;
        int result = smp_one(h, i, script[at]);
        if (result == STEP_BLOCKED) {
            return;
        }
        if (result > 0) {
            smp_fail(h, i, (uint8_t)result);
            return;
        }
        if (s->script == script && s->at == at) {
            s->at++;
        }
    }
}

/* Whether the script has a place for this PDU now: it awaits it, or will before it sends anything
 * that the peer would have to have first, or encrypts: keys that come in the clear are
 * anybody's. */
static bool smp_expects(const struct smp_conn *s, uint8_t code)
{
    if (!s->script || s->heard || s->out) {
        return false;
    }
    for (uint8_t n = s->at; s->script[n] != STEP_END && !(s->script[n] & SEND); n++) {
        if (s->script[n] == STEP_ENCRYPT) {
            return false;
        }
        if (s->script[n] == STEP_AWAIT_KEYS) {
            return keys_expects(s, code);
        }
        if (s->script[n] & AWAIT) {
            return s->script[n] == (AWAIT | code);
        }
    }
    return false;
}

/* --- in --------------------------------------------------------------------------------------- */

static const uint8_t lengths[SMP_CODES] = {                /* with the code */
    [SMP_REQUEST] = 7, [SMP_RESPONSE] = 7, [SMP_CONFIRM] = 17, [SMP_RANDOM] = 17,
    [SMP_FAILED] = 2, [SMP_LTK] = 17, [SMP_CENTRAL_ID] = 11, [SMP_IRK] = 17,
    [SMP_IDENTITY] = 8, [SMP_CSRK] = 17, [SMP_SECURITY_REQUEST] = 2, [SMP_PUBLIC_KEY] = 65,
    [SMP_CHECK] = 17, [SMP_KEYPRESS] = 2,
};

static const uint8_t asked[] = { AWAIT | SMP_REQUEST, STEP_CHOOSE, STEP_END };

/* SMP_PAIRING_REQUEST to a peripheral with nothing under way, or that has asked for it.  3.5.1 */
static void smp_rx_request(struct woad *h, uint16_t i, struct rd *in)
{
    struct smp_conn *s = &h->smp->conns[i];
    const struct woad_security_policy *p = &h->smp->policy;
    if (p->no_pairing || !smp_able(h)) {
        s->failed = WOAD_SMP_NOT_SUPPORTED;
        return;
    }
    s->asks = false;
    if (attempts_left(h, i)) {
        s->failed = WOAD_SMP_REPEATED_ATTEMPTS;
        s->script = NULL;
        return;
    }
    begin_anew(h, i, asked);
    int err = smp_read(h, i, SMP_REQUEST, in);
    if (err) {
        smp_fail(h, i, (uint8_t)err);
        return;
    }
    smp_go(h, i);
}

/* SMP_SECURITY_REQUEST to a central: AuthReq u8.  A bond's key is tried first, whatever is asked
 * for: who is not the bonded peer does not have it.  3.6.7 */
static void smp_rx_security_request(struct woad *h, uint16_t i, struct rd *in)
{
    struct smp_conn *s = &h->smp->conns[i];
    uint8_t auth = rd_u8(in);
    const struct woad_security *now = &h->conns[i].security;
    bool enough = now->encrypted && (now->authenticated || !(auth & AUTH_MITM));
    if (s->script || s->encrypting || s->want_encrypt || enough) {
        return;
    }
    if (h->smp->policy.no_pairing || woad_pair(h, conn_number(h, i)) < 0) {
        s->failed = WOAD_SMP_NOT_SUPPORTED;
    }
}

/* SMP_PAIRING_FAILED: reason u8.  3.5.5 */
static void smp_rx_failed(struct woad *h, uint16_t i, struct rd *in)
{
    struct smp_conn *s = &h->smp->conns[i];
    uint8_t reason = rd_u8(in);
    if (s->script || s->asks) {
        smp_over(h, i, WOAD_SECURITY_PEER | (reason ? reason : WOAD_SMP_UNSPECIFIED));
    }
}

static bool smp_tells_keys(const struct smp_conn *s)
{
    return s->script && s->method == WOAD_METHOD_PASSKEY &&
           (s->preq[PDU_AUTH] & s->pres[PDU_AUTH] & AUTH_KEYPRESS);
}

/* SMP_KEYPRESS_NOTIFICATION: type u8.  The user has time anew; where that was not agreed on it
 * means nothing.  3.5.8 */
static void smp_rx_keypress(struct woad *h, uint16_t i, struct rd *in)
{
    struct smp_conn *s = &h->smp->conns[i];
    uint8_t what = rd_u8(in);
    struct woad_event ev = { .type = WOAD_EV_KEYPRESS, .conn = conn_number(h, i),
                             .u.keypress = { (enum woad_keypress)what } };
    if (what > WOAD_KEYPRESS_COMPLETED) {
        smp_fail(h, i, WOAD_SMP_INVALID_PARAMETERS);
    } else if (smp_tells_keys(s)) {
        s->due = deadline_in(h->now, SMP_TIMEOUT_MS);
        emit(h, &ev);
    }
}

/* A PDU of the channel: code u8, parameters.  Reserved codes are ignored; what has no place ends
 * the pairing.  3.3 */
static void smp_rx(struct woad *h, uint16_t i, struct rd *in)
{
    struct smp_conn *s = &h->smp->conns[i];
    uint8_t code = rd_u8(in);
    if (in->bad || !code || code >= SMP_CODES || s->dead) {
        return;
    }
    bool central = h->conns[i].central;
    if (rd_left(in) + 1 != lengths[code]) {
        if (s->script) {
            smp_fail(h, i, WOAD_SMP_INVALID_PARAMETERS);
        } else if (code == SMP_REQUEST && !central) {
            s->failed = WOAD_SMP_INVALID_PARAMETERS;
        }
        return;
    }
    if (code == SMP_FAILED) {
        smp_rx_failed(h, i, in);
    } else if (code == SMP_REQUEST && !central && (!s->script || s->script == asked)) {
        smp_rx_request(h, i, in);
    } else if (code == SMP_SECURITY_REQUEST && central) {
        smp_rx_security_request(h, i, in);
    } else if (!s->script) {
        s->failed = code == SMP_REQUEST ? WOAD_SMP_UNKNOWN_COMMAND : s->failed;
    } else if (code == SMP_KEYPRESS && s->method == WOAD_METHOD_PASSKEY) {
        smp_rx_keypress(h, i, in);
    } else if (smp_expects(s, code)) {
        s->due = deadline_in(h->now, SMP_TIMEOUT_MS);
        int err = smp_read(h, i, code, in);
        if (err) {
            smp_fail(h, i, (uint8_t)err);
            return;
        }
        smp_go(h, i);
    } else {
        smp_fail(h, i, WOAD_SMP_UNSPECIFIED);
    }
}

/* --- out -------------------------------------------------------------------------------------- */

static bool smp_tx(struct woad *h, uint16_t i, struct wr *out)
{
    struct smp_conn *s = &h->smp->conns[i];
    if (s->dead) {
        return false;
    }
    if (s->failed) {
        wr_u8(out, SMP_FAILED);
        wr_u8(out, s->failed);
        s->failed = 0;
        return true;
    }
    if (s->asks && !s->script) {
        wr_u8(out, SMP_SECURITY_REQUEST);
        wr_u8(out, smp_auth(h));
        s->asks = false;
        smp_begin(h, i, asked);
        return true;
    }
    if (s->presses) {
        smp_write(h, i, SMP_KEYPRESS, out);
        s->presses = false;
        s->due = deadline_in(h->now, SMP_TIMEOUT_MS);
        return true;
    }
    if (!s->out) {
        return false;
    }
    smp_write(h, i, s->out, out);
    s->out = 0;
    s->due = deadline_in(h->now, SMP_TIMEOUT_MS);
    smp_go(h, i);
    return true;
}

/* --- time ------------------------------------------------------------------------------------- */

/* A multiplication on the curve at a time, here and never in woad_rx(). */
static uint32_t smp_due(struct woad *h)
{
    uint32_t left = rpa_due(h);
    h->smp->may_multiply = true;
    oob_work(h);
    for (uint16_t i = 0; i < h->cfg.conns; i++) {
        struct smp_conn *s = &h->smp->conns[i];
        if (!s->script) {
            continue;
        }
        bool pauses = s->script[s->at] == STEP_PAUSE;
        if (deadline_left(s->due, h->now) == 0 && !pauses) {
            s->dead = true;
            smp_over(h, i, WOAD_ETIMEDOUT);
            continue;
        }
        smp_go(h, i);
        bool works = h->cfg.crypto && s->script && !s->out && (s->script[s->at] == STEP_KEY_PAIR ||
                                              s->script[s->at] == STEP_DH);
        pauses = pauses && s->script && s->script[s->at] == STEP_PAUSE;
        left = works ? 0 : pauses ? least(left, attempts_left(h, i))
             : s->script ? least(left, deadline_left(s->due, h->now)) : left;
        left = s->script ? least(left, deadline_left(s->left_due, h->now)) : left;
    }
    h->smp->may_multiply = false;
    return left;
}

/* --- the feature ------------------------------------------------------------------------------ */

/* A client has been refused for want of security.  False: it is not to be raised, or can't be. */
static bool smp_raise(struct woad *h, uint16_t i)
{
    int err = h->smp->policy.retry ? woad_pair(h, conn_number(h, i)) : WOAD_ENOTSUP;
    return err == 0 || err == WOAD_EALREADY;
}

static const struct smp_role role = { smp_rx, smp_tx, smp_key_request, smp_has_key,
                                     rpa_resolve, rpa_reach, bond_refresh, sign_verify,
                                     sign_make, sign_made, smp_raise, smp_hold,
                                     smp_wake };

static int box_aes(void *ctx, const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    struct woad *h = ctx;
    return h->cfg.crypto ? h->cfg.crypto->aes128(key, in, out)
         : h->crypto_role ? h->crypto_role->aes(h, h->smp->who, key, in, out) : -1;
}

static void smp_carve(struct woad *h, struct arena *a)
{
    struct smp *s = arena_take(a, 1, sizeof *s);
    struct smp_conn *conns = arena_take(a, h->cfg.conns, sizeof *conns);
    struct woad_bond *bonds = arena_take(a, h->cfg.bonds, sizeof *bonds);
    struct woad_addr *rpas = arena_take(a, h->cfg.bonds, sizeof *rpas);
    struct woad_cccd *cccds = arena_take(a, (size_t)h->cfg.bonds * h->cfg.subscriptions,
                                         sizeof *cccds);
    if (s) {
        s->conns = conns;
        s->bonds = bonds;
        s->rpas = rpas;
        s->cccds = cccds;
        s->box = (struct toolbox){ box_aes, h };
        s->policy.io = WOAD_IO_NONE;
        s->who = CRYPTO_NOBODY;
        h->smp = s;
        h->smp_role = &role;
    }
}

static void smp_open(struct woad *h, uint16_t i)
{
    h->conns[i].security = (struct woad_security){ .encrypted = false };
    wipe(&h->smp->conns[i], sizeof h->smp->conns[i]);
}

static void smp_close(struct woad *h, uint16_t i)
{
    struct smp_conn *s = &h->smp->conns[i];
    bool ends = s->script || (s->encrypting && !s->spoilt) || s->want_encrypt || s->asks;
    h->conns[i].security = (struct woad_security){ .encrypted = false };
    smp_release(h, i);
    wipe(s, sizeof *s);
    if (ends) {
        smp_told(h, i, WOAD_ENOTCONN);
    }
}

static void smp_reset(struct woad *h)
{
    wipe(h->smp->conns, h->cfg.conns * sizeof *h->smp->conns);
    wipe(h->smp->oob_private, sizeof h->smp->oob_private);
    wipe(h->smp->oob_random, sizeof h->smp->oob_random);
    h->smp->oob_state = 0;
    h->smp->privacy = 0;
    h->address_waits = 0;
    h->smp->making = false;
    h->smp->private_due = 0;
}

const struct woad_feature woad_security_manager = {
    .carve = smp_carve, .reset = smp_reset, .command = smp_command, .complete = smp_complete,
    .conn_open = smp_open, .conn_close = smp_close, .event = smp_event, .due = smp_due,
    .frame = SMP_FRAME,
};

/* --- calls ------------------------------------------------------------------------------------ */

int woad_set_security(struct woad *h, const struct woad_security_policy *p)
{
    if (!h->smp) {
        return WOAD_ENOTSUP;
    }
    if (p->io > WOAD_IO_KEYBOARD_DISPLAY ||
        (p->key_size_min && (p->key_size_min < 7 || p->key_size_min > 16))) {
        return WOAD_EINVAL;
    }
    h->smp->policy = *p;
    return 0;
}

int woad_pair(struct woad *h, uint16_t conn)
{
    static const uint8_t request[] = { STEP_PAUSE, SEND | SMP_REQUEST, AWAIT | SMP_RESPONSE,
                                       STEP_CHOOSE, STEP_END };
    uint16_t i;
    const struct conn *c = conn_asked(h, conn, &i);
    if (!h->smp || !smp_able(h)) {
        return WOAD_ENOTSUP;
    }
    if (!c || c->state != CONN_OPEN) {
        return WOAD_ENOTCONN;
    }
    struct smp_conn *s = &h->smp->conns[i];
    if (s->dead) {
        return WOAD_ETIMEDOUT;
    }
    if (s->script || s->asks || s->encrypting || s->want_encrypt) {
        return WOAD_EALREADY;
    }
    if (!c->central) {
        s->asks = true;
        return 0;
    }
    const struct woad_bond *bond = bond_fetch(h, i);
    if (bond && bond->has_peer_ltk && !c->security.encrypted) {
        s->from_bond = true;
        link_encrypt(h, i, bond->peer_ltk, bond->key_size, bond->flags, bond->peer_rand,
                     bond->peer_ediv);
    } else {
        begin_anew(h, i, request);
        smp_go(h, i);
    }
    return 0;
}

int woad_passkey(struct woad *h, uint16_t conn, enum woad_passkey_action action, uint32_t passkey)
{
    uint16_t i;
    if (!h->smp || !conn_asked(h, conn, &i)) {
        return h->smp ? WOAD_ENOTCONN : WOAD_ENOTSUP;
    }
    struct smp_conn *s = &h->smp->conns[i];
    if (!s->script || s->user == USER_NONE) {
        return WOAD_ENOENT;
    }
    if (passkey > 999999 || action != s->asked) {
        return WOAD_EINVAL;
    }
    if (s->user == USER_ANSWERED) {
        return WOAD_EALREADY;
    }
    if (action == WOAD_PASSKEY_COMPARE && !passkey) {
        smp_fail(h, i, WOAD_SMP_NUMERIC_COMPARISON);
        return 0;
    }
    s->passkey = action == WOAD_PASSKEY_COMPARE ? s->passkey : passkey;
    s->user = USER_ANSWERED;
    smp_go(h, i);
    return 0;
}

int woad_keypress(struct woad *h, uint16_t conn, enum woad_keypress what)
{
    uint16_t i;
    if (!h->smp || !conn_asked(h, conn, &i)) {
        return h->smp ? WOAD_ENOTCONN : WOAD_ENOTSUP;
    }
    struct smp_conn *s = &h->smp->conns[i];
    if (what > WOAD_KEYPRESS_COMPLETED) {
        return WOAD_EINVAL;
    }
    if (!smp_tells_keys(s) || s->asked != WOAD_PASSKEY_INPUT || s->user != USER_ASKED) {
        return WOAD_ENOENT;
    }
    if (s->presses) {
        return WOAD_EAGAIN;
    }
    s->presses = true;
    s->keypress = (uint8_t)what;
    return 0;
}

int woad_security(const struct woad *h, uint16_t conn, struct woad_security *security)
{
    uint16_t i;
    const struct conn *c = conn_of(h, conn, &i);
    if (!c) {
        return WOAD_ENOTCONN;
    }
    *security = c->security;
    return 0;
}
