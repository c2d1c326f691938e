# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The lab: a real systemd host on a computer that may have none. nspawn boots a Debian 13 tree with systemd as a
# container that may do everything; in it systemd, machined, networkd, journald and logind are real, and nspawn,
# installed there, is driven by the real machinectl, systemctl and journalctl. Guests lie in the host's
# /var/lib/machines, one level of nesting down.
#
# A test file sources this, calls host_up and guest KIND, and tests by
#     host_in CMD…     runs CMD in the host's namespaces: quick, but in no cgroup of the host's own
#     host_run CMD…    runs CMD as a transient unit of the host: for what asks for its own cgroup
# The host goes down when the file ends.
#
# BUILD, NSPAWN, NSPAWN_TREES   as for test/run
# LAB_UNIT                      the template unit that runs guests (default nspawn; systemd-nspawn compares)
# LAB_OUTER                     the program that boots the host (default $NSPAWN)

lab_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$(realpath -m "${BUILD:-$lab_top/build}")
NSPAWN=${NSPAWN:-$BUILD/nspawn}
NSPAWN_TREES=${NSPAWN_TREES:-$BUILD/trees}
LAB_UNIT=${LAB_UNIT:-nspawn}
LAB_OUTER=${LAB_OUTER:-$NSPAWN}

# shellcheck source=test/lib/tap.sh
. "$lab_top/test/lib/tap.sh"

[[ $EUID == 0 ]] || { echo "Bail out! the lab needs root"; exit 1; }
[[ -x $LAB_OUTER ]] || { echo "Bail out! $LAB_OUTER is not there: build it, or set NSPAWN"; exit 1; }

lab_work=$(mktemp -d /var/tmp/lab.XXXXXX)
lab_name=lab${lab_work##*.}
lab_host=$lab_work/$lab_name
lab_log=$lab_work/host.log
host_pid='' host_supervisor=''
trap lab_exit EXIT

lab_exit() {
    trap - EXIT
    host_down || true
    rm -rf --one-file-system "$lab_work" "$tap_tmp"
}

lab_die() { echo "Bail out! $*"; [[ ! -s $lab_log ]] || tail -n 30 "$lab_log" | tr -d '\r' | sed 's/^/#   /'; exit 1; }

lab_tree() {
    [[ -d $NSPAWN_TREES/$1 ]] || lab_die "no tree '$1' in $NSPAWN_TREES; run test/trees/make $1"
    cp -a --reflink=auto "$NSPAWN_TREES/$1" "$2"
}

# guest KIND [NAME]: puts a copy of a tree into the host's /var/lib/machines
guest() { lab_tree "$1" "$lab_host/var/lib/machines/${2:-guest}"; }

# host_prepare: the host's tree, with nspawn installed in it
host_prepare() {
    [[ ! -d $lab_host ]] || return 0
    lab_tree debian13 "$lab_host"
    if [[ $LAB_UNIT == nspawn ]]; then
        DESTDIR=$lab_host meson install -C "$BUILD" --no-rebuild >"$lab_log" 2>&1 || lab_die "meson install failed"
    fi
    echo "$lab_name" >"$lab_host/etc/hostname"
    # networkd takes a writable /sys for a sign of udev and waits for it to name the interfaces; here is no udev
    cat >"$lab_host/etc/systemd/system/lab-no-udev.service" <<'UNIT'
[Unit]
DefaultDependencies=no
Before=systemd-networkd.service sysinit.target
[Service]
Type=oneshot
ExecStart=mount -o remount,bind,ro /sys
RemainAfterExit=yes
UNIT
    mkdir -p "$lab_host/etc/systemd/system/sysinit.target.wants"
    ln -s ../lab-no-udev.service "$lab_host/etc/systemd/system/sysinit.target.wants/"
    # a unit that restarts 50 times in a test is not a unit that fails
    mkdir -p "$lab_host/etc/systemd/system/$LAB_UNIT@.service.d"
    printf '[Unit]\nStartLimitIntervalSec=0\n' >"$lab_host/etc/systemd/system/$LAB_UNIT@.service.d/test.conf"
}

# Nodes of its own: a bound node shares its inode with the computer's, and somebody inside could chmod that.
lab_nodes() {
    local dev=$lab_work/dev i
    mkdir -p "$dev"
    lab_binds=()
    node() { mknod -m "$5" "$dev/${1##*/}" "$2" "$3" "$4"; lab_binds+=("--bind=$dev/${1##*/}:$1"); }
    node /dev/loop-control c 10 237 660
    node /dev/fuse c 10 229 666
    node /dev/net/tun c 10 200 666
    for i in {0..7}; do node "/dev/loop$i" b 7 "$i" 660; done
}

host_up() {
    local state=''
    host_prepare
    lab_nodes
    SYSTEMD_SECCOMP=0 SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes \
        "$LAB_OUTER" --register=no -b -D "$lab_host" --machine="$lab_name" --private-network --capability=all \
        "${lab_binds[@]}" "$@" </dev/null >"$lab_log" 2>&1 &
    host_supervisor=$!
    for ((i = 0; i < 300; i++)); do
        sleep 0.2
        kill -0 "$host_supervisor" 2>/dev/null || lab_die "the host ended while it booted"
        host_pid=$(lab_init "$host_supervisor") || continue
        state=$(host_in systemctl is-system-running 2>/dev/null || true)
        case $state in
        running) return 0 ;;
        degraded) host_in systemctl --no-pager --failed; lab_die "the host is degraded" ;;
        esac
    done
    lab_die "the host did not come up in 60 s: '$state'"
}

# lab_init SUPERVISOR: the host's PID 1 as seen from here: PID 1 in the deepest PID namespace that hangs directly
# below the supervisor and its helpers
lab_init() {
    local p best='' best_depth=9
    local -a ids mine
    read -ra mine < <(sed -n 's/^NSpid:\t//p' /proc/self/status)
    best_depth=${#mine[@]}
    for p in $(pgrep -P "$1"); do
        read -ra ids < <(sed -n 's/^NSpid:\t//p' "/proc/$p/status" 2>/dev/null) || continue
        [[ ${#ids[@]} -gt $best_depth && ${ids[-1]} == 1 ]] || continue
        best=$p best_depth=${#ids[@]}
    done
    [[ $best && $(cat "/proc/$best/comm" 2>/dev/null) == systemd ]] && echo "$best"
}

host_in() {
    nsenter -t "$host_pid" -m -u -i -n -p -C -- env -i TERM=dumb LC_ALL=C.UTF-8 SYSTEMD_PAGER=cat \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
host_run() { host_in systemd-run --quiet --pipe --wait --collect --working-directory=/ "$@"; }

host_down() {
    [[ $host_supervisor ]] || return 0
    kill -TERM "$host_supervisor" 2>/dev/null || true
    for ((i = 0; i < 300; i++)); do
        kill -0 "$host_supervisor" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$host_supervisor" 2>/dev/null && echo "# the host did not stop within 30 s and was killed"
    wait "$host_supervisor" 2>/dev/null || true
    host_supervisor='' host_pid=''
}

# --- guests in the host -----------------------------------------------------------------------------------------

unit() { echo "$LAB_UNIT@${1:-guest}.service"; }

# start_guest [NAME]: the unit is active, and the machine is registered
start_guest() {
    host_in systemctl start "$(unit "${1:-guest}")" ||
        { host_in journalctl --no-pager -n 30 -u "$(unit "${1:-guest}")"; fail "the unit does not start"; }
}

guest_leader() { host_in machinectl show "${1:-guest}" -p Leader --value; }

# in_guest NAME CMD…: in all namespaces of the machine's leader
in_guest() {
    local name=$1 leader
    shift
    leader=$(guest_leader "$name")
    host_in nsenter -t "$leader" -a -- "$@"
}

guest_state() { in_guest "${1:-guest}" systemctl is-system-running 2>/dev/null || true; }
guest_runs() { [[ $(guest_state "${1:-guest}") == running ]]; }
until_running() {
    wait_for "${2:-60}" guest_runs "${1:-guest}" ||
        { in_guest "${1:-guest}" systemctl --no-pager --failed list-jobs || true
          fail "the guest is '$(guest_state "${1:-guest}")' after ${2:-60} s"; }
}

no_machine() { ! host_in machinectl show "${1:-guest}" >/dev/null 2>&1; }
unit_is() { [[ $(host_in systemctl show -p ActiveState --value "$(unit "${2:-guest}")") == "$1" ]]; }

# Everything a guest could leave on the host, one thing a line. Of nft tables, networkd's stay; the
# credentials of the host's own units come and go.
host_state() {
    host_in bash -c '
        awk "\$5 !~ \"^/run/credentials/\" { print \"mount \" \$5 }" /proc/self/mountinfo
        ip -o link | sed -E "s/^[0-9]+: ([^:@]+).*/interface \1/"
        find /sys/fs/cgroup/machine.slice -mindepth 1 -type d -printf "cgroup %P\n" 2>/dev/null
        machinectl list --no-legend | sed "s/^/machine /"
        find /run/systemd/nspawn /run/nspawn /run/systemd/machines -mindepth 1 -not -type d -printf "file %p\n" 2>/dev/null
        find /run/nspawn /run/systemd/nspawn -mindepth 1 -type d -name "*guest*" -printf "dir %p\n" 2>/dev/null
        find /tmp /var/tmp -maxdepth 1 -name "*nspawn-*" -printf "file %p\n"
        find /var/lib/machines -maxdepth 1 -name ".#*" -printf "lock %f\n"
        nft list ruleset | grep elements | sed "s/^/nft /"
        nft list tables | sed -n "/nspawn/p"' | sort
}
host_state_is() { [[ $(host_state) == "$1" ]]; }

# leaves_nothing COMMAND…: what was there before is there after, no more
leaves_nothing() {
    local before
    before=$(host_state)
    "$@"
    wait_for 5 host_state_is "$before" || equal "$(host_state)" "$before" "what is left behind"
}

stop_guest() {   # [NAME] [LIMIT]: the unit stops in time, and without a failure
    local started took
    started=$(now_ms)
    host_in systemctl stop "$(unit "${1:-guest}")"
    took=$(($(now_ms) - started))
    ((took < ${2:-15} * 1000)) || fail "the stop took $took ms"
    unit_is inactive "${1:-guest}" || fail "the unit is $(host_in systemctl is-active "$(unit "${1:-guest}")")"
}

# What a failed test left running must not fail the next one too.
tap_cleanup() {
    [[ $host_pid ]] || return 0
    host_in bash -c "timeout 20 systemctl stop '$LAB_UNIT@*.service' || systemctl kill -s KILL '$LAB_UNIT@*.service'
        systemctl stop '$LAB_UNIT@*.service' by-hand.service; systemctl reset-failed" >/dev/null 2>&1 || true
}

# supervisor_pid [NAME]: nspawn itself, as the host counts
supervisor_pid() { host_in systemctl show -p MainPID --value "$(unit "${1:-guest}")"; }
