"""What is told of a name that may deceive its reader (case P10)."""

from __future__ import annotations

import pytest

from workflows.engine.odd_names import oddities


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ND\u0410 triage", "In “ND\u0410”, \u0410 is a Cyrillic letter that looks like the Latin A."),
        ("\u0440\u0430ypal", "In “\u0440\u0430ypal”, \u0440 is a Cyrillic letter that looks like the Latin p and "
         "\u0430 is a Cyrillic letter that looks like the Latin a."),
        ("\u0441\u043e\u0440\u0443", "\u0441 is a Cyrillic letter that looks like the Latin c"),
        ("\u039dDA triage", "\u039d is a Greek letter that looks like the Latin N."),
        ("Ｐress triage", "styled characters (Ｐ) and reads “Press triage”."),
        ("\U0001d40dDA", "reads “NDA”."),
        ("invoice\u202efdp.exe", "turn the direction of reading (right-to-left override)"),
        ("Press\u200b triage", "nobody sees (zero width space)."),
        ("ok\U000e0041", "nobody sees (tag latin capital letter a)."),
        ("A\u3164B", "nobody sees (hangul filler)."),
        ("A\x00B", "nobody sees (u+0000)."),
        ("Z" + "\u0301" * 100, "carries 100 marks"),
    ],
    ids=ascii,
)  # fmt: skip
def test_what_may_deceive_is_told(name: str, sentence: str) -> None:
    (said,) = oddities(name)

    assert sentence in said


@pytest.mark.parametrize(
    "name",
    [
        "NDA triage",
        "Café, Straße, Łódź, Ngô Đình",
        "Проверка договора",
        "ТЕСТ договора",
        "Έλεγχος συμβάσεων",
        "合同审查 2026",
        "بررسی می\u200cشود",
        "क्\u200dष",
        "Rollout 🎉 ½ price™",
        "👩\u200d💻 desk",
        "µm and TGF-β",
        "Legal · „Prüfung“ – 2. Stufe…",
    ],
)
def test_names_in_any_script_are_left_in_peace(name: str) -> None:
    assert oddities(name) == []


def test_every_oddity_has_its_own_sentence() -> None:
    assert len(oddities("ND\u0410\u200b \u202eＡ")) == 4
