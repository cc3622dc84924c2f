/* The PDUs of the encryption start and pause procedures take effect in their turn only.  Vol 6,
 * Part B, 5.1.3.1, 5.1.3.2 */
#include "air/ll/ll.h"
#include "links.h"

enum { LTK_REQUEST = 0x3e05, ENCRYPTION_CHANGE = 0x08, KEY_REFRESH = 0x30 };

static struct {
    uint8_t from, to; /* opcodes: a control PDU with the first is received as the other */
    unsigned enc_reqs;
} air;

static void sniff_opcodes(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    air.enc_reqs += p->kind >= 2 && (p->pdu[0] & 3) == 3 && p->len == 2 + 23 && p->pdu[2] == 3;
}

static bool replace_opcode(void *ctx, const struct woad_air_packet *p,
                           const struct woad_air_controller *to, uint8_t *pdu,
                           struct woad_air_delivery *delivery)
{
    (void)ctx;
    (void)to;
    (void)delivery;
    if (air.from && p->kind >= 2 && (pdu[0] & 3) == 3 && pdu[1] == 1 && pdu[2] == air.from) {
        pdu[2] = air.to;
    }
    return true;
}

static struct link *link_of(int which)
{
    return &w.n[which].c->links[0];
}

static void begin_connected(void)
{
    struct woad_air_config cfg = {
        .seed = 1, .sniff = sniff_opcodes, .intercept = replace_opcode, .around = &w.around
    };
    memset(&air, 0, sizeof air);
    nodes_begin(1);
    free(w.air);
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &cfg);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config node = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                   .conns = 2,
                                                   .acl_count = 4,
                                                   .acl_len = 251,
                                                   .queue = 65000,
                                                   .adv_sets = 1,
                                                   .crypto = &woad_mbedtls };
        node_add(k, &node);
    }
    connect_to(CENTRAL, PERIPHERAL, 24, 200);
}

static void enable_encryption(uint8_t key)
{
    char t[200];
    int n = snprintf(t, sizeof t, "40 00 01 02 03 04 05 06 07 08 09 0a");
    for (int k = 0; k < 16; k++) {
        n += snprintf(t + n, sizeof t - (size_t)n, " %02x", key);
    }
    assert_int_equal(command(CENTRAL, 0x2019, t), 0);
}

static void give_key(uint8_t key)
{
    char t[200];
    int n = snprintf(t, sizeof t, "40 00");
    for (int k = 0; k < 16; k++) {
        n += snprintf(t + n, sizeof t - (size_t)n, " %02x", key);
    }
    assert_int_equal(command(PERIPHERAL, 0x201a, t), 0);
}

static void encrypt_with(uint8_t key)
{
    enable_encryption(key);
    run_ms(200);
    assert_int_equal(count(PERIPHERAL, LTK_REQUEST), 1);
    give_key(key);
    run_ms(200);
    forget();
    assert_true(link_of(CENTRAL)->tx_encrypted && link_of(PERIPHERAL)->tx_encrypted);
}

/* LL_START_ENC_REQ before LL_ENC_RSP: the central has no session key yet. */
static void no_encryption_before_the_key(void **state)
{
    (void)state;
    begin_connected();
    enable_encryption(7);
    inject(PERIPHERAL, "\x05", 1);
    for (int n = 0; n < 400 && !event(PERIPHERAL, LTK_REQUEST); n++) {
        run_us(500);
        assert_false(link_of(CENTRAL)->tx_encrypted);
    }
    assert_non_null(event(PERIPHERAL, LTK_REQUEST));
    give_key(7);
    run_ms(200);
    assert_int_equal(count(CENTRAL, ENCRYPTION_CHANGE), 1);
    assert_int_equal(event(CENTRAL, ENCRYPTION_CHANGE)[0], 0);
    apart();
}

/* LL_PAUSE_ENC_RSP though the central has not paused: it sends no second LL_ENC_REQ. */
static void no_pause_without_its_request(void **state)
{
    (void)state;
    begin_connected();
    enable_encryption(7);
    inject(PERIPHERAL, "\x0b", 1);
    run_ms(200);
    give_key(7);
    run_ms(200);
    assert_int_equal(air.enc_reqs, 1);
    assert_int_equal(event(CENTRAL, ENCRYPTION_CHANGE)[0], 0);
    apart();
}

/* A second LL_ENC_RSP, a second LL_ENC_REQ: the connection ends. */
static void repeated(void **state)
{
    static const char rsp[13] = { 0x04, 1 }, req[23] = { 0x03, 1 };
    (void)state;
    for (int receiver = 0; receiver < 2; receiver++) {
        begin_connected();
        enable_encryption(7);
        run_ms(200);
        if (receiver == CENTRAL) {
            inject(PERIPHERAL, rsp, sizeof rsp);
        } else {
            inject(CENTRAL, req, sizeof req);
        }
        run_ms(200);
        assert_non_null(event(receiver, DISCONNECTED));
        assert_int_equal(event(receiver, DISCONNECTED)[3], WOAD_HCI_MIC_FAILURE);
        assert_int_equal(count(PERIPHERAL, LTK_REQUEST), 1);
        apart();
    }
}

/* LL_START_ENC_RSP, not encrypted, while the peripheral is paused and has no new key: no success.
 */
static void no_new_key_by_a_pause(void **state)
{
    (void)state;
    begin_connected();
    encrypt_with(7);
    air.from = 0x0b;
    air.to = 0x06;
    enable_encryption(8);
    run_ms(3000);
    assert_null(event(PERIPHERAL, KEY_REFRESH));
    assert_non_null(event(PERIPHERAL, DISCONNECTED));
    assert_int_equal(event(PERIPHERAL, DISCONNECTED)[3], WOAD_HCI_MIC_FAILURE);
    apart();
}

/* LL_ENC_REQ on an encrypted connection that is not paused: the host is not asked for a key. */
static void no_new_key_without_a_pause(void **state)
{
    static const char req[23] = { 0x03, 1 };
    (void)state;
    begin_connected();
    encrypt_with(7);
    inject(CENTRAL, req, sizeof req);
    run_ms(200);
    assert_null(event(PERIPHERAL, LTK_REQUEST));
    assert_null(event(PERIPHERAL, DISCONNECTED));
    encrypt_with(9);
    apart();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_encryption_before_the_key),
        cmocka_unit_test(no_pause_without_its_request),
        cmocka_unit_test(repeated),
        cmocka_unit_test(no_new_key_by_a_pause),
        cmocka_unit_test(no_new_key_without_a_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
