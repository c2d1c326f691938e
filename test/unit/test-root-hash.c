/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Root hashes, what they choose on a disk, and the partitions that sign them. */

#include "plan/root-hash.h"

#include <stdio.h>
#include <sys/mman.h>
#include <systemd/sd-gpt.h>
#include <unistd.h>

#include "fd.h"
#include "host/image-verity.h"
#include "log.h"
#include "plan/image.h"
#include "test.h"

TEST_MAIN

#define FIRST "00112233445566778899aabbccddeeff"
#define LAST "0123456789abcdeffedcba9876543210"
#define FIRST_ID SD_ID128_MAKE(00, 11, 22, 33, 44, 55, 66, 77, 88, 99, aa, bb, cc, dd, ee, ff)
#define LAST_ID SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, fe, dc, ba, 98, 76, 54, 32, 10)
#define OTHER_ID SD_ID128_MAKE(99, 23, 45, 67, 89, ab, cd, ef, fe, dc, ba, 98, 76, 54, 32, 10)

TEST(parse) {
        RootHash hash = {};

        ASSERT_OK(root_hash_parse(FIRST LAST "\n", &hash));
        ASSERT_EQ(hash.size, 32);
        ASSERT_TRUE(root_hash_is_of_data(&hash, FIRST_ID.bytes) && !root_hash_is_of_data(&hash, LAST_ID.bytes));
        ASSERT_TRUE(root_hash_is_of_hashes(&hash, LAST_ID.bytes) && !root_hash_is_of_hashes(&hash, FIRST_ID.bytes));
        ASSERT_EQ(root_hash_parse("0011", &hash), -EINVAL);
        ASSERT_EQ(root_hash_parse(FIRST " " LAST, &hash), -EINVAL);
        ASSERT_EQ(root_hash_parse(FIRST "0", &hash), -EINVAL);
        ASSERT_EQ(root_hash_parse(FIRST LAST FIRST LAST "00", &hash), -EINVAL);
}

/* — what is chosen — */

static char logged[512];

static void keep_log(int level, const char *text, void *userdata) {
        (void) level, (void) userdata;
        (void) snprintf(logged, sizeof(logged), "%s", text);
}

/* "root 1 with 2": the partition that is checked, and that with its hashes. */
static const char *plan(TableKind kind, RootHash *hash, bool elsewhere, Partition *items, size_t n) {
        PartitionTable table = { .kind = kind, .sector_size = 512, .items = items, .n_items = n };
        RootHashes hashes = { hash, 1, elsewhere };
        static char text[64];
        ImagePolicy policy;
        ImagePlan p;

        log_set_sink(keep_log, NULL);
        logged[0] = text[0] = 0;
        for (size_t i = 0; i < n; i++)
                items[i].number = (int) i + 1;
        ASSERT_OK(image_policy_parse("*", &policy));
        if (image_plan("x.raw", &table, &policy, &hashes, false, &p) < 0)
                return "refused";
        if (!p.hashes.used)
                return "unchecked";
        (void) snprintf(text, sizeof(text), "%s %i with %i", image_place_name(p.hashes.place),
                        p.slots[p.hashes.place].partition.number, p.hashes.partition.number);
        return text;
}

static RootHash make_hash(RootHashOf of, bool given) {
        RootHash hash = { .of = of, .given = given };

        ASSERT_OK(root_hash_parse(FIRST LAST, &hash));
        return hash;
}

#define ASSERT_CHOSEN(kind, of, given, elsewhere, expected, ...)                                                      \
        ({                                                                                                            \
                Partition _items[] = { __VA_ARGS__ };                                                                 \
                RootHash _hash = make_hash(of, given);                                                                \
                ASSERT_STREQ(plan(kind, &_hash, elsewhere, _items, ELEMENTSOF(_items)), expected);                    \
        })
#define GIVEN(expected, ...) ASSERT_CHOSEN(TABLE_GPT, ROOT_HASH_OF_ANY, true, false, expected, __VA_ARGS__)
#define ROOT(id)                                                                                                      \
        { .type = SD_GPT_ROOT_NATIVE, .uuid = id }
#define ROOT_VERITY(id)                                                                                               \
        { .type = SD_GPT_ROOT_NATIVE_VERITY, .uuid = id }
#define USR(id)                                                                                                       \
        { .type = SD_GPT_USR_NATIVE, .uuid = id }
#define USR_VERITY(id)                                                                                                \
        { .type = SD_GPT_USR_NATIVE_VERITY, .uuid = id }

TEST(a_given_hash_decides) {
        GIVEN("root 1 with 2", ROOT(FIRST_ID), ROOT_VERITY(LAST_ID));
        GIVEN("root 3 with 4", { .type = SD_GPT_ROOT_NATIVE, .label = "9", .uuid = OTHER_ID }, ROOT_VERITY(OTHER_ID),
              ROOT(FIRST_ID), ROOT_VERITY(LAST_ID));
        GIVEN("usr 2 with 3", ROOT(OTHER_ID), USR(FIRST_ID), USR_VERITY(LAST_ID));
        ASSERT_CHOSEN(TABLE_GPT, ROOT_HASH_OF_USR, true, false, "usr 2 with 3", ROOT(OTHER_ID), USR(FIRST_ID),
                      USR_VERITY(LAST_ID));
}

TEST(a_given_hash_is_not_left_aside) {
        GIVEN("refused", ROOT(OTHER_ID), ROOT_VERITY(LAST_ID));
        ASSERT_TRUE(strstr(logged, "none of its partitions is the one of this root hash"));
        GIVEN("refused", ROOT(FIRST_ID), ROOT_VERITY(OTHER_ID));
        ASSERT_TRUE(strstr(logged, "no partition or file with the hashes"));
        GIVEN("refused", ROOT(FIRST_ID), USR_VERITY(LAST_ID));
        GIVEN("refused", ROOT(FIRST_ID), ROOT_VERITY(LAST_ID), USR(OTHER_ID));
        ASSERT_TRUE(strstr(logged, "/usr partition that is not"));
        ASSERT_CHOSEN(TABLE_GPT, ROOT_HASH_OF_USR, true, false, "refused", ROOT(FIRST_ID), ROOT_VERITY(LAST_ID));
        ASSERT_CHOSEN(TABLE_NONE, ROOT_HASH_OF_ANY, true, false, "refused", { .size = 1 });
        ASSERT_CHOSEN(TABLE_NONE, ROOT_HASH_OF_USR, true, true, "refused", { .size = 1 });
}

TEST(hashes_elsewhere) {
        ASSERT_CHOSEN(TABLE_NONE, ROOT_HASH_OF_ANY, true, true, "root 1 with 0", { .size = 1 });
        ASSERT_CHOSEN(TABLE_GPT, ROOT_HASH_OF_ANY, true, true, "root 1 with 0", ROOT(FIRST_ID), ROOT_VERITY(LAST_ID));
        ASSERT_CHOSEN(TABLE_GPT, ROOT_HASH_OF_ANY, true, true, "refused", ROOT(OTHER_ID));
}

TEST(the_images_own_hash) {
#define OWN(of, expected, ...) ASSERT_CHOSEN(TABLE_GPT, of, false, false, expected, __VA_ARGS__)
        OWN(ROOT_HASH_OF_ROOT, "root 1 with 2", ROOT(FIRST_ID), ROOT_VERITY(LAST_ID));
        OWN(ROOT_HASH_OF_USR, "unchecked", ROOT(FIRST_ID), ROOT_VERITY(LAST_ID));
        OWN(ROOT_HASH_OF_ROOT, "unchecked", ROOT(FIRST_ID));
        /* it does not choose */
        OWN(ROOT_HASH_OF_ROOT, "unchecked", { .type = SD_GPT_ROOT_NATIVE, .label = "9", .uuid = OTHER_ID },
            ROOT(FIRST_ID), ROOT_VERITY(LAST_ID));
}

TEST(tree_fits) {
        /* 6144 blocks of data: 48 blocks of 128 digests, and one of 48 */
        HashTree tree = { 6144, 4096, 4096, 4096, 32 };

        ASSERT_TRUE(hash_tree_fits(&tree, 6144 * 4096, 50 * 4096));
        ASSERT_TRUE(!hash_tree_fits(&tree, 6144 * 4096, 50 * 4096 - 1));
        ASSERT_TRUE(!hash_tree_fits(&tree, 6144 * 4096 - 1, 50 * 4096));
        ASSERT_TRUE(!hash_tree_fits(&tree, 6144 * 4096, 4095));
        tree.digest_size = 20; /* takes as much room */
        ASSERT_TRUE(!hash_tree_fits(&tree, 6144 * 4096, 49 * 4096));
        tree = (HashTree){ 1, 4096, 4096, 0, 32 };
        ASSERT_TRUE(hash_tree_fits(&tree, 4096, 4096));
        tree = (HashTree){ UINT64_MAX, 512, 512, 4096, 32 };
        ASSERT_TRUE(!hash_tree_fits(&tree, UINT64_MAX, UINT64_MAX));
        tree = (HashTree){ 0, 0, 0, 0, 0 };
        ASSERT_TRUE(!hash_tree_fits(&tree, 4096, 4096));
        tree = (HashTree){ 8, 512, 32, 0, 32 }; /* would never end */
        ASSERT_TRUE(!hash_tree_fits(&tree, 1 << 20, 1 << 20));
}

/* — signatures — */

static int parse_signature(const char *text, size_t size) {
        VeritySignature s = {};
        int r = verity_signature_parse(text, size, &s);

        if (r >= 0 && (s.root_hash_size != 32 || s.signature_size != 3 || memcmp(s.signature, "foo", 3) != 0))
                r = -ENOTRECOVERABLE;
        verity_signature_done(&s);
        return r;
}
#define PARSE(text) parse_signature(text, strlen(text))
#define HASH_MEMBER "\"rootHash\":\"" FIRST LAST "\""

TEST(signature) {
        static const char padded[128] = "{" HASH_MEMBER ",\"x\":\"y\",\"signature\":\"Zm9v\"}";

        ASSERT_OK(PARSE("{" HASH_MEMBER ",\"signature\":\"Zm9v\"}"));
        ASSERT_OK(parse_signature(padded, sizeof(padded)));
        ASSERT_OK(PARSE(" { \"signature\" : \"Zm9v\" ,\n" HASH_MEMBER " } "));
        ASSERT_EQ(PARSE(""), -EBADMSG);
        ASSERT_EQ(PARSE("{}"), -EBADMSG);
        ASSERT_EQ(PARSE("{" HASH_MEMBER "}"), -EBADMSG);
        ASSERT_EQ(PARSE("{" HASH_MEMBER ",\"signature\":\"\"}"), -EBADMSG);
        ASSERT_EQ(PARSE("{" HASH_MEMBER ",\"signature\":\"Zm9v\""), -EBADMSG);
        ASSERT_EQ(PARSE("{" HASH_MEMBER "," HASH_MEMBER ",\"signature\":\"Zm9v\"}"), -EBADMSG);
        ASSERT_EQ(PARSE("{" HASH_MEMBER ",\"signature\":\"Zm9v\",\"signature\":\"Zm9v\"}"), -EBADMSG);
        ASSERT_EQ(PARSE("{\"rootHash\":\"0011\",\"signature\":\"Zm9v\"}"), -EBADMSG);
        ASSERT_EQ(PARSE("{" HASH_MEMBER ",\"signature\":\"Zm9\\u0076\"}"), -EBADMSG);
        ASSERT_EQ(PARSE("{" HASH_MEMBER ",\"signature\":{}}"), -EBADMSG);
}

/* An image of thousands of signatures is not read as a whole. */
TEST(many_signatures) {
        static const char text[] = "{\"rootHash\":\"" FIRST LAST "\",\"signature\":\"c2lnbmF0dXJl\"}";
        _cleanup_close_ int fd = memfd_create("image", MFD_CLOEXEC);
        static Partition partitions[1000];
        const PartitionTable table = {
                .kind = TABLE_GPT, .sector_size = 512, .items = partitions, .n_items = ELEMENTSOF(partitions)
        };
        SourceConfig source = {};
        ImageVerity verity = {};
        char path[32];

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", fd);
        ASSERT_TRUE(fd >= 0 && pwrite(fd, text, sizeof(text), 4096) == sizeof(text));
        for (size_t i = 0; i < ELEMENTSOF(partitions); i++)
                partitions[i] = (Partition){ .offset = 4096, .size = 4096, .type = SD_GPT_ROOT_NATIVE_VERITY_SIG };
        ASSERT_OK(image_verity_find(path, &source, fd, &table, &verity));
        ASSERT_EQ(verity.hashes.n_items, 16);
        ASSERT_EQ(verity.hashes.items[15].signature_size, 9);
        image_verity_done(&verity);
}
