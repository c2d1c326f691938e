/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A main() for fuzzers without libFuzzer: runs the files given, and all files of directories given, each cut
 * off at every tenth of its length too, since a corpus of valid input says little about broken input. Built
 * with sanitizers, which do the finding. */

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>

#include "fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(int dir_fd, const char *name, unsigned *count) {
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        r = read_file_at(dir_fd, name, 1U << 20, &data, &size);
        if (r < 0) {
                fprintf(stderr, "%s: %s\n", name, strerror(-r));
                return r;
        }
        for (size_t tenth = 0; tenth <= 10; tenth++)
                (void) LLVMFuzzerTestOneInput((const uint8_t *) data, size * tenth / 10);
        ++*count;
        return 0;
}

static int replay_directory(const char *path, unsigned *count) {
        DIR *d = opendir(path);
        int r = 0;

        if (!d)
                return replay_file(AT_FDCWD, path, count);
        for (struct dirent *e; r >= 0 && (e = readdir(d));)
                if (e->d_name[0] != '.')
                        r = replay_file(dirfd(d), e->d_name, count);
        (void) closedir(d);
        return r;
}

int main(int argc, char *argv[]) {
        unsigned count = 0;

        for (int i = 1; i < argc; i++)
                if (replay_directory(argv[i], &count) < 0)
                        return EXIT_FAILURE;
        printf("%u inputs replayed\n", count);
        return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
