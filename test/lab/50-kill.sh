#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGKILL of nspawn on a systemd host, in a unit and without one.
# shellcheck source=test/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
host_prepare
guest guest13
guest busybox bb
host_up

in_machine() {   # PID-NAMESPACE: is there a process in it?
    host_in bash -c "for p in /proc/[0-9]*; do [[ \$(readlink \$p/ns/pid) == '$1' ]] && exit 0; done; exit 1" 2>/dev/null
}
empty() { ! in_machine "$1"; }
no_interface() { ! host_in ip link show ve-guest >/dev/null 2>&1; }

kill_supervisor() {   # PID
    local leader ns=''
    leader=$(guest_leader 2>/dev/null || true)
    [[ ! $leader ]] || ns=$(host_in readlink "/proc/$leader/ns/pid" || true)
    host_in kill -KILL "$1"
    [[ ! $ns ]] || wait_for 1 empty "$ns" || fail "a process of the guest is alive a second later"
}

random_kills() {   # the unit: killed at 20 random moments, a clean start after each
    local i ms pid
    for i in {1..20}; do
        ms=$((RANDOM % 2500))
        echo "round $i: SIGKILL after $ms ms"
        host_in systemctl start --no-block "$(unit)"
        sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
        pid=$(supervisor_pid)
        [[ $pid != 0 ]] || continue
        kill_supervisor "$pid"
        host_in systemctl stop "$(unit)"
        host_in systemctl reset-failed "$(unit)" 2>/dev/null || true
        start_guest
        until_running
        stop_guest
    done
}

by_hand() {   # outside of a unit nobody cleans up but nspawn itself
    local i pid
    for i in 300 1200 2500; do
        echo "SIGKILL after $i ms"
        # a process group in the host's PID namespace, in a cgroup that systemd does not look after
        host_in setsid nspawn -q -b -n -D /var/lib/machines/guest </dev/null >/dev/null 2>&1 &
        sleep "$(printf '%d.%03d' $((i / 1000)) $((i % 1000)))"
        pid=$(host_in pgrep -o -x nspawn)
        kill_supervisor "$pid"
        wait_for 2 no_interface || fail "ve-guest is still there"
        wait_for 5 no_machine || fail "still registered"
        start_guest
        until_running
        stop_guest
    done
}

restarted_machined() {   # before it gets to the request
    host_run bash -c 'busctl call org.freedesktop.machine1 /org/freedesktop/machine1 org.freedesktop.DBus.Peer Ping
        kill -STOP $(systemctl show -p MainPID --value systemd-machined)
        nspawn -q --register=yes --pipe -M bb -D /var/lib/machines/bb true </dev/null & pid=$!
        sleep 0.3; systemctl restart --no-block systemd-machined; wait $pid'
}

[[ $LAB_UNIT != nspawn ]] || tap "machined is restarted meanwhile" leaves_nothing restarted_machined
TAP_TIMEOUT=600 tap "a unit killed at 20 random moments, each followed by a clean start" leaves_nothing random_kills
[[ $LAB_UNIT != nspawn ]] || tap "killed outside of a unit" leaves_nothing by_hand
tap_done
