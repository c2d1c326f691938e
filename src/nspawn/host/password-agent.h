/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asking for a passphrase where there is no terminal: by the host's password agents, which find the question in a
 * directory and answer to a socket. See https://systemd.io/PASSWORD_AGENTS. */

#include <stdint.h>

#include "host/passphrase.h"

#define PASSWORD_AGENT_DIRECTORY "/run/systemd/ask-password"

typedef struct AgentQuestion {
        const char *directory; /* PASSWORD_AGENT_DIRECTORY */
        const char *message;   /* what the user is shown */
        const char *id;        /* what it is about, for agents that treat some questions in a way of their own */
        uint64_t timeout_usec;
        int runtime_fd; /* the machine's runtime directory, where the question is recorded */
} AgentQuestion;

/* True on a host where agents may be waiting. */
bool password_agent_is_there(void);

/* Asks, and waits for the answer. -ETIMEDOUT: nobody answered; -ECANCELED: somebody does not want to; -EINTR: a signal
 * asked us to stop. Silent. */
int password_agent_ask(const AgentQuestion *question, Secret *ret) _must_check_;

/* Withdraws the question that a dead machine may have left: its record tells of it. */
void password_agent_remove_recorded(int runtime_fd);
