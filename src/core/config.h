/* Limits of the config, for the rules in host/host.c and for the explanation of them in
 * host/config_check.c. */
#ifndef WOAD_CORE_CONFIG_H
#define WOAD_CORE_CONFIG_H

enum {
    CONFIG_MTU_MIN = 23,
    CONFIG_MTU_MIN_ENHANCED = 64, /* with Enhanced ATT bearers.  Vol 3, Part G, 5.3.1 */
    CONFIG_MTU_MAX = 527,         /* the longest value, 512, in a Prepare Write */
    CONFIG_MPS_MAX = 65533
};

/* Octets of a connection's queue of signalling responses: each channel may have one to send. */
#define SIGNALLING_QUEUE(channels) ((channels) < 7 ? 24 + 16 * (channels) : 128)

#endif
