"""`manage.py run_workflow DEPARTMENT/SLUG`: start a run, show its progress, print its output."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection
from django.db.models import Q

from departments.access import SYSTEM
from workflows.models import Run, RunStatus, StepRun, StepStatus, Task, Workflow
from workflows.runtime.journey import tree_of
from workflows.services.files import reference, store_file
from workflows.services.refusals import Conflict
from workflows.services.runs import start_run

SUCCEEDED, FAILED, BAD_INPUT, WAITS_FOR_A_PERSON = 0, 1, 2, 3


class BadInput(Exception):
    """What was asked cannot be started; a sentence."""


class Command(BaseCommand):
    help = (
        "Starts a run of a published workflow, waits, and prints its output. "
        "Ends with 0 succeeded, 1 failed, 2 bad input, 3 waits for a person."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workflow", metavar="DEPARTMENT/SLUG")
        parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE")
        parser.add_argument("--file", action="append", default=[], metavar="NAME=PATH")
        parser.add_argument("--sample", action="store_true", help="the workflow's sample input for what is not given")
        parser.add_argument("--json", action="store_true", help="print only the run, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            workflow = _find(options["workflow"])
            given = _given(workflow, options)
            run = start_run(workflow, inputs=given, actor=SYSTEM)
        except (BadInput, Conflict) as problem:
            self._refuse(str(problem))
        except ValidationError as problem:
            self._refuse(_told(problem))
        show = Progress(None if options["json"] else self.stdout)
        while not run.status_is_settled:
            show.look(run)
            connection.close()
            time.sleep(0.2)
            run.refresh_from_db()
        show.look(run)
        self._tell(run, as_json=options["json"])
        sys.exit(_exit_code(run))

    def _refuse(self, why: str) -> None:
        self.stderr.write(why)
        sys.exit(BAD_INPUT)

    def _tell(self, run: Run, *, as_json: bool) -> None:
        facts = {"id": str(run.pk), "status": run.status, "output": run.output, "error": run.error}
        if as_json:
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        elif run.status == RunStatus.SUCCEEDED:
            self.stdout.write(json.dumps(run.output, ensure_ascii=False, indent=2))
        elif run.error:
            self.stderr.write(f"Failed at {run.error.get('title') or 'the end'}: {run.error.get('message')}")
        else:
            for task in Task.objects.filter(Q(run=run) | Q(run__parent=run), status="open"):
                self.stdout.write(f"Waits for a person: {task.question}")


class Progress:
    """One line per step, when it begins to work and when it ends."""

    def __init__(self, out: Any) -> None:
        self.out = out
        self.told: dict[str, str] = {}

    def look(self, run: Run) -> None:
        if self.out is None:
            return
        for step in StepRun.objects.filter(run=run).order_by("position").defer("output"):
            if self.told.get(step.path) != step.status and step.status != StepStatus.READY:
                self.told[step.path] = step.status
                self.out.write(f"  {_mark(step.status)} {_title(run, step)}  {_detail(step)}".rstrip())
                self.out.flush()


def _told(problem: ValidationError) -> str:
    fields = problem.message_dict if hasattr(problem, "error_dict") else {"": problem.messages}
    return "\n".join(": ".join(part for part in (name, " ".join(why)) if part) for name, why in fields.items())


def _mark(status: str) -> str:
    return {"succeeded": "✓", "failed": "✗", "waiting": "…", "parked": "!", "running": "·"}.get(status, "-")


def _title(run: Run, step: StepRun) -> str:
    place = tree_of(run.version_id).places.get(step.step_id)
    return (place.node.title or place.node.kind) if place else step.step_id


def _detail(step: StepRun) -> str:
    if step.error:
        return str(step.error.get("message", ""))
    return step.summary or StepStatus(step.status).label.lower()


def _find(name: str) -> Workflow:
    department, _, slug = name.partition("/")
    found = (
        Workflow.objects.select_related("department", "live")
        .filter(department__slug=department, slug=slug, archived_at=None)
        .first()
    )
    if found is None:
        known = Workflow.objects.filter(archived_at=None).values_list("department__slug", "slug")
        names = ", ".join(f"{a}/{b}" for a, b in known) or "none yet"
        raise BadInput(f"There is no workflow {name}. Known are: {names}.")
    return found


def _given(workflow: Workflow, options: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = dict(workflow.sample) if options["sample"] else {}
    for pair in options["input"]:
        name, value = _pair(pair)
        given[name] = _typed(workflow, name, value)
    for pair in options["file"]:
        name, path = _pair(pair)
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise BadInput(f"{name}: the file {path} cannot be read ({error.strerror}).") from None
        stored = store_file(workflow.department, name=Path(path).name, content=content, actor=SYSTEM)
        given[name] = reference(stored).model_dump()
    return given


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise BadInput(f"{text!r} is not NAME=VALUE.")
    return name, value


def _typed(workflow: Workflow, name: str, value: str) -> Any:
    """A list may be given as JSON or as lines; everything else the input's own type reads from text."""
    asked = tree_of(workflow.live_id).definition.inputs.get(name) if workflow.live_id else None
    if asked is not None and asked.type == "list" and value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as error:
            raise BadInput(f"{name}: not a JSON list ({error}).") from None
    return value


def _exit_code(run: Run) -> int:
    if run.status == RunStatus.SUCCEEDED:
        return SUCCEEDED
    return FAILED if RunStatus(run.status).is_over else WAITS_FOR_A_PERSON
