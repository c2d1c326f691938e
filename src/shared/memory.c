/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the kernel maps code in pieces of 64 kB around what is touched, so that a start in the end has
 * nearly all of the program and its libraries mapped, of which waiting takes a small part. Segments that are never
 * written hold nothing but what is in their files, so dropping their pages loses nothing. Those that are written at
 * some time, be it by the dynamic linker, are left alone. */

#include "memory.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "macros.h"

static int forget_object(struct dl_phdr_info *info, size_t size _unused_, void *userdata _unused_) {
        const uintptr_t page = (uintptr_t) sysconf(_SC_PAGESIZE) - 1;

        for (size_t i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *p = &info->dlpi_phdr[i];
                uintptr_t begin = (info->dlpi_addr + p->p_vaddr) & ~page;
                uintptr_t end = (info->dlpi_addr + p->p_vaddr + p->p_filesz + page) & ~page;

                if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
                        (void) madvise((void *) begin, end - begin, MADV_DONTNEED);
        }
        return 0;
}

void memory_give_back(void) {
        (void) malloc_trim(0);
        (void) dl_iterate_phdr(forget_object, NULL);
}
