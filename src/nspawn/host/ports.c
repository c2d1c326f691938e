/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the supervisor watches the addresses in the machine's network namespace, by a socket that it
 * opened in there, and the host's routes to its links; whenever one of them changes it looks at all addresses again,
 * takes one of each family, and has the machine's table (plan/ports.h) written anew if that is another one than
 * before. Nothing happens, and nobody is woken, while nothing changes. A machine that changes its addresses all the
 * time is looked at a few times a second at most, and one that has thousands of them never again.
 *
 * The machine is root of its namespace and can give itself any address: the host's, a neighbor's, that of some
 * service in the world. What it says is therefore a wish, and the host's routing table decides. An address counts if
 * the host would send a packet to it out of a link behind which this machine is, and straight to it, not through a
 * gateway. Then a forwarded connection gets to where the host's administrator (or networkd, in their name) has put
 * the machine, and the machine cannot point the port at anything else: not at the host itself, for whose own
 * addresses the route is a local one, nor at what is reached by other links. On a link of its own, all that is behind
 * it is the machine. A bridge is one network to all that are on it, and there a machine can name a neighbor's
 * address. But with such a neighbor it can talk anyway, and pass on to it what comes by the port; the neighbor sees
 * the client's or the host's address then instead of the machine's, which on a network where every station can take
 * on any address is no proof of anything. The routes may change later, and addresses of the host come. So the table
 * drops what was meant for the machine and would leave by another link, or not at all.
 *
 * Who reloads a firewall mostly begins with removing all rules there are. Ours would be missed, above all the one
 * that keeps the machine from using loopback addresses. So the supervisor is told when rules change, and writes the
 * table anew if it is gone.
 *
 * The order at the end is that at the beginning reversed: loopback addresses are forbidden on the link before the
 * table goes that keeps them from being misused. */

#include "host/ports.h"

#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <unistd.h>

#include "fd.h"
#include "host/localnet.h"
#include "host/nftables.h"
#include "host/runtime-directory.h"
#include "log.h"
#include "netlink.h"
#include "netlink-address.h"
#include "plan/ports.h"

#define ADDRESSES_MAX 256u
#define RULES_WATCH 0u /* the first watch: of the host's rules */
#define LOOKS_INTERVAL_USEC 2000000u
#define LOOKS_BURST 10u

typedef struct Watch {
        int fd;
        sd_event_source *source;
} Watch;

typedef struct Ports {
        PortsRequest request;
        PortsState state;
        int links[ELEMENTSOF(((HostNetwork *) NULL)->links)];
        AddressSocket *guest, *host;
        Watch watches[2 + ELEMENTSOF(((HostNetwork *) NULL)->links)];
        size_t n_watches;
        Localnet localnet;
        bool spoilt; /* the table is not what state says */
        bool hinted;
} Ports;

/* All but the first ones. */
static void stop_watching(Ports *p, size_t keep) {
        for (; p->n_watches > keep; p->n_watches--) {
                (void) sd_event_source_disable_unref(p->watches[p->n_watches - 1].source);
                (void) safe_close(p->watches[p->n_watches - 1].fd);
        }
}

static void ports_free(Ports *p) {
        if (!p)
                return;
        stop_watching(p, 0);
        address_socket_close(p->guest);
        address_socket_close(p->host);
        free(p);
}
DEFINE_CLEANUP(Ports *, ports_free)

typedef char TableName[sizeof(PORTS_TABLE_PREFIX) + 256];

static const char *name_table(const char *machine, TableName buffer) {
        (void) snprintf(buffer, sizeof(TableName), PORTS_TABLE_PREFIX "%s", machine);
        return buffer;
}

static int delete_table(const char *machine) {
        TableName name;

        return nftables_delete_table(name_table(machine, name));
}

/* — which address — */

static bool is_link(const Ports *p, int ifindex) {
        for (size_t i = 0; i < p->state.n_links; i++)
                if (p->links[i] == ifindex)
                        return true;
        return false;
}

/* Returns the link, or 0 if nothing is to be forwarded there. */
static int link_to(const Ports *p, const IpAddress *address) {
        char text[INET6_ADDRSTRLEN];
        RouteInfo route = {};
        int r;

        r = route_find(p->host, address, &route);
        if (r >= 0 && route.type == RTN_UNICAST && !route.gateway && is_link(p, route.link))
                return route.link;
        log_debug("%s: no port is forwarded to %s: the host does not reach it on a link to the machine",
                  p->request.machine, ip_address_text(address, text));
        return 0;
}

/* One that is in use stays so while it is there. */
static void choose(const Ports *p, int family, const AddressInfo *list, size_t n, PortTarget *target) {
        PortTarget found = {};

        for (size_t i = 0; i < n; i++) {
                const AddressInfo *a = &list[i];
                bool current = ip_address_equal(&a->address, &target->address);
                uint32_t unfit = IFA_F_TENTATIVE | IFA_F_DADFAILED | (current ? 0 : IFA_F_DEPRECATED);
                int link;

                if (a->address.family != family || a->scope >= RT_SCOPE_LINK || a->flags & unfit ||
                    (found.link > 0 && !current))
                        continue;
                link = link_to(p, &a->address);
                if (link > 0)
                        found = (PortTarget){ a->address, link };
                if (link > 0 && current)
                        break;
        }
        *target = found;
}

static bool target_equal(const PortTarget *a, const PortTarget *b) {
        return a->link == b->link && ip_address_equal(&a->address, &b->address);
}

/* — what follows from it — */

static int write_table(Ports *p) {
        _cleanup_free_ char *rules = NULL;
        char reason[160];
        int r;

        r = ports_ruleset(p->request.machine, &p->state, &rules);
        if (r < 0)
                return log_oom();
        r = nftables_run(rules, reason, sizeof(reason));
        p->spoilt = r < 0;
        if (r < 0)
                log_error("%s: cannot forward ports: %s; this takes a kernel with nf_tables and NAT",
                          p->request.machine, reason);
        return r;
}

static void follow_with_localnet(Ports *p) {
        int link = ports_use_loopback(&p->state) ? p->state.ipv4.link : 0, r;

        if (link == 0 || link == p->localnet.ifindex)
                return;
        (void) localnet_disable(&p->localnet);
        r = localnet_enable(p->request.runtime_fd, link, &p->localnet);
        if (r < 0)
                (void) log_warning_errno(r,
                                         "%s: no port is forwarded from 127.0.0.1, since loopback addresses cannot be "
                                         "permitted on the link: %m",
                                         p->request.machine);
}

/* Where a host does not forward, nothing but itself gets through, and nothing would tell why. */
static void hint_at_forwarding(Ports *p) {
        _cleanup_free_ char *value = NULL;
        char name[IFNAMSIZ], path[128];

        if (p->hinted || p->request.quiet || p->state.ipv4.link == 0 ||
            !if_indextoname((unsigned) p->state.ipv4.link, name))
                return;
        (void) snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/forwarding", name);
        if (read_file_at(AT_FDCWD, path, sizeof(path), &value, NULL) < 0 || value[0] != '0')
                return;
        p->hinted = true;
        log_notice("%s: only the host itself gets to the machine's ports: it does not forward for others; \"sysctl "
                   "net.ipv4.ip_forward=1\" makes it",
                   p->request.machine);
}

static int look(Ports *p) {
        _cleanup_free_ AddressInfo *list = NULL;
        PortTarget ipv4 = p->state.ipv4, ipv6 = p->state.ipv6;
        size_t n = 0;
        int r;

        r = address_list(p->guest, ADDRESSES_MAX, &list, &n);
        if (r == -E2BIG && p->n_watches > RULES_WATCH + 1) {
                log_warning("%s: has too many addresses, no ports are forwarded any more", p->request.machine);
                stop_watching(p, RULES_WATCH + 1); /* and go on with none */
        } else if (r < 0)
                return log_debug_errno(r, "cannot list the machine's addresses: %m");
        choose(p, AF_INET, list, n, &ipv4);
        choose(p, AF_INET6, list, n, &ipv6);
        if (!p->spoilt && target_equal(&ipv4, &p->state.ipv4) && target_equal(&ipv6, &p->state.ipv6))
                return 0;
        p->state.ipv4 = ipv4;
        p->state.ipv6 = ipv6;
        r = write_table(p);
        if (r < 0)
                return r;
        follow_with_localnet(p);
        hint_at_forwarding(p);
        return 0;
}

/* — when to look — */

static int on_change(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) revents;
        if (watch_drain(fd) < 0)
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        (void) look(userdata);
        return 0;
}

static int on_rules(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Ports *p = userdata;
        TableName name;

        (void) revents;
        if (watch_drain(fd) < 0)
                (void) sd_event_source_set_enabled(source, SD_EVENT_OFF);
        if (nftables_has_table(name_table(p->request.machine, name)) == 0)
                (void) write_table(p);
        return 0;
}

static int add_watch(Ports *p, sd_event *event, int fd, sd_event_io_handler_t handler) {
        Watch *w = &p->watches[p->n_watches];
        int r;

        if (fd < 0)
                return fd;
        *w = (Watch){ .fd = fd };
        p->n_watches++;
        r = sd_event_add_io(event, &w->source, fd, EPOLLIN, handler, p);
        return r < 0 ? r : sd_event_source_set_ratelimit(w->source, LOOKS_INTERVAL_USEC, LOOKS_BURST);
}

static int open_in_guest(void *userdata) {
        Ports *p = userdata;
        int r;

        r = address_socket_open(&p->guest);
        return r < 0 ? r : address_watch_open();
}

static int start_watching(Ports *p, sd_event *event) {
        int r;

        r = address_socket_open(&p->host);
        if (r >= 0)
                r = add_watch(p, event, nftables_watch_open(), on_rules);
        if (r >= 0)
                r = add_watch(p, event, netns_call(p->request.netns_fd, open_in_guest, p), on_change);
        for (size_t i = 0; i < p->state.n_links && r >= 0; i++)
                r = add_watch(p, event, route_watch_open(p->links[i]), on_change);
        return r < 0 ? log_error_errno(r, "cannot watch the machine's addresses: %m") : 0;
}

/* — the whole — */

static int stop(void *userdata) {
        _cleanup_(ports_free_p) Ports *p = userdata;
        int r = localnet_disable(&p->localnet), k = delete_table(p->request.machine);

        return r < 0 ? r : k;
}

int ports_check(const NetworkConfig *config) {
        int r = config->n_ports > 0 ? nftables_load() : 0;

        return r < 0 ? log_error_errno(r, "--port= takes libnftables (libnftables.so.1), which is not installed") : 0;
}

int ports_start(const PortsRequest *request, sd_event *event, UndoLog *undo) {
        _cleanup_(ports_free_p) Ports *p = NULL;
        int r;

        if (request->config->n_ports == 0)
                return 0;
        p = calloc(1, sizeof(Ports));
        if (!p)
                return log_oom();
        p->request = *request;
        p->localnet = LOCALNET_NONE;
        memcpy(p->links, request->host->links, sizeof(p->links));
        p->state = (PortsState){
                .ports = request->config->ports,
                .n_ports = request->config->n_ports,
                .links = p->links,
                .n_links = request->host->n_links,
        };
        r = runtime_record_write(request->runtime_fd, RUNTIME_RECORD_PORTS, PORTS_TABLE_PREFIX);
        if (r < 0)
                return log_error_errno(r, "cannot note that there will be forwarded ports: %m");
        r = write_table(p);
        if (r >= 0)
                r = start_watching(p, event);
        if (r < 0) {
                (void) delete_table(request->machine);
                return r;
        }
        return undo_add(undo, "forwarded ports", stop, TAKE_PTR(p));
}

int ports_remove_recorded(const char *machine, int runtime_fd) {
        _cleanup_free_ char *text = NULL;
        int r, k;

        if (runtime_record_read(runtime_fd, RUNTIME_RECORD_PORTS, &text) < 0)
                return 0;
        r = localnet_remove_recorded(runtime_fd);
        k = delete_table(machine);
        return r < 0 ? r : k;
}
