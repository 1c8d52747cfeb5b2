"""What is sealed opens with its key, in its place, unaltered, and not otherwise (rule S9, case X08)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from connectors.vault.sealing import CannotOpen, Sealed, UnknownKey, rewrap, seal, unseal

KEYS = {"new": b"n" * 32, "old": b"o" * 32}
OLD = {"old": KEYS["old"]}
HERE = b"secret-1|legal|1"


@given(some.binary(max_size=5_000))
def test_whatever_is_sealed_comes_back(plain: bytes) -> None:
    assert unseal(seal(plain, HERE, KEYS), HERE, KEYS) == plain


def test_two_sealings_of_the_same_have_nothing_in_common_and_show_nothing() -> None:
    one, two = seal(b"open sesame", HERE, KEYS), seal(b"open sesame", HERE, KEYS)

    assert one.body != two.body
    assert one.wrapped != two.wrapped
    assert b"sesame" not in one.body + one.wrapped


@pytest.mark.parametrize("there", [b"secret-2|legal|1", b"secret-1|marketing|1", b"secret-1|legal|2"])
def test_moved_to_another_row_department_or_version_it_does_not_open(there: bytes) -> None:
    with pytest.raises(CannotOpen, match="belongs to something else"):
        unseal(seal(b"open sesame", HERE, KEYS), there, KEYS)


def test_its_parts_do_not_go_with_those_of_another() -> None:
    one, two = seal(b"one", HERE, KEYS), seal(b"two", HERE, KEYS)
    with pytest.raises(CannotOpen):
        unseal(replace(one, body=two.body), HERE, KEYS)


@pytest.mark.parametrize("part", ["wrapped", "body"])
def test_one_altered_bit_is_noticed_wherever_it_stands(part: str) -> None:
    sealed = seal(b"open sesame", HERE, KEYS)
    whole = getattr(sealed, part)
    for at in range(len(whole)):
        altered = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        with pytest.raises(CannotOpen):
            unseal(Sealed(**{**_fields(sealed), part: altered}), HERE, KEYS)


@pytest.mark.parametrize("cut", [0, 5, 12, 20])
def test_what_is_cut_off_is_refused(cut: int) -> None:
    sealed = seal(b"open sesame", HERE, KEYS)
    with pytest.raises(CannotOpen):
        unseal(replace(sealed, body=sealed.body[:cut]), HERE, KEYS)


def test_under_a_new_key_it_opens_without_the_old_one() -> None:
    sealed = seal(b"open sesame", HERE, OLD)
    with pytest.raises(UnknownKey, match="old"):
        unseal(sealed, HERE, {"new": KEYS["new"]})

    moved = rewrap(sealed, HERE, KEYS)

    assert (moved.key_id, moved.body) == ("new", sealed.body)
    assert unseal(moved, HERE, {"new": KEYS["new"]}) == b"open sesame"


def _fields(sealed: Sealed) -> dict[str, object]:
    return {"key_id": sealed.key_id, "wrapped": sealed.wrapped, "body": sealed.body}
