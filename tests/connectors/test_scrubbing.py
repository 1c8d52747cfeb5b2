"""No secret in what is written: by exact value, in the forms it travels in, and nothing else is touched (rule S10)."""

from __future__ import annotations

import base64
import io
import json
import logging
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as some

from connectors import scrubbing
from connectors.scrubbing import LogFilter, Scrubber

SECRET = 'pä/ss "wörd" +42\\'
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/_-"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_the_forms_in_which_it_travels(form: str) -> None:
    scrubbed = Scrubber([SECRET]).text(f"before {form} after")

    assert scrubbed.replace('"', "") == "before [secret] after"


@given(
    value=some.text(LETTERS, min_size=12, max_size=60),
    before=some.binary(max_size=10),
    after=some.binary(max_size=10),
)
def test_in_base64_too_wherever_it_stands(value: str, before: bytes, after: bytes) -> None:
    whole = before + value.encode() + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        scrubbed = Scrubber([value]).text(encode(whole).decode())
        assert "[secret]" in scrubbed
        left = scrubbed.replace("[secret]", "")
        assert len(left) <= len(encode(before)) + len(encode(after)) + 8


def test_names_and_values_of_json_are_searched() -> None:
    given = {"ok": ["a token-of-ours b", 3, None, {"token-of-ours": True}]}

    assert Scrubber(["token-of-ours"]).value(given) == {"ok": ["a [secret] b", 3, None, {"[secret]": True}]}


def test_the_longer_of_two_is_taken_and_short_ones_are_left() -> None:
    scrubber = Scrubber(["token-of-ours", "token-of-ours-and-more", "short"])

    assert scrubber.text("token-of-ours-and-more, token-of-ours, short") == "[secret], [secret], short"


def test_what_is_learnt_one_by_one_is_known_as_all_at_once() -> None:
    values = [f"secret-number-{number:04}" for number in range(350)] + ["secret-number-0007-and-more"]
    text = " ".join(values)
    scrubber = Scrubber(values[:10])
    for value in [*values[10:], "short"]:
        scrubber = scrubber.with_more([value])

    assert scrubber.values == frozenset(values)
    assert scrubber.text(text) == Scrubber(values).text(text) == " ".join(["[secret]"] * len(values))


@given(some.text(max_size=300))
def test_a_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert Scrubber(["qz9-never-in-a-text"]).text(text) == text


def test_positions_are_right_beyond_ascii() -> None:
    assert Scrubber(["tökén-öf-öürs"]).text("é🙂 tökén-öf-öürs é") == "é🙂 [secret] é"


def test_logs_are_scrubbed_with_arguments_and_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "_known", Scrubber(["token-of-ours"]))
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(LogFilter())
    log = logging.Logger("test")
    log.addHandler(handler)

    log.warning("asked with %s", "token-of-ours")
    try:
        raise ValueError("token-of-ours was refused")
    except ValueError:
        log.exception("it broke")

    assert "token-of-ours" not in written.getvalue()
    assert "asked with [secret]" in written.getvalue()
    assert "ValueError: [secret] was refused" in written.getvalue()
