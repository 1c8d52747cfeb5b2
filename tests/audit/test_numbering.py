"""Every entry has its number and its code (rules A2 and A3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from audit.models import Counter, Entry, Unsealed
from audit.sealing import SELECTED, row_from
from audit.services import record
from audit.verify.encoding import entry_bytes, mac_of
from departments.access import SYSTEM, Actor

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)


@transaction.atomic
def note(department: str = "legal", run_id: UUID | None = None, **told: object) -> Entry:
    return record("thing.done", actor=SYSTEM, department=department, run_id=run_id, **told)


def numbers(**which: object) -> list[int]:
    return list(Entry.objects.filter(**which).order_by("seq").values_list("seq", flat=True))


def test_numbers_are_dense_within_each_run_and_each_department(db: None) -> None:
    run, child = uuid4(), uuid4()
    note(run_id=run, opened_at=NOW)

    for _ in range(2):
        note()
        note("press")
        note(run_id=run)
        note(run_id=child)

    assert numbers(run_id=run) == [1, 2, 3]
    assert numbers(run_id=child) == [1, 2]
    assert numbers(run_id=None, department="legal") == numbers(run_id=None, department="press") == [1, 2]
    assert dict(Counter.objects.values_list("scope", "last")) == {"legal": 2, "press": 2, str(run): 3, str(child): 2}
    assert set(Unsealed.objects.values_list("pk", flat=True)) == set(Entry.objects.values_list("pk", flat=True))


def test_the_code_is_made_of_what_the_database_keeps(db: None) -> None:
    who = Actor(kind="token", id="1", label="Ze\u0301 Nunes")
    with transaction.atomic():
        record("thing.done", actor=who, department="legal", n=1.50, of=[{"b": 1e22, "a": 1e-7}], name="e\u0301")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SELECTED} FROM audit_entry AS entry")
        row = row_from(cursor.fetchone())

    assert (row.actor_label, row.detail["name"]) == ("Zé Nunes", "é")
    assert row.mac == mac_of(entry_bytes(row), settings.LEDGER_KEYS.known[row.mac_key])


@pytest.mark.django_db(transaction=True)
def test_what_is_taken_back_leaves_no_gap_and_many_at_once_no_double() -> None:
    run = uuid4()

    def taken_back() -> None:
        with transaction.atomic():
            note()
            note(run_id=run)
            transaction.set_rollback(True)

    def work(number: int) -> None:
        try:
            note()
            taken_back()
            note(run_id=run)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as many:
        list(many.map(work, range(24)))

    assert numbers(run_id=None) == numbers(run_id=run) == list(range(1, 25))


@pytest.mark.django_db(transaction=True)
def test_what_was_there_before_is_numbered_marked_and_queued_and_none_is_lost() -> None:
    run, alone = uuid4(), uuid4()
    _migrate("0002_append_only")
    with connection.cursor() as cursor:
        for department, run_id in [("legal", None), ("legal", run), ("", None), ("legal", None), ("legal", run)]:
            cursor.execute(_OLD, [uuid4(), department, run_id])
        cursor.execute(_OLD, [uuid4(), "legal", alone])

    _migrate("0004_payloads")

    assert [numbers(run_id=None, department=slug) for slug in ("", "legal")] == [[1], [1, 2]]
    assert (numbers(run_id=run), numbers(run_id=alone)) == ([1, 2], [1])
    assert set(Entry.objects.values_list("form", "mac_key")) == {(0, "")}
    assert Unsealed.objects.count() == Entry.objects.count() == 6
    assert [note().seq, note(run_id=run).seq, note(run_id=alone).seq] == [3, 3, 2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgenabled::text FROM pg_trigger WHERE tgname LIKE 'ledger_keeps%%'")
        assert cursor.fetchall() == [("A",)] * 6


_OLD = """
INSERT INTO audit_entry (id, department, run_id, actor_kind, actor_id, actor_label, verb, object_kind, object_id,
    object_label, detail) VALUES (%s, %s, %s, 'system', '', 'Tandem', 'thing.done', '', '', '', '{}')
"""


def _migrate(to: str) -> None:
    MigrationExecutor(connection).migrate([("audit", to)])
