/* `woad serve hid-keyboard`: types what comes from standard input at the computer that has paired
 * and subscribed.  HID Service 1.0; HID over GATT Profile 1.0; USB HID Usage Tables, 10.
 *
 * Names of other files:
 *   appearance: of a kind of peer: its appearance, Assigned Numbers, 2.6; 0: none
 *   input_ended: of serve: standard input has ended
 *   input_len: of serve: octets in `input`
 *   next_ms: of serve: when its loop does the next thing; 0: it has done nothing yet
 *   reads: of a kind of peer: it uses standard input
 *   SERVE_FULL_WAIT: ms until a queue that is full is tried again
 *   serve_is_sending(): something notified has not been acknowledged yet
 *   serve_kind: a kind of peer: its name, attributes and functions: serve.h
 *   SERVE_NO_WAIT: ms that a loop returns that has nothing to do
 *   serve_notify(): notifies each subscriber once; how many have it; -1: a queue is full
 *   serve_read_input(): reads standard input to `input`, if that is empty
 *   serve_say(): prints a line, unless --quiet
 *   serve_tool: the sub-command, with a kind and its state: serve.h */
#include "serve.h"

#include <string.h>

/* How long a key is down, and up; how long it waits without a subscriber; a modifier; handle of the
 * report's value, from the first one on. */
enum { PRESS_MS = 10, NOBODY_MS = 50, SHIFT = 0x02, REPORT = 2 };
enum { KEY_A = 4, KEY_1 = 30 }; /* usages of the keyboard's page */

/* Modifiers, a reserved octet, six keys: USB HID 1.11, appendix B.1. */
static const uint8_t report_map[] = { 0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, 0x05, 0x07, 0x19,
                                      0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01,
                                      0x95, 0x08, 0x81, 0x02, 0x95, 0x01, 0x75, 0x08, 0x81,
                                      0x01, 0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0x65,
                                      0x19, 0x00, 0x29, 0x65, 0x81, 0x00, 0xc0 };
static const struct woad_uuid hid = WOAD_UUID16(0x1812), information = WOAD_UUID16(0x2a4a),
                              map = WOAD_UUID16(0x2a4b), control = WOAD_UUID16(0x2a4c),
                              report = WOAD_UUID16(0x2a4d), reference = WOAD_UUID16(0x2908);
enum { READ = WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED };
enum { WRITE = WOAD_PERM_WRITE | WOAD_PERM_WRITE_ENCRYPTED };
static uint8_t keys[8], suspended[1];
static struct woad_value keys_value = WOAD_VALUE_FIXED(keys, sizeof keys),
                         control_value = WOAD_VALUE_FIXED(suspended, 1),
                         map_value = WOAD_VALUE_CONST(report_map, sizeof report_map),
                         information_value = WOAD_VALUE_CONST("\x11\x01\x00\x02", 4),
                         reference_value = WOAD_VALUE_CONST("\0\1", 2);
static const struct woad_attr keyboard_attrs[] = {
    WOAD_PRIMARY(&hid),
    WOAD_CHARACTERISTIC_VALUE_CCCD(&report, WOAD_PROP_READ | WOAD_PROP_NOTIFY, READ, &keys_value),
    WOAD_DESCRIPTOR_VALUE(&reference, READ, &reference_value),
    WOAD_CHARACTERISTIC_VALUE(&map, WOAD_PROP_READ, READ, &map_value),
    WOAD_CHARACTERISTIC_VALUE(&information, WOAD_PROP_READ, READ, &information_value),
    WOAD_CHARACTERISTIC_VALUE(&control, WOAD_PROP_WRITE_COMMAND, WRITE, &control_value),
};

/* The usage of a character on a US keyboard, and whether it takes Shift.  0: there is none. */
static uint8_t keyboard_usage(char c, bool *shift)
{
    static const char plain[] = "1234567890\n\x1b\b\t -=[]\\\1;'`,./";
    static const char shifted[] = "!@#$%^&*()\1\1\1\1\1_+{}|\1:\"~<>?";
    *shift = c >= 'A' && c <= 'Z';
    if (*shift) {
        return (uint8_t)(KEY_A + c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (uint8_t)(KEY_A + c - 'a');
    }
    const char *at = c > 1 ? strchr(plain, c) : NULL;
    if (at) {
        return (uint8_t)(KEY_1 + (at - plain));
    }
    at = c > 1 ? strchr(shifted, c) : NULL;
    *shift = at != NULL;
    if (at) {
        return (uint8_t)(KEY_1 + (at - shifted));
    }
    return 0;
}

/* The first character of the input is typed. */
static void keyboard_drop(struct serve_tool *s)
{
    s->input_len--;
    memmove(s->input, s->input + 1, s->input_len);
}

/* The next report: a key goes up, or the next one down.  False: there is none. */
static bool keyboard_next(struct serve_tool *s)
{
    bool shift;
    if (keys[2]) {
        keys[0] = keys[2] = 0;
        return true;
    }
    while (s->input_len) {
        keys[2] = keyboard_usage((char)s->input[0], &shift);
        keys[0] = (uint8_t)(shift ? SHIFT : 0);
        if (keys[2]) {
            return true;
        }
        serve_say(s, "no key for octet 0x%02x", s->input[0]);
        keyboard_drop(s);
        serve_read_input(s);
    }
    return false;
}

/* A key goes down, and up 10 ms later.  Without a subscriber it waits.  A report for which a queue
 * is full is tried again; the end comes when the last one has been acknowledged. */
static uint32_t keyboard_loop(struct serve_tool *s, uint32_t now_ms)
{
    static bool again; /* the report in `keys` has not been queued for all yet */
    if (s->next_ms && (int32_t)(now_ms - s->next_ms) < 0) {
        return s->next_ms - now_ms;
    }
    serve_read_input(s);
    if (!again && !keyboard_next(s)) {
        s->done = s->input_ended && !serve_is_sending(s);
        return s->input_ended ? SERVE_FULL_WAIT : SERVE_NO_WAIT;
    }
    int have = serve_notify(s, (uint16_t)(s->first + REPORT), keys, sizeof keys);
    again = have < 0;
    if (again) {
        return SERVE_FULL_WAIT;
    }
    bool down = keys[2] != 0;
    if (down && !have) { /* the key waits for a subscriber */
        keys[0] = keys[2] = 0;
        return NOBODY_MS;
    }
    if (down) {
        keyboard_drop(s);
    }
    s->next_ms = (now_ms + PRESS_MS) | 1;
    return s->next_ms - now_ms;
}

const struct serve_kind serve_keyboard = { .name = "hid-keyboard",
                                           .device = "Woad keyboard",
                                           .attrs = keyboard_attrs,
                                           .n = sizeof keyboard_attrs / sizeof *keyboard_attrs,
                                           .service = &hid,
                                           .appearance = 0x03c1,
                                           .reads = true,
                                           .loop = keyboard_loop };
