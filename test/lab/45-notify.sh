#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the service manager does for a unit that runs a machine: it keeps descriptors, and it watches.
# shellcheck source=test/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
host_prepare
guest guest13 store
guest busybox
guest busybox patient

# The machine's command gets a descriptor back, or stores one. The second time it removes it.
cat >"$lab_host/var/lib/machines/store/bin/payload" <<'SH'
#!/bin/sh
[ "$1" = more ] && exec 3</etc/os-release && exec systemd-notify --fd=3 --fdname=more --exec \; "$0" ready
[ "$1" = ready ] && exec systemd-notify --exec READY=1 \; sleep 1d
echo "started: $(echo $LISTEN_FDNAMES | tr : "\n" | sort | xargs)" >>/var/seen
if [ "$LISTEN_FDS" = 2 ]; then
    [ "${LISTEN_FDNAMES%:*}" = kept ] && exec 4<&3
    cat <&4 >>/var/seen
    exec systemd-notify --exec FDSTOREREMOVE=1 FDNAME=kept \; "$0" ready
fi
echo precious >/tmp/file
exec 3</tmp/file
rm /tmp/file
exec systemd-notify --fd=3 --fdname=kept --exec \; "$0" more
SH
chmod 755 "$lab_host/var/lib/machines/store/bin/payload"
cat >"$lab_host/etc/systemd/system/store.service" <<'UNIT'
[Service]
Type=notify
ExecStart=nspawn -q --keep-unit --console=passive --notify-ready=yes -D /var/lib/machines/store /bin/payload
Delegate=yes
KillMode=mixed
FileDescriptorStoreMax=3
UNIT
host_up

seen=$lab_host/var/lib/machines/store/var/seen
stored() { host_in systemctl show -p NFileDescriptorStore --value store; }
stored_is() { [[ $(stored) == "$1" ]]; }
names() { host_in systemd-analyze fdstore store | tail -n +2 | awk '{ print $1 }' | sort | xargs; }
seen_is() { [[ -e $seen && $(xargs <"$seen") == "$1" ]]; }

start_store() {
    host_in systemctl stop store   # a test that failed left it
    host_in systemctl daemon-reload
    rm -f "$seen"
    host_in systemctl start store || { host_in journalctl --no-pager -n 20 -u store; fail "the unit does not start"; }
}

store() {
    start_store
    wait_for 10 stored_is 2 || fail "the manager has $(stored) descriptors"
    equal "$(names)" "payload-kept payload-more" "their names on the host"
    host_in systemctl restart store
    wait_for 10 seen_is "started: started: kept more precious" || fail "it saw: $(xargs <"$seen")"
    wait_for 10 stored_is 1 || fail "the manager still has $(stored) descriptors"
    equal "$(names)" payload-more "their names on the host"
    host_in systemctl stop store
}

# A command that stores a hundred of them.
greedy() {
    local supervisor before
    cat >"$lab_host/var/lib/machines/store/bin/payload" <<'SH'
#!/bin/sh
i=0
exec 3</etc/os-release
[ "$1" ] && i=$1
[ "$i" = 100 ] && exec systemd-notify --exec READY=1 \; sleep 1d
exec systemd-notify --no-block --fd=3 --fdname=n$i --exec \; "$0" $((i + 1))
SH
    start_store
    wait_for 10 stored_is 3 || fail "the manager has $(stored) descriptors"
    supervisor=$(host_in systemctl show -p MainPID --value store)
    equal "$(host_in bash -c "ls -l /proc/$supervisor/fd | grep -c os-release" || true)" 0 "descriptors of the guest's"
    equal "$(host_in bash -c "ps -o stat= --ppid $supervisor | grep -c Z" || true)" 0 zombies
    host_in systemctl stop store
}

refused() {   # a unit that keeps none
    mkdir -p "$lab_host/etc/systemd/system/store.service.d"
    printf '[Service]\nFileDescriptorStoreMax=0\n' >"$lab_host/etc/systemd/system/store.service.d/none.conf"
    cat >"$lab_host/var/lib/machines/store/bin/payload" <<'SH'
#!/bin/sh
echo "store: $FDSTORE" >/var/seen
exec 3</etc/os-release
(systemd-notify --fd=3 --fdname=x && echo sent || echo refused) >>/var/seen 2>/dev/null
exec systemd-notify --no-block --exec READY=1 \; sleep 1d
SH
    start_store
    equal "$(xargs <"$seen")" "store: refused" "what the command saw"
    host_in systemctl stop store
}

boot_id() { in_guest guest cat /proc/sys/kernel/random/boot_id 2>/dev/null; }
other_boot() { local id; id=$(boot_id) && [[ $id && $id != "$1" ]]; }
main_pid() { host_in systemctl show -p MainPID --value "$(unit)"; }

expires() {   # the supervisor does not feed the watchdog any more
    local before pid
    mkdir -p "$lab_host/etc/systemd/system/nspawn@guest.service.d"
    printf '[Service]\nWatchdogSec=2s\nRestart=on-watchdog\nRestartSec=0\n' \
        >"$lab_host/etc/systemd/system/nspawn@guest.service.d/watchdog.conf"
    host_in systemctl daemon-reload
    start_guest
    before=$(boot_id)
    pid=$(main_pid)
    sleep 4   # it is fed so far
    equal "$(main_pid)" "$pid" "the supervisor"
    host_in kill -STOP "$pid"
    wait_for 15 other_boot "$before" || { host_in journalctl --no-pager -n 30 -u "$(unit)"; echo "$before $(boot_id)"; fail "it did not come up again"; }
    unit_is active || fail "the unit is $(host_in systemctl is-active "$(unit)")"
    equal "$(host_in systemctl show -p NRestarts --value "$(unit)")" 1 restarts
    has "$(host_in journalctl --no-pager -u "$(unit)")" "Watchdog timeout"
    equal "$(host_in pgrep -lx 'nspawn|nspawn-minder' | cut -d' ' -f2 | sort | xargs)" "nspawn nspawn-minder" processes
    stop_guest
}

# What an idle supervisor has done in three seconds; other units of the host may have it hear of them once.
switches() { host_in awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$(main_pid)/status"; }
idle() {
    local before
    before=$(switches)
    sleep 3
    echo "$before $(switches)"
    [[ $(switches) == "$before" ]]
}
sleeps() {
    rm -rf "$lab_host/etc/systemd/system/nspawn@guest.service.d"
    host_in systemctl daemon-reload
    start_guest
    wait_for 20 idle || fail "an idle supervisor wakes up"
    stop_guest
}

# Giving every file of the tree to the machine's users takes longer than the unit may: each takes the kernel 30 ms here.
patient() {
    cat >"$lab_host/etc/systemd/system/patient.service" <<'UNIT'
[Service]
Type=notify
TimeoutStartSec=7s
ExecStart=strace -D -f -qq -o /dev/null -e trace=fchownat -e inject=fchownat:delay_enter=30000 \
    nspawn -q --keep-unit --console=passive -D /var/lib/machines/patient \
    --private-users=pick --private-users-ownership=chown /bin/sh -c 'echo arrived; sleep 1d'
Delegate=yes
KillMode=mixed
UNIT
    host_in systemctl daemon-reload
    host_in systemctl start --no-block patient
    wait_for 7 status_has 'changing owners: ' || fail "its status is '$(status_text)'"
    wait_for 30 status_has 'Container started' ||
        { host_in journalctl --no-pager -n 20 -u patient; fail "its status is '$(status_text)'"; }
    host_in systemctl is-active -q patient || fail "the unit does not run"
    host_in systemctl stop patient
    host_in systemctl reset-failed patient 2>/dev/null || true
}
status_text() { host_in systemctl show -p StatusText --value patient; }
status_has() { [[ $(status_text) == *"$1"* ]]; }

tap "descriptors are stored, come back, and are removed" leaves_nothing store
tap "no more than the unit may, and none is kept in between" leaves_nothing greedy
tap "no descriptors without a store" leaves_nothing refused
tap "the watchdog expires: killed, restarted, nothing left" leaves_nothing expires
tap "an idle supervisor does not wake up" leaves_nothing sleeps
tap "a long start is waited for as long as it gets on" leaves_nothing patient
tap_done
