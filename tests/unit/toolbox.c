/* The cryptographic toolbox and the backends against the specification's sample data.  Vol 3,
 * Part H, Appendix D and 2.2.3, 2.2.4; RFC 4493 */
#include "cm.h"

#include "openssl.h"
#include "world.h"

#include <woad/crypto.h>

#include "src/base/bytes.h"
#include "src/hci/roles.h"
#include "src/base/toolbox.h"

#include <stdio.h>
#include <stdlib.h>

static const struct woad_crypto *const backends[] = { &woad_mbedtls, &woad_psa, &openssl };
enum { BACKENDS = 3 };
static const struct woad_crypto *now;

static int aes(void *ctx, const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    const struct woad_crypto *crypto = ctx ? ctx : now;
    return crypto->aes128(key, in, out);
}

static const struct toolbox box = { aes, NULL };

/* The controller's cryptography, with calls that wait for its result. */
static struct world *w;
enum { ME = 0 };

static void controller_begin(void)
{
    static const struct woad_feature *const few[] = { &woad_feature_security_manager,
                                                      &woad_feature_keypresses,
                                                      &woad_feature_controller_crypto, NULL };
    w = world_new(3, 0);
    struct woad_config c = world_host_config(2);
    c.features = few;
    world_add_config(w, c, world_controller_config(w, 2));
}

static int controller_aes(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    struct woad *h = w->device[0].host;
    int err;
    h->crypto_role->begin(h, ME);
    while ((err = h->crypto_role->aes(h, ME, key, in, out)) == CRYPTO_PENDING) {
        world_pump(w);
        h->crypto_role->begin(h, ME);
    }
    h->crypto_role->end(h, ME);
    return err;
}

static const struct woad_crypto controller = { controller_aes, NULL, NULL };

static const uint8_t *hex(const char *text)
{
    static uint8_t ring[16][128];
    static size_t next;
    uint8_t *b = ring[next++ % 16];
    for (size_t n = 0; text[2 * n]; n++) {
        assert_true(n < sizeof ring[0]);
        unsigned v;
        assert_int_equal(sscanf(text + 2 * n, "%2x", &v), 1);
        b[n] = (uint8_t)v;
    }
    return b;
}

#define U "20b003d2f297be2c5e2c83a7e9f9a5b9eff49111acf4fddbcc0301480e359de6"
#define V "55188b3d32f6bb9a900afcfbeed4e72a59cb9ac2f19d7cfb6b4fdd49f47fc5fd"
#define W "ec0234a357c8ad05341010a60a397d9b99796b13b4f866f1868d34f373bfa698"
#define N1 "d5cb8454d177733effffb2ec712baeab"
#define N2 "a6e8e7cc25a75f6e216583f7ff3dc4cf"
#define A1 "0056123737bfce"
#define A2 "00a713702dcfc1"
#define IRK "ec0234a357c8ad05341010a60a397d9b"

static void cmac(void **state)
{
    static const struct {
        size_t len;
        const char *mac;
    } sets[] = { { 0, "bb1d6929e95937287fa37d129b756746" },
                 { 16, "070a16b46b4d4144f79bdd9dd04a287c" },
                 { 40, "dfa66747de9ae63030ca32611497c827" },
                 { 64, "51f0bebf7e3b9d92fc49741779363cfe" } };
    uint8_t mac[16];
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(
            toolbox_cmac(&box, hex("2b7e151628aed2a6abf7158809cf4f3c"),
                         hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                             "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"),
                         sets[k].len, mac),
            0);
        assert_memory_equal(mac, hex(sets[k].mac), 16);
    }
}

/* c1 and s1. */
static void legacy(void **state)
{
    uint8_t out[16];
    (void)state;
    const uint8_t *zero = hex("00000000000000000000000000000000");
    /* The PDUs in the order of octets on the air. */
    assert_int_equal(
        toolbox_c1(&box, zero, hex("5783d52156ad6f0e6388274ec6702ee0"), hex("01010000100707"),
                   hex("02030000080005"), hex("01a1a2a3a4a5a6"), hex("00b1b2b3b4b5b6"), out),
        0);
    assert_memory_equal(out, hex("1e1e3fef878988ead2a74dc5bef13b86"), 16);
    assert_int_equal(toolbox_s1(&box, zero, hex("000f0e0d0c0b0a091122334455667788"),
                                hex("010203040506070899aabbccddeeff00"), out),
                     0);
    assert_memory_equal(out, hex("9a1fe1f0e8b0f49b5b4216ae796da062"), 16);
}

/* f4, f5, f6 and g2. */
static void secure_connections(void **state)
{
    uint8_t out[16], mac[16];
    uint32_t number;
    (void)state;
    assert_int_equal(toolbox_f4(&box, hex(U), hex(V), hex(N1), 0, out), 0);
    assert_memory_equal(out, hex("f2c916f107a9bd1cf1eda1bea974872d"), 16);
    assert_int_equal(toolbox_f5(&box, hex(W), hex(N1), hex(N2), hex(A1), hex(A2), mac, out), 0);
    assert_memory_equal(out, hex("6986791169d7cd23980522b594750a38"), 16);
    assert_memory_equal(mac, hex("2965f176a1084a02fd3f6a20ce636e20"), 16);
    assert_int_equal(
        toolbox_f6(&box, mac, hex(N1), hex(N2), hex("12a3343bb453bb5408da42d20c2d0fc8"),
                   hex("010102"), hex(A1), hex(A2), out),
        0);
    assert_memory_equal(out, hex("e3c473989cd0e8c5d26c0b09da958f61"), 16);
    assert_int_equal(toolbox_g2(&box, hex(U), hex(V), hex(N1), hex(N2), &number), 0);
    assert_int_equal(number, 0x2f9ed5ba % 1000000);
}

/* h6, h7 and ah. */
static void keys(void **state)
{
    uint8_t out[16];
    (void)state;
    assert_int_equal(toolbox_h6(&box, hex(IRK), hex("6c656272"), out), 0);
    assert_memory_equal(out, hex("2d9ae102e76dc91ce8d3a9e280b16399"), 16);
    assert_int_equal(toolbox_h7(&box, hex("000000000000000000000000746d7031"), hex(IRK), out), 0);
    assert_memory_equal(out, hex("fb173597c6a3c0ecd2998c2a75a57011"), 16);
    assert_int_equal(toolbox_ah(&box, hex(IRK), hex("708194"), out), 0);
    assert_memory_equal(out, hex("0dfbaa"), 3);
}

/* Vol 3, Part G, Appendix B: the octets of a database, and its hash. */
static void database_hash(void **state)
{
    uint8_t out[16];
    const char *octets = "01000028001802000328 0a0300002a0400032802050001 2a0600002801180700"
                         "0328200800052a090002290a0003280a0b00292b0c000328020d002a2b0e000028"
                         "08180f000228140016000f1810000328a21100182a120002291300002900001400"
                         "01280f1815000328021600192a";
    char text[256];
    size_t n = 0;
    (void)state;
    for (; *octets; octets++) {
        text[n] = *octets;
        n += *octets != ' ';
    }
    text[n] = 0;
    assert_int_equal(
        toolbox_cmac(&box, hex("00000000000000000000000000000000"), hex(text), n / 2, out), 0);
    assert_memory_equal(out, hex("f1ca2d48ecf58bac8a8830bbb9fba990"), 16);
}

/* The signature of a write, octets as on the air.  Vol 3, Part H, 2.4.5 */
static void signing(void **state)
{
    struct toolbox_mac m;
    uint8_t key[16], out[16];
    const uint8_t *csrk = hex("505e42df9691ec72d31fcdfbeb641b61");
    (void)state;
    for (size_t n = 0; n < 16; n++) {
        key[n] = csrk[15 - n];
    }
    toolbox_mac_begin(&m, &box, key);
    toolbox_mac_back(&m, hex("01000000"), 4);
    toolbox_mac_back(&m, hex("d212001337"), 5);
    assert_int_equal(toolbox_mac_end(&m, out), 0);
    for (size_t n = 0; n < 8; n++) {
        assert_int_equal(out[7 - n], hex("f1871e933c900ff2")[n]);
    }
}

/* The data sets of Vol 2, Part G, 7.1.2.1, and invalid keys. */
static void p256(void **state)
{
    static const struct {
        const char *a[3], *b[3], *secret;
    } sets[] = { { { "3f49f6d4a3c55f3874c9b3e3d2103f504aff607beb40b7995899b8a6cd3c1abd", U,
                     "dc809c49652aeb6d63329abf5a52155c766345c28fed3024741c8ed01589d28b" },
                   { V, "1ea1f0f01faf1d9609592284f19e4c0047b58afd8615a69f559077b22faaa190",
                     "4c55f33e429dad377356703a9ab85160472d1130e28e36765f89aff915b1214a" },
                   W },
                 { { "06a516693c9aa31a6084545d0c5db641b48572b97203ddffb7ac73f7d0457663",
                     "2c31a47b5779809ef44cb5eaaf5c3e43d5f8faad4a8794cb987e9b03745c78dd",
                     "919512183898dfbecd52e2408e43871fd021109117bd3ed4eaf8437743715d4f" },
                   { "529aa0670d72cd6497502ed473502b037e8803b5c60829a5a3caa219505530ba",
                     "f465e43ff23d3f1b9dc7dfc04da8758184dbc966204796eccf0d6cf5e16500cc",
                     "0201d048bcbbd899eeefc424164e33c201c2b010ca6b4d43a8a155cad8ecb279" },
                   "ab85843a2f6d883f62e5684b38e307335fe6e1945ecd19604105c6f23221eb69" } };
    uint8_t pa[64], pb[64], secret[32], zero[64] = { 0 };
    (void)state;
    for (size_t k = 0; k < sizeof sets / sizeof *sets; k++) {
        assert_int_equal(now->p256_public(hex(sets[k].a[0]), pa), 0);
        assert_memory_equal(pa, hex(sets[k].a[1]), 32);
        assert_memory_equal(pa + 32, hex(sets[k].a[2]), 32);
        assert_int_equal(now->p256_public(hex(sets[k].b[0]), pb), 0);
        assert_memory_equal(pb, hex(sets[k].b[1]), 32);
        assert_memory_equal(pb + 32, hex(sets[k].b[2]), 32);
        assert_int_equal(now->p256_dh(hex(sets[k].a[0]), pb, secret), 0);
        assert_memory_equal(secret, hex(sets[k].secret), 32);
        assert_int_equal(now->p256_dh(hex(sets[k].b[0]), pa, secret), 0);
        assert_memory_equal(secret, hex(sets[k].secret), 32);
    }
    const char *order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    const uint8_t *own = hex(sets[0].a[0]);
    assert_true(now->p256_public(zero, pa) < 0);
    assert_true(now->p256_public(hex(order), pa) < 0);
    assert_true(now->p256_dh(zero, pb, secret) < 0);
    assert_true(now->p256_dh(own, zero, secret) < 0);
    for (size_t n = 0; n < 64; n += 7) {
        pb[n] ^= 1;
        assert_true(now->p256_dh(own, pb, secret) < 0);
        pb[n] ^= 1;
    }
    memset(pb + 32, 0, 32); /* CVE-2018-5383 */
    assert_true(now->p256_dh(own, pb, secret) < 0);
}

/* Random inputs: the toolbox gives the same results on each backend, and as OpenSSL's own CMAC. */
static void agreement(void **state)
{
    static uint64_t seed = 20;
    const char *more = getenv("WOAD_VECTORS");
    unsigned vectors = more ? (unsigned)atoi(more) : 100000;
    unsigned curve = more ? vectors : 2000;
    (void)state;
    for (unsigned n = 0; n < vectors; n++) {
        uint8_t r[128], out[BACKENDS][10][16] = { 0 };
        uint32_t number[BACKENDS];
        for (size_t k = 0; k < sizeof r; k++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            r[k] = (uint8_t)(seed >> 56);
        }
        for (size_t k = 0; k < BACKENDS; k++) {
            const struct toolbox t = { aes, (void *)(uintptr_t)backends[k] };
            int err = toolbox_c1(&t, r, r + 16, r + 32, r + 39, r + 46, r + 53, out[k][0]);
            err |= toolbox_s1(&t, r, r + 60, r + 76, out[k][1]);
            err |= toolbox_f4(&t, r, r + 32, r + 64, r[80], out[k][2]);
            err |= toolbox_f5(&t, r, r + 32, r + 48, r + 64, r + 71, out[k][3], out[k][4]);
            err |= toolbox_f6(&t, r, r + 16, r + 32, r + 48, r + 64, r + 67, r + 74, out[k][5]);
            err |= toolbox_g2(&t, r, r + 32, r + 64, r + 80, &number[k]);
            err |= toolbox_h6(&t, r, r + 16, out[k][6]);
            err |= toolbox_h7(&t, r, r + 16, out[k][7]);
            err |= toolbox_ah(&t, r, r + 16, out[k][8]);
            err |= toolbox_cmac(&t, r, r + 16, n % 113, out[k][9]);
            assert_int_equal(err, 0);
        }
        assert_memory_equal(out[0], out[1], sizeof out[0]);
        assert_memory_equal(out[0], out[2], sizeof out[0]);
        assert_true(number[0] == number[1] && number[0] == number[2] && number[0] < 1000000);
        openssl_cmac(r, r + 16, n % 113, out[1][9]);
        assert_memory_equal(out[0][9], out[1][9], 16);
    }
    for (unsigned n = 0; n < curve; n++) {
        uint8_t own[32], other[32], public_key[BACKENDS][64], theirs[64], secret[BACKENDS][32];
        for (size_t k = 0; k < 32; k++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            own[k] = (uint8_t)(seed >> 56);
            other[k] = (uint8_t)(seed >> 48);
        }
        assert_int_equal(openssl.p256_public(other, theirs), 0);
        for (size_t k = 0; k < BACKENDS; k++) {
            assert_int_equal(backends[k]->p256_public(own, public_key[k]), 0);
            assert_int_equal(backends[k]->p256_dh(own, theirs, secret[k]), 0);
            assert_memory_equal(public_key[k], public_key[0], 64);
            assert_memory_equal(secret[k], secret[0], 32);
        }
    }
}

/* The controller's own key pair, and an invalid point. */
static void controller_p256(void **state)
{
    uint8_t own[64], theirs[64], secret[32], same[32], private_key[32] = { 0, 1, 2, 3 };
    int err;
    (void)state;
    controller_begin();
    struct woad *h = w->device[0].host;
    assert_int_equal(openssl.p256_public(private_key, theirs), 0);
    for (int good = 1; good >= 0; good--) {
        while ((err = h->crypto_role->p256_public(h, ME, own)) == CRYPTO_PENDING) {
            world_run(w, 1000);
        }
        assert_int_equal(err, 0);
        theirs[63] ^= !good;
        while ((err = h->crypto_role->p256_dh(h, ME, theirs, secret)) == CRYPTO_PENDING) {
            world_run(w, 1000);
        }
        assert_int_equal(err != 0, !good);
        assert_int_equal(openssl.p256_dh(private_key, own, same), 0);
        assert_int_equal(memcmp(secret, same, 32) == 0, good);
        memset(secret, 0, sizeof secret);
    }
    world_free(w);
}

/* The result of a released AES request does not end another one. */
static void controller_late(void **state)
{
    static const uint8_t key[16] = { 1 }, in[16] = { 2 }, other[16] = { 3 };
    uint8_t command[WOAD_TX_ROOM], out[16], right[16];
    uint8_t done[23] = { 4, 0x0e, 20, 1, 0x17, 0x20, 0 };
    (void)state;
    controller_begin();
    world_run(w, 10000);
    struct woad *h = w->device[0].host;
    assert_int_equal(h->crypto_role->aes(h, 0, key, in, out), CRYPTO_PENDING);
    assert_int_equal(h->crypto_role->aes(h, 1, key, other, out), CRYPTO_PENDING);
    assert_int_equal(woad_tx(h, command, sizeof command), 4 + 32);
    h->crypto_role->release(h, 0);
    assert_int_equal(h->crypto_role->aes(h, 1, key, other, out), CRYPTO_PENDING);
    woad_poll(h, (uint32_t)(woad_air_now(w->air) / 1000));
    assert_int_equal(woad_rx(h, done, sizeof done), 0); /* the released one's result: zeros */
    while (h->crypto_role->aes(h, 1, key, other, out) == CRYPTO_PENDING) {
        world_pump(w);
        h->crypto_role->begin(h, 1);
    }
    assert_int_equal(woad_mbedtls.aes128(key, other, right), 0);
    assert_memory_equal(out, right, 16);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(cmac),
                                        cmocka_unit_test(legacy),
                                        cmocka_unit_test(secure_connections),
                                        cmocka_unit_test(keys),
                                        cmocka_unit_test(database_hash),
                                        cmocka_unit_test(signing),
                                        cmocka_unit_test(p256) };
    const struct CMUnitTest all[] = { cmocka_unit_test(agreement),
                                      cmocka_unit_test(controller_p256),
                                      cmocka_unit_test(controller_late) };
    int failed = 0;
    for (size_t k = 0; k < BACKENDS; k++) {
        now = backends[k];
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    now = &controller; /* not the last test: the controller makes its private keys itself */
    controller_begin();
    failed +=
        _cmocka_run_group_tests("controller", tests, sizeof tests / sizeof *tests - 1, NULL, NULL);
    world_free(w);
    return failed + cmocka_run_group_tests(all, NULL, NULL);
}
