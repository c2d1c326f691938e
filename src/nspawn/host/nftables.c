/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: libnftables turns rules, which are text here, into what the kernel wants. It calls exit(3)
 * where it has no memory or no socket, and keeps what it has read of the rules on the host: so it works in a child
 * that has a deadline, and the supervisor gets nothing of that but the outcome.
 *
 * Deleting a table is a single request, and that is sent from here, as is the question whether it is there: those who
 * do it are also the minder and the next start, which may have no use for the library otherwise, and the supervisor
 * at its end, when its children would be born into a PID namespace that is gone. */

#include "host/nftables.h"

#include <arpa/inet.h>
#include <asm/byteorder.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dl.h"
#include "fd.h"
#include "log.h"
#include "process.h"

#define LIBRARY "libnftables.so.1"
#define DEADLINE_MSEC 10000

static __typeof__(nft_ctx_new) *dl_nft_ctx_new;
static __typeof__(nft_ctx_buffer_output) *dl_nft_ctx_buffer_output;
static __typeof__(nft_ctx_buffer_error) *dl_nft_ctx_buffer_error;
static __typeof__(nft_ctx_get_error_buffer) *dl_nft_ctx_get_error_buffer;
static __typeof__(nft_run_cmd_from_buffer) *dl_nft_run_cmd_from_buffer;

int nftables_load(void) {
        static const DlSymbol symbols[] = {
                DL_SYMBOL(nft_ctx_new),
                DL_SYMBOL(nft_ctx_buffer_output),
                DL_SYMBOL(nft_ctx_buffer_error),
                DL_SYMBOL(nft_ctx_get_error_buffer),
                DL_SYMBOL(nft_run_cmd_from_buffer),
        };

        return dl_nft_ctx_new ? 0 : dl_load(LIBRARY, symbols, ELEMENTSOF(symbols));
}

typedef struct Outcome {
        bool done;
        char reason[160];
} Outcome;

/* Of a message, the first line from "Error: " on. */
static void keep_reason(const char *message, Outcome *outcome) {
        const char *start = strstr(message, "Error: ");
        size_t n;

        start = start ? start + strlen("Error: ") : message;
        n = MIN(strcspn(start, "\n"), sizeof(outcome->reason) - 1);
        memcpy(outcome->reason, start, n);
        outcome->reason[n] = 0;
}

static _noreturn_ void work(const char *commands, int pipe_fd) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct nft_ctx *context;
        Outcome outcome = {};

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (null >= 0) /* what it says before it exits */
                (void) dup2(null, STDOUT_FILENO), (void) dup2(null, STDERR_FILENO);
        context = dl_nft_ctx_new(NFT_CTX_DEFAULT);
        if (!context || dl_nft_ctx_buffer_output(context) != 0 || dl_nft_ctx_buffer_error(context) != 0)
                _exit(EXIT_FAILURE);
        outcome.done = dl_nft_run_cmd_from_buffer(context, commands) == 0;
        if (!outcome.done)
                keep_reason(dl_nft_ctx_get_error_buffer(context), &outcome);
        _exit(write_all(pipe_fd, &outcome, sizeof(outcome)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void await(int fd, Outcome *ret) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r;

        while ((r = poll(&p, 1, DEADLINE_MSEC)) < 0 && errno == EINTR)
                ;
        if (r > 0 && read(fd, ret, sizeof(*ret)) == sizeof(*ret)) /* one write: less than PIPE_BUF */
                return;
        *ret = (Outcome){};
        (void) snprintf(ret->reason, sizeof(ret->reason), "%s",
                        r == 0 ? "no answer within ten seconds" : "nftables cannot be used on this host");
}

int nftables_run(const char *commands, char *reason, size_t size) {
        _cleanup_close_ int read_end = -EBADF, write_end = -EBADF, pidfd = -EBADF;
        Outcome outcome = {};
        int fds[2];
        pid_t pid;

        (void) snprintf(reason, size, "no process can be started");
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        read_end = fds[0];
        write_end = fds[1];
        pid = process_clone(0, -EBADF, &pidfd);
        if (pid < 0)
                return pid;
        if (pid == 0)
                work(commands, write_end);
        write_end = safe_close(write_end);
        await(read_end, &outcome);
        process_kill_and_reap(pidfd);
        (void) snprintf(reason, size, "%.*s", (int) sizeof(outcome.reason), outcome.reason);
        return outcome.done ? 0 : -EIO;
}

/* — one request — */

static struct nlmsghdr *begin(char *buffer, uint16_t type, uint16_t flags, uint8_t family, uint16_t subsystem) {
        struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
        struct nfgenmsg *g;

        m->nlmsg_type = type;
        m->nlmsg_flags = NLM_F_REQUEST | flags;
        m->nlmsg_seq = 1;
        g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
        g->nfgen_family = family;
        g->version = NFNETLINK_V0;
        g->res_id = htons(subsystem);
        return m;
}

static struct nlmsghdr *begin_about(char *buffer, uint16_t message, const char *table) {
        struct nlmsghdr *m =
                begin(buffer, (uint16_t) (NFNL_SUBSYS_NFTABLES << 8 | message), NLM_F_ACK, NFPROTO_INET, 0);

        mnl_attr_put_strz(m, NFTA_TABLE_NAME, table);
        return m;
}

/* Changes are made in batches. */
static size_t put_deletion(char *buffer, const char *table) {
        size_t used = 0;

        used += MNL_ALIGN(begin(buffer, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len);
        used += MNL_ALIGN(begin_about(buffer + used, NFT_MSG_DELTABLE, table)->nlmsg_len);
        used += MNL_ALIGN(begin(buffer + used, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len);
        return used;
}

static size_t put_question(char *buffer, const char *table) {
        return begin_about(buffer, NFT_MSG_GETTABLE, table)->nlmsg_len;
}

static int converse(struct mnl_socket *s, size_t (*put)(char *buffer, const char *table), const char *table) {
        _Alignas(struct nlmsghdr) char buffer[2048];
        int r;

        if (strlen(table) >= sizeof(buffer) / 4)
                return -EINVAL;
        if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0 || mnl_socket_sendto(s, buffer, put(buffer, table)) < 0)
                return -errno;
        do {
                ssize_t n = mnl_socket_recvfrom(s, buffer, sizeof(buffer));

                if (n < 0 && errno == EINTR)
                        r = MNL_CB_OK;
                else
                        r = n < 0 ? MNL_CB_ERROR
                                  : mnl_cb_run(buffer, (size_t) n, 1, mnl_socket_get_portid(s), NULL, NULL);
        } while (r > MNL_CB_STOP); /* until it is acknowledged */
        return r < 0 ? -errno : 0;
}

static int request(size_t (*put)(char *buffer, const char *table), const char *table) {
        struct mnl_socket *s = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
        int r = s ? converse(s, put, table) : -errno;

        if (s)
                (void) mnl_socket_close(s);
        return r == -EPROTONOSUPPORT || r == -EOPNOTSUPP ? -ENOENT : r;
}

int nftables_delete_table(const char *name) {
        int r = request(put_deletion, name);

        return r == -ENOENT ? 0 : r;
}

int nftables_has_table(const char *name) {
        int r = request(put_question, name);

        return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

/* What changed is told in any number of messages, packed together as the kernel likes; but each transaction ends with
 * a packet that has only its number. */
int nftables_watch_open(void) {
        static const struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __constant_htons(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN), 0,
                         1),
                BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
                BPF_STMT(BPF_RET | BPF_K, 0),
        };
        const struct sock_fprog program = { .len = ELEMENTSOF(filter), .filter = (struct sock_filter *) filter };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        const int group = NFNLGRP_NFTABLES;

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
            bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
                return -errno;
        return TAKE_FD(fd);
}
