#!/bin/sh
# nothing_more.sh libwoad.a COMPILER-FLAGS...  What explains costs its callers alone: a program that
# calls woad_config_check() links the features that it names, and no other; one that does not call it
# has neither the check nor a text of an error.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
archive=$1
shift
at=$(mktemp -d)
trap 'rm -rf "$at"' EXIT
cat >"$at/program.c" <<'END'
#include <woad/woad.h>
static const struct woad_feature *const features[] = { &woad_feature_advertiser, NULL };
static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx, (void)h, (void)ev;
}
int main(void)
{
    struct woad_config config = { .features = features, .event = on_event };
#ifdef CHECK
    if (woad_config_check(&config, NULL))
        return 1;
#endif
    return woad_size(&config) == 0;
}
END
cc "$@" -no-pie -I"$root/include" -DCHECK -o "$at/with" "$at/program.c" "$archive"
cc "$@" -no-pie -I"$root/include" -o "$at/without" "$at/program.c" "$archive"
"$at/with"
"$at/without"
[ "$(nm "$at/with" | grep -o ' woad_feature_.*')" = " woad_feature_advertiser" ]
! nm "$at/without" | grep -E 'config_check|strerror|event_name|error_text'
