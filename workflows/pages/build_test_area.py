"""What the pages say about a test: how far it is, what came of it, and what the next one of a step needs and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from connectors.forms import Form, form_for_inputs
from workflows.engine.cutting import Extent, Part, needs
from workflows.engine.definition import Definition, Node
from workflows.models import Run, RunStatus, Sample, StepRun, StepStatus, TaskStatus, Workflow
from workflows.pages.cards import title_of
from workflows.pages.progress import Line, flat, lines_of
from workflows.services import samples, testing
from workflows.services.estimates import Estimate, estimate

PREFIX = "test-in-"
PARTS = (Extent.ONLY, Extent.FROM, Extent.UP_TO)
RECENT_TESTS = 20


@dataclass(frozen=True, slots=True)
class Kept:
    """The sample of a step as the panel shows it."""

    sample: Sample
    value: Any


@dataclass(frozen=True)
class Progress:
    """A test run as it stands. `at` is the step of the panel in which it is shown, or nothing."""

    run: Run
    lines: Sequence[Line]
    at: str = ""

    @property
    def status(self) -> RunStatus:
        return RunStatus(self.run.status)

    @property
    def is_over(self) -> bool:
        return self.status.is_over

    @property
    def done(self) -> int:
        return sum(1 for line in self.lines if line.status and line.status.is_over)

    @property
    def now(self) -> Line | None:
        """What is being done."""
        busy = (StepStatus.RUNNING, StepStatus.READY, StepStatus.WAITING)
        return next((line for line in self.lines if line.status in busy and not line.parts), None)

    @cached_property
    def tasks(self) -> list[Any]:
        return list(self.run.tasks.filter(status=TaskStatus.OPEN))

    @property
    def line(self) -> Line | None:
        """What became of the step of the panel."""
        return next((line for line in self.lines if line.card.id == self.at and line.step), None)

    @cached_property
    def would(self) -> Mapping[str, str]:
        """Path → what a rehearsed step would have done, in full."""
        said = self.run.journal.filter(event="step.rehearsed").values_list("path", "detail")
        return {path: detail.get("would", "") for path, detail in said}

    @property
    def rehearsed(self) -> list[tuple[Line, str]]:
        """What would have been done, where the list of steps does not say all of it already."""
        would = self.would
        found = [(line, would[line.path]) for line in self.lines if line.path in would]
        return [
            (line, said) for line, said in found if not self.is_listed or line.step is None or said != line.step.summary
        ]

    @property
    def is_listed(self) -> bool:
        """Whether the steps are shown one by one."""
        return not self.at or len(self.lines) > 1

    @property
    def part(self) -> Part:
        return Part.read(self.run.version.part)


@dataclass(frozen=True, slots=True)
class Before:
    """An earlier step whose result the tested one uses."""

    node: Node
    title: str
    has_sample: bool


@dataclass(frozen=True, slots=True)
class Area:
    """What the panel of a step says about its test. `estimates`: only, from and up_to → what that would cost."""

    node: Node
    before: tuple[Before, ...]
    missing: tuple[str, ...]
    estimates: Mapping[str, Estimate]
    may_send: bool
    form: Form
    kept: Kept | None = None
    last: Progress | None = None
    refused: tuple[str, ...] = ()
    sends: bool = False

    @property
    def costs(self) -> bool:
        return any(each.questions for each in self.estimates.values())


def form_of(workflow: Workflow, definition: Definition, node: Node) -> Form:
    """The inputs that the step, or what comes before it, needs and nobody has given in a test yet."""
    known = samples.sample_inputs(workflow, definition, made=False)
    asked = testing.part_of(definition, Part(Extent.UP_TO, node.id)).inputs
    missing = {name: one for name, one in asked.items() if name not in known and one.required}
    # Which of them a test needs depends on its extent, and is said when it begins.
    return form_for_inputs(
        {name: one.model_copy(update={"required": False}) for name, one in missing.items()}, prefix=PREFIX
    )


def area_of(workflow: Workflow, definition: Definition, node: Node, form: Form | None = None, **more: Any) -> Area:
    parts = {extent: testing.part_of(definition, Part(extent, node.id)) for extent in PARTS}
    sample = samples.samples_of(workflow, [node]).get(node.id)
    run = _last(workflow, node)
    return Area(
        node=node,
        before=_before(workflow, definition, parts[Extent.ONLY]),
        missing=tuple(title_of(each) for each in testing.missing_for(workflow, definition, Part(Extent.ONLY, node.id))),
        estimates={extent: estimate(workflow, definition, part.steps) for extent, part in parts.items()},
        may_send=any(testing.sends(part) for part in parts.values()),
        form=form or form_of(workflow, definition, node),
        kept=Kept(sample, samples.value_of(sample)) if sample else None,
        last=progress_of(run, node.id) if run else None,
        **more,
    )


def progress_of(run: Run, at: str = "") -> Progress:
    return Progress(run, [line for line in flat(lines_of(run)) if line.step], at)


def _before(workflow: Workflow, definition: Definition, part: Definition) -> tuple[Before, ...]:
    wanted = needs(part.steps).steps
    known = samples.tested_steps(workflow, definition)
    found = [node for node in definition.nodes() if node.id in wanted]
    return tuple(Before(node, title_of(node), node.id in known) for node in found)


def _last(workflow: Workflow, node: Node) -> Run | None:
    """The newest test that came to this step, of the last few."""
    recent = Run.objects.tests().filter(workflow=workflow).order_by("-pk").values_list("pk", flat=True)[:RECENT_TESTS]
    step = StepRun.objects.filter(run__in=list(recent), step_id=node.id, kind=node.kind).order_by("-pk").first()
    return tests_of(workflow).filter(pk=step.run_id).first() if step else None


def tests_of(workflow: Workflow) -> Any:
    return Run.objects.tests().filter(workflow=workflow).select_related("version", "workflow", "department")
