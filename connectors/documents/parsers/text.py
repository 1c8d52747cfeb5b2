"""Plain text and Markdown as it stands; Markdown's first heading is the title."""

from __future__ import annotations

import re

from connectors.documents.found import Found
from connectors.documents.parsers.wording import text_of

HEADING = re.compile(r"^#\s+(.+?)\s*#*$", re.M)


def read(content: bytes) -> Found:
    text, problems = text_of(content)
    heading = HEADING.search(text[:10_000])
    return Found(text=text, title=heading[1] if heading else "", problems=problems)
