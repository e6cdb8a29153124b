"""Decide who may connect: clients with the key, and in a test mode clients with any token."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Access:
    """`accept_any_token` admits every bearer token: this service cannot check one."""

    key: str = field(repr=False)
    accept_any_token: bool = False

    def allows(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Whether a request holds the key, as header, query parameter or bearer token."""
        token = _bearer_token(headers.get("Authorization", ""))
        if self.accept_any_token and token:
            return True
        offered = (headers.get("api-key", ""), query.get("api-key", ""), token)
        key = self.key.encode()
        return any(
            # a header may hold any bytes
            hmac.compare_digest(each.encode(errors="surrogateescape"), key)
            for each in offered
        )


def _bearer_token(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
