"""What a person changed, word by word."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.engine.redline import difference


@pytest.mark.parametrize(
    ("before", "after", "parts", "kept"),
    [
        ("the same", "the same", [("same", "the same")], (2, 2)),
        (
            "a routine day",
            "a quiet day",
            [("same", "a "), ("del", "routine"), ("ins", "quiet"), ("same", " day")],
            (2, 3),
        ),
        ("one two", "one two three", [("same", "one two"), ("ins", " three")], (2, 2)),
        ("one, two", "one", [("same", "one"), ("del", ", two")], (1, 2)),
        ("", "new", [("ins", "new")], (0, 0)),
        ("gone", "", [("del", "gone")], (0, 1)),
        ("a\nb\nc", "a\nB\nc", [("same", "a\n"), ("del", "b"), ("ins", "B"), ("same", "\nc")], (2, 3)),
        ("a\r\nb", "a\nb", [("same", "a\nb")], (2, 2)),
    ],
)
def test_the_change_is_shown_by_words(before: str, after: str, parts: list[tuple[str, str]], kept: tuple[int, int]):
    found = difference(before, after)

    assert [(part.kind, part.text) for part in found.parts] == parts
    assert (found.kept, found.of) == kept
    assert found.is_none == (before.replace("\r", "") == after)


@given(before=st.text(alphabet="ab c.\n", max_size=80), after=st.text(alphabet="ab c.\n", max_size=80))
def test_what_is_kept_and_added_is_the_new_text_and_what_is_kept_and_removed_the_old(before: str, after: str):
    parts = difference(before, after).parts

    assert "".join(part.text for part in parts if part.kind != "ins") == before.strip()
    assert "".join(part.text for part in parts if part.kind != "del") == after.strip()


def test_two_long_texts_with_nothing_in_common_are_compared_at_once():
    before, after = " ".join(f"a{n}" for n in range(20_000)), " ".join(f"b{n}" for n in range(20_000))
    began = time.thread_time()

    found = difference(before, after)

    assert [part.kind for part in found.parts] == ["del", "ins"]
    assert time.thread_time() - began < 1
