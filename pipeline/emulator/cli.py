"""The command `serve`. Imports nothing that is slow, so that `--help` is instant."""

from typing import Any

import click

from pipeline.config.command import Command, remember_verbose, show
from pipeline.config.dotenv_file import read_dotenv
from pipeline.config.flags import options_of
from pipeline.config.numbers import WholeNumber
from pipeline.config.secrets import take_environment
from pipeline.config.settings import options
from pipeline.emulator.server.faults import Faults, from_flags
from pipeline.emulator.server.key import choose_key
from pipeline.emulator.server.options import ServeOptions, check_exposure, check_replies
from pipeline.system.signals import interruptible_loading

_REPLY_KEY = "OFFLINE_REPLY_KEY"


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  {program} serve --port 8080
  {program} run --endpoint http://127.0.0.1:8080 --api-key KEY
  {program} serve --reply-url http://127.0.0.1:11434/v1 --reply-model llama3.2
  {program} serve --late-deltas 2 --downlink-jitter-ms 50 --seed 7

Each client can also ask for faults itself, as query parameters: late-deltas=2.
Keys may stand in the environment or in .env: OFFLINE_KEY is the key that clients must send,
OFFLINE_REPLY_KEY the key of --reply-url.""",
)
@click.option(
    "--host",
    metavar="TEXT",
    help="Address to listen on; one that other machines reach needs a key.  [default: 127.0.0.1]",
)
@click.option(
    "--port",
    type=WholeNumber(0, 65535),
    default=0,
    help="Port to listen on; 0 chooses a free one.",
    show_default=True,
)
@click.option(
    "--key",
    metavar="TEXT",
    help="Key that clients must send; other users can see a flag, so prefer OFFLINE_KEY or "
    "--key-file.  [default: a new one]",
)
@click.option("--key-file", metavar="PATH", help="File with the key that clients must send.")
@click.option(
    "--accept-any-token", is_flag=True, help="Accept every bearer token, for tests of signing in."
)
@click.option(
    "--max-clients",
    type=WholeNumber(min=1),
    help="Refuse further clients with HTTP 503.  [default: as many as the processors can serve]",
)
@click.option(
    "--reply-url",
    metavar="TEXT",
    help="Let a model answer: any OpenAI-compatible API, such as http://127.0.0.1:11434/v1.",
)
@click.option(
    "--reply-model", metavar="TEXT", help="The model's name.  [default: the first that it lists]"
)
@options_of(Faults)
@click.option(
    "--verbose", is_flag=True, help="Also show events (frequent ones counted) and library messages."
)
def serve(verbose: bool, key: str | None, key_file: str | None, **flags: Any) -> int:  # noqa: ANN401 - checked by click
    """Run the built-in offline service alone. Ctrl-C ends it."""
    remember_verbose(verbose=verbose)
    environment = take_environment()
    faults = from_flags({each.name: flags.pop(each.name) for each in options(Faults)})
    dotenv, ignored_lines = read_dotenv()
    for sentence in ignored_lines:
        show("warning", sentence)
    chosen = ServeOptions(
        **flags,
        key=choose_key(key, key_file, environment, dotenv),
        reply_key=environment.get(_REPLY_KEY) or dotenv.get(_REPLY_KEY),
        faults=faults,
        verbose=verbose,
    )
    check_replies(chosen)
    check_exposure(chosen)
    with interruptible_loading():
        from pipeline.emulator.process import serve as serve_offline

    return serve_offline(chosen)
