/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Keys of encrypted partitions: typed by the user or read from a file. */

#include "macros.h"

typedef struct Secret {
        char *data;
        size_t size;
} Secret;

/* Wipes and frees it. */
void secret_done(Secret *secret);
#define _cleanup_secret_ _cleanup_(secret_done)

/* Asks on the terminal that standard input is; what is typed is not shown. -ENOTTY: there is no terminal, or it is not
 * ours to use now; -EINTR: the user does not want to. Silent. */
int passphrase_ask(const char *question, Secret *ret) _must_check_;

/* All of a file, a newline at its end included. Silent. */
int key_file_read(const char *path, Secret *ret) _must_check_;

/* Waits until fd can be read, for at most this long (-1: for ever). Returns 1, 0 if it could not in that time, or
 * -EINTR if a signal asked us to stop meanwhile, which is taken note of no further. */
int wait_interruptibly(int fd, int timeout_msec) _must_check_;
