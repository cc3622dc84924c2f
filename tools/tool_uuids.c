/* UUIDs by their names, and the other way round.
 *
 * Names of other files:
 *   name_of: a row of a table of names, by number; NULL ends it
 *   names_uuid: table of the names of 16 bit UUIDs */
#include "tool_text.h"

#include "decode_names.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
    struct woad_uuid uuid;
    const char *name;
} long_names[] = {
    { WOAD_UUID128(0x6e400001, 0xb5a3, 0xf393, 0xe0a9, 0xe50e24dcca9e), "Nordic UART" },
    { WOAD_UUID128(0x6e400002, 0xb5a3, 0xf393, 0xe0a9, 0xe50e24dcca9e), "Nordic UART RX" },
    { WOAD_UUID128(0x6e400003, 0xb5a3, 0xf393, 0xe0a9, 0xe50e24dcca9e), "Nordic UART TX" },
};
enum { LONG_NAMES = sizeof long_names / sizeof *long_names };

/* The UUID of this number. */
static struct woad_uuid uuid_16(uint32_t number)
{
    return (struct woad_uuid){ 2, { (uint8_t)number, (uint8_t)(number >> 8) } };
}

/* From the Assigned Numbers, then from long_names. */
const char *uuid_name(const struct woad_uuid *uuid)
{
    for (const struct name_of *n = names_uuid; n->name; n++) {
        struct woad_uuid one = uuid_16(n->number);
        if (woad_uuid_equal(&one, uuid)) {
            return n->name;
        }
    }
    for (size_t i = 0; i < LONG_NAMES; i++) {
        if (woad_uuid_equal(&long_names[i].uuid, uuid)) {
            return long_names[i].name;
        }
    }
    return NULL;
}

/* A UUID without a name stands alone. */
void uuid_show(const struct woad_uuid *uuid)
{
    char text[37];
    const char *name = uuid_name(uuid);
    woad_uuid_format(uuid, text);
    printf("%s%s%s", text, name ? " " : "", name ? name : "");
}

/* Whether these are the same words; a dash counts as a space. */
static bool uuid_same(const char *a, const char *b)
{
    while (*a &&
           (tolower((unsigned char)*a) == tolower((unsigned char)*b) || (*a == ' ' && *b == '-'))) {
        a++;
        b++;
    }
    return !*a && !*b;
}

/* Digits first: no name looks like them. */
bool uuid_parse(struct woad_uuid *uuid, const char *text)
{
    if (woad_uuid_parse(uuid, text) == 0) {
        return true;
    }
    for (const struct name_of *n = names_uuid; n->name; n++) {
        if (uuid_same(n->name, text)) {
            *uuid = uuid_16(n->number);
            return true;
        }
    }
    for (size_t i = 0; i < LONG_NAMES; i++) {
        if (uuid_same(long_names[i].name, text)) {
            *uuid = long_names[i].uuid;
            return true;
        }
    }
    return false;
}
