#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disk images: every kind of table and file system, who may write, what is refused, and that no loop device is left.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

# shellcheck source=test/lib/image.sh
. "$smoke_top/test/lib/image.sh"

# --- kinds ------------------------------------------------------------------------------------------------------

boots_from() {   # TYPE
    local i out; i=$(image "$1")
    file_system "$1" "$i" "$bb"
    out=$(run -i "$i" sh -c 'grep " / " /proc/self/mounts; cat /etc/os-release')
    has "$out" " $1 "; has "$out" ID=busybox
    loops_gone
}

keeps() {   # TYPE: what is written is in the image when we return
    local i; i=$(image "$1")
    file_system "$1" "$i" "$bb"
    run -i "$i" sh -c 'echo kept >/root/x'
    no_loops || fail "a loop device is still there: $(loops)"
    equal "$(run -i "$i" cat /root/x)" kept "the file"
    equal "$(run --read-only -i "$i" sh -c 'cat /root/x; echo no 2>/dev/null >/root/x || echo refused')" "kept
refused"
    loops_gone
}

cp -a "$bb" "$smoke_work/new"; echo new >"$smoke_work/new/etc/which"
cp -a "$bb" "$smoke_work/old"; echo old >"$smoke_work/old/etc/which"
file_system squashfs "$smoke_work/new.squashfs" "$smoke_work/new"
file_system squashfs "$smoke_work/old.squashfs" "$smoke_work/old"

gpt_all() {
    local i out; i=$(image gpt)
    disk "$i" "label: gpt
size=24M, type=$root_type
size=4M, type=$home_type
size=4M, type=$srv_type, attrs=\"GUID:$read_only\"
size=4M, type=$var_type, attrs=\"GUID:$no_auto\"
size=4M, type=$xbootldr_type
size=4M, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F" 1:"$smoke_work/root.ext4" 2:"$smoke_work/data.ext4" \
        3:"$smoke_work/data.ext4" 4:"$smoke_work/data.ext4" 5:"$smoke_work/data.ext4"
    out=$(run -i "$i" sh -c 'cut -d" " -f2-4 /proc/self/mounts; cat /home/which; echo x >/home/y; echo x 2>/dev/null >/srv/y || echo srv-ro')
    has "$out" "/home ext4 rw"; has "$out" "/srv ext4 ro"; has "$out" "/boot ext4 rw,nosuid,nodev,noexec"; has "$out" srv-ro
    [[ $out != *" /var "* ]] || fail "a partition without automount was mounted"
    equal "$(run -i "$i" cat /home/y)" x
    loops_gone
}

gpt_versions() {
    local i; i=$(image ab)
    disk "$i" "label: gpt
size=8M, type=$root_type, name=system_9
size=8M, type=$root_type, name=system_10
size=8M, type=$root_type, name=_empty" 1:"$smoke_work/old.squashfs" 2:"$smoke_work/new.squashfs" 3:"$smoke_work/old.squashfs"
    equal "$(run -i "$i" cat /etc/which)" new
}

gpt_usr() {
    local i out tree=$smoke_work/usr; i=$(image usr)
    rm -rf "$tree"; mkdir "$tree"; cp -a "$bb/usr/." "$tree/"; cp -a "$bb/bin" "$bb/sbin" "$tree/"
    file_system squashfs "$smoke_work/usr.squashfs" "$tree"
    disk "$i" "label: gpt
size=24M, type=$usr_type" 1:"$smoke_work/usr.squashfs"
    out=$(run -i "$i" /usr/bin/busybox sh -c 'cut -d" " -f1-4 /proc/self/mounts; readlink /bin; echo x >/root-is-writable')
    has "$out" "/usr squashfs ro"; has "$out" "usr/bin"
    out=$(run --volatile -i "$i" /usr/bin/busybox sh -c 'cut -d" " -f1-4 /proc/self/mounts; echo x >/root-is-writable')
    has "$out" "/usr squashfs ro"
    # and split: the root on one partition, /usr on another
    disk "$i" "label: gpt
size=24M, type=$root_type
size=24M, type=$usr_type" 1:"$smoke_work/root.ext4" 2:"$smoke_work/usr.squashfs"
    out=$(run -i "$i" /usr/bin/busybox cat /proc/self/mounts); has "$out" "/usr squashfs ro"
    out=$(run --volatile=overlay -i "$i" sh -c 'cat /proc/self/mounts; echo x >/root/x; cat /root/x'); has "$out" "/usr squashfs ro"
    out=$(run --volatile=state -i "$i" sh -c 'cat /proc/self/mounts'); has "$out" "/usr squashfs ro"
    loops_gone
}

gpt_esp() {
    local i out; i=$(image esp)
    disk "$i" "label: gpt
size=24M, type=$root_type
size=4M, type=$esp_type" 1:"$smoke_work/root.ext4" 2:"$smoke_work/data.ext4"
    out=$(run -i "$i" cut -d' ' -f2,3 /proc/self/mounts); has "$out" "/boot ext4"
    run -i "$i" sh -c 'umount /boot 2>/dev/null || true; true'
    disk "$i" "label: gpt
size=24M, type=$root_type
size=4M, type=$esp_type
size=4M, type=$xbootldr_type" 1:"$smoke_work/root.ext4" 2:"$smoke_work/data.ext4" 3:"$smoke_work/data.ext4"
    out=$(run -i "$i" cut -d' ' -f2,3 /proc/self/mounts); has "$out" "/boot ext4"; has "$out" "/efi ext4"
}

gpt_grows() {
    local i out; i=$(image grow)
    # growing takes CAP_SYS_RESOURCE, which a container may lack: then it is a warning
    disk "$i" "label: gpt
size=80M, type=$root_type, attrs=\"GUID:$grow\"" 1:"$smoke_work/root.ext4"
    out=$(run -i "$i" sh -c 'df -m / | tail -n1 | tr -s " " | cut -d" " -f2' 2>"$smoke_work/err")
    if capsh --has-p=cap_sys_resource 2>/dev/null; then ((out > 60)) || fail "$out MB"; else has "$(cat "$smoke_work/err")" "cannot grow"; fi
}

one_generic() {
    local i; i=$(image generic)
    disk "$i" "label: gpt
size=24M, type=$generic_type" 1:"$smoke_work/root.ext4"
    run -i "$i" true
    disk "$i" "label: dos
size=24M, type=83" 1:"$smoke_work/root.ext4"
    run -i "$i" true
    disk "$i" "label: dos
size=24M, type=83
size=24M, type=83, bootable" 2:"$smoke_work/root.ext4"
    run -i "$i" true
    loops_gone
}

tap "a bare ext4"                boots_from ext4
tap "a bare squashfs"            boots_from squashfs
tap "a bare erofs"               boots_from erofs
tap "a bare btrfs"               boots_from btrfs
tap "a bare xfs"                 boots_from xfs
tap "changes are kept, on ext4"  keeps ext4
tap "changes are kept, on btrfs" keeps btrfs
tap "changes are kept, on xfs"   keeps xfs
tap "a GPT with everything"      gpt_all
tap "the newest of two roots"    gpt_versions
tap "/usr on its own"            gpt_usr
tap "the EFI system partition"   gpt_esp
tap "a file system that grows"   gpt_grows
tap "one generic partition"      one_generic

# --- life -------------------------------------------------------------------------------------------------------

named() {
    mkdir -p /run/machines
    cp "$smoke_work/root.ext4" "/run/machines/$smoke_prefix-m.raw"
    equal "$(run -M "$smoke_prefix-m" hostname)" "$smoke_prefix-m"
    rm "/run/machines/$smoke_prefix-m.raw"
}

newest() {
    local v=/run/machines/$smoke_prefix-v.raw.v p=$smoke_prefix-v out
    mkdir -p "$v"
    status_of run -M "$p" true >"$smoke_work/out" 2>&1
    ((status == 1)) || fail "exit status $status of nothing to start from"
    has "$(cat "$smoke_work/out")" "$v: it holds no image ${p}_VERSION.raw"
    cp "$smoke_work/old.squashfs" "$v/${p}_9.raw"; ln -s "$smoke_work/new.squashfs" "$v/${p}_10+2.raw"
    cp "$smoke_work/old.squashfs" "$v/${p}_11+0-3.raw"
    equal "$(run -M "$p" sh -c 'hostname; cat /etc/which')" "$p
new"
    has "$(nspawn --dry-run -M "$p")" "image: $smoke_work/new.squashfs"
    out=$(SYSTEMD_LOG_LEVEL=debug run -i "$v" true 2>&1); has "$out" "$v: picked ${p}_10+2.raw, version 10"
    rm -r "$v"; mkdir -p "$smoke_work/trees.v"
    cp -a "$bb" "$smoke_work/trees.v/t_1"; mkdir "$smoke_work/trees.v/t_0"
    equal "$(run -D "$smoke_work/trees.v/t___" hostname)" t
    loops_gone
}

second_writer() {
    local i out; i=$(image lock)
    cp "$smoke_work/root.ext4" "$i"; ln -f "$i" "$smoke_work/other-name.raw"
    start -i "$i" -M "$smoke_prefix-1" sh -c 'echo up; sleep 30'
    until_shown up 10
    status_of run -i "$smoke_work/other-name.raw" -M "$smoke_prefix-2" true; ((status == 1)) || fail "a second writer"
    status_of run --read-only -i "$i" -M "$smoke_prefix-2" true; ((status == 1)) || fail "a reader beside a writer"
    kill "$supervisor"; wait_exit "$supervisor" 15
    no_loops || fail "left: $(loops)"
    start --read-only -i "$i" -M "$smoke_prefix-1" sh -c 'echo up; sleep 30'
    until_shown up 10
    run --read-only -i "$smoke_work/other-name.raw" -M "$smoke_prefix-2" true
    kill "$supervisor"; wait_exit "$supervisor" 15
    loops_gone
}

# Machines that only read an image have one device, and with it all that the kernel keeps of its files, once.
shared() {   # IMAGE ARG…
    local i=$1 first first_console
    shift
    ln -f "$i" "$i.other-name"
    start "$@" -i "$i" -M "$smoke_prefix-1" sh -c 'echo up; sleep 30'
    first=$supervisor first_console=$console
    until_shown up 10
    start "$@" -i "$i.other-name" -M "$smoke_prefix-2" sh -c 'echo up; sleep 30'
    until_shown up 10
    equal "$(loops | wc -l)" 1 "loop devices"
    kill -KILL "$first"; wait "$first" || true
    run "$@" -i "$i" -M "$smoke_prefix-1" cat /etc/os-release
    inside cat /etc/os-release >/dev/null
    equal "$(loops | wc -l)" 1 "loop devices"
    kill "$supervisor"; wait_exit "$supervisor" 15
    loops_gone
    rm "$first_console" "$i.other-name"
}
shared_squashfs() {
    local i; i=$(image squash)
    cp "$smoke_work/new.squashfs" "$i"
    shared "$i"
}
shared_ext4() {
    local i; i=$(image shared)
    cp "$smoke_work/root.ext4" "$i"
    shared "$i" -x
    shared "$i" --read-only
}

# A file that was written since is another one, whoever still has the old one's device.
not_shared() {
    local i; i=$(image written)
    cp "$smoke_work/old.squashfs" "$i"
    start -i "$i" -M "$smoke_prefix-1" sh -c 'echo up; sleep 30'
    until_shown up 10
    cat "$smoke_work/new.squashfs" >"$i"
    equal "$(run -i "$i" -M "$smoke_prefix-2" cat /etc/which)" new
    kill "$supervisor"; wait_exit "$supervisor" 15
    loops_gone
}

# Two that write to it and come at the same time: one has it.
at_once() {
    local i a b first; i=$(image race)
    cp "$smoke_work/root.ext4" "$i"
    run -i "$i" -M "$smoke_prefix-1" sleep 3 2>/dev/null & a=$!
    run -i "$i" -M "$smoke_prefix-2" sleep 3 2>/dev/null & b=$!
    first=0; wait "$a" || first=$?
    status=0; wait "$b" || status=$?
    equal "$((first + status))" 1 "one ends with 0 and one with 1"
    loops_gone
}

killed() {
    local i; i=$(image kill)
    cp "$smoke_work/root.ext4" "$i"
    start -i "$i" sh -c 'echo up; sleep 30'
    until_shown up 10
    kill -KILL "$supervisor"; wait "$supervisor" || true
    loops_gone
    run -i "$i" true
}

reboots() {
    local i; i=$(image reboot)
    cp "$smoke_work/root.ext4" "$i"
    start -b -i "$i"
    until_login
    inside touch /root/first-life
    reboot_by reboot
    inside test -e /root/first-life
    stop_cleanly
    no_loops || fail "left: $(loops)"
}

ephemeral() {
    local i; i=$(image eph)
    cp "$smoke_work/root.ext4" "$i"
    run -x -i "$i" sh -c 'echo x >/root/x; cat /root/x' >/dev/null
    run -i "$i" sh -c '! test -e /root/x'
    equal "$(run --volatile=overlay -i "$i" sh -c 'echo x >/root/x; cat /root/x')" x
    run -i "$i" sh -c '! test -e /root/x'
    loops_gone
}

block_device() {
    local i loop; i=$(image block)
    cp "$smoke_work/root.ext4" "$i"
    loop=$(losetup --show -f "$i")
    attached=$loop
    equal "$(run -i "$loop" -M "$smoke_prefix-b" echo works)" works
    mkdir -p "$smoke_work/mnt"; mount "$loop" "$smoke_work/mnt"
    status_of run -i "$loop" -M "$smoke_prefix-b" true
    umount "$smoke_work/mnt"
    ((status == 1)) || fail "a disk that is mounted was taken"
}

fixed_dev() {
    local i; i=$(image dev)
    cp "$smoke_work/root.ext4" "$i"
    unshare -m --propagation private bash -ec '
        mkdir -p /run/dev; mount -t tmpfs dev /run/dev
        for n in null zero full random urandom tty ptmx; do cp -a /dev/$n /run/dev/ 2>/dev/null || true; done
        mkdir -p /run/dev/pts; mount --move /run/dev /dev 2>/dev/null || mount --bind /run/dev /dev
        [[ ! -e /dev/loop-control ]]
        "$NSPAWN" -q -P -i "'"$i"'" echo works' >"$smoke_work/out"
    equal "$(cat "$smoke_work/out")" works
    loops_gone
}

tap "found by its name"                  named
tap "the newest of a directory's versions" newest
tap "one writer or many readers"         second_writer
tap "squashfs: all on one device"        shared_squashfs
tap "ext4, only read: all on one device" shared_ext4
tap "written since: a device of its own" not_shared
tap "two writers at once"                at_once
tap "SIGKILL leaves no loop device"      killed
tap "a reboot inside"                    reboots
tap "changes are forgotten on request"   ephemeral
tap "a block device, unless mounted"     block_device
tap "a /dev without loop devices"        fixed_dev

# --- hostile and broken -----------------------------------------------------------------------------------------

mkfifo "$smoke_work/fifo.raw"
: >"$smoke_work/empty.raw"
truncate -s 1M "$smoke_work/zeros.raw"
truncate -s 4000G "$smoke_work/huge.raw"
echo short >"$smoke_work/short.raw"
head -c 1M /dev/urandom >"$smoke_work/noise.raw"
disk "$smoke_work/whole.raw" "label: gpt
size=24M, type=$root_type" 1:"$smoke_work/root.ext4"
head -c 10M "$smoke_work/whole.raw" >"$smoke_work/truncated.raw"
head -c 4M "$smoke_work/root.ext4" >"$smoke_work/cut.raw"
cp "$smoke_work/root.ext4" "$smoke_work/damaged.raw"
dd if=/dev/urandom of="$smoke_work/damaged.raw" bs=4096 seek=1 count=300 conv=notrunc status=none
head -c 300k "$smoke_work/old.squashfs" >"$smoke_work/cutsquash.raw"
cp "$smoke_work/root.ext4" "$smoke_work/two.raw"
printf 'hsqs' | dd of="$smoke_work/two.raw" conv=notrunc status=none
disk "$smoke_work/nothing.raw" "label: gpt
size=24M, type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F"
disk "$smoke_work/unformatted.raw" "label: gpt
size=24M, type=$root_type"
disk "$smoke_work/generics.raw" "label: gpt
size=24M, type=$generic_type
size=24M, type=$generic_type"
disk "$smoke_work/luks.raw" "label: gpt
size=24M, type=$root_type
size=24M, type=$home_type" 1:"$smoke_work/root.ext4"
{ printf 'LUKS\272\276\0\2'; head -c 4088 /dev/zero; } >"$smoke_work/luks-header"
put "$smoke_work/luks.raw" 2 "$smoke_work/luks-header"

tap "a missing image"             refuse no-such.raw   -i "$smoke_work/no-such.raw"
tap "a directory"                 refuse --directory   -i "$bb"
tap "a FIFO"                      refuse fifo.raw      -i "$smoke_work/fifo.raw"
tap "a character device"          refuse /dev/null     -i /dev/null
tap "an empty file"               refuse empty         -i "$smoke_work/empty.raw"
tap "zeros"                       refuse "permitted"   -i "$smoke_work/zeros.raw"
tap "a huge hole"                 refuse "permitted"   -i "$smoke_work/huge.raw"
tap "a few bytes"                 refuse "permitted"   -i "$smoke_work/short.raw"
tap "noise"                       refuse "permitted"   -i "$smoke_work/noise.raw"
tap "a truncated disk"            refuse truncated     -i "$smoke_work/truncated.raw"
tap "a truncated file system"     refuse cut.raw       -i "$smoke_work/cut.raw"
tap "a truncated squashfs"        refuse cutsquash.raw -i "$smoke_work/cutsquash.raw"
tap "a damaged file system"       refuse damaged.raw   -i "$smoke_work/damaged.raw"
tap "nothing to start from"       refuse "root or /usr" -i "$smoke_work/nothing.raw"
tap "an unformatted partition"    refuse "permitted"   -i "$smoke_work/unformatted.raw"
tap "several generic partitions"  refuse "which of"    -i "$smoke_work/generics.raw"
tap "an encrypted partition"      refuse encrypted     -i "$smoke_work/luks.raw"
tap "image and directory"         refuse --directory   -i "$smoke_work/whole.raw" -D "$bb"
tap "a file as directory"         refuse --image       -D "$smoke_work/whole.raw"

# a superblock that asks for the host's panic, with an error in the root directory
panics() {
    local i out; i=$(image panic)
    file_system ext4 "$i" "$bb"
    tune2fs -e panic "$i" >/dev/null
    out=$(run -i "$i" grep ' / ' /proc/self/mounts)
    has "$out" "errors=remount-ro"
}
tap "a superblock that wants a panic" panics

only_permitted() {
    local err
    err=$(SYSTEMD_DISSECT_FILE_SYSTEMS=xfs:erofs "$NSPAWN" -q -i "$smoke_work/root.ext4" true 2>&1) && fail "accepted"
    has "$err" "xfs:erofs"
}
tap "a file system that is not permitted" only_permitted

tap_done
