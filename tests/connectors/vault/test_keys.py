"""The keys of the vault: made once beside the data, or given."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from config import env
from config.env import BadSetting
from config.key_rings import VaultKeys, a_new_entry

KEY = base64.b64encode(b"k" * 32).decode()


def at(home: Path, given: str = "") -> env.Env:
    return replace(env.read(), home=home, vault_keys=given)


def test_the_first_is_made_once_readable_by_its_owner_alone(tmp_path: Path) -> None:
    made = VaultKeys(at(tmp_path / "new")).known

    assert VaultKeys(at(tmp_path / "new")).known == made
    assert (tmp_path / "new/vault-keys").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["vault-keys"]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as many:
        found = list(many.map(lambda _: VaultKeys(at(tmp_path)).known, range(8)))

    assert all(each == found[0] for each in found)


def test_a_new_key_stands_before_the_others(tmp_path: Path) -> None:
    keys = VaultKeys(at(tmp_path))
    first = list(keys.known)

    name = keys.add()

    assert list(keys.known) == [name, *first]
    assert (tmp_path / "vault-keys").stat().st_mode & 0o777 == 0o600
    assert VaultKeys(at(tmp_path)).known == keys.known


def test_keys_from_outside_are_taken_in_their_order(tmp_path: Path) -> None:
    keys = VaultKeys(at(tmp_path, f"b:{KEY}, {a_new_entry()}"))

    assert keys.are_given
    assert next(iter(keys.known.items())) == ("b", b"k" * 32)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "given", ["a", f":{KEY}", f"a:{KEY[:-4]}", "a:!!!", f"a:{KEY},a:{KEY}", f"{'n' * 61}:{KEY}", ","]
)
def test_what_is_no_key_is_refused_without_being_repeated(given: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="TANDEM_VAULT_KEYS") as refused:
        VaultKeys(at(tmp_path, given))

    assert KEY not in str(refused.value)


def test_no_key_shows_in_the_settings_as_text(tmp_path: Path) -> None:
    assert KEY not in repr(at(tmp_path, f"a:{KEY}"))
