/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: runs in the supervisor on what came by the notification socket. A message is lines of
 * NAME=VALUE, of which a few are known; what is to be shown is escaped, what names a descriptor is checked. */

#include "supervise/guest-message.h"

#include "engine/payload-fd.h"
#include "escape.h"

/* The length of the line at data, without its newline. */
static size_t line_length(const char *data, size_t size) {
        const char *newline = memchr(data, '\n', size);

        return newline ? (size_t) (newline - data) : size;
}

static void parse_status(const char *text, size_t size, GuestMessage *ret) {
        char copy[sizeof(ret->status)];
        size_t n = MIN(size, sizeof(copy) - 1);

        /* Escaping makes it longer, never shorter, so no more than this is needed. */
        memcpy(copy, text, n);
        copy[n] = 0;
        escape_control(copy, ret->status, sizeof(ret->status));
        ret->has_status = true;
}

/* What follows field in a line of n bytes, or NULL. */
static const char *after(const char *line, size_t n, const char *field) {
        size_t m = strlen(field);

        return n >= m && memcmp(line, field, m) == 0 ? line + m : NULL;
}

/* As the manager has it: it refuses the others, which are no ASCII or would end a name in $LISTEN_FDNAMES. */
static bool name_is_valid(const char *name, size_t n) {
        if (n == 0 || n > FD_NAME_MAX - CONST_STRLEN(PAYLOAD_FD_PREFIX))
                return false;
        for (size_t i = 0; i < n; i++)
                if (name[i] <= ' ' || name[i] > '~' || name[i] == ':')
                        return false;
        return true;
}

static void parse_fd_name(const char *name, size_t size, GuestMessage *ret) {
        ret->fd_name[0] = 0;
        if (!name_is_valid(name, size))
                return;
        memcpy(ret->fd_name, name, size);
        ret->fd_name[size] = 0;
}

/* One line, without its newline. */
static void parse_line(const char *line, size_t n, GuestMessage *ret) {
        static const struct {
                const char *text;
                size_t member;
        } flags[] = {
                { "READY=1", offsetof(GuestMessage, ready) },
                { "STOPPING=1", offsetof(GuestMessage, stopping) },
                { "FDSTORE=1", offsetof(GuestMessage, fd_store) },
                { "FDSTOREREMOVE=1", offsetof(GuestMessage, fd_store_remove) },
                { "FDPOLL=0", offsetof(GuestMessage, fd_no_poll) },
        };
        const char *status = after(line, n, "STATUS="), *name = after(line, n, "FDNAME=");

        if (status)
                parse_status(status, (size_t) (line + n - status), ret);
        if (name)
                parse_fd_name(name, (size_t) (line + n - name), ret);
        for (size_t i = 0; i < ELEMENTSOF(flags); i++)
                if (after(line, n, flags[i].text) == line + n)
                        *(bool *) ((char *) ret + flags[i].member) = true;
}

void guest_message_parse(const char *data, size_t size, GuestMessage *ret) {
        const char *end = data + size;

        *ret = (GuestMessage){ .fd_name = "stored" };
        for (const char *line = data; line < end;) {
                size_t n = line_length(line, (size_t) (end - line));

                parse_line(line, n, ret);
                line += n + (line + n < end); /* the newline */
        }
        if (ret->fd_name[0] == 0)
                ret->fd_store = ret->fd_store_remove = false;
}
