"""Run the seeded example workflows to their end and print what came of each: the last part of `up --check`."""

from __future__ import annotations

import json
import sys
import textwrap
from typing import Any

from django.core.management.base import BaseCommand

from workflows.services.examples import run_examples

LONGEST = 1200


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
    """An output's fields, one after the other; texts as they are, everything else as JSON, both cut where long."""
    fields = content.items() if isinstance(content, dict) else [("", content)]
    return "\n".join(
        textwrap.indent(f"{name}: {_field(value)}" if name else _field(value), "    ") for name, value in fields
    )


def _field(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    cut = text if len(text) <= LONGEST else text[:LONGEST] + " …"
    return "\n" + textwrap.indent(cut, "    ") if "\n" in cut else cut
