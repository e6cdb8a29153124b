"""The process in reserve: it takes the place of one that dies, and harms nothing if it dies."""

import signal
from pathlib import Path

import pytest

from tests.support.program import Program
from tests.support.runs import quiet_minute
from tests.support.voice_processes import ready_spare, signal_process, voice_processes

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")


def replace(program: Program, name: str) -> int:
    """Kill the process of that name; return the id of the one that takes its place."""
    killed = signal_process(program, name, signal.SIGKILL)
    program.wait_until(lambda: voice_processes(program).get(name, killed) != killed)
    return voice_processes(program)[name].pid


def test_a_spare_takes_another_s_place_and_may_die_itself(tmp_path: Path) -> None:
    with quiet_minute(tmp_path) as (service, program):
        stopped = ready_spare(program, "audio")
        stopped.suspend()
        ready_spare(program, "network").kill()
        assert replace(program, "capture") != stopped.pid
        program.wait_until(lambda: not stopped.is_running())
        network, audio = (ready_spare(program, kind) for kind in ("network", "audio"))
        for spare in (network, audio):
            spare.send_signal(signal.SIGINT)  # as Ctrl-C does, which only the supervisor obeys
            assert service.KEY.encode() not in Path(f"/proc/{spare.pid}/environ").read_bytes()
        assert replace(program, "network") == network.pid
        assert replace(program, "playback") == audio.pid
        service.call(service.sessions[1].wait_for(lambda: service.sessions[1].heard))
        assert program.out.count("a new one") == 3, "a spare that dies is not told"
        assert not program.err
        program.signal(signal.SIGKILL)
        program.wait_gone()
