"""What people made of it: decisions of people summed by step, version and model."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Decision, Run, RunMode, Version
from workflows.services.measures import ENOUGH, Verdicts, measures_of, verdicts_by_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


def decision(scene: Scene, run: Run | None = None, step: str = "review", **fields: Any) -> Decision:
    """A voice of its own question, that looked for a minute."""
    run = run or scenes.a_run(scene)
    task = factories.make_task(factories.make_step(run, step, kind="people.review", status="waiting"))
    return factories.make_decision(
        task, scene.approver, **{"verdict": "accepted", "look_s": 60.0, "open_s": 90.0, **fields}
    )


def test_decisions_are_summed_by_step_version_and_model(scene: Scene) -> None:
    old = scenes.a_run(scene)
    decision(scene, old, drafted_by="write", model="m-1", words=100, words_changed=0, open_s=10.0, look_s=None)
    new = factories.make_run(factories.make_version(scene.workflow))
    draft: dict[str, Any] = {"drafted_by": "write", "model": "m-2"}
    for verdict, changed, open_s, look_s in (
        ("accepted", 0, 10.0, 5.0),
        ("lightly", 15, 30.0, 20.0),
        ("heavily", 60, 800.0, 400.0),
    ):
        run = factories.make_run(new.version)
        more = {"words": 100, "words_changed": changed, "open_s": open_s, "look_s": look_s}
        decision(scene, run, verdict=verdict, **draft, **more)
    decision(scene, new, step="ask", verdict="rejected", decision="reject")

    found = measures_of(scene.workflow).steps

    told = [(each.version, each.step, each.model, each.decisions, each.verdicts) for each in found]
    assert told == [
        (2, "ask", "", 1, Verdicts(0, 0, 0, 0, 1)),
        (2, "review", "m-2", 3, Verdicts(1, 1, 1, 0, 0)),
        (1, "review", "m-1", 1, Verdicts(1, 0, 0, 0, 0)),
    ]
    review = found[1]
    assert (review.words, review.words_changed, review.open_s, review.look_s) == (300, 75, 30.0, 20.0)
    assert (review.title, found[2].look_s) == ("The brand owner reads and edits", None)


def test_tests_programs_and_other_workflows_do_not_count(scene: Scene) -> None:
    draft = Version.every.create(
        workflow=scene.workflow, number=7, definition=scene.workflow.draft, is_test=True, published_by="Tester"
    )
    decision(scene, factories.make_run(draft, mode=RunMode.TEST))
    decision(scene, by_kind="token", by_id="1")
    decision(scenes.a_department("Legal"))

    assert measures_of(scene.workflow).steps == []


@pytest.mark.parametrize(
    ("unread", "read", "is_told"),
    [
        (ENOUGH, 0, True),
        (ENOUGH - 1, 0, False),
        (9 * ENOUGH, ENOUGH, True),
        (8 * ENOUGH, 2 * ENOUGH, False),
        (0, ENOUGH, False),
    ],
)
def test_a_step_that_is_waved_through_is_named(scene: Scene, unread: int, read: int, is_told: bool) -> None:
    for look_s, count in ((4.9, unread), (5.0, read)):
        for _ in range(count):
            decision(scene, look_s=look_s)

    found = measures_of(scene.workflow).unread

    assert [(each.step, each.unread, each.of) for each in found] == (
        [("review", unread, unread + read)] if is_told else []
    )
    assert not is_told or "is approved nearly unread" in found[0].sentence


def test_refusals_and_looks_that_nobody_knows_say_nothing_about_reading(scene: Scene) -> None:
    for _ in range(ENOUGH):
        decision(scene, look_s=None)
        decision(scene, look_s=1.0, decision="reject", verdict="rejected")

    assert measures_of(scene.workflow).unread == []


def test_each_version_has_its_verdicts(scene: Scene) -> None:
    decision(scene, verdict="sent_back")
    assert scene.workflow.live is not None

    found = verdicts_by_version(scene.workflow, [scene.workflow.live.pk])

    assert found == {scene.workflow.live.pk: Verdicts(0, 0, 0, 1, 0)}


def test_it_is_read_from_the_index_and_in_two_queries(scene: Scene, django_assert_num_queries: Any) -> None:
    decision(scene)
    measures_of(scene.workflow)

    with django_assert_num_queries(2):
        assert measures_of(scene.workflow).steps
