"""What is asked of a token endpoint (RFC 6749 §4.1.3, §4.4.2, §6), and what its answers mean."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

from oauthlib.oauth2 import BackendApplicationClient, OAuth2Error, WebApplicationClient

from connectors import net
from connectors.net.egress import Egress
from connectors.sdk import AuthFailed, RateLimited, Response, Unavailable
from connectors.sdk.oauth import OAuth

TIMEOUT_S = 20.0
LONGEST_LIFE_S = 10 * 365 * 86_400
SIGN_IN_AGAIN = "The sign-in has ended: it was withdrawn, or not used for too long. Sign in again under Connections."
_SAYINGS = {
    "invalid_grant": SIGN_IN_AGAIN,
    "invalid_client": "does not know the app: check its id, its secret, and how the secret is sent.",
    "unauthorized_client": "does not let this app sign in in this way. Look at the app's settings there.",
    "invalid_scope": "does not give the rights that were asked for. Check what is written under “Rights”.",
}
_TOKEN = re.compile(r"[\x21-\x7e]{1,20000}")


@dataclass(frozen=True, slots=True)
class Tokens:
    """What it gave. `refresh` is empty where it gives none (anew); `lives_s` is None where it does not say."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    lives_s: int | None = None


def by_code(oauth: OAuth, code: str, verifier: str, redirect: str, policy: Egress) -> Tokens:
    """For what a person has brought back. These three raise AuthFailed, BadParams, Unavailable and RateLimited."""
    client = WebApplicationClient(oauth.client_id)
    body = client.prepare_request_body(code, redirect_uri=redirect, code_verifier=verifier, **_named(oauth))
    return _asked(oauth, body, policy)


def by_refresh(oauth: OAuth, refresh: str, policy: Egress) -> Tokens:
    client = WebApplicationClient(oauth.client_id)
    return _asked(oauth, client.prepare_refresh_body(refresh_token=refresh, **_named(oauth, plain=True)), policy)


def by_client(oauth: OAuth, policy: Egress) -> Tokens:
    client = BackendApplicationClient(oauth.client_id)
    body = client.prepare_request_body(scope=list(oauth.scopes) or None, **_named(oauth))
    ours = dict(parse_qsl(body, keep_blank_values=True))
    return _asked(oauth, urlencode({**oauth.more, **ours}), policy)


def _named(oauth: OAuth, *, plain: bool = False) -> dict[str, object]:
    """Who asks, where that stands in the body. `plain`: as oauthlib wants it where it takes no `include_client_id`."""
    inside = oauth.in_body or not oauth.client_secret
    secret = {"client_secret": oauth.client_secret} if oauth.in_body and oauth.client_secret else {}
    if plain:
        return {"client_id": oauth.client_id, **secret} if inside else {}
    return {"include_client_id": inside, **secret}


def _asked(oauth: OAuth, body: str, policy: Egress) -> Tokens:
    request = net.Request("POST", oauth.token_address, _headers(oauth), {}, body.encode(), TIMEOUT_S)
    return _read(net.fetch(request, policy=policy), urlsplit(oauth.token_address).hostname or "")


def _headers(oauth: OAuth) -> Mapping[str, str]:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if oauth.in_body or not oauth.client_secret:
        return headers
    pair = f"{quote_plus(oauth.client_id)}:{quote_plus(oauth.client_secret)}"  # RFC 6749 §2.3.1
    return {**headers, "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _read(response: Response, host: str) -> Tokens:
    if response.status == 429:
        raise RateLimited(f"{host} gives no more tokens at the moment. Try again later.")
    if response.status >= 500:
        raise Unavailable(f"{host} answered with {response.status} instead of a token. Try again later.")
    try:
        given = WebApplicationClient("").parse_request_body_response(response.body.decode("utf-8", "replace"))
        return _checked(given, host)
    except OAuth2Error as error:
        raise AuthFailed(_meaning(error, response, host)) from None
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError):  # of whatever else was answered
        raise AuthFailed(_no_token(response, host)) from None


def _meaning(error: OAuth2Error, response: Response, host: str) -> str:
    said = _SAYINGS.get(str(error.error), "")
    if said:
        return said if said is SIGN_IN_AGAIN else f"{host} {said}"
    if isinstance(response.data, dict) and isinstance(response.data.get("error"), str):
        return f"{host} refused: {response.data['error'][:60]!r}. Look at the app's settings there."
    return _no_token(response, host)


def _no_token(response: Response, host: str) -> str:
    return f"{host} answered with {response.status} and no token: is the token address the right one?"


def _checked(given: Mapping[str, object], host: str) -> Tokens:
    access, refresh, lives = given["access_token"], given.get("refresh_token") or "", given.get("expires_in")
    if str(given.get("token_type", "bearer")).lower() in ("mac", "dpop", "pop"):
        raise AuthFailed(f"{host} gives tokens of a kind that Tandem does not know. Only bearer tokens can be used.")
    if not all(isinstance(each, str) and _TOKEN.fullmatch(each) for each in (access, refresh or access)):
        raise AuthFailed(f"{host} gave a token that cannot be sent. Is the token address the right one?")
    lives_s = min(int(lives), LONGEST_LIFE_S) if isinstance(lives, int | float) and lives > 0 else None
    return Tokens(str(access), str(refresh), lives_s)
