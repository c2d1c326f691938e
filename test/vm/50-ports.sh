#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# --port= on a distribution's kernel, which has all of nftables in modules that nobody has loaded yet.
# shellcheck source=test/lib/vm.sh
. /test/lib/vm.sh

answer() { busybox wget -T 5 -q -O - "http://$1/" 2>/dev/null; }
answers() { [[ $(answer "$1") == "here I am" ]]; }
no_table() { ! nft list tables | grep nspawn; }

modules() {   # the first test: so they come by themselves
    ! grep '^nf_tables ' /proc/modules || fail "nf_tables is there already"
    run -n -M modules -D "$bb" -p 8080:80 true
    grep '^nf_tables ' /proc/modules
    no_table || fail "there is a table left"
}

ports() {
    ip link set lo up
    start -n -M ports -D "$bb" -p 8080:80 -p '[::]:8081:80' sh -c 'echo "here I am" >/srv/index.html
        ip link set host0 up; ip address add 10.9.8.2/24 dev host0
        httpd -p 80 -h /srv; echo up; sleep 1000'
    until_shown up 60
    ip address add 10.9.8.1/24 dev ve-ports
    ip link set ve-ports up
    wait_for 30 answers 127.0.0.1:8080 || { nft list ruleset; fail "no answer from 127.0.0.1"; }
    answers 10.9.8.1:8080 || fail "no answer from 10.9.8.1"
    ip -6 address add fd09::1/64 dev ve-ports nodad
    inside ip -6 address add fd09::2/64 dev host0
    wait_for 30 answers '[fd09::1]:8081' || { nft list ruleset; fail "no answer from fd09::1"; }
    kill "$supervisor"
    wait_exit "$supervisor" 30
    no_table || fail "there is a table left"
}

tap "the kernel's modules come by themselves" leaves_nothing modules
tap "from 127.0.0.1 and other addresses"      leaves_nothing ports
tap_done
