"""After a restore: what happened after the backup is known to others and not to us.

Effects with a key are sent again with the same key, and others are asked first. One that may happen only once is left
to a person, in every run that is older than the restore, until somebody has had it done since. So is every effect of an
item or a sub-workflow that is begun anew: its key follows from its run, and the run that had it before is gone.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from uuid import UUID

from audit import history
from audit.models import Entry
from connectors.sdk import Effect
from workflows.models import Attempt, Run

WHY = "Tandem was restored from a backup, and this step may have been done after that backup was made."


def may_have_happened(run: Run, step_id: UUID, effect: Effect) -> bool:
    at = restored_at()
    if at is None or effect is Effect.PURE or _begun(run) >= at:
        return False
    if effect is not Effect.UNSAFE and run.created_at < at:
        return False  # under the key that it had
    return not Attempt.objects.filter(step_id=step_id, finished_at__gt=at).exists()


def _begun(run: Run) -> datetime:
    """When the run around all began."""
    while run.parent is not None:
        run = run.parent
    return run.created_at


@cache
def restored_at() -> datetime | None:
    """Read once in the life of a process: nobody restores a database beneath those that work with it."""
    return Entry.objects.filter(department="", verb=history.VERB).order_by("-id").values_list("at", flat=True).first()
