"""The models, loaded once for all clients, and the threads that run them."""

import asyncio
import logging
import os
from typing import Any

from pipeline.emulator.audio.pcm16k import Samples16k
from pipeline.emulator.speech import recogniser
from pipeline.emulator.speech.detector import DetectorModel
from pipeline.emulator.speech.inference import release_unused_memory
from pipeline.emulator.speech.packages import check_needed
from pipeline.emulator.speech.recogniser import Recogniser
from pipeline.emulator.speech.synthesiser import Synthesiser
from pipeline.emulator.speech.workers import Workers
from pipeline.pcm import Samples

_log = logging.getLogger(__name__)


class RecognitionUnavailableError(Exception):
    """No recogniser exists for this machine; `str` is a text that can be spoken."""

    def __init__(self) -> None:
        super().__init__(
            "I can hear that you speak, but I cannot recognise words: "
            "the package moonshine-cpp is not installed. "
            "It exists for Linux on Intel processors and for recent Macs: there, run make setup."
        )


class Engine:
    """After `start` every method may be called; it waits until its model is loaded."""

    def __init__(self) -> None:
        """Raise `MissingPackageError` if the models are not installed."""
        check_needed()
        self._loading = Workers("load", 2)
        processors = os.cpu_count() or 1
        self._awaited = Workers("awaited", processors)
        # Work that is done ahead leaves a processor to work that a user waits for. A lower priority
        # does not help: a thread that waits for a processor may hold the interpreter meanwhile.
        self._ahead = Workers("ahead", max(1, processors - 1))

    def start(self) -> None:
        """Begin to load the models, the detector first: sound arrives at once."""
        self._detector = self._loading.submit(DetectorModel)
        self._voice = self._loading.submit(Synthesiser)
        self._recogniser = asyncio.create_task(self._load_recogniser())
        self._models: list[asyncio.Future[Any]] = [self._detector, self._voice, self._recogniser]
        self._tidying = asyncio.create_task(self._tidy())

    def stop(self) -> None:
        """Tell the threads to end, without waiting for them."""
        for workers in (self._loading, self._awaited, self._ahead):
            workers.stop()
        for unfinished in (*self._models, self._tidying):
            unfinished.cancel()

    async def loaded(self) -> None:
        """Wait until every model is loaded; raise the error of one that failed."""
        await self.settled()
        for model in self._models:
            model.result()

    async def settled(self) -> None:
        """Wait until every model is loaded or has failed, and unused memory is released."""
        await asyncio.wait({self._tidying})

    async def detector(self) -> DetectorModel:
        return await asyncio.shield(self._detector)

    async def transcribe(self, samples: Samples16k) -> str:
        """Return the words in `samples`; raise `RecognitionUnavailableError`."""
        model = await asyncio.shield(self._recogniser)
        if model is None:
            raise RecognitionUnavailableError
        return await self._awaited.submit(model.transcribe, samples)

    async def say(self, clause: str, *, awaited: bool) -> Samples:
        """Return `clause` spoken, 24 kHz.

        :param awaited: the user hears nothing until then: it goes before clauses made ahead
        """
        voice = await asyncio.shield(self._voice)
        workers = self._awaited if awaited else self._ahead
        return await workers.submit(voice.say, clause)

    async def _load_recogniser(self) -> Recogniser | None:
        if not recogniser.is_available():
            return None
        return await self._loading.submit(Recogniser, await self.detector())

    async def _tidy(self) -> None:
        await asyncio.wait(self._models)
        for model in self._models:
            if not model.cancelled() and (error := model.exception()) is not None:
                _log.error("a model could not be loaded", exc_info=error)
        await self._loading.submit(release_unused_memory)
