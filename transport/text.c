/* Text for a terminal: see text.h. */
#include "text.h"

/* Overlong forms, surrogates and numbers above 0x10ffff are invalid, too.  `len` is 1 or more. */
size_t text_utf8(const uint8_t *s, size_t len, uint32_t *c)
{
    static const uint32_t shortest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = 1;
    while (n < 4 && s[0] >= 0x80 && (s[0] << n & 0x80)) {
        n++;
    }
    if (n > len || (s[0] >= 0x80 && (s[0] & 0xc0) == 0x80) || s[0] >= 0xf8) {
        return 0;
    }
    *c = s[0];
    if (n != 1) {
        *c = s[0] & (0x7fu >> n);
    }
    for (size_t k = 1; k < n; k++) {
        if ((s[k] & 0xc0) != 0x80) {
            return 0;
        }
        *c = *c << 6 | (s[k] & 0x3f);
    }
    if (*c >= shortest[n] && *c <= 0x10ffff && (*c < 0xd800 || *c > 0xdfff)) {
        return n;
    }
    return 0;
}

/* Format characters that are not seen, or move others, are not. */
bool text_is_printable(uint32_t c)
{
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool format = c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
                  (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
    return !control && !format;
}

/* A character never takes more octets than before, so `to` may be `from`. */
size_t text_clean(char *to, const void *from, size_t len)
{
    const uint8_t *s = from;
    size_t out = 0, n;
    for (size_t at = 0; at < len; at += n ? n : 1) {
        uint32_t c = 0;
        n = text_utf8(s + at, len - at, &c);
        if (n && text_is_printable(c)) {
            for (size_t k = 0; k < n; k++) {
                to[out++] = (char)s[at + k];
            }
        } else {
            to[out++] = '?';
        }
    }
    return out;
}
