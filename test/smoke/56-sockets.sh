#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What sockets a machine under --restrict-address-families= can make, and what of nspawn itself works without any.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

tree=$NSPAWN_TREES/guest13
EAFNOSUPPORT=97
run() { timeout -k 5 20 "$NSPAWN" -q --pipe --read-only -D "$tree" "$@" </dev/null; }

# For each family "NAME=error number" of socket() and of socketpair(), 0 if there is one.
# shellcheck disable=SC2016 # these are perl's dollars
probe='use Socket;
my %f = (UNIX => 1, INET => 2, INET6 => 10, NETLINK => 16);
for my $n (sort keys %f) { printf "%s=%d ", $n, socket(my $s, $f{$n}, SOCK_DGRAM, 0) ? 0 : $! + 0 }
printf "pair=%d\n", socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) ? 0 : $! + 0;'
sockets() {   # EXPECTED ARG…: what the machine finds
    equal "$(run "${@:2}" /usr/bin/perl -e "$probe")" "$1" "sockets under ${*:2}"
}

allow_list() { sockets "INET=0 INET6=$no NETLINK=$no UNIX=0 pair=0" --restrict-address-families='AF_UNIX AF_INET'; }
deny_list() { sockets "INET=0 INET6=$no NETLINK=$no UNIX=0 pair=0" --restrict-address-families='~AF_NETLINK AF_INET6'; }
none() { sockets "INET=$no INET6=$no NETLINK=$no UNIX=$no pair=$no" --restrict-address-families=none; }
several() {
    sockets "INET=$no INET6=$no NETLINK=0 UNIX=0 pair=0" --restrict-address-families='AF_UNIX AF_INET' \
        --restrict-address-families=AF_NETLINK --restrict-address-families='~AF_INET'
}
no=$EAFNOSUPPORT
everything="INET=0 INET6=0 NETLINK=0 UNIX=0 pair=0"
empty() { sockets "$everything" --restrict-address-families=none --restrict-address-families=; }
switched_off() { SYSTEMD_SECCOMP=no sockets "$everything" --restrict-address-families=none; }
for_users() {
    sockets "INET=0 INET6=$no NETLINK=$no UNIX=0 pair=0" -U -x --restrict-address-families='AF_UNIX AF_INET'
}
with_stub() { sockets "INET=$no INET6=$no NETLINK=$no UNIX=$no pair=$no" -a --uid=1 --restrict-address-families=none; }

# As a file of the tree's author may say it, and the command line takes it back.
from_file() {
    copy busybox
    local settings=${tree%/*}/fenced.nspawn
    mv "$tree" "${tree%/*}/fenced"
    tree=${tree%/*}/fenced
    printf '[Exec]\nRestrictAddressFamilies=AF_UNIX\n' >"$settings"
    equal "$(run /bin/busybox ifconfig lo 2>&1 | head -n1)" "ifconfig: socket: Address family not supported by protocol"
    has "$(run --restrict-address-families= /bin/busybox ifconfig lo)" "inet addr:127.0.0.1"
    has "$(run --settings=no /bin/busybox ifconfig lo)" "inet addr:127.0.0.1"
}

# What is said of inits in the manual: AF_UNIX will do, where the network is not to be seen to.
boots() {
    copy guest13
    start -b -D "$tree" --private-network --restrict-address-families=AF_UNIX
    until_login
    wait_for 30 up || { inside systemctl --no-pager --failed; fail "not up"; }
    inside busctl --no-pager list >/dev/null
    stop_cleanly
}
up() { [[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; }

wrong() {
    local out
    out=$(run --restrict-address-families=AF_INTE true 2>&1) && fail "it ran"
    has "$out" '--restrict-address-families=: "AF_INTE" is not a list of address families'
    has "$(run --restrict-address-families=help)" AF_VSOCK
}

tap "a list of what is permitted" leaves_nothing allow_list
tap "a list of what is not" deny_list
tap "none" none
tap "several lists" several
tap "an empty value" empty
tap "\$SYSTEMD_SECCOMP=no" switched_off
tap "with users of its own" for_users
tap "with the stub init, as a user" with_stub
tap "from a settings file beside the tree" from_file
tap "a mistyped name" wrong
tap "systemd boots on AF_UNIX alone" leaves_nothing boots
tap_done
