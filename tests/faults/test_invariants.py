"""The checker itself: it finds each violation that is planted, and nothing in a database that is well."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from audit.models import Entry
from departments.access import SYSTEM
from tests import factories
from tests.faults.invariants import check_invariants
from tests.faults.sink import Sink
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.models import JournalEntry, Run, StepRun, Task
from workflows.services.runs import cancel_run

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "canary-planted-by-hand"


@pytest.fixture
def run() -> Run:
    """Ended well: a local step and one with an effect."""
    text = {"id": "text", "kind": "text.compose", "with": {"text": "Hello"}}
    return carried(run_of(published([text, {"id": "probe", "kind": "probe.keyed"}])))


@pytest.fixture
def waiting() -> Run:
    """Waits for a person."""
    return carried(run_of(published([{"id": "ask", "kind": "people.approve", "with": {"question": "May it?"}}])))


def violations(plant: Callable[[], object], **asked: object) -> str:
    """What is found once the violation is planted; it is taken back afterwards."""
    with transaction.atomic():
        plant()
        found = check_invariants(**asked)  # type: ignore[arg-type]
        transaction.set_rollback(True)
    return "\n".join(found)


def test_a_database_that_is_well_has_none(run: Run, waiting: Run, sink: Sink) -> None:
    cancel_run(waiting, actor=SYSTEM)

    assert check_invariants(sink, 1, canaries=[CANARY]) == []


def test_i1_a_run_that_nothing_will_move(waiting: Run) -> None:
    assert f"I1 run {waiting.pk}" in violations(lambda: Task.objects.update(status="cancelled"))
    assert f"I1 run {waiting.pk}" in violations(lambda: StepRun.objects.all().delete())


def test_i1_something_left_behind_in_a_run_that_is_over(run: Run, waiting: Run) -> None:
    assert "its step probe is still ready" in violations(lambda: run.steps.filter(path="probe").update(status="ready"))
    assert "is still open" in violations(lambda: Run.objects.filter(pk=waiting.pk).update(status="failed"))
    assert "inside it is waiting" in violations(lambda: Run.objects.filter(pk=waiting.pk).update(parent=run))


def test_i2_a_step_that_ended_twice(run: Run) -> None:
    def end_again() -> None:
        JournalEntry.objects.create(run=run, seq=run.seq + 1, event="step.succeeded", path="probe")

    assert "I2 step probe" in violations(end_again)
    assert "counts 2 attempts and has written 1" in violations(
        lambda: run.steps.filter(path="probe").update(attempts=2)
    )


def test_i3_a_journal_with_a_gap(run: Run) -> None:
    assert f"I3 run {run.pk}" in violations(lambda: run.journal.filter(seq=2).delete())
    assert f"I3 run {run.pk}" in violations(lambda: Run.objects.filter(pk=run.pk).update(seq=99))


def test_i4_a_finished_step_that_changes(run: Run) -> None:
    assert "I4 step probe" in violations(lambda: run.steps.filter(path="probe").update(output={"value": "other"}))
    assert f"I4 run {run.pk} was succeeded" in violations(lambda: Run.objects.filter(pk=run.pk).update(status="failed"))


def test_i5_an_effect_that_happened_twice(sink: Sink) -> None:
    for effect in ("keyed", "unsafe", "pure"):
        for _ in range(2):
            sink.book.write("http", "a", effect, f"key of {effect}", b"", honours=False)

    found = check_invariants(sink)
    sink.clear()

    assert found == [f"I5 the {effect} effect key of {effect} happened 2 times" for effect in ("unsafe", "keyed")]


def test_i6_a_change_that_nobody_wrote_down(run: Run, waiting: Run) -> None:
    assert "its journal says so 0 times" in violations(lambda: run.journal.filter(event="step.succeeded").delete())
    assert "the last word of its journal" in violations(
        lambda: Run.objects.filter(pk=waiting.pk).update(status="failed")
    )
    assert "the ledger knows run" in violations(lambda: run.delete())
    assert f"task {Task.objects.get().pk} was decided" in violations(lambda: Task.objects.update(status="decided"))
    assert "was cancelled by somebody" in violations(lambda: Run.objects.update(cancel_asked_at=Now()))


def test_i6_a_deed_that_the_ledger_tells_twice(run: Run) -> None:
    deed = Entry.objects.get(verb="run.started", run_id=run.pk)

    def tell_again() -> None:
        Entry.objects.create(verb=deed.verb, run_id=run.pk, seq=2, actor_kind="system", actor_label="Tandem")

    assert f"run {run.pk} was accepted, and the ledger says so 2 times" in violations(tell_again)


def test_i7_an_entry_that_was_taken_out_of_the_ledger_or_of_its_queue(run: Run) -> None:
    def take_out(what: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER ledger_keeps_rows")
            cursor.execute(what)

    first = "(SELECT id FROM audit_entry WHERE run_id IS NULL ORDER BY id LIMIT 1)"
    assert "numbered up to" in violations(lambda: take_out(f"DELETE FROM audit_entry WHERE id = {first}"))
    assert "waits for none" in violations(lambda: take_out(f"DELETE FROM audit_unsealed WHERE entry_id = {first}"))


def test_i7_a_ledger_whose_guards_are_asleep(run: Run) -> None:
    def put_to_sleep() -> None:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER ledger_keeps_rows")

    assert "I7 the trigger ledger_keeps_rows" in violations(put_to_sleep)


@pytest.mark.parametrize("form", [CANARY, CANARY.encode().hex(), "Y2FuYXJ5LXBsYW50ZWQtYnktaGFuZA"])
def test_i8_a_secret_in_a_row_or_in_a_log(run: Run, form: str) -> None:
    def leak() -> None:
        factories.make_step(factories.make_run(), status="cancelled", error={"message": f"No: {form}"})

    assert "I8 a secret stands in workflows_steprun" in violations(leak, canaries=[CANARY])
    assert "I8" in "\n".join(check_invariants(canaries=[CANARY], written={"worker.log": form.encode()}))


def test_i10_a_timer_and_a_retry_before_their_time() -> None:
    nap = carried(run_of(published([{"id": "nap", "kind": "flow.wait", "with": {"for_s": 3600}}])))

    def wake() -> None:
        nap.steps.update(status="ready", signal={"kind": "timer"}, wake_at=None)

    def begin() -> None:
        nap.steps.update(status="ready", run_after=Now() + timedelta(minutes=1))
        nap.steps.update(status="running")

    assert "I10 step nap" in violations(wake)
    assert "was begun" in violations(begin)


def test_i11_a_lease_that_is_too_long(waiting: Run) -> None:
    def lease() -> None:
        waiting.steps.update(status="running", lease_until=Now() + timedelta(hours=1))

    assert f"I11 step ask of run {waiting.pk}" in violations(lease)


def test_i12_nothing_was_proved(run: Run) -> None:
    assert check_invariants(min_succeeded=2)[0].startswith("I12 only 1 runs succeeded")
