/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Gives back the memory of this process that what comes next is not likely to need: freed heap, and pages of code and
 * constants, which are mapped again from the page cache when they are touched. For a process that has done most of its
 * work and waits now; takes some 50 µs. */
void memory_give_back(void);
