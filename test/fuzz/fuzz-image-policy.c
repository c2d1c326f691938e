/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The input is the text of a policy. Whatever it says, a partition is only used in a way that it permits, and
 * a refusal has its reason in one line. */

#include <stdint.h>

#include "macros.h"
#include "plan/image-policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t permits[_PROTECTION_MAX] = {
        [PROTECTION_UNREAD] = POLICY_PROTECTION_MASK,
        [PROTECTION_NONE] = POLICY_UNPROTECTED,
        [PROTECTION_VERITY] = POLICY_VERITY,
        [PROTECTION_SIGNED] = POLICY_SIGNED,
        [PROTECTION_ENCRYPTED] = POLICY_ENCRYPTED,
        [PROTECTION_ENCRYPTED_WITH_INTEGRITY] = POLICY_ENCRYPTED_WITH_INTEGRITY,
};

static void check(const ImagePolicy *policy, ImagePlace place, const ImageFinding *finding) {
        ImageVerdict v = image_judge(policy, place, finding);

        if (v.answer == IMAGE_USE && !(permits[v.protection] & policy->flags[place]))
                abort();
        if (v.answer == IMAGE_USE && finding->protection == PROTECTION_ABSENT)
                abort();
        if ((v.answer == IMAGE_REFUSE) == !*v.reason || strchr(v.reason, '\n'))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = malloc(size + 1);
        ImagePolicy policy;

        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        text[size] = 0;
        if (image_policy_parse(text, &policy) < 0)
                return 0;
        for (ImagePlace place = 0; place < _IMAGE_PART_MAX; place++)
                for (ImageProtection p = 0; p < _PROTECTION_MAX; p++) {
                        check(&policy, place, &(const ImageFinding){ p, 0, "ext4" });
                        check(&policy, place, &(const ImageFinding){ p, UINT64_MAX, NULL });
                }
        return 0;
}
