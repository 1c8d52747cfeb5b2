"""Run the seeded example workflows to their end and print what came of each: the last part of `up --check`."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any

from django.core.management.base import BaseCommand

from workflows.services.examples import run_examples


class Command(BaseCommand):
    help = "Run the seeded example workflows to their end; exit with 0 only if all succeeded. Needs a running worker."

    def handle(self, *args: Any, **options: Any) -> None:
        failed = 0
        for example in run_examples():
            self.stdout.write(
                f"\n{example.department} / {example.workflow}: {example.status} in {example.seconds:.1f} s"
            )
            self.stdout.write(_told(example.output if example.status == "succeeded" else example.error))
            self.stdout.flush()
            failed += example.status != "succeeded"
        sys.exit(1 if failed else 0)


def _told(content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False, default=str)
    return textwrap.indent(textwrap.shorten(text, 1500, placeholder=" …") if isinstance(content, str) else text, "    ")
