#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Starting, stopping and restarting over and over: no leftover, no lost stop.
# shellcheck source=test/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
host_prepare
guest busybox
guest guest13 sid
host_up

fifty() {   # NAME: 50 rounds of start, stop and restart of the unit
    local i
    for i in {1..50}; do
        start_guest "$1"
        ((i % 2)) || host_in systemctl restart "$(unit "$1")"
        unit_is active "$1" || fail "round $i: not active"
        stop_guest "$1" || fail "round $i"
    done
}

random_stops() {   # stopped at 20 random moments of the boot
    local i ms
    for i in {1..20}; do
        ms=$((RANDOM % 1500))
        echo "round $i: stop after $ms ms"
        host_in systemctl start --no-block "$(unit sid)"
        sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
        stop_guest sid 15
    done
}

TAP_TIMEOUT=400 tap "50 starts, stops and restarts of a unit" leaves_nothing fifty guest
TAP_TIMEOUT=400 tap "a systemd guest stopped at 20 random moments of its boot" leaves_nothing random_stops
tap_done
