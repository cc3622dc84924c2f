/* Attackers interfere with a pairing: forged PDUs, invalid public keys, false HCI events. */
#include "pairing.h"

#include "src/base/toolbox.h"

/* Delivers an SMP PDU to `to` that its peer has not sent. */
static void forge(int to, const uint8_t *pdu, size_t len)
{
    uint8_t acl[80] = { 2, 0x40, 0x20, (uint8_t)(len + 4), 0, (uint8_t)len, 0, 6, 0 };
    memcpy(acl + 9, pdu, len);
    assert_int_equal(woad_rx(w->device[to].host, acl, 9 + len), 0);
    world_pump(w);
}

static const uint8_t length_of[16] = { 1, 7, 7, 17, 17, 2, 17, 11, 17, 8, 17, 2, 65, 17, 2, 1 };

/* S8, S9, S10: every opcode at every moment, with the right length and with others, to either role
 * and in every method.  The pairing fails with a reason; where the rule says so, it ignores the PDU
 * and succeeds.  No side has a key that the other lacks, and the two can pair again. */
static void order_one(int to, uint8_t code, int delta, unsigned at_us, int method)
{
    uint8_t io = WOAD_IO_NONE;
    if (method == 1 || method == 3) {
        io = WOAD_IO_KEYBOARD;
    } else if (method == 2) {
        io = WOAD_IO_DISPLAY_YES_NO;
    }
    struct woad_security_policy p = policy(io, method != 0 && method != 4, method < 3);
    uint8_t pdu[70] = { code };
    begin(&p, &p);
    displayed = 99;
    for (size_t n = 1; n < sizeof pdu; n++) {
        pdu[n] = 0;
        if (code != 1 && code != 2) {
            pdu[n] = (uint8_t)(n * 7);
        } else if (n == 4) {
            pdu[n] = 16;
        } else if (n == 3) {
            pdu[n] = 9;
        }
    }
    world_run(w, at_us);
    bool over = device_find(&w->device[to], WOAD_EV_SECURITY) != NULL;
    forge(to, pdu, (size_t)(length_of[code] + delta));
    settle();
    world_run(w, 300000);
    if (over && (code == 1 || code == 11)) {
        world_free(w); /* the PDU has started another pairing */
        return;
    }
    int mine = status_of(to), theirs = status_of(1 - to);
    bool ignored =
        code == 0 || code == 15 || (code == 14 && !delta) ||
        (code == 11 && to == CENTRAL && !delta) || over ||
        (to == PERIPHERAL && at_us < 8000 && code != 1); /* the pairing has not started yet */
    if (!ignored && mine == 0 && theirs == 0) {
        /* The PDU was valid at this moment, and no other PDU overtook it: this holds for key PDUs
         * only. */
        assert_true(code >= 6 && code <= 10);
    }
    if (mine == 0 && theirs == 0) {
        assert_true(level(0).encrypted && level(1).encrypted);
        assert_memory_equal(bond_at(w->device[0].host, 0)->peer_ltk,
                            bond_at(w->device[1].host, 0)->own_ltk, 16);
    } else if (!over) {
        assert_true(mine != 0);
        assert_null(bond_at(w->device[to].host, 0));
        woad_bond_remove(w->device[1 - to].host, NULL);
        if (mine == WOAD_ETIMEDOUT || theirs == WOAD_ETIMEDOUT) {
            world_free(w); /* one side got no Pairing Failed, and timed out after 30 s */
            return;
        }
        again();
        assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
        settle();
        assert_int_equal(status_of(to), 0);
        assert_true(level(0).encrypted && level(1).encrypted);
    }
    world_free(w);
}

static void order_matrix(void **state)
{
    (void)state;
    attacked = true;
    for (int method = 0; method < 5; method++) {
        for (int to = 0; to < 2; to++) {
            for (uint8_t code = 0; code < 16; code++) {
                for (int delta = -1; delta < 2; delta++) {
                    for (unsigned at = 0; at < 130000; at += delta ? 29000 : 3700) {
                        if (length_of[code] + delta > 0) {
                            order_one(to, code, delta, at, method);
                        }
                    }
                }
            }
        }
    }
}

/* Replaces y by p - y: the other point with the same X. */
static void negate(uint8_t y[32])
{
    static const uint8_t p[32] = { 0xff, 0xff, 0xff, 0xff, 0,    0,    0,    1,    0,    0,    0,
                                   0,    0,    0,    0,    0,    0,    0,    0,    0,    0xff, 0xff,
                                   0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    int borrow = 0;
    for (int n = 31; n >= 0; n--) {
        int d = p[n] - y[n] - borrow;
        borrow = d < 0;
        y[n] = (uint8_t)(d + 256 * borrow);
    }
}

/* S1, S2: SM/CEN/KDU/BI-01-C, SM/PER/KDU/BI-01-C, SM/CEN/KDU/BI-04-C, SM/PER/KDU/BI-04-C: points
 * that are not on the curve, the victim's own key, its X with the other Y, and the specification's
 * debug key. */
static void public_keys(void **state)
{
    static const uint8_t debug[32] = { 0x3f, 0x49, 0xf6, 0xd4, 0xa3, 0xc5, 0x5f, 0x38,
                                       0x74, 0xc9, 0xb3, 0xe3, 0xd2, 0x10, 0x3f, 0x50,
                                       0x4a, 0xff, 0x60, 0x7b, 0xeb, 0x40, 0xb7, 0x99,
                                       0x58, 0x99, 0xb8, 0xa6, 0xcd, 0x3c, 0x1a, 0xbd };
    (void)state;
    for (int to = 0; to < 2; to++) {
        for (int kind = 0; kind < 8; kind++) {
            struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
            uint8_t key[64], pdu[65] = { 0x0c };
            begin(&p, &p);
            /* Wait until the victim has made its own key and waits for the peer's. */
            for (int n = 0; n < 1000 && !side[to].private_key[0]; n++) {
                world_run(w, 50);
            }
            world_run(w, to == CENTRAL ? 100 : 0);
            assert_int_equal(p256_public(kind == 7 ? debug : side[to].private_key, key), 0);
            if (kind == 1) {
                negate(key + 32);
            } else if (kind == 2) {
                memset(key + 32, 0, 32);
            } else if (kind == 3) {
                memset(key, 0, 64);
            } else if (kind == 4) {
                memset(key, 0xff, 64);
            } else if (kind == 5) {
                key[63] ^= 1;
                key[0] ^= 1;
            } else if (kind == 6) {
                key[10] ^= 4;
            }
            for (size_t n = 0; n < 32; n++) {
                pdu[1 + n] = key[31 - n];
                pdu[33 + n] = key[63 - n];
            }
            forge(to, pdu, sizeof pdu);
            settle();
            if (status_of(to) != (kind == 7 ? WOAD_SMP_AUTHENTICATION : WOAD_SMP_DHKEY_CHECK)) {
                fail_msg("to %d, kind %d: %x", to, kind, (unsigned)status_of(to));
            }
            assert_open();
            world_free(w);
        }
    }
}

/* S6, S7: smp_keysize_all_256.  SM/CEN/EKS/BI-01-C, SM/PER/EKS/BI-02-C */
static void key_sizes(void **state)
{
    (void)state;
    for (int to = 0; to < 2; to++) {
        for (unsigned size = 0; size < 256; size++) {
            struct woad_security_policy p = policy(WOAD_IO_NONE, false, false);
            uint8_t pdu[7] = { (uint8_t)(to == CENTRAL ? 2 : 1), 3, 0, 1, (uint8_t)size, 0, 0 };
            p.key_size_min = 10;
            pair_of(&p, &p);
            if (to == CENTRAL) {
                assert_int_equal(woad_pair(w->device[to].host, side[to].conn), 0);
                world_pump(w);
            }
            forge(to, pdu, sizeof pdu);
            world_run(w, 2000000);
            const struct seen *s = device_find(&w->device[to], WOAD_EV_SECURITY);
            int status = s ? s->ev.u.security.status : 0;
            int want = 0;
            if (size < 7 || size > 16) {
                want = WOAD_SMP_INVALID_PARAMETERS;
            } else if (size < 10) {
                want = WOAD_SMP_KEY_SIZE;
            }
            assert_true(want ? status == want : status != WOAD_SMP_KEY_SIZE);
            assert_open();
            world_free(w);
        }
    }
}

static int box_aes(void *ctx, const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    (void)ctx;
    return woad_mbedtls.aes128(key, in, out);
}

static void flip(uint8_t *out, const uint8_t *in, size_t len)
{
    for (size_t n = 0; n < len; n++) {
        out[n] = in[len - 1 - n];
    }
}

/* S3, SM/CEN/JW/BI-06-C, SM/CEN/PKE/BI-03-C: an attacker returns the central's own confirm value
 * and random number to it.  They match unless the central checks for reflection. */
static void reflection(void **state)
{
    static const struct toolbox box = { box_aes, NULL };
    static const uint8_t tk[16] = { 0 }, preq[7] = { 1, 3, 0, 1, 16, 5, 7 };
    static const uint8_t pres[7] = { 2, 3, 0, 1, 16, 1, 1 };
    struct woad_security_policy p = policy(WOAD_IO_NONE, false, false);
    uint8_t ia[7] = { 0 }, ra[7] = { 0 }, confirm[16], pdu[17] = { 3 }, random[17] = { 4 };
    (void)state;
    begin(&p, &p);
    world_pump(w); /* the request is sent; from here on the test plays the peer */
    side[CENTRAL].nonce[0] = 0;
    forge(CENTRAL, pres, sizeof pres);
    flip(ia + 1, w->device[CENTRAL].addr.octet, 6);
    flip(ra + 1, w->device[PERIPHERAL].addr.octet, 6);
    assert_int_equal(toolbox_c1(&box, tk, side[CENTRAL].nonce, preq, pres, ia, ra, confirm), 0);
    flip(pdu + 1, confirm, 16);
    flip(random + 1, side[CENTRAL].nonce, 16);
    forge(CENTRAL, pdu, sizeof pdu);
    forge(CENTRAL, random, sizeof random);
    assert_int_equal(status_of(CENTRAL), WOAD_SMP_CONFIRM);
    world_free(w);
}

/* S21: a peer that does not wait after a failure is refused. */
static void impatient(void **state)
{
    struct woad_security_policy p = policy(WOAD_IO_KEYBOARD, true, true);
    static const uint8_t request[7] = { 1, 2, 0, 0x0d, 16, 0, 0 };
    (void)state;
    begin(&p, &p);
    side[PERIPHERAL].user = WRONG;
    settle();
    assert_int_equal(status_of(PERIPHERAL) & 0xff, WOAD_SMP_CONFIRM);
    again();
    assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
    forge(PERIPHERAL, request, sizeof request);
    world_run(w, 100000);
    assert_int_equal(status_of(CENTRAL), WOAD_SECURITY_PEER | WOAD_SMP_REPEATED_ATTEMPTS);
    assert_null(device_find(&w->device[PERIPHERAL], WOAD_EV_SECURITY));
    world_free(w);
}

/* S15: each call of the cryptographic library fails once; then neither side has a key. */
static void crypto_fails(void **state)
{
    (void)state;
    attacked = true;
    for (int method = 0; method < 4; method++) {
        for (unsigned at = 1;; at++) {
            struct woad_security_policy p =
                policy(method & 1 ? WOAD_IO_KEYBOARD : WOAD_IO_NONE, method & 1, method < 2);
            begin(&p, &p);
            displayed = 5;
            fail_at = at;
            settle();
            bool failed = !fail_at;
            fail_at = 0;
            if (!failed || (status_of(0) == 0 && status_of(1) == 0 && at < 3)) {
                assert_int_equal(status_of(0), 0); /* a key pair that fails is made again */
                world_free(w);
                if (!failed) {
                    break;
                }
                continue;
            }
            assert_true(status_of(0) != 0 && status_of(1) != 0);
            assert_null(bond_at(w->device[0].host, 0));
            assert_null(bond_at(w->device[1].host, 0));
            assert_false(level(0).encrypted || level(1).encrypted);
            world_free(w);
        }
    }
}

/* S5: an application that allows one method alone never gets another one, whatever the peer
 * offers. */
static void one_method(void **state)
{
    (void)state;
    for (int to = 0; to < 2; to++) {
        for (int method = WOAD_METHOD_JUST_WORKS; method <= WOAD_METHOD_COMPARISON; method++) {
            struct woad_security_policy p[2];
            for (int k = 0; k < 2; k++) {
                p[k] = policy(
                    method == WOAD_METHOD_PASSKEY ? WOAD_IO_KEYBOARD : WOAD_IO_DISPLAY_YES_NO,
                    method != WOAD_METHOD_JUST_WORKS, true);
            }
            p[to].methods = 1 << WOAD_METHOD_COMPARISON;
            begin(&p[0], &p[1]);
            displayed = 8;
            settle();
            assert_int_equal(status_of(to),
                             method == WOAD_METHOD_COMPARISON ? 0 : WOAD_SMP_AUTHENTICATION);
            assert_int_equal(level(to).encrypted, method == WOAD_METHOD_COMPARISON);
            world_free(w);
        }
    }
}

/* S12, identity_takeover_rejected: a peer that pairs by a weaker method claims the identity of a
 * bonded peer.  The claim is rejected and the bond stays as it was.  If the method is as strong,
 * the new bond replaces the old one. */
static void identity_takeover(void **state)
{
    static const uint8_t his[6] = { 1, 2, 3, 4, 5, 0xc6 }, irk[16] = { 9 };
    (void)state;
    for (int strong = 0; strong < 2; strong++) {
        struct woad_security_policy types = policy(WOAD_IO_KEYBOARD, true, true);
        struct woad_security_policy shows = policy(WOAD_IO_DISPLAY, true, true);
        struct woad_security_policy weak = policy(WOAD_IO_NONE, false, true);
        w = world_new(11, 0);
        add(3, &shows);
        add(3, &types);
        add(3, strong ? &types : &weak);
        for (int k = 1; k < 3; k++) {
            assert_int_equal(woad_set_own_address(w->device[k].host, WOAD_ADDR_RANDOM, his), 0);
            world_run(w, 10000);
            w->device[k].addr = (struct woad_addr){ WOAD_ADDR_RANDOM, { 0 } };
            memcpy(w->device[k].addr.octet, his, 6);
        }
        assert_int_equal(woad_set_irk(w->device[2].host, irk), 0);
        assert_int_equal(woad_set_privacy(w->device[2].host, WOAD_PRIVACY_RESOLVABLE, 900), 0);
        world_run(w, 10000);
        connect_both(&w->device[1], &w->device[0]);
        assert_int_equal(woad_pair(w->device[1].host, side[1].conn), 0);
        settle();
        assert_int_equal(status_of(0), 0);
        struct woad_bond before = side[0].bond;
        assert_int_equal(woad_disconnect(w->device[1].host, side[1].conn, 0x13), 0);
        world_run(w, 300000);
        again();
        connect_both(&w->device[2], &w->device[0]); /* device 2 uses a private address */
        device_forget(&w->device[0]);
        assert_int_equal(woad_pair(w->device[2].host, side[2].conn), 0);
        for (int n = 0; n < 200 && !device_find(&w->device[0], WOAD_EV_SECURITY); n++) {
            if (side[2].action == WOAD_PASSKEY_INPUT && side[2].passkeys && side[0].action) {
                side[2].passkeys = 0;
                answer(&w->device[2]);
            }
            world_run(w, 10000);
        }
        assert_int_equal(status_of(0), strong ? 0 : WOAD_SMP_KEY_REJECTED);
        const struct woad_bond *b = bond_at(w->device[0].host, 0);
        assert_memory_equal(b->peer.octet, his, 6);
        assert_int_equal(memcmp(b->peer_ltk, before.peer_ltk, 16) == 0, !strong);
        assert_null(bond_at(w->device[0].host, 1));
        world_free(w);
    }
}

/* S14: SM/CEN/SCOB/BI-01-C, SM/PER/SCOB/BI-02-C, SM/CEN/OOB/BI-01-C, SM/PER/OOB/BI-02-C: the
 * out-of-band data differ from the peer's.  The pairing sends nothing that the peer could use. */
static void wrong_oob(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        for (int to = 0; to < 2; to++) {
            for (int octet = 0; octet < 32; octet += 5) {
                struct woad_security_policy p = policy(WOAD_IO_NONE, false, secure);
                pair_of(&p, &p);
                uint8_t tk[2][16] = { { 1, 2 }, { 1, 2 } };
                tk[to][octet % 16] ^= 0x40;
                for (int k = 0; k < 2; k++) {
                    if (!secure) {
                        assert_int_equal(
                            woad_oob_set_legacy(w->device[k].host, side[k].conn, tk[k]), 0);
                        continue;
                    }
                    assert_int_equal(woad_oob_make(w->device[1 - k].host), 0);
                    assert_non_null(world_wait(w, &w->device[1 - k], WOAD_EV_OOB, 100000));
                    struct woad_oob oob = side[1 - k].oob;
                    ((uint8_t *)&oob)[octet] ^= k == to ? 4 : 0;
                    assert_int_equal(woad_oob_set(w->device[k].host, side[k].conn, &oob), 0);
                }
                uint8_t nonce[16];
                assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
                memcpy(nonce, side[to].nonce, 16);
                settle();
                if (secure) { /* no random number was drawn, so none was sent */
                    assert_int_equal(status_of(to), WOAD_SMP_CONFIRM);
                    assert_memory_equal(nonce, side[to].nonce, 16);
                } else {
                    assert_int_equal(status_of(CENTRAL) & 0xff, WOAD_SMP_CONFIRM);
                }
                assert_open();
                world_free(w);
            }
        }
    }
}

/* S20: each pairing has a key pair of its own, on the same connection or another, after a success
 * or a failure. */
static void fresh_keys(void **state)
{
    struct woad_security_policy p = policy(WOAD_IO_KEYBOARD, true, true);
    uint8_t used[12][32];
    (void)state;
    pair_of(&p, &p);
    for (size_t n = 0; n < 6; n++) {
        assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
        side[CENTRAL].user = n % 2 ? YES : WRONG;
        settle();
        for (size_t k = 0; k < 2; k++) {
            memcpy(used[2 * n + k], side[k].private_key, 32);
            for (size_t m = 0; m < 2 * n + k; m++) {
                assert_memory_not_equal(used[m], used[2 * n + k], 32);
            }
        }
        rejoin(CENTRAL);
        woad_bond_remove(w->device[0].host, NULL);
        woad_bond_remove(w->device[1].host, NULL);
    }
    world_free(w);
}

static unsigned seen_inside;

static void looks_inside(struct device *d, const struct woad_event *ev)
{
    on_event(d, ev);
    if ((ev->type == WOAD_EV_SECURITY && ev->u.security.status == 0) || ev->type == WOAD_EV_BOND) {
        const struct woad_bond *b = bond_at(d->host, 0);
        assert_non_null(b);
        assert_true(b->has_own_ltk && b->has_peer_ltk && b->key_size == 16);
        struct woad_security now;
        assert_int_equal(woad_conn_security(d->host, ev->conn, &now), 0);
        assert_true(now.encrypted && now.bonded);
        seen_inside++;
    }
}

/* S19, bond_visible_in_event: when WOAD_EV_SECURITY arrives, the bond is already there. */
static void bond_in_event(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        struct woad_security_policy p = policy(WOAD_IO_NONE, false, secure);
        pair_of(&p, &p);
        w->device[0].on_event = w->device[1].on_event = looks_inside;
        seen_inside = 0;
        assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
        settle();
        world_run(w, 100000);
        assert_int_equal(seen_inside, 4);
        world_free(w);
    }
}

/* Returns the opcode of the next command of a host. */
static unsigned next_command(int which)
{
    uint8_t packet[WOAD_TX_ROOM];
    size_t n = woad_tx(w->device[which].host, packet, sizeof packet);
    return n > 3 && packet[0] == 1 ? packet[1] | (unsigned)packet[2] << 8 : 0;
}

/* S16: the host gives a key only for the right EDIV and random number, and none too early. */
static void key_requests(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        for (int kind = 0; kind < 6; kind++) {
            struct woad_security_policy p = policy(WOAD_IO_NONE, false, secure);
            uint8_t ask[16] = { 4, 0x3e, 13, 5, 0x40, 0 };
            begin(&p, &p);
            if (kind == 4) {
                world_run(w, 20000); /* in the middle of the pairing */
            } else {
                settle();
            }
            const struct woad_bond *b = bond_at(w->device[PERIPHERAL].host, 0);
            assert_int_equal(b != NULL, kind != 4);
            if ((kind == 1 || kind == 3 || kind == 5) && b) {
                memcpy(ask + 6, b->own_rand, 8);
                ask[14] = (uint8_t)b->own_ediv;
                ask[15] = (uint8_t)(b->own_ediv >> 8);
            }
            ask[14] ^= kind == 2 || kind == 5;
            ask[6] ^= kind == 3;
            assert_int_equal(woad_rx(w->device[PERIPHERAL].host, ask, sizeof ask), 0);
            bool given = kind == 1 || (kind == 0 && secure);
            assert_int_equal(next_command(PERIPHERAL), given ? 0x201a : 0x201b);
            world_free(w);
        }
    }
}

/* S18: forged HCI encryption events do not raise the security level. */
static void encryption_events(void **state)
{
    static const struct {
        uint8_t event[8], len;
    } said[] = { { { 4, 0x08, 4, 0x05, 0x40, 0, 1 }, 7 },
                 { { 4, 0x08, 4, 0, 0x40, 0, 0 }, 7 },
                 { { 4, 0x30, 3, 0x06, 0x40, 0 }, 6 } };
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
        begin(&p, &p);
        settle();
        assert_true(level(0).encrypted);
        again();
        assert_int_equal(woad_rx(w->device[0].host, said[k].event, said[k].len), 0);
        assert_false(level(0).encrypted || level(0).authenticated || level(0).bonded);
        assert_true(status_of(0) & WOAD_SECURITY_HCI);
        world_free(w);
    }
}

/* S8, S18: the host ignores an event that reports encryption, if it has given no key. */
static void encryption_unasked(void **state)
{
    static const struct {
        uint8_t event[8], len;
    } said[] = { { { 4, 0x08, 4, 0, 0x40, 0, 1 }, 7 }, { { 4, 0x30, 3, 0, 0x40, 0 }, 6 } };
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        for (int which = 0; which < 2; which++) {
            struct woad_security_policy p = policy(WOAD_IO_NONE, false, true);
            pair_of(&p, &p);
            assert_int_equal(woad_rx(w->device[which].host, said[k].event, said[k].len), 0);
            assert_null(device_find(&w->device[which], WOAD_EV_SECURITY));
            assert_open();
            world_free(w);
        }
    }
}

/* A second pairing fails while its key is being put into use: the security level of the first
 * pairing does not hold for the new key. */
static void corrupted_again(void **state)
{
    static const uint8_t forged[17] = { 4 };
    unsigned lowered = 0;
    (void)state;
    attacked = true;
    for (unsigned at = 0; at < 200000; at += 2000) {
        struct woad_security_policy p = policy(WOAD_IO_DISPLAY_YES_NO, true, true);
        begin(&p, &p);
        settle();
        assert_true(level(CENTRAL).authenticated);
        again();
        woad_bond_remove(w->device[0].host, NULL);
        woad_bond_remove(w->device[1].host, NULL);
        assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
        world_run(w, at);
        bool over = device_find(&w->device[CENTRAL], WOAD_EV_SECURITY) != NULL;
        forge(CENTRAL, forged, sizeof forged);
        bool failed = !over && device_find(&w->device[CENTRAL], WOAD_EV_SECURITY);
        world_run(w, 300000);
        lowered += failed && !level(CENTRAL).encrypted;
        world_free(w);
    }
    assert_true(lowered > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_method),        cmocka_unit_test(identity_takeover),
        cmocka_unit_test(wrong_oob),         cmocka_unit_test(fresh_keys),
        cmocka_unit_test(bond_in_event),     cmocka_unit_test(order_matrix),
        cmocka_unit_test(public_keys),       cmocka_unit_test(key_sizes),
        cmocka_unit_test(impatient),         cmocka_unit_test(reflection),
        cmocka_unit_test(crypto_fails),      cmocka_unit_test(key_requests),
        cmocka_unit_test(encryption_events), cmocka_unit_test(encryption_unasked),
        cmocka_unit_test(corrupted_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
