"""Files and functions that are refused, and the sentences that say so."""

import ast
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pipeline
from pipeline.errors import ToolError, UsageError
from pipeline.tools.loading import load_tools

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(source: str | bytes, name: str = "mine.py") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.encode() if isinstance(source, str) else source)
        return str(path)

    return write_file


@pytest.fixture(autouse=True)
def _imports_undone() -> Iterator[None]:
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path


GOOD = 'def good(x: int) -> int:\n    """Return x."""\n    return x\n'

BAD_FILES = {
    "syntax error": ("x = 1\ndef f(:\n", "line 2", "correct the Python"),
    "null byte": (b"x = 1\0\n", "null bytes", "correct"),
    "not UTF-8": (b"x = '\xff'\n", "", "correct the Python"),
    "missing module": ("\nimport no_such_module_x\n", "line 2", "install the module, or put it"),
    "missing name": ("from json import nothing\n", "line 1", "ImportError"),
    "exception": ("\n\n1 / 0\n", "line 3", "ZeroDivisionError: division by zero"),
    "exception below": (
        "def _f():\n    raise ValueError('a\\nb')\n_f()\n",
        "line 2",
        "ValueError: a: correct the code that runs when it is imported",
    ),
    "exits": ("import sys\nsys.exit(3)\n", "line 2", "SystemExit: 3: move the call that ends"),
    "exec": ("exec('1 +')\n", "line 1", "SyntaxError"),
    "no function": ("x = 1\n", "", "defines no tool"),
    "only private": (GOOD.replace("good", "_good"), "", "does not start with an underscore"),
    "only imported": ("from os.path import join\nfrom json import dumps\n", "", "no tool"),
    "only lambdas and classes": ("f = lambda x: x\nclass C: ...\n", "", "defines no tool"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence(case: str, write: Write) -> None:
    source, place, words = BAD_FILES[case]
    _refused(write(source), place, words)


BAD_FUNCTIONS = {
    "no docstring": ("def f(x: int) -> int: return x", "f has no docstring"),
    "blank docstring": ("def f(x: int) -> int:\n    '''  '''", "f has no docstring"),
    "no hint": ("def f(x, y: int) -> int:\n    'Do.'", "f has no type hint for x"),
    "hint of nothing": ("def f(x: 'Nothing') -> int:\n    'Do.'", "name 'Nothing' is not defined"),
    "hint that raises": ("def f(x: '1/0') -> int:\n    'Do.'", "division by zero"),
    "hint that is a value": ("def f(x: 3) -> int:\n    'Do.'", "f "),
    "*args": ("def f(*args: int) -> int:\n    'Do.'", "f takes *args"),
    "**kwargs": ("def f(**kwargs: int) -> int:\n    'Do.'", "f takes **kwargs"),
    "positional only": ("def f(x: int, /) -> int:\n    'Do.'", "remove the `/`"),
    "callable": (
        "from collections.abc import Callable\ndef f(x: Callable[[], int]) -> int:\n    'Do.'",
        "f takes x of type collections.abc.Callable[[], int], which JSON cannot hold",
    ),
    "plain class": ("class C: ...\ndef f(x: C) -> int:\n    'Do.'", "which JSON cannot hold"),
    "list of plain class": ("class C: ...\ndef f(x: list[C]) -> int:\n    'Do.'", "JSON cannot"),
    "module": ("import json\ndef f(x: json) -> int:\n    'Do.'", "f "),
    "recursive": (
        (
            "from pydantic import BaseModel\nclass Tree(BaseModel):\n    kids: 'list[Tree]'\n"
            "def f(x: Tree) -> int:\n    'Do.'"
        ),
        "f takes x, whose type Tree contains itself",
    ),
    "name of other letters": ("def größe(x: int) -> int:\n    'Do.'", "größe has a name"),
    "name too long": (f"def {'f' * 65}(x: int) -> int:\n    'Do.'", "1 to 64"),
}


@pytest.mark.parametrize("case", BAD_FUNCTIONS)
def test_a_bad_function_is_refused_in_one_sentence(case: str, write: Write) -> None:
    source, words = BAD_FUNCTIONS[case]
    line = next(n for n, text in enumerate(source.split("\n"), 1) if text.startswith("def "))
    _refused(write(f"{source}\n"), f"mine.py, line {line}: the function ", words)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    _refused(str(tmp_path / "absent.py"), "absent.py", "There is no file")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    _refused(str(tmp_path), "", "There is no file")


def test_a_file_of_another_kind_is_refused(write: Write) -> None:
    _refused(write(GOOD, "tools.txt"), "tools.txt", "a name that ends in .py")


def test_a_syntax_error_in_a_sibling_is_located_there(write: Write) -> None:
    write("\n\ndef broken(:\n", "sibling_of_mine.py")
    _refused(write("import sibling_of_mine\n"), "sibling_of_mine.py, line 3", "correct the Python")


def test_two_tools_of_one_name_are_refused(write: Write) -> None:
    first, second = write(GOOD, "one.py"), write(f"\n{GOOD}", "two.py")
    with pytest.raises(ToolError) as caught:
        load_tools([first, second])
    assert str(caught.value) == (
        f"{second}, line 2: a tool named good exists already, in {first}, line 1: "
        "rename one of them."
    )


def test_a_file_that_is_named_twice_is_refused(write: Write) -> None:
    file = write(GOOD)
    again = os.path.relpath(file)
    with pytest.raises(ToolError) as caught:
        load_tools([file, again])
    assert str(caught.value) == f"--tools names {again} twice: leave it out once."


def test_the_users_traceback_is_kept(write: Write) -> None:
    with pytest.raises(ToolError) as caught:
        load_tools([write("1 / 0\n")])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert isinstance(caught.value, UsageError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


def test_files_of_one_name_in_two_folders_stay_apart(write: Write) -> None:
    first = write(GOOD + "class Kind: ...\n", "a/same.py")
    second = write(GOOD.replace("good", "better") + "class Kind: ...\n", "b/same.py")
    assert list(load_tools([first, second])) == ["good", "better"]


def test_siblings_can_be_imported_and_are_not_tools(write: Write) -> None:
    write(GOOD.replace("good", "helper"), "helpers_of_mine.py")
    file = write(f"from helpers_of_mine import helper\n{GOOD}")
    assert list(load_tools([file])) == ["good"]


def test_objects_of_the_users_classes_can_be_pickled(write: Write) -> None:
    source = (
        "from dataclasses import dataclass\nimport pickle\n@dataclass\nclass P:\n    x: int\n"
        "def f(p: P) -> bool:\n    'Do.'\n    return pickle.loads(pickle.dumps(p)) == p\n"
    )
    tool = load_tools([write(source)])["f"]
    assert tool.function(**tool.keywords('{"p": {"x": 1}}')) is True


def test_decorated_functions_are_tools_and_other_objects_are_not(write: Write) -> None:
    source = (
        "import functools, xmlrpc.client, unittest.mock\n"
        "server = xmlrpc.client.ServerProxy('http://127.0.0.1:9')\n"
        "mock = unittest.mock.Mock()\n"
        "@functools.cache\ndef cached(x: int) -> int:\n    'Do.'\n    return x\n"
        "def _wrap(f):\n    @functools.wraps(f)\n    def inner(*args, **kwargs):\n"
        "        return f(*args, **kwargs)\n    return inner\n"
        "@_wrap\nasync def wrapped(x: int) -> int:\n    'Do.'\n    return x\n"
        "alias = wrapped\n"
    )
    tools = load_tools([write(source)])
    assert {name: tool.is_async for name, tool in tools.items()} == {
        "cached": False,
        "wrapped": True,
    }


def test_the_voice_processes_do_not_import_what_describes_tools() -> None:
    """pydantic and docstring_parser would delay their start."""
    root = Path(pipeline.__file__).parent
    importers = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [str(node.module)]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            if {name.split(".")[0] for name in names} & {"pydantic", "docstring_parser"}:
                importers.add(path.relative_to(root).parts[0])
    assert importers == {"tools", "emulator"}


def _refused(file: str, place: str, words: str) -> None:
    with pytest.raises(ToolError) as caught:
        load_tools([file])
    sentence = str(caught.value)
    assert place in sentence
    assert words in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
