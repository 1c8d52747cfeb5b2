"""An e-mail as a document: who, to whom, when, about what, and its text. Attachments are named and not opened."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import Message

from connectors.documents.found import Found
from connectors.documents.parsers.message import beside, header, message_of, name_of, text_in

HEADERS = ("From", "To", "Cc", "Date", "Subject")
NAMED_MAX = 50


def read(content: bytes) -> Found:
    message = message_of(content)
    text, problems = text_in(message)
    paragraphs = [block.strip() for block in text.split("\n\n") if block.strip()]
    return Found(
        passages=[
            ("headers", "\n".join(f"{name}: {value}" for name in HEADERS if (value := header(message, name)))),
            *((f"paragraph {number}", block) for number, block in enumerate(paragraphs, 1)),
        ],
        title=header(message, "Subject"),
        problems=[*problems, *_named(beside(message)[0])],
    )


def _named(parts: Sequence[Message]) -> list[str]:
    shown = [f'The attached file "{name_of(part)}" was not read.' for part in parts[:NAMED_MAX]]
    rest = len(parts) - len(shown)
    return [*shown, f"{rest} more attached files were not read."] if rest > 0 else shown
