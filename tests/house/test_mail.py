"""SMTP_URL and MAIL_FROM: what they set, and what is refused without telling the password."""

from __future__ import annotations

import pytest

from config import env, mail
from config.mail import MailServer

SENDER = "Tandem <tandem@house.example>"


def server(monkeypatch: pytest.MonkeyPatch, url: str, sender: str = SENDER) -> MailServer:
    monkeypatch.setenv("SMTP_URL", url)
    monkeypatch.setenv("MAIL_FROM", sender)
    return mail.server_for(env.read())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", MailServer("smtp", "mail.example", 25, "", "", SENDER)),
        ("smtp://127.0.0.1:2525", MailServer("smtp", "127.0.0.1", 2525, "", "", SENDER)),
        ("smtp+starttls://u:p@mail.example", MailServer("smtp+starttls", "mail.example", 587, "u", "p", SENDER)),
        ("smtps://u:p@mail.example/", MailServer("smtps", "mail.example", 465, "u", "p", SENDER)),
        ("smtps://me%40x.example:a%2Fb%40c@[::1]:99", MailServer("smtps", "::1", 99, "me@x.example", "a/b@c", SENDER)),
    ],
)
def test_an_address_names_the_server(monkeypatch: pytest.MonkeyPatch, url: str, expected: MailServer) -> None:
    found = server(monkeypatch, url)

    assert found == expected
    assert found.backend == "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize("sender", ["", SENDER])
def test_without_an_address_mail_is_off(monkeypatch: pytest.MonkeyPatch, sender: str) -> None:
    assert server(monkeypatch, "", sender).backend == "django.core.mail.backends.dummy.EmailBackend"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("smtp://user:s3cret@", "SMTP_URL cannot be read"),
        ("smtp://user:s3cret@mail.example:many", "SMTP_URL cannot be read"),
        ("smtp://user:s3cret@mail.example:0", "SMTP_URL cannot be read"),
        ("smtp://user:s3cret@mail.example:70000", "SMTP_URL cannot be read"),
        ("smtp://user:s3cret/x@mail.example", "characters like / @ : # are written as %2F %40 %3A %23"),
        ("smtp://user:s3cret@[mail.example", "SMTP_URL cannot be read"),
        ("smtp://user:s3cret@mail.example/inbox", "SMTP_URL cannot be read"),
        ("smtp://user:s3cret@mail.example?tls=1", "SMTP_URL cannot be read"),
        ("smtp://user@mail.example", "names a user or a password, but not both"),
        ("https://user:s3cret@mail.example", "SMTP_URL begins with 'https'"),
        ("user:s3cret@mail.example", "SMTP_URL begins with"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_its_password_not_repeated(
    monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    with pytest.raises(env.BadSetting) as refusal:
        server(monkeypatch, url)

    assert words in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("sender", ["", "Tandem", "tandem@", "a@x.example\r\nBcc: b@x.example", "a b@x.example@y"])
def test_mail_needs_an_address_that_it_comes_from(monkeypatch: pytest.MonkeyPatch, sender: str) -> None:
    with pytest.raises(env.BadSetting, match="MAIL_FROM"):
        server(monkeypatch, "smtp://mail.example", sender)


def test_no_account_of_the_settings_tells_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    found = server(monkeypatch, "smtps://user:s3cret@mail.example")

    assert "s3cret" not in f"{found!r} {env.read()!r}"
