/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/stat.h>

#include "log.h"
#include "plan/mstack.h"
#include "test.h"

static char logged[512];

static void keep_log(int level, const char *text, void *userdata) {
        (void) level, (void) userdata;
        (void) snprintf(logged, sizeof(logged), "%s", text);
}

/* Adds entries: directories, or with a "*" in front files. */
static int add_all(StackPlan *plan, const char *const *names) {
        for (; *names; names++) {
                bool file = **names == '*';
                int r = stack_plan_add(plan, "/s", *names + file, file ? S_IFREG | 0644 : S_IFDIR | 0755);

                if (r < 0)
                        return r;
        }
        return stack_plan_finish(plan, "/s");
}

/* The plan as "KIND KEY" for each entry; or an errno, with a message. */
static const char *plan_of(const char *const *names) {
        static const char *const kinds[] = {
                [STACK_LAYER] = "layer",
                [STACK_RW] = "rw",
                [STACK_ROOT] = "root",
                [STACK_BIND] = "bind",
        };
        static char text[1024];
        StackPlan plan = {};
        size_t n = 0;
        int r;

        logged[0] = text[0] = 0;
        log_set_sink(keep_log, NULL);
        r = add_all(&plan, names);
        log_set_sink(NULL, NULL);
        if (r < 0)
                (void) snprintf(text, sizeof(text), "%s", strerrorname_np(-r));
        for (size_t i = 0; i < plan.n_items && r >= 0; i++) {
                const StackItem *item = &plan.items[i];

                n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%s%s%s%s%s", i > 0 ? ", " : "",
                                       kinds[item->kind],
                                       item->kind == STACK_RW || item->kind == STACK_ROOT ? "" : " ",
                                       item->kind == STACK_RW || item->kind == STACK_ROOT ? "" : item->key,
                                       item->image ? " image" : "",
                                       item->kind != STACK_LAYER && item->read_only ? " ro" : "");
        }
        stack_plan_done(&plan);
        return text;
}

#define PLAN(...) plan_of((const char *const[]){ __VA_ARGS__, NULL })
#define ASSERT_LOGGED(part) ASSERT_TRUE(strstr(logged, part))

TEST(order) {
        ASSERT_STREQ(PLAN("layer@10", "rw", "layer@9", "*layer@2.raw"), "layer 2 image, layer 9, layer 10, rw");
        ASSERT_STREQ(PLAN("layer@1", "layer@1~rc1"), "layer 1~rc1, layer 1");
        ASSERT_STREQ(PLAN("bind@a-b-c", "robind@x", "layer@0", "bind@a"), "layer 0, bind /a, bind /x ro, bind /a/b/c");
        ASSERT_STREQ(PLAN("root", "*layer@0.raw"), "layer 0 image, root");
        ASSERT_STREQ(PLAN("*root.raw"), "root image");
}

TEST(places) {
        ASSERT_STREQ(PLAN("root", "bind@var-lib-a\\x2db"), "root, bind /var/lib/a-b");
        ASSERT_STREQ(PLAN("root", "*robind@srv.raw"), "root, bind /srv image ro");
        ASSERT_STREQ(PLAN("root", "bind@\\x2ehidden"), "root, bind /.hidden");
        ASSERT_STREQ(PLAN("bind@-"), "root");
        ASSERT_STREQ(PLAN("robind@-"), "root ro");
        /* A directory may end in .raw: that is part of its name. */
        ASSERT_STREQ(PLAN("root", "bind@a.raw"), "root, bind /a.raw");

        static const char *const bad[] = {
                "bind@",        "bind@a--b",  "bind@a-",   "bind@-a",    "bind@\\x2e\\x2e-etc",
                "bind@a-\\x2e", "bind@a\\x2", "bind@a\\y", "bind@\\x00", "bind@a\\x2f\\x2e\\x2e\\x2fb",
        };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                ASSERT_STREQ(PLAN("root", bad[i]), "EINVAL");
                ASSERT_LOGGED(bad[i]);
        }
}

TEST(what_counts) {
        ASSERT_STREQ(PLAN("layer@0", ".#layer@0.lck", ".hidden"), "layer 0");
        ASSERT_STREQ(logged, "");
        ASSERT_STREQ(PLAN("layer@0", "rwx"), "layer 0");
        ASSERT_LOGGED("\"rwx\" means nothing");
        ASSERT_STREQ(PLAN("layer@0", "tmpfs@tmp"), "layer 0");
        ASSERT_LOGGED("tmpfs@tmp");
}

TEST(refusals) {
        ASSERT_STREQ(PLAN(".x"), "ENOENT");
        ASSERT_LOGGED("no mount stack");
        ASSERT_STREQ(PLAN("bind@usr"), "ENOENT");
        ASSERT_STREQ(PLAN("rw", "root"), "EINVAL");
        ASSERT_LOGGED("no layer@ID below");
        ASSERT_STREQ(PLAN("layer@"), "EINVAL");
        ASSERT_STREQ(PLAN("*layer@.raw"), "EINVAL");
        ASSERT_STREQ(PLAN("*layer@1"), "EINVAL");
        ASSERT_LOGGED("ends in .raw");
        ASSERT_STREQ(PLAN("layer@1", "*rw.raw"), "EINVAL");
        ASSERT_STREQ(PLAN("layer@1.raw.v"), "EOPNOTSUPP");
        ASSERT_STREQ(PLAN("layer@1", "*layer@1.raw"), "ENOTUNIQ");
        ASSERT_STREQ(PLAN("root", "bind@-"), "ENOTUNIQ");
        ASSERT_STREQ(PLAN("root", "bind@a", "robind@a"), "ENOTUNIQ");
        ASSERT_LOGGED("the same place");

        StackPlan plan = {};
        ASSERT_ERR(stack_plan_add(&plan, "/s", "layer@1", S_IFIFO | 0600), -EINVAL);
        stack_plan_done(&plan);
}

TEST_MAIN
