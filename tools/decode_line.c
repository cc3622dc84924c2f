/* Lines of the decoder: see decode_line.h.
 *
 * Names of other files:
 *   LINE_PLAIN: colour: bold
 *   LINE_RED: colour
 *   text_clean(): copies text with question marks for what cannot be printed; returns its length
 *   text_is_printable(): no control character, and none that changes the line's direction
 *   text_utf8(): decodes one character of UTF-8; returns its length, 0: invalid
 *   uuid_text(): a UUID as text; returns its name, NULL: none
 *   UUID_TEXT_MAX: octets of a UUID as text, its 0 included */
#include "decode_line.h"

#include "decode_names.h"

#include "../transport/text.h"

#include <inttypes.h>
#include <string.h>

static const char *const codes[] = {
    "\33[1m", "\33[31m", "\33[32m", "\33[33m", "\33[34m", "\33[36m"
};

/* Text in this colour from here on. */
static void paint(struct line *l, enum line_colour colour)
{
    if (l->colour) {
        fputs(codes[colour], l->out);
    }
}

/* Text without a colour from here on. */
static void unpaint(struct line *l)
{
    if (l->colour) {
        fputs("\33[0m", l->out);
    }
}

/* Writes printable text in quotes, piece by piece: text of any length needs no memory. */
static void put_quoted(struct line *l, const uint8_t *text, size_t len)
{
    char clean[4];
    putc('"', l->out);
    for (size_t at = 0; at < len;) {
        uint32_t c;
        size_t n = text_utf8(text + at, len - at, &c);
        if (n == 0) {
            n = 1;
        }
        size_t shown = text_clean(clean, text + at, n);
        if (clean[0] == '"' || clean[0] == '\\') {
            putc('\\', l->out);
        }
        fwrite(clean, 1, shown, l->out);
        at += n;
    }
    putc('"', l->out);
}

/* Text of the program's own, in quotes. */
static void put_string(struct line *l, const char *text)
{
    put_quoted(l, (const uint8_t *)text, strlen(text));
}

/* A name in text: in quotes if it has a blank. */
static void put_bare(struct line *l, const char *text)
{
    if (l->json || strpbrk(text, " \"=")) {
        put_string(l, text);
    } else {
        fputs(text, l->out);
    }
}

/* Between two fields of JSON. */
static void put_comma(struct line *l)
{
    if (!l->first) {
        putc(',', l->out);
    }
    l->first = false;
}

/* "key": in JSON, key= in text. */
static void put_key(struct line *l, const char *key)
{
    if (l->json) {
        put_comma(l);
        fprintf(l->out, "\"%s\":", key);
        return;
    }
    if (!l->first) {
        putc(' ', l->out);
    }
    l->first = false;
    fprintf(l->out, "%s=", key);
}

/* Nothing stands in the line yet. */
void line_begin(struct line *l)
{
    l->first = true;
    l->in_layer = l->bad = false;
    l->title = "";
    if (l->json) {
        putc('{', l->out);
    }
}

/* Closes what is open, and ends the line. */
void line_end(struct line *l)
{
    if (l->json) {
        if (l->in_layer) {
            putc('}', l->out);
        }
        l->first = false;
        if (l->bad) {
            put_key(l, "malformed");
            put_string(l, l->reason);
        }
        fputs("}\n", l->out);
        return;
    }
    if (l->bad) {
        paint(l, LINE_RED);
        fprintf(l->out, " [malformed: %s]", l->reason);
        unpaint(l);
    }
    putc('\n', l->out);
}

/* In JSON it ends the layer before. */
void line_layer(struct line *l, const char *key, const char *title, enum line_colour colour)
{
    l->title = title;
    if (l->json) {
        if (l->in_layer) {
            putc('}', l->out);
        }
        l->in_layer = true;
        put_comma(l);
        fprintf(l->out, "\"%s\":{", key);
        l->first = true;
        return;
    }
    putc(' ', l->out);
    paint(l, colour);
    fputs(title, l->out);
    unpaint(l);
    l->first = false;
}

/* A field `name` in JSON. */
void line_name(struct line *l, const char *name)
{
    l->title = name;
    if (l->json) {
        put_key(l, "name");
        put_string(l, name);
        return;
    }
    putc(' ', l->out);
    paint(l, LINE_PLAIN);
    fputs(name, l->out);
    unpaint(l);
    l->first = false;
}

/* Printed by line_end(). */
void line_bad(struct line *l, const char *reason)
{
    if (!l->bad) {
        snprintf(l->reason, sizeof l->reason, "%s", reason);
    }
    l->bad = true;
}

/* Decimal, in text and in JSON. */
void line_number(struct line *l, const char *key, uint64_t value)
{
    put_key(l, key);
    fprintf(l->out, "%" PRIu64, value);
}

/* Nothing in text. */
void line_detail(struct line *l, const char *key, uint64_t value)
{
    if (l->json) {
        line_number(l, key, value);
    }
}

/* Decimal. */
void line_signed(struct line *l, const char *key, int value)
{
    put_key(l, key);
    fprintf(l->out, "%d", value);
}

/* Decimal, with so many digits behind the point. */
void line_real(struct line *l, const char *key, double value, int digits)
{
    put_key(l, key);
    fprintf(l->out, "%.*f", digits, value);
}

/* Decimal in JSON. */
void line_hex(struct line *l, const char *key, uint64_t value, int digits)
{
    if (l->json) {
        line_number(l, key, value);
        return;
    }
    put_key(l, key);
    fprintf(l->out, "0x%0*" PRIx64, digits, value);
}

/* In JSON the name has a field of its own: KEY_name. */
void line_named(struct line *l, const char *key, uint32_t value, const char *name)
{
    char second[64];
    if (!l->json && name) {
        put_key(l, key);
        put_bare(l, name);
        return;
    }
    line_hex(l, key, value, 2);
    if (name) {
        snprintf(second, sizeof second, "%s_name", key);
        put_key(l, second);
        put_string(l, name);
    }
}

/* Without quotes in text. */
void line_word(struct line *l, const char *key, const char *word)
{
    put_key(l, key);
    put_bare(l, word);
}

/* In quotes. */
void line_text(struct line *l, const char *key, const uint8_t *text, size_t len)
{
    put_key(l, key);
    put_quoted(l, text, len);
}

/* Whether all octets are printable characters, and at least two. */
static bool is_text(const uint8_t *octets, size_t len)
{
    size_t n = 0;
    for (size_t at = 0; at < len; at += n) {
        uint32_t c;
        n = text_utf8(octets + at, len - at, &c);
        if (n == 0 || !text_is_printable(c)) {
            return false;
        }
    }
    return len > 1;
}

/* The text is a second field. */
void line_octets(struct line *l, const char *key, const uint8_t *octets, size_t len)
{
    char second[64];
    put_key(l, key);
    if (l->json) {
        putc('"', l->out);
    }
    for (size_t k = 0; k < len; k++) {
        fprintf(l->out, "%02x", octets[k]);
    }
    if (l->json) {
        putc('"', l->out);
    }
    if (!is_text(octets, len)) {
        return;
    }
    if (l->json) {
        snprintf(second, sizeof second, "%s_text", key);
        put_key(l, second);
    } else {
        putc(' ', l->out);
    }
    put_quoted(l, octets, len);
}

/* A name behind a value: "key_name" in JSON, the name alone in text; NULL: nothing. */
static void put_second(struct line *l, const char *key, const char *name)
{
    char second[64];
    if (name && l->json) {
        snprintf(second, sizeof second, "%s_name", key);
        put_key(l, second);
        put_string(l, name);
    } else if (name) {
        putc(' ', l->out);
        put_string(l, name);
    }
}

/* In the usual order of octets; the device's name is a second field. */
void line_address(struct line *l, const char *key, const uint8_t *octets)
{
    const uint8_t *a = octets;
    char text[18];
    snprintf(text, sizeof text, "%02X:%02X:%02X:%02X:%02X:%02X", a[5], a[4], a[3], a[2], a[1],
             a[0]);
    line_word(l, key, text);
    if (l->device_name) {
        put_second(l, key, l->device_name(l->ctx, a));
    }
}

/* The UUID's name is a second field. */
void line_uuid(struct line *l, const char *key, const uint8_t *octets, size_t len)
{
    char text[UUID_TEXT_MAX];
    const char *name = uuid_text(octets, len, text);
    line_word(l, key, text);
    put_second(l, key, name);
}

/* An array in JSON. */
void line_list(struct line *l, const char *key)
{
    put_key(l, key);
    putc('[', l->out);
    l->first = true;
}

/* An object in JSON. */
void line_item(struct line *l)
{
    if (l->json) {
        put_comma(l);
    } else if (!l->first) {
        putc(' ', l->out);
    }
    putc('{', l->out);
    l->first = true;
}

/* The fields of an item are complete. */
void line_item_end(struct line *l)
{
    putc('}', l->out);
    l->first = false;
}

/* The items are complete. */
void line_list_end(struct line *l)
{
    putc(']', l->out);
    l->first = false;
}
