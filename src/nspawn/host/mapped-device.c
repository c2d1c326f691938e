/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: libcryptsetup does the work, in a child of its own that is killed when it takes too long: it
 * reads what somebody else has written, and the header of LUKS says how hard the key is to derive. What it asks for is
 * looked at before any of it is done. The device is born in the child; the supervisor opens it and at once has the
 * kernel take it back when nobody uses it any more, so that from then on nothing has to be undone. Where no udev runs,
 * libdevmapper must not wait for it, and makes the nodes itself; the fd is enough, so they go again. */

#include "host/mapped-device.h"

#include <fcntl.h>
#include <libcryptsetup.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "device-mapper.h"
#include "dl.h"
#include "fd.h"
#include "log.h"
#include "loop-device.h"
#include "plan/key-cost.h"
#include "plan/root-hash.h"
#include "process.h"

#define DEADLINE_MSEC 60000
#define REJECTED_SIGNATURE "the kernel does not accept the signature of the root hash"
#define BUSY_TRIES 5u
#define BUSY_PAUSE_USEC 100000u

static __typeof__(crypt_init) *dl_crypt_init;
static __typeof__(crypt_free) *dl_crypt_free;
static __typeof__(crypt_load) *dl_crypt_load;
static __typeof__(crypt_set_data_device) *dl_crypt_set_data_device;
static __typeof__(crypt_set_log_callback) *dl_crypt_set_log_callback;
static __typeof__(crypt_metadata_locking) *dl_crypt_metadata_locking;
static __typeof__(crypt_dump_json) *dl_crypt_dump_json;
static __typeof__(crypt_get_integrity_info) *dl_crypt_get_integrity_info;
static __typeof__(crypt_get_verity_info) *dl_crypt_get_verity_info;
static __typeof__(crypt_get_volume_key_size) *dl_crypt_get_volume_key_size;
static __typeof__(crypt_activate_by_passphrase) *dl_crypt_activate_by_passphrase;
static __typeof__(crypt_activate_by_volume_key) *dl_crypt_activate_by_volume_key;
static __typeof__(crypt_activate_by_signed_key) *dl_crypt_activate_by_signed_key;

static int load_cryptsetup(void) {
        static const DlSymbol symbols[] = {
                DL_SYMBOL(crypt_init),
                DL_SYMBOL(crypt_free),
                DL_SYMBOL(crypt_load),
                DL_SYMBOL(crypt_set_data_device),
                DL_SYMBOL(crypt_set_log_callback),
                DL_SYMBOL(crypt_metadata_locking),
                DL_SYMBOL(crypt_dump_json),
                DL_SYMBOL(crypt_get_integrity_info),
                DL_SYMBOL(crypt_get_verity_info),
                DL_SYMBOL(crypt_get_volume_key_size),
                DL_SYMBOL(crypt_activate_by_passphrase),
                DL_SYMBOL(crypt_activate_by_volume_key),
                DL_SYMBOL(crypt_activate_by_signed_key),
        };

        return dl_crypt_init ? 0 : dl_load("libcryptsetup.so.12", symbols, ELEMENTSOF(symbols));
}

/* — in the child — */

typedef struct Outcome {
        int error;
        char reason[160];
} Outcome;

static _printf_(3, 4) void fail(Outcome *outcome, int error, const char *format, ...) {
        va_list ap;

        outcome->error = error;
        va_start(ap, format);
        (void) vsnprintf(outcome->reason, sizeof(outcome->reason), format, ap);
        va_end(ap);
}

static void free_crypt(struct crypt_device **cd) {
        if (*cd)
                dl_crypt_free(*cd);
}
#define _cleanup_crypt_ _cleanup_(free_crypt)

static void log_message(_unused_ int level, const char *message, _unused_ void *userdata) {
        log_debug("libcryptsetup: %.*s", (int) strcspn(message, "\n"), message);
}

static void fail_activation(Outcome *outcome, int error) {
        if (error == -ENOENT || error == -ENODEV || error == -ENOTSUP || error == -ENOSYS)
                fail(outcome, error, "this kernel has no device-mapper target for it, or none may be had here");
        else
                fail(outcome, error, "%s", strerror(-error));
}

/* The kernel would find out as well, but tells nothing that could be passed on. */
static bool verity_fits(struct crypt_device *cd, const MappedRequest *request) {
        struct crypt_params_verity info = {};
        uint64_t data_size, hashes_size;
        HashTree tree;

        if (dl_crypt_get_verity_info(cd, &info) < 0 || ioctl(request->data_fd, BLKGETSIZE64, &data_size) < 0 ||
            ioctl(request->hash_fd, BLKGETSIZE64, &hashes_size) < 0)
                return false;
        tree = (HashTree){
                .data_blocks = info.data_size,
                .data_block_size = info.data_block_size,
                .hash_block_size = info.hash_block_size,
                .offset = info.hash_block_size, /* behind the superblock, which is at the beginning */
                .digest_size = request->root_hash_size,
        };
        return hash_tree_fits(&tree, data_size, hashes_size);
}

static void open_verity(const MappedRequest *request, Outcome *outcome) {
        _cleanup_crypt_ struct crypt_device *cd = NULL;
        char data[64], hashes[64];
        int r;

        loop_path(request->data_fd, data, sizeof(data));
        loop_path(request->hash_fd, hashes, sizeof(hashes));
        r = dl_crypt_init(&cd, hashes);
        if (r >= 0)
                r = dl_crypt_load(cd, CRYPT_VERITY, NULL);
        if (r >= 0)
                r = dl_crypt_set_data_device(cd, data);
        if (r < 0)
                return fail(outcome, r, "its verity data are damaged");
        if (dl_crypt_get_volume_key_size(cd) != (int) request->root_hash_size)
                return fail(outcome, -EKEYREJECTED, "the root hash has %zu digits, and that of its verity data has %i",
                            request->root_hash_size * 2, dl_crypt_get_volume_key_size(cd) * 2);
        if (!verity_fits(cd, request))
                return fail(outcome, -EBADMSG, "its verity data are cut off, or those of another image");
        if (request->signature)
                r = dl_crypt_activate_by_signed_key(cd, request->name, (const char *) request->root_hash,
                                                    request->root_hash_size, (const char *) request->signature,
                                                    request->signature_size, CRYPT_ACTIVATE_READONLY);
        else
                r = dl_crypt_activate_by_volume_key(cd, request->name, (const char *) request->root_hash,
                                                    request->root_hash_size, CRYPT_ACTIVATE_READONLY);
        if (r < 0 && r != -EBUSY && request->signature)
                return fail(outcome, -EKEYREJECTED, REJECTED_SIGNATURE);
        if (r == -EPERM)
                return fail(outcome, -EKEYREJECTED,
                            "the root hash is that of another image, or its verity data are damaged");
        if (r < 0)
                fail_activation(outcome, r);
}

static uint64_t available_kib(void) {
        _cleanup_free_ char *text = NULL;
        unsigned long long kib = 0;
        const char *line;

        if (read_file_at(AT_FDCWD, "/proc/meminfo", 65536, &text, NULL) < 0)
                return UINT64_MAX;
        line = strstr(text, "MemAvailable:");
        return line && sscanf(line, "MemAvailable: %llu kB", &kib) == 1 ? kib : UINT64_MAX;
}

/* Whether the header is one that we want to have anything to do with. */
static int check_header(struct crypt_device *cd, const LuksHeader *header, Outcome *outcome) {
        const char *json = NULL;
        char reason[128];
        KeyCost cost;

        if (header->version == 2 && dl_crypt_dump_json(cd, &json, 0) < 0) {
                fail(outcome, -EBADMSG, "its LUKS2 header is damaged");
                return -EBADMSG;
        }
        cost = json ? key_cost_read(json) : key_cost_of_luks1(header);
        if (key_cost_is_absurd(&cost, available_kib(), reason, sizeof(reason))) {
                fail(outcome, -E2BIG, "it asks for %s", reason);
                return -E2BIG;
        }
        return 0;
}

static bool has_integrity(struct crypt_device *cd) {
        struct crypt_params_integrity integrity;

        return dl_crypt_get_integrity_info(cd, &integrity) >= 0 && integrity.tag_size > 0;
}

static void open_luks(const MappedRequest *request, Outcome *outcome) {
        _cleanup_crypt_ struct crypt_device *cd = NULL;
        LuksHeader header;
        char device[64];
        int r;

        loop_path(request->data_fd, device, sizeof(device));
        if (luks_header_read(request->data_fd, 0, &header) < 0)
                header = (LuksHeader){ .version = 2 }; /* has a second copy, which may do */
        (void) dl_crypt_metadata_locking(NULL, 0);     /* nobody else writes to this device */
        r = dl_crypt_init(&cd, device);
        if (r >= 0)
                r = dl_crypt_load(cd, header.version == 1 ? CRYPT_LUKS1 : CRYPT_LUKS2, NULL);
        if (r < 0)
                return fail(outcome, r, "its header is damaged, or not one of LUKS");
        if (check_header(cd, &header, outcome) < 0)
                return;
        if (request->integrity && !has_integrity(cd))
                return fail(outcome, -EBADMSG, "it is not encrypted with integrity");
        r = dl_crypt_activate_by_passphrase(cd, request->name, CRYPT_ANY_SLOT, request->key->data, request->key->size,
                                            request->read_only ? CRYPT_ACTIVATE_READONLY : 0);
        if (r == -EPERM)
                fail(outcome, -EKEYREJECTED, "this is not its key");
        else if (r < 0)
                fail_activation(outcome, r);
}

static _noreturn_ void work(const MappedRequest *request, int pipe_fd) {
        Outcome outcome = {};

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (access("/run/udev/control", F_OK) < 0)
                (void) setenv("DM_DISABLE_UDEV", "1", 1);
        dl_crypt_set_log_callback(NULL, log_message, NULL);
        if (request->hash_fd >= 0)
                open_verity(request, &outcome);
        else
                open_luks(request, &outcome);
        _exit(write_all(pipe_fd, &outcome, sizeof(outcome)) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* — in the supervisor — */

static void await(int pipe_fd, Outcome *ret) {
        int r = wait_interruptibly(pipe_fd, DEADLINE_MSEC);

        if (r == 0)
                fail(ret, -ETIMEDOUT, "it takes more than a minute");
        else if (r < 0)
                fail(ret, r, "interrupted");
        else if (read(pipe_fd, ret, sizeof(*ret)) != sizeof(*ret) ||
                 ret->error > 0) /* one write: less than PIPE_BUF */
                fail(ret, -EIO, "libcryptsetup crashed over it");
        ret->reason[sizeof(ret->reason) - 1] = 0; /* nor is what the child says believed blindly */
}

static int try_once(const MappedRequest *request, Outcome *ret) {
        _cleanup_close_ int read_fd_ = -EBADF, write_fd = -EBADF, pidfd = -EBADF;
        int fds[2];
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        read_fd_ = fds[0];
        write_fd = fds[1];
        pid = process_clone(0, -EBADF, &pidfd);
        if (pid < 0)
                return pid;
        if (pid == 0)
                work(request, write_fd);
        write_fd = safe_close(write_fd);
        await(read_fd_, ret);
        process_kill_and_reap(pidfd);
        return ret->error;
}

/* A udev that looks for partitions claims the loop device for a moment, perhaps for the sake of its former life. */
static int run_child(const MappedRequest *request, Outcome *ret) {
        int r = -EBUSY;

        for (unsigned i = 0; r == -EBUSY && i < BUSY_TRIES; i++) {
                if (i > 0)
                        (void) usleep(BUSY_PAUSE_USEC);
                *ret = (Outcome){};
                r = try_once(request, ret);
        }
        /* libcryptsetup takes the kernel's refusal of a signature by a key that it knows for this, too. */
        if (r == -EBUSY && request->signature) {
                fail(ret, -EKEYREJECTED, REJECTED_SIGNATURE);
                r = ret->error;
        }
        return r;
}

/* libcryptsetup's name for the device below the one that deciphers. */
static void name_below(const char *name, char ret[static DM_NAME_SIZE]) {
        (void) snprintf(ret, DM_NAME_SIZE, "%s_dif", name);
}

int mapped_device_remove(const char *name) {
        char below[DM_NAME_SIZE];
        int r = dm_remove_when_unused(name), k;

        name_below(name, below);
        k = dm_remove_when_unused(below);
        return r < 0 ? r : k;
}

static void remove_nodes(const char *name) {
        char below[DM_NAME_SIZE];

        if (access("/run/udev/control", F_OK) >= 0)
                return;
        dm_remove_node(name);
        name_below(name, below);
        dm_remove_node(below);
}

int mapped_device_open(const MappedRequest *request, char *reason, size_t size) {
        Outcome outcome = {};
        int fd, r;

        r = load_cryptsetup();
        if (r < 0) {
                (void) snprintf(reason, size,
                                "this takes libcryptsetup (libcryptsetup.so.12), which is not installed");
                return r;
        }
        r = run_child(request, &outcome);
        if (r < 0 && !*outcome.reason)
                fail(&outcome, r, "%s", strerror(-r));
        fd = r < 0 ? r : dm_open(request->name, request->read_only || request->hash_fd >= 0 ? O_RDONLY : O_RDWR);
        if (r >= 0 && fd < 0)
                fail(&outcome, fd, "its device is not there: %s", strerror(-fd));
        r = mapped_device_remove(request->name);
        remove_nodes(request->name);
        if (fd >= 0 && r < 0) {
                fail(&outcome, r, "its device would stay behind: %s", strerror(-r));
                fd = safe_close(fd);
        }
        if (fd < 0)
                (void) snprintf(reason, size, "%s", outcome.reason);
        return fd < 0 ? outcome.error : fd;
}
