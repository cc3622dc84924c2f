/* Pairing, both sides ours, over the air in virtual time.  Named after the cases of the Security
 * Manager's test suite where there is one. */
#include "cm.h"

#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { CENTRAL, PERIPHERAL };
enum { YES, NO, LATE, SILENT, WRONG };   /* what a user does */

struct side {
    int user;
    unsigned asked, action, bonds, gone, oobs;
    uint32_t shown;
    uint16_t conn;
    struct woad_bond bond;
    struct woad_oob oob;
    uint64_t random;                     /* of its source; 0: it has failed */
};
static struct side side[WORLD_MAX];
static struct world *w;
static uint32_t displayed;               /* what the user sees on the other device */

static struct side *side_of(const struct device *d) { return &side[d - w->device]; }

static int random_octets(void *ctx, uint8_t *out, size_t len)
{
    struct side *s = side_of(ctx);
    for (size_t n = 0; n < len; n++) {
        s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
        out[n] = (uint8_t)(s->random >> 56);
    }
    return s->random ? 0 : -1;
}

static void answer(struct device *d)
{
    struct side *s = side_of(d);
    uint32_t value = s->action == WOAD_PASSKEY_COMPARE ? s->user != NO
                   : s->user == WRONG ? (displayed + 1) % 1000000 : displayed;
    assert_int_equal(woad_passkey(d->host, s->conn, (enum woad_passkey_action)s->action, value),
                     0);
}

static void on_event(struct device *d, const struct woad_event *ev)
{
    struct side *s = side_of(d);
    if (ev->type == WOAD_EV_CONNECT) {
        s->conn = ev->conn;
    } else if (ev->type == WOAD_EV_PASSKEY) {
        s->asked++;
        s->action = ev->u.passkey.action;
        s->shown = ev->u.passkey.passkey;
        if (s->action == WOAD_PASSKEY_DISPLAY) {
            displayed = s->shown;
        } else if (s->user == YES && s->action == WOAD_PASSKEY_COMPARE) {
            answer(d);                   /* from inside the event */
        }
    } else if (ev->type == WOAD_EV_BOND) {
        s->bonds += !ev->u.bond.gone;
        s->gone += ev->u.bond.gone;
        s->bond = *ev->u.bond.bond;
    } else if (ev->type == WOAD_EV_OOB) {
        s->oobs++;
        s->oob = *ev->u.oob.oob;
    }
}

static const struct woad_security_policy any = { .io = WOAD_IO_NONE, .bond = true,
                                                 .allow_legacy = true };

static struct device *add(uint8_t conns, const struct woad_security_policy *policy)
{
    static const struct woad_feature *const all[] = { &woad_advertiser, &woad_scanner,
        &woad_central, &woad_gatt_server, &woad_gatt_client, &woad_link, &woad_security_manager,
        NULL };
    struct woad_config host = world_host_config(conns);
    host.features = all;
    host.crypto = &woad_mbedtls;
    host.random = random_octets;
    host.bonds = 3;
    side[w->devices] = (struct side){ .random = 77 + w->devices };
    struct device *d = world_add_config(w, host, world_controller_config(w, conns));
    d->on_event = on_event;
    assert_int_equal(woad_set_security(d->host, policy), 0);
    return d;
}

static void join(struct device *central, struct device *peripheral)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    static const struct woad_connect_params params = { 16, 16, 6, 6, 0, 100, 2000 };
    assert_int_equal(woad_adv_start(peripheral->host, &adv), 0);
    assert_int_equal(woad_connect(central->host, &peripheral->addr, &params), 0);
    assert_non_null(world_wait(w, central, WOAD_EV_CONNECT, 1000000));
    assert_non_null(world_wait(w, peripheral, WOAD_EV_CONNECT, 1000000));
    world_run(w, 20000);
}

static void pair_of(const struct woad_security_policy *central,
                    const struct woad_security_policy *peripheral)
{
    w = world_new(7, 0);
    add(2, central);
    add(2, peripheral);
    join(&w->device[CENTRAL], &w->device[PERIPHERAL]);
}

/* Until both have heard how it ended; users type what they see. */
static void settle(void)
{
    for (int n = 0; n < 4000; n++) {
        bool done = true;
        for (int k = 0; k < 2; k++) {
            struct side *s = &side[k];
            bool types = s->action == WOAD_PASSKEY_INPUT && side[1 - k].action;
            if (s->asked && (types || (s->action == WOAD_PASSKEY_COMPARE && s->user != YES)) &&
                s->user != SILENT) {
                s->asked = 0;
                answer(&w->device[k]);
            }
            done = done && device_find(&w->device[k], WOAD_EV_SECURITY);
        }
        if (done) {
            return;
        }
        world_run(w, 10000);
    }
}

static int status_of(int k)
{
    const struct seen *s = device_find(&w->device[k], WOAD_EV_SECURITY);
    assert_non_null(s);
    assert_int_equal(device_count(&w->device[k], WOAD_EV_SECURITY), 1);
    return s->ev.u.security.status;
}

static struct woad_security level(int k)
{
    struct woad_security now;
    assert_int_equal(woad_security(w->device[k].host, side[k].conn, &now), 0);
    return now;
}

/* --- the table -------------------------------------------------------------------------------- */

/* 2.3.5.1, Table 2.8, again as one reads it there: a row for each responder, a column for each
 * initiator: DisplayOnly, DisplayYesNo, KeyboardOnly, NoInputNoOutput, KeyboardDisplay.  What each
 * side is asked, initiator and responder: - nothing, D display, I input, C compare. */
static const char *const secure_table[5][5] = {
    { "--", "--", "ID", "--", "ID" }, { "--", "CC", "ID", "--", "CC" },
    { "DI", "DI", "II", "--", "DI" }, { "--", "--", "--", "--", "--" },
    { "DI", "CC", "ID", "--", "CC" } };
static const char *const legacy_table[5][5] = {
    { "--", "--", "ID", "--", "ID" }, { "--", "--", "ID", "--", "ID" },
    { "DI", "DI", "II", "--", "DI" }, { "--", "--", "--", "--", "--" },
    { "DI", "DI", "ID", "--", "DI" } };

static void give_oob(int from, int to, bool secure)
{
    static const uint8_t tk[16] = { 9, 8, 7, 6, 5 };
    if (secure) {
        assert_int_equal(woad_oob_make(w->device[from].host), 0);
        assert_non_null(world_wait(w, &w->device[from], WOAD_EV_OOB, 100000));
        assert_int_equal(woad_oob_set(w->device[to].host, side[to].conn, &side[from].oob), 0);
    } else {
        assert_int_equal(woad_oob_set_legacy(w->device[to].host, side[to].conn, tk), 0);
    }
}

struct one { int io[2], secure, mitm[2], oob, who; };

static void matrix_one(const struct one *c)
{
    struct woad_security_policy p[2];
    for (int k = 0; k < 2; k++) {
        p[k] = any;
        p[k].io = (uint8_t)c->io[k];
        p[k].mitm = c->mitm[k];
        p[k].prefer_legacy = !c->secure && k == c->who;
    }
    pair_of(&p[CENTRAL], &p[PERIPHERAL]);
    for (int k = 0; k < 2; k++) {
        if (c->oob >> k & 1) {
            give_oob(k, 1 - k, c->secure);
        }
    }
    displayed = 123456;                  /* where both type, users agree on one */
    assert_int_equal(woad_pair(w->device[c->who].host, side[c->who].conn), 0);
    settle();
    const char *asked = (c->secure ? secure_table : legacy_table)[c->io[1]][c->io[0]];
    bool oob = c->secure ? c->oob != 0 : c->oob == 3;
    if (oob || !(c->mitm[0] || c->mitm[1])) {
        asked = "--";
    }
    for (int k = 0; k < 2; k++) {
        struct woad_security now = level(k);
        if (status_of(k)) {
            fail_msg("io %d %d secure %d mitm %d %d oob %d who %d: %x", c->io[0], c->io[1], c->secure,
                     c->mitm[0], c->mitm[1], c->oob, c->who, (unsigned)status_of(k));
        }
        char was = side[k].action == WOAD_PASSKEY_INPUT ? 'I'
                 : side[k].action == WOAD_PASSKEY_DISPLAY ? 'D'
                 : side[k].action == WOAD_PASSKEY_COMPARE ? 'C' : '-';
        assert_int_equal(was, asked[k]);
        assert_true(now.encrypted && now.bonded);
        assert_int_equal(now.authenticated, oob || asked[0] != '-');
        assert_int_equal(now.secure, c->secure);
        assert_int_equal(now.key_size, 16);
        assert_int_equal(side[k].bonds, 1);
    }
    assert_memory_equal(side[0].bond.peer_ltk, side[1].bond.own_ltk, 16);
    world_free(w);
}

/* Every pair of devices, of wishes, of what is known out of band, whoever begins. */
static void matrix(void **state)
{
    struct one c;
    (void)state;
    for (c.io[0] = 0; c.io[0] < 5; c.io[0]++) {
        for (c.io[1] = 0; c.io[1] < 5; c.io[1]++) {
            for (int bits = 0; bits < 64; bits++) {
                c.secure = bits & 1;
                c.mitm[0] = bits >> 1 & 1;
                c.mitm[1] = bits >> 2 & 1;
                c.oob = bits >> 3 & 3;
                c.who = bits >> 5 & 1;
                matrix_one(&c);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(matrix) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
