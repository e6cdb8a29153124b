"""The network process: one event loop between the rings and the service."""

import asyncio
import socket
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from pipeline.config.settings import Settings
from pipeline.ipc.child import SupervisorLink, run_child
from pipeline.ipc.commands import Command
from pipeline.ipc.events import Started
from pipeline.ipc.reports import ConversationMemory, Report
from pipeline.pcm import ms_to_samples
from pipeline.shm.names import SharedNames
from pipeline.shm.ring import FrameRing
from pipeline.shm.state import SharedState
from pipeline.shm.wakeup import WakeReceiver
from pipeline.system.certificates import certificates_deferred
from pipeline.system.event_loop import event_loop
from pipeline.system.realtime import NETWORK_PRIORITY, Promotion, protect_process

with certificates_deferred():
    from pipeline.network.client import Client
    from pipeline.network.downlink import Downlink
    from pipeline.network.sent_reference import SentReference
    from pipeline.network.uplink import Uplink


def main(
    pipe: "Connection[Report, Command]",
    settings: Settings,
    names: SharedNames,
    wake_socket: socket.socket,
    memory: ConversationMemory | None = None,
) -> None:
    """Entry point of the spawned process; `memory` is that of the process whose place it takes."""
    run_child(pipe, settings.verbose, partial(_work, settings, names, wake_socket, memory))


def _work(
    settings: Settings,
    names: SharedNames,
    wake_socket: socket.socket,
    memory: ConversationMemory | None,
    link: SupervisorLink,
) -> None:
    with ExitStack() as stack:
        state = stack.enter_context(SharedState.attach(names.state))
        capture_ring = stack.enter_context(FrameRing.attach(names.capture_ring))
        playback_ring = stack.enter_context(FrameRing.attach(names.playback_ring))
        reference = None
        if names.sent_reference_ring is not None:
            ring = stack.enter_context(FrameRing.attach(names.sent_reference_ring))
            reference = SentReference(ring.reader())
        runner = stack.enter_context(asyncio.Runner(loop_factory=event_loop))
        frame_samples = ms_to_samples(settings.frame_ms)
        uplink = Uplink(
            capture_ring.reader(),
            WakeReceiver(wake_socket),
            state,
            frame_samples,
            marked_turns=settings.sends_marked_turns,
            prefix_ms=settings.prefix_padding_ms if settings.ears_mark_turns else 0,
            reference=reference,
        )
        downlink = Downlink(playback_ring.writer())
        runner.get_loop().set_exception_handler(_on_loop_error)
        loop = runner.get_loop()
        client = Client(settings, link, state, uplink, downlink, loop=loop, memory=memory)
        promotion = Promotion(NETWORK_PRIORITY, by_broker=False)
        promotion.promote_once()
        protect_process()
        promotion.log_outcome()
        link.report(Started("network", f"event loop {type(runner.get_loop()).__module__}"))
        runner.run(_until_stopped(client, link))


async def _until_stopped(client: Client, link: SupervisorLink) -> None:
    """Converse until the supervisor says stop, or until the client fails."""
    run = asyncio.create_task(client.run())
    while not run.done() and not link.stopped:
        while (command := link.receive()) is not None:
            client.handle_command(command)
        client.tick()  # before the first pause: from here on a standstill is noticed
        await asyncio.sleep(client.pause_s)
    run.cancel()
    await asyncio.wait({run})
    if not run.cancelled():
        run.result()


def _on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Ignore aiohttp's complaint about the session that the SDK leaves open at a cancelled connect.

    That session ends with this process.
    """
    if "client_session" not in context:
        loop.default_exception_handler(context)
