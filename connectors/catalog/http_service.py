"""Any service that is spoken to over HTTP: an account of whatever has no connector of its own."""

from __future__ import annotations

import base64
import re
from typing import Literal

from connectors.sdk import (
    Account,
    AuthFailed,
    Connector,
    Credentials,
    Field,
    Model,
    OAuth,
    Unavailable,
    hint,
)
from connectors.sdk.addresses import below, origin

HEADER_NAME = re.compile(r"[A-Za-z0-9_-]+")
OAUTH = ("oauth_person", "oauth_app")
BY_OAUTH = {"signs_in": list(OAUTH)}
BY_A_PERSON = {"signs_in": ["oauth_person"]}


class HttpService(Connector):
    """Any service that is spoken to over HTTP and knows one of the usual ways to sign in."""

    name = "http"
    title = "A service over HTTP"
    about = "Whatever has an address, and a password, key or token of its own."
    icon = "world-share"
    signs_people_in = ("oauth_person",)

    class Settings(Model):
        address: str = Field(
            min_length=1,
            max_length=2_000,
            title="Address",
            description="Where the service begins. Its host must be on the list that an administrator keeps.",
            json_schema_extra=hint("text", example="https://api.example.com/v1"),
        )
        signs_in: Literal["bearer", "basic", "header", "query", "oauth_person", "oauth_app"] = Field(
            default="bearer",
            title="How it signs in",
            description="The documentation of the service says it, mostly under “Authentication”.",
            json_schema_extra=hint(
                "choice",
                labels={
                    "bearer": "With a token (Authorization: Bearer)",
                    "basic": "With user name and password (Basic)",
                    "header": "With a key in a header",
                    "query": "With a key in the address",
                    "oauth_person": "Somebody signs in there (OAuth 2)",
                    "oauth_app": "As an app, without a person (OAuth 2)",
                },
            ),
        )
        user: str = Field(
            default="",
            max_length=200,
            title="User name",
            description="With which you sign in there.",
            json_schema_extra=hint("text", example="press@example.com", when={"signs_in": ["basic"]}),
        )
        key_name: str = Field(
            default="",
            max_length=100,
            title="Name of the header or parameter",
            description="Under which the service expects the key.",
            json_schema_extra=hint("text", example="X-API-Key", when={"signs_in": ["header", "query"]}),
        )
        authorize_address: str = Field(
            default="",
            max_length=2_000,
            title="Where one signs in",
            description="The “authorization” address from the documentation of the service.",
            json_schema_extra=hint("text", example="https://login.example.com/authorize", when=BY_A_PERSON),
        )
        token_address: str = Field(
            default="",
            max_length=2_000,
            title="Where tokens are given",
            description="The “token” address. Its host must be on the list that an administrator keeps, too.",
            json_schema_extra=hint("text", example="https://login.example.com/token", when=BY_OAUTH),
        )
        client_id: str = Field(
            default="",
            max_length=500,
            title="Id of the app",
            description="“Client ID”, from where Tandem was registered as an app there.",
            json_schema_extra=hint("text", example="tandem-press-desk", when=BY_OAUTH),
        )
        rights: list[str] = Field(
            default_factory=list,
            max_length=50,
            title="Rights",
            description="What the app asks for (“scopes”), as the service names it. As few as will do.",
            json_schema_extra=hint("list", example="files.read", when=BY_OAUTH),
        )
        secret_in: Literal["header", "body"] = Field(
            default="header",
            title="How the app's secret is sent",
            description="Most services take both. Change it when the sign-in is refused though the secret is right.",
            json_schema_extra=hint(
                "choice", labels={"header": "In a header", "body": "In the body"}, when=BY_OAUTH, advanced=True
            ),
        )
        more: dict[str, str] = Field(
            default_factory=dict,
            title="Also sent when signing in",
            description="Only where the service asks for it.",
            json_schema_extra=hint("key_value", example="access_type: offline", when=BY_OAUTH, advanced=True),
        )
        test_path: str = Field(
            default="",
            max_length=2_000,
            title="What to read for a test",
            description="A path below the address that changes nothing; when empty, the address itself.",
            json_schema_extra=hint("text", example="/me", advanced=True),
        )

    class Secrets(Model):
        secret: str = Field(
            default="",
            max_length=20_000,
            title="Token, password or key",
            description="Kept sealed and never shown again. With OAuth 2 the secret of the app; empty if it has none.",
            json_schema_extra=hint("secret"),
        )

    @classmethod
    def check(cls, settings: Settings, secrets: Secrets) -> dict[str, str]:
        problems = _oauth_problems(settings, secrets) if settings.signs_in in OAUTH else {}
        if settings.signs_in not in OAUTH and not secrets.secret:
            problems["secret"] = "Write what it signs in with."
        if not origin(settings.address):
            problems["address"] = "Write the whole address, beginning with https:// and a host."
        if settings.signs_in == "basic" and (not settings.user or ":" in settings.user):
            problems["user"] = "Write the user name; it has no colon in it."
        if settings.signs_in in ("header", "query") and not HEADER_NAME.fullmatch(settings.key_name):
            problems["key_name"] = "Write the name as the service has it, such as X-API-Key: letters, digits, - and _."
        if not secrets.secret.isprintable():
            problems["secret"] = "There is a line break or another invisible character in it. Copy it again."
        return problems

    @classmethod
    def hosts(cls, settings: Settings, secrets: Secrets) -> tuple[str, ...]:
        return (origin(settings.address),)

    @classmethod
    def credentials(cls, settings: Settings, secrets: Secrets) -> Credentials:
        match settings.signs_in:
            case "basic":
                pair = base64.b64encode(f"{settings.user}:{secrets.secret}".encode()).decode()
                return Credentials({"Authorization": f"Basic {pair}"})
            case "header":
                return Credentials({settings.key_name: secrets.secret})
            case "query":
                return Credentials(query={settings.key_name: secrets.secret})
        return Credentials({"Authorization": f"Bearer {secrets.secret}"})

    @classmethod
    def oauth(cls, settings: Settings, secrets: Secrets) -> OAuth | None:
        if settings.signs_in not in OAUTH:
            return None
        return OAuth(
            settings.token_address,
            settings.client_id,
            secrets.secret,
            settings.authorize_address if settings.signs_in == "oauth_person" else "",
            tuple(settings.rights),
            settings.secret_in == "body",
            settings.more,
        )

    def test(self, account: Account) -> str:
        response = account.http.send("GET", below(account.settings.address, account.settings.test_path))
        if response.status in (401, 403):
            raise AuthFailed(f"It does not accept the credentials: it answered with {response.status}. Renew them.")
        if response.status >= 500:
            raise Unavailable(f"It answered with {response.status}: it has a problem of its own. Try again later.")
        return f"It answered with {response.status}."


def _oauth_problems(settings: HttpService.Settings, secrets: HttpService.Secrets) -> dict[str, str]:
    problems = {}
    needed = ["token_address", *(["authorize_address"] if settings.signs_in == "oauth_person" else [])]
    for name in needed:
        if not origin(getattr(settings, name)):
            problems[name] = "Write the whole address, beginning with https:// and a host."
    if not settings.client_id:
        problems["client_id"] = "Write the id of the app, as the service gave it."
    if settings.signs_in == "oauth_app" and not secrets.secret:
        problems["secret"] = "An app that signs in by itself has a secret. Copy it from its page there."
    return problems
