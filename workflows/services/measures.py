"""What people made of it: the measures kept with each decision, summed by step, version and model. Never by person.

Decisions of people count, one for each voice, in runs of published versions; those of programs or of the clock do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Aggregate, Count, F, FloatField, Q, QuerySet, Sum
from django.utils.translation import gettext as _
from pydantic import Field

from workflows.models import Decision, Verdict, Workflow
from workflows.runtime.journey import tree_of
from workflows.services.step_titles import title_of

UNREAD_S = 5.0
"""Whoever looked for less has hardly read it."""
NEARLY_ALL = 0.9
ENOUGH = 10
"""Fewer decisions say nothing about a habit."""
YES = ("approve", "choose")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How many drafts and questions were accepted as they were, edited, sent back, rejected."""

    accepted: int
    lightly: Annotated[int, Field(description="At most a fifth of the words changed.")]
    heavily: int
    sent_back: int
    rejected: int

    @property
    def total(self) -> int:
        return self.accepted + self.lightly + self.heavily + self.sent_back + self.rejected


@dataclass(frozen=True, slots=True)
class StepMeasure:
    """The decisions at one step of one version about drafts of one model."""

    step: Annotated[str, Field(description="Id of the step that asked.")]
    title: str
    drafted_by: Annotated[str, Field(description="Id of the AI step whose draft it was; empty where there is none.")]
    model: str
    version: int
    decisions: int
    verdicts: Verdicts
    words: Annotated[int, Field(description="Of all drafts together.")]
    words_changed: int
    open_s: Annotated[float, Field(description="Median of the seconds from the question to the decision.")]
    look_s: Annotated[float | None, Field(description="Median of the seconds for which it was looked at.")]
    agreed_looks: Annotated[int, Field(description="Approvals of which it is known how long they were looked at.")]
    unread: Annotated[int, Field(description="Those of them that were looked at for less than 5 seconds.")]


@dataclass(frozen=True, slots=True)
class Unread:
    """A step that is waved through."""

    step: str
    title: str
    unread: int
    of: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Measures:
    """The newest version first, then by step and model."""

    steps: Sequence[StepMeasure]
    unread: Sequence[Unread]


class Median(Aggregate):
    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()
    allow_distinct = False


def measures_of(workflow: Workflow) -> Measures:
    """Two queries, and one for the live version's titles."""
    numbers = dict(workflow.versions.values_list("pk", "number"))
    by = ("version_id", "step_id", "drafted_by", "model")
    rows = _decisions(workflow).values(*by).annotate(**_sums()).order_by()
    found = [_measure(row, numbers[row["version_id"]], workflow) for row in rows if row["version_id"] in numbers]
    steps = sorted(found, key=lambda each: (-each.version, each.step, each.model))
    return Measures(steps, _unread(steps))


def verdicts_by_version(workflow: Workflow, versions: Iterable[UUID]) -> dict[UUID, Verdicts]:
    """Id of the version → what became of its drafts and questions. One query."""
    rows = _decisions(workflow).filter(version__in=list(versions)).values("version_id")
    return {row["version_id"]: _verdicts(row) for row in rows.annotate(**_counts()).order_by()}


def _decisions(workflow: Workflow) -> QuerySet[Decision]:
    """Answered from the index decision_measures alone."""
    return Decision.objects.filter(workflow=workflow, by_kind="person")


def _counts() -> dict[str, Any]:
    return {verdict.value: Count("verdict", filter=Q(verdict=verdict)) for verdict in Verdict}


def _sums() -> dict[str, Any]:
    agreed = Q(decision__in=YES)
    return {
        **_counts(),
        "decisions": Count("*"),
        "all_words": Sum("words"),
        "all_changed": Sum("words_changed"),
        "median_open": Median(F("open_s")),
        "median_look": Median(F("look_s")),
        "agreed_looks": Count("look_s", filter=agreed),
        "unread": Count("look_s", filter=agreed & Q(look_s__lt=UNREAD_S)),
    }


def _measure(row: Mapping[str, Any], version: int, workflow: Workflow) -> StepMeasure:
    return StepMeasure(
        step=row["step_id"],
        title=_title(row["step_id"], workflow),
        drafted_by=row["drafted_by"],
        model=row["model"],
        version=version,
        decisions=row["decisions"],
        verdicts=_verdicts(row),
        words=row["all_words"],
        words_changed=row["all_changed"],
        open_s=row["median_open"],
        look_s=row["median_look"],
        agreed_looks=row["agreed_looks"],
        unread=row["unread"],
    )


def _verdicts(row: Mapping[str, Any]) -> Verdicts:
    return Verdicts(**{verdict.value: row[verdict.value] for verdict in Verdict})


def _title(step_id: str, workflow: Workflow) -> str:
    """As the live version calls it; a step that it no longer has by its id."""
    if workflow.live_id is None:
        return step_id
    tree = tree_of(workflow.live_id)
    place = tree.places.get(step_id)
    return title_of(step_id, place.node.kind, tree) if place else step_id


def _unread(steps: Iterable[StepMeasure]) -> list[Unread]:
    """Steps whose approvals were nearly all given without reading, over all versions and models."""
    found: dict[str, tuple[str, int, int]] = {}
    for each in steps:
        _title, unread, of = found.get(each.step, ("", 0, 0))
        found[each.step] = (each.title, unread + each.unread, of + each.agreed_looks)
    return [
        Unread(step, title, unread, of, _sentence(title, unread, of))
        for step, (title, unread, of) in found.items()
        if of >= ENOUGH and unread >= NEARLY_ALL * of
    ]


def _sentence(title: str, unread: int, of: int) -> str:
    text = _(
        "“%(title)s” is approved nearly unread: of %(of)s approvals, %(unread)s came after a look of less than "
        "%(seconds)s seconds. Ask fewer people, show less, or let the workflow go on without asking."
    )
    return text % {"title": title, "of": f"{of:,}", "unread": f"{unread:,}", "seconds": int(UNREAD_S)}
