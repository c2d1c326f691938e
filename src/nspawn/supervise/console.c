/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, in the host's namespaces, as event sources of its loop. The
 * guest's inner stage allocates the pty in the guest's own devpts and sends us the master.
 *
 *   guest ─ master ─► OutputQueue ─► caller's standard output     every mode but passive, which drops it
 *   guest ◄─ master ─ RingBuffer ◄─ caller's standard input       interactive; through the hot key scanner
 *
 * Each direction is a pump: take what there is and fits, pass on what is accepted. Handlers run the pumps
 * a bounded number of rounds, then settle() derives from the state alone which events to ask for, so that
 * there is exactly one place that decides about back-pressure, and an idle console wakes nobody.
 *
 * We hold the slave end open as well, without using it: the master would otherwise report a hang-up
 * whenever nobody inside has the console open, which for a booted machine is every time a getty starts. It
 * is closed when the guest is dead, and the master then reads as: the rest, then EIO.
 *
 * For the caller's terminal see console-terminal.c. */

#include "supervise/console.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "borrowed-fd.h"
#include "fd.h"
#include "log.h"
#include "supervise/output-queue.h"
#include "supervise/tint.h"

#define READ_SIZE 4096U
#define ROUNDS_MAX 4U                   /* reads or writes before other event sources get a turn */
#define INPUT_SIZE (16 * 1024U)         /* typed or pasted and not yet accepted by the guest */
#define REMAINDER_MAX (1024 * 1024U)    /* more than any pty holds: what a dead guest can have left */
#define PATIENCE_USEC UINT64_C(1000000) /* with a guest that takes no input, a caller that takes no output */
#define HOLD_USEC UINT64_C(50000)       /* how long a caller may keep a booted guest waiting … */
#define HOLD_BACKLOG (16 * 1024U)       /* … to bring the backlog down to this */

struct Console {
        sd_event *event;
        ConsoleSettings settings;
        ConsoleTerminal terminal;
        bool started; /* event sources exist */
        bool raw;     /* the terminal is, or was until a shell took it back, in raw mode */

        BorrowedFd input, output;
        sd_event_source *input_source, *output_source, *window_source, *continue_source;
        sd_event_source *patience, *hold;
        bool input_paused; /* we are a background job */
        bool input_stuck;  /* the guest accepts no input: what is typed is only looked at for hot keys */
        uint8_t last_shown;

        int master, held_slave;
        sd_event_source *master_source;
        bool held;                     /* lossy: the queue is full, the caller has a moment to make room */
        bool draining, guest_finished; /* finished: there will be no more output */
        size_t remainder;              /* bytes read since draining began */

        Tint tint;
        char *title; /* the sequence that sets it; NULL: none, or it is done */
        OutputQueue queue;
        RingBuffer typed;
        HotkeyScanner hotkeys;
};

ConsoleMode console_effective_mode(ConsoleMode mode, int input_fd, int output_fd) {
        if (mode != CONSOLE_DEFAULT && mode != CONSOLE_AUTOPIPE)
                return mode;
        if (isatty(input_fd) && isatty(output_fd))
                return CONSOLE_INTERACTIVE;
        return mode == CONSOLE_AUTOPIPE ? CONSOLE_PIPE : CONSOLE_READ_ONLY;
}

static bool is_interactive(const Console *c) {
        return c->settings.mode == CONSOLE_INTERACTIVE;
}

static bool has_guest(const Console *c) {
        return c->master >= 0;
}

const ConsoleTerminal *console_terminal(const Console *c) {
        return &c->terminal;
}

/* A background job leaves the terminal alone until SIGCONT tells that it came to the fore; and what it saved
 * when it was started were the modes of a shell that reads a command line. */
static void enter_raw(Console *c) {
        bool waited = c->input_paused;
        int r;

        c->input_paused = !terminal_is_foreground(console_terminal_fd(&c->terminal));
        if (c->input_paused)
                return;
        if (waited && !c->raw)
                console_terminal_save(&c->terminal, c->input.fd, c->output.fd);
        r = console_terminal_enter_raw(&c->terminal);
        if (r < 0)
                (void) log_warning_errno(r, "cannot put the terminal in raw mode, "
                                            "keys may not reach the machine as typed: %m");
        c->raw = true;
}

/* ---- Window size ---- */

static void forward_window_size(Console *c) {
        struct winsize size = { .ws_row = 24, .ws_col = 80 };

        if (!has_guest(c))
                return;
        if (terminal_get_size(c->output.fd, &size) < 0)
                (void) terminal_get_size(c->input.fd, &size);
        (void) terminal_set_size(c->master, &size);
}

/* ---- Pumps ---- */

/* Nobody sees the output: passive, no output given, or the caller has closed it. */
static bool is_unseen(const Console *c) {
        return c->output.fd < 0;
}

/* How much of the guest's output can be taken. */
static size_t output_space(const Console *c) {
        return is_unseen(c) ? SIZE_MAX : tint_fitting(&c->tint, output_queue_space(&c->queue));
}

/* A command whose output gets nowhere is not to go on as if it did: its writes fail from now on. */
static void hang_up(Console *c) {
        c->master_source = sd_event_source_disable_unref(c->master_source);
        c->held_slave = safe_close(c->held_slave);
        c->master = safe_close(c->master);
        c->guest_finished = true;
}

static void lose_output(Console *c, int error) {
        if (error == -EPIPE || error == -EIO)
                log_debug("nobody reads the console output any more");
        else
                (void) log_warning_errno(error, "cannot write console output, the rest of it is dropped: %m");
        c->output_source = sd_event_source_disable_unref(c->output_source);
        borrowed_fd_close(&c->output);
        output_queue_discard(&c->queue);
        if (!c->settings.lossy)
                hang_up(c);
}

/* Only after the terminal is ours, so that there is somebody to put it back. And only where there is room: without it
 * the queue would begin to drop what the guest says; its next reset of the color brings ours. */
static void decorate(Console *c) {
        size_t size = (c->title ? strlen(c->title) : 0) + c->tint.length + CONST_STRLEN("\033[J");

        if (!c->raw || is_unseen(c) || output_queue_space(&c->queue) < size)
                return;
        if (c->title)
                output_queue_put(&c->queue, c->title, strlen(c->title));
        free(TAKE_PTR(c->title));
        if (c->tint.length == 0)
                return;
        output_queue_put(&c->queue, c->tint.sequence, c->tint.length);
        output_queue_put(&c->queue, "\033[J", 3);
        c->tint.state = TINT_TEXT;
}

static void queue_output(Console *c, const uint8_t *data, size_t size) {
        while (size > 0 && c->raw && c->tint.length > 0) {
                bool again;
                size_t n = tint_scan(&c->tint, data, size, &again);

                output_queue_put(&c->queue, data, n);
                if (again)
                        output_queue_put(&c->queue, c->tint.sequence, c->tint.length);
                data += n;
                size -= n;
        }
        output_queue_put(&c->queue, data, size);
}

/* From the guest into the queue. Returns the number of bytes moved. */
static size_t pump_guest(Console *c) {
        uint8_t data[READ_SIZE];
        size_t moved = 0;

        for (unsigned i = 0; i < ROUNDS_MAX && !c->guest_finished; i++) {
                size_t space = output_space(c);
                ssize_t n;

                if (space == 0)
                        break;
                n = read(c->master, data, MIN(space, sizeof(data)));
                if (n < 0 && errno == EINTR)
                        continue;
                /* Empty: for a dead guest that is the end, even if somebody else still has its slave open. */
                if (n < 0 && errno == EAGAIN && !c->draining)
                        break;
                if (n <= 0 || (c->draining && (c->remainder += (size_t) n) > REMAINDER_MAX)) {
                        c->guest_finished = true;
                        break;
                }
                if (!is_unseen(c))
                        queue_output(c, data, (size_t) n);
                moved += (size_t) n;
        }
        return moved;
}

static uint8_t byte_at(const struct iovec iov[static 2], size_t i) {
        const uint8_t *first = iov[0].iov_base, *second = iov[1].iov_base;

        return i < iov[0].iov_len ? first[i] : second[i - iov[0].iov_len];
}

/* From the queue to the caller. Returns the number of bytes moved. */
static size_t pump_output(Console *c) {
        size_t moved = 0;

        for (unsigned i = 0; i < ROUNDS_MAX && !is_unseen(c); i++) {
                struct iovec iov[2] = {};
                int k = output_queue_peek(&c->queue, iov);
                ssize_t n;

                if (k == 0)
                        break;
                n = borrowed_fd_writev(&c->output, iov, k);
                if (n == -EAGAIN)
                        break;
                if (n < 0) {
                        lose_output(c, (int) n);
                        break;
                }
                if (n == 0)
                        break;
                c->last_shown = byte_at(iov, (size_t) n - 1);
                output_queue_take(&c->queue, (size_t) n);
                moved += (size_t) n;
        }
        return moved;
}

/* From what was typed into the guest. */
static void pump_typed(Console *c) {
        struct iovec iov[2];
        int k = ring_buffer_peek(&c->typed, iov);
        ssize_t n;

        if (k == 0 || !has_guest(c))
                return;
        n = writev(c->master, iov, k);
        if (n <= 0)
                return;
        ring_buffer_consume(&c->typed, (size_t) n);
        c->input_stuck = false;
}

/* Keeps what is for the guest, drops what is a hot key, and also what comes while there is no guest (it
 * was not meant for the next one) or no room. */
static void take_typed(Console *c, uint8_t *data, size_t size) {
        uint64_t now = 0;
        size_t kept = 0;

        (void) sd_event_now(c->event, CLOCK_MONOTONIC, &now);
        for (size_t i = 0; i < size; i++) {
                Hotkey key = c->terminal.input.fd >= 0 ? hotkey_scan(&c->hotkeys, data[i], now) : HOTKEY_NONE;

                if (key == HOTKEY_NONE)
                        data[kept++] = data[i];
                else if (c->settings.hotkey)
                        c->settings.hotkey(key, c->settings.userdata);
        }
        if (has_guest(c) && !c->draining)
                (void) ring_buffer_write(&c->typed, data, kept);
}

static void pump_input(Console *c) {
        uint8_t data[READ_SIZE];
        size_t size = sizeof(data);
        ssize_t n;

        if (c->terminal.input.fd >= 0 && !terminal_is_foreground(c->input.fd)) {
                c->input_paused = true;
                return;
        }
        if (has_guest(c) && !c->input_stuck)
                size = MIN(size, ring_buffer_space(&c->typed));
        if (size == 0)
                return;
        n = borrowed_fd_read(&c->input, data, size);
        if (n > 0)
                take_typed(c, data, (size_t) n);
        else if (n != -EAGAIN) {
                log_debug("end of console input");
                c->input_source = sd_event_source_disable_unref(c->input_source);
        }
}

/* ---- Events ---- */

static void want(sd_event_source *s, uint32_t events) {
        if (!s)
                return;
        /* Off rather than no events: hang-ups are reported whether asked for or not. */
        if (events != 0)
                (void) sd_event_source_set_io_events(s, events);
        (void) sd_event_source_set_enabled(s, events != 0 ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* Starts a timer that does not run yet, or all over again; or stops it. */
static void want_timer(sd_event_source *s, uint64_t usec, bool wanted, bool restart) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(s, &enabled);
        if (!wanted)
                (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
        else if (enabled == SD_EVENT_OFF || restart) {
                (void) sd_event_source_set_time_relative(s, usec);
                (void) sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
        }
}

static bool is_drained(const Console *c) {
        return c->guest_finished && (is_unseen(c) || output_queue_backlog(&c->queue) == 0);
}

static void finish_draining(Console *c) {
        void (*drained)(void *) = c->settings.drained;

        console_detach(c);
        if (drained)
                drained(c->settings.userdata); /* may have freed c */
}

/* A lossy console holds the guest back for a moment, so that a caller who keeps up with bursts (a terminal
 * in which somebody lists a large file) misses nothing; but never in the hope of one who does not. */
static bool hold_back(const Console *c) {
        if (!c->settings.lossy || c->draining || is_unseen(c))
                return false;
        return output_space(c) == 0 ||
                (c->held && !c->queue.overflowed && output_queue_backlog(&c->queue) > HOLD_BACKLOG);
}

static bool input_is_full(const Console *c) {
        return c->input_source && has_guest(c) && !c->draining && !c->input_stuck &&
                ring_buffer_space(&c->typed) == 0;
}

/* Asks for the events that the present state can use. Last call of every handler, since it may free c. */
static void settle(Console *c, bool progress) {
        bool input_full = input_is_full(c);
        uint32_t master = 0;

        if (c->draining && is_drained(c)) {
                finish_draining(c);
                return;
        }
        c->held = hold_back(c);
        if (!c->guest_finished && !c->held && output_space(c) > 0)
                master |= EPOLLIN;
        if (!c->guest_finished && !c->draining && c->typed.size > 0)
                master |= EPOLLOUT;
        want(c->master_source, master);
        want(c->output_source, output_queue_backlog(&c->queue) == 0 ? 0 : EPOLLOUT);
        want(c->input_source, input_full || c->input_paused ? 0 : EPOLLIN);
        want_timer(c->patience, PATIENCE_USEC, input_full || (c->draining && c->settings.lossy), progress);
        want_timer(c->hold, HOLD_USEC, c->held, false);
}

static int on_master(_unused_ sd_event_source *s, _unused_ int fd, uint32_t revents, void *userdata) {
        Console *c = userdata;
        size_t shown = 0;

        if (revents & EPOLLOUT)
                pump_typed(c);
        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR) && pump_guest(c) > 0)
                shown = pump_output(c);
        settle(c, shown > 0);
        return 0;
}

static int on_output(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents,
                     void *userdata) {
        Console *c = userdata;

        settle(c, pump_output(c) > 0);
        return 0;
}

static int on_input(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        Console *c = userdata;

        pump_input(c);
        pump_typed(c);
        settle(c, false);
        return 0;
}

/* A second without progress: a dead guest's last output is given up (its caller does not read), or a living
 * guest's input is (it does not read either), because hot keys must be heard all the same. */
static int on_patience(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Console *c = userdata;

        if (c->draining) {
                finish_draining(c);
                return 0;
        }
        c->input_stuck = true;
        settle(c, false);
        return 0;
}

static int on_hold(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Console *c = userdata;

        output_queue_overflow(&c->queue);
        settle(c, false);
        return 0;
}

static int on_window(_unused_ sd_event_source *s, _unused_ const struct signalfd_siginfo *si,
                     void *userdata) {
        forward_window_size(userdata);
        return 0;
}

/* Back in the foreground, perhaps: a shell has changed the terminal's mode, and its window may have too. */
static int on_continue(_unused_ sd_event_source *s, _unused_ const struct signalfd_siginfo *si,
                       void *userdata) {
        Console *c = userdata;

        enter_raw(c);
        decorate(c);
        forward_window_size(c);
        settle(c, false);
        return 0;
}

/* ---- Life ---- */

/* A file that cannot be polled is always ready. For output that needs no event source; for input there is
 * none, since console input comes from a terminal, a pipe or a socket. */
static int watch(Console *c, sd_event_source **s, const BorrowedFd *b, sd_event_io_handler_t handler) {
        int r;

        if (b->fd < 0)
                return 0;
        r = sd_event_add_io(c->event, s, b->fd, 0, handler, c);
        if (r < 0 && r != -EPERM)
                return log_error_errno(r, "cannot watch the console: %m");
        want(*s, 0);
        return 0;
}

static int watch_signal(Console *c, sd_event_source **s, int signal_number,
                        sd_event_signal_handler_t handler) {
        sigset_t set;
        int r;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, signal_number);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return log_error_errno(errno, "cannot block %s: %m", strsignal(signal_number));
        r = sd_event_add_signal(c->event, s, signal_number, handler, c);
        return r < 0 ? log_error_errno(r, "cannot watch %s: %m", strsignal(signal_number)) : 0;
}

static int watch_timer(Console *c, sd_event_source **s, sd_event_time_handler_t handler) {
        int r = sd_event_add_time_relative(c->event, s, CLOCK_MONOTONIC, 0, 10000, handler, c);

        if (r >= 0)
                r = sd_event_source_set_enabled(*s, SD_EVENT_OFF);
        return r < 0 ? log_error_errno(r, "cannot set up a timer for the console: %m") : 0;
}

static int start(Console *c) {
        int r;

        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return log_error_errno(errno, "cannot ignore SIGPIPE: %m");
        r = watch(c, &c->output_source, &c->output, on_output);
        if (r >= 0)
                r = watch(c, &c->input_source, &c->input, on_input);
        if (r >= 0 && (isatty(c->output.fd) || isatty(c->input.fd)))
                r = watch_signal(c, &c->window_source, SIGWINCH, on_window);
        if (r >= 0 && console_terminal_fd(&c->terminal) >= 0)
                r = watch_signal(c, &c->continue_source, SIGCONT, on_continue);
        if (r < 0)
                return r;
        r = watch_timer(c, &c->patience, on_patience);
        if (r >= 0)
                r = watch_timer(c, &c->hold, on_hold);
        if (r < 0)
                return r;
        c->started = true;
        if (console_terminal_fd(&c->terminal) >= 0)
                enter_raw(c);
        return 0;
}

static int open_stream(int fd, int access, BorrowedFd *ret) {
        int r = borrowed_fd_open(fd, access, ret);

        /* Started with a closed stream: the same as with one that nobody uses. */
        if (r >= 0 || r == -EBADF)
                return 0;
        return log_error_errno(r, "cannot use descriptor %i for the console: %m", fd);
}

static int prepare_decoration(Console *c) {
        const char *background = c->settings.background, *title = c->settings.title;

        c->terminal.tinted = !isempty(background);
        if (c->terminal.tinted)
                tint_init(&c->tint, background);
        c->terminal.titled = !isempty(title);
        if (c->terminal.titled && asprintf(&c->title, "\033[22;2t\033]2;%s\033\\", title) < 0) {
                c->title = NULL;
                return -ENOMEM;
        }
        return 0;
}

int console_new(sd_event *event, const ConsoleSettings *settings, Console **ret) {
        _cleanup_(console_free_p) Console *c = NULL;
        int r = 0;

        c = malloc(sizeof(*c));
        if (!c)
                return log_oom();
        *c = (Console){
                .event = sd_event_ref(event),
                .settings = *settings,
                .terminal = CONSOLE_TERMINAL_NONE,
                .input = BORROWED_FD_NONE,
                .output = BORROWED_FD_NONE,
                .master = -EBADF,
                .held_slave = -EBADF,
        };
        if (output_queue_init(&c->queue, settings->lossy) < 0)
                return log_oom();
        if (is_interactive(c) && ring_buffer_init(&c->typed, INPUT_SIZE) < 0)
                return log_oom();
        if (is_interactive(c))
                r = open_stream(settings->input_fd, O_RDONLY, &c->input);
        if (r >= 0 && settings->mode != CONSOLE_PASSIVE)
                r = open_stream(settings->output_fd, O_WRONLY, &c->output);
        if (r < 0)
                return r;
        if (is_interactive(c))
                console_terminal_save(&c->terminal, c->input.fd, c->output.fd);
        if (c->terminal.reset_fd >= 0 && prepare_decoration(c) < 0)
                return log_oom();
        *ret = TAKE_PTR(c);
        return 0;
}

int console_attach(Console *c, int master_fd) {
        int r;

        console_detach(c);
        c->master = master_fd;
        r = fd_set_nonblock(c->master, true);
        if (r >= 0) {
                c->held_slave = ioctl(c->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
                r = c->held_slave < 0 ? -errno : 0;
        }
        if (r >= 0)
                r = sd_event_add_io(c->event, &c->master_source, c->master, EPOLLIN, on_master, c);
        if (r < 0)
                (void) log_error_errno(r, "cannot use the pty of the machine's console: %m");
        if (r >= 0 && !c->started)
                r = start(c);
        if (r < 0) {
                console_detach(c);
                return r;
        }
        decorate(c);
        forward_window_size(c);
        settle(c, false);
        return 0;
}

int console_drain(Console *c) {
        if (!has_guest(c))
                return 1;
        c->draining = true;
        c->remainder = 0;
        c->held_slave = safe_close(c->held_slave);
        ring_buffer_consume(&c->typed, c->typed.size);

        while (!is_drained(c)) {
                size_t in = pump_guest(c), out = pump_output(c);

                if (in == 0 && out == 0 && !is_drained(c)) {
                        settle(c, true);
                        return 0;
                }
        }
        console_detach(c);
        return 1;
}

void console_detach(Console *c) {
        c->master_source = sd_event_source_disable_unref(c->master_source);
        c->held_slave = safe_close(c->held_slave);
        c->master = safe_close(c->master);
        c->draining = c->guest_finished = c->input_stuck = false;
        output_queue_discard(&c->queue);
        ring_buffer_consume(&c->typed, c->typed.size);
        if (c->started)
                settle(c, false);
}

uint64_t console_dropped(const Console *c) {
        return c->queue.n_dropped;
}

void console_free(Console *c) {
        if (!c)
                return;
        console_detach(c);
        if (c->raw)
                console_terminal_leave(&c->terminal, c->last_shown != 0 && c->last_shown != '\n');
        (void) sd_event_source_disable_unref(c->input_source);
        (void) sd_event_source_disable_unref(c->output_source);
        (void) sd_event_source_disable_unref(c->window_source);
        (void) sd_event_source_disable_unref(c->continue_source);
        (void) sd_event_source_disable_unref(c->patience);
        (void) sd_event_source_disable_unref(c->hold);
        borrowed_fd_close(&c->input);
        borrowed_fd_close(&c->output);
        output_queue_done(&c->queue);
        ring_buffer_done(&c->typed);
        free(c->title);
        (void) sd_event_unref(c->event);
        free(c);
}
