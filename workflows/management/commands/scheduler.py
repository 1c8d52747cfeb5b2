"""`manage.py scheduler`: timers, lost workers, hand-outs, time of tasks and triggers, telling others; the sealer."""

from __future__ import annotations

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit import history
from audit.sealer import Sealer
from connectors import mending
from connectors.anchor_places import BadPlace, places
from departments import erasing, erasures
from departments.ledger_watch import Watch
from workflows.runtime.scheduler import Scheduler
from workflows.services import (
    budget_questions,
    clocks,
    delivering,
    endings,
    progress,
    retention,
    series_turns,
    task_clock,
    watching,
)


class Command(BaseCommand):
    help = "Runs the scheduler until it is stopped; it needs only the database."

    def handle(self, *args: Any, **options: Any) -> None:
        others = (watching.Watcher().strike, delivering.Courier().strike)
        triggers = (clocks.strike, endings.strike, *others)
        asked = (task_clock.strike, budget_questions.strike)
        strikes = (*asked, *triggers, series_turns.strike, mending.mend, progress.Rounds().strike)
        scheduler = Scheduler(*strikes, beside=[_sealer().run, Watch().run, retention.Keeper().run])
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: scheduler.stop.set())
        history.notice(places(settings.ENV.ledger_anchors, settings.LEDGER_ANCHORS))  # before anything goes on
        erasures.told()
        erasing.replay()
        scheduler.run()


def _sealer() -> Sealer:
    try:
        told = places(settings.ENV.ledger_anchors, settings.LEDGER_ANCHORS)
    except BadPlace as error:
        raise CommandError(str(error)) from None
    return Sealer(told, settings.LEDGER_PUBLIC_KEYS)
