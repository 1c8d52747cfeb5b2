"""The command `drill` over published workflows."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from departments.models import Department
from tests import factories
from tests.workflows.runtime.harness import published

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


def test_unknown_names_are_refused(legal: Department):
    for words in (("legal/none",), ("--model", "none"), ("--provider", "None")):
        with pytest.raises(CommandError, match="There is no"):
            drill(*words)
