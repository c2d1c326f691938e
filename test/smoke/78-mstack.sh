#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Mount stacks: directories and images as layers, what is written where, who may have them at the same time.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

copy busybox
bb=$tree
mkdir -p "$bb/srv" "$bb/mnt/a" "$bb/mnt/b"
stack=$smoke_work/$smoke_prefix-st.mstack
mkdir -p "$stack"/{layer@9,layer@10}/srv "$stack"/{bind@mnt-a,robind@mnt-b} "$smoke_work/base"
ln -s "$bb" "$stack/layer@1"
for i in 1 9 10; do echo "$i" >"$stack/layer@$i/srv/which"; : >"$stack/layer@$i/srv/has-$i"; done
echo b >"$stack/robind@mnt-b/file"
lowers() { find "$bb" "$stack"/layer@{9,10} "$stack/robind@mnt-b" -printf '%p %y %m %U %s\n' | sort; }
before=$(lowers)

n() { nspawn -q --register=no --pipe --mstack="${use:-$stack}" "$@" </dev/null; }

# seen EXPECTED ARG…: the topmost layer wins, all of them are there, and what can be written
seen() {
    local expected=$1
    shift
    rm -f "$stack/bind@mnt-a/new"
    # shellcheck disable=SC2016
    leaves_nothing equal "$(n "$@" /bin/sh -c 'cat /srv/which; cd /srv; echo has-*; cat /mnt/b/file
        for d in /srv /mnt/a /mnt/b /root; do touch $d/new && echo $d; done; stat -c %u / /srv /srv/has-9 /mnt/a' 2>/dev/null |
        tr '\n' ' ')" "10 has-1 has-10 has-9 b ${expected}0 0 0 0 " "what is seen"
    equal "$(lowers)" "$before" "the layers"
}
written() {   # ARG…
    rm -rf "$stack/rw" && mkdir "$stack/rw"
    seen "/srv /mnt/a /root " "$@"
    equal "$(stat -c %u "$stack/rw/data/srv/new" "$stack/rw/data/root/new" "$stack/bind@mnt-a/new" | tr '\n' ' ')" "0 0 0 "
    equal "$(n --read-only "$@" /bin/sh -c 'ls /root; touch /root/x 2>/dev/null || echo only-read')" $'new\nonly-read'
    [[ ! -e $stack/rw/data/root/x ]]
    equal "$(n "$@" /bin/ls /root)" new "the second time"
}
boots() {
    start -b -M "$smoke_prefix-st" --mstack="$stack" "$@"
    until_login
    inside touch /srv/booted
    reboot_by reboot
    inside test -e /srv/booted
    stop_cleanly
    [[ -e $stack/rw/data/srv/booted ]] || fail "nothing was written to rw"
    rm "$stack/rw/data/srv/booted"
}

rm -rf "$stack/rw"
tap "layers that are only read"          seen "/mnt/a "
tap "the same with users of its own"     seen "/mnt/a " -U
mkdir "$stack/rw"
tap "layers and changes"                 written
tap "the same with users of its own"     written -U
rm -rf "$stack/rw" && mkdir "$stack/rw"
tap "read-only"                          seen "" --read-only
tap "volatile=overlay"                   seen "/srv /root " --volatile=overlay
tap "the same with users of its own"     seen "/srv /root " -U --volatile=overlay
tap "volatile=state"                     seen "" -U --volatile=state
tap "an overlay over it, in memory"      seen "/srv /root " -U --overlay=+/::/
tap "it boots, and reboots"              leaves_nothing boots
tap "the same with users of its own"     leaves_nothing boots -U

# --- names, roots, images -----------------------------------------------------------------------------------------

named() {
    mkdir -p /run/machines
    ln -s "$stack" "/run/machines/$smoke_prefix-m.mstack"
    equal "$(nspawn -q --register=no --pipe -M "$smoke_prefix-m" hostname </dev/null)" "$smoke_prefix-m"
    rm -r /run/machines
}

with_root() {   # ARG…: /usr of the layers, all else of the root
    use=$smoke_work/rooted.mstack
    rm -rf "$use" && mkdir -p "$use"/{root,layer@2/usr}
    cp -a "$bb"/. "$use/root/" && mv "$use/root/usr" "$use/layer@1" && mkdir "$use/layer@1/usr" "$use/root/usr"
    mv "$use/layer@1"/[^u]* "$use/layer@1/usr/"
    rm -rf "$use/layer@1/etc"; echo layers >"$use/layer@2/usr/which"; mkdir "$use/layer@2/hidden"
    equal "$(n "$@" /bin/sh -c 'cat /usr/which; ls -d /hidden /usr/sbin 2>/dev/null; touch /srv/new && echo rw
        touch /usr/new 2>/dev/null && echo usr-rw; stat -c %u /usr /srv' | tr '\n' ' ')" "layers /usr/sbin rw 0 0 "
}

image() { truncate -s 24M "$1" && mkfs.ext4 -q -F -d "$2" "$1"; }
images() {   # ARG…
    use=$smoke_work/images.mstack
    mkdir -p "$use/rw" "$smoke_work/data"; echo data >"$smoke_work/data/which"
    [[ -e $use/layer@1.raw ]] || image "$use/layer@1.raw" "$bb"
    [[ -e $use/bind@mnt-a.raw ]] || image "$use/bind@mnt-a.raw" "$smoke_work/data"
    mkdir -p "$use/layer@2/srv"; echo 2 >"$use/layer@2/srv/which"
    rm -rf "$use/rw/data"
    equal "$(n "$@" /bin/sh -c 'cat /srv/which /mnt/a/which; touch /srv/new /mnt/a/new && echo rw; stat -c %u /srv/new /mnt/a/new' |
        tr '\n' ' ')" "2 data rw 0 0 "
    wait_for 3 no_loops || fail "loop devices are left"
    equal "$(n --read-only "$@" /bin/sh -c 'ls /mnt/a; touch /mnt/a/x 2>/dev/null || echo only-read')" $'lost+found\nnew\nwhich\nonly-read'
    n "$@" /bin/rm /mnt/a/new
}
no_loops() { ! grep -qsF "$smoke_work" /sys/block/loop*/loop/backing_file; }
usr_image() {   # of a partition of its own, below a root
    use=$smoke_work/usr.mstack
    mkdir -p "$use" "$smoke_work/usr"
    cp -a "$bb" "$use/root"; mv "$use/root/usr" "$smoke_work/usr/usr"; mkdir "$use/root/usr"
    image "$smoke_work/usr.ext4" "$smoke_work/usr/usr"
    truncate -s 30M "$use/layer@0.raw"
    echo "size=24M, type=$usr_type" | sfdisk -q --label gpt "$use/layer@0.raw"
    dd if="$smoke_work/usr.ext4" of="$use/layer@0.raw" bs=1M seek=1 conv=notrunc,sparse status=none
    equal "$(n -U /bin/sh -c 'ls -d /usr/sbin; grep -c " /usr ext4 ro" /proc/mounts')" $'/usr/sbin\n1'
    rm -r "$use/root"
    status_of n /bin/true 2>"$smoke_work/err"
    equal "$status" 1 "status without a root"
    has "$(cat "$smoke_work/err")" "the only layer below a root"
}
usr_type=8484680C-9521-48C6-9C11-B0720656F69E
[[ $(uname -m) != aarch64 ]] || usr_type=B0E01050-EE5F-4390-949A-9101B17104E9

tap "found by its name"                  named
tap "a root of its own"                  with_root
tap "the same with users of its own"     with_root -U
tap "the same, volatile"                 with_root -U --volatile=overlay
tap "images"                             leaves_nothing images
tap "the same with users of its own"     leaves_nothing images -U
tap "an image of /usr alone"             leaves_nothing usr_image

# --- who may have it ----------------------------------------------------------------------------------------------

locks() {
    local second=$smoke_work/second.mstack
    rm -rf "$second" && mkdir -p "$second/rw"
    ln -s "$bb" "$second/layer@1"
    start -q --register=no --pipe -M "$smoke_prefix-1" --mstack="$stack" /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    status_of n -M "$smoke_prefix-2" /bin/true 2>"$smoke_work/err"
    equal "$status" 1 "a second writer's status"
    has "$(cat "$smoke_work/err")" "in use by another machine"
    status_of nspawn -q --register=no --pipe -M "$smoke_prefix-2" -D "$bb" /bin/true </dev/null 2>"$smoke_work/err"
    equal "$status" 1 "status of who writes to a layer"
    use=$second n -M "$smoke_prefix-2" /bin/true
    kill -KILL "$supervisor"
    wait_for 5 no_strangers || { strangers; fail "processes are left"; }
    n /bin/true
    equal "$(find "$smoke_work" /run/systemd/nspawn/locks -name '.#*' -o -name 'inode*')" "" "locks"
}
no_strangers() { [[ ! $(strangers) ]]; }

killed_altogether() {   # the supervisor and the minder: the next start, or this, removes what is left
    start -q --register=no --pipe -M "$smoke_prefix-1" --mstack="$stack" /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    # shellcheck disable=SC2046
    kill -KILL "$supervisor" $(descendants "$supervisor")
    wait_for 5 no_strangers || { strangers; fail "processes are left"; }
    nspawn --cleanup -M "$smoke_prefix-1"
    equal "$(find "$smoke_work" "$stack" /run/systemd/nspawn/locks -name '.#*' -o -name 'inode*')" "" "locks"
}

tap "locks"                              locks
tap "SIGKILL of all of it"               leaves_nothing killed_altogether

refused() {   # EXPECTED-TEXT NAME…: a stack with these entries
    local expected=$1 name
    shift
    use=$smoke_work/bad.mstack
    rm -rf "$use" && mkdir "$use"
    for name; do
        case $name in
            *.raw) : >"$use/$name" ;;
            *) mkdir "$use/$name" ;;
        esac
    done
    status_of n /bin/true >"$smoke_work/out" 2>"$smoke_work/err"
    cat "$smoke_work/err"
    equal "$status" 1 "status"
    equal "$(wc -l <"$smoke_work/err")" 1 "lines on standard error"
    has "$(cat "$smoke_work/err")" "$expected"
}

tap "an empty directory"                 leaves_nothing refused "no mount stack" .x
tap "changes without a layer"            leaves_nothing refused "no layer@ID" rw
tap "a place that leads out"             leaves_nothing refused 'bind@\x2e\x2e-etc' root 'bind@\x2e\x2e-etc'
tap "an empty image"                     leaves_nothing refused "layer@1.raw" layer@0 layer@1.raw
tap "layers that are no system"          leaves_nothing refused "no /usr" layer@0 layer@1
tap_done
