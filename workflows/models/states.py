"""The states of things: value, label, colour and meaning in one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


class RunStatus(models.TextChoices):
    QUEUED = "queued", _("Queued")  # accepted, nothing has begun
    RUNNING = "running", _("Running")  # some step is ready or being performed
    WAITING = "waiting", _("Waiting")  # nothing to do until a time, a person or a child
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")

    @property
    def is_over(self) -> bool:
        return self in RUN_OVER

    @property
    def tone(self) -> str:
        """The pill's style on a page: ok, wait, run, bad, plain."""
        return RUN_TONES[self]


RUN_OVER = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED})
RUN_TONES = {
    RunStatus.QUEUED: "plain",
    RunStatus.RUNNING: "run",
    RunStatus.WAITING: "wait",
    RunStatus.SUCCEEDED: "ok",
    RunStatus.FAILED: "bad",
    RunStatus.CANCELLED: "plain",
}


class StepStatus(models.TextChoices):
    READY = "ready", _("Ready")  # may be claimed from `run_after` on
    RUNNING = "running", _("Running")  # claimed; the lease says until when
    WAITING = "waiting", _("Waiting")  # for `wake_at`, a task or child runs
    INSIDE = "inside", _("Inside")  # a container whose steps are under way
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    CANCELLED = "cancelled", _("Cancelled")
    PARKED = "parked", _("Needs a person")  # quarantined, or its effect may already have happened

    @property
    def is_over(self) -> bool:
        return self in STEP_OVER

    @property
    def tone(self) -> str:
        return STEP_TONES[self]


STEP_OVER = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.SKIPPED, StepStatus.CANCELLED})
STEP_TONES = {
    StepStatus.READY: "plain",
    StepStatus.RUNNING: "run",
    StepStatus.WAITING: "wait",
    StepStatus.INSIDE: "run",
    StepStatus.SUCCEEDED: "ok",
    StepStatus.FAILED: "bad",
    StepStatus.SKIPPED: "plain",
    StepStatus.CANCELLED: "plain",
    StepStatus.PARKED: "wait",
}


class RunMode(models.TextChoices):
    LIVE = "live", _("Live")
    TEST = "test", _("Test")  # what would leave Tandem is only rehearsed
    SENDING = "sending", _("Test that really sends")

    @property
    def is_test(self) -> bool:
        return self is not RunMode.LIVE

    @property
    def said(self) -> str:
        """As steps and texts know it: live or test."""
        return "test" if self.is_test else "live"


class Priority(models.IntegerChoices):
    """Each is a queue of its own; the number orders them."""

    INTERACTIVE = 1, _("Interactive")
    NORMAL = 2, _("Normal")
    BULK = 3, _("Bulk")


class TaskKind(models.TextChoices):
    APPROVE = "approve", _("Approve")
    REVIEW = "review", _("Review and edit")
    FORM = "form", _("Fill in")
    CHOOSE = "choose", _("Choose a draft")
    RESOLVE = (
        "resolve",
        _("Carry on by hand"),
    )  # a step failed, was lost too often, may have sent, or no AI is to be asked

    @property
    def decisions(self) -> tuple[str, ...]:
        """What may be said to such a question, the friendliest first."""
        return TASK_DECISIONS[self]


TASK_DECISIONS: Mapping[str, tuple[str, ...]] = {
    TaskKind.APPROVE: ("approve", "reject"),
    TaskKind.REVIEW: ("approve", "send_back", "reject"),
    TaskKind.FORM: ("answer", "reject"),
    TaskKind.CHOOSE: ("choose", "reject"),
    TaskKind.RESOLVE: ("answer", "done", "again", "skip", "stop"),
}
REFUSALS = frozenset({"reject", "stop", "send_back"})
"""Decisions that need a reason."""


class TaskStatus(models.TextChoices):
    OPEN = "open", _("Open")
    DECIDED = "decided", _("Decided")
    CANCELLED = "cancelled", _("Cancelled")  # the run ended before
    EXPIRED = "expired", _("Time over")  # nobody answered in time, and the step says what then


class Why(models.TextChoices):
    """Why somebody is asked."""

    ASKED = "asked", _("asked by the workflow")
    DELEGATED = "delegated", _("handed over by a colleague")
    ESCALATED = "escalated", _("asked because nobody had answered")
    HANDED_ON = "handed_on", _("asked because the time was over")


class Verdict(models.TextChoices):
    """What became of what was proposed; of a draft by the share of its words that a person changed."""

    ACCEPTED = "accepted", _("Accepted as it was")
    LIGHTLY = "lightly", _("Lightly edited")
    HEAVILY = "heavily", _("Heavily edited")
    SENT_BACK = "sent_back", _("Sent back")
    REJECTED = "rejected", _("Rejected")


def held(field: str, choices: type[models.TextChoices] | type[models.IntegerChoices], name: str) -> Any:
    """A database constraint that keeps a column to its choices."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": choices.values}), name=name)
