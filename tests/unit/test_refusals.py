"""The sentences about connections that cannot be opened."""

import errno
import ssl

import pytest
from aiohttp import ClientConnectorError
from aiohttp.client_reqrep import ConnectionKey

from pipeline.errors import EndpointError
from pipeline.network.refusals import refusal

KEY = ConnectionKey("127.0.0.1", 1, False, True, None, None, None)
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)")
UNKNOWN = OSError(-2, "Name or service not known")


def no_tls() -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (REFUSED, "(Connection refused): check the endpoint and your network, or use --offline."),
        (UNKNOWN, "(Name or service not known): check the endpoint and your network"),
        (no_tls(), "(_ssl.c:1006)): give http:// if the service does not speak TLS there, or use"),
    ],
)
def test_an_endpoint_that_cannot_be_reached_is_told_without_the_librarys_words(
    cause: OSError, words: str
) -> None:
    error = refusal("127.0.0.1:1", ClientConnectorError(KEY, cause))
    assert isinstance(error, EndpointError)
    assert str(error).startswith("127.0.0.1:1 cannot be reached (")
    assert words in str(error)
    assert "ssl:default" not in str(error)
    assert str(error).count("127.0.0.1") == 1
