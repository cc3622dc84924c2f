/* Advertising data: { length u8, type u8, value }, repeated.  The functions are described in gap.h.
 * Vol 3, Part C, 11
 *
 * Names of other files:
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   rd_bytes(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   rd_left(): octets not read yet (base/buf.h)
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h) */
#include <woad/woad.h>

#include "buf.h"

const uint8_t *woad_ad_find(const uint8_t *data, size_t len, uint8_t type, size_t *found_len)
{
    if (!data) {
        return NULL;
    }
    struct rd in = rd_of(data, len);
    while (rd_left(&in)) {
        uint8_t n = rd_u8(&in);
        if (n == 0) {
            break; /* early termination */
        }
        uint8_t t = rd_u8(&in);
        const uint8_t *value = rd_bytes(&in, n - 1u);
        if (in.bad) {
            break;
        }
        if (t == type) {
            *found_len = n - 1u;
            return value;
        }
    }
    return NULL;
}

int woad_ad_add(uint8_t *data, size_t *len, size_t room, uint8_t type, const void *value,
                size_t value_len)
{
    if (*len > room || value_len > 254 || room - *len < value_len + 2) {
        return WOAD_EINVAL;
    }
    struct wr out = wr_of(data + *len, room - *len);
    wr_u8(&out, (uint8_t)(value_len + 1));
    wr_u8(&out, type);
    wr_bytes(&out, value, value_len);
    *len += wr_len(&out);
    return 0;
}
