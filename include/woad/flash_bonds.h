/* A store of bonds in a microcontroller's flash: two sectors, used in turn, so that both wear
 * alike.  Each change appends a record; when a sector is full, the other one is erased and gets
 * what still counts.  Wherever the power is cut, each bond is afterwards as it was before the
 * change, or as after it; this device's IRK is kept with the bonds.
 *
 *     static struct woad_flash_bonds bonds;
 *     woad_flash_bonds_open(&bonds, &flash);                 // before woad_start()
 *     …
 *     static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
 *     {
 *         woad_flash_bonds_event(&bonds, h, ev);             // first of all, every event
 *
 * It is in an object of its own, without a heap, and linked only where it is called. */
#ifndef WOAD_FLASH_BONDS_H
#define WOAD_FLASH_BONDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct woad;
struct woad_event;
struct woad_addr;

/* The flash: two sectors, each of one or more pages that are erased together, and three functions,
 * which return 0 or a negative number.  None is called from inside woad_rx() and the like but from
 * inside the event callback, and an erasure takes the time that the part needs. */
struct woad_flash {
    uint32_t sector_size; /* octets, 1,024 or more, a multiple of `unit`.  Bonds take about 85
                           * octets each, 272 at most; with twice the room the flash wears slowly */
    uint8_t unit;         /* octets programmed at a time: 1, 2, 4, 8 or 16 */
    /* A negative number: the part has not answered.  Nothing is erased or believed then, as if the
     * bonds were there but out of reach.  Octets that the part's ECC calls wrong are no failure:
     * give any, and return 0, because a loss of power leaves such units. */
    int (*read)(void *ctx, uint8_t sector, uint32_t offset, void *to, size_t len);
    /* Changes bits from 1 to 0.  offset and len are multiples of `unit`, `from` is aligned as
     * uint64_t.  The units are programmed in order; none twice between erasures. */
    int (*program)(void *ctx, uint8_t sector, uint32_t offset, const void *from, size_t len);
    int (*erase)(void *ctx, uint8_t sector); /* sets all bits */
    void *ctx;
};

enum { WOAD_FLASH_RECORD = 256, WOAD_FLASH_CCCDS = 27 }; /* octets; subscriptions kept of a bond */

/* In static memory, from woad_flash_bonds_open() on.  The fields are private, but `error`. */
struct woad_flash_bonds {
    struct woad_flash flash;
    int error;           /* of the last change: 0; or it is not in the flash: WOAD_EIO, or
                          * WOAD_ENOMEM for want of room.  WOAD_EIO also: a read has failed */
    uint32_t generation; /* of the sector in use: one more for each erasure */
    uint32_t end;        /* offset behind its last record */
    uint8_t sector;
    bool begun : 1, unclean : 1, unread : 1, no_irk : 1, irk_made : 1;
    union {
        uint8_t octets[WOAD_FLASH_RECORD];
        uint64_t align;
    } record;
};

/* Reads the flash, and repairs what a loss of power has left.  Sectors without a store become an
 * empty one.  Where octets have changed by themselves, the log ends, and what was written behind
 * them is lost.  *flash is copied.  WOAD_EINVAL: *flash is not valid; WOAD_EIO: the flash failed;
 * if reads did, nothing has changed, call it again.  Until it returns 0, events may be without
 * effect, with WOAD_EIO in `error`. */
int woad_flash_bonds_open(struct woad_flash_bonds *f, const struct woad_flash *flash);

/* Pass it every event, before the application acts on it.  At WOAD_EV_UP the host gets the IRK and
 * the bonds.  The IRK is made at the first start, from woad_random(); if it cannot be written
 * (WOAD_EIO in `error`), each WOAD_EV_BOND tries again.  A bond is in the flash when the event
 * WOAD_EV_BOND returns; see `error`.  If all have no room, peers that wait after failures are
 * dropped, then bonds that are not stronger than the new one: the weakest, and of equal ones
 * those that have not changed for the longest time.  If that is not enough, the new one is not
 * kept: WOAD_ENOMEM, and an older state of it is forgotten.  A new bond takes no stronger
 * bond's place: WOAD_EACCES.  For a peer that waits no bond is dropped, and nothing erased
 * unless a quarter of the sector is free then. */
void woad_flash_bonds_event(struct woad_flash_bonds *f, struct woad *h,
                            const struct woad_event *ev);

/* Forgets a peer, NULL: all peers, and erases its keys in both sectors; the host's own bond needs
 * woad_bond_remove().  After a loss of power inside, it, or all, are forgotten or not.
 * WOAD_ENOENT: there is none; WOAD_EIO: call it again. */
int woad_flash_bonds_forget(struct woad_flash_bonds *f, const struct woad_addr *peer);

#ifdef __cplusplus
}
#endif

#endif
