"""A short-lived process that lists the sound devices: the supervisor never loads PortAudio."""

from multiprocessing.connection import Connection

from pipeline.audio.portaudio import list_devices
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import DevicesFound, Report


def main(pipe: "Connection[Report, Command]", verbose: int) -> None:
    """Entry point of the spawned process."""
    run_child(pipe, verbose, _work)


def _work(link: SupervisorLink) -> None:
    link.report(DevicesFound(tuple(list_devices())))
