#!/bin/sh
# replayed.sh TEST: runs a test of hosts with logs of their packets; then again, with each host's log in its
# controller's place.  What a host takes from the system's random numbers is of WOAD_SEED.
set -e
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export WOAD_SEED=1
WORLD_BTSNOOP=$logs "$1" >"$logs/recorded" 2>&1 || { cat "$logs/recorded"; exit 1; }
[ -e "$logs/1.btsnoop" ] || { echo "no host has sent a packet"; exit 1; }
WORLD_REPLAY=$logs "$1"
