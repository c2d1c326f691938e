# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What the tests of the vm suite share. They run in the emulated computer (test/vm/vm), as root, with its systemd as
# PID 1 and nothing else going on: whatever is there after a test and was not before, the test has left.

# busybox guests have their programs in /bin
PATH=$PATH:/sbin:/bin
NSPAWN=$(command -v nspawn)
NSPAWN_TREES=/trees
smoke_work=/var/tmp/vm smoke_prefix=vm
mkdir -p "$smoke_work" /run/systemd/nspawn/{locks,propagate}

# shellcheck source=test/lib/tap.sh
. /test/lib/tap.sh
# shellcheck source=test/lib/machine.sh
. /test/lib/machine.sh
leaves_within=15
# shellcheck source=test/lib/disk.sh
. /test/lib/disk.sh
bb=$NSPAWN_TREES/busybox
mkdir -p "$bb"/{boot,efi,home,srv,var/tmp}

image() { echo "$smoke_work/$1.raw"; }
run() { nspawn -q -P "$@" </dev/null; }

# refuse EXPECTED-TEXT ARG…: in one line that says so, and soon
refuse() {
    local expected=$1 err=$smoke_work/err began
    shift
    began=$(now_ms)
    status_of run "$@" true 2>"$err"
    cat "$err"
    equal "$status" 1 "exit status"
    equal "$(wc -l <"$err")" 1 "lines on standard error"
    grep -qiF -- "$expected" "$err" || fail "'$expected' is not in the message"
    (($(now_ms) - began < 20000)) || fail "it took $(($(now_ms) - began)) ms"
}

# Everything a machine could leave behind, one thing a line. Credentials of the host's own units come and go. No program
# is started: that is what costs most here.
state() {
    local _ point thing
    while read -r _ _ _ _ point _; do [[ $point == /run/credentials/* ]] || echo "mount $point"; done </proc/self/mountinfo
    shopt -s nullglob
    for thing in /sys/class/net/* /sys/block/dm-* /sys/block/loop*/loop/backing_file /dev/loop*p* /dev/mapper/* \
        /sys/fs/cgroup/machine.slice/*/ /run/nspawn/* /run/systemd/nspawn/* /run/systemd/nspawn/*/* \
        /run/systemd/machines/* "$smoke_work"/.#*; do echo "$thing"; done
}

tap_cleanup() {
    local p
    for p in "${supervisors[@]}"; do kill -KILL "$p" 2>/dev/null || true; done
}
