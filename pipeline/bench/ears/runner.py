"""Run `bench ears`, from its options to its exit code."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict

import numpy as np

from pipeline.bench.cost import Meter
from pipeline.bench.drawing import check_drawable
from pipeline.bench.ears import real_card_report
from pipeline.bench.ears.conversation import converse
from pipeline.bench.ears.export import write_json, write_png
from pipeline.bench.ears.options import EarsOptions
from pipeline.bench.ears.real_card import measure_card
from pipeline.bench.ears.report import EarsMeasured, show
from pipeline.bench.ears.result import clean_words, evaluate, with_agreed_words
from pipeline.bench.ears.script import ANSWER_S, make_sounds, speak_story
from pipeline.bench.ears.situations import FULL, QUICK, Situation
from pipeline.bench.ears.sounds import pcm16
from pipeline.bench.ears.verdict import judge
from pipeline.bench.ears.voices import OfflineVoice
from pipeline.bench.jack_card import JackCard, check_jack
from pipeline.bench.keep_awake import keep_cpus_awake, processors
from pipeline.bench.machine import machine_facts
from pipeline.bench.report import DISTURBED_CPUS
from pipeline.bench.runner import check_targets, print_verdict, progress_bar
from pipeline.bench.tables import report_console
from pipeline.bench.voice_processes import not_replaced
from pipeline.config.settings import Settings
from pipeline.ipc.processes import ChildProcesses
from pipeline.supervisor.offline_service import OfflineService
from pipeline.system.signals import signals_end_the_run


def run(options: EarsOptions, situations: tuple[Situation, ...] | None = None) -> int:
    """Measure, print the report, write the files, and return the exit code.

    :param situations: instead of those that the options mean.
    :raises PipelineError: an option cannot be used, or the program failed.
    """
    with signals_end_the_run():
        check_targets(options.json, options.png)
        if options.device:
            return _run_real_card(options)
        check_jack()
        if options.png is not None:
            check_drawable()
        measured = _measure(options, situations or (QUICK if options.quick else FULL))
    console = report_console()
    show(measured, console)
    if options.json is not None:
        write_json(options.json, measured, asdict(options))
    if options.png is not None:
        write_png(options.png, measured)
    print_verdict(judge(measured.results, measured.clean), console)
    return 0


def _run_real_card(options: EarsOptions) -> int:
    console = report_console()
    with offline_voice() as voice:
        sound = pcm16(speak_story(voice, ANSWER_S))
    result = measure_card(options, sound, console)
    real_card_report.show(result, console)
    if options.json is not None:
        real_card_report.write_json(options.json, result, asdict(options))
    print_verdict(real_card_report.judge(result), console)
    return 0


@contextmanager
def offline_voice() -> Iterator[OfflineVoice]:
    """Start the offline service, and end it at the end of the context."""
    with ChildProcesses() as children, ExitStack() as stack:
        service = OfflineService(children, stack, not_replaced)
        yield OfflineVoice(service.start(Settings(offline=True)), children)


def _measure(options: EarsOptions, situations: tuple[Situation, ...]) -> EarsMeasured:
    random = np.random.default_rng(options.seed)
    results = []
    awake = [] if options.let_sleep else processors()
    with (
        offline_voice() as voice,
        JackCard() as card,
        _environment(card.environment),
        keep_cpus_awake(awake),
    ):
        meter = Meter({})
        with progress_bar() as progress:
            task = progress.add_task("voices", total=len(situations) + 1)
            sounds = make_sounds(voice, situations, options, random)
            sounds = sounds.with_phrases(with_agreed_words(sounds.phrases, voice))
            clean = clean_words(sounds.sentences, voice)
            for situation in situations:
                progress.update(task, advance=1, description=situation.name)
                recording = converse(card, situation, sounds, random)
                results.append(evaluate(recording, sounds, voice))
        others = meter.disturbance().others_cpus
    disturbance = ""
    if others > DISTURBED_CPUS:
        disturbance = (
            f"Disturbed: other programs kept {others:.1f} processors busy. An idle machine may "
            "give better times."
        )
    return EarsMeasured(machine_facts(), results, clean, options.let_sleep, disturbance)


@contextmanager
def _environment(names: Mapping[str, str]) -> Iterator[None]:
    """Let child processes find the card, and no other."""
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
