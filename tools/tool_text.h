/* Values, names and addresses as text: for people, and as JSON. */
#ifndef WOAD_TOOL_TEXT_H
#define WOAD_TOOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <woad/gap.h>

enum { TOOL_ADDR_TEXT = 18 }; /* octets of an address as text, its 0 included */

/* Prints `len` octets of a stranger's text, safe for a terminal. */
void text_show(const void *text, size_t len);
/* Prints a JSON string; what is no UTF-8 becomes U+FFFD. */
void text_json(const void *text, size_t len);
/* Prints octets as "01ff"; `between`: what stands between two of them. */
void text_hex(const uint8_t *data, size_t len, const char *between);
/* Whether these octets, at least two, are printable UTF-8.  One NUL at the end counts, too. */
bool text_readable(const uint8_t *data, size_t len);

/* "C0:11:22:33:44:55" and a NUL. */
void text_addr(char to[TOOL_ADDR_TEXT], const struct woad_addr *addr);
/* "public" or "random". */
const char *text_addr_type(const struct woad_addr *addr);
/* Parses six octets with colons or dashes; the type is not touched. */
bool text_parse_addr(struct woad_addr *addr, const char *text);

/* A value on a command line: octets in hexadecimal ("01ff", "0x01ff", "01 ff"); else text, also in
 * quotes: "\"beef\"".  Returns the number of octets, or -1: more than `room`. */
int text_parse_value(uint8_t *to, size_t room, const char *text);

/* The name that the Assigned Numbers have for a UUID; NULL: none that this table has. */
const char *uuid_name(const struct woad_uuid *uuid);
/* Prints the UUID and its name: "2a19 Battery Level". */
void uuid_show(const struct woad_uuid *uuid);
/* Parses a UUID, or the name of one: "battery level". */
bool uuid_parse(struct woad_uuid *uuid, const char *text);

#endif
