"""The manual's tables, made from the declarations that the program itself reads."""

from collections.abc import Iterable, Sequence

from pipeline.config.settings import Option, options


def settings_table() -> str:
    """Return the table of all settings, in Markdown."""
    head = ("flag", "environment or `.env`", "default", "meaning")
    rows = (
        (_flags(option), f"`{option.environment}`", _default(option.default), described(option))
        for option in options()
    )
    return markdown_table(head, rows)


def described(option: Option) -> str:
    """Return an option's meaning, its choices and its range."""
    parts = [option.meaning]
    if option.choices:
        parts.append(", ".join(f"`{choice}`" for choice in option.choices) + ".")
    if option.range:
        parts.append(f"{option.range}.")
    return " ".join(parts)


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, one line a row."""
    rule = f"|{'---|' * len(head)}"
    first, *others = (f"| {' | '.join(line)} |" for line in (head, *rows))
    return "\n".join((first, rule, *others))


def _flags(option: Option) -> str:
    switch = f", `--no-{option.flag[2:]}`" if option.kind is bool else ""
    return f"`{option.flag}`{switch}"


def _default(default: object) -> str:
    if default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{default}`"
