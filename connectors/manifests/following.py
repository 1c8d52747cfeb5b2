"""Reading the rest of a list, page after page. Pure: what is asked for goes through the function that is given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin

from connectors.manifests.manifest import Paging
from connectors.sdk import Response
from connectors.sdk.answers import header

More = Callable[[str, Mapping[str, Any]], Response]
"""An address or path to ask (nothing: the same), and what changes in the body."""
_NEXT = re.compile(r'<([^<>]+)>\s*;[^,]*\brel="?next"?', re.IGNORECASE)


@dataclass
class Reading:
    """One list. `path` is that of its first page; `is_complete` holds once nothing is left."""

    paging: Paging
    path: str
    more: More
    most: int
    is_complete: bool = True

    def all_of(self, first: Response, pages: int) -> list[Any]:
        """The items of so many pages at most; a page that was given before ends it."""
        found = list(_list_at(first.data, self.paging.items))
        response, seen = first, set[str]()
        for number in range(1, pages + 1):
            following = self._following(response, number, len(found))
            if following is None or repr(following) in seen:
                return found
            if number == pages or len(found) >= self.most:
                break
            seen.add(repr(following))
            response = self.more(*following)
            new = _list_at(response.data, self.paging.items)
            if not new:
                return found
            found += new
        self.is_complete = False
        return found[: self.most]

    def _following(self, response: Response, number: int, given: int) -> tuple[str, Mapping[str, Any]] | None:
        """What to ask for next; None at the end."""
        match self.paging.by:
            case "link":
                link = _at(response.data, self.paging.next) or _in_header(response)
                return (urljoin(response.url, link), {}) if isinstance(link, str) and link else None
            case "cursor":
                cursor = _at(response.data, self.paging.next)
                return self._with(cursor) if isinstance(cursor, str | int) and cursor != "" else None
        if not _list_at(response.data, self.paging.items):
            return None
        return self._with(given if self.paging.by == "offset" else self.paging.first + number)

    def _with(self, value: Any) -> tuple[str, Mapping[str, Any]]:
        if self.paging.place == "body":
            return "", {self.paging.name: value}
        path, _, query = self.path.partition("?")
        kept = [(name, old) for name, old in parse_qsl(query, keep_blank_values=True) if name != self.paging.name]
        return f"{path}?{urlencode([*kept, (self.paging.name, str(value))])}", {}


def _in_header(response: Response) -> str:
    found = _NEXT.search(header(response, "link"))
    return found[1] if found else ""


def _list_at(data: Any, place: str) -> list[Any]:
    found = _at(data, place) if place else data
    return found if isinstance(found, list) else []


def _at(data: Any, place: str) -> Any:
    if isinstance(data, Mapping) and place in data:
        return data[place]
    for name in place.split("."):
        data = data.get(name) if isinstance(data, Mapping) else None
    return data
