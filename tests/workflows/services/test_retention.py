"""Contents of runs go after their time, or at once; nothing is left of them anywhere, and what happened stays (G01)."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from audit.models import Entry
from audit.sentences import sentence
from connectors.models import ModelCall
from departments import erasing, erasures, holds
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Notice, Role
from tests import factories
from tests.workflows.runtime.harness import done
from workflows.models import (
    Attempt,
    Delivery,
    DeliveryTry,
    JournalEntry,
    Run,
    Sample,
    Series,
    SeriesRow,
    StepRun,
    StoredFile,
    Task,
    Trigger,
    TriggerEvent,
    Workflow,
)
from workflows.runtime import emptying, files, outputs
from workflows.services import retention
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError
from workflows.services.runs import retry_run
from workflows.services.series import go_on

pytestmark = pytest.mark.django_db
SECRET = "Mrs Zimmerling, born 1961"
WROTE = {"text": SECRET, "list": [{"deep": SECRET}]}


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(erasures, "_file", lambda: tmp_path / "erased-people")
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def mona(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Mona", legal, Role.MANAGER))


@pytest.fixture
def workflow(legal: Department) -> Workflow:
    return factories.make_version(factories.make_workflow(legal, name="Contract check")).workflow


def ended(workflow: Workflow, days_ago: float = 0, **fields: Any) -> Run:
    at = timezone.now() - timedelta(days=days_ago)
    return factories.make_run(workflow.versions.get(), status="succeeded", finished_at=at, **fields)


def a_full_run(workflow: Workflow) -> Run:
    """With the secret in every row and file that can belong to a run."""
    legal, error = workflow.department, {"code": "rejected", "message": SECRET, "step": "a", "title": "Write"}
    given, kept = (files.save(legal.pk, f"{name}.txt", f"{name} {SECRET}".encode(), "") for name in ("given", "kept"))
    inputs = {"contract": files.reference(given).model_dump(), "who": WROTE, "also": files.reference(kept).model_dump()}
    ended(workflow, inputs={"again": files.reference(kept).model_dump()})
    run = ended(workflow, title=SECRET, inputs=inputs, output=WROTE, error=error, scope=WROTE)
    files.save(legal.pk, "made.txt", f"made {SECRET}".encode(), "", run_id=run.pk)
    _nothing, large = outputs.put_away({"text": SECRET * 60_000})
    inside = {"round": 1, "arms": ["a"], "scope": WROTE, "sent_back": {"remarks": SECRET}}
    step = factories.make_step(
        run, status="succeeded", output_sha256=large, error=error, inside=inside, signal=WROTE, summary=SECRET
    )
    child = ended(workflow, inputs=WROTE, scope=WROTE, parent=run, parent_step=step, item_index=0)
    factories.make_step(child, status="succeeded", output=WROTE)
    call = {"kind": "model", "model_asked": "m", "cost_usd": "0.1", "prompt": [{"content": SECRET}], "answer": SECRET}
    Attempt.objects.create(step=step, number=1, started_at=timezone.now(), given=WROTE, calls=[call], error=error)
    JournalEntry.objects.create(run=run, seq=1, event="step.done", detail=WROTE)
    more = {"draft": SECRET, "text": SECRET, "shown": WROTE, "options": [SECRET], "form": WROTE, "known": WROTE}
    told = {
        "why": error,
        "at_end": {"do": "answer", "answer": WROTE},
        "leaving": WROTE,
        "answer": {"decision": "approve", "by": "Lea", "reason": SECRET},
    }
    task = factories.make_task(step, status="decided", question=SECRET, **more, **told)
    factories.make_decision(task, factories.make_user("Lea"), reason=SECRET, answer=told["answer"])
    task.assignees.update(reason=SECRET)
    texts = {"subject": SECRET, "text": SECRET, "html": SECRET, "digest_line": SECRET}
    factories.make_notice(factories.make_user("Tom"), about=task.pk, status="sent", next_at=None, **texts)
    series = Series.objects.create(department=legal, workflow=workflow, key="k", title="T", total=1, started_by="Lea")
    SeriesRow.objects.create(series=series, number=1, values=WROTE, said=SECRET, run=run)
    trigger = Trigger.objects.create(department=legal, workflow=workflow, kind="web.hook", title="T", made_by="Lea")
    TriggerEvent.objects.create(trigger=trigger, key="1", title=SECRET, data=WROTE, said=SECRET, run_id=run.pk)
    data = {"id": str(run.pk), "title": SECRET, "error": error}
    subscription = factories.make_subscription(legal)
    delivery = Delivery.objects.create(subscription=subscription, type="run.failed", data=data, run_id=run.pk)
    DeliveryTry.objects.create(delivery=delivery, code=500, answer=SECRET, problem=SECRET)
    paid = {"provider": "P", "model": "m", "month": timezone.now().date().replace(day=1), "reserved_usd": 1}
    where = {"workflow_id": workflow.pk, "run_id": run.pk, "step_id": step.pk}
    ModelCall.objects.create(department=legal, **where, **paid, error=SECRET)
    return run


def found_in_tables() -> dict[str, int]:
    with connection.cursor() as cursor:
        found = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" AS one WHERE one::text LIKE %s', [f"%{SECRET[:14]}%"])
            found[table] = cursor.fetchone()[0]
    return {table: count for table, count in found.items() if count}


def found_in_files(media: Path) -> list[str]:
    return [path.read_text()[:5] for path in media.rglob("*") if path.is_file() and SECRET in path.read_text()]


def test_nothing_is_left_of_what_a_run_held_and_all_of_what_happened(
    workflow: Workflow, mona: Actor, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    run = a_full_run(workflow)
    assert len(found_in_tables()) == 13, found_in_tables()
    assert len(found_in_files(media)) == 4

    with django_capture_on_commit_callbacks(execute=True):
        retention.erase_contents(run, "The contract was withdrawn", actor=mona)

    assert found_in_tables() == {}
    assert found_in_files(media) == ["kept "], "which another run was given, too"
    assert list(StoredFile.objects.values_list("name", flat=True)) == ["kept.txt"]
    step, task = StepRun.objects.get(run=run), Task.objects.get(run=run)
    assert (run.status, step.status, step.inside) == ("succeeded", "succeeded", {"round": 1, "arms": ["a"]})
    assert step.error == {"code": "rejected", "message": "Erased.", "step": "a", "title": "Write"}
    assert step.tries.get().calls == [{"kind": "model", "model_asked": "m", "cost_usd": "0.1"}]
    assert task.answer == task.decisions.get().answer == {"decision": "approve", "by": "Lea"}
    assert Notice.objects.filter(about=task.pk).exists()
    told = Entry.objects.shown().get(verb="run.contents_erased")
    assert "Mona erased the contents of" in sentence(told)
    retention.erase_contents(run, "Twice is once", actor=mona)
    assert Entry.objects.filter(verb="run.contents_erased").count() == 1

    Run.objects.filter(pk=run.pk).update(erased_at=None, title=SECRET)  # as a restored backup knows it
    assert [erasing.replay() for _ in range(2)] == [0, 0]
    assert found_in_tables() == {}
    assert Entry.objects.filter(verb="run.contents_erased").count() == 2


def test_who_may_not_and_what_goes_on_or_is_held_is_refused(workflow: Workflow, mona: Actor) -> None:
    run, under_way = ended(workflow, inputs=WROTE), factories.make_run(workflow.versions.get(), status="waiting")
    part = ended(workflow, parent=run, parent_step=factories.make_step(run), item_index=0)
    builder = actor_for_user(factories.make_user("Bea", workflow.department, Role.BUILDER))
    with pytest.raises(PermissionDenied):
        retention.erase_contents(run, "x", actor=builder)
    with pytest.raises(PermissionDenied):
        retention.keep_for(workflow, 3, actor=builder)
    with pytest.raises(ValidationError, match="Say why"):
        retention.erase_contents(run, " ", actor=mona)
    for other, why in ((under_way, "not over"), (part, "part of another run")):
        with pytest.raises(Conflict, match=why):
            retention.erase_contents(other, "x", actor=mona)
    for days in (0, -1, 3651, 1.5):
        with pytest.raises(ValidationError, match="From 1 to 3,650"):
            retention.keep_for(workflow, days, actor=mona)  # type: ignore[arg-type]
    holds.set_hold(department=workflow.department, reason="A lawsuit", actor=SYSTEM)
    with pytest.raises(Conflict, match="A legal hold is on Legal"):
        retention.erase_contents(run, "x", actor=mona)
    run.refresh_from_db()
    assert run.inputs == WROTE


def test_the_scheduler_erases_what_is_older_than_its_workflow_keeps(workflow: Workflow, mona: Actor) -> None:
    old, young = (ended(workflow, days, inputs=WROTE) for days in (31, 29))
    others = ended(factories.make_version(factories.make_workflow(workflow.department)).workflow, 400, inputs=WROTE)
    keeper = retention.Keeper()
    assert keeper.round() == 0
    retention.keep_for(workflow, 30, actor=mona)
    hold = holds.set_hold(department=workflow.department, reason="A lawsuit", actor=SYSTEM)
    assert keeper.round() == 0
    holds.lift_hold(hold, reason="It is over", actor=SYSTEM)

    assert [keeper.round() for _ in range(2)] == [1, 0]

    assert [Run.objects.get(pk=one.pk).inputs for one in (old, young, others)] == [{}, WROTE, WROTE]
    told = Entry.objects.shown().get(verb="run.contents_erased")
    assert (told.actor_label, told.detail) == ("Tandem", {"days": 30})
    retention.keep_for(workflow, 20, actor=mona)
    assert keeper.round() == 1
    assert Run.objects.exclude(erased_at=None).count() == 2


def test_all_that_is_old_goes_in_one_round_and_what_cannot_be_done_together_one_by_one(
    workflow: Workflow, mona: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_A_TIME", 2)
    at, empty, asked = timezone.now() - timedelta(days=9), emptying.empty, []
    for _ in range(5):
        factories.make_run(workflow.versions.get(), status="failed", finished_at=at, inputs=WROTE)
    retention.keep_for(workflow, 7, actor=mona)

    def of_one_alone(runs: Any) -> Any:
        asked.append(len(runs))
        if len(runs) > 1:
            raise OperationalError("canceling statement due to statement timeout")
        return empty(runs)

    monkeypatch.setattr(emptying, "empty", of_one_alone)
    monkeypatch.setattr(connection, "close", lambda: None)
    assert retention.Keeper().round() == 5
    assert asked == [2, 1] * 4 + [1]
    assert not Run.objects.filter(erased_at=None).exists()


def test_what_somebody_under_a_legal_hold_started_or_decided_stays_until_it_is_lifted(
    workflow: Workflow, mona: Actor
) -> None:
    lea, at = factories.make_user("Lea"), timezone.now() - timedelta(days=9)
    some = {"status": "failed", "inputs": WROTE}
    started = factories.make_run(workflow.versions.get(), starter_id=str(lea.pk), finished_at=at, **some)
    decided, other = (
        factories.make_run(workflow.versions.get(), finished_at=at + timedelta(hours=hours), **some) for hours in (1, 2)
    )
    factories.make_decision(factories.make_task(factories.make_step(decided), status="decided"), lea)
    retention.keep_for(workflow, 7, actor=mona)
    hold = holds.set_hold(person=lea, reason="A lawsuit", actor=SYSTEM)

    assert [retention.Keeper().round() for _ in range(2)] == [1, 0]
    assert list(Run.objects.exclude(erased_at=None)) == [other]
    for run in (started, decided):
        with pytest.raises(Conflict, match="somebody who started it or decided"):
            retention.erase_contents(run, "x", actor=mona)
    holds.lift_hold(hold, reason="It is over", actor=SYSTEM)
    assert retention.Keeper().round() == 2


def test_files_of_other_runs_of_samples_drafts_and_events_stay(workflow: Workflow, mona: Actor, media: Path) -> None:
    legal = workflow.department
    made_by = ended(workflow)
    kept = {
        name: files.save(legal.pk, f"{name}.txt", name.encode(), "", run_id=made_by.pk if name == "made" else None)
        for name in ("made", "sample", "draft", "event", "typed")
    }
    refs = {name: files.reference(one).model_dump() for name, one in kept.items()}
    Sample.objects.create(workflow=workflow, step_id="a", kind="text.compose", output={"file": refs["sample"]})
    Workflow.objects.filter(pk=workflow.pk).update(draft={"steps": [{"with": {"template": refs["draft"]}}]})
    trigger = Trigger.objects.create(department=legal, workflow=workflow, kind="web.hook", title="T", made_by="Lea")
    TriggerEvent.objects.create(trigger=trigger, key="1", data={"attachments": [refs["event"]]})
    typed = {"file": refs["typed"]["file"], "sha256": "0" * 64}
    run = ended(workflow, inputs={**refs, "typed": typed})

    retention.erase_contents(run, "Asked for", actor=mona)

    assert set(StoredFile.objects.values_list("pk", flat=True)) == {one.pk for one in kept.values()}


def test_a_large_result_of_an_older_release_stays_while_another_step_has_it(
    workflow: Workflow, mona: Actor, django_capture_on_commit_callbacks: Any
) -> None:
    _nothing, large = outputs.put_away({"text": "x" * 2_000_000})
    run, other = ended(workflow), ended(workflow)
    for each in (run, other):
        factories.make_step(each, status="succeeded", output_sha256=large)
    with django_capture_on_commit_callbacks(execute=True):
        retention.erase_contents(run, "Asked for", actor=mona)
    assert outputs.fetch(large) == {"text": "x" * 2_000_000}

    with django_capture_on_commit_callbacks(execute=True):
        retention.erase_contents(other, "Asked for", actor=mona)
    with pytest.raises(FileNotFoundError):
        outputs.fetch(large)


def test_a_table_goes_when_all_that_came_of_it_is_erased(workflow: Workflow, mona: Actor) -> None:
    legal, at = workflow.department, timezone.now() - timedelta(days=9)
    table = files.save(legal.pk, "people.csv", SECRET.encode(), "text/csv")
    about = {"department": legal, "workflow": workflow, "started_by": "Lea", "file_id": table.pk, "finished_at": at}
    series = Series.objects.create(key="k", title=SECRET, total=2, **about)
    run = ended(workflow, 9, inputs=WROTE)
    SeriesRow.objects.create(series=series, number=1, values=WROTE, run=run, state="started")
    SeriesRow.objects.create(series=series, number=2, values=WROTE, said=SECRET, state="refused")
    retention.keep_for(workflow, 7, actor=mona)

    retention.Keeper().round()

    assert found_in_tables() == {}
    assert not StoredFile.objects.exists()
    desk = Client()
    desk.force_login(factories.make_user("Max", legal, Role.MANAGER))
    assert desk.get(f"/series/{series.pk}/").status_code == 200


def test_an_erased_row_of_a_table_is_not_done_again(workflow: Workflow, mona: Actor) -> None:
    series = Series.objects.create(
        department=workflow.department, workflow=workflow, key="k", title="T", total=1, started_by="Lea"
    )
    run = factories.make_run(workflow.versions.get(), status="cancelled", finished_at=timezone.now())
    SeriesRow.objects.create(series=series, number=1, values=WROTE, run=run, state="started")
    retention.erase_contents(run, "Asked for", actor=mona)
    with pytest.raises(Conflict, match="nothing to do again"):
        go_on(series, actor=mona)


def test_an_erased_run_is_shown_everywhere_and_does_not_go_on(mona: Actor, legal: Department) -> None:
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": "{{ inputs.list }}"}, "steps": [SAYS]}
    run = done(
        [{**SAYS, "id": "first"}, each, FAILS], department=legal, inputs=INPUTS, given={"who": SECRET, "list": [1]}
    )
    assert run.status == "failed", run.error
    retention.erase_contents(run, "Asked for", actor=mona)
    client = Client()
    client.force_login(factories.make_user("Max", legal, Role.MANAGER))

    pages = [client.get(f"/runs/{run.pk}/{rest}") for rest in ("", "record/", "record.pdf", "steps/")]
    assert [page.status_code for page in pages] == [200] * 4
    assert "The contents were erased on" in pages[0].content.decode()
    assert "Go on from the failed step" not in pages[0].content.decode()
    record, pdf = pages[1].content.decode(), PdfReader(io.BytesIO(pages[2].content))
    told = record + " ".join(page.extract_text() for page in pdf.pages)
    assert "Nothing was given to it" not in told
    assert "Nothing came out" not in told
    assert "What happened is still told" in told
    with pytest.raises(Conflict, match="were erased"):
        retry_run(run, actor=mona)


def test_what_is_held_is_not_erased_on_its_page_either_which_says_why(workflow: Workflow, legal: Department) -> None:
    run, client = ended(workflow, inputs=WROTE), Client()
    client.force_login(factories.make_user("Max", legal, Role.MANAGER))
    holds.set_hold(department=legal, reason="A lawsuit", actor=SYSTEM)
    answer = client.post(f"/runs/{run.pk}/erase/", {"reason": "Asked for"}, follow=True)
    assert "A legal hold is on Legal: nothing is erased there." in answer.content.decode()
    run.refresh_from_db()
    assert run.inputs == WROTE


def test_a_manager_says_on_a_page_how_long_and_everybody_reads_it(workflow: Workflow, legal: Department) -> None:
    desk, address = Client(), f"/workflows/{workflow.pk}/kept/"
    desk.force_login(factories.make_user("Max", legal, Role.MANAGER))
    refused = [desk.post(address, {"days": typed}) for typed in ("0", "soon", "9e9", "1.5", "-3")]
    assert [answer.status_code for answer in refused] == [422] * 5
    assert 'value="soon"' in refused[1].content.decode(), "what was typed stays"

    saved = desk.post(address, {"days": "90"}, follow=True).content.decode()
    assert saved.count("Contents of its runs are erased 90 days after their end.") == 2
    desk.post(address, {"days": ""})
    workflow.refresh_from_db()
    assert workflow.keeps_days is None
    assert Entry.objects.filter(verb="workflow.retention_changed").count() == 2


def test_two_large_results_that_are_alike_have_a_file_each() -> None:
    value = {"text": "x" * 2_000_000}
    (_none, first), (_none, second) = outputs.put_away(value), outputs.put_away(value)

    assert first != second
    assert outputs.fetch(first) == outputs.fetch(second) == value


def test_bytes_stay_while_another_file_has_them(legal: Department, media: Path) -> None:
    one, other = (files.save(legal.pk, f"{name}.txt", b"alike", "text/plain") for name in ("a", "b"))
    one.delete()
    files.forget(legal.pk, other.sha256)
    assert files.read(other) == b"alike"

    other.delete()
    files.forget(legal.pk, other.sha256)
    assert [path for path in media.rglob("*") if path.is_file()] == []
    assert files.read(files.save(legal.pk, "c.txt", b"alike", "text/plain")) == b"alike"


SAYS = {"id": "says", "kind": "text.compose", "with": {"text": "Good morning, {{ inputs.who }}."}}
FAILS = {"id": "stop", "kind": "flow.stop", "with": {"as": "failed", "message": "{{ inputs.who }} has left."}}
INPUTS = {"who": {"type": "text"}, "list": {"type": "list"}}
