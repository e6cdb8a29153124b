"""The entry points of the offline service: beside a conversation, or alone with `serve`."""

import asyncio
import gc
import itertools
import logging
import os
import secrets
import socket
import sys
from contextlib import AsyncExitStack
from functools import partial
from multiprocessing.connection import Connection

import click

from pipeline.emulator.server.access import Access
from pipeline.emulator.server.address import LOOPBACK
from pipeline.emulator.server.options import ServeOptions
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.events import Started
from pipeline.ipc.reports import AtWork, Report
from pipeline.system.certificates import certificates_deferred

with certificates_deferred():
    from pipeline.emulator.replies.chat import ChatReplies
    from pipeline.emulator.server.service import EmulatorService

STOP_POLL_S = 0.05
POLLS_PER_SIGN = 10
"""A sign of life every half second. Models load in threads and delay it by less than a second."""

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended: 128 + SIGINT."""


def main(
    pipe: "Connection[Report, Command]", verbose: int, listener: socket.socket, key: str
) -> None:
    """Entry point of the spawned process; `listener` accepts connections already."""
    run_child(pipe, verbose, partial(_work, listener, key))


def serve(options: ServeOptions) -> int:
    """Serve any client until Ctrl-C.

    Raises `SettingsError`, `PortInUseError` or `MissingPackageError` if it cannot start.
    """
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING)
    try:
        asyncio.run(_serve_alone(options))
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)  # a thread may be at work in a library that must not be unloaded
    return 0


def _work(listener: socket.socket, key: str, link: SupervisorLink) -> None:
    asyncio.run(_serve_beside(EmulatorService(Access(key), listener=listener), link))


async def _serve_beside(service: EmulatorService, link: SupervisorLink) -> None:
    await service.start()
    link.report(Started("offline service", "accepts connections"))
    try:
        for poll in itertools.count():
            if link.stop_requested():
                return
            if poll % POLLS_PER_SIGN == 0:
                link.report(AtWork())
            await asyncio.sleep(STOP_POLL_S)
    finally:
        await service.stop()


async def _serve_alone(options: ServeOptions) -> None:
    key = options.key or secrets.token_urlsafe(24)
    async with AsyncExitStack() as stack:
        replies = None
        if options.reply_url is not None:
            replies = await stack.enter_async_context(
                ChatReplies(options.reply_url, model=options.reply_model, key=options.reply_key)
            )
        service = EmulatorService(
            Access(key, options.accept_any_token),
            host=options.host or LOOPBACK,
            port=options.port,
            replies=replies,
            faults=options.faults,
            most_clients=options.max_clients,
            show=click.echo,
            verbose=options.verbose,
        )
        endpoint = await service.start()
        stack.push_async_callback(service.stop)
        await service.loaded()
        # Later collections would scan the loaded models and interrupt the sound of all clients.
        gc.collect()
        gc.freeze()
        shown = key if options.key is None else "the one that was given"
        click.echo(
            f"endpoint  {endpoint}\nkey       {shown}\nCtrl-C ends the service.", file=sys.stdout
        )
        await asyncio.Event().wait()
