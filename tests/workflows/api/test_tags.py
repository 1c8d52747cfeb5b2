"""Who knows an answer already is told so, and who would write over somebody else's draft is not let."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from tests import factories
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.api.test_workflows import DEFINITION
from workflows.models import Run, RunStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(program: Program) -> Run:
    version = factories.make_version(factories.make_workflow(program.department, DEFINITION))
    return factories.make_run(version, status=RunStatus.RUNNING)


def test_what_is_known_is_not_sent_again_until_it_changes(program: Program, run: Run) -> None:
    for path in (f"runs/{run.pk}", f"workflows/{run.workflow_id}", f"workflows/{run.workflow_id}/versions/1", "runs"):
        first = program.get(path)
        again = program.get(path, if_none_match=f'"other", W/{first["ETag"]}')
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], "no-store")
        assert "RateLimit" in again

    known = program.get(f"runs/{run.pk}")["ETag"]
    Run.objects.filter(pk=run.pk).update(status=RunStatus.WAITING)
    changed = program.get(f"runs/{run.pk}", if_none_match=known)
    assert (changed.status_code, changed.json()["status"]) == (200, "waiting")
    assert_problem(program.get("runs/nobody", if_none_match="*"), 404)


@pytest.mark.parametrize("path", ["draft/edits", "draft/undo", "draft/redo"])
def test_a_draft_that_somebody_else_has_changed_is_not_changed_by_one_who_has_not_seen_it(
    program: Program, run: Run, path: str
) -> None:
    edit = {"edit": {"do": "describe", "description": "Why"}}
    there = f"workflows/{run.workflow_id}/"
    assert program.post(f"{there}draft/edits", edit).status_code == 200
    body = edit if path.endswith("edits") else {}
    assert_problem(program.post(there + path, body, if_match='"1"'), 412, "changed-meanwhile")


def test_a_program_asks_for_what_is_new_since_it_asked(program: Program, run: Run) -> None:
    hour_ago = timezone.now() - timedelta(hours=1)
    Run.objects.filter(pk=run.pk).update(finished_at=timezone.now(), created_at=hour_ago)
    factories.make_run(run.version, status=RunStatus.SUCCEEDED, finished_at=hour_ago)
    factories.make_task(factories.make_step(run, status="waiting"))
    since = (timezone.now() - timedelta(minutes=5)).isoformat()

    found = program.get("runs", {"finished_after": since}).json()["results"]
    assert [each["id"] for each in found] == [str(run.pk)]
    assert len(program.get("tasks", {"created_after": since}).json()["results"]) == 1
    later = (timezone.now() + timedelta(minutes=5)).isoformat()
    assert program.get("tasks", {"created_after": later}).json()["results"] == []
