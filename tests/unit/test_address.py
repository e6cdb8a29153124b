"""Addresses on which the service cannot listen."""

import socket

import pytest

from pipeline.emulator.server.address import listen
from pipeline.errors import PortInUseError, SettingsError


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_told_as_one(host: str) -> None:
    with pytest.raises(SettingsError, match=f"--host {host} is not an address of this machine"):
        listen(host, 0)


def test_a_port_that_is_taken_is_told_with_its_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUseError, match=f"Port {port} .* choose another port with --port"):
            listen("127.0.0.1", port)
