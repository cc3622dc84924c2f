/* UUIDs as GATT uses them: 16, 32 or 128 bits.  Vol 3, Part B, 2.5.1 */
#ifndef WOAD_UUID_H
#define WOAD_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `size` is 2, 4 or 16 octets; `le` holds them least significant first, as on the air. */
struct woad_uuid {
    uint8_t size;
    uint8_t le[16];
};

#define WOAD_UUID16(v) \
    { \
        2, \
        { \
            (uint8_t)((v)&0xff), (uint8_t)((v) >> 8) \
        } \
    }

/* True when both name the same UUID, whatever their sizes: a short one is shorthand for its
 * 128-bit form on the Bluetooth base UUID. */
bool woad_uuid_equal(const struct woad_uuid *a, const struct woad_uuid *b);

/* Parses "180d", "0x180d", "0000180d" or the 36-character form, that with all its dashes or none.
 * Returns 0, or WOAD_EINVAL with *uuid unchanged. */
int woad_uuid_parse(struct woad_uuid *uuid, const char *text);

/* Writes "180d", "0000180d" or the 36-character form and a NUL.  Returns the length. */
size_t woad_uuid_format(const struct woad_uuid *uuid, char text[37]);

#endif
