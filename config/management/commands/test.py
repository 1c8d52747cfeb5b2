"""`manage.py test`: all tests, in two processes. What stands after `test` goes to pytest as it is, and to one process.
`test --chaos` besieges a whole stack."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from django.core.management.base import BaseCommand

from config.env import ROOT

CHAOS = "--chaos"
PROCESSES = ["-n", "3"]
"""tests/conftest.py says who gets what."""


class Command(BaseCommand):
    help = (
        "Run all tests in three processes, or those that arguments of pytest name: `test tests/workflows -k retry -x`. "
        f"`test {CHAOS} [--minutes M] [--seed S]` lets a nemesis loose on a whole stack (docs/testing-under-fire.md)."
    )

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        os.chdir(ROOT)
        # The tests' settings choose a home of their own; ours would be in the way.
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
        os.execv(sys.executable, [sys.executable, "-m", *_module(argv[2:])])


def _module(arguments: list[str]) -> list[str]:
    if CHAOS not in arguments:
        return ["pytest", *(arguments or PROCESSES)]
    return ["tests.faults.chaos", *(argument for argument in arguments if argument != CHAOS)]
