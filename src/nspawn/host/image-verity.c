/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the user's word comes first, then the image's extended attributes, then files beside it. Those
 * are as trustworthy as the image's owner: they find out damage, and only a signature or the user's own hash finds out
 * malice. A root hash is one of the root file system or of /usr. What belongs to a disk rather than a file is said by
 * the user only. Without all of these there is what the image bears itself: partitions with a root hash and a signature
 * of it. */

#include "host/image-verity.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "fd.h"
#include "hex.h"
#include "log.h"

#define SIGNATURE_SIZE_MAX (256u * 1024)
#define SIGNATURES_MAX 16u

static const struct {
        RootHashOf of;
        const char *attribute, *hash_suffix, *signature_suffix;
} kinds[] = {
        { ROOT_HASH_OF_ROOT, "user.verity.roothash", ".roothash", ".roothash.p7s" },
        { ROOT_HASH_OF_USR, "user.verity.usrhash", ".usrhash", ".usrhash.p7s" },
};

void image_verity_done(ImageVerity *verity) {
        for (size_t i = 0; i < verity->hashes.n_items; i++)
                root_hash_done(&verity->hashes.items[i]);
        free(TAKE_PTR(verity->hashes.items));
        free(TAKE_PTR(verity->data_path));
}

/* "image.raw" and ".roothash" are "image.roothash". */
static char *path_beside(const char *image, const char *suffix) {
        const char *raw = endswith(image, ".raw");
        char *path;

        return asprintf(&path, "%.*s%s", (int) (raw ? (size_t) (raw - image) : strlen(image)), image, suffix) < 0
                ? NULL
                : path;
}

/* 1 and what is in it, 0 if there is no such file. Logs. */
static int read_beside(const char *image, const char *suffix, size_t max, char **ret, size_t *ret_size) {
        _cleanup_free_ char *path = path_beside(image, suffix);
        int r;

        if (!path)
                return log_oom();
        r = read_file_at(AT_FDCWD, path, max, ret, ret_size);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? log_error_errno(r, "%s: %m", path) : 1;
}

/* — the hash — */

static int take_hash(const char *image, const char *from, const char *text, RootHashOf of, RootHash *hash) {
        if (root_hash_parse(text, hash) < 0)
                return log_error_errno(-EINVAL, "%s: its %s does not hold a root hash", image, from);
        hash->of = of;
        hash->given = true;
        return 1;
}

/* Not of the fd, which may be that of a copy. */
static int hash_of_attribute(const char *image, size_t kind, RootHash *hash) {
        char text[ROOT_HASH_SIZE_MAX * 2 + 2];
        ssize_t n = getxattr(image, kinds[kind].attribute, text, sizeof(text) - 1);

        if (n < 0 && (errno == ENODATA || errno == EOPNOTSUPP))
                return 0;
        if (n < 0)
                return log_error_errno(-errno, "%s: its attribute %s cannot be read: %m", image,
                                       kinds[kind].attribute);
        text[n] = 0;
        return take_hash(image, kinds[kind].attribute, text, kinds[kind].of, hash);
}

static int hash_beside(const char *image, size_t kind, RootHash *hash) {
        _cleanup_free_ char *text = NULL;
        int r = read_beside(image, kinds[kind].hash_suffix, 256, &text, NULL);

        return r > 0 ? take_hash(image, kinds[kind].hash_suffix, text, kinds[kind].of, hash) : r;
}

static int find_hash(const char *path, const SourceConfig *source, bool is_file, RootHash *hash) {
        int r = 0;

        if (source->root_hash)
                return take_hash(path, "--root-hash=", source->root_hash, ROOT_HASH_OF_ANY, hash);
        for (size_t i = 0; i < ELEMENTSOF(kinds) && is_file && r == 0; i++) {
                r = hash_of_attribute(path, i, hash);
                if (r == 0)
                        r = hash_beside(path, i, hash);
        }
        return r;
}

/* — the signature — */

static int signature_given(const SourceConfig *source, RootHash *hash) {
        const char *text = startswith(source->root_hash_signature, "base64:");
        char *data;
        int r;

        if (text)
                r = base64_decode(text, strlen(text), &hash->signature, &hash->signature_size);
        else {
                r = read_file_at(AT_FDCWD, source->root_hash_signature, SIGNATURE_SIZE_MAX, &data,
                                 &hash->signature_size);
                if (r >= 0)
                        hash->signature = (uint8_t *) data;
        }
        return r < 0 ? log_error_errno(r, "--root-hash-sig=%s: %m", source->root_hash_signature) : 0;
}

static int find_signature(const char *path, const SourceConfig *source, bool is_file, RootHash *hash) {
        char *data;
        int r = 0;

        if (source->root_hash_signature)
                return signature_given(source, hash);
        for (size_t i = 0; i < ELEMENTSOF(kinds) && is_file && r == 0; i++)
                if (hash->of == ROOT_HASH_OF_ANY || hash->of == kinds[i].of) {
                        r = read_beside(path, kinds[i].signature_suffix, SIGNATURE_SIZE_MAX, &data,
                                        &hash->signature_size);
                        if (r > 0)
                                hash->signature = (uint8_t *) data;
                }
        return MIN(r, 0);
}

/* — the hashes — */

static int find_data(const char *image, const SourceConfig *source, bool is_file, char **ret) {
        _cleanup_free_ char *path = NULL;

        if (!source->verity_data && !is_file)
                return 0;
        path = source->verity_data ? strdup(source->verity_data) : path_beside(image, ".verity");
        if (!path)
                return log_oom();
        if (source->verity_data || faccessat(AT_FDCWD, path, F_OK, 0) >= 0)
                *ret = TAKE_PTR(path);
        return 0;
}

/* — on the image — */

/* 1 and the hash with its signature. What is damaged signs nothing. */
static int read_signature(int image_fd, const Partition *p, RootHashOf of, RootHash *ret) {
        _cleanup_free_ char *text = NULL;
        size_t size = MIN(p->size, (uint64_t) SIGNATURE_SIZE_MAX);
        VeritySignature s = {};
        ssize_t n;

        text = malloc(size);
        if (!text)
                return log_oom();
        n = pread(image_fd, text, size, (off_t) p->offset);
        if (n <= 0 || verity_signature_parse(text, (size_t) n, &s) < 0) {
                log_debug("partition %i holds no signature", p->number);
                return 0;
        }
        *ret = (RootHash){
                .of = of, .size = s.root_hash_size, .signature = s.signature, .signature_size = s.signature_size
        };
        memcpy(ret->bytes, s.root_hash, s.root_hash_size);
        return 1;
}

/* Keeps a hash that the image itself bears; next to one that was given, its signature only. */
static void keep(RootHashes *hashes, RootHash *found) {
        RootHash *given = hashes->n_items > 0 && hashes->items[0].given ? hashes->items : NULL;

        if (!given)
                hashes->items[hashes->n_items++] = TAKE(*found, (RootHash){});
        else if (!given->signature && given->size == found->size &&
                 memcmp(given->bytes, found->bytes, found->size) == 0) {
                given->signature = TAKE_PTR(found->signature);
                given->signature_size = found->signature_size;
        }
}

/* An image has one for each of its root and /usr partitions, which are few; a table has room for thousands. */
static int find_signatures(int image_fd, const PartitionTable *table, RootHashes *hashes) {
        for (size_t i = 0, n = 0; i < table->n_items && n < SIGNATURES_MAX; i++) {
                _cleanup_root_hash_ RootHash found = {};
                RootHashOf of;
                int r;

                if (!image_is_signature(&table->items[i], &of))
                        continue;
                n++;
                r = read_signature(image_fd, &table->items[i], of, &found);
                if (r < 0)
                        return r;
                if (r > 0)
                        keep(hashes, &found);
        }
        return 0;
}

int image_verity_find(const char *path, const SourceConfig *source, int image_fd, const PartitionTable *table,
                      ImageVerity *ret) {
        RootHashes *hashes = &ret->hashes;
        struct stat st;
        bool is_file;
        int r;

        if (fstat(image_fd, &st) < 0)
                return log_error_errno(-errno, "%s: %m", path);
        is_file = S_ISREG(st.st_mode);
        hashes->items = calloc(table->n_items + 1, sizeof(RootHash));
        if (!hashes->items)
                return log_oom();
        r = find_hash(path, source, is_file, hashes->items);
        if (r > 0) {
                hashes->n_items = 1;
                r = find_signature(path, source, is_file, hashes->items);
                if (r >= 0)
                        r = find_data(path, source, is_file, &ret->data_path);
        }
        if (r >= 0 && hashes->n_items == 0 && (source->root_hash_signature || source->verity_data))
                return log_error_errno(-ENOKEY,
                                       "%s: what is checked with %s takes a root hash: give it with --root-hash=",
                                       path, source->root_hash_signature ? "--root-hash-sig=" : "--verity-data=");
        hashes->elsewhere = ret->data_path;
        return r < 0 ? r : find_signatures(image_fd, table, hashes);
}
