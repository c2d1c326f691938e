#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Users of the host that a machine has too.
# shellcheck source=test/lib/smoke.sh
. "$(dirname "$0")/../lib/smoke.sh"

n() { nspawn -q --register=no --pipe "$@" </dev/null; }
owners() { stat -c %u:%g "$@" | tr '\n' ' '; }

# Two users of this host, whose password is "secret": it is only theirs in here
cp /etc/passwd "$smoke_work/host-passwd"
cp /etc/shadow "$smoke_work/host-shadow"
{
    echo "joe:x:1007:1008:Joe,,,:$smoke_work/joe:/bin/sh"
    echo "jane:x:1009:1009::$smoke_work/jane:/bin/nosuchshell"
    echo "toor:x:0:0::/root:/bin/sh"
    echo "slash:x:1010:1010:://:/bin/sh"
    echo "homeless:x:1011:1011::/nonexistent:/bin/sh"
} >>"$smoke_work/host-passwd"
hash=$(python3 -c 'import crypt; print(crypt.crypt("secret", "$6$salt"))' 2>/dev/null) ||
    hash=$(openssl passwd -6 -salt salt secret)
echo "joe:$hash:19000:0:99999:7:::" >>"$smoke_work/host-shadow"
echo 'jane:!:19000:0:99999:7:::' >>"$smoke_work/host-shadow"
mount --bind "$smoke_work/host-passwd" /etc/passwd
mount --bind "$smoke_work/host-shadow" /etc/shadow
mkdir -m 700 "$smoke_work"/{joe,jane}
chown 1007:1008 "$smoke_work/joe"
chown 1009:1009 "$smoke_work/jane"

copy busybox
bb=$tree

runs() {   # ARG…: as the user, in a tree whose name service knows nothing of it
    rm -rf "$smoke_work"/joe/*
    touch "$smoke_work/joe/roots"
    # shellcheck disable=SC2016
    equal "$(n "$@" --bind-user=joe -u joe -D "$bb" /bin/sh -c 'echo $USER $HOME $(id -u):$(id -g); cd; echo hello >new; mkdir dir
        stat -c %u:%g . new dir roots | tr "\n" " "')" \
        "joe /run/host/home/joe 60514:60514
60514:60514 60514:60514 60514:60514 65534:65534 " "inside"
    equal "$(owners "$smoke_work"/joe/{,new,dir,roots})" "1007:1008 1007:1008 1007:1008 0:0 " "owners on disk"
}
records() {
    local record='{"userName":"joe","uid":60514,"gid":60514,"homeDirectory":"/run/host/home/joe"'
    local origin='"disposition":"container","service":"io.systemd.NSpawn"}'
    equal "$(n -U --bind-user=joe --bind-user-group=wheel --bind-user-group=video -D "$bb" /bin/sh -c \
        'cd /run/host/userdb && ls -A | tr "\n" " "; cat joe.user 60514.group joe:wheel.membership; cat 60514.user-privileged; stat -c %a:%u * | tr "\n" " "')" \
        "60514.group 60514.user 60514.user-privileged joe.group joe.user joe.user-privileged joe:video.membership joe:wheel.membership $record,\"shell\":\"/bin/sh\",$origin{\"groupName\":\"joe\",\"gid\":60514,$origin{}{\"privileged\":{\"hashedPassword\":[\"$hash\"]}}777:0 777:0 777:0 644:0 644:0 600:0 644:0 644:0 " "records"
    equal "$(n --bind-user=joe --bind-user-shell=yes -D "$bb" /bin/cat /run/host/userdb/joe.user)" \
        "$record,\"shell\":\"/bin/sh\",$origin" "with the host's shell"
    equal "$(n --bind-user=joe --bind-user-shell=/bin/zsh -D "$bb" /bin/cat /run/host/userdb/joe.user)" \
        "$record,\"shell\":\"/bin/zsh\",$origin" "with another shell"
    equal "$(n --bind-user=jane -D "$bb" /bin/ls /run/host/userdb | grep -c privileged)" 0 "passwords of a locked account"
}
private() {   # nobody but root reads passwords
    status_of n --bind-user=joe -u joe -D "$bb" /bin/cat /run/host/userdb/joe.user-privileged 2>/dev/null
    ((status != 0)) || fail "they can be read"
}
numbers() {   # that the machine's own accounts have are left out
    cp "$bb/etc/passwd" "$bb/etc/group" "$smoke_work"
    echo "one:x:60514:1::/:" >>"$bb/etc/passwd"
    echo "two:x:60515:" >>"$bb/etc/group"
    equal "$(n --bind-user=joe --bind-user=jane -D "$bb" /bin/sh -c 'ls /run/host/userdb/6*.user; stat -c %u /run/host/home/*' |
        tr '\n' ' ')" "/run/host/userdb/60516.user /run/host/userdb/60517.user 60517 60516 " "numbers"
    echo "joe:x:5:5::/:" >>"$bb/etc/passwd"
    refused 'has a user or group "joe" of its own' n --bind-user=joe -D "$bb" /bin/true
    seq -f 'u:x:%.0f:5::/:' 60514 60577 >"$bb/etc/passwd"
    refused "no user number from 60514 to 60577 left" n --bind-user=joe -D "$bb" /bin/true
    seq -f '::%.0f' 60514 480000 >"$bb/etc/passwd"   # nor is all of a long list gone through for each number
    refused "no user number from 60514 to 60577 left" n --bind-user=joe -D "$bb" /bin/true
    # and no file of the machine's can lead astray or hang
    for evil in 'ln -s /dev/zero' 'mkfifo' 'mkdir'; do
        rm -rf "$bb/etc/passwd" && $evil "$bb/etc/passwd"
        status_of SMOKE_LIMIT=20 n --bind-user=joe -D "$bb" /bin/true 2>/dev/null
        ((status != 0 && status != 124)) || fail "$evil: status $status"
    done
    rm -rf "$bb/etc/passwd"
    ln -s "$smoke_work/host-passwd" "$bb/etc/passwd"   # the host's: not there for the machine
    n --bind-user=joe -D "$bb" /bin/true
    rm -f "$bb/etc/passwd"
    mv "$smoke_work/group" "$bb/etc/group"
    echo 'root::0:0:root:/root:/bin/sh' >"$bb/etc/passwd"
}
refused() {   # WHY COMMAND…
    local why=$1
    shift
    status_of "$@" 2>"$smoke_work/err"
    equal "$status" 1 "status"
    has "$(cat "$smoke_work/err")" "$why"
}
mounted_below() {   # what can be mapped comes along, and what cannot does not keep the rest away
    mkdir -p "$smoke_work"/joe/{sub,over} "$smoke_work"/{upper,work}
    chown 1007:1008 "$smoke_work"/joe/{sub,over}
    mount -t tmpfs -o uid=1007,gid=1008 tmpfs "$smoke_work/joe/sub"
    touch "$smoke_work/joe/sub/there"
    equal "$(n -U --bind-user=joe -D "$bb" /bin/sh -c 'stat -c %u /run/host/home/joe/sub; ls /run/host/home/joe/sub' 2>&1)" \
        "60514
there" "a file system that can be mapped"
    mount -t overlay overlay -o "lowerdir=$bb,upperdir=$smoke_work/upper,workdir=$smoke_work/work" "$smoke_work/joe/over"
    equal "$(n -U --bind-user=joe -D "$bb" /bin/sh -c 'stat -c %u /run/host/home/joe; ls -A /run/host/home/joe/over /run/host/home/joe/sub' 2>"$smoke_work/err" |
        tr '\n' ' ')" "60514 /run/host/home/joe/over:  /run/host/home/joe/sub: " "one that cannot be"
    has "$(cat "$smoke_work/err")" "cannot show files under other owners"
    umount "$smoke_work/joe/over" "$smoke_work/joe/sub"
}
no_library() {
    local library
    library=$(ldconfig -p | awk '/libjson-c.so.5/ { print $NF; exit }')
    mount --bind /dev/null "$library"
    refused "takes the library json-c" n --bind-user=joe -D "$bb" /bin/true
    n -D "$bb" /bin/true
    umount "$library"
}
in_file() {
    printf '[Files]\nBindUser=joe jane\nBindUserShell=yes\n' >"$smoke_work/${bb##*/}.nspawn"
    equal "$(n --settings=trusted -U -D "$bb" /bin/sh -c 'ls /run/host/home; grep -c nosuchshell /run/host/userdb/jane.user' |
        tr '\n' ' ')" "jane joe 1 " "homes"
    equal "$(n -U -D "$bb" /bin/ls /run/host 2>/dev/null | grep -c home)" 0 "homes if the file is not trusted"
    rm "$smoke_work/${bb##*/}.nspawn"
}

tap "as the user"                             leaves_nothing runs
tap "as the user, with users of its own"      leaves_nothing runs -U
tap "as the user, in an ephemeral machine"    leaves_nothing runs -U -x
tap "as the user, on a volatile root"         leaves_nothing runs --volatile=overlay
tap "records"                                 records
tap "passwords are root's to read"            private
tap "numbers that are taken"                  numbers
tap "what is mounted in a home"               leaves_nothing mounted_below
tap "in a settings file"                      in_file
tap "refused: without its library"            no_library
tap "refused: a user that is not there"       refused 'the host has no user "nosuch"' n --bind-user=nosuch -D "$bb"
tap "refused: root by another name"           refused "root by another name" n --bind-user=toor -D "$bb"
tap "refused: a user whose home is all of the host" refused "this user has no home" n --bind-user=slash -D "$bb"
tap "refused: a user whose home is not there" refused "/nonexistent to /run/host/home/homeless" n --bind-user=homeless -D "$bb"
tap "refused: root"                           refused "is not the name of a user" n --bind-user=root -D "$bb"
tap "refused: a path"                         refused "is not the name of a user" n --bind-user=../joe -D "$bb"
tap "refused: too few users"                  refused "takes a machine of 65536" n --private-users=655360:60000 --bind-user=joe -D "$bb"
tap "refused: a shell for nobody"             refused "of no use without" n --bind-user-shell=yes -D "$bb"

# --- a system that knows of it ----------------------------------------------------------------------------------

boots() {
    copy guest13
    start -b -U --bind-user=joe --bind-user=jane --bind-user-group=users -D "$tree"
    until_login
    equal "$(inside getent passwd joe)" "joe:x:60514:60514:joe:/run/host/home/joe:/bin/bash" "getent passwd"
    equal "$(inside getent group joe)" "joe:x:60514:" "getent group"
    equal "$(inside getent passwd 60515 | cut -d: -f1)" jane "getent by number"
    equal "$(inside getent shadow joe | cut -d: -f2)" "$hash" "getent shadow"
    has "$(inside id joe)" "(users)"
    # a login as on the host: nobody becomes joe with joe's password and no other
    equal "$(echo secret | inside setpriv --reuid 65534 --clear-groups su - joe -c 'id -un; pwd; echo x >from-su' 2>/dev/null)" "joe
/run/host/home/joe" "login"
    equal "$(owners "$smoke_work/joe/from-su")" "1007:1008 " "what was written"
    status_of eval 'echo wrong | inside setpriv --reuid 65534 --clear-groups su - joe -c true 2>/dev/null'
    ((status != 0)) || fail "any password is good"
    status_of eval 'echo | inside setpriv --reuid 65534 --clear-groups su - jane -c true 2>/dev/null'
    ((status != 0)) || fail "a locked account is open"
    stop_cleanly
    equal "$(find "$tree" -xdev -name '*joe*')" "" "what stays in the tree"
}
tap "Debian knows them"                       leaves_nothing boots
command_as() {
    copy guest13
    equal "$(n -D "$tree" --bind-user=joe --bind-user-group=games -u joe id)" \
        "uid=60514(joe) gid=60514(joe) groups=60514(joe),60(games)" "id"
}
tap "a command as one of them"                leaves_nothing command_as
tap_done
