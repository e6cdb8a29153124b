"""The address on which the service listens, and the endpoint that clients use."""

import errno
import ipaddress
import socket

from pipeline.errors import PortInUseError, SettingsError

LOOPBACK = "127.0.0.1"
_BACKLOG = 128


def listen(host: str, port: int) -> socket.socket:
    """Listen on `host`, a name or an IPv4 or IPv6 address; port 0 means any free port.

    Raises `SettingsError` for an unknown host, `PortInUseError` if the port is taken.
    """
    family, address = _resolved(host, port)
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(address, family=family, backlog=_BACKLOG, dualstack_ipv6=both)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise _not_here(host) from error
        raise PortInUseError(
            f"Port {port} of {host} cannot be used ({error.strerror}): "
            "stop the program that uses it, or choose another port with --port."
        ) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`; raise `SettingsError` for an unknown host."""
    _, address = _resolved(host, 0)
    return ipaddress.ip_address(address[0].partition("%")[0]).is_loopback


def endpoint_of(listener: socket.socket) -> str:
    """Return the address that a client on this machine uses."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = LOOPBACK if address.version == 4 else "::1"
    return f"http://[{host.replace('%', '%25')}]:{port}" if ":" in host else f"http://{host}:{port}"


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _not_here(host) from error
    family, *_, address = found[0]
    return family, address  # type: ignore[return-value] # an IPv6 address has four parts


def _not_here(host: str) -> SettingsError:
    return SettingsError(
        f"--host {host} is not an address of this machine: give one of its names or addresses."
    )
