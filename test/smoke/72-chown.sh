#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Trees whose files are given to the machine's users on disk.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

base=655360
n() { nspawn -q --register=no --pipe "$@" </dev/null; }
chowned() { n --private-users="${to:-$base}" --private-users-ownership=chown "$@"; }
owners() { stat -c %u:%g "$@" | tr '\n' ' '; }
refused() {   # WHY ARG…: with status 1, in one line
    local why=$1
    shift
    status_of "$@" 2>"$smoke_work/err"
    equal "$status" 1 "status"
    has "$(cat "$smoke_work/err")" "$why"
    equal "$(wc -l <"$smoke_work/err")" 1 "lines"
}
# strays PATH BASE: what below does not belong to a range
strays() { find "$1" -xdev \( -uid -"$2" -o -uid +"$(($2 + 65535))" -o -gid -"$2" -o -gid +"$(($2 + 65535))" \) | head; }

changes() {   # and back
    copy busybox
    chown 33:34 "$tree/root"
    cp "$tree/bin/busybox" "$tree/bin/su-test" && chmod 4755 "$tree/bin/su-test"
    equal "$(chowned -D "$tree" /bin/sh -c 'stat -c %u:%g / /bin/sh /root | tr "\n" " "; touch /new')" \
        "0:0 0:0 33:34 " "owners inside"
    equal "$(strays "$tree" $base)" "" "what is not the machine's"
    equal "$(owners "$tree"/{root,new,bin/su-test})" "655393:655394 655360:655360 655360:655360 " "owners on disk"
    equal "$(stat -c %a "$tree/bin/su-test")" 4755 "mode"
    # done: not looked at again
    chown 0:0 "$tree/root"
    equal "$(chowned -D "$tree" /bin/stat -c %u /root)" 65534 "owner the next time"
    equal "$(n -U -D "$tree" /bin/sh -c 'stat -c %u /new; cat /proc/self/uid_map' | tr -s ' \n' ' ')" \
        "0 0 655360 65536 " "the range is kept"
    to=identity chowned -D "$tree" /bin/true
    equal "$(strays "$tree" 0)" "" "what is not the host's again"
}
capabilities() {   # count inside
    copy busybox
    cp "$tree/bin/busybox" "$tree/bin/busybox-cap"
    setcap cap_net_admin+ep "$tree/bin/busybox-cap"
    equal "$(chowned -D "$tree" --private-network -u 1000 /bin/busybox-cap grep CapEff /proc/self/status | cut -f2)" \
        "$(printf %016x $((1 << 12)))" "capabilities"
}
hostile() {
    local owned
    copy busybox
    mkdir -p "$smoke_work/host/dir" "$tree/evil"
    echo x >"$smoke_work/host/file"
    ln -s "$smoke_work/host/file" "$tree/evil/link"
    ln -s "$smoke_work/host/dir" "$tree/evil/dir"
    ln -s . "$tree/evil/loop"
    ln -s ../../../../../../../../etc "$tree/evil/up"
    mkfifo "$tree/evil/fifo"
    mknod "$tree/evil/null" c 1 3
    owned=$(owners "$smoke_work/host" "$smoke_work/host"/* /etc /etc/passwd /dev/null)
    equal "$(SMOKE_LIMIT=20 chowned -D "$tree" /bin/sh -c 'stat -c %u /evil/*' | sort -u)" 0 "owners inside"
    equal "$(strays "$tree" $base)" "" "what is not the machine's"
    equal "$(owners "$smoke_work/host" "$smoke_work/host"/* /etc /etc/passwd /dev/null)" "$owned" "the host's files"
}
linked() {   # a file of the host's, under another name
    copy busybox
    mkdir -p "$smoke_work/host"
    echo secret >"$smoke_work/host/shadow"
    ln "$smoke_work/host/shadow" "$tree/root/shadow"
    refused "/root/shadow is also linked from outside" chowned -D "$tree" /bin/true
    equal "$(owners "$smoke_work/host/shadow" "$tree" "$tree/bin")" "0:0 0:0 0:0 " "owners"
    rm "$tree/root/shadow"
    ln "$tree/etc/passwd" "$tree/root/passwd"
    chowned -D "$tree" /bin/true
    equal "$(strays "$tree" $base)" "" "what is not the machine's"
}
mounted() {   # what is mounted in the tree is not the tree's
    copy busybox
    mkdir -p "$smoke_work/host" "$tree/srv"
    touch "$smoke_work/host/file"
    mount --bind "$smoke_work/host" "$tree/srv"
    status_of chowned -D "$tree" /bin/true
    umount "$tree/srv"
    equal "$status $(owners "$smoke_work/host" "$smoke_work/host/file")" "0 0:0 0:0 " "status and owners"
}
tap "owners are changed, and changed back"        leaves_nothing changes
tap "file capabilities"                           leaves_nothing capabilities
tap "links and devices"                           leaves_nothing hostile
tap "a hard link out of the tree"                 leaves_nothing linked
tap "a mount in the tree"                         leaves_nothing mounted

# --- cut short ---------------------------------------------------------------------------------------------------

many() {   # a tree that takes a while
    copy busybox
    mkdir "$tree/srv"
    (cd "$tree/srv" && seq -f 'd%02.0f' 30 | xargs mkdir && for d in d*; do (cd "$d" && seq 1000 | xargs touch); done)
}
progress() {   # on a terminal only, and not with --quiet
    local command
    copy busybox
    printf -v command '%q ' "$NSPAWN" --register=no --private-users-ownership=chown -D "$tree"
    has "$(script -qec "$command --private-users=$base /bin/true" /dev/null </dev/null)" "changing owners: "
    ! script -qec "$command -q --private-users=identity /bin/true" /dev/null </dev/null | grep "changing owners" ||
        fail "it is shown with --quiet"
    ! $command --private-users=$base /bin/true 2>&1 </dev/null | grep "changing owners" || fail "it is shown in a file"
}
is_busy() { local u; u=$(stat -c %u "$tree") && ((u >= 4294836224)); }
interrupt() {   # SIGNAL: to the supervisor, in the middle of it. False if that was over before
    start --register=no --private-users=$base --private-users-ownership=chown -D "$tree" --pipe /bin/echo ran
    SECONDS=0
    until is_busy || over "$supervisor"; do ((SECONDS < 30)) || fail "it does not begin"; done
    kill -s "$1" "$supervisor" 2>/dev/null || true
    wait_exit "$supervisor" 10
    is_busy
}
cut_short() {   # SIGNAL: then it is not half done for anybody
    local try
    many
    for try in 1 2 3 4; do   # a busy computer may let it finish before we see it
        ((try < 4)) || fail "it is always faster than the signal"
        ! interrupt "$1" || break
        to=identity chowned -D "$tree" /bin/true
    done
    ! shows ran || fail "the command runs"
    [[ $(strays "$tree" $base) ]] || fail "all of it is done"
    refused "not changed to the end" n -U --private-users-ownership=map -D "$tree" /bin/true
    refused "not changed to the end" n --private-users -D "$tree" /bin/true
    chowned -D "$tree" /bin/true
    equal "$(strays "$tree" $base)" "" "what is not the machine's"
}
resumed_by_auto() {   # a tree that somebody else has left like this
    copy busybox
    chown -h 655360:655360 "$tree"/{bin,etc}
    chown 4294836224:4294836224 "$tree"
    n -U -D "$tree" /bin/true
    equal "$(stat -c %u "$tree")" "$(stat -c %u "$tree/bin/busybox")" "owners"
    (($(stat -c %u "$tree") % 65536 == 0)) || fail "it is still busy"
}
tap "how far it has come"                         leaves_nothing progress
tap "SIGINT"                                      leaves_nothing cut_short INT
tap "SIGKILL"                                     leaves_nothing cut_short KILL
hosts_own() {   # a host that is a tree of ours, with its root bound to another place
    local new; new=$(mktemp -d "$smoke_work/host.XXXX")
    copy busybox
    cp -a "$tree/." "$new"
    ldd "$NSPAWN" | grep -o '/[^ ]*' | while read -r lib; do install -D "$lib" "$new$lib"; done
    install "$NSPAWN" "$new/bin/nspawn"
    mkdir -p "$new"/{proc,sys,dev,run,mnt,old}
    status_of unshare -m sh -ec "cd '$new'; mount --bind . .; cd '$new'; mount --make-rprivate /
        for d in proc sys dev; do mount --rbind /\$d \$d; done; mount -t tmpfs tmpfs run
        pivot_root . old; exec /bin/sh -c 'umount -l /old; mount --bind / /mnt
            exec /bin/nspawn -q --register=no --keep-unit --pipe -D /mnt -M smoke-own --private-users=$base \
                --private-users-ownership=chown /bin/true'" </dev/null 2>"$smoke_work/err"
    has "$(cat "$smoke_work/err")" "the host's own root directory"
    equal "$status" 1 "status"
    equal "$(strays "$new" 0)" "" "what is not the host's"
}
tap "the host's own root by another path"         hosts_own
tap "auto finishes what was cut short"            leaves_nothing resumed_by_auto

# --- other file systems ------------------------------------------------------------------------------------------

copy busybox
bb=$tree
image() {
    truncate -s 32M "$smoke_work/ext4.raw"
    mkfs.ext4 -q -d "$bb" "$smoke_work/ext4.raw"
    equal "$(chowned -i "$smoke_work/ext4.raw" /bin/stat -c %u:%g / /bin/sh | tr '\n' ' ')" "0:0 0:0 " "owners inside"
    equal "$(n --private-users=no -i "$smoke_work/ext4.raw" /bin/stat -c %u:%g / /bin/sh | tr '\n' ' ')" \
        "$base:$base $base:$base " "owners on disk"
}
squashed() {
    mksquashfs "$bb" "$smoke_work/squash.raw" -quiet -no-progress >/dev/null
    refused "Read-only file system" chowned -i "$smoke_work/squash.raw" /bin/true
}
fallback() {   # where owners cannot be mapped, -U changes them
    mkdir -p "$smoke_work"/{overlaid,upper,work}
    mount -t overlay overlay -o "lowerdir=$bb,upperdir=$smoke_work/upper,workdir=$smoke_work/work" "$smoke_work/overlaid"
    status_of n -U -x -D "$smoke_work/overlaid" /bin/true 2>/dev/null
    equal "$status" 1 "status, ephemeral"
    equal "$(n -U -D "$smoke_work/overlaid" /bin/stat -c %u /bin/sh; strays "$bb" 0)" 0 "owner inside"
    (($(stat -c %u "$smoke_work/overlaid/bin/sh") >= 524288)) || fail "it is not changed"
    umount "$smoke_work/overlaid"
}
tap "a disk image"                                leaves_nothing image
tap "one that is read-only"                       leaves_nothing squashed
tap "a file system that cannot map"               leaves_nothing fallback

# --- what does not go together -----------------------------------------------------------------------------------

for with in --read-only -x --volatile --volatile=state --volatile=overlay; do
    tap "refused: $with"                          refused "keep as it is" chowned "$with" -D "$bb" /bin/true
done
tap "refused: a range of another size"            refused "range of 65536" n --private-users=655360:100 --private-users-chown -D "$bb" /bin/true
to=5 tap "refused: a range that begins elsewhere" refused "range of 65536" chowned -D "$bb" /bin/true
tap_done
