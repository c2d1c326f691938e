#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# OCI bundles (--oci-bundle=), made by "crun spec" and by hand; what is seen inside is compared with what crun shows.
. "$(dirname "$0")/../lib/smoke.sh"

command -v crun >/dev/null || { echo "Bail out! crun is not installed"; exit 1; }

copy busybox
bundle=$smoke_work/$smoke_prefix-bundle
mkdir "$bundle"
mv "$tree" "$bundle/rootfs"
printf 'root:x:0:0::/root:/bin/sh\nbob:x:1000:100::/home/bob:/bin/sh\n' >"$bundle/rootfs/etc/passwd"
(cd "$bundle" && crun spec && mv config.json template.json)

# config PYTHON: the template with changes to "c", its process without a terminal
config() {
    python3 - "$bundle" "$1" <<'PYTHON'
import json, sys
bundle, changes = sys.argv[1:]
c = json.load(open(bundle + "/template.json"))
p, l = c["process"], c["linux"]
p["terminal"] = False
exec(changes)
json.dump(c, open(bundle + "/config.json", "w"))
PYTHON
}

# script SCRIPT [PYTHON]: that script inside, of a bundle with these changes
script() { config "p['args'] = ['sh', '-c', '''$1''']; ${2:-pass}"; }
ours() { nspawn -q --oci-bundle="$bundle" "$@"; }

# crun takes a host that has cgroup2 alone: in here it is made to see one
theirs() {
    unshare --mount --propagation private bash -c '
        [[ $1 == /sys/fs/cgroup ]] || mount --bind "$1" /sys/fs/cgroup
        crun --cgroup-manager=disabled run --bundle "$2" "$3"' - "$cgroup2" "$bundle" "$smoke_prefix-crun"
}

says() {   # EXPECTED SCRIPT [PYTHON]
    script "$2" "${3:-}"
    equal "$(ours 2>&1)" "$1" "output"
}

same() {   # SCRIPT [PYTHON]: prints the same with both, and something
    local mine other
    script "$@"
    mine=$(ours 2>&1) || fail "nspawn: $mine"
    other=$(theirs 2>&1) || fail "crun: $other"
    [[ $mine ]] || fail "nothing is printed"
    equal "$mine" "$other" "what crun prints"
}

refused() {   # PROPERTY PYTHON: one line, which names it
    local out
    script true "$2"
    status_of ours >"$smoke_work/out" 2>&1
    out=$(<"$smoke_work/out")
    equal "$status" 1 "exit status"
    equal "$(wc -l <<<"$out")" 1 "lines"
    has "$out" "config.json: $1"
}

as_it_is() {   # what crun spec writes, but for what it runs
    leaves_nothing says hello 'echo hello'
}

in_bundle() { script 'echo here' && equal "$(cd "$bundle" && nspawn -q --oci-bundle=.)" here "output"; }

own_name() {
    script hostname 'del c["hostname"]'
    equal "$(ours)" "$smoke_prefix-bundle" "host name"
    equal "$(ours --hostname=quokka)" quokka "host name"
}

command_line_wins() {
    script 'echo file' 'p["env"].append("A=file")'
    equal "$(ours sh -c 'echo $A')" file "the command"
    equal "$(ours -E A=line sh -c 'echo $A $TERM')" "line xterm" "a variable"
    equal "$(ours --uid=0 --chdir=/usr pwd)" /usr "the directory"
}

empty_places() {   # a read-only root in which no place for anything has been made
    rm -rf "$bundle/bare"
    mkdir -p "$bundle/bare/bin"
    cp "$bundle/rootfs/bin/busybox" "$bundle/bare/bin/sh"
    script 'echo hello >/dev/null && [ -e /proc/self/status ] && ! { echo >/x; } 2>/dev/null && echo fine' 'c["root"]["path"] = "bare"'
    equal "$(ours 2>&1)" fine "output"
}

run_of_the_tree() {   # an image may have put something there
    mkdir -p "$bundle/rootfs/run/mine" "$bundle/rootfs/tmp/mine"
    says "mine mine" 'ls -d /run/mine /tmp/mine | sed "s,.*/,," | xargs'
    says written 'touch /run/x /tmp/x && echo written' 'c["root"]["readonly"] = False'
    [[ -e $bundle/rootfs/run/x && -e $bundle/rootfs/tmp/x ]] || fail "it is not in the tree"
    rm "$bundle"/rootfs/{run,tmp}/x
}


two_words() { [[ $(ours | xargs) == "$1" ]] || fail "not $1: $(ours 2>&1)"; }
bind_mount() {
    mkdir -p "$bundle/data"
    echo word >"$bundle/data/file"
    script 'cat /data/file; { echo >/data/x; } 2>/dev/null || echo ro; grep " /data " /proc/mounts | grep -o nodev' \
        'c["mounts"].append({"destination": "/data", "type": "bind", "source": "data", "options": ["rbind", "ro", "nodev"]})'
    two_words "word ro nodev"
}

hidden() {   # PATH: nothing is read
    script "head -c 20 $1 2>/dev/null | wc -c"
    equal "$(ours)" 0 "bytes"
}

sysctl_of_the_host() {
    local before
    before=$(cat /proc/sys/kernel/shmmni /proc/sys/fs/mqueue/msg_max)
    script true 'l["sysctl"] = {"kernel.shmmni": "77", "fs.mqueue.msg_max": "9"}'
    ours
    SYSTEMD_NSPAWN_SHARE_NS_IPC=1 status_of ours 2>"$smoke_work/err"
    has "$(cat "$smoke_work/err")" "it takes a network and IPC of its own"
    equal "$(cat /proc/sys/kernel/shmmni /proc/sys/fs/mqueue/msg_max)" "$before" "settings of the host"
    script true 'l["sysctl"] = {"net.ipv4.ip_forward": "1"}
l["namespaces"] = [n for n in l["namespaces"] if n["type"] != "network"]'
    status_of ours 2>"$smoke_work/err"
    has "$(cat "$smoke_work/err")" "it takes a network and IPC of its own"
}

device_rules() {
    local node='l["devices"] = [{"path": "/dev/other", "type": "c", "major": 10, "minor": 237}]'
    script 'head -c0 /dev/other 2>/dev/null && echo open' "$node"
    equal "$(ours)" "" "without a rule"
    script 'exec 3</dev/other && echo open' "$node
l['resources']['devices'].append({'allow': True, 'type': 'c', 'major': 10, 'minor': 237, 'access': 'r'})"
    equal "$(ours 2>&1)" open "with one"
}

limits() {   # the one limit that takes no controller
    script 'mkdir /sys/fs/cgroup/a 2>&1; exit 0' 'l["resources"]["unified"] = {"cgroup.max.descendants": "2"}
[m.update(options=["rw"]) for m in c["mounts"] if m["type"] == "cgroup"]'
    has "$(ours)" "Resource temporarily unavailable"
    script 'mkdir /sys/fs/cgroup/a && echo made' '[m.update(options=["rw"]) for m in c["mounts"] if m["type"] == "cgroup"]'
    equal "$(ours)" made "without it"
}

no_such_limit() {
    script 'echo runs' 'l["resources"]["unified"] = {"no.such": "2"}'
    status_of ours >"$smoke_work/out" 2>&1
    has "$(cat "$smoke_work/out")" "linux.resources: the machine's control group has no no.such"
    equal "$status" 1 "exit status"
}

console_size() {
    script 'stty size' 'p["terminal"] = True; p["consoleSize"] = {"height": 31, "width": 97}'
    equal "$(ours | tr -d '\r')" "31 97" "size"
}

users() {
    script 'id -u; cat /proc/self/uid_map | xargs; stat -c %u /etc' \
        'l["namespaces"].append({"type": "user"}); m = [{"containerID": 0, "hostID": 100000, "size": 65536}]
l["uidMappings"] = m; l["gidMappings"] = m; c["root"]["readonly"] = False'
    chown -R 100000:100000 "$bundle/rootfs"
    equal "$(ours 2>&1 | xargs)" "0 0 100000 65536 0" "output"
    chown -R 0:0 "$bundle/rootfs"
}

host_network() {
    ip link add smoke0 type veth peer name smoke1
    script 'ls /sys/class/net' 'l["namespaces"] = [n for n in l["namespaces"] if n["type"] != "network"]'
    has "$(ours)" smoke0
    ip link del smoke0
    script 'ls /sys/class/net'
    equal "$(ours)" lo "interfaces"
}

joined_network() {
    ip netns add smoke-oci
    ip -n smoke-oci link add inside type veth peer name other
    script 'ls /sys/class/net | grep inside' \
        '[n.update(path="/run/netns/smoke-oci") for n in l["namespaces"] if n["type"] == "network"]'
    equal "$(ours 2>&1)" inside "interface"
    ip netns del smoke-oci
}

# hook NAME COMMAND…: a program that does that, in $bundle/NAME
hook() { printf '#!/bin/sh\n%s\n' "$2" >"$bundle/$1"; chmod +x "$bundle/$1"; }

hooks() {
    local log=$smoke_work/hooks
    rm -f "$log"
    # the name of each, its environment, and the state; the namespaces are the host's and the machine's
    hook all 'echo "$1 $A $(readlink /proc/self/ns/net) $(cat)" >>'"$log; sleep \"\${2:-0}\""
    script "echo command; sleep 0.5" 'c["annotations"] = {"x": "y\"z"}; h = bundle + "/all"
c["hooks"] = {"poststop": [{"path": h, "args": ["h", "stop"]}],
    "poststart": [{"path": h, "args": ["h", "start", "0.1"], "timeout": 5}, {"path": h, "args": ["h", "again"]}],
    "prestart": [{"path": h, "args": ["h", "pre"], "env": ["A=1"]}],
    "createRuntime": [{"path": h, "args": ["h", "create"], "env": ["A=2", "PATH=/bin:/usr/bin"]}]}'
    equal "$(A=9 ours -M "$smoke_prefix-hooks")" command "output"
    equal "$(cut -d' ' -f1 "$log" | xargs)" "pre create start again stop" "order"
    equal "$(awk '{ print ($2 ~ /^net/ ? "-" : $2) }' "$log" | xargs)" "1 2 - - -" "environment"
    equal "$(grep -cF "$(readlink /proc/self/ns/net)" "$log")" 5 "hooks in the host's network namespace"
    python3 - "$log" "$smoke_prefix-hooks" "$bundle" <<'PYTHON'
import json, sys
states = [json.loads(line[line.index("{"):]) for line in open(sys.argv[1])]
assert [s["status"] for s in states] == ["creating", "creating", "running", "running", "stopped"], states
assert all(s["id"] == sys.argv[2] and s["bundle"] == sys.argv[3] and s["ociVersion"].startswith("1.") for s in states)
assert all(s["annotations"] == {"x": 'y"z'} for s in states)
assert len({s["pid"] for s in states[:4]}) == 1 and states[0]["pid"] > 1 and "pid" not in states[4], states
PYTHON
}

failing_hook() {
    rm -f "$bundle/rootfs/ran" "$smoke_work/stopped"
    hook bad 'exit 3'
    hook stop "touch $smoke_work/stopped"
    script 'touch /ran' 'c["root"]["readonly"] = False
c["hooks"] = {"createRuntime": [{"path": bundle + "/bad"}], "poststop": [{"path": bundle + "/stop"}]}'
    status_of ours 2>"$smoke_work/err"
    equal "$status" 1 "exit status"
    has "$(cat "$smoke_work/err")" "hook $bundle/bad: failed with exit status 3"
    [[ ! -e $bundle/rootfs/ran ]] || fail "the command ran"
    [[ -e $smoke_work/stopped ]] || fail "the hook of poststop did not run"
    rm "$smoke_work/stopped"
    script true 'c["hooks"] = {"prestart": [{"path": "/no/such/hook"}]}'
    status_of ours 2>"$smoke_work/err"
    has "$(cat "$smoke_work/err")" "hook /no/such/hook: No such file or directory"
}

slow_hook() {
    hook slow 'sleep 77 & sleep 77'
    script true 'c["hooks"] = {"prestart": [{"path": bundle + "/slow", "timeout": 1}]}'
    status_of ours 2>"$smoke_work/err"
    equal "$status" 1 "exit status"
    has "$(cat "$smoke_work/err")" "hook $bundle/slow: Connection timed out"
    [[ ! $(pgrep -fx 'sleep 77') ]] || fail "what the hook started is left"
}

stopped_hook() {
    hook slow "touch $smoke_work/begun; exec sleep 77"
    script true 'c["hooks"] = {"prestart": [{"path": bundle + "/slow"}]}'
    start -q --oci-bundle="$bundle"
    wait_for 10 test -e "$smoke_work/begun"
    rm "$smoke_work/begun"
    kill -TERM "$supervisor"
    wait_exit "$supervisor" 5
    [[ ! $(pgrep -fx 'sleep 77') ]] || fail "the hook is left"
}

late_hooks() {
    hook bad 'exit 3'
    script 'exit 5' 'c["hooks"] = {n: [{"path": bundle + "/bad"}] for n in ("poststart", "poststop")}'
    status_of ours 2>"$smoke_work/err"
    equal "$status" 5 "exit status"
    equal "$(grep -c "failed with exit status 3" "$smoke_work/err")" 2 "lines"
}

no_bundle() {
    status_of ours --directory=/ 2>"$smoke_work/err"
    has "$(cat "$smoke_work/err")" "--oci-bundle= names the machine's root itself"
    status_of nspawn --oci-bundle="$smoke_work" 2>"$smoke_work/err"
    has "$(cat "$smoke_work/err")" "config.json: No such file or directory"
    equal "$status" 1 "exit status"
}

exit_code() { script 'exit 7'; status_of ours; equal "$status" 7 "exit status"; }

# A call that is refused, one of which an argument is, and one that is allowed
filter='l["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    "syscalls": [
    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95},
    {"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 1, "value": 3, "op": "SCMP_CMP_GT"}]},
    {"names": ["sync"], "action": "SCMP_ACT_KILL_PROCESS"}]}; p["noNewPrivileges"] = False
p["capabilities"] = dict.fromkeys(["bounding", "effective", "permitted"], ["CAP_SYS_ADMIN"])'

little='l["seccomp"] = {"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    "syscalls": [{"action": "SCMP_ACT_ALLOW", "names": """access arch_prctl brk capget capset chdir clone clone3 close
    close_range dup dup2 dup3 execve execveat exit exit_group faccessat faccessat2 fcntl fork fstat fstatfs futex getcwd
    getdents64 getegid geteuid getgid getpid getppid getrandom getuid ioctl kill lseek lstat mmap mprotect munmap
    nanosleep newfstatat open openat pipe pipe2 poll ppoll prctl prlimit64 read readlink recvmsg rseq rt_sigaction
    rt_sigprocmask rt_sigreturn sendmsg sendto set_robust_list set_tid_address setgroups setpgid setresgid setresuid
    setsid signalfd4 stat statfs statx sysinfo umask uname vfork wait4 write writev""".split()}]}'

capabilities='grep -E "^(Cap|NoNew|Groups)" /proc/self/status'
all='["CAP_KILL", "CAP_CHOWN", "CAP_SETUID"]'

tap "what crun spec writes runs, and leaves nothing" as_it_is
tap "the bundle is the working directory" in_bundle
tap "the exit status is the command's" exit_code
tap "the machine has the bundle's name" own_name
tap "the command line wins" command_line_wins
tap "a read-only root needs no places for what is mounted" empty_places
tap "/run and /tmp are the tree's" run_of_the_tree
tap "a bind mount of a path in the bundle" bind_mount
tap "environment and directory are crun's" same 'env | sort; pwd' 'p["env"] += ["A=b c", "X.Y=1"]; p["cwd"] = "/usr"'
tap "so is the home of another user" same 'env | sort; id -u; id -g; id -G' \
    'p["user"] = {"uid": 1000, "gid": 100, "additionalGids": [7, 9]}'
tap "and one that nobody knows" same 'env | grep -v HOME= | sort; id -u' 'p["user"] = {"uid": 4321, "gid": 1}'
tap "umask" same 'umask' 'p["user"]["umask"] = 0o27'
tap "capabilities of crun spec" same "$capabilities"
tap "capabilities of another user" same "$capabilities" 'p["user"] = {"uid": 1000, "gid": 100}'
tap "ambient capabilities" same "$capabilities" \
    "p['user'] = {'uid': 1000, 'gid': 100}; p['capabilities'] = dict.fromkeys(['bounding', 'effective', 'permitted', 'inheritable', 'ambient'], $all)"
tap "fewer permitted than bounding" same "$capabilities" \
    "p['capabilities'] = {'bounding': $all, 'permitted': ['CAP_KILL'], 'effective': ['CAP_KILL']}; p['noNewPrivileges'] = True"
tap "no capabilities" same "$capabilities" "p['capabilities'] = {'bounding': []}; p['noNewPrivileges'] = False"
tap "resource limits" same 'grep -E "core|open files|processes" /proc/self/limits' \
    'p["rlimits"] = [{"type": "RLIMIT_" + n, "soft": 100, "hard": 200} for n in ("NOFILE", "CORE", "NPROC")]'
tap "the OOM score" same 'cat /proc/self/oom_score_adj' 'p["oomScoreAdj"] = 77'
tap "the host name" same hostname 'c["hostname"] = "wombat"'
tap "the nodes of /dev" same 'ls /dev | grep -v -e char'
tap "a tmpfs" same 'grep " /x " /proc/mounts; ls -ld /x | cut -c1-10' \
    'c["root"]["readonly"] = False; c["mounts"].append({"destination": "/x", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "noexec", "size=4k", "mode=711"]})'
for p in /proc/keys /proc/timer_list /proc/sched_debug; do tap "$p is masked" hidden "$p"; done
tap "a path of the bundle's own is masked" says 0 'head -c 20 /etc/passwd 2>/dev/null | wc -c' 'l["maskedPaths"].append("/etc/passwd")'
tap "a read-only path" says no '{ echo >/etc/x; } 2>/dev/null || echo no' \
    'c["root"]["readonly"] = False; l["readonlyPaths"].append("/etc")'
tap "/proc/sys/net is read-only with the rest" says no '{ echo 1 >/proc/sys/net/ipv4/ip_forward; } 2>/dev/null || echo no'
tap "a filter of system calls" same 'mkdir /dev/shm/x 2>&1; hostname abc && hostname; hostname abcd 2>&1; sync; echo $?
    grep Seccomp: /proc/self/status' "$filter"
tap "a filter that permits little" same 'echo fine; mkdir /dev/shm/x 2>&1 || true' "$little"
tap "settings of the kernel" same 'cd /proc/sys; cat net/ipv4/ip_forward net/ipv4/ip_default_ttl kernel/shmmni fs/mqueue/msg_max' \
    'l["sysctl"] = {"net.ipv4.ip_forward": "1", "net.ipv4.ip_default_ttl": "9", "kernel.shmmni": "77",
"fs.mqueue.msg_max": "9"}'
tap "they are the machine's, not the host's" sysctl_of_the_host
tap "device nodes" same 'ls -l /dev/fuse /dev/pipe /dev/null | tr -s " " | cut -d" " -f1-6' \
    'l["devices"] = [
    {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 5, "gid": 6},
    {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o622},
    {"path": "/dev/pipe", "type": "p", "fileMode": 0o600}]'
tap "a device can be used that a rule allows, and no other" device_rules
tap "a limit of the control group" limits
tap "a limit that cannot be had is an error" leaves_nothing no_such_limit
tap "the size of a console that is no terminal" console_size
tap "a user namespace" users
tap "the host's network, or one of its own" host_network
tap "a network namespace that exists" joined_network
tap "hooks are told of the machine, each at its time" leaves_nothing hooks
tap "a hook that fails ends the start" leaves_nothing failing_hook
tap "a hook that takes too long is killed" leaves_nothing slow_hook
tap "a signal ends the wait for a hook" leaves_nothing stopped_hook
tap "what fails later is no failure" late_hooks
tap "hooks inside are refused" refused 'hooks.startContainer: ' 'c["hooks"] = {"startContainer": [{"path": "/bin/true"}]}'
tap "a shared PID namespace is refused" refused 'linux.namespaces: "pid" is missing' \
    'l["namespaces"] = [n for n in l["namespaces"] if n["type"] != "pid"]'
tap "an existing mount namespace is refused" refused 'linux.namespaces[4]: ' 'l["namespaces"][4]["path"] = "/proc/1/ns/mnt"'
tap "other sources and a missing bundle are refused" no_bundle
tap_done
