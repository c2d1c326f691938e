/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Mount stacks: directories whose entries' names tell how they make up a root, as systemd.mstack(7) has them. Pure:
 * names and kinds of entries in, a plan out. */

#include <sys/types.h>

#include "macros.h"

typedef enum StackKind {
        STACK_LAYER, /* layer@ID: a lower layer of the overlay */
        STACK_RW,    /* rw: its upper layer, in "data", with "work" beside it */
        STACK_ROOT,  /* root: what is the root itself; of the overlay only /usr is shown then */
        STACK_BIND,  /* bind@PLACE and robind@PLACE */
} StackKind;

typedef struct StackItem {
        StackKind kind;
        char *name;     /* of the entry */
        char *key;      /* layers: what they are ordered by; binds: where, an absolute path in the machine */
        bool image;     /* a disk image, not a directory */
        bool read_only; /* robind@ */
} StackItem;

typedef struct StackPlan {
        StackItem *items; /* layers first, the bottom one at the very beginning; binds last, parents before children */
        size_t n_items;
        size_t n_layers;
} StackPlan;

/* Adds an entry of this name, and of this type by its mode, symlinks followed. What has no meaning in a stack is left
 * out: 0 then, else 1. -EINVAL: a name that looks like one of a stack and is none, logged; stack is for messages. */
int stack_plan_add(StackPlan *plan, const char *stack, const char *name, mode_t mode) _must_check_;

/* Puts the entries in order, and refuses what is no root. Errors are logged. */
int stack_plan_finish(StackPlan *plan, const char *stack) _must_check_;

/* The entry of a kind of which there is one at most, or NULL. */
const StackItem *stack_plan_find(const StackPlan *plan, StackKind kind);

void stack_plan_done(StackPlan *plan);
