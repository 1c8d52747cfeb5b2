"""Who brought a file and who took it along stands in the ledger, without the file's name (rules A10 and A13)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from audit.models import Entry
from audit.sentences import sentence
from departments.access import actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.faults.crowd import at_once, errors
from workflows.models import FileUse, StoredFile
from workflows.runtime import files, room
from workflows.services.files import download_file, store_file

pytestmark = pytest.mark.django_db

NAME = "Kündigung Erika Mustermann.txt"


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


def person(department: Department, role: Role) -> Any:
    return actor_for_user(factories.make_user("Clara Vogel", department, role))


def test_bringing_and_taking_a_file_each_write_one_entry(legal: Department) -> None:
    clara = person(legal, Role.BUILDER)

    stored = store_file(legal, name=NAME, content=b"secret", actor=clara)
    content = download_file(stored, actor=clara)

    assert content == b"secret"
    taken, brought = Entry.objects.shown()
    assert [brought.verb, taken.verb] == ["file.stored", "file.downloaded"]
    label = f"text/plain {str(stored.pk)[-8:]}"
    assert sentence(brought) == f"Clara Vogel stored the file {label}"
    assert sentence(taken) == f"Clara Vogel downloaded the file {label}"
    for entry in (brought, taken):
        assert (entry.department, entry.object_id, entry.actor_id) == (legal.slug, str(stored.pk), clara.id)
        assert entry.detail == {"type": "text/plain", "bytes": 6, "sha256": hashlib.sha256(b"secret").hexdigest()}


def test_the_ledger_does_not_know_the_name(legal: Department) -> None:
    clara = person(legal, Role.BUILDER)

    download_file(store_file(legal, name=NAME, content=b"secret", actor=clara), actor=clara)

    assert "Mustermann" not in str(list(Entry.objects.values()))


def test_what_is_refused_writes_nothing(legal: Department, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 4)
    clara, viewer = person(legal, Role.BUILDER), person(legal, Role.VIEWER)

    for actor, content, refusal in (
        (clara, b"", ValidationError),
        (clara, b"12345", ValidationError),
        (viewer, b"1", PermissionDenied),
    ):
        with pytest.raises(refusal):
            store_file(legal, name=NAME, content=content, actor=actor)

    assert not Entry.objects.exists()


def test_a_stranger_takes_nothing_along_and_leaves_no_trace_of_having_done_so(legal: Department) -> None:
    stored = store_file(legal, name=NAME, content=b"secret", actor=person(legal, Role.BUILDER))
    stranger = person(factories.make_department(), Role.MANAGER)

    with pytest.raises(PermissionDenied):
        download_file(stored, actor=stranger)

    assert not Entry.objects.shown().filter(verb="file.downloaded").exists()


def test_the_file_and_its_entry_are_kept_or_lost_together(legal: Department) -> None:
    clara = person(legal, Role.BUILDER)

    with transaction.atomic():
        store_file(legal, name=NAME, content=b"secret", actor=clara)
        transaction.set_rollback(True)

    assert not StoredFile.objects.exists()
    assert not Entry.objects.exists()


def test_a_file_whose_bytes_are_gone_was_not_downloaded(legal: Department, tmp_path: Path) -> None:
    clara = person(legal, Role.BUILDER)
    stored = store_file(legal, name=NAME, content=b"secret", actor=clara)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()

    with pytest.raises(FileNotFoundError):
        download_file(stored, actor=clara)

    assert not Entry.objects.shown().filter(verb="file.downloaded").exists()


def test_pages_and_api_go_the_same_way(legal: Department, client: Any) -> None:
    user = factories.make_user("Clara Vogel", legal, Role.BUILDER)
    stored = store_file(legal, name=NAME, content=b"secret", actor=actor_for_user(user))
    client.force_login(user)

    answer = client.get(f"/files/{stored.pk}/")

    assert answer.content == b"secret"
    assert Entry.objects.shown().filter(verb="file.downloaded", object_id=str(stored.pk)).count() == 1


def test_what_files_take_is_added_up_as_they_come_change_and_go(legal: Department) -> None:
    def taken() -> dict[tuple[str, str], int]:
        return {(each.department.name, each.bringer): each.bytes for each in FileUse.objects.all()}

    for size, who in ((30, "Ada"), (20, "Ada"), (7, "Ben"), (1, "")):
        files.save(legal.pk, "a.txt", b"x" * size, "text/plain", created_by=who)
    files.save(factories.make_department("Press").pk, "b.txt", b"x" * 5, "text/plain", created_by="Ada")
    assert taken() == {
        ("Legal", ""): 58, ("Legal", "Ada"): 50, ("Legal", "Ben"): 7, ("Press", ""): 5, ("Press", "Ada"): 5
    }  # fmt: skip

    StoredFile.objects.filter(created_by="Ben").update(created_by="Ada")
    StoredFile.objects.filter(size=20).delete()
    assert taken() == {("Legal", ""): 38, ("Legal", "Ada"): 37, ("Press", ""): 5, ("Press", "Ada"): 5}
    StoredFile.objects.all().delete()
    assert taken() == {("Legal", ""): 0, ("Press", ""): 0}, "and no name stays"


@pytest.mark.django_db(transaction=True)
def test_of_many_files_at_once_only_those_are_kept_for_which_there_is_room(legal: Department, settings: Any) -> None:
    settings.FILES_OF_A_DEPARTMENT = 100

    def brings(number: int) -> None:
        files.save(legal.pk, f"{number}.txt", b"x" * 30, "text/plain", created_by=f"person {number}", is_brought=True)

    answers = at_once(8, brings)

    assert [type(error) for error in errors(answers)] == [room.NoRoom] * 5
    assert StoredFile.objects.count() == 3
