/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "log.h"
#include "supervise/lifecycle.h"
#include "test.h"

static void assert_step(LifecycleState *state, LifecycleEvent event, LifecycleAction action, LifecycleState next) {
        LifecycleAction got = lifecycle_handle(state, event);

        if (got != action || *state != next)
                TEST_FAIL("%s: action %u, state %s; expected %u, %s", lifecycle_event_name(event), got,
                          lifecycle_state_name(*state), action, lifecycle_state_name(next));
}

TEST(polite_stop) {
        LifecycleState s = LIFECYCLE_STARTING;

        assert_step(&s, LIFECYCLE_EVENT_STARTED, LIFECYCLE_NOTHING, LIFECYCLE_RUNNING);
        assert_step(&s, LIFECYCLE_EVENT_STOP, LIFECYCLE_ASK_POWEROFF, LIFECYCLE_STOPPING);
        assert_step(&s, LIFECYCLE_EVENT_POWEROFF, LIFECYCLE_NOTHING, LIFECYCLE_STOPPING);
        assert_step(&s, LIFECYCLE_EVENT_EXITED, LIFECYCLE_FINISH, LIFECYCLE_ENDED);
}

TEST(second_request_kills) {
        LifecycleState s = LIFECYCLE_RUNNING;

        assert_step(&s, LIFECYCLE_EVENT_STOP, LIFECYCLE_ASK_POWEROFF, LIFECYCLE_STOPPING);
        assert_step(&s, LIFECYCLE_EVENT_STOP, LIFECYCLE_KILL, LIFECYCLE_KILLED);
        assert_step(&s, LIFECYCLE_EVENT_STOP, LIFECYCLE_NOTHING, LIFECYCLE_KILLED);
        assert_step(&s, LIFECYCLE_EVENT_EXITED, LIFECYCLE_FINISH, LIFECYCLE_ENDED);
}

TEST(timeout_kills) {
        LifecycleState s = LIFECYCLE_RUNNING;

        assert_step(&s, LIFECYCLE_EVENT_TIMEOUT, LIFECYCLE_NOTHING, LIFECYCLE_RUNNING);
        assert_step(&s, LIFECYCLE_EVENT_REBOOT, LIFECYCLE_ASK_REBOOT, LIFECYCLE_STOPPING);
        assert_step(&s, LIFECYCLE_EVENT_TIMEOUT, LIFECYCLE_KILL, LIFECYCLE_KILLED);
}

TEST(start_is_not_asked) {
        static const LifecycleEvent events[] = {
                LIFECYCLE_EVENT_STOP,
                LIFECYCLE_EVENT_POWEROFF,
                LIFECYCLE_EVENT_KILL,
                LIFECYCLE_EVENT_FAILED,
        };

        for (size_t i = 0; i < ELEMENTSOF(events); i++) {
                LifecycleState s = LIFECYCLE_STARTING;

                assert_step(&s, events[i], LIFECYCLE_KILL, LIFECYCLE_KILLED);
                /* The payload was on its way to being told to go. */
                assert_step(&s, LIFECYCLE_EVENT_STARTED, LIFECYCLE_NOTHING, LIFECYCLE_KILLED);
                assert_step(&s, LIFECYCLE_EVENT_EXITED, LIFECYCLE_FINISH, LIFECYCLE_ENDED);
        }
}

/* What holds for every cell of the table. */
TEST(every_combination) {
        for (int state = 0; state < _LIFECYCLE_STATE_MAX; state++)
                for (int event = 0; event < _LIFECYCLE_EVENT_MAX; event++) {
                        LifecycleState next = state;
                        LifecycleAction action = lifecycle_handle(&next, event);
                        bool asks = action == LIFECYCLE_ASK_POWEROFF || action == LIFECYCLE_ASK_REBOOT;

                        ASSERT_TRUE((int) next >= state); /* nothing goes back */
                        ASSERT_EQ(action == LIFECYCLE_FINISH, next == LIFECYCLE_ENDED && state != LIFECYCLE_ENDED);
                        ASSERT_EQ(action == LIFECYCLE_KILL, next == LIFECYCLE_KILLED && state != LIFECYCLE_KILLED);
                        ASSERT_EQ(asks, next == LIFECYCLE_STOPPING && state == LIFECYCLE_RUNNING);
                        if (event == LIFECYCLE_EVENT_EXITED)
                                ASSERT_EQ(next, LIFECYCLE_ENDED);
                        if (event == LIFECYCLE_EVENT_KILL || event == LIFECYCLE_EVENT_FAILED)
                                ASSERT_TRUE(next >= LIFECYCLE_KILLED);
                        if (state == LIFECYCLE_ENDED)
                                ASSERT_EQ(action, LIFECYCLE_NOTHING);
                }
}

TEST(names) {
        for (int i = 0; i < _LIFECYCLE_STATE_MAX; i++)
                ASSERT_TRUE(*lifecycle_state_name(i));
        for (int i = 0; i < _LIFECYCLE_EVENT_MAX; i++)
                ASSERT_TRUE(*lifecycle_event_name(i));
        ASSERT_STREQ(lifecycle_state_name(LIFECYCLE_ENDED), "ended");
        ASSERT_STREQ(lifecycle_event_name(LIFECYCLE_EVENT_EXITED), "exited");
}

TEST_MAIN
