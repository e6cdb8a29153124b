"""Command-line options, made from the declarations of settings."""

from collections.abc import Callable, Container
from typing import Any, TypeVar

import click

from pipeline.config.settings import Option, options

_Command = TypeVar("_Command", bound=Callable[..., Any])


def options_of(
    declaration: type, only: Container[str] | None = None
) -> Callable[[_Command], _Command]:
    """Give a command one option for each field of `declaration`, in its order.

    :param only: names of the fields; None for all.


    Values are passed on as typed, `bool` for a switch, `None` if absent; the loader checks them.
    """

    def decorate(command: _Command) -> _Command:
        for option in reversed(options(declaration)):
            if only is not None and option.name not in only:
                continue
            if option.counted:
                command = click.option(option.flag, option.name, count=True, help=option.meaning)(
                    command
                )
                continue
            switch = f"/--no-{option.flag[2:]}" if option.kind is bool else ""
            command = click.option(
                option.flag + switch,
                option.name,
                default=None,
                multiple=option.repeatable,
                type=bool if option.kind is bool else str,
                metavar=None if option.kind is bool else _metavar(option),
                help=_help(option),
            )(command)
        return command

    return decorate


def _metavar(option: Option) -> str:
    return {str: "TEXT", int: "INTEGER", float: "NUMBER"}[option.kind]


def _help(option: Option) -> str:
    facts = []
    if option.choices:
        facts.append("one of " + ", ".join(option.choices))
    if option.range:
        facts.append(option.range)
    if option.default is True or (option.default and option.kind is not bool):
        facts.append(f"default: {'on' if option.default is True else option.default}")
    return option.meaning + (f"  [{'; '.join(facts)}]" if facts else "")
