/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The addresses of a network namespace, and routes to addresses, over rtnetlink. */

#include <stdint.h>

#include "ip-address.h"

typedef struct AddressInfo {
        IpAddress address;
        uint8_t scope;  /* RT_SCOPE_* */
        uint32_t flags; /* IFA_F_* */
} AddressInfo;

typedef struct RouteInfo {
        uint8_t type; /* RTN_* */
        int link;     /* ifindex that it leaves by; 0: none, or several */
        bool gateway; /* it goes to another station first */
} RouteInfo;

/* Requests about addresses and routes of the namespace that the socket was opened in. */
typedef struct AddressSocket AddressSocket;

int address_socket_open(AddressSocket **ret) _must_check_;
void address_socket_close(AddressSocket *s);
DEFINE_CLEANUP(AddressSocket *, address_socket_close)

/* All addresses, in the kernel's order, at most max of them. The array is the caller's. -E2BIG: there are thousands,
 * which nobody waits for; close the socket then. */
int address_list(AddressSocket *s, size_t max, AddressInfo **ret, size_t *ret_n) _must_check_;

/* Where a packet to that address would go. -ENETUNREACH and the like: nowhere. */
int route_find(AddressSocket *s, const IpAddress *address, RouteInfo *ret) _must_check_;

/* Sockets that become readable when addresses of our namespace come and go, or routes: those that leave by this
 * link. What is in them is of no interest; watch_drain() throws it away, or if there is a lot of it
 * some of it: they are then readable again. */
int address_watch_open(void) _must_check_;
int route_watch_open(int link) _must_check_;
int watch_drain(int fd);
