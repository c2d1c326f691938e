#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: without-landlock.py PROGRAM [ARG…]     runs it on a kernel that has no Landlock, as far as it can tell
import ctypes, os, struct, sys

LANDLOCK_CREATE_RULESET, ENOSYS = 444, 38
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
code = b"".join(struct.pack("=HBBI", *line) for line in [
    (LOAD, 0, 0, 0),
    (EQUAL, 0, 1, LANDLOCK_CREATE_RULESET),
    (RETURN, 0, 0, 0x00050000 | ENOSYS),
    (RETURN, 0, 0, 0x7fff0000),
])
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(code)
program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
if libc.prctl(22, 2, program, 0, 0) != 0: # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    sys.exit("no filter: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
