"""Trusted certificates, read when the first connection needs them.

aiohttp makes two TLS contexts as it is imported, and each reads all certificates of the system:
80 ms of processor time. A conversation with the offline service needs none.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_waiting: list[ssl.SSLContext] = []


@contextmanager
def certificates_deferred() -> Iterator[None]:
    """Let TLS contexts that are made meanwhile trust nothing, until `load_certificates`.

    Without certificates a context refuses every server. For imports only: it concerns all threads.
    """
    load, load_paths = ssl.SSLContext.load_default_certs, ssl.SSLContext.set_default_verify_paths
    ssl.SSLContext.load_default_certs = _defer  # type: ignore[assignment, method-assign]
    ssl.SSLContext.set_default_verify_paths = _defer  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        ssl.SSLContext.load_default_certs = load  # type: ignore[method-assign]
        ssl.SSLContext.set_default_verify_paths = load_paths  # type: ignore[method-assign]


def load_certificates() -> None:
    """Let the contexts that were deferred trust what the system trusts; call it before TLS."""
    while _waiting:
        _waiting.pop().load_default_certs()


def _defer(context: ssl.SSLContext, *_: Any) -> None:  # noqa: ANN401 - a purpose: servers
    if context.verify_mode != ssl.CERT_NONE:
        _waiting.append(context)
