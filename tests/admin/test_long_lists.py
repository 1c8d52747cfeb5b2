"""Lists over millions of rows read the newest alone, except where an id says which row is meant."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone

from tests import factories
from workflows.models import Run

pytestmark = pytest.mark.django_db
RUNS = "/admin/workflows/run/"


def test_a_search_looks_through_the_newest_and_an_id_through_all(monkeypatch: pytest.MonkeyPatch) -> None:
    version = factories.make_version(factories.make_workflow(name="Digest"))
    runs = [factories.make_run(version, status="failed") for _ in range(5)]
    robin = Client()
    robin.force_login(factories.make_user("Robin", is_superuser=True, is_staff=True))
    monkeypatch.setattr(admin.site.get_model_admin(Run), "looked_through", 3)
    tomorrow = f"{timezone.now() + timedelta(days=1):%Y-%m-%d}"

    def found(question: str) -> int:
        return int(robin.get(f"{RUNS}?{question}").context["cl"].result_count)

    assert [found(each) for each in ("", "q=Digest", "q=nowhere", "status__exact=failed")] == [5, 3, 0, 3]
    assert [found(f"q={run.pk}") for run in (runs[0], runs[4])] == [1, 1]
    assert found(f"created_at__gte={tomorrow}&created_at__lt=2099-01-01") == 0
    assert "looks through the newest 3 of all" in robin.get(RUNS).content.decode()


def test_nothing_is_done_to_all_of_a_long_list_at_once() -> None:
    run = factories.make_run(status="queued")
    robin = Client()
    robin.force_login(factories.make_user("Robin", is_superuser=True, is_staff=True))

    answer = robin.post(RUNS, {"action": "cancel", "_selected_action": [run.pk], "select_across": "1"}, follow=True)

    run.refresh_from_db()
    assert run.status == "queued"
    assert "Choose the rows themselves" in answer.content.decode()
