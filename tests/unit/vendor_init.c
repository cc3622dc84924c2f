/* Vendor initialisation before the bring-up: each step fails or has no answer.  Also quirks:
 * controllers with wrong capabilities. */
#include "cm.h"

#include <woad/hci.h>
#include <woad/woad.h>

static const struct woad_feature *const features[] = { &woad_feature_vendor_init,
                                                       &woad_feature_quirks, NULL };

static struct {
    uint64_t mem[2048];
    struct woad *h;
    uint16_t said[64];            /* opcodes, in order */
    size_t n, fail_at, silent_at; /* fails; has no answer */
    uint32_t now, speed, speeds, spoke_at[64];
    int up, down, down_error;
    bool start_again; /* calls woad_start() in the first WOAD_EV_DOWN */
    uint8_t address[6], company, mask41;
    unsigned patches;
    int patch_error;
} t;

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx;
    t.up += ev->type == WOAD_EV_UP;
    if (ev->type == WOAD_EV_DOWN) {
        t.down++;
        t.down_error = ev->u.down.error;
        if (t.start_again) {
            t.start_again = false;
            t.down = t.patch_error = 0;
            assert_int_equal(woad_start(h), 0);
        }
    }
}

static void begin(void)
{
    static const struct woad_config config = { .features = features,
                                               .event = on_event,
                                               .conns = 1,
                                               .procedures = 1,
                                               .mtu = 23,
                                               .tx_queue = 32,
                                               .request_queue = 32 };
    memset(&t, 0, sizeof t);
    memset(t.address, 0xa1, 6);
    t.fail_at = t.silent_at = 1000;
    assert_true(woad_size(&config) <= sizeof t.mem);
    t.h = woad_init(t.mem, sizeof t.mem, &config);
}

/* Answers a command with success. */
static void answer(const uint8_t *p)
{
    uint16_t opcode = (uint16_t)(p[1] | p[2] << 8);
    uint8_t e[80] = { 4, 0x0e, 4, 1, p[1], p[2], t.n - 1 == t.fail_at ? 0x11 : 0 };
    if (opcode == 0x2002) {
        e[2] = 7, e[7] = 27, e[9] = 4;
    } else if (opcode == 0x1009) {
        e[2] = 10;
        memcpy(e + 7, t.address, 6);
    } else if (opcode == 0x1001) {
        e[2] = 12, e[7] = 9, e[11] = t.company, e[13] = 0x34, e[14] = 0x12;
    } else if (opcode == 0x2003 || opcode == 0x2018 || opcode == 0x1003) {
        e[2] = 12;
    } else if (opcode == 0x1002) {
        e[2] = 68, e[7 + 41] = t.mask41;
    } else if (opcode == 0x2060) {
        e[2] = 10, e[7] = 251, e[9] = 9;
    }
    woad_rx(t.h, e, e[2] + 3u);
}

static void run(uint32_t ms)
{
    for (uint32_t end = t.now + ms; t.now < end && !t.up && !t.down; t.now++) {
        uint8_t p[WOAD_TX_ROOM];
        woad_poll(t.h, t.now);
        while (woad_tx(t.h, p, sizeof p) && t.n < 64) {
            t.spoke_at[t.n] = t.now;
            t.said[t.n++] = (uint16_t)(p[1] | p[2] << 8);
            if (t.n - 1 != t.silent_at) {
                answer(p);
            }
        }
    }
}

static int patch(void *ctx, bool first, uint8_t *record, size_t room)
{
    static const uint8_t write_ram[] = { 0x4c, 0xfc, 5, 0, 0, 0x21, 0, 7 };
    static const uint8_t launch[] = { 0x4e, 0xfc, 4, 0xff, 0xff, 0xff, 0xff };
    (void)ctx;
    assert_true(room >= 258);
    t.patches = first ? 0 : t.patches + 1;
    if (t.patch_error && t.patches == 2) {
        return t.patch_error;
    }
    if (t.patches < 3) {
        memcpy(record, write_ram, 8);
        return 8;
    }
    memcpy(record, launch, 7);
    return t.patches == 3 ? 7 : 0;
}

static void speed(void *ctx, uint32_t baud)
{
    (void)ctx;
    t.speed = baud;
    t.speeds++;
}

/* Stops the host once, from inside the function that sets the baud rate. */
static void stop(void *ctx, uint32_t baud)
{
    (void)ctx;
    (void)baud;
    if (t.start_again) {
        assert_int_equal(woad_stop(t.h), 0);
    }
}

static const uint16_t expected[] = { 0x0c03, 0xfc2e, 0xfc4c, 0xfc4c, 0xfc4c,
                                     0xfc4e, 0x0c03, 0xfc18, 0x0c03, 0x1001 };
enum { EXPECTED = sizeof expected / sizeof *expected };

/* The commands in order, with their delays; then the ordinary bring-up; and the same at the next
 * start. */
static void broadcom(void **state)
{
    struct woad_vendor_init setup = { .patch = patch, .speed = speed };
    struct woad_broadcom steps;
    (void)state;
    woad_vendor_init_broadcom(&setup, &steps, 115200, 3000000);
    begin();
    assert_int_equal(woad_set_vendor_init(t.h, &setup), 0);
    for (int round = 0; round < 2; round++) {
        t.n = 0;
        t.up = t.down = 0;
        t.speed = 0;
        assert_int_equal(woad_start(t.h), 0);
        run(2000);
        assert_int_equal(t.up, 1);
        assert_memory_equal(t.said, expected, sizeof expected);
        assert_true(t.spoke_at[2] - t.spoke_at[1] >= 50);
        assert_true(t.spoke_at[6] - t.spoke_at[5] >= 250);
        assert_true(t.spoke_at[8] - t.spoke_at[7] >= 20);
        assert_int_equal(t.speed, 3000000);
        assert_int_equal(t.speeds, 2 * (round + 1));
        woad_fail(t.h, WOAD_EIO);
    }
    begin(); /* completes at the first baud rate */
    woad_vendor_init_broadcom(&setup, &steps, 115200, 0);
    woad_set_vendor_init(t.h, &setup);
    woad_start(t.h);
    run(2000);
    assert_int_equal(t.up, 1);
    assert_int_equal(t.speed, 115200);
    assert_int_equal(t.said[7], 0x0c03);
    assert_int_equal(t.said[8], 0x1001);
}

/* Each command fails; each has no answer, with the default timeout and another. */
static void every_step_goes_wrong(void **state)
{
    struct woad_vendor_init setup = { .patch = patch, .speed = speed };
    struct woad_broadcom steps;
    (void)state;
    woad_vendor_init_broadcom(&setup, &steps, 115200, 921600);
    for (size_t at = 0; at < EXPECTED - 1; at++) {
        begin();
        woad_set_vendor_init(t.h, &setup);
        t.fail_at = at;
        woad_start(t.h);
        run(5000);
        assert_int_equal(t.down, 1);
        assert_int_equal(t.down_error, WOAD_EIO);
        assert_int_equal(t.n, at + 1);
        for (uint16_t ms = 0; ms <= 7000; ms = (uint16_t)(ms + 7000)) {
            begin();
            setup.answer_ms = ms;
            woad_set_vendor_init(t.h, &setup);
            t.silent_at = at;
            woad_start(t.h);
            run(20000);
            assert_int_equal(t.down, 1);
            assert_int_equal(t.down_error, WOAD_ETIMEDOUT);
            unsigned least = ms ? 7000 : 2000;
            assert_in_range(t.now - t.spoke_at[t.n - 1], least, least + 2);
        }
        setup.answer_ms = 0;
    }
}

/* A failed step ends the start, and WOAD_EV_DOWN starts again: the new start begins with the
 * reset. */
static void started_again_inside_the_end(void **state)
{
    static const uint16_t whole[] = { 0x0c03, 0xfc01, 0xfc4c, 0xfc4c, 0xfc4c, 0xfc4e, 0x0c03 };
    static const struct woad_step list[] = {
        { .kind = WOAD_STEP_COMMAND, .opcode = 0xfc01 },
        { .kind = WOAD_STEP_SPEED, .value = 9600 },
        { .kind = WOAD_STEP_PATCH },
    };
    struct woad_vendor_init setup = { .steps = list, .n = 3, .patch = patch };
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        begin();
        t.start_again = true;
        t.patch_error = stops ? 0 : WOAD_ENOENT;
        setup.speed = stops ? stop : NULL;
        woad_set_vendor_init(t.h, &setup);
        woad_start(t.h);
        run(1000);
        assert_int_equal(t.up, 1);
        assert_false(t.start_again);
        assert_memory_equal(t.said + (stops ? 2 : 4), whole, sizeof whole);
    }
}

/* Steps of the test; steps that may fail; a patch that is unreadable, invalid, or missing. */
static void steps(void **state)
{
    static const uint8_t three[] = { 1, 2, 3 };
    static const struct woad_step list[] = {
        { WOAD_STEP_COMMAND, .may_fail = true, .opcode = 0xfc01, .params = three, .len = 3 },
        { .kind = WOAD_STEP_WAIT, .value = 7 },
        { .kind = WOAD_STEP_SPEED, .value = 9600 },
        { .kind = WOAD_STEP_PATCH },
    };
    struct woad_vendor_init setup = { .steps = list, .n = 4, .patch = patch };
    (void)state;
    begin();
    t.fail_at = 1;
    woad_set_vendor_init(t.h, &setup);
    woad_start(t.h);
    run(1000);
    assert_int_equal(t.up, 1);
    assert_int_equal(t.said[1], 0xfc01);
    for (int error = WOAD_ENOENT; error < 10; error += 7) {
        begin();
        t.patch_error = error; /* or a length that differs from the record's */
        woad_set_vendor_init(t.h, &setup);
        woad_start(t.h);
        run(1000);
        assert_int_equal(t.down, 1);
        assert_int_equal(t.down_error, error < 0 ? error : WOAD_EBADMSG);
    }
    begin();
    setup.patch = NULL;
    woad_set_vendor_init(t.h, &setup);
    woad_start(t.h);
    run(1000);
    assert_int_equal(t.down_error, WOAD_EINVAL);
    setup.n = 0; /* no steps: two resets */
    begin();
    woad_set_vendor_init(t.h, &setup);
    woad_start(t.h);
    run(1000);
    assert_int_equal(t.up, 1);
    assert_int_equal(t.said[1], 0x0c03);
    woad_fail(t.h, 0);
    woad_set_vendor_init(t.h, NULL);
    t.n = 0;
    t.up = t.down = 0;
    woad_start(t.h);
    run(1000);
    assert_int_equal(t.said[1], 0x1001);
    /* Stopped during a delay. */
    begin();
    setup.n = 2;
    woad_set_vendor_init(t.h, &setup);
    woad_start(t.h);
    run(3);
    assert_int_equal(woad_set_vendor_init(t.h, NULL), WOAD_EBUSY);
    assert_int_equal(woad_stop(t.h), 0);
    assert_int_equal(t.down, 1);
    assert_int_equal(t.down_error, 0);
    assert_true(woad_poll(t.h, t.now + 100) == WOAD_FOREVER);
}

static struct woad_addr own(void)
{
    struct woad_addr a;
    woad_start(t.h);
    run(1000);
    assert_int_equal(woad_own_address(t.h, &a), 0);
    return a;
}

/* An address that all parts of a company share is replaced; other companies keep theirs.  A
 * wrong mask of supported commands is corrected, both ways, for the listed parts only. */
static void quirks(void **state)
{
    static const uint8_t somebody_else[6] = { 0xac, 0x1f, 0x12, 0xa1, 0x43, 0x43 };
    static const uint8_t mine[6] = { 9, 9, 9, 9, 9, 9 };
    struct woad_quirk table[] = { { 15, 0x1234, 0x1234, WOAD_QUIRK_NO_COMMANDS, 41, 0x20, NULL },
                                  { 15, 0, 0xffff, WOAD_QUIRK_ADDRESS, 0, 0, mine } };
    (void)state;
    for (uint8_t company = 14; company < 17; company++) {
        begin();
        t.company = company;
        memcpy(t.address, somebody_else, 6);
        struct woad_addr a = own();
        assert_int_equal(a.type, company == 15 ? WOAD_ADDR_RANDOM : WOAD_ADDR_PUBLIC);
        assert_true(a.type == WOAD_ADDR_PUBLIC || (a.octet[5] & 0xc0) == 0xc0);
    }
    for (int mask = 0; mask < 2; mask++) {
        for (unsigned first = 0x1233; first < 0x1236; first++) {
            begin();
            t.company = 15;
            t.mask41 = mask ? 0 : 0x20;
            table[0].kind = mask ? WOAD_QUIRK_HAS_COMMANDS : WOAD_QUIRK_NO_COMMANDS;
            table[0].subversion_first = (uint16_t)first;
            table[0].subversion_last = (uint16_t)first;
            assert_int_equal(woad_set_quirks(t.h, table, 2), 0);
            memcpy(t.address, mine, 6);
            assert_int_equal(own().type, WOAD_ADDR_RANDOM);
            bool requested = false; /* LE Read Buffer Size v2 */
            for (size_t k = 0; k < t.n; k++) {
                requested = requested || t.said[k] == 0x2060;
            }
            assert_int_equal(requested, mask ? first == 0x1234 : first != 0x1234);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broadcom),
        cmocka_unit_test(every_step_goes_wrong),
        cmocka_unit_test(started_again_inside_the_end),
        cmocka_unit_test(steps),
        cmocka_unit_test(quirks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
