"""Copying a template: permission, names, people, model, sample, ledger."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from audit.models import Entry
from audit.sentences import sentence
from connectors.allowances import models_for
from departments.access import SYSTEM, actor_for_user
from departments.models import Department, Role
from tests.factories import make_department, make_group, make_model, make_provider, make_user, make_workflow
from workflows.gallery.catalogue import templates
from workflows.models import StoredFile, Workflow
from workflows.services.refusals import Conflict
from workflows.services.templates import copy_template, free_name

pytestmark = pytest.mark.django_db

NDA = templates()["nda-desk"]


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


def given(workflow: Workflow) -> dict[str, dict[str, Any]]:
    """Step → its parameters, for the two steps that ask somebody and one that asks an AI."""
    cases = next(step for step in workflow.draft["steps"] if step["id"] == "light")
    facts = next(step for step in workflow.draft["steps"] if step["id"] == "facts")
    steps = [cases["cases"][0]["steps"][0], cases["otherwise"][0], facts]
    return {step["id"]: step["with"] for step in steps}


def test_a_copy_is_a_draft_with_the_sample_in_the_department(legal: Department) -> None:
    builder = make_user("Clara Vogel", legal, Role.BUILDER)

    workflow = copy_template(NDA, legal, actor=actor_for_user(builder))

    stored = StoredFile.objects.get(name="harbour-nda.md")
    assert (workflow.name, workflow.live_id, workflow.template) == ("NDA desk", None, "nda-desk")
    assert (workflow.owner, stored.department) == (builder, legal)
    assert workflow.sample["nda"]["file"] == str(stored.pk)
    entry = Entry.objects.shown().filter(verb="template.copied").get()
    assert sentence(entry) == "Clara Vogel made NDA desk from the template “NDA desk”"


def test_the_template_itself_stays_as_it_is(legal: Department) -> None:
    make_model(name="large-1")
    before = NDA.definition.model_dump_json()

    copy_template(NDA, legal, actor=SYSTEM, model="large-1", deciders={"lawyer": "manager"})

    assert NDA.definition.model_dump_json() == before


def test_the_people_and_the_model_chosen_stand_in_the_steps(legal: Department) -> None:
    make_model(name="large-1")
    lawyer = make_user("Ida Falk", legal, Role.APPROVER)
    deciders = {"lawyer": lawyer.email, "paralegal": "builder"}

    steps = given(copy_template(NDA, legal, actor=SYSTEM, model="large-1", deciders=deciders))

    assert (steps["lawyer"]["person"], steps["lawyer"]["role"]) == (lawyer.email, "approver")
    assert (steps["paralegal"]["role"], "person" in steps["paralegal"]) == ("builder", False)
    assert steps["facts"]["model"] == "large-1"


def test_a_group_may_decide_if_somebody_is_in_it(legal: Department) -> None:
    make_group(legal, make_user("Ida Falk", legal), name="Counsel")
    make_group(legal, name="Empty")

    steps = given(copy_template(NDA, legal, actor=SYSTEM, deciders={"lawyer": "group:counsel"}))
    with pytest.raises(ValidationError) as refused:
        copy_template(NDA, legal, actor=SYSTEM, deciders={"lawyer": "group:empty", "paralegal": "group:gone"})

    assert (steps["lawyer"]["group"], "person" in steps["lawyer"]) == ("counsel", False)
    assert refused.value.message_dict == {
        "deciders.lawyer": ["“group:empty” is no group of Legal with anybody in it."],
        "deciders.paralegal": ["“group:gone” is no group of Legal with anybody in it."],
    }


def test_a_role_may_decide_for_somebody_of_another_department_never(legal: Department) -> None:
    stranger = make_user("Sam Stone", make_department(), Role.MANAGER)

    with pytest.raises(ValidationError) as refused:
        copy_template(NDA, legal, actor=SYSTEM, deciders={"lawyer": stranger.email})

    assert refused.value.message_dict == {
        "deciders.lawyer": [f"“{stranger.email}” is nobody in Legal. Choose a member or a role."]
    }


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_only_who_may_build_copies(legal: Department, role: Role) -> None:
    member = make_user(department=legal, role=role)

    with pytest.raises(PermissionDenied):
        copy_template(NDA, legal, actor=actor_for_user(member))

    assert Workflow.objects.count() == StoredFile.objects.count() == 0


def test_a_taken_name_is_refused_and_leaves_no_file_behind(legal: Department) -> None:
    make_workflow(legal, name="Ours")

    with pytest.raises(Conflict, match="Legal has a workflow called “ours” already"):
        copy_template(NDA, legal, actor=SYSTEM, name="ours")

    assert StoredFile.objects.count() == 0


def test_the_first_free_number_is_found_whatever_the_case(legal: Department) -> None:
    for name in ("NDA Desk", "nda desk 2", "NDA desk 4"):
        make_workflow(legal, name=name)

    assert free_name(legal, "NDA desk") == "NDA desk 3"
    assert free_name(make_department(), "NDA desk") == "NDA desk"
    assert len(free_name(legal, "x" * 120)) == 120


def test_only_models_in_use_are_offered_the_usual_one_first(legal: Department) -> None:
    provider = make_provider("Alpha")
    make_model(provider, "small-1")
    make_model(provider, "usual-1", is_default=True)
    make_model(provider, "old-1", enabled=False)
    make_model(make_provider("Closed", enabled=False), "closed-1")

    assert [model.name for model in models_for(legal.pk)] == ["usual-1", "small-1"]
    with pytest.raises(ValidationError, match="no AI model called “closed-1”"):
        copy_template(NDA, legal, actor=SYSTEM, model="closed-1")
