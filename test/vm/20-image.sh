#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disk images with udev about, and the file systems that a container's kernel lacks or cannot grow.
# shellcheck source=test/lib/vm.sh
. /test/lib/vm.sh

file_system ext4 "$smoke_work/root.ext4" "$bb"
file_system vfat "$smoke_work/esp.vfat" - 4M
mkdir -p "$smoke_work/data"
file_system ext4 "$smoke_work/data.ext4" "$smoke_work/data" 4M

boots() {
    cp "$smoke_work/root.ext4" "$(image boot)"
    start -bi "$(image boot)"
    until_login
    has "$(machinectl list --no-legend)" boot
    stop_cleanly
}

esp_boot() {
    local out
    disk "$(image esp)" "label: gpt
size=24M, type=$root_type
size=4M, type=$esp_type" 1:"$smoke_work/root.ext4" 2:"$smoke_work/esp.vfat"
    out=$(run -i "$(image esp)" sh -c 'grep " /boot " /proc/self/mounts; stat -c %a /boot; echo x >/boot/x')
    has "$out" " /boot vfat rw,nosuid,nodev,noexec"
    has "$out" "errors=remount-ro"
    has "$out" "
700"
    equal "$(run -i "$(image esp)" cat /boot/x)" x
    has "$(run --read-only -i "$(image esp)" cat /proc/self/mounts)" " /boot vfat ro,"
}

esp_efi() {
    local out
    disk "$(image efi)" "label: gpt
size=24M, type=$root_type
size=4M, type=$esp_type
size=4M, type=$xbootldr_type" 1:"$smoke_work/root.ext4" 2:"$smoke_work/esp.vfat" 3:"$smoke_work/data.ext4"
    out=$(run -i "$(image efi)" cat /proc/self/mounts)
    has "$out" " /efi vfat"; has "$out" " /boot ext4"
}

# grows TYPE LEAST: the file system is as large as its partition afterwards, in megabytes
grows() {
    local size
    file_system "$1" "$smoke_work/small" "$bb"
    rm -f "$(image grow)"; truncate -s 600M "$(image grow)"
    sfdisk -q "$(image grow)" <<<"label: gpt
size=500M, type=$root_type, attrs=\"GUID:$grow\""
    put "$(image grow)" 1 "$smoke_work/small"
    size=$(run -i "$(image grow)" sh -c 'df -m / | tail -n1 | tr -s " " | cut -d" " -f2')
    ((size > $2)) || fail "$size MB"
    rm "$smoke_work/small" "$(image grow)"
}

f2fs() {
    local out
    file_system f2fs "$(image f2fs)" "$bb"
    out=$(run -i "$(image f2fs)" sh -c 'grep " / " /proc/self/mounts; echo kept >/root/x')
    has "$out" " / f2fs rw"
    out=$(run --read-only -i "$(image f2fs)" sh -c 'grep " / " /proc/self/mounts; cat /root/x')
    has "$out" " / f2fs ro"; has "$out" kept
    equal "$(run -x -i "$(image f2fs)" cat /root/x)" kept
    start -i "$(image f2fs)" sh -c 'echo up; echo more >/root/y; sync; while :; do echo z >>/root/z; done'
    until_shown up 30
    sleep 2
    kill -KILL "$supervisor"; wait "$supervisor" || true
    equal "$(run -i "$(image f2fs)" cat /root/y)" more
}

# checked TYPE: its checker works in its confinement; it is not root, also in a unit whose devices are few
checked() {
    file_system "$1" "$(image checked)" "$bb" 40M
    case $1 in
        ext4) debugfs -w -R "set_super_value state 2" "$(image checked)" 2>/dev/null ;;
    esac
    SYSTEMD_LOG_LEVEL=debug run -i "$(image checked)" true 2>"$smoke_work/err" || { cat "$smoke_work/err"; fail "refused"; }
    grep -E "fsck|own|another user|Landlock" "$smoke_work/err"
    has "$(cat "$smoke_work/err")" "fsck.$1: "
    ! grep -E "$smoke_work.*fsck.$1 failed|no node|no namespaces|no Landlock|no system call filter" "$smoke_work/err" ||
        fail "that is not how it should be checked"
}

in_a_unit() {
    cp "$smoke_work/root.ext4" /var/lib/machines/unit.raw
    debugfs -w -R "set_super_value state 2" /var/lib/machines/unit.raw 2>/dev/null
    systemctl set-environment SYSTEMD_LOG_LEVEL=debug
    systemctl start nspawn@unit
    systemctl unset-environment SYSTEMD_LOG_LEVEL
    systemctl stop nspawn@unit
    rm /var/lib/machines/unit.raw
    journalctl --sync
    journalctl -b -u nspawn@unit -o cat >"$smoke_work/err"
    has "$(cat "$smoke_work/err")" "corrected by fsck.ext4"
    ! grep -E "no node of|no namespaces|no Landlock|no system call filter" "$smoke_work/err" ||
        fail "that is not how it should be checked"
}

# a disk whose partitions the kernel and udev know, too
known_disk() {
    local loop
    disk "$(image known)" "label: gpt
size=24M, type=$root_type" 1:"$smoke_work/root.ext4"
    loop=$(losetup --show -Pf "$(image known)")
    udevadm settle
    [[ -b ${loop}p1 ]] || fail "no node for the partition"
    equal "$(run -i "$loop" -M known echo works)" works
    losetup -d "$loop"
}

# udev opens each new loop device, and must not be taken for someone who uses it
many() {
    local i
    for i in 1 2 3 4 5; do equal "$(run -i "$smoke_work/root.ext4" -M many echo $i)" $i; done
}

killed() {
    start -i "$(image boot)" sh -c 'echo up; sleep 60'
    until_shown up 30
    kill -KILL "$supervisor"; wait "$supervisor" || true
}

tap "an image boots, and machined knows it"   leaves_nothing boots
tap "the EFI system partition, at /boot"      leaves_nothing esp_boot
tap "the EFI system partition, at /efi"       leaves_nothing esp_efi
tap "ext4 grows"                              leaves_nothing grows ext4 400
tap "btrfs grows"                             leaves_nothing grows btrfs 400
tap "xfs grows"                               leaves_nothing grows xfs 400
tap "f2fs"                                    leaves_nothing f2fs
tap "ext4 is checked"                         leaves_nothing checked ext4
tap "ext4 is checked in a unit"               leaves_nothing in_a_unit
tap "f2fs is checked"                         leaves_nothing checked f2fs
tap "a disk with nodes for its partitions"    leaves_nothing known_disk
tap "one after the other"                     leaves_nothing many
tap "SIGKILL"                                 leaves_nothing killed

tap_done
