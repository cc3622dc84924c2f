/* Calls of GAP, of links and of the security manager. */
#include "storm.h"

static struct woad_connect_params some_connect(void)
{
    struct woad_connect_params p = { 16, 16, 6, 6, 0, 100, one_in(4) ? 0 : 3000 };
    if (one_in(12)) {
        p.interval_max_1250us = (uint16_t)any(4000);
        p.latency = (uint16_t)any(600);
    } else if (one_in(4)) {
        p.interval_min_1250us = p.interval_max_1250us = (uint16_t)(6 + any(40));
    }
    return p;
}

static void call_connect(void)
{
    struct actor *a = storm.me;
    struct woad_addr peer = some_peer();
    struct woad_connect_params p = some_connect();
    bool was = a->attempt, by_list = one_in(8);
    a->attempt = true;
    const struct woad_addr *to = by_list ? NULL : &peer;
    int err = result(woad_connect(a->h, to, &p), "DILXMS", "woad_connect(%02x, %u)",
                     by_list ? 0 : peer.octet[0], p.timeout_ms);
    MUST(err != WOAD_EALREADY || was, "EALREADY although no attempt runs");
    MUST(err || !was, "a second attempt is taken");
    a->attempt = err ? was : a->attempt;
}

static void call_connect_cancel(void)
{
    result(woad_connect_cancel(storm.me->h), "DL", "woad_connect_cancel()");
}

static void call_advertise(void)
{
    struct actor *a = storm.me;
    static const uint8_t kinds[] = { 0, 0, 0, 0, 1, 2, 3, 4 };
    struct woad_adv_params p = { .kind = kinds[any(8)], .interval_625us = 32 };
    if (one_in(16)) {
        p.interval_625us = (uint16_t)any(70000);
    }
    p.peer = some_peer();
    if (one_in(8)) {
        p.filter_policy = (uint8_t)any(4);
    }
    p.peer.type &= 1;
    bool was = a->adv;
    a->adv = true;
    if (result(woad_adv_start(a->h, &p), "DIMS", "woad_adv_start(%u)", p.kind)) {
        a->adv = was;
    }
}

/* Starts connectable advertising, so that a peer can connect. */
void call_be_found(void)
{
    static const struct woad_adv_params p = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct actor *a = storm.me;
    bool was = a->adv;
    a->adv = true;
    if (result(woad_adv_start(a->h, &p), "DIMS", "woad_adv_start(0)")) {
        a->adv = was;
    }
}

static void call_adv_stop(void)
{
    storm.me->adv = false; /* no event reports any more whether it has started */
    result(woad_adv_stop(storm.me->h), "", "woad_adv_stop()");
}

static void call_adv_data(void)
{
    size_t len = any(40);
    result(one_in(2) ? woad_adv_set_data(storm.me->h, some_octets(), len)
                     : woad_adv_set_scan_response(storm.me->h, some_octets(), len),
           "ID", "woad_adv_set_data(%zu)", len);
}

static void call_ext(void)
{
    static uint8_t data[700];
    struct actor *a = storm.me;
    uint8_t set = (uint8_t)any(SETS + one_in(8));
    struct woad_ext_adv_params p = { .connectable = one_in(2),
                                     .interval_625us = 32,
                                     .tx_power_dbm = WOAD_TX_POWER_ANY,
                                     .duration_10ms = (uint16_t)(one_in(3) ? any(50) : 0),
                                     .scannable = one_in(8),
                                     .sid = (uint8_t)any(16) };
    bool was = set < SETS && a->set[set];
    int err;
    switch (any(4)) {
    case 0:
    case 1:
        if (set < SETS) {
            a->set[set] = true;
        }
        err = result(woad_ext_adv_start(a->h, set, &p), "DISM", "woad_ext_adv_start(%u)", set);
        if (err && set < SETS) {
            a->set[set] = was;
        }
        break;
    case 2:
        if (set < SETS) {
            a->set[set] = false;
        }
        result(woad_ext_adv_stop(a->h, set), "DIS", "woad_ext_adv_stop(%u)", set);
        break;
    default:
        result(woad_ext_adv_set_data(a->h, set, data, any(700)), "DIS", "woad_ext_adv_set_data(%u)",
               set);
        break;
    }
}

static void call_scan(void)
{
    struct actor *a = storm.me;
    uint16_t window = one_in(16) ? 20 : 16;
    struct woad_scan_params p = { 16, window, one_in(2), one_in(2), one_in(3) ? 0 : 50, one_in(8) };
    bool was = a->scans;
    if (one_in(3)) {
        result(woad_scan_stop(a->h), "", "woad_scan_stop()");
        return;
    }
    a->scans++;
    int err = result(woad_scan_start(a->h, &p), "DILBS", "woad_scan_start()");
    MUST(err != WOAD_EALREADY || was, "EALREADY although no scan runs");
    a->scans -= err != 0;
}

static void call_disconnect(void)
{
    static const uint8_t reasons[] = { 0x13, 0x13, 0x13, 0x14, 0x15, 0x05, 0x1a, 0x3b };
    uint16_t conn = some_conn();
    uint8_t reason = one_in(16) ? (uint8_t)any(256) : reasons[any(8)];
    struct link *l = link_of(storm.me, conn);
    if (result_on(conn, woad_disconnect(storm.me->h, conn, reason), "NLI",
                  "woad_disconnect(%04x, %02x)", conn, reason) == 0 &&
        l->open) {
        l->closing = true;
    }
}

static void call_update(void)
{
    uint16_t conn = some_conn();
    struct woad_connect_params p = some_connect();
    struct link *l = link_of(storm.me, conn);
    bool was = l && l->update;
    if (l) {
        l->update = true;
    }
    if (result_on(conn, woad_conn_update(storm.me->h, conn, &p), "NIB", "woad_conn_update(%04x)",
                  conn) &&
        l) {
        l->update = was;
    }
}

static void call_limits(void)
{
    struct woad_conn_limits limits = { (uint16_t)any(40), (uint16_t)(one_in(3) ? 0 : 40 + any(90)),
                                       one_in(2), (uint16_t)any(5) };
    result(woad_set_conn_limits(storm.me->h, &limits), "I", "woad_set_conn_limits()");
}

static void call_link(void)
{
    uint16_t conn = some_conn();
    struct link *l = link_of(storm.me, conn);
    unsigned item = any(8);
    if (one_in(5)) {
        result_on(conn, woad_link_set_data_length(storm.me->h, conn, (uint16_t)(20 + any(260))),
                  "NIBS", "woad_link_set_data_length(%04x)", conn);
        return;
    }
    if (one_in(5)) {
        result_on(
            conn,
            woad_link_set_phy(storm.me->h, conn, (uint8_t)any(8), (uint8_t)any(8), WOAD_CODING_ANY),
            "NIBS", "woad_link_set_phy(%04x)", conn);
        return;
    }
    if (l && item < ITEMS) {
        l->reads[item]++;
    }
    if (result_on(conn, woad_link_read(storm.me->h, conn, (enum woad_link_item)item), "NIBS",
                  "woad_link_read(%04x, %u)", conn, item) &&
        l && item < ITEMS) {
        l->reads[item]--;
    }
}

static void call_own_address(void)
{
    uint8_t octet[6];
    memset(octet, (int)(0xc1 + 2 * storm.me->number + any(2)), sizeof octet);
    const uint8_t *given = one_in(2) ? octet : NULL;
    uint8_t type = one_in(2) ? WOAD_ADDR_PUBLIC : WOAD_ADDR_RANDOM;
    result(woad_set_own_address(storm.me->h, type, given), "DIB", "woad_set_own_address()");
}

static void call_accept_list(void)
{
    struct woad_addr peers[5] = { some_peer(), some_peer(), some_peer(), some_peer(), some_peer() };
    size_t n = any(6);
    bool was = storm.me->accept_list;
    storm.me->accept_list = true;
    if (result(woad_accept_list_set(storm.me->h, peers, n), "DIMBS", "woad_accept_list_set(%zu)",
               n)) {
        storm.me->accept_list = was;
    }
}

/* --- security --------------------------------------------------------------------------------- */

void random_policy(void)
{
    struct woad_security_policy p = { .io = (uint8_t)any(5),
                                      .bond = !one_in(4),
                                      .mitm = one_in(2),
                                      .require_mitm = one_in(5),
                                      .allow_legacy = one_in(2),
                                      .prefer_legacy = one_in(5),
                                      .key_size_min = (uint8_t)(one_in(2) ? 0 : 7 + any(10)),
                                      .retry = one_in(2),
                                      .trust_unencrypted = one_in(2),
                                      .keypress = one_in(2),
                                      .app_passkey = one_in(3) };
    result(woad_set_security_policy(storm.me->h, &p), "IS", "woad_set_security_policy(%u)", p.io);
}

static void call_pair(void)
{
    uint16_t conn = some_conn();
    struct link *l = link_of(storm.me, conn);
    bool was = l && l->pairing;
    if (l) {
        l->pairing = true;
    }
    if (result_on(conn, woad_pair(storm.me->h, conn), "NLMTS", "woad_pair(%04x)", conn) && l) {
        l->pairing = was;
    }
}

static void call_passkey(void)
{
    uint16_t conn = some_conn();
    struct link *l = link_of(storm.me, conn);
    enum woad_passkey_action action =
        (enum woad_passkey_action)(l && l->action ? l->action : 2 + any(3));
    uint32_t passkey = l && !one_in(6) ? storm.passkey(l) : any(2);
    if (action == WOAD_PASSKEY_COMPARE) {
        passkey = !one_in(6);
    }
    if (result_on(conn, woad_passkey(storm.me->h, conn, action, passkey), "NEILS",
                  "woad_passkey(%04x, %d, %u)", conn, action, passkey) == 0) {
        l->shown = action == WOAD_PASSKEY_DISPLAY ? passkey : l->shown;
    }
}

static void call_keypress(void)
{
    uint16_t conn = some_conn();
    result_on(conn, woad_keypress(storm.me->h, conn, (enum woad_keypress)any(6)), "ENAIS",
              "woad_keypress(%04x)", conn);
}

static void call_bond(void)
{
    struct woad_bond b = { .key_size = 16,
                           .has_own_ltk = 1,
                           .has_peer_ltk = 1,
                           .has_irk = one_in(2),
                           .has_csrk = one_in(2),
                           .has_own_csrk = one_in(2),
                           .peer = some_peer() };
    b.flags = any(4) & 3u; /* a separate key for each level */
    b.peer.type &= 1;
    if (one_in(2)) {
        bool all = one_in(3);
        struct actor *a = storm.me;
        if (result(woad_bond_remove(a->h, all ? NULL : &b.peer), "ES", "woad_bond_remove()") == 0) {
            store_drop(a, all ? NULL : &b.peer);
        }
        return;
    }
    memset(b.own_ltk, b.flags, 16);
    memcpy(b.peer_ltk, b.own_ltk, 16);
    memset(b.irk, (int)any(3), 16);
    if (result(woad_bond_add(storm.me->h, &b), "MIS", "woad_bond_add(%02x, %u)", b.peer.octet[0],
               b.flags) == 0) {
        store_keep(storm.me, &b);
    }
}

static void call_attempts(void)
{
    struct woad_addr peer = some_peer();
    peer.type &= 1;
    result(woad_attempts_add(storm.me->h, &peer, (uint8_t)any(3)), "S", "woad_attempts_add()");
}

/* Sets the peer's own out-of-band data, or wrong ones, or the key of legacy pairing. */
static void call_oob(void)
{
    uint16_t conn = some_conn();
    struct link *l = link_of(storm.me, conn);
    static const uint8_t tk[2][16] = { { 1, 2, 3 }, { 4 } };
    struct woad_oob other;
    const struct woad_oob *made = l ? storm.oob(l) : NULL;
    if (one_in(3)) {
        bool was = storm.me->oob;
        storm.me->oob = true;
        if (result(woad_oob_make(storm.me->h), "SD", "woad_oob_make()")) {
            storm.me->oob = was;
        }
        return;
    }
    if (one_in(3)) {
        uint8_t which = (uint8_t)any(2);
        if (result_on(conn, woad_oob_set_legacy(storm.me->h, conn, tk[which]), "NMSIL",
                      "woad_oob_set_legacy(%04x)", conn) == 0) {
            l->tk = (uint8_t)(which + 1);
        }
        return;
    }
    memset(&other, (int)any(256), sizeof other);
    bool good = made && !one_in(4);
    const struct woad_oob *data = good ? made : &other;
    int err = result_on(conn, woad_oob_set(storm.me->h, conn, data), "NMSL",
                        "woad_oob_set(%04x, %s)", conn, good ? "good" : "made up");
    if (!err && good) {
        l->proven = true;
    }
}

static void call_privacy(void)
{
    uint8_t irk[16];
    memset(irk, (int)(3 + storm.me->number), sizeof irk);
    if (one_in(2)) {
        result(woad_set_irk(storm.me->h, irk), "S", "woad_set_irk()");
    } else {
        result(woad_set_privacy(storm.me->h, (enum woad_privacy)any(3), (uint16_t)any(6)), "IDBOS",
               "woad_set_privacy()");
    }
}

/* --- the instance ----------------------------------------------------------------------------- */

static void call_stop(void)
{
    struct actor *a = storm.me;
    if (one_in(12)) {
        bool was = a->down_due;
        a->down_due = true;
        if (result(woad_stop(a->h), "D", "woad_stop()")) {
            a->down_due = was;
        }
    }
}

static void call_start(void)
{
    struct actor *a = storm.me;
    bool was = a->started;
    int err = result(woad_start(a->h), "L", "woad_start()");
    MUST(err || !was, "an instance that is started is started again");
    a->started = true;
}

static void call_fail(void)
{
    if (storm.me->depth == 0 && one_in(20)) {
        storm.me->down_due = storm.me->started;
        storm.calls++;
        say("%u: woad_fail()\n", storm.me->number);
        woad_fail(storm.me->h, one_in(2) ? WOAD_EIO : 0);
    }
}

static void call_look(void)
{
    struct actor *a = storm.me;
    struct woad_conn_info info;
    struct woad_security security;
    struct woad_coc_info coc;
    struct woad_bond bond;
    struct woad_addr addr;
    uint16_t conn = some_conn();
    result_on(conn, woad_conn_info(a->h, conn, &info), "N", "woad_conn_info(%04x)", conn);
    result_on(conn, woad_conn_security(a->h, conn, &security), "N", "woad_conn_security(%04x)",
              conn);
    result_on(conn, woad_coc_info(a->h, conn, some_cid(), &coc), "E", "woad_coc_info(%04x)", conn);
    result(woad_bond_at(a->h, (uint16_t)any(5), &bond), "E", "woad_bond_at()");
    result(woad_own_address(a->h, &addr), "D", "woad_own_address()");
}

const struct call link_calls[] = { { "connect", 4, call_connect },
                                   { "cancel", 2, call_connect_cancel },
                                   { "advertise", 5, call_advertise },
                                   { "adv_stop", 2, call_adv_stop },
                                   { "adv_data", 1, call_adv_data },
                                   { "ext", 2, call_ext },
                                   { "scan", 3, call_scan },
                                   { "disconnect", 1, call_disconnect },
                                   { "update", 3, call_update },
                                   { "limits", 1, call_limits },
                                   { "link", 4, call_link },
                                   { "own_address", 1, call_own_address },
                                   { "accept_list", 1, call_accept_list },
                                   { "policy", 2, random_policy },
                                   { "pair", 6, call_pair },
                                   { "passkey", 6, call_passkey },
                                   { "keypress", 1, call_keypress },
                                   { "bond", 3, call_bond },
                                   { "attempts", 1, call_attempts },
                                   { "oob", 3, call_oob },
                                   { "privacy", 1, call_privacy },
                                   { "stop", 1, call_stop },
                                   { "start", 1, call_start },
                                   { "fail", 1, call_fail },
                                   { "look", 2, call_look },
                                   { NULL, 0, NULL } };
