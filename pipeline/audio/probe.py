"""A short-lived process that lists the sound cards: the supervisor never loads PortAudio."""

from multiprocessing.connection import Connection

from pipeline.audio.devices import list_devices
from pipeline.audio.stderr import stderr_reported
from pipeline.child import Supervised, run_child
from pipeline.commands import Command
from pipeline.reports import DevicesFound, Report


def main(pipe: "Connection[Report, Command]", verbose: bool) -> None:
    """Entry point of the spawned process."""
    run_child(pipe, verbose, _work)


def _work(supervised: Supervised) -> None:
    with stderr_reported(supervised):
        supervised.report(DevicesFound(tuple(list_devices())))
