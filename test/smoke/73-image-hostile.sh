#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Images that are broken, or lie, or are in use: refused in one line, within two seconds, with nothing left; and
# superblocks that ask for more than they get.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"
# shellcheck source=test/lib/image.sh
. "$smoke_top/test/lib/image.sh"

w=$smoke_work

# --- what is no image ---------------------------------------------------------------------------------------------

nothing_attached() {
    local loop
    loop=$(losetup -f)
    refuse "" -i "$loop" -M "$smoke_prefix-l"
}
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$w/socket.raw"
ln -s loop.raw "$w/loop.raw"
ln -s fifo.raw "$w/to-fifo.raw"; mkfifo "$w/fifo.raw"
cp "$w/root.ext4" "$w/secret.raw"

tap "a socket"                          refuse "socket.raw"   -i "$w/socket.raw"
tap "a symlink to itself"               refuse "loop.raw"     -i "$w/loop.raw"
tap "a symlink to a FIFO"               refuse "to-fifo.raw"  -i "$w/to-fifo.raw"
tap "the kernel's memory"               refuse "/proc/kmsg"   -i /proc/kmsg -M "$smoke_prefix-k"
tap "a file of /sys"                    refuse "/sys/"        -i /sys/kernel/profiling -M "$smoke_prefix-s"
tap "a loop device with nothing behind" nothing_attached

# --- tables that lie ----------------------------------------------------------------------------------------------

# gpt FILE PYTHON: a disk with a root, whose table a piece of Python changes: header h (a list of its fields, see
# below) and the entries e (lists of type, uuid, first, last, attributes, name); all checksums fit afterwards
disk "$w/gpt.raw" "label: gpt
size=24M, type=$root_type
size=4M, type=$home_type" 1:"$w/root.ext4" 2:"$w/data.ext4"
gpt() {
    cp --sparse=always "$w/gpt.raw" "$1"
    python3 - "$1" "$2" <<'PYTHON'
import struct, sys, zlib
path, change = sys.argv[1:]
H, E = "<8sIIIIQQQQ16sQIII", "<16s16sQQQ72s"
with open(path, "r+b") as f:
    size = f.seek(0, 2); last = size // 512 - 1
    f.seek(512); h = list(struct.unpack(H, f.read(92)))
    f.seek(1024); e = [list(struct.unpack(E, f.read(128))) for _ in range(128)]
    signature, revision, header_size, crc, zero, my, other, first_lba, last_lba, guid, table, count, entry_size, e_crc = range(14)
    both = True   # copies of the table
    exec(change)
    raw = b"".join(struct.pack(E, *x) for x in e)
    def header(at, alternate, entries):
        x = list(h); x[my], x[other], x[table] = at, alternate, entries
        x[e_crc] = zlib.crc32(raw); x[crc] = 0
        x[crc] = zlib.crc32(struct.pack(H, *x))
        return struct.pack(H, *x)
    f.seek(last * 512); f.write(header(last, 1, last - 32))
    f.seek((last - 32) * 512); f.write(raw)
    f.seek(512); f.write(header(1, last, 2) if both else bytes(92))
    f.seek(1024); f.write(raw if both else bytes(len(raw)))
PYTHON
}
gpt "$w/overlap.raw"   'e[1][2] = e[0][3]'
gpt "$w/same.raw"      'e[1] = list(e[0]); e[1][1] = b"u" * 16'
gpt "$w/wrap.raw"      'e[0][3] = 2**64 - 1'
gpt "$w/past.raw"      'e[0][3] = last + 1000; h[last_lba] = last + 2000'
gpt "$w/backwards.raw" 'e[0][2], e[0][3] = e[0][3], e[0][2]'
gpt "$w/size0.raw"     'h[header_size] = 0'
gpt "$w/sizehuge.raw"  'h[header_size] = 2**32 - 1'
gpt "$w/crowd.raw"     'h[count] = 2**32 - 1'
gpt "$w/product.raw"   'h[count] = 2**25'
gpt "$w/entry0.raw"    'h[entry_size] = 0'
gpt "$w/entryhuge.raw" 'h[entry_size] = 2**31'
gpt "$w/backup.raw"    'both = False'

from_backup() {
    equal "$(run -i "$w/backup.raw" echo works)" works
    cp --sparse=always "$w/backup.raw" "$w/nobackup.raw"; truncate -s 60M "$w/nobackup.raw"
    refuse "permitted" -i "$w/nobackup.raw"
    loops_gone
}

tap "partitions that overlap"            refuse "damaged"   -i "$w/overlap.raw"
tap "a partition in the place of another" refuse "damaged"  -i "$w/same.raw"
tap "a last sector that wraps around"    refuse "wrap.raw"  -i "$w/wrap.raw"
tap "a partition beyond the end"         refuse "truncated" -i "$w/past.raw"
tap "a partition that ends before it begins" refuse "backwards.raw" -i "$w/backwards.raw"
tap "a header of no size"                refuse "size0.raw" -i "$w/size0.raw"
tap "a header of a huge size"            refuse "sizehuge.raw" -i "$w/sizehuge.raw"
tap "more entries than can be"           refuse "damaged"   -i "$w/crowd.raw"
tap "entries whose size overflows"       refuse "damaged"   -i "$w/product.raw"
tap "entries of no size"                 refuse "damaged"   -i "$w/entry0.raw"
tap "entries of a huge size"             refuse "damaged"   -i "$w/entryhuge.raw"
tap "a GPT with its backup only"         from_backup

disk "$w/mbr2.raw" "label: dos
size=24M, type=83
size=24M, type=83"
disk "$w/mbrboth.raw" "label: dos
size=24M, type=83, bootable
size=24M, type=83"
printf '\200' | dd of="$w/mbrboth.raw" bs=1 seek=462 conv=notrunc status=none
disk "$w/mbr0.raw" "label: dos
size=24M, type=7"
disk "$w/mbrcut.raw" "label: dos
size=24M, type=83" 1:"$w/root.ext4"
truncate -s 8M "$w/mbrcut.raw"
cyclic() {   # an extended partition that is its own next one
    disk "$w/cyclic.raw" "label: dos
size=24M, type=83, bootable
size=24M, type=5
size=4M, type=83" 1:"$w/root.ext4"
    python3 - "$w/cyclic.raw" <<'PYTHON'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    f.seek(446 + 16 + 8); start, = struct.unpack("<I", f.read(4))
    f.seek(start * 512 + 446 + 16); f.write(struct.pack("<BBBBBBBBII", 0, 0, 0, 0, 5, 0, 0, 0, 0, 24 << 11))
PYTHON
    equal "$(run -i "$w/cyclic.raw" echo works)" works
}
tap "an MBR that does not say which"     refuse "which of"  -i "$w/mbr2.raw"
tap "an MBR that says both"              refuse "which of"  -i "$w/mbrboth.raw"
tap "an MBR without Linux"               refuse "type 83"   -i "$w/mbr0.raw"
tap "an MBR's disk that was cut"         refuse "truncated" -i "$w/mbrcut.raw"
tap "an MBR that goes in circles"        cyclic

# --- file systems that are broken ---------------------------------------------------------------------------------

broken() {   # TYPE: whatever is damaged, it is refused, or runs; and nothing stays
    local type=$1 i seed status began
    file_system "$type" "$w/whole" "$bb"
    for seed in 1 4; do
        i=$w/broken-$type.raw
        cp --sparse=always "$w/whole" "$i"
        python3 - "$i" "$seed" <<'PYTHON'
import os, random, sys
path, seed = sys.argv[1:]
random.seed(int(seed))
with open(path, "r+b") as f:   # not the magic numbers: it is to be mounted
    for _ in range(400 * int(seed)):
        at = random.randrange(8192, min(os.path.getsize(path), 1 << 20))
        if not 65536 <= at < 66048:
            f.seek(at); f.write(bytes([random.randrange(256)]))
PYTHON
        began=$(now_ms)
        status_of timeout -k 5 20 "$NSPAWN" -q -P -i "$i" true >"$w/err" 2>&1 </dev/null
        echo "$seed: status $status after $(($(now_ms) - began)) ms: $(cat "$w/err")"
        ((status != 124 && status != 137)) || fail "it hung"
        (($(now_ms) - began < 4000)) || fail "it took too long"
        loops_gone
    done
    head -c $(($(stat -c %s "$w/whole") / 2 / 4096 * 4096)) "$w/whole" >"$i"
    status_of timeout -k 5 20 "$NSPAWN" -q -P -i "$i" true >"$w/err" 2>&1 </dev/null
    cat "$w/err"
    loops_gone
    rm -f "$w/whole" "$i"
}
for type in ext4 xfs btrfs squashfs erofs; do
    tap "a damaged $type" broken "$type"
done

# a huge file with next to nothing in it
huge() {
    cp --sparse=always "$w/root.ext4" "$w/huge.raw"; truncate -s 3T "$w/huge.raw"
    equal "$(run -i "$w/huge.raw" echo works)" works
    disk "$w/hugegpt.raw" "label: gpt
size=24M, type=$root_type" 1:"$w/root.ext4"
    truncate -s 3T "$w/hugegpt.raw"
    equal "$(run -i "$w/hugegpt.raw" echo works)" works
    loops_gone
}
tap "huge files of holes" huge

# --- superblocks that ask for something ---------------------------------------------------------------------------

panics() {   # HOW…: ext4 wants the host to panic on the first error
    local i out; i=$(image panic)
    cp "$w/root.ext4" "$i"
    tune2fs "$@" "$i" >/dev/null
    out=$(run -i "$i" grep ' / ' /proc/self/mounts); has "$out" "errors=remount-ro"
    out=$(run --read-only -i "$i" grep ' / ' /proc/self/mounts); has "$out" "errors=remount-ro"
    loops_gone
}
old_types() {   # what the user permits besides, the same driver reads
    local type i; i=$(image old)
    for type in ext2 ext3; do
        truncate -s 24M "$i"; "mkfs.$type" -q -F -d "$bb" "$i"; tune2fs -e panic "$i" >/dev/null
        has "$(SYSTEMD_DISSECT_FILE_SYSTEMS=ext2:ext3 run -i "$i" grep ' / ' /proc/self/mounts)" "errors=remount-ro"
        rm "$i"
    done
}
devices() {   # a device node in an image leads nowhere, nor does a set-id program of its ESP
    local i; i=$(image nodes)
    mkdir -p "$w/nodes"; cp -a "$bb/." "$w/nodes/"; mknod "$w/nodes/zero" c 1 5
    file_system ext4 "$i" "$w/nodes"
    # shellcheck disable=SC2016
    run -i "$i" sh -c '! head -c 1 /zero 2>/dev/null'
}
foreign_journal() {   # the kernel would open, and write to, any device of the host
    local i; i=$(image journal)
    cp "$w/root.ext4" "$i"
    tune2fs -O ^has_journal "$i" >/dev/null
    debugfs -w -R "feature has_journal" "$i" 2>/dev/null
    debugfs -w -R "set_super_value journal_inum 0" "$i" 2>/dev/null
    debugfs -w -R "set_super_value journal_dev 0x0701" "$i" 2>/dev/null
    refuse "other devices of this host" -i "$i"
    run --read-only -i "$i" true
}
# Kernels from 5.19 to 6.3 open it by the path that stands in the image.
foreign_erofs() {
    local i; i=$(image blobs)
    file_system erofs "$i" "$bb"
    python3 - "$i" <<'PY'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    f.seek(1024)
    superblock = bytearray(f.read(128))
    incompat, = struct.unpack_from("<I", superblock, 80)
    struct.pack_into("<I", superblock, 80, incompat | 8)
    struct.pack_into("<HH", superblock, 86, 1, 2048 // 128)
    struct.pack_into("<I", superblock, 8, 0) # no checksum
    f.seek(1024)
    f.write(superblock)
    f.seek(2048)
    f.write(b"/dev/loop0".ljust(64, b"\0") + struct.pack("<II", 1, 1 << 20))
PY
    refuse "other devices of this host" -i "$i"
}
foreign_btrfs() {   # the kernel would look for the other half among the devices of the host
    local i; i=$(image half)
    truncate -s 128M "$i" "$smoke_work/other-half"
    mkfs.btrfs -q -f -d raid0 "$i" "$smoke_work/other-half" >/dev/null
    refuse "other devices of this host" -i "$i"
    rm "$i" "$smoke_work/other-half"
}
tap "half of a btrfs"               foreign_btrfs
tap "a journal on another device"   foreign_journal
tap "an erofs on other devices"     foreign_erofs
tap "a panic by the flag"           panics -e panic
tap "a panic by the mount options"  panics -E mount_opts=errors=panic
tap "a panic of ext2 and ext3"      old_types
tap "device nodes"                  devices

# --- images that are in use ---------------------------------------------------------------------------------------

image=$(image used)
cp "$w/root.ext4" "$image"; ln "$image" "$w/hard.raw"; ln -s "$image" "$w/soft.raw"

attach() { attached=$(losetup --show "$@" -f "$image"); }
mount_it() { mkdir -p "$w/mnt"; mount "$@" "$attached" "$w/mnt"; }

refused_all() {   # PATH…: at once, since each of them waits a second for a machine that is just dying
    local other n=0
    local -a pids=() outs=()
    for other; do
        outs+=("$w/out.$n")
        nspawn -q -P -i "$other" -M "$smoke_prefix-other$n" true </dev/null >"$w/out.$n" 2>&1 &
        pids+=($!); n=$((n + 1))
    done
    for ((n = 0; n < $#; n++)); do
        status_of wait "${pids[n]}"
        echo "$status: $(cat "${outs[n]}")"
        ((status == 1)) && grep -q "in use" "${outs[n]}" || fail "a second writer"
    done
}

while_it_runs() {   # OPTION… : a machine has it; every other way to it is refused
    attach
    start "$@" -i "$image" -M "$smoke_prefix-1" sh -c 'echo up; sleep 30'
    until_shown up 10
    mkdir -p "$w/bind"; touch "$w/bind/a.raw"; mount --bind "$image" "$w/bind/a.raw"
    refused_all "$image" "$w/hard.raw" "$w/soft.raw" "$w/bind/a.raw" "$attached"
    umount "$w/bind/a.raw"
    kill "$supervisor"; wait_exit "$supervisor" 15
    run -i "$image" -M "$smoke_prefix-2" true
}

as_a_disk() {   # the other way round: first the loop device, then the file
    attach
    start -i "$attached" -M "$smoke_prefix-1" sh -c 'echo up; sleep 30'
    until_shown up 10
    refused_all "$image" "$w/hard.raw"
    kill "$supervisor"; wait_exit "$supervisor" 15
    run -i "$image" -M "$smoke_prefix-2" true
}

taken() {   # EXPECTED-TEXT ARG…
    local expected=$1
    shift
    status_of run -M "$smoke_prefix-t" "$@" true >"$w/out" 2>&1
    ((status == 1)) || fail "it was taken: $*"
    equal "$(wc -l <"$w/out")" 1 "lines of output"
    has "$(cat "$w/out")" "$expected"
}

mounted_by_hand() {
    attach
    run -i "$image" true   # attached is not yet in use
    mount_it
    taken "in use on this host, as $attached" -i "$image"
    taken "in use on this host, as $attached" --read-only -i "$w/hard.raw"
    taken "in use on this host" -i "$attached"
    umount "$w/mnt"
    run -i "$image" true
}

read_by_hand() {
    attach -r
    mount_it -o ro,norecovery
    taken "in use on this host" -i "$image"
    run --read-only -i "$image" true
    umount "$w/mnt"
}

tap "one that runs"              while_it_runs
tap "one that is read"           while_it_runs --read-only
tap "one that runs as a disk"    as_a_disk
tap "one that is mounted"        mounted_by_hand
tap "one that is mounted to be read" read_by_hand

tap_done
