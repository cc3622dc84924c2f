/* The link layer's calculations against the sample data of the Core Specification, Vol 6, Part
 * C. */
#include "cm.h"

#include "../../air/ll/iso.h"

/* Part C, 3.1, 3.2: channel selection algorithm 2. */
static void csa2_samples(void **state)
{
    static const uint8_t all[5] = { 0xff, 0xff, 0xff, 0xff, 0x1f };
    static const uint8_t nine[5] = { 0x00, 0x06, 0xe0, 0x00, 0x1e };
    (void)state;
    assert_int_equal(csa2_channel(ADV_AA, 0, all), 25);
    assert_int_equal(csa2_channel(ADV_AA, 1, all), 20);
    assert_int_equal(csa2_channel(ADV_AA, 2, all), 6);
    assert_int_equal(csa2_channel(ADV_AA, 3, all), 21);
    assert_int_equal(csa2_channel(ADV_AA, 6, nine), 23);
    assert_int_equal(csa2_channel(ADV_AA, 7, nine), 9);
    assert_int_equal(csa2_channel(ADV_AA, 8, nine), 34);
}

/* Part C, 3.1, 3.2: the channels of the subevents of an isochronous event. */
static void subevent_samples(void **state)
{
    static const uint8_t all[5] = { 0xff, 0xff, 0xff, 0xff, 0x1f };
    static const uint8_t nine[5] = { 0x00, 0x06, 0xe0, 0x00, 0x1e };
    static const uint8_t samples[7][5] = { { 0, 25, 1, 16, 36 },  { 1, 20, 36, 12, 34 },
                                           { 2, 6, 18, 32, 21 },  { 3, 21, 4, 22, 8 },
                                           { 6, 23, 35, 21, 36 }, { 7, 9, 22, 36, 33 },
                                           { 8, 34, 9, 33, 10 } };
    (void)state;
    for (size_t k = 0; k < 7; k++) {
        struct iso s = { .aa = ADV_AA, .event = samples[k][0] };
        memcpy(s.chm, k < 4 ? all : nine, sizeof s.chm);
        for (uint8_t sub = 0; sub < 4; sub++) {
            assert_int_equal(iso_channel(&s, sub), samples[k][sub + 1]);
        }
    }
}

/* Part C, 1: the session key, and the first packet each way. */
static void encryption_samples(void **state)
{
    static const uint8_t ltk[16] = { 0x4c, 0x68, 0x38, 0x41, 0x39, 0xf5, 0x74, 0xd8,
                                     0x36, 0xbc, 0xf3, 0x4e, 0x9d, 0xfb, 0x01, 0xbf };
    static const uint8_t skd[16] = { 0x02, 0x13, 0x24, 0x35, 0x46, 0x57, 0x68, 0x79,
                                     0xac, 0xbd, 0xce, 0xdf, 0xe0, 0xf1, 0x02, 0x13 };
    static const uint8_t key[16] = { 0x99, 0xad, 0x1b, 0x52, 0x26, 0xa3, 0x7e, 0x3e,
                                     0x05, 0x8e, 0x3b, 0x8e, 0x27, 0xc2, 0xc6, 0x66 };
    static const uint8_t iv[8] = { 0x24, 0xab, 0xdc, 0xba, 0xbe, 0xba, 0xaf, 0xde };
    controller c = { .cfg = { .crypto = &woad_mbedtls } };
    struct link central = { .central = true }, peripheral = { .central = false };
    uint8_t packet[1 + 4] = { 0x06 };
    (void)state;
    woad_mbedtls.aes128(ltk, skd, central.session_key);
    assert_memory_equal(central.session_key, key, 16);
    memcpy(peripheral.session_key, key, 16);
    memcpy(central.iv, iv, 8);
    memcpy(peripheral.iv, iv, 8);
    crypt_seal(&c, &central, 0x0f, packet, 1);
    assert_memory_equal(packet, "\x9f\xcd\xa7\xf4\x48", 5);
    assert_true(crypt_open(&c, &peripheral, 0x0f, packet, 5));
    assert_int_equal(packet[0], 0x06);
    crypt_seal(&c, &peripheral, 0x07, packet, 1);
    assert_memory_equal(packet, "\xa3\x4c\x13\xa4\x15", 5);
    for (size_t bit = 0; bit < 40; bit++) {
        uint8_t corrupted[5];
        memcpy(corrupted, packet, 5);
        corrupted[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(crypt_open(&c, &central, 0x07, corrupted, 5));
    }
    assert_false(crypt_open(&c, &central, 0x06, memcpy((uint8_t[5]){ 0 }, packet, 5), 5));
    assert_true(crypt_open(&c, &central, 0x1f, packet, 5)); /* SN, NESN, MD may differ */
}

/* Packets of every length, both ways, with every counter: an encrypted packet decrypts, a
 * changed one does not. */
static void encryption_lengths(void **state)
{
    controller c = { .cfg = { .crypto = &woad_mbedtls } };
    struct link a = { .central = true, .session_key = { 1, 2, 3 }, .iv = { 9 } }, b = a;
    (void)state;
    b.central = false;
    for (size_t len = 1; len <= 251; len++) {
        uint8_t plain[255], packet[255];
        for (size_t n = 0; n < len; n++) {
            plain[n] = (uint8_t)(n * len);
        }
        memcpy(packet, plain, len);
        crypt_seal(&c, &a, 2, packet, len);
        assert_true(crypt_open(&c, &b, 2, packet, len + 4));
        b.rx_counter++;
        assert_memory_equal(packet, plain, len);
    }
    assert_int_equal(a.tx_counter, 251);
}

/* Vol 6, Part B, 2.1, 2.2: the shortest and the longest packet of each PHY. */
static void airtimes(void **state)
{
    (void)state;
    assert_int_equal(radio_airtime(2, PHY_1M), 80);
    assert_int_equal(radio_airtime(2, PHY_2M), 44);
    assert_int_equal(radio_airtime(2 + 251 + 4, PHY_1M), 2120);
    assert_int_equal(radio_airtime(2 + 251 + 4, PHY_2M), 1064);
    assert_int_equal(radio_airtime(2 + 251 + 4, PHY_CODED), 17040);
    assert_int_equal(radio_airtime(2 + 251 + 4, PHY_CODED_S2), 4542);
    assert_int_equal(radio_airtime(2, PHY_CODED), 720);
    assert_int_equal(radio_airtime(2, PHY_CODED_S2), 462);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csa2_samples),       cmocka_unit_test(subevent_samples),
        cmocka_unit_test(encryption_samples), cmocka_unit_test(encryption_lengths),
        cmocka_unit_test(airtimes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
