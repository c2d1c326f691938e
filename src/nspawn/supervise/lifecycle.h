/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the supervisor does when something happens to a machine: a table of every state and every event. */

typedef enum LifecycleState {
        LIFECYCLE_STARTING, /* the stages are at work */
        LIFECYCLE_RUNNING,  /* the payload is */
        LIFECYCLE_STOPPING, /* it was asked to end */
        LIFECYCLE_KILLED,   /* it was killed and has not ended yet */
        LIFECYCLE_ENDED,
        _LIFECYCLE_STATE_MAX,
} LifecycleState;

typedef enum LifecycleEvent {
        LIFECYCLE_EVENT_STARTED,  /* the payload was told to go */
        LIFECYCLE_EVENT_STOP,     /* SIGTERM, SIGINT, a stop of the scope */
        LIFECYCLE_EVENT_POWEROFF, /* hot key */
        LIFECYCLE_EVENT_REBOOT,   /* hot key */
        LIFECYCLE_EVENT_KILL,     /* hot key */
        LIFECYCLE_EVENT_TIMEOUT,  /* it did not end in time after it was asked */
        LIFECYCLE_EVENT_FAILED,   /* a stage gave up, or one of our own parts did */
        LIFECYCLE_EVENT_EXITED,   /* PID 1 has ended, or the stage that was to become it */
        _LIFECYCLE_EVENT_MAX,
} LifecycleEvent;

typedef enum LifecycleAction {
        LIFECYCLE_NOTHING,
        LIFECYCLE_ASK_POWEROFF,
        LIFECYCLE_ASK_REBOOT,
        LIFECYCLE_KILL,
        LIFECYCLE_FINISH, /* collect what is left of this run */
} LifecycleAction;

/* Moves *state on and says what to do. */
LifecycleAction lifecycle_handle(LifecycleState *state, LifecycleEvent event);

const char *lifecycle_state_name(LifecycleState state);
const char *lifecycle_event_name(LifecycleEvent event);
