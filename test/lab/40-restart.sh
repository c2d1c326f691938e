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

# In a scope of its own, whose end the manager has to notice; the next one has the same name.
terminated() {
    local i
    for i in {1..20}; do
        host_in systemd-run -q --collect --unit="again-$i" nspawn -q --register=yes -D /var/lib/machines/guest -M again sleep 60
        wait_for 10 is_there again || { host_in journalctl --no-pager -n 5; fail "round $i: not there"; }
        host_in machinectl terminate again
        wait_for 10 no_machine again || fail "round $i: still there"
    done
    wait_for 10 no_scope || fail "the scope is $(host_in systemctl is-active again.scope)"
}
is_there() { host_in machinectl show "$1" >/dev/null 2>&1; }
no_scope() { [[ $(host_in systemctl is-active again.scope) == inactive ]]; }

TAP_TIMEOUT=400 tap "50 starts, stops and restarts of a unit" leaves_nothing fifty guest
TAP_TIMEOUT=400 tap "a systemd guest stopped at 20 random moments of its boot" leaves_nothing random_stops
if [[ $LAB_UNIT == nspawn ]]; then
    tap "20 machines of one name, terminated and started again" leaves_nothing terminated
fi
tap_done
