"""Make the beginning of an answer while the user pauses, in case the turn is over.

Nothing of it is sent. If the answer begins otherwise, or never, it is dropped without a trace.
"""

import asyncio
from contextlib import aclosing

from pipeline.emulator.conversation.items import Item, spoken_item
from pipeline.emulator.replies.rule_replies import RuleReplies
from pipeline.emulator.replies.source import Prompt, Replies
from pipeline.emulator.speech.clauses import clauses
from pipeline.emulator.speech.engine import Engine
from pipeline.emulator.wire.events import Event
from pipeline.pcm import Samples


class Speculation:
    """Speaks like the engine, and at once if the clause was prepared."""

    def __init__(self, engine: Engine, replies: Replies) -> None:
        self._engine = engine
        # Rules cost nothing and have no effects. A remote model is asked only for real answers.
        self._rules = replies if isinstance(replies, RuleReplies) else None
        self._speculating: asyncio.Task[tuple[str, Samples] | None] | None = None

    def begin(self, settings: Event, items: tuple[Item, ...], words: "asyncio.Task[str]") -> None:
        """Prepare the answer to `words`, once they are known, after `items`."""
        self.drop()
        if self._rules is not None:
            speculating = self._speculate(self._rules, settings, items, words)
            self._speculating = asyncio.create_task(speculating)
            # Retrieve the exception, or asyncio logs "never retrieved" for a dropped task.
            self._speculating.add_done_callback(lambda done: done.cancelled() or done.exception())

    def drop(self) -> None:
        """Drop what was prepared."""
        if self._speculating is not None:
            self._speculating.cancel()
            self._speculating = None

    async def say(self, clause: str, *, awaited: bool) -> Samples:
        """Return `clause` spoken, 24 kHz."""
        speculating, self._speculating = self._speculating, None
        if speculating is not None:
            try:
                await asyncio.wait({speculating})
            finally:
                speculating.cancel()  # the wait was cancelled; a task that is done stays done
            known = not speculating.cancelled() and speculating.exception() is None
            if known and (prepared := speculating.result()) and prepared[0] == clause:
                return prepared[1]
        return await self._engine.say(clause, awaited=awaited)

    async def _speculate(
        self,
        rules: RuleReplies,
        settings: Event,
        items: tuple[Item, ...],
        words: "asyncio.Task[str]",
    ) -> tuple[str, Samples] | None:
        """Return the first clause and its sound, or None if the answer begins with a call."""
        remark = spoken_item("", 0)
        remark.wire["content"][0]["transcript"] = await asyncio.shield(words)
        reply = rules.reply(Prompt(settings, (*items, remark)))
        async with aclosing(reply), aclosing(clauses(reply)) as parts:
            first = await anext(parts, None)
        if not isinstance(first, str):
            return None
        return first, await self._engine.say(first, awaited=True)
