"""The connector of a manifest: where an account of it may go, and how it signs in. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from connectors.manifests.accounts_made import SECRETS, by_oauth, field_of, is_basic, secrets_of, settings_of
from connectors.manifests.manifest import Scheme, Server, Service, SignIn
from connectors.manifests.mcp_session import PROGRAM, session_with
from connectors.sdk import Account, AuthFailed, Connector, Credentials, OAuth, Unavailable
from connectors.sdk.addresses import below, origin
from connectors.sdk.prose import counted

USUAL = (
    SignIn(name="token", title="a token", schemes=(Scheme(by="bearer", title="a token"),)),
    SignIn(name="basic", title="user name and password", schemes=(Scheme(by="basic", title="password"),)),
    SignIn(name="open", title="nothing: it is open to everybody"),
)
"""For a service whose description does not say how to sign in."""
MOST_HOSTS = 50
_IN_HOSTS = re.compile(r"[A-Za-z0-9._-]+")
_IN_PATHS = re.compile(r"[A-Za-z0-9._~/-]+")


class MadeConnector(Connector):
    """What all made connectors have in common."""

    service: ClassVar[Service]
    department: ClassVar[Any] = None
    whose: ClassVar[str] = ""
    """Slug of the department."""

    @classmethod
    def check(cls, settings: Any, secrets: Any) -> dict[str, str]:
        problems = {}
        if not origin(settings.begins) and not cls.program(settings):
            asked = [f"in_{field_of(each.name)}" for each in (settings.at or Server(address="")).variables]
            problems[asked[0] if asked else "address"] = "Write the whole address, beginning with https:// and a host."
        problems |= _variable_problems(settings)
        return {**problems, **_sign_in_problems(settings, secrets)}

    @classmethod
    def hosts(cls, settings: Any, secrets: Any) -> tuple[str, ...]:
        if cls.program(settings):
            return ()
        return tuple(dict.fromkeys([origin(settings.begins), *cls.service.also]))

    @classmethod
    def program(cls, settings: Any) -> str:
        """Only as the description has it: nobody types the name of a program into an address."""
        known = {each.address for each in cls.service.servers if each.address.startswith(PROGRAM)}
        return settings.begins.removeprefix(PROGRAM) if settings.begins in known else ""

    @classmethod
    def credentials(cls, settings: Any, secrets: Any) -> Credentials:
        headers: dict[str, str] = {}
        query: dict[str, str] = {}
        for name, scheme in zip(SECRETS, settings.way.schemes, strict=False):
            _add(scheme, getattr(settings, "user", ""), getattr(secrets, name), headers, query)
        return Credentials(headers, query)

    @classmethod
    def oauth(cls, settings: Any, secrets: Any) -> OAuth | None:
        scheme = by_oauth(settings.way)
        if scheme is None:
            return None
        by_a_person = scheme.flow == "authorization_code"
        return OAuth(
            scheme.token,
            settings.client_id,
            secrets.secret,
            scheme.authorize if by_a_person else "",
            tuple(settings.rights),
            scheme.in_body,
            scheme.more,
        )

    def test(self, account: Account) -> str:
        if self.service.protocol == "mcp":
            return _greeted(account)
        response = account.http.send("GET", below(account.settings.begins, account.settings.test_path))
        if response.status in (401, 403):
            raise AuthFailed(f"It does not accept the credentials: it answered with {response.status}. Renew them.")
        if response.status >= 500:
            raise Unavailable(f"It answered with {response.status}: it has a problem of its own. Try again later.")
        return f"It answered with {response.status}."


def connector_of(service: Service, *, name: str, department: Any = None, whose: str = "") -> type[MadeConnector]:
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
            "whose": whose,
            "reaches": () if department else _reaches(service, ways),
            "signs_people_in": tuple(each.name for each in ways if _signs_people_in(each)),
            "Settings": settings_of(service, ways),
            "Secrets": secrets_of(ways),
        },
    )


def _greeted(account: Account) -> str:
    with session_with(account.http, account.program, account.settings.begins) as session:
        return (
            f"It is {session.server.get('name') or 'an MCP server'} and offers {counted(len(session.tools()), 'tool')}."
        )


def reached(servers: Sequence[Server]) -> tuple[str, ...]:
    """As lists of hosts are written. A variable host is reached where two parts of its name at least are fixed."""
    found = []
    for server in servers:
        scheme, _, rest = server.address.partition("://")
        for host in _hosts(rest.partition("/")[0], server):
            fixed = host.rpartition("*")[2].lstrip(".")
            too_wide = "*" in host and (not host.startswith("*.") or host.count("*") > 1 or fixed.count(".") < 1)
            if scheme in ("http", "https") and host and not too_wide:
                found.append(host if scheme == "https" else f"http://{host}")
    return tuple(dict.fromkeys(found))


def _hosts(written: str, server: Server) -> list[str]:
    """With every choice of its variables; one that may be anything is a star."""
    offered = [(each.name, each.choices or ("*",)) for each in server.variables if f"{{{each.name}}}" in written]
    found = [written]
    for name, values in offered:
        found = [host.replace(f"{{{name}}}", value) for host in found for value in values][:MOST_HOSTS]
    return found


def goes_to(service: Service) -> frozenset[str]:
    """Everything that sees the secrets of an account: hosts as they are written, with their variables."""
    places = [each.address for each in service.servers] + list(service.also)
    places += [scheme.token for each in service.signs_in for scheme in each.schemes if scheme.token]
    return frozenset("/".join(each.split("/")[:3]) for each in places)


def _variable_problems(settings: Any) -> dict[str, str]:
    """What stands for a part of the host may not end the host."""
    problems = {}
    server = settings.at or Server(address="")
    host = "/".join(server.address.split("/")[:3])
    for each in server.variables:
        fits = _IN_HOSTS if f"{{{each.name}}}" in host else _IN_PATHS
        field = f"in_{field_of(each.name)}"
        if not fits.fullmatch(str(getattr(settings, field, "") or each.default)):
            problems[field] = "Write it with letters, digits, dots and hyphens alone, as it stands in the address."
    return problems


def _sign_in_problems(settings: Any, secrets: Any) -> dict[str, str]:
    problems = {}
    scheme = by_oauth(settings.way)
    for name, each in zip(SECRETS, settings.way.schemes, strict=False):
        said = getattr(secrets, name, "")
        if not said and (scheme is None or scheme.flow == "client_credentials"):
            problems[name] = f"This way to sign in needs {each.title}."
        elif not said.isprintable():
            problems[name] = "There is a line break or another invisible character in it. Copy it again."
    if scheme is not None and not settings.client_id:
        problems["client_id"] = "Write the id of the app, as the service gave it."
    if is_basic(settings.way) and (not settings.user or ":" in settings.user):
        problems["user"] = "Write the user name; it has no colon in it."
    return problems


def _signs_people_in(way: SignIn) -> bool:
    scheme = by_oauth(way)
    return scheme is not None and scheme.flow == "authorization_code"


def _reaches(service: Service, ways: Sequence[SignIn]) -> tuple[str, ...]:
    elsewhere = [*service.also, *(origin(scheme.token) for each in ways if (scheme := by_oauth(each)))]
    return tuple(dict.fromkeys([*reached(service.servers), *(each.removeprefix("https://") for each in elsewhere)]))


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
