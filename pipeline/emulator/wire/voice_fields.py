"""The voice settings that a client may send. They are checked and echoed: there is one voice."""

from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from pipeline.emulator.wire.fields import Fields, Name, Share, type_of


class _OpenAIVoice(Fields):
    type: Literal["openai"]
    name: Name


class _NativeVoice(Fields):
    type: Literal["azure-realtime-native"]
    name: Name


class _AzureVoice(Fields):
    temperature: Share | None = None
    custom_lexicon_url: str | None = None
    custom_text_normalization_url: str | None = None
    prefer_locales: list[str] | None = None
    locale: str | None = None
    style: str | None = None
    pitch: str | None = None
    rate: str | None = None
    volume: str | None = None


class _StandardVoice(_AzureVoice):
    type: Literal["azure-standard"]
    name: Name


class _CustomVoice(_AzureVoice):
    type: Literal["azure-custom"]
    name: Name
    endpoint_id: Name


class _PersonalVoice(_AzureVoice):
    type: Literal["azure-personal"]
    name: Name
    model: Name


class _AvatarVoice(_AzureVoice):
    type: Literal["avatar-voice-sync"]
    model: Name


VoiceSettings = Annotated[
    Annotated[Name, Tag("str")]
    | Annotated[_OpenAIVoice, Tag("openai")]
    | Annotated[_NativeVoice, Tag("azure-realtime-native")]
    | Annotated[_StandardVoice, Tag("azure-standard")]
    | Annotated[_CustomVoice, Tag("azure-custom")]
    | Annotated[_PersonalVoice, Tag("azure-personal")]
    | Annotated[_AvatarVoice, Tag("avatar-voice-sync")],
    Discriminator(type_of),
]
