/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor. A guest that does not read fills first the pty, then the ring, and then
 * nothing is read from the caller: a paste is not cut. Since hot keys must be heard all the same, the console declares
 * the input stuck after a while, and from then on what has no room is dropped, until the guest reads again. */

#include "supervise/console-input.h"

#include "log.h"
#include "terminal.h"

#define READ_SIZE 4096U
#define TYPED_SIZE (16 * 1024U)

int console_input_init(ConsoleInput *in) {
        return ring_buffer_init(&in->typed, TYPED_SIZE);
}

void console_input_done(ConsoleInput *in) {
        borrowed_fd_close(&in->caller);
        ring_buffer_done(&in->typed);
}

void console_input_begin_guest(ConsoleInput *in) {
        in->wanted = true;
}

void console_input_end_guest(ConsoleInput *in) {
        in->wanted = in->stuck = false;
        ring_buffer_consume(&in->typed, in->typed.size);
}

bool console_input_is_full(const ConsoleInput *in) {
        return in->wanted && !in->stuck && ring_buffer_space(&in->typed) == 0;
}

static void take_typed(ConsoleInput *in, uint8_t *data, size_t size, uint64_t now_usec) {
        size_t kept = 0;

        for (size_t i = 0; i < size; i++) {
                Hotkey key = in->is_terminal ? hotkey_scan(&in->scanner, data[i], now_usec) : HOTKEY_NONE;

                if (key == HOTKEY_NONE)
                        data[kept++] = data[i];
                else if (in->hotkey)
                        in->hotkey(key, in->userdata);
        }
        if (in->wanted)
                (void) ring_buffer_write(&in->typed, data, kept);
}

bool console_input_read(ConsoleInput *in, uint64_t now_usec) {
        uint8_t data[READ_SIZE];
        size_t size = sizeof(data);
        ssize_t n;

        if (in->is_terminal && !terminal_is_foreground(in->caller.fd)) {
                in->paused = true;
                return true;
        }
        if (in->wanted && !in->stuck)
                size = MIN(size, ring_buffer_space(&in->typed));
        if (size == 0)
                return true;
        n = borrowed_fd_read(&in->caller, data, size);
        if (n > 0)
                take_typed(in, data, (size_t) n, now_usec);
        return n > 0 || n == -EAGAIN;
}

void console_input_write(ConsoleInput *in, int master_fd) {
        struct iovec iov[2];
        int k = ring_buffer_peek(&in->typed, iov);
        ssize_t n;

        if (k == 0)
                return;
        n = writev(master_fd, iov, k);
        if (n <= 0)
                return;
        ring_buffer_consume(&in->typed, (size_t) n);
        in->stuck = false;
}
