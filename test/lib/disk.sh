# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Making disk images, where loop devices and mkfs are. $smoke_work is a directory for what is needed on the way.

root_type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 usr_type=8484680C-9521-48C6-9C11-B0720656F69E
case $(uname -m) in
    aarch64) root_type=B921B045-1DF0-41C3-AF44-4C6F280D3FAE usr_type=B0E01050-EE5F-4390-949A-9101B17104E9 ;;
    x86_64) ;;
    *) echo "Bail out! teach $0 the partition types of this machine"; exit 1 ;;
esac
home_type=933AC7E1-2EB4-4F13-B844-0E14E2AEF915
srv_type=3B8F8425-20E0-4F3B-907F-1A25A76F98E8
var_type=4D21B016-B534-45C2-A9FB-5C16E091FD2D
esp_type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
xbootldr_type=BC13C2FF-59E6-4262-A352-B275FD6F7172
generic_type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
no_auto=63 read_only=60 grow=59

file_system() {   # TYPE FILE TREE [SIZE]: a file system of that type with this tree in it
    local type=$1 file=$2 from=$3 size=${4:-24M}
    rm -f "$file"
    case $type in
        ext4) truncate -s "$size" "$file"; mkfs.ext4 -q -F -d "$from" "$file" ;;
        btrfs) truncate -s 128M "$file"; mkfs.btrfs -q -r "$from" "$file" ;;
        xfs)
            truncate -s 320M "$file"; mkfs.xfs -q "$file"
            mkdir -p "$smoke_work/mnt"; mount -o loop "$file" "$smoke_work/mnt"
            cp -a "$from/." "$smoke_work/mnt/"; umount "$smoke_work/mnt" ;;
        f2fs)
            truncate -s 64M "$file"; mkfs.f2fs -q "$file"
            mkdir -p "$smoke_work/mnt"; mount -o loop "$file" "$smoke_work/mnt"
            cp -a "$from/." "$smoke_work/mnt/"; umount "$smoke_work/mnt" ;;
        vfat) truncate -s "$size" "$file"; mkfs.vfat "$file" >/dev/null ;;
        squashfs) mksquashfs "$from" "$file" -quiet -no-progress -noappend ;;
        erofs) mkfs.erofs "$file" "$from" >/dev/null 2>&1 ;;
    esac
}

# disk FILE SECTOR-TABLE [PART:CONTENT…]: sfdisk's table, and what goes into which partition
disk() {
    local file=$1 table=$2 part
    shift 2
    rm -f "$file"; truncate -s 100M "$file"
    sfdisk -q "$file" <<<"$table"
    for part; do put "$file" "${part%%:*}" "${part#*:}"; done
}
put() {   # FILE PARTITION CONTENT
    local start
    start=$(sfdisk --dump "$1" | sed -n "s/.*[^0-9]$2 : start= *\([0-9]*\),.*/\1/p")
    dd if="$3" of="$1" bs=512 seek="$start" conv=notrunc,sparse status=none
}
