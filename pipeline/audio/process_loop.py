"""What the main threads of capture and playback do while their stream runs.

The stream calls back on a thread of its own. The main thread does what may take long: it notices
that the stream has stopped, opens another with a longer period, and sends reports.
"""

import time
from collections.abc import Callable, Iterator

from pipeline.audio.adaptive_period import AdaptivePeriodStream, AnyStream
from pipeline.audio.streams import PrepareThread
from pipeline.ipc.child import SupervisorLink
from pipeline.ipc.events import ClockStarted, Notice, PeriodsMissed
from pipeline.shm.atomics import Word
from pipeline.system.realtime import AUDIO_PRIORITY, Promotion, protect_process

CHECK_S = 0.2
"""Each check holds the GIL, which the callbacks need too, and costs as much as a callback."""


def run_stream(
    part: str,
    adaptive: AdaptivePeriodStream[AnyStream],
    start: Callable[[AnyStream, PrepareThread], None],
    link: SupervisorLink,
    heartbeat_ns: Word,
) -> Iterator[AnyStream]:
    """Run the stream until the supervisor says stop; yields it after each check.

    :param part: "microphone" or "speaker", for reports.
    :param start: starts the callbacks of a stream; called for each stream that is opened.
    :param heartbeat_ns: stored before each check.
    :raises PipelineError: the stream has stopped by itself, or cannot be replaced.
    """
    heartbeat_ns.store(time.monotonic_ns())
    promotion = _start(part, adaptive.stream, start, link)
    while not link.stop_requested(CHECK_S):
        heartbeat_ns.store(time.monotonic_ns())
        if adaptive.check():
            link.report(Notice(adaptive.explanation))
            promotion = _start(part, adaptive.stream, start, link)
        promotion.log_outcome()
        if missed := adaptive.xruns.take():
            link.report(PeriodsMissed(part, missed))
        yield adaptive.stream


def _start(
    part: str,
    stream: AnyStream,
    start: Callable[[AnyStream, PrepareThread], None],
    link: SupervisorLink,
) -> Promotion:
    promotion = Promotion(AUDIO_PRIORITY, by_broker=True)
    start(stream, promotion.promote_once)
    protect_process()
    link.report(ClockStarted(part, stream.clock_start_ns))
    return promotion
