/* Periodic advertising: what its files share.
 * Vol 6, Part B, 2.3.1.9, 2.3.4.6, 4.4.2.12, 4.4.3.4 */
#ifndef WOAD_AIR_PERIODIC_H
#define WOAD_AIR_PERIODIC_H

#include "ext.h"

enum { PERIODIC_HEAR_US = 40 };

/* The SyncInfo of a set for a packet that begins at `from`: see periodic.c. */
struct sync_info periodic_adv_sync_info(const controller *c, const struct ll_adv *a, uint64_t from,
                                        uint32_t min_us);
void sync_info_write(struct wr *out, const struct sync_info *s);
struct sync_info sync_info_read(struct rd *in);

/* sync.c */
struct sync *sync_free(controller *c);
struct sync *sync_by_handle(controller *c, uint16_t handle);
struct sync *sync_with(controller *c, const struct address *who, uint8_t sid);
void sync_begin(controller *c, struct sync *s, const struct sync_info *info, uint64_t from);
void sync_end(controller *c, struct sync *s);
/* periodic_commands.c */
void evt_sync_established(controller *c, const struct sync *s, uint8_t status);
void evt_sync_lost(controller *c, const struct sync *s);
void evt_periodic_report(controller *c, const struct sync *s, const struct ext *e, struct rd data,
                         uint8_t status, int8_t rssi);
uint16_t sync_handle(const controller *c, const struct sync *s);

#endif
