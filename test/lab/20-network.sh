#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# --network-veth with nothing but networkd's stock files: an address by DHCP, and packets both ways.
# shellcheck source=test/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
host_prepare
guest guest13
guest guest13 a-machine-with-a-long-name
host_up

guest_address() {   # NAME
    in_guest "$1" ip -4 -o addr show dev host0 scope global | awk '{ sub("/.*", "", $4); print $4; exit }'
}
has_lease() {
    local a
    a=$(guest_address "$1" 2>/dev/null)
    # 169.254: it gave itself an address because nobody answered
    [[ $a && $a != 169.254.* ]]
}

lease() {   # NAME INTERFACE
    start_guest "$1"
    until_running "$1"
    host_in ip -o link show "$2" || { host_in ip -o link; fail "no interface $2"; }
    wait_for 30 has_lease "$1" || { host_in networkctl --no-pager; in_guest "$1" networkctl --no-pager; fail "no lease"; }
    local guest_ip host_ip
    guest_ip=$(guest_address "$1")
    host_ip=$(host_in ip -4 -o addr show dev "$2" scope global | awk '{ sub("/.*", "", $4); print $4; exit }')
    host_in ping -c 2 -W 3 "$guest_ip"
    in_guest "$1" ping -c 2 -W 3 "$host_ip"
    has "$(host_in networkctl --no-pager status "$2")" 80-container-ve.network
    has "$(in_guest "$1" networkctl --no-pager status host0)" 80-container-host0.network
    # machined is told the interface
    has "$(host_in machinectl --no-pager status "$1")" "$guest_ip"
    stop_guest "$1"
}

long_name() {   # an interface name has 15 characters; the whole one is kept as the alternative name
    start_guest a-machine-with-a-long-name
    until_running a-machine-with-a-long-name
    host_in ip -o link show ve-a-machine-with-a-long-name || { host_in ip link; fail "no altname"; }
    stop_guest a-machine-with-a-long-name
}

same_mac() {
    local before
    start_guest
    before=$(in_guest guest cat /sys/class/net/host0/address)
    stop_guest
    start_guest
    equal "$(in_guest guest cat /sys/class/net/host0/address)" "$before" "the address of host0 at the second start"
    stop_guest
}

tap "a lease by DHCP, ping both ways" leaves_nothing lease guest ve-guest
tap "a long name" leaves_nothing long_name
tap "the same hardware address each time" leaves_nothing same_mac
tap_done
