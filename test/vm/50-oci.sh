#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# OCI bundles on a host with a manager and every controller: what they say of resources holds.
# shellcheck source=test/lib/vm.sh
. /test/lib/vm.sh

bundle=$smoke_work/bundle
mkdir -p "$bundle"
cp -a "$bb" "$bundle/rootfs"

# config COMMAND RESOURCES
config() {
    cat >"$bundle/config.json" <<JSON
{ "ociVersion": "1.0.2", "root": { "path": "rootfs" },
  "process": { "args": ["sh", "-c", "$1"], "cwd": "/", "env": ["PATH=/bin:/sbin:/usr/bin"] },
  "linux": { "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}, {"type": "network"}],
             "resources": { $2 } } }
JSON
}

registered() {
    config 'echo up; sleep 60' ''
    start --oci-bundle="$bundle" -M ocim
    until_shown up 30
    has "$(machinectl list --no-legend)" ocim
    equal "$(systemctl is-active ocim.scope)" active
    kill "$supervisor"; wait_exit "$supervisor" 15
}

limits() {
    config 'echo up; sleep 60' '"memory": {"limit": 104857600, "reservation": 1048576, "swap": 104857600},
        "cpu": {"shares": 1024, "quota": 50000, "period": 100000}, "pids": {"limit": 77}, "blockIO": {"weight": 500}'
    start --oci-bundle="$bundle" -M ocim
    until_shown up 30
    ( cd /sys/fs/cgroup/machine.slice/ocim.scope/payload
      equal "$(cat memory.max memory.low memory.swap.max cpu.weight pids.max | xargs)" "104857600 1048576 0 39 77"
      equal "$(cat cpu.max)" "50000 100000" )
    kill "$supervisor"; wait_exit "$supervisor" 15
}

pids_hold() {
    config 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done' '"pids": {"limit": 6}'
    has "$(run --oci-bundle="$bundle" -M ocim 2>&1 || true)" "can't fork"
}

cannot_be_raised() {   # from inside, even where the machine can write to its control group
    config 'mount -t cgroup2 none /mnt 2>/dev/null; echo max >/sys/fs/cgroup/pids.max; cat /sys/fs/cgroup/pids.max' \
        '"pids": {"limit": 9}'
    has "$(run --oci-bundle="$bundle" -M ocim 2>&1 || true)" 9
}

tap "a bundle has a scope and is registered"  leaves_nothing registered
tap "its limits are set"                      leaves_nothing limits
tap "its limit of processes holds"            leaves_nothing pids_hold
tap "the machine cannot raise it"             leaves_nothing cannot_be_raised

tap_done
