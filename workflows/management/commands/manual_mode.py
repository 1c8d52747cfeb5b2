"""`manual_mode on|off|list [DEPARTMENT]`: let people do what AI steps would do, or let the AI do it again."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from departments.access import SYSTEM
from departments.models import Department
from workflows.models import ManualMode, Workflow
from workflows.services.manual_mode import (
    STAY,
    THEN,
    HandedBack,
    modes_on,
    scope_of,
    switch_off,
    switch_on,
    waiting_tasks,
)
from workflows.services.refusals import Conflict


class Command(BaseCommand):
    help = "Switches manual mode on or off: while it is on, people do what AI steps would do. `list` says where it is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("do", choices=("on", "off", "list"))
        parser.add_argument("department", nargs="?", default="", help="short name of the department")
        parser.add_argument("--workflow", default="", metavar="SLUG", help="for one workflow only")
        parser.add_argument("--provider", default="", metavar="NAME", help="for one provider of models only")
        parser.add_argument("--reason", default="", help="why, for everybody to read")
        said = "when it is switched off: whether what waits and nobody has taken stays with the people or goes back"
        parser.add_argument("--tasks", choices=THEN, default=STAY, help=said)

    def handle(
        self, *, do: str, department: str, workflow: str, provider: str, reason: str, tasks: str, **options: Any
    ) -> None:
        if do == "list":
            self._list(department)
            return
        where = _department(department)
        what = _workflow(where, workflow) if workflow else None
        try:
            if do == "on":
                mode = switch_on(where, workflow=what, provider=provider, reason=reason, actor=SYSTEM)
                self.stdout.write(f"Manual mode is on for {scope_of(mode)}. People do what its AI steps would do.")
            else:
                mode = _present(where, what, provider)
                back = switch_off(mode, actor=SYSTEM, then=tasks)
                self.stdout.write(f"Manual mode is off for {scope_of(mode)}.{_handed_back(back)}{_waiting(mode)}")
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None
        except Conflict as conflict:
            raise CommandError(str(conflict)) from None

    def _list(self, department: str) -> None:
        rows = modes_on(SYSTEM)
        if department:
            rows = rows.filter(department=_department(department))
        for mode in rows:
            where, since = f"{mode.department.slug}: {scope_of(mode)}", f"{mode.on_at:%Y-%m-%d %H:%M} UTC"
            self.stdout.write(f"{where}, since {since}, by {mode.on_by}: {mode.reason}")
        if not rows:
            self.stdout.write("Manual mode is on nowhere.")


def _handed_back(back: HandedBack) -> str:
    return f" {back.done} tasks went back to the AI." if back.done else ""


def _waiting(mode: ManualMode) -> str:
    return f" {waiting_tasks(mode).count()} tasks still wait for a person."


def _department(slug: str) -> Department:
    found = Department.objects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(Department.objects.values_list("slug", flat=True)) or "none yet"
        raise CommandError(f"There is no department “{slug}”. There are: {known}.")
    return found


def _workflow(department: Department, slug: str) -> Workflow:
    found = Workflow.objects.filter(department=department, slug=slug, archived_at=None).first()
    if found is None:
        raise CommandError(f"{department} has no workflow “{slug}”.")
    return found


def _present(department: Department, workflow: Workflow | None, provider: str) -> ManualMode:
    rows = ManualMode.objects.filter(department=department, workflow=workflow, provider=provider, off_at=None)
    found = rows.select_related("department", "workflow").first()
    if found is None:
        raise CommandError("Manual mode is not on there. `manual_mode list` says where it is.")
    return found
