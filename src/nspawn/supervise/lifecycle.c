/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: pure. A machine that is being started has nothing to lose and is killed when it is to stop;
 * one that runs is asked first and killed at the second request or when its time is over. Nothing brings an ended
 * run back: a reboot is a new run, which begins in LIFECYCLE_STARTING. */

#include "supervise/lifecycle.h"

#include "log.h"

typedef struct Transition {
        LifecycleAction action;
        LifecycleState next;
} Transition;

#define STAY(state)                                                                                                   \
        { LIFECYCLE_NOTHING, LIFECYCLE_##state }
#define GO(action, state)                                                                                             \
        { LIFECYCLE_##action, LIFECYCLE_##state }

static const Transition transitions[_LIFECYCLE_STATE_MAX][_LIFECYCLE_EVENT_MAX] = {
        [LIFECYCLE_STARTING] = {
                [LIFECYCLE_EVENT_STARTED] = GO(NOTHING, RUNNING),
                [LIFECYCLE_EVENT_STOP] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_POWEROFF] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_REBOOT] = STAY(STARTING),
                [LIFECYCLE_EVENT_KILL] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_TIMEOUT] = STAY(STARTING),
                [LIFECYCLE_EVENT_FAILED] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_EXITED] = GO(FINISH, ENDED),
        },
        [LIFECYCLE_RUNNING] = {
                [LIFECYCLE_EVENT_STARTED] = STAY(RUNNING),
                [LIFECYCLE_EVENT_STOP] = GO(ASK_POWEROFF, STOPPING),
                [LIFECYCLE_EVENT_POWEROFF] = GO(ASK_POWEROFF, STOPPING),
                [LIFECYCLE_EVENT_REBOOT] = GO(ASK_REBOOT, STOPPING),
                [LIFECYCLE_EVENT_KILL] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_TIMEOUT] = STAY(RUNNING),
                [LIFECYCLE_EVENT_FAILED] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_EXITED] = GO(FINISH, ENDED),
        },
        [LIFECYCLE_STOPPING] = {
                [LIFECYCLE_EVENT_STARTED] = STAY(STOPPING),
                [LIFECYCLE_EVENT_STOP] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_POWEROFF] = STAY(STOPPING),
                [LIFECYCLE_EVENT_REBOOT] = STAY(STOPPING),
                [LIFECYCLE_EVENT_KILL] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_TIMEOUT] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_FAILED] = GO(KILL, KILLED),
                [LIFECYCLE_EVENT_EXITED] = GO(FINISH, ENDED),
        },
        [LIFECYCLE_KILLED] = {
                [LIFECYCLE_EVENT_STARTED] = STAY(KILLED),
                [LIFECYCLE_EVENT_STOP] = STAY(KILLED),
                [LIFECYCLE_EVENT_POWEROFF] = STAY(KILLED),
                [LIFECYCLE_EVENT_REBOOT] = STAY(KILLED),
                [LIFECYCLE_EVENT_KILL] = STAY(KILLED),
                [LIFECYCLE_EVENT_TIMEOUT] = STAY(KILLED),
                [LIFECYCLE_EVENT_FAILED] = STAY(KILLED),
                [LIFECYCLE_EVENT_EXITED] = GO(FINISH, ENDED),
        },
        [LIFECYCLE_ENDED] = {
                [LIFECYCLE_EVENT_STARTED] = STAY(ENDED),
                [LIFECYCLE_EVENT_STOP] = STAY(ENDED),
                [LIFECYCLE_EVENT_POWEROFF] = STAY(ENDED),
                [LIFECYCLE_EVENT_REBOOT] = STAY(ENDED),
                [LIFECYCLE_EVENT_KILL] = STAY(ENDED),
                [LIFECYCLE_EVENT_TIMEOUT] = STAY(ENDED),
                [LIFECYCLE_EVENT_FAILED] = STAY(ENDED),
                [LIFECYCLE_EVENT_EXITED] = STAY(ENDED),
        },
};

const char *lifecycle_state_name(LifecycleState state) {
        static const char *const names[] = { "starting", "running", "stopping", "killed", "ended" };

        return names[state];
}

const char *lifecycle_event_name(LifecycleEvent event) {
        static const char *const names[] = {
                "started", "stop", "poweroff", "reboot", "kill", "timeout", "failed", "exited",
        };

        return names[event];
}

LifecycleAction lifecycle_handle(LifecycleState *state, LifecycleEvent event) {
        const Transition *t = &transitions[*state][event];

        log_debug("%s: %s -> %s", lifecycle_event_name(event), lifecycle_state_name(*state),
                  lifecycle_state_name(t->next));
        *state = t->next;
        return t->action;
}
