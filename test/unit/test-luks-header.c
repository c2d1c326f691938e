/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "luks-header.h"

#include <endian.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd.h"
#include "plan/key-cost.h"
#include "test.h"

TEST_MAIN

#define OFFSET 1048576

static int disk(const void *data, size_t size, off_t at) {
        int fd = memfd_create("disk", MFD_CLOEXEC);

        ASSERT_TRUE(fd >= 0 && ftruncate(fd, OFFSET + 65536) == 0);
        ASSERT_EQ(pwrite(fd, data, size, OFFSET + at), size);
        return fd;
}

static void put32(uint8_t *at, uint32_t value) {
        value = htobe32(value);
        memcpy(at, &value, sizeof(value));
}

/* What cryptsetup 2.6 makes, by its on-disk format. */
static void make_luks1(uint8_t header[static 592]) {
        memset(header, 0, 592);
        memcpy(header, "LUKS\xba\xbe\0\1", 8);
        put32(header + 108, 64);
        put32(header + 164, 100000);
        for (size_t i = 0; i < 8; i++) {
                put32(header + 208 + i * 48, i == 2 ? 0x00ac71f3 : 0x0000dead);
                put32(header + 208 + i * 48 + 4, i == 2 ? 1500000 : 4000000000);
                put32(header + 208 + i * 48 + 44, i == 2 ? 4000 : 4000000000);
        }
}

static int read_luks1(const uint8_t header[static 592], LuksHeader *ret) {
        _cleanup_close_ int fd = disk(header, 592, 0);

        return luks_header_read(fd, OFFSET, ret);
}

TEST(luks1) {
        uint8_t header[592];
        LuksHeader luks;

        make_luks1(header);
        ASSERT_OK(read_luks1(header, &luks));
        ASSERT_EQ(luks.version, 1);
        ASSERT_EQ(luks.iterations, 1500000); /* of the slot that is in use */
        ASSERT_EQ(luks.stripes, 4000);
        ASSERT_EQ(luks.key_size, 64);
        put32(header + 164, UINT32_MAX);
        ASSERT_OK(read_luks1(header, &luks));
        ASSERT_EQ(luks.iterations, UINT32_MAX);
}

TEST(cost_of_luks1) {
        uint8_t header[592];
        char reason[128];
        LuksHeader luks;
        KeyCost cost;

        make_luks1(header);
        ASSERT_OK(read_luks1(header, &luks));
        cost = key_cost_of_luks1(&luks);
        ASSERT_TRUE(!key_cost_is_absurd(&cost, 1 << 20, reason, sizeof(reason)));
        luks.stripes = luks.key_size = UINT32_MAX;
        cost = key_cost_of_luks1(&luks);
        ASSERT_TRUE(key_cost_is_absurd(&cost, 1 << 20, reason, sizeof(reason)));
        ASSERT_TRUE(strstr(reason, "memory"));
        luks.stripes = 1;
        luks.iterations = 2000000000;
        luks.key_size = 64;
        cost = key_cost_of_luks1(&luks);
        ASSERT_TRUE(key_cost_is_absurd(&cost, 1 << 20, reason, sizeof(reason)));
        ASSERT_TRUE(strstr(reason, "iterations"));
}

static int read_luks2(uint64_t size, const char *json, LuksHeader *ret) {
        uint8_t header[8192] = { 'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 2 };
        _cleanup_close_ int fd = -EBADF;

        size = htobe64(size);
        memcpy(header + 8, &size, sizeof(size));
        memcpy(header + 4096, json, strlen(json));
        fd = disk(header, sizeof(header), 0);
        return luks_header_read(fd, OFFSET, ret);
}

TEST(luks2) {
        LuksHeader luks;

        ASSERT_OK(read_luks2(16384, "{\"segments\":{\"0\":{\"type\":\"crypt\"}}}", &luks));
        ASSERT_EQ(luks.version, 2);
        ASSERT_TRUE(!luks.integrity);
        ASSERT_OK(read_luks2(16384, "{\"segments\":{\"0\":{\"integrity\":{\"type\":\"hmac(sha256)\"}}}}", &luks));
        ASSERT_TRUE(luks.integrity);
        ASSERT_OK(read_luks2(UINT64_MAX, "{\"segments\":{\"0\":{\"integrity\":{}}}}", &luks));
        ASSERT_TRUE(luks.integrity);
}

TEST(no_header) {
        static const char unknown[592] = "LUKS\xba\xbe\0\3", other[592] = "LUKX\xba\xbe\0\1";
        _cleanup_close_ int third = disk(unknown, sizeof(unknown), 0), not_luks = disk(other, sizeof(other), 0);
        LuksHeader luks;

        ASSERT_ERR(luks_header_read(third, OFFSET, &luks), -EBADMSG);
        ASSERT_ERR(luks_header_read(not_luks, OFFSET, &luks), -EBADMSG);
        ASSERT_ERR(luks_header_read(third, OFFSET + 65536 - 100, &luks), -EBADMSG);
        ASSERT_ERR(read_luks2(0, "", &luks), -EBADMSG);
        ASSERT_ERR(read_luks2(4096, "", &luks), -EBADMSG);
}
