/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The certificates whose owners the host's administrator trusts with disk images: *.crt in /etc/verity.d and its
 * like. */

#include "plan/root-hash.h"

/* Whether the signature of a root hash is one of theirs: 1, 0, or a negative errno where that cannot be told, -ENOPKG
 * without libcrypto. Silent. */
int certificates_vouch_for(const RootHash *hash);
