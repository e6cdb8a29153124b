"""Real-time scheduling, asked of each system in its own way; none of them has to grant it.

Each function acts for one thread and says in words what came of it, or returns None if refused.
"""

import ctypes
import ctypes.util
import os
import sys
import threading
from contextlib import suppress

_PERIOD_MS = 5
_WORK_MS = 1
"""What an audio callback does in a period takes less."""

if sys.platform == "linux":
    import resource

    _LONGEST_RUN_US = 200_000
    """The kernel ends a process whose real-time thread runs this long without a pause; rtkit
    promotes nobody who has not agreed to that."""

    _POLICY = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
    """Programs and threads that a real-time thread starts are ordinary ones: signing in with
    Microsoft Entra may start another program, which computes for seconds."""

    def promote_this_thread(priority: int) -> str | None:
        try:
            os.sched_setscheduler(0, _POLICY, os.sched_param(priority))
        except PermissionError:
            return None
        return f"real-time priority {priority} (SCHED_FIFO)"

    _LOCK_CURRENT, _LOCK_ON_FAULT = 1, 4
    """``MCL_CURRENT`` and ``MCL_ONFAULT`` of ``sys/mman.h``."""

    def keep_in_memory() -> None:
        """Let nothing that this process has touched be paged out, if its limits allow that."""
        ctypes.CDLL(None).mlockall(_LOCK_CURRENT | _LOCK_ON_FAULT)

    def promote_ordinary_threads(priority: int) -> None:
        """Promote those threads of this process that are not real-time threads yet."""
        for thread in threading.enumerate():
            with suppress(PermissionError, ProcessLookupError):
                if os.sched_getscheduler(thread.native_id or 0) == os.SCHED_OTHER:
                    param = os.sched_param(priority)
                    os.sched_setscheduler(thread.native_id or 0, _POLICY, param)

    def promote_by_broker(thread_id: int) -> str | None:
        """Ask rtkit, which promotes ordinary users' threads on most desktops. It may take long."""
        from jeepney import DBusAddress, MessageType, Properties, new_method_call
        from jeepney.io.blocking import open_dbus_connection

        rtkit = DBusAddress(
            "/org/freedesktop/RealtimeKit1",
            bus_name="org.freedesktop.RealtimeKit1",
            interface="org.freedesktop.RealtimeKit1",
        )
        try:
            with open_dbus_connection(bus="SYSTEM") as bus:
                highest = bus.send_and_get_reply(
                    Properties(rtkit).get("MaxRealtimePriority"), timeout=1
                )
                if highest.header.message_type == MessageType.error:
                    return None
                priority = int(highest.body[0][1])
                resource.setrlimit(resource.RLIMIT_RTTIME, (_LONGEST_RUN_US, _LONGEST_RUN_US))
                wish = new_method_call(rtkit, "MakeThreadRealtime", "tu", (thread_id, priority))
                answer = bus.send_and_get_reply(wish, timeout=1)
        except (OSError, TimeoutError, KeyError):  # no bus, or nobody on it
            return None
        if answer.header.message_type == MessageType.error:
            return None
        return f"real-time priority {priority} (rtkit)"

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

    def promote_this_thread(priority: int) -> str | None:  # noqa: ARG001 - there are no levels
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

    def promote_ordinary_threads(priority: int) -> None:
        pass

    def keep_in_memory() -> None:
        pass

    def promote_by_broker(thread_id: int) -> str | None:  # noqa: ARG001 - there is none
        return None

elif sys.platform == "win32":

    def promote_this_thread(priority: int) -> str | None:  # noqa: ARG001 - there are no levels
        scheduler = ctypes.WinDLL("avrt")
        scheduler.AvSetMmThreadCharacteristicsW.restype = ctypes.c_void_p
        task = ctypes.c_ulong()
        granted = scheduler.AvSetMmThreadCharacteristicsW("Pro Audio", ctypes.byref(task))
        return "multimedia class scheduling (Pro Audio)" if granted else None

    def promote_ordinary_threads(priority: int) -> None:
        pass

    def keep_in_memory() -> None:
        pass

    def promote_by_broker(thread_id: int) -> str | None:  # noqa: ARG001 - there is none
        return None

else:

    def promote_this_thread(priority: int) -> str | None:  # noqa: ARG001 - nothing is known
        return None

    def promote_ordinary_threads(priority: int) -> None:
        pass

    def keep_in_memory() -> None:
        pass

    def promote_by_broker(thread_id: int) -> str | None:  # noqa: ARG001
        return None
