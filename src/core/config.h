/* Limits of the config, for the rules in host/config.c and for the explanation of them in
 * host/config_check.c. */
#ifndef WOAD_CORE_CONFIG_H
#define WOAD_CORE_CONFIG_H

#include <stdbool.h>

#include "../base/private_names.h"

struct woad;
struct woad_config;

enum {
    CONFIG_MTU_MIN = 23,
    CONFIG_MTU_MIN_ENHANCED = 64, /* with Enhanced ATT bearers.  Vol 3, Part G, 5.3.1 */
    CONFIG_MTU_MAX = 527,         /* the longest value, 512, in a Prepare Write */
    CONFIG_MPS_MAX = 65533
};

/* Octets of a connection's queue of signalling responses: each channel may have one to send. */
#define SIGNALLING_QUEUE(channels) ((channels) < 7 ? 24 + 16 * (channels) : 128)

/* Chooses for fields of `c` that are 0, raises what is less than is needed, and computes the sizes
 * of `h`'s frames.  What only one feature reads is set by its layout.  False: the config is not
 * valid. */
bool config_complete(struct woad *h, struct woad_config *c);

#endif
