#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the user puts in the place of the tree's root.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

copy busybox
bb=$tree
mkdir -p "$bb/srv"
echo tree >"$bb/srv/which"
other=$smoke_work/other up=$smoke_work/up
cp -a "$bb" "$other"
echo other >"$other/srv/which"
mkdir "$up"

n() { nspawn -q --register=no --pipe -D "$bb" "$@" </dev/null; }

# like DIRECTORY: a list of all that is in it
like() { find "$1" -printf '%P %y %m %U %s\n' | sort; }

# keeps COMMAND…: the tree stays as it is
keeps() {
    local before
    before=$(like "$bb")
    leaves_nothing "$@"
    equal "$(like "$bb")" "$before" "the tree"
}

# refused EXPECTED-TEXT ARG…
refused() {
    local expected=$1 err=$smoke_work/err before
    shift
    touch "$err"
    before=$(state; like "$bb"; like "$other")
    status_of n "$@" /bin/true >/dev/null 2>"$err"
    cat "$err"
    equal "$status" 1 "exit status"
    equal "$(wc -l <"$err")" 1 "lines on standard error"
    has "$(cat "$err")" "$expected"
    equal "$(state; like "$bb"; like "$other")" "$before" "what is left behind"
}

# --- mounts on / -------------------------------------------------------------------------------------------------

pieces() {   # of the tree in a root of memory
    equal "$(n "$@" --tmpfs=/ --bind=+/usr:/usr --bind=+/bin:/bin --bind=+/srv:/srv /bin/sh -c '
        cat /srv/which; touch /made && echo writable; touch /srv/x 2>/dev/null || echo only-read
        for d in /etc/os-release /root; do [ -e $d ] && echo $d; done')" "$expected" "what is seen"
}
seen() {   # EXPECTED ARG…: who is in /srv, and can it be written
    local expected=$1
    shift
    equal "$(n "$@" /bin/sh -c 'cat /srv/which; echo new 2>/dev/null >/srv/new; cat /srv/new' 2>/dev/null |
        tr '\n' ' ')" "$expected" "what is seen"
}
kept() {   # FILE ARG…: what is written is there, and with the second start still
    local file=$1
    shift
    rm -rf "$up" && mkdir "$up"
    keeps seen "tree new " "$@"
    equal "$(cat "$file")" new "the file"
    equal "$(stat -c %u "$file")" 0 "its owner"
    equal "$(n "$@" cat /srv/new)" new "the second time"
}
bound() {
    rm -f "$other/srv/new"
    keeps seen "other new " "$@" --bind="$other:/$mapped"
    equal "$(cat "$other/srv/new")" new "the file"
    rm -f "$other/srv/new"
}
untouched() {   # EXPECTED ARG…: nothing is written to the directory on / either
    local before
    before=$(like "$other")
    keeps seen "$@"
    equal "$(like "$other")" "$before" "the directory"
}
boots() {
    start -b -D "$bb" "$@"
    until_login
    inside touch /srv/booted
    stop_cleanly
    [[ ! -e $bb/srv/booted ]] || fail "written to the tree"
}
wrong_init() {   # the tree's own counts for nothing
    mkdir -p "$smoke_work/bare/usr"
    status_of n -b --bind="$smoke_work/bare:/" 2>"$smoke_work/err"
    equal "$status" 1 "status"
    has "$(cat "$smoke_work/err")" "no os-release"
    rm -rf "$smoke_work/bare"
}

whole() {   # the tree, and nothing of what is mounted over it
    equal "$(n "$@" --bind="$other:/" --bind=+/:/mnt /bin/cat /srv/which /mnt/srv/which | tr '\n' ' ')" "other tree " "what is seen"
}
optional() { equal "$(n --bind=-/nowhere:/ --bind=+/srv:/mnt /bin/cat /mnt/which)" tree; }

mapped=
expected=$'tree\nwritable\nonly-read'
tap "a root in memory"                          keeps pieces
tap "the same with users of its own"            keeps pieces -U
expected=$'tree\nwritable'
tap "the same, ephemeral"                       keeps pieces -x
tap "an overlay over the tree, in memory"       keeps seen "tree new " --overlay=+/::/
tap "the same with users of its own"            keeps seen "tree new " -U --overlay=+/::/
tap "an overlay over the tree, on the host"     kept "$up/srv/new" --overlay="+/:$up:/"
tap "the same with users of its own"            kept "$up/srv/new" -U --overlay="+/:$up:/"
tap "the same, ephemeral"                       kept "$up/srv/new" -x --overlay="+/:$up:/"
tap "an overlay that is only read"              keeps seen "other " --overlay-ro="+/:$other:/"
mkdir -p "$other/mnt" "$bb/mnt"
tap "the whole tree below a directory of the host" keeps whole
tap "the same with users of its own"            keeps whole -U
tap "a source that may be missing"              keeps optional
tap "a directory of the host"                   bound
tap "the same, ephemeral"                       bound -x
mapped=:idmap
tap "the same with users of its own"            bound -U
tap "the same, only read"                       untouched "other " --bind-ro="$other:/"
tap "two, the later one on top"                 untouched "tree new " --bind="$other:/" --overlay=+/::/
tap "volatile=overlay on it"                    untouched "other new " --volatile=overlay --bind="$other:/"
tap "the same with users of its own"            untouched "other new " -U --volatile=overlay --bind="$other:/:idmap"
tap "the same, ephemeral"                       untouched "other new " -x --volatile=overlay --bind="$other:/"
tap "volatile=state on it"                      untouched "other " --volatile=state --bind="$other:/"
tap "it boots"                                  keeps boots --overlay=+/::/
tap "the init of the tree does not count"       keeps wrong_init
tap "a root without /usr"                       refused "no /usr" --tmpfs=/
tap "a file on /"                               refused "/ in the machine" --bind="$other/srv/which:/"
tap "a missing source"                          refused "$smoke_work/none" --bind="$smoke_work/none:/"
tap "a tree that is only read below changes"    refused "Read-only" --overlay=+/:+/srv:/

# --- directories over the machine's own --------------------------------------------------------------------------

users=$smoke_work/users   # as little in it as will do
mkdir -p "$users"/{dev,devpts/pts,run,runhost/host,etc,sys,var}
cp -a /dev/null "$users/dev/"
cp -a /dev/null "$users/devpts/"
: >"$users/etc/passwd"

stays() {   # EXPECTED ARG…: nothing is made in what the user mounts
    local expected=$1 before
    shift
    before=$(like "$users")
    leaves_nothing equal "$(n "$@")" "$expected"
    equal "$(like "$users")" "$before" "the user's directories"
}
console_stays() {
    local before
    before=$(like "$users")
    equal "$(nspawn -q --register=no --console=read-only -D "$bb" "$@" /bin/sh -c 'tty' </dev/null | tr -d '\r')" /dev/pts/0
    equal "$(like "$users")" "$before" "the user's directories"
}
no_console() {
    status_of nspawn -q --register=no --console=read-only -D "$bb" --bind="$users/dev:/dev" /bin/true 2>"$smoke_work/err"
    equal "$status" 1 "status"
    has "$(cat "$smoke_work/err")" "--console=pipe"
}

tap "a /dev of the user's"                      stays null --bind="$users/dev:/dev" /bin/ls /dev
tap "the same with users of its own"            stays null -U --bind="$users/dev:/dev" /bin/ls /dev
tap "the same, with a console"                  console_stays --bind="$users/devpts:/dev"
tap "the same, with no place for a console"     no_console
tap "a /run of the user's"                      stays container-manager --bind="$users/runhost:/run" \
                                                    /bin/sh -c 'ls /run/host | grep manager'
tap "the same with users of its own"            stays container-manager -U --bind="$users/runhost:/run" \
                                                    /bin/sh -c 'ls /run/host | grep manager'
tap "a /run with no place for what it needs"    refused "/run/host" --bind="$users/run:/run"
tap "an /etc of the user's"                     stays passwd --bind="$users/etc:/etc" /bin/ls /etc
tap "a /sys of the user's"                      stays "" --private-network --bind="$users/sys:/sys" /bin/ls /sys
tap "a /var of the user's"                      stays "" --bind="$users/var:/var" /bin/ls /var
hidden() { equal "$(n "$@" /bin/sh -c 'stat -c %a /tmp /sys /dev/shm' | tr '\n' ' ')" "0 0 0 "; }
tap "what the machine has is hidden"            hidden --inaccessible=/tmp --inaccessible=/sys --inaccessible=/dev/shm
tap "the same with users and a network"         hidden -U --private-network --inaccessible=/tmp --inaccessible=/sys --inaccessible=/dev/shm
tap "an overlay over /dev"                      stays "null" --overlay="$users/dev::/dev" /bin/ls /dev
tap "a temporary /dev has all nodes"            stays "/dev/null" --bind=:/dev /bin/ls /dev/null
tap "the interface is nobody else's"            refused "/run/host" --bind="$users/run:/run/host"
tap "what no machine runs without"              refused "--inaccessible=" --inaccessible=/dev

# --- the root of another directory -------------------------------------------------------------------------------

deploy=$bb/deploy/1   # as in a tree that holds several
mkdir -p "$bb/deploy" "$smoke_work/1" && cp -a "$bb"/{bin,sbin,usr,etc,srv,root,proc,sys,dev,run,tmp,var} "$smoke_work/1/"
mv "$smoke_work/1" "$deploy"
echo one >"$deploy/srv/which"
mkdir "$bb/shared" && echo shared >"$bb/shared/file"
ln -s /deploy/1 "$bb/current"
ln -s / "$bb/deploy/out"

pivoted() {   # EXPECTED ARG…
    local expected=$1
    shift
    equal "$(n "$@" /bin/sh -c 'cat /srv/which; touch /srv/new 2>/dev/null && echo rw; cat /old/srv/which
        touch /old/new 2>/dev/null && echo old-rw' 2>/dev/null | tr '\n' ' ')" "$expected" "what is seen"
}
pivot_kept() {   # ARG…: written in the tree
    pivoted "one rw tree old-rw " --pivot-root=/deploy/1:/old "$@"
    equal "$(stat -c %u "$deploy/srv/new" "$bb/new" | tr '\n' ' ')" "0 0 " "owners on disk"
    rm "$deploy/srv/new" "$bb/new"
}
pivot_bind() {   # as with ostree: what belongs to all of them is shown in each
    equal "$(n "$@" --pivot-root=/deploy/1:/old --bind=+/old/shared:/mnt /bin/cat /mnt/file)" shared
}
pivot_usr() {   # of the new root
    copy guest13
    mkdir "$tree/deploy" && mv "$tree"/{usr,bin,sbin,lib} "$tree/deploy/" 2>/dev/null
    [[ ! -L $tree/lib64 ]] || mv "$tree/lib64" "$tree/deploy/"
    equal "$(nspawn -q --register=no --pipe -D "$tree" --volatile=yes --pivot-root=/deploy:/old "$@" \
        /bin/sh -c 'ls -d /old/deploy/usr /usr/lib; touch /x && echo writable; touch /old/x 2>/dev/null || echo old-ro')" \
        $'/old/deploy/usr\n/usr/lib\nwritable\nold-ro'
}
mkdir -p "$deploy/old" "$deploy/mnt"

tap "a directory of the tree as root"           pivot_kept
tap "the same with users of its own"            pivot_kept -U
tap "without the former root"                   keeps pivoted "one " --read-only --pivot-root=/deploy/1
tap "only read"                                 keeps pivoted "one tree " --read-only --pivot-root=/deploy/1:/old
tap "ephemeral"                                 keeps pivoted "one rw tree old-rw " -x --pivot-root=/deploy/1:/old
tap "ephemeral, with users of its own"          keeps pivoted "one rw tree old-rw " -x -U --pivot-root=/deploy/1:/old
tap "volatile=overlay"                          keeps pivoted "one rw tree " --volatile=overlay --pivot-root=/deploy/1:/old
tap "the same with users of its own"            keeps pivoted "one rw tree " -U --volatile=overlay --pivot-root=/deploy/1:/old
tap "volatile=state"                            keeps pivoted "one tree " --volatile=state --pivot-root=/deploy/1:/old
tap "volatile=yes"                              pivot_usr
tap "volatile=yes, with users of its own"       pivot_usr -U
tap "by a symlink, inside the tree"             keeps pivoted "one tree " --read-only --pivot-root=/current:/old
tap "a symlink that leads to the root"          keeps pivoted "tree " --read-only --pivot-root=/deploy//out/
tap "in a mount on /"                           keeps pivoted "one rw tree old-rw " --overlay=+/::/ --pivot-root=/deploy/1:/old
tap "with a directory of the former root"       keeps pivot_bind
tap "the same with users of its own"            keeps pivot_bind -U -x
tap "it boots"                                  keeps boots -x --pivot-root=/deploy/1:/old
tap "a missing directory"                       refused "--pivot-root=/none" --pivot-root=/none
tap "a file"                                    refused "--pivot-root=/srv/which" --pivot-root=/srv/which
tap "a directory that is no system"             refused "no /usr" --pivot-root=/shared
tap "the root itself"                           refused "--pivot-root=" --pivot-root=/
tap_done
