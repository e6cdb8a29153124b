"""A process that computes without pause, as a compiler or a browser beside the client would."""

from multiprocessing.connection import Connection

from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.reports import Report

_TERMS = 200_000
"""Some milliseconds of work between two looks at the pipe."""


def main(pipe: "Connection[Report, Command]") -> None:
    """Entry point of the spawned process."""
    run_child(pipe, False, compute)


def compute(link: SupervisorLink) -> None:
    """Do so until the supervisor says stop."""
    while not link.stop_requested():
        sum(range(_TERMS))
