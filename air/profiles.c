/* Controllers as they are sold: what they can do, as data.  The version is HCI's number: Assigned
 * Numbers, as in Vol 4, Part E, 7.4.1. */
#include "ll.h"

#define BIT(n) (1ull << (n))
#define OF_4_0 BIT(FEATURE_ENCRYPTION)
#define OF_4_1 (OF_4_0 | BIT(FEATURE_PARAM_REQ) | BIT(FEATURE_REJECT_EXT) | \
                BIT(FEATURE_PERIPHERAL) | \
                BIT(FEATURE_PING))
#define OF_4_2 (OF_4_1 | BIT(FEATURE_LENGTH) | BIT(FEATURE_PRIVACY))
#define OF_5_0 (OF_4_2 | BIT(FEATURE_2M) | BIT(FEATURE_CODED) | BIT(FEATURE_EXT_ADV) | \
                BIT(FEATURE_CSA2))
#define OF_5_4 (OF_5_0 | BIT(FEATURE_PERIODIC) | BIT(FEATURE_PAST_SENDER) | \
                BIT(FEATURE_PAST_RECIPIENT) | BIT(FEATURE_SCA) | BIT(FEATURE_POWER) | \
                BIT(FEATURE_POWER_CHANGE) | BIT(FEATURE_PATH_LOSS) | BIT(FEATURE_SUBRATE) | \
                BIT(FEATURE_CIS_CENTRAL) | BIT(FEATURE_CIS_PERIPHERAL) | \
                BIT(FEATURE_BROADCASTER) | BIT(FEATURE_RECEIVER))

static const struct {
    const char *name, *what;
    uint8_t version, conns, acl_count, adv_sets, iso;
    uint16_t acl_len;
    uint64_t features;
} profiles[] = {
    { "4.0", "one connection, two buffers of 27 octets", 6, 1, 2, 0, 0, 27, OF_4_0 },
    { "4.1", "three connections, four buffers of 27", 7, 3, 4, 0, 0, 27, OF_4_1 },
    { "4.2", "data length, eight connections", 8, 8, 6, 0, 0, 251, OF_4_2 },
    { "4.2-small", "data length, but one buffer of 69", 8, 4, 1, 0, 0, 69, OF_4_2 },
    { "5.0", "all PHYs, extended advertising", 9, 16, 8, 4, 0, 251, OF_5_0 },
    { "5.4", "all there is here", 13, 20, 12, 8, 8, 251, OF_5_4 },
};
enum { PROFILES = sizeof profiles / sizeof *profiles };

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

bool woad_air_profile(const char *name, struct woad_air_controller_config *config)
{
    for (size_t n = 0; n < PROFILES; n++) {
        if (same(profiles[n].name, name)) {
            config->hci_version = profiles[n].version;
            config->conns = profiles[n].conns;
            config->acl_count = profiles[n].acl_count;
            config->acl_len = profiles[n].acl_len;
            config->adv_sets = profiles[n].adv_sets;
            config->iso = profiles[n].iso;
            config->features = profiles[n].features;
            return true;
        }
    }
    return false;
}

const char *woad_air_profile_name(size_t n, const char **what)
{
    if (n >= PROFILES) {
        return NULL;
    }
    *what = profiles[n].what;
    return profiles[n].name;
}
