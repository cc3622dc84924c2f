/* UUIDs as GATT uses them: 16, 32 or 128 bits.  Vol 3, Part B, 2.5.1 */
#ifndef WOAD_UUID_H
#define WOAD_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct woad_uuid {
    uint8_t size;   /* octets: 2, 4 or 16 */
    uint8_t le[16]; /* least significant first, as on the air; those beyond `size` do not count */
};

/* Initialisers, in static tables, too:
 *
 *     static const struct woad_uuid battery = WOAD_UUID16(0x180f);
 *     // 6e400001-b5a3-f393-e0a9-e50e24dcca9e, with ", 0x" in the place of each dash:
 *     static const struct woad_uuid uart =
 *         WOAD_UUID128(0x6e400001, 0xb5a3, 0xf393, 0xe0a9, 0xe50e24dcca9e);
 *
 * A number that is too large gets a warning from a C compiler, and is an error in C++. */
#define WOAD_UUID16(v) \
    { \
        2, \
        { \
            (v) & 0xff, (v) >> 8 \
        } \
    }
#define WOAD_UUID128(a, b, c, d, e) \
    { \
        16, \
        { \
            (e) & 0xff, (e) >> 8 & 0xff, (e) >> 16 & 0xff, (e) >> 24 & 0xff, (e) >> 32 & 0xff, \
                (e) >> 40, (d)&0xff, (d) >> 8, (c)&0xff, (c) >> 8, (b)&0xff, (b) >> 8, (a)&0xff, \
                (a) >> 8 & 0xff, (a) >> 16 & 0xff, (a) >> 24 \
        } \
    }

/* Compares UUIDs of any sizes: a short one stands for its 128-bit form on the Bluetooth Base UUID.
 */
bool woad_uuid_equal(const struct woad_uuid *a, const struct woad_uuid *b);

/* Parses "180d", "0x180d", "0000180d", or the 128-bit form with all four dashes or none.  Returns
 * 0; or WOAD_EINVAL, and *uuid is unchanged. */
int woad_uuid_parse(struct woad_uuid *uuid, const char *text);

/* Writes "180d", "0000180d" or the 36-character form, and a NUL.  Returns the length without it. */
size_t woad_uuid_format(const struct woad_uuid *uuid, char text[37]);

#ifdef __cplusplus
}
#endif

#endif
