/* Channel map updates of periodic advertising and of BIGs. */
#ifndef WOAD_AIR_CHANNELS_H
#define WOAD_AIR_CHANNELS_H

#include "ll.h"

enum { REMAP_ACAD = 9 }; /* octets of ACAD that an update takes */

/* Two channels at least. */
bool channels_valid(const uint8_t chm[5]);
/* `chm`: the map in force before the update; `event`: an event counter.  channels.c says what each
 * does and returns. */
const uint8_t *remap_at(const struct remap *r, const uint8_t chm[5], uint16_t event);
void remap_settle(struct remap *r, uint8_t chm[5], uint16_t event);
unsigned remap_wait(const struct remap *r, uint16_t event);
bool remap_begin(const controller *c, struct remap *r, const uint8_t chm[5], uint16_t event);
size_t remap_write(const struct remap *r, uint8_t acad[REMAP_ACAD]);
void remap_read(struct remap *r, struct rd acad, uint16_t event);

#endif
