/* H4 framing: every split of the stream, every kind of garbage. */
#include "cm.h"

#include <woad/h4.h>

static const uint8_t stream[] = {
    4, 0x0e, 4,    1, 3, 0x0c, 0,    /* an event */
    2, 0x40, 0x20, 3, 0, 1,    2, 3, /* ACL data */
    4, 0x13, 0,                      /* an event without parameters */
    1, 3,    0x0c, 0,                /* a command */
    3, 1,    0,    1, 9,             /* SCO */
    5, 1,    0,    2, 0, 8,    8,    /* ISO */
};
static const int lengths[] = { 7, 8, 3, 4, 5, 7 };

static uint8_t octets_of[2 * WOAD_H4_PACKET_MAX];
static struct woad_h4 *fresh(struct woad_h4 *h)
{
    woad_h4_init(h, octets_of, sizeof octets_of);
    return h;
}

static void add(struct woad_h4 *h, const uint8_t *p, size_t n)
{
    size_t room;
    uint8_t *at = woad_h4_space(h, &room);
    assert_true(room >= n);
    memcpy(at, p, n);
    woad_h4_added(h, n);
}

/* The stream is cut in three, at every two positions. */
static void h4_in_all_splits(void **state)
{
    struct woad_h4 it, *h = fresh(&it);
    (void)state;
    for (size_t a = 0; a <= sizeof stream; a++) {
        for (size_t b = a; b <= sizeof stream; b++) {
            const size_t cut[] = { 0, a, b, sizeof stream };
            size_t got = 0, octets = 0;
            fresh(h);
            for (int part = 0; part < 3; part++) {
                const uint8_t *p;
                int n;
                add(h, stream + cut[part], cut[part + 1] - cut[part]);
                while ((n = woad_h4_next(h, &p)) > 0) {
                    assert_int_equal(n, lengths[got]);
                    assert_memory_equal(p, stream + octets, (size_t)n);
                    octets += (size_t)n;
                    got++;
                }
                assert_int_equal(n, 0);
            }
            assert_int_equal(got, 6);
        }
    }
}

/* An unknown packet type is always reported. */
static void h4_fuzz_resync(void **state)
{
    struct woad_h4 it, *h = fresh(&it);
    const uint8_t *p;
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t b[6] = { (uint8_t)type, 1, 2, 3, 4, 5 };
        fresh(h);
        add(h, b, sizeof b);
        int n = woad_h4_next(h, &p);
        assert_true(type >= 1 && type <= 5 ? n >= -1 : n == -1);
    }
}

/* An event of every length that its header can have, octet by octet. */
static void h4_event_longer_than_buf(void **state)
{
    struct woad_h4 it, *h = fresh(&it);
    const uint8_t *p;
    (void)state;
    for (unsigned len = 0; len < 256; len++) {
        const uint8_t head[] = { 4, 0x3e, (uint8_t)len };
        add(h, head, sizeof head);
        for (unsigned i = 0; i < len; i++) {
            uint8_t b = (uint8_t)i;
            assert_int_equal(woad_h4_next(h, &p), 0);
            add(h, &b, 1);
        }
        assert_int_equal(woad_h4_next(h, &p), 3 + (int)len);
    }
    const uint8_t long_acl[] = { 2, 0x40, 0x20, 0xff, 0xff };
    add(h, long_acl, sizeof long_acl);
    assert_int_equal(woad_h4_next(h, &p), -1);
    assert_int_equal(woad_h4_next(h, &p), -1); /* the error is permanent */
}

/* A buffer for one packet, with every length near its size. */
static void h4_in_little_room(void **state)
{
    uint8_t mem[260];
    struct woad_h4 h;
    (void)state;
    for (unsigned len = 0; len < 300; len++) {
        const uint8_t head[] = { 2, 0x40, 0x20, (uint8_t)len, (uint8_t)(len >> 8) };
        const uint8_t *p;
        woad_h4_init(&h, mem, sizeof mem);
        for (unsigned round = 0; round < 3 && len + 5 <= sizeof mem; round++) {
            add(&h, head, sizeof head);
            for (unsigned i = 0; i < len; i++) {
                uint8_t b = (uint8_t)i;
                assert_int_equal(woad_h4_next(&h, &p), 0);
                add(&h, &b, 1);
            }
            assert_int_equal(woad_h4_next(&h, &p), 5 + (int)len);
        }
        if (len + 5 > sizeof mem) {
            add(&h, head, sizeof head);
            assert_int_equal(woad_h4_next(&h, &p), -1);
        }
    }
}

/* After woad_h4_resync() the answer to the reset is found behind any garbage, in every split, and
 * the packets behind it are complete. */
static void h4_after_garbage(void **state)
{
    static const uint8_t garbage[][12] = {
        { 4, 0x0e, 4, 1, 3, 4, 0x0e, 4, 1, 3, 0x0b, 4 },
        { 4, 4, 4, 0x0e, 0x0e, 4, 1, 4, 0x0e, 4 },
        { 0xff, 0xc0, 0, 0, 0, 0, 0, 9, 9, 9, 0x7e, 0x55 },
        { 2, 0x40, 0x20, 0xff, 0xff, 1, 2 },
        { 4, 0x0e, 5, 1, 3, 0x0c, 0, 4, 0x3e, 0xff, 1, 4 },
        { 4, 0x0e, 4, 0, 4, 0x0e, 4, 0 },
    };
    (void)state;
    for (size_t g = 0; g < sizeof garbage / sizeof *garbage; g++) {
        for (size_t n = 0; n <= 12; n++) {
            for (size_t split = 1; split <= n + sizeof stream; split++) {
                uint8_t all[12 + sizeof stream];
                struct woad_h4 it, *h = fresh(&it);
                const uint8_t *p;
                int got = 0, len, octets = 0;
                memcpy(all, garbage[g], n);
                memcpy(all + n, stream, sizeof stream);
                woad_h4_resync(h, false);
                for (size_t at = 0; at < n + sizeof stream; at += split) {
                    size_t left = n + sizeof stream - at;
                    add(h, all + at, split < left ? split : left);
                    while ((len = woad_h4_next(h, &p)) > 0) {
                        assert_int_equal(len, lengths[got++]);
                        assert_memory_equal(p, stream + octets, (size_t)len);
                        octets += len;
                    }
                    assert_int_equal(len, 0);
                }
                assert_int_equal(got, 6);
            }
        }
    }
}

/* The same at the controller's end. */
static void h4_at_the_controller(void **state)
{
    static const uint8_t all[] = { 9, 1, 3, 0x0c, 1, 3, 0x0c, 1, 1, 3, 0x0c, 0, 1, 3, 0x10, 0 };
    const uint8_t *p;
    (void)state;
    for (size_t split = 0; split <= sizeof all; split++) {
        struct woad_h4 it, *h = fresh(&it);
        int got = 0;
        woad_h4_resync(h, true);
        add(h, all, split);
        got += woad_h4_next(h, &p) == 4 && memcmp(p, all + 8, 4) == 0;
        add(h, all + split, sizeof all - split);
        got += woad_h4_next(h, &p) == 4 && memcmp(p, all + 8 + 4 * got, 4) == 0;
        got += woad_h4_next(h, &p) == 4 && memcmp(p, all + 12, 4) == 0;
        assert_int_equal(got, 2);
        assert_int_equal(woad_h4_next(h, &p), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h4_in_all_splits),         cmocka_unit_test(h4_fuzz_resync),
        cmocka_unit_test(h4_event_longer_than_buf), cmocka_unit_test(h4_in_little_room),
        cmocka_unit_test(h4_after_garbage),         cmocka_unit_test(h4_at_the_controller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
