#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the guest can get hold of through /proc/PID/exe, and the stub init of --as-pid2. Without users of its own the
# machine's root is the host's, so a way to nspawn's own file would be a way to the host.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

copy busybox
bb=$tree
# what is attacked is a copy
victim=$smoke_work/victim
cp "$NSPAWN" "$victim"
run() { timeout -k 5 20 "$victim" -q --pipe -D "$bb" "$@" </dev/null; }

victim_state() { stat -c '%a %u %s' "$victim"; sha256sum <"$victim"; }
harmless() {   # ARG…: the program is as it was
    local before
    before=$(victim_state)
    "$@" || true
    equal "$(victim_state)" "$before" "the program on the host"
}

attack_stub() {
    run -a /bin/sh -c 'chmod 700 /proc/1/exe; (echo x >>/proc/1/exe); (exec 3</proc/1/exe && echo x >>/proc/self/fd/3)'
    has "$(run -a /bin/readlink /proc/1/exe)" memfd:
}

# The tree can run nspawn, if the way there is open: then it says its version.
runnable() {
    local lib
    ldd "$NSPAWN" | grep -o '/[^ ]*' | while read -r lib; do install -D "$lib" "$bb$lib"; done
    install "$NSPAWN" "$bb/bin/nspawn"
    has "$(run /bin/nspawn --version)" nspawn
    rm "$bb/bin/nspawn"
    mkdir -p "$bb/evil"
    ln -sfn /proc/self/exe "$bb/evil/link"
    printf '#!/proc/self/exe --version\n' >"$bb/evil/script"
    chmod 755 "$bb/evil/script"
}
not_itself() {   # COMMAND…
    runnable
    local out
    out=$(run "$@" 2>&1 || true)
    [[ $out != *nspawn\ * ]] || fail "the program ran inside: $out"
}

attack_by_getent() {   # it runs before the command, and stays
    mkdir -p "$bb/usr/bin"
    cat >"$bb/usr/bin/getent" <<'SH'
#!/bin/sh
chmod 700 /proc/1/exe; (echo x >>/proc/1/exe)
sleep 50 >/dev/null &
[ "$2" != passwd ] || echo "$3:x:7:7::/:/bin/sh"
SH
    chmod 755 "$bb/usr/bin/getent"
    equal "$(run -u somebody /bin/sh -c 'id -u; echo /proc/[0-9]*')" "7"$'\n'"/proc/1" "user and processes"
    rm "$bb/usr/bin/getent"
}

no_memfd() {   # a host that executes no files in memory
    unshare --pid --fork --kill-child --mount-proc bash -c "echo 2 >/proc/sys/vm/memfd_noexec
        '$NSPAWN' -q --pipe -D '$bb' -a /bin/sh -c 'chmod 700 /proc/1/exe 2>/dev/null || exit 9'" </dev/null || status=$?
    equal "${status:-0}" 9 "exit status"
}

filtered() {   # the user's filter may forbid the newer call
    equal "$(run --system-call-filter=~execveat /bin/echo hello)" hello output
}

no_socket() {   # the way to the supervisor is closed, whatever the filter leaves to close it with
    local show='for f in /proc/1/fd/* /proc/self/fd/*; do readlink $f; done'
    equal "$(run --system-call-filter=~close_range /bin/sh -c "$show" | grep -c socket:)" 0 "sockets"
    equal "$(run --system-call-filter=~close_range -a /bin/sh -c "$show" | grep -c socket:)" 0 "sockets, with -a"
}

pid1_is_bare() {
    equal "$(run -a -E secret=x /bin/sh -c 'tr "\0" "\n" </proc/1/environ | grep . | cut -d= -f1')" \
        "container"$'\n'"container_uuid" "environment of PID 1"
    equal "$(run -a /bin/sh -c 'tr -d "\0" </proc/1/cmdline; cat /proc/1/comm')" "(sd-stubinit)(sd-stubinit)" name
    equal "$(run -a /bin/sh -c 'for f in /proc/1/fd/*; do readlink $f; done' | sort -u)" /dev/null "its descriptors"
    equal "$(exec 3<"$bb/etc/os-release"; LISTEN_FDS=1 LISTEN_PID=$BASHPID exec "$NSPAWN" -q --pipe -a -D "$bb" \
        /bin/sh -c 'head -n1 <&3')" ID=busybox "the command's"
}

# The command says what it got, and ends then.
payload='for s in TERM HUP; do trap "echo got-$s; exit 5" $s; done; echo here; while :; do sleep 0.1; done'

signalled() {   # SIGNAL STATUS
    start -q --keep-unit --register=no -a -D "$bb" /bin/sh -c "$payload"
    until_shown here 20
    kill -s "$1" "$(guest_init "$supervisor")"
    wait_exit "$supervisor" 10
    equal "$status" "$2" "exit status"
    shows got- || fail "the command was not told"
}

deaf() {   # to SIGTERM and SIGHUP
    start -q -a -D "$bb" /bin/sh -c "$payload"
    until_shown here 20
    kill -TERM "$(guest_init "$supervisor")"
    kill -HUP "$(guest_init "$supervisor")"
    sleep 0.5
    alive "$supervisor" || fail "it ended"
    ! shows got- || fail "they were passed on"
}

reaps() {
    equal "$(run -a /bin/sh -c '(sleep 0.1 &); sleep 0.5; grep -l "State:.*Z" /proc/[0-9]*/status | wc -l')" 0 zombies
}

messages() {
    has "$(run no-such 2>&1)" "no-such: no such command in the machine"
    has "$(run -a no-such 2>&1)" "no-such: no such command in the machine"
    has "$(run /etc/passwd 2>&1)" "/etc/passwd: cannot be run in the machine: Permission denied"
    printf '\177ELF?' >"$bb/bin/foreign"
    chmod 755 "$bb/bin/foreign"
    has "$(run foreign 2>&1)" "foreign in it is a program for another architecture"
    printf 'echo "$0 $*"\n' >"$bb/bin/bare"
    chmod 755 "$bb/bin/bare"
    equal "$(run bare 1 2)" "/bin/bare 1 2" "a script that names no shell"
}

tap "/proc/1/exe of the stub init is not the host's" harmless attack_stub
tap "a command that is /proc/self/exe" not_itself /evil/link --version
tap "a script for /proc/self/exe" not_itself /evil/script
tap "what getent leaves behind" harmless attack_by_getent
tap "where files in memory are not executed (vm.memfd_noexec=2)" no_memfd
tap "a filter without execveat" filtered
tap "a filter without close_range" no_socket
tap "the stub init has no secrets" pid1_is_bare
for s in RTMIN+3 RTMIN+4 RTMIN+13 RTMIN+14; do tap "SIG$s shuts down" leaves_nothing signalled "$s" 0; done
for s in INT RTMIN+5 RTMIN+6 RTMIN+15 RTMIN+16; do tap "SIG$s reboots" leaves_nothing signalled "$s" 133; done
tap "the stub init ignores SIGTERM and SIGHUP" deaf
tap "the stub init reaps" reaps
tap "what cannot be executed is said" messages
tap_done
