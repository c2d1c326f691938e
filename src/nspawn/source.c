/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what the machine runs on, in three steps of the supervisor's preparations. It is opened before
 * there is anything to undo, and stands for itself by that fd from then on. It is taken once the machine has a runtime
 * directory to record it in: locked, or for an ephemeral machine copied, or locked and given a layer. A disk image is
 * attached last, when all else that can fail has been tried. */

#include <fcntl.h>
#include <sys/stat.h>

#include "host/ephemeral.h"
#include "host/image.h"
#include "host/residue.h"
#include "host/runtime-directory.h"
#include "launch.h"
#include "log.h"

static int open_tree_directory(Machine *m) {
        const char *path = m->config->source.directory;
        struct stat st;

        m->tree_fd = open(path, O_PATH | O_CLOEXEC);
        if (m->tree_fd < 0)
                return log_error_errno(-errno, "%s: %m", path);
        if (fstat(m->tree_fd, &st) < 0)
                return log_error_errno(-errno, "%s: %m", path);
        if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
                return log_error_errno(-ENOTDIR, "%s: this is no directory; disk images go with --image=", path);
        if (!S_ISDIR(st.st_mode))
                return log_error_errno(-ENOTDIR, "%s: this is no directory", path);
        return 0;
}

int source_open(Machine *m) {
        const SourceConfig *source = &m->config->source;

        m->read_only = source->read_only || source->ephemeral;
        if (source->mstack)
                return 0; /* in pieces, once the machine has a place to record them */
        if (!source->image)
                return open_tree_directory(m);
        m->tree_fd = image_open(source->image, &m->read_only);
        if (m->tree_fd >= 0 && m->read_only && !source->read_only && !source->ephemeral && !m->config->output.quiet)
                log_notice("%s cannot be written to: the machine's root is read-only", source->image);
        return MIN(m->tree_fd, 0);
}

static int lock_tree(Machine *m) {
        const char *path = source_path(&m->config->source);
        int r;

        if (!m->config->env.lock)
                return 0;
        r = m->config->source.image && !m->read_only
                ? machine_lock_image(&m->undo, &m->lock, path, m->tree_fd)
                : machine_lock_tree(&m->undo, &m->lock, path, m->tree_fd, m->read_only ? LOCK_SHARED : LOCK_EXCLUSIVE);
        if (r < 0)
                return r;
        r = runtime_record_write(m->runtime_fd, RUNTIME_RECORD_TREE, path);
        return r < 0 ? log_error_errno(r, "%s: cannot record the tree: %m", m->runtime_directory) : 0;
}

/* With a copy of its own, the machine has nothing to do with its source any more. */
static int take_ephemeral_tree(Machine *m) {
        const SourceConfig *source = &m->config->source;
        int r;

        /* An ephemeral machine's name is new each time: no later start of that name removes what it left. */
        residue_remove_dead();
        r = ephemeral_copy(&m->temporaries, source, &m->tree_fd);
        if (r == 0) {
                r = lock_tree(m);
                if (r >= 0) {
                        m->layered = source_root_is_writable(source) || mounts_have_root(&m->config->mounts);
                        return m->layered
                                ? ephemeral_make_layer(&m->temporaries, source, m->tree_fd, &m->layer_directory)
                                : 0;
                }
                if (r == -EBUSY)
                        r = ephemeral_copy_in_use(&m->temporaries, source, m->config->output.quiet, &m->tree_fd);
        }
        if (r >= 0)
                m->read_only = source->read_only;
        return r;
}

int source_take(Machine *m) {
        int r;

        if (m->config->source.mstack)
                return mount_stack_open(&m->undo, m->config, m->runtime_fd, &m->stack, &m->stack_locks);
        if (m->config->source.ephemeral)
                return take_ephemeral_tree(m);
        r = lock_tree(m);
        return r == -EBUSY ? machine_lock_explain(source_path(&m->config->source), m->tree_fd,
                                                  m->read_only ? LOCK_SHARED : LOCK_EXCLUSIVE)
                           : r;
}

/* Some file systems are never written, and partitions can be marked so. */
static void notice_read_only(const Machine *m) {
        const ImageSlot *root = &m->image.plan.slots[IMAGE_ROOT];

        if (root->used && root->read_only && !m->read_only && !m->layered && !m->config->output.quiet)
                log_notice("%s: its root file system (%s) is read-only, and so is the machine's root; with "
                           "--ephemeral or "
                           "--volatile=overlay it looks writable",
                           m->config->source.image, root->partition.fstype);
}

/* A copy of what cannot be written is no better than the original: such a root takes a layer all the same. */
static int layer_read_only_root(Machine *m) {
        const SourceConfig *source = &m->config->source;
        const ImageSlot *root = &m->image.plan.slots[IMAGE_ROOT];

        if (!source->ephemeral || m->layered || !source_root_is_writable(source) || !root->used || !root->read_only)
                return 0;
        m->layered = true;
        return ephemeral_make_layer(&m->temporaries, source, m->tree_fd, &m->layer_directory);
}

int source_attach(Machine *m) {
        const ImageRequest request = {
                .path = m->config->source.image,
                .fd = m->tree_fd,
                .read_only = m->read_only,
                .lock = &m->lock,
                .config = m->config,
                .runtime_fd = m->runtime_fd,
        };
        int r;

        if (!m->config->source.image)
                return 0;
        r = image_attach(&m->undo, &request, &m->image);
        if (r >= 0)
                r = layer_read_only_root(m);
        if (r >= 0)
                notice_read_only(m);
        return r;
}
