/* Cursors, queues, UUIDs, advertising data. */
#include "cm.h"

#include <woad/woad.h>

#include "src/base/buf.h"
#include "src/base/fifo.h"

/* A read past the end returns 0 and marks the cursor as bad; later reads fail, too. */
static void reading_past_the_end(void **state)
{
    const uint8_t b[] = { 1, 2, 3 };
    struct rd in = rd_of(b, sizeof b);
    (void)state;
    assert_int_equal(rd_le16(&in), 0x0201);
    assert_false(rd_done(&in));
    assert_int_equal(rd_le16(&in), 0);
    assert_true(in.bad);
    assert_int_equal(rd_left(&in), 0);
    assert_int_equal(rd_u8(&in), 0);
    assert_null(rd_bytes(&in, 1));
    assert_false(rd_done(&in));
}

static void reading_all(void **state)
{
    const uint8_t b[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
    struct rd in = rd_of(b, sizeof b);
    (void)state;
    assert_int_equal(rd_le24(&in), 0x030201);
    assert_int_equal(rd_le32(&in), 0x07060504);
    assert_int_equal(rd_le16(&in), 0x0908);
    assert_true(rd_done(&in));
}

static void writing_past_the_end(void **state)
{
    uint8_t b[4] = { 9, 9, 9, 9 };
    struct wr out = wr_of(b, 3);
    (void)state;
    wr_le16(&out, 0x0201);
    wr_le16(&out, 0x0403);
    assert_true(out.bad);
    assert_int_equal(wr_len(&out), 2);
    assert_int_equal(b[2], 9);
    out = wr_of(b, 3);
    wr_cut(&out, "abcdef", 6);
    assert_false(out.bad);
    assert_memory_equal(b, "abc\x09", 4);
}

/* The expected content of the queue: its records, the first one first. */
struct model {
    uint8_t octets[64][16];
    size_t len[64], n;
};

static void model_remove(struct model *m, size_t i)
{
    m->n--;
    memmove(m->octets[i], m->octets[i + 1], (m->n - i) * sizeof *m->octets);
    memmove(m->len + i, m->len + i + 1, (m->n - i) * sizeof *m->len);
}

static void model_agrees(const struct model *m, const struct fifo *f)
{
    const uint8_t *p = fifo_first(f);
    assert_int_equal(fifo_empty(f), m->n == 0);
    for (size_t i = 0; i < m->n; i++, p = fifo_next(f, p)) {
        assert_non_null(p);
        assert_in_range(p - f->mem, 2, f->size - m->len[i]);
        assert_int_equal(fifo_len(p), m->len[i]);
        assert_memory_equal(p, m->octets[i], m->len[i]);
    }
    assert_null(p);
}

/* A FIFO returns what was put, in order, wherever it lies in the memory and whatever is removed
 * from the middle.  An empty FIFO accepts a record as large as its memory.  Removing a record
 * makes room for one of the same length. */
static void fifo_holds(void **state)
{
    uint8_t mem[64];
    struct model m = { .n = 0 };
    struct fifo f = { .mem = mem };
    uint32_t random = 1, refused = 0, wrapped = 0;
    (void)state;
    fifo_begin(&f, sizeof mem);
    for (unsigned step = 0; step < 200000; step++) {
        random = random * 1664525u + 1013904223u;
        unsigned what = random >> 28, len = random >> 20 & 15, which = random >> 8 & 0xff;
        if (what < 9) {
            bool has_room = fifo_has_room(&f, len);
            uint8_t *p = fifo_put(&f, len);
            assert_int_equal(p != NULL, has_room);
            assert_true(p || m.n);
            refused += !p;
            for (unsigned n = 0; p && n < len; n++) {
                m.octets[m.n][n] = p[n] = (uint8_t)(step + n);
            }
            m.len[m.n] = len;
            m.n += p != NULL;
        } else if (what < 14 && m.n) {
            fifo_drop(&f);
            model_remove(&m, 0);
        } else if (m.n) {
            const uint8_t *p = fifo_first(&f);
            for (size_t i = 0; i < which % m.n; i++) {
                p = fifo_next(&f, p);
            }
            size_t room = fifo_behind(&f), its = fifo_len(p);
            fifo_remove(&f, p);
            model_remove(&m, which % m.n);
            assert_true(fifo_has_room(&f, room + its));
        }
        wrapped += f.end != 0;
        model_agrees(&m, &f);
    }
    assert_true(refused > 1000 && wrapped > 1000);
    while (m.n) {
        fifo_drop(&f);
        model_remove(&m, 0);
    }
    assert_int_equal(fifo_behind(&f), sizeof mem);
}

static void uuid_text(void **state)
{
    struct woad_uuid u, v;
    char text[37];
    (void)state;
    assert_int_equal(woad_uuid_parse(&u, "180d"), 0);
    assert_int_equal(woad_uuid_parse(&v, "0000180D-0000-1000-8000-00805f9b34fb"), 0);
    assert_int_equal(u.size, 2);
    assert_int_equal(v.size, 16);
    assert_true(woad_uuid_equal(&u, &v));
    assert_int_equal(woad_uuid_parse(&v, "0x0000180d"), 0);
    assert_int_equal(v.size, 4);
    assert_true(woad_uuid_equal(&u, &v));
    assert_int_equal(woad_uuid_parse(&v, "6e400001-b5a3-f393-e0a9-e50e24dcca9e"), 0);
    assert_false(woad_uuid_equal(&u, &v));
    assert_int_equal(woad_uuid_parse(&u, "6e400001b5a3f393e0a9e50e24dcca9e"), 0);
    assert_true(woad_uuid_equal(&u, &v));
    assert_int_equal(woad_uuid_format(&v, text), 36);
    assert_string_equal(text, "6e400001-b5a3-f393-e0a9-e50e24dcca9e");
    const char *const bad[] = { "",
                                "18",
                                "180",
                                "180dd",
                                "xyzw",
                                "180d180",
                                "0x",
                                "6e400001-b5a3-f393-e0a9-e50e24dcca9e0",
                                "1-80d",
                                "-180d",
                                "180d-",
                                "0000-180d",
                                "00001-80d",
                                "-6e400001b5a3f393e0a9e50e24dcca9e",
                                "6e400001--b5a3f393-e0a9-e50e24dcca9e",
                                "6e400001-b5a3-f393-e0a9e50e24dcca9e",
                                "6e40000-1b5a3-f393-e0a9-e50e24dcca9e",
                                "00001800-" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        u = v;
        assert_int_equal(woad_uuid_parse(&u, bad[i]), WOAD_EINVAL);
        assert_memory_equal(&u, &v, sizeof u);
    }
}

static void ad_find_and_add(void **state)
{
    uint8_t data[31];
    size_t len = 0, found;
    (void)state;
    assert_int_equal(woad_ad_add(data, &len, sizeof data, 1, "\x06", 1), 0);
    assert_int_equal(woad_ad_add(data, &len, sizeof data, 9, "Woad", 4), 0);
    assert_int_equal(len, 9);
    assert_memory_equal(woad_ad_find(data, len, 9, &found), "Woad", 4);
    assert_int_equal(found, 4);
    assert_null(woad_ad_find(data, len, 2, &found));
    assert_null(woad_ad_find(NULL, 0, 2, &found));
    assert_int_equal(woad_ad_add(data, &len, sizeof data, 9, "0123456789012345678901", 22),
                     WOAD_EINVAL);
    assert_int_equal(len, 9);
    assert_int_equal(woad_ad_add(data, &len, sizeof data, 9, "01234567890123456789", 20), 0);
    assert_int_equal(len, 31);
}

/* ad_parse_all_255_lengths: memory of the exact size, for the sanitizers. */
static void ad_parse_all_255_lengths(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (size_t room = 0; room <= 40; room++) {
            size_t found = 0;
            uint8_t *data = malloc(room ? room : 1);
            memset(data, 7, room);
            if (room) {
                data[0] = (uint8_t)first;
            }
            const uint8_t *p = woad_ad_find(data, room, 7, &found);
            assert_true(!p || (p >= data && p + found <= data + room));
            free(data);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_past_the_end),
        cmocka_unit_test(reading_all),
        cmocka_unit_test(writing_past_the_end),
        cmocka_unit_test(fifo_holds),
        cmocka_unit_test(uuid_text),
        cmocka_unit_test(ad_find_and_add),
        cmocka_unit_test(ad_parse_all_255_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
