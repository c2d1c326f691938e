/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: called in the supervisor, before it forks; the children find the library loaded. It
 * is never unloaded: libraries leave things behind that do not survive it. All symbols are resolved at
 * once, so a library that cannot work is refused here and not in the middle of something. */

#include "dl.h"

#include <dlfcn.h>

#include "log.h"

int dl_load(const char *library, const DlSymbol *symbols, size_t n_symbols) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_NODELETE), *address;

        if (!handle) {
                log_debug("%s", dlerror());
                return -ENOPKG;
        }
        for (size_t i = 0; i < n_symbols; i++)
                if (!dlsym(handle, symbols[i].name)) {
                        log_debug("%s has no %s", library, symbols[i].name);
                        (void) dlclose(handle);
                        return -ENOPKG;
                }
        for (size_t i = 0; i < n_symbols; i++) {
                address = dlsym(handle, symbols[i].name);
                memcpy(symbols[i].pointer, &address, sizeof(address)); /* ISO C has no such cast */
        }
        (void) dlclose(handle); /* counts only: RTLD_NODELETE */
        return 0;
}
