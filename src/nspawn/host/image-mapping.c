/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: run by the supervisor after the loop devices are attached. A device is recorded before it is
 * made, under a name that never comes again; once it is open the kernel itself takes it back when it is no longer
 * used, so the record matters for the moments between only.
 *
 * A key comes from the option, or from our own credential nspawn.luks, or from the user, who is asked for each
 * partition that the last answer does not open, on the terminal or by password agents. A signature counts if one of
 * the host's certificates or the kernel's keyring vouches for it. What the policy lets pass without may be opened
 * without, unless the user gave it. */

#include "host/image-mapping.h"

#include <stdio.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>

#include "device-mapper.h"
#include "escape.h"
#include "host/certificates.h"
#include "host/mapped-device.h"
#include "host/password-agent.h"
#include "host/runtime-directory.h"
#include "log.h"

#define ATTEMPTS 3u
#define CREDENTIAL "nspawn.luks"
#define QUESTION_MAX 512
#define AGENT_TIMEOUT_SEC 300u
#define AGENT_MARGIN_USEC UINT64_C(90000000) /* for the rest of the start */

void image_mapping_done(ImageMapping *mapping) {
        secret_done(&mapping->key);
}

/* — names — */

static void record_name(unsigned number, char ret[static 32]) {
        (void) snprintf(ret, 32, RUNTIME_RECORD_MAPPED "-%u", number);
}

/* Several images may make up a machine: the next number is the first that has no record. */
static int record(int runtime_fd, const char *name) {
        char file[32];

        for (unsigned number = 0;; number++) {
                _cleanup_free_ char *taken = NULL;
                int r;

                record_name(number, file);
                r = runtime_record_read(runtime_fd, file, &taken);
                if (r < 0)
                        return r == -ENOENT ? runtime_record_write(runtime_fd, file, name) : r;
        }
}

static int new_name(const ImageMapping *mapping, ImagePlace place, char *ret, size_t size) {
        uint64_t random;
        int r;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return errno_or_eio();
        (void) snprintf(ret, size, "nspawn-%s-%s-%016llx", mapping->source->machine, image_place_name(place),
                        (unsigned long long) random);
        r = record(mapping->runtime_fd, ret);
        return r < 0 ? log_error_errno(r, "%s: cannot record a device: %m", mapping->source->machine) : 0;
}

void image_mapping_remove_recorded(int runtime_fd) {
        for (unsigned number = 0;; number++) {
                _cleanup_free_ char *name = NULL;
                char file[32];

                record_name(number, file);
                if (runtime_record_read(runtime_fd, file, &name) < 0)
                        return;
                if (startswith(name, "nspawn-"))
                        (void) mapped_device_remove(name);
        }
}

/* — opening — */

static int log_cannot_open(int error, const Image *image, ImagePlace place, const char *reason) {
        return log_error_errno(error, "%s: cannot open its %s partition: %s", image->path, image_place_name(place),
                               reason);
}

static MappedRequest request_for(const Image *image, ImagePlace place, const char *name) {
        return (MappedRequest){
                .name = name,
                .data_fd = image->loop_fds[place],
                .read_only = image->plan.slots[place].read_only,
                .hash_fd = -EBADF,
        };
}

static int map_verity(Image *image, ImagePlace place, const ImageMapping *mapping, const char *name) {
        ImageSlot *slot = &image->plan.slots[place];
        MappedRequest request = request_for(image, place, name);
        const RootHash *hash = mapping->hash;
        char reason[192];
        int fd;

        request.hash_fd = image->hashes_fd;
        request.root_hash = hash->bytes;
        request.root_hash_size = hash->size;
        if (slot->protection == PROTECTION_SIGNED && certificates_vouch_for(hash) <= 0) {
                request.signature = hash->signature;
                request.signature_size = hash->signature_size;
        }
        fd = mapped_device_open(&request, reason, sizeof(reason));
        if (fd == -EKEYREJECTED && request.signature && !mapping->source->root_hash_signature) {
                int r = image_check_slot(image->path, &mapping->source->image_policy, place, slot, PROTECTION_VERITY,
                                         &slot->protection);

                if (r < 0)
                        return r;
                log_debug("%s: nobody vouches for the signature of its root hash", image->path);
                request.signature = NULL;
                fd = mapped_device_open(&request, reason, sizeof(reason));
        }
        return fd < 0 ? log_cannot_open(fd, image, place, reason) : fd;
}

static int unlock(Image *image, ImagePlace place, const char *name, const Secret *key, char *reason, size_t size) {
        MappedRequest request = request_for(image, place, name);

        request.key = key;
        request.integrity = image->plan.slots[place].protection == PROTECTION_ENCRYPTED_WITH_INTEGRITY;
        return mapped_device_open(&request, reason, size);
}

/* 1 and the key, 0 if none is given. */
static int given_key(const Image *image, const SourceConfig *source, Secret *ret) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *path = NULL;
        int r;

        if (source->image_key_file) {
                r = key_file_read(source->image_key_file, ret);
                return r < 0 ? log_error_errno(r, "cannot read the key of %s from %s: %m", image->path,
                                               source->image_key_file)
                             : 1;
        }
        if (!directory)
                return 0;
        if (asprintf(&path, "%s/%s", directory, CREDENTIAL) < 0)
                return log_oom();
        r = key_file_read(path, ret);
        if (r == -ENOENT)
                return 0;
        return r < 0 ? log_error_errno(r, "cannot read the credential " CREDENTIAL ": %m") : 1;
}

static int log_cannot_ask(int error, const Image *image, ImagePlace place) {
        const char *name = image_place_name(place);

        switch (error) {
        case -EINTR:
        case -ECANCELED:
                return log_error_errno(error, "%s: its %s partition is encrypted and was not unlocked", image->path,
                                       name);
        case -ENOTTY:
                return log_error_errno(error,
                                       "%s: its %s partition is encrypted, and there is no terminal to ask for the "
                                       "passphrase; --image-key-file= does without",
                                       image->path, name);
        case -ETIMEDOUT:
                return log_error_errno(error,
                                       "%s: its %s partition is encrypted, and no password agent gave its passphrase "
                                       "within %u seconds; --image-key-file= does without",
                                       image->path, name, AGENT_TIMEOUT_SEC);
        default:
                return log_error_errno(error, "%s: cannot ask for the passphrase of its %s partition: %m", image->path,
                                       name);
        }
}

/* A service manager counts the time that we take to start. */
static int ask_agents(const Image *image, ImagePlace place, const ImageMapping *mapping, const char *message,
                      Secret *ret) {
        _cleanup_free_ char *id = NULL;
        AgentQuestion question = {
                .directory = PASSWORD_AGENT_DIRECTORY,
                .message = message,
                .timeout_usec = AGENT_TIMEOUT_SEC * UINT64_C(1000000),
                .runtime_fd = mapping->runtime_fd,
        };

        if (asprintf(&id, "nspawn:%s:%s", mapping->source->machine, image_place_name(place)) < 0)
                return -ENOMEM;
        question.id = id;
        log_info("%s: the passphrase of its %s partition is asked for by password agents "
                 "(systemd-tty-ask-password-agent is one)",
                 image->path, image_place_name(place));
        (void) sd_notifyf(false, "STATUS=Waiting for a passphrase\nEXTEND_TIMEOUT_USEC=%llu",
                          (unsigned long long) question.timeout_usec + AGENT_MARGIN_USEC);
        return password_agent_ask(&question, ret);
}

static int ask(const Image *image, ImagePlace place, const ImageMapping *mapping, Secret *ret) {
        char message[QUESTION_MAX], question[QUESTION_MAX + 1];
        _cleanup_free_ char *text = NULL;
        int r;

        if (mapping->source->no_ask_password)
                return log_error_errno(-ENOKEY,
                                       "%s: its %s partition is encrypted: give its key with --image-key-file=, or "
                                       "leave out --no-ask-password",
                                       image->path, image_place_name(place));
        if (asprintf(&text, "Passphrase for the %s partition of %s:", image_place_name(place), image->path) < 0)
                return log_oom();
        escape_control(text, message, sizeof(message)); /* the name may have been found, not given */
        (void) snprintf(question, sizeof(question), "%s ", message);
        r = passphrase_ask(question, ret);
        if (r == -ENOTTY && password_agent_is_there())
                r = ask_agents(image, place, mapping, message, ret);
        return r < 0 ? log_cannot_ask(r, image, place) : 0;
}

static int ask_and_unlock(Image *image, ImagePlace place, ImageMapping *mapping, const char *name) {
        char reason[192];
        int fd = -EKEYREJECTED;

        for (unsigned i = 0; i < ATTEMPTS && fd == -EKEYREJECTED; i++) {
                int r;

                if (i > 0)
                        log_warning("%s: that is not the passphrase of its %s partition", image->path,
                                    image_place_name(place));
                secret_done(&mapping->key);
                r = ask(image, place, mapping, &mapping->key);
                if (r < 0)
                        return r;
                fd = unlock(image, place, name, &mapping->key, reason, sizeof(reason));
        }
        return fd < 0 ? log_cannot_open(fd, image, place, reason) : fd;
}

static int map_luks(Image *image, ImagePlace place, ImageMapping *mapping, const char *name) {
        bool asked_before = mapping->key.data;
        char reason[192];
        int fd, r = 1;

        if (!asked_before)
                r = given_key(image, mapping->source, &mapping->key);
        if (r < 0)
                return r;
        if (r == 0)
                return ask_and_unlock(image, place, mapping, name);
        fd = unlock(image, place, name, &mapping->key, reason, sizeof(reason));
        if (fd == -EKEYREJECTED && asked_before && !mapping->source->image_key_file)
                return ask_and_unlock(image, place, mapping, name);
        return fd < 0 ? log_cannot_open(fd, image, place, reason) : fd;
}

int image_map_slot(Image *image, ImagePlace place, ImageMapping *mapping) {
        ImageProtection protection = image->plan.slots[place].protection;
        char name[DM_NAME_SIZE];
        int fd, r;

        if (protection <= PROTECTION_NONE)
                return 0;
        r = new_name(mapping, place, name, sizeof(name));
        if (r < 0)
                return r;
        fd = protection_is_encryption(protection) ? map_luks(image, place, mapping, name)
                                                  : map_verity(image, place, mapping, name);
        if (fd < 0)
                return fd;
        image->mapped_fds[place] = fd;
        return 0;
}
