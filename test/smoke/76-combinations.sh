#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every kind of users with every kind of root, with every way to keep it from being written, with every kind of mount: it
# works, and what is written has the right owner on the host; or it is refused with the reason. It is never read-only
# without having been asked to be.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

n() { nspawn --register=no --pipe "$@" </dev/null; }

# A tree with everything in /usr, as --volatile=yes wants it
copy busybox
rm -f "$tree"/usr/bin/* "$tree"/usr/sbin/*
mv "$tree"/bin/* "$tree/usr/bin/" && mv "$tree"/sbin/* "$tree/usr/sbin/"
rmdir "$tree/bin" "$tree/sbin" && ln -s usr/bin "$tree/bin" && ln -s usr/sbin "$tree/sbin"
find "$tree/usr" -type l -lname '/bin/*' -exec sh -c 'ln -sfn "/usr$(readlink "$1")" "$1"' . {} \;
mkdir -p "$tree"/mnt/{idmap,rootidmap,map,overlay,memory,tmpfs,inside} "$tree"/srv/{low,up}
cat >"$tree/usr/bin/try" <<'END'
#!/bin/sh
for at in root var mnt/idmap mnt/rootidmap mnt/map mnt/overlay mnt/memory mnt/tmpfs mnt/inside; do
    [ -d /$at ] || continue
    rm -f /$at/made 2>/dev/null
    if touch /$at/made 2>/dev/null; then echo "${at#mnt/}=$(stat -c %u:%g /$at/made)"; else echo "${at#mnt/}=no"; fi
done
END
chmod 755 "$tree/usr/bin/try"
bb=$tree
mksquashfs "$bb" "$smoke_work/squashfs.raw" -quiet -no-progress >/dev/null

owner() { if [[ -e $1 ]]; then stat -c %u:%g "$1"; else echo none; fi; }
# on_disk ROOT PATH: whom the root's file system says it belongs to
on_disk() {
    case $1 in
        directory) owner "$source$2" ;;
        ext4) debugfs -R "stat $2" "$source" 2>/dev/null | awk '/^User:/ { found = 1; print $2 ":" $4 } END { if (!found) print "none" }' ;;
        squashfs) echo none ;;
    esac
}
fresh() {   # ROOT: sets $source and $from
    source=$smoke_work/source.$1
    rm -rf "$smoke_work"/source.* "$smoke_work"/host
    mkdir -p "$smoke_work"/host/{idmap,rootidmap,map,low,up}
    chown 1000:1001 "$smoke_work/host/rootidmap"
    chown 1002:1003 "$smoke_work/host/map"
    case $1 in
        directory) cp -a "$bb" "$source"; from=(-D "$source") ;;
        ext4) truncate -s 16M "$source"; mkfs.ext4 -q -F -O ^has_journal -d "$bb" "$source"; from=(-i "$source") ;;
        squashfs) source=$smoke_work/squashfs.raw; from=(-i "$source") ;;
    esac
}

cell() {   # ROOT MODE USERS-ARG…
    local root=$1 mode=$2 host=$smoke_work/host in_root=0:0 in_var=0:0 disk=none out
    shift 2
    case $mode in
        --plain) mode=; disk=0:0; [[ $root != squashfs ]] || { in_root=no in_var=no disk=none; } ;;
        --read-only) in_root=no in_var=no ;;
        --volatile=yes) in_root=none ;;   # there is no /root before somebody makes it
        --volatile=state) in_root=no ;;
    esac
    fresh "$root"
    out=$(n "$@" ${mode:+$mode} "${from[@]}" --bind="$host/idmap:/mnt/idmap:idmap" --bind="$host/map:/mnt/map:map=1002/1003:0" \
        --bind="$host/rootidmap:/mnt/rootidmap:rootidmap" --overlay="$host/low:$host/up:/mnt/overlay" \
        --overlay="$host/low::/mnt/memory" --tmpfs=/mnt/tmpfs /usr/bin/try 2>"$smoke_work/err") || { cat "$smoke_work/err"; fail "status $?"; }
    out=" $(tr '\n' ' ' <<<"$out")"
    [[ $in_root == none ]] && ! [[ $out == *" root="* ]] || has "$out" " root=$in_root "
    [[ $mode == --volatile=yes ]] || has "$out" " var=$in_var "
    for mount in idmap rootidmap map overlay memory tmpfs; do has "$out" " $mount=0:0 "; done
    equal "$(on_disk "$root" /root/made)" "$disk" "owner in the tree"
    equal "$(owner "$host/idmap/made")" 0:0 "owner in the mapped bind"
    equal "$(owner "$host/rootidmap/made")" 1000:1001 "owner in the bind with the owner's map"
    equal "$(owner "$host/map/made")" 1002:1003 "owner in the bind with a map"
    equal "$(owner "$host/up/made")" 0:0 "owner in the upper layer"
    equal "$(owner "$host/low/made")" none "what is in the lower layer"
    # where nobody asked for it, it is said
    [[ $root$mode != squashfs ]] || grep -q 'read-only' "$smoke_work/err" || fail "nobody says that it is read-only"
    inside "$root" "${mode:---plain}" "$@"
}

# An overlay of the tree's own directories: needs that they can be written to
inside() {
    local root=$1 mode=$2 out status why=''
    shift 2
    case $root$mode in
        *--volatile=yes) why='No such file' ;;
        *--read-only | *--volatile=state | squashfs--plain) why='read-only' ;;
        *--volatile=overlay | *-x) why='that cannot be one' ;;
    esac
    [[ $mode != --plain ]] || mode=
    status=0
    out=$(n "$@" ${mode:+$mode} "${from[@]}" --overlay=+/srv/low:+/srv/up:/mnt/inside /usr/bin/try 2>"$smoke_work/err") || status=$?
    if [[ $why ]]; then
        equal "$status" 1 "status of an overlay of the tree's own"
        grep -i -- "$why" "$smoke_work/err" || { cat "$smoke_work/err"; fail "it is refused for another reason"; }
        equal "$(grep -c 'nspawn: cannot' "$smoke_work/err")" 1 "lines that say why"
    else
        has " $(tr '\n' ' ' <<<"$out")" " inside=0:0 "
        equal "$(on_disk "$root" /srv/up/made)" 0:0 "owner in the tree's upper layer"
    fi
}

for root in directory ext4 squashfs; do
    for mode in --plain --read-only --volatile=yes --volatile=state --volatile=overlay -x; do
        for users in no yes identity pick "524288 --private-users-ownership=map"; do
            # what an image's owners are makes no difference to these
            [[ $root == directory || $users != yes ]] || continue
            [[ $root != squashfs || $users != 524288* ]] || continue
            # shellcheck disable=SC2086
            tap "$root, ${mode#--}, users ${users%% *}" cell "$root" "$mode" --private-users=$users
        done
    done
done
loops=$(losetup -n -l -O BACK-FILE 2>/dev/null | grep -c "$smoke_work" || true)
tap "no loop device is left" equal "$loops" 0 "loop devices"
tap_done
