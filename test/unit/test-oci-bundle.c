/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each snippet stands in the place of one property of a bundle that is otherwise good, and becomes settings or exactly
 * one line that names it. */

#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "config-test.h"
#include "config/oci-bundle.h"

#define ROOT "\"root\":{\"path\":\"rootfs\"}"
#define PROCESS "\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"}"
#define NAMESPACES "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"ipc\"}]"
#define LINUX "\"linux\":{" NAMESPACES "}"
#define VERSION "\"ociVersion\":\"1.0.2\""
#define WHOLE "{" VERSION "," ROOT "," PROCESS "," LINUX "}"

static int parse_text(const char *text, Settings *ret) {
        log_set_sink(keep_log, NULL);
        logged[0] = 0;
        return oci_config_parse("/b", text, strlen(text), ret);
}

/* Where a snippet goes. */
typedef enum Place { TOP, IN_PROCESS, IN_LINUX } Place;

static int parse_snippet(Place place, const char *snippet, Settings *ret) {
        char text[4096];

        (void) snprintf(text, sizeof(text),
                        "{" VERSION "," ROOT
                        ",\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"%s%s},\"linux\":{" NAMESPACES "%s%s}%s%s}",
                        place == IN_PROCESS ? "," : "", place == IN_PROCESS ? snippet : "",
                        place == IN_LINUX ? "," : "", place == IN_LINUX ? snippet : "", place == TOP ? "," : "",
                        place == TOP ? snippet : "");
        return parse_text(text, ret);
}

static void assert_refused(Place place, const char *snippet, const char *line) {
        _cleanup_settings_ Settings s = {};
        char whole[512];
        int r = parse_snippet(place, snippet, &s);

        if (r >= 0)
                TEST_FAIL("%s is accepted", snippet);
        (void) snprintf(whole, sizeof(whole), "/b/config.json: %s\n", line);
        if (!streq(logged, whole))
                TEST_FAIL("%s gives: %s, not: %s", snippet, logged, whole);
}

TEST(the_least_that_there_can_be) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(parse_text(WHOLE, &s));
        ASSERT_NOT_LOGGED();
        ASSERT_STREQ(s.value.source.directory, "/b/rootfs");
        ASSERT_STREQ(s.value.oci.bundle, "/b");
        assert_strv(s.value.payload.argv, "sh");
        ASSERT_STREQ(s.value.payload.chdir, "/");
        ASSERT_EQ(s.value.output.console, CONSOLE_PIPE);
        ASSERT_EQ(s.value.integration.resolv_conf, RESOLV_CONF_OFF);
        ASSERT_EQ(s.value.integration.timezone, TIMEZONE_OFF);
        ASSERT_EQ(s.value.integration.link_journal, LINK_JOURNAL_NO);
        ASSERT_TRUE(!settings_has(&s, value.source.read_only) && !settings_has(&s, value.network.private_network));
        ASSERT_TRUE(!s.value.oci.capabilities.set);
}

TEST(what_is_missing_is_named) {
        static const struct {
                const char *text, *line;
        } cases[] = {
                { "{" ROOT "," PROCESS "," LINUX "}", "ociVersion: is missing" },
                { "{" VERSION "," PROCESS "," LINUX "}", "root: is missing" },
                { "{" VERSION ",\"root\":{}," PROCESS "," LINUX "}", "root.path: is missing" },
                { "{" VERSION "," ROOT "," LINUX "}", "process: is missing" },
                { "{" VERSION "," ROOT ",\"process\":{\"cwd\":\"/\"}," LINUX "}", "process.args: names no program" },
                { "{" VERSION "," ROOT ",\"process\":{\"args\":[\"sh\"]}," LINUX "}", "process.cwd: is missing" },
                { "{" VERSION "," ROOT "," PROCESS "}",
                  "linux.namespaces: \"pid\" is missing, which cannot be shared with the host" },
                { "{" VERSION "," ROOT "," PROCESS
                  ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},"
                  "{\"type\":\"uts\"}]}}",
                  "linux.namespaces: \"ipc\" is missing, which cannot be shared with the host" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_settings_ Settings s = {};
                char whole[256];

                ASSERT_TRUE(parse_text(cases[i].text, &s) < 0);
                (void) snprintf(whole, sizeof(whole), "/b/config.json: %s\n", cases[i].line);
                ASSERT_STREQ(logged, whole);
        }
}

TEST(text_that_is_no_json_or_has_two_meanings) {
        static const struct {
                const char *text, *line;
        } cases[] = {
                { "", "line 1: the text ends too early" },
                { "{\n\n\"a\":", "line 3: the text ends too early" },
                { "{\n'a':1}", "\" is missing" },
                { "{\"a\":'b'}", "line 1: unexpected character" },
                { "{\"a\":[1,]}", "line 1: unexpected character" },
                { "{\"a\":NaN}", "a: a value is missing" },
                { "{\"a\":1,}", "line 1: unexpected character" },
                { "{\"a\":\"\xff\"}", "line 1: invalid utf-8 string" },
                { "[1]", "this is no object" },
                { "null", "line 1: there is nothing but null" },
                { "7", "this is no object" },
                { WHOLE "\n{}", "line 2: unexpected character" },
                { "{\"a\":1,\"a\":1}", "a: is given a second time" },
                { "{\"a\":{\"b\":[0,{\"c\":1,\"d\":2,\"\\u0063\":3}]}}", "a.b[1].c: is given a second time" },
                { "{\"annotations\":{\"x\":\"a\\u0000b\"}}", "annotations.x: a string holds a NUL" },
                { "{\"a\":18446744073709551616}", "a: this number is out of range" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_settings_ Settings s = {};
                char whole[256];

                ASSERT_TRUE(parse_text(cases[i].text, &s) < 0);
                (void) snprintf(whole, sizeof(whole), "/b/config.json: %s\n", cases[i].line);
                if (!streq(logged, whole))
                        TEST_FAIL("%s gives: %s, not: %s", cases[i].text, logged, whole);
        }
}

TEST(too_deep_and_too_many) {
        _cleanup_settings_ Settings s = {};
        static char text[1 << 18];
        size_t n = 0;

        (void) snprintf(text, sizeof(text), "{\"annotations\":");
        n = strlen(text);
        memset(text + n, '[', 100);
        memset(text + n + 100, ']', 100);
        text[n + 200] = '}';
        text[n + 201] = 0;
        ASSERT_TRUE(parse_text(text, &s) < 0);
        ASSERT_LOGGED("/b/config.json: line 1: nesting too deep");

        n = (size_t) snprintf(text, sizeof(text), "{\"process\":{\"args\":[");
        for (unsigned i = 0; i <= 16384; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%s\"\"", i > 0 ? "," : "");
        (void) snprintf(text + n, sizeof(text) - n, "]}}");
        ASSERT_TRUE(parse_text(text, &s) < 0);
        ASSERT_LOGGED("process.args: has more than 16384 elements");
}

TEST(process) {
        _cleanup_settings_ Settings s = {};
        CapabilitySets *c = &s.value.oci.capabilities;

        ASSERT_OK(parse_snippet(
                IN_PROCESS,
                "\"terminal\":true,\"consoleSize\":{\"height\":30,\"width\":100},"
                "\"user\":{\"uid\":1000,\"gid\":100,\"umask\":63,\"additionalGids\":[5,7]},"
                "\"env\":[\"A=1\",\"B=x y\",\"A=2\",\"C=\"],\"noNewPrivileges\":true,\"oomScoreAdj\":-5,"
                "\"capabilities\":{\"bounding\":[\"CAP_KILL\",\"CAP_CHOWN\"],\"effective\":[\"CAP_KILL\"],"
                "\"permitted\":[\"CAP_KILL\",\"CAP_CHOWN\"],\"inheritable\":[\"CAP_KILL\"],\"ambient\":[\"CAP_KILL\","
                "\"CAP_CHOWN\"]},"
                "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":10,\"hard\":20},"
                "{\"type\":\"RLIMIT_CORE\",\"soft\":18446744073709551615,\"hard\":18446744073709551615}]",
                &s));
        ASSERT_NOT_LOGGED();
        ASSERT_TRUE(!settings_has(&s, value.output.console));
        ASSERT_EQ(s.value.oci.rows, 30);
        ASSERT_EQ(s.value.oci.columns, 100);
        ASSERT_TRUE(s.value.oci.user_set && s.value.oci.umask_set);
        ASSERT_EQ(s.value.oci.uid, 1000);
        ASSERT_EQ(s.value.oci.gid, 100);
        ASSERT_EQ(s.value.oci.umask, 077);
        ASSERT_EQ(s.value.oci.n_groups, 2);
        ASSERT_EQ(s.value.oci.groups[1], 7);
        assert_strv(s.value.oci.environment, "A=2|B=x y|C=");
        ASSERT_TRUE(s.value.security.no_new_privileges);
        ASSERT_EQ(s.value.security.oom_score_adjust, -5);
        ASSERT_EQ(c->bounding, 1 << CAP_KILL | 1 << CAP_CHOWN);
        ASSERT_EQ(c->permitted, 1 << CAP_KILL | 1 << CAP_CHOWN);
        ASSERT_EQ(c->inheritable, 1 << CAP_KILL);
        ASSERT_EQ(c->ambient, 1 << CAP_KILL); /* the other cannot be raised */
        ASSERT_EQ(s.value.security.rlimit[RLIMIT_NOFILE].hard, 20);
        ASSERT_TRUE(s.value.security.rlimit[RLIMIT_CORE].soft == RLIM_INFINITY);
}

TEST(a_capability_that_is_none_is_warned_of) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(parse_snippet(IN_PROCESS, "\"capabilities\":{\"bounding\":[\"CAP_MAGIC\",\"kill\",\"CAP_KILL\"]}",
                                &s));
        ASSERT_LOGGED("process.capabilities.bounding[0]: \"CAP_MAGIC\" is no capability, leaving it out\n");
        ASSERT_LOGGED("process.capabilities.bounding[1]: \"kill\" is no capability, leaving it out\n");
        ASSERT_EQ(s.value.oci.capabilities.bounding, 1 << CAP_KILL);
}

TEST(mounts) {
        _cleanup_settings_ Settings s = {};
        CustomMount *m;

        ASSERT_OK(parse_snippet(
                TOP,
                "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
                "{\"destination\":\"/dev//"
                "\",\"type\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\",\"mode=755\",\"size=1k\"]},"
                "{\"destination\":\"/"
                "x\",\"type\":\"bind\",\"source\":\"data\",\"options\":[\"rbind\",\"ro\",\"rprivate\",\"noatime\"]},"
                "{\"destination\":\"/y\",\"type\":\"none\",\"source\":\"/"
                "srv\",\"options\":[\"bind\",\"ro\",\"rw\",\"nodev\"]},"
                "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"options\":[\"ro\"]}]",
                &s));
        ASSERT_NOT_LOGGED();
        ASSERT_EQ(s.value.oci.mounts.n_items, 5);
        m = s.value.oci.mounts.items;
        ASSERT_EQ(m[0].kind, MOUNT_FILE_SYSTEM);
        ASSERT_STREQ(m[0].type, "proc");
        ASSERT_STREQ(m[1].destination, "/dev");
        ASSERT_STREQ(m[1].options, "mode=755,size=1k");
        ASSERT_EQ(m[1].attributes, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
        ASSERT_EQ(m[2].kind, MOUNT_BIND);
        ASSERT_STREQ(m[2].sources[0], "/b/data");
        ASSERT_EQ(m[2].attributes, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME);
        ASSERT_TRUE(m[2].recursive && m[2].read_only && m[2].private_mount);
        ASSERT_STREQ(m[3].sources[0], "/srv");
        ASSERT_EQ(m[3].attributes, MOUNT_ATTR_NODEV);
        ASSERT_TRUE(!m[3].recursive && !m[3].read_only && !m[3].private_mount);
        ASSERT_STREQ(m[4].type, "cgroup2");
}

TEST(namespaces_users_and_paths) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(parse_text("{" VERSION "," ROOT "," PROCESS ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},"
                             "{\"type\":\"mount\"},{\"type\":\"uts\"},{\"type\":\"ipc\"},{\"type\":\"cgroup\"},"
                             "{\"type\":\"user\"},{\"type\":\"network\"}],"
                             "\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],"
                             "\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":65536}],"
                             "\"rootfsPropagation\":\"rslave\",\"maskedPaths\":[\"/proc/kcore\",\"/a/./b\"],"
                             "\"readonlyPaths\":[\"/proc/sys\"]}}",
                             &s));
        ASSERT_NOT_LOGGED();
        ASSERT_TRUE(s.value.network.private_network);
        ASSERT_EQ(s.value.users.range.mode, USERS_FIXED);
        ASSERT_EQ(s.value.users.range.base, 100000);
        ASSERT_EQ(s.value.users.range.count, 65536);
        ASSERT_EQ(s.value.oci.propagation, MS_SLAVE);
        assert_strv(s.value.oci.masked, "/proc/kcore|/a/b");
        assert_strv(s.value.oci.read_only, "/proc/sys");
}

TEST(devices) {
        _cleanup_settings_ Settings s = {};
        const OciConfig *oci = &s.value.oci;

        ASSERT_OK(parse_snippet(IN_LINUX,
                                "\"devices\":[{\"path\":\"/dev/"
                                "x\",\"type\":\"c\",\"major\":10,\"minor\":229,\"fileMode\":432,\"uid\":1,"
                                "\"gid\":2},{\"path\":\"/dev/y\",\"type\":\"p\"}],"
                                "\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"rwm\"},{\"allow\":false,"
                                "\"access\":\"rwm\"},"
                                "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":229,\"access\":\"rw\"},"
                                "{\"allow\":false,\"type\":\"c\",\"major\":10,\"minor\":1,\"access\":\"rw\"},"
                                "{\"allow\":true,\"type\":\"a\",\"major\":-1,\"minor\":-1,\"access\":\"m\"}]}",
                                &s));
        ASSERT_NOT_LOGGED();
        ASSERT_EQ(oci->n_devices, 2);
        ASSERT_STREQ(oci->devices[0].path, "/dev/x");
        ASSERT_EQ(oci->devices[0].mode, S_IFCHR | 0660);
        ASSERT_EQ(oci->devices[0].number, makedev(10, 229));
        ASSERT_EQ(oci->devices[0].gid, 2);
        ASSERT_EQ(oci->devices[1].mode, S_IFIFO | 0666);
        ASSERT_EQ(oci->n_device_rules, 3);
        ASSERT_TRUE(oci->device_rules[0].read && !oci->device_rules[0].make && !oci->device_rules[0].block);
        ASSERT_EQ(oci->device_rules[0].minor, 229);
        ASSERT_TRUE(oci->device_rules[1].make && !oci->device_rules[1].read && !oci->device_rules[1].block);
        ASSERT_TRUE(oci->device_rules[2].block && oci->device_rules[2].major == UINT32_MAX);
}

TEST(resources) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(parse_snippet(IN_LINUX,
                                "\"resources\":{\"memory\":{\"limit\":1000,\"reservation\":500,\"swap\":1500,"
                                "\"disableOOMKiller\":false},"
                                "\"cpu\":{\"shares\":1024,\"quota\":50000,\"period\":100000,\"cpus\":\"0-1\",\"mems\":"
                                "\"0\",\"idle\":0},"
                                "\"pids\":{\"limit\":-1},\"blockIO\":{\"weight\":500,\"throttleReadBpsDevice\":[{"
                                "\"major\":8,\"minor\":0,"
                                "\"rate\":7}]},\"unified\":{\"memory.high\":\"900\",\"cgroup.max.depth\":\"3\"}}",
                                &s));
        ASSERT_NOT_LOGGED();
        assert_strv(s.value.oci.cgroup,
                    "memory.max=1000|memory.low=500|memory.swap.max=500|cpu.max=50000 100000|cpu.weight=39|cpu.idle=0|"
                    "cpuset.cpus=0-1|cpuset.mems=0|pids.max=max|io.weight=4950|io.max=8:0 rbps=7|memory.high=900|"
                    "cgroup.max.depth=3");
}

TEST(resources_that_say_nothing) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(
                parse_snippet(IN_LINUX,
                              "\"resources\":{\"memory\":{\"limit\":0,\"swap\":0},\"cpu\":{\"shares\":0,\"quota\":0},"
                              "\"pids\":{\"limit\":0},\"blockIO\":{\"weight\":0},\"unified\":null}",
                              &s));
        ASSERT_NOT_LOGGED();
        assert_strv(s.value.oci.cgroup, "");
}

TEST(hooks) {
        _cleanup_settings_ Settings s = {};
        const OciHooks *hooks = s.value.oci.hooks;

        ASSERT_OK(
                parse_snippet(TOP,
                              "\"annotations\":{\"a\":\"\\\"b\"},\"hooks\":{\"prestart\":[{\"path\":\"/"
                              "x\",\"args\":[\"x\",\"y\"],"
                              "\"env\":[\"A=1\"],\"timeout\":3},{\"path\":\"/z\"}],\"poststop\":[{\"path\":\"/w\"}]}",
                              &s));
        ASSERT_NOT_LOGGED();
        ASSERT_EQ(hooks[OCI_HOOK_PRESTART].n_items, 2);
        ASSERT_STREQ(hooks[OCI_HOOK_PRESTART].items[0].path, "/x");
        assert_strv(hooks[OCI_HOOK_PRESTART].items[0].argv, "x|y");
        assert_strv(hooks[OCI_HOOK_PRESTART].items[0].environment, "A=1");
        ASSERT_EQ(hooks[OCI_HOOK_PRESTART].items[0].timeout_usec, 3 * USEC_PER_SEC);
        ASSERT_TRUE(!hooks[OCI_HOOK_PRESTART].items[1].argv && hooks[OCI_HOOK_PRESTART].items[1].timeout_usec == 0);
        ASSERT_STREQ(hooks[OCI_HOOK_POSTSTOP].items[0].path, "/w");
        ASSERT_STREQ(s.value.oci.state,
                     "\"ociVersion\":\"1.0.2\",\"bundle\":\"/b\",\"annotations\":{\"a\":\"\\\"b\"}");
}

TEST(sysctl) {
        _cleanup_settings_ Settings s = {};

        ASSERT_OK(parse_snippet(IN_LINUX,
                                "\"sysctl\":{\"net.ipv4.ip_forward\":\"1\",\"kernel.sem\":\"1 2 3 4\","
                                "\"net/ipv4/conf/a.b/forwarding\":\"0\",\"fs.mqueue.msg_max\":\"7\"}",
                                &s));
        ASSERT_NOT_LOGGED();
        assert_strv(s.value.oci.sysctl,
                    "net/ipv4/ip_forward=1|kernel/sem=1 2 3 4|net/ipv4/conf/a.b/forwarding=0|fs/mqueue/msg_max=7");
}

TEST(seccomp) {
        _cleanup_settings_ Settings s = {};
        const SeccompProfile *p = &s.value.oci.seccomp;

        ASSERT_OK(parse_snippet(
                IN_LINUX,
                "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
                "\"architectures\":[\"SCMP_ARCH_X32\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_MIPS\"],"
                "\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],"
                "\"syscalls\":[{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},"
                "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":1,\"value\":2,\"valueTwo\":"
                "3,"
                "\"op\":\"SCMP_CMP_MASKED_EQ\"},{\"index\":0,\"value\":18446744073709551615,\"op\":\"SCMP_CMP_LT\"}]},"
                "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_KILL_PROCESS\",\"args\":[{\"index\":0,\"value\":0,"
                "\"op\":\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]}]}",
                &s));
        ASSERT_NOT_LOGGED();
        ASSERT_TRUE(p->set && p->x32);
        ASSERT_EQ(p->default_action, SECCOMP_RET_ERRNO | 38);
        ASSERT_EQ(p->n_architectures, 1);
        ASSERT_EQ(p->architectures[0], AUDIT_ARCH_I386);
        ASSERT_EQ(p->flags, SECCOMP_FILTER_FLAG_LOG);
        ASSERT_EQ(p->n_rules, 4); /* one argument twice: either will do */
        assert_strv(p->rules[0].names, "read|write");
        ASSERT_EQ(p->rules[1].action, SECCOMP_RET_ERRNO | EPERM);
        ASSERT_EQ(p->rules[1].n_conditions, 2);
        ASSERT_EQ(p->rules[1].conditions[0].op, SECCOMP_MASKED_EQUAL);
        ASSERT_TRUE(p->rules[1].conditions[1].value == UINT64_MAX);
        ASSERT_EQ(p->rules[2].n_conditions, 1);
        ASSERT_EQ(p->rules[3].conditions[0].value, 8);
}

TEST(refusals_name_the_property) {
        static const struct {
                Place place;
                const char *snippet, *line;
        } cases[] = {
                { TOP, "\"hostname\":\"a b\"",
                  "hostname: \"a b\" is not a host name (letters, digits, inner hyphens and dots, at most 64)" },
                { TOP, "\"hostname\":1", "hostname: must be a string" },
                { TOP, "\"domainname\":\"x\"", "domainname: not supported: the machine's domain name cannot be set" },
                { TOP, "\"hooks\":{\"startContainer\":[{\"path\":\"/x\"}]}",
                  "hooks.startContainer: not supported: nothing is run in the machine before its command" },
                { TOP, "\"hooks\":{\"poststop\":[{\"path\":\"/x\"},{\"args\":[\"x\"]}]}",
                  "hooks.poststop[1]: path must be absolute" },
                { TOP, "\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"timeout\":0}]}",
                  "hooks.prestart[0]: timeout must be more than 0" },
                { TOP, "\"hooks\":{\"prestart\":[{\"path\":\"/x\",\"env\":[\"A\"]}]}",
                  "hooks.prestart[0].env[0]: \"A\" is not an assignment NAME=VALUE" },
                { TOP, "\"mounts\":{}", "mounts: must be an array" },
                { TOP, "\"mounts\":[1]", "mounts[0]: must be an object" },
                { TOP, "\"mounts\":[null]", "mounts[0]: an element cannot be null" },
                { TOP, "\"mounts\":[{\"type\":\"tmpfs\"}]", "mounts[0]: destination is missing" },
                { TOP, "\"mounts\":[{\"destination\":\"/x\"}]", "mounts[0]: type is missing" },
                { TOP, "\"mounts\":[{\"destination\":\"x\",\"type\":\"tmpfs\"}]",
                  "mounts[0]: \"x\" is not an absolute path without \"..\"" },
                { TOP, "\"mounts\":[{\"destination\":\"/x/../..\",\"type\":\"tmpfs\"}]",
                  "mounts[0]: \"/x/../..\" is not an absolute path without \"..\"" },
                { TOP, "\"mounts\":[{\"destination\":\"/\",\"type\":\"tmpfs\"}]",
                  "mounts[0]: nothing can be mounted on / itself" },
                { TOP, "\"mounts\":[{\"destination\":\"/x\",\"type\":\"ext4\",\"source\":\"/dev/sda\"}]",
                  "mounts[0].type: \"ext4\" is not supported: tmpfs, proc, sysfs, devpts, mqueue, cgroup and bind "
                  "are" },
                { TOP, "\"mounts\":[{\"destination\":\"/x\",\"type\":\"proc\"}]",
                  "mounts[0]: proc can be mounted on /proc alone" },
                { TOP, "\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\"}]",
                  "mounts[0]: a bind mount needs a source" },
                { TOP,
                  "\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/"
                  "x\",\"options\":[\"rshared\"]}]",
                  "mounts[0].options: \"rshared\" is not supported" },
                { TOP,
                  "\"mounts\":[{\"destination\":\"/x\",\"type\":\"bind\",\"source\":\"/x\",\"options\":[\"size=1\"]}]",
                  "mounts[0].options: \"size=1\" is nothing that a bind mount can have" },
                { TOP, "\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\",\"options\":[\"a,b\"]}]",
                  "mounts[0].options: \"a,b\" is not an option" },
                { TOP,
                  "\"mounts\":[{\"destination\":\"/x\",\"type\":\"tmpfs\"},{\"destination\":\"/x\",\"type\":\"bind\","
                  "\"source\":\"/x\",\"uidMappings\":[{}]}]",
                  "mounts[1].uidMappings: not supported: the owners of a single mount cannot be mapped by a bundle, "
                  "--bind= can" },
                { IN_PROCESS, "\"apparmorProfile\":\"x\"",
                  "process.apparmorProfile: not supported: AppArmor profiles cannot be set" },
                { IN_PROCESS, "\"terminal\":\"yes\"", "process.terminal: must be true or false" },
                { IN_PROCESS, "\"user\":{\"uid\":-1}", "process.user.uid: this number is out of range" },
                { IN_PROCESS, "\"user\":{\"uid\":4294967295}", "process.user.uid: this number is out of range" },
                { IN_PROCESS, "\"user\":{\"uid\":1.5}", "process.user.uid: must be a number" },
                { IN_PROCESS, "\"user\":{\"additionalGids\":[0,99999999999]}",
                  "process.user.additionalGids[1]: this number is out of range" },
                { IN_PROCESS, "\"user\":{\"umask\":512}", "process.user.umask: this number is out of range" },
                { IN_PROCESS, "\"env\":[\"A=1\",\"B\"]", "process.env[1]: \"B\" is not an assignment NAME=VALUE" },
                { IN_PROCESS, "\"env\":\"A=1\"", "process.env: must be an array" },
                { IN_PROCESS, "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1}]",
                  "process.rlimits[0]: type, soft and hard are all needed" },
                { IN_PROCESS, "\"rlimits\":[{\"type\":\"NOFILE\",\"soft\":1,\"hard\":1}]",
                  "process.rlimits[0]: \"NOFILE\" is not the name of a resource limit" },
                { IN_PROCESS, "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":2,\"hard\":1}]",
                  "process.rlimits[0]: \"RLIMIT_CORE=2:1\" is not a resource limit NAME=SOFT[:HARD], soft at most "
                  "hard; "
                  "\"help\" lists the names" },
                { IN_PROCESS,
                  "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":1,\"hard\":1},{\"type\":\"RLIMIT_CORE\",\"soft\":1,"
                  "\"hard\":1}]",
                  "process.rlimits[1]: RLIMIT_CORE is given a second time" },
                { IN_PROCESS, "\"oomScoreAdj\":1001",
                  "process.oomScoreAdj: \"1001\" is not a number from -1000 to 1000" },
                { IN_LINUX, "\"rootfsPropagation\":\"shared\"",
                  "linux.rootfsPropagation: \"shared\" is not supported: a machine's mounts are never the host's" },
                { IN_LINUX, "\"uidMappings\":[{\"containerID\":0,\"hostID\":1,\"size\":1}]",
                  "linux.uidMappings: linux.namespaces has no \"user\"" },
                { IN_LINUX, "\"uidMappings\":[{\"containerID\":1,\"hostID\":1,\"size\":1}]",
                  "linux.uidMappings[0]: a range that does not begin with containerID 0 is not supported" },
                { IN_LINUX, "\"maskedPaths\":[\"/\"]",
                  "linux.maskedPaths[0]: this is not for / itself: there is root.readonly" },
                { IN_LINUX, "\"maskedPaths\":[\"proc\"]",
                  "linux.maskedPaths[0]: \"proc\" is not an absolute path without \"..\"" },
                { IN_LINUX, "\"devices\":[{\"path\":\"/x\",\"type\":\"d\"}]",
                  "linux.devices[0]: \"d\" is not one of c, u, b, p" },
                { IN_LINUX, "\"devices\":[{\"path\":\"/x\",\"type\":\"c\"}]",
                  "linux.devices[0]: major and minor are needed" },
                { IN_LINUX, "\"devices\":[{\"path\":\"/x\",\"type\":\"p\"},{\"path\":\"/x/\",\"type\":\"p\"}]",
                  "linux.devices[1]: /x is given a second time" },
                { IN_LINUX,
                  "\"resources\":{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":1,\"access\":\"rwm\"},"
                  "{\"allow\":false,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"r\"}]}",
                  "linux.resources.devices[1]: a part of what an earlier rule allows cannot be taken away" },
                { IN_LINUX, "\"resources\":{\"devices\":[{\"allow\":true,\"access\":\"x\"}]}",
                  "linux.resources.devices[0]: \"x\" is not made of r, w and m" },
                { IN_LINUX, "\"resources\":{\"devices\":[{\"allow\":true,\"major\":-2}]}",
                  "linux.resources.devices[0]: there is no such device" },
                { IN_LINUX, "\"sysctl\":{\"kernel.panic\":\"1\"}",
                  "linux.sysctl[\"kernel.panic\"]: this setting is the host's, and not the machine's own" },
                { IN_LINUX, "\"sysctl\":{\"kernel.hostname\":\"x\"}",
                  "linux.sysctl[\"kernel.hostname\"]: this setting is the host's, and not the machine's own" },
                { IN_LINUX, "\"sysctl\":{\"net..ip\":\"1\"}",
                  "linux.sysctl[\"net..ip\"]: this is not a name and a value of one line" },
                { IN_LINUX, "\"sysctl\":{\"net.x\":1}", "linux.sysctl[\"net.x\"]: must be a string" },
                { IN_LINUX, "\"resources\":{\"memory\":{\"limit\":10,\"swap\":5}}",
                  "linux.resources.memory: swap is memory and swap together: it must not be less than limit" },
                { IN_LINUX, "\"resources\":{\"memory\":{\"kernel\":5}}",
                  "linux.resources.memory.kernel: not supported: this is of control groups of version 1" },
                { IN_LINUX, "\"resources\":{\"blockIO\":{\"weight\":1001}}",
                  "linux.resources.blockIO.weight: this number is out of range" },
                { IN_LINUX, "\"resources\":{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8}]}}",
                  "linux.resources.blockIO.throttleReadBpsDevice[0]: major, minor and rate are all needed" },
                { IN_LINUX, "\"resources\":{\"unified\":{\"../x.y\":\"1\"}}",
                  "linux.resources.unified[\"../x.y\"]: this is not a file of a control group and one line for it" },
                { IN_LINUX, "\"resources\":{\"unified\":{\"cgroup.procs\":\"1\"}}",
                  "linux.resources.unified[\"cgroup.procs\"]: this file is not a limit" },
                { IN_LINUX, "\"seccomp\":{\"syscalls\":[]}", "linux.seccomp: the action is missing" },
                { IN_LINUX, "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
                  "linux.seccomp: the action \"SCMP_ACT_NOTIFY\" is not supported" },
                { IN_LINUX,
                  "\"seccomp\":{\"defaultAction\":\"SCMP_ACT_KILL\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_"
                  "KILL\"}]}",
                  "linux.seccomp.syscalls[0]: names no system call" },
                { IN_LINUX, "\"seccomp\":{\"architectures\":[\"SCMP_ARCH_VAX\"]}",
                  "linux.seccomp.architectures[0]: the architecture \"SCMP_ARCH_VAX\" is not supported" },
                { IN_LINUX, "\"seccomp\":{\"flags\":[\"X\"]}",
                  "linux.seccomp.flags[0]: the flag \"X\" is not supported" },
                { IN_LINUX, "\"seccomp\":{\"listenerPath\":\"/x\"}",
                  "linux.seccomp.listenerPath: not supported: nobody is told of system calls" },
                { IN_LINUX, "\"seccomp\":{\"syscalls\":[{\"names\":[\"@known\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
                  "linux.seccomp.syscalls[0].names[0]: \"@known\" is not the name of a system call" },
                { IN_LINUX, "\"seccomp\":{\"syscalls\":[{\"names\":[\"read\"],\"args\":[{\"index\":6}]}]}",
                  "linux.seccomp.syscalls[0].args[0].index: this number is out of range" },
                { IN_LINUX,
                  "\"seccomp\":{\"syscalls\":[{\"names\":[\"read\"],\"args\":[{\"index\":5,\"op\":\"SCMP_CMP_EQ\"}]}]"
                  "}",
                  "linux.seccomp.syscalls[0].args[0]: index, value and op are all needed" },
                { IN_LINUX, "\"intelRdt\":{\"closID\":\"x\"}",
                  "linux.intelRdt: not supported: Intel RDT cannot be set up" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_refused(cases[i].place, cases[i].snippet, cases[i].line);
}

/* Runtimes write much that asks for nothing, and later versions of the specification have more of it. */
TEST(what_says_nothing_or_is_unknown_is_ignored) {
        static const struct {
                Place place;
                const char *snippet;
        } cases[] = {
                { TOP, "\"hooks\":{}" },
                { TOP, "\"hooks\":{\"startContainer\":[],\"poststop\":null}" },
                { TOP, "\"hostname\":null" },
                { TOP, "\"annotations\":{\"org.x\":\"y\",\"\":{}}" },
                { TOP, "\"magic\":{\"args\":7}" },
                { IN_PROCESS, "\"apparmorProfile\":\"\"" },
                { IN_PROCESS, "\"magic\":[[[]]]" },
                { IN_LINUX, "\"resources\":{\"memory\":{},\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}" },
                { IN_LINUX, "\"intelRdt\":null" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_settings_ Settings s = {};

                ASSERT_OK(parse_snippet(cases[i].place, cases[i].snippet, &s));
                ASSERT_NOT_LOGGED();
        }
}

TEST_MAIN
