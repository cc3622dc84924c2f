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

#define WOAD_UUID16(v) \
    { \
        2, \
        { \
            (uint8_t)((v)&0xff), (uint8_t)((v) >> 8) \
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
