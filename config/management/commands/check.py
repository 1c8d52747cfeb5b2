"""`python3 manage.py check`: everything a machine can say about the code without running it."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand
from django.core.management.commands.check import Command as DjangoCheck

from config.env import ROOT

CHECKS = {
    "style": ["-m", "ruff", "check", "."],
    "format": ["-m", "ruff", "format", "--check", "."],
    "types": ["-m", "mypy"],
    "floors and doors": ["-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
    "missing migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
}


class Command(DjangoCheck):
    help = "Check style, format, types, import contracts, migrations and settings. With an option: Django's own check."

    def run_from_argv(self, argv: list[str]) -> None:
        if len(argv) > 2:  # labels or options are Django's, for instance `check --deploy`
            super().run_from_argv(argv)
            return
        BaseCommand.run_from_argv(self, argv)

    def handle(self, *app_labels: Any, **options: Any) -> None:
        if app_labels or options.get("deploy") or options.get("list_tags"):
            super().handle(*app_labels, **options)
            return
        failed = [name for name, command in CHECKS.items() if not self._passes(name, command)]
        super().handle(*app_labels, **options)
        if failed:
            sys.exit(f"Not in order: {', '.join(failed)}.")

    def _passes(self, name: str, command: list[str]) -> bool:
        began = time.monotonic()
        result = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
        verdict = "in order" if result.returncode == 0 else "NOT in order"
        self.stdout.write(f"{name}: {verdict} ({time.monotonic() - began:.1f} s)")
        if result.returncode:
            self.stdout.write(result.stdout + result.stderr)
        return result.returncode == 0
