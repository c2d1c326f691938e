/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ip-address.h"

#include <arpa/inet.h>

int ip_address_parse(int family, const char *text, IpAddress *ret) {
        IpAddress a = { .family = family };

        if (inet_pton(family, text, &a.v6) != 1)
                return -EINVAL;
        if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a.v6))
                return -EINVAL;
        *ret = a;
        return 0;
}

size_t ip_address_size(const IpAddress *a) {
        return a->family == AF_INET ? sizeof(a->v4) : a->family == AF_INET6 ? sizeof(a->v6) : 0;
}

bool ip_address_equal(const IpAddress *a, const IpAddress *b) {
        return a->family == b->family && memcmp(&a->v6, &b->v6, ip_address_size(a)) == 0;
}

bool ip_address_is_any(const IpAddress *a) {
        return a->family == AF_INET ? a->v4.s_addr == 0 : a->family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6);
}

bool ip_address_is_loopback(const IpAddress *a) {
        return a->family == AF_INET ? ntohl(a->v4.s_addr) >> 24 == IN_LOOPBACKNET
                                    : a->family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->v6);
}

const char *ip_address_text(const IpAddress *a, char buffer[static INET6_ADDRSTRLEN]) {
        if (!inet_ntop(a->family, &a->v6, buffer, INET6_ADDRSTRLEN))
                buffer[0] = 0;
        return buffer;
}
