/* L2CAP channels and security: which level a channel requires, which peer must prove its identity
 * first, and which channels end with encryption. */
#include "pairing.h"

enum { PSM = 0x80 };

static uint8_t rx[2][8][600];
static unsigned places[2];

static void on_channel(struct device *d, const struct woad_event *ev)
{
    int k = (int)(d - w->device);
    on_event(d, ev);
    if (ev->type == WOAD_EV_COC_REQUEST) {
        assert_int_equal(
            woad_coc_accept(d->host, ev->conn, ev->u.coc.cid, rx[k][places[k]++ % 8], 600), 0);
    }
}

static void listens(uint8_t security)
{
    const struct woad_coc_params p = { .psm = PSM, .mtu = 500, .security = security };
    w->device[CENTRAL].on_event = w->device[PERIPHERAL].on_event = on_channel;
    assert_int_equal(woad_coc_listen(w->device[PERIPHERAL].host, &p), 0);
}

static uint16_t cid;

/* Requests a channel by either kind of request.  Returns the status of its end, 0 when it is
 * open. */
static int request_status(bool enhanced)
{
    const struct woad_coc_params p = { .psm = PSM, .mtu = 500 };
    struct device *d = &w->device[CENTRAL];
    void *mem[1] = { rx[0][places[0]++ % 8] };
    device_forget(d);
    device_forget(&w->device[PERIPHERAL]);
    assert_int_equal(
        enhanced ? woad_coc_connect_enhanced(d->host, side[CENTRAL].conn, &p, mem, 600, 1, &cid)
                 : woad_coc_connect(d->host, side[CENTRAL].conn, &p, mem[0], 600, &cid),
        0);
    world_run(w, 3000000);
    const struct seen *closed = device_find(d, WOAD_EV_COC_CLOSED);
    assert_true(closed || device_find(d, WOAD_EV_COC_OPEN));
    return closed ? closed->ev.u.coc.status : 0;
}

/* L2CAP/LE/CFC/BV-11-C, L2CAP/LE/CFC/BV-15-C, L2CAP/LE/CFC/BV-25-C, L2CAP/ECFC/BV-15-C,
 * L2CAP/ECFC/BV-25-C: each level that a PSM requires against each level of a connection.  With a
 * bond but without encryption the result names the missing encryption. */
static void levels(void **state)
{
    (void)state;
    with_channels = true;
    for (unsigned wanted = 0; wanted < 16; wanted++) {
        for (int has = 0; has < 4; has++) {
            enum { NOTHING, WEAK, PLAIN, ALL };
            bool secure = has == ALL;
            struct woad_security_policy p =
                policy(secure ? WOAD_IO_DISPLAY_YES_NO : WOAD_IO_NONE, secure, secure);
            p.key_size_min = 7;
            pair_of(&p, &p);
            listens((uint8_t)wanted);
            for (int k = 0; k < 2 && has == WEAK; k++) {
                struct woad_bond b = { .peer = w->device[1 - k].addr,
                                       .key_size = 10,
                                       .has_own_ltk = true,
                                       .has_peer_ltk = true };
                memset(b.own_ltk, 7, 10);
                memset(b.peer_ltk, 7, 10);
                assert_int_equal(woad_bond_add(w->device[k].host, &b), 0);
            }
            if (has) {
                side[0].user = side[1].user = YES;
                assert_int_equal(woad_pair(w->device[CENTRAL].host, side[CENTRAL].conn), 0);
                settle();
                assert_true(level(PERIPHERAL).encrypted);
            }
            int want = 0;
            if (!wanted || has == ALL) {
                want = 0;
            } else if (has == NOTHING || wanted & (WOAD_COC_AUTHENTICATED | WOAD_COC_SECURE)) {
                want = WOAD_COC_INSUFFICIENT_AUTHENTICATION;
            } else if (wanted & WOAD_COC_KEY_16 && has == WEAK) {
                want = WOAD_COC_INSUFFICIENT_KEY_SIZE;
            }
            for (int enhanced = 0; enhanced < 2; enhanced++) {
                assert_int_equal(request_status(enhanced), want);
            }
            world_free(w);
        }
    }
    with_channels = false;
}

/* L2CAP/LE/CFC/BV-25-C, and impostor for channels: the request to a bonded peer waits until the
 * connection is encrypted.  An impostor without the key gets no request. */
static void held(void **state)
{
    (void)state;
    with_channels = true;
    for (int kind = 0; kind < 3; kind++) {
        enum { GENUINE, IMPOSTOR, TRUSTED };
        struct woad_security_policy p = any;
        p.trust_unencrypted = kind == TRUSTED;
        begin(&p, &any);
        settle();
        rejoin(CENTRAL);
        if (kind == IMPOSTOR) {
            assert_int_equal(woad_bond_remove(w->device[PERIPHERAL].host, NULL), 0);
        }
        listens(kind == TRUSTED ? WOAD_COC_ENCRYPTED : 0);
        int got = request_status(kind == IMPOSTOR);
        if (kind == GENUINE) {
            assert_int_equal(got, 0);
            assert_true(level(CENTRAL).encrypted);
        } else if (kind == IMPOSTOR) {
            assert_int_equal(got, WOAD_EACCES);
            assert_null(device_find(&w->device[PERIPHERAL], WOAD_EV_COC_REQUEST));
        } else { /* the peer has a key, and does not use it */
            assert_int_equal(got, WOAD_COC_INSUFFICIENT_ENCRYPTION);
        }
        world_free(w);
    }
    with_channels = false;
}

/* C6: encryption ends in the middle of an SDU.  A channel that requires it sends no further octet
 * and closes; a channel without the requirement goes on. */
static void level_falls(void **state)
{
    static const uint8_t lost[] = { 4, 0x08, 4, 0x1f, 0x40, 0, 0 };
    static uint8_t secret[500];
    (void)state;
    with_channels = true;
    for (int guarded = 0; guarded < 2; guarded++) {
        begin(&any, &any);
        settle();
        listens(guarded ? WOAD_COC_ENCRYPTED : 0);
        assert_int_equal(request_status(false), 0);
        struct device *d = &w->device[PERIPHERAL];
        const struct seen *open = device_find(d, WOAD_EV_COC_OPEN);
        assert_non_null(open);
        memset(secret, 0x5e, sizeof secret);
        assert_int_equal(woad_coc_send(d->host, side[PERIPHERAL].conn, open->ev.u.coc.cid, secret,
                                       sizeof secret),
                         0);
        uint8_t packet[600];
        size_t first = woad_tx(d->host, packet, sizeof packet), seen = 0, n;
        assert_true(first > 100); /* a part of the SDU has been sent */
        assert_int_equal(woad_rx(d->host, lost, sizeof lost), 0);
        while ((n = woad_tx(d->host, packet, sizeof packet)) > 0) {
            for (size_t m = 9; m < n; m++) {
                seen += packet[m] == 0x5e;
            }
        }
        assert_true(guarded ? seen == 0 : seen > 100);
        world_free(w);
    }
    begin(&any, &any);
    settle();
    listens(WOAD_COC_ENCRYPTED);
    assert_int_equal(request_status(true), 0);
    assert_int_equal(woad_rx(w->device[PERIPHERAL].host, lost, sizeof lost), 0);
    world_run(w, 1000000);
    const struct seen *ours = device_find(&w->device[PERIPHERAL], WOAD_EV_COC_CLOSED);
    assert_true(ours && ours->ev.u.coc.status == WOAD_EACCES);
    assert_non_null(device_find(&w->device[CENTRAL], WOAD_EV_COC_CLOSED));
    world_free(w);
    with_channels = false;
}

/* The peer closes the channel after half of a frame has been sent.  The rest of the frame keeps its
 * length, but has no octet of the buffer, which the application owns again. */
static void closed_in_a_frame(void **state)
{
    static uint8_t data[500];
    (void)state;
    with_channels = true;
    pair_of(&any, &any);
    listens(0);
    assert_int_equal(request_status(false), 0);
    struct device *d = &w->device[PERIPHERAL];
    uint16_t ours = device_find(d, WOAD_EV_COC_OPEN)->ev.u.coc.cid;
    memset(data, 0x5e, sizeof data);
    assert_int_equal(woad_coc_send(d->host, side[PERIPHERAL].conn, ours, data, sizeof data), 0);
    uint8_t packet[600];
    size_t first = woad_tx(d->host, packet, sizeof packet), rest = 0, seen = 0, n;
    assert_int_equal(packet[5] + packet[6] * 256, 502);
    const uint8_t close[] = { 2, 0x40,          0x20, 12,           0, 8, 0, 5, 0, 6, 99, 4,
                              0, (uint8_t)ours, 0,    (uint8_t)cid, 0 };
    device_forget(d);
    assert_int_equal(woad_rx(d->host, close, sizeof close), 0);
    assert_non_null(device_find(d, WOAD_EV_COC_CLOSED));
    while ((n = woad_tx(d->host, packet, sizeof packet)) > 0 && packet[2] >> 4 == 1) {
        rest += n - 5;
        for (size_t m = 5; m < n; m++) {
            seen += packet[m] != 0;
        }
    }
    assert_int_equal(first - 5 + rest, 506);
    assert_int_equal(seen, 0);
    assert_int_equal(packet[9], 7); /* the answer follows the frame */
    world_free(w);
    with_channels = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(levels), cmocka_unit_test(held),
                                        cmocka_unit_test(level_falls),
                                        cmocka_unit_test(closed_in_a_frame) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
