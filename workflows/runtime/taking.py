"""What a step takes from a source once: entries of a feed that no earlier run of the workflow was given."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from workflows.models import Run, StepRun, StepStatus, Taken

REMEMBERED = timedelta(days=365)
"""An entry that its source has not told for so long is forgotten."""
CAME_TO_NOTHING = (StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.SKIPPED)


@dataclass(frozen=True, slots=True)
class Taker:
    """A step of a run, before one source."""

    run: Run
    path: str
    step_id: str
    source: str

    @property
    def known(self) -> QuerySet[Taken]:
        """All that this step of the workflow has taken there, in whichever run."""
        workflow = self.run.workflow_id
        return Taken.objects.filter(workflow=workflow, step_id=self.step_id, source=_hash(self.source))

    def take(self, keys: Sequence[str], most: int) -> list[str]:
        """`connectors.sdk.StepContext.take_new`."""
        named = {_hash(key): key for key in keys}
        if self.run.is_test:
            return [named[each] for each in self._free(list(named))[:most]]
        if not (held := self._held(named)):
            self._hold(self._free(list(named))[:most])
            held = self._held(named)
            self._forget(list(named))
        return [key for each, key in named.items() if each in held]

    def give_back(self, keys: Sequence[str]) -> None:
        """`connectors.sdk.StepContext.give_back`."""
        self.known.filter(run=self.run, path=self.path, key__in=[_hash(key) for key in keys]).delete()

    def _held(self, named: dict[str, str]) -> set[str]:
        ours = self.known.filter(run=self.run, path=self.path, key__in=list(named))
        return set(ours.values_list("key", flat=True))

    def _free(self, hashes: list[str]) -> list[str]:
        """Not taken, or taken by a step that came to nothing."""
        known = self.known.filter(key__in=hashes)
        taken = set(known.values_list("key", flat=True)) - set(_given_back(known).values_list("key", flat=True))
        return [each for each in hashes if each not in taken]

    @transaction.atomic
    def _hold(self, hashes: list[str]) -> None:
        """Where another run holds one by now, that run keeps it."""
        again = _given_back(self.known.filter(key__in=hashes))
        again.update(run=self.run, path=self.path, taken_at=Now())
        common = {"workflow_id": self.run.workflow_id, "step_id": self.step_id, "source": _hash(self.source)}
        rows = [Taken(**common, key=each, run=self.run, path=self.path) for each in hashes]
        Taken.objects.bulk_create(rows, ignore_conflicts=True)

    def _forget(self, still_told: list[str]) -> None:
        self.known.filter(taken_at__lt=Now() - REMEMBERED).exclude(key__in=still_told).delete()


def _given_back(rows: QuerySet[Taken]) -> QuerySet[Taken]:
    step = StepRun.objects.filter(run=OuterRef("run"), path=OuterRef("path"), status__in=CAME_TO_NOTHING)
    return rows.filter(Exists(step))


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
