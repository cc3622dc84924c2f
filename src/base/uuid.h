/* UUIDs in PDUs.  Vol 3, Part B, 2.5.1 */
#ifndef WOAD_BASE_UUID_H
#define WOAD_BASE_UUID_H

#include <woad/uuid.h>

#include "buf.h"

/* Reads a UUID of 2 or 16 octets; false: another size, or the PDU is too short. */
bool uuid_read(struct rd *in, size_t size, struct woad_uuid *uuid);
/* Writes 2 or 16 octets: a 32-bit UUID in its 128-bit form. */
void uuid_write(struct wr *out, const struct woad_uuid *uuid);
/* The 128-bit form. */
void uuid_widen(const struct woad_uuid *uuid, uint8_t le[16]);
/* The 16-bit form; 0: it has none. */
uint16_t uuid_short(const struct woad_uuid *uuid);

#endif
