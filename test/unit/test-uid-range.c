/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whose users a machine gets. The numbers of names were read off systemd-nspawn 252. */

#include "plan/uid-range.h"

#include "test.h"

TEST_MAIN

TEST(of_names) {
        static const struct {
                const char *name;
                uid_t base;
        } cases[] = {
                { "foo", 1614544896 },
                { "m-1", 402391040 },
                { "x", 994902016 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                ASSERT_EQ(uid_range_of_name(cases[i].name), cases[i].base);
}

TEST(of_numbers) {
        static const uint32_t numbers[] = { 0, 1, 65535, 524288, 1878458367, 1878458368, 1878982656, UINT32_MAX };

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                ASSERT_TRUE(uid_range_may_be_picked(uid_range_of_number(numbers[i])));
        ASSERT_EQ(uid_range_of_number(0), UID_RANGE_MIN);
}

TEST(limits) {
        ASSERT_TRUE(uid_range_may_be_picked(UID_RANGE_MIN) && uid_range_may_be_picked(UID_RANGE_MAX));
        ASSERT_TRUE(!uid_range_may_be_picked(0) && !uid_range_may_be_picked(UID_RANGE_MIN - UID_RANGE_SIZE));
        ASSERT_TRUE(!uid_range_may_be_picked(UID_RANGE_MAX + UID_RANGE_SIZE));
        ASSERT_TRUE(!uid_range_may_be_picked(UID_RANGE_MIN + 1) && !uid_range_may_be_picked(UID_RANGE_FOREIGN));
        ASSERT_EQ(uid_range_base(524288 + 65535), 524288);
        ASSERT_EQ(uid_range_base(65535), 0);
}

TEST(mapping) {
        static const struct {
                UserNamespaceConfig config;
                uid_t tree;
                UserMapping expected;
        } cases[] = {
                { { { .mode = USERS_NO }, OWNERSHIP_OFF }, 524288, { 0 } },
                { { { .mode = USERS_YES }, OWNERSHIP_OFF }, 0, { 0, 65536, 0, false } },
                { { { .mode = USERS_YES }, OWNERSHIP_OFF }, 589824 + 33, { 589824, 65536, 589824, false } },
                { { { .mode = USERS_YES }, OWNERSHIP_MAP }, 589824, { 589824, 65536, 589824, false } },
                { { { .mode = USERS_IDENTITY }, OWNERSHIP_OFF }, 589824, { 0, 65536, 589824, false } },
                { { { .mode = USERS_IDENTITY }, OWNERSHIP_MAP }, 589824, { 0, 65536, 589824, true } },
                { { { USERS_FIXED, false, 1000, 5 }, OWNERSHIP_OFF }, 0, { 1000, 5, 0, false } },
                { { { USERS_FIXED, false, 1000, 5 }, OWNERSHIP_AUTO }, 0, { 1000, 5, 0, true } },
                { { { USERS_FIXED, false, 589824, 65536 }, OWNERSHIP_AUTO }, 524288, { 589824, 65536, 524288, true } },
                { { { USERS_FIXED, false, 589824, 65536 }, OWNERSHIP_FOREIGN },
                  UID_RANGE_FOREIGN,
                  { 589824, 65536, UID_RANGE_FOREIGN, true } },
                { { { USERS_FIXED, false, 589824, 65536 }, OWNERSHIP_CHOWN }, 0, { 589824, 65536, 0, false, true } },
                { { { .mode = USERS_IDENTITY }, OWNERSHIP_CHOWN }, 589824, { 0, 65536, 589824, false, true } },
                { { { .mode = USERS_IDENTITY }, OWNERSHIP_AUTO },
                  UID_RANGE_BUSY,
                  { 0, 65536, UID_RANGE_BUSY, false, true } },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const UserMapping *expected = &cases[i].expected;
                UserMapping mapping;

                ASSERT_OK(user_mapping_plan(&cases[i].config, cases[i].tree, cases[i].tree, &mapping));
                ASSERT_OK(user_mapping_complete(&cases[i].config, &mapping));
                ASSERT_EQ(mapping.count, expected->count);
                ASSERT_EQ(mapping.base, expected->base);
                ASSERT_EQ(mapping.tree_base, expected->tree_base);
                ASSERT_EQ(mapping.map_tree, expected->map_tree);
                ASSERT_EQ(mapping.chown_tree, expected->chown_tree);
        }
}

TEST(refusals) {
        UserNamespaceConfig config = { { .mode = USERS_YES }, OWNERSHIP_OFF };
        UserMapping mapping;

        ASSERT_ERR(user_mapping_plan(&config, 524288, 0, &mapping), -EINVAL);
        config = (UserNamespaceConfig){ { .mode = USERS_PICK }, OWNERSHIP_AUTO };
        ASSERT_ERR(user_mapping_plan(&config, 0, 524288, &mapping), -EINVAL);
        config.ownership = OWNERSHIP_OFF;
        ASSERT_OK(user_mapping_plan(&config, 0, 524288, &mapping));
        config = (UserNamespaceConfig){ { .mode = USERS_PICK }, OWNERSHIP_FOREIGN };
        ASSERT_OK(user_mapping_plan(&config, 0, 0, &mapping));
        ASSERT_ERR(user_mapping_complete(&config, &mapping), -EINVAL);

        /* Half given away. */
        config = (UserNamespaceConfig){ { .mode = USERS_YES }, OWNERSHIP_CHOWN };
        ASSERT_ERR(user_mapping_plan(&config, UID_RANGE_BUSY, UID_RANGE_BUSY, &mapping), -EBUSY);
        config = (UserNamespaceConfig){ { .mode = USERS_IDENTITY }, OWNERSHIP_MAP };
        ASSERT_OK(user_mapping_plan(&config, UID_RANGE_BUSY, UID_RANGE_BUSY, &mapping));
        ASSERT_ERR(user_mapping_complete(&config, &mapping), -EBUSY);

        /* Numbers that keep their lower half. */
        config = (UserNamespaceConfig){ { USERS_FIXED, false, 65536, 65535 }, OWNERSHIP_CHOWN };
        ASSERT_OK(user_mapping_plan(&config, 0, 0, &mapping));
        ASSERT_ERR(user_mapping_complete(&config, &mapping), -EINVAL);
        config.range = (UsersRange){ USERS_FIXED, false, 65537, 65536 };
        ASSERT_OK(user_mapping_plan(&config, 0, 524288, &mapping));
        ASSERT_ERR(user_mapping_complete(&config, &mapping), -EINVAL);
}
