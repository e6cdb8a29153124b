"""The offline service as a process: beside a conversation, or alone with `serve`."""

import asyncio
import logging
import os
import secrets
import socket
from functools import partial
from multiprocessing.connection import Connection

import click

from pipeline.child import Supervised, run_child
from pipeline.commands import Command
from pipeline.offline.service import OfflineService
from pipeline.reports import Report, Started

STOP_POLL_S = 0.05
INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended: 128 + SIGINT."""


def main(
    pipe: "Connection[Report, Command]", verbose: bool, listener: socket.socket, key: str
) -> None:
    """Entry point of the spawned process; `listener` accepts connections already."""
    run_child(pipe, verbose, partial(_work, listener, key))
    # A model may still compute in a thread that nobody can interrupt. Unloading it underneath would
    # abort the process; nothing here needs tidying up.
    os._exit(0)


def serve(*, port: int, key: str | None, verbose: bool) -> int:
    """Serve any client on 127.0.0.1 until Ctrl-C.

    :raises PortInUseError, MissingPackageError: it cannot start.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING)
    key = key or secrets.token_urlsafe(24)
    try:
        asyncio.run(_serve_alone(OfflineService(key, port=port), key))
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # as above
    return 0


def _work(listener: socket.socket, key: str, supervised: Supervised) -> None:
    asyncio.run(_serve_beside(OfflineService(key, listener=listener), supervised))


async def _serve_beside(service: OfflineService, supervised: Supervised) -> None:
    await service.start()
    supervised.report(Started("offline service", "accepts connections"))
    try:
        while not supervised.stop_requested():  # noqa: ASYNC110 - on Windows no pipe can be awaited
            await asyncio.sleep(STOP_POLL_S)
    finally:
        await service.stop()


async def _serve_alone(service: OfflineService, key: str) -> None:
    port = await service.start()
    try:
        await service.loaded()
        click.echo(f"endpoint  http://127.0.0.1:{port}\nkey       {key}\nCtrl-C ends the service.")
        await asyncio.Event().wait()
    finally:
        await service.stop()
