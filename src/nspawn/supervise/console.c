/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor, in the host's namespaces, as event sources of its loop. The
 * guest's inner stage allocates the pty in the guest's own devpts and sends us the master.
 *
 *   guest ─ master ─► ConsoleOutput ─► caller's standard output     every mode but passive, which drops it
 *   guest ◄─ master ─ ConsoleInput ◄─ caller's standard input       interactive
 *
 * Each direction takes what there is and fits, and passes on what is accepted. Handlers do that a bounded number of
 * rounds, then settle() derives from the state alone which events to ask for, so that there is exactly one place that
 * decides about back-pressure, and an idle console wakes nobody.
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

#include "fd.h"
#include "log.h"
#include "supervise/console-input.h"
#include "supervise/console-output.h"

#define READ_SIZE 4096U
#define ROUNDS_MAX 4U                   /* reads before other event sources get a turn */
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

        ConsoleInput input;
        ConsoleOutput output;
        sd_event_source *input_source, *output_source, *window_source, *continue_source;
        sd_event_source *patience, *hold;

        int master, held_slave;
        sd_event_source *master_source;
        bool held;                     /* lossy: the queue is full, the caller has a moment to make room */
        bool draining, guest_finished; /* finished: there will be no more output */
        size_t remainder;              /* bytes read since draining began */
};

ConsoleMode console_effective_mode(ConsoleMode mode, int input_fd, int output_fd) {
        if (mode != CONSOLE_DEFAULT && mode != CONSOLE_AUTOPIPE)
                return mode;
        if (isatty(input_fd) && isatty(output_fd))
                return CONSOLE_INTERACTIVE;
        return mode == CONSOLE_AUTOPIPE ? CONSOLE_PIPE : CONSOLE_READ_ONLY;
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
        bool waited = c->input.paused;
        int r;

        c->input.paused = !terminal_is_foreground(console_terminal_fd(&c->terminal));
        if (c->input.paused)
                return;
        if (waited && !c->raw)
                console_terminal_save(&c->terminal, c->input.caller.fd, c->output.caller.fd);
        r = console_terminal_enter_raw(&c->terminal);
        if (r < 0)
                (void) log_warning_errno(r,
                                         "cannot put the terminal in raw mode, "
                                         "keys may not reach the machine as typed: %m");
        c->raw = true;
}

/* — window size — */

static void forward_window_size(Console *c) {
        struct winsize size = {
                .ws_row = (unsigned short) (c->settings.rows ?: 24),
                .ws_col = (unsigned short) (c->settings.columns ?: 80),
        };

        if (!has_guest(c))
                return;
        if (terminal_get_size(c->output.caller.fd, &size) < 0)
                (void) terminal_get_size(c->input.caller.fd, &size);
        (void) terminal_set_size(c->master, &size);
}

/* — from the guest to the caller — */

/* A command whose output gets nowhere is not to go on as if it did: its writes fail from now on. */
static void hang_up(Console *c) {
        c->master_source = sd_event_source_disable_unref(c->master_source);
        c->held_slave = safe_close(c->held_slave);
        c->master = safe_close(c->master);
        c->guest_finished = true;
        console_input_end_guest(&c->input);
}

static void lose_output(Console *c, int error) {
        if (error == -EPIPE || error == -EIO)
                log_debug("nobody reads the console output any more");
        else
                (void) log_warning_errno(error, "cannot write console output, the rest of it is dropped: %m");
        c->output_source = sd_event_source_disable_unref(c->output_source);
        console_output_close(&c->output);
        if (!c->settings.lossy)
                hang_up(c);
}

/* From the guest into the queue. Returns the number of bytes moved. */
static size_t pump_guest(Console *c) {
        uint8_t data[READ_SIZE];
        size_t moved = 0;

        for (unsigned i = 0; i < ROUNDS_MAX && !c->guest_finished; i++) {
                size_t space = console_output_space(&c->output);
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
                console_output_put(&c->output, data, (size_t) n);
                moved += (size_t) n;
        }
        return moved;
}

/* To the caller. Returns the number of bytes moved. */
static size_t pump_output(Console *c) {
        ssize_t n = console_output_write(&c->output);

        if (n < 0)
                lose_output(c, (int) n);
        return (size_t) MAX(n, 0);
}

/* — events — */

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
        return c->guest_finished && (console_output_is_unseen(&c->output) || console_output_backlog(&c->output) == 0);
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
        if (!c->settings.lossy || c->draining || console_output_is_unseen(&c->output))
                return false;
        return console_output_space(&c->output) == 0 ||
                (c->held && !c->output.queue.overflowed && console_output_backlog(&c->output) > HOLD_BACKLOG);
}

/* Asks for the events that the present state can use. Last call of every handler, since it may free c. */
static void settle(Console *c, bool progress) {
        bool input_full = c->input_source && console_input_is_full(&c->input);
        uint32_t master = 0;

        if (c->draining && is_drained(c)) {
                finish_draining(c);
                return;
        }
        c->held = hold_back(c);
        if (!c->guest_finished && !c->held && console_output_space(&c->output) > 0)
                master |= EPOLLIN;
        if (!c->guest_finished && c->input.typed.size > 0)
                master |= EPOLLOUT;
        want(c->master_source, master);
        want(c->output_source, console_output_backlog(&c->output) == 0 ? 0 : EPOLLOUT);
        want(c->input_source, input_full || c->input.paused ? 0 : EPOLLIN);
        want_timer(c->patience, PATIENCE_USEC, input_full || (c->draining && c->settings.lossy), progress);
        want_timer(c->hold, HOLD_USEC, c->held, false);
}

static int on_master(_unused_ sd_event_source *s, _unused_ int fd, uint32_t revents, void *userdata) {
        Console *c = userdata;
        size_t shown = 0;

        if (revents & EPOLLOUT)
                console_input_write(&c->input, c->master);
        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR) && pump_guest(c) > 0)
                shown = pump_output(c);
        settle(c, shown > 0);
        return 0;
}

static int on_output(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        Console *c = userdata;

        settle(c, pump_output(c) > 0);
        return 0;
}

static int on_input(_unused_ sd_event_source *s, _unused_ int fd, _unused_ uint32_t revents, void *userdata) {
        Console *c = userdata;
        uint64_t now = 0;

        (void) sd_event_now(c->event, CLOCK_MONOTONIC, &now);
        if (!console_input_read(&c->input, now)) {
                log_debug("end of console input");
                c->input_source = sd_event_source_disable_unref(c->input_source);
        }
        console_input_write(&c->input, c->master);
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
        c->input.stuck = true;
        settle(c, false);
        return 0;
}

static int on_hold(_unused_ sd_event_source *s, _unused_ uint64_t usec, void *userdata) {
        Console *c = userdata;

        output_queue_overflow(&c->output.queue);
        settle(c, false);
        return 0;
}

static int on_window(_unused_ sd_event_source *s, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        forward_window_size(userdata);
        return 0;
}

/* Back in the foreground, perhaps: a shell has changed the terminal's mode, and its window may have too. */
static int on_continue(_unused_ sd_event_source *s, _unused_ const struct signalfd_siginfo *si, void *userdata) {
        Console *c = userdata;

        enter_raw(c);
        if (c->raw)
                console_output_decorate(&c->output);
        forward_window_size(c);
        settle(c, false);
        return 0;
}

/* — life — */

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

static int watch_signal(Console *c, sd_event_source **s, int signal_number, sd_event_signal_handler_t handler) {
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
        r = watch(c, &c->output_source, &c->output.caller, on_output);
        if (r >= 0)
                r = watch(c, &c->input_source, &c->input.caller, on_input);
        if (r >= 0 && (isatty(c->output.caller.fd) || isatty(c->input.caller.fd)))
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

static int prepare_interaction(Console *c) {
        const char *background = c->settings.background, *title = c->settings.title;
        int r;

        if (console_input_init(&c->input) < 0)
                return log_oom();
        r = open_stream(c->settings.input_fd, O_RDONLY, &c->input.caller);
        if (r < 0)
                return r;
        console_terminal_save(&c->terminal, c->input.caller.fd, c->output.caller.fd);
        c->input.is_terminal = c->terminal.input.fd >= 0;
        if (c->terminal.reset_fd < 0)
                return 0;
        c->terminal.tinted = !isempty(background);
        c->terminal.titled = !isempty(title);
        r = console_output_set_decoration(&c->output, c->terminal.tinted ? background : NULL,
                                          c->terminal.titled ? title : NULL);
        return r < 0 ? log_oom() : 0;
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
                .input = {
                        .caller = BORROWED_FD_NONE,
                        .hotkey = settings->hotkey,
                        .userdata = settings->userdata,
                },
                .output = { .caller = BORROWED_FD_NONE },
                .master = -EBADF,
                .held_slave = -EBADF,
        };
        if (console_output_init(&c->output, settings->lossy) < 0)
                return log_oom();
        if (settings->mode != CONSOLE_PASSIVE)
                r = open_stream(settings->output_fd, O_WRONLY, &c->output.caller);
        if (r >= 0 && settings->mode == CONSOLE_INTERACTIVE)
                r = prepare_interaction(c);
        if (r < 0)
                return r;
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
        console_input_begin_guest(&c->input);
        if (c->raw) /* it is ours, and there is somebody to put it back */
                console_output_decorate(&c->output);
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
        console_input_end_guest(&c->input);

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
        c->draining = c->guest_finished = false;
        console_input_end_guest(&c->input);
        output_queue_discard(&c->output.queue);
        if (c->started)
                settle(c, false);
}

uint64_t console_dropped(const Console *c) {
        return c->output.queue.n_dropped;
}

void console_free(Console *c) {
        if (!c)
                return;
        console_detach(c);
        if (c->raw)
                console_terminal_leave(&c->terminal, c->output.last_shown != 0 && c->output.last_shown != '\n');
        (void) sd_event_source_disable_unref(c->input_source);
        (void) sd_event_source_disable_unref(c->output_source);
        (void) sd_event_source_disable_unref(c->window_source);
        (void) sd_event_source_disable_unref(c->continue_source);
        (void) sd_event_source_disable_unref(c->patience);
        (void) sd_event_source_disable_unref(c->hold);
        console_input_done(&c->input);
        console_output_done(&c->output);
        (void) sd_event_unref(c->event);
        free(c);
}
