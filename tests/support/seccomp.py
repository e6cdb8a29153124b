"""Forbids system calls, as a sandbox does, and then becomes another program.

    python -m tests.support.seccomp ERRNO CALL[,CALL…] PROGRAM [ARGUMENT…]

Linux on x86-64 only. Each call then fails with the number ERRNO, here and in all child processes.
"""

import ctypes
import os
import struct
import sys

CALLS = {"socket": 41, "socketpair": 53, "clone": 56, "fork": 57, "vfork": 58, "clone3": 435}
PROCESSES = "fork,vfork,clone,clone3"
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _FAIL = 0x7FFF_0000, 0x0005_0000
_SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2


def forbid(calls: list[int], error: int) -> None:
    """Let these system calls fail with `error`, for ever."""
    steps = [(_LOAD, 0, 0, 0)]  # the number of the call
    for index, call in enumerate(calls):
        steps.append((_EQUAL, len(calls) - index, 0, call))
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _FAIL | error)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or prctl(_SET_SECCOMP, _FILTER, program, 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    forbid([CALLS[name] for name in sys.argv[2].split(",")], int(sys.argv[1]))
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606 - no shell is wanted
