/* Texts for people, with values: a small vsnprintf(). */
#include "text.h"

struct text {
    char *at, *end; /* `end` has room for the zero */
};

static void text_char(struct text *t, char c)
{
    if (t->at < t->end) {
        *t->at++ = c;
    }
}

static void text_string(struct text *t, const char *s)
{
    while (*s) {
        text_char(t, *s++);
    }
}

/* A number with at least so many digits; base 10 or 16. */
static void text_number(struct text *t, unsigned n, unsigned base, unsigned digits)
{
    char digit[10];
    unsigned used = 0;
    for (; n || used < digits; n /= base) {
        digit[used++] = "0123456789abcdef"[n % base];
    }
    while (used) {
        text_char(t, digit[--used]);
    }
}

static void text_signed(struct text *t, int n)
{
    if (n < 0) {
        text_char(t, '-');
        text_number(t, 0u - (unsigned)n, 10, 1);
    } else {
        text_number(t, (unsigned)n, 10, 1);
    }
}

/* Writes a text with a zero at its end, cut off at `size` octets, which is not 0.  Conversions: %s,
 * %d, %u, %x (two digits or more), %c, %%. */
void text_format(char *to, size_t size, const char *format, va_list values)
{
    struct text t = { to, to + size - 1 };
    for (; *format; format++) {
        if (*format != '%') {
            text_char(&t, *format);
            continue;
        }
        switch (*++format) {
        case 's': text_string(&t, va_arg(values, const char *)); break;
        case 'd': text_signed(&t, va_arg(values, int)); break;
        case 'u': text_number(&t, va_arg(values, unsigned), 10, 1); break;
        case 'x': text_number(&t, va_arg(values, unsigned), 16, 2); break;
        case 'c': text_char(&t, (char)va_arg(values, int)); break;
        default: text_char(&t, '%'); break;
        }
    }
    *t.at = 0;
}
