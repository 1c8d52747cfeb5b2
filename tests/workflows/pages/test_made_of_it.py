"""What people made of it, on the page of a workflow and beside its versions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.pages.scenes import Scene
from tests.workflows.services.test_measures import decision
from workflows.pages.made_of_it import bar_of
from workflows.services.measures import ENOUGH, Verdicts

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("verdicts", "parts"),
    [
        (Verdicts(0, 0, 0, 0, 0), []),
        (Verdicts(3, 0, 0, 0, 1), [("ok", 0.0, 75.0), ("bad", 75.0, 25.0)]),
        (Verdicts(1, 1, 1, 0, 0), [("ok", 0.0, 33.33), ("run", 33.33, 33.33), ("wait", 66.67, 33.33)]),
    ],
)
def test_a_bar_has_a_part_for_each_that_happened(verdicts: Verdicts, parts: list[Any]) -> None:
    assert [(part.tone, part.left, part.width) for part in bar_of(verdicts)] == parts


def test_the_page_of_a_workflow_says_it_in_words_too(scene: Scene, signed_in: Any) -> None:
    for _ in range(ENOUGH):
        decision(scene, look_s=1.0)

    page = signed_in(scene.viewer).get(f"/workflows/{scene.workflow.pk}/").content.decode()

    assert "100 % accepted as it was" in page
    assert "of 10 approvals, 10 came after a look of less than 5 seconds" in page


def test_without_decisions_it_says_what_will_stand_there(scene: Scene, signed_in: Any) -> None:
    page = signed_in(scene.viewer).get(f"/workflows/{scene.workflow.pk}/").content.decode()

    assert "When people decide in runs of this workflow" in page


def test_each_version_shows_its_own(scene: Scene, signed_in: Any) -> None:
    decision(scene, verdict="lightly")

    page = signed_in(scene.viewer).get(f"/workflows/{scene.workflow.pk}/versions/").content.decode()

    assert "100 % lightly edited" in page
