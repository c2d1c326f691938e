#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The completions do what they should in their own shells. A shell that is not installed is a test that failed.
#
# usage: completion.sh BASH-FILE ZSH-FILE FISH-FILE
#
# shellcheck disable=SC2317 # the functions are called by check
set -euo pipefail

bash_file=$1 zsh_file=$2 fish_file=$3
n=0 failed=0

result() {   # WHAT STATUS
    n=$((n + 1))
    if (($2 == 0)); then echo "ok $n - $1"; else echo "not ok $n - $1"; failed=1; fi
}

check() {   # WHAT COMMAND…
    local what=$1 status=0
    shift
    "$@" || status=$?
    result "$what" $status
}

check_in() {   # SHELL WHAT COMMAND…; the shell's package has its name
    if command -v "$1" >/dev/null; then check "${@:2}"; else check "${@:2:1}" missing "$1"; fi
}
missing() { echo "# $1 is not installed: apt-get install $1"; return 1; }

# bash_offers WORD EXPECTED…: every one of EXPECTED is offered for WORD
bash_offers() {
    local -a COMP_WORDS=(nspawn) COMPREPLY=()
    local COMP_CWORD offer
    read -ra words <<<"$1"
    COMP_WORDS+=("${words[@]}")
    [[ $1 != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _nspawn
    shift
    for offer; do
        [[ " ${COMPREPLY[*]} " == *" $offer "* ]] ||
            { echo "# $offer is not among: ${COMPREPLY[*]}"; return 1; }
    done
}
fish_offers() {   # LINE EXPECTED
    fish --no-config -c "source '$fish_file'; complete -C'$1'" | cut -f1 | grep -qxe "$2"
}
broken() {   # CHECKER FILE: a syntax error in it is seen
    local copy status=0
    copy=$(mktemp)
    { cat "$2"; echo "if (("; } >"$copy"
    "$1" -n "$copy" 2>/dev/null || status=$?
    rm -f "$copy"
    ((status != 0))
}
not() { ! "$@"; }

check "bash parses its file" bash -n "$bash_file"
check "a broken file would be noticed" broken bash "$bash_file"
_init_completion() { return 1; }   # the built-in fallback, whatever is installed here
# shellcheck source=/dev/null
source "$bash_file"
check "bash completes an option" bash_offers "--network-v" --network-veth --network-veth-extra
check "bash completes a mode" bash_offers "--console i" interactive
check "bash completes a mode after an equals sign" bash_offers "--link-journal = try" try-host try-guest
check "bash does not offer what is not there" not bash_offers "--network-v" --magic
check_in zsh "zsh parses its file" zsh -n "$zsh_file"
check_in fish "fish parses its file" fish -n "$fish_file"
check_in fish "fish completes an option" fish_offers "nspawn --network-v" --network-veth-extra
check_in fish "fish completes a mode" fish_offers "nspawn --console=" --console=interactive
echo "1..$n"
exit $failed
