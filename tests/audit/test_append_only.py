"""The ledger refuses every change, whoever asks (rule A1, case A01)."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import Error, connection, transaction

from audit import history
from audit.anchoring import InFile
from audit.models import Entry
from audit.services import NotInTransaction, record
from departments.access import SYSTEM
from tests.factories import make_file, make_run, make_step, make_task

STATEMENTS = {
    "update": "UPDATE audit_entry SET actor_label = 'somebody else'",
    "delete": "DELETE FROM audit_entry",
    "truncate": "TRUNCATE audit_entry",
    "truncate together with others": "TRUNCATE audit_entry, django_session",
    "upsert": "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (id) DO UPDATE SET verb = 'x.y'",
}


@pytest.fixture
def entry(db: None) -> Entry:
    with transaction.atomic():
        return record("workflow.published", actor=SYSTEM, department="legal", version=3)


@pytest.mark.parametrize("role", ["origin", "replica", "local"])
@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS.keys())
def test_the_database_refuses_to_change_the_ledger_in_any_replication_role(
    entry: Entry, statement: str, role: str
) -> None:
    before = list(Entry.objects.values())

    with pytest.raises(Error, match="append-only"), transaction.atomic():
        _execute(f"SET LOCAL session_replication_role = {role}", statement)

    assert list(Entry.objects.values()) == before


def test_saving_or_deleting_an_entry_through_the_model_is_refused(entry: Entry) -> None:
    entry.verb = "workflow.archived"

    with pytest.raises(Error, match="append-only"), transaction.atomic():
        entry.save()
    with pytest.raises(Error, match="append-only"), transaction.atomic():
        entry.delete()

    assert Entry.objects.get().verb == "workflow.published"


def test_the_triggers_are_enabled_always(db: None) -> None:
    triggers = "SELECT tgname, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal"

    found = dict(_execute(f"{triggers} AND tgrelid = 'audit_entry'::regclass"))

    assert found == {"ledger_keeps_rows": "A", "ledger_keeps_table": "A"}


@pytest.mark.django_db(transaction=True)
def test_an_entry_outside_a_transaction_is_refused() -> None:
    with pytest.raises(NotInTransaction):
        record("workflow.published", actor=SYSTEM)

    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_entry_goes_with_its_deed_when_the_transaction_is_rolled_back() -> None:
    def publish_and_fail() -> None:
        record("workflow.published", actor=SYSTEM)
        raise RuntimeError("the deed failed")

    with pytest.raises(RuntimeError), transaction.atomic():
        publish_and_fail()

    assert not Entry.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_emptying_the_tables_between_tests_leaves_the_triggers_as_they_were_and_no_anchors() -> None:
    with transaction.atomic():
        record("workflow.published", actor=SYSTEM)
    settings.LEDGER_ANCHORS.write_text('{"batch": 7, "hash": "of the test before"}\n')

    call_command("flush", interactive=False, verbosity=0)

    assert not Entry.objects.exists()
    assert not history.notice([InFile(settings.LEDGER_ANCHORS)]), "an emptied ledger was not set back"
    test_the_triggers_are_enabled_always(None)


def _execute(*statements: str) -> list[tuple[str, ...]]:
    """Rows of the last statement."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_the_ledger_names_a_run_a_task_and_a_file_without_what_people_wrote(db: None) -> None:
    run = make_run(title="Divorce of Jane Doe")
    task = make_task(make_step(run), question="May Jane Doe see this?")
    file = make_file(name="Jane Doe.pdf")

    with transaction.atomic():
        labels = [record("thing.seen", actor=SYSTEM, thing=thing).object_label for thing in (run, task, file)]

    name = f"{run.workflow.name} {str(run.pk)[-8:]}"
    assert labels == [name, name, f"text/plain {str(file.pk)[-8:]}"]
