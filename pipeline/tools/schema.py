"""Make a tool's JSON schema from a function's signature and docstring."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from inspect import Parameter
from typing import Annotated, Any, NoReturn, get_origin, get_type_hints

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from pipeline.errors import ToolError
from pipeline.ipc.commands import ToolSchema
from pipeline.tools.answers import ArgumentsError, sentence_about_arguments

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_HIDE = "or start its name with an underscore to hide it from the model"

Function = Callable[..., Any]
Fail = Callable[[str], NoReturn]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call, and the pydantic model of its arguments."""

    schema: ToolSchema
    function: Function
    is_async: bool
    arguments: type[BaseModel]
    parameters: tuple[Parameter, ...]
    """In the order of the fields of `arguments`."""

    def keywords(self, arguments: str) -> dict[str, Any]:
        """Check the model's JSON and convert it to what the function takes.

        Arguments that are not given are left out where the function has a default of its own; a
        default declared by a `Field` is filled in.

        :raises ArgumentsError: it is not JSON or does not fit; the text is for the model.
        """
        try:
            # Some models send an empty text for a function without parameters.
            given = self.arguments.model_validate_json(arguments.strip() or "{}")
        except ValidationError as error:
            names = list(self.schema.parameters["properties"])
            sentence = sentence_about_arguments(self.schema.name, names, error)
            raise ArgumentsError(sentence) from error
        return {
            parameter.name: getattr(given, name)
            for index, parameter in enumerate(self.parameters)
            if (name := _field_name(index)) in given.model_fields_set
            or not _has_own_default(parameter)
        }


def _has_own_default(parameter: Parameter) -> bool:
    """Whether Python itself fills the parameter in; what a `Field` declares is for pydantic."""
    return parameter.default is not Parameter.empty and not isinstance(parameter.default, FieldInfo)


def tool_of(function: Function, where: str) -> Tool:
    """Return a function as a tool.

    :param where: the function's file and line, for the sentence of an error.
    :raises ToolError: the model could not call it.
    """
    fail = partial(_fail, where, function.__name__)
    if not _NAME.fullmatch(function.__name__):
        fail("has a name that services refuse: use 1 to 64 letters a to z, digits and _")
    docstring = docstring_parser.parse(inspect.getdoc(function) or "")
    description = (docstring.description or "").strip()
    if not description:
        fail(f"has no docstring, which tells the model what the function does: write one, {_HIDE}")
    texts = {text.arg_name: text.description for text in docstring.params}
    arguments, parameters = _arguments_model(function, texts, fail)
    return Tool(
        schema=ToolSchema(function.__name__, description, _parameters(arguments)),
        function=function,
        is_async=inspect.iscoroutinefunction(inspect.unwrap(function)),
        arguments=arguments,
        parameters=parameters,
    )


def _fail(where: str, name: str, fault: str) -> NoReturn:
    raise ToolError(f"{where}: the function {name} {fault}.")


def _arguments_model(
    function: Function, texts: dict[str, str | None], fail: Fail
) -> tuple[type[BaseModel], tuple[Parameter, ...]]:
    """Return one field for each parameter, in its order, and the parameters.

    Fields have names of their own, because a parameter may be called what no field can be.
    """
    hints = _hints(function, fail)
    parameters = tuple(inspect.signature(function).parameters.values())
    fields: dict[str, Any] = {}
    for index, parameter in enumerate(parameters):
        _check(parameter, hints, fail)
        hint = _described(hints[parameter.name], parameter.name, texts.get(parameter.name))
        has_default = parameter.default is not Parameter.empty
        fields[_field_name(index)] = (hint, parameter.default) if has_default else hint
    model: type[BaseModel] = create_model(
        function.__name__, __config__=ConfigDict(extra="forbid"), **fields
    )
    return model, parameters


def _field_name(index: int) -> str:
    return f"p{index}"


def _described(hint: Any, name: str, text: str | None) -> Any:  # noqa: ANN401 - any type
    """Return `hint` with a name and a description; a `Field` that the user wrote overrides both."""
    ours = Field(alias=name, description=text)
    if get_origin(hint) is Annotated:
        return Annotated[(hint.__origin__, ours, *hint.__metadata__)]
    return Annotated[hint, ours]


def _hints(function: Function, fail: Fail) -> dict[str, Any]:
    try:
        return get_type_hints(inspect.unwrap(function), include_extras=True)
    except Exception as error:  # noqa: BLE001 - a hint in quotes is code, and may raise anything
        fail(
            f"has a type hint that cannot be resolved ({error}): "
            "import the names in it outside of `if TYPE_CHECKING:`"
        )


def _check(parameter: Parameter, hints: dict[str, Any], fail: Fail) -> None:
    name = parameter.name
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        shown = str(parameter).partition(":")[0]
        fail(f"takes {shown}, which a schema cannot describe: name each parameter, {_HIDE}")
    if parameter.kind is parameter.POSITIONAL_ONLY:
        fail(f"takes {name} by position only, but models pass arguments by name: remove the `/`")
    if name not in hints:
        fail(f"has no type hint for {name}: write one, such as `{name}: str`, {_HIDE}")
    try:
        _inlined(TypeAdapter(hints[name]).json_schema(schema_generator=_PortableSchema))
    except _RecursiveTypeError as error:
        fail(f"takes {name}, whose type {error} contains itself: use a type that does not")
    except Exception as error:  # noqa: BLE001 - types of the user's may define their own schema
        shown = inspect.formatannotation(hints[name])
        reason = str(error).partition("\n")[0].rstrip(".")
        fail(
            f"takes {name} of type {shown}, which JSON cannot hold ({reason}): "
            "use str, int, float, bool, datetime, Literal, an Enum, a dataclass, a pydantic model, "
            "or a list or dict of these"
        )


def _parameters(arguments: type[BaseModel]) -> JsonSchemaValue:
    """Return a JSON schema of type object without any reference.

    Voice Live passes it on to models of several makers. All of them understand a schema that
    spells everything out where it is used, but some do not resolve ``$defs`` and ``$ref``.
    """
    parameters = _inlined(arguments.model_json_schema(schema_generator=_PortableSchema))
    del parameters["title"]
    return parameters


class _PortableSchema(GenerateJsonSchema):
    """Use only the keywords that OpenAI-style services accept, and few tokens."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - theirs

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401, ARG002 - theirs
        return False

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """``discriminator`` belongs to OpenAPI and points into ``$defs``."""
        json_schema = super().tagged_union_schema(schema)
        json_schema.pop("discriminator", None)
        return json_schema


class _RecursiveTypeError(Exception):
    """A type contains itself; `str(error)` is its name."""


def _inlined(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Replace every reference by its definition.

    :raises _RecursiveTypeError: a definition refers to itself.
    """
    definitions: dict[str, JsonSchemaValue] = schema.get("$defs", {})

    def expand(node: Any, inside: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(node, list):
            return [expand(item, inside) for item in node]
        if not isinstance(node, dict):
            return node
        expanded = {
            key: expand(value, inside)
            for key, value in node.items()
            if key not in ("$defs", "$ref")
        }
        _say_items(expanded)
        if not isinstance(node.get("$ref"), str):
            return expanded
        name = node["$ref"].removeprefix("#/$defs/")
        if name in inside:
            raise _RecursiveTypeError(name)
        return {**expand(definitions[name], (*inside, name)), **expanded}

    result: JsonSchemaValue = expand(schema, ())
    return result


def _say_items(node: JsonSchemaValue) -> None:
    """Replace ``prefixItems`` (of tuples) by ``items``: OpenAI refuses arrays without them."""
    if not isinstance(node.get("prefixItems"), list):  # it may be the name of a property
        return
    kinds: list[JsonSchemaValue] = []
    for kind in node.pop("prefixItems"):
        if kind not in kinds:
            kinds.append(kind)
    node["items"] = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
