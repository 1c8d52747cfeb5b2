"""`manage.py test …`: everything after `test` goes to pytest as it is. `test --chaos` besieges a whole stack."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from django.core.management.base import BaseCommand

from config.env import ROOT

CHAOS = "--chaos"


class Command(BaseCommand):
    help = (
        "Run the tests with pytest, passing every argument through: `test tests/workflows -k retry -x`. "
        f"`test {CHAOS} [--minutes M] [--seed S]` lets a nemesis loose on a whole stack (docs/testing-under-fire.md)."
    )

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        os.chdir(ROOT)
        # The tests' settings choose a home of their own; ours would be in the way.
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
        os.execv(sys.executable, [sys.executable, "-m", *_module(argv[2:])])


def _module(arguments: list[str]) -> list[str]:
    if CHAOS not in arguments:
        return ["pytest", *arguments]
    return ["tests.faults.chaos", *(argument for argument in arguments if argument != CHAOS)]
