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
    own=$(echo "$btrfs"/.#sub.*)
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
    local logins; logins=$(count_shown login:)
    inside /bin/busybox reboot
    wait_for 30 more_logins_than "$logins" || { tail -n 40 "$console"; fail "it did not come up again"; }
    equal "$(inside /bin/cat /root/kept)" kept "what was written"
    stop_cleanly
    [[ ! -e $1/root/kept ]] || fail "written through to the tree"
}
more_logins_than() { (($(count_shown login:) > $1)); }

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
tap "image on xfs: a clone"                   image_forgets "$xfs/disk.raw" ext4
tap "image on btrfs: a clone"                 image_forgets "$btrfs/disk.raw" ext4
tap "image elsewhere: a layer"                image_forgets "$smoke_work/disk.raw" overlay
tap "an image in use: a clone"                leaves_nothing image_beside_writer "$xfs/disk.raw" 0
tap "an image in use, elsewhere: refused"     leaves_nothing image_beside_writer "$smoke_work/disk.raw" 1

tap_done
