/* Extended advertising, for its two files and the legacy ones, which go by its commands where the
 * controller has them: the two kinds may not be mixed.  Vol 4, Part E, 3.1.1 */
#ifndef WOAD_GAP_EXT_H
#define WOAD_GAP_EXT_H

#include "host.h"

/* h->extends, when it is up: the controller has the commands, and woad_extended is
 * named. */
enum { EXT_ADVERTISES = 1, EXT_SCANS = 2, EXT_CONNECTS = 4 };

/* Extended commands in the place of legacy ones; each returns its opcode. */
struct ext_role {
    void (*up)(struct woad *h);          /* what the controller can is known */
    bool (*connectable)(const struct woad *h);             /* a set of ours is, now */
    /* Or the removal of a set with other properties: everything in `dirty` is to follow then. */
    uint16_t (*adv_params)(struct woad *h, const struct woad_adv_params *p, uint8_t *dirty,
                           struct wr *params);
    uint16_t (*adv_address)(struct woad *h, struct wr *params);            /* 0: it has ours */
    uint16_t (*adv_data)(bool response, const uint8_t *data, size_t len, struct wr *params);
    uint16_t (*adv_enable)(const struct woad_adv_params *p, bool on, struct wr *params);
    uint16_t (*scan_params)(struct woad *h, const struct woad_scan_params *p, struct wr *params);
    uint16_t (*scan_enable)(const struct woad_scan_params *p, bool on, struct wr *params);
    uint16_t (*create)(struct woad *h, const struct woad_addr *peer, bool any,
                       const struct woad_connect_params *p, struct wr *params);
};

static inline bool ext_advertises(const struct woad *h)
{
    return h->extends & EXT_ADVERTISES;
}

static inline bool ext_scans(const struct woad *h)
{
    return h->extends & EXT_SCANS;
}

static inline bool ext_connects(const struct woad *h)
{
    return h->extends & EXT_CONNECTS;
}

/* gap_scan.c: a report, if somebody scans. */
void scan_tell(struct woad *h, enum woad_event_type type, struct woad_event *ev,
               struct woad_addr *whose);
/* gap_adv.c: the controller has ended legacy advertising by itself; status 0: by a connection. */
void adv_ended(struct woad *h, int status);

#endif
