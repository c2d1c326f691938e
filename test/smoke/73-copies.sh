#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Ephemeral machines and templates on each kind of file system: snapshots (btrfs), shared blocks (xfs), layers (the rest).
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

copy busybox
bb=$tree
mkdir -p "$bb"/{mnt,root,var,etc,srv/low,srv/up}
btrfs=$smoke_work/btrfs xfs=$smoke_work/xfs
bind=$smoke_work/bind
mkdir "$btrfs" "$xfs" "$bind"
echo bound >"$bind/file"

# on_loop FILE PLACE: others on this computer may be using the loop devices
on_loop() { wait_for 60 mount -o loop "$1" "$2"; }
truncate -s 512M "$smoke_work/btrfs.img" "$smoke_work/xfs.img"
mkfs.btrfs -q "$smoke_work/btrfs.img"
mkfs.xfs -q "$smoke_work/xfs.img"
on_loop "$smoke_work/btrfs.img" "$btrfs"
on_loop "$smoke_work/xfs.img" "$xfs"
trap 'umount "$btrfs" "$xfs"; smoke_exit' EXIT

n() { nspawn -q --register=no --pipe "$@" </dev/null; }

# What the suite's state() does not see: temporary files on the other file systems
eval "smoke_$(declare -f state)"
state() {
    smoke_state
    find "$btrfs" "$xfs" -xdev -name '.#*' -printf 'temporary %p\n'
    btrfs subvolume list "$btrfs" | sed 's/.* path /subvolume /' | sort
}

# trees: $btrfs/sub, a subvolume; $btrfs/dir and $xfs/dir, directories; $bb on whatever holds the suite
btrfs -q subvolume create "$btrfs/sub"
for d in "$btrfs/sub" "$btrfs/dir" "$xfs/dir"; do mkdir -p "$d"; cp -a "$bb/." "$d"; done
btrfs -q subvolume create "$btrfs/sub/srv/nested"
echo nested >"$btrfs/sub/srv/nested/file"
btrfs -q subvolume create "$btrfs/sub/srv/nested/deeper"
echo deeper >"$btrfs/sub/srv/nested/deeper/file"
btrfs -q subvolume snapshot -r "$btrfs/sub/srv/nested/deeper" "$btrfs/sub/srv/nested/fixed"

# kind_of ARG…: what the root of an ephemeral machine is
# shellcheck disable=SC2016
print_kind='while read -r _ place type _; do [ "$place" != / ] || echo "$type"; done </proc/self/mounts'
kind_of() { n -x "$@" /bin/sh -c "$print_kind"; }

# runs_on TREE: a machine that writes to it, in the background; until_ended
runs_on() {
    start -q --register=no -D "$1" -M "$smoke_prefix-writer" --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
}
ends() { kill -TERM "$supervisor"; wait_exit "$supervisor" 10; }

# --- what a copy is ----------------------------------------------------------------------------------------------

forgets() {   # TREE KIND
    equal "$(kind_of -D "$1")" "$2" "file system of the root"
    # shellcheck disable=SC2016
    equal "$(leaves_nothing n -x -D "$1" /bin/sh -c 'echo x >/root/new && rm /etc/os-release && echo y >>/srv/x; cat /root/new')" \
        x "what it wrote"
    [[ ! -e $1/root/new && -e $1/etc/os-release && ! -e $1/srv/x ]] || fail "written through to the tree"
}

nested() {
    local sub=$btrfs/sub/srv/nested
    # shellcheck disable=SC2016
    equal "$(leaves_nothing n -x -D "$btrfs/sub" /bin/sh -c 'cd /srv/nested; cat file deeper/file fixed/file
        echo new >file; echo new >deeper/file; echo new >fixed/file; cat file deeper/file fixed/file' 2>/dev/null | tr '\n' ' ')" \
        "nested deeper deeper new new deeper " "contents"
    equal "$(cat "$sub"/{file,deeper/file})" $'nested\ndeeper' "in the source"
}

made_inside() {   # what the machine makes of subvolumes goes too, however deep, read-only or not
    local own
    start -q --register=no -x -D "$btrfs/sub" -M "$smoke_prefix-inside" --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    own=$(find "$btrfs" -maxdepth 1 -type d -name '.#sub.*')
    [[ -d $own ]] || fail "there is no snapshot beside the tree"
    for d in a a/b a/b/c; do btrfs -q subvolume create "$own/$d"; done
    btrfs -q subvolume snapshot -r "$own/a" "$own/root/r"
    ends
}

at_a_mount_point() {   # the only place on the same file system is inside
    local at=$smoke_work/at
    mkdir -p "$at"
    mount -o subvol=sub "$(findmnt -no SOURCE --target "$btrfs" | sed 's/\[.*//')" "$at"
    status_of at_mount_point "$at"
    umount "$at"
    equal "$status" 0 "status"
    equal "$(find "$btrfs/sub" -maxdepth 1 -name '.#*')" "" "what is left"
}
at_mount_point() {
    equal "$(kind_of -D "$1")" btrfs "file system of the root" &&
        equal "$(n -x -D "$1" /bin/sh -c 'ls -A / | grep "^\.#" || true')" "" "other snapshots in it"
}

reboots() {   # changes survive that
    start -b -x -D "$1" -M "$smoke_prefix-reboot" --register=no
    until_login
    inside /bin/sh -c 'echo kept >/root/kept'
    reboot_by /bin/busybox reboot
    equal "$(inside /bin/cat /root/kept)" kept "what was written"
    stop_cleanly
    [[ ! -e $1/root/kept ]] || fail "written through to the tree"
}

killed() {   # TREE: the supervisor
    start -q --register=no -x -D "$1" --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    kill -KILL "$supervisor"
    wait_for 5 no_strangers || { strangers; fail "processes are left"; }
}
no_strangers() { [[ ! $(strangers) ]]; }

killed_altogether() {   # TREE: the minder, too; whichever ephemeral machine is next removes what is left
    start -q --register=no -x -D "$1" --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    # shellcheck disable=SC2046
    kill -KILL "$supervisor" $(descendants "$supervisor")
    wait_for 5 no_strangers || { strangers; fail "processes are left"; }
    [[ $(find "${1%/*}" -maxdepth 1 -name ".#${1##*/}.*") ]] || fail "there is nothing to be removed"
    n -x -D "$bb" /bin/true
}

tap "btrfs: a snapshot of a subvolume"        forgets "$btrfs/sub" btrfs
tap "btrfs: a layer over a directory"         forgets "$btrfs/dir" overlay
tap "xfs: a layer"                            forgets "$xfs/dir" overlay
tap "elsewhere: a layer"                      forgets "$bb" overlay
tap "subvolumes in a subvolume"               nested
tap "subvolumes that the machine makes"       leaves_nothing made_inside
tap "a subvolume that is a mount point"       leaves_nothing at_a_mount_point
tap "a snapshot survives a reboot"            leaves_nothing reboots "$btrfs/sub"
tap "a layer survives a reboot"               leaves_nothing reboots "$bb"
tap "a snapshot goes when killed"             leaves_nothing killed "$btrfs/sub"
tap "and at the next start"                   leaves_nothing killed_altogether "$btrfs/sub"
tap "a layer goes at the next start"          leaves_nothing killed_altogether "$bb"

# --- who runs beside whom ----------------------------------------------------------------------------------------

beside_writer() {   # TREE KIND: an ephemeral machine of a tree that is written to
    runs_on "$1"
    echo now >"$1/root/now"
    equal "$(leaves_nothing n -x -D "$1" /bin/sh -c "$print_kind; cat /root/now; echo x >/root/now" | tr '\n' ' ')" \
        "$2 now " "what it sees"
    equal "$(cat "$1/root/now")" now "in the tree"
    rm "$1/root/now"
    ends
}

shares() {   # no block of the file is written a second time
    local used before
    dd if=/dev/urandom of="$xfs/dir/large" bs=1M count=64 status=none
    sync -f "$xfs"
    runs_on "$xfs/dir"
    before=$(df --output=used "$xfs" | tail -n1)
    start -q --register=no -x -D "$xfs/dir" --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 20
    equal "$(stat -c %s "$xfs"/.#dir.*/large)" $((64 << 20)) "size"
    sync -f "$xfs"
    used=$(($(df --output=used "$xfs" | tail -n1) - before))
    ((used < 16 << 10)) || fail "the copy takes $used kB"
    ends
    kill -TERM "${supervisors[0]}"
    rm "$xfs/dir/large"
}

protect() {   # as the machine could
    local own
    own=$(find "$xfs" -maxdepth 1 -type d -name '.#dir.*')
    mkdir -p "$own/root/d/e"
    touch "$own/root/d/f" "$own/root/d/e/g"
    chattr +i "$own/root/d/f" "$own/root/d/e"
    chattr +a "$own/root/d" "$own"
    ! rm "$own/root/d/f" 2>/dev/null
}
immutable() {   # what the machine protects is removed all the same, in the end and by a later start
    local writer
    runs_on "$xfs/dir"
    writer=$supervisor
    start -q --register=no -x -D "$xfs/dir" --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    protect
    ends
    start -q --register=no -x -D "$xfs/dir" --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    protect
    # shellcheck disable=SC2046
    kill -KILL "$supervisor" $(descendants "$supervisor")
    supervisor=$writer
    ends
    wait_for 5 no_strangers || { strangers; fail "processes are left"; }
    n -x -D "$bb" /bin/true
}

refused_beside_writer() {
    runs_on "$bb"
    status_of n -x -D "$bb" /bin/true 2>"$smoke_work/err"
    equal "$status" 1 "status"
    equal "$(grep -c . "$smoke_work/err")" 1 "lines of the message"
    has "$(cat "$smoke_work/err")" "is in use by a machine that writes to it"
    ends
}

writer_beside() {   # TREE STATUS: a machine that wants to write to the tree of an ephemeral one
    start -q --register=no -x -D "$1" --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    status_of n -D "$1" /bin/true 2>/dev/null
    equal "$status" "$2" "status"
    ends
}

several() {   # TREE: ephemeral and read-only machines side by side
    local first
    start -q --register=no -x -D "$1" --pipe /bin/sh -c 'echo mine >/root/mine; echo here; sleep 60'
    until_shown here 10
    first=$supervisor
    equal "$(n -x -D "$1" /bin/sh -c 'ls /root')" "" "what another one wrote"
    equal "$(n --read-only -D "$1" /bin/sh -c 'ls /root')" "" "what an ephemeral one wrote"
    supervisor=$first
    ends
}

tap "beside a writer: a snapshot"             beside_writer "$btrfs/sub" btrfs
tap "beside a writer: shared blocks on btrfs" beside_writer "$btrfs/dir" btrfs
tap "beside a writer: shared blocks on xfs"   beside_writer "$xfs/dir" xfs
tap "shared blocks are shared"                leaves_nothing shares
tap "immutable files in a copy"                leaves_nothing immutable
tap "beside a writer: else refused"           leaves_nothing refused_beside_writer
tap "a writer beside a snapshot"              writer_beside "$btrfs/sub" 0
tap "a writer beside a layer is refused"      writer_beside "$bb" 1
tap "ephemeral beside ephemeral: snapshots"   leaves_nothing several "$btrfs/sub"
tap "ephemeral beside ephemeral: layers"      leaves_nothing several "$bb"

# --- images ------------------------------------------------------------------------------------------------------

for at in "$xfs" "$btrfs" "$smoke_work"; do
    truncate -s 24M "$at/disk.raw"
    mkfs.ext4 -q -F -d "$bb" "$at/disk.raw"
done

image_forgets() {   # IMAGE KIND
    local before
    before=$(sha256sum "$1")
    equal "$(leaves_nothing n -x -i "$1" /bin/sh -c "$print_kind; echo x >/root/x && cat /root/x" | tr '\n' ' ')" "$2 x " \
        "what it sees"
    equal "$(sha256sum "$1")" "$before" "the image"
}
image_beside_writer() {   # IMAGE STATUS
    start -q --register=no -i "$1" -M "$smoke_prefix-writer" --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    status_of n -x -i "$1" /bin/touch /root/x
    equal "$status" "$2" "status"
    ends
}
mksquashfs "$bb" "$btrfs/never.raw" -quiet -no-progress -noappend >/dev/null
tap "image on xfs: a clone"                   image_forgets "$xfs/disk.raw" ext4
tap "image on btrfs: a clone"                 image_forgets "$btrfs/disk.raw" ext4
tap "an image that is never written: a layer" image_forgets "$btrfs/never.raw" overlay
tap "image elsewhere: a layer"                image_forgets "$smoke_work/disk.raw" overlay
tap "an image in use: a clone"                leaves_nothing image_beside_writer "$xfs/disk.raw" 0
tap "an image in use, elsewhere: refused"     leaves_nothing image_beside_writer "$smoke_work/disk.raw" 1

# --- with everything else ----------------------------------------------------------------------------------------

for d in "$bb" "$btrfs/sub" "$xfs/dir"; do echo low >"$d/srv/low/file"; done

# Whether /, /root, /var and /mnt can be written to, and what is in /mnt
# shellcheck disable=SC2016
look='for d in / /root /var /mnt; do if touch "$d/probe" 2>/dev/null; then echo rw; else echo ro; fi; done; cat /mnt/file 2>/dev/null || true'

with() {   # EXPECTED ARG…: that, or a part of the message when it is refused
    local out expected=$1
    shift
    out=$(n -x -D "$where" "${users[@]}" "$@" /bin/sh -c "$look" 2>&1 | tr '\n' ' ') || true
    if [[ $expected == r[ow]\ * ]]; then
        [[ $out == "$expected " ]] || { echo "${users[*]} $*: expected '$expected', is '$out'"; wrong=1; }
    else
        [[ $out == *"$expected"* ]] || { echo "${users[*]} $*: expected '$expected', is '$out'"; wrong=1; }
    fi
    [[ ! $(find "$where" -name probe) ]] || { echo "${users[*]} $*: written through to the tree"; wrong=1; }
    rm -f "$bind/probe"
}
combinations() {   # KIND TREE [USERS…]
    local kind=$1 where=$2 wrong='' upper='rw rw rw rw low'
    local -a users=("${@:3}")
    [[ $kind != layer ]] || upper='its upper layer lies on a file system that cannot be one'
    with "$upper" --overlay=+/srv/low:+/srv/up:/mnt
    with 'ro ro rw ro' --volatile=state
    if [[ $kind != shared ]]; then   # which waits a second each time for the tree to become free
        with 'rw rw rw rw'
        with 'ro ro ro ro' --read-only
        with 'rw rw rw rw low' --volatile=overlay --overlay=+/srv/low::/mnt
        with 'rw rw rw rw' --volatile=overlay
        with 'takes a tree whose /bin, /sbin and /lib are links' --volatile=yes
        with 'rw rw rw rw bound' --bind="$bind:/mnt:idmap"
        with 'rw rw rw ro bound' --bind-ro="$bind:/mnt:idmap"
        with 'ro ro ro rw bound' --bind="$bind:/mnt:idmap" --read-only
        with 'rw rw rw rw' --bind=:/mnt
        with 'rw rw rw rw' --tmpfs=/mnt
        with 'ro ro ro rw' --tmpfs=/mnt --read-only
        with 'rw rw rw rw' --inaccessible=/mnt
        with 'rw rw rw rw low' --overlay=+/srv/low::/mnt
        with 'rw rw rw rw bound' --overlay="$bind::/mnt"
        with 'rw rw rw ro bound' --overlay-ro="+/srv/low:$bind:/mnt"
        with 'ro ro rw rw bound' --overlay="$bind::/mnt" --volatile=state
    fi
    [[ ! $wrong ]] || fail "see above"
}
shared_combinations() {
    runs_on "$xfs/dir"
    combinations shared "$xfs/dir" "$@"
    ends
}
tap "a layer and everything else"             leaves_nothing combinations layer "$bb"
tap "the same, with users of its own"         leaves_nothing combinations layer "$bb" -U
tap "a snapshot and everything else"          leaves_nothing combinations snapshot "$btrfs/sub"
tap "the same, with users of its own"         leaves_nothing combinations snapshot "$btrfs/sub" -U
tap "shared blocks and everything else"       leaves_nothing shared_combinations
tap "the same, with users of its own"         leaves_nothing shared_combinations -U

# --- templates ---------------------------------------------------------------------------------------------------

listing() { (cd "$1" && find . ! -type d -printf '%p %y %m %U %G %s %T@ %l\n' -o -printf '%p %y %m %U %G %T@\n' | sort); }

made() {   # TEMPLATE PLACE [ARG…]
    local before
    before=$(listing "$1")
    n --template="$1" -D "$2" --read-only "${@:3}" /bin/true
    equal "$(listing "$2")" "$before" "the copy"
    [[ ! $(find "${2%/*}" -maxdepth 1 -name '.#*') ]] || fail "temporary files are left"
    n --template=/nonexistent -D "$2" /bin/sh -c 'echo new >/root/new'
    [[ -e $2/root/new && ! -e $1/root/new ]] || fail "the tree is not a copy"
}
snapshotted() {
    made "$btrfs/sub" "$btrfs/new"
    equal "$(cat "$btrfs/new/srv/nested/deeper/file")" deeper "a subvolume in it"
    btrfs subvolume show "$btrfs/new" >/dev/null
    btrfs -q subvolume create "$btrfs/empty"
    made "$btrfs/sub" "$btrfs/empty"
    made "$btrfs/dir" "$btrfs/newdir"
    btrfs subvolume show "$btrfs/newdir" >/dev/null
}
copied() {
    made "$xfs/dir" "$xfs/new"
    made "$bb" "$smoke_work/new"
    mkdir "$smoke_work/empty"
    made "$btrfs/sub" "$smoke_work/empty"
}
by_name() {
    mount -t tmpfs tmpfs /var/lib
    status_of n -M "$smoke_prefix-named" --template="$bb" /bin/sh -c 'echo new >/root/new'
    equal "$status$(cat "/var/lib/machines/$smoke_prefix-named/root/new")" 0new "status and what was written"
    umount /var/lib
}
not_made() {   # STATUS MESSAGE ARG…
    local expected=$1 message=$2
    shift 2
    leaves_nothing status_of n "$@" /bin/true 2>"$smoke_work/err"
    equal "$status" "$expected" "status"
    equal "$(grep -c . "$smoke_work/err")" "$expected" "lines of the message"
    has "$(cat "$smoke_work/err")" "$message"
}
not_needed() {
    mkdir -p "$smoke_work/full"
    cp -a "$bb/." "$smoke_work/full"
    rm "$smoke_work/full/srv/low/file"
    not_made 0 "" -D "$smoke_work/full" --template="$bb"
    [[ ! -e $smoke_work/full/srv/low/file ]] || fail "it was replaced"
}
refusals() {
    touch "$smoke_work/file"
    not_made 1 "--template=/nonexistent" -D "$smoke_work/x" --template=/nonexistent
    not_made 1 "this is no directory" -D "$smoke_work/x" --template="$smoke_work/file"
    not_made 1 "the directory it is in cannot be used" -D "$smoke_work/x/y" --template="$bb"
    mkdir -p "$smoke_work/mounted"
    mount -t tmpfs tmpfs "$smoke_work/mounted"
    not_made 1 "is a mount point" -D "$smoke_work/mounted" --template="$bb"
    umount "$smoke_work/mounted"
}
in_use() {
    runs_on "$1"
    status_of n -D "$2" -M "$smoke_prefix-x" --template="$1" --read-only /bin/true 2>"$smoke_work/err"
    equal "$status" "$3" "status"
    [[ $3 == 0 ]] || has "$(cat "$smoke_work/err")" "is in use by a machine that writes to it"
    ends
}

# slowly ARG…: a copy that takes 20 ms and more for each file, in the background; sets $tracer and $copier
slow=(strace -o /dev/null -e trace=fchownat -e)
slowly() {
    "${slow[@]}" inject=fchownat:delay_enter=20000 "$NSPAWN" --register=no --pipe --template="$bb" -D "$smoke_work/slow" "$@" /bin/true </dev/null \
        >"$smoke_work/err" 2>&1 &
    tracer=$!
    wait_for 10 copying
    copier=$(pgrep -x -P "$tracer" nspawn)
    supervisors+=("$copier" "$tracer")
}
copying() { compgen -G "$smoke_work/.#slow.*/*" >/dev/null; }

interrupted() {   # SIGNAL
    slowly
    kill -s "$1" "$copier"
    wait_exit "$tracer" 10
    equal "$status" 1 "status"
    has "$(cat "$smoke_work/err")" "the copy was interrupted"
    [[ ! -e $smoke_work/slow ]] || fail "a part of the copy is there"
}
killed_copying() {
    slowly
    kill -KILL "$copier"
    wait_exit "$tracer" 10
    [[ ! -e $smoke_work/slow ]] || fail "a part of the copy is there"
    compgen -G "$smoke_work/.#slow.*" >/dev/null || fail "there is nothing to be removed"
    made "$bb" "$smoke_work/slow"
    rm -r "$smoke_work/slow"
}
progress() {   # EXPECTED-COUNT ARG…: what is seen on a terminal
    local out
    out=$("$smoke_top/test/lib/terminal" -- "${slow[@]}" inject=fchownat:delay_enter=2000 "$NSPAWN" "${@:2}" --register=no --console=pipe --read-only \
        --template="$bb" -D "$smoke_work/slow" /bin/true)
    (($(grep -oE 'copying: [0-9]+ files, [0-9]+ MB' <<<"$out" | wc -l) ${1})) || fail "the terminal shows: $out"
    rm -r "$smoke_work/slow"
}

tap "template: a snapshot"                    snapshotted
tap "template: a copy"                        copied
tap "template: by name"                       by_name
tap "template: a tree that is there stays"    not_needed
tap "template: refusals"                      refusals
tap "template in use: refused"                in_use "$bb" "$smoke_work/x" 1
tap "template in use: a snapshot"             in_use "$btrfs/sub" "$btrfs/x" 0
tap "template: SIGTERM"                       leaves_nothing interrupted TERM
tap "template: SIGINT"                        leaves_nothing interrupted INT
tap "template: SIGKILL, and the next start"   leaves_nothing killed_copying
tap "template: progress on a terminal"        progress ">= 2"
tap "template: no progress when quiet"        progress "== 0" -q
tap_done
