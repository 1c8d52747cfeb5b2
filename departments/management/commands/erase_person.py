"""`erase_person WHO --reason TEXT`: shows what there is, asks, and erases. Nothing brings it back."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from departments.access import SYSTEM
from departments.erasing import Outlook, erase_person, outlook
from departments.models import User


class Command(BaseCommand):
    help = "Erases a person who has left: name, address, ways in, and the words they wrote into the ledger."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", metavar="WHO", help="e-mail address or id")
        parser.add_argument("--reason", required=True, help="why, for the ledger")
        parser.add_argument("--yes", action="store_true", help="do not ask again")

    def handle(self, *, who: str, reason: str, yes: bool, **options: Any) -> None:
        person = _person(who)
        found = outlook(person)
        self.stdout.write("\n".join(_said(person, found)))
        if found.obstacles:
            raise CommandError(" ".join(found.obstacles))
        if not yes and input(f"Type {person.email} to erase this person for good: ").strip() != person.email:
            raise CommandError("Nobody was erased.")
        try:
            old = erase_person(person, reason=reason, actor=SYSTEM)
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from None
        self.stdout.write(f"Erased. {old} old entries of the ledger still hold the name: they cannot be changed.")


def _said(person: User, found: Outlook) -> list[str]:
    lines = [
        f"{person} <{person.email}>, {person.pk}",
        f"Words in the ledger that go: {found.words}.",
        f"Old entries of the ledger that hold the name, and cannot be changed: {found.old_entries}.",
    ]
    if found.namesakes:
        lines.append(f"{found.namesakes} others are called the same: rows that have the name alone keep it.")
    return lines


def _person(who: str) -> User:
    try:
        return User.objects.get(pk=UUID(who))
    except (ValueError, User.DoesNotExist):
        pass
    try:
        return User.objects.get_by_natural_key(who)
    except User.DoesNotExist:
        raise CommandError(f"Nobody here has the address or id “{who}”.") from None
