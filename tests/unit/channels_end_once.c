/* Each L2CAP channel that either side requests ends with one event, returns its slot and its
 * buffers, and uses its own connection: whatever the application does meanwhile. */
#include "solo.h"

enum { PSM = 0x80, PEER_CID = 0x50, OUR_CID = 0x40, SIG = 5, PLACES = 4 };
enum { CONN_REQ = 0x14, CONN_RSP = 0x15, DISCONNECT_REQ = 0x06, ENHANCED_RSP = 0x18 };

static const struct woad_feature *const features[] = { &woad_feature_l2cap_channels,
                                                       &woad_feature_enhanced_channels,
                                                       &woad_feature_security_manager, NULL };
static const struct woad_coc_params params = { .psm = PSM, .mtu = 100 };
static const struct woad_coc_params encrypted = { .psm = PSM,
                                                  .mtu = 100,
                                                  .security = WOAD_COC_ENCRYPTED };
static uint8_t ring[PLACES][100], buffer[100];
static uint16_t cid;
static unsigned step;

static void boot(void (*on_event)(const struct woad_event *ev))
{
    struct woad_config config = solo_config(features);
    config.l2cap_channels = PLACES;
    config.conns = 2;
    solo_boot(config);
    solo.on_event = on_event;
    step = 0;
}

/* Counts the channels that can be opened now. */
static unsigned places(uint16_t conn)
{
    unsigned n = 0;
    while (n < PLACES && woad_coc_connect(solo.h, conn, &params, ring[n], 100, &cid) == 0) {
        n++;
    }
    return n;
}

static void enhanced_request(uint8_t id, uint8_t n)
{
    uint8_t req[4 + 8 + 2 * PLACES] = { 0x17, id, (uint8_t)(8 + 2 * n), 0, PSM, 0, 64, 0, 64, 0,
                                        9,    0 };
    for (uint8_t k = 0; k < n; k++) {
        req[12 + 2 * k] = (uint8_t)(PEER_CID + k);
    }
    solo_l2cap(SOLO_HANDLE, SIG, req, 12u + 2u * n);
    solo_pump();
}

static void refuse_all(const struct woad_event *ev)
{
    for (uint16_t k = OUR_CID; ev->type == WOAD_EV_COC_REQUEST && k < OUR_CID + PLACES; k++) {
        assert_int_equal(woad_coc_refuse(solo.h, ev->conn, k, WOAD_COC_NO_RESOURCES),
                         k == ev->u.coc.cid ? 0 : WOAD_ENOENT);
    }
    solo_pump();
}

/* L2CAP/ECFC: the application refuses all channels of a request, in each event.  One that has had
 * no event yet, or is refused, does not exist for it. */
static void refused_from_inside_the_events(void **state)
{
    (void)state;
    boot(refuse_all);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_coc_listen(solo.h, &params), 0);
    enhanced_request(1, PLACES);
    assert_int_equal(solo_count(WOAD_EV_COC_REQUEST), PLACES);
    assert_int_equal(solo_frames(SIG, ENHANCED_RSP), 1);
    assert_int_equal(places(solo.conn[0]), PLACES);
    solo_end();
}

static void on_bond_wanted(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_BOND_WANTED && step++ == 0) {
        assert_int_equal(woad_coc_disconnect(solo.h, solo.conn[0], cid), 0);
        assert_int_equal(woad_coc_connect(solo.h, solo.conn[1], &params, ring[1], 100, &cid), 0);
    }
}

/* A channel is closed while the host waits for a bond; by then another connection uses its slot. */
static void given_up_while_a_bond_is_wanted(void **state)
{
    struct woad_config config = solo_config(features);
    (void)state;
    config.l2cap_channels = 1;
    solo_boot(config);
    solo.on_event = on_bond_wanted;
    step = 0;
    solo_connected(SOLO_HANDLE, true, 9);
    solo_connected(SOLO_HANDLE + 1, true, 8);
    assert_int_equal(woad_coc_connect(solo.h, solo.conn[0], &params, ring[0], 100, &cid), 0);
    solo_forget();
    solo_pump();
    assert_int_equal(step, 2); /* one for each connection */
    assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
    assert_int_equal(solo_frames(SIG, CONN_REQ), 1);
    assert_int_equal(solo.frame[0].handle, SOLO_HANDLE + 1);
    solo_end();
}

static int received;

static void receive_then_refuse(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_COC_REQUEST) {
        received = woad_coc_receive(solo.h, ev->conn, ev->u.coc.cid, buffer, sizeof buffer);
        assert_int_equal(woad_coc_refuse(solo.h, ev->conn, ev->u.coc.cid, 4), 0);
        assert_int_equal(woad_coc_receive(solo.h, ev->conn, ev->u.coc.cid, buffer, sizeof buffer),
                         WOAD_ENOENT);
    }
}

/* A receive buffer is accepted only for a channel that will have an end event. */
static void no_buffer_before_it_is_accepted(void **state)
{
    (void)state;
    boot(receive_then_refuse);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_coc_listen(solo.h, &params), 0);
    SOLO_SIG(CONN_REQ, 1, 10, 0, PSM, 0, PEER_CID, 0, 64, 0, 64, 0, 1, 0);
    solo_pump();
    assert_int_equal(received, WOAD_ENOENT);
    solo_end();
}

static void accept_the_first(const struct woad_event *ev)
{
    if (ev->type == WOAD_EV_COC_REQUEST && step++ == 0) {
        assert_int_equal(woad_coc_accept(solo.h, ev->conn, ev->u.coc.cid, ring[0], 100), 0);
    }
}

/* 6.2.1: the peer's timer is 30 s; the host refuses what the application has not decided by
 * then. */
static void decided_before_the_peer_gives_up(void **state)
{
    (void)state;
    boot(accept_the_first);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_coc_listen(solo.h, &params), 0);
    enhanced_request(1, 2);
    solo_tick(24999);
    assert_int_equal(solo_frames(SIG, ENHANCED_RSP), 0);
    solo_tick(1);
    assert_int_equal(solo_frames(SIG, ENHANCED_RSP), 1);
    assert_int_equal(solo_count(WOAD_EV_COC_OPEN), 1);
    assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
    assert_int_equal(solo_last(WOAD_EV_COC_CLOSED)->u.coc.status, WOAD_ETIMEDOUT);
    solo_end();
}

/* 6.2.1: a channel that the peer grants after our RTX has expired is closed again without an
 * event, and its slot is free at once. */
static void granted_too_late(void **state)
{
    (void)state;
    for (int enhanced = 0; enhanced < 2; enhanced++) {
        void *const rx[] = { ring[0] };
        boot(NULL);
        solo_connected(SOLO_HANDLE, false, 9);
        if (enhanced) {
            assert_int_equal(
                woad_coc_connect_enhanced(solo.h, solo.conn[0], &params, rx, 100, 1, &cid), 0);
        } else {
            assert_int_equal(woad_coc_connect(solo.h, solo.conn[0], &params, ring[0], 100, &cid),
                             0);
        }
        solo_pump();
        solo_tick(30000);
        assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
        assert_int_equal(woad_coc_disconnect(solo.h, solo.conn[0], cid), WOAD_ENOENT);
        solo_forget();
        if (enhanced) {
            SOLO_SIG(ENHANCED_RSP, 1, 10, 0, 64, 0, 64, 0, 1, 0, 0, 0, PEER_CID, 0);
        } else {
            SOLO_SIG(CONN_RSP, 1, 10, 0, PEER_CID, 0, 64, 0, 64, 0, 1, 0, 0, 0);
        }
        solo_pump();
        assert_int_equal(solo_frames(SIG, DISCONNECT_REQ), 1);
        assert_int_equal(solo.frame[0].octet[4], PEER_CID);
        assert_int_equal(solo.frame[0].octet[6], cid);
        SOLO_SIG(0x07, solo.frame[0].octet[1], 4, 0, PEER_CID, 0, (uint8_t)cid, 0);
        assert_int_equal(solo.events, 0);
        assert_int_equal(places(solo.conn[0]), PLACES);
        solo_pump();
        solo_tick(30000); /* all late ones are dropped */
        assert_int_equal(places(solo.conn[0]), PLACES);
        solo_disconnected(SOLO_HANDLE, 0x13);
        assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 2 * PLACES);
        solo_end();
    }
}

/* 6.2.2: a peer may delay its response, but not without limit. */
static void put_off_for_ever(void **state)
{
    void *const rx[] = { ring[0] };
    unsigned minutes = 0;
    (void)state;
    boot(NULL);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_coc_connect_enhanced(solo.h, solo.conn[0], &params, rx, 100, 1, &cid), 0);
    solo_pump();
    for (; minutes < 20 && !solo_count(WOAD_EV_COC_CLOSED); minutes++) {
        SOLO_SIG(ENHANCED_RSP, 1, 10, 0, 0, 0, 0, 0, 0, 0, 0x0f, 0, 0, 0);
        solo_tick(59999);
    }
    assert_in_range(minutes, 4, 6);
    solo_end();
}

static void on_request_only_count(const struct woad_event *ev)
{
    (void)ev;
}

/* The connection loses its security while the application decides: the application gets an
 * event. */
static void less_secure_while_it_waits(void **state)
{
    (void)state;
    boot(on_request_only_count);
    solo_bond(9, WOAD_BOND_SECURE);
    solo_connected(SOLO_HANDLE, false, 9);
    solo_encrypt(SOLO_HANDLE);
    assert_int_equal(woad_coc_listen(solo.h, &encrypted), 0);
    SOLO_SIG(CONN_REQ, 1, 10, 0, PSM, 0, PEER_CID, 0, 64, 0, 64, 0, 1, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_COC_REQUEST), 1);
    SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0); /* Encryption Change: off */
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
    assert_int_equal(solo_last(WOAD_EV_COC_CLOSED)->u.coc.status, WOAD_EACCES);
    assert_int_equal(solo_frames(SIG, CONN_RSP), 1);
    solo_disconnected(SOLO_HANDLE, 0x13);
    assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
    solo_end();
}

static uint8_t *sdu;
static unsigned zeros, sent_after;

/* Frees the buffer that the event returns, then pulls packets. */
static void frees_and_pulls(const struct woad_event *ev)
{
    uint8_t packet[64];
    size_t n;
    sent_after += sdu == NULL && ev->type == WOAD_EV_COC_SENT;
    if (ev->type != WOAD_EV_COC_CLOSED) {
        return;
    }
    free(sdu);
    sdu = NULL;
    while ((n = woad_tx(solo.h, packet, sizeof packet)) > 0) {
        for (size_t k = 5; packet[0] == 2 && (packet[2] >> 4) == 1 && k < n; k++) {
            assert_int_equal(packet[k], 0);
            zeros++;
        }
    }
}

/* A channel closes in the middle of a frame: its buffer is not read after the event that returns
 * it, even if the event pulls packets. */
static void buffer_is_not_read_after_the_end(void **state)
{
    (void)state;
    for (int security = 0; security < 2; security++) {
        solo.acl_len = 27;
        solo.acl_count = 3;
        boot(frees_and_pulls);
        zeros = sent_after = 0;
        solo_bond(9, WOAD_BOND_SECURE);
        solo_connected(SOLO_HANDLE, false, 9);
        solo_encrypt(SOLO_HANDLE);
        assert_int_equal(woad_coc_connect(solo.h, solo.conn[0], &encrypted, ring[0], 100, &cid), 0);
        solo_pump();
        SOLO_SIG(CONN_RSP, 1, 10, 0, PEER_CID, 0, 90, 0, 90, 0, 9, 0, 0, 0);
        solo_pump();
        sdu = malloc(80);
        memset(sdu, 0xee, 80);
        assert_int_equal(woad_coc_send(solo.h, solo.conn[0], cid, sdu, 80), 0);
        solo.no_completed = true;
        solo_pump(); /* three fragments are out, the fourth waits */
        SOLO_RX(4, 0x13, 5, 1, SOLO_HANDLE, 0, 3, 0);
        if (security) { /* the rest is not sent in the clear, and the SDU does not count as sent */
            SOLO_RX(4, 8, 4, 0, SOLO_HANDLE, 0, 0);
            solo.no_completed = false;
            solo_pump();
            assert_int_equal(solo_count(WOAD_EV_COC_SENT), 0);
        }
        SOLO_SIG(DISCONNECT_REQ, 9, 4, 0, (uint8_t)cid, 0, PEER_CID, 0);
        assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 1);
        assert_null(sdu);
        assert_int_equal(zeros, security ? 0 : 4 + 2 + 80 - 3 * 27);
        assert_int_equal(sent_after, 0);
        solo_end();
    }
}

/* Flow control credits use identifiers, too: a pending request keeps its own. */
static void identifiers_wrap(void **state)
{
    static uint8_t to[100];
    uint16_t open;
    bool end;
    (void)state;
    boot(NULL);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_coc_connect(solo.h, solo.conn[0], &params, ring[0], 100, &open), 0);
    solo_pump();
    SOLO_SIG(CONN_RSP, 1, 10, 0, PEER_CID, 0, 90, 0, 90, 0, 9, 0, 0, 0);
    assert_int_equal(woad_coc_connect(solo.h, solo.conn[0], &params, ring[1], 100, &cid), 0);
    solo_pump(); /* identifier 2 is pending */
    unsigned credits = 0;
    for (unsigned n = 0; n < 300 && credits < 254; n++) {
        SOLO_L2CAP(SOLO_HANDLE, OUR_CID, 1, 0, 'x');
        woad_coc_read(solo.h, solo.conn[0], open, to, sizeof to, &end);
        solo_forget();
        solo_pump();
        credits += (unsigned)solo_frames(SIG, 0x16);
    }
    assert_int_equal(credits, 254);
    solo_forget();
    assert_int_equal(woad_coc_connect(solo.h, solo.conn[0], &params, ring[2], 100, &cid), 0);
    solo_pump();
    assert_int_equal(solo_frames(SIG, CONN_REQ), 1);
    assert_int_not_equal(solo.frame[0].octet[1], 2);
    solo_end();
}

/* 4.28: while a reconfiguration has no response, the peer may use the old limits or the new
 * ones. */
static void reconfigured_or_not(void **state)
{
    static uint8_t large[400], one[2 + 250] = { 250 };
    void *const rx[] = { large };
    (void)state;
    boot(NULL);
    solo_connected(SOLO_HANDLE, false, 9);
    assert_int_equal(woad_coc_connect_enhanced(solo.h, solo.conn[0], &params, rx, 400, 1, &cid), 0);
    solo_pump();
    SOLO_SIG(ENHANCED_RSP, 1, 10, 0, 64, 0, 64, 0, 1, 0, 0, 0, PEER_CID, 0);
    assert_int_equal(woad_coc_reconfigure(solo.h, solo.conn[0], &cid, 1, 250, 100), 0);
    solo_pump();
    solo_tick(30000);
    assert_int_equal(solo_last(WOAD_EV_COC_CHANGED)->u.coc.status, WOAD_ETIMEDOUT);
    solo_l2cap(SOLO_HANDLE, cid, one, 100);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_COC_CLOSED), 0);
    assert_int_equal(solo_frames(SIG, DISCONNECT_REQ), 0);
    solo_end();
}

/* Vol 3, Part A, 4: a second request with the identifier of an unanswered one is dropped, and opens
 * no channel without an event.  After the response the identifier may be used again. */
static void identifier_of_an_unanswered_request(void **state)
{
    (void)state;
    boot(NULL);
    assert_int_equal(woad_coc_listen(solo.h, &params), 0);
    solo_connected(SOLO_HANDLE, false, 9);
    enhanced_request(7, 1);
    SOLO_SIG(0x17, 7, 12, 0, PSM, 0, 64, 0, 64, 0, 9, 0, 0x51, 0, 0x52, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_COC_REQUEST), 1);
    assert_int_equal(woad_coc_accept(solo.h, solo.conn[0], OUR_CID, ring[0], 100), 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_COC_OPEN), 1);
    assert_int_equal(solo_frames(SIG, ENHANCED_RSP), 1);
    SOLO_SIG(0x17, 7, 12, 0, PSM, 0, 64, 0, 64, 0, 9, 0, 0x51, 0, 0x52, 0);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_COC_REQUEST), 3);
    for (uint16_t n = 1; n < 3; n++) {
        assert_int_equal(
            woad_coc_accept(solo.h, solo.conn[0], (uint16_t)(OUR_CID + n), ring[n], 100), 0);
    }
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_COC_OPEN), 3);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_from_inside_the_events),
        cmocka_unit_test(given_up_while_a_bond_is_wanted),
        cmocka_unit_test(no_buffer_before_it_is_accepted),
        cmocka_unit_test(decided_before_the_peer_gives_up),
        cmocka_unit_test(granted_too_late),
        cmocka_unit_test(put_off_for_ever),
        cmocka_unit_test(less_secure_while_it_waits),
        cmocka_unit_test(buffer_is_not_read_after_the_end),
        cmocka_unit_test(identifiers_wrap),
        cmocka_unit_test(reconfigured_or_not),
        cmocka_unit_test(identifier_of_an_unanswered_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
