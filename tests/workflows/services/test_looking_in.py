"""Whoever looks into a run that somebody else started stands in the ledger, once a day (rule A13)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from audit.models import Entry
from audit.sentences import sentence
from departments.access import SYSTEM
from departments.models import User
from departments.tokens import create_token
from tests import factories
from workflows.models import Run
from workflows.services import looking_in

pytestmark = pytest.mark.django_db


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def lookers() -> list[str]:
    return [entry.actor_label for entry in Entry.objects.shown().filter(verb="run.looked_into").order_by("pk")]


@pytest.fixture
def run() -> Run:
    legal = factories.make_department("Legal")
    lea = factories.make_user("Lea", legal)
    version = factories.make_version(factories.make_workflow(legal, name="Contract check"))
    return factories.make_run(version, status="running", starter_kind="person", starter_id=str(lea.pk))


def test_whoever_looks_at_what_another_started_is_told_of_once_a_day(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    lea, tom = User.objects.get(name="Lea"), signed_in(factories.make_user("Tom", run.department))
    step, child = factories.make_step(run), factories.make_run(run.version, status="running")
    Run.objects.filter(pk=child.pk).update(parent=run, parent_step=step)
    pages = [f"/runs/{run.pk}/", f"/runs/{run.pk}/record/", f"/runs/{run.pk}/steps/{step.pk}/", f"/runs/{child.pk}/"]

    for client in (signed_in(lea), tom):
        assert [client.get(page).status_code for page in pages] == [200] * 4
    assert lookers() == ["Tom"]
    assert "Tom looked into" in sentence(Entry.objects.shown().get(verb="run.looked_into"))
    monkeypatch.setattr(looking_in, "SAID_AGAIN_AFTER", timedelta())
    tom.get(pages[0])
    assert lookers() == ["Tom", "Tom"]
    stranger = signed_in(factories.make_user("Yara", factories.make_department("Press")))
    assert [stranger.get(page).status_code for page in pages] == [404] * 4
    assert lookers() == ["Tom", "Tom"]


def test_a_program_that_reads_it_is_told_of_and_its_own_run_is_its_own(run: Run) -> None:
    token, secret = create_token(run.department, role="viewer", name="Archive", actor=SYSTEM)
    own = factories.make_run(run.version, status="running", starter_kind="token", starter_id=str(token.pk))
    client = Client(headers={"authorization": f"Bearer {secret}"})

    for id in (own.pk, run.pk):
        for path in ("", "/record"):
            assert client.get(f"/api/v1/runs/{id}{path}").status_code == 200
    assert lookers() == ["Archive"]
