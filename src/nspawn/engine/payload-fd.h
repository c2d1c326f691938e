/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Begins the names of the guest's descriptors that the host's manager keeps, so that they cannot be taken for others.
 * The guest never sees it. */
#define PAYLOAD_FD_PREFIX "payload-"
