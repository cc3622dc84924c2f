/* H4 framing: every split, every garbage. */
#include "cm.h"

#include "transport/h4.h"

static const uint8_t stream[] = {
    4, 0x0e, 4, 1, 3, 0x0c, 0,           /* an event */
    2, 0x40, 0x20, 3, 0, 1, 2, 3,        /* ACL data */
    4, 0x13, 0,                          /* an event without parameters */
    1, 3, 0x0c, 0,                       /* a command */
    3, 1, 0, 1, 9,                       /* SCO */
    5, 1, 0, 2, 0, 8, 8,                 /* ISO */
};
static const int lengths[] = { 7, 8, 3, 4, 5, 7 };

static void add(struct h4 *h, const uint8_t *p, size_t n)
{
    size_t room;
    uint8_t *at = h4_space(h, &room);
    assert_true(room >= n);
    memcpy(at, p, n);
    h4_added(h, n);
}

/* Cut in three at every two places. */
static void h4_in_all_splits(void **state)
{
    struct h4 *h = malloc(sizeof *h);
    (void)state;
    for (size_t a = 0; a <= sizeof stream; a++) {
        for (size_t b = a; b <= sizeof stream; b++) {
            const size_t cut[] = { 0, a, b, sizeof stream };
            size_t got = 0, octets = 0;
            memset(h, 0, sizeof *h);
            for (int part = 0; part < 3; part++) {
                const uint8_t *p;
                int n;
                add(h, stream + cut[part], cut[part + 1] - cut[part]);
                while ((n = h4_next(h, &p)) > 0) {
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
    free(h);
}

/* An unknown type is never skipped in silence. */
static void h4_fuzz_resync(void **state)
{
    struct h4 *h = malloc(sizeof *h);
    const uint8_t *p;
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t b[6] = { (uint8_t)type, 1, 2, 3, 4, 5 };
        memset(h, 0, sizeof *h);
        add(h, b, sizeof b);
        int n = h4_next(h, &p);
        assert_true(type >= 1 && type <= 5 ? n >= -1 : n == -1);
    }
    free(h);
}

/* Every length an event can name, octet by octet. */
static void h4_event_longer_than_buf(void **state)
{
    struct h4 *h = calloc(1, sizeof *h);
    const uint8_t *p;
    (void)state;
    for (unsigned len = 0; len < 256; len++) {
        const uint8_t head[] = { 4, 0x3e, (uint8_t)len };
        add(h, head, sizeof head);
        for (unsigned i = 0; i < len; i++) {
            uint8_t b = (uint8_t)i;
            assert_int_equal(h4_next(h, &p), 0);
            add(h, &b, 1);
        }
        assert_int_equal(h4_next(h, &p), 3 + (int)len);
    }
    const uint8_t long_acl[] = { 2, 0x40, 0x20, 0xff, 0xff };
    add(h, long_acl, sizeof long_acl);
    assert_int_equal(h4_next(h, &p), -1);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h4_in_all_splits), cmocka_unit_test(h4_fuzz_resync),
        cmocka_unit_test(h4_event_longer_than_buf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
