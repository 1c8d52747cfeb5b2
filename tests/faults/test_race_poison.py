"""A row in the middle of a batch that cannot be treated keeps no other from it (case P17)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from tests.faults.test_race_sweeps import schedulers_rounds, sleepers, statuses, unwritable
from tests.workflows.runtime.harness import carried, silent_broker
from workflows.models import Run, StepRun

pytestmark = pytest.mark.django_db(transaction=True)


def test_p17_a_sleeper_that_cannot_be_woken_keeps_no_other_from_it() -> None:
    runs = sleepers(5)

    with silent_broker(), unwritable(runs[2].steps.get()):
        schedulers_rounds(3)
    assert statuses(runs) == ["succeeded", "succeeded", "waiting", "succeeded", "succeeded"]

    carried(runs[2])
    assert statuses(runs) == ["succeeded"] * 5


def test_p17_a_run_that_somebody_holds_keeps_no_other_from_being_handed_out() -> None:
    """As a worker does that was stopped in the middle of its transaction, until the database ends that, 30 s later."""
    runs = sleepers(5)

    with holding(runs[2]), silent_broker():
        schedulers_rounds(3)
    assert statuses(runs) == ["succeeded", "succeeded", "waiting", "succeeded", "succeeded"]

    # Who claimed the step could not settle it, which costs its lease.
    StepRun.objects.filter(run=runs[2]).update(lease_until=Now() - timedelta(seconds=1))
    carried(runs[2])
    assert statuses(runs) == ["succeeded"] * 5


@contextmanager
def holding(run: Run) -> Iterator[None]:
    """Somebody else's transaction holds the run's row."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Run.objects.select_for_update().get(pk=run.pk)
            held.set()
            over.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    try:
        yield
    finally:
        over.set()
        thread.join()
