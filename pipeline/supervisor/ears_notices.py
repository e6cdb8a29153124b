"""Tells what the ears do, once they know what they have, and what they lack later."""

from collections.abc import Callable, Sequence

from pipeline.config.settings import Settings
from pipeline.ipc.reports import EarsParts
from pipeline.supervisor.ears import holds_answers, lacking, needs_detectors, what_interrupts


class EarsNotices:
    """Says each thing once in a conversation, also if other ears take the place of the first.

    :param announce: told what the ears do.
    :param notice: told what they lack.
    """

    def __init__(
        self, settings: Settings, announce: Callable[[str], None], notice: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._announce = announce
        self._notice = notice
        self._begun = False
        self._missing: set[str] = set()

    def handle(self, parts: EarsParts) -> None:
        """Say what is new about the ears.

        :raises MissingPackageError: a setting depends on what they lack.
        """
        lacks = [package for package in parts.missing if package not in self._missing]
        self._missing.update(lacks)
        if self._begun:
            self._handle_later(parts, lacks)
            return
        self._begun = True
        if needs_detectors(self._settings) and not parts.notice_speech:
            raise lacking(self._settings, "loads")
        self._announce(what_ears_do(self._settings, notice_speech=parts.notice_speech))
        if lacks:
            which = "are missing or do" if len(lacks) > 1 else "is missing or does"
            self._notice(
                f"The ears do without {_listed(lacks)}, which {which} not load"
                f"{self._consequence(parts)}: install the extra 'ears'."
            )

    def _handle_later(self, parts: EarsParts, lacks: Sequence[str]) -> None:
        """Where the service takes the place of the ears, the conversation goes on."""
        if self._settings.ears_mark_turns and not parts.notice_speech:
            raise lacking(self._settings, "works any more")
        if lacks:
            have = "have" if len(lacks) > 1 else "has"
            sentence = (
                f"The ears do without {_listed(lacks)} from now on, which {have} failed"
                f"{self._consequence(parts)}."
            )
            if not parts.notice_speech:
                sentence += f" {what_interrupts(self._settings, notice_speech=False)}."
            self._notice(sentence)

    def _consequence(self, parts: EarsParts) -> str:
        if not (holds_answers(self._settings) or self._settings.ears_mark_turns):
            return ""
        return ", and notice you later" if parts.notice_speech else ", and do not notice you"


def what_ears_do(settings: Settings, *, notice_speech: bool) -> str:
    """Say all that they do.

    :param notice_speech: whether they can tell a person from the echo.
    """
    holding = what_interrupts(settings, notice_speech=notice_speech)
    sentence = f"{holding}; {_echo(settings)}."
    if settings.ears_mark_turns:
        sentence += f" Your turn ends here after {settings.silence_duration_ms} ms of silence."
    return sentence


def _echo(settings: Settings) -> str:
    """Say where the echo is removed, and why there."""
    offline = settings.uses_offline_service
    if settings.echo == "auto":
        if offline:
            return "its echo is removed here, because the offline service does not"
        return "the service removes its echo, because Azure can"
    where = {
        "local": "its echo is removed here",
        "server": "the service removes its echo",
        "client-reference": "the service removes its echo, and is sent what sounds",
        "off": "its echo is removed nowhere",
    }
    if offline:
        where["server"] = "the offline service does not remove its echo"
        where["client-reference"] = f"{where['server']}, and is sent what sounds"
    return f"{where[settings.echo]} (--echo {settings.echo})"


def _listed(packages: Sequence[str]) -> str:
    *others, last = packages
    return f"{', '.join(others)} and {last}" if others else last
