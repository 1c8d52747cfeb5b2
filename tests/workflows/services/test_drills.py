"""The command `drill` over published workflows."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from connectors.models import Provider
from departments.models import Department
from tests import factories
from tests.scripted_provider import MODEL, ScriptedProvider, fails, scripted_provider
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.engine.definition import load
from workflows.engine.drill import Then
from workflows.models import Task
from workflows.services.drills import away_of, could_be_away, drilled_draft
from workflows.services.refusals import ValidationError

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def legal() -> Department:
    far, near = (factories.make_provider(name=name) for name in ("Far away", "Near"))
    factories.make_model(far, name="usual-1", is_default=True)
    factories.make_model(near, name="small-1")
    return factories.make_department("Legal")


def write(id: str, **rest: Any) -> dict[str, Any]:
    given = {"instructions": "x", **rest.pop("given", {})}
    return {"id": id, "kind": "ai.write", "title": id.capitalize(), "with": given, **rest}


def drill(*words: str) -> tuple[str, int]:
    out, code = StringIO(), 0
    try:
        call_command("drill", *words, stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return out.getvalue(), code


def test_a_step_without_a_way_out_is_marked_and_ends_with_1(legal: Department):
    published([write("draft"), write("polish", on_error="ask")], legal, name="Memo")

    said, code = drill("legal/memo")

    assert code == 1
    assert said.splitlines() == [
        "legal/memo, version 1",
        "  ! Draft   the run stops here",
        "    Polish  whoever started the run carries on by hand",
        "2 AI steps in 1 workflows; at 1 of them the run would stop.",
    ]


def test_where_every_step_has_a_way_out_it_ends_with_0_and_only_the_named_provider_is_away(legal: Department):
    steps = [write("draft", on_error="ask"), write("small", given={"model": "small-1"})]
    published(steps, legal, name="Memo")

    assert drill("legal", "--provider", "Far away")[1] == 0
    assert drill("legal", "--model", "usual-1")[1] == 0
    assert drill("--provider", "Near")[1] == 1
    assert [step["step"] for step in json.loads(drill("--json", "--model", "small-1")[0])[0]["steps"]] == ["small"]


def test_of_a_draft_each_provider_and_each_of_several_models_may_be_away(legal: Department):
    factories.make_model(Provider.objects.get(name="Far away"), name="large-1")
    steps = [write("draft"), write("small", given={"model": "small-1"}), write("large", given={"model": "large-1"})]
    definition = load({"format": 1, "name": "Memo", "steps": steps})

    found = could_be_away(definition)

    assert [(each.value, each.models) for each in found] == [
        ("provider:Far away", ("large-1", "usual-1")),
        ("model:large-1", ("large-1",)),
        ("model:usual-1", ("usual-1",)),
        ("provider:Near", ("small-1",)),
    ]
    stops = {each.value: [one.step for one in drilled_draft(definition, away_of(each.value))] for each in found}
    assert stops == {
        "provider:Far away": ["draft", "large"],
        "model:large-1": ["large"],
        "model:usual-1": ["draft"],
        "provider:Near": ["small"],
    }
    for wrong in ("provider:None", "model:", "nothing"):
        with pytest.raises(ValidationError):
            away_of(wrong)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("on_error", ["stop", "continue", "ask"])
def test_what_the_drill_says_is_what_then_happens(scripted_provider: ScriptedProvider, on_error: str):
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True)
    scripted_provider.reply = lambda _asked: fails(500)
    legal = factories.make_department("Legal")
    step = write("draft", on_error=on_error, retry={"attempts": 1}, helper={"role": "operator"})
    definition = load({"format": 1, "name": "Memo", "steps": [step]})

    [finding] = drilled_draft(definition, away_of(""))
    run = carried(run_of(published([step], legal, name="Memo")))

    expected = {Then.STOPS: "failed", Then.GOES_ON: "succeeded", Then.ASKS: "waiting"}
    assert run.status == expected[finding.then]
    assert Task.objects.filter(kind="resolve", role="operator").count() == (finding.then is Then.ASKS)


def test_unknown_names_are_refused(legal: Department):
    for words in (("legal/none",), ("--model", "none"), ("--provider", "None")):
        with pytest.raises(CommandError, match="There is no"):
            drill(*words)
