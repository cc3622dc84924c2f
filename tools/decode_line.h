/* One line of the decoder's output: text for a person, or a JSON object with the same fields. */
#ifndef WOAD_DECODE_LINE_H
#define WOAD_DECODE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct line {
    FILE *out;
    bool json, colour; /* colour: of the text */
    /* Names of devices by their addresses, NULL: unknown; may be NULL. */
    const char *(*device_name)(const void *ctx, const uint8_t *address);
    const void *ctx;
    /* The line that is written: */
    bool first;    /* nothing stands yet between this bracket and the next field */
    bool in_layer; /* a layer's object is open */
    bool bad;      /* line_bad() was called */
    char reason[80];
    const char *title; /* of the line's last layer, or the packet's name in it; constant */
};

enum line_colour { LINE_PLAIN, LINE_RED, LINE_GREEN, LINE_YELLOW, LINE_BLUE, LINE_CYAN };

void line_begin(struct line *l);
/* Ends the line, with the reason of line_bad() if there is one. */
void line_end(struct line *l);
/* Begins a protocol's part: an object `key` in JSON, `title` in text. */
void line_layer(struct line *l, const char *key, const char *title, enum line_colour colour);
/* The packet's name. */
void line_name(struct line *l, const char *name);
/* Notes that the packet breaks its format; the first reason stays. */
void line_bad(struct line *l, const char *reason);

void line_number(struct line *l, const char *key, uint64_t value);
/* In JSON only: what a reader of text does not miss. */
void line_detail(struct line *l, const char *key, uint64_t value);
void line_signed(struct line *l, const char *key, int value);
void line_real(struct line *l, const char *key, double value, int digits);
/* Hexadecimal in text. */
void line_hex(struct line *l, const char *key, uint64_t value, int digits);
/* The name in text, the number if `name` is NULL; both in JSON. */
void line_named(struct line *l, const char *key, uint32_t value, const char *name);
void line_word(struct line *l, const char *key, const char *word);
/* Text of strangers, in quotes; what is not printable becomes question marks. */
void line_text(struct line *l, const char *key, const uint8_t *text, size_t len);
/* Octets in hexadecimal, and as text where all of them are printable. */
void line_octets(struct line *l, const char *key, const uint8_t *octets, size_t len);
/* Six octets, the last first; and the device's name, if that is known. */
void line_address(struct line *l, const char *key, const uint8_t *octets);
/* A UUID of 2, 4 or 16 octets, with its name. */
void line_uuid(struct line *l, const char *key, const uint8_t *octets, size_t len);

void line_list(struct line *l, const char *key);
void line_item(struct line *l);
void line_item_end(struct line *l);
void line_list_end(struct line *l);

#endif
