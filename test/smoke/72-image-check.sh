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

# checker BODY: fsck.ext4 becomes this script, which first notes that it was called
checker() {
    mkdir -p "$smoke_work/bin"
    printf '#!/bin/sh\necho called >>%q\n%s\n' "$smoke_work/called" "$1" >"$smoke_work/bin/fsck.ext4"
    chmod 755 "$smoke_work/bin/fsck.ext4"
    PATH=$smoke_work/bin:$PATH
    rm -f "$smoke_work/called"
}
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
    run -i "$image" true
    dirty "$image"
    run --read-only -i "$image" true
    run -x -i "$image" true
    run --volatile=overlay -i "$image" true
    [[ ! -e $smoke_work/called ]] || fail "a checker was started for a clean image, or one that is only read"
    loops_gone
}

understood() {   # LAST-COMMAND OURS TEXT
    checker "$1"
    dirty "$image"
    status_of run -i "$image" true 2>"$smoke_work/err"
    cat "$smoke_work/err"
    equal "$status" "$2" "exit status"
    [[ -e $smoke_work/called ]] || fail "the checker was not started"
    [[ $3 ]] || equal "$(cat "$smoke_work/err")" ""
    has "$(cat "$smoke_work/err")" "$3"
    loops_gone
}

# no descriptor but its own, no capability, no terminal, no more privilege to be had
confined() {
    # shellcheck disable=SC2016
    checker 'exec >>'"$smoke_work/called"' 2>&1
ls /proc/self/fd | tr "\n" " "; echo; grep -E "^(CapEff|CapPrm|NoNewPrivs|SigBlk)" /proc/self/status | tr "\t\n" "  "; echo
readlink /proc/$$/fd/0; ps -o tty= $$; env'
    dirty "$image"
    run -i "$image" true 7</etc/passwd
    cat "$smoke_work/called"
    equal "$(sed -n 2p "$smoke_work/called")" "0 1 2 3 4 " # 4 is that of ls
    equal "$(sed -n 3p "$smoke_work/called")" \
        "SigBlk: 0000000000000000 CapPrm: 0000000000000000 CapEff: 0000000000000000 NoNewPrivs: 1 "
    equal "$(sed -n 4,5p "$smoke_work/called")" "/dev/null
?"
    [[ $(cat "$smoke_work/called") != *HOME=* ]] || fail "it got our environment"
}

stopped() {   # a stop is not lost while a checker takes its time
    checker "echo up; exec sleep 60"
    dirty "$image"
    start -i "$image" true
    wait_for 10 test -e "$smoke_work/called" || fail "the checker was not started"
    kill "$supervisor"
    wait_exit "$supervisor" 10
    shows "stopped while its root file system was checked" || { cat "$console"; fail "it was not said"; }
    ! pgrep -f "^sleep 60" || fail "the checker is still there"
    loops_gone
}

killed() {
    checker "exec sleep 61"
    dirty "$image"
    start -i "$image" true
    wait_for 10 test -e "$smoke_work/called" || fail "the checker was not started"
    kill -KILL "$supervisor"; wait "$supervisor" || true
    wait_for 5 no_sleeper || fail "the checker is still there"
    loops_gone
}
no_sleeper() { ! pgrep -f "^sleep 61"; }

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
tap "a checker has next to nothing"             confined
tap "a checker that talks"                      chatty
tap "a stop while a file system is checked"     stopped
tap "SIGKILL while a file system is checked"    killed

tap_done
