/* Remains of a pairing after its end: in the instance's memory, on the stack, in captures.  Of all
 * secrets that were drawn or calculated, only those of the bond remain. */
#define _GNU_SOURCE
#include "pairing.h"

#include "transport/btsnoop.h"

static bool of_a_bond(const uint8_t *octet)
{
    for (int k = 0; k < 2; k++) {
        const struct woad_bond *b = bond_at(w->device[k].host, 0);
        static uint8_t back[16];
        for (size_t n = 0; n < 16; n++) {
            back[n] = octet[15 - n];
        }
        if (b && (memcmp(b->own_ltk, octet, 16) == 0 || memcmp(b->peer_ltk, octet, 16) == 0 ||
                  memcmp(b->own_csrk, octet, 16) == 0 || memcmp(b->csrk, octet, 16) == 0 ||
                  memcmp(b->own_ltk, back, 16) == 0)) {
            return true;
        }
    }
    return false;
}

/* Searches for each secret, in the host's octet order and in that of the air; for a longer one, in
 * two halves.  Returns the name of one that it finds, or NULL. */
static const char *found_in(const uint8_t *mem, size_t len, bool as_on_air)
{
    static char what[80];
    for (size_t n = 0; n < n_secrets; n++) {
        for (size_t half = 0; half < secrets[n].len; half += 16) {
            static uint8_t there[16], back[16]; /* static: not on the stack */
            for (size_t k = 0; k < 16; k++) {
                there[k] = secrets[n].octet[half + k];
                back[15 - k] = there[k];
            }
            for (size_t at = 0; !of_a_bond(there) && at + 16 <= len; at++) {
                bool same = memcmp(mem + at, there, 16) == 0;
                if (same || (as_on_air && memcmp(mem + at, back, 16) == 0)) {
                    snprintf(what, sizeof what, "secret %zu of %zu octets%s, at %zu", n,
                             secrets[n].len, same ? "" : " backwards", at);
                    return what;
                }
            }
        }
    }
    return NULL;
}

static void assert_clean(const char *path)
{
    for (int k = 0; k < 2; k++) {
        const char *what = found_in(w->device[k].memory[0], w->device[k].memory_len[0], true);
        if (what) {
            fail_msg("%s, device %d: %s", path, k, what);
        }
    }
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
/* The address sanitizer moves the stack's variables: there is nothing to search. */
static void stack_scrub(void) {}
static void stack_take(void) {}
static void stack_clean(const char *path)
{
    (void)path;
}
#else
enum { STACK = 32 * 1024 };
static uint8_t stack[STACK];

static __attribute__((noinline)) void stack_scrub(void)
{
    volatile uint8_t all[STACK + 8192];
    for (size_t n = 0; n < sizeof all; n++) {
        all[n] = 0;
    }
}

/* Copies the stack below this function, with the remains of earlier calls. */
static __attribute__((noinline)) void stack_take(void)
{
    volatile uint8_t here = 0;
    const volatile uint8_t *from = (const volatile uint8_t *)((uintptr_t)&here - STACK);
    for (size_t n = 0; n < STACK; n++) {
        stack[n] = from[n];
    }
}

/* Searches only for secrets of the host's own functions.  The library handles private keys and
 * their products; the transport handles packets that were on the air. */
static void stack_clean(const char *path)
{
    for (size_t n = 0; n < n_secrets; n++) {
        secrets[n].len = secrets[n].len == 16 ? 16 : 0;
    }
    const char *what = found_in(stack, STACK, false);
    if (what) {
        fail_msg("%s, stack: %s", path, what);
    }
}
#endif

/* How a pairing goes: to success, to a failure of the user, of the connection, of the library. */
enum { WELL, WRONG_ANSWER, CUT, LIBRARY, PATHS };

/* Gives both sides out-of-band data. */
static void exchange_out_of_band(bool secure)
{
    static const uint8_t tk[16] = { 7, 7, 1, 9, 8, 5, 4, 3, 2, 11, 99, 5, 1 };
    for (int k = 0; k < 2; k++) {
        if (!secure) {
            remember(tk, 16);
            assert_int_equal(woad_oob_set_legacy(w->device[k].host, side[k].conn, tk), 0);
            continue;
        }
        assert_int_equal(woad_oob_make(w->device[1 - k].host), 0);
        assert_non_null(world_wait(w, &w->device[1 - k], WOAD_EV_OOB, 100000));
        assert_int_equal(woad_oob_set(w->device[k].host, side[k].conn, &side[1 - k].oob), 0);
    }
}

/* Every method of pairing: to success, to a failure of each kind, and cut off at every moment. */
static void nothing_left(void **state)
{
    static const unsigned moments[] = {
        [WELL] = 2, [WRONG_ANSWER] = 2, [CUT] = 150, [LIBRARY] = 60
    };
    (void)state;
    attacked = true;
    for (int secure = 0; secure < 2; secure++) {
        for (int method = 0; method < 4; method++) {
            for (int path = 0; path < PATHS; path++) {
                for (unsigned at = 1; at < moments[path]; at += 5) {
                    uint8_t io = method == 1 ? WOAD_IO_KEYBOARD : WOAD_IO_DISPLAY_YES_NO;
                    struct woad_security_policy p =
                        policy(method ? io : WOAD_IO_NONE, method != 0, secure);
                    char name[80];
                    n_secrets = 0;
                    stack_scrub();
                    pair_of(&p, &p);
                    if (method == 3) {
                        exchange_out_of_band(secure);
                    }
                    if (path == CUT || path == LIBRARY) { /* out-of-band data may be unused */
                        n_secrets -= method == 3 && secure ? n_secrets : 0;
                    }
                    displayed = 834201;
                    side[0].user = YES;
                    if (path == WRONG_ANSWER) {
                        side[0].user = method == 2 ? NO : WRONG;
                    }
                    fail_at = path == LIBRARY ? at : 0;
                    assert_int_equal(woad_pair(w->device[0].host, side[0].conn), 0);
                    if (path == CUT) {
                        world_run(w, at * 1000);
                        assert_int_equal(woad_disconnect(w->device[0].host, side[0].conn, 0x13), 0);
                        world_run(w, 1500000);
                    } else {
                        settle();
                        world_run(w, 200000);
                    }
                    fail_at = 0;
                    stack_take();
                    snprintf(name, sizeof name, "secure %d, method %d, path %d at %u", secure,
                             method, path, at);
                    assert_true(n_secrets > 0 || path == CUT || path == LIBRARY);
                    assert_clean(name);
                    if (path != CUT) { /* a key may have been in a packet */
                        stack_clean(name);
                    }
                    world_free(w);
                }
            }
        }
    }
}

/* A PDU that arrives in fragments, and half of a PDU at the end of the connection. */
static void pieces(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        uint8_t first[9 + 16] = { 2, 0x40, 0x20, 20, 0, 17, 0, 6, 0, 4 };
        uint8_t last[5 + 1] = { 2, 0x40, 0x10, 1, 0 };
        uint8_t *pdu = first + 9;
        n_secrets = 0;
        pair_of(&any, &any);
        for (uint8_t n = 1; n < 16; n++) {
            pdu[n] = (uint8_t)(n * 77);
        }
        secrets[0].len = 16;
        memcpy(secrets[0].octet, first + 9, 16); /* the opcode and 15 octets of the key */
        n_secrets = 1;
        assert_int_equal(woad_rx(w->device[0].host, first, sizeof first), 0);
        assert_non_null(found_in(w->device[0].memory[0], w->device[0].memory_len[0], false));
        if (whole) {
            assert_int_equal(woad_rx(w->device[0].host, last, sizeof last), 0);
        } else {
            assert_int_equal(woad_disconnect(w->device[0].host, side[0].conn, 0x13), 0);
            world_run(w, 1200000);
        }
        assert_null(found_in(w->device[0].memory[0], w->device[0].memory_len[0], false));
        world_free(w);
    }
}

/* no_secret_in_log: a log of all packets of two hosts and their controllers during a pairing and
 * another encryption.  It has none of their keys, and no random value except the public nonces.
 * With the option for keys, the log has the keys. */
static void logs(void **state)
{
    (void)state;
    for (int secure = 0; secure < 2; secure++) {
        for (by_controller = 0; by_controller < 4; by_controller += 3) {
            for (int keys = 0; keys < 2; keys++) {
                struct woad_security_policy p = policy(WOAD_IO_NONE, false, secure);
                char *text;
                size_t len;
                FILE *log = open_memstream(&text, &len);
                uint8_t irk[16] = { 0xab, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };
                lists = 3;
                pair_of(&p, &p);
                lists = 0;
                for (int k = 0; k < 2; k++) {
                    w->device[k].snoop = log;
                    w->device[k].snoop_keys = keys;
                    irk[2] = (uint8_t)k;
                    assert_int_equal(woad_set_irk(w->device[k].host, irk), 0);
                }
                assert_int_equal(woad_pair(w->device[0].host, side[0].conn), 0);
                settle();
                world_run(w, 200000);
                assert_int_equal(status_of(0), 0);
                rejoin(CENTRAL);
                assert_int_equal(woad_pair(w->device[0].host, side[0].conn), 0);
                settle();
                fflush(log);
                size_t found = 0;
                for (int k = 0; k < 2; k++) {
                    const struct woad_bond *b = bond_at(w->device[k].host, 0);
                    const uint8_t *each[] = { b->own_ltk, b->peer_ltk, b->irk, b->csrk,
                                              b->own_csrk };
                    for (size_t n = 0; n < 5; n++) {
                        found += memmem(text, len, each[n], 16) != NULL;
                    }
                }
                assert_int_equal(found, keys ? 10 : 0);
                for (int k = 0; k < 2; k++) {
                    w->device[k].snoop = NULL;
                }
                fclose(log);
                free(text);
                world_free(w);
            }
        }
    }
    by_controller = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_left), cmocka_unit_test(pieces),
                                        cmocka_unit_test(logs) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
