"""A process that computes without pause, like a compiler that runs beside the client."""

from multiprocessing.connection import Connection

from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import Report

_TERMS = 200_000
"""Some milliseconds of work between two checks for the stop."""


def main(pipe: "Connection[Report, Command]") -> None:
    """Entry point of the spawned process."""
    run_child(pipe, False, compute)


def compute(link: SupervisorLink) -> None:
    """Compute until the supervisor stops the process."""
    while not link.stop_requested():
        sum(range(_TERMS))
