/* What woad_init() makes of the application's config: see core/config.h.  config_check.c has the
 * same rules, with reasons.
 *
 * Names of other files:
 *   complete_config: a feature's part of this (core/feature.h)
 *   CONFIG_MTU_MAX: the largest config.mtu
 *   CONFIG_MTU_MIN: the least config.mtu
 *   frame_max: of a feature's needs: octets of the largest L2CAP payload that it sends or receives
 *   needs: what only some features require: struct woad_needs
 *   rx_frame_max: octets of the largest L2CAP payload that the host can receive
 *   tx_frame_max: octets of the largest L2CAP payload that the host sends */
#include "../core/config.h"

#include "../core/feature.h"
#include "../core/host.h"

static const struct woad_feature *const no_features[] = { NULL };

/* Raises what is less than is needed, and computes the sizes of frames.  False: not valid. */
bool config_complete(struct woad *h, struct woad_config *c)
{
    if (!c->features) {
        c->features = no_features;
    }
    if (!c->conns) {
        c->conns = WOAD_DEFAULT_CONNS;
    }
    if (!c->subscriptions) {
        c->subscriptions = WOAD_DEFAULT_SUBSCRIPTIONS;
    }
    if (!c->mtu) {
        c->mtu = WOAD_DEFAULT_MTU;
    }
    for (const struct woad_feature *const *f = c->features; *f; f++) {
        const struct woad_needs *needs = (*f)->needs;
        if (needs) {
            if (h->tx_frame_max < needs->frame_max) {
                h->tx_frame_max = needs->frame_max;
            }
            if (needs->complete_config) {
                needs->complete_config(h, c);
            }
        }
    }
    uint16_t queue = (uint16_t)(c->mtu + 2);
    if (c->tx_queue < queue) {
        c->tx_queue = queue;
    }
    if (h->tx_frame_max < c->mtu) {
        h->tx_frame_max = c->mtu;
    }
    if (h->rx_frame_max < h->tx_frame_max) {
        h->rx_frame_max = h->tx_frame_max;
    }
    return c->event && c->mtu >= CONFIG_MTU_MIN && c->mtu <= CONFIG_MTU_MAX;
}
