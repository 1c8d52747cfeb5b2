"""A person's part: to the authorization server and back, with PKCE (RFC 7636) and a state that fits one browser."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from oauthlib.common import add_params_to_uri
from oauthlib.oauth2 import WebApplicationClient

from connectors.net.egress import Egress
from connectors.oauth import endpoint
from connectors.oauth.endpoint import Tokens
from connectors.sdk import AuthFailed
from connectors.sdk.oauth import OAuth

VERIFIER_LENGTH = 96
_REFUSALS = {
    "access_denied": "The sign-in was refused there. Nothing has changed here.",
    "invalid_scope": "It does not give the rights that were asked for. Check what is written under “Rights”.",
    "temporarily_unavailable": "It cannot sign anybody in at the moment. Try again later.",
}


@dataclass(frozen=True, slots=True)
class Journey:
    """Where the person goes, and what must be kept for the way back (in the session, never in an address)."""

    address: str
    state: str
    verifier: str = field(repr=False)


def begin(oauth: OAuth, redirect: str) -> Journey:
    """`redirect`: our address to which the person comes back, as it is registered there."""
    client = WebApplicationClient(oauth.client_id)
    state, verifier = secrets.token_urlsafe(32), client.create_code_verifier(VERIFIER_LENGTH)
    asked = {
        **oauth.more,
        "response_type": "code",
        "client_id": oauth.client_id,
        "redirect_uri": redirect,
        "state": state,
        "code_challenge": client.create_code_challenge(verifier, "S256"),
        "code_challenge_method": "S256",
    }
    if oauth.scopes:
        asked["scope"] = " ".join(oauth.scopes)
    return Journey(add_params_to_uri(oauth.authorize_address, asked.items()), state, verifier)


def finish(oauth: OAuth, query: Mapping[str, str], verifier: str, redirect: str, policy: Egress) -> Tokens:
    """With what the person came back with. Raises AuthFailed, BadParams, Unavailable."""
    if "error" in query:
        said = _REFUSALS.get(query["error"], f"It refused: {query['error'][:60]!r}. Look at the app's settings there.")
        raise AuthFailed(said)
    if not query.get("code"):
        raise AuthFailed("It sent you back without a sign-in. Begin again.")
    return endpoint.by_code(oauth, query["code"], verifier, redirect, policy)
