/* Keys are zeros in HCI logs, however the peer fragments their PDUs; other octets are logged. */
#include "cm.h"

#include <woad/btsnoop.h>

#include <string.h>

enum { HEAD = WOAD_BTSNOOP_RECORD, ACL = 5, PDU = 21, KEY_AT = 5, KEY = 16 };
static const uint8_t key[KEY] = { 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8,
                                  0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0 };

/* Makes an SMP PDU such as Encryption Information: length u16, channel u16, code u8, key 16. */
static void make_pdu(uint8_t pdu[PDU], uint8_t channel, uint8_t code)
{
    const uint8_t head[] = { 17, 0, channel, 0, code };
    memcpy(pdu, head, sizeof head);
    memcpy(pdu + KEY_AT, key, KEY);
}

/* Logs octets `from` to `to` of a PDU as one ACL packet; returns the logged octets. */
static void logged(struct woad_btsnoop_keys *keys, uint16_t handle, bool received,
                   const uint8_t *pdu, size_t from, size_t to, uint8_t *out)
{
    uint8_t packet[300], record[WOAD_BTSNOOP_RECORD + 300];
    unsigned pb = received ? 2 : 0;
    if (from) {
        pb = 1;
    }
    const unsigned flags = handle | pb << 12;
    size_t n = to - from;
    const uint8_t head[] = { 2, (uint8_t)flags, (uint8_t)(flags >> 8), (uint8_t)n, 0 };
    memcpy(packet, head, sizeof head);
    memcpy(packet + ACL, pdu + from, n);
    assert_int_equal(woad_btsnoop_record(record, sizeof record, keys, 0, received, packet, ACL + n),
                     HEAD + ACL + n);
    assert_memory_equal(record + HEAD, packet, ACL);
    memcpy(out + from, record + HEAD + ACL, n);
}

static bool key_is_zeros(const uint8_t *pdu)
{
    static const uint8_t zeros[KEY];
    return memcmp(pdu + KEY_AT, zeros, KEY) == 0;
}

static void a_key_in_pieces_of_any_size(void **state)
{
    static const uint8_t codes[] = { 0x06, 0x08, 0x0a };
    (void)state;
    for (size_t piece = 1; piece <= PDU; piece++) {
        for (size_t c = 0; c < sizeof codes; c++) {
            struct woad_btsnoop_keys keys = { .next = 0 };
            uint8_t pdu[PDU], out[PDU];
            make_pdu(pdu, 6, codes[c]);
            for (size_t at = 0; at < PDU; at += piece) {
                logged(&keys, 0x40, c & 1, pdu, at, at + piece < PDU ? at + piece : PDU, out);
            }
            assert_memory_equal(out, pdu, KEY_AT);
            assert_true(key_is_zeros(out));
        }
    }
}

/* PDUs without keys are logged unchanged, in fragments of any size. */
static void what_is_no_key_stays(void **state)
{
    static const uint8_t others[][2] = { { 6, 0x03 }, { 6, 0x0b }, { 4, 0x06 }, { 0x40, 0x08 } };
    (void)state;
    for (size_t piece = 1; piece <= PDU; piece++) {
        for (size_t c = 0; c < sizeof others / sizeof *others; c++) {
            struct woad_btsnoop_keys keys = { .next = 0 };
            uint8_t pdu[PDU], out[PDU];
            make_pdu(pdu, others[c][0], others[c][1]);
            for (size_t at = 0; at < PDU; at += piece) {
                logged(&keys, 0x40, true, pdu, at, at + piece < PDU ? at + piece : PDU, out);
            }
            assert_memory_equal(out, pdu, PDU);
        }
    }
}

/* Fragments of several connections, and of both directions, alternate: each is tracked by
 * itself. */
static void connections_are_distinguished(void **state)
{
    enum { CONNS = WOAD_BTSNOOP_PDUS / 2 };
    struct woad_btsnoop_keys keys = { .next = 0 };
    uint8_t with_key[PDU], without[PDU], out[CONNS][2][PDU];
    (void)state;
    make_pdu(with_key, 6, 6);
    make_pdu(without, 4, 0x1b);
    for (size_t at = 0; at < PDU; at += 3) {
        for (uint16_t conn = 0; conn < CONNS; conn++) {
            logged(&keys, conn, true, with_key, at, at + 3, out[conn][1]);
            logged(&keys, conn, false, without, at, at + 3, out[conn][0]);
        }
    }
    for (size_t conn = 0; conn < CONNS; conn++) {
        assert_true(key_is_zeros(out[conn][1]));
        assert_memory_equal(out[conn][0], without, PDU);
    }
}

/* There are more connections than the log tracks: fragments of the others are zeros. */
static void without_room_nothing_is_logged_that_could_be_a_key(void **state)
{
    enum { CONNS = WOAD_BTSNOOP_PDUS + 5 };
    struct woad_btsnoop_keys keys = { .next = 0 };
    uint8_t pdu[PDU], out[CONNS][PDU];
    (void)state;
    make_pdu(pdu, 6, 8);
    for (size_t at = 0; at < PDU; at += 7) {
        for (uint16_t conn = 0; conn < CONNS; conn++) {
            logged(&keys, conn, true, pdu, at, at + 7, out[conn]);
        }
    }
    for (size_t conn = 0; conn < CONNS; conn++) {
        assert_true(key_is_zeros(out[conn]));
    }
}

/* A new PDU ends an incomplete one. */
static void a_new_pdu_ends_the_one_before(void **state)
{
    struct woad_btsnoop_keys keys = { .next = 0 };
    uint8_t with_key[PDU], without[PDU], out[PDU];
    (void)state;
    make_pdu(with_key, 6, 6);
    make_pdu(without, 4, 0x1b);
    logged(&keys, 1, true, with_key, 0, 10, out);
    logged(&keys, 1, true, without, 0, 10, out);
    logged(&keys, 1, true, without, 10, PDU, out);
    assert_memory_equal(out, without, PDU);
}

/* Without a filter keys are logged. */
static void keys_that_are_wanted_are_logged(void **state)
{
    uint8_t pdu[PDU], out[PDU];
    (void)state;
    make_pdu(pdu, 6, 6);
    logged(NULL, 1, true, pdu, 0, 5, out);
    logged(NULL, 1, true, pdu, 5, PDU, out);
    assert_memory_equal(out, pdu, PDU);
}

/* Commands and an event that contain a key, and its offset. */
static void keys_in_commands_and_events(void **state)
{
    static const struct {
        uint8_t head[4];
        size_t at, len;
    } rows[] = {
        { { 1, 0x17, 0x20, 32 }, 4, 32 },  { { 1, 0x19, 0x20, 28 }, 16, 16 },
        { { 1, 0x1a, 0x20, 18 }, 6, 16 },  { { 1, 0x27, 0x20, 39 }, 11, 32 },
        { { 1, 0x68, 0x20, 31 }, 19, 16 }, { { 1, 0x69, 0x20, 36 }, 24, 16 },
        { { 1, 0x6b, 0x20, 24 }, 8, 16 },  { { 1, 0x0b, 0x04, 22 }, 10, 16 },
        { { 1, 0x0d, 0x04, 23 }, 11, 16 }, { { 1, 0x33, 0x04, 38 }, 10, 32 },
        { { 1, 0x45, 0x04, 70 }, 10, 64 }, { { 4, 0x18, 23, 0 }, 9, 16 },
    };
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        uint8_t packet[80], record[WOAD_BTSNOOP_RECORD + 300];
        struct woad_btsnoop_keys keys = { .next = 0 };
        memset(packet, 0xee, sizeof packet);
        memcpy(packet, rows[k].head, sizeof rows[k].head);
        woad_btsnoop_record(record, sizeof record, &keys, 0, false, packet, sizeof packet);
        memset(packet + rows[k].at, 0, rows[k].len);
        assert_memory_equal(record + HEAD, packet, sizeof packet);
    }
}

/* A log in little memory: the record says how long the packet was. */
static void a_packet_beyond_the_room_is_cut(void **state)
{
    uint8_t packet[40] = { 4, 0x3e, 37, 2 }, record[HEAD + 10];
    (void)state;
    assert_int_equal(woad_btsnoop_record(record, sizeof record, NULL, 0, true, packet, 40),
                     sizeof record);
    assert_int_equal(record[3], 40);
    assert_int_equal(record[7], 10);
    assert_memory_equal(record + HEAD, packet, 10);
    assert_int_equal(woad_btsnoop_record(record, HEAD - 1, NULL, 0, true, packet, 40), 0);
    assert_int_equal(woad_btsnoop_record(record, HEAD, NULL, 0, true, packet, 40), HEAD);
    assert_int_equal(woad_btsnoop_record(record, sizeof record, NULL, 0, true, packet, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_beyond_the_room_is_cut),
        cmocka_unit_test(a_key_in_pieces_of_any_size),
        cmocka_unit_test(what_is_no_key_stays),
        cmocka_unit_test(connections_are_distinguished),
        cmocka_unit_test(without_room_nothing_is_logged_that_could_be_a_key),
        cmocka_unit_test(a_new_pdu_ends_the_one_before),
        cmocka_unit_test(keys_that_are_wanted_are_logged),
        cmocka_unit_test(keys_in_commands_and_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
