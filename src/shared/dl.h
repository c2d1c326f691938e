/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Libraries that only some machines need: loaded when one does, so that the others neither wait for them nor
 * require them to be installed. */

#include "macros.h"

typedef struct DlSymbol {
        const char *name;
        void *pointer; /* to the function pointer that gets the address */
} DlSymbol;

/* One row of a table, for a function pointer variable called dl_NAME. */
#define DL_SYMBOL(function)                                                                                           \
        { #function, &dl_##function }

/* Loads a library, for the life of this process, and looks its functions up. -ENOPKG: it is not installed,
 * or lacks one of them; nothing is set then. Calling again is cheap. */
int dl_load(const char *library, const DlSymbol *symbols, size_t n_symbols) _must_check_;
