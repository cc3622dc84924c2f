/* Text from strangers, made safe for a terminal. */
#ifndef WOAD_TEXT_H
#define WOAD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "private_names.h"

/* Decodes one character of UTF-8; returns its length, 0: invalid. */
size_t text_utf8(const uint8_t *s, size_t len, uint32_t *c);
/* Whether a character is safe to print: no control character, and none that changes the direction
 * of the rest of the line. */
bool text_is_printable(uint32_t c);
/* Copies `len` octets to `to`, which may be `from`; each character that is not printable or is no
 * UTF-8 becomes a question mark.  Returns the length, which is not greater. */
size_t text_clean(char *to, const void *from, size_t len);

#endif
