/* Link-layer control procedures: each in its normal course, refused, in collision and without an
 * answer, seen at the HCI of both sides.  The test sends commands as octets to two controllers,
 * without a host.  The cases bear the names of the Link Layer test suite where it has them. */
#include "joined.h"

#define BIT(n) (1ull << (n))
enum {
    F_ENC = 0,
    F_PARAM = 1,
    F_REJECT = 2,
    F_PERIPHERAL = 3,
    F_PING = 4,
    F_LENGTH = 5,
    F_2M = 8,
    F_CODED = 11,
    F_CSA2 = 14
};
static const uint64_t plain = BIT(F_REJECT) | BIT(F_PERIPHERAL) | BIT(F_PING);

/* --- features, version ------------------------------------------------------------------------ */

/* LL/CON/CEN/BV-05-C, LL/CON/PER/BV-14-C: either side requests the features. */
static void features(void **state)
{
    (void)state;
    for (int node = 0; node < 2; node++) {
        connect_with_features(0, plain);
        assert_int_equal(command(node, 0x2016, "40 00"), 0);
        run_ms(100);
        const uint8_t *e = event(node, 0x3e04);
        assert_non_null(e);
        assert_int_equal(e[0], 0);
        /* the bit of LE Ping is masked to a peer: 4.6 */
        uint8_t both = (uint8_t)(plain & ~BIT(F_PING));
        assert_int_equal(e[3], node == CENTRAL ? both : e[3]);
        assert_int_equal(count(node, 0x3e04), 1);
        assert_link();
        apart();
    }
}

/* LL/CON/CEN/BV-04-C …: the version is sent once in each direction, however often the host requests
 * it. */
static void version(void **state)
{
    (void)state;
    for (int node = 0; node < 2; node++) {
        connect_with_features(0, 0);
        for (int n = 0; n < 3; n++) {
            forget();
            assert_int_equal(command(node, 0x041d, "40 00"), 0);
            run_ms(100);
            const uint8_t *e = event(node, 0x0c);
            assert_non_null(e);
            assert_int_equal(e[0], 0);
            assert_int_equal(e[3], 13);
        }
        assert_link();
        apart();
    }
}

/* No answer for 40 s: the link ends with LL Response Timeout on the side of the request, and by
 * supervision timeout on the other.  The peer receives the request as a PDU that needs no
 * answer. */
static void no_answer(void **state)
{
    static const struct {
        unsigned opcode;
        const char *params;
        uint8_t request;
        int node;
    } requests[] = {
        { 0x2016, "40 00", 0x08, CENTRAL },
        { 0x2016, "40 00", 0x0e, PERIPHERAL },
        { 0x041d, "40 00", 0x0c, CENTRAL },
        { 0x041d, "40 00", 0x0c, PERIPHERAL },
        { 0x2032, "40 00 00 02 02 00 00", 0x16, CENTRAL },
        { 0x2032, "40 00 00 02 02 00 00", 0x16, PERIPHERAL },
        { 0x2022, "40 00 40 00 00 10", 0x14, CENTRAL },
        { 0x2022, "40 00 40 00 00 10", 0x14, PERIPHERAL },
        { 0x2013, "40 00 10 00 10 00 00 00 64 00 00 00 00 00", 0x0f, PERIPHERAL },
        { 0x2019,
          "40 00 00 00 00 00 00 00 00 00 00 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e "
          "0f 10",
          0x03, CENTRAL }
    };
    (void)state;
    for (size_t k = 0; k < sizeof requests / sizeof *requests; k++) {
        connect_with_features(0, 0);
        w.turn_opcode = requests[k].request;
        uint64_t began = woad_air_now(w.air);
        assert_int_equal(command(requests[k].node, requests[k].opcode, requests[k].params), 0);
        while (!event(requests[k].node, 0x05) && woad_air_now(w.air) < began + 60000000) {
            run_ms(10);
        }
        assert_non_null(event(requests[k].node, 0x05));
        assert_int_equal(event(requests[k].node, 0x05)[3], WOAD_HCI_LL_RESPONSE_TIMEOUT);
        assert_in_range(woad_air_now(w.air) - began, 39990000, 40100000);
        run_ms(1100);
        assert_non_null(event(1 - requests[k].node, 0x05));
        assert_int_equal(event(1 - requests[k].node, 0x05)[3], WOAD_HCI_CONNECTION_TIMEOUT);
        apart();
    }
}

/* --- malformed PDUs --------------------------------------------------------------------------- */

/* LL/PAC/…: an unknown opcode, and every known one with a wrong length, is answered with
 * LL_UNKNOWN_RSP, or ends no procedure. */
static void malformed_pdus(void **state)
{
    (void)state;
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        if (opcode == 0x02 || opcode == 0x0d || opcode == 0x11 || opcode == 0x07) {
            continue; /* terminate, rejects: no procedure is pending */
        }
        for (size_t len = 1; len <= 27; len += 13) {
            for (int node = 0; node < 2; node++) {
                char pdu[27] = { (char)opcode };
                connect_with_features(0, 0);
                inject(node, pdu, len);
                run_ms(100);
                assert_null(event(1 - node, 0x3e05));
                if (opcode > 0x2f) {
                    assert_link();
                }
                apart();
            }
        }
    }
}

/* --- PHY -------------------------------------------------------------------------------------- */

/* LL/CON/CEN/BV-49-C, LL/CON/PER/BV-42-C and their like: each side requests each PHY, also
 * different ones for the two directions.  From the instant on packets use it, and both hosts get
 * the event. */
static void phy(void **state)
{
    static const struct {
        const char *params;
        uint8_t tx, rx;
    } wishes[] = { { "40 00 00 02 02 00 00", 2, 2 },
                   { "40 00 00 04 04 00 00", 3, 3 },
                   { "40 00 00 02 01 00 00", 2, 1 },
                   { "40 00 00 04 02 01 00", 3, 2 },
                   { "40 00 03 00 00 00 00", 2, 2 } };
    (void)state;
    for (size_t k = 0; k < sizeof wishes / sizeof *wishes; k++) {
        for (int node = 0; node < 2; node++) {
            connect_with_features(0, 0);
            assert_int_equal(command(node, 0x2032, wishes[k].params), 0);
            assert_int_equal(command(node, 0x2032, wishes[k].params), WOAD_HCI_COMMAND_DISALLOWED);
            run_ms(400);
            const uint8_t *e = event(node, 0x3e0c), *other = event(1 - node, 0x3e0c);
            assert_non_null(e);
            assert_int_equal(e[0], 0);
            assert_int_equal(e[3], wishes[k].tx);
            assert_int_equal(e[4], wishes[k].rx);
            assert_non_null(other);
            assert_int_equal(other[3], wishes[k].rx);
            assert_int_equal(other[4], wishes[k].tx);
            assert_link();
            assert_int_equal(command(node, 0x2030, "40 00"), 0);
            apart();
        }
    }
}

/* The peer does not support 2M: the PHY stays, and the requesting host gets its event at once. */
static void phy_refused(void **state)
{
    (void)state;
    for (int node = 0; node < 2; node++) {
        if (node == CENTRAL) {
            connect_with_features(0, plain);
        } else {
            connect_with_features(plain | BIT(F_CSA2), 0);
        }
        assert_int_equal(command(node, 0x2032, "40 00 00 02 02 00 00"), 0);
        run_ms(200);
        const uint8_t *e = event(node, 0x3e0c);
        assert_non_null(e);
        assert_int_equal(e[3], 1);
        assert_int_equal(e[4], 1);
        assert_null(event(1 - node, 0x3e0c));
        assert_link();
        apart();
    }
    connect_with_features(plain, plain);
    assert_int_equal(command(CENTRAL, 0x2032, "40 00 00 02 02 00 00"), WOAD_HCI_UNKNOWN_COMMAND);
    apart();
    connect_with_features(plain | BIT(F_2M), plain);
    assert_int_equal(command(CENTRAL, 0x2032, "40 00 00 04 04 00 00"), WOAD_HCI_UNSUPPORTED);
    assert_int_equal(command(CENTRAL, 0x2032, "40 00 00 00 02 00 00"), WOAD_HCI_INVALID_PARAMETERS);
    apart();
}

/* An instant in the past: 0x28. */
static void instant_passed(void **state)
{
    static const struct {
        const char *pdu;
        size_t len;
    } late[] = { { "\x18\x02\x02\x00\x00", 5 },
                 { "\x01\xff\xff\xff\xff\x1f\x00\x00", 8 },
                 { "\x00\x01\x00\x00\x10\x00\x00\x00\x64\x00\x00\x00", 12 } };
    (void)state;
    for (size_t k = 0; k < sizeof late / sizeof *late; k++) {
        connect_with_features(0, 0);
        run_ms(300);
        inject(CENTRAL, late[k].pdu, late[k].len);
        run_ms(200);
        assert_non_null(event(PERIPHERAL, 0x05));
        assert_int_equal(event(PERIPHERAL, 0x05)[3], WOAD_HCI_INSTANT_PASSED);
        apart();
    }
}

/* --- connection parameters -------------------------------------------------------------------- */

/* LL/CON/CEN/BV-03-C: the central sets the parameters; both hosts get the event. */
static void update(void **state)
{
    (void)state;
    connect_with_features(0, 0);
    assert_int_equal(command(CENTRAL, 0x2013, "40 00 20 00 20 00 01 00 c8 00 00 00 00 00"), 0);
    assert_int_equal(command(CENTRAL, 0x2013, "40 00 20 00 20 00 01 00 c8 00 00 00 00 00"),
                     WOAD_HCI_COMMAND_DISALLOWED);
    run_ms(500);
    for (int node = 0; node < 2; node++) {
        const uint8_t *e = event(node, 0x3e03);
        assert_non_null(e);
        assert_memory_equal(e, "\x00\x40\x00\x20\x00\x01\x00\xc8\x00", 9);
    }
    assert_link();
    apart();
}

/* LL/CON/PER/BV-20-C and its like: the peripheral requests parameters; the central's host accepts,
 * refuses, or has the event masked. */
static void param_request(void **state)
{
    (void)state;
    for (int answer = 0; answer < 3; answer++) {
        connect_with_features(0, 0);
        if (answer == 2) {
            assert_int_equal(command(CENTRAL, 0x2001, "df ff 1f 00 00 00 00 00"), 0);
        }
        assert_int_equal(command(PERIPHERAL, 0x2013, "40 00 20 00 30 00 00 00 c8 00 00 00 00 00"),
                         0);
        run_ms(100);
        if (answer < 2) {
            assert_non_null(event(CENTRAL, 0x3e06));
            assert_memory_equal(event(CENTRAL, 0x3e06), "\x40\x00\x20\x00\x30\x00\x00\x00\xc8\x00",
                                10);
        }
        if (answer == 0) {
            assert_int_equal(command(CENTRAL, 0x2020, "40 00 20 00 30 00 00 00 c8 00 00 00 00 00"),
                             0);
        } else if (answer == 1) {
            assert_int_equal(command(CENTRAL, 0x2021, "40 00 3b"), 0);
        }
        run_ms(400);
        const uint8_t *e = event(PERIPHERAL, 0x3e03);
        assert_non_null(e);
        static const uint8_t want[] = { 0, 0x3b, 0x1a };
        assert_int_equal(e[0], want[answer]);
        assert_int_equal(count(PERIPHERAL, 0x3e03), 1);
        assert_int_equal(count(CENTRAL, 0x3e03), answer == 0 ? 1 : 0);
        assert_int_equal(command(CENTRAL, 0x2020, "40 00 20 00 30 00 00 00 c8 00 00 00 00 00"),
                         WOAD_HCI_COMMAND_DISALLOWED);
        assert_link();
        apart();
    }
}

/* Invalid parameters: LL_REJECT_EXT_IND with Invalid LL Parameters; no host gets an event. */
static void param_request_invalid(void **state)
{
    char pdu[24] = { 0x0f, 0x05, 0, 0x05, 0, 0, 0, 0x64, 0 };
    (void)state;
    connect_with_features(0, 0);
    inject(PERIPHERAL, pdu, sizeof pdu);
    run_ms(200);
    assert_null(event(CENTRAL, 0x3e06));
    assert_link();
    apart();
}

/* A central without the procedure: Unsupported Remote Feature.  A peripheral without the feature
 * does not start it: Command Disallowed. */
static void param_request_unknown(void **state)
{
    (void)state;
    connect_with_features(0, plain);
    assert_int_equal(command(PERIPHERAL, 0x2013, "40 00 20 00 30 00 00 00 c8 00 00 00 00 00"),
                     WOAD_HCI_COMMAND_DISALLOWED);
    apart();
}

/* --- collisions ------------------------------------------------------------------------------- */

/* LL/CON/CEN/BV-… collision: both sides start at the same tick, the same procedure or another one
 * with an instant.  The central's goes on; the peripheral's is refused, with 0x23 for the same
 * procedure and 0x2a for another.  Each host gets the end of its own procedure, once. */
static void collisions(void **state)
{
    static const char phy_wish[] = "40 00 00 02 02 00 00";
    static const char params[] = "40 00 20 00 30 00 00 00 c8 00 00 00 00 00";
    (void)state;
    for (int which = 0; which < 5; which++) {
        connect_with_features(0, 0);
        bool central_phy = which == 0 || which == 2, peripheral_phy = which < 2 || which == 4;
        if (which == 4) {
            assert_int_equal(command(CENTRAL, 0x2014, "ff ff 00 00 00"), 0);
        } else {
            assert_int_equal(
                central_phy ? command(CENTRAL, 0x2032, phy_wish) : command(CENTRAL, 0x2013, params),
                0);
        }
        assert_int_equal(peripheral_phy ? command(PERIPHERAL, 0x2032, phy_wish)
                                        : command(PERIPHERAL, 0x2013, params),
                         0);
        run_ms(1000);
        assert_int_equal(count(CENTRAL, 0x05) + count(PERIPHERAL, 0x05), 0);
        if (which < 4) {
            const uint8_t *e = event(CENTRAL, central_phy ? 0x3e0c : 0x3e03);
            assert_non_null(e);
            assert_int_equal(e[0], 0);
        }
        const uint8_t *p = event(PERIPHERAL, peripheral_phy ? 0x3e0c : 0x3e03);
        assert_non_null(p);
        /* New parameters from the central answer the peripheral's request for parameters. */
        int want = WOAD_HCI_TRANSACTION_COLLISION;
        if (which == 0) {
            want = WOAD_HCI_PROCEDURE_COLLISION;
        } else if (which == 3) {
            want = 0;
        }
        assert_int_equal(p[0], want);
        unsigned code = peripheral_phy && !central_phy ? 0x3e0c : 0x3e03;
        assert_int_equal(count(PERIPHERAL, code), which == 0 || which == 2 ? which / 2 : 1);
        assert_link();
        apart();
    }
}

/* --- encryption ------------------------------------------------------------------------------- */

static const char enc[] = "40 00 01 02 03 04 05 06 07 08 34 12 01 02 03 04 05 06 07 08 09 0a 0b "
                          "0c 0d 0e 0f 10";
static const char good_key[] = "40 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";
static const char other_key[] = "40 00 ff 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10";

/* The peripheral's host gets a key request, with the values of the central's command. */
static void encrypt_ask(void)
{
    assert_int_equal(command(CENTRAL, 0x2019, enc), 0);
    assert_int_equal(command(CENTRAL, 0x2019, enc), WOAD_HCI_COMMAND_DISALLOWED);
    run_ms(100);
    assert_non_null(event(PERIPHERAL, 0x3e05));
    assert_memory_equal(event(PERIPHERAL, 0x3e05),
                        "\x40\x00\x01\x02\x03\x04\x05\x06\x07\x08\x34\x12", 12);
}

/* LL/ENC/ADV/BV-01-C …: data before and after the start of encryption, in every PHY. */
static void encryption(void **state)
{
    static const uint8_t secret[] = { 4, 0, 4, 0, 's', 'e', 'c', 'r' };
    static const char *const phys[] = { "40 00 00 01 01 00 00", "40 00 00 02 02 00 00",
                                        "40 00 00 04 04 00 00" };
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        size_t len;
        connect_with_features(0, 0);
        assert_int_equal(command(CENTRAL, 0x2032, phys[k]), 0);
        run_ms(300);
        data(PERIPHERAL, secret, sizeof secret); /* data may be queued while encryption starts */
        encrypt_ask();
        data(CENTRAL, secret, sizeof secret);
        run_ms(100);
        assert_null(event(CENTRAL, 0x08));
        assert_int_equal(command(PERIPHERAL, 0x201a, good_key), 0);
        run_ms(200);
        for (int node = 0; node < 2; node++) {
            assert_non_null(event(node, 0x08));
            assert_memory_equal(event(node, 0x08), "\x00\x40\x00\x01", 4);
            assert_int_equal(count(node, 0x08), 1);
            assert_non_null(got_data(node, &len));
            assert_int_equal(len, sizeof secret);
            assert_memory_equal(got_data(node, &len), secret, sizeof secret);
        }
        /* The last data packet on the air was encrypted: 4 octets longer, for the MIC. */
        assert_int_equal(w.seen_clear, sizeof secret + 4);
        assert_memory_not_equal(w.clear, secret, sizeof secret);
        for (int n = 0; n < 200; n++) {
            uint8_t many[100] = { 96, 0, 0x40, 0, 94, 0, (uint8_t)n };
            forget();
            data(CENTRAL, many, sizeof many);
            run_ms(30);
            assert_non_null(got_data(PERIPHERAL, &len));
            assert_memory_equal(got_data(PERIPHERAL, &len), many, len);
        }
        assert_link();
        apart();
    }
}

/* LL/ENC/CEN/BV-…: a refresh with another key: Key Refresh Complete on both sides. */
static void encryption_refresh(void **state)
{
    (void)state;
    connect_with_features(0, 0);
    for (int n = 0; n < 4; n++) {
        forget();
        encrypt_ask();
        assert_int_equal(command(PERIPHERAL, 0x201a, good_key), 0);
        run_ms(300);
        for (int node = 0; node < 2; node++) {
            assert_non_null(event(node, n ? 0x30 : 0x08));
            assert_int_equal(event(node, n ? 0x30 : 0x08)[0], 0);
        }
        assert_link();
    }
    apart();
}

/* LL/ENC/ADV/BI-01-C …: the peripheral has no key: the start is refused and the link goes on
 * unencrypted.  At a refresh the link ends. */
static void encryption_without_a_key(void **state)
{
    (void)state;
    connect_with_features(0, 0);
    encrypt_ask();
    assert_int_equal(command(PERIPHERAL, 0x201b, "40 00"), 0);
    assert_int_equal(command(PERIPHERAL, 0x201b, "40 00"), WOAD_HCI_COMMAND_DISALLOWED);
    run_ms(200);
    assert_non_null(event(CENTRAL, 0x08));
    assert_memory_equal(event(CENTRAL, 0x08), "\x06\x40\x00\x00", 4);
    assert_null(event(PERIPHERAL, 0x08));
    assert_link();
    encrypt_ask();
    assert_int_equal(command(PERIPHERAL, 0x201a, good_key), 0);
    run_ms(200);
    forget();
    encrypt_ask();
    assert_int_equal(command(PERIPHERAL, 0x201b, "40 00"), 0);
    run_ms(500);
    assert_non_null(event(CENTRAL, 0x05));
    assert_int_equal(event(CENTRAL, 0x05)[3], WOAD_HCI_KEY_MISSING);
    apart();
}

/* A wrong key: the first encrypted packet has a wrong MIC.  The side that detects it ends the link
 * at once with 0x3d; the other side loses the link. */
static void encryption_wrong_key(void **state)
{
    (void)state;
    connect_with_features(0, 0);
    encrypt_ask();
    assert_int_equal(command(PERIPHERAL, 0x201a, other_key), 0);
    run_ms(2000);
    assert_non_null(event(PERIPHERAL, 0x05));
    assert_int_equal(event(PERIPHERAL, 0x05)[3], WOAD_HCI_MIC_FAILURE);
    assert_non_null(event(CENTRAL, 0x05));
    assert_int_equal(event(CENTRAL, 0x05)[3], WOAD_HCI_CONNECTION_TIMEOUT);
    assert_null(event(CENTRAL, 0x08));
    assert_null(event(PERIPHERAL, 0x08));
    apart();
}

/* A bit changes on the air: MIC failure, and the host gets nothing of that packet. */
static void encryption_corrupted(void **state)
{
    size_t len;
    (void)state;
    connect_with_features(0, 0);
    encrypt_ask();
    assert_int_equal(command(PERIPHERAL, 0x201a, good_key), 0);
    run_ms(200);
    forget();
    w.spoil_data = true;
    data(CENTRAL, (const uint8_t *)"\x03\x00\x04\x00\x0a\x01\x00", 7);
    run_ms(1500);
    assert_null(got_data(PERIPHERAL, &len));
    assert_non_null(event(PERIPHERAL, 0x05));
    assert_int_equal(event(PERIPHERAL, 0x05)[3], WOAD_HCI_MIC_FAILURE);
    apart();
}

/* An unexpected PDU while encryption starts: the link ends with a MIC failure; C6. */
static void encryption_interrupted(void **state)
{
    (void)state;
    connect_with_features(0, 0);
    encrypt_ask();
    inject(CENTRAL, "\x12", 1);
    run_ms(1500);
    assert_non_null(event(PERIPHERAL, 0x05));
    assert_int_equal(event(PERIPHERAL, 0x05)[3], WOAD_HCI_MIC_FAILURE);
    apart();
}

/* A request of the peripheral from before the encryption start is answered afterwards. */
static void encryption_and_a_question(void **state)
{
    (void)state;
    for (unsigned delay = 0; delay < 40; delay += 5) {
        connect_with_features(0, 0);
        assert_int_equal(command(CENTRAL, 0x2019, enc), 0);
        assert_int_equal(command(PERIPHERAL, 0x2016, "40 00"), 0);
        run_ms(delay);
        for (int n = 0; n < 20 && !event(PERIPHERAL, 0x3e05); n++) {
            run_ms(10);
        }
        assert_int_equal(command(PERIPHERAL, 0x201a, good_key), 0);
        run_ms(400);
        assert_non_null(event(CENTRAL, 0x08));
        assert_non_null(event(PERIPHERAL, 0x08));
        assert_non_null(event(PERIPHERAL, 0x3e04));
        assert_link();
        apart();
    }
}

/* With loss, and with latency, encryption starts all the same. */
static void encryption_meanwhile(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 60; seed++) {
        connect_with_latency(seed, 0, 0, seed % 4);
        assert_int_equal(command(CENTRAL, 0x2032, "40 00 00 02 02 00 00"), 0);
        assert_int_equal(command(CENTRAL, 0x2019, enc), 0);
        assert_int_equal(command(CENTRAL, 0x2016, "40 00"), 0);
        assert_int_equal(command(PERIPHERAL, 0x041d, "40 00"), 0);
        run_ms(10 * seed % 400);
        for (int n = 0; n < 100 && !event(PERIPHERAL, 0x3e05); n++) {
            run_ms(10);
        }
        assert_int_equal(command(PERIPHERAL, 0x201a, good_key), 0);
        run_ms(3000);
        for (int node = 0; node < 2; node++) {
            assert_non_null(event(node, 0x08));
            assert_non_null(event(node, 0x3e0c));
        }
        assert_non_null(event(CENTRAL, 0x3e04));
        assert_non_null(event(PERIPHERAL, 0x0c));
        assert_link();
        apart();
    }
}

/* HCI LE Encrypt, with the sample of FIPS-197 in reverse octet order. */
static void aes_command(void **state)
{
    (void)state;
    connect_with_features(0, 0);
    assert_int_equal(command(CENTRAL, 0x2017,
                             "0f 0e 0d 0c 0b 0a 09 08 07 06 05 04 03 02 01 00 "
                             "ff ee dd cc bb aa 99 88 77 66 55 44 33 22 11 00"),
                     0);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features),
        cmocka_unit_test(version),
        cmocka_unit_test(no_answer),
        cmocka_unit_test(malformed_pdus),
        cmocka_unit_test(phy),
        cmocka_unit_test(phy_refused),
        cmocka_unit_test(instant_passed),
        cmocka_unit_test(update),
        cmocka_unit_test(param_request),
        cmocka_unit_test(param_request_invalid),
        cmocka_unit_test(param_request_unknown),
        cmocka_unit_test(collisions),
        cmocka_unit_test(encryption),
        cmocka_unit_test(encryption_refresh),
        cmocka_unit_test(encryption_without_a_key),
        cmocka_unit_test(encryption_wrong_key),
        cmocka_unit_test(encryption_corrupted),
        cmocka_unit_test(encryption_interrupted),
        cmocka_unit_test(encryption_and_a_question),
        cmocka_unit_test(encryption_meanwhile),
        cmocka_unit_test(aes_command),
    };
    if (getenv("PCAP")) {
        cmocka_set_skip_filter("*malformed*");
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
