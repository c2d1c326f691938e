/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An IPv4 or IPv6 address without a port. */

#include <netinet/in.h>

#include "macros.h"

typedef struct IpAddress {
        int family; /* AF_INET or AF_INET6; AF_UNSPEC: none */
        union {
                struct in_addr v4;
                struct in6_addr v6;
        };
} IpAddress;

/* All of text, IPv6 without brackets. -EINVAL: it is no address, or one of IPv4 in the guise of IPv6. */
int ip_address_parse(int family, const char *text, IpAddress *ret) _must_check_;

/* The size of the address proper: 4 or 16, 0 for none. */
size_t ip_address_size(const IpAddress *a);

bool ip_address_equal(const IpAddress *a, const IpAddress *b);
bool ip_address_is_any(const IpAddress *a);      /* 0.0.0.0 or :: */
bool ip_address_is_loopback(const IpAddress *a); /* 127.0.0.0/8 or ::1 */

/* The usual notation, in a buffer of the caller's. Returns it. */
const char *ip_address_text(const IpAddress *a, char buffer[static INET6_ADDRSTRLEN]);
