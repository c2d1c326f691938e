#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every kind of root, with and without users of its own, in every mode, with every kind of mount: it works, which is that
# a file that is written is seen and nothing below a layer changes, or it is refused in one line.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

# A small tree with a merged /usr, as --volatile=yes takes it
copy busybox
bb=$tree
mkdir -p "$bb"/{srv,mnt,root,var}
for d in bin sbin; do
    cp -a "$bb/$d/." "$bb/usr/$d/" && rm -r "${bb:?}/$d" && ln -s "usr/$d" "$bb/$d"
done
echo low >"$bb/srv/low"

low=$smoke_work/low up=$smoke_work/up pristine=$smoke_work/pristine.raw img=$smoke_work/$smoke_prefix-img.raw
stack=$smoke_work/$smoke_prefix-st.mstack
mkdir -p "$low" "$stack/layer@1/srv" "$stack/rw"
echo low >"$low/low"
ln -s "$bb" "$stack/layer@0"
echo low >"$stack/layer@1/srv/low"
truncate -s 12M "$pristine" && mkfs.ext4 -q -F -d "$bb" "$pristine"
cp --sparse=always "$pristine" "$img"

# The tables: name and arguments
roots=(directory image stack)
root_of() {
    case $1 in
        directory) echo -D "$bb" ;;
        image) echo -i "$img" ;;
        stack) echo --mstack="$stack" ;;
    esac
}
modes=(plain ephemeral read-only volatile=overlay volatile=state volatile=yes)
extras=(none overlay overlay-on-host overlay-of-tree overlay-ro tmpfs inaccessible overlay-on-root)
extra_of() {
    case $1 in
        none) ;;
        overlay) echo --overlay="$low::/mnt" ;;
        overlay-on-host) echo --overlay="$low:$up:/mnt" ;;
        overlay-of-tree) echo --overlay=+/srv::/mnt ;;
        overlay-ro) echo --overlay-ro="$low:+/srv:/mnt" ;;
        tmpfs) echo --tmpfs=/mnt ;;
        inaccessible) echo --inaccessible=/mnt ;;
        overlay-on-root) echo --overlay=+/::/ ;;
    esac
}

# What is refused, and a word of the reason
refusal() {   # ROOT MODE EXTRA
    case $1:$2:$3 in
        stack:ephemeral:*) echo "--mstack" ;;
        *:volatile=yes:overlay-of-tree | *:volatile=yes:overlay-ro) echo "/mnt" ;;   # such a root has no /srv
        *:volatile=yes:inaccessible) echo "/mnt" ;;                                  # nor a /mnt
        stack:volatile=overlay:overlay-of-tree | stack:volatile=overlay:overlay-ro) echo "overlay" ;;   # the kernel stacks two
        stack:volatile=overlay:overlay-on-root) echo "overlay" ;;
    esac
}

# What can be written, of /root, /var and /mnt, and whether "low" is in /mnt
outcome() {   # MODE EXTRA
    local root=root var=var mnt=mnt is_low=''
    case $1 in
        read-only) root='' var='' ;;
        volatile=state) root='' ;;
    esac
    # a mount on / has options of its own
    [[ $1:$2 != read-only:overlay-on-root ]] || root=root var=var
    case $2 in
        none | overlay-on-root) [[ $root && $1 != volatile=yes ]] || mnt='' ;;
        overlay | overlay-on-host | overlay-of-tree) is_low=low ;;
        overlay-ro) mnt='' is_low=low ;;
        inaccessible) mnt='' ;;
    esac
    echo "$root $var $mnt $is_low"
}

# shellcheck disable=SC2016
script='mkdir -p /root /var; for d in root var; do touch /$d/new 2>/dev/null && [ -e /$d/new ] && echo "$d" || echo; done
[ "$(stat -c %a /mnt 2>/dev/null)" != 0 ] && touch /mnt/new 2>/dev/null && [ "$(stat -c %u /mnt/new)" = 0 ] && echo mnt || echo
cat /mnt/low 2>/dev/null || true'

like() {   # ROOT: what must stay as it is
    find "$bb" "$low" "$stack/layer@1" -printf '%p %y %m %U %s\n' | sort
    [[ $1 != image ]] || cksum <"$img"
}

fresh() {
    rm -rf "$bb"/{root,var,mnt}/new "$up" "$stack/rw"
    mkdir "$up" "$stack/rw"
    cmp -s "$pristine" "$img" || cp --sparse=always "$pristine" "$img"
}

one() {   # ROOT USERS MODE EXTRA
    local -a args
    local before why out
    read -ra args < <(echo "$(root_of "$1") $2 $(extra_of "$4")")
    [[ $3 == plain ]] || args+=("--$3")
    fresh
    before=$(like "$1")
    status_of nspawn -q --register=no --pipe --resolv-conf=off --timezone=off "${args[@]}" /bin/sh -c "$script" </dev/null >"$smoke_work/out" 2>"$smoke_work/err"
    out=$(tr '\n' ' ' <"$smoke_work/out")
    why=$(refusal "$1" "$3" "$4")
    if [[ $why ]]; then
        equal "$status" 1 "status of $*"
        equal "$(wc -l <"$smoke_work/err")" 1 "lines on standard error of $*"
        has "$(cat "$smoke_work/err")" "$why"
    else
        [[ $status == 0 ]] || { cat "$smoke_work/err"; fail "status $status of $*"; }
        equal "${out% }" "$(outcome "$3" "$4" | sed 's/ $//')" "what $* can write"
        [[ $4 != overlay-on-host ]] || equal "$(stat -c %u "$up/new")" 0 "owner of what was written by $*"
        kept "$@"
    fi
    [[ $3:$4 == plain:overlay-on-root || $3 != plain ]] || { rm -f "$bb"/{root,var,mnt}/new; [[ $1 != image ]] || return 0; }
    equal "$(like "$1")" "$before" "what is below the layers of $*"
}

kept() {   # ROOT USERS MODE EXTRA: in a plain start what is written is there the next time, in others it is not
    local expected=no
    [[ $3 != plain || $4 == overlay-on-root ]] || expected=yes
    case $1 in
        directory) equal "$([[ -e $bb/root/new ]] && echo yes || echo no)" "$expected" "kept in the tree" ;;
        image) equal "$(debugfs -R "stat /root/new" "$img" 2>/dev/null | grep -q Inode && echo yes || echo no)" "$expected" "kept in the image" ;;
        stack) equal "$([[ -e $stack/rw/data/root/new ]] && echo yes || echo no)" "$expected" "kept in the stack" ;;
    esac
}

all() {   # ROOT USERS MODE
    local extra
    for extra in "${extras[@]}"; do one "$@" "$extra"; done
}

for root in "${roots[@]}"; do
    for mode in "${modes[@]}"; do
        # an image that is not written is like a directory in these
        [[ $root != image || $mode != read-only && $mode != volatile=state ]] || continue
        tap "$root, $mode"                          leaves_nothing all "$root" "" "$mode"
        tap "$root, $mode, with users of its own"   leaves_nothing all "$root" -U "$mode"
    done
done
tap_done
