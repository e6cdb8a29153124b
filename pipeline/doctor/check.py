"""Run all checks, print a line for each, and return the exit code."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict

import click

from pipeline.audio.wav import is_wav
from pipeline.config.settings import Settings
from pipeline.console.console import Console
from pipeline.doctor.finding import Finding, fine, wrong
from pipeline.doctor.machine import (
    check_card,
    check_ears,
    check_libraries,
    check_python,
    check_realtime,
    check_shared_memory,
)
from pipeline.doctor.service import check_service
from pipeline.errors import PipelineError
from pipeline.ipc.processes import ChildProcesses
from pipeline.ipc.reports import Device, Report
from pipeline.supervisor.devices import find_devices
from pipeline.supervisor.offline_service import OfflineService
from pipeline.system.signals import signals_end_the_run
from pipeline.system.text import printable

WRONG = 1
"""Exit code if something keeps a conversation from working."""

_WORDS = {"fine": "fine  ", "advice": "advice", "wrong": "WRONG "}

Show = Callable[[Finding], None]
Handle = Callable[[Report], None]


def check(settings: Settings, *, as_json: bool) -> int:
    """Look at everything that a conversation with `settings` needs."""
    handle = _ignore if as_json else Console(verbose=settings.verbose).show_report
    findings: list[Finding] = []

    def show(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            click.echo(printable(_line(finding)))

    with signals_end_the_run(), ExitStack() as stack:
        children = stack.enter_context(ChildProcesses())
        for finding in _machine(settings, children, handle):
            show(finding)
        asyncio.run(_service(settings, children, stack, handle, show))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    return WRONG if any(finding.state == "wrong" for finding in findings) else 0


def _ignore(_report: Report) -> None:
    """Leave out what the processes report: standard output is JSON alone."""


def _line(finding: Finding) -> str:
    return f"{_WORDS[finding.state]}  {finding.name}: {finding.words}"


def _machine(settings: Settings, children: ChildProcesses, handle: Handle) -> Iterator[Finding]:
    yield check_python()
    yield check_libraries()
    devices = _devices(settings, children, handle)
    if isinstance(devices, Finding):
        yield devices
    else:
        yield check_card(settings.input, "input", devices)
        yield check_card(settings.output, "output", devices)
    yield check_ears()
    yield check_realtime()
    yield check_shared_memory(settings)


def _devices(
    settings: Settings, children: ChildProcesses, handle: Handle
) -> tuple[Device, ...] | Finding:
    if is_wav(settings.input) and is_wav(settings.output):
        return ()
    try:
        return find_devices(children, settings.verbose, handle)
    except PipelineError as error:
        return wrong("cards", str(error))


async def _service(
    settings: Settings,
    children: ChildProcesses,
    stack: ExitStack,
    handle: Handle,
    show: Show,
) -> None:
    offline = settings.uses_offline_service
    named = OfflineService(children, stack, handle).start(settings)
    where = "the built-in offline service" if offline else str(named.endpoint)
    show(fine("endpoint", where))
    async for finding in _explained(check_service(named), children):
        show(finding)


async def _explained(
    findings: AsyncIterator[Finding], children: ChildProcesses
) -> AsyncIterator[Finding]:
    """Yield the findings; if one is wrong because the offline service failed, say why."""
    async for finding in findings:
        if finding.state != "wrong":
            yield finding
            continue
        try:
            for _ in children.reports(0):
                pass
            yield finding
        except PipelineError as error:
            yield wrong(finding.name, str(error))
