"""The connector of a manifest: what connecting an account asks for, and how it signs in. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import create_model

from connectors.manifests.manifest import Scheme, Server, Service, SignIn, Variable
from connectors.manifests.models_made import question
from connectors.manifests.wording import spoken
from connectors.sdk import Account, AuthFailed, Connector, Credentials, Model, Unavailable, hint
from connectors.sdk.addresses import below, origin

USUAL = (
    SignIn(name="token", title="a token", schemes=(Scheme(by="bearer", title="a token"),)),
    SignIn(name="basic", title="user name and password", schemes=(Scheme(by="basic", title="password"),)),
    SignIn(name="open", title="nothing: it is open to everybody"),
)
"""For a service whose description does not say how to sign in."""
SECRETS = ("secret", "second", "third")
ELSEWHERE = "elsewhere"
_HOLES = re.compile(r"\{([^{}]+)\}")
_NOT_IN_HOSTS = re.compile(r"[^A-Za-z0-9.:_-]")


class Settings(Model):
    """Base of the made ones. A variable of the address is the field `in_NAME`."""

    places: ClassVar[Sequence[Server]] = ()
    ways: ClassVar[Sequence[SignIn]] = ()

    @property
    def begins(self) -> str:
        """The whole address where the service begins."""
        server = self._server
        if server is None:
            return str(getattr(self, "address", ""))
        told = {each.name: getattr(self, f"in_{_field(each.name)}", "") or each.default for each in server.variables}
        return _HOLES.sub(lambda hole: str(told.get(hole[1], "")), server.address)

    @property
    def way(self) -> SignIn:
        named = getattr(self, "signs_in", self.ways[0].name)
        return next((each for each in self.ways if each.name == named), self.ways[0])

    @property
    def _server(self) -> Server | None:
        named = getattr(self, "server", self.places[0].address if self.places else ELSEWHERE)
        return next((each for each in self.places if each.address == named), None)


class MadeConnector(Connector):
    """What all made connectors have in common. `signs_in` tells who deals with OAuth 2 what it needs."""

    service: ClassVar[Service]
    department: ClassVar[Any] = None

    @classmethod
    def check(cls, settings: Any, secrets: Any) -> dict[str, str]:
        problems = {}
        if not origin(settings.begins):
            asked = [f"in_{_field(each.name)}" for each in (settings._server or Server(address="")).variables]
            problems[asked[0] if asked else "address"] = "Write the whole address, beginning with https:// and a host."
        for each in (settings._server or Server(address="")).variables:
            if _NOT_IN_HOSTS.search(str(getattr(settings, f"in_{_field(each.name)}", "") or "").replace("/", "")):
                problems[f"in_{_field(each.name)}"] = "Letters, digits, dots and hyphens alone fit into an address."
        for name, scheme in zip(SECRETS, settings.way.schemes, strict=False):
            if not getattr(secrets, name, ""):
                problems[name] = f"This way to sign in needs {scheme.title}."
            elif not getattr(secrets, name).isprintable():
                problems[name] = "There is a line break or another invisible character in it. Copy it again."
        if _is_basic(settings.way) and (not settings.user or ":" in settings.user):
            problems["user"] = "Write the user name; it has no colon in it."
        return problems

    @classmethod
    def hosts(cls, settings: Any, secrets: Any) -> tuple[str, ...]:
        return (origin(settings.begins),)

    @classmethod
    def credentials(cls, settings: Any, secrets: Any) -> Credentials:
        headers: dict[str, str] = {}
        query: dict[str, str] = {}
        for name, scheme in zip(SECRETS, settings.way.schemes, strict=False):
            _add(scheme, getattr(settings, "user", ""), getattr(secrets, name), headers, query)
        return Credentials(headers, query)

    def test(self, account: Account) -> str:
        response = account.http.send("GET", below(account.settings.begins, account.settings.test_path))
        if response.status in (401, 403):
            raise AuthFailed(f"It does not accept the credentials: it answered with {response.status}. Renew them.")
        if response.status >= 500:
            raise Unavailable(f"It answered with {response.status}: it has a problem of its own. Try again later.")
        return f"It answered with {response.status}."


def connector_of(service: Service, *, name: str, department: Any = None) -> type[MadeConnector]:
    """The class. That of a whole server reaches its hosts without a place on a department's list: an administrator has
    chosen them by importing it (rule S2).
    """
    ways = service.signs_in or USUAL
    return type(
        "Made",
        (MadeConnector,),
        {
            "__module__": __name__,
            "name": name,
            "title": service.title,
            "about": service.about or f"The steps of {service.title} that were chosen from its description.",
            "icon": service.icon,
            "service": service,
            "department": department,
            "reaches": () if department else reached(service.servers),
            "Settings": _settings(service, ways),
            "Secrets": _secrets(ways),
        },
    )


def reached(servers: Sequence[Server]) -> tuple[str, ...]:
    """As lists of hosts are written. A variable host is reached where two parts of its name at least are fixed."""
    found = []
    for server in servers:
        defaults = {each.name: each.default for each in server.variables if each.choices or "." in each.default}
        address = _HOLES.sub(lambda hole: defaults.get(hole[1], "*"), server.address)  # noqa: B023
        scheme, _, rest = address.partition("://")
        host = rest.partition("/")[0]
        fixed = host.rpartition("*")[2].lstrip(".")
        if "*" in host and (not host.startswith("*.") or fixed.count(".") < 1 or "*" in fixed):
            continue
        if scheme in ("http", "https") and host:
            found.append(host if scheme == "https" else f"http://{host}")
    return tuple(dict.fromkeys(found))


def _settings(service: Service, ways: Sequence[SignIn]) -> type[Settings]:
    about = "A path below the address that changes nothing; when empty, the address itself."
    shown = hint("text", example=service.test_path or "/me", advanced=True)
    test = question("What to read for a test", about, shown, default=service.test_path, max_length=2_000)
    fields: dict[str, Any] = {**_place(service.servers), **_signing_in(ways), "test_path": (str, test)}
    made: type[Settings] = create_model("Settings", __base__=Settings, **fields)
    made.places, made.ways = service.servers, ways
    return made


def _place(servers: Sequence[Server]) -> dict[str, Any]:
    """Which server it is, the variables of its address; where none is known, the address."""
    if not servers:
        about = "Where the service begins. Its host must be on the list that an administrator keeps."
        shown = hint("text", example="https://api.example.com/v1")
        return {"address": (str, question("Address", about, shown, min_length=1, max_length=2_000))}
    fields: dict[str, Any] = {}
    if len(servers) > 1:
        labels = {each.address: each.title or each.address for each in servers}
        about = "The service has several places: choose yours."
        shown = hint("choice", labels=labels)
        fields["server"] = (Literal[tuple(labels)], question("Server", about, shown, default=servers[0].address))
    for name in dict.fromkeys(each.name for server in servers for each in server.variables):
        fields[f"in_{_field(name)}"] = _variable(name, servers)
    return fields


def _variable(name: str, servers: Sequence[Server]) -> Any:
    with_it = [each for each in servers if any(one.name == name for one in each.variables)]
    told: Variable = next(one for one in with_it[0].variables if one.name == name)
    when = {"server": [each.address for each in with_it]} if len(servers) > 1 else None
    about = told.about or f"A part of the address: {with_it[0].address}"
    if told.choices:
        default = told.default if told.default in told.choices else told.choices[0]
        return Literal[told.choices], question(spoken(name), about, hint("choice", when=when), default=default)
    shown = hint("text", example=told.default or "example", when=when)
    if told.default or when:
        return str, question(spoken(name), about, shown, default=told.default, max_length=200)
    return str, question(spoken(name), about, shown, min_length=1, max_length=200)


def _signing_in(ways: Sequence[SignIn]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if len(ways) > 1:
        labels = {each.name: f"With {each.title}" for each in ways}
        about = "The documentation of the service says which of them your account has."
        asked = question("How it signs in", about, hint("choice", labels=labels), default=ways[0].name)
        fields["signs_in"] = (Literal[tuple(labels)], asked)
    if basic := [each.name for each in ways if _is_basic(each)]:
        shown = hint("text", example="press@example.com", when={"signs_in": basic} if len(ways) > 1 else None)
        about = "With which you sign in there."
        fields["user"] = (str, question("User name", about, shown, default="", max_length=200))
    return fields


def _secrets(ways: Sequence[SignIn]) -> type[Model]:
    """As many as the way with the most of them needs; `check` asks for those that the chosen one needs."""
    fields: dict[str, Any] = {}
    for number, name in enumerate(SECRETS):
        schemes = [each.schemes[number] for each in ways if len(each.schemes) > number]
        if schemes:
            about = next((each.about for each in schemes if each.about), "Kept sealed and never shown again.")
            title = _of(dict.fromkeys(each.title for each in schemes))
            fields[name] = (str, question(title, about, hint("secret"), default="", max_length=20_000))
    return create_model("Secrets", __base__=Model, **fields)


def _of(titles: Mapping[str, Any]) -> str:
    """“A token, or user name and password” → “Token or password”."""
    said = [title.removeprefix("a ").replace("user name and password", "password") for title in titles]
    text = " or ".join(dict.fromkeys(said))
    return f"{text[:1].upper()}{text[1:]}"[:120]


def _add(scheme: Scheme, user: str, secret: str, headers: dict[str, str], query: dict[str, str]) -> None:
    match scheme.by:
        case "bearer" | "oauth2":
            headers["Authorization"] = f"Bearer {secret}"
        case "basic":
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()
        case "header":
            headers[scheme.name] = secret
        case "query":
            query[scheme.name] = secret
        case "cookie":
            headers["Cookie"] = f"{scheme.name}={secret}"


def _is_basic(way: SignIn) -> bool:
    return any(each.by == "basic" for each in way.schemes)


def _field(name: str) -> str:
    return "_".join(re.findall(r"[A-Za-z0-9]+", name)).lower()
