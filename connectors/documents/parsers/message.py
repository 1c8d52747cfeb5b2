"""What is in an e-mail: its headers, the text that a mail program shows, and what is attached."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import Message
from email.policy import default

from connectors.documents.found import Refusal
from connectors.documents.parsers.html import page_of
from connectors.documents.parsers.wording import text_of

PARTS_MAX = 1_000
PICTURE = re.compile(rb"""\bcid:([^"'<>\s]{1,300})""", re.I)
AS_IT_CAME = default.clone(refold_source="none")


def message_of(content: bytes) -> Message:
    """Raises Refusal when it has too many parts."""
    message = message_from_bytes(content, policy=default)
    count = sum(1 for _ in message.walk())
    if count > PARTS_MAX:
        raise Refusal(f"it has {count:,} parts; we read mails with at most {PARTS_MAX:,}.", "rejected")
    return message


def header(message: Message, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except Exception:  # the standard library raises many kinds of errors on crooked addresses and dates
        raw = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
        return " ".join(str(raw).split())


def text_in(message: Message) -> tuple[str, list[str]]:
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
    return [part] if kind in ("text/plain", "text/html") and not is_attached(part) else []


def _parts(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else []


def _text_of(part: Message) -> tuple[str, list[str]]:
    text, problems = text_of(payload_of(part), str(part.get_content_charset("") or ""))
    if part.get_content_subtype() != "html":
        return text, problems
    page = page_of(text)
    return "\n\n".join(page.blocks), [*problems, *page.problems()]


def payload_of(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return (
        payload if isinstance(payload, bytes) else b"\n".join(one.as_bytes(policy=AS_IT_CAME) for one in _parts(part))
    )


def attached(part: Message, within: str = "") -> list[Message]:
    """What lies beside the text, in order; nothing of what lies inside another mail. `within` is the part around."""
    kind = part.get_content_type()
    if part.get_content_maintype() == "multipart":
        return [found for one in _parts(part) for found in attached(one, kind)]
    if not is_attached(part) and (kind in ("text/plain", "text/html") or within == "multipart/alternative"):
        return []
    return [part]


def beside(message: Message) -> tuple[list[Message], int]:
    """What is attached, without the pictures that the text shows where they stand; how many those are."""
    pages = [payload_of(part) for part in message.walk() if part.get_content_type() == "text/html"]
    shown = {f"<{found.decode('ascii', 'replace')}>" for page in pages for found in PICTURE.findall(page)}
    parts = attached(message)
    kept = [part for part in parts if header(part, "Content-ID") not in shown]
    return kept, len(parts) - len(kept)


def is_attached(part: Message) -> bool:
    if part.get_content_maintype() == "message":
        return True
    return part.get_content_disposition() == "attachment" or bool(part.get_filename())


def name_of(part: Message) -> str:
    if part.get_content_type() == "message/rfc822" and not part.get_filename():
        inner = _parts(part)
        return f"mail: {header(inner[0], 'Subject') if inner else ''}"[:200]
    return " ".join(str(part.get_filename() or part.get_content_type()).split())[:200]
