/* The texts of errors and events: none is missing.  The test reads the headers, so that a new code
 * there is a failure here until it has a text. */
#include "cm.h"

#include <woad/hci.h>
#include <woad/woad.h>

#include <stdio.h>

/* Calls `check` with each name of a header that has this prefix and a number, and the number. */
static int each_code(const char *header, const char *prefix, void (*check)(const char *, int))
{
    char path[200], line[300], name[100];
    int code, found = 0;
    snprintf(path, sizeof path, "%s/include/woad/%s", WOAD_ROOT, header);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        const char *at = line + strspn(line, " ");
        if (strncmp(at, prefix, strlen(prefix)) == 0 &&
            sscanf(at, "%99[A-Z0-9_] = %i", name, &code) == 2) {
            check(name, code);
            found++;
        }
    }
    fclose(f);
    return found;
}

static void has(const char *name, const char *text)
{
    if (strcmp(text, "unknown error") == 0 || strlen(text) < 4) {
        fail_msg("%s has no text", name);
    }
}

static void error_has(const char *name, int code)
{
    has(name, woad_strerror(code));
    if (code < 0) {
        has(name, woad_att_strerror(code));
        has(name, woad_smp_strerror(code));
        has(name, woad_l2cap_strerror(code));
    }
}

static void att_has(const char *name, int code)
{
    has(name, woad_att_strerror(code));
}

static void smp_has(const char *name, int code)
{
    has(name, woad_smp_strerror(code));
    assert_string_equal(woad_smp_strerror(code), woad_smp_strerror(WOAD_SECURITY_PEER + code));
}

static void each_code_of_the_headers_has_a_text(void **state)
{
    (void)state;
    assert_int_equal(each_code("woad.h", "WOAD_E", error_has), 15);
    assert_in_range(each_code("hci.h", "WOAD_HCI_", error_has), 28, 80);
    assert_in_range(each_code("gatt.h", "WOAD_ATT_", att_has), 19, 40);
    assert_in_range(each_code("smp.h", "WOAD_SMP_", smp_has), 14, 20);
}

/* Of all codes of the specification; those that it reserves have none. */
static void codes_of_the_specification(void **state)
{
    static const uint8_t hci_reserved[] = { 0x2b, 0x31, 0x33, 0x3f };
    (void)state;
    for (int code = 0; code <= 0x48; code++) {
        if (!memchr(hci_reserved, code, sizeof hci_reserved)) {
            has("HCI", woad_strerror(code));
        }
    }
    assert_string_equal(woad_strerror(0x49), "unknown error");
    assert_string_equal(woad_strerror(-1), "unknown error");
    assert_string_equal(woad_strerror(INT32_MIN), "unknown error");
    assert_string_equal(woad_strerror(INT32_MAX), "unknown error");
    for (int code = 0; code <= 0x13; code++) {
        has("ATT", woad_att_strerror(code));
    }
    has("ATT", woad_att_strerror(0x80));
    has("ATT", woad_att_strerror(0xfc));
    has("ATT", woad_att_strerror(0xff));
    assert_string_equal(woad_att_strerror(0x14), "unknown error");
    assert_string_equal(woad_att_strerror(0x100), "unknown error");
    for (int code = 1; code <= 0x10; code++) {
        has("SMP", woad_smp_strerror(code));
    }
    assert_string_equal(woad_smp_strerror(0x11), "unknown error");
    assert_string_equal(woad_smp_strerror(WOAD_SECURITY_HCI + WOAD_HCI_KEY_MISSING),
                        woad_strerror(WOAD_HCI_KEY_MISSING));
    for (int code = 2; code <= 0xf; code++) {
        if (code != 3) {
            has("L2CAP", woad_l2cap_strerror(code));
        }
    }
    assert_string_equal(woad_l2cap_strerror(3), "unknown error");
    assert_string_equal(woad_strerror(WOAD_ENODEV), "the host is not up");
    assert_string_equal(woad_att_strerror(WOAD_ENODEV), "the host is not up");
}

static void each_event_has_its_name(void **state)
{
    char path[200], line[300], name[100];
    int type = 0;
    bool inside = false;
    (void)state;
    snprintf(path, sizeof path, "%s/include/woad/woad.h", WOAD_ROOT);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        inside = (inside && line[0] != '}') || strstr(line, "enum woad_event_type {");
        if (inside && sscanf(line, "    %99[A-Z0-9_]", name) == 1 &&
            strncmp(name, "WOAD_EV_", 8) == 0) {
            assert_string_equal(woad_event_name((enum woad_event_type)type++), name);
        }
    }
    fclose(f);
    assert_int_equal(type, WOAD_EV_GATTC_DONE + 1);
    assert_string_equal(woad_event_name((enum woad_event_type)type), "WOAD_EV_unknown");
    assert_string_equal(woad_event_name((enum woad_event_type) - 1), "WOAD_EV_unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_of_the_headers_has_a_text),
        cmocka_unit_test(codes_of_the_specification),
        cmocka_unit_test(each_event_has_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
