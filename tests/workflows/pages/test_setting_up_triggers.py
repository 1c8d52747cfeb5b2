"""What whoever sets up a trigger is told, and what loading the page again does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from departments.models import Role, User
from tests import factories
from tests.workflows.runtime.harness import published
from workflows.models import Trigger

pytestmark = pytest.mark.django_db


def test_what_no_event_brings_is_said_and_a_reload_sets_up_nothing(signed_in: Callable[[User], Client]) -> None:
    legal = factories.make_department("Legal")
    builder = signed_in(factories.make_user("Britta Falk", legal, Role.BUILDER))
    step = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.client }} {{ inputs.date }}"}}
    asked = {"client": {"type": "text", "title": "Client"}, "date": {"type": "text"}}
    workflow = published([step], legal, inputs=asked)
    new = reverse("trigger_new", args=[workflow.pk])
    assert "What “Client” gets" in builder.get(f"{new}?kind=time.schedule").text

    made = builder.post(f"{new}?kind=time.schedule", {"how": "hourly"})
    trigger = Trigger.objects.get()
    assert made.url == reverse("trigger", args=[workflow.pk, trigger.pk])
    told = builder.get(made.url).text
    assert ("needs “client”" in told, "needs “date”" in told) == (True, False)

    typed = {"title": trigger.title, "how": "hourly", "input-client": "{{ event.date }}"}
    builder.post(reverse("trigger_change", args=[workflow.pk, trigger.pk]), typed)
    assert "It cannot start a run yet" not in builder.get(made.url).text

    for kind, said in (("web.hook", True), ("web.form", False)):
        page = builder.post(
            f"{new}?kind={kind}", {"proof": "standard", "who": "anyone", "per_minute": "20"}, follow=True
        )
        assert ("needs “client”" in page.text) is said
        assert ("whsec_" in page.text) is said
