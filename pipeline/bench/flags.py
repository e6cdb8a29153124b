"""Options that `bench` and its sections share. Imports nothing slow, so `--help` is instant."""

from pathlib import Path

import click

from pipeline.config.numbers import WholeNumber

FILE = click.Path(dir_okay=False, writable=True, path_type=Path)

seed = click.option(
    "--seed",
    type=WholeNumber(min=0),
    default=1,
    show_default=True,
    help="Seed of the times at which a person interrupts.",
)
json = click.option("--json", type=FILE, help="Write every value to this file.")
png = click.option("--png", type=FILE, help="Write a drawing to this file.")
let_sleep = click.option(
    "--let-sleep",
    is_flag=True,
    help="Let idle processors sleep; Linux keeps them awake else.",
)
verbose = click.option("--verbose", is_flag=True, help="Show where an error came from.")
