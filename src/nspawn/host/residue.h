/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a dead machine may have left on the host, and its removal: by the next start of that name, by
 * --cleanup, and by the minder that outlives a killed supervisor. Network interfaces are found by name where
 * they are made. */

#include "macros.h"

typedef enum ResidueScope {
        RESIDUE_OURS, /* what /run/nspawn/NAME tells of; without one there is nothing to do */
        RESIDUE_ALL,  /* also what systemd-nspawn may have left for that name: --cleanup */
} ResidueScope;

/* Kills and removes all that is left of the machine. The caller must hold the machine's name lock, so there
 * is no live one; RESIDUE_ALL leaves alone what belongs to a machine that machined knows. Everything is
 * tried; returns the first error, each one logged as a warning. Nothing left is success. */
int residue_remove(const char *machine, ResidueScope scope);

/* The same, RESIDUE_OURS, for every machine that is dead: those whose name lock nobody holds. For machines whose names
 * never come again. Best effort. */
void residue_remove_dead(void);
