#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images that dm-verity checks: where the root hash comes from, what must not run, and that no device is left.
# shellcheck source=test/lib/vm.sh
. /test/lib/vm.sh

root_verity_type=2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5
root_sig_type=41092B05-9FC8-4523-994F-2DEF0408B176
usr_verity_type=77FF5F63-E7B6-4633-ACF4-1565B864C0E6
certificates=/run/verity.d

# --- making -------------------------------------------------------------------------------------------------------

# hashes DATA FILE: makes the hashes of a file system; prints the root hash
hashes() { truncate -s 2M "$2"; veritysetup format --hash-offset=0 "$1" "$2" | sed -n 's/^Root hash:[[:space:]]*//p'; }
uuid() { echo "${1:0:8}-${1:8:4}-${1:12:4}-${1:16:4}-${1:20:12}"; }   # of 32 digits

# four_k FILE TREE: an ext4 whose blocks are not smaller than those that are checked
four_k() { truncate -s 24M "$1"; mkfs.ext4 -q -b 4096 -d "$2" "$1"; }

root=$smoke_work/root.ext4 tree_hashes=$smoke_work/root.verity
four_k "$root" "$bb"
hash=$(hashes "$root" "$tree_hashes")
data_uuid=$(uuid "${hash:0:32}") hash_uuid=$(uuid "${hash:32:32}")
[[ ${#hash} == 64 ]] || { echo "Bail out! no root hash"; exit 1; }

openssl req -batch -x509 -newkey rsa:2048 -nodes -subj /CN=vm -days 2 -keyout "$smoke_work/key" -out "$smoke_work/crt" 2>/dev/null
printf %s "$hash" >"$smoke_work/digits"
openssl smime -sign -nocerts -noattr -binary -in "$smoke_work/digits" -inkey "$smoke_work/key" -signer "$smoke_work/crt" \
    -outform der -out "$smoke_work/p7s"
printf '{"rootHash":"%s","signature":"%s"}' "$hash" "$(base64 -w0 "$smoke_work/p7s")" >"$smoke_work/sig"

# embedded FILE: a disk with data, hashes and signature
embedded() {
    disk "$1" "label: gpt
size=24M, type=$root_type, uuid=$data_uuid
size=2M, type=$root_verity_type, uuid=$hash_uuid
size=64K, type=$root_sig_type" 1:"$root" 2:"$tree_hashes" 3:"$smoke_work/sig"
}
embedded "$(image whole)"

trust() { mkdir -p $certificates; cp "$smoke_work/crt" $certificates/vm.crt; }
distrust() { rm -rf $certificates; }

# checked ARG…: runs, and the root is a device of device-mapper that cannot be written to
checked() {
    local out
    out=$(run "$@" sh -c 'grep " / " /proc/self/mounts; echo x 2>/dev/null >/root/x || echo refused')
    has "$out" "/dev/dm-"; has "$out" " / ext4 ro"; has "$out" refused
}
plain() {
    local out
    out=$(run "$@" grep ' / ' /proc/self/mounts)
    has "$out" "/dev/loop"
}

# --- where the root hash comes from -------------------------------------------------------------------------------

beside() {   # KIND: hash and hashes in files beside a bare file system
    cp "$root" "$(image beside)"; cp "$tree_hashes" "$smoke_work/beside.verity"
    case $1 in
        file) echo "$hash" >"$smoke_work/beside.roothash" ;;
        attribute) python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.verity.roothash", sys.argv[2].encode())' "$(image beside)" "$hash" ;;
    esac
    checked -i "$(image beside)"
    rm "$smoke_work"/beside.*
}

usr() {
    local usr_tree=$smoke_work/usr usr_hash out
    mkdir -p "$usr_tree"; cp -a "$bb/usr/." "$bb/bin" "$bb/sbin" "$usr_tree/"
    four_k "$smoke_work/usr.ext4" "$usr_tree"
    usr_hash=$(hashes "$smoke_work/usr.ext4" "$smoke_work/usr.hashes")
    disk "$(image usr)" "label: gpt
size=24M, type=$root_type
size=24M, type=$usr_type, uuid=$(uuid "${usr_hash:0:32}")
size=2M, type=$usr_verity_type, uuid=$(uuid "${usr_hash:32:32}")" 1:"$root" 2:"$smoke_work/usr.ext4" 3:"$smoke_work/usr.hashes"
    echo "$usr_hash" >"$smoke_work/usr.usrhash"
    out=$(run -i "$(image usr)" sh -c 'cat /proc/self/mounts; echo x >/root/x')
    has "$out" "/dev/dm-"; has "$out" " /usr ext4 ro"
    rm "$smoke_work"/usr.usrhash
}

signed_by_file() {
    trust
    checked --image-policy=root=signed -i "$(image whole)"
    checked --image-policy=root=signed --root-hash="$hash" -i "$(image whole)"
    distrust
    cp "$smoke_work/p7s" "$smoke_work/given"
    refuse "to be signed" --image-policy=root=signed -i "$(image whole)"
    refuse "signature" --root-hash="$hash" --root-hash-sig="$smoke_work/given" -i "$(image whole)"
    refuse "signature" --root-hash="$hash" --root-hash-sig="base64:$(base64 -w0 "$smoke_work/p7s")" -i "$(image whole)"
    trust
    checked --root-hash="$hash" --root-hash-sig="base64:$(base64 -w0 "$smoke_work/p7s")" -i "$(image whole)"
    distrust
}

# The firmware vouches for a certificate, so the kernel does: it is in no directory of the host's.
signed_for_kernel() {
    local other=$smoke_work/other.p7s
    grep -q "SnakeOil" /proc/keys || fail "the kernel does not know the firmware's certificate"
    openssl smime -sign -nocerts -noattr -binary -in "$smoke_work/digits" -inkey /test/firmware.key \
        -signer /test/firmware.crt -outform der -out "$smoke_work/kernel.p7s"
    checked --root-hash="$hash" --root-hash-sig="$smoke_work/kernel.p7s" -i "$(image whole)"
    checked --image-policy=root=signed --root-hash="$hash" --root-hash-sig="$smoke_work/kernel.p7s" -i "$(image whole)"
    # of something else
    tr 0-9a-f 1-9a-f0 <"$smoke_work/digits" >"$smoke_work/other"
    openssl smime -sign -nocerts -noattr -binary -in "$smoke_work/other" -inkey /test/firmware.key \
        -signer /test/firmware.crt -outform der -out "$other"
    refuse "signature" --root-hash="$hash" --root-hash-sig="$other" -i "$(image whole)"
}
signed_on_image_for_kernel() {
    printf '{"rootHash":"%s","signature":"%s"}' "$hash" "$(base64 -w0 "$smoke_work/kernel.p7s")" >"$smoke_work/kernel.sig"
    disk "$(image kernel)" "label: gpt
size=24M, type=$root_type, uuid=$data_uuid
size=2M, type=$root_verity_type, uuid=$hash_uuid
size=64K, type=$root_sig_type" 1:"$root" 2:"$tree_hashes" 3:"$smoke_work/kernel.sig"
    checked --image-policy=root=signed -i "$(image kernel)"
    # a signature of something else is none
    printf '{"rootHash":"%s","signature":"%s"}' "$hash" "$(base64 -w0 "$smoke_work/other.p7s")" >"$smoke_work/kernel.sig"
    put "$(image kernel)" 3 "$smoke_work/kernel.sig"
    checked -i "$(image kernel)"
    refuse "to be signed" --image-policy=root=signed -i "$(image kernel)"
}

policies() {
    checked --image-policy=root=verity -i "$(image whole)"
    plain --read-only --image-policy=root=unprotected -i "$(image whole)"
    refuse "policy" --image-policy=root=verity -i "$root"
    refuse "policy" --image-policy=root=unprotected --root-hash="$hash" -i "$(image whole)"
    refuse "policy" --image-policy=root=encrypted -i "$(image whole)"
}

tap "a root hash on the command line"         leaves_nothing checked --root-hash="$hash" -i "$(image whole)"
tap "a signed hash on the image"              leaves_nothing checked -i "$(image whole)"
tap "a signature that the kernel accepts"      leaves_nothing signed_for_kernel
tap "the same on the image"                    leaves_nothing signed_on_image_for_kernel
tap "a file beside the image"                 leaves_nothing beside file
tap "an attribute of the image"               leaves_nothing beside attribute
tap "the hashes in a file"                    leaves_nothing checked --root-hash="$hash" --verity-data="$tree_hashes" -i "$root"
tap "/usr"                                    leaves_nothing usr
tap "a signature counts if somebody vouches"  leaves_nothing signed_by_file
tap "what the policy says"                    leaves_nothing policies

# --- what can be done with it --------------------------------------------------------------------------------------

changes() {   # ARG…: it can be written to, and forgets
    equal "$(run "$@" -i "$(image whole)" sh -c 'echo x >/etc/x; cat /etc/x')" x
    run "$@" -i "$(image whole)" test ! -e /etc/x
}
boots() {
    start -b -x -i "$(image whole)" -M verity
    until_login
    inside touch /root/first-life
    reboot_by reboot
    inside test -e /root/first-life
    stop_cleanly
}
killed() {
    start -i "$(image whole)" -M verity sh -c 'echo up; sleep 60'
    until_shown up 30
    kill -KILL "$supervisor"; wait "$supervisor" || true
}
# killed before anybody can clean up after it: only the next start, or the kernel, can
killed_early() {
    local delay
    for delay in 0.3 0.6 1 1.5 2.5; do
        start -i "$(image whole)" -M verity sh -c 'echo up; sleep 60'
        sleep $delay
        kill -KILL "$supervisor"; wait "$supervisor" || true
    done
    run -i "$(image whole)" -M verity true
}

on_btrfs() {   # where -x runs a copy of the image, beside which there is no root hash
    local at=$smoke_work/btrfs
    truncate -s 256M "$at.img"; mkfs.btrfs -q "$at.img" 2>/dev/null
    mkdir -p "$at"; mount -o loop "$at.img" "$at"
    cp "$root" "$at/copied.raw"; cp "$tree_hashes" "$at/copied.verity"; echo "$hash" >"$at/copied.roothash"
    equal "$(run -x -i "$at/copied.raw" sh -c 'echo x >/etc/x; cat /etc/x')" x
    umount "$at"; rm -r "$at" "$at.img"
}

tap "-x"                                      leaves_nothing changes -x
tap "-x on btrfs"                             leaves_nothing on_btrfs
tap "--volatile=overlay"                      leaves_nothing changes --volatile=overlay
tap "--volatile=state"                        leaves_nothing checked --volatile=state -i "$(image whole)"
tap "-U"                                      leaves_nothing checked -U -i "$(image whole)"
tap "-U -x"                                   leaves_nothing changes -U -x
tap "a boot, a reboot and a stop"             leaves_nothing boots
tap "SIGKILL"                                 leaves_nothing killed
tap "SIGKILL at the start"                    leaves_nothing killed_early

# --- hostile -------------------------------------------------------------------------------------------------------

wrong=$(tr 0-9a-f 1-9a-f0 <<<"$hash")
cp "$root" "$smoke_work/changed.ext4"
# changed after the hashes were made, but for the superblock
dd if=/dev/urandom of="$smoke_work/changed.ext4" bs=4k count=1 seek=1 conv=notrunc status=none
cp "$tree_hashes" "$smoke_work/damaged.verity"
dd if=/dev/urandom of="$smoke_work/damaged.verity" bs=4k count=100 seek=1 conv=notrunc status=none
head -c 4096 "$tree_hashes" >"$smoke_work/short.verity"
cp "$tree_hashes" "$smoke_work/absurd.verity"
printf '\377\377\377\377\377\377\377\177' | dd of="$smoke_work/absurd.verity" bs=1 seek=72 conv=notrunc status=none
head -c 65536 /dev/urandom >"$smoke_work/noise.verity"
disk "$smoke_work/split.raw" "label: gpt
size=24M, type=$root_type, uuid=$data_uuid
size=2M, type=$root_verity_type, uuid=$hash_uuid
size=24M, type=$usr_type" 1:"$root" 2:"$tree_hashes" 3:"$root"

tap "another image's root hash"               leaves_nothing refuse "root hash" --root-hash="$wrong" -i "$(image whole)"
tap "a wrong hash for a bare file system"     leaves_nothing refuse "root hash" --root-hash="$wrong" --verity-data="$tree_hashes" -i "$root"
tap "a hash of another length"                leaves_nothing refuse "digits" --root-hash="${hash:0:40}" --verity-data="$tree_hashes" -i "$root"
tap "data that were changed"                  leaves_nothing refuse "damaged" --root-hash="$hash" --verity-data="$tree_hashes" -i "$smoke_work/changed.ext4"
tap "hashes that are damaged"                 leaves_nothing refuse "root hash" --root-hash="$hash" --verity-data="$smoke_work/damaged.verity" -i "$root"
tap "hashes that are cut off"                 leaves_nothing refuse "cut off" --root-hash="$hash" --verity-data="$smoke_work/short.verity" -i "$root"
tap "hashes of absurd size"                   leaves_nothing refuse "cut off" --root-hash="$hash" --verity-data="$smoke_work/absurd.verity" -i "$root"
tap "noise for hashes"                        leaves_nothing refuse "damaged" --root-hash="$hash" --verity-data="$smoke_work/noise.verity" -i "$root"
tap "a hash and nothing that it is of"        leaves_nothing refuse "root hash" --root-hash="$hash" -i "$root"
tap "a protected root beside an open /usr"    leaves_nothing refuse "/usr" --root-hash="$hash" -i "$smoke_work/split.raw"

tap_done
