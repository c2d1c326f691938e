/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* System calls of a program without a C library, and where it begins. On other architectures than these it has one,
 * linked statically: that works as well, and costs some 50 pages. kernel_call() returns a negative errno. */

#include <sys/syscall.h>

int starter_main(int argc, char **argv, char **envp);

#if defined(STARTER_FREESTANDING)

#define CALL_ARGUMENTS long number, long a, long b, long c, long d, long e

#if defined(__x86_64__) && !defined(__ILP32__)
static inline long kernel_call(CALL_ARGUMENTS) {
        register long r10 __asm__("r10") = d;
        register long r8 __asm__("r8") = e;
        long result;

        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                         : "rcx", "r11", "memory");
        return result;
}

__asm__(".globl _start\n.type _start, @function\n"
        "_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call starter_begin\n hlt\n");

#elif defined(__aarch64__)
static inline long kernel_call(CALL_ARGUMENTS) {
        register long x8 __asm__("x8") = number;
        register long x0 __asm__("x0") = a;
        register long x1 __asm__("x1") = b;
        register long x2 __asm__("x2") = c;
        register long x3 __asm__("x3") = d;
        register long x4 __asm__("x4") = e;

        __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
        return x0;
}

__asm__(".globl _start\n.type _start, %function\n"
        "_start: mov x29, #0\n mov x30, #0\n mov x0, sp\n bl starter_begin\n brk #1\n");

#elif defined(__riscv) && __riscv_xlen == 64
static inline long kernel_call(CALL_ARGUMENTS) {
        register long a7 __asm__("a7") = number;
        register long a0 __asm__("a0") = a;
        register long a1 __asm__("a1") = b;
        register long a2 __asm__("a2") = c;
        register long a3 __asm__("a3") = d;
        register long a4 __asm__("a4") = e;

        __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4) : "memory");
        return a0;
}

__asm__(".globl _start\n.type _start, @function\n"
        "_start: li s0, 0\n mv a0, sp\n call starter_begin\n ebreak\n");

#else
#error "build it with a C library here"
#endif

/* What the kernel put on the stack: the number of arguments, they, NULL, the environment, NULL. */
__attribute__((noreturn, used)) void starter_begin(long *stack);
void starter_begin(long *stack) {
        int argc = (int) stack[0];
        char **argv = (char **) (stack + 1);

        (void) kernel_call(SYS_exit_group, starter_main(argc, argv, argv + argc + 1), 0, 0, 0, 0);
        __builtin_unreachable();
}

#else

#include <errno.h>
#include <unistd.h>

static inline long kernel_call(long number, long a, long b, long c, long d, long e) {
        long result = syscall(number, a, b, c, d, e);

        return result < 0 ? -errno : result;
}

int main(int argc, char *argv[]) {
        return starter_main(argc, argv, environ);
}

#endif
