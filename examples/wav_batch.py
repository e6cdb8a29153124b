"""Answer recorded questions: ``.venv/bin/python examples/wav_batch.py a.wav b.wav``.

Writes ``a-answer.wav`` and ``b-answer.wav``, and prints what was said. It needs no sound card,
and holds two conversations at a time.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline import BlockingVoiceSession, PipelineError, load_settings

AT_ONCE = 2


def answer(question: Path) -> str:
    """Return what was said, or the sentence about what went wrong."""
    heard = question.with_stem(f"{question.stem}-answer")
    settings = load_settings(input=str(question), output=str(heard), overwrite=True)
    try:
        with BlockingVoiceSession(settings) as session:
            for _ in session:
                pass  # it ends by itself when the recording is answered
    except PipelineError as error:
        return f"{question}: {error}"
    return "\n".join(f"{question}: {turn.role}: {turn.text}" for turn in session.history)


questions = [Path(name) for name in sys.argv[1:]]
if not questions:
    print("No recording given, expected: wav_batch.py QUESTION.wav ...", file=sys.stderr)
    sys.exit(2)
with ThreadPoolExecutor(AT_ONCE) as pool:
    for said in pool.map(answer, questions):
        print(said)
