"""Going on with a run that has failed or waits for a person to say so: what is finished is never repeated."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from workflows.engine.state import OVER
from workflows.engine.tree import ASIDE, ROUND
from workflows.models import JournalEntry, Run, RunStatus, StepRun, StepStatus
from workflows.runtime import children, ending, queue, tasks
from workflows.runtime.journey import Step, read_steps, tree_of
from workflows.runtime.kinds import kinds
from workflows.services.refusals import Conflict

Steps = QuerySet[StepRun]
STOPPED = (StepStatus.PARKED, StepStatus.FAILED, StepStatus.CANCELLED)


def reopen(run: Run, version_id: UUID) -> None:
    """Make what failed or was parked ready again, in a locked run and in the runs inside it.

    Raises Conflict when there is no such step.
    """
    inside = _with_parked_steps(run)
    if run.status == RunStatus.FAILED or _parked(run).exists():
        _reopen(run, version_id)
    elif not inside:
        raise Conflict("The run has not failed, so there is no step to go on from.")
    for child in inside:
        _reopen(child, child.version_id)


def _reopen(run: Run, version_id: UUID, *, held: bool = False) -> None:
    """`held`: it goes on when a sibling leaves its place."""
    if version_id != run.version_id:
        _forget_changed(run, version_id)
    steps = _stopped(run)
    waiting = [step for step in steps if _reopen_children(step, version_id)]
    ready = [step.pk for step in steps if step not in waiting]
    _make_ready(run, ready, held=held)
    _make_wait(waiting)
    Run.objects.filter(pk=run.pk).update(
        status=RunStatus.QUEUED,
        version_id=version_id,
        error=None,
        output=None,
        finished_at=None,
        seq=F("seq") + 1,
        handed_out_at=Now(),
        held=held,
    )
    JournalEntry.objects.create(run=run, seq=run.seq + 1, event="run.reopened", detail={"steps": len(steps)})
    if not held:
        queue.hand_out("run", [run.pk], run.priority)
        queue.hand_out("step", ready, run.priority)


def _parked(run: Run) -> Steps:
    return StepRun.objects.filter(run=run, status=StepStatus.PARKED)


def _stopped(run: Run) -> list[StepRun]:
    """The steps to go on from: parked ones, and in a run that is over also those that failed or were dropped.

    What a rescue has made good, and what an earlier round left behind, is not gone on with.
    """
    if not RunStatus(run.status).is_over:
        return list(_parked(run))
    known = read_steps(run.pk)
    rows = (
        StepRun.objects.filter(run=run, status__in=STOPPED)
        .exclude(inside__has_key="tolerated")
        .exclude(path__contains=ASIDE)
    )
    return [row for row in rows if not _is_left_behind(row.path, known)]


def _is_left_behind(path: str, known: Mapping[str, Step]) -> bool:
    """Whether a container on the way to this step is over, or has gone on to another sequence or round."""
    parts = path.split("/")
    for end in range(1, len(parts), 2):
        container = known["/".join(parts[:end])]
        arm, _, round = parts[end].partition(ROUND)
        if container.status in OVER or container.tolerated:
            return True
        if container.status != StepStatus.INSIDE and kinds()[container.kind].arms_are_tools:
            return True  # the agent has been told what became of it
        if container.status == StepStatus.INSIDE and (arm not in container.arms or int(round or 0) != container.round):
            return True
    return False


def _with_parked_steps(run: Run) -> list[Run]:
    """The live runs inside this one in which a step waits for a person to look at it; locked."""
    parked = StepRun.objects.filter(run__in=ending.inside(run.pk), status=StepStatus.PARKED)
    return list(Run.objects.select_for_update(no_key=True).filter(pk__in=parked.values("run")))


def _make_ready(run: Run, ids: list[UUID], *, held: bool) -> None:
    """A held run's steps come up when it is released (children.release_next), at the latest when it expires."""
    # An agent knows by this what its tools have done; without it, it would take an old result for that of another use.
    agents = [kind for kind, made in kinds().items() if made.arms_are_tools]
    StepRun.objects.filter(pk__in=ids).exclude(kind__in=agents).update(inside={}, signal=None)
    StepRun.objects.filter(pk__in=ids).update(
        status=StepStatus.READY,
        error=None,
        wake_at=None,
        waits_for="",
        run_after=run.expires_at if held else Now(),
        handed_out_at=None if held else Now(),
        finished_at=None,
        intent_at=None,
        claim_token=None,
        claims=0,
    )
    tasks.end_open(step__in=ids)


def _make_wait(steps: list[StepRun]) -> None:
    """Their children go on, and will be joined once more."""
    StepRun.objects.filter(pk__in=[step.pk for step in steps]).update(
        status=StepStatus.WAITING, waits_for="children", signal=None, error=None, finished_at=None, claims=0
    )


def _reopen_children(step: StepRun, version_id: UUID) -> bool:
    """Whether the step waited for children of which some failed: those go on, the finished ones stay."""
    stopped = Run.objects.filter(parent_step=step, status__in=[RunStatus.FAILED, RunStatus.CANCELLED])
    if not stopped.exists():
        return False
    begun = list(stopped.exclude(started_at=None).select_for_update(no_key=True).order_by("item_index"))
    stopped.filter(started_at=None).exclude(body="").update(version_id=version_id)
    stopped.filter(started_at=None).update(status=RunStatus.QUEUED, held=True, finished_at=None, error=None)
    Run.objects.filter(pk__in=[child.pk for child in begun]).update(status=RunStatus.FAILED)

    places = max(0, int(step.inside.get("concurrency", 10)) - _under_way(step))
    for number, child in enumerate(begun):
        child.status = RunStatus.FAILED
        _reopen(child, version_id if child.body else child.version_id, held=number >= places)
    for _ in range(places - len(begun)):
        if released := children.release_next(step.pk):
            queue.hand_out("run", [released], step.priority)
    return True


def _under_way(step: StepRun) -> int:
    return Run.objects.filter(parent_step=step, held=False, status__in=[RunStatus.RUNNING, RunStatus.WAITING]).count()


def _forget_changed(run: Run, version_id: UUID) -> None:
    """Unfinished steps that the newer version does not have, or has as another kind, are planned anew."""
    tree = tree_of(version_id)
    for step in StepRun.objects.filter(run=run).exclude(status__in=[StepStatus.SUCCEEDED, StepStatus.SKIPPED]):
        place = tree.places.get(step.step_id)
        if place is None or place.node.kind != step.kind:
            step.delete()
