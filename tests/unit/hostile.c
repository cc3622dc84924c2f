/* Hostile controllers and peers, generated: every length, every opcode, every shape.  A test's
 * name says what the host must survive. */
#include "hostile.h"

/* Each answer of the bring-up is cut at each octet, or replaced by a short error.  The host
 * comes up, or goes down once and comes up at the next start; it never hangs. */
static void hci_cc_truncate_all(void **state)
{
    (void)state;
    size_t steps = 0;
    for (size_t step = 0; step <= steps; step++) {
        for (size_t cut = 4; cut < 80; cut++) {
            uint8_t p[300], e[80];
            size_t n, at = 0;
            power();
            while ((n = woad_tx(b.h, p, sizeof p)) > 0) {
                size_t len = good_answer(p, e);
                if (at++ == step) {
                    bool error = cut >= len;
                    len = error ? 7 : cut;
                    e[2] = (uint8_t)(len - 3);
                    e[6] = error ? 0x0c : 0;
                }
                feed(e, len);
            }
            steps = at > steps ? at : steps;
            b.now += 2001;
            woad_poll(b.h, b.now);
            assert_true(b.up || b.downs == 1);
            if (!b.up) {
                assert_int_equal(woad_start(b.h), 0);
                pull();
                assert_true(b.up);
            }
            close_bench();
        }
    }
    assert_true(steps >= 10);
}

/* Every event, of every length, with handles and indices that do not exist. */
static void hci_evt_index_range(void **state)
{
    static const uint16_t handles[] = { 0, 0x41, 0xef, 0xeff, 0xf00, 0xfff, 0xffff };
    (void)state;
    open_bench(1);
    for (size_t k = 0; k < sizeof handles / sizeof *handles; k++) {
        for (unsigned code = 0; code < 256; code++) {
            for (unsigned sub = 0; sub < (code == 0x3e ? 64u : 1u); sub++) {
                for (size_t len = 0; len < 40; len++) {
                    uint8_t e[64] = { 4, (uint8_t)code, (uint8_t)len };
                    for (size_t n = 0; n < len; n++) {
                        e[3 + n] = (uint8_t)(handles[k] >> (n & 1 ? 8 : 0));
                    }
                    if (code == 0x3e && len) {
                        e[3] = (uint8_t)sub;
                    }
                    if (code == 0x10 || code == 0x0e || code == 0x0f) {
                        continue; /* hardware error, and answers: tested elsewhere */
                    }
                    feed(e, 3 + len);
                    pull();
                }
            }
        }
    }
    assert_int_equal(b.downs, 0);
    assert_alive();
    close_bench();
}

/* A packet's length field is wrong by 1, 2 or 255, for events and data. */
static void hci_len_mismatch(void **state)
{
    static const int off[] = { -255, -2, -1, 1, 2, 255 };
    static const uint8_t acl[] = { 2, HANDLE, 0x20, 7, 0, 3, 0, 4, 0, 0x0a, 5, 0 };
    static const uint8_t gone[] = { 4, 5, 4, 0, HANDLE, 0, 0x13 };
    (void)state;
    open_bench(1);
    for (size_t k = 0; k < sizeof off / sizeof *off; k++) {
        uint8_t p[32];
        memcpy(p, acl, sizeof acl);
        p[3] = (uint8_t)(7 + off[k]);
        p[4] = (uint8_t)((7 + off[k]) >> 8);
        assert_int_equal(woad_rx(b.h, p, sizeof acl), WOAD_EBADMSG);
        memcpy(p, gone, sizeof gone);
        p[2] = (uint8_t)(4 + off[k]);
        assert_int_equal(woad_rx(b.h, p, sizeof gone), WOAD_EBADMSG);
        pull();
    }
    assert_int_equal(b.frames, 0);
    assert_alive();
    close_bench();
}

/* Number of Completed Packets arrives directly after a packet and reports ten times what was
 * sent, or never arrives: the host never has more packets outstanding than the controller has
 * buffers. */
static void acl_credit_reentrant_completion(void **state)
{
    static const uint8_t many[] = { 4, 0x13, 5, 1, HANDLE, 0, 10, 0 };
    (void)state;
    open_bench(1);
    for (int n = 0; n < 1000; n++) {
        assert_int_equal(woad_gatt_notify(b.h, b.conn, VALUE, "x", 1), 0);
        pull();
        feed(many, sizeof many);
    }
    assert_int_equal(b.most_outstanding, 1);
    b.hold = true;
    int err = 0;
    while (!err) {
        err = woad_gatt_notify(b.h, b.conn, VALUE, "x", 1);
        pull();
    }
    assert_int_equal(err, WOAD_EAGAIN);
    assert_int_equal(b.most_outstanding, 8);
    close_bench();
}

/* --- L2CAP ------------------------------------------------------------------------------------ */

static bool is_reject(uint8_t id)
{
    return b.last_len >= 10 && b.last[2] == 5 && b.last[4] == 1 && b.last[5] == id;
}

/* Requests about channels that do not exist, with every list of CIDs: each gets exactly one
 * response, without uninitialised octets. */
static void ecfc_cid_list_0_to_30(void **state)
{
    static const uint8_t codes[] = { 0x14, 0x17, 0x19, 0x06, 0x0a, 0x02, 0x04 };
    (void)state;
    open_bench(1);
    for (size_t c = 0; c < sizeof codes; c++) {
        for (uint8_t octets = 0; octets <= 60; octets++) {
            uint8_t p[80] = { codes[c], (uint8_t)(octets + 1), octets, 0 };
            memset(p + 4, 0x40 + octets, octets);
            size_t before = b.frames;
            frame(5, p, 4u + octets);
            pull();
            assert_int_equal(b.frames, before + 1);
            assert_true(is_reject((uint8_t)(octets + 1)));
            if (4 + octets <= 23) {
                assert_int_equal(b.last_len, 4 + 6);
                assert_memory_equal(b.last + 6, "\x02\x00\x00\x00", 4); /* not understood */
            } else {
                assert_int_equal(b.last_len, 4 + 8);
                assert_memory_equal(b.last + 6, "\x04\x00\x01\x00\x17\x00", 6); /* MTU 23 */
            }
        }
    }
    assert_alive();
    close_bench();
}

/* Frames, responses and credits for channels that do not exist, with every start of a K-frame:
 * no effect. */
static void coc_kframe_without_a_channel(void **state)
{
    (void)state;
    open_bench(1);
    for (unsigned cid = 0; cid < 0x100; cid++) {
        for (size_t len = 0; cid < 4 || cid > 6 ? len <= 6 : false; len++) {
            const uint8_t k[] = { 0xff, 0xff, 1, 2, 3, 4 };
            frame((uint16_t)cid, k, len);
            pull();
        }
    }
    frame(0xffff, (const uint8_t *)"\x01\x00x", 3);
    pull();
    assert_int_equal(b.frames, 0);
    assert_alive();
    close_bench();
}

/* Responses without a request are ignored. */
static void coc_rsp_unsolicited(void **state)
{
    static const uint8_t codes[] = { 0x01, 0x07, 0x13, 0x15, 0x16, 0x18, 0x1a };
    (void)state;
    for (uint8_t role = 0; role < 2; role++) {
        open_bench(role);
        for (size_t c = 0; c < sizeof codes; c++) {
            for (unsigned v = 0; v < 256; v++) {
                for (uint8_t len = 0; len < 19; len++) {
                    uint8_t p[24] = { codes[c], (uint8_t)(v | 1), len, 0 };
                    memset(p + 4, (int)v, len);
                    frame(5, p, 4u + len);
                    pull();
                }
            }
        }
        assert_int_equal(b.frames, 0);
        assert_alive();
        close_bench();
    }
}

/* Random signalling commands: the host never sends a Disconnection Request, least of all for a
 * fixed channel; it sends rejects and parameter responses only. 4.6 */
static void l2_never_disconnect_fixed(void **state)
{
    uint32_t x = 1;
    (void)state;
    for (uint8_t role = 0; role < 2; role++) {
        open_bench(role);
        for (int n = 0; n < 20000; n++) {
            uint8_t p[40];
            for (size_t k = 0; k < sizeof p; k++) {
                x = x * 1103515245u + 12345;
                p[k] = (uint8_t)(x >> 16);
            }
            p[0] &= 0x1f;
            if (n & 1) {
                p[2] = (uint8_t)(p[2] % 20);
                p[3] = 0;
                p[4] = (uint8_t)(4 + n / 2 % 3); /* the fixed channels */
                p[5] = 0;
                p[6] = p[4];
                p[7] = 0;
            }
            b.last_len = 0;
            frame(5, p, n & 1 ? 4u + p[2] : p[39] % 40u);
            pull();
            assert_true(!b.last_len || b.last[2] != 5 || b.last[4] == 0x01 || b.last[4] == 0x13);
        }
        assert_alive();
        close_bench();
    }
}

/* --- ATT server ------------------------------------------------------------------------------- */

/* All 256 opcodes in all lengths: a request gets exactly one response, its own or an error that
 * names it; other PDUs get none.  GATT/SR/UNS/BI-01-C, BI-02-C */
static void att_opcode_sweep(void **state)
{
    (void)state;
    for (unsigned op = 0; op < 256; op++) {
        for (size_t len = 1; len <= MTU; len++) {
            for (int fill = 0; fill < 3; fill++) {
                uint8_t p[MTU];
                static const int fills[] = { 0, 0xff, VALUE };
                memset(p, fills[fill], sizeof p);
                p[0] = (uint8_t)op;
                open_bench(1);
                frame(4, p, len);
                pull();
                bool odd = (op & 1) && op < 0x24 && op != 0x15 && op != 0x1f; /* for the client */
                bool request = !odd && !(op & 0x40) && op != 0x1e && len <= 23;
                bool confirm = op == 0x1d && len >= 3 && len <= 23; /* an indication */
                assert_int_equal(b.frames, request || confirm ? 1 : 0);
                if (request) {
                    assert_true(b.last[4] == op + 1 || (b.last[4] == 1 && b.last[5] == op));
                    assert_true(b.last_len - 4 <= 23);
                }
                if (request &&
                    (op > 0x20 || (op & 1) || op == 0 || op == 0x14 || op == 0x1a || op == 0x1c)) {
                    assert_int_equal(b.last[8], WOAD_ATT_REQUEST_NOT_SUPPORTED);
                }
                if (op != 0x02 && op != 0x03) {
                    assert_alive();
                }
                close_bench();
            }
        }
    }
}

/* A server without optional features: their requests are refused as not supported or unknown.  A
 * request before the response to the last one is dropped, and the last one is answered. */
static void att_server_by_itself(void **state)
{
    static const uint8_t ops[] = { 0x0e, 0x16, 0x18, 0x20 };
    static const uint8_t signed_write[20] = { 0xd2, VALUE, 0 }, read[3] = { 0x0a, VALUE, 0 };
    (void)state;
    named = bare;
    for (size_t k = 0; k < sizeof ops; k++) {
        for (size_t len = 1; len <= MTU; len++) {
            uint8_t p[MTU] = { ops[k], VALUE, 0, VALUE };
            open_bench(1);
            frame(4, p, len);
            pull();
            assert_int_equal(b.frames, len <= 23);
            if (len <= 23) {
                const uint8_t error[5] = { 0x01, ops[k], 0, 0, WOAD_ATT_REQUEST_NOT_SUPPORTED };
                assert_memory_equal(b.last + 4, error, sizeof error);
            }
            assert_alive();
            close_bench();
        }
    }
    open_bench(1);
    frame(4, signed_write, sizeof signed_write);
    pull();
    assert_int_equal(b.frames, 0);
    assert_alive();
    b.auto_answer = false;
    b.frames = 0;
    frame(4, read, sizeof read);
    frame(4, read, sizeof read);
    assert_int_equal(woad_gatt_answer(b.h, b.conn, 0, "x", 1), 0);
    pull();
    assert_int_equal(b.frames, 1);
    assert_int_equal(woad_gatt_answer(b.h, b.conn, 0, "x", 1), WOAD_EALREADY);
    close_bench();
    named = all;
}

/* Read Multiple Variable with every MTU from 23 to 64, two to four values of 0 to 64 octets:
 * every octet of the response is checked. */
static void att_rmv_all_mtu_all_len(void **state)
{
    static const uint8_t handles[] = { VALUE, VALUE_2, VALUE_2 + 2, VALUE_2 + 4 };
    (void)state;
    for (uint16_t mtu = 23; mtu <= MTU; mtu++) {
        for (int op = 0x0e; op <= 0x20; op += 0x20 - 0x0e) {
            open_bench(1);
            const uint8_t exchange[] = { 0x02, (uint8_t)mtu, 0 };
            frame(4, exchange, sizeof exchange);
            pull();
            for (uint8_t len = 0; len <= 64; len++) {
                for (size_t count = 2; count <= 4; count++) {
                    uint8_t p[9] = { (uint8_t)op }, want[MTU] = { (uint8_t)(op + 1) };
                    size_t n = 1;
                    b.answer_len = len;
                    for (size_t k = 0; k < count; k++) {
                        p[1 + 2 * k] = handles[k];
                        if (op == 0x20 && mtu - n < 2) {
                            break;
                        }
                        if (op == 0x20) {
                            want[n++] = len;
                            want[n++] = 0;
                        }
                        size_t fits = len < mtu - n ? len : mtu - n;
                        memset(want + n, handles[k], fits);
                        n += fits;
                    }
                    for (size_t k = 0; k < count; k++) {
                        p[1 + 2 * k] = handles[k];
                    }
                    frame(4, p, 1 + 2 * count);
                    pull();
                    assert_int_equal(b.last_len - 4, n);
                    assert_memory_equal(b.last + 4, want, n);
                }
            }
            close_bench();
        }
    }
}

/* --- ATT client ------------------------------------------------------------------------------- */

/* Starts the n-th procedure; returns false when there are no more. */
static bool procedure(int n)
{
    static const uint16_t two[] = { 3, 4 };
    uint8_t big[40] = { 1 };
    struct woad *h = b.h;
    uint16_t c = b.conn;
    int err;
    switch (n) {
    case 0: err = woad_gattc_exchange_mtu(h, c); break;
    case 1: err = woad_gattc_services(h, c, NULL); break;
    case 2: err = woad_gattc_services(h, c, &u_service); break;
    case 3: err = woad_gattc_characteristics(h, c, 1, 0xffff, NULL); break;
    case 4: err = woad_gattc_descriptors(h, c, 1, 0xffff); break;
    case 5: err = woad_gattc_included(h, c, 1, 0xffff); break;
    case 6: err = woad_gattc_read(h, c, 3); break;
    case 7: err = woad_gattc_read_by_uuid(h, c, 1, 0xffff, &u_value); break;
    case 8: err = woad_gattc_read_multiple(h, c, two, 2); break;
    case 9: err = woad_gattc_read_multiple_fixed(h, c, two, 2); break;
    case 10: err = woad_gattc_write(h, c, 3, big, 5); break;
    case 11: err = woad_gattc_write_long(h, c, 3, big, 40, false); break;
    case 12: err = woad_gattc_write_long(h, c, 3, big, 40, true); break;
    case 13: err = woad_gattc_secondary_services(h, c); break;
    default: return false;
    }
    assert_int_equal(err, 0);
    pull();
    return true;
}

/* The response to the last request in every length, with three fillings, repeated: the procedure
 * ends once, within a bounded number of requests. */
static void gattc_rsp_truncate_all(void **state)
{
    (void)state;
    bool more = true;
    for (int n = 0; more; n++) {
        for (size_t len = 1; more && len <= 23; len++) {
            for (int fill = 0; fill < 4; fill++) {
                open_bench(0);
                more = procedure(n);
                for (int n_requests = 0; more && !b.done && n_requests < 600; n_requests++) {
                    uint8_t p[23];
                    const int fills[] = { 0, 0xff, 6, n_requests + 1 };
                    memset(p, fills[fill], sizeof p);
                    p[0] = (uint8_t)(b.last[4] + 1);
                    if (fill == 3 && len > 1) {
                        p[1] = (uint8_t)(len - 2);
                    }
                    frame(4, p, len);
                    pull();
                }
                if (more) {
                    assert_int_equal(b.done, 1);
                }
                close_bench();
            }
        }
    }
}

/* Malicious lists of handles: items of every length; handles that decrease, overlap, are zero,
 * or end before they begin; one list without end.  The procedure ends after few requests. */
static void gattc_disc_malicious_server(void **state)
{
    static const uint8_t shapes[][4] = {
        /* first handle; of the second item: step, and end minus handle */
        { 1, 0, 0, 0 },       { 1, 1, 0, 0 }, { 1, 0xff, 0, 0 },    { 9, 0xfe, 0, 0 },
        { 0, 0, 0, 0 },       { 0, 1, 5, 0 }, { 5, 0, 0xff, 0 },    { 5, 1, 0xff, 0 },
        { 1, 1, 3, 0 },       { 1, 2, 1, 0 }, { 0xff, 0, 0, 0xff }, { 0xff, 0, 0xff, 0xff },
        { 0xfe, 1, 0, 0xff }, { 1, 4, 3, 0 }
    };
    static const int kinds[] = { 1, 2, 3, 4, 5, 7, 13 };
    unsigned long lists = 0;
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            for (uint8_t each = 0; each <= 22; each++, lists++) {
                const uint8_t *shape = shapes[s];
                open_bench(0);
                procedure(kinds[k]);
                int n_requests = 0;
                for (; !b.done && n_requests < 300; n_requests++) {
                    uint8_t p[23] = { (uint8_t)(b.last[4] + 1), each };
                    size_t n = b.last[4] == 0x06 ? 1 : 2;
                    size_t step = each ? each : 4;
                    for (uint8_t item = 0; n + step <= sizeof p; item++, n += step) {
                        uint8_t handle = (uint8_t)(shape[0] + item * shape[1]);
                        p[n] = handle;
                        if (step > 1) {
                            p[n + 1] = shape[3];
                        }
                        if (step > 3) {
                            p[n + 2] = (uint8_t)(handle + shape[2]);
                            p[n + 3] = shape[3];
                        }
                    }
                    frame(4, p, n);
                    pull();
                }
                assert_int_equal(b.done, 1);
                assert_true(n_requests < 300);
                close_bench();
            }
        }
    }
    assert_true(lists > 40);
}

/* Two CCCDs, one in front of the value and one outside the service, are reported as ordinary
 * descriptors. */
static void gattc_duplicate_cccd(void **state)
{
    static const uint8_t first[] = { 0x05, 1,    1,    0, 0x02, 0x29, 2,    0, 0x02, 0x29, 3,
                                     0,    0x37, 0x2a, 4, 0,    0x02, 0x29, 5, 0,    0x02, 0x29 };
    static const uint8_t end[] = { 0x01, 0x04, 6, 0, 0x0a };
    (void)state;
    open_bench(0);
    assert_int_equal(woad_gattc_descriptors(b.h, b.conn, 1, 20), 0);
    pull();
    frame(4, first, sizeof first);
    pull();
    frame(4, end, sizeof end);
    pull();
    assert_int_equal(b.done, 1);
    assert_int_equal(b.status, 0);
    assert_alive();
    close_bench();
}

/* The connection ends with a request sent, a response queued, or an event unanswered: each
 * procedure ends once, and the next connection has no trace of them. */
static void att_bearer_close_in_flight(void **state)
{
    static const uint8_t gone[] = { 4, 5, 4, 0, HANDLE, 0, 0x13 };
    static const uint8_t read[] = { 0x0a, VALUE, 0 };
    (void)state;
    for (int n = 0; n < 14; n++) {
        open_bench(0);
        b.auto_answer = false;
        assert_true(procedure(n));
        frame(4, read, sizeof read);
        uint16_t old = b.conn;
        feed(gone, sizeof gone);
        pull();
        assert_int_equal(b.done, 1);
        assert_int_equal(b.status, WOAD_ENOTCONN);
        assert_int_equal(woad_gatt_answer(b.h, old, 0, "", 0), WOAD_ENOTCONN);
        connect(HANDLE, 0);
        pull();
        assert_true(b.conn != old);
        b.auto_answer = true;
        assert_alive();
        close_bench();
    }
}

/* The application starts the host again inside the event of its failure: every procedure has
 * ended before, once, and the host comes up. */
static size_t restarts;

static void restart(void *ctx, struct woad *h, const struct woad_event *ev)
{
    on_event(ctx, h, ev);
    if (ev->type == WOAD_EV_DOWN) {
        restarts++;
        assert_int_equal(b.done, 2);
        assert_int_equal(woad_start(h), 0);
    }
}

static void hci_hardware_error_restart(void **state)
{
    static const uint8_t broken[] = { 4, 0x10, 1, 0x42 };
    struct woad_config cfg = { .features = all,
                               .event = restart,
                               .conns = 2,
                               .attr_tables = 1,
                               .subscriptions = 2,
                               .procedures = 4,
                               .mtu = MTU,
                               .tx_queue = 600,
                               .request_queue = 600 };
    (void)state;
    for (int silent = 0; silent < 2; silent++) {
        memset(&b, 0, sizeof b);
        restarts = 0;
        b.mem = malloc(woad_size(&cfg));
        b.h = woad_init(b.mem, woad_size(&cfg), &cfg);
        woad_poll(b.h, 1);
        woad_start(b.h);
        pull();
        connect(HANDLE, 0);
        woad_gattc_read(b.h, b.conn, 3);
        woad_gattc_write(b.h, b.conn, 3, "x", 1);
        pull();
        b.up = false;
        if (silent) {
            b.hold = true;
            woad_disconnect(b.h, b.conn, 0x13); /* a command without an answer */
            pull();
            woad_poll(b.h, 2002);
            b.hold = false;
        } else {
            feed(broken, sizeof broken);
        }
        assert_int_equal(restarts, 1);
        assert_int_equal(b.down, silent ? WOAD_ETIMEDOUT : WOAD_EIO);
        pull();
        assert_true(b.up);
        connect(HANDLE, 1);
        assert_int_equal(b.done, 2);
        free(b.mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hci_cc_truncate_all),
        cmocka_unit_test(hci_evt_index_range),
        cmocka_unit_test(hci_len_mismatch),
        cmocka_unit_test(hci_hardware_error_restart),
        cmocka_unit_test(acl_credit_reentrant_completion),
        cmocka_unit_test(ecfc_cid_list_0_to_30),
        cmocka_unit_test(coc_kframe_without_a_channel),
        cmocka_unit_test(coc_rsp_unsolicited),
        cmocka_unit_test(l2_never_disconnect_fixed),
        cmocka_unit_test(att_opcode_sweep),
        cmocka_unit_test(att_server_by_itself),
        cmocka_unit_test(att_rmv_all_mtu_all_len),
        cmocka_unit_test(gattc_rsp_truncate_all),
        cmocka_unit_test(gattc_disc_malicious_server),
        cmocka_unit_test(gattc_duplicate_cccd),
        cmocka_unit_test(att_bearer_close_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
