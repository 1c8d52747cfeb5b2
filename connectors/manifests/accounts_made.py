"""What connecting an account of an imported service asks for. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import create_model

from connectors.manifests.manifest import Scheme, Server, Service, SignIn, Variable, told_apart
from connectors.manifests.models_made import question
from connectors.manifests.wording import spoken
from connectors.sdk import Model, hint
from connectors.sdk.addresses import origin

MOST_SCOPES = 12
SECRETS = ("secret", "second", "third")
ELSEWHERE = "elsewhere"
HOLES = re.compile(r"\{([^{}]+)\}")


class Settings(Model):
    """Base of the made ones. A variable of the address is the field `in_NAME`."""

    places: ClassVar[Sequence[Server]] = ()
    ways: ClassVar[Sequence[SignIn]] = ()

    @property
    def begins(self) -> str:
        """The whole address where the service begins."""
        server = self.at
        if server is None:
            return str(getattr(self, "address", ""))
        told = {each.name: getattr(self, f"in_{field_of(each.name)}", "") or each.default for each in server.variables}
        return HOLES.sub(lambda hole: str(told.get(hole[1], "")), server.address)

    @property
    def way(self) -> SignIn:
        named = getattr(self, "signs_in", self.ways[0].name)
        return next((each for each in self.ways if each.name == named), self.ways[0])

    @property
    def at(self) -> Server | None:
        """The one that was chosen."""
        named = getattr(self, "server", self.places[0].address if self.places else ELSEWHERE)
        return next((each for each in self.places if each.address == named), None)


def settings_of(service: Service, ways: Sequence[SignIn]) -> type[Settings]:
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
        fields[f"in_{field_of(name)}"] = _variable(name, servers)
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
        labels = {name: f"With {title}" for name, title in told_apart(ways).items()}
        about = "The documentation of the service says which of them your account has."
        asked = question("How it signs in", about, hint("choice", labels=labels), default=ways[0].name)
        fields["signs_in"] = (Literal[tuple(labels)], asked)
    if named := [each.name for each in ways if by_oauth(each)]:
        fields |= _app(ways, {"signs_in": named} if len(ways) > 1 else None)
    if basic := [each.name for each in ways if is_basic(each)]:
        shown = hint("text", example="press@example.com", when={"signs_in": basic} if len(ways) > 1 else None)
        about = "With which you sign in there."
        fields["user"] = (str, question("User name", about, shown, default="", max_length=200))
    return fields


def _app(ways: Sequence[SignIn], when: Mapping[str, Sequence[str]] | None) -> dict[str, Any]:
    """What an app is asked for that signs in by OAuth 2."""
    about = "“Client ID”, from where Tandem was registered as an app there."
    id = question(
        "Id of the app", about, hint("text", example="tandem-press-desk", when=when), default="", max_length=500
    )
    scopes = next(scheme.scopes for each in ways if (scheme := by_oauth(each)))
    usual = list(scopes) if len(scopes) <= MOST_SCOPES else []
    about = "What the app asks for (“scopes”), as the service names it. As few as will do."
    shown = hint("list", example=next(iter(scopes), "files.read"), when=when)
    return {
        "client_id": (str, id),
        "rights": (list[str], question("Rights", about, shown, default=usual, max_length=50)),
    }


def secrets_of(ways: Sequence[SignIn]) -> type[Model]:
    """As many as the way with the most of them needs; `check` asks for those that the chosen one needs."""
    fields: dict[str, Any] = {}
    for number, name in enumerate(SECRETS):
        schemes = [each.schemes[number] for each in ways if len(each.schemes) > number]
        if schemes:
            told = {each.about for each in schemes}
            about = told.pop() if len(told) == 1 and told != {""} else "Kept sealed and never shown again."
            title = _of(dict.fromkeys(each.title for each in schemes))
            is_needed = len(schemes) == len(ways) and not any(by_oauth(each) for each in ways)
            begins = {"min_length": 1} if is_needed else {"default": ""}
            fields[name] = (str, question(title, about, hint("secret"), max_length=20_000, **begins))
    return create_model("Secrets", __base__=Model, **fields)


def _of(titles: Mapping[str, Any]) -> str:
    """“A token, or user name and password” → “Token or password”."""
    known = {
        "user name and password": "password",
        "OAuth 2": "secret of the app",
        "OAuth 2 for a program": "secret of the app",
    }
    said = [known.get(title, title.removeprefix("a ")) for title in titles]
    text = " or ".join(dict.fromkeys(said))
    return f"{text[:1].upper()}{text[1:]}"[:120]


def by_oauth(way: SignIn) -> Scheme | None:
    """OAuth 2, where nothing else is needed beside it and its addresses are known."""
    alone = way.schemes[0] if len(way.schemes) == 1 and way.schemes[0].by == "oauth2" else None
    return alone if alone is not None and origin(alone.token) else None


def is_basic(way: SignIn) -> bool:
    return any(each.by == "basic" for each in way.schemes)


def field_of(name: str) -> str:
    return "_".join(re.findall(r"[A-Za-z0-9]+", name)).lower()
