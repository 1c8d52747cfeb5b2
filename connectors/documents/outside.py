"""What lies at a web address, read behind the walls where documents are: feeds, pages, and documents."""

from __future__ import annotations

from pydantic import TypeAdapter

from connectors.documents.found import Refusal
from connectors.documents.kinds import kind_of
from connectors.documents.reading import read_as, read_document, shown_name
from connectors.sdk import BadParams, Response
from connectors.sdk.addresses import bare
from connectors.sdk.answers import header
from connectors.sdk.context import ReadFeed, ReadPage

_FEED, _PAGE = TypeAdapter(ReadFeed), TypeAdapter(ReadPage)


def read_feed(response: Response) -> ReadFeed:
    """Raises BadParams (no feed, empty), Rejected (broken, hostile, more than it may cost) and Unavailable (busy)."""
    about = {"address": bare(response.url), "type": header(response, "content-type")}
    return read_as(_FEED, response.body, bare(response.url), parser="feed", about=about)


def read_page(response: Response, *, whole: bool = False) -> ReadPage:
    """Raises as above; BadParams also for what is neither a page nor a document that we read."""
    name, type = bare(response.url), header(response, "content-type")
    kind = _kind(response, type)
    if kind == "html":
        about = {"address": name, "type": type, "part": "whole" if whole else "main"}
        return read_as(_PAGE, response.body, name, parser="web_page", about=about)
    found = read_document(response.body, name, parser=kind)
    return ReadPage(found.title, found.text, (), found.problems)


def _kind(response: Response, type: str) -> str:
    """By its content; what might be any text is a page where it was sent as one. Raises BadParams."""
    try:
        kind = kind_of(response.body, "")
    except Refusal as refusal:
        raise BadParams(f'"{shown_name(bare(response.url))}" was not read: {refusal.sentence}') from None
    return "html" if kind in ("text", "eml") and "html" in type.lower() else kind
