"""What runs ask people, on real rows: stages and voices, drafts sent back, forms, choices, work carried on by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from departments.access import Actor, actor_for_user
from departments.models import Department, Role, User
from tests import factories
from tests.scripted_provider import MODEL, ScriptedProvider, fails, gives, scripted_provider
from tests.steps import probes
from tests.workflows.runtime.harness import (
    carried,
    claim,
    lose_the_worker,
    published,
    run_of,
    silent_broker,
    statuses,
)
from workflows.models import Decision, ManualMode, Run, Task, TaskStatus, Verdict
from workflows.runtime import store
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError
from workflows.services.tasks import decide_task, may_decide
from workflows.services.workflows import publish_workflow, save_draft

__all__ = ["scripted_provider"]

pytestmark = pytest.mark.django_db(transaction=True)

WRITE = {"id": "write", "kind": "ai.write", "with": {"instructions": "Announce it."}, "retry": {"attempts": 1}}
REVIEW = {
    "id": "review",
    "kind": "people.review",
    "with": {"question": "Is this it?", "draft": "{{ steps.write.text }}"},
}


@pytest.fixture(autouse=True)
def _fresh_probes() -> Iterator[None]:
    probes.reset()
    yield
    probes.reset()


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def provider(scripted_provider: ScriptedProvider) -> ScriptedProvider:
    served = factories.make_provider(name="Far away", base_url=scripted_provider.base_url)
    factories.make_model(served, name=MODEL, is_default=True)
    return scripted_provider


def person(name: str, department: Department, role: Role = Role.APPROVER) -> User:
    return factories.make_user(name, department, role)


def as_actor(user: User) -> Actor:
    return actor_for_user(user)


def asked(run: Run) -> Task:
    return Task.objects.select_related("run__version", "run__workflow", "department", "step").get(
        run=run, status=TaskStatus.OPEN
    )


def say(run: Run, by: User, decision: str, **more: Any) -> Run:
    with silent_broker():
        decide_task(asked(run), actor=as_actor(by), decision=decision, **more)
    return carried(run)


def begun(legal: Department, steps: list[dict[str, Any]], **rest: Any) -> Run:
    return carried(run_of(published(steps, legal, **rest)))


# ── who, and how many ────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_of_three_have_to_agree_and_each_has_one_voice(legal: Department) -> None:
    ada, ben, cleo = (person(name, legal) for name in ("Ada", "Ben", "Cleo"))
    named = [{"person": ben.email}, {"person": cleo.email}]
    ask = {"question": "May it go?", "person": ada.email, "people": named, "needs": 2}
    run = begun(legal, [{"id": "ask", "kind": "people.approve", "with": ask}])

    say(run, ada, "approve")
    with pytest.raises(Conflict, match="You have answered this already"):
        say(run, ada, "approve")
    assert carried(run).status == "waiting"
    say(run, cleo, "approve")

    assert carried(run).status == "succeeded"
    assert list(Decision.objects.order_by("at").values_list("by_label", "stage")) == [("Ada", 0), ("Cleo", 0)]


def test_one_refusal_ends_what_two_have_to_agree_to(legal: Department) -> None:
    ada, ben = person("Ada", legal), person("Ben", legal)
    ask = {"question": "May it go?", "role": "approver", "needs": 2}
    run = begun(legal, [{"id": "ask", "kind": "people.approve", "with": ask}])

    say(run, ada, "approve")
    run = say(run, ben, "reject", reason="Not before Monday.")

    assert run.status == "failed"
    assert run.error is not None
    assert "Ben rejected" in run.error["message"]


def test_stages_are_asked_one_after_another_and_each_sees_the_text_of_the_one_before(
    legal: Department, provider: ScriptedProvider
) -> None:
    ada, mona = person("Ada", legal), person("Mona", legal, Role.MANAGER)
    provider.script = [gives({"text": "We are glad."})]
    then = {**REVIEW["with"], "person": ada.email, "then": [{"person": mona.email}]}
    run = begun(legal, [WRITE, {**REVIEW, "with": then}], output={"text": "{{ steps.review.text }}"})

    assert not may_decide(asked(run), as_actor(mona))
    say(run, ada, "approve", text="We are very glad.")
    task = asked(run)
    assert (task.stage, task.current, may_decide(task, as_actor(ada))) == (1, "We are very glad.", False)
    run = say(run, mona, "approve")

    assert run.output == {"text": "We are very glad."}
    verdicts = list(Decision.objects.order_by("at").values_list("by_label", "verdict", "model", "drafted_by"))
    assert verdicts == [("Ada", Verdict.HEAVILY, MODEL, "write"), ("Mona", Verdict.HEAVILY, MODEL, "write")]


def test_whoever_wrote_the_version_may_not_approve_where_the_step_says_so(legal: Department) -> None:
    ada, ben = person("Ada", legal, Role.MANAGER), person("Ben", legal)
    ask = {"question": "May it go?", "not_the_author": True}
    workflow = published([{"id": "ask", "kind": "people.approve", "with": ask}], legal)

    save_draft(workflow, {**workflow.draft, "description": "By Ada"}, actor=as_actor(ada))
    publish_workflow(workflow, note="", actor=as_actor(ada))
    run = carried(run_of(workflow))

    with pytest.raises(PermissionDenied, match="You have written this version"):
        say(run, ada, "approve")
    assert say(run, ben, "approve").status == "succeeded"


# ── sent back ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_draft_that_is_sent_back_is_written_anew_with_the_remarks(
    legal: Department, provider: ScriptedProvider
) -> None:
    ada = person("Ada", legal)
    provider.script = [gives({"text": "We are glad."}), gives({"text": "We open on Monday."})]
    between = {"id": "frame", "kind": "text.compose", "with": {"text": "[{{ steps.write.text }}]"}}
    framed = {**REVIEW, "with": {**REVIEW["with"], "draft": "{{ steps.frame.text }}"}}
    run = begun(legal, [WRITE, between, framed], output={"text": "{{ steps.review.text }}"})

    run = say(run, ada, "send_back", reason="Say when we open.")
    told = provider.requests[-1]["messages"]
    assert "Say when we open." in told[0]["content"]
    assert "We are glad." in str(told)
    assert asked(run).draft == "[We open on Monday.]"
    run = say(run, ada, "approve")

    assert (run.status, run.output) == ("succeeded", {"text": "[We open on Monday.]"})
    assert statuses(run) == {
        "write!1": "succeeded",
        "frame!1": "succeeded",
        "review!1": "cancelled",
        "write": "succeeded",
        "frame": "succeeded",
        "review": "succeeded",
    }
    assert list(Decision.objects.order_by("at").values_list("decision", "verdict")) == [
        ("send_back", Verdict.SENT_BACK),
        ("approve", Verdict.ACCEPTED),
    ]


def test_a_draft_that_no_ai_wrote_cannot_be_sent_back(legal: Department) -> None:
    ada = person("Ada", legal)
    review = {**REVIEW, "with": {"question": "Is this it?", "draft": "By hand"}}
    run = begun(legal, [review])

    with pytest.raises(ValidationError, match="nobody to send it back to"):
        say(run, ada, "send_back", reason="No.")
    assert carried(run).status == "waiting"


def test_inside_a_loop_only_this_round_is_done_again(legal: Department, provider: ScriptedProvider) -> None:
    ada = person("Ada", legal)
    provider.script = [gives({"text": text}) for text in ("one", "two", "three")]
    again = {"id": "again", "kind": "flow.loop", "with": {"times": 2}, "steps": [WRITE, REVIEW]}
    run = begun(legal, [again])

    say(run, ada, "approve")
    say(run, ada, "send_back", reason="Once more.")
    run = say(run, ada, "approve")

    assert run.status == "succeeded"
    assert Task.objects.filter(run=run).order_by("created_at").last().draft == "three"  # type: ignore[union-attr]


# ── forms and choices ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_form_gives_typed_values_and_says_what_is_wrong_with_them(legal: Department) -> None:
    ada = person("Ada", legal)
    fields = [
        {"name": "budget", "type": "number"},
        {"name": "market", "type": "choice", "choices": ["DE", "SE"]},
        {"name": "note", "required": False},
    ]
    form = {"id": "ask", "kind": "people.form", "with": {"question": "What may it cost?", "fields": fields}}
    run = begun(legal, [form], output={"budget": "{{ steps.ask.budget }}", "by": "{{ steps.ask.by }}"})

    with pytest.raises(ValidationError) as refused:
        say(run, ada, "answer", values={"budget": "much", "market": "FR"})
    assert refused.value.message_dict == {"budget": ["This has to be a number."], "market": ["Choose one of DE, SE."]}
    run = say(run, ada, "answer", values={"budget": 500, "market": "SE"})

    assert run.output == {"budget": 500, "by": "Ada"}


def test_one_of_several_drafts_is_chosen_and_may_be_changed(legal: Department) -> None:
    ada = person("Ada", legal)
    ask = {"id": "ask", "kind": "people.choose", "with": {"question": "Which?", "drafts": ["Short", "Long one"]}}
    run = begun(legal, [ask], output={"text": "{{ steps.ask.text }}", "option": "{{ steps.ask.option }}"})

    with pytest.raises(ValidationError, match="Choose one of the 2 drafts"):
        say(run, ada, "choose", option=3)
    run = say(run, ada, "choose", option=2, text="A long one")

    assert run.output == {"text": "A long one", "option": 2}


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_that_fails_for_good_becomes_a_task_and_the_run_goes_on_with_the_answer(
    legal: Department, provider: ScriptedProvider
) -> None:
    ada = person("Ada", legal, Role.OPERATOR)
    provider.reply = lambda _asked: fails(500)
    run = begun(legal, [{**WRITE, "on_error": "ask"}], output={"text": "{{ steps.write.text }}"})

    task = asked(run)
    assert (run.status, task.kind, (task.why or {})["code"]) == ("waiting", "resolve", "unavailable")
    with pytest.raises(ValidationError, match="This has to be filled in"):
        say(run, ada, "answer", values={})
    run = say(run, ada, "answer", values={"text": "Written by Ada."})

    assert (run.status, run.output) == ("succeeded", {"text": "Written by Ada."})
    assert run.steps.get().made_by == "Ada"


def test_where_the_helper_has_left_meanwhile_somebody_is_asked_all_the_same(
    legal: Department, provider: ScriptedProvider
) -> None:
    ada = person("Ada", legal, Role.OPERATOR)
    provider.reply = lambda _asked: fails(500)
    workflow = published([{**WRITE, "on_error": "ask", "helper": {"person": ada.email}}], legal)
    ada.memberships.all().delete()

    run = carried(run_of(workflow))

    assert (run.status, asked(run).role) == ("waiting", "operator")


def test_again_means_the_machine_with_all_its_tries_and_skip_leaves_it_empty(
    legal: Department, provider: ScriptedProvider
) -> None:
    ada = person("Ada", legal, Role.OPERATOR)
    provider.script = [fails(500), gives({"text": "By the machine."})]
    run = begun(legal, [{**WRITE, "on_error": "ask"}], output={"text": "{{ steps.write.text }}"})
    assert say(run, ada, "again").output == {"text": "By the machine."}

    provider.reply = lambda _asked: fails(500)
    other = begun(legal, [{**WRITE, "on_error": "ask"}], output={"text": "{{ steps.write.text }}"}, name="Other")
    assert say(other, ada, "skip").output == {"text": None}

    third = begun(legal, [{**WRITE, "on_error": "ask"}], name="Third")
    third = say(third, ada, "stop", reason="It is too late for it.")
    assert third.status == "failed"
    assert "It is too late for it." in (third.error or {})["message"]


def test_in_manual_mode_no_ai_is_asked(legal: Department, provider: ScriptedProvider) -> None:
    ada = person("Ada", legal, Role.OPERATOR)
    ManualMode.objects.create(department=legal, reason="The provider is down.", on_by="Mona")
    run = begun(legal, [WRITE], output={"text": "{{ steps.write.text }}"})

    task = asked(run)
    assert (task.why or {})["message"] == "Manual mode is on since Mona switched it on: The provider is down."
    assert provider.requests == []
    assert say(run, ada, "answer", values={"text": "By hand."}).output == {"text": "By hand."}


def test_manual_mode_of_one_provider_or_workflow_leaves_the_others_alone(
    legal: Department, provider: ScriptedProvider
) -> None:
    elsewhere = published([WRITE], legal, name="Elsewhere")
    ManualMode.objects.create(department=legal, provider="Somebody else", reason="Down.", on_by="Mona")
    ManualMode.objects.create(department=legal, workflow=elsewhere, reason="Quality.", on_by="Mona")
    ManualMode.objects.create(department=factories.make_department(), reason="Theirs.", on_by="Mona")

    assert begun(legal, [WRITE]).status == "succeeded"
    assert carried(run_of(elsewhere)).status == "waiting"
    ManualMode.objects.create(department=legal, provider="Far away", reason="Down.", on_by="Mona")
    assert begun(legal, [WRITE], name="Third").status == "waiting"


def test_a_parked_effect_is_looked_at_by_a_person_and_never_sent_twice(legal: Department) -> None:
    ada = person("Ada", legal, Role.OPERATOR)
    run = run_of(published([{"id": "send", "kind": "probe.unsafe", "with": {}}], legal))
    work = claim(run)
    store.announce_effect(work.step)
    lose_the_worker(run, "send")
    carried(run)

    task = asked(run)
    assert (statuses(run)["send"], (task.why or {})["code"]) == ("parked", "outcome_unknown")
    run = say(run, ada, "done", values={"value": "It arrived."})

    assert (run.status, probes.SENT) == ("succeeded", [])
    assert run.steps.get().summary == "known by Ada to have happened"


# ── what leaves ──────────────────────────────────────────────────────────────────────────────────────────────────────

SEND = {
    "id": "send",
    "kind": "connector.planned",
    "with": {"system": "Newsletter", "does": "send it", "to": "all@example.org", "message": "{{ steps.review.text }}"},
}


def test_what_was_approved_to_be_sent_is_what_leaves(legal: Department, provider: ScriptedProvider) -> None:
    ada = person("Ada", legal)
    provider.script = [gives({"text": "We are glad."})]
    run = begun(legal, [WRITE, {**REVIEW, "with": {**REVIEW["with"], "sends": "send"}}, SEND])

    run = say(run, ada, "approve", text="We are very glad.")

    assert run.status == "succeeded"
    assert Task.objects.get(run=run).leaving == {
        "by": "Newsletter",
        "to": ["all@example.org"],
        "headings": {"What": "send it"},
        "body": "We are very glad.",
        "attachments": [],
    }


def test_anything_else_than_what_was_approved_is_refused(legal: Department, provider: ScriptedProvider) -> None:
    ada = person("Ada", legal)
    provider.script = [gives({"text": "We are glad."})]
    run = begun(legal, [WRITE, {**REVIEW, "with": {**REVIEW["with"], "sends": "send"}}, SEND])
    task = asked(run)
    with silent_broker():
        decide_task(task, actor=as_actor(ada), decision="approve")
    signal = task.step.__class__.objects.get(pk=task.step_id).signal
    assert signal is not None
    altered = {**signal, "answer": {**signal["answer"], "text": "Buy now!"}}
    task.step.__class__.objects.filter(pk=task.step_id).update(signal=altered)

    run = carried(run)

    assert run.status == "failed"
    assert (run.error or {})["code"] == "not_what_was_approved"
