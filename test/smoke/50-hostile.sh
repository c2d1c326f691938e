#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Trees that are traps: what should be a directory is a symlink out of the tree, a FIFO, a file or a loop. nspawn uses
# the tree inside its own root, or refuses it; it never hangs, and the host is untouched.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

canary=$smoke_work/canary

host_state() {   # every file that a tree here points at, to the nanosecond
    find "$canary" -printf '%p %y %m %U %G %s %T@ %C@ %l\n' | sort
    find /etc -maxdepth 1 -printf '%p %m %U %s %T@ %C@\n' | sort
    state
}

fresh_canary() {
    rm -rf "$canary"
    mkdir -p "$canary"/{dir,dir/sub,journal}
    echo precious >"$canary/file"
    echo precious >"$canary/dir/resolv.conf"
    echo 11111111111111111111111111111111 >"$canary/dir/machine-id"
    ln -s nowhere "$canary/dangling"
}

trap_path() {   # KIND PATH: puts a trap in the place of PATH in $tree
    local kind=$1 at=$tree$2
    mkdir -p "$(dirname "$at")"
    [[ $kind == keep-* ]] || rm -rf --one-file-system "$at"
    case $kind in
    out-dir)      ln -s "$canary/dir" "$at" ;;
    out-file)     ln -s "$canary/file" "$at" ;;
    out-new)      ln -s "$canary/dangling" "$at" ;;
    out-relative) ln -s "../../../../../../../../../..$canary/dir" "$at" ;;
    root)         ln -s / "$at" ;;
    proc-fd)      ln -s /proc/self/root "$at" ;;
    fifo)         mkfifo "$at" ;;
    socket)       python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$at" ;;
    file)         echo x >"$at" ;;
    loop)         ln -s "${at##*/}" "$at" ;;
    device)       mknod "$at" c 1 5 ;;
    esac
}

survive() {   # KIND PATH
    local before
    copy busybox
    fresh_canary
    trap_path "$1" "$2"
    before=$(host_state)
    status=0
    timeout -k 5 30 "$NSPAWN" -D "$tree" --link-journal=try-guest /bin/true </dev/null || status=$?
    echo "as a command: $status"
    ((status != 124 && status != 137)) || fail "it hung"
    equal "$(host_state)" "$before" "the host"

    # and booted: the init comes up and is stopped, or the tree is refused
    start -b -D "$tree" --link-journal=try-guest
    wait_for 3 shown_or_over login: || true
    if ! over "$supervisor"; then
        # twice: an orderly stop is not what is tested here
        kill -TERM "$supervisor"
        sleep 0.1
        kill -TERM "$supervisor" 2>/dev/null || true
        wait_for 5 over "$supervisor" || fail "the stop hung"
    fi
    status=0
    wait "$supervisor" || status=$?
    echo "booted: $status"; tail -n 5 "$console"
    wait_for 3 host_is "$before" || equal "$(host_state)" "$before" "the host after a boot"
}
host_is() { [[ $(host_state) == "$1" ]]; }

for path in /dev /run /etc /proc /sys /tmp /var/log/journal /etc/resolv.conf /etc/localtime /etc/machine-id \
    /etc/os-release /usr/lib/os-release /run/host /sbin/init; do
    for kind in out-dir out-file out-new out-relative fifo file loop; do
        tap "$path is a trap: $kind" survive "$kind" "$path"
    done
done
for kind in root proc-fd socket device; do
    for path in /dev /etc /etc/resolv.conf /var/log/journal; do
        tap "$path is a trap: $kind" survive "$kind" "$path"
    done
done
tap_done
