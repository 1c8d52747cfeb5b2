"""What stands on the page of one task: the question with all that is needed to decide it, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from connectors.forms import Form
from connectors.sdk import Leaving
from connectors.sdk.leaving import Attachment
from departments.access import Actor, Verb
from departments.models import User
from workflows.engine.redline import Difference, difference
from workflows.engine.sending_back import NoWayBack, writer_of
from workflows.engine.tree import ASIDE
from workflows.models import StepRun, Task, TaskKind, TaskStatus
from workflows.pages.cards import Card, Names, card_of
from workflows.pages.saying import Sent, form_of
from workflows.pages.step import output_of
from workflows.runtime.journey import tree_of
from workflows.runtime.kinds import kinds
from workflows.services import leaving
from workflows.services.by_hand import given_to
from workflows.services.deciders import may_decide, reason_against
from workflows.services.leaving import Shown
from workflows.services.refusals import Conflict
from workflows.services.stages import Asking, asking
from workflows.services.task_answers import decisions_of, way_back_of

FOLD = 2_000
"""Characters of a body that are shown at once; the others stand behind a visible "more"."""


@dataclass(frozen=True, slots=True)
class Body:
    """A long text in two pieces; `more` is how many characters the second one has."""

    begins: str
    rest: str

    @property
    def more(self) -> int:
        return len(self.rest)

    @property
    def length(self) -> int:
        return len(self.begins) + len(self.rest)

    @classmethod
    def of(cls, text: str) -> Body:
        return cls(text[:FOLD], text[FOLD:])


@dataclass(frozen=True, slots=True)
class Sending:
    """What will leave: `message` with its `sha256`, or why it cannot be shown. `step` is the one that sends."""

    step: str
    message: Leaving | None = None
    sha256: str = ""
    refused: str = ""

    @property
    def body(self) -> Body:
        return Body.of(self.message.body if self.message else "")


@dataclass(frozen=True, slots=True)
class Round:
    """A draft that was sent back, and what was said of it."""

    number: int
    draft: str
    remarks: str
    by: str


@dataclass(frozen=True)
class Question:
    """One task as somebody looks at it. Each part is worked out when the page first asks for it."""

    task: Task
    actor: Actor
    sent: Sent | None = None
    """What was typed, when it comes back."""

    @property
    def is_open(self) -> bool:
        return self.task.status == TaskStatus.OPEN

    @cached_property
    def is_asked(self) -> bool:
        return self.is_open and may_decide(self.task, self.actor)

    @cached_property
    def has_answered(self) -> bool:
        """Whether they have given their voice in this stage, and it waits for others."""
        mine = (self.actor.kind, self.actor.id)
        return any((each.by_kind, each.by_id) == mine for each in self.asking.now.voices) if self.asking.now else False

    @property
    def taken_by_another(self) -> User | None:
        taken = self.task.claimed_by
        return taken if taken is not None and str(taken.pk) != self.actor.id else None

    @cached_property
    def may_decide(self) -> bool:
        is_free = self.taken_by_another is None or self.task.needs > 1
        return self.is_asked and is_free and not self.has_answered

    @property
    def reason_against(self) -> str:
        return reason_against(self.task, self.actor)

    @property
    def may_take(self) -> bool:
        return self.is_asked and self.task.claimed_by is None and self.task.needs == 1

    @property
    def may_give_back(self) -> bool:
        taken = self.task.claimed_by
        if not self.is_open or taken is None:
            return False
        return str(taken.pk) == self.actor.id or self._manages

    @property
    def may_hand_over(self) -> bool:
        return self.is_open and (self._manages or self.may_decide)

    @property
    def _manages(self) -> bool:
        return self.actor.may(Verb.MANAGE, self.task.department_id)

    @cached_property
    def colleagues(self) -> Sequence[User]:
        """To whom it may be handed over; who must not answer is refused with the reason."""
        people = User.objects.filter(is_active=True, memberships__department=self.task.department_id).distinct()
        return list(people.exclude(pk=self.actor.id).order_by("name", "email")) if self.may_hand_over else []

    # ── what is asked ────────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def asking(self) -> Asking:
        return asking(self.task)

    @cached_property
    def decisions(self) -> tuple[str, ...]:
        return decisions_of(self.task)

    @property
    def is_by_hand(self) -> bool:
        """Whether the result itself can be given."""
        return "answer" in self.decisions

    @property
    def has_perhaps_happened(self) -> bool:
        return (self.task.why or {}).get("code") == "outcome_unknown"

    @cached_property
    def text(self) -> str:
        """What stands in the editor: what was typed, else the text as it is now, or as it was decided."""
        if self.sent is not None and self.sent.said.text and self.is_open:
            return self.sent.said.text
        return str((self.task.answer or {}).get("text") or "") or self.task.current

    @property
    def option(self) -> int | None:
        """The draft that is chosen on the page."""
        if self.sent is not None and self.is_open:
            return self.sent.said.option
        return (self.task.answer or {}).get("option")

    @property
    def base(self) -> str:
        """With what the text is compared: the draft of the AI, or the draft that was chosen."""
        if self.task.kind != TaskKind.CHOOSE:
            return self.task.draft
        number = self.option or 0
        return self.task.options[number - 1] if 0 < number <= len(self.task.options) else ""

    @property
    def is_edited(self) -> bool:
        return bool(self.base) and self.text != self.base

    @property
    def difference(self) -> Difference:
        return difference(self.base, self.text)

    @cached_property
    def form(self) -> Form | None:
        return self.sent.form if self.sent is not None else form_of(self.task)

    @property
    def wrong(self) -> Mapping[str, str]:
        return self.sent.wrong if self.sent is not None else {}

    @property
    def sentences(self) -> list[str]:
        """What is wrong with what was said; nothing where it stands at the fields of the form."""
        return list(self.wrong.values())

    @property
    def answers(self) -> Mapping[str, Any]:
        """The values that were given, as the task was decided."""
        return (self.task.answer or {}).get("values") or {}

    @property
    def unsent(self) -> Mapping[str, Any]:
        """The values that were given too late."""
        return self.sent.said.values if self.sent is not None else {}

    @property
    def reason(self) -> str:
        return self.sent.said.reason if self.sent is not None else ""

    @property
    def dialog(self) -> str:
        """Which of the dialogs stands open, because what was said in it was refused."""
        refused = self.sent.said.decision if self.sent is not None and self.wrong else ""
        return refused if refused in ("reject", "send_back", "stop") else ""

    @property
    def dialogs(self) -> list[str]:
        """Decisions that ask for a reason in a dialog."""
        return [name for name in ("reject", "send_back", "stop") if name in self.decisions and self._is_possible(name)]

    def _is_possible(self, name: str) -> bool:
        return name != "send_back" or not self.why_no_way_back

    @cached_property
    def whom(self) -> str:
        return ", ".join(one.name for one in self.asking.now.asked) if self.asking.now else ""

    # ── what is known of it ──────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def why_no_way_back(self) -> str:
        """Why the draft cannot be sent back; nothing when it can."""
        try:
            way_back_of(self.task)
        except NoWayBack as error:
            return str(error)
        return ""

    @cached_property
    def sending(self) -> Sending | None:
        """What leaves if this is approved as it stands; of a task that is over, what was approved."""
        if not self.task.sends:
            return None
        node = tree_of(self.task.run.version_id).node(self.task.sends)
        title = node.title or kinds()[node.kind].title
        if not self.is_open:
            kept = self.task.leaving
            return Sending(title, _message(kept)) if kept else None
        try:
            shown = self.shown
        except Conflict as error:
            return Sending(title, refused=str(error))
        return Sending(title, shown.leaving, shown.sha256)

    @cached_property
    def shown(self) -> Shown:
        """Raises Conflict when what would be sent cannot be told."""
        return leaving.shown(
            self.task, {"decision": "approve", "text": self.text, "reason": "", "by": self.actor.label}
        )

    @cached_property
    def seen_sha256(self) -> str:
        """Digest of the page without what will leave, for the decisions by which nothing leaves."""
        return leaving.shown(self.task, {}).sha256

    @property
    def cannot_approve(self) -> str:
        return self.sending.refused if self.sending is not None else ""

    @property
    def happened(self) -> tuple[str, str]:
        """Of a resolve task: in a word, and in a sentence what that means."""
        return happened_words((self.task.why or {}).get("code", ""))

    @cached_property
    def card(self) -> Card:
        """The step of a resolve task as a sentence."""
        tree = tree_of(self.task.run.version_id)
        return card_of(tree.node(self.task.step.step_id), Names(tree.definition))

    @cached_property
    def given(self) -> Mapping[str, Any]:
        return given_to(self.task)

    @cached_property
    def sources(self) -> Sequence[Mapping[str, Any]]:
        """The passages on which the AI step rested its draft, where it gave any: document and passage."""
        if self.task.kind != TaskKind.REVIEW:
            return []
        writer = writer_of(tree_of(self.task.run.version_id), self.task.step.step_id, kinds())
        rows = self._steps().filter(step_id=writer or "").exclude(path__contains=ASIDE).order_by("-position")
        step = rows.first()
        given = output_of(step) if step is not None else {}
        found = given.get("quotes", []) if isinstance(given, Mapping) else []
        return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []

    @cached_property
    def rounds(self) -> Sequence[Round]:
        """The drafts of this very question that were sent back, the first first."""
        if self.task.kind != TaskKind.REVIEW:
            return []
        rows = self._steps().filter(path__startswith=f"{self.task.step.path}{ASIDE}", inside__has_key="sent_back")
        by: dict[Any, str] = dict(self.task.run.tasks.filter(step__in=rows).values_list("step", "decided_by_label"))
        sent = [(row.pk, row.inside["sent_back"]) for row in rows.order_by("position")]
        return [
            Round(number, each["draft"], each["remarks"], by.get(pk, "")) for number, (pk, each) in enumerate(sent, 1)
        ]

    def _steps(self) -> QuerySet[StepRun]:
        return StepRun.objects.filter(run=self.task.run_id)


def _message(kept: Mapping[str, Any]) -> Leaving:
    attached = tuple(Attachment(**each) for each in kept["attachments"])
    return Leaving(kept["by"], kept["to"], kept["headings"], kept["body"], attached)


def happened_words(code: str) -> tuple[str, str]:
    match code:
        case "outcome_unknown":
            return _("perhaps done"), _(
                "The step was about to send something when its worker was lost, so it may have been sent or not. "
                "Look at the other side before you choose: nothing is sent again by itself."
            )
        case "quarantined":
            return _("stopped"), _("The step took its worker down again and again, so it is not tried any more.")
        case "manual_mode":
            return _("manual mode"), _("AI steps are done by people at the moment, so no model was asked.")
        case "unavailable" | "rate_limited":
            return _("no answer"), _("The other side gave no answer, and all tries are used up.")
        case "auth_failed":
            return _("refused"), _("The other side did not accept how we signed in.")
    return _("failed"), _("The step failed, and trying again would not help by itself.")


def decided_words(task: Task) -> str:
    """Who decided what, for a list and for the page: “Ada approved”."""
    if task.status == TaskStatus.EXPIRED:
        return _("The time to decide was over")
    words = {
        "approve": _("%(by)s approved"),
        "reject": _("%(by)s rejected"),
        "send_back": _("%(by)s sent it back"),
        "answer": _("%(by)s answered"),
        "choose": _("%(by)s chose a draft"),
        "done": _("%(by)s said that it has happened"),
        "again": _("%(by)s had it done again"),
        "skip": _("%(by)s skipped it"),
        "stop": _("%(by)s stopped the run"),
    }
    said = words.get((task.answer or {}).get("decision", ""), _("%(by)s decided"))
    return said % {"by": task.decided_by_label}


def decision_word(decision: str) -> str:
    """One voice in a word."""
    words = {
        "approve": _("approved"),
        "reject": _("rejected"),
        "send_back": _("sent back"),
        "answer": _("answered"),
        "choose": _("chosen"),
        "done": _("has happened"),
        "again": _("done again"),
        "skip": _("skipped"),
        "stop": _("stopped"),
    }
    return words.get(decision, decision)


TONES = {"approve": "ok", "answer": "ok", "choose": "ok", "done": "ok", "reject": "bad", "stop": "bad"}


def decided_tone(task: Task) -> str:
    return TONES.get((task.answer or {}).get("decision", ""), "plain")
