/* Values, names and addresses as text: for people, and as JSON.
 *
 * Names of other files:
 *   text_clean(): copies text with question marks for what cannot be printed; returns its length
 *   text_is_printable(): no control character, and none that changes the line's direction
 *   text_utf8(): decodes one character of UTF-8; returns its length, 0: invalid
 *   TOOL_ADDR_TEXT: octets of an address as text, its 0 included */
#include "tool_text.h"

#include "../transport/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 256 }; /* octets that text_show() prints at a time */

/* In pieces, none of which ends inside a character. */
void text_show(const void *text, size_t len)
{
    const uint8_t *from = text;
    char shown[CHUNK];
    while (len) {
        size_t n = len < CHUNK ? len : CHUNK;
        while (n < len && n > CHUNK - 4 && (from[n] & 0xc0) == 0x80) {
            n--; /* not inside a character */
        }
        fwrite(shown, 1, text_clean(shown, from, n), stdout);
        from += n;
        len -= n;
    }
}

/* Control characters become \u…. */
void text_json(const void *text, size_t len)
{
    const uint8_t *s = text;
    putchar('"');
    for (size_t i = 0; i < len;) {
        uint32_t c;
        size_t n = text_utf8(s + i, len - i, &c);
        if (!n) {
            fputs("\\ufffd", stdout);
            n = 1;
        } else if (c == '"' || c == '\\') {
            printf("\\%c", (int)c);
        } else if (!text_is_printable(c) && c < 0x10000) {
            printf("\\u%04x", (unsigned)c);
        } else {
            fwrite(s + i, 1, n, stdout);
        }
        i += n;
    }
    putchar('"');
}

/* Two digits for each octet. */
void text_hex(const uint8_t *data, size_t len, const char *between)
{
    for (size_t i = 0; i < len; i++) {
        printf("%s%02x", i ? between : "", data[i]);
    }
}

/* An octet alone is a number, not text. */
bool text_readable(const uint8_t *data, size_t len)
{
    size_t i = 0, n;
    uint32_t c;
    if (len > 1 && data[len - 1] == 0) {
        len--;
    }
    while (i < len && (n = text_utf8(data + i, len - i, &c)) > 0 && text_is_printable(c)) {
        i += n;
    }
    return len > 1 && i == len;
}

/* The last octet first. */
void text_addr(char to[TOOL_ADDR_TEXT], const struct woad_addr *addr)
{
    const uint8_t *a = addr->octet;
    snprintf(to, TOOL_ADDR_TEXT, "%02X:%02X:%02X:%02X:%02X:%02X", a[5], a[4], a[3], a[2], a[1],
             a[0]);
}

/* Bit 0 tells, of the types 2 and 3 of resolved addresses, too. */
const char *text_addr_type(const struct woad_addr *addr)
{
    if (addr->type & 1) {
        return "random";
    }
    return "public";
}

/* The value of a hexadecimal digit; -1: it is none. */
static int text_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    if (!at) {
        return -1;
    }
    return (int)(at - digits);
}

/* In capitals or not. */
bool text_parse_addr(struct woad_addr *addr, const char *text)
{
    uint8_t octet[6];
    for (int i = 5; i >= 0; i--) {
        int high = text_digit(text[0]), low = high < 0 ? -1 : text_digit(text[1]);
        if (low < 0 || (i && text[2] != ':' && text[2] != '-') || (!i && text[2])) {
            return false;
        }
        octet[i] = (uint8_t)(high << 4 | low);
        text += 3;
    }
    memcpy(addr->octet, octet, sizeof octet);
    return true;
}

/* Octets in hexadecimal, with spaces between them or not.  -1: it is something else. */
static int text_parse_hex(uint8_t *to, size_t room, const char *text)
{
    size_t n = 0;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text += 2;
    }
    while (*text) {
        int high = text_digit(text[0]), low = high < 0 ? -1 : text_digit(text[1]);
        if (low < 0 || n == room) {
            return -1;
        }
        to[n++] = (uint8_t)(high << 4 | low);
        text += 2;
        text += *text == ' ' && text[1];
    }
    return n ? (int)n : -1;
}

/* A value that is not hexadecimal is text. */
int text_parse_value(uint8_t *to, size_t room, const char *text)
{
    size_t len = strlen(text);
    int n = text_parse_hex(to, room, text);
    if (n > 0) {
        return n;
    }
    if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
        text++;
        len -= 2;
    }
    if (len > room) {
        return -1;
    }
    memcpy(to, text, len);
    return (int)len;
}
