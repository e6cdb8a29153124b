"""The command `replay`. Imports nothing that is slow, so that `--help` is instant."""

from pathlib import Path

import click

from pipeline.config.command import Command, remember_verbose
from pipeline.system.signals import interruptible_loading


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  {program} replay talk
  {program} replay talk --open
  {program} replay talk --against yesterday --html both.html

DIR is a folder that `run --record DIR` has written. The page needs nothing but a browser.""",
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--against",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Compare with another recording.",
)
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where to write the page; default: replay.html in the folder.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@click.option("--verbose", is_flag=True, help="Show where an error came from.")
def replay(
    folder: Path, against: Path | None, html: Path | None, opens: bool, verbose: bool
) -> int:
    """Show a recorded conversation: print what happened, and write a page to hear and see it."""
    remember_verbose(verbose=verbose)
    with interruptible_loading():
        from pipeline.replay.show import show

    return show(folder, against=against, html=html, opens=opens)
