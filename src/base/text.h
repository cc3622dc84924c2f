/* Texts for people, with numbers in them, for code that is linked only where a program asks for
 * explanations. */
#ifndef WOAD_BASE_TEXT_H
#define WOAD_BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

#include "private_names.h"

/* Writes a text with a zero at its end into `to`, cut off at `size` octets.  Of printf's
 * conversions it knows %s, %d, %u, %x (at least two digits), %c and %%. */
void text_format(char *to, size_t size, const char *format, va_list values);

#endif
