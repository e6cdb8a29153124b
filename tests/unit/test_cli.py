"""The command line up to where it calls the supervisor, the service or the measurement."""

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from pipeline import __version__, cli
from pipeline.config.settings import Settings, options
from pipeline.console.cli import run
from pipeline.emulator.cli import serve
from pipeline.emulator.server.faults import Faults
from pipeline.emulator.server.options import ServeOptions
from pipeline.errors import DeviceError, PipelineError, ServiceClosedError
from tests.support.program import REPOSITORY

COMMANDS = ["run", "replay", "serve", "bench", "devices", "check"]
HEAVY = ("numpy", "pyaudio", "azure", "aiohttp", "onnxruntime", "rich", "multiprocessing")


class Calls:
    """Stands where the supervisor and the offline service are called: the command line's edge."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.outcome: int | BaseException = 0

    def run(self, settings: Settings, *, json_events: bool, plain: bool) -> int:
        self.json_events, self.plain = json_events, plain
        return self._answer(settings)

    def list_devices(self, settings: Settings) -> int:
        return self._answer(settings)

    try_devices = list_devices

    def serve(self, options: ServeOptions) -> int:
        return self._answer(options)

    def _answer(self, seen: object) -> int:
        self.seen.append(seen)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    monkeypatch.chdir(tmp_path)
    calls = Calls()
    for name in (
        "pipeline.console.run",
        "pipeline.console.devices",
        "pipeline.emulator.process",
    ):
        module = ModuleType(name)
        vars(module).update(
            run=calls.run,
            list_devices=calls.list_devices,
            try_devices=calls.try_devices,
            serve=calls.serve,
        )
        monkeypatch.setitem(sys.modules, name, module)
    return calls


@pytest.fixture
def failure(
    calls: Calls, capsys: pytest.CaptureFixture[str]
) -> Callable[[str | list[str]], tuple[int, str]]:
    """Run a command that must not reach the supervisor; return its code and its one line."""

    def fail(arguments: str | list[str]) -> tuple[int, str]:
        code = cli.execute(arguments.split() if isinstance(arguments, str) else arguments)
        captured = capsys.readouterr()
        assert calls.seen == []
        assert captured.out == ""
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
        return code, captured.err

    return fail


def test_run_hands_its_settings_to_the_supervisor(calls: Calls) -> None:
    arguments = ["run", "--offline", "--input", "a.wav", "--no-noise-reduction", "--period-ms=10"]
    assert cli.execute(arguments) == 0
    assert calls.seen == [
        Settings(offline=True, input="a.wav", noise_reduction=False, period_ms=10.0)
    ]


def test_every_setting_has_a_flag() -> None:
    given = {name for option in run.params for name in (*option.opts, *option.secondary_opts)}
    for option in options():
        assert option.flag in given
        assert (f"--no-{option.flag[2:]}" in given) is (option.kind is bool)


def test_settings_come_from_dotenv(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", "before")
    monkeypatch.setenv("AZURE_CLIENT_ID", "undone by the test's end")
    monkeypatch.delenv("AZURE_CLIENT_ID")
    Path(".env").write_text(
        "AZURE_VOICELIVE_VOICE=alloy\nAZURE_VOICELIVE_MODLE=x\n"
        "AZURE_TENANT_ID=dotenv\nAZURE_CLIENT_ID=dotenv\n"
    )
    assert cli.execute(["run"]) == 0
    assert calls.seen == [Settings(voice="alloy")]
    assert capsys.readouterr().err.startswith("warning: .env has AZURE_VOICELIVE_MODLE")
    assert os.environ["AZURE_CLIENT_ID"] == "dotenv"
    assert os.environ["AZURE_TENANT_ID"] == "before"


def test_serve_hands_on_what_it_is_told(calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OFFLINE_REPLY_KEY", raising=False)
    assert cli.execute(["serve"]) == 0
    monkeypatch.setenv("OFFLINE_REPLY_KEY", "r")
    arguments = "serve --host ::1 --port 8080 --key k --max-clients 3 --late-deltas 2 --verbose"
    assert cli.execute([*arguments.split(), "--reply-url", "u", "--reply-model", "m"]) == 0
    told = ServeOptions(
        host="::1",
        port=8080,
        key="k",
        max_clients=3,
        reply_url="u",
        reply_model="m",
        reply_key="r",
        faults=Faults(late_deltas=2),
        verbose=True,
    )
    assert calls.seen == [ServeOptions(), told]
    assert "'k'" not in repr(told)
    assert "'r'" not in repr(told)


def test_the_key_of_replies_may_stand_in_dotenv(calls: Calls) -> None:
    Path(".env").write_text("OFFLINE_REPLY_KEY=from-dotenv\n")
    assert cli.execute(["serve"]) == 0
    assert calls.seen == [ServeOptions(reply_key="from-dotenv")]


def test_the_key_of_serve_comes_from_a_flag_a_file_the_environment_or_dotenv(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("OFFLINE_KEY=from-dotenv\n")
    Path("key.txt").write_text("\ufefffrom-file\r\n", encoding="utf-8")
    assert cli.execute(["serve"]) == 0
    for arguments in ([], ["--key-file", "key.txt"], ["--key", "typed"]):
        monkeypatch.setenv("OFFLINE_KEY", "from-environment")
        assert cli.execute(["serve", *arguments]) == 0
    assert calls.seen == [
        ServeOptions(key=key) for key in ("from-dotenv", "from-environment", "from-file", "typed")
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"secret\nsecret", "has several lines"),
        (b"s\xffcret", "is not UTF-8"),
        ("sécret".encode(), "an HTTP header cannot carry"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_refused_and_not_shown(
    failure: Callable[[str | list[str]], tuple[int, str]], content: bytes, told: str
) -> None:
    Path("key.txt").write_bytes(content)
    code, sentence = failure("serve --key-file key.txt")
    assert code == 2
    assert "--key-file key.txt " in sentence
    assert told in sentence
    assert "cret" not in sentence


@pytest.mark.parametrize("command", ["run", "serve", "devices"])
def test_keys_are_taken_out_of_the_environment(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Also misspelt ones, and ones that stand in .env: child processes inherit the rest."""
    names = (
        "AZURE_VOICELIVE_API_KEY",
        "AZURE_VOICELIVE_APIKEY",
        "OFFLINE_KEY",
        "OFFLINE_REPLY_KEY",
    )
    for name in names:
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("OTHER_KEY", "kept")
    Path(".env").write_text("azure_voicelive_api_key=s3cret\nOFFLINE_OTHER_KEY=s3cret\n")
    assert cli.execute([command]) == 0
    assert calls.seen
    assert os.environ["OTHER_KEY"] == "kept"
    assert "s3cret" not in os.environ.values()


def test_every_fault_has_a_flag() -> None:
    given = {name for option in serve.params for name in option.opts}
    assert {option.flag for option in options(Faults)} <= given


def test_devices_lists_in_spite_of_settings_that_cannot_be_used(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_VOICELIVE_PERIOD_MS", "many")
    assert cli.execute(["devices"]) == 0
    assert calls.seen == [Settings()]


@pytest.mark.parametrize("code", [0, 1, 130])
def test_the_exit_code_is_the_supervisors(calls: Calls, code: int) -> None:
    calls.outcome = code
    assert cli.execute(["run"]) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [(PipelineError("Oh."), 1), (ServiceClosedError("Oh."), 1), (DeviceError("Oh."), 2)],
)
@pytest.mark.parametrize("command", ["run", "serve", "devices"])
def test_an_error_is_one_sentence(
    calls: Calls, capsys: pytest.CaptureFixture[str], command: str, error: Exception, code: int
) -> None:
    calls.outcome = error
    assert cli.execute([command]) == code
    assert capsys.readouterr().err == "error: Oh.\n"


@pytest.mark.parametrize("command", ["run", "serve", "devices"])
def test_verbose_adds_the_traceback(
    calls: Calls, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    calls.outcome = DeviceError("Oh.")
    assert cli.execute([command, "--verbose"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("error: Oh.\n")


def test_verbose_adds_the_traceback_of_a_recording_that_is_none(
    calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.execute(["replay", "none"]) == 2
    assert capsys.readouterr().err.startswith("error: none does not exist")
    assert cli.execute(["replay", "none", "--verbose"]) == 2
    assert capsys.readouterr().err.startswith("Traceback")
    assert calls.seen == []


def test_verbose_in_the_environment_adds_the_traceback(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AZURE_VOICELIVE_VERBOSE", "yes")
    calls.outcome = DeviceError("Oh.")
    assert cli.execute(["run"]) == 2
    assert capsys.readouterr().err.startswith("Traceback")


def test_ctrl_c_gives_130(calls: Calls) -> None:
    calls.outcome = KeyboardInterrupt()
    assert cli.execute(["run"]) == cli.INTERRUPTED == 130


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            "rnu",
            "'rnu' is not a command, expected one of run, replay, serve, bench, devices, check; ",
        ),
        ("rnu", "did you mean run?"),
        ("--bogus", "--bogus"),
        ("run --modl x", "--model"),
        ("run --model", "--model"),
        ("run extra", "extra"),
        ("run --turn-detection sever_vad", "did you mean server_vad?"),
        ("run --vad-threshold 2", "from 0 to 1"),
        ("run --endpoint a.com", "https://"),
        ("run --endpoint https://a.com --use-api-key", "AZURE_VOICELIVE_API_KEY"),
        (["run", "--model", ""], "--model is empty"),
        ("serve --port 99999", "--port is '99999', expected a whole number from 0 to 65535."),
        ("serve --port web", "--port is 'web', expected a whole number from 0 to 65535."),
        ("serve --max-clients 0", "--max-clients is '0', expected a whole number of at least 1."),
        ("bench --max-cut-ms x", "--max-cut-ms is 'x', expected a number of at least 0."),
        ("bench ears --seconds 4", "--seconds is '4', expected a number from 5 to 600."),
        ("serve --late-deltas many", "--late-deltas is 'many', expected a whole number"),
        ("serve --drop softly", "expected one of close, expire, abort"),
        ("serve --key k --key-file f", "--key and --key-file are both given"),
        (["serve", "--key", "a b"], "--key has a space, which keys never have"),
        ("serve --reply-model m", "--reply-model is 'm', but no API has it: give its address with"),
        ("devices --offline", "--offline"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    failure: Callable[[str | list[str]], tuple[int, str]], arguments: str | list[str], told: str
) -> None:
    code, sentence = failure(arguments)
    assert code == 2
    assert told in sentence


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed")
@pytest.mark.parametrize("command", ["run", "check", "serve"])
def test_a_folder_that_is_gone_is_one_sentence(
    failure: Callable[[str], tuple[int, str]], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    Path("../gone").rmdir()
    code, sentence = failure(command)
    assert code == 2
    assert "folder that the program was started in does not exist any more" in sentence


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute([]) == 2
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)])
def test_help(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert cli.execute([*arguments, "--help"]) == 0
    assert "--help" in capsys.readouterr().out


def test_the_help_shows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    cli.execute(["-h"])
    lines = capsys.readouterr().out.partition("Commands:")[2].splitlines()
    names = [line.split()[0] for line in lines if line.strip()]
    assert [name for name in names if name in COMMANDS] == COMMANDS


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)])
@pytest.mark.parametrize(
    ("start", "program"),
    [
        (["-m", "pipeline"], "python -m pipeline"),
        (["{scripts}/voice-pipeline"], "voice-pipeline"),
    ],
)
def test_the_help_names_the_program_as_it_was_started(
    tmp_path: Path, arguments: list[str], start: list[str], program: str
) -> None:
    write_entry_point(tmp_path)
    words = [word.format(scripts=tmp_path) for word in start]
    said = python(*words, *arguments, "--help").stdout
    assert said.startswith(f"Usage: {' '.join([program, *arguments])} [OPTIONS]")
    examples = said.partition("Example")[2]
    other = "python -m" if program == "voice-pipeline" else "voice-pipeline"
    assert bool(examples) == (f" {program} " in examples)
    assert other not in examples
    assert "{" not in examples


def test_the_installed_program_is_the_one_that_modules_are() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"voice-pipeline": "pipeline.__main__:main"}


def test_version_from_a_terminal() -> None:
    assert python("-m", "pipeline", "--version").stdout.split()[-1] == __version__


@pytest.mark.parametrize("arguments", [[], *([command] for command in COMMANDS)])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    done = python(
        "-c",
        "import sys, pipeline.cli\n"
        f"pipeline.cli.execute([*{arguments}, '--help'])\n"
        f"print(sorted(set(sys.modules) & set({HEAVY})))",
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_python_without_any_library_is_told_what_to_run() -> None:
    done = python("-S", "-m", "pipeline", "run", "--offline", check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"error: this Python ({sys.executable}) lacks the library click: in the project's folder "
        "run `make setup`, then `.venv/bin/voice-pipeline run` or `make run`.\n"
    )


@pytest.mark.parametrize("library", ["numpy", "rich", "dotenv"])
def test_a_python_that_lacks_one_library_is_told_what_to_run(library: str) -> None:
    script = started_with(f"sys.modules[{library!r}] = None", "run", "--input", "absent.wav")
    done = python("-c", script, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"lacks the library {library}: " in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_python_that_is_too_old_is_told_what_to_run() -> None:
    old = "import collections; sys.version_info = (3, 10); sys.version = '3.10.9 (main)'"
    done = python("-c", started_with(old, "--version"), check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: this is Python 3.10.9, expected 3.11 to 3.14: ")
    assert done.stderr.count("\n") == 1


def test_a_module_of_our_own_that_is_missing_is_a_fault_and_shows_its_traceback() -> None:
    missing = "sys.modules['pipeline.cli'] = None"
    done = python("-c", started_with(missing, "--version"), check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_an_isolated_python_with_the_libraries_runs() -> None:
    assert python("-I", "-c", started_with("", "--version")).stdout.split()[-1] == __version__


def python(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run an interpreter of its own in the project's folder.

    It is not measured: coverage itself loads heavy modules at the start of each process.
    """
    unmeasured = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env={**unmeasured, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=check,
    )


def started_with(preparation: str, *arguments: str) -> str:
    """A script that prepares the interpreter and starts the program in it."""
    return (
        f"import runpy, sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
        f"sys.argv[1:] = {arguments}\n"
        f"{preparation}\n"
        "runpy.run_module('pipeline', run_name='__main__')"
    )


def write_entry_point(folder: Path) -> None:
    """The script that an installer makes of pyproject.toml's entry."""
    (folder / "voice-pipeline").write_text(
        "import sys\nfrom pipeline.__main__ import main\nsys.exit(main())\n"
    )
