# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The smoke suite boots machines on this very computer, without a host systemd. Each file runs in mount, network and
# PID namespaces of its own, with a /run of its own, so the tests see every mount, interface, process and runtime
# file that a machine leaves, and nobody else's. The mounts are shared, as on a host booted by systemd: what a
# machine would leak, leaks.
#
# NSPAWN        the program under test (default build/nspawn)
# NSPAWN_TREES  the trees (default build/trees; test/trees/make makes them)

smoke_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NSPAWN=$(realpath "${NSPAWN:-$smoke_top/build/nspawn}")
NSPAWN_TREES=${NSPAWN_TREES:-$smoke_top/build/trees}
export NSPAWN NSPAWN_TREES

if [[ ${SMOKE_INSIDE:-} != 1 ]]; then
    [[ $EUID == 0 ]] || { echo "Bail out! the smoke suite needs root"; exit 1; }
    [[ -x $NSPAWN ]] || { echo "Bail out! $NSPAWN is not there: build it, or set NSPAWN"; exit 1; }
    # SIGKILL of unshare's child, PID 1 of the namespace, ends all that was started below it
    SMOKE_INSIDE=1 exec unshare --mount --net --pid --fork --kill-child --mount-proc --propagation private \
        bash "$0" "$@"
fi

mount --make-rshared /
# A /tmp of its own, too, unless what is tested lies there
export TMPDIR=/var/tmp
# (then it is shared with whoever uses it besides, and only names that a machine could give count as leftovers)
smoke_tmp_names=(-name '*')
if [[ $NSPAWN == /tmp/* || $NSPAWN_TREES == /tmp/* || $smoke_top == /tmp/* ]]; then
    smoke_tmp_names=(-name '.#*' -o -name 'nspawn-root*')
else
    mount -t tmpfs tmpfs /tmp
fi

# shellcheck source=test/lib/tap.sh
. "$smoke_top/test/lib/tap.sh"

smoke_prefix=smoke$(stat -Lc %i /proc/self/ns/pid | tail -c 6)   # in every machine name, so cgroups can be told apart
smoke_work=$(mktemp -d /var/tmp/smoke.XXXXXX)
cgroup2=$(findmnt -rnt cgroup2 -o TARGET | head -n1)
[[ $cgroup2 ]] || { echo "Bail out! no cgroup2 is mounted"; exit 1; }

mount -t tmpfs -o mode=755 tmpfs /run
ip link set lo up
mkdir -p "$cgroup2/$smoke_prefix"
smoke_cgroup_before=$(sed -n 's/^0:://p' /proc/self/cgroup)
echo $$ >"$cgroup2/$smoke_prefix/cgroup.procs"

smoke_exit() {
    echo $$ >"$cgroup2$smoke_cgroup_before/cgroup.procs" 2>/dev/null || true
    find "$cgroup2/$smoke_prefix" -depth -type d -exec rmdir {} + 2>/dev/null || true
    rm -rf --one-file-system "$smoke_work" "$tap_tmp"
}
trap smoke_exit EXIT

# shellcheck source=test/lib/machine.sh
. "$smoke_top/test/lib/machine.sh"

# What a failed test left running must not fail the next one too.
tap_cleanup() {
    local p
    for p in "${supervisors[@]}"; do
        kill -KILL "$p" 2>/dev/null || true
    done
    for p in $(strangers | cut -d' ' -f1); do
        kill -KILL "$p" 2>/dev/null || true
    done
}

# --- leftovers ---------------------------------------------------------------------------------------------------

# Everything a machine could leave behind, one thing a line. Of the mounts that were there from the start only the number
# counts: others may rename what they are on.
smoke_first_mounts=$(awk '{ printf " " $1 }' /proc/self/mountinfo)
state() {
    awk -v first="$smoke_first_mounts" '
        BEGIN { split(first, ids, " "); for (i in ids) old[ids[i]] = 1 }
        $1 in old { n++; next }
        { print "mount " $5 }
        END { print "first mounts " n }' /proc/self/mountinfo
    ip -o link | awk '{ print "interface " $2 }'
    find "$cgroup2" -mindepth 1 -type d -name "*$smoke_prefix*" -printf 'cgroup %P\n'
    find "$cgroup2/$smoke_prefix" -mindepth 1 -type d -printf 'cgroup %P\n'
    find /run -mindepth 1 \( -not -type d -o -name "*$smoke_prefix*" \) -printf 'file %p\n'
    find /tmp -mindepth 1 -maxdepth 1 -not -name 'tap.*' \( "${smoke_tmp_names[@]}" \) -printf 'file %p\n'
    find /var/tmp -maxdepth 1 -name "*$smoke_prefix*" -printf 'file %p\n'
    find "$smoke_work" -maxdepth 1 -name '.#*' -printf 'lock %f\n'
    strangers | sed 's/^/process /'
}

# Processes of machines: those of the program itself, and all in PID namespaces below ours
strangers() {
    local p ours
    ours=$(readlink /proc/self/ns/pid)
    for p in /proc/[0-9]*; do
        [[ $(readlink "$p/ns/pid" 2>/dev/null || echo "$ours") == "$ours" &&
           $(readlink "$p/exe" 2>/dev/null) != "$NSPAWN" ]] || echo "${p#/proc/} $(cat "$p/comm" 2>/dev/null)"
    done
}
