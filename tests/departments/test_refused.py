"""What somebody asked for and may not is in the ledger, and not more often than tells anything (rule A13)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from audit.sentences import sentence
from departments.models import Role
from tests import factories
from tests.workflows.api.program import Program
from tests.workflows.pages import scenes

pytestmark = pytest.mark.django_db


def test_a_page_and_a_program_that_are_refused_are_written_down() -> None:
    scene, client = scenes.a_department(), Client()
    client.force_login(scene.operator)
    address = reverse("build", args=[scene.workflow.pk])
    other = factories.make_department("Press")

    assert client.get(address).status_code == 403
    assert Program(other, Role.VIEWER).post("workflows", {"name": "x"}).status_code in (400, 403)
    assert Program(other, Role.VIEWER).post("import", {"text": "name: x", "name": "x"}).status_code == 403

    page, program = Entry.objects.shown().filter(verb="access.refused").order_by("pk")[:2]
    assert (page.actor_id, page.department) == (str(scene.operator.pk), scene.department.slug)
    assert page.detail == {
        "method": "GET",
        "address": "workflows/<uuid:pk>/build/",
        "about": [str(scene.workflow.pk)],
    }
    assert sentence(page) == "Olga Lind asked for GET workflows/<uuid:pk>/build/ and was not allowed"
    assert (program.actor_kind, program.department, program.detail["method"]) == ("token", "press", "POST")


def test_nothing_is_written_of_what_is_not_there_of_nobody_and_of_the_eleventh_time() -> None:
    scene, client = scenes.a_department(), Client()
    client.force_login(scene.stranger)
    address = reverse("build", args=[scene.workflow.pk])
    assert (client.get(address).status_code, Client().get(address).status_code) == (404, 302)
    assert not Entry.objects.shown().filter(verb="access.refused").exists()

    client.force_login(scene.operator)
    assert {client.get(address).status_code for _ in range(30)} == {403}

    assert 10 <= Entry.objects.shown().filter(verb="access.refused").count() <= 11
