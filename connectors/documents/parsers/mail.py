"""An e-mail that came into a mailbox, in whatever state: who, to whom, about what, its text, and what is attached."""

from __future__ import annotations

import base64
import mimetypes
from email.message import Message

from connectors.documents.found import Attached, Mail
from connectors.documents.parsers.message import beside, header, message_of, name_of, payload_of, text_in

FILES_MAX = 20
BYTES_MAX = 20_000_000
NAMED_MAX = 50
TEXT_MAX = 1_000_000


def read(content: bytes, files: str = "") -> Mail:
    """`files` is “kept” where the attachments are wanted. Raises Refusal for more parts than a mail may have."""
    message = message_of(content)
    text, problems = text_in(message)
    if len(text) > TEXT_MAX:
        problems = [*problems, f"Its text has more than {TEXT_MAX:,} characters; the rest was cut."]
    mail = Mail(header(message, "From"), _receivers(message), header(message, "Subject"), text[:TEXT_MAX], problems)
    parts, pictures = beside(message)
    left_out = _keep(mail, parts) if files else [f'The attached file "{name_of(each)}" was not kept.' for each in parts]
    if pictures:
        left_out.append(f"Pictures in the text were left out ({pictures}).")
    rest = len(left_out) - NAMED_MAX
    mail.problems += [*left_out[:NAMED_MAX], f"{rest} more were left out."] if rest > 0 else left_out
    return mail


def _keep(mail: Mail, parts: list[Message]) -> list[str]:
    """Into the mail what fits; sentences about what does not."""
    left_out, taken = [], 0
    for part in parts:
        try:
            content = payload_of(part)
        except Exception:  # the standard library raises many kinds of errors on crooked mails within a mail
            left_out.append(f'The attached file "{name_of(part)}" is broken and was left out.')
            continue
        if len(mail.files) >= FILES_MAX or taken + len(content) > BYTES_MAX:
            left_out.append(
                f'The attached file "{name_of(part)}" was left out: at most {FILES_MAX} files with'
                f" {BYTES_MAX // 1_000_000} MB together are kept of a mail."
            )
            continue
        taken += len(content)
        mail.files.append(Attached(_file_name(part), part.get_content_type(), base64.b64encode(content).decode()))
    return left_out


def _file_name(part: Message) -> str:
    """As the mail calls it; else by its subject or its type."""
    if part.get_filename():
        return name_of(part)
    if part.get_content_type() == "message/rfc822":
        return f"{name_of(part).removeprefix('mail: ') or 'mail'}.eml"
    return f"attachment{mimetypes.guess_extension(part.get_content_type()) or ''}"


def _receivers(message: Message) -> list[str]:
    try:
        return [str(each) for each in getattr(message["To"], "addresses", ())]
    except Exception:  # as above
        return [each for part in header(message, "To").split(",") if (each := part.strip())]
