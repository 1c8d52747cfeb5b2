"""An e-mail: who, to whom, when, about what, and its text. Attachments are named and not opened."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default

from connectors.documents.found import Found, Refusal
from connectors.documents.parsers.html import page_of
from connectors.documents.parsers.wording import text_of

HEADERS = ("From", "To", "Cc", "Date", "Subject")
PARTS_MAX = 1_000
NAMED_MAX = 50


def read(content: bytes) -> Found:
    message = message_from_bytes(content, policy=default)
    parts = list(message.walk())
    if len(parts) > PARTS_MAX:
        raise Refusal(f"it has {len(parts):,} parts; we read mails with at most {PARTS_MAX:,}.", "rejected")
    text, problems = _body(message)
    paragraphs = [block.strip() for block in text.split("\n\n") if block.strip()]
    return Found(
        passages=[
            ("headers", "\n".join(f"{name}: {value}" for name in HEADERS if (value := _header(message, name)))),
            *((f"paragraph {number}", block) for number, block in enumerate(paragraphs, 1)),
        ],
        title=_header(message, "Subject"),
        problems=[*problems, *_attached(parts)],
    )


def _header(message: Message, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # the standard library raises many kinds of errors on crooked addresses and dates
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return " ".join(str(raw).split())


def _body(message: EmailMessage) -> tuple[str, list[str]]:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return "", ["It has no text of its own."]
    text, problems = text_of(_payload(part), str(part.get_content_charset("") or ""))
    if part.get_content_subtype() != "html":
        return text, problems
    page = page_of(text)
    return "\n\n".join(page.blocks), [*problems, *page.problems()]


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _attached(parts: list[Message]) -> list[str]:
    names = [_name(part) for part in parts if part.get_content_disposition() == "attachment" or part.get_filename()]
    shown = [f'The attached file "{name}" was not read.' for name in names[:NAMED_MAX]]
    rest = len(names) - len(shown)
    return [*shown, f"{rest} more attached files were not read."] if rest > 0 else shown


def _name(part: Message) -> str:
    return " ".join(str(part.get_filename() or part.get_content_type()).split())[:200]
