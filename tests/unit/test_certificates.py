"""Certificates are not read before TLS needs them, over a real server whose certificate is new."""

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import aiohttp.connector
import pytest
from aiohttp import web

from pipeline.config.settings import Settings
from pipeline.errors import AuthenticationError
from pipeline.network.connection import open_connection
from pipeline.network.setup import SetUp
from pipeline.system.certificates import certificates_deferred, load_certificates

REQUEST = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
    "-subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem"
)


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only certificate that the system trusts; its key lies beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes a certificate, is not installed")
    subprocess.run(REQUEST.split(), cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return tmp_path / "cert.pem"


@pytest.mark.usefixtures("certificate")
def test_contexts_trust_nothing_until_certificates_are_loaded() -> None:
    with certificates_deferred():
        context, unchecked = ssl.create_default_context(), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
        unchecked.set_default_verify_paths()
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert not context.get_ca_certs()
    load_certificates()
    assert len(context.get_ca_certs()) == 1
    assert not unchecked.get_ca_certs(), "it looks at no certificate"
    assert len(ssl.create_default_context().get_ca_certs()) == 1, "as without deferring"


def test_an_encrypted_connection_loads_them(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with certificates_deferred():
        monkeypatch.setattr(
            aiohttp.connector, "_SSL_CONTEXT_VERIFIED", ssl.create_default_context()
        )
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, certificate.with_name("key.pem"))
    with pytest.raises(AuthenticationError):  # which only a server can say that is trusted
        asyncio.run(_connect_to_a_service_that_refuses(server_side))


async def _connect_to_a_service_that_refuses(server_side: ssl.SSLContext) -> None:
    async def refuse(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=401)

    runner = web.ServerRunner(web.Server(refuse))
    await runner.setup()
    try:
        site = web.TCPSite(runner, "localhost", 0, ssl_context=server_side)
        await site.start()
        port = runner.addresses[0][1]
        settings = Settings(endpoint=f"https://localhost:{port}", api_key="x", use_api_key=True)
        async with open_connection(settings, SetUp("x", 60)):
            pass
    finally:
        await runner.cleanup()
