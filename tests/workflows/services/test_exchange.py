"""A workflow as a file: what goes out comes back the same, and nothing of a bad file is ever made."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from audit.models import Entry
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Role
from tests import factories
from workflows.engine import definition as definitions
from workflows.models import Workflow
from workflows.services.exchange import examine, export_workflow, import_workflow
from workflows.services.refusals import Conflict
from workflows.services.saving import keep_prompt

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[3] / "workflows"
SHIPPED = sorted([*ROOT.glob("examples/*/w*.yaml"), *ROOT.glob("gallery/*/workflow.yaml")])
GOOD = "name: Greeting\nsteps: [{id: say, kind: text.compose, with: {text: Hello}}]\n"


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal", egress_hosts=["api.example.com", "*.wide.example"])


@pytest.fixture
def builder(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Britta", legal, Role.BUILDER))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_is_exported_comes_back_the_same(file: Path, legal: Department, builder: Actor) -> None:
    definition = definitions.from_text(file.read_text(encoding="utf-8"))

    made = import_workflow(export_workflow(definition).text, legal, actor=builder)

    assert definitions.load(made.draft) == definition
    assert [entry.verb for entry in Entry.objects.order_by("pk")] == ["workflow.created", "workflow.imported"]


def test_the_sample_comes_along_only_when_it_is_wanted_and_never_a_file(legal: Department, builder: Actor) -> None:
    definition = definitions.load(
        {"name": "N", "inputs": {"text": {"title": "Text"}, "nda": {"type": "file"}}, "steps": []}
    )
    sample = {"text": "Hello", "nda": {"file": "01920000-0000-7000-8000-000000000000"}, "gone": 1}

    assert "sample" not in export_workflow(definition).text
    made = import_workflow(export_workflow(definition, sample).text, legal, actor=builder)

    assert made.sample == {"text": "Hello"}


def test_no_secret_leaves_in_a_step_or_in_the_sample() -> None:
    ask = {"id": "ask", "kind": "http.request", "with": {"url": "https://x.example", "headers": {"X-Api-Key": "4711"}}}
    definition = definitions.load({"name": "N", "inputs": {"note": {}}, "steps": [ask]})

    exported = export_workflow(definition, {"note": "sk-abcdefghijklmnop1234"})

    assert exported.left_out == ("ask: headers.X-Api-Key", "sample.note")
    assert "4711" not in exported.text
    assert "sk-abc" not in exported.text


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [*{a},*{a},*{a},*{a},*{a},*{a},*{a},*{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "nothing": "",
    "no mapping": "- a\n- b",
    "a bomb of aliases": BOMB,
    "a merge key": "x: &x {name: A}\n<<: *x\nsteps: []",
    "a tag that makes objects": "name: !!python/object/apply:os.system ['touch /tmp/owned']\nsteps: []",
    "a tag of our own": "name: !secret x\nsteps: []",
    "two documents": "name: A\nsteps: []\n---\nname: B\nsteps: []",
    "a name twice": "name: A\nname: B\nsteps: []",
    "a step's name twice": "name: A\nsteps: [{id: a, id: b, kind: text.compose}]",
    "an unknown name": "name: A\nsteps: []\nowner: root",
    "an unknown part of a step": "name: A\nsteps: [{id: a, kind: text.compose, run: rm}]",
    "a format of the future": "format: 2\nname: A\nsteps: []",
    "a bad id": "name: A\nsteps: [{id: ../../etc, kind: text.compose}]",
    "too many steps": "name: A\nsteps:\n" + "".join(f"- {{id: s{n}, kind: k}}\n" for n in range(501)),
    "too deep": "name: A\nsteps: " + "[{id: a, kind: flow.loop, steps: " * 60 + "[]" + "}]" * 60,
    "nested without an end": "name: A\nsteps: " + "[" * 20_000,
    "more than a megabyte": "name: A\nsteps: []\n#" + "x" * 1_000_000,
    "a megabyte of commas": "name: A\nsteps: [" + "1," * 450_000 + "]",
    "half a character": 'name: "A \\ud800"\nsteps: []',
    "a NUL": "name: A\x00\nsteps: []",
    "not a number": "name: A\nsteps: []\ninputs: {n: {}}\nsample: {n: .nan}",
    "a sample that is none": "name: A\nsteps: []\nsample: [1]",
    "a sample with a huge number": f"name: A\nsteps: []\ninputs: {{n: {{}}}}\nsample: {{n: {10**30}}}",
    "an invisible name": 'name: "\\u200b"\nsteps: []',
    "broken JSON": '{"name": "A", "steps": [}',
    "JSON with a name twice": '{"name": "A", "name": "B", "steps": []}',
    "unfinished": "name: [A",
    "tabs": "name:\tA\n\tsteps: []",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_of_a_bad_file_is_made(text: str, legal: Department, builder: Actor) -> None:
    with pytest.raises(ValidationError) as looked:
        examine(text, legal, actor=builder)
    with pytest.raises(ValidationError):
        import_workflow(text, legal, actor=builder)

    assert all(message.strip() for message in looked.value.messages)
    assert not Workflow.objects.exists()
    assert not Entry.objects.exists()


def test_a_megabyte_of_commas_is_refused_in_seconds_not_minutes(legal: Department) -> None:
    began = time.process_time()
    with pytest.raises(ValidationError, match="more than 40,000 values"):
        examine(HOSTILE["a megabyte of commas"], legal, actor=SYSTEM)

    assert time.process_time() - began < 30


def test_what_is_missing_here_is_told(legal: Department, builder: Actor) -> None:
    factories.make_model(name="known-model")
    factories.make_model(factories.make_provider(for_all=False), "closed-model")
    factories.make_user("Eva", legal, email="eva@tandem.example")
    factories.make_version(factories.make_workflow(legal, name="Known", slug="known"))
    steps: list[dict[str, Any]] = [
        {"id": "a", "kind": "ai.write", "with": {"model": "known-model"}},
        {"id": "b", "kind": "ai.write", "with": {"model": "other-model"}},
        {"id": "m", "kind": "ai.write", "with": {"model": "closed-model"}},
        {"id": "c", "kind": "people.approve", "with": {"person": "eva@tandem.example"}},
        {"id": "d", "kind": "people.approve", "with": {"person": "adam@tandem.example"}},
        {"id": "e", "kind": "flow.workflow", "with": {"workflow": "known"}},
        {"id": "f", "kind": "flow.workflow", "with": {"workflow": "unknown"}},
        {"id": "g", "kind": "http.request", "with": {"url": "https://api.example.com/a"}},
        {"id": "h", "kind": "http.request", "with": {"url": "https://deep.wide.example/a"}},
        {"id": "i", "kind": "http.request", "with": {"url": "https://other.example/a"}},
        {"id": "j", "kind": "http.request", "with": {"url": "{{ inputs.url }}"}},
        {"id": "k", "kind": "slack.post_message", "title": "Post it"},
        {"id": "l", "kind": "text.compose", "saved": "house-tone@3", "with": {"text": "x"}},
    ]
    text = definitions.to_yaml(definitions.load({"name": "N", "inputs": {"url": {}}, "steps": steps}))

    found = examine(text, legal, actor=builder)

    assert found.missing == (
        "This server has no step kind “slack.post_message”, which “Post it” needs.",
        "No AI model called “other-model” is in use here. Choose another one in its steps.",
        "Legal may not use the AI model “closed-model”. Choose another one, or ask an administrator.",
        "Nobody in Legal has the address “adam@tandem.example”. Choose who is asked.",
        "Legal has no published workflow “unknown”, which this one calls.",
        "The workflows of Legal may not reach “other.example”. An administrator can allow it.",
        "The library has no version 3 of “house-tone”. Its copy comes along, as a step of its own.",
    )
    assert all(problem.field != "kind" for problem in found.problems)
    assert "saved" not in found.definition["steps"][-1]


def test_a_mark_that_the_library_knows_stays(legal: Department, builder: Actor) -> None:
    kept = keep_prompt(legal, "Be kind.", title="House tone", actor=SYSTEM).saved
    step = {"id": "a", "kind": "ai.write", "with": {"about": "Be kind."}, "prompts": {"about": f"{kept.slug}@1"}}
    text = definitions.to_yaml(definitions.load({"name": "N", "steps": [step]}))

    made = import_workflow(text, legal, actor=builder)

    assert made.draft["steps"][0]["prompts"] == {"about": f"{kept.slug}@1"}


def test_a_taken_name_gets_a_number_unless_another_one_is_given(legal: Department, builder: Actor) -> None:
    import_workflow(GOOD, legal, actor=builder)

    assert examine(GOOD, legal, actor=builder).is_name_taken
    assert import_workflow(GOOD, legal, actor=builder).name == "Greeting 2"
    with pytest.raises(Conflict):
        import_workflow(GOOD, legal, actor=builder, name="Greeting")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_only_who_builds_may_import(legal: Department, role: Role) -> None:
    actor = actor_for_user(factories.make_user("X", legal, role))

    for deed in (examine, import_workflow):
        with pytest.raises(PermissionDenied):
            deed(GOOD, legal, actor=actor)
