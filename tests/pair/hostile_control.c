/* LL control PDUs that no honest peer sends: connection events far away or before time 0,
 * encryption out of turn, reserved bits.  Each ends in a result that the host sees, or is ignored;
 * nothing stays occupied.  Vol 6, Part B, 2.4.2, 5.1 */
#include "nodes.h"

enum { EVENT_DISCONNECTED = 5, EVENT_ENCRYPTION = 8 };
enum { LE_SYNC_TRANSFERRED = 0x3e18, LE_CIS_ESTABLISHED = 0x3e19, LE_CIS_REQUESTED = 0x3e1a };
enum { LE_PHY_UPDATED = 0x3e0c, LE_KEY_REQUESTED = 0x3e05 };
enum { SET_PAST = 0x205c, CREATE_SYNC = 0x2044, ENCRYPT = 0x2019, KEY_REPLY = 0x201a };
enum { PHYS = 0x2030, ACCEPT_CIS = 0x2066 };
static const char sync_params[] = "00 09 00 01 02 03 04 05 06 00 00 64 00 00";
static const char key[] = "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";

static int command_2(int which, unsigned opcode, const char *a, const char *b)
{
    char text[100];
    snprintf(text, sizeof text, "%s %s", a, b);
    return command(which, opcode, text);
}

/* LL_PERIODIC_SYNC_IND with the connection event that `ahead` is after the first. */
static void transfer_sync(uint16_t at_event, uint8_t advertiser)
{
    uint8_t p[35] = { 0x1c, 0x34, 0x12, 0x64, 0,          24, 0, 0xff, 0xff, 0xff, 0xff,
                      0x1f, 1,    2,    3,    advertiser, 9,  8, 7,    0,    0 };
    p[21] = (uint8_t)at_event;
    p[22] = (uint8_t)(at_event >> 8);
    p[25] = 9;
    p[26] = 1;
    memset(p + 27, 9, 6);
    p[32] = advertiser;
    inject(CENTRAL, (const char *)p, sizeof p);
    run_ms(100);
}

/* Events before time 0, and more than 100 s away, past and future: no place for a sync is taken. */
static void sync_of_a_far_event_is_ignored(void **state)
{
    static const uint16_t far[] = { 0xa000, 0x8000, 0x7000, 0x4000 };
    (void)state;
    for (uint64_t s = 0; s < 2000; s += 1000) { /* at 1000 s these events are after time 0 */
        nodes_connected(3, false);
        run_ms(s * 1000);
        assert_int_equal(command(PERIPHERAL, SET_PAST, "40 00 02 00 00 00 10 00"), 0);
        for (uint8_t n = 0; n < 4; n++) {
            transfer_sync((uint16_t)(far[n] + s * 50), n);
        }
        for (uint8_t n = 4; !s && n < 8; n++) {
            transfer_sync(0xfe00, n); /* 10 s ago, which is before time 0 */
        }
        run_ms(3000);
        assert_int_equal(count(PERIPHERAL, LE_SYNC_TRANSFERRED), 0);
        assert_int_equal(count(PERIPHERAL, EVENT_DISCONNECTED), 0);
        assert_int_equal(command(PERIPHERAL, CREATE_SYNC, sync_params), 0);
        apart();
    }
}

/* An event of 20 s ago: the sync begins at an event to come, fails after six, and frees its place.
 */
static void sync_of_a_past_event_fails_in_time(void **state)
{
    (void)state;
    nodes_connected(3, false);
    run_ms(30000);
    assert_int_equal(command(PERIPHERAL, SET_PAST, "40 00 02 00 00 00 10 00"), 0);
    for (uint8_t n = 0; n < 6; n++) {
        forget();
        transfer_sync(1500 - 1000, n);
        run_ms(1000);
        assert_int_equal(count(PERIPHERAL, LE_SYNC_TRANSFERRED), 1);
        assert_int_equal(event(PERIPHERAL, LE_SYNC_TRANSFERRED)[0], 0x3e);
    }
    apart();
}

static const uint8_t stream_request[36] = { 0x1f, 0,    0,    1,    1,    40,   0,  0,    0,
                                            0x10, 0x27, 0,    0x10, 0x27, 0,    40, 0,    0,
                                            0,    2,    0xe8, 3,    0,    1,    1,  1,    8,
                                            0,    0xc4, 9,    0,    0x10, 0x27, 0,  0x60, 0 };

/* The host accepts the stream that LL_CIS_REQ names. */
static void accept_stream(void)
{
    inject(CENTRAL, (const char *)stream_request, sizeof stream_request);
    run_ms(200);
    const uint8_t *e = event(PERIPHERAL, LE_CIS_REQUESTED);
    assert_non_null(e);
    char handle[8];
    snprintf(handle, sizeof handle, "%02x %02x", e[2], e[3]);
    assert_int_equal(command(PERIPHERAL, ACCEPT_CIS, handle), 0);
    run_ms(100);
}

/* The central sends no LL_CIS_IND: the connection ends by the response timeout.  5.2 */
static void stream_that_does_not_come(void **state)
{
    (void)state;
    nodes_connected(3, true);
    accept_stream();
    run_ms(38000);
    assert_int_equal(count(PERIPHERAL, EVENT_DISCONNECTED), 0);
    run_ms(3000);
    assert_int_equal(count(PERIPHERAL, LE_CIS_ESTABLISHED), 1);
    assert_int_equal(count(PERIPHERAL, EVENT_DISCONNECTED), 1);
    assert_int_equal(event(PERIPHERAL, EVENT_DISCONNECTED)[3], 0x22);
    apart();
}

/* LL_CIS_IND: the host has accepted the stream, so LE CIS Established must follow. */
static void stream_of_a_far_event_fails(void **state)
{
    static const uint16_t far[] = { 0xa000, 0x8000, 0x7000, 0x4000 };
    (void)state;
    for (size_t n = 0; n < 4; n++) {
        nodes_connected(3, true);
        accept_stream();
        uint8_t ind[16] = { 0x21, 1, 2, 3, 4, 0xc4, 9, 0, 0, 8, 0, 0, 8, 0 };
        ind[14] = (uint8_t)far[n];
        ind[15] = (uint8_t)(far[n] >> 8);
        inject(CENTRAL, (const char *)ind, sizeof ind);
        run_ms(45000); /* longer than the response timeout, which has ended */
        assert_int_equal(count(PERIPHERAL, LE_CIS_ESTABLISHED), 1);
        assert_int_equal(event(PERIPHERAL, LE_CIS_ESTABLISHED)[0], 0x3e);
        assert_int_equal(count(PERIPHERAL, EVENT_DISCONNECTED), 0);
        apart();
    }
}

/* The PDUs of encryption, by opcode, with their lengths. */
static const uint8_t lengths[] = { [3] = 23, [4] = 13, [5] = 1, [6] = 1, [10] = 1, [11] = 1 };

static void inject_encryption(int which, uint8_t opcode)
{
    uint8_t p[23] = { opcode };
    inject(which, (const char *)p, lengths[opcode]);
    run_ms(100);
}

static void begin_encryption(void)
{
    assert_int_equal(command_2(CENTRAL, ENCRYPT, "40 00 00 00 00 00 00 00 00 00 00 00", key), 0);
    run_ms(200);
    assert_int_equal(count(PERIPHERAL, LE_KEY_REQUESTED), 1);
}

/* Nothing has begun: what the peer may not begin is ignored. */
static void encryption_that_has_not_begun(void **state)
{
    (void)state;
    nodes_connected(3, false);
    for (uint8_t opcode = 4; opcode < sizeof lengths; opcode++) {
        if (lengths[opcode]) {
            inject_encryption(CENTRAL, opcode);
            inject_encryption(PERIPHERAL, opcode);
        }
    }
    begin_encryption(); /* and is possible as before */
    assert_int_equal(command_2(PERIPHERAL, KEY_REPLY, "40 00", key), 0);
    run_ms(200);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(count(k, EVENT_ENCRYPTION), 1);
        assert_int_equal(event(k, EVENT_ENCRYPTION)[3], 1);
        assert_int_equal(count(k, EVENT_DISCONNECTED), 0);
    }
    inject_encryption(CENTRAL, 3); /* LL_ENC_REQ without a pause */
    assert_int_equal(count(PERIPHERAL, LE_KEY_REQUESTED), 1);
    assert_int_equal(count(PERIPHERAL, EVENT_DISCONNECTED), 0);
    apart();
}

/* While encryption begins, any PDU but the next one ends the connection.  5.1.3.1 */
static void encryption_out_of_turn_ends_the_connection(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++) {
        for (uint8_t opcode = 3; opcode < sizeof lengths; opcode++) {
            /* LL_START_ENC_REQ is the one that the central awaits */
            if (!lengths[opcode] || (victim == CENTRAL && opcode == 5)) {
                continue;
            }
            nodes_connected(3, false);
            begin_encryption();
            inject_encryption(1 - victim, opcode);
            run_ms(2000);
            assert_int_equal(count(victim, EVENT_DISCONNECTED), 1);
            assert_int_equal(event(victim, EVENT_DISCONNECTED)[3], 0x3d);
            assert_int_equal(count(victim, EVENT_ENCRYPTION), 0);
            apart();
        }
    }
}

/* Data while encryption is started or paused are not given to the host, encrypted or not: they end
 * the connection.  5.1.3.1, 5.1.3.2 */
static void data_while_encryption_is_paused(void **state)
{
    static const uint8_t frame[] = { 3, 0, 4, 0, 1, 2, 3 };
    (void)state;
    for (int paused = 0; paused < 2; paused++) {
        size_t len;
        nodes_connected(3, false);
        if (paused) {
            begin_encryption();
            assert_int_equal(command_2(PERIPHERAL, KEY_REPLY, "40 00", key), 0);
            run_ms(200);
            assert_int_equal(count(PERIPHERAL, EVENT_ENCRYPTION), 1);
        }
        inject_encryption(CENTRAL, paused ? 10 : 3); /* its own link layer has begun nothing */
        data(CENTRAL, frame, sizeof frame);
        run_ms(2000);
        assert_null(got_data(PERIPHERAL, &len));
        assert_int_equal(count(PERIPHERAL, EVENT_DISCONNECTED), 1);
        assert_int_equal(event(PERIPHERAL, EVENT_DISCONNECTED)[3], 0x3d);
        apart();
    }
}

/* LL_REJECT_IND in the place of LL_PAUSE_ENC_RSP: a pause can't be refused. */
static void pause_that_is_refused(void **state)
{
    (void)state;
    nodes_connected(3, false);
    begin_encryption();
    assert_int_equal(command_2(PERIPHERAL, KEY_REPLY, "40 00", key), 0);
    run_ms(200);
    assert_int_equal(command_2(CENTRAL, ENCRYPT, "40 00 00 00 00 00 00 00 00 00 00 00", key), 0);
    inject(PERIPHERAL, "\x0d\x06", 2);
    run_ms(2000);
    assert_int_equal(count(CENTRAL, EVENT_DISCONNECTED), 1);
    assert_int_equal(event(CENTRAL, EVENT_DISCONNECTED)[3], 0x3d);
    apart();
}

/* LL_PHY_UPDATE_IND: reserved bits are ignored; a field that names two PHYs changes nothing. */
static void phy_by_reserved_bits(void **state)
{
    static const struct {
        uint8_t field, phy; /* 0: no event */
    } rows[] = { { 0x08, 0 }, { 0x0a, 2 }, { 0xfa, 2 }, { 0x03, 1 }, { 0x07, 1 }, { 0x14, 3 } };
    (void)state;
    for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
        nodes_connected(3, false);
        uint8_t p[5] = { 0x18, rows[n].field, rows[n].field, 50, 0 };
        inject(CENTRAL, (const char *)p, sizeof p);
        for (int ms = 0; ms < 1500 && !event(PERIPHERAL, LE_PHY_UPDATED); ms++) {
            run_ms(1);
        }
        const uint8_t *e = event(PERIPHERAL, LE_PHY_UPDATED);
        assert_int_equal(e != NULL, rows[n].phy != 0);
        if (e) {
            assert_int_equal(e[3], rows[n].phy);
            assert_int_equal(e[4], rows[n].phy);
        }
        assert_int_equal(command(PERIPHERAL, PHYS, "40 00"), 0);
        apart();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sync_of_a_far_event_is_ignored),
        cmocka_unit_test(sync_of_a_past_event_fails_in_time),
        cmocka_unit_test(stream_that_does_not_come),
        cmocka_unit_test(stream_of_a_far_event_fails),
        cmocka_unit_test(encryption_that_has_not_begun),
        cmocka_unit_test(encryption_out_of_turn_ends_the_connection),
        cmocka_unit_test(data_while_encryption_is_paused),
        cmocka_unit_test(pause_that_is_refused),
        cmocka_unit_test(phy_by_reserved_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
