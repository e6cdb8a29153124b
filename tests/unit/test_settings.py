"""Settings: their sources, their checks, and the sentences about values that cannot be used."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.checking import checked
from pipeline.config.dotenv_file import DotenvFile, read_dotenv
from pipeline.config.loader import load
from pipeline.config.settings import Settings, options
from pipeline.config.tables import settings_table
from pipeline.errors import SettingsError

ENDPOINT = {"AZURE_VOICELIVE_ENDPOINT": "https://a.services.ai.azure.com"}
KEY = {"AZURE_VOICELIVE_API_KEY": "s3cret-key"}


def settings(environment: dict[str, str] | None = None, **flags: object) -> Settings:
    return load(flags, environment or {}, {}).settings


def refused(environment: dict[str, str] | None = None, **flags: object) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(environment, **flags)
    return str(caught.value)


def test_nothing_given_means_the_defaults_and_the_offline_service() -> None:
    assert settings() == Settings()
    assert Settings().uses_offline_service


def test_a_flag_comes_before_the_environment_before_dotenv() -> None:
    name = "AZURE_VOICELIVE_MODEL"
    assert load({}, {}, {name: "dotenv"}).settings.model == "dotenv"
    assert load({}, {name: "env"}, {name: "dotenv"}).settings.model == "env"
    assert load({"model": "flag"}, {name: "env"}, {name: "dotenv"}).settings.model == "flag"


def test_only_the_value_that_takes_effect_is_checked() -> None:
    assert settings({"AZURE_VOICELIVE_VAD_THRESHOLD": "9"}, vad_threshold="0.25") == Settings(
        vad_threshold=0.25
    )


def test_a_switch_turned_off_comes_before_the_environment() -> None:
    assert not settings({"AZURE_VOICELIVE_OFFLINE": "true"}, offline=False).offline


@pytest.mark.parametrize(
    "turns", [{"turn_detection": "azure_semantic_vad"}, {"endpointing": "local"}]
)
def test_every_setting_is_read_from_every_source(turns: dict[str, str]) -> None:
    samples = {bool: "true", int: "7", float: "1.0", str: "words"}
    special = {
        "endpoint": "https://host",
        "turn_detection": "server_vad",
        "endpointing": "service",
        **turns,
        "frame_ms": "10",
        "ears": "on",
        "barge_in": "duck",
        "ready_tone": "on",
        "echo": "server",
        "verbose": "2",
    }
    raw = {o.name: special.get(o.name, samples[o.kind]) for o in options()}
    by_flag = settings(
        None, **{o.name: (raw[o.name],) if o.repeatable else raw[o.name] for o in options()}
    )
    by_environment = settings({o.environment: raw[o.name] for o in options()})
    by_dotenv = load({}, {}, {o.environment: raw[o.name] for o in options()}).settings
    assert by_flag == by_environment == by_dotenv
    for field in fields(Settings):
        assert getattr(by_flag, field.name) in {
            "words",
            ("words",),
            2,
            7,
            10,
            1.0,
            *special.values(),
        }


def test_a_counted_flag_and_its_words_in_the_environment() -> None:
    assert [settings(verbose=count).verbose for count in (0, 1, 2, 3)] == [0, 1, 2, 2]
    words = {"true": 1, "off": 0, "2": 2}
    for word, level in words.items():
        assert settings({"AZURE_VOICELIVE_VERBOSE": word}).verbose == level
    assert settings({"AZURE_VOICELIVE_VERBOSE": "2"}, verbose=1).verbose == 1
    assert settings({"AZURE_VOICELIVE_VERBOSE": "2"}, verbose=0).verbose == 2


def test_several_files_of_tools_are_separated_as_in_path() -> None:
    assert settings(tools=("a.py", "b.py")).tools == ("a.py", "b.py")
    assert settings({"AZURE_VOICELIVE_TOOLS": f"a.py{os.pathsep}b.py"}).tools == ("a.py", "b.py")


@pytest.mark.parametrize("word", ["true", "1", "YES", "On", " true "])
def test_words_for_true(word: str) -> None:
    assert settings({"AZURE_VOICELIVE_OFFLINE": word}).offline


@pytest.mark.parametrize("word", ["false", "0", "No", "off"])
def test_words_for_false(word: str) -> None:
    assert not settings({"AZURE_VOICELIVE_NOISE_REDUCTION": word}).noise_reduction


def test_another_word_is_refused_as_a_boolean() -> None:
    assert refused({"AZURE_VOICELIVE_OFFLINE": "maybe"}) == (
        "AZURE_VOICELIVE_OFFLINE is 'maybe', expected true or false."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vad_threshold", "1.01"),
        ("vad_threshold", "-0.01"),
        ("vad_threshold", "nan"),
        ("vad_threshold", "half"),
        ("temperature", "0.59"),
        ("temperature", "1.21"),
        ("prefix_padding_ms", "-1"),
        ("prefix_padding_ms", "300.5"),
        ("silence_duration_ms", "-1"),
        ("silence_duration_ms", "inf"),
        ("period_ms", "0"),
        ("connect_timeout_s", "0"),
        ("connect_timeout_s", "inf"),
    ],
)
def test_a_number_outside_its_range_is_refused(name: str, value: str) -> None:
    option = next(option for option in options() if option.name == name)
    sentence = refused(None, **{name: value})
    assert sentence.startswith(option.flag)
    assert option.range in sentence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vad_threshold", "0"),
        ("vad_threshold", "1"),
        ("temperature", "0.6"),
        ("temperature", "1.2"),
        ("silence_duration_ms", "0"),
    ],
)
def test_bounds_belong_to_the_range(name: str, value: str) -> None:
    assert getattr(settings(None, **{name: value}), name) == float(value)


@pytest.mark.parametrize("option", options(), ids=lambda option: option.name)
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_value_is_refused_and_named(option: object, empty: str) -> None:
    name = option.environment  # type: ignore[attr-defined]
    assert refused({name: empty}) == f"{name} is empty: give it a value or leave it out."


def test_an_unknown_choice_is_refused_with_the_nearest_one() -> None:
    sentence = refused(turn_detection="azure_semantic_vat")
    assert "server_vad, azure_semantic_vad, " in sentence
    assert sentence.endswith("did you mean azure_semantic_vad?")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://a.services.ai.azure.com", "https://a.services.ai.azure.com"),
        ("https://a.services.ai.azure.com/", "https://a.services.ai.azure.com"),
        (" https://a.services.ai.azure.com\n", "https://a.services.ai.azure.com"),
        ("https://a.services.ai.azure.com//", "https://a.services.ai.azure.com"),
        ("wss://a.com/voice-live/realtime", "wss://a.com"),
        ("https://gateway.com/team/voice-live/realtime/", "https://gateway.com/team"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("ws://[::1]:8080", "ws://[::1]:8080"),
    ],
)
def test_an_endpoint_is_kept_without_what_the_sdk_adds(given: str, kept: str) -> None:
    loaded = load({"endpoint": given}, {}, {})
    assert loaded.settings.endpoint == kept
    assert loaded.warnings == []


@pytest.mark.parametrize("host", ["https://a.services.ai.azure.com", "https://a.openai.azure.com"])
@pytest.mark.parametrize(
    "path", ["/openai/v1", "/openai/v1/", "/openai/v1/realtime", "/api/projects/p", "/models"]
)
def test_a_path_of_another_api_is_cut_off_with_a_hint(host: str, path: str) -> None:
    loaded = load({}, {"AZURE_VOICELIVE_ENDPOINT": host + path}, {})
    assert loaded.settings.endpoint == host
    assert loaded.warnings == [
        f"AZURE_VOICELIVE_ENDPOINT has a path that is not needed: using {host}."
    ]


def test_the_full_address_of_a_session_is_reduced_with_a_hint() -> None:
    query = "?api-version=2026-07-15&model=gpt-realtime"
    loaded = load({"endpoint": f"wss://a.azure.com/voice-live/realtime{query}"}, KEY, {})
    assert loaded.settings.endpoint == "wss://a.azure.com"
    (hint,) = loaded.warnings
    assert hint == (
        "--endpoint has a query (choose --model and --api-version instead) that is not needed: "
        "using wss://a.azure.com."
    )


def test_a_gateways_own_path_is_kept_and_not_shown() -> None:
    loaded = load({"endpoint": "https://gateway.com/s3cret/openai/v1"}, {}, {})
    assert loaded.settings.endpoint == "https://gateway.com/s3cret"
    (hint,) = loaded.warnings
    assert hint == "--endpoint has a path that is not needed: using what stands before it."


def test_a_hint_is_given_only_about_the_endpoint_that_takes_effect() -> None:
    name, good, long = "AZURE_VOICELIVE_ENDPOINT", "https://a.azure.com", "https://b.azure.com/x"
    assert load({"endpoint": good}, {name: long}, {}).warnings == []
    assert load({}, {name: good}, {name: long}).warnings == []
    (hint,) = load({}, {}, {name: long}).warnings
    assert hint.startswith(f"{name} in .env has a path")


@pytest.mark.parametrize(
    "given",
    [
        "a.services.ai.azure.com",
        "localhost:8080",
        "ftp://a.com",
        "https://",
        "https://a b.com",
        "https://<name>.services.ai.azure.com",
        "https://a.com:port",
        "https://a.com:70000",
        "https://[::1",
        "https://user:s3cret-key@a.com",
        "https://a.com/voice-live/realtime?api-key=s3cret-key",
        "https://a.com?api-key=s3cret key",
        "https://user:s3cret-key@a.com:port",
        "https://a.com#s3cret-key",
        "s3cret-key@a.com",
        "s3cret-key",
        "https://a.com:s3cret-key",
    ],
)
def test_a_malformed_endpoint_is_refused_without_showing_secrets(given: str) -> None:
    sentence = refused({"AZURE_VOICELIVE_ENDPOINT": given})
    assert sentence.startswith("AZURE_VOICELIVE_ENDPOINT ")
    assert "https://NAME.services.ai.azure.com" in sentence
    assert "s3cret" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("key", ["s3cret key", "s3cret\nkey", "s3cret\x00", "s3crét"])
def test_a_key_with_characters_that_keys_lack_is_refused_and_not_shown(key: str) -> None:
    assert "s3cr" not in refused({**ENDPOINT, "AZURE_VOICELIVE_API_KEY": key})


def test_the_key_is_not_part_of_the_text_form() -> None:
    with_key = settings({**ENDPOINT, **KEY})
    assert with_key.api_key == "s3cret-key"
    assert "s3cret" not in f"{with_key!r} {with_key}"


def test_a_key_signs_in_if_there_is_one() -> None:
    assert settings({**ENDPOINT, **KEY}).uses_api_key


def test_without_a_key_entra_signs_in() -> None:
    assert not settings(ENDPOINT).uses_api_key


def test_entra_can_be_chosen_although_there_is_a_key() -> None:
    assert not settings({**ENDPOINT, **KEY, "AZURE_VOICELIVE_USE_API_KEY": "false"}).uses_api_key


def test_a_missing_key_is_refused_if_it_is_needed() -> None:
    environment = {**ENDPOINT, "AZURE_VOICELIVE_USE_API_KEY": "true"}
    assert "AZURE_VOICELIVE_API_KEY" in refused(environment)
    assert settings(environment, offline=True).uses_offline_service


def test_a_missing_key_is_refused_with_the_misspelt_name() -> None:
    environment = {**ENDPOINT, "AZURE_VOICELIVE_USE_API_KEY": "true", "AZURE_VOICELIVE_KEY": "x"}
    assert refused(environment).endswith(
        "The environment has AZURE_VOICELIVE_KEY, which is not a setting; "
        "did you mean AZURE_VOICELIVE_API_KEY?"
    )


def test_offline_comes_before_the_endpoint() -> None:
    assert settings(ENDPOINT, offline=True).uses_offline_service
    assert not settings(ENDPOINT).uses_offline_service


def test_an_unknown_name_in_dotenv_gives_a_warning() -> None:
    warnings = load({}, {}, {"AZURE_VOICELIVE_MODLE": "x", "OTHER": "y"}).warnings
    (sentence,) = warnings
    assert sentence == (
        ".env has AZURE_VOICELIVE_MODLE, which is not a setting; "
        "did you mean AZURE_VOICELIVE_MODEL?"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AZURE_VOICELIVE_ENPOINT", "AZURE_VOICELIVE_ENDPOINT"),
        ("azure_voicelive_endpoint", "AZURE_VOICELIVE_ENDPOINT"),
        ("AZURE_VOICE_LIVE_ENDPOINT", "AZURE_VOICELIVE_ENDPOINT"),
        ("AZURE_VOICELIVE_APIKEY", "AZURE_VOICELIVE_API_KEY"),
    ],
)
def test_a_misspelt_name_gives_a_warning_wherever_it_stands(name: str, meant: str) -> None:
    told = f"has {name}, which is not a setting; did you mean {meant}?"
    assert load({}, {name: "x"}, {}).warnings == [f"The environment {told}"]
    assert load({}, {}, {name: "x"}).warnings == [f".env {told}"]


@pytest.mark.parametrize(
    "name", ["AZURE_OPENAI_ENDPOINT", "AZURE_CLIENT_ID", "VOICE", "PATH", "AZURE_SPEECH_ENDPOINT"]
)
def test_names_of_other_programs_give_no_warning(name: str) -> None:
    assert load({}, {name: "x"}, {name: "x"}).warnings == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('AZURE_VOICELIVE_API_KEY="s3cret', "a quote is not closed"),
        ("AZURE_VOICELIVE_API_KEY='s3cret' s3cret", "a quote is not closed, or text follows it"),
        ("AZURE_VOICELIVE_API_KEY: s3cret", "it has a colon after the name"),
        ("AZURE_VOICELIVE_API_KEY:s3cret", "it has a colon after the name"),
        ("azure_voicelive_api_key: a=s3cret", "it has a colon after the name"),
        ("AZURE_VOICELIVE_API_KEY s3cret", "it is not a setting"),
        ("export AZURE_VOICELIVE_API_KEY", "it has no value"),
    ],
)
def test_a_line_of_dotenv_that_cannot_be_read_is_refused_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    (tmp_path / ".env").write_text(f"# comment\nexport A=1\n\n\n{line}\nB=2\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        read_dotenv()
    sentence = str(caught.value)
    assert sentence.startswith(f"{tmp_path / '.env'}, line 5: {told}")
    assert "expected NAME=value" in sentence
    assert "s3cret" not in sentence


def test_a_line_of_dotenv_for_other_programs_is_ignored_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text('A="s3cret\nB=2\nC: 3\n')
    monkeypatch.chdir(tmp_path)
    values, warnings = read_dotenv()
    assert values == {"B": "2"}
    assert [each.partition(" is ignored: ")[0] for each in warnings] == [
        f"{tmp_path / '.env'}, line {line}" for line in (1, 3)
    ]
    assert "s3cret" not in "".join(warnings)


@pytest.mark.parametrize("model", ["gpt-4o-realtime-preview", "gpt-4o-mini-realtime-preview"])
def test_a_retired_model_gives_a_warning(model: str) -> None:
    loaded = load({"model": model}, {}, {})
    assert loaded.settings.model == model
    assert len(loaded.warnings) == 1
    assert model in loaded.warnings[0]


def test_a_key_without_an_endpoint_gives_a_warning() -> None:
    assert "AZURE_VOICELIVE_ENDPOINT" in load({}, KEY, {}).warnings[0]
    assert load({"offline": True}, KEY, {}).warnings == []


def test_dotenv_is_found_in_a_parent_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("A=plain\nexport B='quoted $HOME'  # why\nC=${HOME}\nD\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert read_dotenv() == DotenvFile({"A": "plain", "B": "quoted $HOME", "C": "${HOME}"}, [])


@pytest.mark.parametrize("is_environment", [False, True])
def test_a_folder_in_the_place_of_dotenv_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_environment: bool
) -> None:
    (tmp_path / ".env").write_text("A=1\n")
    here = tmp_path / "here"
    (here / ".env").mkdir(parents=True)
    if is_environment:
        (here / ".env" / "pyvenv.cfg").touch()
    monkeypatch.chdir(here)
    values, warnings = read_dotenv()
    assert values == {"A": "1"}
    told = f"{here / '.env'} is ignored: it is a folder, expected a file with lines of NAME=value."
    assert warnings == ([] if is_environment else [told])


@pytest.mark.parametrize(
    ("name", "typed", "taken"),
    [
        ("input", " sp ace.wav", " sp ace.wav"),
        ("output", " out.WAV", " out.WAV"),
        ("record", " folder ", " folder "),
        ("input", " 2 ", "2"),
        ("model", " gpt-realtime ", "gpt-realtime"),
    ],
)
def test_a_space_belongs_to_the_name_of_a_file_alone(name: str, typed: str, taken: str) -> None:
    assert getattr(load({name: typed}, {}, {}).settings, name) == taken


def test_dotenv_in_another_encoding_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_bytes("A=x".encode("utf-16"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"\.env cannot be read as UTF-8 text"):
        read_dotenv()


def test_the_manual_has_the_table_of_settings() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    shown = manual.partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    assert shown.strip() == settings_table(), (
        "put this between the markers of docs/settings.md: "
        "python -c 'from pipeline.config.tables import settings_table; print(settings_table())'"
    )


def test_the_example_of_dotenv_names_settings_that_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text(example.replace("\n#AZURE", "\nAZURE"))
    names = read_dotenv().values
    assert len(names) == 7
    assert names.keys() <= {option.environment for option in options()}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"barge_in": "local", "interrupt_response": False},
            (
                "--barge-in local is for answers that you interrupt, which --no-interrupt-response "
                "forbids: leave out one of them."
            ),
        ),
        (
            {"barge_in": "duck", "turn_detection": "none"},
            (
                "--barge-in duck waits for the service to hear you, which --turn-detection none "
                "leaves out: use --barge-in local or service, or another --turn-detection."
            ),
        ),
        (
            {"endpointing": "local", "turn_detection": "none"},
            (
                "--endpointing local lets the ears mark your turns, and --turn-detection none lets "
                "a program mark them: leave out one of them."
            ),
        ),
        (
            {"endpointing": "local", "turn_detection": "azure_semantic_vad"},
            (
                "--endpointing local lets the ears detect your turns, and --turn-detection "
                "azure_semantic_vad the service: leave out one of them."
            ),
        ),
    ],
)
def test_a_contradiction_is_refused_in_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError) as error:
        checked(Settings(**given))
    assert str(error.value) == sentence
    assert error.value.exit_code == 2
