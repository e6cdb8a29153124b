"""Imports the files a user names and finds the functions that the model may call."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from pipeline.errors import ToolError
from pipeline.tools.schema import Function, Tool, tool_of


def load_tools(files: Iterable[str]) -> dict[str, Tool]:
    """Import the files and return their tools by name, in the order of definition.

    A tool is a public function that its file defines with `def` or `async def`.

    :raises ToolError: a file cannot be imported, holds no tool, or a function cannot be one.
    """
    tools: dict[str, Tool] = {}
    places: dict[str, str] = {}
    for index, file in enumerate(files):
        module = _imported(file, f"voice_pipeline_tools_{index}")
        functions = list(_public_functions(module))
        if not functions:
            raise ToolError(
                f"{file} defines no tool: it needs a function whose name starts with no "
                "underscore, with type hints and a docstring."
            )
        for function in functions:
            name, place = function.__name__, _place(file, function)
            if name in tools:
                raise ToolError(
                    f"{place}: there is a tool named {name} already, in {places[name]}: "
                    "rename one of them."
                )
            tools[name], places[name] = tool_of(function, place), place
    return tools


def _imported(file: str, name: str) -> ModuleType:
    """Import a file under a name that no other module has.

    Sibling modules can be imported, as they can by ``python FILE.py``. The module is registered:
    dataclasses, typing and pickle look their classes' modules up by name.
    """
    path = Path(file).resolve()
    if not path.is_file():
        raise ToolError(f"There is no file {file}: --tools expects a Python file.")
    spec = importlib.util.spec_from_file_location(name, path) if path.suffix == ".py" else None
    if spec is None or spec.loader is None:
        raise ToolError(f"{file} is no Python file: --tools expects a name that ends in .py.")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ToolError(_import_sentence(file, str(path), error)) from error
    return module


def _import_sentence(file: str, path: str, error: BaseException) -> str:
    if isinstance(error, SyntaxError) and (error.filename or "").endswith(".py"):
        place = file if error.filename == path else error.filename
        return f"{place}, line {error.lineno}: {error.msg}: correct the Python there."
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == path
    ]
    place = f"{file}, line {lines[-1]}" if lines else file
    what = f"{type(error).__name__}: {error}".partition("\n")[0]
    if isinstance(error, SystemExit):
        remedy = "move what ends the program under `if __name__ == '__main__':`"
    elif isinstance(error, ModuleNotFoundError):
        remedy = "install what it imports, or put it beside the file"
    else:
        remedy = "correct what it does when it is imported"
    return f"{place}: importing it raises {what}: {remedy}."


def _public_functions(module: ModuleType) -> Iterator[Function]:
    """Functions of the module's own, also decorated ones; no lambdas, classes or second names."""
    for name, value in vars(module).items():
        function = inspect.unwrap(value, stop=_wraps_nothing) if callable(value) else None
        if (
            inspect.isfunction(function)
            and not name.startswith("_")
            and function.__name__ == name
            and function.__code__.co_filename == module.__file__
        ):
            yield value


def _wraps_nothing(value: object) -> bool:
    """Whether a decorator left no mark: some objects claim to have every attribute."""
    return "__wrapped__" not in getattr(value, "__dict__", ())


def _place(file: str, function: Function) -> str:
    return f"{file}, line {inspect.unwrap(function).__code__.co_firstlineno}"
