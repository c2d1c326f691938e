#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Machines that are disk images, as units of a systemd host.
# shellcheck source=test/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
host_prepare

# names of this run alone: the host sees the loop devices of all others too
img=img$$ ver=ver$$
machines=$lab_host/var/lib/machines
mkdir -p "$machines/$ver.raw.v"
case $(uname -m) in
    x86_64) root_type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 ;;
    aarch64) root_type=B921B045-1DF0-41C3-AF44-4C6F280D3FAE ;;
    *) lab_die "teach $0 the partition type of this machine" ;;
esac
truncate -s 320M "$lab_work/root"
mkfs.ext4 -q -F -d "$NSPAWN_TREES/guest13" "$lab_work/root"
truncate -s 330M "$machines/$img.raw"
sfdisk -q "$machines/$img.raw" <<<"label: gpt
start=2048, size=320M, type=$root_type"
dd if="$lab_work/root" of="$machines/$img.raw" bs=1M seek=1 conv=notrunc,sparse status=none
rm "$lab_work/root"
ln "$machines/$img.raw" "$machines/$ver.raw.v/${ver}_1.10.raw"
echo "no image" >"$machines/$ver.raw.v/${ver}_1.9.raw"
host_up

loops() { host_in sh -c 'cat /sys/block/loop*/loop/backing_file 2>/dev/null' | grep -E "/($img|$ver)[._]" || true; }
no_loops() { [[ -z $(loops) ]]; }
loops_gone() { wait_for 5 no_loops || fail "loop devices are left: $(loops)"; }

boots() {
    start_guest "$img"
    until_running "$img"
    has "$(host_in machinectl list --no-legend)" "$img"
    has "$(in_guest "$img" findmnt -no FSTYPE,OPTIONS /)" "errors=remount-ro"
    equal "$(in_guest "$img" stat -c %u /etc)" 0 "owner of /etc inside"
    in_guest "$img" sh -c 'echo kept >/root/x'
    stop_guest "$img"
    loops_gone
    start_guest "$img"
    until_running "$img"
    equal "$(in_guest "$img" cat /root/x)" kept
    stop_guest "$img"
}

reboots() {
    local before
    start_guest "$img"
    until_running "$img"
    before=$(in_guest "$img" cat /proc/sys/kernel/random/boot_id)
    host_in machinectl reboot "$img"
    wait_for 40 other_boot "$before" || fail "it did not come up again"
    stop_guest "$img"
    loops_gone
}
other_boot() { local id; id=$(in_guest "$img" cat /proc/sys/kernel/random/boot_id 2>/dev/null) && [[ $id && $id != "$1" ]]; }

newest() {   # and its other name, a hard link, is refused meanwhile
    start_guest "$ver"
    until_running "$ver"
    has "$(loops)" "$ver.raw.v/${ver}_1.10.raw"
    equal "$(in_guest "$ver" hostname)" "$ver"
    has "$(host_run nspawn -i "/var/lib/machines/$img.raw" -M x true 2>&1 || true)" \
        "in use by another machine"
    stop_guest "$ver"
    loops_gone
}

killed() {
    start_guest "$img"
    until_running "$img"
    host_in kill -KILL "$(supervisor_pid "$img")"
    wait_for 15 no_machine "$img" || fail "the machine is still there"
    loops_gone
    host_in systemctl reset-failed "$(unit "$img")" || true
    start_guest "$img"
    until_running "$img"
    stop_guest "$img"
}

tap "an image boots as a unit, and keeps what is written"   leaves_nothing boots
tap "machinectl reboot"                                     leaves_nothing reboots
tap "the newest version, whose other names are locked"      leaves_nothing newest
tap "SIGKILL of the supervisor"                             leaves_nothing killed

tap_done
