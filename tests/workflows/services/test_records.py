"""The record of a run: what AI wrote, what people made of it, who decided; gathered once, in a few queries."""

from __future__ import annotations

from typing import Any

import pytest

from departments.access import actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.scripted_provider import ScriptedProvider, fails, gives, scripted_provider
from tests.workflows.gallery.cases import a_model
from tests.workflows.pages import scenes
from tests.workflows.runtime.test_people import REVIEW, WRITE, asked, begun, person, say
from workflows.models import Run, TaskStatus
from workflows.services.gathering import gather
from workflows.services.handing_over import delegate_task
from workflows.services.looking import look_at
from workflows.services.manual_mode import switch_on
from workflows.services.records import Window, WordChange

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def provider(scripted_provider: ScriptedProvider) -> ScriptedProvider:
    a_model(scripted_provider)
    return scripted_provider


def whole(run: Run) -> Run:
    return Run.objects.select_related("workflow", "version", "department").get(pk=run.pk)


def test_drafts_remarks_differences_and_decisions_stand_in_their_order(
    legal: Department, provider: ScriptedProvider
) -> None:
    ada, ben = person("Ada", legal), person("Ben", legal, Role.VIEWER)
    provider.script = [gives({"text": "Buy now, dear all."}), gives({"text": "We deeply regret this."})]
    run = begun(legal, [WRITE, REVIEW])
    say(run, ada, "send_back", reason="Less loud.")
    delegate_task(asked(run), to=ben, reason="You know it better.", actor=actor_for_user(ada))
    look_at(asked(run), actor=actor_for_user(ben))
    say(run, ben, "approve", text="We regret this.")

    record = gather(whole(run))

    first, second = record.questions.rows
    assert (first.draft, first.remarks, first.drafted_by, first.model) == (
        "Buy now, dear all.",
        "Less loud.",
        "write!1",
        "scripted-1",
    )
    assert (second.draft, second.text, second.drafted_by) == ("We deeply regret this.", "We regret this.", "write")
    assert second.changes is not None
    assert [part for part in second.changes.parts if part.kind != "same"] == [WordChange("del", "deeply ")]
    assert (second.changes.kept, second.changes.of) == (3, 4)
    handed = second.handed_over
    assert [(one.whom, one.why, one.by, one.reason) for one in handed] == [
        ("Ben", "delegated", "Ada", "You know it better.")
    ]
    assert [look.by for look in second.opened] == ["Ben"]
    voice = second.voices[0]
    assert (voice.by, voice.decision, voice.verdict, len(voice.seen_sha256)) == ("Ben", "approve", "heavily", 64)
    assert voice.open_s >= (voice.look_s or 0) >= 0
    verbs = {str(entry.pk): entry.verb for entry in record.deeds.rows}
    assert [verbs[position] for position in second.positions] == ["task.delegated", "task.decided"]
    assert record.people == ["Ada", "Ben"]
    assert record.is_over


def test_what_a_person_gave_by_hand_is_told_with_the_reason_and_the_draft_is_theirs(
    legal: Department, provider: ScriptedProvider
) -> None:
    ada = person("Ada", legal, Role.MANAGER)
    provider.reply = lambda _asked: fails(503)
    by_hand = {**WRITE, "on_error": "ask", "helper": {"person": ada.email}}
    run = begun(legal, [by_hand, REVIEW])
    say(run, ada, "answer", values={"text": "We regret this."})

    record = gather(whole(run))

    resolved, review = record.questions.rows
    assert (resolved.is_by_hand, resolved.decided_by, resolved.values["text"]) == (True, "Ada", "We regret this.")
    assert resolved.why is not None
    assert resolved.why["code"] == "unavailable"
    assert (review.status, review.drafted_by_hand, review.model) == (TaskStatus.OPEN, "Ada", "")
    assert [(used.model, used.calls, used.failed) for used in record.models] == [("scripted-1", 1, 1)]
    assert not record.is_over


def test_manual_mode_is_told_as_the_reason_why_a_person_did_it(legal: Department, provider: ScriptedProvider) -> None:
    mona = person("Mona", legal, Role.MANAGER)
    switch_on(legal, reason="The contract ended.", actor=actor_for_user(mona))
    run = begun(legal, [{**WRITE, "helper": {"person": mona.email}}])
    say(run, mona, "answer", values={"text": "We regret this."})

    asked_of_mona = gather(whole(run)).questions.rows[0]

    assert (asked_of_mona.is_by_hand, asked_of_mona.why["code"]) == (True, "manual_mode")
    assert "Mona switched it on: The contract ended." in asked_of_mona.why["message"]


def test_the_draft_of_a_round_is_that_of_the_same_round(legal: Department, provider: ScriptedProvider) -> None:
    ada = person("Ada", legal)
    provider.script = [gives({"text": "First"}), gives({"text": "Second"})]
    loop = {"id": "again", "kind": "flow.loop", "with": {"times": 2}, "steps": [WRITE, REVIEW]}
    run = begun(legal, [loop])
    for text in ("One", "Two"):
        say(run, ada, "approve", text=text)

    found = gather(whole(run)).questions.rows

    assert [(each.draft, each.text, each.drafted_by) for each in found] == [
        ("First", "One", "again/steps~1/write"),
        ("Second", "Two", "again/steps~2/write"),
    ]


def test_sources_of_an_answer_stand_beside_its_draft(legal: Department) -> None:
    answer = {"id": "answer", "kind": "ai.answer", "with": {"question": "Why?", "documents": []}}
    review = {**REVIEW, "with": {"question": "Is this it?", "draft": "{{ steps.answer.answer }}"}}
    version = factories.make_version(
        factories.make_workflow(legal, {"format": 1, "name": "A", "steps": [answer, review]})
    )
    run = factories.make_run(version)
    quotes = [{"document": "Handbook", "passage": "Branches close on Monday."}]
    factories.make_step(run, "answer", kind="ai.answer", position=1, output={"answer": "x", "quotes": quotes})
    step = factories.make_step(run, "review", kind="people.review", position=2, status="waiting")
    factories.make_task(step, kind="review", draft="x")

    sources = gather(run).questions.rows[0].sources

    assert [(each.document, each.passage) for each in sources] == [("Handbook", "Branches close on Monday.")]


def test_runs_inside_name_who_decided_in_them_and_count_with_their_models(legal: Department) -> None:
    scene = scenes.a_department("Marketing")
    run = scenes.a_run(scene)
    first, second = scenes.items_of(scenes.a_step(run, "copies", "flow.for_each"), ["succeeded", "failed"])
    scenes.a_try(scenes.a_step(first, "copies/each/write", "ai.write", made_by="Olga Lind"))
    factories.make_decision(scenes.a_task(scene, first), scene.approver)

    record = gather(run)

    assert [(each.item, each.status, each.decided_by, each.by_hand) for each in record.inner.rows] == [
        (0, "succeeded", ["Astrid Berg"], 1),
        (1, "failed", [], 0),
    ]
    assert second.pk != first.pk
    assert [(used.model, used.calls, used.tokens_in, used.tokens_out) for used in record.models] == [
        ("practice", 1, 812, 64)
    ]
    assert all(type(used.tokens_in) is type(used.tokens_out) is int for used in record.models), "as the API says"


@pytest.mark.parametrize(
    ("first", "most", "place", "count", "total"),
    [(0, None, 0, 5, 5), (0, 2, 0, 2, 5), (4, 2, 4, 1, 5), (0, 5, 0, 5, 5), (9, 2, 9, 0, 5), (0, 6, 0, 5, 5)],
)
def test_a_long_list_is_read_in_parts(
    legal: Department, first: int, most: int | None, place: int, count: int, total: int
) -> None:
    run = factories.make_run()
    for number in range(5):
        factories.make_step(run, position=number)

    part = gather(run, steps=Window(first, most)).steps

    assert (part.first, len(part.rows), part.total) == (place, count, total)
    assert part.is_whole == (count == total)


def test_the_number_of_queries_does_not_grow_with_the_run(
    legal: Department, django_assert_max_num_queries: Any
) -> None:
    scene = scenes.a_department("Marketing")
    run = whole(scenes.a_waiting_run(scene))
    for number in range(20):
        step = scenes.a_step(run, f"ask_{number}", "people.review", "waiting")
        factories.make_decision(factories.make_task(step, kind="review", draft="Hello"), scene.approver)

    with django_assert_max_num_queries(17):
        record = gather(run)

    assert len(record.questions.rows) == 21
