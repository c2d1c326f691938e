/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: pure functions of the network configuration, the machine's name and two facts about
 * the host; host/network.c carries the result out. Names and addresses are derived from stable input by
 * keyed hashes, so that a machine keeps them from one start to the next, and DHCP leases and firewall
 * rules with them. Keys and formulas are those of systemd-nspawn: a machine that changes from one program
 * to the other is the same station on the network. */

#include "plan/network.h"

#include <limits.h>

#include "log.h"
#include "siphash.h"

#define NAMING_SCHEME_HASHED 245
#define TAKEN "two network interfaces of the %s would be called %s; give one of them another name"

typedef uint8_t HashKey[SIPHASH_KEY_SIZE];

static const HashKey name_key = {
        0xe1, 0x90, 0xa4, 0x04, 0xa8, 0xef, 0x4b, 0x51, 0x8c, 0xcc, 0xc3, 0x3a, 0x9f, 0x11, 0xfc, 0xa2,
};
static const HashKey host_key = {
        0x1a, 0x37, 0x6f, 0xc7, 0x46, 0xec, 0x45, 0x0b, 0xad, 0xa3, 0xd5, 0x31, 0x06, 0x60, 0x5d, 0xb1,
};
static const HashKey guest_key = {
        0xc3, 0xc4, 0xf9, 0x19, 0xb5, 0x57, 0xb2, 0x1c, 0xe6, 0xcf, 0x14, 0x27, 0x03, 0x9c, 0xee, 0xa2,
};
static const HashKey extra_host_key = {
        0x48, 0xc7, 0xf6, 0xb7, 0xea, 0x9d, 0x4c, 0x9e, 0xb7, 0x28, 0xd4, 0xde, 0x91, 0xd5, 0xbf, 0x66,
};
static const HashKey extra_guest_key = {
        0xaf, 0x50, 0x17, 0x61, 0xce, 0xf9, 0x4d, 0x35, 0x84, 0x0d, 0x2b, 0x20, 0x54, 0xbe, 0xce, 0x59,
};
static const HashKey macvlan_key = {
        0x00, 0x13, 0x6d, 0xbc, 0x66, 0x83, 0x44, 0x81, 0xbb, 0x0c, 0xf9, 0x51, 0x1f, 0x24, 0xa6, 0x6f,
};

int network_naming_scheme(const char *environment) {
        const char *digits;
        char *e;
        long n;

        /* A leading colon only says that the kernel command line, which we do not read, comes first. */
        if (environment && *environment == ':')
                environment++;
        digits = environment ? startswith(environment, "v") : NULL;
        if (!digits)
                return INT_MAX;
        n = strtol(digits, &e, 10);
        return e == digits || *e || n <= 0 || n > INT_MAX ? INT_MAX : (int) n;
}

bool network_shorten_name(const char *name, int naming_scheme, char ret[static IFNAMSIZ]) {
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        size_t n = strlen(name);
        uint64_t hash;

        (void) snprintf(ret, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, name);
        if (n < IFNAMSIZ)
                return false;
        if (naming_scheme < NAMING_SCHEME_HASHED)
                return true;
        hash = siphash24(name, n, name_key);
        for (unsigned i = 0; i < 4; i++)
                ret[IFNAMSIZ - 5 + i] = alphabet[hash >> (18 - 6 * i) & 63];
        return true;
}

/* The address of a machine's nth link of a sort. */
static struct ether_addr derive_address(const NetworkFacts *facts, const char *machine, const HashKey key,
                                        uint64_t n) {
        uint8_t input[sizeof(sd_id128_t) + 256 + sizeof(uint64_t)];
        size_t size = 0, length = strnlen(machine, 256);
        struct ether_addr address;
        uint64_t hash;

        memcpy(input, facts->machine_id.bytes, sizeof(facts->machine_id));
        size += sizeof(facts->machine_id);
        memcpy(input + size, machine, length);
        size += length;
        if (n > 0)
                for (unsigned i = 0; i < sizeof(n); i++)
                        input[size++] = (uint8_t) (n >> (8 * i));

        hash = siphash24(input, size, key);
        for (unsigned i = 0; i < ETH_ALEN; i++)
                address.ether_addr_octet[i] = (uint8_t) (hash >> (8 * i));
        address.ether_addr_octet[0] &= 0xfe; /* one station's … */
        address.ether_addr_octet[0] |= 0x02; /* … and not from a manufacturer */
        return address;
}

static void link_operation_done(LinkOperation *op) {
        free(op->host);
        free(op->guest);
        free(op->altname);
        free(op->bridge);
}

void network_plan_done(NetworkPlan *plan) {
        for (size_t i = 0; i < plan->n_items; i++)
                link_operation_done(plan->items + i);
        free(plan->items);
        *plan = (NetworkPlan){};
}

static int check_names(const NetworkPlan *plan, const LinkOperation *op) {
        for (size_t i = 0; i < plan->n_items; i++) {
                const LinkOperation *other = plan->items + i;
                bool both_veth = op->kind == LINK_VETH && other->kind == LINK_VETH;

                if (op->guest && streq_ptr(op->guest, other->guest))
                        return log_error_errno(-EEXIST, TAKEN, "machine", op->guest);
                if (both_veth && streq(op->host, other->host))
                        return log_error_errno(-EEXIST, TAKEN, "host", op->host);
        }
        return 0;
}

/* Appends *op, whose strings are the plan's from here on, in case of failure too: network_plan() frees
 * them. */
static int add(NetworkPlan *plan, LinkOperation op, bool complete) {
        LinkOperation *bigger;
        int r;

        r = complete ? check_names(plan, &op) : -ENOMEM;
        bigger = r >= 0 ? reallocarray(plan->items, plan->n_items + 1, sizeof(LinkOperation)) : NULL;
        if (!bigger) {
                link_operation_done(&op);
                return r < 0 ? r : -ENOMEM;
        }
        plan->items = bigger;
        plan->items[plan->n_items++] = op;
        return 0;
}

/* PREFIX-NAME, cut to size; the full name is returned as well if it did not fit. False: out of memory. */
static bool make_name(const char *prefix, const char *name, const NetworkFacts *facts, char **ret, char **ret_full) {
        _cleanup_free_ char *full = NULL;
        char fitting[IFNAMSIZ];

        if (asprintf(&full, "%s-%s", prefix, name) < 0) {
                full = NULL;
                return false;
        }
        if (network_shorten_name(full, facts->naming_scheme, fitting))
                *ret_full = TAKE_PTR(full);
        *ret = strdup(fitting);
        return *ret;
}

static int plan_veth(NetworkPlan *plan, const NetworkConfig *config, const char *machine, const NetworkFacts *facts) {
        bool port = config->bridge || config->zone;
        LinkOperation op = {
                .kind = LINK_VETH,
                .guest = strdup("host0"),
                .has_address = true,
                .host_address = derive_address(facts, machine, host_key, 0),
                .guest_address = derive_address(facts, machine, guest_key, 0),
                .zone = config->zone,
                .up = port, /* else networkd's business, or the administrator's */
                .registered = true,
        };
        bool complete;

        complete = op.guest && make_name(port ? "vb" : "ve", machine, facts, &op.host, &op.altname);
        if (config->zone && asprintf(&op.bridge, "vz-%s", config->zone) < 0)
                op.bridge = NULL;
        else if (config->bridge)
                op.bridge = strdup(config->bridge);
        return add(plan, op, complete && (op.bridge || !port));
}

static int plan_veth_extra(NetworkPlan *plan, const NetworkConfig *config, const char *machine,
                           const NetworkFacts *facts) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < config->n_veth_extra; i++) {
                const InterfacePair *pair = config->veth_extra + i;
                LinkOperation op = {
                        .kind = LINK_VETH,
                        .host = strdup(pair->host),
                        .guest = strdup(pair->guest ?: pair->host),
                        .has_address = true,
                        .host_address = derive_address(facts, machine, extra_host_key, i),
                        .guest_address = derive_address(facts, machine, extra_guest_key, i),
                };

                r = add(plan, op, op.host && op.guest);
        }
        return r;
}

static int plan_physical(NetworkPlan *plan, const NetworkConfig *config) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < config->n_interfaces; i++) {
                const InterfacePair *pair = config->interfaces + i;
                LinkOperation op = {
                        .kind = LINK_PHYSICAL,
                        .host = strdup(pair->host),
                        .guest = strdup(pair->guest ?: pair->host),
                };

                r = add(plan, op, op.host && op.guest);
        }
        return r;
}

/* A link on top of one of the host's. Without a name of its own for the guest it is called PREFIX-HOST. */
static int plan_stacked(NetworkPlan *plan, LinkOperation op, const char *prefix, const InterfacePair *pair,
                        const NetworkFacts *facts) {
        bool complete;

        op.host = strdup(pair->host);
        if (!pair->guest || streq(pair->guest, pair->host))
                complete = make_name(prefix, pair->host, facts, &op.guest, &op.altname);
        else
                complete = (op.guest = strdup(pair->guest));
        return add(plan, op, complete && op.host);
}

static int plan_macvlan(NetworkPlan *plan, const NetworkConfig *config, const char *machine,
                        const NetworkFacts *facts) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < config->n_macvlan; i++) {
                LinkOperation op = {
                        .kind = LINK_MACVLAN,
                        .has_address = true,
                        .guest_address = derive_address(facts, machine, macvlan_key, i),
                };

                r = plan_stacked(plan, op, "mv", config->macvlan + i, facts);
        }
        return r;
}

static int plan_ipvlan(NetworkPlan *plan, const NetworkConfig *config, const NetworkFacts *facts) {
        const LinkOperation op = { .kind = LINK_IPVLAN };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < config->n_ipvlan; i++)
                r = plan_stacked(plan, op, "iv", config->ipvlan + i, facts);
        return r;
}

int network_plan(const NetworkConfig *config, const char *machine, const NetworkFacts *facts, NetworkPlan *ret) {
        _cleanup_(network_plan_done) NetworkPlan plan = {};
        int r;

        if (!config->private_network || config->namespace_path) {
                *ret = (NetworkPlan){};
                return 0;
        }
        if (isempty(machine))
                return log_error_errno(-EINVAL, "a machine without a name cannot have a network of its own");

        r = add(&plan, (LinkOperation){ .kind = LINK_LOOPBACK }, true);
        if (r >= 0)
                r = plan_physical(&plan, config);
        if (r >= 0 && (config->veth || config->bridge || config->zone))
                r = plan_veth(&plan, config, machine, facts);
        if (r >= 0)
                r = plan_veth_extra(&plan, config, machine, facts);
        if (r >= 0)
                r = plan_macvlan(&plan, config, machine, facts);
        if (r >= 0)
                r = plan_ipvlan(&plan, config, facts);
        if (r < 0)
                return r;
        *ret = plan;
        plan = (NetworkPlan){};
        return 0;
}

static void print_address(const LinkOperation *op, const struct ether_addr *address, FILE *f) {
        if (!op->has_address)
                return;
        for (unsigned i = 0; i < ETH_ALEN; i++)
                fprintf(f, "%c%02x", i == 0 ? ' ' : ':', address->ether_addr_octet[i]);
}

static void print_operation(const LinkOperation *op, FILE *f) {
        static const char *const kinds[] = {
                [LINK_LOOPBACK] = "loopback", [LINK_PHYSICAL] = "physical", [LINK_VETH] = "veth",
                [LINK_MACVLAN] = "macvlan",   [LINK_IPVLAN] = "ipvlan",
        };

        fputs(kinds[op->kind], f);
        if (op->host)
                fprintf(f, " %s", op->host);
        if (op->kind == LINK_VETH)
                print_address(op, &op->host_address, f);
        if (op->guest)
                fprintf(f, " -> %s", op->guest);
        print_address(op, &op->guest_address, f);
        if (op->altname)
                fprintf(f, " altname %s", op->altname);
        if (op->bridge)
                fprintf(f, " %s %s", op->zone ? "zone" : "bridge", op->bridge);
        if (op->up)
                fputs(" up", f);
        fputc('\n', f);
}

void network_plan_print(const NetworkPlan *plan, FILE *f) {
        for (size_t i = 0; i < plan->n_items; i++)
                print_operation(plan->items + i, f);
}
