/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Properties are appended to a message on a connection whose other end never answers, and read back. */

#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/unit-property.h"
#include "log.h"
#include "test.h"

TEST_MAIN

static sd_bus *bus;
static int peer = -EBADF;

static sd_bus_message *new_message(void) {
        sd_bus_message *m;
        int pair[2];

        if (!bus) {
                log_set_max_level(LOG_EMERG);
                ASSERT_TRUE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) >= 0);
                peer = pair[1];
                ASSERT_OK(sd_bus_new(&bus));
                ASSERT_OK(sd_bus_set_fd(bus, pair[0], pair[0]));
                ASSERT_OK(sd_bus_start(bus));
        }
        ASSERT_OK(sd_bus_message_new_method_call(bus, &m, NULL, "/", NULL, "Test"));
        ASSERT_OK(sd_bus_message_open_container(m, 'a', "(sv)"));
        return m;
}

/* Appends, checks name and type, and leaves the message inside the variant. */
static sd_bus_message *value_of(const char *assignment, const char *name, const char *type) {
        sd_bus_message *m = new_message();
        const char *found;

        ASSERT_OK(unit_property_append(m, assignment));
        ASSERT_OK(sd_bus_message_close_container(m));
        ASSERT_OK(sd_bus_message_seal(m, 1, 0));
        ASSERT_OK(sd_bus_message_rewind(m, true));
        ASSERT_TRUE(sd_bus_message_enter_container(m, 'a', "(sv)") > 0);
        ASSERT_TRUE(sd_bus_message_enter_container(m, 'r', "sv") > 0);
        ASSERT_OK(sd_bus_message_read(m, "s", &found));
        ASSERT_STREQ(found, name);
        ASSERT_TRUE(sd_bus_message_enter_container(m, 'v', type) > 0);
        return m;
}

TEST(numbers) {
        static const struct {
                const char *assignment, *name;
                uint64_t value;
        } cases[] = {
                { "MemoryMax=512", "MemoryMax", 512 },
                { "MemoryMax=1.5G", "MemoryMax", 1610612736 },
                { "MemoryMax=infinity", "MemoryMax", UINT64_MAX },
                { "TasksMax=100", "TasksMax", 100 },
                { "CPUQuota=150%", "CPUQuotaPerSecUSec", 1500000 },
                { "CPUQuota=", "CPUQuotaPerSecUSec", UINT64_MAX },
                { "CPUWeight=idle", "CPUWeight", 0 },
                { "IOWeight=", "IOWeight", UINT64_MAX },
                { "TimeoutStopSec=90", "TimeoutStopUSec", 90000000 },
                { "TimeoutStopSec=5min 20s", "TimeoutStopUSec", 320000000 },
                { "RuntimeMaxSec=1h30m", "RuntimeMaxUSec", 5400000000 },
                { "CPUQuota=12.5%", "CPUQuotaPerSecUSec", 125000 },
                { "RuntimeMaxSec=500ms", "RuntimeMaxUSec", 500000 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                sd_bus_message *m = value_of(cases[i].assignment, cases[i].name, "t");
                uint64_t v;

                ASSERT_OK(sd_bus_message_read(m, "t", &v));
                ASSERT_TRUE(v == cases[i].value);
                sd_bus_message_unref(m);
        }
}

TEST(fractions) {
        sd_bus_message *m = value_of("MemoryHigh=100%", "MemoryHighScale", "u");
        uint32_t v;

        ASSERT_OK(sd_bus_message_read(m, "u", &v));
        ASSERT_TRUE(v == UINT32_MAX);
        sd_bus_message_unref(m);
}

TEST(structures) {
        sd_bus_message *m = value_of("DeviceAllow=/dev/my disk  rwm", "DeviceAllow", "a(ss)");
        const char *path, *access;
        const uint8_t *bits;
        uint64_t value;
        size_t size;

        ASSERT_OK(sd_bus_message_read(m, "a(ss)", 1, &path, &access));
        ASSERT_STREQ(path, "/dev/my disk");
        ASSERT_STREQ(access, "rwm");
        sd_bus_message_unref(m);

        m = value_of("IOReadBandwidthMax=/dev/sda 5M", "IOReadBandwidthMax", "a(st)");
        ASSERT_OK(sd_bus_message_read(m, "a(st)", 1, &path, &value));
        ASSERT_TRUE(value == 5000000);
        sd_bus_message_unref(m);

        m = value_of("IOWriteIOPSMax=/dev/sda infinity", "IOWriteIOPSMax", "a(st)");
        ASSERT_OK(sd_bus_message_read(m, "a(st)", 1, &path, &value));
        ASSERT_TRUE(value == UINT64_MAX);
        sd_bus_message_unref(m);

        m = value_of("AllowedCPUs=0-2,9", "AllowedCPUs", "ay");
        ASSERT_OK(sd_bus_message_read_array(m, 'y', (const void **) &bits, &size));
        ASSERT_EQ(size, 2);
        ASSERT_TRUE(bits[0] == 7 && bits[1] == 2);
        sd_bus_message_unref(m);
}

TEST(refused) {
        static const char *const bad[] = {
                "",
                "=",
                "MemoryMax",
                "=x",
                "NoSuchThing=1",
                "MemoryMax=",
                "MemoryMax=-1",
                "MemoryMax=1Q",
                "MemoryMax=0x10",
                "MemoryMax=1GG",
                "MemoryMax=101%",
                "MemoryMax=99999999999999999999E",
                "MemoryMax=nan",
                "CPUQuota=50",
                "CPUQuota=1e99%",
                "TimeoutStopSec=",
                "TimeoutStopSec=5x",
                "CPUAccounting=maybe",
                "AllowedCPUs=a",
                "AllowedCPUs=3-1",
                "AllowedCPUs=0-99999999",
                "KillSignal=SIGNOPE",
                "KillSignal=0",
                "KillSignal=RTMIN+99",
                "IPAddressAllow=1.2.3",
                "IPAddressAllow=1.2.3.4/33",
                "IPAddressAllow=::1/8x",
                "IODeviceWeight=/dev/sda",
                "memorymax=1",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                sd_bus_message *m = new_message();
                int r = unit_property_append(m, bad[i]);

                if (r != -EINVAL)
                        TEST_FAIL("%s: %i", bad[i], r);
                sd_bus_message_unref(m);
        }
}

TEST(last_one_counts) {
        char *list[] = { (char *) "Slice=a.slice", (char *) "SliceX=b", (char *) "Slice=c.slice", NULL };

        ASSERT_STREQ(unit_property_last(list, "Slice"), "c.slice");
        ASSERT_TRUE(!unit_property_given(list, "Description"));
        ASSERT_TRUE(!unit_property_given(NULL, "Description"));
}
