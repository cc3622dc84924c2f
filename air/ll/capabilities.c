/* What a controller can do, by its version and its configuration; and controllers as they are sold,
 * as data: version, features, connections, buffers.  Versions are HCI's numbers: Assigned Numbers,
 * as in Vol 4, Part E, 7.4.1.
 *
 * Names of other files:
 *   c: the controller
 *   cfg: what the program gave when it made the controller, or the air: woad_air_controller_config
 *   FEATURE_2M: FEATURE_…: bits of LE features.  Vol 6, Part B, 4.6
 *   host_features: features that the host has set: bits
 *   VERSION_4_0: VERSION_…: versions of the specification, as HCI counts them */
#include "host.h"

/* OF_…: features of the controllers below; from 5.1 on also the features that a version may have at
 * most.  ALL_5_0: at most in 5.0, which has periodic advertising as an option. */
#define BIT(n) (1ull << (n))
#define OF_4_0 BIT(FEATURE_ENCRYPTION)
#define OF_4_1 \
    (OF_4_0 | BIT(FEATURE_PARAM_REQ) | BIT(FEATURE_REJECT_EXT) | BIT(FEATURE_PERIPHERAL) | \
     BIT(FEATURE_PING))
#define OF_4_2 (OF_4_1 | BIT(FEATURE_LENGTH) | BIT(FEATURE_PRIVACY))
#define OF_5_0 \
    (OF_4_2 | BIT(FEATURE_2M) | BIT(FEATURE_CODED) | BIT(FEATURE_EXT_ADV) | BIT(FEATURE_CSA2))
#define ALL_5_0 (OF_5_0 | BIT(FEATURE_PERIODIC))
#define OF_5_1 (ALL_5_0 | BIT(FEATURE_PAST_SENDER) | BIT(FEATURE_PAST_RECIPIENT) | BIT(FEATURE_SCA))
#define OF_5_2 \
    (OF_5_1 | BIT(FEATURE_POWER) | BIT(FEATURE_POWER_CHANGE) | BIT(FEATURE_PATH_LOSS) | \
     BIT(FEATURE_CIS_CENTRAL) | BIT(FEATURE_CIS_PERIPHERAL) | BIT(FEATURE_BROADCASTER) | \
     BIT(FEATURE_RECEIVER))
#define OF_5_3 (OF_5_2 | BIT(FEATURE_SUBRATE))

/* The features of each version, and how many LE events it has: 7.7.65. */
static const struct {
    uint64_t features;
    uint8_t le_events;
} versions[] = {
    { OF_4_0, 5 },  { OF_4_1, 6 },  { OF_4_2, 11 }, { ALL_5_0, 20 },
    { OF_5_1, 24 }, { OF_5_2, 34 }, { OF_5_3, 35 }, { OF_5_3, 41 },
};

/* The row of `versions`; versions later than the last have its row, earlier ones the first. */
static size_t version_row(uint8_t version)
{
    size_t n = 0;
    if (version >= VERSION_4_0) {
        n = (size_t)(version - VERSION_4_0);
    }
    size_t last = sizeof versions / sizeof *versions - 1;
    if (n < last) {
        return n;
    }
    return last;
}

/* The features that a controller of this version can have: bits FEATURE_…. */
uint64_t version_features(uint8_t version)
{
    return versions[version_row(version)].features;
}

/* The LE events that exist in this version: bit n - 1 for subevent n. */
uint64_t version_le_events(uint8_t version)
{
    return (1ull << versions[version_row(version)].le_events) - 1;
}

/* What is simulated and the configuration allows, of its version; and what its host has set. */
uint64_t controller_features(const controller *c)
{
#define HAS(feature) (1ull << FEATURE_##feature)
    uint64_t mine = HAS(PARAM_REQ) | HAS(REJECT_EXT) | HAS(PERIPHERAL) | HAS(PING) | HAS(LENGTH) |
                    HAS(2M) | HAS(CODED) | HAS(CSA2) | HAS(SCA) | HAS(POWER) | HAS(POWER_CHANGE) |
                    HAS(PATH_LOSS) | HAS(SUBRATE);
    if (c->cfg.adv_sets) {
        mine |= HAS(EXT_ADV) | HAS(PERIODIC) | HAS(PAST_SENDER) | HAS(PAST_RECIPIENT);
    }
    if (c->cfg.iso) {
        mine |= HAS(CIS_CENTRAL) | HAS(CIS_PERIPHERAL) | HAS(BROADCASTER) | HAS(RECEIVER);
    }
    if (c->cfg.crypto) {
        mine |= HAS(ENCRYPTION) | HAS(PRIVACY);
    }
#undef HAS
    mine &= version_features(controller_version(c));
    return (c->cfg.features ? mine & c->cfg.features : mine) | c->ll->host_features;
}

/* FEATURE_…: a bit of controller_features(). */
bool controller_has(const controller *c, uint8_t feature)
{
    return controller_features(c) >> feature & 1;
}

/* HCI's number; without one in the configuration, the newest here. */
uint8_t controller_version(const controller *c)
{
    uint8_t result = VERSION_5_4;
    if (c->cfg.hci_version) {
        result = c->cfg.hci_version;
    }
    return result;
}

/* Bits 0 to 2: 1M, 2M, coded. */
uint8_t phys_supported(const controller *c)
{
    return (uint8_t)(1 | controller_has(c, FEATURE_2M) << 1 |
                     controller_has(c, FEATURE_CODED) << 2);
}

/* --- controllers as they are sold ------------------------------------------------------------- */

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
    { "5.1", "and periodic advertising, handed over too", 10, 16, 8, 4, 0, 251, OF_5_1 },
    { "5.2", "and isochronous streams, power control", 11, 16, 8, 4, 8, 251, OF_5_2 },
    { "5.3", "and subrating", 12, 20, 12, 8, 8, 251, OF_5_3 },
    { "5.4", "all there is here", 13, 20, 12, 8, 8, 251, OF_5_3 },
};
enum { PROFILES = sizeof profiles / sizeof *profiles };

/* strcmp() is of the C library, which air/ does without. */
static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/* Sets the fields of the configuration that a profile has; false: there is none of this name. */
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

/* The name of the n-th profile, and what it is; NULL: there are no more. */
const char *woad_air_profile_name(size_t n, const char **what)
{
    if (n >= PROFILES) {
        return NULL;
    }
    *what = profiles[n].what;
    return profiles[n].name;
}
