/* Cursors, rings, UUIDs, advertising data. */
#include "cm.h"

#include <woad/woad.h>

#include "src/buf.h"
#include "src/fifo.h"

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

/* Every length, at every place of the ring. */
static void fifo_wraps(void **state)
{
    uint8_t mem[16], data[14], got[14];
    (void)state;
    for (uint8_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7 + 1);
    }
    for (uint16_t start = 0; start < sizeof mem; start++) {
        for (uint16_t len = 1; len <= sizeof data; len++) {
            struct fifo f = { mem, sizeof mem, start, 0 };
            struct wr out = wr_of(got, sizeof got);
            assert_true(fifo_has_room(&f, len));
            fifo_put(&f, data, 1, data + 1, len - 1u);
            assert_int_equal(fifo_front(&f), len);
            assert_int_equal(fifo_front_octet(&f, (uint16_t)(len - 1)), data[len - 1]);
            assert_false(fifo_has_room(&f, sizeof mem - len - 2u - 1u));
            fifo_read(&f, 0, len, &out);
            assert_memory_equal(got, data, len);
            fifo_drop(&f, fifo_front(&f));
            assert_int_equal(f.used, 0);
        }
    }
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
    assert_int_equal(woad_uuid_format(&v, text), 36);
    assert_string_equal(text, "6e400001-b5a3-f393-e0a9-e50e24dcca9e");
    const char *const bad[] = { "", "18", "180", "180dd", "xyzw", "180d180", "0x",
                                "6e400001-b5a3-f393-e0a9-e50e24dcca9e0" };
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

/* ad_parse_all_255_lengths: exactly the memory there is, under the sanitizers. */
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
        cmocka_unit_test(reading_past_the_end), cmocka_unit_test(reading_all),
        cmocka_unit_test(writing_past_the_end), cmocka_unit_test(fifo_wraps),
        cmocka_unit_test(uuid_text), cmocka_unit_test(ad_find_and_add),
        cmocka_unit_test(ad_parse_all_255_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
