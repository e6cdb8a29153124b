"""The items that a client may put into a conversation."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from pipeline.emulator.wire.fields import Fields, Name


class _InputText(Fields):
    type: Literal["input_text"]
    text: str


class _InputAudio(Fields):
    type: Literal["input_audio"]
    audio: str | None = None
    transcript: str | None = None


class _Text(Fields):
    type: Literal["text"]
    text: str


class _Item(Fields):
    id: Annotated[str, Field(max_length=256)] | None = None


class _SystemMessage(_Item):
    type: Literal["message"]
    role: Literal["system"]
    content: list[_InputText]


class _UserMessage(_Item):
    type: Literal["message"]
    role: Literal["user"]
    content: list[Annotated[_InputText | _InputAudio, Field(discriminator="type")]]


class AssistantMessage(_Item):
    type: Literal["message"]
    role: Literal["assistant"]
    content: list[_Text]


class _FunctionCall(_Item):
    type: Literal["function_call"]
    call_id: Name
    name: Name
    arguments: str = "{}"


class _FunctionCallOutput(_Item):
    type: Literal["function_call_output"]
    call_id: Name
    output: str


class _McpApprovalResponse(_Item):
    type: Literal["mcp_approval_response"]
    approval_request_id: Name
    approve: bool


_Message = Annotated[_SystemMessage | _UserMessage | AssistantMessage, Field(discriminator="role")]
_Any = _Message | _FunctionCall | _FunctionCallOutput | _McpApprovalResponse


class _ItemReference(Fields):
    """An item of the conversation that a response takes as input."""

    type: Literal["item_reference"]
    id: Name


InputItem = Annotated[_Any | _ItemReference, Field(discriminator="type")]

ITEM: TypeAdapter[Fields] = TypeAdapter(Annotated[_Any, Field(discriminator="type")])
