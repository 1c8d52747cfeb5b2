"""An e-mail: who, to whom, when, about what, and its text. Attachments are named and not opened."""

from __future__ import annotations

from collections.abc import Sequence
from email import message_from_bytes
from email.message import Message
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


def _body(message: Message) -> tuple[str, list[str]]:
    parts = [_text_of(part) for part in _texts(message)]
    problems = [problem for _, named in parts for problem in named]
    return "\n\n".join(text for text, _ in parts), problems if parts else ["It has no text of its own."]


def _texts(part: Message) -> list[Message]:
    """The parts that a mail program shows one below the other; of alternatives the plain one."""
    kind = part.get_content_type()
    if kind == "multipart/alternative":
        options = [texts for one in _parts(part) if (texts := _texts(one))]
        plain = [texts for texts in options if all(text.get_content_subtype() == "plain" for text in texts)]
        return next(iter(plain or options), [])
    if kind == "multipart/related":
        return _texts(_parts(part)[0]) if _parts(part) else []
    if part.get_content_maintype() == "multipart":
        return [text for one in _parts(part) for text in _texts(one)]
    return [part] if kind in ("text/plain", "text/html") and not _is_attached(part) else []


def _parts(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _text_of(part: Message) -> tuple[str, list[str]]:
    text, problems = text_of(_payload(part), str(part.get_content_charset("") or ""))
    if part.get_content_subtype() != "html":
        return text, problems
    page = page_of(text)
    return "\n\n".join(page.blocks), [*problems, *page.problems()]


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _attached(parts: Sequence[Message]) -> list[str]:
    names = [_name(part) for part in parts if _is_attached(part)]
    shown = [f'The attached file "{name}" was not read.' for name in names[:NAMED_MAX]]
    rest = len(names) - len(shown)
    return [*shown, f"{rest} more attached files were not read."] if rest > 0 else shown


def _is_attached(part: Message) -> bool:
    if part.get_content_type() == "message/rfc822":
        return True
    return part.get_content_disposition() == "attachment" or bool(part.get_filename())


def _name(part: Message) -> str:
    if part.get_content_type() == "message/rfc822" and not part.get_filename():
        inner = _parts(part)
        return f"mail: {_header(inner[0], 'Subject') if inner else ''}"[:200]
    return " ".join(str(part.get_filename() or part.get_content_type()).split())[:200]
