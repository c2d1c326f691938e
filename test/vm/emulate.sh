# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# An emulated machine that prints TAP on its serial console, between the lines "TAP begins" and "TAP ends", and powers
# off. Used by floor and vm beside this file.

need_tools() {   # TOOL…
    local tool
    for tool; do command -v "$tool" >/dev/null || bail "$tool is not installed"; done
}

# add_program ROOT PROGRAM TARGET: with its libraries
add_program() {
    local lib
    install -D -m755 "$2" "$1/$3"
    for lib in $(ldd "$2" | grep -o '/[^ )]*' || true); do
        [[ -e $1/$lib ]] || install -D -m755 "$(realpath "$lib")" "$1/$lib"
    done
}

# make_initrd ROOT FILE
make_initrd() { (cd "$1" && find . -print0 | cpio --quiet --null -o -H newc) | gzip -1 >"$2"; }

# emulate LOG SILENCE KERNEL INITRD MEGABYTES OPTIONS QEMU-ARG…: runs it to its end and prints the TAP. How long that takes
# depends on what else this computer does, so what ends a hang is that nothing comes from its console for SILENCE
# seconds: then the last lines of it say why. LOG keeps them all.
#
# tcg,thread=single and no cx16: with two emulated processors, or with cx16, qemu 7.2 corrupts the kernel
emulate() {
    local log=$1 silence=$2 kernel=$3 initrd=$4 memory=$5 options=$6 status=0 pid
    shift 6
    : >"$log"
    timeout -k 10 3600 qemu-system-x86_64 -accel tcg,thread=single -cpu max,-cx16,-la57 -smp 1 -m "$memory" \
        -nodefaults -display none -serial file:"$log" -monitor none -no-reboot \
        -kernel "$kernel" -initrd "$initrd" -append "console=ttyS0 quiet panic=-1 rdinit=/init $options" "$@" \
        </dev/null >&2 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        (($(date +%s) - $(stat -c %Y "$log") <= silence)) || kill "$pid" 2>/dev/null || true
        sleep 1
    done
    wait "$pid" || status=$?
    if [[ $status == 0 ]] && grep -q '^TAP ends' "$log"; then
        console_tap "$log"
        return
    fi
    tail -n 40 "$log" | tr -d '\r' | sed 's/^/#   /'
    console_tap "$log" | grep -E '^(not )?ok' || true
    bail "the emulated machine did not come to its end (status $status); its console is $log"
}

console_tap() { tr -d '\r' <"$1" | sed '0,/^TAP begins/d; /^TAP ends/,$d'; }
