"""What another system has sent, read behind the walls where documents are: feeds."""

from __future__ import annotations

from pydantic import TypeAdapter

from connectors.documents.reading import read_as
from connectors.sdk import Response
from connectors.sdk.addresses import bare
from connectors.sdk.answers import header
from connectors.sdk.context import ReadFeed

_FEED = TypeAdapter(ReadFeed)


def read_feed(response: Response) -> ReadFeed:
    """Raises BadParams (no feed, empty), Rejected (broken, hostile, more than it may cost) and Unavailable (busy)."""
    about = {"address": bare(response.url), "type": header(response, "content-type")}
    return read_as(_FEED, response.body, bare(response.url), parser="feed", about=about)
