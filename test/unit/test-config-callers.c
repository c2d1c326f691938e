/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Command lines as the known callers of systemd-nspawn write them. Options whose machinery is still to come
 * are left out of them; what is here must be understood as it was meant. */

#include "config-test.h"

#include <signal.h>

static void assert_machine(const char *line, const char *directory, const char *machine, const char *argv,
                           Settings *ret) {
        settings_free(ret);
        if (parse_line(line, ret) != 1)
                TEST_FAIL("%s: %s", line, logged);
        ASSERT_STREQ(ret->value.source.directory, directory);
        ASSERT_STREQ(ret->value.source.machine, machine);
        assert_strv(ret->value.payload.argv, argv);
}

TEST(mkosi) {
        _cleanup_settings_ Settings s = {};

        assert_machine("--quiet --link-journal=no --suppress-sync=yes --resolv-conf=auto --settings=trusted "
                       "--rlimit=RLIMIT_CORE=0:infinity --console=autopipe --machine my-image --register no "
                       "--load-credential=a:/tmp/c/a --load-credential=b:/tmp/c/b --directory /var/tmp/image "
                       "--bind /home/u/src:/root/src/:norbind,rootidmap --bind /b:/b:norbind,noidmap "
                       "--set-credential=journal.forward_to_socket:/run/host/journal/socket -- ls -la --color",
                       "/var/tmp/image", "my-image", "ls|-la|--color", &s);
        ASSERT_EQ(s.value.unit.registration, AUTO_NO);
        ASSERT_EQ(s.value.output.console, CONSOLE_AUTOPIPE);
        ASSERT_EQ(s.value.source.settings, SETTINGS_TRUSTED);
        ASSERT_EQ(s.value.credentials.n_items, 3);
        ASSERT_EQ(s.value.mounts.items[0].idmap, BIND_IDMAP_ROOT);
        ASSERT_TRUE(!s.value.mounts.items[0].recursive);
        ASSERT_STREQ(s.value.mounts.items[0].destination, "/root/src");

        assert_machine("--quiet --link-journal=no --suppress-sync=yes --private-network --network-veth --boot "
                       "--machine i --register yes --directory /i --setenv K=V systemd.wants=x console=ttyS0",
                       "/i", "i", "systemd.wants=x|console=ttyS0", &s);
        ASSERT_TRUE(s.boot && s.value.network.veth && s.value.unit.registration == AUTO_YES);
}

TEST(debspawn) {
        _cleanup_settings_ Settings s = {};

        assert_machine("-M debspawn-1 --register=no -a --timezone=copy --bind /dev --console=pipe "
                       "'--property=DeviceAllow=block-* rw' '--property=DeviceAllow=char-* rw' --bind /proc "
                       "--bind-ro /lib/modules/ --bind-ro /boot/ --capability CAP_SYS_RAWIO,CAP_SYS_ADMIN "
                       "--system-call-filter '@memlock @pkey @clock @cpu-emulation' -E A=1 -E B=2 "
                       "--chdir=/srv/build "
                       "--link-journal=no --bind=/c:/var/cache/apt/archives/ --personality=x86 --user=builder "
                       "--private-network -qD /var/lib/debspawn/x sh -c true",
                       "/var/lib/debspawn/x", "debspawn-1", "sh|-c|true", &s);
        ASSERT_TRUE(s.as_pid2 && s.value.output.quiet && s.value.network.private_network);
        ASSERT_STREQ(s.value.payload.user, "builder");
        assert_strv(s.value.unit.properties, "DeviceAllow=block-* rw|DeviceAllow=char-* rw");
        ASSERT_EQ(s.value.mounts.n_items, 5);
        assert_strv(s.value.mounts.items[2].sources, "/lib/modules");

        assert_machine("-M d -b --notify-ready=yes --capability all -qxD /x", "/x", "d", "", &s);
        ASSERT_TRUE(s.boot && s.value.source.ephemeral && s.value.payload.notify_ready);
}

TEST(mock) {
        _cleanup_settings_ Settings s = {};

        assert_machine("-q -M 0123456789abcdef0123456789abcdef -D /var/lib/mock/f/root -a -u mockbuild "
                       "--capability=cap_ipc_lock --resolv-conf=off --rlimit=RLIMIT_NOFILE=10240 "
                       "--suppress-sync=yes "
                       "--bind=/dev/btrfs-control --bind=/dev/loop-control --bind=/dev/loop0 "
                       "--property=MemoryAccounting=on --console=pipe --chdir=/builddir --setenv=TERM=vt100 "
                       "'--setenv=PS1=<mock> \\s-\\v\\$ ' bash --login -c 'rpmbuild -bb'",
                       "/var/lib/mock/f/root", "0123456789abcdef0123456789abcdef", "bash|--login|-c|rpmbuild -bb", &s);
        ASSERT_EQ(s.value.security.rlimit[RLIMIT_NOFILE].hard, 10240);
        assert_machine("-q -M m -D /r -a -u 1000 --ephemeral --bind /r true", "/r", "m", "true", &s);
        ASSERT_STREQ(s.value.payload.user, "1000");
}

TEST(arch_nspawn) {
        _cleanup_settings_ Settings s = {};

        assert_machine("--quiet --directory=/var/lib/archbuild/x/root "
                       "--setenv=PATH=/usr/local/sbin:/usr/local/bin:/usr/bin "
                       "--register=no --slice=devtools-user --machine=arch-nspawn-4711 --as-pid2 --console=autopipe "
                       "--timezone=off '--bind=/var/cache/pacman\\:x' --bind-ro=/var/cache/y "
                       "--bind=/home/u/p:/startdir "
                       "--tmpfs=/tmp:size=50%,mode=1777 --user=builduser --chdir=/build bash",
                       "/var/lib/archbuild/x/root", "arch-nspawn-4711", "bash", &s);
        ASSERT_STREQ(s.value.unit.slice, "devtools-user.slice");
        ASSERT_EQ(s.value.mounts.n_items, 4);
        ASSERT_STREQ(s.value.mounts.items[3].options, "size=50%,mode=1777");
}

TEST(debos_and_obs_build) {
        _cleanup_settings_ Settings s = {};

        assert_machine("-q --resolv-conf=off --timezone=off --register=no --machine=debos-x7 --keep-unit "
                       "--console=pipe "
                       "--setenv A=1 --bind /scratch -D /r sh -c 'apt update'",
                       "/r", "debos-x7", "sh|-c|apt update", &s);
        ASSERT_TRUE(s.value.unit.keep_unit);
        assert_machine("-D /r -M obsbuild.4711 --private-network --pipe /.build/build --x", "/r", "obsbuild.4711",
                       "/.build/build|--x", &s);
        ASSERT_EQ(s.value.output.console, CONSOLE_PIPE);
}

TEST(nixos) {
        _cleanup_settings_ Settings s = {};

        assert_machine("--keep-unit -M web -D /var/lib/nixos-containers/web --private-network --network-veth "
                       "--network-bridge=br0 --network-veth-extra=a:b --network-interface=eth1 "
                       "--network-macvlan=eth2 "
                       "--notify-ready=yes --kill-signal=SIGRTMIN+3 --bind-ro=/nix/store:/nix/store "
                       "--bind-ro=/nix/var/nix/db:/nix/var/nix/db --bind=/p:/nix/var/nix/profiles "
                       "--link-journal=try-guest --setenv PRIVATE_NETWORK=1 --setenv LOCAL_ADDRESS= --ephemeral "
                       "--capability=CAP_NET_ADMIN --tmpfs=/var:mode=755 "
                       "/nix/store/x-container-init /nix/store/y-system/init",
                       "/var/lib/nixos-containers/web", "web", "/nix/store/x-container-init|/nix/store/y-system/init",
                       &s);
        ASSERT_EQ(s.value.payload.kill_signal, SIGRTMIN + 3);
        assert_strv(s.value.payload.environment, "PRIVATE_NETWORK=1|LOCAL_ADDRESS=");
}

TEST(jailmaker) {
        _cleanup_settings_ Settings s = {};

        assert_machine("--bind-ro=/sys/module --boot --inaccessible=/sys/module/apparmor --quiet --keep-unit "
                       "--machine=jail --directory=/mnt/jails/jail/rootfs --notify-ready=yes --network-bridge=br1 "
                       "--resolv-conf=bind-host '--system-call-filter=add_key keyctl bpf' --capability=all "
                       "--bind=/dev/dri",
                       "/mnt/jails/jail/rootfs", "jail", "", &s);
        assert_strv(s.value.security.syscall_allow, "add_key|keyctl|bpf");
        ASSERT_EQ(s.value.integration.resolv_conf, RESOLV_CONF_BIND_HOST);
}

TEST(image_scripts_and_the_unit) {
        _cleanup_settings_ Settings s = {};

        assert_machine("-q --resolv-conf=copy-host --timezone=off -D /r bash /setup", "/r", NULL, "bash|/setup", &s);
        assert_machine("-q --bind-ro /usr/bin/qemu-aarch64-static -M m -D /r bash", "/r", "m", "bash", &s);
        assert_machine("--quiet --keep-unit --boot --link-journal=try-guest --network-veth --settings=override "
                       "--machine=sid",
                       NULL, "sid", "", &s);
        ASSERT_EQ(s.value.source.settings, SETTINGS_OVERRIDE);
}

TEST_MAIN
