/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A background color that stays under what the guest shows, whatever it does with colors itself. */

#include <stdint.h>

#include "macros.h"

#define TINT_COLOR_MAX 64u /* as many bytes as the setting takes */

typedef enum TintState {
        TINT_TEXT,
        TINT_ESCAPE,
        TINT_ESCAPE_LONG, /* with a byte in between */
        TINT_CSI,
        TINT_STRING,        /* of a title, a device and the like: nothing in it is shown */
        TINT_STRING_ESCAPE, /* perhaps its end */
} TintState;

/* Zeroed: no tint. */
typedef struct Tint {
        char sequence[TINT_COLOR_MAX + 4]; /* what sets the color */
        size_t length;

        /* Where in the guest's output we are. */
        TintState state;
        bool plain, soft;   /* the control sequence so far: can be an SGR; is CSI ! */
        bool counted;       /* the parameter so far counts: it is no subparameter */
        unsigned parameter; /* the one being read, 1000 for all that are larger */
        unsigned skip;      /* parameters that belong to a color: how many, or UINT_MAX for not known yet */
        bool bare;          /* the background is the terminal's after the parameters so far */
} Tint;

/* color: parameters of an SGR sequence, of at most TINT_COLOR_MAX bytes. */
void tint_init(Tint *t, const char *color);

/* Looks at the next output of the guest, of which any piece may come in any call. Returns how many bytes (1 to size,
 * which is not 0) come next; *ret_again: after them, the sequence is to be put in. */
size_t tint_scan(Tint *t, const uint8_t *data, size_t size, bool *ret_again);

/* How many bytes of output surely fit into this space together with all that is put in. */
size_t tint_fitting(const Tint *t, size_t space);
