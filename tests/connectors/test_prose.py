"""Cutting and finishing texts. Pure."""

from __future__ import annotations

import pytest

from connectors.sdk import prose


@pytest.mark.parametrize(
    ("text", "most", "cut"),
    [
        ("", 10, []),
        ("short", 10, ["short"]),
        ("one two three four", 10, ["one two", "three four"]),
        ("First line.\n\nSecond one.", 15, ["First line.", "Second one."]),
        ("A first. A second. A third.", 19, ["A first. A second.", "A third."]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
    ],
)
def test_a_long_text_is_cut_where_a_reader_would(text: str, most: int, cut: list[str]) -> None:
    assert prose.pieces(text, most) == cut


@pytest.mark.parametrize("most", [7, 50, 333])
def test_cutting_loses_no_word_and_no_piece_is_too_long(most: int) -> None:
    text = "\n\n".join(f"Sentence number {number} stands here. " * 5 for number in range(40))

    parts = prose.pieces(text, most)

    assert max(map(len, parts)) <= most
    assert "".join("".join(parts).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("written", "most", "finished"),
    [
        (" All good. ", 100, ("All good.", True)),
        ("No full stop", 100, ("No full stop", True)),
        ("It fits exactly.", 16, ("It fits exactly.", True)),
        ("It is whole. This is no", 23, ("It is whole.", False)),
        ("Was it? “Yes!” And th", 21, ("Was it? “Yes!”", False)),
        ("Costs 3.5 million eur", 21, ("Costs 3.5 million eur", False)),
    ],
)
def test_a_text_that_filled_its_room_ends_with_its_last_whole_sentence(
    written: str, most: int, finished: tuple[str, bool]
) -> None:
    assert prose.finished(written, most) == finished


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "yes"), (5, "5"), ("as it is", "as it is"), (["a"], '[\n  "a"\n]')],
)
def test_any_value_can_be_read(value: object, text: str) -> None:
    assert prose.readable(value) == text
