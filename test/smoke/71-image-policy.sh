#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# --image-policy=: what it refuses is not mounted, what it passes over is not read, swap is never used.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"
# shellcheck source=test/lib/image.sh
. "$smoke_top/test/lib/image.sh"

verity_type=2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5
[[ $(uname -m) != aarch64 ]] || verity_type=DF3300CE-D69F-4C92-978C-9BFB0F38D820
swap_type=0657FD6D-A4AB-43C4-84E5-0933C84B4F4F

whole=$(image whole)
disk "$whole" "label: gpt
size=24M, type=$root_type
size=4M, type=$home_type, attrs=\"GUID:$read_only\"
size=4M, type=$srv_type
size=4M, type=$swap_type
size=4M, type=$verity_type" 1:"$smoke_work/root.ext4" 2:"$smoke_work/data.ext4"
# what is in the others has never been formatted: whoever looks into it fails

mounted() { run -i "$whole" --image-policy="$1" cut -d' ' -f2,3 /proc/self/mounts; }

passes_over() {
    local out
    out=$(mounted "root=unprotected:home=unprotected")
    has "$out" "/home ext4"; [[ $out != *"/srv ext4"* ]] || fail "what has no rule was used"
    out=$(mounted "=open:home=unused:srv=ignore")
    [[ $out != *"/home ext4"* ]] || fail "an unused partition was used"
    out=$(mounted "*:srv=ignore" 2>/dev/null) && fail "not a policy"
    mkswap -q "$smoke_work/swap" 2>/dev/null || { truncate -s 4M "$smoke_work/swap"; mkswap "$smoke_work/swap" >/dev/null; }
    put "$whole" 4 "$smoke_work/swap"
    out=$(mounted "root=unprotected:swap=unprotected")
    [[ $(wc -l </proc/swaps) == "$swaps" ]] || fail "swap was used"
    loops_gone
}
swaps=$(wc -l </proc/swaps)

bare() {
    run -i "$smoke_work/root.ext4" --image-policy='*' true
    run -i "$smoke_work/root.ext4" --image-policy=root=unprotected+ext4 true
    loops_gone
}

p=--image-policy
tap "what a policy passes over"            passes_over
tap "a bare file system is a root"         bare
tap "the default looks into what it uses"  refuse "srv partition holds no"      -i "$whole"
tap "verity is wanted"                     refuse "its root partition is unprotected; the image policy wants it to be verity+signed" -i "$whole" $p=root=verity+signed
tap "encryption is wanted"                 refuse "wants it to be encrypted"    -i "$whole" $p=root=encrypted:home=unprotected
tap "a partition is missing"               refuse "its var partition is missing" -i "$whole" $p=root=open:var=unprotected
tap "a partition should be missing"        refuse "its swap partition is there" -i "$whole" $p=root=open:swap=absent
tap "verity data should be missing"        refuse "its root-verity partition is there" -i "$whole" $p=root=open:root-verity=absent
tap "an attribute should be set"           refuse "the read-only attribute off" -i "$whole" $p=root=unprotected+read-only-on
tap "an attribute should not be set"       refuse "the read-only attribute on"  -i "$whole" $p=root=unprotected:home=unprotected+read-only-off
tap "another file system is wanted"        refuse "its root file system is ext4" -i "$whole" $p=root=unprotected+erofs+xfs
tap "nothing may be used"                  refuse "neither a root nor a /usr"   -i "$whole" $p=-
tap "nothing may be there"                 refuse "its root partition is there" -i "$whole" $p=~
tap "a bare file system that should be read-only" refuse "read-only attribute off" -i "$smoke_work/root.ext4" $p=root=read-only-on
tap "a bare file system has no verity"    refuse "wants it to be signed"       -i "$smoke_work/root.ext4" $p=root=signed
tap "no policy at all"                     refuse "is not an image policy"      -i "$whole" $p=root
tap "an empty policy"                      refuse "is not an image policy"      -i "$whole" $p=

tap_done
