#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# --forward-journal=: what the guest's journald logs is on the host, whatever happens.
# shellcheck source=test/lib/lab.sh
. "$(dirname "$0")/../lib/lab.sh"
host_prepare
guest guest13
guest guest12 old
guest busybox bb
host_up

logs=/var/log/forwarded
file=$logs/guest.journal
host_in mkdir "$logs"

start() {   # OPTION…: a booted guest in a scope
    host_in systemd-run -q --unit=by-hand -p KillMode=mixed nspawn -b -D /var/lib/machines/guest "$@"
    wait_for 30 guest_runs || fail "the guest does not run"
}
stop() {
    host_in machinectl poweroff guest
    wait_for 20 no_machine || fail "it does not stop"
    wait_for 10 host_quiet || fail "nspawn does not end"
}
host_quiet() { ! host_in systemctl -q is-active by-hand.service; }
say() { in_guest guest systemd-cat -t tester echo "$1"; in_guest guest journalctl --sync; }
file_shows() { host_in journalctl --no-pager -q --file="$file" "$@" | grep -F -- "$what" >/dev/null; }
dir_shows() { host_in journalctl --no-pager -q -D "$logs/dir" "$@" | grep -F -- "$what" >/dev/null; }
receiver() { host_in pgrep -f '^systemd-journal-remote --output=/journal'; }
no_receiver() { ! receiver >/dev/null; }
complaints() { host_in journalctl --no-pager -q -u by-hand.service -o cat | grep '^guest: .*journal' || true; }
clean() {
    host_in bash -c "rm -rf $logs; mkdir $logs; journalctl -q --rotate; journalctl -q --vacuum-time=1us -u by-hand" >/dev/null 2>&1
    host_in systemctl reset-failed by-hand 2>/dev/null || true
}
# Said in the guest while it goes down
guest_tree=$lab_host/var/lib/machines/guest
cat >"$guest_tree/usr/local/bin/last-words" <<'END'
#!/bin/sh
i=0
while [ $((i += 1)) -le 200 ]; do echo "last words $i of 200"; done
END
chmod 755 "$guest_tree/usr/local/bin/last-words"
cat >"$guest_tree/etc/systemd/system/last-words.service" <<'END'
[Unit]
DefaultDependencies=no
Conflicts=shutdown.target
Before=shutdown.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=true
ExecStop=last-words
END
mkdir -p "$guest_tree/etc/systemd/journald.conf.d"
printf '[Journal]\nRateLimitIntervalSec=0\n' >"$guest_tree/etc/systemd/journald.conf.d/flood.conf"
mkdir -p "$guest_tree/etc/systemd/system/sysinit.target.wants"
ln -s ../last-words.service "$guest_tree/etc/systemd/system/sysinit.target.wants/"

to_file() {   # OPTION…: seen while it runs and afterwards, to the last entry; the next run adds to it
    local i
    for i in 1 2; do
        start --forward-journal="$file" "$@"
        what=run-$i-$RANDOM
        say "$what"
        wait_for 10 file_shows || fail "it is not there while the machine runs"
        stop
        file_shows || fail "it is not there after the stop"
        no_receiver || fail "systemd-journal-remote still runs"
        what="last words 200 of 200"
        file_shows || fail "the last entries are missing"
        what="Journal stopped"
        file_shows -n 1 || fail "the very last entry is missing"
    done
    equal "$(complaints)" "" "what nspawn had to say of it"
    equal "$(host_in bash -c "journalctl -q --no-pager --file=$file -t last-words | grep -c 'last words 1 of 200'")" 2 "runs in it"
    equal "$(host_in bash -c "ls -A $logs")" guest.journal "files in the directory"
    equal "$(host_in stat -c %U:%G "$file")" root:root "owner of the file"
    host_in journalctl --verify --file="$file" || fail "the file is damaged"
    clean
}

to_directory() {
    start --forward-journal="$logs/dir" "$@"
    what=in-a-directory-$RANDOM
    say "$what"
    wait_for 10 dir_shows || fail "it is not there while the machine runs"
    in_guest guest systemctl --no-block reboot || true
    wait_for 30 host_in test -e "$logs/dir"
    what=after-the-reboot-$RANDOM
    wait_for 40 guest_runs && sleep 2 && wait_for 40 guest_runs && say "$what"
    wait_for 10 dir_shows || fail "nothing arrives after a reboot"
    stop
    what="last words 200 of 200"
    dir_shows || fail "the last entries are missing"
    equal "$(host_in bash -c "ls -A $logs/dir")" remote-guest.journal "files in the directory"
    equal "$(complaints)" "" "what nspawn had to say of it"
    clean
}

flood() {   # ends with $what
    in_guest guest sh -c "{ od -An -v -tx1 -w48 -N1500000 /dev/urandom; echo $what; } | systemd-cat -t flood"
    wait_for 20 flood_is_over || fail "the guest itself has not got it all"
}
flood_is_over() { in_guest guest journalctl -q --no-pager -t flood -n 1 | grep -F "$what" >/dev/null; }

limits() {   # FILE|DIR: what is kept of a flood is its end
    local used
    start --forward-journal="$1" --forward-journal-max-use=4M --forward-journal-max-file-size=1M
    what=end-of-the-flood-$RANDOM
    flood
    stop
    host_in ls -l "$logs" "$1"
    used=$(host_in du -s --apparent-size --block-size=1K "$logs" | cut -f1)
    ((used < 4096 + 64)) || fail "$used K are used, of 4M"
    ((used > 2048)) || fail "no more than $used K are kept"
    equal "$(host_in find "$logs" -type f -size +1024k)" "" "files that are too big"
    (($(host_in find "$logs" -type f | wc -l) >= 2)) || fail "no file was begun when the first was full"
    host_in journalctl --no-pager -q -D "${1%/*.journal}" -t flood | grep -F "$what" >/dev/null || fail "the end is missing"
    clean
}

one_file() {
    host_in touch "$logs/guest@not-ours" "$logs/other@1.journal"
    start --forward-journal="$file" --forward-journal-max-files=1 --forward-journal-max-file-size=1M \
        --forward-journal-keep-free=0
    what=end-of-the-flood-$RANDOM
    flood
    wait_for 40 file_shows || fail "the end is missing"
    stop
    equal "$(host_in ls "$logs")" $'guest.journal\nguest@not-ours\nother@1.journal' "what is in the directory"
    what="Journal stopped"
    file_shows || { host_in journalctl --no-pager -q --file="$file" -n 5; complaints; fail "the last entry is missing"; }
    clean
}

keep_free() {   # 32M, of which 20 are to stay
    local free
    host_in bash -c "mkdir $logs/dir; mount -t tmpfs -o size=32M journals $logs/dir"
    start --forward-journal="$logs/dir" --forward-journal-keep-free=20M
    what=end-of-the-flood-$RANDOM
    flood
    flood
    flood
    stop
    free=$(host_in df --output=avail -k "$logs/dir" | tail -n1)
    dir_shows || fail "the end is missing"
    host_in umount "$logs/dir"
    ((free >= 20 * 1024)) || fail "$free K are free"
    clean
}

confined() {
    local pid status
    start --forward-journal="$file"
    wait_for 10 receiver >/dev/null
    pid=$(receiver)
    status=$(host_in cat "/proc/$pid/status")
    grep -E '^(Uid|Groups|CapEff|CapBnd|NoNewPrivs|Seccomp):' <<<"$status"
    equal "$(host_in ps -o user:32= -p "$pid")" systemd-journal-remote "its user"
    grep -q '^NoNewPrivs:.*1$' <<<"$status" || fail "no_new_privs"
    grep -q '^Seccomp:.*2$' <<<"$status" || fail "seccomp"
    grep -q '^CapPrm:.*0000000000000000$' <<<"$status" || fail "capabilities"
    equal "$(host_in bash -c "ls /proc/$pid/root/ | grep -v lib | xargs")" "dev etc journal proc usr" "its root"
    equal "$(host_in ls "/proc/$pid/root/journal")" guest.journal "what it writes to"
    equal "$(host_in nsenter -t "$pid" -n ip -o link | wc -l)" 1 "its network interfaces"
    ! host_in nsenter -t "$pid" -m -S "$(host_in id -u systemd-journal-remote)" touch /usr/x /etc/x /x || fail "it can write"
    stop
    clean
}

dies() {   # it is started again for what comes next
    local pid
    start --forward-journal="$file"
    wait_for 10 receiver >/dev/null
    pid=$(receiver)
    host_in kill -KILL "$pid"
    wait_for 5 no_receiver || fail "it does not end"
    what=after-its-death-$RANDOM
    say "lost-$what"
    say "$what"
    wait_for 10 dir_of_file_shows || fail "nothing is received any more"
    stop
    complaints | grep -F 'systemd-journal-remote ended (signal 9)' || fail "nobody said so"
    clean
}
dir_of_file_shows() { host_in journalctl --no-pager -q -D "$logs" | grep -F -- "$what" >/dev/null; }

killed() {   # SIGKILL of nspawn: nothing stays, and the next start goes on
    local pid
    start --forward-journal="$file"
    what=before-$RANDOM
    say "$what"
    wait_for 10 file_shows || fail "it is not there"
    pid=$(host_in systemctl show -p MainPID --value by-hand)
    host_in kill -KILL "$pid"
    wait_for 2 no_receiver || fail "systemd-journal-remote lives on"
    wait_for 10 no_machine
    wait_for 5 host_quiet || true
    host_in systemctl reset-failed by-hand 2>/dev/null || true
    wait_for 5 only_journals || fail "there is more: $(host_in ls -A "$logs")"
    dir_of_file_shows || fail "what was there before is gone"
    start --forward-journal="$file"
    dir_of_file_shows || fail "what was there before is gone after the next start"
    what=afterwards-$RANDOM
    say "$what"
    wait_for 10 file_shows || fail "the next start does not write"
    stop
    only_journals || fail "there is more: $(host_in ls -A "$logs")"
    clean
}
only_journals() { ! host_in ls -A "$logs" | grep -Ev '^guest(@.*)?\.journal~?$'; }

cat >"$lab_work/garbage" <<'END'
use Socket;
sub c { socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un("/run/host/journal/socket")) or die "connect: $!"; $s }
$SIG{PIPE} = 'IGNORE';
open(R, '<', '/dev/urandom'); read(R, my $noise, 1 << 20);
my $head = "__REALTIME_TIMESTAMP=1790000000000000\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID=" . "ab" x 16 . "\n";
for my $text ($noise, "\n" x 100000, "=\n\n", "MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\x7f", "MESSAGE\n" . pack("Q<", 1 << 29) . $noise,
    "A=1\n" x 300000, "x" x (1 << 22), $head . "_HOSTNAME=../../../etc/x\nMESSAGE=\e]0;evil\a\e[31m\nA/../B=1\n\n",
    "__REALTIME_TIMESTAMP=18446744073709551615\n__MONOTONIC_TIMESTAMP=18446744073709551615\nMESSAGE=late\n\n") {
    for (1 .. 3) { my $s = c(); syswrite($s, $text); close $s }
}
my @open = map { my $s = c(); syswrite($s, "MESSAGE=unfinished"); $s } 1 .. 20;
sleep 1;
END

garbage() {
    cp "$lab_work/garbage" "$guest_tree/root/garbage"
    start --forward-journal="$file"
    wait_for 10 receiver >/dev/null
    in_guest guest perl /root/garbage
    what=after-the-garbage-$RANDOM
    say "$what"
    wait_for 10 dir_of_file_shows || { complaints; fail "nothing is received any more"; }
    what="last words 200 of 200"
    stop
    dir_of_file_shows || fail "the last entries are missing"
    complaints
    (($(complaints | wc -l) <= 15)) || fail "it fills the host's log"
    ! complaints | grep -q $'\e' || fail "an escape reaches the host's log"
    only_journals || fail "there is more: $(host_in ls -A "$logs")"
    clean
}

nobody_else() {   # the socket is the guest's root's
    start --forward-journal="$file" "$@"
    equal "$(in_guest guest stat -c '%a %U' /run/host/journal/socket)" "600 root" "the socket"
    equal "$(in_guest guest setpriv --reuid 1000 --clear-groups perl -MSocket -e 'socket(S,PF_UNIX,SOCK_STREAM,0);
        print connect(S,sockaddr_un("/run/host/journal/socket")) ? "yes" : "no"')" no "whether others can connect"
    stop
    clean
}

older_guest() {   # 252 knows nothing of it, and runs all the same
    host_in systemd-run -q --unit=by-hand -p KillMode=mixed nspawn -b -D /var/lib/machines/old -M guest --forward-journal="$file"
    wait_for 30 guest_runs || fail "the guest does not run"
    no_receiver || fail "systemd-journal-remote was started for nothing"
    stop
    equal "$(host_in ls -A "$logs")" "" "what is there"
    clean
}

two_share() {   # a directory; and a client of its own, with one entry in the form of journalctl -o export
    local i
    for i in m1 m2; do
        host_run nspawn -q -P -x -M "$i" -D /var/lib/machines/guest --forward-journal="$logs/dir" perl -MSocket -e '
            socket(S, PF_UNIX, SOCK_STREAM, 0);
            connect(S, sockaddr_un("/run/host/journal/socket")) or die "connect: $!";
            syswrite(S, "__REALTIME_TIMESTAMP=1790000000000000\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID=" . "ab" x 16 .
                "\nMESSAGE=from $ARGV[0].\n\n")' "$i"
        what="from $i."
        dir_shows || fail "a command that is over at once has not logged"
    done
    equal "$(host_in ls -A "$logs/dir" | xargs)" "remote-m1.journal remote-m2.journal" "files in the directory"
    clean
}

refused() {   # EXPECTED OPTION…
    local expected=$1
    shift
    status_of host_run nspawn -q -D /var/lib/machines/bb "$@" true >"$lab_work/out" 2>&1
    cat "$lab_work/out"
    equal "$status" 1 "exit status"
    equal "$(wc -l <"$lab_work/out")" 1 "lines"
    grep -F -- "$expected" "$lab_work/out" >/dev/null || fail "'$expected' is not in the message"
}
refusals() {
    refused "is no directory" --forward-journal=/etc/passwd
    refused "is no regular file" --forward-journal="$logs/x.journal"
    refused "No such file or directory" --forward-journal=/nonexistent/x.journal
    refused "No such file or directory" --forward-journal=/nonexistent/x
    refused "of no use without --forward-journal=" --forward-journal-max-use=1G
    host_in mount --bind /usr/bin/true /usr/lib/systemd/systemd-journal-remote
    refused "keeps to no limits" --forward-journal="$logs/dir" --forward-journal-max-use=1G
    host_in umount /usr/lib/systemd/systemd-journal-remote
    host_in mv /usr/lib/systemd/systemd-journal-remote /usr/lib/systemd/away
    refused "it is in the package of that name" --forward-journal="$logs/dir"
    host_in mv /usr/lib/systemd/away /usr/lib/systemd/systemd-journal-remote
    equal "$(host_in ls -A "$logs")" x.journal "what is there"
}
refusals_with_link() { host_in ln -s /etc/passwd "$logs/x.journal"; refusals; clean; }

tap "to a file" leaves_nothing to_file
tap "to a file, with users of its own" leaves_nothing to_file -U
tap "to a directory, over a reboot" leaves_nothing to_directory
tap "to a directory, with users of its own and a journal link" leaves_nothing to_directory -U --link-journal=try-guest
tap "a file keeps to its limits" leaves_nothing limits "$file"
tap "a directory keeps to its limits" leaves_nothing limits "$logs/dir"
tap "one file of bounded size, among others" leaves_nothing one_file
tap "space that is to stay free" leaves_nothing keep_free
tap "what receives it can do nothing else" leaves_nothing confined
tap "what receives it is killed" leaves_nothing dies
tap "nspawn is killed" leaves_nothing killed
tap "garbage" leaves_nothing garbage
tap "nobody but the guest's root connects" leaves_nothing nobody_else
tap "nobody but the guest's root connects, with users of its own" leaves_nothing nobody_else -U
tap "a guest that is too old for it" leaves_nothing older_guest
tap "machines share a directory, and commands log" leaves_nothing two_share
tap "what cannot be is refused" leaves_nothing refusals_with_link
tap_done
