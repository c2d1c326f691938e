#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Guests of every init under a systemd host: up as a unit, and down in time.
# shellcheck source=test/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
host_prepare
kinds=(guest12 guest13 sysvinit openrc runit busybox)
for kind in "${kinds[@]}"; do guest "$kind" "$kind"; done
host_up

is_up() {   # KIND: a getty or login waits on its console
    case $1 in
    guest*) guest_runs "$1" ;;
    *) [[ $(in_guest "$1" /bin/sh -c 'cat /proc/[0-9]*/comm' 2>/dev/null) =~ (getty|login) ]] ;;
    esac
}

up_and_down() {   # KIND
    start_guest "$1"
    wait_for 60 is_up "$1" || fail "$1 is not up after 60 s"
    has "$(host_in machinectl list --no-legend)" "$1"
    stop_guest "$1"
    no_machine "$1" || fail "$1 is still registered"
}

machinectl_off() {   # KIND
    start_guest "$1"
    wait_for 60 is_up "$1" || fail "$1 is not up after 60 s"
    host_in machinectl poweroff "$1"
    wait_for 20 no_machine "$1" || fail "$1 still runs 20 s after machinectl poweroff"
}

together() {
    local k
    for k in "${kinds[@]}"; do host_in systemctl start --no-block "$(unit "$k")"; done
    for k in "${kinds[@]}"; do wait_for 90 is_up "$k" || fail "$k is not up"; done
    equal "$(host_in machinectl list --no-legend | wc -l)" "${#kinds[@]}" "machines"
    for k in "${kinds[@]}"; do stop_guest "$k" 20; done
}

for kind in "${kinds[@]}"; do
    tap "$kind: up as a unit, down within 15 s" leaves_nothing up_and_down "$kind"
done
for kind in guest12 guest13; do tap "$kind: machinectl poweroff" leaves_nothing machinectl_off "$kind"; done
tap "all of them at once" leaves_nothing together
tap_done
