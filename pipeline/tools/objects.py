"""Functions that a program hands over itself, as tools."""

import importlib
import inspect
from collections.abc import Iterable

from pipeline.errors import ToolError
from pipeline.tools.names import FunctionName
from pipeline.tools.schema import Function, Tool, tool_of


def tools_of(functions: Iterable[Function]) -> dict[str, Tool]:
    """Return functions and methods as tools by name.

    :raises ToolError: the model could not call one of them, or two have one name.
    """
    tools: dict[str, Tool] = {}
    for function in functions:
        where = _place(function)
        tool = tool_of(function, where)
        if tool.schema.name in tools:
            raise ToolError(f"{where}: a second tool is named {tool.schema.name}: rename one.")
        tools[tool.schema.name] = tool
    return tools


def name_of(function: Function) -> FunctionName:
    """Return where another process finds `function`.

    :raises ToolError: nowhere.
    """
    where = _place(function)
    name = FunctionName(function.__module__, function.__qualname__)
    if name.module == "__main__" or _found(name) is not function:
        raise ToolError(
            f'{where}: with tools_in="process" the function {function.__name__} must be importable '
            'from a module other than the program: move it there, or use tools_in="caller".'
        )
    return name


def import_function(name: FunctionName) -> Function:
    """Import a function in another process.

    :raises ToolError: it cannot be imported there.
    """
    try:
        function = _found(name)
    except Exception as error:
        raise ToolError(
            f"{name.module}: importing it in the tools process raises "
            f"{type(error).__name__}: {error}: correct the code that runs when it is imported."
        ) from error
    if function is None:
        raise ToolError(f"{name.module} has no function {name.qualified_name} when it is imported.")
    return function


def _found(name: FunctionName) -> Function | None:
    found: Function | None = None
    try:
        found = importlib.import_module(name.module)  # type: ignore[assignment]
        for part in name.qualified_name.split("."):
            found = getattr(found, part)
    except AttributeError:
        return None
    return found


def _place(function: Function) -> str:
    """Return the function's file and line, or its module.

    :raises ToolError: it is no function with a name of its own.
    """
    name = getattr(function, "__name__", None)
    if not isinstance(name, str) or inspect.isclass(function):
        raise ToolError(
            f"{function!r} is not a tool, expected a function or a method with type hints and a "
            "docstring: define it with `def`."
        )
    code = getattr(inspect.unwrap(function), "__code__", None)
    where = f"{code.co_filename}, line {code.co_firstlineno}" if code else function.__module__
    if name == "<lambda>":
        raise ToolError(
            f"{where}: a lambda has neither type hints nor a docstring, which tell the model what "
            "it does: define the function with `def`."
        )
    return where
