#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Machines and containers in a machine (--nesting), and what is refused without it.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

copy busybox
bb=$tree
fresh_proc='unshare -Urmpf mount -t proc proc /tmp'
fresh_sys='unshare -Urmnpf mount -t sysfs sysfs /tmp'

in_command() { nspawn -q --pipe --private-network -D "$bb" "$@"; }

mounts() {   # ARG…: a user namespace inside gets its own
    in_command "$@" /bin/sh -c "$fresh_proc"
    in_command "$@" /bin/sh -c "$fresh_sys"
}
refused() {
    local out
    for mount in "$fresh_proc" "$fresh_sys"; do
        out=$(in_command "$@" /bin/sh -c "$mount" 2>&1) && fail "it was possible: $mount"
        has "$out" "ermission denied"
    done
}

for_root_alone() {
    equal "$(in_command -U --nesting /bin/ls /run/host/nesting | xargs)" "proc sys" "what root sees"
    in_command --nesting /bin/sh -c 'stat -c %a /run/host/nesting' | grep -qx 700
}

host_network() {   # without users of its own it is the host's kernel that is asked
    nspawn -q --pipe --nesting -D "$bb" /bin/sh -c "$fresh_proc"
}

refused_on_host_network() { has "$(nspawn --nesting -U -D "$bb" /bin/true 2>&1)" "needs a network of the machine's own"; }

# --- a machine with nspawn, podman and a tree ---

prepare() {
    copy nesting
    install "$NSPAWN" "$tree/usr/bin/nspawn"
    cp -a "$bb" "$tree/srv/inner"
    tar -C "$bb" -cf "$tree/srv/inner.tar" .
}
boots_up() {
    start -b -U --private-network "$@" -D "$tree"
    until_login
}
# as a service of the machine: below its filter, in a cgroup that is delegated
service() {
    timeout -k 5 60 nsenter -t "$(guest_init "$supervisor")" -a -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \
        systemd-run -q --pipe --wait --collect -p Delegate=yes -E HOME=/root "$@" </dev/null
}
says() {   # TEXT COMMAND…
    local expected=$1
    shift
    equal "$(service "$@")" "$expected" "output of $*"
}
inner_boots() {
    local out
    out=$(service sh -c '{ nspawn -b -D /srv/inner & } >/run/inner.log 2>&1
        for i in $(seq 200); do grep -aq login: /run/inner.log && break; sleep 0.1; done
        kill $! && wait $!; echo "ended: $?"; cat /run/inner.log' | tr -d '\r')
    has "$out" "ended: 0"
    has "$out" "inner login:"
    has "$out" "going down NOW"
}

containers() {
    says inside nspawn -q --pipe -D /srv/inner /bin/echo inside 2>/dev/null
    says "lo" nspawn -q --pipe --private-network --private-users=identity -D /srv/inner /bin/ls /sys/class/net
    says "lo" nspawn -q --pipe --private-network -U -D /srv/inner /bin/ls /sys/class/net
    inner_boots
    service podman import /srv/inner.tar inner
    says inside podman run --rm --network=none inner /bin/echo inside
    says "eth0 lo" podman run --rm inner /bin/sh -c 'ls /sys/class/net | xargs'
    says inside podman run --rm --privileged --network=none inner /bin/echo inside
}
nesting() {
    prepare
    boots_up --nesting
    containers
    stop_cleanly
}
without() {
    prepare
    boots_up
    ! service nspawn -q --pipe -D /srv/inner /bin/true || fail "nspawn was possible"
    ! service nspawn -q --pipe --private-network --private-users=identity -D /srv/inner /bin/true ||
        fail "nspawn with users of its own was possible"
    stop_cleanly
}

tap "a new proc and sysfs in a user namespace inside" mounts --nesting
tap "the same, in a machine with users of its own" mounts --nesting -U
tap "the same on the host's network" host_network
tap "not without the option" refused
tap "not without the option, with users of its own" refused -U
tap "its mounts are for root alone" for_root_alone
tap "refused with users of its own on the host's network" refused_on_host_network
tap "nspawn and podman in a machine" leaves_nothing nesting
tap "not without the option" leaves_nothing without
tap_done
