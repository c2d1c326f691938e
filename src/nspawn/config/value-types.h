/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The types of values that settings_table names. Single values are in value-types.c, resource limits in
 * value-limits.c, lists and sets in value-lists.c, ports in value-ports.c, mounts in value-mounts.c, ranges of users
 * in value-users.c. */

#include "config/settings.h"

/* bool */
extern const ValueType value_bool;

/* enums */
extern const ValueType value_show;
extern const ValueType value_auto_mode;
extern const ValueType value_console;
extern const ValueType value_link_journal;
extern const ValueType value_resolv_conf;
extern const ValueType value_timezone;
extern const ValueType value_volatile;
extern const ValueType value_settings_mode;
extern const ValueType value_api_vfs_writable;

/* users, in value-users.c */
extern const ValueType value_private_users;
extern const ValueType value_private_users_if_supported;
extern const ValueType value_private_users_ownership;
extern const ValueType value_private_users_delegate;
extern const ValueType value_private_users_chown; /* the same as a boolean: chown or off */
extern const ValueType value_bind_users;          /* names on the host */
extern const ValueType value_bind_user_groups;
extern const ValueType value_bind_user_shell; /* a boolean or a path: see BindUsersConfig */

/* disk images, in image-policy.c */
extern const ValueType value_image_policy;
extern const ValueType value_root_hash;
extern const ValueType value_root_hash_signature;

/* strings */
extern const ValueType value_host_directory; /* made absolute */
extern const ValueType value_host_file;
extern const ValueType value_guest_path;
extern const ValueType value_machine_name;
extern const ValueType value_host_name;
extern const ValueType value_user;
extern const ValueType value_slice; /* ".slice" is added */
extern const ValueType value_personality;
extern const ValueType value_selinux_context;
extern const ValueType value_color;
extern const ValueType value_word;
extern const ValueType value_interface;
extern const ValueType value_zone;

/* others */
extern const ValueType value_signal;
extern const ValueType value_timespan;
extern const ValueType value_uuid;
extern const ValueType value_oom_score;   /* oom_score_adjust_set and oom_score_adjust */
extern const ValueType value_cpus;        /* cpu_affinity_set and cpu_affinity */
extern const ValueType value_mac_address; /* network_mac_set and network_mac */
extern const ValueType value_rlimit;      /* NAME=SOFT[:HARD] */
extern const ValueType value_bytes;       /* AmountLimit, like the next two: not 0 */
extern const ValueType value_bytes_or_none;
extern const ValueType value_count;

/* lists */
extern const ValueType value_arguments;
extern const ValueType value_environment;
extern const ValueType value_properties;
extern const ValueType value_capabilities;
extern const ValueType value_ambient_capabilities; /* not "all" */
extern const ValueType value_syscall_filter;       /* syscall_allow and syscall_deny */
extern const ValueType value_address_families;     /* AddressFamilies */
extern const ValueType value_veth_pairs;           /* a pointer and its count, like the next three */
extern const ValueType value_interface_pairs;
extern const ValueType value_child_interface_pairs; /* macvlan and ipvlan: no name of the guest's side */
extern const ValueType value_ports;                 /* the same, in value-ports.c */
extern const ValueType value_literal_credentials;
extern const ValueType value_loaded_credentials;

/* mounts, all of them on a MountsConfig */
extern const ValueType value_bind;
extern const ValueType value_bind_read_only;
extern const ValueType value_tmpfs;
extern const ValueType value_overlay;
extern const ValueType value_overlay_read_only;
extern const ValueType value_inaccessible;

extern const ValueType value_pivot; /* PivotConfig */

extern const ValueType value_oci_bundle; /* OciConfig, of which it is the path; in oci-bundle.c */

/* The first parameters of a parse function that needs neither. */
#define UNUSED_TYPE_ORIGIN _unused_ const ValueType *type, _unused_ ValueOrigin origin

/* For the files that define types: destroy for a char *, and replacing one. s is owned; NULL is -ENOMEM. */
void value_destroy_string(void *field);
int value_replace_string(void *field, char *s);

/* An absolute path on the host made of text, which is taken to begin at the working directory: no doubled
 * slashes, no "." parts, ".." parts kept. -EINVAL if text is empty. */
int value_make_host_path(const char *text, char **ret);

/* The same for a path in the guest: it must be absolute and without ".." parts. */
int value_make_guest_path(const char *text, char **ret);

/* For lists of mounts: frees all of them; moves *m to the end, or leaves it alone and gives -ENOMEM. */
void value_destroy_mounts(void *field);
void value_destroy_mount(CustomMount *m);
int value_add_mount(MountsConfig *mounts, CustomMount *m) _must_check_;
