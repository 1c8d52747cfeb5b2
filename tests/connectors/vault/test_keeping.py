"""Secrets in rows, and the rotation of the keys above them (cases X08 and X09)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from audit.models import Entry
from connectors import scrubbing, vault
from connectors.models import Secret
from departments.models import Department
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

VALUES = {"user": "ada", "password": "correct horse"}


class Keys:
    """The keys of the settings, in memory: what `config.key_rings` does with files is tested beside it."""

    are_given = False

    def __init__(self) -> None:
        self.known = {"first": b"1" * 32}
        self.elsewhere: dict[str, bytes] = {}

    def read_anew(self) -> dict[str, bytes]:
        self.known = {**self.elsewhere, **self.known}
        return self.known

    def add(self) -> str:
        self.known = {"second": b"2" * 32, **self.known}
        return "second"


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> Keys:
    settings.VAULT_KEYS = Keys()
    return settings.VAULT_KEYS


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


def test_what_is_kept_comes_back_and_stands_nowhere_in_clear(legal: Department) -> None:
    secret = vault.keep(VALUES, legal.pk)

    assert vault.opened(Secret.objects.get(pk=secret.pk)) == VALUES
    with connection.cursor() as cursor:
        cursor.execute("SELECT connectors_secret::text FROM connectors_secret")
        row = cursor.fetchone()[0]
    for form in (b"correct horse", base64.b64encode(b"correct horse")[:12]):
        assert form.decode() not in row
        assert form.hex() not in row


def test_a_row_that_is_moved_to_another_department_does_not_open(legal: Department) -> None:
    secret = vault.keep(VALUES, legal.pk)
    Secret.objects.filter(pk=secret.pk).update(department=factories.make_department("Marketing"))

    with pytest.raises(vault.CannotOpen):
        vault.opened(Secret.objects.get(pk=secret.pk))


def test_the_sealed_value_of_another_row_does_not_open(legal: Department) -> None:
    ours = vault.keep(VALUES, legal.pk)
    theirs = vault.keep({"password": "somebody else's"}, factories.make_department("Marketing").pk)
    Secret.objects.filter(pk=ours.pk).update(key_id=theirs.key_id, wrapped=theirs.wrapped, body=theirs.body)

    with pytest.raises(vault.CannotOpen):
        vault.opened(Secret.objects.get(pk=ours.pk))


def test_a_replaced_value_cannot_be_put_back(legal: Department) -> None:
    secret = vault.keep(VALUES, legal.pk)
    before = Secret.objects.get(pk=secret.pk)
    vault.replace(secret, {"password": "a newer one"})

    assert vault.opened(Secret.objects.get(pk=secret.pk)) == {"password": "a newer one"}
    Secret.objects.filter(pk=secret.pk).update(wrapped=before.wrapped, body=before.body)
    with pytest.raises(vault.CannotOpen):
        vault.opened(Secret.objects.get(pk=secret.pk))


def test_what_was_opened_is_taken_out_of_what_is_written(legal: Department) -> None:
    vault.opened(vault.keep({"token": "xq7-unheard-of-9"}, legal.pk))

    assert scrubbing.known().text("it said xq7-unheard-of-9 to us") == "it said [secret] to us"


# ── rotation ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rotation_may_be_broken_off_in_the_middle_and_loses_nothing(
    legal: Department, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [vault.keep({"token": f"token number {number}"}, legal.pk) for number in range(50)]
    rewrap_some = vault.rewrap_some
    rounds = iter(range(3))

    def breaks_off() -> int:
        if next(rounds, None) is None:
            raise KeyboardInterrupt
        return rewrap_some(10)

    monkeypatch.setattr(vault, "rewrap_some", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        call_command("rotate_vault_key")
    assert vault.under_old_keys() == 20
    assert _all_open(kept)

    monkeypatch.setattr(vault, "rewrap_some", rewrap_some)
    vault.replace(kept[-1], {"token": "token number 49"})
    call_command("rotate_vault_key", go_on=True)

    assert vault.under_old_keys() == 0
    keys.known = {"second": keys.known["second"]}
    assert _all_open(kept)
    assert Entry.objects.filter(verb="vault.rotated").values_list("detail", flat=True).get()["key"] == "second"


def test_a_process_that_began_before_the_rotation_finds_the_new_key(legal: Department, keys: Keys) -> None:
    secret = vault.keep(VALUES, legal.pk)
    keys.add()
    vault.rewrap_some()
    keys.elsewhere, keys.known = {"second": keys.known["second"]}, {"first": keys.known["first"]}

    assert vault.opened(Secret.objects.get(pk=secret.pk)) == VALUES


def test_an_altered_secret_stops_the_rotation_with_its_name(legal: Department) -> None:
    secret = vault.keep(VALUES, legal.pk)
    Secret.objects.filter(pk=secret.pk).update(wrapped=b"x" * 60)

    with pytest.raises(CommandError, match=str(secret.pk)):
        call_command("rotate_vault_key")


def _all_open(kept: list[Secret]) -> bool:
    rows: dict[Any, Secret] = Secret.objects.in_bulk([secret.pk for secret in kept])
    return all(
        vault.opened(rows[secret.pk]) == {"token": f"token number {number}"} for number, secret in enumerate(kept)
    )
