#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Booting a system of every kind, and stopping it.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

boot_and_stop() {   # KIND
    start -b -D "$tree"
    until_login
    usable "$1"
    stop_cleanly
}

usable() {   # KIND: more than a prompt: its services came up
    case $1 in
    guest*)
        wait_for 30 system_running || { inside systemctl --no-pager --failed; fail "not 'running'"; }
        inside busctl --no-pager list >/dev/null
        # nothing failed, nothing was skipped for want of the container interface
        equal "$(inside systemd-detect-virt --container)" systemd-nspawn "detected as"
        ;;
    sysvinit) has "$(inside /sbin/runlevel)" "N 2" ;;
    openrc) inside /bin/rc-status -a >/dev/null ;;
    runit) inside /usr/bin/sv status /etc/runit/runsvdir/default/getty-console ;;
    busybox) equal "$(inside /bin/cat /run/hostname)" "$machine" "host name at boot" ;;
    esac
}
system_running() { [[ $(inside systemctl is-system-running 2>/dev/null) == running ]]; }

power_off_inside() {   # COMMAND…
    start -b -D "$tree"
    until_login
    inside "$@" || true
    wait_exit "$supervisor" 30
    equal "$status" 0 "exit status after a poweroff inside"
}

reboot_inside() {   # COMMAND…
    start -b -D "$tree"
    until_login
    sleep 1
    reboot_by "$@"
    alive "$supervisor" || fail "nspawn ended with the reboot"
    stop_cleanly
}

# Before it takes SIGTERM for a request there is nothing to stop yet; on a busy computer that can be a while.
hears_term() { local blocked; blocked=$(sed -n 's/^SigBlk:\t//p' "/proc/$supervisor/status") && ((0x$blocked & 1 << 14)); }

stop_early() {   # MILLISECONDS after the start
    start -b -D "$tree"
    until hears_term; do :; done
    sleep "0.$1"
    stop_cleanly
}

kinds=${SMOKE_KINDS:-guest12 guest13 sysvinit openrc runit busybox}

for kind in $kinds; do
    copy "$kind"
    tap "$kind boots to a usable state and stops on SIGTERM" leaves_nothing boot_and_stop "$kind"
    case $kind in
    guest*)  off=(systemctl poweroff) re=(systemctl reboot) ;;
    busybox) off=(/bin/busybox poweroff) re=(/bin/busybox reboot) ;;
    openrc)  off=(/sbin/openrc-shutdown -p now) re=(/sbin/openrc-shutdown -r now) ;;
    *)       off=(/sbin/poweroff) re=(/sbin/reboot) ;;
    esac
    [[ $kind != openrc || -x $tree/sbin/openrc-shutdown ]] || off=(/sbin/poweroff) re=(/sbin/reboot)
    tap "$kind powered off inside: nspawn returns 0" leaves_nothing power_off_inside "${off[@]}"
    tap "$kind rebooted inside: it starts again" leaves_nothing reboot_inside "${re[@]}"
done

copy guest13
for ms in 005 020 060 150 400 900; do tap "a stop $ms ms after the start is not lost" stop_early "$ms"; done
copy busybox
for ms in 005 020 100; do tap "the same with busybox: $ms ms" stop_early "$ms"; done
tap_done
