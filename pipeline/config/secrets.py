"""Take secrets out of the environment of this process.

Every child process inherits the environment, and every user's function that runs in one can read
it. A process that needs a key gets it through its pipe.
"""

import ctypes
import os
import sys

from pipeline.config.settings import PREFIX

_PREFIXES = (PREFIX, "OFFLINE_")


def is_secret(name: str) -> bool:
    """Whether a name, perhaps a misspelt one, is that of a key of this program."""
    return name.upper().startswith(_PREFIXES) and "KEY" in name.upper()


def take_environment() -> dict[str, str]:
    """Return the environment, and remove the keys of this program from the process's own.

    Call it before the first child is spawned.
    """
    environment = dict(os.environ)
    for name, value in environment.items():
        if is_secret(name):
            _overwrite(name, value)
            del os.environ[name]
    return environment


def _overwrite(name: str, value: str) -> None:
    """Overwrite a value in the memory that the system shows to other processes of the user.

    Linux shows the environment that a process was started with (`/proc/PID/environ`, `ps e`), also
    after names were removed: a user's function could read it there.
    """
    if sys.platform == "win32":
        return
    find = ctypes.CDLL(None).getenv
    find.restype = ctypes.c_void_p
    address = find(os.fsencode(name))
    if address is not None:
        ctypes.memset(address, ord("x"), len(os.fsencode(value)))
