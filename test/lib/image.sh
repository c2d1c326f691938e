# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For the smoke tests of disk images, to be sourced after smoke.sh: making images, and what must be true afterwards.
# $bb is a busybox tree, $smoke_work/root.ext4 a file system with it, $smoke_work/data.ext4 a small one.

copy busybox
bb=$tree
mkdir -p "$bb"/{boot,efi,home,srv,var/tmp}
# shellcheck source=test/lib/disk.sh
. "$smoke_top/test/lib/disk.sh"

image() { echo "$smoke_work/$smoke_prefix-$1.raw"; }

loops() { for l in /sys/block/loop*; do [[ ! -e $l/loop/backing_file ]] || grep -F "$smoke_prefix" "$l/loop/backing_file" || true; done; }
no_loops() { [[ -z $(loops) ]]; }
loops_gone() { wait_for 3 no_loops || fail "loop devices are left: $(loops)"; }

run() { nspawn -q -P "$@" </dev/null; }
attached=
eval "smoke_$(declare -f tap_cleanup)"
tap_cleanup() {
    smoke_tap_cleanup
    umount "$smoke_work/mnt" 2>/dev/null || true
    [[ ! $attached ]] || losetup -d "$attached"
}

file_system ext4 "$smoke_work/root.ext4" "$bb"
mkdir -p "$smoke_work/data" "$smoke_work/empty-tree"; echo home >"$smoke_work/data/which"
file_system ext4 "$smoke_work/data.ext4" "$smoke_work/data" 4M

# --- refusals ------------------------------------------------------------------------------------------------------

refuse() {   # EXPECTED-TEXT ARG…
    local expected=$1 err=$smoke_work/err before began
    shift
    touch "$err"
    before=$(state; find "$smoke_work" -maxdepth 1 | sort)
    began=$(now_ms)
    status_of timeout -k 5 20 "$NSPAWN" -q "$@" true >"$smoke_work/out" 2>"$err" </dev/null
    (($(now_ms) - began < 2000)) || fail "it took $(($(now_ms) - began)) ms"
    cat "$err"
    equal "$status" 1 "exit status"
    equal "$(wc -l <"$err")" 1 "lines on standard error"
    grep -qiF -- "$expected" "$err" || fail "'$expected' is not in the message"
    no_loops || loops_gone
    equal "$(state; find "$smoke_work" -maxdepth 1 | sort)" "$before" "what is left behind"
}
touch "$smoke_work/out" "$smoke_work/err"
