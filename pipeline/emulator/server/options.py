"""The options of `serve`."""

from dataclasses import dataclass, field

from pipeline.emulator.server.address import is_loopback
from pipeline.emulator.server.faults import NO_FAULTS, Faults
from pipeline.errors import SettingsError


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """None means the default: loopback, a new key, clients by processors, replies by rule."""

    host: str | None = None
    port: int = 0
    key: str | None = field(default=None, repr=False)
    accept_any_token: bool = False
    max_clients: int | None = None
    reply_url: str | None = None
    reply_model: str | None = None
    reply_key: str | None = field(default=None, repr=False)
    faults: Faults = NO_FAULTS
    verbose: bool = False


def check_replies(options: ServeOptions) -> None:
    """Raise `SettingsError` if a model is named, and no API that has it."""
    if options.reply_model is not None and options.reply_url is None:
        raise SettingsError(
            f"--reply-model is {options.reply_model!r}, but no API has it: give its address with "
            "--reply-url, or leave --reply-model out."
        )


def check_exposure(options: ServeOptions) -> None:
    """Raise `SettingsError` if other machines reach the service without the key."""
    if options.host is None or is_loopback(options.host):
        return
    if options.key is None:
        raise SettingsError(
            f"--host {options.host} can be reached from other machines: "
            "choose a key with OFFLINE_KEY, --key-file or --key."
        )
    if options.accept_any_token:
        raise SettingsError(
            f"--host {options.host} can be reached from other machines: "
            "--accept-any-token would admit every client. Leave one of the two out."
        )
