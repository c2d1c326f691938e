/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The machine's network links: their names, addresses and where they go. Pure, and printable. */

#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <systemd/sd-id128.h>

#include "config/config.h"
#include "macros.h"

/* What the host has to say about names and addresses. */
typedef struct NetworkFacts {
        sd_id128_t machine_id; /* of the host; SD_ID128_NULL if it has none */
        int naming_scheme;     /* see network_naming_scheme() */
} NetworkFacts;

typedef enum LinkKind {
        LINK_LOOPBACK, /* bring up the guest's loopback */
        LINK_PHYSICAL, /* lend the guest the host's link `host`, as `guest` */
        LINK_VETH,     /* a pair: `host` here, `guest` there */
        LINK_MACVLAN,  /* a link `guest` in the guest on top of the host's `host` */
        LINK_IPVLAN,
} LinkKind;

/* Members that a kind has no use for are NULL, zero or false. The strings are the plan's. */
typedef struct LinkOperation {
        LinkKind kind;
        char *host;    /* for veth the name to make; else one that exists, possibly an alternative name */
        char *guest;   /* physical: equal to host means "keep the name" */
        char *altname; /* the full name, if the one to be made is shortened: veth host's, else guest's */
        bool has_address;
        struct ether_addr host_address, guest_address;
        char *bridge;    /* veth: the bridge on the host whose port it becomes */
        bool zone;       /* the bridge is made when it is missing, and goes with its last port */
        bool up;         /* veth: the host's end is brought up */
        bool registered; /* the link (or its bridge) is told to the machine registry */
} LinkOperation;

typedef struct NetworkPlan {
        LinkOperation *items;
        size_t n_items;
} NetworkPlan;

/* Plans the links of a machine. An empty plan: nothing is to be done in the guest's network namespace,
 * because it is the host's or one that somebody else has set up. -EEXIST: two links would get the same
 * name on one side. -EINVAL: no machine name. Errors other than -ENOMEM are logged. */
int network_plan(const NetworkConfig *config, const char *machine, const NetworkFacts *facts,
                 NetworkPlan *ret) _must_check_;
void network_plan_done(NetworkPlan *plan);

/* One line per link, made for reading and for golden tests. */
void network_plan_print(const NetworkPlan *plan, FILE *f);

/* The version of the interface naming scheme that $NET_NAMING_SCHEME asks for ("v243" is 243). Unset,
 * "latest" or something unknown: the newest one, INT_MAX. Before 245 long names are cut, from then on
 * hashed. */
int network_naming_scheme(const char *environment);

/* Fits name into the kernel's limit for interface names. Returns true if it had to be changed. */
bool network_shorten_name(const char *name, int naming_scheme, char ret[static IFNAMSIZ]);
