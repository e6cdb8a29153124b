"""What `serve` can be told."""

from dataclasses import dataclass, field

from pipeline.emulator.server.faults import NO_FAULTS, Faults


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """None means the default: this machine alone, a new key, all that it can serve, the rules."""

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
