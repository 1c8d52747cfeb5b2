"""Mails of other people's collections: each is read, or refused by name, in no time; what is attached comes out whole.

The whole collections stand beside the repository; a dozen of their files lie in it, so that this is tested everywhere.
"""

from __future__ import annotations

import json
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from connectors import mailboxes
from connectors.documents.parsers import mail
from connectors.net.imap import Raw
from connectors.sdk.mail import Arrived, Enclosure
from tests.connectors.documents.conftest import SHARED

OURS = Path(__file__).resolve().parents[2] / "data" / "mime"
FOLDERS = [folder for folder in (OURS, SHARED / "mime") if folder.exists()]
OTHER_RULE = {"003"}
"""Where the collection also counts the alternatives of a text as attachments of it."""


def arrived(content: bytes, enclosures: bool = True) -> Arrived:
    """Through the walls."""
    return mailboxes.arrived(Raw(1, "", None, False, len(content), content), enclosures=enclosures)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.parent.name)
def test_no_file_of_the_collections_stops_the_reader(folder: Path) -> None:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]

    for path in files:
        began = time.monotonic()
        found = mail.read(path.read_bytes(), "kept")
        assert found.text.strip() or found.files, path.name
        assert "\0" not in found.text
        assert time.monotonic() - began < 5, path.name

    assert len(files) >= 19


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.parent.name)
def test_the_samples_of_the_standards_give_what_the_collection_expects(folder: Path) -> None:
    samples = sorted(folder.rglob("rfc/???.json"))
    for path in samples:
        expected = json.loads(path.read_text())
        found = mail.read(path.with_suffix(".eml").read_bytes(), "kept")
        assert found.subject == told(expected, "subject"), path.name
        if path.stem not in OTHER_RULE:
            assert len(found.files) == len(expected["attachments"]), path.name

    assert len(samples) >= 4


def told(expected: dict[str, Any], name: str) -> str:
    headers = {str(each["name"]): each["value"] for each in expected["parts"][0]["headers"]}
    return str(headers.get(name, {"Text": ""})["Text"])


def test_what_is_attached_comes_out_whole_and_pictures_of_the_text_do_not() -> None:
    content, inner = bytes(range(256)) * 500, EmailMessage()
    inner["Subject"] = "Earlier"
    inner.set_content("What was said before.")
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "Bob <bob@agency.example>", "Contract"
    letter["To"] = '"Löwe, Ada" <ada@example.org>, cem@example.org'
    letter.set_content("See the attached.")
    letter.add_alternative('<p>See the attached.</p><img src="cid:logo">', subtype="html")
    html = letter.get_payload()[1]  # type: ignore[index]
    html.add_related(b"\x89PNG", "image", "png", cid="<logo>", filename="logo.png")  # type: ignore[union-attr]
    letter.add_attachment(content, maintype="application", subtype="pdf", filename="Vertrag ä/1.pdf")
    letter.add_attachment(inner)

    found = arrived(letter.as_bytes())

    assert (found.sender, found.text.strip()) == ("Bob <bob@agency.example>", "See the attached.")
    assert found.to == ('"Löwe, Ada" <ada@example.org>', "cem@example.org")
    pdf, mail_within = found.enclosures
    assert pdf == Enclosure("Vertrag ä/1.pdf", "application/pdf", content)
    assert (mail_within.name, mail_within.type) == ("Earlier.eml", "message/rfc822")
    assert b"What was said before." in mail_within.content
    assert found.problems == ("Pictures in the text were left out (1).",)
    assert arrived(letter.as_bytes(), enclosures=False).enclosures == ()


def test_what_is_too_much_is_named_and_left_out() -> None:
    letter = EmailMessage()
    letter.set_content("Many.")
    for number in range(22):
        letter.add_attachment(b"x" * 1_000, maintype="application", subtype="pdf", filename=f"{number}.pdf")

    found = arrived(letter.as_bytes())

    assert [each.name for each in found.enclosures] == [f"{number}.pdf" for number in range(20)]
    assert len(found.problems) == 2
    assert found.problems[0] == (
        'The attached file "20.pdf" was left out: at most 20 files with 20 MB together are kept of a mail.'
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1_100 + b"--b--\n", "parts; we read mails"),
        (b"To: " + b"(" * 200_000 + b"\n\nHello", ""),
        (b"Subject: " + b"=?utf-8?q?" * 100_000 + b"\n\nHello", ""),
    ],
)
def test_a_hostile_mail_is_there_with_its_problem_and_stops_no_other(content: bytes, said: str) -> None:
    began = time.monotonic()

    found = arrived(content)

    assert time.monotonic() - began < 25
    assert said in "".join(found.problems)
    assert bool(said) != (found.text == "Hello")
