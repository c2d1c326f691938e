/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: what is signed is the root hash in hexadecimal digits, as the kernel has it too. A certificate
 * counts by being in one of these directories, which only the administrator writes to; who issued it, and until when,
 * does not matter. libcrypto reads both it and the signature. */

#include "host/certificates.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <stdio.h>

#include "dl.h"
#include "fd.h"
#include "log.h"

#define CERTIFICATE_SIZE_MAX (1u << 20)

static const char *const directories[] = {
        "/etc/verity.d",
        "/run/verity.d",
        "/usr/local/lib/verity.d",
        "/usr/lib/verity.d",
};

static __typeof__(BIO_new_mem_buf) *dl_BIO_new_mem_buf;
static __typeof__(BIO_free) *dl_BIO_free;
static __typeof__(PEM_read_bio_X509) *dl_PEM_read_bio_X509;
static __typeof__(X509_free) *dl_X509_free;
static __typeof__(d2i_PKCS7) *dl_d2i_PKCS7;
static __typeof__(PKCS7_free) *dl_PKCS7_free;
static __typeof__(PKCS7_verify) *dl_PKCS7_verify;
static __typeof__(OPENSSL_sk_new_null) *dl_OPENSSL_sk_new_null;
static __typeof__(OPENSSL_sk_push) *dl_OPENSSL_sk_push;
static __typeof__(OPENSSL_sk_free) *dl_OPENSSL_sk_free;

static int load_crypto(void) {
        static const DlSymbol symbols[] = {
                DL_SYMBOL(BIO_new_mem_buf),   DL_SYMBOL(BIO_free),
                DL_SYMBOL(PEM_read_bio_X509), DL_SYMBOL(X509_free),
                DL_SYMBOL(d2i_PKCS7),         DL_SYMBOL(PKCS7_free),
                DL_SYMBOL(PKCS7_verify),      DL_SYMBOL(OPENSSL_sk_new_null),
                DL_SYMBOL(OPENSSL_sk_push),   DL_SYMBOL(OPENSSL_sk_free),
        };

        return dl_BIO_new_mem_buf ? 0 : dl_load("libcrypto.so.3", symbols, ELEMENTSOF(symbols));
}

static X509 *read_certificate(int dir_fd, const char *name) {
        _cleanup_free_ char *text = NULL;
        X509 *certificate;
        size_t size;
        BIO *bio;

        if (read_file_at(dir_fd, name, CERTIFICATE_SIZE_MAX, &text, &size) < 0)
                return NULL;
        bio = dl_BIO_new_mem_buf(text, (int) size);
        if (!bio)
                return NULL;
        certificate = dl_PEM_read_bio_X509(bio, NULL, NULL, NULL);
        (void) dl_BIO_free(bio);
        return certificate;
}

static bool verify(PKCS7 *signature, X509 *certificate, const char *digits) {
        OPENSSL_STACK *signers = dl_OPENSSL_sk_new_null();
        BIO *content = dl_BIO_new_mem_buf(digits, (int) strlen(digits));
        bool good = signers && content && dl_OPENSSL_sk_push(signers, certificate) > 0 &&
                dl_PKCS7_verify(signature, (STACK_OF(X509) *) signers, NULL, content, NULL,
                                PKCS7_NOINTERN | PKCS7_NOVERIFY) == 1;

        if (content)
                (void) dl_BIO_free(content);
        if (signers)
                dl_OPENSSL_sk_free(signers);
        return good;
}

static bool directory_vouches(const char *path, PKCS7 *signature, const char *digits) {
        DIR *d = opendir(path);
        bool good = false;

        if (!d)
                return false;
        for (struct dirent *e; !good && (e = readdir(d));) {
                X509 *certificate = endswith(e->d_name, ".crt") ? read_certificate(dirfd(d), e->d_name) : NULL;

                if (!certificate)
                        continue;
                good = verify(signature, certificate, digits);
                if (good)
                        log_debug("%s/%s vouches for the root hash", path, e->d_name);
                dl_X509_free(certificate);
        }
        (void) closedir(d);
        return good;
}

int certificates_vouch_for(const RootHash *hash) {
        char digits[ROOT_HASH_SIZE_MAX * 2 + 1];
        const unsigned char *at = hash->signature;
        PKCS7 *signature;
        bool good = false;
        int r;

        r = load_crypto();
        if (r < 0)
                return r;
        signature = dl_d2i_PKCS7(NULL, &at, (long) hash->signature_size);
        if (!signature)
                return -EBADMSG;
        for (size_t i = 0; i < hash->size; i++)
                (void) snprintf(digits + 2 * i, 3, "%02x", hash->bytes[i]);
        for (size_t i = 0; i < ELEMENTSOF(directories) && !good; i++)
                good = directory_vouches(directories[i], signature, digits);
        dl_PKCS7_free(signature);
        return good;
}
