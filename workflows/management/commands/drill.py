"""`drill [DEPARTMENT[/SLUG]]`: what would happen to the published workflows if a model were away."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from workflows.models import Workflow
from workflows.services.drills import Drilled, drilled, named_away
from workflows.services.refusals import ValidationError


class Command(BaseCommand):
    help = (
        "Says of every published workflow what happens at each AI step when its model is away. "
        "Exits with 1 when a run would stop anywhere."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("which", nargs="?", default="", metavar="DEPARTMENT[/SLUG]")
        away = parser.add_mutually_exclusive_group()
        away.add_argument("--model", default="", metavar="NAME", help="this model is away; without it every model is")
        away.add_argument("--provider", default="", metavar="NAME", help="all models of this provider are away")
        parser.add_argument("--json", action="store_true", help="as JSON, for programs")

    def handle(self, *, which: str, model: str, provider: str, **options: Any) -> None:
        try:
            found = drilled(_workflows(which), named_away(model=model, provider=provider))
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None
        self.stdout.write(_as_json(found) if options["json"] else _as_table(found))
        if any(each.stops for each in found):
            sys.exit(1)


def _workflows(which: str) -> list[Workflow]:
    department, _slash, slug = which.partition("/")
    rows = Workflow.objects.filter(archived_at=None, live__isnull=False).select_related("department", "live")
    rows = rows.filter(department__slug=department) if department else rows
    rows = rows.filter(slug=slug) if slug else rows
    found = list(rows.order_by("department__slug", "slug"))
    if which and not found:
        raise CommandError(f"There is no published workflow “{which}”. `drill` without a name looks at all of them.")
    return found


def _as_json(found: list[Drilled]) -> str:
    return json.dumps([each.data() for each in found], ensure_ascii=False, indent=2)


def _as_table(found: list[Drilled]) -> str:
    lines = []
    for each in found:
        lines.append(f"{each.workflow.department.slug}/{each.workflow.slug}, version {each.number}")
        width = max((len(one.title) for one in each.findings), default=0)
        lines += [
            f"  {'!' if not one.then.is_a_way_out else ' '} {one.title:<{width}}  {one.said}" for one in each.findings
        ]
        lines += [] if each.findings else ["    asks no model that is away"]
    stops = sum(each.stops for each in found)
    steps = sum(len(each.findings) for each in found)
    return "\n".join([*lines, f"{steps} AI steps in {len(found)} workflows; at {stops} of them the run would stop."])
