/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor before anything is changed. Order matters in four places. The
 * tree is located before the settings file, since the file lies beside it. Everything is merged before
 * anything is judged, since a refusal may need a switch and a key together. Refusals come before
 * implications, which would hide who said what. And credentials are read last, when nothing else can fail. */

#include "config/resolve.h"

#include <linux/mount.h>
#include <sys/random.h>

#include "config/command-line.h"
#include "config/credentials.h"
#include "config/locate.h"
#include "config/names.h"
#include "config/oci-bundle.h"
#include "config/refusals.h"
#include "config/settings-file.h"
#include "config/value-types.h"
#include "log.h"
#include "strv.h"

/* — what follows — */

/* NAME=VALUE without a "." in NAME, as the kernel does with what it does not know itself. In a variable's
 * name "-" becomes "_". */
static int add_boot_variable(char *argument, char ***environment, bool *ret_taken) {
        size_t name = strcspn(argument, "=");
        _cleanup_free_ char *assignment = strdup(argument);

        if (!assignment)
                return -ENOMEM;
        for (size_t i = 0; i < name; i++)
                if (assignment[i] == '-')
                        assignment[i] = '_';
        *ret_taken = argument[name] == '=' && variable_name_is_valid(assignment, name);
        return *ret_taken ? strv_env_set(environment, assignment) : 0;
}

static int split_boot_arguments(PayloadConfig *payload) {
        size_t kept = 0;

        for (size_t i = 0; payload->argv && payload->argv[i]; i++) {
                char *argument = payload->argv[i];
                bool taken = false;

                if (add_boot_variable(argument, &payload->environment, &taken) < 0)
                        return log_oom();
                payload->argv[i] = NULL;
                if (taken)
                        free(argument);
                else
                        payload->argv[kept++] = argument;
        }
        return 0;
}

/* The name of a copy is its own, so that several run side by side. */
static int derive_machine_name(SourceConfig *source, const char *plain_name) {
        size_t n = MIN(strlen(plain_name), (size_t) 47); /* leaves 17 of the 64 bytes that a name may have */
        uint64_t random;

        if (source->machine)
                return 0;
        if (!source->ephemeral) {
                source->machine = strdup(plain_name);
                return source->machine ? 0 : log_oom();
        }
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return log_error_errno(errno_or_eio(), "cannot get random bytes: %m");
        while (n > 1 && plain_name[n - 1] == '.') /* no hyphen may follow a dot */
                n--;
        if (asprintf(&source->machine, "%.*s-%016llx", (int) n, plain_name, (unsigned long long) random) < 0)
                return log_oom();
        return 0;
}

/* By it journald knows where to forward to. */
static int add_journal_credential(CredentialsConfig *credentials) {
        _cleanup_free_ char *id = strdup(FORWARD_JOURNAL_CREDENTIAL), *data = strdup(FORWARD_JOURNAL_SOCKET);
        Credential *bigger = reallocarray(credentials->items, credentials->n_items + 1, sizeof(Credential));

        if (bigger)
                credentials->items = bigger;
        if (!bigger || !id || !data)
                return log_oom();
        credentials->items[credentials->n_items++] = (Credential){
                .id = TAKE_PTR(id),
                .data = TAKE_PTR(data),
                .size = CONST_STRLEN(FORWARD_JOURNAL_SOCKET),
        };
        return 0;
}

/* A bundle's mounts come first, so that those of the command line are on top. A sysfs of the machine's own network is
 * mounted piece by piece, whoever asks for it. */
static int add_bundle_mounts(MachineConfig *c) {
        MountsConfig all = {};
        int r = 0;

        for (size_t i = 0; i < c->oci.mounts.n_items && r >= 0; i++) {
                CustomMount *m = &c->oci.mounts.items[i];

                if (c->network.private_network && streq_ptr(m->type, "sysfs"))
                        c->oci.writable_sysfs = !(m->attributes & MOUNT_ATTR_RDONLY);
                else
                        r = value_add_mount(&all, m);
        }
        for (size_t i = 0; i < c->mounts.n_items && r >= 0; i++)
                r = value_add_mount(&all, &c->mounts.items[i]);
        value_destroy_mounts(&c->oci.mounts);
        value_destroy_mounts(&c->mounts);
        c->oci.mounts = (MountsConfig){};
        c->mounts = all;
        return r < 0 ? log_oom() : 0;
}

static int apply_implications(Settings *s, const char *plain_name) {
        MachineConfig *c = &s->value;
        NetworkConfig *n = &c->network;
        int r;

        c->payload.mode = s->boot ? START_BOOT : s->as_pid2 ? START_STUB : START_COMMAND;
        n->veth = n->veth || n->bridge || n->zone;
        n->private_network = network_is_private(n);
        if (c->oci.bundle) {
                c->security.capabilities = c->oci.capabilities;
                r = add_bundle_mounts(c);
                if (r < 0)
                        return r;
        }
        c->source.read_only =
                c->source.read_only || c->source.volatile_mode != VOLATILE_NO || mounts_have_root(&c->mounts);

        /* What is no machine by its name is none to those who look after machines. */
        if (c->env.share_uts)
                c->unit.registration = AUTO_NO;

        if (c->users.ownership == OWNERSHIP_DEFAULT)
                c->users.ownership = c->users.range.mode == USERS_PICK ? OWNERSHIP_AUTO : OWNERSHIP_OFF;

        if (c->payload.mode == START_BOOT) {
                r = split_boot_arguments(&c->payload);
                if (r < 0)
                        return r;
        }
        if (c->forward_journal.path) {
                r = add_journal_credential(&c->credentials);
                if (r < 0)
                        return r;
        }
        return derive_machine_name(&c->source, plain_name);
}

/* — the whole — */

/* Moves the four sources into s, strongest first. */
static int merge_all(Settings *cli, Settings *file, Settings *s) {
        _cleanup_settings_ Settings environment = {}, defaults = {};
        bool override = file && cli->value.source.settings == SETTINGS_OVERRIDE && !cli->value.oci.bundle;
        int r;

        r = settings_from_environment(&environment);
        if (r < 0)
                return r;
        r = settings_from_defaults(&defaults);
        if (r < 0)
                return r;

        settings_merge(s, override ? file : cli);
        if (file)
                settings_merge(s, override ? cli : file);
        settings_merge(s, &environment);
        settings_merge(s, &defaults);
        return 0;
}

static int resolve(Settings *cli, Settings *file, Settings *s) {
        _cleanup_free_ char *plain_name = TAKE_PTR(cli->plain_name);
        int r;

        r = merge_all(cli, file, s);
        if (r < 0)
                return r;
        r = config_refuse(s);
        if (r < 0)
                return r;
        r = apply_implications(s, plain_name);
        if (r < 0)
                return r;
        return credentials_load(&s->value.credentials);
}

int config_resolve(Settings *cli, Settings *file, MachineConfig *ret) {
        _cleanup_settings_ Settings s = {};
        int r;

        r = resolve(cli, file, &s);
        settings_free(cli);
        if (file)
                settings_free(file);
        if (r < 0)
                return r;
        *ret = TAKE(s.value, (MachineConfig){});
        return 0;
}

static int load_file_of(const Settings *cli, Settings *ret) {
        const SourceConfig *source = &cli->value.source;
        SettingsMode mode = settings_has(cli, value.source.settings) ? source->settings : SETTINGS_YES;

        if (source->cleanup || cli->value.oci.bundle)
                return 0;
        return config_load_file(cli->plain_name, cli->tree_parent, mode, NULL, ret);
}

int config_read(int argc, char *const argv[], MachineConfig *ret) {
        _cleanup_settings_ Settings cli = {}, file = {};
        int r;

        r = command_line_parse(argc, argv, &cli);
        if (r < 0)
                return r;
        if (r == 0)
                return command_line_show(&cli, stdout);
        if (cli.value.oci.bundle && !cli.value.source.cleanup) {
                r = oci_bundle_load(&cli, &file);
                if (r < 0)
                        return r;
        }
        r = config_locate(&cli, NULL);
        if (r < 0)
                return r;
        r = load_file_of(&cli, &file);
        if (r < 0)
                return r;
        r = config_resolve(&cli, &file, ret);
        return r < 0 ? r : 1;
}
