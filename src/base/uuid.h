/* UUIDs in PDUs.  Vol 3, Part B, 2.5.1 */
#ifndef WOAD_BASE_UUID_H
#define WOAD_BASE_UUID_H

#include <woad/uuid.h>

#include "buf.h"

bool uuid_read(struct rd *in, size_t size, struct woad_uuid *uuid); /* size: 2 or 16 */
void uuid_write(struct wr *out, const struct woad_uuid *uuid);
uint16_t uuid_short(const struct woad_uuid *uuid); /* 0 when it has no 16-bit form */

#endif
