"""What a person reads, on a terminal and in a file."""

import io
import logging
import re
from functools import partial

import pytest
from rich.console import Console as RichConsole

from pipeline.console.console import Console
from pipeline.ipc.events import (
    AssistantDone,
    AssistantSaid,
    ClockStarted,
    Connecting,
    Event,
    EventRead,
    Finished,
    Interrupted,
    Listening,
    Log,
    Notice,
    Opened,
    Processing,
    Ready,
    SessionReady,
    Started,
    ToolCalled,
    ToolPrinted,
    Trace,
    UserSaid,
)
from pipeline.ipc.processes import library_line
from pipeline.ipc.reports import event_of

TURN = (Listening(), Processing(), UserSaid("What time is it?"))
ANSWER = (AssistantSaid("It is "), AssistantSaid("noon."), AssistantDone())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Standard output that goes to a file."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    output = io.StringIO()
    monkeypatch.setattr("pipeline.console.console.RichConsole", partial(RichConsole, file=output))
    return output


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard output that a person watches."""
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    output = Terminal()
    monkeypatch.setattr("pipeline.console.console.RichConsole", partial(RichConsole, file=output))
    return output


def show(console: Console, *events: Event) -> None:
    for event in events:
        console.show(event)


def lines(output: io.StringIO) -> list[str]:
    """Lines without colours and trailing blanks."""
    return [line.rstrip() for line in whole_lines(output)]


def whole_lines(output: io.StringIO) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output.getvalue()).splitlines()


# In a file


def test_a_conversation_reads_in_order(plain: io.StringIO) -> None:
    show(Console(), *TURN, *ANSWER, Ready())
    assert lines(plain) == [
        "Listening …",
        "Processing …",
        "You: What time is it?",
        "Assistant: It is noon.",
        "Ready",
    ]


def test_a_file_gets_no_colours(plain: io.StringIO) -> None:
    show(Console(), *TURN, *ANSWER)
    assert "\x1b" not in plain.getvalue()


def test_an_answer_is_written_when_it_is_complete(plain: io.StringIO) -> None:
    console = Console(transcription=False)
    show(console, AssistantSaid("It is "))
    assert plain.getvalue() == ""
    show(console, AssistantSaid("noon."), AssistantDone())
    assert lines(plain) == ["Assistant: It is noon."]


def test_long_lines_are_not_broken_in_a_file(plain: io.StringIO) -> None:
    words = "word " * 100 + "end."
    show(Console(), Processing(), UserSaid(words), AssistantSaid(words), AssistantDone())
    assert lines(plain)[1:] == [f"You: {words}", f"Assistant: {words}"]


def test_the_answer_waits_for_the_question(plain: io.StringIO) -> None:
    show(Console(), Listening(), Processing(), *ANSWER, UserSaid("What time is it?"))
    assert lines(plain)[2:] == ["You: What time is it?", "Assistant: It is noon."]


def test_a_question_in_the_middle_of_the_answer_stands_before_it(plain: io.StringIO) -> None:
    show(Console(), Processing(), ANSWER[0], UserSaid("When?"), *ANSWER[1:])
    assert lines(plain)[1:] == ["You: When?", "Assistant: It is noon."]


def test_without_transcription_the_answer_does_not_wait(
    plain: io.StringIO,
) -> None:
    show(Console(transcription=False), Processing(), *ANSWER)
    assert lines(plain)[1:] == ["Assistant: It is noon."]


@pytest.mark.parametrize(
    ("report", "line"), [(Ready(), "Ready"), (Interrupted(1_500), "Interrupted after 1.50 s.")]
)
def test_words_never_wait_longer_than_their_sound(
    plain: io.StringIO, report: Event, line: str
) -> None:
    show(Console(), Processing(), *ANSWER, report)
    assert lines(plain)[1:] == ["Assistant: It is noon.", line]


def test_a_question_that_was_not_understood(plain: io.StringIO) -> None:
    show(Console(), UserSaid(""))
    assert lines(plain) == ["You: (not understood)"]


def test_two_answers_are_two_lines(plain: io.StringIO) -> None:
    show(Console(), *ANSWER, *ANSWER)
    assert lines(plain) == ["Assistant: It is noon."] * 2


def test_an_end_without_words_shows_nothing(plain: io.StringIO) -> None:
    show(Console(), AssistantDone(), AssistantDone())
    assert lines(plain) == []


def test_a_tool_s_call_stands_where_the_model_asked_for_it(plain: io.StringIO) -> None:
    call = ToolCalled("c1", "weather", '{"city": "Oslo"}')
    show(Console(), Processing(), call, UserSaid("How is the weather?"), ToolPrinted("sunny"))
    assert lines(plain)[1:] == [
        "You: How is the weather?",
        'Calling weather({"city": "Oslo"}) …',
        "tool | sunny",
    ]


def test_long_arguments_are_shortened(plain: io.StringIO) -> None:
    show(Console(), ToolCalled("c1", "note", "x" * 1_000_000))
    assert lines(plain) == [f"Calling note({'x' * 500}…) …"]


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (Connecting("x.example"), "Connecting to x.example …"),
        (SessionReady("s1", "m", "v"), "Session s1 (m, v)"),
        (Notice("Something."), "Something."),
    ],
)
def test_facts_of_the_session(plain: io.StringIO, report: Event, line: str) -> None:
    show(Console(), report)
    assert lines(plain) == [line]


def test_words_that_look_like_markup_are_shown_as_they_are(plain: io.StringIO) -> None:
    show(Console(), UserSaid("[bold]x[/bold] :smile: [/]"))
    assert lines(plain) == ["You: [bold]x[/bold] :smile: [/]"]


def test_the_welcome_says_what_one_can_do_and_how_to_leave(plain: io.StringIO) -> None:
    show(Console(), Opened())
    assert "you can interrupt anytime" in plain.getvalue()
    assert "Ctrl-C" in plain.getvalue()


ASIDES = [
    Started("speaker", "a fine one"),
    EventRead("response.created", 1),
    Log(logging.INFO, "lib", "a fine one"),
]


@pytest.mark.parametrize("report", ASIDES)
def test_details_are_shown_only_when_asked_for(plain: io.StringIO, report: Event) -> None:
    show(Console(), report)
    assert lines(plain) == []
    show(Console(verbose=True), report)
    assert len(lines(plain)) == 1


def test_what_sound_libraries_print_is_shown_with_verbose_twice(plain: io.StringIO) -> None:
    chatter = event_of(library_line("ALSA lib pcm.c: Unknown PCM"))
    assert chatter is not None
    show(Console(verbose=1), chatter)
    assert lines(plain) == []
    show(Console(verbose=2), chatter)
    assert lines(plain)[0].endswith("ALSA lib pcm.c: Unknown PCM")


def test_verbose_counts_deltas_and_keeps_an_answer_in_one_piece(terminal: Terminal) -> None:
    console = Console(verbose=1)
    show(console, EventRead("response.created", 1), EventRead("response.audio.delta", 2))
    show(console, AssistantSaid("One, "), EventRead("response.audio.delta", 3))
    show(console, EventRead("response.audio_transcript.delta", 4), Trace("odd"))
    show(console, EventRead("response.done", 5), AssistantSaid("two."), AssistantDone())
    show(console, EventRead("response.audio.delta", 6))
    console.end()
    timed = [re.fullmatch(r" +\d+\.\d{3} (.*)", line) for line in lines(terminal)]
    assert [line and line[1] for line in timed] == [
        "response.created",
        "odd",
        "2 response.audio.delta, 1 response.audio_transcript.delta",
        "response.done",
        "Assistant: One, two.",
        "1 response.audio.delta",
    ]


def test_errors_of_libraries_are_always_shown(plain: io.StringIO) -> None:
    show(Console(), Log(logging.ERROR, "lib", "broken"))
    assert lines(plain) == ["lib: broken"]


@pytest.mark.parametrize("verbose", [False, True])
@pytest.mark.parametrize("report", [Finished(), ClockStarted("speaker", 1)])
def test_what_is_for_the_supervisor_alone_is_not_shown(
    plain: io.StringIO, report: Event, verbose: bool
) -> None:
    show(Console(verbose=verbose), report)
    assert lines(plain) == []


# Text from outside

ESCAPES = "\x1b[2J\x1b]0;title\x07x\u202ey\x9b31m\ud83d"


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (UserSaid(ESCAPES), "You: xy\ufffd"),
        (Notice(ESCAPES), "xy\ufffd"),
        (Log(logging.ERROR, "lib", ESCAPES), "lib: xy\ufffd"),
        (Log(logging.INFO, "lib", f"{ESCAPES}\n  1"), "lib: xy\ufffd\n  1"),
        (ToolCalled("c1", ESCAPES, ESCAPES), "Calling xy\ufffd(xy\ufffd) \u2026"),
        (ToolPrinted(ESCAPES), "tool | xy\ufffd"),
        (EventRead(ESCAPES, 1), "xy\ufffd"),
        (Trace(ESCAPES), "xy\ufffd"),
        (SessionReady(ESCAPES, "m", "v"), "Session xy\ufffd (m, v)"),
        (Started("speaker", ESCAPES), "speaker: xy\ufffd"),
        (Notice("a\nYou: b"), "a You: b"),
    ],
)
def test_no_report_steers_the_terminal(plain: io.StringIO, report: Event, line: str) -> None:
    show(Console(verbose=True), report)
    assert re.fullmatch(rf" +0\.\d{{3}} {re.escape(line)}\n", plain.getvalue())


def test_no_word_of_an_answer_steers_the_terminal(plain: io.StringIO, terminal: Terminal) -> None:
    for output in (plain, terminal):
        console = Console()
        console._out.file = output
        show(console, AssistantSaid(f"1.\t{ESCAPES}\n2."), AssistantDone())
        assert "xy\ufffd\n2." in output.getvalue()
        assert "\x1b" not in output.getvalue()


def test_endless_text_is_shortened(plain: io.StringIO) -> None:
    for report in (Notice("x" * 300_000), SessionReady("x" * 300_000, "m", "v")):
        show(Console(), report)
    assert len(plain.getvalue()) < 2_200


def test_notices_that_repeat_are_counted(plain: io.StringIO) -> None:
    console = Console()
    errors: list[Event] = [Notice("A."), Log(logging.ERROR, "lib", "B.")] * 150
    show(console, *errors)
    assert lines(plain) == ["A.", "lib: B."]
    console.tell_repeats()
    assert len(lines(plain)) == 2
    console.end()
    assert lines(plain)[2:] == ["A. (149 more times)", "lib: B. (149 more times)"]


# On a terminal


def test_the_answer_s_words_appear_as_they_come(terminal: Terminal) -> None:
    console = Console()
    show(console, *TURN, AssistantSaid("It is "))
    assert lines(terminal)[-1] == "Assistant: It is"
    show(console, AssistantSaid("noon."))
    assert lines(terminal)[-1] == "Assistant: It is noon."
    show(console, AssistantDone(), Ready())
    assert lines(terminal)[-2:] == ["Assistant: It is noon.", "Ready"]


CUT = AssistantDone("It is ", "noon.", cut=True)


def test_a_dash_marks_a_cut(plain: io.StringIO, terminal: Terminal) -> None:
    for output in (plain, terminal):
        console = Console(transcription=False)
        console._out.file = output
        show(console, ANSWER[0], Listening(), CUT, Interrupted(500))
        assert lines(output) == ["Assistant: It is —", "Listening …", "Interrupted after 0.50 s."]


def test_words_that_end_a_cut_answer_stand_on_its_line(terminal: Terminal) -> None:
    said = AssistantSaid("It"), Listening(), AssistantSaid(" is")
    show(Console(), *said, AssistantDone("It is", " noon.", cut=True))
    assert lines(terminal) == ["Assistant: It is —", "Listening …"]


def test_an_answer_of_which_nothing_was_heard_is_not_shown(plain: io.StringIO) -> None:
    show(Console(), AssistantDone("", "It is noon.", cut=True))
    assert lines(plain) == []


def test_verbose_shows_what_was_not_heard(terminal: Terminal) -> None:
    show(Console(verbose=1), ANSWER[0], Listening(), CUT, AssistantDone("", "It is", cut=True))
    said = [line.split(maxsplit=1)[1] for line in lines(terminal)]
    assert said == ["Assistant: It is — noon.", "Listening …", "Assistant: — It is"]
    assert "\x1b[2mnoon." in terminal.getvalue().replace("\x1b[2m ", "\x1b[2m")


def test_speech_over_an_answer_that_goes_on_is_shown(
    plain: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.console.console._LONGEST_CUT_S", -1)
    console = Console(transcription=False)
    show(console, ANSWER[0], Listening())
    console.tell_repeats()
    show(console, *ANSWER[1:])
    assert lines(plain) == ["Assistant: It is", "Listening …", "Assistant: noon."]


def test_words_that_were_heard_are_shown_at_the_end_of_the_run(plain: io.StringIO) -> None:
    console = Console()
    show(console, ANSWER[0])
    console.end()
    assert lines(plain) == ["Assistant: It is"]


def test_a_terminal_gets_colours(terminal: Terminal) -> None:
    show(Console(), *TURN)
    assert "\x1b[" in terminal.getvalue()


def test_the_answer_waits_for_the_question_on_a_terminal_too(terminal: Terminal) -> None:
    console = Console()
    show(console, Processing(), *ANSWER)
    assert lines(terminal) == ["Processing …"]
    show(console, UserSaid("When?"))
    assert lines(terminal)[1:] == ["You: When?", "Assistant: It is noon."]


def test_a_notice_in_the_middle_of_an_answer_stands_on_a_line_of_its_own(
    terminal: Terminal,
) -> None:
    show(Console(), ANSWER[0], Notice("Something."), AssistantSaid(" at "), *ANSWER[1:])
    assert lines(terminal) == ["Assistant: It is", "Something.", "Assistant: at noon."]


def test_a_long_answer_is_broken_between_words(terminal: Terminal) -> None:
    words = "A long answer has many words, and none of them is torn apart. " * 5
    show(Console(), *(AssistantSaid(word) for word in re.findall(r"\S+ ", words)), AssistantDone())
    shown = lines(terminal)
    assert max(map(len, shown)) <= 60
    assert " ".join(shown) == f"Assistant: {words}".rstrip()


@pytest.mark.parametrize("letters", range(40, 60))
def test_a_line_is_never_wider_than_the_terminal(terminal: Terminal, letters: int) -> None:
    """One blank too many would make the terminal leave a line empty."""
    show(Console(), *(AssistantSaid(f"{'x' * letters} and ") for _ in range(3)), AssistantDone())
    assert max(map(len, whole_lines(terminal))) <= 60
    assert "" not in whole_lines(terminal)


def test_wide_characters_take_two_columns(terminal: Terminal) -> None:
    show(Console(), *(AssistantSaid("\u4eca\u65e5\u306f ") for _ in range(20)), AssistantDone())
    assert len(lines(terminal)) == 3


def test_an_answer_of_several_lines_keeps_them(terminal: Terminal) -> None:
    said = AssistantSaid("Two things:\n1. tea\n"), AssistantSaid("2. milk\n")
    show(Console(), *said, AssistantDone(), Ready())
    assert lines(terminal) == ["Assistant: Two things:", "1. tea", "2. milk", "Ready"]
