# Sourced by the other scripts: folders, messages, how to run a long command.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build
say() {
    if [ -t 2 ]; then printf '\033[1m%s\033[0m\n' "$*" >&2; else printf '%s\n' "$*" >&2; fi
}
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
# Settings of MicroPython's unix port, the same for every build of it.
mpy_flags="MICROPY_PY_BTREE=0 MICROPY_PY_FFI=0"
# What this source of MicroPython has: its submodules are in a checkout, and not in Debian's source.
# Sets mpy_flags, and builds the compiler of frozen modules.
mpy_source() {
    if [ ! -e "$1/lib/mbedtls/library" ]; then
        mpy_flags="$mpy_flags MICROPY_PY_SSL=0 MICROPY_SSL_MBEDTLS=0"
    fi
    frozen=$root/ports/micropython/frozen
    if [ -e "$1/lib/micropython-lib/unix-ffi" ]; then
        mpy_flags="$mpy_flags FROZEN_MANIFEST=$frozen/manifest_mip.py MPY_LIB_DIR=$1/lib/micropython-lib"
    else
        mpy_flags="$mpy_flags FROZEN_MANIFEST=$frozen/manifest.py MPY_LIB_DIR=$frozen"
    fi
    mpy_flags="$mpy_flags MICROPY_MPYCROSS=$build/mpy-cross/mpy-cross MICROPY_MPYCROSS_DEPENDENCY="
    make -j "$jobs" -C "$1/mpy-cross" BUILD="$build/mpy-cross" >"$build/mpy-cross.log" 2>&1 || {
        tail -n 30 "$build/mpy-cross.log" >&2
        die "MicroPython's mpy-cross did not build"
    }
}
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/woad
# The Debian mirror that this machine's apt uses.
mirror() {
    uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
        2>/dev/null | grep -vE '^[[:space:]]*#' | grep -oE '(https?|mirror\+file|file):[^][:space:]]+' |
        grep -E '/debian/?$' | head -n 1)
    echo "${uri:-http://deb.debian.org/debian}"
}
# MicroPython's version in Debian, and the keyring that signs it.
version=1.25.0+ds-1
debian_keyring() {
    for k in /usr/share/keyrings/debian-archive-keyring.gpg \
        /usr/share/keyrings/debian-archive-keyring.pgp; do
        if [ -e "$k" ]; then echo "$k"; return; fi
    done
}
jobs=$(nproc 2>/dev/null || echo 2)
# Runs a long command: its output to a log, a dot a second to the terminal, its end on failure.
quietly() {
    log=$1; shift
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do printf '.' >&2; sleep 1; done
    if wait $pid; then echo >&2; else
        echo >&2; tail -n 30 "$log" >&2; die "failed: $*  (all of its output: $log)"
    fi
}
