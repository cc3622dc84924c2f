#!/bin/sh
# A target whose structs have other sizes than those of the tree's woad/sizes.h: CMake writes a header
# for it, with which the sources compile; without it they do not.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
at=$(mktemp -d)
trap 'rm -rf "$at"' EXIT
flags="-std=c99 -fpack-struct=2 -c -o $at/object $root/scripts/static_sizes.c"
cmake -S "$root" -B "$at" -DWOAD_TESTS=OFF -DWOAD_INSTALL=OFF -DCMAKE_C_FLAGS=-fpack-struct=2 >"$at/log"
# shellcheck disable=SC2086
cc -I"$at/sizes/include" -I"$root/include" $flags
# shellcheck disable=SC2086
if cc -I"$root/include" $flags 2>/dev/null; then
    echo "the tree's sizes fit, too: this proves nothing"
    exit 1
fi
# The other way to write it.
CC="cc -fpack-struct=2" "$root/scripts/static_sizes.py" "$at/sizes.h"
grep -h "#define WOAD_SIZE_" "$at/sizes.h" | sort >"$at/one"
grep -h "#define WOAD_SIZE_" "$at/sizes/include/woad/sizes.h" | sort >"$at/other"
cmp "$at/one" "$at/other"
