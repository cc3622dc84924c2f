/* Features: parts of the host that config.features names, a list that ends with NULL.
 *
 * Names of other files:
 *   cfg: the config that the application gave to woad_init()
 *   commands_idle: no feature has an HCI command to send; false: poll them all again
 *   HOST_UP: the controller has been brought up: HCI commands may be sent */
#include "feature.h"
#include "host.h"

/* For a public function of a feature; `memory` is the feature's.  0, or why it can't be served. */
int feature_for_call(struct woad *h, const void *memory)
{
    h->commands_idle = false;
    if (!memory) {
        return WOAD_ENOTSUP;
    }
    if (h->state == HOST_UP) {
        return 0;
    }
    return WOAD_ENODEV;
}

bool feature_named(const struct woad *h, const struct woad_feature *feature)
{
    const struct woad_feature *const *f = h->cfg.features;
    while (*f && *f != feature) {
        f++;
    }
    return *f;
}
