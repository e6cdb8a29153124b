"""Runs of the program against a scripted service."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.program import Program
from tests.support.scripted_service import ScriptedService, ScriptedSession
from tests.support.sound import Samples, noise, write_wav

SPOKEN = "spoken.wav"
HEARD = "heard.wav"


def run_against(
    service: ScriptedService,
    folder: Path,
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    first: str = "",
) -> Program:
    """Start a conversation with `service` in `folder`."""
    return Program(
        *("run", "--endpoint", service.endpoint, *arguments),
        cwd=folder,
        environment={"AZURE_VOICELIVE_API_KEY": service.KEY, **(environment or {})},
        first=first,
    )


@contextmanager
def quiet_minute(folder: Path) -> Iterator[tuple[ScriptedService, Program]]:
    """Run the program in a conversation while the person is silent, until the service hears it."""

    async def script(session: ScriptedSession) -> None:
        await session.wait_for(lambda: session.heard)

    with (
        ScriptedService(script) as service,
        run_on_files(service, folder, noise(60, -9, 9, seed=1)) as program,
    ):
        program.wait_output("Ready: speak")
        yield service, program


def run_on_files(
    service: ScriptedService,
    folder: Path,
    spoken: Samples,
    *arguments: object,
    environment: Mapping[str, str] | None = None,
    first: str = "",
) -> Program:
    """Start a conversation in which `spoken` is said; `HEARD` in `folder` records the answers."""
    files = ("--input", write_wav(folder / SPOKEN, spoken), "--output", folder / HEARD)
    return run_against(service, folder, *files, *arguments, environment=environment, first=first)
