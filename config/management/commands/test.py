"""`python3 manage.py test …`: everything after `test` goes to pytest as it is."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from django.core.management.base import BaseCommand

from config.env import ROOT


class Command(BaseCommand):
    help = "Run the tests with pytest, passing every argument through: `test tests/workflows -k retry -x`."

    def run_from_argv(self, argv: list[str]) -> NoReturn:
        os.chdir(ROOT)
        # The tests' settings choose a home of their own; ours would be in the way.
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *argv[2:]])
