/* The model: checks events against the calls that were accepted and have not ended. */
#include "storm.h"

#include <stdarg.h>

struct storm storm;

void say(const char *format, ...)
{
    if (storm.verbose) {
        va_list args;
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        fflush(stdout);
    }
}

void fail_at(const char *file, int line, const char *format, ...)
{
    const char *name = strrchr(file, '/');
    va_list args;
    int n = snprintf(storm.message, sizeof storm.message, "%s:%d: ", name ? name + 1 : file, line);
    va_start(args, format);
    vsnprintf(storm.message + n, sizeof storm.message - (size_t)n, format, args);
    va_end(args);
    say("FAILED: %s\n", storm.message);
    longjmp(storm.over, 1);
}

void hash_octets(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        storm.hash = (storm.hash ^ p[i]) * 1099511628211ull;
    }
    storm.hash = storm.hash * 31 + n;
}

static const char *const names[] = { [WOAD_EV_UP] = "UP",
                                     [WOAD_EV_DOWN] = "DOWN",
                                     [WOAD_EV_ADV_STARTED] = "ADV_STARTED",
                                     [WOAD_EV_ADV_FAILED] = "ADV_FAILED",
                                     [WOAD_EV_ADV_STOPPED] = "ADV_STOPPED",
                                     [WOAD_EV_REPORT] = "REPORT",
                                     [WOAD_EV_EXT_REPORT] = "EXT_REPORT",
                                     [WOAD_EV_EXT_ADV_STARTED] = "EXT_ADV_STARTED",
                                     [WOAD_EV_EXT_ADV_ENDED] = "EXT_ADV_ENDED",
                                     [WOAD_EV_SCAN_DONE] = "SCAN_DONE",
                                     [WOAD_EV_CONNECT] = "CONNECT",
                                     [WOAD_EV_CONNECT_FAILED] = "CONNECT_FAILED",
                                     [WOAD_EV_DISCONNECT] = "DISCONNECT",
                                     [WOAD_EV_CONN_UPDATE] = "CONN_UPDATE",
                                     [WOAD_EV_LINK] = "LINK",
                                     [WOAD_EV_ACCEPT_LIST] = "ACCEPT_LIST",
                                     [WOAD_EV_TX_READY] = "TX_READY",
                                     [WOAD_EV_TX_DONE] = "TX_DONE",
                                     [WOAD_EV_SECURITY] = "SECURITY",
                                     [WOAD_EV_PASSKEY] = "PASSKEY",
                                     [WOAD_EV_BOND] = "BOND",
                                     [WOAD_EV_BOND_WANTED] = "BOND_WANTED",
                                     [WOAD_EV_ATTEMPTS] = "ATTEMPTS",
                                     [WOAD_EV_KEYPRESS] = "KEYPRESS",
                                     [WOAD_EV_OOB] = "OOB",
                                     [WOAD_EV_COC_REQUEST] = "COC_REQUEST",
                                     [WOAD_EV_COC_OPEN] = "COC_OPEN",
                                     [WOAD_EV_COC_CHANGED] = "COC_CHANGED",
                                     [WOAD_EV_COC_CLOSED] = "COC_CLOSED",
                                     [WOAD_EV_COC_DATA] = "COC_DATA",
                                     [WOAD_EV_COC_RECEIVED] = "COC_RECEIVED",
                                     [WOAD_EV_COC_SENT] = "COC_SENT",
                                     [WOAD_EV_MTU] = "MTU",
                                     [WOAD_EV_ATT_BEARERS] = "ATT_BEARERS",
                                     [WOAD_EV_GATT_READ] = "GATT_READ",
                                     [WOAD_EV_GATT_WRITE] = "GATT_WRITE",
                                     [WOAD_EV_AUTHORIZE] = "AUTHORIZE",
                                     [WOAD_EV_SUBSCRIBE] = "SUBSCRIBE",
                                     [WOAD_EV_INDICATED] = "INDICATED",
                                     [WOAD_EV_SERVICE] = "SERVICE",
                                     [WOAD_EV_INCLUDED] = "INCLUDED",
                                     [WOAD_EV_CHARACTERISTIC] = "CHARACTERISTIC",
                                     [WOAD_EV_DESCRIPTOR] = "DESCRIPTOR",
                                     [WOAD_EV_READ] = "READ",
                                     [WOAD_EV_NOTIFIED] = "NOTIFIED",
                                     [WOAD_EV_INDICATION] = "INDICATION",
                                     [WOAD_EV_GATTC_DONE] = "GATTC_DONE" };

const char *event_name(enum woad_event_type type)
{
    size_t n = (size_t)type;
    return n < sizeof names / sizeof *names && names[n] ? names[n] : "another event";
}

void model_reset(struct actor *a, unsigned number)
{
    struct woad *h = a->h;
    struct woad_config config = a->config;
    memset(a, 0, sizeof *a);
    a->h = h;
    a->config = config;
    a->number = number;
    for (unsigned n = 0; n < LINKS; n++) {
        a->link[n].conn = WOAD_NO_CONN;
    }
}

struct link *link_of(struct actor *a, uint16_t conn)
{
    for (unsigned n = 0; n < LINKS; n++) {
        if (a->link[n].open && a->link[n].conn == conn) {
            return &a->link[n];
        }
    }
    return NULL;
}

/* --- ends ------------------------------------------------------------------------------------- */

static void link_ended(const struct actor *a, const struct link *l)
{
    for (unsigned op = 0; op < OPS; op++) {
        MUST(!l->procedures[op], "host %u, conn %04x: %u procedures of kind %u never end",
             a->number, l->conn, l->procedures[op], op);
    }
    MUST(!l->indications, "host %u, conn %04x: WOAD_EV_INDICATED never comes", a->number, l->conn);
    MUST(!l->pairing, "host %u, conn %04x: WOAD_EV_SECURITY never comes", a->number, l->conn);
    for (unsigned item = 0; item < ITEMS; item++) {
        MUST(!l->reads[item], "host %u, conn %04x: WOAD_EV_LINK of %u never comes", a->number,
             l->conn, item);
    }
}

void model_ended(struct actor *a)
{
    for (struct link *l = a->link; l < a->link + LINKS; l++) {
        if (!l->open) {
            continue;
        }
        link_ended(a, l);
        MUST(!l->update, "host %u: WOAD_EV_CONN_UPDATE never comes", a->number);
        MUST(!l->bearers, "host %u: WOAD_EV_ATT_BEARERS never comes", a->number);
        MUST(!l->full, "host %u: WOAD_EV_TX_READY never comes", a->number);
        MUST(!l->queued, "host %u: WOAD_EV_TX_DONE never comes", a->number);
        MUST(!l->closing, "host %u: WOAD_EV_DISCONNECT never comes", a->number);
    }
    MUST(!a->down_due, "host %u: WOAD_EV_DOWN never comes", a->number);
    MUST(!a->started || a->up, "host %u: neither WOAD_EV_UP nor WOAD_EV_DOWN comes", a->number);
    MUST(!a->adv, "host %u: neither WOAD_EV_ADV_STARTED nor WOAD_EV_ADV_FAILED comes", a->number);
    MUST(!a->accept_list, "host %u: WOAD_EV_ACCEPT_LIST never comes", a->number);
    MUST(!a->oob, "host %u: WOAD_EV_OOB never comes", a->number);
    for (unsigned n = 0; n < SETS; n++) {
        MUST(!a->set[n], "host %u: neither WOAD_EV_EXT_ADV_STARTED nor _ENDED comes", a->number);
    }
}

void model_empty(struct actor *a)
{
    for (struct link *l = a->link; l < a->link + LINKS; l++) {
        MUST(!l->open, "host %u: WOAD_EV_DISCONNECT never comes", a->number);
    }
    for (struct channel *k = a->channel; k < a->channel + CHANNELS; k++) {
        MUST(!k->rx && !k->tx && !k->into, "host %u: a buffer of channel %02x is never given back",
             a->number, k->cid);
    }
    MUST(!a->attempt, "host %u: neither CONNECT nor CONNECT_FAILED comes", a->number);
    MUST(!a->scans, "host %u: WOAD_EV_SCAN_DONE never comes", a->number);
    MUST(!a->started, "host %u: WOAD_EV_DOWN never comes", a->number);
}

/* --- events ----------------------------------------------------------------------------------- */

static void connected(struct actor *a, const struct woad_event *ev)
{
    struct link *l = NULL;
    unsigned open = 0;
    for (unsigned n = LINKS; n--;) {
        l = a->link[n].open ? l : &a->link[n];
        open += a->link[n].open;
    }
    MUST(open < a->config.conns, "more connections than config.conns");
    MUST(!link_of(a, ev->conn), "a connection opens twice");
    memset(l, 0, sizeof *l);
    l->conn = ev->conn;
    l->open = true;
    l->central = ev->u.connect.central;
    l->peer = ev->u.connect.peer;
    const struct woad_bond *b = store_bond(a, &l->peer);
    l->proven = b && (b->flags & WOAD_BOND_AUTHENTICATED);
    if (l->central) {
        MUST(a->attempt, "a connection of ours that nobody has asked for");
        a->attempt = false;
    }
}

static void disconnected(struct actor *a, struct link *l)
{
    link_ended(a, l);
    for (struct channel *k = a->channel; k < a->channel + CHANNELS; k++) {
        if (k->state && k->conn == l->conn) {
            MUST(k->state == CHANNEL_REQUESTED, "a channel outlives its connection");
            MUST(!k->into, "a buffer of woad_coc_receive() outlives its connection");
            channel_free(k);
        }
    }
    l->open = false;
}

static void done(struct link *l, const struct woad_event *ev)
{
    unsigned op = ev->u.done.op;
    MUST(op < OPS && l->procedures[op], "WOAD_EV_GATTC_DONE of a procedure that was not accepted");
    l->procedures[op]--;
}

/* Books a request.  A number belongs to one request at a time: an older request with the same
 * number is no longer pending. */
static void note_request(struct link *l, uint16_t conn, uint8_t request, uint16_t handle)
{
    for (size_t n = 0; n < sizeof l->note_request / sizeof *l->note_request; n++) {
        if (l->request[n] == request) {
            l->note_request[n] = handle;
        }
    }
    memmove(l->request + 1, l->request, sizeof l->request - sizeof *l->request);
    memmove(l->note_request + 1, l->note_request, sizeof l->note_request - sizeof *l->note_request);
    l->request[0] = request;
    say("    handle %u, request %u\n", handle, request);
    l->note_request[0] = handle;
    l->questions++;
    if (!one_in(8)) { /* else it is answered inside the event, or forgotten */
        MUST(woad_gatt_answer_later(storm.me->h, conn) == 0, "it can't be answered later");
    }
}

static void link_event(struct actor *a, struct link *l, const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_DISCONNECT: disconnected(a, l); break;
    case WOAD_EV_CONN_UPDATE:
        say("    status %d, interval %u, latency %u\n", ev->u.conn_update.status,
            ev->u.conn_update.interval_1250us, ev->u.conn_update.latency);
        l->update = false;
        break;
    case WOAD_EV_LINK:
        if (l->reads[ev->u.link.item]) {
            l->reads[ev->u.link.item]--;
        }
        break;
    case WOAD_EV_TX_READY: l->full = false; break;
    case WOAD_EV_TX_DONE: l->queued = false; break;
    case WOAD_EV_SECURITY: security_event(a, l, ev); break;
    case WOAD_EV_PASSKEY:
        l->action = (uint8_t)ev->u.passkey.action;
        l->shown = ev->u.passkey.passkey;
        l->proven = true;
        break;
    case WOAD_EV_ATT_BEARERS: l->bearers = false; break;
    case WOAD_EV_GATT_READ:
        note_request(l, ev->conn, ev->u.gatt_read.request, ev->u.gatt_read.handle);
        break;
    case WOAD_EV_GATT_WRITE:
        if (ev->u.gatt_write.need_answer) {
            note_request(l, ev->conn, ev->u.gatt_write.request, ev->u.gatt_write.handle);
        }
        break;
    case WOAD_EV_AUTHORIZE: *ev->u.authorize.allowed = one_in(2); break;
    case WOAD_EV_INDICATED:
        MUST(l->indications, "WOAD_EV_INDICATED of an indication that was not accepted");
        l->indications--;
        break;
    case WOAD_EV_GATTC_DONE: done(l, ev); break;
    case WOAD_EV_READ:
        MUST(l->procedures[ev->u.value.op], "WOAD_EV_READ of a procedure that has ended");
        if (ev->u.value.op == WOAD_GATTC_READ) {
            model_value(ev->u.value.data, ev->u.value.len);
        }
        break;
    default: break;
    }
}

static void went_down(struct actor *a)
{
    MUST(a->started, "WOAD_EV_DOWN of an instance that is not started");
    for (struct link *l = a->link; l < a->link + LINKS; l++) {
        MUST(!l->open, "WOAD_EV_DOWN before WOAD_EV_DISCONNECT");
    }
    MUST(!a->attempt, "WOAD_EV_DOWN before WOAD_EV_CONNECT_FAILED");
    MUST(!a->scans, "WOAD_EV_DOWN before WOAD_EV_SCAN_DONE");
    a->started = a->up = a->down_due = a->adv = a->accept_list = a->oob = a->has_made = false;
    memset(a->set, 0, sizeof a->set);
    a->service = 0;
}

static void host_event(struct actor *a, const struct woad_event *ev)
{
    switch (ev->type) {
    case WOAD_EV_UP:
        MUST(a->started && !a->up, "WOAD_EV_UP of an instance that is up, or not started");
        a->up = true;
        break;
    case WOAD_EV_DOWN: went_down(a); break;
    case WOAD_EV_ADV_STARTED:
    case WOAD_EV_ADV_FAILED: a->adv = false; break;
    case WOAD_EV_ADV_STOPPED: a->adv = a->adv && !ev->u.adv.status; break;
    case WOAD_EV_SCAN_DONE:
        MUST(a->scans, "WOAD_EV_SCAN_DONE of a scan that has ended");
        a->scans--;
        break;
    case WOAD_EV_REPORT:
    case WOAD_EV_EXT_REPORT: MUST(a->scans, "a report without a scan"); break;
    case WOAD_EV_CONNECT_FAILED:
        MUST(a->attempt, "WOAD_EV_CONNECT_FAILED of an attempt that has ended");
        a->attempt = false;
        break;
    case WOAD_EV_ACCEPT_LIST: a->accept_list = false; break;
    case WOAD_EV_EXT_ADV_STARTED:
    case WOAD_EV_EXT_ADV_ENDED: a->set[ev->u.ext_adv.set] = false; break;
    case WOAD_EV_OOB:
        a->oob = false;
        a->has_made = ev->u.oob.status == 0;
        MUST(a->has_made == (ev->u.oob.oob != NULL), "WOAD_EV_OOB: data, or an error");
        if (a->has_made) {
            a->made = *ev->u.oob.oob;
        }
        break;
    default: break;
    }
}

void model_event(struct actor *a, const struct woad_event *ev)
{
    MUST(a->started || ev->type == WOAD_EV_BOND, "%s of an instance that is not started",
         event_name(ev->type));
    if (ev->type >= WOAD_EV_COC_REQUEST && ev->type <= WOAD_EV_COC_SENT) {
        MUST(link_of(a, ev->conn), "%s of a connection that is not there", event_name(ev->type));
        coc_event(a, ev);
    } else if (ev->type == WOAD_EV_CONNECT) {
        connected(a, ev);
    } else if (ev->type == WOAD_EV_BOND || ev->type == WOAD_EV_BOND_WANTED) {
        store_event(a, ev);
    } else if (ev->conn != WOAD_NO_CONN && ev->type != WOAD_EV_EXT_ADV_ENDED) {
        struct link *l = link_of(a, ev->conn);
        MUST(l, "%s of a connection that is not there", event_name(ev->type));
        link_event(a, l, ev);
    } else {
        host_event(a, ev);
    }
}

/* The callback of every host. */
void storm_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct actor *was = storm.me, *a = ctx;
    (void)h;
    storm.me = a;
    storm.events++;
    storm.events_open++;
    say("%*s%u: %s %04x\n", (int)a->depth * 2 + 2, "", a->number, event_name(ev->type), ev->conn);
    model_event(a, ev);
    if (ev->type == WOAD_EV_UP && !storm.calm) {
        woad_gatt_add(h, storm_db, STORM_DB, &a->service);
    }
    a->depth++;
    armed_run(a);
    if (storm.send && one_in(storm.mood.sends)) {
        say("    woad_tx()\n");
        storm.send();
    }
    a->depth--;
    storm.me = was;
    if (!--storm.events_open) {
        channels_free_closed();
    }
}

void armed_run(struct actor *a)
{
    if (!a->armed || a->depth > 3 || storm.calm) {
        return;
    }
    uint64_t saved = chance_save();
    do {
        chance_seed(a->armed_seed[--a->armed]);
        bool more = one_in(3);
        call_any();
        if (!more) {
            break;
        }
    } while (a->armed);
    chance_restore(saved);
}

/* --- packets to the controller ---------------------------------------------------------------- */

static bool holds(const uint8_t *p, size_t n, const char *what)
{
    size_t len = strlen(what);
    for (size_t at = 0; at + len <= n; at++) {
        if (memcmp(p + at, what, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Returns how many octets match a pattern, from its octet `turn` on. */
static size_t alike(const uint8_t *p, size_t n, const char *pattern, unsigned turn)
{
    size_t at = 0;
    while (at < n && p[at] == (uint8_t)pattern[(turn + at) & 7]) {
        at++;
    }
    return at;
}

void model_value(const uint8_t *p, size_t n)
{
    bool some = false;
    for (unsigned turn = 0; turn < 24; turn++) {
        const char *pattern = value_patterns[turn / 8];
        if (alike(p, n, pattern, turn & 7) == n) {
            return;
        }
        for (size_t at = 0; at + 5 <= n; at++) {
            some = some || alike(p + at, 5, pattern, turn & 7) == 5;
        }
    }
    MUST(!some, "octets that are not of the value: %02x %02x %02x %02x ..", p[0], p[1], p[2], p[3]);
}

void model_acl(const struct actor *a, bool encrypted, const uint8_t *packet, size_t len)
{
    bool first = (packet[2] >> 4 & 3) != 1;
    MUST(encrypted || !first || !holds(packet, len, "SECRET-"),
         "host %u: a protected value is sent in the clear: handle %02x, channel %02x, ATT %02x",
         a->number, packet[1], packet[7], packet[9]);
}
