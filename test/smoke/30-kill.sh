#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGKILL of the supervisor: the machine is gone within a second, whatever it wants, and the next start works.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

below() { descendants "$supervisor"; }
all_gone() { local p; for p in "$@"; do [[ ! -e /proc/$p ]] || return 1; done; }

kill_now() {   # kills the supervisor of $supervisor; all that was below it is gone within a second
    local init
    local -a pids
    mapfile -t pids < <(below)
    init=$(guest_init "$supervisor" || true)
    [[ ! $init ]] || ours=$(readlink "/proc/$init/ns/pid")
    kill -KILL "$supervisor"
    wait "$supervisor" 2>/dev/null || true
    wait_for 1 all_gone "${pids[@]}" || { ps -o pid,ppid,stat,args "${pids[@]}"; fail "alive a second later"; }
    [[ ! ${ours:-} ]] || wait_for 1 nobody_in "$ours" || fail "a process of the machine is alive a second later"
}
nobody_in() {   # PID NAMESPACE
    local p
    for p in /proc/[0-9]*; do
        [[ $(readlink "$p/ns/pid" 2>/dev/null) != "$1" ]] || return 1
    done
}

kill_running() {   # the guest is up; options in $@
    start -b -D "$tree" "$@"
    until_login
    kill_now
    # at once, with the same name and tree, and this time with an orderly end
    start -b -D "$tree" "$@"
    until_login
    stop_cleanly
}

kill_at() {   # MILLISECONDS
    start -b -D "$tree"
    sleep "0.$1"
    kill_now
    nspawn -q -D "$tree" /bin/true
}

stubborn() {   # a payload that clears every way of being told
    start -q -D "$tree" /bin/sh -c 'trap "" TERM HUP INT QUIT USR1 USR2 PIPE; setsid sleep 300 & setsid sleep 300 &
        echo here; while :; do sleep 1; done'
    until_shown here 20
    kill_now
}

copy busybox
tap "a running busybox guest" leaves_nothing kill_running
tap "a running busybox guest with an interface of its own" leaves_nothing kill_running --network-veth
tap "a payload that ignores signals and forks away" leaves_nothing stubborn
for ms in 002 005 010 020 040 080 160; do
    tap "busybox, $ms ms after the start" leaves_nothing kill_at "$ms"
done
copy guest13
tap "a running systemd guest" leaves_nothing kill_running
for ms in 050 200 500 900; do tap "systemd, $ms ms after the start" leaves_nothing kill_at "$ms"; done
tap_done
