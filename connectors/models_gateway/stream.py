"""From a provider's bytes to one completion. Strict: what is not whole, or not in order, is no answer (rule L9)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

_FIELDS_WITHOUT_CONTENT = ("event:", "id:", "retry:")


class BrokenAnswer(Exception):
    """The answer cannot be taken for whole; the text says why, as the end of a sentence."""


class ProviderSaysError(Exception):
    """The provider sent an error where the answer should be. `body` is its error object."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(str(body.get("message", ""))[:500])
        self.body = body


@dataclass(slots=True)
class Completion:
    """What came so far. Only after `read_stream` or `read_whole` has returned is it an answer."""

    text: str = ""
    refusal: str = ""
    finish_reason: str = ""
    model: str = ""
    fingerprint: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int = 0


def read_stream(chunks: Iterable[bytes], into: Completion) -> None:
    """Read server-sent events up to `[DONE]`.

    `into` is filled as the chunks come, so that a part is there for the record when the stream breaks.
    Raises BrokenAnswer, ProviderSaysError.
    """
    for content in _events(chunks):
        if content == "[DONE]":
            return _demand_an_end(into)
        _take(_object(content), into, "delta")
    raise BrokenAnswer("the stream was cut before its end")


def read_whole(body: bytes, into: Completion) -> None:
    """Read an answer that came in one piece, from a server that does not stream."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenAnswer("it is not UTF-8") from None
    _take(_object(text), into, "message")
    _demand_an_end(into)


def _events(chunks: Iterable[bytes]) -> Iterator[str]:
    for line in _lines(chunks):
        if line.startswith("data:"):
            yield line[5:].strip()
        elif line and not line.startswith((":", *_FIELDS_WITHOUT_CONTENT)):
            raise BrokenAnswer("there is a line in it that belongs to no event")


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = bytearray()
    for chunk in chunks:
        rest += chunk
        if b"\n" not in chunk:
            continue
        *whole, last = rest.split(b"\n")
        rest = bytearray(last)
        yield from map(_text, whole)


def _text(line: bytearray) -> str:
    try:
        return line.decode("utf-8").rstrip("\r")
    except UnicodeDecodeError:
        raise BrokenAnswer("it is not UTF-8") from None


def _object(content: str) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise BrokenAnswer("a piece of it is not JSON") from None
    if not isinstance(value, dict):
        raise BrokenAnswer("a piece of it is not an object")
    if value.get("error"):
        error = value["error"]
        raise ProviderSaysError(error if isinstance(error, dict) else {"message": str(error)})
    return value


def _take(value: dict[str, Any], into: Completion, part: str) -> None:
    into.model = _word(value.get("model")) or into.model
    into.fingerprint = _word(value.get("system_fingerprint")) or into.fingerprint
    _take_usage(value.get("usage"), into)
    choices = value.get("choices")
    if choices:
        _take_choice(_first(choices), into, part)


def _first(choices: Any) -> dict[str, Any]:
    if isinstance(choices, list) and len(choices) == 1 and isinstance(choices[0], dict):
        return choices[0]
    raise BrokenAnswer("it does not hold exactly one answer")


def _take_choice(choice: dict[str, Any], into: Completion, part: str) -> None:
    said = choice.get(part) or {}
    if not isinstance(said, dict):
        raise BrokenAnswer("a piece of it holds no message")
    content, refusal = _word(said.get("content")), _word(said.get("refusal"))
    if into.finish_reason and (content or refusal or choice.get("finish_reason")):
        raise BrokenAnswer("it goes on after its end")
    into.text += content
    into.refusal += refusal
    into.finish_reason = _word(choice.get("finish_reason")) or into.finish_reason


def _take_usage(usage: Any, into: Completion) -> None:
    if not isinstance(usage, dict):
        return
    into.tokens_in = _count(usage.get("prompt_tokens"), into.tokens_in)
    into.tokens_out = _count(usage.get("completion_tokens"), into.tokens_out)
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict):
        into.tokens_cached = min(_count(details.get("cached_tokens"), 0) or 0, into.tokens_in or 0)


def _count(value: Any, before: int | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else before


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise BrokenAnswer("a piece of it has the wrong type")


def _demand_an_end(completion: Completion) -> None:
    if not completion.finish_reason:
        raise BrokenAnswer("the model did not say why it stopped")
