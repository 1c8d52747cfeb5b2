"""Sharing a workflow over the API."""

from __future__ import annotations

import pytest

from tests import factories
from tests.workflows.api.program import Program, assert_problem

pytestmark = pytest.mark.django_db


def test_a_workflow_is_shared_listed_and_shared_no_longer(program: Program, stranger: Program) -> None:
    path = f"workflows/{factories.make_workflow(program.department).slug}/shares"
    eva, press = factories.make_user("Eva"), factories.make_department("Press")

    with_eva = program.post(path, {"email": eva.email}).json()
    with_press = program.post(path, {"department": press.slug, "role": "approver"}).json()

    assert (with_eva["email"], with_eva["department"], with_eva["shared_by"]) == (eva.email, None, "Archive")
    assert (with_press["email"], with_press["department"], with_press["role"]) == (None, press.slug, "approver")
    assert program.get(path).json()["results"] == [with_press, with_eva]
    assert_problem(program.post(path, {"email": eva.email}), 409)
    for wrong in ({}, {"email": "nobody@example.org"}, {"department": "nowhere"}, {"email": "a@b", "department": "c"}):
        assert_problem(program.post(path, wrong), 400)
    assert_problem(program.post(path, {"department": press.slug, "role": "king"}), 400)
    assert_problem(stranger.post(f"shares/{with_eva['id']}/end"), 404)

    assert program.post(f"shares/{with_eva['id']}/end").json() == with_eva
    assert program.get(path).json()["results"] == [with_press]
