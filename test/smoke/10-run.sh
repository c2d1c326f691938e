#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Running a command in a tree: exit codes, streams, environment, options.
. "$(dirname "$0")/../lib/smoke.sh"

copy busybox
bb=$tree

returns() {   # EXPECTED ARG…
    local expected=$1
    shift
    status_of nspawn "$@"
    equal "$status" "$expected" "exit status"
}

runs_true() { leaves_nothing nspawn -D "$bb" /bin/true; }

output() {   # EXPECTED ARG…: what the command printed, and nothing else
    local expected=$1
    shift
    equal "$(nspawn -q -D "$bb" "$@" 2>/dev/null)" "$expected" "output"
}

streams_apart() {
    local out
    out=$(nspawn -q --pipe -D "$bb" /bin/sh -c 'echo to-out; echo to-err >&2' 2>"$smoke_work/err")
    equal "$out" to-out "standard output"
    has "$(cat "$smoke_work/err")" to-err
}

big_output() {   # a command's output is never dropped, however slow the reader is
    local n
    n=$(nspawn -q --pipe -D "$bb" /bin/sh -c 'dd if=/dev/zero bs=65536 count=200 2>/dev/null' |
        { sleep 1; wc -c; })
    equal "$n" 13107200 "bytes"
}

input() { equal "$(echo hello | nspawn -q --pipe -D "$bb" /bin/cat)" hello "what came back"; }

current_directory() ( cd "$bb" && nspawn /bin/true )

is_pid() {   # PID [OPTION…]
    equal "$(nspawn -q --pipe "${@:2}" -D "$bb" /bin/sh -c 'echo $$')" "$1" "PID of the command"
}

uses_host_net() {   # without any network option the machine shares the host's
    ip link add smoke0 type veth peer name smoke1
    nspawn -q --pipe -D "$bb" /bin/sh -c 'ip link show smoke0' || fail "smoke0 is not seen"
    ip link del smoke0
}

private_net() {
    equal "$(nspawn -q --pipe --private-network -D "$bb" /bin/sh -c 'ls /sys/class/net')" lo "interfaces inside"
}

namespace_of() { nspawn -q --pipe -D "$bb" "${@:2}" /bin/readlink "/proc/self/ns/$1"; }
shared_ipc() {
    local -x SYSTEMD_NSPAWN_SHARE_NS_IPC=yes
    equal "$(namespace_of ipc "$@")" "$(readlink /proc/self/ns/ipc)" "IPC namespace"
    [[ $(namespace_of uts "$@") != "$(readlink /proc/self/ns/uts)" ]] || fail "the UTS namespace is shared, too"
}
shared_uts() {
    local -x SYSTEMD_NSPAWN_SHARE_NS_UTS=yes
    equal "$(namespace_of uts "$@")" "$(readlink /proc/self/ns/uts)" "UTS namespace"
    equal "$(nspawn -q --pipe -D "$bb" "$@" /bin/hostname)" "$(hostname)" "host name"
    [[ $(namespace_of ipc "$@") != "$(readlink /proc/self/ns/ipc)" ]] || fail "the IPC namespace is shared, too"
}
queues() {   # what the host has in /dev/mqueue the machine has, too
    local host=$smoke_work/mqueue
    mkdir "$host"
    mount -t mqueue mqueue "$host"
    : >"$host/smoke"
    equal "$(SYSTEMD_NSPAWN_SHARE_NS_IPC=yes nspawn -q --pipe -D "$bb" /bin/ls /dev/mqueue)" smoke "message queues"
    equal "$(nspawn -q --pipe -D "$bb" /bin/ls /dev/mqueue)" "" "message queues of its own"
    rm "$host/smoke"
    umount "$host"
}

pure_cgroup2() {
    # on a host that has cgroup v1 its hierarchies are listed too; what is mounted is what a guest goes by
    equal "$(nspawn -q --pipe -D "$bb" /bin/sh -c 'grep ^0: /proc/self/cgroup')" "0::/" "own cgroup"
    equal "$(nspawn -q --pipe -D "$bb" /bin/sh -c "awk '\$3 ~ /cgroup/ || \$2 ~ /cgroup/ { print \$3, \$2 }' /proc/mounts")" \
        "cgroup2 /sys/fs/cgroup" "cgroup mounts"
    nspawn -q --pipe -D "$bb" /bin/sh -c 'mkdir /sys/fs/cgroup/x && rmdir /sys/fs/cgroup/x'
}

only_stdio() {
    # 3 is ls's own
    equal "$(exec 7</dev/null 8</dev/null; nspawn -q --pipe -D "$bb" /bin/ls /proc/self/fd | xargs)" "0 1 2 3" "fds"
}

masked() {   # PATH: is there, and tells nothing
    local out
    out=$(nspawn -q --pipe -D "$bb" /bin/sh -c "head -c 20 $1 2>/dev/null | wc -c")
    equal "$out" 0 "bytes read from $1"
}

read_only() {
    nspawn -q --pipe -D "$bb" /bin/sh -c "! { echo 1 >$1; } 2>/dev/null" || fail "$1 could be written"
}

resolves() {   # LINK EXPECTED ARG…: what is in the tree's /etc/resolv.conf, a link to what is not there
    local link=$1 expected=$2 before
    shift 2
    ln -sfn "$link" "$bb/etc/resolv.conf"
    before=$(find "$bb" | sort)
    equal "$(nspawn -q "$@" -D "$bb" --pipe /bin/cat /etc/resolv.conf 2>/dev/null || echo nothing)" "$expected" "the file"
    equal "$(readlink "$bb/etc/resolv.conf")" "$link" "the link"
    equal "$(find "$bb" | sort)" "$before" "the tree"
    rm "$bb/etc/resolv.conf"
}

sigterm_to_command() {
    start -q -D "$bb" /bin/sh -c 'trap "exit 9" TERM; echo here; while :; do sleep 0.1; done'
    until_shown here 20
    kill -TERM "$supervisor"
    wait_exit "$supervisor" 10
    equal "$status" 9 "exit status"
}

second_sigterm_kills() {
    start -q -D "$bb" /bin/sh -c 'trap "" TERM; echo here; while :; do sleep 0.1; done'
    until_shown here 20
    kill -TERM "$supervisor"
    sleep 1
    alive "$supervisor" || fail "the first SIGTERM ended a command that ignores it"
    kill -TERM "$supervisor"
    wait_exit "$supervisor" 3
}

tap "/bin/true returns 0 and leaves nothing" runs_true
for code in 1 7 133 255; do
    # 133 asks the unit for a restart, so a payload that returns it is reported as 1
    tap "a command's exit code comes through: $code" leaves_nothing returns $((code == 133 ? 1 : code)) \
        -D "$bb" /bin/sh -c "exit $code"
done
for signal in KILL SEGV; do tap "death by SIG$signal is a failure (--as-pid2)" returns 255 -a -D "$bb" \
    /bin/sh -c "kill -$signal \$\$"; done
tap "a command that is not there is a failure" returns 1 -D "$bb" /bin/no-such-thing
tap "the current directory is the tree when none is named" current_directory
tap "standard output and standard error stay apart (--pipe)" streams_apart
tap "standard input reaches the command (--pipe)" input
tap "12 MB of output arrive whole at a slow reader" big_output
tap "the command is PID 1" is_pid 1
tap "the command is PID 2 with --as-pid2" is_pid 2 --as-pid2
tap "-E sets the environment" output "a=b c" -E 'a=a=b c' --pipe /bin/sh -c 'echo "$a"'
tap "container= tells the payload where it is" output systemd-nspawn --pipe /bin/sh -c 'echo $container'
tap "--chdir" output /usr/bin --pipe --chdir=/usr/bin /bin/pwd
tap "--hostname" output quokka --pipe --hostname=quokka /bin/hostname
tap "the host name is the machine's" output wombat --pipe -M wombat /bin/hostname
tap "--uuid" output 0a4ba4ef-7b1b-4c3c-a2b5-1ff6bc1cb3c8 --pipe --uuid=0a4ba4ef7b1b4c3ca2b51ff6bc1cb3c8 \
    /bin/sh -c 'echo $container_uuid'
for users in no pick; do
    tap "limits hold for the command alone (--private-users=$users)" output $'3\n4\n0' --pipe --private-users=$users \
        --rlimit=RLIMIT_NOFILE=3:4 --rlimit=RLIMIT_FSIZE=0 --rlimit=RLIMIT_NPROC=1 \
        /bin/sh -c 'ulimit -n; ulimit -Hn; ulimit -f'
done
tap "the host's network without a network option" uses_host_net
tap "--private-network shows lo alone" private_net
tap "the machine sees a pure and writable cgroup2" pure_cgroup2
tap "IPC shared with the host" leaves_nothing shared_ipc
tap "IPC shared, with users of its own" leaves_nothing shared_ipc -U -x
tap "message queues shared with the host" queues
tap "the host name shared with the host" leaves_nothing shared_uts
tap "the host name shared, with users of its own" leaves_nothing shared_uts -U -x
tap "no descriptor but stdio is inherited" only_stdio
for f in /proc/kallsyms /proc/kcore /proc/keys /proc/timer_list; do tap "$f tells nothing" masked "$f"; done
for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/mm/ksm/run /run/host/x; do
    tap "$f cannot be written" read_only "$f"
done
echo "nameserver 192.0.2.7" >"$smoke_work/resolv.conf"
resolv_conf=$(readlink -m /etc/resolv.conf)
# with systemd-resolved a link into /run, which is another one here
[[ $resolv_conf != /run/* ]] || { mkdir -p "${resolv_conf%/*}"; : >"$resolv_conf"; }
mount --bind "$smoke_work/resolv.conf" "$resolv_conf"
for option in -q -U -a --read-only -x; do
    tap "names are resolved as on the host ($option)" resolves ../run/systemd/resolve/stub-resolv.conf \
        "nameserver 192.0.2.7" "$option"
done
tap "names are not, in a network of its own" resolves /run/x nothing --private-network
tap "names are not, by a link that leads elsewhere" resolves ../run/../../x nothing
tap "SIGTERM goes to the command" sigterm_to_command
tap "a second SIGTERM kills a command that ignores the first" second_sigterm_kills
tap_done
