"""From a description in OpenAPI, or Swagger, to a manifest. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from connectors.manifests import tools
from connectors.manifests.manifest import Level, Manifest, Operation, Refused, Service
from connectors.manifests.operations import MOST, operations_of
from connectors.manifests.servers import servers_of, signs_in_of
from connectors.manifests.swagger import modern
from connectors.manifests.wording import plain, sentence
from connectors.manifests.written import values_of
from connectors.sdk.addresses import origin

VERSIONS = ("3.0", "3.1")
# What such a thing is called tells who one is.
SELF = ("/me", "/users/me", "whoami", "/myself", "auth.test", "userinfo", "/user", "/account", "/about", "/profile")


ICONS = frozenset({"address-book", "brand-google", "brand-windows", "signature", "ticket", "tool"})
"""Of those that are drawn on the pages (static/icons.txt)."""


def read(content: bytes, address: str = "") -> Manifest:
    """`address` is where it was found: servers may be written relative to it. Raises Refused with the reason."""
    found = values_of(content)
    if tools.MARK in found:
        return tools.read(found)
    whole = _whole(found)
    operations = tuple(islice(operations_of(whole), MOST + 1))
    if len(operations) > MOST:
        raise Refused(f"It describes more than {MOST:,} operations. Give the part of it that you need.")
    if not operations:
        raise Refused(_nothing(whole))
    servers, notes = servers_of(whole, address)
    ways, more = signs_in_of(whole)
    info = whole.get("info") if isinstance(whole.get("info"), Mapping) else {}
    assert isinstance(info, Mapping)
    service = Service(
        title=plain(info.get("title"), 80) or "A service without a name",
        about=sentence(plain(info.get("x-tandem-about") or info.get("description"), 300)),
        version=plain(str(info.get("version") or ""), 40),
        icon=icon if (icon := str(info.get("x-tandem-icon"))) in ICONS else "api",
        servers=tuple(servers),
        also=tuple(dict.fromkeys(origin(each.address) for each in operations if each.address)),
        signs_in=tuple(ways),
        test_path=_test_path(info, operations),
        documentation=_documentation(whole),
    )
    return Manifest(service=service, operations=operations, notes=(*notes, *more))


def _whole(found: dict[str, Any]) -> dict[str, Any]:
    version = str(found.get("openapi") or found.get("swagger") or "")
    if version.startswith(VERSIONS):
        return found
    if version.startswith("2."):
        return modern(found)
    if version:
        raise Refused(f"It is written in version {version[:10]} of OpenAPI; 2.0, 3.0 and 3.1 are understood.")
    if "asyncapi" in found:
        raise Refused("It is AsyncAPI, which describes messages. A description in OpenAPI is needed.")
    raise Refused("It is no description in OpenAPI or Swagger: it does not say “openapi” or “swagger”.")


def _nothing(whole: Mapping[str, Any]) -> str:
    if whole.get("webhooks"):
        return "It describes only webhooks that the service sends, and no operation that could be called."
    return "It describes no operation that could be called: there is nothing under “paths”."


def _test_path(info: Mapping[str, Any], operations: Sequence[Operation]) -> str:
    """A path that may be read without being told anything, best one that says who one is."""
    if isinstance(info.get("x-tandem-test"), str):
        return str(info["x-tandem-test"])
    free = [
        each.path
        for each in operations
        if each.method == "GET"
        and each.level is Level.READ
        and not each.problem
        and not each.address
        and not any(asked.needed for asked in each.asked)
    ]
    about_me = [path for path in free if path.rstrip("/").lower().endswith(SELF)]
    return next(iter([*about_me, *free]), "")


def _documentation(whole: Mapping[str, Any]) -> str:
    docs = whole.get("externalDocs")
    address = str(docs.get("url", "")) if isinstance(docs, Mapping) else ""
    return address if address.startswith("https://") and len(address) <= 300 else ""
