/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Forwarded ports as a table of nftables. Pure. */

#include <stdio.h>

#include "config/config.h"

/* The machine's table, of family inet. */
#define PORTS_TABLE_PREFIX "nspawn-"

/* Where ports lead to. */
typedef struct PortTarget {
        IpAddress address; /* AF_UNSPEC: the machine has none of this family yet */
        int link;          /* ifindex of the host's interface by which it is reached */
} PortTarget;

typedef struct PortsState {
        const PortForward *ports;
        size_t n_ports;
        const int *links; /* ifindices on the host behind which the machine is; at least one */
        size_t n_links;
        PortTarget ipv4, ipv6;
} PortsState;

/* Whether connections to 127.0.0.1 of the host are forwarded: what has to come out of a link then is sent from a
 * loopback address, which the kernel permits only where it is told to. */
bool ports_use_loopback(const PortsState *state);

/* The commands that put the machine's table into this state, whatever it was in before, in one transaction. */
int ports_ruleset(const char *machine, const PortsState *state, char **ret) _must_check_;

/* One line per port, made for reading and for golden tests. */
void ports_print(const PortForward *ports, size_t n_ports, FILE *f);
