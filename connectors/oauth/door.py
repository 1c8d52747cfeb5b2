"""The HTTP door for an account that signs in by OAuth 2: every request with the token that is valid at that moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from connectors import net
from connectors.net.egress import Egress
from connectors.oauth import tokens
from connectors.sdk import AuthFailed, Credentials, Response
from connectors.sdk.oauth import OAuth


@dataclass(frozen=True, slots=True)
class TokenDoor:
    """`connectors.sdk.Http`, for one connection. A token that is refused is renewed, and the request sent once more:
    what was answered with 401 has not been done.
    """

    connection: UUID
    oauth: OAuth
    policy: Egress
    origins: tuple[str, ...]

    def send(self, method: str, url: str, **request: Any) -> Response:
        token = tokens.fresh(self.connection, self.oauth, self.policy)
        response = self._sent(token, method, url, request)
        if response.status != 401:
            return response
        try:
            newer = tokens.fresh(self.connection, self.oauth, self.policy, instead_of=token)
        except AuthFailed:
            return response
        return self._sent(newer, method, url, request)

    def _sent(self, token: str, method: str, url: str, request: dict[str, Any]) -> Response:
        bound = net.Bound(self.origins, Credentials({"Authorization": f"Bearer {token}"}))
        return net.Door(self.policy, bound).send(method, url, **request)
