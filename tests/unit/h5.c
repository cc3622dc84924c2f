/* H5: two ends of a line, without and with errors, in virtual time. */
#include "cm.h"

#include "transport/h5.h"

enum { ROOM = 300, LINE = 2 * ROOM + H5_OVERHEAD };

struct end {
    struct h5 h5;
    uint8_t *mem;
    unsigned given, got; /* packet numbers, which give their contents */
    size_t acks;
};

static struct {
    struct end a, b;
    uint32_t now;
    uint64_t random;
    unsigned loss, spoil;
} line;

static unsigned chance(unsigned of)
{
    line.random = line.random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(line.random >> 33) % of;
}

static void end_begin(struct end *e)
{
    free(e->mem);
    *e = (struct end){ .mem = malloc(h5_size(ROOM)) };
    h5_init(&e->h5, e->mem, ROOM);
}

static void line_begin(uint64_t seed)
{
    line.random = seed;
    line.loss = line.spoil = 0;
    end_begin(&line.a);
    end_begin(&line.b);
}

static void line_end(void)
{
    free(line.a.mem);
    free(line.b.mem);
    line.a.mem = line.b.mem = NULL;
}

/* Makes packet n: type, length and octets follow from n; 0xc0 and 0xdb occur. */
static size_t make(unsigned n, uint8_t *packet)
{
    size_t len = 1 + n * 37 % (ROOM - 1);
    for (size_t k = 1; k < len; k++) {
        packet[k] = (uint8_t)(n * 7 + k);
        if (n % 3 == 0) {
            packet[k] = n % 2 ? 0xc0 : 0xdb;
        }
    }
    packet[0] = (uint8_t)(1 + n % 5);
    return len;
}

static void expect(struct end *e, const uint8_t *packet, size_t len)
{
    uint8_t it[ROOM];
    assert_int_equal(make(e->got++, it), len);
    assert_memory_equal(packet, it, len);
}

static void carry(struct end *from, struct end *to)
{
    uint8_t buf[LINE], came[LINE];
    size_t n;
    while ((n = h5_tx(&from->h5, buf, sizeof buf)) > 0) {
        size_t m = 0;
        assert_true(buf[0] == 0xc0 && buf[n - 1] == 0xc0);
        for (size_t k = 0; k < n; k++) {
            if (line.loss && chance(1000) < line.loss) {
                continue;
            }
            came[m++] = line.spoil && chance(1000) < line.spoil ? (uint8_t)chance(256) : buf[k];
        }
        for (size_t at = 0; at < m;) { /* in pieces */
            const uint8_t *packet;
            size_t len, piece = 1 + chance((unsigned)(m - at));
            at += h5_rx(&to->h5, came + at, piece, &packet, &len);
            if (len) {
                expect(to, packet, len);
            }
        }
    }
}

static void tick(uint32_t ms)
{
    for (uint32_t end = line.now + ms; line.now != end; line.now++) {
        h5_due(&line.a.h5, line.now);
        h5_due(&line.b.h5, line.now);
        carry(&line.a, &line.b);
        carry(&line.b, &line.a);
    }
}

static void give(struct end *e, unsigned most)
{
    uint8_t packet[ROOM];
    while (e->given < most && h5_ready(&e->h5)) {
        size_t len = make(e->given++, packet);
        h5_put(&e->h5, packet, len);
    }
}

/* Both ends become active and exchange packets: each arrives once, in order, whatever the line
 * does. */
static void over_good_and_bad_lines(void **state)
{
    static const struct {
        unsigned loss, spoil;
    } lines[] = { { 0, 0 }, { 1, 0 }, { 0, 1 }, { 1, 1 } };
    (void)state;
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        line_begin(k + 1);
        line.now = 0xffffff00u; /* the time wraps */
        line.loss = lines[k].loss;
        line.spoil = lines[k].spoil;
        for (unsigned ms = 0; ms < 4000000 && (line.a.got < 400 || line.b.got < 400); ms += 10) {
            give(&line.a, 400);
            give(&line.b, 400);
            tick(10);
            assert_true(line.a.h5.link != H5_FAILED && line.b.h5.link != H5_FAILED);
        }
        assert_int_equal(line.a.got, 400);
        assert_int_equal(line.b.got, 400);
        assert_true(line.a.h5.crc && line.b.h5.crc);
        assert_int_equal(line.a.h5.window, H5_WINDOW);
    }
    line_end();
}

static void frame(struct end *to, const uint8_t *octets, size_t n)
{
    const uint8_t *packet;
    size_t len;
    assert_int_equal(h5_rx(&to->h5, octets, n, &packet, &len), n);
    assert_int_equal(len, 0);
}

static bool says(struct end *e, const uint8_t *octets, size_t n)
{
    uint8_t buf[LINE];
    h5_due(&e->h5, line.now);
    return h5_tx(&e->h5, buf, sizeof buf) == n && (!n || memcmp(buf, octets, n) == 0);
}

static const uint8_t sync[] = { 0xc0, 0, 0x2f, 0, 0xd0, 1, 0x7e, 0xc0 };
static const uint8_t sync_rsp[] = { 0xc0, 0, 0x2f, 0, 0xd0, 2, 0x7d, 0xc0 };
static const uint8_t config[] = { 0xc0, 0, 0x3f, 0, 0xdb, 0xdc, 3, 0xfc, 0x14, 0xc0 };
static const uint8_t config_bare[] = { 0xc0, 0, 0x2f, 0, 0xd0, 3, 0xfc, 0xc0 };
static const uint8_t config_rsp_bare[] = { 0xc0, 0, 0x2f, 0, 0xd0, 4, 0x7b, 0xc0 };

/* Link establishment against octets from the specification.  Part D, 8 */
static void establishment(void **state)
{
    (void)state;
    line_begin(1);
    line.now = 5;
    assert_true(says(&line.a, sync, sizeof sync));
    assert_true(says(&line.a, NULL, 0));
    line.now += 250;
    assert_true(says(&line.a, sync, sizeof sync));   /* repeated without an answer */
    frame(&line.a, config_bare, sizeof config_bare); /* too early: not answered */
    assert_true(says(&line.a, NULL, 0));
    frame(&line.a, sync, sizeof sync);
    assert_true(says(&line.a, sync_rsp, sizeof sync_rsp));
    frame(&line.a, sync_rsp, sizeof sync_rsp);
    assert_true(says(&line.a, config, sizeof config));
    assert_false(h5_ready(&line.a.h5));
    frame(&line.a, config_rsp_bare, sizeof config_rsp_bare);
    assert_int_equal(line.a.h5.link, H5_ACTIVE);
    assert_int_equal(line.a.h5.window, 1); /* of a peer without fields */
    assert_false(line.a.h5.crc);
    assert_true(h5_ready(&line.a.h5));
    assert_int_equal(h5_due(&line.a.h5, line.now), UINT32_MAX);
    line_end();
}

/* A command is repeated until it is acknowledged; at last the link fails. */
static void again_and_again(void **state)
{
    static const uint8_t reset[] = { 1, 3, 0x0c, 0 };
    static const uint8_t as_frame[] = { 0xc0, 0x80, 0x31, 0, 0x4e, 3, 0x0c, 0, 0xc0 };
    static const uint8_t ack[] = { 0xc0, 8, 0, 0, 0xf7, 0xc0 };
    (void)state;
    for (int acknowledged = 0; acknowledged < 2; acknowledged++) {
        line_begin(1);
        line.now = 0;
        frame(&line.a, sync_rsp, sizeof sync_rsp);
        frame(&line.a, config_rsp_bare, sizeof config_rsp_bare);
        h5_put(&line.a.h5, reset, sizeof reset);
        assert_true(says(&line.a, as_frame, sizeof as_frame));
        assert_false(h5_ready(&line.a.h5));
        int times = 1;
        for (; line.now < 20000 && line.a.h5.link == H5_ACTIVE; line.now++) {
            times += says(&line.a, as_frame, sizeof as_frame);
            if (times == 3 && acknowledged) {
                frame(&line.a, ack, sizeof ack);
            }
        }
        assert_int_equal(times, acknowledged ? 3 : 20);
        assert_int_equal(line.a.h5.link, acknowledged ? H5_ACTIVE : H5_FAILED);
        assert_int_equal(h5_due(&line.a.h5, line.now), acknowledged ? UINT32_MAX : 0);
    }
    line_end();
}

/* The other end is switched off and on: the link is lost, and works again after h5_init() on
 * this end. 8.4 */
static void begun_anew(void **state)
{
    (void)state;
    line_begin(3);
    tick(1000);
    give(&line.a, 2);
    tick(10);
    assert_int_equal(line.b.got, 2);
    end_begin(&line.b);
    tick(1000);
    assert_int_equal(line.a.h5.link, H5_FAILED);
    end_begin(&line.a);
    tick(2000);
    give(&line.b, 5);
    give(&line.a, 5);
    tick(600);
    assert_int_equal(line.a.got, H5_WINDOW);
    assert_int_equal(line.b.got, H5_WINDOW);
    line_end();
}

/* A sleeping peer is woken before a packet is sent; a Wakeup message is answered. 8.7 */
static void sleeping(void **state)
{
    static const uint8_t sleep[] = { 0xc0, 0, 0x2f, 0, 0xd0, 7, 0x78, 0xc0 };
    static const uint8_t wakeup[] = { 0xc0, 0, 0x2f, 0, 0xd0, 5, 0xfa, 0xc0 };
    static const uint8_t woken[] = { 0xc0, 0, 0x2f, 0, 0xd0, 6, 0xf9, 0xc0 };
    static const uint8_t packet[] = { 1, 3, 0x0c, 0 };
    static const uint8_t as_frame[] = { 0xc0, 0x80, 0x31, 0, 0x4e, 3, 0x0c, 0, 0xc0 };
    (void)state;
    line_begin(1);
    line.now = 0;
    frame(&line.a, sync_rsp, sizeof sync_rsp);
    frame(&line.a, config_rsp_bare, sizeof config_rsp_bare);
    frame(&line.a, wakeup, sizeof wakeup);
    assert_true(says(&line.a, woken, sizeof woken));
    frame(&line.a, sleep, sizeof sleep);
    for (; line.now < 10000; line.now++) {
        assert_true(says(&line.a, NULL, 0)); /* nothing to send */
    }
    assert_int_equal(line.a.h5.link, H5_ACTIVE);
    h5_put(&line.a.h5, packet, sizeof packet);
    assert_true(says(&line.a, wakeup, sizeof wakeup));
    line.now += 249;
    assert_true(says(&line.a, NULL, 0));
    line.now += 1;
    assert_true(says(&line.a, wakeup, sizeof wakeup));
    frame(&line.a, woken, sizeof woken);
    assert_true(says(&line.a, as_frame, sizeof as_frame));
    line_end();
}

/* Every length that a header can have, with and without the check, with each octet missing or
 * one too many: the frame is dropped, and the next one is received. */
static void wrong_lengths(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 4096; n += n < 310 ? 1 : 97) {
        for (unsigned check = 0; check < 2; check++) {
            const uint8_t head[4] = { (uint8_t)(check << 6), (uint8_t)(4 | (n & 15) << 4),
                                      (uint8_t)(n >> 4),
                                      (uint8_t) ~((check << 6) + (4 | (n & 15) << 4) + (n >> 4)) };
            for (int off = -2; off <= 2; off++) {
                uint8_t frame_of[4400] = { 0xc0 };
                size_t at = 1, body = n + 2 * check + (unsigned)(off + 2), len;
                const uint8_t *packet;
                for (int k = 0; k < 4; k++) {
                    if (head[k] == 0xc0 || head[k] == 0xdb) {
                        frame_of[at++] = 0xdb;
                        frame_of[at++] = head[k] == 0xc0 ? 0xdc : 0xdd;
                    } else {
                        frame_of[at++] = head[k];
                    }
                }
                if (body < 2) {
                    continue;
                }
                at += body - 2; /* zeros */
                frame_of[at++] = 0xc0;
                line_begin(1);
                line.a.h5.link = H5_ACTIVE;
                assert_int_equal(h5_rx(&line.a.h5, frame_of, at, &packet, &len), at);
                bool right = off == 0 && !check && n < ROOM;
                assert_int_equal(len, right ? n + 1 : 0);
            }
        }
    }
    line_end();
}

/* One octet of a frame is corrupted: with the check no wrong packet is received. */
static void one_octet_corrupted(void **state)
{
    (void)state;
    line_begin(1);
    tick(1000);
    for (unsigned n = 0; n < 40; n++) {
        uint8_t buf[LINE], packet[ROOM];
        const uint8_t *came;
        size_t len = make(line.a.given++, packet), m, got;
        h5_put(&line.a.h5, packet, len);
        m = h5_tx(&line.a.h5, buf, sizeof buf);
        for (size_t k = 0; k < m; k++) {
            for (int bit = 0; bit < 8; bit++) {
                buf[k] ^= (uint8_t)(1 << bit);
                for (size_t at = 0; at < m;) {
                    at += h5_rx(&line.b.h5, buf + at, m - at, &came, &got);
                    assert_int_equal(got, 0);
                }
                buf[k] ^= (uint8_t)(1 << bit);
            }
        }
        frame(&line.b, (const uint8_t[]){ 0xc0 }, 1);
        assert_int_equal(h5_rx(&line.b.h5, buf, m, &came, &got), m);
        expect(&line.b, came, got);
        tick(1);
    }
    line_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_good_and_bad_lines),
        cmocka_unit_test(establishment),
        cmocka_unit_test(again_and_again),
        cmocka_unit_test(begun_anew),
        cmocka_unit_test(sleeping),
        cmocka_unit_test(wrong_lengths),
        cmocka_unit_test(one_octet_corrupted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
