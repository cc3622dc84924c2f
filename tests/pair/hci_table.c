/* The status of each command in each relevant state: tests/hci_rows.h.  A refused command leaves
 * nothing behind: two worlds with the same seed, one with the refused command and one without,
 * continue with the same octets on the air and to the hosts. */
#include "nodes.h"

#include "hci_rows_conn.h"
#include "hci_rows_extended.h"
#include "hci_rows_iso.h"
#include "hci_rows_legacy.h"

enum { A = 0, B = 1, TEXT = 1100 };

static uint64_t digest; /* of all octets on the air and to the hosts */

static void note(const void *octets, size_t len)
{
    const uint8_t *p = octets;
    for (size_t k = 0; k < len; k++) {
        digest = (digest ^ p[k]) * 1099511628211ull;
    }
}

static void hear(void *ctx, const struct woad_air_packet *p)
{
    (void)ctx;
    note(&p->start_us, sizeof p->start_us);
    note(&p->channel, 1);
    note(p->pdu, p->len);
}

static void begin(const char *profile)
{
    memset(&w, 0, sizeof w);
    struct woad_air_config air = { .seed = 7, .sniff = hear, .around = &w.around };
    w.around.noise_dbm = -105;
    w.air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &air);
    for (int k = 0; k < 2; k++) {
        struct woad_air_controller_config cfg = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                  .x_mm = k * 1000,
                                                  .conns = 2,
                                                  .acl_count = 4,
                                                  .acl_len = 251,
                                                  .queue = 60000,
                                                  .adv_sets = 3,
                                                  .iso = 6,
                                                  .crypto = &woad_mbedtls };
        assert_true(!profile || woad_air_profile(profile, &cfg));
        node_add(k, &cfg);
        command(k, 0x2001, "ff ff ff ff ff 1f 00 00");
    }
    forget();
    digest = 14695981039346656037ull;
}

/* Expands `00*3` to 00 00 00. */
static void expand(const char *text, char out[TEXT])
{
    size_t n = 0;
    while (*text) {
        if (*text == ' ') {
            text++;
            continue;
        }
        const char *octet = text;
        unsigned long many = 1;
        text += 2;
        if (*text == '*') {
            char *end;
            many = strtoul(text + 1, &end, 10);
            text = end;
        }
        for (; many; many--) {
            assert_true(n + 2 < TEXT);
            out[n++] = octet[0];
            out[n++] = octet[1];
        }
    }
    out[n] = 0;
}

static int send(int which, unsigned opcode, const char *params)
{
    char text[TEXT];
    expand(params, text);
    forget();
    return command(which, opcode, text);
}

/* Runs for `ms`, and adds all packets to the hosts to the digest. */
static void run(uint64_t ms)
{
    uint64_t end = woad_air_now(w.air) + ms * 1000;
    while (woad_air_now(w.air) < end) {
        uint64_t at = woad_air_next(w.air) < end ? woad_air_next(w.air) : end;
        woad_air_step(w.air, at);
        for (int k = 0; k < 2; k++) {
            uint8_t p[WOAD_AIR_PACKET];
            size_t len;
            while ((len = woad_air_tx(w.n[k].c, p, sizeof p)) > 0) {
                note(p, len);
            }
        }
    }
}

static void play(const char *lines)
{
    while (*lines) {
        char line[TEXT];
        const char *end = strchr(lines, ';');
        assert_non_null(end);
        memcpy(line, lines, (size_t)(end - lines));
        line[end - lines] = 0;
        lines = end + 1;
        int which = line[0] == 'B' && line[1] == ' ' ? B : A;
        const char *text = which == B ? line + 2 : line;
        if (strncmp(text, "wait ", 5) == 0) {
            run((uint64_t)atoi(text + 5));
            continue;
        }
        unsigned opcode = (unsigned)strtoul(text, NULL, 16);
        int status = send(which, opcode, text + 4);
        if (status) {
            print_error("%s: the state cannot be had: %02x\n", line, (unsigned)status);
            fail();
        }
    }
}

static bool is_extended(unsigned opcode)
{
    return opcode >= 0x2035 && opcode <= 0x205d && (opcode < 0x204b || opcode > 0x204e);
}

/* Starts every possible activity, the family of the command first, and lets time pass.  The peer
 * advertises meanwhile, so that the scanner's parameters have an effect. */
static void go_on(bool extended)
{
    static const struct {
        unsigned opcode;
        const char *params;
    } of_b[] = { { 0x2006, ADV_PARAMS("20 00", "20 00", "00", "00", "00", "07", "00") },
                 { 0x200a, "01" },
                 { 0x2036, SET("02", "13") },
                 { 0x2039, "01 01 02 00 00 00" } };
    static const struct {
        unsigned opcode;
        const char *params;
    } then[] = { { 0x200a, "01" },
                 { 0x200c, "01 00" },
                 { 0x200d, CREATE },
                 { 0x2011, "00" A6 },
                 { 0x202c, "00" A6 },
                 { 0x2039, "01 01 01 00 00 00" },
                 { 0x2040, "01 01" },
                 { 0x2042, "01 00 00 00 00 00" },
                 { 0x2044, CREATE_SYNC },
                 { 0x2016, "40 00" },
                 { 0x2064, "01 00 01 40 00" },
                 { 0x206f, "00 01 01" } };
    size_t n = sizeof then / sizeof *then;
    for (size_t k = 0; k < sizeof of_b / sizeof *of_b; k++) {
        send(B, of_b[k].opcode, of_b[k].params);
    }
    for (size_t k = 0; k < n; k++) {
        size_t at = extended ? n - 1 - k : k;
        int status = send(A, then[at].opcode, then[at].params);
        note(&status, sizeof status);
        run(20);
    }
    run(200);
}

static uint64_t future(const struct row *r, bool with_it)
{
    begin(NULL);
    play(r->state);
    int status = with_it ? send(A, r->opcode, r->params) : 0;
    (void)status;
    go_on(is_extended(r->opcode));
    apart();
    return digest;
}

static unsigned rows_wrong(const struct row *r, size_t n)
{
    unsigned wrong = 0;
    for (; n; n--, r++) {
        begin(NULL);
        play(r->state);
        int status = send(A, r->opcode, r->params), want = r->status & 0xff;
        apart();
        if (status != want) {
            print_error("%s  %04x %s\n    after %s\n    says %02x, not %02x\n", r->clause,
                        r->opcode, r->params, r->state, (unsigned)status, (unsigned)want);
            wrong++;
        } else if (r->status && !(r->status & DISCARDS) && future(r, true) != future(r, false)) {
            print_error("%s  %04x %s\n    after %s\n    was refused and has changed something\n",
                        r->clause, r->opcode, r->params, r->state);
            wrong++;
        }
    }
    return wrong;
}

#define ROWS(name) \
    static void name(void **state) \
    { \
        (void)state; \
        assert_int_equal(rows_wrong(rows_##name, sizeof rows_##name / sizeof *rows_##name), 0); \
    }
ROWS(legacy)
ROWS(extended)
ROWS(conn)
ROWS(periodic)
ROWS(iso)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legacy),   cmocka_unit_test(extended), cmocka_unit_test(conn),
        cmocka_unit_test(periodic), cmocka_unit_test(iso),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
