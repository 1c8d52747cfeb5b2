"""Where a described service begins, and how it is signed in to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urljoin

from connectors.manifests.manifest import Scheme, Server, SignIn, Variable
from connectors.manifests.references import Document, Unresolved
from connectors.manifests.wording import plain

MOST = 30
_IN_BRACES = re.compile(r"\{([^{}]+)\}")
_FLOWS: tuple[tuple[str, Literal["authorization_code", "client_credentials"]], ...] = (
    ("authorizationCode", "authorization_code"),
    ("clientCredentials", "client_credentials"),
)
_PLACES: Mapping[str, Literal["header", "query", "cookie"]] = {"header": "header", "query": "query", "cookie": "cookie"}


def servers_of(whole: Mapping[str, Any], address: str) -> tuple[list[Server], list[str]]:
    """Absolute ones alone, and notes about the others. A relative one begins where the document was found."""
    found, notes = [], []
    given = whole.get("servers")
    for each in (given if isinstance(given, list) and given else [{"url": "/"}])[:MOST]:
        url = str(each.get("url", "")) if isinstance(each, Mapping) else ""
        variables = _variables(each)
        begins = url if "://" in url or url.startswith("{") else (urljoin(address, url) if address else "")
        if not re.match(r"https?://|\{", begins):
            notes.append(f"The server “{url[:100]}” is written relative to a place that is not known: you are asked.")
            continue
        title = plain(each.get("description"), 80)
        found.append(Server(address=begins.rstrip("/"), title=title, variables=_all(begins, variables)))
    return found, list(dict.fromkeys(notes))


def _variables(server: Any) -> dict[str, Variable]:
    given = server.get("variables") if isinstance(server, Mapping) else None
    return {
        str(name): Variable(
            name=str(name),
            default=str(each.get("default") or ""),
            choices=tuple(map(str, each["enum"])) if isinstance(each.get("enum"), list) else (),
            about=plain(each.get("description"), 200),
        )
        for name, each in (given.items() if isinstance(given, Mapping) else ())
        if isinstance(each, Mapping)
    }


def _all(address: str, told: Mapping[str, Variable]) -> tuple[Variable, ...]:
    """Those in the address, whether or not they were described."""
    names = dict.fromkeys(_IN_BRACES.findall(address))
    return tuple(told.get(name, Variable(name=name)) for name in names)


def signs_in_of(whole: Mapping[str, Any]) -> tuple[list[SignIn], list[str]]:
    """The ways that the document asks for, or else those that it describes; and notes about what is not possible."""
    document = Document(whole)
    components = whole.get("components")
    described = components.get("securitySchemes") if isinstance(components, Mapping) else None
    schemes: dict[str, Scheme] = {}
    notes = []
    for name, each in (described or {}).items() if isinstance(described, Mapping) else ():
        scheme = _scheme(each, document)
        if scheme is None:
            notes.append(f"Signing in with “{plain(str(name), 60)}” is of a kind that is not known here.")
        else:
            schemes[str(name)] = scheme
    wanted = [names for names in _asked_for(whole) if names and all(name in schemes for name in names)]
    ways = list(dict.fromkeys([*wanted, *((name,) for name in schemes if not any(name in way for way in wanted))]))
    return [_way(names, schemes) for names in ways[:MOST]], notes


def _asked_for(whole: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Of the whole document, then of each operation."""
    found = [whole.get("security")]
    paths = whole.get("paths")
    for item in paths.values() if isinstance(paths, Mapping) else ():
        for operation in item.values() if isinstance(item, Mapping) else ():
            found.append(operation.get("security") if isinstance(operation, Mapping) else None)
    given = [each for asked in found if isinstance(asked, list) for each in asked if isinstance(each, Mapping)]
    return list(dict.fromkeys(tuple(sorted(map(str, each))) for each in given))


def _way(names: tuple[str, ...], schemes: Mapping[str, Scheme]) -> SignIn:
    parts = tuple(schemes[name] for name in names)
    return SignIn(name="+".join(names)[:100], title=" and ".join(part.title for part in parts), schemes=parts)


def _scheme(given: Any, document: Document) -> Scheme | None:
    try:
        part, _ = document.followed(given)
    except Unresolved:
        return None
    about, kind = plain(part.get("description"), 300), part.get("type")
    if kind == "apiKey" and (place := _PLACES.get(str(part.get("in")))) and part.get("name"):
        name = str(part["name"])
        where = "in a header" if place == "header" else f"in the {place.replace('query', 'address')}"
        return Scheme(by=place, title=f"a key {where} ({name})", about=about, name=name)
    if kind == "http" and str(part.get("scheme")).lower() == "basic":
        return Scheme(by="basic", title="user name and password", about=about)
    if kind == "http" and str(part.get("scheme")).lower() == "bearer":
        return Scheme(by="bearer", title="a token", about=about)
    if kind == "openIdConnect":
        return Scheme(by="bearer", title="a token of OpenID Connect", about=about)
    return _oauth(part, about) if kind == "oauth2" else None


def _oauth(part: Mapping[str, Any], about: str) -> Scheme:
    """The grant that a server can use; with none of those a token is given by hand."""
    flows = part.get("flows") if isinstance(part.get("flows"), Mapping) else {}
    assert isinstance(flows, Mapping)
    for name, flow in _FLOWS:
        if isinstance(given := flows.get(name), Mapping):
            scopes = given.get("scopes") if isinstance(given.get("scopes"), Mapping) else {}
            return Scheme(
                by="oauth2",
                title="OAuth 2" + (" for a program" if flow == "client_credentials" else ""),
                about=about,
                flow=flow,
                authorize=str(given.get("authorizationUrl") or ""),
                token=str(given.get("tokenUrl") or ""),
                scopes={str(scope): plain(str(says), 200) for scope, says in (scopes or {}).items()},
                more={str(name): str(value) for name, value in (part.get("x-tandem-more") or {}).items()},
                in_body=part.get("x-tandem-secret-in") == "body",
            )
    return Scheme(by="bearer", title="a token of OAuth 2", about=about)
