"""The page of a record: it tells what the JSON tells, says where it is not the end, and stays short."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import RunStatus
from workflows.pages import record

pytestmark = pytest.mark.django_db


def html(client: Any, run: Any, **asked: Any) -> str:
    return client.get(f"/runs/{run.pk}/record/", asked).content.decode()


def test_the_page_tells_draft_difference_and_decision(scene: Scene, signed_in: Any) -> None:
    task = scenes.a_task(scene, draft="We deeply regret this.")
    scenes.decided(task, scene.approver, text="We regret this.")
    seen = {"open_s": 7_380.0, "look_s": 63.0, "seen_sha256": "ab" * 32, "in_place_of": "Carla Counsel"}
    factories.make_decision(task, scene.approver, verdict="lightly", words=4, words_changed=1, **seen)

    page = html(signed_in(scene.viewer), task.run)

    for said in (
        "<del>deeply </del>",
        "3 of 4 words of the draft kept",
        "Astrid Berg: approved, in place of Carla Counsel",
        "2 h 3 min",
        "1 min 3 s",
        "Lightly edited: 1 word changed in a draft of 4",
        f"SHA-256 {'ab' * 32}",
    ):
        assert said in page


@pytest.mark.parametrize(("status", "is_told"), [(RunStatus.WAITING, True), (RunStatus.SUCCEEDED, False)])
def test_a_record_of_a_run_that_goes_on_says_so(scene: Scene, signed_in: Any, status: RunStatus, is_told: bool) -> None:
    page = html(signed_in(scene.viewer), scenes.a_run(scene, status))

    assert ("This run has not ended." in page) == is_told


def test_a_long_list_is_shown_in_parts_that_lead_to_each_other(
    scene: Scene, signed_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MOST", {**record.MOST, "steps": 2})
    run = scenes.a_run(scene)
    for name in "abcde":
        scenes.a_step(run, f"step_{name}", "text.compose")
    client = signed_in(scene.viewer)

    middle = html(client, run, steps=2, deeds="junk")

    assert "3 to 4 of 5" in middle
    assert ("step_b" in middle, "step_c" in middle, "step_d" in middle, "step_e" in middle) == (
        False,
        True,
        True,
        False,
    )
    assert 'href="?steps=0#steps"' in middle
    assert 'href="?steps=4#steps"' in middle


def test_what_others_wrote_is_text_and_nothing_else(scene: Scene, signed_in: Any) -> None:
    bad = "<script>alert(1)</script>"
    task = scenes.a_task(scene, scenes.a_run(scene, title=bad), question=bad, draft=bad, shown={bad: bad})
    scenes.decided(task, scene.approver, text=f"{bad}!", reason=bad)
    factories.make_decision(task, scene.approver, reason=bad)

    assert bad not in html(signed_in(scene.viewer), task.run)


def test_the_page_costs_the_same_however_much_was_decided(
    scene: Scene, signed_in: Any, django_assert_max_num_queries: Any
) -> None:
    run = scenes.a_waiting_run(scene)
    for number in range(15):
        step = scenes.a_step(run, f"ask_{number}", "people.approve", "waiting")
        factories.make_decision(factories.make_task(step), scene.approver)
    client = signed_in(scene.viewer)
    html(client, run)  # which is told to the ledger once a day

    with django_assert_max_num_queries(28):
        assert html(client, run)
