#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The guest's journal on the host: journalctl -M while it runs, journalctl -m also after it stopped.
# shellcheck source=test/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
host_prepare
guest guest13
mkdir -p "$lab_host/var/log/journal"
host_up

say_inside() { in_guest guest systemd-cat -t tester echo "$1"; in_guest guest journalctl --sync; }
host_sees() { host_in journalctl --no-pager -q -t tester "$@" | grep -q "$what"; }

while_running() {
    start_guest
    until_running
    what=while-running-$RANDOM
    say_inside "$what"
    wait_for 10 host_sees -M guest || fail "journalctl -M does not show it"
}

by_option() {   # MODE: a scope, --link-journal=MODE
    host_in systemd-run -q --unit=by-hand -p KillMode=mixed nspawn -b -D /var/lib/machines/guest "--link-journal=$1"
    wait_for 30 guest_runs || fail "the guest does not run"
    what=mode-$1-$RANDOM
    say_inside "$what"
    wait_for 10 host_sees -m || fail "journalctl -m does not show it while it runs"
    local id
    id=$(in_guest guest cat /etc/machine-id)
    host_in ls -ld "/var/log/journal/$id"
    # never into a path that is gone tomorrow
    [[ $(host_in readlink "/var/log/journal/$id" || true) != */tmp/* ]] || fail "the link leads into a temporary path"
    host_in machinectl poweroff guest
    wait_for 15 no_machine || fail "it does not stop"
    wait_for 10 host_sees -m || fail "journalctl -m does not show it after the stop"
    host_in rm -rf "/var/log/journal/$id"
}

equal_ids() {   # a guest with the host's own machine id would write into the host's journal
    local id
    id=$(host_in cat /etc/machine-id)
    guest guest13 twin
    echo "$id" >"$lab_host/var/lib/machines/twin/etc/machine-id"
    status_of host_run nspawn -q -b -D /var/lib/machines/twin --link-journal=host
    equal "$status" 1 "exit status"
}

tap "journalctl -M while it runs" while_running
if [[ $LAB_UNIT == nspawn ]]; then
    tap "--link-journal=host: also after the stop" by_option host
    tap "--link-journal=guest: also after the stop" by_option guest
    tap "equal machine ids are refused" equal_ids
fi
tap_done
