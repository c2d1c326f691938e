#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A machine on a systemd host: started as a unit, seen and steered by machinectl.
# shellcheck source=test/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
host_prepare
guest guest13
host_up

boots() {
    start_guest
    until_running
    unit_is active || fail "the unit is not active"
    stop_guest
}

listed() {
    start_guest
    until_running
    has "$(host_in machinectl list --no-legend)" guest
    local show
    show=$(host_in machinectl show guest)
    has "$show" Class=container
    has "$show" RootDirectory=/var/lib/machines/guest
    has "$show" State=running
    equal "$(sed -n 's/^Unit=//p' <<<"$show")" "$(unit)" "the machine's unit"
    equal "$(host_in cat "/proc/$(guest_leader)/comm")" systemd "the leader"
    status_of host_in machinectl --no-pager status guest
    equal "$status" 0 "machinectl status"
    has "$(host_in machinectl --no-pager status guest)" "Debian GNU/Linux 13"
    stop_guest
    no_machine || fail "still registered after the stop"
}

users() {   # of its own
    start_guest
    until_running
    local uid
    uid=$(host_in stat -c %u "/proc/$(guest_leader)")
    ((uid >= 524288 && uid % 65536 == 0)) || fail "the leader is user $uid of the host"
    equal "$(in_guest guest stat -c %u /etc)" 0 "owner of /etc inside"
    equal "$(stat -c %u "$lab_host/var/lib/machines/guest/etc")" 0 "owner of /etc on disk"
    has "$(host_in machinectl show guest)" "State=running"
    stop_guest
}

one_unit() {   # the guest's processes are in payload/, nspawn is in supervisor/
    start_guest
    until_running
    local leader
    leader=$(guest_leader)
    has "$(host_in cat "/proc/$leader/cgroup")" "/machine.slice/"
    has "$(host_in cat "/proc/$leader/cgroup")" "/payload/"
    has "$(host_in cat "/proc/$(supervisor_pid)/cgroup")" "/supervisor"
    has "$(host_in systemd-cgls --no-pager -u "$(unit)")" payload
    stop_guest
}

shell() {
    start_guest
    until_running
    local out
    out=$(host_run machinectl -q shell root@guest /bin/sh -c 'echo "in $(hostname) as $(id -un)"' | tr -d '\r')
    has "$out" "in guest as root"
    stop_guest
}

login() {   # types a user name on the pty of machinectl login, and a command at the prompt
    start_guest
    until_running
    wait_for 20 in_guest guest systemctl -q is-active dbus.service
    export -f host_in
    export host_pid
    "$lab_top/test/lib/terminal" want:login: sleep:0.5 'send:root\r' 'want:[#$] $' \
        'send:echo $((6*7))-$(hostname)\r' want:42-guest 'send:\x1d\x1d\x1d' \
        -- bash -c 'host_in machinectl login guest'
    stop_guest
}

bound_user() {   # of the host: a session of theirs, and a login with their password
    host_in useradd -m -s /bin/bash joe
    host_in bash -c 'echo joe:secret | chpasswd'
    mkdir -p "$lab_host/etc/systemd/nspawn"
    printf '[Files]\nBindUser=joe\n' >"$lab_host/etc/systemd/nspawn/guest.nspawn"
    start_guest
    until_running
    equal "$(host_run machinectl -q shell joe@guest /bin/sh -c 'id -un; cd; pwd; touch from-shell' | tr -d '\r')" "joe
/run/host/home/joe" "in the session"
    equal "$(host_in stat -c %U:%G /home/joe/from-shell)" joe:joe "owner on the host"
    wait_for 20 in_guest guest systemctl -q is-active dbus.service
    export -f host_in
    export host_pid
    "$lab_top/test/lib/terminal" want:login: sleep:0.5 'send:joe\r' want:assword: sleep:0.5 'send:secret\r' 'want:[#$] $' \
        'send:echo $((6*7))-$(id -un)\r' want:42-joe 'send:\x1d\x1d\x1d' \
        -- bash -c 'host_in machinectl login guest'
    stop_guest
    rm "$lab_host/etc/systemd/nspawn/guest.nspawn"
    host_in userdel -r joe 2>/dev/null
}

poweroff() {
    start_guest
    until_running
    host_in machinectl poweroff guest
    wait_for 15 no_machine || fail "still there after 15 s"
    wait_for 15 unit_is inactive || fail "the unit is $(host_in systemctl is-active "$(unit)")"
}

boot_id() { in_guest guest cat /proc/sys/kernel/random/boot_id 2>/dev/null; }
other_boot() { local id; id=$(boot_id) && [[ $id && $id != "$1" ]]; }

reboots() {   # COMMAND…
    local before
    start_guest
    until_running
    before=$(boot_id)
    "$@"
    wait_for 40 other_boot "$before" || fail "it did not come up again"
    until_running
    stop_guest
}

terminate() {
    start_guest
    until_running
    host_in machinectl terminate guest
    wait_for 15 no_machine || fail "still there after 15 s"
    start_guest
    until_running
    stop_guest
}

inside_poweroff() {
    start_guest
    until_running
    in_guest guest systemctl poweroff || true
    wait_for 20 unit_is inactive || fail "the unit is $(host_in systemctl is-active "$(unit)")"
}

no_unit() {   # started from a shell: a scope of its own in machine.slice
    host_in systemd-run -q --unit=by-hand --slice=system.slice -p KillMode=mixed nspawn -b -D /var/lib/machines/guest
    wait_for 30 guest_runs || { host_in journalctl --no-pager -n 40 -u by-hand; fail "it is '$(guest_state)'"; }
    has "$(host_in machinectl show guest -p Unit --value)" ".scope"
    has "$(host_in cat "/proc/$(guest_leader)/cgroup")" "/machine.slice/"
    host_in machinectl poweroff guest
    wait_for 15 no_machine || fail "still there after 15 s"
}

command() {
    equal "$(host_run nspawn -q --pipe -D /var/lib/machines/guest /bin/echo hello)" hello output
}

# Both ways to machined, who is asked while the machine runs
registered_over() {   # varlink|bus
    local socket=/run/systemd/machine/io.systemd.Machine trace=/root/trace calls
    [[ $1 == varlink ]] || host_in mv "$socket" "$socket.away"
    host_run strace -o "$trace" -s 4096 -e trace=sendmsg,sendto,write nspawn -q --register=yes -D /var/lib/machines/guest /bin/sleep 1.5 &
    wait_for 10 host_in machinectl show guest -p Leader || fail "it is not registered"
    has "$(host_in machinectl show guest -p RootDirectory --value)" /var/lib/machines/guest
    wait
    no_machine || fail "machined still has it"
    calls=$(grep -oE 'io\.systemd\.Machine\.Register|RegisterMachine' "$lab_host$trace" | sort -u)
    [[ $1 == varlink ]] || { has "$calls" RegisterMachine; return; }
    equal "$calls" io.systemd.Machine.Register "how machined was told"
}

registers() {
    local socket=/run/systemd/machine/io.systemd.Machine status=0
    ( registered_over varlink )
    ( registered_over bus ) || status=$?
    host_in mv "$socket.away" "$socket"
    return "$status"
}

# The name is free as soon as the program is back, whatever the manager still has to tidy up
in_a_row() {
    equal "$(host_run bash -c 'for i in {1..60}; do
        nspawn -q -D /var/lib/machines/guest /bin/true || echo "run $i: $?"; done' 2>&1)" "" "60 runs"
}

copies() {
    start_guest
    until_running
    echo precious >"$lab_host/root/file"
    host_in machinectl copy-to guest /root/file /root/copied
    equal "$(in_guest guest cat /root/copied)" precious "the copy"
    equal "$(in_guest guest stat -c %u /root/copied)" 0 "the copy's owner"
    stop_guest
}

binds() {   # which machined does not do for users of its own
    mkdir -p "$lab_host/etc/systemd/nspawn"
    printf '[Exec]\nPrivateUsers=no\n' >"$lab_host/etc/systemd/nspawn/guest.nspawn"
    start_guest
    until_running
    rm "$lab_host/etc/systemd/nspawn/guest.nspawn"
    echo precious >"$lab_host/root/file"
    host_in machinectl bind --mkdir guest /root /mnt/bound
    equal "$(in_guest guest cat /mnt/bound/file)" precious "the bound file"
}

tap "boots to 'running' as a unit, and stops" leaves_nothing boots
tap "machinectl list, show and status" leaves_nothing listed
tap "payload/ and supervisor/ in one unit" one_unit
tap "users of its own" users
tap "machinectl shell" shell
tap "machinectl login: a user name on the pty" login
tap "a user of the host in a session and at the prompt" bound_user
tap "machinectl poweroff" leaves_nothing poweroff
tap "machinectl reboot" leaves_nothing reboots host_in machinectl reboot guest
tap "systemctl reboot inside" leaves_nothing reboots in_guest guest systemctl reboot
tap "machinectl terminate, and a new start" leaves_nothing terminate
tap "systemctl poweroff inside" leaves_nothing inside_poweroff
tap "machinectl copy-to" copies
tap "machinectl bind" binds
if [[ $LAB_UNIT == nspawn ]]; then
    tap "from a shell: a scope of its own" leaves_nothing no_unit
    tap "a command in a registered machine" leaves_nothing command
    tap "registered over varlink, and over the bus where that is not there" leaves_nothing registers
    tap "one name, run after run" leaves_nothing in_a_row
fi
tap_done
