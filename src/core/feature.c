/* Features: see feature.h. */
#include "feature.h"
#include "host.h"

int feature_for_call(struct woad *h, const void *memory)
{
    h->commands_idle = false;
    if (!memory) {
        return WOAD_ENOTSUP;
    }
    return h->state == HOST_UP ? 0 : WOAD_ENODEV;
}
