"""Starts the built-in service beside a conversation."""

import secrets
import socket
from dataclasses import replace

from pipeline.config.settings import Settings
from pipeline.ipc.processes import ChildProcesses


def with_endpoint(settings: Settings, children: ChildProcesses) -> Settings:
    """Return settings whose endpoint answers: the configured one, or a service started here."""
    if not settings.uses_offline_service:
        return settings
    key = secrets.token_urlsafe(24)
    # Listening from now on: the network process may connect before the service has loaded.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        children.spawn(
            "offline service", "pipeline.emulator.process", settings.verbose, listener, key
        )
    return replace(
        settings,
        offline=True,
        endpoint=f"http://127.0.0.1:{port}",
        api_key=key,
        use_api_key=True,
    )
