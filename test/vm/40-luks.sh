#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Encrypted partitions: where the key comes from, what is done with what it opens, and headers nobody should believe.
# shellcheck source=test/lib/vm.sh
. /test/lib/vm.sh

# --- making -------------------------------------------------------------------------------------------------------

printf secret >"$smoke_work/key"
printf wrong >"$smoke_work/wrong"
mkdir -p "$smoke_work/data"; echo home >"$smoke_work/data/which"

# encrypt FILE TREE MEGABYTES: a LUKS2 partition with an ext4 of that tree in it
encrypt() {
    truncate -s "$3M" "$1"
    cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-metadata-size 16k \
        --luks2-keyslots-size 256k "$1" "$smoke_work/key" 2>/dev/null
    cryptsetup open --key-file "$smoke_work/key" "$1" making
    mkfs.ext4 -q -O ^has_journal -d "$2" /dev/mapper/making
    cryptsetup close making
}
encrypt "$smoke_work/root.luks" "$bb" 24
encrypt "$smoke_work/home.luks" "$smoke_work/data" 6
disk "$(image luks)" "label: gpt
size=24M, type=$root_type
size=6M, type=$home_type" 1:"$smoke_work/root.luks" 2:"$smoke_work/home.luks"
with_key=(--image-key-file="$smoke_work/key" -i "$(image luks)")

terminal() { TERMINAL_TIMEOUT=90 python3 /test/lib/terminal "$@"; }

# --- the key -------------------------------------------------------------------------------------------------------

key_file() {
    local out
    out=$(run "${with_key[@]}" sh -c 'cat /proc/self/mounts /home/which; echo kept >/home/x')
    has "$out" " / ext4 rw"; has "$out" " /home ext4 rw"; has "$out" "/dev/dm-"; has "$out" "
home"
    equal "$(run --read-only "${with_key[@]}" sh -c 'cat /home/x; echo no 2>/dev/null >/home/y || echo refused')" "kept
refused"
}

credential() {
    mkdir -p "$smoke_work/credentials"; cp "$smoke_work/key" "$smoke_work/credentials/nspawn.luks"
    equal "$(CREDENTIALS_DIRECTORY=$smoke_work/credentials run -i "$(image luks)" cat /home/which)" home
}

asked() {
    local out
    out=$(terminal 'want:Passphrase for the root partition' 'send:secret\n' 'want:home' -- \
        "$NSPAWN" -q -i "$(image luks)" cat /home/which)
    [[ $out != *secret* ]] || fail "what was typed was shown"
    equal "$(grep -c Passphrase <<<"$out")" 1 "questions"
}

asked_plainly() {   # a name does nothing to the terminal
    local name=$smoke_work/$'red\e]0;x\a.raw'
    ln "$(image luks)" "$name"
    terminal 'want:red.x1b.0;x.x07' 'send:secret\n' 'want:home' -- "$NSPAWN" -q -M red -i "$name" cat /home/which
    rm "$name"
}

asked_again() {
    terminal 'want:Passphrase' 'send:nonsense\n' 'want:not the passphrase' 'want:Passphrase' 'send:secret\n' 'want:home' -- \
        "$NSPAWN" -q -i "$(image luks)" cat /home/which
}

three_times() {
    status_of terminal 'want:Passphrase' 'send:a\n' 'want:Passphrase' 'send:b\n' 'want:Passphrase' 'send:c\n' 'want:cannot open' -- \
        "$NSPAWN" -q -i "$(image luks)" true
    equal "$status" 1 "exit status"
}

interrupted() {   # terminal itself sees to it that the terminal is as it was
    status_of terminal 'want:Passphrase' 'send:\x03' 'want:not unlocked' -- "$NSPAWN" -q -i "$(image luks)" true
    equal "$status" 1 "exit status"
}

tap "a key file"                              leaves_nothing key_file
tap "a credential"                            leaves_nothing credential
tap "a passphrase, asked for once"            leaves_nothing asked
tap "about an image with a name of its own"   leaves_nothing asked_plainly
tap "a wrong one is asked for again"          leaves_nothing asked_again
tap "but three times at most"                 leaves_nothing three_times
tap "^C"                                      leaves_nothing interrupted
tap "--no-ask-password"                       leaves_nothing refuse "--no-ask-password" --no-ask-password -i "$(image luks)"
tap "the wrong key file"                      leaves_nothing refuse "not its key" --image-key-file="$smoke_work/wrong" -i "$(image luks)"
tap "no key file"                             leaves_nothing refuse "no-such-file" --image-key-file=/no-such-file -i "$(image luks)"
tap "a policy that permits no encryption"     leaves_nothing refuse "policy" --image-policy=root=unprotected "${with_key[@]}"

# --- the host's password agents -------------------------------------------------------------------------------------

# Those that are there would ask on this very console.
systemctl -q stop systemd-ask-password-console.path systemd-ask-password-wall.path 2>/dev/null || true
questions() { find /run/systemd/ask-password -mindepth 1 2>/dev/null; }
is_asked() { [[ $(questions) == */ask.* ]]; }
no_questions() { [[ -z $(questions) ]]; }

without_systemd() {
    printf '#!/bin/sh\nexec unshare -m sh -c "mount -t tmpfs tmpfs /run/systemd; exec %s \\"\\$@\\"" sh "$@"\n' "$NSPAWN" >"$smoke_work/nspawn"
    chmod 755 "$smoke_work/nspawn"
    NSPAWN=$smoke_work/nspawn refuse "no terminal" -i "$(image luks)"
}

agent() {   # STEP…: the real one, at a terminal
    terminal "$@" -- systemd-tty-ask-password-agent --query
}
answered() {
    start -i "$(image luks)" cat /home/which
    wait_for 30 is_asked || fail "nobody is asked"
    has "$(cat /run/systemd/ask-password/ask.*)" "Message=Passphrase for the root partition of $(image luks):"
    equal "$(stat -c %a /run/systemd/ask-password/sck.*)" 600
    agent 'want:Passphrase for the root partition' 'send:nonsense\n'
    until_shown "that is not the passphrase" 60
    wait_for 30 is_asked || fail "it is not asked for again"
    agent 'want:Passphrase for the root partition' 'send:secret\n'
    until_shown home 60
    wait_exit "$supervisor" 30
    no_questions || fail "a question is left: $(questions)"
}
# systemctl itself is an agent when it starts something
answered_by_systemctl() {
    cp "$(image luks)" /var/lib/machines/asking.raw
    terminal 'want:Passphrase for the root partition' 'send:secret\n' -- systemctl start nspawn@asking
    equal "$(systemctl is-active nspawn@asking)" active
    no_questions || fail "a question is left: $(questions)"
    systemctl stop nspawn@asking
    rm /var/lib/machines/asking.raw
}
stopped_while_asking() {
    start -i "$(image luks)" true
    wait_for 30 is_asked || fail "nobody is asked"
    kill "$supervisor"
    wait_exit "$supervisor" 15
    shows "was not unlocked" || { cat "$console"; fail "it was not said"; }
    no_questions || fail "a question is left: $(questions)"
}
killed_while_asking() {
    start -i "$(image luks)" -M luks true
    wait_for 30 is_asked || fail "nobody is asked"
    kill -KILL "$supervisor"; wait "$supervisor" || true
    [[ $(questions) ]] || fail "who took the question away?"
    run -D "$bb" -M luks true
    no_questions || fail "a question is left: $(questions)"
}

tap "no terminal, and no systemd"             leaves_nothing without_systemd
tap "an agent, at the second attempt"         leaves_nothing answered
tap "systemctl start is an agent"             leaves_nothing answered_by_systemctl
tap "a stop while agents are asked"           leaves_nothing stopped_while_asking
tap "SIGKILL while agents are asked"          leaves_nothing killed_while_asking

# --- other kinds of encryption --------------------------------------------------------------------------------------

# The key of LUKS1 is what cryptsetup itself makes with few iterations; the file system inside is all there is.
luks1() {
    local file=$smoke_work/one.luks
    truncate -s 24M "$file"
    cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 "$file" "$smoke_work/key" 2>/dev/null
    fill "$file"
    opens "$file"
    # the iterations of the digest and of the first slot, as big-endian numbers
    cp "$file" "$smoke_work/absurd.luks"
    printf '\xff\xff\xff\xff' | dd of="$smoke_work/absurd.luks" bs=1 seek=164 conv=notrunc status=none
    refuse "4294967295 iterations" --image-key-file="$smoke_work/key" -i "$smoke_work/absurd.luks"
    cp "$file" "$smoke_work/absurd.luks"
    printf '\x77\x35\x94\x00' | dd of="$smoke_work/absurd.luks" bs=1 seek=212 conv=notrunc status=none
    refuse "2000000000 iterations" --image-key-file="$smoke_work/key" -i "$smoke_work/absurd.luks"
    refuse "not its key" --image-key-file="$smoke_work/wrong" -i "$file"
    rm "$file" "$smoke_work/absurd.luks"
}
fill() {   # FILE
    cryptsetup open --key-file "$smoke_work/key" "$1" making
    mkfs.ext4 -q -O ^has_journal -d "$bb" /dev/mapper/making
    cryptsetup close making
}
opens() {   # FILE ARG…
    local file=$1
    shift
    equal "$(run "$@" --image-key-file="$smoke_work/key" -i "$file" sh -c 'echo kept >/root/x; cat /root/x')" kept
    equal "$(run --read-only "$@" --image-key-file="$smoke_work/key" -i "$file" cat /root/x)" kept
    equal "$(run -x "$@" --image-key-file="$smoke_work/key" -i "$file" cat /root/x)" kept
}
integrity() {
    local file=$smoke_work/integrity.luks
    truncate -s 40M "$file"
    cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-metadata-size 16k \
        --luks2-keyslots-size 1M --integrity hmac-sha256 "$file" "$smoke_work/key" >/dev/null 2>"$smoke_work/err" ||
        { cat "$smoke_work/err"; fail "cryptsetup"; }
    fill "$file"
    opens "$file"
    opens "$file" --image-policy=root=encryptedwithintegrity
    opens "$file" --image-policy=root=encrypted
    refuse "policy" --image-policy=root=encryptedwithintegrity --image-key-file="$smoke_work/key" -i "$smoke_work/root.luks"
    refuse "policy" --image-policy=root=unprotected --image-key-file="$smoke_work/key" -i "$file"
    start --image-key-file="$smoke_work/key" -i "$file" sh -c 'echo up; sleep 60'
    until_shown up 30
    equal "$(find /dev/mapper -name '*_dif' | wc -l)" 1 "devices that check"
    kill -KILL "$supervisor"; wait "$supervisor" || true
}
damaged() {   # what was changed is not read; most of the disk is one file
    local file=$smoke_work/integrity.luks i
    run --image-key-file="$smoke_work/key" -i "$file" sh -c 'dd if=/dev/urandom of=/root/large bs=1M count=16 2>/dev/null'
    equal "$(run --read-only --image-key-file="$smoke_work/key" -i "$file" sh -c 'cat /root/large | wc -c')" $((16 << 20))
    for i in {14..34}; do dd if=/dev/zero of="$file" bs=64K seek=$((i * 16)) count=1 conv=notrunc status=none; done
    equal "$(run --read-only --image-key-file="$smoke_work/key" -i "$file" \
        sh -c 'cat /root/large >/dev/null 2>&1 && echo whole || echo refused')" refused
    rm "$file"
}
# a header that says so and is not
pretended() {
    costly "$smoke_work/pretended.luks" '"tokens":{}' '"tokens":{"9":{"type":"x","keyslots":[],"integrity":1}}'
    refuse "not encrypted with integrity" --image-policy=root=encryptedwithintegrity \
        --image-key-file="$smoke_work/key" -i "$smoke_work/pretended.luks"
    rm "$smoke_work/pretended.luks"
}

tap "LUKS1"                                   leaves_nothing luks1
tap "encryption with integrity"               leaves_nothing integrity
tap "damage to what is encrypted so"          leaves_nothing damaged

# --- what can be done with it --------------------------------------------------------------------------------------

changes() {   # ARG…: it can be written to, and forgets
    equal "$(run "$@" "${with_key[@]}" sh -c 'echo x >/etc/x; cat /etc/x')" x
    run "$@" "${with_key[@]}" test ! -e /etc/x
}
boots() {
    start -b "${with_key[@]}" -M luks
    until_login
    inside touch /root/first-life
    reboot_by reboot
    inside test -e /root/first-life
    stop_cleanly
    run "${with_key[@]}" test -e /root/first-life
}
killed() {
    start "${with_key[@]}" -M luks sh -c 'echo up; sleep 60'
    until_shown up 30
    kill -KILL "$supervisor"; wait "$supervisor" || true
}
killed_early() {
    local delay
    for delay in 0.3 0.6 1 1.5 2.5; do
        start "${with_key[@]}" -M luks sh -c 'echo up; sleep 60'
        sleep $delay
        kill -KILL "$supervisor"; wait "$supervisor" || true
    done
    run "${with_key[@]}" -M luks true
}
grows() {
    local size
    rm -f "$(image grow)"; truncate -s 200M "$(image grow)"
    sfdisk -q "$(image grow)" <<<"label: gpt
size=180M, type=$root_type, attrs=\"GUID:$grow\""
    put "$(image grow)" 1 "$smoke_work/root.luks"
    size=$(run --image-key-file="$smoke_work/key" -i "$(image grow)" sh -c 'df -m / | tail -n1 | tr -s " " | cut -d" " -f2')
    ((size > 140)) || fail "$size MB"
    rm "$(image grow)"
}

stack() {
    local stack=$smoke_work/stack
    mkdir -p "$stack"; cp "$smoke_work/root.luks" "$stack/layer@1.raw"; cp "$smoke_work/home.luks" "$stack/robind@home.raw"
    equal "$(run --image-key-file="$smoke_work/key" --mstack="$stack" cat /home/which)" home
    rm -r "$stack"
}

tap "layers of a mount stack"                 leaves_nothing stack
tap "-x"                                      leaves_nothing changes -x
tap "--volatile=overlay"                      leaves_nothing changes --volatile=overlay
tap "-U -x"                                   leaves_nothing changes -U -x
tap "a boot, a reboot and a stop"             leaves_nothing boots
tap "SIGKILL"                                 leaves_nothing killed
tap "SIGKILL at the start"                    leaves_nothing killed_early
tap "a file system that grows"                leaves_nothing grows

# --- hostile -------------------------------------------------------------------------------------------------------

# costly FILE EXPRESSION: a header whose JSON was edited by sed, in both copies, with good checksums
costly() {
    cp "$smoke_work/root.luks" "$1"
    python3 - "$1" "$2" "$3" <<'PY'
import hashlib, sys
path, old, new = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
with open(path, "r+b") as f:
    for offset in (0, 16384):
        f.seek(offset)
        header = bytearray(f.read(16384))
        text = bytes(header[4096:]).rstrip(b"\0").replace(old, new)
        header[4096:] = text.ljust(16384 - 4096, b"\0")
        header[448:512] = bytes(64)
        header[448:480] = hashlib.sha256(header).digest()
        f.seek(offset)
        f.write(header)
PY
}
opened() { run --image-key-file="$smoke_work/key" -i "$1" true; }
pbkdf2='"type":"pbkdf2","hash":"sha256","iterations":1000'
costly "$smoke_work/same.luks" x x
costly "$smoke_work/memory.luks" "$pbkdf2" '"type":"argon2id","time":4,"memory":100000000,"cpus":4'
costly "$smoke_work/negative.luks" "$pbkdf2" '"type":"argon2id","time":4,"memory":-1,"cpus":4'
costly "$smoke_work/passes.luks" "$pbkdf2" '"type":"argon2id","time":4000000,"memory":65536,"cpus":1'
costly "$smoke_work/iterations.luks" "$pbkdf2" '"type":"pbkdf2","hash":"sha256","iterations":2000000000'
costly "$smoke_work/digest.luks" '"iterations":1000,"salt"' '"iterations":2000000000,"salt"'
head -c 4500 "$smoke_work/root.luks" >"$smoke_work/cut.luks"; truncate -s 1M "$smoke_work/cut.luks"
cp "$smoke_work/root.luks" "$smoke_work/noise.luks"
head -c 28672 /dev/urandom | dd of="$smoke_work/noise.luks" bs=4096 seek=1 conv=notrunc status=none
head -c 600K "$smoke_work/root.luks" >"$smoke_work/short.luks"

tap "a bare partition, edited in vain"        leaves_nothing opened "$smoke_work/same.luks"
tap "100 GB of memory"                        leaves_nothing refuse "MiB of memory" --image-key-file="$smoke_work/key" -i "$smoke_work/memory.luks"
tap "memory below nothing"                    leaves_nothing refuse "root partition" --image-key-file="$smoke_work/key" -i "$smoke_work/negative.luks"
tap "integrity that is none"                  leaves_nothing pretended
tap "hours of passes"                         leaves_nothing refuse "passes" --image-key-file="$smoke_work/key" -i "$smoke_work/passes.luks"
tap "hours of iterations"                     leaves_nothing refuse "iterations" --image-key-file="$smoke_work/key" -i "$smoke_work/iterations.luks"
tap "hours to check the key"                  leaves_nothing refuse "iterations" --image-key-file="$smoke_work/key" -i "$smoke_work/digest.luks"
tap "a header that is cut off"                leaves_nothing refuse "header is damaged" --image-key-file="$smoke_work/key" -i "$smoke_work/cut.luks"
tap "a header of noise"                       leaves_nothing refuse "header is damaged" --image-key-file="$smoke_work/key" -i "$smoke_work/noise.luks"
tap "nothing behind the header"               leaves_nothing refuse "root partition" --image-key-file="$smoke_work/key" -i "$smoke_work/short.luks"

tap_done
