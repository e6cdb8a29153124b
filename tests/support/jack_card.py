"""A conversation over a sound card without hardware; see `pipeline.bench.jack_card`.

PortAudio passes an answer's sample k to JACK as exactly k / 32768. In the other direction it scales
by 32766 and adds triangular dither before it truncates, so that a microphone sample is off by up to
3. A signal whose samples must be recognised uses multiples of `STEP`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.bench.jack_card import JackCard, wait_until
from pipeline.bench.jack_peer import JackPeer
from pipeline.pcm import FULL_SCALE
from tests.support.program import Program
from tests.support.runs import run_against
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import Samples

__all__ = ["STEP", "JackCard", "JackPeer", "Talk", "decoded", "talking", "wait_until"]

STEP = 16
FRAME_BYTES = 2_400


@dataclass(frozen=True)
class Talk:
    """A running conversation over a card."""

    program: Program
    peer: JackPeer
    service: ScriptedService

    @property
    def session(self) -> ScriptedSession:
        (session,) = self.service.sessions
        return session

    def say(self, sound: Samples) -> None:
        """Speak `sound` and wait until the service has received it."""
        self.peer.say(sound)
        wait_until(lambda: self.peer.said_all)
        bytes_by_now = len(self.session.heard)
        wait_until(lambda: len(self.session.heard) > bytes_by_now + 4 * FRAME_BYTES)

    def arrived(self) -> Samples:
        return np.frombuffer(bytes(self.session.heard), np.int16)

    def wait_ready(self) -> None:
        """Wait until all answers have been heard."""
        self.program.wait_output("\nReady\n")


@contextmanager
def talking(card: JackCard, folder: Path, *arguments: object) -> Iterator[Talk]:
    """Run the program over `card`; yield it when it is ready, and end it by Ctrl-C.

    There is no ready tone, unless `arguments` ask for it.
    """
    given = ("--ready-tone", "off", *arguments)
    with (
        JackPeer(card) as peer,
        ScriptedService() as service,
        run_against(service, folder, *given, environment=card.environment) as program,
    ):
        peer.connect(program.check_running)
        program.wait_output("Ready: speak")
        yield Talk(program, peer, service)
        program.interrupt()
        assert program.wait_exit() == 0, program.said
        assert not program.err


def decoded(samples: Samples) -> Samples:
    """Return microphone samples on the grid of `STEP` on which they were played."""
    grid = np.rint(samples.astype(np.float64) * FULL_SCALE / 32_766 / STEP) * STEP
    return grid.astype(np.int16)
