#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bad input: one clear line that names the thing, exit 1, nothing left behind.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

copy busybox
bb=$tree

refuse() {   # EXPECTED-TEXT ARG…
    local expected=$1 err=$smoke_work/err out=$smoke_work/out before
    shift
    touch "$out" "$err"
    before=$(state; find "$smoke_work" -maxdepth 2 | sort)
    status=0
    timeout -k 5 20 "$NSPAWN" -q "$@" >"$out" 2>"$err" </dev/null || status=$?
    cat "$err"
    equal "$status" 1 "exit status"
    equal "$(wc -l <"$err")" 1 "lines on standard error"
    equal "$(cat "$out")" "" "standard output"
    grep -qiF -- "$expected" "$err" || fail "'$expected' is not in the message"
    equal "$(state; find "$smoke_work" -maxdepth 2 | sort)" "$before" "what is left behind"
}

empty=$smoke_work/empty; mkdir "$empty"
file=$smoke_work/file; echo x >"$file"
cp -a "$bb" "$smoke_work/no-release"; rm -f "$smoke_work/no-release"/{etc,usr/lib}/os-release
cp -a "$bb" "$smoke_work/no-init"; rm -f "$smoke_work/no-init/sbin/init"
cp -a "$bb" "$smoke_work/alien"
# an ELF header for a machine that is not this one (s390x, big-endian)
printf '\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x16\0\0\0\x01' >"$smoke_work/alien/bin/alien"
chmod 755 "$smoke_work/alien/bin/alien"
ln -sf ../bin/alien "$smoke_work/alien/sbin/init"

#   what                               must be named        arguments
tap "SELinux where there is none"      refuse "SELinux is not enabled" -Z u:r:t:s0 -D "$bb" /bin/true
tap "a missing tree"                   refuse no-such-tree  -D "$smoke_work/no-such-tree" /bin/true
tap "a missing tree, booted"           refuse no-such-tree  -b -D "$smoke_work/no-such-tree"
tap "a file instead of a tree"         refuse "$file"       -D "$file" /bin/true
tap "a machine that is nowhere"        refuse no-such-m     -M no-such-m -b
tap "an empty directory"               refuse "$empty"      -D "$empty" /bin/true
tap "an empty directory, booted"       refuse "$empty"      -b -D "$empty"
tap "booting without os-release"       refuse os-release    -b -D "$smoke_work/no-release"
tap "booting without an init"          refuse init          -b -D "$smoke_work/no-init"
tap "a command for another machine"    refuse /bin/alien    -D "$smoke_work/alien" /bin/alien
tap "an init for another machine"      refuse alien         -b -D "$smoke_work/alien"
tap "a missing command"                refuse no-such-cmd   -D "$bb" no-such-cmd
tap "an unknown option: the nearest"   refuse --directory   --directroy="$bb" /bin/true
tap "an unknown option: nothing near"  refuse --xyzzy       --xyzzy -D "$bb" /bin/true
tap "an unknown short option"          refuse "-?" "-?" -D "$bb"
tap "an option without its value"      refuse --directory   --directory
tap "a flag that is given a value"     refuse --quiet       --quiet=yes -D "$bb" /bin/true
tap "an empty path"                    refuse --directory   --directory= /bin/true
tap "an empty name"                    refuse --machine     --machine= -D "$bb" /bin/true
tap "a name with a slash"              refuse 'a/b'         -M a/b -D "$bb" /bin/true
tap "a name with a space"              refuse 'a b'         -M 'a b' -D "$bb" /bin/true
tap "a name of 65 characters"          refuse xxxxx         -M "$(printf 'x%.0s' {1..65})" -D "$bb" /bin/true
tap "a name that is only dots"         refuse '..'          -M .. -D "$bb" /bin/true
tap "a UUID that is none"              refuse 12345         --uuid=12345 -D "$bb" /bin/true
tap "the null UUID"                    refuse uuid          --uuid=00000000000000000000000000000000 -D "$bb" /bin/true
tap "an unknown signal"                refuse SIGFOO        --kill-signal=SIGFOO -D "$bb" /bin/true
tap "a variable without a name"        refuse '=x'          -E =x -D "$bb" /bin/true
tap "a relative --chdir"               refuse lib           --chdir=lib -D "$bb" /bin/true
tap "a --chdir that is not there"      refuse /no-dir       --chdir=/no-dir -D "$bb" /bin/true
tap "an unknown user"                  refuse nosuchuser    -u nosuchuser -D "$bb" /bin/true
tap "an unknown capability"            refuse CAP_FOO       --capability=CAP_FOO -D "$bb" /bin/true
tap "a boolean that is none"           refuse maybe         --register=maybe -D "$bb" /bin/true
tap "an unknown console mode"          refuse fancy         --console=fancy -D "$bb" /bin/true
tap "an unknown --link-journal mode"   refuse sometimes     --link-journal=sometimes -D "$bb" /bin/true
tap "a stop time-out that is none"     refuse soon          --stop-timeout=soon -D "$bb" /bin/true
tap "--boot with --as-pid2"            refuse --as-pid2     -b -a -D "$bb"
tap "a bind source that is not there"  refuse /no-source    --bind=/no-source -D "$bb" /bin/true
tap "a layer that is not there"        refuse /no-layer     --overlay=/no-layer:/tmp -D "$bb" /bin/true
tap "an upper layer that is not there" refuse /no-upper     --overlay=/etc:/no-upper:/tmp -D "$bb" /bin/true
tap "a bind onto nothing, read-only"   refuse --ephemeral   --bind=/etc:/no/where --read-only -D "$bb" /bin/true
tap "registering without a machined"   refuse --register    --register=yes -D "$bb" /bin/true

in_use() {   # EXPECTED-TEXT ARG…
    local expected=$1
    shift
    start -q -D "$bb" /bin/sh -c 'echo here; sleep 60'
    until_shown here 20
    refuse "$expected" "$@" /bin/true
    kill -KILL "$supervisor"
}
ln -s "$bb" "$smoke_work/other-path"
mkdir "$smoke_work/bound"
tap "a tree that is in use"            in_use "${bb##*/}" -D "$bb"
tap "the same by another name"         in_use "in use" -M smokeother -D "$bb"
tap "the same, for a temporary layer"  in_use "stop that one" -x -D "$bb"
tap "the same by a symlink"            in_use "in use" -M smokeother -D "$smoke_work/other-path"
in_use_for_reading() {
    start -q --read-only -D "$bb" /bin/sh -c 'echo here; sleep 60'
    until_shown here 20
    refuse "use --ephemeral" -M smokeother -D "$bb" /bin/true
    kill -KILL "$supervisor"
}
tap "a tree that is being read"        in_use_for_reading
in_use_bound() {
    mount --bind "$bb" "$smoke_work/bound"
    in_use "in use" -M smokeother -D "$smoke_work/bound"
}
tap "the same by a bind mount"         in_use_bound
umount "$smoke_work/bound" 2>/dev/null || true

name_in_use() {
    cp -a "$bb" "$smoke_work/second"
    start -q -D "$bb" -M smoketaken /bin/sh -c 'echo here; sleep 60'
    until_shown here 20
    refuse smoketaken -M smoketaken -D "$smoke_work/second" /bin/true
}
tap "a name that is in use"            name_in_use

unprivileged() {
    status=0
    cp "$NSPAWN" "$smoke_work/nspawn"
    chmod 755 "$smoke_work" "$smoke_work/nspawn"
    setpriv --reuid=65534 --regid=65534 --clear-groups "$smoke_work/nspawn" -q -D "$bb" /bin/true \
        >"$smoke_work/out" 2>"$smoke_work/err" || status=$?
    cat "$smoke_work/err"
    equal "$status" 1 "exit status"
    equal "$(wc -l <"$smoke_work/err")" 1 "lines on standard error"
}
tap "a caller without privilege"       unprivileged

full_run() {
    mkdir -p "$smoke_work/run"
    mount -t tmpfs -o nr_inodes=2 tmpfs /run
    touch /run/taken
    status=0
    timeout 20 "$NSPAWN" -q -D "$bb" /bin/true >"$smoke_work/out" 2>"$smoke_work/err" || status=$?
    umount /run
    cat "$smoke_work/err"
    equal "$status" 1 "exit status"
    equal "$(wc -l <"$smoke_work/err")" 1 "lines on standard error"
    grep -q /run "$smoke_work/err" || fail "/run is not named"
}
tap "an exhausted /run"                full_run
tap_done
