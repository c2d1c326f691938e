# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Running machines and watching them, for suites that do so on the computer they are on. Whoever sources this has set
# $smoke_work, a directory for trees and consoles, and $smoke_prefix, with which the machines' names begin, and has a
# state(): everything that a machine could leave behind, one thing a line.

# copy KIND: a fresh copy of a tree; sets $tree and $machine
copy() {
    local kind=$1
    [[ -d $NSPAWN_TREES/$kind ]] || fail "no tree '$kind' in $NSPAWN_TREES; run test/trees/make $kind"
    machine=$smoke_prefix-$kind
    tree=$smoke_work/$machine
    rm -rf --one-file-system "$tree"
    cp -a --reflink=auto "$NSPAWN_TREES/$kind" "$tree"
}

# nspawn ARG…: run to its end
nspawn() { timeout -k 5 "${SMOKE_LIMIT:-60}" "$NSPAWN" "$@"; }

# start ARG…: in the background, output in $console; sets $supervisor
start() {
    console=$smoke_work/console.$RANDOM
    : >"$console"
    "$NSPAWN" "$@" </dev/null >"$console" 2>&1 &
    supervisor=$!
    supervisors+=("$supervisor")
}
supervisors=()

# Everything below a process, children first
descendants() {
    local c
    for c in $(pgrep -P "$1"); do descendants "$c"; echo "$c"; done
}

# guest_init SUPERVISOR: prints PID 1 of the machine, as seen from here: the descendant that is PID 1 in the deepest
# PID namespace of those that hang directly below the supervisor's own processes
guest_init() {
    local p depth best='' best_depth=0
    local -a ids
    for p in $(descendants "$1"); do
        read -ra ids < <(sed -n 's/^NSpid:\t//p' "/proc/$p/status" 2>/dev/null) || continue
        depth=${#ids[@]}
        [[ $depth -gt 0 && ${ids[-1]} == 1 ]] || continue
        if ((depth > best_depth)); then best=$p best_depth=$depth; fi
    done
    [[ $best ]] && echo "$best"
}

# inside COMMAND…: in the namespaces of the machine of $supervisor
inside() {
    local init
    init=$(guest_init "$supervisor") || fail "the machine has no PID 1"
    nsenter -t "$init" -a -- "$@"
}

shows() { grep -aqF -- "$1" "$console"; }
count_shown() { grep -aoF -- "$1" "$console" | wc -l; }

# until_login [SECONDS]: the machine of $supervisor asks for a user name
until_login() { until_shown "login:" "${1:-60}"; }
until_shown() {
    wait_for "$2" shown_or_over "$1" || { tail -n 40 "$console"; fail "no '$1' on the console within $2 s"; }
    shows "$1" || { tail -n 40 "$console"; fail "nspawn ended before '$1' was on the console"; }
}
shown_or_over() { shows "$1" || over "$supervisor"; }
over() { [[ ! -e /proc/$1/stat || $(awk '{ sub(/.*\) /, ""); print $1 }' "/proc/$1/stat" 2>/dev/null) == Z ]]; }

# stop_cleanly [SIGNAL]: asks the machine of $supervisor to stop; it does within 15 s, and nspawn returns 0
stop_cleanly() {
    kill -s "${1:-TERM}" "$supervisor"
    wait_exit "$supervisor" 15
    ((status == 0)) || { tail -n 20 "$console"; fail "nspawn returned $status after SIG${1:-TERM}"; }
}

# reboot_by COMMAND…: inside the machine of $supervisor, which then asks for a user name once more
reboot_by() {
    local logins
    logins=$(count_shown login:)
    inside "$@" || true   # it may be terminated with the rest
    wait_for 60 more_logins_than "$logins" || { tail -n 40 "$console"; fail "it did not come up again"; }
}
more_logins_than() { (($(count_shown login:) > $1)); }

# leaves_nothing COMMAND…: what was there before is there after, no more. The kernel takes a network namespace, a cgroup
# and a device down shortly after their last user, and udev its nodes after that: within $leaves_within seconds.
leaves_nothing() {
    local before
    before=$(state)
    "$@"
    wait_for "$leaves_within" state_is "$before" || equal "$(state)" "$before" "what is left behind"
}
state_is() { [[ $(state) == "$1" ]]; }
leaves_within=3
