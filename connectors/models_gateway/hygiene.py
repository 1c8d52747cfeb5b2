"""What is taken out of a text before a model reads it, and out of what a model wrote (rules L10, L14, L15).

Invisible characters carry orders that no person sees; secrets have no business in a prompt. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

SHORTEST_SECRET = 8
JOINERS_AND_MARKS = frozenset({0x061C, 0x200C, 0x200D, 0x200E, 0x200F})

_SECRETS = {
    "API key": re.compile(r"\b(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{36,}|AKIA[0-9A-Z]{16})"),
    "Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "sign-in token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    "private key": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
}


def fit_to_ask(text: str, secrets: Iterable[str] = ()) -> tuple[str, Counter[str]]:
    """Text for a prompt, and what was removed from it: name → how often.

    Gone are Unicode tags, zero-width characters, bidi controls, every other control or format character except line
    feed and tab, lone surrogates, and secrets: those given and those that look like one.
    """
    return _cleaned(text, secrets, _hidden_in_prompt)


def fit_to_keep(text: str, secrets: Iterable[str] = ()) -> tuple[str, Counter[str]]:
    """Text that a model wrote. Joiners and direction marks stay: Persian, Hindi, Hebrew and emoji need them."""
    return _cleaned(text, secrets, _hidden_in_answer)


def _cleaned(text: str, secrets: Iterable[str], hidden: object) -> tuple[str, Counter[str]]:
    removed: Counter[str] = Counter()
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Few distinct characters stand in even a long text: looking at each once is what makes this cheap.
    names = {char: name for char in set(text) if (name := hidden(char))}  # type: ignore[operator]
    if names:
        for char, name in names.items():
            removed[name] += text.count(char)
        text = text.translate({ord(char): None for char in names})
    return _without_secrets(text, secrets, removed), removed


def _without_secrets(text: str, secrets: Iterable[str], removed: Counter[str]) -> str:
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET and secret in text:
            removed["secret"] += text.count(secret)
            text = text.replace(secret, "[secret removed]")
    for name, pattern in _SECRETS.items():
        text, count = pattern.subn(f"[{name} removed]", text)
        if count:
            removed[name] += count
    return text


def _hidden_in_prompt(char: str) -> str:
    """Name of what the character hides, or nothing."""
    code = ord(char)
    if char in "\n\t" or (code < 0x7F and code >= 0x20):
        return ""
    if 0xE0000 <= code <= 0xE007F:
        return "Unicode tag"
    if 0xE0100 <= code <= 0xE01EF:
        return "variation selector"
    if code in (0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF):
        return "zero-width character"
    if code in (0x061C, 0x200E, 0x200F) or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
        return "bidi control"
    return {"Cc": "control character", "Cf": "format character", "Cs": "lone surrogate"}.get(
        unicodedata.category(char), ""
    )


def _hidden_in_answer(char: str) -> str:
    name = _hidden_in_prompt(char)
    if ord(char) in JOINERS_AND_MARKS or name in ("format character", "variation selector"):
        return ""
    return name
