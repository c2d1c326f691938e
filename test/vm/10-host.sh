#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Machines on a host that has everything: its manager, machined, and every controller.
# shellcheck source=test/lib/vm.sh
. /test/lib/vm.sh

host_is_whole() {
    equal "$(cat /proc/1/comm)" systemd
    local c; for c in memory pids cpu io; do grep -qw $c /sys/fs/cgroup/cgroup.controllers || fail "no $c"; done
    modprobe -a dm_verity dm_crypt vfat
    systemctl is-active systemd-udevd
}

runs() { equal "$(run -D "$bb" sh -c 'echo $$ $0' works)" "1 works"; }

boots() {
    start -bD "$bb" -M guest
    until_login
    has "$(machinectl list --no-legend)" guest
    has "$(machinectl show guest -p Leader)" "Leader=$(guest_init "$supervisor")"
    equal "$(machinectl show guest -p Service --value)" systemd-nspawn
    stop_cleanly
}

# limits PROPERTY FILE VALUE: the scope's own cgroup has it
limits() {
    start --property="$1" -D "$bb" -M limited sh -c 'echo up; sleep 60'
    until_shown up 30
    equal "$(cat "/sys/fs/cgroup/machine.slice/limited.scope/$2")" "$3" "$1"
    kill "$supervisor"; wait_exit "$supervisor" 15
}

# and it holds for what runs inside
memory_holds() {
    status_of run --property=MemoryMax=24M --property=MemorySwapMax=0 -D "$bb" -M limited \
        sh -c 'head -c 64m /dev/zero | tail -c 64m >/dev/null; echo $?'
    has "$(dmesg)" "Memory cgroup out of memory"
}
pids_hold() {
    local out
    out=$(run --property=TasksMax=12 -D "$bb" -M limited \
        sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do sleep 5 & done' 2>&1 || true)
    has "$out" "can't fork"
}

controllers_inside() {
    local out
    out=$(run -D "$bb" cat /sys/fs/cgroup/cgroup.controllers)
    has "$out" memory; has "$out" pids; has "$out" cpu
}

tap "the host has what this suite is for"     host_is_whole
tap "a command"                               leaves_nothing runs
tap "a machine that machined knows"           leaves_nothing boots
tap "a limit of memory is set"                leaves_nothing limits MemoryMax=100M memory.max 104857600
tap "a limit of memory holds"                 leaves_nothing memory_holds
tap "a limit of tasks is set"                 leaves_nothing limits TasksMax=77 pids.max 77
tap "a limit of tasks holds"                  leaves_nothing pids_hold
tap "a share of the processor"                leaves_nothing limits CPUWeight=50 cpu.weight 50
tap "controllers for the machine itself"      controllers_inside

tap_done
