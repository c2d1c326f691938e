# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# A small TAP harness. A test file sources this (by way of smoke.sh or lab.sh), then says
#
#     tap "what must hold" COMMAND [ARG…]
#
# for each test, and ends with tap_done. COMMAND is usually a function. It runs in a subshell with errexit on, so
# the first command that fails fails the test; its output is shown only then. It gets $TAP_TIMEOUT seconds.
# When the test ends, for whatever reason, tap_cleanup is called in the same subshell.
#
# TAP_FILTER, a shell pattern, chooses tests by description.
set -euo pipefail

tap_n=0
tap_failed=0
tap_file=$(basename "$0" .sh)
tap_tmp=$(mktemp -d "${TMPDIR:-/tmp}/tap.XXXXXX")
trap 'rm -rf "$tap_tmp"' EXIT

tap_cleanup() { :; }
tap_end() { trap - EXIT; set +e; tap_cleanup; exit "$1"; }

tap_body() {   # COMMAND…: the test itself, in its subshell
    trap 'tap_end $?' EXIT
    trap 'exit 143' TERM
    set -e
    "$@"
}

tap() {
    local what=$1 log=$tap_tmp/log limit=${TAP_TIMEOUT:-120} pid dog status=0 started=$SECONDS line
    shift
    # shellcheck disable=SC2053
    [[ $tap_file:$what == ${TAP_FILTER:-*} ]] || return 0
    tap_n=$((tap_n + 1))

    : >"$log"
    # a process group each, so that a time-out ends the test's children with it
    set -m
    ( set +m; tap_body "$@" ) >>"$log" 2>&1 </dev/null &
    pid=$!
    ( sleep "$limit"; echo "timed out after $limit s" >>"$log"; kill -TERM -- "-$pid"; sleep 20; kill -KILL -- "-$pid"
    ) >/dev/null 2>&1 </dev/null &
    dog=$!
    set +m
    wait "$pid" 2>/dev/null || status=$?
    kill -KILL -- "-$dog" 2>/dev/null || true
    wait "$dog" 2>/dev/null || true

    if ((status == 0)); then
        echo "ok $tap_n - $tap_file: $what # time=$((SECONDS - started))"
        return 0
    fi
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_n - $tap_file: $what # time=$((SECONDS - started))"
    echo "# exit status $status; output:"
    tail -n "${TAP_TAIL:-60}" "$log" | tr -d '\r\000' | while IFS= read -r line; do printf '#   %s\n' "$line"; done
}

tap_done() {
    echo "1..$tap_n"
    exit $((tap_failed > 0))
}

# --- what tests say ----------------------------------------------------------------------------------------------

fail() { echo "FAIL: $*"; exit 1; }

# equal ACTUAL EXPECTED WHAT
equal() {
    [[ $1 == "$2" ]] && return 0
    echo "FAIL: ${3:-value}: expected and actual differ"
    diff <(echo "$2") <(echo "$1") || true
    exit 1
}

# has TEXT PART: PART occurs in TEXT
has() { [[ $1 == *"$2"* ]] || fail "'$2' is not in: $1"; }

# status_of COMMAND…: sets $status; the command may fail
status_of() { status=0; "$@" || status=$?; }

# wait_for SECONDS COMMAND…: true as soon as COMMAND is, asked ten times a second
wait_for() {
    local end=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        (($(now_ms) < end)) || return 1
        sleep 0.1
    done
}

now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo "${t%???}"; }

alive() { kill -0 "$1" 2>/dev/null; }
gone() { ! alive "$1"; }

# wait_exit PID SECONDS: waits for a child of this shell; sets $status; fails the test when it takes longer
wait_exit() {
    local pid=$1 limit=$2 end
    end=$(($(now_ms) + limit * 1000))
    # a zombie still answers kill -0, so look at its state
    while [[ -e /proc/$pid/stat && $(awk '{ sub(/.*\) /, ""); print $1 }' "/proc/$pid/stat" 2>/dev/null) != Z ]]; do
        (($(now_ms) < end)) || fail "process $pid still runs after $limit s"
        sleep 0.05
    done
    status=0
    wait "$pid" || status=$?
}
