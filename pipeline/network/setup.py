"""The time that setting up a session may take, and how far the set-up came."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

from pipeline.errors import EndpointError


class Stage(Enum):
    """What the set-up waits for; the value says what did not come in time."""

    SIGN_IN = (
        "Microsoft Entra gave no token within {limit_s:g} s: check your network and `az login`, "
        "set AZURE_VOICELIVE_API_KEY, or raise --connect-timeout-s."
    )
    CONNECTION = (
        "{host} did not answer within {limit_s:g} s: "
        "check the endpoint and your network, or raise --connect-timeout-s."
    )
    SESSION = (
        "{host} took the connection, but opened no session within {limit_s:g} s: "
        "check that it is a Voice Live endpoint, or raise --connect-timeout-s."
    )
    SETTINGS = (
        "{host} opened a session, but did not accept its settings within {limit_s:g} s: "
        "try again, or raise --connect-timeout-s."
    )


class SetUp:
    """Bounds the set-up of one session, from the first packet to the accepted settings.

    Only the time inside `limited` counts, so the import of the user's tools does not.

    :ivar stage: what the set-up waits for.
    """

    def __init__(self, host: str, limit_s: float) -> None:
        self._host = host
        self._limit_s = self._left_s = limit_s
        self.stage = Stage.CONNECTION

    @asynccontextmanager
    async def limited(self) -> AsyncIterator[None]:
        """Run a part of the set-up.

        :raises EndpointError: the limit is reached; the sentence names the stage.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(self._left_s):  # the SDK has no limit of its own
                yield
        except TimeoutError as error:
            sentence = self.stage.value.format(host=self._host, limit_s=self._limit_s)
            raise EndpointError(sentence) from error
        finally:
            self._left_s -= loop.time() - began_s
