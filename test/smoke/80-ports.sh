#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# --port=: connections that really come through, from wherever somebody might try, and none where they must not. The
# computer has a neighbor, in a network namespace of its own; what listens in the machine says who talks to it.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"
copy busybox
bb=$tree
machine=$smoke_prefix-p   # short enough for the interface to have the whole name
command -v nft >/dev/null || { echo "Bail out! nft is not installed: apt-get install nftables"; exit 1; }

# --- a neighbor, who knows nothing of the machine ---
unshare --net sleep infinity &
neighbor=$!
wait_for 5 test "$(readlink /proc/$neighbor/ns/net)" != "$(readlink /proc/self/ns/net)" || true
ip link add lan0 type veth peer name lan1 netns "$neighbor"
ip address add 192.0.2.1/24 dev lan0
ip -6 address add 2001:db8::1/64 dev lan0 nodad
ip link set lan0 up
there() { nsenter -t "$neighbor" -n -- "$@"; }
there ip address add 192.0.2.2/24 dev lan1
there ip -6 address add 2001:db8::2/64 dev lan1 nodad
there ip link set lan1 up
there ip link set lo up
# Where the kernel has it built in, it would translate what goes across a bridge.
sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null || true
sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
smoke_end() { kill "$neighbor"; smoke_exit; }
trap smoke_end EXIT

here() { "$@"; }

# What a test has running beside machines must not outlive it: it would keep a machine's network there.
helpers=()
eval "machines_$(declare -f tap_cleanup)"
tap_cleanup() {
    local p
    for p in "${helpers[@]}"; do kill -KILL "$p" 2>/dev/null || true; done
    nft delete table inet watch 2>/dev/null || true
    machines_tap_cleanup
}
netns_of() { nsenter -t "$(guest_init "$supervisor")" -n -- "$@"; }

# serve: answers on port 80 of everything in the machine's network, as long as it is there
serve() {
    nsenter -t "$(guest_init "$supervisor")" -n -- python3 - "$@" <<'PY' &
import socket, select, sys
sockets = []
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    for port in [80] + [int(p) for p in sys.argv[1:]]:
        s = socket.socket(socket.AF_INET6, kind)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("::", port))
        if kind == socket.SOCK_STREAM: s.listen()
        sockets.append(s)
def say(port, a): return ("%d hears %s" % (port, a[0].removeprefix("::ffff:"))).encode()
while True:
    for s in select.select(sockets, [], [])[0]:
        if s.type == socket.SOCK_STREAM:
            c, a = s.accept(); c.sendall(say(s.getsockname()[1], a)); c.close()
        else:
            d, a = s.recvfrom(100); s.sendto(say(s.getsockname()[1], a), a)
PY
    helpers+=("$!")
    wait_for 5 listens
}
listens() { netns_of ss -Hltn 'sport = 80' | grep . >/dev/null; }

# talk WHERE ADDRESS PORT [udp]: prints the answer, or why there is none
talk() {
    "$1" timeout 5 python3 - "${@:2}" <<'PY' 2>&1 || true
import socket, sys
a = sys.argv
kind = socket.SOCK_DGRAM if "udp" in a else socket.SOCK_STREAM
s = socket.socket(socket.AF_INET6 if ":" in a[1] else socket.AF_INET, kind)
s.settimeout(1)
try:
    s.connect((a[1], int(a[2])))
    if "udp" in a: s.send(b"hello")
    print(s.recv(100).decode())
except OSError as e: print("no:", e)
PY
}
hears() { equal "$(talk "${@:2}")" "$1" "${*:2}"; }
silent() { local out; out=$(talk "$@"); [[ $out == no:* ]] || fail "$*: $out"; }
comes_to() { [[ $(talk "${@:2}") == "$1" ]]; }

tables() { nft list tables | grep -c nspawn || true; }
no_tables() { [[ $(tables) == 0 ]]; }
localnet() { cat "/proc/sys/net/ipv4/conf/$1/route_localnet"; }

# machine ARG…: with an address and a server
machine() {
    start -M "$machine" -D "$bb" "$@" sh -c 'echo up; sleep 1000'
    until_shown up 20
}
# addresses LINK [N]: of both sides
addresses() {
    local n=${2:-2}
    ip address replace 10.9.8.1/24 dev "$1"
    ip -6 address replace fd09::1/64 dev "$1" nodad
    ip link set "$1" up
    netns_of ip link set host0 up
    netns_of ip address add "10.9.8.$n/24" dev host0
    netns_of ip -6 address add "fd09::$n/64" dev host0 nodad
    netns_of ip route replace default via 10.9.8.1
    netns_of ip -6 route replace default via fd09::1
}
end() { kill "$supervisor"; wait_exit "$supervisor" 10; no_tables || fail "$(nft list tables)"; }

ve=ve-$machine
comes_through() {
    machine -n -p 8080:80 -p udp:8080:80 --port=80
    equal "$(tables)" 1 tables
    silent here 127.0.0.1 8080
    addresses "$ve"
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8080 || fail "$(talk here 127.0.0.1 8080)$(nft list ruleset)"
    hears "80 hears 10.9.8.1" here 127.0.0.1 80
    hears "80 hears 10.9.8.1" here 127.0.0.1 8080 udp
    hears "80 hears 10.9.8.1" here 192.0.2.1 8080
    hears "80 hears 10.9.8.1" here 10.9.8.1 8080
    hears "80 hears fd09::1" here 2001:db8::1 8080
    hears "80 hears 192.0.2.2" there 192.0.2.1 8080
    hears "80 hears 192.0.2.2" there 192.0.2.1 8080 udp
    hears "80 hears 2001:db8::2" there 2001:db8::1 8080
    hears "80 hears 2001:db8::2" there 2001:db8::1 8080 udp
    # by the machine itself
    hears "80 hears 10.9.8.1" netns_of 192.0.2.1 8080
    # not at once refused would be the end of "localhost", which is tried as ::1 first
    hears "no: [Errno 111] Connection refused" here ::1 8080
    # other ports and addresses are as they were
    silent here 127.0.0.1 8081
    silent here 127.0.0.53 8080
    end
    silent here 127.0.0.1 8080
}


refused_here() { hears "no: [Errno 111] Connection refused" here "$@"; }

# A port of one address is not to be had at another, and 127.0.0.1 only from the host itself: a neighbor that sends to
# it by way of the host gets nothing. That this test can tell is shown by taking the line away that keeps it out.
one_address() {
    machine -n -p 192.0.2.1:8080:80 -p tcp:127.0.0.1:8081:80 -p '[2001:db8::1]:8082:80' -p 0.0.0.0:8083:80 \
        -p '[::]:8084:80'
    addresses "$ve"
    serve
    wait_for 5 comes_to "80 hears 192.0.2.2" there 192.0.2.1 8080 || fail "$(nft list ruleset)"
    refused_here 127.0.0.1 8080
    refused_here 10.9.8.1 8080
    hears "80 hears 10.9.8.1" here 127.0.0.1 8081
    refused_here 192.0.2.1 8081
    hears "80 hears fd09::1" here 2001:db8::1 8082
    refused_here fd09::1 8082
    hears "80 hears 10.9.8.1" here 192.0.2.1 8083
    refused_here 2001:db8::1 8083
    hears "80 hears fd09::1" here 2001:db8::1 8084
    refused_here 192.0.2.1 8084
    count forward ip daddr 10.9.8.2
    forging there 192.0.2.1
    silent there 127.0.0.1 8081
    equal "$(counted)" 0 "packets that got to the machine"
    nft flush chain inet "nspawn-$machine" come
    nft add rule inet "nspawn-$machine" come jump forward
    silent there 127.0.0.1 8081 # the answer, from a loopback address, is refused over there
    [[ $(counted) != 0 ]] || fail "this test can tell nothing"
    uncount
    end
}
# forging WHERE VIA: there, what is for 127.0.0.0/8 is sent to the host
forging() {
    "$1" sysctl -qw net.ipv4.conf.all.route_localnet=1
    "$1" ip route del local 127.0.0.0/8 dev lo table local
    "$1" ip route del local 127.0.0.1 dev lo table local
    "$1" ip route add 127.0.0.0/8 via "$2"
}
count() {   # HOOK MATCH…: packets, as they go by in the host
    nft add table inet watch
    nft add chain inet watch seen "{ type filter hook $1 priority 300; }"
    nft add rule inet watch seen "${@:2}" counter
}
counted() { nft list table inet watch | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'; }
uncount() { nft delete table inet watch; }

# The same by the machine, on whose link loopback addresses are permitted, and with a service of the host's own.
host_service() {
    local own
    machine -n -p 8080:80
    addresses "$ve"
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8080
    equal "$(localnet "$ve")" 1 route_localnet
    python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 7777))
while True: c, a = s.accept(); c.sendall(b"the secret of the host"); c.close()' &
    own=$!
    helpers+=("$own")
    wait_for 5 comes_to "the secret of the host" here 127.0.0.1 7777
    count input iifname "$ve" tcp dport 7777
    forging netns_of 10.9.8.1
    silent netns_of 127.0.0.1 7777
    equal "$(counted)" 0 "packets that got to the service"
    nft flush chain inet "nspawn-$machine" local
    silent netns_of 127.0.0.1 7777 # the machine does not take the answer
    [[ $(counted) != 0 ]] || fail "this test can tell nothing"
    uncount
    kill "$own"
    end
}

# Addresses that are somebody else's are no addresses of the machine, in whatever order they come.
decoy() {   # a server beside the machine
    nsenter -t "$neighbor" -n -- python3 -c '
import socket
s = socket.create_server(("", 80))
while True: c, a = s.accept(); c.sendall(b"somebody else"); c.close()' &
    decoy=$!
    helpers+=("$decoy")
    wait_for 5 comes_to "somebody else" here 192.0.2.2 80
}
false_addresses() {
    decoy
    machine -n -p 8080:80
    netns_of ip link set host0 up
    for a in 192.0.2.2/32 192.0.2.1/32 127.0.0.9/32 10.9.8.1/32 198.51.100.7/32 224.0.0.9/32 255.255.255.255/32; do
        netns_of ip address add "$a" dev host0 2>/dev/null || true
    done
    netns_of ip -6 address add 2001:db8::2/128 dev host0 nodad
    sleep 0.5
    addresses "$ve"
    wait_for 5 ruled 10.9.8.2 || fail "$(nft list ruleset)"
    equal "$(nft list table inet "nspawn-$machine" | grep -o 'dnat ip.* to .*' | sort)" \
        $'dnat ip to 10.9.8.2:80\ndnat ip6 to [fd09::2]:80' "where the port leads to"
    serve
    netns_of ip address del 10.9.8.1/32 dev host0 # or it would answer itself
    hears "80 hears 10.9.8.1" here 192.0.2.1 8080
    # its address goes, the others stay
    netns_of ip address del 10.9.8.2/24 dev host0
    netns_of ip -6 address del fd09::2/64 dev host0
    wait_for 5 unruled || fail "$(nft list ruleset)"
    refused_here 127.0.0.1 8080
    kill "$decoy"
    end
}
ruled() { nft list table inet "nspawn-$machine" | grep -F "to $1:" >/dev/null; }
unruled() { ! nft list table inet "nspawn-$machine" | grep 'dnat ip.* to' >/dev/null; }

# The host's routes change after the address was found good.
astray() {
    there ip address add 10.9.8.2/32 dev lo
    there sysctl -qw net.ipv4.ip_forward=1
    decoy
    machine -n -p 8080:80
    addresses "$ve"
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 192.0.2.1 8080
    sleep 2 # until nothing more happens on the link that would have it looked at anew
    ip route add 10.9.8.2/32 via 192.0.2.2
    silent here 192.0.2.1 8080
    nft flush chain inet "nspawn-$machine" astray
    hears "somebody else" here 192.0.2.1 8080
    there ip address del 10.9.8.2/32 dev lo
    ip route del 10.9.8.2/32 via 192.0.2.2
    kill "$decoy"
    end
}

# The same when the address becomes one of the host's own, and would open what the host has on that port.
own_address() {
    python3 -c '
import socket
s = socket.create_server(("", 80))
while True: c, a = s.accept(); c.sendall(b"the host"); c.close()' &
    helpers+=("$!")
    machine -n -p 8080:80
    addresses "$ve"
    serve
    wait_for 5 comes_to "80 hears 192.0.2.2" there 192.0.2.1 8080
    sleep 2
    ip address add 10.9.8.2/32 dev lo
    silent there 192.0.2.1 8080
    silent here 192.0.2.1 8080
    nft flush chain inet "nspawn-$machine" home
    hears "the host" there 192.0.2.1 8080
    ip address del 10.9.8.2/32 dev lo
    kill "${helpers[0]}"
    end
}

# A new address takes over; a connection to one that stays lives on although the table is written anew.
follows() {

    machine -n -p 8080:80 -p 8081:81
    addresses "$ve"
    serve
    nsenter -t "$(guest_init "$supervisor")" -n -- python3 -c '
import socket
s = socket.create_server(("::", 81), family=socket.AF_INET6)
c, a = s.accept()
while d := c.recv(100): c.sendall(d)' &
    helpers+=("$!")
    wait_for 5 comes_to "80 hears fd09::1" here 2001:db8::1 8080
    coproc talker { exec nsenter -t "$neighbor" -n -- python3 -u -c '
import socket, sys
s = socket.create_connection(("2001:db8::1", 8081), 5)
for line in sys.stdin: s.sendall(line.encode()); print(s.recv(100).decode(), end="")'; }
    helpers+=("$talker_PID")
    echo one >&"${talker[1]}"
    read -r -t 5 line <&"${talker[0]}"
    equal "$line" one "the first answer"
    netns_of ip address add 10.9.8.77/24 dev host0
    netns_of ip address del 10.9.8.2/24 dev host0
    netns_of ip address add 10.9.8.77/24 dev host0 2>/dev/null || true # it was secondary, and went with the other
    netns_of ip route replace default via 10.9.8.1
    wait_for 5 ruled 10.9.8.77 || fail "$(nft list ruleset)"
    hears "80 hears 192.0.2.2" there 192.0.2.1 8080
    echo two >&"${talker[1]}"
    read -r -t 5 line <&"${talker[0]}"
    equal "$line" two "the answer after the change"
    end
}

# Nobody is woken by what does not matter: routes of other links.
idle() {
    local before
    machine -n -p 8080:80
    addresses "$ve"
    wait_for 5 ruled 10.9.8.2
    sleep 3 # until the kernel has looked for doubles of the addresses that it gave by itself
    before=$(grep voluntary_ctxt "/proc/$supervisor/status")
    for i in {1..20}; do
        ip route add "198.51.100.$i/32" dev lan0
        ip route del "198.51.100.$i/32" dev lan0
    done
    sleep 1
    equal "$(grep voluntary_ctxt "/proc/$supervisor/status")" "$before" "wake-ups"
    # and what does is seen: the address is reached by another link now, and then by this one again
    ip address del 10.9.8.1/24 dev "$ve"
    netns_of ip address add 10.9.8.99/24 dev host0
    wait_for 5 not_ruled 10.9.8.2 || fail "$(nft list ruleset)"
    ip route add 10.9.8.2/32 dev "$ve"
    wait_for 5 ruled 10.9.8.2 || fail "$(nft list ruleset)"
    end
}
not_ruled() { ! ruled "$1"; }

# Somebody loads a firewall anew, which begins with removing all there is.
firewall() {
    machine -n -p 8080:80
    addresses "$ve"
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8080
    nft flush ruleset
    wait_for 5 ruled 10.9.8.2 || fail "$(nft list ruleset)"
    hears "80 hears 192.0.2.2" there 192.0.2.1 8080
    nft delete table inet "nspawn-$machine"
    wait_for 5 ruled 10.9.8.2 || fail "$(nft list ruleset)"
    end
}

# A machine that sends to whoever listens in its namespace, and has more addresses than anybody would: it can still be
# stopped, and takes no more of the supervisor's time than it is given.
flood() {
    local before
    machine -n -p 8080:80
    addresses "$ve"
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8080
    nsenter -t "$(guest_init "$supervisor")" -n -- python3 -c '
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.setblocking(False)
sockets = [l.split() for l in open("/proc/thread-self/net/netlink")]
listeners = [int(w[2]) for w in sockets if w[1] == "0" and w[2] != "0"]
assert listeners
while True:
    for seq in range(1, 50):
        for pid in listeners:
            m = struct.pack("=IHHII BBBBI HH4B", 32, 20, 2, seq, pid, 2, 32, 0, 0, 1, 8, 1, 6, 6, 6, 6)
            for to in (pid, 0), (0, 1 << 4):
                try: s.sendto(m, to)
                except BlockingIOError: pass' &
    helpers+=("$!")
    sleep 1
    before=$(ticks)
    sleep 3
    equal "$(jobs -r | grep -c python3)" 2 "who floods"
    (($(ticks) - before < 100)) || fail "$(($(ticks) - before)) hundredths of a second in three seconds"
    hears "80 hears 10.9.8.1" here 127.0.0.1 8080
    for i in {0..7999}; do echo "address add 10.$((50 + i / 250)).0.$((1 + i % 250))/32 dev lo"; done |
        netns_of ip -batch -
    wait_for 10 shows "has too many addresses, no ports are forwarded any more" || fail "$(cat "$console")"
    refused_here 127.0.0.1 8080
    end
}
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$supervisor/stat"; }

# SIGKILL of the supervisor: its minder takes the table away. Of both: the next start does.
killed() {
    local minder
    machine -n -p 8080:80
    addresses "$ve"
    wait_for 5 ruled 10.9.8.2
    kill -KILL "$supervisor"
    wait_for 2 no_tables || fail "$(nft list tables)"
    wait_for 5 gone "$supervisor" || true
    machine -n -p 8080:80
    addresses "$ve"
    wait_for 5 ruled 10.9.8.2
    minder=$(pgrep -P "$supervisor" nspawn-minder)
    kill -STOP "$minder"
    kill -KILL "$supervisor"
    kill -KILL "$minder"
    wait_for 5 over "$minder"
    equal "$(tables)" 1 "tables of a dead machine"
    nspawn -q -M "$machine" -D "$bb" /bin/true
    no_tables || fail "$(nft list ruleset)"
}

# Two machines of a zone: both are reached, from the host and from each other; the setting that 127.0.0.1 takes goes
# with the second one, and stays if it was the administrator's.
zone() {   # VALUE of route_localnet before
    local first second
    ip link add vz-ports type bridge
    echo "$1" >/proc/sys/net/ipv4/conf/vz-ports/route_localnet
    cp -a "$bb" "$bb-b"
    machine --network-zone=ports -p 8080:80
    first=$supervisor
    addresses vz-ports 2
    serve
    (
        machine=$machine-b bb=$bb-b
        machine --network-zone=ports -p 8081:80
        echo "$supervisor" >"$smoke_work/second"
        exec sleep 60
    ) &
    wait_for 10 test -s "$smoke_work/second"
    second=$(cat "$smoke_work/second")
    rm "$smoke_work/second"
    supervisor=$second
    addresses vz-ports 3
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8080 || fail "$(nft list ruleset)"
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8081 || fail "$(nft list ruleset)"
    hears "80 hears 192.0.2.2" there 192.0.2.1 8081
    hears "80 hears 10.9.8.1" netns_of 10.9.8.1 8080
    hears "80 hears 10.9.8.1" netns_of 192.0.2.1 8080
    hears "80 hears 10.9.8.1" netns_of 192.0.2.1 8081
    equal "$(localnet vz-ports)" 1 "route_localnet of two"
    kill "$first"
    wait_for 10 one_table
    equal "$(localnet vz-ports)" 1 "route_localnet of one"
    hears "80 hears 10.9.8.1" here 127.0.0.1 8081
    kill "$second"
    wait_for 10 no_tables
    equal "$(cat /proc/sys/net/ipv4/conf/vz-ports/route_localnet 2>/dev/null || echo 0)" 0 "route_localnet of none"
    rm -rf "$bb-b"
}
one_table() { [[ $(tables) == 1 ]]; }

# A bridge of the administrator's, which stays: so does what it had.
bridge() {   # VALUE
    ip link add br7 type bridge
    echo "$1" >/proc/sys/net/ipv4/conf/br7/route_localnet
    machine --network-bridge=br7 -p 8080:80
    addresses br7
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8080 || fail "$(nft list ruleset)"
    equal "$(localnet br7)" 1 route_localnet
    end
    equal "$(localnet br7)" "$1" "route_localnet afterwards"
    ip link del br7
}
# and after SIGKILL of all
bridge_killed() {
    local minder
    ip link add br7 type bridge
    machine --network-bridge=br7 -p 8080:80
    addresses br7
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8080 || fail "$(nft list ruleset)"
    minder=$(pgrep -P "$supervisor" nspawn-minder)
    kill -STOP "$minder"
    kill -KILL "$supervisor"
    kill -KILL "$minder"
    wait_for 5 over "$minder"
    equal "$(localnet br7)" 1 "route_localnet of a dead machine"
    nspawn --cleanup -M "$machine" -D "$bb"
    equal "$(localnet br7)" 0 "route_localnet afterwards"
    no_tables || fail "$(nft list ruleset)"
    kill "${helpers[@]}"
    ip link del br7
}

# Who has the port already keeps it.
taken() {
    local own out
    python3 -c '
import socket, time
a = socket.create_server(("192.0.2.1", 8080)); b = socket.create_server(("127.0.0.53", 8081)); time.sleep(60)' &
    own=$!
    helpers+=("$own")
    wait_for 5 listening 8081
    out=$(nspawn -M "$machine" -D "$bb" -n -p 8080:80 true 2>&1) && fail "it started: $out"
    has "$out" "another program or machine uses the host's tcp port 8080 on 192.0.2.1"
    machine -n -p 8081:80 -p 10.9.8.1:8080:80 -p udp:8080:80
    cp -a "$bb" "$bb-b"
    out=$(nspawn -M "$machine-b" -D "$bb-b" -n -p 8081:80 true 2>&1) && fail "it started: $out"
    has "$out" "another program or machine uses the host's tcp port 8081 on"
    rm -rf "$bb-b"
    kill "$own"
    end
}
listening() { ss -Hltn "sport = $1" | grep . >/dev/null; }

# A start that fails leaves nothing either.
fails() {
    local out
    out=$(nspawn -M "$machine" -D "$bb" -n -p 8080:80 /no/such/program 2>&1) && fail "it started: $out"
    no_tables || fail "$(nft list ruleset)"
    refused_here 127.0.0.1 8080
}

# After a reboot inside, the same again.
reboots() {
    start -M "$machine" -b -D "$bb" -n -p 8080:80
    until_login
    addresses "$ve"
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8080
    inside reboot
    wait_for 20 second_login
    equal "$(tables)" 1 tables
    addresses "$ve"
    serve
    wait_for 5 comes_to "80 hears 10.9.8.1" here 127.0.0.1 8080 || fail "$(nft list ruleset)"
    end
}
second_login() { [[ $(count_shown "login:") -ge 2 ]]; }

no_library() {
    local out
    mkdir -p "$smoke_work/lib"
    echo no library >"$smoke_work/lib/libnftables.so.1"
    out=$(LD_LIBRARY_PATH=$smoke_work/lib nspawn -M "$machine" -D "$bb" -n -p 8080:80 true 2>&1) &&
        fail "it started: $out"
    equal "$(wc -l <<<"$out")" 1 "lines of: $out"
    has "$out" "--port= takes libnftables (libnftables.so.1), which is not installed"
}

hints() {
    sysctl -qw net.ipv4.ip_forward=0
    machine -n -p 8080:80
    addresses "$ve"
    wait_for 5 shows "only the host itself gets to the machine's ports" || fail "$(cat "$console")"
    sysctl -qw net.ipv4.ip_forward=1
    end
}

tap "from the host, from elsewhere and from inside" leaves_nothing comes_through
tap "at one address of the host's"                  leaves_nothing one_address
tap "the host's own services stay its own"          leaves_nothing host_service
tap "addresses that are not the machine's"          leaves_nothing false_addresses
tap "nothing goes astray when routes change"        leaves_nothing astray
tap "nor home when it is the host's own"            leaves_nothing own_address
tap "another address"                               leaves_nothing follows
tap "nobody is woken for nothing"                   leaves_nothing idle
tap "a firewall that is loaded anew"                leaves_nothing firewall
tap "a machine that floods"                         leaves_nothing flood
tap "SIGKILL"                                       leaves_nothing killed
tap "a zone of two"                                 leaves_nothing zone 0
tap "a bridge"                                      leaves_nothing bridge 0
tap "a bridge with loopback addresses already"      leaves_nothing bridge 1
tap "a bridge, and SIGKILL"                         leaves_nothing bridge_killed
tap "a port that somebody has"                      leaves_nothing taken
tap "a start that fails"                            leaves_nothing fails
tap "a reboot inside"                               leaves_nothing reboots
tap "a host without libnftables"                    leaves_nothing no_library
tap "a host that does not forward"                  leaves_nothing hints
tap_done
