#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Machines with users of their own.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

copy busybox
bb=$tree
low=$smoke_work/low
mkdir -p "$low/dir" "$bb"/{mnt,srv/up,etc,root,var}
echo low >"$low/file"

n() { nspawn -q --register=no --pipe "$@" </dev/null; }

# owners PATH…: on disk
owners() { stat -c %u:%g "$@" | tr '\n' ' '; }

# base ARG…: whose users the machine has: the host's number of its root
base() { n "$@" /bin/cat /proc/self/uid_map | awk '{ print $2 }'; }

map() {   # EXPECTED ARG…: the whole map, for users and groups alike
    local expected=$1
    shift
    equal "$(n "$@" -D "$bb" /bin/sh -c 'cat /proc/self/uid_map /proc/self/gid_map' | tr -s ' ' | sort -u)" \
        " $expected" "maps"
}

# --- who it is ---------------------------------------------------------------------------------------------------

by_name() {   # the range that systemd-nspawn chooses for these names
    equal "$(base -U -D "$bb" -M foo)" 1614544896 "base of foo"
    equal "$(base -U -D "$bb" -M m-1)" 402391040 "base of m-1"
    equal "$(base --private-users=pick -D "$bb" -M x)" 994902016 "base of x"
}

taken() {   # somebody else has the lock of the range, or the host knows its users
    local lock=/run/systemd/nspawn-uid/1614544896 other
    mkdir -p "${lock%/*}"
    start -q --register=no -U -D "$bb" -M foo --pipe /bin/sh -c 'echo here; sleep 60'
    until_shown here 10
    cp -a "$bb" "$smoke_work/other"
    other=$(base -U -D "$smoke_work/other" -M other)
    [[ $other != 1614544896 ]] || fail "both have the same users"
    [[ -e $lock ]] || fail "no lock file $lock"
    kill -TERM "$supervisor"
    wait_exit "$supervisor" 10
    [[ ! -e $lock ]] || fail "$lock stays"
    cp /etc/passwd "$smoke_work/passwd"
    echo "somebody:x:1614544896:0::/:/bin/false" >>"$smoke_work/passwd"
    mount --bind "$smoke_work/passwd" /etc/passwd
    other=$(base -U -D "$bb" -M foo)
    umount /etc/passwd
    [[ $other != 1614544896 ]] || fail "a user of the host is in the machine's range"
}

tree_range() {   # a tree that lies in a range is preferred, and with "yes" taken
    cp -a "$bb" "$smoke_work/shifted"
    chown -hR 655360:655360 "$smoke_work/shifted"
    equal "$(base -U -D "$smoke_work/shifted")" 655360 "base with -U"
    equal "$(base --private-users -D "$smoke_work/shifted")" 655360 "base with yes"
    n -U -D "$smoke_work/shifted" /bin/sh -c '[ $(stat -c %u /etc) = 0 ] && touch /made'
    equal "$(owners "$smoke_work/shifted/made")" "655360:655360 " "owner on disk"
}

moved_tree() {   # a tree of one range in a machine of another
    n --private-users=1048576 --private-users-ownership=map -D "$smoke_work/shifted" \
        /bin/sh -c '[ $(stat -c %u /etc) = 0 ] && touch /moved'
    equal "$(owners "$smoke_work/shifted/moved")" "655360:655360 " "owner on disk"
}

foreign() {
    cp -a "$bb" "$smoke_work/foreign"
    chown -hR 2147352576:2147352576 "$smoke_work/foreign"
    n -U --private-users-ownership=foreign -D "$smoke_work/foreign" /bin/sh -c '[ $(stat -c %u /etc) = 0 ] && touch /made'
    equal "$(owners "$smoke_work/foreign/made")" "2147352576:2147352576 " "owner on disk"
    status_of n -U --private-users-ownership=foreign -D "$bb" /bin/true
    equal "$status" 1 "status with a tree that is not foreign"
}

two_ranges() {
    mkdir -p "$smoke_work/mixed/usr"
    chown 655360:0 "$smoke_work/mixed"
    status_of n -U -D "$smoke_work/mixed" /bin/true 2>"$smoke_work/err"
    equal "$status" 1 "status"
    has "$(cat "$smoke_work/err")" "different ranges"
}

tap "users by the machine's name"            by_name
tap "users that are taken"                   taken
tap "users of the tree's owner"              tree_range
tap "a tree of another range"                moved_tree
tap "a tree of the foreign range"            foreign
tap "a tree of two ranges is refused"        two_ranges
tap "identity"                               map "0 0 65536" --private-users=identity
tap "the owner's users where that is root"   map "0 0 65536" --private-users
tap "a range"                                map "0 524288 65536" --private-users=524288 --private-users-ownership=map
tap "a range and its size"                   map "0 524288 100" --private-users=524288:100 --private-users-ownership=map
tap "no users of its own after all"          map "0 0 4294967295" -U --private-users=no

# --- what it sees ------------------------------------------------------------------------------------------------

# Nothing that the program makes belongs to nobody.
nobodys() {   # ARG…
    local out
    # shellcheck disable=SC2016
    out=$(n "$@" -D "$bb" --set-credential=a:b /bin/sh -c '
        ls -lnd / /etc /tmp /dev /dev/* /dev/pts/ptmx /run /run/host /run/host/* /run/host/inaccessible/* \
            /run/host/credentials/a /proc/sys/kernel/random/boot_id /proc/kmsg' |
        awk '$3 != 0 || $4 != 0' | grep -vE '/run/host/(incoming|os-release)' || true)
    equal "$out" "" "what is not root's"
}

private_network() {
    equal "$(n -U "$@" -D "$bb" /bin/sh -c 'ls /sys/class/net | sort; ls -d /sys/fs/cgroup/cgroup.procs' | tr '\n' ' ')" \
        "$expected /sys/fs/cgroup/cgroup.procs " "links and cgroups"
}
own_network() { expected="lo" private_network --private-network; }
veth() { expected="host0 lo" private_network -n; }
joined_network() {
    unshare --net --kill-child sleep 60 &
    local sleeper=$!
    wait_for 5 other_network "$sleeper"
    expected="lo" private_network --network-namespace-path="/proc/$sleeper/ns/net"
    kill "$sleeper"
}
other_network() { [[ $(readlink "/proc/$1/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }

sysctls() {
    equal "$(n -U --private-network -D "$bb" /bin/sh -c \
        'echo 1 >/proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward')" 1 "its network's setting"
    status_of n -U -D "$bb" /bin/sh -c 'echo 1 >/proc/sys/vm/swappiness' 2>/dev/null
    ((status != 0)) || fail "the host's setting can be changed"
}

tap "what is made is root's"                  nobodys -U
tap "the same, ephemeral"                     nobodys -U -x
tap "the same, volatile"                      nobodys -U --volatile=overlay
tap "a network of its own"                    own_network
tap "a virtual link"                          veth
tap "a network that is joined"                joined_network
tap "settings of the kernel"                  sysctls

# --- every kind of root ------------------------------------------------------------------------------------------

# What is written has the right owners inside, and on disk in the tree, or none of it is there
writes() {   # WHERE ON-DISK ARG…
    local where=$1 disk=$2
    shift 2
    rm -rf "$bb$where/made" "$bb$where/five"
    # shellcheck disable=SC2016
    equal "$(leaves_nothing n "$@" -D "$bb" /bin/sh -c 'cd $0 && mkdir made five && touch made/file && chown 5:6 five &&
        stat -c %u:%g made made/file five | tr "\n" " "' "$where")" "0:0 0:0 5:6 " "owners inside"
    if [[ $disk == yes ]]; then
        equal "$(owners "$bb$where"/{made,made/file,five})" "0:0 0:0 5:6 " "owners on disk"
    else
        [[ ! -e $bb$where/made ]] || fail "written through to the tree"
    fi
    rm -rf "$bb$where/made" "$bb$where/five"
}
read_only() {   # ARG…
    status_of n "$@" -D "$bb" /bin/touch /root/x 2>/dev/null
    ((status != 0)) || fail "it can be written to"
}

tap "a directory"                        writes /root yes -U
tap "read-only"                          read_only -U --read-only
tap "ephemeral"                          writes /root no -U -x
tap "volatile=overlay"                   writes /root no -U --volatile=overlay
tap "volatile=overlay, ephemeral"        writes /root no -U -x --volatile=overlay
tap "volatile=state"                     writes /var no -U --volatile=state
tap "volatile=state, the rest"           read_only -U --volatile=state
tap "volatile=state, ephemeral"          writes /var no -U -x --volatile=state
tap "volatile=state, ephemeral, the rest" read_only -U -x --volatile=state
tap "read-only, ephemeral"               read_only -U -x --read-only
tap "ephemeral, in a given range"        writes /root no -x --private-users=524288 --private-users-ownership=map
tap "ephemeral, identity"                writes /root no -x --private-users=identity

volatile_yes() {   # takes a merged /usr
    copy guest13
    equal "$(n -U "$@" --volatile=yes -D "$tree" /bin/sh -c 'mkdir /made && stat -c %u / /usr /bin /made | tr "\n" " "')" \
        "0 0 0 0 " "owners"
}
tap "volatile=yes"                       volatile_yes
tap "volatile=yes, ephemeral"            volatile_yes -x

unmappable() {   # an overlay cannot be mapped
    local at=$smoke_work/overlaid
    mkdir -p "$at" "$smoke_work"/{upper,work}
    mount -t overlay overlay -o "lowerdir=$bb,upperdir=$smoke_work/upper,workdir=$smoke_work/work" "$at"
    status_of n -U --private-users-ownership=map -D "$at" /bin/true 2>"$smoke_work/err"
    umount "$at"
    equal "$status" 1 "status"
    has "$(cat "$smoke_work/err")" "cannot show files under other owners"
}
tap "a file system that cannot be mapped is refused" unmappable

# --- mounts ------------------------------------------------------------------------------------------------------

bound() {   # OPTION EXPECTED: whose root's and user 1000's files are inside, and what root writes is on disk
    local dir=$smoke_work/bound
    rm -rf "$dir" && mkdir "$dir" && touch "$dir/root" "$dir/user" && chown 1000:1001 "$dir" "$dir/user"
    # shellcheck disable=SC2016
    equal "$(n -U -D "$bb" --bind="$dir:/mnt$1" /bin/sh -c 'touch /mnt/new 2>/dev/null
        stat -c %u:%g /mnt/root /mnt/user | tr "\n" " "'; [[ ! -e $dir/new ]] || owners "$dir/new")" "$2" "owners"
}
bound_owner() {   # the target's owner, user 33, has what is the source's owner's
    local dir=$smoke_work/bound
    rm -rf "$dir" && mkdir "$dir" && chown 1000:1001 "$dir"
    mkdir -p "$bb/mnt/own" && chown 33:34 "$bb/mnt/own"
    equal "$(n -U -D "$bb" --bind="$dir:/mnt/own:owneridmap" /bin/stat -c %u:%g /mnt/own)" 33:34 "owner inside"
}
bound_without_users() {
    local dir=$smoke_work/bound
    rm -rf "$dir" && mkdir "$dir" && chown 1000:1001 "$dir"
    equal "$(n -D "$bb" --bind="$dir:/mnt:rootidmap" /bin/stat -c %u:%g /mnt)" 0:0 "owner inside"
}
mapped() {   # ARG…: user 1000's files are user 33's, and what that one writes is user 1000's; all else is nobody's
    local dir=$smoke_work/bound
    rm -rf "$dir" && mkdir "$dir" && touch "$dir/root" && chown 1000:1001 "$dir"
    # shellcheck disable=SC2016
    equal "$(n "$@" -D "$bb" --bind="$dir:/mnt:map=1000/1001:33" -u 33 --chdir=/mnt /bin/sh -c 'touch new && mkdir dir &&
        mv new dir && stat -c %u:%g . dir/new root | tr "\n" " "')" "33:33 33:33 65534:65534 " "owners inside"
    equal "$(owners "$dir"/{dir,dir/new,root})" "1000:1001 1000:1001 0:0 " "owners on disk"
    status_of n "$@" -D "$bb" --bind-ro="$dir:/mnt:map=1000/1001:33" -u 33 /bin/touch /mnt/no 2>/dev/null
    ((status != 0)) || fail "it can be written to"
    status_of n "$@" -D "$bb" --bind="$dir:/mnt:map=1000/1001:33" /bin/touch /mnt/no 2>/dev/null
    ((status != 0)) || fail "somebody else can write to it"
}
mapped_by_name() {
    cp /etc/passwd "$smoke_work/passwd" && cp /etc/group "$smoke_work/group"
    echo "somebody:x:1007:1008::/:/bin/false" >>"$smoke_work/passwd"
    echo "some:x:1009:" >>"$smoke_work/group"
    mount --bind "$smoke_work/passwd" /etc/passwd
    mount --bind "$smoke_work/group" /etc/group
    rm -rf "$smoke_work/bound" && mkdir "$smoke_work/bound"
    chown 1007:1008 "$smoke_work/bound"
    equal "$(n -U -D "$bb" --bind="$smoke_work/bound:/mnt:map=somebody:33/34" /bin/stat -c %u:%g /mnt)" 33:34 "owner"
    chown 1007:1009 "$smoke_work/bound"
    equal "$(n -D "$bb" --bind="$smoke_work/bound:/mnt:map=somebody/some:5" /bin/stat -c %u:%g /mnt)" 5:5 "owner"
    umount /etc/passwd /etc/group
    status_of n -D "$bb" --bind="$smoke_work/bound:/mnt:map=somebody:5" /bin/true 2>"$smoke_work/err"
    equal "$status $(cat "$smoke_work/err")" '1 nspawn: the host has no user "somebody"' "an unknown name"
}
mapped_in_file() {
    rm -rf "$smoke_work/bound" && mkdir "$smoke_work/bound" && chown 1000:1000 "$smoke_work/bound"
    printf '[Files]\nBind=%s:/mnt:map=1000:33\n' "$smoke_work/bound" >"$smoke_work/${bb##*/}.nspawn"
    equal "$(n --settings=trusted -U -D "$bb" /bin/stat -c %u:%g /mnt)" 33:33 "owner"
    rm "$smoke_work/${bb##*/}.nspawn"
}
overlaid() {   # LOWER UPPER: what is written over a layer belongs to root
    rm -rf "$smoke_work/up" "$bb"/srv/up/*
    mkdir "$smoke_work/up"
    # shellcheck disable=SC2016
    equal "$(leaves_nothing n -U -D "$bb" --overlay="$1:$2:/mnt" /bin/sh -c 'echo x >>/mnt/file && mkdir /mnt/dir/new &&
        chown 5 /mnt/dir && stat -c %u /mnt /mnt/file /mnt/dir /mnt/dir/new | tr "\n" " "')" "0 0 5 0 " "owners"
    case $2 in
    +*) equal "$(owners "$bb${2#+}"/{file,dir,dir/new})" "0:0 5:0 0:0 " "owners on disk" ;;
    /*) equal "$(owners "$2"/{file,dir,dir/new})" "0:0 5:0 0:0 " "owners on disk" ;;
    esac
    equal "$(cat "$low/file")" low "the lower layer's file"
}
cp -a "$low" "$bb/srv/low"
tmpfs() {
    equal "$(n -U -D "$bb" --tmpfs=/mnt --bind=:/srv /bin/sh -c \
        'touch /mnt/a /srv/a && stat -c %u /mnt /mnt/a /srv /srv/a | tr "\n" " "')" "0 0 0 0 " "owners"
}

tap "a bind as it is"                         bound "" "65534:65534 65534:65534 "
tap "a mapped bind"                           bound :idmap "0:0 1000:1001 0:0 "
tap "a bind whose owner is root"              bound :rootidmap "65534:65534 0:0 1000:1001 "
tap "a bind whose owner is the target's"      bound_owner
tap "the same without users of its own"       bound_without_users
tap "one user of the host is one of the machine" mapped -U
tap "the same without users of its own"       mapped
tap "the same in a range with an end"         mapped --private-users=524288:34 --private-users-ownership=map
tap "the same ephemeral"                      mapped -U -x
tap "a user of the host by name"              mapped_by_name
tap "a user of the host, from a file"         mapped_in_file
tap "an overlay in memory of the host's"      overlaid "$low" ""
tap "an overlay on the host"                  overlaid "$low" "$smoke_work/up"
tap "an overlay in the tree"                  overlaid "$low" +/srv/up
tap "an overlay of the tree in the tree"      overlaid +/srv/low +/srv/up
tap "an overlay of the tree on the host"      overlaid +/srv/low "$smoke_work/up"
tap "empty directories"                       tmpfs

# --- a whole life ------------------------------------------------------------------------------------------------

boots() {   # KIND ARG…
    local kind=$1 init uid
    shift
    copy "$kind"
    start -b -U -D "$tree" "$@"
    until_login
    init=$(guest_init "$supervisor")
    uid=$(awk '/^Uid:/ { print $2 }' "/proc/$init/status")
    ((uid >= 524288 && uid % 65536 == 0)) || fail "process 1 is user $uid of the host"
    equal "$(awk '{ print $2 }' "/proc/$init/uid_map")" "$uid" "what its root is"
    [[ $kind != guest* ]] || wait_for 30 system_running || { inside systemctl --no-pager --failed; fail "not 'running'"; }
    stop_cleanly
    equal "$(find "$tree" -xdev \( -uid +65535 -o -gid +65535 \) | head -n 5)" "" "files of the machine's range on disk"
}
system_running() { [[ $(inside systemctl is-system-running 2>/dev/null) == running ]]; }

reboots() {   # with the same users
    local before
    copy busybox
    start -b -U -D "$tree"
    until_login
    before=$(cat "/proc/$(guest_init "$supervisor")/uid_map")
    reboot_by /bin/busybox reboot
    equal "$(cat "/proc/$(guest_init "$supervisor")/uid_map")" "$before" "users after a reboot"
    stop_cleanly
}

killed() {   # the supervisor: the guest goes, and so does the lock
    copy busybox
    start -b -U -D "$tree"
    until_login
    [[ $(ls -A /run/systemd/nspawn-uid) ]] || fail "there is no lock"
    kill -KILL "$supervisor"
    wait_for 5 no_strangers || { strangers; fail "processes are left"; }
    equal "$(ls -A /run/systemd/nspawn-uid)" "" "locks"
}
no_strangers() { [[ ! $(strangers) ]]; }

killed_altogether() {   # the supervisor and the minder: the next start removes what is left
    copy busybox
    start -b -U -D "$tree"
    until_login
    # shellcheck disable=SC2046
    kill -KILL "$supervisor" $(descendants "$supervisor")
    wait_for 5 no_strangers || { strangers; fail "processes are left"; }
    nspawn --cleanup -M "$machine"
    equal "$(ls -A /run/systemd/nspawn-uid)" "" "locks"
}

tap "busybox boots"               leaves_nothing boots busybox
tap "Debian boots"                leaves_nothing boots guest13
tap "Debian boots on its own network" leaves_nothing boots guest13 -n
tap "Debian boots ephemeral"      leaves_nothing boots guest13 -x
tap "an old Debian boots"         leaves_nothing boots guest12
tap "it reboots"                  leaves_nothing reboots
tap "SIGKILL of the supervisor"   leaves_nothing killed
tap "SIGKILL of all of it"        leaves_nothing killed_altogether
tap_done
