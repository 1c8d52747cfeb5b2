"""`create_token --department SLUG --role ROLE --name NAME [--only VERB …]`: prints a new API token, once."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from departments.access import SYSTEM, Verb
from departments.models import Department, Role
from departments.tokens import LONGEST, create_token


class Command(BaseCommand):
    help = "Makes an API token for another program and prints it. It is shown this once; only its hash is kept."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--department", required=True, metavar="SLUG", help="short name of the department")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--name", required=True, help="which program uses it")
        verbs = [verb.value for verb in Verb]
        parser.add_argument("--only", nargs="+", choices=verbs, default=[], help="of what the role may, this alone")
        parser.add_argument("--days", type=int, default=LONGEST.days, help="days until it expires (at most 365)")

    def handle(self, *, department: str, role: str, name: str, days: int, only: list[str], **options: Any) -> None:
        lifetime = timedelta(days=days)
        try:
            _, secret = create_token(
                _department(department), role=role, name=name, actor=SYSTEM, lifetime=lifetime, only=only
            )
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None
        self.stdout.write(secret)


def _department(slug: str) -> Department:
    try:
        return Department.objects.get(slug=slug)
    except Department.DoesNotExist:
        known = ", ".join(Department.objects.values_list("slug", flat=True)) or "none yet; run `seed` first"
        raise CommandError(f"There is no department “{slug}”. There are: {known}.") from None
