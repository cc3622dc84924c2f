/* Two Woad hosts encrypt with the key that the specification defines.  If both made the same
 * mistake, their pairing alone would not show it.  Vol 3, Part H, 2.2.4, 2.2.7 */
#define _GNU_SOURCE
#include "pairing.h"

#include "src/base/toolbox.h"

static int box_aes(void *ctx, const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    (void)ctx;
    return woad_mbedtls.aes128(key, in, out);
}

/* Copies 16 octets of the log, in reverse order: those behind the n-th `what` and `skip` more
 * octets. */
static void logged(const char *log, size_t len, const void *what, size_t what_len, size_t skip,
                   int n, uint8_t out[16])
{
    const uint8_t *at = NULL, *from = (const uint8_t *)log, *end = from + len;
    for (; n >= 0; n--) {
        at = memmem(from, (size_t)(end - from), what, what_len);
        assert_non_null(at);
        from = at + what_len;
    }
    for (size_t k = 0; k < 16; k++) {
        out[15 - k] = at[what_len + skip + k];
    }
}

/* Computes f5, or s1, from the nonces in the log and from one side's private key or the passkey. */
static void expected(bool secure, const char *log, size_t len, uint8_t key[16])
{
    static const struct toolbox box = { box_aes, NULL };
    uint8_t random[2][16], address[2][7], mac_key[16], tk[16] = { 0 }, peer[64], dhkey[32];
    for (int k = 0; k < 2; k++) {
        const struct woad_addr *a = &w->device[k].addr;
        logged(log, len, "\x11\0\6\0\4", 5, 0, k, random[k]); /* Pairing Random */
        address[k][0] = a->type;
        for (size_t n = 0; n < 6; n++) {
            address[k][1 + n] = a->octet[5 - n];
        }
    }
    if (!secure) {
        for (size_t n = 0; n < 4; n++) {
            tk[15 - n] = (uint8_t)(displayed >> 8 * n);
        }
        assert_int_equal(toolbox_s1(&box, tk, random[1], random[0], key), 0);
        return;
    }
    assert_int_equal(woad_mbedtls.p256_public(side[1].private_key, peer), 0);
    assert_int_equal(woad_mbedtls.p256_dh(side[0].private_key, peer, dhkey), 0);
    assert_int_equal(
        toolbox_f5(&box, dhkey, random[0], random[1], address[0], address[1], mac_key, key), 0);
}

static void of_the_specification(void **state)
{
    (void)state;
    /* legacy Just Works, legacy with a passkey, LE Secure Connections */
    for (int kind = 0; kind < 3; kind++) {
        uint8_t key[16], used[16];
        char *log;
        size_t len;
        struct woad_security_policy p[2] = { policy(WOAD_IO_NONE, kind == 1, kind == 2),
                                             policy(WOAD_IO_NONE, kind == 1, kind == 2) };
        if (kind == 1) {
            p[0].io = WOAD_IO_DISPLAY;
            p[1].io = WOAD_IO_KEYBOARD;
        }
        displayed = 0;
        pair_of(&p[0], &p[1]);
        w->device[0].snoop = open_memstream(&log, &len);
        w->device[0].snoop_keys = true;
        assert_int_equal(woad_pair(w->device[0].host, side[0].conn), 0);
        settle();
        assert_int_equal(status_of(0), 0);
        fclose(w->device[0].snoop);
        w->device[0].snoop = NULL;
        assert_int_equal(displayed != 0, kind == 1);
        expected(kind == 2, log, len, key);
        logged(log, len, "\1\x19\x20\x1c", 4, 12, 0, used); /* HCI_LE_Enable_Encryption */
        assert_memory_equal(used, key, 16);
        for (int k = 0; k < 2 && kind == 2; k++) {
            const struct woad_bond *b = bond_at(w->device[k].host, 0);
            for (size_t n = 0; n < 16; n++) {
                assert_int_equal(b->own_ltk[n], key[15 - n]);
                assert_int_equal(b->peer_ltk[n], key[15 - n]);
            }
        }
        free(log);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(of_the_specification) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
