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

# --- machine IDs that are somebody else's: a tree can claim any ---------------------------------------------------

victim=0123456789abcdef0123456789abcdef
journal=/var/log/journal/$victim
with_id() { guest busybox "$1"; echo "$victim" >"$lab_host/var/lib/machines/$1/etc/machine-id"; }
# What a machine sees of the journal of its ID, and whether it could change it. Said by nspawn: $said
sees() {   # NAME OPTION…
    local name=$1
    shift
    status_of host_run nspawn -P -D "/var/lib/machines/$name" "$@" \
        sh -c "ls /var/log/journal/$victim 2>/dev/null; touch /var/log/journal/$victim/by-$name 2>/dev/null; true" \
        >"$lab_work/seen" 2>"$lab_work/said"
    said=$(cat "$lab_work/said") seen=$(cat "$lab_work/seen")
    echo "$name $*: $status '$seen' '$said'"
}
mention() { [[ $said == *"$1"* ]] || fail "'$1' is not in '$said'"; }
forget() { host_in rm -rf "$journal"; rm -rf "$lab_host"/var/lib/machines/{owner,thief}/var/log/journal; }

of_a_machine() {   # its directory on the host
    sees owner --link-journal=host
    equal "$status $said" "0 " "the owner"
    host_in test -e "$journal/by-owner" || fail "it is not bound"
    sees owner
    equal "$seen$said" by-owner "the owner, by default"
    sees thief
    equal "$status $seen" "0 " "the thief, by default"
    mention "is the journal of the machine owner, which has the same machine ID"
    sees thief --link-journal=try-host
    equal "$status $seen" "0 " "the thief, if possible"
    sees thief --link-journal=host
    equal "$status" 1 "the thief"
    mention "is the journal of the machine owner"
    sees thief --link-journal=guest
    equal "$status" 1 "the thief, in its tree"
    sees thief -q -U
    equal "$status $seen$said" "0 " "the thief, with users of its own"
    equal "$(host_in ls "$journal")" by-owner "what was written"
    sees thief --uuid="$victim" --link-journal=host
    equal "$status $seen" "0 by-owner" "by the user's word"
    sees owner
    mention "is the journal of the machine thief"
    forget
}

at_once() {   # both run
    host_in systemd-run -q --unit=by-hand nspawn -q -D /var/lib/machines/owner --link-journal=host sleep 60
    wait_for 10 host_in test -d "$journal"
    wait_for 10 owner_runs
    sees thief --link-journal=host
    equal "$status" 1 "the second"
    mention "is the journal of the machine owner"
    host_in machinectl terminate owner
    forget
}
owner_runs() { host_in machinectl show owner >/dev/null 2>&1; }

of_nobody() {   # of an ID that the host once had, say
    host_in mkdir "$journal"
    host_in touch "$journal/system.journal"
    sees thief
    equal "$status $seen" "0 " "by default"
    mention "setfattr -n user.nspawn.machine -v thief $journal"
    sees thief --link-journal=host
    equal "$status" 1 "on the host"
    host_in ls "$journal/by-thief" 2>/dev/null && fail "it has written there"
    mark thief
    sees thief
    equal "$status $seen" "0 system.journal" "as the user said"
    forget
}
# The host's tree is a directory of this computer.
mark() { python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.nspawn.machine", sys.argv[2].encode())' "$lab_host$journal" "$1"; }

links() {   # a link leads to the tree that it was made for
    sees owner --link-journal=guest
    equal "$status" 0 "the owner"
    equal "$(host_in readlink "$journal")" "/var/lib/machines/owner$journal" "the link"
    sees thief --link-journal=try-guest
    equal "$status" 0 "the thief"
    mention "leads to the journal of another machine with the same machine ID, /var/lib/machines/owner"
    sees thief --link-journal=try-host
    equal "$(host_in readlink "$journal")" "/var/lib/machines/owner$journal" "the link"
    sees thief --link-journal=guest
    equal "$status" 1 "the thief, who insists"
    rm -rf "$lab_host/var/lib/machines/owner/var/log/journal"
    sees thief --link-journal=guest
    equal "$status" 0 "when the other one is gone"
    equal "$(host_in readlink "$journal")" "/var/lib/machines/thief$journal" "the link"
    forget
}

tap "journalctl -M while it runs" while_running
if [[ $LAB_UNIT == nspawn ]]; then
    tap "--link-journal=host: also after the stop" by_option host
    tap "--link-journal=guest: also after the stop" by_option guest
    tap "equal machine ids are refused" equal_ids
    with_id owner
    with_id thief
    tap "a tree that claims the ID of a machine does not get its journal" of_a_machine
    tap "two machines of one ID at the same time" at_once
    tap "a tree that claims an ID gets no journal that was there before" of_nobody
    tap "a tree that claims the ID of a machine does not take the place of its journal" links
fi
tap_done
