"""What can be done with a described service, one operation after another. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.manifests import paging
from connectors.manifests.answers import answer_of, is_json
from connectors.manifests.manifest import LONGEST_OPERATION, Asked, Level, Operation
from connectors.manifests.references import Document, Unresolved
from connectors.manifests.shapes import MOST_CHOICES, Shapes
from connectors.manifests.swagger import METHODS
from connectors.manifests.wording import identifier, plain, sentence, spoken, words
from connectors.sdk.addresses import origin

MOST = 5_000
MOST_FIELDS = 60
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
ONCE = frozenset({"idempotency-key", "x-idempotency-key", "idempotencykey", "x-request-idempotency-key"})
LEVELS = {"get": Level.READ, "head": Level.READ, "options": Level.READ, "delete": Level.DANGER}
RESERVED = frozenset({"connection", "pages", "ask_first", "asks", "more", "model_config", "copy", "json", "schema"})
"""Names that the form of a step has for itself, or that its model has."""
# The account signs in by itself, and the door names the rest.
NOT_ASKED = frozenset({"authorization", "content-type", "accept", "content-length", "host", "user-agent", "cookie"})
_HOLES = re.compile(r"\{([^{}]+)\}")


def operations_of(whole: Mapping[str, Any]) -> Iterator[Operation]:
    """Every one, in the order of the document; one that cannot become a step carries its reason."""
    shapes = Shapes(Document(whole))
    taken: set[str] = set()
    paths = whole.get("paths")
    for path, item in paths.items() if isinstance(paths, Mapping) else ():
        try:
            part, _ = shapes.document.followed(item)
        except Unresolved:
            continue
        for method in METHODS:
            if isinstance(part.get(method), Mapping):
                found = _operation(str(path), method, part[method], part, shapes, taken)
                taken.add(found.name)
                yield found


def _operation(
    path: str, method: str, given: Mapping[str, Any], item: Mapping[str, Any], shapes: Shapes, taken: set[str]
) -> Operation:
    id = str(given.get("operationId") or "")
    title = plain(given.get("summary"), 80).rstrip(".") or spoken(id or f"{method} {_without_holes(path)}")
    about = plain(given.get("description"), 300) or plain(given.get("summary"), 300)
    tags = given.get("tags")
    told: dict[str, Any] = {
        "name": identifier(_name(id, method, path), taken, LONGEST_OPERATION),
        "id": id[:200],
        "method": method.upper(),
        "path": path,
        "title": title,
        "about": sentence(about),
        "tag": plain(str(tags[0]), 60) if isinstance(tags, list) and tags else "",
        "level": level_of(given.get("x-tandem-level"), method),
    }
    try:
        address = _elsewhere(given.get("servers") or item.get("servers"))
        return Operation(**told, address=address, **_takes(path, given, item, shapes))
    except Unresolved as why:
        return Operation(**told, problem=f"It cannot be called: {why}.")


def _elsewhere(servers: Any) -> str:
    """Where the operation lies, if not where the service does. Raises Unresolved."""
    first = servers[0] if isinstance(servers, list) and servers else {}
    address = str(first.get("url", "")) if isinstance(first, Mapping) else ""
    if not address:
        return ""
    if not origin(address) or "{" in address:
        raise Unresolved(f"it begins at “{address[:100]}”, a server of its own that is not a whole address")
    return address.rstrip("/")


def level_of(told: Any, method: str) -> Level:
    """What the document says itself (`x-tandem-level`), else what the method usually does."""
    return Level(told) if told in set(Level) else LEVELS.get(method, Level.WRITE)


def _name(id: str, method: str, path: str) -> str:
    """The last words of a long one tell more than the first: `admin.conversations.restrictAccess.addGroup`."""
    if not id:
        return f"{method} {_without_holes(path)}"
    return " ".join(words(id))


def _without_holes(path: str) -> str:
    return _HOLES.sub(r"by \1", path)


def _takes(path: str, given: Mapping[str, Any], item: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    """Raises Unresolved for a parameter of which nothing is known."""
    taken = set(RESERVED)
    found, once = _parameters(path, given, item, shapes, taken)
    body = _body(given.get("requestBody"), shapes, taken)
    asked = sorted([*found, *body.pop("asked", ())], key=lambda each: not each.needed)
    problem = body.pop("problem", "") or _problem(asked)
    if len(asked) > MOST_FIELDS:
        asked = asked[:MOST_FIELDS]
    gives, accept = answer_of(given.get("responses"), shapes)
    return {
        **body,
        "asked": tuple(asked),
        "once_header": once,
        "gives": gives,
        "accept": accept if accept not in ("", "*/*") else "",
        "paging": paging.recognised(asked, gives),
        "problem": problem,
    }


def _problem(asked: list[Asked]) -> str:
    if any(each.needed for each in asked[MOST_FIELDS:]):
        return f"It needs more than {MOST_FIELDS} values, more than a form can ask for."
    return ""


def _parameters(
    path: str, given: Mapping[str, Any], item: Mapping[str, Any], shapes: Shapes, taken: set[str]
) -> tuple[list[Asked], str]:
    """And the header that makes it safe to repeat, where there is one."""
    once, found = "", []
    parameters = _merged_parameters(given, item, shapes)
    named = {str(each.get("name")) for each in parameters if each.get("in") == "path"}
    missing = [{"name": name, "in": "path", "schema": {"type": "string"}} for name in _HOLES.findall(path)]
    for each in [*parameters, *(hole for hole in missing if hole["name"] not in named)]:
        name, place = str(each.get("name", "")), str(each.get("in", ""))
        if place == "header" and name.lower() in ONCE:
            once = name
        elif place in ("path", "query", "header") and name and name.lower() not in NOT_ASKED:
            found.append(_parameter(name, place, each, shapes, taken))
    return [each for each in found if each is not None], once


def _parameter(name: str, place: str, given: Mapping[str, Any], shapes: Shapes, taken: set[str]) -> Asked | None:
    schema = given.get("schema")
    in_json = given.get("content")
    if schema is None and isinstance(in_json, Mapping) and in_json:
        schema = {"description": "Written as JSON."}
    about = plain(given.get("description"), 200)
    if given.get("example") is not None and isinstance(schema, Mapping):
        schema = {"example": given["example"], **schema}
    asked = shapes.asked(
        name,
        schema if schema is not None else {"type": "string"},
        place=place,
        needed=place == "path" or given.get("required") is True,
        taken=taken,
        about=about,
    )
    if asked is None:
        return None
    sent = "repeated"
    if given.get("style") == "deepObject":
        sent = "deep"
    elif place == "path" and given.get("allowReserved") is True:
        sent = "slashes"
    elif given.get("explode") is False or place != "query":
        sent = "commas"
    # Bytes in an address are written as text.
    return asked.model_copy(update={"sent": sent, **({"type": "text"} if asked.type == "file" else {})})


def _merged_parameters(given: Mapping[str, Any], item: Mapping[str, Any], shapes: Shapes) -> list[Mapping[str, Any]]:
    """Those of the operation win over those of its path. Raises Unresolved."""
    found: dict[tuple[Any, Any], Mapping[str, Any]] = {}
    for each in [*(item.get("parameters") or ()), *(given.get("parameters") or ())]:
        part, _ = shapes.document.followed(each)
        found[part.get("in"), part.get("name")] = part
    return list(found.values())


def _body(given: Any, shapes: Shapes, taken: set[str]) -> dict[str, Any]:
    """Raises Unresolved."""
    if given is None:
        return {}
    part, _ = shapes.document.followed(given)
    content = part.get("content")
    if not isinstance(content, Mapping) or not content:
        return {}
    media, kind = _chosen(content)
    if not kind:
        return {"problem": f"It takes {plain(str(next(iter(content))), 60)}, which a step cannot write."}
    inner = content[media] if isinstance(content[media], Mapping) else {}
    needed = part.get("required") is True
    if kind == "bytes":
        asked = Asked(field="file", name="file", place="whole", type="file", needed=True, title="File")
        taken.add("file")
        return {"body": "bytes", "body_type": "" if "*" in media else media, "asked": [asked]}
    return {"body": kind, "body_type": media, "asked": _in_body(inner.get("schema", {}), kind, needed, shapes, taken)}


def _chosen(content: Mapping[str, Any]) -> tuple[str, str]:
    """The media type that is written best, and how."""
    known = [str(media) for media in content]
    for fits, kind in (
        (is_json, "json"),
        (lambda media: media.startswith(FORM), "form"),
        (lambda media: media.startswith(MULTIPART), "multipart"),
        (_is_bytes, "bytes"),
    ):
        if media := next((each for each in known if fits(each)), ""):
            return media, kind
    return "", ""


def _is_bytes(media: str) -> bool:
    return media.startswith(("application/octet-stream", "application/pdf", "image/", "audio/", "video/", "text/"))


def _in_body(schema: Any, kind: str, needed: bool, shapes: Shapes, taken: set[str]) -> list[Asked]:
    """One field for each property; for a body that is no such structure, or a huge one, the whole as JSON."""
    part, above = _known(schema, shapes)
    named = part.get("properties")
    if isinstance(named, Mapping) and 0 < len(named) <= MOST_CHOICES:
        found = shapes.fields(part, "body", taken, above)
        return found if needed or kind != "json" else [each.model_copy(update={"needed": False}) for each in found]
    if kind != "json":
        return []
    asked = shapes.asked("body", schema, place="whole", needed=needed, taken=taken)
    return [asked.model_copy(update={"type": "json", "parts": (), "choices": ()})] if asked is not None else []


def _known(schema: Any, shapes: Shapes) -> tuple[Mapping[str, Any], frozenset[str]]:
    """Nothing where a reference leads nowhere: it is asked for as a whole, and says so."""
    try:
        return shapes.merged(schema)
    except Unresolved:
        return {}, frozenset()
