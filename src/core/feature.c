/* Features: see feature.h. */
#include "feature.h"
#include "host.h"

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
