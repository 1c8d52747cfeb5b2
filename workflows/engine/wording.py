"""References as they stand in texts: found in reading order, and put into other words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

Words = Mapping[str, str]
"""Reference or the beginning of one → what stands in its place: "steps.draft" → "steps.answer"."""

_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_NAME = r"[A-Za-z_][\w-]*"
_PATH = rf"(?<![\w.]){_NAME}(?:\.(?:{_NAME}|\d+)|\[\d+\])+"
_ALONE = rf"(?<={{{{){_NAME}(?=}}}})|(?<={{{{ ){_NAME}(?= }}}})"
# A quoted text is passed over whole, and so is the name of a filter after its bar.
_WORD = re.compile(rf"""(?P<passed>"[^"]*"|'[^']*'|\|\s*\w+)|(?P<path>{_PATH}|{_ALONE})""")


def words_in(text: str) -> list[str]:
    """ "Answer {{ inputs.letter }} as {{ steps.tone.label }}" → ["inputs.letter", "steps.tone.label"]."""
    return [found["path"] for tag in _TAG.findall(text) for found in _WORD.finditer(tag) if found["path"]]


def reworded(text: str, words: Words) -> str:
    """The text with its references in other words; the longest beginning that is known wins."""
    if not words or "{" not in text:
        return text
    return _TAG.sub(lambda tag: _WORD.sub(lambda found: _in_other_words(found, words), tag[0]), text)


def _in_other_words(found: re.Match[str], words: Words) -> str:
    path = found["path"]
    if not path:
        return found[0]
    for beginning in _beginnings(path):
        if beginning in words:
            return words[beginning] + path[len(beginning) :]
    return path


def _beginnings(path: str) -> Iterator[str]:
    """ "steps.draft.text" → itself, "steps.draft", "steps"."""
    yield path
    for place in reversed([found.start() for found in re.finditer(r"[.\[]", path)]):
        yield path[:place]
