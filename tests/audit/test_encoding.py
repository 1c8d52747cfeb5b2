"""One byte form for what is equal, another for everything else (rule A7, case A21), and trees as in RFC 6962."""

from __future__ import annotations

import hashlib
import json
import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from audit.verify import tree
from audit.verify.encoding import encode, number_text, parse, time_text

TWINS = [
    (1, 1.0),
    (1, Decimal("1.00")),
    (100, Decimal("1E+2")),
    (0, -0.0),
    (0.1, Decimal("0.10")),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ([1, "x"], (1.0, "x")),
]
STRANGERS = [
    (1, "1"),
    (1, True),
    (0, False),
    (None, ""),
    ([], {}),
    (["ab", "c"], ["a", "bc"]),
    ([["a"], "b"], [["a", "b"]]),
    ({"a": {"b": 1}}, {"a": {}, "b": 1}),
    ("é", "é"),  # composed and decomposed: entries are written composed, so another form is a change
    (0.1, 0.1000000000000000055),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_what_is_equal_has_one_form(one: Any, other: Any) -> None:
    assert encode(one) == encode(other)


@pytest.mark.parametrize(("one", "other"), [pair for pair in STRANGERS if pair[0] != pair[1] or type(pair[0]) is bool])
def test_what_differs_has_another(one: Any, other: Any) -> None:
    assert encode(one) != encode(other)


def test_a_moment_is_the_same_in_every_time_zone() -> None:
    moment = datetime(2026, 11, 29, 8, 30, 0, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))

    assert time_text(moment) == "2026-11-29T03:00:00.000005+00:00"


def test_what_is_written_as_json_and_read_again_keeps_its_form() -> None:
    chance = random.Random(20261129)
    seen: dict[bytes, str] = {}

    for _ in range(20_000):
        value = _anything(chance, 3)
        form = encode(value)
        document = json.dumps(value, sort_keys=True)
        assert encode(parse(document)) == form
        assert seen.setdefault(form, document) == document or parse(seen[form]) == parse(document)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN")])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no number"):
        number_text(value)


def test_the_trees_of_rfc_6962() -> None:
    """The test vectors of its reference implementation (certificate-transparency, merkle_tree_test)."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(each)).digest() for each in inputs]
    roots = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }

    assert {count: tree.root_of(leaves[:count]).hex() for count in roots} == roots


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33])
def test_the_way_from_each_leaf_leads_to_the_root_and_no_other_does(count: int) -> None:
    leaves = [hashlib.sha256(bytes([number])).digest() for number in range(count)]
    root = tree.root_of(leaves)

    for position, leaf in enumerate(leaves):
        way = tree.way_of(leaves, position)
        assert tree.leads_to(leaf, position, count, way) == root
        assert tree.leads_to(leaf, (position + 1) % count, count, way) != root or count == 1
        assert tree.leads_to(leaf, position, count, [*way, leaf]) is None
    assert tree.leads_to(leaves[0], count, count, []) is None


def _anything(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(8 if depth else 6)
    if kind == 0:
        return chance.choice([None, True, False, "", 0, 1, -1])
    if kind in (1, 2):
        return "".join(chance.choice('aé \u0301:09中😀"\\') for _ in range(chance.randrange(6)))
    if kind == 3:
        return chance.randrange(-(10**12), 10**12)
    if kind in (4, 5):
        return chance.choice([chance.random(), chance.uniform(-1e15, 1e15), float(chance.randrange(100)), 1e22, 1e-7])
    if kind == 6:
        return [_anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {_anything_named(chance): _anything(chance, depth - 1) for _ in range(chance.randrange(4))}


def _anything_named(chance: random.Random) -> str:
    return "".join(chance.choice("ab:é1") for _ in range(chance.randrange(3)))
