"""Frozen values with named fields: dataclasses that take little time to define.

``dataclass(frozen=True, slots=True)`` compiles eight functions for each class, which takes 0.5 ms
and more, and a process loads a hundred such classes before it works. Here all classes share them,
but for ``__init__``, which is compiled when the first value is made, or by `compile_initializers`.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from typing import Any, ClassVar, NoReturn, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Struct:
    """The base of values: a subclass declares its fields as a dataclass does, and is one.

    Values are equal if they are of one class and all fields are that are compared.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    _compared: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        dataclass(init=False, repr=False, eq=False)(cls)
        cls._compared = tuple(field.name for field in fields(cls) if field.compare)
        cls.__init__ = Struct.__init__  # type: ignore[method-assign]  # not that of its base

    def __init__(self, *values: object, **named: object) -> None:
        cls = type(self)
        compile_initializers(cls)
        cls.__init__(self, *values, **named)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _key(self) -> tuple[object, ...]:
        return tuple(map(self.__dict__.__getitem__, self._compared))


def compile_initializers(*classes: type[Struct]) -> None:
    """Pay now for the first value of each class: 0.1 ms, which is much in the middle of a cut."""
    for cls in classes:
        if cls.__init__ is Struct.__init__:
            cls.__init__ = _initializer(cls)  # type: ignore[method-assign]


def _initializer(cls: type[Struct]) -> Callable[..., None]:
    """Compile ``__init__``, with the parameters that a dataclass would have."""
    parameters, statements = [], []
    scope: dict[str, Any] = {}
    for f in sorted(fields(cls), key=lambda field: field.kw_only is True):
        if f.kw_only and "*" not in parameters:
            parameters.append("*")
        default, value = f"_{f.name}", f.name
        if f.default is not MISSING:
            scope[default] = f.default
        elif f.default_factory is not MISSING:
            scope[default] = f.default_factory
            value = f"{default}() if {f.name} is {default} else {f.name}"
        parameters.append(f"{f.name}={default}" if default in scope else f.name)
        statements.append(f"    fields[{f.name!r}] = {value}")
    head = f"def __init__(self, {', '.join(parameters)}):\n    fields = self.__dict__\n"
    exec(head + "\n".join(statements), scope)  # noqa: S102 - made of the names of fields
    initializer: Callable[..., None] = scope["__init__"]
    initializer.__qualname__ = f"{cls.__qualname__}.__init__"
    return initializer
