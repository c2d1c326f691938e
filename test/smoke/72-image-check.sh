#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# File systems of images are checked before they are written to: when, by what, and what comes of it.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"
# shellcheck source=test/lib/image.sh
. "$smoke_top/test/lib/image.sh"

dirty() {   # FILE [WHAT-ELSE]: says of itself that it has errors
    cp "$smoke_work/root.ext4" "$1"
    shift
    debugfs -w -R "set_super_value state 2" "$image" 2>/dev/null
    [[ ! ${1:-} ]] || debugfs -w -R "$1" "$image" 2>/dev/null
}
state_of() { dumpe2fs -h "$1" 2>/dev/null | sed -n 's/^Filesystem state: *//p'; }

# checker BODY [INTERPRETER]: fsck.ext4 becomes this script; the shell's first says that it was called. It may start no
# other program, and write nowhere: what it says is in the debug messages.
checker() {
    mkdir -p "$smoke_work/bin"
    chmod 711 "$smoke_work" # it is not root
    {
        echo "#!${2:-/bin/sh}"
        [[ ${2:-} ]] || echo "echo called"
        echo "$1"
    } >"$smoke_work/bin/fsck.ext4"
    chmod 755 "$smoke_work/bin/fsck.ext4"
    PATH=$smoke_work/bin:$PATH
}
debugging() { SYSTEMD_LOG_LEVEL=debug "$@" 2>"$smoke_work/debug"; }
called() { grep -q "fsck.ext4: called" "$smoke_work/debug"; }
image=$(image check)

repaired() {
    dirty "$image" "set_super_value free_blocks_count 17"
    status_of run -i "$image" sh -c 'echo x >/root/x' 2>"$smoke_work/err"
    ((status == 0)) || fail "exit status $status: $(cat "$smoke_work/err")"
    has "$(cat "$smoke_work/err")" "errors of its root file system were corrected by fsck.ext4"
    equal "$(state_of "$image")" clean
    e2fsck -fn "$image"
    loops_gone
}

journal() {   # as after the host's sudden end
    dirty "$image"
    debugfs -w -R "set_super_value state 1" "$image" 2>/dev/null
    debugfs -w -R "feature needs_recovery" "$image" 2>/dev/null
    has "$(dumpe2fs -h "$image" 2>/dev/null)" needs_recovery
    has "$(SYSTEMD_LOG_LEVEL=debug run -i "$image" true 2>&1)" "fsck.ext4: "
    loops_gone
}

beyond_repair() {   # its root directory is gone
    dirty "$image" "clri <2>"
    refuse "damaged beyond what fsck.ext4 repairs" -i "$image"
    status_of run --read-only -i "$image" true 2>"$smoke_work/err"
    [[ $(cat "$smoke_work/err") != *fsck* ]] || fail "it was checked all the same"
}

not_started() {
    checker "exit 4"
    cp "$smoke_work/root.ext4" "$image"
    not_called run -i "$image" true
    dirty "$image"
    not_called run --read-only -i "$image" true
    not_called run -x -i "$image" true
    not_called run --volatile=overlay -i "$image" true
    debugging run -i "$image" true || true
    called || fail "it is not seen when it is started either"
    loops_gone
}

not_called() {
    debugging "$@"
    ! called || fail "a checker was started for a clean image, or one that is only read"
}

understood() {   # LAST-COMMAND OURS TEXT
    checker "$1"
    dirty "$image"
    status_of run -i "$image" true 2>"$smoke_work/err"
    cat "$smoke_work/err"
    equal "$status" "$2" "exit status"
    dirty "$image"
    debugging run -i "$image" true || true
    called || { cat "$smoke_work/debug"; fail "the checker was not started"; }
    [[ $3 ]] || equal "$(cat "$smoke_work/err")" ""
    has "$(cat "$smoke_work/err")" "$3"
    loops_gone
}

# What a checker could do that has been taken over by its image: see hostile-checker.py.
confined() {   # [True|False: whether there is Landlock]
    local everybody=$smoke_work/everybody victim
    mkdir -p -m 777 "$everybody"
    chmod 777 "$everybody"; touch "$everybody/file" "$smoke_work/secret"; chmod 666 "$everybody/file"; chmod 600 "$smoke_work/secret"
    rm -f "$smoke_work/port"
    python3 - "$everybody/socket" >"$smoke_work/port" <<'PY' &
import os, socket, sys, time
tcp = socket.create_server(("127.0.0.1", 0))
path = socket.socket(socket.AF_UNIX); path.bind(sys.argv[1]); path.listen()
name = socket.socket(socket.AF_UNIX); name.bind("\0smoke-abstract"); name.listen()
os.chmod(sys.argv[1], 0o777)
print(tcp.getsockname()[1], flush=True)
os.setuid(65534) # the one that it may be able to signal
time.sleep(60)
PY
    victim=$!
    wait_for 10 test -s "$smoke_work/port" || fail "no server"
    checker "port, victim, own, landlock = $(cat "$smoke_work/port"), $victim, '$smoke_work', ${1:-True}
$(cat "$smoke_top/test/smoke/hostile-checker.py")" /usr/bin/python3
    dirty "$image"
    debugging run -i "$image" true 7</etc/passwd || true
    kill "$victim"; wait "$victim" 2>/dev/null || true
    rm -r "$everybody"
    grep "fsck.ext4" "$smoke_work/debug" || cat "$smoke_work/debug"
    has "$(cat "$smoke_work/debug")" "fsck.ext4: the device can be read and written"
    has "$(cat "$smoke_work/debug")" "fsck.ext4: a thread can be started"
    has "$(cat "$smoke_work/debug")" "fsck.ext4: that was all"
    ! grep "fsck.ext4: CAN" "$smoke_work/debug" || fail "that must not be"
}

without_landlock() {
    printf '#!/bin/sh\nexec /usr/bin/python3 %q %q "$@"\n' "$smoke_top/test/smoke/without-landlock.py" "$NSPAWN" \
        >"$smoke_work/nspawn"
    chmod 755 "$smoke_work/nspawn"
    NSPAWN=$smoke_work/nspawn confined False
    has "$(cat "$smoke_work/debug")" "has no Landlock"
}

# What a checker has made of the file system is no more to be believed than what was there before.
names_devices() {
    checker "import os, struct, sys
fd = os.open(sys.argv[2], os.O_RDWR)
superblock = bytearray(os.pread(fd, 1024, 1024))
struct.pack_into('<I', superblock, 92, struct.unpack_from('<I', superblock, 92)[0] | 4)
struct.pack_into('<II', superblock, 224, 0, 0x0701)
os.pwrite(fd, superblock, 1024)
sys.exit(1)" /usr/bin/python3
    dirty "$image"
    status_of run -i "$image" true 2>"$smoke_work/err"
    cat "$smoke_work/err"
    equal "$status" 1 "exit status"
    has "$(cat "$smoke_work/err")" "lies on other devices of this host"
    loops_gone
}

stopped() {   # a stop is not lost while a checker takes its time
    checker "while :; do :; done"
    dirty "$image"
    SYSTEMD_LOG_LEVEL=debug start -i "$image" true
    wait_for 10 shows "fsck.ext4: called" || fail "the checker was not started"
    kill "$supervisor"
    wait_exit "$supervisor" 10
    shows "stopped while its root file system was checked" || { cat "$console"; fail "it was not said"; }
    no_checker || fail "the checker is still there"
    loops_gone
}

killed() {
    checker "while :; do :; done"
    dirty "$image"
    SYSTEMD_LOG_LEVEL=debug start -i "$image" true
    wait_for 10 shows "fsck.ext4: called" || fail "the checker was not started"
    kill -KILL "$supervisor"; wait "$supervisor" || true
    wait_for 5 no_checker || fail "the checker is still there"
    loops_gone
}
no_checker() { ! pgrep -f "^/bin/sh $smoke_work/bin/fsck.ext4"; }

chatty() {   # more than a pipe holds
    checker 'i=0; while [ $i -lt 3000 ]; do echo "line $i of what nobody asked for, and it goes on and on"; i=$((i + 1)); done; exit 1'
    dirty "$image"
    run -i "$image" true 2>"$smoke_work/err"
    has "$(cat "$smoke_work/err")" "were corrected"
}

tap "errors are corrected"                      repaired
tap "an unfinished journal"                     journal
tap "damage is refused, but to readers"         beyond_repair
tap "clean, or only read: no checker"           not_started
tap "a checker that finds nothing"              understood "exit 0" 0 ""
tap "a checker that corrects"                   understood "exit 1" 0 "were corrected by fsck.ext4"
tap "a checker that wants a reboot"             understood "exit 3" 1 "is in use elsewhere"
tap "a checker that gives up"                   understood "exit 5" 1 "damaged beyond"
tap "a checker that fails"                      understood "exit 8" 0 "fsck.ext4 failed (exit status 8)"
tap "a checker that crashes"                    understood 'kill -SEGV $$' 0 "fsck.ext4 failed (signal 11)"
tap "no checker"                                understood "exit 127" 0 ""
tap "a hostile checker"                         confined
tap "a hostile checker, without Landlock"       without_landlock
tap "a checker that brings in other devices"    names_devices
tap "a checker that talks"                      chatty
tap "a stop while a file system is checked"     stopped
tap "SIGKILL while a file system is checked"    killed

tap_done
