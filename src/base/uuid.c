/* UUIDs: compare, read and write, text.  Vol 3, Part B, 2.5.1
 *
 * Names of other files:
 *   get_le16(): 16 bits at any address, little endian
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h */
#include <woad/woad.h>

#include "uuid.h"

/* 00000000-0000-1000-8000-00805F9B34FB; the 16- and 32-bit forms stand in octets 12 to 15. */
static const uint8_t base_uuid[16] = { 0xfb, 0x34, 0x9b, 0x5f, 0x80, 0x00, 0x00, 0x80,
                                       0x00, 0x10, 0,    0,    0,    0,    0,    0 };

/* The 128-bit form. */
void uuid_widen(const struct woad_uuid *u, uint8_t le[16])
{
    uint8_t *at = le + 12;
    size_t len = 4;
    if (u->size <= 4) {
        len = u->size;
    }
    if (u->size == 16) {
        at = le;
        len = 16;
    }
    memcpy(le, base_uuid, 16);
    memcpy(at, u->le, len);
}

bool woad_uuid_equal(const struct woad_uuid *a, const struct woad_uuid *b)
{
    uint8_t wide_a[16], wide_b[16];
    if (a->size == b->size) {
        return memcmp(a->le, b->le, a->size) == 0;
    }
    uuid_widen(a, wide_a);
    uuid_widen(b, wide_b);
    return memcmp(wide_a, wide_b, 16) == 0;
}

/* The 16-bit form; 0: it has none. */
uint16_t uuid_short(const struct woad_uuid *u)
{
    uint8_t le[16];
    uuid_widen(u, le);
    if (memcmp(le, base_uuid, 12) == 0 && get_le16(le + 14) == 0) {
        return get_le16(le + 12);
    }
    return 0;
}

/* False: `size` is neither 2 nor 16, or the PDU is too short. */
bool uuid_read(struct rd *in, size_t size, struct woad_uuid *uuid)
{
    const uint8_t *p = NULL;
    if (size == 2 || size == 16) {
        p = rd_bytes(in, size);
    }
    if (!p) {
        return false;
    }
    uuid->size = (uint8_t)size;
    memset(uuid->le, 0, sizeof uuid->le);
    memcpy(uuid->le, p, size);
    return true;
}

/* ATT has no 32-bit UUIDs: they are sent in the 128-bit form.  Vol 3, Part F, 3.2.1 */
void uuid_write(struct wr *out, const struct woad_uuid *uuid)
{
    uint8_t wide[16];
    const uint8_t *le = uuid->le;
    size_t size = uuid->size;
    if (size == 4) {
        uuid_widen(uuid, wide);
        le = wide;
        size = sizeof wide;
    }
    wr_bytes(out, le, size);
}

/* The value of a hexadecimal digit; -1: it is none. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

int woad_uuid_parse(struct woad_uuid *uuid, const char *text)
{
    uint8_t nibble[32];
    size_t n = 0, dashes = 0;
    if (text[0] == '0' && (text[1] | 0x20) == 'x') {
        text += 2;
    }
    for (size_t at = 0; text[at]; at++) {
        int digit = hex_digit(text[at]);
        if (text[at] == '-' && (at == 8 || at == 13 || at == 18 || at == 23)) {
            dashes++;
            continue;
        }
        if (digit < 0 || n == sizeof nibble) {
            return WOAD_EINVAL;
        }
        nibble[n++] = (uint8_t)digit;
    }
    if ((n != 4 && n != 8 && n != 32) || (dashes && (dashes != 4 || n != 32))) {
        return WOAD_EINVAL;
    }
    memset(uuid, 0, sizeof *uuid);
    uuid->size = (uint8_t)(n / 2);
    for (size_t i = 0; i < n / 2; i++) {
        uuid->le[n / 2 - 1 - i] = (uint8_t)(nibble[2 * i] << 4 | nibble[2 * i + 1]);
    }
    return 0;
}

size_t woad_uuid_format(const struct woad_uuid *uuid, char text[37])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < uuid->size; i++) {
        uint8_t v = uuid->le[uuid->size - 1 - i];
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            text[n++] = '-';
        }
        text[n++] = digits[v >> 4];
        text[n++] = digits[v & 15];
    }
    text[n] = '\0';
    return n;
}
