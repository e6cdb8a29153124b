"""The command `serve`. Imports nothing that is slow, so that `--help` is instant."""

import os
from typing import Any

import click

from pipeline.config.command import Command, remember_verbose
from pipeline.config.dotenv_file import read_dotenv
from pipeline.config.flags import options_of
from pipeline.config.settings import options
from pipeline.emulator.server.faults import Faults, from_flags
from pipeline.emulator.server.options import ServeOptions
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
The key of --reply-url is taken from OFFLINE_REPLY_KEY, in the environment or in .env.""",
)
@click.option(
    "--host",
    metavar="TEXT",
    help="Address to listen on; one that other machines reach needs --key.  [default: 127.0.0.1]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on; 0 chooses a free one.",
    show_default=True,
)
@click.option("--key", metavar="TEXT", help="Key that clients must send.  [default: a new one]")
@click.option(
    "--accept-any-token", is_flag=True, help="Accept every bearer token, for tests of signing in."
)
@click.option(
    "--max-clients",
    type=click.IntRange(min=1),
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
@click.option("--verbose", is_flag=True, help="Also show every event and library messages.")
def serve(verbose: bool, **flags: Any) -> int:  # noqa: ANN401 - checked by click
    """Run the built-in offline service alone. Ctrl-C ends it."""
    remember_verbose(verbose=verbose)
    with interruptible_loading():
        from pipeline.emulator.process import serve as serve_offline

    faults = from_flags({each.name: flags.pop(each.name) for each in options(Faults)})
    reply_key = os.environ.get(_REPLY_KEY) or read_dotenv().values.get(_REPLY_KEY)
    return serve_offline(ServeOptions(**flags, reply_key=reply_key, faults=faults, verbose=verbose))
