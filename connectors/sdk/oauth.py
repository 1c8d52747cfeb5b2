"""How an account signs in by OAuth 2 (RFC 6749): a connector says where and as what, the house does the rest. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OAuth:
    """With `authorize_address` a person signs in there, with PKCE (RFC 7636); without one the app does by itself.

    `in_body`: the server wants the app's secret in the body rather than as Basic. `more` goes into the address that
    the person opens, such as `access_type=offline`, or, where nobody signs in, to the token address.
    """

    token_address: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    authorize_address: str = ""
    scopes: tuple[str, ...] = ()
    in_body: bool = False
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def by_a_person(self) -> bool:
        return bool(self.authorize_address)
