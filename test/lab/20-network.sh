#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# --network-veth with nothing but networkd's stock files: an address by DHCP, and packets both ways; and ports of the
# host that follow that address.
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

# serve WORDS: what a web server in the guest's network answers; the guest itself has none
serve() {
    host_in mkdir -p /run/www
    echo "$*" | host_in tee /run/www/index.html >/dev/null
    host_in nsenter -t "$(guest_leader guest)" -n -- busybox httpd -p 80 -h /run/www
}
fetch() { host_in busybox wget -T 3 -q -O - "http://$1/" 2>/dev/null; }
answers() { [[ $(fetch "$2") == "$1" ]]; }
# The host's networkd may choose another network for a new bridge when its carrier goes and comes, after it has given a
# lease in the first one: so the guest begins anew.
answers_or_renews() {
    answers "$@" && return
    sleep 3
    answers "$@" || { in_guest guest networkctl reconfigure host0; return 1; }
}
no_table() { ! host_in nft list tables | grep nspawn-; }
forwarded_to() { host_in nft list table inet nspawn-guest | sed -n 's/.*dnat ip to \(.*\):80$/\1/p'; }
follows_lease() { [[ $(forwarded_to) == "$(guest_address guest)" ]]; }

settings() {   # SETTING…: of the guest's network, as an administrator has them
    host_in mkdir -p /etc/systemd/nspawn
    printf '%s\n' '[Network]' "$@" | host_in tee /etc/systemd/nspawn/guest.nspawn >/dev/null
}
host_address() { host_in ip -4 -o addr show dev "$1" scope global | awk '{ sub("/.*", "", $4); print $4; exit }'; }

ports() {   # LINK SETTING…: a machine with a port
    local link=$1
    shift
    settings Port=8080:80 "$@"
    start_guest
    until_running
    serve "here I am"
    wait_for 60 answers_or_renews "here I am" 127.0.0.1:8080 || { host_in nft list ruleset; fail "no answer"; }
    follows_lease || fail "$(forwarded_to) is not $(guest_address guest)"
    answers "here I am" "$(host_address "$link"):8080" || fail "no answer at the host's own address"
    # another address, by hand: it follows, and the old one is forgotten
    local other size
    size=$(in_guest guest ip -4 -o addr show dev host0 scope global | sed 's,.*inet [0-9.]*/\([0-9]*\) .*,\1,')
    other=$(guest_address guest); other=${other%.*}.$((${other##*.} ^ 1))
    [[ $other != *.1 && $other != *.0 ]] || other=${other%.*}.$((${other##*.} + 4))
    in_guest guest systemctl stop systemd-networkd.socket systemd-networkd.service
    in_guest guest ip address flush dev host0 scope global
    in_guest guest ip address add "$other/$size" dev host0
    wait_for 10 follows_lease || fail "$(forwarded_to) is not $other"
    answers "here I am" 127.0.0.1:8080 || fail "no answer after the change"
    stop_guest
    no_table || fail "there is a table left"
    fetch 127.0.0.1:8080 && fail "there is an answer without a machine"
    host_in rm /etc/systemd/nspawn/guest.nspawn
}

killed_ports() {
    settings Port=8080:80
    start_guest
    until_running
    wait_for 30 follows_lease || fail "$(host_in nft list ruleset)"
    host_in systemctl kill -s KILL "$(unit)"
    wait_for 10 unit_is failed
    no_table || fail "there is a table left"
    start_guest
    until_running
    serve "here again"
    wait_for 30 answers "here again" 127.0.0.1:8080 || fail "no answer after SIGKILL"
    stop_guest
    host_in rm /etc/systemd/nspawn/guest.nspawn
    host_in systemctl reset-failed
}

tap "a lease by DHCP, ping both ways" leaves_nothing lease guest ve-guest
tap "a long name" leaves_nothing long_name
tap "the same hardware address each time" leaves_nothing same_mac
tap "a port, and the address is a lease" leaves_nothing ports ve-guest
tap "a port in a zone" leaves_nothing ports vz-lab Zone=lab
tap "a port, and SIGKILL of the whole unit" leaves_nothing killed_ports
tap_done
