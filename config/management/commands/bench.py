"""`python3 manage.py bench`: the engine, and the limits of the machine it stands on, measured in one run."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from bench import report
from bench.bench import QUICK, Sizes
from bench.figures import UNITS
from bench.measuring import measure
from bench.stack import CannotMeasure, Shape
from config.parts import CannotEmbed
from config.processes import NotReady


class Command(BaseCommand):
    help = "Measures the engine and the limits of this machine, on a server of its own that goes away afterwards."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", nargs="+", default=[], choices=list(UNITS), metavar="NAME", help="these figures")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file as well")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes")
        parser.add_argument("--web", type=int, default=1, metavar="N", help="web servers, each on a port of its own")
        parser.add_argument("--repetitions", type=int, metavar="N", help="how often each is measured (3)")
        parser.add_argument(
            "--departments", type=int, default=3, metavar="N", help="over how many model_500_s is spread"
        )
        parser.add_argument("--quick", action="store_true", help="everything once and small: whether it works at all")

    def handle(self, *args: Any, **options: Any) -> None:
        # Ended by a signal, it still takes its server and its folder away.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        sizes = QUICK if options["quick"] else Sizes()
        if options["repetitions"]:
            sizes = replace(sizes, repetitions=options["repetitions"])
        try:
            result = measure(
                settings.ENV,
                replace(sizes, departments=options["departments"]),
                Shape(workers=options["workers"], web=options["web"]),
                options["only"],
                self._say,
            )
        except (CannotMeasure, CannotEmbed, NotReady) as problem:
            raise CommandError(str(problem)) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped; the server of the benchmark is gone.") from None
        self.stdout.write("\n" + report.tables(result))
        if options["json"]:
            options["json"].write_text(report.as_json(result) + "\n")
        if result.bench.missing:
            raise CommandError("Not measured: " + "\n".join(result.bench.missing))

    def _say(self, sentence: str) -> None:
        self.stderr.write(sentence)
        self.stderr.flush()
