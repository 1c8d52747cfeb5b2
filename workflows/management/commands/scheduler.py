"""`manage.py scheduler`: due timers, lost workers, forgotten hand-outs, the time of tasks and of triggers."""

from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from workflows.runtime.scheduler import Scheduler
from workflows.services import clocks, endings, task_clock, watching


class Command(BaseCommand):
    help = "Runs the scheduler until it is stopped; it needs only the database."

    def handle(self, *args: Any, **options: Any) -> None:
        scheduler = Scheduler(task_clock.strike, clocks.strike, watching.Watcher().strike, endings.strike)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: scheduler.stop.set())
        scheduler.run()
