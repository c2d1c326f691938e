/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Theory of operation: the object is flat and has strings only, so this reads just that: pairs of strings, of which
 * two are wanted and none of these may occur twice. A string with an escape in it is refused: neither hexadecimal
 * digits nor base64 need any. */

#include "plan/verity-signature.h"

#include "hex.h"

typedef struct Reader {
        const char *at, *end;
} Reader;

typedef struct Text {
        const char *start;
        size_t size;
} Text;

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool skip(Reader *r, char c) {
        while (r->at < r->end && is_space(*r->at))
                r->at++;
        if (r->at >= r->end || *r->at != c)
                return false;
        r->at++;
        return true;
}

static int read_string(Reader *r, Text *ret) {
        const char *start;

        if (!skip(r, '"'))
                return -EBADMSG;
        start = r->at;
        for (; r->at < r->end && *r->at != '"'; r->at++)
                if (*r->at == '\\' || (unsigned char) *r->at < ' ')
                        return -EBADMSG;
        if (r->at >= r->end)
                return -EBADMSG;
        *ret = (Text){ start, (size_t) (r->at++ - start) };
        return 0;
}

static bool is(const Text *text, const char *word) {
        return text->size == strlen(word) && memcmp(text->start, word, text->size) == 0;
}

static int take_pair(const Text *name, const Text *value, VeritySignature *s) {
        int r = 0;

        if (is(name, "rootHash")) {
                if (s->root_hash_size > 0)
                        return -EBADMSG;
                r = hex_decode(value->start, value->size, s->root_hash, sizeof(s->root_hash));
                if (r >= 0 && (unsigned) r < ROOT_HASH_SIZE_MIN)
                        r = -EBADMSG;
                s->root_hash_size = r >= 0 ? (size_t) r : 0;
        } else if (is(name, "signature")) {
                if (s->signature)
                        return -EBADMSG;
                r = base64_decode(value->start, value->size, &s->signature, &s->signature_size);
        }
        return r == -EINVAL ? -EBADMSG : MIN(r, 0);
}

static int read_object(Reader *reader, VeritySignature *s) {
        Text name, value;
        int r;

        if (!skip(reader, '{'))
                return -EBADMSG;
        do {
                r = read_string(reader, &name);
                if (r >= 0)
                        r = skip(reader, ':') ? read_string(reader, &value) : -EBADMSG;
                if (r >= 0)
                        r = take_pair(&name, &value, s);
                if (r < 0)
                        return r;
        } while (skip(reader, ','));
        return skip(reader, '}') ? 0 : -EBADMSG;
}

int verity_signature_parse(const char *text, size_t size, VeritySignature *ret) {
        Reader reader = { text, text + strnlen(text, size) };
        VeritySignature s = {};
        int r;

        r = read_object(&reader, &s);
        if (r >= 0 && (s.root_hash_size == 0 || s.signature_size == 0))
                r = -EBADMSG;
        if (r < 0) {
                verity_signature_done(&s);
                return r;
        }
        *ret = s;
        return 0;
}

void verity_signature_done(VeritySignature *s) {
        free(s->signature);
        *s = (VeritySignature){};
}
