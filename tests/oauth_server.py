"""An authorization server and a protected service on this machine: Authlib's server behind real sockets.

PKCE is demanded; a refresh token counts once, and whoever offers it again loses the whole sign-in (RFC 9700 §4.14.2).
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oauth2.rfc6749 import grants as rfc6749
from authlib.oauth2.rfc7636 import CodeChallenge
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # on the loopback

CLIENT, SECRET = "tandem-press-desk", "s3cret-of-the-app"  # Authlib does not decode Basic as RFC 6749 §2.3.1 says
PERSON = "grace@example.com"
PAGE = """<!doctype html><title>Sign in</title><h1>Let Tandem in?</h1>
<form method="post">
<button name="answer" value="yes">Allow</button> <button name="answer" value="no">Refuse</button>
</form>
"""


class App(ClientMixin):
    """The one client that is registered."""

    def __init__(self, redirects: set[str], secret: str) -> None:
        self.redirects, self.secret = redirects, secret
        self.client_id = CLIENT

    def get_client_id(self) -> str:
        return CLIENT

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(each for each in (scope or "").split() if each in ("read", "write"))

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirects

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in (("client_secret_basic", "client_secret_post") if self.secret else ("none",))

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token", "client_credentials")


@dataclass
class Issued(TokenMixin):
    access_token: str
    refresh_token: str
    scope: str
    family: str
    ends_at: float
    alive: bool = True

    def check_client(self, client: App) -> bool:
        return True

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return int(self.ends_at - time.time())

    def is_expired(self) -> bool:
        return self.ends_at < time.time()

    def is_revoked(self) -> bool:
        return not self.alive


class Code(SimpleNamespace):
    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class AuthServer:
    """`asked`: how often each grant was asked for. `lives_s`: of new access tokens. `delay_s`: before each answer."""

    lives_s: int = 3600
    delay_s: float = 0.0
    secret: str = SECRET
    redirects: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    issued: list[Issued] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)
    at: str = ""
    broken: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def settings(self) -> dict[str, Any]:
        """Of an HTTP connection to what this protects."""
        return {
            "address": f"{self.at}/api",
            "authorize_address": f"{self.at}/authorize",
            "token_address": f"{self.at}/token",
            "client_id": CLIENT,
            "rights": ["read"],
            "test_path": "/me",
        }

    def revoke(self, *, access_only: bool = False) -> None:
        for each in self.issued:
            each.ends_at = 0
            each.alive = each.alive and access_only

    def valid(self, token: str) -> bool:
        return any(each.access_token == token and each.ends_at > time.time() for each in self.issued)


class WithCode(rfc6749.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]

    def save_authorization_code(self, code: str, request: Any) -> None:
        data = request.payload.data
        _of(self).codes[code] = Code(
            code=code,
            redirect_uri=request.payload.redirect_uri,
            scope=request.payload.scope or "",
            code_challenge=data.get("code_challenge"),
            code_challenge_method=data.get("code_challenge_method"),
        )

    def query_authorization_code(self, code: str, client: App) -> Code | None:
        return _of(self).codes.get(code)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        _of(self).codes.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code: Code) -> str:
        return PERSON


class WithRefresh(rfc6749.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post", "none"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Issued | None:
        found = next((each for each in _of(self).issued if each.refresh_token == refresh_token), None)
        if found is not None and not found.alive:
            for each in _of(self).issued:
                each.alive, each.ends_at = False, 0
            return None
        return found

    def authenticate_user(self, refresh_token: Issued) -> str:
        return PERSON

    def revoke_old_credential(self, refresh_token: Issued) -> None:
        refresh_token.alive = False


class AsApp(rfc6749.ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]


def _of(grant: Any) -> AuthServer:
    state: AuthServer = grant.server.state
    return state


def application(state: AuthServer) -> Flask:
    app = Flask("authorization")
    app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True

    def save(token: dict[str, Any], _request: Any) -> None:
        token["expires_in"] = state.lives_s
        ends_at = time.time() + state.lives_s
        state.issued.append(
            Issued(token["access_token"], token.get("refresh_token", ""), token.get("scope", ""), "", ends_at)
        )

    server = AuthorizationServer(app, query_client=lambda _id: App(state.redirects, state.secret), save_token=save)
    server.state = state
    server.register_grant(WithCode, [CodeChallenge(required=True)])
    server.register_grant(WithRefresh)
    server.register_grant(AsApp)

    @app.route("/authorize", methods=["GET", "POST"])
    def authorize() -> Any:
        if request.method == "GET":
            server.get_consent_grant(end_user=PERSON)
            return PAGE
        allowed = request.form.get("answer") == "yes"
        return server.create_authorization_response(grant_user=PERSON if allowed else None)

    @app.get("/favicon.ico")
    def favicon() -> Any:
        return Response(status=204)

    @app.post("/token")
    def token() -> Any:
        time.sleep(state.delay_s)
        with state.lock:
            state.asked[request.form.get("grant_type", "")] += 1
            if state.broken > 0:
                state.broken -= 1
                return Response("down", 503)
            return server.create_token_response()

    @app.route("/api/<path:_path>", methods=["GET", "POST"])
    def service(_path: str) -> Any:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return jsonify(who=PERSON) if state.valid(token) else (jsonify(error="invalid_token"), 401)

    return app


class Served(Protocol):
    at: str


State = TypeVar("State", bound=Served)


def auth_server(**settings: Any) -> AbstractContextManager[AuthServer]:
    state = AuthServer(**settings)
    return served(state, application(state))


@contextmanager
def served(state: State, app: Flask) -> Iterator[State]:
    """Says to the state `at` which address it is served; until it is left."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    state.at = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
