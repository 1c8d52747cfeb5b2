"""`deactivate_person ADDRESS --to ADDRESS`: they can no longer sign in, and a colleague has what they held."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from departments.access import SYSTEM
from departments.models import User
from workflows.services.deactivating import deactivate_and_hand_over, told


class Command(BaseCommand):
    help = "Deactivates a person and hands over what they held in each department. Their roles, groups and shares end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", help="e-mail address of who leaves")
        parser.add_argument("--to", required=True, metavar="ADDRESS", help="who takes over; elsewhere a manager does")

    def handle(self, *, address: str, to: str, **options: Any) -> None:
        person, heir = _person(address), _person(to)
        try:
            outcomes = deactivate_and_hand_over(person, to=heir, actor=SYSTEM)
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None
        self.stdout.write(f"{person} is deactivated.")
        for outcome in outcomes:
            self.stdout.write(told(outcome))


def _person(address: str) -> User:
    try:
        return User.objects.get(email=User.objects.normalize_email(address), is_active=True)
    except User.DoesNotExist:
        raise CommandError(f"Nobody with the address “{address}” may sign in here.") from None
