"""From the tools of an MCP server to a manifest. Pure.

What is read is a document of our own, written down when the server was asked: its address, what it says of itself, and
its tools as it listed them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connectors.manifests.manifest import (
    LONGEST_OPERATION,
    Asked,
    Level,
    Manifest,
    Operation,
    Refused,
    Scheme,
    Server,
    Service,
    SignIn,
)
from connectors.manifests.mcp_session import PROGRAM
from connectors.manifests.operations import MOST_FIELDS, RESERVED, level_of
from connectors.manifests.references import Document, Unresolved
from connectors.manifests.shapes import Shapes
from connectors.manifests.wording import identifier, plain, sentence, spoken

MARK = "tandem-mcp"
WAYS = (
    SignIn(name="token", title="a token", schemes=(Scheme(by="bearer", title="a token"),)),
    SignIn(name="open", title="nothing: it is open to everybody"),
)


def written(address: str, server: Mapping[str, Any], tools: list[Mapping[str, Any]]) -> dict[str, Any]:
    """What a server has said, as the document that `read` reads."""
    return {MARK: 1, "address": address, "server": dict(server), "tools": [dict(each) for each in tools]}


def read(whole: Mapping[str, Any]) -> Manifest:
    """Raises Refused."""
    server = whole.get("server") if isinstance(whole.get("server"), Mapping) else {}
    assert isinstance(server, Mapping)
    operations = tuple(_operations(whole.get("tools")))
    if not operations:
        raise Refused("The MCP server offers no tools.")
    address = str(whole.get("address", ""))
    name = str(server.get("title") or server.get("name") or "MCP server")
    service = Service(
        protocol="mcp",
        title=plain(name, 80) or "MCP server",
        about=f"Tools of the MCP server {plain(name, 80)}.",
        version=plain(str(server.get("version") or ""), 40),
        icon="tool",
        servers=(Server(address=address),),
        signs_in=WAYS[1:] if address.startswith(PROGRAM) else WAYS,
    )
    return Manifest(service=service, operations=operations)


def _operations(tools: Any) -> Iterator[Operation]:
    taken: set[str] = set()
    for tool in tools if isinstance(tools, list) else ():
        name = str(tool.get("name") or "") if isinstance(tool, Mapping) else ""
        if name:
            found = _operation(name, tool, taken)
            taken.add(found.name)
            yield found


def _operation(name: str, tool: Mapping[str, Any], taken: set[str]) -> Operation:
    notes = tool.get("annotations")
    notes = notes if isinstance(notes, Mapping) else {}
    title = plain(tool.get("title") or notes.get("title"), 80) or spoken(name)
    told: dict[str, Any] = {
        "name": identifier(name, taken, LONGEST_OPERATION),
        "id": name[:200],
        "method": "CALL",
        "path": name[:500],
        "title": title,
        "about": sentence(plain(tool.get("description"), 300)) or f"{title}.",
        "level": _level(notes),
    }
    try:
        return Operation(**told, body="json", asked=tuple(_asked(tool.get("inputSchema"))))
    except Unresolved as why:
        return Operation(**told, problem=f"It cannot be called: {why}.")


def _level(notes: Mapping[str, Any]) -> Level:
    """As the server says. One that says nothing may do anything: the specification has it so, and a person is asked."""
    if notes.get("readOnlyHint") is True:
        return level_of("read", "")
    return Level.WRITE if notes.get("destructiveHint") is False else Level.DANGER


def _asked(schema: Any) -> list[Asked]:
    """Raises Unresolved."""
    schema = schema if isinstance(schema, Mapping) else {}
    shapes = Shapes(Document(schema))
    part, above = shapes.merged(schema)
    found = sorted(shapes.fields(part, "body", set(RESERVED), above), key=lambda each: not each.needed)
    if any(each.needed for each in found[MOST_FIELDS:]):
        raise Unresolved(f"it needs more than {MOST_FIELDS} values")
    return found[:MOST_FIELDS]
