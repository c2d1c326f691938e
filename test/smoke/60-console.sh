#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A terminal: login on the console, the hot keys, and the caller's terminal afterwards.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

# on_terminal STATUS STEP… -- ARG…: nspawn on a pseudo-terminal (see test/lib/terminal); the terminal's settings are
# afterwards what they were before
on_terminal() {
    local expected=$1
    local -a steps=()
    shift
    while [[ $1 != -- ]]; do steps+=("$1"); shift; done
    shift
    status=0
    "$smoke_top/test/lib/terminal" "${steps[@]}" -- "$NSPAWN" "$@" || status=$?
    [[ $expected == any && $status != 99 ]] || equal "$status" "$expected" "exit status"
}

login=(want:login: sleep:0.5 'send:root\r' 'want:[#$] $')

login_and_poweroff() {
    on_terminal 0 "${login[@]}" 'send:echo $((6*7))-$(tty)\r' 'want:42-/dev/(console|pts/\d+)' 'send:poweroff\r' \
        -- -b -D "$tree"
}
kill_keys() { on_terminal any want:login: 'send:\x1d\x1d\x1d' -- -b -D "$tree"; }
poweroff_keys() { on_terminal 0 want:login: sleep:0.5 'send:\x1d\x1dp' -- -b -D "$tree"; }
reboot_keys() {
    on_terminal any want:login: sleep:0.5 'send:\x1d\x1dr' want:login: sleep:0.5 'send:\x1d\x1d\x1d' -- -b -D "$tree"
}

window_size() {
    on_terminal 0 want:here size:33x77 sleep:0.5 'send:\r' 'want:33 77' \
        -- -q -D "$tree" /bin/sh -c 'echo here; read x; stty size'
}

control_c() {   # goes to the command, not to nspawn
    on_terminal 3 want:here 'send:\x03' want:interrupted \
        -- -q -D "$tree" /bin/sh -c 'trap "echo interrupted; exit 3" INT; echo here; while :; do sleep 0.1; done'
}

shell_without_command() { on_terminal 5 'want:[#$] $' 'send:exit 5\r' -- -q -D "$tree"; }

payload_killed() {   # the terminal is restored when the machine dies a hard death
    on_terminal any want:here -- -q -a -D "$tree" /bin/sh -c 'stty raw -echo; echo here; sleep 0.5; kill -KILL $$'
}

closed_pipe() {   # a command ends as it would on this side
    SMOKE_LIMIT=20
    status_of nspawn -q -D "$tree" yes </dev/null > >(head -n1 >"$smoke_work/line")
    equal "$status" 1 "status of a command whose reader is gone"
    equal "$(tr -d '\r' <"$smoke_work/line")" y "what the reader got"
}
full_disk() {
    status_of nspawn -q -D "$tree" yes </dev/null >/dev/full
    equal "$status" 1 "status of a command that writes to a full disk"
}

tint() {
    local seen
    seen=$("$smoke_top/test/lib/terminal" -- "$NSPAWN" -q --background=44 -D "$tree" printf 'a\033[0mb' | cat -v)
    has "$seen" "^[]2;"
    has "$seen" 'a^[[0m^[[44mb'
    has "${seen##*b}" '^[[0m'
    has "${seen##*b}" '^[[23;2t'
    seen=$(NO_COLOR=1 SYSTEMD_ADJUST_TERMINAL_TITLE=no \
        "$smoke_top/test/lib/terminal" -- "$NSPAWN" -q --background=44 -D "$tree" printf 'a\033[0mb' | cat -v)
    [[ $seen == 'a^[[0mb'* && $seen != *'[44m'* && $seen != *']2;'* ]] || fail "decorated: $seen"
}

flood() {   # nobody reads the console of a booted machine: it is not blocked, and nspawn does not grow
    local before after
    sed -i 's|^::sysinit:.*|::sysinit:/etc/init.d/flood|' "$tree/etc/inittab"
    printf '#!/bin/sh\ndd if=/dev/zero bs=65536 count=2000 2>/dev/null | tr "\\0" x\ntouch /flooded\nexec /etc/init.d/rcS\n' \
        >"$tree/etc/init.d/flood"
    chmod 755 "$tree/etc/init.d/flood"
    mkfifo "$smoke_work/unread"
    exec 7<>"$smoke_work/unread"
    "$NSPAWN" -b -D "$tree" </dev/null >"$smoke_work/unread" 2>&1 &
    supervisor=$! supervisors+=($!)
    wait_for 5 test -e "/proc/$supervisor/status"
    sleep 0.3
    before=$(awk '/^RssAnon/ { print $2 }' "/proc/$supervisor/status")
    wait_for 60 test -e "$tree/flooded" || fail "the guest is blocked by its console"
    after=$(awk '/^RssAnon/ { print $2 }' "/proc/$supervisor/status")
    echo "anonymous memory: $before kB before, $after kB after 130 MB"
    ((after < before + 2048)) || fail "nspawn grew from $before to $after kB"
    kill -TERM "$supervisor"
    wait_for 15 over "$supervisor" || fail "it does not stop"
}

copy guest13
tap "login as root on the console, poweroff" leaves_nothing login_and_poweroff
tap "^]^]^] kills" leaves_nothing kill_keys
tap "^]^]p powers off" leaves_nothing poweroff_keys
tap "^]^]r reboots" leaves_nothing reboot_keys
copy busybox
tap "a shell when no command is given" shell_without_command
tap "^C reaches the command" control_c
tap "a new window size reaches the command" window_size
tap "the terminal is restored when the command is killed" payload_killed
tap "a command whose output nobody reads" closed_pipe
tap "a command whose output cannot be written" full_disk
tap "background color and window title" leaves_nothing tint
tap "a flooded console that nobody reads" flood
tap_done
