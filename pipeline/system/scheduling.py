"""Real-time scheduling and locked memory, asked of each system in its own way.

All of it is a wish: no system has to grant it, and no function here raises because it does not.
"""

import ctypes
import ctypes.util
import logging
import os
import sys
import threading
from contextlib import suppress

_log = logging.getLogger(__name__)

_REFUSALS = (OSError, AttributeError)
"""The system refuses, or a function or library is missing on it."""

_PERIOD_MS = 5
_NICENESS = 5
"""Added to a thread's own: a third of the share of a busy processor that it had."""
_NICEST = 19
_WORK_MS = 1
"""Longer than what an audio callback does in a period."""


def promote_this_thread(priority: int) -> str | None:
    """Give the calling thread real-time scheduling; `priority` counts on Linux alone, from 1 to 99.

    Returns what was granted, in words; None if nothing was. An audio callback may call it.
    """
    try:
        return _promote_this_thread(priority)
    except _REFUSALS:
        return None


def yield_processor() -> None:
    """Let the calling thread give way to others, on Linux, where a thread has its own niceness.

    It cannot be undone without special rights.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            thread = threading.get_native_id()
            niceness = os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS
            os.setpriority(os.PRIO_PROCESS, thread, min(_NICEST, niceness))


def keep_in_memory() -> None:
    """Let nothing that this process has touched be paged out, if its limits allow that."""
    try:
        _lock_memory()
    except _REFUSALS as error:
        _log.info("memory may be paged out: %s", error)


if sys.platform == "linux":

    def _policy() -> int:
        """SCHED_FIFO; programs and threads that a real-time thread starts are ordinary ones.

        Signing in with Microsoft Entra may start another program, which computes for seconds.
        """
        return os.SCHED_FIFO | os.SCHED_RESET_ON_FORK

    def _promote_this_thread(priority: int) -> str | None:
        os.sched_setscheduler(0, _policy(), os.sched_param(priority))
        return f"real-time priority {priority} (SCHED_FIFO)"

    _LOCK_CURRENT, _LOCK_ON_FAULT = 1, 4
    """``MCL_CURRENT`` and ``MCL_ONFAULT`` of ``sys/mman.h``."""

    def _lock_memory() -> None:
        library = ctypes.CDLL(None, use_errno=True)
        if library.mlockall(_LOCK_CURRENT | _LOCK_ON_FAULT) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def promote_ordinary_threads(priority: int) -> None:
        """Promote those threads of this process that are not real-time threads yet."""
        for thread in threading.enumerate():
            with suppress(*_REFUSALS):
                if os.sched_getscheduler(thread.native_id or 0) == os.SCHED_OTHER:
                    param = os.sched_param(priority)
                    os.sched_setscheduler(thread.native_id or 0, _policy(), param)

elif sys.platform == "darwin":

    class _TimeConstraint(ctypes.Structure):
        """Of ``mach/thread_policy.h``, in units of ``mach_absolute_time``."""

        _fields_ = (
            ("period", ctypes.c_uint32),
            ("computation", ctypes.c_uint32),
            ("constraint", ctypes.c_uint32),
            ("preemptible", ctypes.c_int32),
        )

    class _Timebase(ctypes.Structure):
        _fields_ = (("numer", ctypes.c_uint32), ("denom", ctypes.c_uint32))

    _TIME_CONSTRAINT_POLICY = 2
    _TIME_CONSTRAINT_FIELDS = 4

    def _promote_this_thread(priority: int) -> str | None:  # noqa: ARG001 - there are no levels
        system = ctypes.CDLL(ctypes.util.find_library("System"))
        timebase = _Timebase()
        system.mach_timebase_info(ctypes.byref(timebase))
        ticks_per_ms = 1_000_000 * timebase.denom // timebase.numer
        policy = _TimeConstraint(
            _PERIOD_MS * ticks_per_ms, _WORK_MS * ticks_per_ms, _PERIOD_MS * ticks_per_ms, 1
        )
        system.pthread_self.restype = ctypes.c_void_p
        system.pthread_mach_thread_np.argtypes = [ctypes.c_void_p]
        system.pthread_mach_thread_np.restype = ctypes.c_uint32
        refused = system.thread_policy_set(
            ctypes.c_uint32(system.pthread_mach_thread_np(system.pthread_self())),
            ctypes.c_uint32(_TIME_CONSTRAINT_POLICY),
            ctypes.byref(policy),
            ctypes.c_uint32(_TIME_CONSTRAINT_FIELDS),
        )
        return None if refused else "real-time scheduling (time constraint)"

else:

    def _promote_this_thread(priority: int) -> str | None:  # noqa: ARG001 - there are no levels
        if sys.platform != "win32":
            return None
        scheduler = ctypes.WinDLL("avrt")
        scheduler.AvSetMmThreadCharacteristicsW.restype = ctypes.c_void_p
        task = ctypes.c_ulong()
        granted = scheduler.AvSetMmThreadCharacteristicsW("Pro Audio", ctypes.byref(task))
        return "multimedia class scheduling (Pro Audio)" if granted else None


if sys.platform != "linux":

    def _lock_memory() -> None:
        pass

    def promote_ordinary_threads(priority: int) -> None:
        """Do nothing: threads of this system cannot be promoted by another thread."""
