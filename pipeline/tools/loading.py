"""Import the user's files and find the functions that the model may call."""

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
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
    files = tuple(files)
    _check_given_once(files)
    for index, file in enumerate(files):
        module = _imported(file, f"voice_pipeline_tools_{index}")
        functions = list(_public_functions(module))
        if not functions:
            raise ToolError(
                f"{file} defines no tool, expected a function with type hints, a docstring and a "
                "name that does not start with an underscore."
            )
        for function in functions:
            name, place = function.__name__, _place(file, function)
            if name in tools:
                raise ToolError(
                    f"{place}: a tool named {name} exists already, in {places[name]}: "
                    "rename one of them."
                )
            tools[name], places[name] = tool_of(function, place), place
    return tools


def _check_given_once(files: Sequence[str]) -> None:
    paths = [Path(file).resolve() for file in files]
    for index, path in enumerate(paths):
        if path in paths[:index]:
            raise ToolError(f"--tools names {files[index]} twice: leave it out once.")


def _imported(file: str, name: str) -> ModuleType:
    """Import a file under a unique module name.

    The file can import its siblings, as under ``python FILE.py``. The module is registered in
    ``sys.modules``, where dataclasses, typing and pickle look up the modules of classes.
    """
    path = Path(file).resolve()
    if not path.is_file():
        raise ToolError(f"There is no file {file}: --tools expects a Python file.")
    spec = importlib.util.spec_from_file_location(name, path) if path.suffix == ".py" else None
    if spec is None or spec.loader is None:
        raise ToolError(f"{file} is not a Python file: --tools expects a name that ends in .py.")
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
        remedy = "move the call that ends the program under `if __name__ == '__main__':`"
    elif isinstance(error, ModuleNotFoundError):
        remedy = "install the module, or put it beside the file"
    else:
        remedy = "correct the code that runs when it is imported"
    return f"{place}: importing it raises {what}: {remedy}."


def _public_functions(module: ModuleType) -> Iterator[Function]:
    """Yield the module's own functions, decorated ones too; no lambdas, classes or aliases."""
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
    """Whether `value` wraps no function; looks in ``__dict__``, as mocks have every attribute."""
    return "__wrapped__" not in getattr(value, "__dict__", ())


def _place(file: str, function: Function) -> str:
    return f"{file}, line {inspect.unwrap(function).__code__.co_firstlineno}"
