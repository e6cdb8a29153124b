"""The options of `serve`."""

from dataclasses import dataclass, field

from pipeline.emulator.server.faults import NO_FAULTS, Faults


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
