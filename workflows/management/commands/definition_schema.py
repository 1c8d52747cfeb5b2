"""`manage.py definition_schema`: the JSON Schema of a workflow's definition, for editors and other programs."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from workflows.engine import definition


class Command(BaseCommand):
    help = "Prints the JSON Schema (2020-12) of a workflow's definition."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(definition.json_schema(), indent=2))
