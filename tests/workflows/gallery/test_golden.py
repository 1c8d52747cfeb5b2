"""Every template does what its golden cases say, and the cases go every way that it has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scripted_provider import ScriptedProvider, scripted_provider
from tests.workflows.gallery.cases import DONE, Played, a_model, holds, play
from workflows.engine.definition import Node
from workflows.gallery.catalogue import Case, Template, templates
from workflows.models import StepRun, StepStatus

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)

TEMPLATES = list(templates().values())
CASES = [(template, case) for template in TEMPLATES for case in template.golden]


@pytest.fixture
def provider(scripted_provider: ScriptedProvider) -> ScriptedProvider:
    a_model(scripted_provider)
    return scripted_provider


@pytest.mark.parametrize(
    ("template", "case"), CASES, ids=[f"{template.slug}: {case.title}" for template, case in CASES]
)
def test_a_golden_case_ends_as_it_says(provider: ScriptedProvider, template: Template, case: Case) -> None:
    played = play(template, case, provider)

    assert played.run.status == case.expect.status, played.run.error
    assert case.expect.error in (played.run.error or {}).get("message", "")
    assert sorted(played.asked) == sorted(case.expect.waits_for)
    assert_output(played, case)
    assert_steps(played, case)


def assert_output(played: Played, case: Case) -> None:
    output = played.run.output or {}
    assert holds(case.expect.output, output), output
    for name, piece in case.expect.includes.items():
        assert piece in str(output[name])


def assert_steps(played: Played, case: Case) -> None:
    performed = played.performed()
    assert not performed & set(case.expect.absent)
    for step_id, wanted in case.expect.steps.items():
        step = played.step(step_id)
        assert holds(wanted, step.output if step else None), step_id
    if case.expect.message:
        assert case.expect.message in str(played.run.steps.get(kind="flow.stop").output)


@pytest.mark.parametrize("template", TEMPLATES, ids=[template.slug for template in TEMPLATES])
def test_the_golden_cases_of_a_template_go_every_way(provider: ScriptedProvider, template: Template) -> None:
    for case in template.golden:
        play(template, case, provider)

    assert wanted_ways(template) - ways_gone() == set()


def ways_gone() -> set[str]:
    """What happened: `step` was done, `step:skipped` was left out, `step:none` is a branch that went no way."""
    done = StepRun.objects.filter(status__in=DONE)
    skipped = StepRun.objects.filter(status=StepStatus.SKIPPED).values_list("step_id", flat=True)
    untaken = [step.step_id for step in done.filter(kind="flow.branch") if step.output == {"taken": ""}]
    went = set(done.values_list("step_id", flat=True))
    return went | {f"{each}:skipped" for each in skipped} | {f"{each}:none" for each in untaken}


def wanted_ways(template: Template) -> set[str]:
    return {way for node in template.definition.nodes() for way in _ways_of(node)}


def _ways_of(node: Node) -> Iterator[str]:
    yield node.id
    if node.when:
        yield f"{node.id}:skipped"
    if node.kind == "flow.branch" and node.otherwise is None:
        yield f"{node.id}:none"
