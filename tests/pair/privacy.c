/* Privacy in the controller: it generates, changes and resolves addresses, seen by HCI on both
 * sides; legacy and extended.  The cases bear the names of the Link Layer test suite where it has
 * them. */
#include "nodes.h"

enum { ADV = 0, SCAN = 1 };

static const char *const irk_adv = "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";
static const char *const irk_scan = "f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ff 00";
static const char *const no_irk = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
static const char *const id_adv = "00 01 02 03 04 05 06", *const id_scan = "00 02 02 03 04 05 06";

static void world(uint64_t seed)
{
    nodes_begin(seed);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 16384,
                                                  .adv_sets = 2,
                                                  .crypto = &woad_mbedtls };
        node_add(k, &cfg);
    }
}

static int add_identity(int which, const char *identity, const char *peer_irk, const char *own_irk)
{
    char text[200];
    snprintf(text, sizeof text, "%s %s %s", identity, peer_irk, own_irk);
    return command(which, 0x2027, text);
}

/* Advertises with own address type `own`, to SCAN; by extended commands or legacy ones. */
static void advertise(bool extended, unsigned own)
{
    char text[200];
    if (extended) {
        snprintf(text, sizeof text, "00 01 00 a0 00 00 a0 00 00 07 %02x %s 00 7f 01 00 02 01 00",
                 own, id_scan);
        assert_int_equal(command(ADV, 0x2036, text), 0);
        assert_int_equal(command(ADV, 0x2039, "01 01 00 00 00 00"), 0);
    } else {
        snprintf(text, sizeof text, "a0 00 a0 00 00 %02x %s 07 00", own, id_scan);
        assert_int_equal(command(ADV, 0x2006, text), 0);
        assert_int_equal(command(ADV, 0x200a, "01"), 0);
    }
}

static void scan(bool extended, int on)
{
    if (extended) {
        if (on) {
            assert_int_equal(command(SCAN, 0x2041, "02 00 01 00 50 00 50 00"), 0);
        }
        assert_int_equal(command(SCAN, 0x2042, on ? "01 00 00 00 00 00" : "00 00 00 00 00 00"), 0);
    } else {
        if (on) {
            assert_int_equal(command(SCAN, 0x200b, "00 50 00 50 00 02 00"), 0);
        }
        assert_int_equal(command(SCAN, 0x200c, on ? "01 00" : "00 00"), 0);
    }
}

/* Returns type and address of the first report; NULL: there is none. */
static const uint8_t *reported(bool extended)
{
    const uint8_t *e = event(SCAN, extended ? 0x3e0d : 0x3e02);
    if (!e) {
        return NULL;
    }
    return e + (extended ? 3 : 2);
}

/* LL/SEC/SCN/BV-01-C and its like: without the key an RPA is reported as it is; with the key, the
 * identity; with another key, the RPA. */
static void resolving(void **state)
{
    static const char *const keys[] = { NULL, irk_adv, irk_scan };
    (void)state;
    for (int extended = 0; extended < 2; extended++) {
        for (size_t k = 0; k < 3; k++) {
            world(k + 1);
            assert_int_equal(add_identity(ADV, id_scan, no_irk, irk_adv), 0);
            assert_int_equal(command(ADV, 0x202d, "01"), 0);
            if (keys[k]) {
                assert_int_equal(add_identity(SCAN, id_adv, keys[k], no_irk), 0);
                assert_int_equal(command(SCAN, 0x202d, "01"), 0);
            }
            advertise(extended, 2);
            scan(extended, 1);
            run_ms(500);
            const uint8_t *which = reported(extended);
            assert_non_null(which);
            if (k == 1) {
                assert_memory_equal(which, "\x02\x01\x02\x03\x04\x05\x06", 7);
            } else {
                assert_int_equal(which[0], 1);
                assert_int_equal(which[6] & 0xc0, 0x40);
            }
            apart();
        }
    }
}

/* LL/SEC/ADV/BV-11-C …: the RPA changes after its timeout, and is still resolved. */
static void changing(void **state)
{
    (void)state;
    world(1);
    assert_int_equal(add_identity(ADV, id_scan, no_irk, irk_adv), 0);
    assert_int_equal(command(ADV, 0x202e, "00 00"), 0x12);
    assert_int_equal(command(ADV, 0x202e, "02 00"), 0);
    assert_int_equal(command(ADV, 0x202d, "01"), 0);
    advertise(false, 2);
    scan(false, 1);
    uint8_t seen[20][6];
    size_t n = 0;
    for (int s = 0; s < 20; s++) {
        forget();
        run_ms(1000);
        const uint8_t *which = reported(false);
        assert_non_null(which);
        if (!n || memcmp(seen[n - 1], which + 1, 6) != 0) {
            memcpy(seen[n++], which + 1, 6);
        }
    }
    assert_in_range(n, 9, 11);
    apart();
}

/* LL/SEC/INI/BV-…, LL/SEC/ADV/BV-…: both sides use RPAs.  The connection is between identities, and
 * both hosts get the addresses that were used. */
static void connecting(void **state)
{
    (void)state;
    for (int extended = 0; extended < 2; extended++) {
        for (uint64_t seed = 1; seed < 10; seed++) {
            char text[200];
            world(seed);
            assert_int_equal(add_identity(ADV, id_scan, irk_scan, irk_adv), 0);
            assert_int_equal(add_identity(SCAN, id_adv, irk_adv, irk_scan), 0);
            assert_int_equal(command(ADV, 0x202d, "01"), 0);
            assert_int_equal(command(SCAN, 0x202d, "01"), 0);
            advertise(extended, 2);
            if (extended) {
                snprintf(text, sizeof text,
                         "00 02 %s 01 50 00 50 00 10 00 10 00 00 00 64 00 00 00 "
                         "00 00",
                         id_adv);
            } else {
                snprintf(text, sizeof text,
                         "50 00 50 00 00 %s 02 10 00 10 00 00 00 64 00 00 00 00 "
                         "00",
                         id_adv);
            }
            assert_int_equal(command(SCAN, extended ? 0x2043 : 0x200d, text), 0);
            run_ms(1000);
            const uint8_t *c = event(SCAN, 0x3e0a), *p = event(ADV, 0x3e0a);
            assert_non_null(c);
            assert_non_null(p);
            assert_memory_equal(c + 4, "\x02\x01\x02\x03\x04\x05\x06", 7);
            assert_memory_equal(p + 4, "\x02\x02\x02\x03\x04\x05\x06", 7);
            assert_int_equal(c[16] & 0xc0, 0x40);
            assert_int_equal(c[22] & 0xc0, 0x40);
            /* the central's local address is the peripheral's peer address, and so on */
            assert_memory_equal(c + 11, p + 17, 6);
            assert_memory_equal(c + 17, p + 11, 6);
            assert_int_equal(command(SCAN, 0x202b, id_adv), 0);
            size_t len;
            forget();
            data(ADV, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
            run_ms(300);
            assert_non_null(got_data(SCAN, &len));
            apart();
        }
    }
}

/* LL/SEC/SCN/BV-…: a peer with a known IRK uses its identity address.  It is ignored in network
 * privacy mode, and reported in device privacy mode. */
static void modes(void **state)
{
    (void)state;
    for (int mode = 0; mode < 2; mode++) {
        world(2);
        assert_int_equal(add_identity(SCAN, id_adv, irk_adv, no_irk), 0);
        if (mode) {
            assert_int_equal(command(SCAN, 0x204e, "00 01 02 03 04 05 06 01"), 0);
        }
        assert_int_equal(command(SCAN, 0x202d, "01"), 0);
        advertise(false, 0);
        scan(false, 1);
        run_ms(1000);
        assert_int_equal(reported(false) != NULL, mode == 1);
        apart();
    }
}

/* The accept list has identities: the controller resolves an RPA before it looks it up. */
static void accept_list(void **state)
{
    (void)state;
    world(3);
    assert_int_equal(add_identity(ADV, id_scan, no_irk, irk_adv), 0);
    assert_int_equal(add_identity(SCAN, id_adv, irk_adv, no_irk), 0);
    assert_int_equal(command(ADV, 0x202d, "01"), 0);
    assert_int_equal(command(SCAN, 0x202d, "01"), 0);
    assert_int_equal(command(SCAN, 0x2011, id_adv), 0);
    advertise(false, 2);
    assert_int_equal(command(SCAN, 0x200b, "00 50 00 50 00 00 01"), 0);
    assert_int_equal(command(SCAN, 0x200c, "01 00"), 0);
    run_ms(500);
    assert_non_null(reported(false));
    apart();
}

/* Directed advertising to a peer with a known IRK: its target address is an RPA that only this peer
 * can resolve. */
static void directed(void **state)
{
    (void)state;
    world(4);
    assert_int_equal(add_identity(ADV, id_scan, irk_scan, irk_adv), 0);
    assert_int_equal(add_identity(SCAN, id_adv, irk_adv, irk_scan), 0);
    assert_int_equal(command(ADV, 0x202d, "01"), 0);
    assert_int_equal(command(SCAN, 0x202d, "01"), 0);
    assert_int_equal(command(ADV, 0x2006, "a0 00 a0 00 04 02 00 02 02 03 04 05 06 07 00"), 0);
    assert_int_equal(command(ADV, 0x200a, "01"), 0);
    scan(false, 1);
    run_ms(500);
    assert_non_null(reported(false));
    assert_memory_equal(reported(false), "\x02\x01\x02\x03\x04\x05\x06", 7);
    apart();
}

static void refused(void **state)
{
    (void)state;
    world(5);
    assert_int_equal(command(ADV, 0x202a, ""), 0);
    for (unsigned n = 0; n < 16; n++) {
        char id[30];
        char irk[50];
        snprintf(id, sizeof id, "01 %02x 02 03 04 05 c6", n);
        snprintf(irk, sizeof irk, "%02x %s", n, irk_scan + 3);
        assert_int_equal(add_identity(ADV, id, irk, irk_adv), 0);
        assert_int_equal(add_identity(ADV, id, irk, irk_adv), 0x12);
        snprintf(id, sizeof id, "00 %02x 02 03 04 05 c6", n);
        assert_int_equal(add_identity(ADV, id, irk, irk_adv), 0x12); /* the peer's IRK */
    }
    assert_int_equal(add_identity(ADV, id_scan, irk_scan, irk_adv), 0x07);
    assert_int_equal(command(ADV, 0x2028, id_scan), 0x02);
    assert_int_equal(command(ADV, 0x202c, id_scan), 0x02);
    assert_int_equal(command(ADV, 0x2028, "01 03 02 03 04 05 c6"), 0);
    assert_int_equal(add_identity(ADV, id_scan, irk_scan, irk_adv), 0);
    assert_int_equal(command(ADV, 0x202c, id_scan), 0);
    assert_int_equal(command(ADV, 0x204e, "00 09 02 03 04 05 06 01"), 0x02);
    assert_int_equal(command(ADV, 0x202d, "02"), 0x12);
    assert_int_equal(command(ADV, 0x202d, "01"), 0);
    advertise(false, 2);
    assert_int_equal(command(ADV, 0x202d, "00"), 0x0c);
    assert_int_equal(command(ADV, 0x2029, ""), 0x0c);
    assert_int_equal(command(ADV, 0x200a, "00"), 0);
    assert_int_equal(command(ADV, 0x2029, ""), 0);
    apart();
}

/* Directed advertising to a private address of the scanner that the advertiser has made.  The
 * scanner's controller resolves it only while address resolution is enabled.  4.3.3; Vol 4, Part
 * E, 7.8.44 */
static void directed_while_resolution_is_off(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        char text[100];
        world(1);
        assert_int_equal(add_identity(ADV, id_scan, irk_scan, irk_adv), 0);
        assert_int_equal(command(ADV, 0x202d, "01"), 0);
        assert_int_equal(add_identity(SCAN, id_adv, irk_adv, irk_scan), 0);
        assert_int_equal(command(SCAN, 0x202d, on ? "01" : "00"), 0);
        snprintf(text, sizeof text, "a0 00 a0 00 04 02 %s 07 00", id_scan);
        assert_int_equal(command(ADV, 0x2006, text), 0);
        assert_int_equal(command(ADV, 0x200a, "01"), 0);
        scan(false, 1);
        run_ms(1000);
        assert_int_equal(reported(false) != NULL, on);
        apart();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolving),   cmocka_unit_test(changing),
        cmocka_unit_test(connecting),  cmocka_unit_test(modes),
        cmocka_unit_test(accept_list), cmocka_unit_test(directed),
        cmocka_unit_test(refused),     cmocka_unit_test(directed_while_resolution_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
